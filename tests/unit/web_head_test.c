// web_head_test.c - the head of a request: what passes, what does not and why, limits from both
// sides, and every cut.
#include "head.h"

#include "check.h"
#include "corpus.h"

#include "../fuzz/fuzz_head.c"

#define LINE "GET / HTTP/1.1\r\n"
#define HOST "Host: localhost\r\n"
#define END "\r\n"

// Bytes of a literal, NULs and all.
#define BYTES(text) (text), sizeof(text) - 1

static web_head_verdict read_head(const char *bytes, size_t size, web_head *head)
{
    *head = (web_head){ 0 };
    return web_head_read(bytes, size, head);
}

static void a_right_head_passes(void)
{
    static const struct { const char *bytes; size_t size; } cases[] = {
        { BYTES(LINE HOST END) },
        { BYTES("GET /a%20b?c=d&e=%C3%A4 HTTP/1.1\r\n" HOST END) },
        { BYTES("DELETE /x HTTP/1.0\r\n" HOST END) },
        { BYTES(LINE "host:127.0.0.1:80  \t\r\n" END) },
        { BYTES(LINE "HOST: [::1]:8080\r\nAccept:\r\nX-A: \xC3\xA4 b\tc\r\n" END) },
        { BYTES("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n" END) },
        { BYTES("POST / HTTP/1.1\r\n" HOST "content-length: 999999999999999999\r\n" END) },
        { BYTES("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: Chunked\r\n" END "0\r\n\r\n") },
        { BYTES("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 1\r\n" END) },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_head head;
        if (!CHECK_INT(read_head(cases[i].bytes, cases[i].size, &head), WEB_HEAD_WHOLE))
            fprintf(stderr, "    case %zu: %s\n", i, head.why);
        CHECK(memcmp(cases[i].bytes + head.size - 4, "\r\n\r\n", 4) == 0);
    }
}

static void a_head_that_can_be_read_in_two_ways_is_refused(void)
{
    static const struct { const char *bytes; size_t size; int status; const char *why; } cases[] = {
        // Lengths, from which smuggling is made.
        { BYTES(LINE HOST "Content-Length: 1\r\nContent-Length: 1\r\n" END), 400, "twice" },
        { BYTES(LINE HOST "Content-Length: 1, 1\r\n" END), 400, "not a number" },
        { BYTES(LINE HOST "Content-Length: +1\r\n" END), 400, "not a number" },
        { BYTES(LINE HOST "Content-Length: -1\r\n" END), 400, "not a number" },
        { BYTES(LINE HOST "Content-Length: 0x1\r\n" END), 400, "not a number" },
        { BYTES(LINE HOST "Content-Length:\r\n" END), 400, "not a number" },
        { BYTES(LINE HOST "Content-Length: 1000000000000000000\r\n" END), 400, "not a number" },
        { BYTES(LINE HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n" END), 400,
          "beside" },
        { BYTES(LINE HOST "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n" END), 400,
          "beside" },
        { BYTES(LINE HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n" END), 501,
          "chunked" },
        { BYTES(LINE HOST "Transfer-Encoding: gzip, chunked\r\n" END), 501, "chunked" },
        { BYTES(LINE HOST "Transfer-Encoding: identity\r\n" END), 501, "chunked" },
        { BYTES(LINE HOST "Transfer-Encoding: xchunked\r\n" END), 501, "chunked" },
        { BYTES("GET / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n" END), 400, "1.0" },
        { BYTES(LINE HOST "Transfer-Encoding : chunked\r\n" END), 400, "NAME: VALUE" },
        // Lines.
        { BYTES("GET / HTTP/1.1\nHost: localhost\n\n"), 400, "without CR" },
        { BYTES(LINE "Host: a\rb\r\n" END), 400, "CR stands alone" },
        { BYTES(LINE HOST " folded: yes\r\n" END), 400, "folded" },
        { BYTES(LINE HOST "\tfolded\r\n" END), 400, "folded" },
        { BYTES(LINE " " HOST END), 400, "folded" },
        { BYTES(LINE HOST "no colon\r\n" END), 400, "NAME: VALUE" },
        { BYTES(LINE HOST ": no name\r\n" END), 400, "NAME: VALUE" },
        { BYTES(LINE HOST "a b: c\r\n" END), 400, "NAME: VALUE" },
        { BYTES(LINE HOST "a: b\0c\r\n" END), 400, "NUL" },
        { BYTES(LINE HOST "a: b\x01" "c\r\n" END), 400, "control" },
        { BYTES(LINE HOST "a: b\x7f\r\n" END), 400, "control" },
        // Hosts.
        { BYTES(LINE END), 400, "Host is missing" },
        { BYTES("GET / HTTP/1.0\r\n" END), 400, "Host is missing" },
        { BYTES(LINE HOST HOST END), 400, "twice" },
        { BYTES(LINE "Host:\r\n" END), 400, "empty" },
        { BYTES(LINE "Host: a/b\r\n" END), 400, "no host has" },
        { BYTES(LINE "Host: a@b\r\n" END), 400, "no host has" },
        // The request line.
        { BYTES(END), 400, "empty" },
        { BYTES("GET /\r\n" HOST END), 400, "METHOD /PATH" },
        { BYTES("GET  / HTTP/1.1\r\n" HOST END), 400, "not a path" },
        { BYTES(" GET / HTTP/1.1\r\n" HOST END), 400, "METHOD /PATH" },
        { BYTES("GET / HTTP/1.1 \r\n" HOST END), 400, "end in" },
        { BYTES("GET / http/1.1\r\n" HOST END), 400, "end in" },
        { BYTES("GET / HTTP/2.0\r\n" HOST END), 505, "only HTTP/1.1" },
        { BYTES("GET / HTTP/1.2\r\n" HOST END), 505, "only HTTP/1.1" },
        { BYTES("G(T / HTTP/1.1\r\n" HOST END), 400, "method" },
        { BYTES("GET http://localhost/ HTTP/1.1\r\n" HOST END), 400, "not a path" },
        { BYTES("OPTIONS * HTTP/1.1\r\n" HOST END), 400, "not a path" },
        { BYTES("CONNECT localhost:80 HTTP/1.1\r\n" HOST END), 400, "not a path" },
        { BYTES("GET /a#b HTTP/1.1\r\n" HOST END), 400, "not a path" },
        { BYTES("GET /a\\b HTTP/1.1\r\n" HOST END), 400, "not a path" },
        { BYTES("GET /%zz HTTP/1.1\r\n" HOST END), 400, "not a path" },
        { BYTES("GET /% HTTP/1.1\r\n" HOST END), 400, "not a path" },
        { BYTES("GET /\xC3\xA4 HTTP/1.1\r\n" HOST END), 400, "not a path" },
        { BYTES("GET /a\tb HTTP/1.1\r\n" HOST END), 400, "not a path" },
        { BYTES("\x16\x03\x01\0\xa5\1\0\0\xa1\3\3"), 400, "NUL" },
        { BYTES(LINE HOST "Expect: a cake\r\n" END), 417, "100-continue" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        web_head head;
        if (!CHECK_INT(read_head(cases[i].bytes, cases[i].size, &head), WEB_HEAD_WRONG))
            fprintf(stderr, "    case %zu: %s\n", i, cases[i].why);
        CHECK_INT(head.status, cases[i].status);
        CHECK_HAS(head.why, cases[i].why);
    }
}

// A head of LINE, HOST, `fields` more, and one whose value fills it up to `size` bytes.
static size_t make_head(char *out, size_t size, int fields)
{
    size_t used = (size_t)sprintf(out, LINE HOST);
    for (int i = 0; i < fields; i++)
        used += (size_t)sprintf(out + used, "a: b\r\n");
    if (used + 9 < size) {
        size_t filler = size - used - 2 - 5;
        used += (size_t)sprintf(out + used, "f: %*s\r\n", (int)filler, "x");
    }
    return used + (size_t)sprintf(out + used, END);
}

static void limits_hold_from_both_sides(void)
{
    static char bytes[3 * WEB_HEAD_MAX];
    web_head head;
    size_t size = make_head(bytes, WEB_HEAD_MAX, 0);
    CHECK_INT(size, WEB_HEAD_MAX);
    CHECK_INT(read_head(bytes, size, &head), WEB_HEAD_WHOLE);
    CHECK_INT(head.size, WEB_HEAD_MAX);
    size = make_head(bytes, WEB_HEAD_MAX + 1, 0);
    CHECK_INT(read_head(bytes, WEB_HEAD_MAX - 1, &head), WEB_HEAD_MORE);
    CHECK_INT(read_head(bytes, size, &head), WEB_HEAD_WRONG);
    CHECK_INT(head.status, 431);

    size = make_head(bytes, 0, WEB_HEAD_FIELDS - 1);
    CHECK_INT(read_head(bytes, size, &head), WEB_HEAD_WHOLE);
    size = make_head(bytes, 0, WEB_HEAD_FIELDS);
    CHECK_INT(read_head(bytes, size, &head), WEB_HEAD_WRONG);
    CHECK_INT(head.status, 431);
}

static web_head_verdict with_target(int length, web_head *head)
{
    static char bytes[3 * WEB_HEAD_MAX];
    int size = sprintf(bytes, "GET /%0*d HTTP/1.1\r\n" HOST END, length - 1, 0);
    return read_head(bytes, (size_t)size, head);
}

static void an_address_has_its_limit(void)
{
    web_head head;
    CHECK_INT(with_target(WEB_TARGET_MAX, &head), WEB_HEAD_WHOLE);
    CHECK_INT(with_target(WEB_TARGET_MAX + 1, &head), WEB_HEAD_WRONG);
    CHECK_INT(head.status, 414);
    CHECK_INT(with_target(2 * WEB_HEAD_MAX, &head), WEB_HEAD_WRONG);
    CHECK_INT(head.status, 414);
}

static void a_cut_head_waits_for_its_rest(void)
{
    static const char whole[] = "PATCH /a HTTP/1.1\r\n" HOST "Content-Length: 2\r\nA: b\r\n" END;
    web_head head;
    for (size_t size = 0; size < sizeof whole - 1; size++)
        CHECK_INT(read_head(whole, size, &head), WEB_HEAD_MORE);
    CHECK_INT(read_head(whole, sizeof whole - 1, &head), WEB_HEAD_WHOLE);
}

static void the_kept_inputs_of_the_fuzzer_pass(void)
{
    check_corpus(CORPUS, 10, LLVMFuzzerTestOneInput);
}

static const check_test tests[] = {
    TEST(a_right_head_passes),
    TEST(a_head_that_can_be_read_in_two_ways_is_refused),
    TEST(limits_hold_from_both_sides),
    TEST(an_address_has_its_limit),
    TEST(a_cut_head_waits_for_its_rest),
    TEST(the_kept_inputs_of_the_fuzzer_pass),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
