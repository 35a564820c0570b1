/* plugin.c - the maintenance handler as a plugin, for `gofer worker --plugin ./maintenance.so`.
 *
 * A plugin is a shared object with these two functions. It does not link to libgofer: the worker
 * that loads it has the library already. */
#include "expire.h"

GOFER_API int32_t gofer_plugin_abi(void);
GOFER_API gofer_status gofer_plugin_init(gofer_worker *worker);

/* Compared before anything else is called, so that a plugin built for another ABI is refused. */
int32_t gofer_plugin_abi(void)
{
    return GOFER_PLUGIN_ABI;
}

gofer_status gofer_plugin_init(gofer_worker *worker)
{
    return gofer_worker_handle(worker, "maintenance:files", expire_files, NULL, NULL);
}
