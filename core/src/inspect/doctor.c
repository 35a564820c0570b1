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
    gofer_info        *list;
    bool               bad, stopped;
    gofer_act_progress progress;        // NULL: nobody
    void              *user;
    int64_t            steps, repaired;
} listing;

// Who has stopped it is not asked again.
static bool goes_on(listing *l)
{
    l->stopped = l->stopped
        || (l->progress && l->progress(l->user, l->steps, l->repaired) != 0);
    return !l->stopped;
}

static void add_to_list(listing *l, const gf_finding *f)
{
    static const char *const severities[] = { "note", "warning", "error" };
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

static bool add_finding(void *arg, const gf_finding *f)
{
    listing *l = arg;
    l->steps++;
    l->repaired += f ? f->repaired : 0;
    if (f)
        add_to_list(l, f);
    return goes_on(l);
}

// progress is called from within, as is said in gofer.h.
static gofer_status check(gofer_client *client, const char *what, int32_t repair, listing *l,
    gofer_info **out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "%s: out is NULL", what);
    gofer_status st = gf_client_check(client, what);
    if (st != GOFER_OK)
        return st;
    if (!client->broker->ops->check)
        return gf_fail(GOFER_EUNSUPPORTED, "this store has no check");
    l->list = gf_info_list();
    if (!l->list)
        return GOFER_ENOMEM;
    st = client->broker->ops->check->store(client->broker, repair != 0, add_finding, l);
    if (st == GOFER_OK && l->bad)
        st = gf_fail_nomem("findings");
    // What was found before the store failed is worth more than nothing.
    if (st == GOFER_OK || (!l->bad && gofer_info_count(l->list) > 0))
        *out = l->list;
    else
        gofer_info_free(l->list);
    return st;
}

gofer_status gofer_client_check(gofer_client *client, int32_t repair, gofer_info **out)
{
    return check(client, "gofer_client_check", repair, &(listing){ .list = NULL }, out);
}

gofer_status gofer_client_check_watched(gofer_client *client, int32_t repair,
    gofer_act_progress progress, void *user, gofer_info **out)
{
    return check(client, "gofer_client_check_watched", repair,
        &(listing){ .progress = progress, .user = user }, out);
}
