// asynqmon.c - what the answers of asynqmon's routes are made of.
#include "asynqmon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "masks.h"
#include "pages.h"
#include "util/go_text.h"
#include "util/json.h"
#include "util/utf8.h"

const char *web_asynqmon_state(const web_call *call)
{
    static const char *const states[] = { "active", "pending", "scheduled", "retry", "archived",
        "completed", "aggregating" };
    const char *end = strstr(call->route->path, "_tasks"), *from = end;
    while (from && from[-1] != '/')
        from--;
    for (size_t i = 0; end && i < sizeof states / sizeof *states; i++)
        if (strlen(states[i]) == (size_t)(end - from)
            && memcmp(states[i], from, (size_t)(end - from)) == 0)
            return states[i];
    return "";
}

static int64_t number_or(const web_call *call, const char *name, int64_t fallback)
{
    const char *text = web_query_word(call, name);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    int64_t n = digits && digits < 10 && !text[digits] ? strtoll(text, NULL, 10) : 0;
    return n > 0 ? n : fallback;
}

void web_asynqmon_page(const web_call *call, int64_t *page, int64_t *size)
{
    *size = number_or(call, "size", 20);
    *page = number_or(call, "page", 1);
    if (*size > WEB_ASYNQMON_PAGE)
        *size = WEB_ASYNQMON_PAGE;
}

// ---- answers ------------------------------------------------------------------------------------

void web_asynqmon_json(web_call *call)
{
    call->reply.status = 200;
    call->reply.type = "application/json";
}

void web_asynqmon_nothing(web_call *call)
{
    web_text_free(&call->reply.body);
    call->reply.status = 204;
}

bool web_asynqmon_has_queue(web_call *call, const char *queue)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_queue(call->client, queue, &info);
    gofer_info_free(info);
    return st != GOFER_ENOTFOUND;
}

void web_asynqmon_fail(web_call *call, gofer_status status)
{
    const char *queue = web_path_word(call, "queue");
    if (status == GOFER_ENOTFOUND && queue)
        web_fail(call, 500, "", "NOT_FOUND: queue \"%.255s\" does not exist", queue);
    else
        web_fail(call, 500, "", "%s", gofer_error_last());
    call->failed = status;
}

void web_asynqmon_fail_task(web_call *call, gofer_status status, const char *text)
{
    char why[512];
    snprintf(why, sizeof why, "%s", gofer_error_last());
    if (status != GOFER_ENOTFOUND)
        web_fail(call, 500, "", "asynq: %s", text ? text : why);
    else if (web_asynqmon_has_queue(call, web_path_word(call, "queue")))
        web_fail(call, 500, "", "asynq: task not found");
    else
        web_fail(call, 500, "", "asynq: queue not found");
    call->failed = status;
}

// ---- members ------------------------------------------------------------------------------------

void web_asynqmon_comma(web_text *out)
{
    char last = out->size ? out->at[out->size - 1] : '{';
    if (last != '{' && last != '[' && last != ':')
        web_text_put(out, ",");
}

void web_asynqmon_key(web_text *out, const char *name)
{
    web_asynqmon_comma(out);
    web_text_json(out, name, strlen(name));
    web_text_put(out, ":");
}

void web_asynqmon_put(web_text *out, const char *name, const char *text)
{
    web_asynqmon_key(out, name);
    web_text_json(out, text ? text : "", text ? strlen(text) : 0);
}

void web_asynqmon_put_int(web_text *out, const char *name, int64_t value)
{
    web_asynqmon_key(out, name);
    web_text_format(out, "%lld", (long long)value);
}

void web_asynqmon_put_bool(web_text *out, const char *name, bool value)
{
    web_asynqmon_key(out, name);
    web_text_put(out, value ? "true" : "false");
}

static void put_moment(web_text *out, int64_t ms, bool fraction)
{
    struct tm tm = { 0 };
    time_t s = (time_t)(ms / 1000);
    char text[32] = "";
    if (!gmtime_r(&s, &tm) || strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm) == 0)
        snprintf(text, sizeof text, "9999-12-31T23:59:59");     // no year that RFC 3339 has
    web_text_format(out, "\"%s", text);
    if (fraction)
        web_text_format(out, ".%03d", (int)(ms % 1000));
    web_text_put(out, "Z\"");
}

void web_asynqmon_put_time(web_text *out, const char *name, int64_t ms, const char *none)
{
    static const int64_t last_ms = INT64_C(253402300799000);    // of the year 9999
    if (ms <= 0) {
        web_asynqmon_put(out, name, none ? none : "0001-01-01T00:00:00Z");
        return;
    }
    web_asynqmon_key(out, name);
    put_moment(out, ms < last_ms ? ms : last_ms, false);
}

// ---- bytes --------------------------------------------------------------------------------------

// Assigned characters that Go takes as not printable: controls, formats, separators other than the
// space, private ones. What no version of Unicode has assigned yet passes here.
static bool is_printable(uint32_t code)
{
    static const struct { uint32_t from, to; } others[] = {
        { 0x0, 0x1F }, { 0x7F, 0xA0 }, { 0xAD, 0xAD }, { 0x600, 0x605 }, { 0x61C, 0x61C },
        { 0x6DD, 0x6DD }, { 0x70F, 0x70F }, { 0x890, 0x891 }, { 0x8E2, 0x8E2 },
        { 0x1680, 0x1680 }, { 0x180E, 0x180E }, { 0x2000, 0x200F }, { 0x2028, 0x202F },
        { 0x205F, 0x206F }, { 0x3000, 0x3000 }, { 0xE000, 0xF8FF }, { 0xFEFF, 0xFEFF },
        { 0xFFF0, 0xFFFB }, { 0xFFFE, 0xFFFF }, { 0x110BD, 0x110BD }, { 0x110CD, 0x110CD },
        { 0x13430, 0x1343F }, { 0x1BCA0, 0x1BCA3 }, { 0x1D173, 0x1D17A }, { 0xE0000, 0xE00FF },
        { 0xE01F0, 0x10FFFF },
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (code >= others[i].from && code <= others[i].to)
            return false;
    return true;
}

static bool all_printable(const char *bytes, size_t size)
{
    bool blank = true;
    for (size_t at = 0, step; at < size; at += step) {
        uint32_t code;
        step = gf_utf8_read(bytes + at, size - at, &code);
        if (step == 0 || !is_printable(code))
            return false;
        blank = blank && code == ' ';
    }
    return !blank;
}

static void put_printable(web_text *out, const char *bytes, size_t size)
{
    if (bytes && all_printable(bytes, size))
        web_text_json(out, bytes, size);
    else
        web_text_put(out, "\"non-printable bytes\"");
}

// The same once it is masked, which is done in JSON.
static void put_masked(web_call *call, const char *type, const char *bytes, size_t size)
{
    web_text *out = &call->reply.body, plain = { 0 }, masked = { 0 };
    gf_json value;
    web_text_json(&plain, bytes, size);
    gf_json_scan scan = gf_json_start(plain.at ? plain.at : "", plain.size);
    if (gf_json_value(&scan, &value) == GF_JSON_STRING)
        web_mask_bytes(&masked, call->view.masks, type, value);
    scan = gf_json_start(masked.at ? masked.at : "", masked.size);
    bool readable = gf_json_value(&scan, &value) == GF_JSON_STRING;
    char *text = readable ? malloc(value.size + 1) : NULL;
    if (text)
        put_printable(out, text, gf_json_text(value, text));
    else
        web_text_json(out, WEB_MASKED, sizeof WEB_MASKED - 1);
    free(text);
    web_text_free(&plain);
    web_text_free(&masked);
}

void web_asynqmon_put_bytes(web_call *call, const char *name, const gofer_info *info,
    const char *field)
{
    size_t size = 0;
    const char *bytes = gofer_info_bytes(info, field, &size);
    const char *type = gofer_info_text(info, "type");
    web_text *out = &call->reply.body;
    if (!web_sees_payloads(call, gofer_info_text(info, "queue"))) {
        web_asynqmon_put(out, name, "hidden");
        return;
    }
    web_asynqmon_key(out, name);
    if (bytes && type && call->view.masks && web_masks_know(call->view.masks, type))
        put_masked(call, type, bytes, size);
    else
        put_printable(out, bytes, size);
}

void web_asynqmon_put_private(web_call *call, const char *name, const gofer_info *info,
    const char *field)
{
    const char *text = gofer_info_text(info, field);
    bool hidden = text && *text && !web_sees_payloads(call, gofer_info_text(info, "queue"));
    web_asynqmon_put(&call->reply.body, name, hidden ? "hidden" : text);
}

// ---- queues -------------------------------------------------------------------------------------

// About what it takes, which not every store can tell.
static int64_t memory_of(web_call *call, const char *queue)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_store(call->client, queue, &info);
    int64_t memory = st == GOFER_OK ? gofer_info_int(info, "memory", 0) : 0;
    gofer_info_free(info);
    return memory;
}

static void put_counts(web_text *out, const gofer_info *info)
{
    // Asynq counts what is kept, too.
    static const char *const states[] = { "active", "pending", "aggregating", "scheduled", "retry",
        "archived", "completed" };
    int64_t size = 0;
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        int64_t count = gofer_info_int(info, states[i], 0);
        web_asynqmon_put_int(out, states[i], count);
        size += count;
    }
    web_asynqmon_put_int(out, "size", size);
}

void web_asynqmon_add_queue(web_call *call, const gofer_info *info)
{
    web_text *out = &call->reply.body;
    const char *queue = gofer_info_text(info, "queue");
    int64_t latency_ms = gofer_info_int(info, "latency_ms", 0);
    int64_t processed = gofer_info_int(info, "processed", 0);
    int64_t failed = gofer_info_int(info, "failed", 0);
    char shown[64];
    gf_go_duration((latency_ms + 5) / 10 * 10, shown, sizeof shown);
    web_asynqmon_comma(out);
    web_text_put(out, "{");
    web_asynqmon_put(out, "queue", queue);
    web_asynqmon_put_int(out, "memory_usage_bytes", memory_of(call, queue));
    web_asynqmon_put_int(out, "groups", gofer_info_int(info, "groups", 0));
    web_asynqmon_put_int(out, "latency_msec", latency_ms);
    web_asynqmon_put(out, "display_latency", shown);
    put_counts(out, info);
    web_asynqmon_put_int(out, "processed", processed);
    web_asynqmon_put_int(out, "succeeded", processed - failed);
    web_asynqmon_put_int(out, "failed", failed);
    web_asynqmon_put_bool(out, "paused", gofer_info_int(info, "paused", 0));
    web_asynqmon_key(out, "timestamp");
    put_moment(out, web_ms(CLOCK_REALTIME), true);
    web_text_put(out, "}");
}

bool web_asynqmon_put_queue(web_call *call, const char *name, const char *queue)
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_queue(call->client, queue, &info);
    if (st != GOFER_OK) {
        web_asynqmon_fail(call, st);
        return false;
    }
    web_asynqmon_key(&call->reply.body, name);
    web_asynqmon_add_queue(call, info);
    gofer_info_free(info);
    return true;
}

static bool put_group(const gofer_info *group, void *user)
{
    web_text *out = user;
    web_asynqmon_comma(out);
    web_text_put(out, "{");
    web_asynqmon_put(out, "group", gofer_info_text(group, "group"));
    web_asynqmon_put_int(out, "size", gofer_info_int(group, "size", 0));
    web_text_put(out, "}");
    return true;
}

bool web_asynqmon_put_groups(web_call *call, const char *queue)
{
    web_text *out = &call->reply.body;
    const page_list groups = { .ask = gofer_client_groups_page, .of = queue, .limit = 1000 };
    web_asynqmon_key(out, "groups");
    web_text_put(out, "[");
    gofer_status st = pages_items(call->client, &groups, put_group, out);
    if (st != GOFER_OK) {
        web_asynqmon_fail(call, st);
        return false;
    }
    web_text_put(out, "]");
    return true;
}
