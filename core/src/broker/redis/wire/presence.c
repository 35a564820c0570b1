// presence.c - records of workers and schedules (wire.md section 8) to and from ours. See wire.h.
#include <string.h>

#include "asynq.pb-c.h"
#include "broker/redis/wire/pack.h"
#include "util/alloc.h"
#include "util/error.h"

// Go's zero time, the year 1: what "never" is on the wire. 0 would be read as 1970.
static const int64_t never_s = INT64_C(-62135596800);
static const int64_t last_time_s = INT64_C(253402300799);      // the year 9999 ends

// ---- times -------------------------------------------------------------------------------

static Asynq__Timestamp stamp(int64_t ms)
{
    Asynq__Timestamp t = ASYNQ__TIMESTAMP__INIT;
    t.seconds = ms / 1000;
    t.nanos = (int32_t)(ms % 1000 * 1000000);
    return t;
}

static Asynq__Timestamp stamp_or_never(int64_t ms)
{
    Asynq__Timestamp t = stamp(ms);
    if (ms == 0)
        t.seconds = never_s;
    return t;
}

// 0: absent, Go's zero time, and all before 1970.
static int64_t stamp_ms(const Asynq__Timestamp *t)
{
    if (!t || t->seconds < 0)
        return 0;
    int64_t seconds = t->seconds > last_time_s ? last_time_s : t->seconds;
    int32_t nanos = t->nanos < 0 || t->nanos > 999999999 ? 0 : t->nanos;
    return seconds * 1000 + nanos / 1000000;
}

// ---- encoding -------------------------------------------------------------------------------

static gofer_status encode_server(const gf_wire_server *s, Asynq__Weight *weights,
    Asynq__Weight **pointers, gf_bytes *out)
{
    for (size_t i = 0; i < s->queue_count; i++) {
        asynq__weight__init(&weights[i]);
        weights[i].key = (char *)s->queues[i].queue;
        weights[i].value = s->queues[i].priority;
        pointers[i] = &weights[i];
    }
    Asynq__Timestamp started = stamp(s->started_ms);
    Asynq__ServerInfo info = ASYNQ__SERVER_INFO__INIT;
    info.host = (char *)s->host;
    info.pid = s->pid;
    info.server_id = (char *)s->server_id;
    info.concurrency = s->concurrency;
    info.n_queues = s->queue_count;
    info.queues = pointers;
    info.strict_priority = s->strict;
    info.status = (char *)s->status;
    info.start_time = &started;
    info.active_worker_count = s->active;
    return gf_wire_pack(&info.base, out);
}

gofer_status gf_wire_server_encode(const gf_wire_server *s, gf_bytes *out)
{
    Asynq__Weight *weights = gf_calloc(s->queue_count + 1, sizeof *weights);
    Asynq__Weight **pointers = gf_calloc(s->queue_count + 1, sizeof(Asynq__Weight *));
    gofer_status st = weights && pointers ? encode_server(s, weights, pointers, out)
                                          : gf_fail_nomem("a worker's record");
    gf_free(weights);
    gf_free(pointers);
    return st;
}

gofer_status gf_wire_worker_encode(const gf_wire_worker *w, gf_bytes *out)
{
    Asynq__Timestamp started = stamp(w->started_ms), deadline = stamp_or_never(w->deadline_ms);
    Asynq__WorkerInfo info = ASYNQ__WORKER_INFO__INIT;
    info.host = (char *)w->host;
    info.pid = w->pid;
    info.server_id = (char *)w->server_id;
    info.task_id = (char *)w->task_id;
    info.task_type = (char *)w->task_type;
    info.task_payload = (ProtobufCBinaryData){ w->payload_size, (uint8_t *)w->payload };
    info.queue = (char *)w->queue;
    info.start_time = &started;
    info.deadline = &deadline;
    return gf_wire_pack(&info.base, out);
}

gofer_status gf_wire_entry_encode(const gf_wire_entry *e, gf_bytes *out)
{
    Asynq__Timestamp next = stamp_or_never(e->next_ms), prev = stamp_or_never(e->prev_ms);
    Asynq__SchedulerEntry entry = ASYNQ__SCHEDULER_ENTRY__INIT;
    entry.id = (char *)e->id;
    entry.spec = (char *)e->spec;
    entry.task_type = (char *)e->task_type;
    entry.task_payload = (ProtobufCBinaryData){ e->payload_size, (uint8_t *)e->payload };
    entry.n_enqueue_options = e->option_count;
    entry.enqueue_options = (char **)e->options;
    entry.next_enqueue_time = &next;
    entry.prev_enqueue_time = &prev;
    return gf_wire_pack(&entry.base, out);
}

gofer_status gf_wire_event_encode(const gf_wire_event *e, gf_bytes *out)
{
    Asynq__Timestamp at = stamp(e->at_ms);
    Asynq__SchedulerEnqueueEvent event = ASYNQ__SCHEDULER_ENQUEUE_EVENT__INIT;
    event.task_id = (char *)e->task_id;
    event.enqueue_time = &at;
    return gf_wire_pack(&event.base, out);
}

// ---- decoding ---------------------------------------------------------------------------------

// Texts are only shown: one that holds a NUL is cut there.
static gofer_status unpack(const gf_wire_packed *packed, size_t front, size_t each_inner,
    gf_wire_box *box, ProtobufCMessage **message)
{
    gf_wire_shape shape;
    if (!gf_wire_check(packed->kind, packed->bytes, packed->size, &shape))
        return gf_wire_corrupt(packed->kind, packed->size);
    return gf_wire_unpack(packed, &shape, front, shape.inner * each_inner + 16, box, message);
}

gofer_status gf_wire_server_decode(const void *bytes, size_t size, gf_wire_server **out)
{
    gf_wire_box box;
    ProtobufCMessage *message;
    gf_wire_packed packed = { &asynq__server_info__descriptor, bytes, size };
    gofer_status st =
        unpack(&packed, sizeof(gf_wire_server), sizeof(gf_wire_weight), &box, &message);
    if (st != GOFER_OK)
        return st;

    const Asynq__ServerInfo *info = (const Asynq__ServerInfo *)message;
    gf_wire_weight *weights = gf_wire_box_alloc(&box, info->n_queues * sizeof *weights);
    for (size_t i = 0; i < info->n_queues; i++)
        weights[i] = (gf_wire_weight){ info->queues[i]->key, info->queues[i]->value };
    gf_wire_server *s = (gf_wire_server *)box.base;
    *s = (gf_wire_server){
        .host = info->host,
        .pid = info->pid,
        .server_id = info->server_id,
        .concurrency = info->concurrency,
        .queues = weights,
        .queue_count = info->n_queues,
        .strict = info->strict_priority,
        .status = info->status,
        .started_ms = stamp_ms(info->start_time),
        .active = info->active_worker_count,
    };
    *out = s;
    return GOFER_OK;
}

gofer_status gf_wire_worker_decode(const void *bytes, size_t size, gf_wire_worker **out)
{
    gf_wire_box box;
    ProtobufCMessage *message;
    gf_wire_packed packed = { &asynq__worker_info__descriptor, bytes, size };
    gofer_status st = unpack(&packed, sizeof(gf_wire_worker), 0, &box, &message);
    if (st != GOFER_OK)
        return st;

    const Asynq__WorkerInfo *info = (const Asynq__WorkerInfo *)message;
    gf_wire_worker *w = (gf_wire_worker *)box.base;
    *w = (gf_wire_worker){
        .host = info->host, .pid = info->pid, .server_id = info->server_id,
        .task_id = info->task_id, .task_type = info->task_type, .queue = info->queue,
        .payload = info->task_payload.data, .payload_size = info->task_payload.len,
        .started_ms = stamp_ms(info->start_time), .deadline_ms = stamp_ms(info->deadline),
    };
    *out = w;
    return GOFER_OK;
}

gofer_status gf_wire_entry_decode(const void *bytes, size_t size, gf_wire_entry **out)
{
    gf_wire_box box;
    ProtobufCMessage *message;
    gf_wire_packed packed = { &asynq__scheduler_entry__descriptor, bytes, size };
    gofer_status st = unpack(&packed, sizeof(gf_wire_entry), 0, &box, &message);
    if (st != GOFER_OK)
        return st;

    const Asynq__SchedulerEntry *entry = (const Asynq__SchedulerEntry *)message;
    gf_wire_entry *e = (gf_wire_entry *)box.base;
    *e = (gf_wire_entry){
        .id = entry->id,
        .spec = entry->spec,
        .task_type = entry->task_type,
        .payload = entry->task_payload.data,
        .payload_size = entry->task_payload.len,
        .options = (const char *const *)entry->enqueue_options,
        .option_count = entry->n_enqueue_options,
        .next_ms = stamp_ms(entry->next_enqueue_time),
        .prev_ms = stamp_ms(entry->prev_enqueue_time),
    };
    *out = e;
    return GOFER_OK;
}

gofer_status gf_wire_event_decode(const void *bytes, size_t size, gf_wire_event **out)
{
    gf_wire_box box;
    ProtobufCMessage *message;
    gf_wire_packed packed = { &asynq__scheduler_enqueue_event__descriptor, bytes, size };
    gofer_status st = unpack(&packed, sizeof(gf_wire_event), 0, &box, &message);
    if (st != GOFER_OK)
        return st;

    const Asynq__SchedulerEnqueueEvent *event = (const Asynq__SchedulerEnqueueEvent *)message;
    gf_wire_event *e = (gf_wire_event *)box.base;
    *e = (gf_wire_event){ .task_id = event->task_id, .at_ms = stamp_ms(event->enqueue_time) };
    *out = e;
    return GOFER_OK;
}
