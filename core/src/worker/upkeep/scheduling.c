// scheduling.c - the worker's scheduler of cron entries: which file it keeps,
// when it starts and ends.
//
// May touch: schedule/. Housekeeping looks for entries while the scheduler has no thread, and ends
// it.
#include "worker/upkeep/scheduling.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "schedule/book.h"
#include "schedule/entry_file.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "worker/runtime.h"
#include "worker/worker.h"

static gofer_status check_file(const gofer_worker *w, const char *path)
{
    char *text;
    size_t size;
    struct stat seen;
    gf_schedule_list list;
    gofer_status st = gf_entry_file_read(path, &text, &size, &seen);
    if (st != GOFER_OK)
        return st;
    st = gf_schedule_list_parse(w->client, path, text, size, &list);
    gf_free(text);
    if (st == GOFER_OK)
        gf_schedule_list_clear(&list);
    else if (st != GOFER_ENOMEM)
        st = gf_fail_add(st, "schedule file '%s'", path);
    return st;
}

static gofer_status keep_path(gofer_worker *w, const char *path)
{
    gf_scheduling *s = &w->upkeep.scheduling;
    for (size_t i = 0; i < s->file_count; i++)
        if (strcmp(s->files[i], path) == 0)
            return gf_fail(GOFER_EINVAL, "the schedule file '%s' is given twice", path);
    if (!gf_grow(s->files, s->file_capacity, s->file_count + 1))
        return gf_fail_nomem("a worker's list");
    char *copy = gf_strdup(path);
    if (!copy)
        return gf_fail_nomem("a schedule file's path");
    s->files[s->file_count++] = copy;
    return GOFER_OK;
}

gofer_status gofer_worker_schedule_file(gofer_worker *worker, const char *path)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_schedule_file");
    if (st != GOFER_OK)
        return st;
    if (!path || !*path)
        return gf_fail(GOFER_EINVAL, "gofer_worker_schedule_file: path must not be empty");
    if ((st = check_file(worker, path)) != GOFER_OK)
        return st;
    // The whole path is the entries' source, whatever folder a worker is started in.
    char *whole = realpath(path, NULL);
    st = keep_path(worker, whole ? whole : path);
    free(whole);
    return st;
}

gofer_status gf_scheduling_start(gofer_worker *w)
{
    gf_scheduling *s = &w->upkeep.scheduling;
    bool able = w->ops->cron != NULL;
    if (s->file_count && !w->settings.schedule)
        return gf_fail(GOFER_EINVAL,
            "gofer_worker_start: there is a schedule file, but the setting \"schedule\" is 0");
    if (s->file_count && !able)
        return gf_client_cannot(w->client, "cron entries");
    if (!w->settings.schedule || !able)
        return GOFER_OK;
    return gf_scheduler_new(&s->scheduler,
        &(gf_scheduler_config){ .client = w->client,
            .id = w->id,
            .files = s->files,
            .file_count = s->file_count,
            .log_level = w->settings.log_level,
            .stack_size = (size_t)w->settings.stack_size,
            .missed = &w->upkeep.counters.ticks_missed });
}

gofer_status gf_scheduling_look(gofer_worker *w)
{
    gf_scheduling *s = &w->upkeep.scheduling;
    return s->scheduler ? gf_scheduler_look(s->scheduler) : GOFER_OK;
}

bool gf_scheduling_take_over(gofer_worker *w)
{
    gf_scheduling *s = &w->upkeep.scheduling;
    return atomic_exchange(&s->changed, 0) && s->scheduler && !gf_scheduler_notify(s->scheduler);
}

void gf_scheduling_stop(gofer_worker *w)
{
    gf_scheduling *s = &w->upkeep.scheduling;
    if (s->scheduler)
        gf_scheduler_stop(s->scheduler);
}

void gf_scheduling_clear(gofer_worker *w)
{
    gf_scheduling *s = &w->upkeep.scheduling;
    for (size_t i = 0; i < s->file_count; i++)
        gf_free(s->files[i]);
    gf_free(s->files);
}

void gf_scheduling_end(gofer_worker *w)
{
    gf_scheduling *s = &w->upkeep.scheduling;
    gf_scheduler_free(s->scheduler);
    s->scheduler = NULL;
}
