// otlp.c - spans of the runs of a worker's tasks: their begin and end, and who has them.
//
// The hooks run on the threads of tasks. They allocate one piece of memory a span, and wait for
// nothing but the queue's lock. Which span a run has is not remembered here: it is the task's trace
// context (gofer_task_trace).
#include "otlp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "export.h"
#include "ids.h"
#include "queue.h"
#include "util/clock.h"
#include "util/utf8.h"

enum { END_MS = 5000, ERROR_MAX = 1024 };

struct otlp {
    otlp_config   config;
    bool          is_parent, tells_errors;
    otlp_ids      ids;
    otlp_queue    queue;
    otlp_exporter exporter;
};

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

// Where a text goes: what there is room for.
typedef struct texts {
    char *at;
} texts;

static const char *keep(texts *t, const char *text)
{
    size_t size = strlen(text) + 1;
    char *at = memcpy(t->at, text, size);
    t->at += size;
    return at;
}

static otlp_span *make_span(const gofer_task *task, const gofer_task_end *end, const char *state,
    bool with_error)
{
    const char *queue = gofer_task_queue(task), *type = gofer_task_type(task);
    const char *id = gofer_task_id(task);
    char words[ERROR_MAX + 1];
    size_t said = with_error && end->text
        ? gf_utf8_clean(end->text, strlen(end->text), words, sizeof words) + 1 : 0;
    size_t size = strlen(queue) + strlen(type) + strlen(id) + strlen(end->outcome) +
        strlen(end->kind) + 5 + said + (state ? strlen(state) + 1 : 0);
    otlp_span *s = malloc(sizeof *s + size);
    if (!s)
        return NULL;
    texts t = { s->texts };
    *s = (otlp_span){ .is_failure = end->is_failure != 0 };
    s->queue = keep(&t, queue);
    s->type = keep(&t, type);
    s->id = keep(&t, id);
    s->outcome = keep(&t, end->outcome);
    s->kind = keep(&t, end->kind);
    s->text = said ? keep(&t, words) : NULL;
    s->state = state ? keep(&t, state) : NULL;
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
    return otlp_exporter_start(&o->exporter, why, size);
}

void otlp_end(otlp *o)
{
    if (o)
        otlp_exporter_end(&o->exporter, END_MS);
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
