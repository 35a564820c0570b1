// question.c - asks the store what another step of a task's flow has left.
//
// May touch: worker/run/task_data.h, util/. No locks.
#include "handler/children/question.h"

#include <string.h>

#include "util/alloc.h"
#include "util/error.h"
#include "util/minmax.h"
#include "worker/run/task.h"
#include "worker/run/task_data.h"

void gf_questions_push(gf_questions *list, gf_question *q)
{
    q->next = NULL;
    if (list->last)
        list->last->next = q;
    else
        list->first = q;
    list->last = q;
    list->count++;
}

gf_question *gf_questions_pop(gf_questions *list)
{
    gf_question *q = list->first;
    if (!q)
        return NULL;
    list->first = q->next;
    if (!list->first)
        list->last = NULL;
    list->count--;
    return q;
}

gf_question *gf_question_new(const gofer_task *task, pid_t child, const gf_frame *f)
{
    gf_question *q = gf_calloc(1, sizeof *q);
    if (!q)
        return NULL;
    q->worker = task->worker;
    q->child = child;
    q->ref = f->ref;
    q->number = f->number;
    if (!gf_task_flow(task, q->flow))
        q->flow[0] = '\0';
    memcpy(q->step, f->text, gf_min_size(f->text_size, sizeof q->step - 1));
    return q;
}

void gf_question_free(gf_question *q)
{
    gf_free(q->bytes);
    gf_free(q);
}

void gf_question_ask(gf_question *q)
{
    q->status = gf_worker_parent(q->worker, q->flow, q->step, &q->bytes, &q->size);
    if (q->status == GOFER_OK)
        return;
    const char *why = gofer_error_last();
    q->size = strlen(why);
    q->bytes = gf_memdup(why, q->size);        // without memory the status says it alone
    if (!q->bytes)
        q->size = 0;
}
