// page.c - pages of tasks. One read-only script makes a page: the ids and, of each, its hash.
//
// A cursor names the last task shown, so that a page goes on when tasks come and go. A sorted set
// is read on behind (score, id): that is exact, also when the task is gone. A list is read on
// behind the task itself, which is looked for from where it was; if it is gone, behind the one
// shown before it; if that is gone too, behind the time since which it waited (tasks that came in
// one batch share a time and may be shown again); and if nobody knows that either, at its old
// position. So of tasks that stay in a list none is left out as long as they are in the order of
// their times, and what is shown twice was near a task that went.
//
// "@N" stands behind the first N instead, wherever they are by then; of aggregating tasks with
// ":GROUP", behind the first of that group.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/inspect/escape.h"
#include "broker/redis/inspect/inspect.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"

// ---- cursors: "<place>:<id>", where the id is escaped -------------------------------------------

typedef struct cursor {
    char   place[64];                    // of a sorted set the score; of a list
                                         //   "position:since:sign of the one before"
    char  *group;                        // aggregating: of which zset; "" else
    char  *id;
    size_t group_size, id_size;
    bool   counts;                       // it was "@N": place is that, id is empty
} cursor;

static void cursor_clear(cursor *c)
{
    gf_free(c->group);
    gf_free(c->id);
}

static bool is_list(gf_state state)
{
    return state == GF_PENDING || state == GF_ACTIVE;
}

static bool is_number(const char *text)
{
    char *end;
    strtod(text, &end);
    return end != text && *end == '\0';
}

// A list's place is "digits:digits or nothing:8 hex or nothing".
static bool is_list_place(const char *text)
{
    size_t a = strspn(text, "0123456789");
    if (a == 0 || a > 12 || text[a] != ':')
        return false;
    size_t b = strspn(text + a + 1, "0123456789");
    if (b > 19 || text[a + 1 + b] != ':')
        return false;
    const char *sign = text + a + b + 2;
    return strspn(sign, "0123456789abcdef") == strlen(sign) && strlen(sign) <= 8;
}

// "@N", or "@N:GROUP" of aggregating tasks.
static bool read_number(const char *text, gf_state state, cursor *out)
{
    size_t digits = strspn(text + 1, "0123456789"), size = digits + 1;
    bool grouped = state == GF_AGGREGATING;
    if (digits == 0 || digits > 12 || text[size] != (grouped ? ':' : '\0'))
        return false;
    memcpy(out->place, text, size);
    out->counts = true;
    out->id = gf_strdup("");
    if (grouped)
        out->group = gf_strdup(text + size + 1);
    return out->id && (!grouped || out->group);
}

static gofer_status cursor_read(const char *text, gf_state state, cursor *out)
{
    *out = (cursor){ 0 };
    if (!text || !*text || (*text == '@' && read_number(text, state, out)))
        return GOFER_OK;
    const char *id = *text == '@' ? NULL : strrchr(text, ':'), *place = text;
    if (state == GF_AGGREGATING && id && strchr(text, ':') < id) {
        place = strchr(text, ':') + 1;
        out->group = gf_rd_unescape(text, (size_t)(place - 1 - text), &out->group_size);
    }
    if (id && (size_t)(id - place) < sizeof out->place) {
        memcpy(out->place, place, (size_t)(id - place));
        out->id = gf_rd_unescape(id + 1, strlen(id + 1), &out->id_size);
    }
    if (!out->counts && out->id && (state != GF_AGGREGATING || out->group) &&
        (is_list(state) ? is_list_place(out->place) : is_number(out->place)))
        return GOFER_OK;
    cursor_clear(out);
    return gf_fail(GOFER_EINVAL,
        "'%.40s' is not a cursor of %s tasks: use next_cursor of the page before", text,
        gf_state_name(state));
}

// group: NULL, or the zset of an aggregating task. gf_free; NULL: no memory.
static char *cursor_text(const char *group, const char *place, const redisReply *id)
{
    size_t group_size = group ? strlen(group) : 0, size = strlen(place);
    char *text = gf_alloc(3 * group_size + size + 3 * (size_t)id->len + 3), *at = text;
    if (!text) {
        gf_fail_nomem("a cursor");
        return NULL;
    }
    if (group) {
        at = gf_rd_escape(at, group, group_size);
        *at++ = ':';
    }
    memcpy(at, place, size);
    at[size] = ':';
    gf_rd_escape(at + size + 1, id->str, (size_t)id->len);
    return text;
}

static int cursor_show(gofer_info *list, const char *group, const char *place, const redisReply *id)
{
    char *text = cursor_text(group, place, id);
    int bad = text ? gf_info_set_text(list, "next_cursor", text) : -1;
    gf_free(text);
    return bad;
}

// ---- scripts ------------------------------------------------------------------------------------

static const gf_rd_script zset_script = {
    .name = "page of a sorted set",
    .text = gf_rd_lua_page_zset,
    .allow_oom = true,
};

static const gf_rd_script list_script = {
    .name = "page of a list",
    .text = gf_rd_lua_page_list,
    .allow_oom = true,
};

static const gf_rd_script count_script = {
    .name = "count what is pending",
    .text = gf_rd_lua_count_lines,
    .allow_oom = true,
};

// ---- asking -------------------------------------------------------------------------------------

// The words of a list cursor's place as three arguments.
static void add_list_place(gf_rd_args *args, const cursor *from)
{
    if (from->counts) {
        gf_rd_add(args, from->place);
        return;
    }
    const char *a = strchr(from->place, ':'), *b = strrchr(from->place, ':');
    gf_rd_add_bytes(args, from->place, (size_t)(a - from->place));
    gf_rd_add_bytes(args, a + 1, (size_t)(b - a - 1));
    gf_rd_add(args, b + 1);
    gf_rd_add_bytes(args, from->id, from->id_size);
}

static bool is_page(const redisReply *reply)
{
    const redisReply *rows = gf_rd_reply_at(reply, 1, REDIS_REPLY_ARRAY);
    if (!rows || !gf_rd_reply_at(reply, 2, REDIS_REPLY_STRING))
        return false;
    for (size_t i = 0; i < rows->elements; i++)
        if (!gf_rd_reply_at(rows, i, REDIS_REPLY_ARRAY) ||
            rows->element[i]->elements != GF_ROW_RESULT ||
            !gf_rd_reply_at(rows->element[i], GF_ROW_ID, REDIS_REPLY_STRING))
            return false;
    return true;
}

// from: NULL, or behind what. OK: *reply is [more, rows, place of the last].
static gofer_status ask_page(gf_rd_store *s, const gf_rd_asked_page *asked, const cursor *from,
    redisReply **reply)
{
    gf_rd_key keys[3];
    gf_rd_cmd cmd;
    bool list = is_list(asked->state) && !asked->low && !asked->high;
    const char *const rests[] = { asked->rest, asked->without ? asked->without : asked->rest };
    gf_rd_script_begin(&cmd, list ? &list_script : &zset_script, asked->queue, true);
    cmd.reads = true;
    gf_rd_add_keys(&cmd, keys, asked->queue, rests, 2);
    gf_rd_key_of(&keys[2], asked->queue, "t:");
    gf_rd_add(&cmd.args, keys[2].text);
    gf_rd_add_int(&cmd.args, (int64_t)asked->limit);
    gf_rd_add_int(&cmd.args, GF_RD_MESSAGE_MAX);
    if (list) {
        gf_rd_add(&cmd.args, asked->state == GF_PENDING ? "pending_since" : "gofer:worker");
        if (from)
            add_list_place(&cmd.args, from);
    } else {
        gf_rd_add(&cmd.args, from ? from->place : "");
        gf_rd_add_bytes(&cmd.args, from ? from->id : "", from ? from->id_size : 0);
        gf_rd_add(&cmd.args, asked->low ? asked->low : "");
        gf_rd_add(&cmd.args, asked->high ? asked->high : "");
    }
    gofer_status st = gf_rd_call(s, &cmd, reply);
    if (st == GOFER_OK && !is_page(*reply)) {
        gf_rd_reply_free(*reply);
        st = gf_fail(GOFER_ECORRUPT, "a page of queue '%s' was answered with something else",
            asked->queue);
    }
    return st;
}

static bool has_more(const redisReply *page)
{
    return gf_rd_reply_int(page->element[0], 0) != 0 && page->element[1]->elements > 0;
}

gofer_status gf_rd_rows(gf_rd_store *s, const gf_rd_asked_page *asked, char **next,
    redisReply **page)
{
    cursor from;
    gf_state order = is_list(asked->state) ? asked->state : GF_RETRY;  // a zset's cursor names no
                                                                       //   group here
    gofer_status st = cursor_read(*next, order, &from);
    if (st != GOFER_OK)
        return st;
    st = ask_page(s, asked, from.id ? &from : NULL, page);
    cursor_clear(&from);
    if (st != GOFER_OK)
        return st;
    gf_free(*next);
    *next = NULL;
    if (has_more(*page)) {
        const redisReply *rows = (*page)->element[1];
        *next = cursor_text(NULL, (*page)->element[2]->str,
            rows->element[rows->elements - 1]->element[GF_ROW_ID]);
        if (!*next) {
            gf_rd_reply_free(*page);
            return GOFER_ENOMEM;
        }
    }
    return GOFER_OK;
}

// ---- a page -------------------------------------------------------------------------------------

typedef struct page {
    gf_rd_store *store;
    const char  *queue;
    gf_state     state;
    size_t       limit;
    const cursor *from;                  // id NULL: from the start
    gofer_info  *list;
} page;

static gofer_status add_rows(page *p, const redisReply *rows)
{
    size_t count = rows->elements;
    gf_rd_runner *runners = gf_calloc(count ? count : 1, sizeof *runners);
    const redisReply **ids = gf_calloc(count ? count : 1, sizeof *ids);
    size_t *which = gf_calloc(count ? count : 1, sizeof *which), unknown = 0;
    int bad = !runners || !ids || !which;
    for (size_t i = 0; i < count && !bad && p->state == GF_ACTIVE; i++) {
        const redisReply *id = gf_rd_reply_at(rows->element[i], GF_ROW_ID, REDIS_REPLY_STRING);
        if (id && !gf_rd_reply_at(rows->element[i], GF_ROW_WORKER, REDIS_REPLY_STRING)) {
            which[i] = unknown + 1;
            ids[unknown++] = id;
        }
    }
    if (!bad && unknown)
        gf_rd_runners_find(p->store, p->queue, ids, unknown, runners);
    for (size_t i = 0; i < count && !bad; i++)
        bad = gf_info_add(p->list, gf_rd_task_info(rows->element[i], p->queue, p->state, false,
            which[i] ? &runners[which[i] - 1] : NULL)) != 0;
    for (size_t i = 0; i < unknown && runners; i++)
        gf_free(runners[i].worker);
    gf_free(which);
    gf_free(ids);
    gf_free(runners);
    return bad ? GOFER_ENOMEM : GOFER_OK;
}

// rest: the key of the list or zset; group: NULL, or the zset's name among those of aggregating
// tasks; is_last: no other comes behind it; from: NULL, or the cursor that applies to it.
static gofer_status inspect_list(page *p, const char *rest, const char *group, bool is_last,
    const cursor *from)
{
    redisReply *reply;
    const gf_rd_asked_page asked = { .queue = p->queue,
        .state = p->state,
        .rest = rest,
        .limit = p->limit - gofer_info_count(p->list),
        .without = p->state == GF_SCHEDULED ? "gofer:line" : NULL };
    gofer_status st = ask_page(p->store, &asked, from, &reply);
    if (st != GOFER_OK)
        return st;
    const redisReply *rows = reply->element[1];
    st = add_rows(p, rows);
    bool full = !is_last && gofer_info_count(p->list) >= p->limit && rows->elements > 0;
    if (st == GOFER_OK && (has_more(reply) || full))
        st = cursor_show(p->list, group, reply->element[2]->str,
                 rows->element[rows->elements - 1]->element[GF_ROW_ID]) == 0
            ? GOFER_OK
            : GOFER_ENOMEM;
    gf_rd_reply_free(reply);
    return st;
}

// ---- aggregating: one zset per group, and one per set that is being worked on -------------------

// Of one group, by number.
static gofer_status inspect_group(page *p)
{
    const char *group = p->from->group;
    char rest[GF_RD_REST_MAX + 1];
    int size = snprintf(rest, sizeof rest, "g:%s", group);
    if (size < 0 || (size_t)size >= sizeof rest)
        return gf_fail(GOFER_EINVAL, "the name of the group is longer than any is");
    return inspect_list(p, rest, group, true, p->from);
}

static gofer_status inspect_sets(page *p)
{
    redisReply *sets = NULL;
    gofer_status st = gf_rd_group_sets(p->store, p->queue, &sets);
    for (size_t i = 0; st == GOFER_OK && i < sets->elements; i++) {
        const char *name = sets->element[i]->str;
        int order = p->from->group ? strcmp(name, p->from->group) : 1;
        char rest[GF_RD_REST_MAX + 1];
        snprintf(rest, sizeof rest, "g:%s", name);
        if (order >= 0)
            st = inspect_list(p, rest, name, i + 1 == sets->elements, order == 0 ? p->from : NULL);
        if (st == GOFER_ECORRUPT)
            st = GOFER_OK;               // its key is of another type: as if it were empty
        if (gofer_info_has(p->list, "next_cursor"))
            break;
    }
    if (sets)
        gf_rd_reply_free(sets);
    return st;
}

// ---- pending: the line before the plain ones, these, the line behind them ----------------------
//
// A cursor says by its first letter in which of the three it is: '-', or none, or '+'; '=' is the
// beginning of the second, and '+' alone of the third.

enum { BEFORE, PLAIN, BEHIND, LINES };
#define LANE_PLAIN "1759218604441600"    // 100 lanes, see scripts/lib/draw.lua

static const char line_signs[LINES] = { '-', '=', '+' };

// How many there are in each part, the last with the first in it. What cannot be counted is shown
// as if it were empty: its page says why.
static void count_lines(page *p, int64_t out[LINES])
{
    static const char *const rests[] = { GF_RD_KEYS_COUNT_LINES(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests)];
    gf_rd_cmd cmd;
    redisReply *reply = NULL;
    gf_rd_script_begin(&cmd, &count_script, p->queue, true);
    cmd.reads = true;
    gf_rd_add_keys(&cmd, keys, p->queue, rests, COUNT_OF(rests));
    gofer_status st = gf_rd_call(p->store, &cmd, &reply);
    for (size_t i = 0; i < LINES; i++)
        out[i] = st == GOFER_OK
            ? gf_rd_reply_int(gf_rd_reply_at(reply, i, REDIS_REPLY_INTEGER), 0)
            : 0;
    gf_rd_reply_free(reply);
}

static int show_sign(page *p, int line, const char *behind)
{
    size_t size = strlen(behind);
    char *text = gf_alloc(size + 2);
    if (!text)
        return -1;
    text[0] = line_signs[line];
    memcpy(text + (line != PLAIN || !size), behind, size + 1);
    int bad = gf_info_set_text(p->list, "next_cursor", text);
    gf_free(text);
    return bad;
}

static bool is_followed(int line, const int64_t counts[LINES])
{
    bool behind = counts[BEHIND] > counts[BEFORE];
    return line == BEFORE ? counts[PLAIN] > 0 || behind : line == PLAIN && behind;
}

static gofer_status inspect_line(page *p, int line, const cursor *from,
    const int64_t counts[LINES])
{
    const gf_rd_asked_page asked = { .queue = p->queue,
        .state = GF_PENDING,
        .rest = line == PLAIN ? "pending" : "gofer:line",
        .limit = p->limit - gofer_info_count(p->list),
        .without = line == PLAIN ? "gofer:line" : NULL,
        .low = line == BEHIND ? LANE_PLAIN : NULL,
        .high = line == BEFORE ? LANE_PLAIN : NULL };
    redisReply *reply;
    gofer_status st = ask_page(p->store, &asked, from, &reply);
    if (st != GOFER_OK)
        return st;
    const redisReply *rows = reply->element[1];
    st = add_rows(p, rows);
    if (st == GOFER_OK && has_more(reply)) {
        char *text = cursor_text(NULL, reply->element[2]->str,
            rows->element[rows->elements - 1]->element[GF_ROW_ID]);
        st = text && show_sign(p, line, text) == 0 ? GOFER_OK : GOFER_ENOMEM;
        gf_free(text);
    } else if (st == GOFER_OK && is_followed(line, counts) &&
        gofer_info_count(p->list) >= p->limit) {
        st = show_sign(p, line + 1, "") == 0 ? GOFER_OK : GOFER_ENOMEM;
    }
    gf_rd_reply_free(reply);
    return st;
}

// "@N" is counted through all three.
static int line_of_number(cursor *from, const int64_t counts[LINES])
{
    int64_t n = strtoll(from->place + 1, NULL, 10);
    int line = n < counts[BEFORE]                     ? BEFORE
             : n < counts[BEFORE] + counts[PLAIN]     ? PLAIN
                                                      : BEHIND;
    n -= line > BEFORE ? counts[BEFORE] : 0;
    n -= line > PLAIN ? counts[PLAIN] : 0;
    snprintf(from->place, sizeof from->place, "@%lld", (long long)n);
    return line;
}

static gofer_status inspect_pending(page *p, const char *text)
{
    int64_t counts[LINES];
    cursor from = { .id = NULL };
    int line = BEFORE;
    count_lines(p, counts);
    if (text && *text && *text != '@')
        line = *text == '-' ? BEFORE : *text == '+' ? BEHIND : PLAIN;
    else if (counts[BEHIND] == 0)
        line = PLAIN;                    // there is no line
    bool signs = text && (*text == '-' || *text == '+' || *text == '=');
    gofer_status st =
        cursor_read(signs ? text + 1 : text, line == PLAIN ? GF_PENDING : GF_RETRY, &from);
    if (st != GOFER_OK)
        return st;
    if (from.counts)
        line = line_of_number(&from, counts);
    for (bool first = true; st == GOFER_OK && line < LINES; line++, first = false) {
        if (line != PLAIN && counts[BEHIND] == 0)
            continue;
        st = inspect_line(p, line, first && from.id ? &from : NULL, counts);
        if (gofer_info_has(p->list, "next_cursor"))
            break;
    }
    if (st == GOFER_OK && gofer_info_count(p->list) == 0 && (!from.id || from.counts))
        st = gf_rd_queue_need(p->store, p->queue);
    cursor_clear(&from);
    return st;
}

gofer_status gf_rd_tasks(gf_broker *b, const char *queue, gf_state state, const char *text,
    size_t limit, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    cursor from = { .id = NULL };
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK && state != GF_PENDING)
        st = cursor_read(text, state, &from);
    if (st != GOFER_OK)
        return st;
    page p = { .store = s,
        .queue = queue,
        .state = state,
        .limit = limit,
        .from = &from,
        .list = gf_info_list() };
    if (!p.list)
        st = GOFER_ENOMEM;
    else if (state == GF_PENDING)
        st = inspect_pending(&p, text);
    else if (state == GF_AGGREGATING)
        st = from.counts ? inspect_group(&p) : inspect_sets(&p);
    else
        st = inspect_list(&p, gf_rd_state_key(state), NULL, true, from.id ? &from : NULL);
    if (st == GOFER_OK && state != GF_PENDING && gofer_info_count(p.list) == 0 &&
        (!from.id || from.counts))
        st = gf_rd_queue_need(s, queue);
    cursor_clear(&from);
    if (st == GOFER_OK)
        *out = p.list;
    else
        gofer_info_free(p.list);
    return st;
}
