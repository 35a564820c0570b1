// handlers.c - the handler of all tasks of a proof, as a plugin of `gofer worker`: what it does is
// in the payload, and what it did it writes into the ledger that $PROOF_LEDGER names.
//
// It dies with its worker, so a run that has begun and not ended was killed. The payload is up to
// three words: how many ms a run takes, how many attempts fail, and what the last one comes to
// ("done", the default, or "dead"). Any other payload is done at once.
//
// A line of the ledger: what (b begins, e done, f failed, d dead), ns of CLOCK_MONOTONIC, the
// worker's pid, the attempt; and in hex the id, the queue, the type and the payload.
#include <gofer/gofer.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { SHOWN = 1024 }; // bytes of a name and of a payload that a line has at the most

static int ledger = -1;

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static char *put_hex(char *out, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    *out++ = ' ';
    for (size_t i = 0; i < size && i < SHOWN; i++)
        out += sprintf(out, "%02x", from[i]);
    return out;
}

// One write to a file that is appended to: lines of several workers stand one after the other.
static bool note(const gofer_task *task, char what)
{
    char line[4 * (2 * SHOWN + 1) + 128];
    size_t size;
    const void *payload = gofer_task_payload(task, &size);
    char *end = line + snprintf(line, sizeof line, "%c %" PRId64 " %ld %" PRId32, what, now_ns(),
        (long)getpid(), gofer_task_attempt(task));
    end = put_hex(end, gofer_task_id(task), strlen(gofer_task_id(task)));
    end = put_hex(end, gofer_task_queue(task), strlen(gofer_task_queue(task)));
    end = put_hex(end, gofer_task_type(task), strlen(gofer_task_type(task)));
    end = put_hex(end, payload, size);
    *end++ = '\n';
    return write(ledger, line, (size_t)(end - line)) == end - line;
}

static void rest(long ms)
{
    struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&left, &left) != 0) { // a signal is no reason to end sooner
    }
}

static int32_t run(gofer_task *task, void *user)
{
    (void)user;
    const char *words = gofer_task_payload(task, NULL); // a NUL follows the last byte
    char *next;
    long ms = strtol(words, &next, 10), fails = strtol(next, &next, 10);
    if (!note(task, 'b'))
        return gofer_task_want(task, "the ledger cannot be written");
    if (ms > 0)
        rest(ms);
    bool fail = gofer_task_attempt(task) <= fails, dead = strcmp(next, " dead") == 0;
    if (!note(task, fail ? 'f' : dead ? 'd' : 'e'))
        return gofer_task_want(task, "the ledger cannot be written");
    if (fail)
        return gofer_task_fail(task, "fails as its payload says");
    return dead ? gofer_task_skip_retry(task, "dead as its payload says") : GOFER_DONE;
}

GOFER_API int32_t gofer_plugin_abi(void);
GOFER_API gofer_status gofer_plugin_init(gofer_worker *worker);

int32_t gofer_plugin_abi(void)
{
    return GOFER_PLUGIN_ABI;
}

gofer_status gofer_plugin_init(gofer_worker *worker)
{
    const char *path = getenv("PROOF_LEDGER");
    ledger = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (ledger < 0) {
        fprintf(stderr, "$PROOF_LEDGER must name a file that can be written\n");
        return GOFER_EINVAL;
    }
    return gofer_worker_handle(worker, "*", run, NULL, NULL);
}
