// hooks_test.c - webhooks without a network: which addresses are public, nets, secrets, signatures,
// what answers mean, and what is a URL.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

#include "address.h"
#include "answer.h"
#include "check.h"
#include "secrets.h"
#include "sign.h"
#include "util/openssl.h"
#include "util/webhook.h"

// ---- addresses ----------------------------------------------------------------------------------

static hooks_address address(const char *text)
{
    hooks_address a = { { 0 } };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    const struct sockaddr *from = NULL;
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        from = (const struct sockaddr *)&v4;
    else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1)
        from = (const struct sockaddr *)&v6;
    REQUIRE(from && hooks_address_of(from, &a));
    return a;
}

// Each range at both ends, and what is on their other sides.
static void only_what_is_public_may_be_sent_to(void)
{
    static const struct { const char *text; bool is_public; } cases[] = {
        { "0.0.0.0", false }, { "0.255.255.255", false }, { "1.0.0.0", true },
        { "9.255.255.255", true }, { "10.0.0.0", false }, { "10.255.255.255", false },
        { "11.0.0.0", true },
        { "100.63.255.255", true }, { "100.64.0.0", false }, { "100.100.100.200", false },
        { "100.127.255.255", false }, { "100.128.0.0", true },
        { "126.255.255.255", true }, { "127.0.0.0", false }, { "127.0.0.1", false },
        { "127.255.255.255", false }, { "128.0.0.0", true },
        { "168.63.129.15", true }, { "168.63.129.16", false }, { "168.63.129.17", true },
        { "169.253.255.255", true }, { "169.254.0.0", false }, { "169.254.169.254", false },
        { "169.254.255.255", false }, { "169.255.0.0", true },
        { "172.15.255.255", true }, { "172.16.0.0", false }, { "172.31.255.255", false },
        { "172.32.0.0", true },
        { "191.255.255.255", true }, { "192.0.0.0", false }, { "192.0.0.192", false },
        { "192.0.0.255", false }, { "192.0.1.0", true }, { "192.0.1.255", true },
        { "192.0.2.0", false }, { "192.0.2.255", false }, { "192.0.3.0", true },
        { "192.88.98.255", true }, { "192.88.99.0", false }, { "192.88.99.255", false },
        { "192.88.100.0", true },
        { "192.167.255.255", true }, { "192.168.0.0", false }, { "192.168.255.255", false },
        { "192.169.0.0", true },
        { "198.17.255.255", true }, { "198.18.0.0", false }, { "198.19.255.255", false },
        { "198.20.0.0", true },
        { "198.51.99.255", true }, { "198.51.100.0", false }, { "198.51.100.255", false },
        { "198.51.101.0", true },
        { "203.0.112.255", true }, { "203.0.113.0", false }, { "203.0.113.255", false },
        { "203.0.114.0", true },
        { "223.255.255.255", true }, { "224.0.0.0", false }, { "239.255.255.255", false },
        { "240.0.0.0", false }, { "255.255.255.255", false },
        // IPv6
        { "::", false }, { "::1", false }, { "::2", false }, { "::8.8.8.8", false },
        { "::ffff:8.8.8.8", true }, { "::ffff:127.0.0.1", false }, { "::ffff:10.0.0.1", false },
        { "64:ff9a:ffff::", false }, { "64:ff9b::8.8.8.8", true }, { "64:ff9b::10.0.0.1", false },
        { "64:ff9b::169.254.169.254", false }, { "64:ff9b:0:0:0:1:808:808", false },
        { "64:ff9b:1::8.8.8.8", false }, { "100::1", false },
        { "1fff:ffff::1", false }, { "2000::", true }, { "2000:ffff::1", true },
        { "2001::1", false }, { "2001:1ff:ffff::1", false }, { "2001:200::", true },
        { "2001:db7:ffff::1", true }, { "2001:db8::", false }, { "2001:db8:ffff::1", false },
        { "2001:db9::", true }, { "2001:ffff::1", true },
        { "2002:808:808::1", true }, { "2002:7f00:1::1", false }, { "2002:a00:1::1", false },
        { "2002:a9fe:a9fe::", false }, { "2003::1", true },
        { "2606:4700::1111", true }, { "3ffe::1", true }, { "3fff::", false },
        { "3fff:fff:ffff::1", false }, { "3fff:1000::", true }, { "3fff:ffff::1", true },
        { "4000::1", false }, { "5f00::1", false }, { "fc00::1", false },
        { "fd00:ec2::254", false },
        { "fdff:ffff::1", false }, { "fe80::1", false }, { "fec0::1", false }, { "ff02::1", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        hooks_address a = address(cases[i].text);
        char text[HOOKS_ADDRESS_TEXT];
        hooks_address_text(&a, text);
        if (!CHECK_INT(hooks_address_public(&a), cases[i].is_public))
            printf("  for %s, as %s\n", cases[i].text, text);
    }
}

static void no_other_family_is_an_address(void)
{
    struct sockaddr other = { .sa_family = AF_UNIX };
    hooks_address a;
    CHECK(!hooks_address_of(&other, &a));
}

static void a_net_is_an_address_and_a_length(void)
{
    static const struct { const char *text, *wrong; } cases[] = {
        { "10.0.0.0/8", NULL }, { "10.1.2.3", NULL }, { "10.1.2.3/32", NULL },
        { "0.0.0.0/0", NULL },
        { "fd00::/8", NULL }, { "::1", NULL }, { "::1/128", NULL }, { "::/0", NULL },
        { "::ffff:10.0.0.0/104", NULL },
        { "", "no address" }, { "/8", "no address" }, { "10.0.0", "no address" },
        { "example.org", "no address" }, { "10.0.0.0.0/8", "no address" },
        { "10.0.0.0/", "number of bits" }, { "10.0.0.0/33", "number of bits" },
        { "10.0.0.0/8x", "number of bits" }, { "10.0.0.0/-1", "number of bits" },
        { "10.0.0.0/ 8", "number of bits" }, { "::/129", "number of bits" },
        { "10.0.0.0/99999999999999999999", "number of bits" },
        { "10.0.0.1/31", "beyond the length" }, { "fd00::1/8", "beyond the length" },
        { "00000000000000000000000000000000000000000000000000000000000000000000/8", "no address" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        hooks_net net;
        const char *wrong = hooks_net_read(cases[i].text, &net);
        if (cases[i].wrong)
            CHECK_HAS(wrong, cases[i].wrong);
        else
            CHECK_STR(wrong, NULL);
    }
}

static void nets_let_more_addresses_pass(void)
{
    static const struct { const char *net, *address; bool may; } cases[] = {
        { "10.0.0.0/8", "10.0.0.0", true }, { "10.0.0.0/8", "10.255.255.255", true },
        { "10.0.0.0/8", "127.0.0.1", false }, { "10.0.0.0/8", "::ffff:10.1.1.1", true },
        { "10.0.0.0/9", "10.127.255.255", true }, { "10.0.0.0/9", "10.128.0.0", false },
        { "127.0.0.1", "127.0.0.1", true }, { "127.0.0.1", "127.0.0.2", false },
        { "0.0.0.0/0", "192.168.0.1", true }, { "0.0.0.0/0", "::1", false },
        { "10.0.0.0/8", "64:ff9b::10.0.0.1", true }, { "10.0.0.0/8", "2002:a00:1::1", true },
        { "10.0.0.0/8", "64:ff9b::127.0.0.1", false },
        { "::1", "::1", true }, { "::1", "::2", false }, { "fd00::/8", "fdff::1", true },
        { "fd00::/8", "fc00::1", false }, { "::/0", "fe80::1", true },
        { "fd00::/8", "8.8.8.8", true },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        hooks_net net;
        CHECK_STR(hooks_net_read(cases[i].net, &net), NULL);
        const hooks_nets nets = { &net, 1 };
        hooks_address a = address(cases[i].address);
        if (!CHECK_INT(hooks_address_may(&a, &nets), cases[i].may))
            printf("  for %s in %s\n", cases[i].address, cases[i].net);
    }
}

// ---- secrets ------------------------------------------------------------------------------------

#define KEY24 "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define KEY32 "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY23 "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY="
#define KEY64 "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY" \
    "GRobHB0eHw=="
#define KEY65 "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAQIDBAUGBwgJCgsMDQ4PEBESExQVFhcY" \
    "GRobHB0eHyA="

static void secrets_are_words(void)
{
    static const struct { const char *text, *wrong; size_t count; } cases[] = {
        { KEY24, NULL, 1 }, { KEY32, NULL, 1 }, { KEY64, NULL, 1 },
        { "  " KEY24 "\r\n\t" KEY32 "\n", NULL, 2 },
        { "# of 2026\n" KEY24 " # the old one\nexample.org " KEY32 "\n#\n", NULL, 2 },
        { "", "holds no secret", 0 }, { "# only this\n", "holds no secret", 0 },
        { "example.org", "followed by no secret", 0 },
        { "a.org b.org " KEY24, "followed by no secret", 0 },
        { KEY24 " example.org", "followed by no secret", 0 },
        { KEY23, "24 to 64 bytes", 0 }, { KEY65, "24 to 64 bytes", 0 },
        { "whsec_", "24 to 64 bytes", 0 }, { "whsec_!", "not base64", 0 },
        { KEY24 "x!", "not base64", 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        hooks_secret_list list;
        const char *wrong;
        bool ok = hooks_secret_list_read(&list, cases[i].text, &wrong);
        CHECK_INT(ok, !cases[i].wrong);
        if (cases[i].wrong)
            CHECK_HAS(wrong, cases[i].wrong);
        else
            CHECK_INT(list.count, cases[i].count);
        hooks_secret_list_clear(&list);
    }
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    REQUIRE(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void a_host_has_its_own_or_those_of_all(void)
{
    char path[] = "/tmp/gofer-hooks-XXXXXX", why[256];
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    close(fd);
    write_file(path, KEY24 "\nHooks.Example.org " KEY32 "\n" KEY64 "\n");
    const char *const names[] = { path };
    hooks_secrets s;
    hooks_secret got[HOOKS_SECRETS_MAX];
    CHECK(hooks_secrets_open(&s, names, 1, why, sizeof why));
    CHECK_INT(hooks_secrets_of(&s, "hooks.example.org", got), 1);
    CHECK_INT(got[0].size, 32);
    CHECK_INT(hooks_secrets_of(&s, "example.org", got), 2);
    CHECK_INT(got[0].size, 24);
    CHECK_INT(got[1].size, 64);

    // A change is seen; one that cannot be used leaves what there was, and is told once.
    write_file(path, KEY32 "\n");
    CHECK(hooks_secrets_renew(&s, why, sizeof why));
    CHECK_INT(hooks_secrets_of(&s, "example.org", got), 1);
    CHECK_INT(got[0].size, 32);
    write_file(path, "nothing\n");
    CHECK(!hooks_secrets_renew(&s, why, sizeof why));
    CHECK_HAS(why, "followed by no secret");
    CHECK(hooks_secrets_renew(&s, why, sizeof why));
    unlink(path);
    CHECK(!hooks_secrets_renew(&s, why, sizeof why));
    CHECK_HAS(why, "No such file");
    CHECK_INT(hooks_secrets_of(&s, "example.org", got), 1);
    hooks_secrets_clear(&s);
}

static void a_source_that_is_none_is_named(void)
{
    static const struct { const char *name, *wrong; } cases[] = {
        { "/nowhere/at/all", "/nowhere/at/all: No such file" }, { "/tmp", "no file" },
        { "env:GOFER_TEST_NO_SECRET", "it is not set" },
        { "env:GOFER_TEST_BAD_SECRET", "not base64" },
    };
    setenv("GOFER_TEST_BAD_SECRET", "whsec_hidden!", 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        hooks_secrets s;
        char why[256] = "";
        CHECK(!hooks_secrets_open(&s, &cases[i].name, 1, why, sizeof why));
        CHECK_HAS(why, cases[i].wrong);
        CHECK(!strstr(why, "hidden"));
        hooks_secrets_clear(&s);
    }
}

// ---- signatures ---------------------------------------------------------------------------------

static void load(gf_openssl *ssl)
{
    char why[512];
    if (gf_openssl_load(ssl, "a test", why, sizeof why) != GOFER_OK)
        SKIP("no OpenSSL");
}

// The vector of Standard Webhooks; others were made by Python's hmac.
static void signatures_are_those_of_standard_webhooks(void)
{
    gf_openssl ssl;
    load(&ssl);
    hooks_secret_list list;
    const char *wrong;
    REQUIRE(hooks_secret_list_read(&list, KEY24 " " KEY32, &wrong));
    const hooks_message m = { "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
        20 };
    char *one = hooks_sign(&ssl, &m, list.items, 1), *two = hooks_sign(&ssl, &m, list.items, 2);
    CHECK_STR(one, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    CHECK_STR(two, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= "
                   "v1,O4Gjv1HqPqsMrjmczoggs/sWA8gZD0VyHG+fLh4+ktI=");
    free(one);
    free(two);
    const hooks_message bytes = { "i", 1, "a\0b", 3 }, empty = { "i", 1, "", 0 };
    one = hooks_sign(&ssl, &bytes, list.items, 1);
    two = hooks_sign(&ssl, &empty, list.items, 1);
    CHECK_STR(one, "v1,BH0SyIeCCgxT2bS+RhA7fA+rhFZrj08YEiHar3Dmzss=");
    CHECK_STR(two, "v1,Fa/5r02XR1BdoelaXSvxlujnpfIsjWIzCzAv83Y1zzo=");
    free(one);
    free(two);
    hooks_secret_list_clear(&list);
}

// ---- answers, URLs ------------------------------------------------------------------------------

static void answers_mean_what_standard_webhooks_says(void)
{
    static const struct { long status; int64_t after_s; hooks_verdict want; int64_t later_ms; }
    cases[] = {
        { 199, 0, HOOKS_AGAIN, 0 }, { 200, 0, HOOKS_TAKEN, 0 }, { 204, 5, HOOKS_TAKEN, 0 },
        { 299, 0, HOOKS_TAKEN, 0 }, { 300, 0, HOOKS_AGAIN, 0 }, { 301, 0, HOOKS_AGAIN, 0 },
        { 302, 9, HOOKS_AGAIN, 0 }, { 400, 0, HOOKS_AGAIN, 0 }, { 404, 0, HOOKS_AGAIN, 0 },
        { 409, 0, HOOKS_AGAIN, 0 }, { 410, 0, HOOKS_NEVER, 0 }, { 410, 9, HOOKS_NEVER, 0 },
        { 429, 0, HOOKS_AGAIN, 0 }, { 429, 1, HOOKS_LATER, 1000 },
        { 429, 3600, HOOKS_LATER, HOOKS_LATER_MAX_MS }, { 429, 3599, HOOKS_LATER, 3599000 },
        { 429, INT64_MAX, HOOKS_LATER, HOOKS_LATER_MAX_MS }, { 429, -1, HOOKS_AGAIN, 0 },
        { 500, 9, HOOKS_AGAIN, 0 }, { 503, 7, HOOKS_LATER, 7000 }, { 503, 0, HOOKS_AGAIN, 0 },
        { 0, 0, HOOKS_AGAIN, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t later_ms = 0;
        CHECK_INT(hooks_verdict_of(cases[i].status, cases[i].after_s, &later_ms), cases[i].want);
        CHECK_INT(later_ms, cases[i].later_ms);
    }
}

static void a_webhook_is_a_word_and_a_url(void)
{
    static const struct { const char *text, *wrong; bool result; } cases[] = {
        { "webhook:https://example.org", NULL, false },
        { "webhook+result:https://example.org/a?b=c&d", NULL, true },
        { "webhook:http://127.0.0.1:80/@x", NULL, false },
        { "webhook:http://[::1]:8080/", NULL, false },
        { "webhook:http://[::1]", NULL, false }, { "webhook:http://a?b", NULL, false },
        { "webhook:", "does not begin", false }, { "webhook:ftp://a", "does not begin", false },
        { "webhook:example.org", "does not begin", false },
        { "webhook:HTTP://a", "does not begin", false },
        { "webhook:http://", "names no host", false },
        { "webhook:http:///a", "names no host", false },
        { "webhook:http://:80", "names no host", false },
        { "webhook:http://u@a", "user or password", false },
        { "webhook:http://u:p@a/", "user or password", false },
        { "webhook:http://a b", "blanks", false }, { "webhook:http://a\\@b", "backslashes", false },
        { "webhook:http://a/\x7f", "control", false },
        { "webhook:http://\xc3\xa4/", "ASCII", false },
        { "webhook:http://a/#b", "'#'", false }, { "webhook:http://a:", "no port", false },
        { "webhook:http://a:8x", "no port", false },
        { "webhook:http://a:123456", "no port", false },
        { "webhook:http://[::1", "left open", false },
        { "webhook:http://[::1]x", "no port", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_webhook hook = { NULL, false };
        CHECK(gf_webhook_is(cases[i].text));
        if (!CHECK_INT(gf_webhook_read(cases[i].text, &hook), !cases[i].wrong))
            printf("  for %s\n", cases[i].text);
        if (cases[i].wrong)
            CHECK_HAS(gf_webhook_wrong(strchr(cases[i].text, ':') + 1), cases[i].wrong);
        else
            CHECK_STR(hook.url, strchr(cases[i].text, ':') + 1);
        CHECK_INT(hook.with_result, cases[i].result);
    }
    CHECK(!gf_webhook_is("webhook") && !gf_webhook_is("webhook+other:x") && !gf_webhook_is("t"));
}

static void a_url_has_a_bound(void)
{
    char url[GF_WEBHOOK_URL_MAX + 2];
    memset(url, 'a', sizeof url);
    memcpy(url, "http://", 7);
    url[GF_WEBHOOK_URL_MAX] = '\0';
    CHECK_STR(gf_webhook_wrong(url), NULL);
    url[GF_WEBHOOK_URL_MAX] = 'a';
    url[GF_WEBHOOK_URL_MAX + 1] = '\0';
    CHECK_HAS(gf_webhook_wrong(url), "longer than 2048");
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(only_what_is_public_may_be_sent_to),
        TEST(no_other_family_is_an_address),
        TEST(a_net_is_an_address_and_a_length),
        TEST(nets_let_more_addresses_pass),
        TEST(secrets_are_words),
        TEST(a_host_has_its_own_or_those_of_all),
        TEST(a_source_that_is_none_is_named),
        TEST(signatures_are_those_of_standard_webhooks),
        TEST(answers_mean_what_standard_webhooks_says),
        TEST(a_webhook_is_a_word_and_a_url),
        TEST(a_url_has_a_bound),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
