// policy.c - a Redis that deletes keys when memory is full is no place for tasks.
//
// Bodies, leases and locks would vanish without a word. Asked once, when a worker registers:
// whoever accepts that says so in the URL (eviction=accept).
#include <stdio.h>
#include <string.h>

#include "broker/redis/store.h"
#include "util/error.h"

typedef struct finding {
    bool evicts;
    char text[256];
} finding;

void gf_rd_info_value(const char *info, const char *name, char *out, size_t capacity)
{
    size_t size = strlen(name);
    *out = '\0';
    for (const char *line = info; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, size) == 0 && line[size] == ':') {
            snprintf(out, capacity, "%.*s", (int)strcspn(line + size + 1, "\r\n"), line + size + 1);
            return;
        }
    }
}

// A node that does not answer, or may not be asked, says nothing against it.
static void look(void *arg, const char *address, const redisReply *reply, gofer_status status)
{
    finding *f = arg;
    char most[32], policy[64];
    if (f->evicts || status != GOFER_OK || !reply || !reply->str)
        return;
    gf_rd_info_value(reply->str, "maxmemory", most, sizeof most);
    gf_rd_info_value(reply->str, "maxmemory_policy", policy, sizeof policy);
    f->evicts = *most && strcmp(most, "0") != 0 && *policy && strcmp(policy, "noeviction") != 0;
    snprintf(f->text, sizeof f->text, "Redis at %.160s has 'maxmemory-policy %.40s'", address,
        policy);
}

gofer_status gf_rd_policy_check(gf_rd_store *s)
{
    finding f = { 0 };
    gf_rd_args args = { 0 };
    if (gf_rd_net_options(s->net)->eviction_accepted)
        return GOFER_OK;
    gf_rd_add(&args, "INFO");
    gf_rd_add(&args, "memory");
    gofer_status st = gf_rd_run_everywhere(s->net, &args, gf_rd_timeout(s), look, &f);
    gf_rd_args_clear(&args);
    if (f.evicts)
        return gf_fail(GOFER_ESTATE,
            "%s: tasks would be deleted when memory is full; set 'maxmemory-policy noeviction', "
            "or put eviction=accept into the URL's query",
            f.text);
    return st == GOFER_ENOMEM ? st : GOFER_OK;
}
