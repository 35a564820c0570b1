// upkeep.h - what the files of housekeeping share: upkeep.c (which queues, and asking them all),
// forward.c, recover.c, purge.c, group.c.
//
// A duty first looks at many queues with a small script that changes nothing, pipelined; nearly
// always that is all. Only queues where something is to be done are asked again.
#ifndef GF_BROKER_REDIS_UPKEEP_H
#define GF_BROKER_REDIS_UPKEEP_H

#include "broker/redis/store.h"
#include "redis_scripts.h"

typedef enum gf_rd_duty {
    GF_RD_FORWARD, GF_RD_RECOVER, GF_RD_PURGE, GF_RD_RELAY, GF_RD_DUTIES
} gf_rd_duty;

// The queues of one call: those that this process serves, then the others, from where the last call
// left off when they are too many for one.
typedef struct gf_rd_round {
    gf_rd_names  serving, seen;        // own the texts
    const char **queues;
    size_t       count;
    bool         alone;                // nobody else looks
} gf_rd_round;

// Does this process have to look? Many workers leave that to one (election.c). *again_ms: when it
// is not ours, in how many ms it may be.
bool gf_rd_elected(gf_rd_store *s, gf_rd_duty duty, int64_t *again_ms);
// There are more queues than one call looks at, or no longer: then everybody looks.
void gf_rd_election_crowded(gf_rd_store *s, bool crowded);
// Nobody else looks.
bool gf_rd_election_won(gf_rd_store *s);

gofer_status gf_rd_round_begin(gf_rd_store *s, gf_rd_duty duty, gf_rd_round *out);
void         gf_rd_round_end(gf_rd_round *r);

// A script for one queue: its keys are asynq:{queue}:<rest> for each of rests, in that order. Then
// comes "asynq:{queue}:t:" as ARGV[1], then what add says.
typedef struct gf_rd_sweep {
    const gf_rd_script *script;
    const char *const  *rests;         // NULL at the end
    bool                reads;
    bool                repeatable;
    gofer_status (*add)(void *arg, size_t i, gf_rd_args *args);        // NULL: nothing; words are
                                                                       //   borrowed until then
    // of the i-th queue; not told of failures
    void         (*on_answer)(void *arg, size_t i, const redisReply *reply);
} gf_rd_sweep;

// Sweeps the queues in pipelines. A queue that fails is left out and logged; the sweep fails
// itself when no queue answered.
gofer_status gf_rd_sweep_run(gf_rd_store *s, const gf_rd_sweep *w, const char *const *queues,
    size_t count, void *arg);

// One line in the log for something found in disorder, if count > 0.
void gf_rd_upkeep_log(gf_rd_store *s, const char *text, const char *queue, int64_t count);

// The archive's limits have deleted so many tasks of this queue (0: none). The first are told in
// the log at once, others of that queue together, a minute later at the earliest: by the next call
// of either, or at the store's end.
void gf_rd_upkeep_trimmed(gf_rd_store *s, const char *queue, int64_t count);
void gf_rd_upkeep_trimmed_due(gf_rd_store *s);

// A queue failed, for the reason in the thread's last error: in the log, once a minute at the most.
void gf_rd_upkeep_complain(gf_rd_store *s, const char *queue, const char *script);

// A score in a reply, in whole seconds, rounded up; GF_RD_NEVER: none, or beyond the year 9999,
// whose last second is GF_RD_LAST_S.
#define GF_RD_NEVER INT64_MAX
#define GF_RD_LAST_S INT64_C(253402300799)
int64_t gf_rd_reply_score(const redisReply *r);

// Unix ms of a server, from the two words of TIME in a reply's elements at, at + 1.
int64_t gf_rd_reply_time_ms(const redisReply *r, size_t at);

// True while nothing shall be recovered: the store was away, or may have been while nobody here
// looked, and live workers must be given the time to renew their leases. st: how the look went.
bool gf_rd_upkeep_holds(gf_rd_store *s, gofer_status st);

// ---- recovery (recover.c, expired.c) ------------------------------------------------------------

enum { GF_RD_KEYS_MAX = 0 GF_RD_KEYS_RECOVER(GF_RD_ONE) };       // the most of all

// Begins a script on one queue, with the words of a sweep; keys are in use until the call is over.
void gf_rd_upkeep_begin(gf_rd_cmd *cmd, gf_rd_key keys[GF_RD_KEYS_MAX + 1],
    const gf_rd_script *script, const char *queue, const char *const *rests);
// Ghosts and strays, numbers of a reply from that index on.
void gf_rd_upkeep_log_disorder(gf_rd_store *s, const char *queue, const redisReply *reply,
    size_t at);

// What workers held when they died, as far as one call needs to know (deaths.c). add: this one;
// learn: asks the store of those that were added; of: what is known. One without a name, or whom
// the store knows nothing of, held one task.
enum { GF_RD_WORKER_MAX = 64 };
typedef struct gf_rd_deaths gf_rd_deaths;
gofer_status gf_rd_deaths_open(gf_rd_store *s, gf_rd_deaths **out);
void         gf_rd_deaths_close(gf_rd_deaths *d);  // NULL is fine
gofer_status gf_rd_deaths_add(gf_rd_deaths *d, const char *worker);
gofer_status gf_rd_deaths_learn(gf_rd_deaths *d);
gf_death     gf_rd_deaths_of(const gf_rd_deaths *d, const char *worker);

// Tasks of this queue whose leases are over: adds to *did, until both together are limit.
gofer_status gf_rd_recover_expired(gf_rd_store *s, const char *queue, size_t limit,
    int32_t crash_limit, gf_rd_deaths *deaths,
    gf_recovered *did);

#endif
