// seal_test.c - envelopes: the vectors that another program made, tampering, keys as text and file.
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "message/keys.h"
#include "message/seal.h"
#include "util/alloc.h"
#include "util/hex.h"
#include "util/openssl.h"

static const char two[] = "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
                          "b://////////////////////////////////////////8=\n";
static const char old_and_new[] = "b://////////////////////////////////////////8=,"
                                  "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

static gf_openssl lib;

static void load(void)
{
    char why[512];
    REQUIRE_OK(gf_openssl_load(&lib, "the test", why, sizeof why));
}

// ---- vectors ----------------------------------------------------------------------------------

enum { NAME, KIND, KEY_ID, MASTER, TYPE, SHARED, ID, PLAIN, SEALED, COLUMNS };

typedef struct bytes {
    unsigned char at[1024];
    size_t        size;
} bytes;

static bytes unhex(const char *text)
{
    bytes b = { .size = strlen(text) / 2 };
    REQUIRE(b.size <= sizeof b.at && gf_hex_take(text, b.at, b.size));
    return b;
}

static void check_vector(char **column)
{
    static const char *const kinds[] = { "payload", "result", "checkpoint" };
    gf_seal_key key = { .id = "" };
    bytes master = unhex(column[MASTER]), plain = unhex(column[PLAIN]);
    bytes want = unhex(column[SEALED]);
    unsigned char got[1024];
    size_t kind = 0;
    memcpy(key.id, column[KEY_ID], strlen(column[KEY_ID]));
    memcpy(key.master, master.at, sizeof key.master);
    while (kind < COUNT(kinds) && strcmp(column[KIND], kinds[kind]) != 0)
        kind++;
    const gf_seal_by by = { &lib, &key };
    const gf_seal_for what = { .kind = (gf_seal_kind)kind,
        .type = column[TYPE],
        .id = column[ID],
        .shared = *column[SHARED] == '1' };
    CHECK_OK(gf_seal(&by, want.at + GF_SEAL_MAGIC + GF_SEAL_KEY_ID, &what, plain.at, plain.size,
        got));
    CHECK_MEM(got, plain.size + GF_SEAL_MORE, want.at, want.size);
    CHECK_OK(gf_unseal(&by, &what, want.at, want.size, got));
    CHECK_MEM(got, plain.size, plain.at, plain.size);
}

static void check_unique(char **column)
{
    char from[80], lock[GF_KEYS_UNIQUE], want[GF_KEYS_UNIQUE];
    gf_keys *k;
    bytes plain = unhex(column[PLAIN]);
    snprintf(from, sizeof from, "%s:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", column[KEY_ID]);
    REQUIRE_OK(gf_keys_open(&k, from));
    CHECK_OK(gf_keys_unique(k, column[TYPE], plain.at, plain.size, lock));
    snprintf(want, sizeof want, "gfe1:%s", column[SEALED]);
    CHECK_STR(lock, want);
    gf_keys_close(k);
}

static void envelopes_are_those_of_the_vectors(void)
{
    char line[4096];
    int count = 0;
    load();
    FILE *file = fopen(VECTORS, "r");
    REQUIRE(file != NULL);
    while (fgets(line, sizeof line, file)) {
        char *column[COLUMNS], *at = line;
        line[strcspn(line, "\n")] = '\0';
        for (int i = 0; i < COLUMNS; i++) {
            REQUIRE(at != NULL);
            column[i] = at;
            if ((at = strchr(at, '\t')))
                *at++ = '\0';
        }
        if (strcmp(column[KIND], "unique") == 0)
            check_unique(column);
        else
            check_vector(column);
        count++;
    }
    fclose(file);
    CHECK(count >= 10);
}

// ---- tampering --------------------------------------------------------------------------------

static const gf_seal_for mail = { .type = "mail", .id = "1" };

static void a_changed_byte_is_refused_wherever_it_is(void)
{
    gf_keys *k;
    void *envelope, *plain;
    size_t size, plain_size;
    REQUIRE_OK(gf_keys_open(&k, two));
    REQUIRE_OK(gf_keys_seal(k, &mail, "to ada", 6, &envelope, &size));
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit++) {
            unsigned char *at = (unsigned char *)envelope + i;
            *at ^= (unsigned char)(1 << bit);
            if (gf_is_sealed(envelope, size))
                CHECK_STATUS(gf_keys_unseal(k, &mail, envelope, size, &plain, &plain_size),
                    i < GF_SEAL_MAGIC + GF_SEAL_KEY_ID ? GOFER_ENOTFOUND : GOFER_ECORRUPT);
            else
                CHECK(i < GF_SEAL_MAGIC);
            *at ^= (unsigned char)(1 << bit);
        }
    for (size_t less = 1; less < 7; less++)
        CHECK(!gf_is_sealed(envelope, size - less) ||
            gf_keys_unseal(k, &mail, envelope, size - less, &plain, &plain_size) == GOFER_ECORRUPT);
    CHECK_OK(gf_keys_unseal(k, &mail, envelope, size, &plain, &plain_size));
    CHECK_MEM(plain, plain_size, "to ada", 6);
    gf_free(plain);
    gf_free(envelope);
    gf_keys_close(k);
}

static void an_envelope_opens_for_nothing_else(void)
{
    static const gf_seal_for others[] = {
        { .type = "mail", .id = "2" },
        { .type = "mai", .id = "1" },
        { .type = "mail1", .id = "" },
        { .type = "mail", .id = "1", .shared = true },
        { .kind = GF_SEAL_RESULT, .type = "mail", .id = "1" },
        { .kind = GF_SEAL_CHECKPOINT, .type = "mail", .id = "1" },
    };
    gf_keys *k;
    void *envelope, *plain;
    size_t size, plain_size;
    REQUIRE_OK(gf_keys_open(&k, two));
    REQUIRE_OK(gf_keys_seal(k, &mail, "", 0, &envelope, &size));
    CHECK_INT(size, GF_SEAL_MORE);
    for (size_t i = 0; i < COUNT(others); i++)
        CHECK_STATUS(gf_keys_unseal(k, &others[i], envelope, size, &plain, &plain_size),
            GOFER_ECORRUPT);
    gf_free(envelope);
    gf_keys_close(k);
}

// ---- salts and locks --------------------------------------------------------------------------

static void only_who_asks_has_the_same_bytes_again(void)
{
    gf_keys *k;
    void *envelopes[4];
    size_t sizes[4];
    gf_seal_for what = mail;
    REQUIRE_OK(gf_keys_open(&k, two));
    for (size_t i = 0; i < 4; i++) {
        what.same = i < 2;
        REQUIRE_OK(gf_keys_seal(k, &what, "x", 1, &envelopes[i], &sizes[i]));
    }
    CHECK_MEM(envelopes[0], sizes[0], envelopes[1], sizes[1]);
    CHECK(memcmp(envelopes[1], envelopes[2], sizes[2]) != 0);
    CHECK(memcmp(envelopes[2], envelopes[3], sizes[3]) != 0);
    for (size_t i = 0; i < 4; i++)
        gf_free(envelopes[i]);
    gf_keys_close(k);
}

static void same_bytes_need_the_same_content_and_purpose(void)
{
    static const struct { const char *type, *id, *content; } cases[] = {
        { "mail", "1", "x" }, { "mail", "1", "y" }, { "mail", "2", "x" }, { "mai", "1", "x" }
    };
    gf_keys *k;
    unsigned char salts[COUNT(cases)][GF_SEAL_SALT];
    REQUIRE_OK(gf_keys_open(&k, two));
    for (size_t i = 0; i < COUNT(cases); i++) {
        void *envelope;
        size_t size;
        const gf_seal_for what = { .type = cases[i].type, .id = cases[i].id, .same = true };
        REQUIRE_OK(gf_keys_seal(k, &what, cases[i].content, 1, &envelope, &size));
        memcpy(salts[i], (char *)envelope + GF_SEAL_MAGIC + GF_SEAL_KEY_ID, GF_SEAL_SALT);
        gf_free(envelope);
        for (size_t j = 0; j < i; j++)
            CHECK(memcmp(salts[i], salts[j], GF_SEAL_SALT) != 0);
    }
    gf_keys_close(k);
}

static void a_lock_is_of_type_and_content(void)
{
    static const struct { const char *type, *content; } cases[] = {
        { "mail", "x" }, { "mail", "y" }, { "mailx", "" }, { "mai", "lx" }
    };
    gf_keys *k, *other;
    char locks[COUNT(cases)][GF_KEYS_UNIQUE], again[GF_KEYS_UNIQUE];
    REQUIRE_OK(gf_keys_open(&k, two));
    REQUIRE_OK(gf_keys_open(&other, old_and_new));
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *content = cases[i].content;
        CHECK_OK(gf_keys_unique(k, cases[i].type, content, strlen(content), locks[i]));
        CHECK_OK(gf_keys_unique(k, cases[i].type, content, strlen(content), again));
        CHECK_STR(again, locks[i]);
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(locks[i], locks[j]) != 0);
    }
    CHECK_OK(gf_keys_unique(other, "mail", "x", 1, again));
    CHECK(strcmp(again, locks[0]) != 0);
    gf_keys_close(k);
    gf_keys_close(other);
}

// ---- keys -------------------------------------------------------------------------------------

static void the_first_encrypts_and_all_decrypt(void)
{
    gf_keys *before, *after;
    void *envelope, *plain;
    size_t size, plain_size;
    char id[GF_SEAL_KEY_ID + 1];
    REQUIRE_OK(gf_keys_open(&before, "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="));
    REQUIRE_OK(gf_keys_open(&after, old_and_new));
    REQUIRE_OK(gf_keys_seal(before, &mail, "x", 1, &envelope, &size));
    gf_sealed_by(envelope, id);
    CHECK_STR(id, "a");
    CHECK(gf_keys_is_latest(before, envelope) && !gf_keys_is_latest(after, envelope));
    CHECK_OK(gf_keys_unseal(after, &mail, envelope, size, &plain, &plain_size));
    gf_free(plain);
    gf_free(envelope);
    REQUIRE_OK(gf_keys_seal(after, &mail, "x", 1, &envelope, &size));
    CHECK(gf_keys_is_latest(after, envelope));
    CHECK_STATUS(gf_keys_unseal(before, &mail, envelope, size, &plain, &plain_size),
        GOFER_ENOTFOUND);
    CHECK_HAS(gofer_error_last(), "key 'b', which is not among");
    CHECK_STATUS(gf_keys_unseal(NULL, &mail, envelope, size, &plain, &plain_size), GOFER_ENOTFOUND);
    CHECK_HAS(gofer_error_last(), "there are no keys here");
    gf_free(envelope);
    gf_keys_close(before);
    gf_keys_close(after);
}

static void wrong_keys_are_named_and_never_shown(void)
{
    static const struct { const char *text, *why; } cases[] = {
        { "", "no key" },
        { "# a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "no key" },
        { "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "ID:BASE64" },
        { ":AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "ID:BASE64" },
        { "ninechars:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "1 to 8" },
        { "a b:AAEC", "line 1" },
        { "k/y:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "letters" },
        { "\n\nkey:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "line 3 of the keys: key 'key'" },
        { "key:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", "another length" },
        { "key:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCU=", "another length" },
        { "key:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdH?8=", "is not base64" },
        { "a:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= a:"
          "//////////////////////////////////////////8=", "'a' is there twice" },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_keys *k = NULL;
        CHECK_STATUS(gf_keys_open(&k, cases[i].text), GOFER_EINVAL);
        CHECK_HAS(gofer_error_last(), cases[i].why);
        CHECK(strstr(gofer_error_last(), "AAEC") == NULL);
        CHECK(k == NULL);
        gf_keys_close(k);
    }
}

// ---- the file ---------------------------------------------------------------------------------

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "w");
    REQUIRE(file != NULL);
    fputs(text, file);
    REQUIRE(fclose(file) == 0 && chmod(path, mode) == 0);
}

static void a_file_is_read_again_and_a_bad_one_changes_nothing(void)
{
    char folder[] = "/tmp/gofer-seal-XXXXXX", path[64];
    gf_keys *k;
    void *envelope, *later, *plain;
    size_t size, later_size, plain_size;
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/keys", folder);
    write_file(path, "# the first\na:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8= # of March\n",
        0600);
    REQUIRE_OK(gf_keys_open(&k, path));
    REQUIRE_OK(gf_keys_seal(k, &mail, "x", 1, &envelope, &size));
    write_file(path, old_and_new, 0640);
    CHECK_OK(gf_keys_reload(k));
    CHECK(!gf_keys_is_latest(k, envelope));
    write_file(path, "b:AAEC", 0600);
    CHECK_STATUS(gf_keys_reload(k), GOFER_EINVAL);
    CHECK_HAS(gofer_error_last(), path);
    CHECK_OK(gf_keys_seal(k, &mail, "y", 1, &later, &later_size));
    CHECK(gf_keys_is_latest(k, later));
    CHECK_OK(gf_keys_unseal(k, &mail, envelope, size, &plain, &plain_size));
    gf_free(plain);
    gf_free(envelope);
    gf_free(later);
    gf_keys_close(k);
    unlink(path);
    rmdir(folder);
}

static void a_file_that_others_may_read_is_refused(void)
{
    static const mode_t modes[] = { 0604, 0620, 0602, 0666, 0601 };
    char folder[] = "/tmp/gofer-seal-XXXXXX", path[64];
    gf_keys *k;
    REQUIRE(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/keys", folder);
    for (size_t i = 0; i < COUNT(modes); i++) {
        write_file(path, two, modes[i]);
        CHECK_STATUS(gf_keys_open(&k, path), GOFER_EDENIED);
        CHECK_HAS(gofer_error_last(), "chmod 600");
    }
    unlink(path);
    CHECK_STATUS(gf_keys_open(&k, path), GOFER_EINVAL);
    CHECK_STATUS(gf_keys_open(&k, folder), GOFER_EINVAL);
    rmdir(folder);
}

static const check_test tests[] = {
    TEST(envelopes_are_those_of_the_vectors),
    TEST(a_changed_byte_is_refused_wherever_it_is),
    TEST(an_envelope_opens_for_nothing_else),
    TEST(only_who_asks_has_the_same_bytes_again),
    TEST(same_bytes_need_the_same_content_and_purpose),
    TEST(a_lock_is_of_type_and_content),
    TEST(the_first_encrypts_and_all_decrypt),
    TEST(wrong_keys_are_named_and_never_shown),
    TEST(a_file_is_read_again_and_a_bad_one_changes_nothing),
    TEST(a_file_that_others_may_read_is_refused),
};

int main(int argc, char **argv)
{
    return check_main(argc, argv, tests, COUNT(tests));
}
