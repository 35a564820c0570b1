/* life.c - more of a task's life, in one program that is client and worker: a unique task, a group
   that becomes one
 * task, a task that reports its progress, snoozes and goes on from its checkpoint, and the wait for
 * its result.
 *
 *     life [URL]           # without one: a memory: broker
 */
#include <gofer/gofer.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fail(const char *what)
{
    fprintf(stderr, "life: %s: %s\n", what, gofer_error_last());
    return 1;
}

/* ---- Handlers ------------------------------------------------------------ */

/* Counts to the number in its payload, and has a rest in the middle: a snooze uses no attempt, and
   what was saved as
 * the checkpoint is there when the task starts again. It would be there after a stop or a crash,
 * too. */
static int32_t count_up(gofer_task *task, void *user)
{
    (void)user;
    const void *saved;
    size_t size;
    int64_t at = 0, end = strtoll(gofer_task_payload(task, NULL), NULL, 10);
    if (gofer_task_resume(task, &saved, &size) != GOFER_OK)
        return gofer_task_fail(task, gofer_error_last());
    if (saved && size == sizeof at)
        memcpy(&at, saved, size);
    while (at < end) {
        at++;
        if (gofer_task_checkpoint(task, &at, sizeof at) != GOFER_OK ||
            gofer_task_progress(task, at, end, "counted") != GOFER_OK)
            return gofer_task_fail(task, gofer_error_last());
        if (gofer_task_stopping(task))      /* give it back: it goes on in the next worker */
            return GOFER_REQUEUE;
        if (at == end / 2)
            return gofer_task_snooze(task, 10, "a rest");
    }
    char text[64];
    int length = snprintf(text, sizeof text, "counted to %lld in attempt %d", (long long)at,
        (int)gofer_task_attempt(task));
    return gofer_task_result(task, text, (size_t)length) == GOFER_OK ? GOFER_DONE
        : gofer_task_fail(task, gofer_error_last());
}

/* Many small tasks of a group become one. */
static int32_t digest(gofer_group *group, void *user)
{
    (void)user;
    char text[256];
    int length = snprintf(text, sizeof text, "%zu parts for %s, the first: %s",
        gofer_group_count(group), gofer_group_name(group),
        (const char *)gofer_task_payload(gofer_group_at(group, 0), NULL));
    if (length < 0 || (size_t)length >= sizeof text)
        return gofer_group_fail(group, "the digest is too long");
    return gofer_group_combine(group, "mail:digest", text, (size_t)length, NULL) == GOFER_OK ? 0
        : gofer_group_fail(group, gofer_error_last());
}

static int32_t send_digest(gofer_task *task, void *user)
{
    (void)user;
    printf("digest: %s\n", (const char *)gofer_task_payload(task, NULL));
    return GOFER_DONE;
}

/* ---- Client ---------------------------------------------------------------- */

static gofer_status put_parts(gofer_client *client)
{
    static const char *const parts[] = { "two invoices", "a reminder", "a receipt" };
    gofer_status status = GOFER_OK;
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.group = "ann";
    for (size_t i = 0; i < 3 && status == GOFER_OK; i++)
        status = gofer_client_enqueue(client, "mail:part", parts[i], strlen(parts[i]), &opts, NULL);
    return status;
}

/* At most one such task in an hour; the second call gives the id of the first. */
static gofer_status put_once(gofer_client *client, char **id)
{
    char *again = NULL;
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.unique_ms = 3600 * 1000;
    opts.unique_conflict = GOFER_CONFLICT_RETURN;
    opts.expires_ms = 600 * 1000;           /* no use if it has not started in ten minutes */
    opts.retry = "exponential:1s;cap=1h";
    gofer_status status = gofer_client_enqueue(client, "count", "1000", 4, &opts, id);
    if (status == GOFER_OK)
        status = gofer_client_enqueue(client, "count", "1000", 4, &opts, &again);
    if (status == GOFER_OK)
        printf("unique: %s\n", strcmp(*id, again) == 0 ? "the second is the first" : "two tasks");
    gofer_free(again);
    return status;
}

static gofer_status set_up(gofer_worker *worker)
{
    gofer_status status = gofer_worker_set(worker, "group_max_size", "3");
    if (status == GOFER_OK)
        status = gofer_worker_handle(worker, "count", count_up, NULL, NULL);
    if (status == GOFER_OK)
        status = gofer_worker_handle(worker, "mail:digest", send_digest, NULL, NULL);
    if (status == GOFER_OK)
        status = gofer_worker_aggregate(worker, "*", digest, NULL, NULL);
    return status;
}

/* The end of a task is told, with its result: also of one that is not kept, for who has begun to
   wait in time. Then the
 * worker, told through the store from wherever this program may be, stops. */
static int serve(gofer_client *client, gofer_worker *worker, const char *id)
{
    gofer_info *end = NULL;
    if (gofer_worker_start(worker) != GOFER_OK)
        return fail("start");
    if (gofer_client_wait(client, NULL, id, 60 * 1000, &end) != GOFER_OK)
        return fail("wait");
    const char *result = gofer_info_bytes(end, "result", NULL);
    printf("%s: %s\n", gofer_info_text(end, "outcome"), result ? result : "-");
    gofer_info_free(end);
    if (gofer_client_worker_set(client, gofer_worker_id(worker), "state", "stop") != GOFER_OK)
        return fail("stop");
    return gofer_worker_wait(worker, 60 * 1000) == GOFER_OK ? 0 : fail("stop");
}

int main(int argc, char **argv)
{
    gofer_client *client = NULL;
    gofer_worker *worker = NULL;
    char *id = NULL;
    int code = 1;
    if (gofer_client_open(&client, argc > 1 ? argv[1] : "memory:", NULL) != GOFER_OK)
        fail("open");
    else if (put_parts(client) != GOFER_OK || put_once(client, &id) != GOFER_OK)
        fail("enqueue");
    else if (gofer_worker_new(&worker, client) != GOFER_OK || set_up(worker) != GOFER_OK)
        fail("worker");
    else
        code = serve(client, worker, id);
    gofer_free(id);
    gofer_worker_free(worker);
    gofer_client_close(client);
    return code;
}
