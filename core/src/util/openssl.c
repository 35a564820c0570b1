// openssl.c - loads OpenSSL.
//
// The libraries are asked for by the names of the release whose headers we were built with: another
// release has another ABI. They are never closed: OpenSSL keeps handlers for the ends of
// threads and of the process.
#include "util/openssl.h"

#if defined(GF_LINK_OPENSSL) || !defined(__linux__)

gofer_status gf_openssl_load(gf_openssl *out, const char *need, char *why, size_t size)
{
    (void)need, (void)why, (void)size;
#define GF_ADDRESS(name) out->name = name;
    GF_OF_LIBCRYPTO(GF_ADDRESS)
    GF_OF_LIBSSL(GF_ADDRESS)
#undef GF_ADDRESS
    return GOFER_OK;
}

#else

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#if defined(LIBRESSL_VERSION_NUMBER) || defined(OPENSSL_IS_BORINGSSL)
#error "these are not OpenSSL's own headers: configure with -DGOFER_LINK_OPENSSL=ON"
#endif

#define GF_TEXT(x)  #x
#define GF_VALUE(x) GF_TEXT(x)
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
#define GF_RELEASE GF_VALUE(OPENSSL_SHLIB_VERSION)
#else
#define GF_RELEASE SHLIB_VERSION_NUMBER
#endif

typedef struct symbol {
    const char *name;
    size_t      offset;                          // of its pointer in the table
} symbol;

#define GF_SYMBOL(name) { #name, offsetof(gf_openssl, name) },
static const symbol of_libcrypto[] = { GF_OF_LIBCRYPTO(GF_SYMBOL) };
static const symbol of_libssl[] = { GF_OF_LIBSSL(GF_SYMBOL) };
#undef GF_SYMBOL

// Where the reason goes, and what the library is for.
typedef struct asked {
    const char *need;
    char       *why;
    size_t      size;
} asked;

static gofer_status load(gf_openssl *out, const char *file, const symbol *symbols, size_t count,
    const asked *by)
{
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *why = dlerror();
        snprintf(by->why, by->size,
            "%s needs OpenSSL's %s (%s): install OpenSSL " GF_RELEASE " (Debian: libssl" GF_RELEASE
            ", Fedora: openssl-libs)",
            by->need, file, why ? why : "unknown reason");
        return GOFER_EUNSUPPORTED;
    }
    for (size_t i = 0; i < count; i++) {
        void *address = dlsym(library, symbols[i].name);
        if (!address) {
            snprintf(by->why, by->size,
                "%s: OpenSSL's %s has no %s: install OpenSSL " OPENSSL_VERSION_TEXT
                " or a later release of " GF_RELEASE,
                by->need, file, symbols[i].name);
            return GOFER_EUNSUPPORTED;
        }
        // C has no conversion from an object's pointer to a function's; POSIX has them of one form.
        memcpy((char *)out + symbols[i].offset, &address, sizeof address);
    }
    return GOFER_OK;
}

_Static_assert(sizeof(gf_openssl) % sizeof(void *) == 0 && sizeof(void (*)(void)) == sizeof(void *),
    "pointers only");

gofer_status gf_openssl_load(gf_openssl *out, const char *need, char *why, size_t size)
{
    const asked by = { need, why, size };
    gofer_status st = load(out, "libcrypto.so." GF_RELEASE, of_libcrypto,
        sizeof of_libcrypto / sizeof *of_libcrypto, &by);
    if (st == GOFER_OK)
        st = load(out, "libssl.so." GF_RELEASE, of_libssl, sizeof of_libssl / sizeof *of_libssl,
            &by);
    return st;
}

#endif
