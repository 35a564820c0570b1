// totals.h - what all queues come to, of a store with so many that nobody should wait for it.
//
// A thread of its own looks at all of them, page by page, when somebody asks and what is known is
// older than a second; after a look that took long it rests for as long. For who takes older ones
// it rests fifty times as long, and looks only if something seems to have happened: it was heard
// of, the store has more keys or fewer, or has done so much that a look is next to nothing beside
// it. So a page that stays open costs the store next to nothing while nothing happens, however many
// queues there are. Who asks waits a moment for it, and else is told what is known already, and
// since when. Threads: any.
#ifndef WEB_TOTALS_H
#define WEB_TOTALS_H

#include "gofer/gofer.h"
#include "queues.h"
#include "text.h"

typedef struct web_totals web_totals;

web_totals *web_totals_new(gofer_client *client);   // NULL: no memory, or no thread
void web_totals_free(web_totals *totals);           // waits for its thread; NULL is fine

// Something has happened in a queue.
void web_totals_touch(web_totals *totals);

typedef struct web_totals_seen {
    int64_t  at_ms;             // when the look began; 0: there has been none, all is empty
    web_sums all;
    web_sums rest;              // of all but the first WEB_FEW_QUEUES by name
} web_totals_seen;

// age_ms: how old it may be, if it takes long. worst: appended, a list as that of a snapshot;
// history: the last days of all queues, likewise. Either may be NULL.
void web_totals_take(web_totals *totals, int64_t age_ms, web_totals_seen *out, web_text *worst,
    web_text *history);

#endif
