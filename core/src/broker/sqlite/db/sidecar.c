// sidecar.c - the file "PATH-gofer" beside a database: the lock of those who write, the life
// locks of workers, and the page through which processes wake each other.
//
// Its locks are open-file-description locks (F_OFD_SETLK): unlike POSIX locks they are not lost
// when another descriptor of the same file is closed, they hold between two handles of one
// process, and they end with the process, for no forked child keeps the descriptors. Where the
// system has none, flock() guards writing, and a worker's death is known by its lease alone.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"

enum { PAGE_SIZE_BYTES = 4096, COURTESY_US = 60, WANTED_MS = 10 };

_Static_assert(sizeof(gf_sq_page) <= PAGE_SIZE_BYTES, "the page is one page");

// Bytes to lock, far behind the page; the file need not reach so far.
#ifdef F_OFD_SETLK
static const off_t write_byte = (off_t)1 << 40;
static const off_t life_bytes = (off_t)1 << 41;      // + wid
#endif

static gofer_status fail_errno(const char *what, const char *path)
{
    int e = errno;
    gofer_status st = e == EACCES || e == EPERM || e == EROFS ? GOFER_EDENIED
                    : e == ENOSPC || e == EDQUOT              ? GOFER_ENOSPACE
                    : e == ENOMEM                             ? GOFER_ENOMEM
                                                              : GOFER_EBROKER;
    return gf_fail(st, "cannot %s '%s': %s", what, path, strerror(e));
}

// Make the first page real: touching a hole on a full disk would be a SIGBUS.
static int fill_page(int fd)
{
#ifdef __linux__
    int e = posix_fallocate(fd, 0, PAGE_SIZE_BYTES);
    if (e == 0)
        return 0;
    if (e != EINVAL && e != EOPNOTSUPP) {
        errno = e;
        return -1;
    }
#endif
    static const char zeros[PAGE_SIZE_BYTES];
    struct stat file;
    if (fstat(fd, &file) != 0)
        return -1;
    if (file.st_size >= PAGE_SIZE_BYTES)
        return 0;                        // never write over a page that others use
    return pwrite(fd, zeros, sizeof zeros, 0) == sizeof zeros ? 0 : -1;
}

// By a descriptor of its own: a mapping keeps the description it was made from, with all its locks,
// and a forked child inherits it. NULL: failed, with errno.
static gf_sq_page *map_page(gf_sq_sidecar *s)
{
    struct stat locked, mapped;
    int fd = open(s->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    void *page = MAP_FAILED;
    if (fstat(s->own.fd, &locked) == 0 && fstat(fd, &mapped) == 0) {
        s->device = locked.st_dev;
        s->inode = locked.st_ino;
        errno = ESTALE;                  // if it was replaced between the two openings
        if (locked.st_dev == mapped.st_dev && locked.st_ino == mapped.st_ino)
            page = mmap(NULL, PAGE_SIZE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    int e = errno;
    close(fd);
    errno = e;
    return page == MAP_FAILED ? NULL : page;
}

gofer_status gf_sq_sidecar_open(gf_sq_sidecar *s, const char *db_path)
{
    *s = (gf_sq_sidecar){ .own = GF_NO_FD };
    if (!db_path) {
        s->page = gf_calloc(1, sizeof *s->page);
        return s->page ? GOFER_OK : gf_fail_nomem("a sidecar");
    }

    size_t room = strlen(db_path) + sizeof "-gofer";
    s->path = gf_alloc(room);
    if (!s->path)
        return gf_fail_nomem("a path");
    snprintf(s->path, room, "%s-gofer", db_path);

    if (gf_own_open(&s->own, s->path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600) != 0)
        return fail_errno("open the lock file", s->path);
    gf_sq_file_give(s->own.fd, db_path);
    if (fill_page(s->own.fd) != 0)
        return fail_errno("make the lock file", s->path);
    s->page = map_page(s);
    return s->page ? GOFER_OK : fail_errno("map the lock file", s->path);
}

void gf_sq_sidecar_close(gf_sq_sidecar *s)
{
    if (!s->path)
        gf_free(s->page);
    else if (s->page)
        munmap(s->page, PAGE_SIZE_BYTES);
    gf_own_close(&s->own);
    gf_free(s->path);
    *s = (gf_sq_sidecar){ .own = GF_NO_FD };
}

bool gf_sq_sidecar_gone(const gf_sq_sidecar *s)
{
    struct stat there;
    return s->path && (lstat(s->path, &there) != 0 || s->device != there.st_dev ||
                       s->inode != there.st_ino);
}

// ---- the write lock -------------------------------------------------------------

// 0, or -1 with errno (EAGAIN: somebody has it).
static int set_write_lock(int fd, bool lock)
{
#ifdef F_OFD_SETLK
    struct flock range = { .l_type = lock ? F_WRLCK : F_UNLCK,
        .l_whence = SEEK_SET,
        .l_start = write_byte,
        .l_len = 1 };
    int rc = fcntl(fd, F_OFD_SETLK, &range);
#else
    int rc = flock(fd, lock ? LOCK_EX | LOCK_NB : LOCK_UN);
#endif
    if (rc != 0 && (errno == EACCES || errno == EWOULDBLOCK))
        errno = EAGAIN;
    return rc;
}

gofer_status gf_sq_sidecar_lock(gf_sq_sidecar *s, int64_t timeout_ms)
{
    if (!s->path)
        return GOFER_OK;
    // Somebody waited when we last let go: do not snatch it from under his nose.
    if (s->yielded_ns && gf_mono_ns() - s->yielded_ns < COURTESY_US * 1000)
        gf_sleep_us(COURTESY_US);
    s->yielded_ns = 0;

    int64_t begun = gf_mono_ms();
    for (int64_t pause_us = 50;; pause_us = pause_us < 1000 ? pause_us * 2 : 2000) {
        uint32_t seen = atomic_load(&s->page->lock_word);
        if (set_write_lock(s->own.fd, true) == 0)
            return GOFER_OK;
        if (errno != EAGAIN && errno != EINTR)
            return fail_errno("lock", s->path);
        int64_t now = gf_mono_ms();
        if (now - begun >= timeout_ms)
            return gf_fail(GOFER_ETIMEOUT, "another process kept '%s' locked for %lld ms", s->path,
                (long long)(now - begun));
        // The holder wakes us when he sees that the lock is wanted; the pause is for when he
        // looked too early, or died.
        atomic_store(&s->page->lock_wanted_ms, now);
        gf_sq_futex_wait(&s->page->lock_word, seen, 1, pause_us + gf_random_below(50));
    }
}

void gf_sq_sidecar_unlock(gf_sq_sidecar *s)
{
    if (!s->path)
        return;
    set_write_lock(s->own.fd, false);        // cannot fail for a lock that is held
    int64_t now_ns = gf_mono_ns(), now_ms = now_ns / 1000000;
    int64_t wanted_ms = atomic_load(&s->page->lock_wanted_ms);
    if (wanted_ms > now_ms || now_ms - wanted_ms > WANTED_MS)
        return;                          // ahead: from before a reboot, when the clock began anew
    atomic_fetch_add(&s->page->lock_word, 1);
    gf_sq_futex_wake(&s->page->lock_word, 1, 1);
    s->yielded_ns = now_ns;
}

// ---- the lives of workers ----------------------------------------------------------

gofer_status gf_sq_life_begin(const gf_sq_sidecar *s, int64_t wid, gf_own_fd *life)
{
    *life = GF_NO_FD;
#ifdef F_OFD_SETLK
    if (!s->path)
        return GOFER_OK;
    // A descriptor of its own: a lock does not stand against the description that holds it, so
    // through a shared one this process would take its own workers for dead.
    if (gf_own_open(life, s->path, O_RDWR | O_NOFOLLOW, 0) != 0)
        return fail_errno("open the lock file", s->path);
    struct flock range = { .l_type = F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = life_bytes + wid,
        .l_len = 1 };
    if (fcntl(life->fd, F_OFD_SETLK, &range) != 0) {
        gofer_status st = fail_errno("lock a worker's byte of", s->path);
        gf_own_close(life);
        return st;
    }
#else
    (void)s, (void)wid;
#endif
    return GOFER_OK;
}

gf_sq_life gf_sq_life_test(const gf_sq_sidecar *s, int64_t wid)
{
    if (!s->path)
        return GF_SQ_DEAD;               // in memory all workers are our own: see recover
#ifdef F_OFD_SETLK
    if (wid < 0 || wid >= INT64_MAX - life_bytes)
        return GF_SQ_DEAD;               // no worker has such a number
    struct flock range = { .l_type = F_WRLCK,
        .l_whence = SEEK_SET,
        .l_start = life_bytes + wid,
        .l_len = 1 };
    if (fcntl(s->own.fd, F_OFD_GETLK, &range) != 0)
        return GF_SQ_UNKNOWN;
    return range.l_type == F_UNLCK ? GF_SQ_DEAD : GF_SQ_ALIVE;
#else
    (void)wid;
    return GF_SQ_UNKNOWN;
#endif
}
