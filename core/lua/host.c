// host.c - Lua files as handlers of a worker: reading and registering, and a state for each slot.
//
// A stranger to libgofer: it uses gofer.h alone. Locks: file->lock for the table of slots; a state
// itself belongs to the slot that is running.
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MEMORY_DEFAULT = 64 << 20,
    MEMORY_LEAST = 1 << 20,
    SOURCE_MOST = 16 << 20
};

// ---- The file

static void release_file(gf_lua_file *file)
{
    pthread_mutex_lock(&file->lock);
    size_t left = --file->references;
    bool busy = false;
    for (size_t i = 0; left == 0 && i < file->slot_count; i++)
        busy |= file->slots[i].busy;
    busy |= file->aggregating > 0;
    pthread_mutex_unlock(&file->lock);
    if (left > 0 || busy)   // busy: a lost slot still runs in there; leaking is all that is safe
        return;
    for (size_t i = 0; i < file->slot_count; i++)
        gf_lua_state_free(file->slots[i].state);
    pthread_mutex_destroy(&file->lock);
    free(file->slots);
    free(file->source);
    free(file->directory);
    free(file->name);
    free(file);
}

// ---- Slots

// Borrow the state of a slot: *out NULL if it has none yet. False if the slot has no place of its own
// (a pulled task, no memory, or a number reused while a lost slot is still busy).
static bool borrow(gf_lua_file *file, int32_t number, gf_lua_state **out)
{
    bool ok = false;
    *out = NULL;
    pthread_mutex_lock(&file->lock);
    if (number >= 0 && (size_t)number >= file->slot_count) {
        size_t count = (size_t)number + 16;
        slot *slots = realloc(file->slots, count * sizeof *slots);
        if (slots) {
            memset(slots + file->slot_count, 0, (count - file->slot_count) * sizeof *slots);
            file->slots = slots;
            file->slot_count = count;
        }
    }
    if (number >= 0 && (size_t)number < file->slot_count && !file->slots[number].busy) {
        file->slots[number].busy = ok = true;
        *out = file->slots[number].state;
    }
    pthread_mutex_unlock(&file->lock);
    return ok;
}

static void give_back(gf_lua_file *file, int32_t number, gf_lua_state *state)
{
    pthread_mutex_lock(&file->lock);
    file->slots[number].state = state;
    file->slots[number].busy = false;
    pthread_mutex_unlock(&file->lock);
}

int32_t gf_lua_handle(gofer_task *task, void *user)
{
    const gf_lua_route *r = user;
    int32_t number = gofer_task_slot(task), outcome;
    gf_lua_state *s;
    char error[512];
    bool own = borrow(r->file, number, &s), reusable = false, lacks;
    if (!s)
        s = gf_lua_file_state(r->file, task, &lacks, error, sizeof error);
    if (s)
        outcome = gf_lua_run(s, r->pattern, task, &reusable);
    else
        outcome = lacks ? gofer_task_want(task, error) : gofer_task_fail(task, error);
    if (!own || !reusable) {
        gf_lua_state_free(s);
        s = NULL;
    }
    if (own)
        give_back(r->file, number, s);
    return outcome;
}

static void count_aggregating(gf_lua_file *file, int by)
{
    pthread_mutex_lock(&file->lock);
    if (by > 0)
        file->aggregating++;
    else
        file->aggregating--;
    pthread_mutex_unlock(&file->lock);
}

// Groups are few: each has a state of its own, gone when it is done.
int32_t gf_lua_aggregate_group(gofer_group *group, void *user)
{
    const gf_lua_route *r = user;
    char error[512];
    bool lacks;
    count_aggregating(r->file, 1);
    gf_lua_state *s = gf_lua_file_state(r->file, NULL, &lacks, error, sizeof error);
    int32_t returned = s ? gf_lua_aggregate(s, r->pattern, group) : gofer_group_fail(group, error);
    gf_lua_state_free(s);
    count_aggregating(r->file, -1);
    return returned;
}

gf_lua_route *gf_lua_route_new(gf_lua_file *file, const char *pattern)
{
    size_t size = strlen(pattern) + 1;
    gf_lua_route *r = malloc(sizeof *r + size);
    if (!r)
        return NULL;
    r->file = file;
    memcpy(r->pattern, pattern, size);
    file->references++;     // nothing runs yet: the worker has not started
    return r;
}

void gf_lua_route_drop(void *user)
{
    gf_lua_route *r = user;
    release_file(r->file);
    free(r);
}

// ---- Loading

gofer_status gf_lua_refuse(const gofer_lua_options *opts, gofer_status status, const char *what, const char *why)
{
    if (opts->error && opts->error_size)
        snprintf(opts->error, opts->error_size, "%s%s%s", what, *what ? ": " : "", why);
    return status;
}

static gofer_status parse_allow(const char *text, int *out, const gofer_lua_options *o)
{
    static const struct { const char *name; int bits; } known[] = {
        { "io", GF_LUA_IO }, { "os", GF_LUA_OS }, { "require", GF_LUA_REQUIRE }, { "all", GF_LUA_ALL },
    };
    *out = 0;
    while (text && *text) {
        size_t length = strcspn(text, ","), i = 0;
        while (i < 4 && (strlen(known[i].name) != length || memcmp(known[i].name, text, length) != 0))
            i++;
        if (i == 4 && length > 0)
            return gf_lua_refuse(o, GOFER_EINVAL, text, "is not a capability (known: io, os, require, all)");
        if (i < 4)
            *out |= known[i].bits;
        text += length + (text[length] == ',');
    }
    return GOFER_OK;
}

static gofer_status read_all(int fd, gf_lua_file *file, const char *path, const gofer_lua_options *o)
{
    size_t capacity = 0;
    for (;;) {
        if (file->source_size == capacity) {
            char *bigger = realloc(file->source, capacity = capacity * 2 + 4096);
            if (!bigger)
                return gf_lua_refuse(o, GOFER_ENOMEM, path, "no memory to read it");
            file->source = bigger;
        }
        ssize_t got = read(fd, file->source + file->source_size, capacity - file->source_size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return gf_lua_refuse(o, GOFER_EINVAL, path, strerror(errno));
        if (got == 0)
            return GOFER_OK;
        file->source_size += (size_t)got;
        if (file->source_size > SOURCE_MOST)
            return gf_lua_refuse(o, GOFER_ETOOBIG, path, "larger than 16 MiB");
    }
}

static gofer_status read_source(gf_lua_file *file, const char *path, const gofer_lua_options *o)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        gofer_status status = errno == ENOENT || errno == ENOTDIR ? GOFER_ENOTFOUND
            : errno == EACCES || errno == EPERM ? GOFER_EDENIED : GOFER_EINVAL;
        return gf_lua_refuse(o, status, path, strerror(errno));
    }
    gofer_status status = read_all(fd, file, path, o);
    if (close(fd) != 0 && status == GOFER_OK)
        status = gf_lua_refuse(o, GOFER_EINVAL, path, strerror(errno));
    gf_lua_blank_first_line(file->source, file->source_size);
    return status;
}

static gf_lua_file *new_file(const char *path)
{
    gf_lua_file *file = calloc(1, sizeof *file);
    const char *slash = strrchr(path, '/');
    size_t length = strlen(path) + 2;
    if (!file)
        return NULL;
    if (pthread_mutex_init(&file->lock, NULL) != 0) {
        free(file);
        return NULL;
    }
    file->references = 1;
    file->name = malloc(length);
    file->directory = !slash ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
    if (!file->name || !file->directory) {
        release_file(file);
        return NULL;
    }
    snprintf(file->name, length, "@%s", path);
    return file;
}

// Lua nests C calls up to 200 deep, each with a buffer of a KiB if the script is bent on it. The pages
// are only taken when used.
static const char stack_size[] = "2097152";

gofer_status gofer_lua_load(gofer_worker *worker, const char *path, const gofer_lua_options *opts)
{
    static const gofer_lua_options defaults;
    const gofer_lua_options *o = opts ? opts : &defaults;
    if (!worker || !path || !*path)
        return gf_lua_refuse(o, GOFER_EINVAL, "", "gofer_lua_load needs a worker and a path");
    gf_lua_file *file = new_file(path);
    if (!file)
        return gf_lua_refuse(o, GOFER_ENOMEM, path, "no memory");

    char error[1024];
    file->memory_limit = o->memory_limit ? o->memory_limit : MEMORY_DEFAULT;
    gofer_status status = parse_allow(o->allow, &file->allow, o);
    if (status == GOFER_OK && file->memory_limit < MEMORY_LEAST)
        status = gf_lua_refuse(o, GOFER_EINVAL, path, "a Lua state needs 1 MiB at least");
    if (status == GOFER_OK)
        status = read_source(file, path, o);
    if (status == GOFER_OK && gofer_worker_set(worker, "stack", stack_size) != GOFER_OK)
        status = gf_lua_refuse(o, GOFER_ESTATE, path, gofer_error_last());
    if (status == GOFER_OK) {
        bool lacks;
        gf_lua_state *s = gf_lua_file_state(file, NULL, &lacks, error, sizeof error);
        status = s ? gf_lua_declare(worker, file, s, o) : gf_lua_refuse(o, GOFER_EINVAL, "", error);
        gf_lua_state_free(s);   // each slot makes its own, on its own thread
    }
    release_file(file);
    return status;
}
