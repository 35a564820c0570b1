// compare.c - compares values in Redis with those of a vector file: bytes, messages, records.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "vectors/replay.h"

// ---- bytes and messages -----------------------------------------------------------------

void compare_int(replay *r, const char *key, const char *field, int64_t got, int64_t want)
{
    if (got != want)
        differ(r, "%s: %s is %" PRId64 ", not %" PRId64, key, field, got, want);
}

void compare_text(replay *r, const char *key, const char *field, const char *got, const char *want)
{
    if (strcmp(got ? got : "", want ? want : "") != 0)
        differ(r, "%s: %s is '%s', not '%s'", key, field, got ? got : "", want ? want : "");
}

void compare_bytes(replay *r, const char *key, const char *what, const redisReply *got,
    const cJSON *value)
{
    golden_bytes want = golden_bytes_of(value);
    if ((size_t)got->len != want.size || memcmp(got->str, want.bytes, want.size) != 0)
        differ(r, "%s: %s is '%s', not '%s'", key, what, got->str, (char *)want.bytes);
    free(want.bytes);
}

// Of a message: moved to our time, or as it was loaded.
static void compare_past(replay *r, const char *key, const char *field, int64_t got_ms,
    int64_t want_ms)
{
    if (got_ms != want_ms && !(got_ms && want_ms && time_fits(r, got_ms / 1000, want_ms / 1000)))
        differ(r, "%s: %s is %" PRId64 " ms, not %" PRId64 " + %" PRId64 " s", key, field, got_ms,
            want_ms, r->shift_s);
}

// A header's value, which gofer keeps packed and sorted: compared as a whole.
static void compare_headers(replay *r, const char *key, const gf_message *a, const gf_message *b)
{
    if (a->headers_size != b->headers_size ||
        (a->headers_size && memcmp(a->headers, b->headers, a->headers_size) != 0))
        differ(r, "%s: headers differ", key);
}

static void compare_tasks(replay *r, const char *key, const gf_wire_task *got,
    const gf_wire_task *want)
{
    const gf_message *a = &got->message, *b = &want->message;
    compare_text(r, key, "id", a->id, b->id);
    compare_text(r, key, "type", a->type, b->type);
    compare_text(r, key, "queue", a->queue, b->queue);
    compare_text(r, key, "error_msg", a->last_error, b->last_error);
    compare_text(r, key, "msg.unique_key", got->unique_key, want->unique_key);
    compare_text(r, key, "group_key", got->group, want->group);
    compare_int(r, key, "retry", a->max_retry, b->max_retry);
    compare_int(r, key, "retried", a->retried, b->retried);
    compare_int(r, key, "timeout", a->timeout_ms, b->timeout_ms);
    compare_int(r, key, "deadline", a->deadline_ms, b->deadline_ms);
    compare_int(r, key, "retention", a->retention_ms, b->retention_ms);
    compare_past(r, key, "last_failed_at", a->last_failed_ms, b->last_failed_ms);
    compare_past(r, key, "completed_at", got->completed_ms, want->completed_ms);
    compare_headers(r, key, a, b);
    if (a->payload_size != b->payload_size ||
        (b->payload_size && memcmp(a->payload, b->payload, b->payload_size) != 0))
        differ(r, "%s: payload differs", key);
}

void compare_message(replay *r, const char *key, const redisReply *got, const cJSON *value)
{
    golden_bytes want = golden_bytes_of(value);
    void *a = NULL, *b = NULL;
    if (gf_wire_task_decode(want.bytes, want.size, 0, &b) != GOFER_OK)
        give_up("%s: the vector's message cannot be read", key);
    if (gf_wire_task_decode(got->str, (size_t)got->len, 0, &a) != GOFER_OK)
        differ(r, "%s: msg cannot be read", key);
    else
        compare_tasks(r, key, a, b);
    gf_free(a);
    gf_free(b);
    free(want.bytes);
}

// ---- records ----------------------------------------------------------------------------------

void compare_server(replay *r, const char *key, const redisReply *got, const cJSON *value)
{
    golden_bytes bytes = golden_bytes_of(value);
    gf_wire_server *a = NULL, *b = NULL;
    if (gf_wire_server_decode(bytes.bytes, bytes.size, &b) != GOFER_OK ||
        gf_wire_server_decode(got->str, (size_t)got->len, &a) != GOFER_OK) {
        differ(r, "%s: cannot be read", key);
    } else {
        compare_text(r, key, "host", a->host, b->host);
        compare_text(r, key, "server_id", a->server_id, b->server_id);
        compare_text(r, key, "status", a->status, b->status);
        compare_int(r, key, "pid", a->pid, b->pid);
        compare_int(r, key, "concurrency", a->concurrency, b->concurrency);
        compare_int(r, key, "active_worker_count", a->active, b->active);
        compare_int(r, key, "strict_priority", a->strict, b->strict);
        compare_int(r, key, "start_time", a->started_ms, b->started_ms);
        compare_int(r, key, "queues", (int64_t)a->queue_count, (int64_t)b->queue_count);
        for (size_t i = 0; i < a->queue_count && i < b->queue_count; i++) {
            compare_text(r, key, "a queue", a->queues[i].queue, b->queues[i].queue);
            compare_int(r, key, "its priority", a->queues[i].priority, b->queues[i].priority);
        }
    }
    gf_free(a);
    gf_free(b);
    free(bytes.bytes);
}

void compare_worker(replay *r, const char *key, const redisReply *got, const cJSON *value)
{
    golden_bytes bytes = golden_bytes_of(value);
    gf_wire_worker *a = NULL, *b = NULL;
    if (gf_wire_worker_decode(bytes.bytes, bytes.size, &b) != GOFER_OK ||
        gf_wire_worker_decode(got->str, (size_t)got->len, &a) != GOFER_OK) {
        differ(r, "%s: cannot be read", key);
    } else {
        compare_text(r, key, "host", a->host, b->host);
        compare_text(r, key, "server_id", a->server_id, b->server_id);
        compare_text(r, key, "task_id", a->task_id, b->task_id);
        compare_text(r, key, "task_type", a->task_type, b->task_type);
        compare_text(r, key, "queue", a->queue, b->queue);
        compare_int(r, key, "pid", a->pid, b->pid);
        compare_int(r, key, "start_time", a->started_ms, b->started_ms);
        compare_int(r, key, "deadline", a->deadline_ms, b->deadline_ms);
        compare_int(r, key, "payload's size", (int64_t)a->payload_size, (int64_t)b->payload_size);
    }
    gf_free(a);
    gf_free(b);
    free(bytes.bytes);
}

// As it was loaded; or our bytes of the same entry, whose times we know to the
// millisecond: then as long.
void compare_entry(replay *r, const char *key, const redisReply *got, const cJSON *value)
{
    golden_bytes bytes = golden_bytes_of(value);
    gf_wire_entry *want = NULL;
    gf_bytes ours = { NULL, 0 };
    if (gf_wire_entry_decode(bytes.bytes, bytes.size, &want) != GOFER_OK ||
        gf_wire_entry_encode(want, &ours) != GOFER_OK)
        give_up("%s: the vector's entry cannot be read", key);
    bool loaded = (size_t)got->len == bytes.size && memcmp(got->str, bytes.bytes, bytes.size) == 0;
    bool same = (size_t)got->len == ours.size && memcmp(got->str, ours.bytes, ours.size) == 0;
    if (!loaded && (!same || ours.size != bytes.size))
        differ(r, "%s: the entry %s differs", key, want->id);
    gf_bytes_clear(&ours);
    gf_free(want);
    free(bytes.bytes);
}

void compare_event(replay *r, const char *key, const redisReply *got, const cJSON *value)
{
    golden_bytes bytes = golden_bytes_of(value);
    gf_wire_event *a = NULL, *b = NULL;
    if (gf_wire_event_decode(bytes.bytes, bytes.size, &b) != GOFER_OK ||
        gf_wire_event_decode(got->str, (size_t)got->len, &a) != GOFER_OK) {
        differ(r, "%s: cannot be read", key);
    } else {
        compare_text(r, key, "task_id", a->task_id, b->task_id);
        compare_past(r, key, "enqueue_time", a->at_ms, b->at_ms);
    }
    gf_free(a);
    gf_free(b);
    free(bytes.bytes);
}
