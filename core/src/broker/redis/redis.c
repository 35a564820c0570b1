// redis.c - the Redis broker: its table, and how a store is opened and closed.
#include "broker/redis/store.h"
#include "util/error.h"

static gofer_status open_store(gf_broker **out, const gf_url *url, const gf_broker_config *config)
{
    (void)out;
    (void)config;
    return gf_fail(GOFER_EUNSUPPORTED, "'%s': not there yet", url->shown);
}

static const char *const schemes[] = {
    "redis", "rediss", "redis+unix", "redis-socket", "redis-sentinel", "rediss-sentinel",
    "redis-cluster", "rediss-cluster", NULL,
};

const gf_broker_ops gf_redis_ops = {
    .schemes = schemes,
    .open = open_store,
    .put = gf_rd_put,
    .exchange = gf_rd_exchange,
    .extend = gf_rd_extend,
    .progress = gf_rd_progress,
    .waiter_open = gf_rd_waiter_open,
    .waiter_close = gf_rd_waiter_close,
    .waiter_arm = gf_rd_waiter_arm,
    .waiter_wait = gf_rd_waiter_wait,
    .waiter_wake = gf_rd_waiter_wake,
    .forward = gf_rd_forward,
    .recover = gf_rd_recover,
    .purge = gf_rd_purge,
    .worker_register = gf_rd_worker_register,
    .worker_deregister = gf_rd_worker_deregister,
    .register_ms = GF_RD_SERVER_TTL_S * 1000 / 2,
    .cancel = gf_rd_cancel,
    .watch_open = gf_rd_watch_open,
    .watch_close = gf_rd_watch_close,
    .workers = gf_rd_workers,
    .queues = gf_rd_queues_look,
    .tasks = gf_rd_tasks,
    .task = gf_rd_task,
    .history = gf_rd_history,
    .backlog = gf_rd_backlog,
    .task_move = gf_rd_task_move,
    .tasks_move = gf_rd_tasks_move,
    .queue_pause = gf_rd_queue_pause,
    .queue_delete = gf_rd_queue_delete,
};
