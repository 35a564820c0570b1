// audit.h - what visitors have changed is logged, and noted in the store's audit.
//
// The server comes here after each route that changes something, and jobs.c when a job begins and
// when it has ended; no handler does by itself. What the store refused as a whole, what could not
// be read, and what a visitor may not do are logged alone: so nobody without a right fills the
// audit. Tasks that are enqueued one after the other are noted together, once a minute for each
// visitor. A note that fails is counted and logged, and the act's answer stays what it was.
// Threads: any.
#ifndef WEB_AUDIT_H
#define WEB_AUDIT_H

#include <stdint.h>

#include "audit_note.h"
#include "call.h"
#include "log.h"

typedef struct web_audit web_audit;

web_audit *web_audit_new(gofer_client *client, const web_log *log);     // NULL: no memory
void web_audit_free(web_audit *audit);      // notes what is left; NULL is fine

// An act that has run, or was refused. It may wait for the store, but for one that was refused.
void web_audit_call(web_audit *audit, const char *act, const web_call *call);
// One that no call is about any more; via is filled in.
void web_audit_note(web_audit *audit, audit_note note);
// Notes the tasks that have waited for it for a minute.
void web_audit_flush(web_audit *audit);
// How many notes are missing.
int64_t web_audit_missing(web_audit *audit);

#endif
