// text_test.c - checks of names, UTF-8 and nearest words.
#include "util/nearest.h"
#include "util/text.h"
#include "util/utf8.h"

#include "check.h"

static void utf8_follows_rfc_3629(void)
{
    static const struct { const char *bytes; bool valid; } cases[] = {
        { "", true }, { "plain", true }, { "gr\xC3\xBC\xC3\x9F", true }, { "\xE2\x82\xAC", true },
        { "\xF0\x9F\x98\x80", true }, { "\xF4\x8F\xBF\xBF", true },
        { "\x80", false }, { "\xC3", false }, { "\xC0\xAF", false }, { "\xE0\x80\xAF", false },
        { "\xED\xA0\x80", false }, { "\xF4\x90\x80\x80", false }, { "\xF5\x80\x80\x80", false },
        { "\xFF", false }, { "a\xE2\x82", false },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_INT(gf_utf8_valid(cases[i].bytes, strlen(cases[i].bytes)), cases[i].valid);
    CHECK(gf_utf8_valid("a\0b", 3));
}

// Eight characters are looked at together while all is ASCII.
static void utf8_is_checked_wherever_it_stands(void)
{
    enum { LONG = 40 };
    for (size_t size = 1; size <= LONG; size++)
        for (size_t at = 0; at < size; at++) {
            char text[LONG + 1];
            memset(text, 'a', sizeof text);
            text[at] = '\xC3';
            CHECK(!gf_utf8_valid(text, size));
            text[at + 1] = '\xBC';
            CHECK_INT(gf_utf8_valid(text, size), at + 1 < size);
        }
}

static void cleaning_replaces_and_cuts_between_characters(void)
{
    static const struct { const char *bytes; size_t size, capacity; const char *want; } cases[] = {
        { "plain", 5, 64, "plain" },
        { "a\xFFz", 3, 64, "a\xEF\xBF\xBDz" },
        { "a\0z", 3, 64, "a\xEF\xBF\xBDz" },
        { "\xE2\x82\xAC\xE2\x82\xAC", 6, 6, "\xE2\x82\xAC" },
        { "abc", 3, 1, "" },
        { "abc", 3, 3, "ab" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char got[64];
        size_t size = gf_utf8_clean(cases[i].bytes, cases[i].size, got, cases[i].capacity);
        CHECK_STR(got, cases[i].want);
        CHECK_INT(size, strlen(cases[i].want));
    }
}

static void names_have_1_to_255_printable_bytes(void)
{
    char longest[257];
    memset(longest, 'x', 256);
    longest[256] = '\0';
    CHECK_STATUS(gf_check_name("task type", longest), GOFER_EINVAL);
    longest[255] = '\0';
    CHECK_OK(gf_check_name("task type", longest));

    static const struct { const char *name; gofer_status want; const char *text; } cases[] = {
        { "email:welcome", GOFER_OK, NULL },
        { "gr\xC3\xBC\xC3\x9F e", GOFER_OK, NULL },
        { NULL, GOFER_EINVAL, "empty" },
        { "", GOFER_EINVAL, "empty" },
        { "  ", GOFER_EINVAL, "blank" },
        { "\xE3\x80\x80 ", GOFER_EINVAL, "blank" },
        { " x", GOFER_OK, NULL },
        { "a\nb", GOFER_EINVAL, "U+000A" },
        { "a\x1B[31m", GOFER_EINVAL, "U+001B" },
        { "\xC2\x85", GOFER_EINVAL, "U+0085" },
        { "\xE2\x80\xAE" "x", GOFER_EINVAL, "U+202E" },
        { "a\xFF", GOFER_EINVAL, "UTF-8 at byte 1" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_STATUS(gf_check_name("task type", cases[i].name), cases[i].want);
        if (cases[i].text)
            CHECK_HAS(gofer_error_last(), cases[i].text);
    }
    CHECK_OK(gf_check_name("task id", "a{b}"));
    CHECK_STATUS(gf_check_queue("a{b}"), GOFER_EINVAL);
}

static void durations_and_times_are_range_checked(void)
{
    CHECK_OK(gf_check_duration("d", 0));
    CHECK_OK(gf_check_duration("d", GOFER_MAX_DURATION_MS));
    CHECK_STATUS(gf_check_duration("d", -1), GOFER_EINVAL);
    CHECK_STATUS(gf_check_duration("d", GOFER_MAX_DURATION_MS + 1), GOFER_EINVAL);
    CHECK_STATUS(gf_check_duration("d", INT64_MIN), GOFER_EINVAL);
    CHECK_STATUS(gf_check_time("t", INT64_MAX), GOFER_EINVAL);
    CHECK_STATUS(gf_check_time("t", -1), GOFER_EINVAL);
    CHECK_OK(gf_check_time("t", INT64_C(253402300799999)));
}

static void the_nearest_word_is_found_or_none(void)
{
    static const char *const words[] = { "concurrency", "grace", "lease", "drain", "strict" };
    CHECK_STR(gf_nearest("concurency", words, COUNT(words)), "concurrency");
    CHECK_STR(gf_nearest("leese", words, COUNT(words)), "lease");
    CHECK_STR(gf_nearest("stict", words, COUNT(words)), "strict");
    CHECK_STR(gf_nearest("dnair", words, COUNT(words)), "drain");
    CHECK_STR(gf_nearest("ocnucrrecny", words, COUNT(words)), "concurrency");   // swaps count once
    CHECK(gf_nearest("con", words, COUNT(words)) == NULL);
    CHECK(gf_nearest("bananas-are-yellow", words, COUNT(words)) == NULL);
    CHECK(gf_nearest("", words, COUNT(words)) == NULL);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(utf8_follows_rfc_3629), TEST(utf8_is_checked_wherever_it_stands),
        TEST(cleaning_replaces_and_cuts_between_characters),
        TEST(names_have_1_to_255_printable_bytes),
        TEST(durations_and_times_are_range_checked),
        TEST(the_nearest_word_is_found_or_none),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
