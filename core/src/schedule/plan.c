// plan.c - loads entries, remembers where each is in time, and knows which comes next.
//
// Entries stay as they are while their records are the same (told by a hash), so a change of one
// costs little; the next to come is the top of a heap. One thread's.
#include "schedule/plan.h"

#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/hash.h"

enum { STATES_AT_ONCE = 50 };
static const int64_t NEVER = INT64_MAX;

void gf_plan_init(gf_plan *plan)
{
    *plan = (gf_plan){ .version = -1 };
}

static void free_items(gf_planned *items, size_t count)
{
    for (size_t i = 0; i < count; i++)
        gf_schedule_clear(&items[i].entry);
    gf_free(items);
}

void gf_plan_clear(gf_plan *plan)
{
    free_items(plan->items, plan->count);
    gf_free(plan->heap);
    gf_zones_clear(&plan->zones);
    gf_plan_init(plan);
}

// ---- the heap -----------------------------------------------------------------------------------

static int64_t wake_at(const gf_plan *plan, size_t i)
{
    return plan->items[plan->heap[i]].wake_ms;
}

static void sink(gf_plan *plan, size_t i)
{
    for (;;) {
        size_t least = i, left = 2 * i + 1;
        for (size_t child = left; child < left + 2 && child < plan->count; child++)
            if (wake_at(plan, child) < wake_at(plan, least))
                least = child;
        if (least == i)
            return;
        size_t swap = plan->heap[i];
        plan->heap[i] = plan->heap[least];
        plan->heap[least] = swap;
        i = least;
    }
}

void gf_plan_reorder(gf_plan *plan)
{
    for (size_t i = plan->count / 2; i-- > 0;)
        sink(plan, i);
}

gf_planned *gf_plan_first(const gf_plan *plan)
{
    return plan->count ? &plan->items[plan->heap[0]] : NULL;
}

void gf_plan_sink(gf_plan *plan)
{
    sink(plan, 0);
}

void gf_planned_advance(gf_planned *p, int64_t last_ms)
{
    if (last_ms > p->last_ms)
        p->last_ms = last_ms;
    p->next_ms = p->zone && !p->entry.paused
        ? gf_cron_next(&p->entry.cron, p->zone, p->last_ms, p->entry.since_ms)
        : -1;
    if (p->next_ms < 0)
        p->next_ms = NEVER;
    p->wake_ms = p->next_ms;
}

void gf_plan_rewind(gf_plan *plan, int64_t now_ms)
{
    for (size_t i = 0; i < plan->count; i++) {
        gf_planned *p = &plan->items[i];
        if (p->wake_ms > now_ms && (p->held || p->backoff_ms))
            p->wake_ms = now_ms;
    }
    gf_plan_reorder(plan);
}

// ---- loading ------------------------------------------------------------------------------------

typedef struct loading {
    gf_plan       *plan;
    gf_broker     *broker;
    gf_report_broken broken;
    void          *arg;
    gf_planned    *items;
    size_t         count;
    size_t        *taken;          // where in the old plan each comes from; SIZE_MAX:
                                   //   it is new or changed
    size_t        *older;          // the one of the same name there; SIZE_MAX: none
} loading;

static gofer_status read_item(loading *l, const gf_entry *e, gf_planned *p)
{
    gofer_status st = gf_schedule_read(&p->entry, e->name, e->record);
    if (st == GOFER_OK)
        st = gf_zones_get(&l->plan->zones, p->entry.tz, &p->zone);
    if (st == GOFER_OK || st == GOFER_ENOMEM)
        return st;
    // It stays, so that it is told of once, and is never due.
    l->broken(l->arg, e->name, gofer_error_last());
    if (!p->entry.name && !(p->entry.name = gf_strdup(e->name)))
        return gf_fail_nomem("a cron entry");
    p->zone = NULL;
    return GOFER_OK;
}

// Both are sorted by name: one walk.
static gofer_status read_items(loading *l, const gf_entries *all)
{
    size_t old = 0;
    for (; l->count < all->count; l->count++) {
        const gf_entry *e = &all->items[l->count];
        gf_planned *p = &l->items[l->count];
        int differs = -1;
        while (
            old < l->plan->count && (differs = strcmp(l->plan->items[old].entry.name, e->name)) < 0)
            old++;
        bool known = old < l->plan->count && differs == 0;
        p->digest = gf_hash_text(e->record);
        l->older[l->count] = known ? old : SIZE_MAX;
        l->taken[l->count] = known && l->plan->items[old].digest == p->digest ? old : SIZE_MAX;
        if (l->taken[l->count] != SIZE_MAX)
            continue;
        gofer_status st = read_item(l, e, p);
        if (st != GOFER_OK) {
            gf_schedule_clear(&p->entry);
            return st;
        }
    }
    return GOFER_OK;
}

// What the store has noted of those that are new or changed.
static gofer_status ask_states(loading *l)
{
    size_t index[STATES_AT_ONCE];
    gofer_status st = GOFER_OK;
    gf_tick_state *states = gf_calloc(STATES_AT_ONCE, sizeof *states);   // much for a small stack
    if (!states)
        return gf_fail_nomem("the ticks of cron entries");
    for (size_t i = 0; i < l->count && st == GOFER_OK;) {
        size_t n = 0;
        for (; i < l->count && n < STATES_AT_ONCE; i++)
            if (l->taken[i] == SIZE_MAX && l->items[i].zone) {
                index[n] = i;
                states[n++] = (gf_tick_state){ .entry = l->items[i].entry.name,
                    .queue = l->items[i].entry.task.queue };
            }
        st = n ? l->broker->ops->cron->tick_states(l->broker, states, n) : GOFER_OK;
        for (size_t k = 0; k < n && st == GOFER_OK; k++)
            l->items[index[k]].noted_ms = states[k].tick_ms;
    }
    gf_free(states);
    return st;
}

static void place_item(loading *l, size_t i)
{
    gf_planned *p = &l->items[i];
    const gf_planned *older = l->older[i] == SIZE_MAX ? NULL : &l->plan->items[l->older[i]];
    if (!p->zone) {
        p->next_ms = p->wake_ms = NEVER;
        return;
    }
    p->last_ms = p->entry.since_ms;
    // The same times, with another payload perhaps: what we know of them holds.
    if (older && older->zone && gf_schedule_same_ticks(&older->entry, &p->entry) &&
        older->entry.since_ms == p->entry.since_ms) {
        p->held = older->held;
        p->last_ms = older->last_ms;
    }
    gf_planned_advance(p, p->noted_ms);
}

// Nothing can fail from here on.
static void take_over(loading *l, size_t *heap, int64_t version)
{
    gf_plan *plan = l->plan;
    for (size_t i = 0; i < l->count; i++) {
        if (l->taken[i] == SIZE_MAX) {
            place_item(l, i);
            continue;
        }
        gf_planned *old = &plan->items[l->taken[i]];
        l->items[i] = *old;
    }
    for (size_t i = 0; i < l->count; i++)
        if (l->taken[i] != SIZE_MAX)
            plan->items[l->taken[i]].entry = (gf_schedule){ 0 };       // it has moved
    free_items(plan->items, plan->count);
    gf_free(plan->heap);
    plan->items = l->items;
    plan->count = l->count;
    plan->heap = heap;
    plan->version = version;
    for (size_t i = 0; i < plan->count; i++)
        heap[i] = i;
    gf_plan_reorder(plan);
}

gofer_status gf_plan_load(gf_plan *plan, gf_broker *b, gf_report_broken broken, void *arg)
{
    gf_entries all = { 0 };
    gofer_status st = b->ops->cron->entries(b, plan->version, &all);
    if (st != GOFER_OK || all.version == plan->version) {
        gf_entries_clear(&all);
        return st;
    }
    if (plan->version > 0 && all.version < plan->version) {
        gf_entries_clear(&all);
        return gf_fail(GOFER_ESTATE, "the store has lost cron entries");
    }
    loading l = { .plan = plan, .broker = b, .broken = broken, .arg = arg };
    l.items = gf_calloc(all.count + 1, sizeof *l.items);
    l.taken = gf_calloc(all.count + 1, sizeof *l.taken);
    l.older = gf_calloc(all.count + 1, sizeof *l.older);
    size_t *heap = gf_calloc(all.count + 1, sizeof *heap);
    st = l.items && l.taken && l.older && heap ? read_items(&l, &all)
                                               : gf_fail_nomem("cron entries");
    if (st == GOFER_OK)
        st = ask_states(&l);
    if (st == GOFER_OK) {
        take_over(&l, heap, all.version);
    } else {
        if (l.items)
            free_items(l.items, l.count);
        gf_free(heap);
    }
    gf_free(l.taken);
    gf_free(l.older);
    gf_entries_clear(&all);
    return st;
}

// ---- a store that has forgotten -----------------------------------------------------------------

gofer_status gf_plan_restore(gf_plan *plan, gf_broker *b, size_t *restored)
{
    *restored = 0;
    for (size_t i = 0; i < plan->count; i++) {
        gf_planned *p = &plan->items[i];
        char *record;
        if (!p->zone)
            continue;              // not understood; whoever does puts it back
        // Its notes are gone too: what is done would be done again.
        int64_t since_ms = p->entry.since_ms;
        if (p->last_ms > since_ms)
            p->entry.since_ms = p->last_ms;        // for "@every" a beat of the same rhythm
        gofer_status st = gf_schedule_write(&p->entry, &record);
        p->entry.since_ms = since_ms;
        if (st != GOFER_OK)
            return st;
        st = b->ops->cron->entry_put(b, p->entry.name, record, true);
        gf_free(record);
        if (st != GOFER_OK && st != GOFER_EEXIST)
            return st;
        *restored += st == GOFER_OK;
    }
    plan->version = -1;            // whatever it is now, it is not behind
    return GOFER_OK;
}
