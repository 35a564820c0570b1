// nearest.c - the word that was probably meant, by edit distance with swaps of neighbours.
//
// Nothing is guessed for words that are far from all: a wrong hint costs more than none.
#include "util/nearest.h"

#include <string.h>

#include "util/minmax.h"

enum { WORD_MAX = 48 };    // longer words are far from all

// Insertions, deletions, changes and swaps of neighbours that lead from a to b. Three rows of the
// table are enough, and the stacks of slots are small.
static size_t distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), rows[3][WORD_MAX + 1];
    if (n > WORD_MAX || m > WORD_MAX)
        return WORD_MAX;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        const size_t *above = rows[(i - 1) % 3], *higher = rows[(i + 1) % 3];
        size_t *row = rows[i % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = gf_min_size(change, gf_min_size(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = gf_min_size(row[j], higher[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

const char *gf_nearest(const char *word, const char *const *words, size_t count)
{
    const char *best = NULL;
    size_t length = strlen(word);
    size_t limit = length < 4 ? 1 : length < 8 ? 2 : 3;
    for (size_t i = 0; i < count; i++) {
        size_t d = distance(word, words[i]);
        if (d > limit || d >= strlen(words[i]))
            continue;
        best = words[i];
        if (d == 0)
            break;
        limit = d - 1;
    }
    return best;
}

const char *gf_meant(const char *word, const char *const *words, size_t count)
{
    size_t length = strlen(word);
    for (size_t i = 0; i < count && length >= 2; i++)
        if (strncmp(words[i], word, length) == 0)
            return words[i];
    return gf_nearest(word, words, count);
}
