// tunnel.h - one connection under TLS: what comes in over it stands plain in a socket of ours.
//
// The HTTP library wants a socket, and the gate looks into it before the library does. So a tunnel
// makes a pair of them: one end is inside, in place of the visitor's socket; between the other end
// and the visitor's socket the tunnel carries bytes, in both directions, and ends of them: what
// the library closes is closed for the visitor once all is sent, and the other way round.
//
// It never waits: who has it polls what it asks for and lets it move. Threads: the gate's alone.
#ifndef WEB_TUNNEL_H
#define WEB_TUNNEL_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "tls.h"

typedef struct web_tunnel web_tunnel;

typedef enum web_tunnel_state {
    WEB_TUNNEL_SHAKING,         // hands are not shaken yet
    WEB_TUNNEL_OPEN,
    WEB_TUNNEL_ENDED            // nothing will move any more: it is to be closed
} web_tunnel_state;

// Of a visitor's socket, which is the tunnel's from now on, on failure too. NULL: no memory.
web_tunnel *web_tunnel_new(web_tls *tls, int fd);
void web_tunnel_close(web_tunnel *t);       // NULL is fine; what is not carried yet is lost

// Carries what can be carried now; a bounded amount.
web_tunnel_state web_tunnel_move(web_tunnel *t);
// The end that is inside, once it is open: the caller's from now on. -1: there is none (any more).
int web_tunnel_inside(web_tunnel *t);
// What to poll for before the next move; a count of 1 or 2. `seen`: what poll said of one of them.
size_t web_tunnel_watch(const web_tunnel *t, struct pollfd fds[2]);
void web_tunnel_polled(web_tunnel *t, const struct pollfd *seen);
int64_t web_tunnel_moved_ms(const web_tunnel *t);   // when bytes moved last, monotonic

#endif
