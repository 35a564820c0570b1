// groups.c - the groups of a queue, as the store knows them.
//
// May touch: broker/broker.h, info/info.h. A store without groups answers GOFER_EUNSUPPORTED.
#include "client/client.h"
#include "util/error.h"
#include "util/text.h"

static gofer_status check_door(gofer_client *client, const char *what, const char *queue,
    const void *out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "%s: out is NULL", what);
    gofer_status st = gf_client_check(client, what);
    return st == GOFER_OK ? gf_check_queue(queue) : st;
}

gofer_status gofer_client_groups(gofer_client *client, const char *queue, gofer_info **out)
{
    gofer_status st = check_door(client, "gofer_client_groups", queue, out);
    return st == GOFER_OK
        ? client->broker->ops->inspect->groups(client->broker, queue, NULL, out)
        : st;
}

gofer_status gofer_client_groups_page(gofer_client *client, const char *queue, const char *cursor,
    int32_t limit, gofer_info **out)
{
    gf_page page;
    gofer_status st = check_door(client, "gofer_client_groups_page", queue, out);
    if (st == GOFER_OK)
        st = gf_client_page(cursor, limit, &page);
    return st == GOFER_OK
        ? client->broker->ops->inspect->groups(client->broker, queue, &page, out)
        : st;
}
