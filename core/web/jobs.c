// jobs.c - acts on all tasks that match.
#include "jobs.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

typedef enum job_state { NONE, WAITING, RUNNING, DONE, FAILED, STOPPED } job_state;

typedef struct job {
    int64_t      number;
    web_job_plan plan;
    job_state    state;
    bool         stopping;
    int64_t      looked, done;
    char         error[512];
} job;

struct web_jobs {
    gofer_client   *client;
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

static gofer_status act_on(turn *t, const char *queue)
{
    const web_job_plan *plan = &t->job->plan;   // only its state changes while it is here
    int64_t done = 0;
    gofer_filter filter;
    gofer_filter_init(&filter);
    filter.type = given(plan->type);
    filter.error = given(plan->error);
    filter.id = given(plan->id);
    filter.group = given(plan->group);
    filter.fingerprint = given(plan->fingerprint);
    filter.older_ms = plan->older_ms;
    filter.younger_ms = plan->younger_ms;
    gofer_status st = gofer_client_act(t->jobs->client, plan->act, queue, given(plan->state),
        &filter, on_progress, t, &done);
    pthread_mutex_lock(&t->jobs->lock);
    t->done += done;
    t->looked = t->job->looked;
    t->job->done = t->done;
    pthread_mutex_unlock(&t->jobs->lock);
    return st;
}

// Of all queues only those that who began it has.
static gofer_status act_on_own(turn *t)
{
    const web_job_plan *plan = &t->job->plan;
    gofer_info *queues = NULL;
    gofer_status st = gofer_client_queues(t->jobs->client, &queues);
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(queues); i++) {
        const char *queue = gofer_info_text(gofer_info_at(queues, i), "queue");
        if (queue && web_scope_may(&plan->scope, plan->right, queue))
            st = act_on(t, queue);
        st = st == GOFER_ENOTFOUND ? GOFER_OK : st;     // it went meanwhile
    }
    gofer_info_free(queues);
    return st;
}

static void run_job(web_jobs *jobs, job *j)
{
    turn t = { .jobs = jobs, .job = j };
    const char *queue = given(j->plan.queue);
    gofer_status st = !queue && j->plan.scope.count ? act_on_own(&t) : act_on(&t, queue);
    pthread_mutex_lock(&jobs->lock);
    j->state = st == GOFER_OK ? DONE : st == GOFER_EHANDLER ? STOPPED : FAILED;
    if (j->state == FAILED)
        snprintf(j->error, sizeof j->error, "%s", gofer_error_last());
    pthread_mutex_unlock(&jobs->lock);
}

static void *run(void *user)
{
    web_jobs *jobs = user;
    pthread_mutex_lock(&jobs->lock);
    while (!jobs->ending) {
        job *j = next_waiting(jobs);
        if (!j) {
            pthread_cond_wait(&jobs->news, &jobs->lock);
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

bool web_job_stop(web_jobs *jobs, int64_t number)
{
    pthread_mutex_lock(&jobs->lock);
    job *j = find(jobs, number);
    bool there = j && (j->state == WAITING || j->state == RUNNING);
    if (there && j->state == WAITING)
        j->state = STOPPED;
    else if (there)
        j->stopping = true;
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

web_jobs *web_jobs_new(gofer_client *client)
{
    web_jobs *jobs = calloc(1, sizeof *jobs);
    if (!jobs)
        return NULL;
    jobs->client = client;
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
