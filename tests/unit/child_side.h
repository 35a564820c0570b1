// child_side.h - what the children of tests say: frames, written to the socket that a child is
// given.
#ifndef TESTS_UNIT_CHILD_SIDE_H
#define TESTS_UNIT_CHILD_SIDE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHILD_FD = 3, RESULT_MAX = 4096 };

__attribute__((unused)) static uint32_t number_at(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

__attribute__((unused)) static size_t put_number(uint8_t *out, uint64_t n, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (uint8_t)(n >> (8 * (size - 1 - i)));
    return size;
}

__attribute__((unused)) static void say_bytes(const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size) {
        ssize_t n = write(CHILD_FD, at, size);
        if (n <= 0)
            _exit(9);
        at += n;
        size -= (size_t)n;
    }
}

__attribute__((unused)) static void say_frame(char kind, const void *body, size_t size)
{
    uint8_t head[5];
    put_number(head, size + 1, 4);
    head[4] = (uint8_t)kind;
    say_bytes(head, 5);
    say_bytes(body, size);
}

__attribute__((unused)) static void say_ref(char kind, uint32_t ref)
{
    uint8_t body[4];
    put_number(body, ref, 4);
    say_frame(kind, body, 4);
}

__attribute__((unused)) static void say_end(
    uint32_t ref, int outcome, int64_t delay_ms, const char *text, const char *result)
{
    uint8_t body[RESULT_MAX];
    size_t at = put_number(body, ref, 4);
    body[at++] = (uint8_t)outcome;
    at += put_number(body + at, (uint64_t)delay_ms, 8);
    at += put_number(body + at, strlen(text), 4);
    at += (size_t)snprintf((char *)body + at, sizeof body - at, "%s%s", text, result);
    say_frame('e', body, at);
}

__attribute__((unused)) static bool is(const char *text, const char *word)
{
    return strcmp(text, word) == 0;
}

#endif
