/* SPDX-License-Identifier: Apache-2.0 */
/* fault.c: the switchboard of the fault sites. State: the process-wide plan, written only by arm
 * and disarm, between scenarios; and two counters. No lock. */
#include "base/fault.h"

#include <string.h>

#define ALL_BUT_WAKE (((1u << TRIB__FAULT_CLASSES) - 1) & ~(1u << TRIB__FAULT_WAKE))

trib__atomic_u32 trib__fault_enabled;

static trib__atomic_u64 passes;
static trib__atomic_u64 failures;
static trib__atomic_u64 fail_at;   /* 0: none */
static trib__atomic_u64 fail_also; /* 0: none */
static trib__atomic_u32 fails_on;  /* 1: every pass from fail_at on */
static trib__atomic_u32 classes;   /* bits */
static trib__atomic_ptr only;      /* a site's name, or NULL */
static trib__atomic_ptr last_site;

static _Thread_local bool is_spared;

/* Made by the linker; cmake/exports.map keeps them inside the library. */
extern struct trib__fault_site __start_trib_sites[];
extern struct trib__fault_site __stop_trib_sites[];

/* Whether the plan is about this site. */
static bool is_meant(const struct trib__fault_site *site)
{
        /* Relaxed, both: written before the scenario starts its threads. */
        const char *name = trib__load_relaxed_ptr(&only);

        return (trib__load_relaxed_u32(&classes) >> site->kind & 1) != 0 &&
               (name == NULL || strcmp(name, site->name) == 0);
}

bool trib__fault_pass(struct trib__fault_site *site)
{
        uint64_t k, target;
        bool     must_fail;

        if (is_spared)
                return false;
        /* Relaxed: a statistic, read after the scenario's threads are joined. */
        (void)trib__fetch_add_relaxed_u64(&site->hits, 1);
        if (!is_meant(site))
                return false;
        /* Relaxed: only the count matters; nothing else is published by it. */
        k = trib__fetch_add_relaxed_u64(&passes, 1) + 1;
        /* Relaxed, all of them: written before the scenario starts its threads. */
        target = trib__load_relaxed_u64(&fail_at);
        must_fail = (target != 0 && (k == target || (k > target &&
                                     trib__load_relaxed_u32(&fails_on) != 0))) ||
                    k == trib__load_relaxed_u64(&fail_also);
        if (must_fail) {
                /* Relaxed: statistics, read after the scenario. */
                (void)trib__fetch_add_relaxed_u64(&failures, 1);
                (void)trib__fetch_add_relaxed_u64(&site->failures, 1);
                trib__store_relaxed_ptr(&last_site, site);
        }
        return must_fail;
}

void trib__fault_arm_plan(const struct trib__fault_plan *plan)
{
        /* Relaxed: for all of these; the caller arms while no thread but spared ones is in the
         * library. */
        trib__store_relaxed_u64(&passes, 0);
        trib__store_relaxed_u64(&failures, 0);
        trib__store_relaxed_ptr(&last_site, NULL);
        /* Relaxed: as above. */
        trib__store_relaxed_u64(&fail_at, plan->first);
        trib__store_relaxed_u64(&fail_also, plan->second);
        trib__store_relaxed_u32(&fails_on, plan->is_persistent ? 1 : 0);
        /* Relaxed: as above. */
        trib__store_relaxed_u32(&classes, plan->classes != 0 ? plan->classes : ALL_BUT_WAKE);
        trib__store_relaxed_ptr(&only, (void *)(uintptr_t)plan->site);
        trib__store_relaxed_u32(&trib__fault_enabled, 1);
}

void trib__fault_arm(uint64_t k, bool is_persistent)
{
        struct trib__fault_plan plan = { .first = k, .is_persistent = is_persistent };

        trib__fault_arm_plan(&plan);
}

uint64_t trib__fault_disarm(uint64_t *failed)
{
        /* Relaxed: as in arm. */
        trib__store_relaxed_u32(&trib__fault_enabled, 0);
        trib__store_relaxed_u64(&fail_at, 0);
        trib__store_relaxed_u64(&fail_also, 0);
        if (failed != NULL)
                *failed = trib__load_relaxed_u64(&failures); /* Relaxed: as in arm. */
        return trib__load_relaxed_u64(&passes); /* Relaxed: as in arm. */
}

void trib__fault_spare_thread(bool spared)
{
        is_spared = spared;
}

struct trib__fault_site *trib__fault_sites(size_t *count)
{
        *count = (size_t)(__stop_trib_sites - __start_trib_sites);
        return __start_trib_sites;
}

const char *trib__fault_class_name(enum trib__fault_class kind)
{
        static const char *const names[] = { "allocation", "thread",  "device",
                                             "system",     "library", "wake" };

        return (unsigned)kind < TRIB__FAULT_CLASSES ? names[kind] : "?";
}

const struct trib__fault_site *trib__fault_last(void)
{
        /* Relaxed: the site is a static record. */
        return trib__load_relaxed_ptr(&last_site);
}
