// encode.c - spans as OTLP's JSON: ids in hexadecimal digits, whole numbers of 64 bits as text,
// enumerations as numbers (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding").
//
// Pure but for memory.
#include "encode.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char schema[] = "https://opentelemetry.io/schemas/1.44.0";

enum {
    KIND_PRODUCER = 4,
    KIND_CONSUMER = 5,
    STATUS_ERROR = 2,
    HAS_IS_REMOTE = 0x100,
    IS_REMOTE = 0x200
};

// By the conventions for messaging. Its name begins the span's.
typedef struct operation {
    const char *name, *type;
    int         kind;
} operation;

static const operation operations[] = {
    [OTLP_PROCESS] = { "process", "process", KIND_CONSUMER },
    [OTLP_ENQUEUE] = { "enqueue", "send", KIND_PRODUCER },
};

static void put_text(web_text *t, const char *text)
{
    web_text_json(t, text, strlen(text));
}

static void put_hex(web_text *t, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * 16];
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    web_text_put(t, "\"");
    web_text_add(t, text, 2 * size);
    web_text_put(t, "\"");
}

// ---- attributes ---------------------------------------------------------------------------------

// Keys of ours stand as they are.
static void put_string(web_text *t, const char *key, const char *value)
{
    web_text_put(t, "{\"key\":\"");
    web_text_put(t, key);
    web_text_put(t, "\",\"value\":{\"stringValue\":");
    put_text(t, value);
    web_text_put(t, "}}");
}

static void put_foreign(web_text *t, const char *key, const char *value)
{
    web_text_put(t, "{\"key\":");
    put_text(t, key);
    web_text_put(t, ",\"value\":{\"stringValue\":");
    put_text(t, value);
    web_text_put(t, "}}");
}

static void put_number(web_text *t, const char *key, int64_t value)
{
    char digits[24];
    snprintf(digits, sizeof digits, "%" PRId64, value);
    web_text_put(t, "{\"key\":\"");
    web_text_put(t, key);
    web_text_put(t, "\",\"value\":{\"intValue\":\"");
    web_text_put(t, digits);
    web_text_put(t, "\"}}");
}

static void put_attributes(web_text *t, const otlp_span *s)
{
    const operation *o = &operations[s->what];
    const struct { const char *key, *value; } texts[] = {
        { "messaging.operation.name", o->name },
        { "messaging.operation.type", o->type },
        { "messaging.destination.name", s->queue },
        { "messaging.message.id", s->id },
        { "gofer.task.type", s->type },
        { "gofer.task.outcome", s->outcome },
        { "error.type", s->is_failure ? s->kind : NULL },
    };
    const struct { const char *key; int64_t value; bool is_told; } numbers[] = {
        { "gofer.task.attempt", s->attempt, s->what == OTLP_PROCESS },
        { "gofer.task.max_retry", s->max_retry, s->what == OTLP_PROCESS },
        { "messaging.batch.message_count", (int64_t)s->count, s->count > 1 },
    };
    put_string(t, "messaging.system", "gofer");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!texts[i].value)
            continue;
        web_text_put(t, ",");
        put_string(t, texts[i].key, texts[i].value);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!numbers[i].is_told)
            continue;
        web_text_put(t, ",");
        put_number(t, numbers[i].key, numbers[i].value);
    }
}

// ---- one span -----------------------------------------------------------------------------------

static void put_ids(web_text *t, const gf_traceparent *c)
{
    web_text_put(t, "\"traceId\":");
    put_hex(t, c->trace_id, sizeof c->trace_id);
    web_text_put(t, ",\"spanId\":");
    put_hex(t, c->span_id, sizeof c->span_id);
}

static void put_state(web_text *t, const char *state)
{
    if (!state)
        return;
    web_text_put(t, ",\"traceState\":");
    put_text(t, state);
}

static void put_link(web_text *t, const gf_traceparent *to, const char *state)
{
    web_text_put(t, "{");
    put_ids(t, to);
    put_state(t, state);
    web_text_format(t, ",\"flags\":%d}", to->flags | HAS_IS_REMOTE | IS_REMOTE);
}

// Of a run to what has put the task in, unless that is its parent; of an enqueueing to the contexts
// that its tasks had.
static void put_links(web_text *t, const otlp_span *s)
{
    bool to_from = s->has_from && !s->is_child;
    if (!to_from && s->link_count == 0)
        return;
    web_text_put(t, ",\"links\":[");
    if (to_from)
        put_link(t, &s->from, s->state);
    for (size_t i = 0; i < s->link_count; i++) {
        web_text_put(t, i || to_from ? "," : "");
        put_link(t, &s->links[i], NULL);
    }
    web_text_put(t, "]");
}

// As SDKs tell exceptions; the time is that of the end.
static void put_error(web_text *t, const otlp_span *s)
{
    if (!s->is_failure)
        return;
    web_text_format(t, ",\"status\":{\"code\":%d", STATUS_ERROR);
    if (s->text) {
        web_text_put(t, ",\"message\":");
        put_text(t, s->text);
    }
    web_text_put(t, "}");
    if (!s->text)
        return;
    web_text_format(t, ",\"events\":[{\"timeUnixNano\":\"%" PRId64 "\",\"name\":\"exception\","
        "\"attributes\":[", s->end_ns);
    put_string(t, "exception.type", s->kind);
    web_text_put(t, ",");
    put_string(t, "exception.message", s->text);
    web_text_put(t, "]}]");
}

static void put_name(web_text *t, const otlp_span *s)
{
    web_text_put(t, ",\"name\":\"");
    web_text_put(t, operations[s->what].name);
    if (!s->queue) {
        web_text_put(t, "\"");
        return;
    }
    // web_text_json makes a literal of its own: the name is one in two parts.
    web_text queue = { 0 };
    web_text_json(&queue, s->queue, strlen(s->queue));
    web_text_put(t, " ");
    if (queue.failed)
        t->failed = true;
    else
        web_text_put(t, queue.at + 1);         // with the closing quote
    web_text_free(&queue);
}

static void put_span(web_text *t, const otlp_span *s)
{
    web_text_put(t, "{");
    put_ids(t, &s->own);
    if (s->is_child) {
        put_state(t, s->state);
        web_text_put(t, ",\"parentSpanId\":");
        put_hex(t, s->from.span_id, sizeof s->from.span_id);
    }
    put_name(t, s);
    web_text_format(t,
        ",\"flags\":%d,\"kind\":%d,\"startTimeUnixNano\":\"%" PRId64
        "\",\"endTimeUnixNano\":\"%" PRId64 "\",\"attributes\":[",
        s->own.flags | HAS_IS_REMOTE | (s->is_child ? IS_REMOTE : 0), operations[s->what].kind,
        s->start_ns, s->end_ns);
    put_attributes(t, s);
    web_text_put(t, "]");
    put_links(t, s);
    put_error(t, s);
    web_text_put(t, "}");
}

// ---- the request --------------------------------------------------------------------------------

// What the environment has named is not named again.
static bool is_given(const otlp_config *config, const char *key)
{
    for (size_t i = 0; i < config->resource.count; i++)
        if (strcmp(config->resource.items[i].key, key) == 0)
            return true;
    return false;
}

static void put_resource(web_text *t, const otlp_config *config, const char *instance)
{
    const struct { const char *key, *value; } own[] = {
        { "service.instance.id", instance },
        { "telemetry.sdk.name", "gofer" },
        { "telemetry.sdk.language", "c" },
        { "telemetry.sdk.version", gofer_version_text() },
    };
    web_text_put(t, "{\"attributes\":[");
    for (size_t i = 0; i < config->resource.count; i++) {
        put_foreign(t, config->resource.items[i].key, config->resource.items[i].value);
        web_text_put(t, ",");
    }
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (!own[i].value || is_given(config, own[i].key))
            continue;
        put_string(t, own[i].key, own[i].value);
        web_text_put(t, ",");
    }
    put_number(t, is_given(config, "process.pid") ? "gofer.process.pid" : "process.pid",
        (int64_t)getpid());
    web_text_put(t, "]}");
}

web_text otlp_encode(const otlp_config *config, const char *instance, const otlp_batch *batch)
{
    web_text t = { 0 };
    web_text_put(&t, "{\"resourceSpans\":[{\"resource\":");
    put_resource(&t, config, instance);
    web_text_put(&t, ",\"scopeSpans\":[{\"scope\":{\"name\":\"gofer\",\"version\":");
    put_text(&t, gofer_version_text());
    web_text_put(&t, "},\"spans\":[");
    for (const otlp_span *s = batch->first; s; s = s->next) {
        put_span(&t, s);
        if (s->next)
            web_text_put(&t, ",");
    }
    web_text_format(&t, "],\"schemaUrl\":\"%s\"}],\"schemaUrl\":\"%s\"}]}", schema, schema);
    return t;
}
