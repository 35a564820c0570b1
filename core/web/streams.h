// streams.h - live events for many readers (server-sent events, text/event-stream).
//
// One listener of the store serves all streams, and only while there are any. What happens within a
// window of 100 ms becomes one message, made once: how many events of each kind there were, and the
// latest of those that were told whole: it listens to sums. So neither many readers nor many events
// cost much. Messages are numbered and kept for a minute, so that a reader who was cut off goes on
// where he was. Who has rights for some queues hears, and has counted, what is of these.
//
// Messages:   id: EPOCH-NUMBER, data: {"at_ms":, "counts": {"done": 12}, "events": [...]}
//   event: listening  from here on nothing is missed; again after the store was away: what happened
//                  before may be unknown to the reader, so he looks at everything now
//   event: reset   what the reader had is not known (any more): he looks at everything anew
//   event: lost    he was too slow; the stream ends with this
//   event: away    the store does not answer; data: {"error": ...}. It goes on by itself
// A comment every 15 s keeps proxies from closing.
//
// Threads: one of its own; web_stream_read is called from the server's.
#ifndef WEB_STREAMS_H
#define WEB_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gofer/gofer.h"
#include "scope.h"

enum {
    WEB_STREAMS_MAX = 64,
    WEB_STREAMS_EACH = 4,       // of a session, a token or a proxy's user
    WEB_STREAM_KEY = 64,
    WEB_WINDOW_MS = 100
};

typedef struct web_streams web_streams;
typedef struct web_stream web_stream;

// wake(reader): called when a stream that had nothing has something; on the streams' thread.
// window_ms: WEB_WINDOW_MS, but for tests.
web_streams *web_streams_new(gofer_client *client, void (*wake)(void *reader), int64_t window_ms);
// Of each event somebody else is told in which queue it was, by the streams' thread; no queue:
// something may not have been heard.
void web_streams_tell(web_streams *streams, void (*heard)(void *user, const char *queue),
    void *user);
// Since when nothing has happened, of all that was heard, by the clock that only goes on; 0: not
// all is heard now.
int64_t web_streams_quiet_since(web_streams *streams);
void web_streams_free(web_streams *streams);    // after web_streams_end, and all are closed
// All streams come to their end, and no new ones are opened. Waits for the thread.
void web_streams_end(web_streams *streams);

// Who listens.
typedef struct web_listener_of {
    const char      *key;       // whose stream it is, of WEB_STREAMS_EACH; "": nobody counts his
    const char      *last_id;   // what the reader saw last, "" or NULL: nothing
    const web_scope *scope;     // whose queues; NULL: all
    bool             private;   // without what is in tasks; with a scope, that says it
    void            *reader;
} web_listener_of;

typedef enum web_stream_why {
    WEB_STREAM_OK,
    WEB_STREAM_FULL,            // there are WEB_STREAMS_MAX already, or there is no memory
    WEB_STREAM_ENOUGH           // he has WEB_STREAMS_EACH
} web_stream_why;

web_stream *web_stream_open(web_streams *streams, const web_listener_of *who, web_stream_why *why);
void web_stream_close(web_stream *stream);      // NULL is fine
// Nobody reads it any more: its place is free, and what it is read as next is the end. Any thread.
void web_stream_leave(web_stream *stream);

// Bytes to send: their count, 0 (nothing now: `wake` will say when; `idle` was called first, under
// the lock, so that no wake is missed) or -1: the end.
ssize_t web_stream_read(web_stream *stream, char *out, size_t room, void (*idle)(void *reader));

#endif
