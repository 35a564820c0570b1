// cmd_breaker.c - `gofer breaker put|ls|rm|close`: circuit breakers of types.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "screen.h"

typedef struct put_args {
    const char *failures;
    cli_number  min, window, open;
} put_args;

static const cli_option put_options[] = {
    { "failures", 0, CLI_TEXT, offsetof(put_args, failures), "PERCENT",
      "open when this share of the attempts fails (default: 50%)", 0, 0 },
    { "min", 0, CLI_NUMBER, offsetof(put_args, min), "N",
      "of at least so many attempts (default: 20)", 1, 1000000 },
    { "window", 0, CLI_DURATION, offsetof(put_args, window), "DURATION",
      "that ended in so long (default: 1m)", 0, 0 },
    { "open", 0, CLI_DURATION, offsetof(put_args, open), "DURATION",
      "stay open for so long, then let some through (default: 30s)", 0, 0 },
    CLI_OPTIONS_END
};

// ---- put, rm, close

static gofer_status put_one(gofer_client *client, const char *name, const void *user)
{
    return gofer_client_breaker_put(client, name, user);
}

static gofer_status remove_one(gofer_client *client, const char *name, const void *user)
{
    (void)user;
    return gofer_client_breaker_remove(client, name);
}

static gofer_status close_one(gofer_client *client, const char *name, const void *user)
{
    (void)user;
    return gofer_client_breaker_close(client, name);
}

// "50" or "50%"; 0: it is neither.
static int32_t percent_of(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    end += *end == '%';
    return end != text && !*end && n >= 1 && n <= 100 ? (int32_t)n : 0;
}

static int put_breakers(cli *c, const void *args)
{
    static const cli_word_act how = { "name", "put", "breaker.put", NULL, put_one };
    const put_args *given = args;
    gofer_breaker_options o;
    gofer_breaker_options_init(&o);
    if (given->failures && !(o.failures = percent_of(given->failures)))
        return cli_fail(c, CLI_USAGE, "--failures '%s' is no share: it is from 1%% to 100%%",
            given->failures);
    o.min = given->min.given ? (int32_t)given->min.value : 0;
    o.window_ms = given->window.given ? given->window.value : 0;
    o.open_ms = given->open.given ? given->open.value : 0;
    return cli_open_and_act(c, &how, &o);
}

static int remove_breakers(cli *c, const void *args)
{
    static const cli_word_act how = { "name", "removed", "breaker.delete", NULL, remove_one };
    (void)args;
    return cli_open_and_act(c, &how, NULL);
}

static int close_breakers(cli *c, const void *args)
{
    static const cli_word_act how = { "name", "closed", "breaker.close", NULL, close_one };
    (void)args;
    return cli_open_and_act(c, &how, NULL);
}

// ---- ls

static void print_breakers(const cli *c, const gofer_info *list)
{
    static const char *const heads[] = { "BREAKER", "STATE", "FAILED", "OF", "OPENS AT", "WAITING",
        NULL };
    if (gofer_info_count(list) == 0) {
        cli_note(c, "there are no breakers");
        return;
    }
    table *rows = table_new(heads, "llrrrr");
    for (size_t i = 0; i < gofer_info_count(list); i++) {
        const gofer_info *item = gofer_info_at(list, i);
        const char *state = gofer_info_text(item, "state");
        table_cellf(rows, STYLE_BOLD, "type:%s", gofer_info_text(item, "type"));
        table_cell(rows, strcmp(state, "closed") == 0 ? STYLE_PLAIN : STYLE_WARN, state);
        table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "failed", 0));
        table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "ended", 0));
        table_cellf(rows, STYLE_PLAIN, "%" PRId64 "%% of %" PRId64,
            gofer_info_int(item, "failures", 0), gofer_info_int(item, "min", 0));
        table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "waiting", 0));
    }
    table_print(rows, c->color);
    table_free(rows);
}

static int list_breakers(cli *c, const void *args)
{
    gofer_client *client = NULL;
    gofer_info *list = NULL;
    (void)args;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_breakers(client, &list);
    code = cli_show(c, st, list, print_breakers);
    gofer_info_free(list);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_breaker_put = {
    .name = "breaker put",
    .summary = "watch a type by a circuit breaker",
    .usage = "type:TYPE...",
    .about =
        "TYPE is a type, or a prefix and '*'. When such a share of the attempts of the window "
        "fails, of at least so many, the breaker opens: no task of it is taken, and no attempt is "
        "counted. Then it is half open, lets 1, 2 and 4 tasks through, and closes when they "
        "succeed; one that fails opens it again. Another rule takes the place of the one there is.",
    .examples = "gofer breaker put type:mail:send\n"
                "gofer breaker put 'type:shop:*' --failures 30% --min 50 --window 5m --open 1m",
    .options = put_options,
    .args_size = sizeof(put_args),
    .words_min = 1,
    .words_max = -1,
    .run = put_breakers,
};

const cli_command cmd_breaker_ls = {
    .name = "breaker ls",
    .summary = "list circuit breakers",
    .usage = "",
    .about =
        "FAILED and OF are attempts of the window, WAITING the tasks that were next in line and "
        "wait; others may stand in line behind them.",
    .examples = "gofer breaker ls\ngofer breaker ls --json | jq -r '.items[].state'",
    .run = list_breakers,
};

const cli_command cmd_breaker_rm = {
    .name = "breaker rm",
    .summary = "take circuit breakers away",
    .usage = "type:TYPE...",
    .examples = "gofer breaker rm type:mail:send",
    .words_min = 1,
    .words_max = -1,
    .run = remove_breakers,
};

const cli_command cmd_breaker_close = {
    .name = "breaker close",
    .summary = "close a circuit breaker that is open",
    .usage = "type:TYPE...",
    .examples = "gofer breaker close type:mail:send",
    .words_min = 1,
    .words_max = -1,
    .run = close_breakers,
};
