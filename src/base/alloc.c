/* SPDX-License-Identifier: Apache-2.0 */
/* alloc.c: host memory over libc. The counters are thread-local: no shared line is written. */
#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static _Thread_local struct trib__thread_counts counts;

struct trib__thread_counts *trib__thread_counts(void)
{
        return &counts;
}

void *trib__raw_alloc(size_t bytes)
{
        counts.allocations++;
        return malloc(bytes != 0 ? bytes : 1);
}

void *trib__raw_calloc(size_t count, size_t size)
{
        counts.allocations++;
        return calloc(count != 0 ? count : 1, size != 0 ? size : 1);
}

void *trib__raw_aligned(size_t alignment, size_t bytes)
{
        void *memory = NULL;

        counts.allocations++;
        if (posix_memalign(&memory, alignment, bytes != 0 ? bytes : 1) != 0)
                return NULL;
        return memory;
}

void trib__free(void *memory)
{
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
