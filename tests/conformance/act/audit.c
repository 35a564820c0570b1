// audit.c - the audit: what was added comes back, newest first, and no more is kept than shall be.
#include "../fixture.h"
#include "../suites.h"

#include <stdio.h>
#include <string.h>

#include "../raw.h"
#include "client/client.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/record.h"

static void add(gf_broker *b, const char *record, int64_t keep)
{
    CHECK_OK(b->ops->audit->add(b, record, keep));
}

static void fill(gf_broker *b, int from, int to)
{
    for (int i = from; i <= to; i++) {
        char record[32];
        snprintf(record, sizeof record, "act=%d", i);
        add(b, record, 0);
    }
}

// The acts of a page, as "3 2 1", and the number of its last record.
static const char *page(gf_broker *b, int64_t before, size_t limit, int64_t *last)
{
    static char out[512];
    gf_names lines = { 0 };
    size_t used = 0;
    *out = '\0';
    CHECK_OK(b->ops->audit->page(b, before, limit, &lines));
    for (size_t i = 0; i < lines.count; i++) {
        char *act = NULL;
        size_t size;
        REQUIRE(gf_record_get_text(lines.names[i], "act", &act, &size));
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%s", i ? " " : "",
            act ? act : "?");
        gf_free(act);
        *last = gf_record_get_int(lines.names[i], "n", -1);
    }
    gf_names_clear(&lines);
    return out;
}

static void pages_go_from_the_newest_to_the_oldest(void)
{
    gf_broker *b = store_open();
    int64_t last = 0;
    CHECK_STR(page(b, 0, 10, &last), "");
    fill(b, 1, 5);
    CHECK_STR(page(b, 0, 2, &last), "5 4");
    add(b, "act=new", 0);                    // what comes meanwhile moves nothing
    CHECK_STR(page(b, last, 2, &last), "3 2");
    CHECK_STR(page(b, last, 2, &last), "1");
    CHECK_INT(last, 1);
    CHECK_STR(page(b, last, 2, &last), "");
    CHECK_STR(page(b, 0, 1, &last), "new");
    CHECK_INT(last, 6);
    store_close(b);
}

static void no_more_is_kept_than_shall_be(void)
{
    gf_broker *b = store_open();
    int64_t last = 0;
    fill(b, 1, 4);
    add(b, "act=keep", 3);
    CHECK_STR(page(b, 0, 10, &last), "keep 4 3");
    fill(b, 5, 8);                           // it holds for all that follow
    CHECK_STR(page(b, 0, 10, &last), "8 7 6");
    CHECK_INT(last, 7);                      // and numbers go on
    add(b, "act=more", 100);
    fill(b, 9, 12);
    CHECK_STR(page(b, 0, 10, &last), "12 11 10 9 more 8 7 6");
    store_close(b);
}

static void a_record_has_the_time_of_the_store(void)
{
    gf_broker *b = store_open();
    gf_names lines = { 0 };
    int64_t before_ms = gf_now_ms();
    add(b, "act=x\tmessage=a\\tb\\nc", 0);
    CHECK_OK(b->ops->audit->page(b, 0, 1, &lines));
    REQUIRE(lines.count == 1);
    int64_t at_ms = gf_record_get_int(lines.names[0], "at_ms", 0);
    CHECK(at_ms >= before_ms - 1000 && at_ms <= gf_now_ms() + 1000);
    CHECK(strstr(lines.names[0], "\tact=x\tmessage=a\\tb\\nc") != NULL);
    gf_names_clear(&lines);
    store_close(b);
}

static void memory_that_runs_out_is_told(void)
{
    gf_broker *b = store_open();
    gf_names lines = { 0 };
    add(b, "act=x", 0);
    for (int n = 1, done = 0; !done && n < 1000; n++) {
        memory_fail_at(n);
        done = done_or_no_memory(b->ops->audit->add(b, "act=y", 0)) && !memory_failed();
        memory_fail_at(0);
    }
    for (int n = 1, done = 0; !done && n < 1000; n++) {
        memory_fail_at(n);
        done = done_or_no_memory(b->ops->audit->page(b, 0, 10, &lines)) && !memory_failed();
        memory_fail_at(0);
        gf_names_clear(&lines);
    }
    store_close(b);
}

// ---- through the public doors -------------------------------------------------------------------

static gofer_client *client_open(void)
{
    gofer_client *c = NULL;
    REQUIRE_OK(gofer_client_open(&c, store_is_shared() ? store_url() : "memory:", NULL));
    return c;
}

static void note(gofer_client *c, const char *actor, const char *act)
{
    gofer_audit a;
    gofer_audit_init(&a);
    a.actor = actor;
    a.via = "cli";
    a.act = act;
    a.count = 1;
    CHECK_OK(gofer_client_audit_add(c, &a));
}

// The acts of all pages of `limit`, as "a b | c"; what a filter leaves of it.
static const char *acts(gofer_client *c, const gofer_audit_filter *filter, int32_t limit)
{
    static char out[512];
    char cursor[64] = "";
    size_t used = 0;
    *out = '\0';
    do {
        gofer_info *list = NULL;
        REQUIRE_OK(gofer_client_audit(c, filter, *cursor ? cursor : NULL, limit, &list));
        for (size_t i = 0; i < gofer_info_count(list); i++)
            used += (size_t)snprintf(out + used, sizeof out - used, "%s%s", i ? " " : "",
                gofer_info_text(gofer_info_at(list, i), "act"));
        const char *next = gofer_info_text(list, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        if (next)
            used += (size_t)snprintf(out + used, sizeof out - used, " | ");
        gofer_info_free(list);
    } while (*cursor);
    return out;
}

static void all_fields_come_back(void)
{
    store_close(store_open());
    gofer_client *c = client_open();
    gofer_info *list = NULL;
    gofer_audit a;
    gofer_audit_init(&a);
    a.actor = "ann\tx\n\xE2\x80\xAE<script>";
    a.via = "web";
    a.address = "127.0.0.1";
    a.act = "task.delete";
    a.queue = "mail";
    a.target = "id-1";
    a.outcome = "ENOTFOUND";
    a.message = "no task 'id-1' \xFF";       // not UTF-8
    a.count = 3;
    CHECK_OK(gofer_client_audit_add(c, &a));
    REQUIRE_OK(gofer_client_audit(c, NULL, NULL, 0, &list));
    REQUIRE(gofer_info_count(list) == 1);
    const gofer_info *item = gofer_info_at(list, 0);
    CHECK_STR(gofer_info_text(item, "actor"), a.actor);
    CHECK_STR(gofer_info_text(item, "via"), "web");
    CHECK_STR(gofer_info_text(item, "address"), "127.0.0.1");
    CHECK_STR(gofer_info_text(item, "act"), "task.delete");
    CHECK_STR(gofer_info_text(item, "queue"), "mail");
    CHECK_STR(gofer_info_text(item, "target"), "id-1");
    CHECK_STR(gofer_info_text(item, "outcome"), "ENOTFOUND");
    CHECK_STR(gofer_info_text(item, "message"), "no task 'id-1' \xEF\xBF\xBD");
    CHECK_INT(gofer_info_int(item, "count", 0), 3);
    CHECK(gofer_info_int(item, "at_ms", 0) > 0);
    CHECK(!gofer_info_has(list, "next_cursor"));
    gofer_info_free(list);
    gofer_client_close(c);
}

static void long_texts_are_cut_between_characters(void)
{
    store_close(store_open());
    gofer_client *c = client_open();
    gofer_info *list = NULL;
    enum { SIZE = 4000 };
    char longest[SIZE + 1];
    for (size_t i = 0; i < SIZE; i += 2)
        memcpy(longest + i, "\xC3\xA4", 2);
    longest[SIZE] = '\0';
    gofer_audit a = { .size = sizeof a, .actor = longest, .via = longest, .address = longest,
        .act = longest, .queue = longest, .target = longest, .outcome = longest,
        .message = longest };
    CHECK_OK(gofer_client_audit_add(c, &a));
    REQUIRE_OK(gofer_client_audit(c, NULL, NULL, 0, &list));
    const gofer_info *item = gofer_info_at(list, 0);
    REQUIRE(item != NULL);
    CHECK_INT(strlen(gofer_info_text(item, "actor")), 128);
    CHECK_INT(strlen(gofer_info_text(item, "via")), 16);
    CHECK_INT(strlen(gofer_info_text(item, "queue")), 254);    // 255 would cut a character
    CHECK_INT(strlen(gofer_info_text(item, "target")), 512);
    CHECK_INT(strlen(gofer_info_text(item, "message")), 512);
    gofer_info_free(list);
    gofer_client_close(c);
}

static void filters_and_pages(void)
{
    store_close(store_open());
    gofer_client *c = client_open();
    gofer_audit_filter f;
    note(c, "ann", "task.run");
    note(c, "bob", "queue.pause");
    note(c, "ann", "task.delete");
    note(c, "annabel", "tasks.run");
    CHECK_STR(acts(c, NULL, 0), "tasks.run task.delete queue.pause task.run");
    CHECK_STR(acts(c, NULL, 2), "tasks.run task.delete | queue.pause task.run");
    CHECK_STR(acts(c, NULL, 3), "tasks.run task.delete queue.pause | task.run");
    gofer_audit_filter_init(&f);
    f.actor = "ann";
    CHECK_STR(acts(c, &f, 0), "task.delete task.run");
    CHECK_STR(acts(c, &f, 1), "task.delete | task.run");
    f.actor = "ann*";
    f.act = "task*";
    CHECK_STR(acts(c, &f, 0), "tasks.run task.delete task.run");
    f.act = "task.*";
    CHECK_STR(acts(c, &f, 0), "task.delete task.run");
    f.since_ms = gf_now_ms() + 3600000;
    CHECK_STR(acts(c, &f, 0), "");
    gofer_client_close(c);
}

static void what_is_wrong_is_refused(void)
{
    store_close(store_open());
    gofer_client *c = client_open();
    gofer_info *list = NULL;
    gofer_audit a;
    gofer_audit_init(&a);
    CHECK_STATUS(gofer_client_audit_add(c, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_audit_add(c, &a), GOFER_EINVAL);
    a.actor = "ann";
    a.via = "cli";
    a.act = "";
    CHECK_STATUS(gofer_client_audit_add(c, &a), GOFER_EINVAL);
    a.act = "x";
    a.keep = -1;
    CHECK_STATUS(gofer_client_audit_add(c, &a), GOFER_EINVAL);
    a.keep = 1000001;
    CHECK_STATUS(gofer_client_audit_add(c, &a), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_audit_add(NULL, &a), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_audit(c, NULL, NULL, 0, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_audit(c, NULL, "x", 0, &list), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_audit(c, NULL, "0", 0, &list), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_audit(c, NULL, "99999999999999999999", 0, &list), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_audit(c, NULL, NULL, 1001, &list), GOFER_EINVAL);
    CHECK_STR(acts(c, NULL, 0), "");
    gofer_client_close(c);
}

// On Redis another program may write there what it likes.
static void what_no_gofer_wrote_is_passed_over(void)
{
    gf_broker *b = store_open();
    int64_t last = 0;
    if (!store_is_redis()) {
        store_close(b);
        return;
    }
    gofer_client *c = client_open();
    raw_run("RPUSH asynq:gofer:audit garbage n:x act=y");
    CHECK_STR(acts(c, NULL, 0), "");
    note(c, "ann", "a");
    note(c, "ann", "b");
    CHECK_STR(acts(c, NULL, 0), "b a");
    CHECK_STR(acts(c, NULL, 1), "b | a | ");
    CHECK_STR(page(b, 0, 1, &last), "b");
    raw_run("SET asynq:gofer:audit x");
    gofer_audit a = { .size = sizeof a, .actor = "a", .via = "cli", .act = "x" };
    gofer_info *list = NULL;
    CHECK_STATUS(gofer_client_audit_add(c, &a), GOFER_ECORRUPT);
    CHECK_STATUS(gofer_client_audit(c, NULL, NULL, 0, &list), GOFER_ECORRUPT);
    gofer_client_close(c);
    store_close(b);
}

suite suite_audit(void)
{
    static const check_test tests[] = {
        TEST(pages_go_from_the_newest_to_the_oldest),
        TEST(no_more_is_kept_than_shall_be),
        TEST(a_record_has_the_time_of_the_store),
        TEST(memory_that_runs_out_is_told),
        TEST(all_fields_come_back),
        TEST(long_texts_are_cut_between_characters),
        TEST(filters_and_pages),
        TEST(what_is_wrong_is_refused),
        TEST(what_no_gofer_wrote_is_passed_over),
    };
    return (suite){ tests, COUNT(tests) };
}
