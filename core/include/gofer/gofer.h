/* gofer.h - the whole public interface of libgofer, a background task queue.
 *
 * An application opens a client by URL and enqueues tasks; a worker takes them
 * and runs their handlers; both meet in a broker (SQLite file, Redis).
 *
 * Conventions, true of every function unless it says otherwise
 *   Status    Functions that can fail return gofer_status: 0 (GOFER_OK) or a
 *             negative constant. The reason in words is gofer_error_last(),
 *             one per thread, overwritten by that thread's next failure.
 *             On failure out-parameters are untouched.
 *   Text      NUL-terminated UTF-8. Queue names, types and ids have 1 to 255
 *             bytes of printable UTF-8; queue names have no '{' or '}'.
 *   Bytes     pointer and size; may hold any byte, NUL too; copied on the way in.
 *   Time      int64_t milliseconds; names end in _ms. A point in time is Unix
 *             time. Durations run from 0 to GOFER_MAX_DURATION_MS.
 *   Memory    A pointer returned is borrowed from the handle it came from. What
 *             comes through an out-parameter is the caller's: handles go to their
 *             close/free function, everything else to gofer_free().
 *   Options   Structs with `size` first, filled by their _init function; a zero
 *             field means its default; fields are only ever appended.
 *   Threads   A client may be shared by any threads. A task belongs to the thread
 *             its handler runs on, but for gofer_task_cancelled, _stopping, _progress,
 *             _checkpoint and _log.
 *   fork      A handle used in a forked child answers GOFER_EFORKED and harms
 *             nothing; closing it there is safe. Open a new one in the child; for
 *             a "sqlite:" file, close the parent's before the fork: SQLite keeps
 *             tables of open files in the process that a child inherits, so in a
 *             child opening that file is GOFER_EFORKED, also after closing it there.
 *   Signals   The library installs no handlers, prints nothing and never exits.
 */
#ifndef GOFER_GOFER_H
#define GOFER_GOFER_H

#include <stddef.h>
#include <stdint.h>

#ifndef GOFER_API
#define GOFER_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Version, status, memory ------------------------------------------- */

enum {
    GOFER_VERSION_MAJOR = 0,
    GOFER_VERSION_MINOR = 1,
    GOFER_VERSION_PATCH = 0,
    GOFER_PLUGIN_ABI = 1 /* what a plugin's gofer_plugin_abi() returns */
};

typedef int32_t gofer_status;

/* The numbers are stable: new ones are appended. */
enum {
    GOFER_OK = 0,
    GOFER_EINVAL = -1,       /* an argument is wrong; nothing was done */
    GOFER_ENOMEM = -2,       /* no memory; nothing was done */
    GOFER_EBROKER = -3,      /* the store failed or is out of reach; nothing was done */
    GOFER_EUNCERTAIN = -4,   /* the reply was lost: it may be done; repeat with the same id */
    GOFER_ETIMEOUT = -5,     /* the time given ran out; nothing was done */
    GOFER_EEXIST = -6,       /* the task id is taken by another task */
    GOFER_EDUPLICATE = -7,   /* a unique lock holds */
    GOFER_ENOTFOUND = -8,    /* no such task, queue or file */
    GOFER_ESTATE = -9,       /* not possible in the present state */
    GOFER_ESTALE = -10,      /* the lease was lost: somebody else owns the task */
    GOFER_EFORKED = -11,     /* the handle belongs to the parent process */
    GOFER_EUNSUPPORTED = -12,/* this broker or build cannot do it */
    GOFER_ENOSPACE = -13,    /* the store is full; tasks in it can still be finished */
    GOFER_ETOOBIG = -14,     /* the payload, result or batch is over the limit */
    GOFER_EVERSION = -15,    /* made by a newer gofer, or another plugin ABI */
    GOFER_EDENIED = -16,     /* permission or password refused */
    GOFER_ECORRUPT = -17,    /* the store or message is damaged, or not gofer's */
    GOFER_EEMPTY = -18,      /* nothing there now */
    GOFER_EHANDLER = -19,    /* a callback given by the host failed */
    GOFER_EFULL = -20        /* the queue has as many pending tasks as it may */
};

enum { GOFER_NO_RETRY = -1, GOFER_NO_TIMEOUT = -1 };

/** The longest duration anywhere: 100 years of 365.25 days, in ms. */
#define GOFER_MAX_DURATION_MS INT64_C(3155760000000)

/** Version of the library in use, as 10000 * major + 100 * minor + patch. */
GOFER_API int32_t gofer_version(void);
/** The same as text, "0.1.0". Static. */
GOFER_API const char *gofer_version_text(void);
/** Name of a status, e.g. "EEXIST". Static; "EUNKNOWN" for other numbers. */
GOFER_API const char *gofer_status_name(gofer_status status);
/** One general sentence about a status. Static. */
GOFER_API const char *gofer_status_text(gofer_status status);
/** What went wrong in this thread's last failing call: what failed, with which
 *  input, what to do. Never NULL; "" before the first failure. Borrowed until
 *  the thread's next failing call. Never holds a password. */
GOFER_API const char *gofer_error_last(void);
/** Free memory that an out-parameter handed over. NULL is fine. */
GOFER_API void gofer_free(void *memory);

/** Replace malloc, realloc and free for the whole library. Call it before any
 *  other function: later calls answer GOFER_ESTATE. (SQLite keeps its own.)
 *  The functions must be thread-safe and behave as C11's. */
GOFER_API gofer_status gofer_set_allocator(void *(*allocate)(size_t size),
    void *(*reallocate)(void *memory, size_t size), void (*release)(void *memory));

/** Parse a duration: "250ms", "30s", "5m", "1h30m", "2d", "1w", or a plain
 *  number of seconds ("1.5"). Errors: GOFER_EINVAL. */
GOFER_API gofer_status gofer_parse_duration(const char *text, int64_t *out_ms);
/** Parse a point in time: RFC 3339 ("2026-11-23T18:00:00Z", "...+01:00", a space
 *  for the T; without a zone: local time), or "@" and Unix seconds. A local time
 *  that clocks leave out in spring is reckoned with the offset of before (02:30
 *  is what they show as 03:30); of one that they show twice the first counts.
 *  Errors: GOFER_EINVAL. */
GOFER_API gofer_status gofer_parse_time(const char *text, int64_t *out_ms);

/* ---- Handles ------------------------------------------------------------ */

typedef struct gofer_client gofer_client; /* an open broker; shared by threads */
typedef struct gofer_worker gofer_worker; /* runs handlers; has its own threads */
typedef struct gofer_task gofer_task;     /* a leased task inside a handler */
typedef struct gofer_info gofer_info;     /* an immutable snapshot from inspection */

/* ---- Client -------------------------------------------------------------- */

enum { GOFER_LOG_DEBUG = 0, GOFER_LOG_INFO = 1, GOFER_LOG_WARN = 2, GOFER_LOG_ERROR = 3 };

/** Receives a log line. text is one sentence; fields is a JSON object of its
 *  particulars ("{}" if none); both are valid UTF-8, text has 8 KiB at the most.
 *  They are borrowed for the call, which comes from a thread of the client's own,
 *  one line after the other, and must not call back into gofer with the same handle.
 *  Nobody waits for it: lines that it does not keep up with (4096, or 1 MiB, wait
 *  at the most) are left out, and a later line tells how many. gofer_client_close
 *  waits 2 s for what is left; the callback is not called after that. */
typedef void (*gofer_log_fn)(void *user, int32_t level, int64_t time_ms,
    const char *text, const char *fields);

typedef struct gofer_client_options {
    size_t       size;        /* gofer_client_options_init sets it */
    gofer_log_fn log;         /* NULL: silent */
    void        *log_user;
    int64_t      timeout_ms;  /* longest wait for the store in one call; 0: 5000 */
    int64_t      max_payload; /* bytes per payload, and per result; 0: 16 MiB */
    const char  *keys;        /* encryption keys: a file, whose path begins with '/' or '.', or
                                 "ID:BASE64 ID:BASE64 ..."; the first encrypts, all decrypt. NULL:
                                 $GOFER_KEYS; "": none (docs/encryption.md) */
} gofer_client_options;

GOFER_API void gofer_client_options_init(gofer_client_options *opts);

/** Open a broker.
 *
 *  url   "sqlite:PATH" (made if missing, 0600), "memory:" (private to this
 *        client, gone on close), NULL: $GOFER_URL, else a file in the user's
 *        state folder ($XDG_STATE_HOME/gofer/tasks.db). A plain path that holds
 *        '/' or ends in .db is taken as sqlite:PATH. Redis and Valkey, in
 *        Asynq's layout: "redis://[[user]:password@]host[:port][/db]",
 *        rediss:, redis+unix:, redis-sentinel:, redis-cluster: with options
 *        (docs/redis.md).
 *  opts  NULL: every default
 *
 *  Errors: GOFER_EINVAL (malformed URL), GOFER_EUNSUPPORTED (unknown scheme),
 *  GOFER_EDENIED, GOFER_ECORRUPT (not a gofer database), GOFER_EVERSION (newer
 *  schema), GOFER_EFORKED (a file that was open when this process was forked),
 *  GOFER_EBROKER, GOFER_ENOMEM. Threads: any. */
GOFER_API gofer_status gofer_client_open(gofer_client **out, const char *url,
    const gofer_client_options *opts);
/** Close. NULL is fine. Not while another thread is inside a call with it. Workers and listeners
 *  made from the client own it too: should one be left, the store stays open until the last of them
 *  is freed or closed, in any order, and calls of the client and of listeners answer GOFER_ESTATE.
 *  Free workers first all the same: what they run goes on. */
GOFER_API void gofer_client_close(gofer_client *client);
/** Read the client's key file again, for a key was added or removed. Its workers use the keys too,
 *  from the next task on. For a key that is not known this is done by itself, once a second. What
 *  is there stays if the file cannot be used. Keys that are no file stay
 *  in any case. Errors: GOFER_EINVAL (what is wrong with the keys), GOFER_EDENIED. Threads: any. */
GOFER_API gofer_status gofer_client_keys_reload(gofer_client *client);
/** Check that the store answers. Errors: as open. */
GOFER_API gofer_status gofer_client_ping(gofer_client *client);
/** Is another client needed? 1: its SQLite file had an I/O error or is damaged, and is where it
 *  was: what writes answers GOFER_EBROKER for good; close this client and open another. 0: no; nor
 *  while the file is moved, replaced or deleted, for another client would make an empty one in its
 *  place. Does not wait for the store. Threads: any. */
GOFER_API int32_t gofer_client_spent(gofer_client *client);
/** The URL in use, passwords as "***". Borrowed until close. */
GOFER_API const char *gofer_client_url(const gofer_client *client);

typedef struct gofer_enqueue_options {
    size_t             size;         /* gofer_enqueue_options_init sets it */
    const char        *queue;        /* NULL: "default" */
    const char        *task_id;      /* NULL: a fresh UUID, version 7 */
    int64_t            run_at_ms;    /* not before this time; 0: now */
    int64_t            delay_ms;     /* not before so long from now; with run_at_ms: EINVAL */
    int64_t            timeout_ms;   /* longest run of one attempt; 0: 30 min, unless deadline_ms
                                        is set; GOFER_NO_TIMEOUT: none */
    int64_t            deadline_ms;  /* no run goes on after this time; 0: none */
    int64_t            retention_ms; /* keep a completed task and its result so long; 0: not */
    int32_t            max_retry;    /* 0: 25; GOFER_NO_RETRY: none */
    int32_t            priority;     /* -100 to 100: taken before those of its queue with a lower
                                        one; 0: in their order */
    const char *const *headers;      /* key, value, key, value, NULL; NULL: none. Keys
                                        "gofer-..." are ours */
    int64_t            unique_ms;    /* > 0: no second task of this queue, type and payload (or of
                                        this unique_key) for so long; 0: any number */
    const char        *unique_key;   /* a name of the caller's for the lock;
                                        NULL: type and payload */
    int32_t            unique_until; /* a GOFER_UNTIL_ value: what ends the lock before its time */
    int32_t            unique_conflict; /* GOFER_CONFLICT_REFUSE, or GOFER_CONFLICT_RETURN */
    const char        *group;        /* waits in this group until it is aggregated; NULL: none */
    int64_t            expires_at_ms;/* dropped unless it has started by then; 0: never */
    int64_t            expires_ms;   /* the same from now; with expires_at_ms: EINVAL */
    const char        *retry;        /* retry policy, see gofer_worker_retry; NULL: the worker's */
    const char        *on_dead;      /* type of a task that is enqueued when this one is
                                        archived, or "webhook:URL" (docs/webhooks.md); NULL: none */
    const char        *on_dead_queue;/* its queue; NULL: that of the task. Not of a webhook */
    const char *const *limits;       /* keys of limits that it counts for (gofer_client_limit_put),
                                        NULL at the end, at most GOFER_LIMIT_KEYS; NULL: none */
    int64_t            limit_cost;   /* so much does its start take of their rates; 0: 1 */
    const char        *ordered;      /* tasks of this queue with the same key run one after the
                                        other, in their order (SQLite); NULL: beside all others */
    int32_t            ordered_dead; /* a GOFER_ORDERED_ value: archived, does it hold them up */
    int64_t            debounce_ms;  /* > 0: of all calls of this key one task, due so long after
                                        the latest of them; 0: a task of its own */
    int64_t            max_wait_ms;  /* with debounce_ms, and not below it: due so long after the
                                        first call at the latest; 0: however long calls come */
    const char        *debounce_key; /* a name of the caller's for what is one; NULL: the type */
    int32_t            debounce_mode;/* a GOFER_DEBOUNCE_ value */
    int32_t            replace;      /* 1: the task of this task_id gets payload and options of this
                                        one if it waits; 0: GOFER_EEXIST */
    int32_t           *effect;       /* NULL, or receives a GOFER_EFFECT_ value with GOFER_OK */
    int32_t            plain;        /* 1: not encrypted, whatever keys the client has */
    const char        *tenant;       /* whose it is: tenants share their queue's line
                                        (gofer_client_tenant_put), 1 to 255 bytes of UTF-8;
                                        NULL: nobody's */
    const char        *on_done;      /* as on_dead, when this one is done; a webhook may be
                                        "webhook+result:URL", too */
    const char        *on_done_queue;/* its queue; NULL: that of the task. Not of a webhook */
} gofer_enqueue_options;

enum { GOFER_TENANT_WEIGHT_MAX = 100 };
/* Of a task's priority, and as far below 0. */
enum { GOFER_PRIORITY_MAX = 100 };
enum {
    GOFER_LIMIT_KEYS = 4,            /* of one task */
    GOFER_LIMIT_COST_MAX = 1000000
};
/* What becomes of those that come after a task with an ordered key. One that waits for its next
 * attempt holds them up in any case, so that they stay in order. */
enum {
    GOFER_ORDERED_CONTINUE = 0,      /* they run, when it has come to its end, whatever that is */
    GOFER_ORDERED_BLOCK = 1          /* archived, it holds them up until it is deleted, or was run
                                        again and is done */
};

/* What ends a unique lock before unique_ms is over. Deleting, archiving and cancelling the task do,
 * but for GOFER_UNTIL_TTL. A retry keeps the lock. */
enum {
    GOFER_UNTIL_DONE = 0,    /* the task has come to its end, as Asynq's */
    GOFER_UNTIL_START = 1,   /* a worker has started it: the next one may wait
                                while this one runs */
    GOFER_UNTIL_TTL = 2      /* nothing: at most one in so long */
};
enum {
    GOFER_CONFLICT_REFUSE = 0, /* GOFER_EDUPLICATE; the text names the task that holds the lock */
    GOFER_CONFLICT_RETURN = 1  /* GOFER_OK, and id_out is the id of the task that holds it */
};

/* What a call makes of the task that its key has in scheduled. Once that is due and goes to pending
 * the next call makes another one. Each queue has keys of its own. */
enum {
    GOFER_DEBOUNCE_REPLACE = 0, /* payload and options of this call, and put off to debounce_ms from
                                   now, but not beyond max_wait_ms */
    GOFER_DEBOUNCE_KEEP = 1,    /* it stays what it is, and is put off as well */
    GOFER_DEBOUNCE_EARLIEST = 2 /* payload and options of this call, and it is not put off */
};

/* What a call has done, if it returned GOFER_OK. */
enum {
    GOFER_EFFECT_CREATED = 0,   /* a task was added */
    GOFER_EFFECT_REPLACED = 1,  /* a task that waited has payload and options of this call now */
    GOFER_EFFECT_KEPT = 2       /* a task that is there stays what it is: GOFER_CONFLICT_RETURN,
                                   GOFER_DEBOUNCE_KEEP, or the same task was put in before */
};

GOFER_API void gofer_enqueue_options_init(gofer_enqueue_options *opts);

/** Add one task to a queue. When it returns GOFER_OK the task is durable.
 *
 *  type     what the handler is found by, e.g. "email:welcome"
 *  payload  any bytes; may be NULL when size is 0
 *  opts     NULL: every default
 *  id_out   NULL, or receives the task's id; free with gofer_free. With debounce_ms it may be that
 *           of an earlier call
 *
 *  A call with debounce_ms or replace is one step of the store's, by the store's clock: of many at
 *  a time one adds the task. With replace a task that is pending, scheduled or in retry begins
 *  anew: without errors, log and checkpoint of before, and without its unique lock. It stays where
 *  it is, which for one in retry is scheduled for the time of its retry, unless the options say
 *  when: a time that is over brings it to pending. A task that is active or aggregating, or has
 *  ended and is kept, is GOFER_ESTATE, unless it is the same. Neither goes with unique_ms or group,
 *  nor with the other; debounce_ms not with a time to run, and GOFER_DEBOUNCE_KEEP not with one to
 *  expire, since the task may be put off beyond it.
 *
 *  After GOFER_EUNCERTAIN the error text names the id in use.
 *  The same id with the same queue, type and payload as a task that is there
 *  already answers GOFER_OK and adds nothing, so a repeat after GOFER_EUNCERTAIN
 *  is safe as long as the task is there: one that has been run to its end and is
 *  not kept (retention_ms) is added again by it, but for one with a unique lock
 *  that holds for its whole time. Errors: GOFER_EINVAL, GOFER_EEXIST (id held by a
 *  different task), GOFER_ESTATE (replace), GOFER_EDUPLICATE (a unique lock holds),
 *  GOFER_ETOOBIG (also: more than the store could give back; on Redis 63 MiB),
 *  GOFER_ENOSPACE, GOFER_EBROKER, GOFER_EUNCERTAIN. */
GOFER_API gofer_status gofer_client_enqueue(gofer_client *client, const char *type,
    const void *payload, size_t size, const gofer_enqueue_options *opts, char **id_out);

/** Add many tasks in one round trip; each has its own fate.
 *
 *  types, payloads, sizes   arrays of count; payloads may be NULL if all sizes are 0
 *  opts      NULL, or array of count pointers, each of which may be NULL
 *  statuses  NULL, or array of count that receives each task's status
 *  ids_out   NULL, or array of count that receives each id (NULL where the task
 *            was refused); free each with gofer_free
 *
 *  Returns GOFER_OK when every task is in, else the status of the first that is
 *  not; the others are in nevertheless, which is what statuses tells. */
GOFER_API gofer_status gofer_client_enqueue_many(gofer_client *client, size_t count,
    const char *const *types, const void *const *payloads, const size_t *sizes,
    const gofer_enqueue_options *const *opts, gofer_status *statuses, char **ids_out);
/** The W3C trace context of what the calling thread does: from now on tasks that it enqueues carry
 *  it in their headers traceparent and tracestate, unless the options have a traceparent. It holds
 *  until the next call; traceparent NULL: none. On a thread that runs a task which has a context,
 *  that one holds; a handler takes back what it sets before it returns. Copied. tracestate may be
 *  NULL, and is passed over if it is malformed. Errors: GOFER_EINVAL (traceparent is malformed;
 *  none holds then). */
GOFER_API gofer_status gofer_trace_carry(const char *traceparent, const char *tracestate);

/* ---- Waiting for an end, and watching ---------------------------------------- */

/** Wait until a task has come to its end; told within some milliseconds, not polled (where a Go
 *  worker runs it, within a second). Blocks the calling thread only.
 *
 *  queue       NULL: look in all queues
 *  timeout_ms  0: only look; negative: for ever
 *
 *  Fields: id, queue, outcome ("done", "archived", "cancelled", "expired", "revoked", "deleted", or
 *  "gone": it is not there any more and how it ended is not known: it was done and not kept, or
 *  deleted; what fails for good stays as archived), result (of done; also of tasks without
 *  retention, if the wait, or one that was over a moment before it, began before the end),
 *  last_error, finished_at_ms, decrypted (as a task has it). A retry is no end. So who has other
 *  things to look after may wait in turns, and misses nothing. An id that gofer made (a UUID of
 *  version 7) and that nothing holds is "gone" if the store has the queue or, without one, any
 *  queue: so who enqueues and then waits is not too late, however fast the handler was.
 *  Errors: GOFER_ENOTFOUND (no such task when the wait began, and its id is of another kind),
 *  GOFER_ETIMEOUT, those of the store. */
GOFER_API gofer_status gofer_client_wait(gofer_client *client, const char *queue,
    const char *task_id, int64_t timeout_ms, gofer_info **out);

typedef struct gofer_waits gofer_waits; /* waits for the ends of many tasks; of any threads */

/** Wait for many tasks at once, with one thread of the library's and one connection for all of
 *  them, however many. Close it before the client, or after it: it keeps the store open.
 *  Errors: GOFER_EUNSUPPORTED, GOFER_ENOMEM (no thread or descriptor), those of the store. */
GOFER_API gofer_status gofer_waits_open(gofer_waits **out, gofer_client *client);
/** Wait for the end of this task too; gofer_waits_next tells it. Returns at once: those that are
 *  added within a moment share an exchange with the store, a commit or a pipeline. What has ended
 *  by then is told as gofer_client_wait would tell it.
 *
 *  queue  NULL: look in all queues, which is an exchange for each such task
 *  tag    the caller's, to know the wait by; several may have the same
 *
 *  Errors: GOFER_EINVAL, GOFER_ENOMEM. Threads: any. */
GOFER_API gofer_status gofer_waits_add(gofer_waits *waits, const char *queue, const char *task_id,
    int64_t tag);
/** Nothing is told any more of the waits of this tag; no such wait is no error. Who waits for the
 *  task again within five seconds misses nothing. Errors: GOFER_EINVAL. Threads: any. */
GOFER_API gofer_status gofer_waits_remove(gofer_waits *waits, int64_t tag);
/** The next wait that is over; each is told once, in the order of their ends. Negative timeout_ms:
 *  for ever. A time for a single wait is the caller's: gofer_waits_remove.
 *
 *  tag  receives the wait's
 *  how  receives what gofer_client_wait would have returned: GOFER_OK, or GOFER_ENOTFOUND or an
 *       error of the store, which gofer_error_last then has in words
 *  end  receives what became of the task, with the fields of gofer_client_wait, or NULL: not
 *       GOFER_OK; free it with gofer_info_free
 *
 *  Errors: GOFER_ETIMEOUT (none in this time, or gofer_client_interrupt). Threads: any. */
GOFER_API gofer_status gofer_waits_next(gofer_waits *waits, int64_t timeout_ms, int64_t *tag,
    gofer_status *how, gofer_info **end);
/** A file descriptor that is readable while gofer_waits_next has something to tell, for poll and
 *  event loops; read nothing from it. Borrowed. */
GOFER_API int32_t gofer_waits_fd(const gofer_waits *waits);
/** End all its waits. NULL is fine. No other call may be under way. */
GOFER_API void gofer_waits_close(gofer_waits *waits);

/** End what waits on this client now: each gofer_client_wait, gofer_client_flow_wait,
 *  gofer_waits_next and gofer_events_next under way returns within 50 ms with GOFER_ETIMEOUT,
 *  unless it has something to tell. Later calls wait as ever. For a host that has to come out of
 *  them, before a fork for example; a call that another thread is about to make may be missed, so
 *  repeat it until yours are out.
 *
 *  Errors: GOFER_EINVAL, GOFER_EFORKED.
 *  Threads: any; async-signal-safe, but for the text of an error. */
GOFER_API gofer_status gofer_client_interrupt(gofer_client *client);

typedef struct gofer_events gofer_events; /* a listener of one thread at a time */

/** Listen to what happens to tasks, live, from within a second on. Nothing is kept for who does not
 *  listen; a listener that is too slow loses events. Errors: GOFER_EUNSUPPORTED,
 *  those of the store. */
GOFER_API gofer_status gofer_events_open(gofer_events **out, gofer_client *client);
/** As gofer_events_open, for who shows how much happens and not each task: of what happens fast
 *  some events are told whole, and they say in "more" how many further ones of the same event and
 *  queue there were. So a worker pays next to nothing for being listened to. While somebody else
 *  listens by gofer_events_open, or a worker is too old to know the difference, you are told each
 *  event. Errors: as there. */
GOFER_API gofer_status gofer_events_open_sums(gofer_events **out, gofer_client *client);
/** The next event; negative timeout_ms: for ever. Fields: event ("enqueued", "replaced", "started",
 *  "done", "retried", "archived", "cancelled", "revoked", "expired", "snoozed", "requeued",
 *  "progress", "log"), at_ms, id, type, queue, and where it applies worker, attempt, duration_ms,
 *  error, progress_done, progress_total, progress_text, level, text, lost (how many events were
 *  lost before this one), more (of gofer_events_open_sums).
 *  Errors: GOFER_ETIMEOUT, those of the store. */
GOFER_API gofer_status gofer_events_next(gofer_events *events, int64_t timeout_ms,
    gofer_info **out);
/** How often the connection to the store was lost since the listener was opened: what happened then
 *  was not heard, and is in no "lost". Who keeps up with the store looks at it anew when this has
 *  risen; what happens is heard again within a few seconds of the store's return. *away (may be
 *  NULL) receives 1 while there is no connection. A store in files has none to lose. 0 for NULL.
 *  Threads: any. */
GOFER_API int64_t gofer_events_breaks(const gofer_events *events, int32_t *away);
/** NULL is fine. Before or after the client is closed. */
GOFER_API void gofer_events_close(gofer_events *events);

/* ---- Schedules: cron entries ---------------------------------------------------- */

/* What becomes of ticks that came due while no worker ran. */
enum {
    GOFER_MISSED_ONCE = 0, /* one run for all of them, as soon as a worker is there */
    GOFER_MISSED_SKIP = 1, /* none */
    GOFER_MISSED_ALL = 2   /* one for each, at most the last missed_max of them */
};
/* What becomes of a tick when the entry's previous task has not come to its end. */
enum {
    GOFER_OVERLAP_ALLOW = 0,
    GOFER_OVERLAP_SKIP = 1,   /* the tick is left out */
    GOFER_OVERLAP_QUEUE = 2,  /* it is enqueued once that one has ended; at most
                                 one tick waits so */
    GOFER_OVERLAP_CANCEL = 3  /* that one is cancelled */
};

typedef struct gofer_schedule_options {
    size_t      size;       /* gofer_schedule_options_init sets it */
    const char *tz;         /* time zone of the tz database, "Europe/Berlin"; NULL: UTC, or
                               CRON_TZ= of the spec */
    const gofer_enqueue_options *task; /* of its tasks; NULL: every default. No task_id, times,
                                          unique, group, debounce or replace;
                                          expires_ms counts from the tick */
    int32_t     missed;     /* a GOFER_MISSED_ value */
    int32_t     missed_max; /* of GOFER_MISSED_ALL; 0: 10 */
    int32_t     overlap;    /* a GOFER_OVERLAP_ value */
    int32_t     paused;     /* 1: made paused */
    int64_t     jitter_ms;  /* each task runs up to so much later, by chance; 0: at once */
} gofer_schedule_options;

GOFER_API void gofer_schedule_options_init(gofer_schedule_options *opts);

/** Add a cron entry, or change the one of this name (flags: GOFER_SCHEDULE_NEW to refuse that).
 *  Entries are data in the broker: any worker that runs enqueues their tasks, exactly one for an
 *  entry and a tick however many workers there are, with the id "cron:NAME:TICK"
 *  (TICK: RFC 3339, UTC).
 *
 *  The same entry again changes nothing; another spec, zone or queue lets ticks count from now on.
 *
 *  name  1 to 200 bytes
 *  spec  five fields as robfig/cron reads them, or one of its words after an at sign ("every 90s",
 *        "daily" ...); before either, if need be, "CRON_TZ=Zone ". A local time that daylight
 *        saving skips is run once right after the gap, one that it repeats once, the first time.
 *
 *  Errors: GOFER_EINVAL (the text says what is wrong with the spec: "31 February never comes";
 *  unknown zone), GOFER_EEXIST (GOFER_SCHEDULE_NEW), those of the store. */
enum { GOFER_SCHEDULE_NEW = 1 };
GOFER_API gofer_status gofer_client_schedule_put(gofer_client *client, const char *name,
    const char *spec, const char *type, const void *payload, size_t size,
    const gofer_schedule_options *opts, int32_t flags);
/** Errors: GOFER_ENOTFOUND. Its tasks stay. */
GOFER_API gofer_status gofer_client_schedule_remove(gofer_client *client, const char *name);
/** paused 1: no ticks; 0: again. What came due meanwhile is not missed but left out.
 *  Errors: GOFER_ENOTFOUND. */
GOFER_API gofer_status gofer_client_schedule_pause(gofer_client *client, const char *name,
    int32_t paused);
/** Enqueue its task now, beside its ticks. Errors: GOFER_ENOTFOUND, as enqueue. */
GOFER_API gofer_status gofer_client_schedule_run(gofer_client *client, const char *name,
    char **id_out);
/** All entries by name, those of Go schedulers in the same Redis too (foreign 1). Fields: name,
 *  spec, tz, type, queue, payload, paused (0/1), missed, overlap (words), missed_max, jitter_ms,
 *  next_run_at_ms, last_tick_ms, last_enqueued_at_ms, last_id, last_status ("enqueued", "enqueued:
 *  75 s late", "skipped: ...", "waiting: ...", "due: ...", "failed: ...": of the latest tick, from
 *  what the store has noted and the time), source ("api", or the file it comes from), foreign,
 *  expires_ms, and the options of its tasks as a task has them; foreign ones also options, a list
 *  of Go's words (option). Own ones come first. */
GOFER_API gofer_status gofer_client_schedules(gofer_client *client, gofer_info **out);
/** A page of them, by name, those of Go schedulers behind the own ones. cursor NULL: from the
 *  start; else the text field next_cursor of the page before. limit: 1 to 1000; 0: 30. The list has
 *  the field next_cursor, missing on the last page. Errors: GOFER_EINVAL. */
GOFER_API gofer_status gofer_client_schedules_page(gofer_client *client, const char *cursor,
    int32_t limit, gofer_info **out);
/** One of them. Errors: GOFER_ENOTFOUND. */
GOFER_API gofer_status gofer_client_schedule(gofer_client *client, const char *name,
    gofer_info **out);
/** The latest of what an entry enqueued, newest first, at most limit (1 to 1000; 0: 30). Fields:
 *  id, tick_ms, enqueued_at_ms. */
GOFER_API gofer_status gofer_client_schedule_history(gofer_client *client, const char *name,
    int32_t limit, gofer_info **out);
/** Make the entries that have this source be what a JSON text says (docs/schedules.md): adds,
 *  changes and removes; entries of other sources stay. All or, when the text is wrong, nothing.
 *  Fields: added, changed, removed, unchanged. Errors: GOFER_EINVAL (says where), GOFER_EEXIST (a
 *  name of another source). */
GOFER_API gofer_status gofer_client_schedules_sync(gofer_client *client, const char *source,
    const char *json, size_t size, gofer_info **out);
/** Explain a spec. tz NULL: UTC or the spec's own. from_ms 0: now. count: 0 to 1000
 *  ticks. Needs no client.
 *  Fields: text (in words), tz, per_day (runs on an average day, as text "1440"), every_ms (of
 *  "every") and ticks: a list with at_ms and local (RFC 3339 with offset).
 *  Errors: as schedule_put. */
GOFER_API gofer_status gofer_cron_check(const char *spec, const char *tz, int64_t from_ms,
    int32_t count, gofer_info **out);

/* ---- Inspection: look at queues and tasks, and act on them ---------------- */

/* A gofer_info is a record with named fields, or a list of records. Field names
 * are given at each function; docs/fields.md has each with its type, its unit and
 * whether it is always there. Lists hold records only. */

/** Free a snapshot that came through an out-parameter (never one borrowed from
 *  another snapshot). NULL is fine. */
GOFER_API void gofer_info_free(gofer_info *info);
/** Number of records of a list; 0 for a record. */
GOFER_API size_t gofer_info_count(const gofer_info *info);
/** The i-th record of a list, borrowed; NULL past the end. */
GOFER_API const gofer_info *gofer_info_at(const gofer_info *info, size_t index);
/** Number of fields of a record or list (a list has fields too: see each function). */
GOFER_API size_t gofer_info_field_count(const gofer_info *info);
/** Name of the i-th field, borrowed; NULL past the end. */
GOFER_API const char *gofer_info_field_name(const gofer_info *info, size_t index);
/** 1 if the field is there and not null. */
GOFER_API int32_t gofer_info_has(const gofer_info *info, const char *field);
/** An integer or boolean (0 or 1) field; fallback if missing or of another kind. */
GOFER_API int64_t gofer_info_int(const gofer_info *info, const char *field, int64_t fallback);
/** A text field, borrowed; NULL if missing or of another kind. */
GOFER_API const char *gofer_info_text(const gofer_info *info, const char *field);
/** A bytes or text field, borrowed; NULL if missing; *size receives its length. */
GOFER_API const void *gofer_info_bytes(const gofer_info *info, const char *field, size_t *size);
/** A nested list or record (e.g. "headers"), borrowed; NULL if missing. */
GOFER_API const gofer_info *gofer_info_child(const gofer_info *info, const char *field);
/** The whole as JSON text: a record is an object, a list {"items":[...], fields}.
 *  Bytes that are UTF-8 become a string; others {"base64":"..."}. Free with
 *  gofer_free. Errors: GOFER_ENOMEM. */
GOFER_API gofer_status gofer_info_json(const gofer_info *info, char **out);

/** All queues, by name. Fields of each: queue, paused (0/1), paused_at_ms, pending, scheduled,
 *  active, retry, completed, archived, size (sum of the waiting and active ones), processed and
 *  failed (today, UTC), processed_total, failed_total, latency_ms (age of the oldest pending task;
 *  0: none), longest_running_ms (how long the active task has run that was taken first; 0: none, or
 *  a Go worker has it), aggregating (tasks that wait in groups, counted in size) and groups; if the
 *  queue is bounded max_length (gofer_client_queue_bound); if priorities grow in it age_ms
 *  (gofer_client_queue_age); encrypted_only (1: plain payloads are refused,
 *  gofer_client_queue_encrypt); if it has hours (gofer_client_hours_put) hours, closed (0/1) and
 *  closed_until_ms or open_until_ms;
 *  archive_deleted (archived tasks that the archive's limit on Redis deleted; from 0 again after 90
 *  days without) and archive_limit (how many stay; only Redis has one);
 *  shards (of a sharded queue, for all of whose shards together these are: how many it has);
 *  unserved (1: tasks are pending, and no live worker serves the queue), missing otherwise and
 *  where the workers cannot be seen. */
GOFER_API gofer_status gofer_client_queues(gofer_client *client, gofer_info **out);
/** A page of them, by name, for stores with many: it costs what the page does.
 *
 *  queue   a name, or with a '*' at its end ("mail:*") all that begin so; NULL: all
 *  cursor  NULL: from the start; else the text field next_cursor of the page before (which is the
 *          name of its last queue: any name will do, and the page begins behind it)
 *  limit   1 to 1000; 0: 30
 *
 *  The list has the field next_cursor, missing on the last page. On Redis a page with a cursor may
 *  miss queues of the last five seconds (of more than 10,000: half a millisecond for each).
 *  Errors: GOFER_EINVAL. */
GOFER_API gofer_status gofer_client_queues_page(gofer_client *client, const char *queue,
    const char *cursor, int32_t limit, gofer_info **out);
/** One queue, as above, without unserved. Errors: GOFER_ENOTFOUND. */
GOFER_API gofer_status gofer_client_queue(gofer_client *client, const char *queue,
    gofer_info **out);

/** What the store says of itself. Fields: store ("redis", "valkey", "sqlite"), address (of a
 *  server; on SQLite the file), memory (bytes: what the server uses, on SQLite the file) and text
 *  (Redis: its INFO; on a Cluster one node's). On SQLite also disk_size and disk_free (bytes of the
 *  file system that the file is on), and once a task was added reserve and reserve_whole (bytes of
 *  FILE-reserve, and what it has while nothing of it is given up; sqlite.md). With a queue: store,
 *  and memory (about what the queue takes; missing on SQLite), which weighs some of its tasks.
 *  Errors: GOFER_ENOTFOUND (no such queue). */
GOFER_API gofer_status gofer_client_store(gofer_client *client, const char *queue,
    gofer_info **out);

/** A page of the tasks of a queue in one state ("pending", "scheduled", "active",
 *  "retry", "completed", "archived", "aggregating": group by group), in the order they
 *  will run, ran or failed.
 *
 *  cursor  NULL: from the start; else the text field next_cursor of the page before; or "@N":
 *          behind the first N (of aggregating tasks "@N:GROUP", of that group), which costs no
 *          more than a walk over an index, but skips and repeats what has moved meanwhile
 *  limit   1 to 1000; 0: 30
 *
 *  Each record has the fields of gofer_client_task but for payload and result. The
 *  list has the field next_cursor, missing on the last page.
 *  Errors: GOFER_EINVAL, GOFER_ENOTFOUND (no such queue). */
GOFER_API gofer_status gofer_client_tasks(gofer_client *client, const char *queue,
    const char *state, const char *cursor, int32_t limit, gofer_info **out);
/** One task. queue NULL: look in all queues. Fields: id, type, queue, state, payload,
 *  payload_size, result, headers (record), max_retry, retried, crashes, suspect (how
 *  often it may have been its worker's death since it last came to an end; missing if never),
 *  last_error, last_failed_at_ms, timeout_ms, deadline_ms, retention_ms, enqueued_at_ms,
 *  next_run_at_ms (scheduled, retry), started_at_ms, worker, progress_done,
 *  progress_total, progress_text (active), orphaned (1: active, but its lease has run out: nobody
 *  works on it, and it will be recovered; of gofer_client_task alone), completed_at_ms,
 *  expires_at_ms (completed), archived_at_ms (archived), group (aggregating), start_by_ms (dropped
 *  if not started by then), priority, tenant, limits (keys, one in a line), limit_cost, ordered,
 *  ordered_dead ("block"), waits_for (pending: the key that has no room for it), retry (policy),
 *  on_dead, on_dead_queue, on_done, on_done_queue, schedule (the cron entry it comes from), unique
 *  (text: what its lock lives for), snoozes, cancel_requested (0/1), checkpoint_size, sealed_for
 *  (what its encrypted payload is bound to in place of its id), and of gofer_client_task alone:
 *  encrypted (id of the key that the payload is encrypted with), decrypted (1: the client's keys
 *  opened it, or the result),
 *  attempts, a list of the latest attempts, oldest first (attempt, kind, at_ms, duration_ms,
 *  worker, error), and log, a list of the latest lines (at_ms, level, text).
 *  kind: "done", "failed", "timeout", "crashed", "lost", "cancelled", "snoozed", "skipped"
 *  (skip-retry), "interrupted", "unreadable" (it could not be decrypted). What does not
 *  apply is missing; a task whose message cannot be read has an empty type, no payload, and
 *  last_error says so.
 *  Errors: GOFER_ENOTFOUND. */
GOFER_API gofer_status gofer_client_task(gofer_client *client, const char *queue,
    const char *task_id, gofer_info **out);
/** Make a scheduled, retry or archived task pending now, at the end of its queue.
 *  Errors: GOFER_ENOTFOUND, GOFER_ESTATE (pending, active or completed). queue NULL: all queues. */
GOFER_API gofer_status gofer_client_task_run(gofer_client *client, const char *queue,
    const char *task_id);
/** Set a pending, scheduled or retry task aside. Errors: GOFER_ENOTFOUND, GOFER_ESTATE. */
GOFER_API gofer_status gofer_client_task_archive(gofer_client *client, const char *queue,
    const char *task_id);
/** Delete a task that is not active. Errors: GOFER_ENOTFOUND, GOFER_ESTATE. */
GOFER_API gofer_status gofer_client_task_delete(gofer_client *client, const char *queue,
    const char *task_id);
/** Cancel a task. One that waits is set aside at once (archived, its last attempt's kind
 *  "cancelled"). For an active one its worker is asked to stop it: gofer_task_cancelled tells its
 *  handler, a command gets TERM, a Lua handler is interrupted; unless it succeeds nevertheless, it
 *  is set aside in the same way, and not retried (a Go worker retries it). The request stands
 *  beside the task, so that it holds if nobody heard it. Returns when it is made, not when the
 *  handler has ended. Errors: GOFER_ENOTFOUND, GOFER_ESTATE (completed or archived). queue
 *  NULL: all queues. */
GOFER_API gofer_status gofer_client_task_cancel(gofer_client *client, const char *queue,
    const char *task_id);
/** Encrypt what a page of a queue's tasks has, payload, result and checkpoint, with the first key,
 *  where that is encrypted with another: of all tasks but active ones, and not of steps of flows
 *  that wait for others. With the first page also the payloads of the queue's cron entries. Each
 *  is written only if it is still the one that was read, so others may go on meanwhile.
 *
 *  cursor  NULL for the first page, then next_cursor of the record, until that has none
 *
 *  Fields: queue, state, rewritten, current (have the first key already), plain (are not
 *  encrypted), left (could not be opened, or were taken or changed meanwhile), entries (cron
 *  entries that have it now), reason (of the first of those left), next_cursor.
 *  Errors: GOFER_EINVAL (the client has no keys), GOFER_ENOTFOUND (no such queue). */
GOFER_API gofer_status gofer_client_rekey(gofer_client *client, const char *queue,
    const char *cursor, gofer_info **out);
/** Replace the payload of a task that waits (pending, scheduled, retry, aggregating, archived). Its
 *  unique lock stays that of the old one. Errors: GOFER_ENOTFOUND, GOFER_ESTATE, GOFER_ETOOBIG.
 *  queue NULL: all queues. */
GOFER_API gofer_status gofer_client_task_edit(gofer_client *client, const char *queue,
    const char *task_id, const void *payload, size_t size);
/** Let a task that is pending, scheduled, to be retried or archived run at
 *  another time (past: now).
 *  Errors: GOFER_ENOTFOUND, GOFER_ESTATE. queue NULL: all queues. */
GOFER_API gofer_status gofer_client_task_reschedule(gofer_client *client, const char *queue,
    const char *task_id, int64_t run_at_ms);
/** The same, delay_ms from now (0: now). Now is the store's, as with the delay_ms of an enqueue: on
 *  Redis the server's clock counts, not the caller's. Errors: as gofer_client_task_reschedule, and
 *  GOFER_EINVAL (delay_ms is out of range). queue NULL: all queues. */
GOFER_API gofer_status gofer_client_task_delay(gofer_client *client, const char *queue,
    const char *task_id, int64_t delay_ms);

/* Which tasks of a queue and state are meant: all that match everything given. */
typedef struct gofer_filter {
    size_t      size;       /* gofer_filter_init sets it */
    const char *type;       /* a type, or a prefix ending in '*' */
    const char *error;      /* part of last_error */
    const char *id;         /* a prefix of the id, ending in '*', or the id */
    const char *group;      /* aggregating: of this group, or of groups with this
                               prefix, ending in '*' */
    int64_t     older_ms;   /* so long ago or longer it was started (active), failed (retry),
                               completed, archived; in the other states enqueued */
    int64_t     younger_ms; /* the same, less long ago */
    const char *fingerprint; /* of last_error's telling line, with what differs from one failure to
                                the next taken out: numbers, hex and ids are #, quoted text '*' */
} gofer_filter;
GOFER_API void gofer_filter_init(gofer_filter *filter);

/** A page of the tasks that match. As gofer_client_tasks, but queue may be a pattern ("mail:*") or
 *  NULL (all), state NULL (every state), and a page may hold fewer than limit, even none, before
 *  the last: one call looks at 10,000 tasks at the most. A cursor goes on over queues and states,
 *  also when a queue is gone by then. The list has the field looked (how many it looked at). filter
 *  NULL: all. Errors: as gofer_client_tasks. */
GOFER_API gofer_status gofer_client_find(gofer_client *client, const char *queue, const char *state,
    const gofer_filter *filter, const char *cursor, int32_t limit, gofer_info **out);

enum {
    GOFER_ACT_COUNT = 0,
    GOFER_ACT_RUN = 1,
    GOFER_ACT_ARCHIVE = 2,
    GOFER_ACT_DELETE = 3,
    GOFER_ACT_CANCEL = 4
};
/** Told now and then during gofer_client_act: done of those looked at. Returns 0, or anything
 *  else to stop there. */
typedef int32_t (*gofer_act_progress)(void *user, int64_t looked, int64_t done);
/** Run, archive, delete or cancel all tasks that match, in bounded steps beside the running work;
 *  with GOFER_ACT_COUNT only count them. queue as in gofer_client_find; state NULL: every state
 *  that the act allows. Those that come meanwhile may be left out; what changed its state meanwhile
 *  is passed over. progress may be NULL. *done (may be NULL) receives how many, on an error too.
 *  Errors: as gofer_client_tasks; GOFER_ESTATE (an act that this state does not allow);
 *  GOFER_EHANDLER (stopped by progress). */
GOFER_API gofer_status gofer_client_act(gofer_client *client, int32_t act, const char *queue,
    const char *state, const gofer_filter *filter, gofer_act_progress progress, void *user,
    int64_t *done);

/** Groups of a queue with tasks in them, by name. Fields: group, size,
 *  oldest_at_ms, newest_at_ms. */
GOFER_API gofer_status gofer_client_groups(gofer_client *client, const char *queue,
    gofer_info **out);
/** A page of them, for queues with many.
 *
 *  cursor  NULL: from the start; else the text field next_cursor of the page before
 *  limit   1 to 1000; 0: 30
 *
 *  The list has the field next_cursor, missing on the last page. A page may hold fewer than limit,
 *  even none, before the last. Groups that come and go between two pages change nothing for the
 *  others. On Redis, where names have no order, each page looks at the names of all groups of the
 *  queue, some at a time. Errors: GOFER_EINVAL, GOFER_ENOTFOUND (no such queue). */
GOFER_API gofer_status gofer_client_groups_page(gofer_client *client, const char *queue,
    const char *cursor, int32_t limit, gofer_info **out);
/** How long tasks waited and ran in the last hours (1 to 168; 0: 1), by queue and type. Only what
 *  gofer's workers ran. queue NULL: all. Fields: queue, type, done, failed, wait_p50_ms,
 *  wait_p90_ms, wait_p99_ms, wait_max_ms, run_p50_ms, run_p90_ms, run_p99_ms, run_max_ms; each
 *  right within 10 %. */
GOFER_API gofer_status gofer_client_stats(gofer_client *client, const char *queue, int32_t hours,
    gofer_info **out);
/** The same hour by hour, oldest first: one record for each of the last hours (1 to 192; 0: 24),
 *  the one that has begun among them, also where nothing ran. queue, type NULL: all. Fields: at_ms
 *  (the hour's beginning), done, failed, wait_p50_ms, wait_p90_ms, wait_p99_ms, wait_max_ms,
 *  run_p50_ms, run_p90_ms, run_p99_ms, run_max_ms. */
GOFER_API gofer_status gofer_client_stats_hours(gofer_client *client, const char *queue,
    const char *type, int32_t hours, gofer_info **out);
/** The same minute by minute, oldest first: one record for each of the last minutes (1 to 60; 0:
 *  60), the one that has begun among them. What a worker ran counts for the minute in which it
 *  told the store, up to five seconds later. at_ms is the minute's beginning. */
GOFER_API gofer_status gofer_client_stats_minutes(gofer_client *client, const char *queue,
    const char *type, int32_t minutes, gofer_info **out);
/** Change a live worker, wherever it runs. key: "concurrency" ("8"), "queues" ("mail=3 low
 *  report:*", see gofer_worker_queue), "state" ("quiet": take nothing more, "active": take again,
 *  "stop"). It heeds within a second or, if it was out of touch, with its next heartbeat. Errors:
 *  GOFER_ENOTFOUND (no such live worker), GOFER_EINVAL, GOFER_EUNSUPPORTED (a Go worker, or a
 *  store that cannot). */
GOFER_API gofer_status gofer_client_worker_set(gofer_client *client, const char *worker,
    const char *key, const char *value);
/** Run, archive or delete all tasks of one state of a queue (its name, no pattern), in bounded
 *  steps; *count (may be NULL) receives how many, on an error too. See gofer_client_act for more.
 *  Errors: as there. */
GOFER_API gofer_status gofer_client_tasks_run(gofer_client *client, const char *queue,
    const char *state, int64_t *count);
GOFER_API gofer_status gofer_client_tasks_archive(gofer_client *client, const char *queue,
    const char *state, int64_t *count);
GOFER_API gofer_status gofer_client_tasks_delete(gofer_client *client, const char *queue,
    const char *state, int64_t *count);
/** Stop and resume the taking of tasks from a queue (which is made if it is new, so
 *  that it can be paused ahead of its first task). Repeating is fine. */
GOFER_API gofer_status gofer_client_queue_pause(gofer_client *client, const char *queue);
GOFER_API gofer_status gofer_client_queue_unpause(gofer_client *client, const char *queue);
/** How many tasks of a queue (which is made if it is new) may be pending: of more, enqueuing says
 *  GOFER_EFULL. It is kept in the store and holds for all gofer's producers at once, those of Go
 *  excepted. Not bounded: tasks for later, in a group or debounced, replacements, retries, the
 *  tasks of cron entries, flows and on_dead, and what is moved or imported. max_length 0: any
 *  number. Repeating is fine. Errors: GOFER_EINVAL, GOFER_EUNSUPPORTED (the queue is sharded). */
GOFER_API gofer_status gofer_client_queue_bound(gofer_client *client, const char *queue,
    int64_t max_length);
/** Let priorities grow in a queue (which is made if it is new), so that what has a low one does not
 *  wait for ever: for each age_ms that a pending task has waited it counts as one priority higher,
 *  beyond 100 too. It is kept in the store, and holds from the next taking on for all that waits.
 *  age_ms: at most ten years; 0: they do not grow. Repeating is fine. Errors: GOFER_EINVAL. */
GOFER_API gofer_status gofer_client_queue_age(gofer_client *client, const char *queue,
    int64_t age_ms);
/** Whether payloads of a queue (which is made if it is new) must be encrypted: then enqueuing, or
 *  editing, with a plain one says GOFER_EDENIED, and so does starting a flow or putting a cron
 *  entry with one. It is kept in the store and holds for all gofer's producers at once, those of
 *  Go excepted. Not refused: what workers put (tasks of flows and entries that are there, on_dead,
 *  on_done), what is moved or imported, and what is there already; a worker with the setting
 *  encrypted_only does not run what is plain. required 0: plain ones are accepted, too. Repeating
 *  is fine. Errors: GOFER_EINVAL. */
GOFER_API gofer_status gofer_client_queue_encrypt(gofer_client *client, const char *queue,
    int32_t required);
/** Remove a queue with all its tasks, in bounded steps. Cut off in the middle: on SQLite the
 *  queue is gone since the first step, and housekeeping deletes the rest of its tasks; on Redis
 *  what is left of it is paused, until it is removed again. Errors: GOFER_ENOTFOUND,
 *  GOFER_ESTATE (it has active tasks; or, unless force is 1, any task). */
GOFER_API gofer_status gofer_client_queue_delete(gofer_client *client, const char *queue,
    int32_t force);
/** Spread a queue over shards, each of which may be on another server of a Redis Cluster: queues of
 *  Asynq's beside it, which gofer shows, takes from and acts on as one. Producers and workers
 *  follow within a second or two, by the queue's name alone. More shards are used at once; of fewer
 *  the others are taken from until they are empty. shards: 1 (not sharded) to 128. Repeating is
 *  fine. Errors: GOFER_EINVAL (also: the name is that of a shard), GOFER_EUNSUPPORTED (more than
 *  one, and the store is a file or memory, where there is nothing to be spread over). */
GOFER_API gofer_status gofer_client_queue_shard(gofer_client *client, const char *queue,
    int32_t shards);
/** The shards of a queue, each with the fields of gofer_client_queue and shard (its number),
 *  draining (1: it is taken from until it is empty, and not put into), server (in a Cluster: the
 *  address of its primary). A queue that is not sharded is its only shard. Errors:
 *  GOFER_ENOTFOUND. */
GOFER_API gofer_status gofer_client_queue_shards(gofer_client *client, const char *queue,
    gofer_info **out);
/** Live workers, on Redis those of Go programs too. Fields: worker (id), host, pid,
 *  started_at_ms, state ("active", "quiet", "stopping", "lacking": it has not
 *  what its tasks need, and takes fewer), concurrency, running, queues (text,
 *  "mail=3 low=1"), strict (0/1), and where the store knows them (Redis, some seconds old, at
 *  most 1000) tasks: a list of those it runs, with id, type, queue, payload (empty if large),
 *  started_at_ms, deadline_ms. Of a worker with children (gofer_worker_child) also, some seconds
 *  old: children (processes that are alive), child_restarts (those that died and were replaced),
 *  children_want and children_busy (how many tasks they run at a time, and run now: of running;
 *  concurrency is that of the slots alone), and child_processes: a list of at most 1000, with name,
 *  number, pid, state ("starting", "ready", "leaving", "ending"), running, want, processed (tasks
 *  it has ended), memory (bytes, resident), started_at_ms. */
GOFER_API gofer_status gofer_client_workers(gofer_client *client, gofer_info **out);
/** A page of them, by host and process. cursor NULL: from the start; else the text field
 *  next_cursor of the page before. limit: 1 to 1000; 0: 30. The list has the field next_cursor,
 *  missing on the last page. A page may hold fewer than limit, even none, before. Errors:
 *  GOFER_EINVAL. */
GOFER_API gofer_status gofer_client_workers_page(gofer_client *client, const char *cursor,
    int32_t limit, gofer_info **out);
/** Look for what may be wrong with the store, its settings and what is in it, beside the running
 *  work. repair 1: mend what can be mended without risk; no payload is ever deleted. A list, empty
 *  when all is well. Fields: severity ("note": nothing to do, "warning", "error"), code (a stable
 *  word), queue (missing: of several, or of the store as a whole), text, advice, examples, count,
 *  repaired (how many of them). It may take many times the client's timeout. What could not be
 *  looked at has a code that ends in "-unseen". Errors: those of the store; what was found before
 *  it failed comes all the same, so set *out to NULL before the call, and free what
 *  is there after it. */
GOFER_API gofer_status gofer_client_check(gofer_client *client, int32_t repair, gofer_info **out);
/** The same, step by step: progress (may be NULL) is told how many steps are done, of nobody knows
 *  how many, and how many things are mended, and stops it there; it must not call this client.
 *  Errors: as above; GOFER_EHANDLER (stopped by progress: what was found by then comes, too). */
GOFER_API gofer_status gofer_client_check_watched(gofer_client *client, int32_t repair,
    gofer_act_progress progress, void *user, gofer_info **out);
/** Move a page of a queue's tasks to another broker, in the states they are in: pending ones in
 *  their order, with payload, headers, result, counts, errors and times. Active ones stay. Each
 *  task is first put there under its id, then deleted here: whoever was interrupted begins again,
 *  and a task that is there already is not put there twice. So that none runs twice, pause the
 *  queue in both until the end. Only tasks move, with their groups and unique locks (but those that
 *  end by time alone): not the counts of processed and failed, nor a pause.
 *
 *  cursor  NULL: from the start (which also makes sure that the two are not the same store); else
 *          next_cursor of the call before
 *  flags   0, or GOFER_MIGRATE_COPY: delete nothing here
 *
 *  Fields: queue, state, moved, repeated (of these, how many were there already), left (not moved),
 *  reason (text: why the first of them was not), bytes, next_cursor (missing: that was all). New
 *  tasks may have come meanwhile: begin again until nothing is moved. Errors: those of the stores;
 *  GOFER_ENOTFOUND (no such queue here). */
enum { GOFER_MIGRATE_COPY = 1 };
GOFER_API gofer_status gofer_client_migrate(gofer_client *from, gofer_client *to, const char *queue,
    const char *cursor, int32_t flags, gofer_info **out);
/** Move all cron entries to another broker; with GOFER_MIGRATE_COPY they stay here too. Their ticks
 *  go on there where they ended here; what is known of earlier ticks stays. One that is there
 *  already is left as it is: whoever was interrupted calls again. Workers of both stores enqueue
 *  their ticks: copied entries tick twice.
 *
 *  Fields: moved, repeated (of these, how many were there already), left (another entry of that
 *  name is there, or it cannot be read), reason (text: why the first of them was not moved).
 *  Errors: those of the stores; GOFER_EINVAL (both are the same store). */
GOFER_API gofer_status gofer_client_migrate_schedules(gofer_client *from, gofer_client *to,
    int32_t flags, gofer_info **out);
/** Daily counts of one queue (NULL: all), newest first, at most `days` (1 to 90) of
 *  them. Fields: date ("2026-11-23", UTC), processed, failed. */
GOFER_API gofer_status gofer_client_history(gofer_client *client, const char *queue,
    int32_t days, gofer_info **out);

/* ---- Limits ----------------------------------------------------------------- */

/* What becomes of a task that has no room. */
enum {
    GOFER_OVER_WAIT = 0,             /* it waits, beside its queue, until there is some */
    GOFER_OVER_REFUSE = 1,           /* it is archived, unrun, with a text that names the key */
    GOFER_OVER_CANCEL_OLDEST = 2     /* it waits, and of those that run for the key the one that has
                                        run longest is asked to stop; of a rate it waits */
};
/* What is counted together. */
enum {
    GOFER_SCOPE_STORE = 0,           /* all queues of the store */
    GOFER_SCOPE_QUEUE = 1            /* each queue by itself */
};

/* How many tasks of a key may run. At least one of concurrency and rate is given. */
typedef struct gofer_limit_options {
    size_t  size;                    /* gofer_limit_options_init sets it */
    int64_t concurrency;             /* so many at a time, at most 1,000,000; 0: any number */
    int64_t rate;                    /* so many starts, at most 1,000,000, */
    int64_t per_ms;                  /*   in so long, at most 31 days; 0 with a rate: 1 second */
    int64_t burst;                   /* so many of them at once, at most 1,000,000; 0: what the rate
                                        allows in 100 ms, at least 1 */
    int32_t over;                    /* a GOFER_OVER_ value; of a queue's own limit only
                                        GOFER_OVER_WAIT */
    int32_t scope;                   /* a GOFER_SCOPE_ value */
} gofer_limit_options;
GOFER_API void gofer_limit_options_init(gofer_limit_options *opts);

/** Limit the tasks of a key, or change the limit that there is. It is kept in the store and holds
 *  for all who put and take tasks, at once; those that run go on.
 *
 *  name  a key as tasks name it (gofer_enqueue_options.limits), 1 to 255 bytes of UTF-8: "smtp";
 *        a prefix and '*': each key that begins so counts for itself, "smtp:*"; or "queue:NAME":
 *        all tasks of that queue count for it, without naming it
 *
 *  For a key holds the limit of exactly its name, else that of the longest prefix. What runs is
 *  counted by the leases of workers, so a worker that dies gives back what its tasks held when its
 *  leases end. A rate counts starts, those of retries too. Of the tasks that wait for a key the one
 *  of the highest priority that has waited longest is next.
 *  On a Redis Cluster workers share out what all queues may, so there it needs one that runs.
 *  Errors: GOFER_EINVAL (also: the name of queues with a '*'), GOFER_EUNSUPPORTED (a sharded queue;
 *  the store has no limits). */
GOFER_API gofer_status gofer_client_limit_put(gofer_client *client, const char *name,
    const gofer_limit_options *opts);
/** Take a limit away; who waits for it may run. Errors: GOFER_ENOTFOUND. */
GOFER_API gofer_status gofer_client_limit_remove(gofer_client *client, const char *name);
/** A page of limits, in the order of their names. cursor NULL: the first; else the list's field
 *  next_cursor, which is missing on the last page. limit 1 to 1000; 0: 100. Fields: name,
 *  concurrency, rate, per_ms, burst (each missing where it is not given), over ("wait", "refuse",
 *  "cancel-oldest"), scope ("store", "queue"). Errors: GOFER_EINVAL, GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_limits(gofer_client *client, const char *cursor, int32_t limit,
    gofer_info **out);
/** A page of the keys that tasks run for or wait for, in their order. blocked 1: only those that
 *  tasks wait for. cursor and limit as above. Fields: key, queue (of a scope QUEUE), limit (the
 *  name of its limit; missing: it has none), concurrency, rate, per_ms, burst (its limit's),
 *  running (claims of workers), waiting (tasks), next_start_at_ms (not before then, by a rate or a
 *  pause), paused_until_ms, occupant (of an ordered key: the id of the task whose turn it is). A
 *  queue's own limit is there while tasks of the queue run or wait.
 *  Keys "ordered:KEY" are those of tasks that run one after the other, "type:TYPE" those of types
 *  that are paused.
 *  Errors: as above. */
GOFER_API gofer_status gofer_client_limit_keys(gofer_client *client, int32_t blocked,
    const char *cursor, int32_t limit, gofer_info **out);
/** The same of one key: a list, with an entry for each queue that counts for itself; one entry
 *  where none does. Errors: GOFER_EINVAL, GOFER_ENOTFOUND (no limit is its, and no task runs or
 *  waits for it), GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_limit_key(gofer_client *client, const char *key,
    gofer_info **out);
/** No task of this key starts for so long (0: that is over; at most 31 days), whatever its limit.
 *  A shorter time than what is left of an earlier call changes nothing. Errors: GOFER_EINVAL,
 *  GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_limit_pause(gofer_client *client, const char *key, int64_t ms);

/* ---- Guards ----------------------------------------------------------------- */

/** Let no task of a type be taken from now on, in whatever queue; those that run go on, and those
 *  of other types, too. It is kept in the store, for all workers (but Go's) and until it is
 *  unpaused: at once on SQLite, at most a second later on Redis. Tasks of it wait beside their
 *  queue, pending, and come back in their order.
 *
 *  type  a type of task, or a prefix and '*': "mail:*"; at most 250 bytes
 *
 *  Repeating is fine. Errors: GOFER_EINVAL, GOFER_EFULL (100 are paused already),
 *  GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_type_pause(gofer_client *client, const char *type);
/** The end of that, by the name that was paused. */
GOFER_API gofer_status gofer_client_type_unpause(gofer_client *client, const char *type);
/** What is paused so, in the order of the names, and behind it what is closed by its hours (below)
 *  and not paused. Fields: type, paused_at_ms (if it is paused), waiting (tasks that were next and
 *  wait for it; others may stand in line behind those), closed (1 if it is), closed_until_ms.
 *  Errors: GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_types_paused(gofer_client *client, gofer_info **out);

/** Let tasks of a queue or a type be taken at certain hours alone, or change these. It is kept in
 *  the store, for all workers (but Go's), and holds within a second. Outside of its hours a queue
 *  or a type is closed: its tasks wait, pending, and come back in their order when it opens; those
 *  that run go on.
 *
 *  name   "queue:NAME"; or "type:TYPE", where TYPE may be a prefix and '*', of at most 250 bytes
 *  hours  windows on days of the week, the zone of their times (none: UTC), and dates without
 *         hours: "mon-fri 01:00-05:00, sat Europe/Rome; not 2026-12-25" (docs/guards.md); at most
 *         1000 bytes of ASCII
 *
 *  Errors: GOFER_EINVAL (says what is wrong where; also: no such zone), GOFER_EFULL (100 have hours
 *  already), GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_hours_put(gofer_client *client, const char *name,
    const char *hours);
/** Take hours away: it is open at any time. Errors: GOFER_EINVAL, GOFER_ENOTFOUND,
 *  GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_hours_remove(gofer_client *client, const char *name);
/** The hours there are, in the order of the names, or of one name alone (NULL: of all), and how it
 *  is by the store's clock. Fields: name, hours, closed, closed_until_ms or open_until_ms (missing:
 *  nothing changes within a year), waiting (of a type: tasks that were next and wait for it), error
 *  (why they cannot be read here; so they are closed). Errors: GOFER_EINVAL, GOFER_ENOTFOUND,
 *  GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_hours(gofer_client *client, const char *name,
    gofer_info **out);
/* When a type's circuit breaker opens, and for how long. Fields: 0 is the default. */
typedef struct gofer_breaker_options {
    size_t  size;                    /* gofer_breaker_options_init sets it */
    int32_t failures;                /* opens when so many percent of the attempts fail, 1 to 100;
                                        0: 50 */
    int32_t min;                     /* of at least so many, 1 to 1,000,000; 0: 20 */
    int64_t window_ms;               /* that ended in so long, 1 s to 1 day; 0: 60 s */
    int64_t open_ms;                 /* no task is taken for so long, 2 s to 1 day; 0: 30 s */
} gofer_breaker_options;
GOFER_API void gofer_breaker_options_init(gofer_breaker_options *opts);

/** Watch a type by a circuit breaker, or change its rule. It counts the attempts that end, and
 *  those that fail; when it opens no task of the type is taken. After open_ms it is half open: it
 *  lets through 1, then 2, then 4, and closes when all of these have succeeded; one that fails
 *  opens it again. A snooze, the stop of a worker and a cancelled task are no failures.
 *
 *  name  "type:" and a type of task, or a prefix and '*': "type:mail:*"; the type at most 250 bytes
 *  opts  NULL: the defaults
 *
 *  Errors: GOFER_EINVAL, GOFER_EEXIST (another breaker has some of these types), GOFER_EFULL (there
 *  are 100 already), GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_breaker_put(gofer_client *client, const char *name,
    const gofer_breaker_options *opts);
/** Take a breaker away; who waits for it may run. Errors: GOFER_ENOTFOUND. */
GOFER_API gofer_status gofer_client_breaker_remove(gofer_client *client, const char *name);
/** Close one that is open, whatever it waits for. Errors: GOFER_ENOTFOUND. */
GOFER_API gofer_status gofer_client_breaker_close(gofer_client *client, const char *name);
/** All of them, in the order of their types; the state is "closed", "open" or "half_open". Fields:
 *  type, state, failures, min, window_ms, open_ms, ended and failed (in the window), waiting; of
 *  one that is not closed opened_at_ms, until_ms, let_through, succeeded.
 *  Errors: GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_breakers(gofer_client *client, gofer_info **out);

/* ---- Flows ------------------------------------------------------------------ */

/* How a step that another comes after must have ended for that one to run; else it is skipped. */
enum {
    GOFER_AFTER_SUCCESS = 0,         /* done */
    GOFER_AFTER_FAILURE = 1,         /* archived, cancelled, expired, revoked or deleted */
    GOFER_AFTER_ALWAYS = 2           /* in any of these ways, or skipped */
};
/* What a step that fails makes of the others. */
enum {
    GOFER_FLOW_STOP = 0,             /* nothing new begins but steps that come after another by
                                        GOFER_AFTER_FAILURE or _ALWAYS; the rest is skipped */
    GOFER_FLOW_CANCEL = 1,           /* the same, and tasks that run or wait are cancelled */
    GOFER_FLOW_CONTINUE = 2          /* only steps that come after it are skipped */
};
enum {
    GOFER_FLOW_PAUSE = 0,            /* no step begins; those that have go on */
    GOFER_FLOW_RESUME = 1,
    GOFER_FLOW_ABORT = 2,            /* no step begins, tasks that run or wait are cancelled */
    GOFER_FLOW_RETRY = 3             /* failed steps run again, skipped ones wait anew */
};
enum {
    GOFER_FLOW_STEPS_MAX = 10000,    /* of a plan, and with those that are made of lists */
    GOFER_FLOW_AFTER_MAX = 64,       /* names in a step's `after`; a prefix and '*' is one */
    GOFER_FLOW_LINKS_MAX = 200000,   /* of all steps to those that they come after */
    GOFER_FLOW_BYTES_MAX = 1 << 20   /* of names, types, payloads and options of a plan */
};

/* A step: a task to be, and what it comes after. */
typedef struct gofer_flow_step {
    size_t             size;         /* gofer_flow_step_init sets it */
    const char        *name;         /* 1 to 128 bytes of UTF-8, no '*'; told apart by it */
    const char        *type;
    const void        *payload;
    size_t             payload_size;
    const gofer_enqueue_options *opts;   /* NULL: every default. Without task_id, unique_ms, group,
                                        debounce_ms and replace; delay_ms counts from when the step
                                        may run */
    const char *const *after;        /* names of steps, or prefixes and '*' ("part-*": all steps
                                        whose names begin so), NULL at the end; NULL: it runs at
                                        once */
    const int32_t     *rules;        /* a GOFER_AFTER_ value for each; NULL: success */
    const char        *each;         /* the name of a step whose result is a list (JSON): this one
                                        is run for each item of it, with the item as its payload.
                                        Without payload, after and rules of its own. NULL: once */
} gofer_flow_step;
GOFER_API void gofer_flow_step_init(gofer_flow_step *step);

typedef struct gofer_flow_options {
    size_t      size;                /* gofer_flow_options_init sets it */
    const char *flow_id;             /* 1 to 200 bytes without '/'; NULL: a fresh UUID */
    int64_t     deadline_ms;         /* not done by then it is cancelled; Unix ms; 0: none */
    int64_t     retention_ms;        /* how long it is kept when it has ended; 0: a day */
    int32_t     on_dead;             /* GOFER_FLOW_STOP, _CANCEL or _CONTINUE */
} gofer_flow_options;
GOFER_API void gofer_flow_options_init(gofer_flow_options *opts);

/** Start a flow: steps that run after one another, each a task. When it returns GOFER_OK the flow
 *  is durable, and what comes after nothing is in its queue. The task of the step n (from 0) has
 *  the id "FLOW:n". The steps may stand in any order.
 *
 *  What a step with `each` is run for is what the step that it names has left: a JSON array, or
 *  {"items": array, "more": payload}; then that step runs once more, with this payload, for what
 *  comes behind. An item is a payload: a string is its text, {"base64": text} bytes, all else the
 *  JSON itself. Each makes a step, "NAME.1" and on; a result that is no such list, or makes more
 *  steps than there may be, is a failure of the step that has left it. The step with `each` ends
 *  when all of them have: what comes after it comes after them, and its result is the array of
 *  theirs, in order. Encrypted payloads cannot be made so (GOFER_EUNSUPPORTED).
 *
 *  id_out  NULL, or receives the flow's id; free with gofer_free
 *
 *  The same id with the same plan answers GOFER_OK and starts nothing, so a repeat is safe while
 *  the flow is kept. Nothing is written unless the plan is whole.
 *  Errors: GOFER_EINVAL (the text names the step: a name that is there twice or not at all, steps
 *  that wait for each other, more than there may be), GOFER_ETOOBIG, GOFER_EEXIST (the id is that
 *  of another plan), GOFER_EUNSUPPORTED (the store has no flows), and those of the store. */
GOFER_API gofer_status gofer_client_flow_start(gofer_client *client, size_t count,
    const gofer_flow_step *const *steps, const gofer_flow_options *opts, char **id_out);
/** A flow and its steps. Fields: id, state ("running", "paused", "done", "failed", "cancelled",
 *  "expired"), on_dead ("stop", "cancel", "continue"), total, ended, failed (steps), created_at_ms,
 *  ended_at_ms, deadline_ms, expires_at_ms (is gone then), steps: a list with name, state
 *  ("waiting", "ready": a paused flow's; a task's state; "done", "archived", "cancelled",
 *  "expired", "revoked", "deleted"; "skipped"), id, type, queue (of its task), after (names, with
 *  ":failure" or ":always"; one in a line), error, ended_at_ms, result_size, and of those with
 *  `each` made, made_ended, made_failed; steps that were made so stand at the end, with made_of.
 *  Errors: GOFER_ENOTFOUND, GOFER_EINVAL, GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_flow(gofer_client *client, const char *id, gofer_info **out);
/** A page of flows, the latest first, without their steps. state NULL: any. cursor NULL: the first;
 *  else the list's field next_cursor, which is missing on the last page. limit 1 to 1000; 0: 100.
 *  Errors: GOFER_EINVAL, GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_flows(gofer_client *client, const char *state,
    const char *cursor, int32_t limit, gofer_info **out);
/** Act on a flow: act is GOFER_FLOW_PAUSE, _RESUME, _ABORT or _RETRY; step NULL: all of it, else
 *  the one failed step (or what was made of it) that is to be retried. To retry a flow that was
 *  cancelled is to go on with it. Errors: GOFER_EINVAL, GOFER_ENOTFOUND, GOFER_ESTATE (it has
 *  ended; nothing of it has failed), GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_flow_act(gofer_client *client, const char *id,
    const char *step, int32_t act);
/** Wait until a flow has ended; looks a few times a second. timeout_ms 0: only look; negative: for
 *  ever. *out: the fields of a flow, without its steps. Errors: GOFER_ETIMEOUT (also by
 *  gofer_client_interrupt), GOFER_ENOTFOUND, GOFER_EINVAL, GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_flow_wait(gofer_client *client, const char *id,
    int64_t timeout_ms, gofer_info **out);
/** The result of a step that is done, for as long as the flow is kept; free with gofer_free. *bytes
 *  NULL: it has none. Of a step with `each`: a JSON array of those of all that was made, in order:
 *  what is no JSON is a string, or {"base64": text}; nothing is null.
 *  Errors: GOFER_ENOTFOUND (no such flow or step), GOFER_ESTATE (it is not done),
 *  GOFER_EINVAL, GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_flow_result(gofer_client *client, const char *id,
    const char *step, void **bytes, size_t *size);
/** How large the share of a tenant in a queue is: of what waits there of all its tenants
 *  (gofer_enqueue_options.tenant) weight tasks of this one are taken while one is of a tenant
 *  without a weight. Holds for all that get in line from now on; the queue is made if it is new.
 *
 *  queue   NULL: "default"
 *  tenant  1 to 255 bytes of UTF-8
 *  weight  1 to GOFER_TENANT_WEIGHT_MAX
 *
 *  Errors: GOFER_EINVAL, GOFER_EUNSUPPORTED (the store has no fair lines). */
GOFER_API gofer_status gofer_client_tenant_put(gofer_client *client, const char *queue,
    const char *tenant, int32_t weight);
/** Its weight is 1 again, as that of all others. Errors: GOFER_ENOTFOUND (it had none). */
GOFER_API gofer_status gofer_client_tenant_remove(gofer_client *client, const char *queue,
    const char *tenant);
/** A page of a queue's tenants that have a weight or tasks that wait, in the order of their names.
 *  cursor NULL: the first; else the list's field next_cursor, which is missing on the last page.
 *  limit 1 to 1000; 0: 100. Fields: tenant, queue, weight, waiting (about how many of its tasks
 *  wait: it is told by the order they are in). Errors: GOFER_EINVAL, GOFER_ENOTFOUND (no such
 *  queue). */
GOFER_API gofer_status gofer_client_tenants(gofer_client *client, const char *queue,
    const char *cursor, int32_t limit, gofer_info **out);
/** A list of one: this tenant, as above. Errors: GOFER_ENOTFOUND (it has neither a weight nor a
 *  task that waits). */
GOFER_API gofer_status gofer_client_tenant(gofer_client *client, const char *queue,
    const char *tenant, gofer_info **out);

/* ---- The audit: who did what ------------------------------------------------ */

/* An act. Texts are cut to the bytes given here and what is no UTF-8 is replaced: a record is not
 * refused for what is in it. Never put payloads there. */
typedef struct gofer_audit {
    size_t      size;       /* gofer_audit_init sets it */
    const char *actor;      /* who: 128; not empty */
    const char *via;        /* by what: "web", "cli", "top" or a word of yours: 16; not empty */
    const char *address;    /* where he came from: 64; NULL: nowhere */
    const char *act;        /* a stable word such as "queue.pause": 64; not empty */
    const char *queue;      /* the queue, if it was about one: 255; NULL */
    const char *target;     /* what it was done to: a task's id, a schedule's name, a filter: 512;
                               NULL */
    const char *outcome;    /* a status' name, or a word: 32; NULL: "ok" */
    const char *message;    /* why it failed: 512; NULL */
    int64_t     count;      /* how many it was done to */
    int64_t     keep;       /* from now on the store keeps the latest so many (1 to 1,000,000);
                               0: as many as before, 10,000 at first */
} gofer_audit;
GOFER_API void gofer_audit_init(gofer_audit *record);
/** Note an act, with the store's time. Errors: GOFER_EINVAL, GOFER_EDENIED (an ACL of Redis without
 *  asynq:gofer:audit), GOFER_EUNSUPPORTED, those of the store. Then it is not noted, and what was
 *  done is done; after GOFER_EUNCERTAIN it may be. */
GOFER_API gofer_status gofer_client_audit_add(gofer_client *client, const gofer_audit *record);

/* Which records are meant: all that match everything given. */
typedef struct gofer_audit_filter {
    size_t      size;       /* gofer_audit_filter_init sets it */
    const char *actor;      /* an actor, or a prefix ending in '*' */
    const char *act;        /* an act, or a prefix ending in '*': "task.*" */
    int64_t     since_ms;   /* none before this time */
} gofer_audit_filter;
GOFER_API void gofer_audit_filter_init(gofer_audit_filter *filter);
/** A page of the audit, newest first. filter NULL: all. cursor NULL: the newest; else the list's
 *  field next_cursor, which is missing on the last page. limit 1 to 1000; 0: 30. With a filter a
 *  page may hold fewer, even none, before the last: one call looks at 10,000 records at the most.
 *  Fields: at_ms, actor, via, address, act, queue, target, outcome, message, count; what does not
 *  apply is missing. Errors: GOFER_EINVAL, GOFER_EUNSUPPORTED. */
GOFER_API gofer_status gofer_client_audit(gofer_client *client, const gofer_audit_filter *filter,
    const char *cursor, int32_t limit, gofer_info **out);

/* ---- Tasks, inside a handler ---------------------------------------------- */

/* What became of an attempt. A handler returns one; any other number is a failure
 * whose text names it. */
enum {
    GOFER_DONE = 0,       /* success */
    GOFER_RETRY = 1,      /* failed: again later, or archived when out of retries */
    GOFER_SKIP_RETRY = 2, /* failed for good: archived now */
    GOFER_REVOKE = 3,     /* drop it: neither retried nor archived */
    GOFER_REQUEUE = 4,    /* not run: back to the head of its queue, attempt not counted */
    GOFER_SNOOZE = 5      /* not now: again after a delay, attempt not counted; see
                             gofer_task_snooze */
};

/** The task's identity and content; borrowed until the handler returns. */
GOFER_API const char *gofer_task_id(const gofer_task *task);
GOFER_API const char *gofer_task_type(const gofer_task *task);
GOFER_API const char *gofer_task_queue(const gofer_task *task);
/** Never NULL; *size (may be NULL) receives the length. A NUL follows the last byte. */
GOFER_API const void *gofer_task_payload(const gofer_task *task, size_t *size);
/** 1 for the first run. */
GOFER_API int32_t gofer_task_attempt(const gofer_task *task);
GOFER_API int32_t gofer_task_max_retry(const gofer_task *task);
/** When this attempt must end, Unix ms; 0: no limit. */
GOFER_API int64_t gofer_task_deadline_ms(const gofer_task *task);
/** The same as time left; 0 when it is over; GOFER_MAX_DURATION_MS: no limit. */
GOFER_API int64_t gofer_task_remaining_ms(const gofer_task *task);
/** When it was enqueued, Unix ms; 0: unknown. */
GOFER_API int64_t gofer_task_enqueued_at_ms(const gofer_task *task);
/** Value of a header, borrowed; NULL if missing. */
GOFER_API const char *gofer_task_header(const gofer_task *task, const char *key);
GOFER_API size_t gofer_task_header_count(const gofer_task *task);
/** The i-th header; both borrowed. Errors: GOFER_EINVAL past the end. */
GOFER_API gofer_status gofer_task_header_at(const gofer_task *task, size_t index,
    const char **key, const char **value);
/** The W3C trace context that the task's run is within: that of the worker's span, if it makes any
 *  (gofer_task_trace), else that of the task's own headers traceparent and tracestate. For what the
 *  handler calls; tasks that it enqueues on its thread carry it already. NULL: none, or malformed.
 *  Borrowed. */
GOFER_API const char *gofer_task_traceparent(const gofer_task *task);
GOFER_API const char *gofer_task_tracestate(const gofer_task *task);
/** The text of the last failed attempt, borrowed; NULL on the first run. */
GOFER_API const char *gofer_task_last_error(const gofer_task *task);
/** Which slot runs it: a number that no two running tasks of a worker share, reused
 *  afterwards. For per-slot state such as an interpreter. -1 for pulled tasks. */
GOFER_API int32_t gofer_task_slot(const gofer_task *task);
/** The client the worker runs on, so that a handler can enqueue. Borrowed. */
GOFER_API gofer_client *gofer_task_client(const gofer_task *task);

enum {
    GOFER_CANCEL_NONE = 0,
    GOFER_CANCEL_TIMEOUT = 1,  /* the deadline has passed */
    GOFER_CANCEL_STOP = 2,     /* the worker is stopping and the grace is over */
    GOFER_CANCEL_LEASE = 3,    /* the lease was lost: somebody else may run it */
    GOFER_CANCEL_REQUEST = 4   /* somebody asked */
};
/** Should the handler stop, and why: a GOFER_CANCEL_ value. Cheap; any thread. */
GOFER_API int32_t gofer_task_cancelled(const gofer_task *task);

/** 1 once the worker has begun to stop (or the task was cancelled): a long task that can be resumed
 *  saves a checkpoint and returns GOFER_REQUEUE. Cheap; any thread. */
GOFER_API int32_t gofer_task_stopping(const gofer_task *task);

/** Keep bytes with the task for its next start, after a retry, a snooze, a stop or a crash; at most
 *  1 MiB, size 0 removes them. Stored within a second, and always with the outcome. Replaces the
 *  one before. Any thread.
 *  Errors: GOFER_ETOOBIG, GOFER_ENOMEM. */
GOFER_API gofer_status gofer_task_checkpoint(gofer_task *task, const void *bytes, size_t size);
/** The checkpoint that an earlier start has left, borrowed until the handler returns; *bytes NULL:
 *  none. To be called before this run keeps one of its own; asks the store the first time, and only
 *  if there may be one. The handler's thread.
 *  Errors: those of the store, GOFER_ESTALE. */
GOFER_API gofer_status gofer_task_resume(gofer_task *task, const void **bytes, size_t *size);

/** The result of another step of the flow that this task is of, by the step's name; free with
 *  gofer_free. *bytes NULL: it has none. Asks the store. The handler's thread.
 *  Errors: GOFER_ESTATE (the task is of no flow; the step is not done), GOFER_ENOTFOUND (no such
 *  step), GOFER_EINVAL, and those of the store. */
GOFER_API gofer_status gofer_task_parent(gofer_task *task, const char *step, void **bytes,
    size_t *size);

/** Report progress; total 0: unknown; text may be NULL. Kept with the task and shown
 *  by inspection within a second; cheap enough for a tight loop. Any thread while
 *  the handler runs. Errors: GOFER_EINVAL (negative, done > total > 0, not UTF-8). */
GOFER_API gofer_status gofer_task_progress(gofer_task *task, int64_t done, int64_t total,
    const char *text);
/** Set the result, kept with the completed task for its retention. Replaces an
 *  earlier one. Errors: GOFER_ETOOBIG, GOFER_ENOMEM. */
GOFER_API gofer_status gofer_task_result(gofer_task *task, const void *bytes, size_t size);
/** Write a line to the worker's log, with the task's id, type and queue, and keep it with the task
 *  (the latest 64 KiB; "debug" lines are not kept). Any thread. */
GOFER_API void gofer_task_log(gofer_task *task, int32_t level, const char *text);

/** Set the error text and give back the outcome to return:
 *      return gofer_task_fail(task, "mail server said 451");
 *  text is copied, made valid UTF-8, cut at 8 KiB. */
GOFER_API int32_t gofer_task_fail(gofer_task *task, const char *text);       /* GOFER_RETRY */
GOFER_API int32_t gofer_task_skip_retry(gofer_task *task, const char *text); /* GOFER_SKIP_RETRY */
GOFER_API int32_t gofer_task_revoke(gofer_task *task, const char *text);     /* GOFER_REVOKE */
/** GOFER_REQUEUE, because the worker itself lacks what the task needs: descriptors, processes,
 *  memory, a place for files. The task goes back and no attempt is counted; the worker takes fewer
 *  until there is room again, warns once, and is shown as "lacking". Not for what another worker
 *  lacks just as well. */
GOFER_API int32_t gofer_task_want(gofer_task *task, const char *text);
/** GOFER_RETRY, with a delay of the handler's own choice instead of the policy's. */
GOFER_API int32_t gofer_task_retry_in(gofer_task *task, int64_t delay_ms, const char *text);
/** GOFER_SNOOZE: the task is put off by delay_ms without using an attempt. Bounded by the worker's
 *  setting "snooze_limit"; beyond it a snooze is a failure. text may be NULL. */
GOFER_API int32_t gofer_task_snooze(gofer_task *task, int64_t delay_ms, const char *text);
/** GOFER_SNOOZE until ms are over, and no other task of this limit key starts before then either:
 *  what a server's "429 Too Many Requests" with a Retry-After asks for. The key need not be one
 *  that the task names. Waits for the store; when that fails the task is put off all the same, and
 *  the log says why the others are not. text may be NULL. */
GOFER_API int32_t gofer_task_limit_pause(gofer_task *task, const char *key, int64_t ms,
    const char *text);
/** The text set so far, borrowed; NULL if none. */
GOFER_API const char *gofer_task_error(const gofer_task *task);

/* ---- Worker --------------------------------------------------------------- */

/** Runs one task and returns a GOFER_DONE... value. Called on a library thread,
 *  many at a time; everything it is given is borrowed for the call. */
typedef int32_t (*gofer_handler)(gofer_task *task, void *user);
/** Wraps handlers: does its part, calls gofer_task_next(task) once (or not at all),
 *  and returns an outcome. */
typedef int32_t (*gofer_middleware)(gofer_task *task, void *user);
/** Told of each failed attempt, after the decision: outcome as above, text never NULL. */
typedef void (*gofer_error_hook)(gofer_task *task, int32_t outcome, const char *text, void *user);
/** Delay before the next attempt, in ms; negative: use the default. retried: failures
 *  before this one. */
typedef int64_t (*gofer_retry_delay_hook)(gofer_task *task, int32_t retried, const char *text,
    void *user);
/** 0: this is not a failure: retried after the delay, but counted neither as a failure
 *  nor as an attempt. */
typedef int32_t (*gofer_is_failure_hook)(gofer_task *task, const char *text, void *user);
/** Releases a callback's user pointer when the worker is freed. */
typedef void (*gofer_drop)(void *user);

/* How a run came to its end. New fields are appended. */
typedef struct gofer_task_end {
    size_t      size;
    const char *outcome;   /* as in events: "done", "retried", "archived", "revoked", "requeued",
                              "snoozed", "cancelled" or "expired" */
    const char *kind;      /* as in the task's history: "done", "failed", "skipped", "timeout",
                              "lost", "crashed", "snoozed", "cancelled", "interrupted", ... */
    const char *text;      /* what went wrong; NULL: nothing */
    int64_t     ran_ns;    /* nanoseconds since its begin; -1: it was not begun */
    int32_t     is_failure;/* 1: it counts as a failed attempt */
} gofer_task_end;
/** Told of a run that is about to begin, of any kind of handler. */
typedef void (*gofer_start_hook)(gofer_task *task, void *user);
/** Told of its end, once it is decided what becomes of the task; the store is told afterwards. */
typedef void (*gofer_end_hook)(gofer_task *task, const gofer_task_end *end, void *user);

/** Make a worker on a client's broker. It starts nothing. Several may share a client.
 *  Errors: GOFER_ENOMEM, GOFER_EFORKED. */
GOFER_API gofer_status gofer_worker_new(gofer_worker **out, gofer_client *client);
/** Stop if need be (as two gofer_worker_stop calls would), wait, free. NULL is fine. A handler
 *  that does not come back within 2 s is left behind with what it uses: that memory, its plugin and
 *  the open store stay; its late outcome is ignored and its gofer_task_client is NULL from then on.
 *  The same goes for pulled tasks that are not finished: gofer_worker_finish may be called for them
 *  later, no other function of the worker. */
GOFER_API void gofer_worker_free(gofer_worker *worker);

/** Set one knob by name, before start. Known: "concurrency" (1 to 10000, default: number
 *  of cores, at least 4), "strict" (0/1: strict priority in place of weights), "grace"
 *  (duration, 8s), "lease" (duration, 1s to 1h, 30s), "drain" (0/1: stop when nothing is pending,
 *  active, scheduled or to be retried in the queues but tasks of types without a handler here:
 *  the figure "unhandled" of gofer_worker_stats tells how many), "crash_limit" (crashes of
 *  workers that a task may be charged with; it is archived at the next, 3), "max_prefetch" (tasks,
 *  1000), "gather_us" (microseconds that tasks may gather between two exchanges with the store
 *  while others come in that time, 500, at most 100000; 0: each is fetched at once),
 *  "retry_delay_max" (duration, 0: none), "no_handler_delay" (duration for which a task is put off
 *  that no handler is for, 30s, at least 1s),
 *  "lost_after" (duration a handler may stay after its deadline, 5s), "pull" (0/1), "stack"
 *  (bytes of each slot's stack, 256 KiB; at least 128 KiB), "log_level" (debug, info, warn, error;
 *  info), "snooze_limit" (snoozes of one task, 1000), "group_grace" (duration since the latest task
 *  of a group, 60s, at least 1s), "group_max_delay" (duration since the oldest, 0: none),
 *  "group_max_size" (tasks, 0: none), "schedule" (0/1: serve cron entries, 1). "concurrency" may be
 *  set after start too.
 *  Errors: GOFER_EINVAL (unknown key: the text names the nearest; bad value), GOFER_ESTATE. */
GOFER_API gofer_status gofer_worker_set(gofer_worker *worker, const char *key, const char *value);
/** Serve a queue, or with a name that ends in '*' ("mail:*") every queue whose name begins so, new
 *  ones within some seconds; weight 1 to 1000. Without any: "default", and the queues that children
 *  name (gofer_worker_child). With "strict" a higher weight comes first, always. Errors:
 *  GOFER_EINVAL, GOFER_ESTATE (started). */
GOFER_API gofer_status gofer_worker_queue(gofer_worker *worker, const char *queue, int32_t weight);

/** Register a handler. pattern: a type ("email:welcome"), or a prefix ending in '*'
 *  ("email:*", "*"). An exact match wins over prefixes, a longer prefix over a shorter.
 *  drop may be NULL. On failure drop is not called.
 *  Errors: GOFER_EINVAL, GOFER_EEXIST (same pattern), GOFER_ESTATE. */
GOFER_API gofer_status gofer_worker_handle(gofer_worker *worker, const char *pattern,
    gofer_handler handler, void *user, gofer_drop drop);
/** Wrap all handlers; the first added is the outermost. */
GOFER_API gofer_status gofer_worker_use(gofer_worker *worker, gofer_middleware middleware,
    void *user, gofer_drop drop);
/** In middleware: run the rest of the chain; returns its outcome. */
GOFER_API int32_t gofer_task_next(gofer_task *task);
/** Set a hook (NULL: remove it). Errors: GOFER_ESTATE. */
GOFER_API gofer_status gofer_worker_on_error(gofer_worker *worker, gofer_error_hook hook,
    void *user);
GOFER_API gofer_status gofer_worker_on_retry_delay(gofer_worker *worker,
    gofer_retry_delay_hook hook, void *user);
GOFER_API gofer_status gofer_worker_on_is_failure(gofer_worker *worker, gofer_is_failure_hook hook,
    void *user);

/** Watch the runs of all handlers: C, Lua, commands, plugins, children and pulled tasks. start may
 *  set the trace context (gofer_task_trace). It is called right before the handler or, for a task
 *  that a child is given, before that has it: it may begin a little later, or be given to another
 *  child, without a second call. Not for tasks of children that say they make spans themselves
 *  (docs/children.md). end is called for each task that was decided about, also for one that had no
 *  start, as it came too late or has no handler here; not for one that goes back to the store
 *  unstarted. Either may be NULL. Both are called without a lock on the thread that runs the task,
 *  or one of the children's: what takes time there delays tasks. Any number of watchers; no slot is
 *  taken for them, as middleware of children's tasks takes one. Errors: GOFER_EINVAL, GOFER_ESTATE,
 *  GOFER_ENOMEM. */
GOFER_API gofer_status gofer_worker_watch(gofer_worker *worker, gofer_start_hook start,
    gofer_end_hook end, void *user, gofer_drop drop);
/** In a start hook: the trace context that the run is within, such as that of a span which the hook
 *  makes. It is what gofer_task_traceparent tells from then on, what commands and children are
 *  given, and what tasks carry that the handler enqueues. tracestate may be NULL, and is passed
 *  over if it is malformed. Copied. Errors: GOFER_EINVAL (malformed), GOFER_ENOMEM. */
GOFER_API gofer_status gofer_task_trace(gofer_task *task, const char *traceparent,
    const char *tracestate);
/** Figures of whoever exports spans of this worker's tasks, to be told by gofer_worker_stats:
 *  added to those of before. Any thread, until the worker is freed. */
GOFER_API void gofer_worker_count_spans(gofer_worker *worker, int64_t exported, int64_t dropped);

/** Run an external command for a pattern: argv[0] is looked up in PATH now. No shell.
 *  The payload is its standard input; GOFER_TASK_ID, _TYPE, _QUEUE, _ATTEMPT, _DEADLINE (Unix
 *  seconds, only if there is one), GOFER_FLOW (of a flow's step), GOFER_URL and the task's headers
 *  (GOFER_HEADER_NAME) are in its environment, and its trace context as TRACEPARENT and TRACESTATE
 *  (gofer_task_traceparent).
 *  Standard output, up to the result limit, becomes the result; the last lines of
 *  standard error become the error text. Exit code 0: done, 75: retry, 100: skip retry, others:
 *  failed; death by signal is a failure that names it. A line protocol on the file descriptor named
 *  in GOFER_FD tells progress, log lines, checkpoints and snoozes (docs/handlers.md). At the
 *  deadline or when the worker stops its process group gets TERM, 2 s later KILL; so it does when
 *  the task is cancelled. argv: NULL-terminated, copied. Errors: as handle; GOFER_ENOTFOUND (no
 *  such command), GOFER_EDENIED (not executable). */
GOFER_API gofer_status gofer_worker_exec(gofer_worker *worker, const char *pattern,
    const char *const *argv);

/* How children are kept. */
typedef struct gofer_child_options {
    size_t  size;             /* gofer_child_options_init sets it */
    int64_t max_memory;       /* bytes resident: over it a child makes way for a new one, over twice
                                 as much it is ended; 0: no bound */
    int64_t max_age_ms;       /* after so long a child makes way for a new one; 0: never */
    int64_t start_timeout_ms; /* until it has said hello; 0: 30 s */
    int32_t max_tasks;        /* after so many tasks a child makes way for a new one; 0: never */
    int32_t processes;        /* so many at a time, at most 256; 0: 1 */
    const char *name;         /* what log and messages call them; NULL: the pattern, or else the
                                 program; copied */
} gofer_child_options;
GOFER_API void gofer_child_options_init(gofer_child_options *opts);
/** Run the tasks of a pattern in children: processes that live on from task to task and speak
 *  frames on a socket (docs/children.md). argv[0] is looked up in PATH now. No shell. The children
 *  are started by gofer_worker_start, which waits until one of them is ready, and registers the
 *  types that it names; pattern NULL: these alone. It makes them the aggregators of the groups that
 *  it names. A worker without gofer_worker_queue serves
 *  "default" and the queues that its children name, each with weight 1. Hooks run on a thread of
 *  the children's. With middleware each task that they run at a time has a slot, beside those of
 *  "concurrency", in which middleware and hooks run. argv: NULL-terminated, copied. opts: NULL: all
 *  defaults. Errors: as gofer_worker_exec. */
GOFER_API gofer_status gofer_worker_child(gofer_worker *worker, const char *pattern,
    const char *const *argv, const gofer_child_options *opts);
/** The retry policy of the types that match a pattern (as in gofer_worker_handle); a task's own
 *  option wins. policy: "exponential" (Asynq's: n^4 + 15 s and some chance), "exponential:BASE"
 *  (BASE doubled each time, half of it by chance), "fixed:D", "linear:D" (D more each time),
 *  "list:D,D,..." (the last one repeated); then optionally ";cap=D" and ";jitter=P%" (up to so much
 *  more, by chance). D: as gofer_parse_duration.
 *  Errors: GOFER_EINVAL, GOFER_EEXIST (same pattern), GOFER_ESTATE. */
GOFER_API gofer_status gofer_worker_retry(gofer_worker *worker, const char *pattern,
    const char *policy);

typedef struct gofer_group gofer_group; /* tasks that an aggregator makes one of; for the call */

/** Makes one task of a group's, by gofer_group_combine, and returns 0; anything else puts them back
 *  into the group, to be tried again. Called on a library thread. */
typedef int32_t (*gofer_aggregator)(gofer_group *group, void *user);
GOFER_API const char *gofer_group_name(const gofer_group *group);
GOFER_API const char *gofer_group_queue(const gofer_group *group);
GOFER_API size_t gofer_group_count(const gofer_group *group);
/** The i-th task, the oldest first, for the getters of id, type, payload and headers. Borrowed;
 *  NULL past the end. */
GOFER_API const gofer_task *gofer_group_at(const gofer_group *group, size_t index);
/** What they become: a task in the same queue, put in and they deleted in one step, so that none
 *  runs twice. Copied; the last call holds. opts: no queue, task_id, group or unique. Errors: as
 *  enqueue's for its arguments. */
GOFER_API gofer_status gofer_group_combine(gofer_group *group, const char *type,
    const void *payload, size_t size, const gofer_enqueue_options *opts);
/** Say why nothing came of it, for the worker's log, and give back what the
 *  aggregator is to return (1):
 *      return gofer_group_fail(group, "no template");
 *  text is copied, made valid UTF-8, cut at 1 KiB. */
GOFER_API int32_t gofer_group_fail(gofer_group *group, const char *text);
/** Aggregate the groups whose names match (a name, or a prefix ending in '*') in the queues this
 *  worker serves. See the settings group_grace, group_max_delay, group_max_size. Errors: as
 *  gofer_worker_handle. */
GOFER_API gofer_status gofer_worker_aggregate(gofer_worker *worker, const char *pattern,
    gofer_aggregator aggregator, void *user, gofer_drop drop);
/** The same by a command: its standard input is a JSON array of the tasks ({"id","type","payload"}
 *  with the payload as text, or {"base64":...}), its standard output the payload of the combined
 *  task, whose type is `type`. GOFER_GROUP and GOFER_TASK_QUEUE are in its environment. Any exit
 *  code but 0: put back. Errors: as gofer_worker_exec. */
GOFER_API gofer_status gofer_worker_aggregate_exec(gofer_worker *worker, const char *pattern,
    const char *type, const char *const *argv);
/** Keep the cron entries of this file (docs/schedules.md) in the broker, and follow its changes
 *  while the worker runs. May be called for several files. Errors: GOFER_ENOTFOUND, GOFER_EINVAL
 *  (not well-formed now), GOFER_ESTATE (started). */
GOFER_API gofer_status gofer_worker_schedule_file(gofer_worker *worker, const char *path);

/** Load a plugin: a shared object that exports
 *      int32_t gofer_plugin_abi(void);                        returns GOFER_PLUGIN_ABI
 *      gofer_status gofer_plugin_init(gofer_worker *worker);  registers its handlers
 *  It stays loaded until the worker is freed. Errors: GOFER_ENOTFOUND, GOFER_EINVAL (not a
 *  plugin), GOFER_EVERSION (another ABI), GOFER_EDENIED (others may write to it), and what
 *  its init returned. */
GOFER_API gofer_status gofer_worker_plugin(gofer_worker *worker, const char *path);

/** Start the worker's threads and return. With aggregators alone it takes no tasks. Errors:
 *  GOFER_ESTATE (started already; no handler and no aggregator registered), GOFER_EBROKER,
 *  GOFER_ENOMEM, GOFER_EHANDLER (no child became ready: the text says why). */
GOFER_API gofer_status gofer_worker_start(gofer_worker *worker);
/** Wait until the worker has ended (stopped or drained); negative timeout_ms: for ever. Any
 *  thread but a handler's, which would wait for itself.
 *  Errors: GOFER_ETIMEOUT, GOFER_ESTATE (not started), GOFER_EHANDLER (it has ended, because its
 *  children could not be kept alive: the text says why), GOFER_EBROKER (it has ended, because its
 *  SQLite file had an I/O error or is damaged, see gofer_client_spent: what runs had the grace, and
 *  its outcomes are not stored. A new worker on a new client goes on). */
GOFER_API gofer_status gofer_worker_wait(gofer_worker *worker, int64_t timeout_ms);
/** Start and wait. */
GOFER_API gofer_status gofer_worker_run(gofer_worker *worker);
/** Stop taking tasks, go on running those taken. Async-signal-safe. */
GOFER_API void gofer_worker_quiet(gofer_worker *worker);
/** Take tasks again after gofer_worker_quiet. Async-signal-safe. */
GOFER_API void gofer_worker_resume(gofer_worker *worker);
/** Replace the children (gofer_worker_child) by new ones, for their program has changed: the new
 *  ones are started beside the old, and when all are ready get all tasks; types, retry policies and
 *  queues are those that they name. The old ones end the tasks that they run. If a new one does not
 *  become ready the old ones go on, and the log has the reason. Also while gofer_worker_start waits
 *  for the first ones. Returns at once; async-signal-safe. */
GOFER_API void gofer_worker_reload(gofer_worker *worker);
/** Begin to stop: take nothing more, let handlers finish within the grace, cancel the rest
 *  and put them back at the head of their queue, attempt not counted. A second call does not
 *  wait for the grace. Returns at once; async-signal-safe; see gofer_worker_wait. */
GOFER_API void gofer_worker_stop(gofer_worker *worker);
/** The worker's id as inspection shows it, borrowed; valid after start. */
GOFER_API const char *gofer_worker_id(const gofer_worker *worker);
/** Figures since start. Fields: processed, failed, retried, archived, revoked, cancelled, expired
 *  (dropped because they were not started in time), stale, lost_slots, running, ready,
 *  outcomes_lost (tasks whose outcome could not be handed in before the end: they run again),
 *  unhandled (tasks that a drain left, for no handler matches their types), children,
 *  child_restarts, children_want, children_busy (of gofer_worker_child: processes that are alive,
 *  deaths after which they were replaced, tasks that they run at a time, and of running those that
 *  they run now), concurrency, recovered (tasks of dead workers that it put back or archived),
 *  ticks_missed (of cron entries, left out by their policy), reconnects (to the store's server,
 *  after a connection broke), started_at_ms, answered_at_ms (when the store last did; while it runs
 *  it is asked every second; both missing before the start), state (new, active, lacking, quiet,
 *  stopping or ended), spans_exported, spans_dropped (gofer_worker_count_spans).
 *  Errors: GOFER_ENOMEM. */
GOFER_API gofer_status gofer_worker_stats(gofer_worker *worker, gofer_info **out);

/* The highest bound of the times that gofer_worker_figures counts. */
enum { GOFER_FIGURES_BOUND_MAX_MS = 4194304 };

/** Counts and times since start, by queue and type: what metrics are made of. Fields: types,
 *  calls, limited (there are more than 1000 queues and types: the rest is under the type "_other").
 *  types is a list of records: queue, type; how many attempts came to each end (done, retried,
 *  archived, revoked, requeued, snoozed, cancelled, expired), counted when the store has it;
 *  failed (of them, those that failed); and of those that were done or failed how long they waited
 *  and ran (waits, wait_total_ms; runs, run_total_ms). calls is a list of what was asked of the
 *  store: call, errors, times, total_ms. waits, runs and times are lists of records with count and
 *  below_ms, so many below that bound and not below the one before; bounds are 1, 2, 4 and so on
 *  to GOFER_FIGURES_BOUND_MAX_MS ms; without below_ms: longer. Those with none are left out.
 *  All numbers only grow. Takes no lock that a task waits for. Any thread. Errors:
 *  GOFER_ENOMEM. */
GOFER_API gofer_status gofer_worker_figures(gofer_worker *worker, gofer_info **out);

/* The pull way: the host runs the tasks, for languages and loops of their own. Call
 * gofer_worker_start with no handler registered and "pull" set to 1; concurrency bounds
 * how many are out at a time. Leases are renewed meanwhile by the worker's own thread. */

/** Take up to max ready tasks; waits timeout_ms for the first (negative: for ever).
 *  tasks: array of max; *count receives how many. Each must be given to
 *  gofer_worker_finish exactly once. Any thread. Errors: GOFER_EEMPTY (none in that
 *  time), GOFER_ESTATE (the worker has ended, or push handlers are registered). */
GOFER_API gofer_status gofer_worker_take(gofer_worker *worker, gofer_task **tasks, size_t max,
    int64_t timeout_ms, size_t *count);
/** Report outcomes (GOFER_DONE...) of tasks that take gave; frees the tasks. Returns at
 *  once: the store is told in batches (but for a task that was asked to stop and did not succeed:
 *  the store is asked whether that is gofer's request, see
 *  gofer_client_task_cancel). Any thread. */
GOFER_API gofer_status gofer_worker_finish(gofer_worker *worker, gofer_task *const *tasks,
    const int32_t *outcomes, size_t count);
/** A file descriptor that is readable while tasks are ready or the worker has ended, for
 *  poll and event loops; read nothing from it. -1 before start. Borrowed. */
GOFER_API int32_t gofer_worker_fd(const gofer_worker *worker);

#ifdef __cplusplus
}
#endif
#endif
