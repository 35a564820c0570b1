// recent.h - the last hour of every queue in steps of ten seconds, for plots.
//
// The store keeps counts, not when they changed: so what is known of them is noted every ten
// seconds, but only while somebody has asked within the last hour, and what was seen is kept for an
// hour. It is gone with the server. A queue whose turn it was not is as it was, and what its next
// look brings is spread over the steps since the one before. RECENT_QUEUES queues have steps of
// their own, 9 KiB for each; where there are more, those of the first by name that somebody has
// asked for within the hour, from then on. The rest only counts in the sum of all. Threads: any;
// one of its own looks.
#ifndef WEB_RECENT_H
#define WEB_RECENT_H

#include "gofer/gofer.h"
#include "roster.h"
#include "text.h"
#include "totals.h"

enum { RECENT_STEP_MS = 10000, RECENT_STEPS = 360, RECENT_QUEUES = 1000 };

typedef struct web_recent web_recent;

// Both are borrowed. step_ms: RECENT_STEP_MS, but for tests. NULL: no memory, or no thread.
web_recent *web_recent_new(web_roster *roster, web_totals *totals, int64_t step_ms);
void web_recent_free(web_recent *recent);           // waits for its thread; NULL is fine

// The steps of a queue (NULL: all together), oldest first, as the members "since_ms" (null: nothing
// is known yet) and "items" of an object. Who asks keeps it going.
void web_recent_put(web_recent *recent, const char *queue, web_text *out);

#endif
