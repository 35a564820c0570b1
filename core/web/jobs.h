// jobs.h - acts that may be long: on all tasks that match, on a queue with many tasks, on the
// store. They go on when who began them has left.
//
// They run one after the other, in the library's bounded steps, and are watched and stopped by
// their number. The latest WEB_JOBS_MAX are remembered; they end with the server, and what is done
// by then is done. Threads: any; one of its own runs them.
#ifndef WEB_JOBS_H
#define WEB_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "copy.h"
#include "gofer/gofer.h"
#include "scope.h"
#include "text.h"

enum { WEB_JOBS_MAX = 32, WEB_FILTER_ROOM = 256, WEB_WHY_ROOM = 512 };

// Acts that are not the library's own on many tasks.
enum {
    WEB_ACT_QUEUE_DELETE = GOFER_ACT_CANCEL + 1,    // a queue with all its tasks
    WEB_ACT_REPAIR                                  // what is wrong with the store
};

// What to do; texts are empty where nothing is asked for.
typedef struct web_job_plan {
    int32_t act;                // a GOFER_ACT_ or WEB_ACT_ value
    char    queue[WEB_FILTER_ROOM], state[WEB_FILTER_ROOM], type[WEB_FILTER_ROOM],
            error[WEB_FILTER_ROOM], id[WEB_FILTER_ROOM], group[WEB_FILTER_ROOM],
            fingerprint[WEB_FILTER_ROOM], text[WEB_FILTER_ROOM],
            who[WEB_FILTER_ROOM], address[WEB_FILTER_ROOM];
    int64_t older_ms, younger_ms;
    web_scope scope;            // of who began it; no grants: he has all queues
    unsigned right;             //   that the act needs there
    int64_t total;              // tasks that there were; 0: not known
    bool attended;              // who began it waits for it, and notes it if it ends meanwhile
    web_scope reader;           // with a text: where he may see what, and what nobody may. The
    const struct web_masks *masks;      //   masks are borrowed; NULL: none
} web_job_plan;

// Who looks at jobs: with a scope, those that he began and those of queues that he may see.
typedef struct web_job_reader {
    const char     *who;
    const web_view *view;
} web_job_reader;

// How a job has ended.
typedef struct web_job_end {
    gofer_status status;
    char         why[WEB_WHY_ROOM];     // ""; or why it failed, or who stopped it
    char        *found;                 // JSON; NULL: nothing. Who asked frees it
    int64_t      done;
} web_job_end;

typedef struct web_jobs web_jobs;

struct web_audit;
struct web_checks;

// NULL: no memory, or no thread. The audit and the doctor's looks are borrowed: those from before
// a repair are no use.
web_jobs *web_jobs_new(gofer_client *client, struct web_audit *audit, struct web_checks *checks);
void web_jobs_free(web_jobs *jobs);             // stops what runs; NULL is fine

const char *web_act_name(int32_t act);          // "archive"
int32_t web_act_of(const char *name);           // of those on many tasks; -1: no such

// The number of a job that will run; 0: too many wait.
int64_t web_job_add(web_jobs *jobs, const web_job_plan *plan);
// Waits until an attended job has ended. False: it has not so soon, and goes on unattended: from
// now on it notes itself.
bool web_job_wait(web_jobs *jobs, int64_t number, int64_t ms, web_job_end *out);
// False: it is not known (any more), or has ended. who: by whom.
bool web_job_stop(web_jobs *jobs, int64_t number, const char *who);
// May he who has the right for these queues stop it? He may if he began it.
bool web_job_is_theirs(web_jobs *jobs, int64_t number, const web_job_reader *reader,
    unsigned right);
// As JSON: {"job":, "act":, "state":, "looked":, "done":, "total":, "by":, "queue":, "error":,
// "items":}, the last being what a repair has found. False: not known, or not the reader's.
bool web_job_put(web_jobs *jobs, int64_t number, const web_job_reader *reader, web_text *out);
// {"items": [...]}, latest first, without what they have found
void web_jobs_put(web_jobs *jobs, const web_job_reader *reader, web_text *out);

#endif
