// webhook.c - webhooks as text.
//
// Stricter than libcurl, which reads the URL in the end: what the two could understand differently
// is refused.
#include "util/webhook.h"

#include <stddef.h>
#include <string.h>

#define PLAIN  "webhook:"
#define RESULT "webhook+result:"
#define TEXT(x)  #x
#define VALUE(x) TEXT(x)

bool gf_webhook_is(const char *text)
{
    return strncmp(text, PLAIN, sizeof PLAIN - 1) == 0 ||
        strncmp(text, RESULT, sizeof RESULT - 1) == 0;
}

// A name, IPv4 or [IPv6], and perhaps a port.
static const char *authority_wrong(const char *text, size_t size)
{
    if (memchr(text, '@', size))
        return "it holds a user or password";
    const char *end = *text == '[' ? memchr(text, ']', size) : NULL;
    if (*text == '[' && !end)
        return "its '[' is left open";
    const char *colon = end ? end + 1 : memchr(text, ':', size);
    if (end && end + 1 == text + size)
        colon = NULL;
    if (size == 0 || colon == text)
        return "it names no host";
    if (!colon)
        return NULL;
    const char *digits = colon + 1, *stop = text + size;
    bool is_port = *colon == ':' && digits < stop && stop - digits <= 5;
    for (; is_port && digits < stop; digits++)
        is_port = *digits >= '0' && *digits <= '9';
    return is_port ? NULL : "what follows its host is no port";
}

const char *gf_webhook_wrong(const char *url)
{
    size_t scheme = strncmp(url, "http://", 7) == 0 ? 7 : strncmp(url, "https://", 8) == 0 ? 8 : 0;
    if (!scheme)
        return "it does not begin with http:// or https://";
    if (strlen(url) > GF_WEBHOOK_URL_MAX)
        return "it is longer than " VALUE(GF_WEBHOOK_URL_MAX) " bytes";
    for (const char *p = url; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f || *p == '\\')
            return "it has blanks, backslashes, control characters or letters beyond ASCII in it";
    if (strchr(url, '#'))
        return "it has a '#'";
    return authority_wrong(url + scheme, strcspn(url + scheme, "/?"));
}

bool gf_webhook_read(const char *text, gf_webhook *out)
{
    if (!gf_webhook_is(text))
        return false;
    const char *url = strchr(text, ':') + 1;
    if (gf_webhook_wrong(url))
        return false;
    *out = (gf_webhook){ url, text[sizeof PLAIN - 2] == '+' };
    return true;
}
