// unserved.c - which queues no live worker serves, though tasks are pending in them.
//
// May touch: broker/broker.h, info/info.h. What a worker serves is the text that the stores list of
// it: "mail=3 low=1 report:*=1".
#include "inspect/unserved.h"

#include <string.h>

#include "info/info.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"

enum { COUNT_AT_ONCE = 256, LOOK_MAX = 10000, WORKERS_AT_ONCE = 256 };

// The texts of the live workers, each once, for a fleet's are mostly the same; owned.
typedef struct servers {
    char **texts;
    size_t count, room;
} servers;

static void servers_clear(servers *s)
{
    for (size_t i = 0; i < s->count; i++)
        gf_free(s->texts[i]);
    gf_free(s->texts);
}

static bool servers_add(servers *s, const gofer_info *workers)
{
    for (size_t i = 0; i < gofer_info_count(workers); i++) {
        const char *text = gofer_info_text(gofer_info_at(workers, i), "queues");
        size_t at = 0;
        while (text && at < s->count && strcmp(s->texts[at], text) != 0)
            at++;
        if (!text || at < s->count)
            continue;
        if (!gf_grow(s->texts, s->room, s->count + 1) || !(s->texts[s->count] = gf_strdup(text)))
            return false;
        s->count++;
    }
    return true;
}

// A page of workers is in memory at a time. What they run comes along.
static gofer_status servers_load(gf_broker *b, servers *s)
{
    gofer_info *page = NULL;
    gofer_status st = GOFER_OK;
    *s = (servers){ 0 };
    do {
        gofer_info *before = page;
        const gf_page next = { gofer_info_text(before, "next_cursor"), WORKERS_AT_ONCE };
        page = NULL;
        st = b->ops->inspect->workers(b, &next, &page);
        gofer_info_free(before);
        if (st == GOFER_OK && !servers_add(s, page))
            st = gf_fail_nomem("the queues of workers");
    } while (st == GOFER_OK && gofer_info_has(page, "next_cursor"));
    gofer_info_free(page);
    if (st != GOFER_OK)
        servers_clear(s);
    return st;
}

// "=3" and then the end or a blank.
static bool is_weight(const char *text)
{
    size_t digits = *text == '=' ? strspn(text + 1, "0123456789") : 0;
    return digits > 0 && (text[1 + digits] == '\0' || text[1 + digits] == ' ');
}

// A name may hold blanks: it is looked for, not cut out.
static bool names(const char *text, const char *queue)
{
    size_t size = strlen(queue);
    for (const char *at = text; (at = strstr(at, queue)); at++)
        if ((at == text || at[-1] == ' ') && is_weight(at + size))
            return true;
    return false;
}

static bool matches(const char *text, const char *queue)
{
    for (const char *star = text; (star = strchr(star, '*')); star++) {
        const char *begin = star;
        if (!is_weight(star + 1))
            continue;
        while (begin > text && begin[-1] != ' ')
            begin--;
        if (strncmp(begin, queue, (size_t)(star - begin)) == 0)
            return true;
    }
    return false;
}

static bool is_served(const servers *s, const char *queue)
{
    for (size_t i = 0; i < s->count; i++)
        if (names(s->texts[i], queue) || matches(s->texts[i], queue))
            return true;
    return false;
}

static bool any_pending(const gofer_info *queues)
{
    for (size_t i = 0; i < gofer_info_count(queues); i++)
        if (gofer_info_int(gofer_info_at(queues, i), "pending", 0) > 0)
            return true;
    return false;
}

gofer_status gf_unserved_mark(gf_broker *b, gofer_info **queues)
{
    servers s;
    int bad = 0;
    if (!any_pending(*queues))
        return GOFER_OK;
    gofer_info *marked = gf_info_list();
    gofer_status st = marked ? servers_load(b, &s) : gf_fail_nomem("queues");
    if (st != GOFER_OK) {
        gofer_info_free(marked);
        return st;
    }
    bad = gf_info_set_text(marked, "next_cursor", gofer_info_text(*queues, "next_cursor"));
    for (size_t i = 0; i < gofer_info_count(*queues) && !bad; i++) {
        gofer_info *queue = gf_info_take(*queues, i);
        const char *name = gofer_info_text(queue, "queue");
        if (name && gofer_info_int(queue, "pending", 0) > 0 && !is_served(&s, name))
            bad = gf_info_set_bool(queue, "unserved", true);
        bad |= gf_info_add(marked, queue);
    }
    servers_clear(&s);
    gofer_info_free(*queues);
    *queues = marked;
    return bad ? gf_fail_nomem("queues") : GOFER_OK;
}

// Moves what is found from the list to the front of *out.
static bool pick(const servers *s, char **queues, const gf_counts *counts, size_t count,
    size_t most, gf_names *out)
{
    for (size_t i = 0; i < count; i++) {
        if (counts[i].of[GF_PENDING] <= 0 || is_served(s, queues[i]))
            continue;
        if (out->count == most)
            return true;
        out->names[out->count++] = queues[i];
        queues[i] = NULL;
    }
    return false;
}

gofer_status gf_unserved_find(gf_broker *b, size_t most, gf_names *out, bool *more)
{
    servers s;
    gf_names all = { 0 };
    *more = false;
    *out = (gf_names){ .names = gf_calloc(most + 1, sizeof *out->names) };
    gf_counts *counts = gf_calloc(COUNT_AT_ONCE, sizeof *counts);
    gofer_status st = servers_load(b, &s);
    bool loaded = st == GOFER_OK;
    if (loaded)
        st = out->names && counts ? b->ops->inspect->names(b, &all)
                                  : gf_fail_nomem("the names of queues");
    size_t looks = all.count < LOOK_MAX ? all.count : LOOK_MAX;
    for (size_t at = 0, count; at < looks && st == GOFER_OK && !*more; at += count) {
        count = looks - at < COUNT_AT_ONCE ? looks - at : COUNT_AT_ONCE;
        st = b->ops->inspect->counts(b, all.names + at, count, counts);
        if (st == GOFER_OK)
            *more = pick(&s, all.names + at, counts, count, most, out);
    }
    if (loaded)
        servers_clear(&s);
    gf_names_clear(&all);
    gf_free(counts);
    if (st != GOFER_OK)
        gf_names_clear(out);
    return st;
}
