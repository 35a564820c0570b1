// doctor.c - the public check: what a store found, as a list.
//
// May touch: broker/broker.h, info/info.h. The finding is the stores' (broker/*/check); the
// callback runs on the caller's thread, inside the call.
#include <string.h>

#include "client/client.h"
#include "info/info.h"
#include "util/error.h"
#include "util/text.h"
#include "util/utf8.h"

// ---- the list ----------------------------------------------------------------------------------

typedef struct listing {
    gofer_info *list;
    bool        bad;
} listing;

static void add_finding(void *arg, const gf_finding *f)
{
    static const char *const severities[] = { "note", "warning", "error" };
    listing *l = arg;
    char queue[GF_NAME_MAX * 3 + 1];
    gofer_info *info = gf_info_record();
    if (!info) {
        l->bad = true;
        return;
    }
    int bad = gf_info_set_text(info, "severity", severities[f->severity]) |
        gf_info_set_text(info, "code", f->code);
    if (f->queue) {
        gf_utf8_clean(f->queue, strlen(f->queue), queue, sizeof queue);
        bad |= gf_info_set_text(info, "queue", queue);
    }
    bad |= gf_info_set_text(info, "text", f->text) | gf_info_set_text(info, "advice", f->advice) |
        gf_info_set_text(info, "examples", f->examples) | gf_info_set_int(info, "count", f->count) |
        gf_info_set_int(info, "repaired", f->repaired);
    if (bad)
        gofer_info_free(info);
    l->bad |= bad || gf_info_add(l->list, info) != 0;
}

gofer_status gofer_client_check(gofer_client *client, int32_t repair, gofer_info **out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_check: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_check");
    if (st != GOFER_OK)
        return st;
    if (!client->broker->ops->check)
        return gf_fail(GOFER_EUNSUPPORTED, "this store has no check");
    listing l = { gf_info_list(), false };
    if (!l.list)
        return GOFER_ENOMEM;
    st = client->broker->ops->check->store(client->broker, repair != 0, add_finding, &l);
    if (st == GOFER_OK && l.bad)
        st = gf_fail_nomem("findings");
    // What was found before the store failed is worth more than nothing.
    if (st == GOFER_OK || (!l.bad && gofer_info_count(l.list) > 0))
        *out = l.list;
    else
        gofer_info_free(l.list);
    return st;
}
