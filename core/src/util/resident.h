// resident.h - how much memory a process has.
#ifndef GF_UTIL_RESIDENT_H
#define GF_UTIL_RESIDENT_H

#include <stdint.h>

int64_t gf_resident(long pid);     // bytes, resident; -1: not known, or there is no such process

#endif
