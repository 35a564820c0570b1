// keyspace.c - key spaces of vector files: written into Redis, and compared with what is there.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/clock.h"
#include "vectors/replay.h"

// ---- times and names, moved ---------------------------------------------------------------------

bool time_fits(const replay *r, int64_t got_s, int64_t want_s)
{
    int64_t late = got_s - r->shift_s - want_s;
    return late == 0 || late == 1;
}

// "…:processed:2030-01-02": the day as far from today as it was from the day of the recording.
static bool move_day(const replay *r, const char *name, char *out, size_t capacity)
{
    size_t size = strlen(name);
    int year, month, day, end = 0;
    if (size < 11 || sscanf(name + size - 11, ":%4d-%2d-%2d%n", &year, &month, &day, &end) != 3 ||
        end != 11)
        return false;
    struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day };
    int32_t days = gf_day_of((int64_t)timegm(&tm) * 1000) - gf_day_of(r->now_s * 1000);
    char date[11];
    gf_date_text(gf_day_of((r->now_s + r->shift_s) * 1000) + days, date);
    snprintf(out, capacity, "%.*s%s", (int)(size - 10), name, date);
    return true;
}

// The name of a key, or a member, as it is with us: another day, another aggregation set.
static const char *our_name(replay *r, const char *name)
{
    enum { CAPACITY = 700 };
    char *out = keep(r, calloc(1, CAPACITY));
    const char *set = r->set_id[0] ? strstr(name, r->set_id) : NULL;
    if (set)
        snprintf(out, CAPACITY, "%.*s%s%s", (int)(set - name), name, r->our_set_id,
            set + strlen(r->set_id));
    else if (!move_day(r, name, out, CAPACITY))
        snprintf(out, CAPACITY, "%s", name);
    return out;
}

static bool ends_with(const char *text, const char *end)
{
    size_t a = strlen(text), b = strlen(end);
    return a >= b && strcmp(text + a - b, end) == 0;
}

const cJSON *find_key(const cJSON *keyspace, const char *key)
{
    const cJSON *k;
    cJSON_ArrayForEach(k, keyspace)
        if (strcmp(golden_text(k, "key"), key) == 0)
            return k;
    return NULL;
}

static const cJSON *value_of(const cJSON *entry)
{
    return cJSON_GetObjectItemCaseSensitive(entry, "value");
}

// ---- loading ------------------------------------------------------------------------------------

static void send(replay *r, size_t count, const char *const *words, const size_t *sizes)
{
    redisReply *reply =
        redisCommandArgv(r->redis, (int)count, (const char **)(uintptr_t)words, sizes);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        give_up("%s %s: %s", words[0], words[1], reply ? reply->str : r->redis->errstr);
    freeReplyObject(reply);
}

static void send_bytes(replay *r, const char *command, const char *key, const char *middle,
    const cJSON *value)
{
    golden_bytes b = golden_bytes_of(value);
    const char *words[4] = { command, key, middle ? middle : (char *)b.bytes, (char *)b.bytes };
    size_t sizes[4] = { strlen(command), strlen(key), middle ? strlen(middle) : b.size, b.size };
    send(r, middle ? 4 : 3, words, sizes);
    free(b.bytes);
}

static void load_fields(replay *r, const char *key, const cJSON *fields)
{
    const cJSON *f;
    cJSON_ArrayForEach(f, fields) {
        if (strcmp(f->string, "pending_since") == 0 && strlen(f->valuestring) == 19)
            raw_do(r, "HSET %s %s %" PRId64, key, f->string,
                golden_whole(f->valuestring) + r->shift_s * 1000000000);
        else
            send_bytes(r, "HSET", key, f->string, f);
    }
}

static void load_members(replay *r, const char *key, const cJSON *members)
{
    const cJSON *m;
    cJSON_ArrayForEach(m, members) {
        char score[32];
        snprintf(score, sizeof score, "%" PRId64,
            golden_whole(m->child->next->valuestring) + r->shift_s);
        send_bytes(r, "ZADD", key, score, m->child);
    }
}

static void load_key(replay *r, const cJSON *entry)
{
    const char *key = our_name(r, golden_text(entry, "key")), *type = golden_text(entry, "type");
    const cJSON *value = value_of(entry), *e;
    if (strcmp(type, "string") == 0 && ends_with(key, ":paused"))
        raw_do(r, "SET %s %" PRId64, key, golden_whole(value->valuestring) + r->shift_s);
    else if (strcmp(type, "string") == 0)
        send_bytes(r, "SET", key, NULL, value);
    else if (strcmp(type, "hash") == 0)
        load_fields(r, key, value);
    else if (strcmp(type, "zset") == 0)
        load_members(r, key, value);
    else
        cJSON_ArrayForEach(e, value)
            send_bytes(r, strcmp(type, "list") == 0 ? "RPUSH" : "SADD", key, NULL, e);
    int64_t ttl_s = golden_int(entry, "ttl_s"), expire_at = golden_int(entry, "expire_at");
    if (ttl_s)
        raw_do(r, "EXPIRE %s %" PRId64, key, ttl_s);
    if (expire_at)
        raw_do(r, "EXPIREAT %s %" PRId64, key, expire_at + r->shift_s);
}

void load_keyspace(replay *r, const cJSON *keyspace)
{
    const cJSON *entry;
    raw_do(r, "FLUSHALL");
    cJSON_ArrayForEach(entry, keyspace)
        load_key(r, entry);
}

// ---- comparing: keys ----------------------------------------------------------------------------

static const redisReply *field_of(const redisReply *hash, const char *name)
{
    for (size_t i = 0; i + 1 < hash->elements; i += 2)
        if (strcmp(hash->element[i]->str, name) == 0)
            return hash->element[i + 1];
    return NULL;
}

static void compare_field(replay *r, const char *key, const cJSON *want, const redisReply *got)
{
    if (!got)
        differ(r, "%s: no field %s", key, want->string);
    else if (strcmp(want->string, "msg") == 0)
        compare_message(r, key, got, want);
    else if (strncmp(key, "asynq:workers:", 14) == 0)
        compare_worker(r, key, got, want);
    else if (strcmp(want->string, "pending_since") != 0)
        compare_bytes(r, key, want->string, got, want);
    else if (!time_fits(r, golden_whole(got->str) / 1000000000,
                 golden_whole(want->valuestring) / 1000000000))
        differ(r, "%s: pending_since is %s, not %s + %" PRId64 " s", key, got->str,
            want->valuestring, r->shift_s);
}

static void compare_hash(replay *r, const char *key, const cJSON *want)
{
    redisReply *got = raw(r, "HGETALL %s", key);
    const cJSON *f;
    cJSON_ArrayForEach(f, want)
        compare_field(r, key, f, field_of(got, f->string));
    for (size_t i = 0; i + 1 < got->elements; i += 2)
        if (strncmp(got->element[i]->str, "gofer:", 6) != 0 &&
            !cJSON_GetObjectItemCaseSensitive(want, got->element[i]->str))
            differ(r, "%s: field %s is '%s', not absent", key, got->element[i]->str,
                got->element[i + 1]->str);
    freeReplyObject(got);
}

static void compare_list(replay *r, const char *key, const cJSON *want)
{
    redisReply *got = raw(r, "LRANGE %s 0 -1", key);
    compare_int(r, key, "length", (int64_t)got->elements, cJSON_GetArraySize(want));
    const cJSON *w = want->child;
    for (size_t i = 0; i < got->elements && w; i++, w = w->next)
        if (strncmp(key, "asynq:schedulers:", 17) == 0)
            compare_entry(r, key, got->element[i], w);
        else
            compare_bytes(r, key, "an element", got->element[i], w);
    freeReplyObject(got);
}

static void compare_set(replay *r, const char *key, const cJSON *want)
{
    redisReply *got = raw(r, "SMEMBERS %s", key);
    compare_int(r, key, "size", (int64_t)got->elements, cJSON_GetArraySize(want));
    const cJSON *w;
    cJSON_ArrayForEach(w, want) {
        bool found = false;
        for (size_t i = 0; i < got->elements; i++)
            found = found || strcmp(got->element[i]->str, w->valuestring) == 0;
        if (!found)
            differ(r, "%s: '%s' is missing", key, w->valuestring);
    }
    freeReplyObject(got);
}

static bool is_whole(const char *score)
{
    return score[0] != '\0' && strspn(score, "0123456789") == strlen(score);
}

static void compare_score(replay *r, const char *key, const char *member, const char *got,
    const char *want)
{
    if (!is_whole(got))
        differ(r, "%s: the score of %s is %s, no whole second", key, member, got);
    else if (!time_fits(r, golden_whole(got), golden_whole(want)))
        differ(r, "%s: the score of %s is %s, not %s + %" PRId64, key, member, got, want,
            r->shift_s);
}

// In order of rank; members of a history are messages.
static void compare_events(replay *r, const char *key, const redisReply *got, const cJSON *want)
{
    compare_int(r, key, "size", (int64_t)got->elements / 2, cJSON_GetArraySize(want));
    const cJSON *w = want->child;
    for (size_t i = 0; i + 1 < got->elements && w; i += 2, w = w->next) {
        compare_event(r, key, got->element[i], w->child);
        compare_score(r, key, "an event", got->element[i + 1]->str, w->child->next->valuestring);
    }
}

static void compare_members(replay *r, const char *key, const redisReply *got, const cJSON *want)
{
    const cJSON *w;
    cJSON_ArrayForEach(w, want) {
        const char *member = our_name(r, w->child->valuestring);
        const redisReply *score = field_of(got, member);
        if (!score)
            differ(r, "%s: member %s is missing", key, member);
        else
            compare_score(r, key, member, score->str, w->child->next->valuestring);
    }
    if (got->elements / 2 > (size_t)cJSON_GetArraySize(want))
        differ(r, "%s: %zu members, not %d", key, got->elements / 2, cJSON_GetArraySize(want));
}

static void compare_zset(replay *r, const char *key, const cJSON *want)
{
    redisReply *got = raw(r, "ZRANGE %s 0 -1 WITHSCORES", key);
    if (strncmp(key, "asynq:scheduler_history:", 24) == 0)
        compare_events(r, key, got, want);
    else
        compare_members(r, key, got, want);
    freeReplyObject(got);
}

static void compare_string(replay *r, const char *key, const cJSON *want)
{
    redisReply *got = raw(r, "GET %s", key);
    if (got->type != REDIS_REPLY_STRING)
        differ(r, "%s: is no string", key);
    else if (strncmp(key, "asynq:servers:", 14) == 0)
        compare_server(r, key, got, want);
    else if (!ends_with(key, ":paused"))
        compare_bytes(r, key, "the value", got, want);
    else if (!time_fits(r, golden_whole(got->str), golden_whole(want->valuestring)))
        differ(r, "%s: is %s, not %s + %" PRId64, key, got->str, want->valuestring, r->shift_s);
    freeReplyObject(got);
}

static void compare_expiry(replay *r, const char *key, const cJSON *entry)
{
    redisReply *got = raw(r, "PTTL %s", key);
    int64_t ttl_s = golden_int(entry, "ttl_s"), expire_at = golden_int(entry, "expire_at"),
            ms = got->integer;
    freeReplyObject(got);
    if (!ttl_s && !expire_at) {
        if (ms >= 0)
            differ(r, "%s: expires in %" PRId64 " ms, not never", key, ms);
    } else if (ttl_s) {            // vectors round up, and time went on since it was set
        if (ms <= ttl_s * 1000 - 2000 || ms > ttl_s * 1000 + 1000)
            differ(r, "%s: expires in %" PRId64 " ms, not %" PRId64 " s", key, ms, ttl_s);
    } else {
        int64_t at_s = (gf_now_ms() + ms + 500) / 1000 - r->shift_s;
        if (ms < 0 || at_s < expire_at - 1 || at_s > expire_at + 1)
            differ(r, "%s: expires at %" PRId64 ", not %" PRId64, key, at_s, expire_at);
    }
}

// The recording's clock went on, but not that of its Redis: with us such a key is gone.
static bool has_expired(const replay *r, const cJSON *entry)
{
    int64_t expire_at = golden_int(entry, "expire_at");
    return expire_at && expire_at <= r->now_s;
}

static void compare_key(replay *r, const cJSON *entry)
{
    static const struct {
        const char *type;
        void (*compare)(replay *r, const char *key, const cJSON *want);
    } kinds[] = {
        { "string", compare_string },
        { "list", compare_list },
        { "set", compare_set },
        { "zset", compare_zset },
        { "hash", compare_hash },
    };
    const char *key = our_name(r, golden_text(entry, "key"));
    if (has_expired(r, entry))
        return;
    redisReply *type = raw(r, "TYPE %s", key);
    if (strcmp(type->str, golden_text(entry, "type")) != 0) {
        differ(r, "%s: is a %s, not a %s", key, type->str, golden_text(entry, "type"));
    } else {
        for (size_t i = 0; i < COUNT_OF(kinds); i++)
            if (strcmp(type->str, kinds[i].type) == 0)
                kinds[i].compare(r, key, value_of(entry));
        compare_expiry(r, key, entry);
    }
    freeReplyObject(type);
}

static bool is_wanted(replay *r, const cJSON *keyspace, const char *key)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, keyspace)
        if (strcmp(our_name(r, golden_text(entry, "key")), key) == 0)
            return true;
    return false;
}

void compare_keyspace(replay *r, const cJSON *keyspace)
{
    const cJSON *entry;
    cJSON_ArrayForEach(entry, keyspace)
        compare_key(r, entry);
    redisReply *keys = raw(r, "KEYS *");
    for (size_t i = 0; i < keys->elements; i++)
        if (!strstr(keys->element[i]->str, "gofer:") &&
            !is_wanted(r, keyspace, keys->element[i]->str))
            differ(r, "%s: is there, and should not", keys->element[i]->str);
    freeReplyObject(keys);
}
