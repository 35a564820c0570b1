// search.h - tasks with a text in them: which they are, and acts on all of them.
//
// A text is looked for in bytes, without regard to the case of ASCII letters, in ids, types, groups
// and cron entries, and, where who asks may see payloads, in errors, payloads and results; not in
// long ones, nor in those that something is masked of, which finding would tell.
// Pure but for reading tasks. Threads: any.
#ifndef WEB_SEARCH_H
#define WEB_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "gofer/gofer.h"
#include "masks.h"
#include "scope.h"

enum { WEB_SEARCH_MAX = 255, WEB_SEARCH_PAGE = 100 };   // bytes; tasks, each read whole

typedef struct web_searcher {
    gofer_client    *client;
    const web_scope *scope;     // of who asks
    const web_masks *masks;     // NULL: none
    char             text[WEB_SEARCH_MAX + 1];      // in lower case
} web_searcher;

// False: the text is empty, or too long.
bool web_search_for(web_searcher *s, const char *text);

// The field of a task, as it is in lists, that holds the text; NULL: none does.
const char *web_search_in(const web_searcher *s, const gofer_info *task);

// Is the act possible in this state? By the words of gofer_client_act.
bool web_act_allows(int32_t act, const char *state);

// gofer_client_act on those of the tasks that hold the text, one by one; it is asked after each
// whether to go on. GOFER_ACT_COUNT counts them in every state.
typedef struct web_search_plan {
    int32_t             act;
    const char         *queue, *state;      // NULL: all
    const gofer_filter *filter;
    gofer_act_progress  progress;
    void               *user;
} web_search_plan;
gofer_status web_search_act(const web_searcher *s, const web_search_plan *plan, int64_t *done);

#endif
