// find.c - the tasks that match a filter: pages of them, over queues and states.
//
// May touch: broker/broker.h. A store knows pages of one queue and state; what is looked for is
// picked out here, so that every store finds the same. A call looks at a bounded number of tasks
// and tells where to go on.
#include "inspect/inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/fingerprint.h"
#include "util/text.h"

enum { LOOK_MAX = 10000, COUNTED_MAX = 256 };

gofer_status gf_check_state(const char *name, gf_state *out)
{
    if (name && gf_state_parse(name, out))
        return GOFER_OK;
    return gf_fail(GOFER_EINVAL,
        "'%.40s' is not a state: choose pending, scheduled, active, retry, completed, archived or "
        "aggregating",
        name ? name : "(NULL)");
}

// ---- filters ------------------------------------------------------------------------------------

void gofer_filter_init(gofer_filter *filter)
{
    *filter = (gofer_filter){ .size = sizeof *filter };
}

gofer_status gf_filter_read(gofer_filter *out, const gofer_filter *given)
{
    gofer_status st = gf_read_options(out, sizeof *out, given, "gofer_filter");
    if (st == GOFER_OK && out->type)
        st = gf_check_name("type of the filter", out->type);
    if (st == GOFER_OK && out->id)
        st = gf_check_name("id of the filter", out->id);
    if (st == GOFER_OK && out->group)
        st = gf_check_name("group of the filter", out->group);
    if (st == GOFER_OK && out->error && !*out->error)
        st =
            gf_fail(GOFER_EINVAL, "error of the filter is empty: give a part of the text, or NULL");
    if (st == GOFER_OK)
        st = gf_check_duration("older_ms", out->older_ms);
    if (st == GOFER_OK)
        st = gf_check_duration("younger_ms", out->younger_ms);
    return st;
}

bool gf_filter_is_empty(const gofer_filter *f)
{
    return !f->type && !f->error && !f->id && !f->group && !f->older_ms && !f->younger_ms &&
        !f->fingerprint;
}

static bool is_prefix(const char *pattern)
{
    size_t size = strlen(pattern);
    return size && pattern[size - 1] == '*';
}

// Is text the pattern, or does it begin as one that ends in '*' says?
static bool fits(const char *pattern, const char *text)
{
    if (!text)
        return false;
    if (!is_prefix(pattern))
        return strcmp(pattern, text) == 0;
    return strncmp(pattern, text, strlen(pattern) - 1) == 0;
}

const char *gf_filter_id(const gofer_filter *f)
{
    return f->id && !is_prefix(f->id) ? f->id : NULL;
}

// Since when the task is what it is; 0: the store does not tell.
static int64_t since(const gofer_info *task, gf_state state)
{
    static const char *const fields[GF_STATE_COUNT] = {
        [GF_ACTIVE] = "started_at_ms",
        [GF_RETRY] = "last_failed_at_ms",
        [GF_COMPLETED] = "completed_at_ms",
        [GF_ARCHIVED] = "archived_at_ms",
    };
    int64_t at = fields[state] ? gofer_info_int(task, fields[state], 0) : 0;
    return at ? at : gofer_info_int(task, "enqueued_at_ms", 0);
}

static bool is_kind(const char *error, const char *fingerprint)
{
    char its[GF_FINGERPRINT];
    (void)gf_fingerprint(error, its);
    return strcmp(its, fingerprint) == 0;
}

bool gf_filter_matches(const gofer_filter *f, const gofer_info *task, gf_state state,
    int64_t now_ms)
{
    const char *error = gofer_info_text(task, "last_error");
    if (f->type && !fits(f->type, gofer_info_text(task, "type")))
        return false;
    if (f->id && !fits(f->id, gofer_info_text(task, "id")))
        return false;
    if (f->error && (!error || !strstr(error, f->error)))
        return false;
    if (f->fingerprint && !is_kind(error, f->fingerprint))
        return false;
    if (f->group && !fits(f->group, gofer_info_text(task, "group")))
        return false;
    if (!f->older_ms && !f->younger_ms)
        return true;
    int64_t at = since(task, state), age = now_ms - at;
    return at && (!f->older_ms || age >= f->older_ms) && (!f->younger_ms || age < f->younger_ms);
}

// ---- walks --------------------------------------------------------------------------------------

// Those of a list that match the pattern.
static void keep_fitting(gf_walk *w)
{
    size_t kept = 0;
    for (size_t i = 0; i < w->names.count; i++) {
        if (!w->pattern || fits(w->pattern, w->names.names[i]))
            w->names.names[kept++] = w->names.names[i];
        else
            gf_free(w->names.names[i]);
    }
    w->names.count = kept;
}

static gofer_status take_pattern_as_name(gf_walk *w)
{
    return gf_names_add(&w->names, w->pattern) ? GOFER_OK : gf_fail_nomem("the names of queues");
}

static gofer_status load_names(gf_walk *w, const char *id)
{
    gf_broker *b = w->client->broker;
    if (!w->is_pattern)
        return take_pattern_as_name(w);
    gofer_status st =
        id ? b->ops->inspect->locate(b, id, &w->names) : b->ops->inspect->names(b, &w->names);
    if (st == GOFER_OK)
        keep_fitting(w);
    return st;
}

// The one queue must be there.
static gofer_status load_one(gf_walk *w)
{
    gofer_info *one;
    gofer_status st = w->client->broker->ops->inspect->queues(w->client->broker, w->pattern, &one);
    if (st != GOFER_OK)
        return st;
    for (int state = 0; state < GF_STATE_COUNT; state++)
        w->counts[0].of[state] = gofer_info_int(one, gf_state_name((gf_state)state), 0);
    w->counts_to = 1;
    gofer_info_free(one);
    return GOFER_OK;
}

// The counts of the queue where it stands and of those behind it: ever more at once, for who has
// passed over some that are empty will pass over many.
static gofer_status load_counts(gf_walk *w)
{
    if (w->queue_at < w->counts_to)
        return GOFER_OK;
    size_t most = w->counts_to ? 4 * (w->counts_to - w->counts_from) : 1,
           left = w->names.count - w->queue_at;
    most = most < COUNTED_MAX ? most : COUNTED_MAX;
    w->counts_from = w->queue_at;
    w->counts_to = w->queue_at + (most < left ? most : left);
    gf_broker *b = w->client->broker;
    return b->ops->inspect->counts(b, w->names.names + w->counts_from,
        w->counts_to - w->counts_from, w->counts);
}

// Moves on to what has tasks.
static gofer_status skip_empty(gf_walk *w)
{
    for (; !w->ended; w->state_at++) {
        if (w->state_at >= w->state_count) {
            w->state_at = 0;
            w->queue_at++;
        }
        w->ended = w->queue_at >= w->names.count;
        if (w->ended || !w->counted)
            return GOFER_OK;
        gofer_status st = load_counts(w);
        if (st != GOFER_OK || gf_walk_count(w) > 0)
            return st;
    }
    return GOFER_OK;
}

gofer_status gf_walk_open(gf_walk *w, gofer_client *client, const gf_walk_scope *scope)
{
    const char *queue = scope->queue, *id = scope->id;
    *w = (gf_walk){ .client = client, .pattern = queue, .states = scope->states,
        .state_count = scope->state_count };
    w->is_pattern = !queue || (scope->how != GF_WALK_EXACT && is_prefix(queue));
    w->counted = !id && (w->is_pattern || w->state_count > 1 || scope->how != GF_WALK_PLAIN);
    gofer_status st = queue ? gf_check_queue(queue) : GOFER_OK;
    if (st == GOFER_OK)
        st = load_names(w, id);
    bool looked = w->counted || (id && !w->is_pattern);
    if (st == GOFER_OK && looked && !(w->counts = gf_calloc(COUNTED_MAX, sizeof *w->counts)))
        st = gf_fail_nomem("the counts of queues");
    if (st == GOFER_OK && looked && !w->is_pattern)
        st = load_one(w);
    if (st == GOFER_OK)
        st = skip_empty(w);
    if (st != GOFER_OK)
        gf_walk_close(w);
    return st;
}

void gf_walk_close(gf_walk *w)
{
    gf_names_clear(&w->names);
    gf_free(w->counts);
    w->counts = NULL;
}

const char *gf_walk_queue(const gf_walk *w)
{
    return w->names.names[w->queue_at];
}

gf_state gf_walk_state(const gf_walk *w)
{
    return w->states[w->state_at];
}

int64_t gf_walk_count(const gf_walk *w)
{
    return w->counted ? w->counts[w->queue_at - w->counts_from].of[gf_walk_state(w)] : -1;
}

gofer_status gf_walk_next(gf_walk *w)
{
    w->state_at++;
    return skip_empty(w);
}

gofer_status gf_walk_next_queue(gf_walk *w)
{
    w->state_at = w->state_count;
    return skip_empty(w);
}

bool gf_walk_has(const gf_walk *w, const gofer_info *task, gf_state *state)
{
    const char *word = gofer_info_text(task, "state");
    if (!word || !gf_state_parse(word, state))
        return false;
    for (size_t i = 0; i < w->state_count; i++)
        if (w->states[i] == *state)
            return true;
    return false;
}

gofer_status gf_walk_seek(gf_walk *w, const char *queue, gf_state state, bool *walked)
{
    size_t which = 0;
    while (which < w->state_count && w->states[which] != state)
        which++;
    *walked = which < w->state_count;
    if (!*walked)
        return GOFER_OK;
    // The stores list queues in the order of their bytes.
    while (w->queue_at < w->names.count && strcmp(w->names.names[w->queue_at], queue) < 0)
        w->queue_at++;
    w->ended = w->queue_at >= w->names.count;
    w->state_at = !w->ended && strcmp(gf_walk_queue(w), queue) == 0 ? which : 0;
    return skip_empty(w);
}

// ---- cursors ------------------------------------------------------------------------------------
//
// "STATE:SIZE:QUEUE:PLACE", where SIZE counts the bytes of QUEUE and PLACE is the store's.

typedef struct place {
    char        queue[GF_NAME_MAX + 1];
    gf_state    state;
    const char *inner;             // in the text; "" is the start
} place;

static bool place_read(const char *text, place *out)
{
    char state[16], *end;
    size_t word = strcspn(text, ":");
    if (word >= sizeof state || text[word] != ':')
        return false;
    memcpy(state, text, word);
    state[word] = '\0';
    if (!gf_state_parse(state, &out->state) || text[word + 1] < '1' || text[word + 1] > '9')
        return false;
    unsigned long size = strtoul(text + word + 1, &end, 10);
    if (*end != ':' || size > GF_NAME_MAX || strlen(end + 1) <= size || end[1 + size] != ':')
        return false;
    memcpy(out->queue, end + 1, size);
    out->queue[size] = '\0';
    out->inner = end + 2 + size;
    return true;
}

static gofer_status place_show(gofer_info *list, const gf_walk *w, const char *inner)
{
    const char *queue = gf_walk_queue(w), *state = gf_state_name(gf_walk_state(w));
    size_t room = strlen(queue) + strlen(state) + strlen(inner) + 16;
    char *text = gf_alloc(room);
    if (!text)
        return gf_fail_nomem("a cursor");
    snprintf(text, room, "%s:%zu:%s:%s", state, strlen(queue), queue, inner);
    int bad = gf_info_set_text(list, "next_cursor", text);
    gf_free(text);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

// Puts the walk where the cursor says; *inner (gf_free) is where in that queue and
// state, NULL: at its start.
static gofer_status go_to(gf_walk *w, const char *cursor, char **inner)
{
    place at;
    bool walked = false;
    *inner = NULL;
    if (!cursor || !*cursor)
        return GOFER_OK;
    if (place_read(cursor, &at) && (!w->pattern || fits(w->pattern, at.queue))) {
        gofer_status st = gf_walk_seek(w, at.queue, at.state, &walked);
        if (st != GOFER_OK)
            return st;
    }
    if (!walked)
        return gf_fail(GOFER_EINVAL,
            "'%.60s' is not a cursor of this listing: use next_cursor of the page before", cursor);
    // The queue may be gone or empty by now: then the walk stands at the next one's start.
    if (w->ended || !*at.inner || strcmp(gf_walk_queue(w), at.queue) != 0 ||
        gf_walk_state(w) != at.state)
        return GOFER_OK;
    *inner = gf_strdup(at.inner);
    return *inner ? GOFER_OK : gf_fail_nomem("a cursor");
}

// ---- finding ------------------------------------------------------------------------------------

typedef struct find {
    gf_walk      walk;
    gofer_filter filter;
    size_t       limit;
    int64_t      now_ms;
    int64_t      looked;
    char        *inner;            // where in the walk's queue and state; NULL: at its start
    gofer_info  *list;
} find;

static size_t matches_of(const find *f, const gofer_info *page, size_t most, size_t *last)
{
    size_t found = 0;
    for (size_t i = 0; i < gofer_info_count(page) && found < most; i++)
        if (gf_filter_matches(&f->filter, gofer_info_at(page, i), gf_walk_state(&f->walk),
                f->now_ms)) {
            found++;
            *last = i;
        }
    return found;
}

static gofer_status read_page(find *f, size_t size, gofer_info **page)
{
    gf_broker *b = f->walk.client->broker;
    return b->ops->inspect->tasks(b, gf_walk_queue(&f->walk), gf_walk_state(&f->walk), f->inner,
        size, page);
}

// A page of the store that holds no more than what is still wanted and ends with the last of that.
// A store's cursor says where its page ends: one that would hold more is read again, shorter.
static gofer_status read_fitting(find *f, gofer_info **page)
{
    size_t wanted = f->limit - gofer_info_count(f->list), last = 0;
    size_t size = LOOK_MAX - (size_t)f->looked;
    if (size > GF_PAGE_MAX)
        size = GF_PAGE_MAX;
    if (gf_filter_is_empty(&f->filter) && size > wanted)
        size = wanted;
    for (;;) {
        gofer_status st = read_page(f, size, page);
        if (st != GOFER_OK)
            return st;
        if (matches_of(f, *page, wanted, &last) < wanted || last + 1 == gofer_info_count(*page))
            return GOFER_OK;
        size = last + 1;
        gofer_info_free(*page);
    }
}

static gofer_status take_page(find *f, gofer_info *page)
{
    f->looked += (int64_t)gofer_info_count(page);
    for (size_t i = 0; i < gofer_info_count(page); i++)
        if (gf_filter_matches(&f->filter, gofer_info_at(page, i), gf_walk_state(&f->walk),
                f->now_ms) &&
            gf_info_move(f->list, page, i) != 0)
            return GOFER_ENOMEM;
    const char *next = gofer_info_text(page, "next_cursor");
    gf_free(f->inner);
    f->inner = NULL;
    if (!next)
        return gf_walk_next(&f->walk);
    f->inner = gf_strdup(next);
    return f->inner ? GOFER_OK : gf_fail_nomem("a cursor");
}

static gofer_status find_pages(find *f)
{
    while (!f->walk.ended && f->looked < LOOK_MAX && gofer_info_count(f->list) < f->limit) {
        gofer_info *page;
        gofer_status st = read_fitting(f, &page);
        if (st == GOFER_ENOTFOUND && f->walk.is_pattern) {
            gf_free(f->inner);      // the queue was removed meanwhile
            f->inner = NULL;
            st = gf_walk_next(&f->walk);
        } else if (st == GOFER_OK) {
            st = take_page(f, page);
            gofer_info_free(page);
        }
        if (st != GOFER_OK)
            return st;
    }
    return f->walk.ended ? GOFER_OK : place_show(f->list, &f->walk, f->inner ? f->inner : "");
}

// One task, by its id: no page is read.
static gofer_status find_one(find *f, const char *id)
{
    static const char *const alone[] = { "payload", "result", "attempts", "log" };   // not in lists
    gf_broker *b = f->walk.client->broker;
    gofer_status st = GOFER_OK;
    for (; st == GOFER_OK && !f->walk.ended && gofer_info_count(f->list) == 0;
         st = gf_walk_next_queue(&f->walk)) {
        gofer_info *task;
        gf_state state;
        st = b->ops->inspect->task(b, gf_walk_queue(&f->walk), id, &task);
        if (st == GOFER_ENOTFOUND)
            continue;
        if (st != GOFER_OK)
            return st;
        f->looked++;
        if (!gf_walk_has(&f->walk, task, &state) ||
            !gf_filter_matches(&f->filter, task, state, f->now_ms)) {
            gofer_info_free(task);
            continue;
        }
        for (size_t i = 0; i < sizeof alone / sizeof *alone; i++)
            gf_info_drop(task, alone[i]);
        if (gf_info_add(f->list, task) != 0)
            return GOFER_ENOMEM;
    }
    return st;
}

gofer_status gofer_client_find(gofer_client *client, const char *queue, const char *state,
    const gofer_filter *filter, const char *cursor, int32_t limit, gofer_info **out)
{
    static const gf_state order[] = { GF_ACTIVE, GF_PENDING, GF_SCHEDULED, GF_RETRY, GF_ARCHIVED,
        GF_COMPLETED, GF_AGGREGATING };
    find f = { .now_ms = gf_now_ms() };
    gf_state one = GF_PENDING;
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_find: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_find");
    if (st == GOFER_OK)
        st = gf_filter_read(&f.filter, filter);
    if (st == GOFER_OK && state)
        st = gf_check_state(state, &one);
    if (st == GOFER_OK)
        st = gf_check_limit(limit, &f.limit);
    gf_walk_scope scope = { .queue = queue, .states = state ? &one : order,
        .state_count = state ? 1 : sizeof order / sizeof *order, .id = gf_filter_id(&f.filter) };
    if (st == GOFER_OK)
        st = gf_walk_open(&f.walk, client, &scope);
    if (st != GOFER_OK)
        return st;

    st = go_to(&f.walk, cursor, &f.inner);
    if (st == GOFER_OK && !(f.list = gf_info_list()))
        st = GOFER_ENOMEM;
    if (st == GOFER_OK)
        st = gf_filter_id(&f.filter) ? find_one(&f, gf_filter_id(&f.filter)) : find_pages(&f);
    if (st == GOFER_OK && gf_info_set_int(f.list, "looked", f.looked) != 0)
        st = GOFER_ENOMEM;
    gf_walk_close(&f.walk);
    gf_free(f.inner);
    if (st == GOFER_OK)
        *out = f.list;
    else
        gofer_info_free(f.list);
    return st;
}
