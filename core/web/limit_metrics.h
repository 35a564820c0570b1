// limit_metrics.h - what /metrics tells of limits: how many tasks of a key run and wait.
#ifndef WEB_LIMIT_METRICS_H
#define WEB_LIMIT_METRICS_H

#include "exposition.h"

// At most so many keys, NULL if the store has no limits; of more those alone that tasks wait for.
// *many: there are more.
gofer_info *web_limit_keys_ask(gofer_client *client, int32_t most, bool *many);
// keys NULL: the families alone.
void web_limit_keys_put(web_exposition *e, const gofer_info *keys);

#endif
