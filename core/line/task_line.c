// task_line.c - a task as a JSON object.
//
// Each reader returns false with the reason in why. Digits and spaces of payloads stay as they
// stand: a number may be longer than a double holds.
#include "task_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "util/base64.h"
#include "util/nearest.h"
#include "util/webhook.h"

// ---- words

typedef struct word { const char *word; int32_t value; } word;

static int32_t value_of(const word *words, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i].word, text) == 0)
            return words[i].value;
    return -1;
}

int32_t unique_until_of(const char *text)
{
    static const word words[] = {
        { "done", GOFER_UNTIL_DONE }, { "start", GOFER_UNTIL_START }, { "ttl", GOFER_UNTIL_TTL },
    };
    return value_of(words, sizeof words / sizeof *words, text);
}

int32_t debounce_mode_of(const char *text)
{
    static const word words[] = {
        { "replace", GOFER_DEBOUNCE_REPLACE }, { "keep", GOFER_DEBOUNCE_KEEP },
        { "earliest", GOFER_DEBOUNCE_EARLIEST },
    };
    return value_of(words, sizeof words / sizeof *words, text);
}

const char *effect_word(int32_t effect)
{
    return effect == GOFER_EFFECT_REPLACED ? "replaced"
        : effect == GOFER_EFFECT_KEPT      ? "kept"
                                           : "created";
}

const char *task_goes_not_with(const gofer_enqueue_options *o)
{
    bool debounced = o->debounce_ms != 0;
    if (!debounced && !o->replace)
        return NULL;
    return o->unique_ms              ? "unique"
        : o->group                   ? "group"
        : debounced && o->replace    ? "replace"
        : debounced && o->delay_ms   ? "in"
        : debounced && o->run_at_ms  ? "at"
        : o->debounce_mode == GOFER_DEBOUNCE_KEEP && o->expires_ms ? "expires"
                                                                   : NULL;
}

int32_t ordered_dead_of(const char *text)
{
    static const word words[] = {
        { "continue", GOFER_ORDERED_CONTINUE }, { "block", GOFER_ORDERED_BLOCK },
    };
    return value_of(words, sizeof words / sizeof *words, text);
}

void follower_cut(char *copy, const char **type, const char **queue)
{
    char *at = gf_webhook_is(copy) ? NULL : strrchr(copy, '@');
    *type = copy;
    *queue = NULL;
    if (at) {
        *at = '\0';
        *queue = at + 1;
    }
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool task_expires_first(const gofer_enqueue_options *o)
{
    return o->expires_ms &&
        (o->delay_ms ? o->expires_ms <= o->delay_ms
                     : o->run_at_ms && o->expires_ms <= o->run_at_ms - now_ms());
}

// ---- lines

task_line *task_line_new(const gofer_enqueue_options *defaults)
{
    task_line *line = calloc(1, sizeof *line);
    if (line && defaults)
        line->opts = *defaults;
    else if (line)
        gofer_enqueue_options_init(&line->opts);
    if (line)
        line->opts.effect = &line->effect;
    return line;
}

void task_line_free(task_line *line)
{
    if (!line)
        return;
    free(line->type);
    free(line->payload);
    free(line->queue);
    free(line->id);
    free(line->unique_key);
    free(line->debounce_key);
    free(line->group);
    free(line->retry_policy);
    free(line->on_dead);
    free(line->on_done);
    free(line->ordered);
    free(line->tenant);
    for (size_t i = 0; line->headers[i]; i++)
        free(line->headers[i]);
    for (size_t i = 0; line->limits[i]; i++)
        free(line->limits[i]);
    free(line);
}

// ---- texts

static bool bad(char *why, const char *key, const char *needed)
{
    snprintf(why, TASK_LINE_WHY, "'%s' must be %s", key, needed);
    return false;
}

static bool no_memory(char *why)
{
    snprintf(why, TASK_LINE_WHY, "there is no memory for the line");
    return false;
}

// The characters of a string or key, with a NUL behind; NULL: no memory.
static char *copy_text(gf_json value, size_t *size)
{
    char *out = malloc(value.size + 1);
    if (out)
        *size = gf_json_text(value, out);
    return out;
}

static bool is_text(gf_json value)
{
    return (value.kind == GF_JSON_STRING || value.kind == GF_JSON_KEY) && !gf_json_has_nul(value);
}

static bool take_text(gf_json value, const char *key, char **out, char *why)
{
    size_t size;
    if (!is_text(value))
        return bad(why, key, "a string without NUL");
    char *text = copy_text(value, &size);
    if (!text)
        return no_memory(why);
    free(*out);
    *out = text;
    return true;
}

// ---- payloads

// The text of {"base64": TEXT} and nothing beside it. False: it is another value.
static bool is_base64(gf_json value, gf_json *text)
{
    gf_json key, more;
    gf_json_scan s = gf_json_inside(value);
    return value.kind == GF_JSON_OBJECT && gf_json_member(&s, &key, text)
        && gf_json_next(&s, &more) == GF_JSON_CLOSE && gf_json_is(key, "base64")
        && text->kind == GF_JSON_STRING;
}

bool task_payload_read(gf_json value, char **out, size_t *size, char *why)
{
    gf_json text = value;
    bool encoded = is_base64(value, &text), string = value.kind == GF_JSON_STRING;
    char *bytes;
    if (encoded || string) {
        bytes = copy_text(text, size);
    } else if ((bytes = malloc(value.size + 1))) {
        memcpy(bytes, value.text, value.size);
        *size = value.size;
    }
    if (!bytes)
        return no_memory(why);
    if (encoded && !gf_base64_decode(bytes, *size, bytes, size)) {
        free(bytes);
        return bad(why, "payload", "valid base64");
    }
    *out = bytes;
    return true;
}

static bool take_payload(task_line *line, gf_json value, char *why)
{
    return task_payload_read(value, &line->payload, &line->payload_size, why);
}

// ---- times and numbers

static bool parse_time(const char *text, const char *key, bool is_time, int64_t *out, char *why)
{
    gofer_status st = is_time ? gofer_parse_time(text, out) : gofer_parse_duration(text, out);
    if (st != GOFER_OK)
        snprintf(why, TASK_LINE_WHY, "'%s': %s", key, gofer_error_last());
    return st == GOFER_OK;
}

// A string is parsed as on the command line; a number is seconds, since the epoch for times.
static bool take_time(gf_json value, const char *key, bool is_time, int64_t *out, char *why)
{
    bool number = value.kind == GF_JSON_NUMBER;
    size_t size;
    if (!number && !is_text(value))
        return bad(why, key,
            is_time ? "a time or a number of seconds" : "a duration or a number of seconds");
    char *text = number ? malloc(value.size + 2) : copy_text(value, &size);
    if (!text)
        return no_memory(why);
    if (number)     // whole: its digits may be many
        snprintf(text, value.size + 2, "%s%.*s", is_time ? "@" : "", (int)value.size, value.text);
    bool taken = parse_time(text, key, is_time, out, why);
    free(text);
    return taken;
}

static bool take_retry(gf_json value, int32_t *out, char *why)
{
    char text[16] = "", *rest;
    if (value.kind == GF_JSON_NUMBER && value.size < sizeof text)
        memcpy(text, value.text, value.size);
    long long number = strtoll(text, &rest, 10);
    if (rest == text || *rest || number < 0 || number > TASK_LINE_RETRY_MAX)
        return bad(why, "retry", "a whole number from 0 to 1000000");
    *out = number == 0 ? GOFER_NO_RETRY : (int32_t)number;
    return true;
}

static bool take_priority(gf_json value, int32_t *out, char *why)
{
    char text[16] = "", *rest;
    if (value.kind == GF_JSON_NUMBER && value.size < sizeof text)
        memcpy(text, value.text, value.size);
    long number = strtol(text, &rest, 10);
    if (rest == text || *rest || number < -GOFER_PRIORITY_MAX || number > GOFER_PRIORITY_MAX)
        return bad(why, "priority", "a whole number from -100 to 100");
    *out = (int32_t)number;
    return true;
}

static bool take_limits(task_line *line, gf_json value, char *why)
{
    gf_json one;
    size_t count = 0;
    if (value.kind != GF_JSON_ARRAY)
        return bad(why, "limits", "a list of at most 4 strings");
    for (gf_json_scan s = gf_json_inside(value); gf_json_value(&s, &one) > GF_JSON_CLOSE; count++) {
        if (count == GOFER_LIMIT_KEYS)
            return bad(why, "limits", "a list of at most 4 strings");
        if (!take_text(one, "limits", &line->limits[count], why))
            return bad(why, "limits", "a list of strings");
    }
    line->opts.limits = (const char *const *)line->limits;
    return true;
}

static bool take_cost(gf_json value, int64_t *out, char *why)
{
    char text[16] = "", *rest;
    if (value.kind == GF_JSON_NUMBER && value.size < sizeof text)
        memcpy(text, value.text, value.size);
    long number = strtol(text, &rest, 10);
    if (rest == text || *rest || number < 1 || number > GOFER_LIMIT_COST_MAX)
        return bad(why, "limit_cost", "a whole number from 1 to 1000000");
    *out = number;
    return true;
}

static bool take_timeout(gf_json value, const char *key, int64_t *out, char *why)
{
    if (!take_time(value, key, false, out, why))
        return false;
    if (*out == 0)
        *out = GOFER_NO_TIMEOUT;
    return true;
}

// ---- the other kinds

static bool take_headers(task_line *line, gf_json value, char *why)
{
    gf_json key, text;
    size_t count = 0;
    if (value.kind != GF_JSON_OBJECT)
        return bad(why, "headers", "an object of at most 64 strings");
    for (gf_json_scan s = gf_json_inside(value); gf_json_member(&s, &key, &text);) {
        if (count == TASK_LINE_HEADERS)
            return bad(why, "headers", "an object of at most 64 strings");
        if (!take_text(key, "headers", &line->headers[2 * count], why)
            || !take_text(text, "headers", &line->headers[2 * count + 1], why))
            return bad(why, "headers", "an object of strings");
        count++;
    }
    line->opts.headers = (const char *const *)line->headers;
    return true;
}

static bool take_flag(gf_json value, const char *key, int32_t *out, char *why)
{
    if (value.kind != GF_JSON_TRUE && value.kind != GF_JSON_FALSE)
        return bad(why, key, "true or false");
    *out = value.kind == GF_JSON_TRUE;
    return true;
}

// One of some words, by the function that knows them.
static bool take_word(gf_json value, const char *key, int32_t *out, char *why)
{
    bool until = strcmp(key, "unique_until") == 0, dead = strcmp(key, "ordered_dead") == 0;
    const char *needed = until ? "\"done\", \"start\" or \"ttl\""
        : dead                 ? "\"continue\" or \"block\""
                               : "\"replace\", \"keep\" or \"earliest\"";
    char *text = NULL;
    if (!is_text(value))
        return bad(why, key, needed);
    if (!take_text(value, key, &text, why))
        return false;
    *out = until ? unique_until_of(text)
        : dead   ? ordered_dead_of(text)
                 : debounce_mode_of(text);
    free(text);
    return *out >= 0 || bad(why, key, needed);
}

// ---- members

// What concerns a task's life.
static bool take_life(task_line *line, const char *key, gf_json value, char *why)
{
    gofer_enqueue_options *o = &line->opts;
    const struct { const char *key; char **copy; const char **out; } texts[] = {
        { "unique_key", &line->unique_key, &o->unique_key }, { "group", &line->group, &o->group },
        { "debounce_key", &line->debounce_key, &o->debounce_key },
        { "retry_policy", &line->retry_policy, &o->retry },
        { "on_dead", &line->on_dead, &o->on_dead },
        { "on_done", &line->on_done, &o->on_done },
        { "ordered", &line->ordered, &o->ordered }, { "tenant", &line->tenant, &o->tenant },
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(key, texts[i].key) == 0) {
            if (!take_text(value, key, texts[i].copy, why))
                return false;
            *texts[i].out = *texts[i].copy;
            if (texts[i].copy == &line->on_dead)
                follower_cut(line->on_dead, &o->on_dead, &o->on_dead_queue);
            if (texts[i].copy == &line->on_done)
                follower_cut(line->on_done, &o->on_done, &o->on_done_queue);
            return true;
        }
    if (strcmp(key, "unique") == 0)
        return take_time(value, key, false, &o->unique_ms, why);
    if (strcmp(key, "unique_until") == 0)
        return take_word(value, key, &o->unique_until, why);
    if (strcmp(key, "return_existing") == 0)
        return take_flag(value, key, &o->unique_conflict, why);
    if (strcmp(key, "debounce") == 0)
        return take_time(value, key, false, &o->debounce_ms, why);
    if (strcmp(key, "max_wait") == 0)
        return take_time(value, key, false, &o->max_wait_ms, why);
    if (strcmp(key, "debounce_mode") == 0)
        return take_word(value, key, &o->debounce_mode, why);
    if (strcmp(key, "replace") == 0)
        return take_flag(value, key, &o->replace, why);
    return take_time(value, key, false, &o->expires_ms, why);       // "expires"
}

// When it may run and how long; the line's word replaces that of the defaults.
static bool take_when(task_line *line, const char *key, gf_json value, char *why)
{
    gofer_enqueue_options *o = &line->opts;
    if (strcmp(key, "in") == 0) {
        line->says_in = true;
        o->run_at_ms = 0;
        return take_time(value, key, false, &o->delay_ms, why);
    }
    if (strcmp(key, "at") == 0) {
        line->says_at = true;
        o->delay_ms = 0;
        return take_time(value, key, true, &o->run_at_ms, why);
    }
    if (strcmp(key, "deadline") == 0)
        return take_time(value, key, true, &o->deadline_ms, why);
    if (strcmp(key, "retention") == 0)
        return take_time(value, key, false, &o->retention_ms, why);
    if (strcmp(key, "timeout") == 0)
        return take_timeout(value, key, &o->timeout_ms, why);
    return take_life(line, key, value, why);
}

static bool take_member(task_line *line, const char *key, gf_json value, char *why)
{
    if (strcmp(key, "type") == 0)
        return take_text(value, key, &line->type, why);
    if (strcmp(key, "payload") == 0)
        return take_payload(line, value, why);
    if (value.kind == GF_JSON_NULL)
        return true;    // null: the default
    if (strcmp(key, "queue") == 0)
        return take_text(value, key, &line->queue, why);
    if (strcmp(key, "id") == 0)
        return take_text(value, key, &line->id, why);
    if (strcmp(key, "retry") == 0)
        return take_retry(value, &line->opts.max_retry, why);
    if (strcmp(key, "priority") == 0)
        return take_priority(value, &line->opts.priority, why);
    if (strcmp(key, "limits") == 0)
        return take_limits(line, value, why);
    if (strcmp(key, "limit_cost") == 0)
        return take_cost(value, &line->opts.limit_cost, why);
    if (strcmp(key, "ordered_dead") == 0)
        return take_word(value, key, &line->opts.ordered_dead, why);
    if (strcmp(key, "plain") == 0)
        return take_flag(value, key, &line->opts.plain, why);
    if (strcmp(key, "headers") == 0)
        return take_headers(line, value, why);
    return take_when(line, key, value, why);
}

// Bit of a member in a line's set of those given; 0, with the reason in why: there
// is none of this name.
static uint64_t member_bit(const char *name, char *why)
{
    static const char *const known[] = { "type", "payload", "queue", "id", "in", "at", "retry",
        "timeout", "deadline", "retention", "headers", "unique", "unique_key", "unique_until",
        "return_existing", "group", "expires", "retry_policy", "on_dead", "on_done",
        "priority", "limits", "limit_cost", "debounce", "max_wait", "debounce_key",
        "debounce_mode", "replace", "ordered", "ordered_dead", "tenant", "plain" };
    enum { KNOWN = sizeof known / sizeof *known };
    _Static_assert(KNOWN <= 64, "a bit for each");
    for (size_t i = 0; i < KNOWN; i++)
        if (strcmp(name, known[i]) == 0)
            return UINT64_C(1) << i;
    const char *near = gf_meant(name, known, KNOWN);
    snprintf(why, TASK_LINE_WHY, "there is no member '%.60s'%s%s%s", name,
        near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return 0;
}

// *given: the members before.
static bool take_named(task_line *line, gf_json key, gf_json value, uint64_t *given, char *why)
{
    char *name = NULL;
    if (!is_text(key)) {
        snprintf(why, TASK_LINE_WHY, "the name of a member holds a NUL");
        return false;
    }
    if (!take_text(key, "", &name, why))
        return false;
    uint64_t bit = member_bit(name, why);
    bool taken = false;
    if (*given & bit)
        snprintf(why, TASK_LINE_WHY, "the member '%.60s' is given twice", name);
    else if (bit)
        taken = take_member(line, name, value, why);
    *given |= bit;
    free(name);
    return taken;
}

// ---- the whole

static bool complain(char *why, const char *text)
{
    snprintf(why, TASK_LINE_WHY, "%s", text);
    return false;
}

static bool check_line(const task_line *line, char *why)
{
    const gofer_enqueue_options *o = &line->opts;
    if (line->says_in && line->says_at)
        return complain(why, "'in' and 'at' exclude each other");
    if (!line->type)
        return complain(why, "'type' is missing");
    if (!o->unique_ms && (o->unique_key || o->unique_until || o->unique_conflict))
        return complain(why, "'unique_key', 'unique_until' and 'return_existing' need 'unique'");
    if (!o->debounce_ms && (o->max_wait_ms || o->debounce_key || o->debounce_mode))
        return complain(why, "'max_wait', 'debounce_key' and 'debounce_mode' need 'debounce'");
    if (o->replace && !line->id)
        return complain(why, "'replace' needs 'id'");
    if (task_goes_not_with(o)) {
        snprintf(why, TASK_LINE_WHY, "'%s' and '%s' exclude each other",
            o->debounce_ms ? "debounce" : "replace", task_goes_not_with(o));
        return false;
    }
    if (task_expires_first(o))
        return complain(why, o->delay_ms
            ? "'expires' is over before 'in' lets the task run"
            : "'expires' is over before 'at' lets the task run");
    return true;
}

bool task_line_read(task_line *line, const char *text, size_t size, char why[TASK_LINE_WHY])
{
    gf_json whole, key, value;
    gf_json_scan s = gf_json_start(text, size);
    if (gf_json_whole(&s, &whole) != GF_JSON_OBJECT) {
        snprintf(why, TASK_LINE_WHY, "not a JSON object: %.*s%s", (int)(size > 60 ? 60 : size),
            text, size > 60 ? "..." : "");
        return false;
    }
    uint64_t given = 0;
    for (s = gf_json_inside(whole); gf_json_member(&s, &key, &value);)
        if (!take_named(line, key, value, &given, why))
            return false;
    if (!check_line(line, why))
        return false;
    if (line->queue)
        line->opts.queue = line->queue;
    line->opts.task_id = line->id;
    return true;
}
