// show.c - records and bytes for standard output, in JSON or for reading.
//
// Of a payload of megabytes the beginning is shown, and what prints all of it. Control characters
// are escaped.
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "screen.h"
#include "util/fingerprint.h"
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

int cli_show(cli *c, gofer_status st, const gofer_info *info,
    void (*print)(const cli *c, const gofer_info *info))
{
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    if (c->global.json)
        return cli_put_info(c, info);
    print(c, info);
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

void cli_put_lines(const char *text)
{
    while (*text) {
        size_t size = strcspn(text, "\n");
        char *safe = screen_escape(text, size, SCREEN_ONE_LINE);
        text += size + (text[size] == '\n');
        printf("%s%s", safe, *text ? ", " : "");
        free(safe);
    }
}

// ---- errors in a line

char *cli_error_line(const char *error)
{
    size_t room = strlen(error) + 1;
    char *line = cli_alloc(room);
    (void)gf_error_line(error, line, room);
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
