// sign.h - signatures of webhooks (Standard Webhooks, symmetric): v1, and base64 of the HMAC with
// SHA-256 of "ID.TIMESTAMP.BODY". Pure.
#ifndef HOOKS_SIGN_H
#define HOOKS_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "secrets.h"
#include "util/openssl.h"

typedef struct hooks_message {
    const char *id;
    int64_t     timestamp_s;
    const char *body;
    size_t      size;
} hooks_message;

// "v1,...", one for each secret, with a blank between: free(). NULL: no memory.
char *hooks_sign(const gf_openssl *ssl, const hooks_message *m, const hooks_secret *secrets,
    size_t count);

#endif
