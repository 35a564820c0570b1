// fork.h - what must not pass into a forked child: who we are, and descriptors that hold locks.
//
// A child is told apart by a count of forks beside its pid, for in a nested pid namespace it may
// have its parent's pid. Locks of an open file description (F_OFD_SETLK, flock) would live on in a
// child that only inherited the descriptor; so those are closed in it before fork returns there.
#ifndef GF_UTIL_FORK_H
#define GF_UTIL_FORK_H

#include <stdint.h>
#include <sys/types.h>

// A process: another one in each forked child.
typedef int64_t gf_process;

gf_process gf_process_self(void);                        // threads: any
static inline long gf_process_pid(gf_process p) { return (long)(p & 0xFFFFFFFF); }

// No other thread forks between the two. Short: it waits meanwhile.
void gf_forks_stop(void);
void gf_forks_go(void);

// A descriptor that no forked child keeps. It stands in its owner, and must not be moved while it
// is open.
typedef struct gf_own_fd {
    int               fd;                                // -1: none, or closed by the fork
    struct gf_own_fd *next, **link;                      // fork.c's
} gf_own_fd;

#define GF_NO_FD ((gf_own_fd){ .fd = -1 })

// As open(2): 0, or -1 with errno.
int  gf_own_open(gf_own_fd *f, const char *path, int flags, mode_t mode);
void gf_own_close(gf_own_fd *f);                         // takes one that is not open
// The same for who has stopped forks.
int  gf_own_open_stopped(gf_own_fd *f, const char *path, int flags, mode_t mode);
void gf_own_close_stopped(gf_own_fd *f);

#endif
