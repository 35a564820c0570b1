/* breaker.pml - a circuit breaker: what all programs keep in the store (core/src/broker/breaker.c),
 * who starts tasks by a view of it that is old, reports that come late, one that lets through what
 * was held, and dies anywhere. A step of the store is one step; a view is renewed in another.
 *
 * Checked: from the first time that it is half open no more start than it has let through, which is
 * no more than the successes so far allow, and what it took for lost; it is open as soon as so many
 * failures were told of; it closes for none but successes of those it let through; and it does
 * close, with all tasks done, once handlers succeed (any other end state is an error).
 *
 * -DNO_SWAP: who tells of an end or lets one through reads and writes in two steps, and it must
 *     fail.
 * -DNO_EPISODE: a run that began before it opened counts as one that it let through, and it must
 *     fail.
 * -DNO_PATIENCE: what was let through and is never heard of again is waited for, and it must fail.
 * -DHASTY: it is half open before each view of the time before it opened has ended, and it must
 *     fail.
 */
#define N 5                             /* tasks */
#define W 2                             /* workers */
#define MIN 2                           /* so many failures open it */
#define ALLOWED(n) (n < 1 -> 1 : 3)     /* 1, and 2 more; then it closes */
#define CLOSES 3
#define IN_LINE(t) (!done[t] && !busy[t] && !held[t])
#define BAD 4                           /* handlers fail so often at the most */

#ifdef HASTY
#define SEEN true
#else
#define SEEN (view[0] == episode && view[1] == episode)
#endif

bool open, due;                         /* due: it is half open */
byte episode = 1, let, good, failures;
byte told, proven, started, lost;       /* what really was, for the checks */
bool held[N], busy[N], done[N];
byte mark[N];                           /* the episode that let it through */
byte view[W], bad, deaths, left = N;    /* view: the episode that is seen, 0: closed */

inline open_it() {
    open = true; due = false; episode++;
    let = 0; good = 0; failures = 0; told = 0; proven = 0; started = 0; lost = 0
}
inline close_it() {
    assert(proven >= CLOSES);
    open = false; due = false; failures = 0; told = 0
}
/* since: the episode as it began; 0: it was closed */
inline tell(since, failed) {
#ifdef NO_SWAP
    read = failures;
#endif
    atomic {
        if
        :: !open && failed && since == 0 ->
            told++;
#ifdef NO_SWAP
            failures = read + 1;
#else
            failures++;
#endif
            if :: failures >= MIN -> open_it() :: else fi;
            assert(open || told < MIN)
        :: open && failed && since == episode -> open_it()
#ifdef NO_EPISODE
        :: open && !failed ->
#else
        :: open && !failed && since == episode ->
#endif
            good++;
            if :: since == episode -> proven++ :: else fi;
            if :: good >= CLOSES -> close_it() :: else fi
        :: else
        fi;
        read = 0
    }
}

proctype worker(byte me) {
    byte t, since, read; bool failed;
    do
    :: left == 0 -> break
    :: atomic { view[me] != (open -> episode : 0) -> view[me] = (open -> episode : 0) }
    :: atomic {                         /* a task of those in line */
        left > 0 && (IN_LINE(0) || IN_LINE(1) || IN_LINE(2) || IN_LINE(3) || IN_LINE(4));
        t = 0;
        do :: done[t] || busy[t] || held[t] -> t++ :: else -> break od;
        if
        :: view[me] != 0 && mark[t] != view[me] -> held[t] = true; since = 255
        :: else ->
            since = view[me]; busy[t] = true; mark[t] = 0;
            if :: open && due ->
                started++;
                assert(started <= ALLOWED(good) + lost)
               :: else fi
        fi
       }
       if
       :: since == 255
       :: else ->
            atomic {
                if 
                :: bad < BAD -> bad++; failed = true
                :: failed = false
                 fi;
                busy[t] = false;        /* its end, and a retry, are in the store */
                if :: failed :: else -> done[t] = true; left-- fi
            }
            if
            :: tell(since, failed)
            :: atomic { deaths == 0 -> deaths++ }          /* and nobody tells */
            fi
       fi;
       t = 0; since = 0; failed = false
    od
}

/* whoever looks at those who wait */
active proctype forward() {
    byte t, since, read;
    do
    :: left == 0 -> break
    :: atomic {
        !open && (held[0] || held[1] || held[2] || held[3] || held[4]);
        t = 0;
        do :: !held[t] -> t++ :: else -> break od;
        held[t] = false; t = 0
       }
    :: atomic {
        open && due && let < ALLOWED(good) && (held[0] || held[1] || held[2] || held[3] || held[4]);
        t = 0;
        do :: !held[t] -> t++ :: else -> break od;
        since = episode; read = let;
#ifndef NO_SWAP
        let++
#endif
       }
#ifdef NO_SWAP
       let = read + 1;
#endif
       if
       :: atomic { mark[t] = since; held[t] = false }
       :: atomic { deaths == 0 -> deaths++ }               /* it was let through by nobody */
       fi;
       t = 0; since = 0; read = 0
    od
}

/* Time. Its views are of before it opened for a second at the most, and it stays open longer. */
active proctype clock() {
    do
    :: left == 0 -> break
    :: atomic { left > 0 && open && !due && SEEN -> due = true }
#ifndef NO_PATIENCE
    :: atomic { timeout ->
        if :: open && due && let > good -> lost = lost + let - good; let = good
           :: else -> assert(left == 0) fi }
#endif
    od
}

init { atomic { run worker(0); run worker(1) } }
