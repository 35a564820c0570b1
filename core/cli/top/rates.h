// rates.h - how fast counters of the store grow: seen now and then, kept in steps, drawn as a line.
//
// The store counts what has run since ever; a rate is what one has seen of that. One thread.
#ifndef CLI_TOP_RATES_H
#define CLI_TOP_RATES_H

#include <stddef.h>
#include <stdint.h>

enum {
    RATE_STEP_MS = 5000,
    RATE_STEPS = 60,            // five minutes
    RATE_ITEMS = 2000,          // at most so many have rates: about a megabyte
    RATE_TEXT = 16,
    RATE_LINE = RATE_STEPS * 3 + 1
};

// What is counted: attempts that ended, and those of them that failed.
typedef enum rate_of { RATE_ENDED, RATE_FAILED, RATE_KINDS } rate_of;

typedef struct rate {
    char   *name;               // owned
    int64_t totals[RATE_KINDS]; // as last seen
    int64_t since_ms, seen_ms;  // first and last
    int64_t step;               // number of the newest one
    float   steps[RATE_KINDS][RATE_STEPS];      // how many; of step n at n % RATE_STEPS
    unsigned turn;
} rate;

typedef struct rates {
    rate   *items;
    size_t  count, room;
    size_t  next;               // where the next one probably is
    unsigned turn;
} rates;

// All that are there now are seen between begin and end; the others are forgotten.
void        rates_begin(rates *r);
// NULL: there are too many. Borrowed until the next one is seen.
const rate *rates_see(rates *r, const char *name, int64_t ended, int64_t failed, int64_t now_ms);
void        rates_end(rates *r);
void        rates_clear(rates *r);
const rate *rates_find(const rates *r, const char *name);       // NULL: it has none

// Per second, of the last five to ten seconds; below 0: it is not known yet. r may be NULL.
double      rate_now(const rate *r, rate_of of);
const char *rate_text(char out[RATE_TEXT], double per_second);  // "12.3/s", "-"
// The last `columns` whole steps, newest at the right, as high as their highest. Blank: not seen.
const char *rate_line(char out[RATE_LINE], const rate *r, rate_of of, int columns, int ascii);

#endif
