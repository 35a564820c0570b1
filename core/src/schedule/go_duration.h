// go_duration.h - durations as Go's time.ParseDuration reads them: "1h30m", "1.5s", "-2us".
//
// "@every" needs them, for an expression must mean the same to Asynq. Pure. The durations of the
// command line and of options are util/duration.c's.
#ifndef GF_SCHEDULE_GO_DURATION_H
#define GF_SCHEDULE_GO_DURATION_H

#include <stdbool.h>
#include <stdint.h>

// False: not such a duration, or beyond 2^63 ns (292 years).
bool gf_go_duration_parse(const char *text, int64_t *out_ns);

#endif
