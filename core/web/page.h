// page.h - the page's files: those inside the binary (page_files.c, made by page.cmake), or a
// folder's while somebody works on them.
#ifndef WEB_PAGE_H
#define WEB_PAGE_H

#include <stddef.h>

#include "call.h"

typedef struct web_file {
    const char          *name;          // "app.js"
    const unsigned char *bytes;
    size_t               size;
    const unsigned char *packed;        // by gzip
    size_t               packed_size;
} web_file;

extern const web_file web_page_files[];     // ended by a NULL name
extern const char web_page_version[];       // a digest of them all: in their addresses

void web_page_index(web_call *call);        // the page, at every address that is a view
void web_page_asset(web_call *call);        // /assets/{version}/{file}

// What a folder lacks to be the page's; NULL: nothing.
const char *web_page_root_fault(const char *folder);

#endif
