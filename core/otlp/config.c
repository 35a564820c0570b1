// config.c - OpenTelemetry's environment, as far as it is about spans.
//
// Names and defaults are those of its specification (protocol/exporter, sdk-environment-variables).
// Variables of traces come before those of all signals.
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "text.h"
#include "util/clock.h"

enum {
    VALUE_MAX = 16 * 1024,
    TIMEOUT_MS = 10000,            // the defaults are OpenTelemetry's
    DELAY_MS = 5000,
    BATCH = 512,
    QUEUE = 2048,
    LONGEST_MS = 600000,
    QUEUE_MAX = 1000000
};

#define EXPORTER "OTEL_EXPORTER_OTLP_"
#define TRACES   "OTEL_EXPORTER_OTLP_TRACES_"
static const char path[] = "/v1/traces";

// What one reading has at hand.
typedef struct reading {
    otlp_config        *config;
    const otlp_options *options;
    char               *why;
    size_t              size;
    char               *room;      // of VALUE_MAX, for a value
} reading;

static void warn(const reading *r, const char *name, const char *what)
{
    web_text fields = { 0 };
    web_text_put(&fields, "{\"variable\":");
    web_text_json(&fields, name, strlen(name));
    web_text_put(&fields, "}");
    if (r->options->log)
        r->options->log(r->options->log_user, GOFER_LOG_WARN, gf_now_ms(), what,
            fields.failed ? "{}" : fields.at);
    web_text_free(&fields);
}

// OTEL_EXPORTER_OTLP_TRACES_<name>, else OTEL_EXPORTER_OTLP_<name>. *which: the one that it was.
static const char *exporter(const reading *r, const char *name, const char **which)
{
    static const struct { const char *name, *traces, *all; } both[] = {
        { "PROTOCOL", TRACES "PROTOCOL", EXPORTER "PROTOCOL" },
        { "HEADERS", TRACES "HEADERS", EXPORTER "HEADERS" },
        { "TIMEOUT", TRACES "TIMEOUT", EXPORTER "TIMEOUT" },
        { "COMPRESSION", TRACES "COMPRESSION", EXPORTER "COMPRESSION" },
        { "CERTIFICATE", TRACES "CERTIFICATE", EXPORTER "CERTIFICATE" },
        { "CLIENT_CERTIFICATE", TRACES "CLIENT_CERTIFICATE", EXPORTER "CLIENT_CERTIFICATE" },
        { "CLIENT_KEY", TRACES "CLIENT_KEY", EXPORTER "CLIENT_KEY" },
    };
    for (size_t i = 0; i < sizeof both / sizeof *both; i++) {
        if (strcmp(both[i].name, name) != 0)
            continue;
        const char *value = otlp_variable(*which = both[i].traces, r->room, VALUE_MAX);
        return value ? value : otlp_variable(*which = both[i].all, r->room, VALUE_MAX);
    }
    return NULL;
}

static bool is_set(const reading *r, const char *name, const char *word)
{
    const char *value = otlp_variable(name, r->room, VALUE_MAX);
    return value && strcasecmp(value, word) == 0;
}

static char *copy(const char *text)
{
    size_t size = strlen(text) + 1;
    char *at = malloc(size);
    return at ? memcpy(at, text, size) : NULL;
}

static bool no_memory(const reading *r)
{
    snprintf(r->why, r->size, "no memory");
    return false;
}

// ---- where to -----------------------------------------------------------------------------------

// A base gets the path of traces, unless it has it.
static bool set_url(const reading *r, const char *url, const char *from, bool is_base)
{
    const char *wrong = otlp_url_wrong(url);
    if (wrong) {
        snprintf(r->why, r->size, "%s '%.200s': %s", from, url, wrong);
        return false;
    }
    size_t size = strlen(url), tail = sizeof path - 1;
    bool has = size > tail && strcmp(url + size - tail, path) == 0;
    while (is_base && !has && size && url[size - 1] == '/')
        size--;
    char *whole = malloc(size + sizeof path);
    if (!whole)
        return no_memory(r);
    memcpy(whole, url, size);
    memcpy(whole + size, path, sizeof path);
    if (!is_base || has)
        whole[size] = '\0';
    r->config->url = whole;
    return true;
}

static bool read_url(const reading *r)
{
    const char *value;
    if (r->options->endpoint)
        return set_url(r, r->options->endpoint, "--otlp", true);
    if ((value = otlp_variable(TRACES "ENDPOINT", r->room, VALUE_MAX)))
        return set_url(r, value, TRACES "ENDPOINT", false);
    if ((value = otlp_variable(EXPORTER "ENDPOINT", r->room, VALUE_MAX)))
        return set_url(r, value, EXPORTER "ENDPOINT", true);
    return set_url(r, "http://localhost:4318", "", true);      // OpenTelemetry's default
}

static bool read_protocol(const reading *r)
{
    const char *which, *value = exporter(r, "PROTOCOL", &which);
    if (!value || strcmp(value, "http/json") == 0)
        return true;
    snprintf(r->why, r->size,
        "%s is '%.60s', and gofer speaks http/json alone: set " TRACES "PROTOCOL to http/json for "
        "the worker, or unset it",
        which, value);
    return false;
}

static bool read_headers(const reading *r)
{
    const char *which, *value = exporter(r, "HEADERS", &which);
    if (!value || otlp_pairs_read(&r->config->headers, value))
        return true;
    snprintf(r->why, r->size, "%s is not of the form key=value,key=value", which);   // a secret
    return false;
}

static bool read_file(const reading *r, const char *name, char **out)
{
    const char *which, *value = exporter(r, name, &which);
    if (!value)
        return true;
    if (access(value, R_OK) != 0) {
        snprintf(r->why, r->size, "%s: the file '%.300s' cannot be read", which, value);
        return false;
    }
    return (*out = copy(value)) || no_memory(r);
}

// ---- what and how much --------------------------------------------------------------------------

static bool read_resource(const reading *r)
{
    otlp_config *c = r->config;
    otlp_pairs given = { NULL, 0 };
    char host[256];
    const char *value = otlp_variable("OTEL_RESOURCE_ATTRIBUTES", r->room, VALUE_MAX);
    if (value && !otlp_pairs_read(&given, value)) {
        otlp_pairs_clear(&given);  // all of it, as OpenTelemetry says
        warn(r, "OTEL_RESOURCE_ATTRIBUTES", "not of the form key=value,key=value: it is ignored");
    }
    const char *name = otlp_variable("OTEL_SERVICE_NAME", r->room, VALUE_MAX);
    for (size_t i = 0; !name && i < given.count; i++)
        if (strcmp(given.items[i].key, "service.name") == 0)
            name = given.items[i].value;
    bool ok = otlp_pairs_add(&c->resource, "service.name", name ? name : r->options->service);
    bool has_host = false;
    for (size_t i = 0; ok && i < given.count; i++) {
        has_host |= strcmp(given.items[i].key, "host.name") == 0;
        if (strcmp(given.items[i].key, "service.name") != 0)
            ok = otlp_pairs_add(&c->resource, given.items[i].key, given.items[i].value);
    }
    if (ok && !has_host && gethostname(host, sizeof host) == 0) {
        host[sizeof host - 1] = '\0';
        ok = otlp_pairs_add(&c->resource, "host.name", host);
    }
    otlp_pairs_clear(&given);
    return ok || no_memory(r);
}

static bool take_ratio(otlp_config *c, const char *text)
{
    char *end;
    double ratio = strtod(text, &end);
    if (*end || end == text || !(ratio >= 0 && ratio <= 1))
        return false;
    c->ratio = ratio;
    return true;
}

static void read_sampler(const reading *r)
{
    static const struct { const char *name; bool by_parent; otlp_sampler sampler; } known[] = {
        { "parentbased_always_on", true, OTLP_ALWAYS },
        { "parentbased_always_off", true, OTLP_NEVER },
        { "parentbased_traceidratio", true, OTLP_RATIO },
        { "always_on", false, OTLP_ALWAYS },
        { "always_off", false, OTLP_NEVER },
        { "traceidratio", false, OTLP_RATIO },
    };
    enum { KNOWN = sizeof known / sizeof *known };
    otlp_config *c = r->config;
    size_t i = 0;
    const char *value = otlp_variable("OTEL_TRACES_SAMPLER", r->room, VALUE_MAX);
    while (value && i < KNOWN && strcmp(known[i].name, value) != 0)
        i++;
    if (i == KNOWN) {
        warn(r, "OTEL_TRACES_SAMPLER", "no sampler of gofer's: parentbased_always_on is used");
        i = 0;
    }
    c->by_parent = known[i].by_parent;
    c->sampler = known[i].sampler;
    c->ratio = 1;
    if (c->sampler != OTLP_RATIO)
        return;
    value = otlp_variable("OTEL_TRACES_SAMPLER_ARG", r->room, VALUE_MAX);
    if (value && !take_ratio(c, value))
        warn(r, "OTEL_TRACES_SAMPLER_ARG", "not a number from 0 to 1: 1 is used");
}

static int64_t number(const reading *r, const char *name, const char *value, int64_t otherwise,
    int64_t max)
{
    int64_t n = otherwise;
    if (value && !otlp_number_read(value, 1, max, &n))
        warn(r, name, "not a number that makes sense: the default is used");
    return n;
}

static void read_amounts(const reading *r)
{
    otlp_config *c = r->config;
    const char *which, *value = exporter(r, "TIMEOUT", &which);
    c->timeout_ms = number(r, which, value, TIMEOUT_MS, LONGEST_MS);
    value = otlp_variable(which = "OTEL_BSP_SCHEDULE_DELAY", r->room, VALUE_MAX);
    c->delay_ms = number(r, which, value, DELAY_MS, LONGEST_MS);
    value = otlp_variable(which = "OTEL_BSP_MAX_QUEUE_SIZE", r->room, VALUE_MAX);
    c->queue = (size_t)number(r, which, value, QUEUE, QUEUE_MAX);
    value = otlp_variable(which = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", r->room, VALUE_MAX);
    c->batch = (size_t)number(r, which, value, BATCH, QUEUE_MAX);
    if (c->batch > c->queue)
        c->batch = c->queue;
    value = exporter(r, "COMPRESSION", &which);
    if (value && strcmp(value, "none") != 0)
        warn(r, which, "gofer does not compress what it sends");
}

bool otlp_config_read(otlp_config *c, const otlp_options *options, char *why, size_t size)
{
    *c = (otlp_config){ .url = NULL };
    reading r = { c, options, why, size, malloc(VALUE_MAX) };
    if (!r.room)
        return no_memory(&r);
    c->disabled = is_set(&r, "OTEL_SDK_DISABLED", "true") ||
        is_set(&r, "OTEL_TRACES_EXPORTER", "none");
    bool ok = c->disabled || (read_url(&r) && read_protocol(&r) && read_headers(&r) &&
        read_file(&r, "CERTIFICATE", &c->ca_file) &&
        read_file(&r, "CLIENT_CERTIFICATE", &c->cert_file) &&
        read_file(&r, "CLIENT_KEY", &c->key_file) && read_resource(&r));
    if (ok && !c->disabled) {
        read_sampler(&r);
        read_amounts(&r);
    }
    free(r.room);
    return ok;
}

void otlp_config_clear(otlp_config *c)
{
    free(c->url);
    free(c->ca_file);
    free(c->cert_file);
    free(c->key_file);
    otlp_pairs_clear(&c->headers);
    otlp_pairs_clear(&c->resource);
    *c = (otlp_config){ .url = NULL };
}
