// sign.c - the first words on a connection: AUTH, HELLO, SELECT, CLIENT SETNAME, in one round trip.
//
// May touch: conn.h. HELLO without a version keeps RESP2 and tells the server's version and role;
// where it is unknown (before Redis 6) or refused, INFO does. A server that tells neither
// counts as version 0.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/net/conn.h"
#include "util/error.h"

static void put_words(gf_rd_conn *c, size_t count, const char *const *words)
{
    gf_rd_conn_put_count(c, count);
    for (size_t i = 0; i < count; i++)
        gf_rd_conn_put_word(c, words[i], strlen(words[i]));
}

// "7.0.15" is 70015.
static int32_t version_number(const char *text)
{
    long parts[3] = { 0 };
    for (int i = 0; i < 3; i++) {
        char *end;
        parts[i] = strtol(text, &end, 10);
        if (end == text || parts[i] < 0 || parts[i] > 9999)
            return 0;
        if (*end != '.')
            break;
        text = end + 1;
    }
    return (int32_t)(parts[0] * 10000 + (parts[1] > 99 ? 99 : parts[1]) * 100 +
        (parts[2] > 99 ? 99 : parts[2]));
}

// Valkey's own numbers begin at 7.2.5; all of them stand for Redis 7.2.4, as its INFO says.
enum { VALKEY_STANDS_FOR = 70204 };

static void read_hello(gf_rd_conn *c, const redisReply *r)
{
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2) {
        const char *name = r->element[i]->str, *value = r->element[i + 1]->str;
        if (!name || !value)
            continue;
        if (strcmp(name, "version") == 0)
            c->server.version = version_number(value);
        else if (strcmp(name, "server") == 0)
            c->server.is_valkey = strcmp(value, "valkey") == 0;
        else if (strcmp(name, "mode") == 0)
            c->server.is_cluster = strcmp(value, "cluster") == 0;
        else if (strcmp(name, "role") == 0)
            c->is_replica = strcmp(value, "replica") == 0 || strcmp(value, "slave") == 0;
    }
    if (c->server.is_valkey)
        c->server.version = VALKEY_STANDS_FOR;
}

// The value after "\nname:", or NULL. Ends at the line's end.
static const char *info_value(const char *info, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = info; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, size) == 0 && line[size] == ':')
            return line + size + 1;
    }
    return NULL;
}

static void read_info(gf_rd_conn *c, const redisReply *r)
{
    if (r->type != REDIS_REPLY_STRING)
        return;
    const char *version = info_value(r->str, "redis_version"),
               *mode = info_value(r->str, "redis_mode");
    c->server.version = version ? version_number(version) : 0;
    c->server.is_valkey = info_value(r->str, "valkey_version") != NULL;
    c->server.is_cluster = mode && strncmp(mode, "cluster", 7) == 0;
}

// What a refusal of the password means to whoever wrote the URL.
static const char *advice(const redisReply *r, const char *username, const char *password)
{
    if (strncmp(r->str, "NOAUTH", 6) == 0 && username && !password)
        return "; the URL has a user name but no password: a password without a name is written "
            "redis://:password@host";
    if (strncmp(r->str, "NOAUTH", 6) == 0)
        return "; give a password: redis://:password@host or ?password-file=FILE";
    if (strncmp(r->str, "DENIED", 6) == 0)
        return "";
    if (strncmp(r->str, "ERR", 3) == 0)
        return "; it wants no password, or no user name, or is another server than you think";
    if (username)
        return "; the user name counts too: leave it out (redis://:password@host) for the default "
               "user";
    return "";
}

// One answer of the sign-on. `what` was asked.
static gofer_status judge(gf_rd_conn *c, const redisReply *r, const char *what,
    const char *username, const char *password, bool *again)
{
    if (r->type != REDIS_REPLY_ERROR)
        return GOFER_OK;
    *again = gf_rd_reply_meaning(r) != GF_RD_FINAL;
    gofer_status st = gf_rd_reply_status(r);
    if (st == GOFER_EDENIED)
        return gf_fail(st, "Redis at %s refuses to let us in: %.200s%s", c->text, r->str,
            advice(r, username, password));
    return gf_rd_reply_fail(r, c->text, what);
}

static gofer_status next_reply(gf_rd_conn *c, int64_t deadline_ms, redisReply **reply, bool *again)
{
    gofer_status st = gf_rd_conn_reply(c, deadline_ms, reply);
    *again = st == GOFER_EBROKER;
    if (st != GOFER_EBROKER)
        return st;
    // With TLS 1.3 a server says only now that it wants a certificate.
    if (c->tls && gf_rd_tls_refused(c->tls)) {
        *again = false;
        return gf_fail(GOFER_EDENIED,
            "Redis at %s refuses our certificate: %s; give one that it trusts with cert=FILE "
            "and key=FILE",
            c->text, c->why);
    }
    // A TLS server answers plain text with an alert (15 hexadecimal) or just closes.
    if (!c->tls && c->reader->err == REDIS_ERR_PROTOCOL && strstr(c->reader->errstr, "\\x15")) {
        *again = false;
        return gf_fail(st, "the server at %s speaks TLS: write rediss instead of redis in the URL",
            c->text);
    }
    if (c->reader->err == REDIS_ERR_PROTOCOL)
        *again = false;
    return gf_fail_add(st,
        c->tls || *c->text == '/'
            ? "signing on"
            : "signing on (if that port speaks TLS, write rediss in the URL)");
}

gofer_status gf_rd_sign_on(gf_rd_conn *c, gf_rd_kind kind, int64_t deadline_ms, bool *again)
{
    const gf_rd_options *o = gf_rd_net_options(c->net);
    bool server = kind == GF_RD_SERVER;
    const char *username = server ? o->username : o->sentinel_username;
    const char *password = server ? o->password : o->sentinel_password;
    enum { AUTH, HELLO, SELECT, SETNAME, STEPS };
    bool asked[STEPS] = { password != NULL, server, server && o->db != 0, server };
    static const char *const names[STEPS] = { "AUTH", "HELLO", "SELECT", "CLIENT SETNAME" };
    char db[16];
    snprintf(db, sizeof db, "%d", (int)o->db);

    if (asked[AUTH] && username)
        put_words(c, 3, (const char *const []){ "AUTH", username, password });
    else if (asked[AUTH])
        put_words(c, 2, (const char *const []){ "AUTH", password });
    if (asked[HELLO])
        put_words(c, 1, (const char *const []){ "HELLO" });
    if (asked[SELECT])
        put_words(c, 2, (const char *const []){ "SELECT", db });
    if (asked[SETNAME])
        put_words(c, 3, (const char *const []){ "CLIENT", "SETNAME", "gofer" });

    bool ask_info = false;
    gofer_status st = GOFER_OK;
    for (int step = 0; step < STEPS && st == GOFER_OK; step++) {
        redisReply *r = NULL;
        if (!asked[step])
            continue;
        st = next_reply(c, deadline_ms, &r, again);
        if (st != GOFER_OK)
            break;
        bool denied = gf_rd_reply_status(r) == GOFER_EDENIED, error = r->type == REDIS_REPLY_ERROR;
        bool refused = error && strncmp(r->str, "NOPERM", 6) == 0;
        if (step == HELLO && !error)
            read_hello(c, r);
        else if (step == HELLO && (refused || (!denied && gf_rd_reply_meaning(r) == GF_RD_FINAL)))
            ask_info = true;
        else if (step != SETNAME)
            st = judge(c, r, names[step], username, password, again);
        gf_rd_reply_free(r);
    }
    gf_rd_conn_rewind(c);                        // the password does not stay in the buffer
                                                 //   for long:
    if (st == GOFER_OK && ask_info) {            //   the next command is written over it
        redisReply *r = NULL;
        put_words(c, 2, (const char *const []){ "INFO", "server" });
        st = next_reply(c, deadline_ms, &r, again);
        gf_rd_conn_rewind(c);
        if (st == GOFER_OK) {
            if (gf_rd_reply_status(r) == GOFER_EDENIED && strncmp(r->str, "NOPERM", 6) != 0)
                st = judge(c, r, "INFO", username, password, again);
            else
                read_info(c, r);
            gf_rd_reply_free(r);
        }
    }
    return st;
}
