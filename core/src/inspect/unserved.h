// unserved.h - which queues no live worker serves, though tasks are pending in them.
//
// Goes by the patterns that workers say they serve, as they stand in the store. For listings and
// doctor; several questions to the store, bounded however many queues there are.
#ifndef GF_UNSERVED_H
#define GF_UNSERVED_H

#include "broker/broker.h"

// Those of the list with pending tasks get the field "unserved" if no live worker serves them. The
// list may be another one afterwards. On an error without memory it is not whole.
gofer_status gf_unserved_mark(gf_broker *b, gofer_info **queues);

// The first `most` of them, sorted, among the first queues of the store. *more: there are others.
gofer_status gf_unserved_find(gf_broker *b, size_t most, gf_names *out, bool *more);

#endif
