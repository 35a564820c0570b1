// flows.c - what the stores agree on of flows beside their rules: words and snapshots.
#include "broker/flows.h"

#include <string.h>

#include "info/info.h"

static const char *const state_words[GF_FLOW_STATES] = {
    "running", "paused", "done", "failed", "cancelled", "expired",
};
static const char *const on_dead_words[] = { "stop", "cancel", "continue" };

const char *gf_flow_state_name(gf_flow_state state)
{
    return (unsigned)state < GF_FLOW_STATES ? state_words[state] : "?";
}

bool gf_flow_state_parse(const char *name, gf_flow_state *out)
{
    for (int i = 0; i < GF_FLOW_STATES; i++)
        if (strcmp(name, state_words[i]) == 0) {
            *out = (gf_flow_state)i;
            return true;
        }
    return false;
}

bool gf_flow_satisfies(gf_flow_rule rule, gf_step_state ended)
{
    bool done = ended == (gf_step_state)(GF_STEP_ENDED + GF_END_DONE);
    switch (rule) {
    case GF_RULE_EACH:
    case GF_RULE_SUCCESS: return done;
    case GF_RULE_FAILURE: return !done && ended != GF_STEP_SKIPPED;
    default:              return true;
    }
}

static const char *step_word(const gf_step_look *look)
{
    switch (look->state) {
    case GF_STEP_WAITING: return look->made > look->made_ended ? "active" : "waiting";
    case GF_STEP_READY:   return "ready";
    case GF_STEP_PUT:     return look->task_state ? look->task_state : "lost";
    case GF_STEP_SKIPPED: return "skipped";
    default:              return gf_end_name((gf_end)(look->state - GF_STEP_ENDED));
    }
}

static int set_if(gofer_info *info, const char *field, int64_t value)
{
    return value > 0 ? gf_info_set_int(info, field, value) : 0;
}

static gofer_info *unless_bad(gofer_info *info, int bad)
{
    if (!bad)
        return info;
    gofer_info_free(info);
    return NULL;
}

gofer_info *gf_flow_info(const gf_flow_look *look)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    return unless_bad(info, gf_info_set_text(info, "id", look->id) |
        gf_info_set_text(info, "state", gf_flow_state_name(look->state)) |
        gf_info_set_text(info, "on_dead",
            (unsigned)look->on_dead <= GF_FLOW_CONTINUE ? on_dead_words[look->on_dead] : "?") |
        gf_info_set_int(info, "total", look->total) |
        gf_info_set_int(info, "ended", look->total - look->left) |
        gf_info_set_int(info, "failed", look->failed) |
        gf_info_set_int(info, "created_at_ms", look->created_ms) |
        set_if(info, "ended_at_ms", look->ended_ms) |
        set_if(info, "deadline_ms", look->deadline_ms) |
        set_if(info, "expires_at_ms", look->expires_ms));
}

gofer_info *gf_step_info(const gf_step_look *look)
{
    gofer_info *info = gf_info_record();
    if (!info)
        return NULL;
    int bad = gf_info_set_text(info, "name", look->name) |
        gf_info_set_text(info, "state", step_word(look)) |
        gf_info_set_text(info, "id", look->id) | gf_info_set_text(info, "type", look->type) |
        gf_info_set_text(info, "queue", look->queue);
    if (*look->after)
        bad |= gf_info_set_text(info, "after", look->after);
    bad |= gf_info_set_text(info, "error", look->error) |
        set_if(info, "ended_at_ms", look->ended_ms);
    if (look->result_size >= 0)
        bad |= gf_info_set_int(info, "result_size", look->result_size);
    bad |= gf_info_set_text(info, "made_of", look->made_of);
    if (look->makes)
        bad |= gf_info_set_int(info, "made", look->made) |
            gf_info_set_int(info, "made_ended", look->made_ended) |
            gf_info_set_int(info, "made_failed", look->made_failed);
    return unless_bad(info, bad);
}
