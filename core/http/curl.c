// curl.c - loads libcurl.
//
// By the name of its ABI, which has been 4 since 2006. It is never closed: it and what it brings
// keep handlers for the ends of threads and of the process.
#include "curl.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#ifdef __APPLE__
static const char file[] = "libcurl.4.dylib";
#else
static const char file[] = "libcurl.so.4";
#endif

_Static_assert(sizeof(http_curl) % sizeof(void *) == 0 && sizeof(void (*)(void)) == sizeof(void *),
    "pointers only");

bool http_curl_load(http_curl *out, char *why, size_t size)
{
#define AT(name) { "curl_" #name, offsetof(http_curl, name) }
    static const struct { const char *name; size_t offset; } symbols[] = { AT(global_init),
        AT(easy_init), AT(easy_setopt), AT(easy_perform), AT(easy_getinfo), AT(easy_cleanup),
        AT(easy_strerror), AT(slist_append), AT(slist_free_all) };
#undef AT
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *reason = dlerror();
        snprintf(why, size, "it needs libcurl (%s): install it (Debian: libcurl4, Fedora: libcurl)",
            reason ? reason : file);
        return false;
    }
    for (size_t i = 0; i < sizeof symbols / sizeof *symbols; i++) {
        void *address = dlsym(library, symbols[i].name);
        if (!address) {
            snprintf(why, size, "%s has no %s", file, symbols[i].name);
            return false;
        }
        // C has no conversion from an object's pointer to a function's; POSIX has them of one form.
        memcpy((char *)out + symbols[i].offset, &address, sizeof address);
    }
    CURLcode code = out->global_init(CURL_GLOBAL_DEFAULT);
    if (code != CURLE_OK)
        snprintf(why, size, "libcurl: %s", out->easy_strerror(code));
    return code == CURLE_OK;
}

void http_curl_quick_exit(const http_curl *c, CURL *handle)
{
#if LIBCURL_VERSION_NUM >= 0x075700
    (void)c->easy_setopt(handle, CURLOPT_QUICK_EXIT, 1L);
#else
    (void)c, (void)handle;
#endif
}
