// window.h - what happened within a tenth of a second, on its way to those who see the same queues.
//
// How many events of each kind there were, and the latest of those that were told whole. An event
// that several windows have is kept once. Threads: none of its own; streams.c has the lock.
#ifndef WEB_WINDOW_H
#define WEB_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "copy.h"
#include "gofer/gofer.h"
#include "text.h"

enum {
    WEB_WINDOW_EVENTS = 50,     // whole ones
    WEB_WINDOW_KINDS = 24,      // of events; there are twelve
    WEB_KIND_ROOM = 16
};

// An event, and how many windows have it.
typedef struct web_event {
    gofer_info *info;
    size_t      holders;
} web_event;

typedef struct web_kind {
    char    name[WEB_KIND_ROOM];
    int64_t count;
} web_kind;

typedef struct web_window {
    web_kind   kinds[WEB_WINDOW_KINDS];
    size_t     kind_count;
    web_event *events[WEB_WINDOW_EVENTS];   // a ring: the latest
    size_t     event_count;
    int64_t    lost;
} web_window;

web_event *web_event_new(gofer_info *info);     // takes it, on failure too; NULL: no memory
void web_event_drop(web_event *event);          // by one holder

void web_window_add(web_window *w, web_event *event);   // holds it
void web_window_clear(web_window *w);
// As the members of an object: "counts", "lost" if some were, "events".
void web_window_put(const web_window *w, const web_view *view, web_text *out);

#endif
