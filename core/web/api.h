// api.h - the handlers of /api/v1: each reads the words of a call, asks gofer.h, answers.
#ifndef WEB_API_H
#define WEB_API_H

#include "call.h"

// ---- api_look.c
void web_api_overview(web_call *call);
void web_api_queues(web_call *call);
void web_api_queue(web_call *call);
void web_api_history(web_call *call);
void web_api_queue_history(web_call *call);
void web_api_tasks(web_call *call);
void web_api_task(web_call *call);
void web_api_groups(web_call *call);
void web_api_stats(web_call *call);
void web_api_workers(web_call *call);
void web_api_schedules(web_call *call);
void web_api_schedule(web_call *call);
void web_api_schedule_history(web_call *call);
void web_api_scale(web_call *call);

// ---- api_act.c
void web_api_task_run(web_call *call);
void web_api_task_archive(web_call *call);
void web_api_task_cancel(web_call *call);
void web_api_task_delete(web_call *call);
void web_api_task_reschedule(web_call *call);
void web_api_task_edit(web_call *call);
void web_api_queue_pause(web_call *call);
void web_api_queue_paused(web_call *call);
void web_api_queue_unpause(web_call *call);
void web_api_queue_bound(web_call *call);
void web_api_queue_age(web_call *call);
void web_api_queue_encrypt(web_call *call);
void web_api_queue_shard(web_call *call);
void web_api_queue_delete(web_call *call);
void web_api_worker_set(web_call *call);
void web_api_schedule_pause(web_call *call);
void web_api_schedule_unpause(web_call *call);
void web_api_schedule_run(web_call *call);
void web_api_schedule_delete(web_call *call);
void web_api_repair(web_call *call);

// ---- api_enqueue.c
void web_api_enqueue(web_call *call);

// ---- api_jobs.c
void web_api_jobs_add(web_call *call);
void web_api_jobs(web_call *call);
void web_api_job(web_call *call);
void web_api_job_stop(web_call *call);

// ---- api_flows.c
void web_api_flows(web_call *call);
void web_api_flow(web_call *call);
void web_api_flow_start(web_call *call);
void web_api_flow_pause(web_call *call);
void web_api_flow_unpause(web_call *call);
void web_api_flow_cancel(web_call *call);
void web_api_flow_retry(web_call *call);

// ---- api_limits.c
void web_api_limits(web_call *call);
void web_api_limit_keys(web_call *call);
void web_api_limit_key(web_call *call);
void web_api_limit_put(web_call *call);
void web_api_limit_delete(web_call *call);
void web_api_limit_pause(web_call *call);
void web_api_limit_unpause(web_call *call);

// ---- api_tenants.c
void web_api_tenants(web_call *call);
void web_api_tenant(web_call *call);
void web_api_tenant_put(web_call *call);
void web_api_tenant_delete(web_call *call);

// ---- api_hours.c
void web_api_hours(web_call *call);
void web_api_hours_of(web_call *call);
void web_api_hours_put(web_call *call);
void web_api_hours_delete(web_call *call);

// ---- api_types.c
void web_api_types_paused(web_call *call);
void web_api_type_pause(web_call *call);
void web_api_type_unpause(web_call *call);

// ---- api_audit.c
void web_api_audit(web_call *call);

// ---- api_login.c
void web_api_login(web_call *call);
void web_api_login_password(web_call *call);
void web_api_logout(web_call *call);

// ---- api_scan.c
void web_api_search(web_call *call);
void web_api_failures(web_call *call);

// ---- api_schedule.c
void web_api_schedule_put(web_call *call);
void web_api_schedule_ticks(web_call *call);
void web_api_cron(web_call *call);

// ---- api_series.c
void web_api_series(web_call *call);

// ---- api_server.c
void web_api_health(web_call *call);
void web_api_ready(web_call *call);
void web_api_me(web_call *call);
void web_api_settings(web_call *call);
void web_api_routes(web_call *call);

#endif
