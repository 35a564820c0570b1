// api_limits.c - handlers of limits: how many tasks of a key may run, do run, and wait.
//
// Limits are of all queues: the server lets nobody come here who has rights for some alone.
#include <stdlib.h>

#include "api.h"
#include "body.h"

enum { PAGE = 100, PAGE_MAX = 1000, MOST = 1000000 };

// ---- looking

void web_api_limits(web_call *call)
{
    gofer_info *info = NULL;
    int64_t limit = PAGE;
    if (!web_query_number(call, "limit", 1, PAGE_MAX, &limit))
        return;
    gofer_status st = gofer_client_limits(call->client, web_query_word(call, "cursor"),
        (int32_t)limit, &info);
    web_reply_made(call, st, info);
}

void web_api_limit_keys(web_call *call)
{
    gofer_info *info = NULL;
    int64_t limit = PAGE, blocked = 0;
    if (!web_query_number(call, "limit", 1, PAGE_MAX, &limit)
        || !web_query_number(call, "blocked", 0, 1, &blocked))
        return;
    gofer_status st = gofer_client_limit_keys(call->client, (int32_t)blocked,
        web_query_word(call, "cursor"), (int32_t)limit, &info);
    web_reply_made(call, st, info);
}

void web_api_limit_key(web_call *call)
{
    gofer_info *info = NULL;
    gofer_status st =
        gofer_client_limit_key(call->client, web_path_word(call, "key"), &info);
    web_reply_made(call, st, info);
}

// ---- acting

enum { CONCURRENCY, RATE, PER, BURST, OVER, SCOPE, MEMBERS };

// The place of a word in a list of words, which is the library's number for it.
static bool take_word(web_call *call, const web_member *member, const char *const *words,
    size_t count, int32_t *out)
{
    if (!web_member_there(member))
        return true;
    for (size_t i = 0; i < count; i++)
        if (member->value.kind == GF_JSON_STRING && gf_json_is(member->value, words[i])) {
            *out = (int32_t)i;
            return true;
        }
    web_fail(call, 400, "EINVAL", "'%s' is not one of those that there are, such as '%s'",
        member->name, words[count - 1]);
    return false;
}

static bool take_limit(web_call *call, gofer_limit_options *o)
{
    static const char *const over[] = { "wait", "refuse", "cancel-oldest" };
    static const char *const scope[] = { "store", "queue" };
    web_member m[MEMBERS] = {
        [CONCURRENCY] = { .name = "concurrency" }, [RATE] = { .name = "rate" },
        [PER] = { .name = "per" }, [BURST] = { .name = "burst" }, [OVER] = { .name = "over" },
        [SCOPE] = { .name = "scope" },
    };
    int32_t concurrency = 0, rate = 0, burst = 0;
    gofer_limit_options_init(o);
    bool taken = web_body_read(call, m, MEMBERS)
        && web_member_whole(call, &m[CONCURRENCY], MOST, &concurrency)
        && web_member_whole(call, &m[RATE], MOST, &rate)
        && web_member_whole(call, &m[BURST], MOST, &burst)
        && web_member_duration(call, &m[PER], &o->per_ms)
        && take_word(call, &m[OVER], over, sizeof over / sizeof *over, &o->over)
        && take_word(call, &m[SCOPE], scope, sizeof scope / sizeof *scope, &o->scope);
    o->concurrency = concurrency;
    o->rate = rate;
    o->burst = burst;
    return taken;
}

void web_api_limit_put(web_call *call)
{
    gofer_limit_options o;
    if (take_limit(call, &o))
        web_reply_done(call,
            gofer_client_limit_put(call->client, web_path_word(call, "name"), &o));
}

void web_api_limit_delete(web_call *call)
{
    web_reply_done(call, gofer_client_limit_remove(call->client, web_path_word(call, "name")));
}

void web_api_limit_pause(web_call *call)
{
    web_member length = { .name = "for" };
    int64_t ms = 0;
    if (!web_body_read(call, &length, 1) || !web_member_duration(call, &length, &ms))
        return;
    if (ms == 0)
        web_fail(call, 400, "EINVAL", "the body needs 'for', a duration over 0");
    else
        web_reply_done(call,
            gofer_client_limit_pause(call->client, web_path_word(call, "key"), ms));
}

void web_api_limit_unpause(web_call *call)
{
    web_reply_done(call, gofer_client_limit_pause(call->client, web_path_word(call, "key"), 0));
}
