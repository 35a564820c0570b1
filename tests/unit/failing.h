// failing.h - an allocator that grants so many allocations of a thread and then no more.
#ifndef TESTS_UNIT_FAILING_H
#define TESTS_UNIT_FAILING_H

#include <stdbool.h>
#include <stdlib.h>

static _Thread_local int fail_after = -1;  // so many are granted; negative: all

static bool grant(void)
{
    if (fail_after == 0)
        return false;
    fail_after -= fail_after > 0;
    return true;
}

static void *test_alloc(size_t size)
{
    return grant() ? malloc(size) : NULL;
}

static void *test_realloc(void *memory, size_t size)
{
    return grant() ? realloc(memory, size) : NULL;
}

#endif
