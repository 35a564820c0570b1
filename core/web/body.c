// body.c - the members of a request's JSON body.
#include "body.h"

#include <stdlib.h>
#include <string.h>

static bool take(web_call *call, web_member *members, size_t count, gf_json key, gf_json value)
{
    for (size_t i = 0; i < count; i++) {
        if (!gf_json_is(key, members[i].name))
            continue;
        if (web_member_there(&members[i])) {
            web_fail(call, 400, "EINVAL", "the body has '%s' twice", members[i].name);
            return false;
        }
        members[i].value = value;
        return true;
    }
    web_fail(call, 400, "EINVAL", "the body has %.*s, which is not known here",
        (int)(key.size < 80 ? key.size : 80), key.text);
    return false;
}

bool web_body_read(web_call *call, web_member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        members[i].value = (gf_json){ .kind = GF_JSON_BAD };
    if (!call->body_size)
        return true;
    gf_json_scan scan = gf_json_start(call->body, call->body_size);
    gf_json whole, key, value;
    gf_json_kind kind = gf_json_whole(&scan, &whole);
    if (kind != GF_JSON_OBJECT) {
        web_fail(call, 400, "EINVAL", "the body is not a JSON object%s%s",
            kind == GF_JSON_BAD && scan.wrong ? ": " : "",
            kind == GF_JSON_BAD && scan.wrong ? scan.wrong : "");
        return false;
    }
    for (scan = gf_json_inside(whole); gf_json_member(&scan, &key, &value);)
        if (!take(call, members, count, key, value))
            return false;
    return true;
}

bool web_member_there(const web_member *member)
{
    return member->value.kind != GF_JSON_BAD;
}

char *web_member_text(web_call *call, const web_member *member)
{
    bool fits = member->value.kind == GF_JSON_STRING && !gf_json_has_nul(member->value);
    char *text = fits ? malloc(member->value.size + 1) : NULL;
    if (text)
        gf_json_text(member->value, text);
    else if (fits)
        web_fail(call, 503, "ENOMEM", "there is no memory for the request");
    else
        web_fail(call, 400, "EINVAL", "'%s' must be a string without NUL", member->name);
    return text;
}

bool web_member_flag(web_call *call, const web_member *member, bool *out)
{
    if (!web_member_there(member))
        return true;
    if (member->value.kind != GF_JSON_TRUE && member->value.kind != GF_JSON_FALSE) {
        web_fail(call, 400, "EINVAL", "'%s' must be true or false", member->name);
        return false;
    }
    *out = member->value.kind == GF_JSON_TRUE;
    return true;
}

bool web_member_whole(web_call *call, const web_member *member, int32_t max, int32_t *out)
{
    char room[32];
    double n = -1;
    if (!web_member_there(member))
        return true;
    if (member->value.kind == GF_JSON_NUMBER && member->value.size < sizeof room)
        n = gf_json_number(member->value, room);
    if (n < 1 || n > max || n != (double)(int32_t)n) {
        web_fail(call, 400, "EINVAL", "'%s' must be a whole number from 1 to %d", member->name,
            (int)max);
        return false;
    }
    *out = (int32_t)n;
    return true;
}

bool web_member_duration(web_call *call, const web_member *member, int64_t *out)
{
    if (!web_member_there(member))
        return true;
    char *text = web_member_text(call, member);
    gofer_status st = text ? gofer_parse_duration(text, out) : GOFER_OK;
    if (st != GOFER_OK)
        web_fail(call, 400, "EINVAL", "'%s': %s", member->name, gofer_error_last());
    free(text);
    return text && st == GOFER_OK;
}
