// rates.c - how fast counters of the store grow: seen now and then, kept in steps, drawn as a line.
//
// Pure, but for its memory. What came between two looks is spread evenly over the time between
// them, so that a view that looks seldom has no peaks of its own.
#include "rates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../cli.h"

// ---- seeing

void rates_begin(rates *r)
{
    r->turn++;
    r->next = 0;
}

static void rate_clear(rate *item)
{
    free(item->name);
}

void rates_end(rates *r)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++)
        if (r->items[i].turn == r->turn)
            r->items[kept++] = r->items[i];
        else
            rate_clear(&r->items[i]);
    r->count = kept;
}

void rates_clear(rates *r)
{
    for (size_t i = 0; i < r->count; i++)
        rate_clear(&r->items[i]);
    free(r->items);
    *r = (rates){ NULL, 0, 0, 0, 0 };
}

// Lists come in the same order each time, nearly always.
static rate *find(const rates *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++) {
        size_t at = (r->next + i) % r->count;
        if (strcmp(r->items[at].name, name) == 0)
            return &r->items[at];
    }
    return NULL;
}

const rate *rates_find(const rates *r, const char *name)
{
    return find(r, name);
}

static rate *add(rates *r, const char *name, int64_t now_ms)
{
    if (r->count == RATE_ITEMS)
        return NULL;
    if (r->count == r->room) {
        r->room = r->room ? r->room * 2 : 16;
        r->items = cli_grow(r->items, r->room * sizeof *r->items);
    }
    rate *item = &r->items[r->count++];
    size_t size = strlen(name) + 1;
    *item = (rate){ .name = memcpy(cli_alloc(size), name, size), .since_ms = now_ms,
        .seen_ms = now_ms, .step = now_ms / RATE_STEP_MS };
    return item;
}

// Steps up to that of now are there, empty if they are new.
static void forward(rate *item, int64_t now_ms)
{
    int64_t step = now_ms / RATE_STEP_MS;
    if (step - item->step > RATE_STEPS)
        item->step = step - RATE_STEPS;
    while (item->step < step) {
        item->step++;
        for (size_t k = 0; k < RATE_KINDS; k++)
            item->steps[k][item->step % RATE_STEPS] = 0;
    }
}

// So many came since the last look: each step gets the share of its part of that time.
static void spread(rate *item, size_t kind, int64_t many, int64_t now_ms)
{
    int64_t from = item->seen_ms, whole = now_ms - from;
    for (int64_t step = from / RATE_STEP_MS; step <= item->step; step++) {
        int64_t begin = step * RATE_STEP_MS, end = begin + RATE_STEP_MS;
        begin = begin < from ? from : begin;
        end = end > now_ms ? now_ms : end;
        if (step > item->step - RATE_STEPS && end > begin)
            item->steps[kind][step % RATE_STEPS] +=
                (float)((double)many * (double)(end - begin) / (double)whole);
    }
}

const rate *rates_see(rates *r, const char *name, int64_t ended, int64_t failed, int64_t now_ms)
{
    int64_t totals[RATE_KINDS] = { [RATE_ENDED] = ended, [RATE_FAILED] = failed };
    rate *item = find(r, name);
    int is_new = !item || now_ms < item->seen_ms;       // a clock that was set back
    if (!item)
        item = add(r, name, now_ms);
    if (!item)
        return NULL;
    if (now_ms < item->seen_ms) {
        item->since_ms = now_ms;
        item->step = now_ms / RATE_STEP_MS;
        memset(item->steps, 0, sizeof item->steps);
    }
    forward(item, now_ms);
    for (size_t k = 0; k < RATE_KINDS; k++) {
        // Less than before: it was deleted and made anew, or an hour is no longer counted.
        if (!is_new && totals[k] > item->totals[k] && now_ms > item->seen_ms)
            spread(item, k, totals[k] - item->totals[k], now_ms);
        item->totals[k] = totals[k];
    }
    item->seen_ms = now_ms;
    item->turn = r->turn;
    r->next = (size_t)(item - r->items) + 1;
    return item;
}

// ---- telling

double rate_now(const rate *r, rate_of of)
{
    if (!r || r->seen_ms <= r->since_ms)
        return -1;
    int64_t from = (r->step - 1) * RATE_STEP_MS;
    from = from < r->since_ms ? r->since_ms : from;
    double many = (double)r->steps[of][r->step % RATE_STEPS];
    if (from < r->step * RATE_STEP_MS)
        many += (double)r->steps[of][(r->step - 1) % RATE_STEPS];
    int64_t span = r->seen_ms - from;
    return many * 1000 / (double)(span < 1000 ? 1000 : span);
}

const char *rate_text(char out[RATE_TEXT], double per_second)
{
    if (per_second < 0)
        snprintf(out, RATE_TEXT, "-");
    else if (per_second < 0.005)
        snprintf(out, RATE_TEXT, "0/s");
    else if (per_second < 0.95)
        snprintf(out, RATE_TEXT, "%.2f/s", per_second);
    else if (per_second < 99.5)
        snprintf(out, RATE_TEXT, "%.1f/s", per_second);
    else if (per_second < 99500)
        snprintf(out, RATE_TEXT, "%.0f/s", per_second);
    else
        snprintf(out, RATE_TEXT, "%.0fk/s", per_second / 1000);
    return out;
}

// From nothing to the highest, each level a character.
static const char *level(double share, int ascii)
{
    static const char *const blocks[] = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" };
    static const char *const signs[] = { "_", ".", ":", "-", "=", "+", "*", "#" };
    enum { LEVELS = sizeof blocks / sizeof *blocks };
    size_t at = share <= 0 ? 0 : 1 + (size_t)(share * (LEVELS - 2) + 0.5);
    return (ascii ? signs : blocks)[at < LEVELS ? at : LEVELS - 1];
}

const char *rate_line(char out[RATE_LINE], const rate *r, rate_of of, int columns, int ascii)
{
    double highest = 0;
    size_t used = 0;
    columns = columns > RATE_STEPS - 1 ? RATE_STEPS - 1 : columns;
    int64_t first = r ? r->step - columns : 0, known = r ? r->since_ms / RATE_STEP_MS : 0;
    for (int i = 0; r && i < columns; i++)
        if ((double)r->steps[of][(first + i) % RATE_STEPS] > highest)
            highest = (double)r->steps[of][(first + i) % RATE_STEPS];
    for (int i = 0; i < columns; i++) {
        const char *text = " ";
        if (r && first + i >= known)
            text = level(highest > 0
                ? (double)r->steps[of][(first + i) % RATE_STEPS] / highest : 0, ascii);
        used += (size_t)snprintf(out + used, RATE_LINE - used, "%s", text);
    }
    out[used] = '\0';
    return out;
}
