// audit.c - who did what: a record of each act, and pages of the latest.
//
// May touch: broker/broker.h, info/info.h, util/record.h. What was done is done, whatever becomes
// of its record: so texts are cut and cleaned here, never refused for their length or their bytes.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client.h"
#include "inspect/inspect.h"
#include "util/alloc.h"
#include "util/error.h"
#include "util/record.h"
#include "util/text.h"
#include "util/utf8.h"

enum {
    LOOK_MAX = 10000,              // records that one call looks at
    PAGE_MAX = 500,                // of the store
    KEEP_MAX = 1000000,
    TEXT_MAX = 512                 // bytes of the longest text
};

static const struct { const char *name; size_t offset, most; } texts[] = {
    { "actor", offsetof(gofer_audit, actor), 128 },
    { "via", offsetof(gofer_audit, via), 16 },
    { "address", offsetof(gofer_audit, address), 64 },
    { "act", offsetof(gofer_audit, act), 64 },
    { "queue", offsetof(gofer_audit, queue), GF_NAME_MAX },
    { "target", offsetof(gofer_audit, target), TEXT_MAX },
    { "outcome", offsetof(gofer_audit, outcome), 32 },
    { "message", offsetof(gofer_audit, message), TEXT_MAX },
};
enum { TEXTS = sizeof texts / sizeof *texts };

// ---- adding -------------------------------------------------------------------------------------

void gofer_audit_init(gofer_audit *record)
{
    *record = (gofer_audit){ .size = sizeof *record };
}

static gofer_status read_record(gofer_audit *out, const gofer_audit *given)
{
    gofer_status st = given ? gf_read_options(out, sizeof *out, given, "gofer_audit")
                            : gf_fail(GOFER_EINVAL, "gofer_client_audit_add: record is NULL");
    if (st != GOFER_OK)
        return st;
    if (!out->actor || !*out->actor || !out->via || !*out->via || !out->act || !*out->act)
        return gf_fail(GOFER_EINVAL, "a record of the audit needs actor, via and act");
    if (out->keep < 0 || out->keep > KEEP_MAX)
        return gf_fail(GOFER_EINVAL, "keep is %lld: it must be from 1 to %d, or 0 (as it is)",
            (long long)out->keep, KEEP_MAX);
    if (!out->outcome || !*out->outcome)
        out->outcome = "ok";
    return GOFER_OK;
}

static const char *text_at(const gofer_audit *a, size_t offset)
{
    const char *text;
    memcpy(&text, (const char *)a + offset, sizeof text);
    return text;
}

gofer_status gofer_client_audit_add(gofer_client *client, const gofer_audit *record)
{
    gofer_audit a;
    gf_record line = { 0 };
    gofer_status st = gf_client_check(client, "gofer_client_audit_add");
    if (st == GOFER_OK)
        st = read_record(&a, record);
    if (st == GOFER_OK && !client->broker->ops->audit)
        st = gf_client_cannot(client, "the audit");
    if (st != GOFER_OK)
        return st;
    for (size_t i = 0; i < TEXTS; i++) {
        char clean[TEXT_MAX + 1];
        const char *text = text_at(&a, texts[i].offset);
        if (!text)
            continue;
        gf_utf8_clean(text, strlen(text), clean, texts[i].most + 1);
        gf_record_text(&line, texts[i].name, clean);
    }
    gf_record_int(&line, "count", a.count);
    st = line.bad ? gf_fail_nomem("a record of the audit")
                  : client->broker->ops->audit->add(client->broker, line.text, a.keep);
    gf_record_clear(&line);
    return st;
}

// ---- reading ------------------------------------------------------------------------------------

typedef struct reading {
    gf_broker         *broker;
    gofer_audit_filter filter;
    size_t             limit, looked;
    int64_t            before;     // the number of the latest record that was looked at; 0: none
    bool               ended;      // there are no more
    gofer_info        *list;
} reading;

void gofer_audit_filter_init(gofer_audit_filter *filter)
{
    *filter = (gofer_audit_filter){ .size = sizeof *filter };
}

static gofer_status read_filter(gofer_audit_filter *out, const gofer_audit_filter *given)
{
    gofer_status st = gf_read_options(out, sizeof *out, given, "gofer_audit_filter");
    if (st == GOFER_OK && out->actor)
        st = gf_check_name("actor of the filter", out->actor);
    if (st == GOFER_OK && out->act)
        st = gf_check_name("act of the filter", out->act);
    return st == GOFER_OK ? gf_check_time("since_ms", out->since_ms) : st;
}

static gofer_status read_cursor(const char *cursor, int64_t *out)
{
    size_t digits = cursor ? strspn(cursor, "0123456789") : 0;
    if (!cursor || !*cursor)
        return GOFER_OK;
    if (cursor[digits] || digits > 18 || (*out = strtoll(cursor, NULL, 10)) == 0)
        return gf_fail(GOFER_EINVAL,
            "'%.60s' is not a cursor of the audit: use next_cursor of the page before", cursor);
    return GOFER_OK;
}

static bool fits(const char *pattern, const char *text)
{
    size_t size = pattern ? strlen(pattern) : 0;
    if (!size)
        return true;
    return pattern[size - 1] == '*' ? strncmp(text, pattern, size - 1) == 0
                                    : strcmp(text, pattern) == 0;
}

static bool matches(const reading *r, const gofer_info *item)
{
    return gofer_info_int(item, "at_ms", 0) >= r->filter.since_ms &&
        fits(r->filter.actor, gofer_info_text(item, "actor")) &&
        fits(r->filter.act, gofer_info_text(item, "act"));
}

static int set_text(gofer_info *item, const char *line, const char *name)
{
    char *text = NULL;
    size_t size;
    if (!gf_record_get_text(line, name, &text, &size))
        return gf_fail_nomem("the audit"), -1;
    int bad = gf_info_set_text(item, name, text);
    gf_free(text);
    return bad;
}

// NULL: no memory.
static gofer_info *item_of(const char *line)
{
    gofer_info *item = gf_info_record();
    int bad = !item || gf_info_set_int(item, "at_ms", gf_record_get_int(line, "at_ms", 0)) != 0;
    for (size_t i = 0; i < TEXTS && !bad; i++)
        bad = set_text(item, line, texts[i].name);
    if (!bad)
        bad = gf_info_set_int(item, "count", gf_record_get_int(line, "count", 0));
    if (!bad)
        return item;
    gofer_info_free(item);
    return NULL;
}

// What another program has put there may be anything; it is passed over.
static bool is_whole(const gofer_info *item)
{
    return gofer_info_has(item, "actor") && gofer_info_has(item, "via") &&
        gofer_info_has(item, "act") && gofer_info_has(item, "outcome");
}

static gofer_status take_lines(reading *r, const gf_names *lines)
{
    for (size_t i = 0; i < lines->count && gofer_info_count(r->list) < r->limit; i++) {
        gofer_info *item = item_of(lines->names[i]);
        int64_t number = gf_record_get_int(lines->names[i], "n", 0);
        if (!item)
            return GOFER_ENOMEM;
        r->looked++;
        if (number > 0)
            r->before = number;
        if (!is_whole(item) || !matches(r, item))
            gofer_info_free(item);
        else if (gf_info_add(r->list, item) != 0)
            return GOFER_ENOMEM;
        if (i + 1 == lines->count)
            return GOFER_OK;       // all of them were looked at
    }
    r->ended = false;
    return GOFER_OK;
}

// One more than is wanted says whether there are more.
static gofer_status read_page(reading *r)
{
    gf_names lines = { 0 };
    size_t size = r->limit - gofer_info_count(r->list) + 1;
    if (r->filter.actor || r->filter.act || r->filter.since_ms || size > PAGE_MAX)
        size = PAGE_MAX;
    int64_t before = r->before;
    gofer_status st = r->broker->ops->audit->page(r->broker, before, size, &lines);
    r->ended = lines.count < size;
    if (st == GOFER_OK)
        st = take_lines(r, &lines);
    if (r->before == before)       // nothing that has a number: no way on
        r->ended = true;
    gf_names_clear(&lines);
    return st;
}

static gofer_status finish(reading *r)
{
    char cursor[24];
    if (r->ended)
        return GOFER_OK;
    snprintf(cursor, sizeof cursor, "%lld", (long long)r->before);
    return gf_info_set_text(r->list, "next_cursor", cursor) == 0 ? GOFER_OK : GOFER_ENOMEM;
}

gofer_status gofer_client_audit(gofer_client *client, const gofer_audit_filter *filter,
    const char *cursor, int32_t limit, gofer_info **out)
{
    reading r = { 0 };
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_audit: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_audit");
    if (st == GOFER_OK)
        st = read_filter(&r.filter, filter);
    if (st == GOFER_OK)
        st = gf_check_limit(limit, &r.limit);
    if (st == GOFER_OK)
        st = read_cursor(cursor, &r.before);
    if (st == GOFER_OK && !client->broker->ops->audit)
        st = gf_client_cannot(client, "the audit");
    if (st != GOFER_OK)
        return st;
    r.broker = client->broker;
    r.list = gf_info_list();
    st = r.list ? GOFER_OK : GOFER_ENOMEM;
    while (st == GOFER_OK && !r.ended && r.looked < LOOK_MAX &&
           gofer_info_count(r.list) < r.limit)
        st = read_page(&r);
    if (st == GOFER_OK)
        st = finish(&r);
    if (st == GOFER_OK)
        *out = r.list;
    else
        gofer_info_free(r.list);
    return st;
}
