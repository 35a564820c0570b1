// client.c - puts tasks into queues: open, enqueue, close.
//
// May touch: message/ (build it) and broker/broker.h (put it). Knows no store and no worker.
// Locks: none of its own; brokers are safe to share.
#include "client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"
#include "util/text.h"

enum {
    DEFAULT_TIMEOUT_MS = 5000,
    DEFAULT_MAX_RETRY = 25,             // Asynq's defaults (wire.md): 25 retries, 30 minutes
    DEFAULT_TASK_TIMEOUT_MS = 30 * 60 * 1000,
    MAX_RETRY_LIMIT = 1000000,
    CHUNK = 256                         // tasks per put: bounds how long the store is held
};
static const int64_t default_max_payload = 16 * 1024 * 1024;
static const int64_t limit_max_payload = 512 * 1024 * 1024;   // below SQLite's and Redis's own

int32_t gofer_version(void)
{
    return GOFER_VERSION_MAJOR * 10000 + GOFER_VERSION_MINOR * 100 + GOFER_VERSION_PATCH;
}


const char *gofer_version_text(void)
{
    // Enumerators cannot be pasted into a string; the build passes the same numbers.
    return GF_VERSION_TEXT;
}

void gofer_client_options_init(gofer_client_options *opts)
{
    *opts = (gofer_client_options){ .size = sizeof *opts };
}

void gofer_enqueue_options_init(gofer_enqueue_options *opts)
{
    *opts = (gofer_enqueue_options){ .size = sizeof *opts };
}

gofer_status gf_read_options(void *out, size_t known, const void *given, const char *what)
{
    memset(out, 0, known);
    if (!given)
        return GOFER_OK;

    size_t size;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size || size > 4096)
        return gf_fail(GOFER_EINVAL, "%s: size is %zu; call its _init function first", what, size);
    for (size_t i = known; i < size; i++)
        if (((const char *)given)[i])
            return gf_fail(GOFER_EUNSUPPORTED,
                "%s: made for a newer gofer than this library (%s)", what, gofer_version_text());
    memcpy(out, given, size < known ? size : known);
    return GOFER_OK;
}

gofer_status gf_client_check(const gofer_client *client, const char *what)
{
    if (!client)
        return gf_fail(GOFER_EINVAL, "%s: the client is NULL", what);
    if (client->pid != getpid())
        return gf_fail(GOFER_EFORKED,
            "%s: the client was opened by process %ld; open a new one after fork", what, (long)client->pid);
    return GOFER_OK;
}

gofer_status gf_client_cannot(const gofer_client *client, const char *what)
{
    return gf_fail(GOFER_EUNSUPPORTED, "%s: the store of '%s' cannot do it", what, client->url.shown);
}

static gofer_status check_client_options(gofer_client_options *opts)
{
    gofer_status st = gf_check_duration("timeout_ms", opts->timeout_ms);
    if (st != GOFER_OK)
        return st;
    if (opts->max_payload < 0 || opts->max_payload > limit_max_payload)
        return gf_fail(GOFER_EINVAL, "max_payload is %lld bytes: it must be from 0 (16 MiB) to %lld",
            (long long)opts->max_payload, (long long)limit_max_payload);
    if (opts->timeout_ms == 0)
        opts->timeout_ms = DEFAULT_TIMEOUT_MS;
    if (opts->max_payload == 0)
        opts->max_payload = default_max_payload;
    return GOFER_OK;
}

gofer_status gofer_client_open(gofer_client **out, const char *url, const gofer_client_options *given)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_open: out is NULL");
    gofer_client_options opts;
    gofer_status st = gf_read_options(&opts, sizeof opts, given, "gofer_client_options");
    if (st == GOFER_OK)
        st = check_client_options(&opts);
    if (st != GOFER_OK)
        return st;

    gofer_client *c = gf_calloc(1, sizeof *c);
    if (!c)
        return gf_fail_nomem("a client");
    c->pid = getpid();
    c->log = (gf_log){ opts.log, opts.log_user };
    c->max_payload = opts.max_payload;

    st = gf_url_parse(&c->url, url);
    if (st == GOFER_OK) {
        gf_broker_config config = { c->log, opts.timeout_ms, opts.max_payload };
        st = gf_broker_open(&c->broker, &c->url, &config);
    }
    if (st != GOFER_OK) {
        gofer_client_close(c);          // takes half-built clients
        return st;
    }
    *out = c;
    return GOFER_OK;
}

void gofer_client_close(gofer_client *client)
{
    if (!client)
        return;
    gf_broker_close(client->broker);
    gf_url_clear(&client->url);
    gf_free(client);
}

gofer_status gofer_client_ping(gofer_client *client)
{
    gofer_status st = gf_client_check(client, "gofer_client_ping");
    return st == GOFER_OK ? client->broker->ops->ping(client->broker) : st;
}

const char *gofer_client_url(const gofer_client *client)
{
    return client ? client->url.shown : "";
}

// ---- enqueue ------------------------------------------------------------------

// One task on its way in: the record and what it owns.
typedef struct draft {
    gf_message message;
    int64_t    run_at_ms;
    char       id[GF_ID_TEXT];   // used when the caller gave none
    char      *headers;          // owned
} draft;

static gofer_status set_times(draft *d, const gofer_enqueue_options *o)
{
    if (o->run_at_ms && o->delay_ms)
        return gf_fail(GOFER_EINVAL, "run_at_ms and delay_ms are both given: choose one");
    gofer_status st = gf_check_time("run_at_ms", o->run_at_ms);
    if (st == GOFER_OK)
        st = gf_check_duration("delay_ms", o->delay_ms);
    if (st == GOFER_OK)
        st = gf_check_time("deadline_ms", o->deadline_ms);
    if (st == GOFER_OK)
        st = gf_check_duration("retention_ms", o->retention_ms);
    if (st == GOFER_OK && o->timeout_ms != GOFER_NO_TIMEOUT)
        st = gf_check_duration("timeout_ms", o->timeout_ms);
    if (st != GOFER_OK)
        return st;

    d->message.enqueued_ms = gf_now_ms();
    d->run_at_ms = o->delay_ms ? d->message.enqueued_ms + o->delay_ms : o->run_at_ms;
    d->message.deadline_ms = o->deadline_ms;
    d->message.retention_ms = o->retention_ms;
    d->message.timeout_ms = o->timeout_ms == GOFER_NO_TIMEOUT ? 0
                          : o->timeout_ms ? o->timeout_ms
                          : o->deadline_ms ? 0 : DEFAULT_TASK_TIMEOUT_MS;
    return GOFER_OK;
}

static gofer_status set_retry(draft *d, const gofer_enqueue_options *o)
{
    if (o->max_retry < GOFER_NO_RETRY || o->max_retry > MAX_RETRY_LIMIT)
        return gf_fail(GOFER_EINVAL, "max_retry is %d: it must be from 1 to %d, 0 (25) or GOFER_NO_RETRY",
            (int)o->max_retry, MAX_RETRY_LIMIT);
    d->message.max_retry = o->max_retry == GOFER_NO_RETRY ? 0 : o->max_retry ? o->max_retry : DEFAULT_MAX_RETRY;
    return GOFER_OK;
}

static gofer_status set_names(draft *d, const char *type, const gofer_enqueue_options *o)
{
    d->message.type = type;
    d->message.queue = o->queue ? o->queue : "default";
    d->message.id = o->task_id;
    gofer_status st = gf_check_name("task type", type);
    if (st == GOFER_OK)
        st = gf_check_queue(d->message.queue);
    if (st == GOFER_OK && o->task_id)
        st = gf_check_name("task id", o->task_id);
    if (st == GOFER_OK && !o->task_id) {
        gf_id_new(d->id);
        d->message.id = d->id;
    }
    return st;
}

static gofer_status make_draft(draft *d, const gofer_client *client, const char *type, const void *payload,
    size_t size, const gofer_enqueue_options *given)
{
    *d = (draft){ .headers = NULL };
    gofer_enqueue_options o;
    gofer_status st = gf_read_options(&o, sizeof o, given, "gofer_enqueue_options");
    if (st == GOFER_OK)
        st = set_names(d, type, &o);
    if (st != GOFER_OK)
        return st;
    if (size && !payload)
        return gf_fail(GOFER_EINVAL, "the payload is NULL but its size is %zu", size);
    if (size > (uint64_t)client->max_payload)
        return gf_fail(GOFER_ETOOBIG, "the payload of '%s' has %zu bytes: the limit is %lld (max_payload)", type,
            size, (long long)client->max_payload);
    d->message.payload = size ? payload : NULL;
    d->message.payload_size = size;
    st = set_times(d, &o);
    if (st == GOFER_OK)
        st = set_retry(d, &o);
    if (st == GOFER_OK)
        st = gf_headers_pack(o.headers, &d->headers, &d->message.headers_size);
    d->message.headers = d->headers;
    return st;
}

gofer_status gofer_client_enqueue(gofer_client *client, const char *type, const void *payload, size_t size,
    const gofer_enqueue_options *opts, char **id_out)
{
    gofer_status st = gf_client_check(client, "gofer_client_enqueue");
    if (st != GOFER_OK)
        return st;

    draft d;
    char *id = NULL;
    st = make_draft(&d, client, type, payload, size, opts);
    if (st == GOFER_OK && id_out && !(id = gf_strdup(d.message.id)))
        st = gf_fail_nomem("a task id");
    if (st == GOFER_OK) {
        gf_put item = { .message = &d.message, .run_at_ms = d.run_at_ms };
        st = client->broker->ops->put(client->broker, &item, 1);
        if (st == GOFER_OK && item.status == GOFER_EEXIST)
            st = gf_fail(GOFER_EEXIST, "the id '%s' is taken by another task in queue '%s'", d.message.id,
                d.message.queue);
        else if (st == GOFER_EUNCERTAIN)
            st = gf_fail_add(st, "task id '%s' (repeat with it)", d.message.id);
    }
    gf_free(d.headers);
    if (st == GOFER_OK && id_out)
        *id_out = id;
    else
        gf_free(id);
    return st;
}

// Puts drafts[0..count) whose statuses are OK so far; the others are skipped.
static void put_chunk(gofer_client *client, draft *drafts, gofer_status *statuses, size_t count)
{
    gf_put items[CHUNK];
    size_t index[CHUNK], n = 0;
    for (size_t i = 0; i < count; i++)
        if (statuses[i] == GOFER_OK) {
            index[n] = i;
            items[n++] = (gf_put){ .message = &drafts[i].message, .run_at_ms = drafts[i].run_at_ms };
        }
    gofer_status st = n ? client->broker->ops->put(client->broker, items, n) : GOFER_OK;
    for (size_t i = 0; i < n; i++)
        statuses[index[i]] = st != GOFER_OK ? st : items[i].status;
}

// The first bad item of a chunk and its words, which the thread's later failures would overwrite.
typedef struct culprit {
    size_t index;
    char   text[512];
} culprit;

static gofer_status first_failure(const gofer_status *statuses, size_t count, size_t offset, const culprit *bad)
{
    for (size_t i = 0; i < count; i++)
        if (statuses[i] == GOFER_EEXIST)
            return gf_fail(GOFER_EEXIST, "task %zu of the batch: its id is taken by another task", offset + i);
        else if (statuses[i] != GOFER_OK && i == bad->index)
            return gf_fail(statuses[i], "task %zu of the batch: %s", offset + i, bad->text);
        else if (statuses[i] != GOFER_OK)
            return statuses[i];         // the store failed as a whole, last of all, and said so
    return GOFER_OK;
}

static gofer_status enqueue_chunk(gofer_client *client, size_t offset, size_t count, const char *const *types,
    const void *const *payloads, const size_t *sizes, const gofer_enqueue_options *const *opts, draft *drafts,
    gofer_status *statuses, char **ids)
{
    culprit draft_failure = { .index = SIZE_MAX };
    for (size_t i = 0; i < count; i++) {
        size_t at = offset + i;
        statuses[i] = make_draft(&drafts[i], client, types[at], payloads ? payloads[at] : NULL,
            sizes ? sizes[at] : 0, opts ? opts[at] : NULL);
        if (statuses[i] == GOFER_OK && ids && !(ids[at] = gf_strdup(drafts[i].message.id)))
            statuses[i] = gf_fail_nomem("a task id");
        if (statuses[i] != GOFER_OK && draft_failure.index == SIZE_MAX) {
            draft_failure.index = i;
            snprintf(draft_failure.text, sizeof draft_failure.text, "%s", gofer_error_last());
        }
    }
    put_chunk(client, drafts, statuses, count);
    for (size_t i = 0; i < count; i++) {
        if (statuses[i] != GOFER_OK && ids) {
            gf_free(ids[offset + i]);
            ids[offset + i] = NULL;
        }
        gf_free(drafts[i].headers);
    }
    return first_failure(statuses, count, offset, &draft_failure);
}

gofer_status gofer_client_enqueue_many(gofer_client *client, size_t count, const char *const *types,
    const void *const *payloads, const size_t *sizes, const gofer_enqueue_options *const *opts,
    gofer_status *statuses, char **ids_out)
{
    gofer_status st = gf_client_check(client, "gofer_client_enqueue_many");
    if (st != GOFER_OK || count == 0)
        return st;
    if (!types)
        return gf_fail(GOFER_EINVAL, "gofer_client_enqueue_many: types is NULL");
    draft *drafts = gf_calloc(count < CHUNK ? count : CHUNK, sizeof *drafts);
    if (!drafts)
        return gf_fail_nomem("a batch of tasks");
    if (ids_out)
        memset(ids_out, 0, count * sizeof *ids_out);

    gofer_status first = GOFER_OK;
    culprit words = { .index = 0 };     // of the first failure: later chunks overwrite the thread's
    for (size_t offset = 0; offset < count; offset += CHUNK) {
        gofer_status some[CHUNK];
        size_t n = count - offset < CHUNK ? count - offset : CHUNK;
        st = enqueue_chunk(client, offset, n, types, payloads, sizes, opts, drafts, some, ids_out);
        if (first == GOFER_OK && st != GOFER_OK) {
            first = st;
            snprintf(words.text, sizeof words.text, "%s", gofer_error_last());
        }
        if (statuses)
            memcpy(statuses + offset, some, n * sizeof *some);
    }
    gf_free(drafts);
    return first == GOFER_OK ? GOFER_OK : gf_fail(first, "%s", words.text);
}
