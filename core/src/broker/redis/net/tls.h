// tls.h - TLS over our own sockets, by OpenSSL.
//
// May touch: OpenSSL through util/openssl.h, options.h, util/. Never writes to a broken socket
// with a signal (SIGPIPE).
#ifndef GF_BROKER_REDIS_NET_TLS_H
#define GF_BROKER_REDIS_NET_TLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/redis/net/options.h"
#include "gofer/gofer.h"
#include "util/log.h"

typedef enum gf_rd_io { GF_RD_IO_DONE, GF_RD_IO_AGAIN, GF_RD_IO_BROKEN } gf_rd_io;

struct gf_openssl;

typedef struct gf_rd_tls_setup gf_rd_tls_setup;   // certificates and rules, shared by all
                                                  //   connections
typedef struct gf_rd_tls gf_rd_tls;               // one connection's

// lib is borrowed until the setup is closed.
gofer_status gf_rd_tls_setup_open(gf_rd_tls_setup **out, const struct gf_openssl *lib,
    const gf_rd_options *options, const gf_log *log);
void         gf_rd_tls_setup_close(gf_rd_tls_setup *s);

// The other end of a socket.
typedef struct gf_rd_tls_peer {
    int         fd;
    const char *host;                             // whose certificate it must be, and the SNI
                                                  //   unless the options name another
    const char *where;                            // for errors
} gf_rd_tls_peer;

// The handshake ends at the deadline.
gofer_status gf_rd_tls_open(gf_rd_tls **out, gf_rd_tls_setup *setup, const gf_rd_tls_peer *peer,
    int64_t deadline_ms, bool *again);
void         gf_rd_tls_close(gf_rd_tls *t);       // frees memory; sends nothing
gf_rd_io gf_rd_tls_send(gf_rd_tls *t, const void *bytes, size_t size, size_t *sent, char *why,
    size_t capacity);
gf_rd_io gf_rd_tls_receive(gf_rd_tls *t, void *bytes, size_t capacity, size_t *got, char *why,
    size_t why_capacity);
// It broke because the server refuses our certificate, or wants one.
bool         gf_rd_tls_refused(const gf_rd_tls *t);
// What to poll for after AGAIN, besides what the caller waits for itself.
short        gf_rd_tls_events(const gf_rd_tls *t);

#endif
