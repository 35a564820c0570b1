// line.c - what a command may write to its notes' descriptor. See line.h.
//
// May touch: util/.
#include "handler/line.h"

#include <stdbool.h>
#include <string.h>

#include "util/base64.h"
#include "util/error.h"

// Cut the next word off the rest; "" when there is none.
static char *next_word(char **rest)
{
    char *word = *rest + strspn(*rest, " ");
    char *end = word + strcspn(word, " ");
    *rest = end;
    if (*end) {
        *end = '\0';
        *rest = end + 1;
    }
    return word;
}

static const char *rest_text(const char *rest)
{
    rest += strspn(rest, " ");
    return *rest ? rest : NULL;
}

// Digits only, up to a million million million.
static bool number_of(const char *word, int64_t *out)
{
    size_t size = strlen(word);
    if (size == 0 || size > 18 || strspn(word, "0123456789") != size)
        return false;
    for (*out = 0; *word; word++)
        *out = *out * 10 + (*word - '0');
    return true;
}

static gofer_status parse_progress(char *rest, gf_line *out)
{
    char *word = next_word(&rest);
    if (!number_of(word, &out->done))
        return gf_fail(GOFER_EINVAL, "progress DONE [TOTAL] [TEXT]: DONE is a number, not '%.60s'",
            word);
    char *second = rest + strspn(rest, " ");
    size_t digits = strcspn(second, " ");
    char ahead[20];
    if (digits > 0 && digits < sizeof ahead) {
        memcpy(ahead, second, digits);
        ahead[digits] = '\0';
        if (number_of(ahead, &out->total))
            rest = second + digits;
    }
    out->text = rest_text(rest);
    return GOFER_OK;
}

static gofer_status parse_log(char *rest, gf_line *out)
{
    static const struct { const char *word; int32_t level; } levels[] = {
        { "debug", GOFER_LOG_DEBUG }, { "info", GOFER_LOG_INFO }, { "warn", GOFER_LOG_WARN },
        { "error", GOFER_LOG_ERROR },
    };
    const char *word = next_word(&rest);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
        if (strcmp(word, levels[i].word) == 0) {
            out->level = levels[i].level;
            out->text = rest_text(rest);
            return out->text ? GOFER_OK : gf_fail(GOFER_EINVAL, "log LEVEL TEXT: there is no text");
        }
    return gf_fail(GOFER_EINVAL, "log LEVEL TEXT: LEVEL is debug, info, warn or error, not '%.60s'",
        word);
}

static gofer_status parse_checkpoint(char *rest, gf_line *out)
{
    const char *word = next_word(&rest);
    out->bytes = word;
    if (rest_text(rest) || !gf_base64_decode(word, strlen(word), (void *)out->bytes, &out->size))
        return gf_fail(GOFER_EINVAL,
            "checkpoint BASE64: that is not base64 in one word (as of \"base64 -w0\")");
    return GOFER_OK;
}

static gofer_status parse_snooze(char *rest, gf_line *out)
{
    const char *word = next_word(&rest);
    if (!*word)
        return gf_fail(GOFER_EINVAL, "snooze DURATION [TEXT]: for how long?");
    gofer_status st = gofer_parse_duration(word, &out->delay_ms);
    out->text = rest_text(rest);
    return st;
}

static gofer_status parse_limit_pause(char *rest, gf_line *out)
{
    out->limit_key = next_word(&rest);
    const char *word = next_word(&rest);
    if (!*word)
        return gf_fail(GOFER_EINVAL, "limit-pause KEY DURATION [TEXT]: which key, for how long?");
    gofer_status st = gofer_parse_duration(word, &out->delay_ms);
    out->text = rest_text(rest);
    return st;
}

static gofer_status parse_resumable(char *rest, gf_line *out)
{
    (void)out;
    return rest_text(rest) ? gf_fail(GOFER_EINVAL, "resumable: nothing may follow") : GOFER_OK;
}

static const struct {
    const char  *word;
    gf_line_kind kind;
    gofer_status (*parse)(char *rest, gf_line *out);
} kinds[] = {
    { "progress", GF_LINE_PROGRESS, parse_progress }, { "log", GF_LINE_LOG, parse_log },
    { "checkpoint", GF_LINE_CHECKPOINT, parse_checkpoint },
    { "snooze", GF_LINE_SNOOZE, parse_snooze },
    { "limit-pause", GF_LINE_LIMIT_PAUSE, parse_limit_pause },
    { "resumable", GF_LINE_RESUMABLE, parse_resumable },
};

gofer_status gf_line_parse(char *line, size_t size, gf_line *out)
{
    static const char raw[] = "checkpoint-text";
    const size_t raw_size = sizeof raw - 1;
    *out = (gf_line){ .kind = GF_LINE_CHECKPOINT };
    if (size >= raw_size && memcmp(line, raw, raw_size) == 0 &&
        (size == raw_size || line[raw_size] == ' ')) {
        size_t head = raw_size + (size > raw_size);
        out->bytes = line + head;
        out->size = size - head;
        return GOFER_OK;
    }
    // All others are text.
    for (char *nul = line; (nul = memchr(nul, '\0', size - (size_t)(nul - line)));)
        *nul = ' ';
    if (size && line[size - 1] == '\r')
        line[size - 1] = '\0';
    char *rest = line;
    const char *word = next_word(&rest);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(word, kinds[i].word) == 0) {
            out->kind = kinds[i].kind;
            return kinds[i].parse(rest, out);
        }
    return gf_fail(GOFER_EINVAL,
        "there is no '%.60s': progress, log, checkpoint, checkpoint-text, snooze, limit-pause or "
        "resumable",
        word);
}
