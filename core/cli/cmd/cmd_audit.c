// cmd_audit.c - `gofer audit`: who did what, the latest first.
//
// Pages are asked for by the library's cursor until --limit or the end; --json prints each record
// as it comes.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "screen.h"

enum { DEFAULT_LIMIT = 30, PAGE = 500, KEEP_MAX = 1000000 };

typedef struct audit_args {
    const char *actor, *act, *since, *cursor;
    cli_number  limit, keep;
} audit_args;

static const cli_option options[] = {
    { "actor", 0, CLI_TEXT, offsetof(audit_args, actor), "NAME",
      "what this one did, or all whose names begin so if it ends in '*'", 0, 0 },
    { "act", 0, CLI_TEXT, offsetof(audit_args, act), "ACT",
      "this act, or all that begin so if it ends in '*': 'task.*'", 0, 0 },
    { "since", 0, CLI_TEXT, offsetof(audit_args, since), "TIME",
      "nothing before this time, or longer ago than a duration: '2026-11-24 03:00', 1d", 0, 0 },
    { "limit", 0, CLI_NUMBER, offsetof(audit_args, limit), "N", "at most so many (default: 30)", 1,
      1000000000 },
    { "cursor", 0, CLI_TEXT, offsetof(audit_args, cursor), "CURSOR",
      "go on where a listing ended", 0, 0 },
    { "keep", 0, CLI_NUMBER, offsetof(audit_args, keep), "N",
      "list nothing: from now on the broker keeps the latest N records (10000 at first)", 1,
      KEEP_MAX },
    CLI_OPTIONS_END
};

typedef struct listing {
    cli                *c;
    gofer_client       *client;
    table              *rows;   // NULL with --json
    int64_t             left;
    char               *cursor; // owned; NULL: from the start, or after the last page
    int                 first;
} listing;

static void add_row(listing *l, const gofer_info *item)
{
    char time[CLI_HUMAN];
    const char *queue = gofer_info_text(item, "queue"), *target = gofer_info_text(item, "target"),
               *outcome = gofer_info_text(item, "outcome"),
               *message = gofer_info_text(item, "message");
    int good = strcmp(outcome, "ok") == 0 || strcmp(outcome, "begun") == 0;
    table_cell(l->rows, STYLE_PLAIN, cli_human_time(time, gofer_info_int(item, "at_ms", 0)));
    table_cell(l->rows, STYLE_BOLD, gofer_info_text(item, "actor"));
    table_cell(l->rows, STYLE_PLAIN, gofer_info_text(item, "via"));
    table_cell(l->rows, STYLE_PLAIN, gofer_info_text(item, "act"));
    table_cell(l->rows, STYLE_PLAIN, queue);
    table_cell(l->rows, STYLE_PLAIN, queue && target && strcmp(queue, target) == 0 ? NULL : target);
    table_cellf(l->rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "count", 0));
    table_cellf(l->rows, good ? STYLE_PLAIN : STYLE_WARN, "%s%s%s", outcome, message ? ": " : "",
        message ? message : "");
}

static void set_cursor(listing *l, const char *cursor)
{
    size_t size = cursor ? strlen(cursor) + 1 : 0;
    char *copy = cursor ? memcpy(cli_alloc(size), cursor, size) : NULL;
    free(l->cursor);
    l->cursor = copy;
}

static int add_page(listing *l, const gofer_audit_filter *filter)
{
    gofer_info *page = NULL;
    int32_t limit = l->left < PAGE ? (int32_t)l->left : PAGE;
    gofer_status st = gofer_client_audit(l->client, filter, l->cursor, limit, &page);
    if (st != GOFER_OK)
        return cli_fail_status(l->c, st, NULL);
    for (size_t i = 0; i < gofer_info_count(page) && st == GOFER_OK; i++) {
        if (l->rows)
            add_row(l, gofer_info_at(page, i));
        else
            st = json_put_item(stdout, gofer_info_at(page, i), &l->first);
    }
    l->left -= (int64_t)gofer_info_count(page);
    set_cursor(l, gofer_info_text(page, "next_cursor"));
    gofer_info_free(page);
    return st == GOFER_OK ? CLI_OK : cli_fail_status(l->c, st, NULL);
}

static void finish(const listing *l)
{
    if (!l->rows) {
        json_end_page(stdout, l->cursor);
        return;
    }
    if (table_rows(l->rows))
        table_print(l->rows, l->c->color);
    else
        cli_note(l->c, "nothing is noted");
    if (l->cursor)
        cli_note(l->c, "there is more: --limit shows more, --cursor '%s' goes on", l->cursor);
}

static int list(cli *c, gofer_client *client, const audit_args *args,
    const gofer_audit_filter *filter)
{
    static const char *const heads[] = { "WHEN", "ACTOR", "VIA", "ACT", "QUEUE", "TARGET", "COUNT",
        "OUTCOME", NULL };
    listing l = { .c = c, .client = client, .first = 1,
        .left = args->limit.given ? args->limit.value : DEFAULT_LIMIT };
    int code;
    if (c->global.json)
        fputs("{\"items\":[", stdout);
    else
        table_fit(l.rows = table_new(heads, "llllllrl"), ".t..tt.b");
    set_cursor(&l, args->cursor);
    do
        code = add_page(&l, filter);
    while (code == CLI_OK && l.cursor && l.left > 0 && !ferror(stdout));
    if (code == CLI_OK || c->global.json)
        finish(&l);
    table_free(l.rows);
    free(l.cursor);
    return code;
}

// It stands in the audit itself, so all who write there learn of it.
static int keep(cli *c, gofer_client *client, int64_t count)
{
    char target[24];
    snprintf(target, sizeof target, "%" PRId64, count);
    gofer_status st = cli_audit(c, client, &(audit_note){ .act = "audit.keep", .target = target,
        .count = 1, .keep = count });
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    if (c->global.json)
        printf("{\"items\":[],\"more\":false}\n");
    else if (!c->global.quiet)
        printf("the latest %" PRId64 " records are kept\n", count);
    return CLI_OK;
}

static int read_since(cli *c, const char *text, int64_t *out)
{
    int64_t ago_ms;
    if (!text || gofer_parse_time(text, out) == GOFER_OK)
        return CLI_OK;
    if (gofer_parse_duration(text, &ago_ms) != GOFER_OK)
        return cli_fail(c, CLI_USAGE, "audit: --since: '%.60s' is neither a time such as "
            "'2026-11-24 03:00' nor a duration such as 1d", text);
    *out = cli_now_ms() - ago_ms;
    return CLI_OK;
}

static int run(cli *c, const void *user)
{
    const audit_args *args = user;
    gofer_client *client = NULL;
    gofer_audit_filter filter;
    gofer_audit_filter_init(&filter);
    filter.actor = args->actor;
    filter.act = args->act;
    if (args->keep.given && (args->actor || args->act || args->since || args->cursor))
        return cli_fail(c, CLI_USAGE, "audit: --keep lists nothing, so it has no filter");
    int code = read_since(c, args->since, &filter.since_ms);
    if (code == CLI_OK)
        code = cli_open(c, &client, 0);
    if (code == CLI_OK)
        code = args->keep.given ? keep(c, client, args->keep.value)
                                : list(c, client, args, &filter);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_audit = {
    .name = "audit",
    .summary = "show who did what",
    .usage = "",
    .about =
        "What was changed by commands, 'gofer top' and the web interface, newest first. ACTOR is "
        "user@host of a command, the name of a token or a proxy's user. What is done to all tasks "
        "that match is noted twice: when it begins, and with the count when it has ended. To "
        "enqueue is no act unless it was done by the web interface, and payloads are never noted.",
    .examples = "gofer audit --since 1d\n"
        "gofer audit --actor ann --act 'task*'\n"
        "gofer audit --keep 100000",
    .options = options,
    .args_size = sizeof(audit_args),
    .run = run,
};
