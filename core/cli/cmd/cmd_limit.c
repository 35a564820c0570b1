// cmd_limit.c - `gofer limit put|ls|show|rm|blocked|pause`: how many tasks of a key run.
//
// Lists are asked for page by page; --json prints each record as it comes.
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "screen.h"

enum { PAGE = 500, MOST = 1000000, RATE_TEXT = CLI_HUMAN + 24 };

// ---- numbers as text

// "100/1m"; NULL: it has no rate.
static const char *rate_text(char out[RATE_TEXT], const gofer_info *item)
{
    char per[CLI_HUMAN];
    if (!gofer_info_has(item, "rate"))
        return NULL;
    snprintf(out, RATE_TEXT, "%" PRId64 "/%s", gofer_info_int(item, "rate", 0),
        cli_human_duration(per, gofer_info_int(item, "per_ms", 0)));
    return out;
}

// "N/DURATION", "N/UNIT" or "N", of which the library says what it is in.
static int read_rate(cli *c, const char *text, gofer_limit_options *o)
{
    char unit[32], *end;
    errno = 0;
    long long rate = strtoll(text, &end, 10);
    int counted = end != text && !errno && rate >= 1 && rate <= MOST &&
        (!*end || (*end == '/' && end[1]));
    if (counted && *end) {
        int is_unit = end[1] < '0' || end[1] > '9';
        int size = snprintf(unit, sizeof unit, "%s%s", is_unit ? "1" : "", end + 1);
        counted = size < (int)sizeof unit && gofer_parse_duration(unit, &o->per_ms) == GOFER_OK &&
            o->per_ms > 0;
    }
    if (!counted)
        return cli_fail(c, CLI_USAGE,
            "limit put: --rate '%.60s' is not so many in so long: 100/1m, 5/s", text);
    o->rate = rate;
    return CLI_OK;
}

// ---- put, rm, pause

typedef struct put_args {
    const char *rate, *over, *scope;
    cli_number  concurrency, burst;
} put_args;

static const cli_option put_options[] = {
    { "concurrency", 0, CLI_NUMBER, offsetof(put_args, concurrency), "N",
      "so many run at a time (default: any number)", 1, MOST },
    { "rate", 0, CLI_TEXT, offsetof(put_args, rate), "RATE",
      "so many start in so long: 100/1m, 5/s (default: any number)", 0, 0 },
    { "burst", 0, CLI_NUMBER, offsetof(put_args, burst), "N",
      "with --rate: so many of them at once (default: what the rate allows in 100 ms, at least 1)",
      1, MOST },
    { "over", 0, CLI_CHOICE, offsetof(put_args, over), "wait|refuse|cancel-oldest",
      "what becomes of a task that has no room: it waits (default), it is archived unrun, or it "
      "waits and the one that has run longest is asked to stop", 0, 0 },
    { "scope", 0, CLI_CHOICE, offsetof(put_args, scope), "store|queue",
      "what counts together: all queues (default), or each queue by itself", 0, 0 },
    CLI_OPTIONS_END
};

static gofer_status put_one(gofer_client *client, const char *name, const void *user)
{
    return gofer_client_limit_put(client, name, user);
}

static gofer_status remove_one(gofer_client *client, const char *name, const void *user)
{
    (void)user;
    return gofer_client_limit_remove(client, name);
}

static gofer_status pause_one(gofer_client *client, const char *key, const void *user)
{
    const int64_t *ms = user;
    return gofer_client_limit_pause(client, key, *ms);
}

static int put_limit(cli *c, const void *user)
{
    static const cli_word_act how = { "name", "limited", "limit.put", NULL, put_one };
    const put_args *args = user;
    gofer_limit_options o;
    gofer_limit_options_init(&o);
    if (args->rate && read_rate(c, args->rate, &o) != CLI_OK)
        return CLI_USAGE;
    if (!args->rate && !args->concurrency.given)
        return cli_fail(c, CLI_USAGE, "limit put: --concurrency or --rate is needed");
    if (!args->rate && args->burst.given)
        return cli_fail(c, CLI_USAGE, "limit put: --burst needs --rate");
    o.concurrency = args->concurrency.value;
    o.burst = args->burst.value;
    if (args->over)
        o.over = strcmp(args->over, "wait") == 0 ? GOFER_OVER_WAIT
            : strcmp(args->over, "refuse") == 0  ? GOFER_OVER_REFUSE
                                                 : GOFER_OVER_CANCEL_OLDEST;
    if (args->scope && strcmp(args->scope, "queue") == 0)
        o.scope = GOFER_SCOPE_QUEUE;
    return cli_open_and_act(c, &how, &o);
}

static int remove_limits(cli *c, const void *args)
{
    static const cli_word_act how = { "name", "removed", "limit.delete", NULL, remove_one };
    return cli_open_and_act(c, &how, args);
}

// KEY DURATION: what is acted on is the first word.
static int pause_key(cli *c, const void *args)
{
    (void)args;
    int64_t ms = 0;
    if (gofer_parse_duration(c->words[1], &ms) != GOFER_OK)
        return cli_fail(c, CLI_USAGE, "limit pause: %s", gofer_error_last());
    c->word_count = 1;
    const cli_word_act how = { "name", ms ? "paused" : "unpaused",
        ms ? "limit.pause" : "limit.unpause", NULL, pause_one };
    return cli_open_and_act(c, &how, &ms);
}

// ---- ls, blocked, show

typedef struct look_args {
    int all;
} look_args;

static const cli_option blocked_options[] = {
    { "all", 0, CLI_FLAG, offsetof(look_args, all), NULL,
      "also keys that tasks run for and none waits for", 0, 0 },
    CLI_OPTIONS_END
};

typedef gofer_status (*page_fn)(gofer_client *client, const char *cursor, const look_args *args,
    gofer_info **out);
typedef struct listing {
    const char *const *heads;
    const char        *align, *none;
    page_fn            page;
    void             (*row)(table *rows, const gofer_info *item);
} listing;

static void put_count(table *rows, const gofer_info *item, const char *field)
{
    if (gofer_info_has(item, field))
        table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, field, 0));
    else
        table_cell(rows, STYLE_PLAIN, NULL);
}

static void put_when(table *rows, screen_style style, const gofer_info *item, const char *field)
{
    char when[CLI_HUMAN];
    int64_t at = gofer_info_int(item, field, 0);
    table_cell(rows, style, at ? cli_human_when(when, at, cli_now_ms()) : NULL);
}

static void limit_row(table *rows, const gofer_info *item)
{
    char rate[RATE_TEXT];
    table_cell(rows, STYLE_BOLD, gofer_info_text(item, "name"));
    put_count(rows, item, "concurrency");
    table_cell(rows, STYLE_PLAIN, rate_text(rate, item));
    put_count(rows, item, "burst");
    table_cell(rows, STYLE_PLAIN, gofer_info_text(item, "over"));
    table_cell(rows, STYLE_PLAIN, gofer_info_text(item, "scope"));
}

static void key_row(table *rows, const gofer_info *item)
{
    int paused = gofer_info_has(item, "paused_until_ms");
    table_cell(rows, STYLE_BOLD, gofer_info_text(item, "key"));
    table_cell(rows, STYLE_PLAIN, gofer_info_text(item, "queue"));
    table_cell(rows, STYLE_PLAIN, gofer_info_text(item, "limit"));
    put_count(rows, item, "running");
    put_count(rows, item, "concurrency");
    put_count(rows, item, "waiting");
    put_when(rows, STYLE_PLAIN, item, "next_start_at_ms");
    put_when(rows, paused ? STYLE_WARN : STYLE_PLAIN, item, "paused_until_ms");
}

static gofer_status limits_page(gofer_client *client, const char *cursor, const look_args *args,
    gofer_info **out)
{
    (void)args;
    return gofer_client_limits(client, cursor, PAGE, out);
}

static gofer_status keys_page(gofer_client *client, const char *cursor, const look_args *args,
    gofer_info **out)
{
    return gofer_client_limit_keys(client, !args->all, cursor, PAGE, out);
}

static gofer_status put_page(table *rows, const listing *l, const gofer_info *page, int *first)
{
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < gofer_info_count(page) && st == GOFER_OK; i++)
        if (rows)
            l->row(rows, gofer_info_at(page, i));
        else
            st = json_put_item(stdout, gofer_info_at(page, i), first);
    return st;
}

static gofer_status put_pages(gofer_client *client, const listing *l, const look_args *args,
    table *rows)
{
    gofer_info *page = NULL;
    gofer_status st;
    int first = 1, more;
    do {
        gofer_info *before = page;
        st = l->page(client, before ? gofer_info_text(before, "next_cursor") : NULL, args, &page);
        if (st == GOFER_OK)
            st = put_page(rows, l, page, &first);
        more = st == GOFER_OK && gofer_info_has(page, "next_cursor") && !ferror(stdout);
        gofer_info_free(before == page ? NULL : before);
    } while (more);
    gofer_info_free(page);
    return st;
}

static int list(cli *c, const listing *l, const look_args *args)
{
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    table *rows = c->global.json ? NULL : table_new(l->heads, l->align);
    if (!rows)
        fputs("{\"items\":[", stdout);
    gofer_status st = put_pages(client, l, args, rows);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    if (!rows)
        puts("]}");
    else if (table_rows(rows))
        table_print(rows, c->color);
    else if (code == CLI_OK)
        cli_note(c, "%s", l->none);
    table_free(rows);
    gofer_client_close(client);
    return code;
}

static int list_limits(cli *c, const void *args)
{
    static const char *const heads[] = { "NAME", "CONCURRENCY", "RATE", "BURST", "OVER", "SCOPE",
        NULL };
    static const listing limits = { heads, "lrrrll", "no limits", limits_page, limit_row };
    return list(c, &limits, args);
}

static const char *const key_heads[] = { "KEY", "QUEUE", "LIMIT", "RUNNING", "OF", "WAITING",
    "NEXT", "PAUSED", NULL };
static const char key_align[] = "lllrrrll";

static int list_blocked(cli *c, const void *args)
{
    static const listing keys = { key_heads, key_align, "no task waits for a limit", keys_page,
        key_row };
    return list(c, &keys, args);
}

static void print_key(const cli *c, const gofer_info *list)
{
    table *rows = table_new(key_heads, key_align);
    for (size_t i = 0; i < gofer_info_count(list); i++)
        key_row(rows, gofer_info_at(list, i));
    table_print(rows, c->color);
    table_free(rows);
}

static int show_key(cli *c, const void *args)
{
    (void)args;
    gofer_client *client = NULL;
    gofer_info *found = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_limit_key(client, c->words[0], &found);
    code = cli_show(c, st, found, print_key);
    gofer_info_free(found);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_limit_put = {
    .name = "limit put",
    .summary = "limit how many tasks of a key run, or change that",
    .usage = "NAME",
    .about =
        "NAME is a key that tasks name ('gofer enqueue --limit KEY'); or a prefix and '*': then "
        "each key that begins so counts for itself; or 'queue:NAME', which all tasks of that queue "
        "count for. The limit holds at once and for all workers of the store. All its numbers are "
        "replaced: what is not given is not limited any more.",
    .examples =
        "# five at a time and a hundred a minute for each server\n"
        "gofer limit put 'smtp:*' --concurrency 5 --rate 100/1m --burst 20\n"
        "gofer enqueue mail:send '{\"to\": \"ada@example.org\"}' --limit smtp:example.org\n"
        "# a queue of which one runs at a time\n"
        "gofer limit put queue:reports --concurrency 1",
    .options = put_options,
    .args_size = sizeof(put_args),
    .words_min = 1,
    .words_max = 1,
    .run = put_limit,
};

const cli_command cmd_limit_ls = {
    .name = "limit ls",
    .summary = "list limits",
    .usage = "",
    .examples = "gofer limit ls\ngofer limit ls --json | jq -r '.items[].name'",
    .run = list_limits,
};

const cli_command cmd_limit_show = {
    .name = "limit show",
    .summary = "show how many tasks of a key run and wait",
    .usage = "KEY",
    .about =
        "LIMIT is the name of the limit that holds for the key, OF how many may run at a time, "
        "NEXT when the next may start by its rate or a pause. There is a row for each queue where "
        "these count by themselves.",
    .examples = "gofer limit show smtp:example.org",
    .words_min = 1,
    .words_max = 1,
    .run = show_key,
};

const cli_command cmd_limit_rm = {
    .name = "limit rm",
    .summary = "remove limits",
    .usage = "NAME...",
    .about = "Tasks that wait for them may run.",
    .examples = "gofer limit rm 'smtp:*'",
    .words_min = 1,
    .words_max = -1,
    .run = remove_limits,
};

const cli_command cmd_limit_blocked = {
    .name = "limit blocked",
    .summary = "list the keys that tasks wait for",
    .usage = "",
    .about = "The columns are those of 'gofer limit show'.",
    .examples = "gofer limit blocked\ngofer limit blocked --all --json",
    .options = blocked_options,
    .args_size = sizeof(look_args),
    .run = list_blocked,
};

const cli_command cmd_limit_pause = {
    .name = "limit pause",
    .summary = "let no task of a key start for some time",
    .usage = "KEY DURATION",
    .about =
        "Those that run go on. A shorter time than what is left of an earlier pause changes "
        "nothing; 0 ends it. The key need not have a limit.",
    .examples = "gofer limit pause smtp:example.org 5m\ngofer limit pause smtp:example.org 0",
    .words_min = 2,
    .words_max = 2,
    .run = pause_key,
};
