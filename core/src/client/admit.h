// admit.h - plain payloads that come in by way of a plan: of the steps of flows, of cron entries.
//
// Their tasks are put later, by workers, which are not refused. So it is asked beforehand whether
// their queues take envelopes alone.
#ifndef GF_CLIENT_ADMIT_H
#define GF_CLIENT_ADMIT_H

#include "client/client.h"
#include "message/message.h"

// EDENIED: the payload of one of them is plain, and its queue takes envelopes alone. What is
// encrypted costs nothing, the queues of all others one question to the store.
gofer_status gf_admit(gofer_client *client, const gf_message *const *messages, size_t count);

// What is said of it.
gofer_status gf_admit_refuse(const char *queue, const char *type);

#endif
