// openssl.h - the functions of OpenSSL that we call, behind pointers.
//
// libcrypto's relocations cost every process 1.7 MiB, and most need none of it: so on Linux both
// libraries are loaded when TLS, a digest or encryption is first asked for. Elsewhere, or built
// with GOFER_LINK_OPENSSL=ON, they are linked and the table holds their addresses. Types, constants
// and macros come from OpenSSL's headers; a macro that calls one of its functions
// (SSL_CTX_set_mode)
// must be written out by who uses the table. Pure but for what it loads.
#ifndef GF_UTIL_OPENSSL_H
#define GF_UTIL_OPENSSL_H

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "gofer/gofer.h"

// LibreSSL has no scrypt, and OpenSSL may be built without it.
#if defined(OPENSSL_NO_SCRYPT) || defined(LIBRESSL_VERSION_NUMBER)
#define GF_OF_SCRYPT(X)
#else
#define GF_HAVE_SCRYPT
#define GF_OF_SCRYPT(X) X(EVP_PBE_scrypt)
#endif

#define GF_OF_LIBCRYPTO(X) \
    GF_OF_SCRYPT(X) \
    X(ASN1_TIME_to_tm) X(BIO_clear_flags) X(BIO_meth_free) X(BIO_meth_new) X(BIO_meth_set_ctrl) \
        X(BIO_meth_set_read) X(BIO_meth_set_write) X(BIO_new) X(BIO_set_flags) X(BIO_set_init) \
        X(ERR_clear_error) X(ERR_peek_error) X(ERR_peek_last_error) X(ERR_reason_error_string) \
        X(EVP_CIPHER_CTX_ctrl) X(EVP_CIPHER_CTX_free) X(EVP_CIPHER_CTX_new) \
        X(EVP_DecryptFinal_ex) X(EVP_DecryptInit_ex) X(EVP_DecryptUpdate) X(EVP_Digest) \
        X(EVP_EncryptFinal_ex) X(EVP_EncryptInit_ex) X(EVP_EncryptUpdate) X(EVP_aes_256_gcm) \
        X(EVP_md5) X(EVP_sha256) X(HMAC) X(OPENSSL_cleanse) X(RAND_bytes) \
        X(X509_VERIFY_PARAM_set1_ip_asc) \
        X(X509_VERIFY_PARAM_set_hostflags) X(X509_cmp_current_time) X(X509_get0_notAfter) \
        X(X509_get0_notBefore) X(X509_get_default_cert_dir) X(X509_get_default_cert_file) \
        X(X509_verify_cert_error_string)

#define GF_OF_LIBSSL(X) \
    X(SSL_CTX_check_private_key) X(SSL_CTX_ctrl) X(SSL_CTX_free) X(SSL_CTX_get0_certificate) \
        X(SSL_CTX_load_verify_locations) X(SSL_CTX_new) X(SSL_CTX_set_alpn_select_cb) \
        X(SSL_CTX_set_cipher_list) X(SSL_CTX_set_default_passwd_cb) \
        X(SSL_CTX_set_default_verify_paths) X(SSL_CTX_set_options) X(SSL_CTX_set_verify) \
        X(SSL_CTX_use_PrivateKey_file) X(SSL_CTX_use_certificate_chain_file) X(SSL_accept) \
        X(SSL_connect) X(SSL_ctrl) X(SSL_free) X(SSL_get0_param) X(SSL_get_error) \
        X(SSL_get_verify_result) X(SSL_new) X(SSL_read_ex) X(SSL_set1_host) \
        X(SSL_select_next_proto) X(SSL_set_bio) X(SSL_set_fd) X(SSL_set_quiet_shutdown) \
        X(SSL_shutdown) X(SSL_write_ex) X(TLS_client_method) X(TLS_server_method)

typedef struct gf_openssl {
#define GF_POINTER(name) __typeof__(&name) name;
    GF_OF_LIBCRYPTO(GF_POINTER)
    GF_OF_LIBSSL(GF_POINTER)
#undef GF_POINTER
} gf_openssl;

// Fills the table; it is good until the process ends, and there may be several. need: what it is
// for, in `why`, which receives the reason. EUNSUPPORTED: this system has no such library.
gofer_status gf_openssl_load(gf_openssl *out, const char *need, char *why, size_t size);

#endif
