// fingerprint_test.c - errors of one kind have one fingerprint, others have another.
#include "util/fingerprint.h"

#include <string.h>

#include "check.h"
#include "util/utf8.h"

static void the_telling_line_is_found(void)
{
    static const struct { const char *error, *want; } cases[] = {
        { "", "" }, { "\n ", "" }, { "refused", "refused" }, { "one\ntwo", "one" },
        { "\n  refused\nby whom", "refused" },
        { "Traceback (most recent call last):\n  File \"x.py\", line 3\n    f()\nValueError: 7\n",
            "ValueError: 7" },
        { "Traceback (most recent call last):\n  File \"x.py\"\nA: 1\n\nThe above\n\n"
          "Traceback (most recent call last):\n  File \"y.py\"\nB: 2\nmore", "B: 2" },
        { "Traceback (most recent call last):", "Traceback (most recent call last):" },
        { "exit code 3", "exit code 3" }, { "exit code 3: bad", "exit code 3: bad" },
        { "exit code 3: first\nlast\n", "exit code 3: last" },
        { "exit code 1: Traceback (most recent call last):\n  File \"x.py\"\nE: no\n",
            "exit code 1: E: no" },
        { "killed by signal 9: a\nb", "killed by signal 9: b" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char got[256];
        size_t size = gf_error_line(cases[i].error, got, sizeof got);
        CHECK_STR(got, cases[i].want);
        CHECK(size == strlen(got) && size <= strlen(cases[i].error));
    }
}

static void a_line_is_cut_on_a_character(void)
{
    char got[6];
    CHECK_INT(gf_error_line("ab\xc3\xa4\xe2\x82\xac", got, sizeof got), 4);
    CHECK_STR(got, "ab\xc3\xa4");
    CHECK_INT(gf_error_line("abcd", got, 1), 0);
    CHECK_STR(got, "");
}

static void what_differs_is_taken_out(void)
{
    static const struct { const char *error, *want; } cases[] = {
        { "user 17 not found", "user # not found" }, { "user_17: no", "user_#: no" },
        { "got -5, not +3.25", "got #, not #" }, { "3 of 1,000,000", "# of #" },
        { "1234567.5 s", "# s" }, { "1e-5 and 2E+10", "# and #" },
        { "after 30s, 12ms", "after #s, #ms" },
        { "2026-11-29T10:33:00.123Z late", "#Z late" }, { "2026-11-29 10:33", "# #" },
        { "dial tcp 10.0.0.7:6379: refused", "dial tcp #: refused" },
        { "object at 0x7ffe12aB", "object at #" }, { "0x is no number", "#x is no number" },
        { "commit 3fa9c1e gone", "commit # gone" }, { "commit facade gone", "commit facade gone" },
        { "order 01ARZ3NDEKTSV4RRFFQ69G5FAV", "order #" },
        { "task 3D5fb3a1-07aa-4c20-9d6c-0f1d2c3b4a59 x", "task # x" },
        { "task abcdefab-abcd-abcd-abcd-abcdefabcdef", "task #" },
        { "Utf8JsonReaderException: bad", "Utf#JsonReaderException: bad" },
        { "KeyError: 'user'", "KeyError: '*'" }, { "no \"file\" of `x`", "no \"*\" of `*`" },
        { "can't open 'it\\'s', don't", "can't open '*', don't" },
        { "the users' 5 files", "the users' # files" }, { "it's 'half", "it's 'half" },
        { "a  b\tc ", "a b c" }, { "na\xc3\xafve 5\xe2\x82\xac", "na\xc3\xafve #\xe2\x82\xac" },
        { "", "" }, { NULL, "" }, { "7", "#" }, { "'", "'" }, { "\\", "\\" }, { "'\\", "'\\" },
        { "exit code 3", "exit code 3" }, { "exit code 3: 4 bad", "exit code 3: # bad" },
        { "killed by signal 11: at line\nline 7", "killed by signal 11: line #" },
        { "exit code 1: Traceback (most recent call last):\n  x\nE: 'no' 5",
            "exit code 1: E: '*' #" },
        { "Traceback (most recent call last):\n  File \"x.py\", line 3\nValueError: 7 'x'\n",
            "ValueError: # '*'" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char got[GF_FINGERPRINT];
        size_t size = gf_fingerprint(cases[i].error, got);
        CHECK_STR(got, cases[i].want);
        CHECK_INT(size, strlen(got));
    }
}

static void kinds_stay_apart(void)
{
    static const char *const kinds[] = { "exit code 1", "exit code 2", "killed by signal 9",
        "timed out after 5s", "ValueError: 5", "TypeError: 5", "user 5 missing", "user missing" };
    for (size_t i = 0; i < COUNT(kinds); i++)
        for (size_t j = 0; j < i; j++) {
            char a[GF_FINGERPRINT], b[GF_FINGERPRINT];
            gf_fingerprint(kinds[i], a);
            gf_fingerprint(kinds[j], b);
            CHECK(strcmp(a, b) != 0);
        }
}

static void long_ones_are_cut_on_a_character(void)
{
    char error[2000], got[GF_FINGERPRINT];
    for (size_t shift = 0; shift < 3; shift++) {
        memset(error, 'x', shift);
        for (size_t i = 0; i < 600; i++)
            memcpy(error + shift + 3 * i, "\xe2\x82\xac", 3);
        error[shift + 1800] = '\0';
        size_t size = gf_fingerprint(error, got);
        CHECK(size >= GF_FINGERPRINT - 4 && size < GF_FINGERPRINT && gf_utf8_valid(got, size));
    }
}

static void bytes_of_any_kind_are_taken(void)
{
    char error[64], got[GF_FINGERPRINT];
    uint32_t seed = 1;
    for (size_t round = 0; round < 20000; round++) {
        size_t size = round % (sizeof error - 1);
        for (size_t i = 0; i < size; i++) {
            static const char alphabet[] = "019afx-:.'\"\\ \n\t_eT)\xc3\xff";
            seed = seed * 1664525 + 1013904223;
            error[i] = alphabet[(seed >> 16) % (sizeof alphabet - 1)];
        }
        error[size] = '\0';
        REQUIRE(gf_fingerprint(error, got) == strlen(got));
        REQUIRE(strlen(got) <= 2 * size);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(the_telling_line_is_found), TEST(a_line_is_cut_on_a_character),
        TEST(what_differs_is_taken_out), TEST(kinds_stay_apart),
        TEST(long_ones_are_cut_on_a_character), TEST(bytes_of_any_kind_are_taken),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
