// space.c - keeps a full disk from wedging the queue.
//
// On a full disk SQLite can neither take nor finish: both write the WAL first, and a checkpoint may
// have to grow the file by a whole WAL before it can give any space back. So the WAL is kept small,
// a file "PATH-reserve" holds space that can be given up when taking or finishing meets the
// end of the disk (most of it first, the last quarter when that was not enough or for a restart),
// and new tasks are refused while there is less room than the WAL needs, or no whole reserve.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/minmax.h"

enum {
    KIB = 1024, MIB = 1024 * 1024,
    WAL_MIN = 256 * KIB, WAL_MAX = 2 * MIB,
    WAL_PAGES = 16,                      // also where pages are large
    DISK_SHARE = 16,                     // a WAL, or free pages, are at most a 16th of a tiny disk
    MARGIN = 512 * KIB, MARGIN_PAGES = 32,   // what one transaction may take beyond the limit
    SPARE_MAX = 64 * MIB,                // free pages that a file may keep for growth
    USUAL_PAGE = 4096                    // SQLite's, until the file is asked
};

static gofer_status disk(const char *path, int64_t *total, int64_t *available)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0)
        return gf_fail(GOFER_EBROKER, "cannot ask how much room the disk of '%s' has: %s", path,
            strerror(errno));
    *total = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
    *available = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    return GOFER_OK;
}

void gf_sq_space_measure(gf_sq_space *sp, int64_t page_size)
{
    int64_t share = sp->disk_size / DISK_SHARE;
    sp->page_size = page_size;
    sp->wal_pages = gf_max(gf_min(gf_max(share, WAL_MIN), WAL_MAX) / page_size, WAL_PAGES);
    sp->spare_pages = gf_max(gf_min(share, SPARE_MAX) / page_size, sp->wal_pages);
    sp->margin = gf_max(MARGIN, MARGIN_PAGES * page_size);
    sp->reserve_size = sp->wal_pages * page_size + sp->margin;
}

gofer_status gf_sq_space_open(gf_sq_space *sp, char *db_path)
{
    *sp = (gf_sq_space){ .disk_size = INT64_MAX };
    gf_sq_space_measure(sp, USUAL_PAGE);
    if (!db_path)
        return GOFER_OK;
    int64_t available = 0;
    gofer_status st = disk(db_path, &sp->disk_size, &available);
    if (st != GOFER_OK)
        return st;
    gf_sq_space_measure(sp, USUAL_PAGE);
    sp->db_path = db_path;
    size_t room = strlen(db_path) + sizeof "-reserve";
    sp->reserve_path = gf_alloc(room);
    if (!sp->reserve_path)
        return gf_fail_nomem("a path");
    snprintf(sp->reserve_path, room, "%s-reserve", db_path);
    return GOFER_OK;
}

void gf_sq_space_close(gf_sq_space *sp)
{
    gf_free(sp->reserve_path);
    *sp = (gf_sq_space){ 0 };
}

// Bytes of the reserve that are there; -1: no such file.
static int64_t reserve_left(const gf_sq_space *sp)
{
    struct stat file;
    return lstat(sp->reserve_path, &file) == 0 && S_ISREG(file.st_mode) ? (int64_t)file.st_size
                                                                        : -1;
}

bool gf_sq_space_short(const gf_sq_space *sp)
{
    int64_t left = sp->reserve_path ? reserve_left(sp) : -1;
    return left >= 0 && left < sp->reserve_size;
}

// Real blocks, not a hole.
static int allocate(int fd, int64_t size)
{
#ifdef __linux__
    int e = posix_fallocate(fd, 0, (off_t)size);
    if (e != EINVAL && e != EOPNOTSUPP)  // a C library may leave it to the file system, which
                                         //   may have no such call
        return e;
#endif
    static const char zeros[64 * KIB];
    errno = 0;                           // a write that is cut short says nothing
    for (int64_t at = 0; at < size; at += (int64_t)sizeof zeros)
        if (pwrite(fd, zeros, sizeof zeros, (off_t)at) != (ssize_t)sizeof zeros)
            return errno ? errno : ENOSPC;
    return 0;
}

// Why there is no reserve, though the disk has room for one.
static gofer_status fail_reserve(const gf_sq_space *sp, int error)
{
    gofer_status st = error == EACCES || error == EPERM || error == EROFS || error == ELOOP
        ? GOFER_EDENIED
        : GOFER_EBROKER;
    return gf_fail(st,
        "cannot make '%s', which keeps room for a full disk: %s; new tasks are refused until it "
        "can be made",
        sp->reserve_path, error == ELOOP ? "it is a symbolic link" : strerror(error));
}

static gofer_status fail_full(const gf_sq_space *sp)
{
    return gf_fail(GOFER_ENOSPACE,
        "the disk of '%s' is nearly full: tasks in it can be finished, new ones are refused; make "
        "room",
        sp->db_path);
}

static bool is_full(int error)
{
    return error == ENOSPC || error == EDQUOT;
}

gofer_status gf_sq_space_renew(const gf_sq_space *sp)
{
    int64_t total = 0, available = 0;
    if (!sp->reserve_path || reserve_left(sp) >= sp->reserve_size)
        return GOFER_OK;
    gofer_status st = disk(sp->db_path, &total, &available);
    if (st != GOFER_OK)
        return st;
    if (available < 2 * sp->reserve_size)
        return fail_full(sp);
    int fd = open(sp->reserve_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return is_full(errno) ? fail_full(sp) : fail_reserve(sp, errno);
    struct stat file;
    int error = fstat(fd, &file) != 0 ? errno : S_ISREG(file.st_mode) ? 0 : EINVAL;
    if (!error) {
        gf_sq_file_give(fd, sp->db_path);
        error = allocate(fd, sp->reserve_size);
    }
    close(fd);
    return !error ? GOFER_OK : is_full(error) ? fail_full(sp) : fail_reserve(sp, error);
}

gofer_status gf_sq_space_usable(const gf_sq_space *sp)
{
    struct stat file;
    if (!sp->reserve_path || lstat(sp->reserve_path, &file) != 0)
        return GOFER_OK;                 // it is made when it is wanted
    if (!S_ISREG(file.st_mode))
        return fail_reserve(sp,
            S_ISLNK(file.st_mode)       ? ELOOP
                : S_ISDIR(file.st_mode) ? EISDIR
                                        : EINVAL);
    return access(sp->reserve_path, R_OK | W_OK) == 0 ? GOFER_OK : fail_reserve(sp, errno);
}

bool gf_sq_space_look(const gf_sq_space *sp, gf_sq_room *out)
{
    if (!sp->reserve_path || disk(sp->db_path, &out->disk_size, &out->disk_free) != GOFER_OK)
        return false;
    out->reserve = reserve_left(sp);
    out->reserve_whole = sp->reserve_size;
    return true;
}

static int64_t last_part(const gf_sq_space *sp)
{
    return sp->reserve_size / 4;
}

bool gf_sq_space_last(const gf_sq_space *sp)
{
    return sp->reserve_path && reserve_left(sp) <= last_part(sp);
}

bool gf_sq_space_gone(const gf_sq_space *sp)
{
    int64_t total = 0, available = 0;
    return sp->reserve_path && reserve_left(sp) <= 0 &&
        disk(sp->db_path, &total, &available) == GOFER_OK && available < last_part(sp);
}

bool gf_sq_space_release(const gf_sq_space *sp)
{
    int64_t left = sp->reserve_path ? reserve_left(sp) : 0, last = last_part(sp);
    if (left <= 0)
        return false;
    return truncate(sp->reserve_path, (off_t)(left > last ? last : 0)) == 0;
}

static int64_t kept_free(const gf_sq_space *sp)
{
    return sp->wal_pages * sp->page_size + sp->margin;
}

// What is added goes to the WAL and then to the file; the rest is what those who take
// and finish will need.
gofer_status gf_sq_space_room(const gf_sq_space *sp, int64_t *room)
{
    int64_t total = 0, available = 0;
    *room = 0;
    gofer_status st = gf_sq_space_renew(sp);
    if (st == GOFER_ENOSPACE)
        return st;
    gofer_status asked = disk(sp->db_path, &total, &available);
    if (asked != GOFER_OK)
        return asked;
    *room = gf_max(available - kept_free(sp) - (st == GOFER_OK ? 0 : sp->reserve_size), 0);
    return st;
}

int64_t gf_sq_space_missing(const gf_sq_space *sp, int64_t cost)
{
    int64_t total = 0, available = 0, reserved = gf_max(reserve_left(sp), 0);
    if (disk(sp->db_path, &total, &available) != GOFER_OK)
        return INT64_MAX;
    int64_t wanted = cost + kept_free(sp);
    if (reserved < sp->reserve_size)
        wanted = gf_max(wanted + sp->reserve_size - reserved, 2 * sp->reserve_size);
    return gf_max(wanted - available, 0);
}

gofer_status gf_sq_space_refuse(const gf_sq_space *sp, int64_t room, int64_t cost)
{
    int64_t kept = kept_free(sp);
    return gf_fail(GOFER_ENOSPACE,
        "the disk of '%s' has %lld KiB left and %lld are needed: new tasks are refused; make room",
        sp->db_path, (long long)(room + kept) / KIB, (long long)(cost + kept) / KIB);
}
