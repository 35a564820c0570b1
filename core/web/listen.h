// listen.h - the addresses that the server listens at: reading them, opening them, naming them.
#ifndef WEB_LISTEN_H
#define WEB_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { WEB_ADDRESS_MAX = 160 };

typedef struct web_listener {
    int  fd;                            // -1: closed
    bool local;                         // loopback, or a Unix socket
    bool tls;                           // it speaks TLS; a Unix socket never does
    char path[WEB_ADDRESS_MAX];         // of a Unix socket, which is ours to remove; ""
    char name[WEB_ADDRESS_MAX];         // "https://127.0.0.1:8989/", "unix:/run/gofer.sock"
} web_listener;

// Opens "127.0.0.1:8989", "[::1]:0" (a free port), "localhost:8989" or "unix:PATH". NULL, or why
// not: a sentence in `why`.
const char *web_listen(web_listener *out, const char *address, const char *base, bool tls,
    char *why, size_t size);
void web_unlisten(web_listener *l);
bool web_is_loopback(const struct sockaddr *at);

#endif
