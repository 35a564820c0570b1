// verify.c - compares the ledgers with the store after the last worker has drained it.
#include "crash.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct tally {
    int    faults;
    size_t intended, acked, started, done, failed;   // different ids
    size_t repeats;                                  // starts beyond those that were due
    size_t completed;                                // tasks in the store
} tally;

// A fault with its id; the first few of each kind are enough.
static void fault(tally *t, const char *what, const char *id)
{
    if (++t->faults <= 20)
        fprintf(stderr, "FAULT: %s: %s\n", what, id);
}

// ---- Ledgers against each other ------------------------------------------------------

static void check_ledgers(tally *t, const ledger *l)
{
    for (size_t i = ledger_next(l, INTENT, 0); i < l->count; i = ledger_next(l, INTENT, i + 1))
        t->intended++;
    for (size_t i = ledger_next(l, ACKED, 0); i < l->count; i = ledger_next(l, ACKED, i + 1)) {
        t->acked++;
        if (ledger_count(l, DONE, l->entries[i].id) == 0)
            fault(t, "acknowledged, but never run", l->entries[i].id);
    }
    for (size_t i = ledger_next(l, STARTED, 0); i < l->count; i = ledger_next(l, STARTED, i + 1)) {
        const char *id = l->entries[i].id;
        size_t due = id[0] == 'f' ? 2 : 1, starts = ledger_count(l, STARTED, id);
        t->started++;
        t->repeats += starts > due ? starts - due : 0;
        if (ledger_count(l, INTENT, id) == 0)
            fault(t, "run, but never enqueued", id);
        if (ledger_count(l, DONE, id) == 0)
            fault(t, "begun, but never done", id);
        if (id[0] == 'f' && ledger_count(l, FAILED, id) == 0)
            fault(t, "its second attempt came without the first", id);
    }
    for (size_t i = ledger_next(l, DONE, 0); i < l->count; i = ledger_next(l, DONE, i + 1))
        t->done++;
    for (size_t i = ledger_next(l, FAILED, 0); i < l->count; i = ledger_next(l, FAILED, i + 1))
        t->failed++;
}

// ---- The store against the ledgers -----------------------------------------------------

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

// All completed tasks of a queue, appended to ids; how many.
static size_t list_completed(tally *t, gofer_client *client, const char *queue, char (*ids)[ID_MAX],
    size_t room)
{
    size_t count = 0;
    char *cursor = NULL;
    do {
        gofer_info *page = NULL;
        if (gofer_client_tasks(client, queue, "completed", cursor, 1000, &page) != GOFER_OK)
            die("listing tasks", gofer_error_last());
        for (size_t i = 0; i < gofer_info_count(page) && count < room; i++)
            snprintf(ids[count++], ID_MAX, "%s", gofer_info_text(gofer_info_at(page, i), "id"));
        const char *next = gofer_info_text(page, "next_cursor");
        free(cursor);
        cursor = next ? strdup(next) : NULL;
        gofer_info_free(page);
        if (count == room && cursor) {
            fault(t, "more tasks than were ever enqueued", queue);
            break;
        }
    } while (cursor);
    free(cursor);
    return count;
}

static void expect(tally *t, const gofer_info *queue, const char *field, int64_t want)
{
    char text[160];
    int64_t got = gofer_info_int(queue, field, -1);
    if (got == want)
        return;
    snprintf(text, sizeof text, "%s of queue %s is %lld, not %lld", field,
        gofer_info_text(queue, "queue"), (long long)got, (long long)want);
    fault(t, "a counter is wrong", text);
}

static void check_queue(tally *t, gofer_client *client, const ledger *l, const char *name)
{
    gofer_info *queue = NULL;
    size_t room = t->intended + 1;
    char (*ids)[ID_MAX] = malloc(room * sizeof *ids);
    if (!ids)
        die("verify", "no memory");
    size_t count = list_completed(t, client, name, ids, room), failures = 0;
    qsort(ids, count, sizeof *ids, compare_ids);
    for (size_t i = 0; i < count; i++) {
        failures += ids[i][0] == 'f';
        if (i > 0 && strcmp(ids[i], ids[i - 1]) == 0)
            fault(t, "twice in the store", ids[i]);
        if (ledger_count(l, DONE, ids[i]) == 0)
            fault(t, "completed in the store, but no handler did it", ids[i]);
    }
    free(ids);
    t->completed += count;

    if (gofer_client_queue(client, name, &queue) != GOFER_OK)
        die("looking at a queue", gofer_error_last());
    static const char *const empty[] = { "pending", "scheduled", "active", "retry", "archived" };
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        expect(t, queue, empty[i], 0);
    expect(t, queue, "completed", (int64_t)count);
    // Every attempt whose outcome was taken counts once, however often its worker was killed.
    expect(t, queue, "processed_total", (int64_t)(count + failures));
    expect(t, queue, "failed_total", (int64_t)failures);
    gofer_info_free(queue);
}

// The entries of those that were killed go when somebody notices, within seconds.
static void check_workers_gone(tally *t, gofer_client *client)
{
    size_t count = 1;
    for (int64_t until = now_ms() + 10000; count > 0 && now_ms() < until; sleep_ms(50)) {
        gofer_info *workers = NULL;
        if (gofer_client_workers(client, &workers) != GOFER_OK)
            die("listing workers", gofer_error_last());
        count = gofer_info_count(workers);
        gofer_info_free(workers);
    }
    if (count > 0)
        fault(t, "workers", "those that were killed are listed as alive");
}

static void check_file(tally *t, const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) != SQLITE_OK)
        fault(t, "SQLite cannot open the file", sqlite3_errmsg(db));
    while (stmt && sqlite3_step(stmt) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        if (!text || strcmp(text, "ok") != 0)
            fault(t, "the file is damaged", text ? text : "(no text)");
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

// What one worker can have started and not handed in.
static size_t held_at_most(const options *o)
{
    int ahead = CONCURRENCY * AHEAD_MS / HANDLER_MIN_MS;
    return (size_t)(CONCURRENCY + (o->prefetch < ahead ? o->prefetch : ahead));
}

int verify(const options *o, int worker_kills)
{
    tally t = { 0 };
    ledger l;
    gofer_client *client = NULL;
    if (!ledger_read_all(&l, o->folder))
        die("verify", "a ledger is damaged");
    check_ledgers(&t, &l);

    if (gofer_client_open(&client, o->url, NULL) != GOFER_OK)
        die("verify: open", gofer_error_last());
    for (size_t i = 0; i < sizeof crash_queues / sizeof *crash_queues; i++)
        check_queue(&t, client, &l, crash_queues[i]);
    check_workers_gone(&t, client);
    gofer_client_close(client);
    check_file(&t, strchr(o->url, ':') + 1);

    if (t.completed != t.done)
        fault(&t, "the store holds another number of tasks", "than were done");
    size_t most = (size_t)worker_kills * held_at_most(o);
    if (t.repeats > most)
        fault(&t, "more was run again", "than was running when workers were killed");
    if (t.acked == 0 || t.failed == 0)
        fault(&t, "the test did not test", "nothing was enqueued, or nothing failed");
    printf("intended %zu, acknowledged %zu, run %zu, run again %zu (at the most %zu), failed once "
           "%zu\n",
        t.intended, t.acked, t.done, t.repeats, most, t.failed);
    free(l.entries);
    return t.faults;
}
