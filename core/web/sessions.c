// sessions.c - who has logged in by a browser.
#include "sessions.h"

#include <string.h>

static web_session *find(web_sessions *s, const char *id)
{
    unsigned char digest[WEB_DIGEST_SIZE];
    web_session *found = NULL;
    web_digest(id, digest);
    // To the end, whichever it is, as with tokens.
    for (size_t i = 0; i < WEB_SESSIONS_MAX; i++)
        if (s->list[i].open && web_digest_same(s->list[i].id, digest))
            found = &s->list[i];
    return found;
}

// A free place, or that of the session which is silent longest.
static web_session *make_room(web_sessions *s)
{
    web_session *place = &s->list[0];
    for (size_t i = 0; i < WEB_SESSIONS_MAX && place->open; i++)
        if (!s->list[i].open || s->list[i].used_ms < place->used_ms)
            place = &s->list[i];
    return place;
}

bool web_session_open(web_sessions *s, const unsigned char token[WEB_DIGEST_SIZE], int64_t now_ms,
    char id[WEB_SESSION_SIZE])
{
    if (!web_random_text(id))
        return false;
    web_session *place = make_room(s);
    web_digest(id, place->id);
    memcpy(place->token, token, WEB_DIGEST_SIZE);
    place->used_ms = now_ms;
    place->open = true;
    return true;
}

const unsigned char *web_session_find(web_sessions *s, const char *id, int64_t now_ms)
{
    web_session *found = find(s, id);
    if (found && now_ms - found->used_ms > WEB_SESSION_IDLE_MS)
        found->open = false;
    if (!found || !found->open)
        return NULL;
    found->used_ms = now_ms;
    return found->token;
}

void web_session_close(web_sessions *s, const char *id)
{
    web_session *found = find(s, id);
    if (found)
        found->open = false;
}
