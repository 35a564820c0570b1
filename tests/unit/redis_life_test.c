// redis_life_test.c - what gofer keeps beside Asynq's keys: locks, waits, commands, events; what is
// left of them, and that running out of memory at any moment breaks nothing. Run by
// tests/redis/servers.py.
#include <unistd.h>

#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/thread.h"

// ---- locks --------------------------------------------------------------------------------------

static gofer_status put_unique(gf_broker *b, const char *id, const char *key, gf_unique_life life,
    char *holder)
{
    gf_message m = message("q", id);
    gf_put item = { .message = &m,
        .unique_ms = 60000,
        .unique_key = key,
        .unique_life = life,
        .holder = holder,
        .status = GOFER_EHANDLER };
    gofer_status st = b->ops->tasks->put(b, &item, 1);
    return st == GOFER_OK ? item.status : st;
}

static void a_named_lock_stands_where_go_frees_it(void)
{
    gf_broker *b = store_open();
    char holder[GF_ID_MAX + 1] = "";
    CHECK_OK(put_unique(b, "one", "my key", GF_UNTIL_DONE, NULL));
    CHECK_STR(raw_script("return redis.call('GET', 'asynq:{q}:unique:gofer:my key')",
                  "asynq:{q}:x"),
        "one");
    CHECK_STR(raw_text("HGET asynq:{q}:t:one unique_key"), "asynq:{q}:unique:gofer:my key");
    CHECK_STATUS(put_unique(b, "two", "my key", GF_UNTIL_TTL, holder), GOFER_EDUPLICATE);
    CHECK_STR(holder, "one");
    gf_claim *claim = need_one(b, "q", "one");
    CHECK_STR(((gf_rd_claim *)claim)->unique_key, "asynq:{q}:unique:gofer:my key");
    done(b, claim);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:two"), 0);
    CHECK_OK(put_unique(b, "two", "my key", GF_UNTIL_TTL, holder));
    store_close(b);
}

static void a_lock_of_its_own_time_is_nobodys(void)
{
    gf_broker *b = store_open();
    char holder[GF_ID_MAX + 1] = "";
    CHECK_OK(put_unique(b, "one", "k", GF_UNTIL_TTL, NULL));
    CHECK_STR(raw_text("GET asynq:{q}:unique:gofer:k"), GF_RD_LOCK_ALONE "one");
    CHECK(raw_text("HGET asynq:{q}:t:one unique_key") == NULL);
    CHECK_STATUS(put_unique(b, "two", "k", GF_UNTIL_DONE, holder), GOFER_EDUPLICATE);
    CHECK_STR(holder, "one");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "one"));
    CHECK_INT(raw_int("EXISTS asynq:{q}:unique:gofer:k"), 1);
    CHECK(raw_int("PTTL asynq:{q}:unique:gofer:k") > 0);
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    CHECK_INT(raw_int("EXISTS asynq:{q}:unique:gofer:k"), 0);
    store_close(b);
}

// The answer to a put was lost, and the task has run and ended before the repeat: its own lock,
// which outlasts it, is no other task's, and it is not put in a second time.
static void a_repeat_does_not_meet_its_own_lock(void)
{
    gf_broker *b = store_open();
    char holder[GF_ID_MAX + 1] = "";
    CHECK_OK(put_unique(b, "one", "k", GF_UNTIL_TTL, holder));
    done(b, need_one(b, "q", "one"));
    CHECK_OK(put_unique(b, "one", "k", GF_UNTIL_TTL, holder));
    CHECK_STR(holder, "");
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:one asynq:{q}:pending"), 0);
    CHECK_STATUS(put_unique(b, "two", "k", GF_UNTIL_TTL, holder), GOFER_EDUPLICATE);
    CHECK_STR(holder, "one");
    store_close(b);
}

static void trimming_the_archive_frees_locks(void)
{
    gf_broker *b = store_open();
    size_t moved = 0;
    CHECK_OK(put_unique(b, "one", "k", GF_UNTIL_DONE, NULL));
    // As Asynq's inspector archives: the lock stays.
    raw_run("LREM asynq:{q}:pending 0 one");
    raw_run("HSET asynq:{q}:t:one state archived");
    raw_run("ZADD asynq:{q}:archived 1000 one");
    CHECK_OK(b->ops->upkeep->purge(b, 10, &moved));
    CHECK_INT(moved, 1);
    CHECK_INT(raw_int("EXISTS asynq:{q}:unique:gofer:k asynq:{q}:t:one"), 0);
    store_close(b);
}

// ---- waits --------------------------------------------------------------------------------------

typedef struct waiting {
    gf_broker   *broker;
    pthread_t    thread;
    gofer_status status;
    char         outcome[32];
} waiting;

static void *wait_main(void *arg)
{
    waiting *w = arg;
    gofer_info *end = NULL;
    w->status = gf_wait_end(w->broker, "q", "t", PATIENCE_MS, &end);
    if (w->status == GOFER_OK)
        snprintf(w->outcome, sizeof w->outcome, "%s", gofer_info_text(end, "outcome"));
    gofer_info_free(end);
    return NULL;
}

static void begin_wait(waiting *w, gf_broker *b)
{
    *w = (waiting){ .broker = b, .status = GOFER_EHANDLER };
    REQUIRE(gf_thread_start(&w->thread, wait_main, w, 0) == 0);
    for (int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
         raw_int("ZSCORE asynq:{q}:gofer:waits t") < 0 && gf_mono_ms() < end_ms;)
        gf_sleep_us(1000);
}

static void what_is_noted_of_waits_ends_by_itself(void)
{
    gf_broker *b = store_open();
    waiting w;
    put(b, "q", "t");
    gf_claim *claim = need_one(b, "q", "t");
    begin_wait(&w, b);
    CHECK(raw_int("PTTL asynq:{q}:gofer:waits") > 0);
    done(b, claim);
    pthread_join(w.thread, NULL);
    CHECK_OK(w.status);
    CHECK_STR(w.outcome, "done");
    // It holds as long as the end is told to who comes next: so that is not told of
    // another task of the id.
    CHECK(raw_int("PTTL asynq:{q}:gofer:waits") > 0);
    CHECK(raw_int("PTTL asynq:{q}:gofer:waits") <= raw_int("PTTL asynq:{q}:gofer:end:t"));
    raw_run("DEL asynq:{q}:gofer:waits");
    CHECK(raw_int("PTTL asynq:{q}:gofer:end:t") > 0);
    // Of a task that nobody waits for nothing is noted.
    put(b, "q", "u");
    done(b, need_one(b, "q", "u"));
    CHECK_INT(raw_int("EXISTS asynq:{q}:gofer:end:u"), 0);
    store_close(b);
}

static void an_end_that_others_make_is_seen(void)
{
    gf_broker *b = store_open();
    waiting w;
    put(b, "q", "t");
    begin_wait(&w, b);
    raw_run("LREM asynq:{q}:pending 0 t");
    raw_run("DEL asynq:{q}:t:t");
    pthread_join(w.thread, NULL);
    CHECK_OK(w.status);
    CHECK_STR(w.outcome, "gone");
    store_close(b);
}

// ---- commands -----------------------------------------------------------------------------------

static void a_go_server_takes_no_commands(void)
{
    gf_broker *b = store_open();
    CHECK_OK(b->ops->live->control(b, "w", "x"));
    CHECK(raw_int("PTTL asynq:gofer:{w}:control") > 0);
    CHECK(raw_int("PTTL asynq:gofer:{w}:live") > 0);
    raw_run("DEL asynq:gofer:{w}:live");                  // listed as a server, and not ours
    CHECK_STATUS(b->ops->live->control(b, "w", "x"), GOFER_EUNSUPPORTED);
    worker_register(b, "w");
    CHECK_OK(b->ops->live->control(b, "w", "x"));
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "w"));
    CHECK_INT(raw_int("EXISTS asynq:gofer:{w}:live asynq:gofer:{w}:control"), 0);
    worker_register(b, "w");
    store_close(b);
}

// ---- cancelling ---------------------------------------------------------------------------------

static void only_a_request_of_ours_is_told_by_an_extension(void)
{
    gf_broker *b = store_open();
    put(b, "q", "t");
    gf_claim *claim = need_one(b, "q", "t");
    gf_lease lease = { .claim = claim };
    raw_run("PUBLISH asynq:cancel t");                    // as Go's inspector: an announcement,
                                                          //   nothing noted
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    CHECK(!lease.cancel);
    raw_run("HSET asynq:{q}:t:t gofer:cancel 0123456789abcdef");      // of an earlier claim
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    CHECK(!lease.cancel);
    CHECK_INT(task_number(b, "q", "t", "cancel_requested") == 1, 0);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "t"));
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    CHECK(lease.cancel);
    done(b, claim);
    store_close(b);
}

// ---- stats, entries -----------------------------------------------------------------------------

static void what_gofer_adds_to_a_queue_has_an_end(void)
{
    gf_broker *b = store_open();
    gf_type_stats s = { .queue = "q", .type = "t", .done = 1 };
    put(b, "q", "t");
    CHECK_OK(b->ops->inspect->stats_add(b, &s, 1));
    const char *key = raw_text("KEYS asynq:{q}:gofer:stats:[0-9]*");
    char name[128];
    snprintf(name, sizeof name, "%s", key ? key : "none");
    CHECK(raw_int("TTL %s", name) > 7 * 86400);
    key = raw_text("KEYS asynq:{q}:gofer:stats:m*");
    snprintf(name, sizeof name, "%s", key ? key : "none");
    CHECK(raw_int("TTL %s", name) > 3500 && raw_int("TTL %s", name) <= 3600);

    gf_message m = message("q", "cron:e:1970-01-01T00:00:01Z");
    gf_tick t = { .entry = "e", .tick_ms = 1000, .message = &m };
    CHECK_OK(b->ops->cron->entry_put(b, "e", "r", true));
    CHECK_OK(b->ops->cron->tick(b, &t, 1));
    CHECK_INT(raw_int("TTL asynq:{q}:gofer:cron:e"), -1);
    CHECK_OK(b->ops->cron->entry_drop(b, "e"));
    CHECK(raw_int("TTL asynq:{q}:gofer:cron:e") > 7 * 86400);
    m.id = "cron:e:1970-01-01T00:00:02Z";
    t.tick_ms = 2000;
    CHECK_OK(b->ops->cron->tick(b, &t, 1));                      // it is there again
    CHECK_INT(raw_int("TTL asynq:{q}:gofer:cron:e"), -1);
    store_close(b);
}

// A key of another type, which a tick would write to last: then nothing was written.
static void a_tick_that_cannot_be_put_leaves_nothing(void)
{
    static const char *const keys[] = { "pending", "scheduled" };
    gf_broker *b = store_open();
    for (size_t i = 0; i < COUNT(keys); i++) {
        raw_clean();
        raw_run("SET asynq:{q}:%s x", keys[i]);
        gf_message m = message("q", "cron:e:1970-01-01T00:00:01Z");
        gf_tick t = { .entry = "e",
            .tick_ms = 1000,
            .message = &m,
            .run_at_ms = i ? gf_now_ms() + 3600000 : 0 };
        (void)b->ops->cron->tick(b, &t, 1);
        CHECK_STATUS(t.status, GOFER_ECORRUPT);
        CHECK_INT(raw_int("EXISTS asynq:{q}:gofer:cron:e asynq:{q}:t:%s", m.id), 0);
        raw_run("DEL asynq:{q}:%s", keys[i]);
        CHECK_OK(b->ops->cron->tick(b, &t, 1));                  // nor is it taken for done
        CHECK_STATUS(t.status, GOFER_OK);
        CHECK_INT(raw_int("EXISTS asynq:{q}:gofer:cron:e asynq:{q}:t:%s", m.id), 2);
    }
    raw_clean();
    store_close(b);
}

static bool count_finding(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    int *counts = arg;
    counts[0] += strcmp(f->code, "ticks-left") == 0;
    counts[1] += strcmp(f->code, "leftover") == 0 || strcmp(f->code, "key-type") == 0 ||
        strcmp(f->code, "lock") == 0;
    counts[2] += (int)f->repaired;
    return true;
}

static void the_doctor_knows_what_gofer_adds(void)
{
    gf_broker *b = store_open();
    gf_type_stats s = { .queue = "q", .type = "t", .done = 1 };
    int counts[3] = { 0 };
    CHECK_OK(put_unique(b, "one", "k", GF_UNTIL_TTL, NULL));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "one"));
    put(b, "q", "t");
    CHECK_OK(b->ops->inspect->stats_add(b, &s, 1));
    gf_message m = message("q", "cron:e:1970-01-01T00:00:01Z");
    gf_tick t = { .entry = "e", .tick_ms = 1000, .message = &m };
    CHECK_OK(b->ops->cron->entry_put(b, "e", "r", true));
    CHECK_OK(b->ops->cron->tick(b, &t, 1));
    CHECK_OK(b->ops->check->store(b, false, count_finding, counts));
    CHECK_INT(counts[0], 0);
    CHECK_INT(counts[1], 0);
    raw_run("HDEL asynq:gofer:schedules e");               // its entry is gone, without a word
    CHECK_OK(b->ops->check->store(b, true, count_finding, counts));
    CHECK_INT(counts[0], 1);
    CHECK_INT(counts[1], 0);
    CHECK_INT(counts[2], 1);
    CHECK(raw_int("TTL asynq:{q}:gofer:cron:e") > 7 * 86400);
    CHECK_INT(raw_int("EXISTS asynq:{q}:unique:gofer:k"), 1);
    store_close(b);
}

// ---- no memory ----------------------------------------------------------------------------------

static void forget(void *arg, const gf_message *m)
{
    (void)arg;
    (void)m;
}

static gofer_status take_and_finish(gf_broker *b, gf_outcome_kind outcome)
{
    gf_claim *claim = NULL;
    gf_share share = { "q", 1 };
    gf_take take = { .worker = "w",
        .queues = &share,
        .queue_count = 1,
        .max = 1,
        .lease_ms = LEASE_MS,
        .claims = &claim };
    gofer_status st = b->ops->tasks->exchange(b, NULL, 0, &take);
    if (st != GOFER_OK || take.count == 0)
        return st;
    gf_finish f = { .claim = claim,
        .outcome = outcome,
        .is_failure = true,
        .at_ms = 4000000000000,
        .error = "e",
        .attempt = "kind=failed",
        .log = "text=a\n",
        .headers = "k\0v",
        .headers_size = 4,
        .checkpoint = "c",
        .checkpoint_size = 1,
        .result = "r",
        .result_size = 1,
        .status = GOFER_OK };
    gf_progress p = { .claim = claim,
        .done = 1,
        .total = 2,
        .log = "text=b\n",
        .checkpoint = "c",
        .checkpoint_size = 1 };
    void *bytes = NULL;
    size_t size;
    st = b->ops->tasks->progress(b, &p, 1);
    if (st == GOFER_OK)
        st = b->ops->tasks->checkpoint(b, claim, &bytes, &size);
    gf_free(bytes);
    if (st == GOFER_OK)
        st = b->ops->tasks->release(b, &claim, 1);
    if (st == GOFER_OK)
        st = b->ops->tasks->exchange(b, &f, 1, NULL);
    gf_claim_free(claim);
    return st == GOFER_OK ? f.status : st;
}

static gofer_status group(gf_broker *b, bool put_it)
{
    gf_group_set *set = NULL;
    gf_group_rule rule = { .grace_ms = 1000, .max_size = 1 };
    gofer_info *list = NULL;
    size_t done;
    gofer_status st = b->ops->inspect->groups(b, "q", NULL, &list);
    gofer_info_free(list);
    if (st == GOFER_OK)
        st = b->ops->groups->take(b, "w", "q", &rule, &set);
    if (st != GOFER_OK)
        return st;
    gf_message m = message("q", "combined");
    st = put_it ? b->ops->groups->put(b, set, &m, 0) : b->ops->groups->back(b, set);
    gf_group_set_free(set);
    return st == GOFER_OK ? b->ops->groups->reclaim(b, 10, &done) : st;
}

static gofer_status entries(gf_broker *b)
{
    gf_entries e = { 0 };
    gofer_info *list = NULL;
    gf_message m = message("q", "cron:e:1970-01-01T00:00:01Z");
    gf_tick t = { .entry = "e", .tick_ms = 1000, .message = &m };
    gf_tick_state state = { .entry = "e", .queue = "q" };
    gf_shown_entry shown = { .name = "e", .spec = "@daily", .message = &m };
    gofer_status st = b->ops->cron->entry_put(b, "e", "r", false);
    if (st == GOFER_OK)
        st = b->ops->cron->entries(b, -1, &e);
    gf_entries_clear(&e);
    if (st == GOFER_OK)
        st = b->ops->cron->tick(b, &t, 1);
    if (st == GOFER_OK)
        st = b->ops->cron->tick_states(b, &state, 1);
    if (st == GOFER_OK)
        st = b->ops->cron->tick_history(b, "e", 10, &list);
    gofer_info_free(list);
    list = NULL;
    if (st == GOFER_OK)
        st = b->ops->peers->show(b, "s", &shown, 1, 20000);
    if (st == GOFER_OK)
        st = b->ops->peers->foreign(b, &list);
    gofer_info_free(list);
    return st == GOFER_OK ? b->ops->cron->entry_drop(b, "e") : st;
}

static gofer_status watch_and_listen(gf_broker *b)
{
    gf_watch *w = NULL;
    gf_listener *l = NULL;
    const char *record = "event=x";
    char *heard = NULL;
    int64_t lost;
    gofer_status st = b->ops->live->watch_open(b, "w", &(gf_watch_callbacks){ 0 }, &w);
    if (st == GOFER_OK)
        st = b->ops->live->control(b, "w", "x");
    if (w)
        b->ops->live->watch_close(w);
    if (st == GOFER_OK)
        st = b->ops->live->listener_open(b, false, &l);
    if (st != GOFER_OK)
        return st;
    (void)b->ops->live->events_wanted(b);
    st = b->ops->live->events_publish(b, &record, 1);
    if (st == GOFER_OK)
        (void)b->ops->live->listener_next(l, 0, &heard, &lost);
    gf_free(heard);
    b->ops->live->listener_close(l);
    return st;
}

static gofer_status stats(gf_broker *b)
{
    gf_type_stats s = { .queue = "q", .type = "t", .done = 1 }, *items = NULL;
    gf_names names = { 0 };
    size_t count;
    gofer_status st = b->ops->inspect->stats_add(b, &s, 1);
    if (st == GOFER_OK)
        st = b->ops->inspect->stats(b, NULL, gf_now_ms(), &items, &count);
    gf_free(items);
    if (st == GOFER_OK)
        st = b->ops->inspect->names(b, &names);
    gf_names_clear(&names);
    return st;
}

static gofer_status moved(gf_broker *b)
{
    gf_item item = { 0 };
    gofer_status st =
        b->ops->transfer->export_items(b, "q", (const char *const[]){ "kept" }, 1, &item);
    if (st == GOFER_OK && item.status == GOFER_OK)
        st = b->ops->transfer->import_items(b, "r", &item, 1);
    else if (st == GOFER_OK)
        st = item.status;
    gf_item_clear(&item);
    return st;
}

static gofer_status call(gf_broker *b, int which)
{
    static const char *const ids[] = { "t", "u", "none" };
    gofer_status statuses[3];
    gofer_info *end = NULL;
    gf_recovered r = { .archived_one = forget };
    switch (which) {
    case 0:  return put_unique(b, "new", "key", GF_UNTIL_TTL, NULL);
    case 1:  return take_and_finish(b, GF_RETRY_AT);
    case 2:  return take_and_finish(b, GF_CANCELLED);
    case 3:  return take_and_finish(b, GF_REQUEUE);
    case 4:  return take_and_finish(b, GF_DONE);
    case 5:  return gf_act_one(b, "q", GF_ACT_CANCEL, "t");
    case 6:  return b->ops->act->tasks_act(b, "q", GF_ACT_CANCEL, ids, 3, statuses);
    case 7:  return b->ops->act->tasks_act(b, "q", GF_ACT_DELETE, ids, 3, statuses);
    case 8:  return b->ops->act->task_edit(b, "q", "t", "x", 1, gf_now_ms() + 60000);
    case 9: {
        gofer_status st = gf_wait_end(b, "q", "kept", 0, &end);
        gofer_info_free(end);
        return st;
    }
    case 10: return group(b, true);
    case 11: return group(b, false);
    case 12: return entries(b);
    case 13: return watch_and_listen(b);
    case 14: return stats(b);
    case 15: return moved(b);
    case 16: return b->ops->upkeep->recover(b, 10, 0, &r);
    default: {
        gofer_status st = b->ops->inspect->task(b, "q", "kept", &end);
        gofer_info_free(end);
        return st;
    }
    }
}

static void furnish(gf_broker *b)
{
    static const char history[] = "at_ms:1\tkind=failed\terror=e\n";
    raw_clean();
    worker_register(b, "w");
    put(b, "q", "lost");
    gf_claim *claim = need_one(b, "q", "lost");
    gf_claim_free(claim);
    lease_ends("q", "lost");
    gf_message m = message("q", "a");
    gf_put item = { .message = &m, .group = "g", .unique_ms = 60000 };
    CHECK_OK(b->ops->tasks->put(b, &item, 1));
    m.id = "kept";
    m.retention_ms = 60000;
    CHECK_OK(put_message(b, &m, 0));
    CHECK_OK(finish(b, need_one(b, "q", "kept"), (gf_finish){ .outcome = GF_DONE, .result = "r",
        .result_size = 1,
        .attempt = "at_ms:1\tkind=done", .log = "at_ms:1\ttext=x\n" }));
    raw_set_field("asynq:{q}:t:kept", "gofer:ckpt", history, sizeof history - 1);
    put(b, "q", "t");
    put(b, "q", "u");
}

static void no_memory_breaks_nothing(void)
{
    gf_broker *b = store_open();
    for (int which = 0; which < 18; which++) {
        int n = 1;
        for (bool failed = true; failed && n < 3000; n++) {
            if (n % 10 == 1)
                furnish(b);
            memory_fail_at(n);
            gofer_status st = call(b, which);
            failed = memory_failed();
            memory_fail_at(0);
            if (!failed &&
                !CHECK(st == GOFER_OK || st == GOFER_EEMPTY || st == GOFER_ESTATE ||
                    st == GOFER_ENOTFOUND || st == GOFER_EDUPLICATE))
                fprintf(stderr, "    call %d: %s: %s\n", which, gofer_status_name(st),
                    gofer_error_last());
        }
        CHECK(n > 2);                                      // it did run out of memory
    }
    CHECK_OK(b->ops->ping(b));
    raw_clean();
    worker_register(b, "w");
    put(b, "q", "after");
    drain_expecting(b, "q", "after");
    store_close(b);
}

// ---- housekeeping without memory ----------------------------------------------------------------

// A task of q where Redis keeps those of a state, as another program leaves it there.
static void place(gf_broker *b, const char *id, const char *state, const char *list)
{
    put(b, "q", id);
    raw_run("LREM asynq:{q}:pending 0 %s", id);
    raw_run("HSET asynq:{q}:t:%s state %s", id, state);
    if (strcmp(state, "active") == 0)
        raw_run("LPUSH asynq:{q}:active %s", id);
    raw_run("ZADD asynq:{q}:%s 1 %s", list, id);
}

// Something of each kind that housekeeping knows: leases that are over, of a worker that held
// several tasks (one of them a suspect before), of one that held a single one, of a Go worker, and
// of what nobody can read; tasks that are due and that are too old; a set of a group whose
// aggregator is gone.
static void plant_duties(gf_broker *b)
{
    static const char *const held[] = { "first", "second", "alone" };
    gf_group_rule rule = { .grace_ms = 1000, .max_size = 1 };
    gf_group_set *set = NULL;
    raw_clean();
    raw_run("SADD asynq:queues q");        // as far as the store knows it is there
    worker_register(b, "w");
    gf_message m = message("q", "grouped");
    gf_put item = { .message = &m, .group = "g" };
    CHECK_OK(b->ops->tasks->put(b, &item, 1));
    CHECK_OK(b->ops->groups->take(b, "w", "q", &rule, &set));
    gf_group_set_free(set);
    raw_script("for _, key in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do\n"
        "  redis.call('ZADD', KEYS[1], 1, key)\n"
        "end",
        "asynq:{q}:aggregation_sets");
    for (size_t i = 0; i < COUNT(held); i++) {
        put(b, "q", held[i]);
        gf_claim_free(need_one(b, "q", held[i]));
    }
    raw_set_field("asynq:{q}:t:second", "gofer:crashes", "1 1", 3);
    raw_script("local f = redis.call('HGET', KEYS[1], 'gofer:worker')\n"
        "redis.call('HSET', KEYS[1], 'gofer:worker', (string.gsub(f, ' w$', ' v')))",
        "asynq:{q}:t:alone");
    for (size_t i = 0; i < COUNT(held); i++)
        lease_ends("q", held[i]);
    place(b, "of-go", "active", "lease");
    place(b, "unread", "active", "lease");
    raw_run("HSET asynq:{q}:t:unread msg none");
    place(b, "due", "scheduled", "scheduled");
    place(b, "again", "retry", "retry");
    place(b, "over", "completed", "completed");
    place(b, "old", "archived", "archived");
}

static gofer_status duty(gf_broker *b, int which, int32_t crash_limit)
{
    gf_recovered r = { .archived_one = forget };
    size_t did;
    int64_t next_ms;
    switch (which) {
    case 0:  return b->ops->upkeep->recover(b, 10, crash_limit, &r);
    case 1:  return b->ops->upkeep->forward(b, 10, &did, &next_ms);
    case 2:  return b->ops->upkeep->purge(b, 10, &did);
    default: return b->ops->groups->reclaim(b, 10, &did);
    }
}

// Where the tasks are once every duty has come to its end.
static void check_duties_done(int32_t crash_limit)
{
    bool dies = crash_limit == 0;
    CHECK_INT(raw_int("LLEN asynq:{q}:active"), 0);
    CHECK_INT(raw_int("ZCARD asynq:{q}:lease"), 0);
    CHECK_INT(raw_int("ZCARD asynq:{q}:scheduled") + raw_int("ZCARD asynq:{q}:retry"), 0);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:over asynq:{q}:t:old"), 0);
    CHECK_INT(raw_int("ZCARD asynq:{q}:aggregation_sets"), 0);
    CHECK_INT(raw_int("ZCARD asynq:{q}:g:g"), 1);
    CHECK_STR(raw_text("HGET asynq:{q}:t:first state"), "pending");
    CHECK_STR(raw_text("HGET asynq:{q}:t:alone state"), dies ? "archived" : "pending");
    static const char *const others[] = { "second", "of-go", "unread" };
    for (size_t i = 0; i < COUNT(others); i++) {
        const char *state = raw_text("HGET asynq:{q}:t:%s state", others[i]);
        CHECK(state && (strcmp(state, "pending") == 0 || strcmp(state, "archived") == 0));
    }
    // What each of them was: none is in two places, or nowhere.
    CHECK_INT(raw_int("LLEN asynq:{q}:pending") + raw_int("ZCARD asynq:{q}:archived"), 7);
}

static void no_memory_leaves_no_duty_half_done(void)
{
    gf_broker *b = store_open();
    for (int32_t crash_limit = 0; crash_limit <= 3; crash_limit += 3)
        for (int which = 0; which < 4; which++) {
            int n = 1;
            for (bool failed = true; failed && n < 3000; n++) {
                plant_duties(b);
                memory_fail_at(n);
                gofer_status st = duty(b, which, crash_limit);
                failed = memory_failed();
                memory_fail_at(0);
                CHECK(failed || st == GOFER_OK);
                for (int other = 0; other < 4; other++)
                    CHECK_OK(duty(b, other, crash_limit));
                check_duties_done(crash_limit);
            }
            CHECK(n > 5);
        }
    store_close(b);
}

// A client of its own each time: what one has seen of the queues is not asked for again.
static void no_memory_makes_nothing_of_what_was_lost(void)
{
    int n = 1;
    size_t found = 0;
    for (bool failed = true; failed && n < 3000; n++) {
        gf_broker *b = store_open();
        put(b, "q", "lost");
        gf_claim_free(need_one(b, "q", "lost"));
        lease_ends("q", "lost");
        gf_broker_close(b);
        b = store_again();
        gf_recovered r = { .archived_one = forget };
        memory_fail_at(n);
        gofer_status st = b->ops->upkeep->recover(b, 10, 9, &r);
        failed = memory_failed();
        memory_fail_at(0);
        CHECK_INT(raw_int("LLEN asynq:{q}:pending"), (int64_t)r.requeued);
        CHECK_INT(raw_int("LLEN asynq:{q}:active"), 1 - (int64_t)r.requeued);
        CHECK_INT(r.archived, 0);
        CHECK(r.requeued || st != GOFER_OK);
        found += r.requeued;
        store_close(b);
    }
    CHECK(n > 5 && found > 0);
}

// Leases of two queues at once: none is told to be lost, or longer, for want of memory.
static void no_memory_loses_no_lease(void)
{
    gf_broker *b = store_open();
    put(b, "q", "one");
    put(b, "r", "two");
    gf_claim *claims[] = { need_one(b, "q", "one"), need_one(b, "r", "two") };
    gf_lease leases[] = { { .claim = claims[0] }, { .claim = claims[1] } };
    int n = 1;
    for (bool failed = true; failed && n < 3000; n++) {
        for (size_t i = 0; i < COUNT(leases); i++) {
            leases[i].status = GOFER_EBROKER;
            leases[i].lease_until_ms = 0;
        }
        memory_fail_at(n);
        gofer_status st = b->ops->tasks->extend(b, leases, COUNT(leases), LEASE_MS);
        failed = memory_failed();
        memory_fail_at(0);
        CHECK(failed || st == GOFER_OK);
        for (size_t i = 0; i < COUNT(leases); i++) {
            CHECK(leases[i].status != GOFER_ESTALE);
            CHECK((leases[i].lease_until_ms > 0) == (leases[i].status == GOFER_OK));
            CHECK(failed || leases[i].status == GOFER_OK);
        }
    }
    CHECK(n > 4);
    for (size_t i = 0; i < COUNT(leases); i++)
        done(b, claims[i]);
    store_close(b);
}

static const check_test tests[] = {
    TEST(a_named_lock_stands_where_go_frees_it),
    TEST(a_lock_of_its_own_time_is_nobodys),
    TEST(a_repeat_does_not_meet_its_own_lock),
    TEST(trimming_the_archive_frees_locks),
    TEST(what_is_noted_of_waits_ends_by_itself),
    TEST(an_end_that_others_make_is_seen),
    TEST(a_go_server_takes_no_commands),
    TEST(only_a_request_of_ours_is_told_by_an_extension),
    TEST(what_gofer_adds_to_a_queue_has_an_end),
    TEST(a_tick_that_cannot_be_put_leaves_nothing),
    TEST(the_doctor_knows_what_gofer_adds),
    TEST(no_memory_breaks_nothing),
    TEST(no_memory_leaves_no_duty_half_done),
    TEST(no_memory_makes_nothing_of_what_was_lost),
    TEST(no_memory_loses_no_lease),
};

int main(int argc, char **argv)
{
    if (gofer_set_allocator(memory_alloc, memory_realloc, free) != GOFER_OK)
        return 1;
    return raw_main(argc, argv, tests, COUNT(tests));
}
