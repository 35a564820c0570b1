// log.c - lines of the server's log.
#include "log.h"

#include <stdarg.h>
#include <stdio.h>

#include "clock.h"

void web_say(const web_log *log, int32_t level, const char *format, ...)
{
    char text[512];
    va_list args;
    if (!log->write)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log->write(log->user, level, web_ms(CLOCK_REALTIME), text, "{}");
}
