// sessions.h - who has logged in by a browser: random ids, kept in memory, ended by silence.
//
// A session is a token's: it has the rights that the token has at the moment, and ends with it.
// Threads: none of its own; access.c has the lock.
#ifndef WEB_SESSIONS_H
#define WEB_SESSIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tokens.h"

enum {
    WEB_SESSION_SIZE = 44,              // 43 characters, with the NUL
    WEB_SESSIONS_MAX = 256,             // the one that is silent longest makes way
    WEB_SESSION_IDLE_MS = 12 * 60 * 60 * 1000
};

typedef struct web_session {
    unsigned char id[WEB_DIGEST_SIZE], token[WEB_DIGEST_SIZE];     // digests of both
    int64_t       used_ms;              // on the monotonic clock
    bool          open;
} web_session;

typedef struct web_sessions {
    web_session list[WEB_SESSIONS_MAX];
} web_sessions;

// A session of the token with this digest. False: the system has no random bytes.
bool web_session_open(web_sessions *s, const unsigned char token[WEB_DIGEST_SIZE], int64_t now_ms,
    char id[WEB_SESSION_SIZE]);
// The digest of the session's token; NULL: there is none of this id (any more). It is not silent
// now.
const unsigned char *web_session_find(web_sessions *s, const char *id, int64_t now_ms);
void web_session_close(web_sessions *s, const char *id);

#endif
