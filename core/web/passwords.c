// passwords.c - passwords of people.
#include "passwords.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "util/hex.h"
#include "util/openssl.h"
#include "util/utf8.h"

// Of a line that somebody else has written; ours take half of the memory. p is time alone.
enum {
    USUAL_N = 1 << 14, USUAL_R = 8, USUAL_P = 5,
    R_MAX = 32, P_MAX = 16,
    MEMORY_MAX = 32 << 20,          // 128 * N * r bytes
    MEMORY_BESIDE = 1 << 20         // what OpenSSL has besides
};

static const char prefix[] = "scrypt$";

const char *web_password_fault(const char *text)
{
    size_t size = strlen(text), count = 0;
    if (size > WEB_PASSWORD_MAX)
        return "a password has 1024 bytes at the most";
    if (!gf_utf8_valid(text, size))
        return "a password is UTF-8";
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < ' ' || c == 0x7f)
            return "a password has no control characters";
        count += (c & 0xc0) != 0x80;
    }
    return count < WEB_PASSWORD_MIN ? "a password has at least 12 characters" : NULL;
}

web_scrypt web_scrypt_usual(void)
{
    return (web_scrypt){ .n = USUAL_N, .r = USUAL_R, .p = USUAL_P };
}

bool web_scrypt_fresh(web_scrypt *out)
{
    *out = web_scrypt_usual();
    return getrandom(out->salt, sizeof out->salt, 0) == (ssize_t)sizeof out->salt;
}

#ifdef GF_HAVE_SCRYPT
const char *web_scrypt_run(const web_scrypt *how, const char *password,
    unsigned char out[WEB_DIGEST_SIZE], char *why, size_t size)
{
    gf_openssl ssl;
    if (gf_openssl_load(&ssl, "a password", why, size) != GOFER_OK)
        return why;
    if (ssl.EVP_PBE_scrypt(password, strlen(password), how->salt, sizeof how->salt, how->n, how->r,
            how->p, MEMORY_MAX + MEMORY_BESIDE, out, WEB_DIGEST_SIZE) == 1)
        return NULL;
    ssl.ERR_clear_error();
    snprintf(why, size, "there is no memory for scrypt");
    return why;
}
#else
const char *web_scrypt_run(const web_scrypt *how, const char *password,
    unsigned char out[WEB_DIGEST_SIZE], char *why, size_t size)
{
    (void)how, (void)password, (void)out;
    snprintf(why, size, "a password needs OpenSSL with scrypt, which this build has not got");
    return why;
}
#endif

// ---- as text

void web_scrypt_write(const web_scrypt *how, const unsigned char digest[WEB_DIGEST_SIZE],
    char out[WEB_SCRYPT_TEXT])
{
    char *at = out + snprintf(out, WEB_SCRYPT_TEXT, "%s%llu$%u$%u$", prefix,
        (unsigned long long)how->n, how->r, how->p);
    at = gf_hex_put(at, how->salt, WEB_SALT_SIZE);
    *at++ = '$';
    *gf_hex_put(at, digest, WEB_DIGEST_SIZE) = '\0';
}

// A number of up to six digits and the '$' behind it. NULL: there is none.
static const char *take_number(const char *at, uint32_t *out)
{
    size_t digits = strspn(at, "0123456789");
    if (digits == 0 || digits > 6 || at[digits] != '$')
        return NULL;
    *out = (uint32_t)strtoul(at, NULL, 10);
    return at + digits + 1;
}

static bool is_affordable(uint32_t n, uint32_t r, uint32_t p)
{
    return n >= 1024 && (n & (n - 1)) == 0 && r >= 1 && r <= R_MAX && p >= 1 && p <= P_MAX
        && (uint64_t)128 * n * r <= MEMORY_MAX;
}

bool web_scrypt_read(const char *text, size_t size, web_scrypt *how,
    unsigned char digest[WEB_DIGEST_SIZE])
{
    char copy[WEB_SCRYPT_TEXT];
    uint32_t n = 0;
    if (size >= sizeof copy || size < sizeof prefix || memcmp(text, prefix, sizeof prefix - 1) != 0)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    const char *at = take_number(copy + sizeof prefix - 1, &n);
    at = at ? take_number(at, &how->r) : NULL;
    at = at ? take_number(at, &how->p) : NULL;
    how->n = n;
    return at && is_affordable(n, how->r, how->p)
        && strlen(at) == 2 * WEB_SALT_SIZE + 1 + 2 * WEB_DIGEST_SIZE
        && at[2 * WEB_SALT_SIZE] == '$' && gf_hex_take(at, how->salt, WEB_SALT_SIZE)
        && gf_hex_take(at + 2 * WEB_SALT_SIZE + 1, digest, WEB_DIGEST_SIZE);
}
