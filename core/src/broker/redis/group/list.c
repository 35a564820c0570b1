// list.c - pages of groups by name.
//
// The names are a set, which has no order: a page asks for all of them in pieces, and keeps as many
// as it may show. So what a page takes of memory goes by the page. A Go program's names may be any
// bytes: they are compared as such, and escaped in the cursor.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/redis/group/group.h"
#include "broker/redis/inspect/escape.h"
#include "broker/redis/inspect/inspect.h"
#include "broker/redis/upkeep/upkeep.h"
#include "redis_scripts.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/sum.h"
#include "util/utf8.h"

enum {
    NAMES = 5000,                  // asked for at a time,
    COUNTED = 1000,                //   and counted at a time
    BYTES_MAX = 1 << 20,           // of the names of a page: a Go program's may be of any length
    SCANS = 3,                     // of one queue, when the server changes meanwhile
    CURSOR_ROOM = 24,
    SLOT_WORDS = GF_SHARDS_MAX / 64
};

static const gf_rd_script count_script = {
    .name = "count the tasks of groups",
    .text = gf_rd_lua_count_groups,
    .allow_oom = true,
};

// A group; of a sharded queue it may be in several slots.
typedef struct group {
    char    *name;                 // owned; not empty
    size_t   name_size;
    uint64_t slots[SLOT_WORDS];    // a bit of each
    int64_t  size, oldest_s, newest_s;
} group;

// Those behind a name. What does not fit into the page bounds what is still wanted.
typedef struct gathering {
    char  *after;                  // owned; NULL: from the first
    size_t after_size;
    size_t most;                   // 0: all
    group *groups;
    size_t count, room, bytes;
    group  end;                    // the first that is too many; name NULL: none is
} gathering;

static int compare(const char *a, size_t a_size, const char *b, size_t b_size)
{
    int order = memcmp(a, b, gf_min_size(a_size, b_size));
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

static int by_name(const void *a, const void *b)
{
    const group *x = a, *y = b;
    return compare(x->name, x->name_size, y->name, y->name_size);
}

static void gathering_clear(gathering *g)
{
    for (size_t i = 0; i < g->count; i++)
        gf_free(g->groups[i].name);
    gf_free(g->groups);
    gf_free(g->end.name);
    gf_free(g->after);
}

// ---- names --------------------------------------------------------------------------------------

// A name may come twice, and from several slots.
static void merge_twins(gathering *g)
{
    size_t kept = 0;
    for (size_t i = 0; i < g->count; i++) {
        group *one = &g->groups[i], *before = kept ? &g->groups[kept - 1] : NULL;
        if (!before || by_name(before, one) != 0) {
            g->groups[kept++] = *one;
            continue;
        }
        for (size_t w = 0; w < SLOT_WORDS; w++)
            before->slots[w] |= one->slots[w];
        gf_free(one->name);
    }
    g->count = kept;
}

static size_t fitting(const gathering *g)
{
    size_t count = 0, bytes = 0;
    while (count < g->count && (!g->most || count < g->most) &&
        (!g->most || count == 0 || bytes + g->groups[count].name_size <= BYTES_MAX))
        bytes += g->groups[count++].name_size;
    return count;
}

// Sorted, each once, and no more than the page has.
static void cut(gathering *g)
{
    if (g->count > 1)
        qsort(g->groups, g->count, sizeof *g->groups, by_name);
    merge_twins(g);
    size_t fit = fitting(g);
    for (size_t i = fit; i < g->count; i++) {
        gf_free(i == fit ? g->end.name : g->groups[i].name);
        if (i == fit)
            g->end = g->groups[i];
    }
    g->count = fit;
    g->bytes = 0;
    for (size_t i = 0; i < fit; i++)
        g->bytes += g->groups[i].name_size;
}

static bool is_wanted(const gathering *g, const redisReply *name)
{
    size_t size = gf_rd_reply_is_text(name) ? (size_t)name->len : 0;
    return size && (!g->after || compare(name->str, size, g->after, g->after_size) > 0) &&
        (!g->end.name || compare(name->str, size, g->end.name, g->end.name_size) < 0);
}

static bool add_name(gathering *g, const redisReply *name, size_t slot)
{
    if (!gf_grow(g->groups, g->room, g->count + 1))
        return false;
    group one = { .name = gf_alloc((size_t)name->len), .name_size = (size_t)name->len,
        .oldest_s = GF_RD_NEVER, .newest_s = GF_RD_NEVER };
    if (!one.name)
        return false;
    memcpy(one.name, name->str, one.name_size);
    one.slots[slot / 64] = UINT64_C(1) << slot % 64;
    g->groups[g->count++] = one;
    g->bytes += one.name_size;
    return true;
}

static gofer_status add_piece(gathering *g, const redisReply *names, size_t slot)
{
    for (size_t i = 0; names && i < names->elements; i++) {
        if (!is_wanted(g, names->element[i]))
            continue;
        if (!add_name(g, names->element[i], slot))
            return gf_fail_nomem("names of groups");
        if (g->most && (g->count >= 2 * g->most + NAMES || g->bytes > 2 * BYTES_MAX))
            cut(g);
    }
    return GOFER_OK;
}

// *at: the cursor, "0" behind the last piece.
static gofer_status ask_piece(gf_rd_store *s, const char *queue, char at[CURSOR_ROOM],
    redisReply **reply)
{
    gf_rd_key key;
    gf_rd_cmd cmd = { .slot = gf_rd_queue_slot(queue), .reads = true };
    gf_rd_key_of(&key, queue, "groups");
    gf_rd_add(&cmd.args, "SSCAN");
    gf_rd_add(&cmd.args, key.text);
    gf_rd_add(&cmd.args, at);
    gf_rd_add(&cmd.args, "COUNT");
    gf_rd_add_int(&cmd.args, NAMES);
    gofer_status st = gf_rd_call(s, &cmd, reply);
    if (st != GOFER_OK)
        return st;
    const redisReply *next = gf_rd_reply_at(*reply, 0, REDIS_REPLY_STRING);
    if (next && next->len < CURSOR_ROOM) {
        snprintf(at, CURSOR_ROOM, "%s", next->str);
        return GOFER_OK;
    }
    gf_rd_reply_free(*reply);
    return gf_fail(GOFER_ECORRUPT, "SSCAN was answered with something else");
}

static gofer_status scan_once(gf_rd_store *s, const char *queue, size_t slot, gathering *g)
{
    char at[CURSOR_ROOM] = "0";
    gofer_status st;
    do {
        redisReply *reply;
        st = ask_piece(s, queue, at, &reply);
        if (st != GOFER_OK)
            return st;
        st = add_piece(g, gf_rd_reply_at(reply, 1, REDIS_REPLY_ARRAY), slot);
        gf_rd_reply_free(reply);
    } while (st == GOFER_OK && strcmp(at, "0") != 0);
    return st;
}

// A cursor means nothing to another server, and there may be one by now: then once more.
static gofer_status scan(gf_rd_store *s, const char *queue, size_t slot, gathering *g)
{
    gofer_status st = GOFER_OK;
    bool whole = false;
    for (int i = 0; i < SCANS && st == GOFER_OK && !whole; i++) {
        uint64_t remade = gf_rd_net_remade(s->net);
        st = scan_once(s, queue, slot, g);
        whole = gf_rd_net_remade(s->net) == remade;
    }
    return st == GOFER_ECORRUPT ? GOFER_OK : st;     // its key is of another type: as if it
                                                     //   were empty
}

// ---- counts -------------------------------------------------------------------------------------

static bool is_in(const group *g, size_t slot)
{
    return g->slots[slot / 64] >> slot % 64 & 1;
}

static int64_t later(int64_t a_s, int64_t b_s)
{
    return a_s == GF_RD_NEVER || (b_s != GF_RD_NEVER && b_s > a_s) ? b_s : a_s;
}

static void add_counts(group *to, const redisReply *r)
{
    int64_t size = gf_rd_reply_int(gf_rd_reply_at(r, 0, REDIS_REPLY_INTEGER), 0);
    if (size <= 0)
        return;
    to->size = gf_sum(to->size, size);
    to->oldest_s = gf_min(to->oldest_s,
        gf_rd_reply_score(gf_rd_reply_at(r, 1, REDIS_REPLY_STRING)));
    to->newest_s = later(to->newest_s,
        gf_rd_reply_score(gf_rd_reply_at(r, 2, REDIS_REPLY_STRING)));
}

// Of those from *at on that are in this slot, at most COUNTED; *at: the first that is left.
static gofer_status count_some(gf_rd_store *s, const char *queue, size_t slot, gathering *g,
    size_t *at)
{
    static const char *const rests[] = { "groups" };
    group *asked[COUNTED];
    size_t count = 0;
    gf_rd_key key, prefix;
    gf_rd_cmd cmd;
    redisReply *reply;
    gf_rd_script_begin(&cmd, &count_script, queue, true);
    cmd.reads = true;
    gf_rd_add_keys(&cmd, &key, queue, rests, COUNT_OF(rests));
    gf_rd_key_of(&prefix, queue, "g:");
    gf_rd_add(&cmd.args, prefix.text);
    for (; *at < g->count && count < COUNTED; ++*at) {
        group *one = &g->groups[*at];
        if (!is_in(one, slot))
            continue;
        asked[count++] = one;
        gf_rd_add_bytes(&cmd.args, one->name, one->name_size);
    }
    if (!count) {
        gf_rd_cmd_clear(&cmd);
        return GOFER_OK;
    }
    gofer_status st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < count; i++)
        add_counts(asked[i], gf_rd_reply_at(reply, i, REDIS_REPLY_ARRAY));
    gf_rd_reply_free(reply);
    return GOFER_OK;
}

static gofer_status count_all(gf_rd_store *s, char *const *queues, size_t count, gathering *g)
{
    gofer_status st = GOFER_OK;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < g->count && st == GOFER_OK;)
            st = count_some(s, queues[i], i, g, &at);
    return st;
}

// ---- what is shown ------------------------------------------------------------------------------

static int add_group(gofer_info *list, const group *g)
{
    char *shown = gf_alloc(g->name_size * 3 + 1);        // U+FFFD is three bytes
    gofer_info *to = shown ? gf_info_record() : NULL;
    int bad = to ? 0 : -1;
    if (to) {
        gf_utf8_clean(g->name, g->name_size, shown, g->name_size * 3 + 1);
        bad = gf_info_set_text(to, "group", shown) | gf_info_set_int(to, "size", g->size);
        if (g->oldest_s != GF_RD_NEVER)
            bad |= gf_info_set_int(to, "oldest_at_ms", g->oldest_s * 1000);
        if (g->newest_s != GF_RD_NEVER)
            bad |= gf_info_set_int(to, "newest_at_ms", g->newest_s * 1000);
    }
    gf_free(shown);
    if (!bad)
        return gf_info_add(list, to);
    gofer_info_free(to);
    return -1;
}

static int set_cursor(gofer_info *list, const group *last)
{
    char *text = gf_alloc(last->name_size * 3 + 1);
    if (!text)
        return -1;
    gf_rd_escape(text, last->name, last->name_size);
    int bad = gf_info_set_text(list, "next_cursor", text);
    gf_free(text);
    return bad;
}

static gofer_status show(const gathering *g, gofer_info **out)
{
    gofer_info *list = gf_info_list();
    int bad = !list;
    for (size_t i = 0; i < g->count && !bad; i++)
        if (g->groups[i].size > 0)
            bad = add_group(list, &g->groups[i]);
    if (!bad && g->end.name)
        bad = set_cursor(list, &g->groups[g->count - 1]);
    return gf_info_hand_over(bad ? gf_fail_nomem("the list of groups") : GOFER_OK, list, out);
}

static gofer_status gathering_begin(gathering *g, const gf_page *page)
{
    *g = (gathering){ .most = page ? page->limit : 0 };
    const char *cursor = page ? page->cursor : NULL;
    if (!cursor)
        return GOFER_OK;
    g->after = gf_rd_unescape(cursor, strlen(cursor), &g->after_size);
    return g->after ? GOFER_OK
        : gf_fail(GOFER_EINVAL,
              "'%.40s' is not a cursor of groups: use next_cursor of the page before", cursor);
}

gofer_status gf_rd_groups_of(gf_rd_store *s, char *const *queues, size_t count,
    const gf_page *page, gofer_info **out)
{
    gathering g;
    gofer_status st = gf_rd_check(s);
    if (st == GOFER_OK)
        st = gathering_begin(&g, page);
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < count && st == GOFER_OK; i++)
        st = scan(s, queues[i], i, &g);
    cut(&g);
    if (st == GOFER_OK)
        st = count_all(s, queues, count, &g);
    if (st == GOFER_OK)
        st = show(&g, out);
    gathering_clear(&g);
    return st;
}

gofer_status gf_rd_groups(gf_broker *b, const char *queue, const gf_page *page, gofer_info **out)
{
    gf_rd_store *s = (gf_rd_store *)b;
    char *queues[] = { (char *)queue };
    gofer_info *list;
    gofer_status st = gf_rd_groups_of(s, queues, 1, page, &list);
    if (st == GOFER_OK && gofer_info_count(list) == 0) {
        st = gf_rd_queue_need(s, queue);
        return gf_info_hand_over(st, list, out);
    }
    if (st == GOFER_OK)
        *out = list;
    return st;
}
