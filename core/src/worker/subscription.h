// subscription.h - which queues a worker serves: what was asked for (names, and patterns such as
// "mail:*"), and the queues that come of it. The first changes when somebody asks, the second when
// queues come and go.
#ifndef GF_WORKER_SUBSCRIPTION_H
#define GF_WORKER_SUBSCRIPTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"

enum {
    GF_WEIGHT_MAX = 1000,
    GF_SUBSCRIBED_MAX = 1000       // queues of patterns at a time: each exchange names all
};

typedef struct gf_subscribed {
    char   *name;                  // owned
    int32_t weight;
} gf_subscribed;

// What was asked for, in its order.
typedef struct gf_subscription {
    gf_subscribed *items;
    size_t         count, capacity;
    size_t         patterns;       // so many of them
} gf_subscription;

bool         gf_is_pattern(const char *queue);      // ends in '*'
// EINVAL: not a name, weight out of range, given twice.
gofer_status gf_subscription_add(gf_subscription *subscription, const char *queue, int32_t weight);
// "mail=3 low report:*": appended. EINVAL says what is wrong.
gofer_status gf_subscription_parse(gf_subscription *subscription, const char *text);
void         gf_subscription_clear(gf_subscription *subscription);
// The pattern that gives this queue its weight, of several the longest; NULL: none fits, or it is
// named itself.
const gf_subscribed *gf_subscription_pattern(const gf_subscription *subscription,
    const char *queue);

// The queues served now. Never changes once made; shared by count.
typedef struct gf_queue_set {
    _Atomic int    refs;
    gf_subscribed *items;
    size_t         count;
    size_t         named;          // the first so many are named; those of patterns come by name
    size_t         left_out;       // matched, but not served for now
    bool           more;           // some of these have tasks
    char          *text;           // "mail=3 low=1", patterns at the end
} gf_queue_set;

// Those of the subscription by name, then those of `names` that a pattern matches: of several the
// longest.
gofer_status gf_queue_set_make(
    const gf_subscription *subscription, const gf_names *names, gf_queue_set **out);
bool         gf_queue_set_same(const gf_queue_set *a, const gf_queue_set *b);
void         gf_queue_set_drop(gf_queue_set *set);     // one reference less; NULL is fine
// Their names, an array of pointers (gf_free) to what the set holds. NULL: no memory.
const char **gf_queue_set_names(const gf_queue_set *set);

// A worker's. The lock is held for the copying of pointers, and while a subscription is replaced.
typedef struct gf_subscriber {
    pthread_mutex_t  lock;
    gf_subscription  subscription;
    gf_subscription  named;        // by handlers, for a worker that was given none
    bool             by_default;   // none was given
    gf_queue_set    *set;          // NULL before start
    size_t           turn;         // gf_crowd_choose's; of who makes sets, as is
    bool             told;         //   that the log has what is left out
    _Atomic unsigned version;      // of the set
    _Atomic unsigned changes;      // of the subscription, counted
} gf_subscriber;

struct gofer_worker;
// A queue that a handler names: served beside "default" if the worker is given none. One that is
// named already is fine. Before start.
gofer_status   gf_subscriber_name(gf_subscriber *s, const char *queue);
// While it runs: reloaded children name this queue. A worker that was given its queues keeps them.
gofer_status   gf_subscriber_name_more(struct gofer_worker *w, const char *const *queues,
    size_t count);
// At start: the queues of a worker that was given none.
gofer_status   gf_subscriber_default(gf_subscriber *s);
// Make the set anew from the subscription and the store's queues. *changed: there is another one.
gofer_status   gf_subscriber_look(struct gofer_worker *w, bool *changed);
// Logs how many queues match and are not served, if any, once. True: some are, as was told before.
bool           gf_subscriber_log_left_out(struct gofer_worker *w);
gf_queue_set  *gf_subscriber_take(gf_subscriber *s);   // one reference more
// Takes the subscription over, and empties it.
void           gf_subscriber_change(gf_subscriber *s, gf_subscription *subscription);
bool           gf_subscriber_has_patterns(gf_subscriber *s);

#endif
