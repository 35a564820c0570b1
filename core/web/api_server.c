// api_server.c - handlers about the server itself: its health, its visitor, its routes.
#include <string.h>

#include "api.h"
#include "jobs.h"
#include "route.h"
#include "steps.h"
#include "streams.h"
#include "web.h"

static void reply_json(web_call *call)
{
    call->reply.status = 200;
    call->reply.type = "application/json";
}

void web_api_health(web_call *call)
{
    web_text_put(&call->reply.body, "{\"ok\":true}");
    reply_json(call);
}

void web_api_ready(web_call *call)
{
    web_reply_done(call, gofer_client_ping(call->client));
}

static const struct { unsigned right; const char *name; } rights[] = {
    { WEB_SEE, "see" }, { WEB_PAYLOAD, "payload" }, { WEB_ENQUEUE, "enqueue" },
    { WEB_OPERATE, "operate" }, { WEB_ADMIN, "admin" }, { WEB_METRICS, "metrics" },
};
enum { RIGHTS = sizeof rights / sizeof *rights };

static void put_rights(web_text *out, unsigned given)
{
    const char *before = "";
    web_text_put(out, "\"rights\":[");
    for (size_t i = 0; i < RIGHTS; i++)
        if (given & rights[i].right) {
            web_text_format(out, "%s\"%s\"", before, rights[i].name);
            before = ",";
        }
    web_text_put(out, "]");
}

// What is for some queues only.
static void put_grants(web_text *out, const web_scope *scope)
{
    web_text_put(out, ",\"grants\":[");
    for (size_t i = 0; i < scope->count; i++) {
        web_text_put(out, i ? ",{\"queues\":" : "{\"queues\":");
        if (*scope->grants[i].queues)
            web_text_json(out, scope->grants[i].queues, strlen(scope->grants[i].queues));
        else
            web_text_put(out, "null");
        web_text_put(out, ",");
        put_rights(out, scope->grants[i].rights);
        web_text_put(out, "}");
    }
    web_text_put(out, "]");
}

void web_api_me(web_call *call)
{
    web_text *body = &call->reply.body;
    web_text_put(body, "{\"name\":");
    if (strcmp(call->who, "-") == 0)
        web_text_put(body, "null");
    else
        web_text_json(body, call->who, strlen(call->who));
    web_text_put(body, ",");
    put_rights(body, call->rights);
    if (call->rights && !web_scope_everywhere(call->scope, call->rights))
        put_grants(body, call->scope);
    web_text_put(body, "}");
    reply_json(call);
}

// ---- what it runs with

static void put_list(web_text *out, const char *name, const char *const *items, size_t count)
{
    web_text_format(out, ",\"%s\":[", name);
    for (size_t i = 0; i < count; i++) {
        web_text_put(out, i ? "," : "");
        web_text_json(out, items[i], strlen(items[i]));
    }
    web_text_put(out, "]");
}

static void put_text(web_text *out, const char *name, const char *text)
{
    web_text_format(out, ",\"%s\":", name);
    if (text)
        web_text_json(out, text, strlen(text));
    else
        web_text_put(out, "null");
}

// No path of a file: where secrets are is nobody's business. Of the store's address the library
// has taken the password out.
void web_api_settings(web_call *call)
{
    const web_options *o = call->options;
    web_text *out = &call->reply.body;
    const struct { const char *name; bool is; } flags[] = {
        { "read_only", o->read_only }, { "behind_proxy", o->behind_proxy },
        { "asynq_names", o->asynq_names }, { "tls", o->tls_cert != NULL },
        { "tokens", o->tokens != NULL }, { "web_root", o->web_root != NULL },
    };
    static const struct { const char *name; long long value; } limits[] = {
        { "streams", WEB_STREAMS_MAX }, { "jobs", WEB_JOBS_MAX }, { "hours", WEB_HOURS_MAX },
        { "page", 1000 },
    };
    web_text_format(out, "{\"version\":\"%s\"", gofer_version_text());
    put_text(out, "url", gofer_client_url(call->client));
    put_list(out, "listen", call->addresses, call->address_count);
    put_list(out, "hosts", o->hosts, o->host_count);
    put_list(out, "trusted_proxies", o->proxies, o->proxy_count);
    put_text(out, "base", call->base);
    put_text(out, "anonymous", o->anonymous);
    put_text(out, "user_header", o->user_header);
    put_text(out, "role_header", o->role_header);
    put_list(out, "masks", o->masks, o->mask_count);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        web_text_format(out, ",\"%s\":%s", flags[i].name, flags[i].is ? "true" : "false");
    web_text_put(out, ",\"limits\":{");
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        web_text_format(out, "%s\"%s\":%lld", i ? "," : "", limits[i].name, limits[i].value);
    web_text_put(out, "}}");
    reply_json(call);
}

// ---- the routes as an OpenAPI document (3.1)

static void put_parameter(web_text *out, const char *name, size_t size, bool in_path, bool first)
{
    web_text_put(out, first ? "{\"name\":" : ",{\"name\":");
    web_text_json(out, name, size);
    web_text_format(out, ",\"in\":\"%s\",\"required\":%s,\"schema\":{\"type\":\"string\"}}",
        in_path ? "path" : "query", in_path ? "true" : "false");
}

static void put_parameters(web_text *out, const web_route *route)
{
    bool first = true;
    web_text_put(out, "\"parameters\":[");
    for (const char *at = route->path; (at = strchr(at, '{')); at++) {
        put_parameter(out, at + 1, strcspn(at + 1, "}"), true, first);
        first = false;
    }
    for (const char *at = route->query ? route->query : ""; *at;) {
        size_t size = strcspn(at, " ");
        put_parameter(out, at, size, false, first);
        first = false;
        at += size + (at[size] == ' ');
    }
    web_text_put(out, "],");
}

static void put_operation(web_text *out, const web_route *route)
{
    const char *right = NULL;
    for (size_t i = 0; i < RIGHTS; i++)
        if (rights[i].right == route->right)
            right = rights[i].name;
    web_text_put(out, "\"");
    for (const char *at = route->method; *at; at++)
        web_text_format(out, "%c", *at | 32);
    web_text_put(out, "\":{\"summary\":");
    web_text_json(out, route->about, strlen(route->about));
    web_text_put(out, ",");
    put_parameters(out, route);
    if (route->flags & WEB_TAKES_BODY)
        web_text_put(out, "\"requestBody\":{\"content\":{\"application/json\":{}}},");
    if (route->act)
        web_text_format(out, "\"x-gofer-act\":\"%s\",", route->act);
    if (right)
        web_text_format(out, "\"security\":[{\"token\":[\"%s\"]}],", right);
    web_text_format(out, "\"responses\":{\"200\":{\"description\":\"OK\",\"content\":{\"%s\":{}}},"
        "\"default\":{\"$ref\":\"#/components/responses/error\"}}}",
        route->flags & WEB_IS_TEXT ? "text/plain" : "application/json");
}

// Is it the first route of its address in the table?
static bool is_first(const web_route *routes, const web_route *route)
{
    for (const web_route *before = routes; before != route; before++)
        if (strcmp(before->path, route->path) == 0)
            return false;
    return true;
}

static void put_address(web_text *out, const web_route *first)
{
    web_text_format(out, "\"%s\":{", first->path);
    for (const web_route *route = first; route->method; route++) {
        if (strcmp(route->path, first->path) != 0)
            continue;
        web_text_put(out, route == first ? "" : ",");
        put_operation(out, route);
    }
    web_text_put(out, "}");
}

void web_api_routes(web_call *call)
{
    web_text *out = &call->reply.body;
    web_text_format(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"gofer\",\"version\":\"%s\"},"
        "\"paths\":{", gofer_version_text());
    for (const web_route *route = call->routes; route->method; route++)
        if (is_first(call->routes, route)) {
            web_text_put(out, route == call->routes ? "" : ",");
            put_address(out, route);
        }
    web_text_put(out, "},\"components\":{\"securitySchemes\":{\"token\":{\"type\":\"http\","
        "\"scheme\":\"bearer\"}},\"responses\":{\"error\":{\"description\":\"It failed.\","
        "\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\",\"properties\":"
        "{\"error\":{\"type\":\"object\",\"properties\":{\"code\":{\"type\":\"string\"},"
        "\"message\":{\"type\":\"string\"}}}}}}}}}}}");
    reply_json(call);
}
