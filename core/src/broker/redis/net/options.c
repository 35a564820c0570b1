// options.c - takes a Redis URL apart.
//
// May touch: options.h, query.h, util/. A secret never gets into an error.
#include "broker/redis/net/options.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/redis/net/query.h"
#include "util/alloc.h"
#include "util/error.h"

enum {
    REDIS_PORT = 6379, SENTINEL_PORT = 26379,
    ADDRESSES_MAX = 64, HOST_MAX = 255, SECRET_MAX = 65536,
    REPLICAS_MAX = 1000, DB_MAX = 1000000,
    CONNECT_MS = 2000, CONNECT_MAX_MS = 600000
};

static const struct {
    const char    *name;
    gf_rd_topology topology;
    bool           tls, is_path;
} schemes[] = {
    { "redis",           GF_RD_SINGLE,   false, false },
    { "rediss",          GF_RD_SINGLE,   true,  false },
    { "redis+unix",      GF_RD_SINGLE,   false, true  },
    { "redis-socket",    GF_RD_SINGLE,   false, true  },
    { "redis-sentinel",  GF_RD_SENTINEL, false, false },
    { "rediss-sentinel", GF_RD_SENTINEL, true,  false },
    { "redis-cluster",   GF_RD_CLUSTER,  false, false },
    { "rediss-cluster",  GF_RD_CLUSTER,  true,  false },
};

void gf_rd_options_clear(gf_rd_options *o)
{
    for (size_t i = 0; i < o->seed_count; i++) {
        gf_free(o->seeds[i].host);
        gf_free(o->seeds[i].path);
    }
    gf_free(o->seeds);
    gf_free(o->username);
    gf_rd_wipe(o->password);
    gf_free(o->sentinel_username);
    gf_rd_wipe(o->sentinel_password);
    gf_free(o->master);
    gf_free(o->ca);
    gf_free(o->ca_dir);
    gf_free(o->cert);
    gf_free(o->key);
    gf_free(o->sni);
    gf_free(o->shown);
    *o = (gf_rd_options){ 0 };
}

void gf_rd_seed_text(const gf_rd_seed *a, char *out, size_t capacity)
{
    if (a->path)
        snprintf(out, capacity, "%s", a->path);
    else
        snprintf(out, capacity, strchr(a->host, ':') ? "[%s]:%d" : "%s:%d", a->host, (int)a->port);
}

// ---- pieces of text -----------------------------------------------------------------------------

static const char *find_last(gf_rd_span s, char c)
{
    for (const char *p = s.end; p > s.at; p--)
        if (p[-1] == c)
            return p - 1;
    return NULL;
}

static bool number(const char *text, int32_t max, int32_t *out)
{
    int64_t value = 0;
    const char *p = text;
    for (; *p >= '0' && *p <= '9' && value <= max; p++)
        value = value * 10 + (*p - '0');
    if (p == text || *p || value > max)
        return false;
    *out = (int32_t)value;
    return true;
}

static gofer_status yes_or_no(const char *name, const char *text, bool *out)
{
    static const char *const yes[] = { "yes", "true", "1", "on" },
                             *const no[] = { "no", "false", "0", "off", "none" };
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        if (strcasecmp(text, yes[i]) == 0)
            return *out = true, GOFER_OK;
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        if (strcasecmp(text, no[i]) == 0)
            return *out = false, GOFER_OK;
    return gf_fail(GOFER_EINVAL, "option '%s' in the URL's query is 'yes' or 'no'", name);
}

// ---- addresses ----------------------------------------------------------------------------------

static gofer_status read_port(gf_rd_span text, int32_t *out)
{
    char digits[8];
    size_t size = gf_rd_span_size(text);
    bool fits = size < sizeof digits;
    if (fits) {
        memcpy(digits, text.at, size);
        digits[size] = '\0';
    }
    if (!fits || !number(digits, 65535, out) || *out == 0)
        return gf_fail(GOFER_EINVAL,
            "the port in the Redis URL must be a number from 1 to 65535; in a password write "
            "'/' as %%2F, '?' as %%3F, '#' as %%23, '@' as %%40 and ':' as %%3A");
    return GOFER_OK;
}

// host, host:port, [v6], [v6]:port, :port or nothing.
static gofer_status read_seed(gf_rd_span text, int32_t port, gf_rd_seed *out)
{
    gf_rd_span host = text, rest = { text.end, text.end };
    if (text.at < text.end && *text.at == '[') {
        const char *close = gf_rd_span_find(text, ']');
        if (!close)
            return gf_fail(GOFER_EINVAL,
                "a ']' is missing in the Redis URL: an IPv6 address is written [::1]:6379");
        host = (gf_rd_span){ text.at + 1, close };
        rest.at = close + 1;
    } else {
        const char *colon = gf_rd_span_find(text, ':');
        if (colon && gf_rd_span_find((gf_rd_span){ colon + 1, text.end }, ':'))
            return gf_fail(GOFER_EINVAL,
                "an IPv6 address in a Redis URL is written in brackets: redis://[::1]:6379");
        host.end = rest.at = colon ? colon : text.end;
    }
    out->port = port;
    if (rest.at < rest.end) {
        if (*rest.at != ':')
            return gf_fail(GOFER_EINVAL,
                "after ']' in the Redis URL comes nothing or a port: redis://[::1]:6379");
        rest.at++;
        gofer_status st = read_port(rest, &out->port);
        if (st != GOFER_OK)
            return st;
    }
    if (gf_rd_span_size(host) == 0) {
        out->host = gf_strdup("localhost");
        return out->host ? GOFER_OK : gf_fail_nomem("a URL");
    }
    gofer_status st = gf_rd_span_decode(host, "the host in the Redis URL", &out->host);
    if (st == GOFER_OK && strlen(out->host) > HOST_MAX)
        st = gf_fail(GOFER_EINVAL, "the host name in the Redis URL is longer than %d bytes",
            HOST_MAX);
    return st;
}

static gofer_status read_addresses(gf_rd_options *o, gf_rd_span text)
{
    size_t count = 1;
    for (const char *p = text.at; p < text.end; p++)
        count += *p == ',';
    if (count > 1 && o->topology == GF_RD_SINGLE)
        return gf_fail(GOFER_EINVAL,
            "several hosts make sense with redis-sentinel:// and redis-cluster:// only");
    if (count > ADDRESSES_MAX)
        return gf_fail(GOFER_EINVAL, "the URL names %zu hosts: %d at the most", count,
            ADDRESSES_MAX);
    o->seeds = gf_calloc(count, sizeof *o->seeds);
    if (!o->seeds)
        return gf_fail_nomem("a URL");
    o->seed_count = count;
    for (size_t i = 0; i < count; i++) {
        gf_rd_span one = gf_rd_span_cut(&text, ',');
        if (gf_rd_span_size(one) == 0 && count > 1)
            return gf_fail(GOFER_EINVAL, "an empty name in the URL's list of hosts");
        gofer_status st = read_seed(one, o->topology == GF_RD_SENTINEL ? SENTINEL_PORT : REDIS_PORT,
            &o->seeds[i]);
        if (st != GOFER_OK)
            return st;
    }
    return GOFER_OK;
}

static gofer_status read_socket_path(gf_rd_options *o, gf_rd_span path)
{
    o->seeds = gf_calloc(1, sizeof *o->seeds);
    if (!o->seeds)
        return gf_fail_nomem("a URL");
    o->seed_count = 1;
    if (gf_rd_span_size(path) < 2)
        return gf_fail(GOFER_EINVAL,
            "the URL of a Unix socket needs a path: redis+unix:///run/redis/redis.sock");
    gofer_status st = gf_rd_span_decode(path, "the path in the Redis URL", &o->seeds[0].path);
    if (st == GOFER_OK && strlen(o->seeds[0].path) >= sizeof ((struct sockaddr_un *)0)->sun_path)
        st = gf_fail(GOFER_EINVAL, "'%.120s…': the path of a Unix socket may have %zu bytes",
            o->seeds[0].path, sizeof ((struct sockaddr_un *)0)->sun_path - 1);
    return st;
}

// "user:password", ":password" or "user" (a name, as Asynq has it, though it
// looks like a password).
static gofer_status read_user(gf_rd_options *o, gf_rd_span text)
{
    bool sentinel = o->topology == GF_RD_SENTINEL;
    const char *colon = gf_rd_span_find(text, ':');
    gf_rd_span name = { text.at, colon ? colon : text.end };
    gofer_status st = GOFER_OK;
    if (gf_rd_span_size(name) > 0)
        st = gf_rd_span_decode(name, "the user name in the Redis URL",
            sentinel ? &o->sentinel_username : &o->username);
    if (st == GOFER_OK && colon && colon + 1 < text.end)
        st = gf_rd_span_decode((gf_rd_span){ colon + 1, text.end }, "the password in the Redis URL",
            sentinel ? &o->sentinel_password : &o->password);
    return st;
}

static gofer_status read_db(const char *text, int32_t *out)
{
    if (!number(text, DB_MAX, out))
        return gf_fail(GOFER_EINVAL,
            "the database of a Redis URL is a number: redis://localhost:6379/3");
    return GOFER_OK;
}

// "/3"; "" and "/" are database 0.
static gofer_status read_db_path(gf_rd_options *o, gf_rd_span path, bool *given)
{
    *given = gf_rd_span_size(path) > 1;
    if (!*given)
        return GOFER_OK;
    path.at++;
    if (gf_rd_span_find(path, '/'))
        return gf_fail(GOFER_EINVAL,
            "the path of a Redis URL is the number of a database and nothing more: "
            "redis://localhost:6379/3; in a password write '/' as %%2F");
    char *text = NULL;
    gofer_status st = gf_rd_span_decode(path, "the path of the Redis URL", &text);
    if (st == GOFER_OK)
        st = read_db(text, &o->db);
    gf_free(text);
    return st;
}

// ---- the whole ----------------------------------------------------------------------------------

static gofer_status read_secret_file(const char *path, char **out)
{
    const size_t room = SECRET_MAX + 1;
    size_t size = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return gf_fail(errno == ENOENT || errno == ENOTDIR ? GOFER_EINVAL : GOFER_EDENIED,
            "cannot read password-file '%s': %s", path, strerror(errno));
    char *bytes = gf_alloc(room);      // a handler that opens a client has a small stack
    if (!bytes) {
        close(fd);
        return gf_fail_nomem("a password");
    }
    ssize_t n = 1;
    while (n != 0 && size < room) {
        n = read(fd, bytes + size, room - size);
        if (n > 0)
            size += (size_t)n;
        else if (n < 0 && errno != EINTR)
            break;
    }
    int error = errno;
    close(fd);
    gofer_status st = GOFER_OK;
    while (size > 0 && (bytes[size - 1] == '\n' || bytes[size - 1] == '\r'))
        size--;
    if (n < 0)
        st = gf_fail(GOFER_EINVAL, "cannot read password-file '%s': %s", path, strerror(error));
    else if (size == 0 || size >= SECRET_MAX || memchr(bytes, '\0', size) ||
        memchr(bytes, '\n', size))
        st = gf_fail(GOFER_EINVAL, "password-file '%s' must hold one line: the password", path);
    else if (!(*out = gf_memdup(bytes, size)))
        st = gf_fail_nomem("a password");
    gf_rd_forget(bytes, room);
    gf_free(bytes);
    return st;
}

// Moves an option's text to where it belongs; twice is a mistake.
static gofer_status apply(char **to, char **from, const char *what)
{
    if (!*from)
        return GOFER_OK;
    if (*to)
        return gf_fail(GOFER_EINVAL, "the Redis URL gives %s twice", what);
    *to = *from;
    *from = NULL;
    if (**to)
        return GOFER_OK;
    gf_free(*to);
    *to = NULL;                    // "password=": none
    return GOFER_OK;
}

static gofer_status apply_secrets(gf_rd_options *o, gf_rd_query *q)
{
    if (o->topology != GF_RD_SENTINEL &&
        (q->sentinel_username || q->sentinel_password || q->master))
        return gf_fail(GOFER_EINVAL, "option '%s' in the URL's query belongs to redis-sentinel://",
            q->master                  ? "master"
                : q->sentinel_password ? "sentinel-password"
                                       : "sentinel-username");
    gofer_status st = apply(&o->username, &q->username, "the user name");
    if (st == GOFER_OK)
        st = apply(&o->password, &q->password, "the password");
    if (st == GOFER_OK && q->password_file) {
        char *secret = NULL;
        st = read_secret_file(q->password_file, &secret);
        if (st == GOFER_OK)
            st = apply(&o->password, &secret, "the password");
        gf_rd_wipe(secret);
    }
    if (st == GOFER_OK)
        st = apply(&o->sentinel_username, &q->sentinel_username, "the Sentinels' user name");
    if (st == GOFER_OK)
        st = apply(&o->sentinel_password, &q->sentinel_password, "the Sentinels' password");
    if (st == GOFER_OK)
        st = apply(&o->master, &q->master, "the master's name");
    return st;
}

static gofer_status apply_tls(gf_rd_options *o, gf_rd_query *q, bool from_scheme)
{
    gofer_status st = GOFER_OK;
    o->tls_verify = true;
    if (q->tls)
        st = yes_or_no("tls", q->tls, &o->tls);
    if (st == GOFER_OK && q->tls_verify)
        st = yes_or_no("tls-verify", q->tls_verify, &o->tls_verify);
    if (st != GOFER_OK)
        return st;
    if (from_scheme && !o->tls)
        return gf_fail(GOFER_EINVAL,
            "'tls=no' contradicts the URL's first word rediss: write redis instead");
    if (o->tls && o->seeds[0].path)
        return gf_fail(GOFER_EINVAL, "TLS is not spoken over a Unix socket: leave out tls=");
    if (!o->tls && (q->ca || q->ca_dir || q->cert || q->key || q->sni || q->tls_verify))
        return gf_fail(GOFER_EINVAL,
            "the options ca, ca-dir, cert, key, sni and tls-verify need TLS: write rediss "
            "instead of redis, or add tls=yes");
    const struct { const char *name, *text; } given[] = {
        { "ca", q->ca }, { "ca-dir", q->ca_dir }, { "cert", q->cert }, { "key", q->key },
        { "sni", q->sni },
    };
    for (size_t i = 0; i < sizeof given / sizeof *given; i++)
        if (given[i].text && !*given[i].text)      // a variable of the shell that is not set:
                                                   //   other rules would hold in silence
            return gf_fail(GOFER_EINVAL,
                "option '%s' in the URL's query is empty: leave it out, or name what is meant",
                given[i].name);
    if (q->key && !q->cert)
        return gf_fail(GOFER_EINVAL,
            "option 'key' in the URL's query needs 'cert', the certificate it belongs to");
    if (q->cert && !q->key && !(q->key = gf_strdup(q->cert)))
        return gf_fail_nomem("a URL");             // both are in one file
    (void)apply(&o->ca, &q->ca, "ca");             // cannot be there yet
    (void)apply(&o->ca_dir, &q->ca_dir, "ca-dir");
    (void)apply(&o->cert, &q->cert, "cert");
    (void)apply(&o->key, &q->key, "key");
    (void)apply(&o->sni, &q->sni, "sni");
    return GOFER_OK;
}

static gofer_status apply_rest(gf_rd_options *o, gf_rd_query *q, bool db_given)
{
    int32_t db = o->db;
    gofer_status st = GOFER_OK;
    if (q->db)
        st = read_db(q->db, &db);
    if (st != GOFER_OK)
        return st;
    if (db_given && db != o->db)
        return gf_fail(GOFER_EINVAL, "the Redis URL names two databases, %d and %d", (int)o->db,
            (int)db);
    o->db = db;
    if (o->topology == GF_RD_CLUSTER && o->db != 0)
        return gf_fail(GOFER_EINVAL, "a Redis Cluster has database 0 only, not %d", (int)o->db);

    o->connect_timeout_ms = CONNECT_MS;
    if (q->connect_timeout &&
        (gofer_parse_duration(q->connect_timeout, &o->connect_timeout_ms) != GOFER_OK ||
            o->connect_timeout_ms < 1 || o->connect_timeout_ms > CONNECT_MAX_MS))
        return gf_fail(GOFER_EINVAL,
            "option 'connect-timeout' in the URL's query is a time from 1ms to 10m, such as 2s");
    if (q->wait_replicas && !number(q->wait_replicas, REPLICAS_MAX, &o->wait_replicas))
        return gf_fail(GOFER_EINVAL,
            "option 'wait-replicas' in the URL's query is a number from 0 to %d", REPLICAS_MAX);
    o->eviction_accepted = q->eviction && strcmp(q->eviction, "accept") == 0;
    if (q->eviction && !o->eviction_accepted && strcmp(q->eviction, "refuse") != 0)
        return gf_fail(GOFER_EINVAL,
            "option 'eviction' in the URL's query is 'accept' or 'refuse'");
    if (o->topology == GF_RD_SENTINEL && !o->master)
        return gf_fail(GOFER_EINVAL,
            "redis-sentinel:// needs the name that the Sentinels give to the master: "
            "redis-sentinel://host:26379?master=mymaster");
    return GOFER_OK;
}

static gofer_status parse(gf_rd_options *o, gf_rd_query *q, const gf_url *url)
{
    bool is_path = false, tls = false, known = false, db_given = false;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strcmp(schemes[i].name, url->scheme) == 0) {
            o->topology = schemes[i].topology;
            o->tls = tls = schemes[i].tls;
            is_path = schemes[i].is_path;
            known = true;
        }
    if (!known)
        return gf_fail(GOFER_EINVAL, "'%s' is not the first word of a Redis URL", url->scheme);
    if (strncmp(url->rest, "//", 2) != 0)
        return gf_fail(GOFER_EINVAL, "a Redis URL has '//' after '%s:', such as %s", url->scheme,
            is_path ? "redis+unix:///run/redis/redis.sock" : "redis://localhost:6379");
    if (strchr(url->rest, '#'))
        return gf_fail(GOFER_EINVAL, "a '#' in a Redis URL must be written %%23");

    gf_rd_span rest = { url->rest + 2, url->rest + strlen(url->rest) };
    gf_rd_span before = gf_rd_span_cut(&rest, '?');
    gofer_status st = gf_rd_query_read(q, rest);
    if (st != GOFER_OK)
        return st;
    const char *slash = gf_rd_span_find(before, '/');
    gf_rd_span authority = { before.at, slash ? slash : before.end },
               path = { authority.end, before.end };
    const char *at = find_last(authority, '@');
    if (at) {
        st = read_user(o, (gf_rd_span){ authority.at, at });
        authority.at = at + 1;
    }
    if (st == GOFER_OK && is_path && gf_rd_span_size(authority) > 0)
        st = gf_fail(GOFER_EINVAL,
            "the path of a Unix socket begins with '/': redis+unix:///run/redis/redis.sock");
    if (st == GOFER_OK)
        st = is_path ? read_socket_path(o, path) : read_addresses(o, authority);
    if (st == GOFER_OK && !is_path)
        st = read_db_path(o, path, &db_given);
    if (st == GOFER_OK)
        st = apply_secrets(o, q);
    if (st == GOFER_OK)
        st = apply_tls(o, q, tls);
    if (st == GOFER_OK)
        st = apply_rest(o, q, db_given);
    if (st == GOFER_OK && !(o->shown = gf_strdup(url->shown)))
        st = gf_fail_nomem("a URL");
    return st;
}

gofer_status gf_rd_options_parse(gf_rd_options *out, const gf_url *url)
{
    gf_rd_options o = { 0 };
    gf_rd_query q = { 0 };
    gofer_status st = parse(&o, &q, url);
    gf_rd_query_clear(&q);
    if (st == GOFER_OK)
        *out = o;
    else
        gf_rd_options_clear(&o);
    return st;
}
