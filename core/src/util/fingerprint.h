// fingerprint.h - the telling line of an error, and what errors of one kind have in common. Pure:
// the binary and the web server have this file, too (gofer_text in util/CMakeLists.txt), so that
// they group failures alike. Threads: any.
#ifndef GF_UTIL_FINGERPRINT_H
#define GF_UTIL_FINGERPRINT_H

#include <stddef.h>

enum { GF_FINGERPRINT = 256 };  // room that a fingerprint needs, its NUL included

// An error in a line: of a Python traceback what was raised, of a command's words to standard error
// the last ones. Writes into out (capacity >= 1, NUL-terminated, cut on a character); returns the
// length. It is never longer than the error.
size_t gf_error_line(const char *error, char *out, size_t capacity);

// That line with what differs from one failure to the next taken out: numbers, times, addresses,
// hex and ids are "#", quoted text is '*'. What a command ended by (exit code, signal) stays. Two
// errors are of one kind if the bytes of their fingerprints are equal. NULL: no error, "".
size_t gf_fingerprint(const char *error, char out[GF_FINGERPRINT]);

#endif
