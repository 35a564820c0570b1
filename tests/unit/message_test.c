// message_test.c - packed headers, and when two records are the same task.
#include "message/message.h"

#include "check.h"
#include "util/alloc.h"

static void headers_pack_and_unpack_in_order(void)
{
    static const char *const pairs[] = { "trace", "00-ab", "empty", "", "\xC3\xBC", "\xE2\x82\xAC",
        NULL };
    char *packed;
    size_t size;
    REQUIRE_OK(gf_headers_pack(pairs, &packed, &size));

    size_t at = 0, n = 0;
    const char *key, *value;
    while (gf_headers_next(packed, size, &at, &key, &value)) {
        CHECK_STR(key, pairs[2 * n]);
        CHECK_STR(value, pairs[2 * n + 1]);
        n++;
    }
    CHECK_INT(n, 3);
    CHECK_INT(at, size);
    gf_free(packed);
}

static void bad_headers_are_refused(void)
{
    static char big[70000];
    memset(big, 'x', sizeof big - 1);
    static const char *const no_value[] = { "a", NULL };
    static const char *const no_key[] = { "", "v", NULL };
    static const char *const not_utf8[] = { "a", "\xFF", NULL };
    static const char *const twice[] = { "a", "1", "b", "2", "a", "3", NULL };
    const char *const too_big[] = { "a", big, NULL };
    static const char *const *const invalid[] = { no_value, no_key, not_utf8, twice };
    char *packed;
    size_t size;
    for (size_t i = 0; i < COUNT(invalid); i++)
        CHECK_STATUS(gf_headers_pack(invalid[i], &packed, &size), GOFER_EINVAL);
    CHECK_STATUS(gf_headers_pack(too_big, &packed, &size), GOFER_ETOOBIG);
}

static void damaged_packed_headers_end_the_walk(void)
{
    size_t at = 0;
    const char *key, *value;
    CHECK_INT(gf_headers_next("a", 1, &at, &key, &value), 0);
    CHECK_INT(gf_headers_next("a\0b", 3, &at, &key, &value), 0);
    CHECK_INT(gf_headers_next(NULL, 0, &at, &key, &value), 0);
}

static void the_same_task_has_the_same_identity_and_bytes(void)
{
    gf_message a = { .id = "1", .queue = "q", .type = "t", .payload = "x\0y", .payload_size = 3 },
               b = a;
    CHECK(gf_message_same(&a, &b));
    b.payload = "x\0z";
    CHECK(!gf_message_same(&a, &b));
    b = a;
    b.type = "u";
    CHECK(!gf_message_same(&a, &b));
    b = a;
    b.payload = NULL;
    b.payload_size = 0;
    CHECK(!gf_message_same(&a, &b));
    a.payload = "";
    a.payload_size = 0;
    CHECK(gf_message_same(&a, &b));
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(headers_pack_and_unpack_in_order),
        TEST(bad_headers_are_refused),
        TEST(damaged_packed_headers_end_the_walk),
        TEST(the_same_task_has_the_same_identity_and_bytes),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
