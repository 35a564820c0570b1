// web_sessions_test.c - who has logged in: for how long, and how many at once.
#include "sessions.h"

#include <string.h>

#include "check.h"

static const unsigned char token[WEB_DIGEST_SIZE] = "a token's digest";

static void a_session_is_its_tokens(void)
{
    static web_sessions s;
    char id[WEB_SESSION_SIZE], other[WEB_SESSION_SIZE];
    CHECK(web_session_find(&s, "", 1) == NULL);
    CHECK(web_session_open(&s, token, 1, id) && web_session_open(&s, token, 1, other));
    CHECK(strlen(id) == WEB_SESSION_SIZE - 1 && strcmp(id, other) != 0);
    const unsigned char *found = web_session_find(&s, id, 2);
    CHECK(found && memcmp(found, token, sizeof token) == 0);
    CHECK(web_session_find(&s, "x", 2) == NULL);
    // What is kept does not tell the id.
    for (size_t i = 0; i < WEB_SESSIONS_MAX; i++)
        CHECK(memcmp(s.list[i].id, id, WEB_DIGEST_SIZE) != 0);
}

static void silence_ends_it(void)
{
    static web_sessions s;
    char id[WEB_SESSION_SIZE];
    int64_t now = 1;
    CHECK(web_session_open(&s, token, now, id));
    CHECK(web_session_find(&s, id, now += WEB_SESSION_IDLE_MS));
    CHECK(web_session_find(&s, id, now += WEB_SESSION_IDLE_MS));
    CHECK(web_session_find(&s, id, now += WEB_SESSION_IDLE_MS + 1) == NULL);
    CHECK(web_session_find(&s, id, 1) == NULL);
}

static void logging_out_ends_it(void)
{
    static web_sessions s;
    char id[WEB_SESSION_SIZE], other[WEB_SESSION_SIZE];
    CHECK(web_session_open(&s, token, 1, id) && web_session_open(&s, token, 1, other));
    web_session_close(&s, id);
    web_session_close(&s, id);
    web_session_close(&s, "x");
    CHECK(web_session_find(&s, id, 1) == NULL);
    CHECK(web_session_find(&s, other, 1) != NULL);
}

static void the_most_silent_makes_way(void)
{
    static web_sessions s;
    char first[WEB_SESSION_SIZE], second[WEB_SESSION_SIZE], id[WEB_SESSION_SIZE];
    CHECK(web_session_open(&s, token, 1, first) && web_session_open(&s, token, 2, second));
    for (int i = 2; i < WEB_SESSIONS_MAX; i++)
        CHECK(web_session_open(&s, token, 3, id));
    CHECK(web_session_find(&s, first, 4) != NULL);
    CHECK(web_session_open(&s, token, 5, id));
    CHECK(web_session_find(&s, second, 5) == NULL);
    CHECK(web_session_find(&s, first, 5) && web_session_find(&s, id, 5));
}

static const check_test tests[] = {
    TEST(a_session_is_its_tokens),
    TEST(silence_ends_it),
    TEST(logging_out_ends_it),
    TEST(the_most_silent_makes_way),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
