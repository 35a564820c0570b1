// suggest.c - the word that was probably meant: one that begins so, else the nearest.
#include "cli.h"

#include <string.h>

#include "util/nearest.h"

const char *cli_suggest(const char *word, const char *const *words, size_t count)
{
    size_t length = strlen(word);
    for (size_t i = 0; i < count && length >= 2; i++)
        if (strncmp(words[i], word, length) == 0)
            return words[i];
    return gf_nearest(word, words, count);
}
