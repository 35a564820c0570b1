// audit_note.h - what the command line, `gofer top` and the web interface note in the audit, and
// how: which acts are worth it, and a filter as text. Pure but for the one call of the library.
#ifndef LINE_AUDIT_NOTE_H
#define LINE_AUDIT_NOTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

enum { AUDIT_WHY_ROOM = 512, AUDIT_TARGET_ROOM = 512 };

// An act; texts are borrowed, NULL is none.
typedef struct audit_note {
    const char  *actor, *via, *address;
    const char  *act;           // "queue.pause"
    const char  *queue, *target;
    const char  *outcome;       // NULL: as the status says
    const char  *why;           // of a failure
    gofer_status status;
    int64_t      count;
    int64_t      keep;          // so many records are kept from now on; 0: as before
} audit_note;

// What the store has refused as a whole, or never heard of, is not noted: nothing was done, and
// most often the note would not get there either. *count: how many were done in spite of it.
bool audit_is_due(gofer_status status, int64_t count);

// "ok", "stopped", or the status' name.
const char *audit_outcome(gofer_status status);

// Notes it if it is due. GOFER_OK also if it is not.
gofer_status audit_add(gofer_client *client, const audit_note *note);

// "state=archived type=mail:* older=86400000ms"; "all" where nothing is asked for. Returns out.
const char *audit_filter_text(char out[AUDIT_TARGET_ROOM], const char *state,
    const gofer_filter *filter);

#endif
