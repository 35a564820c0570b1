// check_server.c - the check of the servers themselves: version, durability, memory,
// replication, clock, speed.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/check/check.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { NODES = 64, ASKED = 9, SKEW_MS = 2000, SLOW_US = 10000, STALE_S = 60 };
enum { LACKING_MS = 1000 };              // for the others, once a server has taken all the time

typedef struct node {
    char address[128];
    char *info;                          // INFO's text
    char save[200], appendfsync[16], on_rewrite[8];
    bool config;                         // CONFIG was answered
    int64_t time_ms;                     // TIME; 0: none
    char lack[300];                      // why it is out of reach; empty: it is not
} node;

typedef struct servers {
    gf_rd_checking *c;
    node    nodes[NODES];
    size_t  count;
    bool    replica;                     // one of them is: what writes cannot be tried
    bool    lacking;                     // one is out of reach: it is not waited for again
} servers;

// ---- asking ----------------------------------------------------------------------------------

static node *node_at(servers *s, const char *address)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->nodes[i].address, address) == 0)
            return &s->nodes[i];
    if (s->count == NODES)
        return NULL;
    node *n = &s->nodes[s->count++];
    snprintf(n->address, sizeof n->address, "%s", address);
    return n;
}

static void on_info(void *arg, const char *address, const redisReply *reply, gofer_status st)
{
    servers *s = arg;
    node *n = node_at(s, address);
    if (n && !n->info && st == GOFER_OK && reply && reply->str)
        n->info = gf_memdup(reply->str, (size_t)reply->len);
    if (n && st != GOFER_OK && st != GOFER_ENOMEM && !reply) {     // a refusal is an answer
        snprintf(n->lack, sizeof n->lack, "%s", gofer_error_last());
        s->lacking = true;
    }
}

static void keep_setting(node *n, const char *name, const char *value)
{
    if (strcmp(name, "save") == 0)
        snprintf(n->save, sizeof n->save, "%s", value);
    else if (strcmp(name, "appendfsync") == 0)
        snprintf(n->appendfsync, sizeof n->appendfsync, "%s", value);
    else if (strcmp(name, "no-appendfsync-on-rewrite") == 0)
        snprintf(n->on_rewrite, sizeof n->on_rewrite, "%s", value);
}

static void on_config(void *arg, const char *address, const redisReply *reply, gofer_status st)
{
    node *n = node_at(arg, address);
    if (!n || st != GOFER_OK || !reply || reply->type != REDIS_REPLY_ARRAY)
        return;
    n->config = true;
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        if (gf_rd_reply_at(reply, i, REDIS_REPLY_STRING) &&
            gf_rd_reply_at(reply, i + 1, REDIS_REPLY_STRING))
            keep_setting(n, reply->element[i]->str, reply->element[i + 1]->str);
}

static void on_time(void *arg, const char *address, const redisReply *reply, gofer_status st)
{
    node *n = node_at(arg, address);
    if (n && st == GOFER_OK && gf_rd_reply_at(reply, 1, REDIS_REPLY_STRING))
        n->time_ms = gf_rd_reply_int(reply->element[0], 0) * 1000 +
            gf_rd_reply_int(reply->element[1], 0) / 1000;
}

static gofer_status ask(servers *s, const char *const *words, size_t count, gf_rd_on_reply on_reply)
{
    gf_rd_args args = { 0 };
    int64_t timeout_ms = gf_rd_timeout(s->c->store);
    for (size_t i = 0; i < count; i++)
        gf_rd_add(&args, words[i]);
    if (s->lacking && timeout_ms > LACKING_MS)
        timeout_ms = LACKING_MS;
    gofer_status st = gf_rd_run_everywhere(s->c->store->net, &args, timeout_ms, on_reply, s);
    gf_rd_args_clear(&args);
    return st;
}

// The value of a line "name:value" of INFO; "" if it is not there.
static const char *value_of(const node *n, const char *name, char out[64])
{
    size_t size = strlen(name);
    *out = '\0';
    for (const char *at = n->info; at && (at = strstr(at, name)) != NULL; at += size)
        if ((at == n->info || at[-1] == '\n') && at[size] == ':') {
            size_t length = strcspn(at + size + 1, "\r\n");
            snprintf(out, 64, "%.*s", (int)(length < 63 ? length : 63), at + size + 1);
            break;
        }
    return out;
}

static int64_t number_of(const node *n, const char *name)
{
    char text[64];
    return strtoll(value_of(n, name, text), NULL, 10);
}

static bool says(const node *n, const char *name, const char *value)
{
    char text[64];
    return strcmp(value_of(n, name, text), value) == 0;
}

// ---- version ----------------------------------------------------------------------------------

// Of each series the release that fixed CVE-2025-49844 and its three siblings, by which whoever may
// run scripts may run code in the server (GHSA-4789-qfc9-5f9q; Valkey's releases of October 2025),
// and the latest known with such fixes of other holes (Redis: the record of CVE-2026-81934; Valkey:
// its releases of July 2026). OVER: the series gets no more.
enum { OVER = -1 };
typedef struct fixed { int major, minor, scripts, latest; } fixed;
static const fixed fixed_redis[] = {
    { 6, 2, 20, 24 }, { 7, 2, 11, 16 }, { 7, 4, 6, 11 }, { 8, 0, 4, OVER }, { 8, 2, 2, 9 },
    { 8, 4, 0, 6 }, { 8, 6, 0, 6 },
    { 8, 8, 0, 2 }, { 8, 10, 0, 1 },
};
static const fixed fixed_valkey[] = { { 7, 2, 11, 14 }, { 8, 0, 6, 10 }, { 8, 1, 4, 9 },
    { 9, 0, 0, 5 }, { 9, 1, 0, 1 } };

typedef struct version {
    const char   *name;                  // "Redis", "Valkey"
    char          text[64];
    int           major, minor, patch;
    const fixed  *series;                // NULL: not in our list
    bool          newer;                 // than all we know of
} version;

static void find_series(version *v, const fixed *all, size_t count)
{
    const fixed *last = &all[count - 1];
    for (size_t i = 0; i < count; i++)
        if (all[i].major == v->major && all[i].minor == v->minor)
            v->series = &all[i];
    v->newer = v->major > last->major || (v->major == last->major && v->minor > last->minor);
}

// Valkey tells the version of Redis that it stands for too.
static bool read_version(const node *n, version *out)
{
    bool valkey = *value_of(n, "valkey_version", out->text) != '\0';
    out->name = valkey ? "Valkey" : "Redis";
    if (!valkey)
        value_of(n, "redis_version", out->text);
    if (sscanf(out->text, "%d.%d.%d", &out->major, &out->minor, &out->patch) != 3)
        return false;
    if (valkey)
        find_series(out, fixed_valkey, COUNT_OF(fixed_valkey));
    else
        find_series(out, fixed_redis, COUNT_OF(fixed_redis));
    return true;
}

static void check_version(const gf_visit *v, const node *n)
{
    static const char update[] = "update; a distribution may have put the fix into an older "
                                 "version: ask its security tracker";
    version is = { 0 };
    if (!read_version(n, &is))
        return;
    const fixed *s = is.series;
    if (is.major < 6 || (is.major == 6 && is.minor < 2))
        gf_visit_report(v, GF_ERROR, "version-old",
            "update to a supported release: 6.2 is the oldest that works",
            "%s is %s %s: gofer and Asynq need 6.2", n->address, is.name, is.text);
    else if (s && is.patch < s->scripts)
        gf_visit_report(v, GF_WARNING, "version-vulnerable", update,
            "%s is %s %s: whoever may run scripts may run code in the server (CVE-2025-49844); "
            "fixed in %d.%d.%d",
            n->address, is.name, is.text, s->major, s->minor, s->scripts);
    else if (s && is.patch < s->latest)
        gf_visit_report(v, GF_WARNING, "version-vulnerable", update,
            "%s is %s %s: others may get to run code in the server; fixed in %d.%d.%d", n->address,
            is.name, is.text, s->major, s->minor, s->latest);
    else if (!s && !is.newer)
        gf_visit_report(v, GF_NOTE, "version-unsure",
            "see that who provides it keeps it up to date",
            "%s is %s %s, a series that is not known: perhaps its makers release no fixes any more",
            n->address, is.name, is.text);
    else if (s && s->latest == OVER)
        gf_visit_report(v, GF_NOTE, "version-unsure",
            "see that your distribution's package has the fixes of the latest years, or use a "
            "supported series",
            "%s is %s %s, a series whose makers release no fixes any more", n->address, is.name,
            is.text);
}

// ---- what an acknowledgement means --------------------------------------------------------------

static void check_persistence(const gf_visit *v, const node *n)
{
    bool aof = says(n, "aof_enabled", "1");
    if (says(n, "loading", "1"))
        gf_visit_report(v, GF_NOTE, "loading", "wait until it has read its data",
            "%s is loading its data", n->address);
    if (says(n, "aof_last_write_status", "err") || says(n, "rdb_last_bgsave_status", "err"))
        gf_visit_report(v, GF_ERROR, "persistence-fails", "look at the server's log and its disk",
            "%s could not write its data to disk the last time", n->address);
    if (!n->config)
        gf_visit_report(v, GF_NOTE, "config-unseen",
            "give the user +config|get, or ask whoever runs the server",
            "%s does not let us ask CONFIG GET: %s", n->address,
            aof ? "when its log is on disk (appendfsync) is not known"
                : "whether it saves snapshots at all is not known");
    if (!aof && n->config && !*n->save)
        gf_visit_report(v, GF_WARNING, "no-persistence",
            "set appendonly yes (CONFIG SET appendonly yes, CONFIG REWRITE)",
            "%s keeps its data in memory only: a restart loses every task", n->address);
    else if (!aof)
        gf_visit_report(v, GF_WARNING, "snapshots-only",
            "set appendonly yes (CONFIG SET appendonly yes, CONFIG REWRITE)",
            "%s saves snapshots only%s: after a crash the tasks since the last one are gone, and "
            "those done since run again",
            n->address, n->config ? "" : ", at the best");
    else if (strcmp(n->appendfsync, "no") == 0)
        gf_visit_report(v, GF_WARNING, "fsync-no", "set appendfsync everysec, or always",
            "%s leaves it to the system when its log is on disk: a power failure may lose "
            "acknowledged tasks of half a "
            "minute", n->address);
    else if (strcmp(n->appendfsync, "everysec") == 0)
        gf_visit_report(v, GF_NOTE, "fsync-everysec", "set appendfsync always if that is too much",
            "%s writes its log to disk every second: a power failure may lose acknowledged tasks "
            "of about a second, a crash of the "
            "server none, but of up to two seconds when the disk is slow%s", n->address,
            number_of(n, "aof_delayed_fsync") > 0 ? ", as it has been" : "");
    if (aof && strcmp(n->on_rewrite, "yes") == 0)
        gf_visit_report(v, GF_WARNING, "fsync-paused", "set no-appendfsync-on-rewrite no",
            "%s does not sync its log while it rewrites it, whatever appendfsync says: a crash "
            "then may lose what was acknowledged "
            "meanwhile", n->address);
}

static void check_memory(const gf_visit *v, const node *n)
{
    char policy[64];
    int64_t most = number_of(n, "maxmemory"), used = number_of(n, "used_memory");
    value_of(n, "maxmemory_policy", policy);
    bool passing = strncmp(policy, "volatile-", 9) == 0;       // only keys with an end: no task
                                                               //   and no lease has one
    if (*policy && strcmp(policy, "noeviction") != 0)
        gf_visit_report(v, most > 0 && !passing ? GF_ERROR : GF_WARNING, "eviction",
            "set maxmemory-policy noeviction: then only new tasks are refused when memory is full",
            "%s has the policy %s:%s %s are deleted when memory is full", n->address, policy,
            most > 0 ? "" : " once maxmemory is set,",
            passing ? "unique locks" : "tasks, leases and locks");
    if (most > 0 && used / 10 >= most / 10 - most / 100)
        gf_visit_report(v, GF_WARNING, "memory-full",
            "raise maxmemory, or remove completed and archived tasks",
            "%s uses %lld of %lld MiB of memory: new tasks are or will be refused", n->address,
            (long long)(used >> 20), (long long)(most >> 20));
}

static void check_replication(servers *s, const node *n)
{
    const gf_visit *v = &s->c->visit;
    const gf_rd_options *o = gf_rd_net_options(s->c->store->net);
    int64_t replicas = number_of(n, "connected_slaves");
    bool waits = o && o->wait_replicas > 0;
    s->replica |= says(n, "role", "slave");
    if (says(n, "role", "slave"))
        gf_visit_report(v, GF_ERROR, "replica", "give the primary's address",
            "%s is a replica: it takes no tasks", n->address);
    if (replicas > 0 && !waits)
        gf_visit_report(v, GF_NOTE, "replication-async",
            "add wait-replicas=1 to the URL if that is too much (min-replicas-to-write only "
            "refuses when no replica is there)",
            "%s acknowledges before its replicas have it: a failover may lose the latest tasks",
            n->address);
    if (waits && replicas < o->wait_replicas)
        gf_visit_report(v, GF_ERROR, "replicas-missing", "see why the replicas are not connected",
            "%s has %lld replicas and the URL waits for %d", n->address, (long long)replicas,
            (int)o->wait_replicas);
    if (o && o->topology == GF_RD_SENTINEL && replicas == 0)
        gf_visit_report(v, GF_WARNING, "no-replica",
            "add a replica, or see why it is not connected",
            "%s has no replica: Sentinel has nothing to fail over to", n->address);
}

// ---- clock, speed -------------------------------------------------------------------------------

static gofer_status check_clock(servers *s)
{
    int64_t before_ms = gf_now_ms();
    gofer_status st = ask(s, (const char *const[]){ "TIME" }, 1, on_time);
    int64_t after_ms = gf_now_ms();
    for (size_t i = 0; i < s->count && st == GOFER_OK; i++) {
        const node *n = &s->nodes[i];
        int64_t skew_ms = !n->time_ms                  ? 0
                          : n->time_ms < before_ms     ? n->time_ms - before_ms
                          : n->time_ms > after_ms      ? n->time_ms - after_ms
                                                       : 0;
        if (skew_ms > SKEW_MS || skew_ms < -SKEW_MS)
            gf_visit_report(&s->c->visit, GF_WARNING, "clock-skew",
                "let both hosts set their clocks by NTP",
                "the clock of %s is %lld.%lld s %s ours: Go workers recover tasks too early or too "
                "late, and scheduled ones "
                "start so",
                n->address, (long long)(llabs(skew_ms) / 1000),
                (long long)(llabs(skew_ms) / 100 % 10), skew_ms > 0 ? "ahead of" : "behind");
    }
    return st;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// By TIME: PING is refused by a server that cannot write to its disk.
static gofer_status check_speed(gf_rd_checking *c)
{
    int64_t took_us[ASKED];
    for (int i = 0; i < ASKED; i++) {
        gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT, .reads = true };
        redisReply *reply;
        int64_t begun_ns = gf_mono_ns();
        gf_rd_add(&cmd.args, "TIME");
        gofer_status st = gf_rd_call(c->store, &cmd, &reply);
        if (st != GOFER_OK)
            return st;
        gf_rd_reply_free(reply);
        took_us[i] = (gf_mono_ns() - begun_ns) / 1000;
    }
    qsort(took_us, ASKED, sizeof *took_us, by_number);
    if (took_us[ASKED / 2] > SLOW_US)
        gf_visit_report(&c->visit, GF_NOTE, "slow",
            "run workers nearer to the server; a concurrency that is higher hides it",
            "the server takes %lld ms to answer", (long long)took_us[ASKED / 2] / 1000);
    return GOFER_OK;
}

// ---- cluster, records of workers ----------------------------------------------------------------

static gofer_status check_cluster(servers *s)
{
    redisReply *reply;
    node n = { .address = "the cluster" };
    if (!gf_rd_net_server(s->c->store->net).is_cluster)
        return GOFER_OK;
    gofer_status st = gf_rd_check_try(s->c, "CLUSTER INFO", &reply);
    if (st != GOFER_OK || !reply)
        return st;
    n.info = reply->str;
    s->c->cluster_down = !says(&n, "cluster_state", "ok");
    if (s->c->cluster_down)
        gf_visit_report(&s->c->visit, GF_ERROR, "cluster-down", "see 'redis-cli --cluster check'",
            "the cluster is not in the state ok: queues in the slots it lacks cannot be used");
    if (number_of(&n, "cluster_slots_assigned") < 16384)
        gf_visit_report(&s->c->visit, GF_ERROR, "cluster-slots",
            "assign the slots: 'redis-cli --cluster fix'",
            "%lld of 16384 slots of the cluster are assigned",
            (long long)number_of(&n, "cluster_slots_assigned"));
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

// Records live 10 seconds and readers remove what is over, but nobody may be reading.
static gofer_status check_records(gf_rd_checking *c)
{
    static const char *const sets[] = { "asynq:servers", "asynq:workers", "asynq:schedulers" };
    gf_finding f = { GF_NOTE, "stale-records", NULL,
        "workers or schedulers are listed that ended long ago without signing off",
        "nothing to do; --repair removes them", NULL, 0, 0 };
    int64_t before_s = gf_now_ms() / 1000 - STALE_S;
    for (size_t i = 0; i < COUNT_OF(sets); i++) {
        gf_rd_cmd cmd = { .slot = gf_rd_slot(sets[i], strlen(sets[i])),
            .repeatable = true,
            .reads = !c->visit.repair };
        redisReply *reply;
        gf_rd_add(&cmd.args, c->visit.repair ? "ZREMRANGEBYSCORE" : "ZCOUNT");
        gf_rd_add(&cmd.args, sets[i]);
        gf_rd_add(&cmd.args, "-inf");
        gf_rd_add_int(&cmd.args, before_s);
        gofer_status st = gf_rd_call(c->store, &cmd, &reply);
        if (st != GOFER_OK)
            return st == GOFER_ECORRUPT || st == GOFER_EDENIED ? GOFER_OK : st;
        f.count += gf_rd_reply_int(reply, 0);
        gf_rd_reply_free(reply);
    }
    f.repaired = c->visit.repair ? f.count : 0;
    if (f.count > 0)
        c->visit.report(c->visit.arg, &f);
    return GOFER_OK;
}

// ---- all ----------------------------------------------------------------------------------------

static gofer_status check_nodes(servers *s)
{
    static const char *const settings[] = { "save", "appendfsync", "no-appendfsync-on-rewrite" };
    gofer_status st = ask(s, (const char *const[]){ "INFO" }, 1, on_info);
    for (size_t i = 0; i < COUNT_OF(settings) && st == GOFER_OK; i++)        // where the user may
        st = ask(s, (const char *const[]){ "CONFIG", "GET", settings[i] }, 3, on_config);
    for (size_t i = 0; i < s->count && st == GOFER_OK; i++) {
        if (*s->nodes[i].lack) {
            gf_visit_report(&s->c->visit, GF_ERROR, "server-down",
                "start it again, or give its slots to others", "%s cannot be asked: %s",
                s->nodes[i].address, s->nodes[i].lack);
            continue;
        }
        if (!s->nodes[i].info) {
            gf_visit_report(&s->c->visit, GF_WARNING, "info-unseen", "give the user +info",
                "%s does not answer INFO: nothing is known of its version, persistence, memory and "
                "replicas",
                s->nodes[i].address);
            continue;
        }
        check_version(&s->c->visit, &s->nodes[i]);
        check_persistence(&s->c->visit, &s->nodes[i]);
        check_memory(&s->c->visit, &s->nodes[i]);
        check_replication(s, &s->nodes[i]);
    }
    return st == GOFER_OK ? check_clock(s) : st;
}

gofer_status gf_rd_check_server(gf_rd_checking *c)
{
    servers *s = gf_calloc(1, sizeof *s);
    if (!s)
        return gf_fail_nomem("a check");
    s->c = c;
    gofer_status st = check_nodes(s);
    bool seen = false;
    for (size_t i = 0; i < s->count; i++)
        seen |= s->nodes[i].info != NULL;
    bool goes = gf_rd_check_went(c, st) || seen;
    if (goes)
        (void)gf_rd_check_went(c, check_cluster(s));
    for (size_t i = 0; i < s->count; i++)
        gf_free(s->nodes[i].info);
    bool replica = s->replica;
    gf_free(s);
    if (goes && !replica)
        (void)gf_rd_check_went(c, gf_rd_check_rights(c));
    if (goes && !c->cluster_down)
        (void)gf_rd_check_went(c, gf_rd_check_scripts(c));
    if (goes)
        (void)gf_rd_check_went(c, check_speed(c));
    if (goes && !c->cluster_down)
        (void)gf_rd_check_went(c, check_records(c));
    return goes ? GOFER_OK : c->failed;
}
