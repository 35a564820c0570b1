// window.c - what happened within a tenth of a second.
#include "window.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

web_event *web_event_new(gofer_info *info)
{
    web_event *event = malloc(sizeof *event);
    if (event)
        *event = (web_event){ info, 1 };
    else
        gofer_info_free(info);
    return event;
}

void web_event_drop(web_event *event)
{
    if (--event->holders > 0)
        return;
    gofer_info_free(event->info);
    free(event);
}

static void count_kind(web_window *w, const char *name, int64_t count)
{
    size_t i = 0;
    while (i < w->kind_count && strcmp(w->kinds[i].name, name) != 0)
        i++;
    if (i == WEB_WINDOW_KINDS)
        return;
    if (i == w->kind_count) {
        snprintf(w->kinds[i].name, WEB_KIND_ROOM, "%s", name);
        w->kinds[i].count = 0;
        w->kind_count++;
    }
    w->kinds[i].count += count;
}

void web_window_add(web_window *w, web_event *event)
{
    web_event **place = &w->events[w->event_count % WEB_WINDOW_EVENTS];
    const char *name = gofer_info_text(event->info, "event");
    count_kind(w, name ? name : "", 1 + gofer_info_int(event->info, "more", 0));
    w->lost += gofer_info_int(event->info, "lost", 0);
    if (w->event_count >= WEB_WINDOW_EVENTS)
        web_event_drop(*place);
    event->holders++;
    *place = event;
    w->event_count++;
}

static size_t whole_ones(const web_window *w)
{
    return w->event_count < WEB_WINDOW_EVENTS ? w->event_count : WEB_WINDOW_EVENTS;
}

void web_window_clear(web_window *w)
{
    for (size_t i = 0; i < whole_ones(w); i++)
        web_event_drop(w->events[i]);
    *w = (web_window){ 0 };
}

static void put_events(const web_window *w, const web_view *view, web_text *out)
{
    size_t there = whole_ones(w), first = w->event_count - there;
    const char *before = "";
    for (size_t i = 0; i < there; i++) {
        char *json = NULL;
        const web_event *event = w->events[(first + i) % WEB_WINDOW_EVENTS];
        if (gofer_info_json(event->info, &json) != GOFER_OK)
            continue;
        size_t size = out->size;
        web_text_put(out, before);
        if (web_copy_json(out, json, strlen(json), view))
            before = ",";
        else
            out->size = size;
        gofer_free(json);
    }
}

void web_window_put(const web_window *w, const web_view *view, web_text *out)
{
    web_text_put(out, "\"counts\":{");
    for (size_t i = 0; i < w->kind_count; i++) {
        web_text_put(out, i ? "," : "");
        web_text_json(out, w->kinds[i].name, strlen(w->kinds[i].name));
        web_text_format(out, ":%lld", (long long)w->kinds[i].count);
    }
    web_text_put(out, "}");
    if (w->lost)
        web_text_format(out, ",\"lost\":%lld", (long long)w->lost);
    web_text_put(out, ",\"events\":[");
    put_events(w, view, out);
    web_text_put(out, "]");
}
