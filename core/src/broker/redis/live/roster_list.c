// roster_list.c - the workers there are, Go's and ours alike, with what they run.
//
// May touch: net, wire (presence), info/info.h. Reads what roster.c and Go's servers write. A
// record is there while its worker is: Redis ends it. What the sets say of the end goes by other
// people's clocks.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/children.h"
#include "broker/redis/inspect/escape.h"
#include "broker/redis/inspect/sweep.h"
#include "broker/redis/store.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"

enum {
    STALE_S = 3600,                // a listing forgets members that ended so long ago
    LISTED = 500                   // records asked for at a time
};

static const char SERVERS[] = "asynq:servers", WORKERS[] = "asynq:workers";

// ---- one worker ---------------------------------------------------------------------------------

static const char *state_of(const char *status)
{
    if (strcmp(status, "stopped") == 0)
        return "quiet";
    return strcmp(status, "closed") == 0 ? "stopping" : status;
}

static int heaviest_first(const void *a, const void *b)
{
    const gf_wire_weight *x = a, *y = b;
    if (x->priority != y->priority)
        return x->priority < y->priority ? 1 : -1;
    return strcmp(x->queue, y->queue);
}

// "mail=3 low=1": in an order of our own, for Go writes them in a random one. NULL: no memory.
static char *queues_text(const gf_wire_server *server)
{
    size_t size = 1, used = 0, count = server->queue_count;
    gf_wire_weight *queues = gf_alloc((count + 1) * sizeof *queues);
    for (size_t i = 0; queues && i < count; i++) {
        queues[i] = server->queues[i];
        size += strlen(queues[i].queue) + 13;
    }
    char *text = queues ? gf_calloc(1, size) : NULL;
    if (text)
        qsort(queues, count, sizeof *queues, heaviest_first);
    for (size_t i = 0; text && i < count; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s=%d", i ? " " : "", queues[i].queue,
            (int)queues[i].priority);
    gf_free(queues);
    return text;
}

static gofer_info *show_task(const gf_wire_worker *task)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int bad = gf_info_set_text(info, "id", task->task_id) |
        gf_info_set_text(info, "type", task->task_type) |
        gf_info_set_text(info, "queue", task->queue) |
        gf_info_set_bytes(info, "payload", task->payload, task->payload_size) |
        gf_info_set_int(info, "started_at_ms", task->started_ms);
    if (task->deadline_ms > 0)
        bad |= gf_info_set_int(info, "deadline_ms", task->deadline_ms);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

// What a hash of running tasks says; what cannot be read is passed over.
static gofer_info *show_tasks(const redisReply *hvals)
{
    gofer_info *list = gf_info_list();
    int bad = !list;
    size_t count = hvals && hvals->type == REDIS_REPLY_ARRAY ? hvals->elements : 0;
    for (size_t i = 0; i < count && !bad; i++) {
        const redisReply *r = hvals->element[i];
        gf_wire_worker *task = NULL;
        if (r->type != REDIS_REPLY_STRING ||
            gf_wire_worker_decode(r->str, r->len, &task) != GOFER_OK)
            continue;
        bad = gf_info_add(list, show_task(task));
        gf_free(task);
    }
    if (!bad)
        return list;
    gofer_info_free(list);
    return NULL;
}

typedef struct beside { char worker[640], children[640]; } beside;

// What goes with a server's record; keys of another form have nothing.
static bool beside_of(const redisReply *server_key, beside *out)
{
    size_t lead = sizeof SERVERS - 1;
    if (server_key->type != REDIS_REPLY_STRING || server_key->len <= lead ||
        server_key->len + sizeof GF_RD_CHILDREN > sizeof out->children ||
        memcmp(server_key->str, SERVERS, lead) != 0)
        return false;
    const char *rest = server_key->str + lead;
    snprintf(out->worker, sizeof out->worker, "%s%s", WORKERS, rest);
    snprintf(out->children, sizeof out->children, "%s%s", GF_RD_CHILDREN, rest);
    return true;
}

// A worker that is listed, with the keys of what is kept of it.
typedef struct listed {
    const redisReply *key;               // of its record
    beside            names;             // of what goes with it
    const redisReply *record, *children; // texts; NULL: there is none
    gf_wire_server   *server;            // the record, read; owned
    gf_rd_cmd        *tasks;             // what it runs; NULL: nothing
} listed;

// Room for some of them.
typedef struct listing {
    gf_rd_store *store;
    listed      *all;
    size_t       count;
    gf_rd_cmd   *cmds;                   // one for all, or two for each
    gf_rd_cmd   *tasks;
    size_t       asked, tasks_asked;
} listing;

static const redisReply *text_of(const redisReply *r)
{
    return r && r->type == REDIS_REPLY_STRING ? r : NULL;
}

static gofer_info *show_server(const listed *w)
{
    const gf_wire_server *server = w->server;
    bool told = w->tasks && w->tasks->status == GOFER_OK;
    gofer_info *info = gf_info_record(), *tasks = show_tasks(told ? w->tasks->reply : NULL);
    char *queues = queues_text(server);
    int bad = !info || !tasks || !queues;
    if (!bad)
        bad = gf_info_set_text(info, "worker", server->server_id) |
            gf_info_set_text(info, "host", server->host) |
            gf_info_set_int(info, "pid", server->pid) |
            gf_info_set_int(info, "started_at_ms", server->started_ms) |
            gf_info_set_text(info, "state", state_of(server->status)) |
            gf_info_set_int(info, "concurrency", server->concurrency) |
            gf_info_set_int(info, "running", server->active) |
            gf_info_set_text(info, "queues", queues) |
            gf_info_set_bool(info, "strict", server->strict);
    if (!bad && w->children)
        bad = gf_children_show(info, w->children->str, w->children->len);
    gf_free(queues);
    if (!bad) {
        bad = gf_info_set_child(info, "tasks", tasks);
        tasks = NULL;
    }
    gofer_info_free(tasks);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

// Records are asked for by their key alone, not by what the set says of their end: Redis ends them.
static void begin(gf_rd_cmd *cmd, const char *word, const char *key, size_t size)
{
    *cmd = (gf_rd_cmd){ .slot = gf_rd_slot(key, size), .reads = true };
    gf_rd_add(&cmd->args, word);
}

static void forget_asked(listing *l)
{
    for (size_t i = 0; i < l->asked; i++)
        gf_rd_cmd_clear(&l->cmds[i]);
    l->asked = 0;
}

static gofer_status ask_each(listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        const listed *w = &l->all[i];
        begin(&l->cmds[2 * i], "GET", w->key->str, w->key->len);
        gf_rd_add_bytes(&l->cmds[2 * i].args, w->key->str, w->key->len);
        begin(&l->cmds[2 * i + 1], "GET", w->names.children, strlen(w->names.children));
        gf_rd_add(&l->cmds[2 * i + 1].args, w->names.children);
    }
    l->asked = 2 * l->count;
    gofer_status st = gf_rd_run_whole(l->store->net, l->cmds, l->asked, gf_rd_timeout(l->store),
        GOFER_ECORRUPT);
    for (size_t i = 0; i < l->count && st == GOFER_OK; i++) {
        l->all[i].record = text_of(l->cmds[2 * i].reply);
        l->all[i].children = text_of(l->cmds[2 * i + 1].reply);
    }
    return st;
}

// Where all keys are together it is one command, however many workers there are. False: these keys
// are not, behind a proxy.
static bool ask_together(listing *l, gofer_status *st)
{
    gf_rd_cmd *cmd = l->cmds;
    begin(cmd, "MGET", l->all->key->str, l->all->key->len);
    for (size_t i = 0; i < l->count; i++) {
        gf_rd_add_bytes(&cmd->args, l->all[i].key->str, l->all[i].key->len);
        gf_rd_add(&cmd->args, l->all[i].names.children);
    }
    l->asked = 1;
    *st = gf_rd_run_whole(l->store->net, cmd, 1, gf_rd_timeout(l->store), GOFER_OK);
    if (*st != GOFER_OK && gf_rd_is_parted(cmd, 1)) {
        forget_asked(l);
        return false;
    }
    for (size_t i = 0; i < l->count && *st == GOFER_OK; i++) {
        l->all[i].record = gf_rd_reply_at(cmd->reply, 2 * i, REDIS_REPLY_STRING);
        l->all[i].children = gf_rd_reply_at(cmd->reply, 2 * i + 1, REDIS_REPLY_STRING);
    }
    return true;
}

static gofer_status ask_records(listing *l)
{
    gofer_status st = GOFER_OK;
    bool joins = !gf_rd_net_server(l->store->net).is_cluster;
    return joins && ask_together(l, &st) ? st : ask_each(l);
}

// Of those that say that they run something.
static gofer_status ask_tasks(listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        listed *w = &l->all[i];
        if (!w->record ||
            gf_wire_server_decode(w->record->str, w->record->len, &w->server) != GOFER_OK)
            continue;                    // ended meanwhile
        if (w->server->active == 0)
            continue;
        w->tasks = &l->tasks[l->tasks_asked++];
        begin(w->tasks, "HVALS", w->names.worker, strlen(w->names.worker));
        gf_rd_add(&w->tasks->args, w->names.worker);
    }
    return l->tasks_asked ? gf_rd_run_whole(l->store->net, l->tasks, l->tasks_asked,
                                gf_rd_timeout(l->store), GOFER_ECORRUPT)
                          : GOFER_OK;
}

static void listing_clear(listing *l)
{
    forget_asked(l);
    for (size_t i = 0; i < l->tasks_asked; i++)
        gf_rd_cmd_clear(&l->tasks[i]);
    for (size_t i = 0; i < l->count; i++)
        gf_free(l->all[i].server);
    gf_free(l->all);
    gf_free(l->cmds);
    gf_free(l->tasks);
}

// *ended: there are keys in the set whose record is gone.
static gofer_status list_some(gf_rd_store *s, redisReply *const *servers, size_t count,
    gofer_info *list, bool *ended)
{
    listing l = { .store = s, .all = gf_calloc(count, sizeof *l.all),
        .cmds = gf_calloc(2 * count, sizeof *l.cmds), .tasks = gf_calloc(count, sizeof *l.tasks) };
    gofer_status st = l.all && l.cmds && l.tasks ? GOFER_OK : gf_fail_nomem("the list of workers");
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        l.all[l.count].key = servers[i];
        l.count += beside_of(servers[i], &l.all[l.count].names);
    }
    if (st == GOFER_OK && l.count)
        st = ask_records(&l);
    if (st == GOFER_OK)
        st = ask_tasks(&l);
    for (size_t i = 0; i < l.count && st == GOFER_OK; i++) {
        *ended |= !l.all[i].record;
        if (l.all[i].server && gf_info_add(list, show_server(&l.all[i])) != 0)
            st = GOFER_ENOMEM;
    }
    *ended |= l.count < count;
    listing_clear(&l);
    return st;
}

// Asynq's readers delete members whose time is over. So do we, but late: our clock may be wrong.
// That it is refused to a user who may only read does not matter.
static void forget_stale(gf_rd_store *s, const char *set, size_t set_size)
{
    gf_rd_cmd cmd = { .slot = gf_rd_slot(set, set_size), .repeatable = true };
    gf_rd_add(&cmd.args, "ZREMRANGEBYSCORE");
    gf_rd_add(&cmd.args, set);
    gf_rd_add(&cmd.args, "-inf");
    gf_rd_add_int(&cmd.args, gf_now_ms() / 1000 - STALE_S);
    (void)gf_rd_run(s->net, &cmd, 1, gf_rd_timeout(s));
    gf_rd_cmd_clear(&cmd);
}

// The keys of all records, as the set has them.
static gofer_status ask_keys(gf_rd_store *s, redisReply **out)
{
    gf_rd_cmd cmd = { .slot = gf_rd_slot(SERVERS, sizeof SERVERS - 1), .reads = true };
    gf_rd_add(&cmd.args, "ZRANGE");
    gf_rd_add(&cmd.args, SERVERS);
    gf_rd_add(&cmd.args, "0");
    gf_rd_add(&cmd.args, "-1");
    return gf_rd_call(s, &cmd, out);
}

static gofer_status list_all(gf_rd_store *s, const redisReply *keys, gofer_info *list)
{
    bool ended = false;
    size_t count = keys->type == REDIS_REPLY_ARRAY ? keys->elements : 0;
    gofer_status st = GOFER_OK;
    for (size_t at = 0; at < count && st == GOFER_OK; at += LISTED)
        st = list_some(s, keys->element + at, gf_min_size(count - at, LISTED), list, &ended);
    if (st == GOFER_OK && ended) {
        forget_stale(s, SERVERS, sizeof SERVERS - 1);
        forget_stale(s, WORKERS, sizeof WORKERS - 1);
    }
    gf_info_sort(list, "started_at_ms");
    return st;
}

// ---- a page: "asynq:servers:{host:pid:id}", in the order of these -------------------------------

static int compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, gf_min_size(a_size, b_size));
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int by_key(const void *a, const void *b)
{
    const redisReply *x = *(redisReply *const *)a, *y = *(redisReply *const *)b;
    bool x_is = gf_rd_reply_is_text(x), y_is = gf_rd_reply_is_text(y);
    return x_is && y_is ? compare(x->str, x->len, y->str, y->len) : x_is - y_is;
}

// Keys are sorted; what is no text comes first.
static gofer_status first_behind(const redisReply *keys, const char *cursor, size_t *at)
{
    size_t size = 0;
    char *after = cursor ? gf_rd_unescape(cursor, strlen(cursor), &size) : NULL;
    if (cursor && !after)
        return gf_fail(GOFER_EINVAL,
            "'%.40s' is not a cursor of workers: use next_cursor of the page before", cursor);
    for (*at = 0; *at < keys->elements; ++*at) {
        const redisReply *key = keys->element[*at];
        if (gf_rd_reply_is_text(key) &&
            (!after || compare(key->str, key->len, after, size) > 0))
            break;
    }
    gf_free(after);
    return GOFER_OK;
}

static gofer_status set_cursor(gofer_info *list, const redisReply *last)
{
    char *text = gf_alloc(last->len * 3 + 1);
    int bad = !text;
    if (text) {
        gf_rd_escape(text, last->str, last->len);
        bad = gf_info_set_text(list, "next_cursor", text);
    }
    gf_free(text);
    return bad ? gf_fail_nomem("the list of workers") : GOFER_OK;
}

// Those that have ended meanwhile, or whose record cannot be read, leave room for the next.
static gofer_status list_page(gf_rd_store *s, const redisReply *keys, const gf_page *page,
    gofer_info *list)
{
    size_t at = 0, count = keys->type == REDIS_REPLY_ARRAY ? keys->elements : 0;
    bool ended = false;                  // who asks for all tidies up
    if (count > 1)
        qsort(keys->element, count, sizeof *keys->element, by_key);
    gofer_status st = first_behind(keys, page->cursor, &at);
    while (st == GOFER_OK && at < count && gofer_info_count(list) < page->limit) {
        size_t some = gf_min_size(page->limit - gofer_info_count(list), LISTED);
        some = gf_min_size(some, count - at);
        st = list_some(s, keys->element + at, some, list, &ended);
        at += some;
    }
    return st == GOFER_OK && at < count ? set_cursor(list, keys->element[at - 1]) : st;
}

gofer_status gf_rd_workers(gf_broker *b, const gf_page *page, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    redisReply *keys = NULL;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = ask_keys(s, &keys);
    if (st != GOFER_OK)
        return st;
    gofer_info *list = gf_info_list();
    if (!list)
        st = gf_fail_nomem("the list of workers");
    else
        st = page ? list_page(s, keys, page, list) : list_all(s, keys, list);
    gf_rd_reply_free(keys);
    return gf_info_hand_over(st, list, out);
}
