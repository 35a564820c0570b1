// config.h - what OpenTelemetry's environment says of spans.
//
// Read once, before any thread is there. Texts are owned.
#ifndef OTLP_CONFIG_H
#define OTLP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "otlp.h"

typedef enum otlp_sampler { OTLP_ALWAYS, OTLP_NEVER, OTLP_RATIO } otlp_sampler;

typedef struct otlp_pair {
    char *key, *value;
} otlp_pair;

typedef struct otlp_pairs {
    otlp_pair *items;
    size_t     count;
} otlp_pairs;

typedef struct otlp_config {
    bool         disabled;
    char        *url;              // with its path
    otlp_pairs   headers;          // of each request; may be secret
    otlp_pairs   resource;         // attributes; service.name is the first
    bool         by_parent;        // who has put the task in has decided, where there was one
    otlp_sampler sampler;          // of all others
    double       ratio;
    char        *ca_file, *cert_file, *key_file;   // NULL: none
    int64_t      timeout_ms;       // of a request
    int64_t      delay_ms;         // the first of a batch waits so long
    size_t       batch, queue;     // spans
} otlp_config;

// false: why has the reason, which names the variable. What is only odd is logged, and the default
// holds, as OpenTelemetry says. To be cleared in both cases.
bool otlp_config_read(otlp_config *c, const otlp_options *options, char *why, size_t size);
void otlp_config_clear(otlp_config *c);

// ---- words.c: what stands in variables

// Blanks at both ends are left out. NULL: it is not set, or empty.
const char *otlp_variable(const char *name, char *room, size_t size);
// "a=1,b=2", values with %XX. false: one of them is no pair; those before it are there.
bool otlp_pairs_read(otlp_pairs *out, const char *text);
// false: no memory.
bool otlp_pairs_add(otlp_pairs *out, const char *key, const char *value);
void otlp_pairs_clear(otlp_pairs *pairs);
// A whole number from min to max.
bool otlp_number_read(const char *text, int64_t min, int64_t max, int64_t *out);
// http://HOST[:PORT][/PATH], or https: NULL, or what is wrong with it.
const char *otlp_url_wrong(const char *url);

#endif
