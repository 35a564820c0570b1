// redis_open.h - what the tests of the Redis transport share: open a URL, make and run commands.
#ifndef TESTS_UNIT_REDIS_OPEN_H
#define TESTS_UNIT_REDIS_OPEN_H


#include <poll.h>
#include <stdarg.h>

#include "broker/redis/net/net.h"
#include "check.h"
#include "util/url.h"

enum { LONG_MS = 60000 };                      // for what succeeds: however slow the machine

__attribute__((unused)) static gofer_status open_net(const char *text, int64_t timeout_ms,
    gf_rd_net **out)
{
    gf_url url;
    gf_rd_options o;
    gofer_status st = gf_url_parse(&url, text);
    if (st != GOFER_OK)
        return st;
    st = gf_rd_options_parse(&o, &url);
    gf_url_clear(&url);
    return st != GOFER_OK ? st : gf_rd_net_open(out, &o, (gf_log){ 0 }, timeout_ms);
}

// Words up to NULL.
__attribute__((unused, sentinel)) static gf_rd_cmd command(const char *first, ...)
{
    gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT };
    va_list words;
    va_start(words, first);
    for (const char *word = first; word; word = va_arg(words, const char *))
        gf_rd_add(&cmd.args, word);
    va_end(words);
    return cmd;
}

// Runs one and forgets its answer.
__attribute__((unused)) static gofer_status run_one(gf_rd_net *net, gf_rd_cmd cmd,
    int64_t timeout_ms)
{
    gofer_status st = gf_rd_run(net, &cmd, 1, timeout_ms);
    if (st != cmd.status)
        st = CHECK_INT(cmd.status, st) ? st : cmd.status;
    gf_rd_cmd_clear(&cmd);
    return st;
}

#endif
