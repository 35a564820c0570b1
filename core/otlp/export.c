// export.c - sends spans, one batch after the other, and tries again where that may help.
//
// A thread of its own, which is the only one that waits for the collector. While it does the queue
// fills, and what finds no room there is dropped: tasks wait for nothing.
#include "export.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "encode.h"
#include "text.h"
#include "util/clock.h"
#include "util/thread.h"

enum {
    AGAIN_MIN_MS = 1000,           // to the second try; doubled each time,
    AGAIN_MAX_MS = 30000,
    GIVE_UP_MS = 300000,           // and after so long it is over: others wait
    SAY_MS = 60000
};

// ---- the log ------------------------------------------------------------------------------------

static void say(const otlp_exporter *e, int32_t level, const char *text, const char *error)
{
    web_text fields = { 0 };
    web_text_put(&fields, "{\"url\":");
    web_text_json(&fields, e->config->url, strlen(e->config->url));
    if (e->unsaid)
        web_text_format(&fields, ",\"dropped\":%" PRIu64, e->unsaid);
    if (error && *error) {
        web_text_put(&fields, ",\"error\":");
        web_text_json(&fields, error, strlen(error));
    }
    web_text_put(&fields, "}");
    if (e->log)
        e->log(e->log_user, level, gf_now_ms(), text,
            fields.failed ? "{}" : fields.at);
    web_text_free(&fields);
}

// Once a minute at the most; what is left unsaid is in the next line, or in that of the end.
static void complain(otlp_exporter *e, const char *text, const char *error)
{
    int64_t now_ms = gf_mono_ms();
    if (e->said_ms && now_ms - e->said_ms < SAY_MS)
        return;
    e->said_ms = now_ms;
    say(e, GOFER_LOG_WARN, text, error);
    e->unsaid = 0;
}

static void count_dropped(otlp_exporter *e, uint64_t spans)
{
    e->unsaid += spans;
    if (spans && e->worker)
        gofer_worker_count_spans(e->worker, 0, (int64_t)spans);
}

// ---- one batch ----------------------------------------------------------------------------------

// Doubled each time, and up to a fifth less or more, so that not all workers come at once.
static int64_t pause_ms(otlp_exporter *e, int tries, const otlp_reply *reply)
{
    int64_t ms = AGAIN_MIN_MS << (tries < 5 ? tries : 5);
    if (ms > AGAIN_MAX_MS)
        ms = AGAIN_MAX_MS;
    e->chance = e->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    ms += (int64_t)(e->chance >> 33) % (2 * ms / 5 + 1) - ms / 5;
    return reply->after_ms > ms ? reply->after_ms : ms;
}

static bool is_over(otlp_exporter *e, int64_t begun_ms)
{
    int64_t now_ms = gf_mono_ms(), until_ms = atomic_load(&e->post.until_ms);
    return now_ms - begun_ms >= GIVE_UP_MS || (until_ms && now_ms >= until_ms);
}

// At the end a pause is as long as all others, but no longer than what is left.
static void rest(otlp_exporter *e, int64_t ms)
{
    int64_t now_ms = gf_mono_ms();
    if (!otlp_queue_ended(e->queue)) {
        otlp_queue_rest(e->queue, now_ms + ms);
        return;
    }
    int64_t left_ms = atomic_load(&e->post.until_ms) - now_ms;
    int64_t wait_ms = left_ms < ms ? left_ms : ms;
    if (wait_ms > 0)
        gf_sleep_us(wait_ms * 1000);
}

static void taken(otlp_exporter *e, size_t count, const otlp_reply *reply)
{
    int64_t rejected = reply->rejected < (int64_t)count ? reply->rejected : (int64_t)count;
    if (e->worker)
        gofer_worker_count_spans(e->worker, (int64_t)count - rejected, 0);
    count_dropped(e, (uint64_t)rejected);
    if (e->failing && !rejected) {
        say(e, GOFER_LOG_INFO, "the collector takes spans again", NULL);
        e->unsaid = 0;
    } else if (rejected || *reply->why) {
        complain(e, "the collector did not take all spans", reply->why);
    }
    e->failing = false;
}

static void send_batch(otlp_exporter *e, const otlp_batch *batch)
{
    const char *instance = e->worker ? gofer_worker_id(e->worker) : NULL;
    web_text body = otlp_encode(e->config, instance, batch);
    otlp_reply reply = { .answer = OTLP_REFUSED };
    int64_t begun_ms = gf_mono_ms();
    for (int tries = 0; !body.failed; tries++) {
        otlp_post_send(&e->post, body.at, body.size, &reply);
        if (reply.answer != OTLP_AGAIN || is_over(e, begun_ms))
            break;
        e->failing = true;
        complain(e, "the collector does not take spans: they are sent again", reply.why);
        rest(e, pause_ms(e, tries, &reply));
        if (is_over(e, begun_ms))
            break;
    }
    if (reply.answer == OTLP_TAKEN) {
        taken(e, batch->count, &reply);
    } else {
        e->failing = true;
        count_dropped(e, batch->count);
        complain(e, "spans are dropped: the collector did not take them",
            body.failed ? "no memory" : reply.why);
    }
    web_text_free(&body);
}

// ---- the thread ---------------------------------------------------------------------------------

static void *export_main(void *user)
{
    otlp_exporter *e = user;
    otlp_batch batch;
    uint64_t dropped;
    gf_thread_name("gofer-otlp");
    for (;;) {
        batch = otlp_queue_take(e->queue, &dropped);
        count_dropped(e, dropped);
        if (batch.count == 0)
            break;
        int64_t until_ms = atomic_load(&e->post.until_ms);
        if (until_ms && gf_mono_ms() >= until_ms)
            count_dropped(e, batch.count);     // no time is left
        else
            send_batch(e, &batch);
        otlp_batch_free(&batch);
        if (dropped)
            complain(e, "spans are dropped: they come faster than the collector takes them", NULL);
    }
    if (e->unsaid)
        say(e, GOFER_LOG_WARN, "spans were dropped", NULL);
    return NULL;
}

bool otlp_exporter_start(otlp_exporter *e, char *why, size_t size)
{
    e->chance = (uint64_t)gf_now_ns() ^ (uint64_t)(uintptr_t)e;
    int err = gf_thread_start(&e->thread, export_main, e, 0);
    if (err)
        snprintf(why, size, "no thread to send spans: %s", strerror(err));
    return e->runs = err == 0;
}

void otlp_exporter_end(otlp_exporter *e, int64_t patience_ms)
{
    if (!e->runs)
        return;
    atomic_store(&e->post.until_ms, gf_mono_ms() + patience_ms);
    otlp_queue_end(e->queue);
    pthread_join(e->thread, NULL);
    e->runs = false;
}
