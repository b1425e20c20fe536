/* SPDX-License-Identifier: Apache-2.0 */
/* figures.c: see figures.h. */
#include "figures.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "crowd.h"
#include "expect.h"

/* How many times slower a request is here, roughly. */
#if defined(__SANITIZE_THREAD__)
#define SLOWER 40
#elif defined(__SANITIZE_ADDRESS__)
#define SLOWER 20
#else
#define SLOWER 1
#endif

#define COUNT_ROUNDS 10000

static double scale(void)
{
        const char *text = getenv("TRIB_TEST_SCALE");
        char       *end = NULL;
        double      value = 1;

        if (text != NULL && strcmp(text, "full") == 0) {
                value = 100;
        } else if (text != NULL) {
                value = strtod(text, &end);
                if (end == text || *end != '\0' || !(value > 0 && value <= 1000))
                        fail_msg("TRIB_TEST_SCALE is '%s', must be full, or over 0, up to 1000",
                                 text);
        }
        return value / 100 / SLOWER;
}

uint64_t figures_scaled(uint64_t whole, uint64_t least)
{
        uint64_t part = (uint64_t)((double)whole * scale());

        return part > least ? part : least;
}

uint64_t figures_seed(void)
{
        const char *text = getenv("TRIB_TEST_SEED");

        return text != NULL ? strtoull(text, NULL, 0) : 1;
}

bool figures_are_exact(void)
{
        return SLOWER == 1;
}

#if SLOWER == 1
static uint64_t resident_bytes(void)
{
        unsigned long long pages = 0;
        FILE              *file = fopen("/proc/self/statm", "re");

        if (file == NULL)
                return 0;
        if (fscanf(file, "%*u %llu", &pages) != 1)
                pages = 0;
        (void)fclose(file);
        return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t heap_bytes(void)
{
        struct mallinfo2 info = mallinfo2();

        return info.uordblks + info.hblkhd;
}
#else
static uint64_t resident_bytes(void)
{
        return 0;
}

static uint64_t heap_bytes(void)
{
        return 0;
}
#endif

void figures_take(trib_device *device, const struct figures *warm, struct figures *out)
{
        trib_memory_stats stats;
        trib_error        err = TRIB_ERROR_INIT;

        memset(out, 0, sizeof(*out));
        for (int round = 0; round < COUNT_ROUNDS; round++) {
                out->threads = crowd_thread_count();
                if (warm == NULL || out->threads <= warm->threads)
                        break;
        }
        out->files = crowd_file_count();
        out->heap = heap_bytes();
        out->resident = resident_bytes();
        if (device != NULL) {
                EXPECT_OK(trib_device_get_memory(device, &stats, &err), &err);
                out->device = stats.reserved;
        }
}

static void expect_flat(const char *what, uint64_t warm, uint64_t now, uint64_t allowed)
{
        if (now > warm + allowed)
                fail_msg("%s grew from %llu to %llu, which is more than %llu", what,
                         (unsigned long long)warm, (unsigned long long)now,
                         (unsigned long long)allowed);
}

void figures_expect_flat(const struct figures *warm, const struct figures *now,
                         const struct figures_bounds *bounds)
{
        uint64_t more = now->device > warm->device ? now->device - warm->device : 0;

        expect_flat("the number of threads", warm->threads, now->threads, 0);
        expect_flat("the number of open files", warm->files, now->files, 0);
        expect_flat("device memory", warm->device, now->device, bounds->device);
        expect_flat("the heap", warm->heap, now->heap, bounds->heap + more);
        expect_flat("resident memory", warm->resident, now->resident, bounds->resident + more);
}

static long long kib(uint64_t now, uint64_t before)
{
        return ((long long)now - (long long)before) / 1024;
}

void figures_print(const struct figures_line *line, const struct figures *warm,
                   const struct figures *now)
{
        double seconds = (double)line->ns * 1e-9;

        printf("stress: %s: done %llu, wrong %llu, %.1f s, %.0f/s; resident %lld KiB %+lld, "
               "heap %+lld KiB, device %+lld KiB, files %+d, threads %+d%s%s\n",
               line->name, (unsigned long long)line->done, (unsigned long long)line->wrong,
               seconds, seconds > 0 ? (double)line->done / seconds : 0.0, kib(now->resident, 0),
               kib(now->resident, warm->resident), kib(now->heap, warm->heap),
               kib(now->device, warm->device), (int)now->files - (int)warm->files,
               (int)now->threads - (int)warm->threads, line->more != NULL ? "; " : "",
               line->more != NULL ? line->more : "");
        (void)fflush(stdout);
}
