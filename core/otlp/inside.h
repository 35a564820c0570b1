// inside.h - what otlp.c and puts.c share: where spans come from and go to.
#ifndef OTLP_INSIDE_H
#define OTLP_INSIDE_H

#include "config.h"
#include "export.h"
#include "ids.h"
#include "otlp.h"
#include "queue.h"

struct otlp {
    otlp_config   config;
    bool          is_parent, tells_errors;
    int64_t       patience_ms;
    otlp_ids      ids;
    otlp_queue    queue;
    otlp_exporter exporter;
};

#endif
