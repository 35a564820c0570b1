// want_test.c - a worker that lacks what its tasks need: how few it takes, and how it finds out
// that there is room again.
// The test plays decide.c, the fetcher and the clock.
#include "worker/runtime.h"

#include "check.h"
#include "util/alloc.h"

enum { SLOTS = 12 };

typedef struct said {
    int  warned, eased;
    char error[64];
} said;

static said heard;

static void listen(void *user, int32_t level, int64_t time_ms, const char *text, const char *fields)
{
    said *s = user;
    (void)time_ms;
    if (strstr(text, "lacks what its tasks need") && CHECK_INT(level, GOFER_LOG_WARN)) {
        s->warned++;
        snprintf(s->error, sizeof s->error, "%s", strstr(fields,
            "no descriptors") ? "no descriptors" : fields);
    }
    if (strstr(text, "has what its tasks need again") && CHECK_INT(level, GOFER_LOG_INFO))
        s->eased++;
}

// running: slots with a task now.
static gofer_worker *rig(size_t running)
{
    gofer_worker *w = gf_calloc(1, sizeof *w);
    REQUIRE(w != NULL);
    heard = (said){ 0 };
    gf_settings_init(&w->settings);
    w->settings.log_level = GOFER_LOG_INFO;
    w->log = (gf_log){ listen, &heard };
    REQUIRE(pthread_mutex_init(&w->run.pool.lock, NULL) == 0 &&
        pthread_mutex_init(&w->fetch.want.lock, NULL) == 0);
    w->run.pool.concurrency = SLOTS;
    w->run.pool.threads_max = SIZE_MAX;
    w->run.pool.running = running;
    REQUIRE(gf_housekeeping_open(w));
    return w;
}

static void drop(gofer_worker *w)
{
    gf_housekeeping_close(w);
    pthread_mutex_destroy(&w->run.pool.lock);
    pthread_mutex_destroy(&w->fetch.want.lock);
    gf_free(w);
}

// The pause is over at this very moment.
static void pause_ends(gofer_worker *w)
{
    w->fetch.want.until_ms = gf_mono_ms();
}

static void check_room(gofer_worker *w, size_t asked, size_t want)
{
    int64_t look_ms = 0;
    CHECK_INT(gf_want_room(w, asked, &look_ms), want);
    CHECK(look_ms > 0 && look_ms <= 10000);
}

static void who_lacks_nothing_takes_all_there_is_room_for(void)
{
    gofer_worker *w = rig(3);
    int64_t look_ms = 0;
    CHECK(!gf_want_any(&w->fetch.want));
    CHECK_INT(gf_want_room(w, 7, &look_ms), 7);
    CHECK_INT(look_ms, -1);
    gf_want_note(w, "no descriptors");
    CHECK(gf_want_any(&w->fetch.want));
    CHECK_INT(gf_want_room(w, 0, &look_ms), 0);
    drop(w);
}

static void only_as_many_as_ran_beside_it_fit(void)
{
    static const struct { size_t noted, running, ready, asked, room; } cases[] = {
        { 5, 4, 0, 8, 0 },         // the four did fit
        { 5, 3, 0, 9, 1 },
        { 5, 3, 1, 9, 0 },         // what is fetched counts as well
        { 5, 1, 0, 9, 3 },
        { 5, 1, 0, 2, 2 },         // no more than asked for
        { 5, 5, 2, 9, 0 },
        { 1, 1, 0, 9, 0 },         // alone: not one fits
        { 0, 0, 0, 9, 0 },
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        gofer_worker *w = rig(cases[i].noted);
        gf_want_note(w, "no descriptors");
        w->fetch.want.until_ms += 5000;                      // however slow this machine is
        w->run.pool.running = cases[i].running;
        w->run.pool.ready.count = cases[i].ready;
        check_room(w, cases[i].asked, cases[i].room);
        drop(w);
    }
}

// A want after more were let in, or before; the pause that is then.
static void check_pause(gofer_worker *w, bool after, int64_t want_ms)
{
    int64_t look_ms;
    pause_ends(w);
    if (after)
        (void)gf_want_room(w, SLOTS, &look_ms);
    int64_t before_ms = gf_mono_ms();
    gf_want_note(w, "no descriptors");
    CHECK_INT(w->fetch.want.pause_ms, want_ms);
    CHECK(w->fetch.want.until_ms >= before_ms + want_ms &&
        w->fetch.want.until_ms <= gf_mono_ms() + want_ms);
}

static void pauses_grow_up_to_five_seconds(void)
{
    static const int64_t pauses[] = { 200, 400, 800, 1600, 3200, 5000, 5000 };
    gofer_worker *w = rig(4);
    check_pause(w, true, 100);
    check_pause(w, false, 100);                        // several at once are one want
    for (size_t i = 0; i < COUNT(pauses); i++) {
        check_pause(w, true, pauses[i]);
        check_pause(w, false, pauses[i]);
    }
    drop(w);
}

static void it_is_told_once_in_half_a_minute(void)
{
    gofer_worker *w = rig(4);
    for (int i = 0; i < 5; i++)
        gf_want_note(w, "no descriptors");
    CHECK_INT(heard.warned, 1);
    CHECK_STR(heard.error, "no descriptors");
    w->fetch.want.complained_ms = gf_mono_ms() - 20000;
    gf_want_note(w, "no descriptors");
    CHECK_INT(heard.warned, 1);
    w->fetch.want.complained_ms = gf_mono_ms() - 30000;
    gf_want_note(w, "no descriptors");
    gf_want_note(w, "no descriptors");
    CHECK_INT(heard.warned, 2);
    CHECK_INT(heard.eased, 0);
    drop(w);
}

// After each pause half as many more and one, until all slots have been there for a whole one.
static void room_comes_back_little_by_little(void)
{
    static const struct { size_t fits; int64_t pause_ms; } steps[] = {
        { 1, 1600 }, { 2, 800 }, { 4, 400 }, { 7, 200 }, { 11, 100 }, { 17, 100 },
    };
    gofer_worker *w = rig(0);
    gf_want_note(w, "no descriptors");
    atomic_store(&w->upkeep.housekeeping.presence_asked, 0);
    w->fetch.want.pause_ms = 1600;
    for (size_t i = 0; i < COUNT(steps); i++) {
        pause_ends(w);
        int64_t look_ms = 0, until_ms = w->fetch.want.until_ms;
        size_t fits = steps[i].fits, room = fits < SLOTS ? fits : SLOTS;
        CHECK_INT(gf_want_room(w, SLOTS, &look_ms), room);
        CHECK_INT(w->fetch.want.fits, fits);
        CHECK_INT(w->fetch.want.pause_ms, steps[i].pause_ms);
        CHECK_INT(w->fetch.want.until_ms, until_ms + steps[i].pause_ms);
        CHECK(look_ms <= steps[i].pause_ms);
        CHECK(look_ms >= steps[i].pause_ms - (gf_mono_ms() - until_ms));
        CHECK(gf_want_any(&w->fetch.want) && gf_want_shown(&w->fetch.want));
    }
    CHECK_INT(atomic_load(&w->upkeep.housekeeping.presence_asked), 0);
    CHECK_INT(heard.eased, 0);
    pause_ends(w);
    int64_t look_ms = 0;
    CHECK_INT(gf_want_room(w, SLOTS, &look_ms), SLOTS);
    CHECK_INT(look_ms, -1);
    CHECK(!gf_want_any(&w->fetch.want) && !gf_want_shown(&w->fetch.want));
    CHECK_INT(atomic_load(&w->upkeep.housekeeping.presence_asked), 1);    // worker ls shows it
    CHECK_INT(heard.eased, 1);
    CHECK_INT(gf_want_room(w, SLOTS, &look_ms), SLOTS);
    CHECK_INT(heard.eased, 1);
    check_pause(w, true, 100);                         // the next want begins anew
    drop(w);
}

// Pauses that went by while nothing was asked for count as well.
static void a_long_rest_brings_all_room_back(void)
{
    gofer_worker *w = rig(2);
    int64_t look_ms = 0;
    gf_want_note(w, "no descriptors");
    CHECK_INT(atomic_load(&w->upkeep.housekeeping.presence_asked), 1);
    w->fetch.want.until_ms = gf_mono_ms() - 60000;
    CHECK_INT(gf_want_room(w, 5, &look_ms), 5);
    CHECK(!gf_want_any(&w->fetch.want));
    drop(w);
}

// What aggregators lack is shown, but takes no slot from the others.
static void groups_have_a_rest_of_their_own(void)
{
    gofer_worker *w = rig(2);
    int64_t look_ms = 0, before_ms = gf_mono_ms();
    CHECK(!gf_want_shown(&w->fetch.want));
    gf_want_group(w, true, 5000);
    CHECK(atomic_load(&w->fetch.want.groups_until_ms) >= before_ms + 15000);
    CHECK(atomic_load(&w->fetch.want.groups_until_ms) <= gf_mono_ms() + 15000);
    CHECK(gf_want_shown(&w->fetch.want) && !gf_want_any(&w->fetch.want));
    CHECK_INT(gf_want_room(w, 5, &look_ms), 5);
    CHECK_INT(atomic_exchange(&w->upkeep.housekeeping.presence_asked, 0), 1);
    gf_want_group(w, true, 5000);
    CHECK_INT(atomic_load(&w->upkeep.housekeeping.presence_asked), 0);    // it is shown already
    gf_want_group(w, false, 0);
    CHECK(!gf_want_shown(&w->fetch.want));
    CHECK_INT(atomic_exchange(&w->upkeep.housekeeping.presence_asked, 0), 1);
    gf_want_group(w, false, 0);
    CHECK_INT(atomic_load(&w->upkeep.housekeeping.presence_asked), 0);
    drop(w);
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(who_lacks_nothing_takes_all_there_is_room_for),
            TEST(only_as_many_as_ran_beside_it_fit),
        TEST(pauses_grow_up_to_five_seconds), TEST(it_is_told_once_in_half_a_minute),
        TEST(room_comes_back_little_by_little), TEST(a_long_rest_brings_all_room_back),
        TEST(groups_have_a_rest_of_their_own),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
