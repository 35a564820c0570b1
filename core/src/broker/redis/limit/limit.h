// limit.h - where limits are, for the files of this room and those that put and take tasks.
//
// They are one hash, asynq:gofer:limits: the name, and what gf_limit_write says; under the empty
// name a version and which prefixes there are (scripts/put_limit.lua). A queue of which tasks count
// for limits has a flag, asynq:{q}:gofer:limited, whose text is the hash that its scripts read:
// that one, or on a Cluster, whose scripts read only their own slot, the queue's copy of it. A copy
// lives a minute, is deleted when a limit changes, and is made by whoever finds that it is missing.
// The set asynq:gofer:limited has the names of all queues with a flag (on a Cluster: with a copy).
// Whose turn it is of the tasks that run one after the other stands in the hash
// asynq:{q}:gofer:turns (scripts/lib/turns.lua): the key, and the id.
// What each queue of a Cluster may of limits that all count for is its grant (grants.c): in the
// hash asynq:{q}:gofer:grants (scripts/lib/grants.lua), and for each key all that is granted in the
// hash asynq:gofer:{asynq:gofer:limits}:grants:<key> (scripts/share_limits.lua). Who shares out,
// and that somebody has, stands in :sharer and :shared beside it.
// Which keys are paused stands in a sorted set: asynq:{gofer-limits}:paused, or on a Cluster beside
// the limits, and in a copy of each queue.
#ifndef GF_BROKER_REDIS_LIMIT_H
#define GF_BROKER_REDIS_LIMIT_H

#include "broker/redis/store.h"

#define GF_RD_LIMITS "asynq:gofer:limits"
// In the slot of the hash of limits: what is in braces is its name.
#define GF_RD_BESIDE_LIMITS "asynq:gofer:{" GF_RD_LIMITS "}:"
#define GF_RD_PAUSES_OF_ALL GF_RD_BESIDE_LIMITS "paused"
#define GF_RD_LIMITED_SET "asynq:gofer:limited"

// The hash that scripts on this queue read.
void gf_rd_limits_key(gf_rd_store *s, const char *queue, gf_rd_key *out);
// What a task counts for, as its field gofer:limit has it: the cost, a 'b' if it holds others up
// when it is archived, a blank, its keys, one in a line. gf_free; *out NULL: nothing.
gofer_status gf_rd_limit_of(const gf_message *m, char **out);
// A queue of a Cluster has no copy.
gofer_status gf_rd_limits_copy(gf_rd_store *s, const char *queue);
// The names of the queues with a flag, sorted.
gofer_status gf_rd_limits_queues(gf_rd_store *s, gf_names *out);
// Who waits for this key (of a name with a '*' for each that begins so) is looked at, at most a
// second later.
gofer_status gf_rd_limits_rewake(gf_rd_store *s, const char *name);
// breakers.c. Asks for them; what was known stays where there is no answer.
gofer_status gf_rd_breakers_load(gf_rd_store *s, int64_t timeout_ms);
// Those that are open as lines of gf_rd_shut_types, as far as there is room, with a NUL; how many
// bytes all would have.
size_t gf_rd_breakers_lines(gf_rd_store *s, char *out, size_t room);
// The next one, from *at on, that lets some through now, as far as is known.
bool gf_rd_breakers_half_open(gf_rd_store *s, size_t *at, char type[GF_NAME_MAX + 1]);
// So many may be let through, and count as that from now on; those that are not go back.
int64_t gf_rd_breaker_let(gf_rd_store *s, const char *type, int64_t *episode);
void gf_rd_breaker_unlet(gf_rd_store *s, const char *type, int64_t episode, int64_t count);
// grants.c. This limit is another now: what queues of a Cluster are granted of it is shared out
// anew. What of this fails housekeeping does.
void gf_rd_limits_regrant(gf_rd_store *s, const char *name);
// The queue was deleted, and with it its flag: it has none, or still one of its own limit.
gofer_status gf_rd_limits_forget(gf_rd_store *s, const char *queue);

#endif
