// guard.h - is this request meant for us, and does it come from a page of ours?
//
// Two attacks that a server on loopback invites: a foreign page whose name has been pointed at
// 127.0.0.1 (DNS rebinding), against which Host is looked at; and a foreign page that sends forms
// or scripts (cross-site request forgery), against which everything but GET needs to come from the
// same origin, with a header and a media type that no form can send. Pure.
#ifndef WEB_GUARD_H
#define WEB_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

typedef struct web_guard {
    const char *const *hosts;       // names besides the loopback ones; without ports
    size_t             host_count;
    int                is_worker;   // the server of a worker's metrics, whose options have a prefix
} web_guard;

// What a request said; NULL: the header is not there.
typedef struct web_said {
    const char *method, *host, *origin, *fetch_site, *marker, *content_type;
    int         has_body;
    int         secure;             // it came over TLS of ours
    int         page_vouched;       // the browser may vouch for the page, in place of the marker
} web_said;

typedef struct web_refusal {
    int         status;
    const char *why;                // static
} web_refusal;

// May others on its way have read it? Not what came over TLS, from this machine, or from a proxy of
// ours (or by a Unix socket).
bool web_guard_in_the_open(bool secure, bool trusted, const struct sockaddr *from);

// NULL in .why: welcome.
web_refusal web_guard_check(const web_guard *guard, const web_said *said);

#endif
