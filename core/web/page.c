// page.c - the page's files.
//
// Files have the digest of all of them in their address and never change there, so that a browser
// keeps them; the page itself, which names them, it asks for each time, and hears that it has it
// already. Of a folder (--web-root) nothing is kept: it is what somebody has just changed.
#include "page.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { BLOCK = 16 << 10, FILE_MAX = 1 << 20 };

static const char FOREVER[] = "public, max-age=31536000, immutable", ASK[] = "no-cache";

static const char *type_of(const char *name)
{
    const char *end = strrchr(name, '.');
    return !end                     ? "application/octet-stream"
        : strcmp(end, ".js") == 0   ? "text/javascript; charset=utf-8"
        : strcmp(end, ".css") == 0  ? "text/css; charset=utf-8"
        : strcmp(end, ".html") == 0 ? "text/html; charset=utf-8"
                                    : "application/octet-stream";
}

static void answer(web_call *call, int status, const char *name, const char *cache)
{
    call->reply.status = status;
    call->reply.type = type_of(name);
    call->reply.cache = cache;
}

// ---- where they are

static const web_file *find(const char *name)
{
    for (const web_file *file = web_page_files; file->name; file++)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

// A file of a folder, and of no folder in it or above it. False: it is not to be had.
static bool read_file(const char *folder, const char *name, web_text *out)
{
    char path[4096], block[BLOCK];
    ssize_t got = 0;
    if (*name == '.' || strchr(name, '/')
        || snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    while (out->size < FILE_MAX && (got = read(fd, block, sizeof block)) > 0)
        web_text_add(out, block, (size_t)got);
    close(fd);
    return got == 0;
}

const char *web_page_root_fault(const char *folder)
{
    web_text index = { 0 };
    bool there = read_file(folder, "index.html", &index);
    web_text_free(&index);
    return there ? NULL : "--web-root has no index.html that can be read";
}

// ---- what the browser has, and what it understands

// Is one of the coding's items gzip, and not with a weight of nothing?
static bool takes_gzip(const char *codings)
{
    for (const char *at = codings; *at; at += *at == ',') {
        at += strspn(at, " \t");
        size_t size = strcspn(at, ",");
        bool gzip = strncasecmp(at, "gzip", 4) == 0 && strchr(" \t;,", at[4]);
        const char *weight = gzip ? strchr(at, '=') : NULL;
        if (gzip && (!weight || weight > at + size || strtod(weight + 1, NULL) > 0))
            return true;
        at += size;
    }
    return false;
}

// Has it this one already? Then that is the answer.
static bool has_it(web_call *call, const char *kind)
{
    snprintf(call->reply.etag, sizeof call->reply.etag, "\"%s%s\"", web_page_version, kind);
    return strstr(call->if_none_match, call->reply.etag)
        || strcmp(call->if_none_match, "*") == 0;
}

// ---- the page itself

// A text with {{base}} and {{version}} said. The base has no character that HTML knows.
static void put_index(web_call *call, const char *at, size_t size, const char *version)
{
    const struct { const char *word, *value; } words[] = {
        { "{{base}}", call->base }, { "{{version}}", version },
    };
    const char *end = at + size;
    while (at < end) {
        const char *mark = memchr(at, '{', (size_t)(end - at));
        web_text_add(&call->reply.body, at, (size_t)((mark ? mark : end) - at));
        if (!mark)
            return;
        at = mark;
        for (size_t i = 0; i < 2 && at == mark; i++) {
            size_t length = strlen(words[i].word);
            if ((size_t)(end - at) < length || memcmp(at, words[i].word, length) != 0)
                continue;
            at += length;
            web_text_put(&call->reply.body, words[i].value);
        }
        if (at == mark)
            web_text_add(&call->reply.body, at++, 1);
    }
}

void web_page_index(web_call *call)
{
    static const char name[] = "index.html";
    web_text text = { 0 };
    const web_file *file = call->web_root ? NULL : find(name);
    if (file && has_it(call, "")) {
        answer(call, 304, name, ASK);
    } else if (file) {
        put_index(call, (const char *)file->bytes, file->size, web_page_version);
        answer(call, 200, name, ASK);
    } else if (call->web_root && read_file(call->web_root, name, &text)) {
        put_index(call, text.at ? text.at : "", text.size, "folder");
        answer(call, 200, name, ASK);
    } else {
        web_fail(call, 404, "ENOTFOUND", "the page is not there");
    }
    web_text_free(&text);
}

// ---- what it is made of

static void put_asset(web_call *call, const web_file *file)
{
    bool packed = takes_gzip(call->accept_encoding);
    bool had = has_it(call, packed ? "-gzip" : "");
    call->reply.varies = true;
    answer(call, had ? 304 : 200, file->name, FOREVER);
    if (had)
        return;
    call->reply.gzip = packed;
    call->reply.fixed = packed ? file->packed : file->bytes;
    call->reply.fixed_size = packed ? file->packed_size : file->size;
}

void web_page_asset(web_call *call)
{
    const char *name = web_path_word(call, "file");
    if (call->web_root) {
        if (read_file(call->web_root, name, &call->reply.body))
            answer(call, 200, name, ASK);
        else
            web_fail(call, 404, "ENOTFOUND", "there is no such file in the folder of the page");
        return;
    }
    const web_file *file = find(name);
    if (file && strcmp(web_path_word(call, "version"), web_page_version) == 0)
        put_asset(call, file);
    else
        web_fail(call, 404, "ENOTFOUND", "there is no such file in this version of the page");
}
