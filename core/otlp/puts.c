// puts.c - spans of putting tasks in: one for each call, of one task or of many.
//
// The tasks carry its context, so that their runs have a link to it, or are below it; so it is of
// the kind PRODUCER, of a batch, too. What a task has of its own is left as it is, and gets a link.
#include <stdlib.h>
#include <string.h>

#include "inside.h"
#include "util/clock.h"

enum { LINKS_MAX = 128 };          // OpenTelemetry's bound of a span

// Between begin and end.
typedef struct putting {
    gf_traceparent own, from;
    bool           has_from;
    int64_t        begun_ns;       // monotonic
    char           state[GF_TRACESTATE_MAX + 1];       // "": none
} putting;

// ---- the begin ----------------------------------------------------------------------------------

static void *on_begin(void *user, const put_context *from)
{
    otlp *o = user;
    char text[GF_TRACEPARENT_TEXT];
    putting *p = calloc(1, sizeof *p);
    if (!p) {
        (void)gofer_trace_carry(from->parent, from->state);
        return NULL;
    }
    p->has_from = from->parent && gf_traceparent_read(from->parent, &p->from);
    if (p->has_from && from->state && gf_tracestate_valid(from->state))
        memcpy(p->state, from->state, strlen(from->state) + 1);
    const gf_traceparent *parent = p->has_from ? &p->from : NULL;
    otlp_ids_new(&o->ids, &o->config, parent, parent, &p->own);
    gf_traceparent_write(&p->own, text);
    (void)gofer_trace_carry(text, *p->state ? p->state : NULL);
    p->begun_ns = gf_mono_ns();
    return p;
}

// ---- the end ------------------------------------------------------------------------------------

static const char *queue_of(const put_round *r, size_t i)
{
    return r->opts[i] && r->opts[i]->queue ? r->opts[i]->queue : "default";
}

// What all of them have in common; NULL: they do not.
static const char *common_queue(const put_round *r)
{
    const char *queue = queue_of(r, 0);
    for (size_t i = 1; i < r->count; i++)
        if (strcmp(queue_of(r, i), queue) != 0)
            return NULL;
    return queue;
}

static const char *common_type(const put_round *r)
{
    for (size_t i = 1; i < r->count; i++)
        if (strcmp(r->types[i], r->types[0]) != 0)
            return NULL;
    return r->types[0];
}

static const char *id_of(const put_round *r)
{
    const char *given = r->opts[0] ? r->opts[0]->task_id : NULL;
    return r->count > 1 ? NULL : r->ids[0] ? r->ids[0] : given;
}

static bool read_own(const gofer_enqueue_options *opts, gf_traceparent *out)
{
    const char *const *pair = opts ? opts->headers : NULL;
    for (; pair && pair[0] && pair[1]; pair += 2)
        if (strcmp(pair[0], GF_TRACEPARENT) == 0)
            return gf_traceparent_read(pair[1], out);
    return false;
}

static size_t find_links(const put_round *r, gf_traceparent links[LINKS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < r->count && count < LINKS_MAX; i++)
        count += read_own(r->opts[i], &links[count]);
    return count;
}

static otlp_span *make_span(const put_round *r, const putting *p, gofer_status status)
{
    gf_traceparent links[LINKS_MAX];
    size_t link_count = find_links(r, links);
    const char *queue = common_queue(r), *type = common_type(r), *id = id_of(r);
    const char *kind = gofer_status_name(status), *state = *p->state ? p->state : NULL;
    otlp_span *s = malloc(sizeof *s + otlp_kept(queue) + otlp_kept(type) + otlp_kept(id) +
        otlp_kept(kind) + otlp_kept(state) + link_count * sizeof *links);
    if (!s)
        return NULL;
    char *at = s->texts;
    *s = (otlp_span){
        .what = OTLP_ENQUEUE, .own = p->own, .from = p->from, .has_from = p->has_from,
        .is_child = p->has_from, .is_failure = status != GOFER_OK, .count = r->count,
    };
    s->queue = otlp_keep(&at, queue);
    s->type = otlp_keep(&at, type);
    s->id = otlp_keep(&at, id);
    s->kind = otlp_keep(&at, kind);
    s->state = otlp_keep(&at, state);
    // Bytes all through, so that they may stand anywhere.
    _Static_assert(_Alignof(gf_traceparent) == 1, "links stand behind texts");
    s->links = (const gf_traceparent *)memcpy(at, links, link_count * sizeof *links);
    s->link_count = link_count;
    s->end_ns = gf_now_ns();
    s->start_ns = s->end_ns - (gf_mono_ns() - p->begun_ns);
    return s;
}

static void on_end(void *user, void *begun, const put_round *round, gofer_status status)
{
    otlp *o = user;
    putting *p = begun;
    // What is not sampled has no span; what there was no memory for is counted.
    if (!p || p->own.flags & GF_TRACE_SAMPLED)
        otlp_queue_put(&o->queue, p ? make_span(round, p, status) : NULL);
    free(p);
}

put_watch otlp_put_watch(otlp *o)
{
    return (put_watch){ on_begin, on_end, o };
}
