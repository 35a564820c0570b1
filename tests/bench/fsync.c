// fsync.c - a disk of a known speed, for measurements: loaded before a program (LD_PRELOAD), it has
// every fsync take $BENCH_FSYNC_US microseconds, in which nothing is written.
//
// For files in memory on a machine whose disk others use, too. It says nothing of durability.
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static int take_time(void)
{
    const char *us = getenv("BENCH_FSYNC_US");
    struct timespec left = { 0, us ? atol(us) * 1000 : 0 };
    prctl(PR_SET_TIMERSLACK, 1UL);       // else a sleep takes 50 µs longer
    while (nanosleep(&left, &left) != 0)
        ;
    prctl(PR_SET_TIMERSLACK, 0UL);
    return 0;
}

int fsync(int fd)
{
    (void)fd;
    return take_time();
}

int fdatasync(int fd)
{
    (void)fd;
    return take_time();
}
