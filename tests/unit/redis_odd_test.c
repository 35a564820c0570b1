// redis_odd_test.c - each of a queue's keys in turn is of a type that it cannot be: whatever then
// fails has changed
// nothing. Scripts are not rolled back, so each must look before it writes. Run by
// tests/redis/servers.py.
#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "util/clock.h"

static const char *const keys[] = {
    "pending", "active", "lease", "scheduled", "retry", "completed", "archived", "groups", "g:here",
        "aggregation_sets",
    "t:p1", "t:a1", "t:s1", "t:r1", "t:c1", "t:x1", "t:g1", "gofer:suspects", "gofer:cron:e",
        "gofer:ended", "processed", "failed",
};

static gf_claim *held;             // of a1
static gf_group_set *set;          // of g1 and g2

// g1 and g2 are taken out, and for too long; a1's worker is gone; c1 has been kept long enough.
typedef enum stage_of { PLAIN, IN_SET, STALE_SET, LOST, OVER } stage_of;

// One task in each state: a1 is held, s1 and r1 are due.
static gf_broker *stage(stage_of kind)
{
    static const char *const ids[] = { "a1", "p1", "p2", "s1", "r1", "c1", "x1" };
    gf_broker *b = store_open();
    for (size_t i = 0; i < COUNT(ids); i++) {
        gf_message m = message("q", ids[i]);
        m.retention_ms = ids[i][0] == 'c' ? 3600000 : 0;
        CHECK_OK(put_as(b, (gf_put){ .message = &m,
            .run_at_ms = ids[i][0] == 's' ? gf_now_ms() + 3600000 : 0,
            .unique_ms = strchr("xa", ids[i][0]) ? 60000 : 0, .unique_key = ids[i] }));
    }
    held = need_one(b, "q", "a1");
    for (const char *const *id = (const char *const[]){ "p1", "p2", "r1", "c1", NULL }; *id; id++) {
        gf_claim *claim = need_one(b, "q", *id);
        if (**id == 'p')
            CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_RETRY_AT,
                .at_ms = gf_now_ms() - 5000, .error = "e" }));
        else if (**id == 'r')
            CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_RETRY_AT,
                .at_ms = gf_now_ms() + 3600000, .error = "e" }));
        else
            CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_DONE, .result = "r",
                .result_size = 1 }));
    }
    CHECK_OK(finish(b, need_one(b, "q", "x1"), (gf_finish){ .outcome = GF_ARCHIVE, .error = "e" }));
    size_t moved;
    int64_t next_ms;
    CHECK_OK(b->ops->upkeep->forward(b, 100, &moved, &next_ms));
    CHECK_INT(moved, 2);
    for (int i = 1; i <= 2; i++) {
        gf_message m = message("q", i == 1 ? "g1" : "g2");
        CHECK_OK(put_as(b, (gf_put){ .message = &m, .group = "here" }));
    }
    set = NULL;
    if (kind == IN_SET || kind == STALE_SET) {
        gf_group_rule rule = { .grace_ms = 1000, .max_size = 2 };
        CHECK_OK(b->ops->groups->take(b, "w", "q", &rule, &set));
    }
    if (kind == STALE_SET)
        raw_run("ZADD asynq:{q}:aggregation_sets 1000 %s",
            raw_text("ZRANGE asynq:{q}:aggregation_sets 0 0"));
    if (kind == OVER)
        raw_run("ZADD asynq:{q}:completed 1000 c1");
    if (kind == LOST)
        raw_run("ZADD asynq:{q}:lease 1000 a1");
    raw_run("ZADD asynq:{q}:scheduled 1000 s1");
    raw_run("ZADD asynq:{q}:retry 1000 r1");
    return b;
}

// ---- what is tried
// -----------------------------------------------------------------------------------

static gofer_status put_one(gf_broker *b, gf_put how)
{
    gf_message m = message("q", "new");
    how.message = &m;
    return put_as(b, how);
}

static gofer_status put_now(gf_broker *b) { return put_one(b, (gf_put){ 0 }); }
static gofer_status put_later(gf_broker *b) { return put_one(b,
    (gf_put){ .run_at_ms = gf_now_ms() + 3600000 }); }
static gofer_status put_unique(gf_broker *b) { return put_one(b, (gf_put){ .unique_ms = 60000,
    .unique_key = "k" }); }
static gofer_status put_grouped(gf_broker *b) { return put_one(b, (gf_put){ .group = "here" }); }
static gofer_status put_unique_grouped(gf_broker *b)
{
    return put_one(b, (gf_put){ .group = "here", .unique_ms = 60000, .unique_key = "k" });
}

static gofer_status finish_as(gf_broker *b, gf_finish how)
{
    how.claim = held;
    how.status = GOFER_EHANDLER;
    how.error = "error";
    how.attempt = attempt("failed", 1);
    gofer_status st = b->ops->tasks->exchange(b, &how, 1, NULL);
    return st == GOFER_OK ? how.status : st;
}

static gofer_status finish_done(gf_broker *b) { return finish_as(b,
    (gf_finish){ .outcome = GF_DONE }); }
static gofer_status finish_drop(gf_broker *b) { return finish_as(b,
    (gf_finish){ .outcome = GF_DROP }); }
static gofer_status finish_retry(gf_broker *b)
{
    return finish_as(b, (gf_finish){ .outcome = GF_RETRY_AT, .is_failure = true,
        .at_ms = gf_now_ms() + 60000 });
}
static gofer_status finish_archive(gf_broker *b) { return finish_as(b,
    (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true }); }
static gofer_status finish_requeue(gf_broker *b) { return finish_as(b,
    (gf_finish){ .outcome = GF_REQUEUE }); }
static gofer_status finish_cancelled(gf_broker *b) { return finish_as(b,
    (gf_finish){ .outcome = GF_CANCELLED }); }

static gofer_status take_some(gf_broker *b)
{
    gf_share share = { "q", 2 };
    gf_claim *claims[2];
    gf_take t = { .worker = "w", .queues = &share, .queue_count = 1, .max = 2, .lease_ms = LEASE_MS,
        .claims = claims };
    gofer_status st = b->ops->tasks->exchange(b, NULL, 0, &t);
    for (size_t i = 0; i < t.count; i++)
        gf_claim_free(claims[i]);
    return st == GOFER_OK && t.count == 0 ? GOFER_EEMPTY : st;
}

static gofer_status extend(gf_broker *b)
{
    gf_lease lease = { .claim = held, .proven = true };
    gofer_status st = b->ops->tasks->extend(b, &lease, 1, 60000);
    return st == GOFER_OK ? lease.status : st;
}

static gofer_status forward(gf_broker *b)
{
    size_t moved;
    int64_t next_ms;
    return b->ops->upkeep->forward(b, 100, &moved, &next_ms);
}

static gofer_status recover(gf_broker *b)
{
    gf_recovered r = { 0 };
    return b->ops->upkeep->recover(b, 100, 3, &r);
}

#define MOVES(id)                                       \
    static gofer_status run_##id(gf_broker *b)          \
    {                                                   \
        return gf_act_one(b, "q", GF_ACT_RUN, #id);     \
    }                                                   \
    static gofer_status archive_##id(gf_broker *b)      \
    {                                                   \
        return gf_act_one(b, "q", GF_ACT_ARCHIVE, #id); \
    }                                                   \
    static gofer_status delete_##id(gf_broker *b)       \
    {                                                   \
        return gf_act_one(b, "q", GF_ACT_DELETE, #id);  \
    }                                                   \
    static gofer_status cancel_##id(gf_broker *b)       \
    {                                                   \
        return gf_act_one(b, "q", GF_ACT_CANCEL, #id);  \
    }
MOVES(p1) MOVES(s1) MOVES(r1) MOVES(c1) MOVES(x1) MOVES(g1)

static gofer_status cancel_a1(gf_broker *b) { return gf_act_one(b, "q", GF_ACT_CANCEL, "a1"); }

static gofer_status move_all(gf_broker *b, gf_state from, gf_state to)
{
    size_t moved;
    return b->ops->act->tasks_move(b, "q", from, to, 100, &moved);
}

#define MOVES_ALL(name, from) \
    static gofer_status run_##name(gf_broker *b) { return move_all(b, from, GF_PENDING); } \
    static gofer_status archive_##name(gf_broker *b) { return move_all(b, from, GF_ARCHIVED); } \
    static gofer_status delete_##name(gf_broker *b) { return move_all(b, from, GF_STATE_COUNT); }
MOVES_ALL(pending, GF_PENDING) MOVES_ALL(scheduled, GF_SCHEDULED) MOVES_ALL(retries, GF_RETRY)
MOVES_ALL(completed, GF_COMPLETED) MOVES_ALL(archived, GF_ARCHIVED) MOVES_ALL(aggregating,
    GF_AGGREGATING)

static gofer_status edit(gf_broker *b, const char *id, int64_t later_ms)
{
    return b->ops->act->task_edit(b, "q", id, "new", 3, later_ms ? gf_now_ms() + later_ms : 1);
}

static gofer_status edit_now(gf_broker *b) { return edit(b, "r1", 0); }
static gofer_status edit_later(gf_broker *b) { return edit(b, "p1", 3600000); }

static gofer_status purge(gf_broker *b)
{
    size_t purged;
    return b->ops->upkeep->purge(b, 100, &purged);
}

static gofer_status reclaim(gf_broker *b)
{
    size_t moved;
    return b->ops->groups->reclaim(b, 100, &moved);
}

static gofer_status tick(gf_broker *b, int64_t later_ms)
{
    gf_message m = message("q", "cron:e:1970-01-01T00:00:01Z");
    gf_tick t = { .entry = "e", .tick_ms = 1000, .message = &m,
        .run_at_ms = later_ms ? gf_now_ms() + later_ms : 0 };
    gofer_status st = b->ops->cron->tick(b, &t, 1);
    return st == GOFER_OK ? t.status : st;
}

static gofer_status tick_now(gf_broker *b) { return tick(b, 0); }
static gofer_status tick_later(gf_broker *b) { return tick(b, 3600000); }

static gofer_status group_take(gf_broker *b)
{
    gf_group_rule rule = { .grace_ms = 1000, .max_size = 2 };
    return b->ops->groups->take(b, "w", "q", &rule, &set);
}

static gofer_status group_put_at(gf_broker *b, int64_t run_at_ms)
{
    gf_message m = message("q", "combined");
    return b->ops->groups->put(b, set, &m, run_at_ms);
}

static gofer_status group_put(gf_broker *b) { return group_put_at(b, 0); }
static gofer_status group_put_later(gf_broker *b) { return group_put_at(b, gf_now_ms() + 3600000); }
static gofer_status group_back(gf_broker *b) { return b->ops->groups->back(b, set); }

#define TRY(name) { #name, name, PLAIN, GOFER_OK }
#define TRY_ON(name, on) { #name, name, on, GOFER_OK }
#define NOT(name) { #name, name, PLAIN, GOFER_ESTATE }
static const struct trial {
    const char *name;
    gofer_status (*run)(gf_broker *b);
    stage_of     on;
    gofer_status want;             // where all keys are as they should be
} trials[] = {
    TRY(put_now), TRY(put_later), TRY(put_unique), TRY(put_grouped), TRY(put_unique_grouped),
    TRY(finish_done), TRY(finish_drop), TRY(finish_retry), TRY(finish_archive), TRY(finish_requeue),
    TRY(finish_cancelled),
    TRY(take_some), TRY(extend), TRY(forward), TRY_ON(recover, LOST), TRY_ON(purge, OVER),
    NOT(run_p1), TRY(archive_p1), TRY(delete_p1), TRY(cancel_p1), TRY(run_s1), TRY(archive_s1),
    TRY(delete_s1), TRY(cancel_s1),
    TRY(run_r1), TRY(archive_r1), TRY(delete_r1), TRY(cancel_r1), NOT(run_c1), NOT(archive_c1),
    TRY(delete_c1), NOT(cancel_c1),
    TRY(run_x1), NOT(archive_x1), TRY(delete_x1), NOT(cancel_x1), TRY(run_g1), TRY(archive_g1),
    TRY(delete_g1), TRY(cancel_g1),
    TRY(cancel_a1), TRY(edit_now), TRY(edit_later),
    NOT(run_pending), TRY(archive_pending), TRY(delete_pending), TRY(run_scheduled),
    TRY(archive_scheduled), TRY(delete_scheduled),
    TRY(run_retries), TRY(archive_retries), TRY(delete_retries), NOT(run_completed),
    NOT(archive_completed), TRY(delete_completed),
    TRY(run_archived), NOT(archive_archived), TRY(delete_archived),
    TRY(run_aggregating), TRY(archive_aggregating), TRY(delete_aggregating),
    TRY(tick_now), TRY(tick_later), TRY(group_take),
    TRY_ON(group_put, IN_SET), TRY_ON(group_put_later, IN_SET), TRY_ON(group_back, IN_SET),
    TRY_ON(reclaim, STALE_SET),
};

// ---- the test
// -----------------------------------------------------------------------------------------

// All of the queue's keys, by name, with what they hold.
static const char *everything(void)
{
    static char texts[2][32768];
    static int turn;
    char *text = texts[turn ^= 1];
    const char *got = raw_script(
        "local out, names = {}, redis.call('KEYS', 'asynq:{q}:*')\n"
        "table.sort(names)\n"
        "for _, k in ipairs(names) do\n"
        "  local t, v = redis.call('TYPE', k).ok, nil\n"
        "  if t == 'hash' then\n"
        "    local f = redis.call('HGETALL', k)\n"
        "    v = {}\n"
        "    for i = 1, #f, 2 do v[#v + 1] = f[i] .. '=' .. redis.sha1hex(f[i + 1]) end\n"
        "    table.sort(v)\n"
        "  elseif t == 'list' then v = redis.call('LRANGE', k, 0, -1)\n"
        "  elseif t == 'zset' then v = redis.call('ZRANGE', k, 0, -1, 'WITHSCORES')\n"
        "  elseif t == 'set' then v = redis.call('SMEMBERS', k) table.sort(v)\n"
        "  else v = { redis.call('GET', k) } end\n"
        "  out[#out + 1] = string.sub(k, 11) .. ': ' .. table.concat(v, ' ')\n"
        "end\n"
        "return table.concat(out, '\\n')", "asynq:{q}:x");
    snprintf(text, sizeof texts[0], "%s", got ? got : "");
    return text;
}

// They do something, and of what they refuse they change nothing.
static void without_one_all_of_them_pass(void)
{
    for (size_t i = 0; i < COUNT(trials); i++) {
        gf_broker *b = stage(trials[i].on);
        const char *before = everything();
        if (!CHECK_STATUS(trials[i].run(b), trials[i].want) ||
                !CHECK((strcmp(before, everything()) == 0) == (trials[i].want != GOFER_OK)))
            printf("    that was %s\n", trials[i].name);
        gf_claim_free(held);
        gf_group_set_free(set);
        store_close(b);
    }
}

static void try_one(const struct trial *t, const char *key, int *failed)
{
    gf_broker *b = stage(t->on);
    raw_run("DEL asynq:{q}:%s", key);
    // A list can be nothing of ours but what is one; then a string.
    if (strcmp(key, "pending") == 0 || strcmp(key, "active") == 0)
        raw_run("SET asynq:{q}:%s odd", key);
    else
        raw_run("RPUSH asynq:{q}:%s odd", key);
    const char *before = everything();
    gofer_status st = t->run(b);
    if (st != GOFER_OK) {
        const char *after = everything();
        (*failed)++;
        if (strcmp(before, after) != 0)
            printf("    %s with an odd %s (%s)\n--- before\n%s\n--- after\n%s\n", t->name, key,
                gofer_status_name(st),
                before, after);
        CHECK(strcmp(before, after) == 0);
    }
    gf_claim_free(held);
    gf_group_set_free(set);
    raw_clean();
    store_close(b);
}

static void what_fails_for_a_key_of_a_wrong_type_has_changed_nothing(void)
{
    int failed = 0;
    for (size_t i = 0; i < COUNT(trials); i++)
        for (size_t k = 0; k < COUNT(keys); k++)
            try_one(&trials[i], keys[k], &failed);
    CHECK(failed > 100);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(without_one_all_of_them_pass),
            TEST(what_fails_for_a_key_of_a_wrong_type_has_changed_nothing),
    };
    return raw_main(argc, argv, tests, COUNT(tests));
}
