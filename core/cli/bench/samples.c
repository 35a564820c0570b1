// samples.c - what each round has measured, and the process's CPU time.
#include <sys/resource.h>

#include "bench.h"

void bench_note(bench *b, bench_phase phase, bench_figure figure, double value)
{
    int *count = &b->samples->counts[phase][figure];
    if (*count < BENCH_ROUNDS_MAX)
        b->samples->values[phase][figure][(*count)++] = value;
}

int bench_by_size(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

double bench_cpu_us(void)
{
    struct rusage used;
    if (getrusage(RUSAGE_SELF, &used) != 0)
        return 0;
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 +
        (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}
