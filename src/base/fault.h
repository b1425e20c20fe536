/* SPDX-License-Identifier: Apache-2.0 */
/* fault.h: points where a test can make the outside world fail.
 *
 * Every allocation, thread start, device call and system call of the library passes a *site*:
 * a static record with a name. The linker gathers the sites into one section, so a sweep can
 * list all of them and show that each was hit. A test arms "fail the k-th pass from now on, once
 * or for ever"; unarmed, a site costs one relaxed load of a word that nobody writes.
 *
 *     if (TRIB__FAULT("cpu.alloc"))
 *             return trib__fail(err, TRIB_OUT_OF_MEMORY, ...); */
#ifndef TRIB_BASE_FAULT_H
#define TRIB_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

struct trib__fault_site {
        const char      *name;
        const char      *file;
        uint64_t         line;
        trib__atomic_u64 hits; /* passes while counting is on */
};

extern trib__atomic_u32 trib__fault_enabled; /* 0: every site is a no-op */

bool trib__fault_pass(struct trib__fault_site *site);

/* The record lives in section "trib_sites" (32 bytes each, no gaps), retained though unreferenced
 * by name. The value is true when the call that follows must fail. */
#define TRIB__FAULT(site_name)                                                                \
        __extension__({                                                                       \
                static struct trib__fault_site trib_site __attribute__((                      \
                        section("trib_sites"), used, aligned(8))) = { site_name, __FILE__,    \
                                                                      __LINE__, { 0 } };      \
                /* Relaxed: an on/off switch set by tests between scenarios; see fault.c. */  \
                trib__load_relaxed_u32(&trib__fault_enabled) != 0 &&                          \
                        trib__fault_pass(&trib_site);                                         \
        })

/* From now on count passes over all threads; the k-th (from 1) fails, and if `is_persistent` every
 * later one too. k = 0 only counts. */
void trib__fault_arm(uint64_t k, bool is_persistent);

/* Stop failing and counting; returns the passes since arm, and through *failed how many failed. */
uint64_t trib__fault_disarm(uint64_t *failed);

/* Every site that is linked in: *count records; hits accumulate over arms. */
struct trib__fault_site *trib__fault_sites(size_t *count);

/* The site that failed last since arm, or NULL. */
const struct trib__fault_site *trib__fault_last(void);

#endif
