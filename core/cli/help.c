// help.c - help on the terminal, from the tables of commands, options and topics.
//
// No command's name stands here but in examples and topics. 80 columns, whatever the terminal has:
// help looks the same in a pipe, in the man page and in tests.
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "screen.h"

enum { WIDTH = 80, OPTION_COLUMN = 28, NAME_COLUMN = 16 };

const cli_topic cli_topics[] = {
    { "exit-codes", "Exit codes",
        " 0  done\n"
        " 1  failed: no memory, a damaged or newer store, output that could not be written\n"
        " 2  usage: a wrong option or value, an unknown kind of broker, a payload over the limit, "
        "a "
        "Lua file or plugin that cannot be used\n"
        " 3  not found: no such task, queue, file or command\n"
        " 4  conflict: the id belongs to another task, or the task or queue is in a state that "
        "forbids it\n"
        " 5  broker: out of reach, too slow, full, or its reply was lost\n"
        " 6  denied: permission or password refused\n"
        " 7  time is over: what 'gofer wait' waits for has not come to its end\n"
        "A command that acts on several tasks or queues does all it can and ends with the code of "
        "the first failure. A worker that was stopped by a signal, or whose queues were drained, "
        "ends with 0; if '--drain' "
        "left only tasks of types that this worker has no handler for, with 4, and the log names "
        "the types. One whose SQLite file failed (an I/O error) opens it again, four times within "
        "some seconds, and then ends with 5." },
    { "values", "Durations, times and sizes",
        "A duration is a number with a unit, or several of them: 250ms, 30s, 5m, 1h30m, 2d, 1w. A "
        "plain number is seconds.\n"
        "A time is 2026-11-23T18:00:00Z, with an offset such as +01:00, or without any for local "
        "time; a space may stand for the T. A local time that clocks leave out in spring is taken "
        "with the offset of before (02:30 is shown as 03:30), one that they show twice the first "
        "time. @1795456800 is Unix seconds.\n"
        "A size is a number of bytes, or one with K, M or G: 64M." },
    { "brokers", "Brokers",
        "sqlite:PATH keeps tasks in a file, made with mode 0600 if it is missing; any number of "
        "processes on one machine may share it. A plain path that holds a '/' or ends in .db means "
        "the same. memory: lives and dies with one process and is good for trials.\n"
        "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB] keeps them on Redis or Valkey in Asynq's "
        "layout, "
        "for any number of machines; rediss: is the same over TLS. redis+unix:, redis-sentinel: "
        "and "
        "redis-cluster: and their options: docs/redis.md.\n"
        "Without --url, $GOFER_URL is taken, else the file gofer/tasks.db in $XDG_STATE_HOME or "
        "~/.local/state." },
    { "signals", "Signals of a worker",
        "TERM, INT, HUP: take nothing more, let running handlers finish within --grace, put the "
        "rest "
        "back at the head of their queue, and end with 0; or, within two seconds more, with 5 if "
        "the "
        "broker did not answer when outcomes were to be handed in: those tasks run again. A second "
        "one does not wait for the grace; those that come within 100 ms are one. While the broker "
        "is "
        "being opened, the first ends the worker at once, with 0.\n"
        "TSTP, USR1: take nothing more, but go on running what was taken and do not end.\n"
        "CONT: take tasks again. 'gofer worker set' does the same from anywhere." },
    { "retries", "Retry policies",
        " exponential       Asynq's: n^4 + 15 s and some chance after the n-th failure; the "
        "default\n"
        " exponential:BASE  BASE doubled with each failure, half of it by chance\n"
        " fixed:D           always D\n"
        " linear:D          D more with each failure\n"
        " list:D,D,...      one after the other, then the last one again and again\n"
        "Then, if wanted, ';cap=D' (never longer) and ';jitter=P%' (up to so much longer, by "
        "chance): 'exponential:1s;cap=1h;jitter=10%'. "
        "A task's own policy ('gofer enqueue --retry-policy') wins over that of its type ('gofer "
        "worker --retry')." },
    { "commands", "Commands as handlers",
        "--exec 'TYPE=COMMAND ARGUMENTS' splits its command into words as a shell does with quotes "
        "and backslashes, and nothing more: no variables, no patterns, no pipes. --shell "
        "'TYPE=LINE' "
        "hands the line to /bin/sh -c.\n"
        "The payload is the command's standard input. GOFER_TASK_ID, GOFER_TASK_TYPE, "
        "GOFER_TASK_QUEUE, GOFER_TASK_ATTEMPT (1 for the first run), GOFER_TASK_DEADLINE (Unix "
        "seconds, if there is one) and GOFER_URL are in its environment. Its standard output "
        "becomes "
        "the task's result, the last lines of its standard error the error text.\n"
        " exit code 0    done\n"
        " exit code 75   retry later\n"
        " exit code 100  archive: do not try again\n"
        " others         failed, retried while retries are left\n"
        " a signal       failed; the error names it\n"
        "At the deadline its whole process group gets TERM, and KILL two seconds later." },
    { "environment", "Environment",
        " GOFER_URL   the broker, unless --url is given\n"
        " NO_COLOR    if set and not empty: no colours\n"
        " TZ          local times are shown and read in this zone" },
    { NULL, NULL, NULL }
};

static void pad(FILE *out, size_t from, size_t to)
{
    while (from++ < to)
        fputc(' ', out);
}

void cli_wrap(FILE *out, const char *text, int indent, int at)
{
    int column = at, fresh = 1;
    while (*text) {
        size_t size = strcspn(text, " \n");
        if (size) {
            if (!fresh && column + 1 + (int)size > WIDTH) {
                fputc('\n', out);
                pad(out, 0, (size_t)indent);
                column = indent;
                fresh = 1;
            }
            column += fprintf(out, "%s%.*s", fresh ? "" : " ", (int)size, text);
            fresh = 0;
        }
        text += size;
        if (*text)
            text++;
    }
    fputc('\n', out);
}

// Paragraphs; those that begin with a space keep their form, with a hanging indent.
static void print_paragraphs(FILE *out, const char *text)
{
    int was_list = 0, first = 1;
    while (*text) {
        size_t size = strcspn(text, "\n");
        char *line = cli_alloc(size + 1);
        memcpy(line, text, size);
        int is_list = *line == ' ';
        if (!first && !(is_list && was_list))
            fputc('\n', out);
        if (is_list) {
            // The gap of two or more spaces is where the explanation begins.
            const char *gap = strstr(line + 1, "  ");
            size_t skip = gap ? (size_t)(gap - line) + strspn(gap, " ") : 1;
            int at = fprintf(out, "  %.*s", (int)(skip - 1), line + 1);
            cli_wrap(out, line + skip, at, at);
        } else {
            cli_wrap(out, line, 0, 0);
        }
        free(line);
        was_list = is_list;
        first = 0;
        text += size;
        text += *text == '\n';
    }
}

static void print_head(const cli *c, FILE *out, const char *text)
{
    fputc('\n', out);
    screen_put(out, out == stdout && c->color, STYLE_BOLD, text);
    fputc('\n', out);
}

static void print_option(FILE *out, const cli_option *o)
{
    char left[64];
    int size;
    if (o->letter)
        size = snprintf(left, sizeof left, "  -%c, --%s%s%s", o->letter, o->name,
            o->value ? " " : "", o->value ? o->value : "");
    else
        size = snprintf(left, sizeof left, "      --%s%s%s", o->name, o->value ? " " : "",
            o->value ? o->value : "");
    fputs(left, out);
    if (size + 2 > OPTION_COLUMN) {
        fputc('\n', out);
        size = 0;
    }
    pad(out, (size_t)size, OPTION_COLUMN);
    cli_wrap(out, o->help, OPTION_COLUMN, OPTION_COLUMN);
}

static void print_options(FILE *out, const cli_option *options)
{
    for (; options && options->name; options++)
        print_option(out, options);
}

static void print_command_line(FILE *out, const cli_command *command)
{
    int size = fprintf(out, "  %s", command->name);
    pad(out, (size_t)size, NAME_COLUMN + 2);
    cli_wrap(out, command->summary, NAME_COLUMN + 2, NAME_COLUMN + 2);
}

void cli_help_overview(const cli *c, FILE *out, int whole)
{
    fputs("gofer - a background task queue\n\nUsage: gofer COMMAND [ARGUMENTS] [OPTIONS]\n", out);
    print_head(c, out, "Commands:");
    for (size_t i = 0; c->commands[i]; i++)
        print_command_line(out, c->commands[i]);
    if (!whole) {
        fputs("\n'gofer help' tells more, 'gofer COMMAND --help' explains a command.\n", out);
        return;
    }
    print_head(c, out, "Options of every command, before or after it:");
    print_options(out, cli_global_options);
    print_head(c, out, "Topics of 'gofer help':");
    for (const cli_topic *t = cli_topics; t->name; t++) {
        int size = fprintf(out, "  %s", t->name);
        pad(out, (size_t)size, NAME_COLUMN + 2);
        fprintf(out, "%s\n", t->title);
    }
    print_head(c, out, "In two terminals:");
    fputs("  gofer worker --exec 'hello=echo hello'\n  gofer enqueue hello --retention 1h\n", out);
}

void cli_help_group(const cli *c, FILE *out, const char *noun)
{
    size_t size = strlen(noun);
    fputc('\n', out);
    screen_put(out, out == stdout && c->color, STYLE_BOLD, "Commands:");
    fputc('\n', out);
    for (size_t i = 0; c->commands[i]; i++)
        if (strncmp(c->commands[i]->name, noun, size) == 0 && c->commands[i]->name[size] == ' ')
            print_command_line(out, c->commands[i]);
    fprintf(out, "\n'gofer %s VERB --help' explains one.\n", noun);
}

// Where a command's line may be broken so that `room` columns hold it: a blank outside
// of quotes; 0: nowhere.
static size_t break_of(const char *line, size_t size, size_t room, int has_quotes)
{
    char quote = '\0';
    size_t found = 0;
    for (size_t i = 0; i < size && i < room; i++) {
        if (has_quotes && (quote ? line[i] == quote : line[i] == '\'' || line[i] == '"'))
            quote = quote ? '\0' : line[i];
        else if (line[i] == ' ' && !quote)
            found = i;
    }
    return found;
}

// One line of an example, so that it fits, and can be copied as it stands.
static void print_example(FILE *out, const char *line, size_t size)
{
    int is_comment = *line == '#';
    size_t room = WIDTH - 2, indent = 2;
    while (size > room) {
        size_t at = break_of(line, size, is_comment ? room + 1 : room - 1, !is_comment);
        if (at == 0)
            break;
        pad(out, 0, indent);
        fprintf(out, is_comment ? "%.*s\n" : "%.*s \\\n", (int)at, line);
        line += at + 1;
        size -= at + 1;
        indent = is_comment ? 2 : 6;
        room = WIDTH - indent;
        if (is_comment) {
            fputs("  # ", out);
            indent = 0;
            room = WIDTH - 4;
        }
    }
    pad(out, 0, indent);
    fprintf(out, "%.*s\n", (int)size, line);
}

void cli_help_command(const cli *c, FILE *out, const cli_command *command)
{
    fprintf(out, "Usage: gofer %s%s%s [OPTIONS]\n\n", command->name, *command->usage ? " " : "",
        command->usage);
    // The summary as a sentence.
    fprintf(out, "%c%s.\n", command->summary[0] - 'a' + 'A', command->summary + 1);
    if (command->about) {
        fputc('\n', out);
        print_paragraphs(out, command->about);
    }
    if (command->options) {
        print_head(c, out, "Options:");
        print_options(out, command->options);
    }
    print_head(c, out, "Options of every command:");
    print_options(out, cli_global_options);
    if (command->examples) {
        print_head(c, out, "Examples:");
        const char *line = command->examples;
        while (*line) {
            size_t size = strcspn(line, "\n");
            print_example(out, line, size);
            line += size + (line[size] == '\n');
        }
    }
}

void cli_help_topic(FILE *out, const cli_topic *topic)
{
    fprintf(out, "%s\n\n", topic->title);
    print_paragraphs(out, topic->text);
}
