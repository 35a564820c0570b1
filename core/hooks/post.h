// post.h - one request of a webhook, and what came of it.
//
// Each has a handle of libcurl of its own, so that nothing of one receiver is left for the next.
// Threads: any; a request is its caller's.
#ifndef HOOKS_POST_H
#define HOOKS_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "answer.h"
#include "curl.h"

enum { HOOKS_TIMEOUT_MS = 10000, HOOKS_BODY_MAX = 64 * 1024, HOOKS_WHY = 512 };

// What all requests have in common; the caller's.
typedef struct hooks_sender {
    http_curl   curl;
    hooks_nets  allowed;
    const char *ca_file;           // NULL: the system's
} hooks_sender;

typedef struct hooks_request {
    const char *url, *host;        // host: for what is said
    const char *body;
    size_t      size;
    const char *const *headers;    // whole lines, NULL at the end
    bool      (*ended)(void *user);        // asked now and then: is it to be given up?
    void       *user;
} hooks_request;

typedef struct hooks_reply {
    hooks_verdict verdict;
    int64_t       later_ms;
    bool          given_up;        // because `ended` said so
    char          why[HOOKS_WHY];  // "": there is nothing to say. Never more of the URL than its
                                   //   host
} hooks_reply;

void hooks_post(const hooks_sender *s, const hooks_request *request, hooks_reply *reply);

#endif
