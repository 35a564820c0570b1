// broker.h - the door to every store: opening and closing, and the list of its tables.
//
// May touch: message/, util/. A store is one folder behind this door and one line in broker.c, and
// passes tests/conformance. No store includes another. Each table has a header of its own and is
// one capability: a NULL table means that the store has not got it, a member of a table is never
// NULL. Every member may be called from any thread, and returns GOFER_OK or the failure of the call
// as a whole. Names were checked by the caller.
#ifndef GF_BROKER_BROKER_H
#define GF_BROKER_BROKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "broker/act.h"
#include "broker/audit.h"
#include "broker/check.h"
#include "broker/cron.h"
#include "broker/flows.h"
#include "broker/groups.h"
#include "broker/guards.h"
#include "broker/hours.h"
#include "broker/inspect.h"
#include "broker/limits.h"
#include "broker/live.h"
#include "broker/shards.h"
#include "broker/tasks.h"
#include "broker/tenants.h"
#include "broker/transfer.h"
#include "broker/types.h"
#include "broker/upkeep.h"
#include "util/log.h"
#include "util/url.h"

typedef struct gf_broker_config {
    gf_log  log;
    int64_t timeout_ms;
    int64_t max_payload;
} gf_broker_config;

typedef struct gf_broker_ops {
    const char *const *schemes;    // the URL's first words it knows, NULL at the end

    gofer_status (*open)(gf_broker **out, const gf_url *url, const gf_broker_config *config);
    void         (*close)(gf_broker *b);
    gofer_status (*ping)(gf_broker *b);
    // How many connections had to be made anew since it was opened; 0 where there are none. Does
    // not wait.
    uint64_t (*reconnects)(gf_broker *b);
    // It failed for good, and another one, opened at the same place, is of use. Does not wait.
    bool (*is_spent)(gf_broker *b);

    // What every store has.
    const gf_tasks_ops    *tasks;
    const gf_upkeep_ops   *upkeep;
    const gf_inspect_ops  *inspect;
    const gf_act_ops      *act;
    // What a store may be without.
    const gf_groups_ops   *groups;
    const gf_cron_ops     *cron;
    const gf_peers_ops    *peers;
    const gf_live_ops     *live;
    const gf_transfer_ops *transfer;
    const gf_check_ops    *check;
    const gf_audit_ops    *audit;
    const gf_shards_ops   *shards;
    const gf_limits_ops   *limits;
    const gf_guards_ops   *guards;
    const gf_hours_ops    *hours;
    const gf_flows_ops    *flows;
    const gf_tenants_ops  *tenants;
} gf_broker_ops;

// Every broker begins with this.
struct gf_broker {
    const gf_broker_ops *ops;
    gf_broker_config     config;
    _Atomic uint32_t     interrupts;    // a wait for an end or an event that sees it
                                        //   grow is over (ETIMEOUT)
};

// Finds the store by the URL's scheme. EUNSUPPORTED names the schemes there are.
gofer_status gf_broker_open(gf_broker **out, const gf_url *url, const gf_broker_config *config);
void         gf_broker_close(gf_broker *b);

extern const gf_broker_ops gf_sqlite_ops;
extern const gf_broker_ops gf_redis_ops;

#endif
