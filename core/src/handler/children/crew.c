// crew.c - the children of one --child: brings tasks and outcomes to and from the pool, in batches,
// on one thread.
//
// May touch: mates, the lane. Who the children are is in places.c.
#include <poll.h>
#include <string.h>

#include "handler/children/crew.h"
#include "handler/children/mate.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/minmax.h"
#include "util/thread.h"
#include "util/wake_fd.h"
#include "worker/run/outcome.h"
#include "worker/run/sealed.h"
#include "worker/runtime.h"
#include "worker/worker.h"

enum {
    AHEAD_NS = 5 * 1000 * 1000,    // a child has what it will begin within so long
    LANE_AHEAD_NS = 20 * 1000 * 1000,  // and the lane, as the pool has for slots
    FAST_NS = 100 * 1000,          // shorter tasks are waited for in batches,
    NAP_MIN_NS = 100 * 1000,       //   so long
    NAP_MAX_NS = 500 * 1000,
    CLERK_MAX = 1000,              // tasks that wait for the store beside those that run
    SECOND_MS = 1000
};

_Static_assert(GF_TRACKS == 1 + GF_HELLO_ROOMS_MAX, "a lane has a track for each room");

// ---- tasks --------------------------------------------------------------------------------------

// What needs no child any more. True: it was one.
static bool decide_at_once(gf_crew *c, gofer_task *task, int64_t now_ns)
{
    int32_t cancelled = gofer_task_cancelled(task), returned = GOFER_RETRY;
    int64_t deadline_ms = task->claim->message.deadline_ms;
    gf_attempt_end how = GF_RETURNED;
    if (cancelled == GOFER_CANCEL_LEASE || cancelled == GOFER_CANCEL_STOP)
        returned = GOFER_REQUEUE;  // put back, which the store may refuse
    else if (cancelled)
        ;
    else if (task->claim->refused)
        how = GF_REFUSED;
    else if (task->sealed && task->sealed->why)
        how = GF_UNREADABLE;
    else if (task->options->start_by_ms &&
        gf_task_too_late(task, gf_broker_now_ms(task->worker->broker)))
        how = GF_TOO_LATE;
    else if (deadline_ms > 0 && deadline_ms <= now_ns / 1000000 + c->turn.wall_offset_ms)
        how = GF_EXPIRED;
    else
        return false;
    if (!task->guest)
        gf_task_clock(task, now_ns, c->turn.wall_offset_ms);
    gf_crew_decide(task, how, returned, &c->turn);
    return true;
}

// While a group waits for room none is taken by tasks that would wait there.
static int64_t ahead_ns(const gf_crew *c)
{
    return gf_sets_wait(&c->sets) ? 0 : AHEAD_NS;
}

// Who may be given this task, and has most room for it.
static gf_mate *best_for(gf_crew *c, const gofer_task *task, int64_t now_ns)
{
    gf_mate *best = NULL;
    size_t most = 0;
    for (gf_mate *m = c->mates; m; m = m->next) {
        size_t credit = task->apart
            ? gf_mate_may_run_apart(m, now_ns / 1000000) && gf_mate_has_room(m, task->track)
            : gf_mate_room_credit(m, task->track, now_ns, ahead_ns(c));
        if (credit > most) {
            best = m;
            most = credit;
        }
    }
    return best;
}

// One child gets nothing more, until it may have what is to run apart.
static void reserve(gf_crew *c)
{
    gf_mate *least = NULL;
    for (gf_mate *m = c->mates; m; m = m->next) {
        if (m->reserved)
            return;
        if (m->state == GF_MATE_UP && !m->spare && !m->alone && (!least || m->held < least->held))
            least = m;
    }
    if (least)
        least->reserved = true;
}

static void unreserve(gf_crew *c)
{
    for (gf_mate *m = c->mates; m; m = m->next)
        m->reserved = false;
}

static void give(gf_crew *c, gofer_task *task, int64_t now_ns)
{
    if (c->reloads && !gf_lane_owns(&c->lane, task)) {
        gf_crew_put_back(task, &c->turn);
        return;
    }
    if (decide_at_once(c, task, now_ns))
        return;
    if (gf_clerk_must_fetch(task)) {
        gf_batch_push(&c->errands.bare, task);
        return;
    }
    gf_mate *m = best_for(c, task, now_ns);
    if (m && gf_mate_give(m, task, now_ns))
        return;
    if (task->apart)
        gf_batch_push(&c->apart, task);
    else
        gf_batch_push(&c->turn.back, task);
}

static void give_all(gf_crew *c, int64_t now_ns)
{
    gofer_task *task;
    gf_batch apart = c->apart;
    c->apart = (gf_batch){ 0 };
    while ((task = gf_batch_pop(&apart))) {
        if (c->turn.stopping)
            gf_crew_put_back(task, &c->turn);
        else
            give(c, task, now_ns);
    }
    while ((task = gf_batch_pop(&c->errands.fetched))) {
        if (c->turn.stopping)
            gf_crew_put_back(task, &c->turn);
        else
            give(c, task, now_ns);
    }
    while ((task = gf_batch_pop(&c->turn.taken)))
        give(c, task, now_ns);
    if (c->apart.count || gf_sets_wait_apart(&c->sets))
        reserve(c);
    else
        unreserve(c);
}

static size_t lane_ahead(int64_t pace_ns)
{
    return pace_ns < 0 ? 0 : (size_t)(LANE_AHEAD_NS / (pace_ns > 0 ? pace_ns : 1));
}

// Of each room; types without one have the room of all.
static void count_rooms(gf_crew *c, int64_t now_ns)
{
    gf_lane_turn *t = &c->turn;
    t->track_count = 1 + c->hello.room_count;
    memset(t->tracks, 0, sizeof t->tracks);
    t->tracks[0].capacity = t->capacity;
    t->tracks[0].ahead = t->ahead;
    for (size_t i = 1; i < t->track_count; i++)
        t->tracks[i].capacity = gf_min_size(c->with_clerk[i], CLERK_MAX);
    for (const gf_mate *m = c->mates; m; m = m->next) {
        for (size_t i = 1; i < t->track_count && i < m->room_count; i++) {
            bool up = m->state == GF_MATE_UP;
            t->tracks[i].capacity += up ? m->rooms[i].want : m->rooms[i].held;
            t->tracks[i].ahead += up ? lane_ahead(gf_mate_room_pace_ns(m, i, now_ns)) : 0;
            t->tracks[i].max += gf_mate_room_credit(m, i, now_ns, ahead_ns(c));
        }
    }
}

// What the crew can take, in the words of the lane.
static void count_room(gf_crew *c, int64_t now_ns)
{
    gf_lane_turn *t = &c->turn;
    t->ahead = t->max = 0;
    // Nor does what the clerk has, up to a number that a worker may well hold.
    t->capacity = gf_min_size(c->clerk.count, CLERK_MAX);
    for (const gf_mate *m = c->mates; m; m = m->next) {
        if (m->state != GF_MATE_UP) {
            t->capacity += m->held;        // what it runs takes no room from those that stay
            continue;
        }
        if (m->spare)
            continue;
        t->capacity += m->want > m->sets_held ? m->want - m->sets_held : 0;
        t->ahead += lane_ahead(gf_mate_pace_ns(m, now_ns));
        t->max += gf_mate_credit(m, now_ns, ahead_ns(c));
    }
    count_rooms(c, now_ns);
}

// For the pool, or for the clerk.
static bool has_news(const gf_crew *c)
{
    return c->turn.done.count > 0 || c->turn.back.count > 0 || c->turn.undecided.count > 0 ||
        c->errands.bare.count > 0 || c->errands.asked.count > 0;
}

// Who has asked may be gone.
static void tell_answers(gf_crew *c)
{
    gf_question *q;
    while ((q = gf_questions_pop(&c->errands.answered))) {
        gf_mate *m = c->mates;
        while (m && m->proc.pid != q->child)
            m = m->next;
        if (m)
            gf_mate_answer(m, q);
        gf_question_free(q);
    }
}

// To the clerk and back, after a turn with the pool, which has seen what has begun.
static void swap_errands(gf_crew *c)
{
    gofer_task *task;
    c->errands.undecided = c->turn.undecided;
    c->turn.undecided = (gf_batch){ 0 };
    for (task = c->errands.undecided.first; task; task = task->crew_next)
        c->with_clerk[task->track]++;
    for (task = c->errands.bare.first; task; task = task->crew_next)
        c->with_clerk[task->track]++;
    gf_clerk_swap(&c->clerk, &c->errands, c->turn.stopping);
    tell_answers(c);
    for (task = c->errands.fetched.first; task; task = task->crew_next)
        c->with_clerk[task->track]--;
    while ((task = gf_batch_pop(&c->errands.decided))) {
        c->with_clerk[task->track]--;
        gf_batch_push(&c->turn.done, task);
    }
}

// True: do not wait yet: there was something to give, or the worker has come to stop or to end.
static bool exchange(gf_crew *c)
{
    gf_calls calls = { 0 };
    int64_t now_ns = gf_mono_ns();
    if (!gf_crew_is_open(c))
        return false;
    for (gf_mate *m = c->mates; m; m = m->next)
        gf_mate_begun(m, &c->turn);
    gf_sets_give(&c->sets, c->mates, now_ns / 1000000, c->turn.stopping || gf_crew_quits(c));
    count_room(c, now_ns);
    gf_crew_call_roll(c);
    bool stopped = c->turn.stopping, ended = c->turn.ending;
    gf_lane_swap(&c->lane, &c->turn, true, &calls);
    gf_worker_act(c->lane.worker, calls);
    swap_errands(c);
    bool any = c->turn.taken.count > 0;
    give_all(c, now_ns);
    for (gf_mate *m = c->mates; m; m = m->next)
        gf_mate_send(m);
    // What was decided here, or found no child, is told at once.
    return any || has_news(c) || stopped != c->turn.stopping || ended != c->turn.ending;
}

// ---- the loop -----------------------------------------------------------------------------------

static bool add_fd(gf_crew *c, size_t *count, int fd, short events)
{
    if (fd < 0)
        return true;
    if (!gf_grow(c->fds, c->fds_room, *count + 1))
        return false;
    c->fds[(*count)++] = (struct pollfd){ .fd = fd, .events = events };
    return true;
}

static size_t list_fds(gf_crew *c)
{
    size_t count = 0;
    bool all = add_fd(c, &count, c->lane.wake.read_fd, POLLIN);
    for (const gf_mate *m = c->mates; all && m; m = m->next)
        all = add_fd(c, &count, m->proc.socket,
                  (short)(POLLIN | (m->out.size > m->out.sent ? POLLOUT : 0))) &&
            add_fd(c, &count, m->proc.output, POLLIN) && add_fd(c, &count, m->proc.pidfd, POLLIN);
    return count;
}

// While children do many short tasks: so long nothing is missed, and then much is read at once.
static int64_t nap_ns(const gf_crew *c, int64_t now_ns)
{
    int64_t nap = NAP_MAX_NS;
    bool busy = false;
    for (const gf_mate *m = c->mates; m; m = m->next) {
        if (m->state == GF_MATE_STARTING)
            continue;
        int64_t pace_ns = gf_mate_pace_ns(m, now_ns);
        if (m->held == 0 && c->processes == 1)
            return 0;
        if (m->held == 0)
            continue;
        if (pace_ns < 0 || pace_ns > FAST_NS)
            return 0;
        busy = true;
        nap = gf_min(nap, (int64_t)m->held * pace_ns / 2);
    }
    return busy && nap >= NAP_MIN_NS ? nap : 0;
}

static void wait(gf_crew *c, int64_t next_ms)
{
    int64_t now_ns = gf_mono_ns(), nap = gf_crew_is_open(c) ? nap_ns(c, now_ns) : 0;
    int64_t left_ms = next_ms == INT64_MAX ? -1 : next_ms - now_ns / 1000000;
    size_t count = list_fds(c);
    if (nap)
        gf_sleep_us(nap / 1000);
    left_ms = next_ms == INT64_MAX ? -1 : left_ms < 0 || nap ? 0 : left_ms;
    int timeout = left_ms > SECOND_MS * 3600 ? SECOND_MS * 3600 : (int)left_ms;
    if (poll(c->fds, (nfds_t)count, timeout) > 0 && c->fds[0].revents)
        gf_wake_fd_clear(&c->lane.wake);
}

static bool is_over(const gf_crew *c)
{
    return gf_crew_quits(c) && !c->mates && !has_news(c) &&
        c->clerk.count + c->clerk.questions == 0;
}

void *gf_crew_main(void *arg)
{
    gf_crew *c = arg;
    gf_thread_name("gofer-children");
    gf_sets_open(&c->sets);
    while (!is_over(c)) {
        int64_t next_ms = gf_places_look(c);
        bool more = exchange(c);
        if (!more && !is_over(c))      // what dead children had may have been the last
            wait(c, next_ms);
        int64_t now_ns = gf_mono_ns();
        for (gf_mate *m = c->mates; m; m = m->next)
            (void)gf_mate_read(m, &c->turn, now_ns);
        gf_places_bury(c, now_ns / 1000000);
    }
    (void)exchange(c);             // nobody is there any more
    gf_sets_close(&c->sets);
    gf_clerk_end(&c->clerk);
    return NULL;
}
