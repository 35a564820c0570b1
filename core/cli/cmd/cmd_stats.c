// cmd_stats.c - `gofer stats`: queues, totals, history by day, times of types, live workers.
//
// All of it is asked of the store before the first line is printed, so that an error leaves no half
// page. Of very many queues the first are kept, and what all come to.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "pages.h"
#include "queue_table.h"
#include "screen.h"
#include "stats_table.h"
#include "worker_table.h"

enum { DEFAULT_DAYS = 7, TYPES_SHOWN = 1000 };

typedef struct stats_args {
    const char *queue;
    cli_number  days, hours;
} stats_args;

static const cli_option options[] = {
    { "queue", 0, CLI_TEXT, offsetof(stats_args, queue), "NAME",
      "of this queue alone, but for the workers (default: of all)", 0, 0 },
    { "days", 0, CLI_NUMBER, offsetof(stats_args, days), "N", "days of history (default: 7)", 1,
      90 },
    { "hours", 0, CLI_NUMBER, offsetof(stats_args, hours), "N",
      "hours that the figures of types cover (default: 1)", 1, 168 },
    CLI_OPTIONS_END
};

typedef struct totals {
    int64_t processed, failed, processed_total, failed_total, archive_deleted;
} totals;

static void add_up(totals *t, const gofer_info *queues)
{
    for (size_t i = 0; i < gofer_info_count(queues); i++) {
        const gofer_info *queue = gofer_info_at(queues, i);
        t->processed = cli_sum(t->processed, gofer_info_int(queue, "processed", 0));
        t->failed = cli_sum(t->failed, gofer_info_int(queue, "failed", 0));
        t->processed_total =
            cli_sum(t->processed_total, gofer_info_int(queue, "processed_total", 0));
        t->failed_total = cli_sum(t->failed_total, gofer_info_int(queue, "failed_total", 0));
        t->archive_deleted =
            cli_sum(t->archive_deleted, gofer_info_int(queue, "archive_deleted", 0));
    }
}

// What is asked of the store, all of it before anything is printed.
typedef struct snapshots {
    gofer_info *queues;             // the first page of them, and of all:
    queue_pages pages;
    totals      totals;
    gofer_info *history, *types, *workers;
} snapshots;

static size_t more_queues(const snapshots *s)
{
    return s->pages.count - gofer_info_count(s->queues);
}

static bool take_page(gofer_info *page, void *user)
{
    snapshots *s = user;
    queue_pages_add(&s->pages, page);
    add_up(&s->totals, page);
    if (s->queues)
        gofer_info_free(page);
    else
        s->queues = page;
    return true;
}

static gofer_status ask_queues(gofer_client *client, const char *queue, snapshots *s)
{
    const page_list all = { .ask = gofer_client_queues_page, .limit = QUEUES_PAGE };
    gofer_info *one = NULL;
    if (!queue)
        return pages_each(client, &all, take_page, s);
    gofer_status st = gofer_client_queues_page(client, queue, NULL, 1, &one);
    if (st == GOFER_OK)
        (void)take_page(one, s);
    return st;
}

static gofer_status ask(gofer_client *client, const stats_args *args, snapshots *s)
{
    int32_t days = args->days.given ? (int32_t)args->days.value : DEFAULT_DAYS;
    gofer_status st = ask_queues(client, args->queue, s);
    if (st == GOFER_OK)
        st = gofer_client_history(client, args->queue, days, &s->history);
    if (st == GOFER_OK)
        st = gofer_client_stats(client, args->queue, (int32_t)args->hours.value, &s->types);
    if (st == GOFER_OK)
        st = gofer_client_workers(client, &s->workers);
    return st;
}

static void forget(snapshots *s)
{
    gofer_info_free(s->queues);
    gofer_info_free(s->history);
    gofer_info_free(s->types);
    gofer_info_free(s->workers);
}

// ---- JSON

static int print_items(cli *c, const char *name, const gofer_info *list)
{
    int first = 1;
    printf("\"%s\":[", name);
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        gofer_status st = json_put_item(stdout, gofer_info_at(list, i), &first);
        if (st != GOFER_OK)
            return cli_fail_status(c, st, NULL);
    }
    fputs("]", stdout);
    return CLI_OK;
}

static int print_json(cli *c, const snapshots *s)
{
    const struct { const char *name; const gofer_info *list; } lists[] = {
        { "queues", s->queues }, { "history", s->history }, { "types", s->types },
        { "workers", s->workers },
    };
    totals t = s->totals;
    int code = CLI_OK;
    printf("{\"processed\":%" PRId64 ",\"failed\":%" PRId64 ",\"processed_total\":%" PRId64
           ",\"failed_total\":%" PRId64 ",\"archive_deleted\":%" PRId64,
        t.processed, t.failed, t.processed_total, t.failed_total, t.archive_deleted);
    for (size_t i = 0; i < sizeof lists / sizeof *lists && code == CLI_OK; i++) {
        fputs(",", stdout);
        code = print_items(c, lists[i].name, lists[i].list);
    }
    if (more_queues(s))
        printf(",\"more_queues\":%zu", more_queues(s));
    puts("}");
    return code;
}

// ---- Text

static void print_title(const cli *c, const char *title)
{
    fputc('\n', stdout);
    screen_put(stdout, c->color, STYLE_BOLD, title);
    fputc('\n', stdout);
}

static void print_history(const cli *c, const gofer_info *history)
{
    static const char *const heads[] = { "DAY (UTC)", "PROCESSED", "FAILED", NULL };
    table *rows = table_new(heads, "lrr");
    for (size_t i = 0; i < gofer_info_count(history); i++) {
        const gofer_info *day = gofer_info_at(history, i);
        int64_t failed = gofer_info_int(day, "failed", 0);
        table_cell(rows, STYLE_PLAIN, gofer_info_text(day, "date"));
        table_count(rows, STYLE_PLAIN, gofer_info_int(day, "processed", 0));
        table_count(rows, failed ? STYLE_BAD : STYLE_DIM, failed);
    }
    table_print(rows, c->color);
    table_free(rows);
}

// What the archive's limit has deleted; where it never did, nothing is said.
static void print_trimmed(const snapshots *s)
{
    int64_t others = s->totals.archive_deleted;
    for (size_t i = 0; i < gofer_info_count(s->queues); i++) {
        const gofer_info *queue = gofer_info_at(s->queues, i);
        int64_t count = gofer_info_int(queue, "archive_deleted", 0);
        others -= count;
        if (count)
            printf("deleted  %" PRId64 " archived tasks of queue %s, by the archive's limit\n",
                count, gofer_info_text(queue, "queue"));
    }
    if (more_queues(s) && others > 0)
        printf("deleted  %" PRId64 " archived tasks of other queues, by the archive's limit\n",
            others);
}

static void print_queues(const cli *c, const snapshots *s)
{
    if (gofer_info_count(s->queues))
        queue_pages_print(&s->pages, s->queues, 1, c->color);
    else
        puts("no queues yet");
    if (more_queues(s))
        printf("and %zu more queues: gofer queue ls\n", more_queues(s));
}

static void print_types(const cli *c, const snapshots *s)
{
    size_t count = gofer_info_count(s->types);
    if (count)
        stats_table_print(s->types, TYPES_SHOWN, c->color);
    else
        puts("nothing has run in that time");
    if (count > TYPES_SHOWN)
        printf("and %zu more: gofer stats --queue NAME\n", count - TYPES_SHOWN);
}

static void print_text(const cli *c, const snapshots *s, int64_t hours)
{
    totals t = s->totals;
    char title[64];
    print_queues(c, s);
    printf("\ntoday    %" PRId64 " processed, %" PRId64 " failed\nin all   %" PRId64
           " processed, %" PRId64 " failed\n",
        t.processed, t.failed, t.processed_total, t.failed_total);
    print_trimmed(s);
    print_title(c, "History");
    if (gofer_info_count(s->history))
        print_history(c, s->history);
    else
        puts("nothing has run yet");
    snprintf(title, sizeof title, "Types, last %" PRId64 " h", hours);
    print_title(c, hours == 1 ? "Types, last hour" : title);
    print_types(c, s);
    print_title(c, "Workers");
    if (gofer_info_count(s->workers))
        (void)worker_table_print(s->workers, c->color);
    else
        puts("none is live");
}

static int run(cli *c, const void *user)
{
    const stats_args *args = user;
    gofer_client *client = NULL;
    snapshots s = { 0 };
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = ask(client, args, &s);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    else if (c->global.json)
        code = print_json(c, &s);
    else
        print_text(c, &s, args->hours.given ? args->hours.value : 1);
    forget(&s);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_stats = {
    .name = "stats",
    .summary = "show queues, totals, history, times of types and live workers",
    .usage = "",
    .about =
        "Days are counted in UTC. PROCESSED counts every attempt that ended, FAILED those that "
        "failed.\n"
        "For each type WAIT is how long a task waited from when it was due until it started, RUN "
        "how long an attempt took: of 100 tasks, 50, 90 and 99 took no longer. Right within 10 %; "
        "only what gofer's workers ran, not Go ones.\n"
        "Of more than 1000 queues the first by name are shown, and the sum of all; `gofer queue "
        "ls` lists every one.",
    .examples =
        "gofer stats\ngofer stats --queue mail --days 30 --hours 24\ngofer stats --json | jq "
        ".failed",
    .options = options,
    .args_size = sizeof(stats_args),
    .run = run,
};
