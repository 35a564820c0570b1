// flow_plan.h - a flow's plan as JSON, as `gofer flow start` takes it:
//   {"steps": [{"name": "a", "type": "t", ..., "after": ["b"]}], "on_dead": "stop"}
//
// A step is a line of a batch (task_line.h) with a name and what it comes after. Members that are
// not known are refused. Threads: a plan belongs to one.
#ifndef LINE_FLOW_PLAN_H
#define LINE_FLOW_PLAN_H

#include "task_line.h"

enum { FLOW_PLAN_WHY = TASK_LINE_WHY + 160 };

typedef struct flow_plan {
    gofer_flow_step  **steps;           // owned, like what they point to
    size_t             count, room;
    task_line        **lines;           // the task of each
    char              *id;
    gofer_flow_options opts;            // borrows from id
} flow_plan;

// Reads a plan's text. False: `why` says why not. To be cleared in any case.
bool flow_plan_read(flow_plan *plan, const char *text, size_t size, char why[FLOW_PLAN_WHY]);
void flow_plan_clear(flow_plan *plan);

#endif
