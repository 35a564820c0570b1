// encode.h - a batch of spans as OTLP's ExportTraceServiceRequest, in its JSON form.
#ifndef OTLP_ENCODE_H
#define OTLP_ENCODE_H

#include "config.h"
#include "span.h"
#include "text.h"

// To be freed, and looked at for `failed`. instance: the worker's id;
// NULL: there is none.
web_text otlp_encode(const otlp_config *config, const char *instance, const otlp_batch *batch);

#endif
