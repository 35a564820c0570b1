// cancel.c - requests to stop a running task: who may be asked, and who hears of it.
#include "fixture.h"
#include "suites.h"
#include "util/clock.h"
#include "util/thread.h"

// What a watch was told, in order.
typedef struct heard {
    pthread_mutex_t lock;
    int             count;
    char            ids[512];
} heard;

static void note(void *arg, const char *queue, const char *id)
{
    heard *h = arg;
    pthread_mutex_lock(&h->lock);
    CHECK(!queue || strcmp(queue, "q") == 0);
    h->count++;
    if (strlen(h->ids) + strlen(id) + 2 < sizeof h->ids) {
        strcat(h->ids, " ");
        strcat(h->ids, id);
    }
    pthread_mutex_unlock(&h->lock);
}

static bool has_heard(heard *h, const char *id)
{
    char word[300];
    snprintf(word, sizeof word, " %s", id);
    pthread_mutex_lock(&h->lock);
    bool found = strstr(h->ids, word) != NULL;
    pthread_mutex_unlock(&h->lock);
    return found;
}

static bool hears(heard *h, const char *id)
{
    int64_t end_ms = gf_mono_ms() + PATIENCE_MS;
    while (!has_heard(h, id) && gf_mono_ms() < end_ms)
        gf_sleep_us(1000);
    return store_heard(has_heard(h, id));
}

static gf_watch *watch(gf_broker *b, heard *h)
{
    gf_watch *w = NULL;
    *h = (heard){ .count = 0 };
    pthread_mutex_init(&h->lock, NULL);
    CHECK_OK(
        b->ops->live->watch_open(b, NULL, &(gf_watch_callbacks){ .arg = h, .cancel = note }, &w));
    return w;
}

static void unwatch(gf_broker *b, gf_watch *w, heard *h)
{
    if (w)
        b->ops->live->watch_close(w);
    pthread_mutex_destroy(&h->lock);
}

static bool extension_tells(gf_broker *b, gf_claim *claim)
{
    gf_lease lease = { .claim = claim };
    CHECK_OK(b->ops->tasks->extend(b, &lease, 1, LEASE_MS));
    CHECK_STATUS(lease.status, GOFER_OK);
    return lease.cancel;
}

// Asked for by name among others, too, and by whichever of them runs.
static void those_named_in_one_call_are_heard_of(void)
{
    static const char *const ids[] = { "waits", "runs", "none", "too" };
    static const gofer_status want[] = { GOFER_OK, GOFER_OK, GOFER_ENOTFOUND, GOFER_OK };
    gofer_status got[COUNT(ids)];
    heard h;
    gf_broker *b = store_open();
    put(b, "q", "runs");
    put(b, "q", "too");
    gf_claim *one = need_one(b, "q", "runs"), *two = need_one(b, "q", "too");
    put(b, "q", "waits");
    gf_watch *w = watch(b, &h);
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_CANCEL, ids, COUNT(ids), got));
    for (size_t i = 0; i < COUNT(ids); i++)
        CHECK_INT(got[i], want[i]);
    CHECK(hears(&h, "runs"));
    CHECK(hears(&h, "too"));
    CHECK(!has_heard(&h, "waits"));
    CHECK(extension_tells(b, one));
    CHECK(extension_tells(b, two));
    CHECK_STR(task_state(b, "q", "waits"), "archived");
    unwatch(b, w, &h);
    done(b, one);
    done(b, two);
    store_close(b);
    store_check_sound();
}

static void what_is_not_there_cannot_be_cancelled(void)
{
    gf_broker *b = store_open();
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_CANCEL, "none"), GOFER_ENOTFOUND);
    put(b, "q", "one");
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_CANCEL, "none"), GOFER_ENOTFOUND);
    CHECK_STATUS(gf_act_one(b, "other", GF_ACT_CANCEL, "one"), GOFER_ENOTFOUND);
    gf_claim *claim = need_one(b, "q", "one");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "one"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "one"));
    CHECK_STR(task_state(b, "q", "one"), "active");
    done(b, claim);
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_CANCEL, "one"), GOFER_ENOTFOUND);
    store_close(b);
}

static void a_watch_is_told_of_each_request(void)
{
    heard h;
    gf_broker *b = store_open();
    gf_watch *w = watch(b, &h);
    put(b, "q", "one");
    put(b, "q", "two");
    gf_claim *one = need_one(b, "q", "one"), *two = need_one(b, "q", "two");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "one"));
    CHECK(hears(&h, "one"));
    CHECK(!has_heard(&h, "two"));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "two"));
    CHECK(hears(&h, "two"));
    unwatch(b, w, &h);
    done(b, one);
    done(b, two);
    store_close(b);
}

static void every_handle_is_told(void)
{
    if (!store_is_shared())
        OMIT("one handle only");
    heard h[2];
    gf_broker *b = store_open(), *other = store_again();
    gf_watch *w[2] = { watch(b, &h[0]), watch(other, &h[1]) };
    put(b, "q", "one");
    gf_claim *claim = need_one(b, "q", "one");
    CHECK_OK(gf_act_one(other, "q", GF_ACT_CANCEL, "one"));
    CHECK(hears(&h[0], "one"));
    CHECK(hears(&h[1], "one"));
    unwatch(other, w[1], &h[1]);
    // The one that is left goes on.
    put(b, "q", "two");
    gf_claim *two = need_one(b, "q", "two");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "two"));
    CHECK(hears(&h[0], "two"));
    unwatch(b, w[0], &h[0]);
    done(b, claim);
    done(b, two);
    store_close(other);
    store_close(b);
}

static void the_next_extension_tells_who_missed_it(void)
{
    gf_broker *b = store_open();
    put(b, "q", "one");
    put(b, "q", "two");
    gf_claim *one = need_one(b, "q", "one"), *two = need_one(b, "q", "two");
    CHECK(!extension_tells(b, one));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "one"));
    CHECK(extension_tells(b, one));
    CHECK(extension_tells(b, one));
    CHECK(!extension_tells(b, two));
    done(b, one);
    done(b, two);
    store_close(b);
}

static void a_request_ends_with_the_run_it_was_for(void)
{
    gf_broker *b = store_open();
    put(b, "q", "one");
    gf_claim *claim = need_one(b, "q", "one");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "one"));
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_ARCHIVE, .is_failure = true,
        .error = "e" }));
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "one"));
    claim = need_one(b, "q", "one");
    CHECK(!extension_tells(b, claim));
    done(b, claim);
    store_close(b);
}

// Nobody has heard the request before the run ended: it is not lost for that.
static void what_was_asked_to_stop_does_not_run_again(void)
{
    static const gf_finish again[] = {
        { .outcome = GF_RETRY_AT, .is_failure = true, .at_ms = 1, .error = "e" },
            { .outcome = GF_REQUEUE },
    };
    gf_broker *b = store_open();
    for (size_t i = 0; i < COUNT(again); i++) {
        gf_finish f = again[i];
        put(b, "q", "one");
        put(b, "q", "two");
        gf_claim *one = need_one(b, "q", "one"), *two = need_one(b, "q", "two");
        CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "one"));
        gf_finish both[] = { f, f };
        both[0].claim = one;
        both[1].claim = two;
        CHECK_OK(b->ops->tasks->exchange(b, both, 2, NULL));
        CHECK_STATUS(both[0].status, GOFER_ESTATE);
        CHECK_OK(both[1].status);
        CHECK_STR(task_state(b, "q", "one"), "active");
        CHECK_OK(finish(b, one, (gf_finish){ .outcome = GF_CANCELLED, .error = "cancelled" }));
        CHECK_STR(task_state(b, "q", "one"), "archived");
        gf_claim_free(two);
        CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "one"));
        CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "two"));
    }
    store_check_sound();
    store_close(b);
}

static void a_closed_watch_is_told_nothing(void)
{
    heard h;
    gf_broker *b = store_open();
    for (int i = 0; i < 20; i++) {
        gf_watch *w = watch(b, &h);
        unwatch(b, w, &h);
    }
    gf_watch *w = watch(b, &h);
    put(b, "q", "one");
    gf_claim *claim = need_one(b, "q", "one");
    b->ops->live->watch_close(w);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "one"));
    CHECK_INT(h.count, 0);
    unwatch(b, NULL, &h);
    done(b, claim);
    store_close(b);
}

suite suite_cancel(void)
{
    static const check_test tests[] = {
        TEST(those_named_in_one_call_are_heard_of),
        TEST(what_is_not_there_cannot_be_cancelled),
        TEST(a_watch_is_told_of_each_request),
        TEST(every_handle_is_told),
        TEST(the_next_extension_tells_who_missed_it),
        TEST(a_request_ends_with_the_run_it_was_for),
        TEST(what_was_asked_to_stop_does_not_run_again),
        TEST(a_closed_watch_is_told_nothing),
    };
    return (suite){ tests, COUNT(tests) };
}
