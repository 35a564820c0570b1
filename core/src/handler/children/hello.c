// hello.c - reads what a child says first.
//
// May touch: util/. Whether the types can be registered is the caller's to see.
#include "handler/children/hello.h"

#include <stdbool.h>
#include <string.h>

#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/utf8.h"

typedef struct word {
    const char *text;
    size_t      size;
} word;

static bool is(word w, const char *text)
{
    return w.size == strlen(text) && memcmp(w.text, text, w.size) == 0;
}

// Takes what stands before the first `end` (or all) from *rest, and the `end` with it.
static word cut(word *rest, char end)
{
    const char *at = rest->size ? memchr(rest->text, end, rest->size) : NULL;
    word first = { rest->text, at ? (size_t)(at - rest->text) : rest->size };
    size_t gone = first.size + (at != NULL);
    rest->text += gone;
    rest->size -= gone;
    return first;
}

// A number from 0 to max; -1: it is none.
static long number(word w, long max)
{
    long n = 0;
    for (size_t i = 0; i < w.size; i++) {
        if (w.text[i] < '0' || w.text[i] > '9' || n > max)
            return -1;
        n = 10 * n + (w.text[i] - '0');
    }
    return w.size && n <= max ? n : -1;
}

static bool is_text(word w)
{
    return w.size > 0 && !memchr(w.text, '\0', w.size);
}

static gofer_status add_type(gf_hello *h, word pattern)
{
    if (!is_text(pattern))
        return gf_fail(GOFER_EINVAL, "the hello has a 'type' that is no name");
    if (h->count == GF_HELLO_TYPES_MAX)
        return gf_fail(GOFER_EINVAL, "the hello has over %d types", GF_HELLO_TYPES_MAX);
    if (!gf_grow(h->types, h->room, h->count + 1))
        return gf_fail_nomem("a hello");
    char *copy = gf_memdup(pattern.text, pattern.size);
    if (!copy)
        return gf_fail_nomem("a hello");
    h->types[h->count++] = (gf_hello_type){ copy, NULL, 0 };
    return GOFER_OK;
}

static gofer_status set_retry(gf_hello *h, word policy)
{
    if (h->count == 0)
        return gf_fail(GOFER_EINVAL, "the hello has a 'retry' before any 'type'");
    if (!is_text(policy))
        return gf_fail(GOFER_EINVAL, "the hello has a 'retry' that is no text");
    char *copy = gf_memdup(policy.text, policy.size);
    if (!copy)
        return gf_fail_nomem("a hello");
    gf_free(h->types[h->count - 1].retry);
    h->types[h->count - 1].retry = copy;
    return GOFER_OK;
}

// It may be named by many types, each time with the same number.
static gofer_status set_room(gf_hello *h, word line)
{
    word name = cut(&line, ' ');
    long n = number(line, GF_CHILD_WANT_MAX);
    size_t at = 0;
    if (h->count == 0)
        return gf_fail(GOFER_EINVAL, "the hello has a 'room' before any 'type'");
    if (!is_text(name) || name.size >= sizeof h->rooms->name || n < 0)
        return gf_fail(GOFER_EINVAL,
            "the hello has a 'room' that is no name of up to %zu bytes and number from 0 to %d",
            sizeof h->rooms->name - 1, GF_CHILD_WANT_MAX);
    while (at < h->room_count && !is(name, h->rooms[at].name))
        at++;
    if (at == GF_HELLO_ROOMS_MAX)
        return gf_fail(GOFER_EINVAL, "the hello has over %d rooms", GF_HELLO_ROOMS_MAX);
    gf_hello_room *room = &h->rooms[at];
    if (at == h->room_count) {
        memcpy(room->name, name.text, name.size);
        room->want = (size_t)n;
        h->room_count++;
    } else if (room->want != (size_t)n) {
        return gf_fail(GOFER_EINVAL, "the hello has room '%s' with two numbers", room->name);
    }
    h->types[h->count - 1].room = at + 1;
    return GOFER_OK;
}

// The same queue may be named by many types.
static gofer_status add_name(gf_hello_names *names, const char *what, word name)
{
    if (!is_text(name))
        return gf_fail(GOFER_EINVAL, "the hello has %s that is no name", what);
    for (size_t i = 0; i < names->count; i++)
        if (is(name, names->items[i]))
            return GOFER_OK;
    if (names->count == GF_HELLO_NAMES_MAX)
        return gf_fail(GOFER_EINVAL, "the hello has %s over the %d that it may have", what,
            GF_HELLO_NAMES_MAX);
    if (!gf_grow(names->items, names->room, names->count + 1))
        return gf_fail_nomem("a hello");
    char *copy = gf_memdup(name.text, name.size);
    if (!copy)
        return gf_fail_nomem("a hello");
    names->items[names->count++] = copy;
    return GOFER_OK;
}

static gofer_status read_line(gf_hello *h, word line, bool *speaks)
{
    word key = cut(&line, ' ');
    if (is(key, "protocol")) {
        while (line.size)
            *speaks |= number(cut(&line, ' '), 1000) == GF_CHILD_PROTOCOL;
    } else if (is(key, "want")) {
        long n = number(line, GF_CHILD_WANT_MAX);
        if (n < 0)
            return gf_fail(GOFER_EINVAL, "the hello's 'want' is no number from 0 to %d",
                GF_CHILD_WANT_MAX);
        h->want = (size_t)n;
    } else if (is(key, "name")) {
        gf_utf8_clean(line.text, line.size, h->name, sizeof h->name);
    } else if (is(key, "type")) {
        return add_type(h, line);
    } else if (is(key, "retry")) {
        return set_retry(h, line);
    } else if (is(key, "room")) {
        return set_room(h, line);
    } else if (is(key, "spans")) {
        h->spans = is(line, "own");
    } else if (is(key, "queue")) {
        return add_name(&h->queues, "a 'queue'", line);
    } else if (is(key, "aggregate")) {
        return add_name(&h->groups, "an 'aggregate'", line);
    }
    return GOFER_OK;
}

gofer_status gf_hello_read(const char *text, size_t size, gf_hello *out)
{
    word rest = { text, size };
    bool speaks = false;
    gofer_status st = GOFER_OK;
    *out = (gf_hello){ .want = 1 };
    while (rest.size && st == GOFER_OK)
        st = read_line(out, cut(&rest, '\n'), &speaks);
    if (st == GOFER_OK && !speaks)
        st = gf_fail(GOFER_EVERSION,
            "the hello does not say 'protocol %d', which this gofer speaks", GF_CHILD_PROTOCOL);
    if (st != GOFER_OK)
        gf_hello_clear(out);
    return st;
}

static void clear_names(gf_hello_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        gf_free(names->items[i]);
    gf_free(names->items);
}

void gf_hello_clear(gf_hello *h)
{
    for (size_t i = 0; i < h->count; i++) {
        gf_free(h->types[i].pattern);
        gf_free(h->types[i].retry);
    }
    clear_names(&h->queues);
    clear_names(&h->groups);
    gf_free(h->types);
    *h = (gf_hello){ 0 };
}
