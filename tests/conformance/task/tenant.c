// tenant.c - tenants that share a queue: in which order their tasks are taken, whatever is done
// with them.
#include <stdio.h>
#include <string.h>

#include "broker/tenants.h"
#include "fixture.h"
#include "message/options.h"
#include "suites.h"
#include "util/clock.h"

typedef struct one {
    const char *id, *tenant;               // tenant NULL: none
    int         priority;
} one;

static void fill(gf_message *m, const one *o, char room[TENANT_ROOM])
{
    *m = message("q", o->id);
    if (o->priority)
        set_priority(m, o->priority, room);
    if (o->tenant)
        set_tenant(m, o->tenant, room);
}

static void put_one_at(gf_broker *b, one o, int64_t run_at_ms)
{
    char room[TENANT_ROOM];
    gf_message m;
    fill(&m, &o, room);
    CHECK_OK(put_message(b, &m, run_at_ms));
}

static void put_of(gf_broker *b, const char *tenant, const char *id)
{
    put_one_at(b, (one){ id, tenant, 0 }, 0);
}

// So many of one tenant; their ids are "<tenant>-<number>".
static void put_many(gf_broker *b, const char *tenant, int count)
{
    enum { STEP = 100 };
    static char ids[STEP][32], rooms[STEP][TENANT_ROOM];
    static gf_message messages[STEP];
    static gf_put items[STEP];
    for (int i = 0; i < count; i += STEP) {
        int some = count - i < STEP ? count - i : STEP;
        for (int k = 0; k < some; k++) {
            snprintf(ids[k], sizeof ids[k], "%s-%d", tenant, i + k);
            fill(&messages[k], &(one){ ids[k], tenant, 0 }, rooms[k]);
            items[k] = (gf_put){ .message = &messages[k] };
        }
        CHECK_OK(b->ops->tasks->put(b, items, (size_t)some));
    }
}

// "a1 a2 b1": each of the tenant of its first letter; - is nobody's.
static void put_named(gf_broker *b, const char *ids)
{
    char id[32], tenant[2] = "";
    for (int size; sscanf(ids, " %31s%n", id, &size) == 1; ids += size) {
        tenant[0] = id[0];
        put_of(b, id[0] == '-' ? NULL : tenant, id);
    }
}

static void weigh(gf_broker *b, const char *tenant, int64_t weight)
{
    CHECK_OK(b->ops->tenants->put(b, "q", tenant, weight));
}

static void end(gf_broker *b)
{
    CHECK(take_one(b, "q") == NULL);
    store_close(b);
    store_check_sound();
}

// ---- order --------------------------------------------------------------------------------------

static void tenants_take_turns(void)
{
    gf_broker *b = store_open();
    put_named(b, "a1 a2 a3 a4 b1 b2 c1");
    CHECK_STR(queue_counts(b, "q"), "p7 a0 s0 r0 c0 x0");
    CHECK_STR(task_text(b, "q", "b1", "tenant"), "b");
    CHECK_STR(task_state(b, "q", "b1"), "pending");
    drain_expecting(b, "q", "a1 b1 c1 a2 b2 a3 a4");
    end(b);
}

static void each_is_taken_by_itself_in_that_order(void)
{
    static const char *const order[] = { "a1", "b1", "c1", "a2", "b2", "a3", "a4" };
    gf_broker *b = store_open();
    put_named(b, "a1 a2 a3 a4 b1 b2 c1");
    for (size_t i = 0; i < COUNT(order); i++)
        done(b, need_one(b, "q", order[i]));
    end(b);
}

static void one_with_many_does_not_delay_one_with_few(void)
{
    enum { MANY = 2000, FEW = 10 };
    char id[32];
    gf_claim *claims[2 * FEW];
    gf_broker *b = store_open();
    put_many(b, "large", MANY);
    put_many(b, "small", FEW);
    REQUIRE(take(b, "q", 2 * FEW, claims) == 2 * FEW);
    for (int i = 0; i < FEW; i++) {
        snprintf(id, sizeof id, "small-%d", i);
        CHECK_STR(claims[2 * i + 1]->message.id, id);
        snprintf(id, sizeof id, "large-%d", i);
        CHECK_STR(claims[2 * i]->message.id, id);
    }
    for (int i = 0; i < 2 * FEW; i++)
        done(b, claims[i]);
    // One that comes now is not paid for what it did not use before.
    put_of(b, "late", "late-0");
    put_of(b, "late", "late-1");
    done(b, need_one(b, "q", "late-0"));
    done(b, need_one(b, "q", "large-10"));
    done(b, need_one(b, "q", "late-1"));
    done(b, need_one(b, "q", "large-11"));
    store_close(b);
    store_check_sound();
}

static void weights_are_shares(void)
{
    gf_broker *b = store_open();
    weigh(b, "b", 2);
    weigh(b, "c", 4);
    put_named(b, "a1 a2 a3 b1 b2 b3 b4 b5 b6 c1 c2 c3 c4 c5 c6 c7 c8 c9 c10 c11 c12");
    for (int round = 1; round <= 3; round++) {
        int counts[3] = { 0 };
        gf_claim *claims[7];
        REQUIRE(take(b, "q", 7, claims) == 7);
        for (int i = 0; i < 7; i++) {
            counts[claims[i]->message.id[0] - 'a']++;
            done(b, claims[i]);
        }
        CHECK_INT(counts[0], 1);
        CHECK_INT(counts[1], 2);
        CHECK_INT(counts[2], 4);
    }
    end(b);
}

static void what_is_nobodys_shares_as_one(void)
{
    gf_broker *b = store_open();
    put_named(b, "-1 -2 -3 -4 a1 a2 b1");
    drain_expecting(b, "q", "-1 a1 b1 -2 a2 -3 -4");
    put_named(b, "a1 a2 a3 a4 -1 -2 b1");
    drain_expecting(b, "q", "-1 a1 b1 -2 a2 a3 a4");
    put_named(b, "-1 -2");                     // alone, as ever
    drain_expecting(b, "q", "-1 -2");
    end(b);
}

static void nobodys_tasks_that_keep_coming_starve_no_tenant(void)
{
    gf_broker *b = store_open();
    char id[32];
    int taken = 0;
    put_named(b, "a1 a2 a3 a4 a5");
    for (int i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "-%d", i);
        put(b, "q", id);
        gf_claim *claim = take_one(b, "q");
        REQUIRE(claim != NULL);
        taken += claim->message.id[0] == 'a';
        done(b, claim);
    }
    CHECK_INT(taken, 5);
    store_close(b);
    store_check_sound();
}

static void priority_comes_first(void)
{
    gf_broker *b = store_open();
    put_named(b, "a1 a2 b1");
    put_one_at(b, (one){ "x1", "a", 5 }, 0);
    put_one_at(b, (one){ "x2", "a", 5 }, 0);
    put_one_at(b, (one){ "y1", "b", 5 }, 0);
    put_one_at(b, (one){ "z1", NULL, 5 }, 0);
    put_one_at(b, (one){ "l1", "a", -5 }, 0);
    put_one_at(b, (one){ "l2", "a", -5 }, 0);
    put_one_at(b, (one){ "m1", "b", -5 }, 0);
    put(b, "q", "p1");
    drain_expecting(b, "q", "x1 y1 z1 x2 p1 a1 b1 a2 l1 m1 l2");
    end(b);
}

static void an_empty_line_begins_anew(void)
{
    gf_broker *b = store_open();
    put_named(b, "a1 a2 a3 a4 a5 b1");
    drain_expecting(b, "q", "a1 b1 a2 a3 a4 a5");
    put_named(b, "a6 b2 a7 b3");
    drain_expecting(b, "q", "a6 b2 a7 b3");
    end(b);
}

static void a_repeat_is_not_charged(void)
{
    gf_broker *b = store_open();
    put_named(b, "a1 a1 a1 a1 a2 b1 b2");
    CHECK_STR(queue_counts(b, "q"), "p4 a0 s0 r0 c0 x0");
    drain_expecting(b, "q", "a1 b1 a2 b2");
    end(b);
}

// ---- back, and again ----------------------------------------------------------------------------

static void put_back_it_is_next(void)
{
    gf_broker *b = store_open();
    put_named(b, "a1 a2 b1 b2");
    CHECK_OK(finish(b, need_one(b, "q", "a1"), (gf_finish){ .outcome = GF_REQUEUE }));
    put(b, "q", "plain");
    CHECK_STR(task_state(b, "q", "a1"), "pending");
    done(b, need_one(b, "q", "a1"));
    crash(b, "q", "plain", 3, NULL);           // at the head of its line, whose turn it has been
    crash(b, "q", "b1", 3, NULL);
    CHECK_STR(task_text(b, "q", "b1", "tenant"), "b");
    done(b, need_one(b, "q", "b1"));
    drain_expecting(b, "q", "plain a2 b2");
    end(b);
}

static void forward_all(gf_broker *b)
{
    size_t moved = 0;
    int64_t next_ms;
    for (int64_t until_ms = gf_now_ms() + 20000; gf_now_ms() < until_ms;) {
        CHECK_OK(b->ops->upkeep->forward(b, 100, &moved, &next_ms));
        if (queue_number(b, "q", "scheduled") + queue_number(b, "q", "retry") == 0)
            return;
        gf_sleep_us(20000);
    }
    CHECK(!"nothing came to be due");
}

static void what_is_tried_again_gets_in_line(void)
{
    gf_broker *b = store_open();
    put_named(b, "a1 a2 a3 b1 b2");
    CHECK_OK(finish(b, need_one(b, "q", "a1"), (gf_finish){
        .outcome = GF_RETRY_AT, .is_failure = true, .at_ms = gf_now_ms(), .error = "no" }));
    forward_all(b);
    CHECK_STR(task_text(b, "q", "a1", "tenant"), "a");
    drain_expecting(b, "q", "b1 a2 b2 a3 a1");
    end(b);
}

static void what_is_scheduled_gets_in_line_when_it_is_due(void)
{
    gf_broker *b = store_open();
    put_one_at(b, (one){ "b0", "b", 0 }, gf_now_ms() + 1000);
    put_named(b, "a1 a2 a3");
    CHECK_STR(task_state(b, "q", "b0"), "scheduled");
    forward_all(b);
    put_named(b, "b1");
    drain_expecting(b, "q", "a1 b0 a2 b1 a3");
    end(b);
}

static void deleted_they_leave_no_hole(void)
{
    gf_broker *b = store_open();
    gofer_status status;
    put_named(b, "a1 a2 a3 b1 b2 -1");
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_DELETE, &(const char *){ "b1" }, 1,
        &status));
    CHECK_OK(b->ops->act->tasks_act(b, "q", GF_ACT_ARCHIVE, &(const char *){ "a2" }, 1,
        &status));
    CHECK_STR(task_state(b, "q", "a2"), "archived");
    CHECK_STR(queue_counts(b, "q"), "p4 a0 s0 r0 c0 x1");
    drain_expecting(b, "q", "-1 a1 b2 a3");
    end(b);
}

// Those that went were not taken: who is left, and who comes, begins as if they had never been.
static void deleted_all_begins_anew(void)
{
    gf_broker *b = store_open();
    char id[32];
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "gone-%d", i);
        put_of(b, "a", id);
    }
    for (int i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "gone-%d", i);
        CHECK_OK(gf_act_one(b, "q", GF_ACT_DELETE, id));
    }
    CHECK_STR(queue_counts(b, "q"), "p0 a0 s0 r0 c0 x0");
    put_named(b, "a1 b1 b2 b3");
    drain_expecting(b, "q", "a1 b1 b2 b3");
    end(b);
}

// ---- beside what else says when a task runs -----------------------------------------------------

// Also counts for the limit key `keys`, or (no keys) is one of the order `ordered`; NULL: neither.
static void put_also(gf_broker *b, one o, const char *keys, const char *ordered)
{
    char room[LIMIT_ROOM];
    gf_message m = message("q", o.id);
    if (keys)
        set_limit_keys(&m, keys, 1, room);
    if (ordered)
        set_ordered(&m, ordered, false, room);
    size_t used = m.headers_size;
    used += (size_t)snprintf(room + used, sizeof room - used, "%s%c%s", GF_HEADER_TENANT, '\0',
                o.tenant) + 1;
    m.headers = room;
    m.headers_size = used;
    CHECK_OK(put_message(b, &m, 0));
}

// Takes all that may start now: these, in this order.
static size_t take_these(gf_broker *b, gf_claim **claims, const char *ids)
{
    char taken[200] = "";
    size_t count = take(b, "q", 10, claims), used = 0;
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(taken + used, sizeof taken - used, "%s%s", i ? " " : "",
            claims[i]->message.id);
    CHECK_STR(taken, ids);
    return count;
}

static void done_all(gf_broker *b, gf_claim **claims, size_t count)
{
    for (size_t i = 0; i < count; i++)
        done(b, claims[i]);
}

// Where a slot moves meanwhile, housekeeping does it.
static void has_room(gf_broker *b, const char *id)
{
    size_t moved;
    int64_t next_ms, until_ms = gf_now_ms() + PATIENCE_MS;
    while (*task_text(b, "q", id, "waits_for") && gf_now_ms() < until_ms) {
        CHECK_OK(b->ops->upkeep->forward(b, 100, &moved, &next_ms));
        gf_sleep_us(20000);
    }
    CHECK_STR(task_text(b, "q", id, "waits_for"), "");
}

// Who has to wait for a key has had its turn, and comes first when there is room.
static void a_tenant_at_its_limit_holds_up_no_other(void)
{
    static const char *const ids[] = { "a1", "a2", "a3" };
    const gf_limit limit = { .name = "k", .concurrency = 1, .per_queue = true };
    gf_broker *b = store_open();
    gf_claim *claims[10], *more[10];
    CHECK_OK(b->ops->limits->put(b, &limit));
    for (size_t i = 0; i < COUNT(ids); i++)
        put_also(b, (one){ ids[i], "a", 0 }, "k", NULL);
    put_named(b, "b1 b2 b3 -1");
    size_t count = take_these(b, claims, "-1 a1 b1 b2 b3");
    CHECK_STR(task_text(b, "q", "a2", "waits_for"), "k");
    CHECK_STR(task_text(b, "q", "a2", "tenant"), "a");
    put_named(b, "b4 c1");
    done(b, claims[1]);
    claims[1] = claims[--count];
    has_room(b, "a2");
    size_t others = take_these(b, more, "a2 b4 c1");
    done_all(b, more, others);
    done_all(b, claims, count);
    has_room(b, "a3");
    done(b, need_one(b, "q", "a3"));
    end(b);
}

static void a_tenants_order_holds_up_no_other(void)
{
    gf_broker *b = store_open();
    if (!b->ops->limits || !b->ops->limits->orders) {
        store_close(b);
        OMIT("the store keeps no order of keys");
    }
    gf_claim *claims[10];
    put_also(b, (one){ "a1", "a", 0 }, NULL, "k");
    put_also(b, (one){ "a2", "a", 0 }, NULL, "k");
    put_also(b, (one){ "b1", "b", 0 }, NULL, "l");
    put_named(b, "c1 c2 a3");
    size_t count = take_these(b, claims, "a1 b1 c1 c2 a3");
    put_named(b, "c3");
    done(b, claims[0]);
    done(b, need_one(b, "q", "a2"));
    done_all(b, claims + 1, count - 1);
    done(b, need_one(b, "q", "c3"));
    end(b);
}

static void a_debounced_one_gets_in_line_when_it_is_due(void)
{
    const gf_debounce how = { .key = "k", .delay_ms = 3600000, .max_wait_ms = 0 };
    gf_broker *b = store_open();
    char room[TENANT_ROOM];
    put_named(b, "a1 a2 b1");
    for (int i = 0; i < 2; i++) {          // the second call is of the first one's task
        gf_message m = message("q", i ? "d2" : "d1");
        set_tenant(&m, "b", room);
        CHECK_OK(put_as(b, (gf_put){ .message = &m, .debounce = &how }));
    }
    CHECK_STR(task_text(b, "q", "d1", "tenant"), "b");
    CHECK_STR(task_state(b, "q", "d1"), "scheduled");
    CHECK_OK(gf_act_one(b, "q", GF_ACT_RUN, "d1"));
    drain_expecting(b, "q", "a1 b1 a2 d1");
    end(b);
}

static void moved_to_another_queue_they_keep_their_tenants(void)
{
    static const char *const ids[] = { "a1", "a2", "b1" };
    gf_broker *b = store_open();
    gf_item items[COUNT(ids)];
    memset(items, 0, sizeof items);
    put_named(b, "a1 a2 b1");
    REQUIRE_OK(b->ops->transfer->export_items(b, "q", ids, COUNT(ids), items));
    REQUIRE_OK(b->ops->transfer->import_items(b, "r", items, COUNT(ids)));
    REQUIRE_OK(b->ops->transfer->drop_items(b, "q", items, COUNT(ids)));
    for (size_t i = 0; i < COUNT(ids); i++)
        gf_item_clear(&items[i]);
    CHECK_STR(task_text(b, "r", "b1", "tenant"), "b");
    drain_expecting(b, "r", "a1 b1 a2");
    end(b);
}

// ---- one against many ---------------------------------------------------------------------------

// Counted in tasks taken: of a hundred tenants each has every hundredth turn.
static void of_a_hundred_tenants_none_waits_for_the_large_one(void)
{
    enum { LARGE = 20000, SMALL = 99, EACH = 10, STEP = 100, BEFORE = 500 };
    static int left[SMALL];
    gf_claim *claims[STEP];
    char tenant[16];
    gf_broker *b = store_open();
    int taken = 0, late = 0, missing = SMALL;
    put_many(b, "large", LARGE);
    for (int i = 0; i < BEFORE; i += STEP) {
        REQUIRE(take(b, "q", STEP, claims) == STEP);
        for (int k = 0; k < STEP; k++)
            gf_claim_free(claims[k]);
    }
    for (int i = 0; i < SMALL; i++) {
        snprintf(tenant, sizeof tenant, "%d", i);
        put_many(b, tenant, EACH);
        left[i] = EACH;
    }
    while (missing && taken < 4 * EACH * (SMALL + 1)) {
        REQUIRE(take(b, "q", STEP, claims) == STEP);
        for (int k = 0; k < STEP; k++, taken++) {
            int of = -1;
            if (sscanf(claims[k]->message.id, "%d-", &of) == 1 && --left[of] == 0) {
                missing--;
                late += taken >= 2 * EACH * (SMALL + 1);
            }
            gf_claim_free(claims[k]);
        }
    }
    CHECK_INT(missing, 0);
    CHECK_INT(late, 0);
    store_close(b);
}

// ---- tenants ------------------------------------------------------------------------------------

static const char *names_of(gf_broker *b, const char *after, size_t limit)
{
    static char text[200];
    gofer_info *list = NULL;
    size_t used = 0;
    text[0] = '\0';
    CHECK_OK(b->ops->tenants->list(b, "q", after, limit, &list));
    for (size_t i = 0; list && i < gofer_info_count(list); i++) {
        const gofer_info *t = gofer_info_at(list, i);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %d %d", i ? ", " : "",
            gofer_info_text(t, "tenant"), (int)gofer_info_int(t, "weight", -1),
            (int)gofer_info_int(t, "waiting", -1));
    }
    if (list && gofer_info_has(list, "next_cursor"))
        snprintf(text + used, sizeof text - used, " > %s", gofer_info_text(list, "next_cursor"));
    gofer_info_free(list);
    return text;
}

static void tenants_are_listed(void)
{
    gf_broker *b = store_open();
    gofer_info *list = NULL;
    CHECK_INT(b->ops->tenants->list(b, "q", "", 10, &list), GOFER_ENOTFOUND);
    weigh(b, "b", 3);
    weigh(b, "d", 100);
    weigh(b, "d", 7);
    put_named(b, "c1 a1 a2 a3 b1 b2");
    put_one_at(b, (one){ "a4", "a", 4 }, 0);
    CHECK_STR(names_of(b, "", 10), "a 1 4, b 3 2, c 1 1, d 7 0");
    CHECK_STR(names_of(b, "", 2), "a 1 4, b 3 2 > b");
    CHECK_STR(names_of(b, "b", 2), "c 1 1, d 7 0");
    CHECK_OK(b->ops->tenants->tenant(b, "q", "b", &list));
    CHECK_INT((int)gofer_info_count(list), 1);
    gofer_info_free(list);
    list = NULL;
    CHECK_OK(b->ops->tenants->tenant(b, "q", "nobody", &list));
    CHECK_INT((int)gofer_info_count(list), 0);
    gofer_info_free(list);
    CHECK_OK(b->ops->tenants->drop(b, "q", "d"));
    CHECK_INT(b->ops->tenants->drop(b, "q", "d"), GOFER_ENOTFOUND);
    CHECK_STR(names_of(b, "", 10), "a 1 4, b 3 2, c 1 1");
    store_close(b);
    store_check_sound();
}

static void any_name_is_a_tenant(void)
{
    static char large[GF_NAME_MAX + 1];
    static const char *const names[] = { "a b", "100", "{q}", "\xc3\xa9", "x\ny", "%", large };
    gf_broker *b = store_open();
    char id[32];
    memset(large, 'x', GF_NAME_MAX);
    for (size_t i = 0; i < 2 * COUNT(names); i++) {
        snprintf(id, sizeof id, "%02d", (int)i);
        put_of(b, names[i / 2], id);
    }
    CHECK_STR(task_text(b, "q", "13", "tenant"), large);
    drain_expecting(b, "q", "00 02 04 06 08 10 12 01 03 05 07 09 11 13");
    end(b);
}

// ---- in any history -----------------------------------------------------------------------------

// Start-time fair queueing, small: of one line, tenants 0 (nobody) to 3.
enum { TENANTS = 4, MOST = 400 };
typedef struct model {
    int64_t now, finish[TENANTS], plain;
    struct { int64_t tag; int tenant, number; bool waits; } tasks[MOST];
    int     count, waiting;                    // waiting: tenants' tasks
} model;
static const int weights[TENANTS] = { 1, 1, 2, 4 };

static void model_put(model *m, int tenant)
{
    int64_t tag = m->finish[tenant] > m->now ? m->finish[tenant] : m->now;
    m->tasks[m->count].tag = tag;
    m->tasks[m->count].tenant = tenant;
    m->tasks[m->count].waits = true;
    m->finish[tenant] = tag + GF_FAIR_ROUND / weights[tenant];
    m->count++;
    m->waiting++;
}

// Nobody's tasks have the tag that the first of them gets when it is looked at.
static int model_take(model *m)
{
    int best = -1, plain = -1;
    for (int i = 0; i < m->count; i++) {
        if (!m->tasks[i].waits)
            continue;
        if (m->tasks[i].tenant == 0)
            plain = plain < 0 ? i : plain;
        else if (best < 0 || m->tasks[i].tag < m->tasks[best].tag)
            best = i;
    }
    if (best < 0) {
        best = plain;                          // nothing is shared
    } else {
        m->plain = m->plain > m->now ? m->plain : m->now;
        if (plain >= 0 && m->plain <= m->tasks[best].tag) {
            best = plain;
            m->now = m->plain;
            m->plain += GF_FAIR_ROUND;
        } else {
            m->now = m->tasks[best].tag > m->now ? m->tasks[best].tag : m->now;
        }
    }
    if (best >= 0)
        m->tasks[best].waits = false;
    if (best >= 0 && m->tasks[best].tenant && --m->waiting == 0) {
        memset(m->finish, 0, sizeof m->finish);
        m->now = m->plain = 0;                 // all begins anew
    }
    return best;
}

static unsigned next_random(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void order_is_that_of_the_model(void)
{
    static const char *const names[TENANTS] = { NULL, "one", "two", "four" };
    static model m;
    unsigned state = 7;
    char id[32];
    gf_broker *b = store_open();
    m = (model){ .now = 0 };
    weigh(b, "two", 2);
    weigh(b, "four", 4);
    while (m.count < MOST) {
        bool puts = next_random(&state) % 100 < (m.count < MOST / 2 ? 60 : 45);
        int tenant = (int)(next_random(&state) % TENANTS);
        snprintf(id, sizeof id, "%03d", m.count);
        if (puts && tenant == 0) {
            m.tasks[m.count].tenant = 0;
            m.tasks[m.count++].waits = true;
            put(b, "q", id);
        } else if (puts) {
            model_put(&m, tenant);
            put_of(b, names[tenant], id);
        } else {
            int expected = model_take(&m);
            gf_claim *claim = take_one(b, "q");
            snprintf(id, sizeof id, "%03d", expected);
            REQUIRE((claim != NULL) == (expected >= 0));
            if (claim) {
                CHECK_STR(claim->message.id, id);
                done(b, claim);
            }
        }
    }
    store_close(b);
    store_check_sound();
}

suite suite_tenant(void)
{
    static const check_test tests[] = {
        TEST(tenants_take_turns),
        TEST(each_is_taken_by_itself_in_that_order),
        TEST(one_with_many_does_not_delay_one_with_few),
        TEST(weights_are_shares),
        TEST(what_is_nobodys_shares_as_one),
        TEST(nobodys_tasks_that_keep_coming_starve_no_tenant),
        TEST(priority_comes_first),
        TEST(an_empty_line_begins_anew),
        TEST(a_repeat_is_not_charged),
        TEST(put_back_it_is_next),
        TEST(what_is_tried_again_gets_in_line),
        TEST(what_is_scheduled_gets_in_line_when_it_is_due),
        TEST(deleted_they_leave_no_hole),
        TEST(deleted_all_begins_anew),
        TEST(a_tenant_at_its_limit_holds_up_no_other),
        TEST(a_tenants_order_holds_up_no_other),
        TEST(a_debounced_one_gets_in_line_when_it_is_due),
        TEST(moved_to_another_queue_they_keep_their_tenants),
        TEST(of_a_hundred_tenants_none_waits_for_the_large_one),
        TEST(tenants_are_listed),
        TEST(any_name_is_a_tenant),
        TEST(order_is_that_of_the_model),
    };
    return (suite){ tests, COUNT(tests) };
}
