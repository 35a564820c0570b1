// text.c - text that grows.
#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/utf8.h"

static bool make_room(web_text *t, size_t more)
{
    if (t->failed)
        return false;
    size_t need = t->size + more + 1;
    if (need <= t->room)
        return true;
    size_t room = t->room ? t->room : 256;
    while (room < need)
        room *= 2;
    char *at = realloc(t->at, room);
    if (!at) {
        t->failed = true;
        return false;
    }
    t->at = at;
    t->room = room;
    return true;
}

void web_text_add(web_text *t, const char *bytes, size_t size)
{
    if (!make_room(t, size))
        return;
    if (size)
        memcpy(t->at + t->size, bytes, size);
    t->size += size;
    t->at[t->size] = '\0';
}

char *web_text_room(web_text *t, size_t more)
{
    return make_room(t, more) ? t->at + t->size : NULL;
}

void web_text_grown(web_text *t, size_t by)
{
    t->size += by;
    t->at[t->size] = '\0';
}

void web_text_put(web_text *t, const char *text)
{
    web_text_add(t, text, strlen(text));
}

void web_text_format(web_text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (size < 0)
        t->failed = true;
    if (size < 0 || !make_room(t, (size_t)size))
        return;
    va_start(args, format);
    vsnprintf(t->at + t->size, (size_t)size + 1, format, args);
    va_end(args);
    t->size += (size_t)size;
}

void web_text_json(web_text *t, const char *bytes, size_t size)
{
    char escape[GF_JSON_ESCAPE_MAX];
    web_text_put(t, "\"");
    for (size_t at = 0, step; at < size; at += step) {
        uint32_t code;
        step = gf_utf8_read(bytes + at, size - at, &code);
        size_t escaped = step == 1 ? gf_json_escape((unsigned char)bytes[at], true, escape) : 0;
        if (escaped)
            web_text_add(t, escape, escaped);
        else
            web_text_add(t, step ? bytes + at : "\xEF\xBF\xBD", step ? step : 3);
        step += step == 0;
    }
    web_text_put(t, "\"");
}

void web_text_free(web_text *t)
{
    free(t->at);
    *t = (web_text){ 0 };
}
