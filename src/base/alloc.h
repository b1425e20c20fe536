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

void *trib__raw_alloc(size_t bytes);
void *trib__raw_calloc(size_t count, size_t size);
void *trib__raw_aligned(size_t alignment, size_t bytes);

/* malloc, calloc (with the overflow check) and aligned_alloc; NULL when memory is short or the
 * site must fail. `site` is a string literal that names the purpose. 0 bytes gives 1. */
#define trib__alloc(site, bytes) (TRIB__FAULT(site) ? NULL : trib__raw_alloc(bytes))
#define trib__calloc(site, count, size) \
        (TRIB__FAULT(site) ? NULL : trib__raw_calloc((count), (size)))
#define trib__aligned(site, alignment, bytes) \
        (TRIB__FAULT(site) ? NULL : trib__raw_aligned((alignment), (bytes)))

/* Frees what any of the above gave; NULL is fine. */
void trib__free(void *memory);

/* A copy of text of at most `limit` bytes before its end, or NULL when memory is short. */
char *trib__raw_strdup(const char *text, size_t limit);
#define trib__strdup(site, text, limit) \
        (TRIB__FAULT(site) ? NULL : trib__raw_strdup((text), (limit)))

#endif
