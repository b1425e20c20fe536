/* SPDX-License-Identifier: Apache-2.0 */
/* fault.c: the switchboard of the fault sites. State: three process-wide words written only by
 * arm and disarm, between scenarios, and one pass counter. No lock. */
#include "base/fault.h"

trib__atomic_u32 trib__fault_enabled;

static trib__atomic_u64 passes;
static trib__atomic_u64 failures;
static trib__atomic_u64 fail_at;   /* 0: none */
static trib__atomic_u32 fails_on;  /* 1: every pass from fail_at on */
static trib__atomic_ptr last_site;

/* Made by the linker; cmake/exports.map keeps them inside the library. */
extern struct trib__fault_site __start_trib_sites[];
extern struct trib__fault_site __stop_trib_sites[];

bool trib__fault_pass(struct trib__fault_site *site)
{
        uint64_t k, target;
        bool     must_fail;

        /* Relaxed: a statistic, read after the scenario's threads are joined. */
        (void)trib__fetch_add_relaxed_u64(&site->hits, 1);
        /* Relaxed: only the count matters; nothing else is published by it. */
        k = trib__fetch_add_relaxed_u64(&passes, 1) + 1;
        /* Relaxed: written before the scenario starts its threads. */
        target = trib__load_relaxed_u64(&fail_at);
        /* Relaxed: as above. */
        must_fail = target != 0 &&
                    (k == target || (k > target && trib__load_relaxed_u32(&fails_on) != 0));
        if (must_fail) {
                /* Relaxed: statistics, read after the scenario. */
                (void)trib__fetch_add_relaxed_u64(&failures, 1);
                trib__store_relaxed_ptr(&last_site, site);
        }
        return must_fail;
}

void trib__fault_arm(uint64_t k, bool is_persistent)
{
        /* Relaxed: for all of these; the caller arms while no other thread is in the library. */
        trib__store_relaxed_u64(&passes, 0);
        trib__store_relaxed_u64(&failures, 0);
        trib__store_relaxed_ptr(&last_site, NULL);
        /* Relaxed: as above. */
        trib__store_relaxed_u64(&fail_at, k);
        trib__store_relaxed_u32(&fails_on, is_persistent ? 1 : 0);
        trib__store_relaxed_u32(&trib__fault_enabled, 1);
}

uint64_t trib__fault_disarm(uint64_t *failed)
{
        /* Relaxed: as in arm. */
        trib__store_relaxed_u32(&trib__fault_enabled, 0);
        trib__store_relaxed_u64(&fail_at, 0);
        if (failed != NULL)
                *failed = trib__load_relaxed_u64(&failures);
        return trib__load_relaxed_u64(&passes); /* Relaxed: as in arm. */
}

struct trib__fault_site *trib__fault_sites(size_t *count)
{
        *count = (size_t)(__stop_trib_sites - __start_trib_sites);
        return __start_trib_sites;
}

const struct trib__fault_site *trib__fault_last(void)
{
        /* Relaxed: the site is a static record. */
        return trib__load_relaxed_ptr(&last_site);
}
