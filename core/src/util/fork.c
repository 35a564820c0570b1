// fork.c - what must not pass into a forked child.
//
// Locks: one, which guards the list of descriptors; fork takes it too, so that the list is whole in
// the child. A child made without fork (a raw clone, vfork) runs no handlers: it is
// known by its pid alone. Who we are is asked for with every task, so it is kept, where there is
// such a thing, in a page that the kernel wipes in whatever child gets a copy of it.
#include "util/fork.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#ifdef __linux__
#include <sys/mman.h>
#endif
#include <unistd.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static gf_own_fd *first;
static _Atomic uint32_t forks;           // from the process that loaded us down to this one

static _Atomic gf_process *kept;         // 0: not asked for yet; NULL: no such page

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
    if (kept)
        atomic_store(kept, 0);           // a handler before this one may have asked
    for (gf_own_fd *f = first, *next; f; f = next) {
        next = f->next;
        close(f->fd);
        *f = GF_NO_FD;
    }
    first = NULL;
    pthread_mutex_unlock(&lock);
}

// Not where the kernel cannot wipe it (before Linux 4.14): then every question is a system call.
static void make_page(void)
{
#ifdef MADV_WIPEONFORK
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return;
    if (madvise(page, size, MADV_WIPEONFORK) == 0)
        kept = page;
    else
        munmap(page, size);
#endif
}

// When there is no memory for it, pids alone tell a child.
static void watch_forks(void)
{
    if (pthread_atfork(before, in_parent, in_child) == 0)
        make_page();
}

gf_process gf_process_self(void)
{
    pthread_once(&once, watch_forks);
    gf_process self = kept ? atomic_load_explicit(kept, memory_order_relaxed) : 0;
    if (self)
        return self;
    self = (gf_process)atomic_load_explicit(&forks, memory_order_relaxed) << 32 |
        (gf_process)getpid();
    if (kept)
        atomic_store_explicit(kept, self, memory_order_relaxed);
    return self;
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
