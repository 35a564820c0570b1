// payload.c - whole inputs for a payload, and lines as they come in for a batch.
//
// Reads descriptors, not streams: whether a next line is there already is asked with poll(), and
// stdio's buffer would hide it. Interrupted reads are tried again.
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static ssize_t read_some(int fd, char *into, size_t size)
{
    ssize_t got;
    do
        got = read(fd, into, size);
    while (got < 0 && errno == EINTR);
    return got;
}

int cli_read_file(const cli *c, const char *path, int64_t limit, char **out, size_t *size)
{
    int is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return cli_fail(c,
            errno == ENOENT       ? CLI_NOT_FOUND
                : errno == EACCES ? CLI_DENIED
                                  : CLI_FAILED,
            "cannot read the payload from '%s': %s (for a payload that begins with @, give '-' "
            "and pipe it in)",
            path, strerror(errno));

    size_t capacity = 65536, used = 0;
    char *bytes = cli_alloc(capacity);
    ssize_t got = 1;
    while (got > 0 && used <= (size_t)limit) {
        if (used == capacity) {
            capacity *= 2;
            bytes = cli_grow(bytes, capacity);
        }
        size_t room = capacity - used;
        if (room > (size_t)limit + 1 - used)
            room = (size_t)limit + 1 - used;
        got = read_some(fd, bytes + used, room);
        if (got > 0)
            used += (size_t)got;
    }
    int reason = errno;
    if (!is_stdin)
        (void)close(fd);    // opened for reading: nothing can be lost
    if (got < 0) {
        free(bytes);
        return cli_fail(c, CLI_FAILED, "cannot read the payload from '%s': %s",
            is_stdin ? "standard input" : path, strerror(reason));
    }
    *out = bytes;
    *size = used;
    return CLI_OK;
}

int cli_read_payload(const cli *c, const char *word, int64_t limit, char **kept,
    const char **payload, size_t *size)
{
    if (strcmp(word, "-") != 0 && *word != '@') {
        *payload = word;
        *size = strlen(word);
        return CLI_OK;
    }
    int code = cli_read_file(c, *word == '@' ? word + 1 : word, limit, kept, size);
    *payload = *kept;
    return code;
}

// ---- Lines

static int would_block(int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };
    return poll(&wait, 1, 0) == 0;
}

static int take_line(cli_lines *l, size_t size, size_t skip, const char **line, size_t *out)
{
    *line = l->buffer + l->start;
    *out = size;
    l->start += size + skip;
    return CLI_LINES_LINE;
}

int cli_lines_next(cli_lines *l, int block, const char **line, size_t *size)
{
    size_t seen = 0;    // bytes after start that hold no newline
    for (;;) {
        char *from = l->buffer ? l->buffer + l->start : NULL;
        size_t have = l->end - l->start;
        char *newline = have > seen ? memchr(from + seen, '\n', have - seen) : NULL;
        if (newline)
            return take_line(l, (size_t)(newline - from), 1, line, size);
        if (l->ended)
            return have ? take_line(l, have, 0, line, size) : CLI_LINES_END;
        if (have >= CLI_LINE_MAX)
            return CLI_LINES_LONG;
        if (!block && would_block(l->fd))
            return CLI_LINES_WOULD_BLOCK;

        seen = have;
        if (l->start && l->end == l->capacity) {
            memmove(l->buffer, from, have);
            l->start = 0;
            l->end = have;
        }
        if (l->end == l->capacity) {
            l->capacity = l->capacity ? l->capacity * 2 : 65536;
            l->buffer = cli_grow(l->buffer, l->capacity);
        }
        ssize_t got = read_some(l->fd, l->buffer + l->end, l->capacity - l->end);
        if (got < 0)
            return CLI_LINES_ERROR;
        l->end += (size_t)got;
        l->ended = got == 0;
    }
}

void cli_lines_free(cli_lines *l)
{
    free(l->buffer);
    l->buffer = NULL;
}
