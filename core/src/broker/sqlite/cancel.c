// cancel.c - asks whoever runs a task to stop, and tells workers of such requests.
//
// A request names the claim it is meant for, so that it is void as soon as the task is handed in or
// recovered. Watchers sleep on a counter of their own in the sidecar's page: the rings of queues do
// not wake them.
#include <limits.h>

#include "broker/sqlite/store.h"
#include "info.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/thread.h"

enum { NAP_MS = 60000, AGAIN_MS = 1000, STACK = 256 * 1024 };

typedef struct asking {
    const char *queue, *id;
} asking;

static gofer_status ask(gf_sq_txn *t, void *arg)
{
    const asking *a = arg;
    gf_sq_place place;
    gf_sq_queue *q = gf_sq_queue_named(t, a->queue);
    if (!q || !gf_sq_find(t->conn, q->qid, a->id, &place))
        return gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", a->id, a->queue);
    if (place.state != GF_ACTIVE)
        return gf_fail(GOFER_ESTATE, "the task '%s' is %s: only an active one can be cancelled", a->id,
            gf_state_name(place.state));
    gf_sq_run(t->conn, gf_sq_stmt(t->conn, GF_SQL_CANCEL_PURGE));
    GF_SQ_RUN(t->conn, GF_SQL_CANCEL_ADD, place.seq);
    return GOFER_OK;
}

static void announce(gf_sq_page *page)
{
    atomic_fetch_add(&page->cancels, 1);
    gf_sq_futex_wake(&page->cancels, UINT32_MAX, INT_MAX);
}

gofer_status gf_sq_cancel(gf_broker *b, const char *queue, const char *id)
{
    gf_sq_store *s = (gf_sq_store *)b;
    asking a = { queue, id };
    gf_sq_op op = { .run = ask, .arg = &a, .tasks = 1 };
    gofer_status st = gf_sq_write(s, &op);
    if (st == GOFER_OK)
        announce(s->sidecar.page);
    return st;
}

// ---- the watch -------------------------------------------------------------------------------

typedef struct watch {
    gf_watch       base;                 // first
    gf_sq_store   *store;
    gf_told        told;
    pthread_t      thread;
    uint32_t       done;                 // the thread's own: the count up to which it has told
    _Atomic int    closing;
} watch;

static gofer_status list_asked(gf_sq_conn *c, void *arg)
{
    gofer_info *list = arg;
    int bad = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_CANCEL_LIST);
    while (!bad && gf_sq_row(c, s)) {
        gofer_info *one = gf_info_record();
        if (one && (gf_info_set_text(one, "queue", (const char *)sqlite3_column_text(s, 0)) |
                    gf_info_set_text(one, "id", (const char *)sqlite3_column_text(s, 1)))) {
            gofer_info_free(one);
            one = NULL;
        }
        bad = gf_info_add(list, one);
    }
    gf_sq_done(s);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

// All requests that stand, also those told before: hearing one twice changes nothing. The store is
// free again when they are told.
static gofer_status tell(watch *w)
{
    gofer_info *list = gf_info_list();
    gofer_status st = list ? gf_sq_read(w->store, list_asked, list) : GOFER_ENOMEM;
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(list); i++) {
        const gofer_info *one = gofer_info_at(list, i);
        if (w->told.cancel)
            w->told.cancel(w->told.arg, gofer_info_text(one, "queue"), gofer_info_text(one, "id"));
    }
    gofer_info_free(list);
    return st;
}

static void *watch_main(void *arg)
{
    watch *w = arg;
    _Atomic uint32_t *cancels = &w->store->sidecar.page->cancels;
    gf_thread_name("gofer-cancel");
    while (!atomic_load(&w->closing)) {
        // Read before the look: a request that comes meanwhile ends the sleep at once.
        uint32_t seen = atomic_load(cancels);
        bool well = seen == w->done || tell(w) == GOFER_OK;
        if (well)
            w->done = seen;
        if (!atomic_load(&w->closing))
            gf_sq_futex_wait(cancels, seen, UINT32_MAX, (int64_t)(well ? NAP_MS : AGAIN_MS) * 1000);
    }
    return NULL;
}

gofer_status gf_sq_watch_open(gf_broker *b, const char *worker, const gf_told *told, gf_watch **out)
{
    (void)worker;                        // no commands are kept here
    gf_sq_store *s = (gf_sq_store *)b;
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK)
        return st;
    watch *w = gf_calloc(1, sizeof *w);
    if (!w)
        return gf_fail_nomem("the hearing of cancel requests");
    *w = (watch){ .base = { b }, .store = s, .told = *told };
    w->done = atomic_load(&s->sidecar.page->cancels);
    if (gf_thread_start(&w->thread, watch_main, w, STACK) != 0) {
        gf_free(w);
        return gf_fail(GOFER_ENOMEM, "no thread for the hearing of cancel requests");
    }
    *out = &w->base;
    return GOFER_OK;
}

void gf_sq_watch_close(gf_watch *watching)
{
    watch *w = (watch *)watching;
    if (!w)
        return;
    atomic_store(&w->closing, 1);
    announce(w->store->sidecar.page);    // other watchers look, and find nothing new
    pthread_join(w->thread, NULL);
    gf_free(w);
}
