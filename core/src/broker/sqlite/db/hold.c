// hold.c - keeps the files beside a database in place while a store has it open, whatever becomes
// of SQLite's own locks.
//
// Those are POSIX locks: a process loses them when it closes any descriptor of the file (a backup,
// a checksum of the application's), and a forked child believes that it has its parent's. Then the
// next to close takes itself for the last and deletes the WAL, and the next to open takes the index
// of the WAL for a dead man's: both under us. So each process holds locks of an open file
// description on the very bytes that SQLite asks for: whoever it is, gofer, an older one or another
// program, he finds them taken. One byte more tells which lock file goes with the database: who
// comes to the same file by another name would make a second WAL, and is refused.
//
// Our descriptors are closed last, for that drops the locks of others in this process; while
// another one (an application that reads the file through SQLite itself) has the file open, they
// are kept for the next store.
//
// Locks: the list and what is in it are guarded by gf_forks_stop, so that a forked child finds it
// whole.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { RETRY_US = 1000 };

typedef struct identity {
    dev_t device;
    ino_t inode;
} identity;

// One for each file that stores of this process have open.
struct gf_sq_hold {
    gf_sq_hold *next;
    gf_process  process;                 // another: inherited by a fork
    identity    db, wal, shm, sidecar;   // the last three once it is locked
    char       *wal_path, *shm_path;     // owned
    gf_own_fd   db_own, shm_own;         // hold the locks
    size_t      stores;                  // 0: kept only because others have the file open
    bool        locked;
};

static gf_sq_hold *first;

static identity identity_of(const struct stat *file)
{
    return (identity){ file->st_dev, file->st_ino };
}

static bool same(identity a, identity b)
{
    return a.device == b.device && a.inode == b.inode;
}

static bool is_at(const char *path, identity id)
{
    struct stat file;
    return lstat(path, &file) == 0 && same(identity_of(&file), id);
}

// ---- the bytes ------------------------------------------------------------------------------

#ifdef F_OFD_SETLK

// SQLite's (sqlite.org/fileformat2.html#the_lock_byte_page, walformat.html#wal_locks). Who wants to
// delete the WAL takes all of shared_bytes; who finds dead_man free makes the index anew.
#define BYTES(from, size) { .l_whence = SEEK_SET, .l_start = (from), .l_len = (size) }
static const struct flock shared_bytes = BYTES(0x40000002, 510), dead_man = BYTES(128, 1);

// Far behind any database: a byte for each lock file that may go with it.
static const off_t name_bytes = (off_t)1 << 61, name_count = (off_t)1 << 32;

static off_t name_byte(identity sidecar)
{
    uint64_t h = (uint64_t)sidecar.device * UINT64_C(0x9E3779B97F4A7C15);
    h ^= (uint64_t)sidecar.inode;
    h *= UINT64_C(0xBF58476D1CE4E5B9);
    return name_bytes + (off_t)(h >> 32);
}

// 0, or -1 with errno (EAGAIN: somebody has them).
static int set_lock(int fd, struct flock range, short type)
{
    range.l_type = type;
    int rc = fcntl(fd, F_OFD_SETLK, &range);
    if (rc != 0 && errno == EACCES)
        errno = EAGAIN;
    return rc;
}

static bool is_locked_by_others(int fd, off_t from, off_t to)
{
    struct flock range = BYTES(from, to - from);
    range.l_type = F_WRLCK;
    return to > from && fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
}

#endif

static void unlock(gf_sq_hold *h)
{
#ifdef F_OFD_SETLK
    static const struct flock all = { .l_whence = SEEK_SET };
    if (h->db_own.fd >= 0)
        set_lock(h->db_own.fd, all, F_UNLCK);
    if (h->shm_own.fd >= 0)
        set_lock(h->shm_own.fd, all, F_UNLCK);
#endif
    h->locked = false;
}

// ---- who else in this process ------------------------------------------------------------------

// Has anybody but us a descriptor of one of the two files? Not known: no.
static bool is_open_elsewhere(const gf_sq_hold *h)
{
#ifdef __linux__
    DIR *dir = opendir("/proc/self/fd");
    bool found = false;
    for (struct dirent *e; dir && !found && (e = readdir(dir)) != NULL;) {
        struct stat file;
        int fd = atoi(e->d_name);
        if (e->d_name[0] == '.' || fd == h->db_own.fd || fd == h->shm_own.fd)
            continue;
        if (fstat(fd, &file) != 0)
            continue;
        found = same(identity_of(&file), h->db) || same(identity_of(&file), h->shm);
    }
    if (dir)
        closedir(dir);
    return found;
#else
    (void)h;
    return false;
#endif
}

static void free_hold(gf_sq_hold *h)
{
    gf_own_close_stopped(&h->db_own);
    gf_own_close_stopped(&h->shm_own);
    gf_free(h->wal_path);
    gf_free(h->shm_path);
    gf_free(h);
}

// Those that no store uses, and nobody else has open.
static void sweep(void)
{
    for (gf_sq_hold **link = &first; *link;) {
        gf_sq_hold *h = *link;
        if (h->stores > 0 || (h->process == gf_process_self() && is_open_elsewhere(h))) {
            link = &h->next;
            continue;
        }
        *link = h->next;
        free_hold(h);
    }
}

// ---- open ---------------------------------------------------------------------------------

static char *beside(const char *path, const char *suffix)
{
    size_t room = strlen(path) + strlen(suffix) + 1;
    char *name = gf_alloc(room);
    if (name)
        snprintf(name, room, "%s%s", path, suffix);
    return name;
}

static gf_sq_hold *make(const char *path, identity db)
{
    gf_sq_hold *h = gf_calloc(1, sizeof *h);
    if (!h)
        return NULL;
    *h = (gf_sq_hold){ .process = gf_process_self(), .db = db,
        .db_own = GF_NO_FD, .shm_own = GF_NO_FD,
        .wal_path = beside(path, "-wal"), .shm_path = beside(path, "-shm") };
    if (!h->wal_path || !h->shm_path) {
        free_hold(h);
        return NULL;
    }
    h->next = first;
    return first = h;
}

static gofer_status find_or_make(gf_sq_hold **out, const char *path)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return gf_fail(GOFER_EBROKER, "cannot look at '%s': %s", path, strerror(errno));
    gf_sq_hold *h = first;
    while (h && !same(h->db, identity_of(&file)))
        h = h->next;
    if (h && h->process != gf_process_self())
        return gf_fail(GOFER_EFORKED,
            "'%s' was open in process %ld when it forked, and SQLite must "
            "not be carried over: close it before fork",
            path, gf_process_pid(h->process));
    if (!h && !(h = make(path, identity_of(&file))))
        return gf_fail_nomem("a file's locks");
    h->stores++;
    *out = h;
    return GOFER_OK;
}

gofer_status gf_sq_hold_open(gf_sq_hold **out, const char *path)
{
    gf_forks_stop();
    sweep();
    gofer_status st = find_or_make(out, path);
    gf_forks_go();
    return st;
}

// ---- lock ---------------------------------------------------------------------------------

typedef enum outcome { HELD, BUSY, OTHER_NAME, REPLACED, FAILED } outcome;

static bool note(const char *path, identity *out)
{
    struct stat file;
    bool there = lstat(path, &file) == 0;
    *out = there ? identity_of(&file) : (identity){ 0, 0 };
    return there;
}

// Opens the file unless it is; the descriptor of one that is no longer at the path is of no use.
static outcome open_own(gf_own_fd *own, const char *path, identity *id)
{
    struct stat file;
    if (own->fd >= 0 && !is_at(path, *id))
        gf_own_close_stopped(own);
    if (own->fd < 0 && gf_own_open_stopped(own, path, O_RDONLY | O_NOFOLLOW, 0) != 0)
        return errno == ENOENT ? REPLACED : FAILED;
    if (fstat(own->fd, &file) != 0)
        return FAILED;
    *id = identity_of(&file);
    return HELD;
}

static outcome lock_bytes(gf_sq_hold *h)
{
#ifdef F_OFD_SETLK
    struct flock name = BYTES(name_byte(h->sidecar), 1);
    if (set_lock(h->db_own.fd, shared_bytes, F_RDLCK) != 0 ||
        set_lock(h->shm_own.fd, dead_man, F_RDLCK) != 0 ||
        set_lock(h->db_own.fd, name, F_RDLCK) != 0)
        return errno == EAGAIN ? BUSY : FAILED;
    // Ours first, then the look at others': of two that come at once one at the least sees the
    // other.
    if (is_locked_by_others(h->db_own.fd, name_bytes, name.l_start) ||
        is_locked_by_others(h->db_own.fd, name.l_start + 1, name_bytes + name_count))
        return OTHER_NAME;
#endif
    (void)h;
    return HELD;
}

static outcome lock_once(gf_sq_hold *h, const char *path, identity sidecar)
{
    identity db = h->db;
    if (h->locked)                       // by another store of this process
        return !same(h->sidecar, sidecar) ? OTHER_NAME : HELD;
    h->sidecar = sidecar;
    outcome o = open_own(&h->db_own, path, &db);
    if (o == HELD && !same(db, h->db))
        o = REPLACED;
    if (o == HELD)
        o = open_own(&h->shm_own, h->shm_path, &h->shm);
    if (o == HELD)
        o = lock_bytes(h);
    if (o == HELD && !note(h->wal_path, &h->wal))
        o = REPLACED;
    if (o == HELD)
        h->locked = true;
    else
        unlock(h);
    return o;
}

gofer_status gf_sq_hold_lock(gf_sq_hold *h, const char *path, const gf_sq_sidecar *sidecar,
    int64_t timeout_ms)
{
    struct stat file;
    if (fstat(sidecar->own.fd, &file) != 0)
        return gf_fail(GOFER_EBROKER, "cannot look at '%s': %s", sidecar->path, strerror(errno));
    for (int64_t end = gf_mono_ms() + timeout_ms;; gf_sleep_us(RETRY_US)) {
        gf_forks_stop();
        outcome o = lock_once(h, path, identity_of(&file));
        int e = errno;
        gf_forks_go();
        if (o == HELD)
            return GOFER_OK;
        if (o == OTHER_NAME)
            return gf_fail(GOFER_EBROKER,
                "'%s' is in use by another name, or with another lock file, "
                "and both would lose tasks: open it by that name, or close it there",
                path);
        if (o == REPLACED)
            return gf_fail(GOFER_EBROKER,
                "'%s', or a file beside it, was replaced or deleted meanwhile: open it again",
                path);
        if (o == FAILED)
            return gf_fail(e == ENOMEM ? GOFER_ENOMEM : GOFER_EBROKER, "cannot lock '%s': %s", path,
                strerror(e));
        if (gf_mono_ms() >= end)
            return gf_fail(GOFER_ETIMEOUT, "another program kept '%s' locked for %lld ms", path,
                (long long)timeout_ms);
    }
}

// ---- while it is open, and after -----------------------------------------------------------

gofer_status gf_sq_hold_check(const gf_sq_hold *h)
{
    const char *gone = !is_at(h->wal_path, h->wal)   ? h->wal_path
                       : !is_at(h->shm_path, h->shm) ? h->shm_path
                                                     : NULL;
    if (!gone)
        return GOFER_OK;
    return gf_fail(GOFER_EBROKER, "'%s' was replaced or deleted while it was in use: nothing is "
        "written until the database is opened again", gone);
}

bool gf_sq_hold_is_of(const gf_sq_hold *h, const char *path)
{
    return is_at(path, h->db);
}

bool gf_sq_hold_let_go(gf_sq_hold *h)
{
    gf_forks_stop();
    bool alone = h->stores == 1;
    if (alone)
        unlock(h);
    gf_forks_go();
    return alone;
}

void gf_sq_hold_close(gf_sq_hold *h)
{
    if (!h)
        return;
    gf_forks_stop();
    // An inherited one stays: it tells the child, for as long as it lives, that SQLite's tables are
    // its parent's.
    if (h->process == gf_process_self() && --h->stores == 0) {
        unlock(h);
        sweep();
    }
    gf_forks_go();
}
