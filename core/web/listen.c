// listen.c - the addresses that the server listens at.
//
// A Unix socket is made 0600; one that nobody listens at any more (its server was killed) is
// replaced, one that somebody does is left alone.
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 256, PORT_MAX = 8 };

static const char *because(char *why, size_t size, const char *address, const char *what)
{
    snprintf(why, size, "cannot listen at %.120s: %s", address, what);
    return why;
}

static bool ready(int fd)
{
    return fcntl(fd, F_SETFD, FD_CLOEXEC) == 0
        && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL, 0) | O_NONBLOCK) == 0 && listen(fd, BACKLOG) == 0;
}

// ---- Unix sockets

// Is it a socket that nobody answers at?
static bool is_left_over(const struct sockaddr_un *at)
{
    struct stat st;
    if (lstat(at->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
        return false;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) != 0
        && errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

static const char *listen_unix(web_listener *out, const char *address, char *why, size_t size)
{
    const char *path = address + strlen("unix:");
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    if (*path == '\0' || strlen(path) >= sizeof at.sun_path || strlen(path) >= sizeof out->path)
        return because(why, size, address, "the path is empty or too long");
    snprintf(at.sun_path, sizeof at.sun_path, "%s", path);
    if (is_left_over(&at))
        unlink(path);
    out->fd = socket(AF_UNIX, SOCK_STREAM, 0);
    mode_t before = umask(0177);
    bool bound = out->fd >= 0 && bind(out->fd, (struct sockaddr *)&at, sizeof at) == 0;
    int error = errno;
    umask(before);
    if (bound)
        snprintf(out->path, sizeof out->path, "%s", path);
    if (!bound || !ready(out->fd))
        return because(why, size, address, strerror(bound ? errno : error));
    out->local = true;
    out->tls = false;
    snprintf(out->name, sizeof out->name, "%s", address);
    return NULL;
}

// ---- TCP

// "HOST:PORT" or "[HOST]:PORT" in two; false: it is neither.
static bool split(const char *address, char *host, size_t room, char port[PORT_MAX])
{
    const char *colon = strrchr(address, ':');
    if (!colon || colon == address || strlen(colon + 1) >= PORT_MAX
        || colon[1 + strspn(colon + 1, "0123456789")] != '\0' || colon[1] == '\0')
        return false;
    const char *from = address, *to = colon;
    if (*from == '[') {
        if (to[-1] != ']')
            return false;
        from++;
        to--;
    }
    snprintf(port, PORT_MAX, "%s", colon + 1);
    return from < to && (size_t)snprintf(host, room, "%.*s", (int)(to - from), from) < room;
}

bool web_is_loopback(const struct sockaddr *at)
{
    if (at->sa_family == AF_INET)
        return ntohl(((const struct sockaddr_in *)(const void *)at)->sin_addr.s_addr) >> 24 == 127;
    return at->sa_family == AF_INET6
        && IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)at)->sin6_addr);
}

static bool name_it(web_listener *out, const char *base)
{
    struct sockaddr_storage at;
    socklen_t length = sizeof at;
    char host[64], port[PORT_MAX];
    if (getsockname(out->fd, (struct sockaddr *)&at, &length) != 0
        || getnameinfo((struct sockaddr *)&at, length, host, sizeof host, port, sizeof port,
               NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    const char *open = at.ss_family == AF_INET6 ? "[" : "", *close = *open ? "]" : "";
    snprintf(out->name, sizeof out->name, "%s://%s%s%s:%s%.64s/", out->tls ? "https" : "http",
        open, host, close, port, base);
    return true;
}

static int try_one(const struct addrinfo *info)
{
    int fd = socket(info->ai_family, info->ai_socktype, info->ai_protocol), one = 1;
    if (fd < 0)
        return -1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (info->ai_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, info->ai_addr, info->ai_addrlen) == 0 && ready(fd))
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static const char *listen_tcp(web_listener *out, const char *address, const char *base, char *why,
    size_t size)
{
    char host[WEB_ADDRESS_MAX], port[PORT_MAX];
    if (!split(address, host, sizeof host, port))
        return because(why, size, address, "it is neither HOST:PORT nor unix:PATH");
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                        .ai_flags = AI_PASSIVE | AI_NUMERICSERV }, *found = NULL;
    int error = getaddrinfo(host, port, &hints, &found);
    if (error != 0)
        return because(why, size, address, gai_strerror(error));
    for (struct addrinfo *at = found; at && out->fd < 0; at = at->ai_next) {
        out->fd = try_one(at);
        out->local = web_is_loopback(at->ai_addr);
    }
    error = errno;
    freeaddrinfo(found);
    if (out->fd < 0)
        return because(why, size, address, strerror(error));
    return name_it(out, base) ? NULL : because(why, size, address, "its name cannot be told");
}

const char *web_listen(web_listener *out, const char *address, const char *base, bool tls,
    char *why, size_t size)
{
    *out = (web_listener){ .fd = -1, .tls = tls };
    const char *failed = strncmp(address, "unix:", 5) == 0
        ? listen_unix(out, address, why, size)
        : listen_tcp(out, address, base, why, size);
    if (failed)
        web_unlisten(out);
    return failed;
}

void web_unlisten(web_listener *l)
{
    if (l->fd >= 0)
        close(l->fd);
    if (l->path[0])
        unlink(l->path);
    *l = (web_listener){ .fd = -1 };
}
