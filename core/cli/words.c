// words.c - the quoting rules of POSIX sh. (popt's own splitter drops empty words and takes an
// open quote for closed.)
#include "words.h"

#include <stdlib.h>
#include <string.h>

#include "cli.h"

static int is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

// Copies one word without its quotes and returns the place behind it; NULL: left open.
static const char *take_word(const char *p, char **out)
{
    char *to = *out, quote = '\0';
    for (; *p && (quote || !is_blank(*p)); p++) {
        if (quote == '\0' && (*p == '\'' || *p == '"')) {
            quote = *p;
        } else if (quote && *p == quote) {
            quote = '\0';
        } else if (*p == '\\' && quote != '\'') {
            // Between double quotes a backslash is one, but before these.
            if (quote && p[1] && !strchr("\\\"$`\n", p[1]))
                *to++ = *p;
            if (!*++p)
                return NULL;
            if (*p != '\n')     // a line goes on
                *to++ = *p;
        } else {
            *to++ = *p;
        }
    }
    *to++ = '\0';
    *out = to;
    return quote ? NULL : p;
}

char **words_split(const char *text, size_t *count)
{
    // At most a word for every second character; no word grows.
    size_t size = strlen(text), most = size / 2 + 2;
    char **words = cli_alloc(most * sizeof *words + size + 2);
    char *room = (char *)(words + most);
    size_t found = 0;
    for (;;) {
        while (is_blank(*text))
            text++;
        if (!*text)
            break;
        words[found] = room;
        text = take_word(text, &room);
        if (!text) {
            free(words);
            return NULL;
        }
        found++;
    }
    *count = found;
    return words;
}
