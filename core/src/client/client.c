// client.c - an open broker: open, check, close.
//
// May touch: broker/broker.h, message/keys.h. Knows no store, no worker and no task.
// Locks: none of its own; brokers are safe to share.
#include "client/client.h"

#include <stdlib.h>
#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"

enum { DEFAULT_TIMEOUT_MS = 5000 };
static const int64_t default_max_payload = 16 * 1024 * 1024;
static const int64_t limit_max_payload = 512 * 1024 * 1024;   // below SQLite's and Redis's own

int32_t gofer_version(void)
{
    return GOFER_VERSION_MAJOR * 10000 + GOFER_VERSION_MINOR * 100 + GOFER_VERSION_PATCH;
}


const char *gofer_version_text(void)
{
    // Enumerators cannot be pasted into a string; the build passes the same numbers.
    return GF_VERSION_TEXT;
}

void gofer_client_options_init(gofer_client_options *opts)
{
    *opts = (gofer_client_options){ .size = sizeof *opts };
}

gofer_status gf_client_locate(gofer_client *client, const char **queue, const char *id,
    gf_names *found)
{
    const gf_broker_ops *ops = client->broker->ops;
    *found = (gf_names){ 0 };
    gofer_status st = gf_check_name("task id", id);
    if (st != GOFER_OK || *queue)
        return st == GOFER_OK ? gf_check_queue(*queue) : st;
    st = ops->inspect->locate(client->broker, id, found);
    if (st == GOFER_OK && found->count == 0)
        st = gf_fail(GOFER_ENOTFOUND, "no task '%s' in any queue", id);
    if (st == GOFER_OK)
        *queue = found->names[0];
    return st;
}

gofer_status gf_read_options(void *out, size_t known, const void *given, const char *what)
{
    memset(out, 0, known);
    if (!given)
        return GOFER_OK;

    size_t size;
    memcpy(&size, given, sizeof size);
    if (size < sizeof size || size > 4096)
        return gf_fail(GOFER_EINVAL, "%s: size is %zu; call its _init function first", what, size);
    for (size_t i = known; i < size; i++)
        if (((const char *)given)[i])
            return gf_fail(GOFER_EUNSUPPORTED,
                "%s: made for a newer gofer than this library (%s)", what, gofer_version_text());
    memcpy(out, given, size < known ? size : known);
    return GOFER_OK;
}

gofer_status gf_client_check(const gofer_client *client, const char *what)
{
    if (!client)
        return gf_fail(GOFER_EINVAL, "%s: the client is NULL", what);
    if (gf_client_forked(client))
        return gf_fail(GOFER_EFORKED,
            "%s: the client was opened by process %ld; close it before fork, and open one in the "
            "child",
            what, gf_process_pid(client->process));
    if (atomic_load(&client->closed))
        return gf_fail(GOFER_ESTATE, "%s: the client is closed", what);
    return GOFER_OK;
}

bool gf_client_forked(const gofer_client *client)
{
    return client->process != gf_process_self();
}

gofer_status gf_client_page(const char *cursor, int32_t limit, gf_page *out)
{
    out->cursor = cursor && *cursor ? cursor : NULL;
    return gf_check_limit(limit, &out->limit);
}

gofer_status gf_client_cannot(const gofer_client *client, const char *what)
{
    return gf_fail(GOFER_EUNSUPPORTED, "%s: the store of '%s' cannot do it", what,
        client->url.shown);
}

static gofer_status check_client_options(gofer_client_options *opts)
{
    gofer_status st = gf_check_duration("timeout_ms", opts->timeout_ms);
    if (st != GOFER_OK)
        return st;
    if (opts->max_payload < 0 || opts->max_payload > limit_max_payload)
        return gf_fail(GOFER_EINVAL,
            "max_payload is %lld bytes: it must be from 0 (16 MiB) to %lld",
            (long long)opts->max_payload, (long long)limit_max_payload);
    if (opts->timeout_ms == 0)
        opts->timeout_ms = DEFAULT_TIMEOUT_MS;
    if (opts->max_payload == 0)
        opts->max_payload = default_max_payload;
    return GOFER_OK;
}

gofer_status gofer_client_open(gofer_client **out, const char *url,
    const gofer_client_options *given)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_open: out is NULL");
    gofer_client_options opts;
    gofer_status st = gf_read_options(&opts, sizeof opts, given, "gofer_client_options");
    if (st == GOFER_OK)
        st = check_client_options(&opts);
    if (st != GOFER_OK)
        return st;

    gofer_client *c = gf_calloc(1, sizeof *c);
    if (!c)
        return gf_fail_nomem("a client");
    c->process = gf_process_self();
    atomic_init(&c->refs, 1);
    if (opts.log && !(c->log_queue = gf_log_queue_open(opts.log, opts.log_user))) {
        gf_free(c);
        return gf_fail_nomem("a client's log");
    }
    if (c->log_queue)
        c->log = gf_log_queue_log(c->log_queue);
    c->max_payload = opts.max_payload;

    const char *keys = opts.keys ? opts.keys : getenv("GOFER_KEYS");
    st = gf_url_parse(&c->url, url);
    if (st == GOFER_OK && keys && *keys)
        st = gf_keys_open(&c->keys, keys);
    if (st == GOFER_OK) {
        gf_broker_config config = { c->log, opts.timeout_ms, opts.max_payload };
        st = gf_broker_open(&c->broker, &c->url, &config);
    }
    if (st != GOFER_OK) {
        gofer_client_close(c);          // takes half-built clients
        return st;
    }
    *out = c;
    return GOFER_OK;
}

gofer_client *gf_client_hold(gofer_client *client)
{
    atomic_fetch_add(&client->refs, 1);
    return client;
}

void gf_client_drop(gofer_client *client)
{
    if (atomic_fetch_sub(&client->refs, 1) > 1)
        return;
    gf_broker_close(client->broker);
    gf_log_queue_close(client->log_queue);     // after the store's last words
    gf_log_queue_free(client->log_queue);
    gf_url_clear(&client->url);
    gf_keys_close(client->keys);
    gf_free(client);
}

void gofer_client_close(gofer_client *client)
{
    if (!client)
        return;
    atomic_store(&client->closed, 1);
    // What the callback is given is the host's, and may be gone after this call, whoever
    // holds the store still.
    if (atomic_load(&client->refs) > 1)
        gf_log_queue_close(client->log_queue);
    gf_client_drop(client);
}

gofer_status gofer_client_keys_reload(gofer_client *client)
{
    gofer_status st = gf_client_check(client, "gofer_client_keys_reload");
    return st == GOFER_OK && client->keys ? gf_keys_reload(client->keys) : st;
}

gofer_status gofer_client_ping(gofer_client *client)
{
    gofer_status st = gf_client_check(client, "gofer_client_ping");
    return st == GOFER_OK ? client->broker->ops->ping(client->broker) : st;
}

int32_t gofer_client_spent(gofer_client *client)
{
    return gf_client_check(client, "gofer_client_spent") == GOFER_OK
        && client->broker->ops->is_spent(client->broker);
}

const char *gofer_client_url(const gofer_client *client)
{
    return client ? client->url.shown : "";
}
