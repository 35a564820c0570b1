// limit_redis.c - what Redis itself can do with Asynq's layout: the measure of the others.
//
//     limit_redis ADDRESS COUNT              ADDRESS: host:port or the path of a Unix socket
//
// hiredis, scripts with the least commands that leave the same keys behind as a queue that checks
// nothing: inserting by 100, then finishing 100 and taking the next 100 in one call, and inserting
// by 1; all that on one connection, and inserting by 1 from 16 threads with one each. Messages are
// as long as gofer's for a payload of 64 bytes.
#include <errno.h>
#include <hiredis.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { BATCH = 100, MESSAGE = 127, ID = 36, THREADS = 16 };

static const char *address;

static void die(const char *what, const char *why)
{
    fprintf(stderr, "limit_redis: %s: %s\n", what, why);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static redisContext *dial(void)
{
    char host[256] = "";
    const char *colon = strrchr(address, ':');
    if (colon)
        snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    redisContext *redis =
        colon ? redisConnect(host, (int)strtol(colon + 1, NULL, 10)) : redisConnectUnix(address);
    if (!redis || redis->err)
        die(address, redis ? redis->errstr : strerror(ENOMEM));
    return redis;
}

static redisReply *call(redisContext *redis, int count, const char **words, const size_t *sizes)
{
    redisReply *reply = redisCommandArgv(redis, count, words, sizes);
    if (!reply)
        die("call", redis->errstr);
    if (reply->type == REDIS_REPLY_ERROR)
        die("call", reply->str);
    return reply;
}

static void load(redisContext *redis, const char *script, char digest[41])
{
    const char *words[] = { "SCRIPT", "LOAD", script };
    redisReply *reply = call(redis, 3, words, NULL);
    snprintf(digest, 41, "%s", reply->str);
    freeReplyObject(reply);
}

static const char insert_script[] =
    "local t, ids = redis.call('TIME'), {} "
    "local since = t[1] .. string.format('%06d', t[2]) .. '000' "
    "for i = 1, #ARGV do "
    "  redis.call('HSET', KEYS[i + 1], 'msg', ARGV[i], 'state', 'pending', 'pending_since', since) "
    "  ids[i] = string.sub(KEYS[i + 1], 19) "
    "end "
    "redis.call('LPUSH', KEYS[1], unpack(ids)) "
    "return 0";

// Without a claim to be checked: a task is known by its id alone.
static const char cycle_script[] =
    "local out, members, ids = {}, {}, {} if #KEYS > 4 then   for i = 5, #KEYS do ids[i - 4] = "
    "string.sub(KEYS[i], 19) redis.call('LREM', KEYS[2], -1, ids[i - 4]) end   redis.call('ZREM', "
    "KEYS[3], unpack(ids))   redis.call('UNLINK', unpack(KEYS, 5))   redis.call('INCRBY', "
    "KEYS[4], #ids)   redis.call('INCRBY', KEYS[4] .. ':2026-01-01', #ids) end local popped = "
    "redis.call('RPOP', KEYS[1], ARGV[1]) if not popped then return out end local score = "
    "redis.call('TIME')[1] + 30 for i, id in ipairs(popped) do   local key = 'asynq:{default}:t:' "
    ".. id   out[2 * i - 1], out[2 * i] = id, redis.call('HGET', key, 'msg')   redis.call('HSET', "
    "key, 'state', 'active')   redis.call('HDEL', key, 'pending_since')   members[2 * i - 1], "
    "members[2 * i] = score, id end redis.call('LPUSH', KEYS[2], unpack(popped)) "
    "redis.call('ZADD', KEYS[3], unpack(members)) return out";

// `from`: the first number in the ids.
static double insert(redisContext *redis, int64_t from, int64_t count, int batch)
{
    char digest[41], keys[BATCH][80], number[16], message[MESSAGE];
    const char *words[2 * BATCH + 8] = { "EVALSHA", digest, number, "asynq:{default}:pending" };
    size_t sizes[2 * BATCH + 8] = { 7, 40, 0, 23 };
    load(redis, insert_script, digest);
    memset(message, 'm', sizeof message);
    sizes[2] = (size_t)snprintf(number, sizeof number, "%d", batch + 1);
    double begun = now();
    for (int64_t i = 0; i < count; i += batch) {
        for (int k = 0; k < batch; k++) {
            words[4 + k] = keys[k];
            sizes[4 + k] = (size_t)snprintf(keys[k], sizeof keys[k],
                "asynq:{default}:t:019a0000-%d-7000-8000-%014lld", batch % 10,
                (long long)(from + i + k));
            words[4 + batch + k] = message;
            sizes[4 + batch + k] = sizeof message;
        }
        freeReplyObject(call(redis, 4 + 2 * batch, words, sizes));
    }
    return (double)count / (now() - begun);
}

static double finish_and_take(redisContext *redis, int64_t count)
{
    char digest[41], keys[BATCH][80], number[16];
    const char *words[BATCH + 10] = {
        "EVALSHA",
        digest,
        number,
        "asynq:{default}:pending",
        "asynq:{default}:active",
        "asynq:{default}:lease",
        "asynq:{default}:processed",
    };
    size_t sizes[BATCH + 10] = { 7, 40, 0, 23, 22, 21, 25 }, held = 0;
    int64_t left = count;
    load(redis, cycle_script, digest);
    double begun = now();
    while (left > 0) {
        for (size_t k = 0; k < held; k++) {
            words[7 + k] = keys[k];
            sizes[7 + k] = strlen(keys[k]);
        }
        sizes[2] = (size_t)snprintf(number, sizeof number, "%zu", held + 4);
        words[7 + held] = "100";
        sizes[7 + held] = 3;
        redisReply *reply = call(redis, (int)held + 8, words, sizes);
        left -= (int64_t)held;
        held = reply->elements / 2;
        for (size_t k = 0; k < held; k++)
            snprintf(keys[k], sizeof keys[k], "asynq:{default}:t:%s", reply->element[2 * k]->str);
        freeReplyObject(reply);
        if (held == 0)
            break;
    }
    return (double)(count - left) / (now() - begun);
}

// ---- many threads -------------------------------------------------------------------------------

typedef struct inserter {
    pthread_t          thread;
    pthread_barrier_t *start;
    int64_t            from, count;
} inserter;

static void *insert_own(void *arg)
{
    inserter *its = arg;
    redisContext *redis = dial();
    pthread_barrier_wait(its->start);
    insert(redis, its->from, its->count, 1);
    redisFree(redis);
    return NULL;
}

static double insert_by_threads(int64_t count)
{
    inserter all[THREADS];
    pthread_barrier_t start;
    if (pthread_barrier_init(&start, NULL, THREADS + 1) != 0)
        die("barrier", "cannot be made");
    for (int64_t i = 0; i < THREADS; i++) {
        all[i] = (inserter){ .start = &start, .from = (i + 1) * count, .count = count / THREADS };
        if (pthread_create(&all[i].thread, NULL, insert_own, &all[i]) != 0)
            die("thread", "cannot be made");
    }
    pthread_barrier_wait(&start);
    double begun = now();
    for (int i = 0; i < THREADS; i++)
        pthread_join(all[i].thread, NULL);
    pthread_barrier_destroy(&start);
    return (double)(count / THREADS * THREADS) / (now() - begun);
}

// limit_one: the time of one insert as a script, each call after the answer of the one before.
int main(int argc, char **argv)
{
    int64_t count = argc == 3 ? strtoll(argv[2], NULL, 10) : 0;
    if (count <= 0) {
        fprintf(stderr, "usage: limit_redis ADDRESS COUNT\n");
        return 2;
    }
    address = argv[1];
    redisContext *redis = dial();
    count = (count + BATCH - 1) / BATCH * BATCH;
    printf("limit_insert %.0f\n", insert(redis, 0, count, BATCH));
    printf("limit_cycle %.0f\n", finish_and_take(redis, count));
    printf("limit_one %.0f\n", insert(redis, 0, count / 10, 1));
    printf("limit_threads %.0f\n", insert_by_threads(count));
    redisFree(redis);
    return 0;
}
