// passwords.h - passwords of people: what will do as one, and scrypt, by which they are kept.
//
// scrypt's numbers are those that OWASP advises with the least memory that a small server can
// spare: 16 MiB and, on purpose, some tenths of a second. Whoever calls web_scrypt_run bounds how
// many do so at once. OpenSSL is loaded (util/openssl.h) when it is first needed.
// Threads: any; nothing is shared.
#ifndef WEB_PASSWORDS_H
#define WEB_PASSWORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tokens.h"

enum {
    WEB_PASSWORD_MIN = 12,          // characters
    WEB_PASSWORD_MAX = 1024,        // bytes
    WEB_SALT_SIZE = 16,
    WEB_SCRYPT_TEXT = 160           // of a line's part, with its NUL
};

typedef struct web_scrypt {
    uint64_t      n;                // 0: it is no password's
    uint32_t      r, p;
    unsigned char salt[WEB_SALT_SIZE];
} web_scrypt;

// What is wrong with it, a sentence; NULL: it will do.
const char *web_password_fault(const char *text);

web_scrypt web_scrypt_usual(void);              // today's numbers, and no salt
// With a salt of its own. False: there is no randomness.
bool web_scrypt_fresh(web_scrypt *out);
// NULL, or why not, in `why`: there is no OpenSSL, or no memory.
const char *web_scrypt_run(const web_scrypt *how, const char *password,
    unsigned char out[WEB_DIGEST_SIZE], char *why, size_t size);

// "scrypt$16384$8$5$SALT$HASH", both in hexadecimal.
void web_scrypt_write(const web_scrypt *how, const unsigned char digest[WEB_DIGEST_SIZE],
    char out[WEB_SCRYPT_TEXT]);
// False: it is none, or its numbers are past what a server may spend.
bool web_scrypt_read(const char *text, size_t size, web_scrypt *how,
    unsigned char digest[WEB_DIGEST_SIZE]);

#endif
