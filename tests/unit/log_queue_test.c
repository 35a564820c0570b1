// log_queue_test.c - nobody who logs waits for the callback; what it misses is
// told; the end is bounded.
#include "util/log_queue.h"

#include <pthread.h>
#include <stdatomic.h>

#include "check.h"
#include "util/clock.h"
#include "util/utf8.h"

typedef struct log_of {
    _Atomic int     lines, left_out, gate, inside;
    _Atomic int32_t last_level;
    _Atomic int64_t last_ms;
    pthread_mutex_t lock;
    char            last[GF_LOG_TEXT_MAX + 64], last_fields[8192];
} log_of;

static void hear(void *user, int32_t level, int64_t time_ms, const char *text, const char *fields)
{
    log_of *l = user;
    atomic_store(&l->last_level, level);
    atomic_store(&l->last_ms, time_ms);
    atomic_store(&l->inside, 1);
    while (!atomic_load(&l->gate))
        gf_sleep_us(500);
    pthread_mutex_lock(&l->lock);
    snprintf(l->last, sizeof l->last, "%s", text);
    snprintf(l->last_fields, sizeof l->last_fields, "%s", fields);
    pthread_mutex_unlock(&l->lock);
    int lines = 0;
    if (level == GOFER_LOG_WARN && sscanf(fields, "{\"lines\":%d}", &lines) == 1)
        atomic_fetch_add(&l->left_out, lines);
    else
        atomic_fetch_add(&l->lines, 1);
    atomic_store(&l->inside, 0);
}

static void lines_come_in_order_and_whole(void)
{
    log_of l = { .gate = 1, .lock = PTHREAD_MUTEX_INITIALIZER };
    gf_log_queue *q = gf_log_queue_open(hear, &l);
    REQUIRE(q != NULL);
    gf_log log = gf_log_queue_log(q);
    int64_t before = gf_now_ms();
    for (int i = 0; i < 1000; i++) {
        char text[32];
        snprintf(text, sizeof text, "line %d", i);
        gf_logf(&log, i < 999 ? GOFER_LOG_INFO : GOFER_LOG_ERROR, text, "a", "b", NULL);
    }
    gf_log_queue_close(q);
    CHECK_INT(l.lines, 1000);
    CHECK_INT(l.left_out, 0);
    CHECK_INT(l.last_level, GOFER_LOG_ERROR);
    CHECK(l.last_ms >= before && l.last_ms <= gf_now_ms());
    CHECK_STR(l.last, "line 999");
    CHECK_STR(l.last_fields, "{\"a\":\"b\"}");
    gf_logf(&log, GOFER_LOG_INFO, "after the close", NULL);
    gf_log_queue_close(q);
    CHECK_INT(l.lines, 1000);
    gf_log_queue_free(q);
}

static void what_there_is_no_room_for_is_counted_and_told(void)
{
    log_of l = { .lock = PTHREAD_MUTEX_INITIALIZER };
    gf_log_queue *q = gf_log_queue_open(hear, &l);
    REQUIRE(q != NULL);
    gf_log log = gf_log_queue_log(q);
    enum { LINES = 2 * GF_LOG_LINES_HELD };
    for (int i = 0; i < LINES; i++)            // none of which waits: the callback is held up
        gf_logf(&log, GOFER_LOG_INFO, "a line", NULL);
    atomic_store(&l.gate, 1);
    gf_log_queue_close(q);
    CHECK(l.lines >= GF_LOG_LINES_HELD && l.lines < LINES);
    CHECK_INT(l.lines + l.left_out, LINES);
    gf_log_queue_free(q);
}

static void bytes_are_bounded_too(void)
{
    static char big[GF_LOG_TEXT_MAX];
    memset(big, 'x', sizeof big - 1);
    log_of l = { .lock = PTHREAD_MUTEX_INITIALIZER };
    gf_log_queue *q = gf_log_queue_open(hear, &l);
    REQUIRE(q != NULL);
    gf_log log = gf_log_queue_log(q);
    enum { LINES = 2 * GF_LOG_BYTES_HELD / GF_LOG_TEXT_MAX };
    for (int i = 0; i < LINES; i++)
        gf_logf(&log, GOFER_LOG_INFO, big, NULL);
    atomic_store(&l.gate, 1);
    gf_log_queue_close(q);
    CHECK(l.left_out > 0 && l.lines <= GF_LOG_BYTES_HELD / GF_LOG_TEXT_MAX + 1);
    CHECK_INT(l.lines + l.left_out, LINES);
    gf_log_queue_free(q);
}

static void a_line_is_cut_and_valid_before_it_goes_anywhere(void)
{
    static char big[100000];
    memset(big, 0xFF, sizeof big - 1);
    log_of l = { .gate = 1, .lock = PTHREAD_MUTEX_INITIALIZER };
    gf_log_queue *q = gf_log_queue_open(hear, &l);
    REQUIRE(q != NULL);
    gf_log log = gf_log_queue_log(q);
    gf_logf(&log, GOFER_LOG_INFO, big, NULL);
    gf_log_queue_close(q);
    size_t size = strlen(l.last);
    CHECK(size > GF_LOG_TEXT_MAX - 8 && size <= GF_LOG_TEXT_MAX);
    CHECK(gf_utf8_valid(l.last, size));
    gf_log_queue_free(q);
}

static void a_callback_that_hangs_is_left_behind(void)
{
    static log_of l = { .lock = PTHREAD_MUTEX_INITIALIZER };   // outlives this test
    gf_log_queue *q = gf_log_queue_open(hear, &l);
    REQUIRE(q != NULL);
    gf_log log = gf_log_queue_log(q);
    gf_logf(&log, GOFER_LOG_INFO, "one", NULL);
    gf_logf(&log, GOFER_LOG_INFO, "two", NULL);
    int64_t begun_ms = gf_mono_ms();
    while (!atomic_load(&l.inside))
        gf_sleep_us(500);
    gf_log_queue_close(q);
    CHECK(gf_mono_ms() - begun_ms >= GF_LOG_CLOSE_MS);
    gf_log_queue_free(q);
    atomic_store(&l.gate, 1);
    while (atomic_load(&l.inside))
        gf_sleep_us(500);
    gf_sleep_us(100000);
    CHECK_INT(l.lines, 1);                     // the one it was in; no other came after the close
}

static void one_source_has_so_much_a_second(void)
{
    gf_log_rate r = { 0 };
    size_t left_out, passed = 0;
    char text[128];
    for (int i = 0; i < GF_LOG_LINES_A_SECOND + 5; i++)
        passed += gf_log_rate_pass(&r, 1000, 10, &left_out);
    CHECK_INT(passed, GF_LOG_LINES_A_SECOND);
    CHECK(!gf_log_rate_pass(&r, 1999, 10, &left_out));
    CHECK(gf_log_rate_pass(&r, 2000, 10, &left_out));
    CHECK_INT(left_out, 6);
    gf_log_rate_say(left_out, text, sizeof text);
    CHECK_HAS(text, "6 lines were left out");
    CHECK(gf_log_rate_pass(&r, 2000, GF_LOG_BYTES_A_SECOND - 10, &left_out));
    CHECK_INT(left_out, 0);
    CHECK(!gf_log_rate_pass(&r, 2500, 1, &left_out));
    CHECK(gf_log_rate_pass(&r, 3000, 1, &left_out));
    gf_log_rate_say(left_out, text, sizeof text);
    CHECK_HAS(text, "1 line was left out");
}

int main(int argc, char **argv)
{
    static const check_test tests[] = {
        TEST(lines_come_in_order_and_whole),
        TEST(what_there_is_no_room_for_is_counted_and_told),
        TEST(bytes_are_bounded_too),
        TEST(a_line_is_cut_and_valid_before_it_goes_anywhere),
        TEST(a_callback_that_hangs_is_left_behind),
        TEST(one_source_has_so_much_a_second),
    };
    return check_main(argc, argv, tests, COUNT(tests));
}
