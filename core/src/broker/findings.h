// findings.h - what the stores' checks share: kinds of findings as data, and what was found of
// each.
//
// Pure. A million of the same thing is one finding with a count and some examples.
#ifndef GF_BROKER_FINDINGS_H
#define GF_BROKER_FINDINGS_H

#include "broker/check.h"

typedef struct gf_kind {
    const char *code;
    gf_severity severity;
    const char *text, *advice;
} gf_kind;

// Who hears of the findings, and whether to mend.
typedef struct gf_visit {
    gf_report_finding report;
    void             *arg;
    bool              repair;
} gf_visit;

// A step is done. EHANDLER: who hears of the findings wants no more.
gofer_status gf_visit_step(const gf_visit *v);

enum { GF_EXAMPLES = 10, GF_EXAMPLE_SIZE = 80 };

// What was found of one kind.
typedef struct gf_found {
    int64_t count, repaired;
    int     shown;
    char    examples[GF_EXAMPLES * GF_EXAMPLE_SIZE];
} gf_found;

// example: of any bytes; NULL: none.
void gf_found_note(gf_found *f, const char *example, size_t size);
// Reports each kind that was met; there is a gf_found for each kind, clear afterwards.
void gf_found_report(const gf_visit *v, const gf_kind *kinds, gf_found *found, size_t count,
    const char *queue);
// One finding of the store as a whole, with a text of its own.
void gf_visit_report(const gf_visit *v, gf_severity severity, const char *code, const char *advice,
    const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
