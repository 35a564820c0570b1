// zone_file.h - where the tz database is on this system, and which zones it has.
//
// Reads files and keeps nothing: what was read once is kept by zone.h's cache. Any thread.
#ifndef GF_CALENDAR_ZONE_FILE_H
#define GF_CALENDAR_ZONE_FILE_H

#include <stddef.h>

#include "gofer/gofer.h"

// The bytes of a zone's file (gf_free), from $TZDIR or the usual places. EINVAL: not the name of a
// zone, or none such here (names near ones); EUNSUPPORTED: there is no tz database; ECORRUPT: the
// file cannot be read, or is too large for one.
gofer_status gf_zone_file_read(const char *name, char **bytes, size_t *size);

#endif
