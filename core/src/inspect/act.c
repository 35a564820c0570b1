// act.c - run, archive, delete or cancel many tasks, in bounded steps beside the running work.
//
// May touch: broker/broker.h. Changing a list while one reads it by pages is how bulk operations
// miss half of it: a page's cursor names its last task, so the page behind is read before
// that task is changed.
#include <string.h>

#include "client/client.h"
#include "inspect/inspect.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"

enum { STEP = 500 };

// In the direction in which tasks go by themselves, so that one that moves on
// meanwhile is met again.
static const gf_state flow[] = { GF_SCHEDULED, GF_RETRY, GF_AGGREGATING, GF_PENDING, GF_ACTIVE,
    GF_COMPLETED, GF_ARCHIVED };
enum { FLOW = sizeof flow / sizeof *flow };

typedef struct acting {
    gofer_client      *client;
    int32_t            act;
    gofer_filter       filter;
    gofer_act_progress progress;
    void              *user;
    int64_t            now_ms, looked, done;
} acting;

// ---- what may be done where ---------------------------------------------------------------------

// gofer.h says so at each.
static bool may(int32_t act, gf_state from)
{
    switch (act) {
    case GOFER_ACT_RUN:
        return from == GF_SCHEDULED || from == GF_RETRY || from == GF_ARCHIVED ||
            from == GF_AGGREGATING;
    case GOFER_ACT_ARCHIVE:
        return from == GF_PENDING || from == GF_SCHEDULED || from == GF_RETRY ||
            from == GF_AGGREGATING;
    case GOFER_ACT_CANCEL:
        return from != GF_COMPLETED && from != GF_ARCHIVED;
    case GOFER_ACT_DELETE:
        return from != GF_ACTIVE;
    default:
        return true;               // counting
    }
}

static gf_act store_act(int32_t act)
{
    return act == GOFER_ACT_RUN ? GF_ACT_RUN : act == GOFER_ACT_ARCHIVE ? GF_ACT_ARCHIVE
         : act == GOFER_ACT_DELETE ? GF_ACT_DELETE : GF_ACT_CANCEL;
}

// ---- steps --------------------------------------------------------------------------------------

static gofer_status report(acting *a, int64_t looked, int64_t done)
{
    a->looked += looked;
    a->done += done;
    if (a->progress && a->progress(a->user, a->looked, a->done) != 0)
        return gf_fail(GOFER_EHANDLER, "stopped by its progress function after %lld tasks",
            (long long)a->done);
    return GOFER_OK;
}

// Acts on tasks by name; one that is gone or in another state by now is passed over.
static gofer_status act_on_ids(acting *a, const char *queue, const char *const *ids, size_t count,
    int64_t *done)
{
    gf_broker *b = a->client->broker;
    gofer_status statuses[STEP];
    *done = 0;
    if (count == 0)
        return GOFER_OK;
    gofer_status st = b->ops->act->tasks_act(b, queue, store_act(a->act), ids, count, statuses);
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        if (statuses[i] == GOFER_OK)
            ++*done;
        else if (statuses[i] != GOFER_ENOTFOUND && statuses[i] != GOFER_ESTATE)
            st = gf_fail(statuses[i], "task '%s' of queue '%s': %s", ids[i], queue,
                gofer_status_text(statuses[i]));
    }
    return st;
}

static gofer_status act_on_page(acting *a, const gf_walk *w, const gofer_info *page)
{
    const char *ids[STEP];
    size_t count = 0;
    int64_t done;
    for (size_t i = 0; i < gofer_info_count(page) && count < STEP; i++)
        if (gf_filter_matches(&a->filter, gofer_info_at(page, i), gf_walk_state(w), a->now_ms))
            ids[count++] = gofer_info_text(gofer_info_at(page, i), "id");
    gofer_status st = GOFER_OK;
    if (a->act == GOFER_ACT_COUNT)
        done = (int64_t)count;
    else
        st = act_on_ids(a, gf_walk_queue(w), ids, count, &done);
    gofer_status reported = report(a, (int64_t)gofer_info_count(page), done);
    return st != GOFER_OK ? st : reported;
}

// All pages of the walk's queue and state.
static gofer_status act_on_pages(acting *a, const gf_walk *w)
{
    gf_broker *b = a->client->broker;
    gofer_info *page, *next = NULL;
    gofer_status st =
        b->ops->inspect->tasks(b, gf_walk_queue(w), gf_walk_state(w), NULL, STEP, &page);
    while (st == GOFER_OK && page) {
        const char *cursor = gofer_info_text(page, "next_cursor");
        next = NULL;
        if (cursor)
            st = b->ops->inspect->tasks(b, gf_walk_queue(w), gf_walk_state(w), cursor, STEP, &next);
        if (st == GOFER_OK)
            st = act_on_page(a, w, page);
        gofer_info_free(page);
        page = next;
    }
    if (st != GOFER_OK)
        gofer_info_free(next);
    return st;
}

// Without a filter the store does it alone, and no id travels. No more than there were, or a busy
// producer would keep it going for ever.
static gofer_status move_all(acting *a, const gf_walk *w)
{
    gf_broker *b = a->client->broker;
    gf_state to = a->act == GOFER_ACT_RUN ? GF_PENDING
        : a->act == GOFER_ACT_ARCHIVE     ? GF_ARCHIVED
                                          : GF_STATE_COUNT;
    int64_t left = gf_walk_count(w);
    size_t done = STEP;
    gofer_status st = GOFER_OK;
    while (st == GOFER_OK && done == STEP && left > 0) {
        st = b->ops->act->tasks_move(b, gf_walk_queue(w), gf_walk_state(w), to, STEP, &done);
        if (st == GOFER_OK)
            st = report(a, (int64_t)done, (int64_t)done);
        left -= (int64_t)done;
    }
    return st;
}

static gofer_status act_on_one(acting *a, const gf_walk *w, const char *id)
{
    gf_broker *b = a->client->broker;
    const char *const ids[] = { id };
    gofer_info *task;
    gf_state state;
    int64_t done = 1;
    gofer_status st = b->ops->inspect->task(b, gf_walk_queue(w), id, &task);
    if (st != GOFER_OK)
        return st;
    if (gf_walk_has(w, task, &state) && gf_filter_matches(&a->filter, task, state, a->now_ms)) {
        if (a->act != GOFER_ACT_COUNT)
            st = act_on_ids(a, gf_walk_queue(w), ids, 1, &done);
        if (st == GOFER_OK)
            st = report(a, 1, done);
    }
    gofer_info_free(task);
    return st;
}

static gofer_status act_here(acting *a, const gf_walk *w)
{
    if (!gf_filter_is_empty(&a->filter) || a->act == GOFER_ACT_CANCEL)
        return act_on_pages(a, w);
    if (a->act == GOFER_ACT_COUNT)
        return report(a, 0, gf_walk_count(w));
    return move_all(a, w);
}

// ---- doors --------------------------------------------------------------------------------------

static gofer_status act_on_all(acting *a, const char *queue, const gf_state *states,
    size_t state_count, bool exact)
{
    gf_walk w;
    const char *id = gf_filter_id(&a->filter);
    gf_walk_scope scope = { .queue = queue, .how = exact ? GF_WALK_EXACT : GF_WALK_COUNTED,
        .states = states, .state_count = state_count, .id = id };
    gofer_status st = gf_walk_open(&w, a->client, &scope);
    if (st != GOFER_OK)
        return st;
    while (st == GOFER_OK && !w.ended) {
        st = id ? act_on_one(a, &w, id) : act_here(a, &w);
        if (st == GOFER_ENOTFOUND && (w.is_pattern || id))
            st = GOFER_OK;         // the queue or the task was removed meanwhile
        if (st == GOFER_OK)
            st = id ? gf_walk_next_queue(&w) : gf_walk_next(&w);
    }
    gf_walk_close(&w);
    return st;
}

// state NULL: in every state that the act allows.
static gofer_status act_on_state(acting *a, const char *queue, const char *state, bool exact)
{
    gf_state allowed[FLOW], one;
    size_t count = 0;
    if (state) {
        gofer_status st = gf_check_state(state, &one);
        if (st != GOFER_OK)
            return st;
        if (!may(a->act, one))
            return gf_fail(GOFER_ESTATE, "%s: not possible for %s tasks",
                a->act == GOFER_ACT_RUN ? "run" : a->act == GOFER_ACT_ARCHIVE ? "archive"
                : a->act == GOFER_ACT_DELETE ? "delete" : "cancel", state);
        return act_on_all(a, queue, &one, 1, exact);
    }
    for (size_t i = 0; i < FLOW; i++)
        if (may(a->act, flow[i]))
            allowed[count++] = flow[i];
    return act_on_all(a, queue, allowed, count, exact);
}

gofer_status gofer_client_act(gofer_client *client, int32_t act, const char *queue,
    const char *state, const gofer_filter *filter, gofer_act_progress progress, void *user,
    int64_t *done)
{
    acting a = { .client = client,
        .act = act,
        .progress = progress,
        .user = user,
        .now_ms = gf_now_ms() };
    gofer_status st = gf_client_check(client, "gofer_client_act");
    if (st == GOFER_OK && (act < GOFER_ACT_COUNT || act > GOFER_ACT_CANCEL))
        st = gf_fail(GOFER_EINVAL, "act is %d: it must be a GOFER_ACT_ value", (int)act);
    if (st == GOFER_OK)
        st = gf_filter_read(&a.filter, filter);
    if (st == GOFER_OK)
        st = act_on_state(&a, queue, state, false);
    if (done)
        *done = a.done;
    return st;
}

static gofer_status all_of(gofer_client *client, const char *what, int32_t act, const char *queue,
    const char *state, int64_t *count)
{
    acting a = { .client = client, .act = act, .now_ms = gf_now_ms() };
    gf_state known;
    gofer_status st = gf_client_check(client, what);
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st == GOFER_OK)
        st = gf_check_state(state, &known);
    if (st == GOFER_OK)
        st = act_on_state(&a, queue, state, true);
    if (count)
        *count = a.done;
    return st;
}

gofer_status gofer_client_tasks_run(gofer_client *client, const char *queue, const char *state,
    int64_t *count)
{
    return all_of(client, "gofer_client_tasks_run", GOFER_ACT_RUN, queue, state, count);
}

gofer_status gofer_client_tasks_archive(gofer_client *client, const char *queue, const char *state,
    int64_t *count)
{
    return all_of(client, "gofer_client_tasks_archive", GOFER_ACT_ARCHIVE, queue, state, count);
}

gofer_status gofer_client_tasks_delete(gofer_client *client, const char *queue, const char *state,
    int64_t *count)
{
    return all_of(client, "gofer_client_tasks_delete", GOFER_ACT_DELETE, queue, state, count);
}
