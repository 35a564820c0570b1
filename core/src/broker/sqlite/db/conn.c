// conn.c - one SQLite connection: opened with our settings, its statements kept, its first
// failure remembered and put into words.
//
// A connection is used by one thread at a time; its owner sees to that.
#include <errno.h>
#include <string.h>

#include "broker/sqlite/store.h"
#include "util/error.h"

static const char settings[] =
    "PRAGMA trusted_schema = OFF;"      // a file from a stranger must not run code of his
    "PRAGMA cell_size_check = ON;"
    "PRAGMA temp_store = MEMORY;"       // nothing of ours leaves the file's folder
    "PRAGMA secure_delete = OFF;"       // Debian's default writes every freed page once more
    "PRAGMA wal_autocheckpoint = 0;";   // only under the write lock: see writer.c

gofer_status gf_sq_conn_open(gf_sq_conn *c, const char *path, int64_t timeout_ms)
{
    memset(c, 0, sizeof *c);
    // Whoever leads the writer, or holds the read lock, is alone on its connection.
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const char *name = path ? path : ":memory:";
    int rc = sqlite3_open_v2(name, &c->db, flags, NULL);
    gf_sq_conn_note(c, rc);
    // Programs other than gofer do not know our lock file: wait for theirs.
    if (c->rc == SQLITE_OK)
        gf_sq_conn_note(c,
            sqlite3_busy_timeout(c->db, timeout_ms > 60000 ? 60000 : (int)timeout_ms));
    if (c->rc == SQLITE_OK)
        gf_sq_conn_note(c, sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL));
    // A last connection that closes checkpoints; only ours may, and only under the lock.
    if (c->rc == SQLITE_OK && path)
        gf_sq_conn_note(c, sqlite3_db_config(c->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL));
    gf_sq_conn_exec(c, settings);
    gf_sq_batch_register(c);
    gf_sq_stmt(c, GF_SQL_ROLLBACK);      // now, for when it is wanted there may be no memory
    if (c->rc == SQLITE_OK && path && sqlite3_db_readonly(c->db, "main") == 1)
        gf_sq_conn_note(c, SQLITE_READONLY);
    if (c->rc == SQLITE_OK)
        return GOFER_OK;

    gofer_status st = gf_sq_conn_status(c, path);
    gf_sq_conn_close(c);
    return st;
}

void gf_sq_conn_close(gf_sq_conn *c)
{
    for (int i = 0; i < GF_SQL_COUNT; i++)
        sqlite3_finalize(c->stmts[i]);
    // Only fails while statements are open, and there are none.
    sqlite3_close(c->db);
    memset(c, 0, sizeof *c);
}

// ---- failures ---------------------------------------------------------------

void gf_sq_conn_note(gf_sq_conn *c, int rc)
{
    if (rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE || c->rc != SQLITE_OK)
        return;
    c->rc = rc;
    c->system_errno = c->db ? sqlite3_system_errno(c->db) : 0;
    const char *text =
        c->db && sqlite3_errcode(c->db) == rc ? sqlite3_errmsg(c->db) : sqlite3_errstr(rc);
    sqlite3_snprintf(sizeof c->text, c->text, "%s", text);
}

void gf_sq_conn_clear(gf_sq_conn *c)
{
    for (int i = 0; i < GF_SQL_COUNT; i++)
        sqlite3_reset(c->stmts[i]);      // repeats the failure we have noted
    c->rc = SQLITE_OK;
    c->system_errno = 0;
}

bool gf_sq_conn_full(const gf_sq_conn *c)
{
    if ((c->rc & 0xff) == SQLITE_FULL)
        return true;
    // The shared-memory file and new files fail with other codes on a full disk.
    bool is_system = (c->rc & 0xff) == SQLITE_IOERR || (c->rc & 0xff) == SQLITE_CANTOPEN;
    return is_system && (c->system_errno == ENOSPC || c->system_errno == EDQUOT);
}

static bool lacks_memory(const gf_sq_conn *c)
{
    int code = c->rc & 0xff;
    return code == SQLITE_NOMEM || c->rc == SQLITE_IOERR_NOMEM ||
           // mmap
           ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) && c->system_errno == ENOMEM);
}

bool gf_sq_conn_broken(const gf_sq_conn *c)
{
    int code = c->rc & 0xff;
    if (gf_sq_conn_full(c) || lacks_memory(c))
        return false;
    return code == SQLITE_IOERR || code == SQLITE_CORRUPT || code == SQLITE_NOTADB;
}

static gofer_status status_of(const gf_sq_conn *c)
{
    if (gf_sq_conn_full(c))
        return GOFER_ENOSPACE;
    if (lacks_memory(c))
        return GOFER_ENOMEM;
    switch (c->rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:   return GOFER_ETIMEOUT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:     return GOFER_EDENIED;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:   return GOFER_ECORRUPT;
    case SQLITE_TOOBIG:   return GOFER_ETOOBIG;
    default:              return GOFER_EBROKER;
    }
}

gofer_status gf_sq_conn_status(const gf_sq_conn *c, const char *path)
{
    gofer_status st = status_of(c);
    const char *name = path ? path : "memory:";
    const char *hint = "";
    if (st == GOFER_ENOSPACE)
        hint = "; make room on the disk";
    else if (st == GOFER_ETIMEOUT)
        hint = "; another program, which is not gofer, holds the file";
    else if (st == GOFER_EDENIED)
        hint = "; the file, or its folder, may not be written";
    else if (st == GOFER_ECORRUPT)
        hint = "; the file is damaged or no SQLite database";
    if (c->system_errno)
        return gf_fail(st, "'%s': %s (%d, %s)%s", name, c->text, c->rc, strerror(c->system_errno),
            hint);
    return gf_fail(st, "'%s': %s (%d)%s", name, c->text, c->rc, hint);
}

// ---- statements ---------------------------------------------------------------

void gf_sq_conn_exec(gf_sq_conn *c, const char *sql)
{
    if (c->rc == SQLITE_OK)
        gf_sq_conn_note(c, sqlite3_exec(c->db, sql, NULL, NULL, NULL));
}

int64_t gf_sq_conn_number(gf_sq_conn *c, const char *sql)
{
    sqlite3_stmt *s = NULL;
    if (c->rc == SQLITE_OK)
        gf_sq_conn_note(c, sqlite3_prepare_v2(c->db, sql, -1, &s, NULL));
    int64_t value = gf_sq_row(c, s) ? sqlite3_column_int64(s, 0) : 0;
    sqlite3_finalize(s);
    return value;
}

sqlite3_stmt *gf_sq_stmt(gf_sq_conn *c, gf_sql which)
{
    if (c->rc != SQLITE_OK)
        return NULL;
    if (!c->stmts[which])
        gf_sq_conn_note(c,
            sqlite3_prepare_v3(c->db, gf_sql_text[which], -1, SQLITE_PREPARE_PERSISTENT,
                &c->stmts[which], NULL));
    return c->rc == SQLITE_OK ? c->stmts[which] : NULL;
}

void gf_sq_bind_int(gf_sq_conn *c, sqlite3_stmt *s, int at, int64_t value)
{
    if (s)
        gf_sq_conn_note(c, sqlite3_bind_int64(s, at, value));
}

// What is bound outlives the step: it is the caller's, or a column of a statement that stands.
void gf_sq_bind_text(gf_sq_conn *c, sqlite3_stmt *s, int at, const char *text)
{
    if (s)
        gf_sq_conn_note(c, sqlite3_bind_text(s, at, text, -1, SQLITE_STATIC));
}

void gf_sq_bind_blob(gf_sq_conn *c, sqlite3_stmt *s, int at, const void *bytes, size_t size)
{
    if (s)                               // a NULL pointer is SQL's NULL: "none" in
                                         //   every column of ours
        gf_sq_conn_note(c, sqlite3_bind_blob64(s, at, bytes, size, SQLITE_STATIC));
}

bool gf_sq_roll_back(gf_sq_conn *c)
{
    gf_sq_conn_clear(c);
    if (!c->db || sqlite3_get_autocommit(c->db))
        return true;
    gf_sq_run(c, gf_sq_stmt(c, GF_SQL_ROLLBACK));
    gf_sq_conn_clear(c);
    return sqlite3_get_autocommit(c->db) != 0;
}

bool gf_sq_row(gf_sq_conn *c, sqlite3_stmt *s)
{
    if (!s || c->rc != SQLITE_OK)
        return false;
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW)
        return true;
    gf_sq_conn_note(c, rc);
    sqlite3_reset(s);                    // the failure, if any, is noted
    return false;
}

void gf_sq_done(sqlite3_stmt *s)
{
    sqlite3_reset(s);                    // a row was read: no failure to repeat; NULL is fine
}

int64_t gf_sq_run(gf_sq_conn *c, sqlite3_stmt *s)
{
    if (!s || gf_sq_row(c, s)) {
        gf_sq_done(s);
        return 0;
    }
    return c->rc == SQLITE_OK ? sqlite3_changes64(c->db) : 0;
}

int64_t gf_sq_run_ints(gf_sq_conn *c, gf_sql which, int count, const int64_t *values)
{
    sqlite3_stmt *s = gf_sq_stmt(c, which);
    for (int i = 0; i < count; i++)
        gf_sq_bind_int(c, s, i + 1, values[i]);
    return gf_sq_run(c, s);
}
