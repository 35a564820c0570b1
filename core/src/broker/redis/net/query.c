// query.c - reads the options in a Redis URL's query.
//
// May touch: query.h, util/. A secret never gets into an error: values are not printed, nor what
// may be a part of one; only the names of keys that are known or look like a key.
#include "broker/redis/net/query.h"

#include <ctype.h>
#include <strings.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/nearest.h"

#define KEY(name, member) { name, offsetof(gf_rd_query, member) }
static const struct { const char *name; size_t offset;
} keys[] = {
    KEY("username", username),
    KEY("password", password),
    KEY("password-file", password_file),
    KEY("sentinel-username", sentinel_username),
    KEY("sentinel-password", sentinel_password),
    KEY("master", master),
    KEY("db", db),
    KEY("tls", tls),
    KEY("tls-verify", tls_verify),
    KEY("ca", ca),
    KEY("ca-dir", ca_dir),
    KEY("cert", cert),
    KEY("key", key),
    KEY("sni", sni),
    KEY("connect-timeout", connect_timeout),
    KEY("wait-replicas", wait_replicas),
    KEY("eviction", eviction),
};
enum { KEYS = sizeof keys / sizeof *keys };

// Writes that the compiler may not leave out.
void gf_rd_forget(char *bytes, size_t size)
{
    for (volatile char *p = bytes; size > 0; size--)
        *p++ = 0;
}

void gf_rd_wipe(char *secret)
{
    if (secret)
        gf_rd_forget(secret, strlen(secret));
    gf_free(secret);
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
        c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

gofer_status gf_rd_span_decode(gf_rd_span text, const char *what, char **out)
{
    char *copy = gf_alloc(gf_rd_span_size(text) + 1), *to = copy;
    if (!copy)
        return gf_fail_nomem("a URL");
    for (const char *p = text.at; p < text.end; p++) {
        int high = *p == '%' && text.end - p > 2 ? hex(p[1]) : -1;
        int low = high >= 0 ? hex(p[2]) : -1;
        if (*p == '%' && (low < 0 || high + low == 0)) {
            *to = '\0';
            gf_rd_wipe(copy);
            return gf_fail(GOFER_EINVAL,
                "%s: '%%' must be followed by two hexadecimal digits other than 00; "
                "write the character itself as %%25",
                what);
        }
        *to++ = *p == '%' ? (char)(high * 16 + low) : *p;
        p += *p == '%' ? 2 : 0;
    }
    *to = '\0';
    *out = copy;
    return GOFER_OK;
}

static char **value_of(gf_rd_query *q, size_t key)
{
    return (char **)((char *)q + keys[key].offset);
}

void gf_rd_query_clear(gf_rd_query *q)
{
    for (size_t i = 0; i < KEYS; i++)
        gf_rd_wipe(*value_of(q, i));
    *q = (gf_rd_query){ 0 };
}

static gofer_status unknown_key(gf_rd_span name)
{
    char text[32];
    const char *names[KEYS];
    size_t size = gf_rd_span_size(name);
    for (size_t i = 0; i < KEYS; i++)
        names[i] = keys[i].name;
    for (const char *p = name.at; p < name.end && size < sizeof text; p++)
        if (!isalpha((unsigned char)*p) && *p != '-' && *p != '_')
            size = sizeof text;                 // not the look of a key: it may be part of a secret
    if (size == 0 || size >= sizeof text)
        return gf_fail(GOFER_EINVAL,
            "a part of the URL's query is no option: options are name=value, joined by '&'; "
            "in a value write '&' as %%26 and '#' as %%23");
    memcpy(text, name.at, size);
    text[size] = '\0';
    const char *near = gf_nearest(text, names, KEYS);
    return gf_fail(GOFER_EINVAL, "unknown option '%s' in the URL's query%s%s%s", text,
        near ? "; do you mean '" : "", near ? near : "", near ? "'?" : "");
}

static gofer_status read_pair(gf_rd_query *q, gf_rd_span pair)
{
    const char *equal = gf_rd_span_find(pair, '=');
    if (!equal)
        return unknown_key((gf_rd_span){ pair.at, pair.at });
    gf_rd_span name = { pair.at, equal };
    for (size_t i = 0; i < KEYS; i++) {
        if (strlen(keys[i].name) != gf_rd_span_size(name) ||
            strncasecmp(keys[i].name, name.at, gf_rd_span_size(name)) != 0)
            continue;
        if (*value_of(q, i))
            return gf_fail(GOFER_EINVAL, "option '%s' stands twice in the URL's query",
                keys[i].name);
        return gf_rd_span_decode((gf_rd_span){ equal + 1, pair.end }, keys[i].name, value_of(q, i));
    }
    return unknown_key(name);
}

gofer_status gf_rd_query_read(gf_rd_query *q, gf_rd_span text)
{
    while (text.at < text.end) {
        gf_rd_span pair = gf_rd_span_cut(&text, '&');
        gofer_status st = gf_rd_span_size(pair) > 0 ? read_pair(q, pair) : GOFER_OK;
        if (st != GOFER_OK)
            return st;
    }
    return GOFER_OK;
}
