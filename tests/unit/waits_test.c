// waits_test.c - gofer_waits: the ends of many tasks, by one thread. On a file of its own, or on
// the store that GOFER_TEST_REDIS names.
#include "gofer/gofer.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include "check.h"
#include "util/clock.h"

enum { PATIENCE_MS = 300000, MANY = 2000 };

typedef struct rig {
    gofer_client *client, *other;          // of who waits, and of the worker
    gofer_worker *worker;
    gofer_waits  *waits;
    char          folder[64];              // "": on Redis
    char          queue[64];
    _Atomic int   gate;
} rig;

static rig r;

static void set_up(void)
{
    static int number;
    const char *redis = getenv("GOFER_TEST_REDIS");
    char url[128];
    r = (rig){ 0 };
    if (!redis) {
        snprintf(r.folder, sizeof r.folder, "/tmp/gofer-waits-XXXXXX");
        REQUIRE(mkdtemp(r.folder) != NULL);
        snprintf(url, sizeof url, "sqlite:%s/tasks.db", r.folder);
    }
    snprintf(r.queue, sizeof r.queue, "waits-%ld-%d", (long)getpid(), ++number);
    REQUIRE_OK(gofer_client_open(&r.client, redis ? redis : url, NULL));
    REQUIRE_OK(gofer_client_open(&r.other, redis ? redis : url, NULL));
    REQUIRE_OK(gofer_waits_open(&r.waits, r.client));
}

static void tear_down(void)
{
    char command[96];
    atomic_store(&r.gate, 1);
    gofer_waits_close(r.waits);
    gofer_worker_free(r.worker);
    gofer_status st = gofer_client_queue_delete(r.other, r.queue, 1);
    CHECK(st == GOFER_OK || st == GOFER_ENOTFOUND);
    gofer_client_close(r.other);
    gofer_client_close(r.client);
    snprintf(command, sizeof command, "rm -rf '%s'", r.folder);
    CHECK(!*r.folder || system(command) == 0);
}

// By its type: "done" leaves its payload, the others end otherwise.
static int32_t act(gofer_task *task, void *user)
{
    (void)user;
    size_t size = 0;
    const void *payload = gofer_task_payload(task, &size);
    while (!atomic_load(&r.gate) && gofer_task_cancelled(task) == GOFER_CANCEL_NONE)
        gf_sleep_us(1000);
    if (strcmp(gofer_task_type(task), "dead") == 0)
        return gofer_task_skip_retry(task, "never");
    if (strcmp(gofer_task_type(task), "drop") == 0)
        return gofer_task_revoke(task, "not wanted");
    CHECK_OK(gofer_task_result(task, payload, size));
    return GOFER_DONE;
}

static void start(void)
{
    REQUIRE_OK(gofer_worker_new(&r.worker, r.other));
    REQUIRE_OK(gofer_worker_queue(r.worker, r.queue, 1));
    REQUIRE_OK(gofer_worker_handle(r.worker, "*", act, NULL, NULL));
    REQUIRE_OK(gofer_worker_start(r.worker));
}

static void enqueue(const char *type, const char *id, int64_t retention_ms)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.queue = r.queue;
    opts.task_id = id;
    opts.retention_ms = retention_ms;
    REQUIRE_OK(gofer_client_enqueue(r.other, type, id, strlen(id), &opts, NULL));
}

// The next that is told: tag and status; its outcome, "" if there is none, and its result.
typedef struct told { int64_t tag; gofer_status how; char outcome[32], result[32]; } told;

static told next(void)
{
    told t = { .tag = -1 };
    gofer_info *end = NULL;
    size_t size = 0;
    if (!CHECK_OK(gofer_waits_next(r.waits, PATIENCE_MS, &t.tag, &t.how, &end)))
        longjmp(check_state.leave, 1);
    const char *result = end ? gofer_info_bytes(end, "result", &size) : NULL;
    CHECK_INT(end != NULL, t.how == GOFER_OK);
    snprintf(t.outcome, sizeof t.outcome, "%s", end ? gofer_info_text(end, "outcome") : "");
    snprintf(t.result, sizeof t.result, "%.*s", (int)size, result ? result : "");
    gofer_info_free(end);
    return t;
}

static void check_nothing_more(void)
{
    told t;
    gofer_info *end = NULL;
    CHECK_STATUS(gofer_waits_next(r.waits, 50, &t.tag, &t.how, &end), GOFER_ETIMEOUT);
}

// When it is told, those that were added before it are waited for.
static void wait_until_begun(int64_t tag)
{
    CHECK_OK(gofer_waits_add(r.waits, r.queue, "nobody", tag));
    told t = next();
    CHECK_INT(t.tag, tag);
    CHECK_STATUS(t.how, GOFER_ENOTFOUND);
}

static int count_threads(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    while (folder && readdir(folder))
        count++;
    if (folder)
        closedir(folder);
    return count;
}

static const char *const types[] = { "done", "done", "dead", "drop" };
static const char *const outcomes[] = { "done", "done", "archived", "revoked" };

static void check_told(const told *t, const char *id)
{
    size_t kind = (size_t)t->tag % MANY % COUNT(types);
    CHECK_STATUS(t->how, GOFER_OK);
    CHECK_STR(t->outcome, outcomes[kind]);
    CHECK_STR(t->result, kind < 2 ? id : "");
}

// Half of them are not kept, and every eighth is waited for twice. Every seventh is waited for no
// more before it ends.
static void each_of_thousands_is_told_once(void)
{
    static int seen[2 * MANY];
    char id[32];
    size_t expected = 0;
    set_up();
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "t%d", i);
        enqueue(types[(size_t)i % COUNT(types)], id, i % 2 ? 3600000 : 0);
    }
    int threads = count_threads();
    for (int i = 0; i < MANY; i++) {
        snprintf(id, sizeof id, "t%d", i);
        CHECK_OK(gofer_waits_add(r.waits, i % 100 ? r.queue : NULL, id, i));
        if (i % 8 == 0)
            CHECK_OK(gofer_waits_add(r.waits, r.queue, id, MANY + i));
        expected += (i % 7 ? 1 : 0) + (i % 8 ? 0 : 1);
    }
    wait_until_begun(-2);
    CHECK_INT(count_threads(), threads);
    for (int i = 0; i < MANY; i += 7)
        CHECK_OK(gofer_waits_remove(r.waits, i));
    start();
    atomic_store(&r.gate, 1);
    for (; expected > 0; expected--) {
        told t = next();
        REQUIRE(t.tag >= 0 && t.tag < 2 * MANY);
        snprintf(id, sizeof id, "t%d", (int)(t.tag % MANY));
        CHECK_INT(++seen[t.tag], 1);
        CHECK(t.tag >= MANY || t.tag % 7);
        check_told(&t, id);
    }
    check_nothing_more();
    tear_down();
}

static void what_has_ended_and_what_is_not_there_is_told_at_once(void)
{
    set_up();
    atomic_store(&r.gate, 1);
    start();
    enqueue("done", "kept", 3600000);
    CHECK_OK(gofer_waits_add(r.waits, NULL, "kept", 1));
    told t = next();
    CHECK_STR(t.result, "kept");
    CHECK_OK(gofer_waits_add(r.waits, r.queue, "kept", 2));
    CHECK_STR((t = next()).outcome, "done");
    CHECK_INT(t.tag, 2);
    CHECK_OK(gofer_waits_add(r.waits, NULL, "nobody", 3));
    CHECK_STATUS((t = next()).how, GOFER_ENOTFOUND);
    CHECK_HAS(gofer_error_last(), "nobody");
    // An id that gofer makes: there was such a task, so it has ended.
    CHECK_OK(gofer_waits_add(r.waits, NULL, "0190c000-0000-7000-8000-000000000000", 4));
    CHECK_STR((t = next()).outcome, "gone");
    check_nothing_more();
    tear_down();
}

static bool is_readable(void)
{
    struct pollfd fd = { .fd = gofer_waits_fd(r.waits), .events = POLLIN };
    return poll(&fd, 1, 0) == 1;
}

static void the_descriptor_is_readable_while_there_is_something_to_tell(void)
{
    set_up();
    CHECK(!is_readable());
    CHECK_OK(gofer_waits_add(r.waits, r.queue, "one", 1));
    CHECK_OK(gofer_waits_add(r.waits, r.queue, "two", 2));
    struct pollfd fd = { .fd = gofer_waits_fd(r.waits), .events = POLLIN };
    CHECK_INT(poll(&fd, 1, PATIENCE_MS), 1);
    next();
    next();
    CHECK(!is_readable());
    CHECK_OK(gofer_waits_add(r.waits, r.queue, "three", 3));
    CHECK_INT(poll(&fd, 1, PATIENCE_MS), 1);
    CHECK_OK(gofer_waits_remove(r.waits, 3));
    CHECK(!is_readable());
    check_nothing_more();
    tear_down();
}

// The end of a task that nobody waits for at the moment, but somebody has a moment ago.
static void who_waits_again_soon_misses_nothing(void)
{
    set_up();
    enqueue("done", "t", 0);
    CHECK_OK(gofer_waits_add(r.waits, r.queue, "t", 1));
    wait_until_begun(2);
    CHECK_OK(gofer_waits_remove(r.waits, 1));
    gofer_waits_close(r.waits);
    REQUIRE_OK(gofer_waits_open(&r.waits, r.client));
    atomic_store(&r.gate, 1);
    start();
    gofer_info *queue = NULL;
    int64_t left = 1, end_ms = gf_mono_ms() + PATIENCE_MS;
    while (left > 0 && gf_mono_ms() < end_ms && gofer_client_queue(r.other, r.queue, &queue) == 0) {
        left = gofer_info_int(queue, "pending", 0) + gofer_info_int(queue, "active", 0);
        gofer_info_free(queue);
        gf_sleep_us(1000);
    }
    CHECK_OK(gofer_waits_add(r.waits, r.queue, "t", 3));
    told t = next();
    CHECK_INT(t.tag, 3);
    CHECK_STR(t.result, "t");
    tear_down();
}

static void *interrupt(void *over)
{
    while (!atomic_load((_Atomic int *)over)) {
        CHECK_OK(gofer_client_interrupt(r.client));
        gf_sleep_us(20000);
    }
    return NULL;
}

static void it_can_be_interrupted_and_refuses_nonsense(void)
{
    pthread_t thread;
    _Atomic int over = 0;
    told t;
    gofer_info *end = NULL;
    gofer_waits *none = NULL;
    set_up();
    enqueue("done", "t", 0);
    CHECK_OK(gofer_waits_add(r.waits, r.queue, "t", 1));
    REQUIRE(pthread_create(&thread, NULL, interrupt, &over) == 0);
    CHECK_STATUS(gofer_waits_next(r.waits, -1, &t.tag, &t.how, &end), GOFER_ETIMEOUT);
    atomic_store(&over, 1);
    pthread_join(thread, NULL);
    CHECK_STATUS(gofer_waits_open(NULL, r.client), GOFER_EINVAL);
    CHECK_STATUS(gofer_waits_open(&none, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_waits_add(NULL, r.queue, "t", 1), GOFER_EINVAL);
    CHECK_STATUS(gofer_waits_add(r.waits, "a{b", "t", 1), GOFER_EINVAL);
    CHECK_STATUS(gofer_waits_add(r.waits, NULL, "", 1), GOFER_EINVAL);
    CHECK_STATUS(gofer_waits_add(r.waits, NULL, NULL, 1), GOFER_EINVAL);
    CHECK_STATUS(gofer_waits_remove(NULL, 1), GOFER_EINVAL);
    CHECK_STATUS(gofer_waits_next(r.waits, 0, NULL, &t.how, &end), GOFER_EINVAL);
    CHECK_OK(gofer_waits_remove(r.waits, 77));
    CHECK_INT(gofer_waits_fd(NULL), -1);
    gofer_waits_close(NULL);
    tear_down();                           // with a wait that has not ended
}

static void *add_and_remove(void *arg)
{
    int64_t first = *(const int *)arg * 1000;
    for (int64_t i = 0; i < 500; i++) {
        CHECK_OK(gofer_waits_add(r.waits, r.queue, i % 3 ? "t" : "nobody", first + i));
        if (i % 2)
            CHECK_OK(gofer_waits_remove(r.waits, first + i - i % 4));
    }
    return NULL;
}

static void any_threads_may_add_and_remove(void)
{
    enum { THREADS = 4 };
    pthread_t threads[THREADS];
    int numbers[THREADS];
    set_up();
    enqueue("done", "t", 0);
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        REQUIRE(pthread_create(&threads[i], NULL, add_and_remove, &numbers[i]) == 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&r.gate, 1);
    start();
    CHECK_OK(gofer_waits_add(r.waits, r.queue, "nobody", -2));
    for (told t = next(); t.tag != -2; t = next())
        CHECK(t.how == GOFER_OK || t.how == GOFER_ENOTFOUND);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(each_of_thousands_is_told_once),
        TEST(what_has_ended_and_what_is_not_there_is_told_at_once),
        TEST(the_descriptor_is_readable_while_there_is_something_to_tell),
        TEST(who_waits_again_soon_misses_nothing),
        TEST(it_can_be_interrupted_and_refuses_nonsense),
        TEST(any_threads_may_add_and_remove),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
