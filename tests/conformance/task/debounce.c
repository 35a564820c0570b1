// debounce.c - of many calls of a key one task, and tasks that are put in the place of others.
#include <pthread.h>

#include "fixture.h"
#include "message/options.h"
#include "suites.h"
#include "util/clock.h"

enum { MINUTE_MS = 60000, HOUR_MS = 3600000, CALLERS = 64 };

typedef struct call {
    const char *queue, *id, *key, *payload;
    gf_debounce how;
    gf_effect   effect;                    // out
    char        holder[GF_ID_MAX + 1];     // out; "": nobody's
} call;

static gofer_status debounce(gf_broker *b, call *c)
{
    gf_message m = message(c->queue ? c->queue : "q", c->id);
    m.payload = c->payload;
    m.payload_size = strlen(c->payload);
    c->how.key = c->key;
    if (!c->how.delay_ms)
        c->how.delay_ms = MINUTE_MS;
    *c->holder = '\0';
    gf_put item = { .message = &m, .debounce = &c->how, .holder = c->holder,
        .status = GOFER_EHANDLER };
    gofer_status st = b->ops->tasks->put(b, &item, 1);
    c->effect = item.effect;
    return st == GOFER_OK ? item.status : st;
}

// Its call must be answered so, by this task; "": a new one.
static void calls(gf_broker *b, call c, gf_effect effect, const char *holder)
{
    CHECK_OK(debounce(b, &c));
    CHECK_INT(c.effect, effect);
    CHECK_STR(c.holder, holder);
}

static const char *payload_of(gf_broker *b, const char *queue, const char *id)
{
    static char text[64];
    gofer_info *info;
    size_t size = 0;
    *text = '\0';
    if (!CHECK_OK(b->ops->inspect->task(b, queue, id, &info)))
        return text;
    const void *bytes = gofer_info_bytes(info, "payload", &size);
    if (bytes && size < sizeof text)
        memcpy(text, bytes, size);
    text[size < sizeof text ? size : 0] = '\0';
    gofer_info_free(info);
    return text;
}

static int64_t due(gf_broker *b, const char *id)
{
    return task_number(b, "q", id, "next_run_at_ms");
}

static int64_t forward(gf_broker *b)
{
    size_t moved = 0;
    int64_t next_ms;
    CHECK_OK(b->ops->upkeep->forward(b, 100, &moved, &next_ms));
    return (int64_t)moved;
}

static void run_now(gf_broker *b, const char *id)
{
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, id));
}

// ---- debounce ---------------------------------------------------------------------------

static void of_calls_of_a_key_the_last_counts(void)
{
    gf_broker *b = store_open();
    int64_t before = gf_broker_now_ms(b);
    calls(b, (call){ .id = "a", .payload = "one" }, GF_CREATED, "");
    int64_t first = due(b, "a");
    CHECK(first >= store_down(before + MINUTE_MS) - 1000);
    CHECK(first <= gf_now_ms() + MINUTE_MS + 2000);
    calls(b, (call){ .id = "b", .payload = "two" }, GF_REPLACED, "a");
    CHECK_STR(payload_of(b, "q", "a"), "two");
    CHECK(due(b, "a") >= first);
    CHECK_STR(task_state(b, "q", "b"), "");
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s1 r0 c0 x0");
    calls(b, (call){ .id = "c", .payload = "three", .how = { .delay_ms = HOUR_MS } }, GF_REPLACED,
        "a");
    CHECK(due(b, "a") > first + MINUTE_MS);
    // Another key, another type, another queue: another task.
    calls(b, (call){ .id = "k", .payload = "x", .key = "mine" }, GF_CREATED, "");
    calls(b, (call){ .id = "k2", .payload = "y", .key = "mine" }, GF_REPLACED, "k");
    calls(b, (call){ .id = "other", .queue = "r", .payload = "z" }, GF_CREATED, "");
    calls(b, (call){ .id = "named", .payload = "n", .key = message("q", "a").type }, GF_CREATED,
        "");                               // a name that is like a type is none
    CHECK_STR(payload_of(b, "q", "a"), "three");
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s3 r0 c0 x0");
    run_now(b, "a");
    gf_claim *claim = need_one(b, "q", "a");
    CHECK_MEM(claim->message.payload, claim->message.payload_size, "three", 5);
    done(b, claim);
    store_close(b);
    store_check_sound();
}

static void the_options_of_the_last_call_count_too(void)
{
    gf_broker *b = store_open();
    char room[64];
    gf_debounce how = { .delay_ms = HOUR_MS };
    gf_message m = message("q", "a");
    m.max_retry = 3;
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .debounce = &how }));
    m = message("q", "b");
    m.max_retry = 7;
    m.timeout_ms = 5000;
    set_priority(&m, 9, room);
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .debounce = &how }));
    CHECK_INT(task_number(b, "q", "a", "max_retry"), 7);
    CHECK_INT(task_number(b, "q", "a", "timeout_ms"), 5000);
    CHECK_INT(task_number(b, "q", "a", "priority"), 9);
    put(b, "q", "plain");
    run_now(b, "a");
    drain_expecting(b, "q", "a plain");
    m = message("q", "c");
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .debounce = &how }));
    set_priority(&m, 9, room);
    m.id = "d";
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .debounce = &how }));
    m = message("q", "e");
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .debounce = &how }));  // and none again
    put(b, "q", "plain");
    run_now(b, "c");
    drain_expecting(b, "q", "plain c");
    store_close(b);
    store_check_sound();
}

// With a priority it waits in a line, where on Redis it stands among the scheduled ones.
static void what_waits_in_a_line_is_due(void)
{
    gf_broker *b = store_open();
    char room[64];
    const gf_debounce soon = { .delay_ms = 1 }, later = { .delay_ms = HOUR_MS };
    gf_message m = message("q", "a");
    set_priority(&m, 5, room);
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .debounce = &soon }));
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; forward(b) == 0 && gf_mono_ms() < end;)
        gf_sleep_us(20000);
    CHECK_STR(task_state(b, "q", "a"), "pending");
    m.id = "b";
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .debounce = &later }));
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s1 r0 c0 x0");
    run_now(b, "b");
    m.id = "c";
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .debounce = &later }));
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s1 r0 c0 x0");
    drain_expecting(b, "q", "a b");
    store_close(b);
    store_check_sound();
}

// As many calls as you like: it is due when the time from the first is over.
static void the_longest_wait_holds(void)
{
    gf_broker *b = store_open();
    const gf_debounce how = { .delay_ms = MINUTE_MS, .max_wait_ms = MINUTE_MS + 2000 };
    calls(b, (call){ .id = "a", .payload = "0", .how = how }, GF_CREATED, "");
    int64_t first = due(b, "a"), cap = first + 2000, latest = 0;
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; latest < cap && gf_mono_ms() < end;
         gf_sleep_us(50000)) {
        calls(b, (call){ .id = "b", .payload = "more", .how = how }, GF_REPLACED, "a");
        latest = due(b, "a");
        CHECK(latest >= first && latest <= cap);
    }
    CHECK_INT(latest, cap);
    // What is put off is put off no further; without a longest wait it is.
    calls(b, (call){ .id = "b", .payload = "last", .how = { .delay_ms = HOUR_MS } }, GF_REPLACED,
        "a");
    CHECK(due(b, "a") > cap);
    // The first call is so long ago that it is due.
    calls(b, (call){ .id = "b", .payload = "now",
        .how = { .delay_ms = 1, .max_wait_ms = 1 } }, GF_REPLACED, "a");
    CHECK(due(b, "a") <= first);
    CHECK_INT(forward(b), 1);
    drain_expecting(b, "q", "a");
    store_close(b);
    store_check_sound();
}

static void each_mode_does_what_it_says(void)
{
    gf_broker *b = store_open();
    const gf_debounce hour = { .delay_ms = HOUR_MS, .mode = GOFER_DEBOUNCE_KEEP };
    calls(b, (call){ .id = "a", .payload = "first" }, GF_CREATED, "");
    int64_t was = due(b, "a");
    calls(b, (call){ .id = "b", .payload = "second", .how = hour }, GF_KEPT, "a");
    CHECK_STR(payload_of(b, "q", "a"), "first");
    CHECK(due(b, "a") > was + MINUTE_MS);
    was = due(b, "a");
    calls(b, (call){ .id = "c", .payload = "third",
        .how = { .delay_ms = 2 * HOUR_MS, .mode = GOFER_DEBOUNCE_EARLIEST } }, GF_REPLACED, "a");
    CHECK_STR(payload_of(b, "q", "a"), "third");
    CHECK_INT(due(b, "a"), was);
    calls(b, (call){ .id = "d", .payload = "fourth",
        .how = { .delay_ms = MINUTE_MS, .mode = GOFER_DEBOUNCE_EARLIEST } }, GF_REPLACED, "a");
    CHECK(due(b, "a") < was - MINUTE_MS);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s1 r0 c0 x0");
    store_close(b);
    store_check_sound();
}

static void what_is_due_is_followed_by_another(void)
{
    gf_broker *b = store_open();
    const gf_debounce soon = { .delay_ms = 1 };
    size_t moved = 0;
    calls(b, (call){ .id = "a", .payload = "1", .how = soon }, GF_CREATED, "");
    for (int64_t end = gf_mono_ms() + PATIENCE_MS; !moved && gf_mono_ms() < end; gf_sleep_us(20000))
        moved = (size_t)forward(b);
    CHECK_STR(task_state(b, "q", "a"), "pending");
    calls(b, (call){ .id = "b", .payload = "2" }, GF_CREATED, "");
    calls(b, (call){ .id = "c", .payload = "3" }, GF_REPLACED, "b");
    gf_claim *claim = need_one(b, "q", "a");
    CHECK_MEM(claim->message.payload, claim->message.payload_size, "1", 1);
    calls(b, (call){ .id = "c", .payload = "4" }, GF_REPLACED, "b");
    // To be retried it is not in scheduled.
    CHECK_OK(finish(b, claim, (gf_finish){ .outcome = GF_RETRY_AT, .is_failure = true,
        .at_ms = gf_now_ms() + HOUR_MS, .error = "e" }));
    run_now(b, "b");
    calls(b, (call){ .id = "d", .payload = "5" }, GF_CREATED, "");
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s1 r1 c0 x0");
    store_close(b);
    store_check_sound();
}

static void who_takes_the_task_away_ends_its_debounce(void)
{
    gf_broker *b = store_open();
    calls(b, (call){ .id = "deleted", .payload = "1" }, GF_CREATED, "");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "deleted"));
    calls(b, (call){ .id = "archived", .payload = "2" }, GF_CREATED, "");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, "archived"));
    calls(b, (call){ .id = "cancelled", .payload = "3" }, GF_CREATED, "");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_CANCEL, "cancelled"));
    calls(b, (call){ .id = "last", .payload = "4" }, GF_CREATED, "");
    CHECK_OK(b->ops->act->queue_delete(b, "q", true));
    calls(b, (call){ .id = "anew", .payload = "5" }, GF_CREATED, "");
    // Another task under an id that was debounced once is a task of its own.
    CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, "anew"));
    gf_message m = message("q", "anew");
    CHECK_OK(put_message(b, &m, gf_now_ms() + HOUR_MS));
    calls(b, (call){ .id = "after", .payload = "6" }, GF_CREATED, "");
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s2 r0 c0 x0");
    size_t purged;
    CHECK_OK(b->ops->upkeep->purge(b, 100, &purged));
    calls(b, (call){ .id = "again", .payload = "7" }, GF_REPLACED, "after");
    // Put off by hand it is still the one of its key.
    CHECK_OK(b->ops->act->task_edit(b, "q", "after", NULL, 0, gf_now_ms() + 2 * HOUR_MS));
    calls(b, (call){ .id = "again", .payload = "8" }, GF_REPLACED, "after");
    store_close(b);
    store_check_sound();
}

static void an_id_of_its_own_is_respected(void)
{
    gf_broker *b = store_open();
    call c = { .id = "taken", .payload = "mine" };
    put(b, "q", "taken");
    CHECK_STATUS(debounce(b, &c), GOFER_EEXIST);
    CHECK_INT(queue_number(b, "q", "scheduled"), 0);
    calls(b, (call){ .id = "a", .payload = "1" }, GF_CREATED, "");
    calls(b, (call){ .id = "a", .payload = "2" }, GF_REPLACED, "a");   // a repeat is a call, too
    CHECK_STATUS(debounce(b, &c), GOFER_EEXIST);
    run_now(b, "a");
    calls(b, (call){ .id = "a", .payload = "2" }, GF_KEPT, "");        // whose answer was lost
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s0 r0 c0 x0");
    store_close(b);
    store_check_sound();
}

static void names_may_have_any_letters(void)
{
    gf_broker *b = store_open();
    char longest[GF_NAME_MAX + 1], other[GF_NAME_MAX + 1], id[GF_ID_MAX + 1];
    memset(longest, 'k', GF_NAME_MAX);
    memset(other, 'k', GF_NAME_MAX);
    memset(id, 'i', GF_ID_MAX);
    longest[GF_NAME_MAX] = other[GF_NAME_MAX] = id[GF_ID_MAX] = '\0';
    other[GF_NAME_MAX - 1] = 'l';
    const char *const keys[] = { longest, other, "{x}", "}", "{", "a b c", "%d", "\xc3\xa9",
        "1 2" };
    for (size_t i = 0; i < COUNT(keys); i++) {
        char mine[8];
        snprintf(mine, sizeof mine, "t%zu", i);
        id[0] = (char)('A' + i);
        calls(b, (call){ .id = i % 2 ? mine : id, .key = keys[i], .payload = "1" }, GF_CREATED, "");
        calls(b, (call){ .id = "next", .key = keys[i], .payload = mine }, GF_REPLACED,
            i % 2 ? mine : id);
        CHECK_STR(payload_of(b, "q", i % 2 ? mine : id), mine);
    }
    CHECK_INT(queue_number(b, "q", "scheduled"), COUNT(keys));
    store_close(b);
    store_check_sound();
}

static void a_batch_may_have_tasks_of_all_kinds(void)
{
    gf_broker *b = store_open();
    enum { ALL = 9 };
    gf_message m[ALL];
    gf_put items[ALL];
    char ids[ALL][16], holders[ALL][GF_ID_MAX + 1];
    const gf_debounce how = { .delay_ms = HOUR_MS };
    for (int i = 0; i < ALL; i++) {
        snprintf(ids[i], sizeof ids[i], "t%d", i);
        m[i] = message("q", ids[i]);
        *holders[i] = '\0';
        items[i] = (gf_put){ .message = &m[i], .holder = holders[i], .status = GOFER_EHANDLER };
    }
    items[1].debounce = items[4].debounce = items[6].debounce = &how;
    items[2].run_at_ms = gf_now_ms() + HOUR_MS;
    m[5].id = "t2";
    items[5].replaces = true;
    items[7].unique_ms = HOUR_MS;
    m[6].payload = "last";
    m[6].payload_size = 4;
    CHECK_OK(b->ops->tasks->put(b, items, ALL));
    for (int i = 0; i < ALL; i++) {
        CHECK_STATUS(items[i].status, GOFER_OK);
        CHECK_INT(items[i].effect, i >= 4 && i <= 6 ? GF_REPLACED : GF_CREATED);
        CHECK_STR(holders[i], i == 4 || i == 6 ? "t1" : "");
    }
    CHECK_STR(payload_of(b, "q", "t1"), "last");
    CHECK_STR(queue_counts(b, "q"), "p4 a0 s2 r0 c0 x0");
    drain_expecting(b, "q", "t0 t3 t7 t8");
    store_close(b);
    store_check_sound();
}

typedef struct caller {
    gf_broker *b;
    int        number;
    call       made;
    gofer_status status;
} caller;

static void *call_once(void *arg)
{
    caller *c = arg;
    char id[16], payload[16];
    snprintf(id, sizeof id, "t%d", c->number);
    snprintf(payload, sizeof payload, "p%d", c->number);
    c->made = (call){ .id = id, .payload = payload, .how = { .delay_ms = HOUR_MS } };
    c->status = debounce(c->b, &c->made);
    return NULL;
}

static void many_at_a_time_make_one(void)
{
    gf_broker *b = store_open();
    pthread_t threads[CALLERS];
    caller callers[CALLERS];
    char only[16] = "";
    for (int i = 0; i < CALLERS; i++) {
        callers[i] = (caller){ .b = b, .number = i };
        REQUIRE(pthread_create(&threads[i], NULL, call_once, &callers[i]) == 0);
    }
    int created = 0;
    for (int i = 0; i < CALLERS; i++) {
        CHECK_INT(pthread_join(threads[i], NULL), 0);
        CHECK_STATUS(callers[i].status, GOFER_OK);
        if (callers[i].made.effect == GF_CREATED) {
            snprintf(only, sizeof only, "t%d", i);
            created++;
        }
    }
    CHECK_INT(created, 1);
    for (int i = 0; i < CALLERS; i++)
        if (callers[i].made.effect != GF_CREATED)
            CHECK_STR(callers[i].made.holder, only);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s1 r0 c0 x0");
    // After all of them the last is the last.
    calls(b, (call){ .id = "z", .payload = "last", .how = { .delay_ms = HOUR_MS } }, GF_REPLACED,
        only);
    CHECK_STR(payload_of(b, "q", only), "last");
    store_close(b);
    store_check_sound();
}

static void a_debounced_task_travels_with_its_key(void)
{
    gf_broker *b = store_open();
    static const char *const ids[] = { "typed", "named", "plain" };
    const gf_debounce how = { .delay_ms = HOUR_MS, .max_wait_ms = HOUR_MS };
    gf_item items[3];
    memset(items, 0, sizeof items);
    calls(b, (call){ .id = "typed", .payload = "1", .how = how }, GF_CREATED, "");
    calls(b, (call){ .id = "named", .payload = "2", .key = "k", .how = how }, GF_CREATED, "");
    int64_t due_ms = due(b, "named");
    gf_message m = message("q", "plain");
    CHECK_OK(put_message(b, &m, gf_now_ms() + HOUR_MS));
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", ids, 3, items));
    CHECK_STR(items[1].debounced, "k:k");
    CHECK(items[2].debounced == NULL);
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", items, 3));
    REQUIRE_OK(b->ops->transfer->drop_items(b, "q", items, 3));
    calls(b, (call){ .queue = "r", .id = "x", .payload = "3", .how = how }, GF_REPLACED, "typed");
    calls(b, (call){ .queue = "r", .id = "x", .payload = "4", .key = "k", .how = how }, GF_REPLACED,
        "named");
    CHECK_STR(payload_of(b, "r", "named"), "4");
    CHECK_INT(task_number(b, "r", "named", "next_run_at_ms"), due_ms); // the first call is known
    calls(b, (call){ .id = "new", .payload = "5", .key = "k" }, GF_CREATED, "");
    for (int i = 0; i < 3; i++)
        gf_item_clear(&items[i]);
    store_close(b);
    store_check_sound();
}

// ---- replace ----------------------------------------------------------------------------

static gofer_status replace(gf_broker *b, const char *id, const char *payload, int64_t run_at_ms,
    gf_effect *effect)
{
    gf_message m = message("q", id);
    m.payload = payload;
    m.payload_size = strlen(payload);
    gf_put item = { .message = &m, .run_at_ms = run_at_ms, .replaces = true,
        .status = GOFER_EHANDLER };
    gofer_status st = b->ops->tasks->put(b, &item, 1);
    *effect = item.effect;
    return st == GOFER_OK ? item.status : st;
}

static void replaces(gf_broker *b, const char *id, const char *payload, int64_t run_at_ms,
    gf_effect effect)
{
    gf_effect was = GF_KEPT;
    CHECK_OK(replace(b, id, payload, run_at_ms, &was));
    CHECK_INT(was, effect);
}

static void what_waits_is_replaced_where_it_is(void)
{
    gf_broker *b = store_open();
    int64_t at = store_up(gf_now_ms() + HOUR_MS);
    replaces(b, "a", "old", 0, GF_CREATED);
    put(b, "q", "between");
    replaces(b, "b", "old", 0, GF_CREATED);
    replaces(b, "later", "old", at, GF_CREATED);
    replaces(b, "a", "new", 0, GF_REPLACED);
    CHECK_STR(payload_of(b, "q", "a"), "new");
    replaces(b, "later", "new", 0, GF_REPLACED);
    CHECK_INT(due(b, "later"), at);
    CHECK_STR(payload_of(b, "q", "later"), "new");
    CHECK_STR(queue_counts(b, "q"), "p3 a0 s1 r0 c0 x0");
    drain_expecting(b, "q", "a between b");
    store_close(b);
    store_check_sound();
}

static void it_goes_where_it_is_told(void)
{
    gf_broker *b = store_open();
    int64_t at = store_up(gf_now_ms() + HOUR_MS);
    put(b, "q", "a");
    put(b, "q", "b");
    replaces(b, "a", "now", 1, GF_REPLACED);                   // to the end
    CHECK_STR(page_ids(b, "q", GF_PENDING, 10), "b a");
    replaces(b, "b", "later", at, GF_REPLACED);
    CHECK_STR(task_state(b, "q", "b"), "scheduled");
    CHECK_INT(due(b, "b"), at);
    replaces(b, "b", "sooner", at - MINUTE_MS, GF_REPLACED);
    CHECK_INT(due(b, "b"), at - MINUTE_MS);
    replaces(b, "b", "now", 1, GF_REPLACED);
    CHECK_STR(queue_counts(b, "q"), "p2 a0 s0 r0 c0 x0");
    drain_expecting(b, "q", "a b");
    store_close(b);
    store_check_sound();
}

static void what_is_to_be_retried_begins_anew(void)
{
    gf_broker *b = store_open();
    int64_t at = store_up(gf_now_ms() + HOUR_MS);
    put(b, "q", "a");
    CHECK_OK(finish(b, need_one(b, "q", "a"), (gf_finish){ .outcome = GF_RETRY_AT,
        .is_failure = true, .at_ms = at, .error = "e", .attempt = attempt("failed", 1),
        .checkpoint = "c", .checkpoint_size = 1 }));
    replaces(b, "a", "new", 0, GF_REPLACED);
    CHECK_STR(task_state(b, "q", "a"), "scheduled");
    CHECK_INT(due(b, "a"), at);
    CHECK_STR(task_attempts(b, "q", "a"), "");
    CHECK_STR(task_text(b, "q", "a", "last_error"), "");
    CHECK_INT(task_number(b, "q", "a", "checkpoint_size"), -2);
    CHECK_INT(task_number(b, "q", "a", "retried"), 0);
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s1 r0 c0 x0");
    run_now(b, "a");
    drain_expecting(b, "q", "a");
    store_close(b);
    store_check_sound();
}

static void what_does_not_wait_is_not_replaced(void)
{
    gf_broker *b = store_open();
    gf_effect effect;
    gf_message m = message("q", "kept");
    m.retention_ms = HOUR_MS;
    CHECK_OK(put_message(b, &m, 0));
    done(b, need_one(b, "q", "kept"));
    CHECK_STATUS(replace(b, "kept", "new", 0, &effect), GOFER_ESTATE);
    put(b, "q", "archived");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_ARCHIVE, "archived"));
    CHECK_STATUS(replace(b, "archived", "new", 0, &effect), GOFER_ESTATE);
    replaces(b, "active", "same", 0, GF_CREATED);
    gf_claim *claim = need_one(b, "q", "active");
    CHECK_STATUS(replace(b, "active", "new", 0, &effect), GOFER_ESTATE);
    replaces(b, "active", "same", 0, GF_KEPT);                 // an answer that was lost
    CHECK_STR(queue_counts(b, "q"), "p0 a1 s0 r0 c1 x1");
    done(b, claim);
    replaces(b, "active", "new", 0, GF_CREATED);
    m = message("q", "grouped");
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .group = "g" }));
    CHECK_STATUS(replace(b, "grouped", "new", 0, &effect), GOFER_ESTATE);
    store_close(b);
    store_check_sound();
}

// Large payloads lie elsewhere, and a lock is beside the task.
static void what_the_old_one_had_goes(void)
{
    gf_broker *b = store_open();
    static char large[5000];
    char room[64];
    gf_message m = message("q", "a"), other = message("q", "b");
    memset(large, 'l', sizeof large);
    m.payload = large;
    m.payload_size = sizeof large;
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .unique_ms = HOUR_MS, .unique_key = "k" }));
    replaces(b, "a", "small", 0, GF_REPLACED);
    CHECK_OK(put_as(b, (gf_put){ .message = &other, .unique_ms = HOUR_MS, .unique_key = "k" }));
    m.payload_size = sizeof large - 1;
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .replaces = true }));
    CHECK_INT(task_number(b, "q", "a", "payload_size"), sizeof large - 1);
    // In another lane it is at its end.
    set_priority(&m, 5, room);
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .replaces = true }));
    set_priority(&other, 5, room);
    CHECK_OK(put_as(b, (gf_put){ .message = &other, .replaces = true }));
    put(b, "q", "c");
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .replaces = true }));  // at its place
    CHECK_STR(page_ids(b, "q", GF_PENDING, 10), "a b c");
    set_priority(&m, 0, room);
    CHECK_OK(put_as(b, (gf_put){ .message = &m, .replaces = true }));
    drain_expecting(b, "q", "b c a");
    store_close(b);
    store_check_sound();
}

static void a_debounced_task_may_be_replaced(void)
{
    gf_broker *b = store_open();
    calls(b, (call){ .id = "a", .payload = "1" }, GF_CREATED, "");
    replaces(b, "a", "2", 0, GF_REPLACED);
    CHECK_STR(payload_of(b, "q", "a"), "2");
    calls(b, (call){ .id = "b", .payload = "3" }, GF_REPLACED, "a");
    replaces(b, "a", "4", 1, GF_REPLACED);
    calls(b, (call){ .id = "b", .payload = "5" }, GF_CREATED, "");
    CHECK_STR(queue_counts(b, "q"), "p1 a0 s1 r0 c0 x0");
    store_close(b);
    store_check_sound();
}

suite suite_debounce(void)
{
    static const check_test tests[] = {
        TEST(of_calls_of_a_key_the_last_counts), TEST(the_options_of_the_last_call_count_too),
        TEST(what_waits_in_a_line_is_due), TEST(the_longest_wait_holds),
        TEST(each_mode_does_what_it_says),
        TEST(what_is_due_is_followed_by_another), TEST(who_takes_the_task_away_ends_its_debounce),
        TEST(an_id_of_its_own_is_respected), TEST(names_may_have_any_letters),
        TEST(a_batch_may_have_tasks_of_all_kinds), TEST(many_at_a_time_make_one),
        TEST(a_debounced_task_travels_with_its_key), TEST(what_waits_is_replaced_where_it_is),
        TEST(it_goes_where_it_is_told), TEST(what_is_to_be_retried_begins_anew),
        TEST(what_does_not_wait_is_not_replaced), TEST(what_the_old_one_had_goes),
        TEST(a_debounced_task_may_be_replaced),
    };
    return (suite){ tests, COUNT(tests) };
}
