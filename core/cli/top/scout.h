// scout.h - the doctor's look at the store, in a thread of its own: it may take long.
//
// It only looks. Findings stay until the next look has ended. All functions are for the one thread
// of the screen.
#ifndef CLI_TOP_SCOUT_H
#define CLI_TOP_SCOUT_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

typedef struct scout {
    pthread_t       thread;
    pthread_mutex_t lock;           // guards what follows, down to why
    int             ended;          // the thread has nothing left to do
    gofer_info     *found;          // what it brings; NULL: nothing
    char            why[512];       // what stopped it; "": nothing
    int             running;        // there is a thread to be joined
    gofer_client   *client;         // borrowed
    gofer_info     *findings;       // owned, of the last look; NULL: there was none yet
    char            trouble[512];   // of the last look
    int64_t         begun_ms, ended_ms;
} scout;

int  scout_init(scout *s);                  // 0, or -1: there is no lock to be had
// Begins a look, unless one is under way.
void scout_begin(scout *s, gofer_client *client, int64_t now_ms);
// Takes what a look has brought; 1: there is something new.
int  scout_take(scout *s, int64_t now_ms);
// How many findings need somebody.
size_t scout_open(const scout *s);
// 0: a look is still under way, and what it uses has to stay.
int  scout_end(scout *s);

#endif
