// check_keys.c - the check of every key that bears a queue's name: a scan of each
// primary, a page at a time.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/check/check.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

enum { SCAN_COUNT = 1000, CHUNK = 100, NODES = 1000 };

static const gf_rd_script keys_script = {
    .name = "look at keys",
    .text = gf_rd_lua_check_keys,
    .allow_oom = true,
};

static const gf_rd_script orphan_script = {
    .name = "look for a task in all lists",
    .text = gf_rd_lua_check_orphan,
    .allow_oom = true,
};

// ---- keys of a page by queue --------------------------------------------------------------------

typedef struct chunk {
    gf_rd_checked *queue;
    gf_rd_key      prefix;
    size_t         from, count;          // of the page's keys
} chunk;

static const char front[] = "asynq:{";
// Of limit keys that all queues count for, and of flows; no queue has such a name in its keys.
static const char *const others[] = { "asynq:{gofer-limits}:", "asynq:{gofer-flows:" };

static bool is_other(const redisReply *key)
{
    for (size_t i = 0; i < COUNT_OF(others); i++)
        if (strncmp(key->str, others[i], strlen(others[i])) == 0)
            return true;
    return false;
}

// The queue's name in a key: between "asynq:{" and the first "}:". 0: it is none of a queue's.
static size_t name_in(const redisReply *key)
{
    size_t skip = sizeof front - 1;
    if (key->type != REDIS_REPLY_STRING || (size_t)key->len < skip ||
        memcmp(key->str, front, skip) != 0)
        return 0;
    if (is_other(key))
        return 0;
    for (size_t i = skip; i + 1 < (size_t)key->len; i++)
        if (key->str[i] == '}' && key->str[i + 1] == ':')
            return memchr(key->str + skip, '\0', i - skip) ? 0 : i - skip;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const redisReply *x = *(redisReply *const *)a, *y = *(redisReply *const *)b;
    size_t common = (size_t)(x->len < y->len ? x->len : y->len);
    int order = memcmp(x->str, y->str, common);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

// Cuts the sorted keys into chunks of one queue each; how many, 0 also for no memory (then *st).
static size_t cut(gf_rd_checking *c, redisReply **keys, size_t count, chunk *out, gofer_status *st)
{
    size_t chunks = 0;
    for (size_t i = 0; i < count; i++) {
        size_t size = name_in(keys[i]);
        chunk *last = chunks ? &out[chunks - 1] : NULL;
        const char *name = keys[i]->str + sizeof front - 1;
        if (size == 0)
            continue;
        if (!gf_name_fits(name, size)) {
            gf_rd_check_unfit(c, name, size);
            continue;
        }
        bool same = last && last->count < CHUNK && last->from + last->count == i &&
            strlen(last->queue->name) == size && memcmp(last->queue->name, name, size) == 0;
        if (same) {
            last->count++;
            continue;
        }
        gf_rd_checked *q = gf_rd_check_queue(c, name, size, false);
        if (!q) {
            *st = gf_fail_nomem("a check");
            return 0;
        }
        out[chunks] = (chunk){ .queue = q, .from = i, .count = 1 };
        gf_rd_key_of(&out[chunks++].prefix, q->name, "");
    }
    return chunks;
}

static gofer_status look_for_task(gf_rd_checking *c, gf_rd_checked *q, const char *id, size_t size,
    const redisReply *key)
{
    static const char *const rests[] = { GF_RD_KEYS_CHECK_ORPHAN(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests) + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    if (!gf_rd_check_may_search(q))
        return GOFER_OK;
    gf_rd_script_begin(&cmd, &orphan_script, q->name, true);
    cmd.reads = !c->visit.repair;
    gf_rd_add_bytes(&cmd.args, key->str, (size_t)key->len);
    cmd.key_count = 1;                   // the task's: the others are made of their rests
    gf_rd_add_keys(&cmd, keys, q->name, rests + 1, COUNT_OF(rests) - 1);
    gf_rd_key_of(&keys[COUNT_OF(rests)], q->name, "g:");
    gf_rd_add(&cmd.args, keys[COUNT_OF(rests)].text);
    gf_rd_add_bytes(&cmd.args, id, size);
    gf_rd_add(&cmd.args, c->visit.repair ? "1" : "");
    gofer_status st = gf_rd_call(c->store, &cmd, &reply);
    if (st != GOFER_OK)
        return st == GOFER_ECORRUPT ? GOFER_OK : st;
    if (gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0) == 1) {
        gf_rd_check_note_bytes(q, GF_K_ORPHAN, id, size);
        gf_rd_check_mend(q, GF_K_ORPHAN,
            gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0));
    }
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

// Ticks of an entry that there is are in order; others end as if it had just been removed.
static gofer_status note_ticks(gf_rd_checking *c, gf_rd_checked *q, const redisReply *key,
    size_t skip)
{
    const char *name = key->str + skip;
    for (size_t i = 0; i < c->entries.count; i++)
        if (strcmp(c->entries.items[i].name, name) == 0)
            return GOFER_OK;
    gf_rd_check_note_bytes(q, GF_K_TICKS, name, (size_t)key->len - skip);
    if (!c->visit.repair)
        return GOFER_OK;
    redisReply *reply;
    gf_rd_cmd cmd = { .slot = gf_rd_queue_slot(q->name), .repeatable = true };
    gf_rd_add(&cmd.args, "EXPIRE");
    gf_rd_add_bytes(&cmd.args, key->str, (size_t)key->len);
    gf_rd_add_int(&cmd.args, GF_RD_TICKS_S);
    gofer_status st = gf_rd_call(c->store, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    gf_rd_reply_free(reply);
    gf_rd_check_mend(q, GF_K_TICKS, 1);
    return GOFER_OK;
}

static gofer_status note_key(gf_rd_checking *c, const chunk *k, const redisReply *key, char letter)
{
    static const struct { char letter; gf_rd_kind_of kind; } kinds[] = {
        { 'l', GF_K_LOCK }, { 'c', GF_K_COUNTER }, { 'g', GF_K_GROUP_UNLISTED }, { 'y', GF_K_TYPE },
        { 'f', GF_K_LEFTOVER },
        { 'r', GF_K_REMOVAL }, { 'w', GF_K_WAIT }, { 'v', GF_K_TURN },
    };
    gf_rd_checked *q = k->queue;
    size_t skip = strlen(k->prefix.text);
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if ((letter | 32) == kinds[i].letter) {
            gf_rd_check_note_bytes(q, kinds[i].kind, key->str + skip, (size_t)key->len - skip);
            gf_rd_check_mend(q, kinds[i].kind, letter != kinds[i].letter);
            return GOFER_OK;
        }
    if (letter == 'n')
        return note_ticks(c, q, key, skip + strlen("gofer:cron:"));
    if (letter != 't' && letter != 'p')
        return GOFER_OK;
    const char *id = key->str + skip + 2;
    size_t size = (size_t)key->len - skip - 2;
    // One that stood in pending when that was read stands there, or was taken since
    // and has another state.
    if (letter == 'p' && gf_rd_ids_has(&q->ids, id, size, GF_PENDING))
        return GOFER_OK;
    return look_for_task(c, q, id, size, key);
}

static gofer_status look_at_chunks(gf_rd_checking *c, redisReply **keys, const chunk *chunks,
    size_t count, gf_rd_cmd *cmds)
{
    for (size_t i = 0; i < count; i++) {
        gf_rd_script_begin(&cmds[i], &keys_script, chunks[i].queue->name, true);
        cmds[i].reads = !c->visit.repair;
        for (size_t j = 0; j < chunks[i].count; j++) {
            const redisReply *key = keys[chunks[i].from + j];
            gf_rd_add_bytes(&cmds[i].args, key->str, (size_t)key->len);
        }
        cmds[i].key_count = (int32_t)chunks[i].count;
        gf_rd_add(&cmds[i].args, chunks[i].prefix.text);
        gf_rd_add(&cmds[i].args, c->visit.repair ? "1" : "");
    }
    gofer_status st = gf_rd_run(c->store->net, cmds, count, gf_rd_timeout(c->store));
    for (size_t i = 0; i < count; i++) {
        const redisReply *said = cmds[i].reply;
        bool good =
            said && said->type == REDIS_REPLY_STRING && (size_t)said->len == chunks[i].count;
        for (size_t j = 0; st == GOFER_OK && good && j < chunks[i].count; j++)
            st = note_key(c, &chunks[i], keys[chunks[i].from + j], said->str[j]);
        gf_rd_cmd_clear(&cmds[i]);
    }
    return st;
}

static gofer_status look_at_keys(gf_rd_checking *c, redisReply *keys)
{
    gofer_status st = GOFER_OK;
    size_t count = 0;
    for (size_t i = 0; i < keys->elements; i++)
        count += keys->element[i]->type == REDIS_REPLY_STRING;
    if (count == 0 || count != keys->elements)
        return GOFER_OK;
    qsort(keys->element, count, sizeof *keys->element, by_key);
    chunk *chunks = gf_calloc(count, sizeof *chunks);
    if (!chunks)
        return gf_fail_nomem("a check");
    size_t cuts = cut(c, keys->element, count, chunks, &st);
    gf_rd_cmd *cmds = cuts ? gf_calloc(cuts, sizeof *cmds) : NULL;
    if (cuts && !cmds)
        st = gf_fail_nomem("a check");
    if (st == GOFER_OK && cuts)
        st = look_at_chunks(c, keys->element, chunks, cuts, cmds);
    gf_free(cmds);
    gf_free(chunks);
    return st;
}

// ---- the scan -----------------------------------------------------------------------------------

static gofer_status scan(gf_rd_checking *c, int32_t slot)
{
    char cursor[32] = "0";
    do {
        gf_rd_cmd cmd = { .slot = slot, .reads = true };
        redisReply *reply;
        gf_rd_add(&cmd.args, "SCAN");
        gf_rd_add(&cmd.args, cursor);
        gf_rd_add(&cmd.args, "MATCH");
        gf_rd_add(&cmd.args, "asynq:{*");
        gf_rd_add(&cmd.args, "COUNT");
        gf_rd_add_int(&cmd.args, SCAN_COUNT);
        gofer_status st = gf_rd_call(c->store, &cmd, &reply);
        if (st == GOFER_EDENIED)
            return GOFER_OK;             // reported by the look at the server
        if (st != GOFER_OK)
            return st;
        const redisReply *next = gf_rd_reply_at(reply, 0, REDIS_REPLY_STRING);
        bool keys = gf_rd_reply_at(reply, 1, REDIS_REPLY_ARRAY) != NULL;
        snprintf(cursor, sizeof cursor, "%s", next ? next->str : "0");
        st = keys ? look_at_keys(c, reply->element[1]) : GOFER_OK;
        gf_rd_reply_free(reply);
        if (st == GOFER_OK)
            st = gf_visit_step(&c->visit);
        if (st != GOFER_OK)
            return st;
    } while (strcmp(cursor, "0") != 0);
    return GOFER_OK;
}

// A slot of each primary; one that any server has, else.
static gofer_status slots_of(gf_rd_checking *c, int32_t *slots, size_t *count)
{
    gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT, .reads = true };
    redisReply *reply;
    const char **nodes = gf_calloc(NODES, sizeof *nodes);
    if (!nodes)
        return gf_fail_nomem("the nodes of a Cluster");
    gf_rd_add(&cmd.args, "CLUSTER");
    gf_rd_add(&cmd.args, "SLOTS");
    gofer_status st = gf_rd_call(c->store, &cmd, &reply);
    if (st != GOFER_OK) {
        gf_free(nodes);
        return st;
    }
    *count = 0;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements && *count < NODES;
         i++) {
        const redisReply *range = reply->element[i],
                         *node = gf_rd_reply_at(range, 2, REDIS_REPLY_ARRAY);
        const redisReply *id = gf_rd_reply_at(node, 2, REDIS_REPLY_STRING);
        bool seen = !id;
        for (size_t j = 0; j < *count && !seen; j++)
            seen = strcmp(nodes[j], id->str) == 0;
        if (seen)
            continue;
        nodes[*count] = id->str;
        slots[(*count)++] = (int32_t)gf_rd_reply_int(range->element[0], 0);
    }
    gf_free(nodes);
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

gofer_status gf_rd_check_keys(gf_rd_checking *c)
{
    int32_t *slots = gf_calloc(NODES, sizeof *slots);      // a handler's stack is small
    size_t count = 1;
    if (!slots)
        return gf_fail_nomem("the nodes of a Cluster");
    slots[0] = GF_RD_ANY_SLOT;
    gofer_status st =
        gf_rd_net_server(c->store->net).is_cluster ? slots_of(c, slots, &count) : GOFER_OK;
    if (st == GOFER_OK)
        st = gf_rd_entries(&c->store->base, -1, &c->entries);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = scan(c, slots[i]);
    gf_entries_clear(&c->entries);
    gf_free(slots);
    return st;
}
