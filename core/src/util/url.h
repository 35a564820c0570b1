// url.h - a broker URL taken apart.
//
// Only the scheme is read here; what follows it is the store's to read. A URL is never logged as
// it came but as `shown`, which has no password. Threads: one that is made does not change.
#ifndef GF_UTIL_URL_H
#define GF_UTIL_URL_H

#include "gofer/gofer.h"

typedef struct gf_url {
    char *scheme;   // "sqlite", "memory", "redis", …; lower case
    char *rest;     // what follows "scheme:", percent-escapes as they came
    char *shown;    // the whole with any password as "***": for logs and errors
} gf_url;

// A path as it stands in a sqlite: URL; gf_free. NULL: no memory.
char *gf_url_escape(const char *path);

// text NULL or empty: $GOFER_URL, else sqlite: in the user's state folder, whose
// directories are made (0700). A plain path with '/' or ending in ".db" is sqlite:.
gofer_status gf_url_parse(gf_url *out, const char *text);
void         gf_url_clear(gf_url *url);

#endif
