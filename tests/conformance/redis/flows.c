// flows.c - flows whose tasks are elsewhere than they: steps in several slots and in sharded
// queues, notices that come twice, and a flow that is lost.
#include <stdio.h>
#include <string.h>

#include "fixture.h"
#include "raw.h"
#include "suites.h"

enum { STEPS = 3 };
static const char ENDED[] = "asynq:{q}:gofer:flow:ended";

static void relay(gf_broker *b)
{
    size_t done = 1;
    int64_t next_ms;
    while (done > 0)
        REQUIRE_OK(b->ops->flows->relay(b, 100, &done, &next_ms));
}

// A chain, each step in a queue of its own: f:0, f:1, f:2.
static void start(gf_broker *b, const char *const queues[STEPS])
{
    static const char *const names[STEPS] = { "a", "b", "c" };
    static const char *const ids[STEPS] = { "f:0", "f:1", "f:2" };
    static const gf_flow_dep deps[STEPS] = { { 0, GF_RULE_SUCCESS }, { 1, GF_RULE_SUCCESS } };
    gf_message messages[STEPS];
    gf_flow_step steps[STEPS];
    gf_flow_plan plan = { .id = "f", .steps = steps, .count = STEPS, .retention_ms = 3600000 };
    for (size_t i = 0; i < STEPS; i++) {
        messages[i] = message(queues[i], ids[i]);
        steps[i] = (gf_flow_step){ .name = names[i], .message = &messages[i],
            .deps = i ? &deps[i - 1] : NULL, .dep_count = i > 0 };
    }
    REQUIRE_OK(b->ops->flows->start(b, &plan));
}

static void check_shown(gf_broker *b, const char *want)
{
    gofer_info *flow = NULL;
    char text[256];
    relay(b);
    REQUIRE_OK(b->ops->flows->show(b, "f", true, &flow));
    const gofer_info *steps = gofer_info_child(flow, "steps");
    size_t used = (size_t)snprintf(text, sizeof text, "%s:", gofer_info_text(flow, "state"));
    for (size_t i = 0; i < gofer_info_count(steps) && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, " %s",
            gofer_info_text(gofer_info_at(steps, i), "state"));
    gofer_info_free(flow);
    CHECK_STR(text, want);
}

static void steps_may_be_in_queues_of_several_slots(void)
{
    static const char *const queues[STEPS] = { "one", "two", "three" };
    gf_broker *b = store_open();
    start(b, queues);
    for (size_t i = 0; i < STEPS; i++) {
        char id[8];
        snprintf(id, sizeof id, "f:%zu", i);
        relay(b);
        done(b, need_one(b, queues[i], id));
    }
    check_shown(b, "done: done done done");
    store_close(b);
    store_check_sound();
}

static void steps_may_be_in_sharded_queues(void)
{
    static const char *const queues[STEPS] = { "q", "q", "q" };
    gf_broker *b = store_open();
    REQUIRE_OK(b->ops->shards->declare(b, "q", 5));
    start(b, queues);
    CHECK_OK(b->ops->flows->act(b, "f", NULL, GF_FLOW_ACT_CANCEL));
    check_shown(b, "cancelled: cancelled skipped skipped");
    CHECK_OK(b->ops->flows->act(b, "f", NULL, GF_FLOW_ACT_RETRY));
    for (size_t i = 0; i < STEPS; i++) {
        char id[8];
        snprintf(id, sizeof id, "f:%zu", i);
        relay(b);
        done(b, need_one(b, "q", id));
    }
    check_shown(b, "done: done done done");
    store_close(b);
    store_check_sound();
}

static void a_notice_that_comes_twice_counts_once(void)
{
    static const char *const queues[STEPS] = { "q", "q", "q" };
    char notice[64];
    gf_broker *b = store_open();
    start(b, queues);
    CHECK_OK(finish(b, need_one(b, "q", "f:0"),
        (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true, .error = "no" }));
    snprintf(notice, sizeof notice, "%s", raw_text("LINDEX %s 0", ENDED));
    CHECK_STR(notice, "1 archived f:0");
    check_shown(b, "failed: archived skipped skipped");
    CHECK_INT(raw_int("LLEN %s", ENDED), 0);
    CHECK_OK(b->ops->flows->act(b, "f", NULL, GF_FLOW_ACT_RETRY));
    raw_script("redis.call('RPUSH', KEYS[1], '1 archived f:0') return 'ok'", ENDED);
    check_shown(b, "running: pending waiting waiting");
    CHECK_OK(b->ops->flows->act(b, "f", NULL, GF_FLOW_ACT_CANCEL));
    check_shown(b, "cancelled: cancelled skipped skipped");
    store_close(b);
    store_check_sound();
}

static void a_lost_flow_says_so(void)
{
    static const char *const queues[STEPS] = { "q", "q", "q" };
    gofer_info *flow = NULL;
    gf_broker *b = store_open();
    start(b, queues);
    for (int home = 0; home < 16; home++)
        raw_run("DEL asynq:{gofer-flows:%d}:f:f", home);
    done(b, need_one(b, "q", "f:0"));
    raw_run("RPUSH %s nonsense", ENDED);
    relay(b);
    CHECK_INT(b->ops->flows->show(b, "f", true, &flow), GOFER_ENOTFOUND);
    CHECK_INT(raw_int("LLEN %s", ENDED), 0);
    store_close(b);
    store_check_sound();
}

suite suite_flows(void)
{
    static const check_test tests[] = {
        TEST(steps_may_be_in_queues_of_several_slots),
        TEST(steps_may_be_in_sharded_queues),
        TEST(a_notice_that_comes_twice_counts_once),
        TEST(a_lost_flow_says_so),
    };
    return (suite){ tests, COUNT(tests) };
}
