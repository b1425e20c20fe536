/* SPDX-License-Identifier: Apache-2.0 */
/* allocator_clock.h: reading the time-stamp counter, and a histogram of its ticks. */
#ifndef TRIB_BENCH_ALLOCATOR_CLOCK_H
#define TRIB_BENCH_ALLOCATOR_CLOCK_H

#include <stdint.h>
#include <time.h>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#define SUB 128 /* cells of a histogram per doubling: 0.8 % */
#define CELLS (40 * SUB)

/* --- the clock --- */

static inline uint64_t clock_ns(clockid_t clock)
{
        struct timespec t;

        (void)clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#if defined(__x86_64__)
/* The fences keep what is timed inside: nothing starts before the first reading is done, and all
 * has executed before the second (stores may still be on their way, as with any clock). */
static inline uint64_t tick_begin(void)
{
        uint64_t t;

        _mm_lfence();
        t = __rdtsc();
        _mm_lfence();
        return t;
}

static inline uint64_t tick_end(void)
{
        unsigned core;
        uint64_t t = __rdtscp(&core);

        _mm_lfence();
        return t;
}

static inline void relax(void)
{
        _mm_pause();
}
#else
static inline uint64_t tick_begin(void)
{
        return clock_ns(CLOCK_MONOTONIC);
}

static inline uint64_t tick_end(void)
{
        return clock_ns(CLOCK_MONOTONIC);
}

static inline void relax(void)
{
}
#endif

static inline void sleep_ns(long ns)
{
        struct timespec t = { ns / 1000000000, ns % 1000000000 };

        (void)nanosleep(&t, NULL);
}

static inline void sleep_ms(long ms)
{
        sleep_ns(ms * 1000000);
}

/* --- a histogram of ticks --- */

struct histogram {
        uint64_t count;
        uint32_t cells[CELLS];
};

static inline uint32_t cell_of(uint64_t ticks)
{
        uint32_t shift, cell;

        if (ticks < SUB)
                return (uint32_t)ticks;
        shift = 63u - (uint32_t)__builtin_clzll(ticks) - 7;
        cell = shift * SUB + (uint32_t)(ticks >> shift);
        return cell < CELLS ? cell : CELLS - 1;
}

static inline double lowest_of(uint32_t cell)
{
        uint32_t shift = cell < 2 * SUB ? 0 : cell / SUB - 1;

        return (double)((uint64_t)(cell - shift * SUB) << shift);
}

static inline void note(struct histogram *h, uint64_t ticks)
{
        h->cells[cell_of(ticks)]++;
        h->count++;
}

static inline void add(struct histogram *to, const struct histogram *from)
{
        to->count += from->count;
        for (uint32_t i = 0; i < CELLS; i++)
                to->cells[i] += from->cells[i];
}

/* Linear within a cell. */
static inline double quantile(const struct histogram *h, double q)
{
        double wanted = q * (double)h->count, before = 0;

        for (uint32_t i = 0; i + 1 < CELLS; i++) {
                double here = h->cells[i];

                if (here > 0 && before + here >= wanted)
                        return lowest_of(i) + (lowest_of(i + 1) - lowest_of(i)) *
                                                      (wanted - before) / here;
                before += here;
        }
        return lowest_of(CELLS - 1);
}

#endif
