// enqueue_options.c - from the command line's options of a task to the library's,
// with what excludes what.
//
// Looks at nothing but what it is given; errors go through cli_fail. Texts are
// borrowed, or kept with c.
#include "enqueue_options.h"

#include <string.h>

#include "task_line.h"

static int fill_limits(cli *c, const enqueue_args *args, gofer_enqueue_options *out)
{
    size_t count = args->limits.count;
    out->limit_cost = args->limit_cost.value;
    if (count > GOFER_LIMIT_KEYS)
        return cli_fail(c, CLI_USAGE, "%s: --limit may be given %d times", c->command->name,
            GOFER_LIMIT_KEYS);
    if (!count && args->limit_cost.given)
        return cli_fail(c, CLI_USAGE, "%s: --cost needs --limit", c->command->name);
    if (!count)
        return CLI_OK;
    const char **keys = cli_keep(c, cli_alloc((count + 1) * sizeof *keys));
    memcpy(keys, args->limits.items, count * sizeof *keys);
    keys[count] = NULL;
    out->limits = keys;
    return CLI_OK;
}

static int fill_debounce(cli *c, const enqueue_args *args, gofer_enqueue_options *out)
{
    if (!args->debounce.given &&
        (args->max_wait.given || args->debounce_key || args->debounce_mode))
        return cli_fail(c, CLI_USAGE,
            "enqueue: --max-wait, --debounce-key and --debounce-mode need --debounce");
    if (args->debounce.given && args->debounce.value == 0)
        return cli_fail(c, CLI_USAGE, "enqueue: --debounce needs a duration over 0, such as 5m");
    if (args->max_wait.given && args->max_wait.value < args->debounce.value)
        return cli_fail(c, CLI_USAGE, "enqueue: --max-wait is shorter than --debounce");
    if (args->replace && !args->id && !args->batch)
        return cli_fail(c, CLI_USAGE, "enqueue: --replace needs --id, which says what");
    out->debounce_ms = args->debounce.value;
    out->max_wait_ms = args->max_wait.value;
    out->debounce_key = args->debounce_key;
    if (args->debounce_mode)
        out->debounce_mode = debounce_mode_of(args->debounce_mode);
    out->replace = args->replace;
    out->plain = args->plain;
    const char *other = task_goes_not_with(out);
    if (other)
        return cli_fail(c, CLI_USAGE, "enqueue: --%s and --%s exclude each other",
            args->debounce.given ? "debounce" : "replace", other);
    return CLI_OK;
}

static int fill_ordered(cli *c, const enqueue_args *args, gofer_enqueue_options *out)
{
    if (args->ordered_dead && !args->ordered)
        return cli_fail(c, CLI_USAGE, "%s: --ordered-dead needs --ordered", c->command->name);
    out->ordered = args->ordered;
    out->tenant = args->tenant;
    if (args->ordered_dead)
        out->ordered_dead = ordered_dead_of(args->ordered_dead);
    return CLI_OK;
}

// TYPE[@QUEUE], or a webhook.
static void fill_follower(cli *c, const char *text, const char **type, const char **queue)
{
    if (!text)
        return;
    size_t size = strlen(text) + 1;
    follower_cut(memcpy(cli_keep(c, cli_alloc(size)), text, size), type, queue);
}

static int fill_life(cli *c, const enqueue_args *args, gofer_enqueue_options *out)
{
    if (!args->unique.given && (args->unique_key || args->unique_until || args->return_existing))
        return cli_fail(c, CLI_USAGE,
            "enqueue: --unique-key, --unique-until and --return-existing need --unique");
    if (args->unique.given && args->unique.value == 0)
        return cli_fail(c, CLI_USAGE, "enqueue: --unique needs a duration over 0, such as 1h");
    if (args->expires.given && args->expires.value == 0)
        return cli_fail(c, CLI_USAGE, "%s: --expires needs a duration over 0, such as 10m",
            c->command->name);
    out->unique_ms = args->unique.value;
    out->unique_key = args->unique_key;
    if (args->unique_until)
        out->unique_until = unique_until_of(args->unique_until);
    out->unique_conflict = args->return_existing ? GOFER_CONFLICT_RETURN : GOFER_CONFLICT_REFUSE;
    out->group = args->group;
    out->expires_ms = args->expires.value;
    out->retry = args->retry_policy;
    out->priority = (int32_t)args->priority.value;
    fill_follower(c, args->on_dead, &out->on_dead, &out->on_dead_queue);
    fill_follower(c, args->on_done, &out->on_done, &out->on_done_queue);
    return CLI_OK;
}

int enqueue_options_fill(cli *c, const enqueue_args *args, gofer_enqueue_options *out)
{
    if (args->delay.given && args->at.given)
        return cli_fail(c, CLI_USAGE, "enqueue: --in and --at exclude each other");

    gofer_enqueue_options_init(out);
    out->queue = args->queue;
    out->task_id = args->id;
    out->run_at_ms = args->at.value;
    out->delay_ms = args->delay.value;
    out->deadline_ms = args->deadline.value;
    out->retention_ms = args->retention.value;
    // In the interface 0 is the default; on the command line 0 says none.
    if (args->retry.given)
        out->max_retry = args->retry.value == 0 ? GOFER_NO_RETRY : (int32_t)args->retry.value;
    if (args->timeout.given)
        out->timeout_ms = args->timeout.value == 0 ? GOFER_NO_TIMEOUT : args->timeout.value;

    int code = fill_life(c, args, out);
    if (code == CLI_OK)
        code = fill_limits(c, args, out);
    if (code == CLI_OK)
        code = fill_debounce(c, args, out);
    if (code == CLI_OK)
        code = fill_ordered(c, args, out);
    if (code == CLI_OK && task_expires_first(out))
        return cli_fail(c, CLI_USAGE, "enqueue: --expires is over before %s lets the task run",
            args->at.given ? "--at" : "--in");
    if (code != CLI_OK || args->headers.count == 0)
        return code;
    const char **pairs = cli_keep(c, cli_alloc((2 * args->headers.count + 1) * sizeof *pairs));
    for (size_t i = 0; i < args->headers.count; i++) {
        size_t size = strlen(args->headers.items[i]) + 1;
        char *key = memcpy(cli_keep(c, cli_alloc(size)), args->headers.items[i], size);
        char *equals = strchr(key, '=');
        if (!equals || equals == key)
            return cli_fail(c, CLI_USAGE, "%s: --header '%s' is not of the form KEY=VALUE",
                c->command->name, key);
        *equals = '\0';
        pairs[2 * i] = key;
        pairs[2 * i + 1] = equals + 1;
    }
    out->headers = pairs;
    return CLI_OK;
}
