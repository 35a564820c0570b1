// file.c - one file of handlers: its text, the Lua states of the slots that run it,
// and who still needs it.
//
// Makes no Lua state itself and runs nothing. Locks: file->lock for the table of slots and the
// counts; a state belongs to the slot that borrowed it.
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "chunk.h"
#include "state.h"

enum { SOURCE_MOST = 16 << 20 };

gf_lua_file *gf_lua_file_new(const char *path)
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
    file->directory = !slash ? strdup(".")
        : slash == path      ? strdup("/")
                             : strndup(path, (size_t)(slash - path));
    if (!file->name || !file->directory) {
        gf_lua_file_release(file);
        return NULL;
    }
    snprintf(file->name, length, "@%s", path);
    return file;
}

void gf_lua_file_release(gf_lua_file *file)
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

// ---- Reading it

gofer_status gf_lua_refuse(const gofer_lua_options *opts, gofer_status status, const char *what,
    const char *why)
{
    if (opts->error && opts->error_size)
        snprintf(opts->error, opts->error_size, "%s%s%s", what, *what ? ": " : "", why);
    return status;
}

static gofer_status read_all(int fd, gf_lua_file *file, const char *path,
    const gofer_lua_options *o)
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

gofer_status gf_lua_file_read(gf_lua_file *file, const char *path, const gofer_lua_options *o)
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

// ---- Slots

bool gf_lua_file_borrow(gf_lua_file *file, int32_t number, gf_lua_state **out)
{
    bool ok = false;
    *out = NULL;
    pthread_mutex_lock(&file->lock);
    if (number >= 0 && (size_t)number >= file->slot_count) {
        size_t count = (size_t)number + 16;
        gf_lua_slot *slots = realloc(file->slots, count * sizeof *slots);
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

void gf_lua_file_give_back(gf_lua_file *file, int32_t number, gf_lua_state *state)
{
    pthread_mutex_lock(&file->lock);
    file->slots[number].state = state;
    file->slots[number].busy = false;
    pthread_mutex_unlock(&file->lock);
}

void gf_lua_file_count_group(gf_lua_file *file, int by)
{
    pthread_mutex_lock(&file->lock);
    if (by > 0)
        file->aggregating++;
    else
        file->aggregating--;
    pthread_mutex_unlock(&file->lock);
}
