// routes.c - the table of what the server answers.
#include "api.h"
#include "checks.h"
#include "metrics.h"
#include "page.h"
#include "route.h"
#include "worker_metrics.h"

#define API "/api/v1/"
#define TASK API "queues/{queue}/tasks/{id}"

const web_route web_routes[] = {
    // ---- the server itself
    { "GET", "/healthz", 0, WEB_NO_STORE, NULL, web_api_health,
      "The process answers.", NULL },
    { "GET", "/readyz", 0, 0, NULL, web_api_ready,
      "The store answers.", NULL },
    { "GET", "/metrics", WEB_METRICS, WEB_IS_TEXT | WEB_MINDS_QUEUES, NULL, web_metrics,
      "What the store holds, for Prometheus.", NULL },
    { "GET", API "me", 0, WEB_NO_STORE, NULL, web_api_me,
      "Who you are here and what you may do.", NULL },
    { "POST", "/login", 0, WEB_NO_STORE | WEB_TAKES_BODY, NULL, web_api_login,
      "Log in by a browser: {\"token\": ...}; the answer has a cookie.", NULL },
    { "POST", "/login/password", 0, WEB_TAKES_PASSWORD | WEB_TAKES_BODY, NULL,
      web_api_login_password,
      "The same by a password: {\"name\": ..., \"password\": ...}.", NULL },
    { "POST", "/logout", 0, WEB_NO_STORE, NULL, web_api_logout,
      "End the cookie's session.", NULL },
    { "GET", API "settings", WEB_SEE, WEB_NO_STORE, NULL, web_api_settings,
      "What this server runs with.", NULL },
    { "GET", API "routes", 0, WEB_NO_STORE, NULL, web_api_routes,
      "All there is, as an OpenAPI document.", NULL },

    // ---- the page
    { "GET", "/", 0, WEB_NO_STORE | WEB_IS_TEXT | WEB_IS_PAGE, NULL, web_page_index,
      "The page; it is at every other address that is none of these, too, for who takes HTML.",
      NULL },
    { "GET", "/assets/{version}/{file}", 0, WEB_NO_STORE | WEB_IS_TEXT, NULL, web_page_asset,
      "A file of the page.", NULL },

    // ---- looking
    { "GET", API "overview", WEB_SEE, WEB_MINDS_QUEUES, "age", web_api_overview,
      "Queues, workers and their sums: as they are now or, with `age=10m`, as each was last looked "
      "at within that time, of very many queues also before it if nothing seems to have happened; "
      "`age_ms` of the totals says how long ago.", NULL },
    { "GET", API "queues", WEB_SEE, WEB_MINDS_QUEUES, "name cursor limit age", web_api_queues,
      "A page (1000) of the queues by name; `name` may end in `*`, `next_cursor` goes on, `age` is "
      "as that of the overview.", NULL },
    { "GET", API "queues/{queue}", WEB_SEE, 0, NULL, web_api_queue,
      "One queue.", NULL },
    { "GET", API "queues/{queue}/history", WEB_SEE, 0, "days", web_api_queue_history,
      "What a queue did in the last days (7).", NULL },
    { "GET", API "history", WEB_SEE, WEB_MINDS_QUEUES, "days", web_api_history,
      "What all queues did in the last days (7).", NULL },
    { "GET", API "tasks", WEB_SEE, WEB_MINDS_QUEUES,
      "queue state type error fingerprint id group older younger cursor limit",
      web_api_tasks,
      "A page of the tasks that match all that is given.", NULL },
    { "GET", API "search", WEB_SEE, 0,
      "text queue state type error fingerprint id group older younger cursor", web_api_search,
      "Tasks with a text in them: id, type, group and, for who may see them, error, payload and "
      "result. One call looks at 20,000 tasks at the most, for half a second: `scanned` says at "
      "how many, `next_cursor` goes on.", NULL },
    { "GET", API "failures", WEB_SEE, 0, "queue type state cursor", web_api_failures,
      "What fails, by type and kind of error: of the tasks to be retried and of those set aside. "
      "Bounded like a search; calls that follow tell of further tasks, to be added up.", NULL },
    { "GET", TASK, WEB_SEE, 0, NULL, web_api_task,
      "One task.", NULL },
    { "GET", API "queues/{queue}/groups", WEB_SEE, 0, "cursor limit", web_api_groups,
      "A page (1000) of the groups with tasks that wait to be aggregated, by name.", NULL },
    { "GET", API "queues/{queue}/tenants", WEB_SEE, 0, "cursor limit", web_api_tenants,
      "A page (100) of the tenants of a queue that have a weight or tasks that wait, by name.",
      NULL },
    { "GET", API "queues/{queue}/tenants/{tenant}", WEB_SEE, 0, NULL, web_api_tenant,
      "A tenant of a queue: a list of one.", NULL },
    { "GET", API "stats", WEB_SEE, WEB_MINDS_QUEUES, "queue hours", web_api_stats,
      "How long tasks waited and ran in the last hours (1), by queue and type.", NULL },
    { "GET", API "series", WEB_SEE, 0, "queue type hours minutes", web_api_series,
      "What came, was done and failed, step by step: the last hour (1) in steps of 10 s, so far as "
      "this server has watched it; or up to 192 hours, or 60 minutes, with how long tasks waited "
      "and ran.", NULL },
    { "GET", API "workers", WEB_SEE, WEB_MINDS_QUEUES, "cursor limit", web_api_workers,
      "A page (1000) of the live workers, by host and process.", NULL },
    { "GET", API "schedules", WEB_SEE, WEB_MINDS_QUEUES, "cursor limit", web_api_schedules,
      "A page (1000) of the cron entries, by name.", NULL },
    { "GET", API "schedules/{name}", WEB_SEE, WEB_MINDS_QUEUES, NULL, web_api_schedule,
      "One cron entry.", NULL },
    { "GET", API "schedules/{name}/history", WEB_SEE, WEB_MINDS_QUEUES, "limit",
      web_api_schedule_history,
      "The latest ticks of a cron entry (30).", NULL },
    { "GET", API "schedules/{name}/ticks", WEB_SEE, WEB_MINDS_QUEUES, "limit",
      web_api_schedule_ticks,
      "The latest ticks of a cron entry (20), what became of their tasks, and which came to "
      "nothing.", NULL },
    { "GET", API "cron", WEB_SEE, WEB_MINDS_QUEUES, "spec tz count", web_api_cron,
      "A cron expression in words, and its next ticks (5).", NULL },
    { "GET", API "check", WEB_SEE, 0, NULL, web_api_check,
      "What may be wrong with the store, its settings and what is in it, and when that was looked "
      "for (`at_ms`): one look at a time, and one that took long is good for a while.", NULL },
    { "GET", API "scale", WEB_SEE, 0, "queue wanted", web_api_scale,
      "How many slots a queue wants so that its tasks wait no longer than `wanted` (10s).", NULL },
    { "GET", API "limits", WEB_SEE, 0, "cursor limit", web_api_limits,
      "A page (100) of the limits by name.", NULL },
    { "GET", API "limits/keys", WEB_SEE, 0, "blocked cursor limit", web_api_limit_keys,
      "A page (100) of the keys that tasks run for or wait for; with `blocked=1` those alone that "
      "tasks wait for.", NULL },
    { "GET", API "limits/keys/{key}", WEB_SEE, 0, NULL, web_api_limit_key,
      "How many tasks of a key run and wait: a list, with one item or one for each queue.", NULL },
    { "GET", API "types/paused", WEB_SEE, 0, NULL, web_api_types_paused,
      "The types that are paused, or closed by their hours, and how many tasks wait for each.",
      NULL },
    { "GET", API "hours", WEB_SEE, 0, NULL, web_api_hours,
      "The hours of queues and types, and whether they are open.", NULL },
    { "GET", API "hours/{name}", WEB_SEE, 0, NULL, web_api_hours_of,
      "Those of a queue (`queue:NAME`) or a type (`type:TYPE`): a list with one item.", NULL },
    { "GET", API "flows", WEB_SEE, 0, "state cursor limit", web_api_flows,
      "A page (100) of the flows, the latest first, without their steps.", NULL },
    { "GET", API "flows/{flow}", WEB_SEE, 0, NULL, web_api_flow,
      "A flow and its steps.", NULL },

    { "GET", API "audit", WEB_ADMIN, 0, "actor act since cursor limit", web_api_audit,
      "A page of who did what, newest first; `actor` and `act` may end in `*`, `since` is a time "
      "or a duration.", NULL },
    { "GET", API "events", WEB_SEE, WEB_IS_STREAM | WEB_IS_TEXT | WEB_MINDS_QUEUES, NULL,
      NULL,
      "What happens to tasks, live, as server-sent events.", NULL },

    // ---- acting
    { "POST", API "tasks", WEB_ENQUEUE, WEB_TAKES_BODY | WEB_MINDS_QUEUES, NULL, web_api_enqueue,
      "Enqueue a task, an object as a line of `gofer enqueue --batch` is, or an array of at most "
      "1000 of them, each of which has its own fate.", "task.enqueue" },
    { "POST", TASK "/run", WEB_OPERATE, 0, NULL, web_api_task_run,
      "Make a task pending now.", "task.run" },
    { "POST", TASK "/archive", WEB_OPERATE, 0, NULL, web_api_task_archive,
      "Set a task aside.", "task.archive" },
    { "POST", TASK "/cancel", WEB_OPERATE, 0, NULL, web_api_task_cancel,
      "Cancel a task.", "task.cancel" },
    { "POST", TASK "/reschedule", WEB_OPERATE, WEB_TAKES_BODY, NULL, web_api_task_reschedule,
      "Let a task run at another time: {\"at\": TIME} or {\"in\": DURATION}.", "task.reschedule" },
    { "PATCH", TASK, WEB_ADMIN, WEB_TAKES_BODY, NULL, web_api_task_edit,
      "Replace the payload of a task that waits: {\"payload\": ...}.", "task.edit" },
    { "DELETE", TASK, WEB_ADMIN, 0, NULL, web_api_task_delete,
      "Delete a task that is not active.", "task.delete" },
    { "GET", API "queues/{queue}/pause", WEB_OPERATE, 0, NULL, web_api_queue_paused,
      "Since when a queue is paused, and by whom, if the latest 10,000 records of the audit tell.",
      NULL },
    { "POST", API "queues/{queue}/pause", WEB_OPERATE, 0, NULL, web_api_queue_pause,
      "Let workers leave a queue alone.", "queue.pause" },
    { "POST", API "queues/{queue}/unpause", WEB_OPERATE, 0, NULL, web_api_queue_unpause,
      "Let workers take from a queue again.", "queue.unpause" },
    { "POST", API "queues/{queue}/bound", WEB_OPERATE, WEB_TAKES_BODY, NULL, web_api_queue_bound,
      "Refuse tasks (429) while a queue has so many pending: {\"max_length\": N}; without, any "
      "number may be.", "queue.bound" },
    { "POST", API "queues/{queue}/age", WEB_OPERATE, WEB_TAKES_BODY, NULL, web_api_queue_age,
      "Let a task count as one priority higher for each time that it has waited: {\"age\": \"5m\"}"
      "; without, for none.", "queue.age" },
    { "POST", API "queues/{queue}/encrypt", WEB_OPERATE, WEB_TAKES_BODY, NULL,
      web_api_queue_encrypt,
      "Refuse plain payloads (403) in tasks, flows and entries: {\"required\": true}; with false "
      "they are accepted again.",
      "queue.encrypt" },
    { "POST", API "queues/{queue}/shard", WEB_ADMIN, WEB_TAKES_BODY, NULL, web_api_queue_shard,
      "Spread a queue over the primaries of a Redis Cluster: {\"shards\": N}; with 1 it is one "
      "again.", "queue.shard" },
    { "DELETE", API "queues/{queue}", WEB_ADMIN, WEB_TAKES_BODY, NULL, web_api_queue_delete,
      "Remove a queue; with {\"force\": true} also one that has tasks. With more than 1000 tasks "
      "it is a job: the answer is 202 and has its number.", "queue.delete" },
    { "PATCH", API "workers/{worker}", WEB_OPERATE, WEB_TAKES_BODY | WEB_MINDS_QUEUES, NULL,
      web_api_worker_set,
      "Change a live worker: {\"concurrency\": N}, {\"queues\": TEXT}, {\"state\": \"quiet\"}.",
      "worker.set" },
    { "PUT", API "schedules/{name}", WEB_OPERATE, WEB_TAKES_BODY, NULL, web_api_schedule_put,
      "Add a cron entry, or replace it: {\"spec\": \"0 3 * * *\", \"tz\": ZONE, \"type\": ...}, "
      "with `missed`, `missed_max`, `overlap`, `jitter`, `paused`, and of its tasks what `POST "
      "tasks` takes; {\"new\": true} refuses to replace one.", "schedule.put" },
    { "POST", API "schedules/{name}/pause", WEB_OPERATE, WEB_MINDS_QUEUES, NULL,
      web_api_schedule_pause,
      "Stop the ticks of a cron entry.", "schedule.pause" },
    { "POST", API "schedules/{name}/unpause", WEB_OPERATE, WEB_MINDS_QUEUES, NULL,
      web_api_schedule_unpause,
      "Let a cron entry tick again.", "schedule.unpause" },
    { "POST", API "schedules/{name}/run", WEB_OPERATE, WEB_MINDS_QUEUES, NULL, web_api_schedule_run,
      "Enqueue a task of a cron entry now.", "schedule.run" },
    { "DELETE", API "schedules/{name}", WEB_ADMIN, WEB_MINDS_QUEUES, NULL, web_api_schedule_delete,
      "Remove a cron entry.", "schedule.delete" },
    { "PUT", API "queues/{queue}/tenants/{tenant}", WEB_OPERATE, WEB_TAKES_BODY, NULL,
      web_api_tenant_put,
      "Say how large a tenant's share of a queue is: {\"weight\": N}, 1 to 100.", "tenant.put" },
    { "DELETE", API "queues/{queue}/tenants/{tenant}", WEB_OPERATE, 0, NULL, web_api_tenant_delete,
      "Let a tenant have a share as all others.", "tenant.delete" },
    { "PUT", API "limits/{name}", WEB_OPERATE, WEB_TAKES_BODY, NULL, web_api_limit_put,
      "Put a limit, or replace its numbers: {\"concurrency\": N, \"rate\": N, \"per\": "
      "DURATION, \"burst\": N, \"over\": \"wait\", \"scope\": \"store\"}.", "limit.put" },
    { "DELETE", API "limits/{name}", WEB_ADMIN, 0, NULL, web_api_limit_delete,
      "Remove a limit.", "limit.delete" },
    { "POST", API "limits/keys/{key}/pause", WEB_OPERATE, WEB_TAKES_BODY, NULL,
      web_api_limit_pause,
      "Let no task of a key start for some time: {\"for\": DURATION}.", "limit.pause" },
    { "POST", API "limits/keys/{key}/unpause", WEB_OPERATE, 0, NULL, web_api_limit_unpause,
      "End that.", "limit.unpause" },
    { "POST", API "types/{type}/pause", WEB_OPERATE, 0, NULL, web_api_type_pause,
      "Let workers leave the tasks of a type (or a prefix and `*`) alone.", "type.pause" },
    { "POST", API "types/{type}/unpause", WEB_OPERATE, 0, NULL, web_api_type_unpause,
      "Let workers take them again.", "type.unpause" },
    { "PUT", API "hours/{name}", WEB_OPERATE, WEB_TAKES_BODY, NULL, web_api_hours_put,
      "Let tasks of a queue (`queue:NAME`) or a type (`type:TYPE`, or a prefix and `*`) be taken "
      "at certain hours alone: {\"hours\": \"mon-fri 01:00-05:00 Europe/Rome\"}.", "hours.put" },
    { "DELETE", API "hours/{name}", WEB_OPERATE, 0, NULL, web_api_hours_delete,
      "Let them be taken at any time.", "hours.delete" },
    { "POST", API "flows", WEB_ENQUEUE, WEB_TAKES_BODY, NULL, web_api_flow_start,
      "Start a flow, a plan as `gofer flow start` takes it: {\"steps\": [{\"name\": ..., "
      "\"type\": ..., \"after\": [...]}], \"id\": ...}; the answer has its id.", "flow.start" },
    { "POST", API "flows/{flow}/pause", WEB_OPERATE, 0, NULL, web_api_flow_pause,
      "Let no further step of a flow begin.", "flow.pause" },
    { "POST", API "flows/{flow}/unpause", WEB_OPERATE, 0, NULL, web_api_flow_unpause,
      "Let it go on.", "flow.unpause" },
    { "POST", API "flows/{flow}/cancel", WEB_OPERATE, 0, NULL, web_api_flow_cancel,
      "Cancel a flow: no step begins, its tasks are cancelled.", "flow.cancel" },
    { "POST", API "flows/{flow}/retry", WEB_OPERATE, WEB_TAKES_BODY, NULL, web_api_flow_retry,
      "Run its failed steps again, or with {\"step\": NAME} that one.", "flow.retry" },
    { "POST", API "acts", WEB_OPERATE, WEB_TAKES_BODY | WEB_NO_STORE | WEB_MINDS_QUEUES, NULL,
      web_api_jobs_add,
      "Begin an act on all tasks that match: {\"act\": \"archive\", \"queue\": \"mail\"}; what "
      "matches is said as in the query of tasks, `text` as in that of search. The answer has the "
      "job's number.", "tasks.*" },
    { "GET", API "acts", WEB_SEE, WEB_NO_STORE | WEB_MINDS_QUEUES, NULL, web_api_jobs,
      "The latest of these jobs.", NULL },
    { "GET", API "acts/{job}", WEB_SEE, WEB_NO_STORE | WEB_MINDS_QUEUES, NULL, web_api_job,
      "How far a job is.", NULL },
    { "DELETE", API "acts/{job}", WEB_OPERATE, WEB_NO_STORE | WEB_MINDS_QUEUES, NULL,
      web_api_job_stop,
      "Stop a job; what is done stays done.", "tasks.*" },
    { "POST", API "check/repair", WEB_ADMIN, 0, NULL, web_api_repair,
      "Mend what can be mended without risk. What takes longer than two seconds is a job: the "
      "answer is 202 and has its number, and `acts/{job}` has what was found at its end.",
      "store.repair" },
    { NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};

const web_route web_worker_routes[] = {
    { "GET", "/healthz", 0, WEB_NO_STORE, NULL, web_api_health,
      "The process answers.", NULL },
    { "GET", "/readyz", 0, WEB_NO_STORE, NULL, web_worker_ready,
      "The worker takes tasks, or is quiet, and its store answers.", NULL },
    { "GET", "/metrics", WEB_METRICS, WEB_NO_STORE | WEB_IS_TEXT, NULL, web_worker_metrics,
      "What the worker did since its start, for Prometheus.", NULL },
    { NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
