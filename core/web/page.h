// page.h - the page's files, inside the binary: made by page.cmake (page_files.c), or read from a
// folder while somebody works on them.
#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include <stddef.h>

#include "call.h"

typedef struct web_file {
    const char          *name;          // "app.js"
    const unsigned char *bytes;
    size_t               size;
} web_file;

extern const web_file web_page_files[];     // ended by a NULL name
extern const char web_page_version[];       // a digest of them all: in their addresses

void web_page_index(web_call *call);        // the page, at every address that is a view
void web_page_asset(web_call *call);        // /assets/{version}/{file}

#endif
