// fail.c - errors to standard error, in one place, and the exit codes they mean.
//
// Never standard output, never exit: the code is handed up to main. gofer_error_last() is of this
// thread, so these are called on the thread whose call failed.
#include "cli.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "json.h"
#include "screen.h"

int cli_exit_code(gofer_status status)
{
    switch (status) {
    case GOFER_OK:
        return CLI_OK;
    case GOFER_EINVAL:
    case GOFER_ETOOBIG:
    case GOFER_EUNSUPPORTED:
        return CLI_USAGE;
    case GOFER_ENOTFOUND:
        return CLI_NOT_FOUND;
    case GOFER_EEXIST:
    case GOFER_EDUPLICATE:
    case GOFER_ESTATE:
    case GOFER_EFULL:
        return CLI_CONFLICT;
    case GOFER_EBROKER:
    case GOFER_EUNCERTAIN:
    case GOFER_ETIMEOUT:
    case GOFER_ENOSPACE:
        return CLI_BROKER;
    case GOFER_EDENIED:
        return CLI_DENIED;
    default:
        return CLI_FAILED;
    }
}

static void put(const cli *c, FILE *out, int code, gofer_status status, const char *text)
{
    if (c->global.json) {
        fprintf(out, "{\"error\":{\"exit\":%d,\"status\":", code);
        json_put_text(out, status ? gofer_status_name(status) : NULL);
        fputs(",\"message\":", out);
        json_put_text(out, text);
        fputs("}}\n", out);
        return;
    }
    // Inputs are quoted in these texts: they must not reach the terminal as they are.
    char *safe = screen_escape(text, strlen(text), SCREEN_ONE_LINE);
    screen_put(out, screen_color(STDERR_FILENO) && !c->global.no_color, STYLE_BAD, "gofer:");
    fprintf(out, " %s\n", safe);
    free(safe);
}

// In one write: the log has a thread of its own, and its lines go to the same place.
static void say(const cli *c, int code, gofer_status status, const char *text)
{
    char *whole = NULL;
    size_t size = 0;
    fflush(stdout);     // what was said before stands before
    FILE *out = open_memstream(&whole, &size);
    put(c, out ? out : stderr, code, status, text);
    if (out && fclose(out) == 0)
        fwrite(whole, 1, size, stderr);
    free(whole);
}

int cli_fail(const cli *c, int code, const char *format, ...)
{
    char text[1536];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    say(c, code, code == CLI_USAGE ? GOFER_EINVAL : GOFER_OK, text);
    return code;
}

int cli_fail_because(const cli *c, gofer_status status, const char *why)
{
    int code = cli_exit_code(status);
    say(c, code, status, why);
    return code;
}

int cli_fail_status(const cli *c, gofer_status status, const char *what)
{
    char text[1536];
    const char *why = gofer_error_last();
    snprintf(text, sizeof text, "%s%s%s", what ? what : "", what ? ": " : "",
        *why ? why : gofer_status_text(status));
    return cli_fail_because(c, status, text);
}

void cli_note(const cli *c, const char *format, ...)
{
    if (c->global.quiet || c->global.json)
        return;
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    // The reason is known once: who flushes again at the end does not learn it.
    if (fflush(stdout) != 0)
        *c->output_errno = errno;
    char *safe = screen_escape(text, strlen(text), SCREEN_ONE_LINE);
    fprintf(stderr, "%s\n", safe);
    free(safe);
}
