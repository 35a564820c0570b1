// act.c - what changes the store: one task, queue, worker or schedule, or all tasks that match.
//
// Nothing is done in --read-only: keys.c sees to it. What cannot be undone is asked first, in the
// last line. Calls block up to the store's timeout, and the screen with them.
#include <curses.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "top.h"

// What cannot be noted is said in the line that says what was done.
static void note(top *t, audit_note n)
{
    n.via = "top";
    if (cli_audit(t->c, t->client, &n) != GOFER_OK)
        top_say(t, 1, "%.200s; it is not in the audit: %.250s", t->message, gofer_error_last());
}

// n has the act and what it was about; done, what: the words for it.
static void report(top *t, gofer_status st, const char *done, const char *what, audit_note n)
{
    if (st == GOFER_OK)
        top_say(t, 0, "%s %.300s", done, what);
    else
        top_say(t, 1, "%s", gofer_error_last());
    n.status = st;
    n.count = st == GOFER_OK;
    note(t, n);
    top_load(t);
}

static void nothing(top *t)
{
    top_say(t, 1, "that key does nothing here; ? shows what does");
}

// ---- tasks

typedef struct task_action {
    const char *name, *done, *act, *act_all;
    gofer_status (*one)(gofer_client *client, const char *queue, const char *id);
    int32_t     all;
    int         asks;               // also for one
} task_action;

static const task_action task_actions[] = {
    [ACT_RUN] = { "run", "made pending", "task.run", "tasks.run",
        gofer_client_task_run, GOFER_ACT_RUN, 0 },
    [ACT_ARCHIVE] = { "archive", "archived", "task.archive", "tasks.archive",
        gofer_client_task_archive, GOFER_ACT_ARCHIVE, 0 },
    [ACT_DELETE] = { "delete", "deleted", "task.delete", "tasks.delete",
        gofer_client_task_delete, GOFER_ACT_DELETE, 1 },
    [ACT_CANCEL] = { "cancel", "cancelled", "task.cancel", "tasks.cancel",
        gofer_client_task_cancel, GOFER_ACT_CANCEL, 1 },
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
    report(t, st, how->done, id, (audit_note){ .act = how->act, .queue = queue, .target = id });
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

// ---- queues, workers, schedules

// What is acted on: a row, or what a page is about.
typedef struct subject {
    char    key[256];               // a copy: loading renews the rows
    int     flag;
    int64_t number;
} subject;

static audit_note about(const char *act, const char *queue, const char *target)
{
    return (audit_note){ .act = act, .queue = queue, .target = target };
}

static void do_queue(top *t, top_action act, const subject *on)
{
    const char *name = on->key;
    if (act == ACT_PAUSE && on->flag)
        report(t, gofer_client_queue_unpause(t->client, name), "unpaused", name,
            about("queue.unpause", name, name));
    else if (act == ACT_PAUSE)
        report(t, gofer_client_queue_pause(t->client, name), "paused", name,
            about("queue.pause", name, name));
    else if (act != ACT_DELETE)
        nothing(t);
    else if (top_confirm(t, "delete queue %s and all its tasks?", name))
        report(t, gofer_client_queue_delete(t->client, name, 1), "deleted queue", name,
            about("queue.delete", name, name));
}

static void set_worker(top *t, const char *id, const char *key, const char *value,
    const char *done)
{
    char target[AUDIT_TARGET_ROOM];
    snprintf(target, sizeof target, "%s %s=%s", id, key, value);
    report(t, gofer_client_worker_set(t->client, id, key, value), done, id,
        about("worker.set", NULL, target));
}

static void do_worker(top *t, top_action act, const subject *on)
{
    const char *id = on->key;
    char value[24];
    if (act == ACT_PAUSE) {
        set_worker(t, id, "state", on->flag ? "active" : "quiet",
            on->flag ? "resumed" : "told to be quiet:");
    } else if (act == ACT_MORE || act == ACT_FEWER) {
        int64_t wanted = on->number + (act == ACT_MORE ? 1 : -1);
        snprintf(value, sizeof value, "%" PRId64, wanted);
        set_worker(t, id, "concurrency", value, "concurrency set of");
    } else if (act != ACT_CANCEL) {
        nothing(t);
    } else if (top_confirm(t, "stop worker %s?", id)) {
        set_worker(t, id, "state", "stop", "told to stop:");
    }
}

static void do_schedule(top *t, top_action act, const subject *on)
{
    const char *name = on->key;
    if (act == ACT_PAUSE)
        report(t, gofer_client_schedule_pause(t->client, name, !on->flag),
            on->flag ? "unpaused" : "paused", name,
            about(on->flag ? "schedule.unpause" : "schedule.pause", NULL, name));
    else if (act == ACT_RUN)
        report(t, gofer_client_schedule_run(t->client, name, NULL), "enqueued a task of", name,
            about("schedule.run", NULL, name));
    else if (act != ACT_DELETE)
        nothing(t);
    else if (top_confirm(t, "delete schedule %s?", name))
        report(t, gofer_client_schedule_remove(t->client, name), "deleted schedule", name,
            about("schedule.delete", NULL, name));
}

// ---- findings

static void do_findings(top *t, top_action act)
{
    gofer_info *found = NULL;
    if (act != ACT_RUN) {
        nothing(t);
        return;
    }
    if (!top_confirm(t, "let the doctor mend what can be mended without risk?"))
        return;
    top_say(t, 0, "the doctor is at work ...");
    top_draw(t);
    gofer_status st = gofer_client_check(t->client, 1, &found);
    int64_t mended = 0;
    for (size_t i = 0; i < gofer_info_count(found); i++)
        mended = cli_sum(mended, gofer_info_int(gofer_info_at(found, i), "repaired", 0));
    if (st == GOFER_OK)
        top_say(t, 0, "mended %" PRId64, mended);
    else
        top_say(t, 1, "mended %" PRId64 "; %.300s", mended, gofer_error_last());
    note(t, (audit_note){ .act = "store.repair", .status = st, .count = mended });
    gofer_info_free(found);
    scout_begin(&t->scout, t->client, cli_now_ms());
    top_load(t);
}

// ---- all that match

typedef struct many {
    const task_action *how;
    const char        *queue;
    const char *const *states;      // NULL-terminated
    gofer_filter       filter;
    const char        *which;       // "archived", in "7 archived tasks of queue mail"
    char               whose[300];  // "of queue mail"
} many;

// The same in each state; *done: in all of them, on an error too.
static gofer_status act_on_many(top *t, const many *m, int32_t act, int64_t *done)
{
    gofer_status st = GOFER_OK;
    *done = 0;
    for (size_t i = 0; m->states[i] && st == GOFER_OK; i++) {
        int64_t count = 0;
        st = gofer_client_act(t->client, act, m->queue, m->states[i], &m->filter, on_progress, t,
            &count);
        *done = cli_sum(*done, count);
    }
    return st;
}

// Those that match are counted first, and nothing is done before the answer.
static void do_many(top *t, const many *m)
{
    int64_t count = 0;
    gofer_status st = act_on_many(t, m, GOFER_ACT_COUNT, &count);
    if (st != GOFER_OK) {
        top_say(t, 1, "%s", gofer_error_last());
        return;
    }
    if (count == 0) {
        top_say(t, 0, "no task matches");
        return;
    }
    if (!top_confirm(t, "%s %" PRId64 " %s task%s %s?", m->how->name, count, m->which,
            count == 1 ? "" : "s", m->whose))
        return;
    char target[AUDIT_TARGET_ROOM];
    audit_note n = { .act = m->how->act_all, .queue = m->queue, .outcome = "begun",
        .target = audit_filter_text(target, m->states[1] ? NULL : m->states[0], &m->filter) };
    note(t, n);
    st = act_on_many(t, m, m->how->all, &count);
    if (st != GOFER_OK)
        top_say(t, 1, "%s %" PRId64 "; %.300s", m->how->done, count, gofer_error_last());
    else
        top_say(t, 0, "%s %" PRId64 " task%s", m->how->done, count, count == 1 ? "" : "s");
    n.outcome = NULL;
    n.status = st;
    n.count = count;
    note(t, n);
    if (t->failures.begun_ms)
        failures_begin(&t->failures, cli_now_ms());
    top_forget_page(t);
    top_load(t);
}

// Of a kind of failure. What is archived can be archived no more.
static void do_failure(top *t, top_action act, const top_row *row)
{
    static const char *const retry[] = { "retry", NULL };
    char type[256], queue[256], kind[GF_FINGERPRINT];   // copies: loading renews the rows
    if (!row || !is_task_action(act) || act == ACT_CANCEL) {
        nothing(t);
        return;
    }
    snprintf(type, sizeof type, "%s", row->type);
    snprintf(queue, sizeof queue, "%s", row->queue);
    snprintf(kind, sizeof kind, "%s", row->key);
    many m = { .how = &task_actions[act], .queue = queue, .which = "failed",
        .states = act == ACT_ARCHIVE ? retry : failed_states };
    gofer_filter_init(&m.filter);
    m.filter.type = type;
    m.filter.fingerprint = kind;
    snprintf(m.whose, sizeof m.whose, "of this kind, type %.100s, queue %.100s", type, queue);
    do_many(t, &m);
}

// ---- what a key means here

static void subject_of(const top *t, const top_row *row, subject *out)
{
    if (!row) {
        *out = (subject){ .flag = t->page_flag, .number = t->page_number };
        memcpy(out->key, t->id, sizeof out->key);
        return;
    }
    *out = (subject){ .flag = row->flag, .number = row->number };
    snprintf(out->key, sizeof out->key, "%s", row->key);
}

void top_do(top *t, top_action act)
{
    static const struct {
        top_view of, page;
        void   (*act)(top *t, top_action act, const subject *on);
    } acts[] = {
        { VIEW_QUEUES, VIEW_QUEUES, do_queue },
        { VIEW_WORKERS, VIEW_WORKER, do_worker },
        { VIEW_SCHEDULES, VIEW_SCHEDULE, do_schedule },
    };
    const top_row *row = top_row_at(t);
    subject on;
    if (t->view == VIEW_TASKS || t->view == VIEW_TASK) {
        do_task(t, act);
        return;
    }
    if (t->view == VIEW_FINDINGS || t->view == VIEW_FINDING) {
        do_findings(t, act);
        return;
    }
    if (t->view == VIEW_FAILURES) {
        do_failure(t, act, row);
        return;
    }
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if ((acts[i].of == t->view && row) || (acts[i].page == t->view && top_is_page(t))) {
            subject_of(t, row, &on);
            acts[i].act(t, act, &on);
            return;
        }
    nothing(t);
}

void top_do_all(top *t, top_action act)
{
    const char *const states[] = { top_states[t->tasks.state], NULL };
    top_filter f;
    many m = { .how = &task_actions[act], .queue = t->tasks.queue, .states = states,
        .which = states[0] };
    if (t->view == VIEW_FAILURES) {
        do_failure(t, act, top_row_at(t));
        return;
    }
    if (t->view != VIEW_TASKS) {
        nothing(t);
        return;
    }
    if (top_filter_read(t, &f) != 0)
        return;
    m.filter = f.filter;
    snprintf(m.whose, sizeof m.whose, "of queue %.200s", t->tasks.queue);
    do_many(t, &m);
}
