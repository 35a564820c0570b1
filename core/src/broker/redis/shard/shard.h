// shard.h - sharded queues: which there are, and where a task of one is.
//
// May touch: store.h. A sharded queue `mail` is the queue `mail` and others beside it, `mail:1`,
// `mail:2` …, its slots: each is a queue of Asynq's, so Go programs may serve them. Which there are
// stands in the hash asynq:gofer:shards: of each sharded queue "<count> <changed, Unix ms> <numbers
// of the further slots>", and under the empty name a version. The first `count` slots are put into,
// all are taken from. The first slot is the queue itself: what programs put there that do not know
// of the slots is no less a task of the queue.
//
// A store asks for the version once a second, while it is used. What it knows is a gf_rd_shards,
// which never changes and is shared by count; names in it are kept until the store is closed.
// Locks: the lock of gf_rd_shard_cache, for all that is in it; held while the first answer comes.
#ifndef GF_BROKER_REDIS_SHARD_H
#define GF_BROKER_REDIS_SHARD_H

#include "broker/redis/store.h"
#include "broker/shards.h"

#define GF_RD_SHARDS_KEY "asynq:gofer:shards"

typedef struct gf_rd_sharded {
    const char  *name;
    const char **slots;                    // the first is the name
    size_t       count, total;             // to be put into; with those that are being emptied
    int64_t      changed_ms;               // when `count` was changed, Unix ms
    _Atomic uint32_t workers;              // that serve it, as the latest heartbeat found; 0: not
                                           //   known, or this process has none of them
    _Atomic uint32_t turn;                 // from which slot on is taken next
    _Atomic uint64_t maybe[GF_SHARDS_MAX / 64 + 1];    // a bit of each: it may have tasks
} gf_rd_sharded;

typedef struct gf_rd_slot_name {
    const char    *name;
    gf_rd_sharded *of;
    size_t         number;
} gf_rd_slot_name;

typedef struct gf_rd_shards {
    _Atomic int      refs;
    int64_t          version;
    gf_rd_sharded   *items;
    size_t           count;
    gf_rd_slot_name *by_name;              // all slots, by name
    size_t           slot_count;
} gf_rd_shards;

gofer_status gf_rd_shards_open(gf_rd_store *s);
void         gf_rd_shards_close(gf_rd_store *s);
// One reference more; NULL: there are no sharded queues, or nobody could tell.
gf_rd_shards *gf_rd_shards_take(gf_rd_store *s);
void          gf_rd_shards_drop(gf_rd_shards *all);     // NULL is fine
// For what a sharded queue cannot have: EUNSUPPORTED, and why.
#define GF_RD_UNCOUNTED "its slots are on servers of their own, and nobody counts them together"
gofer_status gf_rd_check_unsharded(gf_rd_store *s, const char *queue, const char *why);
// Asked now, whatever is known. The version is 0 and there are none: nobody has declared any.
gofer_status  gf_rd_shards_read(gf_rd_store *s, gf_rd_shards **out);
// The version of what is known now, without asking.
int64_t       gf_rd_shards_version(gf_rd_store *s);
void          gf_rd_shards_forget(gf_rd_store *s);      // ask anew with the next call

// NULL: it is none. all may be NULL.
gf_rd_sharded *gf_rd_sharded_of(const gf_rd_shards *all, const char *queue);
// The queue whose slot this is; the same name if it is none.
const char    *gf_rd_shards_shown(const gf_rd_shards *all, const char *slot);
const gf_rd_slot_name *gf_rd_shards_slot(const gf_rd_shards *all, const char *slot);
// A queue's slots, in their order; of one that is not sharded itself. *one: room for that.
size_t gf_rd_slots_of(const gf_rd_shards *all, const char *queue, const char **one,
    const char *const **out);

// Where those belong that run one after the other; false: it is none of them.
bool   gf_rd_slot_of_ordered(const gf_rd_sharded *q, const gf_message *m, size_t *slot);
// Where a task belongs: by its group, else as above, else by its debounce key, else its unique
// lock, else its id.
size_t gf_rd_slot_of_put(const gf_rd_sharded *q, const gf_put *item);
size_t gf_rd_slot_of_name(const gf_rd_sharded *q, const char *name);
// Which slot has each of these tasks, or told of its end a moment ago; where none has, where it
// belongs by its id.
gofer_status gf_rd_slots_find(gf_rd_store *s, const gf_rd_sharded *q, const char *const *ids,
    size_t count, size_t *slots, bool *found);

// What is known of a slot: it may have tasks, or has none.
void gf_rd_slot_note(const gf_rd_shards *all, const char *slot, bool maybe);
// What is to be taken: the slots of sharded queues in their place, in turn (gf_free). NULL: no
// memory.
gf_share *gf_rd_shares_spread(const gf_rd_shards *all, const gf_take *take, size_t *count);
// Of so many slots the part of one of its workers, where all workers together are to look at each a
// few times: all of them while they are few, at least one.
size_t gf_rd_shared_out(const gf_rd_sharded *q, size_t slots);
// For who waits: first those that are worth a line, one of each queue, then its part of the
// others', beginning with the slot `from` (each has one by chance, and keeps it); then the rest.
typedef struct gf_rd_spread {
    const char **names;            // gf_free; NULL: no memory
    size_t       count, lined;
    size_t       crowd;            // so many times as long may it be until the rest is looked at
} gf_rd_spread;
gf_rd_spread gf_rd_names_spread(const gf_rd_shards *all, const char *const *queues, size_t count,
    size_t from);

// ---- the door, for all slots of a queue at once (tasks.c, look.c, acts.c, declare.c) ------------

gofer_status gf_rd_sharded_put(gf_broker *b, gf_put *items, size_t count);
gofer_status gf_rd_sharded_register(gf_broker *b, const gf_worker_entry *entry, int64_t lease_ms);
gofer_status gf_rd_sharded_exchange(gf_broker *b, gf_finish *done, size_t count, gf_take *take);
gofer_status gf_rd_sharded_recover(gf_broker *b, size_t limit, int32_t crash_limit,
    gf_recovered *out);
gofer_status gf_rd_sharded_group_take(gf_broker *b, const char *worker, const char *queue,
    const gf_group_rule *rule, gf_group_set **out);
gofer_status gf_rd_sharded_group_put(gf_broker *b, const gf_group_set *set,
    const gf_message *combined, int64_t run_at_ms);
gofer_status gf_rd_sharded_group_back(gf_broker *b, const gf_group_set *set);
gofer_status gf_rd_sharded_group_archive(gf_broker *b, const gf_group_set *set, const char *error);

gofer_status gf_rd_sharded_names(gf_broker *b, gf_names *out);
gofer_status gf_rd_sharded_locate(gf_broker *b, const char *id, gf_names *out);
gofer_status gf_rd_sharded_filled(gf_broker *b, char *const *queues, size_t count, bool *out);
gofer_status gf_rd_sharded_counts(gf_broker *b, char *const *queues, size_t count, gf_counts *out);
gofer_status gf_rd_sharded_queues(gf_broker *b, const char *queue, gofer_info **out);
gofer_status gf_rd_sharded_queues_page(gf_broker *b, const gf_queue_range *range,
    gofer_info **out);
gofer_status gf_rd_sharded_tasks(gf_broker *b, const char *queue, gf_state state,
    const char *cursor, size_t limit, gofer_info **out);
gofer_status gf_rd_sharded_task(gf_broker *b, const char *queue, const char *id, gofer_info **out);
gofer_status gf_rd_sharded_groups(gf_broker *b, const char *queue, const gf_page *page,
    gofer_info **out);
gofer_status gf_rd_sharded_history(gf_broker *b, const char *queue, int32_t days,
    gofer_info **out);
gofer_status gf_rd_sharded_about(gf_broker *b, const char *queue, gofer_info **out);
gofer_status gf_rd_sharded_closed(gf_broker *b, char *const *queues, size_t count, bool *out);
gofer_status gf_rd_sharded_backlog(gf_broker *b, const char *const *queues, size_t count,
    int64_t *out);

gofer_status gf_rd_sharded_act(gf_broker *b, const char *queue, gf_act act, const char *const *ids,
    size_t count, gofer_status *statuses);
gofer_status gf_rd_sharded_move(gf_broker *b, const char *queue, gf_state from, gf_state to,
    size_t limit, size_t *done);
gofer_status gf_rd_sharded_edit(gf_broker *b, const char *queue, const char *id,
    const void *payload, size_t size, int64_t run_at_ms);
gofer_status gf_rd_sharded_rewrite(gf_broker *b, const char *queue, const char *id,
    const gf_rewrite *r);
gofer_status gf_rd_sharded_pause(gf_broker *b, const char *queue, bool paused);
gofer_status gf_rd_sharded_bound(gf_broker *b, const char *queue, int64_t max_length);
gofer_status gf_rd_sharded_age(gf_broker *b, const char *queue, int64_t age_ms);
gofer_status gf_rd_sharded_encrypt(gf_broker *b, const char *queue, bool required);
gofer_status gf_rd_sharded_delete(gf_broker *b, const char *queue, bool force);
gofer_status gf_rd_sharded_export(gf_broker *b, const char *queue, const char *const *ids,
    size_t count, gf_item *items);
gofer_status gf_rd_sharded_import(gf_broker *b, const char *queue, gf_item *items, size_t count);
gofer_status gf_rd_sharded_drop(gf_broker *b, const char *queue, gf_item *items, size_t count);

gofer_status gf_rd_shards_declare(gf_broker *b, const char *queue, int32_t count);
gofer_status gf_rd_shards_slots(gf_broker *b, const char *queue, gofer_info **out);
// Slots that were given up long ago and are empty, now and then.
gofer_status gf_rd_shards_tidy(gf_broker *b);

#endif
