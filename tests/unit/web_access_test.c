// web_access_test.c - passwords: how they are kept, proven once, and forgotten.
#include "access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "passwords.h"
#include "roles.h"

enum { PATH_ROOM = 64 };

static const char right[] = "Basic YW5uOmNvcnJlY3QgaG9yc2U=";       // ann:correct horse
static const char wrong[] = "Basic YW5uOmNvcnJlY3QgbXVsZSE=";       // ann:correct mule!
static const char other[] = "Basic Ym9iOmNvcnJlY3QgaG9yc2U=";       // bob:correct horse

// Text that the test has made, in a file nobody else may read.
static void write_file(char path[PATH_ROOM], const char *text)
{
    snprintf(path, PATH_ROOM, "/tmp/gofer-access-XXXXXX");
    int fd = mkstemp(path);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

static void remove_file(const char *path)
{
    char lock[PATH_ROOM + 8];
    snprintf(lock, sizeof lock, "%s.lock", path);
    (void)unlink(path);
    (void)unlink(lock);
}

static void add_ann(const char *path, const char *password)
{
    char why[256] = "";
    const web_token ann = { "ann", "operate", "", true };
    const char *failed = web_password_add(path, &ann, password, why, sizeof why);
    if (!CHECK(failed == NULL))
        fprintf(stderr, "    %s\n", failed);
}

static web_access *open_access(const char *path)
{
    return web_access_new(&(web_access_options){ .tokens = path });
}

static int status_of(web_access *access, const char *header)
{
    return web_access_of(access,
        &(web_shown){ .address = "192.0.2.1", .authorization = header }).status;
}

static int prove(web_access *access, const char *header)
{
    return web_access_prove(access,
        &(web_shown){ .address = "192.0.2.1", .authorization = header }).status;
}

static void a_password_is_proven_once_and_known_then(void)
{
    char path[PATH_ROOM], why[256], text[1024] = "";
    write_file(path, "");
    add_ann(path, "correct horse");
    FILE *file = fopen(path, "r");
    CHECK(file && fread(text, 1, sizeof text - 1, file) > 0);
    if (file)
        fclose(file);
    CHECK(strstr(text, "ann:operate:scrypt$16384$8$5$") && !strstr(text, "horse"));
    web_access *access = open_access(path);
    CHECK_INT(status_of(access, right), WEB_UNPROVEN);
    web_visitor v = web_access_prove(access,
        &(web_shown){ .address = "192.0.2.1", .authorization = right });
    CHECK_INT(v.status, 0);
    CHECK_STR(v.name, "ann");
    CHECK(web_scope_rights(&v.scope) == web_role("operate"));
    CHECK_INT(status_of(access, right), 0);
    CHECK_INT(prove(access, right), 0);
    // Only this: what is nearly so has to be proven.
    CHECK_INT(status_of(access, wrong), WEB_UNPROVEN);
    CHECK_INT(status_of(access, other), WEB_UNPROVEN);
    CHECK_INT(prove(access, wrong), 401);
    CHECK_INT(prove(access, other), 401);
    // And no longer than it is there.
    CHECK(web_token_remove(path, "ann", why, sizeof why) == NULL);
    CHECK_INT(status_of(access, right), 401);
    add_ann(path, "another horse");
    CHECK_INT(status_of(access, right), WEB_UNPROVEN);
    CHECK_INT(prove(access, right), 401);
    web_access_free(access);
    remove_file(path);
}

static void five_failures_and_one_waits(void)
{
    char path[PATH_ROOM];
    write_file(path, "");
    add_ann(path, "correct horse");
    web_access *access = open_access(path);
    for (int i = 0; i < 5; i++)
        CHECK_INT(prove(access, i % 2 ? wrong : other), 401);
    CHECK_INT(status_of(access, right), 429);
    CHECK_INT(prove(access, right), 429);
    // Others need not.
    CHECK_INT(web_access_of(access,
        &(web_shown){ .address = "192.0.2.2", .authorization = right }).status, WEB_UNPROVEN);
    web_access_free(access);
    remove_file(path);
}

static void what_others_may_have_read_is_refused(void)
{
    char path[PATH_ROOM];
    write_file(path, "");
    add_ann(path, "correct horse");
    web_access *access = open_access(path);
    CHECK_INT(prove(access, right), 0);
    web_shown shown = { .address = "192.0.2.1", .authorization = right, .in_the_open = true };
    CHECK_INT(web_access_of(access, &shown).status, 403);
    web_access_free(access);
    remove_file(path);
}

static void where_nobody_has_a_password_none_is_proven(void)
{
    char path[PATH_ROOM];
    write_file(path, "bob:see:0000000000000000000000000000000000000000000000000000000000000000\n");
    web_access *access = open_access(path);
    CHECK_INT(status_of(access, right), 401);
    CHECK_INT(status_of(access, "Basic"), 401);
    CHECK_INT(status_of(access, "Basic !"), 401);
    web_access_free(access);
    remove_file(path);
}

static void what_will_do_as_a_password(void)
{
    char longest[WEB_PASSWORD_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[WEB_PASSWORD_MAX + 1] = '\0';
    CHECK(web_password_fault(longest) != NULL);
    longest[WEB_PASSWORD_MAX] = '\0';
    CHECK(web_password_fault(longest) == NULL);
    CHECK(web_password_fault("twelve chars") == NULL);
    CHECK(web_password_fault("eleven char") != NULL);
    CHECK(web_password_fault("\303\251\303\251\303\251\303\251\303\251\303\251") != NULL);
    CHECK(web_password_fault("with a tab\tin it") != NULL);
    CHECK(web_password_fault("no utf-8: \377\377\377") != NULL);
}

// A line that somebody has written must not take the server's time or memory.
static void numbers_past_what_a_server_may_spend_are_none(void)
{
#define REST "$00000000000000000000000000000000$" \
    "0000000000000000000000000000000000000000000000000000000000000000"
    static const struct { const char *text; bool read; } cases[] = {
        { "scrypt$16384$8$5" REST, true }, { "scrypt$32768$8$3" REST, true },
        { "scrypt$1024$1$1" REST, true }, { "scrypt$131072$8$1" REST, false },
        { "scrypt$16384$32$1" REST, false }, { "scrypt$16384$8$17" REST, false },
        { "scrypt$16383$8$1" REST, false }, { "scrypt$512$8$1" REST, false },
        { "scrypt$0$8$1" REST, false }, { "scrypt$16384$0$1" REST, false },
        { "scrypt$16384$8$0" REST, false }, { "scrypt$-1$8$1" REST, false },
        { "scrypt$16384$8$5$00", false }, { "scrypt$16384$8$5" REST "0", false },
        { "scrypt$16384$8" REST, false }, { "scrypt", false }, { "", false },
    };
#undef REST
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_scrypt how;
        unsigned char digest[WEB_DIGEST_SIZE];
        char again[WEB_SCRYPT_TEXT];
        bool read = web_scrypt_read(cases[i].text, strlen(cases[i].text), &how, digest);
        if (!CHECK_INT(read, cases[i].read))
            fprintf(stderr, "    %s\n", cases[i].text);
        if (read) {
            web_scrypt_write(&how, digest, again);
            CHECK_STR(again, cases[i].text);
        }
    }
}

// What Python's hashlib.scrypt makes of the same.
static void it_is_scrypt(void)
{
    static const unsigned char want[WEB_DIGEST_SIZE] = {
        0x23, 0x86, 0x2e, 0x1e, 0x9c, 0x7f, 0xeb, 0x12, 0x49, 0xe3, 0xeb, 0x24,
        0xef, 0x88, 0x50, 0x53, 0xe2, 0xa1, 0x5b, 0xef, 0xa0, 0x3c, 0x4f, 0x1a,
        0x1f, 0x35, 0xdb, 0x1e, 0x28, 0xf1, 0x83, 0x38,
    };
    web_scrypt how = { .n = 1024, .r = 8, .p = 2 };
    unsigned char got[WEB_DIGEST_SIZE];
    char why[256] = "";
    memcpy(how.salt, "0123456789abcdef", WEB_SALT_SIZE);
    CHECK(web_scrypt_run(&how, "correct horse", got, why, sizeof why) == NULL);
    CHECK(memcmp(got, want, sizeof want) == 0);
}

static const check_test tests[] = {
    TEST(a_password_is_proven_once_and_known_then),
    TEST(five_failures_and_one_waits),
    TEST(what_others_may_have_read_is_refused),
    TEST(where_nobody_has_a_password_none_is_proven),
    TEST(what_will_do_as_a_password),
    TEST(numbers_past_what_a_server_may_spend_are_none),
    TEST(it_is_scrypt),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
