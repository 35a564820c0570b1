// exec.c - external commands as handlers: what a task's child is given, and what its end means.
//
// May touch: worker/ (the worker's URL, the task's limits), util/. child.c runs the process.
#include "gofer/gofer.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "handler/child.h"
#include "handler/command.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"
#include "worker/task.h"
#include "worker/worker.h"

enum {
    EXIT_RETRY = 75,        // sysexits.h: EX_TEMPFAIL
    EXIT_SKIP_RETRY = 100   // as qmail's and djb's tools: a permanent failure
};

// What one task adds to the environment.
enum { OWN_VARIABLES = 6, VARIABLE_MAX = 32 + GF_NAME_MAX };

typedef struct task_env {
    char   text[OWN_VARIABLES][VARIABLE_MAX];
    char **all;             // owned; its entries are not
} task_env;

// ---- What the child is given --------------------------------------------------------

static gofer_status env_make(task_env *env, const gf_command *c, const gofer_task *task)
{
    int64_t deadline_ms = gofer_task_deadline_ms(task);
    size_t n = c->env_count, own = 0;
    env->all = gf_calloc(n + OWN_VARIABLES + 1, sizeof *env->all);
    if (!env->all)
        return gf_fail_nomem("a command's environment");

    snprintf(env->text[own++], VARIABLE_MAX, "GOFER_TASK_ID=%s", gofer_task_id(task));
    snprintf(env->text[own++], VARIABLE_MAX, "GOFER_TASK_TYPE=%s", gofer_task_type(task));
    snprintf(env->text[own++], VARIABLE_MAX, "GOFER_TASK_QUEUE=%s", gofer_task_queue(task));
    snprintf(env->text[own++], VARIABLE_MAX, "GOFER_TASK_ATTEMPT=%" PRId32,
        gofer_task_attempt(task));
    if (deadline_ms)
        snprintf(env->text[own++], VARIABLE_MAX, "GOFER_TASK_DEADLINE=%" PRId64,
            deadline_ms / 1000);

    memcpy(env->all, c->env, n * sizeof *env->all);
    for (size_t i = 0; i < own; i++)
        env->all[n++] = env->text[i];
    env->all[n] = c->url;
    return GOFER_OK;
}

static bool is_cancelled(void *user)
{
    return gofer_task_cancelled(user) != GOFER_CANCEL_NONE;
}

static void log_line(void *user, const char *line)
{
    gofer_task_log(user, GOFER_LOG_INFO, line);
}

// ---- What its end means ---------------------------------------------------------------

static int32_t fail_with_tail(gofer_task *task, const gf_child_end *end)
{
    char reason[160], text[sizeof reason + sizeof end->tail + 4];
    gf_child_say_end(end, reason, sizeof reason);
    snprintf(text, sizeof text, "%s%s%s", reason, *end->tail ? ": " : "", end->tail);
    bool exited = end->how == GF_CHILD_EXITED && !end->termed;
    if (exited && end->code == EXIT_SKIP_RETRY)
        return gofer_task_skip_retry(task, text);
    return gofer_task_fail(task, text);   // EXIT_RETRY, and all others
}

static int32_t succeed(gofer_task *task, const gf_child_spec *spec, const gf_child_end *end)
{
    char text[160];
    if (end->output_lost)
        return gofer_task_fail(task, "no memory for what it printed");
    if (spec->keep_output && end->output_total > spec->output_limit) {
        // A part of a result would be a wrong result.
        snprintf(text, sizeof text, "result over %zu bytes: it printed %" PRIu64
            "; print less, or to a file", spec->output_limit, end->output_total);
        return gofer_task_fail(task, text);
    }
    if (end->output_size && gofer_task_result(task, end->output, end->output_size) != GOFER_OK)
        return gofer_task_fail(task, gofer_error_last());
    return GOFER_DONE;
}

static int32_t run_command(gofer_task *task, void *user)
{
    const gf_command *c = user;
    task_env env;
    gf_child_end end;
    gf_child_spec spec = {
        .path = c->path,
        .argv = c->argv,
        .deadline_mono_ms = task->deadline_mono_ms,
        .cancelled = is_cancelled,
        .line = log_line,
        .user = task,
        .output_limit = (size_t)gf_task_result_limit(task),
        // Without a retention a result goes with the task: a talkative command is no fault then.
        .keep_output = task->claim->message.retention_ms > 0,
    };
    spec.input = gofer_task_payload(task, &spec.input_size);

    if (env_make(&env, c, task) != GOFER_OK)
        return gofer_task_fail(task, gofer_error_last());
    spec.envp = env.all;
    gofer_status st = gf_child_run(&spec, &end);
    gf_free(env.all);
    if (st != GOFER_OK)
        return gofer_task_fail(task, gofer_error_last());

    // Told to stop, many programs answer with exit code 0 and half the work.
    bool done = end.how == GF_CHILD_EXITED && end.code == 0 && !end.termed;
    int32_t outcome = done ? succeed(task, &spec, &end) : fail_with_tail(task, &end);
    gf_free(end.output);
    return outcome;
}

gofer_status gofer_worker_exec(gofer_worker *worker, const char *pattern, const char *const *argv)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_exec");
    if (st == GOFER_OK)
        st = gf_worker_handle_check(worker, pattern);
    if (st != GOFER_OK)
        return st;
    if (!argv || !argv[0] || !*argv[0])
        return gf_fail(GOFER_EINVAL, "no command for '%.300s': give a program and its arguments",
            pattern);

    gf_command *c = NULL;
    st = gf_command_make(&c, gf_worker_url(worker), argv);
    if (st != GOFER_OK)
        return gf_fail_add(st, "command for '%.300s'", pattern);
    st = gofer_worker_handle(worker, pattern, run_command, c, gf_command_free);
    if (st != GOFER_OK)
        gf_command_free(c);
    return st;
}
