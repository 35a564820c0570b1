// limits.c - the public doors of limits: what they say is checked here, and the store keeps it.
//
// May touch: broker/broker.h, message/limit_keys.h. A store without limits answers
// GOFER_EUNSUPPORTED.
#include "broker/limits.h"

#include <string.h>

#include "client/client.h"
#include "message/limit_keys.h"
#include "util/error.h"
#include "util/text.h"

enum { MOST = 1000000, PAGE = 100, PAGE_MAX = 1000, SECOND_MS = 1000, BURST_MS = 100 };
#define LONGEST_MS (INT64_C(31) * 24 * 3600 * 1000)

void gofer_limit_options_init(gofer_limit_options *opts)
{
    *opts = (gofer_limit_options){ .size = sizeof *opts };
}

static gofer_status begin(gofer_client *client, const char *call)
{
    gofer_status st = gf_client_check(client, call);
    if (st == GOFER_OK && !client->broker->ops->limits)
        return gf_client_cannot(client, "limits");
    return st;
}

// ---- putting ------------------------------------------------------------------------------------

static gofer_status check_limit_name(const char *name)
{
    gofer_status st = gf_check_name("name of a limit", name);
    if (st != GOFER_OK)
        return st;
    size_t front = sizeof GF_LIMIT_QUEUE - 1, size = strlen(name);
    const char *star = strchr(name, '*');
    if (star && star != name + size - 1)
        return gf_fail(GOFER_EINVAL,
            "the name of a limit '%s' has a '*' before its end: it is a key, or a prefix and '*'",
            name);
    bool covers_queues = star && strncmp(name, GF_LIMIT_QUEUE,
        size - 1 < front ? size - 1 : front) == 0 && size - 1 >= front;
    if (covers_queues)
        return gf_fail(GOFER_EINVAL,
            "'%s' is of several queues: a limit of a queue names it, as 'queue:mail' does", name);
    if (gf_limit_key_is_ordered(name))
        return gf_fail(GOFER_EINVAL,
            "'%s' is of tasks that run one after the other: no limit is of them", name);
    if (strncmp(name, GF_LIMIT_TYPE, sizeof GF_LIMIT_TYPE - 1) == 0)
        return gf_fail(GOFER_EINVAL,
            "'%s' is of a type: a type can be paused, and no limit is of it", name);
    if (strncmp(name, GF_LIMIT_QUEUE, front) == 0)
        return gf_check_queue(name + front);
    return GOFER_OK;
}

static gofer_status check_count(const char *what, int64_t n)
{
    if (n < 0 || n > MOST)
        return gf_fail(GOFER_EINVAL, "the %s of a limit is %lld: it must be from 1 to %d, or 0",
            what, (long long)n, MOST);
    return GOFER_OK;
}

static gofer_status check_numbers(const gofer_limit_options *o)
{
    gofer_status st = check_count("concurrency", o->concurrency);
    if (st == GOFER_OK)
        st = check_count("rate", o->rate);
    if (st == GOFER_OK)
        st = check_count("burst", o->burst);
    if (st != GOFER_OK)
        return st;
    if (!o->concurrency && !o->rate)
        return gf_fail(GOFER_EINVAL, "a limit needs a concurrency or a rate");
    if (!o->rate && (o->per_ms || o->burst))
        return gf_fail(GOFER_EINVAL, "%s is given without a rate", o->burst ? "burst" : "per_ms");
    if (o->per_ms < 0 || o->per_ms > LONGEST_MS)
        return gf_fail(GOFER_EINVAL, "per_ms is %lld: it must be from 1 to %lld (31 days), or 0",
            (long long)o->per_ms, (long long)LONGEST_MS);
    if (o->over < GOFER_OVER_WAIT || o->over > GOFER_OVER_CANCEL_OLDEST)
        return gf_fail(GOFER_EINVAL, "over is %d: it must be a GOFER_OVER_ value", (int)o->over);
    if (o->scope < GOFER_SCOPE_STORE || o->scope > GOFER_SCOPE_QUEUE)
        return gf_fail(GOFER_EINVAL, "scope is %d: it must be a GOFER_SCOPE_ value", (int)o->scope);
    return GOFER_OK;
}

static gf_limit limit_of(const char *name, const gofer_limit_options *o)
{
    gf_limit l = {
        .name = name,
        .concurrency = o->concurrency,
        .rate = o->rate,
        .over = (gf_limit_over)o->over,
        .per_queue = o->scope == GOFER_SCOPE_QUEUE,
    };
    if (!l.rate)
        return l;
    l.per_ms = o->per_ms ? o->per_ms : SECOND_MS;
    l.burst = o->burst ? o->burst : l.rate * BURST_MS / l.per_ms;
    l.burst = l.burst < 1 ? 1 : l.burst < MOST ? l.burst : MOST;
    return l;
}

gofer_status gofer_client_limit_put(gofer_client *client, const char *name,
    const gofer_limit_options *opts)
{
    gofer_limit_options o;
    gofer_status st = begin(client, "gofer_client_limit_put");
    if (st == GOFER_OK)
        st = check_limit_name(name);
    if (st == GOFER_OK)
        st = gf_read_options(&o, sizeof o, opts, "gofer_limit_options");
    if (st == GOFER_OK)
        st = check_numbers(&o);
    if (st == GOFER_OK && o.over != GOFER_OVER_WAIT &&
        strncmp(name, GF_LIMIT_QUEUE, sizeof GF_LIMIT_QUEUE - 1) == 0)
        st = gf_fail(GOFER_EINVAL,
            "'%s' can only be waited for: the tasks of the queue stay in line", name);
    if (st != GOFER_OK)
        return st;
    gf_limit l = limit_of(name, &o);
    return client->broker->ops->limits->put(client->broker, &l);
}

gofer_status gofer_client_limit_remove(gofer_client *client, const char *name)
{
    gofer_status st = begin(client, "gofer_client_limit_remove");
    if (st == GOFER_OK)
        st = check_limit_name(name);
    return st == GOFER_OK ? client->broker->ops->limits->drop(client->broker, name) : st;
}

// ---- looking ------------------------------------------------------------------------------------

static gofer_status check_page(gofer_info **out, int32_t limit, size_t *count)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "out is NULL: there is nowhere to put the page");
    if (limit < 0 || limit > PAGE_MAX)
        return gf_fail(GOFER_EINVAL, "limit is %d: it must be from 1 to %d, or 0 (%d)", (int)limit,
            PAGE_MAX, PAGE);
    *count = limit ? (size_t)limit : PAGE;
    return GOFER_OK;
}

gofer_status gofer_client_limits(gofer_client *client, const char *cursor, int32_t limit,
    gofer_info **out)
{
    size_t count = 0;
    gofer_status st = begin(client, "gofer_client_limits");
    if (st == GOFER_OK)
        st = check_page(out, limit, &count);
    if (st == GOFER_OK && cursor && *cursor)
        st = gf_check_name("cursor", cursor);
    if (st != GOFER_OK)
        return st;
    return client->broker->ops->limits->list(client->broker, cursor ? cursor : "", count, out);
}

// A cursor of keys is "KEY\nQUEUE".
static gofer_status read_cursor(const char *cursor, char key[GF_NAME_MAX + 1],
    char queue[GF_NAME_MAX + 1])
{
    *key = *queue = '\0';
    if (!cursor || !*cursor)
        return GOFER_OK;
    size_t size = strcspn(cursor, "\n"), rest = cursor[size] ? strlen(cursor + size + 1) : 0;
    if (!cursor[size] || size == 0 || size > GF_NAME_MAX || rest > GF_NAME_MAX)
        return gf_fail(GOFER_EINVAL,
            "'%.60s' is not a cursor of limit keys: use next_cursor of the page before", cursor);
    memcpy(key, cursor, size);
    key[size] = '\0';
    memcpy(queue, cursor + size + 1, rest + 1);
    return GOFER_OK;
}

gofer_status gofer_client_limit_keys(gofer_client *client, int32_t blocked, const char *cursor,
    int32_t limit, gofer_info **out)
{
    size_t count = 0;
    char key[GF_NAME_MAX + 1], queue[GF_NAME_MAX + 1];
    gofer_status st = begin(client, "gofer_client_limit_keys");
    if (st == GOFER_OK)
        st = check_page(out, limit, &count);
    if (st == GOFER_OK)
        st = read_cursor(cursor, key, queue);
    if (st != GOFER_OK)
        return st;
    return client->broker->ops->limits->keys(client->broker, key, queue, blocked != 0, count, out);
}

gofer_status gofer_client_limit_key(gofer_client *client, const char *key, gofer_info **out)
{
    gofer_info *found = NULL;
    gofer_status st = begin(client, "gofer_client_limit_key");
    if (st == GOFER_OK && !out)
        st = gf_fail(GOFER_EINVAL, "gofer_client_limit_key: out is NULL");
    if (st == GOFER_OK)
        st = gf_check_name("limit key", key);
    if (st == GOFER_OK)
        st = client->broker->ops->limits->key(client->broker, key, &found);
    if (st != GOFER_OK)
        return st;
    if (gofer_info_count(found) == 0) {
        gofer_info_free(found);
        return gf_fail(GOFER_ENOTFOUND, "no limit is of the key '%s', and no task waits for it",
            key);
    }
    *out = found;
    return GOFER_OK;
}

gofer_status gofer_client_limit_pause(gofer_client *client, const char *key, int64_t ms)
{
    int64_t now_ms = 0;
    gofer_status st = begin(client, "gofer_client_limit_pause");
    if (st == GOFER_OK)
        st = gf_check_name("limit key", key);
    if (st == GOFER_OK && strncmp(key, GF_LIMIT_TYPE, sizeof GF_LIMIT_TYPE - 1) == 0)
        st = gf_fail(GOFER_EINVAL, "the limit key '%s' is of a type: pause the type", key);
    if (st == GOFER_OK && (ms < 0 || ms > LONGEST_MS))
        st = gf_fail(GOFER_EINVAL, "ms is %lld: it must be from 0 to %lld (31 days)",
            (long long)ms, (long long)LONGEST_MS);
    if (st == GOFER_OK && ms)
        st = client->broker->ops->upkeep->clock(client->broker, &now_ms);
    if (st != GOFER_OK)
        return st;
    return client->broker->ops->limits->pause(client->broker, key, ms ? now_ms + ms : 0);
}
