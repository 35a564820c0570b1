// client_test.c - what the public doors check before they ask the store, and what they promise.
#include "gofer/gofer.h"

#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "client/client.h"

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
        { { .unique_ms = -1 }, "t", "unique_ms" },
        { { .unique_ms = INT64_MAX }, "t", "unique_ms" },
        { { .unique_key = "k" }, "t", "unique_key is given without unique_ms" },
        { { .unique_until = GOFER_UNTIL_TTL }, "t", "unique_until is given without unique_ms" },
        { { .unique_conflict = GOFER_CONFLICT_RETURN }, "t",
          "unique_conflict is given without unique_ms" },
        { { .unique_ms = 1, .unique_key = "" }, "t", "unique_key" },
        { { .unique_ms = 1, .unique_until = 3 }, "t", "unique_until is 3" },
        { { .unique_ms = 1, .unique_until = -1 }, "t", "unique_until is -1" },
        { { .unique_ms = 1, .unique_conflict = 2 }, "t", "unique_conflict is 2" },
        { { .debounce_ms = -1 }, "t", "debounce_ms" },
        { { .debounce_ms = INT64_MAX }, "t", "debounce_ms" },
        { { .debounce_ms = 1, .max_wait_ms = -1 }, "t", "max_wait_ms" },
        { { .debounce_ms = 2, .max_wait_ms = 1 }, "t", "max_wait_ms is below debounce_ms" },
        { { .max_wait_ms = 1 }, "t", "max_wait_ms is given without debounce_ms" },
        { { .debounce_key = "k" }, "t", "debounce_key is given without debounce_ms" },
        { { .debounce_mode = 1 }, "t", "debounce_mode is given without debounce_ms" },
        { { .debounce_ms = 1, .debounce_mode = 3 }, "t", "debounce_mode is 3" },
        { { .debounce_ms = 1, .debounce_mode = -1 }, "t", "debounce_mode is -1" },
        { { .debounce_ms = 1, .debounce_key = "" }, "t", "debounce_key" },
        { { .debounce_ms = 1, .debounce_key = "a\nb" }, "t", "debounce_key" },
        { { .debounce_ms = 1, .unique_ms = 1 }, "t", "debounce_ms and unique_ms are both given" },
        { { .debounce_ms = 1, .group = "g" }, "t", "debounce_ms and group are both given" },
        { { .debounce_ms = 1, .run_at_ms = 1 }, "t", "debounce_ms and run_at_ms are both given" },
        { { .debounce_ms = 1, .delay_ms = 1 }, "t", "debounce_ms and delay_ms are both given" },
        { { .debounce_ms = 1, .replace = 1, .task_id = "i" }, "t", "debounce_ms and replace are" },
        { { .debounce_ms = 60000, .expires_ms = 60000 }, "t", "expires_ms is not after debounce" },
        { { .debounce_ms = 1, .debounce_mode = GOFER_DEBOUNCE_KEEP, .expires_ms = 60000 }, "t",
          "debounce_ms and expires_ms are both given" },
        { { .replace = 1 }, "t", "replace is given without task_id" },
        { { .replace = 2, .task_id = "i" }, "t", "replace is 2" },
        { { .replace = 1, .task_id = "i", .unique_ms = 1 }, "t", "replace and unique_ms are both" },
        { { .replace = 1, .task_id = "i", .group = "g" }, "t", "replace and group are both given" },
        { { .group = "" }, "t", "group" },
        { { .expires_at_ms = 1, .expires_ms = 1 }, "t", "choose one" },
        { { .expires_at_ms = -1 }, "t", "expires_at_ms" },
        { { .expires_ms = -1 }, "t", "expires_ms" },
        { { .expires_ms = 1000, .delay_ms = 1000 }, "t", "expires_ms is not after delay_ms" },
        { { .expires_at_ms = 5000, .run_at_ms = 6000 }, "t",
          "expires_at_ms is not after run_at_ms" },
        { { .retry = "" }, "t", "retry policy" },
        { { .retry = "sometimes" }, "t", "there is no 'sometimes'" },
        { { .on_dead = "" }, "t", "on_dead" },
        { { .on_dead_queue = "q" }, "t", "without on_dead" },
        { { .on_dead = "d", .on_dead_queue = "{" }, "t", "'{'" },
        { { .on_done = "" }, "t", "on_done" },
        { { .on_done_queue = "q" }, "t", "without on_done" },
        { { .on_done = "d", .on_done_queue = "{" }, "t", "'{'" },
        { { .on_done = "webhook:http://" }, "t", "on_done: the URL of its webhook" },
        { { .on_dead = "webhook:x" }, "t", "on_dead: the URL of its webhook" },
        { { .on_dead = "webhook:http://a", .on_dead_queue = "q" }, "t", "gofer-webhooks" },
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
    CHECK_STATUS(gofer_client_enqueue_many(c, N, types, payloads, sizes, opts, statuses, ids),
        GOFER_EEXIST);
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

static gofer_enqueue_options unique(const char *id, const char *key, int32_t conflict)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.task_id = id;
    o.unique_ms = 3600000;
    o.unique_key = key;
    o.unique_conflict = conflict;
    return o;
}

static void a_unique_lock_is_refused_or_answered_by_its_holder(void)
{
    gofer_client *c = open_memory();
    gofer_enqueue_options o = unique("holder", NULL, GOFER_CONFLICT_REFUSE);
    char *id = NULL;
    CHECK_OK(gofer_client_enqueue(c, "t", "a", 1, &o, NULL));
    CHECK_OK(gofer_client_enqueue(c, "t", "a", 1, &o, NULL));          // itself again
    o.task_id = NULL;
    CHECK_STATUS(gofer_client_enqueue(c, "t", "a", 1, &o, &id), GOFER_EDUPLICATE);
    CHECK_HAS(gofer_error_last(), "the task 'holder' has it");
    CHECK(id == NULL);
    CHECK_OK(gofer_client_enqueue(c, "t", "b", 1, &o, NULL));          // another payload is
                                                                       //   another lock
    o.unique_conflict = GOFER_CONFLICT_RETURN;
    CHECK_OK(gofer_client_enqueue(c, "t", "a", 1, &o, &id));
    CHECK_STR(id, "holder");
    gofer_free(id);
    CHECK_OK(gofer_client_enqueue(c, "t", "a", 1, &o, NULL));

    // By a name of the caller's, whatever type and payload.
    o = unique("named", "nightly", GOFER_CONFLICT_REFUSE);
    CHECK_OK(gofer_client_enqueue(c, "t", "c", 1, &o, NULL));
    o = unique(NULL, "nightly", GOFER_CONFLICT_RETURN);
    CHECK_OK(gofer_client_enqueue(c, "other", "d", 1, &o, &id));
    CHECK_STR(id, "named");
    gofer_free(id);

    gofer_info *q;
    REQUIRE_OK(gofer_client_queue(c, "default", &q));
    CHECK_INT(gofer_info_int(q, "pending", -1), 3);
    gofer_info_free(q);
    gofer_client_close(c);
}

// What a call has done is told where its options point to; the id is that of the task there is.
static void calls_tell(gofer_client *c, gofer_enqueue_options o, const char *payload,
    const char *want_id, int32_t want)
{
    int32_t effect = -1;
    char *id = NULL;
    o.effect = &effect;
    CHECK_OK(gofer_client_enqueue(c, "t", payload, strlen(payload), &o, &id));
    CHECK_STR(id, want_id);
    CHECK_INT(effect, want);
    gofer_free(id);
}

static void a_call_tells_what_it_has_done(void)
{
    gofer_client *c = open_memory();
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.task_id = "one";
    calls_tell(c, o, "a", "one", GOFER_EFFECT_CREATED);
    calls_tell(c, o, "a", "one", GOFER_EFFECT_KEPT);
    o.replace = 1;
    calls_tell(c, o, "b", "one", GOFER_EFFECT_REPLACED);
    o = unique("locked", NULL, GOFER_CONFLICT_RETURN);
    calls_tell(c, o, "a", "locked", GOFER_EFFECT_CREATED);
    o.task_id = NULL;
    calls_tell(c, o, "a", "locked", GOFER_EFFECT_KEPT);
    gofer_enqueue_options_init(&o);
    o.task_id = "a rather long id of the first task, which all calls are told";
    o.debounce_ms = 60000;
    o.max_wait_ms = 60000;
    const char *first = o.task_id;
    calls_tell(c, o, "a", first, GOFER_EFFECT_CREATED);
    o.task_id = NULL;
    calls_tell(c, o, "b", first, GOFER_EFFECT_REPLACED);
    o.debounce_mode = GOFER_DEBOUNCE_KEEP;
    calls_tell(c, o, "c", first, GOFER_EFFECT_KEPT);
    gofer_client_close(c);
}

static void a_batch_tells_what_each_has_done(void)
{
    enum { N = 5 };
    gofer_client *c = open_memory();
    gofer_enqueue_options o[N];
    const gofer_enqueue_options *opts[N];
    const char *types[N];
    int32_t effects[N];
    char *ids[N];
    for (int i = 0; i < N; i++) {
        gofer_enqueue_options_init(&o[i]);
        o[i].effect = &effects[i];
        effects[i] = -1;
        opts[i] = &o[i];
        types[i] = "t";
    }
    o[0].debounce_ms = o[2].debounce_ms = 60000;
    o[1].task_id = o[3].task_id = "fixed";
    o[3].replace = 1;
    CHECK_OK(gofer_client_enqueue_many(c, N, types, NULL, NULL, opts, NULL, ids));
    CHECK_STR(ids[2], ids[0]);
    CHECK_STR(ids[3], "fixed");
    for (int i = 0; i < N; i++) {
        CHECK_INT(effects[i], i == 2 || i == 3 ? GOFER_EFFECT_REPLACED : GOFER_EFFECT_CREATED);
        gofer_free(ids[i]);
    }
    gofer_client_close(c);
}

static void a_batch_tells_who_holds_its_locks(void)
{
    enum { N = 300 };                       // two chunks, the locks in both
    static const char *types[N];
    static const gofer_enqueue_options *opts[N];
    static gofer_status statuses[N];
    static char *ids[N];
    char longest[256];
    memset(longest, 'h', 255);
    longest[255] = '\0';
    gofer_client *c = open_memory();
    gofer_enqueue_options holder = unique(longest, "k", 0), refuse = unique(NULL, "k", 0),
                          answer = unique("x", "k", 1);
    REQUIRE_OK(gofer_client_enqueue(c, "t", NULL, 0, &holder, NULL));
    for (int i = 0; i < N; i++)
        types[i] = "t";
    opts[10] = &answer;
    opts[20] = &refuse;
    opts[290] = &refuse;
    opts[299] = &answer;
    CHECK_STATUS(gofer_client_enqueue_many(c, N, types, NULL, NULL, opts, statuses, ids),
        GOFER_EDUPLICATE);
    CHECK_HAS(gofer_error_last(), "task 20 of the batch");
    CHECK_HAS(gofer_error_last(), "the task 'hhhhh");
    for (int i = 0; i < N; i++) {
        bool refused = i == 20 || i == 290;
        CHECK_INT(statuses[i], refused ? GOFER_EDUPLICATE : GOFER_OK);
        CHECK_INT(ids[i] != NULL, !refused);
        if (i == 10 || i == 299)
            CHECK_STR(ids[i], longest);
        gofer_free(ids[i]);
    }
    gofer_info *q;
    REQUIRE_OK(gofer_client_queue(c, "default", &q));
    CHECK_INT(gofer_info_int(q, "pending", -1), N - 4 + 1);
    gofer_info_free(q);
    gofer_client_close(c);
}

static void options_of_gofers_own_are_shown_as_fields(void)
{
    static const char *const headers[] = { "mine", "1", NULL };
    gofer_client *c = open_memory();
    gofer_enqueue_options o = unique("one", "k", 0);
    gofer_info *info;
    o.unique_until = GOFER_UNTIL_TTL;
    o.headers = headers;
    o.retry = "list:10s,1m;jitter=10%";
    o.on_dead = "notify";
    o.on_dead_queue = "ops";
    o.on_done = "webhook+result:https://example.org/hook";
    o.expires_at_ms = INT64_C(4102444800000);
    REQUIRE_OK(gofer_client_enqueue(c, "t", NULL, 0, &o, NULL));
    REQUIRE_OK(gofer_client_task(c, NULL, "one", &info));
    CHECK_STR(gofer_info_text(info, "retry"), o.retry);
    CHECK_STR(gofer_info_text(info, "on_dead"), "notify");
    CHECK_STR(gofer_info_text(info, "on_dead_queue"), "ops");
    CHECK_STR(gofer_info_text(info, "on_done"), o.on_done);
    CHECK_STR(gofer_info_text(info, "on_done_queue"), NULL);
    CHECK_STR(gofer_info_text(info, "unique"), "ttl");
    CHECK_INT(gofer_info_int(info, "start_by_ms", 0), o.expires_at_ms);
    CHECK_INT(gofer_info_field_count(gofer_info_child(info, "headers")), 1);
    gofer_info_free(info);
    gofer_client_close(c);
}

// As in Asynq: what has a time to run later is scheduled, and its group is not used.
static void a_group_takes_what_is_due_now(void)
{
    gofer_client *c = open_memory();
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.group = "g";
    o.task_id = "now";
    CHECK_OK(gofer_client_enqueue(c, "t", NULL, 0, &o, NULL));
    o.task_id = "later";
    o.delay_ms = 3600000;
    CHECK_OK(gofer_client_enqueue(c, "t", NULL, 0, &o, NULL));
    gofer_info *q;
    REQUIRE_OK(gofer_client_queue(c, "default", &q));
    CHECK_INT(gofer_info_int(q, "aggregating", -1), 1);
    CHECK_INT(gofer_info_int(q, "scheduled", -1), 1);
    gofer_info_free(q);
    gofer_client_close(c);
}

// A store without groups is named, and nothing is put there without what was asked for.
static void what_a_store_cannot_do_is_refused(void)
{
    gofer_client *c = open_memory();
    gf_broker_ops less = *c->broker->ops;
    const gf_broker_ops *whole = c->broker->ops;
    less.groups = NULL;
    c->broker->ops = &less;
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.group = "g";
    CHECK_STATUS(gofer_client_enqueue(c, "t", NULL, 0, &o, NULL), GOFER_EUNSUPPORTED);
    CHECK_HAS(gofer_error_last(), "'memory' has no groups");
    c->broker->ops = whole;
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
        TEST(bad_urls_say_what_and_what_to_do),
        TEST(bad_enqueue_options_are_refused_and_name_the_culprit),
        TEST(payloads_over_the_limit_are_refused),
        TEST(a_repeat_with_the_same_id_adds_nothing),
        TEST(each_task_of_a_batch_has_its_own_fate),
        TEST(options_of_a_newer_caller_are_refused_not_ignored),
        TEST(a_unique_lock_is_refused_or_answered_by_its_holder),
        TEST(a_call_tells_what_it_has_done),
        TEST(a_batch_tells_what_each_has_done),
        TEST(a_batch_tells_who_holds_its_locks),
        TEST(options_of_gofers_own_are_shown_as_fields),
        TEST(a_group_takes_what_is_due_now),
        TEST(what_a_store_cannot_do_is_refused),
        TEST(a_forked_child_is_told_and_harms_nothing),
        TEST(inspection_doors_check_their_arguments),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
