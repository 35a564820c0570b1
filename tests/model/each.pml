/* each.pml - a step of a flow that is run for each item of a list, on Redis. The task with the list
 * is in its queue's slot, where the script that ends it writes a notice; the flow is at home. A
 * relay reads the flow and the list, and writes the end, the steps that are made of the list and
 * what follows, if the flow is still what was read. The list comes in two parts of one item each:
 * the first says that there is more, so the task that has left it is made once more. A join comes
 * after all that is made.
 *
 * Two relays; one may die between any two of its steps, once. A notice may be carried twice.
 *
 * Checked: each item is made once and run once; the join begins when both are done, and begins.
 *
 * -DMAKE_LATER: the steps are made by a second write, behind that of the end: a relay that dies
 *     between leaves them unmade: it must fail.
 * -DMAKE_FIRST: they are made by a write before that of the end, and without a look whether they
 *     were: it must fail.
 * -DNO_VERSION: the flow is written whatever it is by then: it must fail.
 * -DNO_MORE: the join does not wait for what makes the next part: it must fail.
 */
#define WAITS 0
#define PUT 1
#define DONE 2
#define PARTS 2

byte version;
byte part[PARTS], item[PARTS];          /* steps: those that leave the list, and its items */
byte made[PARTS];                       /* how often each item was made */
byte join;
bool list_is_left[PARTS], note[PARTS];  /* tasks, and their notices */
byte ran[PARTS];
byte deaths;

#define IS_OVER (join == DONE)
#ifdef NO_MORE
#define ALL ((part[0] == DONE && item[0] == DONE) && (item[1] == WAITS || item[1] == DONE))
#else
#define ALL (part[0] == DONE && part[1] == DONE && item[0] == DONE && item[1] == DONE)
#endif

inline make(p) {
    made[p]++;
    item[p] = PUT;
    if :: p + 1 < PARTS && part[p + 1] == WAITS -> part[p + 1] = PUT :: else -> skip fi
}

inline settle() {
    if :: ALL && join == WAITS -> join = PUT :: else -> skip fi
}

#define DIES :: atomic { deaths < 1 -> deaths++; p = 0; v = 0; open = false }; goto anew

active [2] proctype relay() {
    byte p, v;
    bool open;
anew:
    do
    :: IS_OVER -> break
    :: atomic { note[0] || note[1] -> if :: note[0] -> p = 0 :: else -> p = 1 fi };
       atomic { v = version; open = (part[p] == PUT) };
#ifdef MAKE_FIRST
       atomic { if :: open && list_is_left[p] -> make(p) :: else -> skip fi };
       if DIES :: skip fi;
#endif
       if
       :: open ->
          atomic {
              if
#ifdef NO_VERSION
              :: true ->
#else
              :: v == version ->
#endif
                 part[p] = DONE;
#ifndef MAKE_LATER
#ifndef MAKE_FIRST
                 make(p);
#endif
                 settle();
#endif
                 version++
              :: else -> v = 255
              fi
          }
       :: else -> skip
       fi;
       if DIES :: skip fi;
#ifdef MAKE_LATER
       atomic { if :: open && v != 255 -> make(p); settle(); version++ :: else -> skip fi };
#endif
       if :: v != 255 -> note[p] = false :: else -> skip fi;
       atomic { p = 0; v = 0; open = false }
    od
}

/* Runs tasks; ends of items are at home at once, which flow.pml is about. */
active proctype worker() {
    byte n;
    do
    :: IS_OVER -> break
    :: atomic { part[0] == PUT && !list_is_left[0] -> list_is_left[0] = true; note[0] = true }
    :: atomic { part[1] == PUT && !list_is_left[1] -> list_is_left[1] = true; note[1] = true }
    :: atomic { item[0] == PUT || item[1] == PUT ->
                if :: item[0] == PUT -> n = 0 :: else -> n = 1 fi;
                ran[n]++;
                assert(ran[n] == 1);
                item[n] = DONE;
                settle();
                version++;
                n = 0 }
    :: atomic { join == PUT ->
                assert(made[0] == 1 && made[1] == 1);
                assert(ran[0] == 1 && ran[1] == 1);
                join = DONE }
    od
}

init { atomic { part[0] = PUT } }
