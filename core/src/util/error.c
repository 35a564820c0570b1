// error.c - statuses in words, and the calling thread's last error.
//
// The text is in the thread's own storage and is never freed: no failure can fail to be told.
#include "util/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ERROR_MAX = 1024 };

// Per thread by the ABI: gofer_error_last speaks of the caller's own last failure.
static _Thread_local char last_error[ERROR_MAX];

static const struct {
    gofer_status status;
    const char  *name, *text;
} statuses[] = {
    { GOFER_OK,           "OK",           "done" },
    { GOFER_EINVAL,       "EINVAL",       "an argument is wrong" },
    { GOFER_ENOMEM,       "ENOMEM",       "no memory" },
    { GOFER_EBROKER,      "EBROKER",      "the store failed or is out of reach" },
    { GOFER_EUNCERTAIN,   "EUNCERTAIN",   "the store's reply was lost: it may be done or not" },
    { GOFER_ETIMEOUT,     "ETIMEOUT",     "the time given ran out" },
    { GOFER_EEXIST,       "EEXIST",       "the task id is taken by another task" },
    { GOFER_EDUPLICATE,   "EDUPLICATE",   "a unique lock holds" },
    { GOFER_ENOTFOUND,    "ENOTFOUND",    "no such task, queue or file" },
    { GOFER_ESTATE,       "ESTATE",       "not possible in the present state" },
    { GOFER_ESTALE,       "ESTALE",       "the lease was lost" },
    { GOFER_EFORKED,      "EFORKED",      "the handle belongs to the parent process" },
    { GOFER_EUNSUPPORTED, "EUNSUPPORTED", "not supported here" },
    { GOFER_ENOSPACE,     "ENOSPACE",     "the store is full" },
    { GOFER_ETOOBIG,      "ETOOBIG",      "over the size limit" },
    { GOFER_EVERSION,     "EVERSION",     "made by another, newer version" },
    { GOFER_EDENIED,      "EDENIED",      "permission refused" },
    { GOFER_ECORRUPT,     "ECORRUPT",     "damaged, or not gofer's" },
    { GOFER_EEMPTY,       "EEMPTY",       "nothing there now" },
    { GOFER_EHANDLER,     "EHANDLER",     "a callback of the host failed" },
    { GOFER_EFULL,        "EFULL",        "the queue is as long as it may be" },
};

const char *gofer_status_name(gofer_status status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == status)
            return statuses[i].name;
    return "EUNKNOWN";
}

const char *gofer_status_text(gofer_status status)
{
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "unknown status";
}

const char *gofer_error_last(void)
{
    return last_error;
}

gofer_status gf_fail(gofer_status status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (vsnprintf(last_error, sizeof last_error, format, args) < 0)
        last_error[0] = '\0';
    va_end(args);
    return status;
}

gofer_status gf_fail_nomem(const char *what)
{
    return gf_fail(GOFER_ENOMEM, "no memory for %s", what);
}

gofer_status gf_fail_add(gofer_status status, const char *format, ...)
{
    char before[ERROR_MAX], whole[2 * ERROR_MAX + 4];
    va_list args;
    va_start(args, format);
    if (vsnprintf(before, sizeof before, format, args) < 0)
        before[0] = '\0';
    va_end(args);
    snprintf(whole, sizeof whole, "%s: %s", before, last_error);
    memcpy(last_error, whole, sizeof last_error - 1);
    last_error[sizeof last_error - 1] = '\0';
    return status;
}
