// breaker.h - a circuit breaker of a type: what is counted, when it opens, what it lets through,
// and when it closes. Pure: a store keeps the text, and changes it in one step (in a transaction,
// or by writing only over what was read).
//
// - Closed, it counts the attempts that end in a window, and those of them that fail. With so many,
//   and such a share of failures, it opens: a new episode, whose number is larger than any before.
// - Open, no task of the type is taken. After a time it is half open: as long as all that it has
//   let through in this episode succeed it lets through 1, then 2 more, then 4 more; with these
//   it closes. One that fails opens it again.
// - Who is let through knows the episode. Only ends of its own episode count for one that is
//   open, so that a run that began before says nothing.
// - What was let through and is not heard of for as long as it stays open (its worker has died, it
//   waits for something else) is taken for lost, and others are let through in its place. Should it
//   end after all, it counts.
//
// tests/model/breaker.pml has been through all orders of these steps.
//
// May touch: broker/types.h, info/, util/.
#ifndef GF_BROKER_BREAKER_H
#define GF_BROKER_BREAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/tasks.h"

enum {
    GF_BREAKERS_MAX = 100,               // each attempt's type is compared with each
    GF_BREAKER_SLICES = 10,              // of a window
    GF_BREAKER_CLOSES = 7,               // successes of those let through: 1 + 2 + 4
    GF_BREAKER_LOOK_MS = 500,            // half open, who waits is looked at so often
    GF_BREAKER_TEXT = 1024
};

// In percent, and ms.
typedef struct gf_breaker_rule {
    int64_t failures, min, window_ms, open_ms;
} gf_breaker_rule;

typedef struct gf_breaker {
    char            type[GF_NAME_MAX + 1];       // or a prefix and '*'
    gf_breaker_rule rule;
    bool            open;                // or half open
    int64_t         episode;             // about the Unix ms of the latest opening, or its making
    int64_t         until_ms;            // Unix; then it is half open
    int64_t         let, good;           // in this episode: let through, and ended well
    int64_t         moved_ms;            // when one of the two changed
    int64_t         slice;               // the latest that is counted in, by its number since 1970
    int64_t         ended[GF_BREAKER_SLICES], failed[GF_BREAKER_SLICES];
    bool            dirty;               // to be written
} gf_breaker;

typedef struct gf_breakers {
    gf_breaker *items;                   // gf_free
    size_t      count, room;
} gf_breakers;

// What has become of attempts of a type.
typedef struct gf_breaker_told {
    int64_t ended, failed;               // that began while it was closed, as far as was known
    int64_t episode;                     // of those that it let through:
    int64_t good, bad, back;             //   back: they say nothing, others may go in their place
} gf_breaker_told;

void gf_breaker_init(gf_breaker *b, const char *type, const gf_breaker_rule *rule, int64_t now_ms);
// Another rule: what was counted is forgotten.
void gf_breaker_rule_set(gf_breaker *b, const gf_breaker_rule *rule);
// As text, without its type. False: it is no such text.
void gf_breaker_write(const gf_breaker *b, char out[GF_BREAKER_TEXT]);
bool gf_breaker_read(gf_breaker *b, const char *type, const char *text);

// True: who waits may go on now, some or all.
bool    gf_breaker_tell(gf_breaker *b, int64_t now_ms, const gf_breaker_told *told);
int64_t gf_breaker_room(const gf_breaker *b, int64_t now_ms);    // so many may be let through
void    gf_breaker_let(gf_breaker *b, int64_t now_ms, int64_t count);
bool    gf_breaker_close(gf_breaker *b);                         // false: it was
// When who waits is to be looked at; Unix ms.
int64_t gf_breaker_look_ms(const gf_breaker *b, int64_t now_ms);

// An outcome as one of these, into told. False: it says nothing to a breaker.
bool gf_breaker_told_of(const gf_finish *f, gf_breaker_told *told);

// What both stores say.
#define GF_BREAKER_OVERLAPS "the breaker 'type:%s' would have types of the breaker 'type:%s': a " \
    "type has one breaker"
#define GF_BREAKERS_FULL "there are %d breakers, which is as many as may be: one of a prefix and " \
    "'*' is of several types"
#define GF_BREAKER_MISSING "there is no breaker 'type:%s'"

// As a snapshot (docs/fields.md); waiting is set by whoever knows. NULL: no memory.
gofer_info *gf_breaker_info(const gf_breaker *b, int64_t now_ms);

// NULL: the text is none, or there is no memory (*failed).
gf_breaker *gf_breakers_add(gf_breakers *all, const char *type, const char *text, bool *failed);
gf_breaker *gf_breakers_of(const gf_breakers *all, const char *type);      // NULL: none
gf_breaker *gf_breakers_named(const gf_breakers *all, const char *pattern);
// One whose types are some of this pattern's, and which is another; NULL: none.
const gf_breaker *gf_breakers_overlapping(const gf_breakers *all, const char *pattern);

#endif
