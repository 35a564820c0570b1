// rest.c - groups that could not be aggregated rest a while, longer each time.
//
// May touch: its part of the aggregators. Any of their threads, and housekeeping. Locks: each
// function takes the aggregators'.
#include "worker/group/rounds.h"

#include <string.h>

#include "util/alloc.h"
#include "util/clock.h"

enum {
    REST_MS = 2000,                // at first,
    REST_MAX_MS = 60000            //   then longer, up to so long
};

static void forget(gf_aggregating *a, size_t i)
{
    gf_free(a->put_off[i].queue);
    gf_free(a->put_off[i].group);
    a->put_off[i] = a->put_off[--a->put_off_count];
}

// Locks: a->lock held. Its place; the count: it has none.
static size_t find(const gf_aggregating *a, const char *queue, const char *group)
{
    size_t i = 0;
    while (i < a->put_off_count &&
        (strcmp(a->put_off[i].queue, queue) != 0 || strcmp(a->put_off[i].group, group) != 0))
        i++;
    return i;
}

// How long it rests. Without memory it does not: it is tried again with the next sweep.
int64_t gf_rest_begin(gf_aggregating *a, const char *queue, const char *group)
{
    int64_t now_ms = gf_mono_ms();
    pthread_mutex_lock(&a->lock);
    size_t i = find(a, queue, group);
    if (i == a->put_off_count) {
        size_t oldest = 0;
        for (size_t k = 1; k < a->put_off_count; k++)
            if (a->put_off[k].until_ms < a->put_off[oldest].until_ms)
                oldest = k;
        if (a->put_off_count == GF_GROUPS_PUT_OFF)
            forget(a, oldest);
        gf_put_off new = { gf_strdup(queue), gf_strdup(group), 0, REST_MS / 2 };
        if (!new.queue || !new.group) {
            gf_free(new.queue);
            gf_free(new.group);
            pthread_mutex_unlock(&a->lock);
            return 0;
        }
        i = a->put_off_count++;
        a->put_off[i] = new;
    }
    gf_put_off *rest = &a->put_off[i];
    rest->delay_ms = 2 * rest->delay_ms < REST_MAX_MS ? 2 * rest->delay_ms : REST_MAX_MS;
    int64_t delay_ms = rest->delay_ms;
    rest->until_ms = now_ms + delay_ms;
    pthread_mutex_unlock(&a->lock);
    return delay_ms;
}

void gf_rest_end(gf_aggregating *a, const char *queue, const char *group)
{
    pthread_mutex_lock(&a->lock);
    size_t i = find(a, queue, group);
    if (i < a->put_off_count)
        forget(a, i);
    pthread_mutex_unlock(&a->lock);
}

// Copies of the names that rest now, in one allocation; NULL: none, or no memory. Entries stay when
// their rest is over, for the delay to grow from; the oldest make room for others.
char **gf_rest_names(gf_aggregating *a, const char *queue, size_t *count)
{
    int64_t now_ms = gf_mono_ms();
    size_t size = 0, n = 0;
    char **names = NULL;
    pthread_mutex_lock(&a->lock);
    for (size_t i = 0; i < a->put_off_count; i++)
        if (a->put_off[i].until_ms > now_ms && strcmp(a->put_off[i].queue, queue) == 0) {
            size += strlen(a->put_off[i].group) + 1;
            n++;
        }
    if (n && (names = gf_alloc(n * sizeof *names + size))) {
        char *to = (char *)(names + n);
        n = 0;
        for (size_t i = 0; i < a->put_off_count; i++)
            if (a->put_off[i].until_ms > now_ms && strcmp(a->put_off[i].queue, queue) == 0) {
                names[n++] = to;
                size = strlen(a->put_off[i].group) + 1;
                to = (char *)memcpy(to, a->put_off[i].group, size) + size;
            }
    }
    pthread_mutex_unlock(&a->lock);
    *count = names ? n : 0;
    return names;
}

void gf_rest_clear(gf_aggregating *a)
{
    while (a->put_off_count)
        forget(a, a->put_off_count - 1);
}
