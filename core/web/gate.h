// gate.h - where connections come in: taken, looked at, and only then handed to the HTTP library.
//
// The gate peeks at a connection until the head of its request is all there, reads it strictly
// (head.h), and answers what is wrong itself, so that no parser but ours ever sees a head that may
// be read in two ways. A connection has one request: what would come behind it is never read.
//
// At an address with TLS a connection gets a tunnel first (tunnel.h), and what is looked at and
// handed over is its inside.
//
// Limits: WEB_CONNECTIONS in all, WEB_PER_ADDRESS of one address (not of Unix sockets and trusted
// proxies). Who comes when all are taken gets the place of the one that has been silent longest;
// so idle sockets keep nobody out. A request has WEB_REQUEST_MS to arrive whole, the handshake
// included.
//
// One thread, "gate". The server calls web_gate_whole, _listen and _gone from its own.
#ifndef WEB_GATE_H
#define WEB_GATE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "listen.h"
#include "tls.h"

enum {
    WEB_CONNECTIONS = 256,
    WEB_PER_ADDRESS = 32,
    WEB_REQUEST_MS = 10000
};

typedef struct web_gate web_gate;

typedef struct web_gate_options {
    web_listener *listeners;    // borrowed
    size_t        count;
    web_tls      *tls;          // borrowed; NULL: no listener has TLS
    // A connection whose head is whole and right; it is the taker's from now on, also on false (no
    // memory). Called on the gate's thread.
    bool (*take)(void *user, int fd, const struct sockaddr *from, socklen_t size);
    // Is it a proxy of ours, or a Unix socket, which have many people behind them?
    bool (*trusted)(void *user, const struct sockaddr *from);
    // Whom a stream goes to has hung up. Called on the gate's thread, once, under its lock.
    void (*left)(void *user, void *reader);
    void *user;
} web_gate_options;

web_gate *web_gate_new(const web_gate_options *opts);   // NULL: no memory
bool web_gate_start(web_gate *gate);
// No new connections from now on, and nothing more is handed over; those whose request is not all
// there are answered with 503, or closed. What the server has still goes out.
void web_gate_close(web_gate *gate);
void web_gate_free(web_gate *gate);     // NULL is fine; after the server's end. Waits a second

void web_gate_whole(web_gate *gate, int fd);    // its request is all there: no deadline any more
void web_gate_gone(web_gate *gate, int fd);     // it is about to be closed
// It is a stream's, which the library does not watch while there is nothing to send: `left` tells
// when who reads it has hung up, and his place is another's from then on. That he has closed his
// side alone is the same: a stream's reader has nothing more to say. NULL: not any more.
void web_gate_listen(web_gate *gate, int fd, void *reader);
bool web_gate_is_secure(web_gate *gate, int fd);    // it came over our TLS

#endif
