// plans_test.c - how SQLite goes about what it is asked: what it has an index for is not sorted.
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/sqlite/db/sql.h"
#include "check.h"
#include "gofer/gofer.h"

static sqlite3 *db;

// A store as it is made, with nothing in it.
static void open_store(void)
{
    char path[] = "/tmp/gofer-plans-XXXXXX", url[64];
    gofer_client *client;
    int fd = mkstemp(path);
    REQUIRE(fd >= 0);
    close(fd);
    snprintf(url, sizeof url, "sqlite:%s", path);
    REQUIRE_OK(gofer_client_open(&client, url, NULL));
    REQUIRE(sqlite3_open(path, &db) == SQLITE_OK);
    REQUIRE(sqlite3_exec(db, "SELECT * FROM queue", NULL, NULL, NULL) == SQLITE_OK);
    gofer_client_close(client);
    static const char *const ends[] = { "", "-wal", "-shm", "-gofer", "-reserve" };
    for (size_t i = 0; i < COUNT(ends); i++) {
        char name[64];
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

// False: it is one of those for which the broker has functions of its own.
static bool plan_of(const char *text, char *plan, size_t room)
{
    size_t size = strlen(text) + 64;
    char *sql = malloc(size);
    sqlite3_stmt *s = NULL;
    REQUIRE(sql);
    snprintf(sql, size, "EXPLAIN QUERY PLAN %s", text);
    bool known = sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK;
    CHECK(known || strstr(sqlite3_errmsg(db), "no such table: gofer_"));
    *plan = '\0';
    while (known && sqlite3_step(s) == SQLITE_ROW)
        snprintf(plan + strlen(plan), room - strlen(plan), "%s; ",
            (const char *)sqlite3_column_text(s, 3));
    sqlite3_finalize(s);
    free(sql);
    return known;
}

// Those that sort have few rows, or have to look at all of them.
static bool may_sort(int statement)
{
    static const int some[] = { GF_SQL_QUEUES_FILLED, GF_SQL_DAY_LIST, GF_SQL_PAGE_GROUPS,
        GF_SQL_PAGE_GROUP, GF_SQL_WORKER_LIST, GF_SQL_WORKER_PAGE, GF_SQL_AWAITED_ENDED,
        GF_SQL_HOLDS_OLDEST };
    for (size_t i = 0; i < COUNT(some); i++)
        if (some[i] == statement)
            return true;
    return false;
}

static void nothing_is_sorted_that_has_an_index(void)
{
    static char plan[16384];
    int known = 0;
    open_store();
    for (int i = 0; i < GF_SQL_COUNT; i++) {
        known += plan_of(gf_sql_text[i], plan, sizeof plan);
        bool sorts = strstr(plan, "TEMP B-TREE") != NULL;
        if (!CHECK(!sorts || may_sort(i)))
            printf("    %s\n    %s\n", gf_sql_text[i], plan);
    }
    CHECK(known > GF_SQL_COUNT * 9 / 10);
    sqlite3_close(db);
}

// A page of queues begins where it is to, and ends where it ends.
static void a_page_of_queues_is_found_by_name(void)
{
    static char plan[16384];
    open_store();
    CHECK(plan_of(gf_sql_text[GF_SQL_QUEUE_LIST], plan, sizeof plan));
    CHECK_HAS(plan, "USING INDEX sqlite_autoindex_queue_1 (name>?)");
    sqlite3_close(db);
}

// So is one of groups.
static void a_page_of_groups_is_found_by_name(void)
{
    static char plan[16384];
    open_store();
    CHECK(plan_of(gf_sql_text[GF_SQL_GROUP_LIST], plan, sizeof plan));
    CHECK_HAS(plan, "USING INDEX group_name (qid=? AND name>?)");
    sqlite3_close(db);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(nothing_is_sorted_that_has_an_index),
        TEST(a_page_of_queues_is_found_by_name),
        TEST(a_page_of_groups_is_found_by_name),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
