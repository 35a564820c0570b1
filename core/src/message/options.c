// options.c - the options of a task that only gofer knows, in its headers.
#include "message/options.h"

#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"

static int64_t number_of(const char *text)
{
    char *end;
    if (*text < '0' || *text > '9')
        return 0;
    long long value = strtoll(text, &end, 10);     // what is too large is as large as can be
    return *end ? 0 : value;
}

bool gf_header_is_ours(const char *key)
{
    return strncmp(key, GF_HEADER_OURS, sizeof GF_HEADER_OURS - 1) == 0;
}

bool gf_task_options_read(const gf_message *m, gf_task_options *out)
{
    const char *key, *value;
    bool found = false;
    *out = (gf_task_options){ 0 };
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &key, &value);) {
        const struct { const char *key; const char **text; int64_t *number; } known[] = {
            { GF_HEADER_START_BY, NULL, &out->start_by_ms }, { GF_HEADER_RETRY, &out->retry, NULL },
            { GF_HEADER_ON_DEAD, &out->on_dead, NULL }, { GF_HEADER_ON_DEAD_QUEUE, &out->on_dead_queue, NULL },
            { GF_HEADER_UNIQUE, &out->unique, NULL }, { GF_HEADER_SNOOZES, NULL, &out->snoozes },
            { GF_HEADER_SCHEDULE, &out->schedule, NULL }, { GF_HEADER_TICK, NULL, &out->tick_ms },
        };
        if (!gf_header_is_ours(key))
            continue;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (strcmp(key, known[i].key) == 0) {
                found = true;
                if (known[i].text)
                    *known[i].text = value;
                else
                    *known[i].number = number_of(value);
            }
    }
    return found;
}

gofer_status gf_headers_with(const char *headers, size_t size, const char *key, const char *value, char **out,
    size_t *out_size)
{
    size_t key_size = strlen(key) + 1, value_size = value ? strlen(value) + 1 : 0, used = 0;
    const char *k, *v;
    char *packed = gf_alloc(size + key_size + value_size + 1);   // never of nothing
    if (!packed)
        return gf_fail_nomem("headers");
    for (size_t at = 0, from = 0; gf_headers_next(headers, size, &at, &k, &v); from = at) {
        if (strcmp(k, key) == 0)
            continue;
        memcpy(packed + used, headers + from, at - from);
        used += at - from;
    }
    if (value) {
        memcpy(packed + used, key, key_size);
        memcpy(packed + used + key_size, value, value_size);
        used += key_size + value_size;
    }
    if (!used) {
        gf_free(packed);
        packed = NULL;
    }
    *out = packed;
    *out_size = used;
    return GOFER_OK;
}
