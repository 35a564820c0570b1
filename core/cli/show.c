// show.c - records and bytes for standard output, in JSON or for reading.
//
// Of a payload of megabytes the beginning is shown, and what prints all of it. Control characters
// are escaped.
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "screen.h"
#include "util/utf8.h"

enum { TEXT_SHOWN = 16384, BYTES_SHOWN = 512, LABEL = 12 };

int cli_put_info(const cli *c, const gofer_info *info)
{
    char *json;
    gofer_status st = gofer_info_json(info, &json);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    puts(json);
    gofer_free(json);
    return CLI_OK;
}

void cli_put_label(const cli *c, const char *label)
{
    screen_put(stdout, c->color, STYLE_BOLD, label);
    // A gap in any case: a longer name moves its own value only.
    size_t size = strlen(label);
    do
        fputc(' ', stdout);
    while (++size < LABEL);
}

void cli_put_text(const char *text, size_t size)
{
    while (size) {
        const char *newline = memchr(text, '\n', size);
        size_t length = newline ? (size_t)(newline - text) : size;
        char *safe = screen_escape(text, length, SCREEN_KEEP_TABS);
        printf("  %s\n", safe);
        free(safe);
        length += newline != NULL;
        text += length;
        size -= length;
    }
}

// ---- errors in a line

// Python's: what was raised stands in the first line after the frames, which are indented. Of
// several that led to one another the last counts.
static const char *raised_line(const char *error)
{
    static const char head[] = "Traceback (most recent call last):";
    const char *at = NULL, *next = error;
    while ((next = strstr(next, head)))
        at = next += sizeof head - 1;
    while (at && (at = strchr(at, '\n')) && (*++at == ' ' || *at == '\t' || *at == '\n'))
        ;
    return at && *at ? at : NULL;
}

// A command's: the last line of what it wrote to standard error.
static const char *last_line(const char *text)
{
    const char *end = text + strlen(text);
    while (end > text && (end[-1] == '\n' || end[-1] == ' '))
        end--;
    while (end > text && end[-1] != '\n')
        end--;
    return end;
}

char *cli_error_line(const char *error)
{
    static const char *const of_commands[] = { "exit code ", "killed by signal " };
    const char *colon = strchr(error, ':'), *from = raised_line(error);
    int of_command = 0;
    for (size_t i = 0; i < sizeof of_commands / sizeof *of_commands; i++)
        of_command |= strncmp(error, of_commands[i], strlen(of_commands[i])) == 0;
    of_command &= colon && colon[1] == ' ' && colon < error + strcspn(error, "\n");
    if (!from && of_command)
        from = last_line(colon + 2);
    if (!from)
        from = error + strspn(error, " \n\t");
    size_t size = strcspn(from, "\n"),
           before = of_command && from > colon + 2 ? (size_t)(colon + 2 - error) : 0;
    if (of_command && from == colon + 2) {          // one line
        size += (size_t)(from - error);
        from = error;
    }
    char *line = cli_alloc(before + size + 1);
    memcpy(line, error, before);
    memcpy(line + before, from, size);
    return line;
}

static void print_hex(const unsigned char *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += 16) {
        printf("  %06zx ", at);
        for (size_t i = at; i < at + 16; i++)
            if (i < size)
                printf(" %02x", bytes[i]);
            else
                fputs("   ", stdout);
        fputs("  ", stdout);
        for (size_t i = at; i < at + 16 && i < size; i++)
            fputc(bytes[i] >= 0x20 && bytes[i] < 0x7F ? bytes[i] : '.', stdout);
        fputc('\n', stdout);
    }
}

void cli_put_bytes(const char *bytes, size_t size, const char *rest)
{
    int is_text = gf_utf8_valid(bytes, size) && !memchr(bytes, '\0', size);
    size_t limit = is_text ? TEXT_SHOWN : BYTES_SHOWN;
    size_t shown = size < limit ? size : limit;
    char text[CLI_HUMAN];
    while (is_text && shown < size && !gf_utf8_valid(bytes, shown))
        shown--;

    printf("%s%s\n", size ? cli_human_size(text, (int64_t)size) : "empty",
        size && !is_text ? ", not text" : "");
    if (is_text)
        cli_put_text(bytes, shown);
    else
        print_hex((const unsigned char *)bytes, shown);
    if (shown < size)
        printf("  … the first %zu bytes; %s prints all\n", shown, rest);
}
