// exec.c - external commands as handlers: what a task's child is given, and what its end means.
//
// May touch: worker/ (the worker's URL, the task's limits), util/. child.c runs the process.
#include "gofer/gofer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handler/child.h"
#include "handler/command.h"
#include "handler/line.h"
#include "util/alloc.h"
#include "util/base64.h"
#include "util/error.h"
#include "util/text.h"
#include "util/traceparent.h"
#include "worker/run/task.h"
#include "worker/run/task_data.h"
#include "worker/worker.h"

enum {
    EXIT_RETRY = 75,        // sysexits.h: EX_TEMPFAIL
    EXIT_SKIP_RETRY = 100,  // as qmail's and djb's tools: a permanent failure
    BAD_LINES_MAX = 20,     // told of in one run
    LINE_MAX = GF_CHECKPOINT_MAX / 3 * 4 + 64,
    ENV_CHECKPOINT = 64 * 1024  // as text in the environment; what is longer comes as a file
};

// What one task adds to the environment.
enum {
    OWN_VARIABLES = 11,
    VARIABLE_MAX = 32 + GF_NAME_MAX,
    HEADERS_BYTES = 64 * 1024,  // all headers together, as variables; as much as
                                //   gofer lets a task have
    HEADERS_COUNT = 1000
};

static const char header_prefix[] = "GOFER_HEADER_";

typedef struct task_env {
    char   text[OWN_VARIABLES][VARIABLE_MAX];
    char   tracestate[32 + GF_TRACESTATE_MAX];
    char **all;             // owned; its entries are not
    char  *checkpoint;      // owned; "GOFER_CHECKPOINT=…" or "GOFER_CHECKPOINT_FILE=…"
    char  *file;            // of the latter, to be removed; points into it
    char  *headers;         // owned; "GOFER_HEADER_…=…", one behind the other
} task_env;

// One run of a command, and what it has asked for meanwhile.
typedef struct run {
    gofer_task *task;
    bool        resumable, snoozes;
    int64_t     snooze_ms;
    char       *snooze_text;    // owned; NULL: none
    char       *pause_key;      // owned; the limit key that is paused meanwhile; NULL: none
    int         bad_lines;
} run;

// ---- What the child is given --------------------------------------------------------

static bool write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);
        if (n < 0 && errno != EINTR)
            return false;
        bytes += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
    }
    return true;
}

// A file that only this user may read.
static gofer_status checkpoint_file(task_env *env, const void *bytes, size_t size)
{
    static const char name[] = "GOFER_CHECKPOINT_FILE=", tail[] = "/gofer-checkpoint-XXXXXX";
    const char *folder = getenv("TMPDIR");
    if (!folder || *folder != '/')
        folder = "/tmp";
    size_t room = sizeof name + strlen(folder) + sizeof tail;
    env->checkpoint = gf_alloc(room);
    if (!env->checkpoint)
        return gf_fail_nomem("a command's environment");
    snprintf(env->checkpoint, room, "%s%s%s", name, folder, tail);
    char *file = env->checkpoint + sizeof name - 1;
    int fd = mkostemp(file, O_CLOEXEC);
    if (fd < 0)
        return gf_fail(GOFER_EBROKER, "no file for a checkpoint in %s: %s", folder,
            strerror(errno));
    env->file = file;
    bool written = write_all(fd, bytes, size);
    int error = errno;
    if (close(fd) == 0 && written)
        return GOFER_OK;
    return gf_fail(GOFER_EBROKER, "the checkpoint cannot be written to %s: %s", file,
        strerror(error));
}

// What an earlier start has left. A store that keeps none has none.
static gofer_status checkpoint_make(task_env *env, gofer_task *task)
{
    static const char name[] = "GOFER_CHECKPOINT=";
    const void *bytes = NULL;
    size_t size = 0;
    gofer_status st = gofer_task_resume(task, &bytes, &size);
    if (st == GOFER_EUNSUPPORTED || (st == GOFER_OK && !bytes))
        return GOFER_OK;
    if (st != GOFER_OK)
        return gf_fail_add(st, "the checkpoint of an earlier start");
    if (GF_BASE64_ROOM(size) > ENV_CHECKPOINT)
        return checkpoint_file(env, bytes, size);
    env->checkpoint = gf_alloc(sizeof name + GF_BASE64_ROOM(size));
    if (!env->checkpoint)
        return gf_fail_nomem("a command's environment");
    memcpy(env->checkpoint, name, sizeof name);
    gf_base64_encode(bytes, size, env->checkpoint + sizeof name - 1);
    return GOFER_OK;
}

// "x-trace.id" is X_TRACE_ID: what a shell can name.
static char variable_letter(char c)
{
    if (c >= 'a' && c <= 'z')
        return (char)(c - 'a' + 'A');
    return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ? c : '_';
}

static bool is_there(char *const *all, size_t count, const char *variable, size_t size)
{
    for (size_t i = 0; i < count; i++)
        if (strncmp(all[i], variable, size) == 0)
            return true;
    return false;
}

// Of two headers that make one name the first counts. What other programs gave a task beyond
// our limits is left out.
static size_t add_headers(task_env *env, gofer_task *task, char **all, size_t count)
{
    size_t used = 0, added = 0;
    const char *key, *value;
    for (size_t i = 0; i < count && gofer_task_header_at(task, i, &key, &value) == GOFER_OK; i++) {
        size_t name = sizeof header_prefix - 1 + strlen(key) + 1, size = name + strlen(value) + 1;
        if (size > HEADERS_BYTES - used) {
            gofer_task_log(task, GOFER_LOG_WARN,
                "the task's headers are over 64 KiB: not all are in the command's environment");
            break;
        }
        char *variable = env->headers + used;
        memcpy(variable, header_prefix, sizeof header_prefix - 1);
        for (size_t k = 0; key[k]; k++)
            variable[sizeof header_prefix - 1 + k] = variable_letter(key[k]);
        variable[name - 1] = '=';
        if (is_there(all, added, variable, name))
            continue;
        memcpy(variable + name, value, size - name);
        all[added++] = variable;
        used += size;
    }
    return added;
}

static gofer_status env_make(task_env *env, const gf_command *c, gofer_task *task)
{
    int64_t deadline_ms = gofer_task_deadline_ms(task);
    size_t n = c->env_count, own = 0;
    size_t headers = gofer_task_header_count(task);
    headers = headers < HEADERS_COUNT ? headers : HEADERS_COUNT;
    env->checkpoint = env->file = NULL;
    env->headers = headers ? gf_alloc(HEADERS_BYTES) : NULL;
    env->all = gf_calloc(n + headers + OWN_VARIABLES + 1, sizeof *env->all);
    if (!env->all || (headers && !env->headers))
        return gf_fail_nomem("a command's environment");

    snprintf(env->text[own++], VARIABLE_MAX, "GOFER_TASK_ID=%s", gofer_task_id(task));
    snprintf(env->text[own++], VARIABLE_MAX, "GOFER_TASK_TYPE=%s", gofer_task_type(task));
    snprintf(env->text[own++], VARIABLE_MAX, "GOFER_TASK_QUEUE=%s", gofer_task_queue(task));
    snprintf(env->text[own++], VARIABLE_MAX, "GOFER_TASK_ATTEMPT=%" PRId32,
        gofer_task_attempt(task));
    snprintf(env->text[own++], VARIABLE_MAX, "GOFER_FD=%d", GF_CHILD_NOTES);
    if (deadline_ms)
        snprintf(env->text[own++], VARIABLE_MAX, "GOFER_TASK_DEADLINE=%" PRId64,
            deadline_ms / 1000);

    char flow[GF_ID_MAX + 1];
    if (gf_task_flow(task, flow))
        snprintf(env->text[own++], VARIABLE_MAX, "GOFER_FLOW=%s", flow);

    gf_trace trace = gf_task_trace(task);
    if (trace.parent)
        snprintf(env->text[own++], VARIABLE_MAX, "TRACEPARENT=%s", trace.parent);

    memcpy(env->all, c->env, n * sizeof *env->all);
    for (size_t i = 0; i < own; i++)
        env->all[n++] = env->text[i];
    env->all[n++] = c->url;
    if (trace.state) {
        snprintf(env->tracestate, sizeof env->tracestate, "TRACESTATE=%s", trace.state);
        env->all[n++] = env->tracestate;
    }
    n += add_headers(env, task, env->all + n, headers);
    gofer_status st = checkpoint_make(env, task);
    env->all[n] = env->checkpoint;
    return st;
}

static void env_clear(task_env *env)
{
    if (env->file)
        (void)unlink(env->file);
    gf_free(env->checkpoint);
    gf_free(env->headers);
    gf_free(env->all);
}

// ---- What it says and asks meanwhile ---------------------------------------------------

static bool is_cancelled(void *user)
{
    const run *r = user;
    return gofer_task_cancelled(r->task) != GOFER_CANCEL_NONE;
}

static bool is_stopping(void *user)
{
    const run *r = user;
    return r->resumable && gofer_task_stopping(r->task);
}

static void log_line(void *user, const char *line)
{
    const run *r = user;
    gofer_task_log(r->task, GOFER_LOG_INFO, line);
}

static void warn_of_note(run *r, const char *why)
{
    char text[600];
    if (r->bad_lines++ >= BAD_LINES_MAX)
        return;
    snprintf(text, sizeof text, "a line on descriptor %d is passed over%s: %s", GF_CHILD_NOTES,
        r->bad_lines == BAD_LINES_MAX ? " (others will be without a word)" : "", why);
    gofer_task_log(r->task, GOFER_LOG_WARN, text);
}

static gofer_status snooze(run *r, const gf_line *line)
{
    char *text = line->text ? gf_strdup(line->text) : NULL,
         *key = line->limit_key ? gf_strdup(line->limit_key) : NULL;
    if ((line->text && !text) || (line->limit_key && !key)) {
        gf_free(text);
        gf_free(key);
        return gf_fail_nomem("the text of a snooze");
    }
    gf_free(r->snooze_text);
    gf_free(r->pause_key);
    r->snooze_text = text;
    r->pause_key = key;
    r->snooze_ms = line->delay_ms;
    r->snoozes = true;
    return GOFER_OK;
}

static gofer_status obey(run *r, const gf_line *line)
{
    switch (line->kind) {
    case GF_LINE_PROGRESS:
        return gofer_task_progress(r->task, line->done, line->total, line->text);
    case GF_LINE_LOG:
        gofer_task_log(r->task, line->level, line->text);
        return GOFER_OK;
    case GF_LINE_CHECKPOINT:
        return gofer_task_checkpoint(r->task, line->bytes, line->size);
    case GF_LINE_SNOOZE:
    case GF_LINE_LIMIT_PAUSE:
        return snooze(r, line);
    case GF_LINE_RESUMABLE:
        r->resumable = true;
        break;
    }
    return GOFER_OK;
}

static void on_note(void *user, char *text, size_t size)
{
    run *r = user;
    gf_line line;
    if (!text) {
        warn_of_note(r, "it is too long, or there is no memory for it");
        return;
    }
    gofer_status st = gf_line_parse(text, size, &line);
    if (st == GOFER_OK)
        st = obey(r, &line);
    if (st != GOFER_OK)
        warn_of_note(r, gofer_error_last());
}

// ---- What its end means ---------------------------------------------------------------

// Exit code 75 of one that was told that the worker stops, or its death by our TERM: it will go on
// with its checkpoint.
static bool was_interrupted(const gf_child_end *end)
{
    return end->asked && !end->termed &&
        ((end->how == GF_CHILD_EXITED && end->code == EXIT_RETRY) ||
            (end->how == GF_CHILD_SIGNALLED && end->code == SIGTERM));
}

// The line that says what went wrong, if the tail is that of a traceback: the last one, behind
// those of the calls, which are indented. Lists show how a text begins. NULL: the
// tail may stand as it is.
static const char *last_words(const char *tail)
{
    const char *line = strrchr(tail, '\n');
    bool calls = *tail == ' ' || *tail == '\t' || strncmp(tail, "Traceback (most recent", 22) == 0;
    return line && calls && line[1] && line[1] != ' ' && line[1] != '\t' ? line + 1 : NULL;
}

static int32_t fail_with_tail(const run *r, const gf_child_end *end, char *text, size_t size)
{
    char reason[160];
    const char *words = last_words(end->tail);
    gf_child_say_end(end, reason, sizeof reason);
    snprintf(text, size, "%s%s%s%s%s", reason, *end->tail ? ": " : "", words ? words : "",
        words ? "\n" : "", end->tail);
    bool exited = end->how == GF_CHILD_EXITED && !end->termed;
    if (was_interrupted(end))
        return GOFER_REQUEUE;
    if (exited && end->code == EXIT_RETRY && r->pause_key)
        return gofer_task_limit_pause(r->task, r->pause_key, r->snooze_ms, r->snooze_text);
    if (exited && end->code == EXIT_RETRY && r->snoozes)
        return gofer_task_snooze(r->task, r->snooze_ms, r->snooze_text);
    if (exited && end->code == EXIT_SKIP_RETRY)
        return gofer_task_skip_retry(r->task, text);
    return gofer_task_fail(r->task, text);     // EXIT_RETRY, and all others
}

static int32_t succeed(gofer_task *task, const gf_child_spec *spec, const gf_child_end *end)
{
    char text[160];
    // Without a retention the result is only for who waits, if anybody does: a talkative
    // command is no fault then.
    bool kept = task->claim->message.retention_ms > 0;
    if (!kept && (end->output_lost || end->output_total > spec->output_limit))
        return GOFER_DONE;
    if (end->output_lost)
        return gofer_task_want(task, "no memory for what it printed");
    if (end->output_total > spec->output_limit) {
        // A part of a result would be a wrong result.
        snprintf(text, sizeof text, "result over %zu bytes: it printed %" PRIu64
            "; print less, or to a file", spec->output_limit, end->output_total);
        return gofer_task_fail(task, text);
    }
    if (end->output_size && gofer_task_result(task, end->output, end->output_size) != GOFER_OK)
        return gofer_task_fail(task, gofer_error_last());
    return GOFER_DONE;
}

// It has not begun. What the task cannot help, and another moment or worker may, costs it nothing:
// no room for another process, no folder for its checkpoint, a store that does not answer.
static int32_t not_run(gofer_task *task, gofer_status st)
{
    bool wants = st == GOFER_ENOMEM || st == GOFER_EBROKER || st == GOFER_ETIMEOUT;
    const char *why = gofer_error_last();
    return wants ? gofer_task_want(task, why) : gofer_task_fail(task, why);
}

// On the heap: a slot's stack is small.
typedef struct run_room {
    task_env     env;
    gf_child_end end;
    char         text[2 * GF_CHILD_TAIL + 256];    // of its failure
} run_room;

static int32_t run_in(run_room *room, gofer_task *task, const gf_command *c)
{
    run r = { .task = task };
    gf_child_end *end = &room->end;
    gf_child_spec spec = {
        .path = c->path,
        .argv = c->argv,
        .deadline_mono_ms = task->deadline_mono_ms,
        .cancelled = is_cancelled,
        .stopping = is_stopping,
        .line = log_line,
        .note = on_note,
        .note_limit = LINE_MAX,
        .user = &r,
        .output_limit = (size_t)gf_task_result_limit(task),
        .keep_output = true,
    };
    spec.input = gofer_task_payload(task, &spec.input_size);

    gofer_status st = env_make(&room->env, c, task);
    spec.envp = room->env.all;
    if (st == GOFER_OK)
        st = gf_child_run(&spec, end);
    env_clear(&room->env);
    if (st != GOFER_OK) {
        gf_free(r.snooze_text);
        gf_free(r.pause_key);
        return not_run(task, st);
    }

    if (end->left_open && !end->termed)
        gofer_task_log(task, GOFER_LOG_WARN, GF_CHILD_LEFT_OPEN);
    // Told to stop, many programs answer with exit code 0 and half the work; not one that
    // has asked to be told.
    bool done = end->how == GF_CHILD_EXITED && end->code == 0 && !end->termed;
    int32_t outcome =
        done ? succeed(task, &spec, end) : fail_with_tail(&r, end, room->text, sizeof room->text);
    gf_free(r.snooze_text);
    gf_free(r.pause_key);
    gf_free(end->output);
    return outcome;
}

static int32_t run_command(gofer_task *task, void *user)
{
    run_room *room = gf_alloc(sizeof *room);
    if (!room)
        return not_run(task, gf_fail_nomem("a command"));
    int32_t outcome = run_in(room, task, user);
    gf_free(room);
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
