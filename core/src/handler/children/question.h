// question.h - what a child's task asks about its flow: on its way to the store, and back.
//
// Made by the crew's thread, asked by one of the clerk's, told by the crew's. It knows the task by
// name only: that may have ended meanwhile.
#ifndef GF_CHILDREN_QUESTION_H
#define GF_CHILDREN_QUESTION_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "handler/children/frame.h"
#include "worker/run/task_data.h"

enum { GF_QUESTIONS_MAX = 1000 };  // of one child, that are not answered

typedef struct gf_question {
    struct gf_question *next;
    gofer_worker       *worker;
    pid_t               child;     // who asks
    uint32_t            ref, number;
    char                flow[GF_ID_MAX + 1];   // "": the task is of none
    char                step[GF_ID_MAX + 2];   // room to see that it is too long
    gofer_status        status;
    void               *bytes;     // owned: the step's result (NULL: none), or what is wrong
    size_t              size;
} gf_question;

typedef struct gf_questions {
    gf_question *first, *last;
    size_t       count;
} gf_questions;

void         gf_questions_push(gf_questions *list, gf_question *q);
gf_question *gf_questions_pop(gf_questions *list);             // NULL: there is none

// NULL: no memory.
gf_question *gf_question_new(const gofer_task *task, pid_t child, const gf_frame *f);
void         gf_question_free(gf_question *q);
void         gf_question_ask(gf_question *q);                  // waits for the store

#endif
