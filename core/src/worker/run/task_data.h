// task_data.h - what a running task tells meanwhile: progress, log lines, checkpoints.
//
// Any thread may write them while the handler runs; housekeeping carries them to the store, and
// what it has not yet goes with the outcome. They are made when a task first tells something.
#ifndef GF_WORKER_TASK_DATA_H
#define GF_WORKER_TASK_DATA_H

#include <pthread.h>
#include <stdbool.h>

#include "broker/broker.h"
#include "util/log.h"
#include "util/record.h"

struct gofer_task;

typedef struct gf_task_data {
    pthread_mutex_t lock;
    pthread_cond_t  sent;          // when `sending` ends
    bool            sending;       // housekeeping is at the store with some of it
    bool            has_progress, has_checkpoint;      // not told yet
    bool            checkpointed;  // ever in this run
    int64_t         done, total;
    char           *text;          // owned; of the progress
    gf_record       log;           // lines not told yet, at most GF_TASK_LOG_BYTES
    gf_log_rate     rate;          // of what goes to the worker's log and to who listens
    void           *checkpoint;    // owned
    size_t          checkpoint_size;
} gf_task_data;

// The id of the flow that it is a step of; false: of none.
bool gf_task_flow(const struct gofer_task *task, char id[GF_ID_MAX + 1]);
// As gofer_task_parent, of a task of this flow; "": it is of none.
gofer_status gf_worker_parent(gofer_worker *w, const char *flow, const char *step, void **bytes,
    size_t *size);

void gf_task_data_free(gf_task_data *data);     // NULL is fine
// The handler is out: tell how many lines were left out.
void gf_task_data_end_log(struct gofer_task *task);

// On their way to the store: begin fills `item`, whose memory is end's to free, or to put back
// unless the store has it. False: there is nothing to tell (no end then).
typedef struct gf_sending {
    struct gofer_task *task;
    gf_progress        item;
    char              *text, *log;
    void              *checkpoint;
} gf_sending;

bool gf_task_data_begin(struct gofer_task *task, gf_sending *s);
void gf_task_data_end(gf_sending *s, bool stored);

// What is left when the run ends, for the outcome: waits for a sending under way. log, checkpoint:
// the caller's to free; NULL: none. Without `wants_checkpoint` that stays.
void gf_task_data_take(gf_task_data *data, bool wants_checkpoint, char **log, void **checkpoint,
    size_t *checkpoint_size);

#endif
