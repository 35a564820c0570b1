// fixture.c - a fresh store for each test, and short forms of the broker door's calls.
#include "fixture.h"

#include "raw.h"

#include <dirent.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "message/options.h"
#include "util/clock.h"

const char *suite_url;

static char folder[128], path[192], url[2048];

bool store_is_shared(void)
{
    return strncmp(suite_url, "memory:", 7) != 0;
}

bool store_is_file(void)
{
    return strcmp(suite_url, "sqlite:") == 0;
}

bool store_is_redis(void)
{
    return strncmp(suite_url, "redis", 5) == 0;
}

int64_t store_granularity_ms(void)
{
    return store_is_redis() ? 1000 : 1;
}

int64_t store_up(int64_t ms)
{
    int64_t unit = store_granularity_ms();
    return (ms + unit - 1) / unit * unit;
}

int64_t store_down(int64_t ms)
{
    return ms / store_granularity_ms() * store_granularity_ms();
}

bool store_heard(bool heard)
{
    if (!heard && getenv("GOFER_TEST_FAILOVER"))
        atomic_fetch_add(&check_state.uncertain, 1);
    return heard;
}

static gf_listener *listening[4];

gf_listener *listener_new(gf_broker *b, bool sums)
{
    size_t at = 0;
    while (at < COUNT(listening) && listening[at])
        at++;
    REQUIRE(at < COUNT(listening));
    REQUIRE_OK(b->ops->live->listener_open(b, sums, &listening[at]));
    return listening[at];
}

void listener_end(gf_listener *l)
{
    for (size_t i = 0; i < COUNT(listening); i++)
        if (listening[i] == l)
            listening[i] = NULL;
    l->broker->ops->live->listener_close(l);
}

void listeners_end(void)
{
    for (size_t i = 0; i < COUNT(listening); i++)
        if (listening[i])
            listener_end(listening[i]);
}

bool store_sees_death(void)
{
    return !store_is_redis();
}

void lease_ends(const char *queue, const char *id)
{
    if (store_is_redis())
        raw_run("ZINCRBY asynq:{%s}:lease -120 %s", queue, id);
}

const char *store_url(void)
{
    return url;
}

const char *store_path(void)
{
    return path;
}

void leases_end(const char *queue)
{
    char ids[4096], *rest = NULL;
    const char *found = store_is_redis() ? raw_text("LRANGE asynq:{%s}:active 0 -1", queue) : NULL;
    snprintf(ids, sizeof ids, "%s", found ? found : "");
    for (char *id = strtok_r(ids, " ", &rest); id; id = strtok_r(NULL, " ", &rest))
        lease_ends(queue, id);
}

static void fresh_place(void)
{
    const char *base = getenv("GOFER_TEST_STORES");
    if (!base || !*base)
        base = getenv("TMPDIR");
    if (store_is_redis())
        raw_clean();
    if (!store_is_file()) {
        snprintf(url, sizeof url, "%s", suite_url);
        return;
    }
    snprintf(folder, sizeof folder, "%s/gofer-test-XXXXXX", base && *base ? base : "/tmp");
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/tasks.db", folder);
    snprintf(url, sizeof url, "sqlite:%s", path);
}

void store_remove(void)
{
    DIR *dir = *folder ? opendir(folder) : NULL;
    if (!dir)
        return;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            CHECK(unlinkat(dirfd(dir), e->d_name, 0) == 0);
    closedir(dir);
    CHECK(rmdir(folder) == 0);
    *folder = '\0';
}

enum { USUAL_MS = 5000, PATIENT_MS = 120000 };

static int64_t store_timeout_ms = USUAL_MS;

void store_be_patient(bool patient)
{
    store_timeout_ms = patient ? PATIENT_MS : USUAL_MS;
}

gofer_status store_try(const char *which, gf_broker **out)
{
    gf_broker_config config = { .timeout_ms = store_timeout_ms, .max_payload = 64 << 20 };
    gf_url parsed;
    gofer_status st = gf_url_parse(&parsed, which);
    if (st != GOFER_OK)
        return st;
    st = gf_broker_open(out, &parsed, &config);
    gf_url_clear(&parsed);
    return st;
}

gf_broker *store_again(void)
{
    gf_broker *b = NULL;
    REQUIRE_OK(store_try(url, &b));
    return b;
}

void worker_register(gf_broker *b, const char *id)
{
    gf_worker_entry entry = {
        .id = id, .host = "here", .pid = getpid(), .started_ms = gf_now_ms(), .state = "active",
        .concurrency = 4, .running = 0, .queues = "q=1",
    };
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &entry, LEASE_MS));
}

void worker_runs(gf_broker *b, const char *id, const gf_claim *claim)
{
    const gf_message *m = &claim->message;
    gf_running task = {
        .id = m->id,
        .type = m->type,
        .queue = m->queue,
        .payload = m->payload,
        .payload_size = m->payload_size,
        .started_ms = gf_now_ms(),
        .deadline_ms = gf_now_ms() + m->timeout_ms,
    };
    gf_worker_entry entry = {
        .id = id, .host = "here", .pid = getpid(), .started_ms = gf_now_ms(), .state = "active",
        .concurrency = 4, .running = 1, .queues = "q=1", .tasks = &task, .task_count = 1,
    };
    REQUIRE_OK(b->ops->upkeep->worker_register(b, &entry, LEASE_MS));
}

static void check_member(const char *name, bool has, bool should)
{
    if (has != should)
        fprintf(stderr, "    the member '%s' %s\n", name,
            has ? "is not in the list" : "is missing");
    CHECK(has == should);
}

gf_broker *store_open(void)
{
    fresh_place();
    gf_broker *b = store_again();
    const char *shards = getenv("GOFER_TEST_SHARDS");
    if (shards && b->ops->shards)
        REQUIRE_OK(b->ops->shards->declare(b, "q", atoi(shards)));
    worker_register(b, "w");
    return b;
}

// ---- the tables and their members ---------------------------------------------------------------

enum { OF_SQLITE = 1, OF_REDIS = 2, OF_ALL = OF_SQLITE | OF_REDIS };

// TABLES(x): each table of the door, and which stores have it.
#define TABLES(x) \
    x(tasks, OF_ALL) x(upkeep, OF_ALL) x(groups, OF_ALL) x(cron, OF_ALL) x(peers, OF_REDIS) \
    x(live, OF_ALL) x(inspect, OF_ALL) x(act, OF_ALL) x(transfer, OF_ALL) x(check, OF_ALL) \
    x(audit, OF_ALL) x(shards, OF_REDIS) x(limits, OF_ALL) x(guards, OF_ALL) \
    x(hours, OF_ALL) \
    x(flows, OF_ALL)

// MEMBERS(x): each member of a table that is a function.
#define MEMBERS(x) \
    x(tasks, put) x(tasks, exchange) x(tasks, extend) x(tasks, progress) x(tasks, release) \
    x(tasks, checkpoint) x(tasks, waiter_open) x(tasks, waiter_close) x(tasks, waiter_arm) \
    x(tasks, waiter_wait) x(tasks, waiter_wake) \
    x(upkeep, forward) x(upkeep, recover) x(upkeep, purge) x(upkeep, tidy) \
    x(upkeep, worker_register) x(upkeep, worker_deregister) x(upkeep, now_ms) \
    x(upkeep, clock) \
    x(groups, take) x(groups, put) x(groups, back) x(groups, archive) x(groups, reclaim) \
    x(cron, entry_put) x(cron, entry_swap) x(cron, entry_drop) x(cron, entries) x(cron, tick) \
    x(cron, tick_states) x(cron, tick_history) \
    x(peers, show) x(peers, hide) x(peers, foreign) \
    x(live, watch_open) x(live, watch_close) x(live, control) x(live, events_wanted) \
    x(live, events_publish) x(live, listener_open) x(live, listener_next) \
    x(live, listener_close) x(live, waits_open) x(live, waits_close) x(live, waits_add) \
    x(live, waits_remove) x(live, waits_next) x(live, waits_wake) x(live, interrupt) \
    x(inspect, names) x(inspect, locate) x(inspect, filled) x(inspect, counts) x(inspect, workers) \
    x(inspect, queues) x(inspect, queues_page) x(inspect, tasks) x(inspect, task) \
    x(inspect, groups) x(inspect, closed) \
    x(inspect, history) x(inspect, backlog) x(inspect, stats_add) x(inspect, stats) \
    x(inspect, stats_steps) \
    x(act, tasks_act) x(act, tasks_move) \
    x(act, task_edit) x(act, task_rewrite) x(act, queue_pause) x(act, queue_bound) \
    x(act, queue_encrypt) x(act, queue_age) x(act, queue_delete) \
    x(transfer, export_items) x(transfer, import_items) x(transfer, drop_items) \
    x(check, store) \
    x(audit, add) x(audit, page) \
    x(shards, declare) x(shards, slots) \
    x(limits, put) x(limits, drop) x(limits, list) x(limits, keys) x(limits, key) \
    x(limits, pause) x(limits, share) x(limits, rung) \
    x(hours, put) x(hours, list) \
    x(guards, type_pause) x(guards, types) x(guards, breaker_put) x(guards, breaker_drop) \
    x(guards, breaker_close) x(guards, breakers) \
    x(flows, start) x(flows, relay) x(flows, rung) x(flows, show) x(flows, list) \
    x(flows, act) x(flows, result)

void store_check_members(void)
{
    gf_broker *b = store_open();
    int ours = store_is_redis() ? OF_REDIS : OF_SQLITE;
    CHECK(b->ops->open && b->ops->close && b->ops->ping);
    // Told one by one: which is missing, or is there and named as missing.
#define CHECK_TABLE(table, stores) \
    check_member(#table, b->ops->table != NULL, ((stores)&ours) != 0);
    TABLES(CHECK_TABLE)
#define CHECK_MEMBER(table, member) \
    check_member(#table "->" #member, !b->ops->table || b->ops->table->member != NULL, true);
    MEMBERS(CHECK_MEMBER)
    store_close(b);
}

void store_close(gf_broker *b)
{
    b->ops->upkeep->worker_deregister(b, "w");
    gf_broker_close(b);
}

// ---- one task at a time ---------------------------------------------------------------

gf_message message(const char *queue, const char *id)
{
    return (gf_message){
        .id = id,
        .type = "email:welcome",
        .queue = queue,
        .payload = "{\"to\":1}",
        .payload_size = 8,
        .enqueued_ms = gf_now_ms(),
        .timeout_ms = 60000,
        .max_retry = 25,
    };
}

gofer_status put_message(gf_broker *b, const gf_message *m, int64_t run_at_ms)
{
    gf_put item = { .message = m, .run_at_ms = run_at_ms, .status = GOFER_EHANDLER };
    gofer_status st = b->ops->tasks->put(b, &item, 1);
    return st == GOFER_OK ? item.status : st;
}

void set_priority(gf_message *m, int priority, char room[64])
{
    int size = snprintf(room, 64, "%s%c%d", GF_HEADER_PRIORITY, '\0', priority) + 1;
    m->headers = priority ? room : NULL;
    m->headers_size = priority ? (size_t)size : 0;
}

void set_tenant(gf_message *m, const char *tenant, char room[TENANT_ROOM])
{
    size_t used = m->headers == room ? m->headers_size : 0;
    used += (size_t)snprintf(room + used, TENANT_ROOM - used, "%s%c%s", GF_HEADER_TENANT, '\0',
                tenant) + 1;
    m->headers = room;
    m->headers_size = used;
}

void set_limit_keys(gf_message *m, const char *keys, int cost, char room[LIMIT_ROOM])
{
    int size = snprintf(room, LIMIT_ROOM, "%s%c%s", GF_HEADER_LIMITS, '\0', keys) + 1;
    if (cost > 1)
        size += snprintf(room + size, (size_t)(LIMIT_ROOM - size), "%s%c%d", GF_HEADER_COST, '\0',
                    cost) + 1;
    m->headers = room;
    m->headers_size = (size_t)size;
}

void set_ordered(gf_message *m, const char *key, bool blocks, char room[LIMIT_ROOM])
{
    size_t used = m->headers == room ? m->headers_size : 0;
    used += (size_t)snprintf(room + used, LIMIT_ROOM - used, "%s%cordered:%s", GF_HEADER_ORDERED,
                '\0', key) + 1;
    if (blocks)
        used += (size_t)snprintf(room + used, LIMIT_ROOM - used, "%s%cblock",
                    GF_HEADER_ORDERED_DEAD, '\0') + 1;
    m->headers = room;
    m->headers_size = used;
}

void put(gf_broker *b, const char *queue, const char *id)
{
    gf_message m = message(queue, id);
    CHECK_OK(put_message(b, &m, 0));
}

size_t take_for(gf_broker *b, const char *worker, const char *queue, size_t max, int64_t lease_ms,
    gf_claim **claims)
{
    gf_share share = { queue, max };
    gf_take t = { .worker = worker,
        .queues = &share,
        .queue_count = 1,
        .max = max,
        .lease_ms = lease_ms,
        .claims = claims };
    gofer_status st;
    do
        st = b->ops->tasks->exchange(b, NULL, 0, &t);
    while (st == GOFER_EUNCERTAIN && getenv("GOFER_TEST_FAILOVER"));    // what it took comes back
    CHECK_OK(st);
    return t.count;
}

size_t take(gf_broker *b, const char *queue, size_t max, gf_claim **claims)
{
    return take_for(b, "w", queue, max, LEASE_MS, claims);
}

gf_claim *take_one(gf_broker *b, const char *queue)
{
    gf_claim *claim;
    return take(b, queue, 1, &claim) == 1 ? claim : NULL;
}

gf_claim *need_one(gf_broker *b, const char *queue, const char *id)
{
    gf_claim *claim = take_one(b, queue);
    REQUIRE(claim != NULL);
    CHECK_STR(claim->message.id, id);
    return claim;
}

gofer_status finish(gf_broker *b, gf_claim *claim, gf_finish how)
{
    how.claim = claim;
    how.status = GOFER_EHANDLER;
    gofer_status st = b->ops->tasks->exchange(b, &how, 1, NULL);
    gf_claim_free(claim);
    return st == GOFER_OK ? how.status : st;
}

void done(gf_broker *b, gf_claim *claim)
{
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_DONE }));
}

void drain_expecting(gf_broker *b, const char *queue, const char *ids)
{
    char got[1024] = "";
    for (gf_claim *claim; (claim = take_one(b, queue)) != NULL;) {
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", *got ? " " : "",
            claim->message.id);
        done(b, claim);
    }
    CHECK_STR(got, ids);
}

gofer_status put_as(gf_broker *b, gf_put item)
{
    item.status = GOFER_EHANDLER;
    gofer_status st = b->ops->tasks->put(b, &item, 1);
    return st == GOFER_OK ? item.status : st;
}

void crash(gf_broker *b, const char *queue, const char *id, int32_t crash_limit, gf_recovered *told)
{
    gf_claim *claim = NULL;
    gf_recovered nobody = { 0 }, *r = told ? told : &nobody;
    REQUIRE(take_for(b, "w", queue, 1, 1, &claim) == 1);
    CHECK_STR(claim->message.id, id);
    gf_claim_free(claim);
    lease_ends(queue, id);
    int64_t end = gf_mono_ms() + PATIENCE_MS;
    do {
        gf_sleep_us(500);
        CHECK_OK(b->ops->upkeep->recover(b, 10, crash_limit, r));
    } while (strcmp(task_state(b, queue, id), "active") == 0 && gf_mono_ms() < end);
}

const char *attempt(const char *kind, int number)
{
    static char text[200];
    snprintf(text, sizeof text, "at_ms:%lld\tattempt:%d\tkind=%s\tduration_ms:5\tworker=w",
        (long long)gf_now_ms(), number, kind);
    return text;
}

// ---- looking ------------------------------------------------------------------------------

// Is there something to look at? Where it may be, but cannot be had just now (a slot that moves, a
// server that is replaced), the look is made again for a while.
static bool seen(gf_broker *b, gofer_status (*look)(gf_broker *, const char *, const char *,
    gofer_info **), const char *queue, const char *id, gofer_info **out)
{
    int64_t until = gf_mono_ms() + PATIENCE_MS;
    gofer_status st = look(b, queue, id, out);
    while (st != GOFER_OK && st != GOFER_ENOTFOUND && gf_mono_ms() < until) {
        gf_sleep_us(5000);
        st = look(b, queue, id, out);
    }
    return st == GOFER_OK;
}

static gofer_status look_queue(gf_broker *b, const char *queue, const char *id, gofer_info **out)
{
    (void)id;
    return b->ops->inspect->queues(b, queue, out);
}

static gofer_status look_task(gf_broker *b, const char *queue, const char *id, gofer_info **out)
{
    return b->ops->inspect->task(b, queue, id, out);
}

int64_t queue_number(gf_broker *b, const char *queue, const char *field)
{
    gofer_info *info;
    if (!seen(b, look_queue, queue, NULL, &info))
        return -1;
    int64_t value = gofer_info_int(info, field, -2);
    gofer_info_free(info);
    return value;
}

const char *queue_counts(gf_broker *b, const char *queue)
{
    static char text[128];
    gofer_info *info;
    if (!seen(b, look_queue, queue, NULL, &info))
        return "none";
    snprintf(text, sizeof text, "p%d a%d s%d r%d c%d x%d", (int)gofer_info_int(info, "pending", -1),
        (int)gofer_info_int(info, "active", -1), (int)gofer_info_int(info, "scheduled", -1),
        (int)gofer_info_int(info, "retry", -1), (int)gofer_info_int(info, "completed", -1),
        (int)gofer_info_int(info, "archived", -1));
    gofer_info_free(info);
    return text;
}

int64_t task_number(gf_broker *b, const char *queue, const char *id, const char *field)
{
    gofer_info *info;
    if (!seen(b, look_task, queue, id, &info))
        return -1;
    int64_t value = gofer_info_int(info, field, -2);
    gofer_info_free(info);
    return value;
}

const char *task_text(gf_broker *b, const char *queue, const char *id, const char *field)
{
    static char text[1024];
    gofer_info *info;
    *text = '\0';
    if (!seen(b, look_task, queue, id, &info))
        return text;
    const char *value = gofer_info_text(info, field);
    snprintf(text, sizeof text, "%s", value ? value : "");
    gofer_info_free(info);
    return text;
}

const char *task_state(gf_broker *b, const char *queue, const char *id)
{
    return task_text(b, queue, id, "state");
}

static const char *child_texts(gf_broker *b, const char *queue, const char *id, const char *list,
    const char *field)
{
    static char text[2048];
    gofer_info *info;
    *text = '\0';
    if (b->ops->inspect->task(b, queue, id, &info) != GOFER_OK)
        return "no task";
    const gofer_info *lines = gofer_info_child(info, list);
    for (size_t i = 0; i < gofer_info_count(lines); i++) {
        const char *value = gofer_info_text(gofer_info_at(lines, i), field);
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", *text ? " " : "",
            value ? value : "?");
    }
    gofer_info_free(info);
    return text;
}

const char *task_attempts(gf_broker *b, const char *queue, const char *id)
{
    return child_texts(b, queue, id, "attempts", "kind");
}

const char *task_log(gf_broker *b, const char *queue, const char *id)
{
    return child_texts(b, queue, id, "log", "text");
}

const char *page_ids(gf_broker *b, const char *queue, gf_state state, size_t limit)
{
    static char ids[4096];
    char cursor[64] = "";
    *ids = '\0';
    do {
        gofer_info *page;
        if (!CHECK_OK(
                b->ops->inspect->tasks(b, queue, state, *cursor ? cursor : NULL, limit, &page)))
            return "failed";
        CHECK(gofer_info_count(page) <= limit);
        for (size_t i = 0; i < gofer_info_count(page); i++)
            snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%s", *ids ? " " : "",
                gofer_info_text(gofer_info_at(page, i), "id"));
        const char *next = gofer_info_text(page, "next_cursor");
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        gofer_info_free(page);
    } while (*cursor);
    return ids;
}

// ---- memory -----------------------------------------------------------------------------------

static _Atomic int allocations_left;
static _Atomic int allocation_failed;

static bool is_refused(void)
{
    if (atomic_load(&allocations_left) == 0 || atomic_fetch_sub(&allocations_left, 1) != 1)
        return false;
    atomic_store(&allocation_failed, 1);
    return true;
}

void *memory_alloc(size_t size)
{
    return is_refused() ? NULL : malloc(size);
}

void *memory_realloc(void *memory, size_t size)
{
    return is_refused() ? NULL : realloc(memory, size);
}

void memory_fail_at(int n)
{
    atomic_store(&allocation_failed, 0);
    atomic_store(&allocations_left, n);
}

bool memory_failed(void)
{
    return atomic_load(&allocation_failed) != 0;
}

bool done_or_no_memory(gofer_status st)
{
    return st != GOFER_ENOMEM && CHECK_OK(st);
}

// ---- other processes --------------------------------------------------------------------------

child child_start(int (*run)(int in, int out))
{
    int up[2], down[2];
    REQUIRE(pipe(up) == 0 && pipe(down) == 0);
    fflush(NULL);
    pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
#ifdef __linux__
        prctl(PR_SET_PDEATHSIG, SIGKILL);              // a test that is cut off leaves nobody
                                                       //   behind
#endif
        close(up[0]);
        close(down[1]);
        if (setjmp(check_state.leave) != 0)
            _exit(1);                    // a REQUIRE of the child's
        int code = run(down[0], up[1]);  // may be that of a skipped test
        _exit(code ? code : check_failures() > 0);
    }
    close(up[1]);
    close(down[0]);
    return (child){ pid, up[0], down[1] };
}

int child_end(child *c)
{
    int status = 0;
    close(c->out);
    CHECK(waitpid(c->pid, &status, 0) == c->pid);
    close(c->in);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

void child_kill(child *c)
{
    CHECK(kill(c->pid, SIGKILL) == 0);
    CHECK_INT(child_end(c), 128 + SIGKILL);
}

void say(int fd, char word)
{
    CHECK(write(fd, &word, 1) == 1);
}

char hear(int fd)
{
    char word;
    return read(fd, &word, 1) == 1 ? word : '\0';
}
