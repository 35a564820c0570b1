// fuzz_frames.c - any bytes as what a child writes: no crash, nothing outside of them is read, and
// however they are cut the same frames are found.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "handler/children/combined.h"
#include "handler/children/frame.h"
#include "handler/children/hello.h"

enum { FUZZ_LIMIT = 4096 };

static void require(int condition)
{
    if (!condition)
        abort();
}

// Every byte that a frame hands out is one of its own.
static void require_within(const uint8_t *from, size_t size, const void *part, size_t part_size)
{
    const uint8_t *at = part;
    require(part_size == 0 ||
        (at >= from && part_size <= size && (size_t)(at - from) <= size - part_size));
}

static void look_at_hello(const gf_frame *f)
{
    gf_hello hello;
    if (f->kind != GF_FRAME_HELLO || gf_hello_read(f->text, f->text_size, &hello) != GOFER_OK)
        return;
    require(hello.want <= GF_CHILD_WANT_MAX && hello.count <= GF_HELLO_TYPES_MAX);
    for (size_t i = 0; i < hello.count; i++)
        require(*hello.types[i].pattern != '\0' && hello.types[i].room <= hello.room_count);
    require(hello.room_count <= GF_HELLO_ROOMS_MAX);
    for (size_t i = 0; i < hello.room_count; i++)
        require(*hello.rooms[i].name != '\0' && hello.rooms[i].want <= GF_CHILD_WANT_MAX &&
            memchr(hello.rooms[i].name, '\0', sizeof hello.rooms[i].name));
    for (size_t i = 0; i < hello.groups.count; i++)
        require(*hello.groups.items[i] != '\0');
    gf_hello_clear(&hello);
}

static void look_at_combined(const gf_frame *f)
{
    gf_combined task;
    if (f->kind != GF_FRAME_END || gf_combined_read(f->text, f->text_size, &task) != GOFER_OK)
        return;
    require(task.type && strlen(task.type) < f->text_size && task.header_count % 2 == 0);
    for (size_t i = 0; i < task.header_count; i++)
        require(strlen(task.headers[i]) < f->text_size);
    gf_combined_clear(&task);
}

// A beginning of a frame is not taken for another one.
static void require_stable(const uint8_t *bytes, size_t used, const gf_frame *whole)
{
    gf_frame part;
    size_t ignored;
    const char *why;
    for (size_t cut = 0; cut < used; cut += cut < 32 ? 1 : 97) {
        require(gf_frame_read(bytes, cut, FUZZ_LIMIT, &part, &ignored, &why) == GF_FRAME_PART);
        require(part.ref == GF_FRAME_NO_REF || part.ref == whole->ref);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    gf_frame f;
    size_t used = 0;
    const char *why = NULL;
    // A copy of its own size: the sanitizer sees a byte that is read behind it.
    uint8_t *own = malloc(size ? size : 1);
    require(own != NULL);
    if (size)
        memcpy(own, data, size);
    for (size_t at = 0; at < size; at += used) {
        used = 0;
        gf_frame_found found = gf_frame_read(own + at, size - at, FUZZ_LIMIT, &f, &used, &why);
        require((found == GF_FRAME_BAD) == (why != NULL));
        if (found != GF_FRAME_WHOLE)
            break;
        require(used >= GF_FRAME_HEAD && used <= size - at && used <= FUZZ_LIMIT + 4);
        require_within(own + at, used, f.text, f.text_size);
        require_within(own + at, used, f.bytes, f.bytes_size);
        require_stable(own + at, used, &f);
        look_at_hello(&f);
        look_at_combined(&f);
    }
    free(own);
    return 0;
}
