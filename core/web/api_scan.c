// api_scan.c - handlers that look through tasks: texts in them, and what fails.
//
// A store keeps no index of what is in tasks, so they are read, page after page, until the call has
// looked at SCAN_TASKS of them or for SCAN_MS; who asks goes on by the cursor, sees how far it is,
// and stops when he likes. Nothing is left out between two calls, for both end with a page.
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "clock.h"
#include "copy.h"
#include "search.h"
#include "util/fingerprint.h"

enum {
    SCAN_TASKS = 20000,
    SCAN_MS = 500,
    PAGE = 1000,
    SEARCH_FOUND = 50,          // enough for an answer
    GROUPS = 500,               // enough for an answer; a page more may come to them
    LINE_MAX = 512
};

// ---- page after page

typedef struct scan {
    web_call    *call;
    const char  *queue, *state;
    gofer_filter filter;
    int32_t      page;
    char        *cursor;        // owned; NULL: from the start, or at the end
    bool         ended;
    int64_t      scanned, begun_ms;
} scan;

static bool begin(scan *s, web_call *call, int32_t page)
{
    const char *cursor = web_query_word(call, "cursor");
    *s = (scan){ .call = call, .queue = web_query_word(call, "queue"),
        .state = web_query_word(call, "state"), .page = page,
        .begun_ms = web_ms(CLOCK_MONOTONIC) };
    if (!web_query_filter(call, &s->filter))
        return false;
    s->cursor = cursor && *cursor ? strdup(cursor) : NULL;
    if (cursor && *cursor && !s->cursor)
        web_fail(call, 503, "ENOMEM", "there is no memory for the request");
    return call->reply.status == 0;
}

static bool may_go_on(const scan *s)
{
    return !s->ended && s->scanned < SCAN_TASKS
        && web_ms(CLOCK_MONOTONIC) - s->begun_ms < SCAN_MS;
}

// The next page, which is the caller's. NULL: it is answered.
static gofer_info *next_page(scan *s)
{
    gofer_info *page = NULL;
    gofer_status st = gofer_client_find(s->call->client, s->queue, s->state, &s->filter, s->cursor,
        s->page, &page);
    if (st != GOFER_OK) {
        web_fail_status(s->call, st);
        return NULL;
    }
    const char *next = gofer_info_text(page, "next_cursor");
    free(s->cursor);
    s->cursor = next ? strdup(next) : NULL;
    s->ended = !next;
    s->scanned += gofer_info_int(page, "looked", 0);
    if (next && !s->cursor) {
        web_fail(s->call, 503, "ENOMEM", "there is no memory for the request");
        gofer_info_free(page);
        return NULL;
    }
    return page;
}

static void finish(scan *s)
{
    web_text *body = &s->call->reply.body;
    if (s->call->reply.status == 0) {
        web_text_format(body, "],\"scanned\":%lld", (long long)s->scanned);
        if (!s->ended && s->cursor) {
            web_text_put(body, ",\"next_cursor\":");
            web_text_json(body, s->cursor, strlen(s->cursor));
        }
        web_text_put(body, "}");
        s->call->reply.status = 200;
        s->call->reply.type = "application/json";
    }
    free(s->cursor);
}

// ---- searching

static bool put_found(web_call *call, const gofer_info *task, const char *field, bool first)
{
    web_text *body = &call->reply.body;
    char *json = NULL;
    gofer_status st = gofer_info_json(task, &json);
    if (st != GOFER_OK) {
        web_fail_status(call, st);
        return false;
    }
    web_text_format(body, "%s{\"found_in\":\"%s\",\"task\":", first ? "" : ",", field);
    (void)web_copy_json(body, json, strlen(json), &call->view);
    web_text_put(body, "}");
    gofer_free(json);
    return true;
}

void web_api_search(web_call *call)
{
    const char *text = web_query_word(call, "text");
    web_searcher searcher = { .client = call->client, .scope = call->scope,
        .masks = call->view.masks };
    scan s;
    size_t found = 0;
    if (!web_search_for(&searcher, text)) {
        web_fail(call, 400, "EINVAL", text && *text ? "text= is longer than %d bytes"
            : "text= is missing", WEB_SEARCH_MAX);
        return;
    }
    if (!begin(&s, call, WEB_SEARCH_PAGE))
        return;
    web_text_put(&call->reply.body, "{\"items\":[");
    do {
        gofer_info *page = next_page(&s);
        for (size_t i = 0; call->reply.status == 0 && i < gofer_info_count(page); i++) {
            const gofer_info *task = gofer_info_at(page, i);
            const char *field = web_search_in(&searcher, task);
            if (field && !put_found(call, task, field, found++ == 0))
                break;
        }
        gofer_info_free(page);
    } while (call->reply.status == 0 && found < SEARCH_FOUND && may_go_on(&s));
    finish(&s);
}

// ---- what fails

typedef struct group {
    char   *type;
    char    fingerprint[GF_FINGERPRINT];
    size_t  size;               // of the fingerprint: most others have another
    int64_t retry, archived, first_ms, last_ms;
    char   *queue, *id, *line;  // of the latest
} group;

typedef struct groups {
    group  all[GROUPS + PAGE];
    size_t count;
} groups;

static void free_groups(groups *g)
{
    for (size_t i = 0; g && i < g->count; i++) {
        free(g->all[i].type);
        free(g->all[i].queue);
        free(g->all[i].id);
        free(g->all[i].line);
    }
    free(g);
}

// NULL: no memory.
static group *group_of(groups *g, const char *type, const char *fingerprint)
{
    size_t size = strlen(fingerprint);
    for (size_t i = 0; i < g->count; i++)
        if (g->all[i].size == size && memcmp(g->all[i].fingerprint, fingerprint, size) == 0
            && strcmp(g->all[i].type, type) == 0)
            return &g->all[i];
    char *copy = strdup(type);
    if (!copy)
        return NULL;
    group *one = &g->all[g->count++];
    one->type = copy;
    one->size = size;
    memcpy(one->fingerprint, fingerprint, size + 1);
    return one;
}

static bool replace(char **out, const char *text)
{
    char *copy = strdup(text);
    if (copy) {
        free(*out);
        *out = copy;
    }
    return copy != NULL;
}

// The latest is the sample.
static bool take_sample(group *one, const gofer_info *task)
{
    char line[LINE_MAX];
    (void)gf_error_line(gofer_info_text(task, "last_error"), line, sizeof line);
    return replace(&one->queue, gofer_info_text(task, "queue"))
        && replace(&one->id, gofer_info_text(task, "id")) && replace(&one->line, line);
}

static bool count_in(groups *g, const gofer_info *task, bool archived, bool by_error)
{
    const char *error = gofer_info_text(task, "last_error");
    char fingerprint[GF_FINGERPRINT] = "";
    if (!error || !*error)
        return true;            // somebody set it aside: nothing has failed
    if (by_error)
        (void)gf_fingerprint(error, fingerprint);
    group *one = group_of(g, gofer_info_text(task, "type"), fingerprint);
    if (!one)
        return false;
    int64_t at_ms = gofer_info_int(task, "last_failed_at_ms",
        gofer_info_int(task, "archived_at_ms", 0));
    bool first = one->retry + one->archived == 0;
    one->retry += !archived;
    one->archived += archived;
    if (first || at_ms < one->first_ms)
        one->first_ms = at_ms;
    if (!first && at_ms < one->last_ms)
        return true;
    one->last_ms = at_ms;
    return take_sample(one, task);
}

static void put_text(web_text *out, const char *name, const char *text)
{
    web_text_format(out, ",\"%s\":", name);
    web_text_json(out, text, strlen(text));
}

static void put_groups(web_call *call, const groups *g, bool by_error)
{
    web_text *body = &call->reply.body;
    for (size_t i = 0; i < g->count; i++) {
        const group *one = &g->all[i];
        web_text_format(body, "%s{\"count\":%lld,\"retry\":%lld,\"archived\":%lld,"
            "\"first_ms\":%lld,\"last_ms\":%lld", i ? "," : "",
            (long long)(one->retry + one->archived), (long long)one->retry,
            (long long)one->archived, (long long)one->first_ms, (long long)one->last_ms);
        put_text(body, "type", one->type);
        put_text(body, "queue", one->queue);
        put_text(body, "id", one->id);
        if (by_error) {
            put_text(body, "fingerprint", one->fingerprint);
            put_text(body, "error", one->line);
        }
        web_text_put(body, "}");
    }
}

// First those that are to be retried, then those set aside; the cursor begins with its state.
static void choose_state(scan *s, bool both)
{
    static const char aside[] = "archived";
    if (!both)
        return;
    bool second = s->cursor && strncmp(s->cursor, aside, sizeof aside - 1) == 0;
    s->state = second ? aside : "retry";
    if (second && strcmp(s->cursor, aside) == 0) {
        free(s->cursor);        // its beginning
        s->cursor = NULL;
    }
}

static void turn_to_archive(scan *s, bool both)
{
    if (!both || !s->ended || strcmp(s->state, "retry") != 0)
        return;
    s->state = "archived";
    s->ended = false;
}

static void scan_failures(scan *s, groups *g, bool both, bool by_error)
{
    web_call *call = s->call;
    do {
        gofer_info *page = next_page(s);
        bool archived = strcmp(s->state, "archived") == 0, ok = true;
        for (size_t i = 0; ok && i < gofer_info_count(page); i++)
            ok = count_in(g, gofer_info_at(page, i), archived, by_error);
        gofer_info_free(page);
        if (!ok)
            web_fail(call, 503, "ENOMEM", "there is no memory for the request");
        turn_to_archive(s, both);
    } while (call->reply.status == 0 && g->count < GROUPS && may_go_on(s));
}

void web_api_failures(web_call *call)
{
    const char *state = web_query_word(call, "state");
    scan s;
    if (state && strcmp(state, "retry") != 0 && strcmp(state, "archived") != 0) {
        web_fail(call, 400, "EINVAL", "state= is retry or archived: the others have not failed");
        return;
    }
    groups *g = calloc(1, sizeof *g);
    if (!g)
        web_fail(call, 503, "ENOMEM", "there is no memory for the request");
    else if (begin(&s, call, PAGE)) {
        choose_state(&s, !state);
        bool by_error = web_sees_payloads(call, s.queue);
        scan_failures(&s, g, !state, by_error);
        if (call->reply.status == 0) {
            web_text_put(&call->reply.body, "{\"items\":[");
            put_groups(call, g, by_error);
            if (!s.ended && !s.cursor)
                s.cursor = strdup(s.state);
        }
        finish(&s);
    }
    free_groups(g);
}
