// spawn.c - starts a command: its pipes, its session, its clean signals and files.
//
// May touch: util/. posix_spawn, because the host has threads and may be large: it neither copies
// the address space nor runs anything but the kernel's work between fork and exec.
#include "handler/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "util/error.h"
#include "util/fork.h"

#if defined(__GLIBC__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
#define HAVE_CLOSEFROM 1
#endif
#endif

enum { READ = 0, WRITE = 1, STDIO = 3, PIPES = 4 };

// A pipe end numbered 0, 1 or 2 (the host closed its own) would be overwritten while the child's
// are put in place, so it moves up.
static int above_stdio(int *fd)
{
    if (*fd >= STDIO)
        return 0;
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, STDIO);
    if (moved < 0)
        return -1;
    close(*fd);
    *fd = moved;
    return 0;
}

static int open_pipe(int ends[2])
{
#ifdef __linux__
    if (pipe2(ends, O_CLOEXEC) != 0)
        return -1;
#else
    if (pipe(ends) != 0)
        return -1;
    if (fcntl(ends[0], F_SETFD, FD_CLOEXEC) != 0 || fcntl(ends[1], F_SETFD, FD_CLOEXEC) != 0)
        return -1;
#endif
    return above_stdio(&ends[0]) || above_stdio(&ends[1]) ? -1 : 0;
}

static int set_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

static void close_ends(int ends[PIPES][2])
{
    for (int i = 0; i < PIPES; i++)
        for (int k = 0; k < 2; k++)
            if (ends[i][k] >= 0)
                close(ends[i][k]);
}

// ---- starts at the same time -------------------------------------------------------------------
//
// Between fork and exec a child has all files of this process, and so it holds the pipes of another
// command that is being started just then. A lock around all of it would let one program on a slow
// disk keep all others waiting; so it is only known which starts are under way.

static gf_start  *under_way;            // each on the stack of its thread
static uint64_t   turns;
static gf_process whose;                // a forked child has none of its parent's threads

// No fork comes between, so that the list is whole in a child, and nobody waits there.
static void starts_lock(void)
{
    gf_forks_stop();
    gf_process self = gf_process_self();
    if (whose != self)
        under_way = NULL;
    whose = self;
}

static void starts_unlock(void)
{
    gf_forks_go();
}

void gf_start_begin(gf_start *s)
{
    starts_lock();
    s->turn = turns++;
    s->next = under_way;
    under_way = s;
    starts_unlock();
}

// Those of an earlier turn than this may hold what was open until now.
uint64_t gf_start_end(gf_start *s)
{
    starts_lock();
    gf_start **at = &under_way;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    uint64_t turn = turns;
    starts_unlock();
    return turn;
}

bool gf_child_shares(const gf_child_pipes *pipes)
{
    bool found = false;
    starts_lock();
    for (const gf_start *s = under_way; s && !found; s = s->next)
        found = s->turn < pipes->shared_before;
    starts_unlock();
    return found;
}

// ---- the start ---------------------------------------------------------------------------------

// The functions of posix_spawn answer with an error number, not with errno.
static int set_attributes(posix_spawnattr_t *attr)
{
    sigset_t none, all;
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    int rc = posix_spawnattr_setsigmask(attr, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(attr, &all);
#ifdef POSIX_SPAWN_SETSID
    flags |= POSIX_SPAWN_SETSID;   // a session is a group too, and has no terminal to ask at
#else
    flags |= POSIX_SPAWN_SETPGROUP;
    if (rc == 0)
        rc = posix_spawnattr_setpgroup(attr, 0);
#endif
#ifdef POSIX_SPAWN_CLOEXEC_DEFAULT
    flags |= POSIX_SPAWN_CLOEXEC_DEFAULT;
#endif
    return rc ? rc : posix_spawnattr_setflags(attr, flags);
}

static int set_files(posix_spawn_file_actions_t *files, int in, int out, int err, int notes)
{
    int rc = posix_spawn_file_actions_adddup2(files, in, STDIN_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(files, out, STDOUT_FILENO);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(files, err, STDERR_FILENO);
    // Last: it may take the place of one of the others, which is not needed any more.
    if (rc == 0 && notes >= 0)
        rc = posix_spawn_file_actions_adddup2(files, notes, GF_CHILD_NOTES);
#ifdef HAVE_CLOSEFROM
    // Ours are CLOEXEC; the host's may not be.
    if (rc == 0)
        rc = posix_spawn_file_actions_addclosefrom_np(files,
            notes >= 0 ? GF_CHILD_NOTES + 1 : STDIO);
#endif
    return rc;
}

static int spawn(const gf_child_spec *spec, int in, int out, int err, int notes, pid_t *pid)
{
    posix_spawnattr_t attr;
    posix_spawn_file_actions_t files;
    int rc = posix_spawnattr_init(&attr);
    if (rc)
        return rc;
    rc = posix_spawn_file_actions_init(&files);
    if (rc)
        goto no_files;

    rc = set_attributes(&attr);
    if (rc == 0)
        rc = set_files(&files, in, out, err, notes);
    if (rc == 0)
        rc = posix_spawn(pid, spec->path, &files, &attr, spec->argv, spec->envp);

    posix_spawn_file_actions_destroy(&files);
no_files:
    posix_spawnattr_destroy(&attr);
    return rc;
}

gofer_status gf_spawn_failed(const char *path, int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return gf_fail(GOFER_ENOTFOUND,
            "cannot run %s: it, or the interpreter its first line names, does not exist", path);
    case EACCES:
    case EPERM:
        return gf_fail(GOFER_EDENIED, "cannot run %s: not executable for this user", path);
    case ENOEXEC:
        return gf_fail(GOFER_EINVAL,
            "cannot run %s: not a program for this machine, and no #! line", path);
    case E2BIG:
        return gf_fail(GOFER_ETOOBIG,
            "cannot run %s: its arguments and environment are too long", path);
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ETXTBSY:                  // somebody is writing it just now
        return gf_fail(GOFER_ENOMEM, "cannot run %s: %s", path, strerror(error));
    default:
        return gf_fail(GOFER_EINVAL, "cannot run %s: %s", path, strerror(error));
    }
}

gofer_status gf_child_spawn(const gf_child_spec *spec, pid_t *pid, gf_child_pipes *pipes)
{
    int ends[PIPES][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
    int *in = ends[0], *out = ends[1], *err = ends[2], *notes = ends[3];

    if (open_pipe(in) || open_pipe(out) || open_pipe(err) || (spec->note && open_pipe(notes)) ||
        set_nonblocking(in[WRITE]) || set_nonblocking(out[READ]) || set_nonblocking(err[READ]) ||
        (spec->note && set_nonblocking(notes[READ]))) {
        gofer_status st = gf_fail(GOFER_ENOMEM, "no pipe for %s: %s", spec->path, strerror(errno));
        close_ends(ends);
        return st;
    }
#ifdef F_SETNOSIGPIPE
    (void)fcntl(in[WRITE], F_SETNOSIGPIPE, 1);   // else child.c's mask does it
#endif

    gf_start s;
    gf_start_begin(&s);
    int rc = spawn(spec, in[READ], out[WRITE], err[WRITE], notes[WRITE], pid);
    if (rc) {
        (void)gf_start_end(&s);
        close_ends(ends);
        return gf_spawn_failed(spec->path, rc);
    }
    close(in[READ]);
    close(out[WRITE]);
    close(err[WRITE]);
    if (notes[WRITE] >= 0)
        close(notes[WRITE]);
    *pipes = (gf_child_pipes){ in[WRITE], out[READ], err[READ], notes[READ], gf_start_end(&s) };
    return GOFER_OK;
}
