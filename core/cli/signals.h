// signals.h - from signals to the worker: stop, quiet and resume.
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include "gofer/gofer.h"
#include "logger.h"

// Catch TERM, INT, HUP (stop; the second does not wait), TSTP and USR1 (quiet), CONT (resume). Signals that come
// before signals_serve are kept. 0, or -1 with errno.
int signals_catch(void);
// Begin to pass signals on, on a thread of its own. log may be NULL. 0, or -1 with errno.
int signals_serve(gofer_worker *worker, logger *log);
// End the thread; from then on the signals do nothing. After it the worker may be freed.
void signals_release(void);

#endif
