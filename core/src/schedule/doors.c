// doors.c - the public doors of cron entries: put, remove, pause, run, sync.
//
// May touch: schedule/, client/events.h, broker/broker.h. What is in the store is shown by
// list.c.
#include <string.h>

#include "client/admit.h"
#include "client/client.h"
#include "client/events.h"
#include "info/info.h"
#include "schedule/book.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/text.h"
#include "util/utf8.h"

static const char source_of_api[] = "api";

void gofer_schedule_options_init(gofer_schedule_options *opts)
{
    *opts = (gofer_schedule_options){ .size = sizeof *opts };
}

// The doors' common first lines.
static gofer_status check(gofer_client *client, const char *what, const char *name)
{
    gofer_status st = gf_client_check(client, what);
    if (st == GOFER_OK && !client->broker->ops->cron)
        st = gf_client_cannot(client, "cron entries");
    return st == GOFER_OK ? gf_check_name("name of a cron entry", name) : st;
}

// ---- put, remove -------------------------------------------------------------------------------

// An entry of a file stays one, and is as the file says when that is next taken over.
static gofer_status take_source(gf_schedule *s, const gf_schedule *old)
{
    char *source = gf_strdup(old->source);
    if (!source)
        return gf_fail_nomem("a cron entry");
    gf_free((void *)(uintptr_t)s->source);
    s->source = source;
    return GOFER_OK;
}

static gofer_status put(gofer_client *client, gf_schedule *s, int32_t flags)
{
    gf_schedule old;
    gofer_status st = gf_book_find(client->broker, s->name, &old);
    if (st == GOFER_ENOTFOUND)
        return gf_book_put(client->broker, s, NULL, flags & GOFER_SCHEDULE_NEW);
    // One that cannot be read is replaced all the same: it is what would mend it.
    bool known = st == GOFER_OK;
    if (known && (st = take_source(s, &old)) != GOFER_OK) {
        gf_schedule_clear(&old);
        return st;
    }
    if (known || st == GOFER_ECORRUPT)
        st = flags & GOFER_SCHEDULE_NEW
            ? gf_fail(GOFER_EEXIST, "there is a cron entry '%s' already", s->name)
            : gf_book_put(client->broker, s, known ? &old : NULL, false);
    if (known)
        gf_schedule_clear(&old);
    return st;
}

gofer_status gofer_client_schedule_put(gofer_client *client, const char *name, const char *spec,
    const char *type, const void *payload, size_t size, const gofer_schedule_options *opts,
    int32_t flags)
{
    gf_zones zones = { 0 };
    gf_schedule s;
    gofer_status st = check(client, "gofer_client_schedule_put", name);
    if (st == GOFER_OK && flags & ~GOFER_SCHEDULE_NEW)
        st = gf_fail(GOFER_EINVAL,
            "gofer_client_schedule_put: flags is %d: it must be 0 or GOFER_SCHEDULE_NEW",
            (int)flags);
    if (st != GOFER_OK)
        return st;
    gf_schedule_given given = { .name = name, .spec = spec, .type = type, .payload = payload,
        .size = size, .opts = opts, .source = source_of_api };
    st = gf_schedule_make(&s, client, &zones, &given);
    if (st == GOFER_OK) {
        st = gf_admit(client, &(const gf_message *){ &s.task }, 1);
        st = st == GOFER_OK ? put(client, &s, flags) : st;
        gf_schedule_clear(&s);
    }
    gf_zones_clear(&zones);
    return st;
}

gofer_status gofer_client_schedule_remove(gofer_client *client, const char *name)
{
    gofer_status st = check(client, "gofer_client_schedule_remove", name);
    if (st != GOFER_OK)
        return st;
    st = client->broker->ops->cron->entry_drop(client->broker, name);
    return st == GOFER_ENOTFOUND ? gf_fail(st, "there is no cron entry '%.200s'", name) : st;
}

// ---- pause, run ---------------------------------------------------------------------------------

gofer_status gofer_client_schedule_pause(gofer_client *client, const char *name, int32_t paused)
{
    gf_schedule old, changed;
    gofer_status st = check(client, "gofer_client_schedule_pause", name);
    if (st == GOFER_OK)
        st = gf_book_find(client->broker, name, &old);
    if (st != GOFER_OK)
        return st;
    if (old.paused != (paused != 0)) {
        changed = old;             // borrows all of it
        changed.paused = paused != 0;
        st = gf_book_put(client->broker, &changed, &old, false);
    }
    gf_schedule_clear(&old);
    return st;
}

static gofer_status put_task(gofer_client *client, const gf_schedule *s, char **id_out)
{
    gf_tick_task task;
    char *id = NULL;
    gofer_status st = gf_schedule_task(s, 0, gf_now_ms(), &task);
    if (st != GOFER_OK)
        return st;
    if (id_out && !(id = gf_strdup(task.id)))
        st = gf_fail_nomem("a task id");
    if (st == GOFER_OK) {
        gf_put item = { .message = &task.message };
        st = gf_put_and_publish(client->broker, &item, 1);
        if (st == GOFER_OK && item.closed)
            st = gf_admit_refuse(task.message.queue, task.message.type);
        else if (st == GOFER_OK && item.status != GOFER_OK)
            st = gf_fail(item.status, "the store refused the task of cron entry '%s': %s", s->name,
                gofer_status_text(item.status));
    }
    if (st == GOFER_OK && id_out)
        *id_out = id;
    else
        gf_free(id);
    gf_tick_task_clear(&task);
    return st;
}

gofer_status gofer_client_schedule_run(gofer_client *client, const char *name, char **id_out)
{
    gf_schedule s;
    gofer_status st = check(client, "gofer_client_schedule_run", name);
    if (st == GOFER_OK)
        st = gf_book_find(client->broker, name, &s);
    if (st != GOFER_OK)
        return st;
    st = put_task(client, &s, id_out);
    gf_schedule_clear(&s);
    return st;
}

// ---- sync ---------------------------------------------------------------------------------------

gofer_status gofer_client_schedules_sync(gofer_client *client, const char *source, const char *json,
    size_t size, gofer_info **out)
{
    gf_sync_counts counts;
    gofer_status st = gf_client_check(client, "gofer_client_schedules_sync");
    if (st != GOFER_OK)
        return st;
    if (!source || !*source || !gf_utf8_valid(source, strlen(source)))
        return gf_fail(GOFER_EINVAL,
            "gofer_client_schedules_sync: source must be a text, such as the file's path");
    if (strcmp(source, source_of_api) == 0)
        return gf_fail(GOFER_EINVAL,
            "gofer_client_schedules_sync: the source 'api' is that of gofer_client_schedule_put");
    if (!json && size)
        return gf_fail(GOFER_EINVAL,
            "gofer_client_schedules_sync: json is NULL but its size is %zu", size);
    gofer_info *info = gf_info_record();
    if (!info)
        return gf_fail_nomem("a snapshot");
    st = gf_book_sync(client, source, json ? json : "", size, &counts);
    if (st == GOFER_OK &&
        (gf_info_set_int(info, "added", counts.added) |
            gf_info_set_int(info, "changed", counts.changed) |
            gf_info_set_int(info, "removed", counts.removed) |
            gf_info_set_int(info, "unchanged", counts.unchanged)))
        st = gf_fail_nomem("a snapshot");
    if (st == GOFER_OK && out)
        *out = info;
    else
        gofer_info_free(info);
    return st;
}
