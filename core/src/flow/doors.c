// doors.c - the public doors of flows: what they say is checked here, and the store does it.
//
// May touch: flow/draft.h, broker/broker.h. A store without flows answers GOFER_EUNSUPPORTED.
#include <stdatomic.h>
#include <string.h>

#include "client/admit.h"
#include "client/client.h"
#include "client/opened.h"
#include "flow/draft.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/minmax.h"
#include "util/text.h"

enum { PAGE = 100, PAGE_MAX = 1000, FIRST_LOOK_MS = 10, LOOK_MS = 500 };

static gofer_status begin(gofer_client *client, const char *call)
{
    gofer_status st = gf_client_check(client, call);
    if (st == GOFER_OK && !client->broker->ops->flows)
        return gf_client_cannot(client, "flows");
    return st;
}

static gofer_status begin_with(gofer_client *client, const char *call, const char *id)
{
    gofer_status st = begin(client, call);
    return st == GOFER_OK ? gf_check_name("flow id", id) : st;
}

static gofer_status begin_out(gofer_client *client, const char *call, const char *id,
    const void *out)
{
    gofer_status st = begin_with(client, call, id);
    return st == GOFER_OK && !out ? gf_fail(GOFER_EINVAL, "%s: out is NULL", call) : st;
}

// Its tasks are put by whoever goes on with it, who is not refused.
static gofer_status admit(gofer_client *client, const gf_flow_plan *plan)
{
    const gf_message **messages = gf_alloc((plan->count + 1) * sizeof *messages);
    if (!messages)
        return gf_fail_nomem("the steps of a flow");
    for (size_t i = 0; i < plan->count; i++)
        messages[i] = plan->steps[i].message;
    gofer_status st = gf_admit(client, messages, plan->count);
    gf_free(messages);
    return st;
}

gofer_status gofer_client_flow_start(gofer_client *client, size_t count,
    const gofer_flow_step *const *steps, const gofer_flow_options *opts, char **id_out)
{
    gf_flow_draft p;
    char *id = NULL;
    gofer_status st = begin(client, "gofer_client_flow_start");
    if (st == GOFER_OK && count && !steps)
        st = gf_fail(GOFER_EINVAL, "gofer_client_flow_start: steps is NULL");
    if (st != GOFER_OK)
        return st;
    st = gf_flow_draft_make(&p, client, count, steps, opts);
    if (st == GOFER_OK)
        st = admit(client, &p.plan);
    if (st == GOFER_OK && id_out && !(id = gf_strdup(p.id)))
        st = gf_fail_nomem("a flow's id");
    if (st == GOFER_OK)
        st = client->broker->ops->flows->start(client->broker, &p.plan);
    if (st == GOFER_EUNCERTAIN)
        st = gf_fail_add(st, "flow id '%s' (repeat with it)", p.id);
    gf_flow_draft_clear(&p);
    if (st == GOFER_OK && id_out)
        *id_out = id;
    else
        gf_free(id);
    return st;
}

gofer_status gofer_client_flow(gofer_client *client, const char *id, gofer_info **out)
{
    gofer_status st = begin_out(client, "gofer_client_flow", id, out);
    return st == GOFER_OK ? client->broker->ops->flows->show(client->broker, id, true, out) : st;
}

gofer_status gofer_client_flows(gofer_client *client, const char *state, const char *cursor,
    int32_t limit, gofer_info **out)
{
    gf_flow_state of = GF_FLOW_STATES;
    gofer_status st = begin(client, "gofer_client_flows");
    if (st == GOFER_OK && !out)
        st = gf_fail(GOFER_EINVAL, "out is NULL: there is nowhere to put the page");
    if (st == GOFER_OK && (limit < 0 || limit > PAGE_MAX))
        st = gf_fail(GOFER_EINVAL, "limit is %d: it must be from 1 to %d, or 0 (%d)", (int)limit,
            PAGE_MAX, PAGE);
    if (st == GOFER_OK && state && !gf_flow_state_parse(state, &of))
        st = gf_fail(GOFER_EINVAL, "'%.60s' is no state of a flow: running, paused, done, failed, "
            "cancelled, expired", state);
    if (st != GOFER_OK)
        return st;
    return client->broker->ops->flows->list(client->broker, of, cursor ? cursor : "",
        limit ? (size_t)limit : PAGE, out);
}

gofer_status gofer_client_flow_act(gofer_client *client, const char *id, const char *step,
    int32_t act)
{
    static const gf_flow_act acts[] = {
        [GOFER_FLOW_PAUSE] = GF_FLOW_ACT_PAUSE,
        [GOFER_FLOW_RESUME] = GF_FLOW_ACT_RESUME,
        [GOFER_FLOW_ABORT] = GF_FLOW_ACT_CANCEL,
        [GOFER_FLOW_RETRY] = GF_FLOW_ACT_RETRY,
    };
    gofer_status st = begin_with(client, "gofer_client_flow_act", id);
    if (st == GOFER_OK && (act < GOFER_FLOW_PAUSE || act > GOFER_FLOW_RETRY))
        st = gf_fail(GOFER_EINVAL, "act is %d: it must be GOFER_FLOW_PAUSE, _RESUME, _ABORT or "
            "_RETRY", (int)act);
    if (st == GOFER_OK && step && act != GOFER_FLOW_RETRY)
        st = gf_fail(GOFER_EINVAL, "a single step can only be retried");
    if (st == GOFER_OK && step)
        st = gf_check_name("name of a step", step);
    return st == GOFER_OK
        ? client->broker->ops->flows->act(client->broker, id, step, acts[act])
        : st;
}

// False: the waits of the client are to end.
static bool rests(const gofer_client *client, int64_t ms, uint32_t interrupts)
{
    for (; ms > 0; ms -= GF_INTERRUPT_MS) {
        gf_sleep_us(gf_min(ms, GF_INTERRUPT_MS) * 1000);
        if (atomic_load(&client->broker->interrupts) != interrupts)
            return false;
    }
    return true;
}

gofer_status gofer_client_flow_wait(gofer_client *client, const char *id, int64_t timeout_ms,
    gofer_info **out)
{
    gofer_status st = begin_out(client, "gofer_client_flow_wait", id, out);
    int64_t until_ms = gf_mono_ms() + gf_min(timeout_ms, GOFER_MAX_DURATION_MS);
    int64_t pause_ms = FIRST_LOOK_MS;
    uint32_t interrupts = st == GOFER_OK ? atomic_load(&client->broker->interrupts) : 0;
    for (; st == GOFER_OK; pause_ms = gf_min(2 * pause_ms, LOOK_MS)) {
        gofer_info *flow = NULL;
        st = client->broker->ops->flows->show(client->broker, id, false, &flow);
        if (st == GOFER_OK && gofer_info_has(flow, "ended_at_ms")) {
            *out = flow;
            return GOFER_OK;
        }
        gofer_info_free(flow);
        int64_t left_ms = timeout_ms < 0 ? LOOK_MS : until_ms - gf_mono_ms();
        if (st == GOFER_OK && left_ms <= 0)
            return gf_fail(GOFER_ETIMEOUT, "the flow '%s' has not ended", id);
        if (st == GOFER_OK && !rests(client, gf_min(pause_ms, left_ms), interrupts))
            return gf_fail(GOFER_ETIMEOUT, "the wait for the flow '%s' was interrupted", id);
    }
    return st;
}

gofer_status gofer_client_flow_result(gofer_client *client, const char *id, const char *step,
    void **bytes, size_t *size)
{
    gofer_status st = begin_out(client, "gofer_client_flow_result", id, bytes);
    if (st == GOFER_OK && !size)
        st = gf_fail(GOFER_EINVAL, "gofer_client_flow_result: size is NULL");
    if (st == GOFER_OK)
        st = gf_check_name("name of a step", step);
    return st == GOFER_OK
        ? gf_flow_result_opened(client, id, step, bytes, size)
        : st;
}
