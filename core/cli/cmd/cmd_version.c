// cmd_version.c - `gofer version`: of the binary and of the library it runs on.
//
// The two differ where the shared library was replaced. Needs no broker.
#include "cli.h"

// What a build may leave out.
static const struct { const char *name, *key; int there; } parts[] = {
#ifdef GOFER_HAVE_LUA
    { "Lua", "lua", 1 },
#else
    { "Lua", "lua", 0 },
#endif
#ifdef GOFER_HAVE_TOP
    { "top", "top", 1 },
#else
    { "top", "top", 0 },
#endif
#ifdef GOFER_HAVE_WEB
    { "web", "web", 1 },
#else
    { "web", "web", 0 },
#endif
#ifdef GOFER_HAVE_OTLP
    { "OTLP", "otlp", 1 },
#else
    { "OTLP", "otlp", 0 },
#endif
#ifdef GOFER_HAVE_WEBHOOKS
    { "webhooks", "webhooks", 1 },
#else
    { "webhooks", "webhooks", 0 },
#endif
};
enum { PARTS = sizeof parts / sizeof *parts };

static void print_json(void)
{
    printf("{\"version\":\"%d.%d.%d\",\"library\":\"%s\",\"plugin_abi\":%d", GOFER_VERSION_MAJOR,
        GOFER_VERSION_MINOR, GOFER_VERSION_PATCH, gofer_version_text(), GOFER_PLUGIN_ABI);
    for (size_t i = 0; i < PARTS; i++)
        printf(",\"%s\":%s", parts[i].key, parts[i].there ? "true" : "false");
    printf("}\n");
}

static void print_text(void)
{
    printf("gofer %d.%d.%d (library %s, plugin ABI %d", GOFER_VERSION_MAJOR, GOFER_VERSION_MINOR,
        GOFER_VERSION_PATCH, gofer_version_text(), GOFER_PLUGIN_ABI);
    for (size_t i = 0; i < PARTS; i++)
        printf(", %s %s", parts[i].there ? "with" : "without", parts[i].name);
    printf(")\n");
}

static int run(cli *c, const void *args)
{
    (void)args;
    if (c->global.json)
        print_json();
    else
        print_text();
    return CLI_OK;
}

const cli_command cmd_version = {
    .name = "version",
    .summary = "print the version",
    .usage = "",
    .examples = "gofer version --json",
    .run = run,
};
