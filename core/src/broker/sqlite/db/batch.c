// batch.c - messages as a table that SQL reads, so that many are put in by two statements.
//
// A statement for each row costs more to begin and to end, and its values more to bind, than the
// row itself. The table is a function of the batch, which a statement is given as a pointer. Rows
// belong to the caller and stand until the statement is over; nothing here is written to.
#include "broker/sqlite/store.h"
#include "util/alloc.h"

// In the order of the columns.
enum {
    SEQ, ID, SIZE, ENQUEUED, TIMEOUT, DEADLINE, RETENTION, MAX_RETRY, TYPE, HEADERS, PAYLOAD, BATCH
};

static const char columns[] =
    "CREATE TABLE x(seq, id, size, enqueued_ms, timeout_ms, deadline_ms, retention_ms, max_retry, "
    "type, headers, payload, batch HIDDEN)";
static const char pointer_type[] = "gofer_batch";

typedef struct cursor {
    sqlite3_vtab_cursor base;            // first
    const gf_sq_batch  *batch;
    size_t              at;
} cursor;

static int batch_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
    sqlite3_vtab **out, char **error)
{
    (void)aux, (void)argc, (void)argv, (void)error;
    sqlite3_vtab *table = gf_calloc(1, sizeof *table);
    if (!table)
        return SQLITE_NOMEM;
    int rc = sqlite3_declare_vtab(db, columns);
    if (rc == SQLITE_OK)                 // a file from a stranger has no use of it
        rc = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
    if (rc == SQLITE_OK)
        *out = table;
    else
        gf_free(table);
    return rc;
}

static int batch_disconnect(sqlite3_vtab *table)
{
    gf_free(table);
    return SQLITE_OK;
}

// There is one way to read it: from the first to the last, of the batch that is given.
static int batch_best_index(sqlite3_vtab *table, sqlite3_index_info *info)
{
    (void)table;
    for (int i = 0; i < info->nConstraint; i++) {
        if (info->aConstraint[i].iColumn != BATCH || !info->aConstraint[i].usable ||
            info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ)
            continue;
        info->aConstraintUsage[i].argvIndex = 1;
        info->aConstraintUsage[i].omit = 1;
        info->estimatedCost = 1;
        return SQLITE_OK;
    }
    return SQLITE_CONSTRAINT;
}

static int batch_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out)
{
    (void)table;
    cursor *c = gf_calloc(1, sizeof *c);
    if (!c)
        return SQLITE_NOMEM;
    *out = &c->base;
    return SQLITE_OK;
}

static int batch_close(sqlite3_vtab_cursor *base)
{
    gf_free(base);
    return SQLITE_OK;
}

static int batch_filter(sqlite3_vtab_cursor *base, int number, const char *text, int argc,
    sqlite3_value **argv)
{
    (void)number, (void)text;
    cursor *c = (cursor *)base;
    c->batch = argc > 0 ? sqlite3_value_pointer(argv[0], pointer_type) : NULL;
    c->at = 0;
    return SQLITE_OK;
}

static int batch_next(sqlite3_vtab_cursor *base)
{
    ((cursor *)base)->at++;
    return SQLITE_OK;
}

static int batch_eof(sqlite3_vtab_cursor *base)
{
    const cursor *c = (const cursor *)base;
    return !c->batch || c->at >= c->batch->count;
}

static int batch_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int column)
{
    const cursor *c = (const cursor *)base;
    const gf_message *m = c->batch->items[c->at].message;
    switch (column) {
    case SEQ:       sqlite3_result_int64(out, c->batch->first_seq + (int64_t)c->at); break;
    case ID:        sqlite3_result_text(out, m->id, -1, SQLITE_STATIC); break;
    case SIZE:      sqlite3_result_int64(out, (int64_t)m->payload_size); break;
    case ENQUEUED:  sqlite3_result_int64(out, m->enqueued_ms); break;
    case TIMEOUT:   sqlite3_result_int64(out, m->timeout_ms); break;
    case DEADLINE:  sqlite3_result_int64(out, m->deadline_ms); break;
    case RETENTION: sqlite3_result_int64(out, m->retention_ms); break;
    case MAX_RETRY: sqlite3_result_int64(out, m->max_retry); break;
    case TYPE:      sqlite3_result_text(out, m->type, -1, SQLITE_STATIC); break;
    case HEADERS:
        if (m->headers_size)
            sqlite3_result_blob64(out, m->headers, m->headers_size, SQLITE_STATIC);
        break;
    case PAYLOAD:
        if (m->payload)
            sqlite3_result_blob64(out, m->payload, m->payload_size, SQLITE_STATIC);
        break;
    default: break;
    }
    return SQLITE_OK;
}

static int batch_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out)
{
    *out = (sqlite3_int64)((const cursor *)base)->at;
    return SQLITE_OK;
}

// Without xCreate no schema can name it as a table of its own.
static const sqlite3_module module = {
    .xConnect = batch_connect,
    .xBestIndex = batch_best_index,
    .xDisconnect = batch_disconnect,
    .xOpen = batch_open,
    .xClose = batch_close,
    .xFilter = batch_filter,
    .xNext = batch_next,
    .xEof = batch_eof,
    .xColumn = batch_column,
    .xRowid = batch_rowid,
};

void gf_sq_batch_register(gf_sq_conn *c)
{
    if (c->rc == SQLITE_OK)
        gf_sq_conn_note(c, sqlite3_create_module(c->db, "gofer_batch", &module, NULL));
}

void gf_sq_bind_batch(gf_sq_conn *c, sqlite3_stmt *s, int at, gf_sq_batch *batch)
{
    if (s)
        gf_sq_conn_note(c, sqlite3_bind_pointer(s, at, batch, pointer_type, NULL));
}
