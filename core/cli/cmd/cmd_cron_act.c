// cmd_cron_act.c - `gofer cron add|rm|pause|unpause|run|sync`: change cron entries.
//
// add takes the options of a task (enqueue_options.h) and of an entry; sync reads a file of
// entries, which the library parses.
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "enqueue_options.h"
#include "json.h"
#include "screen.h"

// ---- add

typedef struct add_args {
    enqueue_args task;
    const char  *tz, *missed, *overlap;
    cli_number   missed_max, jitter;
    int          paused, replace;
} add_args;

static const cli_option add_options[] = {
    { "tz", 0, CLI_TEXT, offsetof(add_args, tz), "ZONE",
      "time zone of the tz database, such as Europe/Berlin (default: UTC)", 0, 0 },
    { "missed", 0, CLI_CHOICE, offsetof(add_args, missed), "once|skip|all",
      "ticks that came while no worker ran: one run for all of them (default), none, or one for "
      "each", 0, 0 },
    { "missed-max", 0, CLI_NUMBER, offsetof(add_args, missed_max), "N",
      "with --missed all: only the last N (default: 10)", 1, 1000 },
    { "overlap", 0, CLI_CHOICE, offsetof(add_args, overlap), "allow|skip|queue|cancel",
      "while the previous task has not ended: enqueue nevertheless (default), leave the tick out, "
      "let it wait, or cancel that task", 0, 0 },
    { "jitter", 0, CLI_DURATION, offsetof(add_args, jitter), "DURATION",
      "each task runs up to so much later, by chance", 0, 0 },
    { "paused", 0, CLI_FLAG, offsetof(add_args, paused), NULL,
      "without ticks until 'gofer cron unpause'", 0, 0 },
    { "replace", 0, CLI_FLAG, offsetof(add_args, replace), NULL,
      "change the entry if there is one of this name", 0, 0 },
    { "queue", 0, CLI_TEXT, offsetof(add_args, task.queue), "NAME",
      "the queue of its tasks (default: default)", 0, 0 },
    { "priority", 0, CLI_NUMBER, offsetof(add_args, task.priority), "N",
      "from -100 to 100: they run before the waiting tasks of their queue with a lower one "
      "(default: 0)",
      -GOFER_PRIORITY_MAX, GOFER_PRIORITY_MAX },
    { "tenant", 0, CLI_TEXT, offsetof(add_args, task.tenant), "NAME",
      "whose they are: of what waits in their queue each tenant's tasks have their share (gofer "
      "tenant put)", 0, 0 },
    { "limit", 0, CLI_LIST, offsetof(add_args, task.limits), "KEY",
      "its tasks count for this key, whose limit says how many run (gofer limit put); may be "
      "given four times", 0, 0 },
    { "cost", 0, CLI_NUMBER, offsetof(add_args, task.limit_cost), "N",
      "with --limit: so much of their rates does each start take (default: 1)", 1,
      GOFER_LIMIT_COST_MAX },
    { "ordered", 0, CLI_TEXT, offsetof(add_args, task.ordered), "KEY",
      "not beside others: tasks of the queue with the same key run one after the other, through "
      "retries", 0, 0 },
    { "ordered-dead", 0, CLI_CHOICE, offsetof(add_args, task.ordered_dead), ORDERED_DEAD,
      "with --ordered: when one is archived, the next ones run (default), or it holds them up", 0,
      0 },
    { "retry", 0, CLI_NUMBER, offsetof(add_args, task.retry), "N",
      "retries after a failure (default: 25); 0: none", 0, CLI_RETRY_MAX },
    { "timeout", 0, CLI_DURATION, offsetof(add_args, task.timeout), "DURATION",
      "longest run of one attempt (default: 30m); 0: no limit", 0, 0 },
    { "retention", 0, CLI_DURATION, offsetof(add_args, task.retention), "DURATION",
      "keep completed tasks and their results so long (default: not)", 0, 0 },
    { "header", 0, CLI_LIST, offsetof(add_args, task.headers), "KEY=VALUE",
      "a header for the handler; may be repeated", 0, 0 },
    { "expires", 0, CLI_DURATION, offsetof(add_args, task.expires), "DURATION",
      "drop a task unless it has started within so long of its tick", 0, 0 },
    { "retry-policy", 0, CLI_TEXT, offsetof(add_args, task.retry_policy), "POLICY",
      "delays between attempts, such as fixed:30s or 'exponential:1s;cap=1h' (default: the "
      "worker's)", 0, 0 },
    { "on-dead", 0, CLI_TEXT, offsetof(add_args, task.on_dead), "TYPE[@QUEUE]|webhook:URL",
      "enqueue a task of this type when one is archived, or tell it to this URL", 0, 0 },
    { "on-done", 0, CLI_TEXT, offsetof(add_args, task.on_done), "TYPE[@QUEUE]|webhook:URL",
      "the same when one is done; webhook+result:URL tells its result, too", 0, 0 },
    CLI_OPTIONS_END
};

// The place of a word in the table of choices is the library's number for it.
static int32_t number_of(const char *word, const char *const *words)
{
    int32_t n = 0;
    while (word && strcmp(words[n], word) != 0)
        n++;
    return n;
}

static void say_added(const cli *c, gofer_client *client, const char *name)
{
    gofer_info *entry = NULL, *explained = NULL;
    const char *spec, *tz;
    if (c->global.quiet || gofer_client_schedule(client, name, &entry) != GOFER_OK)
        return;
    spec = gofer_info_text(entry, "spec");
    tz = gofer_info_text(entry, "tz");
    if (spec && tz && gofer_cron_check(spec, tz, 0, 1, &explained) == GOFER_OK) {
        const gofer_info *next = gofer_info_at(gofer_info_child(explained, "ticks"), 0);
        char *safe = screen_escape(name, strlen(name), SCREEN_ONE_LINE);
        printf("%s: %s", safe, gofer_info_text(explained, "text"));
        if (gofer_info_int(entry, "paused", 0))
            puts("; paused");
        else if (next && !gofer_info_has(explained, "every_ms"))
            printf("; next at %s\n", gofer_info_text(next, "local"));
        else
            puts("");
        free(safe);
    }
    gofer_info_free(explained);
    gofer_info_free(entry);
}

// What a command did to entries by itself.
static void note(const cli *c, gofer_client *client, const char *act, const char *target,
    gofer_status st, int64_t count)
{
    cli_audit(c, client, &(audit_note){ .act = act, .target = target, .status = st,
        .count = st == GOFER_OK ? count : 0 });
}

static int put_entry(cli *c, gofer_client *client, const gofer_schedule_options *opts,
    const void *payload, size_t size, int replace)
{
    int code = CLI_OK;
    gofer_status st = gofer_client_schedule_put(client, c->words[0], c->words[1], c->words[2],
        payload, size, opts, replace ? 0 : GOFER_SCHEDULE_NEW);
    if (st == GOFER_EEXIST)
        code = cli_fail(c, CLI_CONFLICT, "%s; --replace changes it", gofer_error_last());
    else if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    note(c, client, "schedule.put", c->words[0], st, 1);
    return code;
}

static int run_add(cli *c, const void *user)
{
    static const char *const missed[] = { "once", "skip", "all" };
    static const char *const overlap[] = { "allow", "skip", "queue", "cancel" };
    const add_args *args = user;
    gofer_enqueue_options task;
    gofer_schedule_options opts;
    gofer_schedule_options_init(&opts);
    int code = enqueue_options_fill(c, &args->task, &task);
    if (code != CLI_OK)
        return code;
    opts.task = &task;
    opts.tz = args->tz;
    opts.missed = args->missed ? number_of(args->missed, missed) : GOFER_MISSED_ONCE;
    opts.overlap = args->overlap ? number_of(args->overlap, overlap) : GOFER_OVERLAP_ALLOW;
    opts.missed_max = (int32_t)args->missed_max.value;
    opts.jitter_ms = args->jitter.value;
    opts.paused = args->paused;
    if (args->missed_max.given && opts.missed != GOFER_MISSED_ALL)
        return cli_fail(c, CLI_USAGE, "cron add: --missed-max needs --missed all");

    char *kept = NULL;
    const char *payload = NULL;
    size_t size = 0;
    gofer_client *client = NULL;
    code = cli_read_payload(c, c->word_count > 3 ? c->words[3] : "", CLI_MAX_PAYLOAD, &kept,
        &payload, &size);
    if (code == CLI_OK)
        code = cli_open(c, &client, 0);
    if (code == CLI_OK)
        code = put_entry(c, client, &opts, payload, size, args->replace);
    if (code == CLI_OK && c->global.json) {
        fputs("{\"name\":", stdout);
        json_put_text(stdout, c->words[0]);
        puts("}");
    } else if (code == CLI_OK) {
        say_added(c, client, c->words[0]);
    }
    gofer_client_close(client);
    free(kept);
    return code;
}

// ---- rm, pause, unpause

static gofer_status remove_one(gofer_client *client, const char *name, const void *user)
{
    (void)user;
    return gofer_client_schedule_remove(client, name);
}

static gofer_status pause_one(gofer_client *client, const char *name, const void *user)
{
    (void)user;
    return gofer_client_schedule_pause(client, name, 1);
}

static gofer_status unpause_one(gofer_client *client, const char *name, const void *user)
{
    (void)user;
    return gofer_client_schedule_pause(client, name, 0);
}

static int act(cli *c, const char *done, const char *name, cli_act_fn one)
{
    cli_word_act how = { "name", done, name, NULL, one };
    return cli_open_and_act(c, &how, NULL);
}

static int run_rm(cli *c, const void *args)
{
    (void)args;
    return act(c, "removed", "schedule.delete", remove_one);
}

static int run_pause(cli *c, const void *args)
{
    (void)args;
    return act(c, "paused", "schedule.pause", pause_one);
}

static int run_unpause(cli *c, const void *args)
{
    (void)args;
    return act(c, "resumed", "schedule.unpause", unpause_one);
}

// ---- run

static int run_run(cli *c, const void *args)
{
    (void)args;
    gofer_client *client = NULL;
    char *id = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_schedule_run(client, c->words[0], &id);
    if (st != GOFER_OK) {
        code = cli_fail_status(c, st, NULL);
    } else if (c->global.json) {
        fputs("{\"id\":", stdout);
        json_put_text(stdout, id);
        fputs(",\"name\":", stdout);
        json_put_text(stdout, c->words[0]);
        puts("}");
    } else if (!c->global.quiet) {
        puts(id);
    }
    note(c, client, "schedule.run", c->words[0], st, 1);
    gofer_free(id);
    gofer_client_close(client);
    return code;
}

// ---- sync

typedef struct sync_args {
    const char *source;
} sync_args;

static const cli_option sync_options[] = {
    { "source", 0, CLI_TEXT, offsetof(sync_args, source), "NAME",
      "what the entries are known by (default: the file's whole path, as of 'gofer worker "
      "--schedule')", 0, 0 },
    CLI_OPTIONS_END
};

static int run_sync(cli *c, const void *user)
{
    enum { FILE_MAX = 64 << 20 };
    const sync_args *args = user;
    const char *path = c->words[0], *source = args->source;
    char *text = NULL, *whole = NULL;
    size_t size = 0;
    gofer_client *client = NULL;
    gofer_info *counts = NULL;
    if (!source && strcmp(path, "-") == 0)
        return cli_fail(c, CLI_USAGE,
            "cron sync: with '-' (standard input) --source must say what the entries are known by");
    int code = cli_read_file(c, path, FILE_MAX, &text, &size);
    if (code != CLI_OK)
        return code;
    if (!source)
        source = whole = realpath(path, NULL);
    code = cli_open(c, &client, 0);
    if (code == CLI_OK) {
        gofer_status st =
            gofer_client_schedules_sync(client, source ? source : path, text, size, &counts);
        if (st != GOFER_OK)
            code = cli_fail_status(c, st, path);
        note(c, client, "schedule.sync", source ? source : path, st,
            gofer_info_int(counts, "added", 0) + gofer_info_int(counts, "changed", 0) +
                gofer_info_int(counts, "removed", 0));
    }
    if (code == CLI_OK && c->global.json)
        code = cli_put_info(c, counts);
    else if (code == CLI_OK && !c->global.quiet)
        printf("%" PRId64 " added, %" PRId64 " changed, %" PRId64 " removed, %" PRId64
               " unchanged\n",
            gofer_info_int(counts, "added", 0), gofer_info_int(counts, "changed", 0),
            gofer_info_int(counts, "removed", 0), gofer_info_int(counts, "unchanged", 0));
    gofer_info_free(counts);
    gofer_client_close(client);
    free(whole);
    free(text);
    return code;
}

const cli_command cmd_cron_add = {
    .name = "cron add",
    .summary = "add a cron entry, whose tasks come at set times",
    .usage = "NAME SPEC TYPE [PAYLOAD | - | @FILE]",
    .about =
        "SPEC is five fields (minute, hour, day of month, month, day of week), a word such as "
        "@daily, or '@every 90s'; 'gofer cron check' explains one. Any worker that runs enqueues "
        "the tasks, one for an entry and a tick however many workers there are. Where daylight "
        "saving leaves a local time out, its run comes so much later (02:30 at 03:30); where it "
        "repeats one, the run comes once.",
    .examples =
        "gofer cron add nightly '30 2 * * *' backup:all --tz Europe/Berlin --overlap skip\n"
        "gofer cron add pulse '@every 90s' health:check --expires 1m --retry 0\n"
        "gofer cron add nightly '0 3 * * *' backup:all --tz Europe/Berlin --replace",
    .options = add_options,
    .args_size = sizeof(add_args),
    .words_min = 3,
    .words_max = 4,
    .run = run_add,
};

const cli_command cmd_cron_rm = {
    .name = "cron rm",
    .summary = "remove cron entries; their tasks stay",
    .usage = "NAME...",
    .examples = "gofer cron rm nightly",
    .words_min = 1,
    .words_max = -1,
    .run = run_rm,
};

const cli_command cmd_cron_pause = {
    .name = "cron pause",
    .summary = "stop the ticks of cron entries",
    .usage = "NAME...",
    .about = "What comes due in a pause is left out.",
    .examples = "gofer cron pause nightly",
    .words_min = 1,
    .words_max = -1,
    .run = run_pause,
};

const cli_command cmd_cron_unpause = {
    .name = "cron unpause",
    .summary = "let the ticks of paused cron entries come again, from now on",
    .usage = "NAME...",
    .about = "'gofer cron resume' is the same.",
    .examples = "gofer cron unpause nightly",
    .words_min = 1,
    .words_max = -1,
    .run = run_unpause,
};

const cli_command cmd_cron_run = {
    .name = "cron run",
    .summary = "enqueue the task of a cron entry now, beside its ticks, and print its id",
    .usage = "NAME",
    .examples = "gofer cron run nightly",
    .words_min = 1,
    .words_max = 1,
    .run = run_run,
};

const cli_command cmd_cron_sync = {
    .name = "cron sync",
    .summary = "make the cron entries that come from a file be what it says",
    .usage = "FILE",
    .about =
        "Adds, changes and removes entries of this file only; all of it or, when the file is "
        "wrong, nothing. What is in it: docs/schedules.md.",
    .examples = "gofer cron sync /etc/gofer/schedule.json",
    .options = sync_options,
    .args_size = sizeof(sync_args),
    .words_min = 1,
    .words_max = 1,
    .run = run_sync,
};
