// json_test.c - the JSON reader takes what RFC 8259 says, nothing else, and loses nothing of it.
#include "util/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

typedef struct text {
    const char *bytes;
    size_t      size;
} text;

#define T(literal) { literal, sizeof literal - 1 }

static gf_json_kind read_whole(text t, gf_json *out, gf_json_scan *s)
{
    *s = gf_json_start(t.bytes, t.size);
    return gf_json_whole(s, out);
}

static void what_is_json_is_read(void)
{
    static const struct { text text; gf_json_kind kind; text value; } cases[] = {
        { T("null"), GF_JSON_NULL, T("null") }, { T(" true\n"), GF_JSON_TRUE, T("true") },
        { T("\t\r\n false"), GF_JSON_FALSE, T("false") }, { T("0"), GF_JSON_NUMBER, T("0") },
        { T("-0"), GF_JSON_NUMBER, T("-0") }, { T("-0.0e-0"), GF_JSON_NUMBER, T("-0.0e-0") },
        { T("1E+2 "), GF_JSON_NUMBER, T("1E+2") }, { T("123456789012345678901234567890"),
            GF_JSON_NUMBER, T("123456789012345678901234567890") },
        { T("1e999"), GF_JSON_NUMBER, T("1e999") }, { T("\"\""), GF_JSON_STRING, T("\"\"") },
        { T("\"\\u0000\\\"\\\\\""), GF_JSON_STRING, T("\"\\u0000\\\"\\\\\"") },
        { T("\"\x7f\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbf\""), GF_JSON_STRING,
            T("\"\x7f\xc3\xa4\xf0\x9f\x98\x80\xef\xbf\xbf\"") },
        { T("\"\\ud83d\\uDE00\""), GF_JSON_STRING, T("\"\\ud83d\\uDE00\"") },
        { T("[]"), GF_JSON_ARRAY, T("[]") }, { T(" [ ] "), GF_JSON_ARRAY, T("[ ]") },
        { T("{}"), GF_JSON_OBJECT, T("{}") },
        { T("[[],{},[{}]]"), GF_JSON_ARRAY, T("[[],{},[{}]]") },
        { T("{ \"a\" : [ 1 , 2 ] , \"\" : { } }\n"), GF_JSON_OBJECT,
            T("{ \"a\" : [ 1 , 2 ] , \"\" : { } }") },
        { T("{\"a\":1,\"a\":2}"), GF_JSON_OBJECT, T("{\"a\":1,\"a\":2}") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_json got;
        gf_json_scan s;
        CHECK_INT(read_whole(cases[i].text, &got, &s), cases[i].kind);
        CHECK_INT(got.kind, cases[i].kind);
        CHECK_MEM(got.text, got.size, cases[i].value.bytes, cases[i].value.size);
        CHECK(s.wrong == NULL);
    }
}

static void what_is_not_json_is_refused_with_its_place(void)
{
    static const struct { text text; size_t at; const char *wrong; } cases[] = {
        { T(""), 0, "unexpected end" }, { T(" \n"), 2, "unexpected end" },
        { T("\xEF\xBB\xBF" "1"), 0, "malformed value" }, { T("\0"), 0, "malformed value" },
        { T("nul"), 0, "malformed value" }, { T("True"), 0, "malformed value" },
        { T("nulls"), 4, "something follows the value" }, { T("NaN"), 0, "malformed value" },
        { T("1 2"), 2, "something follows the value" },
        { T("1\0"), 1, "something follows the value" },
        { T("[1]]"), 3, "something follows the value" },
        { T("{} x"), 3, "something follows the value" },
        { T("1,"), 1, "something follows the value" }, { T("/**/1"), 0, "malformed value" },
        { T("\f1"), 0, "malformed value" }, { T("\xC2\xA0" "1"), 0, "malformed value" },
        { T("01"), 1, "something follows the value" }, { T("-"), 1, "malformed value" },
        { T("+1"), 0, "malformed value" }, { T(".5"), 0, "malformed value" },
        { T("1."), 2, "malformed number" },
        { T("1.e1"), 2, "malformed number" }, { T("1e"), 2, "malformed number" },
        { T("1e+"), 3, "malformed number" }, { T("-a"), 1, "malformed value" },
        { T("0x10"), 1, "something follows the value" }, { T("[01]"), 2, "expected ',' or ']'" },
        { T("["), 1, "unexpected end" }, { T("[1"), 2, "expected ',' or ']'" },
        { T("[1,"), 3, "unexpected end" }, { T("[1,]"), 3, "malformed value" },
        { T("[,1]"), 1, "malformed value" }, { T("[1 2]"), 3, "expected ',' or ']'" },
        { T("[1}"), 2, "expected ',' or ']'" }, { T("]"), 0, "malformed value" },
        { T("}"), 0, "malformed value" }, { T("[:1]"), 1, "malformed value" },
        { T("{"), 1, "expected a key" }, { T("{]"), 1, "expected a key" },
        { T("{1:2}"), 1, "expected a key" },
        { T("{a:1}"), 1, "expected a key" }, { T("{'a':1}"), 1, "expected a key" },
        { T("{\"a\"}"), 4, "expected ':'" }, { T("{\"a\" 1}"), 5, "expected ':'" },
        { T("{\"a\""), 4, "expected ':'" }, { T("{\"a\":}"), 5, "malformed value" },
        { T("{\"a\":"), 5, "unexpected end" }, { T("{\"a\":1"), 6, "expected ',' or '}'" },
        { T("{\"a\":1,"), 7, "expected a key" }, { T("{\"a\":1,}"), 7, "expected a key" },
        { T("{,\"a\":1}"), 1, "expected a key" }, { T("{\"a\":1]"), 6, "expected ',' or '}'" },
        { T("\""), 1, "string without an end" }, { T("\"abc"), 4, "string without an end" },
        { T("'a'"), 0, "malformed value" }, { T("\"a\nb\""), 2, "control character in a string" },
        { T("\"a\0b\""), 2, "control character in a string" },
        { T("\"\t\""), 1, "control character in a string" }, { T("\"\\"), 2, "unknown escape" },
        { T("\"\\\""), 3, "string without an end" }, { T("\"\\x\""), 2, "unknown escape" },
        { T("\"\\\0\""), 2, "unknown escape" }, { T("\"\\U0041\""), 2, "unknown escape" },
        { T("\"\\u12\""), 3, "malformed \\u escape" }, { T("\"\\u12"), 3, "malformed \\u escape" },
        { T("\"\\u12g4\""), 3, "malformed \\u escape" },
        { T("\"\\ud800\""), 7, "half a surrogate pair" },
        { T("\"\\udc00\""), 7, "half a surrogate pair" },
        { T("\"\\udc00\\ud800\""), 7, "half a surrogate pair" },
        { T("\"\\ud800\\u0041\""), 13, "half a surrogate pair" },
        { T("\"\\ud800\\ud800\""), 13, "half a surrogate pair" },
        { T("\"\\ud800\\n\""), 8, "half a surrogate pair" },
        { T("\"\\ud800\\ud\""), 9, "malformed \\u escape" },
        { T("\"\xff\""), 1, "malformed UTF-8" },
        { T("\"a\x80\""), 2, "malformed UTF-8" }, { T("\"\xc0\x80\""), 1, "malformed UTF-8" },
        { T("\"\xc3\""), 1, "malformed UTF-8" }, { T("\"\xc3"), 1, "malformed UTF-8" },
        { T("\"\xed\xa0\x80\""), 1, "malformed UTF-8" },
        { T("\"\xf4\x90\x80\x80\""), 1, "malformed UTF-8" },
        { T("{\"\xff\":1}"), 2, "malformed UTF-8" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_json got;
        gf_json_scan s;
        CHECK_INT(read_whole(cases[i].text, &got, &s), GF_JSON_BAD);
        CHECK_STR(s.wrong, cases[i].wrong);
        if (!CHECK_INT(s.at - cases[i].text.bytes, cases[i].at))
            printf("    %s\n", cases[i].text.bytes);
        CHECK_INT(gf_json_next(&s, &got), GF_JSON_BAD);        // and stays so
    }
}

// Each beginning of a text is read without a byte behind it; only the whole is JSON.
static void a_cut_text_is_refused(void)
{
    static const char whole[] =
        "{\"a\\u00e4\xc3\xa4\\ud83d\\ude00\":[1.5e-3,true,false,null,{\"b\":\"\"}]}";
    for (size_t size = 0; size < sizeof whole; size++) {
        char *copy = malloc(size + 1);                         // so that a sanitizer sees more
        gf_json got;
        gf_json_scan s;
        REQUIRE(copy != NULL);
        char *end = copy + 1;
        memcpy(end, whole, size);
        CHECK_INT(read_whole((text){ end, size }, &got, &s),
            size == sizeof whole - 1 ? GF_JSON_OBJECT : GF_JSON_BAD);
        CHECK(s.at <= end + size);
        free(copy);
        if (size == sizeof whole - 1)
            break;
    }
}

static void depth_has_a_bound(void)
{
    enum { MOST = GF_JSON_DEPTH_MAX + 1 };
    char nested[2 * MOST];
    for (size_t depth = GF_JSON_DEPTH_MAX - 1; depth <= MOST; depth++) {
        gf_json got;
        gf_json_scan s;
        memset(nested, '[', depth);
        memset(nested + depth, ']', depth);
        bool fits = depth <= GF_JSON_DEPTH_MAX;
        CHECK_INT(read_whole((text){ nested, 2 * depth }, &got, &s),
            fits ? GF_JSON_ARRAY : GF_JSON_BAD);
        if (!fits)
            CHECK_STR(s.wrong, "nested too deeply");
    }
    // Which of the two each is, is known at every depth.
    char mixed[] = "[{\"a\":[{\"b\":[[{\"c\":{\"d\":[{}]}}]]}]}]";
    gf_json got;
    gf_json_scan s;
    CHECK_INT(read_whole((text){ mixed, sizeof mixed - 1 }, &got, &s), GF_JSON_ARRAY);
    for (size_t i = 0; i < sizeof mixed - 1; i++) {
        char was = mixed[i];
        if (was != ']' && was != '}')
            continue;
        mixed[i] = was == ']' ? '}' : ']';
        CHECK_INT(read_whole((text){ mixed, sizeof mixed - 1 }, &got, &s), GF_JSON_BAD);
        mixed[i] = was;
    }
}

static void members_and_values_come_in_order(void)
{
    static const char source[] =
        "{\"b\":1,\"a\" : [ true , {\"x\":[]} ] ,\"b\":\"\\u0062\", \"\\u0061\":{}}";
    static const struct { const char *key; gf_json_kind kind; const char *value; } want[] = {
        { "b", GF_JSON_NUMBER, "1" }, { "a", GF_JSON_ARRAY, "[ true , {\"x\":[]} ]" },
        { "b", GF_JSON_STRING, "\"\\u0062\"" }, { "a", GF_JSON_OBJECT, "{}" },
    };
    gf_json whole, key, value;
    gf_json_scan s = gf_json_start(source, sizeof source - 1);
    REQUIRE(gf_json_whole(&s, &whole) == GF_JSON_OBJECT);
    s = gf_json_inside(whole);
    for (size_t i = 0; i < COUNT(want); i++) {
        CHECK(gf_json_member(&s, &key, &value));
        CHECK_INT(value.kind, want[i].kind);
        CHECK(gf_json_is(key, want[i].key));
        CHECK_MEM(value.text, value.size, want[i].value, strlen(want[i].value));
        if (value.kind != GF_JSON_ARRAY)
            continue;
        gf_json_scan items = gf_json_inside(value);
        CHECK_INT(gf_json_value(&items, &key), GF_JSON_TRUE);
        CHECK_INT(gf_json_value(&items, &key), GF_JSON_OBJECT);
        CHECK_INT(gf_json_value(&items, &key), GF_JSON_CLOSE);
    }
    CHECK(!gf_json_member(&s, &key, &value));
}

static void texts_are_decoded_with_their_nuls(void)
{
    static const struct { text json, want; bool nul; } cases[] = {
        { T("\"\""), T(""), false }, { T("\"abc\""), T("abc"), false },
        { T("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), T("\"\\/\b\f\n\r\t"), false },
        { T("\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\""),
            T("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), false },
        { T("\"\\ud800\\udc00\\udbff\\udfff\""), T("\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"), false },
        { T("\"a\\u0000b\""), T("a\0b"), true }, { T("\"\\\\u0000\""), T("\\u0000"), false },
        { T("\"\\\\\\u0000\""), T("\\\0"), true },
        { T("\"\xc3\xa4\xf0\x9f\x98\x80\""), T("\xc3\xa4\xf0\x9f\x98\x80"), false },
        { T("\"\\ud7ff\\ue000\\uffff\""), T("\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_json got;
        gf_json_scan s;
        char out[64];
        REQUIRE(read_whole(cases[i].json, &got, &s) == GF_JSON_STRING);
        size_t size = gf_json_text(got, out);
        CHECK_MEM(out, size, cases[i].want.bytes, cases[i].want.size);
        CHECK_INT(out[size], '\0');
        CHECK_INT(gf_json_has_nul(got), cases[i].nul);
        CHECK_INT(gf_json_is(got, cases[i].want.bytes), !cases[i].nul);
        CHECK(!gf_json_is(got, "abcd") && !gf_json_is(got, "ab"));
    }
}

static void numbers_have_their_value(void)
{
    static const struct { const char *text; double value; } cases[] = {
        { "0", 0 }, { "-1.5", -1.5 }, { "1e3", 1000 }, { "2.5E-1", 0.25 },
        { "9007199254740993", 9007199254740992.0 }, { "1e999", HUGE_VAL }, { "-1e999", -HUGE_VAL },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_json got;
        gf_json_scan s;
        char room[32];
        text t = { cases[i].text, strlen(cases[i].text) };
        REQUIRE(read_whole(t, &got, &s) == GF_JSON_NUMBER);
        CHECK(gf_json_number(got, room) == cases[i].value);
    }
}

static void blanks_between_are_squeezed_out(void)
{
    static const char source[] = " { \"a b\" :\t[ 1 ,\r\n2 ] , \"\\\" \\\\\" : \" \\\" \" } ";
    static const char want[] = "{\"a b\":[1,2],\"\\\" \\\\\":\" \\\" \"}";
    char out[sizeof source];
    gf_json got;
    gf_json_scan s = gf_json_start(source, sizeof source - 1);
    REQUIRE(gf_json_whole(&s, &got) == GF_JSON_OBJECT);
    CHECK_MEM(out, gf_json_squeeze(got, out), want, sizeof want - 1);
}

static void a_byte_order_mark_is_taken_off_once(void)
{
    static const struct { text text; size_t left; } cases[] = {
        { T("\xEF\xBB\xBF[]"), 2 }, { T("[]"), 2 }, { T("\xEF\xBB\xBF"), 0 }, { T("\xEF\xBB"), 2 },
        { T(""), 0 }, { T("\xEF\xBB\xBF\xEF\xBB\xBF"), 3 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *at = cases[i].text.bytes;
        size_t size = cases[i].text.size;
        gf_json_unmark(&at, &size);
        CHECK_INT(size, cases[i].left);
        CHECK(at + size == cases[i].text.bytes + cases[i].text.size);
    }
}

static void what_a_literal_may_not_hold_is_escaped(void)
{
    static const struct { unsigned char byte; const char *plain, *in_short; } cases[] = {
        { '"', "\\\"", "\\\"" }, { '\\', "\\\\", "\\\\" },
        { '\n', "\\u000a", "\\n" }, { '\t', "\\u0009", "\\t" }, { '\b', "\\u0008", "\\b" },
        { '\f', "\\u000c", "\\f" }, { '\r', "\\u000d", "\\r" },
        { 0, "\\u0000", "\\u0000" }, { 0x1F, "\\u001f", "\\u001f" },
        { 0x7F, "\\u007f", "\\u007f" },
        { ' ', "", "" }, { '/', "", "" }, { 'a', "", "" }, { 0xC3, "", "" }, { 0xFF, "", "" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[GF_JSON_ESCAPE_MAX + 1] = "";
        out[gf_json_escape(cases[i].byte, false, out)] = '\0';
        CHECK_STR(out, cases[i].plain);
        out[gf_json_escape(cases[i].byte, true, out)] = '\0';
        CHECK_STR(out, cases[i].in_short);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(what_is_json_is_read), TEST(what_is_not_json_is_refused_with_its_place),
        TEST(a_cut_text_is_refused), TEST(depth_has_a_bound),
        TEST(members_and_values_come_in_order),
        TEST(texts_are_decoded_with_their_nuls), TEST(numbers_have_their_value),
        TEST(blanks_between_are_squeezed_out), TEST(a_byte_order_mark_is_taken_off_once),
        TEST(what_a_literal_may_not_hold_is_escaped),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
