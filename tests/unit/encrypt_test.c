// encrypt_test.c - what a client with keys enqueues, from the call to the handler and back: in a
// file of its own, or where GOFER_TEST_REDIS names a server, there.
#include <string.h>

#include "client/client.h"
#include "redis_own.h"
#include "util/clock.h"

#define KEY_A "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B "b://////////////////////////////////////////8="

typedef struct rig {
    gofer_client *client, *blind;  // with the key, and without any
    gofer_worker *worker;          // of `client`, until somebody changes that
    char          folder[64], url[256], queue[32];
    char          seen[256];       // by the handler
    _Atomic int   runs;
} rig;

static gofer_client *open_with(const rig *r, const char *keys)
{
    gofer_client *client = NULL;
    gofer_client_options o;
    gofer_client_options_init(&o);
    o.keys = keys;
    REQUIRE_OK(gofer_client_open(&client, r->url, &o));
    return client;
}

static void set_up(rig *r)
{
    static int number;
    const char *server = getenv("GOFER_TEST_REDIS");
    *r = (rig){ 0 };
    own_dir(r->folder);
    if (server)
        snprintf(r->url, sizeof r->url, "%s", server);
    else
        snprintf(r->url, sizeof r->url, "sqlite:%s/t.db", r->folder);
    snprintf(r->queue, sizeof r->queue, "crypt-%d", ++number);
    r->client = open_with(r, KEY_A);
    r->blind = open_with(r, "");
}

static void tear_down(rig *r)
{
    gofer_client_close(r->client);
    gofer_client_close(r->blind);
    own_remove(r->folder);
}

static gofer_enqueue_options options_of(const rig *r, const char *id)
{
    gofer_enqueue_options o;
    gofer_enqueue_options_init(&o);
    o.queue = r->queue;
    o.task_id = id;
    o.retention_ms = 3600000;
    return o;
}

static void put(rig *r, gofer_client *client, const char *id, const char *payload)
{
    gofer_enqueue_options o = options_of(r, id);
    REQUIRE_OK(gofer_client_enqueue(client, "t", payload, strlen(payload), &o, NULL));
}

static int32_t keep_payload(gofer_task *task, void *user)
{
    rig *r = user;
    size_t size;
    const char *payload = gofer_task_payload(task, &size);
    snprintf(r->seen, sizeof r->seen, "%.*s", (int)size, payload);
    CHECK_INT(strlen(payload), size);
    r->runs++;
    CHECK_OK(gofer_task_result(task, "fine", 4));
    return GOFER_DONE;
}

static void drain(rig *r, gofer_client *client, gofer_handler handler)
{
    gofer_worker *w = NULL;
    REQUIRE_OK(gofer_worker_new(&w, client));
    REQUIRE_OK(gofer_worker_handle(w, "*", handler, r, NULL));
    REQUIRE_OK(gofer_worker_queue(w, r->queue, 1));
    REQUIRE_OK(gofer_worker_set(w, "drain", "1"));
    REQUIRE_OK(gofer_worker_set(w, "concurrency", "1"));
    CHECK_OK(gofer_worker_run(w));
    gofer_worker_free(w);
}

// What `client` is shown; to be freed.
static gofer_info *task_of(const rig *r, gofer_client *client, const char *id)
{
    gofer_info *task = NULL;
    REQUIRE_OK(gofer_client_task(client, r->queue, id, &task));
    return task;
}

static void check_field(const gofer_info *info, const char *field, const char *want)
{
    size_t size = 0;
    const void *bytes = gofer_info_bytes(info, field, &size);
    CHECK_MEM(bytes ? bytes : "", size, want, strlen(want));
}

static void check_envelope(const gofer_info *info, const char *field)
{
    size_t size = 0;
    const void *bytes = gofer_info_bytes(info, field, &size);
    CHECK(bytes && gf_is_sealed(bytes, size));
}

static void check_is(const rig *r, const char *id, const char *state, const char *error)
{
    gofer_info *task = task_of(r, r->blind, id);
    CHECK_STR(gofer_info_text(task, "state"), state);
    if (error)
        CHECK_HAS(gofer_info_text(task, "last_error"), error);
    gofer_info_free(task);
}

// ---- a task's life ----------------------------------------------------------------------------

static void handlers_see_what_was_enqueued_and_the_store_does_not(void)
{
    rig r;
    set_up(&r);
    put(&r, r.client, "1", "secret");
    gofer_info *task = task_of(&r, r.blind, "1");
    check_envelope(task, "payload");
    CHECK_STR(gofer_info_text(task, "encrypted"), "a");
    CHECK_INT(gofer_info_int(task, "decrypted", 0), 0);
    gofer_info_free(task);
    drain(&r, r.client, keep_payload);
    CHECK_STR(r.seen, "secret");
    task = task_of(&r, r.blind, "1");
    check_envelope(task, "result");
    gofer_info_free(task);
    task = task_of(&r, r.client, "1");
    check_field(task, "payload", "secret");
    check_field(task, "result", "fine");
    CHECK_INT(gofer_info_int(task, "decrypted", 0), 1);
    gofer_info_free(task);
    tear_down(&r);
}

static void what_came_plain_stays_plain(void)
{
    rig r;
    set_up(&r);
    gofer_enqueue_options odd = options_of(&r, NULL);
    odd.plain = 2;
    CHECK_STATUS(gofer_client_enqueue(r.client, "t", "x", 1, &odd, NULL), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_enqueue(r.blind, "t", "x", 1, &odd, NULL), GOFER_EINVAL);
    gofer_enqueue_options o = options_of(&r, "mine");
    put(&r, r.blind, "theirs", "x");
    o.plain = 1;
    CHECK_OK(gofer_client_enqueue(r.client, "t", "x", 1, &o, NULL));
    o.plain = 2;
    o.task_id = NULL;
    CHECK_STATUS(gofer_client_enqueue(r.client, "t", "x", 1, &o, NULL), GOFER_EINVAL);
    drain(&r, r.client, keep_payload);
    CHECK_INT(r.runs, 2);
    for (int i = 0; i < 2; i++) {
        gofer_info *task = task_of(&r, r.blind, i ? "mine" : "theirs");
        check_field(task, "payload", "x");
        check_field(task, "result", "fine");
        CHECK(gofer_info_text(task, "encrypted") == NULL);
        gofer_info_free(task);
    }
    tear_down(&r);
}

static void an_unknown_key_archives_with_the_bytes(void)
{
    rig r;
    set_up(&r);
    put(&r, r.client, "1", "secret");
    put(&r, r.client, "2", "secret");
    gofer_client *other = open_with(&r, KEY_B);
    drain(&r, other, keep_payload);
    CHECK_INT(r.runs, 0);
    check_is(&r, "1", "archived", "encrypted with key 'a', which is not among the keys here");
    put(&r, r.client, "3", "secret");
    drain(&r, r.blind, keep_payload);
    CHECK_INT(r.runs, 0);
    check_is(&r, "3", "archived", "there are no keys here");
    CHECK_OK(gofer_client_task_run(r.client, r.queue, "1"));
    gofer_client_close(other);
    other = open_with(&r, KEY_B " " KEY_A);
    drain(&r, other, keep_payload);
    CHECK_STR(r.seen, "secret");
    gofer_client_close(other);
    tear_down(&r);
}

static void swapped_envelopes_are_not_run(void)
{
    rig r;
    size_t sizes[2];
    set_up(&r);
    put(&r, r.client, "1", "one");
    put(&r, r.client, "2", "two");
    gofer_info *tasks[2] = { task_of(&r, r.blind, "1"), task_of(&r, r.blind, "2") };
    for (int i = 0; i < 2; i++) {
        const void *bytes = gofer_info_bytes(tasks[i], "payload", &sizes[i]);
        CHECK_OK(gofer_client_task_edit(r.blind, r.queue, i ? "1" : "2", bytes, sizes[i]));
    }
    drain(&r, r.client, keep_payload);
    CHECK_INT(r.runs, 0);
    for (int i = 0; i < 2; i++) {
        check_is(&r, i ? "1" : "2", "archived", "was changed, or it is another task's");
        gofer_info_free(tasks[i]);
    }
    tear_down(&r);
}

static int32_t go_on(gofer_task *task, void *user)
{
    rig *r = user;
    const void *bytes;
    size_t size;
    CHECK_OK(gofer_task_resume(task, &bytes, &size));
    snprintf(r->seen, sizeof r->seen, "%.*s", (int)size, bytes ? (const char *)bytes : "");
    if (r->runs++ > 0)
        return GOFER_DONE;
    CHECK_OK(gofer_task_checkpoint(task, "row 17", 6));
    return gofer_task_retry_in(task, 0, "again");
}

static void a_checkpoint_comes_back(void)
{
    rig r;
    set_up(&r);
    put(&r, r.client, "1", "import");
    drain(&r, r.client, go_on);
    for (int64_t end_ms = gf_mono_ms() + 60000; r.runs < 2 && gf_mono_ms() < end_ms;)
        drain(&r, r.client, go_on);
    CHECK_INT(r.runs, 2);
    CHECK_STR(r.seen, "row 17");
    tear_down(&r);
}

// ---- options ----------------------------------------------------------------------------------

static void the_same_call_again_is_the_same_task(void)
{
    rig r;
    set_up(&r);
    gofer_enqueue_options o = options_of(&r, "1");
    put(&r, r.client, "1", "x");
    put(&r, r.client, "1", "x");
    CHECK_STATUS(gofer_client_enqueue(r.client, "t", "y", 1, &o, NULL), GOFER_EEXIST);
    tear_down(&r);
}

static void a_task_is_unique_by_what_is_in_it(void)
{
    rig r;
    set_up(&r);
    gofer_client *second = open_with(&r, KEY_A);
    gofer_enqueue_options o = options_of(&r, NULL);
    o.unique_ms = 60000;
    CHECK_OK(gofer_client_enqueue(r.client, "t", "x", 1, &o, NULL));
    CHECK_STATUS(gofer_client_enqueue(second, "t", "x", 1, &o, NULL), GOFER_EDUPLICATE);
    CHECK_OK(gofer_client_enqueue(second, "t", "y", 1, &o, NULL));
    CHECK_OK(gofer_client_enqueue(second, "u", "x", 1, &o, NULL));
    drain(&r, r.client, keep_payload);
    CHECK_OK(gofer_client_enqueue(second, "t", "x", 1, &o, NULL));
    gofer_client_close(second);
    tear_down(&r);
}

static void a_debounced_task_opens_whichever_call_it_is_of(void)
{
    rig r;
    char *first = NULL, *second = NULL;
    set_up(&r);
    gofer_enqueue_options o = options_of(&r, NULL);
    o.debounce_ms = 3600000;
    o.debounce_key = "shop";
    REQUIRE_OK(gofer_client_enqueue(r.client, "t", "one", 3, &o, &first));
    REQUIRE_OK(gofer_client_enqueue(r.client, "t", "two", 3, &o, &second));
    CHECK_STR(second, first);
    gofer_info *task = task_of(&r, r.client, first);
    CHECK_STR(gofer_info_text(task, "sealed_for"), "debounce:shop");
    check_field(task, "payload", "two");
    gofer_info_free(task);
    CHECK_OK(gofer_client_task_run(r.client, r.queue, first));
    drain(&r, r.client, keep_payload);
    CHECK_STR(r.seen, "two");
    gofer_free(first);
    gofer_free(second);
    tear_down(&r);
}

static void the_limit_counts_the_envelope(void)
{
    rig r;
    set_up(&r);
    gofer_client *small = NULL;
    gofer_client_options co;
    gofer_client_options_init(&co);
    co.max_payload = 100;
    co.keys = KEY_A;
    REQUIRE_OK(gofer_client_open(&small, r.url, &co));
    gofer_enqueue_options o = options_of(&r, NULL);
    char bytes[100] = "";
    CHECK_OK(gofer_client_enqueue(small, "t", bytes, 100 - GF_SEAL_MORE, &o, NULL));
    CHECK_STATUS(gofer_client_enqueue(small, "t", bytes, 101 - GF_SEAL_MORE, &o, NULL),
        GOFER_ETOOBIG);
    gofer_client_close(small);
    tear_down(&r);
}

static void an_edited_payload_is_encrypted_if_it_was(void)
{
    rig r;
    set_up(&r);
    put(&r, r.client, "1", "x");
    put(&r, r.blind, "2", "x");
    CHECK_OK(gofer_client_task_edit(r.client, r.queue, "1", "new", 3));
    CHECK_OK(gofer_client_task_edit(r.client, r.queue, "2", "new", 3));
    for (int i = 0; i < 2; i++) {
        gofer_info *task = task_of(&r, r.client, i ? "2" : "1");
        check_field(task, "payload", "new");
        CHECK_INT(gofer_info_int(task, "decrypted", 0), i == 0);
        gofer_info_free(task);
    }
    tear_down(&r);
}

static void the_tasks_of_a_cron_entry_open(void)
{
    rig r;
    char entry[64];
    set_up(&r);
    snprintf(entry, sizeof entry, "of-%s", r.queue);
    gofer_enqueue_options task = options_of(&r, NULL);
    gofer_schedule_options o;
    gofer_schedule_options_init(&o);
    o.task = &task;
    task.task_id = NULL;
    REQUIRE_OK(gofer_client_schedule_put(r.client, entry, "0 0 1 1 *", "t", "all", 3, &o, 0));
    gofer_info *shown = NULL;
    REQUIRE_OK(gofer_client_schedule(r.blind, entry, &shown));
    check_envelope(shown, "payload");
    gofer_info_free(shown);
    REQUIRE_OK(gofer_client_schedule(r.client, entry, &shown));
    check_field(shown, "payload", "all");
    gofer_info_free(shown);
    CHECK_OK(gofer_client_schedule_run(r.blind, entry, NULL));
    drain(&r, r.client, keep_payload);
    CHECK_STR(r.seen, "all");
    CHECK_OK(gofer_client_schedule_remove(r.client, entry));
    tear_down(&r);
}

static void waiting_gives_the_result(void)
{
    rig r;
    set_up(&r);
    put(&r, r.client, "1", "x");
    drain(&r, r.client, keep_payload);
    gofer_info *end = NULL;
    REQUIRE_OK(gofer_client_wait(r.client, r.queue, "1", 60000, &end));
    check_field(end, "result", "fine");
    gofer_info_free(end);
    REQUIRE_OK(gofer_client_wait(r.blind, r.queue, "1", 60000, &end));
    check_envelope(end, "result");
    gofer_info_free(end);
    tear_down(&r);
}

// ---- workers that run encrypted tasks alone -----------------------------------------------------

static gofer_worker *strict_worker(rig *r, gofer_client *client)
{
    gofer_worker *w = NULL;
    REQUIRE_OK(gofer_worker_new(&w, client));
    REQUIRE_OK(gofer_worker_queue(w, r->queue, 1));
    REQUIRE_OK(gofer_worker_set(w, "encrypted_only", "1"));
    return w;
}

static void what_is_plain_is_archived_by_who_refuses_it(void)
{
    rig r;
    set_up(&r);
    put(&r, r.client, "1", "secret");
    put(&r, r.blind, "2", "forged");
    gofer_worker *w = strict_worker(&r, r.client);
    REQUIRE_OK(gofer_worker_handle(w, "*", keep_payload, &r, NULL));
    REQUIRE_OK(gofer_worker_set(w, "drain", "1"));
    CHECK_OK(gofer_worker_run(w));
    gofer_worker_free(w);
    CHECK_INT(r.runs, 1);
    CHECK_STR(r.seen, "secret");
    check_is(&r, "1", "completed", NULL);
    check_is(&r, "2", "archived", "the payload is not encrypted, and this worker runs encrypted");
    gofer_info *task = task_of(&r, r.blind, "2");
    check_field(task, "payload", "forged");
    gofer_info_free(task);
    w = strict_worker(&r, r.blind);                    // without keys nothing would run
    REQUIRE_OK(gofer_worker_handle(w, "*", keep_payload, &r, NULL));
    CHECK_STATUS(gofer_worker_start(w), GOFER_EINVAL);
    gofer_worker_free(w);
    tear_down(&r);
}

static void what_is_plain_is_not_pulled(void)
{
    rig r;
    gofer_task *task = NULL;
    size_t count = 0;
    set_up(&r);
    put(&r, r.blind, "1", "forged");
    put(&r, r.client, "2", "secret");
    gofer_worker *w = strict_worker(&r, r.client);
    REQUIRE_OK(gofer_worker_set(w, "pull", "1"));
    REQUIRE_OK(gofer_worker_start(w));
    for (int64_t end_ms = gf_mono_ms() + 60000; !count && gf_mono_ms() < end_ms;)
        CHECK_OK(gofer_worker_take(w, &task, 1, 1000, &count));
    REQUIRE(count == 1);
    CHECK_STR(gofer_task_id(task), "2");
    CHECK_OK(gofer_worker_finish(w, &task, &(const int32_t){ GOFER_DONE }, 1));
    gofer_worker_stop(w);
    CHECK_OK(gofer_worker_wait(w, -1));
    gofer_worker_free(w);
    check_is(&r, "1", "archived", "this worker runs encrypted tasks alone");
    tear_down(&r);
}

// ---- flows ------------------------------------------------------------------------------------

static int32_t see_parent(gofer_task *task, void *user)
{
    rig *r = user;
    void *bytes = NULL;
    size_t size = 0;
    if (strcmp(gofer_task_type(task), "first") == 0)
        return keep_payload(task, user);
    CHECK_OK(gofer_task_parent(task, "a", &bytes, &size));
    snprintf(r->seen, sizeof r->seen, "%.*s", (int)size, (const char *)bytes);
    gofer_free(bytes);
    return GOFER_DONE;
}

static void what_a_step_has_left_is_opened(void)
{
    rig r;
    set_up(&r);
    const char *after[] = { "a", NULL };
    gofer_enqueue_options o = options_of(&r, NULL);
    gofer_flow_step a, b;
    gofer_flow_options flow;
    gofer_flow_step_init(&a);
    gofer_flow_step_init(&b);
    gofer_flow_options_init(&flow);
    flow.flow_id = "f";
    a.name = "a";
    a.type = "first";
    b.name = b.type = "b";
    b.after = after;
    a.opts = b.opts = &o;
    a.payload = b.payload = "secret";
    a.payload_size = b.payload_size = 6;
    REQUIRE_OK(gofer_client_flow_start(r.client, 2, (const gofer_flow_step *[]){ &a, &b }, &flow,
        NULL));
    drain(&r, r.client, see_parent);
    CHECK_STR(r.seen, "fine");
    void *bytes = NULL;
    size_t size = 0;
    CHECK_OK(gofer_client_flow_result(r.client, "f", "a", &bytes, &size));
    CHECK_MEM(bytes, size, "fine", 4);
    gofer_free(bytes);
    CHECK_OK(gofer_client_flow_result(r.blind, "f", "a", &bytes, &size));
    CHECK(gf_is_sealed(bytes, size));
    gofer_free(bytes);
    gofer_client *other = open_with(&r, KEY_B);
    CHECK_STATUS(gofer_client_flow_result(other, "f", "a", &bytes, &size), GOFER_ENOTFOUND);
    gofer_client_close(other);
    tear_down(&r);
}

// ---- groups -----------------------------------------------------------------------------------

static int32_t join(gofer_group *group, void *user)
{
    rig *r = user;
    char all[64] = "";
    for (size_t i = 0; i < gofer_group_count(group); i++) {
        size_t size, at = strlen(all);
        const char *payload = gofer_task_payload(gofer_group_at(group, i), &size);
        snprintf(all + at, sizeof all - at, "%.*s", (int)size, payload);
    }
    snprintf(r->seen, sizeof r->seen, "%s", all);
    return gofer_group_combine(group, "joined", all, strlen(all), NULL) == GOFER_OK ? 0 : 1;
}

static int32_t see_joined(gofer_task *task, void *user)
{
    (void)keep_payload(task, user);
    atomic_store(&((rig *)user)->runs, 100);
    return GOFER_DONE;
}

static void a_group_is_opened_and_its_task_encrypted(void)
{
    rig r;
    set_up(&r);
    if (!r.client->broker->ops->groups) {
        tear_down(&r);
        OMIT("a store without groups");
    }
    gofer_enqueue_options o = options_of(&r, NULL);
    o.group = "g";
    REQUIRE_OK(gofer_client_enqueue(r.client, "t", "one ", 4, &o, NULL));
    REQUIRE_OK(gofer_client_enqueue(r.blind, "t", "two", 3, &o, NULL));
    gofer_worker *w = NULL;
    REQUIRE_OK(gofer_worker_new(&w, r.client));
    REQUIRE_OK(gofer_worker_queue(w, r.queue, 1));
    REQUIRE_OK(gofer_worker_aggregate(w, "g", join, &r, NULL));
    REQUIRE_OK(gofer_worker_handle(w, "joined", see_joined, &r, NULL));
    REQUIRE_OK(gofer_worker_set(w, "group_max_size", "2"));
    REQUIRE_OK(gofer_worker_start(w));
    for (int64_t end_ms = gf_mono_ms() + 60000;
         atomic_load(&r.runs) < 100 && gf_mono_ms() < end_ms;)
        gf_sleep_us(2000);
    gofer_worker_stop(w);
    CHECK_OK(gofer_worker_wait(w, -1));
    gofer_worker_free(w);
    CHECK_STR(r.seen, "one two");
    tear_down(&r);
}

// ---- keys that change -------------------------------------------------------------------------

static void rekey_all(rig *r, gofer_client *client, int64_t *rewritten, int64_t *left)
{
    gofer_info *page = NULL;
    char cursor[600] = "";
    *rewritten = *left = 0;
    do {
        REQUIRE_OK(gofer_client_rekey(client, r->queue, cursor, &page));
        *rewritten += gofer_info_int(page, "rewritten", 0);
        *left += gofer_info_int(page, "left", 0);
        const char *next = gofer_info_text(page, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        gofer_info_free(page);
    } while (*cursor);
}

static void old_tasks_get_the_new_key(void)
{
    enum { TASKS = 210 };
    rig r;
    char id[16];
    int64_t rewritten, left;
    set_up(&r);
    for (int i = 0; i < TASKS; i++) {
        snprintf(id, sizeof id, "%d", i);
        gofer_enqueue_options o = options_of(&r, id);
        o.delay_ms = i % 2 ? 3600000 : 0;
        REQUIRE_OK(gofer_client_enqueue(r.client, "t", id, strlen(id), &o, NULL));
    }
    put(&r, r.blind, "plain", "x");
    gofer_client *both = open_with(&r, KEY_B " " KEY_A), *new_one = open_with(&r, KEY_B);
    rekey_all(&r, new_one, &rewritten, &left);
    CHECK_INT(rewritten, 0);
    CHECK_INT(left, TASKS);
    rekey_all(&r, both, &rewritten, &left);
    CHECK_INT(rewritten, TASKS);
    CHECK_INT(left, 0);
    rekey_all(&r, both, &rewritten, &left);
    CHECK_INT(rewritten, 0);
    gofer_info *task;
    for (int i = 0; i < 2; i++) {
        task = task_of(&r, new_one, i ? "1" : "0");
        check_field(task, "payload", i ? "1" : "0");
        CHECK_STR(gofer_info_text(task, "encrypted"), "b");
        CHECK_STR(gofer_info_text(task, "state"), i ? "scheduled" : "pending");
        gofer_info_free(task);
    }
    CHECK_STATUS(gofer_client_rekey(r.blind, r.queue, NULL, &task), GOFER_EINVAL);
    gofer_client_close(both);
    gofer_client_close(new_one);
    tear_down(&r);
}

static void a_payload_that_has_changed_is_not_rewritten(void)
{
    rig r;
    set_up(&r);
    put(&r, r.blind, "1", "now");
    gf_broker *b = r.client->broker;
    gf_rewrite rewrite = { .was = "then", .was_size = 4, .bytes = "new", .size = 3 };
    CHECK_STATUS(b->ops->act->task_rewrite(b, r.queue, "1", &rewrite), GOFER_ESTALE);
    CHECK_STATUS(b->ops->act->task_rewrite(b, r.queue, "2", &rewrite), GOFER_ENOTFOUND);
    rewrite.was = "now";
    rewrite.was_size = 3;
    CHECK_OK(b->ops->act->task_rewrite(b, r.queue, "1", &rewrite));
    gofer_info *task = task_of(&r, r.blind, "1");
    check_field(task, "payload", "new");
    gofer_info_free(task);
    tear_down(&r);
}

// What `client` sees of a task is open, and this is in it.
static void check_opened(const rig *r, gofer_client *client, const char *id, const char *field,
    const char *want)
{
    gofer_info *task = task_of(r, client, id);
    check_field(task, field, want);
    CHECK_STR(gofer_info_text(task, "encrypted"), "b");
    gofer_info_free(task);
}

static void what_tasks_have_left_gets_the_new_key(void)
{
    rig r;
    int64_t rewritten, left;
    set_up(&r);
    put(&r, r.client, "1", "done");
    drain(&r, r.client, keep_payload);
    put(&r, r.client, "2", "dead");
    CHECK_OK(gofer_client_task_archive(r.client, r.queue, "2"));
    put(&r, r.client, "3", "again");
    r.runs = 0;
    drain(&r, r.client, go_on);                        // which leaves a checkpoint
    gofer_client *both = open_with(&r, KEY_B " " KEY_A), *new_one = open_with(&r, KEY_B);
    rekey_all(&r, both, &rewritten, &left);
    CHECK_INT(rewritten, 3);
    CHECK_INT(left, 0);
    rekey_all(&r, both, &rewritten, &left);
    CHECK_INT(rewritten, 0);
    check_opened(&r, new_one, "1", "payload", "done");
    check_opened(&r, new_one, "1", "result", "fine");
    check_opened(&r, new_one, "2", "payload", "dead");
    gofer_info *task = task_of(&r, new_one, "3");
    if (strcmp(gofer_info_text(task, "state"), "retry") == 0)
        CHECK_OK(gofer_client_task_run(new_one, r.queue, "3"));
    gofer_info_free(task);
    drain(&r, new_one, go_on);
    CHECK_STR(r.seen, "row 17");
    gofer_client_close(both);
    gofer_client_close(new_one);
    tear_down(&r);
}

static void cron_entries_of_the_queue_get_the_new_key(void)
{
    rig r;
    char entry[64], other[64];
    gofer_info *page = NULL;
    set_up(&r);
    snprintf(entry, sizeof entry, "new-%s", r.queue);
    snprintf(other, sizeof other, "old-%s", r.queue);
    gofer_enqueue_options task = options_of(&r, NULL);
    gofer_schedule_options o;
    gofer_schedule_options_init(&o);
    o.task = &task;
    REQUIRE_OK(gofer_client_schedule_put(r.client, entry, "0 0 1 1 *", "t", "all", 3, &o, 0));
    task.queue = "another";
    REQUIRE_OK(gofer_client_schedule_put(r.client, other, "0 0 1 1 *", "t", "all", 3, &o, 0));
    gofer_client *both = open_with(&r, KEY_B " " KEY_A), *new_one = open_with(&r, KEY_B);
    REQUIRE_OK(gofer_client_rekey(new_one, r.queue, NULL, &page));   // no task has ever been there
    CHECK_INT(gofer_info_int(page, "left", 0), 1);
    CHECK_HAS(gofer_info_text(page, "reason"), "encrypted with key 'a'");
    gofer_info_free(page);
    REQUIRE_OK(gofer_client_rekey(both, r.queue, NULL, &page));
    CHECK_INT(gofer_info_int(page, "entries", 0), 1);
    CHECK(gofer_info_text(page, "next_cursor") == NULL);
    gofer_info_free(page);
    CHECK_OK(gofer_client_schedule_run(r.blind, entry, NULL));
    drain(&r, new_one, keep_payload);
    CHECK_STR(r.seen, "all");
    gofer_info *shown = NULL;
    REQUIRE_OK(gofer_client_schedule(new_one, other, &shown));
    check_envelope(shown, "payload");
    gofer_info_free(shown);
    CHECK_OK(gofer_client_schedule_remove(r.client, entry));
    CHECK_OK(gofer_client_schedule_remove(r.client, other));
    gofer_client_close(both);
    gofer_client_close(new_one);
    tear_down(&r);
}

static const check_test tests[] = {
    TEST(handlers_see_what_was_enqueued_and_the_store_does_not),
    TEST(what_came_plain_stays_plain),
    TEST(an_unknown_key_archives_with_the_bytes),
    TEST(swapped_envelopes_are_not_run),
    TEST(a_checkpoint_comes_back),
    TEST(the_same_call_again_is_the_same_task),
    TEST(a_task_is_unique_by_what_is_in_it),
    TEST(a_debounced_task_opens_whichever_call_it_is_of),
    TEST(the_limit_counts_the_envelope),
    TEST(an_edited_payload_is_encrypted_if_it_was),
    TEST(the_tasks_of_a_cron_entry_open),
    TEST(waiting_gives_the_result),
    TEST(what_is_plain_is_archived_by_who_refuses_it),
    TEST(what_is_plain_is_not_pulled),
    TEST(what_a_step_has_left_is_opened),
    TEST(a_group_is_opened_and_its_task_encrypted),
    TEST(old_tasks_get_the_new_key),
    TEST(a_payload_that_has_changed_is_not_rewritten),
    TEST(what_tasks_have_left_gets_the_new_key),
    TEST(cron_entries_of_the_queue_get_the_new_key),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
