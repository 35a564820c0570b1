// jobs.c - acts that may be long: on all tasks that match, on a queue, on the store.
#include "jobs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "call.h"
#include "checks.h"
#include "clock.h"
#include "pages.h"
#include "queues.h"
#include "search.h"

enum { FLUSH_MS = 30000 };

typedef enum job_state { NONE, WAITING, RUNNING, DONE, FAILED, STOPPED } job_state;

typedef struct job {
    int64_t      number;
    web_job_plan plan;
    job_state    state;
    bool         stopping;
    char         stopper[WEB_FILTER_ROOM];
    int64_t      looked, done;
    web_job_end  end;
} job;

struct web_jobs {
    gofer_client   *client;
    web_audit      *audit;
    web_checks     *checks;
    pthread_mutex_t lock;       // guards all below
    pthread_cond_t  news;       // for the thread; steady, as is the next
    pthread_cond_t  ended;      // a job has
    job             jobs[WEB_JOBS_MAX];
    int64_t         last;       // number given
    bool            ending, started;
    pthread_t       thread;
};

static const char *const acts[] = {
    [GOFER_ACT_COUNT] = "count", [GOFER_ACT_RUN] = "run", [GOFER_ACT_ARCHIVE] = "archive",
    [GOFER_ACT_DELETE] = "delete", [GOFER_ACT_CANCEL] = "cancel",
    [WEB_ACT_QUEUE_DELETE] = "queue.delete", [WEB_ACT_REPAIR] = "store.repair",
};

const char *web_act_name(int32_t act)
{
    return acts[act];
}

int32_t web_act_of(const char *name)
{
    for (int32_t i = GOFER_ACT_COUNT; i <= GOFER_ACT_CANCEL; i++)
        if (strcmp(acts[i], name) == 0)
            return i;
    return -1;
}

// ---- running

static job *find(web_jobs *jobs, int64_t number)
{
    job *j = number > 0 ? &jobs->jobs[number % WEB_JOBS_MAX] : NULL;
    return j && j->state != NONE && j->number == number ? j : NULL;
}

static job *next_waiting(web_jobs *jobs)
{
    for (int64_t n = jobs->last - WEB_JOBS_MAX + 1; n <= jobs->last; n++) {
        job *j = find(jobs, n);
        if (j && j->state == WAITING)
            return j;
    }
    return NULL;
}

// What the library's progress is told through: where to count, and whether to go on.
typedef struct turn {
    web_jobs *jobs;
    job      *job;
    int64_t   looked, done;     // in the queues before
} turn;

static int32_t on_progress(void *user, int64_t looked, int64_t done)
{
    turn *t = user;
    pthread_mutex_lock(&t->jobs->lock);
    t->job->looked = t->looked + looked;
    t->job->done = t->done + done;
    int32_t stop = t->job->stopping || t->jobs->ending;
    pthread_mutex_unlock(&t->jobs->lock);
    return stop;
}

static const char *given(const char *text)
{
    return *text ? text : NULL;
}

static void filter_of(const web_job_plan *plan, gofer_filter *out)
{
    gofer_filter_init(out);
    out->type = given(plan->type);
    out->error = given(plan->error);
    out->id = given(plan->id);
    out->group = given(plan->group);
    out->fingerprint = given(plan->fingerprint);
    out->older_ms = plan->older_ms;
    out->younger_ms = plan->younger_ms;
}

static gofer_status act_on_found(turn *t, const char *queue, const gofer_filter *filter,
    int64_t *done)
{
    const web_job_plan *plan = &t->job->plan;
    web_searcher s = { .client = t->jobs->client, .scope = &plan->reader, .masks = plan->masks };
    (void)web_search_for(&s, plan->text);       // it fits there if it did in the plan
    return web_search_act(&s, &(web_search_plan){ .act = plan->act, .queue = queue,
        .state = given(plan->state), .filter = filter, .progress = on_progress, .user = t }, done);
}

static gofer_status act_on(turn *t, const char *queue)
{
    const web_job_plan *plan = &t->job->plan;   // only its state changes while it is here
    int64_t done = 0;
    gofer_filter filter;
    filter_of(plan, &filter);
    int32_t act = plan->act == WEB_ACT_QUEUE_DELETE ? GOFER_ACT_DELETE : plan->act;
    gofer_status st = *plan->text ? act_on_found(t, queue, &filter, &done)
        : gofer_client_act(t->jobs->client, act, queue, given(plan->state), &filter,
              on_progress, t, &done);
    pthread_mutex_lock(&t->jobs->lock);
    t->done += done;
    t->looked = t->job->looked;
    t->job->done = t->done;
    pthread_mutex_unlock(&t->jobs->lock);
    return st;
}

typedef struct own_turn {
    turn        *turn;
    gofer_status status;
} own_turn;

static bool act_on_queue(const gofer_info *queue, void *user)
{
    own_turn *own = user;
    const web_job_plan *plan = &own->turn->job->plan;
    const char *name = gofer_info_text(queue, "queue");
    gofer_status st = name && web_scope_may(&plan->scope, plan->right, name)
        ? act_on(own->turn, name) : GOFER_OK;
    own->status = st == GOFER_ENOTFOUND ? GOFER_OK : st;        // it went meanwhile
    return own->status == GOFER_OK;
}

// Of all queues only those that who began it has.
static gofer_status act_on_own(turn *t)
{
    own_turn own = { t, GOFER_OK };
    const page_list queues = { .ask = gofer_client_queues_page, .limit = WEB_QUEUES_PAGE };
    gofer_status st = pages_items(t->jobs->client, &queues, act_on_queue, &own);
    return st == GOFER_OK ? own.status : st;
}

// ---- a queue with its tasks

// So that no task is taken meanwhile. *was: it is already.
static gofer_status pause_queue(gofer_client *client, const char *queue, bool *was)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_queue(client, queue, &info);
    *was = st != GOFER_OK || gofer_info_int(info, "paused", 0);
    gofer_info_free(info);
    return *was ? st : gofer_client_queue_pause(client, queue);
}

// All its tasks, if none is active: then the deletion of the queue is refused before the first is
// gone. A name that would be read as a pattern is left to that, too.
static gofer_status delete_tasks(turn *t, const char *queue)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_queue(t->jobs->client, queue, &info);
    bool idle = st == GOFER_OK && gofer_info_int(info, "active", 0) == 0;
    gofer_info_free(info);
    return idle && !strchr(queue, '*') ? act_on(t, queue) : st;
}

// Step by step, so that it can be watched and stopped. It is paused on the way, and goes on as
// before if it stays.
static gofer_status delete_queue(turn *t, char why[WEB_WHY_ROOM])
{
    const char *queue = t->job->plan.queue;
    gofer_client *client = t->jobs->client;
    bool was_paused;
    gofer_status st = pause_queue(client, queue, &was_paused);
    if (st == GOFER_OK)
        st = delete_tasks(t, queue);
    if (st == GOFER_OK)
        st = gofer_client_queue_delete(client, queue, 1);
    if (st != GOFER_OK)
        snprintf(why, WEB_WHY_ROOM, "%s", gofer_error_last());
    if (st != GOFER_OK && !was_paused)
        (void)gofer_client_queue_unpause(client, queue);    // or the store is away: why says it
    return st;
}

// ---- the store

// Everything that was found, also before it failed.
static gofer_status repair(turn *t, char why[WEB_WHY_ROOM])
{
    gofer_info *info = NULL;
    char *json = NULL, *copy = NULL;
    gofer_status st = gofer_client_check_watched(t->jobs->client, 1, on_progress, t, &info);
    web_checks_forget(t->jobs->checks);
    if (st != GOFER_OK)
        snprintf(why, WEB_WHY_ROOM, "%s", gofer_error_last());
    for (size_t i = 0; i < gofer_info_count(info); i++)
        t->done += gofer_info_int(gofer_info_at(info, i), "repaired", 0);
    if (info && gofer_info_json(info, &json) == GOFER_OK)
        copy = strdup(json);
    gofer_free(json);
    gofer_info_free(info);
    pthread_mutex_lock(&t->jobs->lock);
    t->job->done = t->done;
    t->job->end.found = copy;
    pthread_mutex_unlock(&t->jobs->lock);
    return st;
}

// ---- a job's run

// What an act was on, for the audit; NULL: on nothing that has a name.
static const char *target_of(const web_job_plan *plan, char room[AUDIT_TARGET_ROOM])
{
    gofer_filter filter;
    if (plan->act == WEB_ACT_QUEUE_DELETE)
        return plan->queue;
    if (plan->act == WEB_ACT_REPAIR)
        return NULL;
    filter_of(plan, &filter);
    const char *told = audit_filter_text(room, given(plan->state), &filter);
    if (!*plan->text)
        return told;
    char rest[AUDIT_TARGET_ROOM];
    memcpy(rest, room, sizeof rest);
    snprintf(room, AUDIT_TARGET_ROOM, "text=%.255s %.240s", plan->text, rest);
    return room;
}

// That it has begun, and how it has ended. To count changes nothing.
static void note(web_jobs *jobs, const web_job_plan *plan, audit_note n)
{
    static const char *const noted[] = {
        [GOFER_ACT_RUN] = "tasks.run", [GOFER_ACT_ARCHIVE] = "tasks.archive",
        [GOFER_ACT_DELETE] = "tasks.delete", [GOFER_ACT_CANCEL] = "tasks.cancel",
        [WEB_ACT_QUEUE_DELETE] = "queue.delete", [WEB_ACT_REPAIR] = "store.repair",
    };
    char target[AUDIT_TARGET_ROOM];
    if (plan->act == GOFER_ACT_COUNT)
        return;
    n.actor = plan->who;
    n.address = given(plan->address);
    n.act = noted[plan->act];
    n.queue = given(plan->queue);
    n.target = target_of(plan, target);
    web_audit_note(jobs->audit, n);
}

// Does the job note its end itself?
static bool end_job(web_jobs *jobs, job *j, gofer_status st, char why[WEB_WHY_ROOM])
{
    pthread_mutex_lock(&jobs->lock);
    j->state = st == GOFER_OK ? DONE : st == GOFER_EHANDLER ? STOPPED : FAILED;
    if (j->state == STOPPED)
        snprintf(why, WEB_WHY_ROOM, "by %.300s",
            j->stopping ? j->stopper : "the end of the server");
    j->end.status = st;
    snprintf(j->end.why, sizeof j->end.why, "%s", why);
    bool alone = !j->plan.attended;
    pthread_cond_broadcast(&jobs->ended);
    pthread_mutex_unlock(&jobs->lock);
    return alone;
}

static gofer_status do_job(turn *t, const web_job_plan *plan, char why[WEB_WHY_ROOM])
{
    const char *queue = given(plan->queue);
    if (plan->act == WEB_ACT_QUEUE_DELETE)
        return delete_queue(t, why);
    if (plan->act == WEB_ACT_REPAIR)
        return repair(t, why);
    gofer_status st = !queue && plan->scope.count ? act_on_own(t) : act_on(t, queue);
    if (st != GOFER_OK)
        snprintf(why, WEB_WHY_ROOM, "%s", gofer_error_last());
    return st;
}

static void run_job(web_jobs *jobs, job *j, bool stopped)
{
    char why[WEB_WHY_ROOM] = "";
    turn t = { .jobs = jobs, .job = j };
    const web_job_plan plan = j->plan;      // its place may be another's once it has ended
    if (plan.act != WEB_ACT_REPAIR)
        note(jobs, &plan, (audit_note){ .outcome = "begun" });
    gofer_status st = stopped ? GOFER_EHANDLER : do_job(&t, &plan, why);
    if (end_job(jobs, j, st, why))
        note(jobs, &plan, (audit_note){ .status = st, .count = t.done, .why = why });
}

static struct timespec moment(int64_t ms)
{
    return (struct timespec){ ms / 1000, ms % 1000 * 1000000L };
}

// Until there is news, or something may be due to be noted.
static void wait_for_news(web_jobs *jobs)
{
    struct timespec until = moment(web_ms(CLOCK_MONOTONIC) + FLUSH_MS);
    if (pthread_cond_timedwait(&jobs->news, &jobs->lock, &until) == 0 || jobs->ending)
        return;
    pthread_mutex_unlock(&jobs->lock);
    web_audit_flush(jobs->audit);
    pthread_mutex_lock(&jobs->lock);
}

static void *run(void *user)
{
    web_jobs *jobs = user;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->ending) {
        job *j = next_waiting(jobs);
        if (!j) {
            wait_for_news(jobs);
            continue;
        }
        j->state = RUNNING;
        bool stopped = j->stopping;
        pthread_mutex_unlock(&jobs->lock);
        run_job(jobs, j, stopped);
        pthread_mutex_lock(&jobs->lock);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

// ---- from any thread

int64_t web_job_add(web_jobs *jobs, const web_job_plan *plan)
{
    int64_t number = 0;
    pthread_mutex_lock(&jobs->lock);
    job *place = &jobs->jobs[(jobs->last + 1) % WEB_JOBS_MAX];
    if (place->state != WAITING && place->state != RUNNING) {
        number = ++jobs->last;
        free(place->end.found);
        *place = (job){ .number = number, .plan = *plan, .state = WAITING };
        pthread_cond_signal(&jobs->news);
    }
    pthread_mutex_unlock(&jobs->lock);
    return number;
}

// How it has ended; false: not yet. With the lock.
static bool take_end(web_jobs *jobs, int64_t number, web_job_end *out)
{
    const job *j = find(jobs, number);
    if (j && (j->state == WAITING || j->state == RUNNING))
        return false;
    *out = j ? j->end : (web_job_end){ .status = GOFER_EBROKER, .why = "too many jobs followed" };
    out->found = out->found ? strdup(out->found) : NULL;
    out->done = j ? j->done : 0;
    return true;
}

bool web_job_wait(web_jobs *jobs, int64_t number, int64_t ms, web_job_end *out)
{
    struct timespec until = moment(web_ms(CLOCK_MONOTONIC) + ms);
    web_job_plan plan = { 0 };
    pthread_mutex_lock(&jobs->lock);
    bool ended = take_end(jobs, number, out);
    while (!ended && pthread_cond_timedwait(&jobs->ended, &jobs->lock, &until) == 0)
        ended = take_end(jobs, number, out);
    if (!ended)
        plan = find(jobs, number)->plan;
    pthread_mutex_unlock(&jobs->lock);
    if (ended)
        return true;
    note(jobs, &plan, (audit_note){ .outcome = "begun" });
    // It may have ended while that was noted: its end is the waiter's to note, then.
    pthread_mutex_lock(&jobs->lock);
    ended = take_end(jobs, number, out);
    if (!ended)
        find(jobs, number)->plan.attended = false;
    pthread_mutex_unlock(&jobs->lock);
    return ended;
}

bool web_job_stop(web_jobs *jobs, int64_t number, const char *who)
{
    pthread_mutex_lock(&jobs->lock);
    job *j = find(jobs, number);
    bool there = j && (j->state == WAITING || j->state == RUNNING);
    // One that is noted already ends in its turn, and is noted again.
    if (there && j->state == WAITING && j->plan.act != WEB_ACT_REPAIR)
        j->state = STOPPED;
    else if (there && !j->stopping) {
        snprintf(j->stopper, sizeof j->stopper, "%s", who);
        j->stopping = true;
    }
    pthread_mutex_unlock(&jobs->lock);
    return there;
}

static void put(web_text *out, const job *j)
{
    static const char *const states[] = { "", "waiting", "running", "done", "failed", "stopped" };
    web_text_format(out, "{\"job\":%lld,\"act\":\"%s\",\"state\":\"%s\",\"looked\":%lld,"
        "\"done\":%lld", (long long)j->number, acts[j->plan.act], states[j->state],
        (long long)j->looked, (long long)j->done);
    if (j->plan.total)
        web_text_format(out, ",\"total\":%lld", (long long)j->plan.total);
    web_text_put(out, ",\"by\":");
    web_text_json(out, j->plan.who, strlen(j->plan.who));
    if (*j->plan.queue) {
        web_text_put(out, ",\"queue\":");
        web_text_json(out, j->plan.queue, strlen(j->plan.queue));
    }
    if (j->state == FAILED) {
        web_text_put(out, ",\"error\":");
        web_text_json(out, j->end.why, strlen(j->end.why));
    }
}

// What it has found is a list: {"items":[...]}, whose member becomes the job's.
static void put_found(web_text *out, const job *j, const web_view *view)
{
    web_text list = { 0 };
    if (!j->end.found || !web_copy_json(&list, j->end.found, strlen(j->end.found), view)
        || list.failed || list.size < 2) {
        web_text_put(out, "}");
    } else {
        web_text_put(out, ",");
        web_text_add(out, list.at + 1, list.size - 1);
    }
    web_text_free(&list);
}

static bool is_theirs(const job *j, const web_job_reader *reader, unsigned right)
{
    const char *queue = given(j->plan.queue);
    const web_scope *scope = reader->view->scope;
    return !scope || strcmp(j->plan.who, reader->who) == 0
        || (queue && web_scope_may(scope, right, queue));
}

bool web_job_is_theirs(web_jobs *jobs, int64_t number, const web_job_reader *reader,
    unsigned right)
{
    pthread_mutex_lock(&jobs->lock);
    job *j = find(jobs, number);
    bool theirs = j && is_theirs(j, reader, right);
    pthread_mutex_unlock(&jobs->lock);
    return theirs;
}

bool web_job_put(web_jobs *jobs, int64_t number, const web_job_reader *reader, web_text *out)
{
    pthread_mutex_lock(&jobs->lock);
    job *j = find(jobs, number);
    bool seen = j && is_theirs(j, reader, WEB_SEE);
    if (seen) {
        put(out, j);
        put_found(out, j, reader->view);
    }
    pthread_mutex_unlock(&jobs->lock);
    return seen;
}

void web_jobs_put(web_jobs *jobs, const web_job_reader *reader, web_text *out)
{
    const char *before = "";
    web_text_put(out, "{\"items\":[");
    pthread_mutex_lock(&jobs->lock);
    for (int64_t n = jobs->last; n > 0 && n > jobs->last - WEB_JOBS_MAX; n--) {
        const job *j = find(jobs, n);
        if (!is_theirs(j, reader, WEB_SEE))
            continue;
        web_text_put(out, before);
        put(out, j);
        web_text_put(out, "}");
        before = ",";
    }
    pthread_mutex_unlock(&jobs->lock);
    web_text_put(out, "]}");
}

// ---- life

web_jobs *web_jobs_new(gofer_client *client, web_audit *audit, web_checks *checks)
{
    web_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs)
        return NULL;
    jobs->client = client;
    jobs->audit = audit;
    jobs->checks = checks;
    pthread_condattr_t attr;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&jobs->news, &attr);
    pthread_cond_init(&jobs->ended, &attr);
    pthread_condattr_destroy(&attr);
    jobs->started = pthread_create(&jobs->thread, NULL, run, jobs) == 0;
    if (jobs->started)
        return jobs;
    web_jobs_free(jobs);
    return NULL;
}

void web_jobs_free(web_jobs *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->lock);
    jobs->ending = true;
    pthread_cond_signal(&jobs->news);
    pthread_mutex_unlock(&jobs->lock);
    if (jobs->started)
        pthread_join(jobs->thread, NULL);
    pthread_cond_destroy(&jobs->news);
    pthread_cond_destroy(&jobs->ended);
    pthread_mutex_destroy(&jobs->lock);
    for (size_t i = 0; i < WEB_JOBS_MAX; i++)
        free(jobs->jobs[i].end.found);
    free(jobs);
}
