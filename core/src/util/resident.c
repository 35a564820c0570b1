// resident.c - how much memory a process has, as Linux tells it in /proc.
#include "util/resident.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int64_t gf_resident(long pid)
{
    char path[64], text[128];
    long long pages = -1;
    snprintf(path, sizeof path, "/proc/%ld/statm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return -1;
    text[n] = '\0';
    return sscanf(text, "%*s %lld", &pages) == 1 ? pages * sysconf(_SC_PAGESIZE) : -1;
}
