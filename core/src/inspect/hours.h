// hours.h - allowed hours, for those of this room who tell of what they are of.
#ifndef GF_INSPECT_HOURS_H
#define GF_INSPECT_HOURS_H

#include "gofer/gofer.h"

// Queues of the list (or the one that the record is) which have hours are told of them: hours,
// closed, and until when. Who may not see them is told of the queues all the same. ENOMEM.
gofer_status gf_hours_mark(gofer_client *client, gofer_info *queues);

// Types of the list that are closed are told of it, and those that it has not got are added.
gofer_status gf_hours_add_types(gofer_client *client, gofer_info *types);

#endif
