// named.c - cancelling what waits, acts on tasks that are named, another payload and another time.
#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

static gf_broker *open_or_skip(void)
{
    gf_broker *b = store_open();
    if (b->ops->act->tasks_act && b->ops->act->task_edit)
        return b;
    store_close(b);
    SKIP("not built");
}

static void retry_later(gf_broker *b, const char *id)
{
    put(b, "q", id);
    CHECK_OK(finish(b, need_one(b, "q", id),
        (gf_finish){ .outcome = GF_RETRY_AT, .is_failure = true, .at_ms = gf_now_ms() + 3600000,
        .error = "no" }));
}

static void archive(gf_broker *b, const char *id)
{
    put(b, "q", id);
    CHECK_OK(finish(b, need_one(b, "q", id), (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true,
        .error = "no" }));
}

static void schedule(gf_broker *b, const char *id)
{
    gf_message m = message("q", id);
    CHECK_OK(put_message(b, &m, gf_now_ms() + 3600000));
}

// The kind of the latest attempt in a task's history; "" if there is none.
static const char *last_kind(gf_broker *b, const char *id)
{
    static char kind[32];
    gofer_info *info = NULL;
    *kind = '\0';
    if (b->ops->inspect->task(b, "q", id, &info) != GOFER_OK)
        return kind;
    const gofer_info *attempts = gofer_info_child(info, "attempts");
    size_t count = gofer_info_count(attempts);
    const char *found = count ? gofer_info_text(gofer_info_at(attempts, count - 1), "kind") : NULL;
    snprintf(kind, sizeof kind, "%s", found ? found : "");
    gofer_info_free(info);
    return kind;
}

// ---- cancel -------------------------------------------------------------------------------------

static void what_waits_is_set_aside_when_cancelled(void)
{
    gf_broker *b = open_or_skip();
    static const char *const ids[] = { "pending", "scheduled", "retry" };
    retry_later(b, "retry");
    schedule(b, "scheduled");
    put(b, "q", "pending");
    for (size_t i = 0; i < COUNT(ids); i++) {
        CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, ids[i]));
        CHECK_STR(task_state(b, "q", ids[i]), "archived");
        CHECK_STR(last_kind(b, ids[i]), "cancelled");
    }
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x3");
    CHECK(take_one(b, "q") == NULL);
    store_check_sound();
    store_close(b);
}

static void what_has_ended_cannot_be_cancelled(void)
{
    gf_broker *b = open_or_skip();
    archive(b, "archived");
    gf_message m = message("q", "completed");
    m.retention_ms = 60000;
    CHECK_OK(put_message(b, &m, 0));
    done(b, need_one(b, "q", "completed"));
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_CANCEL, "archived"), GOFER_ESTATE);
    CHECK_HAS(gofer_error_last(), "'archived' is archived");
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_CANCEL, "completed"), GOFER_ESTATE);
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_CANCEL, "none"), GOFER_ENOTFOUND);
    CHECK_HAS(gofer_error_last(), "no task 'none' in queue 'q'");
    CHECK_STR(last_kind(b, "archived"), "");
    store_close(b);
}

static void a_cancelled_run_is_set_aside_and_no_failure(void)
{
    gf_broker *b = open_or_skip();
    put(b, "q", "t");
    gf_claim *claim = need_one(b, "q", "t");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "t"));
    CHECK_INT(task_number(b, "q", "t", "cancel_requested"), 1);
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_CANCELLED, .error = "cancelled",
        .attempt = "at_ms:1\tattempt:1\tkind=cancelled" }));
    CHECK_STR(task_state(b, "q", "t"), "archived");
    CHECK_STR(task_text(b, "q", "t", "last_error"), "cancelled");
    CHECK_STR(last_kind(b, "t"), "cancelled");
    CHECK_INT(queue_number(b, "q", "processed"), 1);
    CHECK_INT(queue_number(b, "q", "failed"), 0);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "t"));
    CHECK(task_number(b, "q", "t", "cancel_requested") != 1);
    done(b, need_one(b, "q", "t"));
    store_check_sound();
    store_close(b);
}

// ---- acts on many -------------------------------------------------------------------------------

enum { SOME = 250 };

static void acts_on_named_tasks_tell_of_each(void)
{
    gf_broker *b = open_or_skip();
    static const char *const ids[] = { "scheduled", "none", "archived", "pending", "active" };
    gofer_status s[COUNT(ids)];
    put(b, "q", "active");
    gf_claim *claim = need_one(b, "q", "active");
    archive(b, "archived");
    schedule(b, "scheduled");
    put(b, "q", "pending");

    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_RUN, ids, COUNT(ids), s));
    CHECK_STATUS(s[0], GOFER_OK);
    CHECK_STATUS(s[1], GOFER_ENOTFOUND);
    CHECK_STATUS(s[2], GOFER_OK);
    CHECK_STATUS(s[3], GOFER_ESTATE);
    CHECK_STATUS(s[4], GOFER_ESTATE);
    CHECK_STR(queue_counts(b, "q"), "p3 a1 s0 r0 c0 x0");

    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_ARCHIVE, ids, 3, s));
    CHECK_STATUS(s[0], GOFER_OK);
    CHECK_STATUS(s[1], GOFER_ENOTFOUND);
    CHECK_STATUS(s[2], GOFER_OK);
    CHECK_STR(queue_counts(b, "q"), "p1 a1 s0 r0 c0 x2");

    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_CANCEL, ids, COUNT(ids), s));
    CHECK_STATUS(s[0], GOFER_ESTATE);
    CHECK_STATUS(s[1], GOFER_ENOTFOUND);
    CHECK_STATUS(s[3], GOFER_OK);
    CHECK_STATUS(s[4], GOFER_OK);
    CHECK_STR(queue_counts(b, "q"), "p0 a1 s0 r0 c0 x3");
    CHECK_INT(task_number(b, "q", "active", "cancel_requested"), 1);

    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_DELETE, ids, COUNT(ids), s));
    CHECK_STATUS(s[0], GOFER_OK);
    CHECK_STATUS(s[1], GOFER_ENOTFOUND);
    CHECK_STATUS(s[4], GOFER_ESTATE);
    CHECK_STR(queue_counts(b, "q"), "p0 a1 s0 r0 c0 x0");
    done(b, claim);
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_DELETE, ids, 0, s));
    store_check_sound();
    store_close(b);
}

static void many_are_acted_on_in_one_call(void)
{
    gf_broker *b = open_or_skip();
    static char ids[SOME][16];
    static const char *names[SOME];
    static gofer_status s[SOME];
    for (size_t i = 0; i < SOME; i++) {
        snprintf(ids[i], sizeof ids[i], "t%zu", i);
        names[i] = ids[i];
        put(b, "q", ids[i]);
    }
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_ARCHIVE, names, SOME, s));
    for (size_t i = 0; i < SOME; i++)
        CHECK_INT(s[i], GOFER_OK);
    CHECK_INT(queue_number(b, "q", "archived"), SOME);
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_DELETE, names, SOME, s));
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    store_check_sound();
    store_close(b);
}

// ---- editing ------------------------------------------------------------------------------------

static bool payload_is(gf_broker *b, const char *id, const char *want, size_t size)
{
    gofer_info *info = NULL;
    size_t got = 0;
    if (!CHECK_OK(b->ops->inspect->task(b, "q", id, &info)))
        return false;
    const void *payload = gofer_info_bytes(info, "payload", &got);
    bool same = payload && got == size && memcmp(payload, want, size) == 0;
    gofer_info_free(info);
    return same;
}

static void a_waiting_task_is_given_another_payload(void)
{
    gf_broker *b = open_or_skip();
    static const char *const ids[] = { "retry", "archived", "scheduled", "pending" };
    static const char bytes[] = "a\0b";
    retry_later(b, "retry");
    archive(b, "archived");
    schedule(b, "scheduled");
    put(b, "q", "pending");
    for (size_t i = 0; i < COUNT(ids); i++) {
        char before[32];
        snprintf(before, sizeof before, "%s", task_state(b, "q", ids[i]));
        CHECK_OK(b->ops->act->task_edit(b, "q", ids[i], bytes, 3, 0));
        CHECK(payload_is(b, ids[i], bytes, 3));
        CHECK_STR(task_state(b, "q", ids[i]), before);
        CHECK_STR(task_text(b, "q", ids[i], "type"), "email:welcome");
    }
    CHECK_STR(task_text(b, "q", "retry", "last_error"), "no");
    CHECK_INT(task_number(b, "q", "retry", "retried"), 1);
    CHECK_OK(b->ops->act->task_edit(b, "q", "pending", "", 0, 0));
    gf_claim *claim = need_one(b, "q", "pending");
    CHECK_INT(claim->message.payload_size, 0);
    CHECK_STATUS(b->ops->act->task_edit(b, "q", "pending", "x", 1, 0), GOFER_ESTATE);
    CHECK_STATUS(b->ops->act->task_edit(b, "q", "none", "x", 1, 0), GOFER_ENOTFOUND);
    done(b, claim);
    store_check_sound();
    store_close(b);
}

static void a_task_is_put_off_and_brought_forward(void)
{
    gf_broker *b = open_or_skip();
    int64_t later_ms = (gf_now_ms() / 1000 + 7200) * 1000;
    retry_later(b, "retry");
    archive(b, "archived");
    schedule(b, "scheduled");
    put(b, "q", "pending");
    CHECK_OK(b->ops->act->task_edit(b, "q", "retry", NULL, 0, later_ms));
    CHECK_OK(b->ops->act->task_edit(b, "q", "scheduled", NULL, 0, later_ms));
    CHECK_OK(b->ops->act->task_edit(b, "q", "archived", NULL, 0, later_ms));
    CHECK_OK(b->ops->act->task_edit(b, "q", "pending", "new", 3, later_ms));
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s3 r1 c0 x0");
    CHECK_STR(task_state(b, "q", "retry"), "retry");
    CHECK_INT(task_number(b, "q", "retry", "next_run_at_ms"), later_ms);
    CHECK_INT(task_number(b, "q", "pending", "next_run_at_ms"), later_ms);
    CHECK(payload_is(b, "pending", "new", 3));

    put(b, "q", "first");
    CHECK_OK(b->ops->act->task_edit(b, "q", "retry", NULL, 0, 1));
    CHECK_OK(b->ops->act->task_edit(b, "q", "scheduled", NULL, 0, gf_now_ms()));
    CHECK_OK(b->ops->act->task_edit(b, "q", "first", NULL, 0, 1));
    CHECK_STATUS(b->ops->act->task_edit(b, "q", "none", NULL, 0, 1), GOFER_ENOTFOUND);
    CHECK_STR(queue_counts(b, "q"), "p3 a0 s2 r0 c0 x0");
    gf_claim *retry = need_one(b, "q", "retry");           // each goes to the end
    CHECK_STATUS(b->ops->act->task_edit(b, "q", "retry", NULL, 0, 1), GOFER_ESTATE);
    done(b, retry);
    drain_expecting(b, "q", "scheduled first");
    store_check_sound();
    store_close(b);
}

static void names_of_queues_are_sorted(void)
{
    gf_broker *b = store_open();
    gf_names names = { 0 };
    if (!b->ops->inspect->names) {
        store_close(b);
        SKIP("not built");
    }
    CHECK_OK(b->ops->inspect->names(b, &names));
    CHECK_INT(names.count, 0);
    gf_names_clear(&names);
    put(b, "b", "t");
    put(b, "a", "t");
    put(b, "c:1", "t");
    CHECK_OK(b->ops->inspect->names(b, &names));
    REQUIRE(names.count == 3);
    CHECK_STR(names.names[0], "a");
    CHECK_STR(names.names[1], "b");
    CHECK_STR(names.names[2], "c:1");
    gf_names_clear(&names);
    store_close(b);
}

suite suite_named(void)
{
    static const check_test tests[] = {
        TEST(what_waits_is_set_aside_when_cancelled), TEST(what_has_ended_cannot_be_cancelled),
        TEST(a_cancelled_run_is_set_aside_and_no_failure), TEST(acts_on_named_tasks_tell_of_each),
        TEST(many_are_acted_on_in_one_call), TEST(a_waiting_task_is_given_another_payload),
        TEST(a_task_is_put_off_and_brought_forward), TEST(names_of_queues_are_sorted),
    };
    return (suite){ tests, COUNT(tests) };
}
