// cmd_queue.c - `gofer queue ls|show|shard|bound|age|encrypt|pause|unpause|rm`.
//
// pause, unpause and rm take several names (act.c); a queue with tasks in it is removed with
// --force only.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "pages.h"
#include "queue_table.h"
#include "screen.h"

// ---- ls, show

typedef struct ls_args {
    int shards;
} ls_args;

static const cli_option ls_options[] = {
    { "shards", 0, CLI_FLAG, offsetof(ls_args, shards), NULL,
      "each shard of a sharded queue by itself", 0, 0 },
    CLI_OPTIONS_END
};

// The rows of a page: its records, or the shards of each, which are in lists of their own.
typedef struct page_rows {
    const gofer_info **items;
    size_t             count;
    gofer_info       **lists;
    size_t             list_count;
} page_rows;

static void rows_clear(page_rows *r)
{
    for (size_t i = 0; i < r->list_count; i++)
        gofer_info_free(r->lists[i]);
    free(r->lists);
    free(r->items);
}

static int rows_add(page_rows *r, const gofer_info *list)
{
    size_t more = gofer_info_count(list);
    const gofer_info **items = realloc(r->items, (r->count + more + 1) * sizeof *items);
    if (!items)
        return 0;
    r->items = items;
    for (size_t i = 0; i < more; i++)
        r->items[r->count++] = gofer_info_at(list, i);
    return 1;
}

static gofer_status rows_add_shards(page_rows *r, gofer_client *client, const gofer_info *page)
{
    size_t count = gofer_info_count(page);
    r->lists = calloc(count + 1, sizeof *r->lists);
    if (!r->lists)
        return GOFER_ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const char *queue = gofer_info_text(gofer_info_at(page, i), "queue");
        gofer_status st = gofer_client_queue_shards(client, queue, &r->lists[r->list_count]);
        if (st == GOFER_ENOTFOUND)
            continue;                  // it was removed meanwhile
        if (st != GOFER_OK)
            return st;
        if (!rows_add(r, r->lists[r->list_count++]))
            return GOFER_ENOMEM;
    }
    return GOFER_OK;
}

// The object that one page would be, in pieces.
static int put_items(const cli *c, const page_rows *r, int is_first, int is_last)
{
    if (is_first)
        fputs("{\"items\":[", stdout);
    for (size_t i = 0; i < r->count; i++) {
        gofer_status st = json_put_item(stdout, r->items[i], &is_first);
        if (st != GOFER_OK)
            return cli_fail_status(c, st, NULL);
    }
    if (is_last)
        puts("]}");
    return CLI_OK;
}

static int put_rows(const cli *c, queue_pages *pages, const gofer_info *page, const page_rows *r)
{
    int is_first = pages->count == 0, is_last = !gofer_info_has(page, "next_cursor");
    queue_pages_add(pages, page);
    if (c->global.json)
        return put_items(c, r, is_first, is_last);
    if (pages->count == 0) {
        cli_note(c, "no queues yet: the first task makes its queue");
        return CLI_OK;
    }
    queue_pages_rows(pages, r->items, r->count, is_last, c->color);
    if (!is_last)
        putchar('\n');
    else
        queue_pages_note(c, pages);
    return CLI_OK;
}

static int put_page(const cli *c, gofer_client *client, const ls_args *args, queue_pages *pages,
    const gofer_info *page)
{
    page_rows r = { 0 };
    gofer_status st = args->shards ? rows_add_shards(&r, client, page)
        : rows_add(&r, page)       ? GOFER_OK
                                   : GOFER_ENOMEM;
    int code = st == GOFER_OK ? put_rows(c, pages, page, &r) : cli_fail_status(c, st, NULL);
    rows_clear(&r);
    return code;
}

typedef struct listing {
    cli           *c;
    gofer_client  *client;
    const ls_args *args;
    queue_pages    seen;
    int            code;
} listing;

static bool list_page(gofer_info *page, void *user)
{
    listing *l = user;
    l->code = put_page(l->c, l->client, l->args, &l->seen, page);
    gofer_info_free(page);
    return l->code == CLI_OK;
}

// Page by page, so that of very many the first are there at once, and never all in memory.
static int list_queues(cli *c, const void *args)
{
    const page_list all = { .ask = gofer_client_queues_page, .limit = QUEUES_PAGE };
    listing l = { .c = c, .args = args };
    l.code = cli_open(c, &l.client, 0);
    if (l.code != CLI_OK)
        return l.code;
    gofer_status st = pages_each(l.client, &all, list_page, &l);
    gofer_client_close(l.client);
    return st == GOFER_OK ? l.code : cli_fail_status(c, st, NULL);
}

static void add_hours(table *rows, const gofer_info *queue)
{
    char text[CLI_HUMAN], when[CLI_HUMAN];
    int closed = gofer_info_int(queue, "closed", 0) != 0;
    int64_t until = gofer_info_int(queue, closed ? "closed_until_ms" : "open_until_ms", 0);
    screen_style style = closed ? STYLE_WARN : STYLE_PLAIN;
    if (!gofer_info_has(queue, "hours"))
        return;
    table_cell(rows, STYLE_PLAIN, "hours");
    table_cell(rows, STYLE_PLAIN, gofer_info_text(queue, "hours"));
    table_cell(rows, STYLE_PLAIN, closed ? "closed" : "open");
    if (until)
        table_cellf(rows, style, "until %s (%s)", cli_human_time(text, until),
            cli_human_when(when, until, cli_now_ms()));
    else
        table_cell(rows, style, "yes");
}

static void print_queue(const cli *c, const gofer_info *queue)
{
    static const struct { const char *field, *label; } counts[] = {
        { "pending", "pending" }, { "scheduled", "scheduled" }, { "active", "active" },
        { "retry", "retry" },
        { "completed", "completed" }, { "archived", "archived" }, { "aggregating", "aggregating" },
        { "groups", "groups" },
        { "size", "size" }, { "shards", "shards" },
        { "processed", "processed today" }, { "failed", "failed today" },
        { "processed_total", "processed in all" }, { "failed_total", "failed in all" },
        { "archive_deleted", "deleted by the archive's limit" },
    };
    static const char *const heads[] = { "FIELD", "VALUE", NULL };
    char text[CLI_HUMAN], when[CLI_HUMAN];
    table *rows = table_new(heads, "ll");
    int64_t paused_at = gofer_info_int(queue, "paused_at_ms", 0);
    int64_t latency = gofer_info_int(queue, "latency_ms", 0);

    table_cell(rows, STYLE_PLAIN, "queue");
    table_cell(rows, STYLE_BOLD, gofer_info_text(queue, "queue"));
    table_cell(rows, STYLE_PLAIN, "paused");
    if (gofer_info_int(queue, "paused", 0) && paused_at)
        table_cellf(rows, STYLE_WARN, "since %s (%s)", cli_human_time(text, paused_at),
            cli_human_when(when, paused_at, cli_now_ms()));
    else
        table_cell(rows, STYLE_PLAIN, gofer_info_int(queue, "paused", 0) ? "yes" : "no");
    add_hours(rows, queue);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (!gofer_info_has(queue, counts[i].field))
            continue;
        table_cell(rows, STYLE_PLAIN, counts[i].label);
        table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(queue, counts[i].field, 0));
    }
    if (gofer_info_has(queue, "max_length")) {
        table_cell(rows, STYLE_PLAIN, "pending at the most");
        table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(queue, "max_length", 0));
    }
    int64_t age_ms = gofer_info_int(queue, "age_ms", 0);
    if (age_ms) {
        char each[CLI_HUMAN];
        table_cell(rows, STYLE_PLAIN, "a priority more after");
        table_cell(rows, STYLE_PLAIN, cli_human_duration(each, age_ms));
    }
    if (gofer_info_int(queue, "encrypted_only", 0)) {
        table_cell(rows, STYLE_PLAIN, "plain payloads");
        table_cell(rows, STYLE_PLAIN, "refused");
    }
    table_cell(rows, STYLE_PLAIN, "oldest pending");
    table_cell(rows, STYLE_PLAIN, latency ? cli_human_duration(text, latency) : NULL);
    table_print(rows, c->color);
    table_free(rows);
}

static int show_queue(cli *c, const void *args)
{
    (void)args;
    gofer_client *client = NULL;
    gofer_info *queue = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_queue(client, c->words[0], &queue);
    code = cli_show(c, st, queue, print_queue);
    gofer_info_free(queue);
    gofer_client_close(client);
    return code;
}

// ---- pause, unpause, rm

typedef struct rm_args {
    int force;
} rm_args;

static const cli_option rm_options[] = {
    { "force", 0, CLI_FLAG, offsetof(rm_args, force), NULL,
      "also with tasks in it; not with active ones", 0, 0 },
    CLI_OPTIONS_END
};

static gofer_status pause_one(gofer_client *client, const char *queue, const void *user)
{
    (void)user;
    return gofer_client_queue_pause(client, queue);
}

static gofer_status unpause_one(gofer_client *client, const char *queue, const void *user)
{
    (void)user;
    return gofer_client_queue_unpause(client, queue);
}

static gofer_status delete_one(gofer_client *client, const char *queue, const void *user)
{
    const rm_args *args = user;
    return gofer_client_queue_delete(client, queue, args->force);
}

static gofer_status bound_one(gofer_client *client, const char *queue, const void *user)
{
    const int64_t *max_length = user;
    return gofer_client_queue_bound(client, queue, *max_length);
}

static gofer_status age_one(gofer_client *client, const char *queue, const void *user)
{
    const int64_t *age_ms = user;
    return gofer_client_queue_age(client, queue, *age_ms);
}

static gofer_status encrypt_one(gofer_client *client, const char *queue, const void *user)
{
    const int32_t *required = user;
    return gofer_client_queue_encrypt(client, queue, *required);
}

typedef struct shard_args {
    int32_t shards;
} shard_args;

static gofer_status shard_one(gofer_client *client, const char *queue, const void *user)
{
    const shard_args *args = user;
    return gofer_client_queue_shard(client, queue, args->shards);
}

static int act(cli *c, const char *done, const char *name, cli_act_fn one, const void *user)
{
    cli_word_act how = { "queue", done, name, NULL, one };
    return cli_open_and_act(c, &how, user);
}

static int pause_queues(cli *c, const void *args)
{
    return act(c, "paused", "queue.pause", pause_one, args);
}

static int unpause_queues(cli *c, const void *args)
{
    return act(c, "unpaused", "queue.unpause", unpause_one, args);
}

// NAME NUMBER: what is acted on is the first word. False: the second is no such number.
static bool take_number(cli *c, long long least, long long most, long long *out)
{
    char *end;
    errno = 0;
    *out = strtoll(c->words[1], &end, 10);
    c->word_count = 1;
    return end != c->words[1] && !*end && !errno && *out >= least && *out <= most;
}

static int shard_queue(cli *c, const void *args)
{
    (void)args;
    long long number;
    if (!take_number(c, 1, INT32_MAX, &number))
        return cli_fail(c, CLI_USAGE, "'%s' is not a number of shards", c->words[1]);
    const shard_args its = { (int32_t)number };
    return act(c, "sharded", "queue.shard", shard_one, &its);
}

static int bound_queue(cli *c, const void *args)
{
    (void)args;
    long long number;
    if (!take_number(c, 0, INT64_MAX, &number))
        return cli_fail(c, CLI_USAGE, "'%s' is not a number of tasks", c->words[1]);
    const int64_t max_length = number;
    return act(c, number ? "bounded" : "unbounded", "queue.bound", bound_one, &max_length);
}

static int age_queue(cli *c, const void *args)
{
    (void)args;
    int64_t ms = 0;
    if (strcmp(c->words[1], "off") != 0 && gofer_parse_duration(c->words[1], &ms) != GOFER_OK)
        return cli_fail(c, CLI_USAGE, "queue age: %s", gofer_error_last());
    c->word_count = 1;
    return act(c, ms ? "ageing" : "not ageing", "queue.age", age_one, &ms);
}

static int encrypt_queue(cli *c, const void *args)
{
    (void)args;
    const char *word = c->words[1];
    const int32_t required = strcmp(word, "require") == 0;
    if (!required && strcmp(word, "accept") != 0)
        return cli_fail(c, CLI_USAGE, "'%s' is neither 'require' nor 'accept'", word);
    c->word_count = 1;
    return act(c, required ? "closed to plain payloads" : "opened to plain payloads",
        "queue.encrypt", encrypt_one, &required);
}

static int delete_queues(cli *c, const void *args)
{
    return act(c, "removed", "queue.delete", delete_one, args);
}

const cli_command cmd_queue_ls = {
    .name = "queue ls",
    .summary = "list queues with their counts",
    .usage = "",
    .options = ls_options,
    .args_size = sizeof(ls_args),
    .about =
        "OLDEST is how long the first pending task has waited; MOST, how many may be pending, is "
        "shown where a queue is bounded, and GROUPED, how many tasks wait in groups, where there "
        "are any. Queues with pending tasks that no live worker "
        "serves are named below the table; with --json they have the field unserved. More than a "
        "thousand come in tables of a thousand, with the sum of all in the last.",
    .examples = "gofer queue ls\ngofer queue ls --json | jq '.items[] | select(.paused).queue'",
    .run = list_queues,
};

const cli_command cmd_queue_show = {
    .name = "queue show",
    .summary = "show one queue",
    .usage = "NAME",
    .examples = "gofer queue show mail",
    .words_min = 1,
    .words_max = 1,
    .run = show_queue,
};

const cli_command cmd_queue_shard = {
    .name = "queue shard",
    .summary = "spread a queue over several servers of a Redis Cluster",
    .usage = "NAME SHARDS",
    .about =
        "Its tasks are then in so many queues, NAME, NAME:1 and so on, which gofer shows and takes "
        "from as one. Producers and workers follow by themselves within a second or two, and go on "
        "naming NAME alone. More shards are used at once; of fewer the others are taken from until "
        "they are empty. 1: not sharded any more. 'gofer queue ls --shards' shows each.",
    .examples = "gofer queue shard mail 12",
    .words_min = 2,
    .words_max = 2,
    .run = shard_queue,
};

const cli_command cmd_queue_bound = {
    .name = "queue bound",
    .summary = "refuse tasks while a queue has so many pending",
    .usage = "NAME LENGTH",
    .about =
        "Of more pending tasks than LENGTH the enqueuing is refused with exit code 4 (EFULL); of a "
        "batch those go in that fit. It holds for all of gofer's producers at once, and not for "
        "those of Go. Never refused: tasks for later and of groups, retries, and the tasks of cron "
        "entries, flows and --on-dead. 0: any number. 'gofer queue show' tells it.",
    .examples = "gofer queue bound mail 10000\ngofer queue bound mail 0",
    .words_min = 2,
    .words_max = 2,
    .run = bound_queue,
};

const cli_command cmd_queue_age = {
    .name = "queue age",
    .summary = "let priorities grow with the time that tasks wait",
    .usage = "NAME DURATION|off",
    .about =
        "For each DURATION that a pending task has waited it counts as one priority higher, so "
        "what has a low one does not wait for ever behind what keeps coming. It holds at once for "
        "all that waits. 'off' or 0: priorities stay as they are. 'gofer queue show' tells it.",
    .examples = "gofer queue age mail 30s\ngofer queue age mail off",
    .words_min = 2,
    .words_max = 2,
    .run = age_queue,
};

const cli_command cmd_queue_encrypt = {
    .name = "queue encrypt",
    .summary = "refuse plain payloads, or accept them again",
    .usage = "NAME require|accept",
    .about =
        "'require': enqueuing or editing with a payload that is not encrypted, starting a flow or "
        "putting a cron entry with one, is refused with exit code 6 (EDENIED), for all of gofer's "
        "producers at once, and not for those of Go. Not refused is what is there, and what "
        "workers put: tasks of flows and entries that are there, of --on-dead and --on-done. What "
        "is plain, whoever has put it, is not run by 'gofer worker --encrypted-only'. 'gofer queue "
        "show' tells it.",
    .examples = "gofer queue encrypt mail require\ngofer queue encrypt mail accept",
    .words_min = 2,
    .words_max = 2,
    .run = encrypt_queue,
};

const cli_command cmd_queue_pause = {
    .name = "queue pause",
    .summary = "stop the taking of tasks from queues",
    .usage = "NAME...",
    .about =
        "Tasks can still be enqueued, and those that run go on. A queue that does not exist yet "
        "is made.",
    .examples = "gofer queue pause mail",
    .words_min = 1,
    .words_max = -1,
    .run = pause_queues,
};

const cli_command cmd_queue_unpause = {
    .name = "queue unpause",
    .summary = "take tasks from paused queues again",
    .usage = "NAME...",
    .about = "'gofer queue resume' is the same.",
    .examples = "gofer queue unpause mail",
    .words_min = 1,
    .words_max = -1,
    .run = unpause_queues,
};

const cli_command cmd_queue_rm = {
    .name = "queue rm",
    .summary = "remove queues",
    .usage = "NAME...",
    .about =
        "A queue with tasks is refused with exit code 4, unless --force is given; one with active "
        "tasks always.\n"
        "If it is killed meanwhile: in SQLite the queue is gone with the first step, and a worker "
        "deletes what is left of its tasks; in Redis the rest of the queue stays there, paused, "
        "until the command is run again; 'gofer doctor' names it.",
    .examples = "gofer queue rm old-reports --force",
    .options = rm_options,
    .args_size = sizeof(rm_args),
    .words_min = 1,
    .words_max = -1,
    .run = delete_queues,
};
