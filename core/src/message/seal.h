// seal.h - one envelope: bytes that only who has the key can read, or could have written.
//
//     magic "gfe1"   4
//     key id         8     padded with NUL
//     salt          16
//     ciphertext     n     AES-256-GCM
//     tag           16
//
// Each envelope has a key of its own, HKDF-SHA256 of the master key and the salt, so that the
// nonce, which is all zero, is used once. What it is for is authenticated beside it: magic, key id,
// type and id, each of the latter two with its length before it. So it opens in no other task.
// docs/encryption.md is the specification, tests/vectors/seal.tsv has examples.
//
// May touch: util/. Pure but for memory; derived keys are wiped.
#ifndef GF_MESSAGE_SEAL_H
#define GF_MESSAGE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "gofer/gofer.h"

struct gf_openssl;                 // util/openssl.h

enum {
    GF_SEAL_MAGIC = 4,
    GF_SEAL_KEY_ID = 8,
    GF_SEAL_SALT = 16,
    GF_SEAL_TAG = 16,
    GF_SEAL_HEAD = GF_SEAL_MAGIC + GF_SEAL_KEY_ID + GF_SEAL_SALT,
    GF_SEAL_MORE = GF_SEAL_HEAD + GF_SEAL_TAG,   // an envelope is so much larger than what is in it
    GF_SEAL_KEY = 32,
    GF_SEAL_HASH = 32
};

typedef struct gf_seal_key {
    char          id[GF_SEAL_KEY_ID + 1];        // padded with NUL
    unsigned char master[GF_SEAL_KEY];
} gf_seal_key;

typedef enum gf_seal_kind { GF_SEAL_PAYLOAD, GF_SEAL_RESULT, GF_SEAL_CHECKPOINT } gf_seal_kind;

typedef struct gf_seal_by {
    const struct gf_openssl *lib;
    const gf_seal_key       *key;
} gf_seal_by;

// What an envelope is for.
typedef struct gf_seal_for {
    gf_seal_kind kind;
    const char  *type;             // "": of a result, whose reader may know no more than the id
    const char  *id;               // the task's, or with `shared`
    bool         shared;           //   the name of what several tasks have it from (options.h)
    bool         same;             // to gf_keys_seal: the same content shall have the same bytes
} gf_seal_for;

// Is it one, as far as can be seen?
static inline bool gf_is_sealed(const void *bytes, size_t size)
{
    return size >= GF_SEAL_MORE && memcmp(bytes, "gfe1", GF_SEAL_MAGIC) == 0;
}
// The id of its key, for people: what is no letter, digit, '.', '_' or '-' is '?'.
void gf_sealed_by(const void *envelope, char out[GF_SEAL_KEY_ID + 1]);

// Fills `out`, which has size + GF_SEAL_MORE bytes. The salt is new for each pair of `what` and
// content. ENOMEM; EUNSUPPORTED: OpenSSL would not.
gofer_status gf_seal(const gf_seal_by *by, const unsigned char salt[GF_SEAL_SALT],
    const gf_seal_for *what, const void *bytes, size_t size, unsigned char *out);
// Fills `out`, which has the envelope's size less GF_SEAL_MORE; on failure it is all zero.
// ECORRUPT: it was changed, or is not for that. ENOMEM.
gofer_status gf_unseal(const gf_seal_by *by, const gf_seal_for *what, const void *envelope,
    size_t size, unsigned char *out);

// HKDF-SHA256 of 32 bytes. False: OpenSSL would not.
bool gf_seal_derive(const gf_seal_by *by, const void *salt, size_t salt_size, const char *info,
    unsigned char out[GF_SEAL_KEY]);
// A salt that is the same for the same content: HMAC with a derived key of what is authenticated
// and of the content's SHA-256.
gofer_status gf_seal_salt(const gf_seal_by *by, const unsigned char derived[GF_SEAL_KEY],
    const gf_seal_for *what, const void *bytes, size_t size, unsigned char out[GF_SEAL_SALT]);

#endif
