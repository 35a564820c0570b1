// group.c - groups.
#include "broker/redis/store.h"
#include "util/error.h"

gofer_status gf_rd_group_check(gf_rd_store *s, const char *queue, const char *group, const gf_rd_group_rule *rule, char set_id[37])
{
    (void)s;
    (void)queue;
    (void)group;
    (void)rule;
    (void)set_id;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_group_read(gf_rd_store *s, const char *queue, const char *group, const char *set_id, gf_wire_task ***tasks, size_t *count, int64_t *until_ms)
{
    (void)s;
    (void)queue;
    (void)group;
    (void)set_id;
    (void)tasks;
    (void)count;
    (void)until_ms;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_group_delete(gf_rd_store *s, const char *queue, const char *group, const char *set_id)
{
    (void)s;
    (void)queue;
    (void)group;
    (void)set_id;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}

gofer_status gf_rd_group_reclaim(gf_rd_store *s, const char *queue, size_t *done)
{
    (void)s;
    (void)queue;
    (void)done;
    return gf_fail(GOFER_EUNSUPPORTED, "not there yet");
}
