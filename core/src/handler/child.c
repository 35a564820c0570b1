// child.c - stays with a command while it runs: feeds it, listens to it, ends it, buries it.
//
// May touch: util/. One thread and one poll() per child, no timer and no SIGCHLD: those belong to
// the host. The order at the end matters: the child stays a zombie, which keeps its number from
// being given away, until what is left of its process group has been killed.
#include "handler/child.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handler/printed.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/utf8.h"

enum {
    TICK_MS = 200,             // how often we ask whether it is cancelled
    NAP_MIN_MS = 1,            // without a pidfd: how often we ask whether it has ended,
    NAP_MAX_MS = 50,           //   less and less often
    TALK_MS = 5000,            // so long what it left behind may write to standard error
    SHARED_MS = 10000,         // so long a command that is being started may keep its pipes open
    CHUNK = 16 * 1024,
    LINES_MAX = 10000,         // per run: a flood is not a log
    EXIT_NOT_RUN = 126,        // what shells, env and nice answer for a command that they
    EXIT_NOT_FOUND = 127       //   could not run or did not find
};

typedef struct run {
    const gf_child_spec *spec;
    gf_child_end        *end;
    pid_t                pid;
    int                  pidfd;              // -1: none
    gf_child_pipes       pipes;              // each -1 once closed
    size_t               written;            // of spec->input
    size_t               capacity;           // of end->output
    int64_t              term_at, exited_at; // monotonic; 0: not yet
    int64_t              killed_at;          // the same, of what it left behind
    int64_t              read_at;            // monotonic: its latest bytes, at the earliest its end
    int                  owed;               // of standard error, written before its end
                                             //   and not read yet
    bool                 shared;             // a command that is being started may have its pipes
    bool                 silent;             // nothing came for GF_CHILD_DRAIN_MS after its end
    int64_t              nap_ms;
    char                *note;               // a line of its notes so far; owned
    size_t               note_size, note_room;
    bool                 note_lost;          // its beginning: the rest of the line is passed over
    size_t               tail_size, lines;
    char                 tail[2 * GF_CHILD_TAIL];
    gf_printed           printed;
    char                 chunk[CHUNK];       // what was read last
} run;

void gf_shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

// ---- SIGPIPE -----------------------------------------------------------------
//
// A child that does not read its input makes our write raise SIGPIPE in this thread. The host may
// not have it ignored, so it is held back here and taken away before the mask is put back.

typedef struct sigpipe_guard {
    sigset_t before;
    bool     was_pending;
} sigpipe_guard;

static void sigpipe_hold(sigpipe_guard *guard)
{
    sigset_t pending, pipe_only;
    sigemptyset(&pending);
    sigpending(&pending);
    guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &guard->before);
}

static void sigpipe_release(const sigpipe_guard *guard)
{
#ifdef __linux__   // elsewhere F_SETNOSIGPIPE has kept it from being raised
    if (!guard->was_pending) {
        sigset_t pipe_only;
        const struct timespec at_once = { 0, 0 };
        sigemptyset(&pipe_only);
        sigaddset(&pipe_only, SIGPIPE);
        while (sigtimedwait(&pipe_only, NULL, &at_once) < 0 && errno == EINTR)
            ;
    }
#endif
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

// ---- Standard input, output and error -------------------------------------------

static void feed(run *r)
{
    size_t left = r->spec->input_size - r->written;
    ssize_t n = left ? write(r->pipes.in, (const char *)r->spec->input + r->written, left) : 0;
    if (n > 0)
        r->written += (size_t)n;
    bool closed = n < 0 && errno != EAGAIN && errno != EINTR;   // EPIPE: it does not want the rest
    if (closed || r->written == r->spec->input_size)
        gf_shut(&r->pipes.in);
}

static void keep_output(run *r, const char *bytes, size_t size)
{
    gf_child_end *end = r->end;
    end->output_total += size;
    if (!r->spec->keep_output || end->output_lost || end->output_total > r->spec->output_limit)
        return;                       // over the limit: read on, so that it is not blocked

    if (!gf_grow(end->output, r->capacity, gf_max_size(end->output_size + size, CHUNK))) {
        end->output_lost = true;
        return;
    }
    memcpy(end->output + end->output_size, bytes, size);
    end->output_size += size;
}

static void log_line(run *r)
{
    r->printed.line[r->printed.size] = '\0';      // it may be one without an end
    if (r->printed.size && r->spec->line && r->lines < LINES_MAX) {
        r->spec->line(r->spec->user, r->printed.line);
        if (++r->lines == LINES_MAX)
            r->spec->line(r->spec->user, "(what else it says is not logged)");
    }
    r->printed.size = 0;
}

// The last GF_CHILD_TAIL bytes are always in r->tail; the room for twice as many makes the
// moving rare.
static void keep_tail(run *r, const char *bytes, size_t size)
{
    if (size > GF_CHILD_TAIL) {
        bytes += size - GF_CHILD_TAIL;
        size = GF_CHILD_TAIL;
    }
    if (r->tail_size + size > sizeof r->tail) {
        size_t keep = GF_CHILD_TAIL;
        memmove(r->tail, r->tail + r->tail_size - keep, keep);
        r->tail_size = keep;
    }
    memcpy(r->tail + r->tail_size, bytes, size);
    r->tail_size += size;
}

// ---- Notes ----------------------------------------------------------------------

static bool note_grow(run *r, size_t size)
{
    return r->note_size + size <= r->spec->note_limit &&
           gf_grow(r->note, r->note_room, r->note_size + size + 1);
}

static void note_end(run *r)
{
    if (r->note_lost) {
        r->spec->note(r->spec->user, NULL, 0);
    } else if (r->note_size) {
        r->note[r->note_size] = '\0';
        r->spec->note(r->spec->user, r->note, r->note_size);
    }
    r->note_size = 0;
    r->note_lost = false;
}

static void keep_notes(run *r, const char *bytes, size_t size)
{
    while (size) {
        const char *newline = memchr(bytes, '\n', size);
        size_t part = newline ? (size_t)(newline - bytes) : size;
        if (!r->note_lost && part && note_grow(r, part)) {
            memcpy(r->note + r->note_size, bytes, part);
            r->note_size += part;
        } else if (part) {
            r->note_lost = true;
        }
        if (newline)
            note_end(r);
        bytes += part + (newline != NULL);
        size -= part + (newline != NULL);
    }
}

// What it left behind may talk on for ever, and it is only the log: unlike output, that holds
// nobody until the deadline.
static bool talked_enough(const run *r)
{
    return r->exited_at && gf_mono_ms() - r->exited_at >= TALK_MS;
}

// One read a turn, so that a flood on one pipe does not starve the other or the clock.
static void listen_to(run *r, int *fd)
{
    const char *bytes = r->chunk;
    ssize_t n = read(*fd, r->chunk, sizeof r->chunk);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0 && fd == &r->pipes.out)
        r->end->output_lost = true;
    if (n <= 0) {
        gf_shut(fd);
        return;
    }
    bool is_error = fd == &r->pipes.err;
    if (!is_error || !talked_enough(r))
        r->read_at = gf_mono_ms();
    if (is_error)
        r->owed -= r->owed < (int)n ? r->owed : (int)n;
    if (fd == &r->pipes.notes) {
        keep_notes(r, bytes, (size_t)n);
        return;
    }
    if (fd == &r->pipes.out) {
        keep_output(r, bytes, (size_t)n);
        return;
    }
    keep_tail(r, bytes, (size_t)n);
    for (size_t left = (size_t)n; gf_printed_take(&r->printed, &bytes, &left);)
        log_line(r);
}

// ---- Its end ---------------------------------------------------------------------

int gf_pidfd_open(pid_t pid)
{
#ifdef SYS_pidfd_open
    return (int)syscall(SYS_pidfd_open, pid, 0);   // always CLOEXEC
#else
    (void)pid;
    return -1;
#endif
}

// Has it ended? It is not reaped: see the top of the file.
static void look_for_end(run *r)
{
    siginfo_t info = { 0 };
    int rc = waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    if (rc != 0 && errno == ECHILD)
        r->end->how = GF_CHILD_UNKNOWN;
    else if (rc != 0 || info.si_pid == 0)
        return;
    r->exited_at = r->read_at = gf_mono_ms();
    if (r->pipes.err < 0 || ioctl(r->pipes.err, FIONREAD, &r->owed) != 0)
        r->owed = 0;
    gf_shut(&r->pipes.in);                    // nobody reads it who should
    gf_shut(&r->pidfd);                       // else it would be ready for ever
}

// ESRCH: nobody is left. EPERM: they have become another user, and it is not for us to end them.
static void signal_group(const run *r, int number)
{
    if (r->end->how != GF_CHILD_UNKNOWN)   // somebody reaped it: its number may be another's now
        (void)kill(-r->pid, number);
}

static void send_term(const run *r)
{
    signal_group(r, SIGTERM);
    signal_group(r, SIGCONT);              // a stopped process would not see the TERM
}

static bool left_nobody_who_talks(const run *r)
{
    return r->exited_at && r->read_at <= r->exited_at;
}

// TERM at the deadline or when cancelled, KILL when that did not help; once it has ended, for what
// it left behind and what still writes: the command is not over before.
static void urge(run *r)
{
    const gf_child_spec *spec = r->spec;
    gf_child_end *end = r->end;
    int64_t now = gf_mono_ms();

    if (!end->termed) {
        bool late = spec->deadline_mono_ms && now >= spec->deadline_mono_ms;
        if (left_nobody_who_talks(r))
            return;                        // soon over
        if (!late && !(spec->cancelled && spec->cancelled(spec->user))) {
            if (!end->asked && !r->exited_at && spec->stopping && spec->stopping(spec->user)) {
                send_term(r);
                end->asked = true;
            }
            return;
        }
        send_term(r);
        end->termed = true;
        end->late = late;
        end->outlived = r->exited_at != 0;
        r->term_at = now;
    } else if (!r->killed_at && now - r->term_at >= GF_CHILD_TERM_MS) {
        signal_group(r, SIGKILL);
        r->killed_at = now;
        end->killed = !r->exited_at;
    }
}

static void reap(run *r)
{
    int status;
    pid_t pid;
    if (r->end->how == GF_CHILD_UNKNOWN)   // somebody reaped it: its number may be another's now
        return;
    signal_group(r, SIGKILL);              // what it left behind
    do
        pid = waitpid(r->pid, &status, 0); // does not block: it is a zombie
    while (pid < 0 && errno == EINTR);

    if (pid != r->pid) {
        r->end->how = GF_CHILD_UNKNOWN;
    } else if (WIFSIGNALED(status)) {
        r->end->how = GF_CHILD_SIGNALLED;
        r->end->code = WTERMSIG(status);
    } else {
        r->end->how = GF_CHILD_EXITED;
        r->end->code = WEXITSTATUS(status);
    }
}

// ---- The loop --------------------------------------------------------------------

static void sooner(int64_t *wait_ms, int64_t than)
{
    if (than < *wait_ms)
        *wait_ms = than > 0 ? than : 0;
}

static int poll_timeout(run *r)
{
    const gf_child_spec *spec = r->spec;
    int64_t now = gf_mono_ms(), wait_ms = TICK_MS;
    if (r->exited_at)
        sooner(&wait_ms, r->shared ? NAP_MAX_MS : r->read_at + GF_CHILD_DRAIN_MS - now);
    if (r->end->termed && !r->killed_at)
        sooner(&wait_ms, r->term_at + GF_CHILD_TERM_MS - now);
    else if (!r->end->termed && spec->deadline_mono_ms && !left_nobody_who_talks(r))
        sooner(&wait_ms, spec->deadline_mono_ms - now);
    if (r->pidfd < 0 && !r->exited_at) {
        sooner(&wait_ms, r->nap_ms);
        r->nap_ms = r->nap_ms * 2 < NAP_MAX_MS ? r->nap_ms * 2 : NAP_MAX_MS;
    }
    return (int)wait_ms;
}

// All that was written before its end is read whatever that takes. Those it left behind have
// GF_CHILD_DRAIN_MS from their latest bytes on, until the deadline; what escapes a KILL, no more
// than that. A command that is being started beside it, and has the pipes until its exec, is none
// of them: that is waited for, but not for ever.
static bool over(const run *r)
{
    if (!r->exited_at)
        return false;
    bool drained = r->pipes.out < 0 && r->pipes.err < 0 && r->pipes.notes < 0;
    int64_t killed_at = r->killed_at > r->exited_at ? r->killed_at : r->exited_at;
    return drained || r->silent || (r->killed_at && gf_mono_ms() - killed_at >= GF_CHILD_DRAIN_MS);
}

static void turn(run *r)
{
    struct pollfd fds[] = {                // poll skips negative ones
        { .fd = r->pipes.in, .events = POLLOUT },
        { .fd = r->pipes.out, .events = POLLIN },
        { .fd = r->pipes.err, .events = POLLIN },
        { .fd = r->pidfd, .events = POLLIN },
        { .fd = r->pipes.notes, .events = POLLIN },
    };
    // Read before the pipes are looked at: a thread that was held up in between
    // has not seen a silence.
    int64_t before = gf_mono_ms();
    // Likewise: when the last of those has closed them, the pipes say so in this very turn. Whoever
    // has them open then was left behind by the command.
    r->shared = r->exited_at && gf_child_shares(&r->pipes);
    if (poll(fds, sizeof fds / sizeof *fds, poll_timeout(r)) < 0)
        return;                            // EINTR; ENOMEM passes too

    if (fds[0].revents)
        feed(r);
    if (fds[1].revents)
        listen_to(r, &r->pipes.out);
    if (fds[2].revents)
        listen_to(r, &r->pipes.err);
    if (fds[4].revents)
        listen_to(r, &r->pipes.notes);
    if (!r->exited_at && (r->pidfd < 0 || fds[3].revents))
        look_for_end(r);
    else if (r->exited_at && !fds[1].revents && !fds[4].revents &&
        (!fds[2].revents || talked_enough(r)))
        r->silent = r->owed == 0 &&
            before - r->read_at >= (r->shared ? SHARED_MS : GF_CHILD_DRAIN_MS);
    if (!over(r))
        urge(r);
}

// The last lines of standard error: at most GF_CHILD_TAIL bytes and GF_CHILD_TAIL_LINES lines.
static void make_tail(run *r)
{
    size_t size = r->tail_size;
    while (size && strchr(" \t\r\n", r->tail[size - 1]) && r->tail[size - 1])
        size--;
    size_t start = size > GF_CHILD_TAIL ? size - GF_CHILD_TAIL : 0;
    for (size_t at = size, lines = 0; at > start; at--)
        if (r->tail[at - 1] == '\n' && ++lines == GF_CHILD_TAIL_LINES) {
            start = at;
            break;
        }
    if (start > 0)                         // a character that was cut in the middle
        while (start < size && ((unsigned char)r->tail[start] & 0xC0) == 0x80)
            start++;
    gf_utf8_clean(r->tail + start, size - start, r->end->tail, sizeof r->end->tail);
}

// To its end, and what there is to tell of it.
static void stay_with(run *r)
{
    sigpipe_guard guard;
    sigpipe_hold(&guard);
    r->pidfd = r->spec->no_pidfd ? -1 : gf_pidfd_open(r->pid);
    if (r->spec->input_size == 0)
        gf_shut(&r->pipes.in);
    while (!over(r))
        turn(r);
    r->end->left_open = r->pipes.out >= 0 && !r->shared;
    reap(r);
    log_line(r);                           // one without an end
    if (r->spec->note)
        note_end(r);
    make_tail(r);
    gf_shut(&r->pipes.in);
    gf_shut(&r->pipes.out);
    gf_shut(&r->pipes.err);
    gf_shut(&r->pipes.notes);
    gf_shut(&r->pidfd);
    sigpipe_release(&guard);
}

gofer_status gf_child_run(const gf_child_spec *spec, gf_child_end *end)
{
    *end = (gf_child_end){ .how = GF_CHILD_EXITED };
    // Not on the stack: a slot's is small.
    run *r = gf_alloc(sizeof *r);
    if (!r)
        return gf_fail_nomem("a command");
    *r = (run){ .spec = spec, .end = end, .nap_ms = NAP_MIN_MS };
    gofer_status st = gf_child_spawn(spec, &r->pid, &r->pipes);
    if (st == GOFER_OK) {
        assert(r->pid > 1);                // kill(-1) would be everybody
        stay_with(r);
        gf_free(r->note);
    }
    gf_free(r);
    if (end->output_lost || end->output_total > spec->output_limit || !spec->keep_output) {
        gf_free(end->output);
        end->output = NULL;
        end->output_size = 0;
    }
    return st;
}

static const char *signal_name(int number)
{
    static const struct {
        int         number;
        const char *name;
    } names[] = {
        { SIGHUP, "HUP" },   { SIGINT, "INT" },   { SIGQUIT, "QUIT" }, { SIGILL, "ILL" },
        { SIGTRAP, "TRAP" }, { SIGABRT, "ABRT" }, { SIGBUS, "BUS" },   { SIGFPE, "FPE" },
        { SIGKILL, "KILL" }, { SIGUSR1, "USR1" }, { SIGSEGV, "SEGV" }, { SIGUSR2, "USR2" },
        { SIGPIPE, "PIPE" }, { SIGALRM, "ALRM" }, { SIGTERM, "TERM" }, { SIGXCPU, "XCPU" },
        { SIGXFSZ, "XFSZ" }, { SIGVTALRM, "VTALRM" }, { SIGPROF, "PROF" }, { SIGSYS, "SYS" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].number == number)
            return names[i].name;
    return NULL;
}

void gf_say_end(gf_child_how how, int code, const char *more, char *out, size_t size)
{
    if (how == GF_CHILD_UNKNOWN) {
        snprintf(out, size, "its end was not seen%s: this process ignores SIGCHLD or waits for "
                 "all its children", more);
    } else if (how == GF_CHILD_SIGNALLED) {
        const char *name = signal_name(code);
        snprintf(out, size, "killed by signal %d%s%s%s%s", code, name ? " (" : "",
            name ? name : "", name ? ")" : "", more);
    } else {
        snprintf(out, size, "exit code %d%s", code, more);
    }
}

void gf_child_say_end(const gf_child_end *end, char *out, size_t size)
{
    const char *ours = !end->termed && end->asked ? " when the worker began to stop"
        : !end->termed ? ""
        : end->outlived ? (end->late ? ", but what it left behind still wrote at the deadline"
                                     : ", but what it left behind still wrote when told to stop")
        : end->killed ? (end->late ? " at the deadline, after it had ignored TERM"
                                   : " when told to stop, after it had ignored TERM")
        : end->late   ? " at the deadline"
                      : " when told to stop";
    const char *hint = end->how != GF_CHILD_EXITED   ? ""
                     : end->code == EXIT_NOT_RUN     ? " (a command in it could not be run)"
                     : end->code == EXIT_NOT_FOUND   ? " (a command in it was not found)"
                                                     : "";
    char more[160];
    snprintf(more, sizeof more, "%s%s", hint, ours);
    gf_say_end(end->how, end->code, more, out, size);
}
