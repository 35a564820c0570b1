// redis.c - the Redis broker: its table, and how a store is opened and closed.
#include <stdio.h>

#include "broker/redis/flow/flow.h"
#include "broker/redis/shard/shard.h"
#include "util/alloc.h"
#include "util/clock.h"
#include "util/error.h"
#include "util/id.h"

gofer_status gf_rd_check(const gf_rd_store *s)
{
    if (s->process == gf_process_self())
        return GOFER_OK;
    return gf_fail(GOFER_EFORKED, "'%s' was opened by process %ld: open it again after fork",
        s->shown, gf_process_pid(s->process));
}

// ---- open and close -------------------------------------------------------------------------

static gofer_status start(gf_rd_store *s, const gf_url *url)
{
    gf_rd_options options;
    gofer_status st = gf_rd_options_parse(&options, url);
    if (st != GOFER_OK)
        return st;
    s->shown = gf_strdup(options.shown ? options.shown : url->shown);
    if (!s->shown) {
        gf_rd_options_clear(&options);
        return gf_fail_nomem("a URL");
    }
    gf_rd_token_text(gf_random64(), s->sharer);
    st = gf_rd_net_open(&s->net, &options, s->base.config.log, gf_rd_timeout(s));
    if (st == GOFER_OK)
        st = gf_rd_queues_open(s);
    if (st == GOFER_OK)
        st = gf_rd_shards_open(s);
    if (st == GOFER_OK)
        st = gf_rd_guards_open(s);
    if (st == GOFER_OK)
        st = gf_rd_hours_open(s);
    if (st == GOFER_OK)
        st = gf_rd_breakers_open(s);
    if (st == GOFER_OK)
        st = gf_rd_upkeep_open(s);
    if (st == GOFER_OK)
        st = gf_rd_election_open(s);
    if (st == GOFER_OK)
        st = gf_rd_combiner_open(s);
    if (st == GOFER_OK)
        st = gf_rd_senders_open(s);
    return st;
}

// In a forked child locks may be held by threads that are not there, and connections are the
// parent's: only memory and descriptors go.
static void close_store(gf_broker *b)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_combiner_close(s);
    gf_rd_queues_close(s);
    gf_rd_shards_close(s);
    gf_rd_guards_close(s);
    gf_rd_hours_close(s);
    gf_rd_breakers_free(s);
    gf_rd_upkeep_close(s);
    gf_rd_election_close(s);
    gf_rd_registrations_close(s);
    gf_rd_turns_close(s);
    gf_rd_undelivered_close(s);
    gf_rd_senders_close(s);
    gf_rd_net_close(s->net);
    if (s->process == gf_process_self())
        pthread_mutex_destroy(&s->lock);
    gf_free(s->shown);
    gf_free(s);
}

static gofer_status open_store(gf_broker **out, const gf_url *url, const gf_broker_config *config)
{
    gf_rd_store *s = gf_calloc(1, sizeof *s);
    if (!s)
        return gf_fail_nomem("a broker");
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        gf_free(s);
        return gf_fail_nomem("a lock");
    }
    s->base = (gf_broker){ .ops = &gf_redis_ops, .config = *config };
    s->process = gf_process_self();
    gofer_status st = start(s, url);
    if (st != GOFER_OK) {
        char text[1024];                 // closing may fail, and say so
        snprintf(text, sizeof text, "%s", gofer_error_last());
        close_store(&s->base);
        return gf_fail(st, "%s", text);
    }
    *out = &s->base;
    return GOFER_OK;
}

// ---- clock ----------------------------------------------------------------------------------

static gofer_status read_clock(gf_broker *b, int64_t *now_ms)
{
    gf_rd_store *s = (gf_rd_store *)b;
    gf_rd_cmd cmd = { .slot = GF_RD_ANY_SLOT, .reads = true };
    redisReply *reply;
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_add(&cmd.args, "TIME");
    int64_t asked_ms = gf_mono_ms();
    st = gf_rd_call(s, &cmd, &reply);
    if (st != GOFER_OK)
        return st;
    int64_t took_ms = gf_mono_ms() - asked_ms;
    const redisReply *seconds = gf_rd_reply_at(reply, 0, REDIS_REPLY_STRING);
    const redisReply *us = gf_rd_reply_at(reply, 1, REDIS_REPLY_STRING);
    int64_t at_ms = gf_rd_reply_int(seconds, -1) * 1000 + gf_rd_reply_int(us, 0) / 1000;
    gf_rd_reply_free(reply);
    if (at_ms < 0)
        return gf_fail(GOFER_EBROKER, "Redis has answered TIME with something else than a time");
    *now_ms = at_ms - took_ms;     // rather late than early, however slow the answer was
    return GOFER_OK;
}

// ---- ping -----------------------------------------------------------------------------------

typedef struct pinging {
    gofer_status status;                 // of the first node that failed
    char         text[600];
} pinging;

static void on_pong(void *arg, const char *address, const redisReply *reply, gofer_status status)
{
    pinging *p = arg;
    (void)reply;
    if (status == GOFER_OK || p->status != GOFER_OK)
        return;
    p->status = status;
    snprintf(p->text, sizeof p->text, "%s: %s", address, gofer_error_last());
}

// The servers of a cluster answer PING although it is down and they refuse every key: so they are
// asked for one. A user who may not ask has been answered all the same.
static gofer_status ask_for_key(gf_rd_store *s, int64_t timeout_ms)
{
    static const char key[] = "asynq:queues";
    gf_rd_cmd cmd = { .slot = gf_rd_slot(key, sizeof key - 1), .reads = true };
    gf_rd_add(&cmd.args, "EXISTS");
    gf_rd_add(&cmd.args, key);
    gofer_status st = gf_rd_run(s->net, &cmd, 1, timeout_ms > 1 ? timeout_ms : 1);
    gf_rd_cmd_clear(&cmd);
    return st == GOFER_EDENIED ? GOFER_OK : st;
}

static gofer_status ping(gf_broker *b)
{
    gf_rd_store *s = (gf_rd_store *)b;
    pinging p = { GOFER_OK, "" };
    int64_t until_ms = gf_mono_ms() + gf_rd_timeout(s);
    gf_rd_args args = { 0 };
    gofer_status st = gf_rd_check(s);
    if (st != GOFER_OK)
        return st;
    gf_rd_add(&args, "PING");
    st = gf_rd_run_everywhere(s->net, &args, gf_rd_timeout(s), on_pong, &p);
    gf_rd_args_clear(&args);
    if (st != GOFER_OK)
        return st;
    if (p.status != GOFER_OK)
        return gf_fail(p.status, "%s", p.text);
    return gf_rd_net_server(s->net).is_cluster ? ask_for_key(s, until_ms - gf_mono_ms()) : GOFER_OK;
}

static uint64_t reconnects(gf_broker *b)
{
    return gf_rd_net_remade(((gf_rd_store *)b)->net);
}

// It connects again by itself.
static bool is_spent(gf_broker *b)
{
    (void)b;
    return false;
}

// ---- the table ------------------------------------------------------------------------------

static const char *const schemes[] = {
    "redis", "rediss", "redis+unix", "redis-socket", "redis-sentinel", "rediss-sentinel",
    "redis-cluster", "rediss-cluster", NULL,
};

// waits_next and listener_next look at `interrupts` while they wait.
static void sees_by_itself(gf_broker *b)
{
    (void)b;
}

// What the server has answered is as durable as it makes things: no finish has a ticket.
static gofer_status settle(gf_broker *b, uint64_t ticket, bool force)
{
    (void)b, (void)ticket, (void)force;
    return GOFER_OK;
}

static const gf_tasks_ops tasks = {
    .put = gf_rd_sharded_put,
    .exchange = gf_rd_sharded_exchange,
    .settle = settle,
    .extend = gf_rd_extend,
    .progress = gf_rd_progress,
    .release = gf_rd_release,
    .checkpoint = gf_rd_checkpoint,
    .waiter_open = gf_rd_waiter_open,
    .waiter_close = gf_rd_waiter_close,
    .waiter_arm = gf_rd_waiter_arm,
    .waiter_wait = gf_rd_waiter_wait,
    .waiter_wake = gf_rd_waiter_wake,
};

static const gf_upkeep_ops upkeep = {
    .now_ms = gf_rd_now_ms,
    .clock = read_clock,
    .forward = gf_rd_forward,
    .recover = gf_rd_sharded_recover,
    .purge = gf_rd_purge,
    .worker_register = gf_rd_sharded_register,
    .worker_deregister = gf_rd_worker_deregister,
    .register_ms = GF_RD_SERVER_TTL_S * 1000 / 2,
    .tidy = gf_rd_shards_tidy,
};

static const gf_groups_ops groups = {
    .take = gf_rd_sharded_group_take,
    .put = gf_rd_sharded_group_put,
    .back = gf_rd_sharded_group_back,
    .archive = gf_rd_sharded_group_archive,
    .reclaim = gf_rd_groups_reclaim,
};

static const gf_cron_ops cron = {
    .entry_put = gf_rd_entry_put,
    .entry_swap = gf_rd_entry_swap,
    .entry_drop = gf_rd_entry_drop,
    .entries = gf_rd_entries,
    .tick = gf_rd_tick,
    .tick_states = gf_rd_tick_states,
    .tick_history = gf_rd_tick_history,
};

static const gf_peers_ops peers = {
    .show = gf_rd_entries_show,
    .hide = gf_rd_entries_hide,
    .foreign = gf_rd_entries_foreign,
};

static const gf_live_ops live = {
    .watch_open = gf_rd_watch_open,
    .watch_close = gf_rd_watch_close,
    .control = gf_rd_control,
    .events_wanted = gf_rd_events_wanted,
    .events_publish = gf_rd_events_publish,
    .listener_open = gf_rd_listener_open,
    .listener_next = gf_rd_listener_next,
    .listener_close = gf_rd_listener_close,
    .waits_open = gf_rd_waits_open,
    .waits_close = gf_rd_waits_close,
    .waits_add = gf_rd_waits_add,
    .waits_remove = gf_rd_waits_remove,
    .waits_next = gf_rd_waits_next,
    .waits_wake = gf_rd_waits_wake,
    .interrupt = sees_by_itself,
};

static const gf_inspect_ops inspect = {
    .about = gf_rd_sharded_about,
    .groups = gf_rd_sharded_groups,
    .stats_add = gf_rd_stats_add,
    .stats = gf_rd_stats,
    .stats_steps = gf_rd_stats_steps,
    .names = gf_rd_sharded_names,
    .locate = gf_rd_sharded_locate,
    .filled = gf_rd_sharded_filled,
    .counts = gf_rd_sharded_counts,
    .workers = gf_rd_workers,
    .queues = gf_rd_sharded_queues,
    .queues_page = gf_rd_sharded_queues_page,
    .tasks = gf_rd_sharded_tasks,
    .task = gf_rd_sharded_task,
    .history = gf_rd_sharded_history,
    .closed = gf_rd_sharded_closed,
    .backlog = gf_rd_sharded_backlog,
};

static const gf_act_ops act = {
    .tasks_move = gf_rd_flow_tasks_move,
    .tasks_act = gf_rd_flow_tasks_act,
    .task_edit = gf_rd_sharded_edit,
    .task_rewrite = gf_rd_sharded_rewrite,
    .queue_pause = gf_rd_sharded_pause,
    .queue_bound = gf_rd_sharded_bound,
    .queue_age = gf_rd_sharded_age,
    .queue_encrypt = gf_rd_sharded_encrypt,
    .queue_delete = gf_rd_flow_queue_delete,
};

static const gf_transfer_ops transfer = {
    .export_items = gf_rd_sharded_export,
    .import_items = gf_rd_sharded_import,
    .drop_items = gf_rd_sharded_drop,
};

static const gf_check_ops check = {
    .store = gf_rd_check_store,
};

static const gf_audit_ops audit = {
    .add = gf_rd_audit_add,
    .page = gf_rd_audit_page,
};

static const gf_shards_ops shards = {
    .declare = gf_rd_shards_declare,
    .slots = gf_rd_shards_slots,
};

static const gf_limits_ops limits = {
    .orders = true,
    .put = gf_rd_limit_put,
    .drop = gf_rd_limit_drop,
    .list = gf_rd_limit_list,
    .keys = gf_rd_limit_keys,
    .key = gf_rd_limit_key,
    .pause = gf_rd_limit_pause,
    .share = gf_rd_limit_share,
    .rung = gf_rd_limit_rung,
};

static const gf_guards_ops guards = {
    .breaker_put = gf_rd_breaker_put,
    .breaker_drop = gf_rd_breaker_drop,
    .breaker_close = gf_rd_breaker_close,
    .breakers = gf_rd_breakers,
    .type_pause = gf_rd_type_pause,
    .types = gf_rd_types,
};

static const gf_hours_ops hours = {
    .put = gf_rd_hours_put,
    .list = gf_rd_hours_list,
};

static const gf_tenants_ops tenants = {
    .put = gf_rd_tenant_put,
    .drop = gf_rd_tenant_drop,
    .list = gf_rd_tenant_list,
    .tenant = gf_rd_tenant,
};

static const gf_flows_ops flows = {
    .start = gf_rd_flow_start,
    .relay = gf_rd_flow_relay,
    .rung = gf_rd_flow_rung,
    .show = gf_rd_flow_show,
    .list = gf_rd_flow_list,
    .act = gf_rd_flow_act,
    .result = gf_rd_flow_result,
};

const gf_broker_ops gf_redis_ops = {
    .schemes = schemes,
    .open = open_store,
    .close = close_store,
    .ping = ping,
    .reconnects = reconnects,
    .is_spent = is_spent,
    .tasks = &tasks,
    .upkeep = &upkeep,
    .groups = &groups,
    .cron = &cron,
    .peers = &peers,
    .live = &live,
    .inspect = &inspect,
    .act = &act,
    .transfer = &transfer,
    .check = &check,
    .audit = &audit,
    .shards = &shards,
    .limits = &limits,
    .guards = &guards,
    .hours = &hours,
    .tenants = &tenants,
    .flows = &flows,
};
