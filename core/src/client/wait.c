// wait.c - waits for the end of a task.
//
// May touch: broker/broker.h, info/info.h.
#include "client/wait.h"

#include <string.h>

#include "client/opened.h"
#include "info/info.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"
#include "util/text.h"

enum { AHEAD_MS = 60000 };         // a clock that is ahead of ours by so much makes
                                   //   good ids all the same

// It ended before the store could be asked how. queue NULL: nobody knows where it was.
static gofer_status make_gone(const char *queue, const char *id, gofer_info **out)
{
    gofer_info *info = gf_info_record();
    if (!info || gf_info_set_text(info, "id", id) ||
        gf_info_set_text(info, "queue", queue ? queue : "") ||
        gf_info_set_text(info, "outcome", "gone")) {
        gofer_info_free(info);
        return gf_fail_nomem("the end of a task");
    }
    *out = info;
    return GOFER_OK;
}

// Of an id that no queue holds: was there such a task? An id that gofer made says when, and nobody
// makes one but to enqueue with it: so its task has ended, if this store has ever seen tasks (and,
// with a queue, seen that queue, while no other has the task). Nothing is kept for that, and ending
// a task costs nothing.
static gofer_status had_been(gofer_client *client, const char *queue, const char *id, bool *been)
{
    gf_broker *b = client->broker;
    gf_names names = { 0 };
    int64_t born_ms = gf_id_born_ms(id);
    *been = false;
    if (!born_ms || born_ms > gf_now_ms() + AHEAD_MS)
        return GOFER_OK;
    gofer_status st = b->ops->inspect->names(b, &names);
    for (size_t i = 0; st == GOFER_OK && i < names.count && !*been; i++)
        *been = !queue || strcmp(names.names[i], queue) == 0;
    gf_names_clear(&names);
    if (st == GOFER_OK && queue && *been) {
        st = b->ops->inspect->locate(b, id, &names);
        *been = st == GOFER_OK && names.count == 0;
        gf_names_clear(&names);
    }
    return st;
}

gofer_status gf_wait_missing(gofer_client *client, const char *given, const char *found,
    const char *id, gofer_info **out)
{
    bool been = found && !given;
    gofer_status st = been ? GOFER_OK : had_been(client, given, id, &been);
    if (st != GOFER_OK)
        return st;
    if (been)
        return make_gone(found, id, out);
    if (given)
        return gf_fail(GOFER_ENOTFOUND, "no task '%s' in queue '%s'", id, given);
    return gf_fail(GOFER_ENOTFOUND, "no task '%s' in any queue", id);
}

gofer_status gofer_client_interrupt(gofer_client *client)
{
    gofer_status st = gf_client_check(client, "gofer_client_interrupt");
    if (st != GOFER_OK)
        return st;
    gf_broker *b = client->broker;
    atomic_fetch_add(&b->interrupts, 1);
    if (b->ops->live)
        b->ops->live->interrupt(b);
    return GOFER_OK;
}

gofer_status gofer_client_wait(gofer_client *client, const char *queue, const char *task_id,
    int64_t timeout_ms, gofer_info **out)
{
    gf_names found = { 0 };
    gofer_info *end;
    if (!out)
        return gf_fail(GOFER_EINVAL, "gofer_client_wait: out is NULL");
    gofer_status st = gf_client_check(client, "gofer_client_wait");
    if (st == GOFER_OK && timeout_ms > 0)
        st = gf_check_duration("timeout_ms", timeout_ms);
    if (st != GOFER_OK)
        return st;
    const gf_broker_ops *ops = client->broker->ops;
    if (!ops->live)
        return gf_client_cannot(client, "gofer_client_wait");
    const char *given = queue;
    st = gf_client_locate(client, &queue, task_id, &found);
    if (st == GOFER_OK)
        st = gf_wait_end(client->broker, queue, task_id, timeout_ms, &end);
    if (st == GOFER_OK)
        st = gf_hand_opened(client, end, out);
    else if (st == GOFER_ENOTFOUND)
        st = gf_wait_missing(client, given, queue, task_id, out);
    else if (st == GOFER_ETIMEOUT)
        gf_fail(st, "the task '%s' has not come to its end in the time given", task_id);
    gf_names_clear(&found);
    return st;
}
