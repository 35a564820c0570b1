// worker_again.c - the store of `gofer worker`, opened again once it has failed for good.
//
// A disk that fails for a moment is no reason for a process to end, and one that goes on failing is
// for whoever starts processes: so it is tried a few times within seconds, and then it ends.
#include "worker_again.h"

#include <stdio.h>

#include "logger.h"
#include "signals.h"

static const int64_t pauses_ms[] = { 0, 500, 1000, 2000 };

enum {
    TRIES = sizeof pauses_ms / sizeof *pauses_ms,
    LASTS_MS = 60 * 1000    // what was of use for so long is forgotten
};

int again_open(again *a, cli *c, int64_t max_payload, gofer_client **out)
{
    char why[512];
    *out = NULL;
    if (a->opened_ms && cli_now_ms() - a->opened_ms >= LASTS_MS)
        a->tries = 0;
    snprintf(why, sizeof why, "%s", gofer_error_last());
    while (a->tries < TRIES) {
        if (signals_stop_within(pauses_ms[a->tries++]))
            return CLI_OK;
        a->opened_ms = cli_now_ms();
        if (cli_open_again(c, out, max_payload) == GOFER_OK) {
            logger_write(c->log, GOFER_LOG_WARN, a->opened_ms,
                "the store failed for good and was opened again: the worker begins anew", "{}");
            return CLI_OK;
        }
        snprintf(why, sizeof why, "%s", gofer_error_last());
    }
    return cli_fail(c, CLI_BROKER,
        "worker: the store failed for good, %d times within a minute; start the worker again when "
        "its disk is well: %s", TRIES + 1, why);
}
