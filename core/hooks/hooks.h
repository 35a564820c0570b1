// hooks.h - the handler of tasks that are webhooks: each is a request, signed as Standard Webhooks
// says, to the URL in a header of the task. The payload is the body.
//
// Opened once, before the worker's threads are there; the handler runs on any of them.
#ifndef HOOKS_HOOKS_H
#define HOOKS_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

typedef struct hooks hooks;

typedef struct hooks_options {
    const char *const *secrets;    // paths of files, or "env:NAME"; borrowed until it is freed
    size_t             secret_count;
    const char *const *allowed;    // nets, beside all public addresses
    size_t             allowed_count;
    const char        *ca_file;    // certificates in PEM; NULL: the system's. Borrowed as well
    gofer_log_fn       log;        // NULL: silent
    void              *log_user;
} hooks_options;

typedef enum hooks_opened {
    HOOKS_OPEN,
    HOOKS_BAD,                     // an option is wrong: why says which
    HOOKS_UNABLE                   // something is missing here: why says what
} hooks_opened;

// *out is set with HOOKS_OPEN alone.
hooks_opened hooks_open(hooks **out, const hooks_options *options, char *why, size_t size);
void hooks_free(hooks *h);         // NULL is fine
// A gofer_handler; user: the hooks.
int32_t hooks_run(gofer_task *task, void *user);

#endif
