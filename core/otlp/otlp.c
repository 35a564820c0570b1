// otlp.c - the life of what makes spans, and spans of the runs of a worker's tasks.
//
// The hooks run on the threads of tasks. They allocate one piece of memory a span, and wait for
// nothing but the queue's lock. Which span a run has is not remembered here: it is the task's trace
// context (gofer_task_trace).
#include "otlp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "util/clock.h"
#include "util/utf8.h"

enum { ERROR_MAX = 1024 };

// ---- a run's begin ------------------------------------------------------------------------------

static bool read_from(const gofer_task *task, gf_traceparent *from)
{
    const char *header = gofer_task_header(task, GF_TRACEPARENT);
    return header && gf_traceparent_read(header, from);
}

static void on_start(gofer_task *task, void *user)
{
    otlp *o = user;
    char text[GF_TRACEPARENT_TEXT];
    gf_traceparent from, own;
    bool has = read_from(task, &from), child = has && o->is_parent;
    otlp_ids_new(&o->ids, &o->config, child ? &from : NULL, has ? &from : NULL, &own);
    gf_traceparent_write(&own, text);
    // Without memory the run has no span, and hands on what the task had.
    (void)gofer_task_trace(task, text, child ? gofer_task_header(task, GF_TRACESTATE) : NULL);
}

// ---- and its end --------------------------------------------------------------------------------

static otlp_span *make_span(const gofer_task *task, const gofer_task_end *end, const char *state,
    bool with_error)
{
    const char *queue = gofer_task_queue(task), *type = gofer_task_type(task);
    const char *id = gofer_task_id(task);
    char words[ERROR_MAX + 1];
    const char *text = NULL;
    if (with_error && end->text) {
        gf_utf8_clean(end->text, strlen(end->text), words, sizeof words);
        text = words;
    }
    otlp_span *s = malloc(sizeof *s + otlp_kept(queue) + otlp_kept(type) + otlp_kept(id) +
        otlp_kept(end->outcome) + otlp_kept(end->kind) + otlp_kept(text) + otlp_kept(state));
    if (!s)
        return NULL;
    char *at = s->texts;
    *s = (otlp_span){ .what = OTLP_PROCESS, .is_failure = end->is_failure != 0 };
    s->queue = otlp_keep(&at, queue);
    s->type = otlp_keep(&at, type);
    s->id = otlp_keep(&at, id);
    s->outcome = otlp_keep(&at, end->outcome);
    s->kind = otlp_keep(&at, end->kind);
    s->text = otlp_keep(&at, text);
    s->state = otlp_keep(&at, state);
    s->attempt = gofer_task_attempt(task);
    s->max_retry = gofer_task_max_retry(task);
    return s;
}

static void on_end(gofer_task *task, const gofer_task_end *end, void *user)
{
    otlp *o = user;
    gf_traceparent own, from = { .flags = 0 };
    const char *context = gofer_task_traceparent(task);
    const char *header = gofer_task_header(task, GF_TRACEPARENT);
    // What has not begun has no context but that of its header; what is not sampled no span.
    if (!context || context == header || !gf_traceparent_read(context, &own) ||
        !(own.flags & GF_TRACE_SAMPLED))
        return;
    bool has_from = read_from(task, &from);
    const char *state = has_from ? gofer_task_header(task, GF_TRACESTATE) : NULL;
    if (state && !gf_tracestate_valid(state))
        state = NULL;
    otlp_span *s = make_span(task, end, state, o->tells_errors && end->is_failure);
    if (s) {
        s->own = own;
        s->from = from;
        s->has_from = has_from;
        s->is_child = has_from && o->is_parent;
        s->end_ns = gf_now_ns();
        s->start_ns = s->end_ns - (end->ran_ns > 0 ? end->ran_ns : 0);
    }
    otlp_queue_put(&o->queue, s);
}

// ---- its life -----------------------------------------------------------------------------------

otlp_opened otlp_open(otlp **out, const otlp_options *options, char *why, size_t size)
{
    otlp *o = calloc(1, sizeof *o);
    *out = NULL;
    if (!o) {
        snprintf(why, size, "no memory");
        return OTLP_UNABLE;
    }
    if (!otlp_config_read(&o->config, options, why, size) || o->config.disabled) {
        otlp_opened opened = o->config.disabled ? OTLP_OFF : OTLP_BAD;
        otlp_config_clear(&o->config);
        free(o);
        return opened;
    }
    o->is_parent = options->parent;
    o->tells_errors = options->errors;
    o->patience_ms = options->patience_ms;
    o->exporter = (otlp_exporter){
        .config = &o->config,
        .queue = &o->queue,
        .log = options->log,
        .log_user = options->log_user,
    };
    if (!otlp_ids_init(&o->ids)) {
        snprintf(why, size, "the system gives no random numbers");
    } else if (!otlp_queue_init(&o->queue, o->config.queue, o->config.batch, o->config.delay_ms)) {
        snprintf(why, size, "no memory");
    } else if (otlp_post_init(&o->exporter.post, &o->config, why, size)) {
        *out = o;
        return OTLP_OPEN;
    } else {
        otlp_queue_clear(&o->queue);
    }
    otlp_config_clear(&o->config);
    free(o);
    return OTLP_UNABLE;
}

bool otlp_watch(otlp *o, gofer_worker *worker, char *why, size_t size)
{
    o->exporter.worker = worker;
    if (gofer_worker_watch(worker, on_start, on_end, o, NULL) != GOFER_OK) {
        snprintf(why, size, "%s", gofer_error_last());
        return false;
    }
    return otlp_start(o, why, size);
}

bool otlp_start(otlp *o, char *why, size_t size)
{
    return otlp_exporter_start(&o->exporter, why, size);
}

void otlp_end(otlp *o)
{
    if (o)
        otlp_exporter_end(&o->exporter, o->patience_ms);
}

void otlp_free(otlp *o)
{
    if (!o)
        return;
    otlp_end(o);
    otlp_post_clear(&o->exporter.post);
    otlp_queue_clear(&o->queue);
    otlp_config_clear(&o->config);
    free(o);
}
