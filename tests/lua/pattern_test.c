// pattern_test.c - gofer's own string functions give what the stock ones give.
//
// Two tables of functions are called with the same arguments in one plain Lua state: the stock
// library's and ours. A table of chosen cases, then random ones. Ours refuses a malformed pattern
// that the stock one would only have stumbled over, so a refusal by ours alone
// is accepted for those.
#include <lualib.h>

#include "text_library.h"
#include "tables.h"
#include "unit/check.h"

static lua_State *L;

static const char prelude[] =
    "local function show(ok, ...)\n"
    "  local out = {tostring(ok)}\n"
    "  for i = 1, select('#', ...) do out[#out + 1] = math.type((select(i, ...))) or "
    "type((select(i, ...)))\n"
    "    out[#out + 1] = (string.format('%q', tostring((select(i, ...))))) end\n"
    "  return table.concat(out, ' ')\n"
    "end\n"
    "local function all(lib, s, p)\n"      // every iteration of gmatch as one text
    "  local out = {}\n"
    "  for a, b in lib.gmatch(s, p) do out[#out + 1] = tostring(a) .. ',' .. tostring(b) end\n"
    "  return table.concat(out, ';')\n"
    "end\n"
    "local calls = {\n"
    "  find = function(lib, s, p) return lib.find(s, p) end,\n"
    "  find3 = function(lib, s, p) return lib.find(s, p, 3) end,\n"
    "  findm = function(lib, s, p) return lib.find(s, p, -2) end,\n"
    "  plain = function(lib, s, p) return lib.find(s, p, 1, true) end,\n"
    "  match = function(lib, s, p) return lib.match(s, p) end,\n"
    "  gmatch = function(lib, s, p) return all(lib, s, p) end,\n"
    "  gsub = function(lib, s, p) return lib.gsub(s, p, '<%0>') end,\n"
    "  gsub1 = function(lib, s, p) return lib.gsub(s, p, '%1%%', 2) end,\n"
    "  gsubt = function(lib, s, p) return lib.gsub(s, p, {a = 'A', ab = 1, [''] = false}) end,\n"
    "  gsubf = function(lib, s, p) return lib.gsub(s, p, function(x, y) return y or (x ~= 'b' and "
    "x) end) end,\n"
    "}\n"
    "function compare(s, p)\n"
    "  for name, call in pairs(calls) do\n"
    "    local want, got = show(pcall(call, string, s, p)), show(pcall(call, ours, s, p))\n"
    "    local refused = got:find('^false') and (got:find('malformed') or got:find('unfinished')\n"
    "      or got:find('invalid pattern capture') or got:find('invalid capture index') or "
    "got:find(\"missing '%['\"))\n"
    "    if not (want == got or (refused and name ~= 'plain') or (want:find('^false') and "
    "got:find('^false'))) then\n"
    "      error(string.format('%s(%q, %q): stock %s, ours %s', name, s, p, want, got), 0)\n"
    "    end\n"
    "  end\n"
    "end\n";

static void setup(void)
{
    L = luaL_newstate();
    REQUIRE(L != NULL);
    void *none = NULL;
    memcpy(lua_getextraspace(L), &none, sizeof none);   // no gf_lua_state: steps are not counted
    luaL_openlibs(L);
    luaL_newlibtable(L, ((luaL_Reg[16]){ { NULL, NULL } }));
    luaL_setfuncs(L, gf_lua_strings, 0);
    lua_setglobal(L, "ours");
    lua_newtable(L);
    luaL_setfuncs(L, gf_lua_tables, 0);
    lua_setglobal(L, "tables");
    if (!CHECK_INT(luaL_dostring(L, prelude), LUA_OK))
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
}

static void run(const char *code)
{
    if (luaL_dostring(L, code) != LUA_OK) {
        fprintf(stderr, "    %s\n", lua_tostring(L, -1));
        CHECK(!"the Lua code ran");
    }
    lua_settop(L, 0);
}

static void compare(const char *s, size_t size, const char *p, size_t length)
{
    lua_getglobal(L, "compare");
    lua_pushlstring(L, s, size);
    lua_pushlstring(L, p, length);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        fprintf(stderr, "    %s\n", lua_tostring(L, -1));
        CHECK(!"same result");
        lua_pop(L, 1);
    }
}

static void chosen_patterns_match_as_in_stock_lua(void)
{
    static const char *const subjects[] = {
        "",
        "a",
        "ab",
        "aaa",
        "hello world",
        "key = value",
        "  trim me  ",
        "THE (quick) fox",
        "a.b.c",
        "2026-11-23T18:00:00Z",
        "f(a(b)c)d",
        "[[x]]",
        "%d",
        "a\nb\tc",
        "x=1, y=22, z=333",
        "\xC3\xA9t\xC3\xA9",
        "abababab",
        "caf\xE9",
        "...",
        "^start$",
        "a-b-c",
        "]]",
        "aXbXc",
        "foo.bar:baz",
    };
    static const char *const patterns[] = {
        "",
        "a",
        "^a",
        "a$",
        "^$",
        "^a$",
        ".",
        ".*",
        ".-",
        ".+",
        "a*",
        "a+",
        "a-",
        "a?",
        "a?b",
        "(a)",
        "(a*)b",
        "()",
        "()a()",
        "((a)(b))",
        "(.)(.)",
        "(.)%1",
        "%a+",
        "%A",
        "%d+",
        "%d%d%d%d",
        "%s*$",
        "^%s*(.-)%s*$",
        "%w+",
        "%W",
        "(%w+)%s*=%s*(%w+)",
        "[abc]",
        "[^abc]",
        "[a-c]+",
        "[^a-c]+",
        "[%a]",
        "[%w_]+",
        "[]]",
        "[^]]",
        "[]-a]",
        "[a-]",
        "[-a]",
        "[%]]",
        "[%-x]",
        "[^%s]+",
        "%b()",
        "%b[]",
        "%bxx",
        "%f[%w]%w+",
        "%f[%a]",
        "%f[%z]",
        "%.",
        "%%d",
        "%p",
        "%u%l*",
        "%x+",
        "%c",
        "%g+",
        "a.-b",
        "a.-$",
        "^.-a",
        "(a.-)(b)",
        "(%d+)-(%d+)-(%d+)",
        "$",
        "a$b",
        "^^",
        "a^",
        "x*x*x*b",
        "(x?)(x?)",
        "*",
        "+a",
        "?",
        "-",
        "a**",
        "a+-",
        "(()())",
        "%a%s?%a",
        "[%d%p]",
        "[.]",
        "[*]",
        "[%%]",
        "[\xC0-\xFF]+",
        "%1",
        "(a)%2",
        "(",
        ")",
        "(a",
        "a)",
        "[",
        "[a",
        "[]",
        "[^",
        "%",
        "a%",
        "%b",
        "%bx",
        "%f",
        "%fa",
        "(%1)",
        "((a)%1)",
        "%z",
        "[^%z]",
    };
    for (size_t i = 0; i < COUNT(subjects); i++)
        for (size_t j = 0; j < COUNT(patterns); j++)
            compare(subjects[i], strlen(subjects[i]), patterns[j], strlen(patterns[j]));
    compare("a\0b\0c", 5, "%z", 2);
    compare("a\0b\0c", 5, "[^%z]+", 6);
    compare("a\0b\0c", 5, "b\0", 2);
    compare("a\0b\0c", 5, "b\0.", 3);
}

// Random patterns of pieces; a '%' as the end of a range is left out, the manual
// gives it no meaning.
static void random_patterns_match_as_in_stock_lua(void)
{
    static const char *const pieces[] = {
        "a",
        "b",
        "c",
        ".",
        "%a",
        "%d",
        "%s",
        "%w",
        "%.",
        "[ab]",
        "[^a]",
        "[a-c]",
        "[%d_]",
        "[^%s]",
        "(",
        ")",
        "()",
        "*",
        "+",
        "-",
        "?",
        "^",
        "$",
        "%1",
        "%2",
        "%b()",
        "%bab",
        "%f[a]",
        "%f[^a]",
        "[]b]",
        "x",
        "1",
        " ",
    };
    static const char letters[] = "aaabbc1 x().";
    unsigned seed = 12345;
    for (int i = 0; i < 20000 && check_failures() < 5; i++) {
        char p[64] = "", s[16];
        seed = seed * 1103515245 + 12345;
        unsigned count = 1 + (seed >> 16) % 6, length = 0;
        for (unsigned j = 0; j < count; j++) {
            seed = seed * 1103515245 + 12345;
            strcat(p, pieces[(seed >> 16) % COUNT(pieces)]);
        }
        seed = seed * 1103515245 + 12345;
        length = (seed >> 16) % 12;
        for (unsigned j = 0; j < length; j++) {
            seed = seed * 1103515245 + 12345;
            s[j] = letters[(seed >> 16) % (sizeof letters - 1)];
        }
        compare(s, length, p, strlen(p));
    }
}

static void rep_gives_what_stock_rep_gives(void)
{
    run("for _, s in ipairs{'', 'a', 'ab'} do for n = -1, 4 do for _, sep in ipairs{'', ',', '--'} "
        "do\n"
        "  assert(ours.rep(s, n, sep) == string.rep(s, n, sep)) end\n"
        "  assert(ours.rep(s, n) == string.rep(s, n)) end end\n"
        "assert(ours.rep('', math.maxinteger) == '')\n"
        "assert(not pcall(ours.rep, 'x', math.maxinteger))\n"
        "assert(not pcall(ours.rep, '', math.maxinteger, 'x'))\n");
}

static void table_functions_give_what_stock_ones_give(void)
{
    run("local function same(a, b) assert(#a == #b); for i = 1, #a do assert(a[i] == b[i], i) end "
        "end\n"
        "math.randomseed(7)\n"
        "for round = 1, 300 do\n"
        "  local a, b = {}, {}\n"
        "  for i = 1, math.random(0, 40) do a[i] = math.random(1, 30); b[i] = a[i] end\n"
        "  table.sort(a); tables.sort(b); same(a, b)\n"
        "  local down = function(x, y) return x > y end\n"
        "  table.sort(a, down); tables.sort(b, down); same(a, b)\n"
        "  assert(table.concat(a, ',') == tables.concat(b, ','))\n"
        "  for _ = 1, 5 do\n"
        "    local at = math.random(1, #a + 1); table.insert(a, at, round); tables.insert(b, at, "
        "round); same(a, b)\n"
        "    at = math.random(1, #a); assert(table.remove(a, at) == tables.remove(b, at)); "
        "same(a, b)\n"
        "  end\n"
        "  assert(table.remove(a) == tables.remove(b)); table.insert(a, 1); tables.insert(b, 1); "
        "same(a, b)\n"
        "  local f, e, t = math.random(1, 5), math.random(0, 9), math.random(1, 9)\n"
        "  same(table.move(a, f, e, t), tables.move(b, f, e, t))\n"
        "  same(table.move(a, f, e, t, {}), tables.move(b, f, e, t, {}))\n"
        "  local x, y = table.pack(table.unpack(a)), table.pack(tables.unpack(b)); assert(x.n == "
        "y.n); same(x, y)\n"
        "end\n"
        "local max, min = math.maxinteger, math.mininteger\n"
        "assert(select('#', tables.unpack({}, max, max)) == 1)\n"
        "assert(tables.concat({}, 'x', max, min) == '')\n"
        "assert(tables.concat({[max] = 'a'}, 'x', max, max) == 'a')\n"
        "for _, f in ipairs{function(l) l.unpack({}, 1, max) end, function(l) l.insert({}, 5, 1) "
        "end,\n"
        "    function(l) l.insert({}) end, function(l) l.remove({}, 7) end, function(l) "
        "l.concat({{}}) end,\n"
        "    function(l) l.move({}, min, max, 1) end, function(l) l.sort({1, 'x'}) end,\n"
        "    function(l) l.unpack({}, min, max) end, function(l) l.move({}, 1, max, 2) end} do\n"
        "  assert(not pcall(f, table)); assert(not pcall(f, tables))\n"
        "end\n"
        "tables.sort({3, 1, 2, 5, 4}, function() return true end)\n");
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(chosen_patterns_match_as_in_stock_lua),
        TEST(random_patterns_match_as_in_stock_lua),
        TEST(rep_gives_what_stock_rep_gives),
        TEST(table_functions_give_what_stock_ones_give),
    };
    setup();
    int status = check_main(argc, argv, tests, COUNT(tests));
    lua_close(L);
    return status;
}
