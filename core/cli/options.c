// options.c - from words to values: popt splits, the tables in the entries say what is meant.
//
// Only this file knows popt. Values are checked against the table (kind, smallest, largest) before
// a command sees them; what is wrong is said with the option's name and is a usage error.
#include "cli.h"

#include <errno.h>
#include <popt.h>
#include <stdlib.h>
#include <string.h>

const cli_option cli_global_options[] = {
    { "url", 'u', CLI_TEXT, offsetof(cli_globals, url), "URL",
        "the broker: sqlite:PATH, a plain path, redis://HOST and its kin, or memory: (default: "
        "$GOFER_URL, else a file in the user's state folder)",
        0, 0 },
    { "keys", 0, CLI_TEXT, offsetof(cli_globals, keys), "FILE",
        "encryption keys, ID:BASE64 one a line: the first encrypts payloads, all decrypt (default: "
        "$GOFER_KEYS, which may also hold the keys themselves)",
        0, 0 },
    { "json", 0, CLI_FLAG, offsetof(cli_globals, json), NULL,
        "print one JSON document; errors are JSON too, on standard error", 0, 0 },
    { "log-format", 0, CLI_CHOICE, offsetof(cli_globals, log_format), "text|json",
        "form of the log on standard error", 0, 0 },
    { "log-level", 0, CLI_CHOICE, offsetof(cli_globals, log_level), "debug|info|warn|error",
        "lowest level that is logged (default: info for a worker and the web server, else warn)",
        0, 0 },
    { "no-color", 0, CLI_FLAG, offsetof(cli_globals, no_color), NULL,
        "no colours; so does $NO_COLOR", 0, 0 },
    { "quiet", 'q', CLI_FLAG, offsetof(cli_globals, quiet), NULL, "print errors only", 0, 0 },
    { "help", 'h', CLI_FLAG, offsetof(cli_globals, help), NULL,
        "explain the command, with examples", 0, 0 },
    { "version", 'V', CLI_FLAG, offsetof(cli_globals, version), NULL,
        "print the version (before a command)", 0, 0 },
    CLI_OPTIONS_END
};

// One option as popt's val counts it, and where its value goes.
typedef struct target {
    const cli_option *option;
    char             *base;
} target;

static size_t count_options(const cli_option *options)
{
    size_t count = 0;
    while (options && options[count].name)
        count++;
    return count;
}

static size_t add_table(target *targets, size_t count, const cli_option *options, void *base)
{
    for (; options && options->name; options++)
        targets[count++] = (target){ options, base };
    return count;
}

// ---- Values

int cli_parse_size(const char *text, int64_t *out)
{
    static const struct { const char *unit; int shift; } units[] = {
        { "", 0 }, { "B", 0 }, { "K", 10 }, { "KB", 10 }, { "KiB", 10 }, { "M", 20 }, { "MB", 20 },
        { "MiB", 20 }, { "G", 30 }, { "GB", 30 }, { "GiB", 30 },
    };
    if (*text < '0' || *text > '9')
        return -1;
    char *unit;
    errno = 0;
    long long number = strtoll(text, &unit, 10);
    if (errno != 0)
        return -1;
    unit += *unit == ' ';
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(unit, units[i].unit) != 0)
            continue;
        if (number > INT64_MAX >> units[i].shift)
            return -1;
        *out = (int64_t)number << units[i].shift;
        return 0;
    }
    return -1;
}

static int bad_value(const cli *c, const char *who, const cli_option *o, const char *text,
    const char *why)
{
    return cli_fail(c, CLI_USAGE, "%s: --%s cannot be '%s': %s", who, o->name, text, why);
}

static int parse_number(const cli *c, const char *who, const cli_option *o, const char *text,
    cli_number *out)
{
    char why[96], *rest;
    int64_t value;
    int wrong = 0;
    if (o->kind == CLI_SIZE) {
        wrong = cli_parse_size(text, &value) != 0;
    } else {
        errno = 0;
        value = strtoll(text, &rest, 10);
        wrong = errno != 0 || rest == text || *rest;
    }
    if (wrong || value < o->min || value > o->max) {
        if (o->kind == CLI_SIZE) {
            char low[CLI_HUMAN], high[CLI_HUMAN];
            snprintf(why, sizeof why, "a size from %s to %s is needed, such as 64M",
                cli_human_size(low, o->min), cli_human_size(high, o->max));
        } else {
            snprintf(why, sizeof why, "a whole number from %lld to %lld is needed",
                (long long)o->min, (long long)o->max);
        }
        return bad_value(c, who, o, text, why);
    }
    *out = (cli_number){ value, 1 };
    return CLI_OK;
}

static int parse_choice(const cli *c, const char *who, const cli_option *o, const char *text,
    const char **out)
{
    char copy[128], why[224];
    const char *words[16];
    size_t count = 0;
    snprintf(copy, sizeof copy, "%s", o->value);
    char *rest = copy;
    for (char *word; (word = strsep(&rest, "|")) && count < 16;) {
        words[count++] = word;
        if (strcmp(word, text) == 0) {
            *out = text;
            return CLI_OK;
        }
    }
    const char *near = gf_meant(text, words, count);
    if (near)
        snprintf(why, sizeof why, "did you mean '%s'?", near);
    else
        snprintf(why, sizeof why, "one of %s is needed", o->value);
    return bad_value(c, who, o, text, why);
}

static int set_value(cli *c, const char *who, const target *t, const char *text)
{
    const cli_option *o = t->option;
    char *slot = t->base + o->offset;
    cli_number *number = (cli_number *)(void *)slot;
    cli_list *list = (cli_list *)(void *)slot;
    gofer_status st = GOFER_OK;

    switch (o->kind) {
    case CLI_FLAG:
        *(int *)(void *)slot = 1;
        return CLI_OK;
    case CLI_TEXT:
        *(const char **)(void *)slot = text;
        return CLI_OK;
    case CLI_CHOICE:
        return parse_choice(c, who, o, text, (const char **)(void *)slot);
    case CLI_NUMBER:
    case CLI_SIZE:
        return parse_number(c, who, o, text, number);
    case CLI_DURATION:
        st = gofer_parse_duration(text, &number->value);
        break;
    case CLI_TIME:
        st = gofer_parse_time(text, &number->value);
        break;
    case CLI_LIST:
        // Room for every word of the command line was made at the first.
        if (!list->items)
            list->items = cli_keep(c, cli_alloc((c->word_count + 1) * sizeof *list->items));
        list->items[list->count++] = text;
        return CLI_OK;
    }
    if (st != GOFER_OK)
        return cli_fail(c, CLI_USAGE, "%s: --%s: %s", who, o->name, gofer_error_last());
    number->given = 1;
    return CLI_OK;
}

// ---- Words

static int unknown_option(cli *c, const char *who, const char *bad, const target *targets,
    size_t count)
{
    char word[64];
    snprintf(word, sizeof word, "%s", bad);
    word[strcspn(word, "=")] = '\0';

    const char **names = cli_keep(c, cli_alloc((count + 1) * sizeof *names));
    for (size_t i = 0; i < count; i++)
        names[i] = targets[i].option->name;
    const char *near = strncmp(word, "--", 2) == 0 ? gf_meant(word + 2, names, count) : NULL;
    const char *gofer = strcmp(who, "gofer") == 0 ? "" : "gofer ";
    if (near)
        return cli_fail(c, CLI_USAGE, "%s has no option '%s'; did you mean '--%s'?", who, word,
            near);
    return cli_fail(c, CLI_USAGE, "%s has no option '%s'; see '%s%s --help'", who, word, gofer,
        who);
}

static int parse_error(cli *c, const char *who, poptContext context, int error,
    const target *targets, size_t count)
{
    const char *bad = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    if (!bad)
        bad = "?";
    switch (error) {
    case POPT_ERROR_BADOPT:
        return unknown_option(c, who, bad, targets, count);
    case POPT_ERROR_NOARG:
        return cli_fail(c, CLI_USAGE, "%s: option '%s' needs a value", who, bad);
    case POPT_ERROR_UNWANTEDARG:
        return cli_fail(c, CLI_USAGE, "%s: option '%s' takes no value", who, bad);
    default:
        return cli_fail(c, CLI_USAGE, "%s: option '%s': %s", who, bad, poptStrerror(error));
    }
}

// The words popt left over, copied: they go with its context otherwise.
static void keep_words(cli *c, poptContext context)
{
    const char **left = poptGetArgs(context);
    size_t count = 0;
    while (left && left[count])
        count++;
    const char **words = cli_keep(c, cli_alloc((count + 1) * sizeof *words));
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(left[i]) + 1;
        words[i] = memcpy(cli_keep(c, cli_alloc(size)), left[i], size);
    }
    c->words = words;
    c->word_count = count;
}

static void after_globals(cli *c)
{
    if (c->global.no_color)
        c->color = 0;
}

// The options as popt takes them, kept: a command has as many as it likes.
static const struct poptOption *make_table(cli *c, const target *targets, size_t count)
{
    struct poptOption *table = cli_keep(c, cli_alloc((count + 1) * sizeof *table));
    memset(table, 0, (count + 1) * sizeof *table);
    for (size_t i = 0; i < count; i++) {
        table[i].longName = targets[i].option->name;
        table[i].shortName = targets[i].option->letter;
        table[i].argInfo = targets[i].option->kind == CLI_FLAG ? POPT_ARG_NONE : POPT_ARG_STRING;
        table[i].val = (int)i + 1;
    }
    return table;
}

int cli_parse(cli *c, const cli_taker *taker, const char *const *words, size_t count)
{
    size_t room = count_options(taker->options) + count_options(cli_global_options);
    target *targets = cli_keep(c, cli_alloc(room * sizeof *targets));
    size_t known = add_table(targets, 0, taker->options, taker->args);
    known = add_table(targets, known, cli_global_options, &c->global);
    const struct poptOption *table = make_table(c, targets, known);

    // popt wants a program name in front and a NULL behind.
    const char **argv = cli_keep(c, cli_alloc((count + 2) * sizeof *argv));
    argv[0] = "gofer";
    for (size_t i = 0; i < count; i++)
        argv[i + 1] = words[i];
    c->word_count = count;
    poptContext context = poptGetContext("gofer", (int)count + 1, argv, table,
        taker->stop_at_word ? POPT_CONTEXT_POSIXMEHARDER : 0);
    if (!context)
        return cli_fail(c, CLI_FAILED, "no memory for the command line");

    int code = CLI_OK, got;
    while (code == CLI_OK && (got = poptGetNextOpt(context)) != -1) {
        if (got < 0) {
            code = parse_error(c, taker->who, context, got, targets, known);
            break;
        }
        const target *t = &targets[got - 1];
        char *text = t->option->kind == CLI_FLAG ? NULL : poptGetOptArg(context);
        if (text)
            cli_keep(c, text);
        code = set_value(c, taker->who, t, text);
    }
    if (code == CLI_OK)
        keep_words(c, context);
    after_globals(c);
    poptFreeContext(context);
    return code;
}
