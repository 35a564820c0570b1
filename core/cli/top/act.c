// act.c - what changes the store: one task, queue, worker or schedule, or all tasks that match.
//
// Nothing is done in --read-only: keys.c sees to it. What cannot be undone is asked first, in the
// last line. Calls block up to the store's timeout, and the screen with them.
#include <curses.h>
#include <inttypes.h>
#include <string.h>

#include "top.h"

static void report(top *t, gofer_status st, const char *done, const char *what)
{
    if (st == GOFER_OK)
        top_say(t, 0, "%s %.300s", done, what);
    else
        top_say(t, 1, "%s", gofer_error_last());
    top_load(t);
}

static void nothing(top *t)
{
    top_say(t, 1, "that key does nothing here; ? shows what does");
}

// ---- tasks

typedef struct task_action {
    const char *name, *done;
    gofer_status (*one)(gofer_client *client, const char *queue, const char *id);
    int32_t     all;
    int         asks;               // also for one
} task_action;

static const task_action task_actions[] = {
    [ACT_RUN] = { "run", "made pending", gofer_client_task_run, GOFER_ACT_RUN, 0 },
    [ACT_ARCHIVE] = { "archive", "archived", gofer_client_task_archive, GOFER_ACT_ARCHIVE, 0 },
    [ACT_DELETE] = { "delete", "deleted", gofer_client_task_delete, GOFER_ACT_DELETE, 1 },
    [ACT_CANCEL] = { "cancel", "cancelled", gofer_client_task_cancel, GOFER_ACT_CANCEL, 1 },
};

static int is_task_action(top_action act)
{
    return act == ACT_RUN || act == ACT_ARCHIVE || act == ACT_DELETE || act == ACT_CANCEL;
}

static void do_task(top *t, top_action act)
{
    char id[256], queue[256];       // copies: loading renews the rows
    const top_row *row = top_row_at(t);
    if (!is_task_action(act) || (t->view == VIEW_TASKS && !row)) {
        nothing(t);
        return;
    }
    snprintf(id, sizeof id, "%s", t->view == VIEW_TASK ? t->id : row->key);
    snprintf(queue, sizeof queue, "%s",
        t->view == VIEW_TASK ? t->id_queue
            : row->queue     ? row->queue
                             : t->tasks.queue);
    const task_action *how = &task_actions[act];
    if (how->asks && !top_confirm(t, "%s task %s?", how->name, id))
        return;
    gofer_status st = how->one(t->client, queue, id);
    if (st == GOFER_OK && act == ACT_DELETE && t->view == VIEW_TASK)
        t->view = VIEW_TASKS;       // there is nothing left to show
    report(t, st, how->done, id);
}

// Esc stops it.
static int32_t on_progress(void *user, int64_t looked, int64_t done)
{
    top *t = user;
    top_say(t, 0, "%" PRId64 " looked at, %" PRId64 " done; esc stops", looked, done);
    top_draw(t);
    timeout(0);
    return getch() == 27;
}

void top_do_all(top *t, top_action act)
{
    const task_action *how = &task_actions[act];
    const char *state = top_states[t->tasks.state];
    top_filter f;
    int64_t count = 0;
    if (t->view != VIEW_TASKS) {
        nothing(t);
        return;
    }
    if (top_filter_read(t, &f) != 0)
        return;
    gofer_status st = gofer_client_act(t->client, GOFER_ACT_COUNT, t->tasks.queue, state, &f.filter,
        on_progress, t, &count);
    if (st != GOFER_OK) {
        top_say(t, 1, "%s", gofer_error_last());
        return;
    }
    if (count == 0) {
        top_say(t, 0, "no task matches");
        return;
    }
    if (!top_confirm(t, "%s %" PRId64 " %s task%s of queue %.200s?", how->name, count, state,
            count == 1 ? "" : "s", t->tasks.queue))
        return;
    st = gofer_client_act(t->client, how->all, t->tasks.queue, state, &f.filter, on_progress, t,
        &count);
    if (st != GOFER_OK)
        top_say(t, 1, "%s %" PRId64 "; %.300s", how->done, count, gofer_error_last());
    else
        top_say(t, 0, "%s %" PRId64 " tasks", how->done, count);
    top_forget_page(t);
    top_load(t);
}

// ---- queues, workers, schedules

static void do_queue(top *t, top_action act, const top_row *row)
{
    char name[256];
    snprintf(name, sizeof name, "%s", row->key);
    if (act == ACT_PAUSE && row->flag)
        report(t, gofer_client_queue_unpause(t->client, name), "unpaused", name);
    else if (act == ACT_PAUSE)
        report(t, gofer_client_queue_pause(t->client, name), "paused", name);
    else if (act != ACT_DELETE)
        nothing(t);
    else if (top_confirm(t, "delete queue %s and all its tasks?", name))
        report(t, gofer_client_queue_delete(t->client, name, 1), "deleted queue", name);
}

static void do_worker(top *t, top_action act, const top_row *row)
{
    char id[256], value[24];
    snprintf(id, sizeof id, "%s", row->key);
    if (act == ACT_PAUSE) {
        report(t, gofer_client_worker_set(t->client, id, "state", row->flag ? "active" : "quiet"),
            row->flag ? "resumed" : "told to be quiet:", id);
    } else if (act == ACT_MORE || act == ACT_FEWER) {
        int64_t wanted = row->number + (act == ACT_MORE ? 1 : -1);
        snprintf(value, sizeof value, "%" PRId64, wanted);
        report(t, gofer_client_worker_set(t->client, id, "concurrency", value),
            "concurrency set of", id);
    } else if (act != ACT_CANCEL) {
        nothing(t);
    } else if (top_confirm(t, "stop worker %s?", id)) {
        report(t, gofer_client_worker_set(t->client, id, "state", "stop"), "told to stop:", id);
    }
}

static void do_schedule(top *t, top_action act, const top_row *row)
{
    char name[256];
    snprintf(name, sizeof name, "%s", row->key);
    if (act == ACT_PAUSE)
        report(t, gofer_client_schedule_pause(t->client, name, !row->flag),
            row->flag ? "unpaused" : "paused", name);
    else if (act == ACT_RUN)
        report(t, gofer_client_schedule_run(t->client, name, NULL), "enqueued a task of", name);
    else if (act != ACT_DELETE)
        nothing(t);
    else if (top_confirm(t, "delete schedule %s?", name))
        report(t, gofer_client_schedule_remove(t->client, name), "deleted schedule", name);
}

void top_do(top *t, top_action act)
{
    const top_row *row = top_row_at(t);
    if (t->view == VIEW_TASKS || t->view == VIEW_TASK)
        do_task(t, act);
    else if (!row)
        nothing(t);
    else if (t->view == VIEW_QUEUES)
        do_queue(t, act, row);
    else if (t->view == VIEW_WORKERS)
        do_worker(t, act, row);
    else if (t->view == VIEW_SCHEDULES)
        do_schedule(t, act, row);
    else
        nothing(t);
}
