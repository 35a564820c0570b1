// flow.c - flows: each step is put once, when those that it comes after have ended as its rules
// want; what a failure makes of the others; acts; and that nothing that happens to a step's task
// leaves its flow waiting.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixture.h"
#include "suites.h"
#include "util/alloc.h"
#include "util/clock.h"

enum { HOUR_MS = 3600000, FEW = 64 };

static gf_broker *flows_open(void)
{
    gf_broker *b = store_open();
    if (b->ops->flows)
        return b;
    store_close(b);
    OMIT("the store has no flows");
    return NULL;
}

static void closes(gf_broker *b)
{
    store_close(b);
    store_check_sound();
}

// ---- plans --------------------------------------------------------------------------------------

// A plan with room for its parts.
typedef struct planned {
    gf_flow_plan  plan;
    gf_flow_step *steps;
    gf_message   *messages;
    gf_flow_dep  *deps;
    char        (*ids)[32], (*names)[16];
    size_t        room, dep_room, dep_count;
} planned;

static void plan_begin(planned *p, const char *id, size_t room, size_t dep_room)
{
    *p = (planned){ .room = room, .dep_room = dep_room };
    p->steps = gf_calloc(room, sizeof *p->steps);
    p->messages = gf_calloc(room, sizeof *p->messages);
    p->deps = gf_calloc(dep_room ? dep_room : 1, sizeof *p->deps);
    p->ids = gf_calloc(room, sizeof *p->ids);
    p->names = gf_calloc(room, sizeof *p->names);
    REQUIRE(p->steps && p->messages && p->deps && p->ids && p->names);
    p->plan = (gf_flow_plan){ .id = id, .steps = p->steps, .retention_ms = HOUR_MS };
}

static void plan_end(planned *p)
{
    gf_free(p->steps);
    gf_free(p->messages);
    gf_free(p->deps);
    gf_free(p->ids);
    gf_free(p->names);
}

static gf_flow_step *plan_step(planned *p, const char *name)
{
    size_t n = p->plan.count++;
    REQUIRE(n < p->room);
    snprintf(p->ids[n], sizeof p->ids[n], "%.8s:%u", p->plan.id, (unsigned)n);
    snprintf(p->names[n], sizeof p->names[n], "%s", name);
    p->messages[n] = message("q", p->ids[n]);
    p->steps[n] = (gf_flow_step){
        .name = p->names[n], .message = &p->messages[n], .deps = p->deps + p->dep_count
    };
    return &p->steps[n];
}

static void plan_dep(planned *p, gf_flow_step *step, size_t parent, gf_flow_rule rule)
{
    REQUIRE(p->dep_count < p->dep_room);
    p->deps[p->dep_count++] = (gf_flow_dep){ (uint32_t)parent, rule };
    step->dep_count++;
}

// "a b<a c<a!,b*": c comes after the failure of a, and after b whatever becomes of it. "d<a@": d is
// run for each item of what a leaves.
static void plan_read(planned *p, const char *id, const char *text)
{
    char copy[512], *rest = copy;
    snprintf(copy, sizeof copy, "%s", text);
    plan_begin(p, id, FEW, FEW * FEW);
    for (char *word; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        char *after = strchr(word, '<');
        if (after)
            *after++ = '\0';
        gf_flow_step *step = plan_step(p, word);
        for (char *one; after && (one = strtok_r(after, ",", &after)) != NULL;) {
            size_t n = 0, size = strcspn(one, "!*@");
            while (n < p->plan.count && strncmp(p->names[n], one, size) != 0)
                n++;
            plan_dep(p, step, n, one[size] == '!' ? GF_RULE_FAILURE
                : one[size] == '*'                ? GF_RULE_ALWAYS
                : one[size] == '@'                ? GF_RULE_EACH
                                                  : GF_RULE_SUCCESS);
        }
    }
}

static void start_as(gf_broker *b, const char *id, const char *text, gf_flow_on_dead on_dead)
{
    planned p;
    plan_read(&p, id, text);
    p.plan.on_dead = on_dead;
    CHECK_OK(b->ops->flows->start(b, &p.plan));
    plan_end(&p);
}

// ---- looking ------------------------------------------------------------------------------------

static void relay(gf_broker *b)
{
    size_t done = 1;
    int64_t next_ms;
    while (done > 0)
        REQUIRE_OK(b->ops->flows->relay(b, 100, &done, &next_ms));
}

// Where a flow is elsewhere than the tasks of its steps, what follows from an end is done by relay.
static void follow(gf_broker *b)
{
    if (store_is_redis())
        relay(b);
}

// "failed: a=archived b=skipped". Good until the next call.
static const char *shown(gf_broker *b, const char *id)
{
    static char text[2048];
    gofer_info *flow = NULL;
    follow(b);
    gofer_status st = b->ops->flows->show(b, id, true, &flow);
    if (st != GOFER_OK)
        return gofer_status_name(st);
    const gofer_info *steps = gofer_info_child(flow, "steps");
    size_t used = (size_t)snprintf(text, sizeof text, "%s:", gofer_info_text(flow, "state"));
    for (size_t i = 0; i < gofer_info_count(steps) && used < sizeof text; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, " %s=%s",
            gofer_info_text(gofer_info_at(steps, i), "name"),
            gofer_info_text(gofer_info_at(steps, i), "state"));
    gofer_info_free(flow);
    return text;
}

static int64_t number(gf_broker *b, const char *id, const char *field)
{
    gofer_info *flow = NULL;
    follow(b);
    REQUIRE_OK(b->ops->flows->show(b, id, false, &flow));
    int64_t n = gofer_info_int(flow, field, -1);
    gofer_info_free(flow);
    return n;
}

static gf_claim *taken(gf_broker *b, const char *id)
{
    follow(b);
    return need_one(b, "q", id);
}

static void end(gf_broker *b, const char *id)
{
    done(b, taken(b, id));
}

// All that there is, one after the other, is done: these.
static void run_expecting(gf_broker *b, const char *ids)
{
    char ran[256] = "";
    gf_claim *claim;
    while (follow(b), (claim = take_one(b, "q")) != NULL) {
        snprintf(ran + strlen(ran), sizeof ran - strlen(ran), "%s%s", *ran ? " " : "",
            claim->message.id);
        done(b, claim);
    }
    CHECK_STR(ran, ids);
}

static void kill_task(gf_broker *b, const char *id)
{
    CHECK_OK(finish(b, taken(b, id),
        (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true, .error = "no" }));
}

// ---- rules --------------------------------------------------------------------------------------

static void a_step_is_put_when_those_before_it_are_done(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", "a b<a c<a d<b,c", GF_FLOW_STOP);
    CHECK_STR(shown(b, "f"), "running: a=pending b=waiting c=waiting d=waiting");
    end(b, "f:0");
    CHECK_STR(shown(b, "f"), "running: a=done b=pending c=pending d=waiting");
    gf_claim *first = taken(b, "f:1");
    end(b, "f:2");
    CHECK_STR(shown(b, "f"), "running: a=done b=active c=done d=waiting");
    done(b, first);
    end(b, "f:3");
    CHECK_STR(shown(b, "f"), "done: a=done b=done c=done d=done");
    CHECK_INT(number(b, "f", "ended"), 4);
    CHECK(number(b, "f", "ended_at_ms") > 0);
    CHECK(take_one(b, "q") == NULL);
    closes(b);
}

static void rules_say_what_comes_after_a_failure(void)
{
    static const char plan[] = "a on_fail<a! next<a clean<a* last<next after<on_fail lone";
    gf_broker *b = flows_open();
    start_as(b, "s", plan, GF_FLOW_STOP);
    kill_task(b, "s:0");
    CHECK_STR(shown(b, "s"), "running: a=archived on_fail=pending next=skipped clean=pending "
                             "last=skipped after=skipped lone=pending");
    run_expecting(b, "s:6 s:1 s:3");
    CHECK_STR(shown(b, "s"), "failed: a=archived on_fail=done next=skipped clean=done last=skipped "
                             "after=skipped lone=done");
    start_as(b, "c", plan, GF_FLOW_CONTINUE);
    kill_task(b, "c:0");
    run_expecting(b, "c:6 c:1 c:3 c:5");
    CHECK_STR(shown(b, "c"), "failed: a=archived on_fail=done next=skipped clean=done last=skipped "
                             "after=done lone=done");
    start_as(b, "x", plan, GF_FLOW_CANCEL);
    kill_task(b, "x:0");
    run_expecting(b, "x:1 x:3");
    CHECK_STR(shown(b, "x"), "failed: a=archived on_fail=done next=skipped clean=done last=skipped "
                             "after=skipped lone=cancelled");
    start_as(b, "w", plan, GF_FLOW_CANCEL);
    run_expecting(b, "w:0 w:6 w:2 w:3 w:4");
    CHECK_STR(shown(b, "w"), "done: a=done on_fail=skipped next=done clean=done last=done "
                             "after=skipped lone=done");
    closes(b);
}

static void a_failure_may_cancel_what_runs(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", "a runs waits", GF_FLOW_CANCEL);
    gf_claim *a = taken(b, "f:0"), *runs = taken(b, "f:1");
    CHECK_OK(finish(b, a, (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true, .error = "e" }));
    CHECK_STR(shown(b, "f"), "running: a=archived runs=active waits=cancelled");
    CHECK_INT(finish(b, runs, (gf_finish){ .outcome = GF_CANCELLED, .error = "asked" }), GOFER_OK);
    CHECK_STR(shown(b, "f"), "failed: a=archived runs=cancelled waits=cancelled");
    closes(b);
}

// ---- ends ---------------------------------------------------------------------------------------

static void every_end_of_a_task_is_one_of_its_step(void)
{
    static const struct { const char *name; gf_finish how; const char *want; } cases[] = {
        { "arch", { .outcome = GF_ARCHIVE, .error = "e" }, "archived" },
        { "canc", { .outcome = GF_CANCELLED, .error = "e" }, "cancelled" },
        { "expd", { .outcome = GF_DROP, .expired = true }, "expired" },
        { "drop", { .outcome = GF_DROP }, "revoked" },
        { "done", { .outcome = GF_DONE, .result = "r", .result_size = 1 }, "done" },
    };
    gf_broker *b = flows_open();
    char id[64], want[128];
    for (size_t i = 0; i < COUNT(cases); i++) {
        start_as(b, cases[i].name, "a next<a*", GF_FLOW_STOP);
        snprintf(id, sizeof id, "%s:0", cases[i].name);
        CHECK_OK(finish(b, taken(b, id), cases[i].how));
        snprintf(want, sizeof want, "running: a=%s next=pending", cases[i].want);
        CHECK_STR(shown(b, cases[i].name), want);
        snprintf(id, sizeof id, "%s:1", cases[i].name);
        end(b, id);
    }
    closes(b);
}

static void acts_on_waiting_tasks_end_their_steps(void)
{
    static const struct { const char *name; gf_act act; const char *want; } cases[] = {
        { "canc", GF_ACT_CANCEL, "cancelled" },
        { "dele", GF_ACT_DELETE, "deleted" },
        { "arch", GF_ACT_ARCHIVE, "archived" },
    };
    gf_broker *b = flows_open();
    char id[64], want[128];
    for (size_t i = 0; i < COUNT(cases); i++) {
        start_as(b, cases[i].name, "a fails<a! next<a", GF_FLOW_STOP);
        snprintf(id, sizeof id, "%s:0", cases[i].name);
        CHECK_OK(gf_act_one(b, "q", cases[i].act, id));
        snprintf(want, sizeof want, "running: a=%s fails=pending next=skipped", cases[i].want);
        CHECK_STR(shown(b, cases[i].name), want);
        snprintf(id, sizeof id, "%s:1", cases[i].name);
        end(b, id);
    }
    start_as(b, "bulk", "a b<a* c", GF_FLOW_CANCEL);
    size_t moved;
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_PENDING, GF_STATE_COUNT, 10, &moved));
    CHECK_INT(moved, 2);
    CHECK_STR(shown(b, "bulk"), "running: a=deleted b=pending c=deleted");
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    CHECK_STR(shown(b, "bulk"), "failed: a=deleted b=deleted c=deleted");
    closes(b);
}

static void a_crash_ends_a_step_when_it_ends_the_task(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", "a next<a!", GF_FLOW_STOP);
    crash(b, "q", "f:0", 9, NULL);
    CHECK_STR(shown(b, "f"), "running: a=pending next=waiting");
    crash(b, "q", "f:0", 0, NULL);
    CHECK_STR(shown(b, "f"), "running: a=archived next=pending");
    end(b, "f:1");
    closes(b);
}

static void a_retry_is_no_end(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", "a b<a", GF_FLOW_STOP);
    CHECK_OK(finish(b, taken(b, "f:0"), (gf_finish){ .outcome = GF_RETRY_AT,
        .is_failure = true, .error = "again", .attempt = attempt("failed", 1),
        .checkpoint = "here", .checkpoint_size = 4 }));
    CHECK_STR(shown(b, "f"), "running: a=retry b=waiting");
    CHECK_STR(task_attempts(b, "q", "f:0"), "failed");
    CHECK_INT(task_number(b, "q", "f:0", "checkpoint_size"), 4);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "f:0"));
    end(b, "f:0");
    CHECK_STR(shown(b, "f"), "running: a=done b=pending");
    end(b, "f:1");
    closes(b);
}

static void a_replaced_task_is_still_its_steps(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", "a b<a", GF_FLOW_STOP);
    gf_message m = message("q", "f:0");
    m.payload = "other";
    m.payload_size = 5;
    gf_put item = { .message = &m, .replaces = true };
    CHECK_OK(put_as(b, item));
    end(b, "f:0");
    CHECK_STR(shown(b, "f"), "running: a=done b=pending");
    end(b, "f:1");
    closes(b);
}

static void a_taken_id_is_a_failure_of_the_step(void)
{
    gf_broker *b = flows_open();
    put(b, "q", "f:1");
    start_as(b, "f", "a b<a c<b!", GF_FLOW_STOP);
    done(b, taken(b, "f:1"));
    put(b, "q", "f:1");
    end(b, "f:0");
    CHECK_STR(shown(b, "f"), "running: a=done b=archived c=pending");
    run_expecting(b, "f:1 f:2");
    closes(b);
}

// ---- lists --------------------------------------------------------------------------------------

static void end_with(gf_broker *b, const char *id, const char *result)
{
    CHECK_OK(finish(b, taken(b, id), (gf_finish){ .outcome = GF_DONE, .result = result,
        .result_size = result ? strlen(result) : 0 }));
}

static void check_result(gf_broker *b, const char *step, const char *want)
{
    void *bytes = NULL;
    size_t size = 0;
    uint32_t n;
    follow(b);
    REQUIRE_OK(b->ops->flows->result(b, "f", step, &n, &bytes, &size));
    CHECK_MEM(bytes ? bytes : "", size, want, strlen(want));
    gf_free(bytes);
}

static int64_t step_number(gf_broker *b, const char *step, const char *field)
{
    gofer_info *flow = NULL;
    int64_t n = -1;
    follow(b);
    REQUIRE_OK(b->ops->flows->show(b, "f", true, &flow));
    const gofer_info *steps = gofer_info_child(flow, "steps");
    for (size_t i = 0; i < gofer_info_count(steps); i++)
        if (strcmp(gofer_info_text(gofer_info_at(steps, i), "name"), step) == 0)
            n = gofer_info_int(gofer_info_at(steps, i), field, -1);
    gofer_info_free(flow);
    return n;
}

static const char lists[] = "rows load<rows@ join<load";

static void a_step_is_run_for_each_item_of_a_list(void)
{
    static const struct { const char *id, *payload, *result; size_t size; } items[] = {
        { "f:3", "{\"n\": 1}", "{\"sum\":1}", 8 }, { "f:4", "two", "no JSON", 3 },
        { "f:5", "\0\1", "\xff", 2 }, { "f:6", "", NULL, 0 }, { "f:7", "null", "5 ", 4 },
    };
    gf_broker *b = flows_open();
    start_as(b, "f", lists, GF_FLOW_STOP);
    CHECK_STR(shown(b, "f"), "running: rows=pending load=waiting join=waiting");
    end_with(b, "f:0", "[{\"n\": 1}, \"two\", {\"base64\": \"AAE=\"}, \"\", null]");
    CHECK_STR(shown(b, "f"), "running: rows=done load=active join=waiting load.1=pending "
                             "load.2=pending load.3=pending load.4=pending load.5=pending");
    for (size_t i = 0; i < COUNT(items); i++) {
        gf_claim *claim = taken(b, items[i].id);
        CHECK_MEM(claim->message.payload, claim->message.payload_size, items[i].payload,
            items[i].size);
        CHECK_INT(step_number(b, "load", "made_ended"), (int64_t)i);
        CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_DONE, .result = items[i].result,
            .result_size = items[i].result ? strlen(items[i].result) : 0 }));
    }
    CHECK_INT(step_number(b, "load", "made"), 5);
    CHECK_INT(number(b, "f", "total"), 8);
    check_result(b, "load", "[{\"sum\":1},\"no JSON\",{\"base64\":\"/w==\"},null,5]");
    check_result(b, "load.2", "no JSON");
    end(b, "f:2");
    CHECK_STR(shown(b, "f"), "done: rows=done load=done join=done load.1=done load.2=done "
                             "load.3=done load.4=done load.5=done");
    closes(b);
}

static void a_list_may_come_in_parts(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", lists, GF_FLOW_STOP);
    end_with(b, "f:0", "{\"items\": [1], \"more\": {\"from\": 1}}");
    CHECK_STR(shown(b, "f"), "running: rows=done load=active join=waiting load.1=pending "
                             "rows.2=pending");
    end(b, "f:3");
    CHECK_STR(shown(b, "f"), "running: rows=done load=waiting join=waiting load.1=done "
                             "rows.2=pending");
    gf_claim *claim = taken(b, "f:4");
    CHECK_MEM(claim->message.payload, claim->message.payload_size, "{\"from\": 1}", 11);
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_DONE,
        .result = "{\"more\": 2, \"items\": []}", .result_size = 24 }));
    end_with(b, "f:5", "[2, 3]");
    CHECK_STR(shown(b, "f"), "running: rows=done load=active join=waiting load.1=done "
                             "rows.2=done rows.3=done load.2=pending load.3=pending");
    run_expecting(b, "f:6 f:7 f:2");
    check_result(b, "load", "[null,null,null]");
    start_as(b, "g", lists, GF_FLOW_STOP);
    end_with(b, "g:0", "[]");
    CHECK_STR(shown(b, "g"), "running: rows=done load=done join=pending");
    end(b, "g:2");
    closes(b);
}

static void what_is_no_list_is_a_failure(void)
{
    static const struct { const char *result, *why; } cases[] = {
        { NULL, "left no list" }, { "", "no JSON list" }, { "5", "no JSON list" },
        { "[1", "no JSON list" }, { "{}", "must be a list" }, { "{\"items\":5}", "must be a list" },
        { "[{\"base64\":\"?\"}]", "base64" },
    };
    gf_broker *b = flows_open();
    for (size_t i = 0; i < COUNT(cases); i++) {
        char id[16], task[16];
        gofer_info *flow = NULL;
        snprintf(id, sizeof id, "f%zu", i);
        snprintf(task, sizeof task, "f%zu:0", i);
        start_as(b, id, lists, GF_FLOW_STOP);
        end_with(b, task, cases[i].result);
        CHECK_STR(shown(b, id), "failed: rows=archived load=skipped join=skipped");
        REQUIRE_OK(b->ops->flows->show(b, id, true, &flow));
        CHECK(strstr(gofer_info_text(gofer_info_at(gofer_info_child(flow, "steps"), 0), "error"),
            cases[i].why) != NULL);
        gofer_info_free(flow);
    }
    closes(b);
}

static void what_was_made_may_fail_and_be_retried(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", "rows load<rows@ join<load oops<load! x<join", GF_FLOW_CONTINUE);
    end_with(b, "f:0", "[1,2]");
    kill_task(b, "f:5");
    CHECK_STR(shown(b, "f"), "running: rows=done load=active join=waiting oops=waiting x=waiting "
                             "load.1=archived load.2=pending");
    end(b, "f:6");
    CHECK_STR(shown(b, "f"), "running: rows=done load=archived join=skipped oops=pending x=skipped "
                             "load.1=archived load.2=done");
    end(b, "f:3");
    CHECK_STR(shown(b, "f"), "failed: rows=done load=archived join=skipped oops=done x=skipped "
                             "load.1=archived load.2=done");
    CHECK_INT(b->ops->flows->act(b, "f", "rows", GF_FLOW_ACT_RETRY), GOFER_ESTATE);
    CHECK_OK(b->ops->flows->act(b, "f", "load", GF_FLOW_ACT_RETRY));
    CHECK_STR(shown(b, "f"), "running: rows=done load=active join=waiting oops=done x=waiting "
                             "load.1=pending load.2=done");
    run_expecting(b, "f:5 f:2 f:4");
    CHECK_STR(shown(b, "f"), "done: rows=done load=done join=done oops=done x=done "
                             "load.1=done load.2=done");
    closes(b);
}

static void a_list_that_comes_late_begins_nothing(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", lists, GF_FLOW_STOP);
    gf_claim *rows = taken(b, "f:0");
    CHECK_OK(b->ops->flows->act(b, "f", NULL, GF_FLOW_ACT_CANCEL));
    CHECK_OK(finish(b, rows, (gf_finish){ .outcome = GF_DONE, .result = "[1,2]",
        .result_size = 5 }));
    CHECK_STR(shown(b, "f"), "cancelled: rows=done load=skipped join=skipped load.1=skipped "
                             "load.2=skipped");
    CHECK_OK(b->ops->flows->act(b, "f", NULL, GF_FLOW_ACT_RETRY));
    CHECK_STR(shown(b, "f"), "running: rows=done load=active join=waiting load.1=pending "
                             "load.2=pending");
    CHECK_OK(b->ops->flows->act(b, "f", NULL, GF_FLOW_ACT_PAUSE));
    end(b, "f:3");
    end(b, "f:4");
    CHECK_STR(shown(b, "f"), "paused: rows=done load=ready join=waiting load.1=done load.2=done");
    CHECK_OK(b->ops->flows->act(b, "f", NULL, GF_FLOW_ACT_RESUME));
    run_expecting(b, "f:2");
    start_as(b, "s", "rows other load<rows@ last<load*", GF_FLOW_STOP);
    rows = taken(b, "s:0");
    kill_task(b, "s:1");
    CHECK_OK(finish(b, rows, (gf_finish){ .outcome = GF_DONE, .result = "[1]",
        .result_size = 3 }));
    run_expecting(b, "s:3");
    CHECK_STR(shown(b, "s"), "failed: rows=done other=archived load=skipped last=done "
                             "load.1=skipped");
    closes(b);
}

static void a_list_makes_no_more_steps_than_there_may_be(void)
{
    enum { MOST = GOFER_FLOW_STEPS_MAX - 3 };
    char *list = gf_alloc(2 * MOST + 4);
    gf_broker *b = flows_open();
    REQUIRE(list != NULL);
    for (size_t i = 0; i <= MOST; i++)
        memcpy(list + 2 * i, i ? ",1" : "[1", 2);
    memcpy(list + 2 * MOST + 2, "]", 2);
    start_as(b, "g", lists, GF_FLOW_STOP);
    end_with(b, "g:0", list);
    CHECK_STR(shown(b, "g"), "failed: rows=archived load=skipped join=skipped");
    memcpy(list + 2 * MOST, "]", 2);
    start_as(b, "f", lists, GF_FLOW_STOP);
    end_with(b, "f:0", list);
    CHECK_INT(step_number(b, "load", "made"), MOST);
    CHECK_INT(number(b, "f", "total"), GOFER_FLOW_STEPS_MAX);
    CHECK_OK(b->ops->flows->act(b, "f", NULL, GF_FLOW_ACT_CANCEL));
    relay(b);
    CHECK_INT(number(b, "f", "ended"), GOFER_FLOW_STEPS_MAX);
    gf_free(list);
    closes(b);
}

// ---- starting -----------------------------------------------------------------------------------

static void the_same_plan_may_be_started_again(void)
{
    planned p;
    gf_broker *b = flows_open();
    plan_read(&p, "f", "a b<a");
    CHECK_OK(b->ops->flows->start(b, &p.plan));
    end(b, "f:0");
    CHECK_OK(b->ops->flows->start(b, &p.plan));
    CHECK_STR(shown(b, "f"), "running: a=done b=pending");
    p.plan.hash[0] = 1;
    CHECK_INT(b->ops->flows->start(b, &p.plan), GOFER_EEXIST);
    plan_end(&p);
    end(b, "f:1");
    CHECK_STR(shown(b, "none"), "ENOTFOUND");
    closes(b);
}

static void a_step_may_be_put_for_later(void)
{
    planned p;
    gf_broker *b = flows_open();
    plan_read(&p, "f", "a b<a");
    p.steps[1].delay_ms = HOUR_MS;
    CHECK_OK(b->ops->flows->start(b, &p.plan));
    plan_end(&p);
    end(b, "f:0");
    CHECK_STR(shown(b, "f"), "running: a=done b=scheduled");
    CHECK(task_number(b, "q", "f:1", "next_run_at_ms") > gf_now_ms() + HOUR_MS / 2);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "f:1"));
    end(b, "f:1");
    closes(b);
}

// ---- acts on flows ------------------------------------------------------------------------------

static gofer_status act(gf_broker *b, const char *id, gf_flow_act what)
{
    return b->ops->flows->act(b, id, NULL, what);
}

static void a_paused_flow_puts_nothing(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", "a b<a c<b", GF_FLOW_STOP);
    CHECK_OK(act(b, "f", GF_FLOW_ACT_PAUSE));
    end(b, "f:0");
    relay(b);
    CHECK_STR(shown(b, "f"), "paused: a=done b=ready c=waiting");
    CHECK_OK(act(b, "f", GF_FLOW_ACT_RESUME));
    end(b, "f:1");
    end(b, "f:2");
    CHECK_STR(shown(b, "f"), "done: a=done b=done c=done");
    CHECK_INT(act(b, "f", GF_FLOW_ACT_PAUSE), GOFER_ESTATE);
    CHECK_INT(act(b, "g", GF_FLOW_ACT_PAUSE), GOFER_ENOTFOUND);
    closes(b);
}

static void a_cancelled_flow_begins_nothing_and_may_be_retried(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", "a b c<a d<c*", GF_FLOW_CONTINUE);
    gf_claim *a = taken(b, "f:0");
    CHECK_OK(act(b, "f", GF_FLOW_ACT_CANCEL));
    CHECK_STR(shown(b, "f"), "running: a=active b=cancelled c=skipped d=skipped");
    done(b, a);
    CHECK_STR(shown(b, "f"), "cancelled: a=done b=cancelled c=skipped d=skipped");
    CHECK_INT(act(b, "f", GF_FLOW_ACT_CANCEL), GOFER_ESTATE);
    CHECK_OK(act(b, "f", GF_FLOW_ACT_RETRY));
    run_expecting(b, "f:1 f:2 f:3");
    CHECK_STR(shown(b, "f"), "done: a=done b=done c=done d=done");
    CHECK_INT(act(b, "f", GF_FLOW_ACT_RETRY), GOFER_ESTATE);
    closes(b);
}

static void a_retry_opens_a_failed_flow(void)
{
    gf_broker *b = flows_open();
    start_as(b, "f", "a b<a c<b bad2", GF_FLOW_STOP);
    kill_task(b, "f:0");
    kill_task(b, "f:3");
    CHECK_STR(shown(b, "f"), "failed: a=archived b=skipped c=skipped bad2=archived");
    CHECK_INT(b->ops->flows->act(b, "f", "b", GF_FLOW_ACT_RETRY), GOFER_ESTATE);
    CHECK_OK(b->ops->flows->act(b, "f", "bad2", GF_FLOW_ACT_RETRY));
    CHECK_STR(shown(b, "f"), "running: a=archived b=skipped c=skipped bad2=pending");
    end(b, "f:3");
    CHECK_STR(shown(b, "f"), "failed: a=archived b=skipped c=skipped bad2=done");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "f:0"));       // by hand is the same
    CHECK_STR(shown(b, "f"), "running: a=pending b=waiting c=waiting bad2=done");
    run_expecting(b, "f:0 f:1 f:2");
    CHECK_STR(shown(b, "f"), "done: a=done b=done c=done bad2=done");
    start_as(b, "g", "a b<a", GF_FLOW_STOP);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "g:0"));
    CHECK_STR(shown(b, "g"), "failed: a=deleted b=skipped");
    CHECK_OK(act(b, "g", GF_FLOW_ACT_RETRY));              // its task is made anew
    run_expecting(b, "g:0 g:1");
    CHECK_STR(shown(b, "g"), "done: a=done b=done");
    closes(b);
}

static void a_flow_that_is_late_is_over(void)
{
    planned p;
    gf_broker *b = flows_open();
    plan_read(&p, "f", "a b<a c<b*");
    p.plan.deadline_ms = gf_now_ms() - 1;
    CHECK_OK(b->ops->flows->start(b, &p.plan));
    plan_end(&p);
    relay(b);
    CHECK_STR(shown(b, "f"), "expired: a=cancelled b=skipped c=skipped");
    closes(b);
}

static void a_flow_is_kept_for_its_time(void)
{
    planned p;
    gf_broker *b = flows_open();
    plan_read(&p, "f", "a b<a");
    p.plan.retention_ms = 1;
    CHECK_OK(b->ops->flows->start(b, &p.plan));
    plan_end(&p);
    start_as(b, "stays", "a", GF_FLOW_STOP);
    run_expecting(b, "f:0 stays:0 f:1");
    do
        relay(b);
    while (strcmp(shown(b, "f"), "ENOTFOUND") != 0);
    CHECK_STR(shown(b, "stays"), "done: a=done");
    closes(b);
}

// ---- looking ------------------------------------------------------------------------------------

static void a_result_is_read_by_the_name_of_its_step(void)
{
    gf_broker *b = flows_open();
    void *bytes = NULL;
    size_t size = 9, large = 100000;
    uint32_t n = 9;
    char *much = gf_calloc(1, large);
    REQUIRE(much);
    start_as(b, "f", "a b quiet c<a,b,quiet", GF_FLOW_STOP);
    CHECK_INT(b->ops->flows->result(b, "f", "a", &n, &bytes, &size), GOFER_ESTATE);
    CHECK_OK(finish(b, taken(b, "f:0"),
        (gf_finish){ .outcome = GF_DONE, .result = "one\0two", .result_size = 7 }));
    CHECK_OK(finish(b, taken(b, "f:1"),
        (gf_finish){ .outcome = GF_DONE, .result = much, .result_size = large }));
    end(b, "f:2");
    follow(b);
    REQUIRE_OK(b->ops->flows->result(b, "f", "a", &n, &bytes, &size));
    CHECK(size == 7 && memcmp(bytes, "one\0two", 7) == 0);
    gf_free(bytes);
    REQUIRE_OK(b->ops->flows->result(b, "f", "b", &n, &bytes, &size));
    CHECK_INT(n, 1);
    CHECK_INT(size, large);
    gf_free(bytes);
    REQUIRE_OK(b->ops->flows->result(b, "f", "quiet", &n, &bytes, &size));
    CHECK(bytes == NULL && size == 0);
    CHECK_INT(b->ops->flows->result(b, "f", "z", &n, &bytes, &size), GOFER_ENOTFOUND);
    CHECK_INT(b->ops->flows->result(b, "z", "a", &n, &bytes, &size), GOFER_ENOTFOUND);
    gf_free(much);
    end(b, "f:3");
    closes(b);
}

static void flows_are_listed_the_latest_first(void)
{
    gf_broker *b = flows_open();
    char id[16], ids[64] = "", cursor[32] = "";
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "f%d", i);
        start_as(b, id, "a", GF_FLOW_STOP);
    }
    end(b, "f0:0");
    follow(b);
    do {
        gofer_info *page = NULL;
        REQUIRE_OK(b->ops->flows->list(b, GF_FLOW_RUNNING, cursor, 3, &page));
        for (size_t i = 0; i < gofer_info_count(page); i++)
            snprintf(ids + strlen(ids), sizeof ids - strlen(ids), " %s",
                gofer_info_text(gofer_info_at(page, i), "id"));
        const char *next = gofer_info_text(page, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        gofer_info_free(page);
    } while (*cursor);
    CHECK_STR(ids, " f4 f3 f2 f1");
    gofer_info *page = NULL;
    REQUIRE_OK(b->ops->flows->list(b, GF_FLOW_STATES, "", 10, &page));
    CHECK_INT(gofer_info_count(page), 5);
    gofer_info_free(page);
    CHECK_INT(b->ops->flows->list(b, GF_FLOW_STATES, "x", 10, &page), GOFER_EINVAL);
    run_expecting(b, "f1:0 f2:0 f3:0 f4:0");
    closes(b);
}

// ---- many ---------------------------------------------------------------------------------------

// Runs all that there is; how many tasks.
static size_t run_all(gf_broker *b)
{
    size_t all = 0, count;
    gf_claim *claims[256];
    do {
        relay(b);
        count = take(b, "q", COUNT(claims), claims);
        gf_finish finishes[COUNT(claims)];
        for (size_t i = 0; i < count; i++)
            finishes[i] = (gf_finish){ .claim = claims[i], .outcome = GF_DONE };
        if (count)
            REQUIRE_OK(b->ops->tasks->exchange(b, finishes, count, NULL));
        for (size_t i = 0; i < count; i++) {
            CHECK_OK(finishes[i].status);
            gf_claim_free(claims[i]);
        }
        all += count;
    } while (count > 0);
    return all;
}

// One before all, and one after all: more than a transaction does.
static void a_flow_fans_out_and_in(void)
{
    enum { WIDE = 2000 };
    planned p;
    char name[16];
    gf_broker *b = flows_open();
    plan_begin(&p, "f", WIDE + 2, 2 * WIDE);
    plan_step(&p, "first");
    for (size_t i = 0; i < WIDE; i++) {
        snprintf(name, sizeof name, "s%zu", i);
        plan_dep(&p, plan_step(&p, name), 0, GF_RULE_SUCCESS);
    }
    gf_flow_step *join = plan_step(&p, "join");
    for (size_t i = 0; i < WIDE; i++)
        plan_dep(&p, join, i + 1, GF_RULE_SUCCESS);
    REQUIRE_OK(b->ops->flows->start(b, &p.plan));
    plan_end(&p);
    CHECK_INT(run_all(b), WIDE + 2);
    CHECK_INT(number(b, "f", "ended"), WIDE + 2);
    CHECK_INT(number(b, "f", "failed"), 0);
    closes(b);
}

// ---- a model ------------------------------------------------------------------------------------

typedef enum { M_WAITS, M_PUT, M_DONE, M_FAILED, M_SKIPPED } model_state;

typedef struct model {
    const planned *p;
    model_state    state[FEW];
    bool           stopped;
} model;

static bool model_ready(const model *m, const gf_flow_step *step, bool *skip)
{
    *skip = false;
    for (size_t i = 0; i < step->dep_count; i++) {
        model_state s = m->state[step->deps[i].step];
        if (s < M_DONE)
            return false;
        gf_flow_rule rule = step->deps[i].rule;
        *skip |= (rule == GF_RULE_SUCCESS && s != M_DONE) ||
            (rule == GF_RULE_FAILURE && s != M_FAILED);
    }
    return true;
}

static bool model_asks(const gf_flow_step *step)
{
    for (size_t i = 0; i < step->dep_count; i++)
        if (step->deps[i].rule != GF_RULE_SUCCESS)
            return true;
    return false;
}

static void model_stop(model *m)
{
    const gf_flow_plan *plan = &m->p->plan;
    m->stopped = true;
    for (size_t i = 0; i < plan->count; i++) {
        if (m->state[i] == M_WAITS && !model_asks(&plan->steps[i]))
            m->state[i] = M_SKIPPED;
        if (m->state[i] == M_PUT && plan->on_dead == GF_FLOW_CANCEL)
            m->state[i] = M_FAILED;
    }
}

static void model_settle(model *m)
{
    const gf_flow_plan *plan = &m->p->plan;
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < plan->count; i++)
            if (m->state[i] == M_FAILED && !m->stopped && plan->on_dead != GF_FLOW_CONTINUE)
                model_stop(m);
        for (size_t i = 0; i < plan->count; i++) {
            bool skip;
            if (m->state[i] != M_WAITS || !model_ready(m, &plan->steps[i], &skip))
                continue;
            m->state[i] = skip ? M_SKIPPED : M_PUT;
            changed = true;
        }
    }
}

static void model_compare(gf_broker *b, const model *m)
{
    gofer_info *flow = NULL;
    follow(b);
    REQUIRE_OK(b->ops->flows->show(b, m->p->plan.id, true, &flow));
    const gofer_info *steps = gofer_info_child(flow, "steps");
    for (size_t i = 0; i < m->p->plan.count; i++) {
        const char *is = gofer_info_text(gofer_info_at(steps, i), "state");
        model_state got = strcmp(is, "waiting") == 0 ? M_WAITS
            : strcmp(is, "pending") == 0             ? M_PUT
            : strcmp(is, "done") == 0                ? M_DONE
            : strcmp(is, "skipped") == 0             ? M_SKIPPED
                                                     : M_FAILED;
        CHECK_INT(got, m->state[i]);
    }
    gofer_info_free(flow);
}

// Any plan, whose tasks end in any way, comes to what the rules say after each of the ends.
static void random_plans_do_as_a_model_does(void)
{
    gf_broker *b = flows_open();
    srand(1);
    for (int round = 0; round < 40; round++) {
        planned p;
        char id[16], name[16];
        size_t count = 2 + (size_t)rand() % 14, index;
        snprintf(id, sizeof id, "r%d", round);
        plan_begin(&p, id, FEW, FEW * FEW);
        p.plan.on_dead = (gf_flow_on_dead)(rand() % 3);
        for (size_t i = 0; i < count; i++) {
            snprintf(name, sizeof name, "s%zu", i);
            gf_flow_step *step = plan_step(&p, name);
            for (size_t j = 0; j < i; j++)
                if (rand() % 4 == 0)
                    plan_dep(&p, step, j, rand() % 2 ? GF_RULE_SUCCESS
                                                     : (gf_flow_rule)(rand() % 3));
        }
        model m = { .p = &p };
        REQUIRE_OK(b->ops->flows->start(b, &p.plan));
        model_settle(&m);
        model_compare(b, &m);
        for (gf_claim *claim; (claim = take_one(b, "q")) != NULL;) {
            bool fails = rand() % 3 == 0;
            REQUIRE(sscanf(strchr(claim->message.id, ':'), ":%zu", &index) == 1);
            CHECK_INT(m.state[index], M_PUT);
            m.state[index] = fails ? M_FAILED : M_DONE;
            CHECK_OK(finish(b, claim, (gf_finish){ .outcome = fails ? GF_ARCHIVE : GF_DONE,
                .error = "e" }));
            model_settle(&m);
            model_compare(b, &m);
        }
        for (size_t i = 0; i < count; i++)
            CHECK(m.state[i] >= M_DONE);
        CHECK(number(b, id, "ended_at_ms") > 0);
        plan_end(&p);
    }
    closes(b);
}

suite suite_flow(void)
{
    static const check_test tests[] = {
        TEST(a_step_is_put_when_those_before_it_are_done),
        TEST(rules_say_what_comes_after_a_failure),
        TEST(a_failure_may_cancel_what_runs),
        TEST(every_end_of_a_task_is_one_of_its_step),
        TEST(acts_on_waiting_tasks_end_their_steps),
        TEST(a_crash_ends_a_step_when_it_ends_the_task),
        TEST(a_retry_is_no_end),
        TEST(a_replaced_task_is_still_its_steps),
        TEST(a_taken_id_is_a_failure_of_the_step),
        TEST(a_step_is_run_for_each_item_of_a_list),
        TEST(a_list_may_come_in_parts),
        TEST(what_is_no_list_is_a_failure),
        TEST(what_was_made_may_fail_and_be_retried),
        TEST(a_list_that_comes_late_begins_nothing),
        TEST(a_list_makes_no_more_steps_than_there_may_be),
        TEST(the_same_plan_may_be_started_again),
        TEST(a_step_may_be_put_for_later),
        TEST(a_paused_flow_puts_nothing),
        TEST(a_cancelled_flow_begins_nothing_and_may_be_retried),
        TEST(a_retry_opens_a_failed_flow),
        TEST(a_flow_that_is_late_is_over),
        TEST(a_flow_is_kept_for_its_time),
        TEST(a_result_is_read_by_the_name_of_its_step),
        TEST(flows_are_listed_the_latest_first),
        TEST(a_flow_fans_out_and_in),
        TEST(random_plans_do_as_a_model_does),
    };
    return (suite){ tests, COUNT(tests) };
}
