// zones.c - finds the tz database of Python's package tzdata, for a command that pip has installed
// on a system without one (slim images, above all). python/gofer/zones.py does the same for
// programs in Python.
#include "zones.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// PREFIX of PREFIX/bin/gofer, which is this program.
static int find_prefix(char *out, size_t capacity)
{
    ssize_t size = readlink("/proc/self/exe", out, capacity - 1);
    if (size <= 0 || (size_t)size == capacity - 1)
        return 0;
    out[size] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(out, '/');
        if (!slash)
            return 0;
        *slash = '\0';
    }
    return 1;
}

void zones_find(void)
{
    static const char *const folders[] = { "lib/python3*/site-packages",
        "lib/python3*/dist-packages", "." };
    char prefix[1024], pattern[1200];
    if (getenv("TZDIR") || access("/usr/share/zoneinfo", R_OK) == 0 ||
        !find_prefix(prefix, sizeof prefix) || strpbrk(prefix, "*?["))
        return;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        glob_t found = { 0 };
        snprintf(pattern, sizeof pattern, "%s/%s/tzdata/zoneinfo", prefix, folders[i]);
        int error = glob(pattern, 0, NULL, &found);
        if (error == 0)
            (void)setenv("TZDIR", found.gl_pathv[0], 0); // on failure there are none, as before
        globfree(&found);
        if (error == 0)
            return;
    }
}
