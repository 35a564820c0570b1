// tls.c - TLS over our own sockets, by OpenSSL.
//
// May touch: OpenSSL through util/openssl.h, sockets. A setup is made once and then only read; a
// gf_rd_tls belongs to one thread at a time. OpenSSL writes through our own BIO: its socket BIO
// would call write, which raises SIGPIPE when the server has gone, and a library must not
// touch the host's signals.
#include "broker/redis/net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/redis/net/conn.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/openssl.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0                       // macOS: sock.c sets SO_NOSIGPIPE
#endif

struct gf_rd_tls_setup {
    const gf_openssl *lib;                   // borrowed
    SSL_CTX    *context;
    BIO_METHOD *socket;                      // how bytes go in and out
    char       *name;                        // SNI and name to verify; NULL: the host's
    bool        verify;
};

struct gf_rd_tls {
    const gf_openssl *lib;                   // borrowed
    SSL  *ssl;
    int   fd;
    bool  send_blocked, receive_blocked;     // until it can write: each may need to,
                                             //   whatever it does
    bool  refused;                           // the server's alert: our certificate will not do
};

// ---- our BIO ------------------------------------------------------------------------------------

// Whose bytes this thread has OpenSSL move: set before every call that may. A BIO's functions are
// told nothing but the BIO, and what it keeps for us can only be had from a function that is in
// the table we look for.
static _Thread_local const gf_rd_tls *moving;

static int bio_write(BIO *bio, const char *bytes, int size)
{
    ssize_t n;
    moving->lib->BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
    do
        n = send(moving->fd, bytes, (size_t)size, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        moving->lib->BIO_set_flags(bio, BIO_FLAGS_WRITE | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static int bio_read(BIO *bio, char *bytes, int capacity)
{
    ssize_t n;
    moving->lib->BIO_clear_flags(bio, BIO_FLAGS_RWS | BIO_FLAGS_SHOULD_RETRY);
    do
        n = recv(moving->fd, bytes, (size_t)capacity, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        moving->lib->BIO_set_flags(bio, BIO_FLAGS_READ | BIO_FLAGS_SHOULD_RETRY);
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

// ---- words --------------------------------------------------------------------------------------

// The reason of OpenSSL's first error on this thread, and clears them all: those
// behind it only add where.
static const char *reason(const gf_openssl *lib)
{
    unsigned long code = lib->ERR_peek_error();
    const char *text = code ? lib->ERR_reason_error_string(code) : NULL;
    int error = errno;
    lib->ERR_clear_error();
    errno = error;
    return text ? text : "unknown reason";
}

static gofer_status file_failed(const gf_openssl *lib, const char *what, const char *path)
{
    return gf_fail(GOFER_EINVAL, "cannot use %s '%s': %s", what, path, reason(lib));
}

// ---- the setup ----------------------------------------------------------------------------------

// A library never asks on the terminal for the password of a key.
static int no_password(char *buffer, int size, int writing, void *user)
{
    (void)buffer, (void)size, (void)writing, (void)user;
    return -1;
}

// OpenSSL takes a folder that is not there, and is not clear about a file.
static gofer_status check_readable(const gf_rd_options *o)
{
    const char *const paths[] = { o->ca, o->ca_dir, o->cert, o->key };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (paths[i] && access(paths[i], R_OK) != 0)
            return gf_fail(errno == EACCES ? GOFER_EDENIED : GOFER_EINVAL,
                "cannot read '%s' for TLS: %s", paths[i], strerror(errno));
    return GOFER_OK;
}

static bool is_named(const char *variable, const char *usual)
{
    const char *path = getenv(variable);
    return access(path ? path : usual, R_OK) == 0;
}

// The system's CA certificates. An OpenSSL that was built elsewhere (in a Python wheel, above all)
// looks where that system has them; so if there is nothing, look where the others do.
static gofer_status load_system_ca(const gf_openssl *lib, SSL_CTX *context)
{
    static const char *const bundles[] = {
        "/etc/ssl/certs/ca-certificates.crt",                // Debian, Arch, Alpine
        "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora and its kin
        "/etc/pki/tls/certs/ca-bundle.crt",                  // older ones
        "/etc/ssl/ca-bundle.pem",                            // SUSE
        "/etc/ssl/cert.pem",                                 // BSD, macOS
    };
    if (lib->SSL_CTX_set_default_verify_paths(context) != 1)
        return file_failed(lib, "the system's CA certificates,", "default");
    if (is_named("SSL_CERT_FILE", lib->X509_get_default_cert_file()) ||
        is_named("SSL_CERT_DIR", lib->X509_get_default_cert_dir()))
        return GOFER_OK;
    for (size_t i = 0; i < sizeof bundles / sizeof *bundles; i++)
        if (access(bundles[i], R_OK) == 0 &&
            lib->SSL_CTX_load_verify_locations(context, bundles[i], NULL) == 1)
            return GOFER_OK;
    lib->ERR_clear_error();
    return GOFER_OK;                         // no server will be trusted, and the error says so
}

static gofer_status load_files(const gf_openssl *lib, SSL_CTX *context, const gf_rd_options *o)
{
    gofer_status st = check_readable(o);
    if (st != GOFER_OK)
        return st;
    if (o->ca && lib->SSL_CTX_load_verify_locations(context, o->ca, NULL) != 1)
        return file_failed(lib, "the CA file", o->ca);
    if (o->ca_dir && lib->SSL_CTX_load_verify_locations(context, NULL, o->ca_dir) != 1)
        return file_failed(lib, "the CA folder", o->ca_dir);
    if (!o->ca && !o->ca_dir && o->tls_verify && (st = load_system_ca(lib, context)) != GOFER_OK)
        return st;
    if (o->cert && lib->SSL_CTX_use_certificate_chain_file(context, o->cert) != 1)
        return file_failed(lib, "the client certificate", o->cert);
    if (o->key && lib->SSL_CTX_use_PrivateKey_file(context, o->key, SSL_FILETYPE_PEM) != 1)
        return file_failed(lib, "the private key", o->key);
    if (o->cert && lib->SSL_CTX_check_private_key(context) != 1)
        return file_failed(lib, "the private key, which belongs to another certificate,", o->key);
    return GOFER_OK;
}

static gofer_status configure(gf_rd_tls_setup *s, const gf_rd_options *o)
{
    const gf_openssl *lib = s->lib;
    s->verify = o->tls_verify;
    s->name = o->sni ? gf_strdup(o->sni) : NULL;
    s->context = lib->SSL_CTX_new(lib->TLS_client_method());
    s->socket = lib->BIO_meth_new(BIO_TYPE_SOURCE_SINK, "gofer socket");
    if ((o->sni && !s->name) || !s->context || !s->socket ||
        lib->BIO_meth_set_write(s->socket, bio_write) != 1 ||
        lib->BIO_meth_set_read(s->socket, bio_read) != 1 ||
        lib->BIO_meth_set_ctrl(s->socket, bio_ctrl) != 1 ||
        lib->SSL_CTX_ctrl(s->context, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL) != 1)
        return gf_fail_nomem("TLS");
    lib->SSL_CTX_ctrl(s->context, SSL_CTRL_MODE,
        SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
            SSL_MODE_RELEASE_BUFFERS,
        NULL);
    lib->SSL_CTX_set_options(s->context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    lib->SSL_CTX_set_verify(s->context, s->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    lib->SSL_CTX_set_default_passwd_cb(s->context, no_password);
    return load_files(lib, s->context, o);
}

gofer_status gf_rd_tls_setup_open(gf_rd_tls_setup **out, const gf_openssl *lib,
    const gf_rd_options *options, const gf_log *log)
{
    gf_rd_tls_setup *s = gf_calloc(1, sizeof *s);
    if (!s)
        return gf_fail_nomem("TLS");
    s->lib = lib;
    lib->ERR_clear_error();
    gofer_status st = configure(s, options);
    if (st != GOFER_OK) {
        gf_rd_tls_setup_close(s);
        return st;
    }
    if (!s->verify)
        gf_logf(log, GOFER_LOG_WARN,
            "tls-verify=none: whoever is on the way to Redis can read and change everything",
            "broker", options->shown, NULL);
    *out = s;
    return GOFER_OK;
}

void gf_rd_tls_setup_close(gf_rd_tls_setup *s)
{
    if (!s)
        return;
    s->lib->SSL_CTX_free(s->context);
    s->lib->BIO_meth_free(s->socket);
    gf_free(s->name);
    gf_free(s);
}

// ---- a connection -------------------------------------------------------------------------------

static bool is_address(const char *name)
{
    unsigned char bytes[16];
    return inet_pton(AF_INET, name, bytes) == 1 || inet_pton(AF_INET6, name, bytes) == 1;
}

static bool prepare(gf_rd_tls *t, const gf_rd_tls_setup *s, const char *name)
{
    const gf_openssl *lib = s->lib;
    t->ssl = lib->SSL_new(s->context);
    BIO *bio = t->ssl ? lib->BIO_new(s->socket) : NULL;
    if (!bio)
        return false;
    lib->BIO_set_init(bio, 1);
    lib->SSL_set_bio(t->ssl, bio, bio);      // owned by it now
    bool address = is_address(name);
    // What SSL_set_tlsext_host_name does; it copies the name.
    if (!address &&
        lib->SSL_ctrl(t->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
            (void *)(uintptr_t)name) != 1)
        return false;
    if (!s->verify)
        return true;
    X509_VERIFY_PARAM *rules = lib->SSL_get0_param(t->ssl);
    lib->X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return address ? lib->X509_VERIFY_PARAM_set1_ip_asc(rules, name) == 1
                   : lib->SSL_set1_host(t->ssl, name) == 1;
}

// Alerts by which a server refuses a client's certificate, or the lack of one.
static bool is_refusal(unsigned long code)
{
    switch (ERR_GET_REASON(code)) {
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

bool gf_rd_tls_refused(const gf_rd_tls *t)
{
    return t->refused;
}

static const char *verify_advice(long result)
{
    switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return "the certificate is for another name: use that name in the URL, or say it with "
               "sni=NAME";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return "renew the certificate, or set the clock";
    case X509_V_ERR_INVALID_PURPOSE:
        return "the certificate is not made for a server: give the server one that is";
    default:
        return "name the CA's file with ca=FILE";
    }
}

static gofer_status handshake_failed(gf_rd_tls *t, int error, const char *name, const char *where,
    bool *again)
{
    unsigned long code = t->lib->ERR_peek_last_error();
    long verified = t->lib->SSL_get_verify_result(t->ssl);
    *again = false;
    if (error == SSL_ERROR_SYSCALL) {
        *again = true;
        return gf_fail(GOFER_EBROKER, "TLS with Redis at %s: %s; does it speak TLS?", where,
            errno ? strerror(errno) : "it closed the connection");
    }
    t->refused = is_refusal(code);
    if (verified != X509_V_OK && !t->refused) {
        t->lib->ERR_clear_error();
        return gf_fail(GOFER_EBROKER,
            "the certificate of Redis at %s (as '%s') is not trusted: %s; %s", where, name,
            t->lib->X509_verify_cert_error_string(verified), verify_advice(verified));
    }
    if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) {
        t->lib->ERR_clear_error();
        return gf_fail(GOFER_EBROKER,
            "Redis at %s does not speak TLS on this port: write redis instead of rediss in the "
            "URL, or name its TLS port",
            where);
    }
    // Before TLS 1.3 a server does not say more, whatever it misses.
    if (ERR_GET_REASON(code) == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE)
        return gf_fail(GOFER_EBROKER,
            "Redis at %s refuses the TLS handshake: %s; it may want a certificate that it trusts: "
            "give "
            "one with cert=FILE and key=FILE",
            where, reason(t->lib));
    if (t->refused)
        return gf_fail(GOFER_EDENIED,
            "Redis at %s refuses our certificate: %s; give one that it trusts with "
            "cert=FILE and key=FILE",
            where, reason(t->lib));
    return gf_fail(GOFER_EBROKER, "TLS with Redis at %s failed: %s", where, reason(t->lib));
}

gofer_status gf_rd_tls_open(gf_rd_tls **out, gf_rd_tls_setup *setup, const gf_rd_tls_peer *peer,
    int64_t deadline_ms, bool *again)
{
    const char *name = setup->name ? setup->name : peer->host;
    gf_rd_tls *t = gf_calloc(1, sizeof *t);
    *again = false;
    if (!t)
        return gf_fail_nomem("TLS");
    t->lib = setup->lib;
    t->fd = peer->fd;
    t->lib->ERR_clear_error();
    if (!prepare(t, setup, name)) {
        gf_rd_tls_close(t);
        return gf_fail(GOFER_EBROKER, "cannot begin TLS with Redis at %s: %s", peer->where,
            reason(setup->lib));
    }
    gofer_status st;
    for (;;) {
        errno = 0;
        moving = t;
        int done = t->lib->SSL_connect(t->ssl),
            error = done == 1 ? 0 : t->lib->SSL_get_error(t->ssl, done);
        if (done == 1) {
            *out = t;
            return GOFER_OK;
        }
        if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
            st = handshake_failed(t, error, name, peer->where, again);
            break;
        }
        short event = error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        if (!gf_rd_conn_poll(peer->fd, event, deadline_ms)) {
            *again = true;
            st = gf_fail(GOFER_EBROKER,
                "Redis at %s does not answer the TLS handshake; does it speak TLS?",
                peer->where);
            break;
        }
    }
    gf_rd_tls_close(t);
    return st;
}

// No close_notify: a protocol above that counts its bytes needs none, and a forked
// child must not speak.
void gf_rd_tls_close(gf_rd_tls *t)
{
    if (!t)
        return;
    if (t->ssl)
        t->lib->SSL_set_quiet_shutdown(t->ssl, 1);
    t->lib->SSL_free(t->ssl);
    gf_free(t);
}

static gf_rd_io outcome(gf_rd_tls *t, int result, bool *blocked, char *why, size_t capacity)
{
    int error = t->lib->SSL_get_error(t->ssl, result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        *blocked = error == SSL_ERROR_WANT_WRITE;
        return GF_RD_IO_AGAIN;
    }
    unsigned long code = t->lib->ERR_peek_last_error();
    t->refused = is_refusal(code);
    if (error == SSL_ERROR_ZERO_RETURN || (error == SSL_ERROR_SYSCALL && errno == 0))
        snprintf(why, capacity, "it closed the connection");
    else
        snprintf(why, capacity, "TLS: %s",
            error == SSL_ERROR_SYSCALL ? strerror(errno) : reason(t->lib));
    t->lib->ERR_clear_error();
    return GF_RD_IO_BROKEN;
}

gf_rd_io gf_rd_tls_send(gf_rd_tls *t, const void *bytes, size_t size, size_t *sent, char *why,
    size_t capacity)
{
    t->lib->ERR_clear_error();
    errno = 0;
    t->send_blocked = false;
    moving = t;
    int result = t->lib->SSL_write_ex(t->ssl, bytes, size, sent);
    return result == 1 ? GF_RD_IO_DONE : outcome(t, result, &t->send_blocked, why, capacity);
}

gf_rd_io gf_rd_tls_receive(gf_rd_tls *t, void *bytes, size_t capacity, size_t *got, char *why,
    size_t why_capacity)
{
    t->lib->ERR_clear_error();
    errno = 0;
    t->receive_blocked = false;
    moving = t;
    int result = t->lib->SSL_read_ex(t->ssl, bytes, capacity, got);
    return result == 1 ? GF_RD_IO_DONE : outcome(t, result, &t->receive_blocked, why, why_capacity);
}

short gf_rd_tls_events(const gf_rd_tls *t)
{
    return t->send_blocked || t->receive_blocked ? POLLOUT : 0;
}
