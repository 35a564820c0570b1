// options.c - Lua values into the arguments and option structs of gofer.h.
//
// A table of options is read by a table of settings: name, kind, place in the struct. A name that
// is not in it is an error, not a silence. May touch: options.h.
#include "options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

// ---- Single values

const char *gofer_lua_text(lua_State *L, int index, const char *what)
{
    if (lua_isnoneornil(L, index))
        return NULL;
    if (lua_type(L, index) != LUA_TSTRING)
        gofer_lua_invalid(L, "%s must be a string, not a %s", what, luaL_typename(L, index));
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    if (strlen(text) != size)
        gofer_lua_invalid(L, "%s holds a NUL byte", what);
    return text;
}

const void *gofer_lua_payload(lua_State *L, int index, size_t *size)
{
    *size = 0;
    switch (lua_type(L, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
        return NULL;
    case LUA_TTABLE:
        luaL_checkstack(L, 2, "payload");
        gofer_lua_json_encode(L, index);    // stays on the stack, which anchors it
        return lua_tolstring(L, -1, size);
    case LUA_TSTRING:
        return lua_tolstring(L, index, size);
    default:
        gofer_lua_invalid(L, "a payload or result must be a string, a table or nil, not a %s",
            luaL_typename(L, index));
        return NULL;
    }
}

static int64_t milliseconds(lua_State *L, int index, const char *what)
{
    double seconds = lua_tonumber(L, index);
    if (!isfinite(seconds) || fabs(seconds) > 9e14)
        gofer_lua_invalid(L, "%s is out of range", what);
    return (int64_t)llround(seconds * 1000);
}

int64_t gofer_lua_duration_ms(lua_State *L, int index, const char *what)
{
    int64_t ms = 0;
    if (lua_type(L, index) == LUA_TNUMBER) {
        ms = milliseconds(L, index, what);
        if (ms < 0 || ms > GOFER_MAX_DURATION_MS)
            gofer_lua_invalid(L, "%s must be from 0 to 100 years, in seconds", what);
        return ms;
    }
    const char *text = gofer_lua_text(L, index, what);
    if (!text)
        gofer_lua_invalid(L, "%s is missing: give seconds, or text such as \"5m\"", what);
    gofer_lua_check(L, gofer_parse_duration(text, &ms));
    return ms;
}

int64_t gofer_lua_time_ms(lua_State *L, int index, const char *what)
{
    int64_t ms = 0;
    if (lua_type(L, index) == LUA_TNUMBER)
        return milliseconds(L, index, what);
    const char *text = gofer_lua_text(L, index, what);
    if (!text)
        gofer_lua_invalid(L, "%s is missing: give Unix seconds, or RFC 3339 text", what);
    gofer_lua_check(L, gofer_parse_time(text, &ms));
    return ms;
}

int64_t gofer_lua_int64(lua_State *L, int index, const char *what)
{
    int whole = 0;
    lua_Integer value =
        lua_isnoneornil(L, index) ? (whole = 1, 0) : lua_tointegerx(L, index, &whole);
    if (!whole || lua_type(L, index) == LUA_TSTRING)
        gofer_lua_invalid(L, "%s must be a whole number", what);
    return value;
}

int32_t gofer_lua_int32(lua_State *L, int index, const char *what)
{
    int64_t value = gofer_lua_int64(L, index, what);
    if (value < INT32_MIN || value > INT32_MAX)
        gofer_lua_invalid(L, "%s is out of range", what);
    return (int32_t)value;
}

// ---- Tables of settings

#define PLACE(field) offsetof(gofer_enqueue_options, field)

// as GOFER_UNTIL_...
static const char *const until_words[] = { "done", "start", "ttl", NULL };
// as GOFER_DEBOUNCE_...
static const char *const debounce_words[] = { "replace", "keep", "earliest", NULL };
// as GOFER_ORDERED_...
static const char *const ordered_words[] = { "continue", "block", NULL };

const gofer_lua_setting gofer_lua_task_options[] = {
    { "queue",           GOFER_LUA_TEXT,     PLACE(queue), NULL },
    { "id",              GOFER_LUA_TEXT,     PLACE(task_id), NULL },
    { "at",              GOFER_LUA_TIME,     PLACE(run_at_ms), NULL },
    { "delay",           GOFER_LUA_DURATION, PLACE(delay_ms), NULL },
    { "timeout",         GOFER_LUA_LIMIT,    PLACE(timeout_ms), NULL },
    { "deadline",        GOFER_LUA_TIME,     PLACE(deadline_ms), NULL },
    { "retention",       GOFER_LUA_DURATION, PLACE(retention_ms), NULL },
    { "retry",           GOFER_LUA_RETRY,    0, NULL },
    { "max_retry",       GOFER_LUA_TRIES,    PLACE(max_retry), NULL },
    { "priority",        GOFER_LUA_COUNT,    PLACE(priority), NULL },
    { "headers",         GOFER_LUA_HEADERS,  PLACE(headers), NULL },
    { "unique",          GOFER_LUA_DURATION, PLACE(unique_ms), NULL },
    { "unique_key",      GOFER_LUA_TEXT,     PLACE(unique_key), NULL },
    { "unique_until",    GOFER_LUA_WORD,     PLACE(unique_until), until_words },
    // GOFER_CONFLICT_RETURN is 1
    { "return_existing", GOFER_LUA_TRUTH,    PLACE(unique_conflict), NULL },
    { "debounce",        GOFER_LUA_DURATION, PLACE(debounce_ms), NULL },
    { "max_wait",        GOFER_LUA_DURATION, PLACE(max_wait_ms), NULL },
    { "debounce_key",    GOFER_LUA_TEXT,     PLACE(debounce_key), NULL },
    { "debounce_mode",   GOFER_LUA_WORD,     PLACE(debounce_mode), debounce_words },
    { "replace",         GOFER_LUA_TRUTH,    PLACE(replace), NULL },
    { "group",           GOFER_LUA_TEXT,     PLACE(group), NULL },
    { "expires",         GOFER_LUA_DURATION, PLACE(expires_ms), NULL },
    { "expires_at",      GOFER_LUA_TIME,     PLACE(expires_at_ms), NULL },
    { "on_dead",         GOFER_LUA_DEAD,     PLACE(on_dead), NULL },
    { "on_done",         GOFER_LUA_DEAD,     PLACE(on_done), NULL },
    { "tenant",          GOFER_LUA_TEXT,     PLACE(tenant), NULL },
    { "limits",          GOFER_LUA_KEYS,     PLACE(limits), NULL },
    { "limit_cost",      GOFER_LUA_BYTES,    PLACE(limit_cost), NULL },
    { "effect",          GOFER_LUA_LATER,    0, NULL },
    { "ordered",         GOFER_LUA_TEXT,     PLACE(ordered), NULL },
    { "ordered_dead",    GOFER_LUA_WORD,     PLACE(ordered_dead), ordered_words },
    { "plain",           GOFER_LUA_TRUTH,    PLACE(plain), NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

typedef struct dead {
    const char *type, *queue;
} dead;

static const gofer_lua_setting dead_settings[] = {
    { "type",  GOFER_LUA_TEXT, offsetof(dead, type), NULL },
    { "queue", GOFER_LUA_TEXT, offsetof(dead, queue), NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

static const gofer_lua_setting client_settings[] = {
    { "timeout",     GOFER_LUA_DURATION, offsetof(gofer_client_options, timeout_ms), NULL },
    { "max_payload", GOFER_LUA_BYTES,    offsetof(gofer_client_options, max_payload), NULL },
    { "keys",        GOFER_LUA_TEXT,     offsetof(gofer_client_options, keys), NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

static const gofer_lua_setting page_settings[] = {
    { "cursor", GOFER_LUA_TEXT,  offsetof(gofer_lua_page, cursor), NULL },
    { "limit",  GOFER_LUA_COUNT, offsetof(gofer_lua_page, limit), NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

static const gofer_lua_setting filter_settings[] = {
    { "type",    GOFER_LUA_TEXT,     offsetof(gofer_filter, type), NULL },
    { "error",   GOFER_LUA_TEXT,     offsetof(gofer_filter, error), NULL },
    { "id",      GOFER_LUA_TEXT,     offsetof(gofer_filter, id), NULL },
    { "group",   GOFER_LUA_TEXT,     offsetof(gofer_filter, group), NULL },
    { "older",   GOFER_LUA_DURATION, offsetof(gofer_filter, older_ms), NULL },
    { "younger", GOFER_LUA_DURATION, offsetof(gofer_filter, younger_ms), NULL },
    { "fingerprint", GOFER_LUA_TEXT, offsetof(gofer_filter, fingerprint), NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

typedef struct waiting {
    const char *queue;
    int64_t     timeout_ms;
} waiting;

static const gofer_lua_setting wait_settings[] = {
    { "queue",   GOFER_LUA_TEXT,     offsetof(waiting, queue), NULL },
    { "timeout", GOFER_LUA_DURATION, offsetof(waiting, timeout_ms), NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

static const gofer_lua_setting cron_settings[] = {
    { "tz",    GOFER_LUA_TEXT,  offsetof(gofer_lua_ticks, tz), NULL },
    { "from",  GOFER_LUA_TIME,  offsetof(gofer_lua_ticks, from_ms), NULL },
    { "count", GOFER_LUA_COUNT, offsetof(gofer_lua_ticks, count), NULL },
    { NULL, GOFER_LUA_TEXT, 0, NULL },
};

// The table at index as key, value, key, value, NULL. The array stays on the stack; the strings are
// anchored by the table.
static const char *const *read_headers(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE)
        gofer_lua_invalid(L, "headers must be a table of strings");
    size_t count = 0, filled = 0;
    for (lua_pushnil(L); lua_next(L, index); lua_pop(L, 1)) {
        if (lua_type(L, -2) != LUA_TSTRING || lua_type(L, -1) != LUA_TSTRING)
            gofer_lua_invalid(L, "headers must be a table of strings");
        count++;
    }
    const char **pairs = lua_newuserdatauv(L, (2 * count + 1) * sizeof *pairs, 0);
    lua_pushnil(L);
    while (filled < 2 * count && lua_next(L, index)) {
        pairs[filled++] = gofer_lua_text(L, -2, "a header's name");
        pairs[filled++] = gofer_lua_text(L, -1, "a header's value");
        lua_pop(L, 1);
    }
    pairs[filled] = NULL;
    lua_settop(L, index + 1);
    return pairs;
}

// A string or a list of them as they are, NULL at the end. As with headers the array stays.
static const char *const *read_keys(lua_State *L, int index, const char *what)
{
    int is_list = lua_type(L, index) == LUA_TTABLE;
    size_t count = is_list ? lua_rawlen(L, index) : 1;
    if (count > GOFER_LIMIT_KEYS)
        gofer_lua_invalid(L, "%s are %d at most", what, GOFER_LIMIT_KEYS);
    const char **keys = lua_newuserdatauv(L, (count + 1) * sizeof *keys, 0);
    for (size_t i = 0; is_list && i < count; i++) {
        lua_rawgeti(L, index, (lua_Integer)i + 1);
        keys[i] = gofer_lua_text(L, -1, what);
        lua_pop(L, 1);
    }
    if (!is_list)
        keys[0] = gofer_lua_text(L, index, what);
    keys[count] = NULL;
    return keys;
}

static int32_t read_tries(lua_State *L, int index, const char *name)
{
    int absent = lua_isboolean(L, index) && !lua_toboolean(L, index);
    int32_t count = absent ? 0 : gofer_lua_int32(L, index, name);
    if (count < 0)
        gofer_lua_invalid(L, "%s must be 0 or more", name);
    return count == 0 ? GOFER_NO_RETRY : count;
}

static int32_t read_word(lua_State *L, int index, const gofer_lua_setting *s)
{
    const char *word = gofer_lua_text(L, index, s->name);
    char known[128] = "";
    for (int32_t i = 0; s->words[i]; i++) {
        size_t used = strlen(known);
        if (word && strcmp(word, s->words[i]) == 0)
            return i;
        snprintf(known + used, sizeof known - used, "%s\"%s\"", used ? ", " : "", s->words[i]);
    }
    return gofer_lua_invalid(L, "%s is '%.60s': it must be one of %s", s->name, word ? word : "nil",
        known);
}

// A type, or {type = ..., queue = ...}.
static void read_dead(lua_State *L, int index, const gofer_lua_setting *s,
    gofer_enqueue_options *opts)
{
    dead d = { NULL, NULL };
    if (lua_type(L, index) == LUA_TTABLE) {
        gofer_lua_read_table(L, index, dead_settings, NULL, &d);
        if (!d.type)
            gofer_lua_invalid(L, "%s has no type", s->name);
    } else {
        d.type = gofer_lua_text(L, index, s->name);
    }
    int is_dead = s->offset == PLACE(on_dead);
    *(is_dead ? &opts->on_dead : &opts->on_done) = d.type;
    *(is_dead ? &opts->on_dead_queue : &opts->on_done_queue) = d.queue;
}

// The value on top of the stack into its place. Headers, keys, payloads and tasks may leave
// things on the stack.
static void store(lua_State *L, const gofer_lua_setting *s, void *into)
{
    void *place = (char *)into + s->offset;
    int value = lua_gettop(L);
    switch (s->kind) {
    case GOFER_LUA_TEXT:     *(const char **)place = gofer_lua_text(L, value, s->name); break;
    case GOFER_LUA_DURATION: *(int64_t *)place = gofer_lua_duration_ms(L, value, s->name); break;
    case GOFER_LUA_TIME:     *(int64_t *)place = gofer_lua_time_ms(L, value, s->name); break;
    case GOFER_LUA_BYTES:    *(int64_t *)place = gofer_lua_int64(L, value, s->name); break;
    case GOFER_LUA_COUNT:    *(int32_t *)place = gofer_lua_int32(L, value, s->name); break;
    case GOFER_LUA_HEADERS:  *(const char *const **)place = read_headers(L, value); break;
    case GOFER_LUA_KEYS:     *(const char *const **)place = read_keys(L, value, s->name); break;
    case GOFER_LUA_TRIES:    *(int32_t *)place = read_tries(L, value, s->name); break;
    case GOFER_LUA_WORD:     *(int32_t *)place = read_word(L, value, s); break;
    case GOFER_LUA_DEAD:     read_dead(L, value, s, into); break;
    case GOFER_LUA_LATER:    break;
    case GOFER_LUA_TRUTH:
        if (!lua_isboolean(L, value))
            gofer_lua_invalid(L, "%s must be true or false, not a %s", s->name,
                luaL_typename(L, value));
        *(int32_t *)place = lua_toboolean(L, value);
        break;
    case GOFER_LUA_RETRY: {     // how often, or the policy's text
        gofer_enqueue_options *opts = into;
        if (lua_type(L, value) == LUA_TSTRING)
            opts->retry = gofer_lua_text(L, value, s->name);
        else
            opts->max_retry = read_tries(L, value, s->name);
        break;
    }
    case GOFER_LUA_LIMIT: {
        int absent = lua_isboolean(L, value) && !lua_toboolean(L, value);
        int64_t ms = absent ? GOFER_NO_TIMEOUT : gofer_lua_duration_ms(L, value, s->name);
        if (ms == 0)
            gofer_lua_invalid(L, "%s is 0: use false for none", s->name);
        *(int64_t *)place = ms;
        break;
    }
    case GOFER_LUA_PAYLOAD: {
        gofer_lua_bytes *bytes = place;
        bytes->data = gofer_lua_payload(L, value, &bytes->size);
        break;
    }
    case GOFER_LUA_NESTED:
        gofer_enqueue_options_init(place);
        gofer_lua_read_table(L, value, gofer_lua_task_options, NULL, place);
        break;
    }
}

static const gofer_lua_setting *find(const gofer_lua_setting *settings, const char *name)
{
    for (; settings && settings->name; settings++)
        if (strcmp(settings->name, name) == 0)
            return settings;
    return NULL;
}

static int unknown(lua_State *L, const char *name, const gofer_lua_setting *settings,
    const gofer_lua_setting *more)
{
    char known[512] = "";
    for (size_t i = 0; i < 2; i++)
        for (const gofer_lua_setting *s = i ? settings : more; s && s->name; s++) {
            size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", s->name);
        }
    return gofer_lua_invalid(L, "unknown option '%.60s' (known: %s)", name, known);
}

void gofer_lua_read_table(lua_State *L, int index, const gofer_lua_setting *settings,
    const gofer_lua_setting *more, void *into)
{
    if (lua_type(L, index) != LUA_TTABLE)
        gofer_lua_invalid(L, "options must be a table, not a %s", luaL_typename(L, index));
    luaL_checkstack(L, 12, "options");
    for (lua_pushnil(L); lua_next(L, index);) {
        const char *name = lua_type(L, -2) == LUA_TSTRING ? lua_tostring(L, -2) : NULL;
        if (!name)
            gofer_lua_invalid(L, "options are named, and one has a %s for its name",
                luaL_typename(L, -2));
        const gofer_lua_setting *s = find(settings, name);
        if (!s)
            s = find(more, name);
        if (!s)
            unknown(L, name, settings, more);
        int before = lua_gettop(L);
        store(L, s, into);
        lua_rotate(L, before - 1, lua_gettop(L) - before);     // keep what was left below the key
        lua_pop(L, 1);
    }
}

void gofer_lua_client_options(lua_State *L, int index, gofer_client_options *opts)
{
    gofer_client_options_init(opts);
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, client_settings, NULL, opts);
}

void gofer_lua_enqueue_options(lua_State *L, int index, gofer_enqueue_options *opts)
{
    gofer_enqueue_options_init(opts);
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, gofer_lua_task_options, NULL, opts);
}

int gofer_lua_asks_effect(lua_State *L, int index)
{
    if (lua_type(L, index) != LUA_TTABLE)
        return 0;
    lua_pushliteral(L, "effect");
    int type = lua_rawget(L, index), asks = lua_toboolean(L, -1);
    lua_pop(L, 1);
    if (type != LUA_TNIL && type != LUA_TBOOLEAN)
        gofer_lua_invalid(L, "effect must be true or false, not a %s", lua_typename(L, type));
    return asks;
}

const char *gofer_lua_effect_word(int32_t effect)
{
    return effect == GOFER_EFFECT_REPLACED ? "replaced"
        : effect == GOFER_EFFECT_KEPT      ? "kept"
                                           : "created";
}

void gofer_lua_page_options(lua_State *L, int index, gofer_lua_page *page)
{
    *page = (gofer_lua_page){ NULL, 0 };
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, page_settings, NULL, page);
}

void gofer_lua_filter(lua_State *L, int index, gofer_filter *filter)
{
    gofer_filter_init(filter);
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, filter_settings, NULL, filter);
}

// Of one table: the settings of both go into one struct, by turns.
void gofer_lua_find_options(lua_State *L, int index, gofer_lua_finding *finding)
{
    static const gofer_lua_setting paging[] = {
        { "cursor", GOFER_LUA_TEXT,  offsetof(gofer_lua_finding, page.cursor), NULL },
        { "limit",  GOFER_LUA_COUNT, offsetof(gofer_lua_finding, page.limit), NULL },
        { NULL, GOFER_LUA_TEXT, 0, NULL },
    };
    // The filter is the first member, so that its settings fit the whole.
    _Static_assert(offsetof(gofer_lua_finding, filter) == 0, "the filter comes first");
    finding->page = (gofer_lua_page){ NULL, 0 };
    gofer_filter_init(&finding->filter);
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, filter_settings, paging, finding);
}

void gofer_lua_audit_options(lua_State *L, int index, gofer_lua_auditing *auditing)
{
    static const gofer_lua_setting settings[] = {
        { "actor",  GOFER_LUA_TEXT,  offsetof(gofer_lua_auditing, filter.actor), NULL },
        { "act",    GOFER_LUA_TEXT,  offsetof(gofer_lua_auditing, filter.act), NULL },
        { "since",  GOFER_LUA_TIME,  offsetof(gofer_lua_auditing, filter.since_ms), NULL },
        { "cursor", GOFER_LUA_TEXT,  offsetof(gofer_lua_auditing, page.cursor), NULL },
        { "limit",  GOFER_LUA_COUNT, offsetof(gofer_lua_auditing, page.limit), NULL },
        { NULL, GOFER_LUA_TEXT, 0, NULL },
    };
    auditing->page = (gofer_lua_page){ NULL, 0 };
    gofer_audit_filter_init(&auditing->filter);
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, settings, NULL, auditing);
}

void gofer_lua_wait_options(lua_State *L, int index, const char **queue, int64_t *timeout_ms)
{
    waiting w = { NULL, -1 };
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, wait_settings, NULL, &w);
    *queue = w.queue;
    *timeout_ms = w.timeout_ms;
}

void gofer_lua_cron_options(lua_State *L, int index, gofer_lua_ticks *ticks)
{
    *ticks = (gofer_lua_ticks){ NULL, 0, 0 };
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, cron_settings, NULL, ticks);
}

#define LIMIT(field) offsetof(gofer_limit_options, field)

void gofer_lua_limit_options(lua_State *L, int index, gofer_limit_options *opts)
{
    // as GOFER_OVER_..., GOFER_SCOPE_...
    static const char *const over[] = { "wait", "refuse", "cancel-oldest", NULL };
    static const char *const scope[] = { "store", "queue", NULL };
    static const gofer_lua_setting settings[] = {
        { "concurrency", GOFER_LUA_BYTES,    LIMIT(concurrency), NULL },
        { "rate",        GOFER_LUA_BYTES,    LIMIT(rate), NULL },
        { "per",         GOFER_LUA_DURATION, LIMIT(per_ms), NULL },
        { "burst",       GOFER_LUA_BYTES,    LIMIT(burst), NULL },
        { "over",        GOFER_LUA_WORD,     LIMIT(over), over },
        { "scope",       GOFER_LUA_WORD,     LIMIT(scope), scope },
        { NULL, GOFER_LUA_TEXT, 0, NULL },
    };
    gofer_limit_options_init(opts);
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, settings, NULL, opts);
}

void gofer_lua_keys_options(lua_State *L, int index, gofer_lua_keys *keys)
{
    static const gofer_lua_setting settings[] = {
        { "blocked", GOFER_LUA_TRUTH, offsetof(gofer_lua_keys, blocked), NULL },
        { "cursor",  GOFER_LUA_TEXT,  offsetof(gofer_lua_keys, page.cursor), NULL },
        { "limit",   GOFER_LUA_COUNT, offsetof(gofer_lua_keys, page.limit), NULL },
        { NULL, GOFER_LUA_TEXT, 0, NULL },
    };
    *keys = (gofer_lua_keys){ 0 };
    if (!lua_isnoneornil(L, index))
        gofer_lua_read_table(L, index, settings, NULL, keys);
}

int32_t gofer_lua_act(lua_State *L, int index)
{
    // as GOFER_ACT_...
    static const char *const acts[] = { "count", "run", "archive", "delete", "cancel", NULL };
    static const gofer_lua_setting act = { "action", GOFER_LUA_WORD, 0, acts };
    return read_word(L, index, &act);
}

const char *gofer_lua_set_value(lua_State *L, int index)
{
    return lua_isinteger(L, index) ? lua_tostring(L, index) : gofer_lua_text(L, index, "value");
}
