// life.c - a task's life: put, take, finish, and what each must never do.
#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

// ---- put ------------------------------------------------------------------------------

static void a_put_task_is_taken_whole(void)
{
    static const char payload[] = "a\0b\xff";
    static const char headers[] = "trace\0" "1-2\0" "who\0" "ann";     // with the last NUL
    gf_broker *b = store_open();
    gf_message m = message("q", "t1");
    m.payload = payload;
    m.payload_size = 4;
    m.headers = headers;
    m.headers_size = sizeof headers;
    m.timeout_ms = 1234;
    m.deadline_ms = 4102444800000;
    m.retention_ms = 77;
    m.max_retry = 3;
    CHECK_OK(put_message(b, &m, 0));

    gf_claim *c = need_one(b, "q", "t1");
    CHECK_STR(c->message.type, "email:welcome");
    CHECK_STR(c->message.queue, "q");
    CHECK_MEM(c->message.payload, c->message.payload_size, payload, (size_t)4);
    CHECK_MEM(c->message.headers, c->message.headers_size, headers, sizeof headers);
    CHECK_INT(c->message.timeout_ms, 1234);
    CHECK_INT(c->message.deadline_ms, 4102444800000);
    CHECK_INT(c->message.retention_ms, 77);
    CHECK_INT(c->message.max_retry, 3);
    CHECK_INT(c->message.retried, 0);
    CHECK_INT(c->message.crashes, 0);
    if (store_is_redis())                               // the server's clock, when it came in
        CHECK(c->message.enqueued_ms >= m.enqueued_ms && c->message.enqueued_ms <= gf_now_ms());
    else
        CHECK_INT(c->message.enqueued_ms, m.enqueued_ms);
    CHECK_STR(c->message.last_error, NULL);
    CHECK(c->lease_until_ms > gf_mono_ms() && c->lease_until_ms <= gf_mono_ms() + LEASE_MS);
    done(b, c);
    store_close(b);
}

static void an_empty_payload_is_a_payload(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t1");
    m.payload = NULL;
    m.payload_size = 0;
    CHECK_OK(put_message(b, &m, 0));
    CHECK_OK(put_message(b, &m, 0));
    gf_claim *c = need_one(b, "q", "t1");
    CHECK_INT(c->message.payload_size, 0);
    done(b, c);
    store_close(b);
}

static void payloads_of_all_sizes_come_back(void)
{
    static const size_t sizes[] = { 1, 1023, 1024, 1025, 4096, 70000, 3000000 };
    gf_broker *b = store_open();
    char *bytes = malloc(3000000);
    REQUIRE(bytes != NULL);
    for (size_t i = 0; i < 3000000; i++)
        bytes[i] = (char)(i * 31 >> 3);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        gf_message m = message("q", "big");
        m.payload = bytes;
        m.payload_size = sizes[i];
        m.retention_ms = i % 2 ? 0 : 60000;
        CHECK_OK(put_message(b, &m, 0));
        CHECK_OK(put_message(b, &m, 0));               // the same again
        CHECK_INT(task_number(b, "q", "big", "payload_size"), sizes[i]);
        gf_claim *c = need_one(b, "q", "big");
        CHECK_MEM(c->message.payload, c->message.payload_size, bytes, sizes[i]);
        CHECK_OK(finish(b, c, (gf_finish){ .outcome = GF_RETRY_AT, .at_ms = 1, .error = "x",
            .is_failure = true }));
        CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "big"));
        c = need_one(b, "q", "big");
        CHECK_MEM(c->message.payload, c->message.payload_size, bytes, sizes[i]);
        // A result as large as the payload.
        CHECK_OK(finish(b, c, (gf_finish){ .outcome = GF_DONE, .result = bytes,
            .result_size = sizes[i] }));
        gofer_info *task;
        if (m.retention_ms && CHECK_OK(b->ops->inspect->task(b, "q", "big", &task))) {
            size_t size = 0;
            const void *result = gofer_info_bytes(task, "result", &size);
            CHECK_MEM(result, size, bytes, sizes[i]);
            result = gofer_info_bytes(task, "payload", &size);
            CHECK_MEM(result, size, bytes, sizes[i]);
            gofer_info_free(task);
            CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "big"));
        }
        CHECK_STR(task_state(b, "q", "big"), "");
    }
    free(bytes);
    store_close(b);
}

static void the_same_task_again_adds_nothing(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t1");
    CHECK_OK(put_message(b, &m, 0));
    m.enqueued_ms += 5;                                 // a repeat has its own time
    CHECK_OK(put_message(b, &m, 0));
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    gf_claim *c = need_one(b, "q", "t1");
    CHECK_OK(put_message(b, &m, 0));                    // while it runs
    CHECK_OK(finish(b, c, (gf_finish){ .outcome = GF_RETRY_AT, .at_ms = gf_now_ms() + 60000,
        .error = "x" }));
    CHECK_OK(put_message(b, &m, 0));                    // while it waits for its retry
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r1 c0 x0");
    store_close(b);
}

static void another_task_with_the_id_is_refused(void)
{
    static const struct { const char *type, *payload; gofer_status want; } cases[] = {
        { "email:welcome", "{\"to\":1}", GOFER_OK },
        { "email:welcome", "{\"to\":2}", GOFER_EEXIST },
        { "email:goodbye", "{\"to\":1}", GOFER_EEXIST },
    };
    gf_broker *b = store_open();
    put(b, "q", "t1");
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_message m = message("q", "t1");
        m.type = cases[i].type;
        m.payload = cases[i].payload;
        CHECK_STATUS(put_message(b, &m, 0), cases[i].want);
    }
    gf_message big = message("q", "t1");
    char bytes[5000] = { 1 };
    big.payload = bytes;
    big.payload_size = sizeof bytes;
    CHECK_STATUS(put_message(b, &big, 0), GOFER_EEXIST);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    store_close(b);
}

static void an_id_is_free_in_another_queue_and_after_the_end(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t1");
    put(b, "other", "t1");
    done(b, need_one(b, "q", "t1"));
    gf_message m = message("q", "t1");
    m.payload = "{\"to\":9}";
    CHECK_OK(put_message(b, &m, 0));
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    CHECK_STR(queue_counts(b, "other"), "p1 a0 s0 r0 c0 x0");
    store_close(b);
}

static void each_item_of_a_batch_has_its_own_status(void)
{
    gf_broker *b = store_open();
    gf_message m[5] = { message("q", "a"), message("q", "b"), message("q", "a"), message("q", "a"),
        message("r", "a") };
    m[3].type = "other";
    gf_put items[5];
    for (size_t i = 0; i < 5; i++)
        items[i] = (gf_put){ .message = &m[i], .status = GOFER_EHANDLER };
    CHECK_OK(b->ops->tasks->put(b, items, 5));
    CHECK_INT(items[0].status, GOFER_OK);
    CHECK_INT(items[1].status, GOFER_OK);
    CHECK_INT(items[2].status, GOFER_OK);               // the same as the first
    CHECK_INT(items[3].status, GOFER_EEXIST);
    CHECK_INT(items[4].status, GOFER_OK);
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s0 r0 c0 x0");
    CHECK_STR(queue_counts(b, "r"), "p1 a0 s0 r0 c0 x0");
    CHECK_OK(b->ops->tasks->put(b, NULL, 0));
    store_close(b);
}

// Tasks that are alike may go in together; those between them that are not go by themselves.
static void a_batch_is_put_in_its_order_whatever_is_among_it(void)
{
    enum { TASKS = 24 };
    static char big[1025];
    gf_broker *b = store_open();
    gf_message m[TASKS];
    gf_put items[TASKS];
    char ids[TASKS][16], want[TASKS * 16] = "";
    for (int i = 0; i < TASKS; i++) {
        snprintf(ids[i], sizeof ids[i], "t%02d", (i * 7) % TASKS);
        m[i] = message("q", ids[i]);
        items[i] = (gf_put){ .message = &m[i] };
    }
    m[6].payload = big;
    m[6].payload_size = sizeof big;
    m[7].payload = NULL;
    m[7].payload_size = 0;
    m[12].headers = "key\0value";
    m[12].headers_size = sizeof "key\0value";
    m[13].retried = 2;
    m[13].last_error = "once";
    m[13].last_failed_ms = 1000;
    m[14].deadline_ms = gf_now_ms() + 3600000;
    m[14].retention_ms = 5000;
    m[18].queue = "other";
    items[19].run_at_ms = gf_now_ms() + 3600000;
    CHECK_OK(b->ops->tasks->put(b, items, TASKS));
    for (int i = 0; i < TASKS; i++) {
        CHECK_INT(items[i].status, GOFER_OK);
        if (i != 18 && i != 19)
            snprintf(want + strlen(want), sizeof want - strlen(want), "%s%s", *want ? " " : "",
                ids[i]);
    }
    CHECK_STR(queue_counts(b, "q"), "p22 a0 s1 r0 c0 x0");
    store_check_sound();

    gf_claim *claims[TASKS];
    char got[sizeof want] = "";
    size_t count = take(b, "q", TASKS, claims);
    for (size_t i = 0; i < count; i++) {
        size_t at = i < 18 ? i : i + 2;
        const gf_message *c = &claims[i]->message;
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "", c->id);
        CHECK_MEM(c->payload, c->payload_size, m[at].payload, m[at].payload_size);
        CHECK_MEM(c->headers, c->headers_size, m[at].headers, m[at].headers_size);
        CHECK_STR(c->type, m[at].type);
        CHECK_INT(c->retried, m[at].retried);
        CHECK_INT(c->max_retry, m[at].max_retry);
        CHECK_INT(c->timeout_ms, m[at].timeout_ms);
        CHECK_INT(c->retention_ms, m[at].retention_ms);
        CHECK((c->deadline_ms != 0) == (m[at].deadline_ms != 0));
        done(b, claims[i]);
    }
    CHECK_STR(got, want);
    store_close(b);
}

// Who lost the answer to a batch puts it once more, perhaps with others around it.
static void a_batch_that_is_there_in_part_adds_the_rest(void)
{
    enum { TASKS = 10 };
    gf_broker *b = store_open();
    gf_message m[TASKS];
    gf_put items[TASKS];
    char ids[TASKS][16];
    for (int i = 0; i < TASKS; i++) {
        snprintf(ids[i], sizeof ids[i], "t%d", i);
        m[i] = message("q", ids[i]);
        items[i] = (gf_put){ .message = &m[i] };
    }
    CHECK_OK(b->ops->tasks->put(b, items + 2, 5));
    m[4].type = "another";
    m[8].id = "t7";                                     // one that only this call has put
    m[9].id = "t7";
    m[9].type = "another";
    for (int turn = 0; turn < 2; turn++) {
        CHECK_OK(b->ops->tasks->put(b, items, TASKS));
        for (int i = 0; i < TASKS; i++)
            CHECK_INT(items[i].status, i == 4 || i == 9 ? GOFER_EEXIST : GOFER_OK);
        CHECK_STR(queue_counts(b, "q"), "p8 a0 s0 r0 c0 x0");
        store_check_sound();
    }
    drain_expecting(b, "q", "t2 t3 t4 t5 t6 t0 t1 t7");
    store_close(b);
}

// ---- take ---------------------------------------------------------------------------------

static void tasks_come_in_the_order_of_put(void)
{
    gf_broker *b = store_open();
    gf_message m[4] = { message("q", "z"), message("q", "y"), message("q", "a"),
        message("q", "b") };
    gf_put items[4];
    for (size_t i = 0; i < 4; i++)
        items[i] = (gf_put){ .message = &m[i] };
    CHECK_OK(b->ops->tasks->put(b, items, 2));
    CHECK_OK(b->ops->tasks->put(b, items + 2, 2));
    put(b, "q", "last");
    drain_expecting(b, "q", "z y a b last");
    store_close(b);
}

static void a_task_is_taken_once(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    put(b, "q", "b");
    gf_claim *claims[5];
    CHECK_INT(take(b, "q", 5, claims), 2);
    CHECK(take_one(b, "q") == NULL);
    CHECK(claims[0]->token != claims[1]->token);
    CHECK_STR(queue_counts(b, "q"), "p0 a2 s0 r0 c0 x0");
    done(b, claims[0]);
    done(b, claims[1]);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    store_close(b);
}

static void shares_come_first_and_then_the_rest(void)
{
    static const struct { size_t max, share[3]; const char *want; } cases[] = {
        // queues a (3 tasks), b (3 tasks), c (none)
        { 3, { 2, 1, 0 }, "a1 a2 b1" },
        { 4, { 1, 1, 1 }, "a1 b1 a2 a3" },
        { 5, { 0, 1, 5 }, "b1 a1 a2 a3 b2" },
        { 9, { 1, 1, 1 }, "a1 b1 a2 a3 b2 b3" },
        { 2, { 9, 9, 9 }, "a1 a2" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = store_open();
        const char *names[] = { "a1", "a2", "a3", "b1", "b2", "b3" };
        for (size_t j = 0; j < 6; j++)
            put(b, j < 3 ? "a" : "b", names[j]);
        gf_share queues[] = { { "a", cases[i].share[0] }, { "b", cases[i].share[1] },
            { "c", cases[i].share[2] } };
        gf_claim *claims[9];
        gf_take t = { .worker = "w",
            .queues = queues,
            .queue_count = 3,
            .max = cases[i].max,
            .lease_ms = LEASE_MS,
            .claims = claims };
        char got[64] = "";
        CHECK_OK(b->ops->tasks->exchange(b, NULL, 0, &t));
        for (size_t j = 0; j < t.count; j++) {
            snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "",
                claims[j]->message.id);
            done(b, claims[j]);
        }
        CHECK_STR(got, cases[i].want);
        store_close(b);
        store_remove();
    }
}

// Each queue's part of the call is a step of its own on Redis, and each step's claims are its own.
static void many_queues_are_taken_and_finished_in_one_call(void)
{
    enum { QUEUES = 33, EACH = 2, TASKS = QUEUES * EACH };
    gf_broker *b = store_open();
    char names[QUEUES][16], id[16];
    gf_share queues[QUEUES];
    gf_claim *claims[TASKS];
    gf_finish finishes[TASKS];
    for (int q = 0; q < QUEUES; q++) {
        snprintf(names[q], sizeof names[q], "q%d", q);
        queues[q] = (gf_share){ names[q], EACH };
        for (int i = 0; i < EACH; i++) {
            snprintf(id, sizeof id, "t%d", i);
            put(b, names[q], id);
        }
    }
    gf_take t = { .worker = "w", .queues = queues, .queue_count = QUEUES, .max = TASKS,
        .lease_ms = LEASE_MS, .claims = claims };
    REQUIRE_OK(b->ops->tasks->exchange(b, NULL, 0, &t));
    REQUIRE(t.count == TASKS);
    for (size_t i = 0; i < t.count; i++)         // every other one in a way that is not plain
        finishes[i] = (gf_finish){ .claim = claims[i],
            .outcome = i % 2 ? GF_DONE : GF_ARCHIVE, .error = i % 2 ? NULL : "e",
            .status = GOFER_EHANDLER };
    REQUIRE_OK(b->ops->tasks->exchange(b, finishes, t.count, NULL));
    for (size_t i = 0; i < t.count; i++) {
        CHECK_OK(finishes[i].status);
        gf_claim_free(claims[i]);
    }
    for (int q = 0; q < QUEUES; q++)
        CHECK_INT(queue_number(b, names[q], "active") + queue_number(b, names[q], "pending"), 0);
    store_close(b);
}

static void unknown_and_paused_queues_are_passed_over(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    CHECK_OK(b->ops->act->queue_pause(b, "q", true));
    CHECK(take_one(b, "q") == NULL);
    CHECK(take_one(b, "nowhere") == NULL);
    CHECK_INT(queue_number(b, "nowhere", "size"), -1);  // looking does not make it
    CHECK_OK(b->ops->act->queue_pause(b, "q", false));
    done(b, need_one(b, "q", "a"));
    store_close(b);
}

static void a_worker_must_be_registered_to_take(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    gf_share share = { "q", 1 };
    gf_claim *claim;
    gf_take t = { .worker = "stranger",
        .queues = &share,
        .queue_count = 1,
        .max = 1,
        .lease_ms = LEASE_MS,
        .claims = &claim };
    CHECK_STATUS(b->ops->tasks->exchange(b, NULL, 0, &t), GOFER_ESTATE);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    store_close(b);
}

// ---- finish ---------------------------------------------------------------------------------

static void outcomes_lead_to_states_and_counts(void)
{
    static const struct {
        gf_outcome_kind outcome;
        bool is_failure;
        int64_t retention_ms;
        const char *counts, *state;
        int processed, failed, retried;
    } cases[] = {
        { GF_DONE,     false, 0,     "p0 a0 s0 r0 c0 x0", "",          1, 0, -1 },
        { GF_DONE,     false, 60000, "p0 a0 s0 r0 c1 x0", "completed", 1, 0, 0 },
        { GF_RETRY_AT, true,  60000, "p0 a0 s0 r1 c0 x0", "retry",     1, 1, 1 },
        { GF_RETRY_AT, false, 0,     "p0 a0 s0 r1 c0 x0", "retry",     0, 0, 0 },
        { GF_ARCHIVE,  true,  60000, "p0 a0 s0 r0 c0 x1", "archived",  1, 1, 0 },
        { GF_ARCHIVE,  false, 0,     "p0 a0 s0 r0 c0 x1", "archived",  0, 0, 0 },
        { GF_REQUEUE,  false, 60000, "p1 a0 s0 r0 c0 x0", "pending",   0, 0, 0 },
        { GF_DROP,     false, 60000, "p0 a0 s0 r0 c0 x0", "",          1, 0, -1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = store_open();
        gf_message m = message("q", "t");
        m.retention_ms = cases[i].retention_ms;
        CHECK_OK(put_message(b, &m, 0));
        gf_claim *c = need_one(b, "q", "t");
        CHECK_OK(finish(b, c, (gf_finish){ .outcome = cases[i].outcome,
            .is_failure = cases[i].is_failure,
            .at_ms = gf_now_ms() + 60000, .error = "no route" }));
        CHECK_STR(queue_counts(b, "q"), cases[i].counts);
        CHECK_STR(task_state(b, "q", "t"), cases[i].state);
        CHECK_INT(queue_number(b, "q", "processed"), cases[i].processed);
        CHECK_INT(queue_number(b, "q", "failed"), cases[i].failed);
        CHECK_INT(queue_number(b, "q", "processed_total"), cases[i].processed);
        CHECK_INT(queue_number(b, "q", "failed_total"), cases[i].failed);
        CHECK_INT(task_number(b, "q", "t", "retried"), cases[i].retried);
        store_close(b);
        store_remove();
    }
}

static void a_failed_task_keeps_its_error_and_comes_again(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *c = need_one(b, "q", "t");
    int64_t before = gf_now_ms(), done_count = 0, next_ms = 0;
    size_t moved = 0;
    CHECK_OK(finish(b, c, (gf_finish){ .outcome = GF_RETRY_AT, .is_failure = true,
        .at_ms = before + 1, .error = "smtp 451" }));
    CHECK_STR(task_text(b, "q", "t", "last_error"), "smtp 451");
    CHECK(task_number(b, "q", "t", "last_failed_at_ms") >= store_down(before));
    CHECK_INT(task_number(b, "q", "t", "next_run_at_ms"), store_up(before + 1));
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; done_count == 0 && gf_mono_ms() < end;
         done_count += (int64_t)moved)
        CHECK_OK(b->ops->upkeep->forward(b, 10, &moved, &next_ms));
    c = need_one(b, "q", "t");
    CHECK_INT(c->message.retried, 1);
    CHECK_STR(c->message.last_error, "smtp 451");
    CHECK(c->message.last_failed_ms >= store_down(before));
    done(b, c);
    store_close(b);
}

static void a_requeued_task_is_back_at_the_head(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    put(b, "q", "b");
    put(b, "q", "c");
    gf_claim *claims[2];
    CHECK_INT(take(b, "q", 2, claims), 2);
    put(b, "q", "d");
    CHECK_OK(finish(b, claims[1], (gf_finish){ .outcome = GF_REQUEUE }));
    CHECK_OK(finish(b, claims[0], (gf_finish){ .outcome = GF_REQUEUE }));
    drain_expecting(b, "q", "a b c d");
    store_close(b);
}

static void a_lost_claim_changes_nothing(void)
{
    static const gf_outcome_kind outcomes[] = { GF_DONE, GF_RETRY_AT, GF_ARCHIVE, GF_REQUEUE,
        GF_DROP };
    char big[3000] = { 7 };
    for (size_t i = 0; i < COUNT(outcomes); i++) {
        gf_broker *b = store_open();
        gf_message m = message("q", "t");
        m.retention_ms = 60000;
        CHECK_OK(put_message(b, &m, 0));
        gf_claim *claims[1], *second;
        gf_recovered r = { 0 };
        CHECK_INT(take_for(b, "w", "q", 1, 1, claims), 1);
        lease_ends("q", "t");
        for (int64_t end = gf_mono_ms() + PATIENCE_MS; r.requeued == 0 && gf_mono_ms() < end;
             gf_sleep_us(1000))
            CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
        second = need_one(b, "q", "t");
        CHECK(second->token != claims[0]->token);
        CHECK_STATUS(finish(b, claims[0], (gf_finish){ .outcome = outcomes[i], .is_failure = true,
            .error = "late",
            .result = big, .result_size = sizeof big }), GOFER_ESTALE);
        CHECK_STR(queue_counts(b, "q"), "p0 a1 s0 r0 c0 x0");
        CHECK_STR(task_text(b, "q", "t", "last_error"), "");
        CHECK_INT(queue_number(b, "q", "processed"), 0);
        done(b, second);
        CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c1 x0");
        store_close(b);
        store_remove();
    }
}

static void a_claim_is_finished_once(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *c = need_one(b, "q", "t");
    gf_finish twice[2] = { { .claim = c, .outcome = GF_DONE }, { .claim = c, .outcome = GF_DONE } };
    CHECK_OK(b->ops->tasks->exchange(b, twice, 2, NULL));
    CHECK_INT(twice[0].status, GOFER_OK);
    CHECK_INT(twice[1].status, GOFER_ESTALE);
    CHECK_OK(b->ops->tasks->exchange(b, twice, 1, NULL));
    CHECK_INT(twice[0].status, GOFER_ESTALE);
    CHECK_INT(queue_number(b, "q", "processed"), 1);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    gf_claim_free(c);
    store_close(b);
}

enum { MANY = 24 };

// So many with ids of this form and these numbers, step by step, taken together.
static void take_many(gf_broker *b, const char *form, int first, int step, gf_claim *claims[MANY])
{
    for (int i = 0; i < MANY; i++) {
        char id[32];
        snprintf(id, sizeof id, form, first + i * step);
        put(b, "q", id);
    }
    CHECK_INT(take(b, "q", MANY, claims), MANY);
}

// All in one exchange; `stale` of them is not ours any more, -1: all are.
static void finish_many(gf_broker *b, gf_claim *claims[MANY], int stale)
{
    gf_finish done[MANY];
    for (int i = 0; i < MANY; i++)
        done[i] = (gf_finish){ .claim = claims[i], .outcome = GF_DONE };
    CHECK_OK(b->ops->tasks->exchange(b, done, MANY, NULL));
    for (int i = 0; i < MANY; i++) {
        CHECK_STATUS(done[i].status, i == stale ? GOFER_ESTALE : GOFER_OK);
        gf_claim_free(claims[i]);
    }
}

// Their rows go together where they stand together, which nobody shall see.
static void many_that_are_done_together_are_gone(void)
{
    static const struct { const char *form; int first, step; } ids[] = {
        { "id-%03d", 100, 1 }, { "id-%03d", 100, -1 }, { "%d", 98, 1 },
    };
    for (size_t i = 0; i < COUNT(ids); i++) {
        gf_broker *b = store_open();
        gf_claim *claims[MANY];
        take_many(b, ids[i].form, ids[i].first, ids[i].step, claims);
        finish_many(b, claims, -1);
        CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
        CHECK_INT(queue_number(b, "q", "processed"), MANY);
        take_many(b, ids[i].form, ids[i].first, ids[i].step, claims);  // their ids are free again
        finish_many(b, claims, -1);
        CHECK_INT(queue_number(b, "q", "processed"), 2 * MANY);
        store_close(b);
        store_remove();
    }
}

static void what_stands_between_many_that_are_done_stays(void)
{
    gf_broker *b = store_open();
    gf_message between = message("q", "id-110b"), after = message("q", "id-123b");
    gf_message other = message("other", "id-111");
    gf_claim *claims[MANY];
    CHECK_OK(put_message(b, &between, gf_broker_now_ms(b) + 3600000));
    CHECK_OK(put_message(b, &after, gf_broker_now_ms(b) + 3600000));
    CHECK_OK(put_message(b, &other, 0));
    take_many(b, "id-%03d", 100, 1, claims);
    finish_many(b, claims, -1);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s2 r0 c0 x0");
    CHECK_STR(task_text(b, "q", "id-110b", "state"), "scheduled");
    CHECK_STR(task_text(b, "q", "id-123b", "state"), "scheduled");
    CHECK_STR(task_text(b, "other", "id-111", "state"), "pending");
    take_many(b, "id-%03d", 100, 1, claims);
    finish_many(b, claims, -1);
    store_close(b);
}

static void of_many_that_are_done_a_stale_one_is_told(void)
{
    static const int stale[] = { 0, 1, MANY / 2, MANY - 1 };
    for (size_t i = 0; i < COUNT(stale); i++) {
        gf_broker *b = store_open();
        gf_claim *claims[MANY];
        take_many(b, "id-%03d", 100, 1, claims);
        gf_finish before = { .claim = claims[stale[i]], .outcome = GF_DONE };
        CHECK_OK(b->ops->tasks->exchange(b, &before, 1, NULL));
        finish_many(b, claims, stale[i]);
        CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
        CHECK_INT(queue_number(b, "q", "processed"), MANY);
        store_close(b);
        store_remove();
    }
}

// One that was put back and taken again is somebody else's: the row is there, the claim is not.
static void of_many_that_are_done_one_taken_again_stays(void)
{
    gf_broker *b = store_open();
    gf_claim *claims[MANY], *again;
    take_many(b, "id-%03d", 100, 1, claims);
    gf_finish back = { .claim = claims[5], .outcome = GF_REQUEUE };
    CHECK_OK(b->ops->tasks->exchange(b, &back, 1, NULL));
    again = need_one(b, "q", "id-105");
    finish_many(b, claims, 5);
    CHECK_STR(queue_counts(b, "q"), "p0 a1 s0 r0 c0 x0");
    CHECK_STR(task_text(b, "q", "id-105", "state"), "active");
    done(b, again);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    store_close(b);
}

static void one_exchange_finishes_and_takes(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    put(b, "q", "b");
    gf_claim *first = need_one(b, "q", "a"), *next[4];
    gf_share share = { "q", 4 };
    gf_finish f = { .claim = first, .outcome = GF_REQUEUE };
    gf_take t = { .worker = "w",
        .queues = &share,
        .queue_count = 1,
        .max = 4,
        .lease_ms = LEASE_MS,
        .claims = next };
    CHECK_OK(b->ops->tasks->exchange(b, &f, 1, &t));
    CHECK_INT(f.status, GOFER_OK);
    REQUIRE(t.count == 2);                              // the requeued one, at once
    CHECK_STR(next[0]->message.id, "a");
    CHECK(next[0]->token != first->token);
    gf_claim_free(first);
    done(b, next[0]);
    done(b, next[1]);
    store_close(b);
}

static void a_completed_task_keeps_its_result(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t");
    m.retention_ms = 3600000;
    CHECK_OK(put_message(b, &m, 0));
    int64_t before = gf_now_ms();
    CHECK_OK(finish(b, need_one(b, "q", "t"), (gf_finish){ .outcome = GF_DONE, .result = "a\0b",
        .result_size = 3 }));
    gofer_info *task;
    REQUIRE_OK(b->ops->inspect->task(b, "q", "t", &task));
    size_t size = 0;
    const void *result = gofer_info_bytes(task, "result", &size);
    CHECK_MEM(result, size, "a\0b", (size_t)3);
    int64_t completed = gofer_info_int(task, "completed_at_ms", 0);
    CHECK(completed >= store_down(before) && completed <= gf_now_ms());
    int64_t kept = gofer_info_int(task, "expires_at_ms", 0) - completed;
    CHECK(kept >= 3600000 && kept < 3600000 + store_granularity_ms());
    gofer_info_free(task);
    store_close(b);
}

// ---- memory ---------------------------------------------------------------------------------

// What a client and a worker do in their lives. Any step may find no memory; none may do harm.
static void live_with_little_memory(gf_broker *b)
{
    gf_message m = message("q", "t");
    m.retention_ms = 60000;
    gf_share share = { "q", 1 };
    gf_claim *claim = NULL;
    gf_take t = { .worker = "w",
        .queues = &share,
        .queue_count = 1,
        .max = 1,
        .lease_ms = LEASE_MS,
        .claims = &claim };
    gofer_info *info;
    gf_waiter *w;
    size_t n;
    int64_t next;
    gf_recovered r = { 0 };

    bool there = done_or_no_memory(put_message(b, &m, 0));
    if (done_or_no_memory(b->ops->tasks->waiter_open(b, &share.queue, 1, &w)))
        b->ops->tasks->waiter_close(w);
    if (done_or_no_memory(b->ops->tasks->exchange(b, NULL, 0, &t)) && t.count == 1) {
        gf_finish f = { .claim = claim, .outcome = GF_DONE, .result = "r", .result_size = 1 };
        if (done_or_no_memory(b->ops->tasks->exchange(b, &f, 1, NULL)))
            done_or_no_memory(f.status);
        gf_claim_free(claim);
    }
    done_or_no_memory(b->ops->upkeep->forward(b, 5, &n, &next));
    done_or_no_memory(b->ops->upkeep->recover(b, 5, 3, &r));
    done_or_no_memory(b->ops->upkeep->purge(b, 5, &n));
    if (done_or_no_memory(b->ops->inspect->queues(b, NULL, &info)))
        gofer_info_free(info);
    if (there && done_or_no_memory(b->ops->inspect->task(b, "q", "t", &info)))
        gofer_info_free(info);
    if (there && done_or_no_memory(b->ops->inspect->tasks(b, "q", GF_COMPLETED, NULL, 5, &info)))
        gofer_info_free(info);
    if (there && done_or_no_memory(b->ops->inspect->history(b, "q", 5, &info)))
        gofer_info_free(info);
    if (done_or_no_memory(b->ops->inspect->workers(b, NULL, &info)))
        gofer_info_free(info);
    if (there)
        done_or_no_memory(b->ops->act->tasks_move(b, "q", GF_COMPLETED, GF_STATE_COUNT, 5, &n));
}

static void no_memory_at_any_moment_does_no_harm(void)
{
    ONE_THREAD();
    bool came = true;
    int n = 0;
    while (came && n < 1000) {
        gf_broker *b = store_open();
        memory_fail_at(++n);
        live_with_little_memory(b);
        came = memory_failed();
        memory_fail_at(0);
        put(b, "q", "after");
        CHECK(queue_number(b, "q", "active") >= 0);
        store_close(b);
        store_remove();
    }
    CHECK(n > 20);
    came = true;
    store_close(store_open());                          // for the place
    for (n = 0; came && n < 100;) {
        gf_broker *b = NULL;
        memory_fail_at(++n);
        gofer_status st = store_try(store_url(), &b);
        came = memory_failed();
        memory_fail_at(0);
        if (done_or_no_memory(st))
            gf_broker_close(b);
    }
    CHECK(n > 3);
}

// Nothing is left out because somebody takes it for not built.
static void every_member_of_the_door_is_there(void)
{
    store_check_members();
}

static const check_test tests[] = {
    TEST(every_member_of_the_door_is_there),
    TEST(a_put_task_is_taken_whole),
    TEST(an_empty_payload_is_a_payload),
    TEST(payloads_of_all_sizes_come_back),
    TEST(the_same_task_again_adds_nothing),
    TEST(another_task_with_the_id_is_refused),
    TEST(an_id_is_free_in_another_queue_and_after_the_end),
    TEST(each_item_of_a_batch_has_its_own_status),
    TEST(a_batch_is_put_in_its_order_whatever_is_among_it),
    TEST(a_batch_that_is_there_in_part_adds_the_rest),
    TEST(tasks_come_in_the_order_of_put),
    TEST(a_task_is_taken_once),
    TEST(shares_come_first_and_then_the_rest),
    TEST(many_queues_are_taken_and_finished_in_one_call),
    TEST(unknown_and_paused_queues_are_passed_over),
    TEST(a_worker_must_be_registered_to_take),
    TEST(outcomes_lead_to_states_and_counts),
    TEST(a_failed_task_keeps_its_error_and_comes_again),
    TEST(a_requeued_task_is_back_at_the_head),
    TEST(a_lost_claim_changes_nothing),
    TEST(a_claim_is_finished_once),
    TEST(many_that_are_done_together_are_gone),
    TEST(what_stands_between_many_that_are_done_stays),
    TEST(of_many_that_are_done_a_stale_one_is_told),
    TEST(of_many_that_are_done_one_taken_again_stays),
    TEST(one_exchange_finishes_and_takes),
    TEST(a_completed_task_keeps_its_result),
    TEST(no_memory_at_any_moment_does_no_harm),
};

suite suite_life(void)
{
    return (suite){ tests, COUNT(tests) };
}
