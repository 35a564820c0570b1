// book.c - reads and changes the entries of a store, and makes those of a file be what it says.
//
// To find one entry all are read: they are few, and a store hands them out at once. A file that is
// wrong changes nothing; a store that fails midway may leave some of its changes.
#include "schedule/book.h"

#include <string.h>

#include "client/admit.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

gofer_status gf_book_clock(gf_broker *b, int64_t *now_ms)
{
    return b->ops->upkeep->clock(b, now_ms);
}

static gofer_status read_entries(gf_broker *b, gf_entries *out)
{
    if (!b->ops->cron)
        return gf_fail(GOFER_EUNSUPPORTED, "this store keeps no cron entries");
    *out = (gf_entries){ 0 };
    return b->ops->cron->entries(b, -1, out);
}

// By name, as the store gives them.
static const gf_entry *find(const gf_entries *all, const char *name)
{
    size_t low = 0, high = all->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(all->items[middle].name, name);
        if (order == 0)
            return &all->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

gofer_status gf_book_find(gf_broker *b, const char *name, gf_schedule *out)
{
    gf_entries all;
    gofer_status st = read_entries(b, &all);
    if (st != GOFER_OK)
        return st;
    const gf_entry *e = find(&all, name);
    st = e ? gf_schedule_read(out, e->name, e->record)
           : gf_fail(GOFER_ENOTFOUND, "there is no cron entry '%.200s'", name);
    gf_entries_clear(&all);
    return st;
}

// ---- putting ------------------------------------------------------------------------------------

// The latest tick that the store has noted of an entry; 0: none.
static gofer_status noted(gf_broker *b, const gf_schedule *s, int64_t *tick_ms)
{
    gf_tick_state state = { .entry = s->name, .queue = s->task.queue };
    gofer_status st = b->ops->cron->tick_states(b, &state, 1);
    *tick_ms = state.tick_ms;
    return st;
}

// Ticks count from now on, or go on as before. What comes due in a pause is left out, so its
// end is a new beginning.
static gofer_status set_since(gf_broker *b, gf_schedule *s, const gf_schedule *old)
{
    int64_t tick_ms = 0;
    if (old && gf_schedule_same_ticks(s, old) && !(old->paused && !s->paused)) {
        s->since_ms = old->since_ms;
        return GOFER_OK;
    }
    gofer_status st = gf_book_clock(b, &s->since_ms);
    // A worker whose clock is ahead of ours may have enqueued what is to come by ours; its note
    // is with the old queue.
    if (st == GOFER_OK && old)
        st = noted(b, old, &tick_ms);
    if (st == GOFER_OK && tick_ms > s->since_ms)
        s->since_ms = tick_ms;
    return st;
}

static gofer_status write_entry(gf_broker *b, const gf_schedule *s, bool only_new)
{
    char *record;
    gofer_status st = gf_schedule_write(s, &record);
    if (st == GOFER_OK) {
        st = b->ops->cron->entry_put(b, s->name, record, only_new);
        gf_free(record);
    }
    return st;
}

// Programs put their entries whenever they start: what changes nothing is not written, for all
// schedulers would look.
static gofer_status is_same(const gf_schedule *a, const gf_schedule *b, bool *same)
{
    char *one, *other;
    gofer_status st = gf_schedule_write(a, &one);
    if (st != GOFER_OK)
        return st;
    st = gf_schedule_write(b, &other);
    if (st == GOFER_OK) {
        *same = strcmp(one, other) == 0;
        gf_free(other);
    }
    gf_free(one);
    return st;
}

gofer_status gf_book_put(gf_broker *b, gf_schedule *s, const gf_schedule *old, bool only_new)
{
    bool same = false;
    gofer_status st = set_since(b, s, old);
    if (st == GOFER_OK && old)
        st = is_same(s, old, &same);
    return st == GOFER_OK && !same ? write_entry(b, s, only_new) : st;
}

// The same but for when its ticks began, which may have moved on since it was carried.
static gofer_status is_carried(gf_broker *to, const gf_schedule *s, bool *same)
{
    gf_schedule there;
    gofer_status st = gf_book_find(to, s->name, &there);
    if (st != GOFER_OK)
        return st;
    int64_t since_ms = there.since_ms;
    there.since_ms = s->since_ms;
    st = is_same(&there, s, same);
    there.since_ms = since_ms;
    gf_schedule_clear(&there);
    return st;
}

gofer_status gf_book_carry(gf_broker *from, gf_broker *to, const gf_entry *e, bool *repeated)
{
    gf_schedule s;
    int64_t tick_ms = 0;
    *repeated = false;
    gofer_status st = gf_schedule_read(&s, e->name, e->record);
    if (st != GOFER_OK)
        return st;
    st = noted(from, &s, &tick_ms);
    if (st == GOFER_OK && tick_ms > s.since_ms)
        s.since_ms = tick_ms;
    if (st == GOFER_OK)
        st = write_entry(to, &s, true);
    if (st == GOFER_EEXIST) {
        gofer_status looked = is_carried(to, &s, repeated);
        st = looked != GOFER_OK ? looked : *repeated ? GOFER_OK : GOFER_EEXIST;
    }
    gf_schedule_clear(&s);
    return st;
}

// ---- a source's entries -------------------------------------------------------------------------

typedef enum plan { KEEP, ADD, CHANGE } plan;

typedef struct syncing {
    gf_broker        *broker;
    const char       *source;
    gf_entries        all;
    gf_schedule_list  wanted;
    plan             *plans;       // of wanted
    gf_sync_counts    counts;
} syncing;

// What becomes of one that is wanted. Nothing is written yet, so that all or nothing is.
static gofer_status plan_one(syncing *s, size_t i)
{
    gf_schedule *wanted = &s->wanted.items[i], old;
    const gf_entry *e = find(&s->all, wanted->name);
    char *record;
    s->plans[i] = ADD;
    if (!e)
        return GOFER_OK;
    gofer_status st = gf_schedule_read(&old, e->name, e->record);
    if (st != GOFER_OK)
        return st;
    if (strcmp(old.source, s->source) != 0) {
        st = gf_fail(GOFER_EEXIST,
            "the cron entry '%s' is there already, from %s: remove that one, or choose another "
            "name",
            old.name, strcmp(old.source, "api") == 0 ? "the API or the command line" : old.source);
        gf_schedule_clear(&old);
        return st;
    }
    if (!s->wanted.says_paused[i])
        wanted->paused = old.paused;
    wanted->since_ms = old.since_ms;
    st = gf_schedule_write(wanted, &record);
    if (st == GOFER_OK) {
        s->plans[i] = strcmp(record, e->record) == 0 ? KEEP : CHANGE;
        gf_free(record);
    }
    gf_schedule_clear(&old);
    return st;
}

static gofer_status plan_all(syncing *s)
{
    s->plans = gf_calloc(s->wanted.count + 1, sizeof *s->plans);
    if (!s->plans)
        return gf_fail_nomem("cron entries");
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < s->wanted.count && st == GOFER_OK; i++)
        st = plan_one(s, i);
    return st;
}

static gofer_status write_one(syncing *s, size_t i)
{
    gf_schedule *wanted = &s->wanted.items[i], old;
    const gf_entry *e = find(&s->all, wanted->name);
    if (s->plans[i] == KEEP) {
        s->counts.unchanged++;
        return GOFER_OK;
    }
    if (!e) {
        gofer_status st = gf_book_put(s->broker, wanted, NULL, true);
        s->counts.added += st == GOFER_OK;
        // Two workers with the same file start together: the other one was first.
        s->counts.unchanged += st == GOFER_EEXIST;
        return st == GOFER_EEXIST ? GOFER_OK : st;
    }
    gofer_status st = gf_schedule_read(&old, e->name, e->record);
    if (st != GOFER_OK)
        return st;
    st = gf_book_put(s->broker, wanted, &old, false);
    gf_schedule_clear(&old);
    s->counts.changed += st == GOFER_OK;
    return st;
}

static bool is_wanted(const syncing *s, const char *name)
{
    size_t low = 0, high = s->wanted.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(s->wanted.items[middle].name, name);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static gofer_status drop_others(syncing *s)
{
    for (size_t i = 0; i < s->all.count; i++) {
        gf_schedule old;
        // One that cannot be read is not known to be this source's.
        if (is_wanted(s, s->all.items[i].name) ||
            gf_schedule_read(&old, s->all.items[i].name, s->all.items[i].record) != GOFER_OK)
            continue;
        gofer_status st = strcmp(old.source, s->source) == 0
            ? s->broker->ops->cron->entry_drop(s->broker, old.name)
            : GOFER_ESTATE;
        gf_schedule_clear(&old);
        s->counts.removed += st == GOFER_OK;
        if (st != GOFER_OK && st != GOFER_ESTATE && st != GOFER_ENOTFOUND)
            return st;
    }
    return GOFER_OK;
}

// What is there already and stays as it is is not asked about.
static gofer_status admit(gofer_client *client, const syncing *s)
{
    size_t n = 0;
    const gf_message **messages = gf_alloc((s->wanted.count + 1) * sizeof *messages);
    if (!messages)
        return gf_fail_nomem("cron entries");
    for (size_t i = 0; i < s->wanted.count; i++)
        if (s->plans[i] != KEEP)
            messages[n++] = &s->wanted.items[i].task;
    gofer_status st = gf_admit(client, messages, n);
    gf_free(messages);
    return st;
}

gofer_status gf_book_sync(gofer_client *client, const char *source, const char *json, size_t size,
    gf_sync_counts *out)
{
    syncing s = { .broker = client->broker, .source = source };
    gofer_status st = gf_schedule_list_parse(client, source, json, size, &s.wanted);
    if (st == GOFER_OK)
        st = read_entries(s.broker, &s.all);
    if (st == GOFER_OK)
        st = plan_all(&s);
    if (st == GOFER_OK)
        st = admit(client, &s);
    for (size_t i = 0; i < s.wanted.count && st == GOFER_OK; i++)
        st = write_one(&s, i);
    if (st == GOFER_OK)
        st = drop_others(&s);
    gf_free(s.plans);
    gf_entries_clear(&s.all);
    gf_schedule_list_clear(&s.wanted);
    if (st == GOFER_OK)
        *out = s.counts;
    return st;
}
