// log.h - lines of the server's log: one sentence each, without anything that a visitor sent but
// names and addresses that were checked.
//
// Threads: any.
#ifndef WEB_LOG_H
#define WEB_LOG_H

#include <stdint.h>

#include "gofer/gofer.h"

typedef struct web_log {
    gofer_log_fn write;         // NULL: nobody reads it
    void        *user;
} web_log;

void web_say(const web_log *log, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
