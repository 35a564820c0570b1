// metrics_server.c - `gofer worker --metrics`: the web server with a worker's routes alone.
//
// Its threads are the server's own, and none of them ever waits for a slot, nor a slot for them.
#include "web/metrics_server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "logger.h"
#include "web.h"

enum { WHY_MAX = 512, ADDRESS_MAX = 256 };

static void log_address(const cli *c, const char *address)
{
    char text[6 * ADDRESS_MAX + 1], fields[sizeof text + 32];
    struct timespec now;
    if (!c->log || clock_gettime(CLOCK_REALTIME, &now) != 0)
        return;
    json_put_into(text, address, strnlen(address, ADDRESS_MAX));
    snprintf(fields, sizeof fields, "{\"address\":\"%s\"}", text);
    logger_write(c->log, GOFER_LOG_INFO,
        (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, "metrics are served", fields);
}

int metrics_serve(cli *c, gofer_client *client, gofer_worker *worker, const metrics_args *args,
    metrics_server **out)
{
    char why[WHY_MAX] = "";
    bool usage;
    const web_options opts = {
        .listen = args->listen.items, .listen_count = args->listen.count,
        .hosts = args->hosts.items, .host_count = args->hosts.count,
        .tokens = args->tokens, .tls_cert = args->tls_cert, .tls_key = args->tls_key,
        .behind_proxy = args->behind_proxy, .worker = worker, .prefix = "metrics-",
        .log = logger_write, .log_user = c->log,
    };
    if (args->listen.count == 0) {
        if (args->hosts.count || args->tokens || args->tls_cert || args->tls_key
            || args->behind_proxy)
            return cli_fail(c, CLI_USAGE, "worker: --metrics-... without --metrics ADDRESS");
        return CLI_OK;
    }
    web *w = web_new(client, &opts, why, sizeof why, &usage);
    if (!w)
        return cli_fail(c, usage ? CLI_USAGE : CLI_FAILED, "worker: --metrics: %s", why);
    if (!web_start(w)) {
        int error = errno;
        web_free(w);
        return cli_fail(c, CLI_FAILED, "worker: --metrics: it cannot start: %s", strerror(error));
    }
    for (size_t i = 0; web_name(w, i); i++)
        log_address(c, web_name(w, i));
    *out = w;
    return CLI_OK;
}

void metrics_end(metrics_server *server)
{
    web_free(server);
}
