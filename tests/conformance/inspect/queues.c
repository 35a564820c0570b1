// queues.c - pages of queues by name.
#include "fixture.h"
#include "suites.h"

enum { MANY = 150 };

// The names of all pages of `limit`, as "a b c"; *pages tells how many. Good until the next call.
static const char *names_of(gf_broker *b, gf_queue_range range, int *pages)
{
    static char names[MANY * 8];
    char after[GF_NAME_MAX + 1];
    size_t used = 0;
    names[0] = '\0';
    for (*pages = 0;; ++*pages) {
        gofer_info *page = NULL;
        REQUIRE_OK(b->ops->inspect->queues_page(b, &range, &page));
        CHECK(!range.limit || gofer_info_count(page) <= range.limit);
        for (size_t i = 0; i < gofer_info_count(page); i++)
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? " " : "",
                gofer_info_text(gofer_info_at(page, i), "queue"));
        const char *cursor = gofer_info_text(page, "next_cursor");
        snprintf(after, sizeof after, "%s", cursor ? cursor : "");
        gofer_info_free(page);
        if (!cursor)
            break;
        range.after = after;
    }
    ++*pages;
    return names;
}

static void pages_go_by_name(void)
{
    gf_broker *b = store_open();
    int pages = 0;
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "", .limit = 2 }, &pages), "");
    CHECK_INT(pages, 1);
    static const char *const queues[] = { "mail:b", "z", "mail", "mail:a", "Mail", "mail:\xc3\xa9",
        "mailer", "a" };
    for (size_t i = 0; i < COUNT(queues); i++)
        put(b, queues[i], "t");
    static const char all[] = "Mail a mail mail:a mail:b mail:\xc3\xa9 mailer z";
    for (size_t limit = 0; limit <= COUNT(queues) + 1; limit++) {
        CHECK_STR(names_of(b, (gf_queue_range){ .begin = "", .limit = limit }, &pages), all);
        CHECK_INT(pages, limit ? (COUNT(queues) + limit - 1) / limit : 1);
    }
    for (size_t limit = 1; limit < 4; limit++)
        CHECK_STR(names_of(b, (gf_queue_range){ .begin = "mail:", .limit = limit }, &pages),
            "mail:a mail:b mail:\xc3\xa9");
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "mail", .exact = true, .limit = 1 }, &pages),
        "mail");
    CHECK_INT(pages, 1);
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "mai", .exact = true, .limit = 1 }, &pages),
        "");
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "nothing", .limit = 9 }, &pages), "");
    store_close(b);
}

// The name need not be a queue's, nor be there still.
static void a_page_begins_behind_any_name(void)
{
    gf_broker *b = store_open();
    int pages = 0;
    put(b, "b", "t");
    put(b, "d", "t");
    put(b, "f", "t");
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "", .after = "a", .limit = 9 }, &pages),
        "b d f");
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "", .after = "c", .limit = 9 }, &pages),
        "d f");
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "", .after = "d", .limit = 9 }, &pages), "f");
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "", .after = "z", .limit = 9 }, &pages), "");
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "b", .after = "c", .limit = 9 }, &pages), "");
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "d", .after = "a", .limit = 9 }, &pages), "d");
    store_close(b);
}

// More than are asked about together; each is told as it is when it is asked for alone.
static void pages_tell_what_one_queue_tells(void)
{
    gf_broker *b = store_open();
    char name[16], all[MANY * 8];
    size_t used = 0;
    int pages = 0;
    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "q%03d", i);
        put(b, name, "t");
        used += (size_t)snprintf(all + used, sizeof all - used, "%s%s", i ? " " : "", name);
    }
    CHECK_STR(names_of(b, (gf_queue_range){ .begin = "", .limit = MANY }, &pages), all);
    CHECK_INT(pages, 1);
    put(b, "q077", "u");
    gf_claim *claim = take_one(b, "q077");
    gofer_info *page = NULL;
    REQUIRE_OK(b->ops->inspect->queues_page(b,
        &(gf_queue_range){ .begin = "q", .after = "q076", .limit = 1 }, &page));
    REQUIRE(gofer_info_count(page) == 1);
    CHECK_STR(gofer_info_text(page, "next_cursor"), "q077");
    const gofer_info *queue = gofer_info_at(page, 0);
    static const char *const fields[] = { "paused", "pending", "active", "size", "processed" };
    CHECK_INT(gofer_info_int(queue, "active", -1), 1);
    for (size_t i = 0; i < COUNT(fields); i++)
        CHECK_INT(gofer_info_int(queue, fields[i], -1), queue_number(b, "q077", fields[i]));
    gofer_info_free(page);
    done(b, claim);
    store_close(b);
}

// More than are asked for together, so that both ends of a piece are met.
static void queues_with_pending_tasks_are_told(void)
{
    enum { QUEUES = 1500 };
    static const size_t with[] = { 0, 1, 511, 512, 1023, 1024, 1400, 1499 };
    static char names[QUEUES][8];
    char *queues[QUEUES];
    bool filled[QUEUES];
    gf_broker *b = store_open();
    for (size_t i = 0; i < QUEUES; i++) {
        snprintf(names[i], sizeof names[i], "q%04zu", i);
        queues[i] = names[i];
    }
    REQUIRE_OK(b->ops->inspect->filled(b, queues, 0, filled));
    REQUIRE_OK(b->ops->inspect->filled(b, queues, QUEUES, filled));
    for (size_t i = 0; i < QUEUES; i++)
        CHECK(!filled[i]);
    put(b, "other", "t");
    for (size_t i = 0; i < COUNT(with); i++)
        put(b, queues[with[i]], "t");
    REQUIRE_OK(b->ops->inspect->filled(b, queues, QUEUES, filled));
    size_t at = 0;
    for (size_t i = 0; i < QUEUES; i++) {
        bool wants = at < COUNT(with) && with[at] == i;
        CHECK(filled[i] == wants);
        at += wants;
    }
    REQUIRE_OK(b->ops->inspect->filled(b, queues + 512, 1, filled));
    CHECK(filled[0]);
    done(b, take_one(b, queues[512]));
    REQUIRE_OK(b->ops->inspect->filled(b, queues + 511, 2, filled));
    CHECK(filled[0] && !filled[1]);
    store_close(b);
}

suite suite_queues(void)
{
    static const check_test tests[] = { TEST(pages_go_by_name),
        TEST(a_page_begins_behind_any_name), TEST(pages_tell_what_one_queue_tells),
        TEST(queues_with_pending_tasks_are_told) };
    return (suite){ tests, COUNT(tests) };
}
