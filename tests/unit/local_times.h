// local_times.h - reads tests/local_times.txt, row by row.
#ifndef LOCAL_TIMES_H
#define LOCAL_TIMES_H

#include <stdbool.h>
#include <stdio.h>

#include "check.h"

typedef struct gf_local_row {
    char    zone[40], local[24];
    int64_t at_ms;
} gf_local_row;

static inline FILE *gf_local_times_open(void)
{
    FILE *table = fopen(LOCAL_TIMES, "r");
    REQUIRE(table != NULL);
    return table;
}

// False: no more.
static inline bool gf_local_times_next(FILE *table, gf_local_row *row)
{
    char line[200], utc[24];
    while (fgets(line, sizeof line, table)) {
        if (*line == '#')
            continue;
        REQUIRE(sscanf(line, "%39s %23s %23s", row->zone, row->local, utc) == 3);
        REQUIRE_OK(gofer_parse_time(utc, &row->at_ms));
        return true;
    }
    return false;
}

#endif
