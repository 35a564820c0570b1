// memory.c - memory for all files of the binary: to be had, or the process ends.
//
// A command has nothing to undo that the store does not undo by itself, so that none checks for
// NULL. May be called from any thread but for cli_keep, whose list is the main thread's.
#include "cli.h"

#include <stdlib.h>
#include <unistd.h>

static void out_of_memory(void)
{
    static const char words[] = "gofer: no memory\n";
    ssize_t ignored = write(STDERR_FILENO, words, sizeof words - 1);
    (void)ignored;  // nothing is left to be done
    _exit(CLI_FAILED);
}

void *cli_alloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    if (!memory)
        out_of_memory();
    return memory;
}

void *cli_grow(void *memory, size_t size)
{
    void *grown = realloc(memory, size ? size : 1);
    if (!grown)
        out_of_memory();
    return grown;
}

void *cli_keep(cli *c, void *memory)
{
    c->kept = cli_grow(c->kept, (c->kept_count + 1) * sizeof *c->kept);
    c->kept[c->kept_count++] = memory;
    return memory;
}
