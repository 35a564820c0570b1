// address.c - where a server listens, as a value.
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "broker/redis/net/inner.h"
#include "util/id.h"

bool gf_rd_address_set(gf_rd_address *out, const char *host, size_t size, int32_t port)
{
    gf_rd_address p = { .port = port };
    if (size == 0 || size >= sizeof p.host || memchr(host, '\0', size))
        return false;
    if (port == 0 && size >= sizeof ((struct sockaddr_un *)0)->sun_path)
        return false;
    memcpy(p.host, host, size);
    *out = p;
    return true;
}

bool gf_rd_address_of(gf_rd_address *out, const gf_rd_seed *seed)
{
    const char *host = seed->path ? seed->path : seed->host;
    return gf_rd_address_set(out, host, strlen(host), seed->path ? 0 : seed->port);
}

bool gf_rd_address_same(const gf_rd_address *a, const gf_rd_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

void gf_rd_address_text(const gf_rd_address *p, char out[GF_RD_ADDRESS_TEXT])
{
    if (p->port == 0)
        snprintf(out, GF_RD_ADDRESS_TEXT, "%s", p->host);
    else
        snprintf(out, GF_RD_ADDRESS_TEXT, strchr(p->host, ':') ? "[%s]:%d" : "%s:%d", p->host,
            (int)p->port);
}

int64_t gf_rd_backoff_ms(uint32_t tries)
{
    uint32_t ms = tries < 7 ? 10u << tries : 1000;
    return ms - ms / 2 + gf_random_below(ms / 2 + 1);
}
