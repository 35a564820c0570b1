// inspect_test.c - filters, pages over queues and states, and acts on all that match, on a
// private store and on Redis.
#include "gofer/gofer.h"

#include <stdio.h>
#include <stdlib.h>

#include "check.h"
#include "util/clock.h"

enum { MANY = 2600 };                      // more than a step, and more than a page of the store

// An empty store: a private one, or the Redis that the test was given.
static gofer_client *open_empty(void)
{
    gofer_client *c = NULL;
    gofer_info *queues = NULL;
    const char *url = getenv("GOFER_TEST_REDIS");
    REQUIRE_OK(gofer_client_open(&c, url ? url : "memory:", NULL));
    REQUIRE_OK(gofer_client_queues(c, &queues));
    for (size_t i = 0; i < gofer_info_count(queues); i++)
        CHECK_OK(
            gofer_client_queue_delete(c, gofer_info_text(gofer_info_at(queues, i), "queue"), 1));
    gofer_info_free(queues);
    return c;
}

static void put(gofer_client *c, const char *queue, const char *type, const char *id,
    int64_t delay_ms)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = queue;
    o.task_id = id;
    o.delay_ms = delay_ms;
    REQUIRE_OK(gofer_client_enqueue(c, type, "x", 1, &o, NULL));
}

// id is a printf format for the number.
static void put_many(gofer_client *c, const char *queue, const char *type, const char *id,
    int count, int64_t delay_ms)
{
    char name[40];
    for (int i = 0; i < count; i++) {
        snprintf(name, sizeof name, id, i);
        put(c, queue, type, name, delay_ms);
    }
}

static int64_t count_of(gofer_client *c, const char *queue, const char *state)
{
    gofer_info *info = NULL;
    REQUIRE_OK(gofer_client_queue(c, queue, &info));
    int64_t count = gofer_info_int(info, state, -1);
    gofer_info_free(info);
    return count;
}

// All that match, page by page; *pages (may be NULL) tells how many.
static int64_t find_all(gofer_client *c, const char *queue, const char *state,
    const gofer_filter *f, int32_t limit, int *pages)
{
    char cursor[600] = "";
    int64_t found = 0;
    int more = 1;
    for (int i = 0; more && i < 10000; i++) {
        gofer_info *page = NULL;
        REQUIRE_OK(gofer_client_find(c, queue, state, f, *cursor ? cursor : NULL, limit, &page));
        CHECK(gofer_info_count(page) <= (size_t)(limit ? limit : 30));
        CHECK(
            gofer_info_int(page, "looked", -1) >= 0 && gofer_info_int(page, "looked", -1) <= 10000);
        found += (int64_t)gofer_info_count(page);
        const char *next = gofer_info_text(page, "next_cursor");
        more = next != NULL;
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        if (pages)
            ++*pages;
        gofer_info_free(page);
    }
    CHECK(!more);
    return found;
}

// ---- finding ------------------------------------------------------------------------------------

static void pages_go_over_queues_and_states_without_gap_or_repeat(void)
{
    gofer_client *c = open_empty();
    put_many(c, "a", "t", "p%d", 70, 0);
    put_many(c, "mail:1", "t", "m7%d", 50, 0);       // m70 to m749
    put_many(c, "mail:1", "t", "s8%d", 10, 3600000);
    put_many(c, "mail:2", "t", "n9%d", 5, 3600000);
    CHECK_INT(find_all(c, NULL, NULL, NULL, 7, NULL), 135);
    CHECK_INT(find_all(c, NULL, NULL, NULL, 0, NULL), 135);
    CHECK_INT(find_all(c, NULL, "scheduled", NULL, 1, NULL), 15);
    CHECK_INT(find_all(c, "mail:*", NULL, NULL, 1000, NULL), 65);
    CHECK_INT(find_all(c, "mail:*", "pending", NULL, 13, NULL), 50);
    CHECK_INT(find_all(c, "mail:1", NULL, NULL, 60, NULL), 60);
    CHECK_INT(find_all(c, "a", "pending", NULL, 9, NULL), 70);
    CHECK_INT(find_all(c, "none:*", NULL, NULL, 9, NULL), 0);
    gofer_client_close(c);
}

static void filters_pick_out_what_matches_all_of_them(void)
{
    gofer_client *c = open_empty();
    put_many(c, "q", "mail:send", "send-%d", 40, 0);
    put_many(c, "q", "mail:read", "read-%d", 30, 0);
    put_many(c, "q", "report", "report-%d", 20, 0);
    static const struct { gofer_filter f; int64_t want; } cases[] = {
        { { .type = "mail:*" }, 70 },
        { { .type = "mail:send" }, 40 },
        { { .type = "mail:" }, 0 },
        { { .type = "*" }, 90 },
        { { .id = "read-*" }, 30 },
        { { .id = "read-7" }, 1 },
        { { .id = "read-7", .type = "report" }, 0 },
        { { .id = "no-such" }, 0 },
        { { .type = "mail:*", .id = "s*" }, 40 },
        { { .error = "disk" }, 0 },
        { { .group = "g" }, 0 },
        { { .older_ms = 3600000 }, 0 },
        { { .younger_ms = 3600000 }, 90 },
        { { .younger_ms = 3600000, .type = "report" }, 20 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_filter f = cases[i].f;
        f.size = sizeof f;
        CHECK_INT(find_all(c, NULL, NULL, &f, 7, NULL), cases[i].want);
        CHECK_INT(find_all(c, "q", "pending", &f, 1000, NULL), cases[i].want);
    }
    gofer_client_close(c);
}

static void what_a_page_shows_is_in_the_form_of_a_list(void)
{
    gofer_client *c = open_empty();
    gofer_info *page = NULL;
    gofer_filter f;
    gofer_filter_init(&f);
    f.id = "one";
    put(c, "q", "t", "one", 0);
    REQUIRE_OK(gofer_client_find(c, NULL, NULL, &f, NULL, 0, &page));
    REQUIRE(gofer_info_count(page) == 1);
    const gofer_info *task = gofer_info_at(page, 0);
    CHECK_STR(gofer_info_text(task, "queue"), "q");
    CHECK(!gofer_info_has(task, "payload") && gofer_info_int(task, "payload_size", 0) == 1);
    CHECK_INT(gofer_info_int(page, "looked", 0), 1);
    gofer_info_free(page);
    gofer_client_close(c);
}

static void one_call_looks_at_a_bounded_number_and_goes_on_from_there(void)
{
    enum { ALL = 10050 };
    gofer_client *c = open_empty();
    const char *types[500];
    const gofer_enqueue_options *opts[500];
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = "q";
    for (int i = 0; i < 500; i++) {
        types[i] = "t";
        opts[i] = &o;
    }
    for (int i = 0; i < ALL; i += 500)
        REQUIRE_OK(gofer_client_enqueue_many(c, ALL - i < 500 ? (size_t)(ALL - i) : 500, types,
            NULL, NULL, opts, NULL, NULL));
    put(c, "q", "rare", "last", 0);
    gofer_filter f;
    gofer_filter_init(&f);
    f.type = "rare";
    gofer_info *page = NULL;
    REQUIRE_OK(gofer_client_find(c, "q", "pending", &f, NULL, 5, &page));
    CHECK_INT(gofer_info_count(page), 0);
    CHECK_INT(gofer_info_int(page, "looked", 0), 10000);
    CHECK(gofer_info_has(page, "next_cursor"));
    gofer_info_free(page);
    int pages = 0;
    CHECK_INT(find_all(c, "q", "pending", &f, 5, &pages), 1);
    CHECK_INT(pages, 2);
    gofer_client_close(c);
}

static void a_cursor_outlives_its_queue(void)
{
    gofer_client *c = open_empty();
    put_many(c, "a", "t", "a%d", 5, 0);
    put_many(c, "b", "t", "b%d", 5, 0);
    put_many(c, "c", "t", "c%d", 5, 0);
    gofer_info *page = NULL;
    REQUIRE_OK(gofer_client_find(c, NULL, "pending", NULL, NULL, 7, &page));
    REQUIRE_OK(gofer_client_queue_delete(c, "b", 1));
    gofer_info *rest = NULL;
    REQUIRE_OK(gofer_client_find(c, NULL, "pending", NULL, gofer_info_text(page, "next_cursor"),
        100, &rest));
    CHECK_INT(gofer_info_count(rest), 5);
    CHECK_STR(gofer_info_text(gofer_info_at(rest, 0), "id"), "c0");
    gofer_info_free(page);
    gofer_info_free(rest);
    gofer_client_close(c);
}

static void bad_filters_cursors_and_acts_are_refused(void)
{
    gofer_client *c = open_empty();
    gofer_info *page = NULL;
    gofer_filter f;
    put(c, "q", "t", "1", 0);
    static const struct { gofer_filter f; const char *text; } cases[] = {
        { { .type = "" }, "type of the filter" },
        { { .id = "a\xFF" }, "UTF-8" },
        { { .group = "" }, "group of the filter" },
        { { .error = "" }, "error of the filter" },
        { { .older_ms = -1 }, "older_ms" },
        { { .younger_ms = INT64_MAX }, "younger_ms" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        f = cases[i].f;
        f.size = sizeof f;
        CHECK_STATUS(gofer_client_find(c, "q", "pending", &f, NULL, 0, &page), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), cases[i].text);
        CHECK_STATUS(gofer_client_act(c, GOFER_ACT_COUNT, "q", "pending", &f, NULL, NULL, NULL),
            GOFER_EINVAL);
    }
    static const char *const cursors[] = { "x", "pending", "pending:", "pending:1:q",
        "pending:2:q:", "pending:0::", "pending:-1:q:", "pending:999999999999999999999:q:",
        "active:1:q:", "pending:1:r:", "pending:1:q:garbage" };
    for (size_t i = 0; i < COUNT(cursors); i++)
        CHECK_STATUS(gofer_client_find(c, "q", "pending", NULL, cursors[i], 0, &page),
            GOFER_EINVAL);
    CHECK_STATUS(gofer_client_find(c, "q", "pending", NULL, NULL, 1001, &page), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_find(c, "q", "wrong", NULL, NULL, 0, &page), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_find(c, "q{", "pending", NULL, NULL, 0, &page), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_find(c, "nowhere", "pending", NULL, NULL, 0, &page), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_find(c, "q", "pending", NULL, NULL, 0, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_find(NULL, "q", "pending", NULL, NULL, 0, &page), GOFER_EINVAL);
    CHECK(page == NULL);

    CHECK_STATUS(gofer_client_act(c, 5, "q", "pending", NULL, NULL, NULL, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_act(c, -1, "q", "pending", NULL, NULL, NULL, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_act(c, GOFER_ACT_RUN, "q", "pending", NULL, NULL, NULL, NULL),
        GOFER_ESTATE);
    CHECK_STATUS(gofer_client_act(c, GOFER_ACT_DELETE, "q", "active", NULL, NULL, NULL, NULL),
        GOFER_ESTATE);
    CHECK_STATUS(gofer_client_act(c, GOFER_ACT_CANCEL, "q", "archived", NULL, NULL, NULL, NULL),
        GOFER_ESTATE);
    CHECK_STATUS(gofer_client_act(c, GOFER_ACT_ARCHIVE, "q", "archived", NULL, NULL, NULL, NULL),
        GOFER_ESTATE);
    CHECK_STATUS(gofer_client_act(c, GOFER_ACT_DELETE, "nowhere", "pending", NULL, NULL, NULL,
                     NULL),
        GOFER_ENOTFOUND);
    CHECK_INT(count_of(c, "q", "pending"), 1);
    gofer_client_close(c);
}

// ---- acting -------------------------------------------------------------------------------------

static void counting_changes_nothing(void)
{
    gofer_client *c = open_empty();
    gofer_filter f;
    gofer_filter_init(&f);
    f.type = "b";
    int64_t done = -1;
    put_many(c, "q", "a", "a%d", 10, 0);
    put_many(c, "q", "b", "b%d", 20, 3600000);
    put_many(c, "r", "b", "c%d", 5, 3600000);
    CHECK_OK(gofer_client_act(c, GOFER_ACT_COUNT, NULL, NULL, NULL, NULL, NULL, &done));
    CHECK_INT(done, 35);
    CHECK_OK(gofer_client_act(c, GOFER_ACT_COUNT, NULL, "scheduled", &f, NULL, NULL, &done));
    CHECK_INT(done, 25);
    CHECK_OK(gofer_client_act(c, GOFER_ACT_COUNT, "q", NULL, &f, NULL, NULL, &done));
    CHECK_INT(done, 20);
    CHECK_INT(count_of(c, "q", "scheduled"), 20);
    gofer_client_close(c);
}

// Every second task matches, and each act takes it out of the list that is being read.
static void a_bulk_act_misses_none_and_touches_no_other(void)
{
    static const struct { int32_t act; const char *from, *to; int64_t delay; } cases[] = {
        { GOFER_ACT_RUN, "scheduled", "pending", 3600000 },
        { GOFER_ACT_ARCHIVE, "pending", "archived", 0 },
        { GOFER_ACT_DELETE, "pending", NULL, 0 },
        { GOFER_ACT_DELETE, "scheduled", NULL, 3600000 },
        { GOFER_ACT_CANCEL, "pending", "archived", 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_client *c = open_empty();
        gofer_filter f;
        gofer_filter_init(&f);
        f.type = "odd";
        char id[24];
        for (int t = 0; t < MANY; t++) {
            snprintf(id, sizeof id, "t%d", t);
            put(c, "q", t % 2 ? "odd" : "even", id, cases[i].delay);
        }
        int64_t done = -1;
        CHECK_OK(gofer_client_act(c, cases[i].act, "q", cases[i].from, &f, NULL, NULL, &done));
        CHECK_INT(done, MANY / 2);
        CHECK_INT(count_of(c, "q", cases[i].from), MANY / 2);
        if (cases[i].to)
            CHECK_INT(count_of(c, "q", cases[i].to), MANY / 2);
        CHECK_INT(find_all(c, "q", cases[i].from, &f, 1000, NULL), 0);
        // The rest, without a filter, in every state that allows it.
        CHECK_OK(gofer_client_act(c, GOFER_ACT_DELETE, "q*", NULL, NULL, NULL, NULL, &done));
        CHECK_INT(done, cases[i].to ? MANY : MANY / 2);
        gofer_client_close(c);
    }
}

// Nothing of a page is left for its cursor to name.
static void a_bulk_act_that_matches_all_leaves_none(void)
{
    static const struct { int32_t act; const char *from; int64_t delay; } cases[] = {
        { GOFER_ACT_ARCHIVE, "pending", 0 }, { GOFER_ACT_DELETE, "scheduled", 3600000 },
        { GOFER_ACT_CANCEL, "pending", 0 },
        { GOFER_ACT_RUN, "scheduled", 3600000 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_client *c = open_empty();
        gofer_filter f;
        gofer_filter_init(&f);
        f.type = "*";
        int64_t done = -1;
        put_many(c, "q", "t", "t%d", MANY, cases[i].delay);
        CHECK_OK(gofer_client_act(c, cases[i].act, "q", cases[i].from, &f, NULL, NULL, &done));
        CHECK_INT(done, MANY);
        CHECK_INT(count_of(c, "q", cases[i].from), 0);
        gofer_client_close(c);
    }
}

static void an_id_is_acted_on_wherever_it_is(void)
{
    gofer_client *c = open_empty();
    gofer_filter f;
    gofer_filter_init(&f);
    f.id = "b";
    int64_t done = -1;
    put(c, "q", "t", "a", 0);
    put(c, "r", "t", "b", 0);
    CHECK_OK(gofer_client_act(c, GOFER_ACT_ARCHIVE, NULL, NULL, &f, NULL, NULL, &done));
    CHECK_INT(done, 1);
    CHECK_INT(count_of(c, "q", "pending"), 1);
    CHECK_INT(count_of(c, "r", "archived"), 1);
    CHECK_OK(gofer_client_act(c, GOFER_ACT_ARCHIVE, NULL, NULL, &f, NULL, NULL, &done));
    CHECK_INT(done, 0);
    gofer_client_close(c);
}

typedef struct told {
    int64_t looked, done;
    int     calls, stop_at;
} told;

static int32_t on_progress(void *user, int64_t looked, int64_t done)
{
    told *t = user;
    CHECK(looked >= t->looked && done >= t->done && looked >= done);
    t->looked = looked;
    t->done = done;
    return ++t->calls == t->stop_at;
}

static void progress_is_told_and_can_stop_it(void)
{
    gofer_client *c = open_empty();
    told all = { 0 }, some = { .stop_at = 2 };
    int64_t done = -1;
    put_many(c, "q", "t", "t%d", MANY, 3600000);
    CHECK_STATUS(gofer_client_act(c, GOFER_ACT_RUN, "q", "scheduled", NULL, on_progress, &some,
                     &done),
        GOFER_EHANDLER);
    CHECK(done > 0 && done < MANY);
    CHECK_INT(some.calls, 2);
    CHECK_INT(count_of(c, "q", "pending"), done);
    CHECK_OK(gofer_client_act(c, GOFER_ACT_RUN, "q", "scheduled", NULL, on_progress, &all, &done));
    CHECK_INT(some.done + done, MANY);
    CHECK_INT(all.done, done);
    CHECK_INT(count_of(c, "q", "pending"), MANY);
    // Those that do not match are looked at, not done.
    told few = { 0 };
    gofer_filter f;
    gofer_filter_init(&f);
    f.type = "few";
    put_many(c, "r", "t", "t%d", 30, 3600000);
    put_many(c, "r", "few", "f%d", 10, 3600000);
    CHECK_OK(gofer_client_act(c, GOFER_ACT_RUN, "r", "scheduled", &f, on_progress, &few, &done));
    CHECK_INT(done, 10);
    CHECK_INT(few.done, 10);
    CHECK_INT(few.looked, 40);
    gofer_client_close(c);
}

// A name that ends in '*' is a pattern to find and act; the older functions take it as it is.
// So many steps are wanted; then it stops.
typedef struct checking {
    int64_t steps, most;
} checking;

static int32_t on_step(void *user, int64_t steps, int64_t mended)
{
    checking *k = user;
    CHECK_INT(steps, k->steps + 1);
    CHECK_INT(mended, 0);
    k->steps = steps;
    return steps == k->most;
}

static void a_check_tells_its_steps_and_can_be_stopped(void)
{
    gofer_client *c = open_empty();
    checking all = { 0, -1 }, some = { 0, 1 };
    gofer_info *list = NULL;
    CHECK_OK(gofer_client_check_watched(c, 0, on_step, &all, &list));
    CHECK(all.steps > 1 && list);
    gofer_info_free(list);
    list = NULL;
    CHECK_STATUS(gofer_client_check_watched(c, 1, on_step, &some, &list), GOFER_EHANDLER);
    CHECK_INT(some.steps, 1);
    gofer_info_free(list);
    list = NULL;
    CHECK_OK(gofer_client_check_watched(c, 0, NULL, NULL, &list));
    gofer_info_free(list);
    CHECK_STATUS(gofer_client_check_watched(c, 0, NULL, NULL, NULL), GOFER_EINVAL);
    gofer_client_close(c);
}

static void the_older_bulk_functions_take_a_queue_by_its_name(void)
{
    gofer_client *c = open_empty();
    int64_t count = -1;
    put(c, "q*", "t", "1", 3600000);
    put(c, "q1", "t", "2", 3600000);
    CHECK_OK(gofer_client_tasks_run(c, "q*", "scheduled", &count));
    CHECK_INT(count, 1);
    CHECK_INT(count_of(c, "q1", "scheduled"), 1);
    CHECK_STATUS(gofer_client_tasks_delete(c, NULL, "scheduled", &count), GOFER_EINVAL);
    CHECK_INT(count, 0);
    gofer_client_close(c);
}

// ---- changing one -------------------------------------------------------------------------------

static void a_waiting_task_is_edited_and_rescheduled(void)
{
    gofer_client *c = open_empty();
    gofer_info *task = NULL;
    size_t size = 0;
    put(c, "q", "t", "one", 0);
    CHECK_OK(gofer_client_task_edit(c, NULL, "one", "new\0er", 6));
    CHECK_OK(gofer_client_task_reschedule(c, "q", "one", INT64_C(4102444800000)));
    REQUIRE_OK(gofer_client_task(c, "q", "one", &task));
    const void *payload = gofer_info_bytes(task, "payload", &size);
    CHECK_MEM(payload, size, "new\0er", 6);
    CHECK_STR(gofer_info_text(task, "state"), "scheduled");
    CHECK_INT(gofer_info_int(task, "next_run_at_ms", 0), INT64_C(4102444800000));
    gofer_info_free(task);
    CHECK_OK(gofer_client_task_edit(c, "q", "one", NULL, 0));
    CHECK_OK(gofer_client_task_reschedule(c, "q", "one", 0));
    REQUIRE_OK(gofer_client_task(c, "q", "one", &task));
    CHECK_STR(gofer_info_text(task, "state"), "pending");
    CHECK_INT(gofer_info_int(task, "payload_size", -1), 0);
    gofer_info_free(task);
    int64_t before_ms = gf_now_ms();
    CHECK_OK(gofer_client_task_delay(c, NULL, "one", 3600000));
    REQUIRE_OK(gofer_client_task(c, "q", "one", &task));
    CHECK_STR(gofer_info_text(task, "state"), "scheduled");
    CHECK(gofer_info_int(task, "next_run_at_ms", 0) >= before_ms + 3600000);
    // In whole seconds, on Redis.
    CHECK(gofer_info_int(task, "next_run_at_ms", 0) <= gf_now_ms() + 3600000 + 1000);
    gofer_info_free(task);
    CHECK_OK(gofer_client_task_delay(c, "q", "one", 0));
    REQUIRE_OK(gofer_client_task(c, "q", "one", &task));
    CHECK_STR(gofer_info_text(task, "state"), "pending");
    gofer_info_free(task);
    CHECK_STATUS(gofer_client_task_edit(c, NULL, "none", "x", 1), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_task_edit(c, "q", "one", NULL, 1), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_task_edit(c, "q", "one", "x", (size_t)1 << 30), GOFER_ETOOBIG);
    CHECK_STATUS(gofer_client_task_reschedule(c, "q", "one", -1), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_task_reschedule(NULL, "q", "one", 1), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_task_delay(c, "q", "none", 1), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_task_delay(c, "q", "one", -1), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_task_delay(c, "q", "one", GOFER_MAX_DURATION_MS + 1), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_task_delay(NULL, "q", "one", 1), GOFER_EINVAL);
    gofer_client_close(c);
}

static void a_waiting_task_is_cancelled(void)
{
    gofer_client *c = open_empty();
    gofer_info *task = NULL;
    put(c, "q", "t", "one", 0);
    CHECK_OK(gofer_client_task_cancel(c, NULL, "one"));
    REQUIRE_OK(gofer_client_task(c, "q", "one", &task));
    CHECK_STR(gofer_info_text(task, "state"), "archived");
    const gofer_info *attempts = gofer_info_child(task, "attempts");
    CHECK_INT(gofer_info_count(attempts), 1);
    CHECK_STR(gofer_info_text(gofer_info_at(attempts, 0), "kind"), "cancelled");
    gofer_info_free(task);
    CHECK_STATUS(gofer_client_task_cancel(c, "q", "one"), GOFER_ESTATE);
    gofer_client_close(c);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(pages_go_over_queues_and_states_without_gap_or_repeat),
        TEST(filters_pick_out_what_matches_all_of_them),
        TEST(what_a_page_shows_is_in_the_form_of_a_list),
        TEST(one_call_looks_at_a_bounded_number_and_goes_on_from_there),
        TEST(a_cursor_outlives_its_queue),
        TEST(bad_filters_cursors_and_acts_are_refused),
        TEST(counting_changes_nothing),
        TEST(a_bulk_act_misses_none_and_touches_no_other),
        TEST(a_bulk_act_that_matches_all_leaves_none),
        TEST(an_id_is_acted_on_wherever_it_is),
        TEST(progress_is_told_and_can_stop_it),
        TEST(a_check_tells_its_steps_and_can_be_stopped),
        TEST(the_older_bulk_functions_take_a_queue_by_its_name),
        TEST(a_waiting_task_is_edited_and_rescheduled),
        TEST(a_waiting_task_is_cancelled),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
