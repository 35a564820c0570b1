// fake_broker.h - a store with faults for the worker's tests: the real one behind a table whose
// exchange, settle, extend and the question for checkpoints can be made to fail, refuse or hang.
#ifndef TESTS_UNIT_FAKE_BROKER_H
#define TESTS_UNIT_FAKE_BROKER_H

#include <stdatomic.h>
#include <string.h>

#include "client/client.h"
#include "tables.h"
#include "util/clock.h"
#include "util/error.h"

static struct {
    const gf_broker_ops *real;
    tables               now;
    _Atomic int          exchange_fails;      // so many exchanges answer exchange_status
    _Atomic int          exchange_status;
    _Atomic int          lose_replies;        // so many are done, and answer EUNCERTAIN
    _Atomic int          unanswered;          // in so many every second finish is not
                                              //   done and says EBROKER
    _Atomic int          extend_fails;        // the store is out of reach for leases
    _Atomic int          extend_stale;        // all leases are lost
    _Atomic int          hold, held;          // takes wait at the store's door; so many do
    _Atomic int          hold_asks, asks;     // so do renewals and questions for checkpoints
    _Atomic int          exchanges, extends;
    _Atomic int          floats;              // outcomes that may ride get tickets
    _Atomic uint64_t     tickets, settled;    // drawn; and so many of them are synced
    _Atomic int          settle_fails;        // so many syncs fail
    _Atomic int          syncs;               // that were asked for
} fault;

__attribute__((unused)) static bool fault_spend(_Atomic int *count)
{
    int left = atomic_load(count);
    while (left > 0 && !atomic_compare_exchange_weak(count, &left, left - 1))
        ;
    return left > 0;
}

__attribute__((unused)) static gofer_status fault_exchange(gf_broker *b, gf_finish *done,
    size_t count, gf_take *take)
{
    atomic_fetch_add(&fault.exchanges, 1);
    if (take && atomic_load(&fault.hold)) {
        atomic_fetch_add(&fault.held, 1);
        while (atomic_load(&fault.hold))
            gf_sleep_us(500);
    }
    if (fault_spend(&fault.exchange_fails))
        return gf_fail(atomic_load(&fault.exchange_status), "the test wants this to fail");
    if (count > 0 && fault_spend(&fault.lose_replies)) {
        gofer_status st = fault.real->tasks->exchange(b, done, count, NULL);
        return st != GOFER_OK ? st : gf_fail(GOFER_EUNCERTAIN, "the test has lost the reply");
    }
    if (count > 1 && fault_spend(&fault.unanswered)) {
        for (size_t i = 0; i < count; i++) {
            done[i].status = GOFER_EBROKER;
            if (i % 2 == 0 && fault.real->tasks->exchange(b, &done[i], 1, NULL) != GOFER_OK)
                return gf_fail(GOFER_EBROKER, "the real store has failed");
        }
        return take ? fault.real->tasks->exchange(b, NULL, 0, take) : GOFER_OK;
    }
    gofer_status st = fault.real->tasks->exchange(b, done, count, take);
    bool floats = count > 0 && st == GOFER_OK && done[0].rides && atomic_load(&fault.floats);
    uint64_t ticket = floats ? atomic_fetch_add(&fault.tickets, 1) + 1 : 0;
    for (size_t i = 0; i < count; i++)
        done[i].ticket = done[i].rides ? ticket : 0;
    return st;
}

__attribute__((unused)) static gofer_status fault_settle(gf_broker *b, uint64_t ticket, bool force)
{
    (void)b;
    if (force && atomic_load(&fault.settled) < ticket) {
        atomic_fetch_add(&fault.syncs, 1);
        if (fault_spend(&fault.settle_fails))
            return gf_fail(GOFER_EUNCERTAIN, "the test wants this sync to fail");
        atomic_store(&fault.settled, ticket);
    }
    return atomic_load(&fault.settled) >= ticket ? GOFER_OK : GOFER_ETIMEOUT;
}

__attribute__((unused)) static void fault_wait_to_ask(void)
{
    if (!atomic_load(&fault.hold_asks))
        return;
    atomic_fetch_add(&fault.asks, 1);
    while (atomic_load(&fault.hold_asks))
        gf_sleep_us(500);
}

__attribute__((unused)) static gofer_status fault_checkpoint(gf_broker *b, const gf_claim *claim,
    void **out, size_t *size)
{
    fault_wait_to_ask();
    return fault.real->tasks->checkpoint(b, claim, out, size);
}

__attribute__((unused)) static gofer_status fault_extend(gf_broker *b, gf_lease *leases,
    size_t count, int64_t lease_ms)
{
    atomic_fetch_add(&fault.extends, 1);
    fault_wait_to_ask();
    if (atomic_load(&fault.extend_fails))
        return gf_fail(GOFER_EBROKER, "the test wants this to fail");
    if (!atomic_load(&fault.extend_stale))
        return fault.real->tasks->extend(b, leases, count, lease_ms);
    for (size_t i = 0; i < count; i++)
        leases[i].status = GOFER_ESTALE;
    return GOFER_OK;
}

// Put the faulty table before a client's store, before workers are made from it.
__attribute__((unused)) static void fault_install(gofer_client *client)
{
    memset(&fault, 0, sizeof fault);
    fault.real = client->broker->ops;
    tables_copy(&fault.now, fault.real);
    fault.now.tasks.exchange = fault_exchange;
    fault.now.tasks.settle = fault_settle;
    fault.now.tasks.extend = fault_extend;
    fault.now.tasks.checkpoint = fault_checkpoint;
    client->broker->ops = &fault.now.ops;
}

#endif
