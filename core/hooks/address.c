// address.c - which addresses a webhook may go to.
//
// Of IPv6 the global part (2000::/3) is public but for what is listed; of IPv4 all but what is
// listed. Pure.
#include "address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { V4_BITS = 96 };             // before an address of IPv4

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

typedef struct range {
    const char *base;
    unsigned    bits;
} range;

static const range special_v4[] = {
    { "0.0.0.0", 8 },              // this network; 0.0.0.0 is the machine itself
    { "10.0.0.0", 8 },             // private
    { "100.64.0.0", 10 },          // shared by customers of a carrier
    { "127.0.0.0", 8 },            // loopback
    { "168.63.129.16", 32 },       // Azure's own
    { "169.254.0.0", 16 },         // link-local
    { "172.16.0.0", 12 },          // private
    { "192.0.0.0", 24 },           // protocols
    { "192.0.2.0", 24 },           // documentation
    { "192.88.99.0", 24 },         // relays of 6to4
    { "192.168.0.0", 16 },         // private
    { "198.18.0.0", 15 },          // benchmarks
    { "198.51.100.0", 24 },        // documentation
    { "203.0.113.0", 24 },         // documentation
    { "224.0.0.0", 3 },            // multicast, reserved, broadcast
};
static const range special_v6[] = {
    { "2001::", 23 },              // protocols: Teredo, ORCHID
    { "2001:db8::", 32 },          // documentation
    { "3fff::", 20 },              // documentation
};

// ---- nets ---------------------------------------------------------------------------------------

static bool within(const uint8_t *a, const uint8_t *base, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    unsigned mask = 0xff00u >> rest & 0xffu;
    return memcmp(a, base, whole) == 0 && (rest == 0 || ((a[whole] ^ base[whole]) & mask) == 0);
}

static bool is_v4(const hooks_address *a)
{
    return memcmp(a->bytes, mapped, sizeof mapped) == 0;
}

static bool parse(const char *text, hooks_address *out)
{
    hooks_address a;
    memcpy(a.bytes, mapped, sizeof mapped);
    if (inet_pton(AF_INET, text, a.bytes + sizeof mapped) != 1 &&
        inet_pton(AF_INET6, text, a.bytes) != 1)
        return false;
    *out = a;
    return true;
}

static bool in_one_of(const hooks_address *a, const range *ranges, size_t count, unsigned before)
{
    for (size_t i = 0; i < count; i++) {
        hooks_address base;
        if (parse(ranges[i].base, &base) && within(a->bytes, base.bytes, before + ranges[i].bits))
            return true;
    }
    return false;
}

// Nothing is set beyond its length.
static bool is_clean(const hooks_net *net)
{
    hooks_address cut = net->base;
    for (unsigned bit = net->bits; bit < 128; bit++)
        cut.bytes[bit / 8] &= (uint8_t) ~(0x80u >> bit % 8);
    return memcmp(cut.bytes, net->base.bytes, sizeof cut.bytes) == 0;
}

const char *hooks_net_read(const char *text, hooks_net *out)
{
    char address[HOOKS_ADDRESS_TEXT];
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : strlen(text);
    hooks_net net;
    if (size >= sizeof address)
        return "it is no address";
    memcpy(address, text, size);
    address[size] = '\0';
    if (!parse(address, &net.base))
        return "it is no address";
    unsigned before = strchr(address, ':') ? 0 : V4_BITS, most = 128 - before;
    unsigned long bits = most;
    if (slash) {
        char *end;
        if (slash[1] < '0' || slash[1] > '9')
            return "what follows the '/' is no number of bits";
        bits = strtoul(slash + 1, &end, 10);
        if (*end || bits > most)
            return "what follows the '/' is no number of bits";
    }
    net.bits = before + (unsigned)bits;
    if (!is_clean(&net))
        return "the address has bits beyond the length that follows the '/'";
    *out = net;
    return NULL;
}

// ---- addresses ----------------------------------------------------------------------------------

bool hooks_address_of(const struct sockaddr *from, hooks_address *out)
{
    if (from->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, from, sizeof v4);
        memcpy(out->bytes, mapped, sizeof mapped);
        memcpy(out->bytes + sizeof mapped, &v4.sin_addr, 4);
        return true;
    }
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, from, sizeof v6);
        memcpy(out->bytes, &v6.sin6_addr, 16);
        return true;
    }
    return false;
}

void hooks_address_text(const hooks_address *a, char out[HOOKS_ADDRESS_TEXT])
{
    bool v4 = is_v4(a);
    if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a->bytes + sizeof mapped : a->bytes, out,
            HOOKS_ADDRESS_TEXT))
        snprintf(out, HOOKS_ADDRESS_TEXT, "?");
}

// The address of IPv4 that one of IPv6 leads to: by 6to4 (2002::/16) or NAT64 (64:ff9b::/96).
static bool inner(const hooks_address *a, hooks_address *out)
{
    static const uint8_t six_to_four[] = { 0x20, 0x02 };
    static const uint8_t nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    const uint8_t *at = memcmp(a->bytes, six_to_four, sizeof six_to_four) == 0 ? a->bytes + 2
        : memcmp(a->bytes, nat64, sizeof nat64) == 0 ? a->bytes + sizeof nat64
                                                     : NULL;
    if (!at)
        return false;
    memcpy(out->bytes, mapped, sizeof mapped);
    memcpy(out->bytes + sizeof mapped, at, 4);
    return true;
}

bool hooks_address_public(const hooks_address *a)
{
    static const uint8_t global[] = { 0x20 };
    hooks_address v4 = *a;
    if (is_v4(a) || inner(a, &v4))
        return !in_one_of(&v4, special_v4, sizeof special_v4 / sizeof *special_v4, V4_BITS);
    return within(a->bytes, global, 3) &&
        !in_one_of(a, special_v6, sizeof special_v6 / sizeof *special_v6, 0);
}

static bool allows(const hooks_nets *nets, const hooks_address *a)
{
    for (size_t i = 0; i < nets->count; i++)
        if (within(a->bytes, nets->items[i].base.bytes, nets->items[i].bits))
            return true;
    return false;
}

bool hooks_address_may(const hooks_address *a, const hooks_nets *allowed)
{
    hooks_address v4;
    return hooks_address_public(a) || allows(allowed, a) ||
        (inner(a, &v4) && allows(allowed, &v4));
}
