// look.c - looking at sharded queues: what their slots have, as one queue.
//
// Numbers are sums, times the longest; tasks and groups are listed slot by slot.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/group/group.h"
#include "broker/redis/inspect/inspect.h"
#include "broker/redis/shard/shard.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/sum.h"

// What a member of the door begins with. OK and *all NULL: there are none.
static gofer_status begin(gf_broker *b, gf_rd_shards **all)
{
    gofer_status st = gf_rd_check((gf_rd_store *)b);
    *all = st == GOFER_OK ? gf_rd_shards_take((gf_rd_store *)b) : NULL;
    return st;
}

// OK and *q NULL: the queue is none of them, and nothing is held.
static gofer_status begin_queue(gf_broker *b, const char *queue, gf_rd_shards **all,
    gf_rd_sharded **q)
{
    gofer_status st = begin(b, all);
    *q = queue ? gf_rd_sharded_of(*all, queue) : NULL;
    if (queue && !*q) {
        gf_rd_shards_drop(*all);
        *all = NULL;
    }
    return st;
}

// ---- names --------------------------------------------------------------------------------------

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Slots become the queues they are of, each once.
static gofer_status show_names(const gf_rd_shards *all, gf_names *names)
{
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < names->count && st == GOFER_OK; i++) {
        const char *shown = gf_rd_shards_shown(all, names->names[i]);
        if (shown == names->names[i] || strcmp(shown, names->names[i]) == 0)
            continue;
        char *copy = gf_strdup(shown);
        if (!copy)
            st = gf_fail_nomem("names of queues");
        else
            gf_free(names->names[i]);
        names->names[i] = copy ? copy : names->names[i];
    }
    if (names->count > 1)
        qsort(names->names, names->count, sizeof *names->names, by_text);
    size_t kept = 0;
    for (size_t i = 0; i < names->count; i++) {
        if (kept && strcmp(names->names[kept - 1], names->names[i]) == 0)
            gf_free(names->names[i]);
        else
            names->names[kept++] = names->names[i];
    }
    names->count = kept;
    return st;
}

static gofer_status names_of(gf_broker *b, const char *id, gf_names *out)
{
    gf_rd_shards *all;
    gf_names names = { 0 };
    gofer_status st = begin(b, &all);
    if (st == GOFER_OK)
        st = id ? gf_rd_locate(b, id, &names) : gf_rd_names_inspect(b, &names);
    if (st == GOFER_OK && all)
        st = show_names(all, &names);
    gf_rd_shards_drop(all);
    if (st == GOFER_OK)
        *out = names;
    else
        gf_names_clear(&names);
    return st;
}

gofer_status gf_rd_sharded_names(gf_broker *b, gf_names *out)
{
    return names_of(b, NULL, out);
}

gofer_status gf_rd_sharded_locate(gf_broker *b, const char *id, gf_names *out)
{
    return names_of(b, id, out);
}

// ---- counts, backlog ----------------------------------------------------------------------------

// All slots of these queues, in order; *of: the number of its queue for each. gf_free both. NULL:
// no memory.
static const char **all_slots(const gf_rd_shards *all, const char *const *queues, size_t count,
    size_t **of, size_t *out)
{
    const char *one, *const *slots;
    size_t room = 1, n = 0;
    for (size_t i = 0; i < count; i++)
        room += gf_rd_slots_of(all, queues[i], &one, &slots);
    const char **names = gf_alloc(room * sizeof *names);
    *of = gf_alloc(room * sizeof **of);
    for (size_t i = 0; i < count && names && *of; i++) {
        size_t some = gf_rd_slots_of(all, queues[i], &one, &slots);
        for (size_t k = 0; k < some; k++) {
            (*of)[n] = i;
            names[n++] = slots[k];
        }
    }
    if (!names || !*of) {
        gf_free(names);
        gf_free(*of);
        return NULL;
    }
    *out = n;
    return names;
}

// Of which queues it is true of a slot.
static gofer_status any_slot(gf_broker *b, char *const *queues, size_t count, bool *out,
    gofer_status (*look)(gf_broker *b, char *const *queues, size_t count, bool *out))
{
    gf_rd_shards *all;
    size_t *of, n = 0;
    gofer_status st = begin(b, &all);
    if (!all)
        return st == GOFER_OK ? look(b, queues, count, out) : st;
    const char **names = all_slots(all, (const char *const *)queues, count, &of, &n);
    bool *true_of = names ? gf_calloc(n + 1, sizeof *true_of) : NULL;
    st = true_of ? look(b, (char *const *)names, n, true_of) : gf_fail_nomem("a look at queues");
    if (st == GOFER_OK)
        memset(out, 0, count * sizeof *out);
    for (size_t i = 0; i < n && st == GOFER_OK; i++)
        out[of[i]] |= true_of[i];
    gf_free(true_of);
    if (names)
        gf_free(of);
    gf_free(names);
    gf_rd_shards_drop(all);
    return st;
}

gofer_status gf_rd_sharded_filled(gf_broker *b, char *const *queues, size_t count, bool *out)
{
    return any_slot(b, queues, count, out, gf_rd_filled);
}

gofer_status gf_rd_sharded_closed(gf_broker *b, char *const *queues, size_t count, bool *out)
{
    return any_slot(b, queues, count, out, gf_rd_closed);
}

gofer_status gf_rd_sharded_counts(gf_broker *b, char *const *queues, size_t count, gf_counts *out)
{
    gf_rd_shards *all;
    size_t *of, n = 0;
    gofer_status st = begin(b, &all);
    if (!all)
        return st == GOFER_OK ? gf_rd_counts(b, queues, count, out) : st;
    const char **names = all_slots(all, (const char *const *)queues, count, &of, &n);
    gf_counts *counts = names ? gf_calloc(n + 1, sizeof *counts) : NULL;
    st = counts ? gf_rd_counts(b, (char *const *)names, n, counts)
                : gf_fail_nomem("the counts of queues");
    if (st == GOFER_OK)
        memset(out, 0, count * sizeof *out);
    for (size_t i = 0; i < n && st == GOFER_OK; i++)
        for (size_t k = 0; k < GF_STATE_COUNT; k++)
            out[of[i]].of[k] = gf_sum(out[of[i]].of[k], counts[i].of[k]);
    gf_free(counts);
    if (names)
        gf_free(of);
    gf_free(names);
    gf_rd_shards_drop(all);
    return st;
}

gofer_status gf_rd_sharded_backlog(gf_broker *b, const char *const *queues, size_t count,
    int64_t *out)
{
    gf_rd_shards *all;
    size_t *of, n;
    gofer_status st = begin(b, &all);
    if (!all)
        return st == GOFER_OK ? gf_rd_backlog(b, queues, count, out) : st;
    const char **names = all_slots(all, queues, count, &of, &n);
    st = names ? gf_rd_backlog(b, names, n, out) : gf_fail_nomem("the names of queues");
    if (names)
        gf_free(of);
    gf_free(names);
    gf_rd_shards_drop(all);
    return st;
}

// ---- queues -------------------------------------------------------------------------------------

// One queue out of what its slots [from, end) of the list are; NULL: no memory. A paused slot makes
// the queue paused: its tasks are left alone. It takes envelopes alone if all of them do.
static gofer_info *add_up(const gofer_info *list, const size_t *which, size_t count,
    const gf_rd_sharded *q)
{
    static const char *const sums[] = { "pending", "scheduled", "active", "retry", "completed",
        "archived", "aggregating", "groups", "size", "processed", "failed", "processed_total",
        "failed_total", "archive_deleted", "archive_limit" };
    static const char *const longest[] = { "latency_ms", "longest_running_ms" };
    gofer_info *info = gf_info_record();
    int64_t paused = 0, paused_ms = 0, age_ms = 0, closed = count > 0;
    for (size_t i = 0; i < count; i++) {
        const gofer_info *slot = gofer_info_at(list, which[i]);
        int64_t at_ms = gofer_info_int(slot, "paused_at_ms", 0);
        age_ms = gf_max(age_ms, gofer_info_int(slot, "age_ms", 0));
        paused |= gofer_info_int(slot, "paused", 0);
        closed &= gofer_info_int(slot, "encrypted_only", 0);
        paused_ms = at_ms && (!paused_ms || at_ms < paused_ms) ? at_ms : paused_ms;
    }
    int bad = !info || gf_info_set_text(info, "queue", q->name) != 0 ||
        gf_info_set_bool(info, "paused", paused != 0) != 0 ||
        (paused_ms && gf_info_set_int(info, "paused_at_ms", paused_ms) != 0) ||
        (age_ms && gf_info_set_int(info, "age_ms", age_ms) != 0) ||
        (closed && gf_info_set_bool(info, "encrypted_only", 1) != 0);
    for (size_t f = 0; f < COUNT_OF(sums) && !bad; f++) {
        int64_t sum = 0;
        for (size_t i = 0; i < count; i++)
            sum = gf_sum(sum, gofer_info_int(gofer_info_at(list, which[i]), sums[f], 0));
        bad = gf_info_set_int(info, sums[f], sum);
    }
    for (size_t f = 0; f < COUNT_OF(longest) && !bad; f++) {
        int64_t most = 0;
        for (size_t i = 0; i < count; i++)
            most = gf_max(most, gofer_info_int(gofer_info_at(list, which[i]), longest[f], 0));
        bad = gf_info_set_int(info, longest[f], most);
    }
    if (!bad)
        bad = gf_info_set_int(info, "shards", (int64_t)q->count);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

static gofer_status look_at_one(gf_broker *b, const gf_rd_sharded *q, gofer_info **out)
{
    gofer_info *list;
    size_t which[GF_SHARDS_MAX];
    gofer_status st = gf_rd_queues_look((gf_rd_store *)b, (char *const *)q->slots, q->total, &list);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < q->total; i++)
        which[i] = i;
    *out = add_up(list, which, q->total, q);
    gofer_info_free(list);
    return *out ? GOFER_OK : gf_fail_nomem("a queue");
}

// Which of the list are slots of q.
static size_t slots_in(const gofer_info *list, const gf_rd_shards *all, const gf_rd_sharded *q,
    size_t which[GF_SHARDS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *item = gofer_info_at(list, i);
        const char *name = item ? gofer_info_text(item, "queue") : NULL;
        const gf_rd_slot_name *slot = name ? gf_rd_shards_slot(all, name) : NULL;
        if (slot && slot->of == q && n < GF_SHARDS_MAX)
            which[n++] = i;
    }
    return n;
}

// The list with one line for each sharded queue, where its name would be.
static gofer_status fold(const gf_rd_shards *all, gofer_info *list, gofer_info *out)
{
    int bad = 0;
    const gf_rd_sharded **told = gf_calloc(all->count + 1, sizeof *told);
    size_t told_count = 0;
    for (size_t i = 0; i < gofer_info_count(list) && told && !bad; i++) {
        const gofer_info *item = gofer_info_at(list, i);
        const gf_rd_slot_name *slot = gf_rd_shards_slot(all, gofer_info_text(item, "queue"));
        bool again = false;
        for (size_t k = 0; slot && k < told_count; k++)
            again |= told[k] == slot->of;
        if (again)
            continue;
        if (slot) {
            size_t which[GF_SHARDS_MAX], n = slots_in(list, all, slot->of, which);
            told[told_count++] = slot->of;
            gofer_info *sum = add_up(list, which, n, slot->of);
            bad = !sum || gf_info_add(out, sum) != 0;
        } else {
            bad = gf_info_move(out, list, i);
        }
    }
    gf_free(told);
    return bad || !told ? gf_fail_nomem("the list of queues") : GOFER_OK;
}

gofer_status gf_rd_sharded_queues(gf_broker *b, const char *queue, gofer_info **out)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    gofer_info *list, *folded = NULL;
    gofer_status st = begin_queue(b, queue, &all, &q);
    if (st == GOFER_OK && !all)
        return gf_rd_queues_inspect(b, queue, out);
    if (st == GOFER_OK && q)
        st = look_at_one(b, q, out);
    else if (st == GOFER_OK)
        st = gf_rd_queues_inspect(b, NULL, &list);
    if (st == GOFER_OK && !q) {
        folded = gf_info_list();
        st = folded ? fold(all, list, folded) : GOFER_ENOMEM;
        gofer_info_free(list);
        if (st == GOFER_OK)
            *out = folded;
        else
            gofer_info_free(folded);
    }
    gf_rd_shards_drop(all);
    return st;
}

// The names of the page, and whether there are more behind it.
static void cut_page(gf_names *names, const gf_queue_range *range, bool *more)
{
    size_t kept = 0;
    *more = false;
    for (size_t i = 0; i < names->count; i++) {
        char *name = names->names[i];
        bool fits = gf_queue_range_has(range, name) &&
            (!range->after || strcmp(name, range->after) > 0);
        *more |= fits && range->limit && kept == range->limit;
        if (fits && !*more)
            names->names[kept++] = name;
        else
            gf_free(name);
    }
    names->count = kept;
}

static gofer_status look_at_page(gf_broker *b, const gf_rd_shards *all, const gf_names *names,
    gofer_info **out)
{
    size_t *of, n;
    const char **slots = all_slots(all, (const char *const *)names->names, names->count, &of, &n);
    gofer_info *list = NULL, *folded = gf_info_list();
    gofer_status st = slots && folded ? GOFER_OK : gf_fail_nomem("the list of queues");
    if (st == GOFER_OK)
        st = gf_rd_queues_look((gf_rd_store *)b, (char *const *)slots, n, &list);
    if (st == GOFER_OK)
        st = fold(all, list, folded);
    gofer_info_free(list);
    if (slots)
        gf_free(of);
    gf_free(slots);
    if (st == GOFER_OK)
        *out = folded;
    else
        gofer_info_free(folded);
    return st;
}

gofer_status gf_rd_sharded_queues_page(gf_broker *b, const gf_queue_range *range, gofer_info **out)
{
    gf_rd_shards *all;
    gf_names names = { 0 };
    gofer_info *list = NULL;
    bool more = false;
    gofer_status st = begin(b, &all);
    if (!all)
        return st == GOFER_OK ? gf_rd_queues_page(b, range, out) : st;
    st = gf_rd_sharded_names(b, &names);
    if (st == GOFER_OK)
        cut_page(&names, range, &more);
    if (st == GOFER_OK)
        st = look_at_page(b, all, &names, &list);
    if (st == GOFER_OK && more &&
        gf_info_set_text(list, "next_cursor", names.names[names.count - 1]) != 0)
        st = GOFER_ENOMEM;
    gf_names_clear(&names);
    gf_rd_shards_drop(all);
    if (st == GOFER_OK)
        *out = list;
    else
        gofer_info_free(list);
    return st;
}

// ---- tasks: a page's cursor is "<slot>/<cursor in it>" ------------------------------------------

typedef struct listing {
    gf_broker           *b;
    const gf_rd_sharded *q;
    gf_state             state;
    size_t               limit;
    gofer_info          *list;
} listing;

static gofer_status count_slots(const listing *l, gf_counts counts[GF_SHARDS_MAX])
{
    return gf_rd_counts(l->b, (char *const *)l->q->slots, l->q->total, counts);
}

static gofer_status no_cursor(const listing *l, const char *text)
{
    return gf_fail(GOFER_EINVAL,
        "'%.40s' is not a cursor of %s tasks: use next_cursor of the page before", text,
        gf_state_name(l->state));
}

// "@N" stands behind the first N of all slots; "@N:GROUP" in the slot of that group.
static gofer_status go_to_number(const listing *l, const char *text, size_t *slot, char *inner,
    size_t capacity)
{
    char *end;
    int64_t number = strtoll(text + 1, &end, 10);
    gf_counts counts[GF_SHARDS_MAX];
    if (*end == ':') {
        *slot = gf_rd_slot_of_name(l->q, end + 1);
        snprintf(inner, capacity, "%s", text);
        return GOFER_OK;
    }
    if (number < 0 || *end || end == text + 1)
        return no_cursor(l, text);
    gofer_status st = count_slots(l, counts);
    for (*slot = 0; st == GOFER_OK && *slot + 1 < l->q->total; ++*slot) {
        if (number < counts[*slot].of[l->state])
            break;
        number -= counts[*slot].of[l->state];
    }
    snprintf(inner, capacity, "@%lld", (long long)number);
    return st;
}

// Moves a page of a slot into the list, and says whether that slot has more.
static gofer_status take_page(listing *l, size_t slot, gofer_info *page, bool *more)
{
    const char *next = gofer_info_text(page, "next_cursor");
    int bad = 0;
    for (size_t i = 0, count = gofer_info_count(page); i < count && !bad; i++) {
        gofer_info *task = gf_info_take(page, i);
        bad = gf_info_put_text(task, "queue", l->q->name);
        bad = gf_info_add(l->list, task) | bad;
    }
    *more = next != NULL;
    if (!next || bad)
        return bad ? GOFER_ENOMEM : GOFER_OK;
    size_t room = strlen(next) + 16;
    char *text = gf_alloc(room);
    if (!text)
        return gf_fail_nomem("a cursor");
    snprintf(text, room, "%zu/%s", slot, next);
    bad = gf_info_set_text(l->list, "next_cursor", text);
    gf_free(text);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

// The page is full, and its last slot at its end: do others have some?
static gofer_status say_more(listing *l, size_t next)
{
    gf_counts counts[GF_SHARDS_MAX];
    char text[32];
    gofer_status st = next < l->q->total ? count_slots(l, counts) : GOFER_OK;
    while (next < l->q->total && st == GOFER_OK && counts[next].of[l->state] == 0)
        next++;
    if (st != GOFER_OK || next >= l->q->total)
        return st;
    snprintf(text, sizeof text, "%zu/", next);
    return gf_info_set_text(l->list, "next_cursor", text) == 0 ? GOFER_OK : GOFER_ENOMEM;
}

static gofer_status list_from(listing *l, size_t slot, const char *inner)
{
    bool more = false;
    gofer_status st = GOFER_OK;
    for (; slot < l->q->total && st == GOFER_OK && !more; slot++, inner = NULL) {
        size_t left = l->limit - gofer_info_count(l->list);
        gofer_info *page;
        if (left == 0)
            return say_more(l, slot);
        st = gf_rd_tasks(l->b, l->q->slots[slot], l->state, inner, left, &page);
        if (st == GOFER_ENOTFOUND) {
            st = GOFER_OK;             // nothing was put there yet
            continue;
        }
        if (st != GOFER_OK)
            return st;
        st = take_page(l, slot, page, &more);
        gofer_info_free(page);
    }
    return st;
}

static gofer_status list_tasks(listing *l, const char *cursor)
{
    char inner[GF_NAME_MAX + 64], *end = NULL;
    size_t slot = 0;
    if (!cursor || !*cursor)
        return list_from(l, 0, NULL);
    if (*cursor == '@') {
        gofer_status st = go_to_number(l, cursor, &slot, inner, sizeof inner);
        return st == GOFER_OK ? list_from(l, slot, inner) : st;
    }
    slot = strtoul(cursor, &end, 10);
    if (*cursor < '0' || *cursor > '9' || *end != '/')
        return no_cursor(l, cursor);
    return list_from(l, slot, end[1] ? end + 1 : NULL);
}

gofer_status gf_rd_sharded_tasks(gf_broker *b, const char *queue, gf_state state,
    const char *cursor, size_t limit, gofer_info **out)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    gofer_status st = begin_queue(b, queue, &all, &q);
    if (!q)
        return st == GOFER_OK ? gf_rd_tasks(b, queue, state, cursor, limit, out) : st;
    listing l = { b, q, state, limit, gf_info_list() };
    st = l.list ? list_tasks(&l, cursor) : GOFER_ENOMEM;
    if (st == GOFER_OK)
        *out = l.list;
    else
        gofer_info_free(l.list);
    gf_rd_shards_drop(all);
    return st;
}

// ---- one task -----------------------------------------------------------------------------------

gofer_status gf_rd_sharded_task(gf_broker *b, const char *queue, const char *id, gofer_info **out)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    size_t slot = 0;
    bool found = false;
    gofer_status st = begin_queue(b, queue, &all, &q);
    if (!q)
        return st == GOFER_OK ? gf_rd_task(b, queue, id, out) : st;
    st = gf_rd_slots_find((gf_rd_store *)b, q, &id, 1, &slot, &found);
    if (st == GOFER_OK)
        st = found ? gf_rd_task(b, q->slots[slot], id, out) : GOFER_ENOTFOUND;
    if (st == GOFER_OK && gf_info_put_text(*out, "queue", q->name) != 0) {
        gofer_info_free(*out);
        st = GOFER_ENOMEM;
    }
    gf_rd_shards_drop(all);
    return st == GOFER_ENOTFOUND
        ? gf_fail(st, "no task '%.255s' in queue '%.255s'", id, queue)
        : st;
}

// ---- groups -------------------------------------------------------------------------------------

gofer_status gf_rd_sharded_groups(gf_broker *b, const char *queue, const gf_page *page,
    gofer_info **out)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    gofer_status st = begin_queue(b, queue, &all, &q);
    if (!q)
        return st == GOFER_OK ? gf_rd_groups(b, queue, page, out) : st;
    st = gf_rd_groups_of((gf_rd_store *)b, (char *const *)q->slots, q->total, page, out);
    gf_rd_shards_drop(all);
    return st;
}

// ---- history, what the store says ---------------------------------------------------------------

gofer_status gf_rd_sharded_history(gf_broker *b, const char *queue, int32_t days, gofer_info **out)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    gofer_status st = begin_queue(b, queue, &all, &q);
    if (st == GOFER_OK)
        st = q ? gf_rd_history_of((gf_rd_store *)b, (char *const *)q->slots, q->total, days, out)
               : gf_rd_history(b, queue, days, out);
    gf_rd_shards_drop(all);
    return st;
}

gofer_status gf_rd_sharded_about(gf_broker *b, const char *queue, gofer_info **out)
{
    gf_rd_shards *all;
    gf_rd_sharded *q;
    gofer_info *sum = NULL, *one;
    int64_t memory = 0;
    gofer_status st = begin_queue(b, queue, &all, &q);
    if (st == GOFER_OK && !q)
        st = gf_rd_about(b, queue, &sum);
    for (size_t i = 0; q && i < q->total && st == GOFER_OK; i++) {
        st = gf_rd_about(b, q->slots[i], &one);
        if (st == GOFER_ENOTFOUND) {
            st = GOFER_OK;
            continue;
        }
        if (st != GOFER_OK)
            break;
        memory = gf_sum(memory, gofer_info_int(one, "memory", 0));
        gofer_info_free(sum);
        sum = one;
    }
    if (st == GOFER_OK && q && !sum)
        st = gf_fail(GOFER_ENOTFOUND, "no queue '%s'", queue);
    if (st == GOFER_OK && q) {
        gf_info_drop(sum, "memory");
        st = gf_info_set_int(sum, "memory", memory) == 0 ? GOFER_OK : GOFER_ENOMEM;
    }
    gf_rd_shards_drop(all);
    if (st == GOFER_OK)
        *out = sum;
    else
        gofer_info_free(sum);
    return st;
}
