// roster.h - the first queues by name, as each was last looked at: what a page that stays open is
// told, so that it costs the store the same however many queues there are.
//
// Who asks says how old what he is told may be. What was heard of since is looked at for him, and
// of the others as many as their turn has come to: each within WEB_ROUND_MS, all of them sooner
// where the store has much to do anyway. One look at a time. Threads: any.
#ifndef WEB_ROSTER_H
#define WEB_ROSTER_H

#include "gofer/gofer.h"
#include "queues.h"
#include "text.h"

enum { WEB_ROUND_MS = 900000, WEB_ROSTER_WHY = 512 };

typedef struct web_roster web_roster;

web_roster *web_roster_new(gofer_client *client);   // NULL: no memory
void web_roster_free(web_roster *roster);           // NULL is fine

// Something has happened in a queue: it is looked at the next time.
void web_roster_touch(web_roster *roster, const char *queue);
// What serves the queues may have changed: then all are looked at the next time.
void web_roster_workers(web_roster *roster, const gofer_info *workers);

// Looks until nothing is older than age_ms (0: than this call). On failure what was seen before
// stays; why: what the store said (NULL: nobody asks).
gofer_status web_roster_look(web_roster *roster, int64_t age_ms, char why[WEB_ROSTER_WHY]);

// A page of all queues that somebody has asked for, behind a name (NULL: from the first), is of use
// here, too.
void web_roster_learn(web_roster *roster, const char *behind, const gofer_info *page);

typedef struct web_roster_one {
    char      *queue;
    char      *json;            // its snapshot
    web_counts counts;
    int64_t    looked_ms;       // by the clock that only goes on
} web_roster_one;

typedef void (*web_roster_fn)(const web_roster_one *one, void *user);

// Each by name, borrowed for the call; *more: there are further queues behind them. Returns when
// the one was looked at that waits longest for it; 0: there has been no look.
int64_t web_roster_each(web_roster *roster, web_roster_fn each, void *user, bool *more);

// What all queues did in the last days, a list as that of a snapshot, which is kept for a while,
// too.
gofer_status web_roster_history(web_roster *roster, int64_t age_ms, web_text *out);

#endif
