// worker.h - what the rooms beside worker/ need of a worker: handler kinds (exec, plugin, Lua).
//
// Everything here is for the time before start, from the thread that sets the worker up, but
// for the getters, which are safe from any thread while the worker lives.
#ifndef GF_WORKER_WORKER_H
#define GF_WORKER_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "util/log.h"
#include "util/url.h"

// EINVAL, EFORKED or ESTATE (started) as gofer_worker_handle would answer; `what` names the caller.
gofer_status gf_worker_check_setup(const gofer_worker *worker, const char *what);

// Would gofer_worker_handle take this pattern now? Spares work that would have to be undone:
// EINVAL, EEXIST, ESTATE, EFORKED.
gofer_status gf_worker_handle_check(const gofer_worker *worker, const char *pattern);

// Keep ptr until the worker is freed, then drop(ptr). Handlers, middleware and what is kept are
// dropped in one row, the last first: what a plugin registered goes before the plugin itself, if
// the plugin was kept before its init was called. On failure drop is not called.
gofer_status gf_worker_keep(gofer_worker *worker, void *ptr, gofer_drop drop);

// Undo registrations: everything that was handled, used or kept since the mark is taken out and
// dropped, the last first. For a plugin whose init failed half-way.
typedef struct gf_worker_mark {
    size_t routes, aggregators, policies, middlewares, watchers, kept;
} gf_worker_mark;

gf_worker_mark gf_worker_mark_now(const gofer_worker *worker);
void           gf_worker_undo(gofer_worker *worker, gf_worker_mark mark);

// The broker's URL in parts. "scheme:rest" opens the same broker again (rest may hold a
// password; `shown` never does). Borrowed.
const gf_url *gf_worker_url(const gofer_worker *worker);
const gf_log *gf_worker_log(const gofer_worker *worker);
int64_t       gf_worker_result_limit(const gofer_worker *worker);   // bytes
// How long a handler may stay after its deadline before its slot is given up ("lost_after").
int64_t       gf_worker_lost_after_ms(const gofer_worker *worker);

#endif
