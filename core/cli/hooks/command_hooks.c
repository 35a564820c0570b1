// command_hooks.c - `--webhooks` of `gofer worker`: it sends the webhooks of the store.
#include "hooks/command_hooks.h"

#include <stdbool.h>
#include <string.h>

#include "hooks.h"
#include "logger.h"
#include "util/webhook.h"

enum { WHY_MAX = 1024 };

static void drop(void *user)
{
    hooks_free(user);
}

static bool is_given(const cli_list *queues)
{
    size_t size = sizeof GF_WEBHOOK_QUEUE - 1;
    for (size_t i = 0; i < queues->count; i++) {
        const char *text = queues->items[i];
        if (strncmp(text, GF_WEBHOOK_QUEUE, size) == 0 && (!text[size] || text[size] == '='))
            return true;
    }
    return false;
}

static int add(cli *c, gofer_worker *worker, hooks *h, const cli_list *queues)
{
    gofer_status st = gofer_worker_handle(worker, GF_WEBHOOK_TYPE, hooks_run, h, drop);
    if (st != GOFER_OK) {
        hooks_free(h);
        return cli_fail_status(c, st, "--webhooks");
    }
    if (!is_given(queues))
        st = gofer_worker_queue(worker, GF_WEBHOOK_QUEUE, 1);
    return st == GOFER_OK ? CLI_OK : cli_fail_status(c, st, "--webhooks");
}

int worker_hooks_add(cli *c, gofer_worker *worker, const hooks_args *args, const cli_list *queues)
{
    const hooks_options options = {
        .secrets = args->secrets.items,
        .secret_count = args->secrets.count,
        .allowed = args->allowed.items,
        .allowed_count = args->allowed.count,
        .ca_file = args->ca_file,
        .log = logger_write,
        .log_user = c->log,
    };
    char why[WHY_MAX] = "";
    hooks *h = NULL;
    bool more = args->secrets.count || args->allowed.count || args->ca_file;
    if (!args->serves)
        return !more ? CLI_OK : cli_fail(c, CLI_USAGE, "worker: --webhook-secret, "
            "--webhook-allow and --webhook-ca need --webhooks");
    if (!args->secrets.count)
        return cli_fail(c, CLI_USAGE, "worker: --webhooks needs --webhook-secret, with which its "
            "requests are signed: a file or env:NAME with 'whsec_' and 32 random bytes in base64");
    switch (hooks_open(&h, &options, why, sizeof why)) {
    case HOOKS_BAD:
        return cli_fail(c, CLI_USAGE, "worker: %s", why);
    case HOOKS_UNABLE:
        return cli_fail(c, CLI_FAILED, "worker: --webhooks: %s", why);
    case HOOKS_OPEN:
        break;
    }
    return add(c, worker, h, queues);
}
