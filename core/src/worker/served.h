// served.h - which queues a worker serves: what was asked for (names, and patterns such as "mail:*"), and the queues
// that come of it. The first changes when somebody asks, the second when queues come and go.
#ifndef GF_WORKER_SERVED_H
#define GF_WORKER_SERVED_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/broker.h"

enum { GF_WEIGHT_MAX = 1000, GF_SERVED_MAX = 1000 };   // queues of patterns: each exchange names all

typedef struct gf_served {
    char   *name;                  // owned
    int32_t weight;
} gf_served;

// What was asked for, in its order.
typedef struct gf_wish {
    gf_served *items;
    size_t     count, capacity;
    size_t     patterns;           // so many of them
} gf_wish;

bool         gf_is_pattern(const char *queue);      // ends in '*'
// EINVAL: not a name, weight out of range, given twice.
gofer_status gf_wish_add(gf_wish *wish, const char *queue, int32_t weight);
// "mail=3 low report:*": appended. EINVAL says what is wrong.
gofer_status gf_wish_parse(gf_wish *wish, const char *text);
void         gf_wish_clear(gf_wish *wish);

// The queues served now. Never changes once made; shared by count.
typedef struct gf_served_set {
    _Atomic int refs;
    gf_served  *items;
    size_t      count;
    size_t      left_out;          // matched, but over GF_SERVED_MAX
    char       *text;              // "mail=3 low=1", patterns at the end
} gf_served_set;

// Those of the wish by name, then those of `names` that a pattern matches: of several the longest.
gofer_status gf_served_make(const gf_wish *wish, const gf_names *names, gf_served_set **out);
bool         gf_served_same(const gf_served_set *a, const gf_served_set *b);
void         gf_served_drop(gf_served_set *set);    // one reference less; NULL is fine
// Their names, an array of pointers (gf_free) to what the set holds. NULL: no memory.
const char **gf_served_names(const gf_served_set *set);

// A worker's. The lock is held for the copying of pointers, and while a wish is replaced.
typedef struct gf_serving {
    pthread_mutex_t  lock;
    gf_wish          wish;
    gf_served_set   *set;          // NULL before start
    _Atomic unsigned version;      // of the set
    _Atomic unsigned wished;       // counts the wishes
} gf_serving;

struct gofer_worker;
// Make the set anew from the wish and the store's queues. *changed: there is another one.
gofer_status   gf_serving_look(struct gofer_worker *w, bool *changed);
// Logs how many queues match and are not served, if any.
void           gf_serving_tell_left_out(struct gofer_worker *w);
gf_served_set *gf_serving_take(gf_serving *s);      // one reference more
// Takes the wish over, and empties it.
void           gf_serving_wish(gf_serving *s, gf_wish *wish);
bool           gf_serving_has_patterns(gf_serving *s);

#endif
