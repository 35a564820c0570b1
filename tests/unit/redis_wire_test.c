// redis_wire_test.c - Asynq's messages: bytes that Go wrote, round trips, changes.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include "broker/redis/wire/wire.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "check.h"
#include "redis_wire.h"
#include "util/alloc.h"
#include "util/openssl.h"
#include "vectors/golden.h"

// ---- help -----------------------------------------------------------------------------------

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static const char *header(const gf_message *m, const char *name)
{
    const char *key, *value;
    for (size_t at = 0; gf_headers_next(m->headers, m->headers_size, &at, &key, &value);)
        if (strcmp(key, name) == 0)
            return value;
    return NULL;
}

static gf_message plain_message(void)
{
    return (gf_message){ .id = "i", .type = "t", .queue = "q" };
}

// The bytes of one message, changed.
static gf_bytes changed(const void *bytes, size_t size, const gf_wire_change *c)
{
    gf_bytes out;
    REQUIRE_OK(gf_wire_task_change(bytes, size, c, &out));
    return out;
}

#define BYTES(text) (text), sizeof(text) - 1

// ---- the vectors ------------------------------------------------------------------------------

// What a number of seconds becomes with us: none below zero (but an end long past), none absurd.
static int64_t bounded_ms(int64_t seconds, int64_t below_zero, int64_t most_ms)
{
    return seconds < 0 ? below_zero : seconds > most_ms / 1000 ? most_ms : seconds * 1000;
}

static const int64_t year_9999 = INT64_C(253402300799000);

static void check_fields(const gf_wire_task *t, const cJSON *want)
{
    const gf_message *m = &t->message;
    CHECK_STR(m->type, golden_text(want, "type"));
    CHECK_STR(m->id, golden_text(want, "id"));
    CHECK_STR(m->queue, golden_text(want, "queue"));
    CHECK_STR(or_empty(m->last_error), golden_text(want, "error_msg"));
    CHECK_STR(or_empty(t->unique_key), golden_text(want, "unique_key"));
    CHECK_STR(or_empty(t->group), golden_text(want, "group_key"));
    int64_t retry = golden_int(want, "retry"), retried = golden_int(want, "retried");
    CHECK_INT(m->max_retry, retry > 0 ? retry : 0);
    CHECK_INT(m->retried, retried > 0 ? retried : 0);
    CHECK_INT(m->timeout_ms, bounded_ms(golden_int(want, "timeout"), 1, GOFER_MAX_DURATION_MS));
    CHECK_INT(m->deadline_ms, bounded_ms(golden_int(want, "deadline"), 1, year_9999));
    CHECK_INT(m->retention_ms, bounded_ms(golden_int(want, "retention"), 0, GOFER_MAX_DURATION_MS));
    CHECK_INT(m->last_failed_ms, bounded_ms(golden_int(want, "last_failed_at"), 0, year_9999));
    CHECK_INT(t->completed_ms, bounded_ms(golden_int(want, "completed_at"), 0, year_9999));

    golden_bytes payload = golden_bytes_of(cJSON_GetObjectItem(want, "payload"));
    CHECK_MEM(m->payload, m->payload_size, payload.bytes, payload.size);
    free(payload.bytes);

    const cJSON *headers = cJSON_GetObjectItem(want, "headers"), *h;
    CHECK_INT(header_count(m), cJSON_GetArraySize(headers));
    cJSON_ArrayForEach(h, headers)
        CHECK_STR(header(m, h->string), h->valuestring);
}

// Written by us from the decoded fields: the same bytes, where gofer's record holds them all.
static void check_encoded(const gf_wire_task *t, const cJSON *one)
{
    golden_bytes want = golden_bytes_of(cJSON_GetObjectItem(one, "encoded"));
    gf_bytes got, whole;
    REQUIRE_OK(gf_wire_task_encode(&t->message, t->unique_key, t->group, &got));
    const gf_wire_change completed = { .completed_ms = t->completed_ms };
    whole = changed(got.bytes, got.size, &completed);
    if (t->completed_ms == 0) {
        CHECK_MEM(whole.bytes, whole.size, want.bytes, want.size);
    } else {                       // another order, the same fields
        CHECK_INT(whole.size, want.size);
        gf_wire_task *again = decode(whole.bytes, whole.size);
        check_fields(again, cJSON_GetObjectItem(one, "decoded"));
        gf_free(again);
    }
    gf_bytes_clear(&got);
    gf_bytes_clear(&whole);
    free(want.bytes);
}

static void messages_that_go_wrote_are_read_and_written_again(void)
{
    cJSON *file = golden_file(VECTORS, "01-message-encodings.json");
    size_t same = 0;
    for (const cJSON *one = cases_of(file, "encode"); one; one = one->next) {
        const char *name = golden_text(one, "name");
        golden_bytes bytes = golden_bytes_of(cJSON_GetObjectItem(one, "encoded"));
        gf_wire_task *t = decode(bytes.bytes, bytes.size);
        check_fields(t, cJSON_GetObjectItem(one, "decoded"));
        // Numbers that we bound, and an empty header key, which no client of ours can make.
        if (strcmp(name, "big_numbers") != 0 && strcmp(name, "negative_numbers") != 0 &&
            strcmp(name, "header_empty_key") != 0) {
            check_encoded(t, one);
            same++;
        }
        if (check_failures() > 0)
            fprintf(stderr, "    in %s\n", name);
        gf_free(t);
        free(bytes.bytes);
    }
    CHECK(same >= 8);
    cJSON_Delete(file);
}

static void bytes_are_taken_and_refused_as_go_does(void)
{
    cJSON *file = golden_file(VECTORS, "01-message-encodings.json");
    for (const cJSON *one = cases_of(file, "decode"); one; one = one->next) {
        golden_bytes bytes = golden_bytes_of(cJSON_GetObjectItem(one, "input"));
        void *out = NULL;
        gofer_status st = gf_wire_task_decode(bytes.bytes, bytes.size, 0, &out);
        CHECK_STATUS(st, golden_true(one, "decode_ok") ? GOFER_OK : GOFER_ECORRUPT);
        if (st == GOFER_OK)
            check_fields(out, cJSON_GetObjectItem(cJSON_GetObjectItem(one, "result"), "fields"));
        else
            CHECK(out == NULL);
        if (check_failures() > 0)
            fprintf(stderr, "    in %s\n", golden_text(one, "name"));
        gf_free(out);
        free(bytes.bytes);
    }
    cJSON_Delete(file);
}

// A Go peer would stop at such a message for ever: it must not be written.
static void strings_that_are_not_utf8_are_not_written(void)
{
    gf_bytes out;
    gf_message bad[] = { plain_message(), plain_message(), plain_message(), plain_message() };
    bad[0].type = "\xFF";
    bad[1].id = "\xC3";
    bad[2].headers = "k\0\xED\xA0\x80";
    bad[2].headers_size = 6;
    bad[3].last_error = "\xFF";
    for (size_t i = 0; i < COUNT(bad); i++)
        CHECK_STATUS(gf_wire_task_encode(&bad[i], NULL, NULL, &out), GOFER_EINVAL);
    gf_message good = plain_message();
    CHECK_STATUS(gf_wire_task_encode(&good, NULL, "\xFF", &out), GOFER_EINVAL);
    CHECK_STATUS(gf_wire_event_encode(&(gf_wire_event){ "\xFF", 0 }, &out), GOFER_EINVAL);
}

static int64_t stamp_ms(const cJSON *object, const char *field)
{
    const cJSON *t = cJSON_GetObjectItem(object, field);
    int64_t seconds = golden_int(t, "seconds");
    return seconds < 0 ? 0 : seconds * 1000 + golden_int(t, "nanos") / 1000000;
}

static void check_server(const cJSON *want, const void *bytes, size_t size, gf_bytes *again)
{
    gf_wire_server *s;
    REQUIRE_OK(gf_wire_server_decode(bytes, size, &s));
    CHECK_STR(s->host, golden_text(want, "host"));
    CHECK_INT(s->pid, golden_int(want, "pid"));
    CHECK_STR(s->server_id, golden_text(want, "server_id"));
    CHECK_INT(s->concurrency, golden_int(want, "concurrency"));
    CHECK_INT(s->strict, golden_true(want, "strict_priority"));
    CHECK_STR(s->status, golden_text(want, "status"));
    CHECK_INT(s->active, golden_int(want, "active_worker_count"));
    CHECK_INT(s->started_ms, stamp_ms(want, "start_time"));
    REQUIRE(s->queue_count == 1);
    CHECK_STR(s->queues[0].queue, "default");
    CHECK_INT(s->queues[0].priority, 3);
    CHECK_OK(gf_wire_server_encode(s, again));
    gf_free(s);
}

static void check_worker(const cJSON *want, const void *bytes, size_t size, gf_bytes *again)
{
    gf_wire_worker *w;
    REQUIRE_OK(gf_wire_worker_decode(bytes, size, &w));
    CHECK_STR(w->host, golden_text(want, "host"));
    CHECK_INT(w->pid, golden_int(want, "pid"));
    CHECK_STR(w->server_id, golden_text(want, "server_id"));
    CHECK_STR(w->task_id, golden_text(want, "task_id"));
    CHECK_STR(w->task_type, golden_text(want, "task_type"));
    CHECK_STR(w->queue, golden_text(want, "queue"));
    CHECK_MEM(w->payload, w->payload_size, "p", 1);
    CHECK_INT(w->started_ms, stamp_ms(want, "start_time"));
    CHECK_INT(w->deadline_ms, stamp_ms(want, "deadline"));
    CHECK_OK(gf_wire_worker_encode(w, again));
    gf_free(w);
}

static void check_entry(const cJSON *want, const void *bytes, size_t size, gf_bytes *again)
{
    gf_wire_entry *e;
    REQUIRE_OK(gf_wire_entry_decode(bytes, size, &e));
    CHECK_STR(e->id, golden_text(want, "id"));
    CHECK_STR(e->spec, golden_text(want, "spec"));
    CHECK_STR(e->task_type, golden_text(want, "task_type"));
    CHECK_MEM(e->payload, e->payload_size, "x", 1);
    REQUIRE(e->option_count == 2);
    CHECK_STR(e->options[0], "Queue(\"low\")");
    CHECK_STR(e->options[1], "MaxRetry(3)");
    CHECK_INT(e->next_ms, stamp_ms(want, "next_enqueue_time"));
    CHECK_INT(e->prev_ms, stamp_ms(want, "prev_enqueue_time"));
    CHECK_OK(gf_wire_entry_encode(e, again));
    gf_free(e);
}

static void check_event(const cJSON *want, const void *bytes, size_t size, gf_bytes *again)
{
    gf_wire_event *e;
    REQUIRE_OK(gf_wire_event_decode(bytes, size, &e));
    CHECK_STR(e->task_id, golden_text(want, "task_id"));
    CHECK_INT(e->at_ms, stamp_ms(want, "enqueue_time"));
    CHECK_OK(gf_wire_event_encode(e, again));
    gf_free(e);
}

typedef void record_check(const cJSON *want, const void *bytes, size_t size, gf_bytes *again);
static const struct { const char *message; record_check *check; } records[] = {
    { "ServerInfo", check_server }, { "WorkerInfo", check_worker },
    { "SchedulerEntry", check_entry }, { "SchedulerEnqueueEvent", check_event },
};

static record_check *record_of(const char *message)
{
    for (size_t i = 0; i < COUNT(records); i++)
        if (strcmp(records[i].message, message) == 0)
            return records[i].check;
    return NULL;
}

// Our times are milliseconds: below them the bytes differ, so what we wrote must
// read the same again.
static void records_that_go_wrote_are_read_and_written_again(void)
{
    cJSON *file = golden_file(VECTORS, "02-other-messages.json");
    for (const cJSON *one = cases_of(file, "encode"); one; one = one->next) {
        record_check *check = record_of(golden_text(one, "message"));
        REQUIRE(check);
        golden_bytes bytes = golden_bytes_of(cJSON_GetObjectItem(one, "encoded"));
        const cJSON *want = cJSON_GetObjectItem(one, "decoded");
        gf_bytes again, third;
        check(want, bytes.bytes, bytes.size, &again);
        CHECK_INT(again.size, bytes.size);       // the same fields; 678 ms are as long as 678.9
        check(want, again.bytes, again.size, &third);
        CHECK_MEM(third.bytes, third.size, again.bytes, again.size);
        gf_bytes_clear(&again);
        gf_bytes_clear(&third);
        free(bytes.bytes);
    }
    cJSON_Delete(file);
}

static void never_is_gos_year_one(void)
{
    gf_bytes out;
    gf_wire_entry entry = { .id = "e", .spec = "@daily", .task_type = "t" };
    REQUIRE_OK(gf_wire_entry_encode(&entry, &out));
    // field 7
    static const char year_one[] = "\x3A\x0B\x08\x80\x92\xB8\xC3\x98\xFE\xFF\xFF\xFF\x01";
    CHECK(out.size > 13 && memcmp((char *)out.bytes + out.size - 13, year_one, 13) == 0);
    gf_bytes_clear(&out);
}

static void locks_are_named_as_go_names_them(void)
{
    cJSON *file = golden_file(VECTORS, "03-keys-and-unique.json");
    gf_openssl lib;
    char why[512];
    REQUIRE_OK(gf_openssl_load(&lib, "a test", why, sizeof why));
    for (const cJSON *one = cases_of(file, "unique"); one; one = one->next) {
        golden_bytes payload = golden_bytes_of(cJSON_GetObjectItem(one, "payload"));
        bool absent = golden_true(one, "payload_is_nil");
        char *key = NULL;
        CHECK_OK(gf_wire_unique_key(absent ? NULL : &lib, golden_text(one, "queue"),
            golden_text(one, "type"), absent ? NULL : payload.bytes, payload.size, &key));
        CHECK_STR(key, golden_text(one, "unique_key"));
        gf_free(key);
        free(payload.bytes);
    }
    cJSON_Delete(file);
}

// ---- round trips --------------------------------------------------------------------------------

static void every_field_comes_back(void)
{
    static const char headers[] = "a\0" "1\0" "b\0" "\0" "\xC3\xBC\0" "\xE2\x82\xAC";
    gf_message m = {
        .id = "id", .type = "type", .queue = "queue", .payload = "pay\0load", .payload_size = 8,
        .headers = headers, .headers_size = sizeof headers, .last_error = "boom",
        .timeout_ms = 1500, .deadline_ms = INT64_C(1893553445001), .retention_ms = 1,
        .last_failed_ms = INT64_C(1893553445000), .max_retry = 25, .retried = 3,
    };
    gf_bytes bytes;
    REQUIRE_OK(gf_wire_task_encode(&m, "lock", "group", &bytes));
    gf_wire_task *t = decode(bytes.bytes, bytes.size);
    const gf_message *got = &t->message;
    CHECK_STR(got->id, m.id);
    CHECK_STR(got->type, m.type);
    CHECK_STR(got->queue, m.queue);
    CHECK_MEM(got->payload, got->payload_size, m.payload, m.payload_size);
    CHECK_INT(((const char *)got->payload)[8], 0);
    CHECK_MEM(got->headers, got->headers_size, headers, sizeof headers);
    CHECK_STR(got->last_error, "boom");
    CHECK_INT(got->timeout_ms, 1500);
    CHECK_INT(got->deadline_ms, INT64_C(1893553445001));
    CHECK_INT(got->retention_ms, 1);
    CHECK_INT(got->last_failed_ms, m.last_failed_ms);
    CHECK_INT(got->max_retry, 25);
    CHECK_INT(got->retried, 3);
    CHECK_INT(got->crashes, 0);
    CHECK_INT(got->enqueued_ms, 0);
    CHECK_STR(t->unique_key, "lock");
    CHECK_STR(t->group, "group");
    CHECK_INT(t->completed_ms, 0);
    gf_free(t);
    gf_bytes_clear(&bytes);
}

// A Go peer reads seconds; they are rounded up, so that it gives no less than was asked for.
static void parts_of_seconds_travel_in_a_header(void)
{
    static const struct { int64_t ms, seconds; bool header; } cases[] = {
        { 0, 0, false }, { 1, 1, true }, { 999, 1, true }, { 1000, 1, false }, { 1001, 2, true },
        { 60000, 60, false },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_message m = plain_message();
        m.timeout_ms = cases[i].ms;
        gf_bytes bytes;
        REQUIRE_OK(gf_wire_task_encode(&m, NULL, NULL, &bytes));
        const char *text = bytes.bytes;
        // type, id, queue, then field 8 if there is one
        CHECK_INT(bytes.size > 9 ? text[9] == 0x40 ? text[10] : -1 : 0, cases[i].seconds);
        CHECK_INT(bytes.size > 20, cases[i].header);
        gf_wire_task *t = decode(bytes.bytes, bytes.size);
        CHECK_INT(t->message.timeout_ms, cases[i].ms);
        CHECK_INT(header_count(&t->message), 0);
        gf_free(t);
        gf_bytes_clear(&bytes);
    }
}

// Field 8 (2 s) and a header that tells milliseconds.
static int64_t timeout_with_header(const char *value)
{
    char bytes[128] = "\x40\x02\x7A";
    size_t n = strlen(value);
    bytes[3] = (char)(2 + 16 + 2 + n);
    bytes[4] = 0x0A;
    bytes[5] = 16;
    memcpy(bytes + 6, "gofer-timeout-ms", 16);
    bytes[22] = 0x12;
    bytes[23] = (char)n;
    memcpy(bytes + 24, value, n);
    gf_wire_task *t = decode(bytes, 24 + n);
    int64_t ms = t->message.timeout_ms;
    CHECK_INT(header_count(&t->message), 0);
    gf_free(t);
    return ms;
}

static void a_header_that_does_not_fit_its_field_is_not_believed(void)
{
    CHECK_INT(timeout_with_header("1500"), 1500);
    CHECK_INT(timeout_with_header("1001"), 1001);
    static const char *const wrong[] = { "", "0", "1000", "2001", "-1500", "1500x", " 1500",
        "01500", "9223372036854775807", "99999999999999999999" };
    for (size_t i = 0; i < COUNT(wrong); i++)
        CHECK_INT(timeout_with_header(wrong[i]), 2000);
}

static void headers_are_sorted_and_the_last_of_a_name_counts(void)
{
    gf_wire_task *t = decode(BYTES("z\6\n\1b\x12\1"
                                   "1"
                                   "z\6\n\1a\x12\1"
                                   "2"
                                   "z\6\n\1b\x12\1"
                                   "3"
                                   "z\2\n\0"
                                   "z\0"));
    static const char want[] = "\0\0" "a\0" "2\0" "b\0" "3";
    CHECK_MEM(t->message.headers, t->message.headers_size, want, sizeof want);
    gf_free(t);
}

static void many_headers_are_packed(void)
{
    enum { MANY = 300 };
    char names[MANY][8];
    const char *pairs[2 * MANY + 1] = { NULL };
    for (int i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "h%03d", MANY - 1 - i);
        pairs[2 * i] = names[i];
        pairs[2 * i + 1] = i % 3 ? "value" : "";
    }
    gf_message m = plain_message();
    char *packed;
    REQUIRE_OK(gf_headers_pack(pairs, &packed, &m.headers_size));
    m.headers = packed;
    gf_bytes bytes;
    REQUIRE_OK(gf_wire_task_encode(&m, NULL, NULL, &bytes));
    gf_wire_task *t = decode(bytes.bytes, bytes.size);
    CHECK_INT(t->message.headers_size, m.headers_size);
    CHECK_INT(header_count(&t->message), MANY);
    CHECK_STR(header(&t->message, "h000"), "value");
    CHECK_STR(header(&t->message, "h299"), "");
    CHECK_STR(t->message.headers, "h000");
    gf_free(t);
    gf_bytes_clear(&bytes);
    gf_free(packed);
}

static void the_front_of_the_object_is_the_callers(void)
{
    void *out;
    REQUIRE_OK(gf_wire_task_decode(BYTES("\n\1t\x1A\1i"), 64, &out));
    static const char zeros[64];
    CHECK_MEM(out, 64, zeros, 64);
    const gf_wire_task *t = (const gf_wire_task *)((char *)out + 64);
    CHECK_STR(t->message.type, "t");
    CHECK_STR(t->message.id, "i");
    gf_free(out);
}

// ---- holding ------------------------------------------------------------------------------------

// A message with a payload of so many bytes, and a field that nobody knows behind it.
static gf_bytes with_payload(size_t size)
{
    static const char unknown[] = "\x98\6\5";
    char *payload = malloc(size + 1);
    REQUIRE(payload);
    memset(payload, 'p', size);
    const gf_message m = { .id = "i", .type = "t", .queue = "q", .payload = payload,
        .payload_size = size, .max_retry = 3, .timeout_ms = 1500 };
    gf_bytes bytes = { 0 };
    REQUIRE_OK(gf_wire_task_encode(&m, NULL, NULL, &bytes));
    bytes.bytes = realloc(bytes.bytes, bytes.size + sizeof unknown);
    REQUIRE(bytes.bytes);
    memcpy((char *)bytes.bytes + bytes.size, unknown, sizeof unknown - 1);
    bytes.size += sizeof unknown - 1;
    free(payload);
    return bytes;
}

static void check_held(size_t size)
{
    enum { FRONT = 64, PARTS = 2048 };
    static const char zeros[FRONT];
    gf_bytes bytes = with_payload(size);
    gf_wire_held held;
    REQUIRE_OK(gf_wire_task_hold(bytes.bytes, bytes.size, FRONT, &held));
    const gf_wire_task *task = (const gf_wire_task *)((char *)held.memory + FRONT);
    gf_wire_task *before = decode(bytes.bytes, bytes.size),
                 *stored = decode(held.stored, held.stored_size);
    CHECK_MEM(held.memory, FRONT, zeros, FRONT);
    CHECK_INT(held.stored_size, bytes.size);
    CHECK(gf_message_same(&task->message, &before->message));
    CHECK(gf_message_same(&stored->message, &before->message));
    CHECK_INT(task->message.timeout_ms, 1500);
    CHECK_INT(task->message.max_retry, 3);
    CHECK(size == 0 || ((const char *)task->message.payload)[size] == '\0');

    gf_bytes again = changed(held.stored, held.stored_size, &(gf_wire_change){ .add_retried = 1 });
    gf_wire_task *after = decode(again.bytes, again.size);
    CHECK(gf_message_same(&after->message, &before->message));
    CHECK_INT(after->message.retried, 1);
    CHECK(memmem(again.bytes, again.size, "\x98\6\5", 3) != NULL);
#ifdef __GLIBC__
    if (size > PARTS)
        CHECK(malloc_usable_size(held.memory) < size + PARTS);     // once
#endif
    gf_free(after);
    gf_bytes_clear(&again);
    gf_free(stored);
    gf_free(before);
    gf_free(held.memory);
    gf_bytes_clear(&bytes);
}

static void a_held_message_has_its_payload_once(void)
{
    static const size_t sizes[] = { 0, 1, 64, 1023, 1024, 1025, 5000, 1048576 };
    for (size_t i = 0; i < COUNT(sizes); i++)
        check_held(sizes[i]);
}

static void of_several_payloads_the_last_is_held(void)
{
    gf_bytes first = with_payload(2000), second = with_payload(3000);
    size_t size = first.size + second.size;
    char *both = malloc(size);
    REQUIRE(both);
    memcpy(both, first.bytes, first.size);
    memcpy(both + first.size, second.bytes, second.size);
    gf_wire_held held;
    REQUIRE_OK(gf_wire_task_hold(both, size, 0, &held));
    CHECK_INT(((const gf_wire_task *)held.memory)->message.payload_size, 3000);
    gf_wire_task *stored = decode(held.stored, held.stored_size);
    CHECK_INT(stored->message.payload_size, 3000);
    gf_free(stored);
    gf_free(held.memory);
    free(both);
    gf_bytes_clear(&first);
    gf_bytes_clear(&second);
}

static void a_large_message_that_is_cut_short_is_not_held(void)
{
    gf_bytes bytes = with_payload(4000);
    gf_wire_held held;
    CHECK_STATUS(gf_wire_task_hold(bytes.bytes, bytes.size - 1, 0, &held), GOFER_ECORRUPT);
    CHECK_STATUS(gf_wire_task_hold(bytes.bytes, 3000, 0, &held), GOFER_ECORRUPT);
    gf_bytes_clear(&bytes);
}

// ---- changing -----------------------------------------------------------------------------------

static void a_change_leaves_everything_else(void)
{
    // type t, payload p, retried 2 given twice, an unknown varint 99, a header with an unknown
    // field 3 and a NUL in its value, unknown fixed 8 and 4 bytes, error "old"
    static const char before[] = "\n\1t\x12\1p0\1"
                                 "0\2"
                                 "\x98\6\5"
                                 "z\xB\n\1k\x12\2\0v\x1A\2xy"
                                 "\x99\6"
                                 "12345678"
                                 "\x9D\6"
                                 "1234"
                                 ":\3old";
    static const char after[] = "\n\1t\x12\1p"
                                "\x98\6\5"
                                "z\xB\n\1k\x12\2\0v\x1A\2xy"
                                "\x99\6"
                                "12345678"
                                "\x9D\6"
                                "1234"
                                "0\3:\3newX\5";
    const gf_wire_change c = { .set_failed = true,
        .error = "new",
        .last_failed_ms = 5999,
        .add_retried = 1 };
    gf_bytes out = changed(BYTES(before), &c);
    CHECK_MEM(out.bytes, out.size, after, sizeof after - 1);
    gf_bytes_clear(&out);
}

static void a_change_can_be_undone_and_repeated(void)
{
    static const char before[] = "\n\1t\x12\1p";
    gf_wire_change c = { .set_failed = true,
        .error = "x",
        .last_failed_ms = 1000,
        .add_retried = 1,
        .completed_ms = 2000,
        .set_payload = true,
        .payload = "new",
        .payload_size = 3 };
    gf_bytes one = changed(BYTES(before), &c);
    gf_bytes two = changed(one.bytes, one.size, &c);
    CHECK_INT(two.size, one.size);
    gf_wire_task *t = decode(two.bytes, two.size);
    CHECK_INT(t->message.retried, 2);
    CHECK_INT(t->completed_ms, 2000);
    CHECK_INT(t->message.last_failed_ms, 1000);
    CHECK_STR(t->message.last_error, "x");
    CHECK_MEM(t->message.payload, t->message.payload_size, "new", 3);
    gf_free(t);

    c = (gf_wire_change){ .set_failed = true, .set_payload = true };
    gf_bytes three = changed(two.bytes, two.size, &c);
    t = decode(three.bytes, three.size);
    CHECK(t->message.last_error == NULL && t->message.payload == NULL);
    CHECK_INT(t->message.retried, 2);
    gf_free(t);
    gf_bytes_clear(&one);
    gf_bytes_clear(&two);
    gf_bytes_clear(&three);
}

static void an_errors_text_is_made_valid(void)
{
    const gf_wire_change c = { .set_failed = true, .error = "caf\xE9 \xFF" };
    gf_bytes out = changed("", 0, &c);
    gf_wire_task *t = decode(out.bytes, out.size);
    CHECK_STR(t->message.last_error, "caf\xEF\xBF\xBD \xEF\xBF\xBD");
    gf_free(t);
    gf_bytes_clear(&out);
}

static void counts_do_not_overflow(void)
{
    gf_wire_change c = { .add_retried = 5 };
    gf_bytes out = changed(BYTES("0\xFE\xFF\xFF\xFF\7"), &c);        // retried: INT32_MAX - 1
    CHECK_MEM(out.bytes, out.size, "0\xFF\xFF\xFF\xFF\7", 6);
    gf_bytes_clear(&out);
    c.add_retried = 1;
    out = changed(BYTES("0\xFD\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1"), &c);   // retried: -3
    CHECK_MEM(out.bytes, out.size, "0\xFE\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1", 11);
    gf_bytes_clear(&out);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(messages_that_go_wrote_are_read_and_written_again),
        TEST(bytes_are_taken_and_refused_as_go_does),
        TEST(strings_that_are_not_utf8_are_not_written),
        TEST(records_that_go_wrote_are_read_and_written_again),
        TEST(never_is_gos_year_one),
        TEST(locks_are_named_as_go_names_them),
        TEST(every_field_comes_back),
        TEST(parts_of_seconds_travel_in_a_header),
        TEST(a_header_that_does_not_fit_its_field_is_not_believed),
        TEST(headers_are_sorted_and_the_last_of_a_name_counts),
        TEST(many_headers_are_packed),
        TEST(the_front_of_the_object_is_the_callers),
        TEST(a_held_message_has_its_payload_once), TEST(of_several_payloads_the_last_is_held),
        TEST(a_large_message_that_is_cut_short_is_not_held),
        TEST(a_change_leaves_everything_else),
        TEST(a_change_can_be_undone_and_repeated),
        TEST(an_errors_text_is_made_valid),
        TEST(counts_do_not_overflow),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
