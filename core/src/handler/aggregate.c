// aggregate.c - external commands as aggregators: a group's tasks as JSON go in, the
// combined payload comes out.
//
// May touch: worker/ (the group's limits), info/info.h (JSON), util/. child.c runs the process.
#include <stdio.h>
#include <string.h>

#include "handler/child.h"
#include "handler/command.h"
#include "info/info.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/text.h"
#include "worker/group/aggregate.h"
#include "worker/group/group.h"
#include "worker/runtime.h"
#include "worker/worker.h"

enum {
    OWN_VARIABLES = 3,             // the group, its queue, the URL
    VARIABLE_MAX = 32 + GF_NAME_MAX,
    // A set ends at a time: the command is told to stop so long before, to be gone by then.
    MARGIN_MS = GF_CHILD_TERM_MS + 1000
};

typedef struct aggregation {
    gf_command *command;           // owned
    char       *type;              // owned; of the combined tasks
} aggregation;

static void aggregation_free(void *user)
{
    aggregation *a = user;
    if (!a)
        return;
    gf_command_free(a->command);
    gf_free(a->type);
    gf_free(a);
}

// ---- what the child is given -----------------------------------------------------------------

static gofer_info *info_of(const gofer_task *task)
{
    size_t size;
    const void *payload = gofer_task_payload(task, &size);
    gofer_info *info = gf_info_record();
    if (info && gf_info_set_text(info, "id", gofer_task_id(task)) == 0 &&
        gf_info_set_text(info, "type", gofer_task_type(task)) == 0 &&
        gf_info_set_bytes(info, "payload", payload, size) == 0)
        return info;
    gofer_info_free(info);
    return NULL;
}

// The tasks as a JSON array; gf_free.
static char *json_of(const gofer_group *group)
{
    gofer_info *list = gf_info_list();
    char *text = NULL;
    int bad = list == NULL;
    for (size_t i = 0; i < gofer_group_count(group) && !bad; i++)
        bad = gf_info_add(list, info_of(gofer_group_at(group, i)));
    if (!bad)
        text = gf_info_json_items(list);
    gofer_info_free(list);
    return text;
}

static char **env_of(const gf_command *c, const gofer_group *group, char text[2][VARIABLE_MAX])
{
    char **all = gf_calloc(c->env_count + OWN_VARIABLES + 1, sizeof *all);
    if (!all)
        return NULL;
    snprintf(text[0], VARIABLE_MAX, "GOFER_GROUP=%s", gofer_group_name(group));
    snprintf(text[1], VARIABLE_MAX, "GOFER_TASK_QUEUE=%s", gofer_group_queue(group));
    memcpy(all, c->env, c->env_count * sizeof *all);
    all[c->env_count] = text[0];
    all[c->env_count + 1] = text[1];
    all[c->env_count + 2] = c->url;
    return all;
}

static bool is_cancelled(void *user)
{
    return gf_group_cancelled(user);
}

static void log_line(void *user, const char *line)
{
    gf_group_log(user, GOFER_LOG_INFO, line);
}

// ---- what its end means ------------------------------------------------------------------------

static int32_t fail(gofer_group *group, const char *why, const char *tail)
{
    char text[GF_CHILD_TAIL + 256];
    snprintf(text, sizeof text, "%s%s%s", why, *tail ? ": " : "", tail);
    gf_group_warn(group, text);
    return 1;
}

// It has not begun: no room for another process, no descriptor, no memory is the worker's own want.
static int32_t not_run(gofer_group *group, gofer_status st)
{
    const char *why = gofer_error_last();
    return st == GOFER_ENOMEM ? gf_group_want(group, why) : fail(group, why, "");
}

static int32_t judge(gofer_group *group, const aggregation *how, const gf_child_spec *spec,
    const gf_child_end *end)
{
    char why[160];
    if (end->how != GF_CHILD_EXITED || end->code != 0 || end->termed) {
        gf_child_say_end(end, why, sizeof why);
        return fail(group, why, end->tail);
    }
    if (end->output_lost)
        return gf_group_want(group, "no memory for what it printed");
    if (end->output_total > spec->output_limit)
        return fail(group, "what it printed is over the limit of a payload", "");
    if (gofer_group_combine(group, how->type, end->output, end->output_size, NULL) != GOFER_OK)
        return fail(group, gofer_error_last(), "");
    return 0;
}

static int32_t run_command(gofer_group *group, void *user)
{
    const aggregation *how = user;
    char own[2][VARIABLE_MAX];
    gf_child_end end;
    char *json = json_of(group), **env = env_of(how->command, group, own);
    gf_child_spec spec = {
        .path = how->command->path,
        .argv = how->command->argv,
        .envp = env,
        .input = json,
        .input_size = json ? strlen(json) : 0,
        .keep_output = true,
        .output_limit = (size_t)gf_group_payload_limit(group),
        .deadline_mono_ms = gf_group_until_ms(group) - MARGIN_MS,
        .cancelled = is_cancelled,
        .line = log_line,
        .user = group,
    };
    gofer_status st = json && env ? gf_child_run(&spec, &end) : gf_fail_nomem("a group as JSON");
    gf_free(json);
    gf_free(env);
    if (st != GOFER_OK)
        return not_run(group, st);
    gf_group_log_left_out(group);
    if (end.left_open && !end.termed)
        gf_group_warn(group, GF_CHILD_LEFT_OPEN);
    int32_t returned = judge(group, how, &spec, &end);
    gf_free(end.output);
    return returned;
}

gofer_status gofer_worker_aggregate_exec(gofer_worker *worker, const char *pattern,
    const char *type, const char *const *argv)
{
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_aggregate_exec");
    if (st == GOFER_OK)
        st = gf_aggregate_check(worker, pattern);
    if (st == GOFER_OK)
        st = gf_check_name("task type", type);
    if (st != GOFER_OK)
        return st;
    if (!argv || !argv[0] || !*argv[0])
        return gf_fail(GOFER_EINVAL, "no command for '%.300s': give a program and its arguments",
            pattern);

    aggregation *a = gf_calloc(1, sizeof *a);
    if (!a || !(a->type = gf_strdup(type))) {
        gf_free(a);
        return gf_fail_nomem("a command");
    }
    st = gf_command_make(&a->command, gf_worker_url(worker), argv);
    if (st != GOFER_OK) {
        aggregation_free(a);
        return gf_fail_add(st, "command for '%.300s'", pattern);
    }
    st = gofer_worker_aggregate(worker, pattern, run_command, a, aggregation_free);
    if (st != GOFER_OK)
        aggregation_free(a);
    return st;
}
