// broker.c - finds the store behind a URL, and has what is the same for all stores.
//
// The names of states and ends, the freeing of what stores hand out, an act on one task. The one
// place that lists the stores. No state of its own, no locks: any thread.
#include "broker/broker.h"

#include <string.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"

// Every store there is: one line each.
static const gf_broker_ops *const stores[] = {
    &gf_sqlite_ops,
    &gf_redis_ops,
};

static const char *const state_names[GF_STATE_COUNT] = {
    "pending", "active", "scheduled", "retry", "completed", "archived", "aggregating",
};

const char *gf_state_name(gf_state state)
{
    return state < GF_STATE_COUNT ? state_names[state] : "unknown";
}

bool gf_state_parse(const char *name, gf_state *out)
{
    for (int i = 0; i < GF_STATE_COUNT; i++)
        if (strcmp(name, state_names[i]) == 0) {
            *out = (gf_state)i;
            return true;
        }
    return false;
}

gofer_status gf_broker_open(gf_broker **out, const gf_url *url, const gf_broker_config *config)
{
    for (size_t i = 0; i < sizeof stores / sizeof *stores; i++) {
        for (const char *const *scheme = stores[i]->schemes; *scheme; scheme++)
            if (strcmp(url->scheme, *scheme) == 0)
                return stores[i]->open(out, url, config);
    }
    return gf_fail(GOFER_EUNSUPPORTED,
        "the URL '%s' has the unknown scheme '%s': there are sqlite:, memory:, redis:, rediss:, "
        "redis+unix:, "
        "redis-sentinel: and redis-cluster:", url->shown, url->scheme);
}

void gf_broker_close(gf_broker *b)
{
    if (b)
        b->ops->close(b);
}

void gf_claim_free(gf_claim *claim)
{
    gf_free(claim);
}

const char *gf_end_name(gf_end end)
{
    static const char *const names[] = { "done", "archived", "cancelled", "expired", "revoked",
        "deleted" };
    return (size_t)end < sizeof names / sizeof *names ? names[end] : "gone";
}

void gf_group_set_free(gf_group_set *set)
{
    if (set)
        gf_free(set->memory);
    gf_free(set);
}

void gf_entries_clear(gf_entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        gf_free(entries->items[i].name);
        gf_free(entries->items[i].record);
    }
    gf_free(entries->items);
    *entries = (gf_entries){ 0 };
}

bool gf_names_add(gf_names *names, const char *name)
{
    if (!gf_grow(names->names, names->room, names->count + 1))
        return false;
    char *copy = gf_strdup(name);
    if (copy)
        names->names[names->count++] = copy;
    return copy != NULL;
}

void gf_names_clear(gf_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        gf_free(names->names[i]);
    gf_free(names->names);
    *names = (gf_names){ 0 };
}

bool gf_queue_range_has(const gf_queue_range *r, const char *name)
{
    return r->exact ? strcmp(name, r->begin) == 0
                    : strncmp(name, r->begin, strlen(r->begin)) == 0;
}

void gf_item_clear(gf_item *item)
{
    for (size_t i = 0; i < sizeof item->memory / sizeof *item->memory; i++)
        gf_free(item->memory[i]);
    *item = (gf_item){ 0 };
}

int64_t gf_broker_now_ms(gf_broker *b)
{
    return b->ops->upkeep->now_ms(b);
}

gofer_status gf_act_one(gf_broker *b, const char *queue, gf_act act, const char *id)
{
    gofer_status status = GOFER_OK;
    gofer_status st = b->ops->act->tasks_act(b, queue, act, &id, 1, &status);
    return st == GOFER_OK ? status : st;
}
