// flow_test.c - what the doors of flows refuse, before anything is written, and that they name the
// step; a flow that a real worker runs, whose steps read what others have left.
#include "gofer/gofer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "check.h"
#include "util/alloc.h"

enum { PATIENCE_MS = 300000 };

static _Atomic int is_out;         // of the wait

static gofer_client *open_memory(void)
{
    gofer_client *c = NULL;
    REQUIRE_OK(gofer_client_open(&c, "memory:", NULL));
    return c;
}

static size_t flow_count(gofer_client *c)
{
    gofer_info *page = NULL;
    REQUIRE_OK(gofer_client_flows(c, NULL, NULL, 0, &page));
    size_t count = gofer_info_count(page);
    gofer_info_free(page);
    return count;
}

static gofer_flow_step step_of(const char *name, const char *const *after)
{
    gofer_flow_step step;
    gofer_flow_step_init(&step);
    step.name = name;
    step.type = "t";
    step.after = after;
    return step;
}

static void bad_plans_are_refused_and_name_the_step(void)
{
    gofer_client *c = open_memory();
    char long_name[140];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    static const char *const after_a[] = { "a", NULL }, *const after_b[] = { "b", NULL },
        *const after_none[] = { "none", NULL }, *const twice[] = { "a", "a", NULL },
        *const both[] = { "a", "a*", NULL }, *const all[] = { "*", NULL };
    static const int32_t odd_rule[] = { 3 };
    const struct { gofer_flow_step a, b; const char *text; } cases[] = {
        { step_of("a", after_b), step_of("b", after_a), "waits for itself" },
        { step_of("a", after_a), step_of("b", NULL), "'a' waits for itself" },
        { step_of("a", NULL), step_of("b", all), "'b' waits for itself" },
        { step_of("a", NULL), step_of("a", NULL), "two steps have the name 'a'" },
        { step_of("a", NULL), step_of("b", after_none), "'b' comes after 'none'" },
        { step_of("a", NULL), step_of("b", twice), "'b' comes after 'a' twice" },
        { step_of("a", NULL), step_of("b", both), "'b' comes after 'a' twice" },
        { step_of("a", NULL), step_of("", NULL), "name of a step" },
        { step_of("a", NULL), step_of(NULL, NULL), "step 1 has no name" },
        { step_of("a", NULL), step_of("b*", NULL), "'b*' must have at most" },
        { step_of("a", NULL), step_of(long_name, NULL), "128 bytes" },
        { step_of("a", NULL), { .size = sizeof(gofer_flow_step), .name = "b", .type = "t",
              .after = after_a, .rules = odd_rule }, "step 'b': a rule" },
        { step_of("a", NULL), { .size = sizeof(gofer_flow_step), .name = "b" },
          "step 'b': " },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const gofer_flow_step *const steps[] = { &cases[i].a, &cases[i].b };
        CHECK_STATUS(gofer_client_flow_start(c, 2, steps, NULL, NULL), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), cases[i].text);
    }
    const struct { gofer_enqueue_options o; const char *text; } options[] = {
        { { .task_id = "x" }, "task_id" }, { { .unique_ms = 1 }, "unique_ms" },
        { { .group = "g" }, "group" }, { { .debounce_ms = 1 }, "debounce_ms" },
        { { .task_id = "x", .replace = 1 }, "task_id" }, { { .delay_ms = -1 }, "delay_ms" },
        { { .delay_ms = 1, .run_at_ms = 1 }, "choose one" }, { { .queue = "{" }, "queue name" },
    };
    for (size_t i = 0; i < COUNT(options); i++) {
        gofer_enqueue_options o = options[i].o;
        o.size = sizeof o;
        gofer_flow_step step = step_of("a", NULL);
        step.opts = &o;
        const gofer_flow_step *const steps[] = { &step };
        CHECK_STATUS(gofer_client_flow_start(c, 1, steps, NULL, NULL), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), "step 'a'");
        CHECK_HAS(gofer_error_last(), options[i].text);
    }
    CHECK_STATUS(gofer_client_flow_start(c, 0, NULL, NULL, NULL), GOFER_EINVAL);
    CHECK_INT(flow_count(c), 0);
    gofer_client_close(c);
}

static void bad_options_are_refused(void)
{
    gofer_client *c = open_memory();
    char long_id[202];
    memset(long_id, 'x', sizeof long_id - 1);
    long_id[sizeof long_id - 1] = '\0';
    const struct { gofer_flow_options o; const char *text; } cases[] = {
        { { .flow_id = "a/b" }, "no '/'" }, { { .flow_id = long_id }, "200 bytes" },
        { { .flow_id = "" }, "flow id" }, { { .on_dead = 3 }, "on_dead is 3" },
        { { .deadline_ms = -1 }, "deadline_ms" }, { { .retention_ms = -1 }, "retention_ms" },
    };
    gofer_flow_step step = step_of("a", NULL);
    const gofer_flow_step *const steps[] = { &step };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_flow_options o = cases[i].o;
        o.size = sizeof o;
        CHECK_STATUS(gofer_client_flow_start(c, 1, steps, &o, NULL), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), cases[i].text);
    }
    CHECK_STATUS(gofer_client_flow_act(c, "f", NULL, 9), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_flow_act(c, "f", "a", GOFER_FLOW_PAUSE), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_flow_act(c, "f", NULL, GOFER_FLOW_PAUSE), GOFER_ENOTFOUND);
    gofer_info *out = NULL;
    CHECK_STATUS(gofer_client_flows(c, "odd", NULL, 0, &out), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_flows(c, NULL, NULL, 1001, &out), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_flow(c, "f", &out), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_flow_wait(c, "f", 0, &out), GOFER_ENOTFOUND);
    gofer_client_close(c);
}

// A plan of so many steps, of which the last one names so many that it comes after.
static gofer_status start_many(gofer_client *c, size_t count, size_t names, size_t payload)
{
    gofer_flow_step *steps = gf_calloc(count, sizeof *steps);
    const gofer_flow_step **pointers = gf_calloc(count, sizeof *pointers);
    char (*texts)[16] = gf_calloc(count, sizeof *texts), *bytes = gf_calloc(1, payload + 1);
    const char *after[80] = { NULL };
    REQUIRE(steps && pointers && texts && bytes && names < COUNT(after));
    for (size_t i = 0; i < count; i++) {
        snprintf(texts[i], sizeof texts[i], "s%u", (unsigned)i);
        steps[i] = step_of(texts[i], NULL);
        pointers[i] = &steps[i];
    }
    for (size_t i = 0; i < names; i++)
        after[i] = texts[i];
    steps[count - 1].after = names ? after : NULL;
    steps[0].payload = bytes;
    steps[0].payload_size = payload;
    gofer_status st = gofer_client_flow_start(c, count, pointers, NULL, NULL);
    gf_free(steps);
    gf_free(pointers);
    gf_free(texts);
    gf_free(bytes);
    return st;
}

static void limits_of_a_plan_hold_from_both_sides(void)
{
    gofer_client *c = open_memory();
    CHECK_OK(start_many(c, GOFER_FLOW_STEPS_MAX, 0, 0));
    CHECK_STATUS(start_many(c, GOFER_FLOW_STEPS_MAX + 1, 0, 0), GOFER_EINVAL);
    CHECK_OK(start_many(c, 70, GOFER_FLOW_AFTER_MAX, 0));
    CHECK_STATUS(start_many(c, 70, GOFER_FLOW_AFTER_MAX + 1, 0), GOFER_EINVAL);
    CHECK_OK(start_many(c, 1, 0, GOFER_FLOW_BYTES_MAX - 1000));
    CHECK_STATUS(start_many(c, 1, 0, GOFER_FLOW_BYTES_MAX), GOFER_ETOOBIG);
    CHECK_INT(flow_count(c), 3);
    gofer_client_close(c);
}

static int32_t leave(gofer_task *task, void *user)
{
    (void)user;
    size_t size;
    const void *payload = gofer_task_payload(task, &size);
    gofer_task_result(task, payload, size);
    return GOFER_DONE;
}

static int32_t join(gofer_task *task, void *user)
{
    char joined[64] = "";
    void *bytes = NULL;
    size_t size = 0;
    for (int i = 0; i < 3; i++) {
        char name[8];
        snprintf(name, sizeof name, "p%d", i);
        if (gofer_task_parent(task, name, &bytes, &size) != GOFER_OK)
            return gofer_task_skip_retry(task, gofer_error_last());
        snprintf(joined + strlen(joined), sizeof joined - strlen(joined), "%s%.*s", i ? "," : "",
            (int)size, (const char *)bytes);
        gofer_free(bytes);
    }
    *(gofer_status *)user = gofer_task_parent(task, "none", &bytes, &size);
    gofer_task_result(task, joined, strlen(joined));
    return GOFER_DONE;
}

static int32_t lone(gofer_task *task, void *user)
{
    void *bytes;
    size_t size;
    *(gofer_status *)user = gofer_task_parent(task, "a", &bytes, &size);
    return GOFER_DONE;
}

static void a_step_reads_what_others_have_left(void)
{
    gofer_client *c = open_memory();
    gofer_worker *w = NULL;
    gofer_status missing = GOFER_OK, outside = GOFER_OK;
    REQUIRE_OK(gofer_worker_new(&w, c));
    REQUIRE_OK(gofer_worker_handle(w, "leave", leave, NULL, NULL));
    REQUIRE_OK(gofer_worker_handle(w, "join", join, &missing, NULL));
    REQUIRE_OK(gofer_worker_handle(w, "lone", lone, &outside, NULL));
    REQUIRE_OK(gofer_worker_start(w));
    static const char *const parts[] = { "p*", NULL };
    gofer_flow_step steps[4];
    const gofer_flow_step *pointers[4];
    char names[3][16], *id = NULL;
    steps[0] = step_of("join", parts);
    steps[0].type = "join";
    pointers[0] = &steps[0];
    for (int i = 0; i < 3; i++) {
        snprintf(names[i], sizeof names[i], "p%d", i);
        steps[i + 1] = step_of(names[i], NULL);
        steps[i + 1].type = "leave";
        steps[i + 1].payload = names[i];
        steps[i + 1].payload_size = strlen(names[i]);
        pointers[i + 1] = &steps[i + 1];
    }
    REQUIRE_OK(gofer_client_flow_start(c, 4, pointers, NULL, &id));
    gofer_info *end = NULL;
    REQUIRE_OK(gofer_client_flow_wait(c, id, PATIENCE_MS, &end));
    CHECK_STR(gofer_info_text(end, "state"), "done");
    gofer_info_free(end);
    CHECK_STATUS(missing, GOFER_ENOTFOUND);
    void *bytes = NULL;
    size_t size = 0;
    REQUIRE_OK(gofer_client_flow_result(c, id, "join", &bytes, &size));
    CHECK_STR((const char *)bytes, "p0,p1,p2");
    CHECK_INT(size, 8);
    gofer_free(bytes);
    gofer_free(id);
    REQUIRE_OK(gofer_client_enqueue(c, "lone", NULL, 0, NULL, &id));
    REQUIRE_OK(gofer_client_wait(c, "default", id, PATIENCE_MS, &end));
    gofer_info_free(end);
    gofer_free(id);
    CHECK_STATUS(outside, GOFER_ESTATE);
    gofer_worker_stop(w);
    gofer_worker_free(w);
    gofer_client_close(c);
}

static void *interrupt_until_out(void *arg)
{
    gofer_client *c = arg;
    for (int64_t end_ms = check_now_ms() + PATIENCE_MS; check_now_ms() < end_ms;) {
        CHECK_OK(gofer_client_interrupt(c));
        if (atomic_load(&is_out))
            return NULL;
        nanosleep(&(struct timespec){ 0, 10000000 }, NULL);
    }
    return NULL;
}

static void a_wait_for_ever_can_be_interrupted(void)
{
    gofer_client *c = open_memory();
    gofer_flow_step one = step_of("a", NULL);
    gofer_info *end = NULL;
    char *id = NULL;
    pthread_t other;
    REQUIRE_OK(gofer_client_flow_start(c, 1, (const gofer_flow_step *[]){ &one }, NULL, &id));
    CHECK_STATUS(gofer_client_flow_wait(c, id, 0, &end), GOFER_ETIMEOUT);
    atomic_store(&is_out, 0);
    REQUIRE(pthread_create(&other, NULL, interrupt_until_out, c) == 0);
    CHECK_STATUS(gofer_client_flow_wait(c, id, -1, &end), GOFER_ETIMEOUT);
    CHECK_HAS(gofer_error_last(), "interrupted");
    atomic_store(&is_out, 1);
    pthread_join(other, NULL);
    gofer_free(id);
    gofer_client_close(c);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(bad_plans_are_refused_and_name_the_step),
        TEST(bad_options_are_refused),
        TEST(limits_of_a_plan_hold_from_both_sides),
        TEST(a_step_reads_what_others_have_left),
        TEST(a_wait_for_ever_can_be_interrupted),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
