// script.c - which scripts the servers are asked for by digest, and what stands around their text.
//
// A script ends where it stands when a command in it is refused, and what it has written by then stays written. So it first
// asks for the rights to all commands that it has, which are found in its text: no script can forget one.
//
// Locks: none. Who moves `known` from USED to ASKED has the text to itself until it says what was answered.
#include "broker/redis/net/script.h"

#include <string.h>

#include "util/alloc.h"

enum { NEW, USED, ASKED, KNOWN, REFUSED };

static const char flag_line[] = "#!lua flags=allow-oom\n";

// How many words a command has at the least, beside its name: from Redis 8 on a question with fewer is no question. A
// command that is not here has one, its key.
static const struct { const char *name; int words; } commands[] = {
    { "TIME", 0 },
    { "EXPIRE", 2 }, { "EXPIREAT", 2 }, { "HDEL", 2 }, { "HEXISTS", 2 }, { "HGET", 2 }, { "HMGET", 2 },
    { "HSTRLEN", 2 }, { "INCRBY", 2 }, { "LINDEX", 2 }, { "LPOS", 2 }, { "LPUSH", 2 }, { "PEXPIRE", 2 },
    { "PUBLISH", 2 }, { "RPUSH", 2 }, { "SADD", 2 }, { "SET", 2 }, { "SISMEMBER", 2 }, { "SREM", 2 },
    { "ZMSCORE", 2 }, { "ZREM", 2 }, { "ZSCORE", 2 },
    { "HINCRBY", 3 }, { "HSET", 3 }, { "LRANGE", 3 }, { "LREM", 3 }, { "LTRIM", 3 }, { "SETEX", 3 }, { "ZADD", 3 },
    { "ZCOUNT", 3 }, { "ZRANGE", 3 }, { "ZRANGEBYSCORE", 3 }, { "ZREMRANGEBYRANK", 3 }, { "ZREMRANGEBYSCORE", 3 },
    { "ZREVRANGEBYSCORE", 3 }, { "ZUNIONSTORE", 3 },
    { "ZRANGESTORE", 4 },
};

// Before the names of commands, each with its words, and behind them. Of keys only those of the call are of interest, and these the server has looked
// at before; so any of them will do, and where there is none the script only reads. Servers before Redis 7 cannot be asked;
// what they do not know is no matter of rights.
static const char ask_begin[] = "do local may, names = redis.acl_check_cmd, { ";
static const char ask_end[] =
    "}\n"
    "local k = KEYS[1]\n"
    "local words = { k, k, k, k }\n"
    "for i = 1, may and k and #names or 0, 2 do\n"
    "  local known, said = pcall(may, names[i], unpack(words, 1, names[i + 1]))\n"
    "  if known and not said then\n"
    "    return redis.error_reply(\"NOPERM the user may not run '\" .. string.lower(names[i]) .. \"'\")\n"
    "  end\n"
    "end end\n";

// Around a script that does not ask for all its rights: it asks when it was refused, as Redis 7.0 does not say what.
static const char body_begin[] = "local function whole()\n";
static const char body_end[] =
    "end\n"
    "local fine, out = pcall(whole)\n"
    "if fine then return out end\n";
static const char tail_end[] =
    "if type(out) == 'table' then return out end\n"
    "if not redis.acl_check_cmd then error(out, 0) end\n"
    "return redis.error_reply(out)\n";

// ---- what is sent ---------------------------------------------------------------------------------

// The next command of a text, "call('NAME'" (redis.call and redis.pcall, and locals of these names), or of a list; 0: there is none.
static size_t next_command(const char **at, const char **name)
{
    static const char call[] = "call('";
    for (const char *c = *at; (c = strstr(c, call)) != NULL;) {
        *name = c += sizeof call - 1;
        size_t size = strspn(c, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        *at = c + size;
        if (size > 0 && c[size] == '\'')
            return size;
    }
    return 0;
}

static size_t next_word(const char **at, const char **name)
{
    *name = *at + strspn(*at, " ");
    size_t size = strcspn(*name, " ");
    *at = *name + size;
    return size;
}

int gf_rd_command_words(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strlen(commands[i].name) == size && memcmp(commands[i].name, name, size) == 0)
            return commands[i].words;
    return 1;
}

static bool has_name(const char *text, const char *name, size_t size)
{
    for (; (text = strchr(text, '\'')) != NULL; text++)
        if (strncmp(text + 1, name, size) == 0 && text[size + 1] == '\'')
            return true;
    return false;
}

static char *append(char *to, const char *text, size_t size)
{
    memcpy(to, text, size);
    to[size] = '\0';
    return to + size;
}

static char *append_text(char *to, const char *text)
{
    return append(to, text, strlen(text));
}

// 'NAME',words, as ask_end reads it.
static char *append_command(char *to, const char *name, size_t size)
{
    char words[] = { '0' + (char)gf_rd_command_words(name, size), ',', '\0' };
    to = append(append(append(to, "'", 1), name, size), "',", 2);
    return append_text(to, words);
}

// Asks for the rights to all commands of a text, or of a list of words; there may be none.
static char *append_question(char *to, const char *at, size_t (*next)(const char **at, const char **name))
{
    const char *first = at, *name;
    if (next(&first, &name) == 0)
        return to;
    const char *names = to = append_text(to, ask_begin);
    for (size_t size; (size = next(&at, &name)) > 0;)
        if (!has_name(names, name, size))
            to = append_command(to, name, size);
    return append_text(to, ask_end);
}

// False: no memory. A name takes no more room than five times the word it comes from.
static bool make_text(gf_rd_text *t)
{
    const gf_rd_script *script = t->script;
    size_t parts = sizeof flag_line + 2 * (sizeof ask_begin + sizeof ask_end) + sizeof body_begin + sizeof body_end + sizeof tail_end;
    size_t words = script->rights ? 5 * strlen(script->rights) : 0;
    char *end = t->text = gf_alloc(parts + words + 6 * strlen(script->text));
    if (!end)
        return false;
    if (t->flagged)
        end = append_text(end, flag_line);
    if (!script->rights) {
        end = append_text(append_question(end, script->text, next_command), script->text);
    } else {
        end = append_question(end, script->rights, next_word);
        end = append_text(append_text(append_text(end, body_begin), script->text), body_end);
        end = append_text(append_question(end, script->text, next_command), tail_end);
    }
    t->size = (size_t)(end - t->text);
    return true;
}

// ---- the texts ------------------------------------------------------------------------------------

static void text_free(gf_rd_text *t)
{
    if (t)
        gf_free(t->text);
    gf_free(t);
}

void gf_rd_texts_clear(gf_rd_texts *texts)
{
    for (size_t i = 0; i < GF_RD_TEXTS_MAX; i++)
        text_free(atomic_load(&texts->slots[i]));
}

static gf_rd_text *text_new(const gf_rd_script *script, bool flagged)
{
    gf_rd_text *t = gf_calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->script = script;
    t->flagged = flagged;
    if (make_text(t))
        return t;
    gf_free(t);
    return NULL;
}

gf_rd_text *gf_rd_text_of(gf_rd_texts *texts, const gf_rd_script *script, bool flagged)
{
    size_t start = ((uintptr_t)script >> 3) + flagged;
    gf_rd_text *made = NULL;
    for (size_t i = 0; i < GF_RD_TEXTS_MAX; i++) {
        _Atomic(gf_rd_text *) *slot = &texts->slots[(start + i) % GF_RD_TEXTS_MAX];
        gf_rd_text *t = atomic_load_explicit(slot, memory_order_acquire);
        if (!t) {
            if (!made && !(made = text_new(script, flagged)))
                return NULL;
            if (atomic_compare_exchange_strong(slot, &t, made))
                return made;
        }
        if (t->script == script && t->flagged == flagged) {
            text_free(made);
            return t;
        }
    }
    text_free(made);
    return NULL;
}

const char *gf_rd_text_digest(const gf_rd_text *t)
{
    return atomic_load_explicit(&t->known, memory_order_acquire) == KNOWN ? t->digest : NULL;
}

bool gf_rd_text_ask(gf_rd_text *t)
{
    int known = NEW;
    if (atomic_compare_exchange_strong(&t->known, &known, USED))
        return false;
    return known == USED && atomic_compare_exchange_strong(&t->known, &known, ASKED);
}

static bool is_digest(const redisReply *r)
{
    return (r->type == REDIS_REPLY_STRING || r->type == REDIS_REPLY_STATUS) && r->len == 40 &&
        strspn(r->str, "0123456789abcdef") == 40;
}

void gf_rd_text_told(gf_rd_text *t, const redisReply *reply)
{
    int known = REFUSED;                     // by a rule for this user, or by what stands before the server
    if (!reply || (reply->type == REDIS_REPLY_ERROR &&
            (gf_rd_reply_meaning(reply) != GF_RD_FINAL || gf_rd_reply_status(reply) == GOFER_ENOSPACE)))
        known = USED;                        // the next one asks again
    else if (is_digest(reply)) {
        memcpy(t->digest, reply->str, 40);
        known = KNOWN;
    }
    atomic_store_explicit(&t->known, known, memory_order_release);
}

void gf_rd_conn_put_text(gf_rd_conn *c, const gf_rd_text *t)
{
    gf_rd_conn_put_word(c, t->text, t->size);
}
