// limit_sqlite.c - what SQLite itself can do at gofer's durability: the measure of the others.
//
//     limit_sqlite FILE COUNT
//
// One process and connection, WAL with synchronous=FULL, an integer key in the order of the queue,
// sequential text ids with a unique index, payloads of 64 bytes. Inserting in transactions of 100
// and of 1; then finishing 100 (delete) and taking the next 100 (update) in one transaction; and
// the median time of one insert after a pause, which a disk that has gone idle makes longer.
#include <errno.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 100, PAYLOAD = 64 };

static sqlite3 *db;

static void die(const char *what)
{
    fprintf(stderr, "limit_sqlite: %s: %s\n", what, db ? sqlite3_errmsg(db) : "cannot open");
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sql);
}

static sqlite3_stmt *prepare(const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
        die(sql);
    return stmt;
}

static void step(sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE || sqlite3_reset(stmt) != SQLITE_OK)
        die("step");
}

static void open_fresh(const char *path)
{
    char other[1024];
    static const char *const ends[] = { "", "-wal", "-shm" };
    for (int i = 0; i < 3; i++) {
        snprintf(other, sizeof other, "%s%s", path, ends[i]);
        if (unlink(other) != 0 && errno != ENOENT)
            die(other);
    }
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die(path);
    run("PRAGMA journal_mode=WAL");
    run("PRAGMA synchronous=FULL");
    run("CREATE TABLE task(seq INTEGER PRIMARY KEY, id TEXT NOT NULL, state INTEGER NOT NULL,"
        " payload BLOB NOT NULL)");
    run("CREATE UNIQUE INDEX task_id ON task(id)");
}

static double insert(int64_t from, int64_t count, int64_t batch)
{
    static const char payload[PAYLOAD] = "0123456789abcdef";
    sqlite3_stmt *put = prepare("INSERT INTO task(seq, id, state, payload) VALUES(?, ?, 0, ?)");
    sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
    double begun = now();
    for (int64_t i = 0; i < count; i++) {
        char id[40];
        snprintf(id, sizeof id, "019a0000-0000-7000-8000-%012lld", (long long)(from + i));
        if (i % batch == 0)
            step(begin);
        sqlite3_bind_int64(put, 1, from + i);
        sqlite3_bind_text(put, 2, id, -1, SQLITE_STATIC);
        sqlite3_bind_blob(put, 3, payload, PAYLOAD, SQLITE_STATIC);
        step(put);
        if (i % batch == batch - 1 || i == count - 1)
            step(commit);
    }
    double rate = (double)count / (now() - begun);
    sqlite3_finalize(put);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    return rate;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double insert_when_idle_us(int64_t from)
{
    enum { ROUNDS = 101 };
    const struct timespec pause = { 0, 10000000 };
    double all[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        nanosleep(&pause, NULL);
        all[i] = 1e6 / insert(from + i, 1, 1);
    }
    qsort(all, ROUNDS, sizeof *all, compare);
    return all[ROUNDS / 2];
}

static double finish_and_take(int64_t count)
{
    sqlite3_stmt *finish = prepare("DELETE FROM task WHERE seq = ?");
    sqlite3_stmt *take = prepare("UPDATE task SET state = 1 WHERE seq = ?");
    sqlite3_stmt *begin = prepare("BEGIN IMMEDIATE"), *commit = prepare("COMMIT");
    double begun = now();
    for (int64_t i = 0; i < count; i += BATCH) {
        step(begin);
        for (int64_t k = i; k < i + BATCH && k < count; k++) {
            sqlite3_bind_int64(finish, 1, k);
            step(finish);
        }
        for (int64_t k = i + BATCH; k < i + 2 * BATCH && k < count; k++) {
            sqlite3_bind_int64(take, 1, k);
            step(take);
        }
        step(commit);
    }
    double rate = (double)count / (now() - begun);
    sqlite3_finalize(finish);
    sqlite3_finalize(take);
    sqlite3_finalize(begin);
    sqlite3_finalize(commit);
    return rate;
}

int main(int argc, char **argv)
{
    int64_t count = argc == 3 ? strtoll(argv[2], NULL, 10) : 0;
    if (count <= 0) {
        fprintf(stderr, "usage: limit_sqlite FILE COUNT\n");
        return 2;
    }
    open_fresh(argv[1]);
    printf("limit_insert %.0f\n", insert(0, count, BATCH));
    printf("limit_cycle %.0f\n", finish_and_take(count));
    printf("limit_one %.0f\n", insert(count, count / 20 + 1, 1));
    printf("limit_idle_p50_us %.1f\n", insert_when_idle_us(3 * count));
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}
