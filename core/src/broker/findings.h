// findings.h - what the stores' checks share: kinds of findings as data, and tallies of them.
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

// Whom to tell, and whether to mend.
typedef struct gf_visit {
    gf_told_finding told;
    void           *arg;
    bool            repair;
} gf_visit;

enum { GF_EXAMPLES = 10, GF_EXAMPLE_SIZE = 80 };

typedef struct gf_tally {
    int64_t count, repaired;
    int     shown;
    char    examples[GF_EXAMPLES * GF_EXAMPLE_SIZE];
} gf_tally;

// example: of any bytes; NULL: none.
void gf_tally_note(gf_tally *t, const char *example, size_t size);
// Tells each kind that was met; tallies are as many as kinds, and clear afterwards.
void gf_tallies_tell(const gf_visit *v, const gf_kind *kinds, gf_tally *tallies, size_t count, const char *queue);
// One finding of the store as a whole, with a text of its own.
void gf_visit_tell(const gf_visit *v, gf_severity severity, const char *code, const char *advice, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
