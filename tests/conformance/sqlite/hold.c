// hold.c - the files beside a database stay where they are while it is open: an application that
// reads its own file, second names of it, a log that somebody removes.
#include <fcntl.h>
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

enum { NO_RIGHT = 77 };

static const char *beside(const char *suffix)
{
    static char names[4][256];
    static int turn;
    char *name = names[turn++ % 4];
    snprintf(name, sizeof names[0], "%s%s", store_path(), suffix);
    return name;
}

static gofer_status put_one(gf_broker *b, const char *id)
{
    gf_message m = message("q", id);
    return put_message(b, &m, 0);
}

static gofer_status put_any(gf_broker *b)
{
    static int count;
    char id[24];
    snprintf(id, sizeof id, "any-%d", count++);
    return put_one(b, id);
}

// What a backup, a checksum or an upload does.
static void read_through(const char *path)
{
    char bytes[4096];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    while (read(fd, bytes, sizeof bytes) > 0)
        ;
    close(fd);
}

// ---- other programs, started before we open anything ---------------------------------------

// For each 'g' a put by a gofer that comes and goes; for each 's' a look by SQLite alone.
static int come_and_go(int in, int out)
{
    int n = 0;
    for (char word; (word = hear(in)) != '\0'; say(out, word)) {
        char id[24];
        if (word == 's') {
            sqlite3 *db;
            REQUIRE(sqlite3_open(store_path(), &db) == SQLITE_OK);
            CHECK_INT(sqlite3_exec(db, "SELECT count(*) FROM queue", NULL, NULL, NULL), SQLITE_OK);
            CHECK_INT(sqlite3_close(db), SQLITE_OK);
            continue;
        }
        gf_broker *b = store_again();
        snprintf(id, sizeof id, "other-%d", n++);
        put(b, "q", id);
        gf_broker_close(b);
    }
    return 0;
}

static int count_pending(int in, int out)
{
    hear(in);
    gf_broker *b = store_again();
    say(out, (char)queue_number(b, "q", "pending"));
    gf_broker_close(b);
    return 0;
}

// `others` come and go while our process reads the file `suffix` in the middle of its work.
static void read_own_file(const char *suffix, char others)
{
    store_close(store_open());
    child other = child_start(come_and_go), counter = child_start(count_pending);
    gf_broker *b = store_again();
    CHECK_OK(put_one(b, "a"));
    struct stat before, after;
    REQUIRE(stat(beside("-wal"), &before) == 0);
    read_through(beside(suffix));
    say(other.out, others);
    CHECK_INT(hear(other.in), others);
    CHECK_INT(stat(beside("-wal"), &after), 0);
    CHECK_INT(after.st_ino, before.st_ino);
    CHECK_OK(put_one(b, "b"));
    say(counter.out, 'g');                              // as it would be if we were killed now
    CHECK_INT(hear(counter.in), others == 'g' ? 3 : 2);
    CHECK_INT(child_end(&counter), 0);
    CHECK_INT(child_end(&other), 0);
    gf_broker_close(b);
    b = store_again();
    CHECK_INT(queue_number(b, "q", "pending"), others == 'g' ? 3 : 2);
    gf_broker_close(b);
    CHECK(access(beside("-wal"), F_OK) != 0);           // the last one still tidies up
    store_check_sound();
    store_remove();
}

static void an_application_may_read_its_own_file(void)
{
    static const char *const suffixes[] = { "", "-shm", "-wal", "-gofer" };
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        read_own_file(suffixes[i], 'g');
        read_own_file(suffixes[i], 's');
    }
}

// Another store of the process closes, and with it descriptors of the file.
static void a_second_store_may_close(void)
{
    store_close(store_open());
    child other = child_start(come_and_go);
    gf_broker *b = store_again(), *second = store_again();
    CHECK_OK(put_one(b, "a"));
    gf_broker_close(second);
    say(other.out, 's');
    CHECK_INT(hear(other.in), 's');
    CHECK_OK(put_one(b, "b"));
    CHECK_INT(queue_number(b, "q", "pending"), 2);
    CHECK_INT(child_end(&other), 0);
    gf_broker_close(b);
    CHECK(access(beside("-wal"), F_OK) != 0);
    store_check_sound();
}

// ---- the application's own connection ------------------------------------------------------

// What SQLite asks for, asked by a process of its own: is it locked? By a process, or ('m') by
// whoever.
static int look_at_locks(int in, int out)
{
    static const struct { char word; off_t from, size; } bytes[] = {
        { 'd', 0x40000002, 510 },                       // who has the database open
        { 's', 123, 5 },                                // who reads the WAL
        { 'm', 128, 1 },                                // whether anybody uses its index
    };
    for (char word; (word = hear(in)) != '\0';)
        for (size_t i = 0; i < COUNT(bytes); i++) {
            struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
                .l_start = bytes[i].from, .l_len = bytes[i].size };
            if (bytes[i].word != word)
                continue;
            int fd = open(word == 'd' ? store_path() : beside("-shm"), O_RDWR | O_CLOEXEC);
            bool held = fd >= 0 && fcntl(fd, F_GETLK, &range) == 0 && range.l_type != F_UNLCK &&
                        (word == 'm' || range.l_pid > 0);
            close(fd);
            say(out, held ? 'y' : 'n');
        }
    return 0;
}

// Whoever opens the database and finds nobody at the index cuts it to nothing, under our mapping.
static void the_index_is_not_taken_for_a_dead_mans(void)
{
    store_close(store_open());
    child looks = child_start(look_at_locks);
    gf_broker *b = store_again();
    put(b, "q", "a");
    read_through(beside("-shm"));
    say(looks.out, 'm');
    CHECK_INT(hear(looks.in), 'y');
    gf_broker_close(b);
    CHECK_INT(child_end(&looks), 0);
}

static void a_connection_of_the_applications_keeps_its_locks(void)
{
    store_close(store_open());
    child looks = child_start(look_at_locks);
    sqlite3 *db;
    gf_broker *b = store_again();
    put(b, "q", "a");
    REQUIRE(sqlite3_open(store_path(), &db) == SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "BEGIN; SELECT count(*) FROM queue", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < 3; i++) {
        gf_broker_close(b);
        for (const char *word = "ds"; *word; word++) {
            say(looks.out, *word);
            CHECK_INT(hear(looks.in), 'y');
        }
        b = store_again();
    }
    CHECK_INT(sqlite3_close(db), SQLITE_OK);
    gf_broker_close(b);
    CHECK_INT(child_end(&looks), 0);
    store_close(store_open());                          // what was kept for the application goes
    store_check_sound();
}

// ---- files that go away --------------------------------------------------------------------

static void a_log_that_went_away_stops_the_writer(void)
{
    static const char *const suffixes[] = { "-wal", "-shm" };
    for (size_t i = 0; i < 2 * COUNT(suffixes); i++) {
        const char *suffix = suffixes[i / 2];
        gf_broker *b = store_open();
        CHECK_OK(put_one(b, "a"));
        int fd = open(beside("-new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        close(fd);
        CHECK_INT(i % 2 ? rename(beside("-new"), beside(suffix)) : unlink(beside(suffix)), 0);
        CHECK_STATUS(put_one(b, "b"), GOFER_EBROKER);
        CHECK_HAS(gofer_error_last(), suffix);
        CHECK_HAS(gofer_error_last(), "replaced or deleted");
        CHECK_STATUS(b->ops->ping(b), GOFER_EBROKER);
        struct stat before, after;
        CHECK_INT(stat(store_path(), &before), 0);
        gf_broker_close(b);                             // writes nothing, either
        CHECK_INT(stat(store_path(), &after), 0);
        CHECK_INT(after.st_mtim.tv_nsec, before.st_mtim.tv_nsec);
        CHECK_INT(after.st_size, before.st_size);
        store_remove();
    }
}

static gofer_status remove_log(gf_sq_txn *t, void *arg)
{
    CHECK_INT(unlink(arg), 0);
    gf_sq_queue_made(t, "new");                         // there is something to commit
    return GOFER_OK;
}

static void what_was_committed_to_a_lost_log_is_uncertain(void)
{
    gf_broker *b = store_open();
    CHECK_OK(put_one(b, "a"));
    char log[256];
    snprintf(log, sizeof log, "%s", beside("-wal"));
    gf_sq_op op = { .run = remove_log, .arg = log, .flags = GF_SQ_DURABLE, .tasks = 1 };
    CHECK_STATUS(gf_sq_write((gf_sq_store *)b, &op), GOFER_EUNCERTAIN);
    CHECK_STATUS(put_one(b, "b"), GOFER_EBROKER);
    gf_broker_close(b);
}

// ---- files that go away after a while ---------------------------------------------------------

// Puts until the store has begun to ask its folder alone. False: here it never does.
static bool put_until_sure(gf_broker *b)
{
    const gf_sq_folder *f = &((gf_sq_store *)b)->folder;
    if (!f->tells)
        return false;
    CHECK_OK(put_any(b));
    for (int64_t end = gf_mono_ms() + 60000; !f->sure; CHECK_OK(put_any(b))) {
        REQUIRE(gf_mono_ms() < end);
        gf_sleep_us(5000);
    }
    return true;
}

static const char cannot_tell[] = "this file system's times are not relied upon";

static void what_goes_away_later_is_seen_as_well(void)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-gofer" };
    for (size_t i = 0; i < 2 * COUNT(suffixes); i++) {
        const char *suffix = suffixes[i / 2];
        gf_broker *b = store_open();
        if (!put_until_sure(b)) {
            store_close(b);
            SKIP(cannot_tell);
        }
        int fd = open(beside("-new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        CHECK(fd >= 0);
        close(fd);
        put_until_sure(b);                              // other files may come and go
        CHECK_INT(rename(beside(suffix), beside("-moved")), 0);
        if (i % 2)
            CHECK_INT(rename(beside("-new"), beside(suffix)), 0);
        CHECK_STATUS(put_one(b, "b"), GOFER_EBROKER);
        CHECK_STATUS(put_one(b, "b"), GOFER_EBROKER);   // nor the second time
        CHECK_INT(rename(beside("-moved"), beside(suffix)), 0);
        CHECK_OK(put_one(b, "b"));
        put_until_sure(b);
        CHECK_INT(unlink(beside(suffix)), 0);
        CHECK_STATUS(put_one(b, "c"), GOFER_EBROKER);
        gf_broker_close(b);
        unlink(beside("-new"));
        store_remove();
    }
}

static void a_log_lost_in_a_later_transaction_is_uncertain(void)
{
    gf_broker *b = store_open();
    char log[256];
    if (!put_until_sure(b)) {
        store_close(b);
        SKIP(cannot_tell);
    }
    snprintf(log, sizeof log, "%s", beside("-wal"));
    gf_sq_op op = { .run = remove_log, .arg = log, .flags = GF_SQ_DURABLE, .tasks = 1 };
    CHECK_STATUS(gf_sq_write((gf_sq_store *)b, &op), GOFER_EUNCERTAIN);
    CHECK_STATUS(put_one(b, "b"), GOFER_EBROKER);
    gf_broker_close(b);
}

// Changes both until the kernel's clock has stamped both in one tick; false: it never does.
static bool stamp_alike(const char *one, const char *other)
{
    struct stat a, b;
    for (int i = 0; i < 10000; i++) {
        if (chmod(one, 0700) != 0 || chmod(other, 0700) != 0 || stat(one, &a) != 0 ||
            stat(other, &b) != 0)
            return false;
        if (a.st_ctim.tv_sec == b.st_ctim.tv_sec && a.st_ctim.tv_nsec == b.st_ctim.tv_nsec)
            return true;
    }
    return false;
}

static gofer_status do_nothing(gf_sq_txn *t, void *arg)
{
    (void)t, (void)arg;
    return GOFER_OK;
}

// With the folder above it, so that it keeps its stamp and only its path tells: none stands in its
// place, or another one that was changed at the same moment. Written is what asks for no room, for
// the disk is asked by the path as well.
static void a_folder_that_was_moved_stops_the_writer(void)
{
    char home[256], moved[256], other[256], folder[300], twin[300], url[320];
    gf_broker *b;
    store_close(store_open());
    snprintf(home, sizeof home, "%s", beside("-home"));
    snprintf(moved, sizeof moved, "%s", beside("-elsewhere"));
    snprintf(other, sizeof other, "%s", beside("-other"));
    snprintf(folder, sizeof folder, "%s/in", home);
    snprintf(twin, sizeof twin, "%s/in", other);
    snprintf(url, sizeof url, "sqlite:%s/t.db", folder);
    CHECK(mkdir(home, 0700) == 0 && mkdir(other, 0700) == 0);
    CHECK(mkdir(folder, 0700) == 0 && mkdir(twin, 0700) == 0);
    CHECK_OK(store_try(url, &b));
    bool sure = put_until_sure(b), alike = stamp_alike(folder, twin);
    for (int replaced = 0; replaced < (alike ? 2 : 1) && sure; replaced++) {
        put_until_sure(b);
        CHECK_INT(rename(home, moved), 0);
        if (replaced)
            CHECK_INT(rename(other, home), 0);
        gf_sq_op op = { .run = do_nothing, .flags = GF_SQ_DURABLE, .tasks = 1 };
        CHECK_STATUS(gf_sq_write((gf_sq_store *)b, &op), GOFER_EBROKER);
        if (replaced)
            CHECK_INT(rename(home, other), 0);
        CHECK_INT(rename(moved, home), 0);
    }
    gf_broker_close(b);
    for (const char *const *end = (const char *const[]){ "", "-gofer", "-reserve", NULL }; *end;
         end++) {
        snprintf(url, sizeof url, "%s/t.db%s", folder, *end);
        CHECK_INT(unlink(url), 0);
    }
    CHECK(rmdir(folder) == 0 && rmdir(home) == 0 && rmdir(twin) == 0 && rmdir(other) == 0);
    if (!sure)
        SKIP(cannot_tell);
    if (!alike)
        SKIP("no two folders were changed within a tick of the clock here");
}

// Two changes within a tick of the kernel's clock have one stamp: a young one is not relied upon.
static void a_folder_that_has_just_changed_is_not_relied_upon(void)
{
    enum { OLD_NS = 50000000 };
    gf_broker *b = store_open();
    const gf_sq_folder *f = &((gf_sq_store *)b)->folder;
    bool tells = put_until_sure(b);
    for (int i = 0; i < 50 && tells; i++) {
        struct timespec now;
        struct stat folder;
        CHECK_INT(rename(beside("-gofer"), beside("-moved")), 0);
        CHECK_INT(rename(beside("-moved"), beside("-gofer")), 0);
        CHECK_OK(put_any(b));
        CHECK_INT(clock_gettime(CLOCK_REALTIME, &now), 0);
        CHECK_INT(stat(f->path, &folder), 0);
        int64_t age_ns = ((int64_t)now.tv_sec - folder.st_ctim.tv_sec) * 1000000000 +
                         now.tv_nsec - folder.st_ctim.tv_nsec;
        CHECK(!f->sure || age_ns >= OLD_NS);
    }
    store_close(b);
    if (!tells)
        SKIP(cannot_tell);
}

#ifdef __linux__
// Upon one of the files, after a while: the folder itself does not change by that.
static int mount_upon(int in, int out)
{
    static const char *const suffixes[] = { "", "-wal", "-shm", "-gofer" };
    (void)in, (void)out;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return NO_RIGHT;
    gf_broker *b = store_again();
    int fd = open(beside("-new"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    close(fd);
    for (size_t i = 0; i < COUNT(suffixes); i++) {
        char place[256];
        snprintf(place, sizeof place, "%s", beside(suffixes[i]));
        put_until_sure(b);
        if (mount(beside("-new"), place, NULL, MS_BIND, NULL) != 0)
            return NO_RIGHT;
        CHECK_STATUS(put_one(b, "b"), GOFER_EBROKER);
        CHECK_INT(umount(place), 0);
        CHECK_OK(put_any(b));
    }
    CHECK_INT(unlink(beside("-new")), 0);
    gf_broker_close(b);
    return 0;
}
#endif

static void what_is_mounted_upon_a_file_stops_the_writer(void)
{
#ifdef __linux__
    store_close(store_open());
    child c = child_start(mount_upon);
    int status = child_end(&c);
    if (status == NO_RIGHT)
        SKIP("no right to mount: run as root");
    CHECK_INT(status, 0);
    store_check_sound();
#else
    SKIP("files are not mounted upon others here");
#endif
}

// ---- second names --------------------------------------------------------------------------

static int open_elsewhere(int in, int out)
{
    char url[300];
    gf_broker *b;
    for (char word; (word = hear(in)) != '\0'; say(out, word)) {
        snprintf(url, sizeof url, "sqlite:%s", word == 'n' ? beside("-new") : store_path());
        CHECK_STATUS(store_try(url, &b), GOFER_EBROKER);
        CHECK_HAS(gofer_error_last(), "in use by another name");
    }
    return 0;
}

static void a_file_in_use_is_not_opened_by_another_name(void)
{
    store_close(store_open());
    child other = child_start(open_elsewhere);
    gf_broker *b = store_again(), *c;
    char url[300];
    CHECK_OK(put_one(b, "a"));
    snprintf(url, sizeof url, "sqlite:%s", beside("-new"));
    CHECK_INT(rename(store_path(), beside("-new")), 0);
    say(other.out, 'n');
    CHECK_INT(hear(other.in), 'n');
    CHECK_STATUS(store_try(url, &c), GOFER_EBROKER);    // nor by this process
    CHECK_HAS(gofer_error_last(), "in use by another name");
    CHECK_STATUS(put_one(b, "b"), GOFER_EBROKER);
    CHECK_INT(rename(beside("-new"), store_path()), 0);
    CHECK_OK(put_one(b, "b"));                          // back in its place: nothing was lost
    CHECK_INT(child_end(&other), 0);
    gf_broker_close(b);
    CHECK_INT(rename(store_path(), beside("-new")), 0); // closed, it may be moved
    CHECK_OK(store_try(url, &b));
    CHECK_INT(queue_number(b, "q", "pending"), 2);
    gf_broker_close(b);
    CHECK_INT(rename(beside("-new"), store_path()), 0);
    store_check_sound();
}

static void a_lock_file_that_was_moved_away_stops_the_writer(void)
{
    store_close(store_open());
    child other = child_start(open_elsewhere);
    gf_broker *b = store_again();
    worker_register(b, "w");
    put(b, "q", "a");
    gf_claim *claim = need_one(b, "q", "a");
    CHECK_INT(rename(beside("-gofer"), beside("-moved")), 0);
    say(other.out, 'p');                                // would take our worker for dead
    CHECK_INT(hear(other.in), 'p');
    CHECK_STATUS(put_one(b, "b"), GOFER_EBROKER);       // another has made one of its own
    CHECK_HAS(gofer_error_last(), "-gofer");
    CHECK_INT(rename(beside("-moved"), beside("-gofer")), 0);
    done(b, claim);
    CHECK_INT(child_end(&other), 0);
    store_close(b);
    store_check_sound();
}

// mounted: the file, at another place and by itself.
static int open_mounted(int in, int out)
{
#ifdef __linux__
    (void)in, (void)out;
    char mounted[300], link[300], url[320];
    gf_broker *b;
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        return NO_RIGHT;
    snprintf(mounted, sizeof mounted, "%s", beside("-mounted"));
    snprintf(link, sizeof link, "%s", beside("-link"));
    int fd = open(mounted, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    close(fd);
    if (mount(store_path(), mounted, NULL, MS_BIND, NULL) != 0)
        return NO_RIGHT;
    CHECK_INT(symlink(mounted, link), 0);
    for (const char *const *path = (const char *const[]){ mounted, link, NULL }; *path; path++) {
        snprintf(url, sizeof url, "sqlite:%s", *path);
        CHECK_STATUS(store_try(url, &b), GOFER_EBROKER);
        CHECK_HAS(gofer_error_last(), "mount its folder");
    }
    CHECK(access(beside("-mounted-wal"), F_OK) != 0 && access(beside("-mounted-gofer"), F_OK) != 0);
    b = store_again();                                  // where it really is
    put(b, "q", "a");
    gf_broker_close(b);
    CHECK_INT(umount(mounted), 0);
    return 0;
#else
    (void)in, (void)out;
    return NO_RIGHT;
#endif
}

static void a_file_mounted_by_itself_is_refused(void)
{
    store_close(store_open());
    child c = child_start(open_mounted);
    int status = child_end(&c);
    if (status == NO_RIGHT)
        SKIP("no right to mount: run as root");
    CHECK_INT(status, 0);
    store_check_sound();
}

static const check_test tests[] = {
    TEST(an_application_may_read_its_own_file),
    TEST(a_second_store_may_close),
    TEST(the_index_is_not_taken_for_a_dead_mans),
    TEST(a_connection_of_the_applications_keeps_its_locks),
    TEST(a_log_that_went_away_stops_the_writer),
    TEST(what_was_committed_to_a_lost_log_is_uncertain),
    TEST(what_goes_away_later_is_seen_as_well),
    TEST(a_log_lost_in_a_later_transaction_is_uncertain),
    TEST(a_folder_that_was_moved_stops_the_writer),
    TEST(a_folder_that_has_just_changed_is_not_relied_upon),
    TEST(what_is_mounted_upon_a_file_stops_the_writer),
    TEST(a_file_in_use_is_not_opened_by_another_name),
    TEST(a_lock_file_that_was_moved_away_stops_the_writer),
    TEST(a_file_mounted_by_itself_is_refused),
};

suite suite_hold(void)
{
    return (suite){ tests, COUNT(tests) };
}
