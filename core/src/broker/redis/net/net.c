// net.c - a net: what is known of it, how it is opened and closed.
//
// May touch: pool.h. Locks: net->lock (pool.c).
#include "broker/redis/net/net.h"

#include <stdio.h>
#include <string.h>

#include "broker/redis/net/pool.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/openssl.h"

static const gf_rd_topo_ops *const topologies[] = {
    [GF_RD_SINGLE] = &gf_rd_single_ops,
    [GF_RD_SENTINEL] = &gf_rd_sentinel_ops,
    [GF_RD_CLUSTER] = &gf_rd_cluster_ops,
};

gf_rd_server gf_rd_net_server(gf_rd_net *net)
{
    pthread_mutex_lock(&net->lock);
    gf_rd_server s = net->server;
    pthread_mutex_unlock(&net->lock);
    return s;
}

const gf_rd_options *gf_rd_net_options(const gf_rd_net *net)
{
    return &net->options;
}

const gf_log *gf_rd_net_log(const gf_rd_net *net)
{
    return &net->log;
}

gf_rd_tls_setup *gf_rd_net_tls(const gf_rd_net *net)
{
    return net->tls;
}

bool gf_rd_net_forked(const gf_rd_net *net)
{
    return net->process != gf_process_self();
}

uint64_t gf_rd_net_epoch(gf_rd_net *net)
{
    return atomic_load(&net->epoch);
}

uint64_t gf_rd_net_remade(gf_rd_net *net)
{
    return atomic_load(&net->remade);
}

gofer_status gf_rd_primary_of(gf_rd_net *net, int32_t slot, int64_t timeout_ms, gf_rd_primary *out)
{
    gf_rd_address address;
    bool again;
    gofer_status st = net->topo->ops->locate(net->topo, slot, gf_mono_ms() + timeout_ms, &address,
        &again);
    if (st == GOFER_OK)
        gf_rd_address_text(&address, out->address);
    return st;
}

gofer_status gf_rd_primaries(gf_rd_net *net, int64_t timeout_ms, gf_rd_primary *out, size_t most,
    size_t *count)
{
    gf_rd_address *addresses = NULL;
    gofer_status st = net->topo->ops->primaries(net->topo, gf_mono_ms() + timeout_ms, &addresses,
        count);
    if (st != GOFER_OK)
        return st;
    *count = *count < most ? *count : most;
    for (size_t i = 0; i < *count; i++)
        gf_rd_address_text(&addresses[i], out[i].address);
    gf_free(addresses);
    return GOFER_OK;
}

static gofer_status load(gf_openssl *lib, const char *need)
{
    char why[512] = "";
    gofer_status st = gf_openssl_load(lib, need, why, sizeof why);
    return st == GOFER_OK ? st : gf_fail(st, "%s", why);
}

gofer_status gf_rd_net_openssl(gf_rd_net *net, const char *need, const gf_openssl **out)
{
    gf_openssl *there = atomic_load(&net->openssl);
    if (!there) {
        gf_openssl *loaded = gf_alloc(sizeof *loaded);
        gofer_status st = loaded ? load(loaded, need) : gf_fail_nomem("OpenSSL");
        if (st != GOFER_OK) {
            gf_free(loaded);
            return st;
        }
        if (atomic_compare_exchange_strong(&net->openssl, &there, loaded))
            there = loaded;
        else
            gf_free(loaded);                 // another thread was faster
    }
    *out = there;
    return GOFER_OK;
}

static gofer_status open_tls(gf_rd_net *net)
{
    const gf_openssl *lib;
    gofer_status st = gf_rd_net_openssl(net, "TLS", &lib);
    return st == GOFER_OK ? gf_rd_tls_setup_open(&net->tls, lib, &net->options, &net->log) : st;
}

// In a forked child no lock is taken and no list is believed but `all`, which is whole at any
// moment. Connections are closed without a word to the server: the parent goes on using them.
void gf_rd_net_close(gf_rd_net *net)
{
    if (!net)
        return;
    for (gf_rd_conn *c = net->all, *next; c; c = next) {
        next = c->next;
        gf_rd_conn_close(c);
    }
    for (gf_rd_node *n = net->nodes, *next; n; n = next) {
        next = n->next;
        gf_free(n);
    }
    gf_rd_texts_clear(&net->texts);
    if (net->topo)
        net->topo->ops->close(net->topo);
    gf_rd_tls_setup_close(net->tls);
    gf_free(atomic_load(&net->openssl));
    if (!gf_rd_net_forked(net))
        pthread_mutex_destroy(&net->lock);
    gf_rd_options_clear(&net->options);
    gf_free(net);
}

// WAIT for nobody, when it will be needed: who may not has to know before something is done that
// cannot be made sure of.
static gofer_status first_contact(gf_rd_net *net, int64_t timeout_ms)
{
    gf_rd_cmd cmds[2] = { { .slot = GF_RD_ANY_SLOT, .reads = true },
        { .slot = GF_RD_ANY_SLOT, .reads = true } };
    gf_rd_add(&cmds[0].args, "PING");
    bool waits = net->options.wait_replicas > 0;
    static const char *const words[] = { "WAIT", "0", "0" };
    for (size_t i = 0; waits && i < sizeof words / sizeof *words; i++)
        gf_rd_add(&cmds[1].args, words[i]);
    gofer_status st = gf_rd_run(net, cmds, waits ? 2 : 1, timeout_ms);
    if (cmds[0].status == GOFER_OK && waits && cmds[1].status != GOFER_EDENIED)
        st = GOFER_OK;                           // a replica does not know it, and may be looked at
    // One that cannot write to its disk refuses even this; but it is there, can be looked
    // at, and may recover.
    if (st != GOFER_OK && cmds[0].reply && strncmp(cmds[0].reply->str, "MISCONF ", 8) == 0)
        st = GOFER_OK;
    gf_rd_cmd_clear(&cmds[0]);
    gf_rd_cmd_clear(&cmds[1]);
    return st;
}

gofer_status gf_rd_net_open(gf_rd_net **out, gf_rd_options *options, gf_log log, int64_t timeout_ms)
{
    int64_t begun = gf_mono_ms();
    gf_rd_net *net = gf_calloc(1, sizeof *net);
    if (!net || pthread_mutex_init(&net->lock, NULL) != 0) {
        gf_free(net);
        gf_rd_options_clear(options);
        return gf_fail_nomem("a connection to Redis");
    }
    net->options = *options;
    *options = (gf_rd_options){ 0 };
    net->log = log;
    net->process = gf_process_self();
    gf_spin_init(&net->spin);

    gofer_status st = GOFER_OK;
    if (net->options.tls)
        st = open_tls(net);
    if (st == GOFER_OK)
        st = topologies[net->options.topology]->open(&net->topo, net, begun + timeout_ms);
    if (st == GOFER_OK)
        st = first_contact(net, begun + timeout_ms - gf_mono_ms());
    if (st != GOFER_OK) {
        char text[1024];                 // closing may fail, and say so
        snprintf(text, sizeof text, "%s", gofer_error_last());
        gf_rd_net_close(net);
        return gf_fail(st, "%s", text);
    }
    *out = net;
    return GOFER_OK;
}
