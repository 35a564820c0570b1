// seal.c - one envelope, made and opened.
//
// May touch: util/. Pure but for memory: keys and salts are the caller's.
#include "message/seal.h"

#include <assert.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/openssl.h"

static const unsigned char magic[GF_SEAL_MAGIC] = { 'g', 'f', 'e', '1' };

// The derived keys of one salt differ by kind: a result is no payload.
static const char *const infos[] = {
    [GF_SEAL_PAYLOAD] = "gofer payload v1",
    [GF_SEAL_RESULT] = "gofer result v1",
    [GF_SEAL_CHECKPOINT] = "gofer checkpoint v1",
};

static gofer_status fail_crypto(void)
{
    return gf_fail(GOFER_EUNSUPPORTED, "OpenSSL refuses AES-256-GCM or HMAC-SHA256");
}

static bool is_plain_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
        c == '_' || c == '-';
}

void gf_sealed_by(const void *envelope, char out[GF_SEAL_KEY_ID + 1])
{
    memcpy(out, (const char *)envelope + GF_SEAL_MAGIC, GF_SEAL_KEY_ID);
    out[GF_SEAL_KEY_ID] = '\0';
    for (char *c = out; *c; c++)
        if (!is_plain_char(*c))
            *c = '?';
}

// ---- what is authenticated ----------------------------------------------------------------------

static unsigned char *put_size(unsigned char *at, size_t size)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        *at++ = (unsigned char)(size >> shift);
    return at;
}

// gf_free; NULL: no memory. The name of what is shared has a NUL before it, which no id has.
static unsigned char *bound_to(const gf_seal_key *key, const gf_seal_for *what, size_t *size)
{
    size_t type_size = strlen(what->type), id_size = strlen(what->id) + what->shared;
    *size = GF_SEAL_MAGIC + GF_SEAL_KEY_ID + 4 + type_size + 4 + id_size;
    unsigned char *bytes = gf_alloc(*size), *at = bytes;
    if (!bytes)
        return NULL;
    memcpy(at, magic, sizeof magic);
    memcpy(at + sizeof magic, key->id, GF_SEAL_KEY_ID);
    at = put_size(at + sizeof magic + GF_SEAL_KEY_ID, type_size);
    memcpy(at, what->type, type_size);
    at = put_size(at + type_size, id_size);
    if (what->shared)
        *at++ = '\0';
    memcpy(at, what->id, id_size - what->shared);
    return bytes;
}

// ---- derived keys -------------------------------------------------------------------------------

static bool hmac(const gf_openssl *lib, const void *key, size_t key_size, const void *bytes,
    size_t size, unsigned char out[GF_SEAL_HASH])
{
    return lib->HMAC(lib->EVP_sha256(), key, (int)key_size, bytes, size, out, NULL) != NULL;
}

// RFC 5869; 32 bytes are one block of its second step.
bool gf_seal_derive(const gf_seal_by *by, const void *salt, size_t salt_size, const char *info,
    unsigned char out[GF_SEAL_KEY])
{
    unsigned char drawn[GF_SEAL_HASH], block[32];
    size_t info_size = strlen(info);
    assert(info_size < sizeof block);
    memcpy(block, info, info_size);
    block[info_size] = 1;
    bool good = hmac(by->lib, salt, salt_size, by->key->master, GF_SEAL_KEY, drawn) &&
        hmac(by->lib, drawn, sizeof drawn, block, info_size + 1, out);
    by->lib->OPENSSL_cleanse(drawn, sizeof drawn);
    return good;
}

gofer_status gf_seal_salt(const gf_seal_by *by, const unsigned char derived[GF_SEAL_KEY],
    const gf_seal_for *what, const void *bytes, size_t size, unsigned char out[GF_SEAL_SALT])
{
    const gf_openssl *lib = by->lib;
    size_t bound_size;
    unsigned char hash[GF_SEAL_HASH], *bound = bound_to(by->key, what, &bound_size);
    unsigned char *both = bound ? gf_realloc(bound, bound_size + sizeof hash) : NULL;
    if (!both) {
        gf_free(bound);
        return gf_fail_nomem("an envelope");
    }
    bool good = lib->EVP_Digest(size ? bytes : "", size, both + bound_size, NULL, lib->EVP_sha256(),
                    NULL) == 1 &&
        hmac(lib, derived, GF_SEAL_KEY, both, bound_size + sizeof hash, hash);
    memcpy(out, hash, GF_SEAL_SALT);
    gf_free(both);
    return good ? GOFER_OK : fail_crypto();
}

// ---- AES-256-GCM --------------------------------------------------------------------------------

typedef struct cipher {
    const gf_openssl    *lib;
    unsigned char        key[GF_SEAL_KEY];
    const unsigned char *bound;
    size_t               bound_size;
} cipher;

static const unsigned char nonce[12];          // zero: each key is used once

static bool encrypt(const cipher *c, const void *bytes, size_t size, unsigned char *out)
{
    const gf_openssl *lib = c->lib;
    EVP_CIPHER_CTX *ctx = lib->EVP_CIPHER_CTX_new();
    int n = 0;
    bool good = ctx &&
        lib->EVP_EncryptInit_ex(ctx, lib->EVP_aes_256_gcm(), NULL, c->key, nonce) == 1 &&
        lib->EVP_EncryptUpdate(ctx, NULL, &n, c->bound, (int)c->bound_size) == 1 &&
        (size == 0 || lib->EVP_EncryptUpdate(ctx, out, &n, bytes, (int)size) == 1) &&
        lib->EVP_EncryptFinal_ex(ctx, out + size, &n) == 1 &&
        lib->EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, GF_SEAL_TAG, out + size) == 1;
    if (ctx)
        lib->EVP_CIPHER_CTX_free(ctx);
    return good;
}

// *is_true: the tag is.
static bool decrypt(const cipher *c, const unsigned char *in, size_t size, unsigned char *out,
    bool *is_true)
{
    const gf_openssl *lib = c->lib;
    EVP_CIPHER_CTX *ctx = lib->EVP_CIPHER_CTX_new();
    unsigned char tag[GF_SEAL_TAG], rest[16];
    int n = 0;
    memcpy(tag, in + size, sizeof tag);
    bool good = ctx &&
        lib->EVP_DecryptInit_ex(ctx, lib->EVP_aes_256_gcm(), NULL, c->key, nonce) == 1 &&
        lib->EVP_DecryptUpdate(ctx, NULL, &n, c->bound, (int)c->bound_size) == 1 &&
        (size == 0 || lib->EVP_DecryptUpdate(ctx, out, &n, in, (int)size) == 1) &&
        lib->EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, sizeof tag, tag) == 1;
    *is_true = good && lib->EVP_DecryptFinal_ex(ctx, rest, &n) == 1;
    if (ctx)
        lib->EVP_CIPHER_CTX_free(ctx);
    return good;
}

// ENOMEM; else to be ended, whether there is a key or not.
static gofer_status begin(cipher *c, const gf_seal_by *by, const unsigned char *salt,
    const gf_seal_for *what)
{
    *c = (cipher){ .lib = by->lib };
    c->bound = bound_to(by->key, what, &c->bound_size);
    if (!c->bound)
        return gf_fail_nomem("an envelope");
    return gf_seal_derive(by, salt, GF_SEAL_SALT, infos[what->kind], c->key) ? GOFER_OK
                                                                            : fail_crypto();
}

static void end(cipher *c)
{
    c->lib->OPENSSL_cleanse(c->key, sizeof c->key);
    gf_free((void *)c->bound);
}

gofer_status gf_seal(const gf_seal_by *by, const unsigned char salt[GF_SEAL_SALT],
    const gf_seal_for *what, const void *bytes, size_t size, unsigned char *out)
{
    cipher c;
    gofer_status st = size > INT_MAX - GF_SEAL_MORE
        ? gf_fail(GOFER_ETOOBIG, "%zu bytes are too many for one envelope", size)
        : begin(&c, by, salt, what);
    if (st == GOFER_ETOOBIG)
        return st;
    memcpy(out, magic, sizeof magic);
    memcpy(out + GF_SEAL_MAGIC, by->key->id, GF_SEAL_KEY_ID);
    memcpy(out + GF_SEAL_MAGIC + GF_SEAL_KEY_ID, salt, GF_SEAL_SALT);
    if (st == GOFER_OK && !encrypt(&c, bytes, size, out + GF_SEAL_HEAD))
        st = fail_crypto();
    end(&c);
    return st;
}

gofer_status gf_unseal(const gf_seal_by *by, const gf_seal_for *what, const void *envelope,
    size_t size, unsigned char *out)
{
    const unsigned char *in = envelope;
    cipher c;
    bool is_true = false;
    assert(size >= GF_SEAL_MORE);
    if (size > INT_MAX)
        return gf_fail(GOFER_ETOOBIG, "%zu bytes are too many for one envelope", size);
    gofer_status st = begin(&c, by, in + GF_SEAL_MAGIC + GF_SEAL_KEY_ID, what);
    if (st == GOFER_OK && !decrypt(&c, in + GF_SEAL_HEAD, size - GF_SEAL_MORE, out, &is_true))
        st = fail_crypto();
    end(&c);
    if (st == GOFER_OK && !is_true)
        st = gf_fail(GOFER_ECORRUPT,
            "it does not open with key '%s': it was changed, or it is another task's", by->key->id);
    if (st != GOFER_OK && size > GF_SEAL_MORE)
        by->lib->OPENSSL_cleanse(out, size - GF_SEAL_MORE);
    return st;
}
