// zone_file.c - finds a zone's file by its name, and near names when there is none.
//
// A name comes from outside and becomes part of a path: only what names of zones are made of is let
// through, and never a step upwards.
#include "calendar/zone_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/nearest.h"
#include "util/utf8.h"

enum { NAME_MAX_BYTES = 63, FILE_MAX_BYTES = 1 << 20, FOLDERS = 6, DEPTH = 3 };

// Those of $TZDIR first, then where systems keep it.
static size_t folders(const char *out[FOLDERS])
{
    static const char *const usual[] = { "/usr/share/zoneinfo", "/usr/lib/zoneinfo",
        "/usr/share/lib/zoneinfo", "/etc/zoneinfo", "/var/db/timezone/zoneinfo" };
    size_t count = 0;
    const char *own = getenv("TZDIR");
    if (own && *own == '/')
        out[count++] = own;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        out[count++] = usual[i];
    return count;
}

static bool is_name(const char *name)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    size_t size = strlen(name);
    return size > 0 && size <= NAME_MAX_BYTES && strspn(name, letters) == size && name[0] != '/' &&
        name[size - 1] != '/' && !strstr(name, "//"); // no dot, so no ".." either
}

// ---- near names ---------------------------------------------------------------------------------

// The best so far: exact but for case, then the last part ("Berlin"), then a few letters off.
typedef struct search {
    const char *wanted;
    char        best[NAME_MAX_BYTES + 1];
    int         rank;              // 0: none; 3: same but for case
    size_t      seen;
} search;

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash ? slash + 1 : name;
}

static void consider(search *s, const char *name)
{
    s->seen++;
    int rank = strcasecmp(name, s->wanted) == 0 ? 3
        : strcasecmp(last_part(name), last_part(s->wanted)) == 0 ? 2
        : gf_nearest(s->wanted, &name, 1) ? 1 : 0;
    if (rank == 1 && s->rank == 1) {       // the nearer of the two
        const char *both[] = { s->best, name };
        if (gf_nearest(s->wanted, both, 2) == s->best)
            return;
    }
    if (rank > s->rank || (rank == 1 && s->rank == 1)) {
        s->rank = rank;
        snprintf(s->best, sizeof s->best, "%s", name);
    }
}

static void walk(search *s, const char *folder, const char *prefix, int depth)
{
    char path[1024], name[NAME_MAX_BYTES + 1];
    snprintf(path, sizeof path, "%s/%s", folder, prefix);
    DIR *dir = opendir(path);
    if (!dir)
        return;
    for (struct dirent *d; (d = readdir(dir));) {
        struct stat info;
        // Names of zones begin with a capital; the rest are tables, and other
        // sorts of the same zones.
        if (d->d_name[0] < 'A' || d->d_name[0] > 'Z')
            continue;
        if (snprintf(name, sizeof name, "%s%s%s", prefix, *prefix ? "/" : "", d->d_name) >=
                (int)sizeof name ||
            !is_name(name) ||
            snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path ||
            stat(path, &info) != 0)
            continue;
        if (S_ISDIR(info.st_mode) && depth < DEPTH)
            walk(s, folder, name, depth + 1);
        else if (S_ISREG(info.st_mode))
            consider(s, name);
    }
    closedir(dir);
}

static gofer_status unknown(const char *name)
{
    const char *all[FOLDERS];
    search s = { .wanted = name };
    for (size_t i = 0, count = folders(all); i < count && s.seen == 0; i++)
        walk(&s, all[i], "", 1);
    if (s.seen == 0)
        return gf_fail(GOFER_EUNSUPPORTED,
            "the time zone '%s' cannot be looked up: no tz database in $TZDIR or "
            "/usr/share/zoneinfo; install tzdata",
            name);
    return s.rank
        ? gf_fail(GOFER_EINVAL, "there is no time zone '%s'; did you mean '%s'?", name, s.best)
        : gf_fail(GOFER_EINVAL,
              "there is no time zone '%s': give a name of the tz database, such as Europe/Berlin",
              name);
}

// ---- reading ------------------------------------------------------------------------------------

static gofer_status read_all(int fd, const char *name, char **bytes, size_t *size)
{
    struct stat info;
    if (fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) || info.st_size > FILE_MAX_BYTES)
        return gf_fail(GOFER_ECORRUPT,
            "the file of the time zone '%s' cannot be one: it is no file, or over 1 MiB", name);
    size_t room = (size_t)info.st_size, used = 0;
    char *all = gf_alloc(room + 1);
    if (!all)
        return gf_fail_nomem("a time zone's file");
    while (used < room) {
        ssize_t got = read(fd, all + used, room - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            gf_free(all);
            return gf_fail(GOFER_ECORRUPT, "the file of the time zone '%s' cannot be read: %s",
                name, got < 0 ? strerror(errno) : "it has become shorter");
        }
        used += (size_t)got;
    }
    *bytes = all;
    *size = used;
    return GOFER_OK;
}

gofer_status gf_zone_file_read(const char *name, char **bytes, size_t *size)
{
    const char *all[FOLDERS];
    char path[1024];
    if (!is_name(name))
        return gf_fail(GOFER_EINVAL,
            "'%.80s' is not the name of a time zone: give one of the tz database, such as "
            "Europe/Berlin",
            gf_utf8_valid(name, strlen(name)) ? name : "?");
    for (size_t i = 0, count = folders(all); i < count; i++) {
        if (snprintf(path, sizeof path, "%s/%s", all[i], name) >= (int)sizeof path)
            continue;
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        struct stat info;
        if (fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
            close(fd);
            continue;              // "Europe"
        }
        gofer_status st = read_all(fd, name, bytes, size);
        close(fd);
        return st;
    }
    return unknown(name);
}
