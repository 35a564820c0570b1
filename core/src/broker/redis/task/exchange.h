// exchange.h - what the files of an exchange share: exchange.c plans and runs it, part.c knows its
// queues, finish.c and take.c have its two scripts, undelivered.c what becomes of tasks that were
// taken and did not arrive.
#ifndef GF_BROKER_REDIS_EXCHANGE_H
#define GF_BROKER_REDIS_EXCHANGE_H

#include "broker/redis/store.h"
#include "util/table.h"

// The keys of a queue that the scripts are given, and the front of its tasks.
typedef enum gf_rd_part_key {
    GF_RD_PENDING, GF_RD_ACTIVE, GF_RD_LEASE, GF_RD_PROCESSED, GF_RD_PAUSED,
    GF_RD_FAILED, GF_RD_RETRY, GF_RD_ARCHIVED, GF_RD_COMPLETED, GF_RD_WAITS, GF_RD_LINE,
    GF_RD_SCHEDULED, GF_RD_LIMITED, GF_RD_STEPS, GF_RD_TASK,
    GF_RD_PART_KEYS
} gf_rd_part_key;
#define GF_RD_PART_KEY(NAME, name, rest) GF_RD_##NAME,       // for GF_RD_KEYS_…

#define GF_RD_NONE UINT32_MAX

// One queue in an exchange; one allocation. Commands borrow its keys until they are run.
typedef struct gf_rd_part {
    gf_link     link;                      // first; by the hash of its queue
    uint32_t    number;                    // in the exchange
    uint32_t    first_done, last_done;     // of its finishes; GF_RD_NONE: it has none
    const char *queue;
    const char *shown;                     // the queue it is a slot of; NULL: of none
    bool        takes;
    bool        ill;                       // it is left alone, as others are well
    bool        lacks_limits;              // a queue of a Cluster, to be given its copy first
    size_t      share;
    int64_t     rest;                      // left pending after it; -1: not known
    const char *keys[GF_RD_PART_KEYS];     // GF_RD_TASK: the prefix of the tasks
} gf_rd_part;

// part.c
gf_rd_part *gf_rd_part_new(const char *queue);     // queue is borrowed; NULL: no memory
// The queue cannot be taken from, why is the last error: it is left alone for a while, and told.
void gf_rd_ill_note(gf_rd_store *s, const char *queue);
// Marks those that are left alone; none while there is no other to take from, so that the trouble
// is told.
void gf_rd_ill_mark(gf_rd_store *s, gf_rd_part *const *parts, size_t count);

// exchange.c: of all these queues, also of those that ail (ailing.c has the door).
gofer_status gf_rd_exchange_all(gf_rd_store *s, gf_finish *done, size_t done_count, gf_take *take);

// finish.c: outcomes that write the task again. Begin a command, add items, at most GF_RD_CHUNK;
// the reply is the list of numbers (from 1) of items whose claim was lost, and how many tasks the
// archive had no room for. with: what is written, zeroed, kept until the run.
typedef struct gf_rd_finishing {
    gf_bytes message, attempt;
    char     blame[GF_RD_BLAME_TEXT];
    bool     bare;                         // its result is left out, as the store has
                                           //   no room for it
    char     why[128];                     //   which is told beside the task
} gf_rd_finishing;
void gf_rd_finishing_clear(gf_rd_finishing *with);
// large: of results that a full memory refuses (ENOSPACE, nothing done); all others it takes.
void gf_rd_finish_begin(gf_rd_cmd *cmd, const gf_rd_part *p, bool large);
bool gf_rd_is_large(const gf_finish *f);
gofer_status gf_rd_finish_add(gf_rd_cmd *cmd, const gf_finish *f, gf_rd_finishing *with);
// A task just taken whose message cannot be read: to archived, its bytes as they are.
gofer_status gf_rd_finish_unreadable(gf_rd_store *s, const gf_rd_part *p, const redisReply *id,
    const char *token, int64_t score, const char *why);
// Done without retention, or dropped: the script that takes does that.
bool gf_rd_is_plain(const gf_finish *f);

// take.c: ends tasks, then takes. done[items[0..count)] are plain finishes of this queue.
typedef struct gf_rd_taking {
    size_t      want;                      // at most GF_RD_CHUNK; 0: none
    int64_t     room;                      // bytes of messages, and one more
    size_t      room_each;                 // for whoever takes: gf_take.room
    int64_t     lease_ms;
    int64_t     sent_ms;                   // monotonic, before the command was sent:
                                           //   leases count from there
    bool        wants_rest;
    bool        suspects;                  // one may be taken, alone
    const char *worker;                    // "<Unix ms> <id>"
    const char *shut;                      // gf_rd_shut_types; NULL: none
    uint64_t    token;                     // the claims' are this + 1, 2 …
    char        token_text[17];            // what all tasks of this take are marked with
} gf_rd_taking;

void gf_rd_taking_token(gf_rd_taking *how);

void gf_rd_take_add(gf_rd_cmd *cmd, const gf_rd_part *p, const gf_finish *done,
    const uint32_t *items, size_t count, const gf_rd_taking *how);
// Its answer: whose claim was lost (numbers as above; NULL: broken), and the claims, appended to
// the take's: how many bytes their messages have.
const redisReply *gf_rd_take_lost(const redisReply *reply);
int64_t gf_rd_take_read(gf_rd_store *s, gf_rd_part *p, const redisReply *reply,
    const gf_rd_taking *how, gf_take *take);

// undelivered.c: a take whose answer was lost, or whose claims found no memory.
void gf_rd_undelivered_note(gf_rd_store *s, const char *queue, uint64_t token);
// Puts back to pending what is noted. Best effort: the rest is found when its lease ends.
void gf_rd_undelivered_return(gf_rd_store *s);

#endif
