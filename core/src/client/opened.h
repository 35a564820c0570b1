// opened.h - snapshots with what is encrypted in them, shown to who has the keys.
#ifndef GF_CLIENT_OPENED_H
#define GF_CLIENT_OPENED_H

#include "client/client.h"

// Of a task, an entry or an outcome: payload and result that the client's keys open are in it as
// they were, and `decrypted` says so. What they do not open stays as it is. ENOMEM.
gofer_status gf_show_opened(const gofer_client *client, gofer_info *info);
// The same, and to the caller; on failure it is freed.
gofer_status gf_hand_opened(const gofer_client *client, gofer_info *made, gofer_info **out);

// What a step of a flow has left, from a store that has flows: gf_free. What is encrypted the
// client's keys open, if it has any, or that is the failure.
gofer_status gf_flow_result_opened(const gofer_client *client, const char *id, const char *step,
    void **bytes, size_t *size);

#endif
