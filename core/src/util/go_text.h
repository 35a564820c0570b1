// go_text.h - values as Go prints them: what Asynq's tools and pages write and read. Pure: the
// binary has this file, too (gofer_text in CMakeLists.txt).
#ifndef GF_UTIL_GO_TEXT_H
#define GF_UTIL_GO_TEXT_H

#include <stddef.h>
#include <stdint.h>

void gf_go_duration(int64_t ms, char *out, size_t room);    // "1h0m1.5s"; not below 0
void gf_go_date(int64_t unix_ms, char *out, size_t room);   // "Mon Jan  2 15:04:05 UTC 2006"
// With quotes around it. Names are printable (gf_check_name), so that there is little to escape.
void gf_go_quote(const char *text, char *out, size_t room);

#endif
