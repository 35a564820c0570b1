// metrics_server.h - the metrics of `gofer worker`: its options, and the server while it runs.
#ifndef CLI_WEB_METRICS_SERVER_H
#define CLI_WEB_METRICS_SERVER_H

#include "cli.h"

typedef struct metrics_args {
    cli_list    listen, hosts;
    const char *tokens, *tls_cert, *tls_key;
    int         behind_proxy;
} metrics_args;

typedef struct web metrics_server;

// Serves from now on, and logs where. Without an address: nothing, and *out is NULL. An exit code.
int  metrics_serve(cli *c, gofer_client *client, gofer_worker *worker, const metrics_args *args,
    metrics_server **out);
void metrics_end(metrics_server *server);      // before the worker is freed; NULL is fine

#endif
