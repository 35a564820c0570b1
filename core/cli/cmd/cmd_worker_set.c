// cmd_worker_set.c - `gofer worker set`: change a live worker, wherever it runs.
//
// What is set goes through the store: the worker may run on another host.
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "pages.h"
#include "screen.h"

// Words without a value are states.
static const struct { const char *word, *state; } states[] = {
    { "quiet", "quiet" }, { "resume", "active" }, { "stop", "stop" },
};

// "concurrency=8" or "quiet" as the key and value of the library; the copy lives
// until the end. 0, or -1.
static int cut(cli *c, const char *word, const char **key, const char **value)
{
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (strcmp(states[i].word, word) == 0) {
            *key = "state";
            *value = states[i].state;
            return 0;
        }
    size_t size = strlen(word) + 1;
    char *copy = memcpy(cli_keep(c, cli_alloc(size)), word, size);
    char *equals = strchr(copy, '=');
    if (!equals)
        return -1;
    *equals = '\0';
    *key = copy;
    *value = equals + 1;
    return strcmp(copy, "concurrency") == 0 || strcmp(copy, "queues") == 0 ? 0 : -1;
}

typedef struct search {
    cli        *c;
    const char *begin;
    const char *found;          // kept until the end
    size_t      matches;
} search;

static bool match(const gofer_info *worker, void *user)
{
    search *s = user;
    const char *id = gofer_info_text(worker, "worker");
    if (!id || strncmp(id, s->begin, strlen(s->begin)) != 0)
        return true;
    size_t size = strlen(id) + 1;
    s->found = memcpy(cli_keep(s->c, cli_alloc(size)), id, size);
    s->matches++;
    return true;
}

// The beginning of an id is enough when only one worker's begins so. The copy lives until the end.
static int whole_id(cli *c, gofer_client *client, const char *given, const char **out)
{
    const page_list workers = { .ask = pages_workers, .limit = 1000 };
    search s = { .c = c, .begin = given, .found = given };
    gofer_status st = pages_items(client, &workers, match, &s);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    if (s.matches > 1)
        return cli_fail(c, CLI_CONFLICT, "worker set: the ids of %zu workers begin with '%.64s'",
            s.matches, given);
    *out = s.found;
    return CLI_OK;
}

static void note(const cli *c, gofer_client *client, const char *id, const char *word,
    gofer_status st)
{
    char target[AUDIT_TARGET_ROOM];
    snprintf(target, sizeof target, "%s %s", id, word);
    cli_audit(c, client, &(audit_note){ .act = "worker.set", .target = target, .status = st,
        .count = st == GOFER_OK });
}

static int set_one(cli *c, gofer_client *client, const char *id, const char *word)
{
    const char *key, *value;
    (void)cut(c, word, &key, &value);       // was checked
    gofer_status st = gofer_client_worker_set(client, id, key, value);
    if (st != GOFER_OK) {
        int code = cli_fail_status(c, st, NULL);
        note(c, client, id, word, st);
        return code;
    }
    if (c->global.json) {
        fputs("{\"worker\":", stdout);
        json_put_text(stdout, id);
        fputs(",\"key\":", stdout);
        json_put_text(stdout, key);
        fputs(",\"value\":", stdout);
        json_put_text(stdout, value);
        puts("}");
    } else if (!c->global.quiet) {
        char *safe = screen_escape(word, strlen(word), SCREEN_ONE_LINE);
        char *safe_id = screen_escape(id, strlen(id), SCREEN_ONE_LINE);
        printf("told worker %s: %s\n", safe_id, safe);
        free(safe_id);
        free(safe);
    }
    note(c, client, id, word, st);
    return CLI_OK;
}

static int run(cli *c, const void *args)
{
    const char *key, *value, *id = c->words[0];
    (void)args;
    for (size_t i = 1; i < c->word_count; i++)
        if (cut(c, c->words[i], &key, &value) != 0)
            return cli_fail(c, CLI_USAGE,
                "worker set: '%s' is none of concurrency=N, queues=LIST, quiet, resume and stop",
                c->words[i]);
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code == CLI_OK)
        code = whole_id(c, client, c->words[0], &id);
    for (size_t i = 1; i < c->word_count && code == CLI_OK; i++)
        code = set_one(c, client, id, c->words[i]);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_worker_set = {
    .name = "worker set",
    .summary = "change a live worker, wherever it runs",
    .usage = "ID SETTING...",
    .about =
        "ID may be the beginning of one. The worker heeds within a second or, if it is out of "
        "touch, once it is back. Settings:\n"
        " concurrency=N  run so many tasks at a time, beside those of children\n"
        " queues=LIST    serve these queues, such as 'mail=3 low report:*', in place of those "
        "before\n"
        " quiet          take nothing more, but go on running what was taken\n"
        " resume         take tasks again\n"
        " stop           stop, as TERM does\n"
        "Workers of Go programs cannot be changed.",
    .examples = "gofer worker set 0193a7c2 concurrency=8\n"
        "gofer worker set 0193a7c2 'queues=mail=3 low' resume",
    .words_min = 2,
    .words_max = -1,
    .run = run,
};
