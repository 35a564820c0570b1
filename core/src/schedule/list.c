// list.c - the public doors that show cron entries: all, one, what one has enqueued.
//
// May touch: schedule/, broker/broker.h, info/info.h.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "client/opened.h"
#include "info/info.h"
#include "schedule/book.h"
#include "schedule/due.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/text.h"

enum { STATES_AT_ONCE = 500 };

// ---- one entry ----------------------------------------------------------------------------------

// What became of the latest tick that is over, from what the store has noted and the clock.
static void status_text(const gf_schedule *s, const gf_tick_state *state, const gf_zone *zone,
    int64_t now_ms, char *out, size_t size)
{
    int64_t from_ms = state->tick_ms > s->since_ms ? state->tick_ms : s->since_ms, due_ms;
    char tick[GF_TICK_TEXT];
    *out = '\0';
    gf_cron_span span = { from_ms, now_ms, s->since_ms };
    if (!s->paused && gf_cron_latest(&s->cron, zone, span, &due_ms, 1)) {
        gf_tick_text(due_ms, tick);
        if (now_ms - due_ms <= GF_MISSED_AFTER_MS)
            snprintf(out, size, "due: %s", tick);
        else if (s->overlap == GOFER_OVERLAP_QUEUE && state->at_ms)
            snprintf(out, size, "waiting: %s comes when the task before has ended", tick);
        else if (s->missed == GOFER_MISSED_SKIP)
            snprintf(out, size, "skipped: %s was missed, no worker ran", tick);
        else
            snprintf(out, size, "failed: no worker has enqueued %s yet", tick);
        return;
    }
    if (!state->tick_ms)
        return;                    // no tick has come yet
    if (!state->at_ms) {
        snprintf(out, size, "skipped: the task before had not ended");
        return;
    }
    if (state->at_ms - state->tick_ms > GF_MISSED_AFTER_MS)
        snprintf(out, size, "enqueued: %" PRId64 " s late", (state->at_ms - state->tick_ms) / 1000);
    else
        snprintf(out, size, "enqueued");
}

static int set_ticks(gofer_info *info, const gf_schedule *s, const gf_tick_state *state,
    const gf_zone *zone, int64_t now_ms)
{
    char status[160];
    int bad = 0;
    int64_t next_ms = s->paused
        ? -1
        : gf_cron_next(&s->cron, zone, now_ms > s->since_ms ? now_ms : s->since_ms, s->since_ms);
    if (next_ms > 0)
        bad |= gf_info_set_int(info, "next_run_at_ms", next_ms);
    if (state->tick_ms)
        bad |= gf_info_set_int(info, "last_tick_ms", state->tick_ms);
    if (state->at_ms)
        bad |= gf_info_set_int(info, "last_enqueued_at_ms", state->at_ms);
    if (*state->id)
        bad |= gf_info_set_text(info, "last_id", state->id);
    status_text(s, state, zone, now_ms, status, sizeof status);
    return *status ? bad | gf_info_set_text(info, "last_status", status) : bad;
}

static gofer_status show(const gf_schedule *s, const gf_tick_state *state, gf_zones *zones,
    int64_t now_ms, gofer_info *info)
{
    const gf_zone *zone;
    int bad = gf_info_set_text(info, "name", s->name) | gf_info_set_text(info, "spec", s->spec) |
        gf_info_set_text(info, "tz", s->tz) | gf_info_set_message(info, &s->task, 1) |
        gf_info_set_bool(info, "paused", s->paused) |
        gf_info_set_text(info, "missed", gf_missed_word(s->missed)) |
        gf_info_set_int(info, "missed_max", s->missed_max) |
        gf_info_set_text(info, "overlap", gf_overlap_word(s->overlap)) |
        gf_info_set_int(info, "jitter_ms", s->jitter_ms) |
        gf_info_set_text(info, "source", s->source) | gf_info_set_bool(info, "foreign", 0);
    gf_info_drop(info, "id");      // it has tasks, but is none
    gf_info_drop(info, "retried");
    gf_info_drop(info, "crashes");
    if (s->expires_ms)
        bad |= gf_info_set_int(info, "expires_ms", s->expires_ms);
    if (bad)
        return gf_fail_nomem("a snapshot of cron entries");
    // Another machine may know zones that this one does not: the entry is shown,
    // when it comes is not.
    if (gf_zones_get(zones, s->tz, &zone) != GOFER_OK)
        return gf_info_set_text(info, "last_status", gofer_error_last())
            ? gf_fail_nomem("a snapshot of cron entries")
            : GOFER_OK;
    return set_ticks(info, s, state, zone, now_ms) ? gf_fail_nomem("a snapshot of cron entries")
                                                   : GOFER_OK;
}

static gofer_status show_unreadable(const gf_entry *e, gofer_info *info)
{
    int bad = gf_info_set_text(info, "name", e->name) |
        gf_info_set_text(info, "last_status", gofer_error_last()) |
        gf_info_set_bool(info, "foreign", 0);
    return bad ? gf_fail_nomem("a snapshot of cron entries") : GOFER_OK;
}

// ---- many ---------------------------------------------------------------------------------------

typedef struct listing {
    gf_broker   *broker;
    gf_zones     zones;
    int64_t      now_ms;
    gofer_info  *list;
    const char  *only;             // NULL: all
} listing;

// A few at a time, so that what the store knows of them comes in one question.
static gofer_status add_some(listing *l, const gf_entry *entries, size_t count)
{
    gf_schedule *some = gf_calloc(count, sizeof *some);
    gf_tick_state *states = gf_calloc(count, sizeof *states);
    size_t readable = 0;
    gofer_status st = some && states ? GOFER_OK : gf_fail_nomem("cron entries");
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        if (gf_schedule_read(&some[readable], entries[i].name, entries[i].record) == GOFER_OK) {
            states[readable] =
                (gf_tick_state){ .entry = some[readable].name, .queue = some[readable].task.queue };
            readable++;
            continue;
        }
        gofer_info *info = gf_info_record();
        st =
            info ? show_unreadable(&entries[i], info) : gf_fail_nomem("a snapshot of cron entries");
        if (info && gf_info_add(l->list, info) != 0)
            st = gf_fail_nomem("a snapshot of cron entries");
    }
    if (st == GOFER_OK && readable)
        st = l->broker->ops->cron->tick_states(l->broker, states, readable);
    for (size_t i = 0; i < readable; i++) {
        gofer_info *info = st == GOFER_OK ? gf_info_record() : NULL;
        if (st == GOFER_OK)
            st = info ? show(&some[i], &states[i], &l->zones, l->now_ms, info)
                      : gf_fail_nomem("a snapshot of cron entries");
        if (info && gf_info_add(l->list, info) != 0)
            st = gf_fail_nomem("a snapshot of cron entries");
        gf_schedule_clear(&some[i]);
    }
    gf_free(states);
    gf_free(some);
    return st;
}

static gofer_status add_foreign(listing *l)
{
    gofer_info *foreign = NULL;
    if (!l->broker->ops->peers)
        return GOFER_OK;
    gofer_status st = l->broker->ops->peers->foreign(l->broker, &foreign);
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(foreign); i++)
        if (gf_info_move(l->list, foreign, i) != 0)
            st = gf_fail_nomem("a snapshot of cron entries");
    gofer_info_free(foreign);
    return st;
}

static gofer_status listing_begin(listing *l, gofer_client *client, gf_entries *all)
{
    l->broker = client->broker;
    gofer_status st = gf_book_clock(l->broker, &l->now_ms);
    if (st == GOFER_OK && !(l->list = gf_info_list()))
        st = gf_fail_nomem("a snapshot of cron entries");
    return st == GOFER_OK ? l->broker->ops->cron->entries(l->broker, -1, all) : st;
}

// Those from `at` up to `end`.
static gofer_status add_own(listing *l, const gf_entries *all, size_t at, size_t end)
{
    gofer_status st = GOFER_OK;
    for (size_t some; at < end && st == GOFER_OK; at += some) {
        some = gf_min_size(end - at, STATES_AT_ONCE);
        st = add_some(l, all->items + at, some);
    }
    return st;
}

static gofer_status open_payloads(const gofer_client *client, const gofer_info *list)
{
    gofer_status st = GOFER_OK;
    for (size_t i = 0; client->keys && i < gofer_info_count(list) && st == GOFER_OK; i++)
        st = gf_show_opened(client, (gofer_info *)(uintptr_t)gofer_info_at(list, i));
    return st;
}

static gofer_status list_entries(listing *l, gofer_client *client)
{
    gf_entries all = { 0 };
    gofer_status st = listing_begin(l, client, &all);
    if (st == GOFER_OK && !l->only)
        st = add_own(l, &all, 0, all.count);
    for (size_t i = 0; l->only && i < all.count && st == GOFER_OK; i++)
        if (strcmp(all.items[i].name, l->only) == 0)
            st = add_some(l, all.items + i, 1);
    gf_entries_clear(&all);
    if (st == GOFER_OK && (!l->only || gofer_info_count(l->list) == 0))
        st = add_foreign(l);
    gf_zones_clear(&l->zones);
    return st == GOFER_OK ? open_payloads(client, l->list) : st;
}

static gofer_status check_door(gofer_client *client, const char *what, const void *out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "%s: out is NULL", what);
    gofer_status st = gf_client_check(client, what);
    if (st == GOFER_OK && !client->broker->ops->cron)
        st = gf_client_cannot(client, "cron entries");
    return st;
}

gofer_status gofer_client_schedules(gofer_client *client, gofer_info **out)
{
    listing l = { 0 };
    gofer_status st = check_door(client, "gofer_client_schedules", out);
    if (st != GOFER_OK)
        return st;
    st = list_entries(&l, client);
    if (st == GOFER_OK)
        *out = l.list;
    else
        gofer_info_free(l.list);
    return st;
}

// ---- a page -------------------------------------------------------------------------------------
//
// The own ones by name, then the foreign ones: a cursor is "own:NAME" or "other:NUMBER:NAME", the
// last one shown; the number counts those of this name that were, for two schedulers may have an
// entry of one name. "other:0:" is before the first of them. The records of all are read, as every
// worker does; snapshots are made of the page.

typedef struct place {
    bool        is_foreign;
    size_t      shown;             // of this name
    const char *name;              // borrowed from the cursor; "": from the first
} place;

static gofer_status read_place(const char *cursor, place *out)
{
    unsigned long shown = 0;
    int size = 0;
    *out = (place){ .name = "" };
    if (!cursor)
        return GOFER_OK;
    if (strncmp(cursor, "own:", 4) == 0 && cursor[4]) {
        out->name = cursor + 4;
        return GOFER_OK;
    }
    if (sscanf(cursor, "other:%9lu:%n", &shown, &size) == 1 && size > 0) {
        *out = (place){ .is_foreign = true, .shown = shown, .name = cursor + size };
        return GOFER_OK;
    }
    return gf_fail(GOFER_EINVAL,
        "'%.40s' is not a cursor of cron entries: use next_cursor of the page before", cursor);
}

static gofer_status set_place(gofer_info *list, const place *at)
{
    size_t room = strlen(at->name) + 32;
    char *text = gf_alloc(room);
    int bad = !text;
    if (text && at->is_foreign)
        snprintf(text, room, "other:%zu:%s", at->shown, at->name);
    else if (text)
        snprintf(text, room, "own:%s", at->name);
    if (text)
        bad = gf_info_set_text(list, "next_cursor", text);
    gf_free(text);
    return bad ? gf_fail_nomem("a snapshot of cron entries") : GOFER_OK;
}

// Where a foreign one is in its list.
typedef struct foreign_one {
    const char *name;
    size_t      at;
} foreign_one;

static int by_name(const void *a, const void *b)
{
    const foreign_one *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->at > y->at) - (x->at < y->at);
}

static foreign_one *sort_foreign(const gofer_info *foreign)
{
    size_t count = gofer_info_count(foreign);
    foreign_one *ones = gf_calloc(count + 1, sizeof *ones);
    for (size_t i = 0; ones && i < count; i++) {
        const char *name = gofer_info_text(gofer_info_at(foreign, i), "name");
        ones[i] = (foreign_one){ name ? name : "", i };
    }
    if (ones && count > 1)
        qsort(ones, count, sizeof *ones, by_name);
    return ones;
}

static gofer_status move_foreign(listing *l, gofer_info *foreign, const foreign_one *ones,
    const place *from, size_t limit)
{
    size_t count = gofer_info_count(foreign), at = 0, same = 0;
    while (at < count && strcmp(ones[at].name, from->name) < 0)
        at++;
    while (at < count && same < from->shown && strcmp(ones[at].name, from->name) == 0)
        at++, same++;
    place last = *from;
    for (; at < count && gofer_info_count(l->list) < limit; at++) {
        last.shown = strcmp(ones[at].name, last.name) == 0 ? last.shown + 1 : 1;
        last.name = ones[at].name;
        if (gf_info_move(l->list, foreign, ones[at].at) != 0)
            return gf_fail_nomem("a snapshot of cron entries");
    }
    return at < count ? set_place(l->list, &last) : GOFER_OK;
}

static gofer_status add_foreign_page(listing *l, const place *from, size_t limit)
{
    gofer_info *foreign = NULL;
    if (!l->broker->ops->peers)
        return GOFER_OK;
    gofer_status st = l->broker->ops->peers->foreign(l->broker, &foreign);
    if (st != GOFER_OK)
        return st;
    foreign_one *ones = sort_foreign(foreign);
    st = ones ? move_foreign(l, foreign, ones, from, limit)
              : gf_fail_nomem("a snapshot of cron entries");
    gf_free(ones);
    gofer_info_free(foreign);
    return st;
}

static gofer_status add_page(listing *l, const gf_entries *all, const place *from, size_t limit)
{
    const place first = { .is_foreign = true, .name = "" };
    size_t at = 0;
    if (from->is_foreign)
        return add_foreign_page(l, from, limit);
    while (at < all->count && strcmp(all->items[at].name, from->name) <= 0)
        at++;
    size_t end = at + gf_min_size(limit, all->count - at);
    gofer_status st = add_own(l, all, at, end);
    if (st != GOFER_OK)
        return st;
    if (end < all->count)
        return set_place(l->list, &(place){ .name = all->items[end - 1].name });
    return add_foreign_page(l, &first, limit);
}

gofer_status gofer_client_schedules_page(gofer_client *client, const char *cursor, int32_t limit,
    gofer_info **out)
{
    listing l = { 0 };
    gf_entries all = { 0 };
    gf_page page;
    place from;
    gofer_status st = check_door(client, "gofer_client_schedules_page", out);
    if (st == GOFER_OK)
        st = gf_client_page(cursor, limit, &page);
    if (st == GOFER_OK)
        st = read_place(page.cursor, &from);
    if (st != GOFER_OK)
        return st;
    st = listing_begin(&l, client, &all);
    if (st == GOFER_OK)
        st = add_page(&l, &all, &from, page.limit);
    gf_entries_clear(&all);
    gf_zones_clear(&l.zones);
    return gf_info_hand_over(st, l.list, out);
}

// ---- one ----------------------------------------------------------------------------------------

gofer_status gofer_client_schedule(gofer_client *client, const char *name, gofer_info **out)
{
    gofer_status st = check_door(client, "gofer_client_schedule", out);
    if (st == GOFER_OK)
        st = gf_check_name("name of a cron entry", name);
    if (st != GOFER_OK)
        return st;
    listing l = { .only = name };
    gofer_info *one = NULL;
    st = list_entries(&l, client);
    for (size_t i = 0; st == GOFER_OK && !one && i < gofer_info_count(l.list); i++) {
        const char *found = gofer_info_text(gofer_info_at(l.list, i), "name");
        if (found && strcmp(found, name) == 0 && !(one = gf_info_take(l.list, i)))
            st = gf_fail_nomem("a snapshot of a cron entry");
    }
    gofer_info_free(l.list);
    if (st == GOFER_OK && !one)
        st = gf_fail(GOFER_ENOTFOUND, "there is no cron entry '%.200s'", name);
    if (st == GOFER_OK)
        *out = one;
    return st;
}

// One of ours, or of a Go scheduler's.
static gofer_status need_entry(gofer_client *client, const char *name)
{
    gf_schedule s;
    gofer_info *foreign = NULL;
    gofer_status st = gf_book_find(client->broker, name, &s);
    if (st == GOFER_OK)
        gf_schedule_clear(&s);
    else if (st == GOFER_ENOTFOUND && client->broker->ops->peers)
        st = gofer_client_schedule(client, name, &foreign);
    gofer_info_free(foreign);
    return st;
}

gofer_status gofer_client_schedule_history(gofer_client *client, const char *name, int32_t limit,
    gofer_info **out)
{
    size_t most;
    gofer_status st = check_door(client, "gofer_client_schedule_history", out);
    if (st == GOFER_OK)
        st = gf_check_name("name of a cron entry", name);
    if (st == GOFER_OK)
        st = gf_check_limit(limit, &most);
    if (st == GOFER_OK && !client->broker->ops->cron)
        st = gf_client_cannot(client, "the history of cron entries");
    if (st == GOFER_OK)
        st = need_entry(client, name);
    if (st != GOFER_OK)
        return st;
    return client->broker->ops->cron->tick_history(client->broker, name, most,
        out);
}
