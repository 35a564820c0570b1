// tenants.c - the public doors of tenants: what they say is checked here, and the store keeps it.
//
// May touch: broker/broker.h. A store without them answers GOFER_EUNSUPPORTED.
#include "broker/tenants.h"

#include <string.h>

#include "client/client.h"
#include "util/error.h"
#include "util/text.h"

enum { PAGE = 100, PAGE_MAX = 1000 };

// *queue NULL: "default".
static gofer_status begin(gofer_client *client, const char *call, const char **queue)
{
    gofer_status st = gf_client_check(client, call);
    if (st == GOFER_OK && !client->broker->ops->tenants)
        return gf_client_cannot(client, "tenants");
    if (!*queue)
        *queue = "default";
    return st == GOFER_OK ? gf_check_queue(*queue) : st;
}

static gofer_status begin_with(gofer_client *client, const char *call, const char **queue,
    const char *tenant)
{
    gofer_status st = begin(client, call, queue);
    return st == GOFER_OK ? gf_check_name("tenant", tenant) : st;
}

gofer_status gofer_client_tenant_put(gofer_client *client, const char *queue, const char *tenant,
    int32_t weight)
{
    gofer_status st = begin_with(client, "gofer_client_tenant_put", &queue, tenant);
    if (st == GOFER_OK && (weight < 1 || weight > GOFER_TENANT_WEIGHT_MAX))
        st = gf_fail(GOFER_EINVAL, "the weight of a tenant is %d: it must be from 1 to %d",
            (int)weight, GOFER_TENANT_WEIGHT_MAX);
    if (st != GOFER_OK)
        return st;
    return client->broker->ops->tenants->put(client->broker, queue, tenant, weight);
}

gofer_status gofer_client_tenant_remove(gofer_client *client, const char *queue, const char *tenant)
{
    gofer_status st = begin_with(client, "gofer_client_tenant_remove", &queue, tenant);
    return st == GOFER_OK ? client->broker->ops->tenants->drop(client->broker, queue, tenant) : st;
}

gofer_status gofer_client_tenants(gofer_client *client, const char *queue, const char *cursor,
    int32_t limit, gofer_info **out)
{
    gofer_status st = begin(client, "gofer_client_tenants", &queue);
    if (st == GOFER_OK && !out)
        st = gf_fail(GOFER_EINVAL, "out is NULL: there is nowhere to put the page");
    if (st == GOFER_OK && (limit < 0 || limit > PAGE_MAX))
        st = gf_fail(GOFER_EINVAL, "limit is %d: it must be from 1 to %d, or 0 (%d)", (int)limit,
            PAGE_MAX, PAGE);
    if (st == GOFER_OK && cursor && *cursor)
        st = gf_check_name("cursor", cursor);
    if (st != GOFER_OK)
        return st;
    return client->broker->ops->tenants->list(client->broker, queue, cursor ? cursor : "",
        limit ? (size_t)limit : PAGE, out);
}

gofer_status gofer_client_tenant(gofer_client *client, const char *queue, const char *tenant,
    gofer_info **out)
{
    gofer_info *found = NULL;
    gofer_status st = begin_with(client, "gofer_client_tenant", &queue, tenant);
    if (st == GOFER_OK && !out)
        st = gf_fail(GOFER_EINVAL, "gofer_client_tenant: out is NULL");
    if (st == GOFER_OK)
        st = client->broker->ops->tenants->tenant(client->broker, queue, tenant, &found);
    if (st != GOFER_OK)
        return st;
    if (gofer_info_count(found) == 0) {
        gofer_info_free(found);
        return gf_fail(GOFER_ENOTFOUND, "the tenant '%s' has no weight and no task that waits in "
            "queue '%s'", tenant, queue);
    }
    *out = found;
    return GOFER_OK;
}
