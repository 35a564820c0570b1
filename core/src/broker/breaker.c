// breaker.c - circuit breakers: the steps from closed to open, half open, and back.
#include "broker/breaker.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "info/info.h"
#include "util/array.h"
#include "util/minmax.h"

// ---- as text ------------------------------------------------------------------------------------

enum { NUMBERS = 12 + 2 * GF_BREAKER_SLICES, FORMAT = 1 };

void gf_breaker_init(gf_breaker *b, const char *type, const gf_breaker_rule *rule, int64_t now_ms)
{
    *b = (gf_breaker){ .rule = *rule, .episode = now_ms };
    snprintf(b->type, sizeof b->type, "%s", type);
}

static void forget_counts(gf_breaker *b)
{
    memset(b->ended, 0, sizeof b->ended);
    memset(b->failed, 0, sizeof b->failed);
}

void gf_breaker_rule_set(gf_breaker *b, const gf_breaker_rule *rule)
{
    b->rule = *rule;
    b->slice = 0;
    forget_counts(b);
}

void gf_breaker_write(const gf_breaker *b, char out[GF_BREAKER_TEXT])
{
    const gf_breaker_rule *r = &b->rule;
    const int64_t first[] = { FORMAT, r->failures, r->min, r->window_ms, r->open_ms, b->open,
        b->episode, b->until_ms, b->let, b->good, b->moved_ms, b->slice };
    size_t at = 0;
    for (size_t i = 0; i < NUMBERS; i++) {
        size_t j = i - 12;
        int64_t n = i < 12 ? first[i] : j % 2 ? b->failed[j / 2] : b->ended[j / 2];
        at += (size_t)snprintf(out + at, GF_BREAKER_TEXT - at, "%s%" PRId64, i ? " " : "", n);
    }
}

static bool read_numbers(const char *text, int64_t out[NUMBERS])
{
    for (size_t i = 0; i < NUMBERS; i++) {
        char *end;
        errno = 0;
        out[i] = strtoll(text, &end, 10);
        if (end == text || errno || out[i] < 0 || out[i] > INT64_MAX / 1024)
            return false;
        text = end;
    }
    return !*text;
}

bool gf_breaker_read(gf_breaker *b, const char *type, const char *text)
{
    int64_t n[NUMBERS];
    if (strlen(type) > GF_NAME_MAX || !read_numbers(text, n) || n[0] != FORMAT || !n[3])
        return false;
    *b = (gf_breaker){ .rule = { n[1], n[2], n[3], n[4] }, .open = n[5] != 0, .episode = n[6],
        .until_ms = n[7], .let = n[8], .good = n[9], .moved_ms = n[10], .slice = n[11] };
    for (size_t i = 0; i < GF_BREAKER_SLICES; i++) {
        b->ended[i] = n[12 + 2 * i];
        b->failed[i] = n[13 + 2 * i];
    }
    snprintf(b->type, sizeof b->type, "%s", type);
    return true;
}

// ---- steps --------------------------------------------------------------------------------------

static void open_it(gf_breaker *b, int64_t now_ms)
{
    b->open = true;
    b->episode = gf_max(now_ms, b->episode + 1);
    b->until_ms = now_ms + b->rule.open_ms;
    b->let = b->good = b->moved_ms = 0;
    forget_counts(b);
}

bool gf_breaker_close(gf_breaker *b)
{
    bool was = b->open;
    b->open = false;
    b->until_ms = b->let = b->good = b->moved_ms = 0;
    forget_counts(b);
    b->dirty = true;
    return was;
}

static int64_t slice_at(const gf_breaker *b, int64_t now_ms)
{
    return now_ms / gf_max(b->rule.window_ms / GF_BREAKER_SLICES, 1);
}

// Slices that are over for longer than the window are empty. A clock that was set back goes on
// counting in the latest.
static void turn_to(gf_breaker *b, int64_t now_ms)
{
    int64_t slice = slice_at(b, now_ms);
    if (slice - b->slice >= GF_BREAKER_SLICES)
        forget_counts(b);
    else
        for (int64_t i = b->slice + 1; i <= slice; i++)
            b->ended[i % GF_BREAKER_SLICES] = b->failed[i % GF_BREAKER_SLICES] = 0;
    b->slice = gf_max(slice, b->slice);
}

static void sum_up(const gf_breaker *b, int64_t *ended, int64_t *failed)
{
    *ended = *failed = 0;
    for (size_t i = 0; i < GF_BREAKER_SLICES; i++) {
        *ended += b->ended[i];
        *failed += b->failed[i];
    }
}

static bool tell_closed(gf_breaker *b, int64_t now_ms, const gf_breaker_told *told)
{
    int64_t ended, failed;
    turn_to(b, now_ms);
    b->ended[b->slice % GF_BREAKER_SLICES] += told->ended;
    b->failed[b->slice % GF_BREAKER_SLICES] += told->failed;
    b->dirty |= told->ended > 0;
    sum_up(b, &ended, &failed);
    if (failed > 0 && ended >= b->rule.min && failed * 100 >= ended * b->rule.failures)
        open_it(b, now_ms);
    return false;
}

bool gf_breaker_tell(gf_breaker *b, int64_t now_ms, const gf_breaker_told *told)
{
    if (!b->open)
        return tell_closed(b, now_ms, told);
    if (told->episode != b->episode || !(told->good || told->bad || told->back))
        return false;
    b->dirty = true;
    b->moved_ms = now_ms;
    if (told->bad) {
        open_it(b, now_ms);
        return false;
    }
    b->good += told->good;
    b->let = gf_max(b->let - told->back, b->good);
    if (b->good >= GF_BREAKER_CLOSES)
        gf_breaker_close(b);
    return true;
}

static int64_t still_out(const gf_breaker *b, int64_t now_ms)
{
    return now_ms - b->moved_ms >= b->rule.open_ms ? b->good : b->let;
}

int64_t gf_breaker_room(const gf_breaker *b, int64_t now_ms)
{
    if (!b->open || now_ms < b->until_ms)
        return 0;
    int64_t allowed = b->good < 1 ? 1 : b->good < 3 ? 3 : GF_BREAKER_CLOSES;
    return gf_max(allowed - still_out(b, now_ms), 0);
}

void gf_breaker_let(gf_breaker *b, int64_t now_ms, int64_t count)
{
    b->let = gf_max(still_out(b, now_ms) + count, b->good);
    b->moved_ms = now_ms;
    b->dirty = true;
}

int64_t gf_breaker_look_ms(const gf_breaker *b, int64_t now_ms)
{
    return b->open && now_ms < b->until_ms ? b->until_ms : now_ms + GF_BREAKER_LOOK_MS;
}

// ---- what has become of an attempt --------------------------------------------------------------

// A failure is what counts as one of the task: its handler said so, crashed, or took too long. A
// task that was let through and comes back otherwise (a snooze, a stop of its worker, an end that
// somebody asked for) gives its place to another.
bool gf_breaker_told_of(const gf_finish *f, gf_breaker_told *told)
{
    bool done = f->outcome == GF_DONE;
    bool failed = (f->outcome == GF_RETRY_AT || f->outcome == GF_ARCHIVE) && f->is_failure;
    *told = (gf_breaker_told){ .episode = f->claim->episode };
    if (f->claim->refused)
        return false;
    if (told->episode) {
        told->good = done;
        told->bad = failed;
        told->back = !done && !failed;
        return true;
    }
    told->ended = done || failed;
    told->failed = failed;
    return told->ended > 0;
}

// ---- as a snapshot ------------------------------------------------------------------------------

gofer_info *gf_breaker_info(const gf_breaker *b, int64_t now_ms)
{
    gf_breaker then = *b;
    int64_t ended, failed;
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    turn_to(&then, now_ms);
    sum_up(&then, &ended, &failed);
    int bad = gf_info_set_text(info, "type", b->type) |
        gf_info_set_text(info, "state",
            !b->open ? "closed" : now_ms < b->until_ms ? "open" : "half_open") |
        gf_info_set_int(info, "failures", b->rule.failures) |
        gf_info_set_int(info, "min", b->rule.min) |
        gf_info_set_int(info, "window_ms", b->rule.window_ms) |
        gf_info_set_int(info, "open_ms", b->rule.open_ms) |
        gf_info_set_int(info, "ended", ended) | gf_info_set_int(info, "failed", failed);
    if (b->open)
        bad |= gf_info_set_int(info, "opened_at_ms", b->until_ms - b->rule.open_ms) |
            gf_info_set_int(info, "until_ms", b->until_ms) |
            gf_info_set_int(info, "let_through", b->let) |
            gf_info_set_int(info, "succeeded", b->good);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

// ---- all of them --------------------------------------------------------------------------------

gf_breaker *gf_breakers_add(gf_breakers *all, const char *type, const char *text, bool *failed)
{
    gf_breaker one;
    if (!gf_breaker_read(&one, type, text))
        return NULL;
    if (!gf_grow(all->items, all->room, all->count + 1)) {
        *failed = true;
        return NULL;
    }
    all->items[all->count] = one;
    return &all->items[all->count++];
}

static size_t size_of(const char *pattern, bool *is_prefix)
{
    size_t size = strlen(pattern);
    *is_prefix = size > 0 && pattern[size - 1] == '*';
    return size - *is_prefix;
}

static bool overlap(const char *a, const char *b)
{
    bool a_prefix, b_prefix;
    size_t a_size = size_of(a, &a_prefix), b_size = size_of(b, &b_prefix);
    if (strncmp(a, b, gf_min_size(a_size, b_size)) != 0)
        return false;
    return a_size == b_size ? a_prefix || b_prefix : a_size < b_size ? a_prefix : b_prefix;
}

gf_breaker *gf_breakers_of(const gf_breakers *all, const char *type)
{
    for (size_t i = 0; i < all->count; i++) {
        bool is_prefix;
        gf_breaker *b = &all->items[i];
        size_t size = size_of(b->type, &is_prefix);
        if (strncmp(b->type, type, size) == 0 && (is_prefix || !type[size]))
            return b;
    }
    return NULL;
}

gf_breaker *gf_breakers_named(const gf_breakers *all, const char *pattern)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->items[i].type, pattern) == 0)
            return &all->items[i];
    return NULL;
}

const gf_breaker *gf_breakers_overlapping(const gf_breakers *all, const char *pattern)
{
    for (size_t i = 0; i < all->count; i++) {
        const gf_breaker *b = &all->items[i];
        if (strcmp(b->type, pattern) != 0 && overlap(b->type, pattern))
            return b;
    }
    return NULL;
}
