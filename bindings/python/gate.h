/* gate.h - what the module adds to the library for the Python package: a client behind a gate, and
 * putting tasks in through it by one call each.
 *
 * The gate counts the calls that are inside, here and not in Python, for two reasons. It costs next
 * to nothing. And a signal handler of Python, which may raise anywhere, runs between two calls of C
 * and never within one: what is counted here is never left counted by mistake.
 *
 * Read by cffi (build_gofer.py) and by the compiler. Python's side is python/gofer/client.
 *
 * Threads: any, but for gofer_py_gate_free. No locks. */
#ifndef GOFER_PY_GATE_H
#define GOFER_PY_GATE_H

#include <gofer/gofer.h>

/* Beside the statuses of the library. */
enum {
    GOFER_PY_SHUT = 1,      /* the gate is: nothing was done */
    GOFER_PY_NO_MEMORY = 2, /* none for what stands here: nothing was done */
    GOFER_PY_NOT_REACHED = 3, /* of one task of a batch */
    GOFER_PY_LONG_ID = 4    /* of one task: it is in, and its id is a long one */
};

typedef struct gofer_py_gate gofer_py_gate;

/** gofer_client_open, with a gate before it that owns it. Errors: as that; GOFER_PY_NO_MEMORY. */
gofer_status gofer_py_gate_open(gofer_py_gate **out, const char *url,
    const gofer_client_options *opts);

/** The client, for calls that are counted elsewhere; NULL: closed. */
gofer_client *gofer_py_gate_client(gofer_py_gate *gate);

/** Let no more calls in. The client is closed by the last that is inside, or now. */
void gofer_py_gate_close(gofer_py_gate *gate);

/** Close the client now, whatever the count says: in a forked child nobody is inside. */
void gofer_py_gate_drop(gofer_py_gate *gate);

/** Drop it, and free the gate. Nobody may be inside. */
void gofer_py_gate_free(gofer_py_gate *gate);

/** Keep calls out for a while, but for those that say `anyway`; 0: no longer. Returns how many are
 *  inside. */
int64_t gofer_py_gate_pause(gofer_py_gate *gate, int32_t on);

/* What all tasks of one type with the same options have in common. The texts are the caller's. */
typedef struct gofer_py_mold {
    const char *type;
    gofer_enqueue_options options;
} gofer_py_mold;

/* The fate of one task. */
typedef struct gofer_py_one {
    gofer_status status;
    char id[44];            /* a UUID fits */
    char *long_id;          /* with GOFER_PY_LONG_ID one that does not: free with gofer_free */
    int32_t effect;         /* a GOFER_EFFECT_ value */
} gofer_py_one;

/** gofer_client_enqueue.
 *
 *  anyway  not 0: a pause keeps it not out
 *
 *  Errors: as gofer_client_enqueue; GOFER_PY_SHUT. */
gofer_py_one gofer_py_put(gofer_py_gate *gate, int32_t anyway, const gofer_py_mold *mold,
    const char *payload, size_t size);

/* Many tasks on their way in. All arrays have `count` places and are the caller's. */
typedef struct gofer_py_batch {
    size_t count;
    const gofer_py_mold **molds;
    const char *payloads;   /* one behind the other */
    const size_t *sizes;    /* of each */
    gofer_status *statuses; /* out: of each */
    int32_t *effects;       /* out: of each a GOFER_EFFECT_ value; 0 before */
    char **ids;             /* out: only where there was no memory for `text`; free each */
    char *text;             /* out: the ids, each with a NUL, of a task that was refused the NUL
                               alone; NULL if no task is in. Free with gofer_py_text_free */
    size_t text_size;
} gofer_py_batch;

/** gofer_client_enqueue_many. Errors: as that; GOFER_PY_SHUT, GOFER_PY_NO_MEMORY. */
gofer_status gofer_py_put_many(gofer_py_gate *gate, int32_t anyway, gofer_py_batch *batch);

void gofer_py_text_free(char *text);

#endif
