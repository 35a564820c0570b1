// record_test.c - lines of named values: what is written is read back, whatever it holds.
#include <string.h>

#include "check.h"
#include "util/alloc.h"
#include "util/record.h"

static void fields_come_back(void)
{
    gf_record r = { 0 };
    gf_record_int(&r, "at_ms", 1764208800000);
    gf_record_text(&r, "kind", "failed");
    gf_record_text(&r, "none", NULL);
    gf_record_int(&r, "least", INT64_MIN);
    gf_record_int(&r, "most", INT64_MAX);
    CHECK(!r.bad);
    CHECK_STR(r.text,
        "at_ms:1764208800000\tkind=failed\tleast:-9223372036854775808\tmost:9223372036854775807");
    CHECK_INT(gf_record_get_int(r.text, "at_ms", -1), 1764208800000);
    CHECK(gf_record_get_int(r.text, "least", 0) == INT64_MIN);
    CHECK(gf_record_get_int(r.text, "most", 0) == INT64_MAX);
    CHECK_INT(gf_record_get_int(r.text, "kind", -1), -1);
    CHECK_INT(gf_record_get_int(r.text, "missing", -7), -7);
    char *text;
    CHECK(gf_record_get_text(r.text, "kind", &text, NULL));
    CHECK_STR(text, "failed");
    gf_free(text);
    CHECK(gf_record_get_text(r.text, "none", &text, NULL));
    CHECK(text == NULL);
    gf_record_clear(&r);
}

static void any_bytes_are_kept_on_one_line(void)
{
    static const char bytes[] = "a\tb\nc\\d\0e=:f\\";
    gf_record r = { 0 };
    char *back;
    size_t size;
    gf_record_bytes(&r, "x", bytes, sizeof bytes - 1);
    gf_record_bytes(&r, "empty", "", 0);
    CHECK(strchr(r.text, '\n') == NULL);
    CHECK_INT((int64_t)strlen(r.text), (int64_t)r.size);
    CHECK(gf_record_get_text(r.text, "x", &back, &size));
    CHECK_INT((int64_t)size, sizeof bytes - 1);
    CHECK(memcmp(back, bytes, sizeof bytes) == 0);
    gf_free(back);
    CHECK(gf_record_get_text(r.text, "empty", &back, &size));
    CHECK_STR(back, "");
    gf_free(back);
    gf_record_clear(&r);
}

static void lines_are_joined(void)
{
    gf_record r = { 0 };
    gf_record_int(&r, "a", 1);
    gf_record_newline(&r);
    gf_record_int(&r, "b", 2);
    gf_record_newline(&r);
    CHECK_STR(r.text, "a:1\nb:2\n");
    CHECK_INT(gf_record_get_int(r.text, "a", 0), 1);
    CHECK_INT(gf_record_get_int(r.text, "b", 0), 0);       // of the next line
    gf_record_clear(&r);
}

static void what_is_not_understood_is_passed_over(void)
{
    static const struct { const char *line; int64_t n; } cases[] = {
        { "", -1 }, { "n", -1 }, { "=x\tn:5", 5 }, { "\t\tn:5\t", 5 }, { "n=5", -1 }, { "n:", -1 },
        { "n:-", -1 }, { "n:5x", -1 },
        { "n:9223372036854775808", -1 }, { "n:99999999999999999999", -1 }, { "junk\tn:007", 7 },
        { "nn:1\tn:2", 2 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_INT(gf_record_get_int(cases[i].line, "n", -1), cases[i].n);
    char *text;
    CHECK(gf_record_get_text("x=a\\", "x", &text, NULL));  // cut in the middle of an escape
    CHECK_STR(text, "a\\");
    gf_free(text);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(fields_come_back), TEST(any_bytes_are_kept_on_one_line), TEST(lines_are_joined),
        TEST(what_is_not_understood_is_passed_over),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
