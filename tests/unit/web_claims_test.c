// web_claims_test.c - cookies, and what proxies say.
#include "claims.h"

#include <string.h>

#include "../fuzz/fuzz_claims.c"
#include "check.h"
#include "corpus.h"

static void cookies_are_found_by_their_whole_name(void)
{
    static const struct { const char *header, *value; } cases[] = {
        { "gofer=a", "a" }, { "x=1; gofer=a; y=2", "a" }, { "x=1;gofer=a", "a" },
        { "gofer=a;", "a" }, { "gofer=a=b", "a=b" }, { "gofer=a; gofer=b", "a" },
        { "xgofer=a", NULL }, { "gofers=a", NULL }, { "gofer", NULL }, { "gofer=", NULL },
        { "", NULL }, { ";", NULL }, { "; ;", NULL }, { "Gofer=a", NULL }, { "x=gofer=a", NULL },
        { "gofer=123456789", NULL }, { "__Host-gofer=a", NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char room[9] = "";
        bool found = web_claim_cookie(cases[i].header, "gofer", room, sizeof room);
        if (!CHECK_INT(found, cases[i].value != NULL))
            fprintf(stderr, "    %s\n", cases[i].header);
        if (found && cases[i].value)
            CHECK_STR(room, cases[i].value);
    }
}

static void the_last_address_counts(void)
{
    static const struct { const char *header, *address; } cases[] = {
        { "10.0.0.1", "10.0.0.1" }, { "evil, 10.0.0.1", "10.0.0.1" },
        { "1.2.3.4,10.0.0.1 ", "10.0.0.1" }, { "10.0.0.1:80", "10.0.0.1" },
        { "2001:DB8:0:0::1", "2001:db8::1" }, { "[2001:db8::1]:443", "2001:db8::1" },
        { "[::1]", "::1" },
        { "", NULL }, { ",", NULL }, { "10.0.0.1,", NULL }, { "unknown", NULL }, { "[::1", NULL },
        { "10.0.0.1 10.0.0.2", NULL }, { "10.0.0", NULL }, { "[10.0.0.1]x]", "10.0.0.1" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[WEB_ADDRESS_ROOM] = "";
        bool found = web_claim_for(cases[i].header, out);
        if (!CHECK_INT(found, cases[i].address != NULL))
            fprintf(stderr, "    %s\n", cases[i].header);
        if (found && cases[i].address)
            CHECK_STR(out, cases[i].address);
    }
    char long_[500], out[WEB_ADDRESS_ROOM];
    memset(long_, '1', sizeof long_ - 1);
    long_[sizeof long_ - 1] = '\0';
    CHECK(!web_claim_for(long_, out));
}

static void https_is_said_by_the_nearest(void)
{
    CHECK(web_claim_https("https"));
    CHECK(web_claim_https("HTTPS "));
    CHECK(web_claim_https("http, https"));
    CHECK(!web_claim_https("https, http"));
    CHECK(!web_claim_https("https2"));
    CHECK(!web_claim_https(""));
}

static void names_of_people(void)
{
    char out[16];
    CHECK(web_claim_name("ann@example.org", out, sizeof out));
    CHECK_STR(out, "ann@example.org");
    CHECK(web_claim_name("J\xc3\xbcrgen M", out, sizeof out));
    static const char *const wrong[] = { "", "-", " a", "a ", ("a\x01" "b"), "a\x7f", "\xff",
        "0123456789abcdef", "\xc3" };
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK(!web_claim_name(wrong[i], out, sizeof out));
}

static void a_name_and_password(void)
{
    static const struct { const char *header, *name, *password; } cases[] = {
        { "Basic YW5uOnNlY3JldA==", "ann", "secret" }, { "basic YW5uOnNlY3JldA", "ann", "secret" },
        { "Basic YTo6Yg==", "a", ":b" },            // a::b
        { "Basic YW5uOg==", NULL, NULL },           // ann:
        { "Basic OnNlY3JldA==", NULL, NULL },       // :secret
        { "Basic YW5u", NULL, NULL },               // ann
        { "Basic YToAYg==", NULL, NULL },           // a NUL
        { "Basic", NULL, NULL }, { "Basic ", NULL, NULL }, { "Basic !", NULL, NULL },
        { "Bearer YTpi", NULL, NULL }, { "", NULL, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char name[WEB_CLAIM_NAME] = "", password[WEB_CLAIM_PASSWORD] = "";
        bool found = web_claim_basic(cases[i].header, name, password);
        if (!CHECK_INT(found, cases[i].name != NULL))
            fprintf(stderr, "    %s\n", cases[i].header);
        CHECK_STR(name, cases[i].name ? cases[i].name : "");
        CHECK_STR(password, cases[i].password ? cases[i].password : "");
    }
}

static void the_kept_inputs_of_the_fuzzer_pass(void)
{
    check_corpus(CORPUS, 7, LLVMFuzzerTestOneInput);
}

static const check_test tests[] = {
    TEST(cookies_are_found_by_their_whole_name),
    TEST(the_last_address_counts),
    TEST(https_is_said_by_the_nearest),
    TEST(names_of_people),
    TEST(a_name_and_password),
    TEST(the_kept_inputs_of_the_fuzzer_pass),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
