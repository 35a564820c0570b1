// group.c - groups: tasks that wait to be made one, taken as a set, combined, or put back.
#include "fixture.h"
#include "raw.h"
#include "suites.h"
#include "util/clock.h"

enum { HOUR_MS = 3600000 };

// Nothing is ready but by number.
static const gf_group_rule by_size = { .grace_ms = HOUR_MS, .max_size = 2 };

static void put_grouped(gf_broker *b, const char *group, const char *id)
{
    gf_message m = message("q", id);
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .group = group }));
}

static gf_group_set *take_set(gf_broker *b, const gf_group_rule *rule)
{
    gf_group_set *set = NULL;
    gofer_status st = b->ops->groups->take(b, "w", "q", rule, &set);
    if (st == GOFER_EEMPTY)
        return NULL;
    CHECK_OK(st);
    return set;
}

static const char *ids_of(const gf_group_set *set)
{
    static char text[512];
    *text = '\0';
    for (size_t i = 0; set && i < set->count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "",
            set->tasks[i].id);
    return text;
}

static gf_group_set *need_set(gf_broker *b, const gf_group_rule *rule, const char *group,
    const char *ids)
{
    gf_group_set *set = take_set(b, rule);
    REQUIRE(set != NULL);
    CHECK_STR(set->group, group);
    CHECK_STR(set->queue, "q");
    CHECK_STR(ids_of(set), ids);
    return set;
}

// The groups as "name:size name:size".
static const char *groups(gf_broker *b)
{
    static char text[512];
    gofer_info *list;
    *text = '\0';
    if (!CHECK_OK(b->ops->inspect->groups(b, "q", NULL, &list)))
        return text;
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *one = gofer_info_at(list, i);
        CHECK(gofer_info_int(one, "oldest_at_ms", 0) > 0);
        CHECK(gofer_info_int(one, "newest_at_ms", 0) >= gofer_info_int(one, "oldest_at_ms", 0));
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s:%d", *text ? " " : "",
            gofer_info_text(one, "group"), (int)gofer_info_int(one, "size", -1));
    }
    gofer_info_free(list);
    return text;
}

// ---- pages

enum { PAGED = 60 };

// Told before a page but the first is asked for.
typedef void (*between_fn)(gf_broker *b, int page);

// The names of all pages of `limit` (0: all in one), as "a b c"; *pages tells how many. Good until
// the next call.
static const char *paged(gf_broker *b, size_t limit, between_fn between, int *pages)
{
    static char names[PAGED * 16];
    char cursor[GF_NAME_MAX * 3 + 1] = "";
    size_t used = 0;
    *names = '\0';
    for (*pages = 0; *pages == 0 || *cursor; ++*pages) {
        gofer_info *page;
        if (*pages && between)
            between(b, *pages);
        REQUIRE_OK(b->ops->inspect->groups(b, "q",
            &(gf_page){ .cursor = *cursor ? cursor : NULL, .limit = limit }, &page));
        CHECK(!limit || gofer_info_count(page) <= limit);
        for (size_t i = 0; i < gofer_info_count(page); i++) {
            const gofer_info *one = gofer_info_at(page, i);
            CHECK_INT(gofer_info_int(one, "size", 0), 1);
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used ? " " : "",
                gofer_info_text(one, "group"));
        }
        const char *next = gofer_info_text(page, "next_cursor");
        CHECK(!next || strcmp(next, cursor) != 0);
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        gofer_info_free(page);
    }
    return names;
}

static void groups_come_by_pages(void)
{
    gf_broker *b = store_open();
    int pages = 0;
    char name[16], all[PAGED * 16] = "";
    put(b, "q", "plain");
    CHECK_STR(paged(b, 7, NULL, &pages), "");
    CHECK_INT(pages, 1);
    for (int i = 0; i < PAGED; i++) {        // not in the order of their names
        snprintf(name, sizeof name, "g%02d", i * 7 % PAGED);
        put_grouped(b, name, name);
    }
    for (int i = 0; i < PAGED; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%sg%02d", i ? " " : "", i);
    static const size_t limits[] = { 1, 7, PAGED - 1, PAGED, PAGED + 1, 0 };
    for (size_t i = 0; i < COUNT(limits); i++) {
        CHECK_STR(paged(b, limits[i], NULL, &pages), all);
        CHECK_INT(pages, limits[i] ? (PAGED + limits[i] - 1) / limits[i] : 1);
    }
    store_close(b);
}

static void pages_of_groups_hold_any_name(void)
{
    static const char *const names[] = { "%", "%25", "%3A", "100%", ":", "A", "a", "a:", "a:b",
        "a=b", "a\"b", "\xc3\xa9", "\xe2\x80\xae", "\xf0\x9f\x90\xbf" };
    gf_broker *b = store_open();
    char all[256] = "", longest[GF_NAME_MAX + 1];
    int pages = 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        size_t at = i * 5 % COUNT(names);
        put_grouped(b, names[at], names[at]);
    }
    static const size_t order[] = { 0, 1, 2, 3, 4, 5, 6, 10, 7, 8, 9, 11, 12, 13 };  // of bytes
    for (size_t i = 0; i < COUNT(order); i++)
        snprintf(all + strlen(all), sizeof all - strlen(all), "%s%s", i ? " " : "",
            names[order[i]]);
    for (size_t limit = 1; limit <= COUNT(names); limit++)
        CHECK_STR(paged(b, limit, NULL, &pages), all);
    memset(longest, ':', GF_NAME_MAX);       // its cursor is thrice as long
    longest[GF_NAME_MAX] = '\0';
    put_grouped(b, longest, "longest");
    paged(b, 1, NULL, &pages);
    CHECK_INT(pages, COUNT(names) + 1);
    store_close(b);
}

// Before the second page: one before it goes, one comes; that it stands behind goes; one comes
// behind all.
static void come_and_go(gf_broker *b, int page)
{
    if (page != 1)
        return;
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "b"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "d"));
    put_grouped(b, "a", "late a");
    put_grouped(b, "f", "late f");
    put_grouped(b, "z", "late z");
}

static void groups_that_come_and_go_leave_the_others_in_place(void)
{
    gf_broker *b = store_open();
    int pages = 0;
    for (const char *name = "bdhl"; *name; name++) {
        char group[2] = { *name, '\0' };
        put_grouped(b, group, group);
    }
    CHECK_STR(paged(b, 2, come_and_go, &pages), "b d f h l z");
    CHECK_STR(paged(b, 2, NULL, &pages), "a f h l z");
    gofer_info *page;
    CHECK_OK(b->ops->inspect->groups(b, "q", &(gf_page){ .cursor = "zz", .limit = 1 }, &page));
    CHECK_INT(gofer_info_count(page), 0);
    CHECK(!gofer_info_has(page, "next_cursor"));
    gofer_info_free(page);
    CHECK_STATUS(b->ops->inspect->groups(b, "none", &(gf_page){ .limit = 1 }, &page),
        GOFER_ENOTFOUND);
    store_close(b);
}

static gofer_status combine(gf_broker *b, const gf_group_set *set, const char *id)
{
    gf_message m = message("q", id);
    m.type = "batch";
    return b->ops->groups->put(b, set, &m, 0);
}

static void grouped_tasks_wait_aside(void)
{
    gf_broker *b = store_open();
    put_grouped(b, "g", "a");
    put_grouped(b, "h", "b");
    put_grouped(b, "g", "c");
    put(b, "q", "plain");
    CHECK_INT(queue_number(b, "q", "aggregating"), 3);
    CHECK_INT(queue_number(b, "q", "groups"), 2);
    CHECK_INT(queue_number(b, "q", "size"), 4);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    CHECK_STR(groups(b), "g:2 h:1");
    CHECK_STR(task_state(b, "q", "a"), "aggregating");
    CHECK_STR(task_text(b, "q", "c", "group"), "g");
    for (size_t limit = 1; limit <= 4; limit++)
        CHECK_STR(page_ids(b, "q", GF_AGGREGATING, limit), "a c b");   // group by group
    gofer_info *page;
    CHECK_OK(b->ops->inspect->tasks(b, "q", GF_AGGREGATING, NULL, 10, &page));
    CHECK_STR(gofer_info_text(gofer_info_at(page, 1), "group"), "g");
    CHECK_STR(gofer_info_text(gofer_info_at(page, 2), "state"), "aggregating");
    gofer_info_free(page);
    put_grouped(b, "g", "a");            // the same again
    CHECK_STR(groups(b), "g:2 h:1");
    drain_expecting(b, "q", "plain");
    CHECK_STATUS(b->ops->inspect->groups(b, "none", NULL, &page), GOFER_ENOTFOUND);
    store_close(b);
    store_check_sound();
}

static void a_full_group_is_taken_and_made_one(void)
{
    gf_broker *b = store_open();
    put_grouped(b, "g", "a");
    CHECK(take_set(b, &by_size) == NULL);
    put_grouped(b, "g", "b");
    put_grouped(b, "g", "c");
    gf_group_set *set = need_set(b, &by_size, "g", "a b");
    CHECK_STR(set->tasks[1].type, "email:welcome");
    CHECK_MEM(set->tasks[1].payload, set->tasks[1].payload_size, "{\"to\":1}", 8);
    CHECK(set->until_ms > gf_mono_ms());
    CHECK(take_set(b, &by_size) == NULL);        // one is left
    CHECK_STR(groups(b), "g:1");
    CHECK_INT(queue_number(b, "q", "aggregating"), 3);
    CHECK_OK(combine(b, set, "made"));
    CHECK_OK(combine(b, set, "made"));           // the answer was lost
    CHECK_INT(queue_number(b, "q", "aggregating"), 1);
    CHECK_STR(task_state(b, "q", "a"), "");
    CHECK_STR(task_state(b, "q", "c"), "aggregating");
    done(b, need_one(b, "q", "made"));
    CHECK_OK(combine(b, set, "made"));           // and so late that it has been done
    CHECK(take_one(b, "q") == NULL);
    gf_group_set_free(set);
    store_close(b);
    store_check_sound();
}

static void large_payloads_and_headers_come_whole(void)
{
    static char big[5000];
    static const char headers[] = "k\0v";
    gf_broker *b = store_open();
    memset(big, 'x', sizeof big);
    gf_message m = message("q", "big"), small = message("q", "small");
    m.payload = big;
    m.payload_size = sizeof big;
    m.headers = headers;
    m.headers_size = sizeof headers;
    small.payload = NULL;
    small.payload_size = 0;
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .group = "g" }));
    CHECK_OK(put_as(b, (gf_put){ .message = &small, .group = "g" }));
    gf_group_set *set = need_set(b, &by_size, "g", "big small");
    CHECK_MEM(set->tasks[0].payload, set->tasks[0].payload_size, big, sizeof big);
    CHECK_MEM(set->tasks[0].headers, set->tasks[0].headers_size, headers, sizeof headers);
    CHECK_INT(set->tasks[1].payload_size, 0);
    CHECK_OK(combine(b, set, "made"));
    gf_group_set_free(set);
    store_close(b);
    store_check_sound();
}

static void a_set_put_back_is_whole_again(void)
{
    gf_broker *b = store_open();
    put_grouped(b, "g", "a");
    put_grouped(b, "g", "b");
    gf_group_set *set = need_set(b, &by_size, "g", "a b");
    CHECK_STR(groups(b), "");
    put_grouped(b, "g", "c");
    CHECK_OK(b->ops->groups->back(b, set));
    CHECK_STR(groups(b), "g:3");
    CHECK_STATUS(combine(b, set, "made"), GOFER_ESTALE);
    CHECK_STR(task_state(b, "q", "made"), "");
    CHECK_OK(b->ops->groups->back(b, set));
    gf_group_set_free(set);
    set = need_set(b, &by_size, "g", "a b");
    CHECK_OK(combine(b, set, "made"));
    CHECK_OK(b->ops->groups->back(b, set));        // too late: it is made
    CHECK_STR(groups(b), "g:1");
    gf_group_set_free(set);
    store_close(b);
    store_check_sound();
}

static void a_group_is_ready_by_its_times(void)
{
    static const gf_group_rule by_grace = { .grace_ms = 1000 },
                               by_delay = { .grace_ms = HOUR_MS, .max_delay_ms = 1000 },
                               by_neither = { .grace_ms = HOUR_MS };
    gf_broker *b = store_open();
    put_grouped(b, "g", "a");
    gf_group_set *set;
    for (int64_t end = gf_mono_ms() + PATIENCE_MS;
         (set = take_set(b, &by_grace)) == NULL && gf_mono_ms() < end;)
        gf_sleep_us(20000);
    CHECK_STR(ids_of(set), "a");
    CHECK_OK(b->ops->groups->back(b, set));
    gf_group_set_free(set);
    put_grouped(b, "g", "b");                    // the oldest is old enough
    CHECK(take_set(b, &by_neither) == NULL);
    set = need_set(b, &by_delay, "g", "a b");
    CHECK_OK(b->ops->groups->back(b, set));
    gf_group_set_free(set);
    store_close(b);
    store_check_sound();
}

static void groups_take_turns_and_are_chosen_by_name(void)
{
    static const char *const names[] = { "x*", "h" }, *const except[] = { "h" };
    gf_broker *b = store_open();
    for (char c = 'a'; c < 'g'; c++)
        put_grouped(b, "g", (const char[]){ 'g', c, '\0' });
    put_grouped(b, "h", "h1");
    put_grouped(b, "h", "h2");
    gf_group_set *one = take_set(b, &by_size), *two = take_set(b, &by_size);
    REQUIRE(one != NULL && two != NULL);
    CHECK(strcmp(one->group, two->group) != 0);  // the full one does not come twice
    CHECK_OK(b->ops->groups->back(b, one));
    CHECK_OK(b->ops->groups->back(b, two));
    gf_group_set_free(one);
    gf_group_set_free(two);

    gf_group_rule rule = by_size;
    rule.names = names;
    rule.name_count = 2;
    one = need_set(b, &rule, "h", "h1 h2");
    CHECK(take_set(b, &rule) == NULL);
    CHECK_OK(b->ops->groups->back(b, one));
    gf_group_set_free(one);
    rule.except = except;
    rule.except_count = 1;
    CHECK(take_set(b, &rule) == NULL);
    put_grouped(b, "xyz", "x1");
    put_grouped(b, "xyz", "x2");
    one = need_set(b, &rule, "xyz", "x1 x2");
    CHECK_OK(combine(b, one, "made"));
    gf_group_set_free(one);
    store_close(b);
    store_check_sound();
}

static void tasks_of_a_group_can_be_acted_on(void)
{
    gf_broker *b = store_open();
    const char *ids[] = { "run", "archive", "delete", "cancel", "rest" };
    for (size_t i = 0; i < COUNT(ids); i++)
        put_grouped(b, "g", ids[i]);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "run"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, "archive"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "delete"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "cancel"));
    CHECK_STR(groups(b), "g:1");
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x2");
    CHECK_STR(task_attempts(b, "q", "cancel"), "cancelled");
    put_grouped(b, "h", "more");
    size_t moved = 0;
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_AGGREGATING, GF_PENDING, 10, &moved));
    CHECK_INT(moved, 2);
    CHECK_STR(groups(b), "");
    CHECK_INT(queue_number(b, "q", "groups"), 0);
    CHECK_STR(queue_counts(b, "q"), "p3 a0 s0 r0 c0 x2");
    put_grouped(b, "g", "last");
    CHECK_STATUS(b->ops->act->queue_delete(b, "q", false), GOFER_ESTATE);
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    store_close(b);
    store_check_sound();
}

static void what_is_being_made_one_is_not_acted_on(void)
{
    gf_broker *b = store_open();
    put_grouped(b, "g", "a");
    put_grouped(b, "g", "b");
    put_grouped(b, "g", "c");
    gf_group_set *set = need_set(b, &by_size, "g", "a b");
    CHECK(gf_act_one(b, "q", GF_ACT_RUN, "a") != GOFER_OK);
    CHECK(gf_act_one(b, "q", GF_ACT_CANCEL, "b") != GOFER_OK);
    CHECK(take_one(b, "q") == NULL);
    size_t moved = 9;
    CHECK_OK(b->ops->act->tasks_move(b, "q", GF_AGGREGATING, GF_ARCHIVED, 10, &moved));
    CHECK_INT(moved, 1);
    CHECK_OK(combine(b, set, "made"));
    gf_group_set_free(set);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x1");
    store_close(b);
    store_check_sound();
}

static void the_locks_of_those_made_one_are_freed(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "a"), again = message("q", "again");
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .group = "g", .unique_ms = HOUR_MS }));
    put_grouped(b, "g", "b");
    gf_group_set *set = need_set(b, &by_size, "g", "a b");
    CHECK_STATUS(put_as(b, (gf_put){ .message = &again, .unique_ms = HOUR_MS }), GOFER_EDUPLICATE);
    CHECK_OK(combine(b, set, "made"));
    CHECK_OK(put_as(b, (gf_put){ .message = &again, .unique_ms = HOUR_MS }));
    gf_group_set_free(set);
    store_close(b);
    store_check_sound();
}

static void the_combined_task_may_not_take_anothers_id(void)
{
    gf_broker *b = store_open();
    put(b, "q", "taken");
    put_grouped(b, "g", "a");
    put_grouped(b, "g", "b");
    gf_group_set *set = need_set(b, &by_size, "g", "a b");
    CHECK_STATUS(combine(b, set, "taken"), GOFER_EEXIST);
    CHECK_OK(combine(b, set, "free"));
    gf_group_set_free(set);
    drain_expecting(b, "q", "taken free");
    store_close(b);
    store_check_sound();
}

static void the_set_of_a_worker_that_left_goes_back(void)
{
    if (!store_sees_death())
        OMIT("it is taken back when its time is over");
    gf_broker *b = store_open();
    put_grouped(b, "g", "a");
    put_grouped(b, "g", "b");
    worker_register(b, "leaves");
    gf_group_set *set = NULL;
    size_t done = 9;
    CHECK_STATUS(b->ops->groups->take(b, "nobody", "q", &by_size, &set), GOFER_ESTATE);
    REQUIRE_OK(b->ops->groups->take(b, "leaves", "q", &by_size, &set));
    CHECK_OK(b->ops->groups->reclaim(b, 10, &done));
    CHECK_INT(done, 0);
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "leaves"));
    CHECK_OK(b->ops->groups->reclaim(b, 10, &done));
    CHECK_INT(done, 1);
    CHECK_STR(groups(b), "g:2");
    CHECK_STATUS(combine(b, set, "made"), GOFER_ESTALE);
    gf_group_set_free(set);
    // And with recovery, which is where a death is seen.
    worker_register(b, "dies");
    REQUIRE_OK(b->ops->groups->take(b, "dies", "q", &by_size, &set));
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "dies"));
    gf_recovered r = { 0 };
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_STR(groups(b), "g:2");
    gf_group_set_free(set);
    store_close(b);
    store_check_sound();
}

// Their time is over, or whoever took them has left.
static void sets_end(gf_broker *b, const char *worker)
{
    char keys[2048], *rest = NULL;
    if (!store_is_redis()) {
        CHECK_OK(b->ops->upkeep->worker_deregister(b, worker));
        return;
    }
    snprintf(keys, sizeof keys, "%s", raw_text("ZRANGE asynq:{q}:aggregation_sets 0 -1"));
    for (char *key = strtok_r(keys, " ", &rest); key; key = strtok_r(NULL, " ", &rest))
        raw_run("ZADD asynq:{q}:aggregation_sets 1000 %s", key);
}

// ---- sets that do not come back ----------------------------------------------------------------

static const gf_group_rule by_four = { .grace_ms = HOUR_MS, .max_size = 4 };

// As need_set, for a worker of its own; so often it did not come back before.
static gf_group_set *take_crashed(gf_broker *b, const gf_group_rule *rule, const char *ids,
    int32_t crashes)
{
    gf_group_set *set = NULL;
    worker_register(b, "dies");
    REQUIRE_OK(b->ops->groups->take(b, "dies", "q", rule, &set));
    CHECK_STR(ids_of(set), ids);
    CHECK_INT(set->crashes, crashes);
    return set;
}

static void taken_back(gf_broker *b)
{
    size_t done = 0;
    sets_end(b, "dies");
    CHECK_OK(b->ops->groups->reclaim(b, 10, &done));
    CHECK(done > 0);
}

static void crash_set(gf_broker *b, const gf_group_rule *rule, const char *ids, int32_t crashes)
{
    gf_group_set_free(take_crashed(b, rule, ids, crashes));
    taken_back(b);
}

// A look that wants no suspects: what it finds ("" nothing), and whether there are some.
static const char *clean(gf_broker *b, const gf_group_rule *rule, bool *suspects)
{
    gf_group_rule its = *rule;
    *suspects = false;
    its.suspects = suspects;
    gf_group_set *set = take_set(b, &its);
    const char *ids = ids_of(set);
    if (set)
        CHECK_OK(b->ops->groups->back(b, set));
    gf_group_set_free(set);
    return ids;
}

static void a_set_that_does_not_come_back_is_counted(void)
{
    gf_broker *b = store_open();
    bool suspects = true;
    put_grouped(b, "g", "a");
    put_grouped(b, "g", "b");
    CHECK_STR(clean(b, &by_size, &suspects), "a b");
    CHECK(!suspects);
    for (int32_t i = 0; i < 5; i++)
        crash_set(b, &by_size, "a b", i);
    CHECK_STR(clean(b, &by_size, &suspects), "");
    CHECK(suspects);
    put_grouped(b, "h", "c");
    put_grouped(b, "h", "d");
    CHECK_STR(clean(b, &by_size, &suspects), "c d");         // others are not held up
    CHECK_INT(task_number(b, "q", "a", "crashes"), 0);       // it was never run itself
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "a"));
    gf_claim *a = need_one(b, "q", "a");
    CHECK_INT(a->message.crashes, 0);
    CHECK_INT(a->message.suspect, 0);
    done(b, a);
    store_close(b);
    store_check_sound();
}

static void a_set_that_comes_back_is_charged_with_nothing(void)
{
    gf_broker *b = store_open();
    bool suspects = true;
    put_grouped(b, "g", "a");
    put_grouped(b, "g", "b");
    crash_set(b, &by_size, "a b", 0);
    crash_set(b, &by_size, "a b", 1);
    gf_group_set *set = take_crashed(b, &by_size, "a b", 2);
    CHECK_OK(b->ops->groups->back(b, set));
    gf_group_set_free(set);
    CHECK_STR(clean(b, &by_size, &suspects), "a b");
    CHECK(!suspects);
    set = take_crashed(b, &by_size, "a b", 0);
    CHECK_OK(combine(b, set, "made"));
    gf_group_set_free(set);
    drain_expecting(b, "q", "made");
    store_close(b);
    store_check_sound();
}

static void sets_that_did_not_come_back_are_not_mixed(void)
{
    gf_broker *b = store_open();
    for (char c = 'a'; c < 'e'; c++)
        put_grouped(b, "g", (const char[]){ c, '\0' });
    gf_group_set *one = take_crashed(b, &by_size, "a b", 0);
    gf_group_set *two = take_crashed(b, &by_size, "c d", 0);
    taken_back(b);
    gf_group_set_free(one);
    gf_group_set_free(two);
    put_grouped(b, "g", "e");
    put_grouped(b, "g", "f");
    one = take_crashed(b, &by_four, "a b", 1);               // there is room for more
    two = take_crashed(b, &by_four, "c d", 1);
    CHECK_STR(groups(b), "g:2");
    CHECK_OK(combine(b, one, "made"));
    CHECK_OK(b->ops->groups->back(b, two));
    gf_group_set_free(one);
    gf_group_set_free(two);
    one = take_crashed(b, &by_four, "c d e f", 0);           // cleared: as any
    CHECK_OK(combine(b, one, "more"));
    gf_group_set_free(one);
    store_close(b);
    store_check_sound();
}

static void a_set_can_be_archived_and_the_group_goes_on(void)
{
    static const char why[] = "the aggregator of group 'g' crashed its worker so often";
    gf_broker *b = store_open();
    gf_message m = message("q", "a"), again = message("q", "again");
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .group = "g", .unique_ms = HOUR_MS }));
    put_grouped(b, "g", "b");
    crash_set(b, &by_size, "a b", 0);
    put_grouped(b, "g", "c");
    put_grouped(b, "g", "d");
    gf_group_set *set = take_crashed(b, &by_size, "a b", 1);
    CHECK_OK(b->ops->groups->archive(b, set, why));
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x2");
    CHECK_INT(queue_number(b, "q", "aggregating"), 2);
    CHECK_STR(task_text(b, "q", "a", "last_error"), why);
    CHECK_STR(task_text(b, "q", "b", "last_error"), why);
    CHECK_OK(put_as(b, (gf_put){ .message = &again, .unique_ms = HOUR_MS }));    // its lock is free
    CHECK_STATUS(b->ops->groups->archive(b, set, why), GOFER_ESTALE);
    CHECK_STATUS(combine(b, set, "made"), GOFER_ESTALE);
    CHECK_OK(b->ops->groups->back(b, set));
    gf_group_set_free(set);
    set = take_crashed(b, &by_size, "c d", 0);
    CHECK_OK(combine(b, set, "made"));
    gf_group_set_free(set);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "a"));    // by itself it is a task as any
    drain_expecting(b, "q", "again made a");
    store_close(b);
    store_check_sound();
}

static void a_task_beside_a_set_is_not_charged_with_its_crash(void)
{
    gf_broker *b = store_open();
    put(b, "q", "plain");
    put_grouped(b, "g", "a");
    put_grouped(b, "g", "b");
    for (int i = 0; i < 3; i++) {
        gf_claim *claim = NULL;
        worker_register(b, "dies");
        REQUIRE(take_for(b, "dies", "q", 1, LEASE_MS, &claim) == 1);
        gf_lease lease = { .claim = claim, .proven = true };
        REQUIRE_OK(b->ops->tasks->extend(b, &lease, 1, 1));
        gf_group_set *set = take_crashed(b, &by_size, "a b", i);
        lease_ends("q", "plain");
        if (!store_is_redis())
            CHECK_OK(b->ops->upkeep->worker_deregister(b, "dies"));
        gf_recovered r = { 0 };
        int64_t end = gf_mono_ms() + PATIENCE_MS;
        for (; r.requeued == 0 && gf_mono_ms() < end; gf_sleep_us(500))
            REQUIRE_OK(b->ops->upkeep->recover(b, 10, 0, &r));
        CHECK_INT(r.requeued, 1);
        CHECK_INT(task_number(b, "q", "plain", "crashes"), 0);
        if (store_is_redis())
            taken_back(b);
        if (store_is_redis())
            CHECK_OK(b->ops->upkeep->worker_deregister(b, "dies"));
        gf_group_set_free(set);
        gf_claim_free(claim);
    }
    store_close(b);
    store_check_sound();
}

static void reclaim_keeps_to_its_limit(void)
{
    enum { SETS = 3 };
    gf_broker *b = store_open();
    gf_group_set *sets[SETS] = { NULL };
    size_t all = 0;
    worker_register(b, "leaves");
    for (int i = 0; i < SETS; i++) {
        char ids[2][32];
        for (int k = 0; k < 2; k++) {
            snprintf(ids[k], sizeof ids[k], "t%d%d", i, k);
            put_grouped(b, "g", ids[k]);
        }
        REQUIRE_OK(b->ops->groups->take(b, "leaves", "q", &by_size, &sets[i]));
        CHECK_INT(sets[i]->count, 2);
    }
    sets_end(b, "leaves");
    for (int i = 0; i < 100 && all < SETS; i++) {
        size_t some = 9;
        CHECK_OK(b->ops->groups->reclaim(b, 1, &some));
        CHECK(some <= 1 || store_is_redis());          // which takes back all of a queue
        all += some;
    }
    CHECK_INT(all, SETS);
    CHECK_STR(groups(b), "g:6");
    for (int i = 0; i < SETS; i++)
        gf_group_set_free(sets[i]);
    store_close(b);
    store_check_sound();
}

static int take_all_and_hang(int in, int out)
{
    gf_claim *claim = NULL;
    gf_group_set *set = NULL;
    gf_broker *b = store_again();
    worker_register(b, "victim");
    bool taken = take_for(b, "victim", "q", 1, LEASE_MS, &claim) == 1 &&
                 b->ops->groups->take(b, "victim", "q", &by_size, &set) == GOFER_OK;
    say(out, taken ? 'y' : 'n');
    hear(in);
    return 0;
}

static void the_set_of_a_killed_worker_goes_back_when_its_death_is_seen(void)
{
    if (!store_is_shared() || !store_sees_death())
        OMIT("it is taken back when its time is over");
    gf_broker *b = store_open();
    put(b, "q", "plain");
    put_grouped(b, "g", "a");
    put_grouped(b, "g", "b");
    gf_broker_close(b);                          // the child must not inherit an open store
    child c = child_start(take_all_and_hang);
    CHECK_INT(hear(c.in), 'y');
    b = store_again();
    gf_recovered r = { 0 };
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));     // it is alive
    CHECK_STR(groups(b), "");
    child_kill(&c);
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_INT(r.requeued, 1);
    CHECK_STR(groups(b), "g:2");
    gofer_info *info;
    if (CHECK_OK(b->ops->inspect->task(b, "q", "plain", &info))) {    // who had it is known
                                                                      //   although he is gone
        CHECK_STR(gofer_info_text(gofer_info_at(gofer_info_child(info, "attempts"), 0), "worker"),
            "victim");
        gofer_info_free(info);
    }
    store_close(b);
    store_check_sound();
}

static void groups_travel_with_their_tasks(void)
{
    gf_broker *b = store_open();
    static const char *const ids[] = { "a", "b" };
    gf_item items[2];
    memset(items, 0, sizeof items);
    put_grouped(b, "g", "a");
    put_grouped(b, "h", "b");
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", ids, 2, items));
    CHECK_STR(items[0].group, "g");
    CHECK_INT(items[0].state, GF_AGGREGATING);
    REQUIRE_OK(b->ops->transfer->drop_items(b, "q", items, 2));
    CHECK_INT(queue_number(b, "q", "aggregating"), 0);
    REQUIRE_OK(b->ops->transfer->import_items(b, "q", items, 2));
    CHECK_STATUS(items[0].status, GOFER_OK);
    CHECK_STR(groups(b), "g:1 h:1");
    CHECK_INT(queue_number(b, "q", "aggregating"), 2);
    for (int i = 0; i < 2; i++)
        gf_item_clear(&items[i]);
    store_close(b);
    store_check_sound();
}

static void a_scheduled_task_does_not_wait_in_a_group(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "t");
    CHECK_OK(
        put_as(b, (gf_put){ .message = &m, .group = "g", .run_at_ms = gf_now_ms() + HOUR_MS }));
    CHECK_STR(task_state(b, "q", "t"), "scheduled");
    CHECK_STR(groups(b), "");
    store_close(b);
    store_check_sound();
}

suite suite_group(void)
{
    static const check_test tests[] = {
        TEST(grouped_tasks_wait_aside),
        TEST(groups_come_by_pages),
        TEST(pages_of_groups_hold_any_name),
        TEST(groups_that_come_and_go_leave_the_others_in_place),
        TEST(a_full_group_is_taken_and_made_one),
        TEST(large_payloads_and_headers_come_whole),
        TEST(a_set_put_back_is_whole_again),
        TEST(a_group_is_ready_by_its_times),
        TEST(groups_take_turns_and_are_chosen_by_name),
        TEST(tasks_of_a_group_can_be_acted_on),
        TEST(what_is_being_made_one_is_not_acted_on),
        TEST(the_locks_of_those_made_one_are_freed),
        TEST(the_combined_task_may_not_take_anothers_id),
        TEST(a_set_that_does_not_come_back_is_counted),
        TEST(a_set_that_comes_back_is_charged_with_nothing),
        TEST(sets_that_did_not_come_back_are_not_mixed),
        TEST(a_set_can_be_archived_and_the_group_goes_on),
        TEST(a_task_beside_a_set_is_not_charged_with_its_crash),
        TEST(reclaim_keeps_to_its_limit),
        TEST(the_set_of_a_worker_that_left_goes_back),
        TEST(the_set_of_a_killed_worker_goes_back_when_its_death_is_seen),
        TEST(groups_travel_with_their_tasks),
        TEST(a_scheduled_task_does_not_wait_in_a_group),
    };
    return (suite){ tests, COUNT(tests) };
}
