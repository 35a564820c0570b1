// process.c - starts a child, signals it, looks at it, buries it.
//
// May touch: util/, handler/child.h. vfork and not posix_spawn, which cannot ask for a signal at
// the parent's death: a child that hangs must not outlive a worker that was killed. The signal
// comes at the death of the thread that started it: a crew's own.
#include "handler/children/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "handler/child.h"
#include "util/error.h"

#ifndef NSIG
#define NSIG 65
#endif

enum { FIRST_FREE = GF_CHILD_SOCKET + 1 };

// ---- descriptors --------------------------------------------------------------------------------

// Above those that the child has, so that putting these in place overwrites none.
static bool move_up(int *fd)
{
    if (*fd >= FIRST_FREE)
        return true;
    int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE);
    if (moved < 0)
        return false;
    close(*fd);
    *fd = moved;
    return true;
}

static bool set_up_end(int fd, bool ours)
{
    int flags = fcntl(fd, F_GETFL);
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && flags >= 0 &&
           (!ours || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}

// Two ends, the first of them ours. CLOEXEC at once where that is possible: others fork meanwhile.
static bool open_ends(int ends[2], bool is_socket)
{
#ifdef __linux__
    int rc = is_socket ? socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)
                       : pipe2(ends, O_CLOEXEC);
#else
    int rc = is_socket ? socketpair(AF_UNIX, SOCK_STREAM, 0, ends) : pipe(ends);
#endif
    return rc == 0 && move_up(&ends[0]) && move_up(&ends[1]) && set_up_end(ends[0], true) &&
           set_up_end(ends[1], false);
}

// ---- the start ----------------------------------------------------------------------------------

typedef struct start {
    const gf_command *command;
    char *const      *envp;
    pid_t             parent;
    int null[2], socket[2], output[2], failed[2]; // of each the second is the child's
} start;

// Between vfork and exec: only what is safe in a borrowed address space.
static void become(const start *s)
{
    struct sigaction plain = { .sa_handler = SIG_DFL };
    for (int number = 1; number < NSIG; number++)
        (void)sigaction(number, &plain, NULL);
#ifdef __linux__
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != s->parent)
        return;                    // the worker died meanwhile
#endif
    if (setsid() < 0 || dup2(s->null[1], STDIN_FILENO) < 0 ||
        dup2(s->output[1], STDOUT_FILENO) < 0 || dup2(s->output[1], STDERR_FILENO) < 0 ||
        dup2(s->socket[1], GF_CHILD_SOCKET) < 0)
        return;
#ifdef SYS_close_range
    // Ours are CLOEXEC; the host's may not be. But for the one by which a failure is told.
    (void)syscall(SYS_close_range, FIRST_FREE, s->failed[1] - 1, 0);
    (void)syscall(SYS_close_range, s->failed[1] + 1, ~0U, 0);
#endif
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execve(s->command->path, s->command->argv, s->envp);
}

// The process's number; 0: no process.
static pid_t launch(const start *s)
{
    pid_t pid = vfork();
    if (pid == 0) {
        become(s);
        int error = errno;
        ssize_t ignored = write(s->failed[1], &error, sizeof error);
        (void)ignored;
        _exit(127);
    }
    return pid < 0 ? 0 : pid;
}

static pid_t launch_masked(start *s, int *error)
{
    sigset_t all, before;
    gf_start turn;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);       // no handler runs in what we lend
    gf_start_begin(&turn);
    pid_t pid = launch(s);
    *error = pid ? 0 : errno;
    (void)gf_start_end(&turn);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!pid)
        return 0;
    gf_shut(&s->failed[1]);
    ssize_t got;
    do
        got = read(s->failed[0], error, sizeof *error);    // its end comes with the exec
    while (got < 0 && errno == EINTR);
    if (got != sizeof *error)
        return pid;
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return 0;
}

static void close_all(start *s)
{
    int *ends[] = { s->null, s->socket, s->output, s->failed };
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (int k = 0; k < 2; k++)
            gf_shut(&ends[i][k]);
}

static bool open_all(start *s)
{
    s->null[1] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (s->null[1] < 0 || !move_up(&s->null[1]) || !open_ends(s->socket, true) ||
        !open_ends(s->output, false) || !open_ends(s->failed, false))
        return false;
    int flags = fcntl(s->failed[0], F_GETFL);
    return flags >= 0 && fcntl(s->failed[0], F_SETFL, flags & ~O_NONBLOCK) == 0;
}

gofer_status gf_proc_start(const gf_command *command, char *const *envp, gf_proc *out)
{
    start s = { command, envp, getpid(), { -1, -1 }, { -1, -1 }, { -1, -1 }, { -1, -1 } };
    int error = 0;
    if (!open_all(&s)) {
        gofer_status st = gf_fail(GOFER_ENOMEM, "no descriptor for %s: %s", command->path,
            strerror(errno));
        close_all(&s);
        return st;
    }
    pid_t pid = launch_masked(&s, &error);
    if (!pid) {
        close_all(&s);
        return gf_spawn_failed(command->path, error);
    }
    *out = (gf_proc){ pid, gf_pidfd_open(pid), s.socket[0], s.output[0] };
    s.socket[0] = s.output[0] = -1;
    close_all(&s);
    return GOFER_OK;
}

// ---- its life and end ---------------------------------------------------------------------------

void gf_proc_signal(const gf_proc *p, int number)
{
    if (p->pid > 1)
        (void)kill(-p->pid, number);
}

bool gf_proc_ended(const gf_proc *p)
{
    siginfo_t info = { 0 };
    int rc = waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    return rc == 0 ? info.si_pid == p->pid : errno == ECHILD;      // or the host has reaped it
}

void gf_proc_bury(gf_proc *p, int *status)
{
    pid_t pid = 0;
    gf_proc_signal(p, SIGKILL);    // while it is a zombie its number is nobody else's
    if (p->pid > 1)
        do
            pid = waitpid(p->pid, status, 0);
        while (pid < 0 && errno == EINTR);
    if (pid != p->pid)
        *status = -1;
    gf_shut(&p->pidfd);
    gf_shut(&p->socket);
    gf_shut(&p->output);
    p->pid = 0;
}

void gf_proc_say_end(int status, char *out, size_t size)
{
    bool seen = status != -1, signalled = seen && WIFSIGNALED(status);
    gf_child_how how = !seen ? GF_CHILD_UNKNOWN : signalled ? GF_CHILD_SIGNALLED : GF_CHILD_EXITED;
    gf_say_end(how, signalled ? WTERMSIG(status) : WEXITSTATUS(status), "", out, size);
}
