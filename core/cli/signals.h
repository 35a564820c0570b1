// signals.h - from signals to the worker: stop, quiet and resume.
//
// In this order: catch (before the broker is opened), keep (it is open: from now on signals are
// kept for the worker), serve (it runs), release (it has ended). If another worker follows it:
// leave, and serve again. One worker at a time in a process.
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

#include "gofer/gofer.h"
#include "logger.h"

// Catch TERM, INT, HUP (stop; the second does not wait), TSTP and USR1 (quiet), CONT (resume).
// Signals that come before signals_serve are kept; but until signals_keep one to stop ends the
// process at once, with 0: nothing has begun yet that would have to end in good order, and who is
// waited for may not answer. 0, or -1 with errno.
int signals_catch(void);
void signals_keep(void);
// Begin to pass signals on, on a thread of its own. log may be NULL. 0, or -1 with errno.
int signals_serve(gofer_worker *worker, logger *log);
// End the thread; signals that come from then on are kept for the next worker.
void signals_leave(void);
// Is the process asked to stop, or is it within so long? 1: yes. No worker is served.
int signals_stop_within(int64_t ms);
// End the thread; from then on the signals do nothing. After it the worker may be freed.
void signals_release(void);

#endif
