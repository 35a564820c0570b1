// clock.h - milliseconds of a clock.
#ifndef WEB_CLOCK_H
#define WEB_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t web_ms(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

#endif
