// entry_file.c - keeps the entries of a file in the store, and follows its changes. A file that is
// not well-formed changes nothing: the entries stay as they were.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "schedule/entry_file.h"
#include "schedule/scheduler_own.h"
#include "util/alloc.h"
#include "util/error.h"

enum { LOOK_MS = 1000, AGAIN_MS = 5000, FILE_MAX_BYTES = 64 << 20 };

gofer_status gf_entry_file_read(const char *path, char **text, size_t *size, struct stat *seen)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a FIFO without a writer is no
                                                             //   file, and waits for none
    if (fd < 0)
        return gf_fail(errno == ENOENT || errno == ENOTDIR ? GOFER_ENOTFOUND
                : errno == EACCES                          ? GOFER_EDENIED
                                                           : GOFER_EINVAL,
            "the schedule file '%s' cannot be opened: %s", path, strerror(errno));
    if (fstat(fd, seen) != 0 || !S_ISREG(seen->st_mode) || seen->st_size > FILE_MAX_BYTES) {
        close(fd);
        return gf_fail(GOFER_EINVAL, "the schedule file '%s' is no file, or has over 64 MiB", path);
    }
    size_t room = (size_t)seen->st_size, used = 0;
    char *all = gf_alloc(room + 1);
    ssize_t got = 1;
    while (all && used < room && got > 0) {
        got = read(fd, all + used, room - used);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got > 0)
            used += (size_t)got;
    }
    int reason = errno;
    close(fd);
    if (!all)
        return gf_fail_nomem("a schedule file");
    if (got < 0) {
        gf_free(all);
        return gf_fail(GOFER_EINVAL, "the schedule file '%s' cannot be read: %s", path,
            strerror(reason));
    }
    *text = all;
    *size = used;
    return GOFER_OK;
}

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
        a->st_mtime == b->st_mtime
#ifdef __linux__
        && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec
#endif
        && a->st_ctime == b->st_ctime;
}

// The same complaint is made once.
static void complain(gf_scheduler *s, gf_entry_file *f, const char *text)
{
    if (f->complained && strcmp(f->complained, text) == 0)
        return;
    gf_free(f->complained);
    f->complained = gf_strdup(text);
    if (gf_scheduler_logs(s, GOFER_LOG_ERROR))
        gf_logf(&s->client->log, GOFER_LOG_ERROR,
            "the schedule file was not taken over; the entries stay as they were", "file", f->path,
            "error", text, NULL);
}

static void log_sync(gf_scheduler *s, const gf_entry_file *f, const gf_sync_counts *n)
{
    char added[24], changed[24], removed[24];
    if (!gf_scheduler_logs(s, GOFER_LOG_INFO) || n->added + n->changed + n->removed == 0)
        return;
    snprintf(added, sizeof added, "%lld", (long long)n->added);
    snprintf(changed, sizeof changed, "%lld", (long long)n->changed);
    snprintf(removed, sizeof removed, "%lld", (long long)n->removed);
    gf_logf(&s->client->log, GOFER_LOG_INFO, "schedule file taken over", "file", f->path, "#added",
        added, "#changed", changed, "#removed", removed, NULL);
}

// Errors that are the text's; others are the store's, and pass.
static bool is_texts(gofer_status st)
{
    return st == GOFER_EINVAL || st == GOFER_EEXIST || st == GOFER_ETOOBIG ||
        st == GOFER_EUNSUPPORTED;
}

static bool read_file(gf_scheduler *s, gf_entry_file *f, int64_t mono_ms)
{
    struct stat now;
    if (mono_ms < f->due_ms)
        return false;
    f->due_ms = mono_ms + LOOK_MS;
    if (f->was_seen && !f->pending && stat(f->path, &now) == 0 && is_same(&now, &f->seen))
        return false;

    char *text;
    size_t size;
    gf_sync_counts counts;
    gofer_status st = gf_entry_file_read(f->path, &text, &size, &now);
    if (st != GOFER_OK) {
        complain(s, f, gofer_error_last());
        return false;
    }
    st = gf_book_sync(s->client, f->path, text, size, &counts);
    gf_free(text);
    f->seen = now;
    f->was_seen = true;
    f->pending = st != GOFER_OK && !is_texts(st);
    if (f->pending)
        f->due_ms = mono_ms + AGAIN_MS;
    if (st != GOFER_OK) {
        complain(s, f, gofer_error_last());
        return false;
    }
    gf_free(f->complained);
    f->complained = NULL;
    log_sync(s, f, &counts);
    return counts.added + counts.changed + counts.removed > 0;
}

bool gf_scheduler_read_files(gf_scheduler *s, int64_t mono_ms)
{
    bool changed = false;
    for (size_t i = 0; i < s->file_count; i++)
        changed |= read_file(s, &s->files[i], mono_ms);
    return changed;
}
