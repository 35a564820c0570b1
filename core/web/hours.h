// hours.h - figures by the hour, for plots: the store's, and kept here once an hour is over.
//
// An hour that has ended changes no more, so only what is new is asked for, and that every ten
// seconds at the most, however many look. Of WEB_HOURS_KEPT pairs of a queue and a type the hours
// are kept, 18 KiB each. Threads: any.
#ifndef WEB_HOURS_H
#define WEB_HOURS_H

#include "gofer/gofer.h"
#include "text.h"

enum { WEB_HOURS_MAX = 192, WEB_HOURS_KEPT = 32 };

typedef struct web_hours web_hours;

web_hours *web_hours_new(gofer_client *client);     // NULL: no memory
void web_hours_free(web_hours *hours);              // NULL is fine

// Each of the last `count` hours, oldest first, as the members "since_ms" and "items" of an object.
// queue, type NULL: all. Nothing is written on an error.
gofer_status web_hours_put(web_hours *hours, const char *queue, const char *type, size_t count,
    web_text *out);

#endif
