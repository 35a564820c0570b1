// cmd_flow.c - `gofer flow start|ls|show|result|wait|retry|pause|unpause|cancel`: steps that come
// after one another.
//
// A step's layer is one more than that of the last of those it comes after.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "flow_plan.h"
#include "json.h"
#include "screen.h"

enum { PAGE = 500 };

// ---- start

typedef struct start_args {
    const char *id;
} start_args;

static const cli_option start_options[] = {
    { "id", 0, CLI_TEXT, offsetof(start_args, id), "ID",
      "the flow's id, so that starting it again is safe (default: a new one)", 0, 0 },
    CLI_OPTIONS_END
};

static int start_plan(cli *c, flow_plan *plan, const start_args *args)
{
    gofer_client *client = NULL;
    char *id = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    if (args->id)
        plan->opts.flow_id = args->id;
    gofer_status st = gofer_client_flow_start(client, plan->count,
        (const gofer_flow_step *const *)plan->steps, &plan->opts, &id);
    if (st != GOFER_OK) {
        code = cli_fail_status(c, st, NULL);
    } else if (c->global.json) {
        fputs("{\"id\":", stdout);
        json_put_text(stdout, id);
        puts("}");
    } else {
        puts(id);
    }
    gofer_free(id);
    gofer_client_close(client);
    return code;
}

static int start(cli *c, const void *user)
{
    char *text = NULL, why[FLOW_PLAN_WHY];
    size_t size = 0;
    flow_plan plan;
    int code = cli_read_file(c, c->words[0], GOFER_FLOW_BYTES_MAX, &text, &size);
    if (code != CLI_OK)
        return code;
    code = flow_plan_read(&plan, text, size, why) ? start_plan(c, &plan, user)
                                                  : cli_fail(c, CLI_USAGE, "flow start: %s", why);
    flow_plan_clear(&plan);
    free(text);
    return code;
}

// ---- acts

typedef struct act_args {
    const char *step;
} act_args;

static const cli_option retry_options[] = {
    { "step", 0, CLI_TEXT, offsetof(act_args, step), "NAME",
      "this step alone (default: all that have failed)", 0, 0 },
    CLI_OPTIONS_END
};

typedef struct acting {
    const char *step;
    int32_t     act;
} acting;

static gofer_status act_on_one(gofer_client *client, const char *id, const void *user)
{
    const acting *a = user;
    return gofer_client_flow_act(client, id, a->step, a->act);
}

static int act(cli *c, const char *done, const char *name, const char *step, int32_t what)
{
    const cli_word_act how = { "id", done, name, NULL, act_on_one };
    const acting a = { step, what };
    return cli_open_and_act(c, &how, &a);
}

static int pause_flows(cli *c, const void *args)
{
    (void)args;
    return act(c, "paused", "flow.pause", NULL, GOFER_FLOW_PAUSE);
}

static int unpause_flows(cli *c, const void *args)
{
    (void)args;
    return act(c, "unpaused", "flow.unpause", NULL, GOFER_FLOW_RESUME);
}

static int cancel_flows(cli *c, const void *args)
{
    (void)args;
    return act(c, "cancelled", "flow.cancel", NULL, GOFER_FLOW_ABORT);
}

static int retry_flows(cli *c, const void *user)
{
    const act_args *args = user;
    return act(c, "retried", "flow.retry", args->step, GOFER_FLOW_RETRY);
}

// ---- ls

typedef struct ls_args {
    const char *state;
} ls_args;

static const cli_option ls_options[] = {
    { "state", 0, CLI_CHOICE, offsetof(ls_args, state),
      "running|paused|done|failed|cancelled|expired", "only these", 0, 0 },
    CLI_OPTIONS_END
};

static void put_when(table *rows, const gofer_info *item, const char *field)
{
    char when[CLI_HUMAN];
    int64_t at = gofer_info_int(item, field, 0);
    table_cell(rows, STYLE_PLAIN, at ? cli_human_when(when, at, cli_now_ms()) : NULL);
}

static screen_style style_of(const char *state)
{
    return strcmp(state, "failed") == 0 || strcmp(state, "archived") == 0 ? STYLE_WARN
                                                                          : STYLE_PLAIN;
}

static void flow_row(table *rows, const gofer_info *item)
{
    const char *state = gofer_info_text(item, "state");
    table_cell(rows, STYLE_BOLD, gofer_info_text(item, "id"));
    table_cell(rows, style_of(state), state);
    table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "ended", 0));
    table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "total", 0));
    table_cellf(rows, STYLE_PLAIN, "%" PRId64, gofer_info_int(item, "failed", 0));
    put_when(rows, item, "created_at_ms");
    put_when(rows, item, "ended_at_ms");
}

static gofer_status put_pages(gofer_client *client, const char *state, table *rows)
{
    gofer_info *page = NULL;
    gofer_status st;
    int first = 1, more;
    do {
        gofer_info *before = page;
        st = gofer_client_flows(client, state,
            before ? gofer_info_text(before, "next_cursor") : NULL, PAGE, &page);
        for (size_t i = 0; st == GOFER_OK && i < gofer_info_count(page); i++)
            if (rows)
                flow_row(rows, gofer_info_at(page, i));
            else
                st = json_put_item(stdout, gofer_info_at(page, i), &first);
        more = st == GOFER_OK && gofer_info_has(page, "next_cursor") && !ferror(stdout);
        gofer_info_free(before == page ? NULL : before);
    } while (more);
    gofer_info_free(page);
    return st;
}

static const char *const flow_heads[] = { "ID", "STATE", "ENDED", "OF", "FAILED", "STARTED",
    "UNTIL", NULL };
static const char flow_align[] = "llrrrll";

static int list(cli *c, const void *user)
{
    const ls_args *args = user;
    gofer_client *client = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    table *rows = c->global.json ? NULL : table_new(flow_heads, flow_align);
    if (!rows)
        fputs("{\"items\":[", stdout);
    gofer_status st = put_pages(client, args->state, rows);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    if (!rows)
        puts("]}");
    else if (table_rows(rows))
        table_print(rows, c->color);
    else if (code == CLI_OK)
        cli_note(c, "no flows");
    table_free(rows);
    gofer_client_close(client);
    return code;
}

// ---- show

typedef struct layered {
    const gofer_info *step;
    const char       *name;
    size_t            layer;            // 0: not known yet
} layered;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const layered *)a)->name, ((const layered *)b)->name);
}

static int by_layer(const void *a, const void *b)
{
    const layered *x = a, *y = b;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    return strcmp(x->name, y->name);
}

static const layered *find(const layered *all, size_t count, const char *name, size_t size)
{
    char copy[160];
    snprintf(copy, sizeof copy, "%.*s", (int)size, name);
    const layered key = { .name = copy };
    return bsearch(&key, all, count, sizeof *all, by_name);
}

// One more than the last of those it comes after; 0: one of them is not known yet.
static size_t layer_of(const layered *all, size_t count, const layered *one)
{
    size_t layer = 1;
    const char *after = gofer_info_text(one->step, "after");
    while (after && *after) {
        size_t size = strcspn(after, "\n"), name = size;
        if (size > 7 && strncmp(after + size - 7, ":always", 7) == 0)
            name = size - 7;
        else if (size > 8 && strncmp(after + size - 8, ":failure", 8) == 0)
            name = size - 8;
        const layered *parent = find(all, count, after, name);
        if (parent && !parent->layer)
            return 0;
        if (parent && parent->layer >= layer)
            layer = parent->layer + 1;
        after += size + (after[size] == '\n');
    }
    return layer;
}

static layered *layers_of(const gofer_info *steps, size_t *count)
{
    *count = gofer_info_count(steps);
    layered *all = calloc(*count ? *count : 1, sizeof *all);
    if (!all)
        return NULL;
    size_t planned = 0;
    for (size_t i = 0; i < *count; i++) {
        const gofer_info *step = gofer_info_at(steps, i);
        if (gofer_info_has(step, "made_of"))
            continue;                   // counted where it was made of
        all[planned++] = (layered){ .step = step, .name = gofer_info_text(step, "name") };
    }
    *count = planned;
    qsort(all, *count, sizeof *all, by_name);
    for (bool changed = true; changed;) {
        changed = false;
        for (size_t i = 0; i < *count; i++)
            if (!all[i].layer && (all[i].layer = layer_of(all, *count, &all[i])) != 0)
                changed = true;
    }
    qsort(all, *count, sizeof *all, by_layer);
    return all;
}

// "active 3/100", "active 3/100, 1 failed"; of one that is run for each item of a list.
static const char *state_of(const gofer_info *step, char room[80])
{
    const char *state = gofer_info_text(step, "state");
    int64_t failed = gofer_info_int(step, "made_failed", 0);
    if (!gofer_info_has(step, "made"))
        return state;
    int used = snprintf(room, 80, "%s %" PRId64 "/%" PRId64, state,
        gofer_info_int(step, "made_ended", 0), gofer_info_int(step, "made", 0));
    if (failed)
        snprintf(room + used, 80 - (size_t)used, ", %" PRId64 " failed", failed);
    return room;
}

static void step_row(table *rows, const layered *one)
{
    char room[80];
    char after[120];
    const char *given = gofer_info_text(one->step, "after"),
               *state = gofer_info_text(one->step, "state");
    snprintf(after, sizeof after, "%s", given ? given : "");
    for (char *at = after; *at; at++)
        if (*at == '\n')
            *at = ' ';
    table_cellf(rows, STYLE_PLAIN, "%zu", one->layer);
    table_cell(rows, STYLE_BOLD, one->name);
    table_cell(rows, style_of(state), state_of(one->step, room));
    table_cell(rows, STYLE_PLAIN, gofer_info_text(one->step, "type"));
    table_cell(rows, STYLE_PLAIN, gofer_info_text(one->step, "queue"));
    table_cell(rows, STYLE_PLAIN, *after ? after : NULL);
}

static int print_flow(cli *c, const gofer_info *flow)
{
    static const char *const heads[] = { "LAYER", "STEP", "STATE", "TYPE", "QUEUE", "AFTER", NULL };
    size_t count;
    layered *all = layers_of(gofer_info_child(flow, "steps"), &count);
    if (!all)
        return cli_fail(c, CLI_FAILED, "flow show: no memory");
    table *rows = table_new(flow_heads, flow_align);
    flow_row(rows, flow);
    table_print(rows, c->color);
    table_free(rows);
    puts("");
    rows = table_new(heads, "rlllll");
    for (size_t i = 0; i < count; i++)
        step_row(rows, &all[i]);
    table_print(rows, c->color);
    table_free(rows);
    free(all);
    return CLI_OK;
}

static int show(cli *c, const void *args)
{
    (void)args;
    gofer_client *client = NULL;
    gofer_info *flow = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_flow(client, c->words[0], &flow);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    else
        code = c->global.json ? cli_put_info(c, flow) : print_flow(c, flow);
    gofer_info_free(flow);
    gofer_client_close(client);
    return code;
}

// ---- result

static int result(cli *c, const void *args)
{
    (void)args;
    gofer_client *client = NULL;
    void *bytes = NULL;
    size_t size = 0;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_flow_result(client, c->words[0], c->words[1], &bytes, &size);
    if (st != GOFER_OK)
        code = cli_fail_status(c, st, NULL);
    else if (bytes)
        fwrite(bytes, 1, size, stdout);        // main looks for errors of stdout
    gofer_free(bytes);
    gofer_client_close(client);
    return code;
}

// ---- wait

typedef struct wait_args {
    cli_number timeout;
} wait_args;

static const cli_option wait_options[] = {
    { "timeout", 0, CLI_DURATION, offsetof(wait_args, timeout), "DURATION",
      "wait so long at the most (default: for ever); 0: only look", 0, 0 },
    CLI_OPTIONS_END
};

static int code_of(const cli *c, const gofer_info *flow)
{
    const char *state = gofer_info_text(flow, "state");
    int code = c->global.json ? cli_put_info(c, flow) : CLI_OK;
    if (!c->global.json)
        puts(state);
    return code != CLI_OK                 ? code
        : strcmp(state, "done") == 0      ? CLI_OK
        : strcmp(state, "failed") == 0    ? CLI_FAILED
                                          : CLI_CONFLICT;
}

static int wait_for(cli *c, const void *user)
{
    const wait_args *args = user;
    gofer_client *client = NULL;
    gofer_info *flow = NULL;
    int code = cli_open(c, &client, 0);
    if (code != CLI_OK)
        return code;
    gofer_status st = gofer_client_flow_wait(client, c->words[0],
        args->timeout.given ? args->timeout.value : -1, &flow);
    if (st == GOFER_OK)
        code = code_of(c, flow);
    else if (st == GOFER_ETIMEOUT)
        code = cli_fail(c, CLI_TIME_OUT, "flow '%.200s' has not ended yet", c->words[0]);
    else
        code = cli_fail_status(c, st, NULL);
    gofer_info_free(flow);
    gofer_client_close(client);
    return code;
}

// ---- the commands

const cli_command cmd_flow_start = {
    .name = "flow start",
    .summary = "start a flow: steps that run after one another",
    .usage = "FILE|-",
    .about =
        "The plan is JSON: {\"steps\": [...]}, and if need be \"on_dead\" (\"stop\", \"cancel\" "
        "or \"continue\"), \"deadline\" (a time), \"retention\" (a duration; a day) and \"id\". "
        "A step is what 'gofer enqueue --batch' takes, with a \"name\" and what it comes "
        "\"after\": a list of names, or an object of names and \"success\", \"failure\" or "
        "\"always\". A prefix and '*' are all steps whose names begin so. \"each\": \"a\" instead: "
        "it runs for each item of the list that the step a leaves. Prints the flow's id.",
    .examples =
        "gofer flow start plan.json\n"
        "gofer flow start - --id nightly-2027-01-01 < plan.json",
    .options = start_options,
    .args_size = sizeof(start_args),
    .words_min = 1,
    .words_max = 1,
    .run = start,
};

const cli_command cmd_flow_ls = {
    .name = "flow ls",
    .summary = "list flows, the latest first",
    .usage = "",
    .examples = "gofer flow ls\ngofer flow ls --state failed --json | jq -r '.items[].id'",
    .options = ls_options,
    .args_size = sizeof(ls_args),
    .run = list,
};

const cli_command cmd_flow_show = {
    .name = "flow show",
    .summary = "show a flow and its steps, in layers",
    .usage = "ID",
    .about =
        "A step's layer is one more than that of the last of those it comes after. What was made "
        "of a step with \"each\" is counted in its row; --json has it one by one.",
    .examples = "gofer flow show nightly-2027-01-01",
    .words_min = 1,
    .words_max = 1,
    .run = show,
};

const cli_command cmd_flow_result = {
    .name = "flow result",
    .summary = "print what a step of a flow has left",
    .usage = "ID STEP",
    .about =
        "The bytes go to standard output as they are; nothing, if it has left nothing. The flow of "
        "the task that a command runs for is in $GOFER_FLOW. Exit codes: 3 there is no such flow "
        "or step; 4 the step is not done.",
    .examples =
        "gofer flow result nightly-2027-01-01 fetch\n"
        "gofer worker --shell 'sum=gofer flow result \"$GOFER_FLOW\" fetch | wc -l'",
    .words_min = 2,
    .words_max = 2,
    .run = result,
};

const cli_command cmd_flow_wait = {
    .name = "flow wait",
    .summary = "wait until a flow has ended",
    .usage = "ID",
    .about =
        "Prints how it ended. Exit codes: 0 done; 1 failed; 4 cancelled or expired; 3 there is no "
        "such flow; 7 the time ran out.",
    .examples = "gofer flow wait $(gofer flow start plan.json) --timeout 1h",
    .options = wait_options,
    .args_size = sizeof(wait_args),
    .words_min = 1,
    .words_max = 1,
    .run = wait_for,
};

const cli_command cmd_flow_retry = {
    .name = "flow retry",
    .summary = "run the failed steps of flows again",
    .usage = "ID...",
    .about = "What was skipped because of them waits anew. One that was cancelled goes on.",
    .examples = "gofer flow retry nightly-2027-01-01 --step load",
    .options = retry_options,
    .args_size = sizeof(act_args),
    .words_min = 1,
    .words_max = -1,
    .run = retry_flows,
};

const cli_command cmd_flow_pause = {
    .name = "flow pause",
    .summary = "let no further step of flows begin",
    .usage = "ID...",
    .about = "Those that have begun go on.",
    .examples = "gofer flow pause nightly-2027-01-01",
    .words_min = 1,
    .words_max = -1,
    .run = pause_flows,
};

const cli_command cmd_flow_unpause = {
    .name = "flow unpause",
    .summary = "let paused flows go on",
    .usage = "ID...",
    .examples = "gofer flow unpause nightly-2027-01-01",
    .words_min = 1,
    .words_max = -1,
    .run = unpause_flows,
};

const cli_command cmd_flow_cancel = {
    .name = "flow cancel",
    .summary = "cancel flows: nothing begins, what runs is asked to stop",
    .usage = "ID...",
    .examples = "gofer flow cancel nightly-2027-01-01",
    .words_min = 1,
    .words_max = -1,
    .run = cancel_flows,
};
