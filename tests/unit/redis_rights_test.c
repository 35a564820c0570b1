// redis_rights_test.c - a right that is missing in the middle of a script: the store stays as it
// was, and the command is named. Every call that changes tasks, with every command forbidden in
// turn. Run by tests/redis/servers.py.
#include <ctype.h>

#include "broker/redis/net/script.h"
#include "redis_make.h"
#include "util/clock.h"
#include "util/url.h"

static gf_broker *b;                     // of a user whose rights are taken, while raw
                                         //   commands may do everything
static gf_claim  *claims[8];
static size_t     claim_count;
static gf_group_set *set;

static const char user_url[] = "redis://limited:secret@";

// All that gofer's scripts do on Redis; what a call does not need it goes on without.
static const char *const commands[] = {
    "exists",
    "get",
    "mget",
    "type",
    "pttl",
    "llen",
    "lpos",
    "lrange",
    "lindex",
    "zcard",
    "zscore",
    "zmscore",
    "zcount",
    "zrange",
    "zrangebyscore",
    "zrevrangebyscore",
    "hget",
    "hmget",
    "hexists",
    "hstrlen",
    "scard",
    "smembers",
    "sismember",
    "srandmember",
    "time",
    "set",
    "setex",
    "del",
    "unlink",
    "expire",
    "expireat",
    "pexpire",
    "persist",
    "incr",
    "incrby",
    "lpush",
    "rpush",
    "lrem",
    "ltrim",
    "sadd",
    "srem",
    "zadd",
    "zrem",
    "zremrangebyrank",
    "zremrangebyscore",
    "zrangestore",
    "zunionstore",
    "hset",
    "hdel",
    "hincrby",
    "hgetall",
    "publish",
    "scan",
};

static char *dump(void)
{
    const char *text = raw_script(
        "local out, keys = {}, redis.call('KEYS', 'asynq:*') table.sort(keys) for _, k in "
        "ipairs(keys) do local t, v = redis.call('TYPE', k).ok, nil if t == 'string' then v = { "
        "redis.call('GET', k) } elseif t == 'list' then v = redis.call('LRANGE', k, 0, -1) elseif "
        "t == 'hash' then v = redis.call('HGETALL', k) elseif t == 'zset' then v = "
        "redis.call('ZRANGE', k, 0, -1, 'WITHSCORES') else v = redis.call('SMEMBERS', k) "
        "table.sort(v) end for i, w in ipairs(v) do v[i] = w:gsub('[^%w%p]', '.') end "
        "out[#out + 1] = k .. ' ' .. table.concat(v, '|') end return table.concat(out, '\\n')",
        "asynq:queues");
    char *copy = strdup(text ? text : "");
    REQUIRE(copy != NULL);
    return copy;
}

static int64_t server_s(void)
{
    return strtoll(raw_text("TIME"), NULL, 10);
}

static void waited_for(const char *id)
{
    raw_run("ZADD asynq:{q}:gofer:waits %lld %s", (long long)(server_s() + 600) * 1000, id);
}

static void take_all(size_t count)
{
    claim_count = take(b, "q", count, claims);
    REQUIRE(claim_count == count);
}

// ---- the calls: what each finds, what it does ---------------------------------------------------

static void find_nothing(void)
{
}

static gofer_status put_items(gf_put *items, size_t count)
{
    gofer_status st = b->ops->tasks->put(b, items, count);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = items[i].status;
    return st;
}

static gofer_status do_put(void)
{
    gf_message one = message("q", "new1"), two = message("q", "new2");
    gf_put items[] = { { .message = &one }, { .message = &two } };
    return put_items(items, COUNT(items));
}

static gofer_status do_put_kinds(void)
{
    gf_message m[] = { message("q", "new1"), message("q", "new2"), message("q", "new3") };
    gf_put items[] = { { .message = &m[0], .run_at_ms = gf_now_ms() + 3600000 },
        { .message = &m[1], .group = "g" }, { .message = &m[2], .unique_ms = 60000 } };
    return put_items(items, COUNT(items));
}

static void find_running(void)
{
    static const char *const ids[] = { "a", "b", "c", "d", "e" };
    for (size_t i = 0; i < COUNT(ids); i++) {
        gf_message m = message("q", ids[i]);
        m.retention_ms = 60000;
        CHECK_OK(put_as(b, (gf_put){ .message = &m, .unique_ms = i == 0 ? 60000 : 0 }));
    }
    take_all(COUNT(ids));
    waited_for("a");
    raw_run("HSET asynq:{q}:t:a gofer:crashes 1");
}

static gofer_status finish_all(const gf_finish *how, size_t count, gf_take *t)
{
    gf_finish done[8];
    for (size_t i = 0; i < count; i++) {
        done[i] = how[i];
        done[i].claim = claims[i];
        done[i].status = GOFER_EHANDLER;
    }
    gofer_status st = b->ops->tasks->exchange(b, done, count, t);
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = done[i].status;
    return st;
}

static gofer_status do_finish(void)
{
    const gf_finish how[] = {
        { .outcome = GF_DONE, .result = "r", .result_size = 1, .attempt = "{}" },
        { .outcome = GF_RETRY_AT, .is_failure = true, .at_ms = gf_now_ms() + 60000, .error = "no",
            .log = "{}\n",
            .checkpoint = "k", .checkpoint_size = 1 },
        { .outcome = GF_ARCHIVE, .is_failure = true, .error = "no" },
        { .outcome = GF_CANCELLED, .error = "no" },
        { .outcome = GF_REQUEUE },
    };
    return finish_all(how, COUNT(how), NULL);
}

static void find_plain(void)
{
    static const char *const ids[] = { "a", "b", "c", "d", "e", "f" };
    for (size_t i = 0; i < COUNT(ids); i++) {
        gf_message m = message("q", ids[i]);
        CHECK_OK(put_as(b, (gf_put){ .message = &m, .unique_ms = i == 0 ? 60000 : 0 }));
    }
    take_all(COUNT(ids));
    waited_for("b");
    raw_run("LPUSH asynq:{q}:active other");          // somebody else's, among ours
    put(b, "q", "next1");
    put(b, "q", "next2");
}

static gofer_status exchange_plain(size_t ends, size_t most)
{
    static const gf_finish how[6] = { { .outcome = GF_DONE } };
    gf_claim *taken[4];
    gf_share share = { "q", most };
    gf_take t = { .worker = "w",
        .queues = &share,
        .queue_count = 1,
        .max = most,
        .lease_ms = LEASE_MS,
        .claims = taken };
    gofer_status st = finish_all(how, ends, most ? &t : NULL);
    for (size_t i = 0; most && i < t.count; i++)
        gf_claim_free(taken[i]);
    return st == GOFER_OK && most && t.count != most ? GOFER_EHANDLER : st;
}

static gofer_status do_end_and_take(void) { return exchange_plain(6, 2); }
static gofer_status do_end_few(void) { return exchange_plain(2, 0); }
static gofer_status do_take(void) { return exchange_plain(0, 2); }

static gofer_status do_extend(void)
{
    gf_lease leases[] = { { .claim = claims[0], .proven = true }, { .claim = claims[1] } };
    gofer_status st = b->ops->tasks->extend(b, leases, COUNT(leases), 60000);
    return st == GOFER_OK ? leases[0].status : st;
}

static gofer_status do_progress(void)
{
    const gf_progress p = { .claim = claims[0],
        .done = 1,
        .total = 2,
        .text = "x",
        .log = "{}\n",
        .checkpoint = "k",
        .checkpoint_size = 1 };
    return b->ops->tasks->progress(b, &p, 1);
}

static gofer_status do_release(void) { return b->ops->tasks->release(b, claims, 1); }

static void find_waiting(void)
{
    static const char lock[] = "asynq:{q}:unique:email:welcome:0";
    make("q", "retry", "t", 1900000000);
    make("q", "retry", "u", 1900000001);
    raw_run("HSET asynq:{q}:t:t unique_key %s gofer:claim 0123456789abcdef", lock);
    raw_run("SET %s t EX 1000", lock);
    waited_for("t");
    make_grouped("q", "g", "m", NULL);
}

static gofer_status do_run(void) { return gf_act_one(b, "q", GF_ACT_RUN, "t"); }
static gofer_status do_archive(void) { return gf_act_one(b, "q", GF_ACT_ARCHIVE, "t"); }
static gofer_status do_delete(void) { return gf_act_one(b, "q", GF_ACT_DELETE, "t"); }
static gofer_status do_delete_member(void) { return gf_act_one(b, "q", GF_ACT_DELETE, "m"); }
static gofer_status do_cancel(void) { return gf_act_one(b, "q", GF_ACT_CANCEL, "t"); }
static gofer_status do_edit(void)
{
    return b->ops->act->task_edit(b, "q", "t", "new", 3, gf_now_ms() + 7200000);
}
static gofer_status do_run_by_edit(void) { return b->ops->act->task_edit(b, "q", "t", NULL, 0, 1); }

static gofer_status move_all(gf_state from, gf_state to)
{
    size_t done;
    return b->ops->act->tasks_move(b, "q", from, to, 100, &done);
}

static gofer_status do_run_all(void) { return move_all(GF_RETRY, GF_PENDING); }
static gofer_status do_archive_all(void) { return move_all(GF_RETRY, GF_ARCHIVED); }
static gofer_status do_delete_all(void) { return move_all(GF_RETRY, GF_STATE_COUNT); }
static gofer_status do_run_members(void) { return move_all(GF_AGGREGATING, GF_PENDING); }
static gofer_status do_remove_queue(void) { return b->ops->act->queue_delete(b, "q", true); }
static gofer_status do_pause(void) { return b->ops->act->queue_pause(b, "q", true); }

static void find_expired(void)
{
    make("q", "active", "t", 1000);
    make("q", "active", "u", 1000);
    raw_run("HSET asynq:{q}:t:t gofer:claim 0123456789abcdef");
    raw_run("HSET asynq:{q}:t:u gofer:claim 0123456789abcdef gofer:crashes 5");
}

static gofer_status do_recover(void)
{
    gf_recovered r = { 0 };
    return b->ops->upkeep->recover(b, 10, 1, &r);
}

static void find_leaseless(void)
{
    make("q", "active", "t", 1000);
    raw_run("DEL asynq:{q}:lease");
    make("q", "pending", "stray", 1900000000);
    raw_run("LPUSH asynq:{q}:active stray ghost");
}

static void find_due(void)
{
    make("q", "scheduled", "s", 1000);
    make("q", "retry", "r", 1000);
    raw_run("HSET asynq:{q}:t:r gofer:claim 0123456789abcdef");
    make("q", "retry", "g", 1000);
    raw_run("HSET asynq:{q}:t:g group g");
    raw_run("ZADD asynq:{q}:retry 1000 ghost");
}

static gofer_status do_forward(void)
{
    size_t done;
    int64_t next_ms;
    return b->ops->upkeep->forward(b, 10, &done, &next_ms);
}

static void find_kept(void)
{
    make("q", "completed", "c", 1000);
    make("q", "archived", "x", 1000);
}

static gofer_status do_purge(void)
{
    size_t done;
    return b->ops->upkeep->purge(b, 10, &done);
}

static gofer_status tick_at(int64_t run_at_ms)
{
    gf_message m = message("q", "cron:e:1970-01-01T00:00:05Z");
    gf_tick t = { .entry = "e",
        .tick_ms = 5000,
        .message = &m,
        .run_at_ms = run_at_ms,
        .status = GOFER_EHANDLER };
    gofer_status st = b->ops->cron->tick(b, &t, 1);
    return st == GOFER_OK ? t.status : st;
}

static gofer_status do_tick(void) { return tick_at(0); }
static gofer_status do_tick_later(void) { return tick_at(gf_now_ms() + 3600000); }

static void find_group(void)
{
    make_grouped("q", "g", "m1", NULL);
    make_grouped("q", "g", "m2", NULL);
}

static gofer_status do_group_take(void)
{
    const gf_group_rule rule = { .grace_ms = 1000, .max_size = 2 };
    return b->ops->groups->take(b, "w", "q", &rule, &set);
}

static void find_set(void)
{
    find_group();
    REQUIRE_OK(do_group_take());
}

static gofer_status do_group_put(void)
{
    gf_message m = message("q", "combined");
    return b->ops->groups->put(b, set, &m, 0);
}

static gofer_status do_group_back(void) { return b->ops->groups->back(b, set); }

static void find_stale_set(void)
{
    find_set();
    raw_script("for _, k in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do redis.call('ZADD', "
               "KEYS[1], 5, k) end return 1",
        "asynq:{q}:aggregation_sets");
}

static gofer_status do_group_reclaim(void)
{
    size_t done;
    return b->ops->groups->reclaim(b, 10, &done);
}

static const struct {
    const char *name;
    void (*find)(void);
    gofer_status (*call)(void);
    const char *needs;             // some of the commands without which it cannot be done
} calls[] = {
    { "put", find_nothing, do_put, "exists lpush hset" },
    { "put of all kinds", find_nothing, do_put_kinds, "hset zadd sadd set lpush" },
    { "finish", find_running, do_finish, "lrem zrem hdel hset zadd rpush incrby expireat" },
    { "end and take", find_plain, do_end_and_take, "ltrim lrem rpush zrem unlink hset lpush zadd" },
    { "end", find_plain, do_end_few, "lrem zrem unlink incrby expireat" },
    { "take", find_plain, do_take, "ltrim hdel hset lpush zadd" },
    { "extend", find_plain, do_extend, "zrem zadd hset" },
    { "progress", find_running, do_progress, "hset" },
    { "release", find_running, do_release, "del" },
    { "run", find_waiting, do_run, "zrem hdel hset lpush" },
    { "archive", find_waiting, do_archive, "zrem hdel hset zadd del" },
    { "delete", find_waiting, do_delete, "zrem del unlink" },
    { "delete a member", find_waiting, do_delete_member, "zrem srem unlink" },
    { "cancel", find_waiting, do_cancel, "zrem hset zadd del" },
    { "edit", find_waiting, do_edit, "zrem hset zadd hdel" },
    { "run by editing", find_waiting, do_run_by_edit, "zrem hset lpush hdel" },
    { "run all", find_waiting, do_run_all, "zremrangebyrank hset lpush" },
    { "archive all", find_waiting, do_archive_all, "zremrangebyrank hset zadd" },
    { "delete all", find_waiting, do_delete_all, "zremrangebyrank unlink del" },
    { "run a group's", find_waiting, do_run_members, "zremrangebyrank srem hset lpush" },
    { "remove a queue", find_waiting, do_remove_queue,
      "set ltrim zremrangebyrank srem unlink del scan" },
    { "pause", find_waiting, do_pause, "set" },
    { "recover", find_expired, do_recover, "lrem zrem hset rpush zadd" },
    { "lend leases", find_leaseless, do_recover, "lrem zadd" },
    { "forward", find_due, do_forward, "zrem del hset hdel lpush zadd sadd" },
    { "purge", find_kept, do_purge, "zrem unlink del" },
    { "tick", find_nothing, do_tick, "persist hset lpush" },
    { "tick later", find_nothing, do_tick_later, "persist hset zadd" },
    { "take a set", find_group, do_group_take, "zadd" },
    { "put a set", find_set, do_group_put, "setex hset lpush unlink del zrem" },
    { "put a set back", find_set, do_group_back, "zrem zunionstore sadd del" },
    { "take sets back", find_stale_set, do_group_reclaim, "zrem zunionstore sadd del" },
};

// ---- the table ----------------------------------------------------------------------------------

static bool is_among(const char *words, const char *word)
{
    size_t size = strlen(word);
    for (const char *at = words; (at = strstr(at, word)) != NULL; at += size)
        if ((at == words || at[-1] == ' ') && (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

static bool error_names(const char *command)
{
    char said[1024];
    size_t i = 0;
    for (const char *c = gofer_error_last(); *c && i + 1 < sizeof said; c++)
        said[i++] = (char)tolower((unsigned char)*c);
    said[i] = '\0';
    return strstr(said, command) != NULL;
}

static void forget(void)
{
    for (size_t i = 0; i < claim_count; i++)
        gf_claim_free(claims[i]);
    claim_count = 0;
    gf_group_set_free(set);
    set = NULL;
}

static void try_without(size_t call, const char *command)
{
    char what[128];
    raw_clean();
    worker_register(b, "w");
    raw_run("SADD asynq:queues q");
    calls[call].find();
    char *before = dump();
    raw_run("ACL SETUSER limited -%s", command);
    gofer_status st = calls[call].call();
    raw_run("ACL SETUSER limited +%s", command);
    snprintf(what, sizeof what, "%s without %s: ", calls[call].name, command);
    if (st == GOFER_EDENIED) {
        char *after = dump();
        if (!CHECK_STR(after, before) || !CHECK(error_names(command)))
            printf("%s%s\n", what, gofer_error_last());
        free(after);
    } else if (!CHECK_OK(st) || !CHECK(!is_among(calls[call].needs, command))) {
        printf("%s%d\n", what, (int)st);
    }
    free(before);
    forget();
}

static void nothing_is_left_half_done(void)
{
    char url[512];
    raw_clean();
    raw_run("ACL SETUSER limited on >secret ~* &* +@all");
    snprintf(url, sizeof url, "%s%s", user_url, strstr(suite_url, "://") + 3);
    REQUIRE_OK(store_try(url, &b));
    for (size_t i = 0; i < COUNT(calls); i++)
        for (size_t j = 0; j < COUNT(commands); j++)
            try_without(i, commands[j]);
    gf_broker_close(b);
    raw_run("ACL DELUSER limited");
}

// ---- a server that cannot be asked --------------------------------------------------------------
//
// Every server can be tried, so these run on all of them.

static gf_rd_net *open_limited(void)
{
    char text[512];
    gf_url url;
    gf_rd_options options;
    gf_rd_net *net;
    raw_run("ACL SETUSER limited reset");
    raw_run("ACL SETUSER limited on >secret ~* &* +@all");
    snprintf(text, sizeof text, "%s%s", user_url, strstr(suite_url, "://") + 3);
    REQUIRE_OK(gf_url_parse(&url, text));
    REQUIRE_OK(gf_rd_options_parse(&options, &url));
    REQUIRE_OK(gf_rd_net_open(&net, &options, (gf_log){ 0 }, PATIENCE_MS));
    gf_url_clear(&url);
    return net;
}

static gofer_status run_tries(gf_rd_net *net, gf_rd_script script, const char *key)
{
    gf_rd_texts texts = { { NULL } };
    script.name = "test";
    const gf_rd_text *text = gf_rd_text_of(&texts, &script, GF_RD_TRIES);
    gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT, .repeatable = true };
    REQUIRE(text != NULL);
    gf_rd_add(&cmd.args, "EVAL");
    gf_rd_add_bytes(&cmd.args, text->text, text->size);
    gf_rd_add(&cmd.args, "1");
    gf_rd_add(&cmd.args, key);
    gofer_status st = gf_rd_run(net, &cmd, 1, PATIENCE_MS);
    gf_rd_cmd_clear(&cmd);
    gf_rd_texts_clear(&texts);
    return st;
}

static void in_capitals(const char *command, char *out, size_t room)
{
    size_t i = 0;
    for (; command[i] && i + 1 < room; i++)
        out[i] = (char)toupper((unsigned char)command[i]);
    out[i] = '\0';
}

static void all_in_capitals(char *out, size_t room)
{
    size_t used = 0;
    for (size_t i = 0; i < COUNT(commands) && used + 32 < room; i++) {
        in_capitals(commands[i], out + used, 31);
        used += strlen(out + used);
        out[used++] = ' ';
    }
    out[used] = '\0';
}

static void trying_changes_nothing(void)
{
    static const char *const makes[] = {
        NULL, "SET %s 5", "RPUSH %s a b", "SADD %s a b", "ZADD %s 1 a 2 b", "HSET %s 1 a f b",
    };
    static const char *const places[] = { "asynq:{q}:x", "asynq:{q}:x:?", "asynq:{q}:x:??" };
    char rights[1024];
    gf_rd_net *net = open_limited();
    all_in_capitals(rights, sizeof rights);
    for (size_t i = 0; i < COUNT(makes); i++) {
        raw_clean();
        for (size_t place = 0; place < COUNT(places) && makes[i]; place++)
            raw_run(makes[i], places[place]);
        char *before = dump();
        CHECK_OK(
            run_tries(net, (gf_rd_script){ .text = "return 1\n", .rights = rights }, places[0]));
        char *after = dump();
        CHECK_STR(after, before);
        CHECK_INT(raw_int("DBSIZE"), makes[i] ? COUNT(places) : 0);
        free(before);
        free(after);
    }
    gf_rd_net_close(net);
}

static void each_command_can_be_tried(void)
{
    char name[32];
    gf_rd_net *net = open_limited();
    raw_clean();
    for (size_t i = 0; i < COUNT(commands); i++) {
        in_capitals(commands[i], name, sizeof name);
        raw_run("ACL SETUSER limited -%s", commands[i]);
        gofer_status st =
            run_tries(net, (gf_rd_script){ .text = "return 1\n", .rights = name }, "k");
        raw_run("ACL SETUSER limited +%s", commands[i]);
        if (!CHECK_INT(st, GOFER_EDENIED) || !CHECK(error_names(commands[i])))
            printf("%s: %s\n", commands[i], gofer_error_last());
    }
    CHECK_INT(raw_int("DBSIZE"), 0);
    // Of keys only the call's are of interest; of channels all.
    raw_run("ACL SETUSER limited resetkeys ~k resetchannels");
    CHECK_OK(
        run_tries(net, (gf_rd_script){ .text = "return 1\n", .rights = "LPUSH DEL ZADD" }, "k"));
    gf_rd_net_close(net);
}

// What the trying has written may not hide from the server that a script has not yet.
static void trying_leaves_full_memory_as_it_is(void)
{
    static const struct { const char *text; bool allow_oom; gofer_status want; } cases[] = {
        { "redis.call('LPUSH', KEYS[1], 1) redis.call('LREM', KEYS[1], 0, 2) return 1\n", false,
          GOFER_ENOSPACE },
        { "redis.call('GET', KEYS[1]) redis.call('HSET', KEYS[1], 1, 1) return 1\n", false,
          GOFER_ENOSPACE },
        { "if redis.pcall('SADD', KEYS[1], 1).err then redis.call('LPUSH', KEYS[1], 1) end return "
          "1\n", false,
            GOFER_ENOSPACE },
        { "redis.call('LREM', KEYS[1], 0, 2) redis.call('LPUSH', KEYS[1], 1) return 1\n", false,
          GOFER_OK },
        { "redis.call('LREM', KEYS[1], 0, 2) redis.call('LPUSH', KEYS[1], 1) return 1\n", true,
          GOFER_OK },
    };
    gf_rd_net *net = open_limited();
    if (gf_rd_net_server(net).version >= 70000) {
        gf_rd_net_close(net);
        OMIT("a server that can be asked is not tried");
    }
    raw_clean();
    raw_run("CONFIG SET maxmemory 1");
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_status st = run_tries(net,
            (gf_rd_script){ .text = cases[i].text, .allow_oom = cases[i].allow_oom }, "k");
        if (!CHECK_INT(st, cases[i].want) || !CHECK_INT(raw_int("EXISTS k"), st == GOFER_OK))
            printf("%s", cases[i].text);
        raw_run("DEL k");
    }
    raw_run("CONFIG SET maxmemory 0");
    gf_rd_net_close(net);
}

// Servers from Redis 8 on take a question with too few words for none.
static void a_question_has_as_many_words_as_the_command(void)
{
    for (size_t i = 0; i < COUNT(commands); i++) {
        char name[32];
        in_capitals(commands[i], name, sizeof name);
        raw_script("return redis.call('SET', 'arity', math.abs(redis.call('COMMAND', 'INFO', "
                   "KEYS[1])[1][2]))",
            name);
        if (!CHECK_INT(gf_rd_command_words(name, strlen(name)), raw_int("GET arity") - 1))
            printf("%s\n", name);
    }
    raw_run("DEL arity");
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_question_has_as_many_words_as_the_command),
        TEST(each_command_can_be_tried),
        TEST(trying_changes_nothing),
        TEST(trying_leaves_full_memory_as_it_is),
        TEST(nothing_is_left_half_done),
    };
    return raw_main(argc, argv, tests, COUNT(tests));
}
