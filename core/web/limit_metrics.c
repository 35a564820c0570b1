// limit_metrics.c - what /metrics tells of limits, by key: one question to the store, two if there
// are very many keys. A key that each queue counts for itself has the label "queue", too.
#include "limit_metrics.h"

gofer_info *web_limit_keys_ask(gofer_client *client, int32_t most, bool *many)
{
    gofer_info *keys = NULL, *blocked = NULL;
    *many = false;
    if (gofer_client_limit_keys(client, 0, NULL, most, &keys) != GOFER_OK)
        return NULL;
    *many = gofer_info_has(keys, "next_cursor");
    if (!*many || gofer_client_limit_keys(client, 1, NULL, most, &blocked) != GOFER_OK)
        return keys;
    gofer_info_free(keys);
    return blocked;
}

void web_limit_keys_put(web_exposition *e, const gofer_info *keys)
{
    static const struct { const char *name, *field, *help; } families[] = {
        { "gofer_limit_running", "running", "Tasks of a limit key that workers have taken." },
        { "gofer_limit_waiting", "waiting", "Tasks that wait for a limit key." },
        { "gofer_limit_max", "concurrency", "How many tasks of a limit key may run at a time." },
    };
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        web_family(e, families[f].name, WEB_GAUGE, families[f].help);
        for (size_t i = 0; keys && i < gofer_info_count(keys); i++) {
            const gofer_info *key = gofer_info_at(keys, i);
            const char *queue = gofer_info_text(key, "queue");
            const char *const labels[] = { "key", gofer_info_text(key, "key"),
                queue ? "queue" : NULL, queue, NULL };
            if (gofer_info_has(key, families[f].field))
                web_sample(e, labels, (double)gofer_info_int(key, families[f].field, 0));
        }
    }
}
