// command.h - an external command as it was registered.
//
// Shared by what runs one for a task (exec.c) and for a group (aggregate.c). It does not change
// once it is made, so any slot's thread may use it.
#ifndef GF_HANDLER_COMMAND_H
#define GF_HANDLER_COMMAND_H

#include <stddef.h>

#include "gofer/gofer.h"
#include "util/url.h"

typedef struct gf_command {
    char  *path;            // of the program, absolute
    char **argv;            // NULL-terminated
    char **env;             // the worker's, without what we set ourselves; NULL-terminated
    size_t env_count;
    char  *url;             // "GOFER_URL=…"
} gf_command;

// Finds the program now, and copies. Errors: those of gf_program_find, GOFER_ENOMEM.
gofer_status gf_command_make(gf_command **out, const gf_url *url, const char *const *argv);
void         gf_command_free(void *command);       // NULL is fine

#endif
