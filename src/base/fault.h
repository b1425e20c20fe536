/* SPDX-License-Identifier: Apache-2.0 */
/* fault.h: points where a test can make the outside world fail.
 *
 * Every allocation, thread start, device call, system call and call of a foreign library passes a
 * *site*: a static record with a name and a class. The linker gathers the sites into one section,
 * so a sweep can list all of them and show that each was hit. A test arms "fail the k-th pass from
 * now on, once or for ever"; unarmed, a site costs one relaxed load of a word that nobody writes.
 *
 *     if (TRIB__FAULT(DEVICE, "cpu.launch"))
 *             return trib__fail(err, TRIB_DEVICE_ERROR, ...);
 *
 * tools/check_sites.py finds calls that could fail and pass none. */
#ifndef TRIB_BASE_FAULT_H
#define TRIB_BASE_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

enum trib__fault_class {
        TRIB__FAULT_ALLOCATION, /* host memory, through base/alloc.h                        */
        TRIB__FAULT_THREAD,     /* starting threads; making locks and thread-specific keys  */
        TRIB__FAULT_DEVICE,     /* a backend's own calls: memory, queues, launches, copies  */
        TRIB__FAULT_SYSTEM,     /* system calls: files, pages, what the machine is          */
        TRIB__FAULT_LIBRARY,    /* opening and calling a library that is not ours           */
        TRIB__FAULT_WAKE,       /* no failure: a sleep that ends for no reason              */
        TRIB__FAULT_CLASSES
};

struct trib__fault_site {
        const char      *name;
        const char      *file;
        uint32_t         line;
        uint32_t         kind;     /* enum trib__fault_class */
        trib__atomic_u64 hits;     /* passes while armed     */
        trib__atomic_u64 failures; /* of these, failed       */
};

extern trib__atomic_u32 trib__fault_enabled; /* 0: every site is a no-op */

bool trib__fault_pass(struct trib__fault_site *site);

/* The record lives in section "trib_sites" (40 bytes each, no gaps), retained though unreferenced
 * by name. The value is true when the call that follows must fail. */
#define TRIB__FAULT(class_name, site_name)                                                    \
        __extension__({                                                                       \
                static struct trib__fault_site trib_site __attribute__((                      \
                        section("trib_sites"), used, aligned(8))) = {                         \
                        site_name, __FILE__, __LINE__, TRIB__FAULT_##class_name, { 0 }, { 0 } \
                };                                                                            \
                /* Relaxed: an on/off switch set by tests between scenarios; see fault.c. */  \
                trib__load_relaxed_u32(&trib__fault_enabled) != 0 &&                          \
                        trib__fault_pass(&trib_site);                                         \
        })

/* What is to fail. Zeroed: nothing; passes are counted only. */
struct trib__fault_plan {
        uint64_t    first;         /* the pass that fails, from 1; 0: none                  */
        uint64_t    second;        /* another one; 0: none                                  */
        bool        is_persistent; /* every pass after `first` fails as well                */
        uint32_t    classes;       /* bits of classes that count; 0: all but WAKE           */
        const char *site;          /* only sites of this name count; NULL: all              */
};

/* From now on count the passes that the plan is about, over all threads, and fail those that it
 * names. */
void trib__fault_arm_plan(const struct trib__fault_plan *plan);

/* The plain plan: the k-th pass, and if `is_persistent` every later one. k = 0 only counts. */
void trib__fault_arm(uint64_t k, bool is_persistent);

/* Stop failing and counting; returns the passes since arm, and through *failed how many failed. */
uint64_t trib__fault_disarm(uint64_t *failed);

/* The calling thread's passes are not counted and never fail, or are again: for threads that
 * must not notice what others suffer. */
void trib__fault_spare_thread(bool is_spared);

/* Every site that is linked in: *count records; hits and failures accumulate over arms. */
struct trib__fault_site *trib__fault_sites(size_t *count);

/* "allocation", "thread", "device", "system", "library", "wake". */
const char *trib__fault_class_name(enum trib__fault_class kind);

/* The site that failed last since arm, or NULL. */
const struct trib__fault_site *trib__fault_last(void);

#endif
