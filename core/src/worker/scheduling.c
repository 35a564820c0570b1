// scheduling.c - the worker's scheduler of cron entries: which file it keeps, when it starts and ends.
//
// May touch: schedule/. The keeper looks for entries while the scheduler has no thread, and ends it.
#include <limits.h>
#include <stdlib.h>

#include "schedule/book.h"
#include "schedule/entry_file.h"
#include "util/alloc.h"
#include "util/error.h"
#include "worker/runtime.h"

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

gofer_status gofer_worker_schedule_file(gofer_worker *worker, const char *path)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_schedule_file");
    if (st != GOFER_OK)
        return st;
    if (!path || !*path)
        return gf_fail(GOFER_EINVAL, "gofer_worker_schedule_file: path must not be empty");
    if (worker->schedule_file)
        return gf_fail(GOFER_EINVAL, "gofer_worker_schedule_file: the worker has the schedule file '%s' already",
            worker->schedule_file);
    if ((st = check_file(worker, path)) != GOFER_OK)
        return st;
    // The whole path is the entries' source, whatever folder a worker is started in.
    char *whole = realpath(path, NULL);
    worker->schedule_file = gf_strdup(whole ? whole : path);
    free(whole);
    return worker->schedule_file ? GOFER_OK : gf_fail_nomem("a schedule file's path");
}

gofer_status gf_scheduling_start(gofer_worker *w)
{
    bool able = w->ops->entries && w->ops->tick;
    if (w->schedule_file && !w->settings.schedule)
        return gf_fail(GOFER_EINVAL, "gofer_worker_start: there is a schedule file, but the setting \"schedule\" is 0");
    if (w->schedule_file && !able)
        return gf_client_cannot(w->client, "cron entries");
    if (!w->settings.schedule || !able)
        return GOFER_OK;
    return gf_scheduler_new(&w->scheduler, &(gf_scheduler_config){ .client = w->client, .id = w->id,
        .file = w->schedule_file, .log_level = w->settings.log_level, .stack_size = (size_t)w->settings.stack_size });
}

gofer_status gf_scheduling_look(gofer_worker *w)
{
    return w->scheduler ? gf_scheduler_look(w->scheduler) : GOFER_OK;
}

bool gf_scheduling_hear(gofer_worker *w)
{
    return atomic_exchange(&w->schedules_told, 0) && w->scheduler && !gf_scheduler_told(w->scheduler);
}

void gf_scheduling_stop(gofer_worker *w)
{
    if (w->scheduler)
        gf_scheduler_stop(w->scheduler);
}

void gf_scheduling_end(gofer_worker *w)
{
    gf_scheduler_free(w->scheduler);
    w->scheduler = NULL;
}
