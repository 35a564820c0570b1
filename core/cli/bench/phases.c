// phases.c - the phases of a round: what is put in, who takes it, and what that tells.
//
// Each begins and ends with no queue at all, so that none sees what another has left.
#include <stdlib.h>

#include "bench.h"
#include "util/clock.h"

enum {
    LATENCIES_MOST = 1 << 22,
    STARTS = 100,           // of an idle worker
    WARM = 5,               // the first find it starting
    PAUSE_US = 5000,        // between two of them, and up to 10,000 more
    FILL_MS = 20000         // so long a backlog may take to be made
};

static double per_second(int64_t count, int64_t ns)
{
    return ns > 0 ? (double)count * 1e9 / (double)ns : 0;
}

// ---- Enqueueing

static int enqueue(bench *b, bench_phase phase, int64_t threads, int64_t batch)
{
    feed_result fed;
    feed_order order = { threads, batch, b->plan.tasks, b->plan.phase_ms, 0 };
    int code = bench_feed(b, &order, &fed);
    if (code != CLI_OK)
        return code;
    bench_note(b, phase, BENCH_RATE, per_second(fed.count, fed.took_ns));
    bench_note(b, phase, BENCH_CLIENT_CPU, fed.cpu_us);
    return CLI_OK;
}

static int single(bench *b)
{
    return enqueue(b, BENCH_SINGLE, 1, 1);
}

static int by_threads(bench *b)
{
    return enqueue(b, BENCH_THREADS, b->plan.threads, 1);
}

static int bulk(bench *b)
{
    return enqueue(b, BENCH_BULK, 1, BENCH_BATCH);
}

// ---- A worker beside it

static serve_order order_of(const bench *b)
{
    serve_order order = { .slots = b->plan.slots, .count = -1 };
    order.most = b->plan.tasks < LATENCIES_MOST ? b->plan.tasks : LATENCIES_MOST;
    snprintf(order.queue, sizeof order.queue, "%s", b->plan.queue);
    return order;
}

static void note_worker_cpu(bench *b, bench_phase phase, const serve_result *r)
{
    if (!crew_is_private(b))            // there it is one process's, with all else
        bench_note(b, phase, BENCH_WORKER_CPU, r->cpu_us);
}

static void note_latencies(bench *b, bench_phase phase, const int64_t *sorted, int64_t count)
{
    if (count == 0)
        return;
    bench_note(b, phase, BENCH_P50, (double)sorted[count / 2] / 1e3);
    bench_note(b, phase, BENCH_P99, (double)sorted[count * 99 / 100] / 1e3);
}

static int drain(bench *b)
{
    feed_result fed;
    feed_order fill = { 1, BENCH_BATCH, b->plan.tasks, FILL_MS, 0 };
    int code = bench_feed(b, &fill, &fed), fd;
    serve_order order = order_of(b);
    order.count = fed.count;
    order.until_empty = 1;
    order.most = 0;
    if (code == CLI_OK)
        code = crew_start(b, &order, &fd);
    if (code != CLI_OK)
        return code;
    serve_result r;
    code = crew_read(b, fd, &r, sizeof r);
    if (code == CLI_OK) {
        bench_note(b, BENCH_DRAIN, BENCH_RATE, per_second(fed.count, r.ended_ns - r.begun_ns));
        note_worker_cpu(b, BENCH_DRAIN, &r);
    }
    return crew_finish(b, fd, code);
}

typedef struct flow {
    feed_result  fed;
    serve_result served;
    int64_t     *latencies;     // sorted; the caller's to free
} flow;

static int read_flow(bench *b, int fd, flow *f)
{
    int code = crew_tell(b, fd, f->fed.count);
    if (code == CLI_OK)
        code = crew_read(b, fd, &f->served, sizeof f->served);
    if (code != CLI_OK)
        return code;
    size_t size = (size_t)f->served.count * sizeof *f->latencies;
    f->latencies = cli_alloc(size);
    return crew_read(b, fd, f->latencies, size);
}

// A producer puts tasks in one by one, while a worker takes them.
static int let_flow(bench *b, double rate, flow *f)
{
    serve_order order = order_of(b);
    feed_order feed = { 1, 1, b->plan.tasks, b->plan.phase_ms, rate };
    int fd, code = crew_start(b, &order, &fd);
    if (code != CLI_OK)
        return code;
    code = bench_feed(b, &feed, &f->fed);
    if (code == CLI_OK)
        code = read_flow(b, fd, f);
    return crew_finish(b, fd, code);
}

static int live(bench *b)
{
    flow f = { .latencies = NULL };
    int code = let_flow(b, 0, &f);
    if (code == CLI_OK) {
        b->live_rate = per_second(f.fed.count, f.served.ended_ns - f.fed.begun_ns);
        bench_note(b, BENCH_LIVE, BENCH_RATE, b->live_rate);
        note_latencies(b, BENCH_LIVE, f.latencies, f.served.count);
        bench_note(b, BENCH_LIVE, BENCH_CLIENT_CPU, f.fed.cpu_us);
        note_worker_cpu(b, BENCH_LIVE, &f.served);
    }
    free(f.latencies);
    return code;
}

// How much is the whole is measured first, if this round has not seen it.
static int know_live_rate(bench *b)
{
    flow f = { .latencies = NULL };
    if (b->live_rate > 0)
        return CLI_OK;
    int code = let_flow(b, 0, &f);
    if (code == CLI_OK)
        b->live_rate = per_second(f.fed.count, f.served.ended_ns - f.fed.begun_ns);
    free(f.latencies);
    return code == CLI_OK ? bench_clear(b) : code;
}

static int half_load(bench *b)
{
    flow f = { .latencies = NULL };
    int code = know_live_rate(b);
    if (code == CLI_OK)
        code = let_flow(b, b->live_rate / 2, &f);
    if (code == CLI_OK) {
        bench_note(b, BENCH_LOAD, BENCH_RATE, per_second(f.fed.count, f.fed.took_ns));
        note_latencies(b, BENCH_LOAD, f.latencies, f.served.count);
        note_worker_cpu(b, BENCH_LOAD, &f.served);
    }
    free(f.latencies);
    return code;
}

static int start_one(bench *b, int fd, int64_t *latency, int64_t *call)
{
    int code = bench_feed_one(b, call);
    if (code == CLI_OK)
        code = crew_read(b, fd, latency, sizeof *latency);
    return bench_interrupted() ? CLI_FAILED : code;
}

static int start_many(bench *b, int fd)
{
    int64_t all[STARTS], calls[STARTS], latency, call, count = 0, code = CLI_OK;
    int64_t most = b->plan.tasks < STARTS ? b->plan.tasks : STARTS;
    for (int i = 0; i < WARM && code == CLI_OK; i++)
        code = start_one(b, fd, &latency, &call);
    int64_t begun = gf_mono_ms();
    while (code == CLI_OK && count < most &&
        (count == 0 || gf_mono_ms() - begun < b->plan.phase_ms)) {
        gf_sleep_us(PAUSE_US + count % 11 * 1000);      // idle again
        code = start_one(b, fd, &all[count], &calls[count]);
        count++;
    }
    if (code != CLI_OK)
        return (int)code;
    qsort(all, (size_t)count, sizeof *all, bench_by_size);
    qsort(calls, (size_t)count, sizeof *calls, bench_by_size);
    note_latencies(b, BENCH_IDLE, all, count);
    bench_note(b, BENCH_IDLE, BENCH_CALL, (double)calls[count / 2] / 1e3);
    return CLI_OK;
}

static int idle(bench *b)
{
    serve_order order = order_of(b);
    order.echo = 1;
    order.most = 0;
    int fd, code = crew_start(b, &order, &fd);
    return code == CLI_OK ? crew_finish(b, fd, start_many(b, fd)) : code;
}

// ---- The table

static const struct {
    const char *name;
    int       (*run)(bench *b);
} phases[BENCH_PHASES] = {
    [BENCH_LIMIT] = { "limit", bench_measure_limit },
    [BENCH_SINGLE] = { "enqueue", single },
    [BENCH_THREADS] = { "threads", by_threads },
    [BENCH_BULK] = { "bulk", bulk },
    [BENCH_DRAIN] = { "drain", drain },
    [BENCH_LIVE] = { "live", live },
    [BENCH_IDLE] = { "idle", idle },
    [BENCH_LOAD] = { "load", half_load },
};

const char *bench_phase_name(bench_phase phase)
{
    return phases[phase].name;
}

int bench_run_phase(bench *b, bench_phase phase)
{
    int code = phases[phase].run(b);
    if (code == CLI_OK && bench_interrupted())
        code = CLI_FAILED;
    return code == CLI_OK ? bench_clear(b) : code;
}
