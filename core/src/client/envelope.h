// envelope.h - payloads on their way in, encrypted with the client's keys.
#ifndef GF_CLIENT_ENVELOPE_H
#define GF_CLIENT_ENVELOPE_H

#include "client/enqueue.h"

// Bytes as an envelope: gf_free; *size: of the one, then of the other. name: what they are the
// payload of, for the text of ETOOBIG, which counts the envelope. The client has keys.
gofer_status gf_envelope_make(const gofer_client *client, const gf_seal_for *what, const char *name,
    const void *bytes, size_t *size, void **out);

// A draft that is whole but for that: its payload, and the name of its lock if that follows from
// the payload. Also on failure gf_draft_clear frees what it makes.
gofer_status gf_draft_encrypt(gf_draft *d, const gofer_client *client);
void         gf_draft_forget_envelope(gf_draft *d);

#endif
