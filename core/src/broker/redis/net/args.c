// args.c - the words of a command, and the hash slot of a key.
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "broker/redis/net/net.h"
#include "util/alloc.h"
#include "util/array.h"

// Numbers, and texts as short, are kept in chunks that never move, since words point into them.
enum { NUMBER_MAX = GF_RD_SHORT + 1, CHUNK_NUMBERS = 24 };

typedef struct chunk {
    struct chunk *next;
    size_t        used;
    char          numbers[CHUNK_NUMBERS][NUMBER_MAX];
} chunk;

void gf_rd_add_bytes(gf_rd_args *a, const void *bytes, size_t size)
{
    if (a->failed ||
        !gf_grow_columns(a->capacity, a->count + 1, GF_COLUMN(a->words), GF_COLUMN(a->sizes))) {
        a->failed = true;
        return;
    }
    a->words[a->count] = bytes ? bytes : "";
    a->sizes[a->count++] = size;
}

void gf_rd_add(gf_rd_args *a, const char *text)
{
    gf_rd_add_bytes(a, text, strlen(text));
}

// Faster than snprintf; `out` has room for NUMBER_MAX. Returns the length.
static size_t decimal(int64_t number, char *out)
{
    char digits[NUMBER_MAX];
    size_t count = 0, size = 0;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do
        digits[count++] = (char)('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (number < 0)
        out[size++] = '-';
    while (count > 0)
        out[size++] = digits[--count];
    out[size] = '\0';
    return size;
}

// Room for NUMBER_MAX bytes; NULL: no memory.
static char *room_in_chunk(gf_rd_args *a)
{
    chunk *c = a->numbers;
    if (!c || c->used == CHUNK_NUMBERS) {
        c = gf_alloc(sizeof *c);
        if (!c) {
            a->failed = true;
            return NULL;
        }
        c->next = a->numbers;
        c->used = 0;
        a->numbers = c;
    }
    return c->numbers[c->used++];
}

void gf_rd_add_int(gf_rd_args *a, int64_t number)
{
    char *text = room_in_chunk(a);
    if (text)
        gf_rd_add_bytes(a, text, decimal(number, text));
}

void gf_rd_add_short(gf_rd_args *a, const char *text)
{
    size_t size = strnlen(text, GF_RD_SHORT + 1);
    assert(size <= GF_RD_SHORT);
    char *copy = room_in_chunk(a);
    if (copy)
        gf_rd_add_bytes(a, memcpy(copy, text, size), size);
}

gf_rd_arg gf_rd_arg_text(const char *text)
{
    return gf_rd_arg_bytes(text, text ? strlen(text) : 0);
}

gf_rd_arg gf_rd_arg_bytes(const void *bytes, size_t size)
{
    return (gf_rd_arg){ .kind = GF_RD_BYTES, .bytes = bytes, .size = bytes ? size : 0 };
}

gf_rd_arg gf_rd_arg_int(int64_t number)
{
    return (gf_rd_arg){ .kind = GF_RD_INT, .number = number };
}

gf_rd_arg gf_rd_arg_short(const char *text)
{
    return (gf_rd_arg){ .kind = GF_RD_SHORT_TEXT, .bytes = text };
}

void gf_rd_add_all(gf_rd_args *a, const gf_rd_arg *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const gf_rd_arg *w = &words[i];
        assert(w->kind != GF_RD_NO_ARG);
        if (w->kind == GF_RD_INT)
            gf_rd_add_int(a, w->number);
        else if (w->kind == GF_RD_SHORT_TEXT)
            gf_rd_add_short(a, w->bytes);
        else
            gf_rd_add_bytes(a, w->bytes, w->size);
    }
}

void gf_rd_args_clear(gf_rd_args *a)
{
    for (chunk *c = a->numbers, *next; c; c = next) {
        next = c->next;
        gf_free(c);
    }
    gf_free(a->words);
    gf_free(a->sizes);
    *a = (gf_rd_args){ 0 };
}

void gf_rd_cmd_clear(gf_rd_cmd *cmd)
{
    gf_rd_args_clear(&cmd->args);
    if (cmd->reply)
        gf_rd_reply_free(cmd->reply);
    *cmd = (gf_rd_cmd){ 0 };
}

// CRC-16/XMODEM, four bits at a time: the table stays in one cache line.
static uint16_t crc16(const char *bytes, size_t size)
{
    static const uint16_t table[16] = {
        0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
        0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef,
    };
    uint16_t crc = 0;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)bytes[i];
        crc = (uint16_t)(crc << 4 ^ table[crc >> 12 ^ byte >> 4]);
        crc = (uint16_t)(crc << 4 ^ table[crc >> 12 ^ (byte & 15)]);
    }
    return crc;
}

int32_t gf_rd_slot(const char *key, size_t size)
{
    const char *open = memchr(key, '{', size);
    if (open) {
        const char *tag = open + 1;
        const char *close = memchr(tag, '}', size - (size_t)(tag - key));
        if (close && close > tag) {
            key = tag;
            size = (size_t)(close - tag);
        }
    }
    return crc16(key, size) % 16384;
}
