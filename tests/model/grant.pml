/* grant.pml - limits that all queues of a Redis Cluster count for, shared out as grants. Every
 * atomic block is one step of one slot: a script. Whoever shares out does so in four steps, and may
 * die between any two; others do the same meanwhile.
 *
 * Two queues, a limit of two places. A queue's slot has a goal, by which it lets tasks start, and
 * the number of the latest look; home has for each queue what it may run, and the number of the
 * look that said so.
 *
 * Checked: what runs in both together is never more than the limit; and what home has noted for a
 * queue is never less than what runs there.
 *
 * -DLOCAL_FIRST: a queue is told of more before it is noted at home: it must fail.
 * -DNO_NUMBERS: what was decided by an older look is believed, by home and by queues: it must fail.
 * -DFREED_FIRST: what a queue is to give back is noted as free before a look has found it so: it
 *     must fail.
 */
#define LIMIT 2
#define LOOKS 5

byte goal[2], runs[2], number[2];       /* of the queues' slots */
byte may[2], heard[2];                  /* at home */
byte looks;

#define MAX(a, b) ((a) > (b) -> (a) : (b))

#ifdef NO_NUMBERS
#define NEWER(n, q) true
#define SAME(n, q) true
#else
#define NEWER(n, q) (n > heard[q])
#define SAME(n, q) (n == number[q])
#endif

/* A task starts, or ends. */
proctype Queue(byte q) {
end:
    do
    :: atomic { runs[q] < goal[q] -> runs[q]++;
           assert(runs[0] + runs[1] <= LIMIT); assert(may[q] >= runs[q]) }
    :: atomic { runs[q] > 0 -> runs[q]-- }
    od
}

/* Looks at both, has home decide that one queue gets more and the other less, and tells them. */
proctype Sharer() {
    byte q, more, has[2], seen[2], to[2];
    bool told[2];
    do
    :: looks < LOOKS ->
       q = 0;
       do
       :: q < 2 ->
          atomic {
              looks++; number[q]++; seen[q] = number[q];
              has[q] = MAX(runs[q], goal[q])
          }
          q++
       :: else -> break
       od;
       if :: q = 0 :: q = 1 fi;         /* who gets what there is */
#ifdef LOCAL_FIRST
       atomic { if :: SAME(seen[q], q) -> goal[q] = LIMIT - may[1 - q] :: else fi }
#endif
       atomic {
           told[0] = false; told[1] = false;
           if :: NEWER(seen[0], 0) -> may[0] = has[0]; heard[0] = seen[0]; told[0] = true
              :: else
           fi;
           if :: NEWER(seen[1], 1) -> may[1] = has[1]; heard[1] = seen[1]; told[1] = true
              :: else
           fi;
           to[1 - q] = 0; to[q] = 0;
#ifdef FREED_FIRST
           if :: told[1 - q] -> may[1 - q] = 0 :: else fi;
#endif
           if :: told[q] && may[0] + may[1] < LIMIT ->
                 more = LIMIT - may[0] - may[1];
                 to[q] = may[q] + more; may[q] = may[q] + more
              :: told[q] && may[0] + may[1] >= LIMIT -> to[q] = may[q]
              :: else
           fi;
           more = 0
       }
       if :: skip :: goto dead fi;
       atomic { if :: told[q] && SAME(seen[q], q) -> goal[q] = to[q] :: else fi }
       if :: skip :: goto dead fi;
       q = 1 - q;
       atomic { if :: told[q] && SAME(seen[q], q) -> goal[q] = to[q] :: else fi }
       has[0] = 0; has[1] = 0; seen[0] = 0; seen[1] = 0; to[0] = 0; to[1] = 0
    :: else -> break
dead:  skip; has[0] = 0; has[1] = 0; seen[0] = 0; seen[1] = 0; to[0] = 0; to[1] = 0
    od
}

init {
    atomic { run Queue(0); run Queue(1); run Sharer(); run Sharer() }
}
