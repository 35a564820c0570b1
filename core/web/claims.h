// claims.h - what the headers of a request claim of who sent it: cookies, and what proxies say.
//
// Pure and without allocation; any bytes will do. A fuzz target drives it
// (tests/fuzz/fuzz_claims.c).
#ifndef WEB_CLAIMS_H
#define WEB_CLAIMS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { WEB_ADDRESS_ROOM = INET6_ADDRSTRLEN };

// The value of a cookie of the header Cookie into room; false: it is not there, empty or too long.
bool web_claim_cookie(const char *header, const char *name, char *room, size_t size);
// Name and password of Authorization: Basic. False: it is none, or one of the two is too long.
enum { WEB_CLAIM_NAME = 64, WEB_CLAIM_PASSWORD = 1025 };
bool web_claim_basic(const char *header, char name[WEB_CLAIM_NAME],
    char password[WEB_CLAIM_PASSWORD]);
// The last address of X-Forwarded-For, which is the one that the nearest proxy saw. False: it is
// none.
bool web_claim_for(const char *header, char out[WEB_ADDRESS_ROOM]);
// Is the last of X-Forwarded-Proto https?
bool web_claim_https(const char *header);
// The name of somebody: UTF-8 without control characters and blanks at its ends, not "-", which is
// nobody. False: it is none, or is too long.
bool web_claim_name(const char *header, char *out, size_t size);
// "127.0.0.1"; "": it has no address that people know.
void web_claim_address(const struct sockaddr *from, char out[WEB_ADDRESS_ROOM]);

#endif
