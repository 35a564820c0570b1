/* worker.c - a whole worker in C: opens the broker, registers a handler and a middleware, runs
 * until a signal stops it or, with --drain, until its queues are empty.
 *
 *     worker [--drain] [URL]
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "expire.h"

/* The library installs no signal handlers; this program does. gofer_worker_stop may be called
 * from one: the first call lets handlers finish, the second does not wait. */
static gofer_worker *running;

static void on_signal(int number)
{
    (void)number;
    gofer_worker_stop(running);
}

static void set_signals(void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static void print_log(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    static const char *const names[] = { "debug", "info", "warn", "error" };
    (void)user;
    (void)time_ms;
    if (level > GOFER_LOG_DEBUG)
        fprintf(stderr, "%-5s %s %s\n", names[level <= GOFER_LOG_ERROR ? level : GOFER_LOG_ERROR],
            text, fields);
}

/* Wraps every handler: what is done before and after, for all types alike. */
static int32_t say_outcome(gofer_task *task, void *user)
{
    (void)user;
    int32_t outcome = gofer_task_next(task);
    const char *error = gofer_task_error(task);
    printf("%s %s, attempt %d: %s\n", gofer_task_type(task), gofer_task_id(task),
        (int)gofer_task_attempt(task), outcome == GOFER_DONE ? "done" : error ? error : "failed");
    fflush(stdout);
    return outcome;
}

/* Everything that can be wrong is known before the worker starts. */
static gofer_status set_up(gofer_worker *worker, int drain)
{
    gofer_status status = gofer_worker_set(worker, "concurrency", "2");
    if (status == GOFER_OK)
        status = gofer_worker_set(worker, "drain", drain ? "1" : "0");
    if (status == GOFER_OK)
        status = gofer_worker_queue(worker, "maintenance", 1);
    if (status == GOFER_OK)
        status = gofer_worker_handle(worker, "maintenance:files", expire_files, NULL, NULL);
    if (status == GOFER_OK)
        status = gofer_worker_use(worker, say_outcome, NULL, NULL);
    return status;
}

int main(int argc, char **argv)
{
    int drain = argc > 1 && strcmp(argv[1], "--drain") == 0;
    const char *url = argc > 1 + drain ? argv[1 + drain] : NULL; /* NULL: $GOFER_URL */

    gofer_client_options opts;
    gofer_client_options_init(&opts);
    opts.log = print_log;

    gofer_client *client = NULL;
    gofer_status status = gofer_client_open(&client, url, &opts);
    if (status == GOFER_OK)
        status = gofer_worker_new(&running, client);
    if (status == GOFER_OK)
        status = set_up(running, drain);
    if (status == GOFER_OK) {
        set_signals(on_signal);
        status = gofer_worker_run(running); /* until stopped or drained */
        set_signals(SIG_DFL);               /* nobody may stop what is being freed */
    }
    if (status != GOFER_OK)
        fprintf(stderr, "worker: %s\n", gofer_error_last());
    gofer_worker_free(running); /* the worker first, then what it was made from */
    gofer_client_close(client);
    return status == GOFER_OK ? 0 : 1;
}
