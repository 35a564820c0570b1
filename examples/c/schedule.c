/* schedule.c - puts tasks into their queues from C: now, later, and many at once.
 *
 *     schedule DIRECTORY-TO-TIDY DIRECTORY-TO-BACK-UP
 *
 * The broker is $GOFER_URL, or the user's own file. Prints the id of each task. */
#include <stdio.h>
#include <string.h>

#include "gofer/gofer.h"

/* The first failing call ends the program; the library says why. */
static int failed(const char *what)
{
    fprintf(stderr, "schedule: %s: %s\n", what, gofer_error_last());
    return 1;
}

/* One task, now, with a header for its handler. */
static int schedule_tidying(gofer_client *client, const char *directory)
{
    const char *headers[] = { "older-than", "30d", NULL };
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.queue = "maintenance";
    opts.headers = headers;
    opts.max_retry = 3;
    opts.timeout_ms = 60 * 1000;
    opts.retention_ms = 3600 * 1000; /* keep it, and its result, for an hour when it is done */

    char *id = NULL;
    if (gofer_client_enqueue(client, "maintenance:files", directory, strlen(directory), &opts, &id))
        return failed("maintenance:files");
    printf("%s  maintenance:files  now\n", id);
    gofer_free(id);
    return 0;
}

/* Two tasks in one round trip: a backup now, and the next one two seconds ahead. */
static int schedule_backups(gofer_client *client, const char *directory)
{
    enum { COUNT = 2 };
    static const char *const when[COUNT] = { "now", "in 2 s" };
    const char *types[COUNT] = { "backup:directory", "backup:directory" };
    const void *payloads[COUNT] = { directory, directory };
    const size_t sizes[COUNT] = { strlen(directory), strlen(directory) };

    gofer_enqueue_options now, later;
    gofer_enqueue_options_init(&now);
    now.queue = "low";
    now.timeout_ms = 5 * 60 * 1000;
    now.retention_ms = 3600 * 1000;
    later = now;
    later.delay_ms = 2000;
    const gofer_enqueue_options *opts[COUNT] = { &now, &later };

    char *ids[COUNT] = { NULL, NULL };
    gofer_status status = gofer_client_enqueue_many(
        client, COUNT, types, payloads, sizes, opts, NULL, ids);
    for (int i = 0; i < COUNT; i++) {
        if (ids[i]) /* NULL: this one was refused, the other is in nevertheless */
            printf("%s  backup:directory  %s\n", ids[i], when[i]);
        gofer_free(ids[i]);
    }
    return status == GOFER_OK ? 0 : failed("backup:directory");
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: schedule DIRECTORY-TO-TIDY DIRECTORY-TO-BACK-UP\n", stderr);
        return 2;
    }
    gofer_client *client = NULL;
    if (gofer_client_open(&client, NULL, NULL) != GOFER_OK)
        return failed("open");

    int result = schedule_tidying(client, argv[1]);
    if (result == 0)
        result = schedule_backups(client, argv[2]);
    gofer_client_close(client);
    return result;
}
