// asynqmon.h - the routes of asynqmon 0.7, so that its page can go on beside ours: /asynqmon/api.
//
// Only with `gofer web --asynqmon`. Its shapes are a foreign contract: names, times in RFC 3339,
// errors as plain text with 500 for nearly all. What gofer.h knows is put into them here; rights,
// limits and all that the server checks before are as for our own routes.
//   asynqmon_routes.c  the table      asynqmon.c        what answers are made of
//   asynqmon_look.c    looking        asynqmon_lists.c  pages of tasks      asynqmon_act.c  acting
#ifndef WEB_ASYNQMON_H
#define WEB_ASYNQMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "call.h"
#include "route.h"

#define WEB_ASYNQMON "/asynqmon/api/"

extern const web_route web_asynqmon_routes[];   // ended by a NULL method

// ---- asynqmon_look.c
void web_asynqmon_queues(web_call *call);
void web_asynqmon_queue(web_call *call);
void web_asynqmon_queue_stats(web_call *call);
void web_asynqmon_groups(web_call *call);
void web_asynqmon_servers(web_call *call);
void web_asynqmon_entries(web_call *call);
void web_asynqmon_events(web_call *call);
void web_asynqmon_redis_info(web_call *call);
void web_asynqmon_metrics(web_call *call);

// ---- asynqmon_lists.c
void web_asynqmon_tasks(web_call *call);        // of the state that the route's path names
void web_asynqmon_task(web_call *call);

// ---- asynqmon_act.c; those on many are for the state that the route's path names
void web_asynqmon_queue_delete(web_call *call);
void web_asynqmon_pause(web_call *call);
void web_asynqmon_resume(web_call *call);
void web_asynqmon_run(web_call *call);
void web_asynqmon_archive(web_call *call);
void web_asynqmon_delete(web_call *call);
void web_asynqmon_cancel(web_call *call);
void web_asynqmon_run_all(web_call *call);
void web_asynqmon_archive_all(web_call *call);
void web_asynqmon_delete_all(web_call *call);
void web_asynqmon_cancel_all(web_call *call);
void web_asynqmon_batch_run(web_call *call);
void web_asynqmon_batch_archive(web_call *call);
void web_asynqmon_batch_delete(web_call *call);
void web_asynqmon_batch_cancel(web_call *call);

// ---- asynqmon.c

// "pending" of ".../pending_tasks:delete_all": the state that a route is about.
const char *web_asynqmon_state(const web_call *call);
// ?page= and ?size=; what is no number from 1 on is as if it were not there. Pages are so long at
// the most that one answer is bounded.
enum { WEB_ASYNQMON_PAGE = 1000 };
void web_asynqmon_page(const web_call *call, int64_t *page, int64_t *size);

void web_asynqmon_json(web_call *call);         // the body is whole, and JSON
void web_asynqmon_nothing(web_call *call);      // 204
// What this thread's last failing call said of a queue: 500, and what the inspector of Asynq says
// if it is missing.
void web_asynqmon_fail(web_call *call, gofer_status status);
// The same of a task; "asynq: task not found".
void web_asynqmon_fail_task(web_call *call, gofer_status status, const char *text);
bool web_asynqmon_has_queue(web_call *call, const char *queue);     // false: the store has none

// A member: `"name":`, with a comma in front where the body does not end in an opening bracket.
void web_asynqmon_key(web_text *out, const char *name);
void web_asynqmon_comma(web_text *out);         // the same of an element of an array
void web_asynqmon_put(web_text *out, const char *name, const char *text);       // NULL: ""
void web_asynqmon_put_int(web_text *out, const char *name, int64_t value);
void web_asynqmon_put_bool(web_text *out, const char *name, bool value);
// Of a time in Unix ms: RFC 3339 in whole seconds, UTC. 0: `none`, or Go's year 1 for NULL.
void web_asynqmon_put_time(web_text *out, const char *name, int64_t ms, const char *none);
// A field of bytes, as text if all of it can be printed; what the visitor may not see is "hidden".
void web_asynqmon_put_bytes(web_call *call, const char *name, const gofer_info *info,
    const char *field);
// The same of a field of text that comes from tasks; "" if it is missing.
void web_asynqmon_put_private(web_call *call, const char *name, const gofer_info *info,
    const char *field);
// A queue's snapshot as the value of a member. False: it is answered.
bool web_asynqmon_put_queue(web_call *call, const char *name, const char *queue);
void web_asynqmon_add_queue(web_call *call, const gofer_info *info);    // as an element
bool web_asynqmon_put_groups(web_call *call, const char *queue);        // "groups": []

#endif
