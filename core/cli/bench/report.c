// report.c - on what it was measured, and the figures: a table for people, or lines of JSON.
//
// The middle of all rounds and how far they lie apart. What the store's ground takes (limits.c)
// stands in the same table, and each figure as a multiple of it.
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"
#include "json.h"
#include "screen.h"

static const struct {
    const char *name, *unit, *words;
    int         is_time;
} figures[BENCH_FIGURES] = {
    [BENCH_RATE] = { "rate", "/s", "tasks a second", 0 },
    [BENCH_CALL] = { "call", "us", "a call", 1 },
    [BENCH_SCRIPT] = { "script", "us", "a script that does little", 1 },
    [BENCH_P50] = { "start_p50", "us", "enqueue to start, 50 %", 1 },
    [BENCH_P99] = { "start_p99", "us", "enqueue to start, 99 %", 1 },
    [BENCH_CLIENT_CPU] = { "client_cpu", "us", "client's CPU for a task", 0 },
    [BENCH_WORKER_CPU] = { "worker_cpu", "us", "worker's CPU for a task", 0 },
};

// ---- The ground ------------------------------------------------------------------------------

// The value of a line "KEY<any of between>VALUE" of a text.
static int find_value(const char *text, const char *key, const char *between, char *out,
    size_t room)
{
    for (const char *at = text; at && *at; at = strchr(at, '\n'), at = at ? at + 1 : NULL) {
        if (strncmp(at, key, strlen(key)) != 0)
            continue;
        const char *value = at + strlen(key);
        size_t gap = strspn(value, between);
        if (gap == 0)
            continue;
        value += gap;
        snprintf(out, room, "%.*s", (int)strcspn(value, "\r\n"), value);
        return 1;
    }
    return 0;
}

static void look_at_machine(bench_ground *g)
{
    char text[4096];
    struct utsname system;
    FILE *cpus = fopen("/proc/cpuinfo", "r");
    size_t size = cpus ? fread(text, 1, sizeof text - 1, cpus) : 0;
    text[size] = '\0';
    if (cpus)
        (void)fclose(cpus);
    if (!find_value(text, "model name", " \t:", g->machine, sizeof g->machine))
        snprintf(g->machine, sizeof g->machine, "unknown");
    if (uname(&system) == 0) {
        snprintf(g->system, sizeof g->system, "%.60s %.60s", system.sysname, system.release);
        if (strcmp(g->machine, "unknown") == 0)
            snprintf(g->machine, sizeof g->machine, "%.60s", system.machine);
    }
    g->cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (getloadavg(&g->load, 1) != 1)
        g->load = 0;
}

static void look_at_server(bench_ground *g, const char *info)
{
    char word[32] = "";
    if (!find_value(info, "valkey_version", ":", g->store_version, sizeof g->store_version))
        (void)find_value(info, "redis_version", ":", g->store_version, sizeof g->store_version);
    if (!find_value(info, "aof_enabled", ":", word, sizeof word))
        snprintf(g->durability, sizeof g->durability, "durability unknown");
    else
        snprintf(g->durability, sizeof g->durability, "append-only file %s",
            strcmp(word, "1") == 0 ? "on" : "off");
}

// What cannot be seen is not said: it is no reason not to measure.
void bench_look(bench *b, bench_ground *g)
{
    gofer_info *store = NULL;
    memset(g, 0, sizeof *g);
    look_at_machine(g);
    (void)gofer_client_store(b->client, NULL, &store);
    const char *name = gofer_info_text(store, "store");
    const char *address = gofer_info_text(store, "address");
    snprintf(g->store, sizeof g->store, "%s", name ? name : "unknown");
    if (crew_is_private(b)) {
        snprintf(g->store, sizeof g->store, "memory");
        snprintf(g->durability, sizeof g->durability, "nothing is kept");
    } else if (strcmp(g->store, "sqlite") == 0) {
        snprintf(g->durability, sizeof g->durability, "every commit synced");
        if (address) {
            b->limit_path = cli_keep(b->c, cli_alloc(strlen(address) + 1));
            memcpy(b->limit_path, address, strlen(address) + 1);
        }
    } else {
        look_at_server(g, gofer_info_text(store, "text"));
    }
    gofer_info_free(store);
}

static const char *limit_words(const bench *b)
{
    return crew_is_private(b) ? NULL : b->limit_path ? "synced write" : "round trip";
}

static void print_ground_json(const bench *b, const bench_ground *g)
{
    const bench_plan *p = &b->plan;
    const struct { const char *key, *text; } texts[] = {
        { "version", gofer_version_text() }, { "url", gofer_client_url(b->client) },
        { "store", g->store }, { "store_version", *g->store_version ? g->store_version : NULL },
        { "durability", g->durability }, { "machine", g->machine }, { "system", g->system },
        { "limit", limit_words(b) }, { "queue", p->queue },
    };
    const struct { const char *key; int64_t value; } numbers[] = {
        { "cores", g->cores }, { "rounds", p->rounds }, { "tasks", p->tasks },
        { "phase_ms", p->phase_ms }, { "payload", p->payload }, { "threads", p->threads },
        { "slots", p->slots },
    };
    printf("{\"load\":%.2f", g->load);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        printf(",\"%s\":", texts[i].key);
        json_put_text(stdout, texts[i].text);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        printf(",\"%s\":%lld", numbers[i].key, (long long)numbers[i].value);
    puts("}");
}

void bench_print_ground(const bench *b, const bench_ground *g)
{
    const bench_plan *p = &b->plan;
    char size[CLI_HUMAN], span[CLI_HUMAN];
    if (b->c->global.json) {
        print_ground_json(b, g);
        return;
    }
    if (b->c->global.quiet)
        return;
    printf("gofer %s on %s%s%s, %s (%s)\n", gofer_version_text(), g->store,
        *g->store_version ? " " : "", g->store_version, gofer_client_url(b->client),
        g->durability);
    printf("%ld cores (%s), %s, load %.2f\n", g->cores, g->machine, g->system, g->load);
    printf("rounds: %lld; tasks of a phase: %lld, or those of %s; payload: %s; threads: %lld; "
        "slots: %lld\n\n",
        (long long)p->rounds, (long long)p->tasks, cli_human_duration(span, p->phase_ms),
        cli_human_size(size, p->payload), (long long)p->threads, (long long)p->slots);
}

// ---- The figures -------------------------------------------------------------------------------

typedef struct spread {
    double median, lowest, highest;
    int    rounds;
} spread;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static spread spread_of(const bench *b, int phase, int figure)
{
    double sorted[BENCH_ROUNDS_MAX];
    int count = b->samples->counts[phase][figure];
    if (count == 0)
        return (spread){ 0, 0, 0, 0 };
    memcpy(sorted, b->samples->values[phase][figure], (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, by_value);
    double median = count % 2 ? sorted[count / 2] : (sorted[count / 2 - 1] + sorted[count / 2]) / 2;
    return (spread){ median, sorted[0], sorted[count - 1], count };
}

// Tasks in the time of one of what the limit is, or how many of these a time is. 0: not known.
static double per_limit(const spread *s, int figure, double limit_us)
{
    if (figure != BENCH_RATE && !figures[figure].is_time)
        return 0;
    if (limit_us <= 0)
        return 0;
    return figure == BENCH_RATE ? s->median * limit_us / 1e6 : s->median / limit_us;
}

static int is_limit(int phase, int figure)
{
    return phase == BENCH_LIMIT && figure == BENCH_CALL;
}

static void cell_of(table *t, int figure, double value)
{
    if (figure == BENCH_RATE)
        table_cellf(t, STYLE_PLAIN, "%.0f/s", value);
    else if (figures[figure].is_time)
        table_cellf(t, STYLE_PLAIN, "%.3f ms", value / 1e3);
    else
        table_cellf(t, STYLE_PLAIN, "%.1f us", value);
}

static void add_row(table *t, const bench *b, int phase, int figure, double limit_us)
{
    spread s = spread_of(b, phase, figure);
    int is_first = 1;
    for (int f = 0; f < figure; f++)
        is_first &= b->samples->counts[phase][f] == 0;
    const char *name = phase == BENCH_LIMIT ? limit_words(b) : bench_phase_name((bench_phase)phase);
    table_cell(t, phase == BENCH_LIMIT ? STYLE_DIM : STYLE_BOLD, is_first ? name : " ");
    table_cell(t, STYLE_PLAIN, figures[figure].words);
    cell_of(t, figure, s.median);
    cell_of(t, figure, s.lowest);
    cell_of(t, figure, s.highest);
    if (limit_us <= 0)
        return;                         // without that column
    double ratio = is_limit(phase, figure) ? 0 : per_limit(&s, figure, limit_us);
    if (ratio > 0)
        table_cellf(t, STYLE_PLAIN, "%.2f", ratio);
    else
        table_cell(t, STYLE_DIM, NULL);
}

static void put_line(const bench *b, int phase, int figure, double limit_us)
{
    spread s = spread_of(b, phase, figure);
    double ratio = is_limit(phase, figure) ? 0 : per_limit(&s, figure, limit_us);
    printf("{\"phase\":\"%s\",\"figure\":\"%s\",\"unit\":\"%s\",\"median\":%.3f,\"lowest\":%.3f,"
        "\"highest\":%.3f,\"rounds\":%d", bench_phase_name((bench_phase)phase),
        figures[figure].name, figures[figure].unit, s.median, s.lowest, s.highest, s.rounds);
    if (ratio > 0)
        printf(",\"per_limit\":%.4f", ratio);
    puts("}");
}

// The limit alone says nothing.
static int has_phase(const bench *b)
{
    int count = 0;
    for (int phase = BENCH_LIMIT + 1; phase < BENCH_PHASES; phase++)
        for (int figure = 0; figure < BENCH_FIGURES; figure++)
            count += b->samples->counts[phase][figure];
    return count > 0;
}

void bench_print_figures(const bench *b)
{
    double limit_us = spread_of(b, BENCH_LIMIT, BENCH_CALL).median;
    const char *const heads[] = { "PHASE", "FIGURE", "MEDIAN", "LOWEST", "HIGHEST",
        limit_us <= 0 ? NULL : b->limit_path ? "PER SYNCED WRITE" : "PER ROUND TRIP", NULL };
    table *t = b->c->global.json ? NULL : table_new(heads, "llrrrr");
    for (int phase = 0; phase < BENCH_PHASES; phase++)
        for (int figure = 0; figure < BENCH_FIGURES; figure++) {
            if (b->samples->counts[phase][figure] == 0)
                continue;
            if (t)
                add_row(t, b, phase, figure, limit_us);
            else
                put_line(b, phase, figure, limit_us);
        }
    if (!t)
        return;
    if (has_phase(b))
        table_print(t, b->c->color);
    table_free(t);
}
