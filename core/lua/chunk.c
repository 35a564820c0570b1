// chunk.c - the text of a file, a module or of `load`, made a function.
//
// Uses the Lua API and registry.h. Bytecode is refused: it can be made to break out of any sandbox.
#include "chunk.h"

#include <string.h>

#include "registry.h"

void gf_lua_blank_first_line(char *text, size_t size)
{
    static const char mark[] = "\xEF\xBB\xBF";
    size_t at = 0;
    if (size >= 3 && memcmp(text, mark, 3) == 0)
        memset(text, ' ', at = 3);
    if (at < size && text[at] == '#')
        for (; at < size && text[at] != '\n'; at++)
            text[at] = ' ';
}

int gf_lua_compile(lua_State *L, const char *text, size_t size, const char *name, bool share)
{
    if (size > 0 && text[0] == LUA_SIGNATURE[0]) {
        lua_pushfstring(L, "%s: compiled Lua (bytecode) is refused: give the source",
            *name == '@' ? name + 1 : name);
        return -1;
    }
    if (luaL_loadbufferx(L, text, size, name, "t") != LUA_OK)
        return -1;
    // Every chunk's first upvalue is _ENV. Joined to the file's, it follows when that is replaced.
    if (share) {
        if (lua_getfield(L, LUA_REGISTRYINDEX, GF_LUA_CHUNK) == LUA_TFUNCTION)
            lua_upvaluejoin(L, -2, 1, -1, 1);
        lua_pop(L, 1);
    }
    return 0;
}
