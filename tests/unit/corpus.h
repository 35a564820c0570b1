// corpus.h - the inputs that a fuzzer found worth keeping, given to its target once more.
#ifndef TESTS_UNIT_CORPUS_H
#define TESTS_UNIT_CORPUS_H

#include <dirent.h>

#include "check.h"

// Every file of a folder, of which there are at least `least`.
__attribute__((unused)) static void check_corpus(const char *name, size_t least,
    int (*target)(const uint8_t *bytes, size_t size))
{
    static uint8_t bytes[1 << 16];
    size_t files = 0;
    DIR *folder = opendir(name);
    REQUIRE(folder != NULL);
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[1024];
        if (*entry->d_name == '.')
            continue;
        snprintf(path, sizeof path, "%s/%.255s", name, entry->d_name);
        FILE *file = fopen(path, "rb");
        if (!CHECK(file != NULL))
            continue;
        size_t size = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        CHECK_INT(target(bytes, size), 0);
        files++;
    }
    closedir(folder);
    CHECK(files >= least);
}

#endif
