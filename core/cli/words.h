// words.h - a command line split into words, by a shell's quoting and nothing else of a shell.
//
// For --exec and --aggregate, whose commands are run without a shell.
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include <stddef.h>

// Quotes and backslashes mean what they mean to sh; variables, patterns, pipes mean nothing.
// Returns a NULL-terminated array in one block, to be freed with free(); NULL: a quote or a
// backslash is left open. *count receives how many.
char **words_split(const char *text, size_t *count);

#endif
