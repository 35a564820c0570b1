// fields.h - the one table of what snapshots and answers are made of: each kind, its fields, and
// which command prints what. docs/fields.md and docs/fields.schema.json are printed from it
// (tests/fields), and tests compare it with what real stores hand out, with the Python classes and
// with gofer.h.
//
// To be included by who defines the macros it is to be read with; those left out stand for nothing,
// and all are undefined at its end. So it has no include guard.
//
//   PART(title, paragraph)               begins a part of the page
//   KIND(kind, functions, sentence)      functions: those of gofer.h that hand it out
//   FIELD(kind, name, type, unit, when, stores, since, sentence)
//       type    INT, BOOL, TEXT, BYTES
//               HEADERS                  texts, by names of the caller's
//               LIST(kind)               records; in JSON an object with the array "items"
//               ARRAY(kind)              an array in JSON; "items" of a list itself
//               RECORD(kind), NUMBER     of answers alone
//       unit    ms (a duration), unix_ms (a point in time), bytes, count, date (UTC), none
//       when    ALWAYS, MAYBE (missing where it does not apply), NULLABLE (of answers: null there)
//       stores  BOTH, REDIS (an SQLite store never has it), SQLITE (nor does Redis)
//   ANSWER(command, options, type)       what `gofer COMMAND --json` prints; LINES(kind): many
//
// Fields are only ever added: a name keeps its type, its unit and its meaning. May touch: nothing.
#ifndef KIND
#define KIND(kind, functions, sentence)
#endif
#ifndef FIELD
#define FIELD(kind, name, type, unit, when, stores, since, sentence)
#endif
#ifndef PART
#define PART(title, paragraph)
#endif
#ifndef ANSWER
#define ANSWER(command, options, type)
#endif

PART("Snapshots",
    "What inspection hands out: a `gofer_info` in C, a record of the same names in `--json`.")

KIND(queue,
    "gofer_client_queues gofer_client_queues_page gofer_client_queue gofer_client_queue_shards",
    "A queue with its counts.")
FIELD(queue, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its name.")
FIELD(queue, paused, BOOL, none, ALWAYS, BOTH, "0.1.0", "Whether workers leave its tasks alone.")
FIELD(queue, paused_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it was paused.")
FIELD(queue, hours, TEXT, none, MAYBE, BOTH, "0.1.0",
    "At which hours its tasks may be taken; missing: at any.")
FIELD(queue, closed, BOOL, none, MAYBE, BOTH, "0.1.0",
    "Of a queue with hours: whether workers leave its tasks alone now.")
FIELD(queue, closed_until_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it opens.")
FIELD(queue, open_until_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it closes.")
FIELD(queue, max_length, INT, count, MAYBE, BOTH, "0.1.0",
    "How many of its tasks may be pending: one more is refused.")
FIELD(queue, age_ms, INT, ms, MAYBE, BOTH, "0.1.0",
    "For each time so long that a task has waited it counts as one priority higher.")
FIELD(queue, encrypted_only, BOOL, none, MAYBE, BOTH, "0.1.0",
    "Whether plain payloads are refused; missing: they are accepted.")
FIELD(queue, pending, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that may start now.")
FIELD(queue, scheduled, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that wait for their time.")
FIELD(queue, active, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that workers have taken.")
FIELD(queue, retry, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that failed and wait for the next attempt.")
FIELD(queue, completed, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that are done and kept.")
FIELD(queue, archived, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that are set aside.")
FIELD(queue, aggregating, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that wait in groups.")
FIELD(queue, groups, INT, count, ALWAYS, BOTH, "0.1.0", "Groups with tasks in them.")
FIELD(queue, size, INT, count, ALWAYS, BOTH, "0.1.0",
    "Pending, scheduled, active, retry and aggregating tasks together.")
FIELD(queue, processed, INT, count, ALWAYS, BOTH, "0.1.0",
    "Attempts that ended today (UTC), failed ones too.")
FIELD(queue, failed, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that failed today (UTC).")
FIELD(queue, processed_total, INT, count, ALWAYS, BOTH, "0.1.0",
    "Attempts that ended, since the queue was made.")
FIELD(queue, failed_total, INT, count, ALWAYS, BOTH, "0.1.0",
    "Attempts that failed, since the queue was made.")
FIELD(queue, archive_deleted, INT, count, ALWAYS, BOTH, "0.1.0",
    "Archived tasks that the limit of the archive on Redis deleted; 0 on SQLite, which has no "
    "such limit.")
FIELD(queue, archive_limit, INT, count, MAYBE, REDIS, "0.1.0",
    "How many archived tasks stay: the oldest are deleted for the next ones.")
FIELD(queue, latency_ms, INT, ms, ALWAYS, BOTH, "0.1.0",
    "Age of the oldest pending task; 0: none is pending.")
FIELD(queue, longest_running_ms, INT, ms, ALWAYS, BOTH, "0.1.0",
    "How long the active task has run that was taken first; 0: none is active, or, on Redis, a Go "
    "worker has it, which does not say since when.")
FIELD(queue, unserved, BOOL, none, MAYBE, BOTH, "0.1.0",
    "True: tasks are pending and no live worker serves the queue; only in lists of queues.")
FIELD(queue, shards, INT, count, MAYBE, REDIS, "0.1.0",
    "How many shards tasks are put into; missing: it is not sharded, or is a shard.")
FIELD(queue, shard, INT, none, MAYBE, BOTH, "0.1.0",
    "Its number, from 0, among the shards of its queue; only in the list of these.")
FIELD(queue, draining, BOOL, none, MAYBE, REDIS, "0.1.0",
    "True: a shard that is taken from until it is empty, and not put into.")
FIELD(queue, server, TEXT, none, MAYBE, REDIS, "0.1.0",
    "In a Cluster the address of the primary that has the shard.")

KIND(store, "gofer_client_store", "What a store says of itself, or of a queue in it.")
FIELD(store, store, TEXT, none, ALWAYS, BOTH, "0.1.0", "redis, valkey or sqlite.")
FIELD(store, address, TEXT, none, MAYBE, BOTH, "0.1.0", "Of the server; on SQLite the file.")
FIELD(store, memory, INT, bytes, MAYBE, BOTH, "0.1.0",
    "What it uses; on SQLite the size of the file. Of a queue, on Redis alone, about what it "
    "takes.")
FIELD(store, disk_size, INT, bytes, MAYBE, SQLITE, "0.1.0",
    "The size of the file system that the file is on.")
FIELD(store, disk_free, INT, bytes, MAYBE, SQLITE, "0.1.0",
    "What is free there for this user.")
FIELD(store, reserve, INT, bytes, MAYBE, SQLITE, "0.1.0",
    "Once a task was added: the size of FILE-reserve, which is given up on a full disk.")
FIELD(store, reserve_whole, INT, bytes, MAYBE, SQLITE, "0.1.0",
    "Beside it: its size while nothing of it is given up.")
FIELD(store, text, TEXT, none, MAYBE, REDIS, "0.1.0", "The answer of a server to INFO.")

KIND(task, "gofer_client_task",
    "A task, whole; in pages without payload, result, attempts and log.")
FIELD(task, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its id.")
FIELD(task, type, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "Its type; empty if its message cannot be read.")
FIELD(task, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "The queue it is in.")
FIELD(task, state, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "pending, scheduled, active, retry, completed, archived or aggregating.")
FIELD(task, payload, BYTES, none, MAYBE, BOTH, "0.1.0", "Its payload.")
FIELD(task, payload_size, INT, bytes, ALWAYS, BOTH, "0.1.0",
    "Size of the payload, as it is stored.")
FIELD(task, encrypted, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Id of the key that its payload is encrypted with; only of a task alone.")
FIELD(task, decrypted, BOOL, none, MAYBE, BOTH, "0.1.0",
    "True: payload and result, as far as they are encrypted, are shown as they were.")
FIELD(task, sealed_for, TEXT, none, MAYBE, BOTH, "0.1.0",
    "What its encrypted payload is bound to in place of its id.")
FIELD(task, result, BYTES, none, MAYBE, BOTH, "0.1.0", "What its handler left, while it is kept.")
FIELD(task, headers, HEADERS, none, MAYBE, BOTH, "0.1.0", "The caller's headers.")
FIELD(task, max_retry, INT, count, ALWAYS, BOTH, "0.1.0",
    "How often it is tried again before it is archived.")
FIELD(task, retried, INT, count, ALWAYS, BOTH, "0.1.0", "Failures so far.")
FIELD(task, crashes, INT, count, ALWAYS, BOTH, "0.1.0",
    "How often it was charged with its worker's death.")
FIELD(task, suspect, INT, count, MAYBE, BOTH, "0.1.0",
    "How often it may have been its worker's death since it last came to an end of its own.")
FIELD(task, last_error, TEXT, none, MAYBE, BOTH, "0.1.0", "Text of the latest failure.")
FIELD(task, last_failed_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it failed last.")
FIELD(task, timeout_ms, INT, ms, MAYBE, BOTH, "0.1.0", "Longest run of one attempt.")
FIELD(task, deadline_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "No attempt goes on after this.")
FIELD(task, retention_ms, INT, ms, MAYBE, BOTH, "0.1.0", "How long it is kept once it is done.")
FIELD(task, enqueued_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "When it was enqueued, if that is known.")
FIELD(task, next_run_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "When it is due; scheduled and retry.")
FIELD(task, started_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When its attempt began; active.")
FIELD(task, worker, TEXT, none, MAYBE, BOTH, "0.1.0", "Id of the worker that runs it; active.")
FIELD(task, progress_done, INT, none, MAYBE, BOTH, "0.1.0",
    "Progress, in units of the handler; active.")
FIELD(task, progress_total, INT, none, MAYBE, BOTH, "0.1.0",
    "What progress_done counts up to; 0: unknown.")
FIELD(task, progress_text, TEXT, none, MAYBE, BOTH, "0.1.0", "What the handler said of it.")
FIELD(task, orphaned, BOOL, none, MAYBE, BOTH, "0.1.0",
    "True: it is active, but its lease has run out; only of a task alone.")
FIELD(task, completed_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it was done; completed.")
FIELD(task, expires_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it is removed; completed.")
FIELD(task, archived_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it was archived; archived.")
FIELD(task, group, TEXT, none, MAYBE, BOTH, "0.1.0", "The group it waits in; aggregating.")
FIELD(task, start_by_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "It is dropped unless it has started by then.")
FIELD(task, priority, INT, none, MAYBE, BOTH, "0.1.0",
    "From -100 to 100: it is taken before tasks of its queue with a lower one; missing: 0.")
FIELD(task, tenant, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Whose it is: with whose tasks it shares its queue's line.")
FIELD(task, limits, TEXT, none, MAYBE, BOTH, "0.1.0",
    "The limit keys that it counts for, one in a line.")
FIELD(task, limit_cost, INT, count, MAYBE, BOTH, "0.1.0",
    "What its start takes of their rates; missing: 1.")
FIELD(task, ordered, TEXT, none, MAYBE, BOTH, "0.1.0",
    "The key of those tasks of its queue that run one after the other.")
FIELD(task, ordered_dead, TEXT, none, MAYBE, BOTH, "0.1.0",
    "block: archived, it holds them up; missing: it does not.")
FIELD(task, waits_for, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Of a pending task: the limit key that has no room for it, or type: and what is paused.")
FIELD(task, retry, TEXT, none, MAYBE, BOTH, "0.1.0", "Its own retry policy.")
FIELD(task, on_dead, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Type of the task that is enqueued if it is archived, or a webhook.")
FIELD(task, on_dead_queue, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Queue of that task, if it is another one.")
FIELD(task, on_done, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Type of the task that is enqueued if it is done, or a webhook.")
FIELD(task, on_done_queue, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Queue of that task, if it is another one.")
FIELD(task, schedule, TEXT, none, MAYBE, BOTH, "0.1.0", "The cron entry it comes from.")
FIELD(task, unique, TEXT, none, MAYBE, BOTH, "0.1.0",
    "What ends its unique lock: done, start or ttl.")
FIELD(task, snoozes, INT, count, MAYBE, BOTH, "0.1.0", "How often its handler put it off.")
FIELD(task, cancel_requested, BOOL, none, MAYBE, BOTH, "0.1.0",
    "Whether somebody asked to cancel it; active.")
FIELD(task, checkpoint_size, INT, bytes, MAYBE, BOTH, "0.1.0", "Size of its checkpoint.")
FIELD(task, attempts, LIST(attempt), none, MAYBE, BOTH, "0.1.0",
    "The latest attempts, oldest first.")
FIELD(task, log, LIST(log_line), none, MAYBE, BOTH, "0.1.0",
    "The latest lines its handler wrote, oldest first.")

KIND(attempt, "gofer_client_task", "One of the latest attempts of a task.")
FIELD(attempt, attempt, INT, count, MAYBE, BOTH, "0.1.0", "Its number; 1 is the first run.")
FIELD(attempt, kind, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "done, failed, timeout, crashed, lost, cancelled, snoozed, skipped (skip-retry) or "
    "interrupted.")
FIELD(attempt, at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0", "Its end.")
FIELD(attempt, duration_ms, INT, ms, MAYBE, BOTH, "0.1.0", "How long it ran.")
FIELD(attempt, worker, TEXT, none, MAYBE, BOTH, "0.1.0", "Id of the worker that ran it.")
FIELD(attempt, error, TEXT, none, MAYBE, BOTH, "0.1.0", "Why it was no success.")

KIND(log_line, "gofer_client_task", "A line that a task's handler wrote.")
FIELD(log_line, at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0", "When.")
FIELD(log_line, level, TEXT, none, ALWAYS, BOTH, "0.1.0", "info, warn or error.")
FIELD(log_line, text, TEXT, none, ALWAYS, BOTH, "0.1.0", "The line.")

KIND(task_page, "gofer_client_tasks gofer_client_find", "A page of tasks.")
FIELD(task_page, items, ARRAY(task), none, ALWAYS, BOTH, "0.1.0", "The tasks.")
FIELD(task_page, next_cursor, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Asks for the following page; missing on the last.")
FIELD(task_page, looked, INT, count, MAYBE, BOTH, "0.1.0",
    "How many tasks were looked at; of gofer_client_find alone.")

KIND(worker, "gofer_client_workers gofer_client_workers_page", "A live worker.")
FIELD(worker, worker, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its id.")
FIELD(worker, host, TEXT, none, ALWAYS, BOTH, "0.1.0", "The machine it runs on.")
FIELD(worker, pid, INT, none, ALWAYS, BOTH, "0.1.0", "Its process there.")
FIELD(worker, started_at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0", "When it began.")
FIELD(worker, state, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "active, quiet, stopping, or lacking (it has not what its tasks need, and takes fewer).")
FIELD(worker, concurrency, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that its slots run at a time; children come on top.")
FIELD(worker, running, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that it runs now, its children's among them.")
FIELD(worker, queues, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "What it serves, with weights: mail=3 low=1.")
FIELD(worker, strict, BOOL, none, ALWAYS, BOTH, "0.1.0",
    "Whether a higher weight always comes first.")
FIELD(worker, tasks, LIST(running_task), none, MAYBE, REDIS, "0.1.0",
    "The tasks it runs, some seconds old, at most 1000.")

FIELD(worker, children, INT, count, MAYBE, BOTH, "0.1.0",
    "Child processes of it that are alive; it and the following: of a worker that has any.")
FIELD(worker, child_restarts, INT, count, MAYBE, BOTH, "0.1.0",
    "Children that died and were replaced, since its start.")
FIELD(worker, children_want, INT, count, MAYBE, BOTH, "0.1.0",
    "Tasks that its children run at a time.")
FIELD(worker, children_busy, INT, count, MAYBE, BOTH, "0.1.0",
    "Tasks that its children run now; they are among running.")
FIELD(worker, child_processes, LIST(child_process), none, MAYBE, BOTH, "0.1.0",
    "Its children, some seconds old, at most 1000.")

KIND(child_process, "gofer_client_workers gofer_client_workers_page",
    "A child process of a worker, as its latest heartbeat said.")
FIELD(child_process, name, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "What it calls itself, else what the log calls it: its program or types.")
FIELD(child_process, number, INT, none, ALWAYS, BOTH, "0.1.0",
    "Its place among those of its command, from 0 on.")
FIELD(child_process, pid, INT, none, ALWAYS, BOTH, "0.1.0", "Its process.")
FIELD(child_process, state, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "starting, ready, leaving (it ends what it runs) or ending (it was told to end).")
FIELD(child_process, running, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that it runs now.")
FIELD(child_process, want, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that it runs at a time; 0: it gets none.")
FIELD(child_process, processed, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that it has ended.")
FIELD(child_process, memory, INT, bytes, MAYBE, BOTH, "0.1.0",
    "Its memory, resident; missing where the system does not tell.")
FIELD(child_process, started_at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0", "When it was started.")

KIND(running_task, "gofer_client_workers gofer_client_workers_page",
    "A task that a worker runs, as its latest heartbeat said.")
FIELD(running_task, id, TEXT, none, ALWAYS, REDIS, "0.1.0", "Its id.")
FIELD(running_task, type, TEXT, none, ALWAYS, REDIS, "0.1.0", "Its type.")
FIELD(running_task, queue, TEXT, none, ALWAYS, REDIS, "0.1.0", "Its queue.")
FIELD(running_task, payload, BYTES, none, ALWAYS, REDIS, "0.1.0",
    "Its payload; empty if that is large.")
FIELD(running_task, started_at_ms, INT, unix_ms, ALWAYS, REDIS, "0.1.0", "When the attempt began.")
FIELD(running_task, deadline_ms, INT, unix_ms, MAYBE, REDIS, "0.1.0", "When the attempt must end.")

KIND(group, "gofer_client_groups gofer_client_groups_page", "A group with tasks in it.")
FIELD(group, group, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its name.")
FIELD(group, size, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that wait in it.")
FIELD(group, oldest_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When the first of them came.")
FIELD(group, newest_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When the latest of them came.")

KIND(type_stats, "gofer_client_stats",
    "How long tasks of one queue and type waited and ran in the last hours, right within 10 %.")
FIELD(type_stats, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "The queue.")
FIELD(type_stats, type, TEXT, none, ALWAYS, BOTH, "0.1.0", "The type.")
FIELD(type_stats, done, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that succeeded.")
FIELD(type_stats, failed, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that failed.")
FIELD(type_stats, wait_p50_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "Half of them waited no longer.")
FIELD(type_stats, wait_p90_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "90 % waited no longer.")
FIELD(type_stats, wait_p99_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "99 % waited no longer.")
FIELD(type_stats, wait_max_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "The longest wait.")
FIELD(type_stats, run_p50_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "Half of them ran no longer.")
FIELD(type_stats, run_p90_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "90 % ran no longer.")
FIELD(type_stats, run_p99_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "99 % ran no longer.")
FIELD(type_stats, run_max_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "The longest run.")

KIND(step_stats, "gofer_client_stats_hours gofer_client_stats_minutes",
    "How long tasks of one hour, or of one minute, waited and ran, right within 10 %.")
FIELD(step_stats, at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0",
    "When the hour or the minute began.")
FIELD(step_stats, done, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that succeeded.")
FIELD(step_stats, failed, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that failed.")
FIELD(step_stats, wait_p50_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "Half of them waited no longer.")
FIELD(step_stats, wait_p90_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "90 % waited no longer.")
FIELD(step_stats, wait_p99_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "99 % waited no longer.")
FIELD(step_stats, wait_max_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "The longest wait.")
FIELD(step_stats, run_p50_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "Half of them ran no longer.")
FIELD(step_stats, run_p90_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "90 % ran no longer.")
FIELD(step_stats, run_p99_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "99 % ran no longer.")
FIELD(step_stats, run_max_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "The longest run.")

KIND(history_day, "gofer_client_history", "What a queue, or all of them, saw on one day.")
FIELD(history_day, date, TEXT, date, ALWAYS, BOTH, "0.1.0", "The day, such as 2026-11-23.")
FIELD(history_day, processed, INT, count, ALWAYS, BOTH, "0.1.0",
    "Attempts that ended, failed ones too.")
FIELD(history_day, failed, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that failed.")

KIND(finding, "gofer_client_check",
    "Something that may be wrong with the store, its settings or its data.")
FIELD(finding, severity, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "note (there is nothing to do), warning or error.")
FIELD(finding, code, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "A stable word; with -unseen at its end: this could not be looked at.")
FIELD(finding, queue, TEXT, none, MAYBE, BOTH, "0.1.0",
    "The queue; missing: it is about several, or about the store as a whole.")
FIELD(finding, text, TEXT, none, ALWAYS, BOTH, "0.1.0", "What was found.")
FIELD(finding, advice, TEXT, none, MAYBE, BOTH, "0.1.0", "What to do.")
FIELD(finding, examples, TEXT, none, MAYBE, BOTH, "0.1.0", "Some of what it is about.")
FIELD(finding, count, INT, count, ALWAYS, BOTH, "0.1.0", "How many there are.")
FIELD(finding, repaired, INT, count, ALWAYS, BOTH, "0.1.0", "How many of them were repaired.")

KIND(audit, "gofer_client_audit", "What somebody did, with the web interface or a command.")
FIELD(audit, at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0", "When, by the store's clock.")
FIELD(audit, actor, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "Who: a token's or a proxy's user, or user@host of a command.")
FIELD(audit, via, TEXT, none, ALWAYS, BOTH, "0.1.0", "web, cli, top, or another program's word.")
FIELD(audit, address, TEXT, none, MAYBE, BOTH, "0.1.0", "Where the request came from; of web.")
FIELD(audit, act, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "What was done, in a stable word such as queue.pause.")
FIELD(audit, queue, TEXT, none, MAYBE, BOTH, "0.1.0", "The queue, if it was about one.")
FIELD(audit, target, TEXT, none, MAYBE, BOTH, "0.1.0",
    "What it was done to: a task's id, the name of a schedule, a worker, or a filter.")
FIELD(audit, outcome, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "ok, begun, stopped, failed, or the name of a status such as ENOTFOUND.")
FIELD(audit, message, TEXT, none, MAYBE, BOTH, "0.1.0", "Why it failed.")
FIELD(audit, count, INT, count, ALWAYS, BOTH, "0.1.0", "How many it was done to.")

KIND(limit, "gofer_client_limits", "How many tasks of a key may run.")
FIELD(limit, name, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "The key, or a prefix and *: each key that begins so counts for itself.")
FIELD(limit, concurrency, INT, count, MAYBE, BOTH, "0.1.0", "So many at a time.")
FIELD(limit, rate, INT, count, MAYBE, BOTH, "0.1.0", "So many starts in per_ms.")
FIELD(limit, per_ms, INT, ms, MAYBE, BOTH, "0.1.0", "In so long, of a rate.")
FIELD(limit, burst, INT, count, MAYBE, BOTH, "0.1.0", "So many of them at once, of a rate.")
FIELD(limit, over, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "What becomes of a task that has no room: wait, refuse or cancel-oldest.")
FIELD(limit, scope, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "What is counted together: store (all queues) or queue (each by itself).")

KIND(tenant, "gofer_client_tenants gofer_client_tenant", "How tenants share a queue.")
FIELD(tenant, tenant, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its name.")
FIELD(tenant, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "The queue.")
FIELD(tenant, weight, INT, count, ALWAYS, BOTH, "0.1.0",
    "So many of its tasks are taken in a round.")
FIELD(tenant, waiting, INT, count, ALWAYS, BOTH, "0.1.0", "About so many of its tasks wait.")

KIND(paused_type, "gofer_client_types_paused", "A type of which no task is taken.")
FIELD(paused_type, type, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "The type, or a prefix and *: all types that begin so.")
FIELD(paused_type, paused_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "When it was paused; missing: it is closed alone.")
FIELD(paused_type, closed, BOOL, none, MAYBE, BOTH, "0.1.0", "Its hours say that it is closed.")
FIELD(paused_type, closed_until_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it opens.")
FIELD(paused_type, waiting, INT, count, ALWAYS, BOTH, "0.1.0",
    "So many of its tasks were next in line and wait; others may stand in line behind them.")

KIND(hours, "gofer_client_hours", "The hours at which tasks of a queue or a type may be taken.")
FIELD(hours, name, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "queue: and its name, or type: and a type, or a prefix and *.")
FIELD(hours, hours, TEXT, none, ALWAYS, BOTH, "0.1.0", "As they were given.")
FIELD(hours, closed, BOOL, none, ALWAYS, BOTH, "0.1.0", "Whether it is outside of them.")
FIELD(hours, closed_until_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it opens.")
FIELD(hours, open_until_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it closes.")
FIELD(hours, waiting, INT, count, MAYBE, BOTH, "0.1.0",
    "Of a type: so many of its tasks were next in line and wait.")
FIELD(hours, error, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Why they cannot be read here: so it is closed.")
KIND(breaker, "gofer_client_breakers", "A circuit breaker of a type.")
FIELD(breaker, type, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "The type, or a prefix and *: all types that begin so.")
FIELD(breaker, state, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "closed, open (no task of it is taken) or half_open (some are let through).")
FIELD(breaker, failures, INT, count, ALWAYS, BOTH, "0.1.0", "It opens at so many percent.")
FIELD(breaker, min, INT, count, ALWAYS, BOTH, "0.1.0", "And of no fewer attempts than these.")
FIELD(breaker, window_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "Attempts are counted for so long.")
FIELD(breaker, open_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "It is open for so long.")
FIELD(breaker, ended, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that ended in the window.")
FIELD(breaker, failed, INT, count, ALWAYS, BOTH, "0.1.0", "Those of them that failed.")
FIELD(breaker, opened_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it opened.")
FIELD(breaker, until_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it is or was half open.")
FIELD(breaker, let_through, INT, count, MAYBE, BOTH, "0.1.0", "Tasks it has let through since.")
FIELD(breaker, succeeded, INT, count, MAYBE, BOTH, "0.1.0", "Those of them that succeeded.")
FIELD(breaker, waiting, INT, count, ALWAYS, BOTH, "0.1.0",
    "So many of its tasks were next in line and wait; others may stand in line behind them.")

KIND(limit_key, "gofer_client_limit_keys gofer_client_limit_key",
    "A key that tasks run for or wait for, with the numbers of its limit.")
FIELD(limit_key, key, TEXT, none, ALWAYS, BOTH, "0.1.0", "The key.")
FIELD(limit_key, queue, TEXT, none, MAYBE, BOTH, "0.1.0",
    "The queue, of a limit that each queue counts by itself.")
FIELD(limit_key, limit, TEXT, none, MAYBE, BOTH, "0.1.0", "The name of its limit, if it has one.")
FIELD(limit_key, concurrency, INT, count, MAYBE, BOTH, "0.1.0", "So many at a time.")
FIELD(limit_key, rate, INT, count, MAYBE, BOTH, "0.1.0", "So many starts in per_ms.")
FIELD(limit_key, per_ms, INT, ms, MAYBE, BOTH, "0.1.0", "In so long, of a rate.")
FIELD(limit_key, burst, INT, count, MAYBE, BOTH, "0.1.0", "So many of them at once, of a rate.")
FIELD(limit_key, running, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks of it that workers have taken.")
FIELD(limit_key, waiting, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that wait for it.")
FIELD(limit_key, next_start_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "Not before then does the next one start, by its rate or a pause.")
FIELD(limit_key, occupant, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Of tasks that run one after the other: the id of the one whose turn it is.")
FIELD(limit_key, paused_until_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "Until then none starts.")

KIND(event, "gofer_events_next", "Something that happened to a task.")
FIELD(event, event, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "enqueued, replaced, started, done, retried, archived, cancelled, revoked, expired, snoozed, "
    "requeued, progress or log.")
FIELD(event, at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0", "When.")
FIELD(event, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "The task's id.")
FIELD(event, type, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its type.")
FIELD(event, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its queue.")
FIELD(event, worker, TEXT, none, MAYBE, BOTH, "0.1.0", "Id of the worker.")
FIELD(event, attempt, INT, count, MAYBE, BOTH, "0.1.0",
    "Number of the attempt; 1 is the first run.")
FIELD(event, duration_ms, INT, ms, MAYBE, BOTH, "0.1.0", "How long the attempt ran.")
FIELD(event, error, TEXT, none, MAYBE, BOTH, "0.1.0", "Why it was no success.")
FIELD(event, progress_done, INT, none, MAYBE, BOTH, "0.1.0", "Progress, in units of the handler.")
FIELD(event, progress_total, INT, none, MAYBE, BOTH, "0.1.0",
    "What progress_done counts up to; 0: unknown.")
FIELD(event, progress_text, TEXT, none, MAYBE, BOTH, "0.1.0", "What the handler said of it.")
FIELD(event, level, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Of a line of the log: debug, info, warn or error.")
FIELD(event, text, TEXT, none, MAYBE, BOTH, "0.1.0", "The line of the log.")
FIELD(event, lost, INT, count, MAYBE, BOTH, "0.1.0",
    "Events that this listener missed before this one.")
FIELD(event, more, INT, count, MAYBE, BOTH, "0.1.0",
    "So many more of this event and queue were not told one by one; of "
    "`gofer_events_open_sums`.")

KIND(outcome, "gofer_client_wait", "How a task ended.")
FIELD(outcome, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its id.")
FIELD(outcome, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its queue; empty if that is not known.")
FIELD(outcome, outcome, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "done, archived, cancelled, expired, revoked, deleted, or gone (it is not there, and how it "
    "ended is unknown).")
FIELD(outcome, result, BYTES, none, MAYBE, BOTH, "0.1.0", "What the handler left; of done.")
FIELD(outcome, decrypted, BOOL, none, MAYBE, BOTH, "0.1.0",
    "True: the result came encrypted, and is shown as it was.")
FIELD(outcome, last_error, TEXT, none, MAYBE, BOTH, "0.1.0", "Text of the latest failure.")
FIELD(outcome, finished_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it ended.")

KIND(entry, "gofer_client_schedules gofer_client_schedules_page gofer_client_schedule",
    "A cron entry.")
FIELD(entry, name, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its name.")
FIELD(entry, spec, TEXT, none, MAYBE, BOTH, "0.1.0", "When it ticks; missing if it cannot be read.")
FIELD(entry, tz, TEXT, none, MAYBE, BOTH, "0.1.0", "Its time zone.")
FIELD(entry, type, TEXT, none, MAYBE, BOTH, "0.1.0", "Type of its tasks.")
FIELD(entry, queue, TEXT, none, MAYBE, BOTH, "0.1.0", "Their queue.")
FIELD(entry, payload, BYTES, none, MAYBE, BOTH, "0.1.0", "Their payload.")
FIELD(entry, payload_size, INT, bytes, MAYBE, BOTH, "0.1.0",
    "Size of the payload, as it is stored.")
FIELD(entry, encrypted, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Id of the key that the payload is encrypted with.")
FIELD(entry, decrypted, BOOL, none, MAYBE, BOTH, "0.1.0",
    "True: the payload is encrypted, and shown as it was.")
FIELD(entry, sealed_for, TEXT, none, MAYBE, BOTH, "0.1.0",
    "What the encrypted payload is bound to.")
FIELD(entry, headers, HEADERS, none, MAYBE, BOTH, "0.1.0", "Their headers.")
FIELD(entry, max_retry, INT, count, MAYBE, BOTH, "0.1.0", "How often each is tried again.")
FIELD(entry, timeout_ms, INT, ms, MAYBE, BOTH, "0.1.0", "Longest run of an attempt of theirs.")
FIELD(entry, retention_ms, INT, ms, MAYBE, BOTH, "0.1.0",
    "How long they are kept once they are done.")
FIELD(entry, expires_ms, INT, ms, MAYBE, BOTH, "0.1.0",
    "Each is dropped unless it has started so long after its tick.")
FIELD(entry, priority, INT, none, MAYBE, BOTH, "0.1.0",
    "Their priority, from -100 to 100; missing: 0.")
FIELD(entry, tenant, TEXT, none, MAYBE, BOTH, "0.1.0",
    "With whose tasks they share their queue.")
FIELD(entry, limits, TEXT, none, MAYBE, BOTH, "0.1.0",
    "The limit keys that they count for, one in a line.")
FIELD(entry, limit_cost, INT, count, MAYBE, BOTH, "0.1.0",
    "What the start of each takes of their rates; missing: 1.")
FIELD(entry, ordered, TEXT, none, MAYBE, BOTH, "0.1.0",
    "The key of those tasks of its queue that run one after the other.")
FIELD(entry, ordered_dead, TEXT, none, MAYBE, BOTH, "0.1.0",
    "block: archived, one holds them up; missing: it does not.")
FIELD(entry, retry, TEXT, none, MAYBE, BOTH, "0.1.0", "Their retry policy.")
FIELD(entry, on_dead, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Type of the task that is enqueued if one is archived, or a webhook.")
FIELD(entry, on_dead_queue, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Queue of that task, if it is another one.")
FIELD(entry, on_done, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Type of the task that is enqueued if one is done, or a webhook.")
FIELD(entry, on_done_queue, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Queue of that task, if it is another one.")
FIELD(entry, paused, BOOL, none, MAYBE, BOTH, "0.1.0", "Whether it does not tick.")
FIELD(entry, missed, TEXT, none, MAYBE, BOTH, "0.1.0",
    "What becomes of ticks that came due while no worker ran: once, skip or all.")
FIELD(entry, missed_max, INT, count, MAYBE, BOTH, "0.1.0", "With all: how many of them at most.")
FIELD(entry, overlap, TEXT, none, MAYBE, BOTH, "0.1.0",
    "What becomes of a tick while the task before has not ended: allow, skip, queue or cancel.")
FIELD(entry, jitter_ms, INT, ms, MAYBE, BOTH, "0.1.0",
    "Each task runs up to so much later, by chance.")
FIELD(entry, next_run_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "Its next tick.")
FIELD(entry, last_tick_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "Its latest tick.")
FIELD(entry, last_enqueued_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "When the task of that was enqueued.")
FIELD(entry, last_id, TEXT, none, MAYBE, BOTH, "0.1.0", "The id of that task.")
FIELD(entry, last_status, TEXT, none, MAYBE, BOTH, "0.1.0",
    "What became of the latest tick, in words, the first of which says it: enqueued, skipped, "
    "waiting, due or failed.")
FIELD(entry, source, TEXT, none, MAYBE, BOTH, "0.1.0", "api, or the file it comes from.")
FIELD(entry, foreign, BOOL, none, ALWAYS, BOTH, "0.1.0",
    "Whether a Go scheduler keeps it, in the same Redis; much is not known of those.")

FIELD(entry, options, LIST(entry_option), none, MAYBE, REDIS, "0.1.0",
    "What a Go scheduler says of its tasks, in Go's words; of foreign ones.")

KIND(entry_option, "gofer_client_schedules gofer_client_schedules_page gofer_client_schedule",
    "An option of a foreign cron entry.")
FIELD(entry_option, option, TEXT, none, ALWAYS, REDIS, "0.1.0", "As Go prints it: MaxRetry(3).")

KIND(ticked, "gofer_client_schedule_history", "A task that a cron entry enqueued.")
FIELD(ticked, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its id.")
FIELD(ticked, tick_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "The tick; missing where its id does not tell: tasks of Go schedulers.")
FIELD(ticked, enqueued_at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0", "When it was enqueued.")

KIND(synced, "gofer_client_schedules_sync", "What became of the cron entries of a file.")
FIELD(synced, added, INT, count, ALWAYS, BOTH, "0.1.0", "Entries that are new.")
FIELD(synced, changed, INT, count, ALWAYS, BOTH, "0.1.0", "Entries that are others than before.")
FIELD(synced, removed, INT, count, ALWAYS, BOTH, "0.1.0", "Entries that are gone.")
FIELD(synced, unchanged, INT, count, ALWAYS, BOTH, "0.1.0", "Entries that are as before.")

KIND(cron_explained, "gofer_cron_check", "A cron expression, explained.")
FIELD(cron_explained, text, TEXT, none, ALWAYS, BOTH, "0.1.0", "It in words.")
FIELD(cron_explained, tz, TEXT, none, ALWAYS, BOTH, "0.1.0", "The time zone it is read in.")
FIELD(cron_explained, per_day, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "Ticks on an average day, as text: 1440.")
FIELD(cron_explained, every_ms, INT, ms, MAYBE, BOTH, "0.1.0", "Time between ticks; of every.")
FIELD(cron_explained, ticks, LIST(cron_tick), none, ALWAYS, BOTH, "0.1.0", "The next ticks.")

KIND(cron_tick, "gofer_cron_check", "A tick.")
FIELD(cron_tick, at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0", "When.")
FIELD(cron_tick, local, TEXT, none, ALWAYS, BOTH, "0.1.0", "The same in its zone, as RFC 3339.")

KIND(migrated, "gofer_client_migrate", "A page of tasks that went to another store.")
FIELD(migrated, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "Their queue.")
FIELD(migrated, state, TEXT, none, ALWAYS, BOTH, "0.1.0", "The state that was looked at.")
FIELD(migrated, moved, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that are there now.")
FIELD(migrated, repeated, INT, count, ALWAYS, BOTH, "0.1.0",
    "Of these, how many were there already.")
FIELD(migrated, left, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that were not moved.")
FIELD(migrated, bytes, INT, bytes, ALWAYS, BOTH, "0.1.0", "What was carried.")
FIELD(migrated, reason, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Why the first of those left was not moved.")
FIELD(migrated, next_cursor, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Asks for the following page; missing: that was all.")

KIND(rekeyed, "gofer_client_rekey", "A page of tasks that were encrypted with the first key.")
FIELD(rekeyed, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "The queue.")
FIELD(rekeyed, state, TEXT, none, ALWAYS, BOTH, "0.1.0", "State of the tasks of the page.")
FIELD(rekeyed, rewritten, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that have the first key now.")
FIELD(rekeyed, current, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that had it already.")
FIELD(rekeyed, plain, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that are not encrypted.")
FIELD(rekeyed, left, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks and entries that could not be opened, or were taken or changed meanwhile.")
FIELD(rekeyed, entries, INT, count, ALWAYS, BOTH, "0.1.0",
    "Cron entries of the queue that have it now; they are looked at with the first page.")
FIELD(rekeyed, reason, TEXT, none, MAYBE, BOTH, "0.1.0", "Why the first of those left was left.")
FIELD(rekeyed, next_cursor, TEXT, none, MAYBE, BOTH, "0.1.0", "Where to go on; missing at the end.")

KIND(migrated_entries, "gofer_client_migrate_schedules", "Cron entries that went to another store.")
FIELD(migrated_entries, moved, INT, count, ALWAYS, BOTH, "0.1.0", "Entries that are there now.")
FIELD(migrated_entries, repeated, INT, count, ALWAYS, BOTH, "0.1.0",
    "Of these, how many were there already.")
FIELD(migrated_entries, left, INT, count, ALWAYS, BOTH, "0.1.0", "Entries that were not moved.")
FIELD(migrated_entries, reason, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Why the first of those left was not moved.")

KIND(worker_counts, "gofer_worker_stats", "What a worker of this process has done since its start.")
FIELD(worker_counts, processed, INT, count, ALWAYS, BOTH, "0.1.0",
    "Attempts that ended, failed ones too.")
FIELD(worker_counts, failed, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that failed.")
FIELD(worker_counts, retried, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that are to be tried again.")
FIELD(worker_counts, archived, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that were archived.")
FIELD(worker_counts, revoked, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that their handlers dropped.")
FIELD(worker_counts, cancelled, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that were cancelled.")
FIELD(worker_counts, expired, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks dropped because they started too late.")
FIELD(worker_counts, stale, INT, count, ALWAYS, BOTH, "0.1.0",
    "Outcomes of tasks that somebody else has by then.")
FIELD(worker_counts, lost_slots, INT, count, ALWAYS, BOTH, "0.1.0",
    "Slots whose handlers did not come back.")
FIELD(worker_counts, outcomes_lost, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks whose outcome could not be handed in before the end: they run again.")
FIELD(worker_counts, unhandled, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that a drain left, for no handler matches their types.")
FIELD(worker_counts, running, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that it runs now.")
FIELD(worker_counts, ready, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that it has taken and not begun.")
FIELD(worker_counts, children, INT, count, ALWAYS, BOTH, "0.1.0",
    "Child processes that are alive.")
FIELD(worker_counts, child_restarts, INT, count, ALWAYS, BOTH, "0.1.0",
    "Children that died and were replaced.")
FIELD(worker_counts, children_want, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that the children run at a time.")
FIELD(worker_counts, children_busy, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that the children run now; they are among running.")
FIELD(worker_counts, concurrency, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that its slots run at a time.")
FIELD(worker_counts, recovered, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks of dead workers that it put back or archived.")
FIELD(worker_counts, ticks_missed, INT, count, ALWAYS, BOTH, "0.1.0",
    "Ticks of cron entries that were missed, and left out by the entry's policy.")
FIELD(worker_counts, reconnects, INT, count, ALWAYS, BOTH, "0.1.0",
    "How often the store's server was connected to again, after a connection broke.")
FIELD(worker_counts, started_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "When it began; missing before.")
FIELD(worker_counts, answered_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "When the store last answered it, which it asks every second; missing before the start.")
FIELD(worker_counts, state, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "new, active, lacking, quiet, stopping or ended.")
FIELD(worker_counts, spans_exported, INT, count, ALWAYS, BOTH, "0.1.0",
    "Spans of its tasks that a collector has taken.")
FIELD(worker_counts, spans_dropped, INT, count, ALWAYS, BOTH, "0.1.0",
    "Spans of its tasks that none has got.")

KIND(worker_figures, "gofer_worker_figures",
    "What a worker of this process has done since its start, by queue and type.")
FIELD(worker_figures, types, LIST(worker_type), none, ALWAYS, BOTH, "0.1.0",
    "The queues and types of which it has ended tasks.")
FIELD(worker_figures, calls, LIST(worker_call), none, ALWAYS, BOTH, "0.1.0",
    "What it has asked of its store.")
FIELD(worker_figures, limited, BOOL, none, ALWAYS, BOTH, "0.1.0",
    "Whether there are more than 1000 queues and types: the rest is under the type _other.")

KIND(worker_type, "gofer_worker_figures", "Attempts of one queue and type.")
FIELD(worker_type, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "The queue.")
FIELD(worker_type, type, TEXT, none, ALWAYS, BOTH, "0.1.0", "The type.")
FIELD(worker_type, done, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that succeeded.")
FIELD(worker_type, retried, INT, count, ALWAYS, BOTH, "0.1.0",
    "Attempts after which the task is to be tried again.")
FIELD(worker_type, archived, INT, count, ALWAYS, BOTH, "0.1.0",
    "Attempts after which the task was archived.")
FIELD(worker_type, revoked, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that handlers dropped.")
FIELD(worker_type, requeued, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that went back to their queue; no attempt was used up.")
FIELD(worker_type, snoozed, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that handlers put off.")
FIELD(worker_type, cancelled, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that were cancelled.")
FIELD(worker_type, expired, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks dropped because they started too late.")
FIELD(worker_type, failed, INT, count, ALWAYS, BOTH, "0.1.0",
    "Attempts that failed; they are among retried and archived.")
FIELD(worker_type, waits, LIST(time_count), none, ALWAYS, BOTH, "0.1.0",
    "How long tasks waited whose attempts succeeded or failed, by size.")
FIELD(worker_type, wait_total_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "The sum of these times.")
FIELD(worker_type, runs, LIST(time_count), none, ALWAYS, BOTH, "0.1.0",
    "How long these attempts ran, by size.")
FIELD(worker_type, run_total_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "The sum of these times.")

KIND(worker_call, "gofer_worker_figures", "Calls of one kind to the store.")
FIELD(worker_call, call, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "exchange (outcomes in, tasks out), extend, forward, recover, register, progress, events, "
    "figures, tidy or purge.")
FIELD(worker_call, errors, INT, count, ALWAYS, BOTH, "0.1.0", "How many of them failed.")
FIELD(worker_call, times, LIST(time_count), none, ALWAYS, BOTH, "0.1.0",
    "How long they took, by size.")
FIELD(worker_call, total_ms, INT, ms, ALWAYS, BOTH, "0.1.0", "The sum of these times.")

KIND(time_count, "gofer_worker_figures", "How many times were below a bound.")
FIELD(time_count, below_ms, INT, ms, MAYBE, BOTH, "0.1.0",
    "The bound, a power of two; they are not below half of it. Missing: longer than all bounds.")
FIELD(time_count, count, INT, count, ALWAYS, BOTH, "0.1.0", "How many.")

PART("What handlers read", "Written as JSON, for the handler of another task.")

KIND(dead_task, "",
    "The payload, as JSON, of the task that is enqueued when another one is archived (on_dead).")
FIELD(dead_task, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "Id of the archived task.")
FIELD(dead_task, type, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its type.")
FIELD(dead_task, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its queue.")
FIELD(dead_task, error, TEXT, none, MAYBE, BOTH, "0.1.0", "Text of its latest failure.")
FIELD(dead_task, attempts, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts it had.")
FIELD(dead_task, payload, BYTES, none, MAYBE, BOTH, "0.1.0",
    "Its payload, if there is room for it.")
FIELD(dead_task, payload_size, INT, bytes, MAYBE, BOTH, "0.1.0",
    "Size of the payload, where that is left out.")

KIND(done_task, "",
    "The payload, as JSON, of the task that is enqueued when another one is done (on_done).")
FIELD(done_task, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "Id of the task that is done.")
FIELD(done_task, type, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its type.")
FIELD(done_task, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its queue.")
FIELD(done_task, attempts, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts it had.")
FIELD(done_task, result, BYTES, none, MAYBE, BOTH, "0.1.0",
    "Its result, if it has one and there is room for it.")
FIELD(done_task, payload, BYTES, none, MAYBE, BOTH, "0.1.0",
    "Its payload, if there is room for both.")
FIELD(done_task, payload_size, INT, bytes, MAYBE, BOTH, "0.1.0",
    "Size of the payload, where that is left out.")

KIND(webhook, "", "The body, as JSON, of the request that tells how a task ended (webhook:URL).")
FIELD(webhook, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "Id of the task.")
FIELD(webhook, type, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its type.")
FIELD(webhook, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its queue.")
FIELD(webhook, outcome, TEXT, none, ALWAYS, BOTH, "0.1.0", "done or archived.")
FIELD(webhook, attempts, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts it had.")
FIELD(webhook, enqueued_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it was enqueued.")
FIELD(webhook, started_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When its last run began.")
FIELD(webhook, ended_at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0", "When it ended.")
FIELD(webhook, error, TEXT, none, MAYBE, BOTH, "0.1.0", "Why it was archived.")
FIELD(webhook, result, BYTES, none, MAYBE, BOTH, "0.1.0",
    "Its result, with webhook+result, if there is room for it.")
FIELD(webhook, result_size, INT, bytes, MAYBE, BOTH, "0.1.0",
    "With webhook+result: the size of a result that is left out.")

KIND(grouped_task, "", "A task of a group, in the JSON array that an aggregating command reads.")
FIELD(grouped_task, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its id.")
FIELD(grouped_task, type, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its type.")
FIELD(grouped_task, payload, BYTES, none, ALWAYS, BOTH, "0.1.0", "Its payload.")

PART("Answers of commands", "What commands print with `--json` that is no snapshot.")

KIND(enqueued, "", "A task that was enqueued.")
FIELD(enqueued, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its id.")
FIELD(enqueued, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its queue.")
FIELD(enqueued, type, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its type.")
FIELD(enqueued, effect, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "What was done: created, replaced or kept.")

KIND(enqueued_many, "", "Many tasks that were enqueued.")
FIELD(enqueued_many, items, ARRAY(enqueued_item), none, ALWAYS, BOTH, "0.1.0", "Each of them.")
FIELD(enqueued_many, added, INT, count, MAYBE, BOTH, "0.1.0", "How many are in; with --batch.")
FIELD(enqueued_many, refused, INT, count, MAYBE, BOTH, "0.1.0", "How many are not; with --batch.")

KIND(enqueued_item, "", "One of many tasks.")
FIELD(enqueued_item, line, INT, count, MAYBE, BOTH, "0.1.0", "Its line of the input; with --batch.")
FIELD(enqueued_item, id, TEXT, none, MAYBE, BOTH, "0.1.0", "Its id, if it is in.")
FIELD(enqueued_item, effect, TEXT, none, MAYBE, BOTH, "0.1.0",
    "What was done: created, replaced or kept; with --batch.")
FIELD(enqueued_item, error, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Else the name of a status, such as EINVAL,")
FIELD(enqueued_item, message, TEXT, none, MAYBE, BOTH, "0.1.0", "and the reason in words.")

KIND(acted, "", "One of several things that a command acted on.")
FIELD(acted, id, TEXT, none, MAYBE, BOTH, "0.1.0", "The task's id: of commands on tasks.")
FIELD(acted, queue, TEXT, none, MAYBE, BOTH, "0.1.0", "The queue's name: of commands on queues.")
FIELD(acted, type, TEXT, none, MAYBE, BOTH, "0.1.0", "The type: of commands on types.")
FIELD(acted, name, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Of cron entries, limits, limit keys, hours and breakers their name.")
FIELD(acted, done, TEXT, none, MAYBE, BOTH, "0.1.0", "What was done, in a word such as deleted.")
FIELD(acted, error, TEXT, none, MAYBE, BOTH, "0.1.0",
    "If it was not, the name of a status, such as ENOTFOUND,")
FIELD(acted, message, TEXT, none, MAYBE, BOTH, "0.1.0", "and the reason in words.")

KIND(acted_on_all, "", "What a command did with all tasks that match.")
FIELD(acted_on_all, action, TEXT, none, ALWAYS, BOTH, "0.1.0", "run, archive, rm or cancel.")
FIELD(acted_on_all, queue, TEXT, none, NULLABLE, BOTH, "0.1.0", "The queue or pattern; null: all.")
FIELD(acted_on_all, state, TEXT, none, NULLABLE, BOTH, "0.1.0",
    "The states; null: every one that allows it.")
FIELD(acted_on_all, dry_run, BOOL, none, ALWAYS, BOTH, "0.1.0", "Whether they were only counted.")
FIELD(acted_on_all, count, INT, count, ALWAYS, BOTH, "0.1.0", "How many.")

KIND(task_listing, "", "Tasks, as the command lists them.")
FIELD(task_listing, items, ARRAY(task), none, ALWAYS, BOTH, "0.1.0", "The tasks.")
FIELD(task_listing, next_cursor, TEXT, none, MAYBE, BOTH, "0.1.0",
    "With --cursor: the following ones.")
FIELD(task_listing, more, BOOL, none, ALWAYS, BOTH, "0.1.0", "Whether there are following ones.")

KIND(audit_listing, "", "Who did what, as the command lists it.")
FIELD(audit_listing, items, ARRAY(audit), none, ALWAYS, BOTH, "0.1.0", "The records.")
FIELD(audit_listing, next_cursor, TEXT, none, MAYBE, BOTH, "0.1.0",
    "With --cursor: the following ones.")
FIELD(audit_listing, more, BOOL, none, ALWAYS, BOTH, "0.1.0", "Whether there are following ones.")

KIND(queue_group, "", "A group and its queue.")
FIELD(queue_group, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "The queue.")
FIELD(queue_group, group, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its name.")
FIELD(queue_group, size, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that wait in it.")
FIELD(queue_group, oldest_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When the first of them came.")
FIELD(queue_group, newest_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "When the latest of them came.")

KIND(totals, "", "Counts of all queues, and what they are made of.")
FIELD(totals, processed, INT, count, ALWAYS, BOTH, "0.1.0",
    "Attempts that ended today (UTC), failed ones too.")
FIELD(totals, failed, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that failed today (UTC).")
FIELD(totals, processed_total, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that ended, in all.")
FIELD(totals, failed_total, INT, count, ALWAYS, BOTH, "0.1.0", "Attempts that failed, in all.")
FIELD(totals, archive_deleted, INT, count, ALWAYS, BOTH, "0.1.0",
    "Archived tasks that the archive's limit deleted.")
FIELD(totals, queues, ARRAY(queue), none, ALWAYS, BOTH, "0.1.0", "The queues.")
FIELD(totals, history, ARRAY(history_day), none, ALWAYS, BOTH, "0.1.0",
    "The last days, newest first.")
FIELD(totals, types, ARRAY(type_stats), none, ALWAYS, BOTH, "0.1.0", "Times by queue and type.")
FIELD(totals, workers, ARRAY(worker), none, ALWAYS, BOTH, "0.1.0", "The live workers.")

KIND(worker_setting, "", "A setting that a worker was sent.")
FIELD(worker_setting, worker, TEXT, none, ALWAYS, BOTH, "0.1.0", "The worker's id.")
FIELD(worker_setting, key, TEXT, none, ALWAYS, BOTH, "0.1.0", "concurrency, queues or state.")
FIELD(worker_setting, value, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its value.")

KIND(entry_name, "", "A cron entry that was added or changed.")
FIELD(entry_name, name, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its name.")

KIND(entry_run, "", "A task that a cron entry enqueued by hand.")
FIELD(entry_run, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "The task's id.")
FIELD(entry_run, name, TEXT, none, ALWAYS, BOTH, "0.1.0", "The entry's name.")

KIND(pinged, "", "A store that answered.")
FIELD(pinged, url, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its URL, without the password.")
FIELD(pinged, ok, BOOL, none, ALWAYS, BOTH, "0.1.0", "True.")
FIELD(pinged, ms, NUMBER, ms, ALWAYS, BOTH, "0.1.0", "How long the answer took.")

KIND(bench_ground, "", "On what a benchmark was run.")
FIELD(bench_ground, version, TEXT, none, ALWAYS, BOTH, "0.1.0", "Of gofer.")
FIELD(bench_ground, url, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "The store's URL, without the password.")
FIELD(bench_ground, store, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "redis, valkey, sqlite, memory or unknown.")
FIELD(bench_ground, store_version, TEXT, none, NULLABLE, BOTH, "0.1.0",
    "Of a server; null: not known.")
FIELD(bench_ground, durability, TEXT, none, ALWAYS, BOTH, "0.1.0", "What is on disk, and when.")
FIELD(bench_ground, limit, TEXT, none, NULLABLE, BOTH, "0.1.0",
    "What the phase limit measured: a synced write or a round trip; null: neither.")
FIELD(bench_ground, machine, TEXT, none, ALWAYS, BOTH, "0.1.0", "The processor.")
FIELD(bench_ground, cores, INT, count, ALWAYS, BOTH, "0.1.0", "How many there are.")
FIELD(bench_ground, system, TEXT, none, ALWAYS, BOTH, "0.1.0", "The operating system.")
FIELD(bench_ground, load, NUMBER, none, ALWAYS, BOTH, "0.1.0",
    "The system's load average of one minute, before it began.")
FIELD(bench_ground, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "The benchmark's own.")
FIELD(bench_ground, rounds, INT, count, ALWAYS, BOTH, "0.1.0", "As asked for.")
FIELD(bench_ground, tasks, INT, count, ALWAYS, BOTH, "0.1.0", "Of a phase, at most.")
FIELD(bench_ground, phase_ms, INT, ms, ALWAYS, BOTH, "0.1.0",
    "How long a phase of a round puts tasks in, at most.")
FIELD(bench_ground, payload, INT, bytes, ALWAYS, BOTH, "0.1.0", "Of each task.")
FIELD(bench_ground, threads, INT, count, ALWAYS, BOTH, "0.1.0", "Of the phase threads.")
FIELD(bench_ground, slots, INT, count, ALWAYS, BOTH, "0.1.0", "Of the worker.")

KIND(bench_figure, "", "A figure of a benchmark.")
FIELD(bench_figure, phase, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "limit, enqueue, threads, bulk, drain, live, idle or load.")
FIELD(bench_figure, figure, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "rate, call, script (one of a server that does little), start_p50, start_p99 (from the call of "
    "enqueue to the start), client_cpu or worker_cpu (for each task).")
FIELD(bench_figure, unit, TEXT, none, ALWAYS, BOTH, "0.1.0", "/s or us.")
FIELD(bench_figure, median, NUMBER, none, ALWAYS, BOTH, "0.1.0", "Of the rounds.")
FIELD(bench_figure, lowest, NUMBER, none, ALWAYS, BOTH, "0.1.0", "Of the rounds.")
FIELD(bench_figure, highest, NUMBER, none, ALWAYS, BOTH, "0.1.0", "Of the rounds.")
FIELD(bench_figure, rounds, INT, count, ALWAYS, BOTH, "0.1.0", "How many measured it.")
FIELD(bench_figure, per_limit, NUMBER, none, MAYBE, BOTH, "0.1.0",
    "Tasks in the median time of the limit or, of a time, how many of these it is.")

KIND(migration, "", "What went to another store.")
FIELD(migration, queues, ARRAY(migrated_queue), none, ALWAYS, BOTH, "0.1.0", "Each queue.")
FIELD(migration, moved, INT, count, MAYBE, BOTH, "0.1.0",
    "Tasks that are there now; not with --dry-run.")
FIELD(migration, repeated, INT, count, MAYBE, BOTH, "0.1.0",
    "Of these, how many were there already.")
FIELD(migration, left, INT, count, MAYBE, BOTH, "0.1.0", "Tasks that were not moved.")
FIELD(migration, bytes, INT, bytes, MAYBE, BOTH, "0.1.0", "What was carried.")
FIELD(migration, active, INT, count, ALWAYS, BOTH, "0.1.0",
    "Active tasks, which stay where they run.")

KIND(rekeyed_queue, "", "Tasks of a queue that were encrypted with the first key.")
FIELD(rekeyed_queue, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "The queue.")
FIELD(rekeyed_queue, rewritten, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that have the first key now.")
FIELD(rekeyed_queue, current, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that had it already.")
FIELD(rekeyed_queue, plain, INT, count, ALWAYS, BOTH, "0.1.0", "Tasks that are not encrypted.")
FIELD(rekeyed_queue, left, INT, count, ALWAYS, BOTH, "0.1.0",
    "Tasks that could not be opened, or were taken or changed meanwhile.")
FIELD(rekeyed_queue, entries, INT, count, ALWAYS, BOTH, "0.1.0",
    "Cron entries that have the first key now.")
FIELD(rekeyed_queue, active, INT, count, ALWAYS, BOTH, "0.1.0",
    "Active tasks, which keep the key they have.")
FIELD(rekeyed_queue, reason, TEXT, none, MAYBE, BOTH, "0.1.0", "Why the first of these was left.")

KIND(migrated_queue, "", "What of a queue went to another store.")
FIELD(migrated_queue, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its name.")
FIELD(migrated_queue, tasks, INT, count, MAYBE, BOTH, "0.1.0",
    "Tasks that would go; with --dry-run.")
FIELD(migrated_queue, moved, INT, count, MAYBE, BOTH, "0.1.0",
    "Tasks that are there now; not with --dry-run.")
FIELD(migrated_queue, repeated, INT, count, MAYBE, BOTH, "0.1.0",
    "Of these, how many were there already.")
FIELD(migrated_queue, left, INT, count, MAYBE, BOTH, "0.1.0", "Tasks that were not moved.")
FIELD(migrated_queue, bytes, INT, bytes, MAYBE, BOTH, "0.1.0", "What was carried.")
FIELD(migrated_queue, active, INT, count, ALWAYS, BOTH, "0.1.0",
    "Active tasks, which stay where they run.")
FIELD(migrated_queue, reason, TEXT, none, MAYBE, BOTH, "0.1.0",
    "Why the first of those left was not moved.")

KIND(versions, "", "The binary and the library it runs on.")
FIELD(versions, version, TEXT, none, ALWAYS, BOTH, "0.1.0", "The binary's.")
FIELD(versions, library, TEXT, none, ALWAYS, BOTH, "0.1.0", "The library's.")
FIELD(versions, plugin_abi, INT, none, ALWAYS, BOTH, "0.1.0",
    "What plugins must have been made for.")
FIELD(versions, lua, BOOL, none, ALWAYS, BOTH, "0.1.0", "Whether it was built with Lua.")
FIELD(versions, top, BOOL, none, ALWAYS, BOTH, "0.1.0", "Whether it was built with gofer top.")
FIELD(versions, web, BOOL, none, ALWAYS, BOTH, "0.1.0", "Whether it was built with gofer web.")
FIELD(versions, otlp, BOOL, none, ALWAYS, BOTH, "0.1.0",
    "Whether it was built with gofer worker --otlp.")
FIELD(versions, webhooks, BOOL, none, ALWAYS, BOTH, "0.1.0", "Whether it can send webhooks.")

KIND(web_token, "", "A token of the web interface.")
FIELD(web_token, name, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its name.")
FIELD(web_token, role, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its role.")
FIELD(web_token, queues, TEXT, none, MAYBE, BOTH, "0.1.0",
    "The queues it is for, with commas between them; missing: all.")
FIELD(web_token, token, TEXT, none, MAYBE, BOTH, "0.1.0",
    "The token itself, when it is added; only then.")

KIND(flow, "gofer_client_flow", "A flow: steps that run after one another.")
FIELD(flow, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its id.")
FIELD(flow, state, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "running, paused, done, failed, cancelled or expired.")
FIELD(flow, on_dead, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "What a failed step makes of the others: stop, cancel or continue.")
FIELD(flow, total, INT, count, ALWAYS, BOTH, "0.1.0", "Its steps.")
FIELD(flow, ended, INT, count, ALWAYS, BOTH, "0.1.0",
    "Steps that have ended, or were skipped.")
FIELD(flow, failed, INT, count, ALWAYS, BOTH, "0.1.0", "Steps that have ended badly.")
FIELD(flow, created_at_ms, INT, unix_ms, ALWAYS, BOTH, "0.1.0", "When it was started.")
FIELD(flow, ended_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it ended.")
FIELD(flow, deadline_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0",
    "It is cancelled if it has not ended by then.")
FIELD(flow, expires_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "Until then it is kept.")
FIELD(flow, steps, LIST(flow_step), none, MAYBE, BOTH, "0.1.0",
    "Its steps, in the order of the plan; only of one that is looked at by itself.")

KIND(flow_step, "gofer_client_flow", "A step of a flow.")
FIELD(flow_step, name, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its name.")
FIELD(flow_step, state, TEXT, none, ALWAYS, BOTH, "0.1.0",
    "waiting, ready (of a paused flow), the state of its task, how that ended, or skipped.")
FIELD(flow_step, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "The id of its task.")
FIELD(flow_step, type, TEXT, none, ALWAYS, BOTH, "0.1.0", "The type of its task.")
FIELD(flow_step, queue, TEXT, none, ALWAYS, BOTH, "0.1.0", "The queue of its task.")
FIELD(flow_step, after, TEXT, none, MAYBE, BOTH, "0.1.0",
    "The names of the steps that it comes after, one in a line, with :failure or :always.")
FIELD(flow_step, error, TEXT, none, MAYBE, BOTH, "0.1.0", "Why it failed.")
FIELD(flow_step, ended_at_ms, INT, unix_ms, MAYBE, BOTH, "0.1.0", "When it ended.")
FIELD(flow_step, result_size, INT, bytes, MAYBE, BOTH, "0.1.0", "Of its result, if it has one.")
FIELD(flow_step, made_of, TEXT, none, MAYBE, BOTH, "0.1.0",
    "The step that it was made of, for an item of a list.")
FIELD(flow_step, made, INT, count, MAYBE, BOTH, "0.1.0",
    "Of a step that is run for each item of a list: steps that were made of it so far.")
FIELD(flow_step, made_ended, INT, count, MAYBE, BOTH, "0.1.0", "Of those: that have ended.")
FIELD(flow_step, made_failed, INT, count, MAYBE, BOTH, "0.1.0", "Of those: that have ended badly.")

KIND(flow_id, "", "A flow that was started.")
FIELD(flow_id, id, TEXT, none, ALWAYS, BOTH, "0.1.0", "Its id.")

KIND(failure, "", "What any command prints on standard error if it fails.")
FIELD(failure, error, RECORD(error), none, ALWAYS, BOTH, "0.1.0", "The error.")

KIND(error, "", "An error.")
FIELD(error, exit, INT, none, ALWAYS, BOTH, "0.1.0", "The exit code of the command.")
FIELD(error, status, TEXT, none, NULLABLE, BOTH, "0.1.0",
    "Name of the status, such as EINVAL; null: none.")
FIELD(error, message, TEXT, none, ALWAYS, BOTH, "0.1.0", "The reason in words.")

// ---- which command prints what ------------------------------------------------------------------

ANSWER("worker", "", RECORD(worker_counts))
ANSWER("worker ls", "", LIST(worker))
ANSWER("worker set", "", LINES(worker_setting))
ANSWER("enqueue", "", RECORD(enqueued))
ANSWER("enqueue", "--count, --batch", RECORD(enqueued_many))
ANSWER("wait", "", RECORD(outcome))
ANSWER("watch", "", LINES(event))
ANSWER("watch", "at the end", RECORD(outcome))
ANSWER("events", "", LINES(event))
ANSWER("task ls", "", RECORD(task_listing))
ANSWER("task show", "", RECORD(task))
ANSWER("task edit", "", LIST(acted))
ANSWER("task reschedule", "", LIST(acted))
ANSWER("task run", "", LIST(acted))
ANSWER("task run", "--all", RECORD(acted_on_all))
ANSWER("task archive", "", LIST(acted))
ANSWER("task archive", "--all", RECORD(acted_on_all))
ANSWER("task rm", "", LIST(acted))
ANSWER("task rm", "--all", RECORD(acted_on_all))
ANSWER("task cancel", "", LIST(acted))
ANSWER("task cancel", "--all", RECORD(acted_on_all))
ANSWER("group ls", "", LIST(queue_group))
ANSWER("group run", "", RECORD(acted_on_all))
ANSWER("group archive", "", RECORD(acted_on_all))
ANSWER("group rm", "", RECORD(acted_on_all))
ANSWER("queue ls", "", LIST(queue))
ANSWER("queue ls", "--shards", LIST(queue))
ANSWER("queue show", "", RECORD(queue))
ANSWER("queue shard", "", LIST(acted))
ANSWER("queue bound", "", LIST(acted))
ANSWER("queue age", "", LIST(acted))
ANSWER("queue encrypt", "", LIST(acted))
ANSWER("queue pause", "", LIST(acted))
ANSWER("queue unpause", "", LIST(acted))
ANSWER("queue rm", "", LIST(acted))
ANSWER("rekey", "", RECORD(rekeyed_queue))
ANSWER("limit put", "", LIST(acted))
ANSWER("limit ls", "", LIST(limit))
ANSWER("limit show", "", LIST(limit_key))
ANSWER("limit blocked", "", LIST(limit_key))
ANSWER("limit pause", "", LIST(acted))
ANSWER("limit rm", "", LIST(acted))
ANSWER("flow start", "", RECORD(flow_id))
ANSWER("flow ls", "", LIST(flow))
ANSWER("flow show", "", RECORD(flow))
ANSWER("flow wait", "", RECORD(flow))
ANSWER("flow retry", "", LIST(acted))
ANSWER("flow pause", "", LIST(acted))
ANSWER("flow unpause", "", LIST(acted))
ANSWER("flow cancel", "", LIST(acted))
ANSWER("breaker put", "", LIST(acted))
ANSWER("breaker ls", "", LIST(breaker))
ANSWER("breaker rm", "", LIST(acted))
ANSWER("breaker close", "", LIST(acted))
ANSWER("type ls", "", LIST(paused_type))
ANSWER("type pause", "", LIST(acted))
ANSWER("type unpause", "", LIST(acted))
ANSWER("hours put", "", LIST(acted))
ANSWER("hours ls", "", LIST(hours))
ANSWER("hours show", "", LIST(hours))
ANSWER("hours rm", "", LIST(acted))
ANSWER("tenant put", "", LIST(acted))
ANSWER("tenant ls", "", LIST(tenant))
ANSWER("tenant show", "", LIST(tenant))
ANSWER("tenant rm", "", LIST(acted))
ANSWER("cron add", "", RECORD(entry_name))
ANSWER("cron ls", "", LIST(entry))
ANSWER("cron show", "", RECORD(entry))
ANSWER("cron history", "", LIST(ticked))
ANSWER("cron check", "", RECORD(cron_explained))
ANSWER("cron pause", "", LIST(acted))
ANSWER("cron unpause", "", LIST(acted))
ANSWER("cron run", "", RECORD(entry_run))
ANSWER("cron sync", "", RECORD(synced))
ANSWER("cron rm", "", LIST(acted))
ANSWER("web token", "", LIST(web_token))
ANSWER("stats", "", RECORD(totals))
ANSWER("audit", "", RECORD(audit_listing))
ANSWER("ping", "", RECORD(pinged))
ANSWER("doctor", "", LIST(finding))
ANSWER("bench", "first", RECORD(bench_ground))
ANSWER("bench", "then", LINES(bench_figure))
ANSWER("migrate", "", RECORD(migration))
ANSWER("version", "", RECORD(versions))

#undef PART
#undef KIND
#undef FIELD
#undef ANSWER
