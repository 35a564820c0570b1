// exposition.c - metrics as text.
#include "exposition.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

bool web_exposition_open(const char *accept)
{
    return strstr(accept, "application/openmetrics-text") != NULL;
}

const char *web_exposition_type(bool open)
{
    return open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                : "text/plain; version=0.0.4; charset=utf-8";
}

void web_family(web_exposition *e, const char *name, web_metric kind, const char *help)
{
    static const char total[] = "_total";
    static const char *const kinds[] = {
        [WEB_GAUGE] = "gauge", [WEB_COUNTER] = "counter", [WEB_HISTOGRAM] = "histogram",
    };
    size_t size = strlen(name), end = sizeof total - 1;
    if (e->open && kind == WEB_COUNTER && size > end && strcmp(name + size - end, total) == 0)
        size -= end;
    e->name = name;
    web_text_format(e->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)size, name, help, (int)size,
        name, kinds[kind]);
}

// One that has no queue is of all together; but for the version.
static bool is_for(const web_scope *scope, const char *const *labels)
{
    for (; labels && *labels; labels += 2) {
        if (strcmp(labels[0], "queue") == 0)
            return web_scope_may(scope, WEB_METRICS, labels[1]);
        if (strcmp(labels[0], "version") == 0)
            return true;
    }
    return false;
}

// ---- samples
//
// There are many, of the same few texts: each is written in one go, into room for the longest that
// it could be.

enum { NUMBER_MAX = 32 };

static char *append(char *at, const char *text)
{
    size_t size = strlen(text);
    return (char *)memcpy(at, text, size) + size;
}

static char *append_escaped(char *at, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"' || *text == '\n')
            *at++ = '\\';
        *at++ = *text == '\n' ? 'n' : *text;
    }
    return at;
}

// As short as it can be read back as the same. Nearly all are whole numbers, for which printf takes
// most of the time of a large answer.
static char *append_number(char *to, double value)
{
    enum { WHOLE_MAX = 1000000000 };
    char number[NUMBER_MAX], *at = number + sizeof number;
    if (value >= 0 && value < WHOLE_MAX) {
        uint32_t whole = (uint32_t)value;
        if (!((double)whole < value)) {
            do
                *--at = (char)('0' + whole % 10);
            while (whole /= 10);
            size_t size = (size_t)(number + sizeof number - at);
            return (char *)memcpy(to, at, size) + size;
        }
    }
    snprintf(number, sizeof number, "%.15g", value);
    if (strtod(number, NULL) < value || strtod(number, NULL) > value)
        snprintf(number, sizeof number, "%.17g", value);
    return append(to, number);
}

static size_t room_for(const web_exposition *e, const char *suffix, const char *const *labels)
{
    static const char around[] = "{=\"\" \n";
    size_t room = strlen(e->name) + strlen(suffix) + sizeof around + NUMBER_MAX;
    for (; labels && *labels; labels += 2)
        room += strlen(labels[0]) + 2 * strlen(labels[1]) + sizeof around;
    return room;
}

// `suffix` is of the name: "_bucket".
static void put_sample(web_exposition *e, const char *suffix, const char *const *labels,
    double value)
{
    if (e->scope && !is_for(e->scope, labels))
        return;
    char *begin = web_text_room(e->out, room_for(e, suffix, labels)), *at = begin;
    if (!at)
        return;
    at = append(append(at, e->name), suffix);
    char before = '{';
    for (; labels && *labels; labels += 2) {
        *at++ = before;
        at = append(append(at, labels[0]), "=\"");
        at = append_escaped(at, labels[1]);
        *at++ = '"';
        before = ',';
    }
    if (before == ',')
        *at++ = '}';
    *at++ = ' ';
    at = append_number(at, value);
    *at++ = '\n';
    web_text_grown(e->out, (size_t)(at - begin));
}

void web_sample(web_exposition *e, const char *const *labels, double value)
{
    put_sample(e, "", labels, value);
}

// ---- histograms

enum { LABELS_MAX = 12 };

// How many of the list's times have exactly this bound.
static double count_of(const gofer_info *times, int64_t below_ms)
{
    for (size_t i = 0; i < gofer_info_count(times); i++) {
        const gofer_info *one = gofer_info_at(times, i);
        if (gofer_info_int(one, "below_ms", 0) == below_ms)
            return (double)gofer_info_int(one, "count", 0);
    }
    return 0;
}

// Bounds are powers of two in ms, so their digits in seconds are few, and never a whole number.
void web_histogram(web_exposition *e, const char *const *labels, const gofer_info *times,
    double total_ms)
{
    char bound[32];
    const char *all[LABELS_MAX + 3];
    size_t n = 0;
    for (; labels[n] && n < LABELS_MAX; n++)
        all[n] = labels[n];
    all[n] = "le";
    all[n + 1] = bound;
    all[n + 2] = NULL;
    double below = 0;
    for (int64_t ms = 1; ms <= GOFER_FIGURES_BOUND_MAX_MS; ms *= 2) {
        below += count_of(times, ms);
        snprintf(bound, sizeof bound, "%.10g", (double)ms / 1000);
        put_sample(e, "_bucket", all, below);
    }
    below += count_of(times, 0);
    snprintf(bound, sizeof bound, "+Inf");
    put_sample(e, "_bucket", all, below);
    put_sample(e, "_sum", labels, total_ms / 1000);
    put_sample(e, "_count", labels, below);
}

// ---- families that both sources have

void web_use(web_exposition *e, const char *name, const char *help, double busy, double all)
{
    web_family(e, name, WEB_GAUGE, help);
    web_sample(e, (const char *const[]){ "state", "busy", NULL }, busy);
    web_sample(e, (const char *const[]){ "state", "free", NULL }, all > busy ? all - busy : 0);
}

void web_build_info(web_exposition *e)
{
    web_family(e, "gofer_build_info", WEB_GAUGE, "1; the version as a label.");
    web_sample(e, (const char *const[]){ "version", gofer_version_text(), NULL }, 1);
}

void web_exposition_end(web_exposition *e)
{
    if (e->open)
        web_text_put(e->out, "# EOF\n");
}
