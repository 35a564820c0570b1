// head.c - the head of an HTTP request, read strictly.
#include "head.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

enum { METHOD_MAX = 16, LENGTH_DIGITS = 18 };

// A line, or a part of one.
typedef struct span {
    const char *at, *end;
} span;

// What the fields have said so far, of those that matter here.
typedef struct fields_seen {
    int  hosts, lengths, codings;
    bool old_version;           // HTTP/1.0
} fields_seen;

static web_head_verdict wrong(web_head *out, int status, const char *why)
{
    out->status = status;
    out->why = why;
    return WEB_HEAD_WRONG;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_hex(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f');
}

// tchar of RFC 9110, 5.6.2.
static bool is_token(char c)
{
    return is_digit(c) || is_alpha(c) || (c && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is(span s, const char *word)
{
    size_t size = strlen(word);
    return (size_t)(s.end - s.at) == size && strncasecmp(s.at, word, size) == 0;
}

// A path and its query: visible ASCII, escapes whole, no fragment.
static bool target_is_path(span target)
{
    if (target.at == target.end || *target.at != '/')
        return false;
    for (const char *at = target.at; at < target.end; at++) {
        if (*at <= ' ' || *at > '~' || *at == '#' || *at == '\\')
            return false;
        if (*at == '%' && (target.end - at < 3 || !is_hex(at[1]) || !is_hex(at[2])))
            return false;
    }
    return true;
}

static web_head_verdict request_line(span line, fields_seen *seen, web_head *out)
{
    const char *first = memchr(line.at, ' ', (size_t)(line.end - line.at));
    const char *second = first ? memchr(first + 1, ' ', (size_t)(line.end - first - 1)) : NULL;
    if (!second || first == line.at || first - line.at > METHOD_MAX)
        return wrong(out, 400, "the request line is not METHOD /PATH HTTP/1.1");
    for (const char *at = line.at; at < first; at++)
        if (!is_token(*at))
            return wrong(out, 400, "the method has a character that no method has");

    span target = { first + 1, second }, version = { second + 1, line.end };
    if (target.end - target.at > WEB_TARGET_MAX)
        return wrong(out, 414, "the address is longer than 4096 bytes");
    if (!target_is_path(target))
        return wrong(out, 400, "the address is not a path");
    seen->old_version = is(version, "HTTP/1.0");
    bool named = version.end - version.at == 8 && memcmp(version.at, "HTTP/", 5) == 0
        && is_digit(version.at[5]) && version.at[6] == '.' && is_digit(version.at[7]);
    if (!named)
        return wrong(out, 400, "the request line does not end in HTTP/1.1");
    if (memcmp(version.at + 5, "1.1", 3) != 0 && !seen->old_version)
        return wrong(out, 505, "only HTTP/1.1 is spoken here");
    return WEB_HEAD_WHOLE;
}

static web_head_verdict content_length(span value, fields_seen *seen, web_head *out)
{
    bool digits = value.at < value.end && value.end - value.at <= LENGTH_DIGITS;
    for (const char *at = value.at; at < value.end; at++)
        digits = digits && is_digit(*at);
    if (!digits)
        return wrong(out, 400, "Content-Length is not a number");
    return ++seen->lengths > 1 ? wrong(out, 400, "Content-Length is there twice") : WEB_HEAD_WHOLE;
}

// What a host may be made of: names, addresses, a port. That it is ours is asked later.
static web_head_verdict host(span value, fields_seen *seen, web_head *out)
{
    if (value.at == value.end)
        return wrong(out, 400, "Host is empty");
    for (const char *at = value.at; at < value.end; at++)
        if (!is_digit(*at) && !is_alpha(*at) && !strchr(".-_:[]", *at))
            return wrong(out, 400, "Host has a character that no host has");
    return ++seen->hosts > 1 ? wrong(out, 400, "Host is there twice") : WEB_HEAD_WHOLE;
}

static web_head_verdict meaning(span name, span value, fields_seen *seen, web_head *out)
{
    if (is(name, "Content-Length"))
        return content_length(value, seen, out);
    if (is(name, "Host"))
        return host(value, seen, out);
    if (is(name, "Transfer-Encoding")) {
        if (++seen->codings > 1 || !is(value, "chunked"))
            return wrong(out, 501, "the only transfer coding is chunked, said once");
        if (seen->old_version)
            return wrong(out, 400, "HTTP/1.0 has no transfer codings");
    }
    if (is(name, "Expect") && !is(value, "100-continue"))
        return wrong(out, 417, "the only expectation is 100-continue");
    return WEB_HEAD_WHOLE;
}

static web_head_verdict field_line(span line, fields_seen *seen, web_head *out)
{
    if (*line.at == ' ' || *line.at == '\t')
        return wrong(out, 400, "a header line is folded");
    span name = { line.at, line.at };
    while (name.end < line.end && is_token(*name.end))
        name.end++;
    if (name.at == name.end || name.end == line.end || *name.end != ':')
        return wrong(out, 400, "a header line is not NAME: VALUE");

    span value = { name.end + 1, line.end };
    while (value.at < value.end && (*value.at == ' ' || *value.at == '\t'))
        value.at++;
    while (value.end > value.at && (value.end[-1] == ' ' || value.end[-1] == '\t'))
        value.end--;
    for (const char *at = value.at; at < value.end; at++)
        if (((unsigned char)*at < ' ' && *at != '\t') || *at == 0x7f)
            return wrong(out, 400, "a header has a control character");
    return meaning(name, value, seen, out);
}

static web_head_verdict at_the_end(const fields_seen *seen, web_head *out)
{
    if (seen->hosts == 0)
        return wrong(out, 400, "Host is missing");
    if (seen->lengths && seen->codings)
        return wrong(out, 400, "Content-Length stands beside Transfer-Encoding");
    return WEB_HEAD_WHOLE;
}

// The line at `at`, without its end. MORE: it is not all there; WRONG: no line can go on so.
static web_head_verdict next_line(const char *at, const char *end, span *line, web_head *out)
{
    for (const char *c = at; c < end; c++) {
        if (*c == '\n')
            return wrong(out, 400, "a line ends without CR");
        if (*c == '\0')
            return wrong(out, 400, "a NUL is in the head");
        if (*c != '\r')
            continue;
        if (c + 1 == end)
            return WEB_HEAD_MORE;
        if (c[1] != '\n')
            return wrong(out, 400, "a CR stands alone");
        *line = (span){ at, c };
        return WEB_HEAD_WHOLE;
    }
    return WEB_HEAD_MORE;
}

static web_head_verdict too_long(int lines, web_head *out)
{
    return lines ? wrong(out, 431, "the head is longer than 8192 bytes")
                 : wrong(out, 414, "the request line is longer than 8192 bytes");
}

web_head_verdict web_head_read(const char *bytes, size_t size, web_head *out)
{
    const char *at = bytes, *end = bytes + (size < WEB_HEAD_MAX ? size : WEB_HEAD_MAX);
    fields_seen seen = { 0 };
    span line;
    for (int lines = 0;; lines++) {
        web_head_verdict verdict = next_line(at, end, &line, out);
        if (verdict == WEB_HEAD_MORE && size >= WEB_HEAD_MAX)
            return too_long(lines, out);
        if (verdict != WEB_HEAD_WHOLE)
            return verdict;
        at = line.end + 2;
        if (line.at == line.end) {
            out->size = (size_t)(at - bytes);
            return lines ? at_the_end(&seen, out) : wrong(out, 400, "the request line is empty");
        }
        if (lines > WEB_HEAD_FIELDS)
            return wrong(out, 431, "there are more than 64 headers");
        verdict = lines ? field_line(line, &seen, out) : request_line(line, &seen, out);
        if (verdict != WEB_HEAD_WHOLE)
            return verdict;
    }
}
