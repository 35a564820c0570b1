// entry_test.c - cron entries: what callers and files give, the records they are kept
// in, the public doors.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "client/client.h"
#include "failing.h"
#include "schedule/book.h"
#include "util/alloc.h"

static gofer_client *open_client(void)
{
    gofer_client *client = NULL;
    CHECK_OK(gofer_client_open(&client, "memory:", NULL));
    return client;
}

static gofer_schedule_options all_options(gofer_enqueue_options *task)
{
    static const char *const headers[] = { "k", "v\tw", "l", "", NULL };
    gofer_schedule_options o;
    gofer_enqueue_options_init(task);
    task->queue = "q";
    task->timeout_ms = 1000;
    task->retention_ms = 2000;
    task->max_retry = GOFER_NO_RETRY;
    task->headers = headers;
    task->retry = "fixed:30s";
    task->on_dead = "dead";
    task->on_dead_queue = "graves";
    task->on_done = "next";
    task->on_done_queue = "more";
    task->expires_ms = 3000;
    gofer_schedule_options_init(&o);
    o.tz = "Europe/Berlin";
    o.task = task;
    o.missed = GOFER_MISSED_ALL;
    o.missed_max = 7;
    o.overlap = GOFER_OVERLAP_CANCEL;
    o.paused = 1;
    o.jitter_ms = 4000;
    return o;
}

// ---- records ------------------------------------------------------------------------------------

static void an_entry_comes_back_from_its_record(void)
{
    static const char payload[] = "a\tb\nc\\\0d";
    gofer_client *client = open_client();
    gofer_enqueue_options task;
    gofer_schedule_options o = all_options(&task);
    gf_zones zones = { 0 };
    gf_schedule made, read;
    char *record, *again;
    gf_schedule_given given = { .name = "n\xc3\xa4me", .spec = "30 2 * * *", .type = "type",
        .payload = payload, .size = sizeof payload, .opts = &o, .source = "api" };
    REQUIRE_OK(gf_schedule_make(&made, client, &zones, &given));
    made.since_ms = 123456789;
    REQUIRE_OK(gf_schedule_write(&made, &record));
    CHECK(strchr(record, '\n') == NULL);
    REQUIRE_OK(gf_schedule_read(&read, "n\xc3\xa4me", record));
    REQUIRE_OK(gf_schedule_write(&read, &again));
    CHECK_STR(again, record);
    CHECK_STR(read.spec, "30 2 * * *");
    CHECK_STR(read.tz, "Europe/Berlin");
    CHECK_STR(read.source, "api");
    CHECK_STR(read.task.type, "type");
    CHECK_STR(read.task.queue, "q");
    CHECK_MEM(read.task.payload, read.task.payload_size, payload, sizeof payload);
    CHECK_MEM(read.task.headers, read.task.headers_size, made.task.headers, made.task.headers_size);
    CHECK_INT(read.task.max_retry, 0);
    CHECK_INT(read.task.timeout_ms, 1000);
    CHECK_INT(read.expires_ms, 3000);
    CHECK_INT(read.missed_max, 7);
    CHECK(read.paused);
    CHECK_INT(read.since_ms, 123456789);
    gf_free(record);
    gf_free(again);
    gf_schedule_clear(&made);
    gf_schedule_clear(&read);
    gf_zones_clear(&zones);
    gofer_client_close(client);
}

static void records_that_are_damaged_are_refused(void)
{
    static const char *const cases[] = {
        "",
        "spec=* * * * *",
        "spec=* * * * *\ttz=UTC\tsource=a\ttype=t",
        "spec=@reboot\ttz=UTC\tsource=a\ttype=t\tqueue=q",
        "spec=* * * * *\ttz=UTC\tsource=a\ttype=t\tqueue=q\tmissed:9",
        "spec=* * * * *\ttz=UTC\tsource=a\ttype=t\tqueue=q\tsince_ms:-5",
        "spec=* * * * *\ttz=UTC\tsource=a\ttype=t\\0x\tqueue=q",
        "spec:5\ttz=UTC\tsource=a\ttype=t\tqueue=q",
    };
    gf_schedule s;
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK(gf_schedule_read(&s, "e", cases[i]) != GOFER_OK);
    // What a later gofer adds is passed over.
    REQUIRE_OK(
        gf_schedule_read(&s, "e", "spec=* * * * *\ttz=UTC\tsource=a\ttype=t\tqueue=q\tnews=x"));
    gf_schedule_clear(&s);
}

static void a_tick_has_its_task(void)
{
    gofer_client *client = open_client();
    gofer_enqueue_options task;
    gofer_schedule_options o = all_options(&task);
    gf_zones zones = { 0 };
    gf_schedule s;
    gf_tick_task t;
    o.jitter_ms = 0;
    gf_schedule_given given = { .name = "e", .spec = "30 2 * * *", .type = "type", .opts = &o,
        .source = "api" };
    REQUIRE_OK(gf_schedule_make(&s, client, &zones, &given));
    int64_t tick_ms = INT64_C(1795456800000);      // 2026-11-23T18:00:00Z
    REQUIRE_OK(gf_schedule_task(&s, tick_ms, tick_ms + 5, &t));
    CHECK_STR(t.message.id, "cron:e:2026-11-23T18:00:00Z");
    CHECK_INT(t.run_at_ms, tick_ms);
    const char *key, *value;
    char seen[400] = "";
    for (size_t at = 0;
         gf_headers_next(t.message.headers, t.message.headers_size, &at, &key, &value);)
        snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%s=%s;", key, value);
    CHECK_HAS(seen, "k=v\tw;");
    CHECK_HAS(seen, "gofer-retry=fixed:30s;");
    CHECK_HAS(seen, "gofer-on-dead=dead;");
    CHECK_HAS(seen, "gofer-on-done=next;gofer-on-done-queue=more;");
    CHECK_HAS(seen, "gofer-schedule=e;");
    CHECK_HAS(seen, "gofer-tick=1795456800000;");
    CHECK_HAS(seen, "gofer-start-by=1795456803005;");
    gf_tick_task_clear(&t);
    gf_schedule_clear(&s);
    gf_zones_clear(&zones);
    gofer_client_close(client);
}

// ---- doors --------------------------------------------------------------------------------------

static void what_is_wrong_is_refused(void)
{
    gofer_client *client = open_client();
    gofer_enqueue_options task;
    gofer_schedule_options o;
    char name[300];
    memset(name, 'n', sizeof name);
    name[201] = '\0';
    CHECK_STATUS(gofer_client_schedule_put(client, name, "* * * * *", "t", NULL, 0, NULL, 0),
        GOFER_EINVAL);
    CHECK_STATUS(gofer_client_schedule_put(client, "", "* * * * *", "t", NULL, 0, NULL, 0),
        GOFER_EINVAL);
    CHECK_STATUS(gofer_client_schedule_put(client, "e", NULL, "t", NULL, 0, NULL, 0), GOFER_EINVAL);
    CHECK_STATUS(gofer_client_schedule_put(client, "e", "0 0 31 2 *", "t", NULL, 0, NULL, 0),
        GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "there is no 31 February");
    CHECK_STATUS(gofer_client_schedule_put(client, "e", "* * * * *", "", NULL, 0, NULL, 0),
        GOFER_EINVAL);
    CHECK_STATUS(gofer_client_schedule_put(client, "e", "* * * * *", "t", NULL, 0, NULL, 8),
        GOFER_EINVAL);
    o = all_options(&task);
    o.tz = "Europe/Berln";
    CHECK_STATUS(gofer_client_schedule_put(client, "e", "* * * * *", "t", NULL, 0, &o, 0),
        GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "did you mean 'Europe/Berlin'");
    o = all_options(&task);
    CHECK_STATUS(gofer_client_schedule_put(client, "e", "TZ=Asia/Tokyo * * * * *", "t", NULL, 0, &o,
                     0),
        GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), "has a time zone of its own");
    static const char *const words[] = { "task_id", "run_at_ms", "delay_ms", "deadline_ms",
        "expires_at_ms", "unique", "group" };
    for (size_t i = 0; i < COUNT(words); i++) {
        o = all_options(&task);
        if (i == 0) task.task_id = "x";
        if (i == 1) task.run_at_ms = 1;
        if (i == 2) task.delay_ms = 1;
        if (i == 3) task.deadline_ms = 1;
        if (i == 4) task.expires_at_ms = 1;
        if (i == 5) task.unique_ms = 1;
        if (i == 6) task.group = "g";
        CHECK_STATUS(gofer_client_schedule_put(client, "e", "* * * * *", "t", NULL, 0, &o, 0),
            GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), words[i]);
    }
    o = all_options(&task);
    task.retry = "sometimes";
    CHECK_STATUS(gofer_client_schedule_put(client, "e", "* * * * *", "t", NULL, 0, &o, 0),
        GOFER_EINVAL);
    o = all_options(&task);
    o.overlap = 4;
    CHECK_STATUS(gofer_client_schedule_put(client, "e", "* * * * *", "t", NULL, 0, &o, 0),
        GOFER_EINVAL);
    gofer_info *list = NULL;
    REQUIRE_OK(gofer_client_schedules(client, &list));
    CHECK_INT(gofer_info_count(list), 0);
    gofer_info_free(list);
    CHECK_STATUS(gofer_client_schedule_remove(client, "e"), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_schedule_pause(client, "e", 1), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_schedule_run(client, "e", NULL), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_schedule(client, "e", &list), GOFER_ENOTFOUND);
    CHECK_STATUS(gofer_client_schedule_history(client, "e", 0, &list), GOFER_ENOTFOUND);
    gofer_client_close(client);
}

static void an_entry_is_put_shown_run_and_removed(void)
{
    gofer_client *client = open_client();
    gofer_enqueue_options task;
    gofer_schedule_options o = all_options(&task);
    gofer_info *one = NULL;
    char *id = NULL;
    REQUIRE_OK(gofer_client_schedule_put(client, "e", "30 2 * * *", "t", "pay", 3, &o,
        GOFER_SCHEDULE_NEW));
    CHECK_STATUS(gofer_client_schedule_put(client, "e", "30 2 * * *", "t", "pay", 3, &o,
                     GOFER_SCHEDULE_NEW),
        GOFER_EEXIST);
    REQUIRE_OK(gofer_client_schedule(client, "e", &one));
    CHECK_STR(gofer_info_text(one, "name"), "e");
    CHECK_STR(gofer_info_text(one, "tz"), "Europe/Berlin");
    CHECK_STR(gofer_info_text(one, "missed"), "all");
    CHECK_STR(gofer_info_text(one, "overlap"), "cancel");
    CHECK_STR(gofer_info_text(one, "source"), "api");
    CHECK_STR(gofer_info_text(one, "queue"), "q");
    CHECK_STR(gofer_info_text(one, "retry"), "fixed:30s");
    CHECK_INT(gofer_info_int(one, "jitter_ms", 0), 4000);
    CHECK_INT(gofer_info_int(one, "paused", 0), 1);
    CHECK_INT(gofer_info_int(one, "foreign", -1), 0);
    CHECK(!gofer_info_has(one, "next_run_at_ms"));
    CHECK(!gofer_info_has(one, "id"));
    gofer_info_free(one);
    REQUIRE_OK(gofer_client_schedule_pause(client, "e", 0));
    REQUIRE_OK(gofer_client_schedule(client, "e", &one));
    CHECK(gofer_info_int(one, "next_run_at_ms", 0) > 0);
    gofer_info_free(one);
    REQUIRE_OK(gofer_client_schedule_run(client, "e", &id));
    REQUIRE_OK(gofer_client_task(client, "q", id, &one));
    CHECK_STR(gofer_info_text(one, "schedule"), "e");
    CHECK_STR(gofer_info_text(one, "state"), "pending");
    gofer_info_free(one);
    gofer_free(id);
    CHECK_OK(gofer_client_schedule_remove(client, "e"));
    CHECK_STATUS(gofer_client_schedule_remove(client, "e"), GOFER_ENOTFOUND);
    gofer_client_close(client);
}

static void an_expression_is_explained(void)
{
    gofer_info *check = NULL;
    int64_t from_ms = 0;
    REQUIRE_OK(gofer_parse_time("2026-10-24T12:00:00Z", &from_ms));
    REQUIRE_OK(gofer_cron_check("30 2 * * *", "Europe/Berlin", from_ms, 2, &check));
    CHECK_STR(gofer_info_text(check, "text"), "at 02:30 every day, Europe/Berlin time");
    CHECK_STR(gofer_info_text(check, "per_day"), "1");
    const gofer_info *ticks = gofer_info_child(check, "ticks");
    CHECK_INT(gofer_info_count(ticks), 2);
    CHECK_STR(gofer_info_text(gofer_info_at(ticks, 0), "local"), "2026-10-25T02:30:00+02:00");
    CHECK_STR(gofer_info_text(gofer_info_at(ticks, 1), "local"), "2026-10-26T02:30:00+01:00");
    gofer_info_free(check);
    REQUIRE_OK(gofer_cron_check("CRON_TZ=America/New_York @every 90s", NULL, from_ms, 1, &check));
    CHECK_INT(gofer_info_int(check, "every_ms", 0), 90000);
    CHECK_STR(gofer_info_text(gofer_info_at(gofer_info_child(check, "ticks"), 0), "local"),
        "2026-10-24T08:01:30-04:00");
    gofer_info_free(check);
    CHECK_STATUS(gofer_cron_check("0 0 31 2 *", NULL, 0, 1, &check), GOFER_EINVAL);
    CHECK_STATUS(gofer_cron_check("* * * * *", "Nowhere/Xyzzyx", 0, 1, &check), GOFER_EINVAL);
    CHECK_STATUS(gofer_cron_check("* * * * *", NULL, 0, 1001, &check), GOFER_EINVAL);
    CHECK_STATUS(gofer_cron_check(NULL, NULL, 0, 1, &check), GOFER_EINVAL);
}

static void what_changes_nothing_is_not_written(void)
{
    gofer_client *client = open_client();
    gofer_enqueue_options task;
    gofer_schedule_options o = all_options(&task);
    gf_entries first = { 0 }, second = { 0 }, third = { 0 };
    REQUIRE_OK(gofer_client_schedule_put(client, "e", "30 2 * * *", "t", "x", 1, &o, 0));
    REQUIRE_OK(client->broker->ops->cron->entries(client->broker, -1, &first));
    REQUIRE_OK(gofer_client_schedule_put(client, "e", "30 2 * * *", "t", "x", 1, &o, 0));
    REQUIRE_OK(client->broker->ops->cron->entries(client->broker, -1, &second));
    CHECK_INT(second.version, first.version);
    REQUIRE_OK(gofer_client_schedule_put(client, "e", "30 2 * * *", "t", "y", 1, &o, 0));
    REQUIRE_OK(client->broker->ops->cron->entries(client->broker, -1, &third));
    CHECK(third.version > first.version);
    gf_entries_clear(&first);
    gf_entries_clear(&second);
    gf_entries_clear(&third);
    gofer_client_close(client);
}

// ---- files --------------------------------------------------------------------------------------

static gofer_status sync_text(gofer_client *client, const char *source, const char *text,
    char counts[60])
{
    gofer_info *info = NULL;
    gofer_status st = gofer_client_schedules_sync(client, source, text, strlen(text), &info);
    if (st == GOFER_OK)
        snprintf(counts, 60, "%d+ %d~ %d- %d=", (int)gofer_info_int(info, "added", -1),
            (int)gofer_info_int(info, "changed", -1), (int)gofer_info_int(info, "removed", -1),
            (int)gofer_info_int(info, "unchanged", -1));
    gofer_info_free(info);
    return st;
}

static void a_files_entries_are_made_what_it_says(void)
{
    static const char one[] = "{\"entries\":[{\"name\":\"a\",\"spec\":\"@daily\",\"type\":\"t\"},"
        "{\"name\":\"b\",\"spec\":\"@daily\",\"type\":\"t\",\"tz\":null}]}";
    static const char two[] = "{\"entries\":[{\"name\":\"b\",\"spec\":\"@daily\",\"type\":\"u\"},"
        "{\"name\":\"c\",\"spec\":\"@daily\",\"type\":\"t\",\"paused\":true}]}";
    gofer_client *client = open_client();
    gf_schedule entry;
    char counts[60];
    REQUIRE_OK(gofer_client_schedule_put(client, "mine", "@daily", "t", NULL, 0, NULL, 0));
    REQUIRE_OK(sync_text(client, "/etc/one", one, counts));
    CHECK_STR(counts, "2+ 0~ 0- 0=");
    REQUIRE_OK(sync_text(client, "/etc/one", one, counts));
    CHECK_STR(counts, "0+ 0~ 0- 2=");
    // A pause that the file does not speak of stays; one that it does is as it says.
    CHECK_OK(gofer_client_schedule_pause(client, "b", 1));
    REQUIRE_OK(sync_text(client, "/etc/one", two, counts));
    CHECK_STR(counts, "1+ 1~ 1- 0=");
    REQUIRE_OK(gf_book_find(client->broker, "b", &entry));
    CHECK(entry.paused);
    CHECK_STR(entry.source, "/etc/one");
    gf_schedule_clear(&entry);
    CHECK_OK(gofer_client_schedule_pause(client, "c", 0));
    REQUIRE_OK(sync_text(client, "/etc/one", two, counts));
    CHECK_STR(counts, "0+ 1~ 0- 1=");
    // All or nothing: a name of another source spoils it.
    CHECK_STATUS(sync_text(client, "/etc/two",
                     "{\"entries\":[{\"name\":\"a\",\"spec\":\"@daily\",\"type\":\"t\"},"
                     "{\"name\":\"mine\",\"spec\":\"@daily\",\"type\":\"t\"}]}",
                     counts),
        GOFER_EEXIST);
    CHECK_HAS(gofer_error_last(), "'mine' is there already, from the API");
    CHECK_STATUS(gofer_client_schedule_remove(client, "a"), GOFER_ENOTFOUND);
    // One that is changed by hand stays the file's.
    CHECK_OK(gofer_client_schedule_put(client, "b", "@hourly", "u", NULL, 0, NULL, 0));
    REQUIRE_OK(sync_text(client, "/etc/one", two, counts));
    CHECK_STR(counts, "0+ 1~ 0- 1=");
    REQUIRE_OK(sync_text(client, "/etc/one", "{\"entries\":[]}", counts));
    CHECK_STR(counts, "0+ 0~ 2- 0=");
    CHECK_OK(gofer_client_schedule_remove(client, "mine"));
    CHECK_STATUS(sync_text(client, "api", one, counts), GOFER_EINVAL);
    gofer_client_close(client);
}

static void what_is_wrong_in_a_file_is_told_with_its_place(void)
{
#define ENTRY(rest) "{\"entries\":[{\"name\":\"a\",\"spec\":\"@daily\",\"type\":\"t\"," rest "}]}"
    static const struct { const char *text, *words;
    } cases[] = {
        { "", "not JSON: line 1" },
        { "{\"entries\":\n [}", "not JSON: line 2" },
        { "[]", "must be {\"entries\"" },
        { "{\"entries\":[],\"x\":1}", "nothing beside it" },
        { "{\"entries\":{}}", "must be {\"entries\"" },
        { "{\"entries\":[5]}", "number 1 is not an object" },
        { "{\"entries\":[{\"spec\":\"@daily\",\"type\":\"t\"}]}", "number 1: 'name' is missing" },
        { "{\"entries\":[{\"name\":\"a\",\"type\":\"t\"}]}", "'a': 'spec' is missing" },
        { ENTRY("\"misssed\":\"all\""), "'a': there is no key 'misssed'; did you mean 'missed'?" },
        { ENTRY("\"missed\":\"often\""), "'a': 'missed' must be \"once\", \"skip\" or \"all\"" },
        { ENTRY("\"overlap\":3"), "'overlap' must be" },
        { ENTRY("\"jitter\":\"soon\""), "'jitter' must be a duration" },
        { ENTRY("\"timeout\":-1"), "'timeout' must be a duration" },
        { ENTRY("\"retry\":3"), "how often is max_retry" },
        { ENTRY("\"max_retry\":1.5"), "'max_retry' must be a whole number" },
        { ENTRY("\"paused\":1"), "true or false" },
        { ENTRY("\"headers\":{\"a\":1}"), "'headers' must be" },
        { ENTRY("\"payload\":{\"base64\":\"?\"}"), "valid base64" },
        { ENTRY("\"queue\":\"a{b\""), "'a'" },
        { ENTRY("\"tz\":\"Europe/Berln\""), "did you mean 'Europe/Berlin'" },
        { ENTRY("\"name\":\"b\""), "the key 'name' is given twice" },
        { ENTRY("\"deadline\":5"), "there is no key 'deadline'" },
        { "{\"entries\":[{\"name\":\"a\",\"spec\":\"0 0 31 2 *\",\"type\":\"t\"}]}",
            "'a': '0 0 31 2 *' never comes" },
        { "{\"entries\":[{\"name\":\"a\",\"spec\":\"@daily\",\"type\":\"t\"},{\"name\":\"a\","
          "\"spec\":\"@daily\",\"type\":\"t\"}]}",
            "'a' is there twice" },
        { "{\"entries\":[]} x", "not JSON" },
        { "\xff", "not valid UTF-8" },
        // What is no JSON, whatever a lenient reader makes of it.
        { "{\"entries\":\f[]}", "line 1, column 12" },
        { ENTRY("\"payload\":\v{\"n\":1}"), "not JSON" },
        { "\xEF\xBB\xBF\xEF\xBB\xBF{\"entries\":[]}", "line 1, column 1" },
        { ENTRY("\"payload\":01"), "not JSON" },
        { ENTRY("\"payload\":1."), "not JSON" },
        { ENTRY("\"payload\":\"a\tb\""), "not JSON" },
        { ENTRY("\"payload\":[1,]"), "not JSON" },
        { ENTRY("\"payload\":\"\\x\""), "not JSON" },
        // A text is taken whole or not at all.
        { ENTRY("\"queue\":\"q\\u0000r\""), "'a': 'queue' must be without U+0000" },
        { ENTRY("\"jitter\":\"1h\\u0000junk\""), "'jitter' must be without U+0000" },
        { ENTRY("\"missed\":\"all\\u0000\""), "'missed' must be without U+0000" },
        { ENTRY("\"headers\":{\"k\":\"v\\u0000w\"}"), "'headers' must be without U+0000" },
        { ENTRY("\"headers\":{\"k\\u0000\":\"v\"}"), "'headers' must be without U+0000" },
        { ENTRY("\"queue\\u0000x\":\"q\""), "a key holds U+0000" },
        { ENTRY("\"payload\":{\"base64\":\"AAAA\\u0000?\"}"), "valid base64" },
        { "{\"entries\\u0000\":[]}", "must be {\"entries\"" },
    };
    gofer_client *client = open_client();
    char counts[60];
    for (size_t i = 0; i < COUNT(cases); i++) {
        CHECK_STATUS(sync_text(client, "/f", cases[i].text, counts), GOFER_EINVAL);
        if (!CHECK_HAS(gofer_error_last(), cases[i].words))
            printf("    %s\n", cases[i].text);
    }
    gofer_client_close(client);
}

static void all_keys_of_a_file_are_understood(void)
{
    static const char text[] =
        "{ \"entries\" : [ {\n"
        " \"payload\" : { \"big\" : 12345678901234567890123 , \"s\":\"a b\\\"}\" } , \"name\" : "
        "\"a\" , \"spec\" : \"30 2 * * *\" ,\n"
        " \"tz\":\"Europe/Berlin\", \"type\":\"t\", \"queue\":\"q\", \"retry\":\"fixed:30s\", "
        "\"max_retry\":0, \"timeout\":\"2h\",\n"
        " \"retention\":60, \"expires\":\"1h\", \"on_dead\":\"d\", \"on_dead_queue\":\"dq\", "
        "\"headers\":{\"k\":\"v\"},\n"
        " \"missed\":\"skip\", \"missed_max\":3, \"overlap\":\"queue\", \"jitter\":\"30s\", "
        "\"paused\":false },\n"
        " { \"name\":\"b\", \"spec\":\"@daily\", \"type\":\"t\", "
        "\"payload\":{\"base64\":\"AAH/\"} },\n"
        " { \"name\":\"c\", \"spec\":\"@daily\", \"type\":\"t\", \"payload\":\"te\\u0078t\" },\n"
        " { \"name\":\"d\", \"spec\":\"@daily\", \"type\":\"t\", \"payload\":null } ] }";
    static const struct { const char *payload; size_t size; } want[] = {
        { "{\"big\":12345678901234567890123,\"s\":\"a b\\\"}\"}", 44 }, { "\0\1\xff", 3 },
        { "text", 4 }, { "null", 4 },
    };
    gofer_client *client = open_client();
    gf_schedule_list list;
    REQUIRE_OK(gf_schedule_list_parse(client, "/f", text, sizeof text - 1, &list));
    REQUIRE(list.count == COUNT(want));
    for (size_t i = 0; i < list.count; i++)
        CHECK_MEM(list.items[i].task.payload, list.items[i].task.payload_size, want[i].payload,
            want[i].size);
    const gf_schedule *a = &list.items[0];
    CHECK_STR(a->source, "/f");
    CHECK_STR(a->tz, "Europe/Berlin");
    CHECK_INT(a->task.max_retry, 0);
    CHECK_INT(a->task.timeout_ms, 7200000);
    CHECK_INT(a->task.retention_ms, 60000);
    CHECK_INT(a->expires_ms, 3600000);
    CHECK_INT(a->missed, GOFER_MISSED_SKIP);
    CHECK_INT(a->missed_max, 3);
    CHECK_INT(a->overlap, GOFER_OVERLAP_QUEUE);
    CHECK_INT(a->jitter_ms, 30000);
    CHECK(list.says_paused[0] && !list.says_paused[1]);
    gf_schedule_list_clear(&list);
    gofer_client_close(client);
}

// Some editors put a byte order mark before the text; what follows is read as without it.
static void a_files_payloads_are_read_whole(void)
{
    static const char bom
        [] = "\xEF\xBB\xBF",
     text[] =
         "{\"entries\":[{\"name\":\"a\",\"spec\":\"@daily\",\"type\":\"t\",\"payload\":{\"all\": "
         "true}},\r\n"
         "\t{\"name\":\"b\",\"spec\":\"@daily\",\"type\":\"t\",\"payload\":7},{\"name\":\"c\","
         "\"spec\":\"@daily\",\"type\":\"t\",\"payload\":"
         "\"a\\u0000b\\\"\\n\\u00e4\\ud83d\\ude00\\\\u0000\"},{\"name\":\"d\",\"spec\":\"@daily\","
         "\"type\":\"t\",\"payload\":{\"n\": "
         "\"\\u0000\"}},{\"name\":\"e\",\"spec\":\"@daily\",\"type\":\"t\",\"queue\":\"\\\\u0000\","
         "\"payload\":{\"base64\\u0000\":\"AA\",\"x\":1}}]}";
    static const struct { const char *payload; size_t size; } want[] = {
        { "{\"all\":true}", 12 }, { "7", 1 }, { "a\0b\"\n\xc3\xa4\xf0\x9f\x98\x80\\u0000", 17 },
        { "{\"n\":\"\\u0000\"}", 14 },
        { "{\"base64\\u0000\":\"AA\",\"x\":1}", 27 },
    };
    gofer_client *client = open_client();
    char both[sizeof bom + sizeof text];
    memcpy(both, bom, sizeof bom - 1);
    memcpy(both + sizeof bom - 1, text, sizeof text);
    for (size_t skip = 0; skip < sizeof bom; skip += sizeof bom - 1) {
        gf_schedule_list list;
        REQUIRE_OK(gf_schedule_list_parse(client, "/f", both + skip, strlen(both) - skip, &list));
        REQUIRE(list.count == COUNT(want));
        for (size_t i = 0; i < list.count; i++)
            CHECK_MEM(list.items[i].task.payload, list.items[i].task.payload_size, want[i].payload,
                want[i].size);
        gf_schedule_list_clear(&list);
    }
    gofer_client_close(client);
}

// ---- no memory ----------------------------------------------------------------------------------

static void each_failing_allocation_is_survived(void)
{
    static const char text[] =
        "{\"entries\":[{\"name\":\"a\",\"spec\":\"@daily\",\"type\":\"t\",\"tz\":\"Europe/"
        "Berlin\",\"headers\":{\"k\":\"v\"},\"retry\":\"fixed:1s\",\"payload\":[1, "
        "2]},{\"name\":\"b\",\"spec\":\"@daily\",\"type\":\"t\"}]}";
    gofer_client *client = open_client();
    bool done = false;
    int n = 0;
    for (; n < 500 && !done; n++) {
        gf_schedule_list list = { 0 };
        char *record = NULL;
        gf_schedule back;
        gf_tick_task task;
        fail_after = n;
        gofer_status st = gf_schedule_list_parse(client, "/f", text, sizeof text - 1, &list);
        if (st == GOFER_OK)
            st = gf_schedule_write(&list.items[0], &record);
        if (st == GOFER_OK && (st = gf_schedule_read(&back, "a", record)) == GOFER_OK) {
            if ((st = gf_schedule_task(&back, 1000, 1000, &task)) == GOFER_OK)
                gf_tick_task_clear(&task);
            gf_schedule_clear(&back);
        }
        fail_after = -1;
        gf_free(record);
        gf_schedule_list_clear(&list);
        CHECK(st == GOFER_OK || st == GOFER_ENOMEM);
        done = st == GOFER_OK;
    }
    CHECK(done && n > 20);
    gofer_client_close(client);
}

static const check_test tests[] = {
    TEST(an_entry_comes_back_from_its_record),
    TEST(records_that_are_damaged_are_refused),
    TEST(a_tick_has_its_task),
    TEST(what_is_wrong_is_refused),
    TEST(an_entry_is_put_shown_run_and_removed),
    TEST(what_changes_nothing_is_not_written),
    TEST(an_expression_is_explained),
    TEST(a_files_entries_are_made_what_it_says),
    TEST(what_is_wrong_in_a_file_is_told_with_its_place),
    TEST(all_keys_of_a_file_are_understood), TEST(a_files_payloads_are_read_whole),
    TEST(each_failing_allocation_is_survived),
};

int main(int argc, char **argv)
{
    fail_after = -1;
    CHECK_OK(gofer_set_allocator(test_alloc, test_realloc, free));
    return check_main(argc, argv, tests, COUNT(tests));
}
