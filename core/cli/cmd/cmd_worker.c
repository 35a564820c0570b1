// cmd_worker.c - `gofer worker`: queues, handlers of all kinds, signals, and the end.
//
// Threads: this one waits for the worker's end, one of signals.c turns signals into calls, all
// others are the library's. Signals are caught before the broker is opened: a stop in that time
// ends the process at once.
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "logger.h"
#include "screen.h"
#include "signals.h"
#include "words.h"
#include "worker_again.h"
#include "worker_children.h"
#include "worker_sources.h"
#ifdef GOFER_HAVE_LUA
#include "lua_host.h"
#endif
#ifdef GOFER_HAVE_WEB
#include "web/metrics_server.h"
#endif
#ifdef GOFER_HAVE_OTLP
#include "otlp/command_otlp.h"
#endif
#ifdef GOFER_HAVE_WEBHOOKS
#include "hooks/command_hooks.h"
#endif

typedef struct worker_args {
    children_args children;
#ifdef GOFER_HAVE_WEB
    metrics_args metrics;
#endif
    cli_list queues, execs, shells, luas, lua_allow, plugins, sets, retries, aggregates, schedules;
    const char *concurrency, *grace, *lease, *group_grace, *group_max_size, *group_max_delay;
    int         strict, drain, encrypted_only;
    cli_number  lua_memory, max_payload;
#ifdef GOFER_HAVE_OTLP
    otlp_args   otlp;
#endif
#ifdef GOFER_HAVE_WEBHOOKS
    hooks_args  hooks;
#endif
} worker_args;

static const cli_option options[] = {
    { "queue", 0, CLI_LIST, offsetof(worker_args, queues), "NAME[=WEIGHT]",
      "serve this queue, or all queues that begin so if it ends in '*', new ones too (default: "
      "default=1, and those that --child and --python name); may be repeated; weight 1 to "
      "1000", 0, 0 },
    { "strict", 0, CLI_FLAG, offsetof(worker_args, strict), NULL,
      "a higher weight comes first, always; else weights are shares", 0, 0 },
    { "concurrency", 0, CLI_TEXT, offsetof(worker_args, concurrency), "N",
      "run so many tasks at a time (default: number of cores, at least 4)", 0, 0 },
    { "exec", 0, CLI_LIST, offsetof(worker_args, execs), "TYPE=COMMAND",
      "run a command for tasks of this type, or of all types that begin so if it ends in '*'; no "
      "shell", 0, 0 },
    { "shell", 0, CLI_LIST, offsetof(worker_args, shells), "TYPE=LINE",
      "the same through /bin/sh -c", 0, 0 },
    { "child", 0, CLI_LIST, offsetof(worker_args, children.commands), "TYPE=COMMAND",
      "run tasks of this type, or of all types that begin so if it ends in '*', in a process of "
      "this command that lives on from task to task and speaks gofer's child protocol; =COMMAND: "
      "the types that it names itself; no shell", 0, 0 },
    { "child-processes", 0, CLI_TEXT, offsetof(worker_args, children.child_processes), "N",
      "so many processes of each --child (default: 1)", 0, 0 },
    { "python", 0, CLI_LIST, offsetof(worker_args, children.apps), "APP",
      "run the tasks of this app in Python: MODULE:ATTRIBUTE, or a package with modules of tasks; "
      "without --url and $GOFER_URL its own broker is taken; needs gofer's Python package; may be "
      "repeated", 0, 0 },
    { "processes", 0, CLI_NUMBER, offsetof(worker_args, children.processes), "N",
      "so many processes of each --python (default: 1)", 1, 256 },
    { "threads", 0, CLI_NUMBER, offsetof(worker_args, children.threads), "N",
      "plain Python functions at a time in each process (default: 8)", 1, 1000 },
    { "tasks", 0, CLI_NUMBER, offsetof(worker_args, children.tasks), "N",
      "async Python functions at a time in each process (default: 100)", 1, 9000 },
    { "python-exe", 0, CLI_TEXT, offsetof(worker_args, children.python_exe), "PATH",
      "the Python for --python (default: $GOFER_PYTHON, else that of the active virtual "
      "environment, else python3 beside this command, else python3 of the PATH)", 0, 0 },
    { "reload", 0, CLI_FLAG, offsetof(worker_args, children.reload), NULL,
      "for development: when a *.py changes in or below the current folder, new processes of "
      "--python and --child take the place of the old ones, which end what they run", 0, 0 },
    { "reload-path", 0, CLI_LIST, offsetof(worker_args, children.reload_paths), "PATH",
      "the same for this file, or for *.py in and below this folder, and not for the current one; "
      "may be repeated", 0, 0 },
    { "child-max-tasks", 0, CLI_TEXT, offsetof(worker_args, children.child_max_tasks), "N",
      "a new process takes the place of one that has run about so many tasks (default: never)",
      0, 0 },
    { "child-max-memory", 0, CLI_SIZE, offsetof(worker_args, children.child_max_memory), "SIZE",
      "or that has more memory than this; at twice as much it is killed (default: no bound)",
      1 << 20, INT64_C(1) << 40 },
    { "child-max-age", 0, CLI_TEXT, offsetof(worker_args, children.child_max_age), "DURATION",
      "or that is so old (default: never)", 0, 0 },
    { "child-start-timeout", 0, CLI_TEXT, offsetof(worker_args, children.child_start_timeout),
      "DURATION", "how long a process of --python and --child may take until it is ready; it is "
      "ended then (default: 30s)", 0, 0 },
#ifdef GOFER_HAVE_LUA
    { "lua", 0, CLI_LIST, offsetof(worker_args, luas), "FILE", "load Lua handlers; may be repeated",
      0, 0 },
    { "lua-allow", 0, CLI_LIST, offsetof(worker_args, lua_allow), "NAME",
      "let Lua handlers use what the sandbox withholds: io, os, require, or all; may be repeated",
      0, 0 },
    { "lua-memory", 0, CLI_SIZE, offsetof(worker_args, lua_memory), "SIZE",
      "memory of one Lua state (default: 64M)", 1 << 20, INT64_C(1) << 40 },
#endif
    { "plugin", 0, CLI_LIST, offsetof(worker_args, plugins), "FILE",
      "load a shared object with C handlers; may be repeated", 0, 0 },
#ifdef GOFER_HAVE_WEBHOOKS
    { "webhooks", 0, CLI_FLAG, offsetof(worker_args, hooks.serves), NULL,
      "send webhooks: serve the queue gofer-webhooks, beside those of --queue (without --queue and "
      "without other handlers: that one alone)", 0, 0 },
    { "webhook-secret", 0, CLI_LIST, offsetof(worker_args, hooks.secrets), "FILE|env:NAME",
      "sign webhooks with the secrets in this file or variable: 'whsec_' and base64 of 24 to 64 "
      "bytes, with a host before it if it is for that host alone; may be repeated", 0, 0 },
    { "webhook-allow", 0, CLI_LIST, offsetof(worker_args, hooks.allowed), "CIDR",
      "send webhooks to these addresses too, such as 10.1.0.0/16 (default: to public ones); may be "
      "repeated", 0, 0 },
    { "webhook-ca", 0, CLI_TEXT, offsetof(worker_args, hooks.ca_file), "FILE",
      "trust the certificates in this file, in PEM, in place of the system's", 0, 0 },
#endif
    { "retry", 0, CLI_LIST, offsetof(worker_args, retries), "TYPE=POLICY",
      "retry policy of this type, or of all types that begin so if it ends in '*'; may be "
      "repeated; see 'gofer help retries'", 0, 0 },
    { "aggregate", 0, CLI_LIST, offsetof(worker_args, aggregates), "GROUP:TYPE=COMMAND",
      "make one task of this TYPE of the tasks of a group, or of all groups that begin so if GROUP "
      "ends in '*': the command turns the list of tasks into its payload", 0, 0 },
    { "group-grace", 0, CLI_TEXT, offsetof(worker_args, group_grace), "DURATION",
      "a group is ready so long after its latest task (default: 60s)", 0, 0 },
    { "group-max-delay", 0, CLI_TEXT, offsetof(worker_args, group_max_delay), "DURATION",
      "and so long after its oldest one at the latest (default: no bound)", 0, 0 },
    { "group-max-size", 0, CLI_TEXT, offsetof(worker_args, group_max_size), "N",
      "and at so many tasks at the latest (default: no bound)", 0, 0 },
    { "schedule", 0, CLI_LIST, offsetof(worker_args, schedules), "FILE",
      "keep the cron entries of this file in the broker, and follow its changes; may be repeated",
      0, 0 },
    { "grace", 0, CLI_TEXT, offsetof(worker_args, grace), "DURATION",
      "time for running handlers when told to stop (default: 8s)", 0, 0 },
    { "lease", 0, CLI_TEXT, offsetof(worker_args, lease), "DURATION",
      "how long a task stays ours without a heartbeat (default: 30s)", 0, 0 },
    { "drain", 0, CLI_FLAG, offsetof(worker_args, drain), NULL,
      "end when the queues are empty: nothing pending, running, scheduled or to be retried; with "
      "exit code 4 if only tasks of types without a handler here are left", 0, 0 },
    { "encrypted-only", 0, CLI_FLAG, offsetof(worker_args, encrypted_only), NULL,
      "do not run what is plain: it is archived with the reason, whoever has put it; needs --keys",
      0, 0 },
#ifdef GOFER_HAVE_WEB
    { "metrics", 0, CLI_LIST, offsetof(worker_args, metrics.listen), "ADDRESS",
      "serve what this worker did since its start at /metrics for Prometheus, with /healthz and "
      "/readyz: HOST:PORT or unix:PATH; port 0 takes a free one, which the log tells; may be "
      "repeated", 0, 0 },
    { "metrics-host", 0, CLI_LIST, offsetof(worker_args, metrics.hosts), "NAME",
      "a name that it is asked by, besides localhost and its address; may be repeated", 0, 0 },
    { "metrics-tokens", 0, CLI_TEXT, offsetof(worker_args, metrics.tokens), "FILE",
      "who asks for metrics needs a token of this file, see 'gofer web token'", 0, 0 },
    { "metrics-tls-cert", 0, CLI_TEXT, offsetof(worker_args, metrics.tls_cert), "FILE",
      "serve them over TLS with this certificate in PEM, and those between it and the root", 0, 0 },
    { "metrics-tls-key", 0, CLI_TEXT, offsetof(worker_args, metrics.tls_key), "FILE",
      "the certificate's key in PEM", 0, 0 },
    { "metrics-behind-proxy", 0, CLI_FLAG, offsetof(worker_args, metrics.behind_proxy), NULL,
      "a proxy with TLS stands in front: addresses other than loopback are allowed", 0, 0 },
#endif
#ifdef GOFER_HAVE_OTLP
    { "otlp", 0, CLI_TEXT, offsetof(worker_args, otlp.endpoint), "URL|env",
      "send a span of each run to the OpenTelemetry collector at this URL, such as "
      "http://127.0.0.1:4318, or with 'env' at that of $OTEL_EXPORTER_OTLP_ENDPOINT; other "
      "variables of OpenTelemetry hold, too", 0, 0 },
    { "otlp-parent", 0, CLI_FLAG, offsetof(worker_args, otlp.parent), NULL,
      "with --otlp: a run belongs to the trace in which its task was put in (default: to one of "
      "its own, with a link to that)", 0, 0 },
    { "otlp-errors", 0, CLI_FLAG, offsetof(worker_args, otlp.errors), NULL,
      "with --otlp: spans of failed runs have the error's text (default: only its kind, for the "
      "text may be private)", 0, 0 },
#endif
    { "set", 0, CLI_LIST, offsetof(worker_args, sets), "KEY=VALUE",
      "a setting of the worker by name, such as crash_limit=5; may be repeated", 0, 0 },
    { "max-payload", 0, CLI_SIZE, offsetof(worker_args, max_payload), "SIZE",
      "largest payload and result (default: 16M)", 1, CLI_PAYLOAD_MAX },
    CLI_OPTIONS_END
};

// "left=right" cut in two; the copy lives until the end. NULL: no '=', or nothing before it.
static char *cut(cli *c, const char *text, char **right)
{
    size_t size = strlen(text) + 1;
    char *left = memcpy(cli_keep(c, cli_alloc(size)), text, size);
    char *equals = strchr(left, '=');
    if (!equals || equals == left)
        return NULL;
    *equals = '\0';
    *right = equals + 1;
    return left;
}

static int fail_option(const cli *c, gofer_status st, const char *option, const char *value)
{
    char what[320];
    snprintf(what, sizeof what, "--%s %.256s", option, value);
    return cli_fail_status(c, st, what);
}

// The same for a setting, whose option has dashes in its name.
static int fail_setting(const cli *c, gofer_status st, const char *key, const char *value)
{
    char option[32];
    snprintf(option, sizeof option, "%s", key);
    for (char *p = option; *p; p++)
        *p = *p == '_' ? '-' : *p;
    return fail_option(c, st, option, value);
}

// ---- Settings and queues

static int apply_settings(cli *c, gofer_worker *worker, const worker_args *args)
{
    const struct { const char *key, *value; } named[] = {
        { "concurrency", args->concurrency },
        { "grace", args->grace },
        { "lease", args->lease },
        { "group_grace", args->group_grace },
        { "group_max_delay", args->group_max_delay },
        { "group_max_size", args->group_max_size },
        { "strict", args->strict ? "1" : NULL },
        { "drain", args->drain ? "1" : NULL },
        { "encrypted_only", args->encrypted_only ? "1" : NULL },
        // Below the library's own level nothing would reach our logger.
        { "log_level", c->global.log_level },
    };
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
        gofer_status st =
            named[i].value ? gofer_worker_set(worker, named[i].key, named[i].value) : GOFER_OK;
        if (st != GOFER_OK)
            return fail_setting(c, st, named[i].key, named[i].value);
    }
    for (size_t i = 0; i < args->sets.count; i++) {
        char *value, *key = cut(c, args->sets.items[i], &value);
        if (!key)
            return cli_fail(c, CLI_USAGE, "worker: --set '%s' is not of the form KEY=VALUE",
                args->sets.items[i]);
        if (strcmp(key, "pull") == 0)
            return cli_fail(c, CLI_USAGE,
                "worker: --set %s: 'pull' is for programs that run tasks themselves; this one runs "
                "handlers",
                args->sets.items[i]);
        gofer_status st = gofer_worker_set(worker, key, value);
        if (st != GOFER_OK)
            return fail_option(c, st, "set", args->sets.items[i]);
    }
    return CLI_OK;
}

static int add_queue(cli *c, gofer_worker *worker, const char *text)
{
    // The last '=', for a queue's name may hold one.
    size_t size = strlen(text) + 1;
    char *name = memcpy(cli_keep(c, cli_alloc(size)), text, size);
    char *equals = strrchr(name, '=');
    long weight = 1;
    if (equals) {
        char *rest;
        errno = 0;
        weight = strtol(equals + 1, &rest, 10);
        if (rest == equals + 1 || *rest || errno != 0 || weight < 1 || weight > 1000)
            return cli_fail(c, CLI_USAGE,
                "worker: --queue '%s': the weight must be a number from 1 to 1000", text);
        *equals = '\0';
    }
    gofer_status st = gofer_worker_queue(worker, name, (int32_t)weight);
    return st == GOFER_OK ? CLI_OK : fail_option(c, st, "queue", text);
}

// ---- Handlers

static int add_exec(cli *c, gofer_worker *worker, const char *text)
{
    char *command = NULL, *pattern = cut(c, text, &command);
    size_t count = 0;
    if (!pattern)
        return cli_fail(c, CLI_USAGE, "worker: --exec '%s' is not of the form TYPE=COMMAND", text);
    char **argv = words_split(command, &count);
    if (!argv)
        return cli_fail(c, CLI_USAGE, "worker: --exec '%s': a quote or backslash is left open",
            text);
    cli_keep(c, argv);
    if (count == 0)
        return cli_fail(c, CLI_USAGE, "worker: --exec '%s': the command is missing", text);
    gofer_status st = gofer_worker_exec(worker, pattern, (const char *const *)argv);
    return st == GOFER_OK ? CLI_OK : fail_option(c, st, "exec", text);
}

static int add_shell(cli *c, gofer_worker *worker, const char *text)
{
    char *line = NULL, *pattern = cut(c, text, &line);
    if (!pattern || !line[strspn(line, " \t")])
        return cli_fail(c, CLI_USAGE, "worker: --shell '%s' is not of the form TYPE=LINE", text);
    const char *argv[] = { "/bin/sh", "-c", line, NULL };
    gofer_status st = gofer_worker_exec(worker, pattern, argv);
    return st == GOFER_OK ? CLI_OK : fail_option(c, st, "shell", text);
}

// "GROUP:TYPE": the group ends at its '*' if that is followed by a colon, else at the first colon,
// for types often hold some themselves.
static char *cut_group(char *text)
{
    char *end = strstr(text, "*:");
    end = end ? end + 1 : strchr(text, ':');
    if (!end || end == text || !end[1])
        return NULL;
    *end = '\0';
    return end + 1;
}

static int add_aggregate(cli *c, gofer_worker *worker, const char *text)
{
    char *command = NULL, *group = cut(c, text, &command), *type = group ? cut_group(group) : NULL;
    size_t count = 0;
    if (!type)
        return cli_fail(c, CLI_USAGE,
            "worker: --aggregate '%s' is not of the form GROUP:TYPE=COMMAND", text);
    char **argv = words_split(command, &count);
    if (!argv)
        return cli_fail(c, CLI_USAGE, "worker: --aggregate '%s': a quote or backslash is left open",
            text);
    cli_keep(c, argv);
    if (count == 0)
        return cli_fail(c, CLI_USAGE, "worker: --aggregate '%s': the command is missing", text);
    gofer_status st = gofer_worker_aggregate_exec(worker, group, type, (const char *const *)argv);
    return st == GOFER_OK ? CLI_OK : fail_option(c, st, "aggregate", text);
}

static int add_retry(cli *c, gofer_worker *worker, const char *text)
{
    char *policy = NULL, *pattern = cut(c, text, &policy);
    if (!pattern)
        return cli_fail(c, CLI_USAGE, "worker: --retry '%s' is not of the form TYPE=POLICY", text);
    gofer_status st = gofer_worker_retry(worker, pattern, policy);
    return st == GOFER_OK ? CLI_OK : fail_option(c, st, "retry", text);
}

static int add_schedules(cli *c, gofer_worker *worker, const char *path)
{
    gofer_status st = gofer_worker_schedule_file(worker, path);
    return st == GOFER_OK ? CLI_OK : fail_option(c, st, "schedule", path);
}

#ifdef GOFER_HAVE_LUA
// --lua-allow io --lua-allow os: "io,os", or NULL.
static const char *join(cli *c, const cli_list *list)
{
    size_t size = 1;
    if (list->count == 0)
        return NULL;
    for (size_t i = 0; i < list->count; i++)
        size += strlen(list->items[i]) + 1;
    char *all = cli_keep(c, cli_alloc(size));
    for (size_t i = 0, at = 0; i < list->count; i++)
        at += (size_t)snprintf(all + at, size - at, "%s%s", i ? "," : "", list->items[i]);
    return all;
}

static int add_luas(cli *c, gofer_client *client, gofer_worker *worker, const worker_args *args)
{
    char why[1024] = "";
    gofer_lua_options opts = {
        .memory_limit = (size_t)args->lua_memory.value,
        .allow = join(c, &args->lua_allow),
        .error = why,
        .error_size = sizeof why,
        .client = client,
    };
    for (size_t i = 0; i < args->luas.count; i++) {
        gofer_status st = gofer_lua_load(worker, args->luas.items[i], &opts);
        if (st != GOFER_OK)
            return cli_fail(c, cli_exit_code(st), "--lua %s: %s", args->luas.items[i],
                *why ? why : gofer_status_text(st));
    }
    return CLI_OK;
}
#else
static int add_luas(cli *c, gofer_client *client, gofer_worker *worker, const worker_args *args)
{
    (void)c, (void)client, (void)worker, (void)args;
    return CLI_OK;
}
#endif

static int add_plugin(cli *c, gofer_worker *worker, const char *path)
{
    gofer_status st = gofer_worker_plugin(worker, path);
    return st == GOFER_OK ? CLI_OK : fail_option(c, st, "plugin", path);
}

// Handlers of other kinds than webhooks.
static size_t handler_count(const worker_args *args)
{
    return args->execs.count + args->shells.count + children_count(&args->children) +
        args->luas.count + args->plugins.count + args->aggregates.count;
}

#ifdef GOFER_HAVE_WEBHOOKS
static bool serves_hooks(const worker_args *args)
{
    return args->hooks.serves;
}

// Their queue is named to the library, which then serves no other by itself.
static int add_hooks(cli *c, gofer_worker *worker, const worker_args *args)
{
    bool alone = handler_count(args) == 0, unnamed = args->queues.count == 0;
    if (args->hooks.serves && unnamed && children_count(&args->children))
        return cli_fail(c, CLI_USAGE, "worker: --webhooks beside --child or --python needs "
            "--queue, which says what else is served");
    int code = worker_hooks_add(c, worker, &args->hooks, &args->queues);
    return code == CLI_OK && args->hooks.serves && unnamed && !alone
        ? add_queue(c, worker, "default") : code;
}
#else
static bool serves_hooks(const worker_args *args)
{
    (void)args;
    return false;
}

static int add_hooks(cli *c, gofer_worker *worker, const worker_args *args)
{
    (void)c, (void)worker, (void)args;
    return CLI_OK;
}
#endif

static int prepare(cli *c, gofer_client *client, gofer_worker *worker, const worker_args *args)
{
    const struct {
        const cli_list *list;
        int (*add)(cli *c, gofer_worker *worker, const char *text);
    } lists[] = {
        { &args->queues, add_queue },
        { &args->retries, add_retry },
        { &args->execs, add_exec },
        { &args->shells, add_shell },
        { &args->aggregates, add_aggregate },
        { &args->plugins, add_plugin },
        { &args->schedules, add_schedules },
    };
    int code = apply_settings(c, worker, args);
    for (size_t l = 0; l < sizeof lists / sizeof *lists; l++)
        for (size_t i = 0; i < lists[l].list->count && code == CLI_OK; i++)
            code = lists[l].add(c, worker, lists[l].list->items[i]);
    if (code == CLI_OK)
        code = children_add(c, worker, &args->children);
    if (code == CLI_OK)
        code = add_luas(c, client, worker, args);
    return code == CLI_OK ? add_hooks(c, worker, args) : code;
}

// ---- Run

static int print_end(cli *c, gofer_worker *worker)
{
    gofer_info *stats = NULL;
    char *json = NULL;
    gofer_status st = gofer_worker_stats(worker, &stats);
    if (st == GOFER_OK)
        st = gofer_info_json(stats, &json);
    if (st == GOFER_OK)
        puts(json);
    gofer_free(json);
    gofer_info_free(stats);
    return st == GOFER_OK ? CLI_OK : cli_fail_status(c, st, NULL);
}

// How the stats say that it ended; the log has said why. What was done and could not be handed in
// is done again: whoever started us should know, and of what a drain left.
static int end_code(gofer_worker *worker)
{
    gofer_info *stats = NULL;
    if (gofer_worker_stats(worker, &stats) != GOFER_OK)
        return CLI_OK;
    int code = gofer_info_int(stats, "outcomes_lost", 0) > 0 ? CLI_BROKER
             : gofer_info_int(stats, "unhandled", 0) > 0     ? CLI_CONFLICT
                                                             : CLI_OK;
    gofer_info_free(stats);
    return code;
}

static int watch_sources(const cli *c, gofer_worker *worker, const children_args *args,
    sources **out)
{
    if (!args->reload && args->reload_paths.count == 0)
        return CLI_OK;
    // A task of a type that the coming sources have may be put in before they are there.
    gofer_status st = gofer_worker_set(worker, "no_handler_delay", "1s");
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    *out = sources_watch(&args->reload_paths, worker);
    return *out ? CLI_OK
                : cli_fail(c, CLI_FAILED, "cannot watch the sources: %s", strerror(errno));
}

#ifndef GOFER_HAVE_OTLP
typedef struct otlp otlp;          // not in this build
#endif

// From here on the worker's runs have spans, if they are to. *out NULL: they have none.
static int start_spans(cli *c, gofer_worker *worker, const worker_args *args, otlp **out)
{
#ifdef GOFER_HAVE_OTLP
    return worker_otlp_start(c, worker, &args->otlp, out);
#else
    (void)c, (void)worker, (void)args, (void)out;
    return CLI_OK;
#endif
}

// Sends what is left. Before the worker is freed.
static void end_spans(otlp *spans)
{
#ifdef GOFER_HAVE_OTLP
    otlp_end(spans);
#else
    (void)spans;
#endif
}

static void free_spans(otlp *spans)
{
#ifdef GOFER_HAVE_OTLP
    otlp_free(spans);
#else
    (void)spans;
#endif
}

// A worker's, from its open store to its end.
typedef struct life {
    gofer_client *client;          // the store's
    gofer_worker *worker;
    otlp         *spans;
    bool          spent;           // it ended because its store failed for good: another one helps
} life;

static int serve(cli *c, life *l, const worker_args *args)
{
    sources *watched = NULL;
    gofer_worker *worker = l->worker;
    // Signals that came meanwhile wait in the pipe. Before the start, which may wait for children.
    if (signals_serve(worker, c->log) != 0)
        return cli_fail(c, CLI_FAILED, "cannot start a thread for signals: %s", strerror(errno));
    // What changes while the first children start is seen, too.
    if (watch_sources(c, worker, &args->children, &watched) != CLI_OK)
        return CLI_FAILED;
    gofer_status st = gofer_worker_start(worker);
    if (st == GOFER_OK)
        st = gofer_worker_wait(worker, -1);
    sources_leave(watched);
    l->spent = st == GOFER_EBROKER && gofer_client_spent(l->client);
    if (st != GOFER_OK && !l->spent)
        return children_fail(c, st);
    end_spans(l->spans);           // their figures are in what is printed
    signals_leave();
    int code = c->global.json && !l->spent ? print_end(c, worker) : CLI_OK;
    return code == CLI_OK ? end_code(worker) : code;
}

#ifdef GOFER_HAVE_WEB
// Asked for from before the start on, which may take a while: not ready is an answer, too.
static int serve_with_metrics(cli *c, life *l, const worker_args *args)
{
    metrics_server *metrics = NULL;
    int code = metrics_serve(c, l->client, l->worker, &args->metrics, &metrics);
    if (code == CLI_OK)
        code = serve(c, l, args);
    metrics_end(metrics);
    return code;
}
#else
static int serve_with_metrics(cli *c, life *l, const worker_args *args)
{
    return serve(c, l, args);
}
#endif

// Handlers that did not come home still use the old store: whoever starts processes goes on.
static bool has_left_some(gofer_worker *worker)
{
    gofer_info *stats = NULL;
    bool left = gofer_worker_stats(worker, &stats) != GOFER_OK ||
        gofer_info_int(stats, "lost_slots", 0) > 0;
    gofer_info_free(stats);
    return left;
}

// Takes the client.
static int live(cli *c, life *l, const worker_args *args)
{
    gofer_status st = gofer_worker_new(&l->worker, l->client);
    int code = st == GOFER_OK ? prepare(c, l->client, l->worker, args)
                              : cli_fail_status(c, st, NULL);
    if (code == CLI_OK)
        code = start_spans(c, l->worker, args, &l->spans);
    if (code == CLI_OK)
        code = serve_with_metrics(c, l, args);
    end_spans(l->spans);
    signals_leave();
    if (l->spent && has_left_some(l->worker)) {
        l->spent = false;
        code = cli_fail(c, CLI_BROKER, "worker: the store failed for good, and handlers are left");
    }
    gofer_worker_free(l->worker);
    free_spans(l->spans);
    gofer_client_close(l->client);
    return code;
}

static int run(cli *c, const void *user)
{
    const worker_args *args = user;
    if (handler_count(args) == 0 && !serves_hooks(args))
        return cli_fail(c, CLI_USAGE,
            "worker: no handler: give --exec, --shell, --child, --python, --lua, --plugin, "
            "--aggregate or --webhooks; see 'gofer worker --help'");

    const char *url = getenv("GOFER_URL");
    if (!c->global.url && (!url || !*url) && args->children.apps.count)
        c->global.url = python_url(c, &args->children);

    if (signals_catch() != 0)
        return cli_fail(c, CLI_FAILED, "cannot catch signals: %s", strerror(errno));
    again renewal = { 0 };
    gofer_client *client = NULL;
    int code = cli_open(c, &client, args->max_payload.value);
    signals_keep();
    if (code != CLI_OK)
        return code;
    while (client) {
        life l = { .client = client };
        code = live(c, &l, args);
        client = NULL;
        int failed = l.spent ? again_open(&renewal, c, args->max_payload.value, &client) : CLI_OK;
        code = failed ? failed : code;
    }
    signals_release();
    // Threads may have been left behind inside calls to a broker that does not answer: what ends a
    // process in good order would take libraries away below them.
    if (code == CLI_BROKER) {
        fflush(stdout);
        _exit(code);
    }
    return code;
}

const cli_command cmd_worker = {
    .name = "worker",
    .summary = "take tasks and run their handlers",
    .usage = "",
    .about =
        "Handlers are commands (--exec, --shell), processes that live on from task to task "
        "(--child), Python functions (--python), Lua files and C plugins, in any number. An exact "
        "type wins over a prefix ending in '*', a longer prefix over a shorter. The log goes to "
        "standard error. With --json the figures of the run are printed at its end.\n"
        "See 'gofer help commands' for what a command is given and how its exit code decides, and "
        "'gofer help signals'.",
    .examples =
        "# mail three times as often as low, ten tasks at a time\n"
        "gofer worker --queue mail=3 --queue low --concurrency 10 --lua handlers.lua\n"
        "# a command for all types that begin with backup:\n"
        "gofer worker --exec 'backup:*=./backup.sh --verify' --grace 30s\n"
        "# four processes of a program that does one task after the other:\n"
        "gofer worker --child 'mail:*=python3 mail.py' --child-processes 4\n"
        "# the tasks of a Python app, in four processes:\n"
        "gofer worker --python shop.tasks:app --processes 4\n"
        "# what goes wrong with mail is tried again soon; digests are made of what came within "
        "five minutes\n"
        "gofer worker --exec 'mail:*=./send.sh' --retry 'mail:*=exponential:1s;cap=1h' \\\n"
        "    --aggregate 'digest-*:mail:digest=./digest.sh' --group-max-delay 5m\n"
        "# with metrics for Prometheus\n"
        "gofer worker --exec 'mail:*=./send.sh' --metrics 127.0.0.1:9100\n"
        "# send webhooks\n"
        "gofer worker --webhooks --webhook-secret /etc/gofer/webhook-secrets\n"
        "# do what is there and end\n"
        "gofer worker --drain --shell 'report=jq .total > total.txt'",
    .options = options,
    .args_size = sizeof(worker_args),
    .run = run,
};
