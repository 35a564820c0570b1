// post.c - one request to the collector.
//
// May touch: libcurl, which http/ loads. No redirects are followed: a collector has none, and
// headers may be secret. What may be tried again is what OTLP/HTTP says (429, 502, 503, 504, and
// what never came to an answer).
#include "post.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/utf8.h"

enum { AFTER_MAX_MS = 300000, WORDS = 300 };

// ---- what is set once ---------------------------------------------------------------------------

static size_t take_body(char *bytes, size_t size, size_t count, void *user)
{
    otlp_post *p = user;
    size_t all = size * count, room = sizeof p->body - 1 - p->body_size;
    size_t part = all < room ? all : room;
    memcpy(p->body + p->body_size, bytes, part);
    p->body_size += part;
    return all;                    // what is more is of no interest
}

// Called now and then while a request is under way.
static int look_at_clock(void *user, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const otlp_post *p = user;
    int64_t until_ms = atomic_load(&p->until_ms);
    (void)a, (void)b, (void)c, (void)d;
    return until_ms && gf_mono_ms() >= until_ms;
}

static bool add_header(otlp_post *p, const char *line)
{
    struct curl_slist *list = p->curl.slist_append(p->headers, line);
    if (list)
        p->headers = list;
    return list != NULL;
}

static bool add_headers(otlp_post *p)
{
    bool ok = add_header(p, "Content-Type: application/json") && add_header(p, "Expect:");
    for (size_t i = 0; ok && i < p->config->headers.count; i++) {
        const otlp_pair *pair = &p->config->headers.items[i];
        size_t size = strlen(pair->key) + strlen(pair->value) + 4;
        char *line = malloc(size);
        if (!line)
            return false;
        // curl's own way to send one that is empty.
        snprintf(line, size, *pair->value ? "%s: %s" : "%s;%s", pair->key, pair->value);
        ok = add_header(p, line);
        free(line);
    }
    return ok;
}

static bool set_files(otlp_post *p)
{
    const otlp_config *c = p->config;
    const http_curl *curl = &p->curl;
    return (!c->ca_file ||
               curl->easy_setopt(p->handle, CURLOPT_CAINFO, c->ca_file) == CURLE_OK) &&
        (!c->cert_file ||
            curl->easy_setopt(p->handle, CURLOPT_SSLCERT, c->cert_file) == CURLE_OK) &&
        (!c->key_file || curl->easy_setopt(p->handle, CURLOPT_SSLKEY, c->key_file) == CURLE_OK);
}

static bool set_all(otlp_post *p)
{
    char agent[64];
    const struct { CURLoption option; long value; } numbers[] = {
        { CURLOPT_NOSIGNAL, 1 },
        { CURLOPT_POST, 1 },
        { CURLOPT_NOPROGRESS, 0 },
        { CURLOPT_FOLLOWLOCATION, 0 },
    };
    const struct { CURLoption option; const void *value; } pointers[] = {
        { CURLOPT_URL, p->config->url },
        { CURLOPT_USERAGENT, agent },
        { CURLOPT_HTTPHEADER, p->headers },
        { CURLOPT_ERRORBUFFER, p->error },
        { CURLOPT_WRITEDATA, p },
        { CURLOPT_XFERINFODATA, p },
    };
    snprintf(agent, sizeof agent, "OTel-OTLP-Exporter-gofer/%s", gofer_version_text());
    bool ok = true;
    http_curl_quick_exit(&p->curl, p->handle);
    for (size_t i = 0; ok && i < sizeof numbers / sizeof *numbers; i++)
        ok = p->curl.easy_setopt(p->handle, numbers[i].option, numbers[i].value) == CURLE_OK;
    for (size_t i = 0; ok && i < sizeof pointers / sizeof *pointers; i++)
        ok = p->curl.easy_setopt(p->handle, pointers[i].option, pointers[i].value) == CURLE_OK;
    return ok &&
        p->curl.easy_setopt(p->handle, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
        p->curl.easy_setopt(p->handle, CURLOPT_XFERINFOFUNCTION, look_at_clock) == CURLE_OK &&
        set_files(p);
}

bool otlp_post_init(otlp_post *p, const otlp_config *config, char *why, size_t size)
{
    *p = (otlp_post){ .config = config };
    if (!http_curl_load(&p->curl, why, size))
        return false;
    p->handle = p->curl.easy_init();
    if (p->handle && add_headers(p) && set_all(p))
        return true;
    snprintf(why, size, "libcurl: %s", *p->error ? p->error : "it cannot be set up");
    otlp_post_clear(p);
    return false;
}

void otlp_post_clear(otlp_post *p)
{
    if (p->handle)
        p->curl.easy_cleanup(p->handle);
    if (p->headers)
        p->curl.slist_free_all(p->headers);
    p->handle = NULL;
    p->headers = NULL;
}

// ---- what an answer means -----------------------------------------------------------------------

// What did not even come to an answer: others may be tried again.
static bool is_hopeless(CURLcode code)
{
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_ABORTED_BY_CALLBACK:            // it is over
        return true;
    default:
        return false;
    }
}

// The member of an object as text, into out. false: there is none.
static bool member(gf_json object, const char *name, char *out, size_t size)
{
    gf_json key, value;
    if (object.kind != GF_JSON_OBJECT)
        return false;
    for (gf_json_scan s = gf_json_inside(object); gf_json_member(&s, &key, &value);) {
        if (!gf_json_is(key, name) || value.size >= size)
            continue;
        if (value.kind == GF_JSON_STRING) {
            gf_json_text(value, out);
        } else {
            memcpy(out, value.text, value.size);
            out[value.size] = '\0';
        }
        return true;
    }
    return false;
}

// {"partialSuccess":{"rejectedSpans":"3","errorMessage":"…"}}
static void read_success(const otlp_post *p, otlp_reply *reply)
{
    char part[sizeof p->body], number[32];
    gf_json whole, inner;
    gf_json_scan s = gf_json_start(p->body, p->body_size);
    if (gf_json_whole(&s, &whole) != GF_JSON_OBJECT ||
        !member(whole, "partialSuccess", part, sizeof part))
        return;
    s = gf_json_start(part, strlen(part));
    if (gf_json_whole(&s, &inner) != GF_JSON_OBJECT)
        return;
    if (member(inner, "rejectedSpans", number, sizeof number) &&
        !otlp_number_read(number, 0, INT32_MAX, &reply->rejected))
        reply->rejected = 0;
    char words[WORDS];
    if (member(inner, "errorMessage", words, sizeof words) && *words)
        gf_utf8_clean(words, strlen(words), reply->why, sizeof reply->why);
}

static void read_status(otlp_post *p, otlp_reply *reply)
{
    long status = 0;
    curl_off_t after_s = 0;
    char words[WORDS];
    (void)p->curl.easy_getinfo(p->handle, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && status < 300) {
        reply->answer = OTLP_TAKEN;
        read_success(p, reply);
        return;
    }
    bool again = status == 429 || (status >= 502 && status <= 504);
    reply->answer = again ? OTLP_AGAIN : OTLP_REFUSED;
    if (p->curl.easy_getinfo(p->handle, CURLINFO_RETRY_AFTER, &after_s) == CURLE_OK && after_s > 0)
        reply->after_ms = after_s < AFTER_MAX_MS / 1000 ? after_s * 1000 : AFTER_MAX_MS;
    gf_utf8_clean(p->body, p->body_size, words, sizeof words);
    snprintf(reply->why, sizeof reply->why, "HTTP status %ld%s%s", status, *words ? ": " : "",
        words);
}

// No request takes longer than what is left of the end.
static long timeout_ms(const otlp_post *p)
{
    int64_t until_ms = atomic_load(&p->until_ms), most = p->config->timeout_ms;
    int64_t left = until_ms ? until_ms - gf_mono_ms() : most;
    return (long)(left < most ? left > 1 ? left : 1 : most);
}

void otlp_post_send(otlp_post *p, const char *body, size_t size, otlp_reply *reply)
{
    *reply = (otlp_reply){ .answer = OTLP_REFUSED, .after_ms = -1 };
    *p->error = '\0';
    p->body_size = 0;
    CURLcode code = p->curl.easy_setopt(p->handle, CURLOPT_POSTFIELDS, body);
    if (code == CURLE_OK)
        code = p->curl.easy_setopt(p->handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)size);
    if (code == CURLE_OK)
        code = p->curl.easy_setopt(p->handle, CURLOPT_TIMEOUT_MS, timeout_ms(p));
    if (code == CURLE_OK)
        code = p->curl.easy_perform(p->handle);
    if (code == CURLE_OK) {
        read_status(p, reply);
        return;
    }
    reply->answer = is_hopeless(code) ? OTLP_REFUSED : OTLP_AGAIN;
    snprintf(reply->why, sizeof reply->why, "%.300s",
        *p->error ? p->error : p->curl.easy_strerror(code));
}
