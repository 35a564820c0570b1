// cmd_enqueue.c - `gofer enqueue`: one task, some copies of it, or a batch (batch.c).
//
// An id is printed when the store has the task for good, not before. Copies of --count go in
// rounds, each one call of the library.
#include <stdlib.h>

#include "batch.h"
#include "enqueue_options.h"
#include "task_line.h"
#include "json.h"
#include "put_round.h"
#ifdef GOFER_HAVE_OTLP
#include "otlp/command_otlp.h"
#endif

enum { COPIES_AT_ONCE = 500, SPANS_MS = 2000 };

static const cli_option options[] = {
    { "queue", 0, CLI_TEXT, offsetof(enqueue_args, queue), "NAME", "the queue (default: default)",
      0, 0 },
    { "id", 0, CLI_TEXT, offsetof(enqueue_args, id), "ID",
      "an id of your own: repeating the same task with it adds nothing", 0, 0 },
    { "in", 0, CLI_DURATION, offsetof(enqueue_args, delay), "DURATION",
      "not before so long from now: 30s, 5m, 1h30m, 2d", 0, 0 },
    { "at", 0, CLI_TIME, offsetof(enqueue_args, at), "TIME",
      "not before this time: 2026-11-23T18:00:00Z, or @ and Unix seconds", 0, 0 },
    { "priority", 0, CLI_NUMBER, offsetof(enqueue_args, priority), "N",
      "from -100 to 100: it runs before the waiting tasks of its queue with a lower one "
      "(default: 0)",
      -GOFER_PRIORITY_MAX, GOFER_PRIORITY_MAX },
    { "tenant", 0, CLI_TEXT, offsetof(enqueue_args, tenant), "NAME",
      "whose it is: of what waits in its queue each tenant's tasks have their share (gofer tenant "
      "put)", 0, 0 },
    { "limit", 0, CLI_LIST, offsetof(enqueue_args, limits), "KEY",
      "it counts for this key, whose limit says how many run (gofer limit put); may be "
      "given four times", 0, 0 },
    { "cost", 0, CLI_NUMBER, offsetof(enqueue_args, limit_cost), "N",
      "with --limit: so much of their rates does its start take (default: 1)", 1,
      GOFER_LIMIT_COST_MAX },
    { "ordered", 0, CLI_TEXT, offsetof(enqueue_args, ordered), "KEY",
      "not beside others: tasks of the queue with the same key run one after the other, through "
      "retries", 0, 0 },
    { "ordered-dead", 0, CLI_CHOICE, offsetof(enqueue_args, ordered_dead), ORDERED_DEAD,
      "with --ordered: when it is archived, the next ones run (default), or it holds them up", 0,
      0 },
    { "retry", 0, CLI_NUMBER, offsetof(enqueue_args, retry), "N",
      "retries after a failure (default: 25); 0: none", 0, CLI_RETRY_MAX },
    { "timeout", 0, CLI_DURATION, offsetof(enqueue_args, timeout), "DURATION",
      "longest run of one attempt (default: 30m); 0: no limit", 0, 0 },
    { "deadline", 0, CLI_TIME, offsetof(enqueue_args, deadline), "TIME",
      "no run goes on after this time", 0, 0 },
    { "retention", 0, CLI_DURATION, offsetof(enqueue_args, retention), "DURATION",
      "keep the completed task and its result so long (default: not)", 0, 0 },
    { "header", 0, CLI_LIST, offsetof(enqueue_args, headers), "KEY=VALUE",
      "a header for the handler; may be repeated", 0, 0 },
    { "unique", 0, CLI_DURATION, offsetof(enqueue_args, unique), "DURATION",
      "no second task of this queue, type and payload for so long: refused with exit code 4", 0,
      0 },
    { "unique-key", 0, CLI_TEXT, offsetof(enqueue_args, unique_key), "KEY",
      "with --unique: no second task of this key, whatever its type and payload", 0, 0 },
    { "unique-until", 0, CLI_CHOICE, offsetof(enqueue_args, unique_until), UNIQUE_UNTIL,
      "what ends that before its time: the task has come to its end (default), a worker has "
      "started it, or nothing", 0, 0 },
    { "return-existing", 0, CLI_FLAG, offsetof(enqueue_args, return_existing), NULL,
      "with --unique: instead of refusing, print the id of the task that is there", 0, 0 },
    { "debounce", 0, CLI_DURATION, offsetof(enqueue_args, debounce), "DURATION",
      "of all calls of this queue and type one task, which runs so long after the last of them", 0,
      0 },
    { "max-wait", 0, CLI_DURATION, offsetof(enqueue_args, max_wait), "DURATION",
      "with --debounce: it runs so long after the first call at the latest (default: however long "
      "calls come)", 0, 0 },
    { "debounce-key", 0, CLI_TEXT, offsetof(enqueue_args, debounce_key), "KEY",
      "with --debounce: of all calls of this key, whatever their type", 0, 0 },
    { "debounce-mode", 0, CLI_CHOICE, offsetof(enqueue_args, debounce_mode), DEBOUNCE_MODES,
      "with --debounce: a further call gives the task its payload and puts it off (default), only "
      "puts it off, or only gives its payload", 0, 0 },
    { "plain", 0, CLI_FLAG, offsetof(enqueue_args, plain), NULL,
      "do not encrypt the payload, though there are keys", 0, 0 },
    { "replace", 0, CLI_FLAG, offsetof(enqueue_args, replace), NULL,
      "with --id: the task there is gets payload and options of this one, if it waits", 0, 0 },
    { "group", 0, CLI_TEXT, offsetof(enqueue_args, group), "NAME",
      "wait in this group until a worker makes one task of it", 0, 0 },
    { "expires", 0, CLI_DURATION, offsetof(enqueue_args, expires), "DURATION",
      "drop the task unless it has started within so long", 0, 0 },
    { "retry-policy", 0, CLI_TEXT, offsetof(enqueue_args, retry_policy), "POLICY",
      "delays between attempts, such as fixed:30s or 'exponential:1s;cap=1h' (default: the "
      "worker's)", 0, 0 },
    { "on-dead", 0, CLI_TEXT, offsetof(enqueue_args, on_dead), "TYPE[@QUEUE]|webhook:URL",
      "enqueue a task of this type when this one is archived, or tell it to this URL", 0, 0 },
    { "on-done", 0, CLI_TEXT, offsetof(enqueue_args, on_done), "TYPE[@QUEUE]|webhook:URL",
      "the same when this one is done; webhook+result:URL tells its result, too", 0, 0 },
    { "count", 0, CLI_NUMBER, offsetof(enqueue_args, count), "N",
      "so many equal tasks (default: 1)", 1, 10000000 },
    { "batch", 0, CLI_FLAG, offsetof(enqueue_args, batch), NULL,
      "read tasks from standard input, one JSON object a line", 0, 0 },
    { "max-payload", 0, CLI_SIZE, offsetof(enqueue_args, max_payload), "SIZE",
      "largest payload (default: 16M)", 1, CLI_PAYLOAD_MAX },
#ifdef GOFER_HAVE_OTLP
    { "otlp", 0, CLI_TEXT, offsetof(enqueue_args, otlp), "URL|env",
      "send a span to the OpenTelemetry collector at this URL, such as http://127.0.0.1:4318, or "
      "with 'env' at that of $OTEL_EXPORTER_OTLP_ENDPOINT", 0, 0 },
#endif
    CLI_OPTIONS_END
};

static void print_id(const cli *c, const char *id, const char *type,
    const gofer_enqueue_options *opts)
{
    if (c->global.json) {
        fputs("{\"id\":", stdout);
        json_put_text(stdout, id);
        fputs(",\"queue\":", stdout);
        json_put_text(stdout, opts->queue ? opts->queue : "default");
        fputs(",\"type\":", stdout);
        json_put_text(stdout, type);
        printf(",\"effect\":\"%s\"}\n", effect_word(*opts->effect));
    } else if (!c->global.quiet) {
        puts(id);
    }
}

// When the task may run, where a part of a second deserves a remark.
static int64_t begin_ms(const gofer_enqueue_options *opts)
{
    return opts->debounce_ms ? opts->debounce_ms
        : opts->delay_ms     ? opts->delay_ms
                             : opts->run_at_ms;
}

static int enqueue_one(cli *c, const put_way *way, const char *payload, size_t size,
    gofer_enqueue_options *opts)
{
    char *id = NULL;
    int32_t effect = GOFER_EFFECT_CREATED;
    const char *type = c->words[0];
    const void *bytes = payload;
    const gofer_enqueue_options *its = opts;
    const put_round round = { 1, &type, &bytes, &size, &its, NULL, &id };
    opts->effect = &effect;
    gofer_status st = put_round_send(way, &round);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    print_id(c, id, c->words[0], opts);
    cli_note_rounded(c, way->client, begin_ms(opts));
    gofer_free(id);
    return CLI_OK;
}

// Prints the ids of one round and frees them. Returns how many tasks are in.
static size_t print_ids(const cli *c, char **ids, size_t count, int *first)
{
    size_t added = 0;
    for (size_t i = 0; i < count; i++) {
        if (!ids[i])
            continue;
        if (c->global.json) {
            printf("%s{\"id\":", *first ? "" : ",");
            json_put_text(stdout, ids[i]);
            fputs("}", stdout);
        } else if (!c->global.quiet) {
            puts(ids[i]);
        }
        *first = 0;
        added++;
        gofer_free(ids[i]);
    }
    return added;
}

static int enqueue_copies(cli *c, const put_way *way, int64_t wanted, const char *payload,
    size_t size, const gofer_enqueue_options *opts)
{
    const char *types[COPIES_AT_ONCE];
    const void *payloads[COPIES_AT_ONCE];
    size_t sizes[COPIES_AT_ONCE];
    const gofer_enqueue_options *all[COPIES_AT_ONCE];
    // Big payloads go in smaller rounds, for the store's sake and ours.
    size_t at_once = size > (16 << 20) / COPIES_AT_ONCE ? (16 << 20) / size + 1 : COPIES_AT_ONCE;
    for (size_t i = 0; i < at_once; i++) {
        types[i] = c->words[0];
        payloads[i] = payload;
        sizes[i] = size;
        all[i] = opts;
    }

    int code = CLI_OK, first = 1;
    int64_t added = 0;
    if (c->global.json)
        fputs("{\"items\":[", stdout);
    while (added < wanted && code == CLI_OK && !ferror(stdout)) {
        char *ids[COPIES_AT_ONCE] = { NULL };
        size_t round = wanted - added < (int64_t)at_once ? (size_t)(wanted - added) : at_once;
        const put_round tasks = { round, types, payloads, sizes, all, NULL, ids };
        gofer_status st = put_round_send(way, &tasks);
        added += (int64_t)print_ids(c, ids, round, &first);
        if (st != GOFER_OK) {
            code = cli_fail_status(c, st, NULL);
            cli_note(c, "%lld of %lld tasks are in", (long long)added, (long long)wanted);
        }
    }
    if (added)
        cli_note_rounded(c, way->client, begin_ms(opts));
    if (c->global.json)
        puts("]}");
    return code;
}

// ---- Spans

#ifdef GOFER_HAVE_OTLP
typedef struct spans {
    otlp     *otlp;                // NULL: there are none
    put_watch watch;
} spans;

static int spans_begin(cli *c, const enqueue_args *args, spans *s, put_way *way)
{
    const otlp_options how = { .service = "gofer", .patience_ms = SPANS_MS };
    int code = command_otlp_start(c, args->otlp, &how, &s->otlp);
    if (s->otlp) {
        s->watch = otlp_put_watch(s->otlp);
        way->watch = &s->watch;
    }
    return code;
}

// What is printed is there before the collector is waited for.
static void spans_end(spans *s)
{
    if (s->otlp)
        (void)fflush(stdout);      // main says what is wrong
    otlp_free(s->otlp);
}
#else
typedef struct spans {
    int given;
} spans;

static int spans_begin(cli *c, const enqueue_args *args, spans *s, put_way *way)
{
    (void)c, (void)args, (void)s, (void)way;
    return CLI_OK;
}

static void spans_end(spans *s)
{
    (void)s;
}
#endif

static int run(cli *c, const void *user)
{
    const enqueue_args *args = user;
    gofer_enqueue_options opts;
    int64_t copies = args->count.given ? args->count.value : 1;
    int code = enqueue_options_fill(c, args, &opts);
    if (code != CLI_OK)
        return code;
    if (args->batch && (c->word_count || args->count.given || args->id))
        return cli_fail(c, CLI_USAGE,
            "enqueue: with --batch the tasks come from standard input: no TYPE, PAYLOAD, --id or "
            "--count");
    if (!args->batch && c->word_count == 0)
        return cli_fail(c, CLI_USAGE,
            "enqueue: TYPE is missing; usage: gofer enqueue TYPE [PAYLOAD | - | @FILE]");
    if (copies > 1 && args->id)
        return cli_fail(c, CLI_USAGE, "enqueue: --id names one task, --count asks for %lld",
            (long long)copies);

    char *kept = NULL;
    const char *payload = NULL;
    size_t size = 0;
    if (!args->batch &&
        (code = cli_read_payload(c, c->word_count > 1 ? c->words[1] : "",
             args->max_payload.given ? args->max_payload.value : CLI_MAX_PAYLOAD, &kept, &payload,
             &size)) != CLI_OK)
        return code;

    // Within a task of a worker, or of a pipeline that traces its steps.
    put_way way = { .from = { getenv("TRACEPARENT"), getenv("TRACESTATE") } };
    spans s = { 0 };
    code = cli_open(c, &way.client, args->max_payload.value);
    if (code == CLI_OK)
        code = spans_begin(c, args, &s, &way);
    if (code == CLI_OK && args->batch)
        code = batch_run(c, &way, &opts);
    else if (code == CLI_OK && args->count.given)
        code = enqueue_copies(c, &way, copies, payload, size, &opts);
    else if (code == CLI_OK)
        code = enqueue_one(c, &way, payload, size, &opts);
    spans_end(&s);
    gofer_client_close(way.client);
    free(kept);
    return code;
}

const cli_command cmd_enqueue = {
    .name = "enqueue",
    .summary = "put a task into a queue and print its id",
    .usage = "TYPE [PAYLOAD | - | @FILE]",
    .about =
        "TYPE is what the handler is found by, such as email:welcome. The payload is any bytes: "
        "the word given, standard input for '-', or a file's content for '@FILE'; without it, "
        "nothing. When the command ends with 0, the task is durable. The trace context of the "
        "environment (TRACEPARENT, TRACESTATE) goes along in its headers, unless --header names "
        "one.\n"
        "With --batch each line of standard input is an object with the members type and, as "
        "wanted, payload, queue, id, in, at, priority, tenant, retry, timeout, deadline, "
        "retention, "
        "headers, unique, unique_key, unique_until, return_existing, debounce, max_wait, "
        "debounce_key, debounce_mode, replace, group, expires, retry_policy, on_dead, on_done, "
        "limits (a list of keys), limit_cost, ordered, ordered_dead and plain; the options of the "
        "command line are the defaults. A payload that is a string stands for its characters, "
        "{\"base64\": "
        "\"...\"} for bytes, any other value for its own JSON text. Each line has its own fate; "
        "refused ones are told with their number, and the exit code is the first's.",
    .examples =
        "# an e-mail in five minutes, tried four times at most\n"
        "gofer enqueue email:welcome '{\"to\": \"ada@example.org\"}' --queue mail --in 5m --retry "
        "3\n"
        "# a file as payload, the result kept for a day\n"
        "gofer enqueue report:monthly @sales.csv --retention 1d --timeout 2m\n"
        "# at most one rebuild of this index waits at a time, and it is no use after ten minutes\n"
        "gofer enqueue index:rebuild books --unique 1h --unique-until start --expires 10m\n"
        "# one export five minutes after the last change, or an hour after the first\n"
        "gofer enqueue export:run books --debounce 5m --max-wait 1h\n"
        "# many at once\n"
        "printf '{\"type\":\"ping\",\"payload\":%d}\\n' 1 2 3 | gofer enqueue --batch --queue low",
    .options = options,
    .args_size = sizeof(enqueue_args),
    .words_min = 0,
    .words_max = 2,
    .run = run,
};
