// check.h - what the files of the check share: check.c, check_server.c, check_lists.c,
// check_leases.c, check_keys.c.
#ifndef GF_BROKER_REDIS_CHECK_H
#define GF_BROKER_REDIS_CHECK_H

#include "broker/redis/inspect/inspect.h"
#include "broker/findings.h"

// Kinds of findings of a queue; their texts are in check.c.
typedef enum gf_rd_kind_of {
    GF_K_GHOST,
    GF_K_UNREADABLE,
    GF_K_UNREADABLE_ARCHIVED,
    GF_K_WORD,
    GF_K_SCORE,
    GF_K_TWICE,
    GF_K_CLAIM,
    GF_K_QUEUE,
    GF_K_NO_LEASE,
    GF_K_NO_ACTIVE,
    GF_K_LEASE_OVER,
    GF_K_GROUP_EMPTY,
    GF_K_GROUP_UNLISTED,
    GF_K_SET_STALE,
    GF_K_ORPHAN,
    GF_K_LOCK,
    GF_K_NAME,
    GF_K_TICKS,
    GF_K_WAIT,
    GF_K_TURN,
    GF_K_COUNTER,
    GF_K_TYPE,
    GF_K_LEFTOVER,
    GF_K_REMOVAL,
    GF_K_UNLISTED,
    GF_K_UNCHECKED,
    GF_K_COUNT
} gf_rd_kind_of;

// Ids met, as 61 bits of hash and 3 of the state where: open addressing. full:
// the rest was not noted.
typedef struct gf_rd_ids {
    uint64_t *slots;
    size_t    count, room;
    bool      full;
} gf_rd_ids;

// There may be very many: one of which nothing is found takes little memory.
typedef struct gf_rd_checked {
    char      *name;
    bool       listed;                   // in asynq:queues
    bool       no_memory;                // something found could not be noted
    gf_rd_ids  ids;                      // met in its lists
    int64_t    verified;                 // what the searches through its lists cost so far
    gf_found **found;                    // by kind, NULL where nothing was; NULL: nothing at all
} gf_rd_checked;

typedef struct gf_rd_checking {
    gf_rd_store   *store;
    gf_visit       visit;
    gf_rd_checked **queues;              // sorted by name when from asynq:queues, found ones behind
    size_t         count, room;
    size_t        *places;               // by the hashes of the names, one more than where in
    size_t         places_room;          //   `queues` each is; 0: none
    gf_entries     entries;              // of cron, while keys are looked at
    gf_rd_ids      unfit;                // names of queues that do not fit (gf_name_fits):
                                         //   left alone, and reported
    gf_found       unfit_found;
    bool           cluster_down;         // what is in its queues cannot be looked at
    bool           rights_reported;      // what is refused is in the list
    gofer_status   failed;               // the first question that had no answer,
    char           why[700];             //   and why
} gf_rd_checking;

// Remembers a failure, so that what else can be looked at is. False: st is one.
bool gf_rd_check_went(gf_rd_checking *c, gofer_status st);

// Notes one thing of a queue; example may be NULL.
void gf_rd_check_note(gf_rd_checked *q, gf_rd_kind_of kind, const redisReply *example);
void gf_rd_check_note_bytes(gf_rd_checked *q, gf_rd_kind_of kind, const char *example, size_t size);
// How many were noted, and how many of these mended; more are.
int64_t gf_rd_check_noted(const gf_rd_checked *q, gf_rd_kind_of kind);
int64_t gf_rd_check_mended(const gf_rd_checked *q, gf_rd_kind_of kind);
void    gf_rd_check_mend(gf_rd_checked *q, gf_rd_kind_of kind, int64_t more);
// The queue of that name, made if it is new; NULL: no memory.
gf_rd_checked *gf_rd_check_queue(gf_rd_checking *c, const char *name, size_t size, bool listed);
// Notes a queue whose name does not fit, once.
void gf_rd_check_unfit(gf_rd_checking *c, const char *name, size_t size);
// May a search through all lists of the queue still be made? Counts it.
bool gf_rd_check_may_search(gf_rd_checked *q);

// true: was there already
bool gf_rd_ids_add(gf_rd_ids *ids, const char *id, size_t size, gf_state state);
bool gf_rd_ids_has(const gf_rd_ids *ids, const char *id, size_t size, gf_state state);
void gf_rd_ids_clear(gf_rd_ids *ids);

// check_server.c
gofer_status gf_rd_check_server(gf_rd_checking *c);
// check_rights.c
gofer_status gf_rd_check_rights(gf_rd_checking *c);
gofer_status gf_rd_check_scripts(gf_rd_checking *c);
// A command of words parted by blanks that may be refused: OK and *reply, or NULL where the server
// or the user's rights say no.
gofer_status gf_rd_check_try(gf_rd_checking *c, const char *line, redisReply **reply);
// check_lists.c
gofer_status gf_rd_check_lists(gf_rd_checking *c, gf_rd_checked *q);
// check_leases.c
gofer_status gf_rd_check_leases(gf_rd_checking *c);
gofer_status gf_rd_check_groups(gf_rd_checking *c, gf_rd_checked *q);
// check_keys.c
gofer_status gf_rd_check_keys(gf_rd_checking *c);

#endif
