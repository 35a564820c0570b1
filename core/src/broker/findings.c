// findings.c - kinds of findings, and tallies of them, told one by one.
#include "broker/findings.h"
#include "util/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>


void gf_tally_note(gf_tally *t, const char *example, size_t size)
{
    char clean[GF_EXAMPLE_SIZE];
    size_t used = strlen(t->examples);
    t->count++;
    if (!example || t->shown == GF_EXAMPLES)
        return;
    size_t added = gf_utf8_clean(example, size, clean, sizeof clean);
    if (used + added + 2 > sizeof t->examples)
        return;
    snprintf(t->examples + used, sizeof t->examples - used, "%s%s", used ? " " : "", clean);
    t->shown++;
}

void gf_tallies_tell(const gf_visit *v, const gf_kind *kinds, gf_tally *tallies, size_t count, const char *queue)
{
    for (size_t i = 0; i < count; i++) {
        gf_tally *t = &tallies[i];
        gf_finding f = { kinds[i].severity, kinds[i].code, queue, kinds[i].text, kinds[i].advice,
            *t->examples ? t->examples : NULL, t->count, t->repaired };
        if (t->count > 0)
            v->told(v->arg, &f);
        *t = (gf_tally){ 0 };
    }
}

void gf_visit_tell(const gf_visit *v, gf_severity severity, const char *code, const char *advice, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    gf_finding f = { severity, code, NULL, text, advice, NULL, 1, 0 };
    v->told(v->arg, &f);
}
