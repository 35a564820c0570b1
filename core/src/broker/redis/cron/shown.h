// shown.h - the options of a cron entry's tasks as Asynq's scheduler writes them
// (wire.md section 12).
#ifndef GF_BROKER_REDIS_SHOWN_H
#define GF_BROKER_REDIS_SHOWN_H

#include "broker/redis/store.h"

enum { GF_RD_OPTIONS_MAX = 5, GF_RD_OPTION_SIZE = 560 };
typedef struct gf_rd_option { char text[GF_RD_OPTION_SIZE]; } gf_rd_option;

// How many. Every one has its parenthesis: without, Go's inspector panics.
size_t gf_rd_options_of(const gf_message *m, gf_rd_option out[GF_RD_OPTIONS_MAX]);

#endif
