// group_killed.c - aggregators that are killed at every step: each task of a group is in
// exactly one combined task.
//
//     group_killed URL [--kills N] [--seed N]          (URL "sqlite": a file that is made
//     for it, and removed)
//
// Some processes aggregate the groups of one queue. Each kills itself (SIGKILL) at a step chosen by
// chance: before or after it takes a set, puts the combined task, or gives the set back; or it is
// killed at any moment. A new one takes its place. On Redis the time of all sets is let be over
// again and again, also of those whose aggregator lives. At the end one more goes on until nothing
// is left, and the members of all combined tasks are counted.
#include <hiredis.h>

#include "broker/broker.h"
#include "killed.h"
#include "util/alloc.h"
#include "util/url.h"

enum {
    GROUPS = 5,
    MEMBERS = 6000,
    SET_SIZE = 7,
    STEPS = 7,
    LEASE_MS = 30000,
    PATIENCE_MS = 120000
};
// The steps: before and after the taking, before and after the putting, before and after the giving
// back, at any moment.
enum { BEFORE_TAKE, AFTER_TAKE, BEFORE_PUT, AFTER_PUT, BEFORE_BACK, AFTER_BACK, ANY };

static struct {
    redisContext *redis;                   // NULL: on SQLite
    int64_t       expired_ms;
    _Atomic int  *refused;                 // shared: puts of sets that the store had taken back
} common;

static gf_broker *open_store(const char *text)
{
    gf_url url;
    gf_broker *b = NULL;
    const gf_broker_config config = { .timeout_ms = 20000, .max_payload = 1 << 20 };
    if (gf_url_parse(&url, text) != GOFER_OK || gf_broker_open(&b, &url, &config) != GOFER_OK)
        killed_fail("open");
    gf_url_clear(&url);
    return b;
}

static void register_worker(gf_broker *b, const char *id)
{
    const gf_worker_entry entry = { .id = id,
        .host = "test",
        .pid = getpid(),
        .state = "active",
        .queues = "q=1" };
    if (b->ops->upkeep->worker_register(b, &entry, LEASE_MS) != GOFER_OK)
        killed_fail("register");
}

// ---- an aggregator ------------------------------------------------------------------------------

// The combined task names its members: their payloads, each followed by a blank.
static void combine(gf_broker *b, const gf_group_set *set)
{
    char payload[SET_SIZE * 8] = "", id[64];
    for (size_t i = 0; i < set->count; i++)
        snprintf(payload + strlen(payload), sizeof payload - strlen(payload), "%.*s ",
            (int)set->tasks[i].payload_size, (const char *)set->tasks[i].payload);
    snprintf(id, sizeof id, "group:%s", set->id);
    if (rand() % 16 == 0)
        gf_sleep_us(30000);                // one that takes its time may find its set taken back
    const gf_message m = { .id = id,
        .type = "all",
        .queue = "q",
        .payload = payload,
        .payload_size = strlen(payload) };
    killed_may_die(BEFORE_PUT);
    gofer_status st = b->ops->groups->put(b, set, &m, 0);
    killed_may_die(AFTER_PUT);
    // Whoever lost the answer asks again.
    if (st == GOFER_OK && rand() % 4 == 0)
        st = b->ops->groups->put(b, set, &m, 0);
    if (st == GOFER_ESTALE)
        atomic_fetch_add(common.refused, 1);
    else if (st != GOFER_OK)
        killed_fail("put");
}

static void give_back(gf_broker *b, const gf_group_set *set)
{
    killed_may_die(BEFORE_BACK);
    gofer_status st = b->ops->groups->back(b, set);
    killed_may_die(AFTER_BACK);
    if (st != GOFER_OK && st != GOFER_ESTALE)
        killed_fail("back");
}

// What dead aggregators have left.
static void tidy(gf_broker *b)
{
    size_t done;
    gf_recovered got = { 0 };
    if (b->ops->upkeep->recover(b, 100, 3, &got) != GOFER_OK ||
        b->ops->groups->reclaim(b, 100, &done) != GOFER_OK)
        killed_fail("housekeeping");
}

static int64_t left(gf_broker *b)
{
    gofer_info *info;
    if (b->ops->inspect->queues(b, "q", &info) != GOFER_OK)
        killed_fail("queue");
    int64_t count = gofer_info_int(info, "aggregating", 0);
    gofer_info_free(info);
    return count;
}

static void aggregate(const char *url, bool until_empty)
{
    const gf_group_rule rule = { .grace_ms = 1000, .max_size = SET_SIZE };
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
    char id[32];
    gf_broker *b = open_store(url);
    snprintf(id, sizeof id, "w%ld", (long)getpid());
    register_worker(b, id);
    for (unsigned turn = 0;; turn++) {
        gf_group_set *set;
        killed_may_die(BEFORE_TAKE);
        gofer_status st = b->ops->groups->take(b, id, "q", &rule, &set);
        if (turn % 16 == 0 || st == GOFER_EEMPTY)
            tidy(b);
        if (st == GOFER_EEMPTY) {
            // What is in a set is counted nowhere on Redis: only a while without any
            // says that none is left.
            if (until_empty && left(b) == 0 && turn > 100)
                break;
            if (gf_mono_ms() > end_ms)
                killed_fail("the groups do not become empty");
            gf_sleep_us(5000);
            continue;
        }
        if (st != GOFER_OK)
            killed_fail("take");
        killed_may_die(AFTER_TAKE);
        if (rand() % 8 == 0)
            give_back(b, set);
        else
            combine(b, set);
        gf_group_set_free(set);
    }
    (void)b->ops->upkeep->worker_deregister(b, id);
    gf_broker_close(b);
}

// ---- the race -----------------------------------------------------------------------------------

static void put_members(const char *url)
{
    gf_broker *b = open_store(url);
    for (int i = 0; i < MEMBERS; i++) {
        char id[16], group[16];
        snprintf(id, sizeof id, "%d", i);
        snprintf(group, sizeof group, "g%d", i % GROUPS);
        const gf_message m = { .id = id,
            .type = "one",
            .queue = "q",
            .payload = id,
            .payload_size = strlen(id) };
        gf_put item = { .message = &m, .group = group };
        if (b->ops->tasks->put(b, &item, 1) != GOFER_OK || item.status != GOFER_OK)
            killed_fail("member");
    }
    gf_broker_close(b);
}

// On Redis a set goes back when its time is over, which two minutes are too long for.
static void end_times(void)
{
    static const char script[] =
        "for _, set in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', "
        "KEYS[1], 1, set) end return 1";
    if (!common.redis)
        return;
    redisReply *reply = redisCommand(
        common.redis, "EVAL %s 1 asynq:{q}:aggregation_sets", script);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        killed_fail(reply ? reply->str : common.redis->errstr);
    freeReplyObject(reply);
    common.expired_ms = gf_mono_ms();
}

static void end_times_now_and_then(void)
{
    if (gf_mono_ms() - common.expired_ms > 10)
        end_times();
}

static int calls_of(int step)
{
    (void)step;
    return rand() % 4;
}

static void aggregate_on(const char *url) { aggregate(url, false); }
static void aggregate_all(const char *url) { aggregate(url, true); }

// Each number in the combined tasks, which are taken and finished.
static void count_members(const char *url, int *seen, int *sets)
{
    enum { MANY = 200 };
    static gf_claim *claims[MANY];
    static gf_finish done[MANY];
    const gf_share share = { "q", MANY };
    gf_broker *b = open_store(url);
    register_worker(b, "counter");
    for (;;) {
        gf_take take = { .worker = "counter",
            .queues = &share,
            .queue_count = 1,
            .max = MANY,
            .lease_ms = LEASE_MS,
            .claims = claims };
        if (b->ops->tasks->exchange(b, NULL, 0, &take) != GOFER_OK)
            killed_fail("take");
        if (take.count == 0)
            break;
        for (size_t i = 0; i < take.count; i++) {
            const char *at = claims[i]->message.payload;           // a NUL follows it
            char *end;
            for (long n = strtol(at, &end, 10); end != at; n = strtol(at, &end, 10)) {
                if (n >= 0 && n < MEMBERS)
                    seen[n]++;
                at = end;
            }
            done[i] = (gf_finish){ .claim = claims[i], .outcome = GF_DONE };
        }
        if (b->ops->tasks->exchange(b, done, take.count, NULL) != GOFER_OK)
            killed_fail("finish");
        for (size_t i = 0; i < take.count; i++)
            gf_claim_free(claims[i]);
        *sets += (int)take.count;
    }
    gf_broker_close(b);
}

static int check(const char *url)
{
    static int seen[MEMBERS];
    int sets = 0, lost = 0, twice = 0;
    count_members(url, seen, &sets);
    for (int i = 0; i < MEMBERS; i++) {
        lost += seen[i] == 0;
        twice += seen[i] > 1;
    }
    printf("%d tasks in %d combined ones: %d lost, %d twice; %d sets were taken back while "
           "somebody had them\n",
        MEMBERS, sets, lost, twice, atomic_load(common.refused));
    return lost || twice;
}

static redisContext *connect_redis(const char *text)
{
    char host[64];
    int port;
    if (sscanf(text, "redis://%63[^:]:%d", host, &port) != 2)
        return NULL;
    redisContext *redis = redisConnect(host, port);
    if (!redis || redis->err)
        killed_fail("redis");
    freeReplyObject(redisCommand(redis, "FLUSHALL"));
    return redis;
}

int main(int argc, char **argv)
{
    int kills = 120;
    const char *url = killed_begin("group_killed", argc, argv, &kills);
    common.refused = killed_share(sizeof *common.refused);
    common.redis = connect_redis(url);
    put_members(url);
    killed_run(&(killed_race){ .url = url, .kills = kills, .steps = STEPS, .any_ms = 30,
        .serve = aggregate_on, .calls = calls_of, .meanwhile = end_times_now_and_then });
    end_times();
    killed_last(aggregate_all, url);
    int code = check(url);
    if (common.redis)
        redisFree(common.redis);
    killed_end();
    return code;
}
