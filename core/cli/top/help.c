// help.c - what `?` shows: a line for each key that keys.c knows, to be changed together with it.
//
// A table, without a function.
#include "top.h"

const top_key_help top_keys_help[] = {
    { "up down j k", "one row; at the end of a page of tasks or of very many queues, the next" },
    { "pgup pgdn home end", "a screen; the first, the last row" },
    { "enter", "the tasks of a queue, type or kind of failure; all about one row" },
    { "esc backspace", "back" },
    { "tab, 1 to 6", "queues, workers, schedules, types, failures, findings" },
    { "left right", "the states of a queue's tasks; types of other hours" },
    { "g m", "look again; failures: look further" },
    { "/",
      "filter; an empty one shows all. Tasks: a type (mail:*), error=TEXT, id=ID*, group=NAME, "
      "older=1d, newer=1h" },
    { "p", "pause or unpause a queue or schedule; quiet or resume a worker" },
    { "r", "run a task, schedule or kind of failure now; repair findings" },
    { "a", "archive a task, or those of a kind of failure" },
    { "d", "delete a task, queue or schedule, after a question" },
    { "c", "cancel a task, stop a worker, after a question" },
    { "R A D C", "the same for all tasks of this queue and state that match the filter" },
    { "+ -", "concurrency of a worker: of its slots, not its children" },
    { "? q", "this help; quit" },
    { NULL, NULL }
};
