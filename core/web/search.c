// search.c - tasks with a text in them.
#include "search.h"

#include <stdlib.h>
#include <string.h>

#include "call.h"

enum { BYTES_MAX = 64 << 10 };      // longer payloads and results are not read

// ---- in one task

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

bool web_search_for(web_searcher *s, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    if (size == 0 || size > WEB_SEARCH_MAX)
        return false;
    for (size_t i = 0; i <= size; i++)
        s->text[i] = lower(text[i]);
    return true;
}

static bool holds(const char *bytes, size_t size, const char *text, size_t text_size)
{
    for (size_t at = 0; bytes && at + text_size <= size; at++) {
        size_t i = 0;
        while (i < text_size && lower(bytes[at + i]) == text[i])
            i++;
        if (i == text_size)
            return true;
    }
    return false;
}

static const char *found_among(const gofer_info *task, const char *const *fields,
    const char *text)
{
    for (; *fields; fields++) {
        size_t size = 0;
        const char *bytes = gofer_info_bytes(task, *fields, &size);
        if (!bytes && (bytes = gofer_info_text(task, *fields)))
            size = strlen(bytes);
        if (size <= BYTES_MAX && holds(bytes, size, text, strlen(text)))
            return *fields;
    }
    return NULL;
}

const char *web_search_in(const web_searcher *s, const gofer_info *task)
{
    static const char *const plain[] = { "id", "type", "group", "schedule", NULL },
        *const error[] = { "last_error", NULL }, *const whole[] = { "payload", "result", NULL };
    gofer_info *read = NULL;
    const char *field = found_among(task, plain, s->text);
    if (field || !web_scope_may(s->scope, WEB_PAYLOAD, gofer_info_text(task, "queue")))
        return field;
    if ((field = found_among(task, error, s->text)))
        return field;
    // What is masked is not told by what finds it either.
    if (s->masks && web_masks_know(s->masks, gofer_info_text(task, "type")))
        return NULL;
    // One that has gone meanwhile is no failure of the search.
    if (gofer_client_task(s->client, gofer_info_text(task, "queue"), gofer_info_text(task, "id"),
            &read) == GOFER_OK)
        field = found_among(read, whole, s->text);
    gofer_info_free(read);
    return field;
}

// ---- in all of them

bool web_act_allows(int32_t act, const char *state)
{
    bool active = strcmp(state, "active") == 0, archived = strcmp(state, "archived") == 0,
         completed = strcmp(state, "completed") == 0, pending = strcmp(state, "pending") == 0;
    switch (act) {
    case GOFER_ACT_RUN:
        return !active && !completed && !pending;
    case GOFER_ACT_ARCHIVE:
        return !active && !completed && !archived;
    case GOFER_ACT_CANCEL:
        return !completed && !archived;
    case GOFER_ACT_DELETE:
        return !active;
    default:
        return true;
    }
}

typedef struct acting {
    const web_searcher    *s;
    const web_search_plan *plan;
    int64_t                looked, done;
} acting;

static gofer_status act_on_one(const acting *a, const char *queue, const char *id)
{
    switch (a->plan->act) {
    case GOFER_ACT_RUN:
        return gofer_client_task_run(a->s->client, queue, id);
    case GOFER_ACT_ARCHIVE:
        return gofer_client_task_archive(a->s->client, queue, id);
    case GOFER_ACT_CANCEL:
        return gofer_client_task_cancel(a->s->client, queue, id);
    case GOFER_ACT_DELETE:
        return gofer_client_task_delete(a->s->client, queue, id);
    default:
        return GOFER_OK;
    }
}

// One that is gone or in another state by now is passed over.
static gofer_status act_if_found(acting *a, const gofer_info *task)
{
    if (!web_act_allows(a->plan->act, gofer_info_text(task, "state"))
        || !web_search_in(a->s, task))
        return GOFER_OK;
    gofer_status st = act_on_one(a, gofer_info_text(task, "queue"), gofer_info_text(task, "id"));
    a->done += st == GOFER_OK;
    return st == GOFER_ENOTFOUND || st == GOFER_ESTATE ? GOFER_OK : st;
}

static gofer_status act_on_page(acting *a, const gofer_info *page)
{
    gofer_status st = GOFER_OK;
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(page); i++) {
        st = act_if_found(a, gofer_info_at(page, i));
        if (st == GOFER_OK && a->plan->progress(a->plan->user, a->looked, a->done) != 0)
            st = GOFER_EHANDLER;
    }
    a->looked += gofer_info_int(page, "looked", 0);
    if (st == GOFER_OK && a->plan->progress(a->plan->user, a->looked, a->done) != 0)
        st = GOFER_EHANDLER;
    return st;
}

static gofer_status find(const acting *a, const char *cursor, gofer_info **page)
{
    return gofer_client_find(a->s->client, a->plan->queue, a->plan->state, a->plan->filter, cursor,
        WEB_SEARCH_PAGE, page);
}

// A page's cursor names its last task, so the page behind is read before that task is changed.
gofer_status web_search_act(const web_searcher *s, const web_search_plan *plan, int64_t *done)
{
    acting a = { .s = s, .plan = plan };
    gofer_info *page = NULL;
    gofer_status st = find(&a, NULL, &page);
    while (st == GOFER_OK && page) {
        const char *cursor = gofer_info_text(page, "next_cursor");
        gofer_info *next = NULL;
        if (cursor)
            st = find(&a, cursor, &next);
        if (st == GOFER_OK)
            st = act_on_page(&a, page);
        gofer_info_free(page);
        page = next;
    }
    gofer_info_free(page);
    *done = a.done;
    return st;
}
