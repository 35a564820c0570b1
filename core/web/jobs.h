// jobs.h - acts on all tasks that match: long ones, which go on when who began them has left.
//
// They run one after the other, in the library's bounded steps, and are watched and stopped by
// their number. The latest WEB_JOBS_MAX are remembered; they end with the server, and what is done
// by then is done. Threads: any; one of its own runs them.
#ifndef WEB_JOBS_H
#define WEB_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "scope.h"
#include "text.h"

enum { WEB_JOBS_MAX = 32, WEB_FILTER_ROOM = 256 };

// What to do; texts are empty where nothing is asked for.
typedef struct web_job_plan {
    int32_t act;                // a GOFER_ACT_ value
    char    queue[WEB_FILTER_ROOM], state[WEB_FILTER_ROOM], type[WEB_FILTER_ROOM],
            error[WEB_FILTER_ROOM], id[WEB_FILTER_ROOM], group[WEB_FILTER_ROOM],
            fingerprint[WEB_FILTER_ROOM], who[WEB_FILTER_ROOM], address[WEB_FILTER_ROOM];
    int64_t older_ms, younger_ms;
    web_scope scope;            // of who began it; no grants: he has all queues
    unsigned right;             //   that the act needs there
} web_job_plan;

// Who looks at jobs: with a scope, those that he began and those of queues that he may see.
typedef struct web_job_reader {
    const char      *who;
    const web_scope *scope;     // NULL: all
} web_job_reader;

typedef struct web_jobs web_jobs;

struct web_audit;

// NULL: no memory, or no thread. The audit is borrowed.
web_jobs *web_jobs_new(gofer_client *client, struct web_audit *audit);
void web_jobs_free(web_jobs *jobs);             // stops what runs; NULL is fine

const char *web_act_name(int32_t act);          // "archive"
int32_t web_act_of(const char *name);           // -1: no such

// The number of a job that will run; 0: too many wait.
int64_t web_job_add(web_jobs *jobs, const web_job_plan *plan);
// False: it is not known (any more), or has ended. who: by whom.
bool web_job_stop(web_jobs *jobs, int64_t number, const char *who);
// May he who has the right for these queues stop it? He may if he began it.
bool web_job_is_theirs(web_jobs *jobs, int64_t number, const web_job_reader *reader,
    unsigned right);
// As JSON: {"job":, "act":, "state":, "looked":, "done":, "error":, "by":}. False: not known, or
// not the reader's.
bool web_job_put(web_jobs *jobs, int64_t number, const web_job_reader *reader, web_text *out);
// {"items": [...]}, latest first
void web_jobs_put(web_jobs *jobs, const web_job_reader *reader, web_text *out);

#endif
