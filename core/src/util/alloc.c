// alloc.c - one replaceable table of malloc, realloc and free.
//
// The one piece of process-wide state in the library: memory handed out must outlive the
// handle it came from and be freed by gofer_free without one. It is set at most once, before
// the first allocation, and read-only from then on.
#include "util/alloc.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gofer/gofer.h"
#include "util/error.h"

enum { OPEN, SETTING, CLOSED };   // CLOSED: in use, no longer to be replaced

static struct {
    _Atomic int state;
    void *(*allocate)(size_t size);
    void *(*reallocate)(void *memory, size_t size);
    void (*release)(void *memory);
} table = { .state = OPEN, .allocate = malloc, .reallocate = realloc, .release = free };

static void close_table(void)
{
    if (atomic_load_explicit(&table.state, memory_order_acquire) != CLOSED)
        atomic_store_explicit(&table.state, CLOSED, memory_order_release);
}

gofer_status gofer_set_allocator(void *(*allocate)(size_t size),
    void *(*reallocate)(void *memory, size_t size), void (*release)(void *memory))
{
    if (!allocate || !reallocate || !release)
        return gf_fail(GOFER_EINVAL, "gofer_set_allocator needs all three functions");

    int open = OPEN;
    if (!atomic_compare_exchange_strong(&table.state, &open, SETTING))
        return gf_fail(GOFER_ESTATE,
            "the allocator can only be set before any other call into gofer");
    table.allocate = allocate;
    table.reallocate = reallocate;
    table.release = release;
    close_table();
    return GOFER_OK;
}

void *gf_alloc(size_t size)
{
    close_table();
    return table.allocate(size ? size : 1);
}

void *gf_calloc(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    void *memory = gf_alloc(count * size);
    if (memory)
        memset(memory, 0, count * size);
    return memory;
}

void *gf_realloc(void *memory, size_t size)
{
    close_table();
    return table.reallocate(memory, size ? size : 1);
}

void gf_free(void *memory)
{
    if (memory)
        table.release(memory);
}

char *gf_strdup(const char *text)
{
    return gf_memdup(text, strlen(text));
}

void *gf_memdup(const void *bytes, size_t size)
{
    if (size == SIZE_MAX)
        return NULL;
    char *copy = gf_alloc(size + 1);
    if (!copy)
        return NULL;
    if (size)
        memcpy(copy, bytes, size);
    copy[size] = '\0';
    return copy;
}

void gofer_free(void *memory)
{
    gf_free(memory);
}
