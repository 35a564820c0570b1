// presence.h - what others hear of a worker, and it of them: its entry among the workers, and
// requests to it.
#ifndef GF_WORKER_PRESENCE_H
#define GF_WORKER_PRESENCE_H

#include <stdint.h>

#include "gofer/gofer.h"

// In start, then housekeeping's.
gofer_status gf_presence_register(gofer_worker *w);
int64_t      gf_presence_interval_ms(const gofer_worker *w);
gofer_status gf_presence_watch(gofer_worker *w);
void         gf_presence_unwatch(gofer_worker *w);     // waits for a call under way
// Any thread.
const char  *gf_presence_state(gofer_worker *w);       // "active", "lacking", "quiet", "stopping"
void         gf_presence_log_cancelled(gofer_worker *w, const char *id);

#endif
