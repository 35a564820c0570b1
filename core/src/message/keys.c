// keys.c - reads keys, and makes and opens envelopes with them.
//
// May touch: util/. Locks: each gf_keys has its own, for its ring, which a reload replaces whole.
#include "message/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "message/options.h"
#include "util/alloc.h"
#include "util/base64.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/hex.h"
#include "util/openssl.h"

enum {
    FILE_MAX = 64 * 1024,
    AGAIN_MS = 1000,
    KEY_TEXT_MAX = (GF_SEAL_KEY + 2) / 3 * 4
};

// Secret, and wiped before it is freed.
typedef struct ring {
    size_t        count;
    unsigned char salts[GF_SEAL_KEY];      // of the first key, for salts that are the same,
    unsigned char uniques[GF_SEAL_KEY];    //   and for the names of unique locks
    gf_seal_key   keys[GF_KEY_RING_MAX];
} ring;

struct gf_keys {
    gf_openssl       lib;
    char            *path;         // owned; NULL: from a text
    pthread_rwlock_t lock;
    ring            *ring;         // owned; the lock's
    _Atomic int64_t  again_ms;     // monotonic: not read again for an unknown key before
};

// ---- reading ------------------------------------------------------------------------------------

static bool is_between(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ',';
}

// The next word and its line; false: none is left.
static bool next_word(const char **at, const char **word, size_t *size, int *line)
{
    while (is_between(**at) || **at == '#') {
        if (**at == '#')
            *at += strcspn(*at, "\n");
        else
            *line += *(*at)++ == '\n';
    }
    *word = *at;
    while (**at && !is_between(**at))
        (*at)++;
    *size = (size_t)(*at - *word);
    return *size > 0;
}

static gofer_status read_id(gf_seal_key *key, const char *word, size_t size, int line)
{
    const char *colon = memchr(word, ':', size);
    size_t id_size = colon ? (size_t)(colon - word) : 0;
    if (id_size < 1 || id_size > GF_SEAL_KEY_ID)
        return gf_fail(GOFER_EINVAL,
            "line %d of the keys: a key is written ID:BASE64, with an ID of 1 to %d characters",
            line, GF_SEAL_KEY_ID);
    char shown[GF_SEAL_KEY_ID + 1], padded[GF_SEAL_MAGIC + GF_SEAL_KEY_ID] = "";
    memcpy(key->id, word, id_size);
    memcpy(padded + GF_SEAL_MAGIC, word, id_size);
    gf_sealed_by(padded, shown);
    return strcmp(shown, key->id) == 0 ? GOFER_OK
        : gf_fail(GOFER_EINVAL,
              "line %d of the keys: an ID has letters, digits, '.', '_' and '-' alone", line);
}

// What is behind the id is a secret: no text of a failure shows it.
static gofer_status read_key(const gf_openssl *lib, gf_seal_key *key, const char *word, size_t size,
    int line)
{
    unsigned char bytes[KEY_TEXT_MAX];
    *key = (gf_seal_key){ .id = "" };
    gofer_status st = read_id(key, word, size, line);
    if (st != GOFER_OK)
        return st;
    const char *text = word + strlen(key->id) + 1;
    size_t text_size = size - strlen(key->id) - 1, got = 0;
    bool fits = text_size <= KEY_TEXT_MAX;
    if (fits && !gf_base64_decode(text, text_size, bytes, &got))
        st = gf_fail(GOFER_EINVAL, "line %d of the keys: key '%s' is not base64", line, key->id);
    else if (!fits || got != GF_SEAL_KEY)
        st = gf_fail(GOFER_EINVAL,
            "line %d of the keys: key '%s' has another length than %d bytes (make one with "
            "'openssl rand -base64 %d')",
            line, key->id, GF_SEAL_KEY, GF_SEAL_KEY);
    else
        memcpy(key->master, bytes, GF_SEAL_KEY);
    lib->OPENSSL_cleanse(bytes, sizeof bytes);
    return st;
}

static bool has_key(const ring *r, const char *id)
{
    for (size_t i = 0; i < r->count; i++)
        if (memcmp(r->keys[i].id, id, GF_SEAL_KEY_ID) == 0)
            return true;
    return false;
}

static void ring_free(const gf_openssl *lib, ring *r)
{
    if (r)
        lib->OPENSSL_cleanse(r, sizeof *r);
    gf_free(r);
}

static gofer_status read_all(const gf_openssl *lib, ring *r, const char *text)
{
    const char *at = text, *word;
    size_t size;
    int line = 1;
    gofer_status st = GOFER_OK;
    while (st == GOFER_OK && next_word(&at, &word, &size, &line)) {
        if (r->count == GF_KEY_RING_MAX)
            return gf_fail(GOFER_EINVAL, "there are more than %d keys", GF_KEY_RING_MAX);
        gf_seal_key *key = &r->keys[r->count];
        st = read_key(lib, key, word, size, line);
        if (st == GOFER_OK && has_key(r, key->id))
            st = gf_fail(GOFER_EINVAL, "line %d of the keys: key '%s' is there twice", line,
                key->id);
        r->count += st == GOFER_OK;
    }
    if (st == GOFER_OK && r->count == 0)
        st = gf_fail(GOFER_EINVAL, "there is no key among the keys");
    return st;
}

static gofer_status ring_read(const gf_openssl *lib, const char *text, ring **out)
{
    ring *r = gf_calloc(1, sizeof *r);
    if (!r)
        return gf_fail_nomem("keys");
    gofer_status st = read_all(lib, r, text);
    const gf_seal_by first = { lib, &r->keys[0] };
    if (st == GOFER_OK && !(gf_seal_derive(&first, "", 0, "gofer salt v1", r->salts) &&
                              gf_seal_derive(&first, "", 0, "gofer unique v1", r->uniques)))
        st = gf_fail(GOFER_EUNSUPPORTED, "OpenSSL refuses HMAC-SHA256");
    if (st != GOFER_OK) {
        ring_free(lib, r);
        return st;
    }
    *out = r;
    return GOFER_OK;
}

// Who else may read it knows the keys, who may write it chooses them.
static gofer_status check_file(int fd, const char *path)
{
    struct stat seen;
    if (fstat(fd, &seen) != 0)
        return gf_fail(GOFER_EDENIED, "key file '%s': %s", path, strerror(errno));
    if (!S_ISREG(seen.st_mode) || seen.st_size > FILE_MAX)
        return gf_fail(GOFER_EINVAL, "key file '%s' is no file of at most %d KiB", path,
            FILE_MAX / 1024);
    if (seen.st_mode & (S_IRWXO | S_IWGRP))
        return gf_fail(GOFER_EDENIED,
            "key file '%s' has mode %04o: others may not read it, nor its group write it (chmod "
            "600)",
            path, (unsigned)(seen.st_mode & 07777));
    if (seen.st_uid != geteuid() && seen.st_uid != 0)
        return gf_fail(GOFER_EDENIED,
            "key file '%s' belongs to user %ld: it must be yours, or root's", path,
            (long)seen.st_uid);
    return GOFER_OK;
}

// What is there of it, with a NUL: FILE_MAX + 1 bytes.
static gofer_status read_file(const char *path, char *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);    // a FIFO without a writer is no file
    if (fd < 0)
        return gf_fail(errno == EACCES ? GOFER_EDENIED : GOFER_EINVAL, "key file '%s': %s", path,
            strerror(errno));
    gofer_status st = check_file(fd, path);
    size_t size = 0;
    while (st == GOFER_OK && size < FILE_MAX) {
        ssize_t n = read(fd, text + size, FILE_MAX - size);
        if (n == 0)
            break;
        if (n < 0 && errno != EINTR)
            st = gf_fail(GOFER_EINVAL, "key file '%s': %s", path, strerror(errno));
        size += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    text[size] = '\0';
    if (st == GOFER_OK && strlen(text) != size)
        st = gf_fail(GOFER_EINVAL, "key file '%s' is no text", path);
    return st;
}

static gofer_status ring_load(const gf_openssl *lib, const char *path, ring **out)
{
    char *text = gf_calloc(1, FILE_MAX + 1);
    if (!text)
        return gf_fail_nomem("keys");
    gofer_status st = read_file(path, text);
    if (st == GOFER_OK) {
        st = ring_read(lib, text, out);
        if (st != GOFER_OK)
            st = gf_fail_add(st, "key file '%s'", path);
    }
    lib->OPENSSL_cleanse(text, FILE_MAX + 1);
    gf_free(text);
    return st;
}

// ---- life ---------------------------------------------------------------------------------------

gofer_status gf_keys_open(gf_keys **out, const char *from)
{
    char why[512];
    gf_keys *k = gf_calloc(1, sizeof *k);
    if (!k)
        return gf_fail_nomem("keys");
    if (gf_openssl_load(&k->lib, "encryption", why, sizeof why) != GOFER_OK) {
        gf_free(k);
        return gf_fail(GOFER_EUNSUPPORTED, "%s", why);
    }
    bool is_path = *from == '/' || *from == '.';
    bool has_lock = pthread_rwlock_init(&k->lock, NULL) == 0;
    gofer_status st = has_lock ? GOFER_OK : gf_fail_nomem("keys");
    if (st == GOFER_OK && is_path && !(k->path = gf_strdup(from)))
        st = gf_fail_nomem("keys");
    if (st == GOFER_OK)
        st = is_path ? ring_load(&k->lib, from, &k->ring) : ring_read(&k->lib, from, &k->ring);
    if (st == GOFER_OK) {
        *out = k;
        return GOFER_OK;
    }
    if (has_lock)
        pthread_rwlock_destroy(&k->lock);
    gf_free(k->path);
    gf_free(k);
    return st;
}

void gf_keys_close(gf_keys *k)
{
    if (!k)
        return;
    ring_free(&k->lib, k->ring);
    pthread_rwlock_destroy(&k->lock);
    gf_free(k->path);
    gf_free(k);
}

gofer_status gf_keys_reload(gf_keys *k)
{
    ring *read = NULL;
    if (!k->path)
        return GOFER_OK;
    gofer_status st = ring_load(&k->lib, k->path, &read);
    if (st != GOFER_OK)
        return st;
    pthread_rwlock_wrlock(&k->lock);
    ring *before = k->ring;
    k->ring = read;
    pthread_rwlock_unlock(&k->lock);
    ring_free(&k->lib, before);
    return GOFER_OK;
}

// ---- envelopes ----------------------------------------------------------------------------------

gf_seal_for gf_seal_of(const gf_message *m)
{
    gf_task_options o;
    bool shared = m->headers_size && gf_task_options_read(m, &o) && o.sealed_for;
    return (gf_seal_for){ .type = m->type, .id = shared ? o.sealed_for : m->id, .shared = shared };
}

static gofer_status seal(gf_keys *k, const gf_seal_for *what, const void *bytes, size_t size,
    unsigned char *out)
{
    const gf_seal_by first = { &k->lib, &k->ring->keys[0] };
    unsigned char salt[GF_SEAL_SALT];
    gofer_status st = GOFER_OK;
    if (what->same)
        st = gf_seal_salt(&first, k->ring->salts, what, bytes, size, salt);
    else if (k->lib.RAND_bytes(salt, sizeof salt) != 1)
        st = gf_fail(GOFER_EUNSUPPORTED, "OpenSSL has no random bytes");
    return st == GOFER_OK ? gf_seal(&first, salt, what, bytes, size, out) : st;
}

gofer_status gf_keys_seal(gf_keys *k, const gf_seal_for *what, const void *bytes, size_t size,
    void **out, size_t *out_size)
{
    unsigned char *envelope = gf_alloc(size + GF_SEAL_MORE);
    if (!envelope)
        return gf_fail_nomem("an envelope");
    pthread_rwlock_rdlock(&k->lock);
    gofer_status st = seal(k, what, bytes, size, envelope);
    pthread_rwlock_unlock(&k->lock);
    if (st != GOFER_OK) {
        gf_free(envelope);
        return st;
    }
    *out = envelope;
    *out_size = size + GF_SEAL_MORE;
    return GOFER_OK;
}

// Locks: k->lock held.
static const gf_seal_key *key_of(const gf_keys *k, const void *envelope)
{
    const char *id = (const char *)envelope + GF_SEAL_MAGIC;
    for (size_t i = 0; i < k->ring->count; i++)
        if (memcmp(k->ring->keys[i].id, id, GF_SEAL_KEY_ID) == 0)
            return &k->ring->keys[i];
    return NULL;
}

static gofer_status fail_unknown(const gf_keys *k, const void *envelope)
{
    char id[GF_SEAL_KEY_ID + 1];
    gf_sealed_by(envelope, id);
    return gf_fail(GOFER_ENOTFOUND, "it is encrypted with key '%s', %s", id,
        k ? "which is not among the keys here" : "and there are no keys here");
}

// May the file have it by now? It is looked for now and then, however many such envelopes come.
static bool read_again(gf_keys *k)
{
    int64_t now_ms = gf_mono_ms(), before_ms = atomic_load(&k->again_ms);
    return k->path && now_ms >= before_ms &&
        atomic_compare_exchange_strong(&k->again_ms, &before_ms, now_ms + AGAIN_MS);
}

gofer_status gf_keys_unseal(gf_keys *k, const gf_seal_for *what, const void *bytes, size_t size,
    void **out, size_t *out_size)
{
    if (!k)
        return fail_unknown(k, bytes);
    size_t plain_size = size - GF_SEAL_MORE;
    unsigned char *plain = gf_alloc(plain_size + 1);
    if (!plain)
        return gf_fail_nomem("what is encrypted");
    pthread_rwlock_rdlock(&k->lock);
    const gf_seal_key *key = key_of(k, bytes);
    if (!key && read_again(k)) {
        pthread_rwlock_unlock(&k->lock);
        (void)gf_keys_reload(k);
        pthread_rwlock_rdlock(&k->lock);
        key = key_of(k, bytes);
    }
    const gf_seal_by by = { &k->lib, key };
    gofer_status st = key ? gf_unseal(&by, what, bytes, size, plain) : fail_unknown(k, bytes);
    pthread_rwlock_unlock(&k->lock);
    if (st != GOFER_OK) {
        gf_free(plain);
        return st;
    }
    plain[plain_size] = '\0';
    *out = plain;
    *out_size = plain_size;
    return GOFER_OK;
}

bool gf_keys_is_latest(gf_keys *k, const void *envelope)
{
    pthread_rwlock_rdlock(&k->lock);
    bool is = key_of(k, envelope) == &k->ring->keys[0];
    pthread_rwlock_unlock(&k->lock);
    return is;
}

gofer_status gf_keys_unique(gf_keys *k, const char *type, const void *bytes, size_t size,
    char out[GF_KEYS_UNIQUE])
{
    unsigned char hash[GF_SEAL_HASH];
    size_t type_size = strlen(type) + 1;       // with its NUL, so that nothing else is the same
    char *both = gf_alloc(type_size + size);
    if (!both)
        return gf_fail_nomem("the name of a unique lock");
    memcpy(both, type, type_size);
    if (size)
        memcpy(both + type_size, bytes, size);
    pthread_rwlock_rdlock(&k->lock);
    bool good = k->lib.HMAC(k->lib.EVP_sha256(), k->ring->uniques, GF_SEAL_KEY,
                    (unsigned char *)both, type_size + size, hash, NULL) != NULL;
    pthread_rwlock_unlock(&k->lock);
    gf_free(both);
    if (!good)
        return gf_fail(GOFER_EUNSUPPORTED, "OpenSSL refuses HMAC-SHA256");
    memcpy(out, "gfe1:", 5);
    *gf_hex_put(out + 5, hash, sizeof hash) = '\0';
    return GOFER_OK;
}
