// message.c - packed headers, and when two records are the same task.
//
// Headers are pairs of texts, each with its NUL, in one piece of memory, so they can be copied and
// stored whole. Those from a store may be cut or damaged: reading stops there.
#include "message/message.h"

#include <string.h>

#include "message/options.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"
#include "util/utf8.h"

enum { HEADERS_MAX = 64 * 1024 };

int gf_headers_next(const char *headers, size_t size, size_t *at, const char **key,
    const char **value)
{
    if (!headers || *at >= size)
        return 0;
    const char *k = headers + *at;
    const char *k_end = memchr(k, '\0', size - *at);
    if (!k_end)
        return 0;
    const char *v = k_end + 1;
    const char *v_end = memchr(v, '\0', size - (size_t)(v - headers));
    if (!v_end)
        return 0;
    *key = k;
    *value = v;
    *at = (size_t)(v_end + 1 - headers);
    return 1;
}

static gofer_status check_pair(const char *key, const char *value)
{
    gofer_status st = gf_check_name("header key", key);
    if (st != GOFER_OK)
        return st;
    if (gf_header_is_ours(key))
        return gf_fail(GOFER_EINVAL,
            "the header '%s' begins with 'gofer-', which is gofer's own: choose another", key);
    if (!value)
        return gf_fail(GOFER_EINVAL,
            "the header '%s' has no value: headers are key, value, ..., NULL", key);
    if (!gf_utf8_valid(value, strlen(value)))
        return gf_fail(GOFER_EINVAL, "the value of header '%s' is not valid UTF-8", key);
    return GOFER_OK;
}

gofer_status gf_headers_pack(const char *const *pairs, char **out, size_t *size)
{
    size_t total = 0;
    for (const char *const *p = pairs; p && *p; p += 2) {
        gofer_status st = check_pair(p[0], p[1]);
        if (st != GOFER_OK)
            return st;
        for (const char *const *q = pairs; q < p; q += 2)
            if (strcmp(*q, *p) == 0)
                return gf_fail(GOFER_EINVAL, "the header '%s' is given twice", *p);
        total += strlen(p[0]) + strlen(p[1]) + 2;
        if (total > HEADERS_MAX)
            return gf_fail(GOFER_ETOOBIG, "the headers have over %d bytes", HEADERS_MAX);
    }
    if (total == 0) {
        *out = NULL;
        *size = 0;
        return GOFER_OK;
    }

    char *packed = gf_alloc(total), *at = packed;
    if (!packed)
        return gf_fail_nomem("headers");
    for (const char *const *p = pairs; *p; p++) {
        size_t n = strlen(*p) + 1;
        memcpy(at, *p, n);
        at += n;
    }
    *out = packed;
    *size = total;
    return GOFER_OK;
}

static int same_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

int gf_message_same(const gf_message *a, const gf_message *b)
{
    return strcmp(a->id, b->id) == 0 && strcmp(a->queue, b->queue) == 0 &&
        strcmp(a->type, b->type) == 0 &&
        same_bytes(a->payload, a->payload_size, b->payload, b->payload_size);
}
