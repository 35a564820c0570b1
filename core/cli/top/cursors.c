// cursors.c - the pages of a long list that one has turned over: where each of them begins.
//
// Knows neither the store nor the terminal.
#include <stdlib.h>
#include <string.h>

#include "top.h"

void cursors_clear(cursors *k)
{
    for (size_t i = 0; i <= k->depth && k->stack; i++)
        free(k->stack[i]);
    free(k->stack);
    free(k->next);
    *k = (cursors){ NULL, 0, NULL };
}

const char *cursors_here(const cursors *k)
{
    return k->stack ? k->stack[k->depth] : NULL;
}

void cursors_set_next(cursors *k, const char *next)
{
    size_t size = next ? strlen(next) + 1 : 0;
    free(k->next);
    k->next = next ? memcpy(cli_alloc(size), next, size) : NULL;
}

int cursors_forward(cursors *k)
{
    if (!k->next)
        return 0;
    if (!k->stack)
        k->stack = cli_alloc(sizeof *k->stack);
    k->stack = cli_grow(k->stack, (k->depth + 2) * sizeof *k->stack);
    k->stack[++k->depth] = k->next;
    k->next = NULL;
    return 1;
}

int cursors_back(cursors *k)
{
    if (k->depth == 0)
        return 0;
    free(k->stack[k->depth--]);
    return 1;
}
