// pending.c - public functions whose rooms are being built; it is gone when they are.
#include <string.h>

#include "gofer/gofer.h"
#include "util/error.h"

#define NOT_YET(name) return gf_fail(GOFER_EUNSUPPORTED, name ": this build cannot do it")
#define UNUSED(x) (void)(x)

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

