// cmd_version.c - `gofer version`: of the binary and of the library it runs on.
//
// The two differ where the shared library was replaced. Needs no broker.
#include "cli.h"

static int run(cli *c, const void *args)
{
    (void)args;
#ifdef GOFER_HAVE_LUA
    const char *const lua = "with Lua", *const lua_json = "true";
#else
    const char *const lua = "without Lua", *const lua_json = "false";
#endif
#ifdef GOFER_HAVE_TOP
    const char *const top = "with top", *const top_json = "true";
#else
    const char *const top = "without top", *const top_json = "false";
#endif
    if (c->global.json)
        printf("{\"version\":\"%d.%d.%d\",\"library\":\"%s\",\"plugin_abi\":%d,\"lua\":%s,\"top\":%"
               "s}\n",
            GOFER_VERSION_MAJOR, GOFER_VERSION_MINOR, GOFER_VERSION_PATCH, gofer_version_text(),
            GOFER_PLUGIN_ABI, lua_json, top_json);
    else
        printf("gofer %d.%d.%d (library %s, plugin ABI %d, %s, %s)\n", GOFER_VERSION_MAJOR,
            GOFER_VERSION_MINOR, GOFER_VERSION_PATCH, gofer_version_text(), GOFER_PLUGIN_ABI, lua,
            top);
    return CLI_OK;
}

const cli_command cmd_version = {
    .name = "version",
    .summary = "print the version",
    .usage = "",
    .examples = "gofer version --json",
    .run = run,
};
