// web_scope_test.c - what one may do in which queues, and roles by their names.
#include "scope.h"

#include <string.h>

#include "call.h"
#include "check.h"
#include "roles.h"

static void patterns_fit(void)
{
    static const struct { const char *pattern, *text; bool fits; } cases[] = {
        { "mail", "mail", true }, { "mail", "mails", false }, { "mail", "mai", false },
        { "mail*", "mail", true }, { "mail*", "mail:x", true }, { "mail*", "xmail", false },
        { "*", "", true }, { "*", "x", true }, { "", "", true }, { "", "x", false },
        { "*x*y", "axby", true }, { "*x*y", "axbyz", false }, { "a*b*c", "abc", true },
        { "a*b*c", "acb", false }, { "**a", "a", true }, { "*aab", "aaaab", true },
        { "a*", "A", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        if (!CHECK_INT(web_pattern_fits(cases[i].pattern, strlen(cases[i].pattern), cases[i].text),
                cases[i].fits))
            fprintf(stderr, "    %s, %s\n", cases[i].pattern, cases[i].text);
}

static void a_pattern_of_stars_takes_no_time(void)
{
    char text[4096], pattern[200];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t i = 0; i < sizeof pattern - 2; i += 2)
        memcpy(pattern + i, "*a", 2);
    pattern[sizeof pattern - 2] = 'b';
    pattern[sizeof pattern - 1] = '\0';
    CHECK(!web_pattern_fits(pattern, strlen(pattern), text));
}

static void lists_of_queues(void)
{
    char room[WEB_QUEUES_MAX + 1];
    CHECK(web_queues_valid("mail"));
    CHECK(web_queues_valid("mail*,report,*x"));
    static const char *const wrong[] = { "", ",", "a,", ",a", "a,,b", "a b", "a\n", "a,\x7f" };
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(!web_queues_valid(wrong[i]));
    memset(room, 'a', sizeof room - 1);
    room[sizeof room - 1] = '\0';
    CHECK(!web_queues_valid(room));
    room[sizeof room - 2] = '\0';
    CHECK(web_queues_valid(room));
}

static web_scope scope_of(size_t count, const web_grant *grants)
{
    web_scope scope = { .count = 0 };
    for (size_t i = 0; i < count; i++)
        CHECK(web_scope_add(&scope, &grants[i]));
    return scope;
}

static void each_right_is_for_its_own_queues(void)
{
    const web_grant grants[] = { { WEB_SEE, "" }, { WEB_OPERATE, "mail*,report" },
        { WEB_PAYLOAD, "report" } };
    web_scope scope = scope_of(3, grants);
    CHECK_INT(web_scope_rights(&scope), WEB_SEE | WEB_OPERATE | WEB_PAYLOAD);
    CHECK(web_scope_everywhere(&scope, WEB_SEE));
    CHECK(!web_scope_everywhere(&scope, WEB_OPERATE));
    CHECK(!web_scope_everywhere(&scope, WEB_ADMIN));
    CHECK(web_scope_may(&scope, WEB_SEE, "other"));
    CHECK(web_scope_may(&scope, WEB_OPERATE, "mailing"));
    CHECK(!web_scope_may(&scope, WEB_OPERATE, "other"));
    CHECK(!web_scope_may(&scope, WEB_PAYLOAD, "mail"));
    CHECK(web_scope_may(&scope, WEB_PAYLOAD, "report"));
    CHECK(!web_scope_within(&scope, WEB_SEE, WEB_PAYLOAD));
    CHECK(web_scope_within(&scope, WEB_PAYLOAD, WEB_SEE));
    web_scope_mask(&scope, WEB_SEE | WEB_PAYLOAD);
    CHECK_INT(web_scope_rights(&scope), WEB_SEE | WEB_PAYLOAD);
    CHECK(!web_scope_may(&(web_scope){ .count = 0 }, WEB_SEE, "any"));
    CHECK(!web_scope_everywhere(&(web_scope){ .count = 0 }, WEB_SEE));
}

static void grants_for_the_same_queues_are_one(void)
{
    web_scope scope = { .count = 0 };
    web_grant grant = { WEB_SEE, "a" };
    CHECK(web_scope_add(&scope, &grant));
    grant.rights = WEB_OPERATE;
    CHECK(web_scope_add(&scope, &grant));
    CHECK_INT(scope.count, 1);
    for (int i = 1; i < WEB_GRANTS_MAX; i++) {
        snprintf(grant.queues, sizeof grant.queues, "q%d", i);
        CHECK(web_scope_add(&scope, &grant));
    }
    strcpy(grant.queues, "more");
    CHECK(!web_scope_add(&scope, &grant));
    CHECK_INT(scope.count, WEB_GRANTS_MAX);
}

static void workers_that_serve_patterns(void)
{
    static const struct { const char *queues, *served; bool touches, covers; } cases[] = {
        { "", "mail", true, true }, { "", "*", true, true },
        { "mail", "mail", true, true }, { "mail", "other", false, false },
        { "mail*", "mailing", true, true }, { "mail*", "mail*", true, true },
        { "mail*", "mail:a*", true, true }, { "mail:a", "mail*", true, false },
        { "mail*", "*", true, false }, { "mail", "*", true, false },
        { "mail*", "ma*", true, false }, { "mail*", "other*", false, false },
        { "mail", "mail:*", false, false }, { "a,b", "b", true, true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_grant grant = { .rights = WEB_SEE };
        strcpy(grant.queues, cases[i].queues);
        web_scope scope = scope_of(1, &grant);
        if (!CHECK_INT(web_scope_touches(&scope, WEB_SEE, cases[i].served), cases[i].touches)
            || !CHECK_INT(web_scope_covers(&scope, WEB_SEE, cases[i].served), cases[i].covers))
            fprintf(stderr, "    %s, %s\n", cases[i].queues, cases[i].served);
        CHECK(!web_scope_touches(&scope, WEB_OPERATE, cases[i].served));
    }
}

// ---- roles

static void roles_are_sets_of_rights(void)
{
    CHECK_INT(web_role("see"), WEB_SEE | WEB_METRICS);
    CHECK_INT(web_role("admin"), WEB_EVERYTHING);
    CHECK_INT(web_role("payload,enqueue"), WEB_PAYLOAD | WEB_ENQUEUE);
    static const char *const none[] = { "", "root", "see,", ",see", "See", "see ,payload" };
    for (size_t i = 0; i < COUNT(none); i++)
        CHECK_INT(web_role(none[i]), 0);
}

static void groups_are_worth_what_the_map_says(void)
{
    static const char *const entries[] = { "ops=operate", "dev=see", "dev=payload:dev*",
        "cn=a b,dc=x=see:mail", "*=metrics" };
    char why[200];
    web_role_map *map = web_role_map_new(entries, COUNT(entries), why, sizeof why);
    web_scope scope;
    REQUIRE(map);
    web_role_map_find(map, "", &scope);
    CHECK_INT(web_scope_rights(&scope), WEB_METRICS);
    web_role_map_find(map, "devs, xops,op", &scope);
    CHECK_INT(web_scope_rights(&scope), WEB_METRICS);
    web_role_map_find(map, "x,\tdev ,y", &scope);
    CHECK_INT(web_scope_rights(&scope), WEB_METRICS | WEB_SEE | WEB_PAYLOAD);
    CHECK(!web_scope_everywhere(&scope, WEB_PAYLOAD));
    CHECK(web_scope_may(&scope, WEB_PAYLOAD, "dev:a"));
    web_role_map_find(map, "dev,ops", &scope);
    CHECK(web_scope_everywhere(&scope, WEB_PAYLOAD));
    web_role_map_free(map);
}

static void a_map_that_is_wrong_is_refused(void)
{
    static const char *const wrong[] = { "", "=see", "a", "a=", "a=root", "a=see:", "a=see:a,,b",
        "a=see,:x" };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char why[200] = "";
        if (!CHECK(!web_role_map_new(&wrong[i], 1, why, sizeof why)))
            fprintf(stderr, "    %s\n", wrong[i]);
        CHECK(strstr(why, "--role-map") != NULL);
    }
}

static const check_test tests[] = {
    TEST(patterns_fit),
    TEST(a_pattern_of_stars_takes_no_time),
    TEST(lists_of_queues),
    TEST(each_right_is_for_its_own_queues),
    TEST(grants_for_the_same_queues_are_one),
    TEST(workers_that_serve_patterns),
    TEST(roles_are_sets_of_rights),
    TEST(groups_are_worth_what_the_map_says),
    TEST(a_map_that_is_wrong_is_refused),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
