// items.c - tasks on their way from store to store: read whole, stored as they are, deleted.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/inspect/inspect.h"
#include "broker/redis/limit/limit.h"
#include "broker/redis/upkeep/upkeep.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"

static const gf_rd_script export_script = {
    .name = "export",
    .text = gf_rd_lua_export_tasks,
};

enum {
    MESSAGE,
    STAMP,
    STATE,
    SCORE,
    SINCE,
    CRASHES,
    RESULT,
    GROUP,
    LOCK_MS,
    LOCK,
    ATTEMPTS,
    LOG,
    CHECKPOINT,
    RECORD,
    CALLED,
    EXPORT_WORDS
};

static const gf_rd_script import_script = {
    .name = "import",
    .text = gf_rd_lua_import_tasks,
};

static const gf_rd_script drop_script = {
    .name = "drop",
    .allow_oom = true,
    .text = gf_rd_lua_drop_tasks,
};

// ---- export -------------------------------------------------------------------------------------

static int64_t nonnegative(int64_t n)
{
    return n > 0 ? n : 0;
}

static void set_times(gf_item *item, redisReply *const *words, int64_t completed_ms)
{
    int64_t score_s = gf_rd_reply_score(words[SCORE]), since_ns = gf_rd_reply_int(words[SINCE], 0);
    // What is never due, as with a score of inf, is as late as a time can be; never at once.
    int64_t score_ms = !gf_rd_reply_is_text(words[SCORE])
        ? 0
        : (score_s == GF_RD_NEVER ? GF_RD_LAST_S : score_s) * 1000;
    item->message.enqueued_ms = gf_rd_enqueued_ms(words[SINCE], item->message.id);
    item->at_ms = item->state == GF_PENDING ? nonnegative(since_ns / 1000000) : score_ms;
    if (item->state == GF_COMPLETED) {
        item->expires_ms = score_ms;
        item->at_ms =
            completed_ms ? completed_ms : nonnegative(score_ms - item->message.retention_ms);
    }
}

// The result and the group stand behind the decoded message, in memory of their own.
static gofer_status copy_rest(gf_item *item, redisReply *const *words)
{
    size_t result = gf_rd_reply_is_text(words[RESULT]) ? (size_t)words[RESULT]->len : 0;
    size_t group = gf_rd_reply_is_text(words[GROUP]) ? (size_t)words[GROUP]->len : 0;
    if (!gf_rd_reply_is_text(words[RESULT]) && !group)
        return GOFER_OK;
    char *memory = gf_calloc(1, result + group + 2);
    if (!memory)
        return gf_fail_nomem("a task to be moved");
    item->memory[1] = memory;
    if (result)
        memcpy(memory, words[RESULT]->str, result);
    if (group)
        memcpy(memory + result + 1, words[GROUP]->str, group);
    item->result = gf_rd_reply_is_text(words[RESULT]) ? memory : NULL;
    item->result_size = result;
    item->group = group ? memory + result + 1 : NULL;
    return GOFER_OK;
}

// A piece of the reply in memory of ours, with a NUL behind it; NULL: none.
static char *piece(char **at, const redisReply *r)
{
    char *copy = *at;
    if (!gf_rd_reply_is_text(r) || r->len == 0)
        return NULL;
    memcpy(copy, r->str, (size_t)r->len);
    *at += r->len + 1;
    return copy;
}

// The record's name, and "<Unix ms of the first call> <id>": of another task's it is not.
static void copy_debounce(gf_item *item, const char *queue, const char *record, const char *called)
{
    gf_rd_key front;
    gf_rd_key_of(&front, queue, "gofer:key:");
    size_t size = strlen(front.text);
    const char *id = called ? strchr(called, ' ') : NULL;
    if (!record || !id || strcmp(id + 1, item->message.id) != 0 || strlen(record) < size + 3)
        return;
    item->debounced = record + size;
    item->first_ms = nonnegative(strtoll(called, NULL, 10));
}

// The lock's name, if it is one of the caller's, and what gofer keeps beside the message.
static gofer_status copy_task_data(gf_item *item, const char *queue, redisReply *const *words)
{
    static const char front[] = "unique:gofer:";
    gf_rd_key prefix;
    size_t size = 1;
    for (int i = LOCK; i < EXPORT_WORDS; i++)
        size += gf_rd_reply_is_text(words[i]) ? (size_t)words[i]->len + 1 : 0;
    if (size == 1)
        return GOFER_OK;
    char *memory = gf_calloc(1, size), *at = memory;
    if (!memory)
        return gf_fail_nomem("a task to be moved");
    item->memory[2] = memory;
    gf_rd_key_of(&prefix, queue, front);
    const char *lock = piece(&at, words[LOCK]);
    if (lock && item->unique_ms && strncmp(lock, prefix.text, strlen(prefix.text)) == 0)
        item->unique_key = lock + strlen(prefix.text);
    item->attempts = piece(&at, words[ATTEMPTS]);
    item->log = piece(&at, words[LOG]);
    item->checkpoint = piece(&at, words[CHECKPOINT]);
    item->checkpoint_size = item->checkpoint ? (size_t)words[CHECKPOINT]->len : 0;
    copy_debounce(item, queue, piece(&at, words[RECORD]), piece(&at, words[CALLED]));
    return GOFER_OK;
}

static gofer_status export_one(const char *queue, const char *id, const redisReply *reply,
    gf_item *item)
{
    if (gf_rd_reply_at(reply, MESSAGE, REDIS_REPLY_INTEGER))
        return GOFER_ETOOBIG;
    if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != EXPORT_WORDS ||
        !gf_rd_reply_is_text(reply->element[MESSAGE]))
        return GOFER_ENOTFOUND;
    redisReply *const *words = reply->element;
    void *memory;
    gofer_status st =
        gf_wire_task_decode(words[MESSAGE]->str, (size_t)words[MESSAGE]->len, 0, &memory);
    if (st != GOFER_OK)
        return st;
    const gf_wire_task *task = memory;
    item->memory[0] = memory;
    item->message = task->message;
    item->message.queue = queue;             // the caller's, for as long as the item is used
    if (strcmp(task->message.id, id) != 0 ||
        !gf_state_parse(gf_rd_reply_is_text(words[STATE]) ? words[STATE]->str : "", &item->state))
        return GOFER_ECORRUPT;
    // Of a group and not in it: it is being aggregated, and the set's end is near.
    if (item->state == GF_ACTIVE ||
        (item->state == GF_AGGREGATING && !gf_rd_reply_is_text(words[SCORE])))
        return GOFER_ESTATE;
    gf_blame blame = gf_rd_blame(words[CRASHES]);
    item->message.crashes = blame.crashes;
    item->message.suspect = blame.suspect;
    item->unique_ms = nonnegative(gf_rd_reply_int(words[LOCK_MS], 0));
    snprintf(item->stamp, sizeof item->stamp, "%s",
        gf_rd_reply_is_text(words[STAMP]) ? words[STAMP]->str : "");
    set_times(item, words, task->completed_ms);
    gofer_status copied = copy_task_data(item, queue, words);
    return copied == GOFER_OK ? copy_rest(item, words) : copied;
}

// As many of the first as there is room for: *got.
static gofer_status export_some(gf_rd_store *s, const char *queue, const char *const *ids,
    size_t count, gf_item *items, size_t *got)
{
    gf_rd_key prefix;
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_key_of(&prefix, queue, "t:");
    gf_rd_script_begin(&cmd, &export_script, queue, true);
    cmd.reads = true;
    gf_rd_add(&cmd.args, prefix.text);
    gf_rd_add_int(&cmd.args, GF_PIECE_BYTES);
    gf_rd_add_int(&cmd.args, GF_RD_MESSAGE_MAX);
    for (size_t i = 0; i < count; i++)
        gf_rd_add(&cmd.args, ids[i]);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    size_t came = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    *got = came < count ? came : count;
    if (*got == 0)
        st = gf_fail(GOFER_EBROKER, "the export of tasks was answered with something else");
    for (size_t i = 0; i < *got && st == GOFER_OK; i++) {
        gf_item_clear(&items[i]);
        items[i].status =
            export_one(queue, ids[i], gf_rd_reply_at(reply, i, REDIS_REPLY_ARRAY), &items[i]);
        if (items[i].status == GOFER_ENOMEM)
            st = GOFER_ENOMEM;
    }
    gf_rd_reply_free(reply);
    return st;
}

gofer_status gf_rd_export(gf_broker *b, const char *queue, const char *const *ids, size_t count,
    gf_item *items)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    for (size_t at = 0, got = 0; at < count && st == GOFER_OK; at += got)
        st = export_some(s, queue, ids + at, count - at, items + at, &got);
    return st;
}

// ---- the keys of import and drop ----------------------------------------------------------------

// Names of hashes, one after the other; gf_free.
static char *hash_keys(const char *queue, const gf_item *items, size_t count)
{
    gf_rd_key prefix;
    gf_rd_key_of(&prefix, queue, "t:");
    size_t front = strlen(prefix.text), size = 1;
    for (size_t i = 0; i < count; i++)
        size += front + strlen(items[i].message.id) + 1;
    char *keys = gf_alloc(size), *to = keys;
    for (size_t i = 0; i < count && keys; i++) {
        size_t back = strlen(items[i].message.id) + 1;
        memcpy(to, prefix.text, front);
        memcpy(to + front, items[i].message.id, back);
        to += front + back;
    }
    if (!keys)
        gf_fail_nomem("names of keys");
    return keys;
}

enum { KEYS_MAX = 0 GF_RD_KEYS_DROP_TASKS(GF_RD_ONE) };
_Static_assert(KEYS_MAX >= 0 GF_RD_KEYS_IMPORT_TASKS(GF_RD_ONE), "room for the keys of both");

// A script on many tasks of a queue, and the keys of the queue that it is given.
typedef struct script_on_tasks {
    const gf_rd_script *script;
    const char *const  *rests;
    size_t              rest_count;
} script_on_tasks;

// Keys of the queue, then the hashes. Behind them in `keys`: the tasks' prefix.
static void begin(gf_rd_cmd *cmd, gf_rd_key keys[KEYS_MAX + 1], const script_on_tasks *what,
    const char *queue, const char *hashes, size_t count)
{
    gf_rd_script_begin(cmd, what->script, queue, true);
    gf_rd_add_keys(cmd, keys, queue, what->rests, what->rest_count);
    for (size_t i = 0; i < count; i++, hashes += strlen(hashes) + 1)
        gf_rd_add(&cmd->args, hashes);
    cmd->key_count = (int32_t)(what->rest_count + count);
    gf_rd_key_of(&keys[KEYS_MAX], queue, "t:");
}

// ---- import -------------------------------------------------------------------------------------

typedef struct form {
    gf_bytes message;
    char    *lock, *limit, *record;        // NULL: none
    char     blame[GF_RD_BLAME_TEXT], lane[GF_RD_LANE_TEXT];
} form;

static void form_clear(form *f)
{
    gf_bytes_clear(&f->message);
    gf_free(f->lock);
    gf_free(f->limit);
    gf_free(f->record);
}

static gofer_status encode_record(const char *queue, const char *debounced, char **out)
{
    gf_rd_key key;
    char rest[sizeof "gofer:key:k:" + GF_NAME_MAX];
    snprintf(rest, sizeof rest, "gofer:key:%s", debounced);
    gf_rd_key_of(&key, queue, rest);
    *out = gf_strdup(key.text);
    return *out ? GOFER_OK : gf_fail_nomem("a key");
}

static gofer_status encode(gf_rd_store *s, const char *queue, const gf_item *item, form *out)
{
    const gf_blame blame = { .crashes = item->message.crashes, .suspect = item->message.suspect };
    gf_rd_blame_text(&blame, out->blame);
    gf_rd_lane_of(&item->message, out->lane);
    gf_message m = item->message;
    m.queue = queue;
    gofer_status st = gf_rd_limit_of(&item->message, &out->limit);
    if (st != GOFER_OK)
        return st;
    if (item->unique_ms && item->unique_key)
        st = gf_rd_named_lock(queue, item->unique_key, &out->lock);
    else if (item->unique_ms)
        st =
            gf_rd_lock_of(s, queue, m.type, m.payload ? m.payload : "", m.payload_size, &out->lock);
    if (st == GOFER_OK && item->debounced)
        st = encode_record(queue, item->debounced, &out->record);
    if (st == GOFER_OK)
        st = gf_wire_task_encode(&m, out->lock, item->group, &out->message);
    if (st != GOFER_OK || item->state != GF_COMPLETED)
        return st;
    gf_wire_change change = { .completed_ms = item->at_ms };
    gf_bytes changed;
    st = gf_wire_task_change(out->message.bytes, out->message.size, &change, &changed);
    if (st != GOFER_OK)
        return st;
    gf_bytes_clear(&out->message);
    out->message = changed;
    return GOFER_OK;
}

// Whole seconds; what shall happen then never happens early.
static int64_t score_of(const gf_item *item)
{
    bool is_note = item->state == GF_ARCHIVED || item->state == GF_AGGREGATING;
    int64_t ms = item->state == GF_COMPLETED ? item->expires_ms : item->at_ms;
    return ms / 1000 + (!is_note && ms % 1000 > 0);
}

#define IMPORT(NAME, name) IMPORT_##NAME,

// since: zeroed, in use until the call is over.
static void add_item(gf_rd_args *a, const gf_item *item, const form *f, char since[32])
{
    if (item->state == GF_PENDING && item->at_ms)
        snprintf(since, 32, "%lld000000", (long long)item->at_ms);
    enum { GF_RD_EACH_IMPORT_TASKS(IMPORT) COUNT };
    const gf_rd_arg words[COUNT] = {
        [IMPORT_MESSAGE] = gf_rd_arg_bytes(f->message.bytes, f->message.size),
        [IMPORT_STATE] = gf_rd_arg_text(gf_state_name(item->state)),
        [IMPORT_SCORE] = gf_rd_arg_int(score_of(item)),
        [IMPORT_SINCE] = gf_rd_arg_text(since),
        [IMPORT_CRASHES] = gf_rd_arg_text(f->blame),
        [IMPORT_HAS_RESULT] = gf_rd_arg_text(item->result ? "r" : ""),
        [IMPORT_RESULT] = gf_rd_arg_bytes(item->result, item->result_size),
        [IMPORT_GROUP] = gf_rd_arg_text(item->group),
        [IMPORT_LOCK] = gf_rd_arg_text(f->lock),
        [IMPORT_LOCK_MS] = gf_rd_arg_int(f->lock ? item->unique_ms : 0),
        [IMPORT_HISTORY] = gf_rd_arg_text(item->attempts),
        [IMPORT_LOG] = gf_rd_arg_text(item->log),
        [IMPORT_CHECKPOINT] = gf_rd_arg_bytes(item->checkpoint, item->checkpoint_size),
        [IMPORT_LANE] = gf_rd_arg_text(f->lane),
        [IMPORT_LIMIT] = gf_rd_arg_text(f->limit),
        [IMPORT_RECORD] = gf_rd_arg_text(f->record),
        [IMPORT_FIRST] = gf_rd_arg_int(item->first_ms),
    };
    gf_rd_add_all(a, words, COUNT);
}

// What stands there under the id: the same task, or another.
static gofer_status compare(const char *queue, const redisReply *there, gf_item *item)
{
    void *memory;
    gf_message ours = item->message;
    gofer_status st = gf_rd_reply_is_text(there)
        ? gf_wire_task_decode(there->str, (size_t)there->len, 0, &memory)
        : GOFER_ECORRUPT;
    if (st != GOFER_OK)
        return st == GOFER_ENOMEM ? st : GOFER_EEXIST;
    gf_message stored = ((const gf_wire_task *)memory)->message;
    stored.queue = ours.queue = queue;
    item->repeated = gf_message_same(&stored, &ours);
    gf_free(memory);
    return item->repeated ? GOFER_OK : GOFER_EEXIST;
}

static void read_imported(const char *queue, const redisReply *reply, gf_item *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const redisReply *r =
            reply->type == REDIS_REPLY_ARRAY && i < reply->elements ? reply->element[i] : NULL;
        items[i].repeated = false;
        items[i].status =
            r && r->type == REDIS_REPLY_INTEGER ? GOFER_OK : compare(queue, r, &items[i]);
    }
}

static size_t item_bytes(const gf_item *item)
{
    return item->message.payload_size + item->message.headers_size + item->result_size +
        item->checkpoint_size;
}

// Could it be read back?
static bool fits(const gf_item *item)
{
    enum { WORDS_MAX = 8192 };     // what a message has beside payload and headers
    return item->message.payload_size + item->message.headers_size + WORDS_MAX <=
        GF_RD_MESSAGE_MAX &&
        item->result_size <= GF_RD_MESSAGE_MAX;
}

// As many of the first, which fits, as go into one call: *done.
static gofer_status import_some(gf_rd_store *s, const char *queue, gf_item *items, size_t count,
    size_t *done)
{
    static const char *const rests[] = { GF_RD_KEYS_IMPORT_TASKS(GF_RD_REST) };
    static const script_on_tasks import = { &import_script, rests, COUNT_OF(rests) };
    gf_rd_key keys[KEYS_MAX + 1], limits;
    gf_rd_cmd cmd;
    redisReply *reply;
    size_t bytes = item_bytes(&items[0]), some = 1;
    while (some < count && bytes < GF_PIECE_BYTES && fits(&items[some]))
        bytes += item_bytes(&items[some++]);
    *done = count = some;
    char *hashes = hash_keys(queue, items, count), (*since)[32] = gf_calloc(count, sizeof *since);
    form *forms = gf_calloc(count, sizeof *forms);
    gofer_status st = hashes && since && forms ? GOFER_OK : gf_fail_nomem("tasks to be moved");
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = encode(s, queue, &items[i], &forms[i]);
    if (st == GOFER_OK) {
        enum { GF_RD_ARGS_IMPORT_TASKS(GF_RD_ARG) COUNT };
        begin(&cmd, keys, &import, queue, hashes, count);
        gf_rd_limits_key(s, queue, &limits);
        const gf_rd_arg words[COUNT] = {
            [PREFIX] = gf_rd_arg_text(keys[KEYS_MAX].text),
            [LIMITS] = gf_rd_arg_text(limits.text),
        };
        gf_rd_add_all(&cmd.args, words, COUNT);
        cmd.counts = true;
        for (size_t i = 0; i < count; i++)
            add_item(&cmd.args, &items[i], &forms[i], since[i]);
        st = gf_rd_call(s, &cmd, &reply);
    }
    if (st == GOFER_OK) {
        read_imported(queue, reply, items, count);
        gf_rd_reply_free(reply);
    }
    for (size_t i = 0; i < count && forms; i++)
        form_clear(&forms[i]);
    gf_free(forms);
    gf_free(since);
    gf_free(hashes);
    return st;
}

gofer_status gf_rd_import(gf_broker *b, const char *queue, gf_item *items, size_t count)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK && count)
        st = gf_rd_queue_add(s, queue);
    for (size_t at = 0, done = 1; at < count && st == GOFER_OK; at += done) {
        done = 1;
        if (fits(&items[at]))
            st = import_some(s, queue, items + at, count - at, &done);
        else
            items[at].status = GOFER_ETOOBIG;
    }
    return st;
}

// ---- drop ---------------------------------------------------------------------------------------

gofer_status gf_rd_drop(gf_broker *b, const char *queue, gf_item *items, size_t count)
{
    static const char *const rests[] = { GF_RD_KEYS_DROP_TASKS(GF_RD_REST) };
    static const script_on_tasks drop = { &drop_script, rests, COUNT_OF(rests) };
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_key keys[KEYS_MAX + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK || count == 0)
        return st;
    char *hashes = hash_keys(queue, items, count);
    if (!hashes)
        return GOFER_ENOMEM;
    begin(&cmd, keys, &drop, queue, hashes, count);
    enum { GF_RD_ARGS_DROP_TASKS(GF_RD_ARG) COUNT };
    const gf_rd_arg words[COUNT] = { [PREFIX] = gf_rd_arg_text(keys[KEYS_MAX].text) };
    gf_rd_add_all(&cmd.args, words, COUNT);
    enum { GF_RD_EACH_DROP_TASKS(GF_RD_ARG) EACH_COUNT };
    for (size_t i = 0; i < count; i++) {
        const gf_rd_arg each[EACH_COUNT] = { [SHA1] = gf_rd_arg_text(items[i].stamp) };
        gf_rd_add_all(&cmd.args, each, EACH_COUNT);
    }
    st = gf_rd_call(s, &cmd, &reply);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        items[i].status = gf_rd_reply_int(gf_rd_reply_at(reply, i, REDIS_REPLY_INTEGER), 0) == 1
            ? GOFER_OK
            : GOFER_ESTATE;
    if (st == GOFER_OK)
        gf_rd_reply_free(reply);
    gf_free(hashes);
    return st;
}
