// checks.h - the doctor's look, which of a large store takes long: one at a time.
//
// Who asks while one is under way is told what the latest one found, or that he should ask again;
// one of them waits a moment for it. So no number of visitors keeps all threads from the others.
// A look that took long is good for ten times as long, five minutes at the most. Threads: any.
#ifndef WEB_CHECKS_H
#define WEB_CHECKS_H

#include "call.h"

typedef struct web_checks web_checks;

web_checks *web_checks_new(void);               // NULL: no memory
void web_checks_free(web_checks *checks);       // NULL is fine

// The server ends: no look goes on, and nobody waits for one. NULL is fine.
void web_checks_end(web_checks *checks);
void web_checks_forget(web_checks *checks);     // the next one to ask has a new look
void web_api_check(web_call *call);

#endif
