// cmd_rekey.c - `gofer rekey`: what tasks have in the store gets the newest encryption key.
//
// In passes until one rewrites nothing: what is taken, retried or edited meanwhile is found by the
// next. Each task is a step of its own, and workers go on.
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "json.h"

enum { PASSES = 5, CURSOR_ROOM = 1024 };

typedef struct sums {
    int64_t rewritten, current, plain, left, entries;
    char    reason[400];
} sums;

typedef struct rekey_args {
    int unused;
} rekey_args;

static const cli_option options[] = { CLI_OPTIONS_END };

static void add(sums *s, const gofer_info *page)
{
    const char *reason = gofer_info_text(page, "reason");
    s->rewritten = cli_sum(s->rewritten, gofer_info_int(page, "rewritten", 0));
    s->current = cli_sum(s->current, gofer_info_int(page, "current", 0));
    s->plain = cli_sum(s->plain, gofer_info_int(page, "plain", 0));
    s->left = cli_sum(s->left, gofer_info_int(page, "left", 0));
    s->entries = cli_sum(s->entries, gofer_info_int(page, "entries", 0));
    if (reason && !*s->reason)
        snprintf(s->reason, sizeof s->reason, "%s", reason);
}

static gofer_status pass(gofer_client *client, const char *queue, sums *s)
{
    char cursor[CURSOR_ROOM] = "";
    gofer_status st;
    do {
        gofer_info *page;
        st = gofer_client_rekey(client, queue, cursor, &page);
        if (st != GOFER_OK)
            return st;
        const char *next = gofer_info_text(page, "next_cursor");
        add(s, page);
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        gofer_info_free(page);
    } while (*cursor);
    return st;
}

// Those that run keep the key they came with; 0 also of a queue without tasks.
static int64_t active_now(gofer_client *client, const char *queue)
{
    gofer_info *info;
    if (gofer_client_queue(client, queue, &info) != GOFER_OK)
        return 0;
    int64_t active = gofer_info_int(info, "active", 0);
    gofer_info_free(info);
    return active;
}

static void print_sums(const cli *c, const char *queue, const sums *s, int64_t active)
{
    if (c->global.json) {
        fputs("{\"queue\":", stdout);
        json_put_text(stdout, queue);
        printf(",\"rewritten\":%" PRId64 ",\"current\":%" PRId64 ",\"plain\":%" PRId64
               ",\"left\":%" PRId64 ",\"entries\":%" PRId64 ",\"active\":%" PRId64,
            s->rewritten, s->current, s->plain, s->left, s->entries, active);
        if (*s->reason) {
            fputs(",\"reason\":", stdout);
            json_put_text(stdout, s->reason);
        }
        puts("}");
    } else if (!c->global.quiet) {
        printf("%" PRId64 " tasks have the first key now, %" PRId64 " had it before, %" PRId64
               " are not encrypted, %" PRId64 " were left\n",
            s->rewritten, s->current, s->plain, s->left);
        if (s->entries)
            printf("%" PRId64 " cron entries have it now\n", s->entries);
    }
    if (s->left)
        cli_note(c, "%s", s->reason);
    if (active)
        cli_note(c, "%" PRId64 " tasks are active: run it again when they have ended", active);
}

static int run(cli *c, const void *user)
{
    (void)user;
    gofer_client *client = NULL;
    const char *queue = c->words[0];
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    sums all = { 0 };
    gofer_status st = GOFER_OK;
    int64_t rewritten = 0, entries = 0;
    for (int i = 0, more = 1; i < PASSES && more && st == GOFER_OK; i++) {
        sums one = { 0 };
        st = pass(client, queue, &one);
        more = one.rewritten > 0 || one.entries > 0;
        rewritten = cli_sum(rewritten, one.rewritten);
        entries = cli_sum(entries, one.entries);
        if (i > 0)
            one.current = all.current;     // those of the first pass are among them now
        all = one;
    }
    all.rewritten = rewritten;
    all.entries = entries;
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    else {
        print_sums(c, queue, &all, active_now(client, queue));
        code = all.left ? CLI_FAILED : CLI_OK;
    }
    gofer_client_close(client);
    return code;
}

const cli_command cmd_rekey = {
    .name = "rekey",
    .summary = "encrypt what a queue's tasks have with the first key",
    .usage = "QUEUE",
    .about =
        "Payloads, results and checkpoints of tasks that do not run, completed and archived ones "
        "too, and payloads of the queue's cron entries are written anew where they are encrypted "
        "with another key than the first: in small steps, while producers and workers go on, and "
        "killed at any moment it can be run again. Not touched are tasks that run (it says how "
        "many), steps of flows that wait for others and results that flows keep: keep the old key "
        "until they are gone. Error texts, log lines, headers and the history are never "
        "encrypted. Exit code 1 if some were left, with the reason of the first.",
    .examples = "gofer rekey mail --keys /etc/gofer/keys",
    .args_size = sizeof(rekey_args),
    .options = options,
    .words_min = 1,
    .words_max = 1,
    .run = run,
};
