// frame.c - reads frames from a child and writes those to it.
//
// May touch: util/alloc.h. Pure but for the memory of what is written.
#include "handler/children/frame.h"

#include <string.h>

#include "gofer/gofer.h"
#include "util/alloc.h"
#include "util/array.h"

// ---- numbers ----------------------------------------------------------------------------------

static uint64_t read_number(const uint8_t *bytes, size_t size)
{
    uint64_t n = 0;
    for (size_t i = 0; i < size; i++)
        n = n << 8 | bytes[i];
    return n;
}

static uint32_t read_u32(const uint8_t *bytes)
{
    return (uint32_t)read_number(bytes, 4);
}

// Two's complement, which C leaves open for numbers over the largest.
static int64_t read_i64(const uint8_t *bytes)
{
    uint64_t n = read_number(bytes, 8);
    return n <= INT64_MAX ? (int64_t)n : -(int64_t)(UINT64_MAX - n) - 1;
}

// ---- reading ------------------------------------------------------------------------------------

// How long the fixed part of each kind's body is, and whether more may follow it.
typedef struct shape {
    uint8_t kind;
    bool    has_ref, has_tail;
    size_t  fixed;
} shape;

static const shape shapes[] = {
    { GF_FRAME_HELLO, false, true, 0 },
    { GF_FRAME_WANT, false, false, 4 },
    { GF_FRAME_BEGIN, true, false, 4 },
    { GF_FRAME_END, true, true, 17 },          // ref, outcome, delay, size of the text
    { GF_FRAME_PROGRESS, true, true, 20 },     // ref, done, total
    { GF_FRAME_CHECKPOINT, true, true, 4 },
    { GF_FRAME_LOG, true, true, 5 },           // ref, level
    { GF_FRAME_PARENT, true, true, 8 },        // ref, number
};

static const shape *shape_of(uint8_t kind)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].kind == kind)
            return &shapes[i];
    return NULL;
}

static gf_frame_found bad(const char **why, const char *text)
{
    *why = text;
    return GF_FRAME_BAD;
}

static gf_frame_found read_end(const uint8_t *body, size_t size, gf_frame *out, const char **why)
{
    size_t text_size = read_u32(body + 13);
    out->outcome = body[4];
    out->delay_ms = read_i64(body + 5);
    if (out->outcome > GOFER_SNOOZE)
        return bad(why, "an 'end' has an outcome that there is not");
    if (out->delay_ms < -1)
        return bad(why, "an 'end' has a negative delay");
    if (text_size > size - 17)
        return bad(why, "the text of an 'end' is longer than its frame");
    out->text = (const char *)body + 17;
    out->text_size = text_size;
    out->bytes = body + 17 + text_size;
    out->bytes_size = size - 17 - text_size;
    return GF_FRAME_WHOLE;
}

static gf_frame_found read_body(const uint8_t *body, size_t size, const shape *s, gf_frame *out,
    const char **why)
{
    out->text = (const char *)body + s->fixed;
    out->text_size = size - s->fixed;
    switch (s->kind) {
    case GF_FRAME_WANT:
        out->want = read_u32(body);
        break;
    case GF_FRAME_END:
        return read_end(body, size, out, why);
    case GF_FRAME_PROGRESS:
        out->done = read_i64(body + 4);
        out->total = read_i64(body + 12);
        break;
    case GF_FRAME_CHECKPOINT:
        out->bytes = body + 4;
        out->bytes_size = size - 4;
        break;
    case GF_FRAME_PARENT:
        out->number = read_u32(body + 4);
        break;
    case GF_FRAME_LOG:
        out->level = body[4];
        if (out->level > GOFER_LOG_ERROR)
            return bad(why, "a 'log' has a level that there is not");
        break;
    default:
        break;
    }
    return GF_FRAME_WHOLE;
}

gf_frame_found gf_frame_read(const uint8_t *bytes, size_t size, size_t limit, gf_frame *out,
    size_t *used, const char **why)
{
    *out = (gf_frame){ .delay_ms = -1 };
    if (size < GF_FRAME_HEAD)
        return GF_FRAME_PART;
    size_t whole = read_u32(bytes), body = whole - GF_FRAME_MIN;
    out->kind = bytes[4];
    if (whole < GF_FRAME_MIN)
        return bad(why, "a frame of no bytes");
    const shape *s = shape_of(out->kind);
    if (!s)
        return bad(why, "a frame of a kind that there is not");
    if (body < s->fixed || (!s->has_tail && body != s->fixed))
        return bad(why, "a frame is not as long as its kind");
    // Who is to pay for a frame that is too long is in it.
    if (s->has_ref && size < GF_FRAME_HEAD + 4)
        return GF_FRAME_PART;
    if (s->has_ref)
        out->ref = read_u32(bytes + GF_FRAME_HEAD);
    if (whole > limit)
        return bad(why, "a frame is too long");
    if (size - GF_FRAME_HEAD < body)
        return GF_FRAME_PART;
    *used = GF_FRAME_HEAD + body;
    return read_body(bytes + GF_FRAME_HEAD, body, s, out, why);
}

// ---- writing ------------------------------------------------------------------------------------

void gf_outgoing_clear(gf_outgoing *o)
{
    gf_free(o->bytes);
    *o = (gf_outgoing){ 0 };
}

void gf_outgoing_sent(gf_outgoing *o, size_t size)
{
    o->sent += size;
    if (o->sent == o->size)
        o->sent = o->size = 0;
}

static bool make_room(gf_outgoing *o, size_t size)
{
    if (o->sent && size > o->room - o->size) {         // what is gone first
        memmove(o->bytes, o->bytes + o->sent, o->size - o->sent);
        o->size -= o->sent;
        o->sent = 0;
    }
    return size <= SIZE_MAX - o->size && gf_grow(o->bytes, o->room, o->size + size);
}

static void put_number(gf_outgoing *o, uint64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        o->bytes[o->size++] = (uint8_t)(n >> (8 * (size - 1 - i)));
}

static void put_bytes(gf_outgoing *o, const void *bytes, size_t size)
{
    if (size)
        memcpy(o->bytes + o->size, bytes, size);
    o->size += size;
}

static bool put_head(gf_outgoing *o, gf_frame_kind kind, size_t body)
{
    if (body > UINT32_MAX - GF_FRAME_MIN || !make_room(o, GF_FRAME_HEAD + body))
        return false;
    put_number(o, GF_FRAME_MIN + body, 4);
    put_number(o, (uint64_t)kind, 1);
    return true;
}

bool gf_frame_put_welcome(gf_outgoing *o, const char *text)
{
    size_t size = strlen(text);
    if (!put_head(o, GF_FRAME_WELCOME, size))
        return false;
    put_bytes(o, text, size);
    return true;
}

bool gf_frame_put_task(gf_outgoing *o, const gf_frame_task *t)
{
    enum { FIXED = 3 * 4 + 2 * 8 + 4 + 2 * 4 };
    size_t id = strlen(t->id), type = strlen(t->type), queue = strlen(t->queue);
    if (!put_head(o, GF_FRAME_TASK, FIXED + id + type + queue + t->headers_size +
            t->checkpoint_size + t->payload_size))
        return false;
    put_number(o, t->ref, 4);
    put_number(o, (uint64_t)t->attempt, 4);
    put_number(o, (uint64_t)t->max_retry, 4);
    put_number(o, (uint64_t)t->timeout_ms, 8);
    put_number(o, (uint64_t)t->deadline_ms, 8);
    put_number(o, t->has_checkpoint, 1);
    put_number(o, id, 1);
    put_number(o, type, 1);
    put_number(o, queue, 1);
    put_number(o, t->headers_size, 4);
    put_number(o, t->checkpoint_size, 4);
    put_bytes(o, t->id, id);
    put_bytes(o, t->type, type);
    put_bytes(o, t->queue, queue);
    put_bytes(o, t->headers, t->headers_size);
    put_bytes(o, t->checkpoint, t->checkpoint_size);
    put_bytes(o, t->payload, t->payload_size);
    return true;
}

bool gf_frame_put_group(gf_outgoing *o, const gf_frame_group *g)
{
    enum { FIXED = 4 + 1 + 8 + 4 + 2, EACH = 2 + 2 * 4 };
    size_t group = strlen(g->group), queue = strlen(g->queue), body = FIXED + group + queue;
    for (size_t i = 0; i < g->count; i++) {
        const gf_frame_member *m = &g->members[i];
        body += EACH + strlen(m->id) + strlen(m->type) + m->headers_size + m->payload_size;
    }
    if (!put_head(o, GF_FRAME_GROUP, body))
        return false;
    put_number(o, g->ref, 4);
    put_number(o, g->more, 1);
    put_number(o, (uint64_t)g->time_ms, 8);
    put_number(o, g->count, 4);
    put_number(o, group, 1);
    put_number(o, queue, 1);
    put_bytes(o, g->group, group);
    put_bytes(o, g->queue, queue);
    for (size_t i = 0; i < g->count; i++) {
        const gf_frame_member *m = &g->members[i];
        size_t id = strlen(m->id), type = strlen(m->type);
        put_number(o, id, 1);
        put_number(o, type, 1);
        put_number(o, m->headers_size, 4);
        put_number(o, m->payload_size, 4);
        put_bytes(o, m->id, id);
        put_bytes(o, m->type, type);
        put_bytes(o, m->headers, m->headers_size);
        put_bytes(o, m->payload, m->payload_size);
    }
    return true;
}

bool gf_frame_put_cancel(gf_outgoing *o, uint32_t ref, int32_t why)
{
    if (!put_head(o, GF_FRAME_CANCEL, 5))
        return false;
    put_number(o, ref, 4);
    put_number(o, (uint64_t)why, 1);
    return true;
}

bool gf_frame_put_answer(gf_outgoing *o, uint32_t ref, uint32_t number, gofer_status status,
    const void *bytes, size_t size)
{
    enum { FIXED = 3 * 4 + 1 };
    if (!put_head(o, GF_FRAME_ANSWER, FIXED + size))
        return false;
    put_number(o, ref, 4);
    put_number(o, number, 4);
    put_number(o, (uint64_t)(int64_t)status, 4);
    put_number(o, bytes != NULL, 1);
    put_bytes(o, bytes, size);
    return true;
}

bool gf_frame_put_recall(gf_outgoing *o)
{
    return put_head(o, GF_FRAME_RECALL, 0);
}

bool gf_frame_put_stop(gf_outgoing *o, int64_t grace_ms)
{
    if (!put_head(o, GF_FRAME_STOP, 8))
        return false;
    put_number(o, (uint64_t)grace_ms, 8);
    return true;
}
