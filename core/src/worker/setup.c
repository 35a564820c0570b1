// setup.c - a worker's public doors before its start: settings, queues, handlers, hooks.
//
// May touch: settings, subscription, run. One thread's work; a worker that is started refuses all
// of it (GOFER_ESTATE) but a new concurrency.
#include <string.h>

#include "message/retry_policy.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "worker/run/mux.h"
#include "worker/runtime.h"
#include "worker/settings.h"
#include "worker/subscription.h"
#include "worker/worker.h"

// ---- checks ------------------------------------------------------------------------------------

gofer_status gf_worker_check_setup(const gofer_worker *worker, const char *what)
{
    gofer_status st = gf_worker_check(worker, what);
    if (st == GOFER_OK && atomic_load(&worker->state) != GF_NEW)
        return gf_fail(GOFER_ESTATE, "%s: the worker is started; call it before", what);
    return st;
}

gofer_status gf_worker_handle_check(const gofer_worker *worker, const char *pattern)
{
    gofer_status st = gf_worker_check_setup(worker, "handler registration");
    return st == GOFER_OK ? gf_mux_check(&worker->run.mux, pattern) : st;
}

// ---- settings and queues -----------------------------------------------------------------------

// The one knob that may be turned while the worker runs.
static gofer_status set_concurrency(gofer_worker *w, const char *value)
{
    gf_settings settings = w->settings;
    gofer_status st = gf_settings_set(&settings, "concurrency", value);
    if (st == GOFER_OK)
        gf_worker_resize(w, (size_t)settings.concurrency);
    return st;
}

gofer_status gofer_worker_set(gofer_worker *worker, const char *key, const char *value)
{
    gofer_status st = gf_worker_check(worker, "gofer_worker_set");
    if (st == GOFER_OK && key && strcmp(key, "concurrency") == 0 &&
        atomic_load(&worker->state) == GF_STARTED)
        return set_concurrency(worker, value);
    if (st == GOFER_OK)
        st = gf_worker_check_setup(worker, "gofer_worker_set");
    return st == GOFER_OK ? gf_settings_set(&worker->settings, key, value) : st;
}

gofer_status gofer_worker_queue(gofer_worker *worker, const char *queue, int32_t weight)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_queue");
    return st == GOFER_OK ? gf_subscription_add(&worker->subscriber.subscription, queue, weight)
                          : st;
}

// ---- what is kept ------------------------------------------------------------------------------

gofer_status gf_worker_keep(gofer_worker *worker, void *ptr, gofer_drop drop)
{
    if (!gf_grow(worker->run.kept, worker->run.kept_capacity, worker->run.kept_count + 1))
        return gf_fail_nomem("a worker's list");
    worker->run.kept[worker->run.kept_count++] = (gf_kept){ ptr, drop };
    return GOFER_OK;
}

void gf_worker_drop_kept(gofer_worker *w, size_t count)
{
    while (w->run.kept_count > count) {
        gf_kept last = w->run.kept[--w->run.kept_count];
        if (last.drop)
            last.drop(last.ptr);
    }
}

gf_worker_mark gf_worker_mark_now(const gofer_worker *worker)
{
    return (gf_worker_mark){ worker->run.mux.count, worker->group.aggregators.count,
        worker->run.policies.count, worker->run.layer_count, worker->run.watchers.count,
        worker->run.kept_count };
}

void gf_worker_undo(gofer_worker *worker, gf_worker_mark mark)
{
    gf_mux_cut(&worker->run.mux, mark.routes);
    gf_mux_cut(&worker->group.aggregators, mark.aggregators);
    gf_mux_cut(&worker->run.policies, mark.policies);
    worker->run.layer_count = mark.middlewares;
    worker->run.watchers.count = mark.watchers;
    gf_worker_drop_kept(worker, mark.kept);
}

// ---- handlers ----------------------------------------------------------------------------------

gofer_status gofer_worker_handle(
    gofer_worker *worker, const char *pattern, gofer_handler handler, void *user, gofer_drop drop)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_handle");
    if (st != GOFER_OK)
        return st;
    if (!handler)
        return gf_fail(GOFER_EINVAL, "gofer_worker_handle: handler must not be NULL");
    st = gf_mux_add(&worker->run.mux, pattern, handler, user);
    if (st == GOFER_OK && drop && (st = gf_worker_keep(worker, user, drop)) != GOFER_OK)
        gf_mux_cut(&worker->run.mux, worker->run.mux.count - 1);
    return st;
}

gofer_status gofer_worker_use(
    gofer_worker *worker, gofer_middleware middleware, void *user, gofer_drop drop)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_use");
    if (st != GOFER_OK)
        return st;
    if (!middleware)
        return gf_fail(GOFER_EINVAL, "gofer_worker_use: middleware must not be NULL");
    if (!gf_grow(worker->run.layers, worker->run.layer_capacity, worker->run.layer_count + 1))
        return gf_fail_nomem("a middleware");
    if (drop && (st = gf_worker_keep(worker, user, drop)) != GOFER_OK)
        return st;
    worker->run.layers[worker->run.layer_count++] = (gf_layer){ middleware, user };
    return GOFER_OK;
}

gofer_status gofer_worker_retry(gofer_worker *worker, const char *pattern, const char *policy)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_retry");
    if (st != GOFER_OK || (st = gf_mux_check(&worker->run.policies, pattern)) != GOFER_OK)
        return st;
    gf_policy *p = gf_alloc(sizeof *p);
    if (!p)
        return gf_fail_nomem("a retry policy");
    if ((st = gf_policy_parse(policy, p)) == GOFER_OK &&
        (st = gf_mux_add(&worker->run.policies, pattern, NULL, p)) == GOFER_OK &&
        (st = gf_worker_keep(worker, p, gf_free)) != GOFER_OK)
        gf_mux_cut(&worker->run.policies, worker->run.policies.count - 1);
    if (st != GOFER_OK)
        gf_free(p);
    return st;
}

// ---- hooks -------------------------------------------------------------------------------------

gofer_status gofer_worker_on_error(gofer_worker *worker, gofer_error_hook hook, void *user)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_on_error");
    if (st == GOFER_OK) {
        worker->run.hooks.error = hook;
        worker->run.hooks.error_user = user;
    }
    return st;
}

gofer_status gofer_worker_on_retry_delay(
    gofer_worker *worker, gofer_retry_delay_hook hook, void *user)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_on_retry_delay");
    if (st == GOFER_OK) {
        worker->run.hooks.delay = hook;
        worker->run.hooks.delay_user = user;
    }
    return st;
}

gofer_status gofer_worker_on_is_failure(
    gofer_worker *worker, gofer_is_failure_hook hook, void *user)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_on_is_failure");
    if (st == GOFER_OK) {
        worker->run.hooks.is_failure = hook;
        worker->run.hooks.is_failure_user = user;
    }
    return st;
}
