// commands.c - the table of commands, in the order in which help shows them.
//
// The one file that names them all. main.c alone reads it and hands it on in the struct cli, so
// that a command may ask for the others (help, completion) without an arrow back to here.
#include "cli.h"

extern const cli_command cmd_worker, cmd_worker_ls, cmd_worker_set, cmd_enqueue, cmd_wait,
    cmd_watch, cmd_events, cmd_task_ls, cmd_task_show, cmd_task_edit, cmd_task_reschedule,
    cmd_task_run, cmd_task_archive, cmd_task_rm, cmd_task_cancel, cmd_group_ls, cmd_group_run,
    cmd_group_archive, cmd_group_rm, cmd_queue_ls, cmd_queue_show, cmd_queue_shard,
    cmd_queue_bound, cmd_queue_encrypt, cmd_queue_age, cmd_queue_pause, cmd_queue_unpause,
    cmd_queue_rm,
    cmd_limit_put, cmd_limit_ls, cmd_limit_show, cmd_limit_rm, cmd_limit_blocked, cmd_limit_pause,
    cmd_breaker_put, cmd_breaker_ls, cmd_breaker_rm, cmd_breaker_close,
    cmd_type_pause, cmd_type_unpause, cmd_type_ls,
    cmd_hours_put, cmd_hours_ls, cmd_hours_show, cmd_hours_rm,
    cmd_flow_start, cmd_flow_ls, cmd_flow_show, cmd_flow_wait, cmd_flow_retry, cmd_flow_pause,
    cmd_flow_unpause, cmd_flow_cancel, cmd_flow_result,
    cmd_tenant_put, cmd_tenant_ls, cmd_tenant_show, cmd_tenant_rm,
    cmd_cron_ls, cmd_cron_show, cmd_cron_history, cmd_cron_check,
    cmd_cron_add, cmd_cron_rm, cmd_cron_pause, cmd_cron_unpause, cmd_cron_run, cmd_cron_sync,
    cmd_stats, cmd_audit, cmd_ping, cmd_doctor, cmd_bench, cmd_migrate, cmd_rekey,
    cmd_completion, cmd_version, cmd_help;

#ifdef GOFER_HAVE_TOP
extern const cli_command cmd_top;
#endif

#ifdef GOFER_HAVE_WEB
extern const cli_command cmd_web, cmd_web_token;
#endif

const cli_command *const cli_commands[] = {
    &cmd_worker, &cmd_worker_ls, &cmd_worker_set,
    &cmd_enqueue, &cmd_wait, &cmd_watch, &cmd_events,
    &cmd_task_ls, &cmd_task_show, &cmd_task_edit, &cmd_task_reschedule,
    &cmd_task_run, &cmd_task_archive, &cmd_task_rm, &cmd_task_cancel,
    &cmd_group_ls, &cmd_group_run, &cmd_group_archive, &cmd_group_rm,
    &cmd_queue_ls, &cmd_queue_show, &cmd_queue_shard,
    &cmd_queue_bound, &cmd_queue_encrypt, &cmd_queue_age, &cmd_queue_pause, &cmd_queue_unpause,
    &cmd_queue_rm,
    &cmd_limit_put, &cmd_limit_ls, &cmd_limit_show, &cmd_limit_blocked, &cmd_limit_pause,
    &cmd_limit_rm,
    &cmd_breaker_put, &cmd_breaker_ls, &cmd_breaker_close, &cmd_breaker_rm,
    &cmd_type_ls, &cmd_type_pause, &cmd_type_unpause,
    &cmd_hours_put, &cmd_hours_ls, &cmd_hours_show, &cmd_hours_rm,
    &cmd_flow_start, &cmd_flow_ls, &cmd_flow_show, &cmd_flow_result, &cmd_flow_wait,
    &cmd_flow_retry,
    &cmd_flow_pause, &cmd_flow_unpause, &cmd_flow_cancel,
    &cmd_tenant_put, &cmd_tenant_ls, &cmd_tenant_show, &cmd_tenant_rm,
    &cmd_cron_add, &cmd_cron_ls, &cmd_cron_show, &cmd_cron_history, &cmd_cron_check,
    &cmd_cron_pause, &cmd_cron_unpause, &cmd_cron_run, &cmd_cron_sync, &cmd_cron_rm,
#ifdef GOFER_HAVE_TOP
    &cmd_top,
#endif
#ifdef GOFER_HAVE_WEB
    &cmd_web, &cmd_web_token,
#endif
    &cmd_stats, &cmd_audit, &cmd_ping, &cmd_doctor, &cmd_bench, &cmd_migrate, &cmd_rekey,
    &cmd_completion, &cmd_version, &cmd_help,
    NULL
};
