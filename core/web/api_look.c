// api_look.c - handlers that look and change nothing.
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "own.h"
#include "pages.h"
#include "queues.h"
#include "roster.h"
#include "scale.h"
#include "totals.h"

// What is made becomes the answer, or the error does.
#define REPLY(call, made)                                  \
    do {                                                   \
        gofer_info *info = NULL;                           \
        gofer_status status = (made);                      \
        web_reply_made((call), status, info);              \
    } while (0)

// ---- overview

// A snapshot as a member of an object that is being written. False: it is answered.
static bool put_member(web_call *call, const char *name, gofer_status status, gofer_info *info)
{
    char *json = NULL;
    gofer_status st = status == GOFER_OK ? gofer_info_json(info, &json) : status;
    if (st != GOFER_OK) {
        web_fail_status(call, st);
    } else {
        web_text_format(&call->reply.body, ",\"%s\":", name);
        (void)web_copy_json(&call->reply.body, json, strlen(json), &call->view);
    }
    gofer_free(json);
    gofer_info_free(info);
    return st == GOFER_OK;
}

static bool put_history(web_call *call, int64_t age_ms)
{
    enum { DAYS = 8 };
    web_text_put(&call->reply.body, ",\"history\":");
    if (call->view.scope)
        return web_own_history(call, DAYS, &call->reply.body);
    gofer_status st = web_roster_history(call->roster, age_ms, &call->reply.body);
    if (st != GOFER_OK)
        web_fail_status(call, st);
    return st == GOFER_OK;
}

static void put_sums(web_call *call, const web_sums *sums, int64_t at_ms)
{
    web_text_put(&call->reply.body, ",\"totals\":");
    web_sums_put(sums, at_ms, &call->reply.body);
}

// Of few queues all of them, as they were last looked at; of who has some alone those.
typedef struct listing {
    web_call *call;
    web_text  items;
    size_t    count;
    web_sums  sums;
} listing;

static void list_one(const web_roster_one *one, void *user)
{
    listing *l = user;
    const web_view *view = &l->call->view;
    if (view->scope && !web_scope_may(view->scope, WEB_SEE, one->queue))
        return;
    web_sums_add_counts(&l->sums, one->queue, &one->counts);
    web_text_put(&l->items, l->count++ ? "," : "");
    (void)web_copy_json(&l->items, one->json, strlen(one->json), view);
}

static void put_few(listing *l, int64_t looked_ms)
{
    web_text *body = &l->call->reply.body;
    web_text_put(body, ",\"queues\":{\"items\":[");
    web_text_add(body, l->items.at ? l->items.at : "", l->items.size);
    web_text_put(body, "]}");
    body->failed |= l->items.failed;
    put_sums(l->call, &l->sums, web_ms(CLOCK_REALTIME) - (web_ms(CLOCK_MONOTONIC) - looked_ms));
}

// Many: what is known of them all, and since when; those that need a look most.
static bool put_many(web_call *call, int64_t age_ms)
{
    web_totals_seen seen;
    web_text worst = { 0 }, history = { 0 }, *body = &call->reply.body;
    web_totals_take(call->totals, age_ms, &seen, &worst, &history);
    web_text_put(body, ",\"queues\":");
    web_text_add(body, worst.at, worst.size);
    if (seen.at_ms)
        put_sums(call, &seen.all, seen.at_ms);
    else
        web_text_put(body, ",\"totals\":null");
    web_text_put(body, ",\"history\":");
    web_text_add(body, history.at, history.size);
    body->failed |= worst.failed || history.failed;
    web_text_free(&worst);
    web_text_free(&history);
    return true;
}

// ---- of who has some of very many queues alone: all are gone through, and his are counted

typedef struct own_look {
    web_call    *call;
    web_sums     sums;
    web_worst    worst;
    gofer_status status;
} own_look;

static bool look_at_own(const gofer_info *queue, void *user)
{
    own_look *own = user;
    const char *name = gofer_info_text(queue, "queue");
    if (!name || !web_scope_may(own->call->scope, WEB_SEE, name))
        return true;
    web_sums_add(&own->sums, queue);
    own->status = web_worst_add(&own->worst, queue);
    return own->status == GOFER_OK;
}

static bool put_own(web_call *call)
{
    web_text *body = &call->reply.body;
    int64_t now_ms = web_ms(CLOCK_REALTIME);
    own_look *own = calloc(1, sizeof *own);
    if (!own) {
        web_fail(call, 503, "ENOMEM", "there is no memory for the answer");
        return false;
    }
    own->call = call;
    const page_list queues = { .ask = gofer_client_queues_page, .limit = WEB_QUEUES_PAGE };
    gofer_status st = pages_items(call->client, &queues, look_at_own, own);
    st = st == GOFER_OK ? own->status : st;
    if (st == GOFER_OK) {
        web_text_put(body, ",\"queues\":");
        web_worst_put(&own->worst, body);
        put_sums(call, &own->sums, now_ms);
    } else {
        web_fail_status(call, st);
    }
    web_worst_clear(&own->worst);
    free(own);
    return st == GOFER_OK && put_history(call, 0);
}

static bool put_queues(web_call *call, int64_t age_ms)
{
    listing l = { .call = call };
    bool many = false;
    char why[WEB_ROSTER_WHY];
    gofer_status st = web_roster_look(call->roster, age_ms, why);
    if (st != GOFER_OK) {
        web_fail(call, web_http_of(st), gofer_status_name(st), "%s", why);
        call->failed = st;
        return false;
    }
    int64_t looked_ms = web_roster_each(call->roster, list_one, &l, &many);
    if (!many)
        put_few(&l, looked_ms);
    web_text_free(&l.items);
    if (many)
        return call->view.scope ? put_own(call) : put_many(call, age_ms);
    return put_history(call, age_ms);
}

void web_api_overview(web_call *call)
{
    web_text *body = &call->reply.body;
    const char *url = gofer_client_url(call->client);
    gofer_info *info = NULL;
    int64_t age_ms = 0;
    if (!web_query_duration(call, "age", &age_ms))
        return;
    web_text_put(body, "{\"url\":");
    web_text_json(body, url, strlen(url));
    web_text_format(body, ",\"version\":\"%s\"", gofer_version_text());
    if (!put_queues(call, age_ms))
        return;
    gofer_status st = gofer_client_workers(call->client, &info);
    if (st == GOFER_OK)
        web_roster_workers(call->roster, info);
    if (!put_member(call, "workers", st, info))
        return;
    // What can be looked at still, may be written to no more.
    if (gofer_client_ping(call->client) != GOFER_OK) {
        const char *why = gofer_error_last();
        web_text_put(body, ",\"fault\":");
        web_text_json(body, why, strlen(why));
    }
    web_text_put(body, "}");
    call->reply.status = 200;
    call->reply.type = "application/json";
}

// ---- queues

// A page of those that were looked at.
typedef struct page {
    web_call   *call;
    const char *behind;         // NULL: from the first
    size_t      limit, count;
    char        last[256];
    bool        more;
} page;

static void put_one(const web_roster_one *one, void *user)
{
    page *p = user;
    web_text *body = &p->call->reply.body;
    if (p->more || (p->behind && strcmp(one->queue, p->behind) <= 0))
        return;
    p->more = p->count == p->limit;
    if (p->more)
        return;
    web_text_put(body, p->count++ ? "," : "");
    (void)web_copy_json(body, one->json, strlen(one->json), &p->call->view);
    snprintf(p->last, sizeof p->last, "%s", one->queue);
}

// False: what was asked for is not among them; nothing is answered.
static bool reply_known(page *p, int64_t age_ms)
{
    web_text *body = &p->call->reply.body;
    bool further = false;
    if (web_roster_look(p->call->roster, age_ms, NULL) != GOFER_OK)
        return false;
    web_text_put(body, "{\"items\":[");
    (void)web_roster_each(p->call->roster, put_one, p, &further);
    if (further && !p->more) {
        body->size = 0;
        return false;
    }
    web_text_put(body, "]");
    if (p->more) {
        web_text_put(body, ",\"next_cursor\":");
        web_text_json(body, p->last, strlen(p->last));
    }
    web_text_put(body, "}");
    p->call->reply.status = 200;
    p->call->reply.type = "application/json";
    return true;
}

static void reply_page(web_call *call, const char *name, const char *cursor, int64_t limit)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_queues_page(call->client, name, cursor, (int32_t)limit, &info);
    if (st == GOFER_OK && !name)
        web_roster_learn(call->roster, cursor && *cursor ? cursor : NULL, info);
    web_reply_made(call, st, info);
}

void web_api_queues(web_call *call)
{
    int64_t limit = WEB_FEW_QUEUES, age_ms = 0;
    const char *name = web_query_word(call, "name"), *cursor = web_query_word(call, "cursor");
    if (!web_query_number(call, "limit", 1, 1000, &limit)
        || !web_query_duration(call, "age", &age_ms))
        return;
    page known = { .call = call, .behind = cursor, .limit = (size_t)limit };
    if (call->view.scope)
        web_own_queues(call, name, cursor, (size_t)limit);
    else if (age_ms == 0 || name || !reply_known(&known, age_ms))
        reply_page(call, name, cursor, limit);
}

void web_api_queue(web_call *call)
{
    REPLY(call, gofer_client_queue(call->client, web_path_word(call, "queue"), &info));
}

static void reply_history(web_call *call, const char *queue)
{
    int64_t days = 7;
    if (!web_query_number(call, "days", 1, 90, &days))
        return;
    if (!queue && call->view.scope) {
        call->reply.status = 200;
        call->reply.type = "application/json";
        (void)web_own_history(call, (int32_t)days, &call->reply.body);
    } else {
        REPLY(call, gofer_client_history(call->client, queue, (int32_t)days, &info));
    }
}

void web_api_history(web_call *call)
{
    reply_history(call, NULL);
}

void web_api_queue_history(web_call *call)
{
    reply_history(call, web_path_word(call, "queue"));
}

void web_api_groups(web_call *call)
{
    int64_t limit = 1000;
    if (web_query_number(call, "limit", 1, 1000, &limit))
        REPLY(call, gofer_client_groups_page(call->client, web_path_word(call, "queue"),
            web_query_word(call, "cursor"), (int32_t)limit, &info));
}

void web_api_stats(web_call *call)
{
    int64_t hours = 1;
    if (web_query_number(call, "hours", 1, 168, &hours))
        REPLY(call, gofer_client_stats(call->client, web_query_word(call, "queue"), (int32_t)hours,
            &info));
}

// ---- tasks

void web_api_tasks(web_call *call)
{
    int64_t limit = 30;
    gofer_filter filter;
    if (web_query_filter(call, &filter) && web_query_number(call, "limit", 1, 1000, &limit))
        REPLY(call, gofer_client_find(call->client, web_query_word(call, "queue"),
            web_query_word(call, "state"), &filter, web_query_word(call, "cursor"), (int32_t)limit,
            &info));
}

void web_api_task(web_call *call)
{
    REPLY(call, gofer_client_task(call->client, web_path_word(call, "queue"),
        web_path_word(call, "id"), &info));
}

// ---- workers, schedules

// Of who has some queues alone all at once: where a page ends would tell him of what is others'.
static void reply_list(web_call *call, page_ask ask)
{
    int64_t limit = 1000;
    if (!web_query_number(call, "limit", 1, 1000, &limit))
        return;
    if (call->view.scope)
        web_own_list(call, ask);
    else
        REPLY(call, ask(call->client, NULL, web_query_word(call, "cursor"), (int32_t)limit, &info));
}

void web_api_workers(web_call *call)
{
    reply_list(call, pages_workers);
}

void web_api_schedules(web_call *call)
{
    reply_list(call, pages_schedules);
}

void web_api_schedule(web_call *call)
{
    REPLY(call, gofer_client_schedule(call->client, web_path_word(call, "name"), &info));
}

void web_api_schedule_history(web_call *call)
{
    int64_t limit = 30;
    if (web_query_number(call, "limit", 1, 1000, &limit) && web_own_schedule(call, WEB_SEE))
        REPLY(call, gofer_client_schedule_history(call->client, web_path_word(call, "name"),
            (int32_t)limit, &info));
}

// ---- scale

void web_api_scale(web_call *call)
{
    const char *name = web_query_word(call, "queue");
    gofer_info *queue = NULL, *types = NULL;
    int64_t wanted_ms = SLOTS_WANTED_MS;
    if (!web_query_duration(call, "wanted", &wanted_ms))
        return;
    if (!name || wanted_ms == 0) {
        web_fail(call, 400, "EINVAL", name ? "wanted=0 is no time" : "queue= is missing");
        return;
    }
    gofer_status st = gofer_client_queue(call->client, name, &queue);
    if (st == GOFER_OK)
        st = gofer_client_stats(call->client, name, 1, &types);
    if (st != GOFER_OK) {
        web_fail_status(call, st);
    } else {
        call->reply.status = 200;
        call->reply.type = "application/json";
        web_text_format(&call->reply.body,
            "{\"slots\":%lld,\"pending\":%lld,\"active\":%lld,\"latency_ms\":%lld}",
            (long long)slots_wanted(queue, types, wanted_ms),
            (long long)gofer_info_int(queue, "pending", 0),
            (long long)gofer_info_int(queue, "active", 0),
            (long long)gofer_info_int(queue, "latency_ms", 0));
    }
    gofer_info_free(queue);
    gofer_info_free(types);
}
