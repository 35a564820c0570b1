// asynqmon_routes.c - the table of asynqmon's routes; see asynqmon.h.
#include "asynqmon.h"

#define QUEUE WEB_ASYNQMON "queues/{queue}"
#define ENTRIES WEB_ASYNQMON "scheduler_entries"

// Of a list of tasks; each macro is one kind of act, on one, on all, and on a list of ids.
#define LOOK(list) \
    { "GET", QUEUE list, WEB_SEE, 0, "page size", web_asynqmon_tasks, "A page of tasks.", NULL }
#define DELETE(list)                                                                         \
    { "DELETE", QUEUE list "/{id}", WEB_ADMIN, 0, NULL, web_asynqmon_delete,                 \
      "Delete a task.", "task.delete" },                                                     \
    { "DELETE", QUEUE list ":delete_all", WEB_ADMIN, 0, NULL, web_asynqmon_delete_all,       \
      "Delete all of them.", "queue.tasks.delete" },                                         \
    { "POST", QUEUE list ":batch_delete", WEB_ADMIN, WEB_TAKES_BODY, NULL,                   \
      web_asynqmon_batch_delete, "Delete some of them.", "queue.tasks.delete" }
#define RUN(list)                                                                            \
    { "POST", QUEUE list "/{id}:run", WEB_OPERATE, 0, NULL, web_asynqmon_run,                \
      "Run a task now.", "task.run" },                                                       \
    { "POST", QUEUE list ":run_all", WEB_OPERATE, 0, NULL, web_asynqmon_run_all,             \
      "Run all of them now.", "queue.tasks.run" },                                           \
    { "POST", QUEUE list ":batch_run", WEB_OPERATE, WEB_TAKES_BODY, NULL,                    \
      web_asynqmon_batch_run, "Run some of them now.", "queue.tasks.run" }
#define ARCHIVE(list)                                                                        \
    { "POST", QUEUE list "/{id}:archive", WEB_OPERATE, 0, NULL, web_asynqmon_archive,        \
      "Set a task aside.", "task.archive" },                                                 \
    { "POST", QUEUE list ":archive_all", WEB_OPERATE, 0, NULL, web_asynqmon_archive_all,     \
      "Set all of them aside.", "queue.tasks.archive" },                                     \
    { "POST", QUEUE list ":batch_archive", WEB_OPERATE, WEB_TAKES_BODY, NULL,                \
      web_asynqmon_batch_archive, "Set some of them aside.", "queue.tasks.archive" }
#define CANCEL(list)                                                                         \
    { "POST", QUEUE list "/{id}:cancel", WEB_OPERATE, 0, NULL, web_asynqmon_cancel,          \
      "Cancel a task.", "task.cancel" },                                                     \
    { "POST", QUEUE list ":cancel_all", WEB_OPERATE, 0, NULL, web_asynqmon_cancel_all,       \
      "Cancel all of them.", "queue.tasks.cancel" },                                         \
    { "POST", QUEUE list ":batch_cancel", WEB_OPERATE, WEB_TAKES_BODY, NULL,                 \
      web_asynqmon_batch_cancel, "Cancel some of them.", "queue.tasks.cancel" }

const web_route web_asynqmon_routes[] = {
    { "GET", WEB_ASYNQMON "queues", WEB_SEE, WEB_MINDS_QUEUES, NULL, web_asynqmon_queues,
      "All queues.", NULL },
    { "GET", QUEUE, WEB_SEE, 0, NULL, web_asynqmon_queue,
      "One queue, and its history.", NULL },
    { "DELETE", QUEUE, WEB_ADMIN, 0, NULL, web_asynqmon_queue_delete,
      "Remove a queue without tasks.", "queue.delete" },
    { "POST", QUEUE ":pause", WEB_OPERATE, 0, NULL, web_asynqmon_pause,
      "Let workers leave a queue alone.", "queue.pause" },
    { "POST", QUEUE ":resume", WEB_OPERATE, 0, NULL, web_asynqmon_resume,
      "Let workers take from a queue again.", "queue.unpause" },
    { "GET", WEB_ASYNQMON "queue_stats", WEB_SEE, WEB_MINDS_QUEUES, NULL, web_asynqmon_queue_stats,
      "The history of all queues.", NULL },

    LOOK("/active_tasks"), CANCEL("/active_tasks"),
    LOOK("/pending_tasks"), DELETE("/pending_tasks"), ARCHIVE("/pending_tasks"),
    LOOK("/scheduled_tasks"), DELETE("/scheduled_tasks"), RUN("/scheduled_tasks"),
    ARCHIVE("/scheduled_tasks"),
    LOOK("/retry_tasks"), DELETE("/retry_tasks"), RUN("/retry_tasks"), ARCHIVE("/retry_tasks"),
    LOOK("/archived_tasks"), DELETE("/archived_tasks"), RUN("/archived_tasks"),
    LOOK("/completed_tasks"), DELETE("/completed_tasks"),
    LOOK("/groups/{group}/aggregating_tasks"), DELETE("/groups/{group}/aggregating_tasks"),
    RUN("/groups/{group}/aggregating_tasks"), ARCHIVE("/groups/{group}/aggregating_tasks"),
    { "GET", QUEUE "/tasks/{id}", WEB_SEE, 0, NULL, web_asynqmon_task,
      "One task.", NULL },

    { "GET", QUEUE "/groups", WEB_SEE, 0, NULL, web_asynqmon_groups,
      "The groups of a queue.", NULL },
    { "GET", WEB_ASYNQMON "servers", WEB_SEE, 0, NULL, web_asynqmon_servers,
      "Live workers.", NULL },
    { "GET", ENTRIES, WEB_SEE, 0, NULL, web_asynqmon_entries,
      "All cron entries.", NULL },
    { "GET", ENTRIES "/{name}/enqueue_events", WEB_SEE, 0, "page size", web_asynqmon_events,
      "What a cron entry enqueued.", NULL },
    { "GET", WEB_ASYNQMON "redis_info", WEB_SEE, 0, NULL, web_asynqmon_redis_info,
      "What the store says of itself.", NULL },
    { "GET", WEB_ASYNQMON "metrics", WEB_SEE, WEB_NO_STORE, "duration endtime queues",
      web_asynqmon_metrics, "Nothing: no Prometheus is asked.", NULL },
    { NULL, NULL, 0, 0, NULL, NULL, NULL, NULL },
};
