// peer.c - gofer's side of the interop tests, where the command line does not reach.
//
//   peer worker URL QUEUE[=WEIGHT] CONCURRENCY LEDGER [KEY=VALUE]...   a worker with C handlers
//   peer unique URL QUEUE TYPE PAYLOAD ID TTL_MS                       enqueues with
//   a unique lock; prints
//                                                                     the status
//   peer cron FROM_MS                                                  of each line, a cron
//   expression: the next 5
//                                                                     ticks, "refused" or "never"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client.h"
#include "gofer/gofer.h"
#include "util/clock.h"

static gofer_worker *worker;
static int           ledger = -1;

static void on_signal(int number)
{
    (void)number;
    gofer_worker_stop(worker);
}

static void check(gofer_status st, const char *what)
{
    if (st == GOFER_OK)
        return;
    fprintf(stderr, "peer: %s: %s: %s\n", what, gofer_status_name(st), gofer_error_last());
    exit(1);
}

static int32_t finish(gofer_task *task, const char *text)
{
    if (gofer_task_result(task, text, strlen(text)) != GOFER_OK)
        return gofer_task_fail(task, gofer_error_last());
    return GOFER_DONE;
}

// Everything a handler can see of its task, one thing a line.
static int32_t describe(gofer_task *task, void *user)
{
    (void)user;
    char text[4096];
    size_t size, used;
    const void *payload = gofer_task_payload(task, &size);
    used = (size_t)snprintf(text, sizeof text,
        "id %s\ntype %s\nqueue %s\npayload %.*s\nattempt %d\nmax_retry %d\n"
        "deadline_ms %lld\n",
        gofer_task_id(task), gofer_task_type(task), gofer_task_queue(task), (int)size,
        (const char *)payload, (int)gofer_task_attempt(task), (int)gofer_task_max_retry(task),
        (long long)gofer_task_deadline_ms(task));
    for (size_t i = 0; i < gofer_task_header_count(task) && used < sizeof text; i++) {
        const char *key, *value;
        if (gofer_task_header_at(task, i, &key, &value) == GOFER_OK)
            used += (size_t)snprintf(text + used, sizeof text - used, "header %s=%s\n", key, value);
    }
    return finish(task, text);
}

static int32_t fail(gofer_task *task, void *user)
{
    (void)user;
    return gofer_task_fail(task, "C says no");
}

static int32_t give_up(gofer_task *task, void *user)
{
    (void)user;
    return gofer_task_skip_retry(task, "C says never");
}

static int32_t stay(gofer_task *task, void *user)
{
    (void)user;
    while (gofer_task_cancelled(task) == GOFER_CANCEL_NONE)
        gf_sleep_us(1000);
    return GOFER_RETRY;
}

// Writes its name when it begins and when it is through, and takes some time between.
static int32_t record(gofer_task *task, void *user)
{
    (void)user;
    char line[300];
    int size = snprintf(line, sizeof line, "begin %s gofer\n", gofer_task_id(task));
    if (write(ledger, line, (size_t)size) != size)
        return gofer_task_fail(task, "the ledger failed");
    gf_sleep_us(20000);
    size = snprintf(line, sizeof line, "end %s gofer\n", gofer_task_id(task));
    return write(ledger, line, (size_t)size) == size ? GOFER_DONE
                                                     : gofer_task_fail(task, "the ledger failed");
}

static int run_worker(char **words, int count)
{
    static const struct { const char *pattern; gofer_handler run; } handlers[] = {
        { "describe", describe }, { "fail", fail }, { "give_up", give_up }, { "stay", stay },
        { "record", record },
    };
    gofer_client *client;
    char queue[256];
    snprintf(queue, sizeof queue, "%s", words[1]);
    char *equals = strchr(queue, '=');
    if (equals)
        *equals = '\0';
    ledger = open(words[3], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (ledger < 0) {
        perror(words[3]);
        return 1;
    }
    check(gofer_client_open(&client, words[0], NULL), "open");
    check(gofer_worker_new(&worker, client), "worker");
    check(gofer_worker_queue(worker, queue, equals ? atoi(equals + 1) : 1), "queue");
    check(gofer_worker_set(worker, "concurrency", words[2]), "concurrency");
    for (int i = 4; i < count; i++) {
        char *value = strchr(words[i], '=');
        if (value)
            *value++ = '\0';
        check(gofer_worker_set(worker, words[i], value ? value : ""), words[i]);
    }
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        check(gofer_worker_handle(worker, handlers[i].pattern, handlers[i].run, NULL, NULL),
            "handle");
    signal(SIGTERM, on_signal);
    check(gofer_worker_run(worker), "run");
    gofer_worker_free(worker);
    gofer_client_close(client);
    return 0;
}

static int put_unique(char **words)
{
    gofer_client *client;
    check(gofer_client_open(&client, words[0], NULL), "open");
    const gf_message message = {
        .queue = words[1],
        .type = words[2],
        .payload = words[3],
        .payload_size = strlen(words[3]),
        .id = words[4],
        .max_retry = 3,
        .timeout_ms = 60000,
        .enqueued_ms = gf_now_ms(),
    };
    gf_put put = { .message = &message, .unique_ms = atoll(words[5]) };
    gofer_status st = client->broker->ops->tasks->put(client->broker, &put, 1);
    puts(gofer_status_name(st == GOFER_OK ? put.status : st));
    gofer_client_close(client);
    return 0;
}

static int explain(int64_t from_ms)
{
    char line[2000];
    while (fgets(line, sizeof line, stdin)) {
        gofer_info *info = NULL;
        line[strcspn(line, "\n")] = '\0';
        if (gofer_cron_check(line, NULL, from_ms, 5, &info) != GOFER_OK) {
            puts(strstr(gofer_error_last(), "never comes") ? "never" : "refused");
            continue;
        }
        const gofer_info *ticks = gofer_info_child(info, "ticks");
        for (size_t i = 0; i < gofer_info_count(ticks); i++)
            printf("%s%lld", i ? " " : "",
                (long long)gofer_info_int(gofer_info_at(ticks, i), "at_ms", -1));
        puts("");
        gofer_info_free(info);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 6 && strcmp(argv[1], "worker") == 0)
        return run_worker(argv + 2, argc - 2);
    if (argc == 8 && strcmp(argv[1], "unique") == 0)
        return put_unique(argv + 2);
    if (argc == 3 && strcmp(argv[1], "cron") == 0)
        return explain(atoll(argv[2]));
    fprintf(stderr, "usage: see the top of peer.c\n");
    return 2;
}
