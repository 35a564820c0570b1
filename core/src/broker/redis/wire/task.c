// task.c - TaskMessage to and from gf_message (wire.md section 3). See wire.h.
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asynq.pb-c.h"
#include "broker/redis/wire/pack.h"
#include "message/options.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/utf8.h"

#define TASK_KIND (&asynq__task_message__descriptor)

// The headers of ours: what a value has below its second.
static const char timeout_key[] = "gofer-timeout-ms";
static const char deadline_key[] = "gofer-deadline-ms";
static const char retention_key[] = "gofer-retention-ms";

enum {
    OUR_HEADERS = 3,
    FEW_HEADERS = 16,
    NUMBER_TEXT = 24,
    PAYLOAD = 2,                   // its field's number,
    TASK_ID = 3,                   //   and this one's
    LARGE_PAYLOAD = 1024,          // over this it is not held twice
    BEHIND_WASTE = 16              // of an allocation in a box
};

typedef struct given_bytes {
    const void *bytes;
    size_t      size;
} given_bytes;

static const int64_t last_time_s = INT64_C(253402300799);      // the year 9999 ends

static bool is_ours(const char *key)
{
    return gf_header_is_ours(key) &&
        (strcmp(key, timeout_key) == 0 || strcmp(key, deadline_key) == 0 ||
            strcmp(key, retention_key) == 0);
}

// ---- encoding ---------------------------------------------------------------------------

typedef struct header_list {
    Asynq__Header  *items;
    Asynq__Header **pointers;      // what protobuf-c wants
    size_t          count;
    Asynq__Header   few_items[FEW_HEADERS];
    Asynq__Header  *few_pointers[FEW_HEADERS];
    char            numbers[OUR_HEADERS][NUMBER_TEXT];
    size_t          number_count;
    uint8_t         zero;
    ProtobufCMessageUnknownField empty_value;
} header_list;

static size_t count_headers(const gf_message *m)
{
    size_t count = 0, at = 0;
    const char *key, *value;
    while (gf_headers_next(m->headers, m->headers_size, &at, &key, &value))
        count++;
    return count;
}

static bool headers_init(header_list *l, const gf_message *m)
{
    size_t capacity = count_headers(m) + OUR_HEADERS;
    l->items = l->few_items;
    l->pointers = l->few_pointers;
    l->count = l->number_count = 0;
    l->zero = 0;
    l->empty_value =
        (ProtobufCMessageUnknownField){ 2, PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED, 1, &l->zero };
    if (capacity <= FEW_HEADERS)
        return true;
    l->items = gf_alloc(capacity * sizeof *l->items);
    l->pointers = gf_alloc(capacity * sizeof(Asynq__Header *));
    return l->items && l->pointers;
}

static void headers_clear(header_list *l)
{
    if (l->items != l->few_items)
        gf_free(l->items);
    if (l->pointers != l->few_pointers)
        gf_free(l->pointers);
}

// Go writes both parts of an entry always; protobuf-c leaves empty ones out, but not what it takes
// for a field it does not know.
static void add_header(header_list *l, const char *key, const char *value)
{
    Asynq__Header *h = &l->items[l->count];
    asynq__header__init(h);
    h->key = (char *)key;
    h->value = (char *)value;
    if (value[0] == '\0') {
        h->base.n_unknown_fields = 1;
        h->base.unknown_fields = &l->empty_value;
    }
    l->pointers[l->count++] = h;
}

// Returns the value in seconds, and notes in a header what that does not say.
static int64_t add_ms(header_list *l, const char *key, int64_t ms)
{
    if (ms % 1000 != 0) {
        char *text = l->numbers[l->number_count++];
        snprintf(text, NUMBER_TEXT, "%lld", (long long)ms);
        add_header(l, key, text);
    }
    return gf_seconds_up(ms);
}

static int by_key(const void *a, const void *b)
{
    const Asynq__Header *x = *(Asynq__Header *const *)a, *y = *(Asynq__Header *const *)b;
    int order = strcmp(x->key, y->key);
    // Both lie in one block of memory, in their order: the last one of a name counts.
    return order != 0 ? order : (x > y) - (x < y);
}

// The message's own.
static void add_headers(header_list *l, const gf_message *m)
{
    size_t at = 0;
    const char *key, *value;
    while (gf_headers_next(m->headers, m->headers_size, &at, &key, &value))
        if (!is_ours(key))
            add_header(l, key, value);
}

static gofer_status encode(const gf_message *m, const char *unique_key, const char *group,
    header_list *headers, gf_bytes *out)
{
    Asynq__TaskMessage t = ASYNQ__TASK_MESSAGE__INIT;
    t.type = (char *)m->type;
    t.payload = (ProtobufCBinaryData){ m->payload_size, (uint8_t *)m->payload };
    t.id = (char *)m->id;
    t.queue = (char *)m->queue;
    t.retry = m->max_retry;
    t.retried = m->retried;
    t.error_msg = (char *)m->last_error;
    t.unique_key = (char *)unique_key;
    t.last_failed_at = m->last_failed_ms / 1000;
    t.group_key = (char *)group;

    add_headers(headers, m);
    t.timeout = add_ms(headers, timeout_key, m->timeout_ms);
    t.deadline = add_ms(headers, deadline_key, m->deadline_ms);
    t.retention = add_ms(headers, retention_key, m->retention_ms);
    if (headers->count > 1)
        qsort(headers->pointers, headers->count, sizeof(Asynq__Header *), by_key);
    t.n_headers = headers->count;
    t.headers = headers->pointers;
    return gf_wire_pack(&t.base, out);
}

gofer_status gf_wire_task_encode(const gf_message *m, const char *unique_key, const char *group,
    gf_bytes *out)
{
    header_list headers;
    gofer_status st = headers_init(&headers, m) ? encode(m, unique_key, group, &headers, out)
                                                : gf_fail_nomem("headers");
    headers_clear(&headers);
    return st;
}

void gf_wire_task_id_at(const gf_bytes *message, size_t *before, size_t *size)
{
    const uint8_t *begin = message->bytes, *at = begin, *end = begin + message->size;
    gf_wire_field f;
    *before = message->size;
    *size = 0;
    while (at < end && gf_wire_next(&at, end, &f))
        if (f.number == TASK_ID) {
            *before = (size_t)(f.begin - begin);
            *size = (size_t)(f.end - f.begin);
        }
}

// ---- decoding ---------------------------------------------------------------------------

// Anybody's numbers as ours: none below zero, none so large that sums would overflow.
static int64_t to_ms(int64_t seconds, int64_t most_ms)
{
    return seconds <= 0 ? 0 : seconds > most_ms / 1000 ? most_ms : seconds * 1000;
}

static int64_t time_ms(int64_t seconds)
{
    return to_ms(seconds, last_time_s * 1000);
}

// Of a timeout or deadline: Asynq takes a negative one for over, and 0 for none.
static int64_t limit_ms(int64_t seconds, int64_t most_ms)
{
    return seconds < 0 ? 1 : to_ms(seconds, most_ms);
}

static void believe(const char *text, int64_t seconds, int64_t *ms)
{
    if (text[0] < '1' || text[0] > '9' || strspn(text, "0123456789") != strlen(text) ||
        strlen(text) > 18)
        return;
    int64_t exact = strtoll(text, NULL, 10);
    if (gf_seconds_up(exact) == seconds)
        *ms = exact;
}

static void our_header(const Asynq__Header *h, const Asynq__TaskMessage *t, gf_message *m)
{
    if (strcmp(h->key, timeout_key) == 0)
        believe(h->value, t->timeout, &m->timeout_ms);
    else if (strcmp(h->key, deadline_key) == 0)
        believe(h->value, t->deadline, &m->deadline_ms);
    else
        believe(h->value, t->retention, &m->retention_ms);
}

static char *append(char *at, const char *text)
{
    size_t size = strlen(text) + 1;
    memcpy(at, text, size);
    return at + size;
}

// Packs them sorted, of each name the last as Go's map does.
static void take_headers(gf_wire_box *box, const Asynq__TaskMessage *t, gf_message *m)
{
    size_t size = 0;
    qsort(t->headers, t->n_headers, sizeof *t->headers, by_key);
    for (size_t i = 0; i < t->n_headers; i++)
        size += strlen(t->headers[i]->key) + strlen(t->headers[i]->value) + 2;

    char *packed = gf_wire_box_alloc(box, size), *at = packed;
    assert(packed);                // decode() left room for it
    for (size_t i = 0; i < t->n_headers; i++) {
        const Asynq__Header *h = t->headers[i];
        if (i + 1 < t->n_headers && strcmp(h->key, t->headers[i + 1]->key) == 0)
            continue;
        if (is_ours(h->key)) {
            our_header(h, t, m);
        } else {
            at = append(at, h->key);
            at = append(at, h->value);
        }
    }
    m->headers_size = (size_t)(at - packed);
    m->headers = m->headers_size > 0 ? packed : NULL;
}

static const char *text_or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

static void take_task(gf_wire_box *box, const Asynq__TaskMessage *t, gf_wire_task *out)
{
    out->unique_key = text_or_null(t->unique_key);
    out->group = text_or_null(t->group_key);
    out->completed_ms = time_ms(t->completed_at);
    out->message = (gf_message){
        .id = t->id, .type = t->type, .queue = t->queue,
        .payload = t->payload.len > 0 ? t->payload.data : NULL, .payload_size = t->payload.len,
        .last_error = text_or_null(t->error_msg),
        .timeout_ms = limit_ms(t->timeout, GOFER_MAX_DURATION_MS),
        .deadline_ms = limit_ms(t->deadline, last_time_s * 1000),
        .retention_ms = to_ms(t->retention, GOFER_MAX_DURATION_MS),
        .last_failed_ms = time_ms(t->last_failed_at),
        .max_retry = t->retry > 0 ? t->retry : 0,
        .retried = t->retried > 0 ? t->retried : 0,
    };
    if (t->n_headers > 0)
        take_headers(box, t, &out->message);
}

// C strings end at a NUL. In an error's text or the queue (which the key tells) the rest is no
// loss; elsewhere another name or value would come of it.
static bool nul_matters(uint32_t with_nul)
{
    enum { QUEUE = 4, ERROR_MSG = 7 };
    return (with_nul & ~(1u << QUEUE | 1u << ERROR_MSG)) != 0;
}

// Behind the message: room for `behind` bytes and a NUL, at *room.
static gofer_status decode(given_bytes given, size_t extra, size_t behind, void **out,
    void **room)
{
    const void *bytes = given.bytes;
    size_t size = given.size;
    assert(extra % _Alignof(gf_wire_task) == 0);
    gf_wire_shape shape;
    if (!gf_wire_check(TASK_KIND, bytes, size, &shape))
        return gf_wire_corrupt(TASK_KIND, size);
    if (nul_matters(shape.with_nul))
        return gf_fail(GOFER_ECORRUPT,
            "a task's type, id, lock, group or header holds a NUL byte, which gofer cannot keep");

    gf_wire_box box;
    ProtobufCMessage *message;
    size_t headers = shape.inner > 0 ? shape.inner_size + 16 : 0;   // packed they are no longer
                                                                    //   than so
    gofer_status st = gf_wire_unpack(&(gf_wire_packed){ TASK_KIND, bytes, size }, &shape,
        extra + sizeof(gf_wire_task), headers + (behind ? behind + BEHIND_WASTE : 0), &box,
        &message);
    if (st != GOFER_OK)
        return st;
    take_task(&box, (const Asynq__TaskMessage *)message, (gf_wire_task *)(box.base + extra));
    *room = behind ? gf_wire_box_alloc(&box, behind) : NULL;
    assert(*room || !behind);
    *out = box.base;
    return GOFER_OK;
}

gofer_status gf_wire_task_decode(const void *bytes, size_t size, size_t extra, void **out)
{
    void *none;
    return decode((given_bytes){ bytes, size }, extra, 0, out, &none);
}

// ---- holding ------------------------------------------------------------------------------

// The last payload, which is the one that counts; false: it is too small to be worth it, or there
// is none, or the message cannot be read.
static bool find_large_payload(const void *bytes, size_t size, gf_wire_field *out)
{
    const uint8_t *at = bytes, *end = at + size;
    gf_wire_field f;
    *out = (gf_wire_field){ .size = 0 };
    if (size <= LARGE_PAYLOAD)
        return false;
    while (at < end) {
        if (!gf_wire_next(&at, end, &f))
            return false;
        if (f.number == PAYLOAD && f.wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            *out = f;
    }
    return out->size > LARGE_PAYLOAD;
}

static gofer_status hold_whole(given_bytes given, size_t extra, gf_wire_held *out)
{
    void *stored;
    gofer_status st = decode(given, extra, given.size + 1, &out->memory, &stored);
    if (st != GOFER_OK)
        return st;
    if (given.size > 0)
        memcpy(stored, given.bytes, given.size);
    out->stored = stored;
    out->stored_size = given.size;
    return GOFER_OK;
}

// The other fields are decoded without it, and it is put behind them: which of several fields comes
// first means nothing, but for those of one number.
static gofer_status hold_apart(given_bytes given, const gf_wire_field *payload, size_t extra,
    gf_wire_held *out)
{
    const uint8_t *begin = given.bytes, *end = begin + given.size;
    size_t front = (size_t)(payload->begin - begin), back = (size_t)(end - payload->end),
           field = (size_t)(payload->end - payload->begin);
    uint8_t *rest = gf_alloc(front + back + 1);
    void *stored;
    if (!rest)
        return gf_fail_nomem("a message");
    memcpy(rest, begin, front);
    memcpy(rest + front, payload->end, back);
    gofer_status st =
        decode((given_bytes){ rest, front + back }, extra, given.size, &out->memory, &stored);
    if (st == GOFER_OK) {
        uint8_t *to = stored;
        memcpy(to, rest, front + back);
        memcpy(to + front + back, payload->begin, field);      // the box has put a NUL behind it
        gf_wire_task *task = (gf_wire_task *)((char *)out->memory + extra);
        task->message.payload = to + given.size - payload->size;
        task->message.payload_size = payload->size;
        out->stored = stored;
        out->stored_size = given.size;
    }
    gf_free(rest);
    return st;
}

gofer_status gf_wire_task_hold(const void *bytes, size_t size, size_t extra, gf_wire_held *out)
{
    given_bytes given = { bytes, size };
    gf_wire_field payload;
    return find_large_payload(bytes, size, &payload) ? hold_apart(given, &payload, extra, out)
                                                     : hold_whole(given, extra, out);
}

// ---- changing ---------------------------------------------------------------------------
//
// Not decoded and encoded again, since that would lose what C strings or the table do not hold: the
// fields that change are left out and put behind the rest, where the last one of a number counts.

enum {
    RETRIED = 6,
    ERROR_TEXT = 7,
    LAST_FAILED_AT = 11,
    COMPLETED_AT = 13,
    HEADERS = 15
};

static uint32_t changed_fields(const gf_wire_change *c)
{
    uint32_t set = 0;
    if (c->set_failed)
        set |= 1u << ERROR_TEXT | 1u << LAST_FAILED_AT;
    if (c->add_retried != 0)
        set |= 1u << RETRIED;
    if (c->completed_ms != 0)
        set |= 1u << COMPLETED_AT;
    if (c->set_payload)
        set |= 1u << PAYLOAD;
    if (c->set_headers)
        set |= 1u << HEADERS;
    return set;
}

// An entry of the headers that is ours: it says what belongs to another field.
static bool is_our_entry(const gf_wire_field *entry)
{
    const uint8_t *at = entry->bytes, *end = at + entry->size;
    char key[32] = "";
    gf_wire_field f;
    while (at < end && gf_wire_next(&at, end, &f))
        if (f.number == 1 && f.wire_type == 2)
            snprintf(key, sizeof key, "%.*s", f.size < sizeof key ? (int)f.size : 0,
                (const char *)f.bytes);
    return is_ours(key);
}

// Copies the fields that stay and returns the end; *retried: what the message said.
static uint8_t *copy_others(uint8_t *to, const uint8_t *at, const uint8_t *end, uint32_t changed,
    int32_t *retried)
{
    gf_wire_field f;
    while (at < end && gf_wire_next(&at, end, &f)) {
        if (f.number == RETRIED)
            *retried = (int32_t)(uint32_t)f.varint;
        if (f.number < 32 && changed >> f.number & 1 && !(f.number == HEADERS && is_our_entry(&f)))
            continue;
        memcpy(to, f.begin, (size_t)(f.end - f.begin));
        to += f.end - f.begin;
    }
    return to;
}

static int32_t add_within(int32_t a, int32_t b)
{
    int64_t sum = (int64_t)a + b;
    return sum > INT32_MAX ? INT32_MAX : sum < INT32_MIN ? INT32_MIN : (int32_t)sum;
}

static gofer_status change_with(const void *bytes, size_t size, const gf_wire_change *c,
    const char *error, header_list *headers, gf_bytes *out)
{
    Asynq__TaskMessage patch = ASYNQ__TASK_MESSAGE__INIT;
    patch.n_headers = headers->count;
    patch.headers = headers->pointers;
    if (c->set_failed) {
        patch.error_msg = (char *)error;
        patch.last_failed_at = c->last_failed_ms / 1000;
    }
    if (c->set_payload)
        patch.payload = (ProtobufCBinaryData){ c->payload_size, (uint8_t *)c->payload };
    patch.completed_at = c->completed_ms / 1000;
    patch.retried = INT32_MIN;     // the longest it can become

    uint8_t *result = gf_alloc(size + protobuf_c_message_get_packed_size(&patch.base) + 1);
    if (!result)
        return gf_fail_nomem("a message");
    int32_t retried = 0;
    uint8_t *end = size > 0
        ? copy_others(result, bytes, (const uint8_t *)bytes + size, changed_fields(c), &retried)
        : result;
    patch.retried = c->add_retried != 0 ? add_within(retried, c->add_retried) : 0;
    end += protobuf_c_message_pack(&patch.base, end);
    *out = (gf_bytes){ result, (size_t)(end - result) };
    return GOFER_OK;
}

static gofer_status change(const void *bytes, size_t size, const gf_wire_change *c,
    const char *error, gf_bytes *out)
{
    header_list headers;
    gf_message m = { .headers = c->set_headers ? c->headers : NULL,
        .headers_size = c->set_headers ? c->headers_size : 0 };
    gofer_status st = headers_init(&headers, &m) ? GOFER_OK : gf_fail_nomem("headers");
    if (st == GOFER_OK) {
        add_headers(&headers, &m);
        st = change_with(bytes, size, c, error, &headers, out);
    }
    headers_clear(&headers);
    return st;
}

gofer_status gf_wire_task_change(const void *bytes, size_t size, const gf_wire_change *c,
    gf_bytes *out)
{
    gf_wire_shape shape;
    if (!gf_wire_check(TASK_KIND, bytes, size, &shape))
        return gf_wire_corrupt(TASK_KIND, size);

    const char *error = c->set_failed && c->error ? c->error : "";
    size_t length = strlen(error);
    if (gf_utf8_valid(error, length))
        return change(bytes, size, c, error, out);

    char *clean = gf_alloc(3 * length + 1);
    if (!clean)
        return gf_fail_nomem("an error's text");
    gf_utf8_clean(error, length, clean, 3 * length + 1);
    gofer_status st = change(bytes, size, c, clean, out);
    gf_free(clean);
    return st;
}
