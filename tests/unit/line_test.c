// line_test.c - the lines of a command to its worker, and base64.
#include "handler/line.h"

#include "check.h"
#include "util/base64.h"

static gofer_status parse(const char *text, size_t size, gf_line *out, char *room)
{
    memcpy(room, text, size);
    room[size] = '\0';
    return gf_line_parse(room, size, out);
}

static void good_lines_are_understood(void)
{
    static const struct { const char *line; gf_line want; } cases[] = {
        { "progress 3", { .kind = GF_LINE_PROGRESS, .done = 3 } },
        { "progress 3 10", { .kind = GF_LINE_PROGRESS, .done = 3, .total = 10 } },
        { "progress 3 10 third file", { .kind = GF_LINE_PROGRESS, .done = 3, .total = 10,
          .text = "third file" } },
        { "progress 3 of many", { .kind = GF_LINE_PROGRESS, .done = 3, .text = "of many" } },
        { "progress 3 10x", { .kind = GF_LINE_PROGRESS, .done = 3, .text = "10x" } },
        { "  progress   3   10   two  blanks\r",
            { .kind = GF_LINE_PROGRESS, .done = 3, .total = 10, .text = "two  blanks" } },
        { "log info hello world", { .kind = GF_LINE_LOG, .level = GOFER_LOG_INFO,
          .text = "hello world" } },
        { "log debug x", { .kind = GF_LINE_LOG, .level = GOFER_LOG_DEBUG, .text = "x" } },
        { "log error x", { .kind = GF_LINE_LOG, .level = GOFER_LOG_ERROR, .text = "x" } },
        { "snooze 5m", { .kind = GF_LINE_SNOOZE, .delay_ms = 300000 } },
        { "snooze 1.5 rate limit", { .kind = GF_LINE_SNOOZE, .delay_ms = 1500,
          .text = "rate limit" } },
        { "limit-pause api 5m", { .kind = GF_LINE_LIMIT_PAUSE, .limit_key = "api",
          .delay_ms = 300000 } },
        { "limit-pause smtp:a.org  30  429 Too Many", { .kind = GF_LINE_LIMIT_PAUSE,
          .limit_key = "smtp:a.org", .delay_ms = 30000, .text = "429 Too Many" } },
        { "resumable", { .kind = GF_LINE_RESUMABLE } },
        { "resumable \r", { .kind = GF_LINE_RESUMABLE } },
        { "checkpoint", { .kind = GF_LINE_CHECKPOINT, .bytes = "", .size = 0 } },
        { "checkpoint aGVsbG8=", { .kind = GF_LINE_CHECKPOINT, .bytes = "hello", .size = 5 } },
        { "checkpoint aGVsbG8", { .kind = GF_LINE_CHECKPOINT, .bytes = "hello", .size = 5 } },
        { "checkpoint AAECAw==\r", { .kind = GF_LINE_CHECKPOINT, .bytes = "\0\1\2\3", .size = 4 } },
        { "checkpoint-text page 7 \r", { .kind = GF_LINE_CHECKPOINT, .bytes = "page 7 \r",
          .size = 8 } },
        { "checkpoint-text", { .kind = GF_LINE_CHECKPOINT, .bytes = "", .size = 0 } },
        { "checkpoint-text ", { .kind = GF_LINE_CHECKPOINT, .bytes = "", .size = 0 } },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_line got;
        char room[256];
        if (!CHECK_OK(parse(cases[i].line, strlen(cases[i].line), &got, room)))
            continue;
        const gf_line *want = &cases[i].want;
        CHECK_INT(got.kind, want->kind);
        CHECK_INT(got.done, want->done);
        CHECK_INT(got.total, want->total);
        CHECK_INT(got.level, want->level);
        CHECK_INT(got.delay_ms, want->delay_ms);
        CHECK_STR(got.text, want->text);
        CHECK_STR(got.limit_key, want->limit_key);
        if (want->kind == GF_LINE_CHECKPOINT)
            CHECK_MEM(got.bytes, got.size, want->bytes, want->size);
    }
}

static void bad_lines_are_refused_and_say_why(void)
{
    static const struct { const char *line, *words; } cases[] = {
        { "", "there is no ''" }, { "   ", "there is no ''" }, { "hello", "there is no 'hello'" },
        { "Progress 1", "there is no 'Progress'" },
        { "checkpoint-texts x", "there is no 'checkpoint-texts'" },
        { "progress", "DONE is a number" }, { "progress x", "not 'x'" },
        { "progress -1", "not '-1'" },
        { "progress 1.5", "not '1.5'" }, { "progress 9999999999999999999", "DONE is a number" },
        { "log", "LEVEL is" }, { "log loud x", "not 'loud'" }, { "log info", "no text" },
        { "log info  ", "no text" },
        { "snooze", "for how long" }, { "snooze soon", "soon" }, { "snooze -5s", "-5s" },
        { "limit-pause", "which key" }, { "limit-pause api", "for how long" },
        { "limit-pause api soon", "soon" },
        { "resumable yes", "nothing may follow" },
        { "checkpoint a", "not base64" }, { "checkpoint aGVsbG8= x", "not base64" },
        { "checkpoint a*b=", "not base64" },
        { "checkpoint aGVsbG9=", "not base64" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_line got;
        char room[256];
        if (CHECK_STATUS(parse(cases[i].line, strlen(cases[i].line), &got, room), GOFER_EINVAL))
            CHECK_HAS(gofer_error_last(), cases[i].words);
    }
}

static void lines_may_hold_any_bytes(void)
{
    static const char nul[] = "checkpoint-text a\0b\xFF", log[] = "log warn a\0b";
    gf_line got;
    char room[256];
    if (CHECK_OK(parse(nul, sizeof nul - 1, &got, room)))
        CHECK_MEM(got.bytes, got.size, "a\0b\xFF", 4);
    if (CHECK_OK(parse(log, sizeof log - 1, &got, room)))
        CHECK_STR(got.text, "a b");
    // Noise is refused, whatever it is.
    unsigned seed = 7;
    for (int i = 0; i < 20000; i++) {
        size_t size = (size_t)(i % 60);
        for (size_t k = 0; k < size; k++)
            room[k] = (char)((seed = seed * 1103515245 + 12345) >> 16);
        room[size] = '\0';
        (void)gf_line_parse(room, size, &got);
    }
}

static void base64_goes_there_and_back(void)
{
    unsigned char bytes[256], back[256];
    char text[GF_BASE64_ROOM(256)];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 37 + 11);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        size_t length = gf_base64_encode(bytes, size, text), got = 999;
        CHECK_INT(length, strlen(text));
        CHECK_INT(length + 1, GF_BASE64_ROOM(size));
        CHECK(gf_base64_decode(text, length, back, &got));
        CHECK_MEM(back, got, bytes, size);
        while (length && text[length - 1] == '=')
            length--;
        CHECK(gf_base64_decode(text, length, back, &got));
        CHECK_MEM(back, got, bytes, size);
    }
    static const struct { const char *text, *bytes; } known[] = {
        { "", "" }, { "Zg==", "f" }, { "Zm8=", "fo" }, { "Zm9v", "foo" }, { "Zm9vYmFy", "foobar" },
    };
    for (size_t i = 0; i < COUNT(known); i++) {
        gf_base64_encode(known[i].bytes, strlen(known[i].bytes), text);
        CHECK_STR(text, known[i].text);
    }
    static const char *const bad[] = { "Z", "Zg=", "Zg===", "Z===", "=", "====", "Zm9v=", "Zm 9",
        "Zh==", "Zm9=", "Zg==Zg==" };
    for (size_t i = 0; i < COUNT(bad); i++) {
        size_t size;
        if (!CHECK(!gf_base64_decode(bad[i], strlen(bad[i]), back, &size)))
            fprintf(stderr, "    in case: %s\n", bad[i]);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(good_lines_are_understood),
        TEST(bad_lines_are_refused_and_say_why),
        TEST(lines_may_hold_any_bytes),
        TEST(base64_goes_there_and_back),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
