// renewal.c - the store of `gofer web`, opened again once it has failed.
//
// Another client is opened before the one there is is given up: what can still be looked at is
// shown meanwhile, and what is wrong is said by whoever asks.
#include "renewal.h"

#include <stdbool.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "logger.h"
#include "web.h"

enum {
    PAUSE_MIN_MS = 10 * 1000,       // of a disk that goes on failing
    PAUSE_MAX_MS = 5 * 60 * 1000
};

// Is it time? The pauses grow while it fails again and again.
static bool is_due(renewal *r)
{
    int64_t now = web_ms(CLOCK_MONOTONIC);
    if (now < r->next_ms)
        return false;
    bool lately = r->pause_ms && now < r->next_ms + PAUSE_MAX_MS;
    int64_t pause = lately ? 2 * r->pause_ms : PAUSE_MIN_MS;
    r->pause_ms = pause < PAUSE_MAX_MS ? pause : PAUSE_MAX_MS;
    r->next_ms = now + r->pause_ms;
    return true;
}

int renewal_look(renewal *r, cli *c, struct web *w, gofer_client **client)
{
    const web_log log = { logger_write, c->log };
    gofer_client *before = *client, *other = NULL;
    if (!gofer_client_spent(before) || !is_due(r))
        return CLI_OK;
    if (cli_open_again(c, &other, 0) != GOFER_OK) {
        web_say(&log, GOFER_LOG_ERROR, "the store failed, and cannot be opened again yet: %s",
            gofer_error_last());
        return CLI_OK;
    }
    *client = other;
    bool goes_on = web_renew(w, other);
    gofer_client_close(before);
    if (!goes_on)
        return cli_fail(c, CLI_FAILED, "web: there is no memory, or no thread is to be had");
    web_say(&log, GOFER_LOG_WARN, "the store failed, and was opened again: jobs are forgotten, and "
        "what is seen live begins anew");
    return CLI_OK;
}
