// tls.c - the certificate and key of the server's own TLS.
#include "tls.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Keys that are agreed anew for each connection, and ciphers that also sign: what TLS 1.3 has, for
// 1.2 too.
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

// By what a file is known again.
typedef struct stamp {
    struct timespec changed;
    off_t           size;
    ino_t           inode;
} stamp;

struct web_tls {
    gf_openssl     lib;
    const web_log *log;
    char          *cert, *key;
    stamp          cert_stamp, key_stamp;   // of what was read last, or could not be
    SSL_CTX       *context;
};

static bool stamp_of(const char *path, stamp *out)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    *out = (stamp){ st.st_mtim, st.st_size, st.st_ino };
    return true;
}

static bool same(const stamp *a, const stamp *b)
{
    return a->inode == b->inode && a->size == b->size && a->changed.tv_sec == b->changed.tv_sec
        && a->changed.tv_nsec == b->changed.tv_nsec;
}

// ---- reading both files

typedef struct reason {
    char  *text;
    size_t size;
} reason;

static bool fail(const reason *why, const char *path, const char *what)
{
    snprintf(why->text, why->size, "%.200s: %s", path, what);
    return false;
}

// What OpenSSL says of its first error: those behind it only add where.
static bool library_fails(const gf_openssl *lib, const reason *why, const char *path,
    const char *what)
{
    unsigned long code = lib->ERR_peek_error();
    const char *text = code ? lib->ERR_reason_error_string(code) : NULL;
    char both[200];
    snprintf(both, sizeof both, "%s (%s)", what, text ? text : "unknown reason");
    lib->ERR_clear_error();
    return fail(why, path, both);
}

// A key that others may read is no secret, and one that others may write is theirs.
static bool check_files(const web_tls *tls, const reason *why)
{
    struct stat st;
    if (access(tls->cert, R_OK) != 0)
        return fail(why, tls->cert, strerror(errno));
    if (access(tls->key, R_OK) != 0 || stat(tls->key, &st) != 0)
        return fail(why, tls->key, strerror(errno));
    return (st.st_mode & 027) == 0
        || fail(why, tls->key, "others may read or write it: chmod go= would do");
}

static bool fail_time(const gf_openssl *lib, const reason *why, const char *path, const char *what,
    const ASN1_TIME *when)
{
    struct tm tm = { 0 };
    char day[32] = "", text[96];
    if (lib->ASN1_TIME_to_tm(when, &tm) == 1)
        (void)strftime(day, sizeof day, " %Y-%m-%d %H:%M:%S UTC", &tm);
    snprintf(text, sizeof text, "the certificate %s%s", what, day);
    return fail(why, path, text);
}

static bool check_time(const web_tls *tls, SSL_CTX *context, const reason *why)
{
    const gf_openssl *lib = &tls->lib;
    const X509 *cert = lib->SSL_CTX_get0_certificate(context);
    const ASN1_TIME *from = lib->X509_get0_notBefore(cert), *to = lib->X509_get0_notAfter(cert);
    if (lib->X509_cmp_current_time(to) <= 0)
        return fail_time(lib, why, tls->cert, "has expired:", to);
    return lib->X509_cmp_current_time(from) < 0
        || fail_time(lib, why, tls->cert, "begins later:", from);
}

// A server never asks on the terminal for the password of a key.
static int no_password(char *buffer, int size, int writing, void *user)
{
    (void)buffer, (void)size, (void)writing, (void)user;
    return -1;
}

// Of what a visitor offers, HTTP/1.1 alone: TLS that was meant for another protocol ends here.
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_size,
    const unsigned char *offered, unsigned size, void *user)
{
    static const unsigned char ours[] = "\x08http/1.1";
    const web_tls *tls = user;
    unsigned char *chosen;
    (void)ssl;
    if (tls->lib.SSL_select_next_proto(&chosen, out_size, ours, sizeof ours - 1, offered, size)
        != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static bool fill(web_tls *tls, SSL_CTX *context, const reason *why)
{
    const gf_openssl *lib = &tls->lib;
    // SSL_CTX_set_mode and SSL_CTX_set_min_proto_version are macros over this.
    lib->SSL_CTX_ctrl(context, SSL_CTRL_MODE, SSL_MODE_ENABLE_PARTIAL_WRITE
        | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS, NULL);
    lib->SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    lib->SSL_CTX_set_alpn_select_cb(context, choose_protocol, tls);
    lib->SSL_CTX_set_default_passwd_cb(context, no_password);
    if (lib->SSL_CTX_ctrl(context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL) != 1
        || lib->SSL_CTX_set_cipher_list(context, ciphers) != 1)
        return library_fails(lib, why, "TLS", "it cannot be set up");
    if (lib->SSL_CTX_use_certificate_chain_file(context, tls->cert) != 1)
        return library_fails(lib, why, tls->cert, "it is no certificate in PEM");
    if (lib->SSL_CTX_use_PrivateKey_file(context, tls->key, SSL_FILETYPE_PEM) != 1)
        return library_fails(lib, why, tls->key,
            "it is no key in PEM without a password, or not the certificate's");
    if (lib->SSL_CTX_check_private_key(context) != 1)
        return library_fails(lib, why, tls->key, "it is not the key of the certificate");
    return check_time(tls, context, why);
}

static bool read_files(web_tls *tls, const reason *why)
{
    // Before they are read: what changes meanwhile is read once more.
    bool there = stamp_of(tls->cert, &tls->cert_stamp) && stamp_of(tls->key, &tls->key_stamp);
    if (!check_files(tls, why))
        return false;
    if (!there)
        return fail(why, tls->cert, "it changes just now");
    tls->lib.ERR_clear_error();
    SSL_CTX *context = tls->lib.SSL_CTX_new(tls->lib.TLS_server_method());
    if (!context)
        return library_fails(&tls->lib, why, "TLS", "it cannot be set up");
    if (!fill(tls, context, why)) {
        tls->lib.SSL_CTX_free(context);
        return false;
    }
    tls->lib.SSL_CTX_free(tls->context);    // connections hold on to theirs
    tls->context = context;
    return true;
}

static void read_again(web_tls *tls)
{
    stamp cert = { 0 }, key = { 0 };
    char text[512];
    const reason why = { text, sizeof text };
    // One that is away is about to be replaced.
    if (!stamp_of(tls->cert, &cert) || !stamp_of(tls->key, &key)
        || (same(&cert, &tls->cert_stamp) && same(&key, &tls->key_stamp)))
        return;
    if (read_files(tls, &why))
        web_say(tls->log, GOFER_LOG_INFO, "the certificate was read again");
    else
        web_say(tls->log, GOFER_LOG_WARN, "the certificate stays as it was: %s", text);
}

// ---- life

web_tls *web_tls_new(const char *cert, const char *key, const web_log *log, char *why,
    size_t size)
{
    const reason told = { why, size };
    web_tls *tls = calloc(1, sizeof *tls);
    if (!tls) {
        snprintf(why, size, "there is no memory");
        return NULL;
    }
    tls->log = log;
    tls->cert = strdup(cert);
    tls->key = strdup(key);
    bool made = tls->cert && tls->key;
    if (!made)
        snprintf(why, size, "there is no memory");
    made = made && gf_openssl_load(&tls->lib, "--tls-cert", why, size) == GOFER_OK
        && read_files(tls, &told);
    if (made)
        return tls;
    web_tls_free(tls);
    return NULL;
}

void web_tls_free(web_tls *tls)
{
    if (!tls)
        return;
    if (tls->context)
        tls->lib.SSL_CTX_free(tls->context);
    free(tls->cert);
    free(tls->key);
    free(tls);
}

const gf_openssl *web_tls_library(const web_tls *tls)
{
    return &tls->lib;
}

SSL *web_tls_side(web_tls *tls)
{
    read_again(tls);
    tls->lib.ERR_clear_error();
    return tls->lib.SSL_new(tls->context);
}
