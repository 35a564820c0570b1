// text.c - checks of names and times from outside.
//
// May touch: error (each check says what is wrong), utf8. Any thread.
#include "util/text.h"

#include <string.h>

#include "util/error.h"
#include "util/utf8.h"

// Control characters (C0, DEL, C1), line and paragraph separators, and the marks that turn
// the direction of text would let a name forge a line of a log or a table.
static bool printable(uint32_t c)
{
    return !(c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 ||
             (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF);
}

// Unicode's white space among the printable characters (property White_Space).
static bool blank(uint32_t code)
{
    return code == ' ' || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
        code == 0x202F || code == 0x205F || code == 0x3000;
}

bool gf_name_fits(const void *bytes, size_t size)
{
    return bytes && size > 0 && size <= GF_NAME_MAX && !memchr(bytes, '\0', size) &&
        gf_utf8_valid(bytes, size);
}

gofer_status gf_check_name(const char *what, const char *name)
{
    if (!name || !*name)
        return gf_fail(GOFER_EINVAL, "the %s is empty: give 1 to %d bytes", what, GF_NAME_MAX);

    size_t size = strnlen(name, GF_NAME_MAX + 1);
    if (size > GF_NAME_MAX)
        return gf_fail(GOFER_EINVAL, "the %s '%.40s...' has over %d bytes", what,
            gf_utf8_valid(name, 40) ? name : "", GF_NAME_MAX);

    bool seen = false;
    for (size_t at = 0; at < size;) {
        uint32_t code;
        if (name[at] > ' ' && name[at] < 0x7F) {       // nearly all, and each task has a few names
            seen = true;
            at++;
            continue;
        }
        size_t length = gf_utf8_read(name + at, size - at, &code);
        if (length == 0)
            return gf_fail(GOFER_EINVAL, "the %s is not valid UTF-8 at byte %zu", what, at);
        seen |= !blank(code);
        if (!printable(code))
            return gf_fail(GOFER_EINVAL,
                "the %s holds the unprintable character U+%04X at byte %zu", what, (unsigned)code,
                at);
        at += length;
    }
    // Asynq refuses these too.
    return seen ? GOFER_OK
                : gf_fail(GOFER_EINVAL, "the %s is blank: give it a character to be seen", what);
}

gofer_status gf_check_queue(const char *name)
{
    gofer_status st = gf_check_name("queue name", name);
    if (st == GOFER_OK && strpbrk(name, "{}"))
        return gf_fail(GOFER_EINVAL, "the queue name '%s' holds '{' or '}', which is not allowed",
            name);
    return st;
}

gofer_status gf_check_duration(const char *what, int64_t ms)
{
    if (ms < 0 || ms > GOFER_MAX_DURATION_MS)
        return gf_fail(GOFER_EINVAL, "%s is %lld ms: it must be from 0 to %lld (100 years)", what,
            (long long)ms, (long long)GOFER_MAX_DURATION_MS);
    return GOFER_OK;
}

gofer_status gf_check_time(const char *what, int64_t unix_ms)
{
    const int64_t year_9999 = INT64_C(253402300799999);
    if (unix_ms < 0 || unix_ms > year_9999)
        return gf_fail(GOFER_EINVAL, "%s is %lld: it must be Unix milliseconds from 1970 to 9999",
            what, (long long)unix_ms);
    return GOFER_OK;
}

gofer_status gf_check_limit(int32_t limit, size_t *out)
{
    if (limit < 0 || limit > GF_PAGE_MAX)
        return gf_fail(GOFER_EINVAL, "limit is %d: it must be from 1 to %d, or 0 (%d)", (int)limit,
            GF_PAGE_MAX, GF_PAGE_DEFAULT);
    *out = limit ? (size_t)limit : GF_PAGE_DEFAULT;
    return GOFER_OK;
}
