// redis_scripts_test.c - the server compiles every script, in all forms in which it is sent: with
// and without a line of flags, and with each way to ask for rights. Run by tests/redis/servers.py.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../conformance/fixture.h"
#include "../conformance/raw.h"
#include "broker/redis/net/script.h"
#include "redis_scripts.h"
#include "util/url.h"

static const struct {
    const char *name, *text;
} scripts[] = {
#define SCRIPT(name) { #name, gf_rd_lua_##name },
    GF_RD_SCRIPTS(SCRIPT)
#undef SCRIPT
};

// All that the script has, none, some.
static const char *const rights[] = { NULL, "", "GET SET" };

static bool is_compiled(gf_rd_net *net, const gf_rd_text *text)
{
    gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT, .repeatable = true };
    gf_rd_add(&cmd.args, "SCRIPT");
    gf_rd_add(&cmd.args, "LOAD");
    gf_rd_add_bytes(&cmd.args, text->text, text->size);
    bool fine = CHECK_OK(gf_rd_run(net, &cmd, 1, PATIENCE_MS)) &&
        CHECK_INT(cmd.reply->type, REDIS_REPLY_STRING) && CHECK_INT((int64_t)cmd.reply->len, 40);
    gf_rd_cmd_clear(&cmd);
    return fine;
}

static void try_rights(gf_rd_net *net, size_t number, gf_rd_form form)
{
    for (size_t i = 0; i < COUNT(rights); i++) {
        const gf_rd_script script = {
            .name = scripts[number].name, .text = scripts[number].text, .rights = rights[i],
        };
        gf_rd_texts texts = { { NULL } };
        gf_rd_text *text = gf_rd_text_of(&texts, &script, form);
        if (CHECK(text != NULL) && !is_compiled(net, text))
            printf("%s: %s\n", script.name, gofer_error_last());
        gf_rd_texts_clear(&texts);
    }
}

static void each_is_compiled_by_the_server(void)
{
    gf_url url;
    gf_rd_options options;
    gf_rd_net *net;
    REQUIRE_OK(gf_url_parse(&url, suite_url));
    REQUIRE_OK(gf_rd_options_parse(&options, &url));
    REQUIRE_OK(gf_rd_net_open(&net, &options, (gf_log){ 0 }, PATIENCE_MS));
    bool knows_flags = gf_rd_net_server(net).version >= 70000;
    for (size_t i = 0; i < COUNT(scripts); i++) {
        try_rights(net, i, GF_RD_ASKS);
        try_rights(net, i, GF_RD_TRIES);
        if (knows_flags)
            try_rights(net, i, GF_RD_FLAGGED);
    }
    gf_rd_net_close(net);
    gf_url_clear(&url);
}

// The question of rights finds a command by call(' before its name: in another form it is not seen.
static void each_calls_commands_as_they_are_found(void)
{
    for (size_t i = 0; i < COUNT(scripts); i++)
        if (!CHECK(!strstr(scripts[i].text, "call(\"")) ||
            !CHECK(!strstr(scripts[i].text, "call (")) ||
            !CHECK(!strstr(scripts[i].text, "call( ")) ||
            !CHECK(!strstr(scripts[i].text, "call(\n")))
            printf("%s\n", scripts[i].name);
}

static bool is_command(const char *name)
{
    const char *said = raw_text("COMMAND INFO %s", name);
    return said && strcmp(said, "(nil)") != 0 && *said;
}

// A command without a row in the table of net/script.c would be run without a question for the
// right to it.
static void each_command_has_its_question(void)
{
    char name[32];
    for (size_t i = 0; i < COUNT(scripts); i++)
        for (const char *at = scripts[i].text; (at = strchr(at, '\'')) != NULL;) {
            size_t size = strspn(++at, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
            if (size == 0 || size >= sizeof name || at[size] != '\'' ||
                gf_rd_command_words(at, size) >= 0)
                continue;
            snprintf(name, sizeof name, "%.*s", (int)size, at);
            if (!CHECK(!is_command(name)))
                printf("%s: %s\n", scripts[i].name, name);
        }
}

// A comment or an indentation would be sent to the server with each call.
static void each_is_bare(void)
{
    for (size_t i = 0; i < COUNT(scripts); i++) {
        const char *text = scripts[i].text;
        bool bare = *text != '\n' && *text != ' ' && strncmp(text, "--", 2) != 0 &&
            !strstr(text, "\n--") && !strstr(text, "\n ") && !strstr(text, "\n\n");
        if (!CHECK(bare) || !CHECK(text[strlen(text) - 1] == '\n'))
            printf("%s\n", scripts[i].name);
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(each_is_compiled_by_the_server),
        TEST(each_calls_commands_as_they_are_found),
        TEST(each_command_has_its_question),
        TEST(each_is_bare),
    };
    return raw_main(argc, argv, tests, COUNT(tests));
}
