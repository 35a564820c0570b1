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

// ---- all of a kind of failure

typedef struct kind_act {
    top                *t;
    const task_action  *how;
    char                queue[256], type[256], kind[GF_FINGERPRINT];
    int64_t             looked, done;
    int                 stopped;
} kind_act;

// Those of one page. What changed its state meanwhile is passed over.
static gofer_status act_on_page(kind_act *a, const gofer_info *page)
{
    for (size_t i = 0; i < gofer_info_count(page) && !a->stopped; i++) {
        const gofer_info *task = gofer_info_at(page, i);
        if (!failure_is(task, a->kind))
            continue;
        gofer_status st = a->how->one(a->t->client, a->queue, gofer_info_text(task, "id"));
        if (st != GOFER_OK && st != GOFER_ENOTFOUND && st != GOFER_ESTATE)
            return st;
        a->done += st == GOFER_OK;
        if (a->done % 100 == 99)
            a->stopped = on_progress(a->t, a->looked, a->done);
    }
    return GOFER_OK;
}

static gofer_status act_on_state(kind_act *a, const char *state)
{
    char word[GF_FINGERPRINT], *cursor = NULL;
    gofer_filter filter;
    gofer_filter_init(&filter);
    filter.type = a->type;
    filter.error = *failure_word(word, a->kind) ? word : NULL;
    gofer_status st = GOFER_OK;
    do {
        gofer_info *page = NULL;
        st = gofer_client_find(a->t->client, a->queue, state, &filter, cursor, FAILURES_STEP,
            &page);
        free(cursor);
        cursor = NULL;
        const char *next = gofer_info_text(page, "next_cursor");
        if (next)
            cursor = memcpy(cli_alloc(strlen(next) + 1), next, strlen(next) + 1);
        a->looked += gofer_info_int(page, "looked", 0);
        if (st == GOFER_OK)
            st = act_on_page(a, page);
        gofer_info_free(page);
        a->stopped = a->stopped || (cursor && on_progress(a->t, a->looked, a->done));
    } while (st == GOFER_OK && cursor && !a->stopped);
    free(cursor);
    return st;
}

// In the states from first to before last. How many they are is known only where all were looked
// at.
static void do_kind(kind_act *a, int64_t number, size_t first, size_t last)
{
    top *t = a->t;
    const char *more = t->view == VIEW_TASKS || !failures_whole(&t->failures) ? " or more" : "";
    if (!top_confirm(t, "%s %" PRId64 "%s failed tasks of this kind, type %.100s, queue %.100s?",
            a->how->name, number, more, a->type, a->queue))
        return;
    gofer_status st = GOFER_OK;
    char target[AUDIT_TARGET_ROOM];
    snprintf(target, sizeof target, "type=%.220s failed like: %.250s", a->type, a->kind);
    audit_note n = { .act = a->how->act_all, .queue = a->queue, .target = target,
        .outcome = "begun" };
    note(t, n);
    for (size_t i = first; i < last && st == GOFER_OK && !a->stopped; i++)
        st = act_on_state(a, failed_states[i]);
    if (st != GOFER_OK)
        top_say(t, 1, "%s %" PRId64 "; %.300s", a->how->done, a->done, gofer_error_last());
    else
        top_say(t, 0, "%s %" PRId64 " tasks%s", a->how->done, a->done,
            a->stopped ? "; stopped" : "");
    n.outcome = a->stopped ? "stopped" : NULL;
    n.status = st;
    n.count = a->done;
    note(t, n);
    failures_begin(&t->failures, cli_now_ms());
    top_forget_page(t);
    top_load(t);
}

static int kind_begin(kind_act *a, top *t, top_action act)
{
    *a = (kind_act){ .t = t };
    if (!is_task_action(act) || act == ACT_CANCEL) {
        nothing(t);
        return 0;
    }
    a->how = &task_actions[act];
    return 1;
}

// What is archived can be archived no more.
static void do_failure(top *t, top_action act, const top_row *row)
{
    kind_act a;
    if (!kind_begin(&a, t, act))
        return;
    if (!row) {
        nothing(t);
        return;
    }
    snprintf(a.queue, sizeof a.queue, "%s", row->queue);
    snprintf(a.type, sizeof a.type, "%s", row->type);
    snprintf(a.kind, sizeof a.kind, "%s", row->key);
    do_kind(&a, row->number, FAILED_RETRY,
        act == ACT_ARCHIVE ? FAILED_ARCHIVED : FAILED_STATES);
}

// From the tasks of a kind: those of the state that is shown.
static void do_kind_shown(top *t, top_action act)
{
    kind_act a;
    size_t state = strcmp(top_states[t->tasks.state], failed_states[FAILED_ARCHIVED]) == 0
        ? FAILED_ARCHIVED
        : FAILED_RETRY;
    if (!kind_begin(&a, t, act))
        return;
    if (strcmp(top_states[t->tasks.state], failed_states[state]) != 0 ||
        (act == ACT_ARCHIVE && state == FAILED_ARCHIVED)) {
        nothing(t);
        return;
    }
    memcpy(a.queue, t->tasks.queue, sizeof a.queue);
    memcpy(a.type, t->tasks.kind_type, sizeof a.type);
    memcpy(a.kind, t->tasks.kind, sizeof a.kind);
    do_kind(&a, (int64_t)t->grid.count, state, state + 1);
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
    const task_action *how = &task_actions[act];
    const char *state = top_states[t->tasks.state];
    top_filter f;
    int64_t count = 0;
    if (t->view == VIEW_FAILURES) {
        top_do(t, act);
        return;
    }
    if (t->view == VIEW_TASKS && t->tasks.of_kind) {
        do_kind_shown(t, act);
        return;
    }
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
    char target[AUDIT_TARGET_ROOM];
    audit_note n = { .act = how->act_all, .queue = t->tasks.queue, .outcome = "begun",
        .target = audit_filter_text(target, state, &f.filter) };
    note(t, n);
    st = gofer_client_act(t->client, how->all, t->tasks.queue, state, &f.filter, on_progress, t,
        &count);
    if (st != GOFER_OK)
        top_say(t, 1, "%s %" PRId64 "; %.300s", how->done, count, gofer_error_last());
    else
        top_say(t, 0, "%s %" PRId64 " tasks", how->done, count);
    n.outcome = NULL;
    n.status = st;
    n.count = count;
    note(t, n);
    top_forget_page(t);
    top_load(t);
}
