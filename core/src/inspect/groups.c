// groups.c - the groups of a queue, as the store knows them.
//
// May touch: broker/broker.h, info/info.h. A store without groups answers GOFER_EUNSUPPORTED.
#include "client/client.h"
#include "util/error.h"
#include "util/text.h"

gofer_status gofer_client_groups(gofer_client *client, const char *queue, gofer_info **out)
{
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_groups: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_groups");
    if (st == GOFER_OK)
        st = gf_check_queue(queue);
    if (st != GOFER_OK)
        return st;
    return client->broker->ops->inspect->groups(client->broker, queue, out);
}
