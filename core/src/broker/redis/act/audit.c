// audit.c - the audit: a list of records, the newest first, which is cut to what is kept.
//
// It stands beside the queues, alone in its slot. The number of a record and how many are kept are
// in the record itself ("n:7\tkeep:10000\tat_ms:…\t" in front of what the client has made), so one
// key is enough, on a Cluster too.
#include "broker/redis/store.h"
#include "redis_scripts.h"
#include "util/error.h"

static const char LIST[] = "asynq:gofer:audit";

// On a full server too: it is what is done there that somebody will ask about, and the list is cut.
static const gf_rd_script add_script = {
    .name = "add to the audit",
    .allow_oom = true,
    .text = gf_rd_lua_add_audit,
};

static const gf_rd_script page_script = {
    .name = "read the audit",
    .text = gf_rd_lua_page_audit,
};

static void begin(gf_rd_cmd *cmd, const gf_rd_script *script)
{
    *cmd = (gf_rd_cmd){ .script = script,
        .key_count = 1,
        .slot = gf_rd_slot(LIST, sizeof LIST - 1),
        .repeatable = true };
    gf_rd_add(&cmd->args, LIST);
}

gofer_status gf_rd_audit_add(gf_broker *b, const char *record, int64_t keep)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, &add_script);
    gf_rd_add(&cmd.args, record);
    gf_rd_add_int(&cmd.args, keep);
    gf_rd_add_int(&cmd.args, GF_AUDIT_KEEP);
    st = gf_rd_run(s->net, &cmd, 1, gf_rd_timeout(s));
    gf_rd_cmd_clear(&cmd);
    return st;
}

gofer_status gf_rd_audit_page(gf_broker *b, int64_t before, size_t limit, gf_names *lines)
{
    gf_rd_store *s = (gf_rd_store *)b;
    redisReply *reply;
    gf_rd_cmd cmd;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    begin(&cmd, &page_script);
    cmd.reads = true;
    gf_rd_add_int(&cmd.args, before);
    gf_rd_add_int(&cmd.args, (int64_t)limit);
    st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        const redisReply *line = reply->element[i];
        if (st == GOFER_OK && gf_rd_reply_is_text(line) && !gf_names_add(lines, line->str))
            st = gf_fail_nomem("the audit");
    }
    gf_rd_reply_free(reply);
    return st;
}
