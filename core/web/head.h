// head.h - the head of an HTTP request, read strictly (RFC 9112), before anything else sees it.
//
// Proxies and servers that read a loose request differently are how requests are smuggled, so
// nothing is forgiven here: line ends other than CR LF, folded lines, blanks before a colon, bytes
// that have no place, a length said twice or beside a transfer coding, a target that is not a path,
// no Host or two. What passes means one thing only.
//
// Pure and without allocation. A fuzz target drives it (tests/fuzz/fuzz_head.c).
#ifndef WEB_HEAD_H
#define WEB_HEAD_H

#include <stddef.h>

enum {
    WEB_HEAD_MAX = 8192,        // bytes, with the empty line
    WEB_HEAD_FIELDS = 64,
    WEB_TARGET_MAX = 4096
};

typedef enum web_head_verdict {
    WEB_HEAD_WHOLE,             // it is all there, and right; *size: its length
    WEB_HEAD_MORE,              // right so far
    WEB_HEAD_WRONG              // *status and *why say what to answer
} web_head_verdict;

typedef struct web_head {
    size_t      size;
    int         status;         // 400, 414, 417, 431, 501, 505
    const char *why;            // static
} web_head;

web_head_verdict web_head_read(const char *bytes, size_t size, web_head *out);

#endif
