// metrics.h - /metrics: what the store holds. What a worker did, it tells itself.
#ifndef WEB_METRICS_H
#define WEB_METRICS_H

#include "call.h"

void web_metrics(web_call *call);

#endif
