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
#include "safety.h"
#include "tunnel.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0          // the binary has a handler for SIGPIPE
#endif
#ifndef POLLRDHUP
#define POLLRDHUP 0             // it is seen when something is written, then
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
    KNOCK,                      // at an address with TLS; nothing has come yet
    SHAKE,                      // its tunnel shakes hands
    HEAD,                       // its head is not all there
    BODY,                       // the server's; its request is not all there
    SERVED,                     // the server's
    LINGER,                     // answered here; the client may be writing still
    DRAIN                       // nobody is inside its tunnel any more; what was said goes out
} state;

typedef struct place {
    state   state;
    int     fd;                 // of a tunnel: its inside; -1: none
    web_tunnel *tunnel;         // NULL: the connection is plain. The gate's thread alone has it
    uint64_t serial;            // of the connection: the next one here has another
    struct sockaddr_storage from;
    socklen_t from_size;
    bool    counted;            // among those of its address
    void   *reader;             // SERVED: of its stream; NULL: it has none, or he has hung up
    int64_t since_ms;           // when it came, or began to linger
    int64_t look_ms;            // HEAD: not before
    int64_t pause_ms;
    size_t  seen;               // bytes of the head at the last look; LINGER: read away
} place;

struct web_gate {
    web_gate_options opts;
    pthread_mutex_t  lock;      // guards the places: the server's thread ends some
    place            places[WEB_CONNECTIONS];
    pthread_cond_t   news;      // closed
    uint64_t         serial;    // given last
    bool             closing;   // nobody is let in any more
    bool             closed;    //   and the thread knows
    int64_t          end_ms;    // until then tunnels may carry what they have; 0: it goes on
    pthread_t        thread;
    bool             started;
    int              wake[2];   // a pipe: a byte in it has the thread look at all this
};

// ---- places

// Nobody is inside any more; what was said there may still have to go out of a tunnel.
static void leave(place *p)
{
    p->fd = -1;
    p->state = p->tunnel ? DRAIN : FREE;
}

static void close_place(place *p)
{
    if (p->fd >= 0)
        close(p->fd);
    leave(p);
}

// At once.
static void drop(place *p)
{
    web_tunnel_close(p->tunnel);
    p->tunnel = NULL;
    close_place(p);
}

// Has it said nothing that is being worked on?
static bool is_idle(const place *p)
{
    return p->state == KNOCK || p->state == SHAKE || p->state == HEAD || p->state == LINGER;
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
        if (is_idle(p) && (!of || same_address(p, of))
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
            drop(idle);
        return idle;
    }
    for (size_t i = 0; i < WEB_CONNECTIONS; i++)
        if (gate->places[i].state == FREE)
            return &gate->places[i];
    place *idle = most_idle(gate, NULL);
    if (idle)
        drop(idle);
    return idle;
}

// ---- answers of the gate's own

static void answer(int fd, int status, const char *why)
{
#define LINE(name, value) name ": " value "\r\n"
    char body[256], text[1024];
    int size = snprintf(body, sizeof body, "{\"error\":{\"code\":\"EINVAL\",\"message\":\"%s\"}}\n",
        why);
    int n = snprintf(text, sizeof text,
        "HTTP/1.1 %d Refused\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
        "Cache-Control: no-store\r\n" WEB_SAFETY(LINE) "\r\n%s",
        status, size, body);
#undef LINE
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

static void greet(web_gate *gate, const web_listener *listener, int fd,
    const struct sockaddr_storage *from, socklen_t size)
{
    bool counted = !gate->opts.trusted(gate->opts.user, (const struct sockaddr *)from);
    place *p = find_place(gate, from, counted);
    if (!p) {
        if (!listener->tls)
            answer(fd, 503, "there are too many connections");
        close(fd);
        return;
    }
    *p = (place){ .state = listener->tls ? KNOCK : HEAD, .fd = fd, .serial = ++gate->serial,
        .from = *from, .from_size = size, .counted = counted,
        .since_ms = web_ms(CLOCK_MONOTONIC), .pause_ms = PAUSE_MIN_MS };
}

// With none left the listener stays readable, and poll would spin: an idle connection gives up its
// own.
static void no_descriptors(web_gate *gate, int error)
{
    place *idle = error == EMFILE || error == ENFILE ? most_idle(gate, NULL) : NULL;
    if (idle)
        drop(idle);
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
            greet(gate, listener, fd, &from, size);
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
        leave(p);
}

static void look_at_head(web_gate *gate, place *p)
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

// ---- under TLS

// What begins like a record of a handshake gets a tunnel; a request that came plain, an answer
// that can be read.
static void knock(web_gate *gate, place *p)
{
    enum { HANDSHAKE = 22 };
    unsigned char first;
    ssize_t n = recv(p->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return;
    if (n <= 0) {
        close_place(p);
    } else if (first != HANDSHAKE) {
        refuse(p, 400, "this address speaks TLS: say https");
    } else {
        p->tunnel = web_tunnel_new(gate->opts.tls, p->fd);
        p->fd = -1;
        p->state = p->tunnel ? SHAKE : FREE;
    }
}

// Locks: the lock, but not while bytes are carried: that is work, and only this thread has tunnels.
static void move(web_gate *gate, place *p)
{
    pthread_mutex_unlock(&gate->lock);
    web_tunnel_state there = web_tunnel_move(p->tunnel);
    pthread_mutex_lock(&gate->lock);
    if (there == WEB_TUNNEL_ENDED && (p->state == BODY || p->state == SERVED)) {
        // The server sees that the other end is closed, and says web_gate_gone.
        web_tunnel_close(p->tunnel);
        p->tunnel = NULL;
    } else if (there == WEB_TUNNEL_ENDED) {
        drop(p);
    } else if (there == WEB_TUNNEL_OPEN && p->state == SHAKE) {
        p->fd = web_tunnel_inside(p->tunnel);
        p->state = HEAD;
    }
}

// ---- time

// How long a connection may be as it is, from when on; -1: as long as it likes.
static int64_t end_of(const place *p)
{
    switch (p->state) {
    case KNOCK:
    case SHAKE:
    case HEAD:
    case BODY:
        return p->since_ms + WEB_REQUEST_MS;
    case LINGER:
        return p->since_ms + LINGER_MS;
    case DRAIN:
        return web_tunnel_moved_ms(p->tunnel) + WEB_REQUEST_MS;
    case FREE:
    case SERVED:
        break;
    }
    return -1;
}

static void end_it(place *p)
{
    if (p->state == HEAD)
        refuse(p, 408, "the request did not arrive within 10 seconds");
    else if (p->state == BODY)
        shutdown(p->fd, SHUT_RDWR);     // the server sees it, and says web_gate_gone
    else if (p->state == LINGER)
        close_place(p);
    else
        drop(p);
}

// What is too old goes. Returns when the next one will be, or has to be looked at.
static int64_t tidy(web_gate *gate, int64_t now)
{
    int64_t next = now + WEB_REQUEST_MS;
    for (size_t i = 0; i < WEB_CONNECTIONS; i++) {
        place *p = &gate->places[i];
        int64_t end = end_of(p);
        if (end >= 0 && now >= end)
            end_it(p);
        else if (end >= 0 && end < next)
            next = end;
        if (p->state == HEAD && p->look_ms > now && p->look_ms < next)
            next = p->look_ms;
    }
    return next;
}

// ---- the thread

// A connection has one socket in it, a tunnel two beside.
enum { POLLED_MAX = 1 + LISTENERS_MAX + 3 * WEB_CONNECTIONS };

typedef struct polled {
    struct pollfd fds[POLLED_MAX];
    place        *of[POLLED_MAX];
    uint64_t      serial[POLLED_MAX];
    bool          carried[POLLED_MAX];      // it is a tunnel's
    size_t        count;
} polled;

static void watch(polled *set, struct pollfd fd, place *p, bool carried)
{
    set->fds[set->count] = fd;
    set->of[set->count] = p;
    set->serial[set->count] = p ? p->serial : 0;
    set->carried[set->count++] = carried;
}

static void watch_place(polled *set, place *p, int64_t now)
{
    struct pollfd fds[2];
    size_t count = p->tunnel ? web_tunnel_watch(p->tunnel, fds) : 0;
    for (size_t i = 0; i < count; i++)
        watch(set, fds[i], p, true);
    if (p->state == KNOCK || (p->state == HEAD && p->look_ms <= now) || p->state == LINGER)
        watch(set, (struct pollfd){ .fd = p->fd, .events = POLLIN }, p, false);
    else if (p->state == SERVED && p->reader)
        watch(set, (struct pollfd){ .fd = p->fd, .events = POLLRDHUP }, p, false);
}

static void watch_all(web_gate *gate, polled *set, int64_t now)
{
    set->count = 0;
    watch(set, (struct pollfd){ .fd = gate->wake[0], .events = POLLIN }, NULL, false);
    for (size_t i = 0; i < gate->opts.count && !gate->closing; i++)
        watch(set, (struct pollfd){ .fd = gate->opts.listeners[i].fd, .events = POLLIN }, NULL,
            false);
    for (size_t i = 0; i < WEB_CONNECTIONS; i++)
        watch_place(set, &gate->places[i], now);
}

// The server has yet to close it, but it is nobody's any more.
static void hang_up(web_gate *gate, place *p)
{
    gate->opts.left(gate->opts.user, p->reader);
    p->reader = NULL;
    p->counted = false;
}

static void serve_place(web_gate *gate, place *p, const struct pollfd *seen, bool carried)
{
    if (carried && p->tunnel) {
        web_tunnel_polled(p->tunnel, seen);
        move(gate, p);
    } else if (carried) {
        return;                 // it ended at its other socket
    } else if (p->state == KNOCK) {
        knock(gate, p);
    } else if (p->state == HEAD) {
        look_at_head(gate, p);
    } else if (p->state == LINGER) {
        read_away(p);
    } else if (p->state == SERVED && p->reader) {
        hang_up(gate, p);
    }
}

// Who comes takes the place of who has left: the listeners, which are first in the set, are last.
static void serve(web_gate *gate, const polled *set)
{
    for (size_t i = set->count - 1; i > 0; i--) {
        place *p = set->of[i];
        if (!set->fds[i].revents || (p && p->serial != set->serial[i]))
            continue;
        if (p)
            serve_place(gate, p, &set->fds[i], set->carried[i]);
        else
            take_all(gate, &gate->opts.listeners[i - 1]);
    }
}

// Whose request may be on its way is told that nobody reads it; the others are closed.
static void close_idle(web_gate *gate)
{
    for (size_t i = 0; i < WEB_CONNECTIONS; i++) {
        place *p = &gate->places[i];
        if (p->state == HEAD)
            refuse(p, 503, "the server ends, or opens its store again: ask again in a moment");
        else if (is_idle(p))
            drop(p);
    }
    gate->closed = true;
    pthread_cond_signal(&gate->news);
}

static bool has_tunnels(const web_gate *gate)
{
    for (size_t i = 0; i < WEB_CONNECTIONS; i++)
        if (gate->places[i].tunnel)
            return true;
    return false;
}

// What is to be polled, and until when; false: it is the end.
static bool prepare(web_gate *gate, polled *set, int *patience_ms)
{
    int64_t now = web_ms(CLOCK_MONOTONIC);
    pthread_mutex_lock(&gate->lock);
    if (gate->closing && !gate->closed)
        close_idle(gate);
    int64_t next = tidy(gate, now);
    bool going_on = !gate->end_ms || (now < gate->end_ms && has_tunnels(gate));
    if (gate->end_ms && gate->end_ms < next)
        next = gate->end_ms;
    watch_all(gate, set, now);
    pthread_mutex_unlock(&gate->lock);
    *patience_ms = next > now ? (int)(next - now) : 0;
    return going_on;
}

static void *run(void *user)
{
    web_gate *gate = user;
    polled set;
    int patience_ms;
    while (prepare(gate, &set, &patience_ms)) {
        int n = poll(set.fds, (nfds_t)set.count, patience_ms);
        if (n < 0 && errno != EINTR)
            break;
        if (n <= 0)
            continue;
        char byte;
        if (set.fds[0].revents && read(gate->wake[0], &byte, 1) < 0 && errno != EINTR)
            break;
        pthread_mutex_lock(&gate->lock);
        serve(gate, &set);
        pthread_mutex_unlock(&gate->lock);
    }
    pthread_mutex_lock(&gate->lock);
    if (!gate->closed)
        close_idle(gate);       // whoever waits for that need not wait longer
    for (size_t i = 0; i < WEB_CONNECTIONS; i++)
        if (is_idle(&gate->places[i]))
            drop(&gate->places[i]);
    pthread_mutex_unlock(&gate->lock);
    return NULL;
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
    pthread_cond_init(&gate->news, NULL);
    return gate;
}

bool web_gate_start(web_gate *gate)
{
    gate->started = pthread_create(&gate->thread, NULL, run, gate) == 0;
    return gate->started;
}

static void wake(web_gate *gate)
{
    ssize_t ignored = write(gate->wake[1], "", 1);
    (void)ignored;
}

void web_gate_close(web_gate *gate)
{
    if (!gate->started)
        return;
    pthread_mutex_lock(&gate->lock);
    gate->closing = true;
    wake(gate);
    while (!gate->closed)
        pthread_cond_wait(&gate->news, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
}

static void end_thread(web_gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->closing = true;
    gate->end_ms = web_ms(CLOCK_MONOTONIC) + LINGER_MS;
    wake(gate);
    pthread_mutex_unlock(&gate->lock);
    pthread_join(gate->thread, NULL);
}

void web_gate_free(web_gate *gate)
{
    if (!gate)
        return;
    if (gate->started)
        end_thread(gate);
    for (size_t i = 0; i < WEB_CONNECTIONS; i++)
        web_tunnel_close(gate->places[i].tunnel);
    close(gate->wake[0]);
    close(gate->wake[1]);
    pthread_cond_destroy(&gate->news);
    pthread_mutex_destroy(&gate->lock);
    free(gate);
}

// ---- from the server's thread

// Its place, while the server has it. Locks: the lock.
static place *place_of(web_gate *gate, int fd)
{
    for (size_t i = 0; i < WEB_CONNECTIONS; i++) {
        place *p = &gate->places[i];
        if (p->fd == fd && (p->state == BODY || p->state == SERVED))
            return p;
    }
    return NULL;
}

void web_gate_whole(web_gate *gate, int fd)
{
    pthread_mutex_lock(&gate->lock);
    place *p = place_of(gate, fd);
    if (p)
        p->state = SERVED;
    pthread_mutex_unlock(&gate->lock);
}

void web_gate_gone(web_gate *gate, int fd)
{
    pthread_mutex_lock(&gate->lock);
    place *p = place_of(gate, fd);
    if (p)
        leave(p);
    pthread_mutex_unlock(&gate->lock);
}

void web_gate_listen(web_gate *gate, int fd, void *reader)
{
    pthread_mutex_lock(&gate->lock);
    place *p = place_of(gate, fd);
    if (p)
        p->reader = reader;
    if (p && reader)
        wake(gate);             // it is to be polled
    pthread_mutex_unlock(&gate->lock);
}

bool web_gate_is_secure(web_gate *gate, int fd)
{
    pthread_mutex_lock(&gate->lock);
    const place *p = place_of(gate, fd);
    bool secure = p && p->tunnel;
    pthread_mutex_unlock(&gate->lock);
    return secure;
}
