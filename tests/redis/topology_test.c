// topology_test.c - commands go on while servers fail over, move slots, restart or stand still.
//
// topology_test URL SECONDS [LONGEST], run by servers.py with an event. Several threads write
// counters on keys of many slots and compare afterwards: a write that was acknowledged is there,
// one that was not is there at most once, and nobody waited longer than promised.
#include <pthread.h>

#include "../unit/check.h"
#include "broker/redis/net/net.h"
#include "util/clock.h"

enum { THREADS = 4, KEYS = 12, TIMEOUT_MS = 20000, PATIENCE_MS = 60000 };

static const char *url_text;
static int64_t     run_ms, longest_ms = TIMEOUT_MS;

typedef struct writer {
    gf_rd_net *net;
    int        number;
    int64_t    acked[KEYS], uncertain[KEYS], refused;
    int64_t    longest_ms, calls;
} writer;

static gf_rd_net *open_net(void)
{
    gf_url url;
    gf_rd_options options;
    gf_rd_net *net = NULL;
    REQUIRE_OK(gf_url_parse(&url, url_text));
    gofer_status st = gf_rd_options_parse(&options, &url);
    gf_url_clear(&url);
    REQUIRE_OK(st);
    REQUIRE_OK(gf_rd_net_open(&net, &options, (gf_log){ 0 }, TIMEOUT_MS));
    return net;
}

static void key_name(char out[64], int thread, int key)
{
    snprintf(out, 64, "asynq:{t%d-%d}:count", thread, key);
}

static const gf_rd_script count_up = {
    .name = "count up",
    .text = "return redis.call('INCR', KEYS[1])\n",
    .is_urgent = true,
};

// One call with a command for each key: half of them scripts, every third may be repeated.
static void write_once(writer *w)
{
    gf_rd_cmd cmds[KEYS] = { 0 };
    char keys[KEYS][64];
    for (int k = 0; k < KEYS; k++) {
        key_name(keys[k], w->number, k);
        cmds[k].slot = gf_rd_slot(keys[k], strlen(keys[k]));
        cmds[k].counts = true;
        if (k % 2) {
            cmds[k].script = &count_up;
            cmds[k].key_count = 1;
        } else {
            gf_rd_add(&cmds[k].args, "INCR");
        }
        gf_rd_add(&cmds[k].args, keys[k]);
    }
    int64_t begun = gf_mono_ms();
    (void)gf_rd_run(w->net, cmds, KEYS, TIMEOUT_MS);
    int64_t took = gf_mono_ms() - begun;
    w->longest_ms = took > w->longest_ms ? took : w->longest_ms;
    w->calls++;
    for (int k = 0; k < KEYS; k++) {
        if (cmds[k].status == GOFER_OK)
            w->acked[k]++;
        else if (cmds[k].status == GOFER_EUNCERTAIN)
            w->uncertain[k]++;
        else
            w->refused++;
        gf_rd_cmd_clear(&cmds[k]);
    }
}

static void *write_on(void *arg)
{
    writer *w = arg;
    for (int64_t end = gf_mono_ms() + run_ms; gf_mono_ms() < end;)
        write_once(w);
    return NULL;
}

static int64_t read_count(gf_rd_net *net, int thread, int k)
{
    char key[64];
    gf_rd_cmd cmd = { .repeatable = true };
    key_name(key, thread, k);
    cmd.slot = gf_rd_slot(key, strlen(key));
    gf_rd_add(&cmd.args, "GET");
    gf_rd_add(&cmd.args, key);
    int64_t value = -1;
    if (CHECK_OK(gf_rd_run(net, &cmd, 1, PATIENCE_MS)))
        value = cmd.reply->type == REDIS_REPLY_STRING ? strtoll(cmd.reply->str, NULL, 10) : 0;
    gf_rd_cmd_clear(&cmd);
    return value;
}

static void what_is_acknowledged_is_there_and_nothing_twice(void)
{
    gf_rd_net *net = open_net();
    pthread_t threads[THREADS];
    static writer writers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (writer){ .net = net, .number = i };
        REQUIRE(pthread_create(&threads[i], NULL, write_on, &writers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++) {
        writer *w = &writers[i];
        int64_t acked = 0, uncertain = 0;
        CHECK_INT(pthread_join(threads[i], NULL), 0);
        for (int k = 0; k < KEYS; k++) {
            int64_t count = read_count(net, i, k);
            if (!CHECK(count >= w->acked[k] && count <= w->acked[k] + w->uncertain[k]))
                fprintf(stderr, "    key %d of %d: %lld, acknowledged %lld, uncertain %lld\n", k, i,
                    (long long)count, (long long)w->acked[k], (long long)w->uncertain[k]);
            acked += w->acked[k];
            uncertain += w->uncertain[k];
        }
        CHECK(acked > 0);
        CHECK_INT(w->refused, 0);                       // nothing lasted as long as the timeout
        CHECK(w->longest_ms <= longest_ms);
        printf("    thread %d: %lld calls, %lld acknowledged, %lld uncertain, the longest call "
               "%lld ms\n",
            i, (long long)w->calls, (long long)acked, (long long)uncertain,
            (long long)w->longest_ms);
    }
    gf_rd_net_close(net);
}

typedef struct heard {
    int primaries, pongs;
} heard;

static void note_pong(void *arg, const char *address, const redisReply *reply, gofer_status status)
{
    heard *h = arg;
    CHECK(strlen(address) > 0);
    h->primaries++;
    h->pongs += status == GOFER_OK && reply && reply->str && strcmp(reply->str, "PONG") == 0;
}

static void every_primary_answers_in_the_end(void)
{
    gf_rd_net *net = open_net();
    gf_rd_args args = { 0 };
    heard h = { 0 };
    gf_rd_add(&args, "PING");
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; gf_mono_ms() < end; gf_sleep_us(50000)) {
        h = (heard){ 0 };
        gf_rd_run_everywhere(net, &args, TIMEOUT_MS, note_pong, &h);
        if (h.primaries > 0 && h.pongs == h.primaries)
            break;
    }
    CHECK(h.primaries > 0);
    CHECK_INT(h.pongs, h.primaries);
    if (gf_rd_net_server(net).is_cluster)
        CHECK(h.primaries >= 2);
    gf_rd_args_clear(&args);
    gf_rd_net_close(net);
}

static const check_test tests[] = {
    TEST(what_is_acknowledged_is_there_and_nothing_twice),
    TEST(every_primary_answers_in_the_end),
};

int main(int argc, char **argv)
{
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: %s URL SECONDS [LONGEST_CALL_SECONDS]\n", argv[0]);
        return 2;
    }
    url_text = argv[1];
    run_ms = strtol(argv[2], NULL, 10) * 1000;
    if (argc == 4)
        longest_ms = strtol(argv[3], NULL, 10) * 1000;
    return check_main(1, argv, tests, COUNT(tests));
}
