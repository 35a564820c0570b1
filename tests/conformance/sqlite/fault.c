// fault.c - the disk fails at the n-th write or sync, for every n: what was acknowledged is there
// afterwards, what failed said so, and after an I/O error nothing more is acknowledged. And who
// only looks asks the disk for neither.
//
// The shim counts the calls and fails one of them. Likewise SQLite's memory: from the n-th
// allocation on there is none.
#include <pthread.h>
#include <sqlite3.h>

#include "broker/sqlite/store.h"
#include "fixture.h"
#include "shim.h"
#include "suites.h"
#include "util/clock.h"
#include "util/alloc.h"

// ---- the tests -----------------------------------------------------------------------------

enum { TASKS = 6 };

// Puts a few tasks with the fault set for the n-th call; which of them were acknowledged, as bits.
static unsigned put_with_fault(gf_broker *b, fault_kind kind, int n)
{
    unsigned acknowledged = 0;
    bool failed = false;
    static char payload[9000];
    fault.kind = kind;
    fault.countdown = n;
    fault.came = false;
    for (int i = 0; i < TASKS; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        gf_message m = message("q", id);
        m.payload = payload;
        m.payload_size = i % 2 ? sizeof payload : 10;
        gofer_status st = put_message(b, &m, 0);
        if (st == GOFER_OK)
            acknowledged |= 1u << i;
        else
            CHECK(st == GOFER_EBROKER || st == GOFER_EUNCERTAIN || st == GOFER_ENOSPACE);
        if (kind != FULL_WRITE && failed)
            CHECK_STATUS(st, GOFER_EBROKER);           // fail-stop: nothing after the first
        failed |= st != GOFER_OK;
    }
    fault.kind = NO_FAULT;
    if (fault.came && kind != FULL_WRITE)
        CHECK(failed);
    return acknowledged;
}

static void check_acknowledged(unsigned acknowledged)
{
    gf_broker *b = store_again();
    worker_register(b, "w");
    for (int i = 0; i < TASKS; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        if (acknowledged >> i & 1)
            CHECK_STR(task_state(b, "q", id), "pending");
    }
    int64_t left = queue_number(b, "q", "pending"), taken = 0;
    for (gf_claim *c; (c = take_one(b, "q")) != NULL; taken++)
        done(b, c);
    if (left >= 0)                                      // -1: not even the queue was made
        CHECK_INT(taken, left);
    CHECK_OK(b->ops->ping(b));
    store_close(b);
}

// Every n until the fault no longer comes.
static void fail_everywhere(fault_kind kind)
{
    int n = 0;
    shim_begin();
    do {
        gf_broker *b = store_open();
        unsigned acknowledged = put_with_fault(b, kind, ++n);
        gf_broker_close(b);
        check_acknowledged(acknowledged);
        store_remove();
    } while (fault.came && n < 500);
    shim_end();
    CHECK(n > TASKS);                                   // it came at least once a put
}

static void a_write_that_fails_is_never_acknowledged(void)
{
    ONE_THREAD();
    fail_everywhere(BAD_WRITE);
}

static void a_sync_that_fails_is_never_acknowledged(void)
{
    fail_everywhere(BAD_SYNC);
}

static void rename_to(const char *from, const char *to)
{
    CHECK_INT(rename(from, to), 0);
}

// Another client is of use after an I/O error, but not where there is no file: it would make one.
static void after_an_io_error_another_one_is_of_use(void)
{
    static const fault_kind kinds[] = { BAD_WRITE, BAD_SYNC, FULL_WRITE };
    char away[512], wal[512], wal_away[512];
    shim_begin();
    for (size_t i = 0; i < COUNT(kinds); i++) {
        gf_broker *b = store_open();
        snprintf(away, sizeof away, "%s.away", store_path());
        snprintf(wal, sizeof wal, "%s-wal", store_path());
        snprintf(wal_away, sizeof wal_away, "%s.away-wal", store_path());
        CHECK(!b->ops->is_spent(b));
        unsigned before = put_with_fault(b, kinds[i], 1);
        CHECK_INT(b->ops->is_spent(b), kinds[i] != FULL_WRITE);
        if (kinds[i] != FULL_WRITE) {
            rename_to(store_path(), away);
            CHECK(!b->ops->is_spent(b));
            rename_to(away, store_path());
            rename_to(wal, wal_away);
            CHECK(!b->ops->is_spent(b));
            rename_to(wal_away, wal);
            CHECK(b->ops->is_spent(b));
            gf_broker *other = store_again();           // while the first is there still
            put(other, "q", "later");
            CHECK(!other->ops->is_spent(other) && b->ops->is_spent(b));
            store_close(b);
            CHECK_STR(task_state(other, "q", "later"), "pending");
            CHECK(!other->ops->is_spent(other));
            store_close(other);
        } else {
            store_close(b);
        }
        check_acknowledged(before);
        store_remove();
    }
    shim_end();
}

static void a_full_disk_at_any_write_loses_nothing(void)
{
    ONE_THREAD();
    fail_everywhere(FULL_WRITE);
}

static void a_task_is_finished_although_the_disk_was_full_for_a_moment(void)
{
    shim_begin();
    bool came = true;
    for (int n = 1; came && n < 200; n++) {
        gf_broker *b = store_open();
        put(b, "q", "a");
        put(b, "q", "b");
        gf_claim *c = need_one(b, "q", "a");
        fault.kind = FULL_WRITE;
        fault.countdown = n;
        fault.came = false;
        done(b, c);                                     // the second try goes through
        came = fault.came;
        fault.kind = NO_FAULT;
        CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
        CHECK_INT(queue_number(b, "q", "processed"), 1);
        store_close(b);
        store_remove();
    }
    shim_end();
}

// ---- looking --------------------------------------------------------------------------------

static bool ignore_finding(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    (void)arg, (void)f;
    return true;
}

static void keep(gofer_info *info)
{
    gofer_info_free(info);
}

// All that `gofer ping`, `queue ls`, `task ls`, `task show`, `worker ls`, `stats` and `doctor` ask.
static void look_at_everything(int64_t pending)
{
    gofer_info *info = NULL;
    gf_type_stats *stats = NULL;
    size_t count = 0;
    gf_names names = { 0 };
    gf_broker *b = store_again();
    CHECK_OK(b->ops->ping(b));
    CHECK_INT(queue_number(b, "q", "pending"), pending);
    CHECK_STR(task_state(b, "q", "a"), "pending");
    if (CHECK_OK(b->ops->inspect->tasks(b, "q", GF_PENDING, NULL, 10, &info)))
        keep(info);
    if (CHECK_OK(b->ops->inspect->workers(b, NULL, &info)))
        keep(info);
    if (CHECK_OK(b->ops->inspect->history(b, "q", 7, &info)))
        keep(info);
    if (CHECK_OK(b->ops->inspect->stats(b, NULL, 0, &stats, &count)))
        gf_free(stats);
    if (CHECK_OK(b->ops->inspect->names(b, &names)))
        gf_names_clear(&names);
    CHECK_OK(b->ops->check->store(b, false, ignore_finding, NULL));
    gf_broker_close(b);
}

static int put_and_wait(int in, int out)
{
    gf_broker *b = store_again();
    put(b, "q", "b");
    say(out, 'p');
    hear(in);
    return 0;
}

static void who_looks_neither_writes_nor_syncs(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    store_close(b);                                     // the log is in the file, and gone
    shim_begin();
    fault.writes = fault.syncs = 0;
    look_at_everything(1);
    CHECK_INT(fault.writes, 0);
    CHECK_INT(fault.syncs, 0);

    child c = child_start(put_and_wait);                // the log holds what the file does not
    CHECK(hear(c.in) == 'p');
    look_at_everything(2);
    child_kill(&c);
    look_at_everything(2);                              // nobody else is left who could tidy it
    CHECK_INT(fault.writes, 0);
    CHECK_INT(fault.syncs, 0);
    shim_end();
}

// ---- much at once -----------------------------------------------------------------------------

enum { PART = 1 << 20, MANY = 80, HALF = MANY / 2 * PART };

// What is stored of this many outcomes, each with as large a result or checkpoint: the log's size.
static int64_t log_of(gf_broker *b, size_t count, bool completes, const char *bytes)
{
    static gf_claim *claims[MANY];
    static gf_finish how[MANY];
    size_t size = (size_t)MANY * PART / count;
    for (size_t i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%zu", i);
        gf_message m = message("q", id);
        m.retention_ms = 3600000;
        CHECK_OK(put_message(b, &m, 0));
    }
    REQUIRE(take(b, "q", count, claims) == count);
    for (size_t i = 0; i < count; i++)
        how[i] = (gf_finish){ .claim = claims[i], .outcome = completes ? GF_DONE : GF_REQUEUE,
            .result = completes ? bytes : NULL, .result_size = completes ? size : 0,
            .checkpoint = completes ? NULL : bytes, .checkpoint_size = completes ? 0 : size,
            .status = GOFER_EHANDLER };
    fault.log_size = 0;
    CHECK_OK(b->ops->tasks->exchange(b, how, count, NULL));
    for (size_t i = 0; i < count; i++) {
        CHECK_STATUS(how[i].status, GOFER_OK);
        gf_claim_free(claims[i]);
    }
    return fault.log_size;
}

// Large outcomes of one call are stored step by step, or the log would grow by all of them.
static void much_is_handed_in_step_by_step(void)
{
    shim_begin();
    gf_broker *b = store_open();
    char *bytes = malloc(MANY / 10 * PART);
    REQUIRE(bytes != NULL);
    memset(bytes, 'r', MANY / 10 * PART);
    for (int completes = 0; completes < 2; completes++) {
        int64_t size = log_of(b, completes ? 10 : MANY, completes, bytes);
        CHECK(size > PART);
        CHECK(size < HALF);
        CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    }
    free(bytes);
    store_close(b);
    shim_end();
    store_check_sound();
}

// ---- no memory --------------------------------------------------------------------------------

static sqlite3_mem_methods real_memory;
static int memory_left = -1;             // allocations until there is none; -1: no end

static bool has_memory(void)
{
    if (memory_left < 0)
        return true;
    fault.came |= memory_left == 0;
    return memory_left > 0 && memory_left--;
}

static void *shim_malloc(int size) { return has_memory() ? real_memory.xMalloc(size) : NULL; }
static void *shim_realloc(void *p, int size)
{
    return has_memory() ? real_memory.xRealloc(p, size) : NULL;
}

void fault_prepare(void)
{
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory) != SQLITE_OK || !real_memory.xMalloc)
        return;                          // the tests below will say that nothing came
    sqlite3_mem_methods memory = real_memory;
    memory.xMalloc = shim_malloc;
    memory.xRealloc = shim_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) != SQLITE_OK)
        fprintf(stderr, "SQLite keeps its allocator\n");
}

// For each word a task of another process.
static int put_when_told(int in, int out)
{
    gf_broker *b = store_again();
    int n = 0;
    for (char word; (word = hear(in)) != '\0'; say(out, word)) {
        char id[24];
        snprintf(id, sizeof id, "other-%d", n++);
        put(b, "q", id);
    }
    gf_broker_close(b);
    return 0;
}

// What the want of memory may do to one of these: ENOMEM, and nothing else. True: it came.
static bool want_memory_at(gf_broker *b, int n, gofer_status (*use)(gf_broker *b))
{
    fault.came = false;
    memory_left = n;
    gofer_status st = use(b);
    memory_left = -1;
    if (st != GOFER_OK)
        CHECK_STATUS(st, GOFER_ENOMEM);
    return fault.came;
}

static gofer_status put_one(gf_broker *b)
{
    static int n;
    static char payload[9000];
    char id[24];
    snprintf(id, sizeof id, "ours-%d", n++);
    gf_message m = message("q", id);
    m.payload = payload;
    m.payload_size = sizeof payload;
    return put_message(b, &m, 0);
}

static gofer_status inspect_once(gf_broker *b)
{
    gofer_info *info = NULL;
    gofer_status st = b->ops->inspect->queues(b, NULL, &info);
    gofer_info_free(info);
    return st;
}

// Every allocation of a fresh store's first use, and of a used one's.
static void a_want_of_memory_locks_nobody_out(void)
{
    ONE_THREAD();
    store_close(store_open());
    child other = child_start(put_when_told);
    gf_broker *used = store_again();
    int n = 0;
    for (bool came = true; came && n < 2000 && check_failures() == 0; n++) {
        gf_broker *fresh = store_again();
        came = want_memory_at(fresh, n, put_one);       // each of them, whatever came of the others
        came = want_memory_at(used, n, put_one) || came;
        came = want_memory_at(fresh, n, inspect_once) || came;
        came = want_memory_at(used, n, inspect_once) || came;
        say(other.out, 'p');
        CHECK_INT(hear(other.in), 'p');
        CHECK_OK(put_one(fresh));                       // and we are not stopped
        CHECK_OK(put_one(used));
        CHECK_OK(inspect_once(fresh));
        gf_broker_close(fresh);
    }
    CHECK(n > TASKS);
    gf_broker_close(used);
    CHECK_INT(child_end(&other), 0);
    store_check_sound();
}

static void after_a_want_of_memory_what_is_acknowledged_is_synced(void)
{
    ONE_THREAD();
    int n = 0;
    shim_begin();
    store_close(store_open());
    for (bool came = true; came && n < 2000 && check_failures() == 0; n++) {
        gf_broker *b = store_again();
        worker_register(b, "w");                        // not synced
        came = want_memory_at(b, n, put_one);
        for (int i = 0; i < 2; i++) {
            int before = fault.syncs;
            CHECK_OK(put_one(b));
            CHECK(fault.syncs > before);
        }
        gf_broker_close(b);
    }
    shim_end();
    CHECK(n > TASKS);
}

// ---- a transaction that is undone and run again -------------------------------------------------

static struct {
    gf_sq_store *store;
    int          steps;                  // of SQLite's machine until it is interrupted; -1: never
    bool         undone, over, begun, cut;
} rerun;

static int cut_off(void *db)
{
    bool inside = sqlite3_get_autocommit(db) == 0;
    rerun.over |= !inside;                              // the first transaction
    rerun.begun |= rerun.over && inside;                // the second
    if (!rerun.begun || !inside || rerun.steps < 0 || rerun.steps-- > 0)
        return 0;
    rerun.steps = -1;
    return rerun.cut = true;
}

// Joins the transaction behind the recovery, and spoils it once; then each runs alone.
static gofer_status spoil(gf_sq_txn *t, void *arg)
{
    (void)arg;
    if (!rerun.undone) {
        rerun.undone = true;
        sqlite3_progress_handler(t->conn->db, 1, cut_off, t->conn->db);
        gf_sq_conn_note(t->conn, SQLITE_CONSTRAINT);
    }
    return GOFER_OK;
}

static void *add_spoiler(void *arg)
{
    gf_sq_op op = { .run = spoil, .tasks = 1 };
    gf_sq_write(rerun.store, &op);
    return arg;
}

typedef struct crashed {
    gofer_status status;
    int          told;
    bool         whole;
} crashed;

static void note_crashed(void *arg, const gf_message *m)
{
    crashed *r = arg;
    r->told++;
    r->whole = strcmp(m->id, "t") == 0 && m->payload_size == 8;
}

static void *recover_one(void *arg)
{
    crashed *c = arg;
    gf_recovered r = { .archived_one = note_crashed, .arg = c };
    c->status = rerun.store->base.ops->upkeep->recover(&rerun.store->base, 10, 0, &r);
    return NULL;
}

static size_t in_line(gf_sq_store *s)
{
    size_t count = 0;
    pthread_mutex_lock(&s->lock);
    for (gf_sq_op *op = s->head; op; op = op->next)
        count++;
    pthread_mutex_unlock(&s->lock);
    return count;
}

static void await_line(gf_sq_store *s, size_t count)
{
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; in_line(s) < count && gf_mono_ms() < end;)
        gf_sleep_us(200);
}

typedef struct gathering {
    pthread_t threads[2];
    crashed  *recovery;
} gathering;

// Leads, until the recovery and the spoiler stand in line behind it: they share the next one.
static gofer_status gather(gf_sq_txn *t, void *arg)
{
    gathering *g = arg;
    bool ok = pthread_create(&g->threads[0], NULL, recover_one, g->recovery) == 0;
    await_line(t->store, 1);
    ok = pthread_create(&g->threads[1], NULL, add_spoiler, NULL) == 0 && ok;
    await_line(t->store, 2);
    CHECK(ok);
    return GOFER_OK;
}

// At every step of its second run: what the first had in memory is neither lost nor given back
// twice.
static void a_recovery_that_is_run_again_begins_anew(void)
{
    gf_broker *b = store_open();
    gf_claim *claim;
    put(b, "q", "t");
    REQUIRE(take_for(b, "w", "q", 1, 1, &claim) == 1);
    gf_claim_free(claim);
    gf_sleep_us(5000);                                  // its lease of 1 ms is over
    rerun.store = (gf_sq_store *)b;
    crashed c = { 0 };
    int steps = 0;
    do {
        gathering g = { .recovery = &c };
        gf_sq_op op = { .run = gather, .arg = &g, .tasks = 1 };
        c = (crashed){ 0 };
        if (rerun.store->writer.db)
            sqlite3_progress_handler(rerun.store->writer.db, 0, NULL, NULL);
        rerun.steps = steps++;
        rerun.undone = rerun.over = rerun.begun = rerun.cut = false;
        CHECK_OK(gf_sq_write(rerun.store, &op));
        for (size_t i = 0; i < COUNT(g.threads); i++)
            CHECK_INT(pthread_join(g.threads[i], NULL), 0);
        CHECK(rerun.undone);
        CHECK_INT(c.told, c.status == GOFER_OK);
    } while (rerun.cut && c.status != GOFER_OK && steps < 5000 && check_failures() == 0);
    rerun.steps = -1;
    CHECK(steps > 10);
    CHECK_OK(c.status);
    CHECK(c.whole);
    CHECK_STR(task_state(b, "q", "t"), "archived");
    store_close(b);
    store_check_sound();
}

// ---- a connection that is given up --------------------------------------------------------------

static int refuse_rollback(void *arg, int what, const char *word, const char *b, const char *d,
    const char *e)
{
    (void)arg, (void)b, (void)d, (void)e;
    return what == SQLITE_TRANSACTION && strcmp(word, "ROLLBACK") == 0 ? SQLITE_DENY : SQLITE_OK;
}

// Fails so that its transaction cannot be undone, as without any memory.
static gofer_status lose(gf_sq_txn *t, void *arg)
{
    gf_sq_conn *c = t->conn;
    (void)arg;
    sqlite3_finalize(c->stmts[GF_SQL_ROLLBACK]);
    c->stmts[GF_SQL_ROLLBACK] = NULL;
    CHECK_INT(sqlite3_set_authorizer(c->db, refuse_rollback, NULL), SQLITE_OK);
    gf_sq_conn_note(c, SQLITE_NOMEM);
    return GOFER_OK;
}

static void *write_lost(void *arg)
{
    gf_sq_op op = { .run = lose, .tasks = 1 };
    *(gofer_status *)arg = gf_sq_write(rerun.store, &op);
    return NULL;
}

static void *put_beside(void *arg)
{
    *(gofer_status *)arg = put_one(&rerun.store->base);
    return NULL;
}

typedef struct company {
    pthread_t    threads[2];
    gofer_status put, lost;
} company;

// Leads, until the put and the one who loses its connection stand in line behind it.
static gofer_status keep_company(gf_sq_txn *t, void *arg)
{
    company *c = arg;
    bool ok = pthread_create(&c->threads[0], NULL, put_beside, &c->put) == 0;
    await_line(t->store, 1);
    ok = pthread_create(&c->threads[1], NULL, write_lost, &c->lost) == 0 && ok;
    await_line(t->store, 2);
    CHECK(ok);
    return GOFER_OK;
}

// Each runs alone after the group has failed, and the connection is lost after the put's commit:
// that is synced by another one before it is acknowledged.
static void a_lost_connection_takes_nobody_with_it(void)
{
    shim_begin();
    store_close(store_open());
    gf_broker *b = store_again();
    rerun.store = (gf_sq_store *)b;
    company c = { .put = GOFER_EBROKER };
    gf_sq_op op = { .run = keep_company, .arg = &c, .tasks = 1 };
    int before = fault.syncs;
    CHECK_OK(gf_sq_write(rerun.store, &op));
    for (size_t i = 0; i < COUNT(c.threads); i++)
        CHECK_INT(pthread_join(c.threads[i], NULL), 0);
    CHECK_OK(c.put);
    CHECK_STATUS(c.lost, GOFER_ENOMEM);
    CHECK(fault.syncs > before);
    CHECK_INT(queue_number(b, "q", "pending"), 1);
    c.lost = GOFER_OK;
    write_lost(&c.lost);                                // and one by itself
    CHECK_STATUS(c.lost, GOFER_ENOMEM);
    CHECK_OK(put_one(b));
    CHECK_INT(queue_number(b, "q", "pending"), 2);
    gf_broker_close(b);
    shim_end();
    store_check_sound();
}

static const check_test tests[] = {
    TEST(a_write_that_fails_is_never_acknowledged),
    TEST(a_sync_that_fails_is_never_acknowledged),
    TEST(after_an_io_error_another_one_is_of_use),
    TEST(a_full_disk_at_any_write_loses_nothing),
    TEST(a_task_is_finished_although_the_disk_was_full_for_a_moment),
    TEST(who_looks_neither_writes_nor_syncs),
    TEST(much_is_handed_in_step_by_step),
    TEST(a_recovery_that_is_run_again_begins_anew),
    TEST(a_lost_connection_takes_nobody_with_it),
    TEST(a_want_of_memory_locks_nobody_out),
    TEST(after_a_want_of_memory_what_is_acknowledged_is_synced),
};

suite suite_fault(void)
{
    return (suite){ tests, COUNT(tests) };
}
