// id_test.c - ids sort by age and are never the same.
#include "util/id.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "util/clock.h"

static void an_id_has_the_form_of_a_uuid_7(void)
{
    char id[GF_ID_TEXT];
    gf_id_new(id);
    CHECK_INT(strlen(id), 36);
    for (int i = 0; i < 36; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23)
            CHECK_INT(id[i], '-');
        else
            CHECK(strchr("0123456789abcdef", id[i]) != NULL);
    CHECK_INT(id[14], '7');
    CHECK(strchr("89ab", id[19]) != NULL);
}

static void an_id_starts_with_the_time(void)
{
    char id[GF_ID_TEXT];
    int64_t before = gf_now_ms();
    gf_id_new(id);
    unsigned long long high, low;
    REQUIRE(sscanf(id, "%8llx-%4llx", &high, &low) == 2);
    int64_t stamp = (int64_t)(high << 16 | low);
    CHECK(stamp >= before && stamp < before + 60000);
}

static void ids_of_one_process_only_grow(void)
{
    char last[GF_ID_TEXT] = "", id[GF_ID_TEXT];
    int ordered = 1;
    for (int i = 0; i < 200000; i++) {
        gf_id_new(id);
        ordered &= strcmp(last, id) < 0;
        memcpy(last, id, sizeof last);
    }
    CHECK(ordered);
}

enum { THREADS = 4, EACH = 20000 };
static char made[THREADS * EACH][GF_ID_TEXT];

static void *make_many(void *from)
{
    char (*ids)[GF_ID_TEXT] = from;
    for (int i = 0; i < EACH; i++)
        gf_id_new(ids[i]);
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void threads_never_make_the_same_id(void)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        REQUIRE(pthread_create(&threads[i], NULL, make_many, made[i * EACH]) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    qsort(made, COUNT(made), sizeof made[0], by_text);
    int twins = 0;
    for (size_t i = 1; i < COUNT(made); i++)
        twins += strcmp(made[i - 1], made[i]) == 0;
    CHECK_INT(twins, 0);
}

static void a_forked_child_does_not_repeat_its_parents_ids(void)
{
    enum { MANY = 2000 };
    static char ours[MANY][GF_ID_TEXT], theirs[MANY][GF_ID_TEXT];
    int fds[2], twins = 0;
    gf_id_new(ours[0]);                       // the generator has its state before the fork
    REQUIRE(pipe(fds) == 0);
    pid_t child = fork();
    REQUIRE(child >= 0);
    for (int i = 0; i < MANY; i++)
        gf_id_new(child == 0 ? theirs[i] : ours[i]);
    if (child == 0)
        _exit(write(fds[1], theirs, sizeof theirs) == (ssize_t)sizeof theirs ? 0 : 1);

    close(fds[1]);
    size_t size = 0;
    for (ssize_t n; (n = read(fds[0], (char *)theirs + size, sizeof theirs - size)) > 0;)
        size += (size_t)n;
    close(fds[0]);
    int status;
    REQUIRE(waitpid(child, &status, 0) == child);
    REQUIRE(size == sizeof theirs);
    for (int i = 0; i < MANY; i++)            // the time in front differs; the random end must too
        for (int k = 0; k < MANY; k++)
            twins += strcmp(ours[i] + 19, theirs[k] + 19) == 0;
    CHECK_INT(twins, 0);
}

static void random_numbers_stay_below_their_bound(void)
{
    int seen[6] = { 0 }, outside = 0;
    for (int i = 0; i < 6000; i++) {
        uint32_t r = gf_random_below(6);
        if (r < 6)
            seen[r]++;
        else
            outside++;
    }
    CHECK_INT(outside, 0);
    for (int i = 0; i < 6; i++)
        CHECK(seen[i] > 600);
    CHECK(gf_random64() != gf_random64());
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(an_id_has_the_form_of_a_uuid_7),
        TEST(an_id_starts_with_the_time),
        TEST(ids_of_one_process_only_grow),
        TEST(threads_never_make_the_same_id),
        TEST(a_forked_child_does_not_repeat_its_parents_ids),
        TEST(random_numbers_stay_below_their_bound),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
