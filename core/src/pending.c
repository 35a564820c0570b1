// pending.c - public functions whose rooms are being built; it is gone when they are.
#include <string.h>

#include "gofer/gofer.h"
#include "util/error.h"

#define NOT_YET(name) return gf_fail(GOFER_EUNSUPPORTED, name ": this build cannot do it")
#define UNUSED(x) (void)(x)

void gofer_schedule_options_init(gofer_schedule_options *opts)
{
    memset(opts, 0, sizeof *opts);
    opts->size = sizeof *opts;
}

gofer_status gofer_client_schedule_put(gofer_client *client, const char *name, const char *spec, const char *type, const void *payload, size_t size, const gofer_schedule_options *opts, int32_t flags)
{
    UNUSED(client);
    UNUSED(name);
    UNUSED(spec);
    UNUSED(type);
    UNUSED(payload);
    UNUSED(size);
    UNUSED(opts);
    UNUSED(flags);
    NOT_YET("gofer_client_schedule_put");
}

gofer_status gofer_client_schedule_remove(gofer_client *client, const char *name)
{
    UNUSED(client);
    UNUSED(name);
    NOT_YET("gofer_client_schedule_remove");
}

gofer_status gofer_client_schedule_pause(gofer_client *client, const char *name, int32_t paused)
{
    UNUSED(client);
    UNUSED(name);
    UNUSED(paused);
    NOT_YET("gofer_client_schedule_pause");
}

gofer_status gofer_client_schedule_run(gofer_client *client, const char *name, char **id_out)
{
    UNUSED(client);
    UNUSED(name);
    UNUSED(id_out);
    NOT_YET("gofer_client_schedule_run");
}

gofer_status gofer_client_schedules(gofer_client *client, gofer_info **out)
{
    UNUSED(client);
    UNUSED(out);
    NOT_YET("gofer_client_schedules");
}

gofer_status gofer_client_schedule(gofer_client *client, const char *name, gofer_info **out)
{
    UNUSED(client);
    UNUSED(name);
    UNUSED(out);
    NOT_YET("gofer_client_schedule");
}

gofer_status gofer_client_schedule_history(gofer_client *client, const char *name, int32_t limit, gofer_info **out)
{
    UNUSED(client);
    UNUSED(name);
    UNUSED(limit);
    UNUSED(out);
    NOT_YET("gofer_client_schedule_history");
}

gofer_status gofer_client_schedules_sync(gofer_client *client, const char *source, const char *json, size_t size, gofer_info **out)
{
    UNUSED(client);
    UNUSED(source);
    UNUSED(json);
    UNUSED(size);
    UNUSED(out);
    NOT_YET("gofer_client_schedules_sync");
}

gofer_status gofer_cron_check(const char *spec, const char *tz, int64_t from_ms, int32_t count, gofer_info **out)
{
    UNUSED(spec);
    UNUSED(tz);
    UNUSED(from_ms);
    UNUSED(count);
    UNUSED(out);
    NOT_YET("gofer_cron_check");
}

int32_t gofer_task_stopping(const gofer_task *task)
{
    UNUSED(task);
    return 0;
}

gofer_status gofer_task_checkpoint(gofer_task *task, const void *bytes, size_t size)
{
    UNUSED(task);
    UNUSED(bytes);
    UNUSED(size);
    NOT_YET("gofer_task_checkpoint");
}

gofer_status gofer_task_resume(gofer_task *task, const void **bytes, size_t *size)
{
    UNUSED(task);
    UNUSED(bytes);
    UNUSED(size);
    NOT_YET("gofer_task_resume");
}

int32_t gofer_task_snooze(gofer_task *task, int64_t delay_ms, const char *text)
{
    UNUSED(task);
    UNUSED(delay_ms);
    UNUSED(text);
    return 0;
}

gofer_status gofer_worker_retry(gofer_worker *worker, const char *pattern, const char *policy)
{
    UNUSED(worker);
    UNUSED(pattern);
    UNUSED(policy);
    NOT_YET("gofer_worker_retry");
}

gofer_status gofer_worker_schedule_file(gofer_worker *worker, const char *path)
{
    UNUSED(worker);
    UNUSED(path);
    NOT_YET("gofer_worker_schedule_file");
}

