// check_lists.c - the check of a queue's lists: page by page, each id against its hash as
// the same script saw it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/check/check.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

enum {
    PAGE = 500,
    LIST_CHUNK = 20,                     // ids mended in one call where each needs a search
    MS_SCORE = 100000000                 // thousands of seconds: a score above is in milliseconds
};

// ---- mending ids of one list --------------------------------------------------------------------

static const gf_rd_script mend_script = {
    .name = "mend tasks",
    .text = gf_rd_lua_mend_tasks,
    .allow_oom = true,
};

typedef struct walk {
    gf_rd_checking *c;
    gf_rd_checked  *q;
    gf_state        state;
    const char     *rest;                // of the list's key
    bool            again;               // this page was read before
} walk;

// What of a page is to be mended in one way: rows.
typedef struct some {
    gf_rd_kind_of kind;
    const char   *verb;
    const redisReply *rows[PAGE];
    size_t        count;
} some;

// The next whole number; what no integer holds is 0.
static int64_t round_up(double s)
{
    if (!(s > -9e15 && s < 9e15))
        return 0;
    int64_t whole = (int64_t)s;
    return (double)whole < s ? whole + 1 : whole;
}

static void add_score(gf_rd_args *args, const redisReply *score)
{
    double s = strtod(score->str, NULL);
    if (s > (double)MS_SCORE * 1000)
        s /= 1000;
    gf_rd_add_bytes(args, score->str, (size_t)score->len);
    gf_rd_add_int(args, round_up(s));
}

static gofer_status mend(const walk *w, const some *m, size_t from, size_t count)
{
    const char *rests[] = { GF_RD_KEYS_MEND_TASKS(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests) + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    rests[0] = w->rest;
    gf_rd_script_begin(&cmd, &mend_script, w->q->name, false);
    gf_rd_add_keys(&cmd, keys, w->q->name, rests, COUNT_OF(rests));
    gf_rd_key_of(&keys[COUNT_OF(rests)], w->q->name, "t:");
    gf_rd_add(&cmd.args, m->verb);
    gf_rd_add(&cmd.args, keys[COUNT_OF(rests)].text);
    gf_rd_add(&cmd.args, gf_state_name(w->state));
    for (size_t i = from; i < from + count; i++) {
        const redisReply *id = m->rows[i]->element[GF_ROW_ID];
        gf_rd_add_bytes(&cmd.args, id->str, (size_t)id->len);
        if (m->kind == GF_K_SCORE)
            add_score(&cmd.args, m->rows[i]->element[GF_ROW_SCORE]);
    }
    gofer_status st = gf_rd_call(w->c->store, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    gf_rd_check_mend(w->q, m->kind, gf_rd_reply_int(reply, 0));
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

static gofer_status mend_all(const walk *w, const some *m)
{
    bool list = w->state == GF_PENDING || w->state == GF_ACTIVE;
    size_t chunk = list ? LIST_CHUNK : PAGE;
    gofer_status st = GOFER_OK;
    for (size_t at = 0; at < m->count && st == GOFER_OK && w->c->visit.repair; at += chunk)
        st = mend(w, m, at, m->count - at < chunk ? m->count - at : chunk);
    return st;
}

// ---- looking at rows ----------------------------------------------------------------------------

typedef enum reading { READ_WELL, READ_BADLY, READ_OTHER_QUEUE } reading;

static reading read_message(const redisReply *msg, const char *queue)
{
    void *memory;
    if (gf_wire_task_decode(msg->str, (size_t)msg->len, 0, &memory) != GOFER_OK)
        return READ_BADLY;
    bool same = strcmp(((const gf_wire_task *)memory)->message.queue, queue) == 0;
    gf_free(memory);
    return same ? READ_WELL : READ_OTHER_QUEUE;
}

static bool odd_score(const redisReply *score)
{
    double s = score ? strtod(score->str, NULL) : 0;
    return s != (double)round_up(s) || s > (double)MS_SCORE * 1000;
}

static void sort_in(some *m, gf_rd_checked *q, const redisReply *row)
{
    m->rows[m->count++] = row;
    gf_rd_check_note(q, m->kind, row->element[GF_ROW_ID]);
}

enum { GHOSTS, UNREADABLE, WORDS, SCORES, CLAIMS, SORTS };

static void look_at_row(const walk *w, const redisReply *row, some *sorts)
{
    const redisReply *msg = gf_rd_reply_at(row, GF_ROW_MSG, REDIS_REPLY_STRING);
    const redisReply *score = gf_rd_reply_at(row, GF_ROW_SCORE, REDIS_REPLY_STRING);
    bool too_long = gf_rd_reply_at(row, GF_ROW_MSG, REDIS_REPLY_INTEGER) != NULL;
    if (!msg && !too_long) {
        sort_in(&sorts[GHOSTS], w->q, row);
        return;
    }
    reading how = too_long ? READ_BADLY : read_message(msg, w->q->name);
    if (how == READ_OTHER_QUEUE)
        gf_rd_check_note(w->q, GF_K_QUEUE, row->element[GF_ROW_ID]);
    if (how == READ_BADLY && (w->state == GF_ARCHIVED || w->state == GF_COMPLETED))
        gf_rd_check_note(w->q, GF_K_UNREADABLE_ARCHIVED, row->element[GF_ROW_ID]);
    else if (how == READ_BADLY && w->state != GF_ACTIVE && w->state != GF_AGGREGATING)
        sort_in(&sorts[UNREADABLE], w->q, row);
    else if (how == READ_BADLY)
        gf_rd_check_note(w->q, GF_K_UNREADABLE, row->element[GF_ROW_ID]);
    else if (gf_rd_row_state(row) != w->state)
        sort_in(&sorts[WORDS], w->q, row);
    if (odd_score(score))
        sort_in(&sorts[SCORES], w->q, row);
    if (w->state != GF_ACTIVE && gf_rd_reply_at(row, GF_ROW_WORKER, REDIS_REPLY_STRING))
        sort_in(&sorts[CLAIMS], w->q, row);
}

// ---- ids in two lists ---------------------------------------------------------------------------

static const gf_rd_script twice_script = {
    .name = "look for an id in all lists",
    .text = gf_rd_lua_check_twice,
    .allow_oom = true,
};

static gofer_status look_for_both(const walk *w, const redisReply *id, bool *is_so)
{
    static const char *const rests[] = { GF_RD_KEYS_CHECK_TWICE(GF_RD_REST) };
    gf_rd_key keys[COUNT_OF(rests) + 1];
    gf_rd_cmd cmd;
    redisReply *reply;
    if (!gf_rd_check_may_search(w->q))
        return GOFER_OK;
    gf_rd_script_begin(&cmd, &twice_script, w->q->name, true);
    cmd.reads = !w->c->visit.repair;
    gf_rd_add_keys(&cmd, keys, w->q->name, rests, COUNT_OF(rests));
    gf_rd_key_of(&keys[COUNT_OF(rests)], w->q->name, "t:");
    gf_rd_add(&cmd.args, keys[COUNT_OF(rests)].text);
    gf_rd_add_bytes(&cmd.args, id->str, (size_t)id->len);
    gf_rd_add(&cmd.args, w->c->visit.repair ? "1" : "");
    gofer_status st = gf_rd_call(w->c->store, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    *is_so = gf_rd_reply_int(gf_rd_reply_at(reply, 0, REDIS_REPLY_INTEGER), 0) > 1;
    if (*is_so)
        gf_rd_check_note(w->q, GF_K_TWICE, id);
    gf_rd_check_mend(w->q, GF_K_TWICE,
        gf_rd_reply_int(gf_rd_reply_at(reply, 1, REDIS_REPLY_INTEGER), 0));
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

// ---- pages --------------------------------------------------------------------------------------

static gofer_status sort_rows(const walk *w, const redisReply *rows, some *sorts)
{
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < rows->elements && i < PAGE && st == GOFER_OK; i++) {
        const redisReply *id = rows->element[i]->element[GF_ROW_ID];
        bool twice = false;
        if (w->again && gf_rd_ids_has(&w->q->ids, id->str, (size_t)id->len, w->state))
            continue;
        if (gf_rd_ids_add(&w->q->ids, id->str, (size_t)id->len, w->state))
            st = look_for_both(w, id, &twice);
        if (!gf_name_fits(id->str, (size_t)id->len))
            gf_rd_check_note(w->q, GF_K_NAME, id);
        if (!twice)
            look_at_row(w, rows->element[i], sorts);
    }
    return st;
}

static gofer_status look_at_page(const walk *w, const redisReply *rows)
{
    static const some kinds[SORTS] = {
        [GHOSTS] = { .kind = GF_K_GHOST, .verb = "ghost" },
        [UNREADABLE] = { .kind = GF_K_UNREADABLE, .verb = "unreadable" },
        [WORDS] = { .kind = GF_K_WORD, .verb = "word" },
        [SCORES] = { .kind = GF_K_SCORE, .verb = "score" },
        [CLAIMS] = { .kind = GF_K_CLAIM, .verb = "claim" },
    };
    some *sorts = gf_calloc(SORTS, sizeof *sorts);
    if (!sorts)
        return gf_fail_nomem("a check");
    memcpy(sorts, kinds, sizeof kinds);
    gofer_status st = sort_rows(w, rows, sorts);
    for (size_t i = 0; i < SORTS && st == GOFER_OK; i++)
        st = mend_all(w, &sorts[i]);
    gf_free(sorts);
    return st;
}

static int64_t taken_out(const gf_rd_checked *q)
{
    return gf_rd_check_mended(q, GF_K_GHOST) + gf_rd_check_mended(q, GF_K_UNREADABLE) +
        gf_rd_check_mended(q, GF_K_TWICE);
}

// A page from *next on; *next is then the one behind it, or stays where ids were taken out of a
// list: others have moved up to their places, so the page is read once more and what is
// known of it passed over.
static gofer_status walk_page(walk *w, char **next)
{
    char *from = *next ? gf_strdup(*next) : NULL;
    redisReply *page;
    int64_t before = taken_out(w->q);
    if (*next && !from)
        return gf_fail_nomem("a check");
    const gf_rd_asked_page asked = { .queue = w->q->name,
        .state = w->state,
        .rest = w->rest,
        .limit = PAGE };
    gofer_status st = gf_rd_rows(w->c->store, &asked, next, &page);
    if (st == GOFER_OK) {
        st = look_at_page(w, page->element[1]);
        gf_rd_reply_free(page);
    }
    w->again = st == GOFER_OK && *next && taken_out(w->q) > before;
    if (w->again) {
        gf_free(*next);
        *next = from;
        from = NULL;
    }
    gf_free(from);
    return st;
}

static gofer_status walk_list(walk *w)
{
    char *next = NULL;
    gofer_status st;
    do {
        st = gf_visit_step(&w->c->visit);
        if (st == GOFER_OK)
            st = walk_page(w, &next);
    } while (st == GOFER_OK && (next || w->again));
    gf_free(next);
    return st;
}

static gofer_status walk_groups(gf_rd_checking *c, gf_rd_checked *q)
{
    redisReply *sets;
    gofer_status st = gf_rd_group_sets(c->store, q->name, &sets);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < sets->elements && st == GOFER_OK; i++) {
        char rest[GF_RD_REST_MAX + 1];
        snprintf(rest, sizeof rest, "g:%s", sets->element[i]->str);
        st = walk_list(&(walk){ c, q, GF_AGGREGATING, rest, false });
    }
    gf_rd_reply_free(sets);
    return st;
}

gofer_status gf_rd_check_lists(gf_rd_checking *c, gf_rd_checked *q)
{
    static const gf_state states[] = { GF_PENDING, GF_ACTIVE, GF_SCHEDULED, GF_RETRY, GF_COMPLETED,
        GF_ARCHIVED };
    gofer_status st = GOFER_OK, first = GOFER_OK;
    for (size_t i = 0; i < COUNT_OF(states) && (st == GOFER_OK || st == GOFER_ECORRUPT); i++) {
        st = walk_list(&(walk){ c, q, states[i], gf_rd_state_key(states[i]), false });
        if (st == GOFER_ECORRUPT)
            first = st;
    }
    if (st == GOFER_OK || st == GOFER_ECORRUPT)
        st = walk_groups(c, q);
    if (q->ids.full && gf_rd_check_noted(q, GF_K_UNCHECKED) == 0)
        gf_rd_check_note(q, GF_K_UNCHECKED, NULL);
    return st == GOFER_OK ? first : st;
}
