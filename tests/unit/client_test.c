// client_test.c - what the public doors check before they ask the store, and what they promise.
#include "gofer/gofer.h"

#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static gofer_client *open_memory(void)
{
    gofer_client *c = NULL;
    REQUIRE_OK(gofer_client_open(&c, "memory:", NULL));
    return c;
}

static void bad_urls_say_what_and_what_to_do(void)
{
    static const struct { const char *url; gofer_status want; const char *text; } cases[] = {
        { "tasks", GOFER_EINVAL, "sqlite:tasks.db" },
        { "ftp://x", GOFER_EUNSUPPORTED, "'ftp'" },
        { "sqlite:/no/such/folder/x.db", GOFER_EBROKER, "/no/such/folder" },
        { "amqp://u:secret@h", GOFER_EUNSUPPORTED, "u:***@h" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_client *c = NULL;
        gofer_status st = gofer_client_open(&c, cases[i].url, NULL);
        CHECK(st < 0 && (st == cases[i].want || cases[i].want == GOFER_EBROKER));
        CHECK_HAS(gofer_error_last(), cases[i].text);
        CHECK(c == NULL && strstr(gofer_error_last(), "secret") == NULL);
    }
    CHECK_STATUS(gofer_client_open(NULL, "memory:", NULL), GOFER_EINVAL);
}

static void bad_enqueue_options_are_refused_and_name_the_culprit(void)
{
    static const char *const odd[] = { "k", NULL };
    char long_name[300];
    memset(long_name, 'x', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    const struct { gofer_enqueue_options o; const char *type; const char *text; } cases[] = {
        { { .run_at_ms = 1, .delay_ms = 1 }, "t", "choose one" },
        { { .run_at_ms = -1 }, "t", "run_at_ms" },
        { { .delay_ms = -1 }, "t", "delay_ms" },
        { { .delay_ms = INT64_MAX }, "t", "delay_ms" },
        { { .timeout_ms = -2 }, "t", "timeout_ms" },
        { { .deadline_ms = INT64_MAX }, "t", "deadline_ms" },
        { { .retention_ms = -1 }, "t", "retention_ms" },
        { { .max_retry = -2 }, "t", "max_retry" },
        { { .queue = "" }, "t", "queue name" },
        { { .queue = "a{b" }, "t", "'{'" },
        { { .queue = long_name }, "t", "over 255 bytes" },
        { { .task_id = "" }, "t", "task id" },
        { { .headers = odd }, "t", "header 'k'" },
        { { .queue = "q" }, "", "task type" },
        { { .queue = "q" }, NULL, "task type" },
        { { .queue = "q" }, "a\xFF", "UTF-8" },
    };
    gofer_client *c = open_memory();
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_enqueue_options o = cases[i].o;
        o.size = sizeof o;
        char *id = (char *)"untouched";
        CHECK_STATUS(gofer_client_enqueue(c, cases[i].type, "p", 1, &o, &id), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), cases[i].text);
        CHECK_STR(id, "untouched");
    }
    gofer_info *queues;
    REQUIRE_OK(gofer_client_queues(c, &queues));
    CHECK_INT(gofer_info_count(queues), 0);
    gofer_info_free(queues);
    gofer_client_close(c);
}

static void payloads_over_the_limit_are_refused(void)
{
    gofer_client_options o;
    gofer_client_options_init(&o);
    o.max_payload = 1000;
    gofer_client *c = NULL;
    REQUIRE_OK(gofer_client_open(&c, "memory:", &o));
    char payload[1001] = { 0 };
    CHECK_OK(gofer_client_enqueue(c, "t", payload, 1000, NULL, NULL));
    CHECK_STATUS(gofer_client_enqueue(c, "t", payload, 1001, NULL, NULL), GOFER_ETOOBIG);
    CHECK_HAS(gofer_error_last(), "1001 bytes");
    CHECK_STATUS(gofer_client_enqueue(c, "t", NULL, 1, NULL, NULL), GOFER_EINVAL);
    gofer_client_close(c);
}

static void a_repeat_with_the_same_id_adds_nothing(void)
{
    gofer_client *c = open_memory();
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.task_id = "one";
    char *id = NULL;
    CHECK_OK(gofer_client_enqueue(c, "t", "a", 1, &o, &id));
    CHECK_STR(id, "one");
    gofer_free(id);
    CHECK_OK(gofer_client_enqueue(c, "t", "a", 1, &o, NULL));
    CHECK_STATUS(gofer_client_enqueue(c, "t", "b", 1, &o, NULL), GOFER_EEXIST);
    CHECK_HAS(gofer_error_last(), "'one'");

    gofer_info *q;
    REQUIRE_OK(gofer_client_queue(c, "default", &q));
    CHECK_INT(gofer_info_int(q, "pending", -1), 1);
    gofer_info_free(q);
    gofer_client_close(c);
}

static void each_task_of_a_batch_has_its_own_fate(void)
{
    enum { N = 600 };                       // several chunks
    static const char *types[N];
    static const void *payloads[N];
    static size_t sizes[N];
    static const gofer_enqueue_options *opts[N];
    static gofer_status statuses[N];
    static char *ids[N];
    gofer_enqueue_options taken, bad;
    gofer_enqueue_options_init(&taken);
    gofer_enqueue_options_init(&bad);
    taken.task_id = "taken";
    bad.delay_ms = -5;
    for (int i = 0; i < N; i++) {
        types[i] = "t";
        payloads[i] = "x";
        sizes[i] = 1;
    }
    opts[300] = &taken;
    opts[500] = &bad;

    gofer_client *c = open_memory();
    REQUIRE_OK(gofer_client_enqueue(c, "other", "y", 1, &taken, NULL));
    CHECK_STATUS(gofer_client_enqueue_many(c, N, types, payloads, sizes, opts, statuses, ids), GOFER_EEXIST);
    int in = 0;
    for (int i = 0; i < N; i++) {
        CHECK_INT(statuses[i], i == 300 ? GOFER_EEXIST : i == 500 ? GOFER_EINVAL : GOFER_OK);
        CHECK_INT(ids[i] != NULL, statuses[i] == GOFER_OK);
        in += statuses[i] == GOFER_OK;
        gofer_free(ids[i]);
    }
    gofer_info *q;
    REQUIRE_OK(gofer_client_queue(c, "default", &q));
    CHECK_INT(gofer_info_int(q, "pending", -1), in + 1);
    gofer_info_free(q);
    gofer_client_close(c);
}

static void options_of_a_newer_caller_are_refused_not_ignored(void)
{
    struct { gofer_enqueue_options known; int64_t future; } newer;
    memset(&newer, 0, sizeof newer);
    newer.known.size = sizeof newer;
    gofer_client *c = open_memory();
    CHECK_OK(gofer_client_enqueue(c, "t", NULL, 0, &newer.known, NULL));
    newer.future = 1;
    CHECK_STATUS(gofer_client_enqueue(c, "t", NULL, 0, &newer.known, NULL), GOFER_EUNSUPPORTED);

    // An older caller knows fewer fields: those past its size are not read.
    gofer_enqueue_options older;
    memset(&older, 0xFF, sizeof older);
    older.size = offsetof(gofer_enqueue_options, task_id);
    older.queue = "q";
    CHECK_OK(gofer_client_enqueue(c, "t", NULL, 0, &older, NULL));
    older.size = 0;
    CHECK_STATUS(gofer_client_enqueue(c, "t", NULL, 0, &older, NULL), GOFER_EINVAL);
    gofer_client_close(c);
}

static void a_forked_child_is_told_and_harms_nothing(void)
{
    gofer_client *c = open_memory();
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        int good = gofer_client_enqueue(c, "t", NULL, 0, NULL, NULL) == GOFER_EFORKED &&
                   gofer_client_ping(c) == GOFER_EFORKED;
        gofer_client_close(c);
        _exit(good ? 0 : 1);
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK_OK(gofer_client_enqueue(c, "t", NULL, 0, NULL, NULL));
    gofer_client_close(c);
}

static void inspection_doors_check_their_arguments(void)
{
    gofer_client *c = open_memory();
    gofer_info *info = NULL;
    CHECK_STATUS(gofer_client_tasks(c, "q", "waiting", NULL, 0, &info), GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "'waiting' is not a state");
    CHECK_STATUS(gofer_client_tasks(c, "q", "pending", NULL, 1001, &info), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_tasks(c, "q", "pending", NULL, 0, &info), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_queue(c, "q", &info), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_task(c, NULL, "no-such", &info), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_task_run(c, NULL, "no-such"), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_history(c, NULL, 0, &info), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_queues(c, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_queues(NULL, &info), GOFER_EINVAL);
    int64_t count;
    CHECK_STATUS(gofer_client_tasks_run(c, "q", "completed", &count), GOFER_ESTATE);
    CHECK_STATUS(gofer_client_tasks_archive(c, "q", "active", &count), GOFER_ESTATE);
    CHECK_STATUS(gofer_client_tasks_delete(c, "q", "active", &count), GOFER_ESTATE);
    CHECK(info == NULL);
    gofer_client_close(c);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(bad_urls_say_what_and_what_to_do), TEST(bad_enqueue_options_are_refused_and_name_the_culprit),
        TEST(payloads_over_the_limit_are_refused), TEST(a_repeat_with_the_same_id_adds_nothing),
        TEST(each_task_of_a_batch_has_its_own_fate), TEST(options_of_a_newer_caller_are_refused_not_ignored),
        TEST(a_forked_child_is_told_and_harms_nothing), TEST(inspection_doors_check_their_arguments),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
