// audit.h - the door's table of the audit: who did what, the latest of it.
//
// Records are lines of util/record.h, which inspect/audit.c makes and reads. The store numbers them
// from 1 on without a gap, and puts the number and its time in front: "n:7\tat_ms:1764208800000\t".
// Each member says: who calls it; whether it may wait for the store ("waits": up to the broker's
// timeout); what happens when it is called again after a failure or a lost answer ("again").
#ifndef GF_BROKER_AUDIT_H
#define GF_BROKER_AUDIT_H

#include <stddef.h>
#include <stdint.h>

#include "broker/types.h"

// So many are kept, unless somebody has said otherwise.
enum { GF_AUDIT_KEEP = 10000 };

typedef struct gf_audit_ops {
    // Both are called by the client, and wait.

    // keep: from now on so many are kept; 0: as before. Again: it may be there twice.
    gofer_status (*add)(gf_broker *b, const char *record, int64_t keep);
    // The latest with a number below `before` (0: of all), newest first. Again: yes.
    gofer_status (*page)(gf_broker *b, int64_t before, size_t limit, gf_names *lines);
} gf_audit_ops;

#endif
