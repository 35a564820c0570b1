// ledger.c - ledgers: what a process did, written so that its own death cannot spoil it.
//
// Each process has a file of its own. Records have 64 bytes, so that none straddles a page, which
// is where the kernel may break off a write when the process is killed.
#include "crash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { RECORD = 64, BATCH_MAX = 64 };

void die(const char *what, const char *why)
{
    fprintf(stderr, "crash_test[%ld]: %s: %s\n", (long)getpid(), what, why);
    exit(1);
}

uint64_t random_next(uint64_t *state)
{
    uint64_t x = *state ? *state : 0x9E3779B97F4A7C15u;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return (x * UINT64_C(0x2545F4914F6CDD1D)) >> 16;
}

int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(int64_t ms)
{
    struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

int ledger_open(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s.ledger", folder, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0)
        die(path, strerror(errno));
    return fd;
}

void ledger_write(int fd, mark what, const char *const *ids, size_t count)
{
    char records[RECORD * BATCH_MAX];
    if (count > BATCH_MAX)
        die("ledger", "too many at a time");
    for (size_t i = 0; i < count; i++) {
        char *record = records + i * RECORD;
        memset(record, ' ', RECORD);
        record[0] = (char)what;
        memcpy(record + 2, ids[i], strlen(ids[i]));
        record[RECORD - 1] = '\n';
    }
    ssize_t size = (ssize_t)(count * RECORD);
    if (write(fd, records, (size_t)size) != size)
        die("writing a ledger", strerror(errno));
}

// ---- Reading -----------------------------------------------------------------------

static int compare(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    return x->what != y->what ? x->what - y->what : strcmp(x->id, y->id);
}

static bool add_record(ledger *l, const char *record)
{
    if (l->count == l->capacity) {
        size_t capacity = l->capacity ? 2 * l->capacity : 4096;
        entry *grown = realloc(l->entries, capacity * sizeof *grown);
        if (!grown)
            return false;
        l->entries = grown;
        l->capacity = capacity;
    }
    entry *e = &l->entries[l->count++];
    size_t size = strcspn(record + 2, " ");
    if (record[RECORD - 1] != '\n' || size == 0 || size >= ID_MAX)
        return false;
    e->what = record[0];
    memcpy(e->id, record + 2, size);
    e->id[size] = '\0';
    return true;
}

static bool read_file(ledger *l, const char *path)
{
    char record[RECORD + 1] = { 0 };
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    bool good = true;
    while (good && fread(record, RECORD, 1, file) == 1)
        good = add_record(l, record);
    good = good && !ferror(file);
    fclose(file);
    return good;
}

bool ledger_read_all(ledger *out, const char *folder)
{
    *out = (ledger){ 0 };
    DIR *dir = opendir(folder);
    if (!dir)
        return false;
    bool good = true;
    for (struct dirent *d; good && (d = readdir(dir));) {
        char path[1024];
        const char *dot = strrchr(d->d_name, '.');
        if (!dot || strcmp(dot, ".ledger") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        good = read_file(out, path);
        if (!good)
            fprintf(stderr, "cannot read %s\n", path);
    }
    closedir(dir);
    if (out->count)
        qsort(out->entries, out->count, sizeof *out->entries, compare);
    return good;
}

// Index of the first that is not before (what, id).
static size_t lower_bound(const ledger *l, mark what, const char *id)
{
    entry key = { .what = (char)what };
    snprintf(key.id, sizeof key.id, "%s", id);
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(&l->entries[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t ledger_count(const ledger *l, mark what, const char *id)
{
    size_t first = lower_bound(l, what, id), n = 0;
    while (first + n < l->count && l->entries[first + n].what == (char)what &&
           strcmp(l->entries[first + n].id, id) == 0)
        n++;
    return n;
}

// The next entry of this mark with another id than its predecessor.
size_t ledger_next(const ledger *l, mark what, size_t from)
{
    size_t i = from ? from : lower_bound(l, what, "");
    while (i > 0 && i < l->count && l->entries[i].what == (char)what &&
           l->entries[i - 1].what == (char)what &&
           strcmp(l->entries[i].id, l->entries[i - 1].id) == 0)
        i++;
    return i < l->count && l->entries[i].what == (char)what ? i : l->count;
}
