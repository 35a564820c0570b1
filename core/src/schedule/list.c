// list.c - the public doors that show cron entries: all, one, what one has enqueued.
//
// May touch: schedule/, broker/broker.h, info/info.h.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "info/info.h"
#include "schedule/book.h"
#include "schedule/due.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

enum { HISTORY_DEFAULT = 30, HISTORY_MAX = 1000, STATES_AT_ONCE = 500 };

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

static gofer_status list_entries(listing *l, gofer_client *client)
{
    gf_entries all = { 0 };
    l->broker = client->broker;
    gofer_status st = gf_book_clock(l->broker, &l->now_ms);
    if (st == GOFER_OK && !(l->list = gf_info_list()))
        st = gf_fail_nomem("a snapshot of cron entries");
    if (st == GOFER_OK)
        st = l->broker->ops->cron->entries(l->broker, -1, &all);
    for (size_t at = 0; at < all.count && st == GOFER_OK;) {
        size_t some = all.count - at < STATES_AT_ONCE ? all.count - at : STATES_AT_ONCE;
        if (!l->only)
            st = add_some(l, all.items + at, some);
        for (size_t i = 0; l->only && i < some && st == GOFER_OK; i++)
            if (strcmp(all.items[at + i].name, l->only) == 0)
                st = add_some(l, all.items + at + i, 1);
        at += some;
    }
    gf_entries_clear(&all);
    if (st == GOFER_OK && (!l->only || gofer_info_count(l->list) == 0))
        st = add_foreign(l);
    gf_zones_clear(&l->zones);
    return st;
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
    gofer_status st = check_door(client, "gofer_client_schedule_history", out);
    if (st == GOFER_OK)
        st = gf_check_name("name of a cron entry", name);
    if (st == GOFER_OK && (limit < 0 || limit > HISTORY_MAX))
        st = gf_fail(GOFER_EINVAL, "limit is %d: it must be from 1 to %d, or 0 (%d)", (int)limit,
            HISTORY_MAX, HISTORY_DEFAULT);
    if (st == GOFER_OK && !client->broker->ops->cron)
        st = gf_client_cannot(client, "the history of cron entries");
    if (st == GOFER_OK)
        st = need_entry(client, name);
    if (st != GOFER_OK)
        return st;
    return client->broker->ops->cron->tick_history(client->broker, name,
        limit ? (size_t)limit : HISTORY_DEFAULT, out);
}
