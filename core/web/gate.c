// gate.c - where connections come in.
//
// A peek takes nothing away, so a socket with half a head stays readable and poll would spin. It is
// looked at again after a pause instead, which doubles while nothing more comes.
#include "gate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "head.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0          // the binary has a handler for SIGPIPE
#endif

enum {
    PAUSE_MIN_MS = 2,
    PAUSE_MAX_MS = 200,
    LINGER_MS = 1000,           // so long what a refused client still sends is read away
    LINGER_MAX = 2 << 20,       // and at the most so much of it
    LISTENERS_MAX = 16
};

typedef enum state {
    FREE,
    HEAD,                       // its head is not all there
    BODY,                       // the server's; its request is not all there
    SERVED,                     // the server's
    LINGER                      // answered here; the client may be writing still
} state;

typedef struct place {
    state   state;
    int     fd;
    struct sockaddr_storage from;
    socklen_t from_size;
    bool    counted;            // among those of its address
    int64_t since_ms;           // when it came, or began to linger
    int64_t look_ms;            // HEAD: not before
    int64_t pause_ms;
    size_t  seen;               // bytes of the head at the last look; LINGER: read away
} place;

struct web_gate {
    web_gate_options opts;
    pthread_mutex_t  lock;      // guards the places: the server's thread ends some
    place            places[WEB_CONNECTIONS];
    pthread_t        thread;
    bool             started;
    int              wake[2];   // a pipe: closing its end ends the thread
};

// ---- places

static void close_place(place *p)
{
    close(p->fd);
    p->state = FREE;
}

static bool same_address(const place *p, const struct sockaddr_storage *from)
{
    if (p->from.ss_family != from->ss_family)
        return false;
    if (from->ss_family == AF_INET)
        return ((const struct sockaddr_in *)&p->from)->sin_addr.s_addr
            == ((const struct sockaddr_in *)from)->sin_addr.s_addr;
    return from->ss_family == AF_INET6
        && memcmp(&((const struct sockaddr_in6 *)&p->from)->sin6_addr,
               &((const struct sockaddr_in6 *)from)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

// The one that has been silent longest: of this address, or of all.
static place *most_idle(web_gate *gate, const struct sockaddr_storage *of)
{
    place *found = NULL;
    for (size_t i = 0; i < WEB_CONNECTIONS; i++) {
        place *p = &gate->places[i];
        if ((p->state == HEAD || p->state == LINGER) && (!of || same_address(p, of))
            && (!found || p->since_ms < found->since_ms))
            found = p;
    }
    return found;
}

static size_t count_of(const web_gate *gate, const struct sockaddr_storage *from)
{
    size_t count = 0;
    for (size_t i = 0; i < WEB_CONNECTIONS; i++)
        count += gate->places[i].state != FREE && gate->places[i].counted
            && same_address(&gate->places[i], from);
    return count;
}

// A free place for a connection of this address, if need be that of an idle one. NULL: none.
static place *find_place(web_gate *gate, const struct sockaddr_storage *from, bool counted)
{
    if (counted && count_of(gate, from) >= WEB_PER_ADDRESS) {
        place *idle = most_idle(gate, from);
        if (idle)
            close_place(idle);
        return idle;
    }
    for (size_t i = 0; i < WEB_CONNECTIONS; i++)
        if (gate->places[i].state == FREE)
            return &gate->places[i];
    place *idle = most_idle(gate, NULL);
    if (idle)
        close_place(idle);
    return idle;
}

// ---- answers of the gate's own

static void answer(int fd, int status, const char *why)
{
    char body[256], text[768];
    int size = snprintf(body, sizeof body, "{\"error\":{\"code\":\"EINVAL\",\"message\":\"%s\"}}\n",
        why);
    int n = snprintf(text, sizeof text,
        "HTTP/1.1 %d Refused\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n%s",
        status, size, body);
    // A socket's buffer is empty here and has room for this; one that has not is a hostile one's.
    ssize_t ignored = send(fd, text, (size_t)n, MSG_NOSIGNAL);
    (void)ignored;
    (void)shutdown(fd, SHUT_WR);
}

// Closing with bytes unread would reset the connection, and the answer might be lost with it.
static void refuse(place *p, int status, const char *why)
{
    answer(p->fd, status, why);
    p->state = LINGER;
    p->since_ms = web_ms(CLOCK_MONOTONIC);
    p->seen = 0;
}

static void read_away(place *p)
{
    char bytes[16384];
    ssize_t n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0 && (p->seen += (size_t)n) < LINGER_MAX)
        return;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    close_place(p);
}

// ---- coming in

static void greet(web_gate *gate, int fd, const struct sockaddr_storage *from, socklen_t size)
{
    bool counted = from->ss_family != AF_UNIX
        && !gate->opts.trusted(gate->opts.user, (const struct sockaddr *)from);
    place *p = find_place(gate, from, counted);
    if (!p) {
        answer(fd, 503, "there are too many connections");
        close(fd);
        return;
    }
    *p = (place){ .state = HEAD, .fd = fd, .from = *from, .from_size = size, .counted = counted,
        .since_ms = web_ms(CLOCK_MONOTONIC), .pause_ms = PAUSE_MIN_MS };
}

// With none left the listener stays readable, and poll would spin: an idle connection gives up its
// own.
static void no_descriptors(web_gate *gate, int error)
{
    place *idle = error == EMFILE || error == ENFILE ? most_idle(gate, NULL) : NULL;
    if (idle)
        close_place(idle);
    else if (error == EMFILE || error == ENFILE)
        (void)poll(NULL, 0, PAUSE_MIN_MS);
}

static void take_all(web_gate *gate, const web_listener *listener)
{
    for (;;) {
        struct sockaddr_storage from = { 0 };
        socklen_t size = sizeof from;
        int fd = accept(listener->fd, (struct sockaddr *)&from, &size);
        if (fd < 0) {
            no_descriptors(gate, errno);
            return;
        }
        if (listener->path[0])
            from.ss_family = AF_UNIX;
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0)
            close(fd);
        else
            greet(gate, fd, &from, size);
    }
}

// ---- looking at heads

static void hand_over(web_gate *gate, place *p)
{
    p->state = BODY;
    struct sockaddr_storage from = p->from;
    socklen_t size = p->from_size;
    int fd = p->fd;
    // The server may end it at once, on its own thread.
    pthread_mutex_unlock(&gate->lock);
    bool taken = gate->opts.take(gate->opts.user, fd, (struct sockaddr *)&from, size);
    pthread_mutex_lock(&gate->lock);
    if (!taken && p->state == BODY && p->fd == fd)
        p->state = FREE;
}

static void look(web_gate *gate, place *p)
{
    char bytes[WEB_HEAD_MAX];
    web_head head;
    ssize_t n = recv(p->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0) {
        close_place(p);
        return;
    }
    switch (web_head_read(bytes, (size_t)n, &head)) {
    case WEB_HEAD_WHOLE:
        hand_over(gate, p);
        break;
    case WEB_HEAD_WRONG:
        refuse(p, head.status, head.why);
        break;
    case WEB_HEAD_MORE:
        p->pause_ms = (size_t)n > p->seen ? PAUSE_MIN_MS
            : p->pause_ms * 2 < PAUSE_MAX_MS ? p->pause_ms * 2 : PAUSE_MAX_MS;
        p->seen = (size_t)n;
        p->look_ms = web_ms(CLOCK_MONOTONIC) + p->pause_ms;
        break;
    }
}

// ---- time

// What is too old goes. Returns when the next one will be, or has to be looked at.
static int64_t tidy(web_gate *gate, int64_t now)
{
    int64_t next = now + WEB_REQUEST_MS;
    for (size_t i = 0; i < WEB_CONNECTIONS; i++) {
        place *p = &gate->places[i];
        int64_t end = p->since_ms + (p->state == LINGER ? LINGER_MS : WEB_REQUEST_MS);
        if (p->state == FREE || p->state == SERVED)
            continue;
        if (now >= end && p->state == HEAD)
            refuse(p, 408, "the request did not arrive within 10 seconds");
        else if (now >= end && p->state == BODY)
            shutdown(p->fd, SHUT_RDWR);     // the server sees it, and says web_gate_gone
        else if (now >= end)
            close_place(p);
        else if (end < next)
            next = end;
        if (p->state == HEAD && p->look_ms > now && p->look_ms < next)
            next = p->look_ms;
    }
    return next;
}

// ---- the thread

typedef struct polled {
    struct pollfd fds[1 + LISTENERS_MAX + WEB_CONNECTIONS];
    place        *of[1 + LISTENERS_MAX + WEB_CONNECTIONS];
    size_t        count;
} polled;

static void watch(polled *set, int fd, place *p)
{
    set->fds[set->count] = (struct pollfd){ .fd = fd, .events = POLLIN };
    set->of[set->count++] = p;
}

static void watch_all(web_gate *gate, polled *set, int64_t now)
{
    set->count = 0;
    watch(set, gate->wake[0], NULL);
    for (size_t i = 0; i < gate->opts.count; i++)
        watch(set, gate->opts.listeners[i].fd, NULL);
    for (size_t i = 0; i < WEB_CONNECTIONS; i++) {
        place *p = &gate->places[i];
        if ((p->state == HEAD && p->look_ms <= now) || p->state == LINGER)
            watch(set, p->fd, p);
    }
}

static void serve(web_gate *gate, const polled *set)
{
    for (size_t i = 1; i < set->count; i++) {
        place *p = set->of[i];
        if (!set->fds[i].revents || (p && p->fd != set->fds[i].fd))
            continue;
        if (!p)
            take_all(gate, &gate->opts.listeners[i - 1]);
        else if (p->state == HEAD)
            look(gate, p);
        else if (p->state == LINGER)
            read_away(p);
    }
}

static void *run(void *user)
{
    web_gate *gate = user;
    polled set;
    for (;;) {
        pthread_mutex_lock(&gate->lock);
        int64_t now = web_ms(CLOCK_MONOTONIC), next = tidy(gate, now);
        watch_all(gate, &set, now);
        pthread_mutex_unlock(&gate->lock);

        int n = poll(set.fds, (nfds_t)set.count, next > now ? (int)(next - now) : 0);
        if (n < 0 && errno != EINTR)
            return NULL;
        if (n <= 0)
            continue;
        if (set.fds[0].revents)
            return NULL;
        pthread_mutex_lock(&gate->lock);
        serve(gate, &set);
        pthread_mutex_unlock(&gate->lock);
    }
}

// ---- life

web_gate *web_gate_new(const web_gate_options *opts)
{
    web_gate *gate = opts->count <= LISTENERS_MAX ? calloc(1, sizeof *gate) : NULL;
    if (!gate)
        return NULL;
    gate->opts = *opts;
    if (pipe(gate->wake) != 0) {
        free(gate);
        return NULL;
    }
    (void)fcntl(gate->wake[0], F_SETFD, FD_CLOEXEC);
    (void)fcntl(gate->wake[1], F_SETFD, FD_CLOEXEC);
    pthread_mutex_init(&gate->lock, NULL);
    return gate;
}

bool web_gate_start(web_gate *gate)
{
    gate->started = pthread_create(&gate->thread, NULL, run, gate) == 0;
    return gate->started;
}

void web_gate_close(web_gate *gate)
{
    if (!gate->started)
        return;
    ssize_t ignored = write(gate->wake[1], "", 1);
    (void)ignored;
    pthread_join(gate->thread, NULL);
    gate->started = false;
    pthread_mutex_lock(&gate->lock);
    for (size_t i = 0; i < WEB_CONNECTIONS; i++)
        if (gate->places[i].state == HEAD || gate->places[i].state == LINGER)
            close_place(&gate->places[i]);
    pthread_mutex_unlock(&gate->lock);
}

void web_gate_free(web_gate *gate)
{
    if (!gate)
        return;
    web_gate_close(gate);
    close(gate->wake[0]);
    close(gate->wake[1]);
    pthread_mutex_destroy(&gate->lock);
    free(gate);
}

static void set_state(web_gate *gate, int fd, state from, state to)
{
    pthread_mutex_lock(&gate->lock);
    for (size_t i = 0; i < WEB_CONNECTIONS; i++) {
        place *p = &gate->places[i];
        if (p->fd == fd && (p->state == from || (p->state == SERVED && to == FREE)))
            p->state = to;
    }
    pthread_mutex_unlock(&gate->lock);
}

void web_gate_whole(web_gate *gate, int fd)
{
    set_state(gate, fd, BODY, SERVED);
}

void web_gate_gone(web_gate *gate, int fd)
{
    set_state(gate, fd, BODY, FREE);
}
