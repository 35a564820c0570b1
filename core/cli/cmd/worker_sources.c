// worker_sources.c - watches the sources of a worker's children: by inotify, which wakes it, or
// else by looking again and again. What decides is always what a look finds: names, times, sizes.
//
// One thread, which ends by a byte in a pipe. A folder that is hidden, a virtual environment, or
// full of what programs make of sources is left out.
#include "worker_sources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif

enum {
    SETTLE_MS = 200,        // without a change for so long: whoever writes has ended
    LOOK_MS = 500,          // without inotify
    DEPTH_MAX = 32,
    PATH_ROOM = 4096
};

struct sources {
    cli_list      paths;
    gofer_worker *worker;
    pthread_t     thread;
    int           end[2];   // a pipe
    int           notes;    // inotify's; -1: none, or it has no room for all folders
    uint64_t      seen;
};

// ---- a look

static uint64_t mix(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    while (size--)
        hash = (hash ^ *at++) * UINT64_C(1099511628211);
    return hash;
}

static int is_source(const char *name)
{
    size_t size = strlen(name);
    return size > 3 && strcmp(name + size - 3, ".py") == 0;
}

// A sum over files: the order in which a folder lists them does not count.
static void add_file(sources *s, const char *path, const struct stat *is)
{
    uint64_t hash = mix(UINT64_C(14695981039346656037), path, strlen(path));
    int64_t facts[] = { (int64_t)is->st_size, (int64_t)is->st_mtime,
#ifdef __linux__
        (int64_t)is->st_mtim.tv_nsec,
#endif
        (int64_t)is->st_ino };
    s->seen += mix(hash, facts, sizeof facts);
}

// Without room for another watch it is looked at as if there was no inotify at all.
static void wake_by(sources *s, const char *folder)
{
#ifdef __linux__
    if (s->notes >= 0 &&
        inotify_add_watch(s->notes, folder, IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                                IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR) < 0 &&
        errno == ENOSPC) {
        close(s->notes);
        s->notes = -1;
    }
#else
    (void)s, (void)folder;
#endif
}

static int is_left_out(const char *folder, const char *name)
{
    char path[PATH_ROOM];
    if (*name == '.' || strcmp(name, "__pycache__") == 0 || strcmp(name, "node_modules") == 0)
        return 1;
    int n = snprintf(path, sizeof path, "%s/pyvenv.cfg", folder);
    return n < 0 || (size_t)n >= sizeof path || access(path, F_OK) == 0;
}

// Folders that links lead to are not looked into: they may lead in circles.
static void look_into(sources *s, const char *folder, int depth)
{
    DIR *list = opendir(folder);
    if (!list)
        return;
    wake_by(s, folder);
    for (struct dirent *entry; (entry = readdir(list));) {
        char path[PATH_ROOM];
        struct stat is;
        int n = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (n < 0 || (size_t)n >= sizeof path || lstat(path, &is) != 0)
            continue;
        if (S_ISDIR(is.st_mode) && depth < DEPTH_MAX && !is_left_out(path, entry->d_name))
            look_into(s, path, depth + 1);
        else if (is_source(entry->d_name) && stat(path, &is) == 0 && S_ISREG(is.st_mode))
            add_file(s, path, &is);
    }
    closedir(list);
}

// An editor may put a new file in the place of the old one: so the folder is what wakes.
static void look_at_file(sources *s, const char *path, const struct stat *is)
{
    char folder[PATH_ROOM];
    const char *slash = strrchr(path, '/');
    size_t size = slash ? (size_t)(slash - path) : 0;
    if (size >= sizeof folder)
        return;
    memcpy(folder, path, size);
    folder[size] = '\0';
    wake_by(s, !slash ? "." : size ? folder : "/");
    if (is)
        add_file(s, path, is);
}

static uint64_t look(sources *s)
{
    s->seen = 0;
    if (s->paths.count == 0)
        look_into(s, ".", 0);
    for (size_t i = 0; i < s->paths.count; i++) {
        struct stat is;
        int there = stat(s->paths.items[i], &is) == 0;
        if (there && S_ISDIR(is.st_mode))
            look_into(s, s->paths.items[i], 0);
        else
            look_at_file(s, s->paths.items[i], there ? &is : NULL);
    }
    return s->seen;
}

// ---- the thread

// Reads what inotify has to say: anything of a source or a folder? A store beside the sources is
// written all the time. What it was is for a look to find.
static int read_notes(sources *s)
{
    int any = 0;
#ifdef __linux__
    _Alignas(struct inotify_event) char notes[4096];
    ssize_t size;
    while (s->notes >= 0 && (size = read(s->notes, notes, sizeof notes)) > 0)
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *note = (const void *)(notes + at);
            any |= note->len == 0 || (note->mask & IN_ISDIR) || is_source(note->name);
            at += (ssize_t)(sizeof *note + note->len);
        }
#else
    (void)s;
#endif
    return any;
}

// False: it is to end.
static int wait_for_notes(sources *s, int timeout_ms, int *any)
{
    struct pollfd fds[] = { { .fd = s->end[0], .events = POLLIN },
        { .fd = s->notes, .events = POLLIN } };
    int n;
    do
        n = poll(fds, 2, timeout_ms);
    while (n < 0 && errno == EINTR);
    if (n < 0 || fds[0].revents)
        return 0;
    *any = read_notes(s);
    return 1;
}

static void *watch(void *arg)
{
    sources *s = arg;
    uint64_t known = s->seen;
    int any;
    while (wait_for_notes(s, s->notes >= 0 ? -1 : LOOK_MS, &any)) {
        uint64_t now = look(s), before;
        if (now == known)
            continue;
        do {
            before = now;
            if (!wait_for_notes(s, SETTLE_MS, &any))
                return NULL;
            now = look(s);
        } while (any || now != before);
        known = now;
        gofer_worker_reload(s->worker);
    }
    return NULL;
}

sources *sources_watch(const cli_list *paths, gofer_worker *worker)
{
    sources *s = cli_alloc(sizeof *s);
    *s = (sources){ .paths = *paths, .worker = worker, .notes = -1 };
    if (pipe(s->end) != 0) {
        free(s);
        return NULL;
    }
    for (int i = 0; i < 2; i++)
        (void)fcntl(s->end[i], F_SETFD, FD_CLOEXEC);
#ifdef __linux__
    s->notes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
#endif
    (void)look(s);
    int error = pthread_create(&s->thread, NULL, watch, s);
    if (error == 0)
        return s;
    close(s->end[0]);
    close(s->end[1]);
    if (s->notes >= 0)
        close(s->notes);
    free(s);
    errno = error;
    return NULL;
}

void sources_leave(sources *s)
{
    if (!s)
        return;
    close(s->end[1]);       // its end wakes the thread
    pthread_join(s->thread, NULL);
    close(s->end[0]);
    if (s->notes >= 0)
        close(s->notes);
    free(s);
}
