// hours.c - the public doors of allowed hours: what they say is checked here, and the store keeps
// it; and how it is now, by the store's clock.
//
// May touch: broker/broker.h, calendar/. A store without hours answers GOFER_EUNSUPPORTED.
#include "inspect/hours.h"

#include <string.h>

#include "broker/hours.h"
#include "client/client.h"
#include "info/info.h"
#include "message/limit_keys.h"
#include "util/error.h"
#include "util/text.h"

static gofer_status begin(gofer_client *client, const char *call)
{
    gofer_status st = gf_client_check(client, call);
    if (st == GOFER_OK && !client->broker->ops->hours)
        return gf_client_cannot(client, "allowed hours");
    return st;
}

// ---- what is given ------------------------------------------------------------------------------

static gofer_status check_type(const char *type)
{
    enum { TYPE_MAX = GF_NAME_MAX - (sizeof GF_HOURS_TYPE - 1) };
    gofer_status st = gf_check_name("type", type);
    const char *star = st == GOFER_OK ? strchr(type, '*') : NULL;
    if (star && star[1])
        return gf_fail(GOFER_EINVAL,
            "the type '%s' has a '*' before its end: it is a type, or a prefix and '*'", type);
    if (st == GOFER_OK && strlen(type) > TYPE_MAX)
        return gf_fail(GOFER_EINVAL, "the type has %zu bytes: one with hours has at most %d; a "
                                     "prefix and '*' is shorter", strlen(type), (int)TYPE_MAX);
    return st;
}

static gofer_status check_hours_name(const char *name)
{
    const char *of = name ? gf_hours_name_of(name, GF_HOURS_QUEUE) : NULL;
    if (of && *of && of[strlen(of) - 1] == '*')
        return gf_fail(GOFER_EINVAL,
            "'%s' is of several queues: hours of a queue name it, as 'queue:mail' does", name);
    if (of)
        return gf_check_queue(of);
    of = name ? gf_hours_name_of(name, GF_HOURS_TYPE) : NULL;
    if (of)
        return check_type(of);
    return gf_fail(GOFER_EINVAL, "'%.100s' has no hours: they are of a queue, 'queue:mail', or of "
                                 "a type or a prefix and '*', 'type:mail:*'", name ? name : "");
}

static gofer_status check_spec(const char *spec)
{
    gf_hours hours;
    gf_zones zones = { 0 };
    const gf_zone *zone;
    if (!spec)
        return gf_fail(GOFER_EINVAL, "the hours are NULL");
    gofer_status st = gf_hours_parse(spec, &hours);
    if (st == GOFER_OK)
        st = gf_zones_get(&zones, hours.zone, &zone);
    gf_zones_clear(&zones);
    return st;
}

static gofer_status check_room(gofer_client *client, const char *name)
{
    gofer_info *list = NULL;
    bool there = false;
    gofer_status st = client->broker->ops->hours->list(client->broker, &list);
    size_t count = st == GOFER_OK ? gofer_info_count(list) : 0;
    for (size_t i = 0; i < count && !there; i++)
        there = strcmp(gofer_info_text(gofer_info_at(list, i), "name"), name) == 0;
    gofer_info_free(list);
    if (st != GOFER_OK || there || count < GF_HOURS_MAX)
        return st;
    return gf_fail(GOFER_EFULL, "%zu queues and types have hours, which is as many as may: a "
                                "prefix and '*' is of many types", count);
}

gofer_status gofer_client_hours_put(gofer_client *client, const char *name, const char *hours)
{
    gofer_status st = begin(client, "gofer_client_hours_put");
    if (st == GOFER_OK)
        st = check_hours_name(name);
    if (st == GOFER_OK)
        st = check_spec(hours);
    if (st == GOFER_OK)
        st = check_room(client, name);
    return st == GOFER_OK ? client->broker->ops->hours->put(client->broker, name, hours) : st;
}

gofer_status gofer_client_hours_remove(gofer_client *client, const char *name)
{
    gofer_status st = begin(client, "gofer_client_hours_remove");
    if (st == GOFER_OK)
        st = check_hours_name(name);
    return st == GOFER_OK ? client->broker->ops->hours->put(client->broker, name, NULL) : st;
}

// ---- how it is now ------------------------------------------------------------------------------

static gf_span span_at(const void *zone, int64_t unix_s)
{
    return gf_zone_span(zone, unix_s);
}

static int set_state(gofer_info *info, gf_hours_state is)
{
    int bad = gf_info_set_bool(info, "closed", !is.open);
    if (is.turns)
        bad |= gf_info_set_int(info, is.open ? "open_until_ms" : "closed_until_ms",
            is.until_s * 1000);
    return bad;
}

// What its hours say. Those that cannot be read are closed, and why is told where it is asked for.
static gofer_status look(gofer_info *info, const char *spec, int64_t now_ms, const char *why)
{
    gf_hours hours;
    gf_zones zones = { 0 };
    const gf_zone *zone;
    int bad;
    gofer_status st = gf_hours_parse(spec, &hours);
    if (st == GOFER_OK)
        st = gf_zones_get(&zones, hours.zone, &zone);
    if (st == GOFER_OK)
        bad = set_state(info, gf_hours_at(&hours, span_at, zone, now_ms / 1000));
    else
        bad = gf_info_set_bool(info, "closed", 1) |
            (why ? gf_info_set_text(info, why, gofer_error_last()) : 0);
    gf_zones_clear(&zones);
    return bad ? gf_fail_nomem("allowed hours") : GOFER_OK;
}

// All that there are; who has none gets an empty list.
static gofer_status ask(gofer_client *client, gofer_info **list, int64_t *now_ms)
{
    gf_broker *b = client->broker;
    *list = NULL;
    if (!b->ops->hours)
        return (*list = gf_info_list()) ? GOFER_OK : gf_fail_nomem("allowed hours");
    gofer_status st = b->ops->hours->list(b, list);
    if (st == GOFER_OK && gofer_info_count(*list))
        st = b->ops->upkeep->clock(b, now_ms);
    if (st == GOFER_OK)
        return st;
    gofer_info_free(*list);
    *list = NULL;
    return st;
}

// Tasks that wait for a type, of all queues together.
static gofer_status count_waiting(gofer_client *client, gofer_info *one)
{
    const gf_limits_ops *limits = client->broker->ops->limits;
    const char *name = gofer_info_text(one, "name");
    gofer_info *looks = NULL;
    int64_t waiting = 0;
    if (!limits || !gf_hours_name_of(name, GF_HOURS_TYPE))
        return GOFER_OK;
    gofer_status st = limits->key(client->broker, name, &looks);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < gofer_info_count(looks); i++)
        waiting += gofer_info_int(gofer_info_at(looks, i), "waiting", 0);
    gofer_info_free(looks);
    return gf_info_set_int(one, "waiting", waiting) ? gf_fail_nomem("allowed hours") : GOFER_OK;
}

// name NULL: of all.
static gofer_status tell(gofer_client *client, gofer_info *all, const char *name, int64_t now_ms,
    gofer_info *told)
{
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < gofer_info_count(all) && st == GOFER_OK; i++) {
        if (name && strcmp(gofer_info_text(gofer_info_at(all, i), "name"), name) != 0)
            continue;
        gofer_info *one = gf_info_take(all, i);
        st = look(one, gofer_info_text(one, "hours"), now_ms, "error");
        if (st == GOFER_OK)
            st = count_waiting(client, one);
        if (gf_info_add(told, one) != 0 && st == GOFER_OK)
            st = gf_fail_nomem("allowed hours");
    }
    if (st == GOFER_OK && name && !gofer_info_count(told))
        return gf_fail(GOFER_ENOTFOUND, "there are no hours of '%s'", name);
    return st;
}

gofer_status gofer_client_hours(gofer_client *client, const char *name, gofer_info **out)
{
    gofer_info *all = NULL;
    int64_t now_ms = 0;
    gofer_status st = begin(client, "gofer_client_hours");
    if (st == GOFER_OK && !out)
        return gf_fail(GOFER_EINVAL, "gofer_client_hours: out is NULL");
    if (st == GOFER_OK && name)
        st = check_hours_name(name);
    if (st == GOFER_OK)
        st = ask(client, &all, &now_ms);
    gofer_info *told = st == GOFER_OK ? gf_info_list() : NULL;
    if (st == GOFER_OK && !told)
        st = gf_fail_nomem("allowed hours");
    if (st == GOFER_OK)
        st = tell(client, all, name, now_ms, told);
    gofer_info_free(all);
    return gf_info_hand_over(st, told, out);
}

// ---- what they are of ---------------------------------------------------------------------------

// The hours of exactly this name behind its front; NULL: none.
static const char *spec_of(const gofer_info *all, const char *front, const char *name)
{
    for (size_t i = 0; i < gofer_info_count(all); i++) {
        const gofer_info *one = gofer_info_at(all, i);
        const char *of = one ? gf_hours_name_of(gofer_info_text(one, "name"), front) : NULL;
        if (of && strcmp(of, name) == 0)
            return gofer_info_text(one, "hours");
    }
    return NULL;
}

static gofer_status mark(gofer_info *info, const char *spec, int64_t now_ms)
{
    return gf_info_set_text(info, "hours", spec) ? gf_fail_nomem("allowed hours")
                                                 : look(info, spec, now_ms, NULL);
}

static gofer_status mark_queue(const gofer_info *all, gofer_info *queue, int64_t now_ms)
{
    const char *name = gofer_info_text(queue, "queue");
    const char *spec = name ? spec_of(all, GF_HOURS_QUEUE, name) : NULL;
    return spec ? mark(queue, spec, now_ms) : GOFER_OK;
}

static gofer_status mark_queues(const gofer_info *all, gofer_info *queues, int64_t now_ms)
{
    gofer_status st = GOFER_OK;
    if (gofer_info_text(queues, "queue"))
        return mark_queue(all, queues, now_ms);
    for (size_t i = 0; i < gofer_info_count(queues) && st == GOFER_OK; i++)
        st = mark_queue(all, (gofer_info *)gofer_info_at(queues, i), now_ms);
    return st;
}

gofer_status gf_hours_mark(gofer_client *client, gofer_info *queues)
{
    gofer_info *all;
    int64_t now_ms = 0;
    gofer_status st = ask(client, &all, &now_ms);
    if (st == GOFER_OK && gofer_info_count(all))
        st = mark_queues(all, queues, now_ms);
    gofer_info_free(all);
    return st == GOFER_ENOMEM ? st : GOFER_OK;
}

static gofer_info *type_in(gofer_info *types, const char *type)
{
    for (size_t i = 0; i < gofer_info_count(types); i++)
        if (strcmp(gofer_info_text(gofer_info_at(types, i), "type"), type) == 0)
            return (gofer_info *)gofer_info_at(types, i);
    return NULL;
}

// Of one whose hours say that it is closed.
static gofer_status add_type(gofer_info *types, const gofer_info *one)
{
    const char *type = gf_hours_name_of(gofer_info_text(one, "name"), GF_HOURS_TYPE);
    if (!type || !gofer_info_int(one, "closed", 0))
        return GOFER_OK;
    gofer_info *its = type_in(types, type), *made = its ? NULL : gf_info_record();
    its = its ? its : made;
    if (!its)
        return gf_fail_nomem("closed types");
    int bad = made ? gf_info_set_text(made, "type", type) : 0;
    if (made)
        bad |= gf_info_set_int(made, "waiting", gofer_info_int(one, "waiting", 0));
    bad |= gf_info_set_bool(its, "closed", 1);
    if (gofer_info_has(one, "closed_until_ms"))
        bad |= gf_info_set_int(its, "closed_until_ms", gofer_info_int(one, "closed_until_ms", 0));
    if (made)
        bad |= gf_info_add(types, made);
    return bad ? gf_fail_nomem("closed types") : GOFER_OK;
}

gofer_status gf_hours_add_types(gofer_client *client, gofer_info *types)
{
    gofer_info *hours = NULL;
    if (!client->broker->ops->hours)
        return GOFER_OK;
    gofer_status st = gofer_client_hours(client, NULL, &hours);
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(hours); i++)
        st = add_type(types, gofer_info_at(hours, i));
    gofer_info_free(hours);
    return st;
}
