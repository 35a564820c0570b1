// cmd_task.h - what the task commands share.
#ifndef CLI_CMD_TASK_H
#define CLI_CMD_TASK_H

// The states, in the order of a task's life.
#define TASK_STATES "pending|scheduled|active|retry|completed|archived"

#endif
