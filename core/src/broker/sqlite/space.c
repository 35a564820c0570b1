// space.c - keeps a full disk from wedging the queue.
//
// On a full disk SQLite can neither take nor finish: both write the WAL first, and a checkpoint may
// have to grow the file by a whole WAL before it can give any space back. So the WAL is kept small,
// a file "PATH-reserve" holds space that can be given up when taking or finishing meets the
// end of the disk (most of it first, the last quarter when that was not enough or for a restart), and
// new tasks are refused while there is less room than the WAL needs, or no whole reserve.
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"

enum {
    DB_PAGE = 4096,
    WAL_MIN = 64, WAL_MAX = 512,         // pages
    DISK_SHARE = 16,                     // a WAL is at most a 16th of a tiny disk
    MARGIN = 512 * 1024,                 // what one transaction may take beyond the limit
    SPARE_MAX = 16 * 1024                // free pages (64 MiB) that a file may keep for growth
};

static gofer_status disk(const char *path, int64_t *total, int64_t *available)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0)
        return gf_fail(GOFER_EBROKER, "cannot ask how much room the disk of '%s' has: %s", path, strerror(errno));
    *total = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
    *available = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    return GOFER_OK;
}

gofer_status gf_sq_space_open(gf_sq_space *sp, char *db_path)
{
    *sp = (gf_sq_space){ .wal_pages = WAL_MAX };
    if (!db_path)
        return GOFER_OK;
    int64_t total = 0, available = 0;
    gofer_status st = disk(db_path, &total, &available);
    if (st != GOFER_OK)
        return st;

    int64_t share = total / DISK_SHARE / DB_PAGE;
    sp->wal_pages = share < WAL_MIN ? WAL_MIN : share > WAL_MAX ? WAL_MAX : share;
    sp->spare_pages = share < WAL_MAX ? sp->wal_pages : SPARE_MAX;
    sp->reserve_size = sp->wal_pages * DB_PAGE + MARGIN;
    sp->db_path = db_path;
    sp->reserve_path = gf_alloc(strlen(db_path) + sizeof "-reserve");
    if (!sp->reserve_path)
        return gf_fail_nomem("a path");
    strcpy(sp->reserve_path, db_path);
    strcat(sp->reserve_path, "-reserve");
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
    return lstat(sp->reserve_path, &file) == 0 && S_ISREG(file.st_mode) ? (int64_t)file.st_size : -1;
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
    return e;
#else
    static const char zeros[64 * 1024];
    for (int64_t at = 0; at < size; at += (int64_t)sizeof zeros)
        if (pwrite(fd, zeros, sizeof zeros, (off_t)at) != (ssize_t)sizeof zeros)
            return errno;
    return 0;
#endif
}

bool gf_sq_space_renew(const gf_sq_space *sp)
{
    int64_t total = 0, available = 0;
    if (!sp->reserve_path || reserve_left(sp) >= sp->reserve_size)
        return true;
    if (disk(sp->db_path, &total, &available) != GOFER_OK || available < 2 * sp->reserve_size)
        return false;
    int fd = open(sp->reserve_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    gf_sq_file_give(fd, sp->db_path);
    bool made = allocate(fd, sp->reserve_size) == 0;
    close(fd);
    return made;
}

bool gf_sq_space_release(const gf_sq_space *sp)
{
    int64_t left = sp->reserve_path ? reserve_left(sp) : 0, last = sp->reserve_size / 4;
    if (left <= 0)
        return false;
    return truncate(sp->reserve_path, (off_t)(left > last ? last : 0)) == 0;
}

// Every put writes its pages to the WAL and then to the file; the rest is what those who take and
// finish will need. Free pages inside the file need no new room.
gofer_status gf_sq_space_admit(const gf_sq_space *sp, int64_t bytes, int64_t free_bytes)
{
    int64_t total = 0, available = 0;
    if (!sp->reserve_path)
        return GOFER_OK;
    if (!gf_sq_space_renew(sp))
        return gf_fail(GOFER_ENOSPACE,
            "the disk of '%s' is nearly full: tasks in it can be finished, new ones are refused; make room",
            sp->db_path);
    gofer_status st = disk(sp->db_path, &total, &available);
    if (st != GOFER_OK)
        return st;
    int64_t growth = bytes > free_bytes ? bytes - free_bytes : 0;
    int64_t needed = growth + bytes + sp->wal_pages * DB_PAGE + MARGIN;
    if (available < needed)
        return gf_fail(GOFER_ENOSPACE,
            "the disk of '%s' has %lld KiB left and %lld are needed: new tasks are refused; make room",
            sp->db_path, (long long)available / 1024, (long long)needed / 1024);
    return GOFER_OK;
}
