/* SPDX-License-Identifier: Apache-2.0 */
/* scale.c: see scale.h. */
#include "scale.h"

#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SHARE 10
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SHARE 10
#endif
#endif
#ifndef SHARE
#define SHARE 1
#endif

uint64_t test_scale(uint64_t gate, uint64_t full)
{
        const char *text = getenv("TRIB_TEST_SCALE");
        uint64_t    count = gate / SHARE, times;

        if (text != NULL && strcmp(text, "full") == 0)
                return full;
        times = text != NULL ? strtoull(text, NULL, 10) : 1;
        if (times > 1 && __builtin_mul_overflow(count, times, &count))
                count = full;
        if (count > full)
                count = full;
        return count > 0 ? count : 1;
}
