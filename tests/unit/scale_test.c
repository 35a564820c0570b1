// scale_test.c - how many slots a queue wants: by itself, and among many.
#include "scale.h"

#include "check.h"
#include "info/info.h"

static gofer_info *queue_of(const char *name, int64_t pending, int64_t active)
{
    gofer_info *queue = gf_info_record();
    REQUIRE(queue);
    CHECK_INT(gf_info_set_text(queue, "queue", name), 0);
    CHECK_INT(gf_info_set_int(queue, "pending", pending), 0);
    CHECK_INT(gf_info_set_int(queue, "active", active), 0);
    return queue;
}

static void add_type(gofer_info *types, const char *queue, int64_t done, int64_t p50_ms)
{
    gofer_info *type = gf_info_record();
    REQUIRE(type);
    CHECK_INT(gf_info_set_text(type, "queue", queue), 0);
    CHECK_INT(gf_info_set_int(type, "done", done), 0);
    CHECK_INT(gf_info_set_int(type, "run_p50_ms", p50_ms), 0);
    CHECK_INT(gf_info_add(types, type), 0);
}

static void a_queue_wants_the_same_alone_and_among_many(void)
{
    static const struct { const char *queue; int64_t pending, active, want; } cases[] = {
        { "a", 0, 0, 0 },           // nothing waits
        { "a", 100, 0, 3 },         // of 200 ms on average: 20 s of work within 10, and 1 ms more
        { "b", 10, 2, 3 },          // within one slot, beside those that are busy
        { "none", 5, 0, 1 },        // nobody knows how long
    };
    gofer_info *types = gf_info_list();
    slots_scale scale;
    REQUIRE(types);
    add_type(types, "b", 1, 100);
    add_type(types, "a", 1, 101);
    add_type(types, "c", 9, 7000);
    add_type(types, "a", 1, 301);   // not beside the other of its queue
    REQUIRE(slots_scale_init(&scale, types));
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_info *queue = queue_of(cases[i].queue, cases[i].pending, cases[i].active);
        CHECK_INT(slots_wanted(queue, types, 10000), cases[i].want);
        CHECK_INT(slots_scale_wanted(&scale, queue, 10000), cases[i].want);
        gofer_info_free(queue);
    }
    slots_scale_clear(&scale);
    gofer_info_free(types);
}

static void without_types_there_is_a_slot_for_what_waits(void)
{
    slots_scale scale;
    REQUIRE(slots_scale_init(&scale, NULL));
    gofer_info *queue = queue_of("a", 1, 0);
    CHECK_INT(slots_scale_wanted(&scale, queue, 10000), 1);
    gofer_info_free(queue);
    slots_scale_clear(&scale);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(a_queue_wants_the_same_alone_and_among_many),
        TEST(without_types_there_is_a_slot_for_what_waits),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
