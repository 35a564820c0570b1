// redis_shards_test.c - a cluster of two servers, one of which is silent when the test says so:
// what does not need it goes on. The calls have a minute; that none takes it is what is tested.
#include <limits.h>

#include "broker/redis/store.h"
#include "redis_fake.h"
#include "redis_open.h"
#include "util/alloc.h"
#include "util/clock.h"

enum { MINUTE_MS = 60000, SOON_MS = 30000, MOST_SLOTS = 4 };

static fake sound, other;
static _Atomic bool silent;
static const char *sound_says;               // to a script,
static const char *sound_reads = ":0\r\n";  //   and what each does to most plain commands
static const char *other_reads = ":0\r\n";
static _Atomic int scripts_left = INT_MAX;   // so many scripts are answered, then none
static _Atomic int scripts_seen;
static int64_t timeout_ms = MINUTE_MS;
static char slots_text[2048];

static size_t add_row(size_t at, int first, int last, int port)
{
    return at + (size_t)snprintf(slots_text + at, sizeof slots_text - at,
        "*3\r\n:%d\r\n:%d\r\n*3\r\n$9\r\n127.0.0.1\r\n:%d\r\n$1\r\nx\r\n", first, last, port);
}

// The slots of these keys are the other server's, in rising order; all else is the sound one's.
static void divide(const char *const *keys, size_t count)
{
    int slots[MOST_SLOTS], from = 0;
    size_t rows = 1;
    for (size_t i = 0; i < count; i++) {
        slots[i] = gf_rd_slot(keys[i], strlen(keys[i]));
        for (size_t k = i; k > 0 && slots[k] < slots[k - 1]; k--) {
            int swap = slots[k];
            slots[k] = slots[k - 1];
            slots[k - 1] = swap;
        }
        rows += 2;
    }
    size_t at = (size_t)snprintf(slots_text, sizeof slots_text, "*%zu\r\n", rows);
    for (size_t i = 0; i < count; i++) {
        at = add_row(at, from, slots[i] - 1, sound.port);
        at = add_row(at, slots[i], slots[i], other.port);
        from = slots[i] + 1;
    }
    add_row(at, from, 16383, sound.port);
}

static const char *answer(fake *f, const fake_command *c)
{
    if (strcmp(c->words[0], "CLUSTER") == 0)
        return slots_text;
    if (f == &other && atomic_load(&silent))
        return FAKE_SILENT;
    if (strcmp(c->words[0], "SCRIPT") == 0)
        return "-NOPERM not this one\r\n";
    if (strcmp(c->words[0], "EVAL") == 0) {
        atomic_fetch_add(&scripts_seen, 1);
        return atomic_fetch_sub(&scripts_left, 1) > 0 ? sound_says : FAKE_SILENT;
    }
    if (strcmp(c->words[0], "SMEMBERS") == 0)
        return "*2\r\n$1\r\na\r\n$1\r\nb\r\n";
    return f == &sound ? sound_reads : other_reads;
}

static gf_rd_store *open_store(const char *const *keys, size_t count)
{
    gf_url url;
    gf_broker *b = NULL;
    char text[64];
    const gf_broker_config config = { .timeout_ms = timeout_ms, .max_payload = 8 << 20 };
    atomic_store(&silent, false);
    REQUIRE(fake_start(&sound, answer));
    REQUIRE(fake_start(&other, answer));
    sound.is_cluster = other.is_cluster = true;
    divide(keys, count);
    snprintf(text, sizeof text, "redis-cluster://127.0.0.1:%d", sound.port);
    REQUIRE_OK(gf_url_parse(&url, text));
    gofer_status st = gf_broker_open(&b, &url, &config);
    gf_url_clear(&url);
    REQUIRE_OK(st);
    return (gf_rd_store *)b;
}

static void close_store(gf_rd_store *s)
{
    gf_broker_close(&s->base);
    fake_stop(&sound);
    fake_stop(&other);
}

// ---- enqueues -----------------------------------------------------------------------------------

static void an_enqueue_does_not_wait_for_keys_that_do_not_matter(void)
{
    gf_rd_store *s =
        open_store((const char *const[]){ "asynq:queues", "asynq:gofer:listening" }, 2);
    atomic_store(&silent, true);
    sound_says = ":0\r\n";
    int64_t begun = check_now_ms();
    for (int i = 0; i < 6; i++) {
        char id[] = "a";
        id[0] = (char)(id[0] + i);
        gf_message m = { .id = id, .type = "t", .queue = "q", .payload = "", .max_retry = 1 };
        gf_put item = { .message = &m };
        CHECK_OK(gf_rd_put(&s->base, &item, 1));
        CHECK_INT(item.status, GOFER_OK);
        usleep(i == 2 ? 1100000 : 60000);     // longer than what is known of either is good for
    }
    CHECK(check_now_ms() - begun < SOON_MS);
    CHECK(atomic_load(&other.commands) <= 2);  // the name and the question, once each
    close_store(s);
}

// Six pieces: the first two are answered, the third is not, and so the others are not sent. In one
// pipeline all would be under way when the third has no answer, and nobody knew of the last.
static void many_large_tasks_go_piece_by_piece(void)
{
    enum { TASKS = 6, SIZE = 5 << 20 };
    static const gofer_status wanted[TASKS] = {
        GOFER_OK, GOFER_OK, GOFER_EUNCERTAIN, GOFER_ETIMEOUT, GOFER_ETIMEOUT, GOFER_ETIMEOUT,
    };
    static const char *const ids[TASKS] = { "a", "b", "c", "d", "e", "f" };
    gf_message messages[TASKS];
    gf_put items[TASKS];
    timeout_ms = 10000;                       // the third takes it whole
    gf_rd_store *s = open_store((const char *const[]){ "asynq:gofer:listening" }, 1);
    timeout_ms = MINUTE_MS;
    char *payload = calloc(1, SIZE);
    REQUIRE(payload != NULL);
    for (size_t i = 0; i < TASKS; i++) {
        messages[i] = (gf_message){ .id = ids[i], .type = "t", .queue = "q", .payload = payload,
            .payload_size = SIZE, .max_retry = 1 };
        items[i] = (gf_put){ .message = &messages[i] };
    }
    sound_says = ":0\r\n";
    atomic_store(&scripts_seen, 0);
    atomic_store(&scripts_left, 2);
    CHECK_OK(gf_rd_put(&s->base, items, TASKS));
    for (size_t i = 0; i < TASKS; i++)
        CHECK_INT(items[i].status, wanted[i]);
    CHECK_INT(atomic_load(&scripts_seen), 3);
    atomic_store(&scripts_left, INT_MAX);
    free(payload);
    close_store(s);
}

// ---- looks ---------------------------------------------------------------------------------

static gofer_status look_at_counts(gf_rd_store *s)
{
    static char a[] = "a", b[] = "b";
    gf_counts counts[2];
    return gf_rd_counts(&s->base, (char *const[]){ b, a }, 2, counts);
}

static gofer_status look_for_a_task(gf_rd_store *s)
{
    gf_names names = { 0 };
    gofer_status st = gf_rd_locate(&s->base, "id", &names);
    gf_names_clear(&names);
    return st;
}

static gofer_status read_stats(gf_rd_store *s)
{
    gf_type_stats *items = NULL;
    size_t count;
    gofer_status st = gf_rd_stats(&s->base, NULL, gf_now_ms(), &items, &count);
    gf_free(items);
    return st;
}

static gofer_status look_at_ticks(gf_rd_store *s)
{
    gf_tick_state items[2] = { { .queue = "b", .entry = "e" }, { .queue = "a", .entry = "e" } };
    return gf_rd_tick_states(&s->base, items, COUNT(items));
}

static gofer_status look_at_schedulers(gf_rd_store *s)
{
    gofer_info *list = NULL;
    gofer_status st = gf_rd_schedule_list(s, &list);
    gofer_info_free(list);
    return st;
}

#define KEYS_OF_SCHEDULERS "*2\r\n$20\r\nasynq:schedulers:{b}\r\n$20\r\nasynq:schedulers:{a}\r\n"

// What one refuses cannot be made good by the other, whatever that will have to say.
static void a_look_that_has_failed_waits_for_nobody(void)
{
    static const struct { gofer_status (*look)(gf_rd_store *s); const char *to_script; } cases[] = {
        { look_at_counts,     "-NOPERM not this one\r\n" },
        { look_for_a_task,    "" },
        { read_stats,         "" },
        { look_at_ticks,      "" },
        { look_at_schedulers, KEYS_OF_SCHEDULERS },
    };
    sound_reads = "-NOPERM not this one\r\n";
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_rd_store *s = open_store((const char *const[]){ "{b}" }, 1);
        sound_says = cases[i].to_script;
        atomic_store(&silent, true);
        for (int k = 0; k < 2; k++) {           // with a new connection, and with one that is there
            int64_t begun = check_now_ms();
            CHECK_STATUS(cases[i].look(s), GOFER_EDENIED);
            CHECK_HAS(gofer_error_last(), "not this one");
            CHECK(check_now_ms() - begun < SOON_MS);
        }
        close_store(s);
    }
    sound_reads = ":0\r\n";
}

// A key of another type is passed over, and hides no failure behind it.
static void a_list_is_whole_but_for_keys_of_other_types(void)
{
    static const struct { const char *sound, *other; gofer_status want; } cases[] = {
        { "-WRONGTYPE no\r\n", "*0\r\n",              GOFER_OK },
        { "*0\r\n",            "-WRONGTYPE no\r\n",   GOFER_OK },
        { "-WRONGTYPE no\r\n", "-NOPERM not here\r\n", GOFER_EDENIED },
        { "-NOPERM not here\r\n", "-WRONGTYPE no\r\n", GOFER_EDENIED },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_rd_store *s = open_store((const char *const[]){ "{b}" }, 1);
        sound_says = KEYS_OF_SCHEDULERS;
        sound_reads = cases[i].sound;
        other_reads = cases[i].other;
        CHECK_STATUS(look_at_schedulers(s), cases[i].want);
        close_store(s);
    }
    sound_reads = other_reads = ":0\r\n";
}

// ---- leases -------------------------------------------------------------------------------------

static gf_rd_claim a_claim(const char *queue, const char *key)
{
    gf_rd_claim c = { .base = { .message = { .id = "id", .type = "t", .queue = queue } },
        .queue = queue,
        .key = key,
        .token_text = "token" };
    atomic_store(&c.score, 5);
    return c;
}

static void only_the_word_that_it_is_lost_loses_a_lease(void)
{
    static const struct { const char *text; bool hush; gofer_status here, there; } cases[] = {
        { "*2\r\n$2\r\n99\r\n:1\r\n", true,  GOFER_OK,      GOFER_EUNCERTAIN },
        { "*2\r\n$2\r\n99\r\n:0\r\n", false, GOFER_ESTALE,  GOFER_ESTALE },
        { "*1\r\n$2\r\n99\r\n",       false, GOFER_EBROKER, GOFER_EBROKER },
        { "+OK\r\n",                  false, GOFER_EBROKER, GOFER_EBROKER },
        { "-WRONGTYPE no\r\n",        false, GOFER_ECORRUPT, GOFER_ECORRUPT },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_rd_store *s = open_store((const char *const[]){ "{b}" }, 1);
        gf_rd_claim here = a_claim("a", "asynq:{a}:t:id"), there = a_claim("b", "asynq:{b}:t:id");
        gf_lease leases[2] = { { .claim = &here.base }, { .claim = &there.base } };
        sound_says = cases[i].text;
        atomic_store(&silent, cases[i].hush);
        int64_t begun = check_now_ms();
        gofer_status st = gf_rd_extend(&s->base, leases, 2, 30000);
        CHECK(check_now_ms() - begun < SOON_MS);
        CHECK_INT(st, cases[i].here == GOFER_ECORRUPT ? GOFER_ECORRUPT : GOFER_OK);
        CHECK_INT(leases[0].status, cases[i].here);
        CHECK_INT(leases[1].status, cases[i].there);
        CHECK((leases[0].lease_until_ms > 0) == (cases[i].here == GOFER_OK));
        close_store(s);
    }
}

// ---- exchanges ----------------------------------------------------------------------------------

static void a_silent_server_is_left_out_until_it_answers(void)
{
    gf_rd_store *s = open_store((const char *const[]){ "{b}" }, 1);
    gf_rd_claim here = a_claim("a", "asynq:{a}:t:id"), there = a_claim("b", "asynq:{b}:t:id");
    gf_finish done[2] = { { .claim = &here.base, .outcome = GF_DONE }, { .claim = &there.base,
        .outcome = GF_DONE } };
    sound_says = "*0\r\n";
    atomic_store(&silent, true);
    int64_t begun = check_now_ms();
    CHECK_OK(gf_rd_exchange(&s->base, done, 2, NULL));
    CHECK_INT(done[0].status, GOFER_OK);
    CHECK_INT(done[1].status, GOFER_EUNCERTAIN);
    int asked = atomic_load(&other.commands);
    for (int i = 0; i < 20; i++) {
        CHECK_OK(gf_rd_exchange(&s->base, done, 2, NULL));
        CHECK_INT(done[0].status, GOFER_OK);
        CHECK(done[1].status != GOFER_OK && done[1].status != GOFER_ESTALE);
    }
    // It may be tried again, once its pause is over.
    CHECK(atomic_load(&other.commands) <= asked + 3);
    CHECK(check_now_ms() - begun < SOON_MS);
    CHECK(gf_rd_exchange(&s->base, done + 1, 1, NULL) != GOFER_OK);
    CHECK(check_now_ms() - begun < SOON_MS);
    atomic_store(&silent, false);
    WAIT_FOR(gf_rd_exchange(&s->base, done, 2, NULL) == GOFER_OK && done[1].status == GOFER_OK);
    CHECK_OK(gf_rd_exchange(&s->base, done, 2, NULL));
    CHECK_INT(done[1].status, GOFER_OK);
    close_store(s);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(an_enqueue_does_not_wait_for_keys_that_do_not_matter),
        TEST(only_the_word_that_it_is_lost_loses_a_lease),
        TEST(a_silent_server_is_left_out_until_it_answers),
        TEST(many_large_tasks_go_piece_by_piece),
        TEST(a_look_that_has_failed_waits_for_nobody),
        TEST(a_list_is_whole_but_for_keys_of_other_types),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
