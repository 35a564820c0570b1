/* expire.c - the handler that worker.c and plugin.c share. Uses gofer.h and POSIX alone.
 *
 * A task may run twice (its worker may die after the work and before saying so), so a handler is
 * written to be repeated: a file that is gone already is no failure. */
#include "expire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

typedef struct tally {
    int64_t seen, removed, bytes;
} tally;

/* Fail the task with the reason of errno, in words that help whoever reads the archive. */
static int32_t fail(gofer_task *task, const char *what, const char *path, int permanent)
{
    char text[512];
    snprintf(text, sizeof text, "cannot %s '%s': %s", what, path, strerror(errno));
    return permanent ? gofer_task_skip_retry(task, text) : gofer_task_fail(task, text);
}

/* Remove one entry if it is a regular file last changed before `limit`. 0, or -1 with errno. */
static int remove_if_expired(int folder, const char *name, time_t limit, tally *sum)
{
    struct stat info;
    if (fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : -1;
    if (!S_ISREG(info.st_mode))
        return 0;
    sum->seen++;
    if (info.st_mtime >= limit)
        return 0;
    if (unlinkat(folder, name, 0) != 0)
        return errno == ENOENT ? 0 : -1;
    sum->removed++;
    sum->bytes += info.st_size;
    return 0;
}

static int32_t sweep(gofer_task *task, DIR *dir, const char *path, time_t limit, tally *sum)
{
    for (;;) {
        /* The deadline has passed or the worker must go: leave in time. What is done stays
         * done, and the next run goes on from there. */
        if (gofer_task_cancelled(task))
            return gofer_task_fail(task, "cancelled before the end");

        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (!entry)
            return errno == 0 ? GOFER_DONE : fail(task, "read", path, 0);
        if (remove_if_expired(dirfd(dir), entry->d_name, limit, sum) != 0)
            return fail(task, "remove a file of", path, 0);
        gofer_task_progress(task, sum->removed, 0, entry->d_name);
    }
}

int32_t expire_files(gofer_task *task, void *user)
{
    (void)user;
    const char *path = gofer_task_payload(task, NULL); /* a NUL follows the last byte */
    const char *age = gofer_task_header(task, "older-than");

    int64_t age_ms = 0;
    if (gofer_parse_duration(age ? age : "7d", &age_ms) != GOFER_OK)
        return gofer_task_skip_retry(task, gofer_error_last()); /* no retry will mend it */
    if (path[0] != '/')
        return gofer_task_skip_retry(task, "the payload must be the absolute path of a directory");

    DIR *dir = opendir(path);
    if (!dir)
        return fail(task, "open", path, errno == ENOENT || errno == ENOTDIR);

    tally sum = { 0, 0, 0 };
    int32_t outcome = sweep(task, dir, path, time(NULL) - (time_t)(age_ms / 1000), &sum);
    closedir(dir);
    if (outcome != GOFER_DONE)
        return outcome;

    char result[160];
    int length = snprintf(result, sizeof result, "removed %lld of %lld files, %lld bytes",
        (long long)sum.removed, (long long)sum.seen, (long long)sum.bytes);
    gofer_task_log(task, GOFER_LOG_INFO, result);
    if (gofer_task_result(task, result, (size_t)length) != GOFER_OK)
        return gofer_task_fail(task, gofer_error_last());
    return GOFER_DONE;
}
