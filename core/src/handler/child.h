// child.h - one external command from its start to its end, in the thread that asks.
//
// May touch: util/. Knows no tasks: exec.c says what a task's child gets and what its end means.
#ifndef GF_HANDLER_CHILD_H
#define GF_HANDLER_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "gofer/gofer.h"

enum {
    GF_CHILD_NOTES = 3,        // what the child writes its notes to
    GF_CHILD_TAIL = 4096,      // how much of the end of standard error is kept
    GF_CHILD_TAIL_LINES = 20,
    GF_CHILD_TERM_MS = 2000,   // from TERM to KILL
    GF_CHILD_DRAIN_MS = 100    // those it left behind are ended when they wrote nothing for so long
};

typedef struct gf_child_spec {
    const char  *path;             // absolute; no search, no shell
    char *const *argv;
    char *const *envp;
    const void  *input;            // its standard input
    size_t       input_size;
    bool         keep_output;      // false: standard output is read and dropped
    size_t       output_limit;
    int64_t      deadline_mono_ms; // 0: none
    bool         no_pidfd;         // do as on a kernel that has none (tests)

    // Asked a few times a second: true sends TERM, then KILL. May be NULL.
    bool (*cancelled)(void *user);
    // Asked likewise: true sends TERM once, and then it is waited for. May be NULL.
    bool (*stopping)(void *user);
    // Told each line that it writes to descriptor GF_CHILD_NOTES, without its end: any bytes, a NUL
    // after them, its own to change. NULL for a line that was over note_limit bytes, or for which
    // there was no memory. May be NULL: it has no such descriptor then.
    void (*note)(void *user, char *line, size_t size);
    size_t note_limit;
    // Told each line of standard error, without its end; may hold any bytes but NUL. May be NULL.
    void (*line)(void *user, const char *line);
    void *user;
} gf_child_spec;

typedef enum gf_child_how {
    GF_CHILD_EXITED,       // code: exit code
    GF_CHILD_SIGNALLED,    // code: signal
    GF_CHILD_UNKNOWN       // the host ignores SIGCHLD or waits for all children itself
} gf_child_how;

typedef struct gf_child_end {
    gf_child_how how;
    int          code;
    bool         asked;        // we sent TERM because of `stopping`
    bool         termed;       // we sent TERM, at the deadline or when cancelled
    bool         killed;       // and KILL, because it did not go
    bool         late;         // what made us was the deadline
    bool         outlived;     // the child had ended; TERM was for those it left
                               //   behind, who still wrote
    bool         left_open;    // somebody it left behind still had its output open, whose
                               //   rest nobody has read
    char        *output;       // owned: gf_free; NULL when empty, dropped or not complete
    size_t       output_size;  // bytes in output
    uint64_t     output_total; // bytes it printed
    bool         output_lost;  // no memory for it
    char         tail[GF_CHILD_TAIL + 1]; // last lines of standard error: valid UTF-8, trimmed
} gf_child_end;

// Run a command to its end. Blocks while the child runs, for 2 s after it was told to stop, and for
// those it leaves behind only while they write to its pipes, until the deadline: all that it wrote
// itself has been read, and its process group is gone, when this returns. Threads: any. On failure
// nothing ran: GOFER_ENOTFOUND, GOFER_EDENIED, GOFER_EINVAL (not a program), GOFER_ETOOBIG
// (arguments and environment), GOFER_ENOMEM (memory, processes or files ran out).
gofer_status gf_child_run(const gf_child_spec *spec, gf_child_end *end);

// The warning that belongs to left_open.
#define GF_CHILD_LEFT_OPEN \
    "a process that the command left behind still had its standard output open, and wrote " \
    "nothing for 100 ms: what it may write later is not read"

// "exit code 3", "killed by signal 9 (KILL)", with what we had to do with it.
void gf_child_say_end(const gf_child_end *end, char *out, size_t size);

// ---- between spawn.c and child.c ------------------------------------------------

typedef struct gf_child_pipes {
    int      in, out, err, notes;  // our ends: non-blocking, CLOEXEC; notes -1: there are none
    uint64_t shared_before;        // starts before this one may hold the other ends for a while
} gf_child_pipes;

// Start the process: own session and group, default signals, no file but 0, 1,
// 2 and that for notes.
gofer_status gf_child_spawn(const gf_child_spec *spec, pid_t *pid, gf_child_pipes *pipes);

// May another command of this process, which is still being started, hold the other ends?
bool gf_child_shares(const gf_child_pipes *pipes);

// ---- shared with children/process.c, which starts processes too ------------------

// A start under way: until its exec the new process has all files of this one.
typedef struct gf_start {
    uint64_t         turn;
    struct gf_start *next;
} gf_start;

void     gf_start_begin(gf_start *s);
uint64_t gf_start_end(gf_start *s);

// What an error number of a start means.
gofer_status gf_spawn_failed(const char *path, int error);

int  gf_pidfd_open(pid_t pid);     // -1: a kernel before Linux 5.3 or a filter has none
void gf_shut(int *fd);             // closes it, if it is open, and makes it -1
// "exit code 3", "killed by signal 9 (KILL)", and `more`.
void gf_say_end(gf_child_how how, int code, const char *more, char *out, size_t size);

#endif
