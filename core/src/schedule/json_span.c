// json_span.c - passes over JSON values without reading them.
#include "schedule/json_span.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static const char *skip_blanks(const char *at, const char *end)
{
    while (at < end && is_blank(*at))
        at++;
    return at;
}

// at: the opening quote.
static const char *skip_text(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\' && at + 1 < end)
            at++;
    return at < end ? at + 1 : end;
}

static const char *skip_value(const char *at, const char *end)
{
    int depth = 0;
    while (at < end) {
        char c = *at;
        if (depth == 0 && (c == ',' || c == ']' || c == '}' || is_blank(c)))
            break;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at = c == '"' ? skip_text(at, end) : at + 1;
        if (depth == 0 && (c == '"' || c == '}' || c == ']'))
            break;
    }
    return at;
}

static gf_json_walk inside(const char *text, size_t size, bool members)
{
    const char *end = text + size, *at = skip_blanks(text, end);
    return (gf_json_walk){ at < end ? at + 1 : end, end, members };
}

gf_json_walk gf_json_members(const char *text, size_t size)
{
    return inside(text, size, true);
}

gf_json_walk gf_json_items(const char *text, size_t size)
{
    return inside(text, size, false);
}

static void skip_signs(gf_json_walk *w)
{
    while (w->at < w->end && (is_blank(*w->at) || *w->at == ',' || *w->at == ':'))
        w->at++;
}

bool gf_json_next(gf_json_walk *w, const char **value, size_t *size)
{
    skip_signs(w);
    if (w->members && w->at < w->end && *w->at == '"') {
        w->at = skip_text(w->at, w->end);
        skip_signs(w);
    }
    if (w->at == w->end || *w->at == '}' || *w->at == ']')
        return false;
    const char *from = w->at;
    w->at = skip_value(from, w->end);
    *value = from;
    *size = (size_t)(w->at - from);
    return true;
}

size_t gf_json_squeeze(const char *value, size_t size, char *out)
{
    size_t used = 0;
    const char *end = value + size;
    for (const char *at = value; at < end;) {
        if (is_blank(*at)) {
            at++;
            continue;
        }
        const char *next = *at == '"' ? skip_text(at, end) : at + 1;
        while (at < next)
            out[used++] = *at++;
    }
    out[used] = '\0';
    return used;
}
