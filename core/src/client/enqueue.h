// enqueue.h - a task on its way in: checked options made a message. For whoever puts tasks:
// enqueue, schedules, groups, the worker's own.
#ifndef GF_ENQUEUE_H
#define GF_ENQUEUE_H

#include "broker/broker.h"
#include "client/client.h"
#include "util/id.h"

// What it points to is the caller's, but for the headers and what is encrypted.
typedef struct gf_draft {
    gf_message     message;
    int64_t        run_at_ms;
    int64_t        unique_ms;
    const char    *unique_key;
    gf_unique_life unique_life;
    bool           returns_holder;     // GOFER_CONFLICT_RETURN
    const char    *group;
    gf_debounce    debounce;           // delay_ms 0: none
    bool           replaces;
    int32_t       *effect;             // the caller's; NULL: nobody asks
    struct gf_draft_seal *seal;        // owned; NULL: it is not encrypted
    char           id[GF_ID_TEXT];     // used when the caller gave none
    char          *headers;            // owned
} gf_draft;

// A task of these options, with an id and the time of now. Does not move: the message points into
// it. Also on failure to be cleared. EINVAL, ETOOBIG, ENOMEM; EUNSUPPORTED: the store
// has no locks or groups.
gofer_status gf_draft_make(gf_draft *d, const gofer_client *client, const char *type,
    const void *payload, size_t size, const gofer_enqueue_options *opts);
void         gf_draft_clear(gf_draft *d);

#endif
