// shown.c - cron entries as Asynq's tools see them (wire.md sections 8 and 12): ours written as a
// scheduler's, by one of our workers at a time, and those of Go's schedulers read.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/cron/shown.h"
#include "info/info.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/go_text.h"

static const char LOCK[] = "asynq:gofer:shown";

// Our schedulers' names begin so, which tells them from Go's.
static const char FRONT[] = "gofer:";

// ---- option strings -----------------------------------------------------------------------------

size_t gf_rd_options_of(const gf_message *m, gf_rd_option out[GF_RD_OPTIONS_MAX])
{
    char text[GF_RD_OPTION_SIZE - 16];
    size_t n = 0;
    gf_go_quote(m->queue, text, sizeof text);
    snprintf(out[n++].text, GF_RD_OPTION_SIZE, "Queue(%s)", text);
    snprintf(out[n++].text, GF_RD_OPTION_SIZE, "MaxRetry(%d)", (int)m->max_retry);
    if (m->timeout_ms) {
        gf_go_duration(m->timeout_ms, text, sizeof text);
        snprintf(out[n++].text, GF_RD_OPTION_SIZE, "Timeout(%s)", text);
    }
    if (m->deadline_ms) {
        gf_go_date(m->deadline_ms, text, sizeof text);
        snprintf(out[n++].text, GF_RD_OPTION_SIZE, "Deadline(%s)", text);
    }
    if (m->retention_ms) {
        gf_go_duration(m->retention_ms, text, sizeof text);
        snprintf(out[n++].text, GF_RD_OPTION_SIZE, "Retention(%s)", text);
    }
    return n;
}

// ---- showing ------------------------------------------------------------------------------------

static const gf_rd_script lock_script = {
    .name = "lock what is shown",
    .text = gf_rd_lua_lock_shown,
};

static const gf_rd_script unlock_script = {
    .name = "unlock what is shown",
    .allow_oom = true,
    .text = gf_rd_lua_unlock_shown,
};

static gofer_status call_lock(gf_rd_store *s, const gf_rd_script *script, const char *who,
    int64_t ttl_ms, bool *ours)
{
    redisReply *reply;
    gf_rd_cmd cmd = { .script = script,
        .key_count = 1,
        .slot = gf_rd_slot(LOCK, sizeof LOCK - 1),
        .repeatable = true };
    gf_rd_add(&cmd.args, LOCK);
    gf_rd_add(&cmd.args, who);
    if (ttl_ms)
        gf_rd_add_int(&cmd.args, ttl_ms);
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *ours = gf_rd_reply_int(reply, 0) == 1;
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

typedef struct shown {
    gf_rd_option options[GF_RD_OPTIONS_MAX];
    const char  *pointers[GF_RD_OPTIONS_MAX];
} shown;

static gofer_status write_all(gf_rd_store *s, const char *who, const gf_shown_entry *entries,
    size_t count, int64_t ttl_ms)
{
    gf_wire_entry *wire = gf_calloc(count + 1, sizeof *wire);
    shown *texts = gf_calloc(count + 1, sizeof *texts);
    gofer_status st = wire && texts ? GOFER_OK : gf_fail_nomem("cron entries to be shown");
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        const gf_message *m = entries[i].message;
        size_t n = gf_rd_options_of(m, texts[i].options);
        for (size_t k = 0; k < n; k++)
            texts[i].pointers[k] = texts[i].options[k].text;
        wire[i] = (gf_wire_entry){
            .id = entries[i].name,
            .spec = entries[i].spec,
            .task_type = m->type,
            .payload = m->payload,
            .payload_size = m->payload_size,
            .options = texts[i].pointers,
            .option_count = n,
            .next_ms = entries[i].next_ms,
            .prev_ms = entries[i].previous_ms,
        };
    }
    if (st == GOFER_OK)
        st = gf_rd_schedule_write(s, who, wire, count, gf_seconds_up(ttl_ms));
    gf_free(wire);
    gf_free(texts);
    return st;
}

gofer_status gf_rd_entries_show(gf_broker *b, const char *scheduler, const gf_shown_entry *entries,
    size_t count, int64_t ttl_ms)
{
    gf_rd_store *s = (gf_rd_store *)b;
    char who[GF_ID_MAX + sizeof FRONT];
    bool ours = false;
    gofer_status st = gf_rd_check(s);
    snprintf(who, sizeof who, "%s%s", FRONT, scheduler);
    if (st == GOFER_OK)
        st = call_lock(s, &lock_script, who, ttl_ms > 0 ? ttl_ms : 1, &ours);
    return st == GOFER_OK && ours ? write_all(s, who, entries, count, ttl_ms) : st;
}

gofer_status gf_rd_entries_hide(gf_broker *b, const char *scheduler)
{
    gf_rd_store *s = (gf_rd_store *)b;
    char who[GF_ID_MAX + sizeof FRONT];
    bool ours = false;
    gofer_status st = gf_rd_check(s);
    snprintf(who, sizeof who, "%s%s", FRONT, scheduler);
    if (st == GOFER_OK)
        st = gf_rd_schedule_clear(s, who);
    return st == GOFER_OK ? call_lock(s, &unlock_script, who, 0, &ours) : st;
}

// ---- those of others ----------------------------------------------------------------------------

// The argument of `Name(argument)`; false: another option. Ends at the last parenthesis.
static bool argument_of(const char *option, const char *name, char *out, size_t room)
{
    size_t size = strlen(name);
    const char *end = strrchr(option, ')');
    if (strncmp(option, name, size) != 0 || option[size] != '(' || !end)
        return false;
    snprintf(out, room, "%.*s", (int)(end - option - (ptrdiff_t)size - 1), option + size + 1);
    return true;
}

// What Go has quoted, as far as names need it.
static void unquote(char *text)
{
    size_t size = strlen(text), to = 0;
    if (size < 2 || text[0] != '"' || text[size - 1] != '"')
        return;
    for (size_t i = 1; i + 1 < size; i++) {
        if (text[i] == '\\' && i + 2 < size)
            i++;
        text[to++] = text[i];
    }
    text[to] = '\0';
}

static int add_options(gofer_info *to, const gofer_info *options)
{
    char queue[600] = "default", text[600];
    int bad = 0;
    for (size_t i = 0; i < gofer_info_count(options); i++) {
        const char *option = gofer_info_text(gofer_info_at(options, i), "option");
        int64_t ms;
        if (!option)
            continue;
        if (argument_of(option, "Queue", text, sizeof text)) {
            unquote(text);
            snprintf(queue, sizeof queue, "%s", text);
        } else if (argument_of(option, "MaxRetry", text, sizeof text)) {
            bad |= gf_info_set_int(to, "max_retry", strtol(text, NULL, 10));
        } else if (argument_of(option, "Timeout", text, sizeof text) &&
            gofer_parse_duration(text, &ms) == GOFER_OK) {
            bad |= gf_info_set_int(to, "timeout_ms", ms);
        } else if (argument_of(option, "Retention", text, sizeof text) &&
            gofer_parse_duration(text, &ms) == GOFER_OK) {
            bad |= gf_info_set_int(to, "retention_ms", ms);
        }
    }
    return bad | gf_info_set_text(to, "queue", queue);
}

// The same as they came.
static int copy_options(gofer_info *to, const gofer_info *options)
{
    gofer_info *list = gf_info_list();
    int bad = !list;
    for (size_t i = 0; i < gofer_info_count(options) && !bad; i++) {
        const char *option = gofer_info_text(gofer_info_at(options, i), "option");
        gofer_info *info = option ? gf_info_record() : NULL;
        if (option)
            bad = !info || gf_info_set_text(info, "option", option) != 0;
        if (bad)
            gofer_info_free(info);
        else if (info)
            bad = gf_info_add(list, info);
    }
    if (!bad)
        return gf_info_set_child(to, "options", list);
    gofer_info_free(list);
    return -1;
}

static int add_foreign(gofer_info *list, const gofer_info *entry)
{
    static const char *const times[] = { "next_run_at_ms", "last_enqueued_at_ms" };
    size_t size = 0;
    gofer_info *to = gf_info_record();
    if (!to)
        return -1;
    const void *payload = gofer_info_bytes(entry, "payload", &size);
    int bad = gf_info_set_text(to, "name", gofer_info_text(entry, "entry")) |
        gf_info_set_text(to, "spec", gofer_info_text(entry, "spec")) |
        gf_info_set_text(to, "type", gofer_info_text(entry, "type")) |
        gf_info_set_bytes(to, "payload", payload ? payload : "", size) |
        gf_info_set_bool(to, "foreign", 1) |
        gf_info_set_text(to, "source", gofer_info_text(entry, "scheduler"));
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (gofer_info_has(entry, times[i]))
            bad |= gf_info_set_int(to, times[i], gofer_info_int(entry, times[i], 0));
    bad |= add_options(to, gofer_info_child(entry, "options")) |
        copy_options(to, gofer_info_child(entry, "options"));
    if (bad) {
        gofer_info_free(to);
        return -1;
    }
    return gf_info_add(list, to);
}

gofer_status gf_rd_entries_foreign(gf_broker *b, gofer_info **out)
{
    gofer_info *all = NULL, *list = NULL;
    gofer_status st = gf_rd_schedule_list((gf_rd_store *)b, &all);
    if (st == GOFER_OK && !(list = gf_info_list()))
        st = gf_fail_nomem("the entries of schedulers");
    for (size_t i = 0; i < gofer_info_count(all) && st == GOFER_OK; i++) {
        const char *scheduler = gofer_info_text(gofer_info_at(all, i), "scheduler");
        if (scheduler && strncmp(scheduler, FRONT, sizeof FRONT - 1) == 0)
            continue;
        if (add_foreign(list, gofer_info_at(all, i)) != 0)
            st = gf_fail_nomem("the entries of schedulers");
    }
    gofer_info_free(all);
    if (st == GOFER_OK)
        *out = list;
    else
        gofer_info_free(list);
    return st;
}
