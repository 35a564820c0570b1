// jobs.c - acts on all tasks that match.
#include "jobs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "call.h"
#include "queues.h"

enum { FLUSH_S = 30 };

typedef enum job_state { NONE, WAITING, RUNNING, DONE, FAILED, STOPPED } job_state;

typedef struct job {
    int64_t      number;
    web_job_plan plan;
    job_state    state;
    bool         stopping;
    char         stopper[WEB_FILTER_ROOM];
    int64_t      looked, done;
    char         error[512];
} job;

struct web_jobs {
    gofer_client   *client;
    web_audit      *audit;
    pthread_mutex_t lock;       // guards all below
    pthread_cond_t  news;
    job             jobs[WEB_JOBS_MAX];
    int64_t         last;       // number given
    bool            ending, started;
    pthread_t       thread;
};

static const char *const acts[] = {
    [GOFER_ACT_COUNT] = "count", [GOFER_ACT_RUN] = "run", [GOFER_ACT_ARCHIVE] = "archive",
    [GOFER_ACT_DELETE] = "delete", [GOFER_ACT_CANCEL] = "cancel",
};

const char *web_act_name(int32_t act)
{
    return acts[act];
}

int32_t web_act_of(const char *name)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++)
        if (strcmp(acts[i], name) == 0)
            return (int32_t)i;
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

static gofer_status act_on(turn *t, const char *queue)
{
    const web_job_plan *plan = &t->job->plan;   // only its state changes while it is here
    int64_t done = 0;
    gofer_filter filter;
    filter_of(plan, &filter);
    gofer_status st = gofer_client_act(t->jobs->client, plan->act, queue, given(plan->state),
        &filter, on_progress, t, &done);
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
    gofer_status st = web_queues_each(t->jobs->client, NULL, NULL, act_on_queue, &own);
    return st == GOFER_OK ? own.status : st;
}

// That it has begun, and how it has ended. To count changes nothing.
static void note(web_jobs *jobs, const web_job_plan *plan, audit_note n)
{
    static const char *const noted[] = {
        [GOFER_ACT_RUN] = "tasks.run", [GOFER_ACT_ARCHIVE] = "tasks.archive",
        [GOFER_ACT_DELETE] = "tasks.delete", [GOFER_ACT_CANCEL] = "tasks.cancel",
    };
    char target[AUDIT_TARGET_ROOM];
    gofer_filter filter;
    if (plan->act == GOFER_ACT_COUNT)
        return;
    filter_of(plan, &filter);
    n.actor = plan->who;
    n.address = given(plan->address);
    n.act = noted[plan->act];
    n.queue = given(plan->queue);
    n.target = audit_filter_text(target, given(plan->state), &filter);
    web_audit_note(jobs->audit, n);
}

static void end_job(web_jobs *jobs, job *j, gofer_status st, char why[512])
{
    pthread_mutex_lock(&jobs->lock);
    j->state = st == GOFER_OK ? DONE : st == GOFER_EHANDLER ? STOPPED : FAILED;
    if (j->state == FAILED)
        snprintf(j->error, sizeof j->error, "%s", why);
    else if (j->state == STOPPED)
        snprintf(why, 512, "by %.300s", j->stopping ? j->stopper : "the end of the server");
    pthread_mutex_unlock(&jobs->lock);
}

static void run_job(web_jobs *jobs, job *j)
{
    char why[512] = "";
    turn t = { .jobs = jobs, .job = j };
    const web_job_plan plan = j->plan;      // its place may be another's once it has ended
    const char *queue = given(plan.queue);
    note(jobs, &plan, (audit_note){ .outcome = "begun" });
    gofer_status st = !queue && plan.scope.count ? act_on_own(&t) : act_on(&t, queue);
    if (st != GOFER_OK)
        snprintf(why, sizeof why, "%s", gofer_error_last());
    end_job(jobs, j, st, why);
    note(jobs, &plan, (audit_note){ .status = st, .count = t.done, .why = why });
}

// Until there is news, or something may be due to be noted.
static void wait_for_news(web_jobs *jobs)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += FLUSH_S;
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
        pthread_mutex_unlock(&jobs->lock);
        run_job(jobs, j);
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
        *place = (job){ .number = number, .plan = *plan, .state = WAITING };
        pthread_cond_signal(&jobs->news);
    }
    pthread_mutex_unlock(&jobs->lock);
    return number;
}

bool web_job_stop(web_jobs *jobs, int64_t number, const char *who)
{
    pthread_mutex_lock(&jobs->lock);
    job *j = find(jobs, number);
    bool there = j && (j->state == WAITING || j->state == RUNNING);
    if (there && j->state == WAITING)
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
        "\"done\":%lld,\"by\":", (long long)j->number, acts[j->plan.act], states[j->state],
        (long long)j->looked, (long long)j->done);
    web_text_json(out, j->plan.who, strlen(j->plan.who));
    if (j->error[0]) {
        web_text_put(out, ",\"error\":");
        web_text_json(out, j->error, strlen(j->error));
    }
    web_text_put(out, "}");
}

static bool is_theirs(const job *j, const web_job_reader *reader, unsigned right)
{
    const char *queue = given(j->plan.queue);
    return !reader->scope || strcmp(j->plan.who, reader->who) == 0
        || (queue && web_scope_may(reader->scope, right, queue));
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
    if (seen)
        put(out, j);
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
        before = ",";
    }
    pthread_mutex_unlock(&jobs->lock);
    web_text_put(out, "]}");
}

// ---- life

web_jobs *web_jobs_new(gofer_client *client, web_audit *audit)
{
    web_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs)
        return NULL;
    jobs->client = client;
    jobs->audit = audit;
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->news, NULL);
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
    pthread_mutex_destroy(&jobs->lock);
    free(jobs);
}
