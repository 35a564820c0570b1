// children.c - the worker's doors to its children: registered before the start, ready at it.
//
// May touch: the crew, the lane, the worker's setup. On the thread that sets the worker up and
// starts it, which waits here until a child of each crew is ready. Locks: the crew's.
#include <string.h>

#include "handler/children/crew.h"
#include "handler/children/hello.h"
#include "handler/command.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/thread.h"
#include "util/wake_fd.h"
#include "worker/group/aggregate.h"
#include "worker/run/lane.h"
#include "worker/run/mux.h"
#include "worker/runtime.h"
#include "worker/worker.h"

enum { PROCESSES_MAX = 256, LOOK_MS = 50 };

static gofer_status add_groups(gf_crew *c)
{
    gofer_worker *w = c->lane.worker;
    for (size_t i = 0; i < c->hello.groups.count; i++) {
        const char *pattern = c->hello.groups.items[i];
        gofer_status st = gofer_worker_aggregate(w, pattern, gf_sets_run, &c->sets, NULL);
        if (st == GOFER_EEXIST && gf_aggregate_is(w, pattern, gf_sets_run, &c->sets))
            st = GOFER_OK;         // of a start before
        if (st != GOFER_OK)
            return gf_fail_add(st, "child '%.200s'", c->name);
    }
    return GOFER_OK;
}

// The types, queues and groups that its children have named. The first of them speaks for all.
static gofer_status add_named(gf_crew *c)
{
    gofer_worker *w = c->lane.worker;
    for (size_t i = 0; i < c->hello.count; i++) {
        const gf_hello_type *t = &c->hello.types[i];
        gofer_status st = gofer_worker_handle(w, t->pattern, gf_lane_run, &c->lane, NULL);
        bool ours = false;
        for (size_t k = 0; st == GOFER_EEXIST && k < w->run.mux.count; k++)
            ours |= strcmp(w->run.mux.routes[k].pattern, t->pattern) == 0 &&
                w->run.mux.routes[k].user == &c->lane;
        if (st == GOFER_OK || ours)
            st = t->retry ? gofer_worker_retry(w, t->pattern, t->retry) : GOFER_OK;
        gf_mux_set_track(&w->run.mux, t->pattern, t->room);
        if (st == GOFER_EEXIST && ours)
            st = GOFER_OK;         // of a start before
        if (st != GOFER_OK)
            return gf_fail_add(st, "child '%.200s'", c->name);
    }
    for (size_t i = 0; i < c->hello.queues.count; i++) {
        gofer_status st = gf_subscriber_name(&w->subscriber, c->hello.queues.items[i]);
        if (st != GOFER_OK)
            return gf_fail_add(st, "child '%.200s'", c->name);
    }
    return add_groups(c);
}

static gofer_status wait_until_ready(gf_crew *c)
{
    gofer_status st = GOFER_OK;
    pthread_mutex_lock(&c->lock);
    while (!c->ready && !c->failed && atomic_load(&c->lane.worker->stop_calls) == 0)
        gf_cond_wait(&c->changed, &c->lock, LOOK_MS);      // a stop may come from a signal handler
    if (c->failed)
        st = gf_fail(GOFER_EHANDLER, "%s", c->failed);
    // Stopped before they were ready: the worker starts, to stop at once.
    pthread_mutex_unlock(&c->lock);
    return st;
}

static gofer_status start_crew(gf_lane *lane)
{
    gf_crew *c = (gf_crew *)lane;
    gofer_worker *w = lane->worker;
    atomic_store(&lane->quit, 0);
    atomic_store(&lane->open, 0);
    c->turn = (gf_lane_turn){ 0 };
    c->restarts = 0;
    memset(c->places, 0, c->processes * sizeof *c->places);
    gf_hello_clear(&c->hello);
    gf_free(c->failed);
    c->failed = NULL;
    c->ready = false;
    c->bad_starts = 0;
    c->renewing = false;
    c->reloads = atomic_load(&lane->reloads);
    c->hurry_ms = c->quit_ms = 0;
    c->clerk.stack_size = (size_t)w->settings.stack_size;
    if (gf_thread_start(&c->thread, gf_crew_main, c, (size_t)w->settings.stack_size) != 0)
        return gf_fail(GOFER_ENOMEM, "no thread for the children of '%s'", c->name);
    c->joinable = true;
    gofer_status st = wait_until_ready(c);
    return st == GOFER_OK ? add_named(c) : st;
}

static void join_crew(gf_lane *lane)
{
    gf_crew *c = (gf_crew *)lane;
    if (c->joinable)
        pthread_join(c->thread, NULL);
    c->joinable = false;
}

static const gf_crew_ops ops = { start_crew, join_crew };

static void crew_free(void *user)
{
    gf_crew *c = user;
    gf_lane_remove(&c->lane);
    gf_clerk_clear(&c->clerk);
    gf_roll_clear(&c->roll);
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    gf_hello_clear(&c->hello);
    gf_command_free(c->command);
    gf_free(c->places);
    gf_free(c->fds);
    gf_free(c->failed);
    gf_free(c->name);
    gf_free(c->pattern);
    gf_free(c);
}

// What the log calls it: as it was told, else the pattern, else the program.
static char *name_of(const char *given, const char *pattern, const gf_command *command)
{
    const char *slash = strrchr(command->path, '/');
    return gf_strdup(given     ? given
                     : pattern ? pattern
                     : slash   ? slash + 1
                               : command->path);
}

static bool init_locks(gf_crew *c)
{
    if (pthread_mutex_init(&c->lock, NULL) != 0)
        return false;
    if (gf_cond_init(&c->changed) != 0)
        goto no_cond;
    if (gf_clerk_init(&c->clerk, &c->lane.wake))
        return true;
    pthread_cond_destroy(&c->changed);
no_cond:
    pthread_mutex_destroy(&c->lock);
    return false;
}

static gofer_status make_crew(gf_crew **out, gofer_worker *worker, const char *pattern,
    const char *const *argv, const gofer_child_options *options)
{
    gf_crew *c = gf_calloc(1, sizeof *c);
    if (!c || !init_locks(c)) {
        gf_free(c);
        return gf_fail_nomem("children");
    }
    c->options = *options;
    c->options.name = NULL;        // the caller's
    c->processes = options->processes ? (size_t)options->processes : 1;
    c->lane.wake = (gf_wake_fd){ -1, -1 };
    c->sets = (gf_sets){ .lock = &c->lock, .changed = &c->changed, .wake = &c->lane.wake };
    gofer_status st = gf_command_make(&c->command, gf_worker_url(worker), argv);
    if (st == GOFER_OK) {
        c->name = name_of(options->name, pattern, c->command);
        c->places = gf_calloc(c->processes, sizeof *c->places);
        // The first descriptor is the wake's, whatever room there is.
        c->fds = gf_calloc(16, sizeof *c->fds);
        c->fds_room = c->fds ? 16 : 0;
        c->pattern = pattern ? gf_strdup(pattern) : NULL;
        if (!c->name || !c->places || !c->fds || (pattern && !c->pattern))
            st = gf_fail_nomem("children");
    }
    if (st == GOFER_OK)
        st = gf_lane_add(worker, &c->lane, &ops);
    if (st != GOFER_OK) {
        crew_free(c);
        return st;
    }
    *out = c;
    return GOFER_OK;
}

void gofer_child_options_init(gofer_child_options *opts)
{
    if (opts)
        *opts = (gofer_child_options){ .size = sizeof *opts };
}

static gofer_status read_options(const gofer_child_options *opts, gofer_child_options *out)
{
    gofer_child_options_init(out);
    if (opts && opts->size < sizeof opts->size)
        return gf_fail(GOFER_EINVAL,
            "gofer_worker_child: the options have no size; call gofer_child_options_init");
    if (opts)
        memcpy(out, opts, opts->size < sizeof *out ? opts->size : sizeof *out);
    out->size = sizeof *out;
    if (out->processes < 0 || out->processes > PROCESSES_MAX)
        return gf_fail(GOFER_EINVAL, "child processes are 1 to %d, not %d", PROCESSES_MAX,
            (int)out->processes);
    if (out->max_tasks < 0 || out->max_memory < 0 || out->max_age_ms < 0 ||
        out->start_timeout_ms < 0 || out->max_age_ms > GOFER_MAX_DURATION_MS ||
        out->start_timeout_ms > GOFER_MAX_DURATION_MS)
        return gf_fail(GOFER_EINVAL, "gofer_worker_child: an option is negative, or too long");
    return GOFER_OK;
}

gofer_status gofer_worker_child(gofer_worker *worker, const char *pattern, const char *const *argv,
    const gofer_child_options *opts)
{
    gofer_child_options options;
    gf_crew *c = NULL;
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_child");
    if (st == GOFER_OK && pattern)
        st = gf_worker_handle_check(worker, pattern);
    if (st == GOFER_OK)
        st = read_options(opts, &options);
    if (st != GOFER_OK)
        return st;
    if (!argv || !argv[0] || !*argv[0])
        return gf_fail(GOFER_EINVAL, "no command for a child: give a program and its arguments");
    if ((st = make_crew(&c, worker, pattern, argv, &options)) != GOFER_OK)
        return gf_fail_add(st, "child '%.200s'", pattern ? pattern : argv[0]);
    gf_worker_mark before = gf_worker_mark_now(worker);
    st = gf_worker_keep(worker, c, crew_free);
    if (st != GOFER_OK)
        crew_free(c);
    else if (pattern &&
        (st = gofer_worker_handle(worker, pattern, gf_lane_run, &c->lane, NULL)) != GOFER_OK)
        gf_worker_undo(worker, before);
    return st;
}
