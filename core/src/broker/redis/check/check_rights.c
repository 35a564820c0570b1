// check_rights.c - the check of what our user may do: commands, keys, scripts.
#include <stdio.h>
#include <string.h>

#include "broker/redis/check/check.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/error.h"

static void add_words(gf_rd_args *args, char *line)
{
    char *rest = NULL;
    for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        gf_rd_add(args, word);
}

// Asks something that may be refused: OK and *reply, or NULL where the server or the
// user's rights say no.
gofer_status gf_rd_check_try(gf_rd_checking *c, const char *line, redisReply **reply)
{
    char words[600];
    gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT, .reads = true };
    snprintf(words, sizeof words, "%s", line);
    add_words(&cmd.args, words);
    gofer_status st = gf_rd_run(c->store->net, &cmd, 1, gf_rd_timeout(c->store));
    bool answered = cmd.reply != NULL;
    *reply = st == GOFER_OK ? cmd.reply : NULL;
    if (st == GOFER_OK)
        cmd.reply = NULL;
    gf_rd_cmd_clear(&cmd);
    return answered ? GOFER_OK : st;
}

#define K "asynq:{gofer-doctor}:k"

// What gofer runs, by itself and in scripts, so that nothing happens where it is really run: the
// key is not there. The first PROBES would change something and are only asked for.
static const char *const rights[] = {
    "INCR " K, "INCRBY " K " 1", "LPUSH " K " v", "RPUSH " K " v", "SADD " K " v", "HSET " K " f v",
    "HINCRBY " K " f 1", "SADD asynq:queues q", "ZADD asynq:servers 1 v",
    "HSET asynq:workers:{x} f v", "PUBLISH asynq:cancel x", "SUBSCRIBE asynq:cancel",
    "SUBSCRIBE asynq:gofer:control", "SETEX " K " 1 v", "BLMOVE " K " " K " RIGHT RIGHT 1",
    "SET " K " v XX", "ZADD " K " XX 1 v", // XX: only what is there
    "EXISTS " K, "TYPE " K, "DEL " K, "UNLINK " K, "EXPIRE " K " 1", "PEXPIRE " K " 1",
    "PERSIST " K, "EXPIREAT " K " 1", "GET " K, "MGET " K, "RPOP " K, "LREM " K " 0 v",
    "LTRIM " K " 0 0", "LRANGE " K " 0 0", "LINDEX " K " 0", "LLEN " K, "LPOS " K " v",
    "SREM " K " v", "SMEMBERS " K, "SISMEMBER " K " v", "SCARD " K, "SRANDMEMBER " K,
    "ZREM " K " v", "ZSCORE " K " v", "ZMSCORE " K " v", "ZCARD " K, "ZCOUNT " K " 0 1",
    "ZRANGE " K " 0 0", "ZRANGEBYSCORE " K " 0 1", "ZREMRANGEBYSCORE " K " 0 1",
    "ZREMRANGEBYRANK " K " 0 0", "ZREVRANGEBYSCORE " K " 1 0", "ZRANGESTORE " K " " K " 0 0",
    "ZUNIONSTORE " K " 1 " K, "PTTL " K, "HGET " K " f", "HMGET " K " f", "HDEL " K " f",
    "HEXISTS " K " f", "HVALS " K, "HSTRLEN " K " f", "HGETALL " K, "TIME", "PING",
    "SCAN 0 COUNT 1", "INFO server", "SMEMBERS asynq:queues",
    "EVALSHA 0000000000000000000000000000000000000000 0", "WAIT 0 0", "ROLE", "CLUSTER SLOTS",
    "CLUSTER INFO", "ASKING", "RENAME " K " " K, // where they are needed:
    //   is_needed
};
enum { PROBES = 15 };

// Those of them that scripts run, for a server that cannot be asked (before Redis 7): a script
// tries what it has the right to (net/script.c), so that nothing is changed.
static const struct {
    gf_rd_script script;
    const char  *denial;                   // in the answer when it is refused
} tries[] = {
#define TRY(command, denial) \
    { { .name = "try a right", .rights = command, .text = gf_rd_lua_try_script }, "'" denial "'" }
    TRY("INCR", "incr"), TRY("INCRBY", "incrby"), TRY("LPUSH", "lpush"), TRY("RPUSH", "rpush"),
    TRY("SADD", "sadd"), TRY("HSET", "hset"), TRY("HINCRBY", "hincrby"), TRY("ZADD", "zadd"),
    TRY("PUBLISH", "publish"), TRY("SETEX", "setex"),
#undef TRY
};

static bool is_needed(const gf_rd_checking *c, const char *right)
{
    const gf_rd_options *o = gf_rd_net_options(c->store->net);
    if (strncmp(right, "WAIT", 4) == 0)
        return o && o->wait_replicas > 0;
    if (strcmp(right, "ROLE") == 0)
        return o && o->topology == GF_RD_SENTINEL;
    return (strncmp(right, "CLUSTER", 7) != 0 && strcmp(right, "ASKING") != 0 &&
               strncmp(right, "RENAME", 6) != 0) ||
        (o && o->topology == GF_RD_CLUSTER);
}

// True: the user may not. told: NULL, or what a script's answer has then, as it may also lack the
// right to a command that it needs for trying.
static bool refused(const gf_rd_cmd *cmd, bool dry, const char *denial)
{
    if (dry)
        return cmd->reply && cmd->reply->type == REDIS_REPLY_STRING &&
            strcmp(cmd->reply->str, "OK") != 0;
    return cmd->status == GOFER_EDENIED &&
        (!denial || (cmd->reply && cmd->reply->str && strstr(cmd->reply->str, denial)));
}

// Many of them: on the heap, for the stack is small where a handler has the store checked.
typedef struct question {
    const char *asked, *denial;
    char        line[96];          // its words, which the command points to
} question;

static gofer_status ask_rights(gf_rd_checking *c, const char *user, bool dry, char *missing,
    size_t room)
{
    size_t used = 0, count = 0;
    question *all = gf_calloc(COUNT_OF(rights) + COUNT_OF(tries), sizeof *all);
    gf_rd_cmd *cmds = gf_calloc(COUNT_OF(rights) + COUNT_OF(tries), sizeof *cmds);
    *missing = '\0';
    if (!all || !cmds) {
        gf_free(all);
        gf_free(cmds);
        return gf_fail_nomem("questions about rights");
    }
    for (size_t i = dry ? 0 : PROBES; i < COUNT_OF(rights); i++)
        if (is_needed(c, rights[i]))
            all[count++].asked = rights[i];
    size_t plain = count;
    for (size_t i = 0; i < COUNT_OF(tries) && !dry; i++) {
        all[count].asked = tries[i].script.rights;
        all[count].denial = tries[i].denial;
        cmds[count] = (gf_rd_cmd){ .script = &tries[i].script, .key_count = 1, .reads = true };
        cmds[count].slot = gf_rd_slot(K, strlen(K));
        gf_rd_add(&cmds[count++].args, K);
    }
    for (size_t i = 0; i < plain; i++) {
        cmds[i].slot = !dry && strstr(all[i].asked, K) ? gf_rd_slot(K, strlen(K)) : GF_RD_ANY_SLOT;
        if (!dry && strstr(all[i].asked, "asynq:queues"))
            cmds[i].slot = gf_rd_slot("asynq:queues", 12);
        cmds[i].reads = true;              // no WAIT for replicas after it: some may be missing
        if (dry) {
            gf_rd_add(&cmds[i].args, "ACL");
            gf_rd_add(&cmds[i].args, "DRYRUN");
            gf_rd_add(&cmds[i].args, user);
        }
        snprintf(all[i].line, sizeof all[i].line, "%s", all[i].asked);
        add_words(&cmds[i].args, all[i].line);
    }
    gofer_status st = gf_rd_run(c->store->net, cmds, count, gf_rd_timeout(c->store));
    bool answered = true;                  // refused is an answer: no rights, no memory, no disk
    for (size_t i = 0; i < count; i++) {
        int size = (int)strcspn(all[i].asked, " ");
        size += strncmp(all[i].asked, "CLUSTER ", 8) == 0 ? (int)strlen(all[i].asked) - size : 0;
        if (refused(&cmds[i], dry, all[i].denial) && used + 40 < room)
            used += (size_t)snprintf(missing + used, room - used, "%s%.*s", used ? ", " : "", size,
                all[i].asked);
        answered &= cmds[i].reply != NULL;
        gf_rd_cmd_clear(&cmds[i]);
    }
    gf_free(all);
    gf_free(cmds);
    return answered ? GOFER_OK : st;
}

gofer_status gf_rd_check_rights(gf_rd_checking *c)
{
    char missing[600], user[512] = "default", line[600];
    redisReply *reply;
    gofer_status st = gf_rd_check_try(c, "ACL WHOAMI", &reply);
    if (st != GOFER_OK)
        return st;
    if (reply && reply->type == REDIS_REPLY_STRING)
        snprintf(user, sizeof user, "%s", reply->str);
    if (reply)
        gf_rd_reply_free(reply);
    snprintf(line, sizeof line, "ACL DRYRUN %s PING", user);
    st = gf_rd_check_try(c, line, &reply);
    bool dry = reply != NULL;
    if (reply)
        gf_rd_reply_free(reply);
    // Who cannot be asked is tried, on keys, and of these a Cluster that is down serves none. That
    // it is down has been reported.
    if (st == GOFER_OK && !dry && c->cluster_down)
        return GOFER_OK;
    if (st == GOFER_OK)
        st = ask_rights(c, user, dry, missing, sizeof missing);
    c->rights_reported |= st == GOFER_OK && *missing;
    if (st == GOFER_OK && *missing)
        gf_visit_report(&c->visit, GF_ERROR, "rights",
            "let its ACL rules allow these commands, with ~asynq:* and &asynq:*",
            "the user '%s' may not run what gofer needs, or not on its keys: %s", user, missing);
    return st;
}

gofer_status gf_rd_check_scripts(gf_rd_checking *c)
{
    static const gf_rd_script script = { .name = "try a script", .text = gf_rd_lua_try_script };
    gf_rd_cmd cmd = { .script = &script,
        .key_count = 1,
        .slot = gf_rd_slot(K, strlen(K)),
        .reads = true };
    gf_rd_add(&cmd.args, K);
    gofer_status st = gf_rd_run(c->store->net, &cmd, 1, gf_rd_timeout(c->store));
    bool answered = cmd.reply != NULL;
    if (answered && st != GOFER_OK)
        gf_visit_report(&c->visit, GF_ERROR, "no-scripts",
            "gofer and Asynq need EVAL and EVALSHA: give the user +@scripting",
            "the server refuses scripts: %.200s", cmd.reply->str ? cmd.reply->str : "");
    gf_rd_cmd_clear(&cmd);
    return answered ? GOFER_OK : st;
}
