// api_login.c - logging in and out by a browser: a token for a cookie.
//
// The cookie is for this host alone (__Host-, where TLS allows that name), not for scripts, and not
// sent from pages of other sites.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "api.h"
#include "body.h"

static void set_cookie(web_call *call, const char *id, const char *life)
{
    snprintf(call->reply.cookie, sizeof call->reply.cookie,
        "%s=%s; Path=/; HttpOnly; SameSite=Strict%s%s",
        call->secure ? WEB_COOKIE_SECURE : WEB_COOKIE, id, call->secure ? "; Secure" : "", life);
}

static void login(web_call *call, const char *token)
{
    char id[WEB_COOKIE_SIZE];
    web_visitor v = web_access_login(call->access, call->address, token, id);
    if (v.status == 429) {
        web_fail(call, 429, "EDENIED", "too many tokens that are not known: wait a minute");
    } else if (v.status) {
        web_fail(call, v.status, "EDENIED", "the token is not known");
    } else {
        set_cookie(call, id, "");
        call->rights = web_scope_rights(&v.scope);
        call->scope = &v.scope;
        call->who = v.name;
        web_api_me(call);
        call->scope = NULL;
        call->who = "-";
    }
}

void web_api_login(web_call *call)
{
    web_member token = { .name = "token" };
    if (!web_body_read(call, &token, 1))
        return;
    if (!web_member_there(&token)) {
        web_fail(call, 400, "EINVAL", "the body needs 'token'");
        return;
    }
    char *text = web_member_text(call, &token);
    if (text)
        login(call, text);
    free(text);
}

void web_api_logout(web_call *call)
{
    if (call->session)
        web_access_logout(call->access, call->session);
    set_cookie(call, "", "; Max-Age=0");
    web_reply_done(call, GOFER_OK);
}
