// tls.h - the certificate and key of the server's own TLS.
//
// Both files are looked at whenever a connection comes, and read again once they have changed: who
// renews a certificate need not tell the server. Files that will not do are said in the log, and
// the ones from before go on. TLS 1.2 and 1.3, HTTP/1.1 alone.
// Threads: the gate's, once the server has started.
#ifndef WEB_TLS_H
#define WEB_TLS_H

#include <stddef.h>

#include "log.h"
#include "util/openssl.h"

typedef struct web_tls web_tls;

// NULL: `why` says why not.
web_tls *web_tls_new(const char *cert, const char *key, const web_log *log, char *why,
    size_t size);
void web_tls_free(web_tls *tls);            // NULL is fine; connections may go on

const gf_openssl *web_tls_library(const web_tls *tls);
// One side of a connection, ours, with what the files hold now. NULL: no memory.
SSL *web_tls_side(web_tls *tls);

#endif
