// file.c - what only a file can do wrong: other processes, foreign and newer files, a file that
// goes away, fork.
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/sqlite/store.h"
#include "fixture.h"
#include "suites.h"
#include "util/clock.h"
#include "util/id.h"

static void run_sql(const char *file, const char *sql)
{
    sqlite3 *db;
    REQUIRE(sqlite3_open(file, &db) == SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
}

static const char *beside(const char *suffix)
{
    static char name[256];
    snprintf(name, sizeof name, "%s%s", store_path(), suffix);
    return name;
}

// ---- opening ------------------------------------------------------------------------------

static void tasks_and_counts_survive_reopening(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    put(b, "q", "b");
    done(b, need_one(b, "q", "a"));
    store_close(b);
    b = store_again();
    worker_register(b, "w");
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    CHECK_INT(queue_number(b, "q", "processed_total"), 1);
    drain_expecting(b, "q", "b");
    store_close(b);
    store_check_sound();
}

static void files_are_for_their_owner_alone(void)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-gofer", "-reserve" };
    mode_t before = umask(0);
    gf_broker *b = store_open();
    put(b, "q", "a");
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        struct stat file;
        CHECK_INT(stat(beside(suffixes[i]), &file), 0);
        CHECK_INT(file.st_mode & 0777, 0600);
    }
    umask(before);
    store_close(b);
}

static void a_path_is_decoded_and_made_absolute(void)
{
    gf_broker *b = store_open(), *c = NULL;
    char here[4096], link[256], with_escape[300];
    put(b, "q", "a");
    REQUIRE(getcwd(here, sizeof here) != NULL);
    snprintf(link, sizeof link, "%s", store_path());
    *strrchr(link, '/') = '\0';
    CHECK_INT(chdir(link), 0);
    CHECK_OK(store_try("sqlite:tasks.db", &c));         // relative
    CHECK_INT(chdir(here), 0);
    if (c) {
        CHECK_STR(queue_counts(c, "q"), "p1 a0 s0 r0 c0 x0");
        put(c, "q", "b");                               // chdir does not matter
        gf_broker_close(c);
    }
    snprintf(with_escape, sizeof with_escape, "sqlite:%s/t%%61sks.db", link);
    CHECK_OK(store_try(with_escape, &c));
    CHECK_STR(queue_counts(c, "q"), "p2 a0 s0 r0 c0 x0");
    gf_broker_close(c);
    snprintf(link, sizeof link, "%s", beside("-link"));
    CHECK_INT(symlink(store_path(), link), 0);
    snprintf(with_escape, sizeof with_escape, "sqlite:%s", link);
    CHECK_OK(store_try(with_escape, &c));               // the same lock file through a link
    CHECK_STR(queue_counts(c, "q"), "p2 a0 s0 r0 c0 x0");
    gf_broker_close(c);
    CHECK(access(beside("-link-gofer"), F_OK) != 0);
    store_close(b);
}

static void wrong_paths_are_refused_in_words(void)
{
    static const struct { const char *url; gofer_status want; const char *words; } cases[] = {
        { "sqlite:",                         GOFER_EINVAL,  "names no file" },
        { "sqlite:/no/such/folder/x.db",     GOFER_EBROKER, "does not exist" },
        { "sqlite:/tmp/%zz.db",              GOFER_EINVAL,  "escape" },
        { "sqlite:/tmp/%00.db",              GOFER_EINVAL,  "escape" },
        { "memory:name",                     GOFER_EINVAL,  "takes no name" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b;
        CHECK_STATUS(store_try(cases[i].url, &b), cases[i].want);
        CHECK_HAS(gofer_error_last(), cases[i].words);
    }
}

static void what_is_no_file_is_refused_in_words(void)
{
    static const struct { const char *end, *words; } cases[] = {
        { "-folder", "is a directory" },
        { "-pipe",   "not a regular file" },
    };
    gf_broker *place = store_open();
    CHECK_INT(mkdir(beside("-folder"), 0700), 0);
    CHECK_INT(mkfifo(beside("-pipe"), 0600), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b;
        char url[4200];
        snprintf(url, sizeof url, "sqlite:%s", beside(cases[i].end));
        CHECK_STATUS(store_try(url, &b), GOFER_EBROKER);
        CHECK_HAS(gofer_error_last(), cases[i].words);
    }
    CHECK_INT(rmdir(beside("-folder")), 0);
    CHECK_INT(unlink(beside("-pipe")), 0);
    store_close(place);
}

static void a_file_of_somebody_else_is_refused_and_left_alone(void)
{
    static const struct { const char *sql, *words; gofer_status want; } cases[] = {
        { "CREATE TABLE mine(x); INSERT INTO mine VALUES(1);", "not one of gofer's",
          GOFER_ECORRUPT },
        { "CREATE TABLE mine(x); PRAGMA application_id = 7;", "not one of gofer's",
          GOFER_ECORRUPT },
        { "PRAGMA application_id = 0x676F6672; PRAGMA user_version = 99; CREATE TABLE queue(x);",
          "newer gofer", GOFER_EVERSION },
        { NULL, "no SQLite database", GOFER_ECORRUPT },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_broker *b = store_open();                    // for the place
        store_close(b);
        CHECK_INT(unlink(store_path()), 0);
        CHECK_INT(unlink(beside("-gofer")), 0);
        if (cases[i].sql) {
            run_sql(store_path(), cases[i].sql);
        } else {
            FILE *f = fopen(store_path(), "w");
            REQUIRE(f != NULL);
            for (int n = 0; n < 5000; n++)
                fputs("garbage ", f);
            fclose(f);
        }
        struct stat before, after;
        CHECK_INT(stat(store_path(), &before), 0);
        CHECK_STATUS(store_try(store_url(), &b), cases[i].want);
        CHECK_HAS(gofer_error_last(), cases[i].words);
        CHECK_HAS(gofer_error_last(), store_path());
        CHECK_INT(stat(store_path(), &after), 0);
        CHECK_INT(after.st_size, before.st_size);
        CHECK(access(beside("-gofer"), F_OK) != 0);     // nothing was put beside it
        store_remove();
    }
}

static void a_file_with_two_names_is_refused(void)
{
    gf_broker *b = store_open();
    char second[256];
    snprintf(second, sizeof second, "%s", beside("-second"));
    CHECK_INT(link(store_path(), second), 0);
    gf_broker *c;
    CHECK_STATUS(store_try(store_url(), &c), GOFER_EBROKER);
    CHECK_HAS(gofer_error_last(), "hard links");
    store_close(b);
}

static int open_and_put(int in, int out)
{
    (void)out;
    hear(in);                                           // all begin at once
    gf_broker *b = store_again();
    char id[32];
    snprintf(id, sizeof id, "t%ld", (long)getpid());
    put(b, "q", id);
    gf_broker_close(b);
    return 0;
}

static void many_processes_may_make_the_file_at_once(void)
{
    enum { PROCESSES = 6 };
    for (int round = 0; round < 5; round++) {
        store_close(store_open());
        static const char *const suffixes[] = { "", "-gofer", "-reserve" };
        for (size_t i = 0; i < COUNT(suffixes); i++)
            unlink(beside(suffixes[i]));
        child c[PROCESSES];
        for (int i = 0; i < PROCESSES; i++)
            c[i] = child_start(open_and_put);
        for (int i = 0; i < PROCESSES; i++)
            say(c[i].out, 'g');
        for (int i = 0; i < PROCESSES; i++)
            CHECK_INT(child_end(&c[i]), 0);
        gf_broker *b = store_again();
        CHECK_INT(queue_number(b, "q", "pending"), PROCESSES);
        gf_broker_close(b);
        store_check_sound();
        store_remove();
    }
}

// ---- shared by a group --------------------------------------------------------------------------

enum { GROUP = 54321, ALICE = 54322, BOB = 54323 };

static bool become(uid_t user)
{
    return setgroups(0, NULL) == 0 && setgid(GROUP) == 0 && setuid(user) == 0;
}

static int share_with_the_group(int in, int out)
{
    (void)in, (void)out;
    REQUIRE(become(ALICE));
    gf_broker *b = store_again();
    put(b, "q", "alices");
    gf_broker_close(b);
    CHECK_INT(chmod(store_path(), 0660), 0);
    b = store_again();                                  // brings the others along
    put(b, "q", "alices-second");
    gf_broker_close(b);
    return 0;
}

static int use_the_groups(int in, int out)
{
    (void)in, (void)out;
    REQUIRE(become(BOB));
    gf_broker *b = store_again();
    CHECK_INT(queue_number(b, "q", "pending"), 2);
    put(b, "q", "bobs");
    CHECK_OK(b->ops->upkeep->tidy(b));
    gf_broker_close(b);
    return 0;
}

static void a_group_may_share_a_file(void)
{
    static const char *const suffixes[] = { "", "-gofer", "-reserve" };
    static int (*const users[])(int, int) = { share_with_the_group, use_the_groups };
    if (geteuid() != 0)
        SKIP("no right to be somebody else: run as root");
    char folder[256];
    store_close(store_open());
    for (size_t i = 0; i < COUNT(suffixes); i++)
        CHECK(unlink(beside(suffixes[i])) == 0 || i == 2);
    snprintf(folder, sizeof folder, "%s", store_path());
    *strrchr(folder, '/') = '\0';
    CHECK(chown(folder, ALICE, GROUP) == 0 && chmod(folder, 02770) == 0);
    for (size_t u = 0; u < COUNT(users); u++) {
        child c = child_start(users[u]);
        CHECK_INT(child_end(&c), 0);
    }
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        struct stat file;
        CHECK_INT(stat(beside(suffixes[i]), &file), 0);
        CHECK_INT(file.st_mode & 0777, 0660);
        CHECK_INT(file.st_gid, GROUP);
    }
    store_check_sound();
}

// A hard link to somebody's file, where a lock file is expected: root leaves it as it is.
static void a_lock_file_with_two_names_keeps_its_owner(void)
{
    if (geteuid() != 0)
        SKIP("no right to give files away: run as root");
    gf_broker *b = store_open();
    char other[256];
    struct stat file;
    store_close(b);
    snprintf(other, sizeof other, "%s", beside("-other"));
    CHECK_INT(rename(beside("-gofer"), other), 0);
    CHECK(chown(other, 0, 0) == 0 && chmod(other, 0640) == 0);
    CHECK_INT(link(other, beside("-gofer")), 0);
    CHECK_INT(chown(store_path(), ALICE, GROUP), 0);
    b = store_again();
    CHECK_INT(stat(other, &file), 0);
    CHECK_INT(file.st_uid, 0);
    CHECK_INT(file.st_mode & 0777, 0640);
    gf_broker_close(b);
}

// ---- the lock for writing -----------------------------------------------------------------------

// The page outlives a reboot, after which the clock begins anew.
static void a_wish_for_the_lock_from_before_a_reboot_is_none(void)
{
    store_close(store_open());
    gf_sq_sidecar s;
    REQUIRE_OK(gf_sq_sidecar_open(&s, store_path()));
    atomic_store(&s.page->lock_wanted_ms, gf_mono_ms() + (int64_t)90 * 24 * 3600 * 1000);
    uint32_t before = atomic_load(&s.page->lock_word);
    REQUIRE_OK(gf_sq_sidecar_lock(&s, 0));
    gf_sq_sidecar_unlock(&s);
    CHECK_INT(atomic_load(&s.page->lock_word), before); // nobody is woken, and nobody let go first
    CHECK_INT(s.yielded_ns, 0);

    REQUIRE_OK(gf_sq_sidecar_lock(&s, 0));
    atomic_store(&s.page->lock_wanted_ms, gf_mono_ms());
    gf_sq_sidecar_unlock(&s);
    CHECK_INT(atomic_load(&s.page->lock_word), before + 1);
    gf_sq_sidecar_close(&s);
}

// ---- while it is open ------------------------------------------------------------------------

static void a_file_that_went_away_takes_no_more(void)
{
    static const char *const suffixes[] = { "", "-gofer" };
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        gf_broker *b = store_open();
        gf_message m = message("q", "a");
        CHECK_OK(put_message(b, &m, 0));
        CHECK_INT(unlink(beside(suffixes[i])), 0);
        m.id = "b";
        CHECK_STATUS(put_message(b, &m, 0), GOFER_EBROKER);
        CHECK_HAS(gofer_error_last(), "deleted");
        CHECK_STATUS(b->ops->ping(b), GOFER_EBROKER);
        gf_broker_close(b);
        store_remove();
    }
    gf_broker *b = store_open();
    char other[256];
    snprintf(other, sizeof other, "%s", beside("-other"));
    run_sql(other, "CREATE TABLE t(x)");
    CHECK_INT(rename(other, store_path()), 0);          // replaced
    gf_message m = message("q", "a");
    CHECK_STATUS(put_message(b, &m, 0), GOFER_EBROKER);
    gf_broker_close(b);
}

// Holds both write locks, gofer's and SQLite's, until it is killed.
static int write_without_end(int in, int out)
{
    gf_sq_sidecar sidecar;
    sqlite3 *db;
    REQUIRE_OK(gf_sq_sidecar_open(&sidecar, store_path()));
    REQUIRE_OK(gf_sq_sidecar_lock(&sidecar, PATIENCE_MS));
    REQUIRE(sqlite3_open(store_path(), &db) == SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    say(out, 'l');
    hear(in);
    return 0;
}

static bool ignore_finding(void *arg, const gf_finding *f)
{
    if (!f)
        return true;
    (void)arg, (void)f;
    return true;
}

static void who_is_stopped_while_he_writes_keeps_nobody_from_looking(void)
{
    gf_broker *b = store_open();
    put(b, "q", "a");
    store_close(b);
    child c = child_start(write_without_end);
    REQUIRE(hear(c.in) == 'l');
    CHECK_INT(kill(c.pid, SIGSTOP), 0);

    b = NULL;
    if (CHECK_OK(store_try(store_url(), &b))) {
        CHECK_OK(b->ops->ping(b));
        CHECK_INT(queue_number(b, "q", "pending"), 1);
        CHECK_STR(task_state(b, "q", "a"), "pending");
        CHECK_OK(b->ops->check->store(b, false, ignore_finding, NULL));
        gf_broker_close(b);
    }
    gf_sq_sidecar sidecar;
    REQUIRE_OK(gf_sq_sidecar_open(&sidecar, store_path()));
    CHECK_INT(atomic_load(&sidecar.page->lock_wanted_ms), 0);      // nobody has waited for it,
                                                                   //   closing least of all
    gf_sq_sidecar_close(&sidecar);
    child_kill(&c);
}

// ---- a process that is killed while a child of its lives ----------------------------------------

static gofer_status die(gf_sq_txn *t, void *arg)
{
    (void)t, (void)arg;
    raise(SIGKILL);                                     // in a transaction, with the lock for
                                                        //   writing
    return GOFER_OK;
}

static int die_while_writing(int in, int out)
{
    gf_broker *b = store_again();
    worker_register(b, "killed");
    gf_claim *claim;
    put(b, "q", "a");
    REQUIRE(take_for(b, "killed", "q", 1, LEASE_MS, &claim) == 1);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {                                     // has nothing to do with gofer
        say(out, 'g');
        hear(in);
        _exit(0);
    }
    gf_sq_op op = { .run = die, .tasks = 1 };
    gf_sq_write((gf_sq_store *)b, &op);
    return 1;
}

static void locks_do_not_live_on_in_a_forked_child(void)
{
    store_close(store_open());                          // for the place
    child c = child_start(die_while_writing);
    REQUIRE(hear(c.in) == 'g');                         // the child of the child lives, until we
                                                        //   end
    int status = 0;
    CHECK(waitpid(c.pid, &status, 0) == c.pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    gf_broker *b = store_again();
    worker_register(b, "w");
    put(b, "q", "b");
    gf_recovered r = { 0 };
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_INT(r.requeued, 1);                           // its lock of life is free, too
    drain_expecting(b, "q", "a b");
    close(c.out);
    CHECK_INT(hear(c.in), '\0');
    close(c.in);
    store_close(b);
    store_check_sound();
}

// Housekeeping finds that there is nothing to do without keeping anybody from writing.
static void idle_housekeeping_needs_no_lock(void)
{
    gf_broker *b = store_open();
    gf_message m = message("q", "later");
    gf_sq_sidecar other;
    gf_recovered r = { 0 };
    size_t done = 9;
    int64_t next_ms = 0;
    put(b, "q", "runs");
    gf_claim *claim = need_one(b, "q", "runs");
    CHECK_OK(put_message(b, &m, gf_now_ms() + 3600000));
    REQUIRE_OK(gf_sq_sidecar_open(&other, store_path()));
    REQUIRE_OK(gf_sq_sidecar_lock(&other, PATIENCE_MS));
    CHECK_OK(b->ops->upkeep->forward(b, 10, &done, &next_ms));
    CHECK_INT(done, 0);
    CHECK_OK(b->ops->upkeep->purge(b, 10, &done));
    CHECK_INT(done, 0);
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_INT(r.requeued + r.archived, 0);
    CHECK_OK(b->ops->groups->reclaim(b, 10, &done));
    CHECK_INT(done, 0);
    gf_sq_sidecar_unlock(&other);
    gf_claim_free(claim);
    gf_sq_sidecar_close(&other);
    store_close(b);
}

// ---- what is over ------------------------------------------------------------------

static int64_t number_of(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    REQUIRE(sqlite3_open(store_path(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
    int64_t number = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    sqlite3_finalize(s);
    sqlite3_close(db);
    return number;
}

// Each alone: what is over is cleared away though nothing else is, and what is not over stays.
static void all_that_is_over_is_cleared_away_by_itself(void)
{
    enum { SLACK_MS = 120000, DAYS_8_MS = 8 * 24 * 3600 * 1000 };
    gf_broker *b = store_open();
    int64_t now_ms = gf_now_ms(), mono_ms = gf_mono_ms(), hour = now_ms / 3600000;
    int64_t minute = now_ms / 60000;
    size_t done_count;
    put(b, "q", "a");
    CHECK_OK(b->ops->cron->entry_put(b, "kept", "spec=* * * * *", true));
    const struct {
        const char *table, *row;             // with %lld for the number
        int64_t     over, young;
        int64_t     stay;                    // rows that stay of what is over
    } cases[] = {
        { "lock", "(qid, key, life, until_ms, id) VALUES(1, x'6b', 2, %lld, 'a')", now_ms - 1,
            now_ms + SLACK_MS, 0 },
        { "stat", "VALUES('q', 't', %lld, 1, 0, x'', x'')", hour - 8 * 24 - 1, hour - 8 * 24 + 2,
            0 },
        { "stat_minute", "VALUES(%lld, 'q', 't', 1, 0, x'', x'')", minute - 71, minute - 58, 0 },
        { "tick", "VALUES('gone', 'q', 0, 0, 'i', %lld)", now_ms - DAYS_8_MS - 1,
            now_ms - DAYS_8_MS + SLACK_MS, 0 },
        { "tick", "VALUES('kept', 'q', 0, 0, 'i', %lld)", now_ms - DAYS_8_MS - 1, now_ms, 1 },
        { "command", "(wid, text) SELECT %lld, 'quiet'", 1000, number_of("SELECT wid FROM worker"),
            0 },
        { "event",
            "(record) SELECT 'r' || v FROM (SELECT 1 AS v UNION SELECT 2 UNION SELECT 3) WHERE v < "
            "%lld",
            4, 2, 1 },
        { "awaited", "(qid, id, until) VALUES(1, 'x', %lld)", mono_ms - 1, mono_ms + SLACK_MS, 0 },
        { "awaited", "(qid, id, until) VALUES(1, 'x', %lld)",
            mono_ms + GF_SQ_LEASE_HORIZON_MS + SLACK_MS,
            mono_ms + GF_SQ_LEASE_HORIZON_MS - SLACK_MS, 0 },
    };
    for (size_t i = 0; i < 2 * COUNT(cases); i++) {
        const char *table = cases[i / 2].table;
        char sql[300], count[64];
        int used = snprintf(sql, sizeof sql, "INSERT INTO %s", table);
        sql[used++] = ' ';
        int64_t number = i % 2 ? cases[i / 2].young : cases[i / 2].over;
        const char *mark = strstr(cases[i / 2].row, "%lld");
        snprintf(sql + used, sizeof sql - (size_t)used, "%.*s%lld%s",
            (int)(mark - cases[i / 2].row), cases[i / 2].row, (long long)number, mark + 4);
        run_sql(store_path(), sql);
        snprintf(count, sizeof count, "SELECT count(*) FROM %s", table);
        CHECK(number_of(count) > 0);
        CHECK_OK(b->ops->upkeep->purge(b, 10, &done_count));
        if (!CHECK_INT(number_of(count), i % 2 ? 1 : cases[i / 2].stay))
            printf("    that was: %s\n", sql);
        snprintf(sql, sizeof sql, "DELETE FROM %s", table);
        run_sql(store_path(), sql);
    }
    CHECK_STR(task_state(b, "q", "a"), "pending");
    store_close(b);
}

static void *wait_for_a(void *arg)
{
    gf_broker *b = arg;
    gofer_info *end = NULL;
    CHECK_OK(gf_wait_end(b, "q", "a", PATIENCE_MS, &end));
    gofer_info_free(end);
    return NULL;
}

// Who gives up waiting is kept in mind for a while only; who waits on, as before.
static void each_who_waits_is_kept_by_his_own_time(void)
{
    static const char a_until[] = "SELECT until FROM awaited WHERE id = 'a'";
    gf_broker *b = store_open();
    gofer_info *end = NULL;
    pthread_t thread;
    put(b, "q", "a");
    put(b, "q", "b");
    REQUIRE(pthread_create(&thread, NULL, wait_for_a, b) == 0);
    int64_t stop_ms = gf_mono_ms() + PATIENCE_MS;
    while (number_of(a_until) < 0 && gf_mono_ms() < stop_ms)
        gf_sleep_us(1000);
    CHECK_STATUS(gf_wait_end(b, "q", "b", 20, &end), GOFER_ETIMEOUT);
    CHECK(number_of("SELECT until FROM awaited WHERE id = 'b'") > 0);
    CHECK(number_of("SELECT until FROM awaited WHERE id = 'b'") < number_of(a_until));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "a"));
    pthread_join(thread, NULL);
    CHECK_INT(number_of(a_until), -1);
    store_close(b);
}

// ---- a queue is deleted -------------------------------------------------------------------------

enum { DOOMED_TASKS = 6000, DOOMED_STEP = 500 };

static void put_many(gf_broker *b)
{
    static gf_message m[DOOMED_STEP];
    static gf_put items[DOOMED_STEP];
    static char ids[DOOMED_STEP][16];
    for (int at = 0; at < DOOMED_TASKS; at += DOOMED_STEP) {
        for (int i = 0; i < DOOMED_STEP; i++) {
            snprintf(ids[i], sizeof ids[i], "t%d", at + i);
            m[i] = message("q", ids[i]);
            items[i] = (gf_put){ .message = &m[i], .run_at_ms = i % 3 ? 0 : gf_now_ms() + 3600000 };
        }
        REQUIRE_OK(b->ops->tasks->put(b, items, DOOMED_STEP));
    }
}

static int delete_queue(int in, int out)
{
    gf_broker *b = store_again();
    say(out, 'o');
    hear(in);
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    gf_broker_close(b);
    return 0;
}

static int64_t rows_left(void)
{
    sqlite3 *db;
    sqlite3_stmt *s;
    REQUIRE(sqlite3_open(store_path(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(db,
                "SELECT (SELECT count(*) FROM ready) + (SELECT count(*) FROM later) + (SELECT "
                "count(*) FROM ids)",
                -1, &s, NULL) == SQLITE_OK);
    int64_t count = sqlite3_step(s) == SQLITE_ROW ? sqlite3_column_int64(s, 0) : -1;
    sqlite3_finalize(s);
    sqlite3_close(db);
    return count;
}

// Killed as soon as the queue is seen to be gone. False: that was too late, all was done.
static bool cut_a_deletion_off(void)
{
    child c = child_start(delete_queue);                // before we open the store: children
                                                        //   inherit none
    REQUIRE(hear(c.in) == 'o');
    gf_broker *b = store_again();
    put_many(b);
    say(c.out, 'd');
    int64_t end = gf_mono_ms() + PATIENCE_MS;
    while (queue_number(b, "q", "pending") >= 0 && gf_mono_ms() < end)
        ;
    CHECK_INT(kill(c.pid, SIGKILL), 0);
    child_end(&c);
    CHECK_INT(queue_number(b, "q", "pending"), -1);
    gf_broker_close(b);
    return rows_left() > 0;
}

static void a_queue_is_gone_at_once_whoever_deletes_it_is_killed(void)
{
    gofer_info *info;
    gf_names names = { 0 };
    bool cut = false;
    store_close(store_open());
    for (int i = 0; i < 10 && !cut; i++)
        cut = cut_a_deletion_off();
    CHECK(cut);
    gf_broker *b = store_again();
    worker_register(b, "w");
    CHECK_INT(queue_number(b, "q", "pending"), -1);
    if (CHECK_OK(b->ops->inspect->names(b, &names)))
        CHECK_INT(names.count, 0);
    gf_names_clear(&names);
    CHECK_STATUS(b->ops->inspect->queues(b, "q", &info), GOFER_ENOTFOUND);
    if (CHECK_OK(b->ops->inspect->queues(b, NULL, &info))) {
        CHECK_INT(gofer_info_count(info), 0);
        gofer_info_free(info);
    }
    put(b, "q", "t1");                                  // a new queue, which nobody has paused;
                                                        //   the id is free
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s0 r0 c0 x0");
    size_t done = 1;
    for (int i = 0; i < 1000 && done > 0; i++)          // and housekeeping ends what was begun
        CHECK_OK(b->ops->upkeep->purge(b, 500, &done));
    CHECK_INT(rows_left(), 2);
    drain_expecting(b, "q", "t1");
    CHECK_OK(b->ops->act->queue_delete(b, "q", false));
    CHECK_STATUS(b->ops->act->queue_delete(b, "q", false), GOFER_ENOTFOUND);
    store_close(b);
    store_check_sound();
}

// Today, and the 89 days before it.
static void history_is_kept_for_90_days(void)
{
    gf_broker *b = store_open();
    char sql[256], oldest[11];
    size_t done_count = 0;
    int32_t today = gf_day_of(gf_now_ms());
    put(b, "q", "a");
    done(b, need_one(b, "q", "a"));
    snprintf(sql, sizeof sql,
        "INSERT INTO day(qid, day, processed, failed) SELECT qid, d, 1, 0 FROM queue, "
        "(SELECT %d AS d UNION SELECT %d UNION SELECT %d)",
        today - 91, today - 90, today - 89);
    run_sql(store_path(), sql);
    CHECK_OK(b->ops->upkeep->purge(b, 10, &done_count));
    gofer_info *list;
    REQUIRE_OK(b->ops->inspect->history(b, "q", 90, &list));
    gf_date_text(today - 89, oldest);
    if (gf_day_of(gf_now_ms()) == today) {              // else midnight came between
        CHECK_INT(gofer_info_count(list), 2);
        CHECK_STR(gofer_info_text(gofer_info_at(list, 1), "date"), oldest);
    }
    gofer_info_free(list);
    store_close(b);
}

// ---- how large it is ----------------------------------------------------------------------------

enum { LARGE = 16 << 10, SMALL_SPARE = 2 << 20 };

static void put_large(gf_broker *b, const char *queue, size_t count)
{
    static const char payload[LARGE];
    for (size_t i = 0; i < count; i++) {
        char id[GF_ID_TEXT];
        gf_id_new(id);
        gf_message m = message(queue, id);
        m.payload = payload;
        m.payload_size = sizeof payload;
        REQUIRE_OK(put_message(b, &m, 0));
    }
}

static int64_t size_of(const char *file)
{
    struct stat its;
    REQUIRE(stat(file, &its) == 0);
    return its.st_size;
}

// With less to spare than there usually is: what counts is the rule.
static void a_file_is_at_most_twice_what_is_in_it_and_what_it_may_spare(void)
{
    enum { KEPT = 50, GONE = 500 };
    gf_broker *b = store_open();
    gf_sq_space *space = &((gf_sq_store *)b)->space;
    int64_t most = 2 * KEPT * (LARGE + space->page_size) + SMALL_SPARE;
    space->spare_pages = SMALL_SPARE / space->page_size;
    for (size_t i = 0; i < KEPT; i++) {
        put_large(b, "kept", 1);
        put_large(b, "gone", GONE / KEPT);
    }
    REQUIRE_OK(b->ops->act->queue_delete(b, "gone", true));
    CHECK((int64_t)GONE * LARGE > most);
    for (int i = 0; i < 20; i++)
        REQUIRE_OK(b->ops->upkeep->tidy(b));
    CHECK(size_of(store_path()) <= most);
    CHECK_INT(queue_number(b, "kept", "pending"), KEPT);
    store_close(b);
    store_check_sound();
}

static void the_log_is_small_again_after_a_long_look(void)
{
    sqlite3 *db;
    gf_broker *b = store_open();
    const gf_sq_space *space = &((gf_sq_store *)b)->space;
    int64_t limit = space->wal_pages * space->page_size;
    put_large(b, "q", 2);
    REQUIRE(sqlite3_open(store_path(), &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM queue", NULL, NULL, NULL) == SQLITE_OK);
    put_large(b, "q", (size_t)(4 * limit / LARGE));
    CHECK(size_of(beside("-wal")) > 3 * limit);
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
    REQUIRE_OK(b->ops->upkeep->tidy(b));
    put_large(b, "q", 1);
    CHECK(size_of(beside("-wal")) <= 2 * limit);
    store_close(b);
    store_check_sound();
}

static const check_test tests[] = {
    TEST(a_file_is_at_most_twice_what_is_in_it_and_what_it_may_spare),
    TEST(the_log_is_small_again_after_a_long_look),
    TEST(tasks_and_counts_survive_reopening),
    TEST(files_are_for_their_owner_alone),
    TEST(a_path_is_decoded_and_made_absolute),
    TEST(wrong_paths_are_refused_in_words),
    TEST(what_is_no_file_is_refused_in_words),
    TEST(a_file_of_somebody_else_is_refused_and_left_alone),
    TEST(a_file_with_two_names_is_refused),
    TEST(many_processes_may_make_the_file_at_once),
    TEST(a_group_may_share_a_file),
    TEST(a_lock_file_with_two_names_keeps_its_owner),
    TEST(a_wish_for_the_lock_from_before_a_reboot_is_none),
    TEST(a_file_that_went_away_takes_no_more),
    TEST(who_is_stopped_while_he_writes_keeps_nobody_from_looking),
    TEST(locks_do_not_live_on_in_a_forked_child),
    TEST(idle_housekeeping_needs_no_lock),
    TEST(a_queue_is_gone_at_once_whoever_deletes_it_is_killed),
    TEST(history_is_kept_for_90_days),
    TEST(all_that_is_over_is_cleared_away_by_itself),
    TEST(each_who_waits_is_kept_by_his_own_time),
};

suite suite_file(void)
{
    return (suite){ tests, COUNT(tests) };
}
