// page.c - the page's files.
//
// Files have the digest of all of them in their address and never change there, so that a browser
// keeps them; the page itself, which names them, it asks for each time. They are served as they
// are: packed they would be a third, over a wire that is mostly none.
#include "page.h"

#include <string.h>

static const web_file *find(const char *name)
{
    for (const web_file *file = web_page_files; file->name; file++)
        if (strcmp(file->name, name) == 0)
            return file;
    return NULL;
}

static const char *type_of(const char *name)
{
    const char *end = strrchr(name, '.');
    return !end                      ? "application/octet-stream"
        : strcmp(end, ".js") == 0    ? "text/javascript; charset=utf-8"
        : strcmp(end, ".css") == 0   ? "text/css; charset=utf-8"
        : strcmp(end, ".html") == 0  ? "text/html; charset=utf-8"
                                     : "application/octet-stream";
}

// The page with {{base}} and {{version}} said. The base has no character that HTML knows.
static void put_index(web_call *call, const web_file *file)
{
    static const struct { const char *word; size_t size; } words[] = {
        { "{{base}}", 8 }, { "{{version}}", 11 },
    };
    const char *const values[] = { call->base, web_page_version };
    const char *at = (const char *)file->bytes, *end = at + file->size;
    while (at < end) {
        const char *mark = memchr(at, '{', (size_t)(end - at));
        web_text_add(&call->reply.body, at, (size_t)((mark ? mark : end) - at));
        if (!mark)
            return;
        at = mark;
        for (size_t i = 0; i < 2 && at == mark; i++)
            if ((size_t)(end - at) >= words[i].size
                && memcmp(at, words[i].word, words[i].size) == 0) {
                web_text_put(&call->reply.body, values[i]);
                at += words[i].size;
            }
        if (at == mark)
            web_text_add(&call->reply.body, at++, 1);
    }
}

void web_page_index(web_call *call)
{
    const web_file *file = find("index.html");
    if (!file) {
        web_fail(call, 404, "ENOTFOUND", "this build has no page");
        return;
    }
    put_index(call, file);
    call->reply.status = 200;
    call->reply.type = type_of(file->name);
    call->reply.cache = "no-cache";
}

void web_page_asset(web_call *call)
{
    const web_file *file = find(web_path_word(call, "file"));
    if (!file || strcmp(web_path_word(call, "version"), web_page_version) != 0) {
        web_fail(call, 404, "ENOTFOUND", "there is no such file in this version of the page");
        return;
    }
    call->reply.fixed = file->bytes;
    call->reply.fixed_size = file->size;
    call->reply.status = 200;
    call->reply.type = type_of(file->name);
    call->reply.cache = "public, max-age=31536000, immutable";
}
