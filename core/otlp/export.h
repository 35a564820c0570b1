// export.h - the thread that sends spans.
#ifndef OTLP_EXPORT_H
#define OTLP_EXPORT_H

#include <pthread.h>
#include <stdint.h>

#include "config.h"
#include "post.h"
#include "queue.h"

typedef struct otlp_exporter {
    const otlp_config *config;
    otlp_queue        *queue;
    gofer_worker      *worker;     // whose figures tell of it; NULL: nobody's
    gofer_log_fn       log;
    void              *log_user;
    otlp_post          post;
    pthread_t          thread;
    bool               runs;

    // The thread's own.
    int64_t  said_ms;              // when it complained last, monotonic; 0: never
    uint64_t unsaid;               // spans dropped since
    bool     failing;              // the latest batch was not taken
    uint64_t chance;
} otlp_exporter;

bool otlp_exporter_start(otlp_exporter *e, char *why, size_t size);
// Sends what is left for so long at the most, and waits for the thread's end.
void otlp_exporter_end(otlp_exporter *e, int64_t patience_ms);

#endif
