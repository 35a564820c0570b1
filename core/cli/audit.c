// audit.c - what commands have changed is noted in the store's audit.
//
// The one place where they do so: act.c, bulk.c, `gofer top` and the few commands that act by
// themselves come here. An act is done when it is noted; a note that fails is a warning.
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "json.h"
#include "logger.h"

enum { ACTOR_ROOM = 128, ACTOR_PART = 60 };

// Who sits here, as far as the machine knows: ann@build-3.
static void find_actor(char out[ACTOR_ROOM])
{
    char host[ACTOR_PART + 1] = "", buffer[1024], number[24];
    struct passwd entry, *found = NULL;
    if (gethostname(host, ACTOR_PART) != 0 || !*host)
        snprintf(host, sizeof host, "localhost");
    snprintf(number, sizeof number, "%ld", (long)getuid());
    if (getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) != 0)
        found = NULL;
    snprintf(out, ACTOR_ROOM, "%.*s@%s", ACTOR_PART, found ? found->pw_name : number, host);
}

static void warn(const cli *c, const char *act)
{
    char *fields = NULL;
    size_t size;
    FILE *out = c->log ? open_memstream(&fields, &size) : NULL;
    if (!out)
        return;
    fputs("{\"act\":", out);
    json_put_text(out, act);
    fputs(",\"error\":", out);
    json_put_text(out, gofer_error_last());
    fputs("}", out);
    if (fclose(out) == 0)
        logger_write(c->log, GOFER_LOG_WARN, cli_now_ms(), "the act is not in the audit", fields);
    free(fields);
}

gofer_status cli_audit(const cli *c, gofer_client *client, const audit_note *note)
{
    char actor[ACTOR_ROOM], why[AUDIT_WHY_ROOM];
    audit_note whole = *note;
    snprintf(why, sizeof why, "%s", note->why ? note->why : gofer_error_last());
    find_actor(actor);
    whole.actor = actor;
    whole.via = note->via ? note->via : "cli";
    whole.why = why;
    gofer_status st = audit_add(client, &whole);
    if (st != GOFER_OK)
        warn(c, note->act);
    return st;
}
