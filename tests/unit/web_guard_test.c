// web_guard_test.c - requests that are meant for others, or that pages of others sent.
#include "guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "check.h"

static const char *const hosts[] = { "gofer.example.org", "10.0.0.1" };
static const web_guard guard = { .hosts = hosts, .host_count = COUNT(hosts) };

static void only_our_names_are_answered(void)
{
    static const struct { const char *host; int status; } cases[] = {
        { "localhost", 0 }, { "LocalHost:8989", 0 }, { "127.0.0.1", 0 }, { "127.0.0.1:1", 0 },
        { "[::1]", 0 }, { "[::1]:8989", 0 }, { "gofer.example.org", 0 },
        { "gofer.example.org:443", 0 }, { "10.0.0.1:80", 0 },
        { "evil.example.org", 400 }, { "localhost.evil.example.org", 400 }, { "127.0.0.2", 400 },
        { "127.0.0.1.evil.example.org", 400 }, { "xlocalhost", 400 }, { "", 400 }, { NULL, 400 },
        { "[::2]", 400 }, { "[::1", 400 }, { "gofer.example.org.", 400 }, { ":80", 400 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_said said = { .method = "GET", .host = cases[i].host };
        web_refusal r = web_guard_check(&guard, &said);
        if (!CHECK_INT(r.status, cases[i].status))
            fprintf(stderr, "    Host: %s\n", cases[i].host);
        CHECK((r.why == NULL) == (r.status == 0));
    }
}

static void what_changes_something_comes_from_our_page(void)
{
    static const char json[] = "application/json", ours[] = "http://localhost:8989";
    static const struct {
        const char *site, *origin, *marker, *type;
        int status;
    } cases[] = {
        { NULL, NULL, "1", json, 0 },                   // a program
        { "same-origin", ours, "1", json, 0 },          // our page
        { "none", NULL, "1", json, 0 },
        { NULL, ours, "1", json, 0 },                   // our page in an old browser
        { NULL, "https://localhost:8989", "1", json, 0 },
        { "same-site", ours, "1", json, 403 },
        { "cross-site", ours, "1", json, 403 },
        { "cross-site", NULL, "1", json, 403 },
        { NULL, "http://evil.example.org", "1", json, 403 },
        { NULL, "http://localhost", "1", json, 403 },   // another port is another origin
        { NULL, "null", "1", json, 403 },
        { NULL, "", "1", json, 403 },
        { NULL, NULL, NULL, json, 403 },
        { NULL, NULL, "0", json, 403 },
        { NULL, NULL, "11", json, 403 },
        { NULL, NULL, "1", "text/plain", 400 },
        { NULL, NULL, "1", "application/jsonp", 400 },
        { NULL, NULL, "1", "application/x-www-form-urlencoded", 400 },
        { NULL, NULL, "1", NULL, 400 },
        { NULL, NULL, "1", "Application/JSON; charset=utf-8", 0 },
    };
    static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(methods); k++) {
            web_said said = { methods[k], "localhost:8989", cases[i].origin, cases[i].site,
                cases[i].marker, cases[i].type, 1, 0, 0 };
            if (!CHECK_INT(web_guard_check(&guard, &said).status, cases[i].status))
                fprintf(stderr, "    case %zu, %s\n", i, methods[k]);
            // Looking is for everybody who reaches us: it changes nothing.
            said.method = "GET";
            CHECK_INT(web_guard_check(&guard, &said).status, 0);
        }
}

// Where a foreign page has to work, its browser's word stands for the marker: no less than that.
static void a_browser_may_vouch_for_a_page_that_has_no_marker(void)
{
    static const struct {
        const char *site, *origin, *type;
        int status;
    } cases[] = {
        { "same-origin", "http://localhost:8989", "application/json", 0 },
        { "same-origin", "http://localhost:8989", "text/plain", 400 },
        { "none", NULL, "application/json", 403 },
        { "same-site", "http://localhost:8989", "application/json", 403 },
        { "cross-site", NULL, "application/json", 403 },
        { NULL, "http://localhost:8989", "application/json", 403 },
        { NULL, NULL, "application/json", 403 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_said said = { .method = "POST", .host = "localhost:8989", .origin = cases[i].origin,
            .fetch_site = cases[i].site, .content_type = cases[i].type, .has_body = 1,
            .page_vouched = 1 };
        if (!CHECK_INT(web_guard_check(&guard, &said).status, cases[i].status))
            fprintf(stderr, "    case %zu\n", i);
        said.page_vouched = 0;
        CHECK_INT(web_guard_check(&guard, &said).status, 403);
    }
}

static void without_a_body_there_is_no_type_to_ask_for(void)
{
    web_said said = { .method = "POST", .host = "localhost", .marker = "1" };
    CHECK_INT(web_guard_check(&guard, &said).status, 0);
    said.has_body = 1;
    CHECK_INT(web_guard_check(&guard, &said).status, 400);
}

static void under_tls_a_page_without_it_is_another(void)
{
    web_said said = { .method = "POST", .host = "localhost", .marker = "1", .secure = 1,
        .origin = "http://localhost" };
    CHECK_INT(web_guard_check(&guard, &said).status, 403);
    said.origin = "https://localhost";
    CHECK_INT(web_guard_check(&guard, &said).status, 0);
}

static void passwords_do_not_travel_in_the_open(void)
{
    struct sockaddr_in here = { .sin_family = AF_INET }, far = { .sin_family = AF_INET };
    struct sockaddr_in6 new_here = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    CHECK_INT(inet_pton(AF_INET, "127.0.0.9", &here.sin_addr), 1);
    CHECK_INT(inet_pton(AF_INET, "192.0.2.1", &far.sin_addr), 1);
    const struct sockaddr *near = (struct sockaddr *)&here, *off = (struct sockaddr *)&far;
    CHECK(!web_guard_in_the_open(false, false, near));
    CHECK(!web_guard_in_the_open(false, false, (struct sockaddr *)&new_here));
    CHECK(web_guard_in_the_open(false, false, off) && web_guard_in_the_open(false, false, NULL));
    CHECK(!web_guard_in_the_open(true, false, off) && !web_guard_in_the_open(false, true, off));
}

static const check_test tests[] = {
    TEST(only_our_names_are_answered),
    TEST(what_changes_something_comes_from_our_page),
    TEST(a_browser_may_vouch_for_a_page_that_has_no_marker),
    TEST(without_a_body_there_is_no_type_to_ask_for),
    TEST(under_tls_a_page_without_it_is_another),
    TEST(passwords_do_not_travel_in_the_open),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
