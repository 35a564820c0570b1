// look.c - looking at flows: one with its steps, a page of them, and what a step has left.
#include <stdlib.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/record.h"

// Of one that comes after very many the first are shown.
enum { AFTER_ROOM = GOFER_FLOW_AFTER_MAX * (GF_FLOW_NAME_MAX + 16) };

typedef struct looking {
    const char   *id, *step;             // step, cursor: of result, of list
    gf_flow_state state;
    int64_t       below;
    size_t        limit;
    bool          steps;                 // of one, they are wanted too
    gofer_info   *out;
    void         *bytes;
    size_t        size;
    uint32_t      n;
} looking;

// ---- one ----------------------------------------------------------------------------------------

static void read_after(gf_sq_conn *c, int64_t sid, char after[AFTER_ROOM])
{
    static const char *const words[] = { "", ":failure", ":always" };
    size_t used = 0;
    *after = '\0';
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_DEP_LIST);
    gf_sq_bind_int(c, s, 1, sid);
    while (used < AFTER_ROOM - GF_NAME_MAX - 16 && gf_sq_row(c, s)) {
        const char *name = gf_sq_name(s, 0);
        int rule = sqlite3_column_int(s, 1);
        sqlite3_snprintf((int)(AFTER_ROOM - used), after + used, "%s%s%s", used ? "\n" : "",
            name ? name : "", rule > 0 && rule <= GF_RULE_ALWAYS ? words[rule] : "");
        used += strlen(after + used);
    }
    gf_sq_done(s);
}

static const char *task_state(gf_sq_conn *c, const gf_step_look *look)
{
    gf_sq_place place;
    int64_t qid = gf_sq_find_qid(c, look->queue);
    return qid && gf_sq_find(c, qid, look->id, &place) ? gf_state_name(place.state) : NULL;
}

static const char *text_of(sqlite3_stmt *s, int at)
{
    const char *text = gf_sq_name(s, at);
    return text ? text : "";
}

static int add_steps(gf_sq_conn *c, int64_t fid, gofer_info *list, char *after)
{
    int bad = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_STEPS_LIST);
    gf_sq_bind_int(c, s, 1, gf_sq_first_sid(fid));
    gf_sq_bind_int(c, s, 2, gf_sq_last_sid(fid));
    while (!bad && gf_sq_row(c, s)) {
        gf_step_look look = {
            .state = (gf_step_state)sqlite3_column_int(s, 1),
            .ended_ms = gf_sq_number(s, 2),
            .result_size = sqlite3_column_type(s, 3) == SQLITE_NULL ? -1 : gf_sq_number(s, 3),
            .name = text_of(s, 4),
            .queue = text_of(s, 5),
            .id = text_of(s, 6),
            .type = text_of(s, 7),
            .error = (const char *)sqlite3_column_text(s, 8),
            .after = after,
            .made_of = gf_sq_name(s, 10),
        };
        if (sqlite3_column_int(s, 9) == GF_SQ_ASKS_EACH)
            gf_sq_each_look(c, sqlite3_column_int64(s, 0), &look);
        read_after(c, sqlite3_column_int64(s, 0), after);
        if (look.state == GF_STEP_PUT)
            look.task_state = task_state(c, &look);
        bad = gf_info_add(list, gf_step_info(&look));
    }
    gf_sq_done(s);
    return bad;
}

static gofer_status look_at_one(gf_sq_conn *c, void *arg)
{
    looking *l = arg;
    gf_sq_flow_row f;
    if (!gf_sq_flow_named(c, l->id, &f, NULL))
        return gf_fail(GOFER_ENOTFOUND, "there is no flow '%s'", l->id);
    f.look.id = f.id;
    if (!l->steps)
        return (l->out = gf_flow_info(&f.look)) ? GOFER_OK : gf_fail_nomem("a flow");
    char *after = gf_alloc(AFTER_ROOM);
    gofer_info *steps = gf_info_list();
    l->out = gf_flow_info(&f.look);
    int bad = !after || !steps || !l->out || add_steps(c, f.fid, steps, after);
    gf_free(after);
    if (!bad)
        return gf_info_set_child(l->out, "steps", steps) ? GOFER_ENOMEM : GOFER_OK;
    gofer_info_free(steps);
    return gf_fail_nomem("a flow");
}

gofer_status gf_sq_flow_show(gf_broker *b, const char *id, bool steps, gofer_info **out)
{
    looking l = { .id = id, .steps = steps };
    gofer_status st = gf_sq_read((gf_sq_store *)b, look_at_one, &l);
    return gf_info_hand_over(st, l.out, out);
}

// ---- many ---------------------------------------------------------------------------------------

static gofer_status look_at_page(gf_sq_conn *c, void *arg)
{
    looking *l = arg;
    int bad = 0;
    int64_t last = 0;
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_FLOW_LIST);
    gf_sq_bind_int(c, s, 1, l->below);
    gf_sq_bind_int(c, s, 2, l->state);
    gf_sq_bind_int(c, s, 3, (int64_t)l->limit + 1);
    while (!bad && gf_sq_row(c, s)) {
        gf_sq_flow_row f;
        if (gofer_info_count(l->out) == l->limit) {
            char cursor[32];
            sqlite3_snprintf(sizeof cursor, cursor, "%lld", last);
            bad = gf_info_set_text(l->out, "next_cursor", cursor);
            break;
        }
        gf_sq_flow_read(s, &f);
        f.look.id = f.id;
        last = f.fid;
        bad = gf_info_add(l->out, gf_flow_info(&f.look));
    }
    gf_sq_done(s);
    return bad ? gf_fail_nomem("a page of flows") : GOFER_OK;
}

gofer_status gf_sq_flow_list(gf_broker *b, gf_flow_state state, const char *cursor, size_t limit,
    gofer_info **out)
{
    char *end = NULL;
    looking l = { .state = state, .limit = limit, .below = INT64_MAX, .out = gf_info_list() };
    if (!l.out)
        return gf_fail_nomem("a page of flows");
    if (*cursor)
        l.below = strtoll(cursor, &end, 10);
    if (end && (*end || l.below <= 0)) {
        gofer_info_free(l.out);
        return gf_fail(GOFER_EINVAL,
            "'%.60s' is not a cursor of flows: use next_cursor of the page before", cursor);
    }
    return gf_info_hand_over(gf_sq_read((gf_sq_store *)b, look_at_page, &l), l.out, out);
}

// ---- what a step has left -----------------------------------------------------------------------

static gofer_status find_result(gf_sq_conn *c, void *arg)
{
    looking *l = arg;
    gf_sq_flow_row f;
    if (!gf_sq_flow_named(c, l->id, &f, NULL))
        return gf_fail(GOFER_ENOTFOUND, "there is no flow '%s'", l->id);
    sqlite3_stmt *s = gf_sq_stmt(c, GF_SQL_STEP_NAMED);
    gf_sq_bind_int(c, s, 1, f.fid);
    gf_sq_bind_text(c, s, 2, l->step);
    if (!gf_sq_row(c, s))
        return gf_fail(GOFER_ENOTFOUND, "there is no step '%s' in the flow '%s'", l->step, l->id);
    gofer_status st = GOFER_OK;
    l->n = (uint32_t)(sqlite3_column_int64(s, 0) - gf_sq_first_sid(f.fid));
    if (sqlite3_column_int(s, 1) != GF_STEP_ENDED + GF_END_DONE) {
        st = gf_fail(GOFER_ESTATE, "the step '%s' of the flow '%s' was not done", l->step, l->id);
    } else if (sqlite3_column_int(s, 3) == GF_SQ_ASKS_EACH) {
        st = gf_sq_each_results(c, sqlite3_column_int64(s, 0), &l->bytes, &l->size);
    } else if (sqlite3_column_type(s, 2) != SQLITE_NULL) {
        const void *bytes = sqlite3_column_blob(s, 2);
        l->size = (size_t)sqlite3_column_bytes(s, 2);
        l->bytes = gf_memdup(bytes ? bytes : "", l->size);
        st = l->bytes ? GOFER_OK : gf_fail_nomem("the result of a step");
    }
    gf_sq_done(s);
    return st;
}

gofer_status gf_sq_flow_result(gf_broker *b, const char *id, const char *step, uint32_t *n,
    void **bytes, size_t *size)
{
    looking l = { .id = id, .step = step };
    gofer_status st = gf_sq_read((gf_sq_store *)b, find_result, &l);
    if (st != GOFER_OK) {
        gf_free(l.bytes);
        return st;
    }
    *n = l.n;
    *bytes = l.bytes;
    *size = l.size;
    return GOFER_OK;
}
