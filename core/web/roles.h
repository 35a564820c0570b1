// roles.h - roles by their names, and what a proxy's groups are worth.
//
// Pure but for memory.
#ifndef WEB_ROLES_H
#define WEB_ROLES_H

#include <stddef.h>

#include "scope.h"

enum { WEB_ROLE_MAX = 64 };

// "see", "operate", "admin", "metrics", or rights with commas between them. 0: no such.
unsigned web_role(const char *role);

typedef struct web_role_map web_role_map;

// Of entries GROUP=ROLE or GROUP=ROLE:QUEUES; a GROUP "*" is everybody. NULL: `why` says why not.
web_role_map *web_role_map_new(const char *const *entries, size_t count, char *why, size_t size);
void web_role_map_free(web_role_map *map);      // NULL is fine
// What somebody may who is in these groups, which have commas between them. Entries past
// WEB_GRANTS_MAX different lists of queues give nothing.
void web_role_map_find(const web_role_map *map, const char *groups, web_scope *out);

#endif
