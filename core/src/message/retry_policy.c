// retry_policy.c - when a failed task is tried again; retry_policy.h has the language.
//
// Pure: chance comes in as a number, so that the tests have a table of it.
#include "message/retry_policy.h"

#include <string.h>

#include "util/error.h"
#include "util/minmax.h"

enum { ASYNQ_RANDOM = 30 };                        // as Asynq's default: 0 to 29

// A stretch of the text, which holds no NUL before its end.
typedef struct part {
    const char *text;
    size_t      size;
} part;

// Cut off what stands before the next `mark`; false: nothing is left.
static int next_part(part *rest, char mark, part *out)
{
    if (!rest->text)
        return 0;
    const char *end = memchr(rest->text, mark, rest->size);
    *out = (part){ rest->text, end ? (size_t)(end - rest->text) : rest->size };
    *rest = end ? (part){ end + 1, rest->size - out->size - 1 } : (part){ NULL, 0 };
    return 1;
}

static int is_word(part p, const char *word)
{
    return p.size == strlen(word) && memcmp(p.text, word, p.size) == 0;
}

static gofer_status parse_delay(part p, int64_t *out)
{
    char text[64];
    if (p.size == 0 || p.size >= sizeof text)
        return gf_fail(GOFER_EINVAL, "'%.*s' is no duration such as \"30s\"",
            (int)(p.size < 60 ? p.size : 60), p.text);
    memcpy(text, p.text, p.size);
    text[p.size] = '\0';
    return gofer_parse_duration(text, out);
}

static gofer_status parse_list(part rest, gf_policy *out)
{
    part one;
    while (next_part(&rest, ',', &one)) {
        if (out->count == GF_POLICY_LIST_MAX)
            return gf_fail(GOFER_EINVAL, "a list has at most %d delays", GF_POLICY_LIST_MAX);
        gofer_status st = parse_delay(one, &out->delays_ms[out->count]);
        if (st != GOFER_OK)
            return st;
        out->count++;
    }
    return GOFER_OK;
}

static gofer_status parse_kind(part p, gf_policy *out)
{
    static const struct { const char *word; gf_policy_kind kind; } kinds[] = {
        { "exponential", GF_DOUBLING }, { "fixed", GF_FIXED }, { "linear", GF_LINEAR },
        { "list", GF_LISTED },
    };
    part rest = p, word = { "", 0 };
    next_part(&rest, ':', &word);
    if (is_word(word, "exponential") && !rest.text) {
        out->kind = GF_ASYNQ;
        return GOFER_OK;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!is_word(word, kinds[i].word))
            continue;
        if (!rest.text)
            return gf_fail(GOFER_EINVAL, "'%s' needs a delay: \"%s:30s\"", kinds[i].word,
                kinds[i].word);
        out->kind = kinds[i].kind;
        gofer_status st =
            out->kind == GF_LISTED ? parse_list(rest, out) : parse_delay(rest, &out->delays_ms[0]);
        if (out->kind != GF_LISTED)
            out->count = 1;
        if (st == GOFER_OK && (out->kind == GF_DOUBLING || out->kind == GF_LINEAR) &&
            out->delays_ms[0] == 0)
            return gf_fail(GOFER_EINVAL, "'%s' of nothing stays nothing: give a delay over 0",
                kinds[i].word);
        return st;
    }
    return gf_fail(GOFER_EINVAL,
        "there is no '%.*s': exponential, exponential:BASE, fixed:D, linear:D or list:D,D,...",
        (int)(word.size < 60 ? word.size : 60), word.text);
}

// "20%": digits, and perhaps the sign.
static gofer_status parse_jitter(part p, int32_t *out)
{
    size_t digits = 0;
    int32_t value = 0;
    for (; digits < p.size && digits < 5 && p.text[digits] >= '0' && p.text[digits] <= '9';
         digits++)
        value = value * 10 + (p.text[digits] - '0');
    size_t end = digits + (digits < p.size && p.text[digits] == '%');
    if (digits == 0 || end != p.size || value > GF_POLICY_JITTER_MAX)
        return gf_fail(GOFER_EINVAL, "jitter is a percentage from 0%% to %d%%, not '%.*s'",
            GF_POLICY_JITTER_MAX, (int)(p.size < 60 ? p.size : 60), p.text);
    *out = value;
    return GOFER_OK;
}

static gofer_status parse_option(part p, gf_policy *out, int *has_jitter)
{
    part value = p, word = { "", 0 };
    next_part(&value, '=', &word);
    if (value.text && is_word(word, "cap") && out->cap_ms == 0) {
        gofer_status st = parse_delay(value, &out->cap_ms);
        return st == GOFER_OK && out->cap_ms == 0
            ? gf_fail(GOFER_EINVAL, "a cap of 0 leaves no delay")
            : st;
    }
    if (value.text && is_word(word, "jitter") && !*has_jitter) {
        *has_jitter = 1;
        return parse_jitter(value, &out->jitter_percent);
    }
    return gf_fail(GOFER_EINVAL, "'%.*s' is not ;cap=D or ;jitter=P%%, each given once",
        (int)(p.size < 60 ? p.size : 60), p.text);
}

gofer_status gf_policy_parse(const char *text, gf_policy *out)
{
    gf_policy p = { GF_ASYNQ, 0, { 0 }, 0, 0 };
    int has_jitter = 0;
    size_t size = text ? strnlen(text, GF_POLICY_TEXT_MAX + 1) : 0;
    if (size == 0 || size > GF_POLICY_TEXT_MAX)
        return gf_fail(GOFER_EINVAL,
            "a retry policy is a text of 1 to %d bytes, such as \"exponential:10s;cap=1h\"",
            GF_POLICY_TEXT_MAX);
    part rest = { text, size }, one;
    next_part(&rest, ';', &one);
    gofer_status st = parse_kind(one, &p);
    while (st == GOFER_OK && next_part(&rest, ';', &one))
        st = parse_option(one, &p, &has_jitter);
    if (st != GOFER_OK)
        return gf_fail_add(st, "retry policy '%.100s'", text);
    *out = p;
    return GOFER_OK;
}

// ---- evaluation ----------------------------------------------------------------------------

// n^4 + 15 + r (n + 1) s; 1200^4 s is far over the longest duration: no need to go
// where it would overflow.
static int64_t asynq_ms(int64_t n, uint64_t random)
{
    n = gf_min(n, 1200);
    int64_t seconds = n * n * n * n + 15 + (int64_t)(random % ASYNQ_RANDOM) * (n + 1);
    return gf_min(seconds, GOFER_MAX_DURATION_MS / 1000) * 1000;
}

// base * 2^n, of which half is by chance.
static int64_t doubled_ms(int64_t base_ms, int64_t n, int64_t cap_ms, uint64_t random)
{
    int64_t whole = base_ms;
    for (; n > 0 && whole < cap_ms; n--)
        whole *= 2;                                // below twice the longest duration: no overflow
    whole = gf_min(whole, cap_ms);
    return whole - whole / 2 + (int64_t)(random % (uint64_t)(whole / 2 + 1));
}

int64_t gf_policy_delay_ms(const gf_policy *p, int32_t retried, uint64_t random)
{
    int64_t n = retried < 0 ? 0 : retried, cap_ms = p->cap_ms ? p->cap_ms : GOFER_MAX_DURATION_MS,
            ms = 0;
    switch (p->kind) {
    case GF_ASYNQ:
        ms = asynq_ms(n, random >> 16);
        break;
    case GF_DOUBLING:
        ms = doubled_ms(p->delays_ms[0], n, cap_ms, random >> 16);
        break;
    case GF_FIXED:
        ms = p->delays_ms[0];
        break;
    case GF_LINEAR:
        ms = n + 1 > GOFER_MAX_DURATION_MS / p->delays_ms[0] ? GOFER_MAX_DURATION_MS
                                                             : p->delays_ms[0] * (n + 1);
        break;
    case GF_LISTED:
        ms = p->delays_ms[gf_min(n, (int64_t)p->count - 1)];
        break;
    }
    ms = gf_min(ms, cap_ms);
    // In parts of a thousand, from other bits than the delay's own chance.
    int64_t jitter = (int64_t)(random & 0xFFFF) % 1001,
            most = ms / 100 * p->jitter_percent + ms % 100 * p->jitter_percent / 100;
    ms += most / 1000 * jitter + most % 1000 * jitter / 1000;
    return gf_min(ms, cap_ms);
}
