// traceparent.h - W3C Trace Context (the Recommendation of 2021, and the random flag of level 2):
// the values of the headers traceparent and tracestate, read strictly. Pure: the binary has this
// file, too (gofer_text in util/CMakeLists.txt).
//
// What is malformed is as if it was not there; it is never an error.
#ifndef GF_UTIL_TRACEPARENT_H
#define GF_UTIL_TRACEPARENT_H

#include <stdbool.h>
#include <stdint.h>

#define GF_TRACEPARENT "traceparent"   // names of headers; variables of the environment are the
#define GF_TRACESTATE  "tracestate"    //   same in capitals

enum {
    GF_TRACEPARENT_TEXT = 56,          // of version 00, with its NUL
    GF_TRACEPARENT_MAX = 255,          // bytes; versions to come may be longer than 00
    GF_TRACESTATE_MAX = 512,           // bytes that everybody has to carry
    GF_TRACE_SAMPLED = 1,              // flags: the caller may have recorded it
    GF_TRACE_RANDOM = 2                // the trace id's last 7 bytes are random
};

typedef struct gf_traceparent {
    uint8_t trace_id[16], span_id[8];  // not all zero
    uint8_t flags;                     // of those above
} gf_traceparent;

// Of a version to come the part that is as in 00. False: malformed, *out is untouched.
bool gf_traceparent_read(const char *text, gf_traceparent *out);
// In version 00.
void gf_traceparent_write(const gf_traceparent *t, char out[GF_TRACEPARENT_TEXT]);
bool gf_tracestate_valid(const char *text);

#endif
