// signals.c - signals become bytes in a pipe, and a thread notifies the worker.
//
// The handler only writes, so it is safe at any moment. The thread notifies the worker first and
// then the log, by a thread of its own: a log that nobody reads must not keep it from the next
// signal. Nothing is blocked in the signal mask: commands that the worker
// starts would inherit that.
#include "signals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

typedef enum effect { STOP, QUIET, RESUME } effect;

static const struct { int number; const char *name; effect effect; } caught[] = {
    { SIGTERM, "TERM", STOP }, { SIGINT, "INT", STOP }, { SIGHUP, "HUP", STOP },
    { SIGTSTP, "TSTP", QUIET }, { SIGUSR1, "USR1", QUIET }, { SIGCONT, "CONT", RESUME },
};

enum {
    CAUGHT = sizeof caught / sizeof *caught,
    ONE_STOP_MS = 100,      // signals to stop that come together (a terminal's and a
                            //   supervisor's) are one
    SAY_MS = 200            // so long the last word to the log is waited for
};

// A handler can reach nothing but globals: these belong to this file, one worker per process.
static volatile int ends[2] = { -1, -1 };   // read, write
static pthread_t thread;
static int serving;
static int stopped;                         // a worker was asked to; no thread serves
static volatile sig_atomic_t keeping;
static gofer_worker *served;
static logger *served_log;

// What is being said to the log. NULL: nothing.
static _Atomic(const char *) saying;
static _Atomic(const char *) saying_name;

static int is_stop(int number)
{
    for (size_t i = 0; i < CAUGHT; i++)
        if (caught[i].number == number)
            return caught[i].effect == STOP;
    return 0;
}

static void on_signal(int number)
{
    if (!keeping && is_stop(number))
        _exit(0);
    int kept = errno;
    unsigned char byte = (unsigned char)number;
    ssize_t ignored = write(ends[1], &byte, 1);     // full: enough signals wait there already
    (void)ignored;
    errno = kept;
}

int signals_catch(void)
{
    int made[2];
    if (pipe(made) != 0)
        return -1;
    ends[0] = made[0];
    ends[1] = made[1];
    if (fcntl(made[0], F_SETFD, FD_CLOEXEC) != 0 || fcntl(made[1], F_SETFD, FD_CLOEXEC) != 0
        || fcntl(made[1], F_SETFL, O_NONBLOCK) != 0)
        return -1;

    struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < CAUGHT; i++) {
        struct sigaction before;
        if (sigaction(caught[i].number, NULL, &before) != 0)
            return -1;
        // nohup has a meaning: a hangup that is ignored stays so.
        if (caught[i].number == SIGHUP && before.sa_handler == SIG_IGN)
            continue;
        if (sigaction(caught[i].number, &action, NULL) != 0)
            return -1;
    }
    return 0;
}

void signals_keep(void)
{
    keeping = 1;
}

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;
    return clock_gettime(clock, &now) == 0 ? (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000 : 0;
}

static void *write_line(void *log)
{
    char fields[32];
    snprintf(fields, sizeof fields, "{\"signal\":\"%s\"}", atomic_load(&saying_name));
    logger_write(log, GOFER_LOG_INFO, clock_ms(CLOCK_REALTIME), atomic_load(&saying), fields);
    atomic_store(&saying, NULL);
    return NULL;
}

// One line at a time: while the log does not take the last one, others are left out.
static void say(const char *text, const char *name)
{
    const char *nothing = NULL;
    pthread_t writer;
    if (!served_log || !atomic_compare_exchange_strong(&saying, &nothing, text))
        return;
    atomic_store(&saying_name, name);
    if (pthread_create(&writer, NULL, write_line, served_log) != 0)
        atomic_store(&saying, NULL);
    else
        (void)pthread_detach(writer);
}

typedef struct stops {
    int     count;
    int64_t at_ms;          // monotonic: the latest
} stops;

static void notify_worker(unsigned char number, stops *s)
{
    size_t i = 0;
    while (i < CAUGHT && caught[i].number != number)
        i++;
    if (i == CAUGHT)
        return;

    const char *name = caught[i].name;
    int64_t now_ms = clock_ms(CLOCK_MONOTONIC);
    switch (caught[i].effect) {
    case QUIET:
        gofer_worker_quiet(served);
        say("signal: taking no more tasks", name);
        return;
    case RESUME:
        gofer_worker_resume(served);
        say("signal: taking tasks", name);
        return;
    case STOP:
        break;
    }
    if (s->count && now_ms - s->at_ms < ONE_STOP_MS)
        return;
    s->at_ms = now_ms;
    gofer_worker_stop(served);
    stopped = 1;
    say(s->count++ == 0 ? "signal: stopping, running handlers get the grace time"
        : "signal again: stopping without grace", name);
}

static void *serve(void *unused)
{
    (void)unused;
    stops s = { 0 };
    for (;;) {
        unsigned char number;
        ssize_t got = read(ends[0], &number, 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || number == 0)
            return NULL;
        notify_worker(number, &s);
    }
}

int signals_serve(gofer_worker *worker, logger *log)
{
    served = worker;
    served_log = log;
    int failed = pthread_create(&thread, NULL, serve, NULL);
    if (failed) {
        errno = failed;
        return -1;
    }
    serving = 1;
    return 0;
}

void signals_leave(void)
{
    static const unsigned char end = 0;
    if (!serving)
        return;
    // The pipe may be full of signals: the thread empties it.
    while (write(ends[1], &end, 1) < 0 && (errno == EAGAIN || errno == EINTR))
        (void)usleep(1000);
    (void)pthread_join(thread, NULL);
    serving = 0;
    for (int waited = 0; atomic_load(&saying) && waited < SAY_MS; waited++)
        (void)usleep(1000);
}

int signals_stop_within(int64_t ms)
{
    unsigned char number, other = 0;
    int64_t end_ms = clock_ms(CLOCK_MONOTONIC) + ms, left_ms = ms;
    while (!stopped && left_ms >= 0) {
        struct pollfd pipe_end = { .fd = ends[0], .events = POLLIN };
        if (poll(&pipe_end, 1, (int)left_ms) > 0 && read(ends[0], &number, 1) == 1) {
            stopped = is_stop(number);
            other = number;
        } else if (left_ms == 0) {
            break;
        }
        left_ms = end_ms - clock_ms(CLOCK_MONOTONIC);
        left_ms = left_ms < 0 ? 0 : left_ms;
    }
    // To be quiet, or not: the latest is the next worker's.
    if (!stopped && other)
        on_signal(other);
    return stopped;
}

void signals_release(void)
{
    int reader = ends[0], writer = ends[1];
    if (reader < 0)
        return;
    signals_leave();
    // The handlers stay: an impatient signal while the process closes its books must not turn a
    // clean end into a death. They find no pipe.
    ends[0] = ends[1] = -1;
    (void)close(reader);
    (void)close(writer);
}
