// own.c - what of many queues belongs to a visitor who has rights for some of them alone.
#include "own.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queues.h"

enum { LISTED = 250 };

static bool refuse(web_call *call)
{
    web_fail(call, 403, "EDENIED", "%s may do this for some queues alone, and this is for others, "
        "too", call->who);
    return false;
}

bool web_own_schedule(web_call *call, unsigned right)
{
    gofer_info *entry = NULL;
    if (web_scope_everywhere(call->scope, right))
        return true;
    gofer_status st = gofer_client_schedule(call->client, web_path_word(call, "name"), &entry);
    const char *queue = st == GOFER_OK ? gofer_info_text(entry, "queue") : NULL;
    bool own = queue && web_scope_may(call->scope, right, queue);
    if (st != GOFER_OK)
        web_fail_status(call, st);
    else if (!own)
        refuse(call);
    gofer_info_free(entry);
    return own;
}

// ---- workers

// Is each word of "mail=3 low=1" a queue that the right is for? The weight is behind the last '='.
static bool covers(const web_scope *scope, unsigned right, const char *queues)
{
    char name[1024];
    for (const char *at = queues + strspn(queues, " ,"); *at; at += strspn(at, " ,")) {
        size_t size = strcspn(at, " ,"), named = size;
        for (size_t i = 0; i < size; i++)
            named = at[i] == '=' ? i : named;
        if (named >= sizeof name)
            return false;
        memcpy(name, at, named);
        name[named] = '\0';
        if (!web_scope_covers(scope, right, name))
            return false;
        at += size;
    }
    return true;
}

bool web_own_served(web_call *call, unsigned right, const char *queues)
{
    return web_scope_everywhere(call->scope, right) || covers(call->scope, right, queues)
        || refuse(call);
}

typedef struct asked_worker {
    web_call *call;
    unsigned  right;
    bool      own;
} asked_worker;

static bool look_at_worker(const gofer_info *worker, void *user)
{
    asked_worker *asked = user;
    const char *name = gofer_info_text(worker, "worker");
    if (!name || strcmp(name, web_path_word(asked->call, "worker")) != 0)
        return true;
    const char *queues = gofer_info_text(worker, "queues");
    asked->own = queues && covers(asked->call->scope, asked->right, queues);
    return false;
}

// One that is not there is nobody's: that it is not there, only who may know of all is told.
bool web_own_worker(web_call *call, unsigned right)
{
    const page_list workers = { .ask = pages_workers, .limit = LISTED };
    asked_worker asked = { call, right, false };
    if (web_scope_everywhere(call->scope, right))
        return true;
    gofer_status st = pages_items(call->client, &workers, look_at_worker, &asked);
    if (st != GOFER_OK)
        web_fail_status(call, st);
    else if (!asked.own)
        refuse(call);
    return st == GOFER_OK && asked.own;
}

// ---- lists

typedef struct own_list {
    web_call    *call;
    const char  *before;        // the next
    gofer_status status;
} own_list;

static bool put_own(const gofer_info *item, void *user)
{
    own_list *l = user;
    web_text *body = &l->call->reply.body;
    char *json = NULL;
    l->status = gofer_info_json(item, &json);
    if (l->status != GOFER_OK)
        return false;
    size_t size = body->size;
    web_text_put(body, l->before);
    if (web_copy_json(body, json, strlen(json), &l->call->view))
        l->before = ",";
    else
        body->size = size;
    gofer_free(json);
    return true;
}

void web_own_list(web_call *call, page_ask ask)
{
    const page_list all = { .ask = ask, .limit = LISTED };
    own_list l = { call, "", GOFER_OK };
    web_text_put(&call->reply.body, "{\"items\":[");
    gofer_status st = pages_items(call->client, &all, put_own, &l);
    st = st == GOFER_OK ? l.status : st;
    if (st != GOFER_OK) {
        web_fail_status(call, st);
        return;
    }
    web_text_put(&call->reply.body, "]}");
    call->reply.status = 200;
    call->reply.type = "application/json";
}

// ---- queues

typedef struct listing {
    web_call    *call;
    size_t       limit, count;
    char         last[256];
    bool         more;
    gofer_status status;
} listing;

static bool list_queue(const gofer_info *queue, void *user)
{
    listing *l = user;
    char *json = NULL;
    const char *name = gofer_info_text(queue, "queue");
    if (!name || !web_scope_may(l->call->scope, WEB_SEE, name))
        return true;
    if (l->count == l->limit) {
        l->more = true;
        return false;
    }
    l->status = gofer_info_json(queue, &json);
    if (l->status != GOFER_OK)
        return false;
    web_text_put(&l->call->reply.body, l->count++ ? "," : "");
    (void)web_copy_json(&l->call->reply.body, json, strlen(json), &l->call->view);
    gofer_free(json);
    snprintf(l->last, sizeof l->last, "%s", name);
    return true;
}

void web_own_queues(web_call *call, const char *name, const char *cursor, size_t limit)
{
    listing l = { .call = call, .limit = limit };
    web_text *body = &call->reply.body;
    web_text_put(body, "{\"items\":[");
    const page_list queues = { gofer_client_queues_page, name, cursor, WEB_QUEUES_PAGE };
    gofer_status st = pages_items(call->client, &queues, list_queue, &l);
    st = st == GOFER_OK ? l.status : st;
    if (st != GOFER_OK) {
        web_fail_status(call, st);
        return;
    }
    web_text_put(body, "]");
    if (l.more) {
        web_text_put(body, ",\"next_cursor\":");
        web_text_json(body, l.last, strlen(l.last));
    }
    web_text_put(body, "}");
    call->reply.status = 200;
    call->reply.type = "application/json";
}

// ---- sums

enum { DAYS_MAX = 90, DATE_ROOM = 16 };

typedef struct day {
    char    date[DATE_ROOM];
    int64_t processed, failed;
} day;

typedef struct days {
    day    at[DAYS_MAX + 1];        // one more, should it strike midnight between two queues
    size_t count;
} days;

static day *day_of(days *sum, const char *date)
{
    for (size_t i = 0; i < sum->count; i++)
        if (strcmp(sum->at[i].date, date) == 0)
            return &sum->at[i];
    if (sum->count == sizeof sum->at / sizeof *sum->at)
        return NULL;
    day *made = &sum->at[sum->count++];
    snprintf(made->date, sizeof made->date, "%s", date);
    return made;
}

static void add(days *sum, const gofer_info *history)
{
    for (size_t i = 0; i < gofer_info_count(history); i++) {
        const gofer_info *item = gofer_info_at(history, i);
        const char *date = gofer_info_text(item, "date");
        day *of = date ? day_of(sum, date) : NULL;
        if (of) {
            of->processed += gofer_info_int(item, "processed", 0);
            of->failed += gofer_info_int(item, "failed", 0);
        }
    }
}

typedef struct adding {
    web_call    *call;
    int32_t      count;
    days        *sum;
    gofer_status status;
} adding;

static bool add_queue(const gofer_info *queue, void *user)
{
    adding *a = user;
    const char *name = gofer_info_text(queue, "queue");
    gofer_info *history = NULL;
    if (!name || !web_scope_may(a->call->scope, WEB_SEE, name))
        return true;
    a->status = gofer_client_history(a->call->client, name, a->count, &history);
    if (a->status == GOFER_OK)
        add(a->sum, history);
    else if (a->status == GOFER_ENOTFOUND)
        a->status = GOFER_OK;       // it went meanwhile
    gofer_info_free(history);
    return a->status == GOFER_OK;
}

static gofer_status add_queues(web_call *call, int32_t count, days *sum)
{
    const page_list queues = { .ask = gofer_client_queues_page, .limit = WEB_QUEUES_PAGE };
    adding a = { call, count, sum, GOFER_OK };
    gofer_status st = pages_items(call->client, &queues, add_queue, &a);
    return st == GOFER_OK ? a.status : st;
}

bool web_own_history(web_call *call, int32_t count, web_text *out)
{
    days *sum = calloc(1, sizeof *sum);
    gofer_status st = sum ? add_queues(call, count, sum) : GOFER_OK;
    if (!sum)
        web_fail(call, 503, "ENOMEM", "there is no memory for the answer");
    else if (st != GOFER_OK)
        web_fail_status(call, st);
    bool made = sum && st == GOFER_OK;
    if (made)
        web_text_put(out, "{\"items\":[");
    for (size_t i = 0; made && i < sum->count; i++)
        web_text_format(out, "%s{\"date\":\"%s\",\"processed\":%lld,\"failed\":%lld}",
            i ? "," : "", sum->at[i].date, (long long)sum->at[i].processed,
            (long long)sum->at[i].failed);
    if (made)
        web_text_put(out, "]}");
    free(sum);
    return made;
}
