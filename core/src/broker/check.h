// check.h - the door's table of looking for what is wrong with a store.
//
// One member, behind `gofer doctor`. It reports each kind of finding once, with a count and
// examples, to a callback on the caller's thread; what the stores share for that is in findings.h.
#ifndef GF_BROKER_CHECK_H
#define GF_BROKER_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

// a note needs no attention
typedef enum gf_severity { GF_NOTE, GF_WARNING, GF_ERROR } gf_severity;

// Something found by `check`, and what became of it. All texts are borrowed for the call.
typedef struct gf_finding {
    gf_severity severity;
    const char *code;              // a stable word: "ghost", "eviction"
    const char *queue;             // NULL: of several, or of the store as a whole
    const char *text;              // a sentence: what is so, and what that means
    const char *advice;            // another: what to do
    const char *examples;          // some of the ids, keys or values meant; NULL: none
    int64_t     count;             // how many are meant
    int64_t     repaired;          // so many of them are mended now
} gf_finding;
// NULL: a step is done, and nothing was found. False: stop there.
typedef bool (*gf_report_finding)(void *arg, const gf_finding *f);

typedef struct gf_check_ops {
    // Looks for all that may be wrong with the store, its settings and what is in it, in bounded
    // steps beside the running work, and reports each finding. repair: mends what can be mended
    // safely, testing again in the step that changes; a payload is never deleted. An error: it
    // could not look everywhere; EHANDLER: report did not want it to. Called by: client. Waits,
    // many times. Again: yes.
    gofer_status (*store)(gf_broker *b, bool repair, gf_report_finding report, void *arg);
} gf_check_ops;

#endif
