// cmd_migrate.c - `gofer migrate`: tasks from one broker to another.
//
// Queues are done one after the other: paused in both brokers, moved in passes until a pass moves
// nothing, unpaused. Interrupted, it can be run again: what has arrived is recognised by its id.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "json.h"
#include "pages.h"
#include "screen.h"

enum { PROGRESS_MS = 2000, WAIT_MS = 500, PAGE = 1000 };

typedef struct migrate_args {
    cli_list queues;
    int      copy, dry_run, wait, unpause;
} migrate_args;

static const cli_option options[] = {
    { "queue", 0, CLI_LIST, offsetof(migrate_args, queues), "NAME",
      "only this queue; may be repeated", 0, 0 },
    { "copy", 0, CLI_FLAG, offsetof(migrate_args, copy), NULL,
      "delete nothing in FROM, and do not pause it", 0, 0 },
    { "wait", 0, CLI_FLAG, offsetof(migrate_args, wait), NULL,
      "wait until no task is active, and move what they leave", 0, 0 },
    { "unpause", 0, CLI_FLAG, offsetof(migrate_args, unpause), NULL,
      "at the end unpause the queues, though they were paused before", 0, 0 },
    { "dry-run", 0, CLI_FLAG, offsetof(migrate_args, dry_run), NULL, "only count", 0, 0 },
    CLI_OPTIONS_END
};

// One queue on its way.
typedef struct trip {
    cli                *c;
    const migrate_args *args;
    gofer_client       *from, *to;
    const char         *queue;
    int64_t             moved, repeated, bytes, waiting;
    int64_t             left;              // of the latest pass
    int64_t             active;
    char                reason[400];
    int64_t             shown_ms;
    int                 from_was_paused, to_was_paused;
    int64_t             max_length;        // of FROM's; 0: it is not bounded
    int64_t             age_ms;            // of FROM's; 0: priorities do not grow
    int                 encrypted_only;    // FROM refuses plain payloads
} trip;

typedef struct sums {
    int64_t moved, repeated, left, active, bytes;
} sums;

// ---- reading ------------------------------------------------------------------------------

static int64_t waiting_in(const gofer_info *queue)
{
    static const char *const states[] = { "pending", "scheduled", "retry", "completed", "archived",
        "aggregating" };
    int64_t sum = 0;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        sum = cli_sum(sum, gofer_info_int(queue, states[i], 0));
    return sum;
}

// The queue as it is in FROM; also what TO would not keep.
static int read_queue(trip *t)
{
    gofer_info *queue;
    gofer_status st = gofer_client_queue(t->from, t->queue, &queue);
    if (st != GOFER_OK)
        return cli_fail_status(t->c, st, NULL);
    t->waiting = waiting_in(queue);
    t->active = gofer_info_int(queue, "active", 0);
    t->from_was_paused = (int)gofer_info_int(queue, "paused", 0);
    t->max_length = gofer_info_int(queue, "max_length", 0);
    t->age_ms = gofer_info_int(queue, "age_ms", 0);
    t->encrypted_only = (int)gofer_info_int(queue, "encrypted_only", 0);
    if (gofer_info_int(queue, "archived", 0) > 9999 && strncmp(t->c->words[1], "redis", 5) == 0)
        cli_note(t->c,
            "%s: Redis keeps at most 9,999 archived tasks of a queue, for 90 days: older ones will "
            "go",
            t->queue);
    gofer_info_free(queue);
    st = gofer_client_queue(t->to, t->queue, &queue);
    if (st == GOFER_OK) {
        t->to_was_paused = (int)gofer_info_int(queue, "paused", 0);
        gofer_info_free(queue);
    }
    return st == GOFER_OK || st == GOFER_ENOTFOUND ? CLI_OK : cli_fail_status(t->c, st, NULL);
}

static int count_active(trip *t)
{
    gofer_info *queue;
    gofer_status st = gofer_client_queue(t->from, t->queue, &queue);
    if (st != GOFER_OK)
        return cli_fail_status(t->c, st, NULL);
    t->active = gofer_info_int(queue, "active", 0);
    gofer_info_free(queue);
    return CLI_OK;
}

// ---- moving -------------------------------------------------------------------------------

static void show_progress(trip *t, int64_t moved)
{
    int64_t now_ms = cli_now_ms();
    if (now_ms - t->shown_ms < PROGRESS_MS)
        return;
    t->shown_ms = now_ms;
    cli_note(t->c, "%s: %" PRId64 " of about %" PRId64, t->queue, moved, t->waiting);
}

// From the first task to the last. *moved: how many in this pass.
static gofer_status pass(trip *t, int64_t *moved)
{
    gofer_info *step = NULL, *before = NULL;
    const char *cursor = NULL;
    gofer_status st;
    *moved = 0;
    t->left = 0;
    *t->reason = '\0';
    do {
        st = gofer_client_migrate(t->from, t->to, t->queue, cursor,
            t->args->copy ? GOFER_MIGRATE_COPY : 0, &step);
        gofer_info_free(before);
        if (st != GOFER_OK)
            return st;
        before = step;
        cursor = gofer_info_text(step, "next_cursor");
        *moved += gofer_info_int(step, "moved", 0);
        t->repeated += gofer_info_int(step, "repeated", 0);
        t->left += gofer_info_int(step, "left", 0);
        t->bytes += gofer_info_int(step, "bytes", 0);
        if (gofer_info_text(step, "reason") && !*t->reason)
            snprintf(t->reason, sizeof t->reason, "%s", gofer_info_text(step, "reason"));
        show_progress(t, t->moved + *moved);
    } while (cursor);
    gofer_info_free(before);
    return GOFER_OK;
}

static void nap(void)
{
    struct timespec time = { 0, WAIT_MS * 1000000L };
    nanosleep(&time, NULL);
}

static int wait_for_active(trip *t)
{
    int code = CLI_OK;
    if (t->active)
        cli_note(t->c, "%s: waiting for %" PRId64 " active task%s", t->queue, t->active,
            t->active == 1 ? "" : "s");
    while (code == CLI_OK && t->active) {
        nap();
        code = count_active(t);
    }
    return code;
}

static int copy_all(trip *t)
{
    int code = t->args->wait ? wait_for_active(t) : CLI_OK;
    if (code != CLI_OK)
        return code;
    gofer_status st = pass(t, &t->moved);
    return st == GOFER_OK ? CLI_OK : cli_fail_status(t->c, st, NULL);
}

// Passes until nothing is moved any more: tasks change their states, and new ones come.
static int move_all(trip *t)
{
    int64_t moved;
    int code;
    do {
        gofer_status st = pass(t, &moved);
        if (st != GOFER_OK)
            return cli_fail_status(t->c, st, NULL);
        t->moved += moved;
        code = count_active(t);
        if (code == CLI_OK && moved == 0 && t->args->wait && t->active) {
            code = wait_for_active(t);
            moved = 1;                 // what they left is to be moved
        }
    } while (code == CLI_OK && moved > 0);
    return code;
}

// Nobody may take a task that is in both for a moment. What is refused in FROM is so in TO, from
// before there is anything.
static int pause_both(trip *t)
{
    gofer_status st = gofer_client_queue_pause(t->to, t->queue);
    if (st == GOFER_OK && t->encrypted_only)
        st = gofer_client_queue_encrypt(t->to, t->queue, 1);
    if (st == GOFER_OK && !t->args->copy)
        st = gofer_client_queue_pause(t->from, t->queue);
    return st == GOFER_OK ? CLI_OK : cli_fail_status(t->c, st, NULL);
}

// A queue that somebody had paused, here or there, stays paused there: its tasks
// were not to be taken.
static int unpause_both(trip *t)
{
    gofer_status st = GOFER_OK;
    if (!t->args->copy && (!t->from_was_paused || t->args->unpause))
        st = gofer_client_queue_unpause(t->from, t->queue);
    if (st == GOFER_OK && (t->args->unpause || !(t->to_was_paused || t->from_was_paused)))
        st = gofer_client_queue_unpause(t->to, t->queue);
    else if (st == GOFER_OK)
        cli_note(t->c, "%s stays paused in TO, as it was %s", t->queue,
            t->from_was_paused ? "in FROM" : "before");
    return st == GOFER_OK ? CLI_OK : cli_fail_status(t->c, st, NULL);
}

// What the queue is set to in FROM. One that is sharded in TO has no length.
static int take_settings(trip *t)
{
    gofer_status st = GOFER_OK;
    if (t->age_ms)
        st = gofer_client_queue_age(t->to, t->queue, t->age_ms);
    if (st == GOFER_OK && t->max_length) {
        st = gofer_client_queue_bound(t->to, t->queue, t->max_length);
        if (st == GOFER_EUNSUPPORTED) {
            cli_note(t->c, "%s is not bounded in TO: %s", t->queue, gofer_error_last());
            st = GOFER_OK;
        }
    }
    return st == GOFER_OK ? CLI_OK : cli_fail_status(t->c, st, NULL);
}

static int travel(trip *t)
{
    int code = pause_both(t);
    if (code == CLI_OK)
        code = t->args->copy ? copy_all(t) : move_all(t);
    if (code == CLI_OK)
        code = take_settings(t);
    if (code == CLI_OK)
        return unpause_both(t);
    if (code != CLI_USAGE)
        cli_note(t->c, "%s may stay paused: run the same again, with --unpause", t->queue);
    return code;
}

// ---- reporting ----------------------------------------------------------------------------

static void put_json_trip(const trip *t, int is_first)
{
    printf("%s{\"queue\":", is_first ? "" : ",");
    json_put_text(stdout, t->queue);
    if (t->args->dry_run)
        printf(",\"tasks\":%" PRId64, t->waiting);
    else
        printf(",\"moved\":%" PRId64 ",\"repeated\":%" PRId64 ",\"left\":%" PRId64
               ",\"bytes\":%" PRId64,
            t->moved, t->repeated, t->left, t->bytes);
    printf(",\"active\":%" PRId64, t->active);
    if (*t->reason) {
        fputs(",\"reason\":", stdout);
        json_put_text(stdout, t->reason);
    }
    putchar('}');
}

static void put_trip(const trip *t)
{
    char size[CLI_HUMAN];
    char *queue = screen_escape(t->queue, strlen(t->queue), SCREEN_ONE_LINE);
    if (t->args->dry_run)
        printf("%s: %" PRId64 " to be %s", queue, t->waiting, t->args->copy ? "copied" : "moved");
    else
        printf("%s: %" PRId64 " %s (%s)", queue, t->moved, t->args->copy ? "copied" : "moved",
            cli_human_size(size, t->bytes));
    if (t->repeated)
        printf(", %" PRId64 " of them were there already", t->repeated);
    if (t->active)
        printf(", %" PRId64 " active stay", t->active);
    if (t->left)
        printf(", %" PRId64 " left", t->left);
    putchar('\n');
    free(queue);
    if (t->left && *t->reason) {
        char *reason = screen_escape(t->reason, strlen(t->reason), SCREEN_ONE_LINE);
        cli_note(t->c, "left, for example: %s", reason);
        free(reason);
    }
}

static void put_result(const trip *t, sums *all, int is_first)
{
    all->moved += t->moved;
    all->repeated += t->repeated;
    all->left += t->left;
    all->active += t->active;
    all->bytes += t->bytes;
    if (t->c->global.json)
        put_json_trip(t, is_first);
    else
        put_trip(t);
    fflush(stdout);
}

static void put_sums(const cli *c, const sums *all, int dry_run)
{
    if (c->global.json) {
        putchar(']');
        if (!dry_run)
            printf(",\"moved\":%" PRId64 ",\"repeated\":%" PRId64 ",\"left\":%" PRId64
                   ",\"bytes\":%" PRId64,
                all->moved, all->repeated, all->left, all->bytes);
        printf(",\"active\":%" PRId64 "}\n", all->active);
    }
    if (all->active && !dry_run)
        cli_note(c,
            "active tasks stay where they run: run again when they have ended, or with --wait");
}

// ---- cron entries -------------------------------------------------------------------------

static bool count_entry(const gofer_info *entry, void *user)
{
    int64_t *count = user;
    (void)entry;
    ++*count;
    return true;
}

static gofer_status count_entries(gofer_client *from, int64_t *count)
{
    const page_list entries = { .ask = pages_schedules, .limit = PAGE };
    gofer_status st = pages_items(from, &entries, count_entry, count);
    return st == GOFER_EUNSUPPORTED ? GOFER_OK : st;
}

// What was done, as an object or a line; nothing where there is no entry.
static int migrate_entries(cli *c, const migrate_args *args, gofer_client *from, gofer_client *to)
{
    int64_t count = 0, left = 0;
    gofer_info *done = NULL;
    gofer_status st = count_entries(from, &count);
    if (st == GOFER_OK && count && !args->dry_run && !args->queues.count)
        st = gofer_client_migrate_schedules(from, to, args->copy ? GOFER_MIGRATE_COPY : 0, &done);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    if (count && args->queues.count)
        cli_note(c, "cron entries stay in FROM: they are taken along when no queue is named");
    else if (count && args->dry_run)
        cli_note(c, "cron entries to be %s: %" PRId64, args->copy ? "copied" : "moved", count);
    else if (count) {
        left = gofer_info_int(done, "left", 0);
        cli_note(c, "cron entries %s: %" PRId64 "%s",
            args->copy ? "copied, to tick in both" : "moved", gofer_info_int(done, "moved", 0),
            left ? ", others stay" : "");
        if (left)
            cli_note(c, "left, for example: %s", gofer_info_text(done, "reason"));
    }
    gofer_info_free(done);
    return left ? CLI_CONFLICT : CLI_OK;
}

// ---- paused types -------------------------------------------------------------------------

// Before the first task comes, for it may be of one. In FROM they stay.
static int pause_types(cli *c, gofer_client *from, gofer_client *to)
{
    gofer_info *types = NULL;
    gofer_status st = gofer_client_types_paused(from, &types);
    if (st == GOFER_EUNSUPPORTED)
        return CLI_OK;
    size_t count = st == GOFER_OK ? gofer_info_count(types) : 0;
    size_t paused = 0;
    for (size_t i = 0; i < count && st == GOFER_OK; i++) {
        const gofer_info *type = gofer_info_at(types, i);
        if (!gofer_info_has(type, "paused_at_ms"))
            continue;                    // its hours close it
        st = gofer_client_type_pause(to, gofer_info_text(type, "type"));
        paused++;
    }
    gofer_info_free(types);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    if (paused)
        cli_note(c, "paused types that are paused in TO as well: %zu", paused);
    return CLI_OK;
}

// ---- hours --------------------------------------------------------------------------------

static int is_wanted(const migrate_args *args, const char *name)
{
    static const char front[] = "queue:";
    int is_queues = strncmp(name, front, sizeof front - 1) == 0, wanted = !args->queues.count;
    for (size_t i = 0; i < args->queues.count && !wanted; i++)
        wanted = is_queues && strcmp(args->queues.items[i], name + sizeof front - 1) == 0;
    return wanted;
}

// Before the first task comes, too. With --queue those of these queues alone.
static int put_hours(cli *c, const migrate_args *args, gofer_client *from, gofer_client *to)
{
    gofer_info *hours = NULL;
    size_t count = 0;
    gofer_status st = gofer_client_hours(from, NULL, &hours);
    if (st == GOFER_EUNSUPPORTED)
        return CLI_OK;
    for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(hours); i++) {
        const gofer_info *one = gofer_info_at(hours, i);
        const char *name = gofer_info_text(one, "name");
        if (!is_wanted(args, name))
            continue;
        st = gofer_client_hours_put(to, name, gofer_info_text(one, "hours"));
        count++;
    }
    gofer_info_free(hours);
    if (st != GOFER_OK)
        return cli_fail_status(c, st, NULL);
    if (count)
        cli_note(c, "hours that hold in TO as well: %zu", count);
    return CLI_OK;
}

// ---- all queues ---------------------------------------------------------------------------

// In both stores: in each with the other's name.
static void note(const cli *c, gofer_client *from, gofer_client *to, const char *outcome,
    int64_t count)
{
    char target[AUDIT_TARGET_ROOM];
    audit_note n = { .act = "store.migrate", .target = target, .outcome = outcome,
        .count = count };
    snprintf(target, sizeof target, "to %s", gofer_client_url(to));
    cli_audit(c, from, &n);
    snprintf(target, sizeof target, "from %s", gofer_client_url(from));
    cli_audit(c, to, &n);
}

// All that are moved by one command.
typedef struct journey {
    cli                *c;
    const migrate_args *args;
    gofer_client       *from, *to;
    sums                all;
    size_t              queues;
    int                 code;
} journey;

static void journey_begin(const journey *j)
{
    if (j->c->global.json)
        fputs("{\"queues\":[", stdout);
    if (!j->args->dry_run)
        note(j->c, j->from, j->to, "begun", 0);
}

static void migrate_queue(journey *j, const char *queue)
{
    trip t = { .c = j->c,
        .args = j->args,
        .from = j->from,
        .to = j->to,
        .queue = queue,
        .shown_ms = cli_now_ms() };
    if (j->queues == 0)
        journey_begin(j);
    j->code = read_queue(&t);
    if (j->code == CLI_OK && !j->args->dry_run)
        j->code = travel(&t);
    put_result(&t, &j->all, j->queues++ == 0);
}

static int journey_end(journey *j)
{
    if (j->queues == 0)
        journey_begin(j);
    put_sums(j->c, &j->all, j->args->dry_run);
    if (!j->args->dry_run)
        note(j->c, j->from, j->to, j->code == CLI_OK ? NULL : "failed", j->all.moved);
    if (j->code != CLI_OK || j->args->dry_run)
        return j->code;
    return j->all.left || j->all.active ? CLI_CONFLICT : CLI_OK;
}

static bool migrate_one(const gofer_info *queue, void *user)
{
    journey *j = user;
    migrate_queue(j, gofer_info_text(queue, "queue"));
    return j->code == CLI_OK;
}

// A page of them after the other: that queues go meanwhile does not matter, as pages go by name.
static int migrate_all(journey *j)
{
    const page_list queues = { .ask = gofer_client_queues_page, .limit = PAGE };
    gofer_status st = pages_items(j->from, &queues, migrate_one, j);
    if (st != GOFER_OK)
        j->code = cli_fail_status(j->c, st, NULL);
    return st == GOFER_OK || j->queues ? journey_end(j) : j->code;
}

static int migrate_named(journey *j)
{
    const cli_list *queues = &j->args->queues;
    for (size_t i = 0; i < queues->count && j->code == CLI_OK; i++)
        migrate_queue(j, queues->items[i]);
    return journey_end(j);
}

static int run(cli *c, const void *arguments)
{
    const migrate_args *args = arguments;
    gofer_client *from = NULL, *to = NULL;
    c->global.url = c->words[0];
    int code = cli_open(c, &from, 0);
    c->global.url = c->words[1];
    if (code == CLI_OK)
        code = cli_open(c, &to, 0);
    journey j = { .c = c, .args = args, .from = from, .to = to };
    if (code == CLI_OK && !args->queues.count && !args->dry_run)
        code = pause_types(c, from, to);
    if (code == CLI_OK && !args->dry_run)
        code = put_hours(c, args, from, to);
    if (code == CLI_OK)
        code = args->queues.count ? migrate_named(&j) : migrate_all(&j);
    int entries =
        code == CLI_OK || code == CLI_CONFLICT ? migrate_entries(c, args, from, to) : CLI_OK;
    if (code == CLI_OK)
        code = entries;
    if (code == CLI_OK && !args->dry_run)
        cli_note(c,
            "not taken along: how many tasks were processed and failed, figures, and unique locks "
            "'until ttl'");
    gofer_client_close(to);
    gofer_client_close(from);
    return code;
}

const cli_command cmd_migrate = {
    .name = "migrate",
    .summary = "move or copy tasks from one broker to another",
    .usage = "FROM TO",
    .about =
        "FROM and TO are URLs of brokers of any kind. Pending tasks keep their order; scheduled, "
        "retry, completed and archived ones their times; all keep id, payload, headers, result, "
        "counts and last error. What is encrypted goes as it is, without any key. A queue that is "
        "paused, bounded, ageing, or closed to plain payloads is so in TO as well, and its hours "
        "go along. Groups and unique locks go along with their tasks, but locks 'until ttl', which "
        "no task knows of; and a lock that another task has in TO stays with that. Without "
        "--queue types that are paused are paused in TO, too, hours of types hold there, and cron "
        "entries are moved. How many tasks were processed and failed, figures and the history of "
        "cron entries are not taken along.\n"
        "A task is put into TO before it is deleted in FROM, under the same id. A run that was "
        "interrupted at any moment, even killed, is run again: nothing is lost or doubled. For "
        "that the queues are paused on both sides while they are moved, and unpaused at the end; "
        "an interrupted run leaves them paused, so that the next one needs --unpause.\n"
        "Active tasks stay with the workers that run them. Exit code 4: some tasks stayed in "
        "FROM, and the text says why.",
    .examples = "gofer migrate sqlite:tasks.db redis://localhost/0 --dry-run\n"
        "gofer migrate sqlite:tasks.db redis://localhost/0 --wait\n"
        "gofer migrate redis://old redis-cluster://new1,new2 --queue mail --queue reports",
    .options = options,
    .args_size = sizeof(migrate_args),
    .words_min = 2,
    .words_max = 2,
    .run = run,
};
