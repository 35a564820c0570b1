// enqueue.c - puts tasks into queues.
//
// May touch: message/ (build it, check its retry policy), broker/broker.h (put it),
// client/events.h (tell of it). Knows no store. Locks: none of its own; brokers are safe to share.
#include "client/enqueue.h"

#include <stdio.h>
#include <string.h>

#include "client/admit.h"
#include "client/envelope.h"
#include "client/events.h"
#include "message/carry.h"
#include "message/limit_keys.h"
#include "message/options.h"
#include "message/retry_policy.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"
#include "util/webhook.h"

enum {
    DEFAULT_MAX_RETRY = 25,             // Asynq's defaults (wire.md): 25 retries, 30 minutes
    DEFAULT_TASK_TIMEOUT_MS = 30 * 60 * 1000,
    MAX_RETRY_LIMIT = 1000000,
    CHUNK = 256,                        // tasks per put: bounds how long the store is held
    HOLDER = GF_ID_MAX + 1
};


void gofer_enqueue_options_init(gofer_enqueue_options *opts)
{
    *opts = (gofer_enqueue_options){ .size = sizeof *opts };
}

// ---- the options, one noun after the other ---------------------------------------------

// What is said from now on is from the store's now.
static gofer_status set_times(gf_draft *d, const gofer_client *client,
    const gofer_enqueue_options *o)
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

    bool is_relative = o->delay_ms > 0 || o->expires_ms > 0 || o->debounce_ms > 0;
    d->message.enqueued_ms =
        is_relative && client && client->broker ? gf_broker_now_ms(client->broker) : gf_now_ms();
    d->run_at_ms = o->delay_ms ? d->message.enqueued_ms + o->delay_ms : o->run_at_ms;
    d->message.deadline_ms = o->deadline_ms;
    d->message.retention_ms = o->retention_ms;
    d->message.timeout_ms = o->timeout_ms == GOFER_NO_TIMEOUT ? 0
                          : o->timeout_ms ? o->timeout_ms
                          : o->deadline_ms ? 0 : DEFAULT_TASK_TIMEOUT_MS;
    return GOFER_OK;
}

static gofer_status set_expiry(const gf_draft *d, const gofer_enqueue_options *o,
    gf_task_options *own)
{
    if (o->expires_at_ms && o->expires_ms)
        return gf_fail(GOFER_EINVAL, "expires_at_ms and expires_ms are both given: choose one");
    gofer_status st = gf_check_time("expires_at_ms", o->expires_at_ms);
    if (st == GOFER_OK)
        st = gf_check_duration("expires_ms", o->expires_ms);
    if (st != GOFER_OK)
        return st;
    own->start_by_ms = o->expires_ms ? d->message.enqueued_ms + o->expires_ms : o->expires_at_ms;
    // A debounced task is due then at the latest, as far as this call has a say.
    int64_t run_at_ms = o->debounce_ms > 0 ? d->message.enqueued_ms + o->debounce_ms : d->run_at_ms;
    if (own->start_by_ms && own->start_by_ms <= run_at_ms)
        return gf_fail(GOFER_EINVAL, "%s is not after %s: the task would expire before it may run",
            o->expires_ms ? "expires_ms" : "expires_at_ms",
            o->debounce_ms ? "debounce_ms" : o->delay_ms ? "delay_ms" : "run_at_ms");
    return GOFER_OK;
}

static gofer_status set_max_retry(gf_draft *d, const gofer_enqueue_options *o)
{
    if (o->max_retry < GOFER_NO_RETRY || o->max_retry > MAX_RETRY_LIMIT)
        return gf_fail(GOFER_EINVAL,
            "max_retry is %d: it must be from 1 to %d, 0 (25) or GOFER_NO_RETRY", (int)o->max_retry,
            MAX_RETRY_LIMIT);
    d->message.max_retry = o->max_retry == GOFER_NO_RETRY ? 0
        : o->max_retry                                    ? o->max_retry
                                                          : DEFAULT_MAX_RETRY;
    return GOFER_OK;
}

// What follows on an end: the type of a task and perhaps its queue, or a webhook.
static gofer_status check_follower(const char *what, const char *type, const char *queue)
{
    if (!type && !queue)
        return GOFER_OK;
    if (!type)
        return gf_fail(GOFER_EINVAL,
            "%s_queue is given without %s, the type of the task to put there", what, what);
    bool is_hook = gf_webhook_is(type);
    const char *wrong = is_hook ? gf_webhook_wrong(strchr(type, ':') + 1) : NULL;
    if (wrong)                     // the URL may hold what is secret
        return gf_fail(GOFER_EINVAL, "%s: the URL of its webhook: %s", what, wrong);
    if (is_hook && queue)
        return gf_fail(GOFER_EINVAL, "%s_queue is given with a webhook, whose queue is "
            GF_WEBHOOK_QUEUE, what);
    gofer_status st = is_hook ? GOFER_OK : gf_check_name(what, type);
    return st == GOFER_OK && queue ? gf_check_queue(queue) : st;
}

static gofer_status set_policies(const gofer_enqueue_options *o, gf_task_options *own)
{
    gf_policy policy;
    gofer_status st = o->retry ? gf_policy_parse(o->retry, &policy) : GOFER_OK;
    own->retry = o->retry;
    if (st == GOFER_OK)
        st = check_follower("on_dead", o->on_dead, o->on_dead_queue);
    if (st == GOFER_OK)
        st = check_follower("on_done", o->on_done, o->on_done_queue);
    own->on_dead = o->on_dead;
    own->on_dead_queue = o->on_dead_queue;
    own->on_done = o->on_done;
    own->on_done_queue = o->on_done_queue;
    return st;
}

static gofer_status set_unique(gf_draft *d, const gofer_enqueue_options *o,
    gf_task_options *own)
{
    static const char *const lives[] = { NULL, "start", "ttl" };
    gofer_status st = gf_check_duration("unique_ms", o->unique_ms);
    if (st == GOFER_OK && o->unique_key)
        st = gf_check_name("unique_key", o->unique_key);
    if (st != GOFER_OK)
        return st;
    if (o->unique_until < GOFER_UNTIL_DONE || o->unique_until > GOFER_UNTIL_TTL)
        return gf_fail(GOFER_EINVAL, "unique_until is %d: it must be a GOFER_UNTIL_ value",
            (int)o->unique_until);
    if (o->unique_conflict < GOFER_CONFLICT_REFUSE || o->unique_conflict > GOFER_CONFLICT_RETURN)
        return gf_fail(GOFER_EINVAL, "unique_conflict is %d: it must be a GOFER_CONFLICT_ value",
            (int)o->unique_conflict);
    if (o->unique_ms == 0 && (o->unique_key || o->unique_until || o->unique_conflict))
        return gf_fail(GOFER_EINVAL, "%s is given without unique_ms, which says for how long",
            o->unique_key ? "unique_key" : o->unique_until ? "unique_until" : "unique_conflict");
    d->unique_ms = o->unique_ms;
    d->unique_key = o->unique_key;
    d->unique_life = (gf_unique_life)o->unique_until;
    d->returns_holder = o->unique_conflict == GOFER_CONFLICT_RETURN;
    own->unique = lives[o->unique_until];
    return GOFER_OK;
}

static gofer_status check_debounce(const gofer_enqueue_options *o)
{
    gofer_status st = gf_check_duration("debounce_ms", o->debounce_ms);
    if (st == GOFER_OK)
        st = gf_check_duration("max_wait_ms", o->max_wait_ms);
    if (st == GOFER_OK && o->debounce_key)
        st = gf_check_name("debounce_key", o->debounce_key);
    if (st != GOFER_OK)
        return st;
    if (o->debounce_mode < GOFER_DEBOUNCE_REPLACE || o->debounce_mode > GOFER_DEBOUNCE_EARLIEST)
        return gf_fail(GOFER_EINVAL, "debounce_mode is %d: it must be a GOFER_DEBOUNCE_ value",
            (int)o->debounce_mode);
    if (!o->debounce_ms && (o->debounce_key || o->max_wait_ms || o->debounce_mode))
        return gf_fail(GOFER_EINVAL, "%s is given without debounce_ms, the time without calls",
            o->debounce_key ? "debounce_key" : o->max_wait_ms ? "max_wait_ms" : "debounce_mode");
    if (o->max_wait_ms && o->max_wait_ms < o->debounce_ms)
        return gf_fail(GOFER_EINVAL,
            "max_wait_ms is below debounce_ms: no call could be waited for");
    return GOFER_OK;
}

// What decides by itself where a task goes or whether it is one more.
static const char *goes_not_with(const gofer_enqueue_options *o)
{
    bool debounced = o->debounce_ms != 0;
    return o->unique_ms                                        ? "unique_ms"
        : o->group                                             ? "group"
        : debounced && o->replace                              ? "replace"
        : debounced && o->run_at_ms                            ? "run_at_ms"
        : debounced && o->delay_ms                             ? "delay_ms"
        : o->debounce_mode != GOFER_DEBOUNCE_KEEP              ? NULL
        : o->expires_ms                                        ? "expires_ms"
        : o->expires_at_ms                                     ? "expires_at_ms"
                                                               : NULL;
}

static gofer_status set_debounce(gf_draft *d, const gofer_enqueue_options *o)
{
    gofer_status st = check_debounce(o);
    if (st != GOFER_OK)
        return st;
    if (o->replace < 0 || o->replace > 1)
        return gf_fail(GOFER_EINVAL, "replace is %d: it must be 0 or 1", (int)o->replace);
    if (o->replace && !o->task_id)
        return gf_fail(GOFER_EINVAL, "replace is given without task_id, which says what");
    const char *other = o->debounce_ms || o->replace ? goes_not_with(o) : NULL;
    if (other)
        return gf_fail(GOFER_EINVAL, "%s and %s are both given: choose one",
            o->debounce_ms ? "debounce_ms" : "replace", other);
    d->debounce = (gf_debounce){ .key = o->debounce_key,
        .delay_ms = o->debounce_ms,
        .max_wait_ms = o->max_wait_ms,
        .mode = o->debounce_mode };
    d->replaces = o->replace != 0;
    return GOFER_OK;
}

// With a time to run later the group stays unused, as in Asynq: scheduled wins, and
// the task runs alone.
static gofer_status set_group(gf_draft *d, const gofer_client *client,
    const gofer_enqueue_options *o)
{
    gofer_status st = o->group ? gf_check_name("group", o->group) : GOFER_OK;
    if (st == GOFER_OK && o->group && !client->broker->ops->groups)
        return gf_fail(GOFER_EUNSUPPORTED, "group: the store '%s' has no groups",
            client->url.scheme);
    d->group = o->group;
    return st;
}

static gofer_status set_names(gf_draft *d, const char *type, const gofer_enqueue_options *o)
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

static gofer_status set_payload(gf_draft *d, const gofer_client *client, const void *payload,
    size_t size)
{
    if (size && !payload)
        return gf_fail(GOFER_EINVAL, "the payload is NULL but its size is %zu", size);
    if (size > (uint64_t)client->max_payload)
        return gf_fail(GOFER_ETOOBIG,
            "the payload of '%s' has %zu bytes: the limit is %lld (max_payload)", d->message.type,
            size, (long long)client->max_payload);
    d->message.payload = size ? payload : NULL;
    d->message.payload_size = size;
    return GOFER_OK;
}

static gofer_status set_priority(const gofer_enqueue_options *o, gf_task_options *own)
{
    if (o->priority < -GOFER_PRIORITY_MAX || o->priority > GOFER_PRIORITY_MAX)
        return gf_fail(GOFER_EINVAL, "priority is %d: it must be from %d to %d", (int)o->priority,
            -GOFER_PRIORITY_MAX, GOFER_PRIORITY_MAX);
    own->priority = o->priority;
    return GOFER_OK;
}

static gofer_status set_tenant(const gofer_client *client, const gofer_enqueue_options *o,
    gf_task_options *own)
{
    if (!o->tenant)
        return GOFER_OK;
    gofer_status st = gf_check_name("tenant", o->tenant);
    if (st == GOFER_OK && client && client->broker && !client->broker->ops->tenants)
        st = gf_fail(GOFER_EUNSUPPORTED, "tenant: the store '%s' has no fair lines",
            client->url.scheme);
    own->tenant = o->tenant;
    return st;
}

// *keys: as they go into a header, gf_free.
static gofer_status set_limits(const gofer_client *client, const gofer_enqueue_options *o,
    gf_task_options *own, char **keys)
{
    gofer_status st = gf_limit_keys_pack(o->limits, keys);
    if (st != GOFER_OK)
        return st;
    if (o->limit_cost < 0 || o->limit_cost > GOFER_LIMIT_COST_MAX)
        return gf_fail(GOFER_EINVAL, "limit_cost is %lld: it must be from 1 to %d, or 0 (1)",
            (long long)o->limit_cost, GOFER_LIMIT_COST_MAX);
    if (o->limit_cost && !*keys)
        return gf_fail(GOFER_EINVAL,
            "limit_cost is given without limits, the keys whose rates it is taken of");
    if (*keys && client && client->broker && !client->broker->ops->limits)
        return gf_fail(GOFER_EUNSUPPORTED, "limits: the store '%s' has none", client->url.scheme);
    own->limits = *keys;
    own->cost = o->limit_cost > 1 ? o->limit_cost : 0;
    return GOFER_OK;
}

// *key: as it goes into a header, gf_free.
static gofer_status set_ordered(const gofer_client *client, const gofer_enqueue_options *o,
    gf_task_options *own, char **key)
{
    gofer_status st = gf_ordered_pack(o->ordered, key);
    if (st != GOFER_OK)
        return st;
    if (o->ordered_dead < GOFER_ORDERED_CONTINUE || o->ordered_dead > GOFER_ORDERED_BLOCK)
        return gf_fail(GOFER_EINVAL, "ordered_dead is %d: it must be a GOFER_ORDERED_ value",
            (int)o->ordered_dead);
    if (o->ordered_dead && !*key)
        return gf_fail(GOFER_EINVAL, "ordered_dead is given without ordered, the key");
    if (*key && client && client->broker &&
        !(client->broker->ops->limits && client->broker->ops->limits->orders))
        return gf_fail(GOFER_EUNSUPPORTED,
            "ordered: the store '%s' cannot run tasks one after the other", client->url.scheme);
    own->ordered = *key;
    own->ordered_dead = o->ordered_dead == GOFER_ORDERED_BLOCK ? "block" : NULL;
    return GOFER_OK;
}

// Most tasks use none of gofer's own options, and shall not pay for them.
static bool is_plain(const gofer_enqueue_options *o)
{
    bool numbers = (o->unique_ms | o->unique_until | o->unique_conflict | o->expires_at_ms |
                       o->expires_ms | o->priority | o->limit_cost | o->ordered_dead |
                       o->debounce_ms | o->max_wait_ms | o->debounce_mode | o->replace) != 0;
    return !numbers && !o->unique_key && !o->group && !o->retry && !o->on_dead &&
        !o->on_dead_queue && !o->on_done && !o->on_done_queue && !o->limits && !o->ordered &&
        !o->debounce_key && !o->tenant;
}

static gofer_status set_own(gf_draft *d, const gofer_client *client, const gofer_enqueue_options *o)
{
    gf_task_options own = { 0 };
    char *keys = NULL, *ordered = NULL;
    gofer_status st = set_debounce(d, o);
    if (st == GOFER_OK)
        st = set_expiry(d, o, &own);
    if (st == GOFER_OK)
        st = set_priority(o, &own);
    if (st == GOFER_OK)
        st = set_tenant(client, o, &own);
    if (st == GOFER_OK)
        st = set_policies(o, &own);
    if (st == GOFER_OK)
        st = set_unique(d, o, &own);
    if (st == GOFER_OK)
        st = set_group(d, client, o);
    if (st == GOFER_OK)
        st = set_limits(client, o, &own, &keys);
    if (st == GOFER_OK)
        st = set_ordered(client, o, &own, &ordered);
    if (st == GOFER_OK)
        st = gf_task_options_write(&own, &d->headers, &d->message.headers_size);
    gf_free(keys);
    gf_free(ordered);
    return st;
}

gofer_status gf_draft_make(gf_draft *d, const gofer_client *client, const char *type,
    const void *payload, size_t size, const gofer_enqueue_options *given)
{
    *d = (gf_draft){ .headers = NULL };
    gofer_enqueue_options o;
    gofer_status st = gf_read_options(&o, sizeof o, given, "gofer_enqueue_options");
    d->effect = st == GOFER_OK ? o.effect : NULL;
    if (st == GOFER_OK)
        st = set_names(d, type, &o);
    if (st == GOFER_OK)
        st = set_payload(d, client, payload, size);
    if (st == GOFER_OK)
        st = set_times(d, client, &o);
    if (st == GOFER_OK)
        st = set_max_retry(d, &o);
    if (st == GOFER_OK)
        st = gf_headers_pack(o.headers, &d->headers, &d->message.headers_size);
    if (st == GOFER_OK)
        st = gf_carry_on(&d->headers, &d->message.headers_size);
    if (st == GOFER_OK && !is_plain(&o))
        st = set_own(d, client, &o);
    if (st == GOFER_OK && (o.plain < 0 || o.plain > 1))
        st = gf_fail(GOFER_EINVAL, "plain is %d: it must be 0 or 1", (int)o.plain);
    if (st == GOFER_OK && client && client->keys && !o.plain)
        st = gf_draft_encrypt(d, client);
    d->message.headers = d->headers;
    return st;
}

void gf_draft_clear(gf_draft *d)
{
    gf_free(d->headers);
    if (d->seal)
        gf_draft_forget_envelope(d);
    d->headers = NULL;
    d->message.headers = NULL;
    d->message.headers_size = 0;
}

// ---- one task ----------------------------------------------------------------------------

static gf_put put_of(const gf_draft *d, char *holder)
{
    return (gf_put){
        .message = &d->message,
        .run_at_ms = d->run_at_ms,
        .unique_ms = d->unique_ms,
        .unique_key = d->unique_key,
        .unique_life = d->unique_life,
        .group = d->group,
        .debounce = d->debounce.delay_ms ? &d->debounce : NULL,
        .replaces = d->replaces,
        .fresh = d->message.id == d->id,
        .holder = holder,
    };
}

// Why the store refused this one, for one that the call as a whole did not fail for.
static gofer_status say_refused(const gf_draft *d, const gf_put *item)
{
    gofer_status status = item->status;
    const char *holder = item->holder;
    switch (status) {
    case GOFER_EEXIST:
        return gf_fail(status, "the id '%s' is taken by another task in queue '%s'", d->message.id,
            d->message.queue);
    case GOFER_EDUPLICATE:
        return gf_fail(status, "a unique lock holds in queue '%s': the task '%s' has it",
            d->message.queue, holder && *holder ? holder : "of another client");
    case GOFER_ESTATE:
        return gf_fail(status, "the task '%s' in queue '%s' does not wait: one that is active or "
                               "aggregating, or has ended and is kept, is not replaced",
            d->message.id, d->message.queue);
    case GOFER_EFULL:
        return gf_fail(status, "the queue '%s' is full: %lld of at most %lld tasks are pending",
            d->message.queue, (long long)item->length, (long long)item->max_length);
    case GOFER_EDENIED:
        if (item->closed)
            return gf_admit_refuse(d->message.queue, d->message.type);
        return gf_fail(status, "the store does not let us put the task '%s' into queue '%s'",
            d->message.id, d->message.queue);
    case GOFER_EUNSUPPORTED:
        return gf_fail(status, "the store has no %s", d->unique_ms ? "unique locks" : "groups");
    case GOFER_ETOOBIG:
        return gf_fail(status,
            "the payload of '%s' has %zu bytes: more than the store could give back",
            d->message.type, d->message.payload_size);
    default:
        return gf_fail(status, "the store refused the task '%s': %s", d->message.id,
            gofer_status_text(status));
    }
}

// Another task's id may be told in place of its own.
static bool may_be_held(const gf_draft *d)
{
    return d->unique_ms || d->debounce.delay_ms;
}

// Room for the id that will be told: the holder's may be longer than the task's own.
static char *id_room(const gf_draft *d)
{
    size_t size = strlen(d->message.id) + 1;
    char *id = gf_alloc(may_be_held(d) && size < HOLDER ? HOLDER : size);
    if (id)
        memcpy(id, d->message.id, size);
    return id;
}

// It is in, or there is one that was asked for in its place, whose id it has then. False: why not
// is to be said.
static bool went_well(const gf_draft *d, const gf_put *item, char *id)
{
    const char *holder = item->holder ? item->holder : "";
    bool kept = item->status == GOFER_EDUPLICATE && d->returns_holder && *holder;
    if (item->status != GOFER_OK && !kept)
        return false;
    if (id && *holder && (kept || item->effect != GF_CREATED))
        memcpy(id, holder, strlen(holder) + 1);
    if (d->effect)
        *d->effect = kept ? GF_KEPT : (int32_t)item->effect;
    return true;
}

gofer_status gofer_client_enqueue(gofer_client *client, const char *type, const void *payload,
    size_t size, const gofer_enqueue_options *opts, char **id_out)
{
    gofer_status st = gf_client_check(client, "gofer_client_enqueue");
    if (st != GOFER_OK)
        return st;

    gf_draft d;
    char *id = NULL, holder[HOLDER] = "";
    st = gf_draft_make(&d, client, type, payload, size, opts);
    if (st == GOFER_OK && id_out && !(id = id_room(&d)))
        st = gf_fail_nomem("a task id");
    if (st == GOFER_OK) {
        gf_put item = put_of(&d, holder);
        st = gf_put_and_publish(client->broker, &item, 1);
        if (st == GOFER_EUNCERTAIN)
            st = gf_fail_add(st, "task id '%s' (repeat with it)", d.message.id);
        else if (st == GOFER_OK && !went_well(&d, &item, id))
            st = say_refused(&d, &item);
    }
    gf_draft_clear(&d);
    if (st == GOFER_OK && id_out)
        *id_out = id;
    else
        gf_free(id);
    return st;
}

// ---- many --------------------------------------------------------------------------------

// One chunk on its way: what the caller gave begins at `offset` of it.
typedef struct batch {
    gofer_client       *client;
    const char *const  *types;
    const void *const  *payloads;
    const size_t       *sizes;
    const gofer_enqueue_options *const *opts;
    char              **ids;       // NULL: nobody asks
    size_t              offset, count;
    gf_draft           *drafts;    // of CHUNK
    gf_put              items[CHUNK];          // those of the drafts that can be put, and which
    size_t              index[CHUNK];
    gofer_status        statuses[CHUNK];
    char              (*holders)[HOLDER];      // of CHUNK; NULL: no task of it may be held
    size_t              bad;       // the first that is not in; SIZE_MAX: none
    bool                whole;     // because the store failed as a whole
    char                text[1024];// why, for later failures overwrite the thread's
} batch;

static void note_failure(batch *b, size_t i, bool whole)
{
    if (b->bad <= i)
        return;
    b->bad = i;
    b->whole = whole;
    snprintf(b->text, sizeof b->text, "%s", gofer_error_last());
}

static void make_drafts(batch *b)
{
    for (size_t i = 0; i < b->count; i++) {
        size_t at = b->offset + i;
        gofer_status st = gf_draft_make(&b->drafts[i], b->client, b->types[at],
            b->payloads ? b->payloads[at] : NULL, b->sizes ? b->sizes[at] : 0,
            b->opts ? b->opts[at] : NULL);
        if (st == GOFER_OK && b->ids && !(b->ids[at] = id_room(&b->drafts[i])))
            st = gf_fail_nomem("a task id");
        if (st == GOFER_OK && may_be_held(&b->drafts[i]) && !b->holders &&
            !(b->holders = gf_calloc(CHUNK, sizeof *b->holders)))
            st = gf_fail_nomem("a batch of unique tasks");
        b->statuses[i] = st;
        if (st != GOFER_OK)
            note_failure(b, i, false);
    }
}

static void put_drafts(batch *b)
{
    gf_put *items = b->items;
    size_t *index = b->index, n = 0;
    for (size_t i = 0; i < b->count; i++)
        if (b->statuses[i] == GOFER_OK) {
            char *holder = may_be_held(&b->drafts[i]) ? b->holders[i] : NULL;
            if (holder)
                *holder = '\0';
            index[n] = i;
            items[n++] = put_of(&b->drafts[i], holder);
        }
    gofer_status st = n ? gf_put_and_publish(b->client->broker, items, n) : GOFER_OK;
    if (st != GOFER_OK)
        note_failure(b, index[0], true);
    for (size_t k = 0; k < n; k++) {
        size_t i = index[k];
        b->statuses[i] = st != GOFER_OK ? st : items[k].status;
        if (st != GOFER_OK)
            continue;
        if (went_well(&b->drafts[i], &items[k], b->ids ? b->ids[b->offset + i] : NULL))
            b->statuses[i] = GOFER_OK;
        else if (b->bad > i) {
            say_refused(&b->drafts[i], &items[k]);
            note_failure(b, i, false);
        }
    }
}

static void enqueue_chunk(batch *b)
{
    b->bad = SIZE_MAX;
    make_drafts(b);
    put_drafts(b);
    for (size_t i = 0; i < b->count; i++) {
        if (b->statuses[i] != GOFER_OK && b->ids) {
            gf_free(b->ids[b->offset + i]);
            b->ids[b->offset + i] = NULL;
        }
        gf_draft_clear(&b->drafts[i]);
    }
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
    batch *b = gf_alloc(sizeof *b);
    gf_draft *drafts = gf_alloc((count < CHUNK ? count : CHUNK) * sizeof *drafts);
    if (!b || !drafts) {
        gf_free(b);
        gf_free(drafts);
        return gf_fail_nomem("a batch of tasks");
    }
    // What is per task is written before it is read, and takes a while to clear.
    b->client = client;
    b->types = types;
    b->payloads = payloads;
    b->sizes = sizes;
    b->opts = opts;
    b->ids = ids_out;
    b->drafts = drafts;
    b->offset = 0;
    b->holders = NULL;
    if (ids_out)
        memset(ids_out, 0, count * sizeof *ids_out);

    size_t first = SIZE_MAX;
    bool whole = false;
    char words[sizeof b->text];         // of the first failure: later chunks overwrite them
    for (; b->offset < count; b->offset += CHUNK) {
        b->count = count - b->offset < CHUNK ? count - b->offset : CHUNK;
        enqueue_chunk(b);
        if (first == SIZE_MAX && b->bad != SIZE_MAX) {
            first = b->offset + b->bad;
            st = b->statuses[b->bad];
            whole = b->whole;
            memcpy(words, b->text, sizeof words);
        }
        if (statuses)
            memcpy(statuses + b->offset, b->statuses, b->count * sizeof *statuses);
    }
    gf_free(b->holders);
    gf_free(drafts);
    gf_free(b);
    if (first == SIZE_MAX)
        return GOFER_OK;
    return whole ? gf_fail(st, "%s", words)
                 : gf_fail(st, "task %zu of the batch: %s", first, words);
}
