// path.c - from a URL to a file that may be opened: decoded, absolute, made if missing, and on a
// file system whose locks and shared memory can be trusted.
//
// Nothing here opens the database itself: closing any descriptor of it would drop the POSIX locks
// that SQLite holds on it for another handle of this process.
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/vfs.h>
#endif

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/hex.h"

// Decodes percent-escapes (RFC 3986 section 2.1) into out, which has room for `text`.
static gofer_status decode(const char *text, char *out)
{
    for (; *text; text++) {
        if (*text != '%') {
            *out++ = *text;
            continue;
        }
        int high = gf_hex_value(text[1]), low = high < 0 ? -1 : gf_hex_value(text[2]);
        if (low < 0 || high * 16 + low == 0)
            return gf_fail(GOFER_EINVAL,
                "the URL has a wrong escape at '%.3s': write %%25 for a percent sign", text);
        *out++ = (char)(high * 16 + low);
        text += 2;
    }
    *out = '\0';
    return GOFER_OK;
}

static gofer_status fail_path(const char *what, const char *path)
{
    int e = errno;
    gofer_status st = e == EACCES || e == EPERM || e == EROFS ? GOFER_EDENIED
                    : e == ENOSPC || e == EDQUOT              ? GOFER_ENOSPACE
                    : e == ENAMETOOLONG || e == ELOOP         ? GOFER_EINVAL
                                                              : GOFER_EBROKER;
    return gf_fail(st, "cannot %s '%s': %s", what, path, strerror(e));
}

void gf_sq_file_give(int fd, const char *db_path)
{
    struct stat db, file;
    // With a second name it may be anybody's, and root would give it away.
    if (stat(db_path, &db) != 0 || fstat(fd, &file) != 0 || file.st_nlink != 1)
        return;
    // As SQLite does for its own files; when it is refused the file is still of use to us. The mode
    // comes last: the group must be right before it gets rights.
    bool given = true;
    if (geteuid() == 0)
        given = fchown(fd, db.st_uid, db.st_gid) == 0;
    else if (file.st_gid != db.st_gid)
        given = fchown(fd, (uid_t)-1, db.st_gid) == 0;
    mode_t mode = db.st_mode & (given ? 0666 : 0606);
    if ((file.st_mode & 0777) != mode && fchmod(fd, mode) != 0)
        return;
}

void gf_sq_file_bring(const char *path, const char *db_path)
{
    struct stat db, file;
    if (stat(db_path, &db) != 0 || lstat(path, &file) != 0 || !S_ISREG(file.st_mode) ||
        (file.st_mode & 0777) == (db.st_mode & 0666))
        return;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    gf_sq_file_give(fd, db_path);
    close(fd);
}

// An empty file with mode 0600, from which SQLite copies the mode of its others.
static int make_file(const char *path)
{
#ifdef __linux__
    return mknod(path, S_IFREG | 0600, 0);             // makes without opening
#else
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return fd < 0 ? -1 : close(fd);
#endif
}

static gofer_status check_file(const char *path)
{
    struct stat file;
    if (stat(path, &file) != 0)
        return fail_path("look at", path);
    if (S_ISDIR(file.st_mode))
        return gf_fail(GOFER_EBROKER, "'%s' is a directory: name a file in it", path);
    if (!S_ISREG(file.st_mode))
        return gf_fail(GOFER_EBROKER, "'%s' is not a regular file", path);
    // Each name would get its own WAL and lock file, and the two would destroy the database.
    if (file.st_nlink > 1)
        return gf_fail(GOFER_EBROKER, "'%s' has %ld names (hard links); keep one", path,
            (long)file.st_nlink);
    if (access(path, R_OK | W_OK) != 0)
        return fail_path("read and write", path);
    return GOFER_OK;
}

// A WAL needs shared memory between all its users and locks that work: one host.
static gofer_status check_file_system(const char *path)
{
#ifdef __linux__
    static const struct {
        unsigned long magic;             // statfs(2)
        const char   *name;
    } remote[] = {
        { 0x6969, "NFS" }, { 0xFF534D42, "CIFS" }, { 0x517B, "SMB" }, { 0xFE534D42, "SMB2" },
        { 0x01021997, "9P" }, { 0x00C36400, "Ceph" }, { 0x5346414F, "AFS" }, { 0x6B414653, "AFS" },
        { 0x73757245, "Coda" }, { 0x0BD00BD0, "Lustre" }, { 0x47504653, "GPFS" },
        { 0x7461636f, "OCFS2" },
        { 0x01161970, "GFS2" },
    };
    struct statfs fs;
    if (statfs(path, &fs) != 0)
        return fail_path("look at the file system of", path);
    for (size_t i = 0; i < sizeof remote / sizeof *remote; i++)
        if (((unsigned long)fs.f_type & 0xFFFFFFFF) == remote[i].magic)
            return gf_fail(GOFER_EUNSUPPORTED,
                "'%s' is on %s: hosts that share a file cannot share SQLite's memory; put it on a "
                "local disk",
                path, remote[i].name);
#else
    (void)path;
#endif
    return GOFER_OK;
}

// The folder of `path`, which must be there; `path` is cut at its last slash and restored.
static gofer_status check_folder(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash)
        return GOFER_OK;
    struct stat folder;
    *slash = '\0';
    const char *name = *path ? path : "/";
    gofer_status st = GOFER_OK;
    if (stat(name, &folder) != 0)
        st = errno == ENOENT
            ? gf_fail(GOFER_EBROKER, "the folder '%s' does not exist: make it first", name)
            : fail_path("look at the folder", name);
    else if (!S_ISDIR(folder.st_mode))
        st = gf_fail(GOFER_EBROKER, "'%s' is not a folder", name);
    else if (access(name, W_OK | X_OK) != 0)
        st = fail_path("make files in the folder", name);
    *slash = '/';
    return st;
}

// The same file whatever symbolic links lead to it, so that all its users share one lock file.
static gofer_status resolve(const char *path, char **out)
{
    char *real = realpath(path, NULL);                 // malloc's own
    if (!real)
        return fail_path("find", path);
    *out = gf_strdup(real);
    free(real);
    return *out ? GOFER_OK : gf_fail_nomem("a path");
}

#ifdef __linux__

// For kernels before 5.8, or without statx. -1: not known.
static int64_t mount_of_descriptor(const char *path)
{
    int fd = open(path, O_PATH | O_CLOEXEC | O_NOFOLLOW);      // closing such a one drops no locks
    if (fd < 0)
        return -1;
    char name[48], line[128];
    snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
    FILE *f = fopen(name, "re");
    long long id = -1;
    while (f && fgets(line, sizeof line, f) && sscanf(line, "mnt_id: %lld", &id) != 1)
        ;
    if (f)
        fclose(f);
    close(fd);
    return id;
}

static int64_t mount_of(const char *path)
{
#ifdef STATX_MNT_ID
    struct statx file;
    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_MNT_ID, &file) == 0 &&
        (file.stx_mask & STATX_MNT_ID))
        return (int64_t)file.stx_mnt_id;
#endif
    return mount_of_descriptor(path);
}

#endif

// A file that is mounted by itself (docker -v FILE:FILE) has other companions than where it really
// is: two WALs, two lock files. `path` is resolved; it is cut at its last slash and restored.
static gofer_status check_mount(char *path)
{
#ifdef __linux__
    int64_t file = mount_of(path);
    char *slash = strrchr(path, '/');
    *slash = '\0';
    int64_t folder = mount_of(slash == path ? "/" : path);
    *slash = '/';
    if (file >= 0 && folder >= 0 && file != folder)
        return gf_fail(GOFER_EBROKER,
            "'%s' is mounted as a single file: what SQLite and gofer keep "
            "beside it would stay behind, and tasks be lost; mount its folder",
            path);
#else
    (void)path;
#endif
    return GOFER_OK;
}

gofer_status gf_sq_path_make(const char *rest, char **out)
{
    if (!*rest)
        return gf_fail(GOFER_EINVAL,
            "the URL 'sqlite:' names no file: write for example sqlite:tasks.db");
    char *path = gf_alloc(strlen(rest) + 1);
    if (!path)
        return gf_fail_nomem("a path");

    gofer_status st = decode(rest, path);
    // The names of the files beside it must fit too.
    if (st == GOFER_OK && strlen(path) + sizeof "-reserve" > PATH_MAX)
        st = gf_fail(GOFER_EINVAL, "the path of the database is too long");
    if (st == GOFER_OK)
        st = check_folder(path);
    if (st == GOFER_OK && make_file(path) != 0 && errno != EEXIST)
        st = fail_path("make", path);
    if (st == GOFER_OK)
        st = check_file(path);
    if (st == GOFER_OK)
        st = check_file_system(path);
    if (st == GOFER_OK)
        st = resolve(path, out);
    gf_free(path);
    return st == GOFER_OK ? check_mount(*out) : st;
}
