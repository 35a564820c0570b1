// control.c - a running worker is told to change, from the client's door to what the worker does.
//
// May touch: pool, subscription, broker/broker.h. A command comes on a thread of the broker's: it
// only sets what fetcher and housekeeping then go by.
#include "worker/control.h"

#include <stdio.h>
#include <string.h>

#include "client/client.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/nearest.h"
#include "util/text.h"
#include "worker/runtime.h"
#include "worker/settings.h"
#include "worker/subscription.h"
#include "worker/upkeep/housekeeping.h"

enum { COMMAND_MAX = 64 * 1024 };

static const char *const keys[] = {
    [GF_CONTROL_CONCURRENCY] = "concurrency",
    [GF_CONTROL_QUEUES] = "queues",
    [GF_CONTROL_STATE] = "state",
};
enum { KEY_COUNT = sizeof keys / sizeof *keys };

static gofer_status read_state(const char *value, gf_control_state *out)
{
    static const char *const names[] = {
        [GF_CONTROL_QUIET] = "quiet", [GF_CONTROL_ACTIVE] = "active", [GF_CONTROL_STOP] = "stop",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(value, names[i]) == 0) {
            *out = (gf_control_state)i;
            return GOFER_OK;
        }
    return gf_fail(GOFER_EINVAL,
        "the state of a worker is set to quiet, active or stop, not '%.100s'", value);
}

static gofer_status read_concurrency(const char *value, int64_t *out)
{
    gf_settings settings;
    gf_settings_init(&settings);
    gofer_status st = gf_settings_set(&settings, keys[GF_CONTROL_CONCURRENCY], value);
    *out = settings.concurrency;
    return st;
}

gofer_status gf_control_read(const char *key, const char *value, gf_control *out)
{
    size_t kind = 0;
    gofer_status st = GOFER_OK;
    *out = (gf_control){ 0 };
    while (kind < KEY_COUNT && strcmp(keys[kind], key) != 0)
        kind++;
    if (kind == KEY_COUNT) {
        const char *near = gf_nearest(key, keys, KEY_COUNT);
        return gf_fail(GOFER_EINVAL,
            "'%.100s' is not what can be changed of a running worker: concurrency, queues or "
            "state%s%s%s",
            key, near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    out->kind = (gf_control_kind)kind;
    if (out->kind == GF_CONTROL_CONCURRENCY)
        st = read_concurrency(value, &out->concurrency);
    else if (out->kind == GF_CONTROL_QUEUES)
        st = gf_subscription_parse(&out->subscription, value);
    else
        st = read_state(value, &out->state);
    if (st != GOFER_OK)
        gf_control_clear(out);
    return st;
}

void gf_control_clear(gf_control *c)
{
    gf_subscription_clear(&c->subscription);
}

// ---- the client's door ------------------------------------------------------------------

gofer_status gofer_client_worker_set(gofer_client *client, const char *worker, const char *key,
    const char *value)
{
    gofer_status st = gf_client_check(client, "gofer_client_worker_set");
    if (st == GOFER_OK)
        st = gf_check_name("worker id", worker);
    if (st != GOFER_OK)
        return st;
    if (!key || !value)
        return gf_fail(GOFER_EINVAL, "gofer_client_worker_set: key and value must not be NULL");
    gf_control c;
    if ((st = gf_control_read(key, value, &c)) != GOFER_OK)
        return st;
    gf_control_clear(&c);
    const gf_broker_ops *ops = client->broker->ops;
    if (!ops->live)
        return gf_client_cannot(client, "gofer_client_worker_set");

    size_t size = strlen(key) + strlen(value) + 2;
    if (size > COMMAND_MAX)
        return gf_fail(GOFER_EINVAL, "%s of a worker: %zu bytes are over the limit of %d", key,
            size, COMMAND_MAX);
    char *command = gf_alloc(size);
    if (!command)
        return gf_fail_nomem("a command for a worker");
    snprintf(command, size, "%s %s", key, value);
    st = ops->live->control(client->broker, worker, command);
    gf_free(command);
    return st;
}

// ---- the worker ---------------------------------------------------------------------------

static void do_state(gofer_worker *w, gf_control_state state)
{
    // Once: a command that is repeated is an ordinary retry, and does not mean that
    // somebody is in a hurry.
    if (state == GF_CONTROL_STOP)
        gf_worker_stop_once(w);
    else if (state == GF_CONTROL_QUIET)
        gofer_worker_quiet(w);
    else
        gofer_worker_resume(w);
}

static gofer_status heed(gofer_worker *w, const char *command)
{
    char key[32];
    const char *space = strchr(command, ' ');
    if (!space || (size_t)(space - command) >= sizeof key)
        return gf_fail(GOFER_EINVAL, "not a command that this gofer knows");
    memcpy(key, command, (size_t)(space - command));
    key[space - command] = '\0';

    gf_control c;
    gofer_status st = gf_control_read(key, space + 1, &c);
    if (st != GOFER_OK)
        return st;
    if (c.kind == GF_CONTROL_CONCURRENCY)
        gf_worker_resize(w, (size_t)c.concurrency);
    else if (c.kind == GF_CONTROL_QUEUES)
        gf_subscriber_change(&w->subscriber, &c.subscription);
    else
        do_state(w, c.state);
    gf_control_clear(&c);
    gf_housekeeping_ask_presence(w);    // housekeeping looks at all of it
    return GOFER_OK;
}

void gf_control_heed(gofer_worker *w, const char *command)
{
    gofer_status st = heed(w, command);
    if (st == GOFER_OK && gf_worker_logs(w, GOFER_LOG_INFO))
        gf_logf(&w->log, GOFER_LOG_INFO, "worker was told to change", "worker", w->id, "command",
            command, NULL);
    else if (st != GOFER_OK && gf_worker_logs(w, GOFER_LOG_WARN))
        gf_logf(&w->log, GOFER_LOG_WARN, "worker was told what it cannot do", "worker", w->id,
            "command", command, "error", gofer_error_last(), NULL);
}
