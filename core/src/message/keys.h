// keys.h - the encryption keys of a client: the first encrypts, all decrypt.
//
// They come from a file, which is read again on request, or from a text. Each is "ID:BASE64", of 32
// bytes; white space and commas are between two of them, and '#' begins a comment. No error's text
// holds any of a key but its id. May touch: util/, OpenSSL through util/openssl.h. Threads: any;
// a lock for reading is held during each envelope.
#ifndef GF_MESSAGE_KEYS_H
#define GF_MESSAGE_KEYS_H

#include <stdbool.h>
#include <stddef.h>

#include "message/message.h"
#include "message/seal.h"

typedef struct gf_keys gf_keys;

enum {
    GF_KEY_RING_MAX = 100,
    GF_KEYS_UNIQUE = 80            // room for the name of a unique lock
};

// from: a file's path, which begins with '/' or '.', or the keys themselves. EINVAL: it says which
// is wrong, and why; EDENIED: the file is not to be read, or to be read by too many; EUNSUPPORTED:
// there is no OpenSSL. ENOMEM.
gofer_status gf_keys_open(gf_keys **out, const char *from);
void         gf_keys_close(gf_keys *k);            // wiped; NULL is fine
// Reads the file again; a failure leaves the keys as they are. Of a text: OK, nothing changes.
gofer_status gf_keys_reload(gf_keys *k);

// What the payload of a message is for, or would be.
gf_seal_for gf_seal_of(const gf_message *m);
// An envelope: gf_free. ENOMEM, EUNSUPPORTED.
gofer_status gf_keys_seal(gf_keys *k, const gf_seal_for *what, const void *bytes, size_t size,
    void **out, size_t *out_size);
// What is in one: gf_free; a NUL follows it. For a key that is not known the file is read again, if
// it was not within a second. k NULL: there are no keys. ENOTFOUND: its key is not
// among them; ECORRUPT: it was changed, or is not for that. ENOMEM.
gofer_status gf_keys_unseal(gf_keys *k, const gf_seal_for *what, const void *bytes, size_t size,
    void **out, size_t *out_size);
// Is it one of the first key's?
bool gf_keys_is_latest(gf_keys *k, const void *envelope);
// The name of the lock of type and payload: it says nothing of the payload to who has no key.
gofer_status gf_keys_unique(gf_keys *k, const char *type, const void *bytes, size_t size,
    char out[GF_KEYS_UNIQUE]);

#endif
