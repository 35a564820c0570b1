// suites.h - the parts of the suite.
#ifndef TESTS_CONFORMANCE_SUITES_H
#define TESTS_CONFORMANCE_SUITES_H

#include <stddef.h>

#include "../unit/check.h"

typedef struct suite {
    const check_test *tests;
    size_t            count;
} suite;

suite suite_life(void);     // put, take, finish: on every broker
suite suite_keep(void);     // leases, recovery, schedules, waiting, workers: on every broker
suite suite_priority(void); // in which order tasks with a priority are taken: on every broker
suite suite_limit(void);    // how many tasks of a key may run: on every broker that has limits
suite suite_grant(void);    // limits that are shared out among queues: on every broker with limits
suite suite_tenant(void);   // tenants that share a queue: on every broker
suite suite_breakers(void); // circuit breakers of types: on every broker
suite suite_types(void);    // types that are paused: on every broker
suite suite_hours(void);    // allowed hours of queues and types: on every broker
suite suite_ordered(void);  // tasks that run one after the other: on every broker that has limits
suite suite_flow(void);     // steps that come after one another: on every broker that has flows
suite suite_suspects(void); // who is charged with the death of a worker: on every broker
suite suite_act(void);      // inspection, and acting on tasks and queues: on every broker
suite suite_guards(void);   // what keeps a store from harm: on every broker
suite suite_audit(void);    // who did what: on every broker
suite suite_cancel(void);   // requests to stop a running task: on every broker
suite suite_items(void);    // from store to store: on every broker
suite suite_named(void);    // cancelling what waits, acts on named tasks, editing: on every broker
suite suite_control(void);  // commands for workers: on every broker
suite suite_events(void);   // published to who listens: on every broker
suite suite_queues(void);   // pages of queues: on every broker
suite suite_stats(void);    // times by queue and type: on every broker
suite suite_tick(void);     // cron entries and their ticks: on every broker
suite suite_unique(void);   // unique locks: on every broker
suite suite_debounce(void); // of many calls one task, tasks that replace others: on every broker
suite suite_group(void);    // groups, and what they are made: on every broker
suite suite_wait(void);     // waiting for an end: on every broker
suite suite_extra(void);    // histories, logs, checkpoints, headers: on every broker
suite suite_share(void);    // threads and processes: stores that can be shared
suite suite_asynq(void);    // what Go programs, operators and full memory do to a queue: Redis only
suite suite_sharded(void);  // queues that are spread over slots: Redis only
suite suite_flows(void);    // flows, and what is between them and their tasks: Redis only
suite suite_turns(void);    // tasks that run one after the other, beside Go: Redis only
suite suite_file(void);     // what only a file can do wrong
suite suite_full(void);     // a disk that is full: files only
suite suite_upgrade(void);  // older files, and damaged ones
void fault_prepare(void);   // before anything else is asked of SQLite
suite suite_fault(void);    // a disk that fails: files only
suite suite_ride(void);     // outcomes that are not synced at once: files only
suite suite_hold(void);     // files that stay where they are while they are open: files only

#endif
