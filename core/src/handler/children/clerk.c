// clerk.c - the threads beside a crew's own: ask the store for checkpoints and for what steps of
// flows have left, and decide what becomes of tasks where that may mean to ask it, to wait for what
// is being told to it, or to call hooks.
//
// May touch: tasks, worker/run/decide.h. Locks: its own, not held while it works.
#include "handler/children/clerk.h"

#include "util/thread.h"
#include "worker/run/decide.h"
#include "worker/run/task.h"
#include "worker/run/task_data.h"

enum { FETCHING_MAX = GF_CLERK_THREADS / 2 };  // at a time, so that decisions find a thread

// ---- the work ---------------------------------------------------------------------------------

bool gf_clerk_must_fetch(const gofer_task *task)
{
    return !task->has_resumed && !task->resume_tried && gf_task_may_resume(task);
}

// Success that leaves nothing behind is nearly all there is, and costs no hop to another thread.
bool gf_clerk_must_decide(const gofer_task *task, gf_attempt_end how, int32_t returned)
{
    bool done = how == GF_RETURNED && returned == GOFER_DONE;
    return !done || (task->claim->message.retention_ms > 0 && atomic_load(&task->data));
}

void gf_clerk_decide(gofer_task *task, gf_attempt_end how, int32_t returned)
{
    if (!gf_task_claim_decision(task))
        return;                    // given up meanwhile
    gf_task_data_end_log(task);
    gf_task_decide(task, how, returned,
        (gf_decision){ &task->own_outcome, &task->own_reason, &task->own_finish_data });
}

// A store that keeps none, or does not answer, has none: the task begins anew.
static void fetch(gofer_task *task)
{
    const void *bytes;
    size_t size;
    (void)gofer_task_resume(task, &bytes, &size);
    task->resume_tried = true;
}

// ---- the threads ------------------------------------------------------------------------------

static void *clerk_main(void *arg);

// Locks: clerk->lock held, in all of these. What could be done now?
static size_t todo(const gf_clerk *c)
{
    size_t slow = c->errands.bare.count + c->errands.asked.count;
    return c->errands.undecided.count + (c->fetching < FETCHING_MAX ? slow : 0);
}

// Somebody for what is to be done, besides those that are at something.
static void call_one(gf_clerk *c)
{
    if (todo(c) == 0)
        return;
    if (c->idle > 0)
        pthread_cond_signal(&c->changed);
    else if (c->thread_count < GF_CLERK_THREADS &&
        gf_thread_start(&c->threads[c->thread_count], clerk_main, c, c->stack_size) == 0)
        c->thread_count++;
}

static void decide_next(gf_clerk *c)
{
    gofer_task *task = gf_batch_pop(&c->errands.undecided);
    call_one(c);
    pthread_mutex_unlock(&c->lock);
    gf_clerk_decide(task, task->end, task->answer);
    pthread_mutex_lock(&c->lock);
    gf_batch_push(&c->errands.decided, task);
}

static void fetch_next(gf_clerk *c)
{
    gofer_task *task = gf_batch_pop(&c->errands.bare);
    bool skips = c->hurries;
    c->fetching++;
    call_one(c);
    pthread_mutex_unlock(&c->lock);
    if (!skips)
        fetch(task);
    pthread_mutex_lock(&c->lock);
    c->fetching--;
    gf_batch_push(&c->errands.fetched, task);
}

static void ask_next(gf_clerk *c)
{
    gf_question *q = gf_questions_pop(&c->errands.asked);
    c->fetching++;
    call_one(c);
    pthread_mutex_unlock(&c->lock);
    gf_question_ask(q);
    pthread_mutex_lock(&c->lock);
    c->fetching--;
    gf_questions_push(&c->errands.answered, q);
}

// Decisions first: what they are about has run. False: there is nothing to do.
static bool work(gf_clerk *c)
{
    if (todo(c) == 0)
        return false;
    if (c->errands.undecided.count)
        decide_next(c);
    else if (c->errands.asked.count)
        ask_next(c);               // its task runs, and waits
    else
        fetch_next(c);
    return true;
}

static size_t finished(const gf_clerk *c)
{
    return c->errands.fetched.count + c->errands.decided.count + c->errands.answered.count;
}

static void *clerk_main(void *arg)
{
    gf_clerk *c = arg;
    gf_thread_name("gofer-clerk");
    pthread_mutex_lock(&c->lock);
    while (!c->quits) {
        if (!work(c)) {
            c->idle++;
            gf_cond_wait(&c->changed, &c->lock, -1);
            c->idle--;
        } else if (finished(c) == 1) {
            gf_wake_fd_set(c->wake);           // the first: the crew takes all
        }
    }
    pthread_mutex_unlock(&c->lock);
    return NULL;
}

// ---- the crew's side --------------------------------------------------------------------------

static void move(gf_batch *to, gf_batch *from)
{
    gofer_task *task;
    while ((task = gf_batch_pop(from)))
        gf_batch_push(to, task);
}

static void move_questions(gf_questions *to, gf_questions *from)
{
    gf_question *q;
    while ((q = gf_questions_pop(from)))
        gf_questions_push(to, q);
}

void gf_clerk_swap(gf_clerk *c, gf_errands *e, bool stopping)
{
    c->count += e->bare.count + e->undecided.count;
    c->questions += e->asked.count;
    if (c->count + c->questions == 0)
        return;
    pthread_mutex_lock(&c->lock);
    c->hurries = stopping;
    move(&c->errands.bare, &e->bare);
    move(&c->errands.undecided, &e->undecided);
    move_questions(&c->errands.asked, &e->asked);
    call_one(c);
    while (c->thread_count == 0 && work(c))
        ;
    c->count -= c->errands.fetched.count + c->errands.decided.count;
    c->questions -= c->errands.answered.count;
    move_questions(&e->answered, &c->errands.answered);
    move(&e->fetched, &c->errands.fetched);
    move(&e->decided, &c->errands.decided);
    pthread_mutex_unlock(&c->lock);
}

void gf_clerk_end(gf_clerk *c)
{
    pthread_mutex_lock(&c->lock);
    c->quits = true;
    pthread_cond_broadcast(&c->changed);
    size_t count = c->thread_count;
    pthread_mutex_unlock(&c->lock);
    for (size_t i = 0; i < count; i++)
        pthread_join(c->threads[i], NULL);
    c->quits = false;
    c->thread_count = 0;
}

bool gf_clerk_init(gf_clerk *c, const gf_wake_fd *wake)
{
    *c = (gf_clerk){ .wake = wake };
    if (pthread_mutex_init(&c->lock, NULL) != 0)
        return false;
    if (gf_cond_init(&c->changed) == 0)
        return true;
    pthread_mutex_destroy(&c->lock);
    return false;
}

void gf_clerk_clear(gf_clerk *c)
{
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
}
