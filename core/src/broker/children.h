// children.h - the children in a worker's entry: as the text that a store keeps of them, and as the
// fields that inspection shows.
//
// The text is lines of util/record.h: the first has all children together, the others one each.
#ifndef GF_BROKER_CHILDREN_H
#define GF_BROKER_CHILDREN_H

#include "broker/upkeep.h"
#include "info/info.h"
#include "util/record.h"

void gf_children_put(gf_record *out, const gf_children_entry *children);
// Fields of a worker's record. 0, or -1: no memory. text NULL or empty: it has no children.
int gf_children_show(gofer_info *worker, const char *text, size_t size);

#endif
