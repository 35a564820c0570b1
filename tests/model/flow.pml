/* flow.pml - a flow on Redis: its home and its tasks are in different slots. The script that ends a
 * task writes a notice beside it; relays carry notices home and put what comes next. Every atomic
 * block is one script of Redis, or a flow written if it is still what was read.
 *
 * Two steps, the second after the success of the first. The first one's task may fail once, and is
 * then run again: by a retry of the flow, or by hand. Each end may be Go's, which writes no notice.
 * A relay may die between any two of its steps, once, and another does it all over.
 *
 * Checked: the second task is there only when the first is done; each is done once; what is said to
 * have ended has; and the flow ends, well.
 *
 * -DNO_NUMBER: notices have no numbers, so one that is carried late ends a step that was opened
 *     again: it must fail.
 * -DREMOVE_FIRST: a notice is removed before its flow is written, and nobody looks at tasks: it
 *     must fail.
 * -DNO_LOOK: nobody looks at tasks that were put, and Go's ends are not seen: it must fail.
 * -DLOOK_ONCE: who looks at a task does not see whether a notice was written meanwhile, which
 *     counts once more when the step is open again: it must fail.
 * -DNO_KEEP: a task that is done is gone, so who puts it late runs it again: it must fail.
 */
#define N 2
#define M 8
#define WAITS 0                         /* of a step, at home */
#define OUT 1
#define AGAIN 2
#define PUT 3
#define DONE 4
#define FAILED 5
#define SKIPPED 6
#define NONE 0                          /* of a task */
#define PENDING 1

byte step[N], seen[N], version;
byte task[N], number[N], ran[N];
byte note_of[M], note_number[M], note_how[M], notes;
bool there[M];
bool failed, retried;
byte deaths;

#define OVER (step[0] == DONE && step[1] == DONE)
#ifdef REMOVE_FIRST
#define LOOKS false
#define GO false
#else
#ifdef NO_LOOK
#define LOOKS false
#else
#define LOOKS true
#endif
#define GO true
#endif
#define IS_FIRST(i) (there[i] && (i == 0 || !there[0]) && (i <= 1 || !there[1]) && \
    (i <= 2 || !there[2]) && (i <= 3 || !there[3]) && (i <= 4 || !there[4]) && \
    (i <= 5 || !there[5]) && (i <= 6 || !there[6]))

inline tell(n, how) {
    number[n]++;
    assert(notes < M);
    note_of[notes] = n; note_number[notes] = number[n]; note_how[notes] = how;
    there[notes] = true; notes++
}

inline settle() {
    if
    :: step[0] == DONE && step[1] == WAITS -> step[1] = OUT
    :: step[0] == FAILED && step[1] == WAITS -> step[1] = SKIPPED
    :: else -> skip
    fi;
    version++
}

inline reopen() {
    if :: step[1] == SKIPPED -> step[1] = WAITS :: else -> skip fi
}

inline apply(n, k, how) {
    if
#ifdef NO_NUMBER
    :: true ->
#else
    :: k > seen[n] ->
#endif
       seen[n] = k;
       if
       :: how == AGAIN && step[n] == FAILED -> step[n] = PUT; reopen()
       :: how != AGAIN && (step[n] == OUT || step[n] == AGAIN || step[n] == PUT) ->
          assert(how != DONE || ran[n] > 0);
          step[n] = how
       :: else -> skip
       fi;
       settle()
#ifndef NO_NUMBER
    :: else -> skip
#endif
    fi
}

inline remove(i) {
    there[i] = false; note_of[i] = 0; note_number[i] = 0; note_how[i] = 0
}

inline forget() { i = 0; n = 0; k = 0; how = 0; v = 0 }

#define DIES :: atomic { deaths < 1 -> deaths++; forget() }; goto anew

active [2] proctype relay() {
    byte i, n, k, how, v;
anew:
    do
    :: OVER -> break
    :: atomic { notes > 0 && (there[0] || there[1] || there[2] || there[3] || there[4] ||
                there[5] || there[6] || there[7]) ->
                i = 0;
                do :: IS_FIRST(i) -> break :: else -> i++ od;
                n = note_of[i]; k = note_number[i]; how = note_how[i]
       };
#ifdef REMOVE_FIRST
       atomic { remove(i) };
#endif
       if DIES :: skip fi;
       atomic { apply(n, k, how) };
       if DIES :: skip fi;
       atomic { remove(i); forget() }
    :: atomic { step[0] == OUT || step[1] == OUT ->
                if :: step[0] == OUT -> n = 0 :: else -> n = 1 fi };
       if DIES :: skip fi;
       atomic {
           if
           :: task[n] == NONE ->
              assert(n == 0 || step[0] == DONE);
              task[n] = PENDING
           :: else -> skip
           fi
       };
       if DIES :: skip fi;
       atomic { if :: step[n] == OUT -> step[n] = PUT; version++ :: else -> skip fi; forget() }
    :: atomic { step[0] == AGAIN -> n = 0 };
       atomic {
           if
           :: task[0] == FAILED -> task[0] = PENDING; tell(0, AGAIN)
           :: task[0] == NONE -> task[0] = PENDING
           :: else -> skip
           fi
       };
       if DIES :: skip fi;
       atomic {
           if :: step[0] == AGAIN -> step[0] = PUT; version++ :: else -> skip fi;
           forget()
       }
    :: atomic { LOOKS && (step[0] == PUT || step[1] == PUT) ->
                if :: step[0] == PUT -> n = 0 :: else -> n = 1 fi;
                v = version };
       k = number[n];
       how = task[n];
#ifndef LOOK_ONCE
       atomic { if :: k != number[n] -> how = NONE :: else -> skip fi };
#endif
       atomic {
           if
           :: v == version && (how == DONE || how == FAILED) ->
              seen[n] = (k > seen[n] -> k : seen[n]);
              step[n] = how;
              assert(how != DONE || ran[n] > 0);
              settle()
           :: else -> skip
           fi;
           forget()
       }
    od
}

active proctype worker() {
    byte n;
    do
    :: OVER -> break
    :: atomic { task[0] == PENDING || task[1] == PENDING ->
                if :: task[0] == PENDING -> n = 0 :: else -> n = 1 fi };
       atomic {
           if
           :: n == 0 && !failed -> failed = true; task[0] = FAILED;
              if :: tell(0, FAILED) :: GO -> skip fi
           :: true ->
              ran[n]++;
              assert(ran[n] == 1);
              task[n] = DONE;
              if :: tell(n, DONE) :: GO -> skip fi;
#ifdef NO_KEEP
              task[n] = NONE
#endif
           fi;
           n = 0
       }
    od
}

active proctype somebody() {
    do
    :: OVER -> break
    :: atomic { step[0] == FAILED && !retried ->
                retried = true; step[0] = AGAIN; reopen(); version++ }
    :: atomic { task[0] == FAILED && !retried ->
                retried = true; task[0] = PENDING; tell(0, AGAIN) }
    od
}

init { atomic { step[0] = OUT } }
