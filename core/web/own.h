// own.h - what of many queues belongs to a visitor who has rights for some of them alone.
//
// The server has looked at queues that path and query name (scope.h), and what is shown of
// snapshots is his anyway (copy.h). Here is the rest: things that are found by another name, and
// sums. For who has all queues each of these is true at once.
#ifndef WEB_OWN_H
#define WEB_OWN_H

#include "call.h"
#include "pages.h"

// Is the cron entry, or the worker, of the path his for this? False: it is answered. A worker is
// his if all its queues are.
bool web_own_schedule(web_call *call, unsigned right);
bool web_own_worker(web_call *call, unsigned right);
// Are all these his, which a worker is to serve: "mail=3 low=1"? False: it is answered.
bool web_own_served(web_call *call, unsigned right, const char *queues);

// All of a list that is his, as the answer.
void web_own_list(web_call *call, page_ask ask);

// A page of his queues: the answer. Its cursor, too, is a queue of his.
void web_own_queues(web_call *call, const char *name, const char *cursor, size_t limit);

// The last days of his queues together, as the snapshot of all queues has them: an answer's JSON
// into `out`. False: it is answered.
bool web_own_history(web_call *call, int32_t days, web_text *out);

#endif
