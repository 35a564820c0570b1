// extra.c - what attempts leave beside a task: history, log, checkpoint, headers; and who is
// told when workers crash.
#include <pthread.h>

#include "fixture.h"
#include "message/options.h"
#include "suites.h"
#include "util/clock.h"
#include "util/thread.h"

enum { HOUR_MS = 3600000 };

static const gf_finish retry_now = { .outcome = GF_RETRY_AT, .is_failure = true, .at_ms = 1,
    .error = "e" };

// Back to pending, however it got there.
static void due(gf_broker *b)
{
    size_t moved;
    int64_t next_ms;
    CHECK_OK(b->ops->upkeep->forward(b, 100, &moved, &next_ms));
}

static const char *checkpoint_of(gf_broker *b, const gf_claim *claim)
{
    static char text[64];
    void *bytes = NULL;
    size_t size = 0;
    if (!CHECK_OK(b->ops->tasks->checkpoint(b, claim, &bytes, &size)))
        return "failed";
    snprintf(text, sizeof text, "%.*s", (int)size, bytes ? (char *)bytes : "none");
    if (!bytes)
        snprintf(text, sizeof text, "none");
    gofer_free(bytes);
    return text;
}

static void attempts_and_log_are_kept_in_order(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t");
    m.retention_ms = HOUR_MS;
    CHECK_OK(put_message(b, &m, 0));
    CHECK_STR(task_attempts(b, "q", "t"), "");
    gf_finish f = retry_now;
    f.attempt = attempt("failed", 1);
    f.log = "at_ms:1\tlevel=info\ttext=one\nat_ms:2\tlevel=warn\ttext=two\n";
    CHECK_OK(finish(b, need_one(b, "q", "t"), f));
    CHECK_STR(task_attempts(b, "q", "t"), "failed");
    CHECK_STR(task_log(b, "q", "t"), "one two");
    due(b);
    CHECK_OK(finish(b, need_one(b, "q", "t"), (gf_finish){ .outcome = GF_REQUEUE,
        .attempt = attempt("interrupted", 2) }));
    CHECK_OK(finish(b, need_one(b, "q", "t"),
        (gf_finish){ .outcome = GF_DONE, .attempt = attempt("done", 2),
        .log = "at_ms:3\tlevel=info\ttext=three\n" }));
    CHECK_STR(task_attempts(b, "q", "t"), "failed interrupted done");
    CHECK_STR(task_log(b, "q", "t"), "one two three");
    gofer_info *info;
    if (CHECK_OK(b->ops->inspect->task(b, "q", "t", &info))) {
        const gofer_info *first = gofer_info_at(gofer_info_child(info, "attempts"), 0);
        CHECK_INT(gofer_info_int(first, "attempt", 0), 1);
        CHECK_INT(gofer_info_int(first, "duration_ms", 0), 5);
        CHECK_STR(gofer_info_text(first, "worker"), "w");
        CHECK_STR(gofer_info_text(gofer_info_at(gofer_info_child(info, "log"), 1), "level"),
            "warn");
        gofer_info_free(info);
    }
    if (CHECK_OK(b->ops->inspect->tasks(b, "q", GF_COMPLETED, NULL, 5, &info))) {
        // of the one task alone
        CHECK_INT(gofer_info_has(gofer_info_at(info, 0), "attempts"), 0);
        gofer_info_free(info);
    }
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "t"));
    put(b, "q", "t");
    CHECK_STR(task_attempts(b, "q", "t"), "");
    store_close(b);
    store_check_sound();
}

static void history_and_log_are_bounded_at_a_line(void)
{
    gf_broker *b = store_open();
    static char line[1000], lines[200 * 1000];
    put(b, "q", "t");
    gf_claim *claim = need_one(b, "q", "t");
    memset(line, 'x', sizeof line - 1);
    for (int i = 0; i < 199; i++)
        snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "at_ms:%d\ttext=%.970s\n",
            i + 1000, line);
    gf_progress p = { .claim = claim, .done = -1, .log = lines };
    CHECK_OK(b->ops->tasks->progress(b, &p, 1));
    gofer_info *info;
    if (CHECK_OK(b->ops->inspect->task(b, "q", "t", &info))) {
        const gofer_info *log = gofer_info_child(info, "log");
        size_t count = gofer_info_count(log);
        CHECK(count > 60 && count <= GF_TASK_LOG_BYTES / 970);
        for (size_t i = 0; i < count; i++)               // the latest, all of them whole
            CHECK_INT(gofer_info_int(gofer_info_at(log, i), "at_ms", 0),
                1199 - (int64_t)(count - i));
        gofer_info_free(info);
    }
    done(b, claim);
    store_close(b);
    store_check_sound();
}

static void a_checkpoint_is_there_for_the_next_start(void)
{
    static char big[GF_CHECKPOINT_MAX];
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *claim = need_one(b, "q", "t");
    CHECK_STR(checkpoint_of(b, claim), "none");
    gf_finish f = retry_now;
    f.checkpoint = "half";
    f.checkpoint_size = 4;
    CHECK_OK(finish(b, claim, f));
    CHECK_INT(task_number(b, "q", "t", "checkpoint_size"), 4);
    due(b);
    claim = need_one(b, "q", "t");
    CHECK_STR(checkpoint_of(b, claim), "half");
    CHECK_OK(finish(b, claim, retry_now));               // as it is
    due(b);
    claim = need_one(b, "q", "t");
    CHECK_STR(checkpoint_of(b, claim), "half");
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_REQUEUE, .checkpoint = "more",
        .checkpoint_size = 4 }));
    claim = need_one(b, "q", "t");
    CHECK_STR(checkpoint_of(b, claim), "more");
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_REQUEUE, .checkpoint = "",
        .checkpoint_size = 0 }));
    claim = need_one(b, "q", "t");
    CHECK_STR(checkpoint_of(b, claim), "none");
    CHECK_INT(task_number(b, "q", "t", "checkpoint_size"), -2);

    memset(big, 'c', sizeof big);
    gf_progress p = { .claim = claim,
        .done = -1,
        .checkpoint = big,
        .checkpoint_size = sizeof big };
    CHECK_OK(b->ops->tasks->progress(b, &p, 1));
    CHECK_INT(task_number(b, "q", "t", "checkpoint_size"), sizeof big);
    void *bytes;
    size_t size;
    if (CHECK_OK(b->ops->tasks->checkpoint(b, claim, &bytes, &size))) {
        CHECK_MEM(bytes, size, big, sizeof big);
        gofer_free(bytes);
    }
    done(b, claim);
    store_close(b);
    store_check_sound();
}

static void what_a_run_tells_survives_its_crash(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *claim = NULL;
    REQUIRE(take_for(b, "w", "q", 1, 1, &claim) == 1);
    gf_progress p = { .claim = claim,
        .done = 3,
        .total = 4,
        .text = "three",
        .log = "at_ms:1\tlevel=info\ttext=said\n",
        .checkpoint = "saved",
        .checkpoint_size = 5 };
    CHECK_OK(b->ops->tasks->progress(b, &p, 1));
    p = (gf_progress){ .claim = claim, .done = -1, .log = "at_ms:2\tlevel=info\ttext=more\n" };
    CHECK_OK(b->ops->tasks->progress(b, &p, 1));
    CHECK_INT(task_number(b, "q", "t", "progress_done"), 3);
    CHECK_STR(task_log(b, "q", "t"), "said more");
    lease_ends("q", "t");
    gf_recovered r = { 0 };
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; r.requeued == 0 && gf_mono_ms() < end;
         gf_sleep_us(500))
        CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_STR(task_attempts(b, "q", "t"), "crashed");
    CHECK_STR(task_log(b, "q", "t"), "said more");
    // The lost claim changes nothing any more.
    p = (gf_progress){ .claim = claim,
        .done = -1,
        .checkpoint = "late",
        .checkpoint_size = 4,
        .log = "at_ms:3\ttext=late\n" };
    CHECK_OK(b->ops->tasks->progress(b, &p, 1));
    void *bytes;
    size_t size;
    CHECK_STATUS(b->ops->tasks->checkpoint(b, claim, &bytes, &size), GOFER_ESTALE);
    CHECK_STATUS(finish(b, claim, (gf_finish){ .outcome = GF_DONE, .attempt = attempt("done", 1) }),
        GOFER_ESTALE);
    claim = need_one(b, "q", "t");
    CHECK_STR(checkpoint_of(b, claim), "saved");
    CHECK_STR(task_log(b, "q", "t"), "said more");
    done(b, claim);
    store_close(b);
    store_check_sound();
}

// What remains of a task that had all of it when nothing of it is kept: nothing
// (file_check_sound looks).
static void what_is_beside_a_task_goes_with_it(void)
{
    gf_broker *b = store_open();
    static const gf_finish ends[] = { { .outcome = GF_DONE }, { .outcome = GF_DROP },
        { .outcome = GF_DROP, .expired = true } };
    for (size_t i = 0; i < COUNT(ends); i++) {
        put(b, "q", "t");
        gf_claim *claim = need_one(b, "q", "t");
        gf_progress p = { .claim = claim,
            .done = -1,
            .checkpoint = "c",
            .checkpoint_size = 1,
            .log = "at_ms:1\ttext=l\n" };
        CHECK_OK(b->ops->tasks->progress(b, &p, 1));
        gf_finish f = ends[i];
        f.attempt = attempt("done", 1);
        CHECK_OK(finish(b, claim, f));
        CHECK_STR(task_state(b, "q", "t"), "");
    }
    put(b, "q", "t");
    CHECK_STR(task_attempts(b, "q", "t"), "");
    gf_claim *claim = need_one(b, "q", "t");
    CHECK_STR(checkpoint_of(b, claim), "none");
    done(b, claim);
    store_close(b);
    store_check_sound();
}

static void headers_can_be_replaced_with_the_outcome(void)
{
    static const char before[] = "k\0v", after[] = "k\0v\0" GF_HEADER_SNOOZES "\0001";
    gf_broker *b = store_open();
    gf_message m = message("q", "t");
    m.headers = before;
    m.headers_size = sizeof before;
    CHECK_OK(put_message(b, &m, 0));
    gf_finish f = { .outcome = GF_RETRY_AT, .at_ms = 1, .headers = after,
        .headers_size = sizeof after };
    CHECK_OK(finish(b, need_one(b, "q", "t"), f));
    CHECK_INT(task_number(b, "q", "t", "snoozes"), 1);
    due(b);
    gf_claim *claim = need_one(b, "q", "t");
    gf_task_options o;
    CHECK(gf_task_options_read(&claim->message, &o));
    CHECK_INT(o.snoozes, 1);
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_REQUEUE, .headers = before,
        .headers_size = sizeof before }));
    claim = need_one(b, "q", "t");
    CHECK(!gf_task_options_read(&claim->message, &o));
    const char *key, *value;
    size_t at = 0;
    REQUIRE(
        gf_headers_next(claim->message.headers, claim->message.headers_size, &at, &key, &value));
    CHECK_STR(value, "v");
    done(b, claim);
    store_close(b);
    store_check_sound();
}

// ---- crashes ---------------------------------------------------------------------------------

typedef struct told {
    int  count;
    char id[64], header[64];
    bool whole;
} told;

static void note_archived(void *arg, const gf_message *m)
{
    told *t = arg;
    gf_task_options o;
    t->count++;
    snprintf(t->id, sizeof t->id, "%s/%s", m->queue, m->id);
    gf_task_options_read(m, &o);
    snprintf(t->header, sizeof t->header, "%s", o.on_dead ? o.on_dead : "");
    t->whole = m->payload_size == 8 && memcmp(m->payload, "{\"to\":1}", 8) == 0 &&
        strcmp(m->type, "email:welcome") == 0;
}

static void a_crash_too_many_is_told(void)
{
    static const char headers[] = GF_HEADER_ON_DEAD "\0cleanup";
    gf_broker *b = store_open();
    told t = { 0 };
    gf_recovered r = { .archived_one = note_archived, .arg = &t };
    gf_message m = message("q", "t");
    m.headers = headers;
    m.headers_size = sizeof headers;
    CHECK_OK(put_message(b, &m, 0));
    crash(b, "q", "t", 1, &r);
    CHECK_INT(t.count, 0);
    crash(b, "q", "t", 1, &r);
    CHECK_STR(task_state(b, "q", "t"), "archived");
    CHECK_INT(t.count, 1);
    CHECK_STR(t.id, "q/t");
    CHECK_STR(t.header, "cleanup");
    CHECK(t.whole);
    CHECK_STR(task_attempts(b, "q", "t"), "crashed crashed");
    CHECK_OK(b->ops->upkeep->recover(b, 10, 1, &r));
    CHECK_INT(t.count, 1);
    store_close(b);
    store_check_sound();
}

static void who_was_asked_to_stop_and_crashed_is_cancelled(void)
{
    gf_broker *b = store_open();
    told t = { 0 };
    gf_recovered r = { .archived_one = note_archived, .arg = &t };
    gf_claim *claim = NULL;
    put(b, "q", "t");
    REQUIRE(take_for(b, "w", "q", 1, 1, &claim) == 1);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "t"));
    CHECK_INT(task_number(b, "q", "t", "cancel_requested"), 1);
    gf_claim_free(claim);
    lease_ends("q", "t");
    for (int64_t end = gf_mono_ms() + PATIENCE_MS;
         strcmp(task_state(b, "q", "t"), "active") == 0 && gf_mono_ms() < end; gf_sleep_us(500))
        CHECK_OK(b->ops->upkeep->recover(b, 10, 9, &r));
    CHECK_STR(task_state(b, "q", "t"), "archived");
    CHECK_STR(task_attempts(b, "q", "t"), "cancelled");
    CHECK_INT(queue_number(b, "q", "processed"), 1);
    CHECK_INT(queue_number(b, "q", "failed"), 0);
    store_close(b);
    store_check_sound();
}

static void a_cancelled_run_is_set_aside(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    CHECK_OK(finish(b, need_one(b, "q", "t"), (gf_finish){ .outcome = GF_CANCELLED,
        .error = "asked", .attempt = attempt("cancelled", 1) }));
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x1");
    CHECK_STR(task_text(b, "q", "t", "last_error"), "asked");
    CHECK_INT(task_number(b, "q", "t", "retried"), 0);
    CHECK_INT(queue_number(b, "q", "processed"), 1);
    CHECK_INT(queue_number(b, "q", "failed"), 0);
    store_close(b);
    store_check_sound();
}

static void what_waits_is_cancelled_at_once(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "scheduled");
    CHECK_OK(put_message(b, &m, gf_now_ms() + HOUR_MS));
    put(b, "q", "retry");
    CHECK_OK(finish(b, need_one(b, "q", "retry"), (gf_finish){ .outcome = GF_RETRY_AT,
        .is_failure = true, .at_ms = gf_now_ms() + HOUR_MS,
        .error = "e", .attempt = attempt("failed", 1) }));
    put(b, "q", "pending");
    static const char *const ids[] = { "scheduled", "retry", "pending" };
    for (size_t i = 0; i < COUNT(ids); i++) {
        CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, ids[i]));
        CHECK_STR(task_state(b, "q", ids[i]), "archived");
        CHECK_STR(task_attempts(b, "q", ids[i]), i == 1 ? "failed cancelled" : "cancelled");
        CHECK_STATUS(gf_act_one(b, "q", GF_ACT_CANCEL, ids[i]), GOFER_ESTATE);
    }
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x3");
    CHECK_INT(queue_number(b, "q", "processed"), 1 * 1);           // the failed attempt alone
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "pending"));
    done(b, need_one(b, "q", "pending"));
    store_close(b);
    store_check_sound();
}

static void all_of_it_travels_from_store_to_store(void)
{
    static const char *const ids[] = { "t" };
    gf_broker *b = store_open();
    gf_item item;
    memset(&item, 0, sizeof item);
    put(b, "q", "t");
    gf_finish f = retry_now;
    f.at_ms = gf_now_ms() + HOUR_MS;
    f.attempt = attempt("failed", 1);
    f.log = "at_ms:1\tlevel=info\ttext=said\n";
    f.checkpoint = "saved";
    f.checkpoint_size = 5;
    CHECK_OK(finish(b, need_one(b, "q", "t"), f));
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", ids, 1, &item));
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", &item, 1));
    CHECK_STATUS(item.status, GOFER_OK);
    REQUIRE_OK(b->ops->transfer->drop_items(b, "q", &item, 1));
    CHECK_STR(task_attempts(b, "r", "t"), "failed");
    CHECK_STR(task_log(b, "r", "t"), "said");
    CHECK_OK(gf_act_one(b, "r", GF_ACT_RUN, "t"));
    gf_claim *claim = need_one(b, "r", "t");
    CHECK_STR(checkpoint_of(b, claim), "saved");
    done(b, claim);
    gf_item_clear(&item);
    store_close(b);
    store_check_sound();
}

// ---- little memory ------------------------------------------------------------------------------

static void nothing(void *arg, const gf_message *m)
{
    (void)arg, (void)m;
}

static void run_with_little_memory(gf_broker *b)
{
    gf_share share = { "q", 1 };
    gf_claim *claim = NULL;
    gf_take t = { .worker = "w",
        .queues = &share,
        .queue_count = 1,
        .max = 1,
        .lease_ms = LEASE_MS,
        .claims = &claim };
    gofer_info *info;
    if (!done_or_no_memory(b->ops->tasks->exchange(b, NULL, 0, &t)) || t.count == 0)
        return;
    void *bytes;
    size_t size;
    gf_progress p = { .claim = claim,
        .done = -1,
        .log = "at_ms:1\ttext=l\n",
        .checkpoint = "c",
        .checkpoint_size = 1 };
    gf_finish f = { .claim = claim, .outcome = GF_ARCHIVE, .error = "e",
        .attempt = attempt("failed", 1), .log = "at_ms:1\ttext=l\n" };
    done_or_no_memory(b->ops->tasks->progress(b, &p, 1));
    if (done_or_no_memory(b->ops->tasks->checkpoint(b, claim, &bytes, &size)))
        gofer_free(bytes);
    if (done_or_no_memory(b->ops->tasks->exchange(b, &f, 1, NULL)) && done_or_no_memory(f.status)) {
        if (done_or_no_memory(b->ops->inspect->task(b, "q", "t", &info)))
            gofer_info_free(info);
        if (done_or_no_memory(gf_wait_end(b, "q", "t", 0, &info)))
            gofer_info_free(info);
    }
    gf_claim_free(claim);
}

static void combine_with_little_memory(gf_broker *b)
{
    gf_message made = message("q", "made");
    gf_group_rule rule = { .grace_ms = HOUR_MS, .max_size = 1 };
    gf_group_set *set = NULL;
    gofer_info *info;
    gofer_status st = b->ops->groups->take(b, "w", "q", &rule, &set);
    if (st == GOFER_EEMPTY || !done_or_no_memory(st))
        return;
    if (done_or_no_memory(b->ops->groups->put(b, set, &made, 0)))
        done_or_no_memory(gf_act_one(b, "q", GF_ACT_CANCEL, "made"));
    if (done_or_no_memory(b->ops->inspect->groups(b, "q", NULL, &info)))
        gofer_info_free(info);
    gf_group_set_free(set);
}

static void live_with_little_memory(gf_broker *b)
{
    gf_message m = message("q", "t"), g = message("q", "g");
    gf_put items[2] = { { .message = &m, .unique_ms = HOUR_MS, .unique_key = "k" },
        { .message = &g, .group = "g", .unique_ms = HOUR_MS } };
    gf_recovered r = { .archived_one = nothing };
    gf_item item;
    memset(&item, 0, sizeof item);
    if (!done_or_no_memory(b->ops->tasks->put(b, items, 2)))
        return;
    run_with_little_memory(b);
    combine_with_little_memory(b);
    done_or_no_memory(b->ops->upkeep->recover(b, 10, 0, &r));
    if (done_or_no_memory(
            b->ops->transfer->export_items(b, "q", (const char *const[]){ "t" }, 1, &item)) &&
        item.status == GOFER_OK)
        done_or_no_memory(b->ops->transfer->import_items(b, "r", &item, 1));
    gf_item_clear(&item);
}

static void no_memory_at_any_moment_does_no_harm_to_them(void)
{
    ONE_THREAD();
    if (store_is_redis())
        OMIT("its own way through is walked in its own tests");
    bool came = true;
    int n = 0;
    while (came && n < 1000) {
        gf_broker *b = store_open();
        memory_fail_at(++n);
        live_with_little_memory(b);
        came = memory_failed();
        memory_fail_at(0);
        put(b, "q", "after");
        store_close(b);
        store_check_sound();
        store_remove();
    }
    CHECK(n > 40);
}

// ---- many hands ---------------------------------------------------------------------------------

enum { HANDS = 4, ROUNDS = 60 };

typedef struct hand {
    gf_broker *broker;
    pthread_t  thread;
    uint32_t   chance;             // of its own, the same in each run
} hand;

static uint32_t any(hand *h, uint32_t below)
{
    h->chance = h->chance * 1664525 + 1013904223;
    return (h->chance >> 16) % below;
}

static void *put_anything(void *arg)
{
    hand *h = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char id[32], key[16];
        snprintf(id, sizeof id, "p%u", any(h, 200));
        snprintf(key, sizeof key, "k%u", any(h, 20));
        gf_message m = message("q", id);
        m.retention_ms = any(h, 3) ? 0 : HOUR_MS;
        gf_put item = { .message = &m,
            .unique_ms = any(h, 2) ? HOUR_MS : 0,
            .unique_key = key,
            .group = any(h, 3) ? NULL
                : any(h, 2)    ? "g"
                               : "h",
            .run_at_ms = any(h, 6) ? 0 : gf_now_ms() + HOUR_MS };
        gofer_status st = put_as(h->broker, item);
        // the payload of that id was edited
        CHECK(st == GOFER_OK || st == GOFER_EDUPLICATE || st == GOFER_EEXIST);
    }
    return NULL;
}

static void end_anyhow(hand *h, gf_claim *claim)
{
    static const gf_outcome_kind outcomes[] = { GF_DONE, GF_DONE, GF_RETRY_AT, GF_ARCHIVE,
        GF_REQUEUE, GF_DROP, GF_CANCELLED };
    char saved[64];
    memset(saved, 's', sizeof saved);
    gf_finish f = { .outcome = outcomes[any(h, COUNT(outcomes))],
        .is_failure = any(h, 2),
        .at_ms = 1,
        .error = "e",
        .result = "r",
        .result_size = 1,
        .attempt = any(h, 2) ? "at_ms:1\tattempt:1\tkind=failed" : NULL,
        .log = any(h, 2) ? "at_ms:1\ttext=l\n" : NULL,
        .checkpoint = any(h, 2) ? saved : NULL,
        .checkpoint_size = any(h, 2) ? sizeof saved : 0 };
    if (any(h, 3) == 0) {
        gf_progress p = { .claim = claim,
            .done = (int64_t)any(h, 3) - 1,
            .log = "at_ms:2\ttext=m\n",
            .checkpoint = any(h, 2) ? saved : NULL,
            .checkpoint_size = sizeof saved };
        CHECK_OK(h->broker->ops->tasks->progress(h->broker, &p, 1));
    }
    if (any(h, 3) == 0)
        CHECK_OK(gf_act_one(h->broker, "q", GF_ACT_CANCEL, claim->message.id));
    f.claim = claim;
    CHECK_OK(h->broker->ops->tasks->exchange(h->broker, &f, 1, NULL));
    if (f.status == GOFER_ESTATE) {            // to run again, although its end was asked for
        f.outcome = GF_CANCELLED;
        CHECK_OK(h->broker->ops->tasks->exchange(h->broker, &f, 1, NULL));
    }
    CHECK_STATUS(f.status, GOFER_OK);
    gf_claim_free(claim);
}

static void *run_anything(void *arg)
{
    hand *h = arg;
    gf_claim *claim;
    size_t moved;
    int64_t next_ms;
    for (int i = 0; i < ROUNDS; i++) {
        if (take(h->broker, "q", 1, &claim) == 1)
            end_anyhow(h, claim);
        CHECK_OK(h->broker->ops->upkeep->forward(h->broker, 3, &moved, &next_ms));
    }
    return NULL;
}

static void *combine_anything(void *arg)
{
    hand *h = arg;
    const gf_broker_ops *ops = h->broker->ops;
    gf_group_rule rule = { .grace_ms = HOUR_MS, .max_size = 2 };
    for (int i = 0; i < ROUNDS; i++) {
        char id[32];
        gf_group_set *set = NULL;
        gofer_status st = ops->groups->take(h->broker, "w", "q", &rule, &set);
        if (st != GOFER_OK) {
            CHECK_STATUS(st, GOFER_EEMPTY);
            gf_sleep_us(500);
            continue;
        }
        snprintf(id, sizeof id, "c%u", (unsigned)h->chance);
        gf_message m = message("q", id);
        CHECK_OK(any(h, 2) ? ops->groups->put(h->broker, set, &m, 0)
                           : ops->groups->back(h->broker, set));
        gf_group_set_free(set);
    }
    return NULL;
}

static void *act_on_anything(void *arg)
{
    hand *h = arg;
    for (int i = 0; i < ROUNDS; i++) {
        char names[5][32];
        const char *ids[5];
        gofer_status statuses[5];
        for (int j = 0; j < 5; j++) {
            snprintf(names[j], sizeof names[j], "p%u", any(h, 200));
            ids[j] = names[j];
        }
        CHECK_OK(
            h->broker->ops->act->tasks_act(h->broker, "q", (gf_act)any(h, 4), ids, 5, statuses));
        for (int j = 0; j < 5; j++)
            CHECK(statuses[j] == GOFER_OK || statuses[j] == GOFER_ENOTFOUND ||
                statuses[j] == GOFER_ESTATE);
        gofer_status st = h->broker->ops->act->task_edit(h->broker, "q", names[0],
            any(h, 2) ? "new" : NULL, 3, any(h, 2) ? gf_now_ms() + HOUR_MS : 1);
        CHECK(st == GOFER_OK || st == GOFER_ENOTFOUND || st == GOFER_ESTATE);
    }
    return NULL;
}

static bool fail_on_error(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    (void)arg;
    if (f->severity == GF_ERROR && !CHECK(f->severity != GF_ERROR))
        fprintf(stderr, "    %s: %s (%s)\n", f->code, f->text, f->examples ? f->examples : "");
    return true;
}

static void many_hands_leave_a_sound_store(void)
{
    static void *(*const jobs[HANDS])(
        void *) = { put_anything, run_anything, combine_anything, act_on_anything };
    gf_broker *b = store_open();
    if (getenv("GOFER_TEST_FAILOVER")) {
        store_close(b);
        OMIT("answers get lost while servers fail over");
    }
    for (int round = 0; round < 3; round++) {
        hand hands[HANDS];
        for (int i = 0; i < HANDS; i++) {
            hands[i] = (hand){ .broker = b, .chance = (uint32_t)(7 * round + i) };
            REQUIRE(gf_thread_start(&hands[i].thread, jobs[i], &hands[i], 0) == 0);
        }
        for (int i = 0; i < HANDS; i++)
            pthread_join(hands[i].thread, NULL);
        store_check_sound();
    }
    CHECK_OK(b->ops->check->store(b, false, fail_on_error, NULL));
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    store_close(b);
    store_check_sound();
}

suite suite_extra(void)
{
    static const check_test tests[] = {
        TEST(attempts_and_log_are_kept_in_order),
        TEST(history_and_log_are_bounded_at_a_line),
        TEST(a_checkpoint_is_there_for_the_next_start),
        TEST(what_a_run_tells_survives_its_crash),
        TEST(what_is_beside_a_task_goes_with_it),
        TEST(headers_can_be_replaced_with_the_outcome),
        TEST(a_crash_too_many_is_told),
        TEST(who_was_asked_to_stop_and_crashed_is_cancelled),
        TEST(a_cancelled_run_is_set_aside),
        TEST(what_waits_is_cancelled_at_once),
        TEST(all_of_it_travels_from_store_to_store),
        TEST(no_memory_at_any_moment_does_no_harm_to_them),
        TEST(many_hands_leave_a_sound_store),
    };
    return (suite){ tests, COUNT(tests) };
}
