// redis_make.h - makes tasks as Asynq leaves them in Redis, by plain commands.
#ifndef TESTS_UNIT_REDIS_MAKE_H
#define TESTS_UNIT_REDIS_MAKE_H

#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/wire/wire.h"
#include "util/alloc.h"
#include "util/utf8.h"

__attribute__((unused)) static void set_message(const char *queue, const char *id,
    const char *group, const char *lock, size_t payload_size)
{
    char key[512];
    gf_message m = message(queue, gf_utf8_valid(id, strlen(id)) ? id : "other");
    gf_bytes bytes;
    char *payload = gf_calloc(1, payload_size + 1);
    REQUIRE(payload != NULL);
    memset(payload, 'x', payload_size);
    m.payload = payload;
    m.payload_size = payload_size;
    REQUIRE_OK(gf_wire_task_encode(&m, lock, group, &bytes));
    snprintf(key, sizeof key, "asynq:{%s}:t:%s", queue, id);
    raw_set_field(key, "msg", bytes.bytes, bytes.size);
    gf_bytes_clear(&bytes);
    gf_free(payload);
}

// A hash with its state word, and the id in its list or zset.
__attribute__((unused)) static void make(const char *queue, const char *state, const char *id,
    int64_t score)
{
    set_message(queue, id, NULL, NULL, 8);
    raw_run("SADD asynq:queues %s", queue);
    raw_run("HSET asynq:{%s}:t:%s state %s", queue, id, state);
    if (strcmp(state, "pending") == 0) {
        raw_run("HSET asynq:{%s}:t:%s pending_since %lld", queue, id,
            (long long)score * 1000000000);
        raw_run("LPUSH asynq:{%s}:pending %s", queue, id);
    } else if (strcmp(state, "active") == 0) {
        raw_run("LPUSH asynq:{%s}:active %s", queue, id);
        raw_run("ZADD asynq:{%s}:lease %lld %s", queue, (long long)score, id);
    } else {
        raw_run("ZADD asynq:{%s}:%s %lld %s", queue, state, (long long)score, id);
    }
}

__attribute__((unused)) static void make_grouped(const char *queue, const char *group,
    const char *id, const char *lock)
{
    set_message(queue, id, group, lock, 8);
    raw_run("SADD asynq:queues %s", queue);
    raw_run("HSET asynq:{%s}:t:%s state aggregating group %s", queue, id, group);
    raw_run("ZADD asynq:{%s}:g:%s 1900000000 %s", queue, group, id);
    raw_run("SADD asynq:{%s}:groups %s", queue, group);
}

__attribute__((unused)) static int64_t keys_of(const char *queue)
{
    char key[300];
    snprintf(key, sizeof key, "asynq:{%s}:any", queue);
    const char *said = raw_script("local n, c, tag = 0, '0', KEYS[1]:match('{.*}') repeat local r "
                                  "= redis.call('SCAN', c, "
                                  "'COUNT', 1000) c = r[1] "
                                  "for _, k in ipairs(r[2]) do if k:find(tag, 1, true) then n = n "
                                  "+ 1 end end until c == '0' return n",
        key);
    return said ? strtoll(said, NULL, 10) : -1;
}

#endif
