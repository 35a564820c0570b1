// layout.c - prints sizes and offsets of the public structs and the values of the public
// constants, for comparison with layout.txt. header.py checks that none was forgotten here.
#include <stdio.h>
#include <string.h>

#include "gofer/gofer.h"

#define STRUCT(type) printf("struct %s size %zu align %zu\n", #type, sizeof(type), _Alignof(type))
#define FIELD(type, field) \
    printf("field %s.%s offset %zu size %zu\n", #type, #field, offsetof(type, field), \
        sizeof(((type *)0)->field))
#define CONSTANT(name) printf("constant %s %lld\n", #name, (long long)(name))

static void structs(void)
{
    STRUCT(gofer_client_options);
    FIELD(gofer_client_options, size);
    FIELD(gofer_client_options, log);
    FIELD(gofer_client_options, log_user);
    FIELD(gofer_client_options, timeout_ms);
    FIELD(gofer_client_options, max_payload);
    FIELD(gofer_client_options, keys);

    STRUCT(gofer_enqueue_options);
    FIELD(gofer_enqueue_options, size);
    FIELD(gofer_enqueue_options, queue);
    FIELD(gofer_enqueue_options, task_id);
    FIELD(gofer_enqueue_options, run_at_ms);
    FIELD(gofer_enqueue_options, delay_ms);
    FIELD(gofer_enqueue_options, timeout_ms);
    FIELD(gofer_enqueue_options, deadline_ms);
    FIELD(gofer_enqueue_options, retention_ms);
    FIELD(gofer_enqueue_options, max_retry);
    FIELD(gofer_enqueue_options, priority);
    FIELD(gofer_enqueue_options, headers);
    FIELD(gofer_enqueue_options, unique_ms);
    FIELD(gofer_enqueue_options, unique_key);
    FIELD(gofer_enqueue_options, unique_until);
    FIELD(gofer_enqueue_options, unique_conflict);
    FIELD(gofer_enqueue_options, group);
    FIELD(gofer_enqueue_options, expires_at_ms);
    FIELD(gofer_enqueue_options, expires_ms);
    FIELD(gofer_enqueue_options, retry);
    FIELD(gofer_enqueue_options, on_dead);
    FIELD(gofer_enqueue_options, on_dead_queue);
    FIELD(gofer_enqueue_options, limits);
    FIELD(gofer_enqueue_options, limit_cost);
    FIELD(gofer_enqueue_options, ordered);
    FIELD(gofer_enqueue_options, ordered_dead);
    FIELD(gofer_enqueue_options, debounce_ms);
    FIELD(gofer_enqueue_options, max_wait_ms);
    FIELD(gofer_enqueue_options, debounce_key);
    FIELD(gofer_enqueue_options, debounce_mode);
    FIELD(gofer_enqueue_options, replace);
    FIELD(gofer_enqueue_options, effect);
    FIELD(gofer_enqueue_options, plain);

    STRUCT(gofer_breaker_options);
    FIELD(gofer_breaker_options, size);
    FIELD(gofer_breaker_options, failures);
    FIELD(gofer_breaker_options, min);
    FIELD(gofer_breaker_options, window_ms);
    FIELD(gofer_breaker_options, open_ms);
    STRUCT(gofer_flow_step);
    FIELD(gofer_flow_step, size);
    FIELD(gofer_flow_step, name);
    FIELD(gofer_flow_step, type);
    FIELD(gofer_flow_step, payload);
    FIELD(gofer_flow_step, payload_size);
    FIELD(gofer_flow_step, opts);
    FIELD(gofer_flow_step, after);
    FIELD(gofer_flow_step, rules);
    FIELD(gofer_flow_step, each);

    STRUCT(gofer_flow_options);
    FIELD(gofer_flow_options, size);
    FIELD(gofer_flow_options, flow_id);
    FIELD(gofer_flow_options, deadline_ms);
    FIELD(gofer_flow_options, retention_ms);
    FIELD(gofer_flow_options, on_dead);
    FIELD(gofer_enqueue_options, tenant);
    FIELD(gofer_enqueue_options, on_done);
    FIELD(gofer_enqueue_options, on_done_queue);

    STRUCT(gofer_limit_options);
    FIELD(gofer_limit_options, size);
    FIELD(gofer_limit_options, concurrency);
    FIELD(gofer_limit_options, rate);
    FIELD(gofer_limit_options, per_ms);
    FIELD(gofer_limit_options, burst);
    FIELD(gofer_limit_options, over);
    FIELD(gofer_limit_options, scope);

    STRUCT(gofer_task_end);
    FIELD(gofer_task_end, size);
    FIELD(gofer_task_end, outcome);
    FIELD(gofer_task_end, kind);
    FIELD(gofer_task_end, text);
    FIELD(gofer_task_end, ran_ns);
    FIELD(gofer_task_end, is_failure);
    STRUCT(gofer_child_options);
    FIELD(gofer_child_options, size);
    FIELD(gofer_child_options, max_memory);
    FIELD(gofer_child_options, max_age_ms);
    FIELD(gofer_child_options, start_timeout_ms);
    FIELD(gofer_child_options, max_tasks);
    FIELD(gofer_child_options, processes);
    FIELD(gofer_child_options, name);

    STRUCT(gofer_schedule_options);
    FIELD(gofer_schedule_options, size);
    FIELD(gofer_schedule_options, tz);
    FIELD(gofer_schedule_options, task);
    FIELD(gofer_schedule_options, missed);
    FIELD(gofer_schedule_options, missed_max);
    FIELD(gofer_schedule_options, overlap);
    FIELD(gofer_schedule_options, paused);
    FIELD(gofer_schedule_options, jitter_ms);

    STRUCT(gofer_filter);
    FIELD(gofer_filter, size);
    FIELD(gofer_filter, type);
    FIELD(gofer_filter, error);
    FIELD(gofer_filter, id);
    FIELD(gofer_filter, group);
    FIELD(gofer_filter, older_ms);
    FIELD(gofer_filter, younger_ms);
    FIELD(gofer_filter, fingerprint);
    STRUCT(gofer_audit);
    FIELD(gofer_audit, size);
    FIELD(gofer_audit, actor);
    FIELD(gofer_audit, via);
    FIELD(gofer_audit, address);
    FIELD(gofer_audit, act);
    FIELD(gofer_audit, queue);
    FIELD(gofer_audit, target);
    FIELD(gofer_audit, outcome);
    FIELD(gofer_audit, message);
    FIELD(gofer_audit, count);
    FIELD(gofer_audit, keep);
    STRUCT(gofer_audit_filter);
    FIELD(gofer_audit_filter, size);
    FIELD(gofer_audit_filter, actor);
    FIELD(gofer_audit_filter, act);
    FIELD(gofer_audit_filter, since_ms);
}

static void statuses(void)
{
    CONSTANT(GOFER_OK);
    CONSTANT(GOFER_EINVAL);
    CONSTANT(GOFER_ENOMEM);
    CONSTANT(GOFER_EBROKER);
    CONSTANT(GOFER_EUNCERTAIN);
    CONSTANT(GOFER_ETIMEOUT);
    CONSTANT(GOFER_EEXIST);
    CONSTANT(GOFER_EDUPLICATE);
    CONSTANT(GOFER_ENOTFOUND);
    CONSTANT(GOFER_ESTATE);
    CONSTANT(GOFER_ESTALE);
    CONSTANT(GOFER_EFORKED);
    CONSTANT(GOFER_EUNSUPPORTED);
    CONSTANT(GOFER_ENOSPACE);
    CONSTANT(GOFER_ETOOBIG);
    CONSTANT(GOFER_EVERSION);
    CONSTANT(GOFER_EDENIED);
    CONSTANT(GOFER_ECORRUPT);
    CONSTANT(GOFER_EEMPTY);
    CONSTANT(GOFER_EHANDLER);
    CONSTANT(GOFER_EFULL);
}

static void other_constants(void)
{
    CONSTANT(GOFER_PLUGIN_ABI);
    CONSTANT(GOFER_NO_RETRY);
    CONSTANT(GOFER_NO_TIMEOUT);
    CONSTANT(GOFER_MAX_DURATION_MS);
    CONSTANT(GOFER_FIGURES_BOUND_MAX_MS);
    CONSTANT(GOFER_LOG_DEBUG);
    CONSTANT(GOFER_LOG_INFO);
    CONSTANT(GOFER_LOG_WARN);
    CONSTANT(GOFER_LOG_ERROR);
    CONSTANT(GOFER_DONE);
    CONSTANT(GOFER_RETRY);
    CONSTANT(GOFER_SKIP_RETRY);
    CONSTANT(GOFER_REVOKE);
    CONSTANT(GOFER_REQUEUE);
    CONSTANT(GOFER_SNOOZE);
    CONSTANT(GOFER_PRIORITY_MAX);
    CONSTANT(GOFER_TENANT_WEIGHT_MAX);
    CONSTANT(GOFER_LIMIT_KEYS);
    CONSTANT(GOFER_LIMIT_COST_MAX);
    CONSTANT(GOFER_AFTER_SUCCESS);
    CONSTANT(GOFER_AFTER_FAILURE);
    CONSTANT(GOFER_AFTER_ALWAYS);
    CONSTANT(GOFER_FLOW_STOP);
    CONSTANT(GOFER_FLOW_CANCEL);
    CONSTANT(GOFER_FLOW_CONTINUE);
    CONSTANT(GOFER_FLOW_PAUSE);
    CONSTANT(GOFER_FLOW_RESUME);
    CONSTANT(GOFER_FLOW_ABORT);
    CONSTANT(GOFER_FLOW_RETRY);
    CONSTANT(GOFER_FLOW_STEPS_MAX);
    CONSTANT(GOFER_FLOW_AFTER_MAX);
    CONSTANT(GOFER_FLOW_LINKS_MAX);
    CONSTANT(GOFER_FLOW_BYTES_MAX);
    CONSTANT(GOFER_OVER_WAIT);
    CONSTANT(GOFER_OVER_REFUSE);
    CONSTANT(GOFER_OVER_CANCEL_OLDEST);
    CONSTANT(GOFER_SCOPE_STORE);
    CONSTANT(GOFER_SCOPE_QUEUE);
    CONSTANT(GOFER_ORDERED_CONTINUE);
    CONSTANT(GOFER_ORDERED_BLOCK);
    CONSTANT(GOFER_UNTIL_DONE);
    CONSTANT(GOFER_UNTIL_START);
    CONSTANT(GOFER_UNTIL_TTL);
    CONSTANT(GOFER_CONFLICT_REFUSE);
    CONSTANT(GOFER_CONFLICT_RETURN);
    CONSTANT(GOFER_DEBOUNCE_REPLACE);
    CONSTANT(GOFER_DEBOUNCE_KEEP);
    CONSTANT(GOFER_DEBOUNCE_EARLIEST);
    CONSTANT(GOFER_EFFECT_CREATED);
    CONSTANT(GOFER_EFFECT_REPLACED);
    CONSTANT(GOFER_EFFECT_KEPT);
    CONSTANT(GOFER_MISSED_ONCE);
    CONSTANT(GOFER_MISSED_SKIP);
    CONSTANT(GOFER_MISSED_ALL);
    CONSTANT(GOFER_OVERLAP_ALLOW);
    CONSTANT(GOFER_OVERLAP_SKIP);
    CONSTANT(GOFER_OVERLAP_QUEUE);
    CONSTANT(GOFER_OVERLAP_CANCEL);
    CONSTANT(GOFER_SCHEDULE_NEW);
    CONSTANT(GOFER_ACT_COUNT);
    CONSTANT(GOFER_ACT_RUN);
    CONSTANT(GOFER_ACT_ARCHIVE);
    CONSTANT(GOFER_ACT_DELETE);
    CONSTANT(GOFER_ACT_CANCEL);
    CONSTANT(GOFER_CANCEL_NONE);
    CONSTANT(GOFER_CANCEL_TIMEOUT);
    CONSTANT(GOFER_CANCEL_STOP);
    CONSTANT(GOFER_CANCEL_LEASE);
    CONSTANT(GOFER_CANCEL_REQUEST);
    CONSTANT(GOFER_MIGRATE_COPY);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--lp64") == 0)
        return sizeof(void *) == 8 && sizeof(long) == 8 ? 0 : 1;
    printf("type gofer_status size %zu\n", sizeof(gofer_status));
    structs();
    statuses();
    other_constants();
    return 0;
}
