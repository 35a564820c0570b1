// failures.h - failed tasks by type and kind of error: what a bounded scan has gathered.
//
// A scan goes in steps, between which keys are heard. It ends after so many tasks, and can be taken
// further from there. Knows neither the terminal nor where the user stands. One thread.
#ifndef CLI_TOP_FAILURES_H
#define CLI_TOP_FAILURES_H

#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "util/fingerprint.h"

enum {
    FAILURES_STEP = 1000,       // tasks of one call
    FAILURES_SCAN = 20000,      // tasks that a scan looks at before it asks whether to go on
    FAILURES_GROUPS = 1000      // kinds kept apart; the rest is counted together
};

enum { FAILED_RETRY, FAILED_ARCHIVED, FAILED_STATES };
extern const char *const failed_states[];       // their names, NULL-terminated

typedef struct failure {
    char   *queue, *type;       // owned
    char    kind[GF_FINGERPRINT];
    char   *sample;             // owned: the telling line of the latest one
    int64_t counts[FAILED_STATES];
    int64_t first_ms, last_ms;  // of the latest failures of its tasks; 0: not known
} failure;

typedef struct failures {
    failure *items;             // owned; the most frequent first, once the scan rests
    size_t   count, room;
    int64_t  others;            // tasks of kinds that are not kept apart
    int      ended[FAILED_STATES];      // nothing is left there to look at
    char    *cursors[FAILED_STATES];    // owned; NULL: at the beginning or the end
    int64_t  seen[FAILED_STATES];       // tasks looked at
    int64_t  looked, limit;     // in all
    int64_t  begun_ms;          // 0: there was none yet
} failures;

void failures_begin(failures *f, int64_t now_ms);   // forgets what was gathered
void failures_further(failures *f);                 // as many tasks again
int  failures_scanning(const failures *f);
int  failures_whole(const failures *f);             // nothing is left to look at
gofer_status failures_step(failures *f, gofer_client *client);
void failures_clear(failures *f);

#endif
