// redis_wire_harm_test.c - bytes made to harm: Asynq's messages cut short, damaged,
// repeated; and no memory.
#include "broker/redis/wire/wire.h"

#include "check.h"
#include "redis_wire.h"
#include "util/alloc.h"
#include "util/openssl.h"
#include "vectors/golden.h"

// ---- the library's memory: counted, measured, and failing once where a test wants it ------------

static long countdown, live;
static size_t largest;

static void *watched_malloc(size_t size)
{
    void *p = countdown > 0 && --countdown == 0 ? NULL : malloc(size);
    live += p != NULL;
    largest = size > largest ? size : largest;
    return p;
}

static void watched_free(void *p)
{
    live -= p != NULL;
    free(p);
}

// ---- help --------------------------------------------------------------------------------

static gf_message plain_message(void)
{
    return (gf_message){ .id = "i", .type = "t", .queue = "q" };
}

#define BYTES(text) (text), sizeof(text) - 1

// ---- bytes made to harm -------------------------------------------------------------------------

// A NUL would cut a C string: another id or type would come of it. In an
// error's text it is no loss.
static void a_nul_in_a_name_is_refused(void)
{
    void *out = NULL;
    CHECK_STATUS(gf_wire_task_decode(BYTES("\n\3a\0b"), 0, &out), GOFER_ECORRUPT);
    CHECK_STATUS(gf_wire_task_decode(BYTES("\x1A\3a\0b"), 0, &out), GOFER_ECORRUPT);
    CHECK_STATUS(gf_wire_task_decode(BYTES("z\5\n\3a\0b"), 0, &out), GOFER_ECORRUPT);
    CHECK(out == NULL);
    gf_wire_task *t = decode(BYTES(":\3a\0b"));
    CHECK_STR(t->message.last_error, "a");
    gf_free(t);
}

static void malformed_bytes_are_refused(void)
{
    static const struct { const char *bytes; size_t size; } cases[] = {
        { BYTES("\n") }, { BYTES("\n\5a") }, { BYTES("\x08") },
        { BYTES("\0\1") },                                                     // field 0
        // known fields of another type
        { BYTES("\x08\1") }, { BYTES("*\1x") },
        { BYTES("\x83\1\x84\1") },                                             // a group
        // wire types there are not
        { BYTES("\x0E\1") }, { BYTES("\x0F\1") },
        // a length of 2^64 - 1
        { BYTES("\n\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1x") },
        { BYTES("\n\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7Fx") },
        { BYTES("\x12\xFF\xFF\xFF\xFF\x0Fx") },
        // a varint of eleven bytes
        { BYTES("@\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1") },
        { BYTES("@\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\2") },                  // over 64 bits
        { BYTES("z\3\n\5k") }, { BYTES("z\4\n\2k\xFF") },                      // inside a header
        // a field of too large a number
        { BYTES("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1\1") },
        { BYTES("\x9D\6" "123") }, { BYTES("\x99\6" "1234567") },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        void *out = NULL;
        gf_bytes changed_bytes;
        if (!CHECK_STATUS(gf_wire_task_decode(cases[i].bytes, cases[i].size, 0, &out),
                GOFER_ECORRUPT))
            fprintf(stderr, "    in case %zu\n", i);
        CHECK_HAS(gofer_error_last(), "TaskMessage");
        CHECK_STATUS(gf_wire_task_change(cases[i].bytes, cases[i].size,
                         &(gf_wire_change){ .add_retried = 1 }, &changed_bytes),
            GOFER_ECORRUPT);
        gf_free(out);
    }
}

static void touch(const gf_wire_task *t)
{
    const gf_message *m = &t->message;
    size_t sum = strlen(m->id) + strlen(m->type) + strlen(m->queue) + header_count(m);
    for (size_t i = 0; i < m->payload_size; i++)
        sum += ((const unsigned char *)m->payload)[i];
    CHECK(sum < 1000000);
    CHECK(!m->payload || ((const char *)m->payload)[m->payload_size] == '\0');
    CHECK(m->timeout_ms >= 0 && m->deadline_ms >= 0 && m->retention_ms >= 0 && m->max_retry >= 0 &&
        m->retried >= 0);
}

// Exact copies, so that a sanitizer sees every byte read too much.
static void try_task(const unsigned char *bytes, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);
    REQUIRE(copy);
    if (size > 0)
        memcpy(copy, bytes, size);
    void *out = NULL;
    gofer_status st = gf_wire_task_decode(copy, size, 0, &out);
    CHECK(st == GOFER_OK || st == GOFER_ECORRUPT);
    if (st == GOFER_OK) {
        touch(out);
        gf_bytes again;
        REQUIRE_OK(gf_wire_task_change(copy, size, &(gf_wire_change){ .add_retried = 1 }, &again));
        void *third = NULL;
        CHECK_OK(gf_wire_task_decode(again.bytes, again.size, 0, &third));
        gf_free(third);
        gf_bytes_clear(&again);
    }
    gf_free(out);
    free(copy);
}

// The record decoders on anything at all: OK or ECORRUPT.
static void try_records(const unsigned char *bytes, size_t size)
{
    gf_wire_server *s = NULL;
    gf_wire_worker *w = NULL;
    gf_wire_entry *e = NULL;
    gf_wire_event *v = NULL;
    gofer_status st[] = { gf_wire_server_decode(bytes, size, &s),
        gf_wire_worker_decode(bytes, size, &w), gf_wire_entry_decode(bytes, size, &e),
        gf_wire_event_decode(bytes, size, &v) };
    for (size_t i = 0; i < COUNT(st); i++)
        CHECK(st[i] == GOFER_OK || st[i] == GOFER_ECORRUPT);
    gf_free(s);
    gf_free(w);
    gf_free(e);
    gf_free(v);
}

static void damage(golden_bytes b)
{
    for (size_t size = 0; size <= b.size; size++) {
        try_task(b.bytes, size);
        try_records(b.bytes, size);
    }
    for (size_t i = 0; i < b.size; i++) {
        unsigned char was = b.bytes[i];
        for (unsigned value = 0; value < 256; value++) {
            b.bytes[i] = (unsigned char)value;
            try_task(b.bytes, b.size);
            if (value % 16 == 0)
                try_records(b.bytes, b.size);
        }
        b.bytes[i] = was;
    }
}

static void damaged_messages_are_read_or_refused(void)
{
    static const char *const files[] = { "01-message-encodings.json", "02-other-messages.json" };
    for (size_t i = 0; i < COUNT(files); i++) {
        cJSON *file = golden_file(VECTORS, files[i]);
        for (const cJSON *one = cases_of(file, "encode"); one; one = one->next) {
            golden_bytes b = golden_bytes_of(cJSON_GetObjectItem(one, "encoded"));
            damage(b);
            free(b.bytes);
        }
        cJSON_Delete(file);
    }
}

// So many of a field in 64 KiB: memory stays a bounded multiple of the message, and time too.
static void repetition_costs_a_bounded_multiple(void)
{
    static const struct { const char *field; size_t size; } cases[] = {
        { BYTES("\n\0") }, { BYTES("\n\1a") }, { BYTES("\x12\0") }, { BYTES("\x12\1x") },
        { BYTES("z\0") },
        { BYTES("z\4\n\0\x12\0") }, { BYTES("z\6\n\1k\x12\1v") }, { BYTES("0\1") },
        { BYTES("\x98\6\1") }, { BYTES("\x9A\6\0") },
    };
    enum { TOTAL = 65536 };
    unsigned char *bytes = malloc(TOTAL);
    REQUIRE(bytes);
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t size = 0;
        for (; size + cases[i].size <= TOTAL; size += cases[i].size)
            memcpy(bytes + size, cases[i].field, cases[i].size);
        largest = 0;
        try_task(bytes, size);
        try_records(bytes, size);
        CHECK(largest < 256 * TOTAL);
    }
    free(bytes);
}

// ---- no memory ----------------------------------------------------------------------------------

static gofer_status everything_once(const gf_message *m)
{
    gf_bytes a = { NULL, 0 }, b = { NULL, 0 }, c = { NULL, 0 };
    void *task = NULL;
    char *key = NULL;
    gf_openssl lib;
    char why[512];
    gf_wire_server *server = NULL;
    const gf_wire_weight weight = { "q", 1 };
    const gf_wire_server s = { .host = "h", .queues = &weight, .queue_count = 1 };
    const gf_wire_change change = { .set_failed = true, .error = "\xFF" };

    gofer_status st = gf_wire_task_encode(m, NULL, NULL, &a);
    if (st == GOFER_OK)
        st = gf_wire_task_decode(a.bytes, a.size, 0, &task);
    if (st == GOFER_OK)
        st = gf_wire_task_change(a.bytes, a.size, &change, &b);
    if (st == GOFER_OK)
        st = gf_openssl_load(&lib, "a test", why, sizeof why);
    if (st == GOFER_OK)
        st = gf_wire_unique_key(&lib, "q", "t", "p", 1, &key);
    if (st == GOFER_OK)
        st = gf_wire_server_encode(&s, &c);
    if (st == GOFER_OK)
        st = gf_wire_server_decode(c.bytes, c.size, &server);
    gf_bytes_clear(&a);
    gf_bytes_clear(&b);
    gf_bytes_clear(&c);
    gf_free(task);
    gf_free(key);
    gf_free(server);
    return st;
}

static void every_failed_allocation_is_enomem_and_leaks_nothing(void)
{
    static char headers[4 * 40];           // 40 headers: more than the encoder keeps on its stack
    for (int i = 0; i < 40; i++) {
        headers[4 * i] = (char)('0' + i);
        headers[4 * i + 2] = 'v';
    }
    gf_message m = plain_message();
    m.headers = headers;
    m.headers_size = sizeof headers;
    long n = 1;
    for (;; n++) {
        countdown = n;
        live = 0;
        gofer_status st = everything_once(&m);
        CHECK_INT(live, 0);
        if (countdown > 0) {
            CHECK_OK(st);
            break;
        }
        CHECK_INT(st, GOFER_ENOMEM);
        CHECK_HAS(gofer_error_last(), "memory");
    }
    CHECK(n >= 10);
    countdown = 0;
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_nul_in_a_name_is_refused),
        TEST(malformed_bytes_are_refused),
        TEST(damaged_messages_are_read_or_refused),
        TEST(repetition_costs_a_bounded_multiple),
        TEST(every_failed_allocation_is_enomem_and_leaks_nothing),
    };
    if (gofer_set_allocator(watched_malloc, realloc, watched_free) != GOFER_OK)
        return 2;
    return check_main(argc, argv, tests, COUNT(tests));
}
