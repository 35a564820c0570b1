// batch.c - `gofer enqueue --batch`: JSON lines from standard input to tasks, many a round trip.
//
// A round ends when it is full or when the next line is not there yet, so that a slow producer's
// tasks do not wait for company.
#include "batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "enqueue_options.h"
#include "json.h"

enum { ROUND_TASKS = 500, ROUND_BYTES = 8 << 20, HEADERS_MAX = 64, WHY_MAX = 256 };

typedef struct entry {
    long long             line;
    char                 *type, *payload;       // owned, like what follows
    size_t                payload_size;
    char                 *queue, *id, *unique_key, *group, *retry_policy, *on_dead;
    char                 *headers[2 * HEADERS_MAX + 1];
    gofer_enqueue_options opts;
    int                   says_in, says_at;
} entry;

typedef struct batch {
    cli          *c;
    gofer_client *client;
    const gofer_enqueue_options *defaults;
    entry        *entries[ROUND_TASKS];
    size_t        count, bytes;
    long long     line, added, refused;
    int           code;         // of the first failure
    int           first;        // no item printed yet
    int64_t       part_ms;      // of a second, that a task is to begin at
} batch;

static void entry_free(entry *e)
{
    free(e->type);
    free(e->payload);
    free(e->queue);
    free(e->id);
    free(e->unique_key);
    free(e->group);
    free(e->retry_policy);
    free(e->on_dead);
    for (size_t i = 0; e->headers[i]; i++)
        free(e->headers[i]);
    free(e);
}

// ---- From JSON to a task: each returns 0, or -1 with the reason in why

static int bad(char *why, const char *key, const char *needed)
{
    snprintf(why, WHY_MAX, "'%s' must be %s", key, needed);
    return -1;
}

// NULL: no string, or one with a NUL, which would cut it in silence.
static char *whole_string(gf_json value)
{
    size_t size;
    char *text = json_string(value, &size);
    if (text && strlen(text) == size)
        return text;
    free(text);
    return NULL;
}

static int take_text(gf_json value, const char *key, char **out, char *why)
{
    char *text = whole_string(value);
    if (!text)
        return bad(why, key, "a string without NUL");
    free(*out);
    *out = text;
    return 0;
}

static int take_payload(entry *e, gf_json value, char *why)
{
    gf_json key, inner, more;
    free(e->payload);
    e->payload = NULL;
    e->payload_size = 0;
    if (value.kind == GF_JSON_STRING) {
        e->payload = json_string(value, &e->payload_size);
        return 0;
    }
    gf_json_scan s = gf_json_inside(value);
    int only = value.kind == GF_JSON_OBJECT && gf_json_member(&s, &key, &inner)
        && gf_json_next(&s, &more) == GF_JSON_CLOSE;
    if (only && gf_json_is(key, "base64") && inner.kind == GF_JSON_STRING) {
        e->payload = json_base64(inner, &e->payload_size);
        return e->payload ? 0 : bad(why, "payload", "valid base64");
    }
    // Digits and spaces as they stand: a number may be longer than a double holds.
    e->payload = cli_alloc(value.size);
    memcpy(e->payload, value.text, value.size);
    e->payload_size = value.size;
    return 0;
}

// A string is parsed as on the command line; a number is seconds, since the epoch for times.
static int take_time(gf_json value, const char *key, int is_time, int64_t *out, char *why)
{
    char *text = whole_string(value);
    if (!text && value.kind == GF_JSON_NUMBER) {
        text = cli_alloc(value.size + 2);       // whole: its digits may be many
        snprintf(text, value.size + 2, "%s%.*s", is_time ? "@" : "", (int)value.size, value.text);
    }
    if (!text)
        return bad(why, key,
            is_time ? "a time or a number of seconds" : "a duration or a number of seconds");
    gofer_status st = is_time ? gofer_parse_time(text, out) : gofer_parse_duration(text, out);
    free(text);
    if (st == GOFER_OK)
        return 0;
    snprintf(why, WHY_MAX, "'%s': %s", key, gofer_error_last());
    return -1;
}

static int take_retry(gf_json value, int32_t *out, char *why)
{
    char text[16] = "", *rest;
    if (value.kind == GF_JSON_NUMBER && value.size < sizeof text)
        memcpy(text, value.text, value.size);
    long long number = strtoll(text, &rest, 10);
    if (rest == text || *rest || number < 0 || number > CLI_RETRY_MAX)
        return bad(why, "retry", "a whole number from 0 to 1000000");
    *out = number == 0 ? GOFER_NO_RETRY : (int32_t)number;
    return 0;
}

static int take_headers(entry *e, gf_json value, char *why)
{
    gf_json key, text;
    size_t count = 0;
    if (value.kind != GF_JSON_OBJECT)
        return bad(why, "headers", "an object of at most 64 strings");
    for (gf_json_scan s = gf_json_inside(value); gf_json_member(&s, &key, &text);) {
        if (count == HEADERS_MAX)
            return bad(why, "headers", "an object of at most 64 strings");
        if (take_text(key, "headers", &e->headers[2 * count], why) != 0
            || take_text(text, "headers", &e->headers[2 * count + 1], why) != 0)
            return bad(why, "headers", "an object of strings");
        count++;
    }
    e->opts.headers = (const char *const *)e->headers;
    return 0;
}

static int take_flag(gf_json value, const char *key, int32_t *out, char *why)
{
    if (value.kind != GF_JSON_TRUE && value.kind != GF_JSON_FALSE)
        return bad(why, key, "true or false");
    *out = value.kind == GF_JSON_TRUE;
    return 0;
}

static int take_until(gf_json value, const char *key, int32_t *out, char *why)
{
    char *word = whole_string(value);
    *out = word ? unique_until_of(word) : -1;
    free(word);
    return *out >= 0 ? 0 : bad(why, key, "\"done\", \"start\" or \"ttl\"");
}

// What concerns a task's life.
static int take_life(entry *e, const char *key, gf_json value, char *why)
{
    gofer_enqueue_options *o = &e->opts;
    const struct { const char *key; char **copy; const char **out; } texts[] = {
        { "unique_key", &e->unique_key, &o->unique_key }, { "group", &e->group, &o->group },
        { "retry_policy", &e->retry_policy, &o->retry }, { "on_dead", &e->on_dead, &o->on_dead },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(key, texts[i].key) == 0) {
            if (take_text(value, key, texts[i].copy, why) != 0)
                return -1;
            *texts[i].out = *texts[i].copy;
            if (texts[i].copy == &e->on_dead)
                on_dead_cut(e->on_dead, &o->on_dead, &o->on_dead_queue);
            return 0;
        }
    if (strcmp(key, "unique") == 0)
        return take_time(value, key, 0, &o->unique_ms, why);
    if (strcmp(key, "unique_until") == 0)
        return take_until(value, key, &o->unique_until, why);
    if (strcmp(key, "return_existing") == 0)
        return take_flag(value, key, &o->unique_conflict, why);
    return take_time(value, key, 0, &o->expires_ms, why);       // "expires"
}

static int take_member(entry *e, const char *key, gf_json value, char *why)
{
    gofer_enqueue_options *o = &e->opts;
    int st;
    if (strcmp(key, "type") == 0)
        return take_text(value, key, &e->type, why);
    if (strcmp(key, "payload") == 0)
        return take_payload(e, value, why);
    if (value.kind == GF_JSON_NULL)
        return 0;       // null: the default
    if (strcmp(key, "queue") == 0)
        return take_text(value, key, &e->queue, why);
    if (strcmp(key, "id") == 0)
        return take_text(value, key, &e->id, why);
    if (strcmp(key, "retry") == 0)
        return take_retry(value, &o->max_retry, why);
    if (strcmp(key, "headers") == 0)
        return take_headers(e, value, why);
    if (strcmp(key, "deadline") == 0)
        return take_time(value, key, 1, &o->deadline_ms, why);
    if (strcmp(key, "retention") == 0)
        return take_time(value, key, 0, &o->retention_ms, why);
    if (strcmp(key, "in") == 0) {
        e->says_in = 1;
        o->run_at_ms = 0;       // the line's word replaces the command line's
        return take_time(value, key, 0, &o->delay_ms, why);
    }
    if (strcmp(key, "at") == 0) {
        e->says_at = 1;
        o->delay_ms = 0;
        return take_time(value, key, 1, &o->run_at_ms, why);
    }
    if (strcmp(key, "timeout") == 0) {
        st = take_time(value, key, 0, &o->timeout_ms, why);
        if (st == 0 && o->timeout_ms == 0)
            o->timeout_ms = GOFER_NO_TIMEOUT;
        return st;
    }
    return take_life(e, key, value, why);
}

// Bit of a member in a line's set of those given; 0, with the reason in why: there
// is none of this name.
static uint32_t member_bit(const char *name, char *why)
{
    static const char *const known[] = { "type", "payload", "queue", "id", "in", "at", "retry",
        "timeout", "deadline", "retention", "headers", "unique", "unique_key", "unique_until",
        "return_existing", "group", "expires", "retry_policy", "on_dead" };
    enum { KNOWN = sizeof known / sizeof *known };
    for (size_t i = 0; i < KNOWN; i++)
        if (strcmp(name, known[i]) == 0)
            return UINT32_C(1) << i;
    const char *near = cli_suggest(name, known, KNOWN);
    snprintf(why, WHY_MAX, "there is no member '%.60s'%s%s%s", name, near ? "; did you mean '" : "",
        near ? near : "", near ? "'?" : "");
    return 0;
}

// *given: the members before.
static int take_named(entry *e, gf_json key, gf_json value, uint32_t *given, char *why)
{
    char *name = whole_string(key);
    uint32_t bit = name ? member_bit(name, why) : 0;
    int st = -1;
    if (!name)
        snprintf(why, WHY_MAX, "the name of a member holds a NUL");
    else if (*given & bit)
        snprintf(why, WHY_MAX, "the member '%s' is given twice", name);
    else if (bit)
        st = take_member(e, name, value, why);
    *given |= bit;
    free(name);
    return st;
}

static int parse_entry(entry *e, const char *line, size_t size, char *why)
{
    gf_json whole, key, value;
    gf_json_scan s = gf_json_start(line, size);
    if (gf_json_whole(&s, &whole) != GF_JSON_OBJECT) {
        snprintf(why, WHY_MAX, "not a JSON object: %.*s%s", (int)(size > 60 ? 60 : size), line,
            size > 60 ? "..." : "");
        return -1;
    }
    uint32_t given = 0;
    for (s = gf_json_inside(whole); gf_json_member(&s, &key, &value);)
        if (take_named(e, key, value, &given, why) != 0)
            return -1;
    if (e->says_in && e->says_at) {
        snprintf(why, WHY_MAX, "'in' and 'at' exclude each other");
        return -1;
    }
    if (!e->type) {
        snprintf(why, WHY_MAX, "'type' is missing");
        return -1;
    }
    const gofer_enqueue_options *o = &e->opts;
    if (!o->unique_ms && (o->unique_key || o->unique_until || o->unique_conflict)) {
        snprintf(why, WHY_MAX, "'unique_key', 'unique_until' and 'return_existing' need 'unique'");
        return -1;
    }
    if (enqueue_expires_first(o)) {
        snprintf(why, WHY_MAX, "'expires' is over before '%s' lets the task run",
            o->delay_ms ? "in" : "at");
        return -1;
    }
    if (e->queue)
        e->opts.queue = e->queue;
    e->opts.task_id = e->id;
    return 0;
}

// ---- Rounds

static void print_item(batch *b, long long line, const char *id, const char *status,
    const char *message)
{
    if (b->c->global.json) {
        printf("%s{\"line\":%lld,", b->first ? "" : ",", line);
        fputs(id ? "\"id\":" : "\"error\":", stdout);
        json_put_text(stdout, id ? id : status);
        if (!id) {
            fputs(",\"message\":", stdout);
            json_put_text(stdout, message);
        }
        fputs("}", stdout);
        b->first = 0;
    } else if (id && !b->c->global.quiet) {
        puts(id);
    }
}

static void refuse(batch *b, long long line, gofer_status status, const char *message)
{
    b->refused++;
    int code = cli_exit_code(status);
    print_item(b, line, NULL, gofer_status_name(status), message);
    if (!b->c->global.json)
        cli_fail(b->c, code, "line %lld: %s", line, message);
    if (b->code == CLI_OK)
        b->code = code;
}

static void flush_round(batch *b)
{
    const char *types[ROUND_TASKS];
    const void *payloads[ROUND_TASKS];
    size_t sizes[ROUND_TASKS];
    const gofer_enqueue_options *opts[ROUND_TASKS];
    gofer_status statuses[ROUND_TASKS];
    char *ids[ROUND_TASKS] = { NULL };
    if (b->count == 0)
        return;
    for (size_t i = 0; i < b->count; i++) {
        types[i] = b->entries[i]->type;
        payloads[i] = b->entries[i]->payload;
        sizes[i] = b->entries[i]->payload_size;
        opts[i] = &b->entries[i]->opts;
        statuses[i] = GOFER_OK;
    }

    gofer_status all =
        gofer_client_enqueue_many(b->client, b->count, types, payloads, sizes, opts, statuses, ids);
    char reason[1024];
    snprintf(reason, sizeof reason, "%s", gofer_error_last());
    int is_used = 0;   // reason, which belongs to the first refused one
    for (size_t i = 0; i < b->count; i++) {
        long long line = b->entries[i]->line;
        if (ids[i]) {
            b->added++;
            print_item(b, line, ids[i], NULL, NULL);
        } else {
            gofer_status st = statuses[i] != GOFER_OK ? statuses[i] : all;
            refuse(b, line, st, st == all && !is_used ? reason : gofer_status_text(st));
            is_used |= st == all;
        }
        gofer_free(ids[i]);
        entry_free(b->entries[i]);
    }
    b->count = b->bytes = 0;
    if (fflush(stdout) != 0 && b->code == CLI_OK)
        b->code = CLI_FAILED;   // main says why
}

static void add_line(batch *b, const char *line, size_t size)
{
    char why[WHY_MAX] = "";
    b->line++;
    if (b->line == 1)
        gf_json_unmark(&line, &size);
    if (size && line[size - 1] == '\r')
        size--;
    if (size == 0)
        return;     // blank lines separate
    entry *e = cli_alloc(sizeof *e);
    e->line = b->line;
    e->opts = *b->defaults;
    if (parse_entry(e, line, size, why) != 0) {
        entry_free(e);
        flush_round(b);     // what came before is printed before
        refuse(b, b->line, GOFER_EINVAL, why);
        return;
    }
    b->entries[b->count++] = e;
    if (!b->part_ms)
        b->part_ms = (e->opts.delay_ms ? e->opts.delay_ms : e->opts.run_at_ms) % 1000;
    b->bytes += e->payload_size + 256;
    if (b->count == ROUND_TASKS || b->bytes >= ROUND_BYTES)
        flush_round(b);
}

// A store that is away, or nobody who reads our output: the rest of the input would fare no better.
static int is_hopeless(const batch *b)
{
    return b->code == CLI_BROKER || b->code == CLI_DENIED || ferror(stdout);
}

int batch_run(cli *c, gofer_client *client, const gofer_enqueue_options *defaults)
{
    batch *b = cli_alloc(sizeof *b);
    *b = (batch){ .c = c, .client = client, .defaults = defaults, .first = 1 };
    cli_lines lines = { .fd = STDIN_FILENO };
    const char *line;
    size_t size;
    int got = CLI_LINES_LINE;

    if (c->global.json)
        fputs("{\"items\":[", stdout);
    while (got > CLI_LINES_END && got != CLI_LINES_LONG && !is_hopeless(b)) {
        got = cli_lines_next(&lines, b->count == 0, &line, &size);
        if (got == CLI_LINES_LINE)
            add_line(b, line, size);
        else
            flush_round(b);
    }
    if (got == CLI_LINES_LONG)
        refuse(b, b->line + 1, GOFER_ETOOBIG,
            "the line is longer than 128 MiB; the rest is not read");
    if (got == CLI_LINES_ERROR && b->code == CLI_OK)
        b->code = cli_fail(c, CLI_FAILED, "cannot read standard input: %s", strerror(errno));

    if (c->global.json)
        printf("],\"added\":%lld,\"refused\":%lld}\n", b->added, b->refused);
    else if (b->refused)
        cli_note(c, "%lld tasks added, %lld refused, %lld lines read", b->added, b->refused,
            b->line);
    cli_note_rounded(c, client, b->part_ms);
    int code = b->code;
    cli_lines_free(&lines);
    free(b);
    return code;
}
