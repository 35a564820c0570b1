// metrics.h - /metrics: what the store holds. What a worker did, it tells itself.
#ifndef WEB_METRICS_H
#define WEB_METRICS_H

#include "call.h"

// An answer is good for a second, however many ask. Threads: any.
typedef struct web_scrapes web_scrapes;

web_scrapes *web_scrapes_new(void);             // NULL: no memory
void web_scrapes_free(web_scrapes *scrapes);    // NULL is fine

void web_metrics(web_call *call);

#endif
