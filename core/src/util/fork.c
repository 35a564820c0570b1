// fork.c - what must not pass into a forked child.
//
// Locks: one, which guards the list of descriptors; fork takes it too, so that the list is whole in
// the child. A child made without fork (a raw clone, vfork) runs no handlers: it is
// known by its pid alone.
#include "util/fork.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static gf_own_fd *first;
static _Atomic uint32_t forks;           // from the process that loaded us down to this one

static void before(void)
{
    pthread_mutex_lock(&lock);
}

static void in_parent(void)
{
    pthread_mutex_unlock(&lock);
}

// Async-signal-safe, as other threads of the parent may have been anywhere.
static void in_child(void)
{
    atomic_fetch_add(&forks, 1);
    for (gf_own_fd *f = first, *next; f; f = next) {
        next = f->next;
        close(f->fd);
        *f = GF_NO_FD;
    }
    first = NULL;
    pthread_mutex_unlock(&lock);
}

// When there is no memory for it, pids alone tell a child.
static void watch_forks(void)
{
    (void)pthread_atfork(before, in_parent, in_child);
}

gf_process gf_process_self(void)
{
    pthread_once(&once, watch_forks);
    gf_process count = atomic_load_explicit(&forks, memory_order_relaxed);
    return count << 32 | (gf_process)getpid();
}

void gf_forks_stop(void)
{
    pthread_once(&once, watch_forks);
    pthread_mutex_lock(&lock);
}

void gf_forks_go(void)
{
    pthread_mutex_unlock(&lock);
}

int gf_own_open_stopped(gf_own_fd *f, const char *path, int flags, mode_t mode)
{
    *f = (gf_own_fd){ .fd = open(path, flags | O_CLOEXEC, mode), .next = first, .link = &first };
    if (f->fd < 0) {
        *f = GF_NO_FD;
        return -1;
    }
    if (first)
        first->link = &f->next;
    first = f;
    return 0;
}

void gf_own_close_stopped(gf_own_fd *f)
{
    if (f->fd < 0)
        return;
    *f->link = f->next;
    if (f->next)
        f->next->link = f->link;
    close(f->fd);
    *f = GF_NO_FD;
}

int gf_own_open(gf_own_fd *f, const char *path, int flags, mode_t mode)
{
    gf_forks_stop();
    int rc = gf_own_open_stopped(f, path, flags, mode), e = errno;
    gf_forks_go();
    errno = e;
    return rc;
}

void gf_own_close(gf_own_fd *f)
{
    gf_forks_stop();
    gf_own_close_stopped(f);
    gf_forks_go();
}
