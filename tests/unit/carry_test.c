// carry_test.c - cron entries carried from store to store: their ticks go on where they ended.
// Between files of its own, and where GOFER_TEST_REDIS names a server, to, from
// and within that too.
#include <string.h>

#include "client/client.h"
#include "redis_own.h"
#include "schedule/book.h"
#include "util/clock.h"

typedef struct two_stores {
    gofer_client *from, *to;
    char          folder[64], name[32];
} two_stores;

enum { HOUR_MS = 3600000 };

// A file in the folder, or a database of the server.
static gofer_client *open_one(const two_stores *t, bool redis, int number)
{
    gofer_client *client = NULL;
    char url[256];
    if (redis) {
        const char *server = getenv("GOFER_TEST_REDIS"), *host = strstr(server, "://");
        REQUIRE(host != NULL);
        int size = (int)((size_t)(host + 3 - server) + strcspn(host + 3, "/"));
        snprintf(url, sizeof url, "%.*s/%d", size, server, number);
    } else
        snprintf(url, sizeof url, "sqlite:%s/%d.db", t->folder, number);
    REQUIRE_OK(gofer_client_open(&client, url, NULL));
    return client;
}

static void set_up(two_stores *t, bool from_redis, bool to_redis)
{
    static int number;
    *t = (two_stores){ 0 };
    own_dir(t->folder);
    snprintf(t->name, sizeof t->name, "entry-%d", ++number);
    t->from = open_one(t, from_redis, 0);
    t->to = open_one(t, to_redis, 1);
}

static void tear_down(two_stores *t)
{
    gofer_client_close(t->from);
    gofer_client_close(t->to);
    own_remove(t->folder);
}

static gofer_status tick(gofer_client *client, const char *entry, int64_t tick_ms)
{
    char id[64];
    snprintf(id, sizeof id, "cron:%s:%lld", entry, (long long)tick_ms);
    gf_message m = { .id = id, .type = "t", .queue = "default", .payload = "", .max_retry = 3,
        .timeout_ms = 60000 };
    gf_tick one = { .entry = entry, .tick_ms = tick_ms, .message = &m };
    REQUIRE_OK(client->broker->ops->cron->tick(client->broker, &one, 1));
    return one.status;
}

// The tick is ahead of now, as after a worker whose clock is: so only what was noted tells of it.
static void carry(bool from_redis, bool to_redis, int32_t flags)
{
    two_stores t;
    gf_schedule there;
    gofer_info *moved = NULL;
    set_up(&t, from_redis, to_redis);
    int64_t tick_ms = (gf_now_ms() / HOUR_MS + 5) * HOUR_MS;
    REQUIRE_OK(gofer_client_schedule_put(t.from, t.name, "0 * * * *", "t", "", 0, NULL, 0));
    CHECK_OK(tick(t.from, t.name, tick_ms));
    REQUIRE_OK(gofer_client_migrate_schedules(t.from, t.to, flags, &moved));
    CHECK_INT(gofer_info_int(moved, "moved", 0), 1);
    gofer_info_free(moved);
    REQUIRE_OK(gf_book_find(t.to->broker, t.name, &there));
    CHECK_INT(there.since_ms, tick_ms);
    gf_schedule_clear(&there);

    gofer_info *shown = NULL;
    REQUIRE_OK(gofer_client_schedule(t.to, t.name, &shown));
    CHECK_INT(gofer_info_int(shown, "next_run_at_ms", 0), tick_ms + HOUR_MS);
    gofer_info_free(shown);
    if (flags & GOFER_MIGRATE_COPY)
        CHECK_OK(gofer_client_schedule_remove(t.from, t.name));
    CHECK_STATUS(gf_book_find(t.from->broker, t.name, &there), GOFER_ENOTFOUND);
    CHECK_OK(gofer_client_schedule_remove(t.to, t.name));
    tear_down(&t);
}

static void a_noted_tick_goes_along(void)
{
    int kinds = getenv("GOFER_TEST_REDIS") ? 2 : 1;
    for (int from = 0; from < kinds; from++)
        for (int to = 0; to < kinds; to++) {
            carry(from, to, 0);
            carry(from, to, GOFER_MIGRATE_COPY);
        }
}

static const check_test tests[] = {
    TEST(a_noted_tick_goes_along),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
