// id.h - task ids and random numbers.
//
// Ids are UUIDs of version 7 (RFC 9562): 48 bits of Unix milliseconds, then random bits with a
// counter in front, so that ids made by one process sort by age and a store's index grows at
// one end. No library of the base system makes version 7.
#ifndef GF_UTIL_ID_H
#define GF_UTIL_ID_H

#include <stdint.h>

enum { GF_ID_TEXT = 37 };                 // 36 characters and NUL

void     gf_id_new(char out[GF_ID_TEXT]); // threads: any
int64_t  gf_id_born_ms(const char *id);   // when an id of this kind was made, Unix ms; 0:
                                          //   it is of another kind
uint64_t gf_random64(void);               // from the kernel; never 0
uint32_t gf_random_below(uint32_t bound); // bound >= 1

#endif
