// secret.c - reads what nobody is to see.
//
// A signal that ends the process must not leave the terminal silent: it is noted, the echo comes
// back, and then it takes its way.
#include "secret.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <termios.h>
#include <unistd.h>

// A handler can reach nothing but globals: set once, by a signal that ends the process.
static volatile sig_atomic_t ended_by;

static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP };
enum { NUMBERS = sizeof numbers / sizeof *numbers };

static void on_signal(int number)
{
    ended_by = number;
}

// Waits for input where signals are blocked but while it waits: none can come between a look at
// ended_by and the wait. False: one has come.
static bool await(const sigset_t *unblocked)
{
    int n = 0;
    while (unblocked && !ended_by && n <= 0) {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(STDIN_FILENO, &set);
        n = pselect(STDIN_FILENO + 1, &set, NULL, NULL, NULL, unblocked);
        if (n < 0 && errno != EINTR)
            break;              // the read tells what is wrong
    }
    return !ended_by;
}

// Up to the end of the line. Its length; -1 and errno: none has come (0: a signal, or the end), it
// is too long (E2BIG), or it has a NUL in it (EINVAL).
static long read_line(const sigset_t *unblocked, char *out, size_t size)
{
    size_t length = 0;
    for (;;) {
        char c;
        bool go_on = await(unblocked);
        ssize_t n = go_on ? read(STDIN_FILENO, &c, 1) : 0;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        errno = 0;
        if (!go_on || (n == 0 && length == 0))
            return -1;
        if (n == 0 || c == '\n')
            break;
        if (length < size)
            out[length] = c;
        length++;
    }
    bool fits = length < size;
    if (fits)
        out[length] = '\0';
    errno = fits ? EINVAL : E2BIG;
    return fits && strlen(out) == length ? (long)length : -1;
}

static long read_hidden(const char *prompt, char *out, size_t size)
{
    struct termios before, silent;
    struct sigaction old[NUMBERS], action = { .sa_handler = on_signal };
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return -1;
    sigset_t these, unblocked;
    sigemptyset(&action.sa_mask);
    sigemptyset(&these);
    for (size_t i = 0; i < NUMBERS; i++) {
        (void)sigaction(numbers[i], &action, &old[i]);      // these numbers cannot fail
        (void)sigaddset(&these, numbers[i]);
    }
    (void)sigprocmask(SIG_BLOCK, &these, &unblocked);
    silent = before;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK | ECHONL);
    // Before it is asked for: what was typed too early is thrown away, for it was echoed.
    bool is_silent = tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) == 0;
    fputs(prompt, stderr);
    (void)fflush(stderr);
    long length = is_silent ? read_line(&unblocked, out, size) : -1;
    int error = errno;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    for (size_t i = 0; i < NUMBERS; i++)
        (void)sigaction(numbers[i], &old[i], NULL);
    (void)sigprocmask(SIG_SETMASK, &unblocked, NULL);
    if (ended_by)
        (void)raise(ended_by);
    errno = error;
    return length;
}

static int complain(const cli *c, const char *what)
{
    if (errno == E2BIG)
        return cli_fail(c, CLI_USAGE, "the %s is too long", what);
    if (errno == EINVAL)
        return cli_fail(c, CLI_USAGE, "the %s has a NUL in it", what);
    return cli_fail(c, CLI_USAGE, "there is no %s on standard input%s%s", what, errno ? ": " : "",
        errno ? strerror(errno) : "");
}

int secret_read(const cli *c, const char *what, char *out, size_t size)
{
    if (!isatty(STDIN_FILENO))
        return read_line(NULL, out, size) < 0 ? complain(c, what) : CLI_OK;
    char prompt[64], *again = cli_alloc(size);
    snprintf(prompt, sizeof prompt, "%s: ", what);
    int code = read_hidden(prompt, out, size) < 0 ? complain(c, what) : CLI_OK;
    if (code == CLI_OK) {
        snprintf(prompt, sizeof prompt, "%s, again: ", what);
        code = read_hidden(prompt, again, size) < 0 ? complain(c, what) : CLI_OK;
    }
    if (code == CLI_OK && strcmp(out, again) != 0)
        code = cli_fail(c, CLI_USAGE, "the two are not the same");
    free(again);
    return code;
}
