// query.h - the options in a Redis URL's query, and the pieces of text that
// options.c and query.c read.
#ifndef GF_BROKER_REDIS_NET_QUERY_H
#define GF_BROKER_REDIS_NET_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "gofer/gofer.h"

typedef struct gf_rd_span {
    const char *at, *end;
} gf_rd_span;

static inline size_t gf_rd_span_size(gf_rd_span s)
{
    return (size_t)(s.end - s.at);
}

static inline const char *gf_rd_span_find(gf_rd_span s, char c)
{
    return s.at < s.end ? memchr(s.at, c, gf_rd_span_size(s)) : NULL;
}

// Cuts off what comes before the first `c`, or all of it.
static inline gf_rd_span gf_rd_span_cut(gf_rd_span *rest, char c)
{
    const char *p = gf_rd_span_find(*rest, c);
    gf_rd_span head = { rest->at, p ? p : rest->end };
    rest->at = p ? p + 1 : rest->end;
    return head;
}

// Percent-escapes decoded. `what` names it in errors, since it may be a secret.
gofer_status gf_rd_span_decode(gf_rd_span text, const char *what, char **out);

void gf_rd_forget(char *bytes, size_t size);     // overwrites a secret
void gf_rd_wipe(char *secret);                   // and frees it; NULL is fine

// What the query asks for, before it is judged as a whole. Texts are owned; NULL: not said.
typedef struct gf_rd_query {
    char *username, *password, *password_file, *sentinel_username, *sentinel_password, *master;
    char *db, *tls, *tls_verify, *ca, *ca_dir, *cert, *key, *sni, *connect_timeout, *wait_replicas,
        *eviction;
} gf_rd_query;

// "db=1&tls=yes": EINVAL names a key that is unknown, with the nearest that is
// known, or given twice.
gofer_status gf_rd_query_read(gf_rd_query *q, gf_rd_span text);
void         gf_rd_query_clear(gf_rd_query *q);

#endif
