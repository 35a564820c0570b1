// control.c - commands for one worker: told once, in order, also when its watch is late.
#include "fixture.h"
#include "suites.h"
#include "util/clock.h"
#include "util/thread.h"

typedef struct heard {
    pthread_mutex_t lock;
    char            text[512];
} heard;

static void note(void *arg, const char *command)
{
    heard *h = arg;
    pthread_mutex_lock(&h->lock);
    size_t used = strlen(h->text);
    snprintf(h->text + used, sizeof h->text - used, "%s%s", used ? " " : "", command);
    pthread_mutex_unlock(&h->lock);
}

static const char *text_of(heard *h)
{
    static char copy[512];
    pthread_mutex_lock(&h->lock);
    snprintf(copy, sizeof copy, "%s", h->text);
    pthread_mutex_unlock(&h->lock);
    return copy;
}

static bool hears(heard *h, const char *text)
{
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
    while (strcmp(text_of(h), text) != 0 && gf_mono_ms() < end_ms)
        gf_sleep_us(1000);
    (void)store_heard(strcmp(text_of(h), text) == 0);
    return CHECK_STR(text_of(h), text);
}

static gf_watch *watch(gf_broker *b, const char *worker, heard *h)
{
    gf_watch *w = NULL;
    *h = (heard){ .text = "" };
    pthread_mutex_init(&h->lock, NULL);
    CHECK_OK(b->ops->live->watch_open(
        b, worker, &(gf_watch_callbacks){ .arg = h, .control = note }, &w));
    return w;
}

static void unwatch(gf_broker *b, gf_watch *w, heard *h)
{
    if (w)
        b->ops->live->watch_close(w);
    pthread_mutex_destroy(&h->lock);
}

static gf_broker *open_or_skip(void)
{
    gf_broker *b = store_open();
    if (b->ops->live->control)
        return b;
    store_close(b);
    SKIP("not built");
}

static void commands_come_once_and_in_order(void)
{
    gf_broker *b = open_or_skip(), *other = store_is_shared() ? store_again() : b;
    heard h;
    gf_watch *w = watch(b, "w", &h);
    CHECK_OK(other->ops->live->control(other, "w", "concurrency=8"));
    CHECK_OK(other->ops->live->control(other, "w", "state=quiet"));
    CHECK_OK(other->ops->live->control(other, "w", "state=active"));
    hears(&h, "concurrency=8 state=quiet state=active");
    worker_register(b, "w");                               // the heartbeat brings nothing again
    CHECK_OK(other->ops->live->control(other, "w", "last"));
    hears(&h, "concurrency=8 state=quiet state=active last");
    unwatch(b, w, &h);
    if (other != b)
        gf_broker_close(other);
    store_close(b);
}

static void commands_wait_for_a_watch(void)
{
    gf_broker *b = open_or_skip();
    heard h;
    CHECK_OK(b->ops->live->control(b, "w", "one"));
    CHECK_OK(b->ops->live->control(b, "w", "two"));
    gf_watch *w = watch(b, "w", &h);
    worker_register(b, "w");
    hears(&h, "one two");
    unwatch(b, w, &h);
    store_close(b);
}

static void only_the_worker_meant_hears(void)
{
    gf_broker *b = open_or_skip();
    heard h[2];
    worker_register(b, "v");
    gf_watch *w = watch(b, "w", &h[0]), *v = watch(b, "v", &h[1]);
    CHECK_OK(b->ops->live->control(b, "v", "for-v"));
    CHECK_OK(b->ops->live->control(b, "w", "for-w"));
    hears(&h[0], "for-w");
    hears(&h[1], "for-v");
    unwatch(b, w, &h[0]);
    unwatch(b, v, &h[1]);
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "v"));
    store_close(b);
}

static void a_worker_that_is_gone_takes_no_commands(void)
{
    gf_broker *b = open_or_skip();
    CHECK_STATUS(b->ops->live->control(b, "none", "x"), GOFER_ENOTFOUND);
    worker_register(b, "v");
    CHECK_OK(b->ops->live->control(b, "v", "x"));
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "v"));
    CHECK_STATUS(b->ops->live->control(b, "v", "x"), GOFER_ENOTFOUND);
    // One of that name that comes later is not told what was meant for the one before.
    heard h;
    worker_register(b, "v");
    gf_watch *v = watch(b, "v", &h);
    CHECK_OK(b->ops->live->control(b, "v", "new"));
    hears(&h, "new");
    unwatch(b, v, &h);
    CHECK_OK(b->ops->upkeep->worker_deregister(b, "v"));
    store_close(b);
}

suite suite_control(void)
{
    static const check_test tests[] = {
        TEST(commands_come_once_and_in_order),
        TEST(commands_wait_for_a_watch),
        TEST(only_the_worker_meant_hears),
        TEST(a_worker_that_is_gone_takes_no_commands),
    };
    return (suite){ tests, COUNT(tests) };
}
