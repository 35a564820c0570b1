// tenants.c - what the stores agree on of tenants beside their rules: snapshots.
#include "broker/tenants.h"

#include "info/info.h"

int64_t gf_tenant_waiting(int64_t finish, int64_t time, int64_t weight)
{
    int64_t each = GF_FAIR_ROUND / weight;
    return finish > time ? (finish - time + each - 1) / each : 0;
}

gofer_info *gf_tenant_info(const gf_tenant_look *look)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int bad = gf_info_set_text(info, "tenant", look->name) |
        gf_info_set_text(info, "queue", look->queue) |
        gf_info_set_int(info, "weight", look->weight) |
        gf_info_set_int(info, "waiting", look->waiting);
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}
