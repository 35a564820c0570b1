// findings.c - what was found of each kind, counted with examples, and reported as findings.
//
// Pure but for the callback that it calls. Examples are cleaned here (UTF-8, of bounded length),
// for ids and keys may hold any bytes. The caller's memory, no locks.
#include "broker/findings.h"
#include "util/error.h"
#include "util/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>


void gf_found_note(gf_found *f, const char *example, size_t size)
{
    char clean[GF_EXAMPLE_SIZE];
    size_t used = strlen(f->examples);
    f->count++;
    if (!example || f->shown == GF_EXAMPLES)
        return;
    size_t added = gf_utf8_clean(example, size, clean, sizeof clean);
    if (used + added + 2 > sizeof f->examples)
        return;
    snprintf(f->examples + used, sizeof f->examples - used, "%s%s", used ? " " : "", clean);
    f->shown++;
}

void gf_found_report(const gf_visit *v, const gf_kind *kinds, gf_found *found, size_t count,
    const char *queue)
{
    for (size_t i = 0; i < count; i++) {
        gf_found *t = &found[i];
        gf_finding f = { kinds[i].severity, kinds[i].code, queue, kinds[i].text, kinds[i].advice,
            *t->examples ? t->examples : NULL, t->count, t->repaired };
        if (t->count > 0)
            v->report(v->arg, &f);
        *t = (gf_found){ 0 };
    }
}

void gf_visit_report(const gf_visit *v, gf_severity severity, const char *code, const char *advice,
    const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    gf_finding f = { severity, code, NULL, text, advice, NULL, 1, 0 };
    v->report(v->arg, &f);
}

gofer_status gf_visit_step(const gf_visit *v)
{
    return v->report(v->arg, NULL) ? GOFER_OK
        : gf_fail(GOFER_EHANDLER, "stopped by its progress function");
}
