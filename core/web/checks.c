// checks.c - the doctor's look, one at a time.
#include "checks.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

enum { LONG_MS = 1000, GOOD_FOR = 10, GOOD_MAX_MS = 300000, WAIT_MS = 500 };

struct web_checks {
    pthread_mutex_t lock;       // guards all below
    pthread_cond_t  ended;      // a look has
    bool            looking, forgotten, ending;
    bool            awaited;    // somebody waits for it: who waits keeps a thread, so it is one
    int64_t         looks;      // that have ended
    int64_t         good_until_ms;      // monotonic
    int64_t         at_ms;      // when the look began that `found` is of
    char           *found;      // a snapshot's JSON, gofer_free; NULL: nothing is known
};

web_checks *web_checks_new(void)
{
    web_checks *c = calloc(1, sizeof *c);
    pthread_condattr_t steady;
    if (!c)
        return NULL;
    pthread_mutex_init(&c->lock, NULL);
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&c->ended, &steady);
    pthread_condattr_destroy(&steady);
    return c;
}

void web_checks_free(web_checks *c)
{
    if (!c)
        return;
    gofer_free(c->found);
    pthread_cond_destroy(&c->ended);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

void web_checks_end(web_checks *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    c->ending = true;
    pthread_cond_broadcast(&c->ended);
    pthread_mutex_unlock(&c->lock);
}

void web_checks_forget(web_checks *c)
{
    pthread_mutex_lock(&c->lock);
    c->forgotten = true;        // also what one under way finds
    c->good_until_ms = 0;
    pthread_mutex_unlock(&c->lock);
}

// Locks: c->lock held. A snapshot begins with '{'.
static void put_found(web_call *call, const web_checks *c)
{
    web_text *body = &call->reply.body;
    size_t begin = body->size;
    if (!web_copy_json(body, c->found, strlen(c->found), &call->view)) {
        web_fail(call, 404, "ENOTFOUND", "there is no such thing in queues of yours");
        return;
    }
    web_text rest = { 0 };
    if (!body->failed && body->size > begin)
        web_text_put(&rest, body->at + begin + 1);
    body->failed |= rest.failed;
    web_text_free(body);
    web_text_format(body, "{\"at_ms\":%lld,", (long long)c->at_ms);
    web_text_add(body, rest.at, rest.size);
    web_text_free(&rest);
    call->reply.status = 200;
    call->reply.type = "application/json";
}

typedef struct looking {
    web_checks     *checks;
    const web_call *call;
} looking;

// Nobody wants it any more.
static int32_t is_over(void *user, int64_t looked, int64_t mended)
{
    const looking *l = user;
    web_checks *c = l->checks;
    (void)looked;
    (void)mended;
    bool left = l->call->left && l->call->left(l->call->caller);
    pthread_mutex_lock(&c->lock);
    int32_t over = c->ending || (left && !c->awaited);
    pthread_mutex_unlock(&c->lock);
    return over;
}

// Locks: c->lock held, but not during the look.
static void look(web_call *call, web_checks *c)
{
    gofer_info *info = NULL;
    char *json = NULL;
    int64_t at_ms = web_ms(CLOCK_REALTIME), begun_ms = web_ms(CLOCK_MONOTONIC);
    c->looking = true;
    c->forgotten = false;
    pthread_mutex_unlock(&c->lock);
    looking l = { c, call };
    gofer_status st = gofer_client_check_watched(call->client, 0, is_over, &l, &info);
    if (st == GOFER_OK)
        st = gofer_info_json(info, &json);
    if (st != GOFER_OK)
        web_fail_status(call, st);
    gofer_info_free(info);
    pthread_mutex_lock(&c->lock);
    int64_t now_ms = web_ms(CLOCK_MONOTONIC), took_ms = now_ms - begun_ms;
    c->looking = false;
    c->looks++;
    if (st == GOFER_OK) {
        gofer_free(c->found);
        c->found = json;
        c->at_ms = at_ms;
        int64_t good_ms = took_ms * GOOD_FOR < GOOD_MAX_MS ? took_ms * GOOD_FOR : GOOD_MAX_MS;
        c->good_until_ms = took_ms < LONG_MS || c->forgotten ? 0 : now_ms + good_ms;
        put_found(call, c);
    }
    pthread_cond_broadcast(&c->ended);
}

// Locks: c->lock held. True: the one under way has ended.
static bool wait_for_end(web_checks *c)
{
    int64_t looks = c->looks, due_ms = web_ms(CLOCK_MONOTONIC) + WAIT_MS;
    struct timespec due = { due_ms / 1000, due_ms % 1000 * 1000000 };
    c->awaited = true;
    while (c->looks == looks && !c->ending && web_ms(CLOCK_MONOTONIC) < due_ms)
        (void)pthread_cond_timedwait(&c->ended, &c->lock, &due);
    c->awaited = false;
    return c->looks != looks;
}

void web_api_check(web_call *call)
{
    web_checks *c = call->checks;
    pthread_mutex_lock(&c->lock);
    bool waited = c->looking && !c->awaited && wait_for_end(c);
    if (c->found && (c->looking || waited || web_ms(CLOCK_MONOTONIC) < c->good_until_ms))
        put_found(call, c);
    else if (c->looking)
        web_fail(call, 503, "EBROKER", "the doctor is still looking: ask again in a while");
    else
        look(call, c);
    pthread_mutex_unlock(&c->lock);
}
