// follower.c - the task that follows on another's end.
//
// May touch: enqueue, info (for the JSON), the client's keys. No locks.
#include "worker/run/follower.h"

#include <stdio.h>
#include <string.h>

#include "client/enqueue.h"
#include "client/events.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/hash.h"
#include "util/hex.h"
#include "util/sha256.h"
#include "util/utf8.h"
#include "util/webhook.h"
#include "worker/run/sealed.h"
#include "worker/runtime.h"

// As Standard Webhooks recommends: nine more tries in three days.
#define HOOK_DELAYS "list:5s,5m,30m,2h,5h,10h,14h,20h,24h"
enum { HOOK_RETRIES = 9, HOOK_TIMEOUT_MS = 60000, HOOK_ID_BYTES = 16 };

// ---- ids ----------------------------------------------------------------------------------------

// "dead:ID:ATTEMPT". One that is too long is cut, and told apart by its hash.
static void make_id(const gf_ended *end, char out[GF_ID_MAX + 1])
{
    char head[GF_ID_MAX - 47];     // what is around it has 34 bytes at the most
    const char *word = end->done ? "done" : "dead", *id = end->message->id;
    if (snprintf(out, GF_ID_MAX + 1, "%s:%s:%d", word, id, (int)end->attempt) <= GF_ID_MAX)
        return;
    gf_utf8_clean(id, strlen(id), head, sizeof head);
    snprintf(out, GF_ID_MAX + 1, "%s:%s~%016llx:%d", word, head,
        (unsigned long long)gf_hash_text(id), (int)end->attempt);
}

static void add_text(gf_sha256 *h, const char *text)
{
    gf_sha256_add(h, text, strlen(text) + 1);
}

// All webhooks are in one queue, and receivers know them by their ids, which go into a header: an
// id that is used again later, or in another queue, makes another one.
static void make_hook_id(const gf_ended *end, char out[GF_ID_MAX + 1])
{
    unsigned char digest[GF_SHA256_SIZE];
    char numbers[64];
    gf_sha256 h;
    snprintf(numbers, sizeof numbers, "%lld %d", (long long)end->message->enqueued_ms,
        (int)end->attempt);
    gf_sha256_begin(&h);
    add_text(&h, end->done ? "done" : "archived");
    add_text(&h, end->message->queue);
    add_text(&h, end->message->id);
    add_text(&h, numbers);
    gf_sha256_end(&h, digest);
    memcpy(out, "msg_", 4);
    *gf_hex_put(out + 4, digest, HOOK_ID_BYTES) = '\0';
}

// ---- payloads -----------------------------------------------------------------------------------

// With all that may be large, or without.
typedef int fill(gofer_info *info, const gf_ended *end, bool full);

static int set_payload(gofer_info *info, const gf_message *m, bool full)
{
    return full ? gf_info_set_bytes(info, "payload", m->payload ? m->payload : "", m->payload_size)
                : gf_info_set_int(info, "payload_size", (int64_t)m->payload_size);
}

static int fill_dead(gofer_info *info, const gf_ended *end, bool full)
{
    return gf_info_set_text(info, "error", end->error) |
        gf_info_set_int(info, "attempts", end->attempt) | set_payload(info, end->message, full);
}

static int set_result(gofer_info *info, const gf_ended *end)
{
    return end->result ? gf_info_set_bytes(info, "result", end->result, end->result_size) : 0;
}

static int fill_done(gofer_info *info, const gf_ended *end, bool full)
{
    int bad = gf_info_set_int(info, "attempts", end->attempt);
    if (full)
        bad |= set_result(info, end);
    return bad | set_payload(info, end->message, full);
}

static int set_time(gofer_info *info, const char *name, int64_t ms)
{
    return ms ? gf_info_set_int(info, name, ms) : 0;
}

// What it has of a result was asked for, or has been taken away.
static int fill_hook(gofer_info *info, const gf_ended *end, bool full)
{
    int bad = gf_info_set_text(info, "outcome", end->done ? "done" : "archived") |
        gf_info_set_int(info, "attempts", end->attempt) |
        set_time(info, "enqueued_at_ms", end->message->enqueued_ms) |
        set_time(info, "started_at_ms", end->started_ms) |
        set_time(info, "ended_at_ms", end->ended_ms) | gf_info_set_text(info, "error", end->error);
    if (!full && end->result)
        return bad | gf_info_set_int(info, "result_size", (int64_t)end->result_size);
    return bad | set_result(info, end);
}

static char *make_json(const gf_ended *end, fill *fill_in, bool full)
{
    const gf_message *m = end->message;
    char *json = NULL;
    gofer_info *info = gf_info_record();
    int bad = !info;
    if (info)
        bad = gf_info_set_text(info, "id", m->id) | gf_info_set_text(info, "type", m->type) |
              gf_info_set_text(info, "queue", m->queue) | fill_in(info, end, full);
    if (!bad && gofer_info_json(info, &json) != GOFER_OK)
        json = NULL;
    gofer_info_free(info);
    return json;
}

// JSON that is over the client's limit goes without what is large: who needs it
// finds it in the store.
static char *make_fitting(const gofer_worker *w, const gf_ended *end, fill *fill_in)
{
    uint64_t limit = (uint64_t)w->client->max_payload - (w->client->keys ? GF_SEAL_MORE : 0);
    uint64_t size = end->result_size + (fill_in == fill_hook ? 0 : end->message->payload_size);
    char *json = size < limit ? make_json(end, fill_in, true) : NULL;
    if (json && strlen(json) <= limit)
        return json;
    bool too_big = json || size >= limit;
    gofer_free(json);
    return too_big ? make_json(end, fill_in, false) : NULL;
}

// What is encrypted was not opened if it comes from the store's own hand; who has the keys tells
// what is in it, and encrypts all that is told.
static char *make_payload(const gofer_worker *w, const gf_ended *end, fill *fill_in)
{
    gf_message opened = *end->message;
    gf_ended plain = *end;
    void *result = NULL;
    gf_sealed *sealed = NULL;
    plain.message = &opened;
    if (w->client->keys && gf_is_sealed(opened.payload, opened.payload_size))
        sealed = gf_sealed_open(w->client, &opened);
    if (plain.result)
        result = gf_sealed_result(w->client, &opened, &plain.result, &plain.result_size);
    char *json = make_fitting(w, &plain, fill_in);
    gf_free(result);
    gf_sealed_free(sealed);
    return json;
}

// ---- one of them --------------------------------------------------------------------------------

static bool copy(char **out, const char *text)
{
    *out = text ? gf_strdup(text) : NULL;
    return !text || *out;
}

gf_follower *gf_follower_new(const gofer_worker *w, const gf_ended *given)
{
    gf_ended end = *given;
    const gf_task_options *o = end.options;
    const char *what = end.done ? o->on_done : o->on_dead;
    const char *queue = end.done ? o->on_done_queue : o->on_dead_queue;
    char id[GF_ID_MAX + 1];
    gf_webhook hook = { NULL, false };
    gf_follower *f = gf_calloc(1, sizeof *f);
    if (!f)
        return NULL;
    bool is_hook = gf_webhook_read(what, &hook);
    if (is_hook)
        make_hook_id(&end, id);
    else
        make_id(&end, id);
    if (is_hook && !hook.with_result)
        end.result = NULL;
    (void)copy(&f->parent, end.trace.parent);          // without memory it has none
    (void)copy(&f->state, end.trace.state);
    f->payload = make_payload(w, &end, is_hook ? fill_hook : end.done ? fill_done : fill_dead);
    if (f->payload && copy(&f->type, is_hook ? GF_WEBHOOK_TYPE : what) &&
        copy(&f->queue, is_hook ? GF_WEBHOOK_QUEUE : queue ? queue : end.message->queue) &&
        copy(&f->id, id) && copy(&f->url, hook.url))
        return f;
    gf_follower_free(f);
    return NULL;
}

void gf_follower_free(gf_follower *f)
{
    if (!f)
        return;
    gf_free(f->type);
    gf_free(f->queue);
    gf_free(f->id);
    gf_free(f->url);
    gf_free(f->parent);
    gf_free(f->state);
    gofer_free(f->payload);
    gf_free(f);
}

// ---- into the store -----------------------------------------------------------------------------

bool gf_follower_hopeless(gofer_status st)
{
    return st == GOFER_EINVAL || st == GOFER_ETOOBIG || st == GOFER_EUNSUPPORTED ||
        st == GOFER_EDUPLICATE;
}

static gofer_status make_draft(gf_draft *d, const gofer_worker *w, const gf_follower *f)
{
    gofer_enqueue_options o;
    const char *const headers[] = { GF_WEBHOOK_URL, f->url, NULL };
    const gf_trace trace = { f->parent, f->state };
    gofer_enqueue_options_init(&o);
    o.queue = f->queue;
    o.task_id = f->id;
    if (f->url) {
        o.headers = headers;
        o.retry = HOOK_DELAYS;
        o.max_retry = HOOK_RETRIES;
        o.timeout_ms = HOOK_TIMEOUT_MS;
    }
    gf_carry_begin(&trace);
    gofer_status st = gf_draft_make(d, w->client, f->type, f->payload, strlen(f->payload), &o);
    gf_carry_end();
    return st;
}

// Of one put, with the places that its items have among all.
typedef struct round {
    gf_draft drafts[GF_FOLLOWERS_MAX];
    gf_put   items[GF_FOLLOWERS_MAX];
    size_t   places[GF_FOLLOWERS_MAX];
    size_t   count;
} round;

static void put_round(gofer_worker *w, round *r, gf_follower *const *all, gofer_status *statuses)
{
    gofer_status st = r->count ? gf_put_and_publish(w->broker, r->items, r->count) : GOFER_OK;
    for (size_t i = 0; i < r->count; i++) {
        gofer_status one = st != GOFER_OK ? st : r->items[i].status;
        // EEXIST: of an earlier end with another error. Told already.
        statuses[r->places[i]] = one == GOFER_EEXIST ? GOFER_OK : one;
        if (st == GOFER_OK && one != GOFER_OK && one != GOFER_EEXIST)
            (void)gf_fail(one, "the store refused the task '%s'", all[r->places[i]]->id);
    }
}

void gf_followers_put(gofer_worker *w, gf_follower *const *all, size_t count,
    gofer_status *statuses)
{
    round *r = gf_alloc(sizeof *r);
    if (!r)
        (void)gf_fail_nomem("tasks that follow on the end of others");
    for (size_t i = 0; i < count; i++)
        statuses[i] = GOFER_ENOMEM;
    if (!r)
        return;
    r->count = 0;
    for (size_t i = 0; i < count; i++) {
        statuses[i] = make_draft(&r->drafts[i], w, all[i]);
        if (statuses[i] != GOFER_OK)
            continue;
        r->items[r->count] = (gf_put){ .message = &r->drafts[i].message, .unbounded = true };
        r->places[r->count++] = i;
    }
    put_round(w, r, all, statuses);
    for (size_t i = 0; i < count; i++)
        gf_draft_clear(&r->drafts[i]);
    bool again = count > 1 && r->count && gf_follower_hopeless(statuses[r->places[0]]);
    gf_free(r);
    // What is wrong with one may be said of the whole call.
    for (size_t i = 0; again && i < count; i++)
        gf_followers_put(w, &all[i], 1, &statuses[i]);
}
