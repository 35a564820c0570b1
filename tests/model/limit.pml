/* limit.pml - limits of how many tasks of a key run at a time: counts that are derived from leases,
 * lines of those that wait for a key, and who brings them back. Every atomic block is one step of
 * the store: a script of Redis, a transaction of SQLite.
 *
 * Tasks 0 and 4 name key A, 1 and 2 name A and B, 3 names B. Of each key one may run.
 *
 * Checked: of a key never more run than may, but for those that Go took, who knows of no limits;
 * all of them run at last (so several keys lead to no deadlock); and as long as no lease runs out
 * and Go takes none, nobody waits for a key that has room, unless one who may have it is on its
 * way.
 *
 * -DNO_PASS: who stops at one key when it is taken does not pass on the room that it was brought
 *     back for to the next: it must fail.
 * -DNO_KEEPER=1: where a lease runs out, or Go takes who was brought back, nobody wakes the next,
 *     and without somebody who looks it must fail.
 * -DCOUNTER: the count is written down by who takes, and taken off by who finishes. A lease that
 *     runs out leaves it too high for ever: it must fail.
 * -DLATE: who stops at a full key is noted in a second step, and the key may be free by then: it
 *     must fail.
 */
#ifndef NO_KEEPER
#define NO_KEEPER 0
#endif
#define N 5
#define ORDER(t) (t == 3 -> 0 : t + 1)
#define A 1
#define B 2
#define NAMES(t, k) ((k == A && t != 3) || (k == B && t >= 1 && t <= 3))

bool put[N], waits[N], claimed[N], valid[N], done[N], by_go[N];     /* valid: its lease */
byte held[N];                           /* for which key it waits; 0: none */
byte noted[3];                          /* what COUNTER believes */
byte lapsed;                            /* leases that ran out */

#define RUNS(t) (claimed[t] && valid[t] && !by_go[t])       /* counts: run:<k>, rows of holds */
#ifdef COUNTER
#define COUNT(k) noted[k]
#else
#define COUNT(k) REAL(k)
#endif
#define REAL(k) (k == A -> RUNS(0) + RUNS(1) + RUNS(2) + RUNS(4) : RUNS(1) + RUNS(2) + RUNS(3))
#define FULL(k) (COUNT(k) >= 1)
/* the first key, in their fixed order, that has no room for the task; 0: it may run */
#define FIRST_FULL(t) \
    (NAMES(t, A) && FULL(A) -> A : (NAMES(t, B) && FULL(B) -> B : 0))
#define WAITED_FOR(k) (held[0] == k || held[1] == k || held[2] == k || held[3] == k || held[4] == k)

/* the first of the line (k == 0), or of those that wait for the key; N: there is none */
inline first_of(k, t) {
    byte w; t = N; w = 0;
    do
    :: w < N ->
       if :: (k == 0 && waits[w]) || (k != 0 && held[w] == k) ->
             if :: t == N -> t = w
                :: t < N && ORDER(w) < ORDER(t) -> t = w
                :: else -> skip
             fi
          :: else -> skip
       fi; w++
    :: else -> break
    od; w = 0
}
/* the first who waits for the key comes back to the line. Its other keys are not looked at: they
 * are when it is taken */
inline release(k) {
    byte h;
    if
    :: !FULL(k) ->
       first_of(k, h);
       if :: h < N -> held[h] = 0; waits[h] = true :: else -> skip fi
    :: else -> skip
    fi; h = 0
}
inline release_all(t) {
    if :: NAMES(t, A) -> release(A) :: else -> skip fi;
    if :: NAMES(t, B) -> release(B) :: else -> skip fi
}
inline note(t, more) {
    if :: NAMES(t, A) -> noted[A] = noted[A] + more :: else -> skip fi;
    if :: NAMES(t, B) -> noted[B] = noted[B] + more :: else -> skip fi
}

active [2] proctype worker() {
    byte t, f;
end:
    do
    :: atomic {                                                         /* take */
           (waits[0] || waits[1] || waits[2] || waits[3] || waits[4]) ->
           first_of(0, t);
           waits[t] = false;
           f = FIRST_FULL(t);
           if
           :: f == 0 ->
              claimed[t] = true; valid[t] = true; note(t, 1);
              assert(REAL(A) <= 1 && REAL(B) <= 1)
           :: else ->
#ifndef LATE
              held[t] = f;
#endif
#ifndef NO_PASS
              if :: f == A && NAMES(t, B) -> release(B)
                 :: f == B && NAMES(t, A) -> release(A)
                 :: else -> skip
              fi;
#endif
              skip
           fi
       }
       if
       :: f == 0 ->
          if
          :: atomic { valid[t] -> claimed[t] = false; done[t] = true; note(t, 255);   /* finish */
                      release_all(t) }
          :: atomic { lapsed < 2 && valid[t] -> lapsed++; valid[t] = false }   /* it died */
          fi
       :: else ->
#ifdef LATE
          held[t] = f
#endif
          skip
       fi;
       t = 0; f = 0
    od
}

active proctype go_worker() {           /* takes what stands in the line, once */
    byte t;
end:
    atomic { (waits[0] || waits[1] || waits[3]) -> first_of(0, t); waits[t] = false;
             claimed[t] = true; by_go[t] = true }
    atomic { claimed[t] = false; done[t] = true }
}

#define DEAD(t) (claimed[t] && !valid[t] && !by_go[t])
active proctype recover() {             /* of Go or gofer: gives back what was claimed too long */
    byte t;
end:
    do
    :: atomic {
           (DEAD(0) || DEAD(1) || DEAD(2) || DEAD(3) || DEAD(4)) ->
           t = 0;
           do :: DEAD(t) -> break :: else -> t++ od;
           claimed[t] = false; waits[t] = true; t = 0
       }
    od
}

#define TROUBLE (!NO_KEEPER && (lapsed || by_go[0] || by_go[1] || by_go[2] || by_go[3] || by_go[4]))
/* who waits for a key that has room? Not before something went wrong: until then the others wake
 * all there are */
active proctype keeper() {
end:
    do
    :: atomic { TROUBLE && !FULL(A) && WAITED_FOR(A) -> release(A) }
    :: atomic { TROUBLE && !FULL(B) && WAITED_FOR(B) -> release(B) }
    od
}

#define IN_LINE(k) ((k == A && (waits[0] || waits[1] || waits[2] || waits[4])) || \
    (k == B && (waits[1] || waits[2] || waits[3])))
#define IDLE(k) (WAITED_FOR(k) && !FULL(k) && !IN_LINE(k))
active proctype monitor() {             /* room for who waits, and nobody on the way */
end:
    atomic { !TROUBLE && (IDLE(A) || IDLE(B)) -> assert(false) }
}

active proctype end_of_all() {          /* nobody can do anything any more */
    timeout -> assert(done[0] && done[1] && done[2] && done[3] && done[4])
}

active proctype producer() {            /* in any order; ORDER is their rank in the line */
end:
    do
    :: atomic { !put[0] -> put[0] = true; waits[0] = true }
    :: atomic { !put[1] -> put[1] = true; waits[1] = true }
    :: atomic { !put[2] -> put[2] = true; waits[2] = true }
    :: atomic { !put[3] -> put[3] = true; waits[3] = true }
    :: atomic { !put[4] -> put[4] = true; waits[4] = true }
    od
}
