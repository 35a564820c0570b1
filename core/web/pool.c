// pool.c - a few threads for what has to wait.
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct job {
    void (*run)(void *);
    void *with;
} job;

struct web_pool {
    pthread_mutex_t lock;       // guards all but the threads
    pthread_cond_t  news;       // a job came, or the end
    job            *jobs;       // a ring
    size_t          first, count, room;
    bool            ending;
    pthread_t      *threads;
    size_t          thread_count;
};

static bool next_job(web_pool *pool, job *out)
{
    pthread_mutex_lock(&pool->lock);
    while (pool->count == 0 && !pool->ending)
        pthread_cond_wait(&pool->news, &pool->lock);
    bool found = pool->count > 0;
    if (found) {
        *out = pool->jobs[pool->first];
        pool->first = (pool->first + 1) % pool->room;
        pool->count--;
    }
    pthread_mutex_unlock(&pool->lock);
    return found;
}

static void *work(void *user)
{
    job next;
    while (next_job(user, &next))
        next.run(next.with);
    return NULL;
}

static bool start(web_pool *pool, size_t threads)
{
    while (pool->thread_count < threads) {
        if (pthread_create(&pool->threads[pool->thread_count], NULL, work, pool) != 0)
            return false;
        pool->thread_count++;
    }
    return true;
}

web_pool *web_pool_new(size_t threads, size_t most_jobs)
{
    web_pool *pool = calloc(1, sizeof *pool);
    if (!pool)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->news, NULL);
    pool->room = most_jobs;
    pool->jobs = calloc(most_jobs, sizeof *pool->jobs);
    pool->threads = calloc(threads, sizeof *pool->threads);
    if (pool->jobs && pool->threads && start(pool, threads))
        return pool;
    web_pool_free(pool);
    return NULL;
}

bool web_pool_add(web_pool *pool, void (*run)(void *), void *with)
{
    pthread_mutex_lock(&pool->lock);
    bool fits = pool->count < pool->room && !pool->ending;
    if (fits) {
        pool->jobs[(pool->first + pool->count) % pool->room] = (job){ run, with };
        pool->count++;
        pthread_cond_signal(&pool->news);
    }
    pthread_mutex_unlock(&pool->lock);
    return fits;
}

void web_pool_free(web_pool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->news);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->thread_count; i++)
        pthread_join(pool->threads[i], NULL);
    pthread_cond_destroy(&pool->news);
    pthread_mutex_destroy(&pool->lock);
    free(pool->jobs);
    free(pool->threads);
    free(pool);
}
