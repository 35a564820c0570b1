// reply.c - what a reply means: to the call that tries again, and to the caller as a status.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/net/conn.h"
#include "util/error.h"

enum { SHOWN = 400 };

static const struct { const char *code; gf_rd_meaning meaning; gofer_status status; } codes[] = {
    { "MOVED",       GF_RD_MOVED,      GOFER_EBROKER },
    { "ASK",         GF_RD_ASK,        GOFER_EBROKER },
    { "NOSCRIPT",    GF_RD_NOSCRIPT,   GOFER_EBROKER },
    { "LOADING",     GF_RD_LATER,      GOFER_EBROKER },
    { "BUSY",        GF_RD_LATER,      GOFER_EBROKER },
    { "TRYAGAIN",    GF_RD_LATER,      GOFER_EBROKER },
    { "NOREPLICAS",  GF_RD_LATER,      GOFER_EBROKER },
    { "READONLY",    GF_RD_NOT_MASTER, GOFER_EBROKER },
    { "MASTERDOWN",  GF_RD_NOT_MASTER, GOFER_EBROKER },
    { "CLUSTERDOWN", GF_RD_NOT_SERVED, GOFER_EBROKER },
    { "OOM",         GF_RD_FINAL,      GOFER_ENOSPACE },
    { "NOAUTH",      GF_RD_FINAL,      GOFER_EDENIED },
    { "WRONGPASS",   GF_RD_FINAL,      GOFER_EDENIED },
    { "NOPERM",      GF_RD_FINAL,      GOFER_EDENIED },
    { "DENIED",      GF_RD_FINAL,      GOFER_EDENIED },       // protected mode
    { "WRONGTYPE",   GF_RD_FINAL,      GOFER_ECORRUPT },
};

static const struct {
    const char *words;
    gf_rd_meaning meaning;
    gofer_status status;
} sentences[] = {
    { "ERR invalid password", GF_RD_FINAL, GOFER_EDENIED }, // before Redis 6
    { "ERR Client sent AUTH, but no password", GF_RD_FINAL, GOFER_EDENIED },
    { "ERR AUTH <password> called without", GF_RD_FINAL, GOFER_EDENIED },
    { "ERR max number of clients", GF_RD_LATER, GOFER_EBROKER },
    // in a script, before Redis 7,
    { "The user executing the script can't", GF_RD_FINAL, GOFER_EDENIED },
    { "The user executing the script is", GF_RD_FINAL, GOFER_EDENIED },
    { "ERR The user executing the script", GF_RD_FINAL, GOFER_EDENIED }, //   7.0,
    // and since: Valkey too
    { "ERR ACL failure in script", GF_RD_FINAL, GOFER_EDENIED },
};

// Before Redis 7 the error of a command inside a script came wrapped, once or twice, the server's
// own with a dash: "ERR Error running script (call to f_…): @user_script:1: WRONGTYPE Operation …",
// "ERR Error running script (call to f_…): @user_script:1: @user_script: 1: -OOM command not
// allowed …". What a script raises again by error() has its place in front since then: "ERR
// user_script:10: NOPERM …".
static const char *unwrapped(const char *text)
{
    static const char where[] = "@user_script:", raised[] = "ERR user_script:";
    if (strncmp(text, raised, sizeof raised - 1) == 0) {
        const char *end = text + sizeof raised - 1;
        end += strspn(end, "0123456789");
        return strncmp(end, ": ", 2) == 0 ? end + 2 : text;
    }
    if (strncmp(text, "ERR Error running script", 24) != 0)
        return text;
    const char *inner = text, *at = text;
    while ((at = strstr(at, where)) != NULL) {
        at += sizeof where - 1;
        const char *end = at + strspn(at, " 0123456789");
        if (strncmp(end, ": ", 2) == 0)
            inner = end + 2;
    }
    return *inner == '-' ? inner + 1 : inner;
}

static bool find(const redisReply *reply, gf_rd_meaning *meaning, gofer_status *status)
{
    const char *text = unwrapped(reply->str);
    size_t size = strcspn(text, " \r\n");
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (strlen(codes[i].code) == size && memcmp(codes[i].code, text, size) == 0) {
            *meaning = codes[i].meaning;
            *status = codes[i].status;
            return true;
        }
    for (size_t i = 0; i < sizeof sentences / sizeof *sentences; i++)
        if (strncmp(text, sentences[i].words, strlen(sentences[i].words)) == 0) {
            *meaning = sentences[i].meaning;
            *status = sentences[i].status;
            return true;
        }
    // A slot is on its way to another node. Scripts look at their keys before they write (store.h).
    if (strstr(text, "attempted to access a non local key")) {
        *meaning = GF_RD_LATER;
        *status = GOFER_EBROKER;
        return true;
    }
    return false;
}

gf_rd_meaning gf_rd_reply_meaning(const redisReply *reply)
{
    gf_rd_meaning meaning = GF_RD_FINAL;
    gofer_status status;
    if (reply->type != REDIS_REPLY_ERROR)
        return GF_RD_FINE;
    find(reply, &meaning, &status);
    return meaning;
}

gofer_status gf_rd_reply_status(const redisReply *reply)
{
    gf_rd_meaning meaning;
    gofer_status status = GOFER_EBROKER;
    if (reply->type != REDIS_REPLY_ERROR)
        return GOFER_OK;
    find(reply, &meaning, &status);
    return status;
}

gofer_status gf_rd_reply_fail(const redisReply *reply, const char *where, const char *name)
{
    gofer_status st = gf_rd_reply_status(reply);
    const char *text = unwrapped(reply->str ? reply->str : "");
    if (st == GOFER_ENOSPACE)
        return gf_fail(st, "Redis is full (maxmemory) at %s, '%s' was refused: %.*s", where, name,
            SHOWN, text);
    // Redis 7.0 does not say which command of a script it was.
    if (st == GOFER_EDENIED)
        return gf_fail(st, "Redis at %s refuses '%s': %.*s%s", where, name, SHOWN, text,
            strstr(text, "executing the script")
                ? "; 'gofer doctor' names the rights that are missing"
                : "");
    if (st == GOFER_ECORRUPT)
        return gf_fail(st, "Redis at %s: a key that '%s' uses holds something else: %.*s", where,
            name, SHOWN, text);
    if (strncmp(text, "MOVED ", 6) == 0 || strncmp(text, "ASK ", 4) == 0)
        return gf_fail(st,
            "Redis at %s belongs to a cluster, and the slot is elsewhere: write redis-cluster:// "
            "in the URL if it is not "
            "there yet (%.*s)", where, SHOWN, text);
    return gf_fail(st, "Redis at %s, '%s': %.*s", where, name, SHOWN, text);
}

bool gf_rd_reply_address(const redisReply *reply, const gf_rd_address *from, gf_rd_address *out)
{
    const char *address = strrchr(reply->str, ' ');        // "MOVED 3999 host:port"
    if (!address)
        return false;
    const char *colon = strrchr(++address, ':');
    char *end;
    if (!colon)
        return false;
    long port = strtol(colon + 1, &end, 10);
    if (end == colon + 1 || *end || port < 1 || port > 65535)
        return false;
    size_t size = (size_t)(colon - address);
    if (size >= 2 && address[0] == '[' && colon[-1] == ']')
        address++, size -= 2;
    if (size == 0 || (size == 1 && *address == '?'))
        return gf_rd_address_set(out, from->host, strlen(from->host), (int32_t)port);
    return gf_rd_address_set(out, address, size, (int32_t)port);
}
