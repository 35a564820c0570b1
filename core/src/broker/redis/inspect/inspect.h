// inspect.h - what the files of inspection share, and what those of action have of them.
#ifndef GF_BROKER_REDIS_INSPECT_H
#define GF_BROKER_REDIS_INSPECT_H

#include "broker/redis/store.h"
#include "info/info.h"

// One row as the scripts here return a task: an array of
enum {
    GF_ROW_ID, GF_ROW_SCORE,             // score: text, nil where there is none
    GF_ROW_PAYLOAD_SIZE,                 // >= 0: the payload was cut out of msg and
                                         //   has so many bytes
    GF_ROW_MSG,                          // a number: the size of one that is too long to be read
    GF_ROW_STATE, GF_ROW_SINCE, GF_ROW_CRASHES, GF_ROW_PROGRESS, GF_ROW_ERROR, GF_ROW_WORKER,
    GF_ROW_CLAIM, GF_ROW_CANCEL,
    GF_ROW_HELD,                         // a letter, and the limit key that it waits for
    GF_ROW_CHECKPOINT_SIZE,              // 0: none
    GF_ROW_RESULT, GF_ROW_ATTEMPTS, GF_ROW_LOG,      // of a single task only
    GF_ROW_COUNT
};
// Who runs a task that a worker took which leaves no gofer:worker: from the workers' heartbeats.
typedef struct gf_rd_runner { char *worker; int64_t started_ms; } gf_rd_runner;

// The record of a row; NULL: no memory. queue and state are where it was found (GF_STATE_COUNT:
// whatever the row says); whole: with payload and result. runner: NULL, or of an active task.
gofer_info *gf_rd_task_info(const redisReply *row, const char *queue, gf_state state, bool whole,
    const gf_rd_runner *runner);
// The state a row's hash says; GF_STATE_COUNT: none that we know.
gf_state gf_rd_row_state(const redisReply *row);
// Fills runners (zeroed, of count) for ids where a live worker says that it runs them. Best effort:
// a failure leaves them empty. gf_free each worker.
void gf_rd_runners_find(gf_rd_store *s, const char *queue, const redisReply *const *ids,
    size_t count, gf_rd_runner *runners);

// What a page is asked of, and how many rows it has at the most.
typedef struct gf_rd_asked_page {
    const char *queue;
    gf_state    state;
    const char *rest;                    // the key of the list or zset of that state (of
                                         //   GF_AGGREGATING: one of its zsets)
    size_t      limit;
    const char *without;                 // the key of a zset whose members are left out; NULL: none
    const char *low, *high;              // a zset's scores to begin with and to end before, for
                                         //   GF_PENDING, whose line is one; NULL: all
} gf_rd_asked_page;

// A page of rows, raw: [more, rows, place]; the rows have no result. *next: NULL at the start and
// the end, between them ours; gf_free it when stopping earlier.
gofer_status gf_rd_rows(gf_rd_store *s, const gf_rd_asked_page *asked, char **next,
    redisReply **page);

// The zsets of aggregating tasks by name, without "asynq:{q}:g:", sorted: groups, and sets that
// are being aggregated.
gofer_status gf_rd_group_sets(gf_rd_store *s, const char *queue, redisReply **out);

// The names of all queues, sorted, as they are now; gf_rd_names_free.
gofer_status gf_rd_names_sorted(gf_rd_store *s, gf_rd_names *names);
// These queues, as a list in this order; of one that there is not with zeroes.
gofer_status gf_rd_queues_look(gf_rd_store *s, char *const *queues, size_t count, gofer_info **out);
// The days of these together; NULL: of all. ENOTFOUND: of the one that is asked for there is none.
gofer_status gf_rd_history_of(gf_rd_store *s, char *const *queues, size_t count, int32_t days,
    gofer_info **out);

// OK: the queue is in asynq:queues or has keys; else ENOTFOUND, or why we do not know.
gofer_status gf_rd_queue_need(gf_rd_store *s, const char *queue);

// The keys that scripts/lib/counts.lua asks for; room: one for each queue.
void gf_rd_add_counted(gf_rd_cmd *cmd, gf_rd_key *room, char *const *queues, size_t count);

#endif
