// audit_note.c - what is noted in the audit, and how.
#include "audit_note.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool audit_is_due(gofer_status status, int64_t count)
{
    switch (status) {
    case GOFER_OK:
    case GOFER_ENOTFOUND:
    case GOFER_EEXIST:
    case GOFER_EDUPLICATE:
    case GOFER_ESTATE:
    case GOFER_EHANDLER:        // stopped on the way
    case GOFER_EUNCERTAIN:      // it may be done
        return true;
    default:
        return count > 0;
    }
}

const char *audit_outcome(gofer_status status)
{
    return status == GOFER_OK ? "ok" : status == GOFER_EHANDLER ? "stopped"
                                     : gofer_status_name(status);
}

gofer_status audit_add(gofer_client *client, const audit_note *note)
{
    gofer_audit a;
    if (!audit_is_due(note->status, note->count))
        return GOFER_OK;
    gofer_audit_init(&a);
    a.actor = note->actor;
    a.via = note->via;
    a.address = note->address;
    a.act = note->act;
    a.queue = note->queue;
    a.target = note->target;
    a.count = note->count;
    a.keep = note->keep;
    a.outcome = note->outcome;
    if (note->status != GOFER_OK) {
        a.message = note->why && *note->why ? note->why : NULL;
        if (!a.outcome)
            a.outcome = audit_outcome(note->status);
    }
    return gofer_client_audit_add(client, &a);
}

// ---- a filter as text ---------------------------------------------------------------------------

static void put_text(char *out, const char *name, const char *text)
{
    size_t used = strlen(out);
    if (text && *text)
        snprintf(out + used, AUDIT_TARGET_ROOM - used, "%s%s=%s", used ? " " : "", name, text);
}

static void put_ms(char *out, const char *name, int64_t ms)
{
    char text[32];
    if (ms == 0)
        return;
    snprintf(text, sizeof text, "%" PRId64 "ms", ms);
    put_text(out, name, text);
}

const char *audit_filter_text(char out[AUDIT_TARGET_ROOM], const char *state,
    const gofer_filter *filter)
{
    *out = '\0';
    put_text(out, "state", state);
    put_text(out, "type", filter->type);
    put_text(out, "id", filter->id);
    put_text(out, "group", filter->group);
    put_text(out, "error", filter->error);
    put_text(out, "fingerprint", filter->fingerprint);
    put_ms(out, "older", filter->older_ms);
    put_ms(out, "younger", filter->younger_ms);
    if (!*out)
        snprintf(out, AUDIT_TARGET_ROOM, "all");
    return out;
}
