// cmd_top.c - `gofer top`: the loop, and the terminal before and after it.
//
// No events: the loop waits for a key until the view is to be loaded anew. The signal handler sets
// a flag, and getch() returns. The doctor looks in a thread of its own.
#include <curses.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "top.h"

enum {
    STORE_TIMEOUT_MS = 2000,        // keys wait so long for a store that is away
    STILL_LOOKING = -1
};

typedef struct top_args {
    int read_only;
} top_args;

static const cli_option options[] = {
    { "read-only", 0, CLI_FLAG, offsetof(top_args, read_only), NULL,
      "change nothing, whatever is pressed", 0, 0 },
    CLI_OPTIONS_END
};

// A handler can reach nothing but globals: set once, by a signal that ends the process.
static volatile sig_atomic_t ended;

static void on_signal(int number)
{
    ended = number;
}

// In place of ncurses' own handlers, which would end the process with the client open.
static void catch_signals(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction action = { .sa_handler = on_signal };
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)sigaction(numbers[i], &action, NULL);     // these numbers cannot fail
}

// Its user's locale tells what a terminal shows; where it tells nothing, that is UTF-8 today. The
// process itself stays with UTF-8 (main.c), by which widths are measured.
static int is_ascii(void)
{
    static const char *const names[] = { "LC_ALL", "LC_CTYPE", "LANG" };
    int is_told = 0, ascii;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = getenv(names[i]);
        is_told |= value && *value;
    }
    if (!is_told)
        return 0;
    char before[64];
    snprintf(before, sizeof before, "%s", setlocale(LC_CTYPE, NULL));
    ascii = !setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    (void)setlocale(LC_CTYPE, before);
    return ascii;
}

static void loop(top *t)
{
    top_draw(t);                    // learns how many rows fit
    top_load(t);
    while (!t->quit && !ended) {
        top_draw(t);
        timeout((int)top_due_ms(t));
        int key = getch();
        if (key != ERR) {
            top_pulse_wake(t);
            top_key(t, key);
        }
        else if (!t->help && top_due_ms(t) == 0)
            top_load(t);
        else if (t->help)
            t->loaded_ms = cli_now_ms();
    }
}

// The log would be written across the screen: what fails is shown in the last line instead.
static int open_client(cli *c, gofer_client **out)
{
    gofer_client_options opts;
    gofer_client_options_init(&opts);
    opts.timeout_ms = STORE_TIMEOUT_MS;
    gofer_status st = gofer_client_open(out, c->global.url, &opts);
    return st == GOFER_OK ? CLI_OK : cli_fail_status(c, st, NULL);
}

static void prepare_screen(top *t)
{
    (void)set_escdelay(50);         // over ssh an arrow's bytes come together
    (void)cbreak();
    (void)noecho();
    (void)keypad(stdscr, TRUE);
    (void)curs_set(0);
    top_colors(t);
}

static void forget(top *t)
{
    top_forget_page(t);
    cursors_clear(&t->queues);
    grid_clear(&t->grid);
    page_clear(&t->page);
    failures_clear(&t->failures);
    top_pulse_clear(t);
    free(t);
}

// Returns an exit code, or STILL_LOOKING.
static int show(cli *c, gofer_client *client, int read_only)
{
    SCREEN *screen = newterm(NULL, stdout, stdin);
    if (!screen) {
        const char *term = getenv("TERM");
        return cli_fail(c, CLI_USAGE, "top: the terminal '%.64s' is not known here (see $TERM)",
            term ? term : "");
    }
    top *t = cli_alloc(sizeof *t);
    *t = (top){ .c = c, .client = client, .read_only = read_only, .hours = 1,
        .ascii = is_ascii() };
    int has_scout = scout_init(&t->scout) == 0;
    if (has_scout) {
        top_pulse_wake(t);
        catch_signals();
        prepare_screen(t);
        loop(t);
    }
    (void)endwin();
    delscreen(screen);
    if (!has_scout) {
        forget(t);
        return cli_fail(c, CLI_FAILED, "top: there is no lock to be had");
    }
    if (!scout_end(&t->scout))
        return STILL_LOOKING;
    forget(t);
    return CLI_OK;
}

static int run(cli *c, const void *user)
{
    const top_args *args = user;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return cli_fail(c, CLI_USAGE,
            "top: needs a terminal; 'gofer stats' and 'gofer task ls' print the same once");
    if (c->global.json)
        return cli_fail(c, CLI_USAGE,
            "top: there is no --json of a screen; see 'gofer stats --json'");
    gofer_client *client = NULL;
    int code = open_client(c, &client);
    if (code != CLI_OK)
        return code;

    code = show(c, client, args->read_only);
    // The doctor's look cannot be broken off, and it only reads: the process ends under it.
    if (code == STILL_LOOKING)
        _exit(CLI_OK);
    gofer_client_close(client);
    return code;
}

const cli_command cmd_top = {
    .name = "top",
    .summary = "look at queues, tasks, workers, schedules and failures, live and full-screen",
    .usage = "",
    .about =
        "Shows what is there once a second, less often while nothing happens. Arrows and enter "
        "lead from queues to tasks to one task with its attempts and log; tab leads to workers, "
        "schedules, types, failures by kind, and what the doctor found; '?' tells all keys. Tasks "
        "are run, archived, deleted and cancelled by r, a, d and c, in capitals all that match the "
        "filter, after a question. A terminal of 80 x 24 is enough.",
    .examples = "gofer top\ngofer top --read-only --url redis://localhost",
    .options = options,
    .args_size = sizeof(top_args),
    .run = run,
};
