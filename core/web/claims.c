// claims.c - what the headers of a request claim of who sent it.
#include "claims.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/base64.h"
#include "util/utf8.h"

bool web_claim_cookie(const char *header, const char *name, char *room, size_t size)
{
    size_t named = strlen(name);
    for (const char *at = header; *at;) {
        size_t length = strcspn(at, "; ");
        if (length > named && at[named] == '=' && memcmp(at, name, named) == 0) {
            size_t value = length - named - 1;
            if (value == 0 || value >= size)
                return false;
            memcpy(room, at + named + 1, value);
            room[value] = '\0';
            return true;
        }
        at += strcspn(at, ";");
        at += strspn(at, "; ");
    }
    return false;
}

bool web_claim_basic(const char *header, char name[WEB_CLAIM_NAME],
    char password[WEB_CLAIM_PASSWORD])
{
    static const char basic[] = "Basic ";
    enum { TEXT_MAX = GF_BASE64_ROOM(WEB_CLAIM_NAME + WEB_CLAIM_PASSWORD) };
    char both[TEXT_MAX];
    size_t length = strlen(header), size;
    if (length < sizeof basic || length - (sizeof basic - 1) >= TEXT_MAX
        || strncasecmp(header, basic, sizeof basic - 1) != 0
        || !gf_base64_decode(header + sizeof basic - 1, length - (sizeof basic - 1), both, &size)
        || memchr(both, '\0', size))
        return false;
    const char *colon = memchr(both, ':', size);
    size_t named = colon ? (size_t)(colon - both) : 0, rest = colon ? size - named - 1 : 0;
    if (named == 0 || named >= WEB_CLAIM_NAME || rest == 0 || rest >= WEB_CLAIM_PASSWORD)
        return false;
    memcpy(name, both, named);
    name[named] = '\0';
    memcpy(password, colon + 1, rest);
    password[rest] = '\0';
    return true;
}

// The last word of a list with commas, without the blanks around it.
static size_t last_of(const char *list, const char **out)
{
    const char *comma = strrchr(list, ','), *at = comma ? comma + 1 : list;
    at += strspn(at, " \t");
    size_t size = strlen(at);
    while (size && (at[size - 1] == ' ' || at[size - 1] == '\t'))
        size--;
    *out = at;
    return size;
}

// Some write a port behind the address, and then the newer kind of address in brackets.
bool web_claim_for(const char *header, char out[WEB_ADDRESS_ROOM])
{
    unsigned char bytes[sizeof(struct in6_addr)];
    char text[WEB_ADDRESS_ROOM + 8];
    const char *at;
    size_t size = last_of(header, &at);
    if (size == 0 || size >= sizeof text)
        return false;
    memcpy(text, at, size);
    text[size] = '\0';
    char *from = text, *colon = strchr(text, ':');
    if (*text == '[') {
        char *close = strchr(text, ']');
        if (!close)
            return false;
        *close = '\0';
        from++;
    } else if (colon && !strchr(colon + 1, ':')) {
        *colon = '\0';
    }
    int family = strchr(from, ':') ? AF_INET6 : AF_INET;
    return inet_pton(family, from, bytes) == 1
        && inet_ntop(family, bytes, out, WEB_ADDRESS_ROOM) != NULL;
}

bool web_claim_https(const char *header)
{
    const char *at;
    size_t size = last_of(header, &at);
    return size == 5 && strncasecmp(at, "https", size) == 0;
}

bool web_claim_name(const char *header, char *out, size_t size)
{
    size_t length = strlen(header);
    if (length == 0 || length >= size || strcmp(header, "-") == 0
        || !gf_utf8_valid(header, length) || header[0] == ' ' || header[length - 1] == ' ')
        return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)header[i] < ' ' || header[i] == 0x7f)
            return false;
    memcpy(out, header, length + 1);
    return true;
}

void web_claim_address(const struct sockaddr *from, char out[WEB_ADDRESS_ROOM])
{
    const void *bytes = NULL;
    out[0] = '\0';
    if (from && from->sa_family == AF_INET)
        bytes = &((const struct sockaddr_in *)(const void *)from)->sin_addr;
    else if (from && from->sa_family == AF_INET6)
        bytes = &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr;
    if (bytes && !inet_ntop(from->sa_family, bytes, out, WEB_ADDRESS_ROOM))
        out[0] = '\0';
}
