// roster.c - our workers, registered as Go's are. roster_list.c lists them all.
//
// May touch: net, wire (presence). Records as Asynq writes them (docs/asynq.md): a server's, which
// ends by itself soon after the last heartbeat, and a hash of what it runs. Nothing else depends on
// them: tasks are recovered by their leases. The clock is the writer's own, as Go's readers expect.
#include <stdio.h>
#include <string.h>

#include "broker/children.h"
#include "broker/redis/store.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/utf8.h"

enum {
    PAYLOAD_SHOWN = 64 * 1024,     // a larger payload is left out of the record of a running task,
    PAYLOADS_SHOWN = 1024 * 1024   //   and all of them together are no more than this
};

static const char SERVERS[] = "asynq:servers", WORKERS[] = "asynq:workers";

struct gf_rd_registration {
    gf_rd_registration *next;
    char               *id;        // owned, as are the keys
    char               *server_key, *worker_key, *children_key;
};

// ---- our own --------------------------------------------------------------------------------

static void free_registration(gf_rd_registration *r)
{
    if (!r)
        return;
    gf_free(r->id);
    gf_free(r->server_key);
    gf_free(r->worker_key);
    gf_free(r->children_key);
    gf_free(r);
}

// Locks: s->lock held.
static gf_rd_registration **find(gf_rd_store *s, const char *id)
{
    gf_rd_registration **link = &s->registrations;
    while (*link && strcmp((*link)->id, id) != 0)
        link = &(*link)->next;
    return link;
}

bool gf_rd_registered(gf_rd_store *s, const char *id)
{
    pthread_mutex_lock(&s->lock);
    bool found = *find(s, id) != NULL;
    pthread_mutex_unlock(&s->lock);
    return found;
}

void gf_rd_registrations_close(gf_rd_store *s)
{
    while (s->registrations) {
        gf_rd_registration *r = s->registrations;
        s->registrations = r->next;
        free_registration(r);
    }
}

// "asynq:servers:{host:pid:id}". Braces in a host's name would move the hash tag.
static char *key_of(const char *set, const char *host, const gf_worker_entry *e)
{
    size_t size = strlen(set) + strlen(host) + strlen(e->id) + 32;
    char *key = gf_alloc(size);
    if (key)
        snprintf(key, size, "%s:{%s:%lld:%s}", set, host, (long long)e->pid, e->id);
    return key;
}

static void host_of(const gf_worker_entry *e, char out[256])
{
    const char *host = e->host && *e->host ? e->host : "unknown";
    gf_utf8_clean(host, strlen(host), out, 256);
    for (char *at = out; *at; at++)
        if (*at == '{' || *at == '}')
            *at = '_';
}

static gf_rd_registration *new_registration(const gf_worker_entry *e, const char *host)
{
    gf_rd_registration *r = gf_calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->id = gf_strdup(e->id);
    r->server_key = key_of(SERVERS, host, e);
    r->worker_key = key_of(WORKERS, host, e);
    r->children_key = key_of(GF_RD_CHILDREN, host, e);
    if (r->id && r->server_key && r->worker_key && r->children_key)
        return r;
    free_registration(r);
    return NULL;
}

static void remember(gf_rd_store *s, gf_rd_registration *r)
{
    pthread_mutex_lock(&s->lock);
    gf_rd_registration *known = *find(s, r->id);
    if (!known) {
        r->next = s->registrations;
        s->registrations = r;
    }
    pthread_mutex_unlock(&s->lock);
    if (known)
        free_registration(r);
}

// ---- register ----------------------------------------------------------------------------------

// All of these go on with full memory: a write that needs none comes first, after which Redis
// before version 7 lets a script go on.

static const gf_rd_script enlist = {
    .name = "enlist",
    .text = gf_rd_lua_enlist,
    .allow_oom = true,
};

static const gf_rd_script write_record = {
    .name = "write_server_record",
    .text = gf_rd_lua_write_worker,
    .allow_oom = true,
};

static void add_enlist(gf_rd_cmd *cmd, const char *set, size_t set_size, int64_t score,
    const char *member)
{
    *cmd = (gf_rd_cmd){ .script = &enlist,
        .key_count = 1,
        .slot = gf_rd_slot(set, set_size),
        .repeatable = true };
    gf_rd_add(&cmd->args, set);
    gf_rd_add_int(&cmd->args, score);
    gf_rd_add(&cmd->args, member);
}

static const char *status_of(const char *state)
{
    if (state && strcmp(state, "quiet") == 0)
        return "stopped";
    if (state && strcmp(state, "lacking") == 0)
        return state;              // not a word of Asynq's; its tools show what there is
    return state && strcmp(state, "stopping") == 0 ? "closed" : "active";
}

static gofer_status encode_server(const gf_worker_entry *e, const char *host, gf_bytes *out)
{
    gf_wire_weight *weights = gf_calloc(e->weight_count + 1, sizeof *weights);
    if (!weights)
        return gf_fail_nomem("a worker's record");
    for (size_t i = 0; i < e->weight_count; i++)
        weights[i] = (gf_wire_weight){ e->weights[i].queue, e->weights[i].weight };
    const gf_wire_server server = {
        .host = host, .pid = (int32_t)e->pid, .server_id = e->id, .concurrency = e->concurrency,
        .queues = weights, .queue_count = e->weight_count, .strict = e->strict,
        .status = status_of(e->state), .started_ms = e->started_ms, .active = e->running,
    };
    gofer_status st = gf_wire_server_encode(&server, out);
    gf_free(weights);
    return st;
}

// One for each running task; *left: how many bytes of payloads may still be shown.
static gofer_status encode_worker(const gf_worker_entry *e, const char *host,
    const gf_running *task, size_t *left, gf_bytes *out)
{
    bool shown = task->payload_size <= PAYLOAD_SHOWN && task->payload_size <= *left;
    *left -= shown ? task->payload_size : 0;
    const gf_wire_worker worker = {
        .host = host,
        .pid = (int32_t)e->pid,
        .server_id = e->id,
        .task_id = task->id,
        .task_type = task->type,
        .payload = shown ? task->payload : NULL,
        .payload_size = shown ? task->payload_size : 0,
        .queue = task->queue,
        .started_ms = task->started_ms,
        .deadline_ms = task->deadline_ms,
    };
    return gf_wire_worker_encode(&worker, out);
}

typedef struct records {
    gf_bytes  server;
    gf_record children;
    gf_bytes *workers;
    size_t    count;
} records;

static void clear_records(records *r)
{
    gf_bytes_clear(&r->server);
    gf_record_clear(&r->children);
    for (size_t i = 0; i < r->count; i++)
        gf_bytes_clear(&r->workers[i]);
    gf_free(r->workers);
}

static gofer_status encode_records(const gf_worker_entry *e, const char *host, records *r)
{
    size_t left = PAYLOADS_SHOWN;
    *r = (records){ .workers = gf_calloc(e->task_count + 1, sizeof *r->workers) };
    if (!r->workers)
        return gf_fail_nomem("the records of running tasks");
    if (e->children)
        gf_children_put(&r->children, e->children);
    gofer_status st = r->children.bad ? gf_fail_nomem("the record of a worker's children")
                                      : encode_server(e, host, &r->server);
    for (size_t i = 0; i < e->task_count && st == GOFER_OK; i++) {
        st = encode_worker(e, host, &e->tasks[i], &left, &r->workers[i]);
        r->count += st == GOFER_OK;
    }
    return st;
}

static gofer_status send_records(gf_rd_store *s, const gf_rd_registration *reg,
    const gf_worker_entry *e, const records *r)
{
    enum { COMMANDS = 4 };
    gf_rd_cmd cmds[COMMANDS];
    char mailbox[GF_RD_WORKER_KEYS][GF_RD_MAILBOX];
    int64_t until_s = gf_now_ms() / 1000 + GF_RD_SERVER_TTL_S;
    add_enlist(&cmds[0], SERVERS, sizeof SERVERS - 1, until_s, reg->server_key);
    add_enlist(&cmds[1], WORKERS, sizeof WORKERS - 1, until_s, reg->worker_key);
    cmds[2] = (gf_rd_cmd){ .script = &write_record, .repeatable = true,
        .key_count = 0 GF_RD_KEYS_WRITE_WORKER(GF_RD_ONE),
        .slot = gf_rd_slot(reg->server_key, strlen(reg->server_key)) };
    gf_rd_args *args = &cmds[2].args;
    gf_rd_add(args, reg->server_key);
    gf_rd_add(args, reg->worker_key);
    gf_rd_add(args, reg->children_key);
    gf_rd_add_int(args, GF_RD_SERVER_TTL_S);
    gf_rd_add_bytes(args, r->server.bytes, r->server.size);
    gf_rd_add_bytes(args, r->children.text, r->children.size);
    for (size_t i = 0; i < r->count; i++) {
        gf_rd_add(args, e->tasks[i].id);
        gf_rd_add_bytes(args, r->workers[i].bytes, r->workers[i].size);
    }
    gf_rd_alive_begin(&cmds[3], mailbox, e->id);
    gofer_status st = gf_rd_run(s->net, cmds, COMMANDS, gf_rd_timeout(s));
    gf_rd_alive_answered(s, &cmds[3], e->id);
    for (size_t i = 0; i < COMMANDS; i++)
        gf_rd_cmd_clear(&cmds[i]);
    return st;
}

gofer_status gf_rd_worker_register(gf_broker *b, const gf_worker_entry *entry, int64_t lease_ms)
{
    (void)lease_ms;                      // a record's life is Asynq's; claims have
                                         //   leases of their own
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    for (size_t i = 0; i < entry->weight_count && st == GOFER_OK; i++)
        st = gf_rd_upkeep_serve(s, entry->weights[i].queue);
    if (st == GOFER_OK && !gf_rd_registered(s, entry->id))
        st = gf_rd_policy_check(s);
    if (st != GOFER_OK)
        return st;
    char host[256];
    host_of(entry, host);
    records r = { 0 };
    gf_rd_registration *reg = new_registration(entry, host);
    st = reg ? encode_records(entry, host, &r) : gf_fail_nomem("a worker's registration");
    if (st == GOFER_OK)
        st = send_records(s, reg, entry, &r);
    clear_records(&r);
    if (st == GOFER_OK)
        remember(s, reg);
    else
        free_registration(reg);
    return st;
}

// ---- deregister ---------------------------------------------------------------------------------

static void add_words(gf_rd_cmd *cmd, const char *key, const char *word, const char *a,
    const char *b)
{
    *cmd = (gf_rd_cmd){ .slot = gf_rd_slot(key, strlen(key)), .repeatable = true };
    gf_rd_add(&cmd->args, word);
    gf_rd_add(&cmd->args, a);
    gf_rd_add(&cmd->args, b);
}

gofer_status gf_rd_worker_deregister(gf_broker *b, const char *id)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    pthread_mutex_lock(&s->lock);
    gf_rd_registration **link = find(s, id), *r = *link;
    if (r)
        *link = r->next;
    bool last = !s->registrations;
    pthread_mutex_unlock(&s->lock);
    if (!r)
        return GOFER_OK;
    if (last)
        gf_rd_election_resign(s);
    enum { COMMANDS = 4 };
    gf_rd_cmd cmds[COMMANDS];
    char mailbox[GF_RD_WORKER_KEYS][GF_RD_MAILBOX];
    gf_rd_mailbox_of(r->id, mailbox);
    add_words(&cmds[0], SERVERS, "ZREM", SERVERS, r->server_key);
    add_words(&cmds[1], WORKERS, "ZREM", WORKERS, r->worker_key);
    add_words(&cmds[2], r->server_key, "DEL", r->server_key, r->worker_key);
    gf_rd_add(&cmds[2].args, r->children_key);
    add_words(&cmds[3], mailbox[0], "DEL", mailbox[0], mailbox[1]);
    st = gf_rd_run(s->net, cmds, COMMANDS, gf_rd_timeout(s));
    for (size_t i = 0; i < COMMANDS; i++)
        gf_rd_cmd_clear(&cmds[i]);
    free_registration(r);                // in any case: what stays in Redis ends by itself
    return st;
}
