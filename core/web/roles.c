// roles.c - roles by their names, and what a proxy's groups are worth.
#include "roles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"

static unsigned role_of(const char *role, size_t whole)
{
    enum { OPERATES = WEB_SEE | WEB_PAYLOAD | WEB_ENQUEUE | WEB_OPERATE | WEB_METRICS };
    static const struct { const char *name; unsigned rights; } roles[] = {
        { "see", WEB_SEE | WEB_METRICS }, { "payload", WEB_PAYLOAD }, { "enqueue", WEB_ENQUEUE },
        { "operate", OPERATES }, { "admin", WEB_EVERYTHING }, { "metrics", WEB_METRICS },
    };
    unsigned rights = 0;
    const char *end = role + whole;
    for (const char *at = role;; at++) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        size_t size = (size_t)((comma ? comma : end) - at);
        size_t i = 0, count = sizeof roles / sizeof *roles;
        while (i < count && (strlen(roles[i].name) != size || memcmp(at, roles[i].name, size) != 0))
            i++;
        if (i == count)
            return 0;
        rights |= roles[i].rights;
        at += size;
        if (at == end)
            return rights;
    }
}

unsigned web_role(const char *role)
{
    return role_of(role, strlen(role));
}

// ---- groups

typedef struct entry {
    char     *group;
    web_grant grant;
} entry;

struct web_role_map {
    entry *entries;
    size_t count;
};

// Groups may have a '=' in them, as those of LDAP do; roles have none.
static bool read_entry(const char *text, entry *out)
{
    const char *equals = strrchr(text, '='), *role = equals ? equals + 1 : "";
    size_t size = strcspn(role, ":");
    if (!equals || equals == text)
        return false;
    out->grant.rights = role_of(role, size);
    if (role[size] && !web_queues_valid(role + size + 1))
        return false;
    snprintf(out->grant.queues, sizeof out->grant.queues, "%s", role[size] ? role + size + 1 : "");
    out->group = strndup(text, (size_t)(equals - text));
    return out->group && out->grant.rights;
}

web_role_map *web_role_map_new(const char *const *entries, size_t count, char *why, size_t size)
{
    web_role_map *map = calloc(1, sizeof *map);
    snprintf(why, size, "there is no memory");
    if (map && !(map->entries = calloc(count + 1, sizeof *map->entries))) {
        free(map);
        return NULL;
    }
    for (size_t i = 0; map && i < count; i++) {
        map->count++;
        if (read_entry(entries[i], &map->entries[i]))
            continue;
        snprintf(why, size, "--role-map %.100s is not GROUP=ROLE or GROUP=ROLE:QUEUES, or there is "
            "no such role", entries[i]);
        web_role_map_free(map);
        return NULL;
    }
    return map;
}

void web_role_map_free(web_role_map *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < map->count; i++)
        free(map->entries[i].group);
    free(map->entries);
    free(map);
}

// Is the group one of these? Blanks around each do not count.
static bool is_in(const char *group, const char *groups)
{
    size_t size = strlen(group);
    for (const char *at = groups;; at++) {
        at += strspn(at, " \t");
        size_t length = strcspn(at, ","), left = length;
        while (left && (at[left - 1] == ' ' || at[left - 1] == '\t'))
            left--;
        if (left == size && memcmp(at, group, size) == 0)
            return true;
        at += length;
        if (!*at)
            return false;
    }
}

void web_role_map_find(const web_role_map *map, const char *groups, web_scope *out)
{
    out->count = 0;
    for (size_t i = 0; i < map->count; i++) {
        const entry *e = &map->entries[i];
        if (strcmp(e->group, "*") == 0 || is_in(e->group, groups))
            (void)web_scope_add(out, &e->grant);
    }
}
