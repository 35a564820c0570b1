// act.c - one action on each word of the command line; every word has its own fate.
//
// Every word is tried, whatever became of those before it; the exit code is the first failure's.
// With --json the answers are one document, also when some failed.
#include "cli.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "screen.h"

static void print_json(const char *key, const char *word, const char *done, gofer_status st,
    int first)
{
    printf("%s{\"%s\":", first ? "" : ",", key);
    json_put_text(stdout, word);
    if (st == GOFER_OK) {
        fputs(",\"done\":", stdout);
        json_put_text(stdout, done);
    } else {
        fputs(",\"error\":", stdout);
        json_put_text(stdout, gofer_status_name(st));
        fputs(",\"message\":", stdout);
        json_put_text(stdout, gofer_error_last());
    }
    fputs("}", stdout);
}

static void note(const cli *c, gofer_client *client, const cli_word_act *how, const char *word,
    gofer_status st)
{
    int is_queue = strcmp(how->key, "queue") == 0;
    cli_audit(c, client, &(audit_note){ .act = how->act, .queue = is_queue ? word : how->queue,
        .target = word, .status = st, .count = st == GOFER_OK });
}

int cli_act_on_words(cli *c, gofer_client *client, const cli_word_act *how, const void *user)
{
    int code = CLI_OK;
    if (c->global.json)
        fputs("{\"items\":[", stdout);
    for (size_t i = 0; i < c->word_count; i++) {
        gofer_status st = how->one(client, c->words[i], user);
        if (c->global.json) {
            print_json(how->key, c->words[i], how->done, st, i == 0);
        } else if (st == GOFER_OK && !c->global.quiet) {
            char *safe = screen_escape(c->words[i], strlen(c->words[i]), SCREEN_ONE_LINE);
            printf("%s %s\n", how->done, safe);
            free(safe);
        }
        if (st != GOFER_OK) {
            int failed = cli_fail_status(c, st, NULL);
            code = code == CLI_OK ? failed : code;
        }
        note(c, client, how, c->words[i], st);
    }
    if (c->global.json)
        puts("]}");
    return code;
}

int cli_open_and_act(cli *c, const cli_word_act *how, const void *user)
{
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code == CLI_OK)
        code = cli_act_on_words(c, client, how, user);
    gofer_client_close(client);
    return code;
}
