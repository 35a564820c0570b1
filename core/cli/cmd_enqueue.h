// cmd_enqueue.h - what enqueueing one task and enqueueing a batch share.
#ifndef CLI_CMD_ENQUEUE_H
#define CLI_CMD_ENQUEUE_H

#include "cli.h"

typedef struct enqueue_args {
    const char *queue, *id;
    cli_number  delay, at, retry, timeout, deadline, retention, count, max_payload;
    cli_list    headers;
    int         batch;
} enqueue_args;

// Check what belongs together and fill the library's options, which borrow from args and c.
int enqueue_options_fill(cli *c, const enqueue_args *args, gofer_enqueue_options *out);

// Enqueue JSON lines from standard input. Returns an exit code.
int batch_run(cli *c, gofer_client *client, const gofer_enqueue_options *defaults);

#endif
