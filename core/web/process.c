// process.c - the metrics that every process has.
#include "process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void put(web_exposition *e, const char *name, web_metric kind, const char *help,
    double value)
{
    if (value < 0)
        return;
    web_family(e, name, kind, help);
    web_sample(e, NULL, value);
}

static double cpu_seconds(void)
{
    struct rusage use;
    if (getrusage(RUSAGE_SELF, &use) != 0)
        return -1;
    return (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec)
        + (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

// What /proc tells of us; a name in it may hold anything, so it is read behind the last ')'.
typedef struct told {
    unsigned long long start_ticks, virtual_bytes;
    long long          resident_pages;
} told;

static bool read_stat(told *out)
{
    char line[1024];
    FILE *file = fopen("/proc/self/stat", "re");
    if (!file)
        return false;
    const char *rest = fgets(line, sizeof line, file) ? strrchr(line, ')') : NULL;
    fclose(file);
    // The fields 22, 23 and 24; the state, field 3, is the first behind the name.
    return rest
        && sscanf(rest + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d "
               "%llu %llu %lld",
               &out->start_ticks, &out->virtual_bytes, &out->resident_pages) == 3;
}

#ifdef CLOCK_BOOTTIME
static double started_at(unsigned long long ticks)
{
    struct timespec now, up;
    long each = sysconf(_SC_CLK_TCK);
    if (each <= 0 || clock_gettime(CLOCK_REALTIME, &now) != 0
        || clock_gettime(CLOCK_BOOTTIME, &up) != 0)
        return -1;
    double since_boot = (double)up.tv_sec + (double)up.tv_nsec / 1e9;
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9 - since_boot
        + (double)ticks / (double)each;
}
#else
static double started_at(unsigned long long ticks)
{
    (void)ticks;
    return -1;
}
#endif

static double open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    double count = -3;          // ".", ".." and the folder's own
    if (!folder)
        return -1;
    while (readdir(folder))
        count++;
    closedir(folder);
    return count;
}

static double most_files(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 ? (double)limit.rlim_cur : -1;
}

void web_process(web_exposition *e)
{
    told t;
    put(e, "process_cpu_seconds_total", WEB_COUNTER, "Time of processors, user and system.",
        cpu_seconds());
    put(e, "process_open_fds", WEB_GAUGE, "Open file descriptors.", open_files());
    put(e, "process_max_fds", WEB_GAUGE, "How many file descriptors there may be.", most_files());
    if (!read_stat(&t))
        return;
    put(e, "process_start_time_seconds", WEB_GAUGE, "When the process began.",
        started_at(t.start_ticks));
    put(e, "process_resident_memory_bytes", WEB_GAUGE, "Resident memory.",
        (double)t.resident_pages * (double)sysconf(_SC_PAGESIZE));
    put(e, "process_virtual_memory_bytes", WEB_GAUGE, "Virtual memory.", (double)t.virtual_bytes);
}
