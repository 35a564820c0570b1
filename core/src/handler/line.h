// line.h - what a command may write to its notes' descriptor: one request a line.
//
//     progress DONE [TOTAL] [TEXT]      as gofer_task_progress
//     log LEVEL TEXT                    LEVEL: debug, info, warn or error
//     checkpoint [BASE64]               the bytes for the next start; nothing: none any more
//     checkpoint-text TEXT              the same, the rest of the line as it is
//     snooze DURATION [TEXT]            with exit code 75: again after so long, attempt not counted
//     limit-pause KEY DURATION [TEXT]   the same, as gofer_task_limit_pause
//     resumable                         TERM as soon as the worker stops; exit code 75 then: back
//     to the head of the queue
//
// Pure: exec.c does what they say.
#ifndef GF_HANDLER_LINE_H
#define GF_HANDLER_LINE_H

#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

typedef enum gf_line_kind {
    GF_LINE_PROGRESS,
    GF_LINE_LOG,
    GF_LINE_CHECKPOINT,
    GF_LINE_SNOOZE,
    GF_LINE_LIMIT_PAUSE,
    GF_LINE_RESUMABLE
} gf_line_kind;

typedef struct gf_line {
    gf_line_kind kind;
    int64_t      done, total;      // progress; total 0: unknown
    int32_t      level;            // log
    int64_t      delay_ms;         // snooze, limit-pause
    const char  *limit_key;        // limit-pause; borrowed likewise
    const char  *text;             // borrowed from the line, NUL-terminated
                                   //   UTF-8 or not; NULL: none
    const void  *bytes;            // checkpoint; borrowed
    size_t       size;
} gf_line;

// Reads a line, which is changed; a NUL stands behind its last byte. EINVAL: the
// text says what is wrong.
gofer_status gf_line_parse(char *line, size_t size, gf_line *out);

#endif
