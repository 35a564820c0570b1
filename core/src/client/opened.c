// opened.c - snapshots with what is encrypted in them, shown to who has the keys.
//
// May touch: message/, broker/broker.h, info/info.h, util/. No locks but those of the keys.
#include "client/opened.h"

#include <inttypes.h>
#include <stdio.h>

#include "info/info.h"
#include "util/alloc.h"
#include "util/error.h"

static gofer_status open_field(const gofer_client *client, gofer_info *info, const char *field,
    const gf_seal_for *what, bool *opened)
{
    void *plain;
    size_t size;
    const void *bytes = gofer_info_bytes(info, field, &size);
    if (!bytes || !gf_is_sealed(bytes, size))
        return GOFER_OK;
    gofer_status st = gf_keys_unseal(client->keys, what, bytes, size, &plain, &size);
    if (st != GOFER_OK)
        return st == GOFER_ENOMEM ? st : GOFER_OK;
    gf_info_drop(info, field);
    st = gf_info_set_bytes(info, field, plain, size) == 0 ? GOFER_OK : GOFER_ENOMEM;
    gf_free(plain);
    *opened = true;
    return st;
}

gofer_status gf_show_opened(const gofer_client *client, gofer_info *info)
{
    const char *type = gofer_info_text(info, "type"), *id = gofer_info_text(info, "id"),
               *shared = gofer_info_text(info, "sealed_for");
    const gf_seal_for payload = { .type = type ? type : "",
        .id = shared ? shared : id ? id : "",
        .shared = shared != NULL };
    const gf_seal_for result = { .kind = GF_SEAL_RESULT, .type = "", .id = id ? id : "" };
    bool opened = false;
    if (!client->keys)
        return GOFER_OK;
    gofer_status st = open_field(client, info, "payload", &payload, &opened);
    if (st == GOFER_OK)
        st = open_field(client, info, "result", &result, &opened);
    if (st == GOFER_OK && opened && gf_info_set_bool(info, "decrypted", 1) != 0)
        st = GOFER_ENOMEM;
    return st;
}

gofer_status gf_hand_opened(const gofer_client *client, gofer_info *made, gofer_info **out)
{
    gofer_status st = gf_show_opened(client, made);
    if (st == GOFER_OK)
        *out = made;
    else
        gofer_info_free(made);
    return st;
}

gofer_status gf_flow_result_opened(const gofer_client *client, const char *id, const char *step,
    void **bytes, size_t *size)
{
    gf_broker *b = client->broker;
    void *left = NULL, *plain = NULL;
    size_t left_size = 0;
    uint32_t n;
    gofer_status st = b->ops->flows->result(b, id, step, &n, &left, &left_size);
    if (st == GOFER_OK && client->keys && left && gf_is_sealed(left, left_size)) {
        char task_id[GF_ID_MAX + 1];
        snprintf(task_id, sizeof task_id, "%s:%" PRIu32, id, n);
        const gf_seal_for what = { .kind = GF_SEAL_RESULT, .type = "", .id = task_id };
        st = gf_keys_unseal(client->keys, &what, left, left_size, &plain, &left_size);
        gf_free(left);
        left = plain;
    }
    if (st != GOFER_OK)
        return st;
    *bytes = left;
    *size = left_size;
    return GOFER_OK;
}
