// watch.c - the watches, by which workers hear of requests to cancel (act.c), of commands
// (control.c) and of changes of cron entries (entry.c).
//
// Each has a thread of its own, which sleeps on a counter in the sidecar's page: the wake-ups of
// queues do not wake it. It reads when that has changed, and calls back without a lock.
#include <limits.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/thread.h"

enum { NAP_MS = 60000, AGAIN_MS = 1000, STACK = 256 * 1024 };

void gf_sq_watches_wake(gf_sq_page *page)
{
    atomic_fetch_add(&page->cancels, 1);
    gf_sq_futex_wake(&page->cancels, UINT32_MAX, INT_MAX);
}

// ---- the watch -------------------------------------------------------------------------------

typedef struct watch {
    gf_watch       base;                 // first
    gf_sq_store   *store;
    gf_watch_callbacks callbacks;
    char          *worker;               // whose commands it tells; NULL: nobody's
    pthread_t      thread;
    uint32_t       done, entries;        // the thread's own: the counts up to which it has notified
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
static gofer_status notify_requests(watch *w)
{
    gofer_info *list = gf_info_list();
    gofer_status st = list ? gf_sq_read(w->store, list_asked, list) : GOFER_ENOMEM;
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(list); i++) {
        const gofer_info *one = gofer_info_at(list, i);
        w->callbacks.cancel(
            w->callbacks.arg, gofer_info_text(one, "queue"), gofer_info_text(one, "id"));
    }
    gofer_info_free(list);
    return st;
}

// Each once, in the order in which they were given: they are gone from the store
// before they are told.
static gofer_status notify_commands(watch *w)
{
    gf_names commands = { 0 };
    gofer_status st = gf_sq_commands_take(w->store, w->worker, &commands);
    for (size_t i = 0; st == GOFER_OK && i < commands.count; i++)
        w->callbacks.control(w->callbacks.arg, commands.names[i]);
    gf_names_clear(&commands);
    return st;
}

static gofer_status notify(watch *w)
{
    uint32_t entries = atomic_load(&w->store->sidecar.page->entries);
    gofer_status st = w->callbacks.cancel ? notify_requests(w) : GOFER_OK;
    if (st == GOFER_OK && w->callbacks.control && w->worker)
        st = notify_commands(w);
    if (entries != w->entries && w->callbacks.schedules)
        w->callbacks.schedules(w->callbacks.arg);
    w->entries = entries;
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
        bool well = seen == w->done || notify(w) == GOFER_OK;
        if (well)
            w->done = seen;
        if (!atomic_load(&w->closing))
            gf_sq_futex_wait(cancels, seen, UINT32_MAX, (int64_t)(well ? NAP_MS : AGAIN_MS) * 1000);
    }
    return NULL;
}

static void free_watch(watch *w)
{
    gf_free(w->worker);
    gf_free(w);
}

gofer_status gf_sq_watch_open(
    gf_broker *b, const char *worker, const gf_watch_callbacks *callbacks, gf_watch **out)
{
    gf_sq_store *s = (gf_sq_store *)b;
    gofer_status st = gf_sq_check(s);
    if (st != GOFER_OK)
        return st;
    watch *w = gf_calloc(1, sizeof *w);
    if (!w)
        return gf_fail_nomem("the hearing of cancel requests");
    *w = (watch){ .base = { b },
        .store = s,
        .callbacks = *callbacks,
        .worker = worker ? gf_strdup(worker) : NULL };
    if (worker && !w->worker) {
        gf_free(w);
        return gf_fail_nomem("the hearing of commands");
    }
    // Commands may be there already; requests are for tasks that are taken from now on.
    w->done = atomic_load(&s->sidecar.page->cancels) - (worker != NULL);
    w->entries = atomic_load(&s->sidecar.page->entries);
    if (gf_thread_start(&w->thread, watch_main, w, STACK) != 0) {
        free_watch(w);
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
    gf_sq_watches_wake(w->store->sidecar.page);      // other watchers look, and find nothing new
    pthread_join(w->thread, NULL);
    free_watch(w);
}
