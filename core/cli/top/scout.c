// scout.c - the doctor's look at the store, in a thread of its own: it may take long.
//
// The thread gets the client, and leaves one answer. Nobody waits for it: the screen asks whether
// it has ended, and ends without it if it must. Uses the client, which any thread may.
#include "scout.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int scout_init(scout *s)
{
    return pthread_mutex_init(&s->lock, NULL) == 0 ? 0 : -1;
}

static void *look(void *user)
{
    scout *s = user;
    gofer_info *found = NULL;
    gofer_status st = gofer_client_check(s->client, 0, &found);
    (void)pthread_mutex_lock(&s->lock);
    s->found = found;
    snprintf(s->why, sizeof s->why, "%s", st == GOFER_OK ? "" : gofer_error_last());
    s->ended = 1;
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

void scout_begin(scout *s, gofer_client *client, int64_t now_ms)
{
    if (s->running)
        return;
    s->client = client;
    s->ended = 0;
    s->begun_ms = now_ms;
    // Signals are the screen's: they have to interrupt its waiting for a key.
    sigset_t all, before;
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&s->thread, NULL, look, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        s->running = 1;
    else
        snprintf(s->trouble, sizeof s->trouble, "there is no thread for the doctor's look");
}

int scout_take(scout *s, int64_t now_ms)
{
    if (!s->running)
        return 0;
    (void)pthread_mutex_lock(&s->lock);
    int ended = s->ended;
    (void)pthread_mutex_unlock(&s->lock);
    if (!ended)
        return 0;
    (void)pthread_join(s->thread, NULL);
    s->running = 0;
    s->ended_ms = now_ms;
    snprintf(s->trouble, sizeof s->trouble, "%s", s->why);
    if (s->found || !s->why[0]) {
        gofer_info_free(s->findings);
        s->findings = s->found;
        s->found = NULL;
    }
    return 1;
}

size_t scout_open(const scout *s)
{
    size_t open = 0;
    for (size_t i = 0; i < gofer_info_count(s->findings); i++) {
        const gofer_info *f = gofer_info_at(s->findings, i);
        const char *severity = gofer_info_text(f, "severity");
        open += severity && strcmp(severity, "note") != 0 &&
            gofer_info_int(f, "repaired", 0) < gofer_info_int(f, "count", 0);
    }
    return open;
}

int scout_end(scout *s)
{
    enum { PATIENCE = 30 };             // times a step: nobody waits longer for the end of a screen
    static const struct timespec step = { 0, 10000000 };
    for (int i = 0; i < PATIENCE && !scout_take(s, s->begun_ms) && s->running; i++)
        (void)nanosleep(&step, NULL);
    if (s->running) {
        (void)pthread_detach(s->thread);
        return 0;
    }
    gofer_info_free(s->findings);
    s->findings = NULL;
    (void)pthread_mutex_destroy(&s->lock);
    return 1;
}
