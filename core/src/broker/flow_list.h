// flow_list.h - lists that make steps: what a step has left when another is run for each item of
// it, and the results of those as one list.
//
// May touch: util/. Pure but for memory.
#ifndef GF_BROKER_FLOW_LIST_H
#define GF_BROKER_FLOW_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gofer/gofer.h"

// A payload to be.
typedef struct gf_flow_item {
    const char *bytes;
    size_t      size;
} gf_flow_item;

typedef struct gf_flow_list {
    gf_flow_item *items;                 // owned, and what they point to
    size_t        count;
    bool          more;                  // the step that has left it is to run again, with this
    gf_flow_item  next;                  //   payload, for those that come behind
    char         *memory;
} gf_flow_list;

enum { GF_FLOW_WHY = 160 };

// "[payload, …]", or {"items": […], "more": payload}; a payload as a plan has it. room: so many
// steps may be made of it. EINVAL: why has the reason, of what cannot be used; ENOMEM. On failure
// there is nothing to be cleared.
gofer_status gf_flow_list_read(gf_flow_list *l, const void *bytes, size_t size, size_t room,
    char why[GF_FLOW_WHY]);
void         gf_flow_list_clear(gf_flow_list *l);
// Of one that was run for each item of a list, some in vain: why it has failed.
void         gf_flow_some_failed(char why[GF_FLOW_WHY], int64_t failed, int64_t made);
// How many steps it makes, with the one that runs again.
size_t       gf_flow_list_steps(const gf_flow_list *l);

// Results as one JSON array: what is JSON stands in it as it is, other text as a string, other
// bytes as {"base64": "…"}, and nothing as null.
typedef struct gf_flow_results {
    char  *bytes;                        // owned
    size_t size, room;
    bool   failed;                       // no memory
} gf_flow_results;

void         gf_flow_results_add(gf_flow_results *r, const void *bytes, size_t size);
// Hands over what there is (gf_free). ENOMEM.
gofer_status gf_flow_results_end(gf_flow_results *r, void **bytes, size_t *size);

#endif
