// sha256_test.c - the digest: examples of FIPS 180-4 and NIST, in one piece and in many.
#include "util/sha256.h"

#include "check.h"

static const char *hex(const void *bytes, size_t size, size_t piece)
{
    static char text[2 * GF_SHA256_SIZE + 1];
    unsigned char digest[GF_SHA256_SIZE];
    gf_sha256 h;
    gf_sha256_begin(&h);
    for (size_t at = 0; at < size; at += piece)
        gf_sha256_add(&h, (const char *)bytes + at, size - at < piece ? size - at : piece);
    gf_sha256_end(&h, digest);
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    return text;
}

static void digests_are_those_of_the_standard(void)
{
    static const struct { const char *text, *want;
    } cases[] = {
        { "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
        { "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
        { "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
        { "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
          "lmnopqrsmnopqrstnopqrstu",
            "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t piece = 1; piece < 120; piece++)
            CHECK_STR(hex(cases[i].text, strlen(cases[i].text), piece), cases[i].want);
}

static void a_million_bytes_are_digested(void)
{
    char *bytes = malloc(1000000);
    REQUIRE(bytes != NULL);
    memset(bytes, 'a', 1000000);
    static const char want[] = "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";
    CHECK_STR(hex(bytes, 1000000, 1000000), want);
    CHECK_STR(hex(bytes, 1000000, 977), want);
    free(bytes);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = { TEST(digests_are_those_of_the_standard),
        TEST(a_million_bytes_are_digested) };
    return check_main(argc, argv, tests, COUNT(tests));
}
