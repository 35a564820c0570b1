/* line.pml - tasks with a priority on Redis: the line beside the plain list, Go programs that know
 * only the list, and crashes. What each step does is named after the script that does it
 * (core/src/broker/redis/scripts, lib/rejoin.lua), which is one step because scripts are.
 *
 * Checked: no task runs twice at a time or is lost; what waits is heard of by whoever sleeps
 * (an end state with a task that has not run is an error); and, as long as Go has moved none, who
 * takes gets one of the highest priority.
 *
 * -DNO_RING: without `ring` a sleeper is never woken, and the check must fail.
 * -DNO_UPKEEP=1: without housekeeping a Go worker can take it from under a sleeper, and it must
 *     fail. Redis serves who blocks at once, but not who is about to.
 * -DTRUST: a place in the line is believed without asking `scheduled`, and it must fail.
 */
#ifdef NO_RING
#define NO_UPKEEP 1
#endif
#ifndef NO_UPKEEP
#define NO_UPKEEP 0
#endif
#define N 4                             /* tasks: 0 and 1 high, 2 plain, 3 low */
#define LANE(t) (t < 2 -> 0 : (t == 2 -> 1 : 2))
#define RANKED(t) (LANE(t) != 1)

bool scheduled[N], line[N], done[N], claimed[N];
byte list[N], length;                   /* pending; 0 is the head */
byte put, moved;                        /* moved: Go's forwarder has changed the order */
byte best;

inline to_head(t) {
    byte i1; i1 = length;
    do :: i1 > 0 -> list[i1] = list[i1 - 1]; i1-- :: else -> break od;
    list[0] = t; length++
}
inline to_end(t) { list[length] = t; length++ }
inline cut(at) {
    byte i2; i2 = at; length--;
    do :: i2 < length -> list[i2] = list[i2 + 1]; i2++ :: else -> break od;
    list[length] = 0
}
/* the first of the line from one lane to another; N: none. In a lane the lower number is first */
inline first_of_line(from, to, t) {
    t = 0;
    do :: t < N && !(line[t] && LANE(t) >= from && LANE(t) <= to) -> t++ :: else -> break od
}
inline meant(t, yes) {
#ifdef TRUST
    yes = true
#else
    yes = scheduled[t]
#endif
}
inline ring() {
    byte r; bool y;
#ifndef NO_RING
    do
    :: length == 0 ->
        first_of_line(0, 2, r);
        if :: r == N -> break
           :: else ->
            meant(r, y);
            if :: y -> scheduled[r] = false; to_end(r); break    /* keeps its place in the line */
               :: else -> line[r] = false fi
        fi
    :: else -> break
    od;
#endif
    r = 0; y = false
}
inline draw() {
    byte d, e; bool m; d = 0;
    do                                  /* what `ring` brought goes back */
    :: d < length -> if :: line[list[d]] -> scheduled[list[d]] = true; cut(d) :: else -> d++ fi
    :: else -> break
    od;
    e = N;
    do                                  /* one before the plain ones */
    :: first_of_line(0, 0, d);
       if :: d == N -> break
          :: else -> line[d] = false; meant(d, m);
             if :: m -> scheduled[d] = false; to_head(d); break :: else fi
       fi
    od;
    do                                  /* or, where nothing is there, one behind them */
    :: length > 0 -> break
    :: else ->
       first_of_line(2, 2, d);
       if :: d == N -> break
          :: else -> line[d] = false; meant(d, m);
             if :: m -> scheduled[d] = false; to_end(d) :: else fi
       fi
    od;
    d = 0; e = 0; m = false
}
inline highest(b) {                     /* lane of the best that waits */
    byte h; b = 3; h = 0;
    do
    :: h < N ->
       if :: h < put && !done[h] && !claimed[h] && LANE(h) < b -> b = LANE(h) :: else fi; h++
    :: else -> break
    od; h = 0
}
inline enline(t) { line[t] = true; scheduled[t] = true }

active proctype producer() {            /* put_any, in any order */
    byte t;
    do
    :: put < N ->
       atomic {
           t = put;
           if :: RANKED(t) -> enline(t); put++; ring()
              :: else -> to_end(t); put++ fi
       }
    :: else -> break
    od
}

active [2] proctype worker() {          /* sleeps while the list is empty: BLMOVE */
    byte t;
end:
    do
    :: atomic {
           length > 0 ->
           highest(best);
           draw();
           if
           :: length == 0 -> t = N
           :: else -> t = list[0]; cut(0); line[t] = false;
              assert(!claimed[t] && !done[t]);
              assert(moved || LANE(t) == best);
              claimed[t] = true; ring()
           fi
       }
       if
       :: t == N -> skip
       :: else ->
          if
          :: atomic { claimed[t] = false; done[t] = true }         /* finish */
          :: atomic {                                             /* recover, or put back */
                 claimed[t] = false;
                 if :: RANKED(t) -> enline(t); ring() :: else -> to_head(t) fi
             }
          fi
       fi
    od
}

active proctype go_worker() {           /* knows the list only */
    byte t;
end:
    do
    :: atomic { length > 0 -> t = list[0]; cut(0);
                assert(!claimed[t] && !done[t]); claimed[t] = true; moved = 1 }
       atomic { claimed[t] = false; done[t] = true }
    od
}

active proctype go_forwarder() {        /* the safety time of a task has come: once */
    byte t;
end:
    if
    :: atomic { scheduled[0] -> scheduled[0] = false; to_end(0); moved = 1 }
    :: atomic { scheduled[3] -> scheduled[3] = false; to_end(3); moved = 1 }
    fi
}

active proctype housekeeping() {        /* find_due, forward: Go took what `ring` brought */
end:
    do
    :: atomic { length == 0 && ((line[0] && scheduled[0]) || (line[1] && scheduled[1]) ||
                (line[3] && scheduled[3])) && !NO_UPKEEP -> ring() }
    od
}

active proctype end_of_all() {          /* nobody can do anything any more */
    timeout -> assert(put == N && done[0] && done[1] && done[2] && done[3])
}
