// post.c - one request of a webhook.
//
// May touch: libcurl, which http/ loads, and sockets. Whoever names the URL may be a stranger, so
// the address is looked at when the connection is made, after the name was resolved; there are
// no redirects, proxies, cookies or passwords, and neither the time nor what is read is without
// bound.
#include "post.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gofer/gofer.h"

// One request under way.
typedef struct sending {
    const hooks_sender  *sender;
    const hooks_request *request;
    CURL                *handle;
    struct curl_slist   *headers;
    size_t               read;     // bytes of the answer
    bool                 enough, given_up, tried;
    char                 refused[HOOKS_ADDRESS_TEXT];      // the last address; "": none was
    char                 error[CURL_ERROR_SIZE];
} sending;

// ---- what libcurl asks --------------------------------------------------------------------------

static curl_socket_t open_socket(void *user, curlsocktype purpose, struct curl_sockaddr *to)
{
    sending *s = user;
    hooks_address address;
    (void)purpose;
    if (!hooks_address_of(&to->addr, &address)) {
        snprintf(s->refused, sizeof s->refused, "?");
        return CURL_SOCKET_BAD;
    }
    if (!hooks_address_may(&address, &s->sender->allowed)) {
        hooks_address_text(&address, s->refused);
        return CURL_SOCKET_BAD;
    }
    s->tried = true;
#ifdef SOCK_CLOEXEC
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
#else
    int fd = socket(to->family, to->socktype, to->protocol);
    if (fd >= 0)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);  // without it a child has it open, too
    return fd;
#endif
}

// What it says is of no interest; that it comes to an end is.
static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    sending *s = user;
    (void)bytes;
    s->read += size * count;
    s->enough = s->read > HOOKS_BODY_MAX;
    return s->enough ? 0 : size * count;
}

static int look_around(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    sending *s = user;
    (void)a, (void)b, (void)c, (void)d;
    s->given_up = s->given_up || (s->request->ended && s->request->ended(s->request->user));
    return s->given_up;
}

// ---- what it is told ----------------------------------------------------------------------------

static bool add_headers(sending *s)
{
    for (size_t i = 0; s->request->headers[i]; i++) {
        struct curl_slist *list =
            s->sender->curl.slist_append(s->headers, s->request->headers[i]);
        if (!list)
            return false;
        s->headers = list;
    }
    return true;
}

static bool set_numbers(const sending *s)
{
    static const struct { CURLoption option; long value; } numbers[] = {
        { CURLOPT_NOSIGNAL, 1 },
        { CURLOPT_POST, 1 },
        { CURLOPT_NOPROGRESS, 0 },
        { CURLOPT_FOLLOWLOCATION, 0 },
        { CURLOPT_TIMEOUT_MS, HOOKS_TIMEOUT_MS },
        { CURLOPT_SSL_VERIFYPEER, 1 },
        { CURLOPT_SSL_VERIFYHOST, 2 },
        { CURLOPT_FRESH_CONNECT, 1 },
        { CURLOPT_FORBID_REUSE, 1 },
    };
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof numbers / sizeof *numbers; i++)
        ok = s->sender->curl.easy_setopt(s->handle, numbers[i].option, numbers[i].value) ==
            CURLE_OK;
    return ok &&
        s->sender->curl.easy_setopt(
            s->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->request->size) == CURLE_OK;
}

static bool set_pointers(sending *s)
{
    char agent[64];
    const struct { CURLoption option; const void *value; } pointers[] = {
        { CURLOPT_URL, s->request->url },
        { CURLOPT_PROXY, "" },                 // none, whatever the environment says
        { CURLOPT_USERAGENT, agent },
        { CURLOPT_HTTPHEADER, s->headers },
        { CURLOPT_POSTFIELDS, s->request->body },
        { CURLOPT_ERRORBUFFER, s->error },
        { CURLOPT_OPENSOCKETDATA, s },
        { CURLOPT_WRITEDATA, s },
        { CURLOPT_XFERINFODATA, s },
    };
    snprintf(agent, sizeof agent, "gofer/%s", gofer_version_text());
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof pointers / sizeof *pointers; i++)
        ok = s->sender->curl.easy_setopt(s->handle, pointers[i].option, pointers[i].value) ==
            CURLE_OK;
    const char *ca = s->sender->ca_file;
    return ok &&
        (!ca || s->sender->curl.easy_setopt(s->handle, CURLOPT_CAINFO, ca) == CURLE_OK);
}

static bool set_functions(const sending *s)
{
    const http_curl *c = &s->sender->curl;
    return c->easy_setopt(s->handle, CURLOPT_OPENSOCKETFUNCTION, open_socket) == CURLE_OK &&
        c->easy_setopt(s->handle, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
        c->easy_setopt(s->handle, CURLOPT_XFERINFOFUNCTION, look_around) == CURLE_OK;
}

// The URL is known to be one of these; this is for a libcurl that reads it otherwise.
static bool set_protocols(const sending *s)
{
    const http_curl *c = &s->sender->curl;
#if LIBCURL_VERSION_NUM >= 0x075500
    CURLcode code = c->easy_setopt(s->handle, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    CURLcode code = c->easy_setopt(
        s->handle, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    return code == CURLE_OK || code == CURLE_UNKNOWN_OPTION;   // one older than its headers
}

static bool set_up(sending *s)
{
    http_curl_quick_exit(&s->sender->curl, s->handle);     // nor for a name at the end of its time
    return add_headers(s) && set_numbers(s) && set_pointers(s) && set_functions(s) &&
        set_protocols(s);
}

// ---- what came of it ----------------------------------------------------------------------------

static void read_status(const sending *s, hooks_reply *reply)
{
    const http_curl *c = &s->sender->curl;
    long status = 0;
    curl_off_t after_s = 0;
    (void)c->easy_getinfo(s->handle, CURLINFO_RESPONSE_CODE, &status);
    if (c->easy_getinfo(s->handle, CURLINFO_RETRY_AFTER, &after_s) != CURLE_OK)
        after_s = 0;
    reply->verdict = hooks_verdict_of(status, (int64_t)after_s, &reply->later_ms);
    if (reply->verdict != HOOKS_TAKEN)
        snprintf(reply->why, sizeof reply->why, "%.255s: HTTP status %ld%s", s->request->host,
            status, status >= 300 && status < 400 ? ", and redirects are not followed"
                : status == 410 ? ": it wants no more of these" : "");
}

static void read_failure(const sending *s, CURLcode code, hooks_reply *reply)
{
    const char *host = s->request->host;
    if (*s->refused && !s->tried) {
        reply->verdict = HOOKS_NEVER;
        snprintf(reply->why, sizeof reply->why,
            "%.255s: its address %s is not public: --webhook-allow lets a worker send there", host,
            s->refused);
    } else if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
        reply->verdict = HOOKS_NEVER;
        snprintf(reply->why, sizeof reply->why, "%.255s: the URL is malformed", host);
    } else {
        snprintf(reply->why, sizeof reply->why, "%.255s: %.200s", host,
            *s->error ? s->error : s->sender->curl.easy_strerror(code));
    }
}

static void perform(sending *s, hooks_reply *reply)
{
    CURLcode code = s->sender->curl.easy_perform(s->handle);
    long status = 0;
    (void)s->sender->curl.easy_getinfo(s->handle, CURLINFO_RESPONSE_CODE, &status);
    reply->given_up = s->given_up;
    // An answer that is longer than what is read is one all the same.
    if (code == CURLE_OK || (s->enough && status))
        read_status(s, reply);
    else
        read_failure(s, code, reply);
}

void hooks_post(const hooks_sender *sender, const hooks_request *request, hooks_reply *reply)
{
    sending s = { .sender = sender, .request = request, .handle = sender->curl.easy_init() };
    *reply = (hooks_reply){ .verdict = HOOKS_AGAIN };
    if (s.handle && set_up(&s))
        perform(&s, reply);
    else
        snprintf(reply->why, sizeof reply->why, "libcurl: %.200s",
            *s.error ? s.error : "it cannot be set up");
    if (s.handle)
        sender->curl.easy_cleanup(s.handle);
    if (s.headers)
        sender->curl.slist_free_all(s.headers);
}
