// sqlite.c - the SQLite broker: its table, and how a store is opened and closed.
//
// A file "PATH" has up to four companions: -wal and -shm are SQLite's, -gofer holds locks and the
// counters for waking (sidecar.c), -reserve holds space for a full disk (space.c). "memory:" is the
// same code on a private in-memory database with none of them.
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/sqlite/store.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"

enum { CLOSE_WAIT_MS = 1000 };

gofer_status gf_sq_check(const gf_sq_store *s)
{
    if (s->process == gf_process_self())
        return GOFER_OK;
    return gf_fail(GOFER_EFORKED, "'%s' was opened by process %ld, and SQLite must not be carried "
        "over: close it before fork", s->shown, gf_process_pid(s->process));
}

// ---- open -----------------------------------------------------------------------------

// What holds for this connection alone: nothing is written.
static gofer_status configure(gf_sq_store *s)
{
    gf_sq_conn *c = &s->writer;
    if (!s->path) {
        gf_sq_conn_exec(c, "PRAGMA journal_mode = MEMORY");
        return c->rc == SQLITE_OK ? GOFER_OK : gf_sq_conn_status(c, s->path);
    }
    char limit[64];
    int64_t page_size = gf_sq_conn_number(c, "PRAGMA page_size");
    if (page_size > 0)
        gf_sq_space_measure(&s->space, page_size);
    sqlite3_snprintf(sizeof limit, limit, "PRAGMA journal_size_limit = %lld",
        (long long)(s->space.wal_pages * s->space.page_size));
    gf_sq_conn_exec(c, "PRAGMA synchronous = NORMAL");     // commits are synced by the writer
    gf_sq_conn_exec(c, limit);
    if (c->rc == SQLITE_OK)
        gf_sq_writer_watch(s);
    return c->rc == SQLITE_OK ? GOFER_OK : gf_sq_conn_status(c, s->path);
}

gofer_status gf_sq_writer_ready(gf_sq_store *s)
{
    if (s->writer.db)
        return GOFER_OK;
    // A descriptor that is opened now is not told of a sync that failed before.
    if (s->path && gf_sq_in_doubt(s)) {
        atomic_store(&s->failed, 1);
        return gf_fail(GOFER_EBROKER, "another process could not sync '%s': open it again",
            s->path);
    }
    gf_sq_folder_doubt(&s->folder);
    gofer_status st = gf_sq_conn_open(&s->writer, s->path, s->base.config.timeout_ms);
    if (st == GOFER_OK && (st = configure(s)) != GOFER_OK)
        gf_sq_conn_close(&s->writer);
    return st;
}

static bool has_wal(gf_sq_conn *c)
{
    sqlite3_stmt *s = NULL;
    if (c->rc == SQLITE_OK)
        gf_sq_conn_note(c, sqlite3_prepare_v2(c->db, "PRAGMA journal_mode", -1, &s, NULL));
    const char *mode = gf_sq_row(c, s) ? (const char *)sqlite3_column_text(s, 0) : NULL;
    bool wal = mode && strcmp(mode, "wal") == 0;
    sqlite3_finalize(s);
    return wal;
}

// Several processes may open a new file at once: one makes the schema, under the write lock. What
// the file itself keeps is set here alone, for setting it writes, even when it is set already.
static gofer_status make_schema(gf_sq_store *s)
{
    gf_sq_conn *c = &s->writer;
    bool is_new;
    gofer_status st = gf_sq_sidecar_lock(&s->sidecar, s->base.config.timeout_ms);
    if (st != GOFER_OK)
        return st;
    s->wrote = true;
    st = gf_sq_schema_check(c, s->path, &is_new);
    if (st == GOFER_OK && s->path) {
        if (is_new)                      // only heard by a file without tables
            gf_sq_conn_exec(c, "PRAGMA auto_vacuum = INCREMENTAL");
        gf_sq_conn_exec(c, "PRAGMA journal_mode = WAL");
    }
    if (st == GOFER_OK)
        st = configure(s);
    // A copy by VACUUM INTO has its WAL only since now. The first read makes the files beside it,
    // which hold.c wants to find.
    if (st == GOFER_OK && !is_new) {
        gf_sq_conn_number(c, "SELECT count(*) FROM sqlite_schema");
        st = c->rc == SQLITE_OK ? GOFER_OK : gf_sq_conn_status(c, s->path);
    }
    if (st == GOFER_OK && is_new) {
        gf_sq_run(c, gf_sq_stmt(c, GF_SQL_BEGIN));
        st = gf_sq_schema_make(c, s->path);
        gf_sq_run(c, gf_sq_stmt(c, GF_SQL_COMMIT));
        if (st == GOFER_OK && c->rc != SQLITE_OK)
            st = gf_sq_conn_status(c, s->path);
    }
    gf_sq_sidecar_unlock(&s->sidecar);
    return st;
}

// Is it ours? Asked before anything is written to it or put beside it. Who finds it as it should be
// needs no lock: somebody who was stopped while he wrote keeps nobody from looking.
static gofer_status open_once(gf_sq_store *s)
{
    bool is_new;
    gofer_status st = gf_sq_conn_open(&s->writer, s->path, s->base.config.timeout_ms);
    if (st == GOFER_OK)
        st = gf_sq_schema_check(&s->writer, s->path, &is_new);
    if (st == GOFER_OK)
        st = gf_sq_sidecar_open(&s->sidecar, s->path);
    if (st == GOFER_OK) {
        atomic_store(&s->doubts, atomic_load(&s->sidecar.page->doubts));
        s->flow.seen = atomic_load(&s->sidecar.page->syncs);
        st = is_new || (s->path && !has_wal(&s->writer)) ? make_schema(s) : configure(s);
    }
    // Only now: who turns a file into one with a WAL needs it for himself.
    if (st == GOFER_OK && s->path)
        st = gf_sq_hold_lock(s->hold, s->path, &s->sidecar, s->base.config.timeout_ms);
    if (st == GOFER_OK && s->path)
        gf_sq_file_bring(s->space.reserve_path, s->path);
    return st;
}

static void warn_of_others(gf_sq_store *s)
{
    int version = sqlite3_libversion_number();
    bool fixed = version >= 3051003 || version == 3050007 || version == 3044006;
    if (s->path && !fixed)
        gf_logf(&s->base.config.log, GOFER_LOG_DEBUG,
            "this SQLite has the WAL-reset race: only gofer itself may write to the file while "
            "gofer runs",
            "sqlite", sqlite3_libversion(), "path", s->path, NULL);
}

static gofer_status start(gf_sq_store *s, const gf_url *url)
{
    if (strcmp(url->scheme, "memory") != 0) {
        gofer_status st = gf_sq_path_make(url->rest, &s->path);
        if (st != GOFER_OK)
            return st;
    } else if (*url->rest) {
        return gf_fail(GOFER_EINVAL, "'%s': memory: takes no name, for it is private to its client",
            url->shown);
    }
    s->shown = gf_strdup(s->path ? s->path : "memory:");
    if (!s->shown)
        return gf_fail_nomem("a path");
    gofer_status st = gf_sq_writer_init(s);
    if (st == GOFER_OK)
        st = gf_sq_space_open(&s->space, s->path);
    if (st == GOFER_OK)
        st = gf_sq_folder_open(&s->folder, s->path);
    if (st == GOFER_OK && s->path)
        st = gf_sq_hold_open(&s->hold, s->path);
    if (st == GOFER_OK)
        st = open_once(s);
    // On a full disk the reserve is there so that a worker can still be started.
    while (st == GOFER_ENOSPACE && gf_sq_space_release(&s->space)) {
        gf_sq_sidecar_close(&s->sidecar);
        gf_sq_conn_close(&s->writer);
        st = open_once(s);
    }
    return st;
}

static bool wal_is_empty(const gf_sq_store *s)
{
    char name[PATH_MAX];
    struct stat file;
    sqlite3_snprintf(sizeof name, name, "%s-wal", s->path);
    return stat(name, &file) == 0 && file.st_size == 0;
}

// The last connection to close checkpoints and deletes the WAL. That is only safe under the lock;
// on a full disk the space of the WAL would be lost to others; and who has only looked waits for
// nobody and leaves what others wrote where it is.
static bool lock_to_tidy(gf_sq_store *s)
{
    if (!s->path || !s->writer.db || !s->sidecar.page || atomic_load(&s->failed) ||
        gf_sq_space_short(&s->space))
        return false;
    if (gf_sq_sidecar_lock(&s->sidecar, s->wrote ? CLOSE_WAIT_MS : 0) != GOFER_OK)
        return false;
    if ((s->wrote || wal_is_empty(s)) && gf_sq_file_check(s, &s->writer) == GOFER_OK)
        return true;
    gf_sq_sidecar_unlock(&s->sidecar);
    return false;
}

static void close_connections(gf_sq_store *s)
{
    gf_sq_conn_close(&s->reader);
    bool locked = lock_to_tidy(s);
    // Whether it is the last SQLite finds out by a lock that our own hold would deny it.
    if (locked && gf_sq_hold_let_go(s->hold) &&
        sqlite3_db_config(s->writer.db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL) != SQLITE_OK)
        gf_logf(&s->base.config.log, GOFER_LOG_DEBUG, "the WAL stays until the next opening", NULL);
    gf_sq_conn_close(&s->writer);
    if (locked)
        gf_sq_sidecar_unlock(&s->sidecar);
    gf_sq_hold_close(s->hold);
}

static void close_store(gf_broker *b)
{
    gf_sq_store *s = (gf_sq_store *)b;
    // In a forked child SQLite's memory and locks are the parent's: they are left alone, for
    // to close them here would harm the parent. Our own descriptors went with the fork.
    if (s->process == gf_process_self()) {
        close_connections(s);
        gf_sq_writer_clear(s);
    }
    gf_sq_registrations_close(s);
    gf_sq_sidecar_close(&s->sidecar);
    gf_sq_folder_close(&s->folder);
    gf_sq_space_close(&s->space);
    gf_free(s->shown);
    gf_free(s->path);
    gf_free(s);
}

static gofer_status open_store(gf_broker **out, const gf_url *url, const gf_broker_config *config)
{
    gf_sq_store *s = gf_calloc(1, sizeof *s);
    if (!s)
        return gf_fail_nomem("a broker");
    s->base = (gf_broker){ .ops = &gf_sqlite_ops, .config = *config };
    s->process = gf_process_self();
    atomic_init(&s->opens_ms, INT64_MAX);
    s->sidecar.own = GF_NO_FD;
    s->folder.mounts = GF_NO_FD;
    gofer_status st = start(s, url);
    if (st != GOFER_OK) {
        char text[900];                  // closing may fail, and say so
        sqlite3_snprintf(sizeof text, text, "%s", gofer_error_last());
        close_store(&s->base);
        return gf_fail(st, "%s", text);
    }
    warn_of_others(s);
    *out = &s->base;
    return GOFER_OK;
}

// ---- ping ------------------------------------------------------------------------------

static gofer_status ping_file(gf_sq_conn *c, void *arg)
{
    gf_sq_conn_number(c, "SELECT count(*) FROM queue");
    return gf_sq_file_check(arg, c);
}

static gofer_status ping(gf_broker *b)
{
    return gf_sq_read((gf_sq_store *)b, ping_file, b);
}

static uint64_t reconnects(gf_broker *b)
{
    (void)b;
    return 0;
}

static bool is_spent(gf_broker *b)
{
    const gf_sq_store *s = (const gf_sq_store *)b;
    return gf_sq_check(s) == GOFER_OK && s->path && atomic_load(&s->failed) && gf_sq_in_place(s);
}

static const char *const schemes[] = { "sqlite", "memory", NULL };

// The store goes by the clock of this machine.
static int64_t now_ms(gf_broker *b)
{
    (void)b;
    return gf_now_ms();
}

static gofer_status read_clock(gf_broker *b, int64_t *out)
{
    *out = now_ms(b);
    return gf_sq_check((gf_sq_store *)b);
}

static const gf_tasks_ops tasks = {
    .put = gf_sq_put,
    .exchange = gf_sq_exchange,
    .settle = gf_sq_settle,
    .extend = gf_sq_extend,
    .progress = gf_sq_progress,
    .release = gf_sq_release,
    .checkpoint = gf_sq_checkpoint,
    .waiter_open = gf_sq_waiter_open,
    .waiter_close = gf_sq_waiter_close,
    .waiter_arm = gf_sq_waiter_arm,
    .waiter_wait = gf_sq_waiter_wait,
    .waiter_wake = gf_sq_waiter_wake,
};

static const gf_upkeep_ops upkeep = {
    .forward = gf_sq_forward,
    .recover = gf_sq_recover,
    .purge = gf_sq_purge,
    .tidy = gf_sq_upkeep,
    .worker_register = gf_sq_worker_register,
    .worker_deregister = gf_sq_worker_deregister,
    .now_ms = now_ms,
    .clock = read_clock,
};

static const gf_groups_ops groups = {
    .take = gf_sq_group_take,
    .put = gf_sq_group_put,
    .back = gf_sq_group_back,
    .archive = gf_sq_group_archive,
    .reclaim = gf_sq_group_reclaim,
};

static const gf_cron_ops cron = {
    .entry_put = gf_sq_entry_put,
    .entry_swap = gf_sq_entry_swap,
    .entry_drop = gf_sq_entry_drop,
    .entries = gf_sq_entries,
    .tick = gf_sq_tick,
    .tick_states = gf_sq_tick_states,
    .tick_history = gf_sq_tick_history,
};

static const gf_live_ops live = {
    .watch_open = gf_sq_watch_open,
    .watch_close = gf_sq_watch_close,
    .control = gf_sq_control,
    .events_wanted = gf_sq_events_wanted,
    .events_publish = gf_sq_events_publish,
    .listener_open = gf_sq_listener_open,
    .listener_next = gf_sq_listener_next,
    .listener_close = gf_sq_listener_close,
    .waits_open = gf_sq_waits_open,
    .waits_close = gf_sq_waits_close,
    .waits_add = gf_sq_waits_add,
    .waits_remove = gf_sq_waits_remove,
    .waits_next = gf_sq_waits_next,
    .waits_wake = gf_sq_waits_wake,
    .interrupt = gf_sq_interrupt,
};

static const gf_inspect_ops inspect = {
    .about = gf_sq_about,
    .groups = gf_sq_groups,
    .stats_add = gf_sq_stats_add,
    .stats = gf_sq_stats,
    .stats_steps = gf_sq_stats_steps,
    .names = gf_sq_names,
    .locate = gf_sq_locate,
    .filled = gf_sq_filled,
    .counts = gf_sq_counts,
    .workers = gf_sq_workers,
    .queues = gf_sq_queues,
    .queues_page = gf_sq_queues_page,
    .tasks = gf_sq_tasks,
    .task = gf_sq_task,
    .history = gf_sq_history,
    .closed = gf_sq_closed,
    .backlog = gf_sq_backlog,
};

static const gf_act_ops act = {
    .tasks_move = gf_sq_tasks_move,
    .tasks_act = gf_sq_tasks_act,
    .task_edit = gf_sq_task_edit,
    .task_rewrite = gf_sq_task_rewrite,
    .queue_pause = gf_sq_queue_pause,
    .queue_bound = gf_sq_queue_bound,
    .queue_age = gf_sq_queue_age,
    .queue_encrypt = gf_sq_queue_encrypt,
    .queue_delete = gf_sq_queue_delete,
};

static const gf_transfer_ops transfer = {
    .export_items = gf_sq_export,
    .import_items = gf_sq_import,
    .drop_items = gf_sq_drop,
};

static const gf_check_ops check = {
    .store = gf_sq_check_store,
};

static const gf_audit_ops audit = {
    .add = gf_sq_audit_add,
    .page = gf_sq_audit_page,
};

static const gf_limits_ops limits = {
    .orders = true,
    .put = gf_sq_limit_put,
    .drop = gf_sq_limit_drop,
    .list = gf_sq_limits,
    .keys = gf_sq_limit_keys,
    .key = gf_sq_limit_key,
    .pause = gf_sq_limit_pause,
    .share = gf_sq_limit_share,
    .rung = gf_sq_limit_rung,
};

static const gf_guards_ops guards = {
    .breaker_put = gf_sq_breaker_put,
    .breaker_drop = gf_sq_breaker_drop,
    .breaker_close = gf_sq_breaker_close,
    .breakers = gf_sq_breakers,
    .type_pause = gf_sq_type_pause,
    .types = gf_sq_types,
};

static const gf_hours_ops hours = {
    .put = gf_sq_hours_put,
    .list = gf_sq_hours_list,
};

static const gf_flows_ops flows = {
    .start = gf_sq_flow_start,
    .relay = gf_sq_flow_relay,
    .rung = gf_sq_flow_rung,
    .show = gf_sq_flow_show,
    .list = gf_sq_flow_list,
    .act = gf_sq_flow_act,
    .result = gf_sq_flow_result,
};

static const gf_tenants_ops tenants = {
    .put = gf_sq_tenant_put,
    .drop = gf_sq_tenant_drop,
    .list = gf_sq_tenants,
    .tenant = gf_sq_tenant,
};

const gf_broker_ops gf_sqlite_ops = {
    .schemes = schemes,
    .open = open_store,
    .close = close_store,
    .ping = ping,
    .reconnects = reconnects,
    .is_spent = is_spent,
    .tasks = &tasks,
    .upkeep = &upkeep,
    .groups = &groups,
    .cron = &cron,
    .live = &live,
    .inspect = &inspect,
    .act = &act,
    .transfer = &transfer,
    .check = &check,
    .audit = &audit,
    .limits = &limits,
    .guards = &guards,
    .hours = &hours,
    .flows = &flows,
    .tenants = &tenants,
};
