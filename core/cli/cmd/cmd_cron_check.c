// cmd_cron_check.c - `gofer cron check`: what a cron expression means. Needs no broker.
//
// The library explains the expression and gives its ticks, each with its local time and UTC.
#include <time.h>

#include "cli.h"
#include "screen.h"

typedef struct check_args {
    const char *tz;
    cli_number  count, from;
} check_args;

static const cli_option options[] = {
    { "tz", 0, CLI_TEXT, offsetof(check_args, tz), "ZONE",
      "time zone of the tz database (default: UTC)", 0, 0 },
    { "count", 'n', CLI_NUMBER, offsetof(check_args, count), "N",
      "show the next N ticks (default: 5)", 0, 1000 },
    { "from", 0, CLI_TIME, offsetof(check_args, from), "TIME",
      "those after this time (default: now)", 0, 0 },
    CLI_OPTIONS_END
};

static void put_utc(char out[CLI_HUMAN], int64_t at_ms)
{
    time_t seconds = (time_t)(at_ms / 1000);
    struct tm utc;
    if (!gmtime_r(&seconds, &utc) || strftime(out, CLI_HUMAN, "%Y-%m-%dT%H:%M:%SZ", &utc) == 0)
        snprintf(out, CLI_HUMAN, "@%lld", (long long)seconds);
}

static void put_check(const cli *c, const gofer_info *check)
{
    static const char *const heads[] = { "LOCAL", "UTC", "", NULL };
    const gofer_info *ticks = gofer_info_child(check, "ticks");
    printf("%s\n", gofer_info_text(check, "text"));
    printf("runs a day, on average: %s\n", gofer_info_text(check, "per_day"));
    if (gofer_info_count(ticks) == 0)
        return;
    puts("");
    table *rows = table_new(heads, "lll");
    for (size_t i = 0; i < gofer_info_count(ticks); i++) {
        const gofer_info *tick = gofer_info_at(ticks, i);
        int64_t at_ms = gofer_info_int(tick, "at_ms", 0);
        char utc[CLI_HUMAN], when[CLI_HUMAN];
        put_utc(utc, at_ms);
        table_cell(rows, STYLE_BOLD, gofer_info_text(tick, "local"));
        table_cell(rows, STYLE_PLAIN, utc);
        table_cell(rows, STYLE_DIM, cli_human_when(when, at_ms, cli_now_ms()));
    }
    table_print(rows, c->color);
    table_free(rows);
}

static int run(cli *c, const void *user)
{
    const check_args *args = user;
    gofer_info *check = NULL;
    gofer_status st = gofer_cron_check(c->words[0], args->tz, args->from.value,
        args->count.given ? (int32_t)args->count.value : 5, &check);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    int code = CLI_OK;
    if (c->global.json)
        code = cli_put_info(c, check);
    else
        put_check(c, check);
    gofer_info_free(check);
    return code;
}

const cli_command cmd_cron_check = {
    .name = "cron check",
    .summary = "explain a cron expression: in words, how often, and the next times",
    .usage = "SPEC",
    .about =
        "Needs no broker. An expression that can never come, such as 31 February, is refused with "
        "exit code 2.",
    .examples = "gofer cron check '30 2 * * *' --tz Europe/Berlin\n"
        "# is it once a day? no: every minute from midnight to one o'clock\n"
        "gofer cron check '* 0 * * *'",
    .options = options,
    .args_size = sizeof(check_args),
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
