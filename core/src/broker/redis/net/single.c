// single.c - the topology of one server: every slot is there.
//
// May touch: inner.h. Nothing changes after open: no lock.
#include "broker/redis/net/inner.h"

#include "util/alloc.h"
#include "util/error.h"

typedef struct single {
    gf_rd_topo  base;              // first
    gf_rd_address address;
} single;

static gofer_status open_topo(gf_rd_topo **out, gf_rd_net *net, int64_t deadline_ms)
{
    (void)deadline_ms;
    single *s = gf_calloc(1, sizeof *s);
    if (!s)
        return gf_fail_nomem("a connection to Redis");
    s->base = (gf_rd_topo){ &gf_rd_single_ops, net };
    if (!gf_rd_address_of(&s->address, &gf_rd_net_options(net)->seeds[0])) {
        gf_free(s);
        return gf_fail(GOFER_EINVAL, "the host name or path in '%s' is too long",
            gf_rd_net_options(net)->shown);
    }
    *out = &s->base;
    return GOFER_OK;
}

static void close_topo(gf_rd_topo *t)
{
    gf_free(t);
}

static gofer_status locate(gf_rd_topo *t, int32_t slot, int64_t deadline_ms, gf_rd_address *out,
    bool *again)
{
    (void)slot, (void)deadline_ms;
    *again = false;
    *out = ((single *)t)->address;
    return GOFER_OK;
}

static gofer_status primaries(gf_rd_topo *t, int64_t deadline_ms, gf_rd_address **out,
    size_t *count)
{
    (void)deadline_ms;
    gf_rd_address *addresses = gf_alloc(sizeof *addresses);
    if (!addresses)
        return gf_fail_nomem("an address");
    *addresses = ((single *)t)->address;
    *out = addresses;
    *count = 1;
    return GOFER_OK;
}

// A name is resolved anew with every dial, so there is nothing to forget here.
static void trouble(gf_rd_topo *t, const gf_rd_address *address, gf_rd_trouble what)
{
    (void)t, (void)address, (void)what;
}

const gf_rd_topo_ops gf_rd_single_ops = {
    .open = open_topo,
    .close = close_topo,
    .locate = locate,
    .primaries = primaries,
    .trouble = trouble,
};
