// exposition.c - metrics as text.
#include "exposition.h"

#include <string.h>

bool web_exposition_open(const char *accept)
{
    return strstr(accept, "application/openmetrics-text") != NULL;
}

const char *web_exposition_type(bool open)
{
    return open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                : "text/plain; version=0.0.4; charset=utf-8";
}

static void put_escaped(web_text *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        size_t plain = strcspn(at, "\\\"\n");
        web_text_add(out, at, plain);
        at += plain;
        if (*at == '\0')
            return;
        web_text_put(out, *at == '\n' ? "\\n" : *at == '"' ? "\\\"" : "\\\\");
    }
}

void web_family(web_exposition *e, const char *name, web_metric kind, const char *help)
{
    static const char total[] = "_total";
    size_t size = strlen(name), end = sizeof total - 1;
    if (e->open && kind == WEB_COUNTER && size > end && strcmp(name + size - end, total) == 0)
        size -= end;
    e->name = name;
    web_text_format(e->out, "# HELP %.*s %s\n# TYPE %.*s %s\n", (int)size, name, help, (int)size,
        name, kind == WEB_COUNTER ? "counter" : "gauge");
}

void web_sample(web_exposition *e, const char *const *labels, double value)
{
    const char *before = "{";
    web_text_put(e->out, e->name);
    for (; labels && *labels; labels += 2) {
        web_text_format(e->out, "%s%s=\"", before, labels[0]);
        put_escaped(e->out, labels[1]);
        web_text_put(e->out, "\"");
        before = ",";
    }
    web_text_format(e->out, "%s %.17g\n", *before == ',' ? "}" : "", value);
}

void web_exposition_end(web_exposition *e)
{
    if (e->open)
        web_text_put(e->out, "# EOF\n");
}
