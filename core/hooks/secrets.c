// secrets.c - what webhooks are signed with.
//
// May touch: files, the environment. Locks: secrets->lock, for as long as it takes to read a small
// file.
#include "secrets.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "util/base64.h"

#define PREFIX "whsec_"
#define FROM_ENV "env:"

enum { FILE_MAX = 64 * 1024, WORD_MAX = 255 };

// What a compiler may not leave out, though nobody reads it afterwards.
static void wipe(void *bytes, size_t size)
{
    volatile unsigned char *at = bytes;
    while (size--)
        *at++ = 0;
}

// ---- words --------------------------------------------------------------------------------------

static const char *read_secret(const char *word, hooks_secret *out)
{
    uint8_t bytes[WORD_MAX + 1];
    size_t size, length = strlen(word);
    bool read = gf_base64_decode(word, length, bytes, &size);
    bool fits = read && size >= HOOKS_SECRET_MIN && size <= HOOKS_SECRET_MAX;
    if (fits) {
        memcpy(out->bytes, bytes, size);
        out->size = size;
    }
    wipe(bytes, sizeof bytes);
    return fits ? NULL
        : read  ? "a secret has 24 to 64 bytes, in base64 after 'whsec_'"
                : "what follows 'whsec_' is not base64";
}

static const char *add(hooks_secret_list *list, hooks_secret *one, const char *host)
{
    hooks_secret *items = malloc((list->count + 1) * sizeof *items);
    char *copy = *host ? strdup(host) : NULL;
    if (!items || (*host && !copy)) {
        free(items);
        free(copy);
        return "no memory";
    }
    for (char *p = copy; p && *p; p++)
        *p = (char)tolower((unsigned char)*p);
    one->host = copy;
    if (list->count)
        memcpy(items, list->items, list->count * sizeof *items);
    items[list->count] = *one;
    if (list->items)               // by realloc a copy might stay behind
        wipe(list->items, list->count * sizeof *items);
    free(list->items);
    list->items = items;
    list->count++;
    return NULL;
}

// The next word of a text into out, which has WORD_MAX + 1 bytes. NULL: there is none; one that is
// too long is cut, and is wrong by that.
static const char *next_word(const char *text, char *out)
{
    for (;;) {
        text += strspn(text, " \t\r\n");
        if (*text != '#')
            break;
        text += strcspn(text, "\n");
    }
    size_t size = strcspn(text, " \t\r\n"), part = size < WORD_MAX ? size : WORD_MAX;
    memcpy(out, text, part);
    out[part] = '\0';
    return size ? text + size : NULL;
}

bool hooks_secret_list_read(hooks_secret_list *out, const char *text, const char **wrong)
{
    char word[WORD_MAX + 1], host[WORD_MAX + 1] = "";
    hooks_secret one = { .size = 0 };
    *out = (hooks_secret_list){ NULL, 0 };
    *wrong = NULL;
    while (!*wrong && (text = next_word(text, word))) {
        bool is_secret = strncmp(word, PREFIX, sizeof PREFIX - 1) == 0;
        if (!is_secret && *host) {
            *wrong = "a host is followed by no secret, which begins with 'whsec_'";
        } else if (!is_secret) {
            memcpy(host, word, sizeof host);
        } else {
            *wrong = read_secret(word + sizeof PREFIX - 1, &one);
            *wrong = *wrong ? *wrong : add(out, &one, host);
            *host = '\0';
        }
    }
    if (!*wrong && *host)
        *wrong = "a host is followed by no secret, which begins with 'whsec_'";
    if (!*wrong && !out->count)
        *wrong = "it holds no secret";
    wipe(word, sizeof word);
    wipe(&one, sizeof one);
    return !*wrong;
}

void hooks_secret_list_clear(hooks_secret_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i].host);
    if (list->items)
        wipe(list->items, list->count * sizeof *list->items);
    free(list->items);
    *list = (hooks_secret_list){ NULL, 0 };
}

// ---- sources ------------------------------------------------------------------------------------

static bool is_env(const char *name)
{
    return strncmp(name, FROM_ENV, sizeof FROM_ENV - 1) == 0;
}

// A file's text, which is small; NULL: *wrong says why not.
static char *read_file(const char *path, const char **wrong)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat file;
    if (fd < 0 || fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
        *wrong = fd < 0 ? strerror(errno) : "it is no file";
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    char *text = malloc(FILE_MAX + 1);
    size_t size = 0;
    ssize_t got = text ? 1 : -1;
    while (got > 0 && size < FILE_MAX) {
        got = read(fd, text + size, FILE_MAX - size);
        size += got > 0 ? (size_t)got : 0;
    }
    *wrong = !text ? "no memory" : got < 0 ? strerror(errno) : got > 0 ? "it is too long" : NULL;
    close(fd);
    if (*wrong) {
        free(text);
        return NULL;
    }
    text[size] = '\0';
    return text;
}

static bool read_source(const char *name, hooks_secret_list *out, const char **wrong)
{
    *out = (hooks_secret_list){ NULL, 0 };
    if (is_env(name)) {
        const char *text = getenv(name + sizeof FROM_ENV - 1);
        *wrong = "it is not set";
        return text && hooks_secret_list_read(out, text, wrong);
    }
    char *text = read_file(name, wrong);
    if (!text)
        return false;
    bool ok = hooks_secret_list_read(out, text, wrong);
    wipe(text, strlen(text));
    free(text);
    return ok;
}

bool hooks_secrets_open(hooks_secrets *s, const char *const *names, size_t count, char *why,
    size_t size)
{
    *s = (hooks_secrets){ .sources = calloc(count ? count : 1, sizeof *s->sources) };
    pthread_mutex_init(&s->lock, NULL);
    if (!s->sources) {
        snprintf(why, size, "no memory");
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        hooks_source *source = &s->sources[s->count++];
        const char *wrong = NULL;
        source->name = names[i];
        // Before it is read: a change in between is seen again.
        if (!is_env(names[i]) && stat(names[i], &source->seen) != 0)
            memset(&source->seen, 0, sizeof source->seen);
        if (!read_source(names[i], &source->secrets, &wrong)) {
            snprintf(why, size, "%.300s: %s", names[i], wrong);
            return false;
        }
    }
    return true;
}

void hooks_secrets_clear(hooks_secrets *s)
{
    for (size_t i = 0; i < s->count; i++)
        hooks_secret_list_clear(&s->sources[i].secrets);
    free(s->sources);
    pthread_mutex_destroy(&s->lock);
    *s = (hooks_secrets){ .sources = NULL };
}

// ---- while they are used ------------------------------------------------------------------------

static bool is_same(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
        a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
        a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

// Locks: s->lock held.
static bool renew_source(hooks_source *source, const char **wrong)
{
    struct stat now;
    hooks_secret_list fresh;
    if (stat(source->name, &now) != 0)
        memset(&now, 0, sizeof now);
    if (is_same(&now, &source->seen))
        return true;
    source->seen = now;
    if (!read_source(source->name, &fresh, wrong)) {
        hooks_secret_list_clear(&fresh);
        return false;
    }
    hooks_secret_list_clear(&source->secrets);
    source->secrets = fresh;
    return true;
}

bool hooks_secrets_renew(hooks_secrets *s, char *why, size_t size)
{
    bool ok = true;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < s->count; i++) {
        const char *wrong = NULL;
        if (is_env(s->sources[i].name) || renew_source(&s->sources[i], &wrong))
            continue;
        snprintf(why, size, "%.300s: %s", s->sources[i].name, wrong);
        ok = false;
    }
    pthread_mutex_unlock(&s->lock);
    return ok;
}

// Locks: s->lock held. Those of this host, or those of all (host NULL).
static size_t copy_of(const hooks_secrets *s, const char *host, hooks_secret *out)
{
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++)
        for (size_t k = 0; k < s->sources[i].secrets.count; k++) {
            const hooks_secret *one = &s->sources[i].secrets.items[k];
            bool fits = host && one->host ? strcmp(host, one->host) == 0 : !host && !one->host;
            if (!fits || count == HOOKS_SECRETS_MAX)
                continue;
            out[count] = *one;
            out[count++].host = NULL;
        }
    return count;
}

size_t hooks_secrets_of(hooks_secrets *s, const char *host, hooks_secret out[HOOKS_SECRETS_MAX])
{
    pthread_mutex_lock(&s->lock);
    size_t count = copy_of(s, host, out);
    if (count == 0)
        count = copy_of(s, NULL, out);
    pthread_mutex_unlock(&s->lock);
    return count;
}

void hooks_secrets_forget(hooks_secret *secrets, size_t count)
{
    wipe(secrets, count * sizeof *secrets);
}
