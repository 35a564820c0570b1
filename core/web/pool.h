// pool.h - a few threads for what has to wait: calls into the store.
//
// The server's own thread never waits for the store, so that a store which does not answer keeps
// nobody from a page that says so. Jobs run in the order they came. Threads: any may add.
#ifndef WEB_POOL_H
#define WEB_POOL_H

#include <stdbool.h>
#include <stddef.h>

typedef struct web_pool web_pool;

web_pool *web_pool_new(size_t threads, size_t most_jobs);   // NULL: no memory, or no thread
// False: `most_jobs` wait already.
bool web_pool_add(web_pool *pool, void (*run)(void *), void *job);
// Runs what waits to its end, and frees the pool. NULL is fine.
void web_pool_free(web_pool *pool);

#endif
