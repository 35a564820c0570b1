// share.c - a store that several threads and processes share.
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "fixture.h"
#include "suites.h"
#include "util/clock.h"

static gf_broker *inherited;
static gf_claim *inherited_claim;

static int use_inherited(int in, int out)
{
    (void)in, (void)out;
    gf_broker *b = inherited;
    gf_message m = message("q", "child");
    gofer_info *info;
    size_t n;
    int64_t next;
    gf_waiter *w;
    CHECK_STATUS(put_message(b, &m, 0), GOFER_EFORKED);
    CHECK_STATUS(b->ops->inspect->queues(b, NULL, &info), GOFER_EFORKED);
    CHECK_STATUS(b->ops->upkeep->forward(b, 1, &n, &next), GOFER_EFORKED);
    CHECK_STATUS(b->ops->ping(b), GOFER_EFORKED);
    CHECK_STATUS(b->ops->upkeep->tidy(b), GOFER_EFORKED);
    CHECK_STATUS(b->ops->upkeep->clock(b, &next), GOFER_EFORKED);
    CHECK_STATUS(b->ops->tasks->waiter_open(b, NULL, 0, &w), GOFER_EFORKED);
    CHECK_STATUS(b->ops->upkeep->worker_deregister(b, "w"), GOFER_EFORKED);
    gf_finish f = { .claim = inherited_claim, .outcome = GF_DONE };
    CHECK_STATUS(b->ops->tasks->exchange(b, &f, 1, NULL), GOFER_EFORKED);
    if (store_is_file()) {              // SQLite's tables of it are its parent's, closed or not
        CHECK_STATUS(store_try(store_url(), &b), GOFER_EFORKED);
        CHECK_HAS(gofer_error_last(), "close it before fork");
    }
    gf_broker_close(inherited);
    if (store_is_file()) {
        CHECK_STATUS(store_try(store_url(), &b), GOFER_EFORKED);
        return 0;
    }
    b = store_again();                                  // its own handle works
    put(b, "q", "child");
    gf_broker_close(b);
    return 0;
}

static int open_and_put(int in, int out)
{
    (void)in, (void)out;
    gf_broker *b = store_again();
    put(b, "q", "child");
    gf_broker_close(b);
    return 0;
}

static void a_forked_child_harms_nothing(void)
{
    gf_broker *b = inherited = store_open();
    put(b, "q", "a");
    inherited_claim = need_one(b, "q", "a");
    child c = child_start(use_inherited);
    CHECK_INT(child_end(&c), 0);
    gf_recovered r = { 0 };
    CHECK_OK(b->ops->upkeep->recover(b, 10, 3, &r));
    CHECK_INT(r.requeued, 0);                           // its close did not end our worker's life
    done(b, inherited_claim);
    drain_expecting(b, "q", store_is_file() ? "" : "child");
    store_close(b);
    c = child_start(open_and_put);      // what was closed before the fork is no trouble
    CHECK_INT(child_end(&c), 0);
    b = store_again();
    worker_register(b, "w");
    drain_expecting(b, "q", "child");
    store_close(b);
    store_check_sound();
}

enum { PUTTERS = 16, PUTS = 60 };

typedef struct putter {
    gf_broker *broker;
    int        number, acknowledged;
} putter;

static void *put_many(void *arg)
{
    putter *p = arg;
    char id[32];
    for (int i = 0; i < PUTS; i++) {
        snprintf(id, sizeof id, "t%d-%d", p->number, i);
        gf_message m = message("q", id);
        p->acknowledged += CHECK_OK(put_message(p->broker, &m, 0));
    }
    return NULL;
}

static void what_many_threads_put_is_there_after_reopening(void)
{
    gf_broker *b = store_open();
    pthread_t threads[PUTTERS];
    putter putters[PUTTERS];
    for (int i = 0; i < PUTTERS; i++) {
        putters[i] = (putter){ b, i, 0 };
        REQUIRE(pthread_create(&threads[i], NULL, put_many, &putters[i]) == 0);
    }
    for (int i = 0; i < PUTTERS; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
        CHECK_INT(putters[i].acknowledged, PUTS);
    }
    store_close(b);
    b = store_again();
    char id[32];
    for (int i = 0; i < PUTTERS; i++)
        for (int j = 0; j < PUTS; j++) {
            snprintf(id, sizeof id, "t%d-%d", i, j);
            CHECK_STR(task_state(b, "q", id), "pending");
        }
    CHECK_INT(queue_number(b, "q", "pending"), PUTTERS * PUTS);
    gf_broker_close(b);
    store_check_sound();
}

static void a_bad_operation_does_not_fail_its_neighbours(void)
{
    // An exchange of a stranger, conflicts and good puts, from many threads at once.
    gf_broker *b = store_open();
    pthread_t threads[PUTTERS];
    putter putters[PUTTERS];
    put(b, "q", "fixed");
    for (int i = 0; i < PUTTERS; i++) {
        putters[i] = (putter){ b, i, 0 };
        REQUIRE(pthread_create(&threads[i], NULL, put_many, &putters[i]) == 0);
    }
    gf_message m = message("q", "fixed");
    m.type = "another";
    for (int i = 0; i < 50; i++) {
        CHECK_STATUS(put_message(b, &m, 0), GOFER_EEXIST);
        CHECK_STATUS(gf_act_one(b, "q", GF_ACT_RUN, "nobody"), GOFER_ENOTFOUND);
        CHECK_HAS(gofer_error_last(), "nobody");
    }
    for (int i = 0; i < PUTTERS; i++)
        CHECK_INT(pthread_join(threads[i], NULL), 0);
    CHECK_INT(queue_number(b, "q", "pending"), PUTTERS * PUTS + 1);
    store_close(b);
    store_check_sound();
}

static int work_until_told(int in, int out)
{
    gf_broker *b = store_again();
    char id[40], name[32];
    snprintf(name, sizeof name, "worker-%ld", (long)getpid());
    worker_register(b, name);
    CHECK(fcntl(in, F_SETFL, O_NONBLOCK) == 0);
    char word;
    for (int n = 0; read(in, &word, 1) != 1; n++) {
        gf_claim *claims[3];
        snprintf(id, sizeof id, "t%ld-%d", (long)getpid(), n);
        gf_message m = message("q", id);
        if (put_message(b, &m, 0) == GOFER_OK)
            say(out, 'p');
        size_t count = take_for(b, name, "q", 3, LEASE_MS, claims);
        for (size_t i = 0; i < count; i++)
            if (finish(b, claims[i], (gf_finish){ .outcome = GF_DONE }) == GOFER_OK)
                say(out, 'd');
    }
    CHECK_OK(b->ops->upkeep->worker_deregister(b, name));
    gf_broker_close(b);
    return 0;
}

static void processes_that_die_at_any_moment_lose_nothing(void)
{
    enum { PROCESSES = 4, KILLS = 12 };
    gf_broker_close(store_open());
    child c[PROCESSES];
    int64_t puts = 0, dones = 0;
    for (int i = 0; i < PROCESSES; i++)
        c[i] = child_start(work_until_told);
    for (int k = 0; k < KILLS + PROCESSES; k++) {
        child *victim = &c[k % PROCESSES];
        for (int i = 0; i < 40; i++) {                  // let it get going
            char word = hear(victim->in);
            puts += word == 'p';
            dones += word == 'd';
        }
        int kept = dup(victim->in);
        if (k < KILLS) {
            child_kill(victim);
        } else {
            say(victim->out, 'q');
            CHECK_INT(child_end(victim), 0);
        }
        for (char word; (word = hear(kept)) != '\0';) {  // what it said before the end
            puts += word == 'p';
            dones += word == 'd';
        }
        close(kept);
        if (k < KILLS)
            *victim = child_start(work_until_told);
    }

    gf_broker *b = store_again();
    worker_register(b, "w");
    leases_end("q");
    gf_recovered r = { .requeued = 1, .archived = 0 };
    while (r.requeued + r.archived > 0)
        CHECK_OK(b->ops->upkeep->recover(b, 100, 1000, &r));
    int64_t left = queue_number(b, "q", "pending"),
            processed = queue_number(b, "q", "processed_total");
    CHECK_INT(queue_number(b, "q", "active"), 0);
    // Acknowledged is durable; what was done but not yet said is the victims' last word only.
    CHECK(processed >= dones && processed <= dones + KILLS);
    CHECK(left + processed >= puts && left + processed <= puts + KILLS);
    store_close(b);
    store_check_sound();
}

static const check_test tests[] = {
    TEST(a_forked_child_harms_nothing),
    TEST(what_many_threads_put_is_there_after_reopening),
    TEST(a_bad_operation_does_not_fail_its_neighbours),
    TEST(processes_that_die_at_any_moment_lose_nothing),
};

suite suite_share(void)
{
    return (suite){ tests, COUNT(tests) };
}
