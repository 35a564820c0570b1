// queues.c - what the queues of a store come to.
#include "queues.h"

#include <stdio.h>
#include <string.h>

#include "clock.h"

// ---- sums

static const struct { const char *field; bool is_time; } summed[WEB_SUMMED] = {
    { "pending", false }, { "scheduled", false }, { "active", false }, { "retry", false },
    { "aggregating", false }, { "completed", false }, { "archived", false }, { "groups", false },
    { "size", false }, { "processed", false }, { "failed", false }, { "processed_total", false },
    { "failed_total", false }, { "archive_deleted", false }, { "paused", false },
    { "unserved", false }, { "latency_ms", true }, { "longest_running_ms", true },
};

// What a damaged store says may be anything.
static int64_t plus(int64_t a, int64_t b)
{
    return b > 0 && a > INT64_MAX - b ? INT64_MAX : b < 0 ? a : a + b;
}

double web_archive_fill(const gofer_info *queue)
{
    int64_t limit = gofer_info_int(queue, "archive_limit", 0);
    return limit > 0 ? (double)gofer_info_int(queue, "archived", 0) / (double)limit : -1;
}

web_counts web_counts_of(const gofer_info *queue)
{
    web_counts counts = { .fill = web_archive_fill(queue) };
    for (size_t i = 0; i < WEB_SUMMED; i++)
        counts.of[i] = gofer_info_int(queue, summed[i].field, 0);
    return counts;
}

void web_sums_add_counts(web_sums *sums, const char *queue, const web_counts *counts)
{
    sums->queues++;
    sums->fullest = counts->fill > sums->fullest ? counts->fill : sums->fullest;
    for (size_t i = 0; i < WEB_SUMMED; i++) {
        int64_t value = counts->of[i];
        if (!summed[i].is_time) {
            sums->of[i] = plus(sums->of[i], value);
        } else if (value > sums->of[i]) {
            sums->of[i] = value;
            if (strcmp(summed[i].field, "latency_ms") == 0)
                snprintf(sums->oldest, sizeof sums->oldest, "%s", queue);
        }
    }
}

void web_sums_add(web_sums *sums, const gofer_info *queue)
{
    web_counts counts = web_counts_of(queue);
    web_sums_add_counts(sums, gofer_info_text(queue, "queue"), &counts);
}

static int64_t number_of(const int64_t of[WEB_SUMMED], const char *field)
{
    for (size_t i = 0; i < WEB_SUMMED; i++)
        if (strcmp(summed[i].field, field) == 0)
            return of[i];
    return 0;
}

int64_t web_counts_get(const web_counts *counts, const char *field)
{
    return number_of(counts->of, field);
}

int64_t web_sums_of(const web_sums *sums, const char *field)
{
    return number_of(sums->of, field);
}

void web_sums_later(web_sums *sums, int64_t ms)
{
    for (size_t i = 0; i < WEB_SUMMED; i++)
        if (summed[i].is_time && sums->of[i] > 0)
            sums->of[i] = plus(sums->of[i], ms);
}

void web_sums_put(const web_sums *sums, int64_t at_ms, web_text *out)
{
    int64_t age_ms = web_ms(CLOCK_REALTIME) - at_ms;
    web_text_format(out, "{\"at_ms\":%lld,\"age_ms\":%lld,\"queues\":%lld", (long long)at_ms,
        (long long)(age_ms > 0 ? age_ms : 0), (long long)sums->queues);
    for (size_t i = 0; i < WEB_SUMMED; i++)
        web_text_format(out, ",\"%s\":%lld", summed[i].field, (long long)sums->of[i]);
    if (*sums->oldest) {
        web_text_put(out, ",\"oldest\":");
        web_text_json(out, sums->oldest, strlen(sums->oldest));
    }
    web_text_put(out, "}");
}

// ---- the worst

static bool is_worse(const struct web_worst_queue *a, const struct web_worst_queue *b)
{
    if (a->unserved != b->unserved)
        return a->unserved > b->unserved;
    return a->latency_ms != b->latency_ms ? a->latency_ms > b->latency_ms : a->size > b->size;
}

gofer_status web_worst_add(web_worst *worst, const gofer_info *queue)
{
    struct web_worst_queue one = {
        .unserved = gofer_info_int(queue, "unserved", 0),
        .latency_ms = gofer_info_int(queue, "latency_ms", 0),
        .size = gofer_info_int(queue, "size", 0),
    };
    bool full = worst->count == WEB_WORST_QUEUES;
    if (full && !is_worse(&one, &worst->at[worst->count - 1]))
        return GOFER_OK;
    gofer_status st = gofer_info_json(queue, &one.json);
    if (st != GOFER_OK)
        return st;
    if (full)
        gofer_free(worst->at[--worst->count].json);
    size_t at = worst->count++;
    for (; at > 0 && is_worse(&one, &worst->at[at - 1]); at--)
        worst->at[at] = worst->at[at - 1];
    worst->at[at] = one;
    return GOFER_OK;
}

void web_worst_put(const web_worst *worst, web_text *out)
{
    web_text_put(out, "{\"items\":[");
    for (size_t i = 0; i < worst->count; i++) {
        web_text_put(out, i ? "," : "");
        web_text_put(out, worst->at[i].json);
    }
    web_text_put(out, "]}");
}

void web_worst_clear(web_worst *worst)
{
    for (size_t i = 0; i < worst->count; i++)
        gofer_free(worst->at[i].json);
    worst->count = 0;
}
