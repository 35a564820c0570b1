// book.h - the entries of a store, read and changed: what the public doors, files
// and schedulers share.
//
// May touch: entry, broker/broker.h.
#ifndef GF_SCHEDULE_BOOK_H
#define GF_SCHEDULE_BOOK_H

#include "schedule/entry.h"

// The time that ticks go by: the store's, else this machine's.
gofer_status gf_book_clock(gf_broker *b, int64_t *now_ms);

// One entry of a store. ENOTFOUND; EUNSUPPORTED: the store has no entries.
gofer_status gf_book_find(gf_broker *b, const char *name, gf_schedule *out);

// Put an entry in. old: what it replaces, NULL: nothing. Unless its ticks stay the same, those
// before now are not its. Changes since_ms. EEXIST: only_new, and there is one.
gofer_status gf_book_put(gf_broker *b, gf_schedule *s, const gf_schedule *old, bool only_new);

// Puts an entry of one store into another, as it is; its ticks go on where those enqueued by the
// first end. EEXIST: there is another of that name. *repeated: it was there already.
gofer_status gf_book_carry(gf_broker *from, gf_broker *to, const gf_entry *e, bool *repeated);

// As gofer_client_schedules_sync, without the snapshot.
typedef struct gf_sync_counts {
    int64_t added, changed, removed, unchanged;
} gf_sync_counts;
gofer_status gf_book_sync(gofer_client *client, const char *source, const char *json, size_t size,
    gf_sync_counts *out);

// The entries that a JSON text lists (docs/schedules.md), and whether each says that it is paused
// or not (else it stays as it is in the store). `source` is theirs. EINVAL says
// where what is wrong.
typedef struct gf_schedule_list {
    gf_schedule *items;            // by name
    bool        *says_paused;
    size_t       count;
} gf_schedule_list;
gofer_status gf_schedule_list_parse(const gofer_client *client, const char *source,
    const char *json, size_t size, gf_schedule_list *out);
void         gf_schedule_list_clear(gf_schedule_list *list);

#endif
