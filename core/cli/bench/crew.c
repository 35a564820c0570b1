// crew.c - the processes that run workers, and the one that starts them.
//
// A process that has a store open must not fork. So before that this one makes another, the
// leader, which opens nothing: it forks a worker whenever it is handed a socket and an order. It
// outlives this process if that is killed, and then removes the private queue. A store that is one
// process's has a thread in place of the worker's process.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "util/clock.h"

enum {
    LOOK_MS = 1000,         // how often the store is asked whether it is there and moves
    STUCK_LOOKS = 60,       // so many looks without a change are enough
    LOST_LOOKS = 2          // and so many at a queue that has nothing left
};

struct bench_crew {
    int          fd;        // the leader's
    pid_t        leader;
    int          in_thread; // the worker that runs now
    pthread_t    thread;
    gofer_client *client;   // its client, and what it has to do
    serve_order  order;
    int          thread_fd;
};

// ---- The leader ---------------------------------------------------------------------------

static void ignore_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };   // of a terminal, to all of us
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)signal(numbers[i], SIG_IGN);
}

static gofer_client *open_silently(const bench *b)
{
    gofer_client *client = NULL;
    gofer_client_options options;
    gofer_client_options_init(&options);
    options.timeout_ms = b->c->timeout_ms;
    return gofer_client_open(&client, b->c->global.url, &options) == GOFER_OK ? client : NULL;
}

static void work(const bench *b, const serve_order *order, int fd)
{
    gofer_client *client = open_silently(b);
    if (!client) {
        serve_hello hello = { .status = GOFER_EBROKER };
        snprintf(hello.why, sizeof hello.why, "%s", gofer_error_last());
        (void)send(fd, &hello, sizeof hello, MSG_NOSIGNAL);
    } else {
        bench_serve(client, order, fd);
    }
    gofer_client_close(client);
}

typedef union room {        // for a descriptor beside a message, aligned
    struct cmsghdr head;
    char           bytes[CMSG_SPACE(sizeof(int))];
} room;

// An order and the socket that comes with it. 0: an end; what had come by then is in *size.
static int next_order(int fd, serve_order *order, int *socket_of, size_t *size)
{
    struct iovec part = { order, sizeof *order };
    room control = { .bytes = { 0 } };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes };
    ssize_t got;
    while ((got = recvmsg(fd, &message, 0)) < 0 && errno == EINTR)
        ;
    *size = got > 0 ? (size_t)got : 0;
    const struct cmsghdr *beside = CMSG_FIRSTHDR(&message);
    if (*size != sizeof *order || !beside || beside->cmsg_type != SCM_RIGHTS)
        return 0;
    memcpy(socket_of, CMSG_DATA(beside), sizeof *socket_of);
    return 1;
}

static void lead(const bench *b, int fd)
{
    serve_order order;
    int with;
    size_t size;
    ignore_signals();
    while (next_order(fd, &order, &with, &size)) {
        pid_t pid = fork();
        if (pid == 0) {
            (void)close(fd);
            work(b, &order, with);
            _exit(0);
        }
        (void)close(with);              // without a worker, its end of file tells
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
    }
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;                               // they have no other side either, and stop
    if (size > 0)
        return;                         // a farewell: all is in order
    gofer_client *client = open_silently(b);
    if (client)
        (void)bench_remove_queue(client, b->plan.queue);
    gofer_client_close(client);
}

int crew_open(bench *b)
{
    int ends[2];
    bench_crew *crew = b->crew = cli_alloc(sizeof *crew);
    *crew = (struct bench_crew){ .fd = -1, .thread_fd = -1 };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return cli_fail(b->c, CLI_FAILED, "bench: no socket: %s", strerror(errno));
    (void)fflush(NULL);                 // what is in the buffers is not to be written twice
    crew->leader = fork();
    if (crew->leader == 0) {
        (void)close(ends[0]);
        lead(b, ends[1]);
        _exit(0);
    }
    (void)close(ends[1]);
    crew->fd = ends[0];
    return crew->leader > 0
        ? CLI_OK : cli_fail(b->c, CLI_FAILED, "bench: no process: %s", strerror(errno));
}

void crew_close(bench_crew *crew, int is_clean)
{
    if (!crew)
        return;
    if (crew->fd >= 0) {
        if (is_clean)
            (void)send(crew->fd, "", 1, MSG_NOSIGNAL);
        (void)close(crew->fd);
    }
    while (crew->leader > 0 && waitpid(crew->leader, NULL, 0) < 0 && errno == EINTR)
        ;
    free(crew);
}

// ---- A worker --------------------------------------------------------------------------------

static void *serve_in_thread(void *arg)
{
    bench_crew *crew = arg;
    bench_serve(crew->client, &crew->order, crew->thread_fd);
    (void)close(crew->thread_fd);
    return NULL;
}

static int start_thread(bench *b, const serve_order *order, int fd)
{
    bench_crew *crew = b->crew;
    crew->client = b->client;
    crew->order = *order;
    crew->thread_fd = fd;
    if (pthread_create(&crew->thread, NULL, serve_in_thread, crew) != 0)
        return -1;
    crew->in_thread = 1;
    return 0;
}

static int send_order(const bench_crew *crew, const serve_order *order, int fd)
{
    struct iovec part = { (void *)(uintptr_t)order, sizeof *order };
    room control = { .bytes = { 0 } };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes };
    struct cmsghdr *beside = CMSG_FIRSTHDR(&message);
    beside->cmsg_level = SOL_SOCKET;
    beside->cmsg_type = SCM_RIGHTS;
    beside->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(beside), &fd, sizeof fd);
    ssize_t sent = sendmsg(crew->fd, &message, MSG_NOSIGNAL);
    (void)close(fd);
    return sent == (ssize_t)sizeof *order ? 0 : -1;
}

int crew_is_private(const bench *b)
{
    return strncmp(gofer_client_url(b->client), "memory:", 7) == 0;
}

int crew_start(bench *b, const serve_order *order, int *fd)
{
    int ends[2];
    serve_hello hello;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return cli_fail(b->c, CLI_FAILED, "bench: no socket: %s", strerror(errno));
    *fd = ends[0];
    int failed = crew_is_private(b) ? start_thread(b, order, ends[1])
                                    : send_order(b->crew, order, ends[1]);
    int code = failed ? cli_fail(b->c, CLI_FAILED, "bench: a worker cannot be started")
                      : crew_read(b, *fd, &hello, sizeof hello);
    if (code == CLI_OK && hello.status != GOFER_OK)
        code = cli_fail_because(b->c, hello.status, hello.why);
    return code == CLI_OK ? CLI_OK : crew_finish(b, *fd, code);
}

// ---- What it says ------------------------------------------------------------------------------

typedef struct watch {
    int64_t size;           // of the queue, when it was looked at last
    int     looks;          // since it changed
} watch;

// Whether waiting still makes sense.
static int look(bench *b, watch *w)
{
    gofer_info *queue = NULL;
    gofer_status st = gofer_client_queue(b->client, b->plan.queue, &queue);
    int64_t size = gofer_info_int(queue, "size", 0);    // without any task, there is none
    gofer_info_free(queue);
    if (st != GOFER_OK && st != GOFER_ENOTFOUND)
        return cli_fail_status(b->c, st, NULL);
    w->looks = size == w->size ? w->looks + 1 : 0;
    w->size = size;
    if (size == 0 && w->looks >= LOST_LOOKS)
        return cli_fail(b->c, CLI_CONFLICT,
            "bench: the queue is empty, but its worker has not had all tasks: another worker "
            "takes from it ('gofer worker ls' shows them)");
    return w->looks < STUCK_LOOKS ? CLI_OK
        : cli_fail(b->c, CLI_FAILED,
              "bench: the worker has done nothing for %d seconds, and %lld tasks are left",
              STUCK_LOOKS * LOOK_MS / 1000, (long long)size);
}

int crew_read(bench *b, int fd, void *bytes, size_t size)
{
    watch w = { -1, 0 };
    int code = CLI_OK;
    for (char *at = bytes; size > 0 && code == CLI_OK;) {
        struct pollfd one = { .fd = fd, .events = POLLIN };
        int ready = poll(&one, 1, LOOK_MS);
        if (bench_interrupted())
            return CLI_FAILED;
        if (ready == 0)
            code = look(b, &w);
        if (ready <= 0)
            continue;
        ssize_t some = read(fd, at, size);
        if (some == 0 || (some < 0 && errno != EINTR))
            return cli_fail(b->c, CLI_FAILED, "bench: the worker has ended before its time");
        at += some > 0 ? some : 0;
        size -= some > 0 ? (size_t)some : 0;
    }
    return code;
}

int crew_tell(bench *b, int fd, int64_t count)
{
    return send(fd, &count, sizeof count, MSG_NOSIGNAL) == (ssize_t)sizeof count
        ? CLI_OK : cli_fail(b->c, CLI_FAILED, "bench: the worker has ended before its time");
}

int crew_finish(bench *b, int fd, int code)
{
    char rest[512];
    (void)shutdown(fd, SHUT_WR);        // a worker that was not told how many there are stops now
    struct pollfd one = { .fd = fd, .events = POLLIN };
    int64_t until_ms = gf_mono_ms() + LOOK_MS * 20;
    for (ssize_t some = 1; some > 0 && gf_mono_ms() < until_ms;)
        some = poll(&one, 1, LOOK_MS) > 0 ? read(fd, rest, sizeof rest) : 1;
    (void)close(fd);
    if (b->crew->in_thread)
        (void)pthread_join(b->crew->thread, NULL);
    b->crew->in_thread = 0;
    return code;
}
