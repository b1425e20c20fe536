/* SPDX-License-Identifier: Apache-2.0 */
/* alloc.h: host memory. Every allocation of the library goes through here: it is a fault site,
 * and it is counted per thread, so that a test can show that a steady request makes none. */
#ifndef TRIB_BASE_ALLOC_H
#define TRIB_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

#include "base/fault.h"

/* What the calling thread has done since it started. Read the difference around a call. */
struct trib__thread_counts {
        uint64_t allocations; /* trib__alloc and friends               */
        uint64_t locks;       /* mutexes taken                         */
        uint64_t waits;       /* times the thread went to sleep        */
        uint64_t lock_depth;  /* mutexes held now (0 at every device call) */
};

struct trib__thread_counts *trib__thread_counts(void);

/* How many pieces of memory are held in the whole process. Exact at rest in builds with
 * TRIB_CHECKED, which the tests link; elsewhere 0: the count would be a shared line. */
uint64_t trib__live_allocations(void);

void *trib__raw_alloc(size_t bytes);
void *trib__raw_calloc(size_t count, size_t size);
void *trib__raw_aligned(size_t alignment, size_t bytes);

/* malloc, calloc (with the overflow check) and aligned_alloc; NULL when memory is short or the
 * site must fail. `site` is a string literal that names the purpose. 0 bytes gives 1. */
#define trib__alloc(site, bytes) (TRIB__FAULT(ALLOCATION, site) ? NULL : trib__raw_alloc(bytes))
#define trib__calloc(site, count, size) \
        (TRIB__FAULT(ALLOCATION, site) ? NULL : trib__raw_calloc((count), (size)))
#define trib__aligned(site, alignment, bytes) \
        (TRIB__FAULT(ALLOCATION, site) ? NULL : trib__raw_aligned((alignment), (bytes)))

/* Memory of a device. Large pieces are whole pages from the system, which go back to it when they
 * are freed: malloc keeps freed pieces of many megabytes in each of its arenas, so that a process
 * would hold far more than the byte cap of its device. Freed with the size that was asked for;
 * NULL is fine. */
void *trib__raw_region(size_t alignment, size_t bytes);
void  trib__free_region(void *memory, size_t bytes);

/* Frees what any of the others gave; NULL is fine. */
void trib__free(void *memory);

/* A copy of text of at most `limit` bytes before its end, or NULL when memory is short. */
char *trib__raw_strdup(const char *text, size_t limit);
#define trib__strdup(site, text, limit) \
        (TRIB__FAULT(ALLOCATION, site) ? NULL : trib__raw_strdup((text), (limit)))

#endif
