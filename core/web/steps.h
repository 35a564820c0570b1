// steps.h - figures by the hour and by the minute, for plots: the store's, and kept here once they
// are over.
//
// What has ended changes no more, so only what is new is asked for, and that every ten seconds at
// the most, however many look; and nothing while nothing happens. Of WEB_STEPS_KEPT queues and
// types the hours or the minutes are kept, 18 KiB each. Threads: any.
#ifndef WEB_STEPS_H
#define WEB_STEPS_H

#include "gofer/gofer.h"
#include "text.h"

enum {
    WEB_HOUR_MS = 3600 * 1000, WEB_HOURS_MAX = 192,
    WEB_MINUTE_MS = 60 * 1000, WEB_MINUTES_MAX = 60,
    WEB_STEPS_KEPT = 32
};

typedef struct web_steps web_steps;

// The last `count` hours or minutes (step_ms) of a queue and a type; NULL: all.
typedef struct web_steps_query {
    const char *queue, *type;
    int64_t     step_ms;
    size_t      count;
    int64_t     quiet_ms;       // since when nothing has happened, as web_streams_quiet_since has
                                //   it; 0: that is not known
} web_steps_query;

web_steps *web_steps_new(gofer_client *client);     // NULL: no memory
void web_steps_free(web_steps *steps);              // NULL is fine

// Each of them, oldest first, as the members "since_ms" and "items" of an object. Nothing is
// written on an error.
gofer_status web_steps_put(web_steps *steps, const web_steps_query *query, web_text *out);

#endif
