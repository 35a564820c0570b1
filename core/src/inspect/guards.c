// guards.c - the public doors of guards: types that are paused, and circuit breakers.
//
// May touch: broker/broker.h, message/limit_keys.h. A store without guards answers
// GOFER_EUNSUPPORTED.
#include "broker/guards.h"

#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "info/info.h"
#include "inspect/hours.h"
#include "message/limit_keys.h"
#include "util/error.h"
#include "util/text.h"

enum { TYPE_MAX = GF_NAME_MAX - (sizeof GF_LIMIT_TYPE - 1) };

static gofer_status begin(gofer_client *client, const char *call)
{
    gofer_status st = gf_client_check(client, call);
    if (st == GOFER_OK && !client->broker->ops->guards)
        return gf_client_cannot(client, "types that are paused");
    return st;
}

static gofer_status check_type(const char *type)
{
    gofer_status st = gf_check_name("type", type);
    if (st != GOFER_OK)
        return st;
    const char *star = strchr(type, '*');
    if (star && star[1])
        return gf_fail(GOFER_EINVAL,
            "the type '%s' has a '*' before its end: it is a type, or a prefix and '*'", type);
    if (strlen(type) > TYPE_MAX)
        return gf_fail(GOFER_EINVAL,
            "the type has %zu bytes: one that is paused has at most %d; a prefix and '*' is "
            "shorter", strlen(type), (int)TYPE_MAX);
    return GOFER_OK;
}

static gofer_status check_room(gofer_client *client, const char *type)
{
    gofer_info *list = NULL;
    gofer_status st = client->broker->ops->guards->types(client->broker, &list);
    if (st != GOFER_OK)
        return st;
    size_t count = gofer_info_count(list);
    bool there = false;
    for (size_t i = 0; i < count && !there; i++)
        there = strcmp(gofer_info_text(gofer_info_at(list, i), "type"), type) == 0;
    gofer_info_free(list);
    return there || count < GF_PAUSED_TYPES_MAX
        ? GOFER_OK
        : gf_fail(GOFER_EFULL, "%zu types are paused, which is as many as may be: pause a prefix "
                               "and '*'", count);
}

gofer_status gofer_client_type_pause(gofer_client *client, const char *type)
{
    gofer_status st = begin(client, "gofer_client_type_pause");
    if (st == GOFER_OK)
        st = check_type(type);
    if (st == GOFER_OK)
        st = check_room(client, type);
    return st == GOFER_OK
        ? client->broker->ops->guards->type_pause(client->broker, type, true)
        : st;
}

gofer_status gofer_client_type_unpause(gofer_client *client, const char *type)
{
    gofer_status st = begin(client, "gofer_client_type_unpause");
    if (st == GOFER_OK)
        st = check_type(type);
    return st == GOFER_OK
        ? client->broker->ops->guards->type_pause(client->broker, type, false)
        : st;
}

// Of all queues that count for themselves together.
static gofer_status count_waiting(gofer_client *client, gofer_info *one)
{
    char key[sizeof GF_LIMIT_TYPE + GF_NAME_MAX];
    gofer_info *looks = NULL;
    int64_t waiting = 0;
    snprintf(key, sizeof key, GF_LIMIT_TYPE "%s", gofer_info_text(one, "type"));
    gofer_status st = client->broker->ops->limits->key(client->broker, key, &looks);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < gofer_info_count(looks); i++)
        waiting += gofer_info_int(gofer_info_at(looks, i), "waiting", 0);
    gofer_info_free(looks);
    return gf_info_set_int(one, "waiting", waiting) == 0 ? GOFER_OK : gf_fail_nomem("paused types");
}

// Frees the list.
static gofer_status with_waiting(gofer_client *client, gofer_info *list, gofer_info **out)
{
    gofer_status st = GOFER_OK;
    gofer_info *told = gf_info_list();
    if (!told)
        st = gf_fail_nomem("paused types");
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(list); i++) {
        gofer_info *one = gf_info_take(list, i);
        st = count_waiting(client, one);
        if (gf_info_add(told, one) != 0 && st == GOFER_OK)
            st = gf_fail_nomem("paused types");
    }
    gofer_info_free(list);
    if (st == GOFER_OK)
        st = gf_hours_add_types(client, told);
    return gf_info_hand_over(st, told, out);
}

gofer_status gofer_client_types_paused(gofer_client *client, gofer_info **out)
{
    gofer_info *list = NULL;
    gofer_status st = begin(client, "gofer_client_types_paused");
    if (st == GOFER_OK && !out)
        return gf_fail(GOFER_EINVAL, "gofer_client_types_paused: out is NULL");
    if (st == GOFER_OK)
        st = client->broker->ops->guards->types(client->broker, &list);
    return st == GOFER_OK ? with_waiting(client, list, out) : st;
}

// ---- breakers -----------------------------------------------------------------------------------

enum { DAY_MS = 24 * 3600 * 1000, SHORTEST_WINDOW_MS = 1000, SHORTEST_OPEN_MS = 2000 };

void gofer_breaker_options_init(gofer_breaker_options *opts)
{
    *opts = (gofer_breaker_options){ .size = sizeof *opts };
}

static gofer_status check_breaker(const char *name, const char **type)
{
    size_t front = sizeof GF_LIMIT_TYPE - 1;
    if (!name || strncmp(name, GF_LIMIT_TYPE, front) != 0)
        return gf_fail(GOFER_EINVAL, "the breaker '%s' is of nothing: it is 'type:' and a type, or "
                                     "a prefix and '*'", name ? name : "");
    *type = name + front;
    return check_type(*type);
}

static gofer_status check_range(const char *what, int64_t n, int64_t least, int64_t most)
{
    return n >= least && n <= most
        ? GOFER_OK
        : gf_fail(GOFER_EINVAL, "the %s of a breaker is %lld: it must be from %lld to %lld", what,
            (long long)n, (long long)least, (long long)most);
}

static gofer_status read_rule(const gofer_breaker_options *given, gf_breaker_rule *rule)
{
    gofer_breaker_options o;
    gofer_status st = gf_read_options(&o, sizeof o, given, "gofer_breaker_options");
    if (st != GOFER_OK)
        return st;
    *rule = (gf_breaker_rule){ .failures = o.failures ? o.failures : 50, .min = o.min ? o.min : 20,
        .window_ms = o.window_ms ? o.window_ms : 60000, .open_ms = o.open_ms ? o.open_ms : 30000 };
    st = check_range("failures (percent)", rule->failures, 1, 100);
    if (st == GOFER_OK)
        st = check_range("min", rule->min, 1, 1000000);
    if (st == GOFER_OK)
        st = check_range("window_ms", rule->window_ms, SHORTEST_WINDOW_MS, DAY_MS);
    return st == GOFER_OK ? check_range("open_ms", rule->open_ms, SHORTEST_OPEN_MS, DAY_MS) : st;
}

gofer_status gofer_client_breaker_put(gofer_client *client, const char *name,
    const gofer_breaker_options *opts)
{
    const char *type;
    gf_breaker_rule rule;
    gofer_status st = begin(client, "gofer_client_breaker_put");
    if (st == GOFER_OK)
        st = check_breaker(name, &type);
    if (st == GOFER_OK)
        st = read_rule(opts, &rule);
    return st == GOFER_OK
        ? client->broker->ops->guards->breaker_put(client->broker, type, &rule)
        : st;
}

gofer_status gofer_client_breaker_remove(gofer_client *client, const char *name)
{
    const char *type;
    gofer_status st = begin(client, "gofer_client_breaker_remove");
    if (st == GOFER_OK)
        st = check_breaker(name, &type);
    return st == GOFER_OK ? client->broker->ops->guards->breaker_drop(client->broker, type) : st;
}

gofer_status gofer_client_breaker_close(gofer_client *client, const char *name)
{
    const char *type;
    gofer_status st = begin(client, "gofer_client_breaker_close");
    if (st == GOFER_OK)
        st = check_breaker(name, &type);
    return st == GOFER_OK ? client->broker->ops->guards->breaker_close(client->broker, type) : st;
}

gofer_status gofer_client_breakers(gofer_client *client, gofer_info **out)
{
    gofer_info *list = NULL;
    gofer_status st = begin(client, "gofer_client_breakers");
    if (st == GOFER_OK && !out)
        return gf_fail(GOFER_EINVAL, "gofer_client_breakers: out is NULL");
    if (st == GOFER_OK)
        st = client->broker->ops->guards->breakers(client->broker, &list);
    return st == GOFER_OK ? with_waiting(client, list, out) : st;
}
