// scope.h - what one may do, and in which queues: rights, each for all queues or for some.
//
// A visitor has one grant by his token, or several by the groups that a proxy says he is in. One
// may do a thing with a queue if a single grant has the right for it and names the queue.
// Pure. Threads: a scope is its owner's.
#ifndef WEB_SCOPE_H
#define WEB_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

enum { WEB_GRANTS_MAX = 8, WEB_QUEUES_MAX = 256 };

typedef struct web_grant {
    unsigned rights;
    char     queues[WEB_QUEUES_MAX];    // names and patterns with commas between them: "mail*,a"
                                        //   ('*': any characters); "": all queues
} web_grant;

typedef struct web_scope {
    web_grant grants[WEB_GRANTS_MAX];
    size_t    count;
} web_scope;

// Is it a list of queues as above, that fits?
bool web_queues_valid(const char *queues);

// Adds a grant, to one for the same queues if there is one. False: there are too many.
bool web_scope_add(web_scope *scope, const web_grant *grant);
void web_scope_mask(web_scope *scope, unsigned rights);     // no more than these

bool web_scope_same(const web_scope *a, const web_scope *b);

unsigned web_scope_rights(const web_scope *scope);          // that there are for any queue
bool web_scope_everywhere(const web_scope *scope, unsigned right);      // for all queues
bool web_scope_may(const web_scope *scope, unsigned right, const char *queue);
// Does a worker that serves this queue, or pattern, serve one that the right is for? All of them?
bool web_scope_touches(const web_scope *scope, unsigned right, const char *served);
bool web_scope_covers(const web_scope *scope, unsigned right, const char *served);
// Is each queue that one right is for also one that the other is for?
bool web_scope_within(const web_scope *scope, unsigned right, unsigned other);

// Does the text fit the pattern, in which '*' stands for any characters?
bool web_pattern_fits(const char *pattern, size_t size, const char *text);

#endif
