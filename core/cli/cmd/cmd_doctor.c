// cmd_doctor.c - `gofer doctor`: what may be wrong with a store, and mending it.
//
// Findings come from the store's own check. The exit code says whether something is left to be
// done, so that a monitor can call it.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "queue_table.h"
#include "screen.h"

typedef struct doctor_args {
    int repair;
} doctor_args;

static const cli_option options[] = {
    { "repair", 0, CLI_FLAG, offsetof(doctor_args, repair), NULL,
      "mend what can be mended without risk", 0, 0 },
    CLI_OPTIONS_END
};

static void put_part(const char *text, int indent)
{
    char *safe = screen_escape(text, strlen(text), SCREEN_ONE_LINE);
    printf("%*s", indent, "");
    cli_wrap(stdout, safe, indent, indent);
    free(safe);
}

static void put_head(const cli *c, const gofer_info *f)
{
    const char *severity = gofer_info_text(f, "severity"), *queue = gofer_info_text(f, "queue");
    int64_t count = gofer_info_int(f, "count", 0), repaired = gofer_info_int(f, "repaired", 0);
    screen_style style = strcmp(severity, "error") == 0 ? STYLE_BAD
        : strcmp(severity, "warning") == 0              ? STYLE_WARN
                                                        : STYLE_DIM;
    screen_put(stdout, c->color, style, severity);
    printf("  %s", gofer_info_text(f, "code"));
    if (queue) {
        char *safe = screen_escape(queue, strlen(queue), SCREEN_ONE_LINE);
        printf(", queue %s", safe);
        free(safe);
    }
    if (count > 1)
        printf(", %" PRId64 " of them", count);
    if (repaired)
        printf(", %s", repaired == count ? "mended" : "mended in part");
    if (repaired && repaired != count)
        printf(" (%" PRId64 ")", repaired);
    putchar('\n');
}

static void put_finding(const cli *c, const gofer_info *f)
{
    char examples[512];
    put_head(c, f);
    put_part(gofer_info_text(f, "text"), 4);
    if (gofer_info_has(f, "examples")) {
        snprintf(examples, sizeof examples, "such as: %s", gofer_info_text(f, "examples"));
        put_part(examples, 4);
    }
    if (gofer_info_int(f, "repaired", 0) < gofer_info_int(f, "count", 0))
        put_part(gofer_info_text(f, "advice"), 4);
}

static int needs_attention(const gofer_info *f)
{
    return strcmp(gofer_info_text(f, "severity"), "note") != 0 &&
           gofer_info_int(f, "repaired", 0) < gofer_info_int(f, "count", 0);
}

// Findings whose word ends so say what could not be looked at: "config-unseen".
static int is_unseen(const gofer_info *f)
{
    static const char end[] = "-unseen";
    const char *code = gofer_info_text(f, "code");
    size_t size = strlen(code);
    return size >= sizeof end - 1 && strcmp(code + size - (sizeof end - 1), end) == 0;
}

// whole: it could look everywhere. If it could not, the findings are printed all the same, but
// not that all is well.
static int show(cli *c, const gofer_info *found, int whole)
{
    size_t open = 0, unseen = 0, count = gofer_info_count(found);
    for (size_t i = 0; i < count; i++) {
        open += (size_t)needs_attention(gofer_info_at(found, i));
        unseen += (size_t)is_unseen(gofer_info_at(found, i));
    }
    if (c->global.json) {
        char *json;
        gofer_status st = gofer_info_json(found, &json);
        if (st != GOFER_OK)
            return cli_fail_status(c, st, NULL);
        puts(json);
        gofer_free(json);
        return open ? CLI_FAILED : CLI_OK;
    }
    for (size_t i = 0; i < count; i++)
        if (!c->global.quiet || needs_attention(gofer_info_at(found, i)))
            put_finding(c, gofer_info_at(found, i));
    if (open)
        cli_note(c, "%zu finding%s need%s attention", open, open == 1 ? "" : "s",
            open == 1 ? "s" : "");
    else if (!whole || unseen)
        cli_note(c, "nothing of what was looked at needs attention");
    else
        cli_note(c, "all is well");
    return open ? CLI_FAILED : CLI_OK;
}

// No fault of the store's, and so no finding: whether a worker should be there,
// only its owner knows.
static void note_unserved(const cli *c, gofer_client *client)
{
    if (!c->global.quiet && !c->global.json)    // else it would not be printed
        queue_note_unserved(c, client);
}

static void note_repair(const cli *c, gofer_client *client, const gofer_info *found,
    gofer_status st, const char *why)
{
    int64_t repaired = 0;
    for (size_t i = 0; i < gofer_info_count(found); i++)
        repaired = cli_sum(repaired, gofer_info_int(gofer_info_at(found, i), "repaired", 0));
    cli_audit(c, client, &(audit_note){ .act = "store.repair", .status = st, .why = why,
        .count = repaired });
}

static int run(cli *c, const void *args)
{
    const doctor_args *a = args;
    gofer_client *client = NULL;
    gofer_info *found = NULL;
    if (c->word_count)
        c->global.url = c->words[0];
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_check(client, a->repair, &found);
    char why[1024];
    snprintf(why, sizeof why, "%s",
        *gofer_error_last() ? gofer_error_last() : gofer_status_text(st));
    if (st == GOFER_OK || found)
        code = show(c, found, st == GOFER_OK);
    if (st != GOFER_OK)
        code = cli_fail_because(c, st, why);
    else
        note_unserved(c, client);
    if (a->repair)
        note_repair(c, client, found, st, why);
    gofer_info_free(found);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_doctor = {
    .name = "doctor",
    .summary = "look for what is wrong with a broker, and mend it",
    .usage = "[URL]",
    .about =
        "On Redis: version, persistence, memory, replication, clock, rights and scripts; then "
        "every queue, so that each task stands in one list, as its hash says, and can be read; "
        "leases, groups, locks, counters. On SQLite: the file's integrity, permissions, room and "
        "log; the tables against each other. Running work is not disturbed and is no finding.\n"
        "Each finding has a word that stays the same (code), says what it means and what to do. "
        "Exit code 0: all is well, or was mended; notes need nothing. 1: something needs "
        "attention. Others: it could not look everywhere. Queues with pending tasks that no live "
        "worker serves are named after the findings; they do not change the exit code.\n"
        "With --repair each defect is tested again in the step that mends it. No payload is ever "
        "deleted: what nobody can run is set aside in the archive.",
    .examples = "gofer doctor\ngofer doctor redis://localhost/0 --repair\n"
        "# as a check in monitoring\ngofer doctor -q || mail -s 'gofer needs attention' ops",
    .options = options,
    .args_size = sizeof(doctor_args),
    .words_max = 1,
    .run = run,
};
