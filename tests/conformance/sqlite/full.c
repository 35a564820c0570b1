// full.c - a disk that is full or nearly so: tasks can be finished and deleted, the store looked
// at, and when there is room again all is as before. Small disks are file systems in memory,
// mounted by the test itself.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#endif

#include "broker/sqlite/store.h"
#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

enum { SKIPPED = 77 };
static int disk_mib;
static size_t disk_payload = 300;
static int64_t disk_retention_ms, disk_tasks = 200000;
static bool disk_extras;                 // tasks have locks, and attempts leave what they can

// A file system of our own, which goes with this process.
static bool mount_small_disk(const char *at)
{
#ifdef __linux__
    char options[32];
    snprintf(options, sizeof options, "size=%dm", disk_mib);
    return unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("gofer-test", at, "tmpfs", 0, options) == 0;
#else
    (void)at;
    return false;
#endif
}

static int64_t fill_with_tasks(gf_broker *b, int64_t from)
{
    enum { BATCH = 20 };
    static char payload[64 * 1024];
    gf_message m[BATCH];
    gf_put items[BATCH];
    char ids[BATCH][24];
    gofer_status st = GOFER_OK;
    int64_t accepted = from;
    while (st == GOFER_OK && accepted < disk_tasks) {
        for (int i = 0; i < BATCH; i++) {
            snprintf(ids[i], sizeof ids[i], "t%08lld", (long long)accepted + i);
            m[i] = message("q", ids[i]);
            m[i].payload = payload;
            m[i].payload_size = disk_payload;
            m[i].retention_ms = disk_retention_ms;
            items[i] = (gf_put){ .message = &m[i],
                .unique_ms = disk_extras ? 3600000 : 0,
                .unique_key = ids[i] };
        }
        st = b->ops->tasks->put(b, items, BATCH);
        accepted += st == GOFER_OK ? BATCH : 0;
    }
    if (accepted < disk_tasks) {
        CHECK_INT(st, GOFER_ENOSPACE);
        CHECK_HAS(gofer_error_last(), "make room");
    }
    return accepted - from;
}

static void fill_with_a_foreign_file(const char *name)
{
    static const char bytes[4096] = { 1 };
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    while (write(fd, bytes, sizeof bytes) > 0)
        ;
    CHECK_INT(errno, ENOSPC);
    close(fd);
}

// Takes and finishes up to `limit` tasks; how many.
static int64_t drain(gf_broker *b, int64_t limit)
{
    enum { BATCH = 50 };
    gf_claim *claims[BATCH], *held[BATCH];
    gf_finish f[BATCH];
    gf_share share = { "q", BATCH };
    size_t have = 0;
    int64_t finished = 0;
    for (bool more = true; more;) {
        for (size_t i = 0; i < have; i++)
            f[i] = (gf_finish){ .claim = held[i], .outcome = GF_DONE, .status = GOFER_EHANDLER };
        gf_take t = { .worker = "w",
            .queues = &share,
            .queue_count = 1,
            .max = BATCH,
            .lease_ms = LEASE_MS,
            .claims = claims };
        REQUIRE_OK(
            b->ops->tasks->exchange(b, f, have, finished + (int64_t)have < limit ? &t : NULL));
        for (size_t i = 0; i < have; i++) {
            CHECK_INT(f[i].status, GOFER_OK);
            finished += f[i].status == GOFER_OK;
            gf_claim_free(held[i]);
        }
        memcpy(held, claims, t.count * sizeof *held);
        more = t.count > 0;
        have = t.count;
    }
    return finished;
}

// Attempts that fail leave a history, a log and a checkpoint, for which there is no room. They are
// to end all the same.
static void fail_some(gf_broker *b)
{
    enum { SOME = 30 };
    static char saved[64 * 1024], line[4000];
    gf_claim *claims[SOME];
    gf_finish f[SOME];
    size_t moved = 0;
    int64_t next_ms;
    REQUIRE(take(b, "q", SOME, claims) == SOME);
    memset(line, 'l', sizeof line - 2);
    line[sizeof line - 2] = '\n';
    for (int i = 0; i < SOME; i++)
        f[i] = (gf_finish){ .claim = claims[i],
            .outcome = GF_RETRY_AT,
            .is_failure = true,
            .at_ms = 1,
            .error = "e",
            .log = line,
            .attempt = "at_ms:1\tkind=failed",
            .checkpoint = saved,
            .checkpoint_size = sizeof saved,
            .status = GOFER_EHANDLER };
    gf_progress p = { .claim = claims[0],
        .done = -1,
        .log = line,
        .checkpoint = saved,
        .checkpoint_size = sizeof saved };
    CHECK_STATUS(b->ops->tasks->progress(b, &p, 1), GOFER_ENOSPACE);
    p.log = p.checkpoint = NULL;
    p.done = 1;
    CHECK_OK(b->ops->tasks->progress(b, &p, 1));
    REQUIRE_OK(b->ops->tasks->exchange(b, f, SOME, NULL));
    for (int i = 0; i < SOME; i++) {
        CHECK_STATUS(f[i].status, GOFER_OK);
        gf_claim_free(claims[i]);
    }
    CHECK_INT(queue_number(b, "q", "retry"), SOME);
    CHECK_OK(b->ops->upkeep->forward(b, 2 * SOME, &moved, &next_ms));
    CHECK_INT(moved, SOME);
}

static char file[224], foreign[224], url[240];         // on the small disk: the database, and a
                                                       //   file that is not ours

static int live_on_a_small_disk(void)
{
    gf_broker *b;
    REQUIRE_OK(store_try(url, &b));
    worker_register(b, "w");
    int64_t accepted = fill_with_tasks(b, 0);
    CHECK(accepted > 0);
    fill_with_a_foreign_file(foreign);
    gf_message m = message("q", "one more");
    CHECK_STATUS(put_message(b, &m, 0), GOFER_ENOSPACE);
    if (disk_extras)
        fail_some(b);

    int64_t finished = drain(b, accepted / 2);
    CHECK(finished >= accepted / 2);
    store_close(b);                                     // a restart with the disk still full
    REQUIRE_OK(store_try(url, &b));
    worker_register(b, "w");
    fill_with_a_foreign_file(foreign);                  // somebody takes what that gave back
    finished += drain(b, INT64_MAX);
    CHECK_INT(finished, accepted);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");

    CHECK_INT(unlink(foreign), 0);
    CHECK_OK(b->ops->upkeep->tidy(b));
    CHECK_OK(put_message(b, &m, 0));                    // and all is well again, without reopening
    CHECK(fill_with_tasks(b, accepted) > 0);
    drain(b, INT64_MAX);
    store_close(b);
    file_check_sound(file);
    return check_failures() > 0;
}

static int (*disk_life)(void);

static int begin_on_a_small_disk(int in, int out)
{
    (void)in, (void)out;
    char at[192];
    snprintf(at, sizeof at, "%s", store_path());
    *strrchr(at, '/') = '\0';
    if (!mount_small_disk(at))
        return SKIPPED;
    snprintf(file, sizeof file, "%s/full.db", at);
    snprintf(url, sizeof url, "sqlite:%s", file);
    snprintf(foreign, sizeof foreign, "%s/foreign", at);
    return disk_life();
}

// In a process of its own, whose mounts are seen by nobody else.
static void on_a_disk_of(int mib, int (*life)(void))
{
    store_close(store_open());
    disk_mib = mib;
    disk_life = life;
    child c = child_start(begin_on_a_small_disk);
    int status = child_end(&c);
    if (status == SKIPPED)
        SKIP("no right to mount a small disk: run as root");
    CHECK_INT(status, 0);
}

static void live_on_a_disk_of(int mib, size_t payload, bool extras)
{
    disk_extras = extras;
    disk_payload = payload;
    on_a_disk_of(mib, live_on_a_small_disk);
}

static void a_full_disk_of_8_MiB_can_be_drained(void)
{
    live_on_a_disk_of(8, 300, false);
}

static void a_full_disk_of_16_MiB_can_be_drained(void)
{
    live_on_a_disk_of(16, 300, false);
}

static void a_full_disk_of_large_payloads_can_be_drained(void)
{
    live_on_a_disk_of(16, 20000, false);
}

static void a_full_disk_has_room_for_outcomes_alone(void)
{
    ONE_THREAD();
    live_on_a_disk_of(16, 300, true);
}

// ---- who is let in ------------------------------------------------------------------------------

enum { LARGE = 40 };

// A put of LARGE tasks of `size` bytes each, whose ids begin with `front`.
static gofer_status put_large(gf_broker *b, const char *front, size_t size)
{
    gf_message m[LARGE];
    gf_put items[LARGE];
    char ids[LARGE][24], *payload = calloc(1, size);
    REQUIRE(payload != NULL);
    for (int i = 0; i < LARGE; i++) {
        snprintf(ids[i], sizeof ids[i], "%s%d", front, i);
        m[i] = message("q", ids[i]);
        m[i].payload = payload;
        m[i].payload_size = size;
        items[i] = (gf_put){ .message = &m[i] };
    }
    gofer_status st = b->ops->tasks->put(b, items, LARGE);
    free(payload);
    return st;
}

static int64_t size_of(const char *suffix)
{
    char name[256];
    struct stat st;
    snprintf(name, sizeof name, "%s%s", file, suffix);
    return stat(name, &st) == 0 ? (int64_t)st.st_size : -1;
}

static int refuse_a_large_batch(void)
{
    gf_broker *b;
    REQUIRE_OK(store_try(url, &b));
    put(b, "q", "a");
    int64_t before = size_of("-wal");
    CHECK_STATUS(put_large(b, "t", 500000), GOFER_ENOSPACE);
    CHECK_HAS(gofer_error_last(), "are needed");        // not SQLite's words, who met the end of
                                                        //   the disk
    CHECK_INT(size_of("-wal"), before);
    gf_item items[LARGE];                               // and so are tasks that are moved here
    char *payload = calloc(1, 500000), ids[LARGE][24];
    REQUIRE(payload != NULL);
    for (int i = 0; i < LARGE; i++) {
        snprintf(ids[i], sizeof ids[i], "m%d", i);
        items[i] = (gf_item){ .message = message("q", ids[i]),
            .state = GF_COMPLETED,
            .result = payload,
            .result_size = 500000 };
    }
    CHECK_STATUS(b->ops->transfer->import_items(b, "q", items, LARGE), GOFER_ENOSPACE);
    CHECK_HAS(gofer_error_last(), "are needed");
    CHECK_INT(size_of("-wal"), before);
    free(payload);
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    gf_broker_close(b);
    return 0;
}

typedef struct putter {
    pthread_t    thread;
    gf_broker   *broker;
    char         front[16];
    size_t       size;
    gofer_status status;
} putter;

static void *put_in_thread(void *arg)
{
    putter *p = arg;
    p->status = put_large(p->broker, p->front, p->size);
    return NULL;
}

static size_t waiting_writers(gf_sq_store *s)
{
    size_t count = 0;
    pthread_mutex_lock(&s->lock);
    for (const gf_sq_op *op = s->head; op; op = op->next)
        count++;
    pthread_mutex_unlock(&s->lock);
    return count;
}

// All in one group: they come while somebody else writes.
static int put_side_by_side(void)
{
    enum { PUTTERS = 5 };
    gf_broker *b;
    gf_sq_sidecar other;
    putter p[PUTTERS] = { { .size = 1 }, { .size = 500000 }, { .size = 10 }, { .size = 450000 },
        { .size = 100 } };
    REQUIRE_OK(store_try(url, &b));
    put(b, "q", "first");
    REQUIRE_OK(gf_sq_sidecar_open(&other, file));
    REQUIRE_OK(gf_sq_sidecar_lock(&other, PATIENCE_MS));
    for (size_t i = 0; i < PUTTERS; i++) {
        p[i].broker = b;
        snprintf(p[i].front, sizeof p[i].front, "t%zu-", i);
        REQUIRE(pthread_create(&p[i].thread, NULL, put_in_thread, &p[i]) == 0);
        while (waiting_writers((gf_sq_store *)b) < i + 1)
            gf_sleep_us(500);
    }
    gf_sq_sidecar_unlock(&other);
    for (size_t i = 0; i < PUTTERS; i++) {
        CHECK_INT(pthread_join(p[i].thread, NULL), 0);
        CHECK_STATUS(p[i].status, p[i].size > 1000 ? GOFER_ENOSPACE : GOFER_OK);
    }
    CHECK_INT(queue_number(b, "q", "pending"), 1 + 3 * LARGE);
    gf_sq_sidecar_close(&other);
    gf_broker_close(b);
    return 0;
}

static void a_batch_too_large_refuses_no_neighbour(void)
{
    on_a_disk_of(24, put_side_by_side);
}

static int drain_and_put_again(void)
{
    gf_broker *b;
    REQUIRE_OK(store_try(url, &b));
    worker_register(b, "w");
    int64_t accepted = fill_with_tasks(b, 0);
    fill_with_a_foreign_file(foreign);                  // and stays
    CHECK_INT(drain(b, INT64_MAX), accepted);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    fill_with_a_foreign_file(foreign);
    gf_message m = message("q", "again");
    CHECK_OK(put_message(b, &m, 0));                    // all the room that there is, is in the
                                                        //   file
    CHECK(fill_with_tasks(b, accepted) > accepted / 2);
    drain(b, INT64_MAX);
    store_close(b);
    file_check_sound(file);
    return 0;
}

static void a_drained_store_takes_tasks_again(void)
{
    ONE_THREAD();
    disk_payload = 20000;
    on_a_disk_of(48, drain_and_put_again);
    store_remove();
    disk_payload = 300;
    on_a_disk_of(10, drain_and_put_again);
}

// The reserve is whole, and little else of the disk is left.
static int put_into_free_pages(void)
{
    gf_broker *b;
    REQUIRE_OK(store_try(url, &b));
    worker_register(b, "w");
    int64_t accepted = fill_with_tasks(b, 0);
    drain(b, INT64_MAX);
    CHECK_OK(put_large(b, "large", 200000));            // 8 MB, with the WAL's copy
    CHECK(accepted > 0);
    store_close(b);
    file_check_sound(file);
    return 0;
}

static void free_pages_are_room(void)
{
    disk_payload = 20000;
    on_a_disk_of(32, put_into_free_pages);
}

// ---- outcomes that are kept ---------------------------------------------------------------------

static size_t       kept_result;         // bytes of each
static gf_outcome_kind kept_outcome;
static bool         beside_foreign;      // somebody else has filled the disk before
static int64_t      left_out, waiting;   // of a round: results that were left out,
                                         //   outcomes that found no room

// One outcome, handed in as a worker does it: again, if it found no room. False: there
// was none left to take.
static bool finish_and_keep(gf_broker *b, const void *result, const char *error)
{
    gf_claim *claims[8];
    gf_finish f[8];
    size_t count = take(b, "q", 8, claims);
    for (size_t i = 0; i < count; i++)
        f[i] = (gf_finish){ .claim = claims[i],
            .outcome = kept_outcome,
            .is_failure = kept_outcome == GF_ARCHIVE,
            .error = error,
            .result = result,
            .result_size = kept_result,
            .attempt = "at_ms:1\tkind=done",
            .status = GOFER_EHANDLER };
    gofer_status st = count ? b->ops->tasks->exchange(b, f, count, NULL) : GOFER_OK;
    CHECK(st == GOFER_OK || st == GOFER_ENOSPACE);
    for (size_t i = 0; i < count; i++) {
        CHECK(f[i].status == GOFER_OK || f[i].status == GOFER_ENOSPACE);
        waiting += f[i].status == GOFER_ENOSPACE;
        gf_claim_free(claims[i]);
    }
    return count > 0 && waiting == 0;
}

static bool ignore_finding(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    (void)arg, (void)f;
    return true;
}

// What somebody does who comes to a full disk: as `gofer ping`, `queue ls`, `task ls`,
// `doctor` and `task rm` do.
static void look_and_delete(gf_state state)
{
    gf_broker *b;
    gofer_info *info;
    size_t done = 0;
    REQUIRE_OK(store_try(url, &b));
    CHECK_OK(b->ops->ping(b));
    int64_t before = queue_number(b, "q", gf_state_name(state));
    CHECK(before > 0);
    if (CHECK_OK(b->ops->inspect->tasks(b, "q", state, NULL, 10, &info))) {
        CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, gofer_info_text(gofer_info_at(info, 0), "id")));
        gofer_info_free(info);
    }
    CHECK_OK(b->ops->check->store(b, false, ignore_finding, NULL));
    CHECK_OK(b->ops->act->tasks_move(b, "q", state, GF_STATE_COUNT, 3, &done));
    CHECK_INT(done, 3);
    CHECK_INT(queue_number(b, "q", gf_state_name(state)), before - 4);
    gf_broker_close(b);
}

static void count_left_out(gf_broker *b)
{
    gofer_info *info;
    if (!CHECK_OK(b->ops->inspect->tasks(b, "q", GF_COMPLETED, NULL, 100000, &info)))
        return;
    for (size_t i = 0; i < gofer_info_count(info); i++) {
        const char *word = gofer_info_text(gofer_info_at(info, i), "last_error");
        left_out += word && strstr(word, "bytes was left out") != NULL;
    }
    gofer_info_free(info);
}

static void delete_all(gf_broker *b, gf_state state)
{
    size_t done = 1;
    while (done > 0 && CHECK_OK(b->ops->act->tasks_move(b, "q", state, GF_STATE_COUNT, 100, &done)))
        ;
}

static int keep_results(void)
{
    static char error[8000];
    char *result = calloc(1, kept_result + 1);
    gf_broker *b;
    gf_state kept = kept_outcome == GF_ARCHIVE ? GF_ARCHIVED : GF_COMPLETED;
    REQUIRE(result != NULL);
    memset(error, 'e', sizeof error - 1);
    REQUIRE_OK(store_try(url, &b));
    worker_register(b, "w");
    disk_retention_ms = 3600000;
    disk_tasks = beside_foreign ? 200000 : 400;
    fill_with_tasks(b, 0);
    if (beside_foreign)
        fill_with_a_foreign_file(foreign);
    for (int i = 0; finish_and_keep(b, result, error); i++)
        if (i == 20)
            look_and_delete(kept);
    look_and_delete(kept);
    count_left_out(b);

    store_close(b);                                     // a worker that is started now
    REQUIRE_OK(store_try(url, &b));
    worker_register(b, "w2");
    look_and_delete(kept);
    if (waiting) {                                      // those of the worker that is gone
        gf_recovered r = { 0 };
        CHECK_OK(b->ops->upkeep->recover(b, 100, 3, &r));
    }
    delete_all(b, kept);                                // and the rest can be handed in
    waiting = 0;
    worker_register(b, "w");
    kept_outcome = GF_DONE;
    while (finish_and_keep(b, NULL, error))
        ;
    CHECK_INT(waiting, 0);
    delete_all(b, GF_COMPLETED);
    gf_message m = message("q", "one more");
    CHECK_OK(put_message(b, &m, 0));
    free(result);
    store_close(b);
    file_check_sound(file);
    return 0;
}

static int keep_large_results(void)
{
    kept_result = 100000;
    kept_outcome = GF_DONE;
    CHECK_INT(keep_results(), 0);
    CHECK(left_out > 0);
    CHECK(size_of("-reserve") >= 768 * 1024);           // whole: nothing had to be given up for
                                                        //   them
    return 0;
}

static void large_results_are_left_out_with_a_word_when_there_is_no_room(void)
{
    disk_payload = 300;
    on_a_disk_of(16, keep_large_results);
}

static int keep_small_results(void)
{
    kept_result = 900;
    kept_outcome = GF_DONE;
    beside_foreign = true;
    return keep_results();
}

static void small_outcomes_pass_to_the_end(void)
{
    ONE_THREAD();
    disk_payload = 300;
    on_a_disk_of(12, keep_small_results);
}

static int keep_archived(void)
{
    kept_outcome = GF_ARCHIVE;
    beside_foreign = true;
    return keep_results();
}

static void a_full_disk_of_archived_tasks_can_be_looked_at_and_emptied(void)
{
    ONE_THREAD();
    disk_payload = 300;
    on_a_disk_of(8, keep_archived);
}

static bool note_code(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    char *codes = arg;
    snprintf(codes + strlen(codes), 200 - strlen(codes), "%s ", f->code);
    return true;
}

static void a_reserve_that_cannot_be_made_is_told_as_that(void)
{
    enum { DIRECTORY, LINK, PIPE, KINDS };
    static const gofer_status want[KINDS] = { GOFER_EBROKER, GOFER_EDENIED, GOFER_EBROKER };
    static const char *const words[KINDS] = { "Is a directory", "symbolic link",
        "Invalid argument" };
    static char large[50000];
    for (int kind = 0; kind < KINDS; kind++) {
        char name[256], codes[200] = "";
        gf_broker *b = store_open();
        snprintf(name, sizeof name, "%s-reserve", store_path());
        unlink(name);
        if (kind == DIRECTORY)
            CHECK_INT(mkdir(name, 0700), 0);
        else if (kind == LINK)
            CHECK_INT(symlink("/dev/null", name), 0);
        else
            CHECK_INT(mkfifo(name, 0600), 0);
        gf_message m = message("q", "a");
        CHECK_STATUS(put_message(b, &m, 0), want[kind]);
        CHECK_HAS(gofer_error_last(), "cannot make");
        CHECK_HAS(gofer_error_last(), name);
        CHECK_HAS(gofer_error_last(), words[kind]);
        CHECK_OK(b->ops->check->store(b, false, note_code, codes));
        CHECK_HAS(codes, "reserve-refused");
        CHECK_INT(kind == DIRECTORY ? rmdir(name) : unlink(name), 0);
        m.retention_ms = 3600000;
        CHECK_OK(put_message(b, &m, 0));
        unlink(name);
        CHECK_INT(symlink("/dev/null", name), 0);       // what is finished is kept: the disk is
                                                        //   not full
        gf_claim *c = need_one(b, "q", "a");
        CHECK_OK(finish(b, c, (gf_finish){ .outcome = GF_DONE, .result = large,
            .result_size = sizeof large }));
        CHECK_STR(task_text(b, "q", "a", "last_error"), "");
        CHECK_STR(task_state(b, "q", "a"), "completed");
        store_close(b);
        store_remove();
    }
}

static void limits_are_of_bytes_whatever_the_size_of_a_page(void)
{
    gf_broker *b = store_open();
    sqlite3 *db;
    static const char *const suffixes[] = { "", "-wal", "-shm", "-gofer", "-reserve" };
    store_close(b);
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        char name[256];
        snprintf(name, sizeof name, "%s%s", store_path(), suffixes[i]);
        unlink(name);
    }
    REQUIRE(sqlite3_open(store_path(), &db) == SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "PRAGMA page_size = 65536; VACUUM", NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
    snprintf(file, sizeof file, "%s", store_path());

    b = store_again();
    worker_register(b, "w");
    int64_t largest = 0;
    for (int i = 0; i < 200; i++) {
        char id[16];
        snprintf(id, sizeof id, "t%d", i);
        put(b, "q", id);
        if (size_of("-wal") > largest)
            largest = size_of("-wal");
    }
    CHECK(largest > 0 && largest < 4 << 20);            // 2 MiB, and a transaction
    CHECK(size_of("-reserve") >= largest + (1 << 20));
    store_close(b);
}

static void a_batch_larger_than_the_disk_is_refused_before_it_is_written(void)
{
    on_a_disk_of(16, refuse_a_large_batch);
}

static const check_test tests[] = {
    TEST(a_full_disk_of_8_MiB_can_be_drained),
    TEST(a_full_disk_of_16_MiB_can_be_drained),
    TEST(a_full_disk_of_large_payloads_can_be_drained),
    TEST(a_full_disk_has_room_for_outcomes_alone),
    TEST(a_batch_larger_than_the_disk_is_refused_before_it_is_written),
    TEST(a_batch_too_large_refuses_no_neighbour),
    TEST(a_drained_store_takes_tasks_again),
    TEST(free_pages_are_room),
    TEST(large_results_are_left_out_with_a_word_when_there_is_no_room),
    TEST(small_outcomes_pass_to_the_end),
    TEST(a_full_disk_of_archived_tasks_can_be_looked_at_and_emptied),
    TEST(a_reserve_that_cannot_be_made_is_told_as_that),
    TEST(limits_are_of_bytes_whatever_the_size_of_a_page),
};

suite suite_full(void)
{
    return (suite){ tests, COUNT(tests) };
}
