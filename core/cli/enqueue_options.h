// enqueue_options.h - the options of a task, as `enqueue`, its batches and cron entries share them.
//
// Each has its own table of options, which fill the same struct; what a command does not offer
// stays empty.
#ifndef CLI_ENQUEUE_OPTIONS_H
#define CLI_ENQUEUE_OPTIONS_H

#include "cli.h"

typedef struct enqueue_args {
    const char *queue, *id, *unique_key, *unique_until, *debounce_key, *debounce_mode;
    const char *group, *retry_policy, *on_dead, *on_done;
    const char *otlp;
    cli_number  delay, at, retry, timeout, deadline, retention, count, max_payload, unique, expires;
    cli_number  priority, debounce, max_wait;
    cli_number  limit_cost;
    cli_list    limits;
    const char *ordered, *ordered_dead;
    const char *tenant;
    cli_list    headers;
    int         batch, return_existing, replace, plain;
} enqueue_args;

// Check what belongs together and fill the library's options, which borrow from args and c.
int enqueue_options_fill(cli *c, const enqueue_args *args, gofer_enqueue_options *out);

#endif
