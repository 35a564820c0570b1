// sign.c - signatures of webhooks.
#include "sign.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/base64.h"

#define VERSION "v1,"

enum { DIGEST = 32, HEAD = 24 };   // ".TIMESTAMP."

char *hooks_sign(const gf_openssl *ssl, const hooks_message *m, const hooks_secret *secrets,
    size_t count)
{
    enum { ONE = sizeof " " VERSION + GF_BASE64_ROOM(DIGEST) };
    size_t id_size = strlen(m->id), used = 0;
    unsigned char *text = malloc(id_size + HEAD + m->size);
    char *out = malloc(count * ONE + 1);
    bool ok = text && out;
    if (ok) {
        *out = '\0';
        int size = snprintf((char *)text, id_size + HEAD, "%s.%" PRId64 ".", m->id, m->timestamp_s);
        memcpy(text + size, m->body, m->size);
        id_size = (size_t)size;    // with what follows it
    }
    for (size_t i = 0; ok && i < count; i++) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        ok = ssl->HMAC(ssl->EVP_sha256(), secrets[i].bytes, (int)secrets[i].size, text,
                 id_size + m->size, digest, &size) && size == DIGEST;
        if (ok) {
            used += (size_t)snprintf(out + used, ONE, "%s" VERSION, i ? " " : "");
            used += gf_base64_encode(digest, DIGEST, out + used);
        }
    }
    free(text);
    if (!ok) {
        free(out);
        out = NULL;
    }
    return out;
}
