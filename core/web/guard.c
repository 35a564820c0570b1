// guard.c - is this request meant for us, and does it come from a page of ours?
#include "guard.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "listen.h"

// The part of "name:port" or "[address]:port" before the port.
static size_t name_size(const char *host)
{
    const char *close = *host == '[' ? strchr(host, ']') : NULL;
    return close ? (size_t)(close + 1 - host) : strcspn(host, ":");
}

static bool is_name(const char *host, size_t size, const char *name)
{
    return strlen(name) == size && strncasecmp(host, name, size) == 0;
}

static bool host_is_ours(const web_guard *guard, const char *host)
{
    static const char *const loopback[] = { "localhost", "127.0.0.1", "[::1]" };
    size_t size = name_size(host);
    for (size_t i = 0; i < sizeof loopback / sizeof *loopback; i++)
        if (is_name(host, size, loopback[i]))
            return true;
    for (size_t i = 0; i < guard->host_count; i++)
        if (is_name(host, size, guard->hosts[i]))
            return true;
    return false;
}

// "https://HOST" of the very Host that was asked, or "http://HOST", which anybody in between can
// write a page for if we have TLS.
static bool same_origin(const char *origin, const web_said *said)
{
    const char *rest = strncmp(origin, "https://", 8) == 0        ? origin + 8
        : strncmp(origin, "http://", 7) == 0 && !said->secure ? origin + 7 : NULL;
    return rest && strcasecmp(rest, said->host) == 0;
}

static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t size = sizeof json - 1;
    return type && strncasecmp(type, json, size) == 0 && strchr(" ;\t", type[size]) != NULL;
}

static const char *foreign(const web_said *said)
{
    if (said->fetch_site)
        return strcmp(said->fetch_site, "same-origin") == 0 || strcmp(said->fetch_site, "none") == 0
            ? NULL : "this came from a page of another site (Sec-Fetch-Site)";
    if (said->origin && !same_origin(said->origin, said))
        return "this came from a page of another site (Origin)";
    return NULL;
}

web_refusal web_guard_check(const web_guard *guard, const web_said *said)
{
    if (!said->host || !host_is_ours(guard, said->host))
        return (web_refusal){ 400, guard->is_worker
            ? "Host is not a name of this server: add it with --metrics-host"
            : "Host is not a name of this server: add it with --host" };
    if (strcmp(said->method, "GET") == 0 || strcmp(said->method, "HEAD") == 0)
        return (web_refusal){ 0, NULL };
    const char *why = foreign(said);
    if (why)
        return (web_refusal){ 403, why };
    // No page can say so of itself: the browser does. Not "none", which is no page at all.
    bool vouched = said->page_vouched && said->fetch_site
        && strcmp(said->fetch_site, "same-origin") == 0;
    if (!vouched && (!said->marker || strcmp(said->marker, "1") != 0))
        return (web_refusal){ 403, "the header X-Gofer: 1 is missing" };
    if (said->has_body && !is_json(said->content_type))
        return (web_refusal){ 400, "Content-Type is not application/json" };
    return (web_refusal){ 0, NULL };
}

bool web_guard_in_the_open(bool secure, bool trusted, const struct sockaddr *from)
{
    return !secure && !trusted && !(from && web_is_loopback(from));
}
