// zones.h - the tz database, where the system has none.
#ifndef CLI_ZONES_H
#define CLI_ZONES_H

// Sets $TZDIR to the database of Python's package tzdata, if this command was installed beside it
// and neither the environment nor the system names another. Before there are threads.
void zones_find(void);

#endif
