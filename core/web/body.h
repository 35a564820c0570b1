// body.h - the members of a request's JSON body.
#ifndef WEB_BODY_H
#define WEB_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "call.h"
#include "util/json.h"

typedef struct web_member {
    const char *name;       // that the caller wants
    gf_json     value;      // GF_JSON_BAD: it is not there
} web_member;

// Reads the body, an object, into the members. False: it is answered; the body is no JSON object,
// or has a member that is not known or that is given twice. No body: an empty object.
bool web_body_read(web_call *call, web_member *members, size_t count);

// A string without NUL; malloc'd. NULL: it is answered.
char *web_member_text(web_call *call, const web_member *member);
// true or false into *out, which keeps its value if the member is not there.
bool web_member_flag(web_call *call, const web_member *member, bool *out);
// A whole number from 1 to max, likewise.
bool web_member_whole(web_call *call, const web_member *member, int32_t max, int32_t *out);
// As on the command line ("5m"), in ms, likewise.
bool web_member_duration(web_call *call, const web_member *member, int64_t *out);
bool web_member_there(const web_member *member);

#endif
