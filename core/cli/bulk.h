// bulk.h - one action on all tasks that match: count, ask, do, report.
//
// Shared by `task run|archive|rm|cancel` without ids and `group run|archive|rm`.
#ifndef CLI_BULK_H
#define CLI_BULK_H

#include "cli.h"

// What is done, and its words: "run", "made pending".
typedef struct bulk_action {
    const char *name, *done;
    int32_t     act;             // a GOFER_ACT_ value
    const char *states;          // those that allow it, apart by '|'
    const char *audit;           // what the audit calls it on one task, and
    const char *audit_all;       //   on all that match: "task.run", "tasks.run"
} bulk_action;

extern const bulk_action bulk_run, bulk_archive, bulk_delete, bulk_cancel;

typedef struct bulk {
    const char         *queue;   // or a pattern; NULL: all
    const char         *state;   // NULL: all that allow the action
    const gofer_filter *filter;
    int                 dry_run; // only count
    int                 yes;     // do not ask
} bulk;

// Returns an exit code. Asks first when a person sits in front of it.
int bulk_act(cli *c, gofer_client *client, const bulk_action *how, const bulk *what);

#endif
