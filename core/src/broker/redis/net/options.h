// options.h - what a Redis URL says.
//
//   redis://[[user]:password@]host[:port][/db][?…]      rediss://…  the same over TLS
//   redis+unix://[[user]:password@]/path[?db=n]         redis-socket://… the same (Asynq's name)
//   redis-sentinel://[[user]:password@]h1[:p][,h2…][/db]?master=name   (Asynq: that password is the
//       Sentinels'; the server's own: ?username=…&password=… or password-file=…)
//   redis-cluster://[[user]:password@]h1[:p][,h2…]      rediss-sentinel:, rediss-cluster: over TLS
//   and a plain host:port as Asynq's own tools take it is refused with a hint (url.c).
//
// No host is localhost, no port 6379 (26379 of a Sentinel). Where we differ from Asynq's
// ParseRedisURI: it has no default port, ignores the user name and ?db= (but with redis-socket),
// refuses a bare '/' and ignores what comes after the database.
//
// Query: tls=yes, ca=FILE, ca-dir=DIR, cert=FILE, key=FILE (else in cert's), sni=NAME (which is
// then verified instead of the host), tls-verify=none (warns), username=, password=,
// password-file=FILE, sentinel-username=, sentinel-password=, db=N, connect-timeout=2s,
// wait-replicas=N, eviction=accept|refuse (a server that deletes keys when it is full: refuse, the
// default, starts no worker). Percent-escapes are decoded; an unknown key is
// EINVAL with the nearest.
#ifndef GF_BROKER_REDIS_NET_OPTIONS_H
#define GF_BROKER_REDIS_NET_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "util/url.h"

typedef enum gf_rd_topology { GF_RD_SINGLE, GF_RD_SENTINEL, GF_RD_CLUSTER } gf_rd_topology;

typedef struct gf_rd_seed {
    char   *host;                  // a name, an IPv4 or IPv6 address without
                                   //   brackets, or NULL: unix
    char   *path;                  // of a Unix socket, or NULL
    int32_t port;
} gf_rd_seed;

typedef struct gf_rd_options {
    gf_rd_topology topology;
    gf_rd_seed *seeds;             // of the server, the Sentinels, or seeds of the cluster; >= 1
    size_t         seed_count;
    char    *username, *password;                    // of the servers; NULL: none
    char    *sentinel_username, *sentinel_password;
    char    *master;                                 // Sentinel's name for it
    int32_t  db;
    bool     tls, tls_verify;                        // verify: true unless asked otherwise
    char    *ca, *ca_dir, *cert, *key, *sni;         // NULL: system's, none
    int64_t  connect_timeout_ms;                     // of one attempt; default 2000
    int32_t  wait_replicas;                          // 0: do not WAIT
    bool     eviction_accepted;
    char    *shown;                                  // the URL without secrets
} gf_rd_options;

// EINVAL with what is wrong, never with a password in the text.
gofer_status gf_rd_options_parse(gf_rd_options *out, const gf_url *url);
void         gf_rd_options_clear(gf_rd_options *o);
// "host:port", "[::1]:6379" or "/path": for errors.
void         gf_rd_seed_text(const gf_rd_seed *a, char *out, size_t capacity);

#endif
