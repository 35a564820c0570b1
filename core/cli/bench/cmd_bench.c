// cmd_bench.c - `gofer bench`: how fast this store is on this machine, on a queue of its own.
//
// Whatever happens, the queue is removed, with what the store keeps of its figures.
#include <string.h>

#include "bench.h"

enum {
    TASKS = 20000,
    TOGETHER = 256 << 20,   // bytes of payloads that wait at a time, unless --tasks says otherwise
    PAYLOAD = 64,
    PAYLOAD_MOST = CLI_MAX_PAYLOAD,
    THREADS = 16,
    SLOTS = 10,
    ROUNDS = 5,
    PHASE_MS = 2000,
    PHASE_MS_LEAST = 10
};

typedef struct bench_args {
    cli_list    phases;
    cli_number  tasks, payload, threads, slots, rounds, time, timeout;
    const char *queue;
} bench_args;

static const cli_option options[] = {
    { "phase", 0, CLI_LIST, offsetof(bench_args, phases), "NAME",
        "measure this: enqueue, threads, bulk, drain, live, idle or load; may be repeated "
        "(default: all)", 0, 0 },
    { "tasks", 0, CLI_NUMBER, offsetof(bench_args, tasks), "N",
        "tasks of a phase (default: 20000, or 256 MiB of payloads)", 1, 100000000 },
    { "time", 0, CLI_DURATION, offsetof(bench_args, time), "DURATION",
        "put tasks in for no longer in a phase of a round (default: 2s)", 0, 0 },
    { "payload", 0, CLI_SIZE, offsetof(bench_args, payload), "SIZE",
        "of each task (default: 64)", BENCH_PAYLOAD_MIN, PAYLOAD_MOST },
    { "threads", 0, CLI_NUMBER, offsetof(bench_args, threads), "N",
        "of the phase threads (default: 16)", 1, BENCH_THREADS_MAX },
    { "slots", 0, CLI_NUMBER, offsetof(bench_args, slots), "N",
        "tasks that the worker runs at a time (default: 10)", 1, 10000 },
    { "rounds", 0, CLI_NUMBER, offsetof(bench_args, rounds), "N",
        "measure each phase so often, in turn (default: 5)", 1, BENCH_ROUNDS_MAX },
    { "queue", 0, CLI_TEXT, offsetof(bench_args, queue), "NAME",
        "a queue that is not there yet; it is removed at the end (default: a fresh name)", 0, 0 },
    { "timeout", 0, CLI_DURATION, offsetof(bench_args, timeout), "DURATION",
        "of each call to the broker (default: 5s)", 0, 0 },
    CLI_OPTIONS_END
};

static int64_t or_else(const cli_number *given, int64_t otherwise)
{
    return given->given ? given->value : otherwise;
}

// The bits of the phases that are named; 0: one is unknown, and told.
static unsigned phases_of(const cli *c, const cli_list *names)
{
    unsigned all = 0, wanted = 0;
    const char *words[BENCH_PHASES];
    for (int phase = BENCH_LIMIT + 1; phase < BENCH_PHASES; phase++) {
        words[phase] = bench_phase_name((bench_phase)phase);
        all |= 1U << phase;
    }
    for (size_t i = 0; i < names->count; i++) {
        int phase = BENCH_LIMIT + 1;
        while (phase < BENCH_PHASES && strcmp(words[phase], names->items[i]) != 0)
            phase++;
        if (phase == BENCH_PHASES) {
            const char *near = gf_meant(names->items[i], words + 1, BENCH_PHASES - 1);
            cli_fail(c, CLI_USAGE, "bench: there is no phase '%s'%s%s%s", names->items[i],
                near ? "; did you mean '" : ": enqueue, threads, bulk, drain, live, idle, load",
                near ? near : "", near ? "'?" : "");
            return 0;
        }
        wanted |= 1U << phase;
    }
    return names->count ? wanted : all;
}

static int make_plan(bench *b, const bench_args *args)
{
    bench_plan *p = &b->plan;
    p->payload = or_else(&args->payload, PAYLOAD);
    int64_t fit = TOGETHER / p->payload;
    p->tasks = or_else(&args->tasks, fit < TASKS ? fit : TASKS);
    p->threads = or_else(&args->threads, THREADS);
    p->slots = or_else(&args->slots, SLOTS);
    p->rounds = or_else(&args->rounds, ROUNDS);
    p->phase_ms = or_else(&args->time, PHASE_MS);
    if (p->phase_ms < PHASE_MS_LEAST)
        return cli_fail(b->c, CLI_USAGE, "bench: --time needs at least %dms", PHASE_MS_LEAST);
    if (args->timeout.given && args->timeout.value == 0)
        return cli_fail(b->c, CLI_USAGE, "bench: --timeout needs a duration over 0, such as 1s");
    b->c->timeout_ms = args->timeout.value;
    p->phases = phases_of(b->c, &args->phases);
    return p->phases ? bench_choose_queue(b, args->queue) : CLI_USAGE;
}

static int take_url(cli *c)
{
    if (c->word_count == 0)
        return CLI_OK;
    if (c->global.url)
        return cli_fail(c, CLI_USAGE, "bench: the broker is given twice, by '%s' and by --url",
            c->words[0]);
    c->global.url = c->words[0];
    return CLI_OK;
}

static int run_round(bench *b)
{
    int code = CLI_OK;
    b->live_rate = 0;
    for (int phase = BENCH_LIMIT; phase < BENCH_PHASES && code == CLI_OK; phase++)
        if (phase == BENCH_LIMIT || b->plan.phases & 1U << phase)
            code = bench_run_phase(b, (bench_phase)phase);
    return code;
}

static int measure(bench *b)
{
    int code = CLI_OK;
    for (int64_t round = 1; round <= b->plan.rounds && code == CLI_OK; round++) {
        cli_note(b->c, "round %lld of %lld", (long long)round, (long long)b->plan.rounds);
        code = run_round(b);
    }
    bench_print_figures(b);             // also of a run that is broken off
    return code;
}

// Only once it is known to be ours.
static int clean_up(bench *b, int code)
{
    gofer_status st = bench_remove_queue(b->client, b->plan.queue);
    if (st == GOFER_OK && bench_interrupted())
        cli_note(b->c, "interrupted: the queue '%s' is removed", b->plan.queue);
    if (st == GOFER_OK)
        return code;
    char what[BENCH_NAME + 96];
    snprintf(what, sizeof what, "the queue '%s' is left (gofer queue rm --force removes it)",
        b->plan.queue);
    int left = cli_fail_status(b->c, st, what);
    return code != CLI_OK ? code : left;
}

static int run_on_store(bench *b)
{
    bench_ground ground;
    int code = cli_open(b->c, &b->client, 0);
    if (code == CLI_OK)
        code = bench_check_queue(b);
    if (code == CLI_OK) {
        bench_look(b, &ground);
        bench_print_ground(b, &ground);
        code = clean_up(b, measure(b));
    }
    gofer_client_close(b->client);
    return code;
}

static int run(cli *c, const void *user)
{
    const bench_args *args = user;
    bench b = { .c = c };
    b.samples = cli_keep(c, cli_alloc(sizeof *b.samples));
    int code = take_url(c);
    if (code == CLI_OK)
        code = make_plan(&b, args);
    if (code != CLI_OK)
        return code;
    bench_catch_signals();
    code = crew_open(&b);
    if (code == CLI_OK)
        code = run_on_store(&b);
    crew_close(b.crew, 1);
    if (bench_interrupted())
        bench_die_of(bench_interrupted());
    return code;
}

const cli_command cmd_bench = {
    .name = "bench",
    .summary = "measure how fast the broker is on this machine",
    .usage = "[URL]",
    .about =
        "Puts tasks that do nothing into a queue of its own, runs them by a worker process of its "
        "own, and prints the middle of several rounds with their lowest and highest. The queue has "
        "a fresh name and is removed at the end, also on Ctrl-C and after an error, with what the "
        "store keeps of its figures. It loads the store while it runs.\n"
        "The phases: enqueue, one call after the other; threads, by many threads of one client; "
        "bulk, a hundred in a call; drain, a backlog by one worker; live, a producer puts tasks in "
        "one by one while a worker takes them; idle, from the call to the start in an idle worker; "
        "load, the same at half of the rate of live.\n"
        "In each round it also measures what the store stands on: a synced write to its disk, or a "
        "round trip to its server and the least of gofer's scripts there. The last column is tasks "
        "in that time or, of times, how many of these. It says more than the numbers do.\n"
        "It does not start where the queue is there already or a worker serves it, and stops if "
        "another worker takes from it: one that serves every queue has to rest meanwhile.",
    .examples =
        "gofer bench\ngofer bench redis://localhost/5 --phase drain --phase live\n"
        "gofer bench --payload 4K --rounds 9 --json | jq -s '.[1:] | map({phase, figure, median})'",
    .options = options,
    .args_size = sizeof(bench_args),
    .words_max = 1,
    .run = run,
};
