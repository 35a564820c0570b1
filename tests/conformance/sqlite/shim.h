// shim.h - a shim around SQLite's default VFS: counts writes and syncs, fails one of them, and
// knows how much of the log is synced.
#ifndef TESTS_CONFORMANCE_SHIM_H
#define TESTS_CONFORMANCE_SHIM_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "../unit/check.h"

typedef enum fault_kind { NO_FAULT, BAD_WRITE, FULL_WRITE, BAD_SYNC } fault_kind;

static struct {
    fault_kind kind;
    int        countdown;   // the fault comes when it reaches 0
    bool       came;
    void     (*before_sync)(void *arg);     // once, when the log is about to be synced
    void      *arg;
    _Atomic int     writes, syncs;  // of all calls, whether they fail or not
    _Atomic int64_t log_size;       // the largest that the log has been
    _Atomic int64_t log_end;        // of what it holds since it was begun (anew),
    _Atomic int64_t log_synced;     //   and what of that was synced
} fault;

static bool is_time_for(fault_kind kind)
{
    if (fault.kind != kind || --fault.countdown != 0)
        return false;
    return fault.came = true;
}

// ---- the shim ------------------------------------------------------------------------

typedef struct shim_file {
    sqlite3_file base;
    sqlite3_file *real;     // behind this struct
    bool          is_log;
} shim_file;

static sqlite3_vfs *real_vfs;

#define REAL(file) (((shim_file *)(file))->real)
#define PASS(file, method, ...) REAL(file)->pMethods->method(REAL(file), __VA_ARGS__)

static int shim_close(sqlite3_file *f) { return REAL(f)->pMethods->xClose(REAL(f)); }
static int shim_read(sqlite3_file *f, void *to, int size, sqlite3_int64 at)
{
    return PASS(f, xRead, to, size, at);
}
static int shim_truncate(sqlite3_file *f, sqlite3_int64 size) { return PASS(f, xTruncate, size); }
static int shim_size(sqlite3_file *f, sqlite3_int64 *size) { return PASS(f, xFileSize, size); }
static int shim_lock(sqlite3_file *f, int level) { return PASS(f, xLock, level); }
static int shim_unlock(sqlite3_file *f, int level) { return PASS(f, xUnlock, level); }
static int shim_is_reserved(sqlite3_file *f, int *out) { return PASS(f, xCheckReservedLock, out); }
static int shim_control(sqlite3_file *f, int op, void *arg)
{
    return PASS(f, xFileControl, op, arg);
}
static int shim_sector(sqlite3_file *f) { return REAL(f)->pMethods->xSectorSize(REAL(f)); }
static int shim_traits(sqlite3_file *f)
{
    return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f));
}
static int shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return PASS(f, xShmMap, page, size, extend, out);
}
static int shim_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return PASS(f, xShmLock, offset, n, flags);
}
static void shim_shm_barrier(sqlite3_file *f) { REAL(f)->pMethods->xShmBarrier(REAL(f)); }
static int shim_shm_unmap(sqlite3_file *f, int remove) { return PASS(f, xShmUnmap, remove); }

static int shim_write(sqlite3_file *f, const void *from, int size, sqlite3_int64 at)
{
    fault.writes++;
    if (((shim_file *)f)->is_log && at + size > fault.log_size)
        fault.log_size = at + size;
    if (((shim_file *)f)->is_log) {
        if (at == 0)
            fault.log_end = fault.log_synced = 0;
        fault.log_end = at + size > fault.log_end ? at + size : fault.log_end;
    }
    if (is_time_for(BAD_WRITE))
        return SQLITE_IOERR_WRITE;
    if (is_time_for(FULL_WRITE))
        return SQLITE_FULL;
    return PASS(f, xWrite, from, size, at);
}

static int shim_sync(sqlite3_file *f, int flags)
{
    fault.syncs++;
    if (((shim_file *)f)->is_log && fault.before_sync) {
        void (*call)(void *) = fault.before_sync;
        fault.before_sync = NULL;
        call(fault.arg);
    }
    if (is_time_for(BAD_SYNC))
        return SQLITE_IOERR_FSYNC;
    int64_t end = fault.log_end;        // others may write meanwhile
    int rc = PASS(f, xSync, flags);
    if (rc == SQLITE_OK && ((shim_file *)f)->is_log && end > fault.log_synced &&
        end <= fault.log_end)
        fault.log_synced = end;
    return rc;
}

static const sqlite3_io_methods shim_methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_is_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_traits,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
    int *out_flags)
{
    shim_file *f = (shim_file *)file;
    (void)vfs;
    f->real = (sqlite3_file *)(f + 1);
    f->is_log = (flags & SQLITE_OPEN_WAL) != 0;
    int rc = real_vfs->xOpen(real_vfs, name, f->real, flags, out_flags);
    f->base.pMethods = rc == SQLITE_OK ? &shim_methods : NULL;
    return rc;
}

static sqlite3_vfs shim_vfs;

static void shim_begin(void)
{
    real_vfs = sqlite3_vfs_find(NULL);
    shim_vfs = *real_vfs;
    shim_vfs.zName = "gofer-test-faults";
    shim_vfs.szOsFile = real_vfs->szOsFile + (int)sizeof(shim_file);
    shim_vfs.xOpen = shim_open;
    CHECK_INT(sqlite3_vfs_register(&shim_vfs, 1), SQLITE_OK);
}

static void shim_end(void)
{
    CHECK_INT(sqlite3_vfs_register(real_vfs, 1), SQLITE_OK);
    CHECK_INT(sqlite3_vfs_unregister(&shim_vfs), SQLITE_OK);
}

#endif
