// private.c - the queue of the benchmark: a name that nobody else has, checked before, gone after.
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "bench.h"
#include "util/clock.h"

enum { REMOVE_FOR_MS = 5000 };  // so long a task may still be on its way back from a worker

int bench_choose_queue(bench *b, const char *name)
{
    unsigned char chance[8];
    if (name) {
        if (strlen(name) >= sizeof b->plan.queue)
            return cli_fail(b->c, CLI_USAGE, "bench: the name of the queue is too long");
        snprintf(b->plan.queue, sizeof b->plan.queue, "%s", name);
        return CLI_OK;
    }
    if (getrandom(chance, sizeof chance, 0) != (ssize_t)sizeof chance)
        return cli_fail(b->c, CLI_FAILED, "bench: the system has no random numbers");
    size_t at = (size_t)snprintf(b->plan.queue, sizeof b->plan.queue, "gofer-bench-");
    for (size_t i = 0; i < sizeof chance; i++)
        at += (size_t)snprintf(b->plan.queue + at, sizeof b->plan.queue - at, "%02x", chance[i]);
    return CLI_OK;
}

// ---- Who serves it -------------------------------------------------------------------------

// One word of what a worker serves: "mail=3", "*=1", "report:*".
static int word_takes(const char *word, size_t size, const char *queue)
{
    const char *weight = memchr(word, '=', size);
    size = weight ? (size_t)(weight - word) : size;
    if (size > 0 && word[size - 1] == '*')
        return strncmp(word, queue, size - 1) == 0;
    return strlen(queue) == size && memcmp(word, queue, size) == 0;
}

static int serves(const char *queues, const char *queue)
{
    for (const char *at = queues; at && *at;) {
        size_t size = strcspn(at, " ");
        if (word_takes(at, size, queue))
            return 1;
        at += size;
        at += strspn(at, " ");
    }
    return 0;
}

// A worker of every queue would take these tasks too, and archive them. What a worker serves by a
// pattern a store may tell only once there is such a queue: then crew_read finds out.
static int check_workers(bench *b)
{
    gofer_info *workers = NULL;
    int code = CLI_OK;
    gofer_status st = gofer_client_workers(b->client, &workers);
    if (st != GOFER_OK && st != GOFER_EDENIED)
        return cli_fail_status(b->c, st, NULL);
    for (size_t i = 0; code == CLI_OK && i < gofer_info_count(workers); i++) {
        const gofer_info *worker = gofer_info_at(workers, i);
        const char *queues = gofer_info_text(worker, "queues");
        if (serves(queues, b->plan.queue))
            code = cli_fail(b->c, CLI_CONFLICT,
                "bench: the worker %s serves '%s', so it would take the tasks of this benchmark: "
                "stop it meanwhile, or name a queue that it does not serve with --queue",
                gofer_info_text(worker, "worker"), queues);
    }
    gofer_info_free(workers);
    return code;
}

int bench_check_queue(bench *b)
{
    gofer_info *queue = NULL;
    gofer_status st = gofer_client_queue(b->client, b->plan.queue, &queue);
    int64_t size = gofer_info_int(queue, "size", 0);
    gofer_info_free(queue);
    if (st == GOFER_OK)
        return cli_fail(b->c, CLI_CONFLICT,
            "bench: there is a queue '%s' already, with %lld tasks: the benchmark would remove it "
            "with its figures, so give another name",
            b->plan.queue, (long long)size);
    if (st != GOFER_ENOTFOUND)
        return cli_fail_status(b->c, st, NULL);
    return check_workers(b);
}

// ---- Its removal -------------------------------------------------------------------------------

gofer_status bench_remove_queue(gofer_client *client, const char *queue)
{
    int64_t until_ms = gf_mono_ms() + REMOVE_FOR_MS;
    gofer_status st = gofer_client_queue_delete(client, queue, 1);
    while (st == GOFER_ESTATE && gf_mono_ms() < until_ms) {
        gf_sleep_us(50000);
        st = gofer_client_queue_delete(client, queue, 1);
    }
    return st == GOFER_ENOTFOUND ? GOFER_OK : st;
}

int bench_clear(bench *b)
{
    gofer_status st = bench_remove_queue(b->client, b->plan.queue);
    return st == GOFER_OK ? CLI_OK : cli_fail_status(b->c, st, NULL);
}
