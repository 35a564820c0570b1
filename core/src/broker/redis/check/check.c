// check.c - `gofer doctor` on Redis: the server, then the lists of every queue, then every key that
// bears a queue's name. What is tested is tested in one script for each chunk, so that the running
// work is never taken for a defect.
#include "broker/redis/check/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/hash.h"

enum { IDS_MAX = 4000000, SEARCH_COST = 5000000 };

static const gf_kind kinds[GF_K_COUNT] = {
    [GF_K_GHOST] = { "ghost", GF_WARNING,
        "ids stand in the queue whose tasks are gone; a Go worker that takes one reports the "
        "queue as empty and keeps it as active for ever",
        "they can be removed: there is nothing left of these tasks (--repair does it); see whether "
        "memory was "
        "evicted or something else deletes keys" },
    [GF_K_UNREADABLE] = { "unreadable", GF_WARNING,
        "messages of tasks cannot be decoded; a Go worker that takes one gets stuck, and its "
        "recoverer with it",
        "--repair sets them aside in the archive with their bytes untouched; find out who writes "
        "them" },
    [GF_K_UNREADABLE_ARCHIVED] = { "unreadable-archived", GF_NOTE,
        "archived tasks have messages that cannot be decoded",
        "look at the bytes in the hash field msg, or delete them with 'gofer task rm'" },
    [GF_K_WORD] = { "state-word", GF_WARNING,
        "the state in the task's hash is another than that of the list it stands in; Asynq's "
        "tools then refuse to run, archive or delete it",
        "--repair sets the state to that of the list" },
    [GF_K_SCORE] = { "score", GF_WARNING,
        "times in sorted sets are no whole seconds; with a fraction older tools cannot list them, "
        "in milliseconds they are never due",
        "--repair makes them whole seconds; find out who writes them" },
    [GF_K_TWICE] = { "twice", GF_ERROR,
        "ids stand in more than one list, or more than once in one; such a task may run twice",
        "--repair leaves each only where the state in its hash says" },
    [GF_K_CLAIM] = { "claim-left", GF_NOTE,
        "tasks that are not active still bear the claim of an earlier run; that does no harm",
        "nothing to do; --repair removes the claims" },
    [GF_K_QUEUE] = { "other-queue", GF_WARNING,
        "messages name another queue than the one they stand in; a Go worker takes them and "
        "cannot finish them",
        "let gofer workers serve this queue, or delete the tasks and enqueue them again" },
    [GF_K_NO_LEASE] = { "no-lease", GF_ERROR,
        "active tasks have no lease; Asynq never finds them again",
        "--repair recovers them, as any gofer worker on this store does by itself" },
    [GF_K_NO_ACTIVE] = { "no-active", GF_WARNING,
        "leases are left of tasks that are not active; Asynq's recoverer fails on them every "
        "minute",
        "--repair removes them, as any gofer worker on this store does by itself" },
    [GF_K_LEASE_OVER] = { "lease-over", GF_WARNING,
        "the leases of active tasks ended long ago and nobody recovers them",
        "start a worker that serves this queue, or use --repair" },
    [GF_K_GROUP_EMPTY] = { "group-empty", GF_WARNING,
        "groups are named that have no tasks; Asynq's figures of the queue are wrong then",
        "--repair removes the names" },
    [GF_K_GROUP_UNLISTED] = { "group-unlisted", GF_WARNING,
        "groups with tasks are not among the groups' names, so that nobody aggregates them",
        "--repair adds the names" },
    [GF_K_SET_STALE] = { "set-stale", GF_WARNING,
        "aggregations were begun and never ended, and nobody puts their tasks back into their "
        "groups",
        "start a worker that aggregates this queue, or use --repair" },
    [GF_K_ORPHAN] = { "orphan", GF_WARNING,
        "tasks stand in no list of the queue: they will never run and no listing shows them",
        "--repair puts those with a message into the archive, from where they can be run again" },
    [GF_K_LOCK] = { "lock-left", GF_WARNING,
        "unique locks are held for tasks that are gone: equal tasks are refused until the locks "
        "end",
        "--repair frees them" },
    [GF_K_NAME] = { "name", GF_WARNING,
        "tasks have ids, or groups names, of over 255 bytes or that are not UTF-8; they are "
        "shown, but not found by that name, and such groups are not aggregated by gofer",
        "let the program that made them use shorter names; 'gofer task run', 'archive' and 'rm' "
        "with --all reach pending "
        "and set aside tasks of any id" },
    [GF_K_TICKS] = { "ticks-left", GF_NOTE,
        "what cron entries that are gone have enqueued last is still noted",
        "--repair lets it end in eight days" },
    [GF_K_WAIT] = { "wait-unseen", GF_WARNING,
        "tasks wait for limit keys that no worker looks at: when nobody tells that there is room, "
        "they wait for ever",
        "--repair has the keys looked at" },
    [GF_K_TURN] = { "turn-left", GF_NOTE,
        "it is the turn of ordered tasks that are gone or at their end",
        "--repair gives it to the next ones, as any gofer worker does by itself" },
    [GF_K_COUNTER] = { "counter", GF_WARNING,
        "counters are no numbers; Go workers then fail in the middle of finishing a task",
        "--repair sets them to 0" },
    [GF_K_TYPE] = { "key-type", GF_ERROR,
        "keys of the queue have a type that Asynq does not use, so that every operation on them "
        "fails",
        "something else uses the same names: rename its keys (RENAME) or use another database" },
    [GF_K_LEFTOVER] = { "leftover", GF_NOTE,
        "keys bear the queue's name that neither Asynq nor this gofer knows",
        "they may be of a newer version; 'gofer queue rm' removes them with the queue" },
    [GF_K_REMOVAL] = { "removal", GF_WARNING,
        "the removal of the queue has begun and has not come to its end: some of its tasks are "
        "gone, and it is paused",
        "if nobody is removing it now, run 'gofer queue rm' again, or keep the rest with 'gofer "
        "queue unpause'" },
    [GF_K_UNLISTED] = { "queue-unlisted", GF_WARNING,
        "the queue has keys but is not in asynq:queues, so that tools say it does not exist and "
        "nobody keeps house for it",
        "--repair adds the name; if the queue is no longer wanted, remove it with 'gofer queue "
        "rm'" },
    [GF_K_UNCHECKED] = { "unchecked", GF_NOTE,
        "the queue is so large, or changes so fast, that some of its tasks were not looked for in "
        "every list",
        "run it again when there is less to do" },
};

// ---- ids that were met --------------------------------------------------------------------------

static uint64_t hash_of(const char *id, size_t size)
{
    uint64_t hash = gf_hash_more(GF_HASH_START, id, size);
    hash ^= hash >> 33;                  // mixed: the low bits choose the slot
    hash *= UINT64_C(0xff51afd7ed558ccd);
    hash ^= hash >> 33;
    return hash | 8;                     // never 0 but for the state
}

static uint64_t *slot_of(const gf_rd_ids *ids, uint64_t hash)
{
    size_t at = (size_t)(hash >> 3) & (ids->room - 1);
    while (ids->slots[at] && (ids->slots[at] ^ hash) >> 3)
        at = (at + 1) & (ids->room - 1);
    return &ids->slots[at];
}

static bool grow(gf_rd_ids *ids)
{
    gf_rd_ids bigger = { .room = ids->room ? ids->room * 2 : 4, .count = ids->count };
    bigger.slots = ids->count < IDS_MAX ? gf_calloc(bigger.room, sizeof *bigger.slots) : NULL;
    if (!bigger.slots) {
        ids->full = true;
        return false;
    }
    for (size_t i = 0; i < ids->room; i++)
        if (ids->slots[i])
            *slot_of(&bigger, ids->slots[i]) = ids->slots[i];
    gf_free(ids->slots);
    *ids = bigger;
    return true;
}

bool gf_rd_ids_add(gf_rd_ids *ids, const char *id, size_t size, gf_state state)
{
    uint64_t hash = (hash_of(id, size) & ~UINT64_C(7)) | (uint64_t)state;
    if (ids->full || (ids->count * 2 >= ids->room && !grow(ids)))
        return false;
    uint64_t *slot = slot_of(ids, hash);
    if (*slot)
        return true;
    *slot = hash;
    ids->count++;
    return false;
}

bool gf_rd_ids_has(const gf_rd_ids *ids, const char *id, size_t size, gf_state state)
{
    uint64_t hash = (hash_of(id, size) & ~UINT64_C(7)) | (uint64_t)state;
    return ids->room && *slot_of(ids, hash) == hash;
}

void gf_rd_ids_clear(gf_rd_ids *ids)
{
    gf_free(ids->slots);
    *ids = (gf_rd_ids){ 0 };
}

// ---- queues -------------------------------------------------------------------------------------

static gf_found *found_of(gf_rd_checked *q, gf_rd_kind_of kind)
{
    if (!q->found)
        q->found = gf_calloc(GF_K_COUNT, sizeof *q->found);
    if (q->found && !q->found[kind])
        q->found[kind] = gf_calloc(1, sizeof *q->found[kind]);
    q->no_memory |= !q->found || !q->found[kind];
    return q->found ? q->found[kind] : NULL;
}

void gf_rd_check_note_bytes(gf_rd_checked *q, gf_rd_kind_of kind, const char *example, size_t size)
{
    gf_found *found = found_of(q, kind);
    if (found)
        gf_found_note(found, example, size);
}

void gf_rd_check_note(gf_rd_checked *q, gf_rd_kind_of kind, const redisReply *example)
{
    gf_rd_check_note_bytes(q, kind, example ? example->str : NULL,
        example ? (size_t)example->len : 0);
}

int64_t gf_rd_check_noted(const gf_rd_checked *q, gf_rd_kind_of kind)
{
    return q->found && q->found[kind] ? q->found[kind]->count : 0;
}

int64_t gf_rd_check_mended(const gf_rd_checked *q, gf_rd_kind_of kind)
{
    return q->found && q->found[kind] ? q->found[kind]->repaired : 0;
}

void gf_rd_check_mend(gf_rd_checked *q, gf_rd_kind_of kind, int64_t more)
{
    gf_found *found = more ? found_of(q, kind) : NULL;
    if (found)
        found->repaired += more;
}

bool gf_rd_check_may_search(gf_rd_checked *q)
{
    q->verified += 1000 + (int64_t)q->ids.count;
    if (q->verified <= SEARCH_COST)
        return true;
    if (gf_rd_check_noted(q, GF_K_UNCHECKED) == 0)
        gf_rd_check_note(q, GF_K_UNCHECKED, NULL);
    return false;
}

static size_t *place_of(const gf_rd_checking *c, const char *name, size_t size)
{
    size_t mask = c->places_room - 1, at = (size_t)(hash_of(name, size) >> 4) & mask;
    for (; c->places[at]; at = (at + 1) & mask) {
        const char *its = c->queues[c->places[at] - 1]->name;
        if (strlen(its) == size && memcmp(its, name, size) == 0)
            break;
    }
    return &c->places[at];
}

// At most half of the places are taken.
static bool grow_places(gf_rd_checking *c)
{
    if (c->places_room > c->count * 2)
        return true;
    size_t room = c->places_room ? c->places_room * 2 : 64;
    size_t *places = gf_calloc(room, sizeof *places);
    if (!places)
        return false;
    gf_free(c->places);
    c->places = places;
    c->places_room = room;
    for (size_t i = 0; i < c->count; i++)
        *place_of(c, c->queues[i]->name, strlen(c->queues[i]->name)) = i + 1;
    return true;
}

gf_rd_checked *gf_rd_check_queue(gf_rd_checking *c, const char *name, size_t size, bool listed)
{
    if (!grow_places(c))
        return NULL;
    size_t *place = place_of(c, name, size);
    if (*place)
        return c->queues[*place - 1];
    if (!gf_grow(c->queues, c->room, c->count + 1))
        return NULL;
    gf_rd_checked *q = gf_calloc(1, sizeof *q);
    char *copy = q ? gf_memdup(name, size) : NULL;
    if (!copy) {
        gf_free(q);
        return NULL;
    }
    q->name = copy;
    q->listed = listed;
    c->queues[c->count] = q;
    *place = ++c->count;
    return q;
}

void gf_rd_check_unfit(gf_rd_checking *c, const char *name, size_t size)
{
    if (!gf_rd_ids_add(&c->unfit, name, size, GF_PENDING))
        gf_found_note(&c->unfit_found, name, size);
}

static void note_unfit(void *arg, const redisReply *name)
{
    gf_rd_check_unfit(arg, name->str ? name->str : "", name->str ? (size_t)name->len : 0);
}

static void report_unfit(gf_rd_checking *c)
{
    static const gf_kind kind = { "queue-name", GF_WARNING,
        "queues have names that are empty, of over 255 bytes or not UTF-8; gofer neither lists "
        "nor serves them",
        "they are their maker's: rename the queue there; Asynq's tools and redis-cli still reach "
        "its tasks" };
    gf_found_report(&c->visit, &kind, &c->unfit_found, 1, NULL);
}

static void clear(gf_rd_checking *c)
{
    gf_rd_ids_clear(&c->unfit);
    for (size_t i = 0; i < c->count; i++) {
        gf_rd_checked *q = c->queues[i];
        for (size_t k = 0; q->found && k < GF_K_COUNT; k++)
            gf_free(q->found[k]);
        gf_free(q->found);
        gf_rd_ids_clear(&q->ids);
        gf_free(q->name);
        gf_free(q);
    }
    gf_free(c->queues);
    gf_free(c->places);
}

static gofer_status listed_queues(gf_rd_checking *c)
{
    gf_rd_names names = { 0 };
    gofer_status st = gf_rd_queues_get(c->store, 0, &names);
    if (st == GOFER_OK)
        st = gf_rd_queues_unfit(c->store, note_unfit, c);
    if (st == GOFER_ECORRUPT) {
        gf_visit_report(&c->visit, GF_ERROR, "key-type",
            "something else uses the same name: rename its key (RENAME) or use "
            "another database",
            "the key asynq:queues, which lists the queues, has another type than Asynq's: no queue "
            "is found");
        return GOFER_OK;
    }
    for (size_t i = 0; st == GOFER_OK && i < names.count; i++)
        if (!gf_rd_check_queue(c, names.names[i], strlen(names.names[i]), true))
            st = gf_fail_nomem("a check");
    gf_rd_names_free(&names);
    return st;
}

static gofer_status add_to_queues(gf_rd_checking *c, gf_rd_checked *q)
{
    gf_rd_cmd cmd = { .slot = gf_rd_slot("asynq:queues", 12), .repeatable = true };
    redisReply *reply;
    gf_rd_add(&cmd.args, "SADD");
    gf_rd_add(&cmd.args, "asynq:queues");
    gf_rd_add(&cmd.args, q->name);
    gofer_status st = gf_rd_call(c->store, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    gf_rd_reply_free(reply);
    gf_rd_check_mend(q, GF_K_UNLISTED, 1);
    return GOFER_OK;
}

static gofer_status check_queue(gf_rd_checking *c, gf_rd_checked *q)
{
    gofer_status st = gf_rd_check_lists(c, q);
    if (st == GOFER_ECORRUPT)            // a key of another type: reported by the look at the keys
        st = GOFER_OK;
    if (st == GOFER_OK)
        st = gf_rd_check_groups(c, q);
    return st == GOFER_ECORRUPT ? GOFER_OK : st;
}

// A queue that the look at the keys found: not in asynq:queues, or since we asked.
static gofer_status check_found(gf_rd_checking *c, gf_rd_checked *q)
{
    gofer_status st;
    q->listed = gf_rd_queue_exists(c->store, q->name, &st);
    if (st != GOFER_OK)
        return st;
    if (!q->listed)
        gf_rd_check_note(q, GF_K_UNLISTED, NULL);
    st = check_queue(c, q);
    return st == GOFER_OK && !q->listed && c->visit.repair ? add_to_queues(c, q) : st;
}

bool gf_rd_check_went(gf_rd_checking *c, gofer_status st)
{
    if (st != GOFER_OK && c->failed == GOFER_OK) {
        c->failed = st;
        snprintf(c->why, sizeof c->why, "%s", gofer_error_last());
    }
    return st == GOFER_OK;
}

static gofer_status check_queues(gf_rd_checking *c)
{
    gofer_status st = listed_queues(c);
    size_t listed = c->count;
    for (size_t i = 0; i < listed && st == GOFER_OK; i++)
        st = check_queue(c, c->queues[i]);
    if (st == GOFER_OK)
        st = gf_rd_check_keys(c);
    for (size_t i = listed; i < c->count && st == GOFER_OK; i++)
        st = check_found(c, c->queues[i]);
    return st == GOFER_OK ? gf_rd_check_leases(c) : st;
}

// False: some of it could not be noted.
static bool report_queue(const gf_rd_checking *c, const gf_rd_checked *q)
{
    for (size_t i = 0; q->found && i < GF_K_COUNT; i++)
        if (q->found[i])
            gf_found_report(&c->visit, &kinds[i], q->found[i], 1, q->name);
    return !q->no_memory;
}

// What was found is reported whatever fails; what could not be looked at is reported too.
gofer_status gf_rd_check_store(gf_broker *b, bool repair, gf_report_finding report, void *arg)
{
    gf_rd_checking c = { .store = (gf_rd_store *)b, .visit = { report, arg, repair } };
    gofer_status st = gf_rd_check(c.store);
    if (st != GOFER_OK)
        return st;
    st = gf_rd_check_server(&c);
    bool goes =
        st == GOFER_OK && !c.cluster_down && (c.failed == GOFER_OK || c.failed == GOFER_EDENIED);
    if (goes)
        goes = gf_rd_check_went(&c, check_queues(&c));
    report_unfit(&c);
    for (size_t i = 0; i < c.count; i++)
        if (!report_queue(&c, c.queues[i]))
            goes = gf_rd_check_went(&c, gf_fail_nomem("what was found")) && goes;
    if (st == GOFER_OK && !goes)
        gf_visit_report(&c.visit, GF_WARNING, "queues-unseen", "mend that, and look again",
            "what is in the queues could not be looked at, or not all of it: %s",
            c.failed ? c.why : "the cluster is down");
    clear(&c);
    // A refusal that is among the findings has been reported.
    if (c.failed == GOFER_OK || (c.failed == GOFER_EDENIED && c.rights_reported))
        return GOFER_OK;
    return gf_fail(c.failed, "%s", c.why);
}
