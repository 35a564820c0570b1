// pack.c - protobuf-c with bounds. See pack.h.
#include "broker/redis/wire/pack.h"

#include <assert.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/utf8.h"

enum {
    FIELD_MAX = 536870911,         // the largest number of a field
    ALIGN = 8,                     // of everything that protobuf-c keeps
    PIECE = 2 * ALIGN,             // what an allocation may waste, and its NUL
    SCANNED = 48,                  // protobuf-c notes each field; the first 16 on its stack
    SCANNED_FREE = 16,
    TRIES = 4                      // should another release of it need more
};

// ---- fields -------------------------------------------------------------------------------------

static bool varint(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    const uint8_t *p = *at;
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70 && p < end; shift += 7) {
        uint8_t byte = *p++;
        if (shift == 63 && byte > 1)
            return false;          // over 64 bits
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            *at = p;
            *out = value;
            return true;
        }
    }
    return false;
}

static bool skip(const uint8_t **at, const uint8_t *end, uint64_t size)
{
    if (size > (uint64_t)(end - *at))
        return false;
    *at += size;
    return true;
}

bool gf_wire_next(const uint8_t **at, const uint8_t *end, gf_wire_field *out)
{
    uint64_t tag, size;
    out->begin = *at;
    if (!varint(at, end, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_MAX)
        return false;
    out->number = (uint32_t)(tag >> 3);
    out->wire_type = (uint32_t)(tag & 7);

    bool good;
    switch (out->wire_type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        good = varint(at, end, &out->varint);
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        good = skip(at, end, 8);
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        good = varint(at, end, &size);
        if (good) {
            out->bytes = *at;
            out->size = (size_t)size;
            good = skip(at, end, size);
        }
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        good = skip(at, end, 4);
        break;
    default:
        good = false;
    }
    out->end = *at;
    return good;
}

// ---- checking -----------------------------------------------------------------------------------

// All our messages number their fields from 1 without a gap.
static const ProtobufCFieldDescriptor *known(const ProtobufCMessageDescriptor *kind,
    uint32_t number)
{
    if (number > kind->n_fields)
        return NULL;
    assert(kind->fields[number - 1].id == number);
    return &kind->fields[number - 1];
}

static bool check(const ProtobufCMessageDescriptor *kind, const uint8_t *at, const uint8_t *end,
    gf_wire_shape *shape);

static bool check_text(const gf_wire_field *f, gf_wire_shape *shape)
{
    if (f->size > 0 && memchr(f->bytes, '\0', f->size))
        shape->with_nul |= 1u << f->number;
    return gf_utf8_valid(f->bytes, f->size);
}

static bool check_inner(const ProtobufCFieldDescriptor *field, const gf_wire_field *f,
    gf_wire_shape *shape)
{
    gf_wire_shape inner = { 0 };
    if (!check(field->descriptor, f->bytes, f->bytes + f->size, &inner))
        return false;
    shape->room += inner.room;
    shape->inner++;
    shape->inner_size += (size_t)(f->end - f->begin);
    if (inner.with_nul)
        shape->with_nul |= 1u << f->number;
    return true;
}

static bool check_known(const ProtobufCFieldDescriptor *field, const gf_wire_field *f,
    gf_wire_shape *shape)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return f->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED && check_text(f, shape);
    case PROTOBUF_C_TYPE_BYTES:
        return f->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    case PROTOBUF_C_TYPE_MESSAGE:
        return f->wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED && check_inner(field, f, shape);
    default:
        return f->wire_type == PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

static bool check(const ProtobufCMessageDescriptor *kind, const uint8_t *at, const uint8_t *end,
    gf_wire_shape *shape)
{
    size_t fields = 0;
    shape->room += kind->sizeof_message + PIECE;
    while (at < end) {
        gf_wire_field f;
        if (!gf_wire_next(&at, end, &f))
            return false;
        const ProtobufCFieldDescriptor *field = known(kind, f.number);
        if (field && !check_known(field, &f, shape))
            return false;
        fields++;
        shape->room += PIECE;
        if (!field || f.wire_type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
            shape->room += (size_t)(f.end - f.begin);
        if (!field)
            shape->room += sizeof(ProtobufCMessageUnknownField);
        else if (field->label == PROTOBUF_C_LABEL_REPEATED)
            shape->room += sizeof(void *);
    }
    if (fields > SCANNED_FREE)
        shape->room += 2 * fields * SCANNED;   // it doubles its slabs
    return true;
}

bool gf_wire_check(const ProtobufCMessageDescriptor *kind, const void *bytes, size_t size,
    gf_wire_shape *out)
{
    static const uint8_t nothing[1];
    const uint8_t *at = size > 0 ? bytes : nothing;
    *out = (gf_wire_shape){ 0 };
    return check(kind, at, at + size, out);
}

gofer_status gf_wire_corrupt(const ProtobufCMessageDescriptor *kind, size_t size)
{
    return gf_fail(GOFER_ECORRUPT,
        "a %s of %zu bytes cannot be read: it is cut short, or not what Asynq writes",
        kind->short_name, size);
}

// ---- unpacking ----------------------------------------------------------------------------------

void *gf_wire_box_alloc(gf_wire_box *box, size_t size)
{
    size_t need = (size + 1 + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (need <= size || need > box->capacity - box->used) {
        box->full = true;
        return NULL;
    }
    unsigned char *piece = box->base + box->used;
    piece[size] = '\0';
    box->used += need;
    return piece;
}

static void *alloc_piece(void *box, size_t size)
{
    return gf_wire_box_alloc(box, size);
}

static void keep_piece(void *box, void *piece)
{
    (void)box;
    (void)piece;
}

static ProtobufCMessage *unpack_into(gf_wire_box *box, const gf_wire_packed *packed)
{
    ProtobufCAllocator allocator = { alloc_piece, keep_piece, box };
    return protobuf_c_message_unpack(packed->kind, &allocator, packed->size, packed->bytes);
}

gofer_status gf_wire_unpack(const gf_wire_packed *packed, const gf_wire_shape *shape, size_t front,
    size_t spare, gf_wire_box *box, ProtobufCMessage **message)
{
    front = (front + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    size_t room = shape->room;
    for (int i = 0; i < TRIES; i++, room *= 2) {
        size_t capacity = front + room + spare + PIECE;
        *box = (gf_wire_box){ gf_alloc(capacity), front, capacity - spare, false };
        if (!box->base)
            return gf_fail_nomem("a message");
        memset(box->base, 0, front);
        *message = unpack_into(box, packed);
        if (*message) {
            box->capacity = capacity;
            return GOFER_OK;
        }
        gf_free(box->base);
        if (!box->full)
            break;
    }
    return gf_wire_corrupt(packed->kind, packed->size);
}

// ---- packing ------------------------------------------------------------------------------------

static bool texts_valid(const ProtobufCMessage *message);

// One element: all of a field that is not repeated.
static bool element_valid(const ProtobufCFieldDescriptor *field, const void *element)
{
    const void *value = *(const void *const *)element;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return !value || gf_utf8_valid(value, strlen(value));
    return !value || texts_valid(value);
}

static bool texts_valid(const ProtobufCMessage *message)
{
    const char *base = (const char *)message;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_MESSAGE)
            continue;
        const char *at = base + field->offset;
        size_t count = 1;
        if (field->label == PROTOBUF_C_LABEL_REPEATED) {
            count = *(const size_t *)(const void *)(base + field->quantifier_offset);
            at = *(const char *const *)(const void *)at;
        }
        for (size_t k = 0; k < count; k++)
            if (!element_valid(field, at + k * sizeof(void *)))
                return false;
    }
    return true;
}

gofer_status gf_wire_pack(const ProtobufCMessage *message, gf_bytes *out)
{
    if (!texts_valid(message))
        return gf_fail(GOFER_EINVAL, "a text in the %s is not valid UTF-8",
            message->descriptor->short_name);
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = gf_alloc(size + 1);
    if (!bytes)
        return gf_fail_nomem("a message");
    protobuf_c_message_pack(message, bytes);
    *out = (gf_bytes){ bytes, size };
    return GOFER_OK;
}

void gf_bytes_clear(gf_bytes *b)
{
    gf_free(b->bytes);
    *b = (gf_bytes){ NULL, 0 };
}
