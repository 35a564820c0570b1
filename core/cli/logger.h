// logger.h - log lines on standard error, as text for people or as JSON lines.
//
// The worker's logger and every other command's; its settings do not change once a client has it.
#ifndef CLI_LOGGER_H
#define CLI_LOGGER_H

#include <stdint.h>

typedef struct logger {
    int32_t level;      // the lowest that is shown
    int     json;
    int     color;
} logger;

// A gofer_log_fn; user is a logger. Any thread: each line is one write.
void logger_write(void *user, int32_t level, int64_t time_ms, const char *text, const char *fields);

#endif
