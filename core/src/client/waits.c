// waits.c - waits for the ends of many tasks, in one thread for all of them.
//
// May touch: broker/broker.h. The thread alone uses the store's waits (gf_waits), and gives what
// they tell to whoever asks for the next. Who adds and removes only leaves word, and wakes it if it
// sleeps there; it takes all the words of a moment at once.
//
// Locks: `lock` guards the lists and what is said there. A wait that is WAITING is the thread's: in
// its hands, or in the store's. One that is removed meanwhile is freed at the beginning of a turn,
// when the store has told all that it had to tell.
#include <stddef.h>
#include <string.h>

#include "client/wait.h"
#include "client/opened.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/table.h"
#include "util/text.h"
#include "util/thread.h"

enum { STACK = 256 * 1024 };

typedef enum stage { ADDED, WAITING, OVER } stage;

typedef struct wait {
    gf_link      link;             // by its tag, unless it is removed; first
    gf_awaited   of;
    stage        stage;            // under the lock
    bool         removed;          // under the lock; only one that is WAITING is so
    int64_t      tag;
    char        *given;            // owned; the caller's queue; NULL: none
    gf_names     found;            // then: where it is
    struct wait *next, *next_removed;
    char         id[];
} wait;

typedef struct list { wait *first, *last; } list;

struct gofer_waits {
    gofer_client   *client;        // held
    gf_waits       *store;         // owned; the thread's
    size_t          count;         // of those that the store waits for; the thread's
    pthread_t       thread;
    gf_wake_fd      over_fd;       // readable while `over` is not empty
    pthread_mutex_t lock;          // for those below
    pthread_cond_t  words, news;   // of the thread; of who asks for the next
    gf_table        by_tag;
    list            added, over;
    wait           *removed;
    bool            sleeps;        // in the store: it has to be woken
    bool            closing;
};

static void append(list *to, wait *w)
{
    w->next = NULL;
    if (to->last)
        to->last->next = w;
    else
        to->first = w;
    to->last = w;
}

static wait *pop(list *from)
{
    wait *w = from->first;
    if (w && !(from->first = w->next))
        from->last = NULL;
    return w;
}

static list take(list *from)
{
    list all = *from;
    *from = (list){ 0 };
    return all;
}

static wait *wait_of(gf_awaited *a)
{
    return (wait *)((char *)a - offsetof(wait, of));
}

static void free_wait(wait *w)
{
    gofer_info_free(w->of.end);
    gf_free(w->of.error);
    gf_free(w->given);
    gf_names_clear(&w->found);
    gf_free(w);
}

// ---- what the thread does -----------------------------------------------------------------------

// What the status of a wait means to who waits: a task that is not there may have been there.
static void explain(gofer_waits *ws, wait *w)
{
    if (w->of.status == GOFER_OK && w->of.end)
        w->of.status = gf_show_opened(ws->client, w->of.end);
    if (w->of.status != GOFER_ENOTFOUND)
        return;
    gf_free(w->of.error);
    w->of.status = gf_wait_missing(ws->client, w->given, w->of.queue, w->id, &w->of.end);
    w->of.error = w->of.status == GOFER_OK ? NULL : gf_strdup(gofer_error_last());
}

static void hand_over(gofer_waits *ws, wait *w)
{
    pthread_mutex_lock(&ws->lock);
    w->stage = OVER;
    if (!w->removed) {
        if (!ws->over.first)
            gf_wake_fd_set(&ws->over_fd);
        append(&ws->over, w);
        pthread_cond_signal(&ws->news);
    }
    pthread_mutex_unlock(&ws->lock);
}

static void hand_over_told(gofer_waits *ws, gf_awaited *told)
{
    for (gf_awaited *next; told; told = next) {
        next = told->next;
        ws->count--;
        explain(ws, wait_of(told));
        hand_over(ws, wait_of(told));
    }
}

static void fail(gofer_waits *ws, wait *w, gofer_status st)
{
    w->of.status = st;
    w->of.error = gf_strdup(gofer_error_last());
    explain(ws, w);
    hand_over(ws, w);
}

// Where is it, if nobody has said so?
static bool is_located(gofer_waits *ws, wait *w)
{
    const char *queue = w->given;
    gofer_status st = gf_client_locate(ws->client, &queue, w->id, &w->found);
    if (st == GOFER_OK)
        w->of.queue = queue;
    else
        fail(ws, w, st);
    return st == GOFER_OK;
}

static void add_all(gofer_waits *ws, list added)
{
    gf_awaited **items = NULL;
    size_t count = 0, room = 0;
    for (wait *w; (w = pop(&added)) != NULL;) {
        if (!is_located(ws, w))
            continue;
        if (!gf_grow(items, room, count + 1))
            fail(ws, w, gf_fail_nomem("waits"));
        else
            items[count++] = &w->of;
    }
    ws->count += count;
    if (count)
        ws->client->broker->ops->live->waits_add(ws->store, items, count, false);
    gf_free(items);
}

static void remove_all(gofer_waits *ws, wait *removed)
{
    for (wait *next; removed; removed = next) {
        gf_awaited *of = &removed->of;
        next = removed->next_removed;
        if (of->place) {               // else it was told, to nobody
            ws->client->broker->ops->live->waits_remove(ws->store, &of, 1);
            ws->count--;
        }
        free_wait(removed);
    }
}

// Nothing can be told: as a wait for each would be, they are all over.
static void fail_all(gofer_waits *ws, gofer_status st)
{
    list all = { 0 };
    pthread_mutex_lock(&ws->lock);
    for (size_t i = 0; i < gf_table_chains(&ws->by_tag); i++)
        for (gf_link *link = gf_table_chain(&ws->by_tag, i); link; link = link->next)
            if (((wait *)link)->of.place)
                append(&all, (wait *)link);
    pthread_mutex_unlock(&ws->lock);
    for (wait *w; (w = pop(&all)) != NULL;) {
        gf_awaited *of = &w->of;
        ws->client->broker->ops->live->waits_remove(ws->store, &of, 1);
        ws->count--;
        fail(ws, w, st);
    }
}

// Locks: ws->lock held, and given up meanwhile.
static void turn(gofer_waits *ws)
{
    list added = take(&ws->added);
    wait *removed = ws->removed;
    gf_awaited *told = NULL;
    ws->removed = NULL;
    for (wait *w = added.first; w; w = w->next)
        w->stage = WAITING;
    bool sleeps = ws->sleeps = !added.first && !removed;
    pthread_mutex_unlock(&ws->lock);
    remove_all(ws, removed);
    add_all(ws, added);
    gofer_status st = ws->client->broker->ops->live->waits_next(ws->store, sleeps ? -1 : 0, &told);
    hand_over_told(ws, told);
    if (st != GOFER_OK && st != GOFER_ETIMEOUT)
        fail_all(ws, st);
    pthread_mutex_lock(&ws->lock);
    ws->sleeps = false;
}

static void *waits_main(void *arg)
{
    gofer_waits *ws = arg;
    gf_thread_name("gofer-waits");
    pthread_mutex_lock(&ws->lock);
    while (!ws->closing)
        if (ws->count || ws->added.first || ws->removed)
            turn(ws);
        else
            gf_cond_wait(&ws->words, &ws->lock, -1);
    pthread_mutex_unlock(&ws->lock);
    return NULL;
}

// ---- the doors ----------------------------------------------------------------------------------

// Locks: ws->lock held.
static void leave_word(gofer_waits *ws)
{
    pthread_cond_signal(&ws->words);
    if (ws->sleeps)
        ws->client->broker->ops->live->waits_wake(ws->store);
    ws->sleeps = false;
}

static gofer_status check(const gofer_waits *ws, const char *what)
{
    return ws ? gf_client_check(ws->client, what)
              : gf_fail(GOFER_EINVAL, "%s: waits is NULL", what);
}

static void free_waits(gofer_waits *ws)
{
    pthread_cond_destroy(&ws->words);
    pthread_cond_destroy(&ws->news);
    pthread_mutex_destroy(&ws->lock);
    gf_wake_fd_close(&ws->over_fd);
    gf_table_clear(&ws->by_tag);
    gf_client_drop(ws->client);
    gf_free(ws);
}

gofer_status gofer_waits_open(gofer_waits **out, gofer_client *client)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_waits_open: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_waits_open");
    if (st != GOFER_OK)
        return st;
    const gf_live_ops *live = client->broker->ops->live;
    if (!live)
        return gf_client_cannot(client, "gofer_waits_open");
    gofer_waits *ws = gf_calloc(1, sizeof *ws);
    if (!ws)
        return gf_fail_nomem("waits");
    ws->client = gf_client_hold(client);
    bool ok = gf_wake_fd_open(&ws->over_fd);
    int bad = pthread_mutex_init(&ws->lock, NULL) | gf_cond_init(&ws->words) |
        gf_cond_init(&ws->news);
    st = ok && !bad ? live->waits_open(client->broker, &ws->store)
                    : gf_fail(GOFER_ENOMEM, "no memory or file descriptor for waits");
    if (st == GOFER_OK && gf_thread_start(&ws->thread, waits_main, ws, STACK) != 0) {
        live->waits_close(ws->store);
        st = gf_fail(GOFER_ENOMEM, "no thread for waits");
    }
    if (st != GOFER_OK) {
        free_waits(ws);
        return st;
    }
    *out = ws;
    return GOFER_OK;
}

gofer_status gofer_waits_add(gofer_waits *ws, const char *queue, const char *task_id, int64_t tag)
{
    gofer_status st = check(ws, "gofer_waits_add");
    if (st == GOFER_OK)
        st = gf_check_name("task id", task_id);
    if (st == GOFER_OK && queue)
        st = gf_check_queue(queue);
    if (st != GOFER_OK)
        return st;
    size_t size = strlen(task_id) + 1;
    wait *w = gf_calloc(1, sizeof *w + size);
    char *given = queue ? gf_strdup(queue) : NULL;
    if (!w || (queue && !given)) {
        gf_free(w);
        gf_free(given);
        return gf_fail_nomem("a wait");
    }
    memcpy(w->id, task_id, size);
    w->given = given;
    w->of.id = w->id;
    w->tag = tag;
    pthread_mutex_lock(&ws->lock);
    gf_table_add(&ws->by_tag, &w->link, (uint64_t)tag);
    append(&ws->added, w);
    leave_word(ws);
    pthread_mutex_unlock(&ws->lock);
    return GOFER_OK;
}

// Locks: ws->lock held.
static void cut(list *from, wait *w)
{
    list rest = { 0 };
    for (wait *each; (each = pop(from)) != NULL;)
        if (each != w)
            append(&rest, each);
    *from = rest;
}

gofer_status gofer_waits_remove(gofer_waits *ws, int64_t tag)
{
    gofer_status st = check(ws, "gofer_waits_remove");
    if (st != GOFER_OK)
        return st;
    pthread_mutex_lock(&ws->lock);
    for (gf_link *link; (link = gf_table_find(&ws->by_tag, (uint64_t)tag)) != NULL;) {
        wait *w = (wait *)link;
        gf_table_remove(&ws->by_tag, link);
        if (w->stage == WAITING) {
            w->removed = true;
            w->next_removed = ws->removed;
            ws->removed = w;
            leave_word(ws);
            continue;
        }
        cut(w->stage == ADDED ? &ws->added : &ws->over, w);
        free_wait(w);
    }
    if (!ws->over.first)
        gf_wake_fd_clear(&ws->over_fd);
    pthread_mutex_unlock(&ws->lock);
    return GOFER_OK;
}

gofer_status gofer_waits_next(gofer_waits *ws, int64_t timeout_ms, int64_t *tag, gofer_status *how,
    gofer_info **end)
{
    gofer_status st = check(ws, "gofer_waits_next");
    if (st == GOFER_OK && (!tag || !how || !end))
        st = gf_fail(GOFER_EINVAL, "gofer_waits_next: tag, how and end must not be NULL");
    if (st == GOFER_OK && timeout_ms > 0)
        st = gf_check_duration("timeout_ms", timeout_ms);
    if (st != GOFER_OK)
        return st;
    int64_t until_ms = timeout_ms < 0 ? INT64_MAX : gf_mono_ms() + timeout_ms;
    const gf_broker *b = ws->client->broker;
    uint32_t interrupts = atomic_load(&b->interrupts);
    pthread_mutex_lock(&ws->lock);
    for (int64_t left_ms; !ws->over.first && (left_ms = until_ms - gf_mono_ms()) > 0 &&
                          atomic_load(&b->interrupts) == interrupts;)
        gf_cond_wait(&ws->news, &ws->lock, gf_min(left_ms, GF_INTERRUPT_MS));
    wait *w = pop(&ws->over);
    if (w)
        gf_table_remove(&ws->by_tag, &w->link);
    if (w && !ws->over.first)
        gf_wake_fd_clear(&ws->over_fd);
    pthread_mutex_unlock(&ws->lock);
    if (!w)
        return gf_fail(GOFER_ETIMEOUT, "no wait is over in the time given");
    *tag = w->tag;
    *how = w->of.status;
    *end = w->of.end;
    w->of.end = NULL;
    if (w->of.status != GOFER_OK)
        gf_fail(w->of.status, "%s", w->of.error ? w->of.error : gofer_status_text(w->of.status));
    free_wait(w);
    return GOFER_OK;
}

int32_t gofer_waits_fd(const gofer_waits *ws)
{
    return ws ? ws->over_fd.read_fd : -1;
}

static void end_thread(gofer_waits *ws)
{
    pthread_mutex_lock(&ws->lock);
    ws->closing = true;
    leave_word(ws);
    pthread_mutex_unlock(&ws->lock);
    pthread_join(ws->thread, NULL);
}

void gofer_waits_close(gofer_waits *ws)
{
    if (!ws)
        return;
    // In a forked child the thread is not there, what it had in hand is as it was just then,
    // and the store's connections are the parent's: all that is left alone.
    if (gf_client_forked(ws->client)) {
        gf_wake_fd_close(&ws->over_fd);
        gf_client_drop(ws->client);
        gf_free(ws);
        return;
    }
    end_thread(ws);
    ws->client->broker->ops->live->waits_close(ws->store);
    for (wait *w = ws->removed, *next; w; w = next) {
        next = w->next_removed;
        free_wait(w);
    }
    for (size_t i = 0; i < gf_table_chains(&ws->by_tag); i++)
        for (gf_link *link = gf_table_chain(&ws->by_tag, i), *next; link; link = next) {
            next = link->next;
            free_wait((wait *)link);
        }
    free_waits(ws);
}
