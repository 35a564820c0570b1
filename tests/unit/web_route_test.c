// web_route_test.c - the words of paths and queries, and that every route of the table is found.
#include "asynqmon.h"
#include "route.h"

#include "check.h"

static web_match find(const char *method, const char *path, const web_route **route,
    web_call *call, char *allow)
{
    static char room[8192];
    REQUIRE(strlen(path) < sizeof room);
    return web_route_find(method, path, route, call, room, allow);
}

static void each_is_found_by_its_own_path(const web_route *table, bool asynqmon)
{
    for (const web_route *want = table; want->method; want++) {
        char path[512], allow[WEB_ALLOW_MAX];
        size_t used = 0;
        const web_route *got = NULL;
        web_call call = { .asynqmon = asynqmon };
        for (const char *at = want->path; *at; at++)
            if (*at == '{') {
                used += (size_t)sprintf(path + used, "word");
                at = strchr(at, '}');
            } else {
                path[used++] = *at;
            }
        path[used] = '\0';
        CHECK_INT(find(want->method, path, &got, &call, allow), WEB_FOUND);
        if (!CHECK(got == want))
            fprintf(stderr, "    %s %s\n", want->method, path);
        for (size_t i = 0; i < call.path_count; i++)
            CHECK_STR(call.path[i].value, "word");
        CHECK(want->about && *want->about);
        // What changes something needs a right of its own, and has a name in the audit, and nothing
        // else has; who comes and goes changes nothing of the store's.
        bool changes = strcmp(want->method, "GET") != 0 && strncmp(want->path, "/log", 4) != 0;
        CHECK(!changes || want->right > WEB_PAYLOAD);
        CHECK((want->act != NULL) == changes);
    }
}

static void every_route_is_found_by_its_own_path(void)
{
    each_is_found_by_its_own_path(web_routes, false);
    each_is_found_by_its_own_path(web_routes, true);
    each_is_found_by_its_own_path(web_asynqmon_routes, true);
}

static void routes_of_asynqmon_are_there_if_they_are_wanted(void)
{
    static const char path[] = "/asynqmon/api/queues/a:b:pause";
    web_call call = { 0 };
    const web_route *route = NULL;
    char allow[WEB_ALLOW_MAX];
    CHECK_INT(find("POST", path, &route, &call, allow), WEB_NO_PATH);
    call.asynqmon = true;
    REQUIRE(find("POST", path, &route, &call, allow) == WEB_FOUND);
    CHECK_STR(web_path_word(&call, "queue"), "a:b");
    CHECK_STR(route->act, "queue.pause");
    // What is no verb of that method is part of the name.
    REQUIRE(find("GET", path, &route, &call, allow) == WEB_FOUND);
    CHECK_STR(web_path_word(&call, "queue"), "a:b:pause");
    CHECK_INT(find("POST", "/asynqmon/api/queues/:pause", &route, &call, allow), WEB_NO_METHOD);
    REQUIRE(find("POST", "/asynqmon/api/queues/q/active_tasks/x%3Ay:cancel", &route, &call, allow)
        == WEB_FOUND);
    CHECK_STR(web_path_word(&call, "id"), "x:y");
}

static void words_are_decoded_one_by_one(void)
{
    web_call call = { 0 };
    const web_route *route;
    char allow[WEB_ALLOW_MAX];
    CHECK_INT(find("GET", "/api/v1/queues/a%2Fb+c/tasks/%C3%A4", &route, &call, allow), WEB_FOUND);
    CHECK_STR(web_path_word(&call, "queue"), "a/b+c");
    CHECK_STR(web_path_word(&call, "id"), "\xC3\xA4");
    CHECK_INT(find("HEAD", "/api/v1/queues/x", &route, &call, allow), WEB_FOUND);
}

static void dots_come_with_a_tilde(void)
{
    static const struct { const char *segment, *name; } cases[] = {
        { "~.", "." }, { "~..", ".." }, { "%7E%2E", "." }, { "~~.", "~." }, { "~~~..", "~~.." },
        { "~...", "~..." }, { "~", "~" }, { "~.a", "~.a" }, { "a~.", "a~." }, { ".", "." },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_call call = { 0 };
        const web_route *route;
        char path[64], allow[WEB_ALLOW_MAX];
        snprintf(path, sizeof path, "/api/v1/queues/%s/tasks/x%%2Fy", cases[i].segment);
        CHECK_INT(find("GET", path, &route, &call, allow), WEB_FOUND);
        CHECK_STR(web_path_word(&call, "queue"), cases[i].name);
        CHECK_STR(web_path_word(&call, "id"), "x/y");
    }
}

static void what_is_not_there_says_so(void)
{
    static const struct {
        const char *method, *path;
        web_match want;
        const char *allow;
    } cases[] = {
        { "GET", "/nothing", WEB_NO_PATH, "" },
        { "GET", "/api/v1/queues/", WEB_NO_PATH, "" },
        { "GET", "/api/v1/queues//tasks/x", WEB_NO_PATH, "" },
        { "GET", "/api/v1/queues/a/tasks/b/c/d", WEB_NO_PATH, "" },
        { "POST", "/healthz", WEB_NO_METHOD, "GET, HEAD" },
        { "PUT", "/api/v1/queues/a/tasks/b", WEB_NO_METHOD, "GET, HEAD, PATCH, DELETE" },
        { "GET", "/api/v1/schedules/a/pause", WEB_NO_METHOD, "POST" },
        { "GET", "/api/v1/queues/%00", WEB_BAD_PATH, "" },
        { "GET", "/api/v1/queues/%FF", WEB_BAD_PATH, "" },
        { "GET", "/api/v1/queues/%ED%A0%80", WEB_BAD_PATH, "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_call call = { 0 };
        const web_route *route;
        char allow[WEB_ALLOW_MAX];
        if (!CHECK_INT(find(cases[i].method, cases[i].path, &route, &call, allow), cases[i].want))
            fprintf(stderr, "    %s %s\n", cases[i].method, cases[i].path);
        CHECK_STR(allow, cases[i].allow);
    }
}

static bool read_query(web_call *call, const char *query)
{
    static const web_route route = { .query = "state cursor limit" };
    static char room[8192];
    *call = (web_call){ 0 };
    return web_query_read(call, &route, query, room);
}

static void a_query_is_read(void)
{
    web_call call;
    CHECK(read_query(&call, ""));
    CHECK_INT(call.query_count, 0);
    CHECK(read_query(&call, "state=a+b%26&limit=5&&cursor"));
    CHECK_STR(web_query_word(&call, "state"), "a b&");
    CHECK_STR(web_query_word(&call, "limit"), "5");
    CHECK_STR(web_query_word(&call, "cursor"), "");
    CHECK_STR(web_query_word(&call, "stat"), NULL);
}

static void a_query_that_is_wrong_says_why(void)
{
    static const struct { const char *query, *why; } cases[] = {
        { "stat=1", "'stat', which is not known" }, { "=1", "'', which is not known" },
        { "state=1&state=2", "'state' twice" }, { "state=%00", "NUL" }, { "state=%FF", "UTF-8" },
        { "%FF=1", "UTF-8" }, { "statelimit=1", "not known" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_call call;
        CHECK(!read_query(&call, cases[i].query));
        CHECK_INT(call.reply.status, 400);
        CHECK_HAS(call.reply.body.at, cases[i].why);
        web_text_free(&call.reply.body);
    }
}

static void a_number_of_a_query_has_its_range(void)
{
    static const struct { const char *query; bool right; int64_t want; } cases[] = {
        { "", true, 7 }, { "limit=1", true, 1 }, { "limit=1000", true, 1000 },
        { "limit=0", false, 7 }, { "limit=1001", false, 7 }, { "limit=", false, 7 },
        { "limit=-1", false, 7 }, { "limit=1x", false, 7 },
        { "limit=9999999999999999999", false, 7 },
        { "limit=+1", false, 7 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_call call;
        int64_t n = 7;
        REQUIRE(read_query(&call, cases[i].query));
        CHECK(web_query_number(&call, "limit", 1, 1000, &n) == cases[i].right);
        CHECK_INT(n, cases[i].want);
        CHECK_INT(call.reply.status, cases[i].right ? 0 : 400);
        web_text_free(&call.reply.body);
    }
}

static const check_test tests[] = {
    TEST(every_route_is_found_by_its_own_path),
    TEST(routes_of_asynqmon_are_there_if_they_are_wanted),
    TEST(words_are_decoded_one_by_one),
    TEST(dots_come_with_a_tilde),
    TEST(what_is_not_there_says_so),
    TEST(a_query_is_read),
    TEST(a_query_that_is_wrong_says_why),
    TEST(a_number_of_a_query_has_its_range),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
