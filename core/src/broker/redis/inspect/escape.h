// escape.h - bytes in a cursor: a text that can stand in a URL and holds no ':' of its own.
#ifndef GF_BROKER_REDIS_ESCAPE_H
#define GF_BROKER_REDIS_ESCAPE_H

#include <stddef.h>

// Writes at most three bytes for each, and a NUL; gives where that is.
char *gf_rd_escape(char *out, const char *bytes, size_t size);
// The bytes of an escaped text, with a NUL behind them: gf_free. NULL: it is none, or no memory.
char *gf_rd_unescape(const char *text, size_t size, size_t *out_size);

#endif
