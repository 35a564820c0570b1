// worker_metrics.h - what a worker of this process tells of itself: /metrics, /healthz, /readyz.
#ifndef WEB_WORKER_METRICS_H
#define WEB_WORKER_METRICS_H

#include "call.h"

// What it did since its start. What its store holds, `gofer web` tells (metrics.h).
void web_worker_metrics(web_call *call);
// 200: it takes tasks, or is quiet, and its store has answered of late: known without asking it.
void web_worker_ready(web_call *call);

#endif
