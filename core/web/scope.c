// scope.c - what one may do, and in which queues.
#include "scope.h"

#include <stdio.h>
#include <string.h>

// Goes back to the last '*' only, so it takes at most size * length steps.
bool web_pattern_fits(const char *pattern, size_t size, const char *text)
{
    const char *end = pattern + size, *star = NULL, *again = NULL;
    while (*text) {
        if (pattern < end && *pattern == '*') {
            star = ++pattern;
            again = text;
        } else if (pattern < end && *pattern == *text) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star;
            text = ++again;
        } else {
            return false;
        }
    }
    while (pattern < end && *pattern == '*')
        pattern++;
    return pattern == end;
}

// ---- lists of queues

// The size of the word at the start of the list; *next: the one behind it, NULL: none.
static size_t word_of(const char *list, const char **next)
{
    size_t size = strcspn(list, ",");
    *next = list[size] ? list + size + 1 : NULL;
    return size;
}

bool web_queues_valid(const char *queues)
{
    if (strlen(queues) >= WEB_QUEUES_MAX)
        return false;
    for (const char *at = queues, *next; at; at = next) {
        size_t size = word_of(at, &next);
        if (size == 0)
            return false;
        for (size_t i = 0; i < size; i++)
            if ((unsigned char)at[i] <= ' ' || at[i] == 0x7f)
                return false;
    }
    return true;
}

static bool names(const char *queues, const char *queue)
{
    if (!*queues)
        return true;
    for (const char *at = queues, *next; at; at = next)
        if (web_pattern_fits(at, word_of(at, &next), queue))
            return true;
    return false;
}

// A pattern that a worker serves ends in its one '*'.
static bool touches(const char *queues, const char *served)
{
    size_t stem = strlen(served) - 1;
    if (!*queues || names(queues, served))
        return true;
    if (served[stem] != '*')
        return false;
    for (const char *at = queues, *next; at; at = next) {
        size_t size = word_of(at, &next);
        // One begins as the other does, as far as both go before a '*'.
        const char *star = memchr(at, '*', size);
        size_t fixed = star ? (size_t)(star - at) : size;
        size_t both = fixed < stem ? fixed : stem;
        if (memcmp(at, served, both) == 0 && (star || fixed >= stem))
            return true;
    }
    return false;
}

// ---- scopes

bool web_scope_add(web_scope *scope, const web_grant *grant)
{
    for (size_t i = 0; i < scope->count; i++)
        if (strcmp(scope->grants[i].queues, grant->queues) == 0) {
            scope->grants[i].rights |= grant->rights;
            return true;
        }
    if (scope->count == WEB_GRANTS_MAX)
        return false;
    scope->grants[scope->count++] = *grant;
    return true;
}

void web_scope_mask(web_scope *scope, unsigned rights)
{
    for (size_t i = 0; i < scope->count; i++)
        scope->grants[i].rights &= rights;
}

bool web_scope_same(const web_scope *a, const web_scope *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++)
        same = a->grants[i].rights == b->grants[i].rights
            && strcmp(a->grants[i].queues, b->grants[i].queues) == 0;
    return same;
}

unsigned web_scope_rights(const web_scope *scope)
{
    unsigned rights = 0;
    for (size_t i = 0; i < scope->count; i++)
        rights |= scope->grants[i].rights;
    return rights;
}

static bool any(const web_scope *scope, unsigned right, const char *queue,
    bool (*fits)(const char *queues, const char *queue))
{
    for (size_t i = 0; i < scope->count; i++) {
        const web_grant *grant = &scope->grants[i];
        if ((grant->rights & right) == right && fits(grant->queues, queue))
            return true;
    }
    return false;
}

static bool is_empty(const char *queues, const char *queue)
{
    (void)queue;
    return !*queues;
}

bool web_scope_everywhere(const web_scope *scope, unsigned right)
{
    return any(scope, right, "", is_empty);
}

bool web_scope_may(const web_scope *scope, unsigned right, const char *queue)
{
    return any(scope, right, queue, names);
}

bool web_scope_touches(const web_scope *scope, unsigned right, const char *served)
{
    return *served && any(scope, right, served, touches);
}

bool web_scope_covers(const web_scope *scope, unsigned right, const char *served)
{
    // The served pattern's own '*' is a character like others: only a '*' of ours takes it in.
    return any(scope, right, served, names);
}

bool web_scope_within(const web_scope *scope, unsigned right, unsigned other)
{
    if (web_scope_everywhere(scope, other))
        return true;
    for (size_t i = 0; i < scope->count; i++) {
        unsigned rights = scope->grants[i].rights;
        if (rights & right && !(rights & other))
            return false;
    }
    return true;
}
