// scheduler_own.h - what the files of the scheduler share: scheduler.c, fire.c, show.c and
// entry_file.c.
//
// Nobody else includes it. Each field says whose it is: the passing thread's, or the lock's.
#ifndef GF_SCHEDULE_SCHEDULER_OWN_H
#define GF_SCHEDULE_SCHEDULER_OWN_H

#include <pthread.h>
#include <sys/stat.h>

#include "schedule/due.h"
#include "schedule/plan.h"
#include "schedule/scheduler.h"

// Something that goes on failing is told of once a minute.
typedef struct gf_complaint {
    int64_t logged_ms;             // monotonic; 0: all is well
} gf_complaint;

typedef struct gf_entry_file {
    char        *path;
    struct stat  seen;             // when it was last read
    bool         was_seen;
    bool         pending;          // read and well-formed, but the store could not take it
    int64_t      due_ms;           // monotonic
    char        *complained;       // about what; told of once
} gf_entry_file;

struct gf_scheduler {
    gofer_client        *client;
    gf_broker           *broker;
    const gf_broker_ops *ops;
    const char          *id;
    int64_t              log_level;
    size_t               stack_size;
    _Atomic int64_t     *missed;

    // The passing thread's.
    gf_plan        plan;
    gf_entry_file *files;
    size_t         file_count;
    int64_t        look_ms, show_ms, clock_ms;   // monotonic: when next
    int64_t        clock_base_ms;                // the store's time is this plus monotonic;
                                                 //   0: not asked yet
    int64_t        drift_ms;                     // the same, at the last pass: to see that
                                                 //   the clock was set
    bool           shown;
    gf_complaint   clock_trouble, load_trouble, tick_trouble, show_trouble;
    gf_due         due;                          // too large for a small stack

    pthread_mutex_t lock;          // guards what follows
    pthread_cond_t  woken;
    pthread_t       thread;
    bool            joinable, running, notified, stopping;
};

bool gf_scheduler_logs(const gf_scheduler *s, int32_t level);
// st failed, or works again.
void gf_scheduler_trouble(gf_scheduler *s, gf_complaint *c, gofer_status st, const char *what,
    int64_t mono_ms);
bool gf_scheduler_stopping(gf_scheduler *s);

// fire.c: enqueues what is due. False: the store failed; more later.
bool gf_scheduler_fire(gf_scheduler *s, int64_t now_ms, int64_t mono_ms);
// entry_file.c: looks at the files, and syncs those that have changed. True: the
// entries may have changed.
bool gf_scheduler_read_files(gf_scheduler *s, int64_t mono_ms);
// show.c: tells Asynq's tools.
gofer_status gf_scheduler_show(gf_scheduler *s);

#endif
