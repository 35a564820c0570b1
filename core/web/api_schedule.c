// api_schedule.c - handlers of cron entries: putting one, what an expression means, what became of
// ticks.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "body.h"
#include "own.h"
#include "task_line.h"
#include "util/json.h"

enum { TICKS_MAX = 100, GAP_FEW = 8, GAP_MAX = 1000 };

// ---- putting one

// The members of the body that are the entry's; all others are its task's.
enum { SPEC, TZ, MISSED, MISSED_MAX, OVERLAP, JITTER, PAUSED, NEW, MEMBERS };

typedef struct putting {
    web_member  own[MEMBERS];
    web_text    task;           // JSON
    task_line  *line;
    char       *spec, *tz;
    bool        is_new;
    gofer_schedule_options opts;
} putting;

static void put_member(web_text *out, gf_json key, gf_json value)
{
    web_text_put(out, out->size > 1 ? "," : "");
    web_text_add(out, key.text, key.size);      // with its quotes
    web_text_put(out, ":");
    web_text_add(out, value.text, value.size);
}

// Parts the body in two.
static bool part(web_call *call, putting *p)
{
    gf_json_scan scan = gf_json_start(call->body ? call->body : "", call->body_size);
    gf_json whole, key, value;
    if (gf_json_whole(&scan, &whole) != GF_JSON_OBJECT) {
        web_fail(call, 400, "EINVAL", "the body is not a JSON object");
        return false;
    }
    web_text_put(&p->task, "{");
    for (scan = gf_json_inside(whole); gf_json_member(&scan, &key, &value);) {
        size_t at = 0;
        while (at < MEMBERS && !gf_json_is(key, p->own[at].name))
            at++;
        if (at == MEMBERS) {
            put_member(&p->task, key, value);
        } else if (web_member_there(&p->own[at])) {
            web_fail(call, 400, "EINVAL", "the body has '%s' twice", p->own[at].name);
            return false;
        } else {
            p->own[at].value = value;
        }
    }
    web_text_put(&p->task, "}");
    if (p->task.failed)
        web_fail(call, 503, "ENOMEM", "there is no memory for the request");
    return !p->task.failed;
}

static bool take_word(web_call *call, const web_member *member, const char *const words[4],
    int32_t *out)
{
    if (!web_member_there(member))
        return true;
    for (int32_t i = 0; i < 4 && words[i]; i++)
        if (member->value.kind == GF_JSON_STRING && gf_json_is(member->value, words[i])) {
            *out = i;
            return true;
        }
    web_fail(call, 400, "EINVAL", "'%s' is none of %s, %s, %s%s%s", member->name, words[0],
        words[1], words[2], words[3] ? ", " : "", words[3] ? words[3] : "");
    return false;
}

static bool take_own(web_call *call, putting *p)
{
    static const char *const missed[4] = { "once", "skip", "all", NULL },
        *const overlap[4] = { "allow", "skip", "queue", "cancel" };
    bool paused = false;
    if (!web_member_there(&p->own[SPEC])) {
        web_fail(call, 400, "EINVAL", "the body needs 'spec'");
        return false;
    }
    if (!(p->spec = web_member_text(call, &p->own[SPEC])))
        return false;
    if (web_member_there(&p->own[TZ]) && !(p->tz = web_member_text(call, &p->own[TZ])))
        return false;
    p->opts.tz = p->tz && *p->tz ? p->tz : NULL;
    if (!take_word(call, &p->own[MISSED], missed, &p->opts.missed)
        || !take_word(call, &p->own[OVERLAP], overlap, &p->opts.overlap)
        || !web_member_whole(call, &p->own[MISSED_MAX], 1000, &p->opts.missed_max)
        || !web_member_duration(call, &p->own[JITTER], &p->opts.jitter_ms)
        || !web_member_flag(call, &p->own[PAUSED], &paused)
        || !web_member_flag(call, &p->own[NEW], &p->is_new))
        return false;
    p->opts.paused = paused;
    return true;
}

// Who puts back what he was shown would lose what is behind its masks.
static bool is_masked(const web_call *call, const task_line *line)
{
    const web_masks *masks = call->view.masks;
    if (!masks)
        return false;
    for (size_t i = 0; line->headers[i]; i += 2)
        if (web_masks_hold_header(masks, line->type, line->headers[i], line->headers[i + 1]))
            return true;
    return web_masks_hold(masks, line->type, line->payload ? line->payload : "",
        line->payload_size);
}

static bool take_task(web_call *call, putting *p)
{
    char why[TASK_LINE_WHY] = "";
    p->line = task_line_new(NULL);
    if (!p->line)
        web_fail(call, 503, "ENOMEM", "there is no memory for the request");
    else if (!task_line_read(p->line, p->task.at, p->task.size, why))
        web_fail(call, 400, "EINVAL", "%s", why);
    else if (is_masked(call, p->line))
        web_fail(call, 409, "ESTATE", "the payload or a header has " WEB_MASKED " in place of what "
            "is masked: give its value");
    else
        p->opts.task = &p->line->opts;
    return p->opts.task != NULL;
}

void web_api_schedule_put(web_call *call)
{
    putting p = { .own = {
        [SPEC] = { .name = "spec" }, [TZ] = { .name = "tz" }, [MISSED] = { .name = "missed" },
        [MISSED_MAX] = { .name = "missed_max" }, [OVERLAP] = { .name = "overlap" },
        [JITTER] = { .name = "jitter" }, [PAUSED] = { .name = "paused" },
        [NEW] = { .name = "new" } } };
    for (size_t i = 0; i < MEMBERS; i++)
        p.own[i].value = (gf_json){ .kind = GF_JSON_BAD };
    gofer_schedule_options_init(&p.opts);
    if (part(call, &p) && take_own(call, &p) && take_task(call, &p))
        web_reply_put(call, gofer_client_schedule_put(call->client, web_path_word(call, "name"),
            p.spec, p.line->type, p.line->payload, p.line->payload_size, &p.opts,
            p.is_new ? GOFER_SCHEDULE_NEW : 0));
    web_text_free(&p.task);
    task_line_free(p.line);
    free(p.spec);
    free(p.tz);
}

// ---- what an expression means

void web_api_cron(web_call *call)
{
    const char *spec = web_query_word(call, "spec"), *tz = web_query_word(call, "tz");
    int64_t count = 5;
    gofer_info *info = NULL;
    if (!spec)
        web_fail(call, 400, "EINVAL", "spec= is missing");
    else if (web_query_number(call, "count", 0, TICKS_MAX, &count)) {
        gofer_status st = gofer_cron_check(spec, tz && *tz ? tz : NULL, 0, (int32_t)count, &info);
        web_reply_made(call, st, info);
    }
}

// ---- what became of ticks

// So many ticks from this one on, of the expression that the entry has now. NULL: there is none.
static gofer_info *explain_from(const gofer_info *entry, int64_t from_ms, int32_t count)
{
    gofer_info *explained = NULL;
    const char *spec = gofer_info_text(entry, "spec"), *tz = gofer_info_text(entry, "tz");
    bool says_zone = spec && (strncmp(spec, "CRON_TZ=", 8) == 0 || strncmp(spec, "TZ=", 3) == 0);
    if (!spec || gofer_cron_check(spec, says_zone ? NULL : tz, from_ms - 1, count, &explained)
            != GOFER_OK)
        return NULL;
    return explained;
}

static int64_t tick_at(const gofer_info *ticks, size_t index)
{
    return gofer_info_int(gofer_info_at(ticks, index), "at_ms", 0);
}

// Those between the first of them and the one at `end`, which is the next that had a task; with
// `more` it is not among them, and there are more than these.
static void put_gap(web_text *out, const gofer_info *ticks, size_t end, bool more,
    const char **comma)
{
    if (end < 2)
        return;
    web_text_format(out, "%s{\"tick_ms\":%lld,\"state\":\"left out\",\"first_ms\":%lld,"
        "\"count\":%zu,\"more\":%s}", *comma, (long long)tick_at(ticks, end - 1),
        (long long)tick_at(ticks, 1), end - 1, more ? "true" : "false");
    *comma = ",";
}

// Ticks between two that had a task, in one item. If one of these is none of the expression, it was
// another one then, and nothing is said. Mostly there are none between, which few tell.
static void put_left_out(web_text *out, const gofer_info *entry, int64_t after_ms,
    int64_t before_ms, const char **comma)
{
    bool done = false;
    for (int32_t most = GAP_FEW; !done; most = GAP_MAX) {
        gofer_info *explained = explain_from(entry, after_ms, most);
        const gofer_info *ticks = explained ? gofer_info_child(explained, "ticks") : NULL;
        size_t count = gofer_info_count(ticks), end = 0;
        bool known = count && tick_at(ticks, 0) == after_ms;
        while (known && end < count && tick_at(ticks, end) < before_ms)
            end++;
        done = !known || end < count || most == GAP_MAX;
        if (known && done && (end == count || tick_at(ticks, end) == before_ms))
            put_gap(out, ticks, end, end == count, comma);
        gofer_info_free(explained);
    }
}

// "gone": it is kept no longer, so that it was done, or somebody deleted it.
static void put_tick(web_call *call, const gofer_info *one, const char *queue, const char **comma)
{
    web_text *out = &call->reply.body;
    const char *id = gofer_info_text(one, "id");
    gofer_info *task = NULL;
    gofer_status st = gofer_client_task(call->client, queue, id, &task);
    if (st != GOFER_OK && st != GOFER_ENOTFOUND) {
        web_fail_status(call, st);
        return;
    }
    web_text_format(out, "%s{\"tick_ms\":%lld,\"enqueued_at_ms\":%lld,\"state\":\"%s\",\"id\":",
        *comma, (long long)gofer_info_int(one, "tick_ms", 0),
        (long long)gofer_info_int(one, "enqueued_at_ms", 0),
        task ? gofer_info_text(task, "state") : "gone");
    web_text_json(out, id, strlen(id));
    web_text_put(out, "}");
    *comma = ",";
    gofer_info_free(task);
}

static void put_ticks(web_call *call, const gofer_info *entry, const gofer_info *history)
{
    size_t count = gofer_info_count(history);
    const char *comma = "", *queue = gofer_info_text(entry, "queue");
    web_text_put(&call->reply.body, "{\"items\":[");
    for (size_t i = 0; i < count && call->reply.status == 0; i++) {
        const gofer_info *one = gofer_info_at(history, i);
        put_tick(call, one, queue && *queue ? queue : "default", &comma);
        if (call->reply.status == 0 && i + 1 < count)
            put_left_out(&call->reply.body, entry,
                gofer_info_int(gofer_info_at(history, i + 1), "tick_ms", 0),
                gofer_info_int(one, "tick_ms", 0), &comma);
    }
    if (call->reply.status == 0) {
        web_text_put(&call->reply.body, "]}");
        call->reply.status = 200;
        call->reply.type = "application/json";
    }
}

void web_api_schedule_ticks(web_call *call)
{
    const char *name = web_path_word(call, "name");
    int64_t limit = 20;
    gofer_info *entry = NULL, *history = NULL;
    if (!web_query_number(call, "limit", 1, TICKS_MAX, &limit) || !web_own_schedule(call, WEB_SEE))
        return;
    gofer_status st = gofer_client_schedule(call->client, name, &entry);
    if (st == GOFER_OK)
        st = gofer_client_schedule_history(call->client, name, (int32_t)limit, &history);
    if (st == GOFER_OK)
        put_ticks(call, entry, history);
    else
        web_fail_status(call, st);
    gofer_info_free(entry);
    gofer_info_free(history);
}
