// limits.c - what the store's ground costs without tasks: a synced write to the disk that it is on,
// or a round trip to its server, and what a script costs there that does next to nothing.
//
// Measured in every round, between the phases, so that the ratios say more than the numbers.
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "util/clock.h"

enum { CALLS = 200, WRITES = 50, PAGE = 4096, PAGES = 64 };

static double median_us(int64_t *times, size_t count)
{
    qsort(times, count, sizeof *times, bench_by_size);
    return (double)times[count / 2] / 1e3;
}

static gofer_status ping(const bench *b)
{
    return gofer_client_ping(b->client);
}

// The least of gofer's scripts, which sets a key and reads the clock; its queue is the private one.
static gofer_status run_script(const bench *b)
{
    return gofer_client_queue_pause(b->client, b->plan.queue);
}

static int time_calls(bench *b, gofer_status (*call)(const bench *b), bench_figure figure)
{
    int64_t times[CALLS];
    for (size_t i = 0; i < CALLS; i++) {
        int64_t begun = gf_mono_ns();
        gofer_status st = call(b);
        if (st != GOFER_OK)
            return cli_fail_status(b->c, st, NULL);
        times[i] = gf_mono_ns() - begun;
    }
    bench_note(b, BENCH_LIMIT, figure, median_us(times, CALLS));
    return CLI_OK;
}

// A file with its blocks in place, as the log of the store is, which is written again and again: a
// file that grows would cost the file system's journal too.
static int write_pages(int fd, int64_t *times)
{
    char page[PAGE];
    memset(page, 'p', sizeof page);
    for (off_t i = 0; i < PAGES; i++)
        if (pwrite(fd, page, PAGE, i * PAGE) != PAGE)
            return -1;
    if (fsync(fd) != 0)
        return -1;
    for (off_t i = 0; i < WRITES; i++) {
        int64_t begun = gf_mono_ns();
        if (pwrite(fd, page, PAGE, i % PAGES * PAGE) != PAGE || fdatasync(fd) != 0)
            return -1;
        times[i] = gf_mono_ns() - begun;
    }
    return 0;
}

static int write_synced(bench *b)
{
    int64_t times[WRITES];
    char path[4200];
    snprintf(path, sizeof path, "%s-bench-XXXXXX", b->limit_path);
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0 || unlink(path) != 0)    // gone at once: whatever happens, nothing is left
        return cli_fail(b->c, CLI_DENIED, "bench: no file can be made beside the store: %s: %s",
            path, strerror(errno));
    int failed = write_pages(fd, times), why = errno;
    (void)close(fd);
    if (failed)
        return cli_fail(b->c, CLI_BROKER, "bench: the store's disk: %s", strerror(why));
    bench_note(b, BENCH_LIMIT, BENCH_CALL, median_us(times, WRITES));
    return CLI_OK;
}

int bench_measure_limit(bench *b)
{
    if (crew_is_private(b))
        return CLI_OK;                  // there is nothing below it
    if (b->limit_path)
        return write_synced(b);
    int code = time_calls(b, ping, BENCH_CALL);
    return code == CLI_OK ? time_calls(b, run_script, BENCH_SCRIPT) : code;
}
