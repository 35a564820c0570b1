// breakers.c - circuit breakers of types: one hash, asynq:gofer:breakers, of a type (or a prefix
// and '*') and what broker/breaker.h writes. It is written by a script that compares with what
// was read (scripts/swap_breaker.lua), so that each step is one, also on a Cluster. With the
// types that are paused (guards.c) a process reads all of them once a second, and tells the
// scripts that take which are open. What becomes of the attempts that it runs it adds up here,
// and adds to the store in an exchange: a few times a second while a breaker is closed, else at
// once. Half open, whoever brings back those who wait (upkeep/forward.c) first notes in the store
// how many it lets through; wake.lua gives so many tasks a mark, the episode, and takes pass
// those that have it (lib/admit.lua).
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/limit/limit.h"
#include "info/info.h"
#include "message/limit_keys.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

#define BREAKERS "asynq:gofer:breakers"

enum {
    TELL_MS = 250,                 // what became of attempts is told so often
    TRIES = 30                     // others write meanwhile
};

static const gf_rd_script swap_script = {
    .name = "write a breaker",
    .text = gf_rd_lua_swap_breaker,
};

// What is to be told of one.
typedef struct tally {
    char            type[GF_NAME_MAX + 1];
    gf_breaker_told told;
} tally;

struct gf_rd_breakers {
    pthread_mutex_t lock;
    gf_breakers     known;         // as they were last read
    tally          *tallies;
    size_t          count, room;
    int64_t         told_ms;       // monotonic
    _Atomic bool    any, open;     // there is one; one that is open, at the least half
    _Atomic bool    owing;         // there are tallies
    _Atomic bool    urgent;        //   of one that is open
};

// ---- the hash -----------------------------------------------------------------------------------

static void command(gf_rd_cmd *cmd, const char *verb, const char *type)
{
    *cmd = (gf_rd_cmd){ .slot = gf_rd_slot(BREAKERS, sizeof BREAKERS - 1), .repeatable = true,
        .reads = true };
    gf_rd_add(&cmd->args, verb);
    gf_rd_add(&cmd->args, BREAKERS);
    if (type)
        gf_rd_add(&cmd->args, type);
}

static gofer_status ask(gf_rd_store *s, gf_rd_cmd *cmd, int64_t timeout_ms, redisReply **out)
{
    gofer_status st = gf_rd_run(s->net, cmd, 1, timeout_ms);
    *out = st == GOFER_OK ? cmd->reply : NULL;
    if (st == GOFER_OK)
        cmd->reply = NULL;
    gf_rd_cmd_clear(cmd);
    return st;
}

static int by_type(const void *a, const void *b)
{
    return strcmp(((const gf_breaker *)a)->type, ((const gf_breaker *)b)->type);
}

// What another program has written there, and is no breaker, is passed over.
static gofer_status read_all(gf_rd_store *s, int64_t timeout_ms, gf_breakers *out)
{
    gf_rd_cmd cmd;
    redisReply *reply;
    bool failed = false;
    command(&cmd, "HGETALL", NULL);
    gofer_status st = ask(s, &cmd, timeout_ms, &reply);
    if (st != GOFER_OK)
        return st;
    out->count = 0;
    size_t words = reply->type == REDIS_REPLY_ARRAY ? reply->elements : 0;
    for (size_t i = 0; i + 1 < words && !failed && out->count < 2 * GF_BREAKERS_MAX; i += 2) {
        const redisReply *name = reply->element[i], *text = reply->element[i + 1];
        if (gf_rd_reply_is_text(name) && gf_rd_reply_is_text(text) && !strchr(name->str, '\n'))
            gf_breakers_add(out, name->str, text->str, &failed);
    }
    gf_rd_reply_free(reply);
    if (out->count > 1)
        qsort(out->items, out->count, sizeof *out->items, by_type);
    return failed ? gf_fail_nomem("breakers") : GOFER_OK;
}

// *text: gf_free; NULL: there is none.
static gofer_status read_text(gf_rd_store *s, const char *type, char **text)
{
    gf_rd_cmd cmd;
    redisReply *reply;
    command(&cmd, "HGET", type);
    gofer_status st = ask(s, &cmd, gf_rd_timeout(s), &reply);
    if (st != GOFER_OK)
        return st;
    *text = gf_rd_reply_is_text(reply) ? gf_strdup(reply->str) : NULL;
    if (gf_rd_reply_is_text(reply) && !*text)
        st = gf_fail_nomem("a breaker");
    gf_rd_reply_free(reply);
    return st;
}

// seen: how many there are, of a new one; less than 0: it is none. *done 0: another came first.
static gofer_status swap(gf_rd_store *s, const char *type, const char *was, const char *is,
    int64_t seen, int64_t *done)
{
    char count[24] = "";
    gf_rd_cmd cmd = { .script = &swap_script, .key_count = 1,
        .slot = gf_rd_slot(BREAKERS, sizeof BREAKERS - 1) };
    if (seen >= 0)
        snprintf(count, sizeof count, "%" PRId64, seen);
    gf_rd_add(&cmd.args, BREAKERS);
    gf_rd_add(&cmd.args, type);
    gf_rd_add(&cmd.args, was);
    gf_rd_add(&cmd.args, is);
    gf_rd_add(&cmd.args, count);
    return gf_rd_call_int(s, &cmd, done);
}

// ---- one step of one ----------------------------------------------------------------------------

typedef struct step {
    void (*run)(gf_breaker *b, int64_t now_ms, struct step *step);
    const gf_breaker_told *told;
    const gf_breaker_rule *rule;
    int64_t                count, episode;
    bool                   goes_on;        // who waits may
    bool                   turned;         // it has opened, or closed
} step;

static gofer_status try_once(gf_rd_store *s, const char *type, step *how, int64_t *done)
{
    gf_breaker b;
    char text[GF_BREAKER_TEXT], *was;
    gofer_status st = read_text(s, type, &was);
    if (st != GOFER_OK)
        return st;
    if (!was || !gf_breaker_read(&b, type, was)) {
        gf_free(was);
        return gf_fail(GOFER_ENOTFOUND, GF_BREAKER_MISSING, type);
    }
    bool open = b.open;
    int64_t episode = b.episode;
    *done = 1;
    how->run(&b, gf_rd_now_ms(&s->base), how);
    if (b.dirty) {
        gf_breaker_write(&b, text);
        st = swap(s, type, was, text, -1, done);
    }
    how->turned = b.open != open || b.episode != episode;
    gf_free(was);
    return st;
}

static gofer_status take_step(gf_rd_store *s, const char *type, step *how)
{
    int64_t done = 0;
    gofer_status st = GOFER_OK;
    for (int i = 0; i < TRIES && !done && st == GOFER_OK; i++)
        st = try_once(s, type, how, &done);
    if (st == GOFER_OK && !done)
        return gf_fail(GOFER_EBROKER, "the breaker 'type:%s' was written by others each time it "
                                      "was tried: try again", type);
    return st;
}

// ---- what is known ------------------------------------------------------------------------------

gofer_status gf_rd_breakers_load(gf_rd_store *s, int64_t timeout_ms)
{
    struct gf_rd_breakers *all = s->breakers;
    gf_breakers fresh = { 0 };
    bool open = false;
    gofer_status st = read_all(s, timeout_ms, &fresh);
    if (st != GOFER_OK) {
        gf_free(fresh.items);
        return st;
    }
    for (size_t i = 0; i < fresh.count; i++)
        open |= fresh.items[i].open;
    pthread_mutex_lock(&all->lock);
    gf_free(all->known.items);
    all->known = fresh;
    atomic_store(&all->any, fresh.count > 0);
    atomic_store(&all->open, open);
    pthread_mutex_unlock(&all->lock);
    return GOFER_OK;
}

size_t gf_rd_breakers_lines(gf_rd_store *s, char *out, size_t room)
{
    struct gf_rd_breakers *all = s->breakers;
    size_t at = 0;
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < all->known.count; i++) {
        const gf_breaker *b = &all->known.items[i];
        if (!b->open)
            continue;
        int size = snprintf(at < room ? out + at : NULL, at < room ? room - at : 0,
            "%" PRId64 ":%" PRId64 " %s\n", b->until_ms, b->episode, b->type);
        at += (size_t)size;
    }
    pthread_mutex_unlock(&all->lock);
    return at;
}

void gf_rd_breakers_claimed(gf_rd_store *s, gf_claim *const *claims, size_t count)
{
    struct gf_rd_breakers *all = s->breakers;
    if (!count || !atomic_load_explicit(&all->open, memory_order_relaxed))
        return;
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < count; i++) {
        const gf_breaker *b = gf_breakers_of(&all->known, claims[i]->message.type);
        claims[i]->episode = b && b->open ? b->episode : 0;
    }
    pthread_mutex_unlock(&all->lock);
}

// ---- what has become of attempts ----------------------------------------------------------------

// NULL: no memory; then it is as if it had not run.
static tally *tally_of(struct gf_rd_breakers *all, const char *type)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(all->tallies[i].type, type) == 0)
            return &all->tallies[i];
    if (!gf_grow(all->tallies, all->room, all->count + 1))
        return NULL;
    tally *t = &all->tallies[all->count++];
    *t = (tally){ .told = { 0 } };
    snprintf(t->type, sizeof t->type, "%s", type);
    return t;
}

// Of two episodes the earlier one is over.
static void add_up(gf_breaker_told *sum, const gf_breaker_told *told)
{
    sum->ended += told->ended;
    sum->failed += told->failed;
    if (told->episode > sum->episode) {
        sum->episode = told->episode;
        sum->good = sum->bad = sum->back = 0;
    }
    if (told->episode && told->episode == sum->episode) {
        sum->good += told->good;
        sum->bad += told->bad;
        sum->back += told->back;
    }
}

void gf_rd_breakers_ended(gf_rd_store *s, const gf_finish *done, size_t count)
{
    struct gf_rd_breakers *all = s->breakers;
    gf_breaker_told told;
    if (!count || !atomic_load_explicit(&all->any, memory_order_relaxed))
        return;
    pthread_mutex_lock(&all->lock);
    for (size_t i = 0; i < count; i++) {
        if (done[i].status != GOFER_OK || !gf_breaker_told_of(&done[i], &told))
            continue;
        const gf_breaker *b = gf_breakers_of(&all->known, done[i].claim->message.type);
        tally *t = b ? tally_of(all, b->type) : NULL;
        if (!t)
            continue;
        add_up(&t->told, &told);
        atomic_store(&all->owing, true);
        if (told.episode)
            atomic_store(&all->urgent, true);
    }
    pthread_mutex_unlock(&all->lock);
}

static void tell_one(gf_breaker *b, int64_t now_ms, step *how)
{
    how->goes_on = gf_breaker_tell(b, now_ms, how->told);
}

static void tell(gf_rd_store *s, const tally *t)
{
    struct gf_rd_breakers *all = s->breakers;
    step how = { .run = tell_one, .told = &t->told };
    gofer_status st = take_step(s, t->type, &how);
    if (st == GOFER_OK && (how.goes_on || how.turned))
        gf_rd_guards_doubt(s);
    if (st == GOFER_OK || st == GOFER_ENOTFOUND || st == GOFER_EUNCERTAIN)
        return;
    pthread_mutex_lock(&all->lock);
    tally *again = tally_of(all, t->type);
    if (again)
        add_up(&again->told, &t->told);
    atomic_store(&all->owing, true);
    pthread_mutex_unlock(&all->lock);
}

void gf_rd_breakers_tell(gf_rd_store *s, bool now)
{
    struct gf_rd_breakers *all = s->breakers;
    if (!atomic_load_explicit(&all->owing, memory_order_relaxed))
        return;
    pthread_mutex_lock(&all->lock);
    bool due = now || atomic_load(&all->urgent) || gf_mono_ms() - all->told_ms >= TELL_MS;
    tally *tallies = due ? all->tallies : NULL;
    size_t count = due ? all->count : 0;
    if (due) {
        all->tallies = NULL;
        all->count = all->room = 0;
        all->told_ms = gf_mono_ms();
        atomic_store(&all->owing, false);
        atomic_store(&all->urgent, false);
    }
    pthread_mutex_unlock(&all->lock);
    for (size_t i = 0; i < count; i++)
        tell(s, &tallies[i]);
    gf_free(tallies);
}

// ---- who is let through -------------------------------------------------------------------------

static void let_some(gf_breaker *b, int64_t now_ms, step *how)
{
    int64_t room = gf_breaker_room(b, now_ms);
    how->count = room;
    how->episode = b->episode;
    if (room > 0)
        gf_breaker_let(b, now_ms, room);
}

static void take_back(gf_breaker *b, int64_t now_ms, step *how)
{
    gf_breaker_tell(b, now_ms,
        &(gf_breaker_told){ .episode = how->episode, .back = how->count });
}

bool gf_rd_breakers_half_open(gf_rd_store *s, size_t *at, char type[GF_NAME_MAX + 1])
{
    struct gf_rd_breakers *all = s->breakers;
    bool found = false;
    int64_t now_ms = gf_rd_now_ms(&s->base);
    pthread_mutex_lock(&all->lock);
    for (; *at < all->known.count && !found; ++*at) {
        const gf_breaker *b = &all->known.items[*at];
        found = gf_breaker_room(b, now_ms) > 0;
        if (found)
            memcpy(type, b->type, sizeof b->type);
    }
    pthread_mutex_unlock(&all->lock);
    return found;
}

int64_t gf_rd_breaker_let(gf_rd_store *s, const char *type, int64_t *episode)
{
    step how = { .run = let_some };
    gofer_status st = take_step(s, type, &how);
    *episode = how.episode;
    return st == GOFER_OK ? how.count : 0;
}

void gf_rd_breaker_unlet(gf_rd_store *s, const char *type, int64_t episode, int64_t count)
{
    step how = { .run = take_back, .count = count, .episode = episode };
    take_step(s, type, &how);            // what fails of it is taken for lost in time
}

// ---- the door -----------------------------------------------------------------------------------

static void set_rule(gf_breaker *b, int64_t now_ms, step *how)
{
    (void)now_ms;
    gf_breaker_rule_set(b, how->rule);
    b->dirty = true;
}

static void close_one(gf_breaker *b, int64_t now_ms, step *how)
{
    (void)now_ms;
    (void)how;
    gf_breaker_close(b);
}

static gofer_status make(gf_rd_store *s, const gf_breakers *all, const char *type,
    const gf_breaker_rule *rule, int64_t *done)
{
    gf_breaker b;
    char text[GF_BREAKER_TEXT];
    if (all->count >= GF_BREAKERS_MAX)
        return gf_fail(GOFER_EFULL, GF_BREAKERS_FULL, GF_BREAKERS_MAX);
    gf_breaker_init(&b, type, rule, gf_rd_now_ms(&s->base));
    gf_breaker_write(&b, text);
    return swap(s, type, "", text, (int64_t)all->count, done);
}

static gofer_status put_once(gf_rd_store *s, const char *type, const gf_breaker_rule *rule,
    int64_t *done)
{
    gf_breakers all = { 0 };
    gofer_status st = read_all(s, gf_rd_timeout(s), &all);
    const gf_breaker *other = st == GOFER_OK ? gf_breakers_overlapping(&all, type) : NULL;
    if (other) {
        st = gf_fail(GOFER_EEXIST, GF_BREAKER_OVERLAPS, type, other->type);
    } else if (st == GOFER_OK && gf_breakers_named(&all, type)) {
        step how = { .run = set_rule, .rule = rule };
        st = take_step(s, type, &how);
        *done = 1;
    } else if (st == GOFER_OK) {
        st = make(s, &all, type, rule, done);
    }
    gf_free(all.items);
    return st;
}

gofer_status gf_rd_breaker_put(gf_broker *b, const char *type, const gf_breaker_rule *rule)
{
    gf_rd_store *s = (gf_rd_store *)b;
    int64_t done = 0;
    gofer_status st = gf_rd_check(s);
    for (int i = 0; i < TRIES && !done && st == GOFER_OK; i++)
        st = put_once(s, type, rule, &done);
    gf_rd_guards_doubt(s);
    return st == GOFER_OK && !done
        ? gf_fail(GOFER_EBROKER, "the hash of breakers is not what it should be, or others write "
                                 "it all the time")
        : st;
}

static gofer_status look_at_waiters(gf_rd_store *s, const char *type)
{
    char key[sizeof GF_LIMIT_TYPE + GF_NAME_MAX];
    gf_rd_guards_doubt(s);
    snprintf(key, sizeof key, GF_LIMIT_TYPE "%s", type);
    return gf_rd_limits_rewake(s, key);
}

gofer_status gf_rd_breaker_close(gf_broker *b, const char *type)
{
    gf_rd_store *s = (gf_rd_store *)b;
    step how = { .run = close_one };
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = take_step(s, type, &how);
    return st == GOFER_OK ? look_at_waiters(s, type) : st;
}

gofer_status gf_rd_breaker_drop(gf_broker *b, const char *type)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gofer_status st = gf_rd_check(s);
    int64_t done = 0;
    for (int i = 0; i < TRIES && !done && st == GOFER_OK; i++) {
        char *was = NULL;
        st = read_text(s, type, &was);
        if (st == GOFER_OK && !was)
            st = gf_fail(GOFER_ENOTFOUND, GF_BREAKER_MISSING, type);
        if (st == GOFER_OK)
            st = swap(s, type, was, "", -1, &done);
        gf_free(was);
    }
    return st == GOFER_OK ? look_at_waiters(s, type) : st;
}

gofer_status gf_rd_breakers(gf_broker *b, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_breakers all = { 0 };
    gofer_info *list = NULL;
    gofer_status st = gf_rd_check(s);
    gf_rd_breakers_tell(s, true);
    if (st == GOFER_OK)
        st = read_all(s, gf_rd_timeout(s), &all);
    if (st == GOFER_OK && !(list = gf_info_list()))
        st = gf_fail_nomem("breakers");
    for (size_t i = 0; i < all.count && st == GOFER_OK; i++)
        if (gf_info_add(list, gf_breaker_info(&all.items[i], gf_rd_now_ms(b))) != 0)
            st = gf_fail_nomem("breakers");
    gf_free(all.items);
    return gf_info_hand_over(st, list, out);
}

gofer_status gf_rd_breakers_open(gf_rd_store *s)
{
    struct gf_rd_breakers *all = gf_calloc(1, sizeof *all);
    if (!all)
        return gf_fail_nomem("breakers");
    if (pthread_mutex_init(&all->lock, NULL) != 0) {
        gf_free(all);
        return gf_fail_nomem("a lock");
    }
    s->breakers = all;
    return GOFER_OK;
}

void gf_rd_breakers_free(gf_rd_store *s)
{
    struct gf_rd_breakers *all = s->breakers;
    if (!all)
        return;
    pthread_mutex_destroy(&all->lock);
    gf_free(all->known.items);
    gf_free(all->tallies);
    gf_free(all);
}
