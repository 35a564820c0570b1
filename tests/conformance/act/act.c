// act.c - inspection, and acting on tasks and queues.
#include <time.h>

#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

// A task "p", "a", "s", "r", "c" or "x" in the state of that letter, in queue "q". The claim of
// "a" is returned.
static gf_claim *one_of_each(gf_broker *b)
{
    gf_message m = message("q", "c");
    m.retention_ms = 3600000;
    CHECK_OK(put_message(b, &m, 0));
    done(b, need_one(b, "q", "c"));
    put(b, "q", "r");
    CHECK_OK(finish(b, need_one(b, "q", "r"), (gf_finish){ .outcome = GF_RETRY_AT,
        .is_failure = true,
        .at_ms = gf_now_ms() + 3600000, .error = "e" }));
    put(b, "q", "x");
    CHECK_OK(finish(b, need_one(b, "q", "x"), (gf_finish){ .outcome = GF_ARCHIVE,
        .is_failure = true, .error = "e" }));
    put(b, "q", "a");
    gf_claim *claim = need_one(b, "q", "a");
    m = message("q", "s");
    CHECK_OK(put_message(b, &m, gf_now_ms() + 3600000));
    put(b, "q", "p");
    CHECK_STR(queue_counts(b, "q"), "p1 a1 s1 r1 c1 x1");
    return claim;
}

static void one_task_moves_where_it_may(void)
{
    static const struct {
        const char *id; gf_act act; gofer_status want; const char *counts;
    } cases[] = {
        { "p", GF_ACT_RUN,     GOFER_ESTATE,    "p1 a1 s1 r1 c1 x1" },
        { "a", GF_ACT_RUN,     GOFER_ESTATE,    "p1 a1 s1 r1 c1 x1" },
        { "s", GF_ACT_RUN,     GOFER_OK,        "p2 a1 s0 r1 c1 x1" },
        { "r", GF_ACT_RUN,     GOFER_OK,        "p2 a1 s1 r0 c1 x1" },
        { "c", GF_ACT_RUN,     GOFER_ESTATE,    "p1 a1 s1 r1 c1 x1" },
        { "x", GF_ACT_RUN,     GOFER_OK,        "p2 a1 s1 r1 c1 x0" },
        { "p", GF_ACT_ARCHIVE, GOFER_OK,        "p0 a1 s1 r1 c1 x2" },
        { "a", GF_ACT_ARCHIVE, GOFER_ESTATE,    "p1 a1 s1 r1 c1 x1" },
        { "s", GF_ACT_ARCHIVE, GOFER_OK,        "p1 a1 s0 r1 c1 x2" },
        { "r", GF_ACT_ARCHIVE, GOFER_OK,        "p1 a1 s1 r0 c1 x2" },
        { "c", GF_ACT_ARCHIVE, GOFER_ESTATE,    "p1 a1 s1 r1 c1 x1" },
        { "x", GF_ACT_ARCHIVE, GOFER_ESTATE,    "p1 a1 s1 r1 c1 x1" },
        { "p", GF_ACT_DELETE,  GOFER_OK,        "p0 a1 s1 r1 c1 x1" },
        { "a", GF_ACT_DELETE,  GOFER_ESTATE,    "p1 a1 s1 r1 c1 x1" },
        { "s", GF_ACT_DELETE,  GOFER_OK,        "p1 a1 s0 r1 c1 x1" },
        { "r", GF_ACT_DELETE,  GOFER_OK,        "p1 a1 s1 r0 c1 x1" },
        { "c", GF_ACT_DELETE,  GOFER_OK,        "p1 a1 s1 r1 c0 x1" },
        { "x", GF_ACT_DELETE,  GOFER_OK,        "p1 a1 s1 r1 c1 x0" },
        { "z", GF_ACT_DELETE,  GOFER_ENOTFOUND, "p1 a1 s1 r1 c1 x1" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = store_open();
        gf_claim *claim = one_of_each(b);
        CHECK_STATUS(gf_act_one(b, "q", cases[i].act, cases[i].id), cases[i].want);
        CHECK_STR(queue_counts(b, "q"), cases[i].counts);
        if (cases[i].want == GOFER_OK) {
            CHECK_STR(task_state(b, "q", cases[i].id),
                cases[i].act == GF_ACT_RUN       ? "pending"
                : cases[i].act == GF_ACT_ARCHIVE ? "archived" : "");
            if (cases[i].act == GF_ACT_DELETE)
                put(b, "q", cases[i].id);               // its id is free
        }
        CHECK_STATUS(gf_act_one(b, "nowhere", GF_ACT_DELETE, "p"), GOFER_ENOTFOUND);
        done(b, claim);
        store_close(b);
        store_remove();
    }
}

static void a_task_that_is_run_joins_the_end(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "s");
    CHECK_OK(put_message(b, &m, gf_now_ms() + 3600000));
    put(b, "q", "a");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "s"));
    put(b, "q", "b");
    drain_expecting(b, "q", "a s b");
    store_close(b);
}

static void all_tasks_of_a_state_move_in_steps(void)
{
    gf_broker *b = store_open();
    char id[16];
    size_t n = 9;
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "t%d", i);
        put(b, "q", id);
    }
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_PENDING, GF_ARCHIVED, 3, &n));
    CHECK_INT(n, 3);
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_PENDING, GF_ARCHIVED, 3, &n));
    CHECK_INT(n, 2);
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_PENDING, GF_ARCHIVED, 3, &n));
    CHECK_INT(n, 0);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x5");
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_ARCHIVED, GF_PENDING, 4, &n));
    CHECK_STR(queue_counts(b, "q"), "p4 a0 s0 r0 c0 x1");
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_ARCHIVED, GF_STATE_COUNT, 4, &n));
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_PENDING, GF_STATE_COUNT, 2, &n));
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s0 r0 c0 x0");
    drain_expecting(b, "q", "t2 t3");
    CHECK_STATUS(b->ops->act->tasks_move(b, "q", GF_ACTIVE, GF_STATE_COUNT, 2, &n), GOFER_ESTATE);
    CHECK_STATUS(b->ops->act->tasks_move(b, "q", GF_COMPLETED, GF_PENDING, 2, &n), GOFER_ESTATE);
    CHECK_STATUS(b->ops->act->tasks_move(b, "nowhere", GF_PENDING, GF_STATE_COUNT, 2, &n),
        GOFER_ENOTFOUND);
    store_close(b);
}

// ---- looking ---------------------------------------------------------------------------

static void a_queue_is_shown_with_its_figures(void)
{
    gf_broker *b = store_open();
    gf_claim *claim = one_of_each(b);
    CHECK_INT(queue_number(b, "q", "size"), 4);
    CHECK_INT(queue_number(b, "q", "processed"), 3);
    CHECK_INT(queue_number(b, "q", "failed"), 2);
    CHECK_INT(queue_number(b, "q", "processed_total"), 3);
    CHECK_INT(queue_number(b, "q", "failed_total"), 2);
    CHECK_INT(queue_number(b, "q", "paused"), 0);
    CHECK_INT(queue_number(b, "q", "paused_at_ms"), -2);
    while (queue_number(b, "q", "latency_ms") < 1 ||
           queue_number(b, "q", "longest_running_ms") < 1)
        gf_sleep_us(1000);
    done(b, claim);
    CHECK_INT(queue_number(b, "q", "longest_running_ms"), 0);
    drain_expecting(b, "q", "p");
    CHECK_INT(queue_number(b, "q", "latency_ms"), 0);
    store_close(b);
}

static void queues_are_listed_by_name(void)
{
    gf_broker *b = store_open();
    gofer_info *list;
    REQUIRE_OK(b->ops->inspect->queues(b, NULL, &list));
    CHECK_INT(gofer_info_count(list), 0);
    gofer_info_free(list);
    put(b, "mail", "t");
    put(b, "low", "t");
    CHECK_OK(b->ops->act->queue_pause(b, "zzz", true));      // made ahead of its first task
    REQUIRE_OK(b->ops->inspect->queues(b, NULL, &list));
    REQUIRE(gofer_info_count(list) == 3);
    CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "queue"), "low");
    CHECK_STR(gofer_info_text(gofer_info_at(list, 1), "queue"), "mail");
    CHECK_STR(gofer_info_text(gofer_info_at(list, 2), "queue"), "zzz");
    gofer_info_free(list);
    CHECK_STATUS(b->ops->inspect->queues(b, "nowhere", &list), GOFER_ENOTFOUND);
    store_close(b);
}

static void a_task_is_shown_with_what_applies(void)
{
    static const struct { const char *id, *has[3], *lacks[3]; } cases[] = {
        { "p", { "payload", "payload_size", "enqueued_at_ms" }, { "result", "next_run_at_ms",
          "worker" } },
        { "a", { "started_at_ms", "worker", "payload" }, { "progress_done", "completed_at_ms",
          "next_run_at_ms" } },
        { "s", { "next_run_at_ms", "payload", "type" }, { "last_error", "worker",
          "archived_at_ms" } },
        { "r", { "next_run_at_ms", "last_error", "last_failed_at_ms" }, { "archived_at_ms",
          "worker", "result" } },
        { "c", { "completed_at_ms", "expires_at_ms", "retention_ms" }, { "next_run_at_ms",
          "last_error", "headers" } },
        { "x", { "archived_at_ms", "last_error", "retried" }, { "next_run_at_ms", "expires_at_ms",
          "deadline_ms" } },
    };
    gf_broker *b = store_open();
    gf_claim *claim = one_of_each(b);
    worker_runs(b, "w", claim);
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_info *task;
        REQUIRE_OK(b->ops->inspect->task(b, "q", cases[i].id, &task));
        CHECK_STR(gofer_info_text(task, "id"), cases[i].id);
        CHECK_STR(gofer_info_text(task, "queue"), "q");
        for (size_t j = 0; j < 3; j++) {
            if (!gofer_info_has(task, cases[i].has[j]) || gofer_info_has(task, cases[i].lacks[j]))
                fprintf(stderr, "    task %s: %s or %s\n", cases[i].id, cases[i].has[j],
                    cases[i].lacks[j]);
            CHECK(gofer_info_has(task, cases[i].has[j]));
            CHECK(!gofer_info_has(task, cases[i].lacks[j]));
        }
        gofer_info_free(task);
    }
    gofer_info *none;
    CHECK_STATUS(b->ops->inspect->task(b, "q", "nobody", &none), GOFER_ENOTFOUND);
    CHECK_STATUS(b->ops->inspect->task(b, "nowhere", "p", &none), GOFER_ENOTFOUND);
    done(b, claim);
    store_close(b);
}

static void pages_hold_every_task_once_and_in_order(void)
{
    static const gf_state states[] = { GF_PENDING, GF_SCHEDULED, GF_ARCHIVED, GF_ACTIVE };
    gf_broker *b = store_open();
    char id[16], want[256] = "";
    int64_t far = gf_now_ms() + 3600000;
    for (int i = 0; i < 7; i++) {
        snprintf(id, sizeof id, "t%d", i);
        snprintf(want + strlen(want), sizeof want - strlen(want), "%s%s", i ? " " : "", id);
        put(b, "pending", id);
        put(b, "other", id);
        gf_message m = message("scheduled", id);
        CHECK_OK(put_message(b, &m, far + i / 3));      // several share a time
        put(b, "archived", id);
        CHECK_OK(gf_act_one(b, "archived", GF_ACT_ARCHIVE, id));
        put(b, "active", id);
    }
    gf_claim *claims[7];
    CHECK_INT(take(b, "active", 7, claims), 7);
    for (size_t i = 0; i < COUNT(states); i++)
        for (size_t limit = 1; limit <= 8; limit++)
            CHECK_STR(page_ids(b, gf_state_name(states[i]), states[i], limit), want);
    CHECK_STR(page_ids(b, "pending", GF_RETRY, 3), "");
    CHECK_STR(page_ids(b, "pending", GF_AGGREGATING, 3), "");
    for (size_t i = 0; i < 7; i++)
        done(b, claims[i]);
    store_close(b);
}

static void a_page_goes_on_when_rows_vanish(void)
{
    gf_broker *b = store_open();
    gofer_info *page;
    for (int i = 0; i < 4; i++)
        put(b, "q", (const char *[]){ "a", "b", "c", "d" }[i]);
    REQUIRE_OK(b->ops->inspect->tasks(b, "q", GF_PENDING, NULL, 2, &page));
    char cursor[64];
    snprintf(cursor, sizeof cursor, "%s", gofer_info_text(page, "next_cursor"));
    gofer_info_free(page);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "b"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "c"));
    REQUIRE_OK(b->ops->inspect->tasks(b, "q", GF_PENDING, cursor, 2, &page));
    CHECK_INT(gofer_info_count(page), 1);
    CHECK_STR(gofer_info_text(gofer_info_at(page, 0), "id"), "d");
    CHECK(!gofer_info_has(page, "next_cursor"));
    gofer_info_free(page);
    CHECK_STATUS(b->ops->inspect->tasks(b, "q", GF_PENDING, "nonsense", 2, &page), GOFER_EINVAL);
    CHECK_STATUS(b->ops->inspect->tasks(b, "nowhere", GF_PENDING, NULL, 2, &page), GOFER_ENOTFOUND);
    store_close(b);
}

// The ids of one page: "a b c".
static const char *numbered(gf_broker *b, gf_state state, const char *cursor, size_t limit)
{
    static char ids[64];
    gofer_info *page;
    ids[0] = '\0';
    if (!CHECK_OK(b->ops->inspect->tasks(b, "q", state, cursor, limit, &page)))
        return "";
    for (size_t i = 0; i < gofer_info_count(page); i++) {
        size_t used = strlen(ids);
        snprintf(ids + used, sizeof ids - used, "%s%s", i ? " " : "",
            gofer_info_text(gofer_info_at(page, i), "id"));
    }
    gofer_info_free(page);
    return ids;
}

// From both ends, with and without gaps between those that are there.
static void every_number_leads_to_its_place(void)
{
    static const char gone[] = "hmac";
    char left[] = "abcdefghijklmnop";
    gf_broker *b = store_open();
    for (const char *id = left; *id; id++) {
        put(b, "other", (char[]){ *id, '\0' });
        put(b, "q", (char[]){ *id, '\0' });
        gf_message later = message("q", (char[]){ *id, '+', '\0' });
        CHECK_OK(put_message(b, &later, gf_now_ms() + 3600000 + (*id - 'a') * 1000));
    }
    for (const char *out = gone;; out++) {
        size_t count = strlen(left);
        for (size_t i = 0; i <= count + 1; i++) {
            char cursor[16], later[4] = "", now[2] = "";
            snprintf(cursor, sizeof cursor, "@%zu", i);
            if (i < count) {
                snprintf(now, sizeof now, "%c", left[i]);
                snprintf(later, sizeof later, "%c+", left[i]);
            }
            CHECK_STR(numbered(b, GF_PENDING, cursor, 1), now);
            CHECK_STR(numbered(b, GF_SCHEDULED, cursor, 1), later);
        }
        if (!*out)
            break;
        CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, (char[]){ *out, '\0' }));
        CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, (char[]){ *out, '+', '\0' }));
        char *at = strchr(left, *out);
        memmove(at, at + 1, strlen(at));
    }
    store_close(b);
}

static void a_page_is_found_by_its_number(void)
{
    static const char *const wrong[] = { "@", "@x", "@-1", "@1:g", "@1 ", "@1234567890123" };
    gf_broker *b = store_open();
    gofer_info *page;
    for (int i = 0; i < 5; i++) {
        char id[] = { (char)('a' + i), '\0' }, grouped[] = { (char)('p' + i), '\0' };
        put(b, "q", id);
        gf_message later = message("q", (const char *[]){ "f", "g", "h", "i", "j" }[i]);
        CHECK_OK(put_message(b, &later, gf_now_ms() + (i + 1) * 3600000));
        gf_message m = message("q", grouped);
        CHECK_OK(put_as(b, (gf_put){ .message = &m, .group = i < 3 ? "g" : "h" }));
    }
    CHECK_STR(numbered(b, GF_PENDING, "@0", 2), "a b");
    CHECK_STR(numbered(b, GF_PENDING, "@2", 2), "c d");
    CHECK_STR(numbered(b, GF_PENDING, "@4", 2), "e");
    CHECK_STR(numbered(b, GF_PENDING, "@5", 2), "");
    CHECK_STR(numbered(b, GF_SCHEDULED, "@3", 9), "i j");
    CHECK_STR(numbered(b, GF_SCHEDULED, "@999999999999", 9), "");
    CHECK_STR(numbered(b, GF_AGGREGATING, "@1:g", 9), "q r");
    CHECK_STR(numbered(b, GF_AGGREGATING, "@0:h", 1), "s");
    CHECK_STR(numbered(b, GF_AGGREGATING, "@0:nobody", 9), "");
    gf_claim *claim = need_one(b, "q", "a");
    CHECK_STR(numbered(b, GF_ACTIVE, "@0", 9), "a");
    CHECK_STR(numbered(b, GF_PENDING, "@1", 2), "c d");
    done(b, claim);

    // What comes behind such a page is asked for as ever.
    REQUIRE_OK(b->ops->inspect->tasks(b, "q", GF_SCHEDULED, "@1", 2, &page));
    char next[128];
    snprintf(next, sizeof next, "%s", gofer_info_text(page, "next_cursor"));
    gofer_info_free(page);
    CHECK_STR(numbered(b, GF_SCHEDULED, next, 9), "i j");
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK_STATUS(b->ops->inspect->tasks(b, "q", GF_PENDING, wrong[i], 2, &page), GOFER_EINVAL);
    CHECK_STATUS(b->ops->inspect->tasks(b, "q", GF_AGGREGATING, "@1", 2, &page), GOFER_EINVAL);
    CHECK_STATUS(b->ops->inspect->tasks(b, "nowhere", GF_RETRY, "@3", 2, &page), GOFER_ENOTFOUND);
    store_close(b);
}

static void a_store_tells_what_it_is(void)
{
    gf_broker *b = store_open();
    gofer_info *info;
    put(b, "q", "a");
    REQUIRE_OK(b->ops->inspect->about(b, NULL, &info));
    const char *kind = gofer_info_text(info, "store");
    CHECK(store_is_redis() ? strcmp(kind, "sqlite") != 0 : strcmp(kind, "sqlite") == 0);
    CHECK(gofer_info_int(info, "memory", 0) > 0);
    CHECK(*gofer_info_text(info, "address"));
    CHECK_INT(gofer_info_has(info, "text"), store_is_redis());
    gofer_info_free(info);
    REQUIRE_OK(b->ops->inspect->about(b, "q", &info));
    CHECK(!store_is_redis() || gofer_info_int(info, "memory", 0) > 0);
    CHECK(!gofer_info_has(info, "text"));
    gofer_info_free(info);
    CHECK_STATUS(b->ops->inspect->about(b, "nowhere", &info), GOFER_ENOTFOUND);
    store_close(b);
}

static void a_task_whose_lease_has_run_out_says_so(void)
{
    gf_broker *b = store_open();
    gf_claim *held, *lost;
    put(b, "q", "a");
    put(b, "q", "b");
    REQUIRE(take_for(b, "w", "q", 1, LEASE_MS, &held) == 1);
    REQUIRE(take_for(b, "w", "q", 1, store_is_redis() ? LEASE_MS : 1, &lost) == 1);
    lease_ends("q", "b");
    for (int tries = 0; tries < PATIENCE_MS && task_number(b, "q", "b", "orphaned") != 1; tries++)
        nanosleep(&(struct timespec){ 0, 1000000 }, NULL);
    CHECK_INT(task_number(b, "q", "b", "orphaned"), 1);
    CHECK_INT(task_number(b, "q", "a", "orphaned"), -2);
    done(b, held);
    // Whoever recovered it may have been first.
    (void)finish(b, lost, (gf_finish){ .outcome = GF_DONE });
    store_close(b);
}

static void history_counts_by_day(void)
{
    gf_broker *b = store_open();
    char today[11];
    gf_claim *claim = one_of_each(b);
    done(b, claim);
    put(b, "r", "t");
    done(b, need_one(b, "r", "t"));
    gofer_info *list;
    gf_date_text(gf_day_of(gf_now_ms()), today);
    REQUIRE_OK(b->ops->inspect->history(b, "q", 90, &list));
    if (gofer_info_count(list) == 1) {                  // else midnight came between
        CHECK_STR(gofer_info_text(gofer_info_at(list, 0), "date"), today);
        CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "processed", 0), 4);
        CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "failed", 0), 2);
    }
    gofer_info_free(list);
    REQUIRE_OK(b->ops->inspect->history(b, NULL, 90, &list));
    if (gofer_info_count(list) == 1)
        CHECK_INT(gofer_info_int(gofer_info_at(list, 0), "processed", 0), 5);
    gofer_info_free(list);
    CHECK_STATUS(b->ops->inspect->history(b, "nowhere", 1, &list), GOFER_ENOTFOUND);
    store_close(b);
}

static void the_backlog_is_what_runs_or_will_run(void)
{
    gf_broker *b = store_open();
    int64_t n = -1;
    gf_claim *claim = one_of_each(b);
    put(b, "r", "t");
    CHECK_OK(b->ops->inspect->backlog(b, (const char *[]){ "q" }, 1, &n));
    CHECK_INT(n, 4);
    CHECK_OK(b->ops->inspect->backlog(b, (const char *[]){ "q", "nowhere", "r" }, 3, &n));
    CHECK_INT(n, 5);
    done(b, claim);
    store_close(b);
}

// ---- queues --------------------------------------------------------------------------------

static void pausing_is_remembered_and_may_be_repeated(void)
{
    gf_broker *b = store_open();
    CHECK_OK(b->ops->act->queue_pause(b, "q", true));
    int64_t since = queue_number(b, "q", "paused_at_ms");
    CHECK(since > 0);
    CHECK_INT(queue_number(b, "q", "paused"), 1);
    CHECK_OK(b->ops->act->queue_pause(b, "q", true));
    CHECK_INT(queue_number(b, "q", "paused_at_ms"), since);
    put(b, "q", "t");                                   // putting goes on
    CHECK_OK(b->ops->act->queue_pause(b, "q", false));
    CHECK_OK(b->ops->act->queue_pause(b, "q", false));
    CHECK_INT(queue_number(b, "q", "paused"), 0);
    drain_expecting(b, "q", "t");
    store_close(b);
}

static void a_queue_with_active_tasks_is_not_deleted(void)
{
    gf_broker *b = store_open();
    gf_claim *claim = one_of_each(b);
    CHECK_STATUS(b->ops->act->queue_delete(b, "q", true), GOFER_ESTATE);
    CHECK_STR(queue_counts(b, "q"), "p1 a1 s1 r1 c1 x1");
    CHECK_INT(queue_number(b, "q", "paused"), 0);
    done(b, claim);
    CHECK_STATUS(b->ops->act->queue_delete(b, "q", false), GOFER_ESTATE);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s1 r1 c1 x1");
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    CHECK_STATUS(b->ops->act->queue_delete(b, "q", true), GOFER_ENOTFOUND);
    CHECK_STR(queue_counts(b, "q"), "none");
    put(b, "q", "p");                                   // and begins anew
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    CHECK_INT(queue_number(b, "q", "processed"), 0);
    CHECK_INT(queue_number(b, "q", "processed_total"), 0);
    CHECK_INT(queue_number(b, "q", "paused"), 0);
    store_close(b);
}

static void a_large_queue_is_deleted_whole_and_alone(void)
{
    enum { MANY = 1200 };
    gf_broker *b = store_open();
    static gf_message m[MANY];
    static gf_put items[MANY];
    static char ids[MANY][16];
    for (int i = 0; i < MANY; i++) {
        snprintf(ids[i], sizeof ids[i], "t%d", i);
        m[i] = message("q", ids[i]);
        items[i] = (gf_put){ .message = &m[i], .run_at_ms = i % 3 ? 0 : gf_now_ms() + 3600000 };
    }
    CHECK_OK(b->ops->tasks->put(b, items, MANY));
    put(b, "r", "t1");
    CHECK_STR(queue_counts(b, "q"), "p800 a0 s400 r0 c0 x0");
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    CHECK_STR(queue_counts(b, "q"), "none");
    CHECK_STR(queue_counts(b, "r"), "p1 a0 s0 r0 c0 x0");
    CHECK_OK(b->ops->tasks->put(b, items, MANY));              // all ids are free
    CHECK_STR(queue_counts(b, "q"), "p800 a0 s400 r0 c0 x0");
    store_close(b);
}

static const check_test tests[] = {
    TEST(one_task_moves_where_it_may),
    TEST(a_page_is_found_by_its_number),
    TEST(every_number_leads_to_its_place),
    TEST(a_store_tells_what_it_is),
    TEST(a_task_whose_lease_has_run_out_says_so),
    TEST(a_task_that_is_run_joins_the_end),
    TEST(all_tasks_of_a_state_move_in_steps),
    TEST(a_queue_is_shown_with_its_figures),
    TEST(queues_are_listed_by_name),
    TEST(a_task_is_shown_with_what_applies),
    TEST(pages_hold_every_task_once_and_in_order),
    TEST(a_page_goes_on_when_rows_vanish),
    TEST(history_counts_by_day),
    TEST(the_backlog_is_what_runs_or_will_run),
    TEST(pausing_is_remembered_and_may_be_repeated),
    TEST(a_queue_with_active_tasks_is_not_deleted),
    TEST(a_large_queue_is_deleted_whole_and_alone),
};

suite suite_act(void)
{
    return (suite){ tests, COUNT(tests) };
}
