// folder.c - whether anything in a store's folder was put in another's place since all of it was
// looked at.
//
// To look at each file by its name before and after each transaction is dear where a commit is
// cheap. But a name in a folder cannot change without the kernel's stamping the folder (its ctime,
// which nobody can set), and what is mounted upon a file shows in the list of mounts. So two calls
// answer for all four files:
//
//   poll  of the list of mounts: nothing was mounted or unmounted.
//   stat  of the folder, by its path, which finds a folder that was itself moved or replaced, or
//         can no longer be reached: the same one, with the same stamp.
//
// When either says otherwise, or cannot be trusted, the files are looked at themselves (by
// gf_sq_file_check). Stamps are trusted only where they are known to be made so, and only one that
// was old enough when it was read: another change within the same tick of the kernel's clock would
// have had the same.
//
// Everything here is the leader's.
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"

#ifdef __linux__

// A tick is 10 ms at the longest. Where times are kept in whole seconds, or two of them,
// so are they in memory.
enum { NS_PER_S = 1000000000, RIPE_NS = 50000000, RIPE_WHOLE_S = 3 };

static bool is_stamped(const char *path)
{
    static const unsigned long kinds[] = {               // statfs(2)
        0xEF53,                          // ext2, ext3, ext4
        0x58465342,                      // XFS
        0x9123683E,                      // Btrfs
        0xF2F52010,                      // F2FS
        0x01021994,                      // tmpfs
    };
    struct statfs fs;
    bool found = false;
    if (statfs(path, &fs) != 0)
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        found |= ((unsigned long)fs.f_type & 0xFFFFFFFF) == kinds[i];
    return found;
}

static bool is_ripe(struct timespec changed, struct timespec now)
{
    int64_t age_s = (int64_t)now.tv_sec - changed.tv_sec;
    if (changed.tv_nsec == 0)
        return age_s >= RIPE_WHOLE_S;
    // The clock was set back: for now the folder seems to have changed in times to come.
    if (age_s < 0)
        return false;
    return age_s > 1 || age_s * NS_PER_S + now.tv_nsec - changed.tv_nsec >= RIPE_NS;
}

static bool is_same(const gf_sq_folder *f, const struct stat *file)
{
    return f->device == file->st_dev && f->inode == file->st_ino &&
           f->changed.tv_sec == file->st_ctim.tv_sec && f->changed.tv_nsec == file->st_ctim.tv_nsec;
}

#endif

// Without what it needs the folder is open as well, and tells nothing.
gofer_status gf_sq_folder_open(gf_sq_folder *f, const char *db_path)
{
    *f = (gf_sq_folder){ .mounts = GF_NO_FD };
#ifdef __linux__
    const char *slash = db_path ? strrchr(db_path, '/') : NULL;
    if (!slash)
        return GOFER_OK;
    int size = slash == db_path ? 1 : (int)(slash - db_path);
    f->path = gf_alloc((size_t)size + 1);
    if (!f->path)
        return gf_fail_nomem("a path");
    snprintf(f->path, (size_t)size + 1, "%.*s", size, db_path);
    f->tells =
        is_stamped(f->path) && gf_own_open(&f->mounts, "/proc/self/mounts", O_RDONLY, 0) == 0;
#else
    (void)db_path;
#endif
    return GOFER_OK;
}

void gf_sq_folder_close(gf_sq_folder *f)
{
    gf_own_close(&f->mounts);
    gf_free(f->path);
    *f = (gf_sq_folder){ .mounts = GF_NO_FD };
}

bool gf_sq_folder_unchanged(gf_sq_folder *f)
{
#ifdef __linux__
    struct timespec now = { 0 };
    struct stat file = { 0 };
    if (!f->tells)
        return false;
    // It tells of each change once, so the answer must be used. A poll that fails tells nothing.
    struct pollfd mounts = { .fd = f->mounts.fd, .events = POLLPRI };
    bool mounted = poll(&mounts, 1, 0) != 0;
    // The clock that stamps, before the stamp: what changes after this has a stamp no older than
    // `now`, however long we sleep here.
    bool known = clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0 && stat(f->path, &file) == 0;
    if (known && !mounted && f->sure && is_same(f, &file))
        return true;
    f->sure = false;
    f->ripe = known && is_ripe(file.st_ctim, now);
    f->device = file.st_dev;
    f->inode = file.st_ino;
    f->changed = file.st_ctim;
#else
    (void)f;
#endif
    return false;
}

void gf_sq_folder_seen(gf_sq_folder *f)
{
    f->sure = f->ripe;
}

void gf_sq_folder_doubt(gf_sq_folder *f)
{
    f->sure = f->ripe = false;
}
