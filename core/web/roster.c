// roster.c - the first queues by name, as each was last looked at.
//
// A look has no lock while it asks: only who looks adds, changes or removes queues, and he is one.
// What a look may cost goes by the commands that the store counts. One that counts none is asked
// for all at once, for it is in this process.
#include "roster.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "load.h"
#include "util/hash.h"

enum {
    STRANGERS = 32,             // queues that were heard of and are not here
    LOAD_MS = 10000,            // so often the store is asked what it has to do
    HISTORY_DAYS = 8,
    HISTORY_MS = 60000
};

typedef struct entry {
    web_roster_one one;
    bool           touched;
} entry;

struct web_roster {
    gofer_client   *client;
    pthread_mutex_t lock;       // guards all below
    pthread_cond_t  looked;     // a look has ended
    bool            looking;
    int64_t         whole_ms;   // when the latest look at all began that came to something; 0: none
    entry         **entries;    // by name; a look has all but `touched` to itself
    size_t          count;
    bool            more;
    bool            anew;       // all are to be looked at
    char           *strangers[STRANGERS];
    size_t          stranger_count;
    size_t          turn;       // whose it is
    double          credit;     // how many queues the turn has come to
    int64_t         credited_ms;
    int64_t         load_ms, commands;      // when the store was asked, and what it had counted
    double          rate;       // of queues a ms that its commands allow
    bool            counts_none;
    uint64_t        workers;    // what they serve, as a hash; 0: not known yet
    gofer_status    status;     // of the latest look
    char            why[WEB_ROSTER_WHY];
    char           *history;    // gofer_free
    int64_t         history_ms;
};

// ---- queues

static void free_entry(entry *e)
{
    if (!e)
        return;
    free(e->one.queue);
    gofer_free(e->one.json);
    free(e);
}

// The place of a name, or where it would be.
static size_t place_of(const web_roster *r, const char *queue)
{
    size_t from = 0, to = r->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (strcmp(r->entries[middle]->one.queue, queue) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_at(const web_roster *r, size_t at, const char *queue)
{
    return at < r->count && strcmp(r->entries[at]->one.queue, queue) == 0;
}

static void remove_at(web_roster *r, size_t at)
{
    free_entry(r->entries[at]);
    memmove(r->entries + at, r->entries + at + 1, (--r->count - at) * sizeof *r->entries);
}

// Of more than there is room for the last one goes.
static bool insert_at(web_roster *r, size_t at, const char *queue)
{
    entry *e = calloc(1, sizeof *e);
    char *name = e ? strdup(queue) : NULL;
    if (!name) {
        free(e);
        return false;
    }
    e->one.queue = name;
    if (r->count == WEB_FEW_QUEUES) {
        r->more = true;
        remove_at(r, r->count - 1);
    }
    memmove(r->entries + at + 1, r->entries + at, (r->count++ - at) * sizeof *r->entries);
    r->entries[at] = e;
    return true;
}

static gofer_status renew(entry *e, const gofer_info *queue, int64_t now_ms)
{
    char *json = NULL;
    gofer_status st = gofer_info_json(queue, &json);
    if (st != GOFER_OK)
        return st;
    gofer_free(e->one.json);
    e->one.json = json;
    e->one.counts = web_counts_of(queue);
    e->one.looked_ms = now_ms;
    return GOFER_OK;
}

// A page of those behind a place: who is not in it is gone. Locks: r->lock held.
static gofer_status take_page(web_roster *r, size_t at, const gofer_info *page, int64_t now_ms)
{
    gofer_status st = GOFER_OK;
    bool more = gofer_info_has(page, "next_cursor");
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(page); i++) {
        const gofer_info *queue = gofer_info_at(page, i);
        const char *name = gofer_info_text(queue, "queue");
        while (at < r->count && strcmp(r->entries[at]->one.queue, name) < 0)
            remove_at(r, at);
        if (at == WEB_FEW_QUEUES) {
            more = true;
            break;
        }
        if (!is_at(r, at, name) && !insert_at(r, at, name))
            st = GOFER_ENOMEM;
        else
            st = renew(r->entries[at++], queue, now_ms);
    }
    while (st == GOFER_OK && !more && at < r->count)
        remove_at(r, r->count - 1);
    if (at == r->count)
        r->more = more;
    return st;
}

// ---- what is heard

void web_roster_touch(web_roster *r, const char *queue)
{
    pthread_mutex_lock(&r->lock);
    size_t at = place_of(r, queue);
    bool beyond = at == WEB_FEW_QUEUES, known = is_at(r, at, queue);
    if (known)
        r->entries[at]->touched = true;
    for (size_t i = 0; !known && i < r->stranger_count; i++)
        known = strcmp(r->strangers[i], queue) == 0;
    char *name = known || beyond || r->anew || r->stranger_count == STRANGERS ? NULL
                                                                              : strdup(queue);
    if (name)
        r->strangers[r->stranger_count++] = name;
    else if (!known && !beyond)
        r->anew = true;
    pthread_mutex_unlock(&r->lock);
}

void web_roster_workers(web_roster *r, const gofer_info *workers)
{
    uint64_t sum = 1 + gofer_info_count(workers);
    for (size_t i = 0; i < gofer_info_count(workers); i++) {
        const char *queues = gofer_info_text(gofer_info_at(workers, i), "queues");
        sum += gf_hash_text(queues ? queues : "");
    }
    pthread_mutex_lock(&r->lock);
    r->anew |= r->workers && sum != r->workers;
    r->workers = sum;
    pthread_mutex_unlock(&r->lock);
}

// ---- what a look may cost

// Who looks has this to himself. A store that does not tell is taken for one that has little to do.
static void weigh_load(web_roster *r, int64_t now_ms)
{
    web_load load;
    if (r->counts_none || (r->load_ms && now_ms - r->load_ms < LOAD_MS))
        return;
    r->counts_none = web_load_ask(r->client, &load) && load.counts_none;
    int64_t more = load.commands - r->commands;
    r->rate = r->load_ms && load.commands >= 0 && more > 0
        ? (double)more / (double)(now_ms - r->load_ms) / WEB_LOAD_SHARE / WEB_LOAD_COST : 0;
    r->commands = load.commands;
    r->load_ms = now_ms;
}

// How many queues are to be looked at by turns.
static size_t take_credit(web_roster *r, int64_t now_ms)
{
    const double least = (double)WEB_FEW_QUEUES / WEB_ROUND_MS;
    r->credit += (double)(now_ms - r->credited_ms) * (r->rate > least ? r->rate : least);
    r->credited_ms = now_ms;
    if (r->credit > (double)r->count)
        r->credit = (double)r->count;
    size_t whole = (size_t)r->credit;
    r->credit -= (double)whole;
    return whole;
}

// ---- looking

// Locks: none held while the store is asked.
static gofer_status ask(web_roster *r, const char *pattern, const char *behind, size_t limit,
    gofer_info **page)
{
    pthread_mutex_unlock(&r->lock);
    gofer_status st = gofer_client_queues_page(r->client, pattern, behind, (int32_t)limit, page);
    pthread_mutex_lock(&r->lock);
    return st;
}

static void forget_strangers(web_roster *r)
{
    while (r->stranger_count)
        free(r->strangers[--r->stranger_count]);
}

// Locks: r->lock held, as for all that follow.
static gofer_status look_at_all(web_roster *r)
{
    gofer_info *page = NULL;
    int64_t now_ms = web_ms(CLOCK_MONOTONIC);
    for (size_t i = 0; i < r->count; i++)
        r->entries[i]->touched = false;
    forget_strangers(r);
    r->anew = false;
    r->credited_ms = now_ms;
    r->credit = 0;
    gofer_status st = ask(r, NULL, NULL, WEB_FEW_QUEUES, &page);
    if (st == GOFER_OK)
        st = take_page(r, 0, page, now_ms);
    gofer_info_free(page);
    if (st == GOFER_OK)
        r->whole_ms = now_ms;
    r->anew |= st != GOFER_OK;
    return st;
}

// From one place to before another. Where the last are looked at there may be room for others.
static gofer_status look_at_some(web_roster *r, size_t from, size_t to, int64_t now_ms)
{
    gofer_info *page = NULL;
    size_t limit = to == r->count ? WEB_FEW_QUEUES - from : to - from;
    for (size_t i = from; i < to; i++)
        r->entries[i]->touched = false;
    gofer_status st = ask(r, NULL, from ? r->entries[from - 1]->one.queue : NULL, limit, &page);
    if (st == GOFER_OK)
        st = take_page(r, from, page, now_ms);
    for (size_t i = from; st != GOFER_OK && i < to && i < r->count; i++)
        r->entries[i]->touched = true;
    gofer_info_free(page);
    return st;
}

static gofer_status look_at_strangers(web_roster *r, int64_t now_ms)
{
    gofer_status st = GOFER_OK;
    while (st == GOFER_OK && r->stranger_count) {
        gofer_info *page = NULL;
        char *name = r->strangers[--r->stranger_count];
        st = ask(r, name, NULL, 1, &page);
        size_t at = place_of(r, name);
        const gofer_info *queue = st == GOFER_OK ? gofer_info_at(page, 0) : NULL;
        bool there = queue && strcmp(gofer_info_text(queue, "queue"), name) == 0
            && at < WEB_FEW_QUEUES;
        if (there && !is_at(r, at, name) && !insert_at(r, at, name))
            st = GOFER_ENOMEM;
        else if (there)
            st = renew(r->entries[at], queue, now_ms);
        gofer_info_free(page);
        free(name);
        r->anew |= st != GOFER_OK;
    }
    return st;
}

// What was heard of, and whose turn it is; those that are side by side together.
static gofer_status look_by_turns(web_roster *r)
{
    int64_t now_ms = web_ms(CLOCK_MONOTONIC);
    gofer_status st = GOFER_OK;
    for (size_t left = take_credit(r, now_ms); left && r->count; left--) {
        r->turn = r->turn < r->count ? r->turn : 0;
        r->entries[r->turn++]->touched = true;
    }
    for (size_t at = 0; st == GOFER_OK && at < r->count; at++) {
        size_t to = at;
        while (to < r->count && r->entries[to]->touched)
            to++;
        if (to > at)
            st = look_at_some(r, at, to, now_ms);
        at = to;
    }
    return st == GOFER_OK ? look_at_strangers(r, now_ms) : st;
}

static bool is_older(const web_roster *r, int64_t then_ms)
{
    for (size_t i = 0; i < r->count; i++)
        if (!r->entries[i]->touched && r->entries[i]->one.looked_ms < then_ms)
            return true;
    return r->whole_ms == 0;
}

// Locks: r->lock held, and r->looking is ours.
static void look(web_roster *r, int64_t asked_ms, int64_t age_ms)
{
    if (age_ms) {
        pthread_mutex_unlock(&r->lock);
        weigh_load(r, asked_ms);
        pthread_mutex_lock(&r->lock);
    }
    bool all = age_ms == 0 || r->counts_none || r->anew || is_older(r, asked_ms - age_ms);
    r->status = all ? look_at_all(r) : look_by_turns(r);
    snprintf(r->why, sizeof r->why, "%s", r->status == GOFER_OK ? "" : gofer_error_last());
}

// Who has waited for one that failed is told so, and for one at all queues that began since need
// not look again.
gofer_status web_roster_look(web_roster *r, int64_t age_ms, char why[WEB_ROSTER_WHY])
{
    int64_t asked_ms = web_ms(CLOCK_MONOTONIC);
    pthread_mutex_lock(&r->lock);
    bool waited = r->looking;
    while (r->looking)
        pthread_cond_wait(&r->looked, &r->lock);
    bool failed = waited && r->status != GOFER_OK;
    if (!failed && r->whole_ms <= asked_ms) {
        r->looking = true;
        look(r, asked_ms, age_ms);
        r->looking = false;
        pthread_cond_broadcast(&r->looked);
    }
    gofer_status st = r->status;
    if (why)
        memcpy(why, r->why, sizeof r->why);
    pthread_mutex_unlock(&r->lock);
    return st;
}

void web_roster_learn(web_roster *r, const char *behind, const gofer_info *page)
{
    int64_t now_ms = web_ms(CLOCK_MONOTONIC);
    pthread_mutex_lock(&r->lock);
    while (r->looking)
        pthread_cond_wait(&r->looked, &r->lock);
    size_t at = behind ? place_of(r, behind) : 0;
    at += behind && is_at(r, at, behind);
    // What looks have not come to yet is theirs.
    if (r->whole_ms && at < WEB_FEW_QUEUES && take_page(r, at, page, now_ms) != GOFER_OK)
        r->anew = true;
    pthread_mutex_unlock(&r->lock);
}

int64_t web_roster_each(web_roster *r, web_roster_fn each, void *user, bool *more)
{
    pthread_mutex_lock(&r->lock);
    int64_t oldest_ms = r->whole_ms;
    for (size_t i = 0; i < r->count; i++) {
        const web_roster_one *one = &r->entries[i]->one;
        if (i == 0 || one->looked_ms < oldest_ms)
            oldest_ms = one->looked_ms;
        each(one, user);
    }
    *more = r->more;
    pthread_mutex_unlock(&r->lock);
    return oldest_ms;
}

gofer_status web_roster_history(web_roster *r, int64_t age_ms, web_text *out)
{
    int64_t now_ms = web_ms(CLOCK_MONOTONIC);
    gofer_info *info = NULL;
    char *json = NULL;
    pthread_mutex_lock(&r->lock);
    bool fresh = r->history && now_ms - r->history_ms < (age_ms < HISTORY_MS ? age_ms : HISTORY_MS);
    if (fresh)
        web_text_put(out, r->history);
    pthread_mutex_unlock(&r->lock);
    if (fresh)
        return GOFER_OK;
    gofer_status st = gofer_client_history(r->client, NULL, HISTORY_DAYS, &info);
    if (st == GOFER_OK)
        st = gofer_info_json(info, &json);
    gofer_info_free(info);
    if (st != GOFER_OK)
        return st;
    web_text_put(out, json);
    pthread_mutex_lock(&r->lock);
    gofer_free(r->history);
    r->history = json;
    r->history_ms = now_ms;
    pthread_mutex_unlock(&r->lock);
    return GOFER_OK;
}

// ---- life

web_roster *web_roster_new(gofer_client *client)
{
    web_roster *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->client = client;
    r->entries = calloc(WEB_FEW_QUEUES, sizeof *r->entries);
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->looked, NULL);
    if (r->entries)
        return r;
    web_roster_free(r);
    return NULL;
}

void web_roster_free(web_roster *r)
{
    if (!r)
        return;
    while (r->count)
        free_entry(r->entries[--r->count]);
    forget_strangers(r);
    gofer_free(r->history);
    pthread_cond_destroy(&r->looked);
    pthread_mutex_destroy(&r->lock);
    free(r->entries);
    free(r);
}
