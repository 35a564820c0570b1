// children_group_test.c - children as aggregators: this program itself, started with the argument
// "child", does what the name of the group says. Groups are played by fake_fleet.h.
#include "gofer/gofer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child_side.h"
#include "fake_fleet.h"
#include "worker/runtime.h"

// ---- the child ----------------------------------------------------------------------------------

enum { ROOM = 1 << 20, AT_COUNT = 13, AT_GROUP = 19, MEMBER = 10 };

static uint8_t  child_in[ROOM];
static size_t   child_size;
static uint32_t held_ref;

// What the group becomes: its name and queue, and each of its tasks.
static void combine(uint32_t ref, const uint8_t *b, const char *options, size_t options_size)
{
    uint8_t body[RESULT_MAX];
    size_t at = put_number(body, ref, 4);
    body[at++] = GOFER_DONE;
    at += put_number(body + at, UINT64_MAX, 8);
    at += put_number(body + at, options_size, 4);
    memcpy(body + at, options, options_size);
    at += options_size;
    at += (size_t)snprintf((char *)body + at, sizeof body - at, "%.*s/%.*s:", b[18],
        (const char *)b + AT_GROUP + b[17], b[17], (const char *)b + AT_GROUP);
    const uint8_t *m = b + AT_GROUP + b[17] + b[18];
    for (uint32_t i = 0; i < number_at(b + AT_COUNT); i++) {
        size_t id = m[0], type = m[1], headers = number_at(m + 2), payload = number_at(m + 6);
        const char *text = (const char *)m + MEMBER;
        at += (size_t)snprintf((char *)body + at, sizeof body - at, " %.*s=%.*s,%.*s,%s=%s",
            (int)id, text, (int)type, text + id, (int)payload, text + id + type + headers,
            text + id + type, text + id + type + strlen(text + id + type) + 1);
        m += MEMBER + id + type + headers + payload;
    }
    say_frame('e', body, at);
}

#define COMBINE(options) combine(ref, b, options, sizeof(options) - 1)

static void note(uint32_t ref, char kind)
{
    uint8_t body[24] = { 0 };
    put_number(body, ref, 4);
    say_frame(kind, body, kind == 'p' ? 20 : 4);
}

static void log_line(uint32_t ref, const char *text)
{
    uint8_t body[64];
    size_t at = put_number(body, ref, 4);
    body[at++] = GOFER_LOG_WARN;
    memcpy(body + at, text, strlen(text));
    say_frame('l', body, at + strlen(text));
}

static void obey_group(uint32_t ref, const char *what, const uint8_t *b)
{
    if (is(what, "hold")) {
        held_ref = ref;
        return;
    }
    if (is(what, "early"))
        say_end(ref, GOFER_DONE, -1, "", "");
    say_ref('b', ref);
    if (is(what, "fail"))
        say_end(ref, GOFER_RETRY, -1, "no template", "");
    else if (is(what, "back"))
        say_end(ref, GOFER_REQUEUE, -1, "", "");
    else if (is(what, "kill"))
        kill(getpid(), SIGKILL);
    else if (is(what, "exit"))
        printf("no room left\n"), fflush(stdout), _exit(3);
    else if (is(what, "twice"))
        say_ref('b', ref);
    else if (is(what, "progress"))
        note(ref, 'p');
    else if (is(what, "checkpoint"))
        note(ref, 'c');
    else if (is(what, "hang"))
        log_line(ref, "it hangs"), held_ref = ref;
    else if (is(what, "stubborn"))
        signal(SIGTERM, SIG_IGN), sleep(600), sleep(600);
    else if (is(what, "untyped"))
        COMBINE("max_retry\0" "3\0");
    else if (is(what, "queue"))
        COMBINE("type\0whole\0queue\0other\0");
    else if (is(what, "print"))
        printf("a printed line\n"), fflush(stdout), COMBINE("type\0whole\0");
    else if (is(what, "log"))
        log_line(ref, "a line of the group"), COMBINE("type\0whole\0");
    else if (is(what, "options"))
        COMBINE("type\0whole\0max_retry\0" "3\0header:k\0v 1\0retention_ms\0" "60000\0");
    else
        COMBINE("type\0whole\0");
}

static void heed_group(const uint8_t *b)
{
    char what[64];
    snprintf(what, sizeof what, "%.*s", b[17], (const char *)b + AT_GROUP);
    obey_group(number_at(b), what, b);
}

static void heed_task(const uint8_t *b)
{
    const char *type = (const char *)b + 40 + b[29];
    say_ref('b', number_at(b));
    if (strncmp(type, "slow", 4) == 0) {
        sleep(3);                  // and then it is above suspicion
        say_end(number_at(b), GOFER_DONE, -1, "", "");
    } else if (strncmp(type, "long", 4) != 0) {
        say_end(number_at(b), GOFER_DONE, -1, "", "");
    }
}

static void heed(uint8_t kind, const uint8_t *b)
{
    if (kind == 'G')
        heed_group(b);
    else if (kind == 'T')
        heed_task(b);
    else if (kind == 'C' && number_at(b) == held_ref)
        say_end(held_ref, b[4] == GOFER_CANCEL_TIMEOUT ? GOFER_RETRY : GOFER_REQUEUE, -1,
            b[4] == GOFER_CANCEL_TIMEOUT ? "told to stop" : "", "");
    else if ((kind == 'S' || kind == 'R') && held_ref)
        say_end(held_ref, GOFER_REQUEUE, -1, "", "");
}

static int child_main(const char *hello)
{
    say_frame('h', hello, strlen(hello));
    for (ssize_t n; (n = read(CHILD_FD, child_in + child_size, ROOM - child_size)) > 0;) {
        child_size += (size_t)n;
        size_t at = 0;
        while (child_size - at >= 5 && child_size - at >= 4 + (size_t)number_at(child_in + at)) {
            heed(child_in[at + 4], child_in + at + 5);
            at += 4 + number_at(child_in + at);
        }
        memmove(child_in, child_in + at, child_size -= at);
    }
    return 0;
}

// ---- the rig ------------------------------------------------------------------------------------

static struct {
    gofer_client   *client;
    gofer_worker   *worker;
    char            log[16384];
    int             hangs;         // so often, and when the last time
    int64_t         hung_ms;
    pthread_mutex_t lock;
} r;

static char own_path[4096];

static void keep_log(void *user, int32_t level, int64_t time_ms, const char *text,
    const char *fields)
{
    (void)user, (void)level;
    pthread_mutex_lock(&r.lock);
    if (strcmp(text, "it hangs") == 0) {
        r.hangs++;
        r.hung_ms = time_ms;
    }
    size_t used = strlen(r.log);
    snprintf(r.log + used, sizeof r.log - used, "%s %s\n", text, fields);
    pthread_mutex_unlock(&r.lock);
}

static bool logged(const char *words)
{
    pthread_mutex_lock(&r.lock);
    bool found = strstr(r.log, words) != NULL;
    pthread_mutex_unlock(&r.lock);
    return found;
}

static void set_up(const char *hello)
{
    gofer_client_options opts;
    gofer_client_options_init(&opts);
    opts.log = keep_log;
    memset(&r, 0, sizeof r);
    pthread_mutex_init(&r.lock, NULL);
    REQUIRE_OK(gofer_client_open(&r.client, "memory:", &opts));
    fleet_install(r.client);
    REQUIRE_OK(gofer_worker_new(&r.worker, r.client));
    REQUIRE_OK(gofer_worker_queue(r.worker, "q", 1));
    const char *argv[] = { own_path, "child", hello, NULL };
    REQUIRE_OK(gofer_worker_child(r.worker, NULL, argv, NULL));
}

static void start(void)
{
    REQUIRE_OK(gofer_worker_start(r.worker));
}

static void tear_down(void)
{
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    fleet_clear();
}

static gofer_info *task_of(const char *id)
{
    gofer_info *info = NULL;
    return gofer_client_task(r.client, "q", id, &info) == GOFER_OK ? info : NULL;
}

static bool is_state(const char *id, const char *state)
{
    gofer_info *info = task_of(id);
    bool is_it = info && strcmp(gofer_info_text(info, "state"), state) == 0;
    gofer_info_free(info);
    return is_it;
}

static void put(const char *type, const char *id)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = "q";
    o.task_id = id;
    o.retention_ms = 3600000;
    REQUIRE_OK(gofer_client_enqueue(r.client, type, NULL, 0, &o, NULL));
}

static int pid_of_child(void)
{
    pthread_mutex_lock(&r.lock);
    const char *last = NULL;
    for (const char *at = r.log; (at = strstr(at, "a child is ready")); at++)
        last = strstr(at, "pid");
    int pid = last ? (int)strtol(last + strcspn(last, "0123456789"), NULL, 10) : 0;
    pthread_mutex_unlock(&r.lock);
    return pid;
}

// ---- the tests ----------------------------------------------------------------------------------

static void a_child_makes_one_task_of_a_group(void)
{
    set_up("protocol 1\naggregate mail*");
    fake_group_add("q", "mails", 3);
    start();
    WAIT_FOR(atomic_load(&fleet.puts) == 1);
    gofer_info *info;
    WAIT_FOR((info = task_of("group:set-0")) != NULL);
    size_t size;
    const char *payload = gofer_info_bytes(info, "payload", &size);
    static const char want[] = "q/mails: g0=part,g0,k=v g1=part,g1,k=v g2=part,g2,k=v";
    CHECK_MEM(payload, size, want, sizeof want - 1);
    CHECK_STR(gofer_info_text(info, "type"), "whole");
    CHECK_STR(gofer_info_text(info, "state"), "pending");  // no type was named: none is run here
    gofer_info_free(info);
    CHECK_INT(atomic_load(&fleet.backs), 0);
    tear_down();
}

static void the_task_has_the_options_that_the_child_says(void)
{
    set_up("protocol 1\naggregate options");
    fake_group_add("q", "options", 1);
    start();
    gofer_info *info;
    WAIT_FOR((info = task_of("group:set-0")) != NULL);
    CHECK_INT(gofer_info_int(info, "max_retry", 0), 3);
    CHECK_INT(gofer_info_int(info, "retention_ms", 0), 60000);
    char *json;
    REQUIRE_OK(gofer_info_json(info, &json));
    CHECK_HAS(json, "\"v 1\"");
    gofer_free(json);
    gofer_info_free(info);
    tear_down();
}

// Each goes back with its reason, and the next group is aggregated.
static void what_goes_wrong_puts_the_tasks_back(void)
{
    static const struct { const char *group, *why; } cases[] = {
        { "fail", "no template" },
        { "back", "the child has put it back" },
        { "untyped", "no 'type'" },
        { "queue", "no option 'queue'" },
        { "kill", "its child process died: killed by signal 9 (KILL)" },
        { "exit", "exit code 3: no room left" },
        { "twice", "a 'begin' of a group that has begun" },
        { "progress", "a frame that is not for groups" },
        { "checkpoint", "a frame that is not for groups" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        set_up("protocol 1\naggregate *");
        fake_group *g = fake_group_add("q", cases[i].group, 2);
        start();
        WAIT_FOR(atomic_load(&g->backs) == 1);
        WAIT_FOR(logged(cases[i].why));
        CHECK_INT(g->count, 2);
        CHECK_INT(atomic_load(&fleet.puts), 0);
        fake_group_add("q", "good", 1);
        WAIT_FOR(atomic_load(&fleet.puts) == 1);
        CHECK_STR(fleet.put_ids[0], "group:set-1");
        tear_down();
    }
}

// Not begun, so nobody's fault: it comes to the next child.
static void a_set_that_has_not_begun_goes_to_the_next_child(void)
{
    set_up("protocol 1\naggregate *");
    fake_group *g = fake_group_add("q", "early", 2);
    start();
    WAIT_FOR(logged("an 'end' of a group that has not begun"));
    CHECK_INT(atomic_load(&g->backs), 0);
    tear_down();
}

static void the_task_beside_a_set_that_kills_its_child_does_not_pay(void)
{
    set_up("protocol 1\nwant 4\ntype *\naggregate *");
    start();
    put("long", "beside");
    WAIT_FOR(is_state("beside", "active"));
    fake_group *g = fake_group_add("q", "kill", 2);
    WAIT_FOR(atomic_load(&g->backs) >= 1);
    WAIT_FOR(is_state("beside", "active"));
    gofer_info *info = task_of("beside");
    CHECK_INT(gofer_info_int(info, "retried", -1), 0);
    CHECK_INT(gofer_info_int(info, "crashes", 0), 0);
    gofer_info_free(info);
    tear_down();
}

static int times_hung(void)
{
    pthread_mutex_lock(&r.lock);
    int hangs = r.hangs;
    pthread_mutex_unlock(&r.lock);
    return hangs;
}

// Nothing is begun beside the suspect for two seconds.
static void a_group_that_may_have_killed_its_child_runs_apart(void)
{
    set_up("protocol 1\nwant 3\ntype *\naggregate *");
    start();
    put("long", "beside");
    WAIT_FOR(is_state("beside", "active"));
    fake_group *g = fake_group_add("q", "hang", 2);
    WAIT_FOR(times_hung() == 1);
    int pid = pid_of_child();
    REQUIRE(pid > 0 && kill(pid, SIGKILL) == 0);
    WAIT_FOR(atomic_load(&g->backs) == 1);
    WAIT_FOR(times_hung() == 2);           // after its rest
    put("quick", "late");
    WAIT_FOR(is_state("late", "completed"));
    gofer_info *info = task_of("late");
    CHECK(gofer_info_int(info, "completed_at_ms", 0) >= r.hung_ms + 1000);
    gofer_info_free(info);
    tear_down();
}

static void a_set_past_its_time_is_told_to_the_child(void)
{
    set_up("protocol 1\naggregate *");
    REQUIRE_OK(gofer_worker_set(r.worker, "lost_after", "500ms"));
    fleet.set_ms = 4000;
    fake_group *g = fake_group_add("q", "hang", 2);
    start();
    WAIT_FOR(atomic_load(&g->backs) == 1);
    WAIT_FOR(logged("told to stop"));
    CHECK(!logged("a child has ended"));
    tear_down();
}

static void a_child_that_does_not_stop_in_the_sets_time_ends(void)
{
    set_up("protocol 1\naggregate *");
    REQUIRE_OK(gofer_worker_set(r.worker, "lost_after", "200ms"));
    fleet.set_ms = 4000;
    fake_group *g = fake_group_add("q", "stubborn", 2);
    start();
    WAIT_FOR(atomic_load(&g->backs) >= 1);
    WAIT_FOR(logged("an aggregator did not stop in its set's time"));
    fake_group_add("q", "good", 1);
    WAIT_FOR(atomic_load(&fleet.puts) == 1);
    CHECK_INT(g->count, 2);
    tear_down();
}

static void a_set_that_the_child_does_not_begin_does_not_wait_for_ever(void)
{
    set_up("protocol 1\nwant 2\naggregate *");
    REQUIRE_OK(gofer_worker_set(r.worker, "lost_after", "200ms"));
    fleet.set_ms = 4000;
    fake_group *g = fake_group_add("q", "hold", 2);
    start();
    WAIT_FOR(atomic_load(&g->backs) >= 1);
    CHECK_INT(atomic_load(&fleet.puts), 0);
    tear_down();
}

static void a_set_waits_for_room(void)
{
    set_up("protocol 1\nwant 1\ntype *\naggregate *");
    put("slow", "first");
    start();
    WAIT_FOR(is_state("first", "active"));
    for (int i = 0; i < 20; i++)
        put("quick", NULL);
    fake_group_add("q", "mails", 3);
    WAIT_FOR(atomic_load(&fleet.puts) == 1);
    WAIT_FOR(is_state("first", "completed"));          // which another thread hands in
    CHECK_INT(atomic_load(&fleet.backs), 0);
    tear_down();
}

static void a_stop_gives_back_what_has_not_begun_and_what_does_not_end(void)
{
    static const char *const groups[] = { "hold", "hang", "stubborn" };
    for (size_t i = 0; i < COUNT(groups); i++) {
        set_up("protocol 1\naggregate *");
        REQUIRE_OK(gofer_worker_set(r.worker, "grace", "300ms"));
        fake_group *g = fake_group_add("q", groups[i], 2);
        start();
        WAIT_FOR(atomic_load(&g->taken) == 1);
        gf_sleep_us(100000);
        gofer_worker_stop(r.worker);
        REQUIRE_OK(gofer_worker_wait(r.worker, PATIENCE_MS));
        CHECK_INT(atomic_load(&g->backs), 1);
        CHECK_INT(g->count, 2);
        CHECK_INT(atomic_load(&fleet.puts), 0);
        tear_down();
    }
}

static void what_a_child_says_of_a_group_is_logged_with_its_name(void)
{
    set_up("protocol 1\naggregate *");
    fake_group_add("q", "log", 1);
    fake_group_add("q", "print", 1);
    start();
    WAIT_FOR(atomic_load(&fleet.puts) == 2);
    WAIT_FOR(logged("a line of the group {\"queue\":\"q\",\"group\":\"log\"}"));
    WAIT_FOR(logged("a printed line"));
    tear_down();
}

static int32_t never(gofer_group *group, void *user)
{
    (void)user;
    return gofer_group_fail(group, "never");
}

static void a_pattern_that_has_an_aggregator_is_refused(void)
{
    set_up("protocol 1\naggregate mails");
    REQUIRE_OK(gofer_worker_aggregate(r.worker, "mails", never, NULL, NULL));
    CHECK_STATUS(gofer_worker_start(r.worker), GOFER_EEXIST);
    CHECK_HAS(gofer_error_last(), "mails");
    tear_down();
}

static const check_test tests[] = {
    TEST(a_child_makes_one_task_of_a_group),
    TEST(the_task_has_the_options_that_the_child_says),
    TEST(what_goes_wrong_puts_the_tasks_back),
    TEST(a_set_that_has_not_begun_goes_to_the_next_child),
    TEST(the_task_beside_a_set_that_kills_its_child_does_not_pay),
    TEST(a_group_that_may_have_killed_its_child_runs_apart),
    TEST(a_set_past_its_time_is_told_to_the_child),
    TEST(a_child_that_does_not_stop_in_the_sets_time_ends),
    TEST(a_set_that_the_child_does_not_begin_does_not_wait_for_ever),
    TEST(a_set_waits_for_room),
    TEST(a_stop_gives_back_what_has_not_begun_and_what_does_not_end),
    TEST(what_a_child_says_of_a_group_is_logged_with_its_name),
    TEST(a_pattern_that_has_an_aggregator_is_refused),
};

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "child") == 0)
        return child_main(argv[2]);
    if (readlink("/proc/self/exe", own_path, sizeof own_path - 1) < 0)
        return 2;
    return check_main(argc, argv, tests, COUNT(tests));
}
