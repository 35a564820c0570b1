// ride.c - outcomes that ride on the syncs of others: what a ticket means, and what a power loss
// leaves of it.
//
// A power loss is played by a copy of the file with as much of its log as was synced.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "broker/sqlite/store.h"
#include "fixture.h"
#include "shim.h"
#include "suites.h"
#include "util/clock.h"

enum { LONG_US = 60 * 1000 * 1000 };

// Two handles of a file, as of two processes: b's worker finishes, c puts.
typedef struct pair {
    gf_broker *b, *c;
    int        fillers;
} pair;

static gf_sq_page *page_of(gf_broker *b)
{
    return ((gf_sq_store *)b)->sidecar.page;
}

// Somebody else has synced; and syncs take so long that this is often.
static void sync_by_other(pair *p)
{
    char id[24];
    snprintf(id, sizeof id, "filler%d", ++p->fillers);
    put(p->c, "other", id);
    atomic_store(&page_of(p->b)->sync_us, LONG_US);
}

static gofer_status finish_riding(gf_broker *b, gf_claim *claim, gf_outcome_kind kind,
    uint64_t *ticket)
{
    gf_finish f = { .claim = claim, .outcome = kind, .rides = true };
    gofer_status st = b->ops->tasks->exchange(b, &f, 1, NULL);
    *ticket = f.ticket;
    gf_claim_free(claim);
    return st == GOFER_OK ? f.status : st;
}

// Takes and finishes it, so that it has a ticket.
static uint64_t afloat(pair *p, const char *id)
{
    uint64_t ticket = 0;
    put(p->b, "q", id);
    gf_claim *claim = need_one(p->b, "q", id);
    sync_by_other(p);
    CHECK_OK(finish_riding(p->b, claim, GF_DONE, &ticket));
    CHECK(ticket > 0);
    return ticket;
}

static gofer_status settle(gf_broker *b, uint64_t ticket, bool force)
{
    return b->ops->tasks->settle(b, ticket, force);
}

static pair open_pair(void)
{
    uint64_t ticket;
    shim_begin();
    fault.log_end = fault.log_synced = 0;
    pair p = { .b = store_open() };
    p.c = store_again();
    put(p.b, "q", "first");
    gf_claim *claim = need_one(p.b, "q", "first");
    sync_by_other(&p);                                  // one sync is not yet often
    CHECK_OK(finish_riding(p.b, claim, GF_DONE, &ticket));
    CHECK_INT(ticket, 0);
    return p;
}

static void close_pair(pair *p)
{
    gf_broker_close(p->c);
    store_close(p->b);
    shim_end();
}

static void fail_next_sync(void)
{
    fault.kind = BAD_SYNC;
    fault.countdown = 1;
    fault.came = false;
}

// ---- a power loss ------------------------------------------------------------------------------

static void copy_file(const char *suffix, const char *to, int64_t size)
{
    char name[300], bytes[4096];
    snprintf(name, sizeof name, "%s%s", store_path(), suffix);
    FILE *in = fopen(name, "rb");
    snprintf(name, sizeof name, "%s%s", to, suffix);
    FILE *out = fopen(name, "wb");
    REQUIRE(in && out);
    for (size_t some; size > 0 && (some = fread(bytes, 1, sizeof bytes, in)) > 0;) {
        some = (int64_t)some < size ? some : (size_t)size;
        REQUIRE(fwrite(bytes, 1, some, out) == some);
        size -= (int64_t)some;
    }
    fclose(in);
    REQUIRE(fclose(out) == 0);
}

// What the file would say, if there were no power from now on.
static int count_after_power_loss(const char *sql)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    char copy[280], name[300];
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    snprintf(copy, sizeof copy, "%s.lost", store_path());
    copy_file("", copy, INT64_MAX);
    copy_file("-wal", copy, fault.log_synced);
    REQUIRE(sqlite3_open_v2(copy, &db, SQLITE_OPEN_READWRITE, real_vfs->zName) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
    REQUIRE(sqlite3_step(s) == SQLITE_ROW);
    int count = sqlite3_column_int(s, 0);
    sqlite3_finalize(s);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        snprintf(name, sizeof name, "%s%s", copy, suffixes[i]);
        unlink(name);
    }
    return count;
}

static int active_after_power_loss(void)
{
    return count_after_power_loss("SELECT count(*) FROM active");
}

static void a_ticket_is_settled_by_the_sync_of_another(void)
{
    pair p = open_pair();
    uint64_t ticket = afloat(&p, "a");
    CHECK_STR(task_state(p.b, "q", "a"), "");           // it is done,
    CHECK_INT(active_after_power_loss(), 1);            // and may yet be undone
    CHECK_STATUS(settle(p.b, ticket, false), GOFER_ETIMEOUT);
    sync_by_other(&p);
    CHECK_OK(settle(p.b, ticket, false));
    CHECK_INT(active_after_power_loss(), 0);
    close_pair(&p);
}

static void a_ticket_is_settled_by_force(void)
{
    pair p = open_pair();
    uint64_t first = afloat(&p, "a"), second;
    put(p.b, "q", "b");
    gf_claim *claim = need_one(p.b, "q", "b");
    sync_by_other(&p);
    CHECK_OK(settle(p.b, first, false));
    CHECK_OK(finish_riding(p.b, claim, GF_DONE, &second));
    CHECK(second > first);
    CHECK_INT(active_after_power_loss(), 1);
    int syncs = fault.syncs, writes = fault.writes;
    CHECK_OK(settle(p.b, second, true));
    CHECK_OK(settle(p.b, second, true));                // which is known already
    CHECK_OK(settle(p.b, first, false));
    CHECK_INT(fault.syncs - syncs, 1);
    CHECK_INT(fault.writes - writes, 0);
    CHECK_INT(active_after_power_loss(), 0);
    close_pair(&p);
}

static void a_ticket_is_settled_by_a_checkpoint(void)
{
    pair p = open_pair();
    uint64_t ticket = afloat(&p, "a");
    CHECK_INT(active_after_power_loss(), 1);
    gf_sq_store *c = (gf_sq_store *)p.c;
    CHECK_OK(gf_sq_sidecar_lock(&c->sidecar, PATIENCE_MS));
    gf_sq_wal_checkpoint(c);
    gf_sq_sidecar_unlock(&c->sidecar);
    CHECK_OK(settle(p.b, ticket, false));
    CHECK_INT(active_after_power_loss(), 0);
    close_pair(&p);
}

static void an_outcome_that_nobody_lets_ride_is_synced_at_once(void)
{
    pair p = open_pair();
    put(p.b, "q", "a");
    gf_claim *claim = need_one(p.b, "q", "a");
    sync_by_other(&p);
    done(p.b, claim);
    CHECK_INT(active_after_power_loss(), 0);
    put(p.b, "q", "b");                                 // and one beside which nobody syncs
    claim = need_one(p.b, "q", "b");
    atomic_store(&page_of(p.b)->sync_us, 0);
    gf_sleep_us(5000);
    uint64_t ticket = 1;
    CHECK_OK(finish_riding(p.b, claim, GF_DONE, &ticket));
    CHECK_INT(ticket, 0);
    CHECK_INT(active_after_power_loss(), 0);
    close_pair(&p);
}

// ---- while somebody syncs -----------------------------------------------------------------------

static void call_before_sync(void (*call)(void *), void *arg)
{
    fault.arg = arg;
    fault.before_sync = call;
}

static int left_after_power_loss(const char *id)
{
    char sql[100];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM ids WHERE id = '%s'", id);
    return count_after_power_loss(sql);
}

// The task is there, but a power loss would undo it, and its put has not returned.
static void take_and_put(void *arg)
{
    pair *p = arg;
    CHECK_INT(left_after_power_loss("a"), 0);
    worker_register(p->c, "w2");
    gf_claim *claim;
    REQUIRE(take_for(p->c, "w2", "q", 1, PATIENCE_MS, &claim) == 1);
    CHECK_STR(claim->message.id, "a");
    CHECK_INT(left_after_power_loss("a"), 0);           // a take tells nobody
    put(p->c, "other", "meanwhile");
    CHECK_INT(left_after_power_loss("a"), 1);           // what is told is synced, with all before
    CHECK_INT(left_after_power_loss("meanwhile"), 1);
    done(p->c, claim);
}

static void while_one_syncs_others_write(void)
{
    pair p = open_pair();
    call_before_sync(take_and_put, &p);
    put(p.b, "q", "a");
    CHECK(!fault.before_sync);
    CHECK_STR(task_state(p.b, "q", "a"), "");
    CHECK_STR(task_state(p.b, "other", "meanwhile"), "pending");
    close_pair(&p);
}

static void put_again(void *arg)
{
    pair *p = arg;
    gf_message m = message("q", "a");
    m.payload = "another";
    m.payload_size = strlen("another");
    CHECK_INT(left_after_power_loss("a"), 0);
    CHECK_STATUS(put_message(p->c, &m, 0), GOFER_EEXIST);
    CHECK_INT(left_after_power_loss("a"), 1);
}

static void who_is_told_that_a_task_is_there_knows_that_it_is_synced(void)
{
    pair p = open_pair();
    call_before_sync(put_again, &p);
    put(p.b, "q", "a");
    CHECK(!fault.before_sync);
    close_pair(&p);
}

// The store has failed, but what it could not sync was seen.
static void a_put_whose_sync_fails_says_that_it_may_be_there(void)
{
    pair p = open_pair();
    gf_message m = message("q", "a");
    fail_next_sync();
    CHECK_STATUS(put_message(p.b, &m, 0), GOFER_EUNCERTAIN);
    fault.kind = NO_FAULT;
    m = message("q", "b");
    CHECK_STATUS(put_message(p.b, &m, 0), GOFER_EBROKER);
    CHECK_STR(task_state(p.c, "q", "a"), "pending");
    CHECK_STATUS(settle(p.c, atomic_load(&page_of(p.c)->committed), false), GOFER_ETIMEOUT);
    CHECK_OK(settle(p.c, atomic_load(&page_of(p.c)->committed), true));    // his own is told
    close_pair(&p);
}

// ---- a worker ----------------------------------------------------------------------------------

static int32_t at_once(gofer_task *task, void *user)
{
    (void)task, (void)user;
    return GOFER_DONE;
}

static int64_t processed_by(gofer_worker *worker)
{
    gofer_info *info;
    REQUIRE(gofer_worker_stats(worker, &info) == GOFER_OK);
    int64_t count = gofer_info_int(info, "processed", -1);
    gofer_info_free(info);
    return count;
}

// Of so many tasks at most these are left: those put, but for what the worker has counted.
static void check_power_loss(pair *p, gofer_worker *worker, int64_t tasks)
{
    gf_sq_store *s = (gf_sq_store *)p->c;
    REQUIRE(gf_sq_sidecar_lock(&s->sidecar, PATIENCE_MS) == GOFER_OK);     // nobody writes
    int64_t counted = processed_by(worker);
    int left = count_after_power_loss(
        "SELECT (SELECT count(*) FROM ready) + (SELECT count(*) FROM active)");
    gf_sq_sidecar_unlock(&s->sidecar);
    if (!CHECK(left <= tasks - counted))
        fprintf(stderr, "    %d left of %d, %d were counted\n", left, (int)tasks, (int)counted);
}

static void what_a_worker_has_counted_survives_a_power_loss(void)
{
    enum { LIVE = 400, LOOKS = 40 };
    pair p = open_pair();
    gofer_client *client;
    gofer_worker *worker;
    uint64_t before = atomic_load(&page_of(p.b)->tickets);
    REQUIRE(gofer_client_open(&client, store_url(), NULL) == GOFER_OK);
    REQUIRE(gofer_worker_new(&worker, client) == GOFER_OK);
    CHECK_OK(gofer_worker_handle(worker, "*", at_once, NULL, NULL));
    CHECK_OK(gofer_worker_queue(worker, "other", 1));
    CHECK_OK(gofer_worker_set(worker, "gather_us", "2000"));
    CHECK_OK(gofer_worker_start(worker));
    for (int i = 1; i <= LIVE; i++) {
        sync_by_other(&p);
        if (i % (LIVE / LOOKS) == 0)
            check_power_loss(&p, worker, p.fillers);
    }
    CHECK(atomic_load(&page_of(p.b)->tickets) > before);        // some did ride
    gofer_worker_free(worker);                                  // stops it
    gofer_client_close(client);
    close_pair(&p);
}

// ---- who waits ---------------------------------------------------------------------------------

static void who_is_told_of_an_end_knows_that_it_is_synced(void)
{
    for (int waits = 0; waits < 2; waits++) {
        pair p = open_pair();
        gf_message m = message("q", "a");
        gofer_info *end = NULL;
        uint64_t ticket = 0;
        m.retention_ms = 3600000;
        CHECK_OK(put_message(p.b, &m, 0));
        gf_claim *claim = need_one(p.b, "q", "a");
        sync_by_other(&p);
        CHECK_OK(finish_riding(p.b, claim, GF_DONE, &ticket));
        CHECK(ticket > 0);
        CHECK_INT(active_after_power_loss(), 1);
        CHECK_OK(gf_wait_end(p.c, "q", "a", waits ? PATIENCE_MS : 0, &end));
        CHECK_STR(gofer_info_text(end, "outcome"), "done");
        gofer_info_free(end);
        CHECK_OK(settle(p.b, ticket, false));
        CHECK_INT(active_after_power_loss(), 0);
        close_pair(&p);
        store_remove();
    }
}

static void who_sees_that_all_is_done_knows_that_it_is_synced(void)
{
    const char *const queues[] = { "q", "other" };
    int64_t left = -1;
    pair p = open_pair();
    uint64_t ticket = afloat(&p, "a");
    CHECK_OK(p.c->ops->inspect->backlog(p.c, queues, 2, &left));
    CHECK(left > 0);                                    // the fillers
    CHECK_STATUS(settle(p.b, ticket, false), GOFER_ETIMEOUT);
    CHECK_OK(p.c->ops->inspect->backlog(p.c, queues, 1, &left));
    CHECK_INT(left, 0);
    CHECK_OK(settle(p.b, ticket, false));
    CHECK_INT(active_after_power_loss(), 0);
    close_pair(&p);
}

static void while_somebody_waits_nothing_rides(void)
{
    pair p = open_pair();
    uint64_t ticket = 1;
    put(p.b, "q", "a");
    gf_claim *claim = need_one(p.b, "q", "a");
    atomic_store(&page_of(p.c)->awaited_ms, gf_mono_ms() + 5000);
    sync_by_other(&p);
    CHECK_OK(finish_riding(p.b, claim, GF_DONE, &ticket));
    CHECK_INT(ticket, 0);
    CHECK_INT(active_after_power_loss(), 0);
    close_pair(&p);
}

// ---- a disk that fails -------------------------------------------------------------------------

static void a_ticket_whose_sync_fails_is_never_settled(void)
{
    pair p = open_pair();
    uint64_t ticket = afloat(&p, "a");
    fail_next_sync();
    CHECK_STATUS(settle(p.b, ticket, true), GOFER_EUNCERTAIN);
    fault.kind = NO_FAULT;
    sync_by_other(&p);                                  // which may claim success for lost pages
    CHECK_STATUS(settle(p.b, ticket, false), GOFER_ETIMEOUT);
    CHECK_STATUS(settle(p.b, ticket, true), GOFER_EBROKER);
    close_pair(&p);
}

// Another's sync that failed may have lost our pages, and he who syncs next need not know.
static void after_anothers_failure_only_our_own_sync_settles(void)
{
    pair p = open_pair();
    uint64_t ticket = afloat(&p, "a");
    fail_next_sync();
    gf_message m = message("other", "lost");
    CHECK_STATUS(put_message(p.c, &m, 0), GOFER_EUNCERTAIN);
    fault.kind = NO_FAULT;
    gf_broker_close(p.c);
    p.c = store_again();
    sync_by_other(&p);
    CHECK_STATUS(settle(p.b, ticket, false), GOFER_ETIMEOUT);
    int syncs = fault.syncs;
    CHECK_OK(settle(p.b, ticket, true));
    CHECK(fault.syncs > syncs);
    CHECK_OK(settle(p.b, ticket, false));
    close_pair(&p);
}

// Who had to give up his connection has a new descriptor, which is told of no failure before it.
static void after_anothers_failure_a_new_connection_settles_nothing(void)
{
    pair p = open_pair();
    uint64_t ticket = afloat(&p, "a");
    fail_next_sync();
    gf_message m = message("other", "lost");
    CHECK_STATUS(put_message(p.c, &m, 0), GOFER_EUNCERTAIN);
    fault.kind = NO_FAULT;
    gf_sq_conn_close(&((gf_sq_store *)p.b)->writer);
    CHECK_STATUS(settle(p.b, ticket, true), GOFER_EBROKER);
    CHECK_STATUS(settle(p.b, ticket, false), GOFER_ETIMEOUT);
    m = message("other", "more");
    CHECK_STATUS(put_message(p.b, &m, 0), GOFER_EBROKER);
    close_pair(&p);
}

// The page came to the disk in pieces: what is drawn now is ahead of all that it calls synced.
static void a_page_from_before_a_power_loss_settles_nothing(void)
{
    pair p = open_pair();
    atomic_store(&page_of(p.b)->synced, 1000);
    uint64_t ticket = afloat(&p, "a");
    CHECK(ticket > 1000);
    CHECK_STATUS(settle(p.b, ticket, false), GOFER_ETIMEOUT);
    CHECK_OK(settle(p.b, ticket, true));
    close_pair(&p);
}

static const check_test tests[] = {
    TEST(a_ticket_is_settled_by_the_sync_of_another),
    TEST(a_ticket_is_settled_by_force),
    TEST(a_ticket_is_settled_by_a_checkpoint),
    TEST(an_outcome_that_nobody_lets_ride_is_synced_at_once),
    TEST(while_one_syncs_others_write),
    TEST(who_is_told_that_a_task_is_there_knows_that_it_is_synced),
    TEST(a_put_whose_sync_fails_says_that_it_may_be_there),
    TEST(what_a_worker_has_counted_survives_a_power_loss),
    TEST(who_is_told_of_an_end_knows_that_it_is_synced),
    TEST(who_sees_that_all_is_done_knows_that_it_is_synced),
    TEST(while_somebody_waits_nothing_rides),
    TEST(a_ticket_whose_sync_fails_is_never_settled),
    TEST(after_anothers_failure_only_our_own_sync_settles),
    TEST(after_anothers_failure_a_new_connection_settles_nothing),
    TEST(a_page_from_before_a_power_loss_settles_nothing),
};

suite suite_ride(void)
{
    return (suite){ tests, COUNT(tests) };
}
