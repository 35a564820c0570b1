// crowd.h - which of very many queues that patterns match a worker serves for now.
#ifndef GF_WORKER_CROWD_H
#define GF_WORKER_CROWD_H

#include "worker/subscription.h"

// Of those without tasks so many stay that were served before: a queue that is empty just now need
// not wait for the next look.
enum { GF_CROWD_IDLE = 100 };

// Leaves of names those that the subscription's patterns match.
void gf_crowd_match(const gf_subscription *subscription, gf_names *names);
// Leaves at most GF_SUBSCRIBED_MAX of names, which are sorted: those with tasks (`filled`, of
// each), and if these are more the next ones from *turn on, where it goes on the next time; then
// GF_CROWD_IDLE of those that `old` (NULL: none) had. True: there are more with tasks.
bool gf_crowd_choose(gf_names *names, const bool *filled, const gf_queue_set *old, size_t *turn);

#endif
