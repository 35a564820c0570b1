// script.c - which scripts the servers are asked for by digest, and what stands around their text.
//
// A script ends where it stands when a command in it is refused, and what it has written by then
// stays written. So it first asks for the rights to all commands that it has, which are found in
// its text: no script can forget one.
//
// Locks: none. Who moves `known` from USED to ASKED has the text to itself until it says what was
// answered.
#include "broker/redis/net/script.h"

#include <stdio.h>
#include <string.h>

#include "util/alloc.h"

enum { NEW, USED, ASKED, KNOWN, REFUSED };

static const char flag_line[] = "#!lua flags=allow-oom\n";

// Of each command of a script how the right to it is asked for.
//
// words: how many it has at the least, beside its name: from Redis 8 on a question with fewer is no
// question.
// form: what a server that cannot be asked is given instead, on the key k, which is not there: a
// command that comes to nothing. what: it only reads; writes; needs memory, too; or makes k, which
// is then deleted again.
enum { READS = 'r', WRITES = 'w', GROWS = 'g', MAKES = 'm' };

static const struct { const char *name; int words; char what; const char *form; } commands[] = {
    { "DEL",              1, WRITES, "k" },
    { "EXISTS",           1, READS,  "k" },
    { "EXPIRE",           2, WRITES, "k,1" },
    { "EXPIREAT",         2, WRITES, "k,1" },
    { "GET",              1, READS,  "k" },
    { "HDEL",             2, WRITES, "k,1" },
    { "HEXISTS",          2, READS,  "k,1" },
    { "HGET",             2, READS,  "k,1" },
    { "HGETALL",          1, READS,  "k" },
    { "HINCRBY",          3, MAKES,  "k,1,1" },
    { "HLEN",             1, READS,  "k" },
    { "HMGET",            2, READS,  "k,1" },
    { "HRANDFIELD",       1, READS,  "k" },
    { "HSET",             3, MAKES,  "k,1,1" },
    { "HSTRLEN",          2, READS,  "k,1" },
    { "INCR",             1, MAKES,  "k" },
    { "INCRBY",           2, MAKES,  "k,1" },
    { "LINDEX",           2, READS,  "k,0" },
    { "LLEN",             1, READS,  "k" },
    { "LPOS",             2, READS,  "k,1" },
    { "LPUSH",            2, MAKES,  "k,1" },
    { "LRANGE",           3, READS,  "k,0,0" },
    { "LREM",             3, WRITES, "k,0,1" },
    { "LTRIM",            3, WRITES, "k,0,0" },
    { "MEMORY",           2, READS,  "'USAGE',k" },
    { "MGET",             1, READS,  "k" },
    { "PERSIST",          1, WRITES, "k" },
    { "PEXPIRE",          2, WRITES, "k,1" },
    { "PTTL",             1, READS,  "k" },
    { "PUBLISH",          2, READS,  "k,1" },                // a channel that nobody listens to
    { "RPUSH",            2, MAKES,  "k,1" },
    { "SADD",             2, MAKES,  "k,1" },
    { "SCAN",             1, READS,  "0,'COUNT',1" },
    { "SCARD",            1, READS,  "k" },
    { "SET",              2, GROWS,  "k,1,'XX'" },           // XX: only what is there
    { "SETEX",            3, MAKES,  "k,9,1" },
    { "SISMEMBER",        2, READS,  "k,1" },
    { "SMEMBERS",         1, READS,  "k" },
    { "SRANDMEMBER",      1, READS,  "k" },
    { "SREM",             2, WRITES, "k,1" },
    { "TIME",             0, READS,  "" },
    { "TYPE",             1, READS,  "k" },
    { "UNLINK",           1, WRITES, "k" },
    { "ZADD",             3, GROWS,  "k,'XX',1,1" },
    { "ZCARD",            1, READS,  "k" },
    { "ZCOUNT",           3, READS,  "k,0,0" },
    { "ZMSCORE",          2, READS,  "k,1" },
    { "ZRANGE",           3, READS,  "k,0,0" },
    { "ZRANGEBYSCORE",    3, READS,  "k,0,0" },
    { "ZRANGESTORE",      4, GROWS,  "k,k,0,0" },
    { "ZREM",             2, WRITES, "k,1" },
    { "ZREMRANGEBYRANK",  3, WRITES, "k,0,0" },
    { "ZREMRANGEBYSCORE", 3, WRITES, "k,0,0" },
    { "ZREVRANGEBYSCORE", 3, READS,  "k,0,0" },
    { "ZSCORE",           2, READS,  "k,1" },
    { "ZUNIONSTORE",      3, GROWS,  "k,1,k" },
};
enum { COMMANDS = sizeof commands / sizeof *commands };

// Before the names of commands, each with its words, and behind them. Of keys only those of the
// call are of interest, and these the server has looked at before; so any of them will do, and
// where there is none the script only reads. What a server does not know is no matter of rights.
static const char ask_begin[] = "do local may, names = redis.acl_check_cmd, { ";
static const char ask_end[] =
    "}\n"
    "local k = KEYS[1]\n"
    "local words = { k, k, k, k }\n"
    "for i = 1, may and k and #names or 0, 2 do\n"
    "  local known, said = pcall(may, names[i], unpack(words, 1, names[i + 1]))\n"
    "  if known and not said then\n"
    "    return redis.error_reply(\"NOPERM the user may not run '\" .. string.lower(names[i]) .. "
    "\"'\")\n"
    "  end\n"
    "end end\n";

// Around a script that does not ask for all its rights: it asks when it was refused, as Redis
// 7.0 does not say what.
static const char body_begin[] = "local function whole()\n";
static const char body_end[] =
    "end\n"
    "local fine, out = pcall(whole)\n"
    "if fine then return out end\n";
static const char tail_end[] =
    "if type(out) == 'table' then return out end\n"
    "if not redis.acl_check_cmd then error(out, 0) end\n"
    "return redis.error_reply(out)\n";

// The same for a server before Redis 7, which cannot be asked: it is tried, with a key in the slot
// of the call's first that is not there. The server looks at the arguments' number, at the rights,
// then at all else. Neither its log nor its replicas are told of what comes to nothing.
static const char try_begin[] =
    "local redis = redis\n"
    "if KEYS[1] then\n"
    "local k, kinds, full, deletes = KEYS[1] .. ':?', {}, nil, false\n"
    "local function try(name, what, ...)\n"
    "  if what == 'm' and not deletes then\n"
    "    local no = try('DEL', 'w', k)\n"
    "    if no then return no end\n"
    "    deletes = true\n"
    "  end\n"
    "  local said = redis.pcall(name, ...)\n"
    "  local err = type(said) == 'table' and said.err\n"
    "  kinds[name] = what\n"
    "  if err and (string.find(err, \"can't run this command\", 1, true) or\n"
    "      string.find(err, \"can't publish\", 1, true) or\n"
    "      string.find(err, 'no permissions to run', 1, true)) then\n"
    "    return redis.error_reply(\"NOPERM the user may not run '\" .. string.lower(name) .. "
    "\"'\")\n"
    "  end\n"
    "  if what == 'm' and not err then redis.call('DEL', k) end\n"
    "end\n"
    "redis.replicate_commands()\n"
    "redis.set_repl(redis.REPL_NONE)\n"
    "local no = try('EXISTS', 'r', k)\n"
    "while not no and redis.pcall('EXISTS', k) == 1 do k = k .. '?' end\n";
// Of a script that is to be refused where memory is full. The server looks at that for the first
// command that writes, which is not the script's own any more: so this is done in its place.
static const char try_full[] =
    "full = redis.pcall('SET', k, 1, 'XX')\n"
    "full = type(full) == 'table' and string.find(full.err or '', 'OOM ', 1, true) and full.err\n";
static const char try_end[] =
    "redis.set_repl(redis.REPL_ALL)\n"
    "if no then return no end\n"
    "if full then\n"
    "  local server, wrote = redis, false\n"
    "  local function first(call, refuse)\n"
    "    return function(name, ...)\n"
    "      local what = kinds[name] or 'r'\n"
    "      if not wrote and (what == 'g' or what == 'm') then return refuse() end\n"
    "      wrote = wrote or what == 'w'\n"
    "      return call(name, ...)\n"
    "    end\n"
    "  end\n"
    "  redis = setmetatable({\n"
    "    call = first(server.call, function() error(full, 0) end),\n"
    "    pcall = first(server.pcall, function() return { err = full } end),\n"
    "  }, { __index = server })\n"
    "end\n"
    "end\n";

// ---- what is sent -------------------------------------------------------------------------------

// The next command of a text, "call('NAME'" (redis.call and redis.pcall, and locals of these
// names), or of a list; 0: there is none.
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

// Where it is in the table; COMMANDS: it is not.
static size_t place_of(const char *name, size_t size)
{
    size_t i = 0;
    while (
        i < COMMANDS && (strlen(commands[i].name) != size || memcmp(commands[i].name, name, size)))
        i++;
    return i;
}

int gf_rd_command_words(const char *name, size_t size)
{
    size_t i = place_of(name, size);
    return i < COMMANDS ? commands[i].words : -1;
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

// 'NAME',words, as ask_end reads it. What is not in the table a test tells of.
static char *append_command(char *to, const char *name, size_t size)
{
    int least = gf_rd_command_words(name, size);
    char words[] = { '0' + (char)(least < 0 ? 1 : least), ',', '\0' };
    to = append(append(append(to, "'", 1), name, size), "',", 2);
    return append_text(to, words);
}

typedef size_t (*next_name)(const char **at, const char **name);

// Asks for the rights to all commands of a text, or of a list of words; there may be none.
static char *append_question(char *to, const char *at, next_name next)
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

enum { TRY_MAX = 64 };                       // bytes of what append_tries says of a command

// Tries all commands of a text, or of a list of words, that are not among those from `names` on.
static char *append_tries(char *to, const char *names, const char *at, next_name next)
{
    const char *name;
    for (size_t size; (size = next(&at, &name)) > 0;) {
        size_t i = place_of(name, size);
        if (i == COMMANDS || has_name(names, name, size))
            continue;
        to += snprintf(to, TRY_MAX, "no = no or try('%s','%c'%s%s)\n", commands[i].name,
            commands[i].what, *commands[i].form ? "," : "", commands[i].form);
    }
    return to;
}

static char *append_asking(char *to, const gf_rd_script *script)
{
    if (!script->rights)
        return append_text(append_question(to, script->text, next_command), script->text);
    to = append_question(to, script->rights, next_word);
    to = append_text(append_text(append_text(to, body_begin), script->text), body_end);
    return append_text(append_question(to, script->text, next_command), tail_end);
}

static char *append_trying(char *to, const gf_rd_script *script)
{
    const char *names = to = append_text(to, try_begin);
    if (!script->allow_oom)
        names = to = append_text(to, try_full);
    to = append_tries(to, names, script->rights ? script->rights : "", next_word);
    to = append_tries(to, names, script->text, next_command);
    return append_text(append_text(to, try_end), script->text);
}

// False: no memory. A name takes no more room than five times the word it comes from.
static bool make_text(gf_rd_text *t)
{
    const gf_rd_script *script = t->script;
    size_t asking = 2 * (sizeof ask_begin + sizeof ask_end) + sizeof body_begin + sizeof body_end +
        sizeof tail_end + 5 * (script->rights ? strlen(script->rights) : 0) +
        5 * strlen(script->text);
    size_t trying = sizeof try_begin + sizeof try_full + sizeof try_end + COMMANDS * TRY_MAX;
    char *end = t->text = gf_alloc(sizeof flag_line + strlen(script->text) +
        (t->form == GF_RD_TRIES ? trying : asking));
    if (!end)
        return false;
    if (t->form == GF_RD_FLAGGED)
        end = append_text(end, flag_line);
    end = t->form == GF_RD_TRIES ? append_trying(end, script) : append_asking(end, script);
    t->size = (size_t)(end - t->text);
    return true;
}

// ---- the texts ----------------------------------------------------------------------------------

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

static gf_rd_text *text_new(const gf_rd_script *script, gf_rd_form form)
{
    gf_rd_text *t = gf_calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->script = script;
    t->form = form;
    if (make_text(t))
        return t;
    gf_free(t);
    return NULL;
}

gf_rd_text *gf_rd_text_of(gf_rd_texts *texts, const gf_rd_script *script, gf_rd_form form)
{
    size_t start = ((uintptr_t)script >> 3) + (size_t)form;
    gf_rd_text *made = NULL;
    for (size_t i = 0; i < GF_RD_TEXTS_MAX; i++) {
        _Atomic(gf_rd_text *) *slot = &texts->slots[(start + i) % GF_RD_TEXTS_MAX];
        gf_rd_text *t = atomic_load_explicit(slot, memory_order_acquire);
        if (!t) {
            if (!made && !(made = text_new(script, form)))
                return NULL;
            if (atomic_compare_exchange_strong(slot, &t, made))
                return made;
        }
        if (t->script == script && t->form == form) {
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

void gf_rd_text_answered(gf_rd_text *t, const redisReply *reply)
{
    int known = REFUSED;                     // by a rule for this user, or by what
                                             //   stands before the server
    if (!reply ||
        (reply->type == REDIS_REPLY_ERROR &&
            (gf_rd_reply_meaning(reply) != GF_RD_FINAL ||
                gf_rd_reply_status(reply) == GOFER_ENOSPACE)))
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
