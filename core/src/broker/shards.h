// shards.h - the door's table of sharded queues: one queue whose tasks are spread over several
// slots, each of which may be on a server of its own.
//
// A slot is a queue by itself, with a name that the store chooses; the first has the queue's own.
// All other tables take and give the queue's name for all of them together. NULL: a store has one
// file or memory, where there is nothing to be spread over.
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_SHARDS_H
#define GF_BROKER_SHARDS_H

#include <stdint.h>

#include "broker/types.h"

enum { GF_SHARDS_MAX = 128 };

typedef struct gf_shards_ops {
    // From now on tasks go to the first `count` slots (1: to the queue alone). Slots behind them
    // are taken from until they are empty. Clients and workers follow within a second or two.
    // Called by: client. Waits. Again: yes.
    gofer_status (*declare)(gf_broker *b, const char *queue, int32_t count);
    // The slots of a queue as a list of queues, those that are being emptied last (`draining`); of
    // one that is not sharded itself alone. ENOTFOUND. Called by: client. Waits. Again: yes.
    gofer_status (*slots)(gf_broker *b, const char *queue, gofer_info **out);
} gf_shards_ops;

#endif
