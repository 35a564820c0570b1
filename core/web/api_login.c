// api_login.c - logging in and out by a browser: a token, or a name and password, for a cookie.
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

static void let_in(web_call *call, web_visitor *v, const char *id)
{
    set_cookie(call, id, "");
    call->rights = web_scope_rights(&v->scope);
    call->scope = &v->scope;
    call->who = v->name;
    web_api_me(call);
    call->scope = NULL;
    call->who = "-";
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
    char id[WEB_COOKIE_SIZE], *text = web_member_text(call, &token);
    web_visitor v = text ? web_access_login(call->access, call->address, text, id)
                         : (web_visitor){ .status = 400 };
    if (text && v.status)
        web_deny(call, v.status, "token");
    else if (text)
        let_in(call, &v, id);
    free(text);
}

void web_api_login_password(web_call *call)
{
    web_member members[] = { { .name = "name" }, { .name = "password" } };
    if (!web_body_read(call, members, 2))
        return;
    if (!web_member_there(&members[0]) || !web_member_there(&members[1])) {
        web_fail(call, 400, "EINVAL", "the body needs 'name' and 'password'");
        return;
    }
    char id[WEB_COOKIE_SIZE], *name = web_member_text(call, &members[0]);
    char *password = name ? web_member_text(call, &members[1]) : NULL;
    web_visitor v = !password      ? (web_visitor){ .status = 400 }
        : call->in_the_open        ? (web_visitor){ .status = 403 }
        : web_access_login_name(call->access, call->address, name, password, id);
    if (password && v.status)
        web_deny(call, v.status, "password");
    else if (password)
        let_in(call, &v, id);
    free(name);
    free(password);
}

void web_api_logout(web_call *call)
{
    if (call->session)
        web_access_logout(call->access, call->session);
    set_cookie(call, "", "; Max-Age=0");
    web_reply_done(call, GOFER_OK);
}
