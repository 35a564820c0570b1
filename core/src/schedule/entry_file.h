// entry_file.h - a file that lists cron entries (docs/schedules.md), as a whole.
//
// What it says is entry_json.c's to read. Threads: the caller's.
#ifndef GF_SCHEDULE_ENTRY_FILE_H
#define GF_SCHEDULE_ENTRY_FILE_H

#include <stddef.h>
#include <sys/stat.h>

#include "gofer/gofer.h"

// Its text (gf_free), and what it was when it was read. ENOTFOUND, EDENIED, EINVAL (no file, over
// 64 MiB, unreadable), ENOMEM.
gofer_status gf_entry_file_read(const char *path, char **text, size_t *size, struct stat *seen);

#endif
