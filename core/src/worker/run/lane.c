// lane.c - the lanes of a worker: what is offered to a crew, what it takes, and what it reports.
//
// May touch: pool, mux, task, guest. Locks: the pool's. One take and one report a turn, for as many
// tasks as there are: no thread and no wait for each of them.
#include "worker/run/lane.h"

#include "util/alloc.h"
#include "util/error.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/minmax.h"
#include "worker/run/guest.h"
#include "worker/run/mux.h"
#include "worker/run/pool_steps.h"
#include "worker/runtime.h"

enum { ASKING_MAX = 16 };          // so many slots may wait for the store beside those that run

// ---- lists --------------------------------------------------------------------------------------

void gf_batch_push(gf_batch *batch, gofer_task *task)
{
    task->crew_next = NULL;
    if (batch->last)
        batch->last->crew_next = task;
    else
        batch->first = task;
    batch->last = task;
    batch->count++;
}

gofer_task *gf_batch_pop(gf_batch *batch)
{
    gofer_task *task = batch->first;
    if (!task)
        return NULL;
    batch->first = task->crew_next;
    if (!batch->first)
        batch->last = NULL;
    batch->count--;
    return task;
}

// ---- the worker's doors -------------------------------------------------------------------------

gofer_status gf_lane_add(gofer_worker *w, gf_lane *lane, const gf_crew_ops *ops)
{
    if (!gf_wake_fd_open(&lane->wake))
        return gf_fail(GOFER_ENOMEM, "no file descriptor for children");
    lane->worker = w;
    lane->ops = ops;
    lane->track_count = 1;
    lane->next = w->run.lanes;
    w->run.lanes = lane;
    return GOFER_OK;
}

void gf_lane_remove(gf_lane *lane)
{
    if (!lane->worker)
        return;
    gf_lane **at = &lane->worker->run.lanes;
    while (*at && *at != lane)
        at = &(*at)->next;
    if (*at)
        *at = lane->next;
    gf_wake_fd_close(&lane->wake);
    gf_roll_clear(&lane->roll);
}

bool gf_lane_owns(const gf_lane *lane, const gofer_task *task)
{
    const gf_route *r = gf_mux_find(gf_run_mux(&lane->worker->run), task->claim->message.type);
    return r && r->handler == gf_lane_run && r->user == lane;
}

bool gf_lane_makes_spans(const gf_route *route)
{
    return route->handler == gf_lane_run && atomic_load(&((gf_lane *)route->user)->spans);
}

void gf_routes_free(gf_routes *routes)
{
    while (routes) {
        gf_routes *before = routes->before;
        gf_mux_clear(&routes->mux);
        gf_mux_clear(&routes->policies);
        gf_free(routes);
        routes = before;
    }
}

void gofer_worker_reload(gofer_worker *worker)
{
    if (!worker || worker->process != gf_process_self())
        return;
    for (gf_lane *lane = worker->run.lanes; lane; lane = lane->next) {
        atomic_fetch_add(&lane->reloads, 1);
        gf_wake_fd_set(&lane->wake);
    }
}

static void quit_all(gofer_worker *w)
{
    for (gf_lane *lane = w->run.lanes; lane; lane = lane->next) {
        atomic_store(&lane->quit, 1);
        gf_wake_fd_set(&lane->wake);
    }
}

void gf_lanes_end(gofer_worker *w)
{
    quit_all(w);
    for (gf_lane *lane = w->run.lanes; lane; lane = lane->next)
        lane->ops->join(lane);
}

gofer_status gf_lanes_start(gofer_worker *w)
{
    for (gf_lane *lane = w->run.lanes; lane; lane = lane->next) {
        gofer_status st = lane->ops->start(lane);
        if (st != GOFER_OK) {
            gf_lanes_end(w);
            return st;
        }
    }
    return GOFER_OK;
}

void gf_lanes_open(gofer_worker *w)
{
    w->run.pool.lanes = w->run.lanes;
    w->run.pool.only_lanes = w->run.lanes != NULL;
    w->run.pool.hosted = w->run.layer_count > 0 && !w->run.pool.pull;
    for (size_t i = 0; i < w->run.mux.count && w->run.pool.only_lanes; i++)
        w->run.pool.only_lanes = w->run.mux.routes[i].handler == gf_lane_run;
    for (gf_lane *lane = w->run.lanes; lane; lane = lane->next) {
        atomic_store(&lane->open, 1);
        gf_wake_fd_set(&lane->wake);
    }
}

// ---- what is offered ----------------------------------------------------------------------------

static size_t asking_of(const gf_track *track)
{
    return gf_min_size(gf_min_size(track->asking, ASKING_MAX), track->out);
}

static size_t used_of(const gf_track *track)
{
    return track->ready.count + track->out - asking_of(track);
}

static size_t used_of_all(const gf_lane *lane)
{
    size_t used = 0;
    for (size_t i = 0; i < lane->track_count; i++)
        used += used_of(&lane->tracks[i]);
    return used;
}

// What a full room makes wait takes room from the others too: else it would be held without bounds.
static size_t room_of(const gf_pool *p, const gf_lane *lane)
{
    size_t most = lane->capacity + gf_min_size(lane->ahead, p->max_prefetch);
    size_t used = used_of_all(lane);
    return most > used ? most - used : 0;
}

// It has more than it could take.
static bool is_clogged(const gf_lane *lane)
{
    bool waits = false;
    for (size_t i = 0; i < lane->track_count; i++)
        waits |= lane->tracks[i].ready.count > 0;
    return waits && lane->capacity + lane->ahead < used_of_all(lane);
}

// A store gives the tasks at the heads of its queues, of whatever type they are. So what is taken
// for one lane may turn out to be another's, which is busy. Then nothing more is taken until that
// has begun or is given back, and after it only one task at first.
size_t gf_lanes_room(const gf_pool *p, size_t slots_room)
{
    size_t room = p->only_lanes ? 0 : slots_room;
    for (const gf_lane *lane = p->lanes; lane; lane = lane->next) {
        size_t its = room_of(p, lane);
        if (its == 0 && is_clogged(lane))
            return 0;
        room += its;
    }
    return room < p->window ? room : p->window;
}

bool gf_lane_offer(gofer_task *task)
{
    const gofer_worker *w = task->worker;
    if (!w->run.lanes)
        return false;
    const gf_route *route = gf_mux_find(gf_run_mux(&w->run), task->claim->message.type);
    if (!route || route->handler != gf_lane_run)
        return false;
    gf_lane *lane = route->user;
    task->lane = lane;
    task->track = route->track;
    lane->track_count = gf_max_size(lane->track_count, task->track + 1);
    gf_tasks_push(&lane->tracks[task->track].ready, task);
    if (!w->run.pool.hosted)
        gf_lane_rouse(lane);
    return true;
}

void gf_lane_rouse(gf_lane *lane)
{
    if (lane->asleep) {
        lane->asleep = false;
        gf_wake_fd_set(&lane->wake);
    }
}

static bool is_stuck(gf_track *t, int64_t now_ms, int64_t patience_ms)
{
    if (t->ready.count == 0 || t->taken != t->seen_taken || t->seen_at_ms == 0) {
        t->seen_taken = t->taken;
        t->seen_at_ms = now_ms;
        return false;
    }
    if (now_ms - t->seen_at_ms < patience_ms)
        return false;
    t->seen_at_ms = now_ms;        // what comes in their place is waited for as long
    return true;
}

gf_tasks *gf_lane_stuck(const gf_pool *p, gf_lane *lane, int64_t now_ms, int64_t patience_ms)
{
    bool keeps = lane->track_count > 1 && room_of(p, lane) > 0;
    for (size_t i = 0; i < lane->track_count && !keeps; i++)
        if (is_stuck(&lane->tracks[i], now_ms, patience_ms))
            return &lane->tracks[i].ready;
    return NULL;
}

bool gf_lanes_wait(const gf_pool *p)
{
    for (const gf_lane *lane = p->lanes; lane; lane = lane->next)
        for (size_t i = 0; i < lane->track_count; i++)
            if (lane->tracks[i].ready.count > 0)
                return true;
    return false;
}

size_t gf_lanes_ready(const gf_pool *p)
{
    size_t taken = 0;
    for (const gf_lane *lane = p->lanes; lane; lane = lane->next)
        for (size_t i = 0; i < lane->track_count; i++)
            taken += lane->tracks[i].ready.count + lane->tracks[i].out;
    return taken > p->lane_running ? taken - p->lane_running : 0;
}

void gf_lanes_wake(const gf_pool *p)
{
    for (const gf_lane *lane = p->lanes; lane; lane = lane->next)
        gf_wake_fd_set(&lane->wake);
}

// ---- hosted -------------------------------------------------------------------------------------

size_t gf_lanes_slots(const gf_pool *p)
{
    size_t slots = 0;
    for (const gf_lane *lane = p->hosted ? p->lanes : NULL; lane; lane = lane->next) {
        slots += lane->capacity;
        for (size_t i = 0; i < lane->track_count; i++)
            slots += asking_of(&lane->tracks[i]);
    }
    return slots;
}

// What slots could start of it now.
static size_t startable_of(const gf_track *t)
{
    size_t out = t->out - asking_of(t);
    return gf_min_size(t->ready.count, t->capacity > out ? t->capacity - out : 0);
}

// And of how many of the lane at the most.
static size_t free_of(const gf_lane *lane)
{
    size_t out = 0;
    for (size_t i = 0; i < lane->track_count; i++)
        out += lane->tracks[i].out - asking_of(&lane->tracks[i]);
    return lane->capacity > out ? lane->capacity - out : 0;
}

size_t gf_lanes_startable(const gf_pool *p)
{
    size_t count = 0;
    for (const gf_lane *lane = p->hosted && !p->stopping ? p->lanes : NULL; lane;
         lane = lane->next) {
        size_t its = 0;
        for (size_t i = 0; i < lane->track_count; i++)
            its += startable_of(&lane->tracks[i]);
        count += gf_min_size(its, free_of(lane));
    }
    return count;
}

static gofer_task *take_from(gf_track *t)
{
    gofer_task *task = gf_tasks_pop(&t->ready);
    if (task) {
        t->out++;
        t->taken++;
    }
    return task;
}

gofer_task *gf_lanes_next(gf_pool *p)
{
    for (gf_lane *lane = p->hosted ? p->lanes : NULL; lane; lane = lane->next)
        for (size_t i = 0; i < lane->track_count && free_of(lane) > 0; i++)
            if (startable_of(&lane->tracks[i]) > 0)
                return take_from(&lane->tracks[i]);
    return NULL;
}

static gf_track *track_of(const gofer_task *task)
{
    return &task->lane->tracks[task->track];
}

void gf_lane_left(gf_pool *p, const gofer_task *task)
{
    p->lane_running--;
    if (p->hosted)
        track_of(task)->out--;
}

// ---- a crew's turn ------------------------------------------------------------------------------

// Locks: pool->lock held.
static void mark_begun(gf_pool *p, gofer_task *task, gf_calls *calls)
{
    if (task->phase != GF_READY || gf_task_lost(task))
        return;
    p->lane_running++;
    gf_pool_count_start(p, task, calls);
}

// Locks: pool->lock held.
static void report_all(
    gf_pool *p, gf_lane_turn *turn, int64_t now_ns, gf_tasks *out, gf_calls *calls)
{
    gofer_task *task;
    while ((task = gf_batch_pop(&turn->done))) {
        if (task->guest) {
            gf_guest_end(p, task, calls);
            continue;
        }
        track_of(task)->out--;
        task->out = false;
        if (task->phase == GF_READY && task->started_ns)
            mark_begun(p, task, calls);
        if (gf_task_lost(task))
            gf_pool_return_lost(p, task, out);
        else
            gf_pool_report(p, task, now_ns, calls);
    }
}

// As if it had not begun. Locks: pool->lock held.
static void undo_begin(gf_pool *p, gofer_task *task)
{
    if (task->phase == GF_RUNNING) {
        p->running--;
        p->lane_running--;
    }
    task->phase = GF_READY;
    task->started_ns = 0;
    task->deadline_ms = task->deadline_mono_ms = 0;
}

// What is to run apart stays with its crew: given back to the store, while no child is there, it
// would come again as any other, and kill those beside it. Locks: pool->lock held.
static void take_back(gf_lane *lane, gf_lane_turn *turn, gf_tasks *out)
{
    gf_pool *p = &lane->worker->run.pool;
    gf_tasks kept[GF_TRACKS] = { 0 };
    gf_batch guests = { 0 };
    gofer_task *task;
    while ((task = gf_batch_pop(&turn->back))) {
        if (task->guest) {
            gf_guest_undo(task);
            gf_batch_push(&guests, task);
            continue;
        }
        if (task->apart && !p->stopping && !gf_task_lost(task)) {
            undo_begin(p, task);
            gf_batch_push(&turn->taken, task);
            continue;
        }
        task->out = false;
        track_of(task)->out--;
        if (gf_task_lost(task)) {
            gf_pool_return_lost(p, task, out);
            continue;
        }
        undo_begin(p, task);
        gf_tasks_push(&kept[task->track], task);
    }
    for (size_t i = 0; i < lane->track_count; i++) {
        gf_tasks_join(&kept[i], &lane->tracks[i].ready);
        lane->tracks[i].ready = kept[i];
    }
    while ((task = gf_batch_pop(&lane->guests)))
        gf_batch_push(&guests, task);
    lane->guests = guests;
}

// After a reload there may be fewer rooms than a task knows.
static bool has_track(const gf_lane_turn *turn, size_t track)
{
    return track > 0 && track < turn->track_count;
}

static bool may_take(const gf_lane_turn *turn, size_t track)
{
    return turn->taken.count < turn->max &&
        (!has_track(turn, track) || turn->tracks[track].max > 0);
}

static void take(gf_lane_turn *turn, gofer_task *task)
{
    if (has_track(turn, task->track))
        turn->tracks[task->track].max--;
    gf_batch_push(&turn->taken, task);
}

// Those who have a slot come first, then each track in its turn. Locks: pool->lock held.
static void take_all(gf_lane *lane, gf_lane_turn *turn)
{
    gf_batch guests = lane->guests;
    gofer_task *task;
    lane->guests = (gf_batch){ 0 };
    while ((task = gf_batch_pop(&guests))) {
        if (may_take(turn, task->track))
            take(turn, task);
        else
            gf_batch_push(&lane->guests, task);
    }
    if (lane->worker->run.pool.hosted)
        return;
    lane->turn++;
    for (size_t i = 0; i < lane->track_count; i++) {
        size_t at = (lane->turn + i) % lane->track_count;
        while (may_take(turn, at) && (task = take_from(&lane->tracks[at]))) {
            task->out = true;
            take(turn, task);
        }
    }
}

static void set_capacity(gf_lane *lane, const gf_lane_turn *turn)
{
    lane->capacity = turn->capacity;
    lane->ahead = turn->ahead;
    lane->track_count = gf_max_size(lane->track_count, turn->track_count);
    for (size_t i = 0; i < lane->track_count; i++) {
        lane->tracks[i].capacity = turn->tracks[i].capacity;
        lane->tracks[i].ahead = turn->tracks[i].ahead;
    }
}

// True: others are there than before, or they want another number of tasks. What they do at the
// moment changes all the time, and is told with the next heartbeat.
static bool swap_roll(gf_lane *lane, gf_roll *roll)
{
    gf_roll before = lane->roll;
    const gf_roll_sums *a = &before.sums, *b = &roll->sums;
    bool changed =
        a->children != b->children || a->want != b->want || a->restarts != b->restarts;
    lane->roll = *roll;
    *roll = before;
    return changed;
}

void gf_lane_swap(gf_lane *lane, gf_lane_turn *turn, bool sleeps, gf_calls *calls)
{
    gf_pool *p = &lane->worker->run.pool;
    gf_tasks out = { 0 };
    gofer_task *task;
    int64_t now_ns = gf_mono_ns();
    pthread_mutex_lock(&p->lock);
    while ((task = gf_batch_pop(&turn->begun))) {
        if (task->guest)
            gf_guest_begin(p, task, calls);
        else
            mark_begun(p, task, calls);
    }
    for (task = turn->undecided.first; task; task = task->crew_next)
        if (task->started_ns)
            mark_begun(p, task, calls);
    report_all(p, turn, now_ns, &out, calls);
    // What came back may have to go to the store; room, for the first time or again, may be waited
    // for: the fetcher sees to both.
    bool news = turn->back.count > 0, had_room = room_of(p, lane) > 0;
    take_back(lane, turn, &out);
    set_capacity(lane, turn);
    calls->children |= swap_roll(lane, turn->roll);
    if (news || (!had_room && room_of(p, lane) > 0))
        gf_pool_look(p, calls);
    while (p->stopping && (task = gf_batch_pop(&lane->guests)))
        gf_guest_end(p, task, calls);
    if (!p->stopping)
        take_all(lane, turn);
    if (p->hosted)                 // there may be more room, or room for the first time
        calls->spawn += gf_pool_rouse(p, gf_pool_wanted(p));
    turn->stopping = p->stopping;
    turn->ending = p->ending;
    turn->wall_offset_ms = p->wall_offset_ms;
    lane->asleep = sleeps && turn->taken.count == 0;
    pthread_mutex_unlock(&p->lock);
    gf_tasks_free(&out);
}
