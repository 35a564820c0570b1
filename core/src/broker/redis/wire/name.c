// name.c - the name of a uniqueness lock (wire.md section 2).
#include "broker/redis/wire/wire.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/openssl.h"

enum { MD5_SIZE = 16 };

gofer_status gf_wire_unique_key(const gf_openssl *lib, const char *queue, const char *type,
    const void *payload, size_t size, char **out)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int digest_size = 0;
    // The layout asks for MD5; it is a name here, nothing is kept secret or safe by it.
    if (payload &&
        (lib->EVP_Digest(payload, size, digest, &digest_size, lib->EVP_md5(), NULL) != 1 ||
            digest_size != MD5_SIZE))
        return gf_fail(GOFER_EUNSUPPORTED,
            "OpenSSL refuses MD5 (FIPS mode?), which Asynq's unique locks need: allow it, or "
            "enqueue without unique");

    size_t capacity = strlen(queue) + strlen(type) + sizeof "asynq:{}:unique::" + 2 * MD5_SIZE;
    char *name = gf_alloc(capacity);
    if (!name)
        return gf_fail_nomem("the name of a lock");
    int n = snprintf(name, capacity, "asynq:{%s}:unique:%s:", queue, type);
    char *at = name + n;
    for (unsigned int i = 0; i < digest_size; i++) {
        *at++ = "0123456789abcdef"[digest[i] >> 4];
        *at++ = "0123456789abcdef"[digest[i] & 15];
    }
    *at = '\0';
    *out = name;
    return GOFER_OK;
}
