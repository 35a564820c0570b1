// enqueue_options.h - the options of a task, as `enqueue`, its batches and cron entries share them.
//
// Each has its own table of options, which fill the same struct; what a command does not offer
// stays empty.
#ifndef CLI_ENQUEUE_OPTIONS_H
#define CLI_ENQUEUE_OPTIONS_H

#include "cli.h"

typedef struct enqueue_args {
    const char *queue, *id, *unique_key, *unique_until, *group, *retry_policy, *on_dead;
    cli_number  delay, at, retry, timeout, deadline, retention, count, max_payload, unique, expires;
    cli_list    headers;
    int         batch, return_existing;
} enqueue_args;

// The words of --unique-until, and the library's value for one of them; -1: it is none.
#define UNIQUE_UNTIL "done|start|ttl"
int32_t unique_until_of(const char *word);
// "TYPE@QUEUE" cut at its last '@' into the two; queue is NULL if there is none. The copy is
// the caller's (or kept).
void on_dead_cut(char *copy, const char **type, const char **queue);

// Check what belongs together and fill the library's options, which borrow from args and c.
int enqueue_options_fill(cli *c, const enqueue_args *args, gofer_enqueue_options *out);

// Would the task expire before it may run?
int enqueue_expires_first(const gofer_enqueue_options *o);

#endif
