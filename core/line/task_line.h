// task_line.h - a task as a JSON object, as `gofer enqueue --batch` and the web interface take it.
//
// Members that are not known are refused, so that a slip is noticed; the name that was probably
// meant is said. What a line does not say is as in the defaults. Threads: a line belongs to one.
#ifndef LINE_TASK_LINE_H
#define LINE_TASK_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "gofer/gofer.h"
#include "util/json.h"

enum { TASK_LINE_HEADERS = 64, TASK_LINE_WHY = 256, TASK_LINE_RETRY_MAX = 1000000 };

typedef struct task_line {
    char  *type, *payload;          // owned, like what follows
    size_t payload_size;
    char  *queue, *id, *unique_key, *debounce_key, *group, *retry_policy, *on_dead, *on_done;
    char  *headers[2 * TASK_LINE_HEADERS + 1];
    char  *limits[GOFER_LIMIT_KEYS + 1];
    char  *ordered;
    char  *tenant;
    gofer_enqueue_options opts;     // borrows from the texts above, and from the defaults
    int32_t effect;                 // out: what putting it in has done
    bool   says_in, says_at;
} task_line;

// NULL: no memory. defaults NULL: the library's.
task_line *task_line_new(const gofer_enqueue_options *defaults);
void task_line_free(task_line *line);       // NULL is fine

// A payload as it stands in JSON: a string's own bytes, those of {"base64": TEXT}, or the value's
// text, digits and spaces as they stand. *out is the caller's, by free(). False: why says why not.
bool task_payload_read(gf_json value, char **out, size_t *size, char *why);

// Reads the text of an object into a new line. False: `why` says why not.
bool task_line_read(task_line *line, const char *text, size_t size, char why[TASK_LINE_WHY]);

// ---- words that command lines have, too

// The words of unique_until, and the library's value for one of them; -1: it is none.
#define UNIQUE_UNTIL "done|start|ttl"
int32_t unique_until_of(const char *word);
// The same of debounce_mode.
#define DEBOUNCE_MODES "replace|keep|earliest"
int32_t debounce_mode_of(const char *word);
// What a call has done: "created", "replaced" or "kept".
const char *effect_word(int32_t effect);
// The option that debounce, or replace, does not go with; NULL: none is given.
const char *task_goes_not_with(const gofer_enqueue_options *o);
// The same of ordered_dead.
#define ORDERED_DEAD "continue|block"
int32_t ordered_dead_of(const char *word);
// "TYPE@QUEUE" of on_dead or on_done cut at its last '@' into the two; queue is NULL if there is
// none, and of a webhook. The copy is the caller's (or kept).
void follower_cut(char *copy, const char **type, const char **queue);
// Would the task expire before it may run?
bool task_expires_first(const gofer_enqueue_options *o);

#endif
