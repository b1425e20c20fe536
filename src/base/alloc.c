/* SPDX-License-Identifier: Apache-2.0 */
/* alloc.c: host memory over libc. The counters are thread-local: no shared line is written, but
 * for the count of live pieces in checked builds. */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* An address sanitizer watches what malloc gives, so there is nothing large for it. */
#if defined(__SANITIZE_ADDRESS__)
#define LARGE SIZE_MAX
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LARGE SIZE_MAX
#endif
#endif
#ifndef LARGE
#define LARGE ((size_t)256 << 10)
#endif

static _Thread_local struct trib__thread_counts counts;

#if defined(TRIB_CHECKED)
static trib__atomic_u64 live;

static void *count_live(void *memory, uint64_t change)
{
        /* Relaxed: a statistic, read while nothing runs. */
        if (memory != NULL)
                (void)trib__fetch_add_relaxed_u64(&live, change);
        return memory;
}

uint64_t trib__live_allocations(void)
{
        return trib__load_relaxed_u64(&live); /* Relaxed: as above. */
}
#else
static void *count_live(void *memory, uint64_t change)
{
        (void)change;
        return memory;
}

uint64_t trib__live_allocations(void)
{
        return 0;
}
#endif

struct trib__thread_counts *trib__thread_counts(void)
{
        return &counts;
}

void *trib__raw_alloc(size_t bytes)
{
        counts.allocations++;
        return count_live(malloc(bytes != 0 ? bytes : 1), 1);
}

void *trib__raw_calloc(size_t count, size_t size)
{
        counts.allocations++;
        return count_live(calloc(count != 0 ? count : 1, size != 0 ? size : 1), 1);
}

void *trib__raw_aligned(size_t alignment, size_t bytes)
{
        void *memory = NULL;

        counts.allocations++;
        if (posix_memalign(&memory, alignment, bytes != 0 ? bytes : 1) != 0)
                return NULL;
        return count_live(memory, 1);
}

void *trib__raw_region(size_t alignment, size_t bytes)
{
        void *memory;

        if (bytes < LARGE)
                return trib__raw_aligned(alignment, bytes);
        counts.allocations++;
        /* No site: the device call that wants the memory has one. */
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return memory != MAP_FAILED ? count_live(memory, 1) : NULL;
}

void trib__free_region(void *memory, size_t bytes)
{
        if (bytes < LARGE) {
                trib__free(memory);
        } else if (memory != NULL) {
                (void)count_live(memory, UINT64_MAX);
                (void)munmap(memory, bytes);
        }
}

void trib__free(void *memory)
{
        (void)count_live(memory, UINT64_MAX);
        free(memory);
}

char *trib__raw_strdup(const char *text, size_t limit)
{
        size_t length = strnlen(text, limit);
        char  *copy = trib__raw_alloc(length + 1);

        if (copy != NULL) {
                memcpy(copy, text, length);
                copy[length] = '\0';
        }
        return copy;
}
