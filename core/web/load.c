// load.c - how much a store has done, read from what it says of itself.
#include "load.h"

#include <stdlib.h>
#include <string.h>

static int64_t number_behind(const char *text, const char *field)
{
    const char *at = text ? strstr(text, field) : NULL;
    return at ? strtoll(at + strlen(field), NULL, 10) : -1;
}

// "db0:keys=12,expires=3,...", a line for each database. Those that end by themselves come and go
// with whoever works or listens.
static int64_t keys_in(const char *text)
{
    static const char keys[] = ":keys=", expires[] = ",expires=";
    int64_t lasting = text && strstr(text, "# Keyspace") ? 0 : -1;
    for (const char *at = text; at && (at = strstr(at, keys));) {
        char *end;
        lasting += strtoll(at + sizeof keys - 1, &end, 10);
        if (strncmp(end, expires, sizeof expires - 1) == 0)
            lasting -= strtoll(end + sizeof expires - 1, NULL, 10);
        at = end;
    }
    return lasting;
}

bool web_load_ask(gofer_client *client, web_load *out)
{
    gofer_info *store = NULL;
    *out = (web_load){ false, -1, -1 };
    if (gofer_client_store(client, NULL, &store) != GOFER_OK)
        return false;
    *out = web_load_read(gofer_info_text(store, "text"));
    gofer_info_free(store);
    return true;
}

web_load web_load_read(const char *text)
{
    return (web_load){ !text, number_behind(text, "\ntotal_commands_processed:"), keys_in(text) };
}

// A server that was started anew counts from 0.
bool web_load_has_changed(const web_load *then, const web_load *now, int64_t queues)
{
    return now->counts_none || now->keys != then->keys || now->commands < then->commands ||
        now->commands - then->commands >= queues * WEB_LOAD_COST * WEB_LOAD_SHARE;
}
