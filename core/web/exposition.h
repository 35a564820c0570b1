// exposition.h - metrics as text: Prometheus' format 0.0.4, or OpenMetrics 1.0.
//
// A family is written whole before the next begins, as both formats want it. Names are of the base
// units; a counter's ends in _total, which OpenMetrics takes off in the family's own lines.
#ifndef WEB_EXPOSITION_H
#define WEB_EXPOSITION_H

#include <stdbool.h>

#include "gofer/gofer.h"
#include "scope.h"
#include "text.h"

typedef enum web_metric { WEB_GAUGE, WEB_COUNTER, WEB_HISTOGRAM } web_metric;

typedef struct web_exposition {
    web_text   *out;
    bool        open;       // OpenMetrics
    const char *name;       // of the family that is being written
    const web_scope *scope; // of the reader: samples of his queues alone; NULL: all
} web_exposition;

// Which of the two the header Accept asks for, and its media type.
bool web_exposition_open(const char *accept);
const char *web_exposition_type(bool open);

void web_family(web_exposition *e, const char *name, web_metric kind, const char *help);
// labels: name, value, name, value, NULL.
void web_sample(web_exposition *e, const char *const *labels, double value);
// times: a list as gofer_worker_figures has it; bounds and the sum are in seconds then.
void web_histogram(web_exposition *e, const char *const *labels, const gofer_info *times,
    double total_ms);
// Two samples with the label "state": busy, and what is left of all.
void web_use(web_exposition *e, const char *name, const char *help, double busy, double all);
void web_build_info(web_exposition *e);
void web_exposition_end(web_exposition *e);

#endif
