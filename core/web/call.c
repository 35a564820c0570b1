// call.c - words of a request, and the ways to answer it.
#include "call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *find(const web_word *words, size_t count, const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < count; i++)
        if (words[i].name_size == size && memcmp(words[i].name, name, size) == 0)
            return words[i].value;
    return NULL;
}

const char *web_path_word(const web_call *call, const char *name)
{
    return find(call->path, call->path_count, name);
}

const char *web_query_word(const web_call *call, const char *name)
{
    return find(call->query, call->query_count, name);
}

bool web_query_number(web_call *call, const char *name, int64_t min, int64_t max, int64_t *out)
{
    const char *text = web_query_word(call, name);
    if (!text)
        return true;
    size_t digits = strspn(text, "0123456789");
    int64_t n = digits && digits < 19 && !text[digits] ? strtoll(text, NULL, 10) : -1;
    if (n < min || n > max) {
        web_fail(call, 400, "EINVAL", "%s=%.40s is not a number from %lld to %lld", name, text,
            (long long)min, (long long)max);
        return false;
    }
    *out = n;
    return true;
}

bool web_query_duration(web_call *call, const char *name, int64_t *out)
{
    const char *text = web_query_word(call, name);
    gofer_status st = text ? gofer_parse_duration(text, out) : GOFER_OK;
    if (st != GOFER_OK)
        web_fail(call, 400, "EINVAL", "%s: %s", name, gofer_error_last());
    return st == GOFER_OK;
}

bool web_may(web_call *call, unsigned right, const char *queue)
{
    bool may = web_scope_may(call->scope, right, queue);
    if (!may)
        web_fail(call, 403, "EDENIED", "%s may not do this in the queue %.100s", call->who, queue);
    return may;
}

bool web_sees_payloads(const web_call *call, const char *queue)
{
    return queue ? web_scope_may(call->scope, WEB_PAYLOAD, queue)
                 : web_scope_within(call->scope, WEB_SEE, WEB_PAYLOAD);
}

bool web_query_filter(web_call *call, gofer_filter *out)
{
    gofer_filter_init(out);
    out->type = web_query_word(call, "type");
    out->error = web_query_word(call, "error");
    out->id = web_query_word(call, "id");
    out->group = web_query_word(call, "group");
    out->fingerprint = web_query_word(call, "fingerprint");
    if ((out->error || out->fingerprint)
        && !web_sees_payloads(call, web_query_word(call, "queue"))) {
        web_fail(call, 403, "EDENIED", "the texts of errors are not for you to search");
        return false;
    }
    return web_query_duration(call, "older", &out->older_ms)
        && web_query_duration(call, "younger", &out->younger_ms);
}

int web_http_of(gofer_status status)
{
    switch (status) {
    case GOFER_OK:
        return 200;
    case GOFER_EINVAL:
    case GOFER_EUNSUPPORTED:
        return 400;
    case GOFER_ENOTFOUND:
        return 404;
    case GOFER_EEXIST:
    case GOFER_EDUPLICATE:
    case GOFER_ESTATE:
        return 409;
    case GOFER_ETOOBIG:
        return 413;
    case GOFER_EFULL:
        return 429;
    case GOFER_ENOSPACE:
        return 507;
    default:
        return 503;     // the store's trouble, or the machine's: not the caller's fault
    }
}

static void put_error(web_call *call, const char *code, const char *message)
{
    web_text *body = &call->reply.body;
    web_text_free(body);
    snprintf(call->why, sizeof call->why, "%.*s", (int)sizeof call->why - 1, message);
    if (call->plain) {
        web_text_format(body, "%s\n", message);
        call->reply.type = "text/plain; charset=utf-8";
        return;
    }
    web_text_format(body, "{\"error\":{\"code\":\"%s\",\"message\":", code);
    web_text_json(body, message, strlen(message));
    web_text_put(body, "}}");
    call->reply.type = "application/json";
}

void web_fail(web_call *call, int http, const char *code, const char *format, ...)
{
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    call->reply.status = http;
    call->failed = http == 401 || http == 403 ? GOFER_EDENIED
        : http >= 500                         ? GOFER_EBROKER
                                              : GOFER_EINVAL;
    put_error(call, code, message);
}

void web_deny(web_call *call, int status, const char *what)
{
    if (status == 429)
        web_fail(call, 429, "EDENIED", "too many %ss that are not known: wait a minute", what);
    else if (status == 403)
        web_fail(call, 403, "EDENIED", "a %s is taken over TLS, from this machine or from a "
            "trusted proxy alone", what);
    else if (status == 503)
        web_fail(call, 503, "EUNSUPPORTED", "the %s cannot be looked at; the server's log says why",
            what);
    else
        web_fail(call, 401, "EDENIED", "the %s is not known", what);
}

void web_fail_status(web_call *call, gofer_status status)
{
    call->reply.status = web_http_of(status);
    call->failed = status;
    put_error(call, gofer_status_name(status), gofer_error_last());
}

void web_fail_put(web_call *call, gofer_status status)
{
    web_fail_status(call, status);
    if (status == GOFER_EDENIED)
        call->reply.status = 403;
}

void web_reply_info(web_call *call, const gofer_info *info)
{
    char *json = NULL;
    gofer_status st = gofer_info_json(info, &json);
    if (st != GOFER_OK) {
        web_fail_status(call, st);
        return;
    }
    bool seen = web_copy_json(&call->reply.body, json, strlen(json), &call->view);
    gofer_free(json);
    call->reply.status = 200;
    call->reply.type = "application/json";
    if (!seen)
        web_fail(call, 404, "ENOTFOUND", "there is no such thing in queues of yours");
}

void web_reply_made(web_call *call, gofer_status status, gofer_info *info)
{
    if (status == GOFER_OK)
        web_reply_info(call, info);
    else
        web_fail_status(call, status);
    gofer_info_free(info);
}

void web_reply_done(web_call *call, gofer_status status)
{
    if (status != GOFER_OK) {
        web_fail_status(call, status);
        return;
    }
    call->reply.status = 200;
    call->reply.type = "application/json";
    web_text_put(&call->reply.body, "{\"ok\":true}");
}

void web_reply_put(web_call *call, gofer_status status)
{
    if (status == GOFER_EDENIED)
        web_fail_put(call, status);
    else
        web_reply_done(call, status);
}
