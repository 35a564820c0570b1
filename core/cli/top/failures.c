// failures.c - failed tasks by type and kind of error: what a bounded scan has gathered.
//
// The store has no index of errors: tasks are looked at, page by page, and those of one queue, type
// and fingerprint are one row. Memory is bounded by the number of kinds.
#include "failures.h"

#include <stdlib.h>
#include <string.h>

#include "../cli.h"

const char *const failed_states[] = { "retry", "archived", NULL };

// ---- a scan

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(cli_alloc(size), text, size);
}

void failures_clear(failures *f)
{
    for (size_t i = 0; i < f->count; i++) {
        free(f->items[i].queue);
        free(f->items[i].type);
        free(f->items[i].sample);
    }
    free(f->items);
    for (size_t i = 0; i < FAILED_STATES; i++)
        free(f->cursors[i]);
    memset(f, 0, sizeof *f);
}

void failures_begin(failures *f, int64_t now_ms)
{
    failures_clear(f);
    f->limit = FAILURES_SCAN;
    f->begun_ms = now_ms;
}

void failures_further(failures *f)
{
    f->limit = f->looked + FAILURES_SCAN;
}

int failures_whole(const failures *f)
{
    return f->begun_ms && f->ended[FAILED_RETRY] && f->ended[FAILED_ARCHIVED];
}

int failures_scanning(const failures *f)
{
    return f->begun_ms && !failures_whole(f) && f->looked < f->limit;
}

// ---- kinds

static failure *find(failures *f, const failure *like)
{
    for (size_t i = 0; i < f->count; i++) {
        failure *it = &f->items[i];
        if (strcmp(it->kind, like->kind) == 0 && strcmp(it->type, like->type) == 0 &&
            strcmp(it->queue, like->queue) == 0)
            return it;
    }
    return NULL;
}

static failure *add(failures *f, const failure *like)
{
    if (f->count == FAILURES_GROUPS)
        return NULL;
    if (f->count == f->room) {
        f->room = f->room ? f->room * 2 : 32;
        f->items = cli_grow(f->items, f->room * sizeof *f->items);
    }
    failure *it = &f->items[f->count++];
    *it = *like;
    it->queue = copy(like->queue);
    it->type = copy(like->type);
    return it;
}

static const char *text_of(const gofer_info *task, const char *field)
{
    const char *text = gofer_info_text(task, field);
    return text ? text : "";
}

static void gather(failures *f, size_t state, const gofer_info *task)
{
    const char *error = text_of(task, "last_error");
    failure like = { .queue = (char *)text_of(task, "queue"),
        .type = (char *)text_of(task, "type") };
    (void)gf_fingerprint(error, like.kind);
    failure *it = find(f, &like);
    if (!it)
        it = add(f, &like);
    if (!it) {
        f->others++;
        return;
    }
    int64_t at_ms = gofer_info_int(task, "last_failed_at_ms", 0);
    it->counts[state]++;
    if (at_ms && (!it->first_ms || at_ms < it->first_ms))
        it->first_ms = at_ms;
    if (!it->sample || at_ms >= it->last_ms) {
        free(it->sample);
        it->sample = cli_error_line(error);
        it->last_ms = at_ms;
    }
}

static int64_t many(const failure *f)
{
    return f->counts[FAILED_RETRY] + f->counts[FAILED_ARCHIVED];
}

// The most frequent first; of equals the latest; a name decides, so that rows stay where they are.
static int compare(const void *left, const void *right)
{
    const failure *a = left, *b = right;
    if (many(a) != many(b))
        return many(a) > many(b) ? -1 : 1;
    if (a->last_ms != b->last_ms)
        return a->last_ms > b->last_ms ? -1 : 1;
    int types = strcmp(a->type, b->type);
    return types ? types : strcmp(a->kind, b->kind);
}

// Of both states alike, so that a scan that ends early has seen something of each.
static size_t turn_of(const failures *f)
{
    if (f->ended[FAILED_RETRY] || f->ended[FAILED_ARCHIVED])
        return f->ended[FAILED_RETRY] ? FAILED_ARCHIVED : FAILED_RETRY;
    return f->seen[FAILED_ARCHIVED] < f->seen[FAILED_RETRY] ? FAILED_ARCHIVED : FAILED_RETRY;
}

gofer_status failures_step(failures *f, gofer_client *client)
{
    gofer_info *page = NULL;
    size_t state = turn_of(f);
    gofer_status st = gofer_client_find(client, NULL, failed_states[state], NULL,
        f->cursors[state], FAILURES_STEP, &page);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < gofer_info_count(page); i++)
        gather(f, state, gofer_info_at(page, i));
    int64_t seen = gofer_info_int(page, "looked", (int64_t)gofer_info_count(page));
    f->seen[state] += seen;
    f->looked += seen;
    const char *next = gofer_info_text(page, "next_cursor");
    char *cursor = next ? copy(next) : NULL;
    free(f->cursors[state]);
    f->cursors[state] = cursor;
    f->ended[state] = cursor == NULL;
    gofer_info_free(page);
    if (f->count)
        qsort(f->items, f->count, sizeof *f->items, compare);
    return GOFER_OK;
}
