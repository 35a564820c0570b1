// process.h - a child as the system sees it: its start, its signals, its end.
//
// May touch: util/, handler/child.h. Knows no frames and no tasks.
#ifndef GF_CHILDREN_PROCESS_H
#define GF_CHILDREN_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "handler/command.h"

enum { GF_CHILD_SOCKET = 3 };      // the descriptor on which it speaks

typedef struct gf_proc {
    pid_t pid;                     // 0: none
    int   pidfd;                   // readable at its end; -1: none (an old kernel)
    int   socket;                  // our end, non-blocking; -1: closed
    int   output;                  // what it prints, non-blocking; -1: at its end
} gf_proc;

#define GF_NO_PROC ((gf_proc){ .pidfd = -1, .socket = -1, .output = -1 })

// Start one: a session of its own, default signals, /dev/null to read, no other file but its output
// and its socket. It dies with the *thread* that calls this, which must therefore live as long.
// On failure nothing runs: ENOTFOUND, EDENIED, EINVAL, ETOOBIG, ENOMEM (also: no descriptor).
gofer_status gf_proc_start(const gf_command *command, char *const *envp, gf_proc *out);

void gf_proc_signal(const gf_proc *p, int number);         // to it and its group
bool gf_proc_ended(const gf_proc *p);                      // not reaped yet
// Of one that has ended: kills what is left of its group, and closes all. *status as waitpid's; -1:
// not known.
void gf_proc_bury(gf_proc *p, int *status);

// "killed by signal 9 (KILL)", "exit code 3".
void gf_proc_say_end(int status, char *out, size_t size);

#endif
