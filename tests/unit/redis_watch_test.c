// redis_watch_test.c - on a Redis: requests to cancel, announced, heard, and found
// later when they were not.
#include "redis_stage.h"

static _Atomic int told_wanted, told_other;

static void note_told(void *arg, const char *queue, const char *id)
{
    (void)arg, (void)queue;
    if (strcmp(id, "wanted") == 0)
        told_wanted++;
    else
        told_other++;
}

static void gos_announcement_is_heard(void)
{
    set_up();
    gf_watch *w = NULL;
    told_wanted = told_other = 0;
    REQUIRE_OK(b->ops->live->watch_open(b, NULL, &(gf_watch_callbacks){ .cancel = note_told }, &w));
    raw_run("PUBLISH asynq:cancel wanted");
    WAIT_FOR(told_wanted == 1);
    raw_run("PUBLISH asynq:other wanted");
    raw_run("PUBLISH asynq:cancel another");
    WAIT_FOR(told_other == 1);
    CHECK_INT(told_wanted, 1);
    b->ops->live->watch_close(w);
    tear_down();
}

static void a_watch_subscribes_again(void)
{
    set_up();
    gf_watch *w = NULL;
    told_wanted = told_other = 0;
    REQUIRE_OK(b->ops->live->watch_open(b, NULL, &(gf_watch_callbacks){ .cancel = note_told }, &w));
    raw_everywhere("CLIENT KILL TYPE pubsub");
    for (int64_t end_ms = gf_mono_ms() + PATIENCE_MS; told_wanted == 0 && gf_mono_ms() < end_ms;
         gf_sleep_us(5000))
        raw_run("PUBLISH asynq:cancel wanted");
    CHECK(told_wanted > 0);
    b->ops->live->watch_close(w);
    tear_down();
}

static void our_request_is_announced_as_asynq_does(void)
{
    set_up();
    raw_run("HSET asynq:{q}:t:one msg x state active");
    gf_rd_session *line = NULL;
    gf_rd_args args = { 0 };
    redisReply *r = NULL;
    REQUIRE_OK(gf_rd_session_open(&line, s->net, GF_RD_ANY_SLOT, 10000));
    gf_rd_add(&args, "SUBSCRIBE");
    gf_rd_add(&args, "asynq:cancel");
    CHECK_OK(gf_rd_session_send(line, &args, 10000));
    gf_rd_args_clear(&args);
    WAIT_FOR(r || gf_rd_session_next(line, &r) == GOFER_OK);
    if (r)
        gf_rd_reply_free(r);
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "one"));
    r = NULL;
    WAIT_FOR(r || gf_rd_session_next(line, &r) == GOFER_OK);
    if (r && CHECK_INT(r->elements, 3)) {
        CHECK_STR(r->element[0]->str, "message");
        CHECK_STR(r->element[2]->str, "one");
    }
    if (r)
        gf_rd_reply_free(r);
    gf_rd_session_close(line);
    CHECK_INT(raw_int("HEXISTS asynq:{q}:t:one gofer:cancel"), 0);       // a Go worker's: nothing
                                                                         //   to note
    CHECK_STATUS(gf_act_one(b, "q", GF_ACT_CANCEL, "none"), GOFER_ENOTFOUND);
    CHECK_INT(raw_int("EXISTS asynq:{q}:t:none"), 0);
    tear_down();
}

typedef struct rig {
    gofer_client *client;
    gofer_worker *worker;
} rig;

static _Atomic int runs;

static int32_t obey(gofer_task *task, void *user)
{
    (void)user;
    runs++;
    while (gofer_task_cancelled(task) == GOFER_CANCEL_NONE)
        gf_sleep_us(500);
    return gofer_task_cancelled(task) == GOFER_CANCEL_REQUEST ? GOFER_RETRY : GOFER_SKIP_RETRY;
}

static void start_rig(rig *r)
{
    const char *argv[] = { "sleep", "600", NULL };
    *r = (rig){ 0 };
    runs = 0;
    REQUIRE_OK(gofer_client_open(&r->client, suite_url, NULL));
    REQUIRE_OK(gofer_worker_new(&r->worker, r->client));
    REQUIRE_OK(gofer_worker_set(r->worker, "lease", "3s"));
    REQUIRE_OK(gofer_worker_handle(r->worker, "obey", obey, NULL, NULL));
    REQUIRE_OK(gofer_worker_exec(r->worker, "sleep", argv));
    REQUIRE_OK(gofer_worker_start(r->worker));
}

static void enqueue(rig *r, const char *type, const char *id)
{
    gofer_enqueue_options opts;
    gofer_enqueue_options_init(&opts);
    opts.task_id = id;
    CHECK_OK(gofer_client_enqueue(r->client, type, NULL, 0, &opts, NULL));
}

static bool task_is(const char *id, const char *state)
{
    const char *text = raw_text("HGET asynq:{default}:t:%s state", id);
    return text && strcmp(text, state) == 0;
}

static void check_error(rig *r, const char *id, const char *want, int64_t retried)
{
    gofer_info *info;
    if (!CHECK_OK(gofer_client_task(r->client, NULL, id, &info)))
        return;
    CHECK_HAS(gofer_info_text(info, "last_error"), want);
    CHECK_INT(gofer_info_int(info, "retried", -1), retried);
    gofer_info_free(info);
}

static void gos_announcement_stops_handlers_and_commands(void)
{
    set_up();
    rig r;
    start_rig(&r);
    enqueue(&r, "obey", "one");
    enqueue(&r, "sleep", "two");
    WAIT_FOR(runs == 1 && task_is("two", "active"));
    // Repeated as an operator would: an announcement that comes before the worker
    // has its task is lost.
    for (int64_t end_ms = gf_mono_ms() + PATIENCE_MS; gf_mono_ms() < end_ms; gf_sleep_us(20000)) {
        if (task_is("one", "retry") && task_is("two", "retry"))
            break;
        raw_run("PUBLISH asynq:cancel one");
        raw_run("PUBLISH asynq:cancel two");
    }
    CHECK(task_is("one", "retry"));
    CHECK(task_is("two", "retry"));
    check_error(&r, "one", "context canceled", 1);
    check_error(&r, "two", "context canceled", 1);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    tear_down();
}

static void a_lost_announcement_is_found_by_the_heartbeat(void)
{
    set_up();
    rig r;
    start_rig(&r);
    enqueue(&r, "obey", "one");
    WAIT_FOR(runs == 1);
    const char *claim = raw_text("HGET asynq:{default}:t:one gofer:claim");
    char token[64];
    REQUIRE(claim && strlen(claim) < sizeof token);
    strcpy(token, claim);
    raw_run("HSET asynq:{default}:t:one gofer:cancel of-an-earlier-run");
    gf_sleep_us(1200000);                // a heartbeat goes by, every second
    CHECK(task_is("one", "active"));
    raw_run("HSET asynq:{default}:t:one gofer:cancel %s", token);
    WAIT_FOR(task_is("one", "archived"));      // gofer's own request: set aside
    check_error(&r, "one", "cancelled", 0);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    tear_down();
}

static void a_worker_shows_what_it_runs(void)
{
    set_up();
    rig r;
    start_rig(&r);
    enqueue(&r, "sleep", "two");
    gofer_info *list = NULL;
    size_t tasks = 0;
    for (int64_t end_ms = gf_mono_ms() + PATIENCE_MS; tasks == 0 && gf_mono_ms() < end_ms;
         gf_sleep_us(20000)) {
        gofer_info_free(list);
        list = NULL;
        REQUIRE_OK(gofer_client_workers(r.client, &list));
        REQUIRE(gofer_info_count(list) == 1);
        tasks = gofer_info_count(gofer_info_child(gofer_info_at(list, 0), "tasks"));
    }
    const gofer_info *worker = gofer_info_at(list, 0),
                     *task = gofer_info_at(gofer_info_child(worker, "tasks"), 0);
    CHECK_STR(gofer_info_text(worker, "worker"), gofer_worker_id(r.worker));
    CHECK_STR(gofer_info_text(worker, "queues"), "default=1");
    CHECK_INT(gofer_info_int(worker, "running", 0), 1);
    CHECK_STR(gofer_info_text(task, "id"), "two");
    CHECK_STR(gofer_info_text(task, "type"), "sleep");
    CHECK(gofer_info_int(task, "deadline_ms", 0) > gofer_info_int(task, "started_at_ms", 0));
    gofer_info_free(list);
    gofer_worker_free(r.worker);
    gofer_client_close(r.client);
    CHECK_INT(raw_int("EXISTS asynq:servers"), 0);
    tear_down();
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(gos_announcement_is_heard),
        TEST(a_watch_subscribes_again),
        TEST(our_request_is_announced_as_asynq_does),
        TEST(gos_announcement_stops_handlers_and_commands),
        TEST(a_lost_announcement_is_found_by_the_heartbeat),
        TEST(a_worker_shows_what_it_runs),
    };
    return stage_main(argc, argv, tests, COUNT(tests));
}
