// address.h - which addresses a webhook may go to: those that are public, and those that somebody
// has allowed. Pure.
//
// What is not public is what the registries of IANA call special (RFC 6890 and those after it),
// and where clouds keep the secrets of a machine (169.254.169.254, 100.100.100.200, 192.0.0.192,
// 168.63.129.16, fd00:ec2::254). Of an address that carries one of IPv4 (mapped, 6to4, NAT64) both
// count.
#ifndef HOOKS_ADDRESS_H
#define HOOKS_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

// IPv4 is ::ffff:a.b.c.d here.
typedef struct hooks_address {
    uint8_t bytes[16];
} hooks_address;

typedef struct hooks_net {
    hooks_address base;
    unsigned      bits;            // of 128
} hooks_net;

typedef struct hooks_nets {
    hooks_net *items;
    size_t     count;
} hooks_nets;

enum { HOOKS_ADDRESS_TEXT = 64 };

// False: it is of neither family.
bool hooks_address_of(const struct sockaddr *from, hooks_address *out);
// As people write it.
void hooks_address_text(const hooks_address *a, char out[HOOKS_ADDRESS_TEXT]);
// "10.0.0.0/8", "fd00::/8", or one address. NULL, or what is wrong with it.
const char *hooks_net_read(const char *text, hooks_net *out);
bool hooks_address_public(const hooks_address *a);
// It is public, or in one of these.
bool hooks_address_may(const hooks_address *a, const hooks_nets *allowed);

#endif
