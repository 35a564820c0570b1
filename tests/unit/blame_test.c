// blame_test.c - who is charged with the death of a worker, and who becomes a suspect.
#include "broker/blame.h"

#include "check.h"

static void patience_grows_fourfold_up_to_ten_minutes(void)
{
    static const int64_t want[] = { 0, 2000, 8000, 32000, 128000, 512000, 600000, 600000 };
    for (size_t i = 0; i < COUNT(want); i++)
        CHECK_INT(gf_blame_patience_ms((int32_t)i), want[i]);
    CHECK_INT(gf_blame_patience_ms(GF_SUSPECT_MAX), 600000);
    CHECK_INT(gf_blame_patience_ms(-1), 0);
}

static void every_death_has_its_record(void)
{
    enum { LONG = 3600000 };
    static const struct {
        const char *name;
        gf_blame before;
        gf_death death;
        int64_t ran_ms;
        bool charged;
        int32_t crashes, suspect;
    } cases[] = {
        { "alone", { 0, 0, false }, { 1, 0 }, 10, true, 1, 1 },
        { "alone again", { 1, 1, false }, { 1, 1 }, 10, true, 2, 2 },
        { "alone and proven", { 1, 1, true }, { 1, 0 }, LONG, true, 2, 2 },
        { "nothing known of its worker", { 0, 0, false }, { 0, 0 }, 10, true, 1, 1 },
        { "one of many", { 0, 0, false }, { 4, 0 }, 10, false, 0, 1 },
        { "one of many, for long", { 0, 0, false }, { 4, 0 }, LONG, false, 0, 1 },
        { "the only suspect", { 0, 1, false }, { 4, 1 }, 10, true, 1, 2 },
        { "beside the only suspect", { 0, 0, false }, { 4, 1 }, LONG, false, 0, 0 },
        { "one of two suspects", { 2, 1, false }, { 4, 2 }, 10, false, 2, 2 },
        { "proven of late, beside a suspect", { 0, 1, true }, { 4, 1 }, 10000, false, 0, 2 },
        { "proven long ago, beside a suspect", { 0, 1, true }, { 4, 1 }, LONG, false, 0, 1 },
        { "proven of late, no suspect left", { 0, 2, true }, { 4, 0 }, 10000, false, 0, 3 },
        { "proven long ago, no suspect left", { 0, 2, true }, { 4, 0 }, LONG, false, 0, 2 },
        { "no more than can be counted", { INT32_MAX, GF_SUSPECT_MAX, false }, { 1, 1 }, 10, true,
            INT32_MAX, GF_SUSPECT_MAX },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gf_blame b = cases[i].before;
        bool charged = gf_blame_death(&b, &cases[i].death, cases[i].ran_ms);
        char got[120], want[120];
        snprintf(got, sizeof got, "%s: charged %d, %d and %d", cases[i].name, charged,
            (int)b.crashes, (int)b.suspect);
        snprintf(want, sizeof want, "%s: charged %d, %d and %d", cases[i].name, cases[i].charged,
            (int)cases[i].crashes,
            (int)cases[i].suspect);
        CHECK_STR(got, want);
        CHECK(!b.proven);
        CHECK(*gf_blame_text(cases[i].charged, &b, &cases[i].death));
    }
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(patience_grows_fourfold_up_to_ten_minutes),
        TEST(every_death_has_its_record),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
