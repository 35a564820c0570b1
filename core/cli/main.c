// main.c - the gofer binary: prepare the process, find the command, run it, close the books.
//
// Global options may stand before the command, between its two words, or after it.
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "cli.h"
#include "screen.h"
#include "zones.h"

// ---- The process

static void on_failed_write(int number)
{
    (void)number;
}

static void prepare_process(void)
{
#ifdef __GLIBC__
    // A worker has many threads that allocate little: one arena each would cost megabytes.
    (void)mallopt(M_ARENA_MAX, 2);
#endif
    // Column widths come from here. Numbers stay in the C locale: JSON needs the point.
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        (void)setlocale(LC_CTYPE, "");

    // A write to a closed pipe, or beyond what a file may grow to (ulimit -f), is an error like
    // others. A handler, not SIG_IGN: commands that the worker starts would inherit the latter.
    struct sigaction action = { .sa_handler = on_failed_write, .sa_flags = SA_RESTART };
    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGPIPE, &action, NULL);
    (void)sigaction(SIGXFSZ, &action, NULL);

    // With a standard descriptor closed, the database would get its number and our output would
    // be written into it. Opened the wrong way round, so that use is still an error.
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

// Output that did not arrive is a failure, whatever the command thinks.
static int close_output(const cli *c, int code)
{
    int had_error = ferror(stdout);
    errno = 0;
    if (fflush(stdout) != 0 || had_error) {
        int reason = errno ? errno : *c->output_errno;
        // stdio has told the reason only to the call that filled its buffer: it is asked for again.
        if (!reason && write(STDOUT_FILENO, "\n", 1) < 0)
            reason = errno;
        cli_fail(c, CLI_FAILED, "cannot write to standard output%s%s",
            reason ? ": " : "", reason ? strerror(reason) : "");
        return code != CLI_OK ? code : CLI_FAILED;
    }
    return code;
}

// ---- Finding the command

static void drop_words(cli *c, size_t count)
{
    c->words += count;
    c->word_count -= count;
}

// "task" and "ls" in the words become the command "task ls".
static const cli_command *two_words(const cli *c, const char *noun)
{
    char name[64];
    if (c->word_count == 0)
        return NULL;
    int size = snprintf(name, sizeof name, "%s %s", noun, cli_canonical(c->words[0]));
    return size < (int)sizeof name ? cli_find_command(c, name) : NULL;
}

// noun NULL: the first word is unknown, else the second.
static int unknown_command(cli *c, const char *noun)
{
    enum { MOST = 80, ROOM = 24 };
    char words[MOST][ROOM];
    const char *names[MOST] = { NULL };
    size_t count = 0, prefix = noun ? strlen(noun) + 1 : 0;
    for (size_t i = 0; c->commands[i] && count < MOST; i++) {
        const char *name = c->commands[i]->name;
        if (noun && (strncmp(name, noun, prefix - 1) != 0 || name[prefix - 1] != ' '))
            continue;
        name += prefix;
        snprintf(words[count], ROOM, "%.*s", (int)strcspn(name, " "), name);
        names[count] = words[count];
        count++;
    }

    const char *near = gf_meant(c->words[0], names, count),
               *hint = cli_hint(noun, cli_canonical(c->words[0]));
    const char *verb = noun ? noun : "";
    const char *gap = noun ? " " : "";
    if (hint)
        return cli_fail(c, CLI_USAGE, "there is no command '%s%s%s'; here it is '%s'", verb, gap,
            c->words[0], hint);
    if (near)
        return cli_fail(c, CLI_USAGE, "there is no command '%s%s%s'; did you mean '%s%s%s'?",
            verb, gap, c->words[0], verb, gap, near);
    return cli_fail(c, CLI_USAGE, "there is no command '%s%s%s'; see 'gofer help'", verb, gap,
        c->words[0]);
}

// Sets c->command and leaves its words and options in c->words. With CLI_OK and no command, help
// was asked for, or *noun is the group to be explained.
static int find_command(cli *c, int argc, const char *const *argv, const char **noun)
{
    cli_taker taker = { .who = "gofer", .stop_at_word = 1 };
    int code = cli_parse(c, &taker, argv + 1, (size_t)(argc > 0 ? argc - 1 : 0));
    if (code != CLI_OK || c->word_count == 0)
        return code;

    const char *first = cli_canonical(c->words[0]);
    c->command = cli_find_command(c, first);
    int group = cli_is_group(c, first);
    if (!c->command && !group)
        return unknown_command(c, NULL);
    drop_words(c, 1);
    if (!group)
        return CLI_OK;

    // "worker" is a command and a group: its own options may follow it at once.
    if (!c->command) {
        taker.who = first;
        code = cli_parse(c, &taker, c->words, c->word_count);
        if (code != CLI_OK)
            return code;
    }
    const cli_command *both = two_words(c, first);
    if (both) {
        c->command = both;
        drop_words(c, 1);
    } else if (!c->command) {
        *noun = first;
        return c->word_count ? unknown_command(c, first) : CLI_OK;
    } else if (c->word_count && c->words[0][0] != '-') {
        return unknown_command(c, first);
    }
    return CLI_OK;
}

static int check_words(cli *c)
{
    const cli_command *command = c->command;
    if (command->words_max >= 0 && c->word_count > (size_t)command->words_max)
        return cli_fail(c, CLI_USAGE, "%s: '%s' is one argument too many; usage: gofer %s%s%s",
            command->name, c->words[command->words_max], command->name, *command->usage ? " " : "",
            command->usage);
    if (c->word_count < (size_t)command->words_min)
        return cli_fail(c, CLI_USAGE, "%s: an argument is missing; usage: gofer %s %s",
            command->name, command->name, command->usage);
    return CLI_OK;
}

// In the environment: so every client has them, and so have programs that a worker runs, wherever
// they do. Only a file's name comes by the command line, which others may read.
static int pass_keys(cli *c)
{
    if (!c->global.keys)
        return CLI_OK;
    char *path = realpath(c->global.keys, NULL);
    if (!path)
        return cli_fail(c, CLI_USAGE, "--keys: '%s' is no file that can be found: %s",
            c->global.keys, strerror(errno));
    int failed = setenv("GOFER_KEYS", path, 1);
    free(path);
    return failed ? cli_fail(c, CLI_FAILED, "no memory for the keys' path") : CLI_OK;
}

static int run_command(cli *c)
{
    void *args = cli_keep(c, cli_alloc(c->command->args_size));
    cli_taker taker = { .who = c->command->name, .options = c->command->options, .args = args };
    int code = cli_parse(c, &taker, c->words, c->word_count);
    if (code != CLI_OK)
        return code;
    if (c->global.help) {
        cli_help_command(c, stdout, c->command);
        return CLI_OK;
    }
    code = check_words(c);
    if (code == CLI_OK)
        code = pass_keys(c);
    return code != CLI_OK ? code : c->command->run(c, args);
}

static int run(cli *c, int argc, const char *const *argv)
{
    const char *noun = NULL;
    int code = find_command(c, argc, argv, &noun);
    if (code != CLI_OK)
        return code;
    if (c->command)
        return run_command(c);

    if (c->global.version) {
        c->command = cli_find_command(c, "version");
        c->words = NULL;
        c->word_count = 0;
        return run_command(c);
    }
    // Help that was asked for is output; help instead of work is an error.
    FILE *out = c->global.help ? stdout : stderr;
    if (noun)
        cli_help_group(c, out, noun);
    else
        cli_help_overview(c, out, c->global.help);
    return c->global.help ? CLI_OK : CLI_USAGE;
}

int main(int argc, char **argv)
{
    prepare_process();
    zones_find();
    int output_errno = 0;
    cli c = { .commands = cli_commands,
        .color = screen_color(STDOUT_FILENO),
        .output_errno = &output_errno };
    // Known before the parsing, so that its errors too come in the form asked for.
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--json") == 0)
            c.global.json = 1;

    int code = run(&c, argc, (const char *const *)argv);
    code = close_output(&c, code);

    for (size_t i = 0; i < c.kept_count; i++)
        free(c.kept[i]);
    free(c.kept);
    return code;
}
