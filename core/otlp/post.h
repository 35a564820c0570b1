// post.h - one request to the collector, and what its answer means.
//
// One thread's. A connection is kept from request to request.
#ifndef OTLP_POST_H
#define OTLP_POST_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "curl.h"

typedef enum otlp_answer {
    OTLP_TAKEN,
    OTLP_AGAIN,                    // not now: the same may be sent later
    OTLP_REFUSED                   // it never will be
} otlp_answer;

typedef struct otlp_post {
    http_curl          curl;
    CURL              *handle;     // owned
    struct curl_slist *headers;    // owned
    const otlp_config *config;
    _Atomic int64_t    until_ms;   // no request goes on after this moment (monotonic); 0: none
    char               error[CURL_ERROR_SIZE];
    char               body[4096]; // the answer's beginning
    size_t             body_size;
} otlp_post;

typedef struct otlp_reply {
    otlp_answer answer;
    int64_t     after_ms;          // when it may be sent again, as the collector says; -1: it does
                                   //   not say
    int64_t     rejected;          // of a request that was taken: so many spans were not
    char        why[512];          // "": there is nothing to say
} otlp_reply;

bool otlp_post_init(otlp_post *p, const otlp_config *config, char *why, size_t size);
void otlp_post_clear(otlp_post *p);
void otlp_post_send(otlp_post *p, const char *body, size_t size, otlp_reply *reply);

#endif
