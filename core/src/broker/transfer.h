// transfer.h - the door's table of tasks on their way from store to store.
//
// Each item has its own status; at most 1000 in a call.
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_TRANSFER_H
#define GF_BROKER_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

// A task as a store holds it: what export fills, import stores elsewhere, and
// drop deletes afterwards.
typedef struct gf_item {
    gf_message   message;          // whole
    gf_state     state;            // any but active
    int64_t      at_ms;            // pending: since when; scheduled, retry: when due; completed,
                                   //   archived: since when
    int64_t      expires_ms;       // completed: when it is deleted
    const void  *result;           // completed; NULL: none
    size_t       result_size;
    const char  *group;            // aggregating, or would be again; NULL: none
    int64_t      unique_ms;        // the task holds a unique lock for so long; 0: it does not
    const char  *unique_key;       // by this name; NULL: that of its queue, type and payload
    const char  *debounced;        // scheduled: what it is debounced by, "k:" and the caller's key,
                                   //   or "t:" and the type; NULL: nothing
    int64_t      first_ms;         //   and when the first call was
    const char  *attempts, *log;   // lines of records; NULL: none
    const void  *checkpoint;       // NULL: none
    size_t       checkpoint_size;
    char         stamp[41];        // the store's own: to know the task again
    void        *memory[3];        // where all pointers lead
    gofer_status status;           // out
    bool         repeated;         // out, of import: it was there already
} gf_item;

void gf_item_clear(gf_item *item);             // all zero again

typedef struct gf_transfer_ops {
    // All are called by the client (migrate), and wait.

    // Reads the tasks of these ids into items, which the caller clears. ENOTFOUND:
    // gone; ESTATE: active;
    //   ECORRUPT: not to be read. Again: yes.
    gofer_status (*export_items)(gf_broker *b, const char *queue, const char *const *ids,
        size_t count, gf_item *items);
    // Stores them as they are, in the state they are in, pending ones at the end in this
    // order. OK also when the
    //   same task is there (repeated), in whatever state; EEXIST: another one of that id;
    //   EUNSUPPORTED: it has a group, and the store knows none. A store without locks leaves the
    //   lock out. Again: yes.
    gofer_status (*import_items)(gf_broker *b, const char *queue, gf_item *items, size_t count);
    // Deletes them, with their locks, wherever they are now. OK also when it is gone, or
    // another task has the id;
    //   ESTATE: active. Again: yes.
    gofer_status (*drop_items)(gf_broker *b, const char *queue, gf_item *items, size_t count);
} gf_transfer_ops;

#endif
