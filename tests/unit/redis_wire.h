// redis_wire.h - what the tests of Asynq's messages share: decoding, the recorded cases, headers.
#ifndef TESTS_UNIT_REDIS_WIRE_H
#define TESTS_UNIT_REDIS_WIRE_H

#include "broker/redis/wire/wire.h"
#include "check.h"
#include "vectors/golden.h"

static gf_wire_task *decode(const void *bytes, size_t size)
{
    void *out = NULL;
    REQUIRE_OK(gf_wire_task_decode(bytes, size, 0, &out));
    return out;
}

static const cJSON *cases_of(const cJSON *file, const char *list)
{
    const cJSON *cases = cJSON_GetObjectItemCaseSensitive(file, list);
    REQUIRE(cJSON_GetArraySize(cases) > 0);
    return cases->child;
}

static size_t header_count(const gf_message *m)
{
    const char *key, *value;
    size_t count = 0;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &key, &value);)
        count++;
    return count;
}

#endif
