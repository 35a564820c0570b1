// pack.h - protobuf-c with bounds: any of our messages to bytes, and bytes to one allocation.
//
// May touch: util/, protobuf-c. Pure. protobuf-c trusts more than we may: it takes strings that are
// not UTF-8, cuts them at a NUL, and older releases misread lengths made to harm. So bytes are
// checked here first, by the descriptor of the message, and only what is well-formed reaches it.
#ifndef GF_BROKER_REDIS_WIRE_PACK_H
#define GF_BROKER_REDIS_WIRE_PACK_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "broker/redis/wire/wire.h"

// ---- one field after the other ---------------------------------------------------------------

typedef struct gf_wire_field {
    uint32_t       number;
    uint32_t       wire_type;      // 0 varint, 1 eight bytes, 2 bytes with their
                                   //   length, 5 four bytes
    uint64_t       varint;         // wire type 0
    const uint8_t *bytes;          // wire type 2: what follows the length
    size_t         size;
    const uint8_t *begin, *end;    // the whole field, tag included
} gf_wire_field;

// The field at *at; false: malformed (groups are, too: Asynq never had any). *at < end on entry.
bool gf_wire_next(const uint8_t **at, const uint8_t *end, gf_wire_field *out);

// ---- checking -------------------------------------------------------------------------------

typedef struct gf_wire_shape {
    size_t   room;                 // bytes that unpacking may need
    size_t   inner;                // messages inside (map entries, times)
    size_t   inner_size;           // their bytes, tags and lengths included
    uint32_t with_nul;             // bit n: field n holds a NUL in a string
} gf_wire_shape;

// Would a Go peer decode it? False: truncated, not UTF-8, a known field of another type.
bool gf_wire_check(const ProtobufCMessageDescriptor *kind, const void *bytes, size_t size,
    gf_wire_shape *out);

// ---- unpacking --------------------------------------------------------------------------------

// One allocation: `front` bytes of the caller's, cleared; then the message and its parts; then room
// for gf_wire_box_alloc. Pieces have a NUL behind them.
typedef struct gf_wire_box {
    unsigned char *base;           // gf_free frees it all
    size_t         used, capacity;
    bool           full;           // an allocation was refused
} gf_wire_box;

// A message as it came, and what kind it shall be.
typedef struct gf_wire_packed {
    const ProtobufCMessageDescriptor *kind;
    const void *bytes;
    size_t      size;
} gf_wire_packed;

// It was checked, shape is what came of it; spare: for gf_wire_box_alloc. OK: *message leads into
// the box. ENOMEM; ECORRUPT: protobuf-c does not read it.
gofer_status gf_wire_unpack(const gf_wire_packed *packed, const gf_wire_shape *shape, size_t front,
    size_t spare, gf_wire_box *box, ProtobufCMessage **message);
void *gf_wire_box_alloc(gf_wire_box *box, size_t size);    // never fails within the spare room

gofer_status gf_wire_corrupt(const ProtobufCMessageDescriptor *kind, size_t size);

// ---- packing ----------------------------------------------------------------------------------

// EINVAL: a string is not UTF-8 (which would stop every Go peer that meets it).
gofer_status gf_wire_pack(const ProtobufCMessage *message, gf_bytes *out);

#endif
