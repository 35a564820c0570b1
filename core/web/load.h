// load.h - what a store says of itself that tells how much it has done, and whether anything has
// changed.
//
// Threads: any.
#ifndef WEB_LOAD_H
#define WEB_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "gofer/gofer.h"

// A look at queues may cost the store one of so many of its commands, of which each queue takes
// some.
enum { WEB_LOAD_SHARE = 20, WEB_LOAD_COST = 4 };

typedef struct web_load {
    bool    counts_none;        // it is in this process: there are no commands to be spared
    int64_t commands;           // so many since it was started, of all; below 0: it did not say
    int64_t keys;               // so many that stay has it, of one node; below 0: it did not say
} web_load;

// False: the store did not answer; *out says nothing then.
bool web_load_ask(gofer_client *client, web_load *out);
// text: what a server says of itself; NULL: there is no server.
web_load web_load_read(const char *text);
// Whether so many queues seem worth a look, after one that began then.
bool web_load_has_changed(const web_load *then, const web_load *now, int64_t queues);

#endif
