// plugin.c - loads shared objects that bring handlers.
//
// May touch: worker/worker.h (to be kept until the worker is freed), util/. A plugin is the worker:
// it runs with all its rights. So it must come from a file that only root or this user
// may change or replace.
#include "gofer/gofer.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/error.h"
#include "worker/worker.h"

typedef int32_t (*abi_fn)(void);
typedef gofer_status (*init_fn)(gofer_worker *worker);

typedef struct entry {
    abi_fn  abi;
    init_fn init;
} entry;

static int is_trusted(const struct stat *st)
{
    return st->st_uid == 0 || st->st_uid == geteuid();
}

static gofer_status check_file(const char *path)
{
    // O_NONBLOCK: a named pipe would keep us waiting for its writer.
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return gf_fail(errno == EACCES ? GOFER_EDENIED : GOFER_ENOTFOUND, "cannot open it: %s",
            strerror(errno));
    struct stat st;
    int rc = fstat(fd, &st), error = errno;
    close(fd);
    if (rc != 0)
        return gf_fail(GOFER_EDENIED, "cannot look at it: %s", strerror(error));
    if (!S_ISREG(st.st_mode))
        return gf_fail(GOFER_EINVAL, "not a file");
    if (!is_trusted(&st))
        return gf_fail(GOFER_EDENIED,
            "it belongs to user %lu: a plugin must belong to root or to the worker's user",
            (unsigned long)st.st_uid);
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return gf_fail(GOFER_EDENIED, "others may write to it: chmod go-w");
    return GOFER_OK;
}

// Whether a group is its owner's alone: named as he is, his first, without other members. Where
// each user has one (a umask of 002) it may write to all his folders, which lets nobody else in.
static bool is_private_group(const struct stat *st)
{
    char user[4096], group[4096];
    struct passwd owner, *found_owner = NULL;
    struct group his, *found_group = NULL;
    if (getpwuid_r(st->st_uid, &owner, user, sizeof user, &found_owner) != 0 || !found_owner ||
        getgrgid_r(st->st_gid, &his, group, sizeof group, &found_group) != 0 || !found_group)
        return false;
    bool alone = owner.pw_gid == st->st_gid && strcmp(owner.pw_name, his.gr_name) == 0;
    for (char **member = his.gr_mem; alone && *member; member++)
        alone = strcmp(*member, owner.pw_name) == 0;
    return alone;
}

// Whoever may rename what is in a folder may put another plugin in its place: the folder's owner,
// and who may write to it, but for one where only owners may rename (as /tmp).
static bool others_may_write(const struct stat *st)
{
    return (st->st_mode & S_IWOTH) || ((st->st_mode & S_IWGRP) && !is_private_group(st));
}

static gofer_status check_folder(const char *folder)
{
    struct stat st;
    if (stat(folder, &st) != 0)
        return gf_fail(GOFER_EDENIED, "cannot look at the folder '%.300s': %s", folder,
            strerror(errno));
    if (!is_trusted(&st))
        return gf_fail(GOFER_EDENIED,
            "the folder '%.300s' belongs to user %lu, who could replace the plugin: it must "
            "belong to root or to the worker's user",
            folder, (unsigned long)st.st_uid);
    if (others_may_write(&st) && !(st.st_mode & S_ISVTX))
        return gf_fail(GOFER_EDENIED,
            "others may write to the folder '%.300s', and so replace the plugin: chmod go-w "
            "'%.300s'",
            folder, folder);
    return GOFER_OK;
}

// All the way up: who may rename a folder may put another in its place, with whatever is in it.
static gofer_status check_folders(const char *path)
{
    char folder[PATH_MAX];
    gofer_status st = GOFER_OK;
    for (const char *end = strrchr(path, '/'); end && st == GOFER_OK;) {
        size_t size = end == path ? 1 : (size_t)(end - path);
        memcpy(folder, path, size);
        folder[size] = '\0';
        st = check_folder(folder);
        end = size == 1 ? NULL : strrchr(folder, '/');
        if (end)
            end = path + (end - folder);
    }
    return st;
}

// C has no cast from the object pointer that dlsym gives to a function's.
static int symbol(void *library, const char *name, void *function, size_t size)
{
    void *address = dlsym(library, name);
    if (!address)
        return -1;
    memcpy(function, &address, size);
    return 0;
}

static gofer_status find_entry(void *library, entry *out)
{
    if (symbol(library, "gofer_plugin_abi", &out->abi, sizeof out->abi) ||
        symbol(library, "gofer_plugin_init", &out->init, sizeof out->init))
        return gf_fail(GOFER_EINVAL,
            "not a plugin: it does not export gofer_plugin_abi and gofer_plugin_init");
    int32_t abi = out->abi();
    if (abi != GOFER_PLUGIN_ABI)
        return gf_fail(GOFER_EVERSION,
            "it was made for plugin ABI %d, this gofer has %d: build it against this gofer.h",
            (int)abi, (int)GOFER_PLUGIN_ABI);
    return GOFER_OK;
}

static void unload(void *library)
{
    (void)dlclose(library);   // it fails only for what is not a library
}

// The library's own init, and what it registered undone if it fails.
static gofer_status initialise(gofer_worker *worker, void *library, init_fn init)
{
    // Kept before its init runs, so that it is unloaded after what it registers was dropped.
    gf_worker_mark mark = gf_worker_mark_now(worker);
    gofer_status st = gf_worker_keep(worker, library, unload);
    if (st != GOFER_OK) {
        unload(library);
        return st;
    }

    (void)gf_fail(GOFER_EHANDLER, "no reason given");   // what an init that is silent leaves
    st = init(worker);
    if (st == GOFER_OK)
        return GOFER_OK;
    st = gf_fail_add(st < 0 ? st : GOFER_EHANDLER, "its gofer_plugin_init failed with %s",
        gofer_status_name(st));
    gf_worker_undo(worker, mark);
    return st;
}

static gofer_status load(gofer_worker *worker, const char *path)
{
    // Folders first: once nobody else may change the way to the file, what is looked
    // at is what is loaded.
    gofer_status st = check_folders(path);
    if (st == GOFER_OK)
        st = check_file(path);
    if (st != GOFER_OK)
        return st;

    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *why = dlerror();
        return gf_fail(GOFER_EINVAL, "not a plugin: %s", why ? why : "it cannot be loaded");
    }
    entry call = { 0 };
    st = find_entry(library, &call);
    if (st != GOFER_OK) {
        unload(library);
        return st;
    }
    return initialise(worker, library, call.init);
}

gofer_status gofer_worker_plugin(gofer_worker *worker, const char *path)
{
    char whole[PATH_MAX];
    gofer_status st = gf_worker_check_setup(worker, "gofer_worker_plugin");
    if (st != GOFER_OK)
        return st;
    if (!path || !*path)
        return gf_fail(GOFER_EINVAL, "gofer_worker_plugin: no path");
    // With links resolved: what is checked is what is loaded.
    if (!realpath(path, whole))
        return gf_fail(errno == EACCES ? GOFER_EDENIED : GOFER_ENOTFOUND, "plugin '%.300s': %s",
            path, strerror(errno));
    st = load(worker, whole);
    return st == GOFER_OK ? GOFER_OK : gf_fail_add(st, "plugin '%.300s'", path);
}
