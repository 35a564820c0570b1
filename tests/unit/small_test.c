// small_test.c - the small helpers of util: how arrays grow, what hashes are, how seconds round.
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "util/alloc.h"
#include "util/array.h"
#include "util/clock.h"
#include "util/hash.h"
#include "util/minmax.h"
#include "util/table.h"

static void arrays_grow_by_doubling_and_keep_what_they_hold(void)
{
    uint32_t *numbers = NULL;
    size_t room = 0, moves = 0;
    for (size_t count = 0; count < 10000; count++) {
        size_t before = room;
        REQUIRE(gf_grow(numbers, room, count + 1));
        CHECK(room > count && room <= gf_max_size(64, 2 * (count + 1)));
        moves += room != before;
        numbers[count] = (uint32_t)count;
    }
    for (size_t i = 0; i < 10000; i++)
        REQUIRE(numbers[i] == i);
    CHECK(moves < 10);
    size_t before = room;
    REQUIRE(gf_grow(numbers, room, 3 * room));         // at once as much as is needed
    CHECK_INT(room, 3 * before);
    gf_free(numbers);
}

// From one chain to many, and what has the same number stands beside each other.
static void tables_find_few_and_many(void)
{
    enum { MOST = 1000, ALIKE = 7 };
    static gf_link links[MOST];
    gf_table t = { 0 };
    for (size_t count = 1; count <= MOST; count++) {
        gf_table_add(&t, &links[count - 1], (count - 1) / ALIKE * 64);
        if (count % 50 && count > 40)
            continue;
        for (size_t i = 0; i < count; i++) {
            size_t same = 0;
            gf_link *link = gf_table_find(&t, links[i].key);
            for (; link; link = gf_table_next(link))
                same += link->key == links[i].key;
            size_t group = i / ALIKE * ALIKE;
            REQUIRE(same == gf_min_size(ALIKE, count - group));
        }
        CHECK(gf_table_find(&t, 1) == NULL);
    }
    for (size_t i = 0; i < MOST; i += 2)
        gf_table_remove(&t, &links[i]);
    for (size_t i = 0; i < MOST; i++) {
        gf_link *link = gf_table_find(&t, links[i].key);
        while (link && link != &links[i])
            link = gf_table_next(link);
        REQUIRE((link != NULL) == (i % 2 == 1));
    }
    CHECK_INT(t.count, MOST / 2);
    gf_table_clear(&t);
    CHECK(gf_table_find(&t, 0) == NULL);
}

static void arrays_of_one_room_grow_together(void)
{
    uint8_t *small = NULL;
    struct { uint64_t words[4]; } *large = NULL;
    size_t room = 0;
    for (size_t count = 0; count < 1000; count++) {
        REQUIRE(gf_grow_columns(room, count + 1, GF_COLUMN(small), GF_COLUMN(large)));
        small[count] = (uint8_t)count;
        large[count].words[3] = count;
    }
    for (size_t i = 0; i < 1000; i++)
        REQUIRE(small[i] == (uint8_t)i && large[i].words[3] == i);
    // As much as the small elements could have is more than the large ones can.
    size_t before = room;
    CHECK(!gf_grow_columns(room, SIZE_MAX / 8, GF_COLUMN(large), GF_COLUMN(small)));
    CHECK_INT(room, before);
    gf_free(small);
    gf_free(large);
}

static void what_cannot_be_is_no_memory(void)
{
    uint64_t *numbers = NULL;
    size_t room = 0;
    REQUIRE(gf_grow(numbers, room, 1));
    uint64_t *at = numbers;
    size_t before = room;
    CHECK(!gf_grow(numbers, room, SIZE_MAX / sizeof *numbers + 1));
    CHECK(!gf_grow(numbers, room, SIZE_MAX));
    CHECK(numbers == at && room == before);
    gf_free(numbers);
}

static void hashes_are_those_of_fnv_1a(void)
{
    static const struct { const char *text; uint64_t wide; uint32_t narrow; } cases[] = {
        { "", UINT64_C(0xcbf29ce484222325), UINT32_C(0x811c9dc5) },
        { "a", UINT64_C(0xaf63dc4c8601ec8c), UINT32_C(0xe40c292c) },
        { "foobar", UINT64_C(0x85944171f73967e8), UINT32_C(0xbf9cf968) },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t size = strlen(cases[i].text);
        CHECK(gf_hash_text(cases[i].text) == cases[i].wide);
        CHECK(gf_hash_more(gf_hash_text(""), cases[i].text, size) == cases[i].wide);
        CHECK(gf_hash32_text(cases[i].text) == cases[i].narrow);
    }
}

static void seconds_are_no_less_than_their_milliseconds(void)
{
    static const struct { int64_t ms, s; } cases[] = {
        { 0, 0 }, { 1, 1 }, { 999, 1 }, { 1000, 1 }, { 1001, 2 }, { -1, 0 }, { -5000, 0 },
        { INT64_MAX, INT64_MAX / 1000 + 1 },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        CHECK_INT(gf_seconds_up(cases[i].ms), cases[i].s);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(arrays_grow_by_doubling_and_keep_what_they_hold), TEST(tables_find_few_and_many),
        TEST(arrays_of_one_room_grow_together), TEST(what_cannot_be_is_no_memory),
        TEST(hashes_are_those_of_fnv_1a), TEST(seconds_are_no_less_than_their_milliseconds),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
