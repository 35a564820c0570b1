// bulk.c - one action on all tasks that match: count, ask, do, report.
//
// The library walks the store and calls back on this thread. Standard output has the result alone:
// the question and the progress line go to standard error, and only where a person sits in front of
// it.
#include "bulk.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "screen.h"

const bulk_action bulk_run = { "run", "made pending", GOFER_ACT_RUN,
    "scheduled|retry|archived|aggregating", "task.run", "tasks.run" };
const bulk_action bulk_archive = { "archive", "archived", GOFER_ACT_ARCHIVE,
    "pending|scheduled|retry|aggregating", "task.archive", "tasks.archive" };
const bulk_action bulk_delete = { "rm", "deleted", GOFER_ACT_DELETE,
    "pending|scheduled|retry|completed|archived|aggregating", "task.delete", "tasks.delete" };
const bulk_action bulk_cancel = { "cancel", "cancelled", GOFER_ACT_CANCEL,
    "pending|scheduled|active|retry|aggregating", "task.cancel", "tasks.cancel" };

enum {
    PROGRESS_EVERY_MS = 200,
    REDIS_ARCHIVE_MAX = 9999       // of a queue, as in Asynq: beyond that the oldest are deleted
};

// ---- Counting, doing: with a line that is written over on a terminal

typedef struct progress {
    const bulk_action *how;
    int                on_terminal;
    int                shown;
    int64_t            at_ms;
} progress;

static int32_t on_progress(void *user, int64_t looked, int64_t done)
{
    progress *p = user;
    int64_t now_ms = cli_now_ms();
    if (p->on_terminal && now_ms - p->at_ms >= PROGRESS_EVERY_MS) {
        fprintf(stderr, "\r%" PRId64 " looked at, %" PRId64 " %s ", looked, done,
            p->how ? p->how->done : "match");
        fflush(stderr);
        p->at_ms = now_ms;
        p->shown = 1;
    }
    return 0;
}

static void clear_line(progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = 0;
}

static int can_show_progress(const cli *c)
{
    return !c->global.quiet && !c->global.json && isatty(STDERR_FILENO);
}

typedef struct doing {
    const cli         *c;
    gofer_client      *client;
    const bulk_action *how;
    bulk               what;
} doing;

static gofer_status act_on(const doing *d, int32_t act, const char *state, int64_t *done)
{
    progress p = { .how = act == GOFER_ACT_COUNT ? NULL : d->how,
        .on_terminal = can_show_progress(d->c),
        .at_ms = cli_now_ms() };
    gofer_status st = gofer_client_act(d->client, act, d->what.queue, state, d->what.filter,
        on_progress, &p, done);
    clear_line(&p);
    return st;
}

// How many it would be, in the states that allow it.
static gofer_status count(const doing *d, int64_t *out)
{
    char copy[96], *rest = copy;
    *out = 0;
    if (d->what.state)
        return act_on(d, GOFER_ACT_COUNT, d->what.state, out);
    snprintf(copy, sizeof copy, "%s", d->how->states);
    for (char *state; (state = strsep(&rest, "|"));) {
        int64_t some = 0;
        gofer_status st = act_on(d, GOFER_ACT_COUNT, state, &some);
        *out += some;
        if (st != GOFER_OK)
            return st;
    }
    return GOFER_OK;
}

// ---- The archive's limit

enum { QUEUES_AT_ONCE = 1000 };

// Adds those of the queues of a page to *out.
static gofer_status count_on_page(const doing *d, const gofer_info *queues, int64_t *out)
{
    static const char *const waiting[] = { "pending", "scheduled", "retry", "aggregating" };
    gofer_status st = GOFER_OK;
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(queues); i++) {
        const gofer_info *queue = gofer_info_at(queues, i);
        const char *name = gofer_info_text(queue, "queue");
        int64_t archived = gofer_info_int(queue, "archived", 0), most = archived, come = 0;
        for (size_t k = 0; k < sizeof waiting / sizeof *waiting; k++)
            most += gofer_info_int(queue, waiting[k], 0);
        if (!name || most <= REDIS_ARCHIVE_MAX)
            continue;
        doing one = *d;
        one.what.queue = name;
        st = count(&one, &come);
        if (archived + come > REDIS_ARCHIVE_MAX && come > 0)
            *out += archived + come - REDIS_ARCHIVE_MAX;
    }
    return st;
}

// How many archived tasks would be deleted for those that come. Counted only where that can be.
static gofer_status count_deleted(const doing *d, int64_t *out)
{
    const char *url = d->c->global.url ? d->c->global.url : getenv("GOFER_URL");
    gofer_info *page = NULL;
    gofer_status st = GOFER_OK;
    *out = 0;
    if (d->how->act != GOFER_ACT_ARCHIVE || !url || strncmp(url, "redis", 5) != 0)
        return GOFER_OK;
    for (int more = 1; more && st == GOFER_OK;) {
        gofer_info *before = page;
        const char *cursor = before ? gofer_info_text(before, "next_cursor") : NULL;
        page = NULL;
        st = gofer_client_queues_page(d->client, d->what.queue, cursor, QUEUES_AT_ONCE, &page);
        gofer_info_free(before);
        if (st == GOFER_OK)
            st = count_on_page(d, page, out);
        more = page && gofer_info_has(page, "next_cursor");
    }
    gofer_info_free(page);
    return st;
}

static void warn_deleted(const doing *d, int64_t deleted)
{
    cli_note(d->c,
        "%s: Redis keeps the latest 9,999 archived tasks of a queue: %" PRId64 " would be deleted",
        d->how->name, deleted);
}

// ---- Asking

static int is_interactive(const cli *c)
{
    return !c->global.json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

static const char *in_state(const bulk *what)
{
    return what->state ? what->state : "matching";
}

static int confirmed(const bulk_action *how, const bulk *what, int64_t wanted)
{
    char answer[16] = "";
    fprintf(stderr, "%s %" PRId64 " %s task%s? [y/N] ",
        how->act == GOFER_ACT_DELETE ? "delete" : how->name, wanted, in_state(what),
        wanted == 1 ? "" : "s");
    fflush(stderr);
    return fgets(answer, sizeof answer, stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

// ---- Reporting

static void report(const cli *c, const bulk_action *how, const bulk *what, int64_t total)
{
    if (c->global.json) {
        printf("{\"action\":\"%s\",\"queue\":", how->name);
        json_put_text(stdout, what->queue);
        fputs(",\"state\":", stdout);
        json_put_text(stdout, what->state);
        printf(",\"dry_run\":%s,\"count\":%" PRId64 "}\n", what->dry_run ? "true" : "false", total);
    } else if (!c->global.quiet) {
        printf("%s%s %" PRId64 " %s task%s\n", what->dry_run ? "would have " : "", how->done, total,
            in_state(what), total == 1 ? "" : "s");
    }
}

// ---- Noting: that it has begun, for it may be killed on the way, and how it ended

static void note(const doing *d, const char *outcome, gofer_status st, int64_t count)
{
    char target[AUDIT_TARGET_ROOM];
    audit_filter_text(target, d->what.state, d->what.filter);
    cli_audit(d->c, d->client, &(audit_note){ .act = d->how->audit_all, .queue = d->what.queue,
        .target = target, .outcome = outcome, .status = st, .count = count });
}

int bulk_act(cli *c, gofer_client *client, const bulk_action *how, const bulk *what)
{
    doing d = { .c = c, .client = client, .how = how, .what = *what };
    int64_t total = 0, deleted = 0;
    gofer_status st = count_deleted(&d, &deleted);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    if (deleted)
        warn_deleted(&d, deleted);
    if (deleted && !what->dry_run && !what->yes && !is_interactive(c))
        return cli_fail(c, CLI_CONFLICT, "%s: nothing was done: say --yes if they may be deleted",
            how->name);
    if (what->dry_run) {
        st = count(&d, &total);
    } else {
        if (!what->yes && is_interactive(c)) {
            st = count(&d, &total);
            if (st != GOFER_OK)
                return cli_fail_status(c, st, NULL);
            if (total && !confirmed(how, what, total)) {
                cli_note(c, "nothing was done");
                return CLI_FAILED;
            }
        }
        note(&d, "begun", GOFER_OK, 0);
        st = act_on(&d, how->act, what->state, &total);
    }
    int code = CLI_OK;
    if (st == GOFER_OK)
        report(c, how, what, total);
    else
        code = cli_fail_status(c, st, NULL);
    if (st != GOFER_OK && total && !what->dry_run)
        cli_note(c, "%s %" PRId64 " tasks before that", how->done, total);
    if (!what->dry_run)
        note(&d, NULL, st, total);
    return code;
}
