/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an alloc/free pair costs: one design or peer of allocator.py's comparison.
 *
 * usage: allocator DESIGN [untouched] [LIBRARY]     then, on standard input, lines:
 *   check                      -> ok version=... timer_ns=...   blocks stamped, checked, given back
 *   run THREADS REMOTE MS      -> result p50_ns=... ...         REMOTE: per cent of remote frees
 *
 * Nouns. A *side* is what is measured: cached, shards1, shards8 (tributary through its public
 * calls, each thread on a stream of its own), malloc (glibc), mimalloc (opened at run time, so
 * that it replaces nothing), floor (the least that a remote free can do), loop (no allocator: what
 * the measuring costs itself). A *pair* is one allocation and one free. Its size is drawn from
 * 512 B to 256 KiB, evenly over the logarithm; the memory's first line is written (`untouched`
 * leaves that out, and the call for the address). Each thread keeps LIVE blocks and frees the
 * oldest; a remote pair hands the new block to the partner thread by a ring and frees one that
 * came from there. One thread is its own partner: its ring only delays. IN_FLIGHT blocks lie in
 * each ring; many more, and the size of the caches would be measured. Threads are spread over the
 * cores and kept there, partners on different ones, so that a remote free crosses cores.
 *
 * Method. A pair takes tens of nanoseconds, reading the clock about twenty. So seven batches of
 * eight are timed as a whole, BATCH pairs each: their quotient, less the clock's share of 0.6 ns,
 * gives the median. That hides the tail of single pairs, so in every eighth batch each pair is
 * timed by itself; these give p90 and p99, less the clock's own cost, which is measured (the
 * median of nothing, timed) and printed. A batch never waits: the thread makes sure beforehand
 * that its rings have what the batch takes and room for what it gives, and that is not timed; nor
 * is the first batch after such a wait, which would time what others left in the caches. With
 * more threads than cores a batch during which the thread loses its core is one in hundreds (a
 * slice is milliseconds, a batch microseconds), so the median stands; the mean would not, so
 * cpu_ns is the mean by the thread's own clock, waits left out.
 *
 * Locks: none. A ring has one writer and one reader; `phase` is written by main alone.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "allocator_sides.h"

#define BATCH 32
#define SIZES 1024 /* drawn beforehand; a power of two */
#define MOST_THREADS 64
#define WARM_BATCHES 40
#define LEAST_BATCHES 100 /* of every thread, in the window */
#define MOST_WINDOWS 20   /* that the window is made longer for that */

enum phase { WARMING, MEASURING, STOPPED };

static const struct side *side;
static bool               is_touching = true;
static uint32_t           sizes[SIZES];
static _Atomic int        phase;
static double             ticks_per_ns, timer_ticks;

/* --- pairs --- */

static uint64_t random_u64(uint64_t *state)
{
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        return *state;
}

/* 512 B to 256 KiB: one of nine doublings, then a place in it: each size class is met alike. */
static void draw_sizes(void)
{
        uint64_t state = 88172645463325252u;

        for (uint32_t i = 0; i < SIZES; i++) {
                uint64_t r = random_u64(&state);
                uint32_t base = UINT32_C(512) << r % 9;

                sizes[i] = base + (uint32_t)((r >> 32) % base) + 1;
        }
}

/* Checking: the first and the last word say whose block it is, until it is freed. */
static uint64_t stamp_block(struct lane *lane, void *address, size_t bytes)
{
        uint64_t stamp = (uint64_t)(lane->index + 1) << 48 | ++lane->stamp;

        memcpy(address, &stamp, sizeof(stamp));
        memcpy((char *)address + bytes - sizeof(stamp), &stamp, sizeof(stamp));
        return stamp;
}

static void check_block(struct lane *lane, uint64_t token, uint64_t stamp)
{
        void    *address = side->address(token);
        uint64_t found = 0;

        if (address != NULL)
                memcpy(&found, address, sizeof(found));
        lane->wrong += found != stamp;
}

static inline bool give(struct lane *lane, uint64_t *token)
{
        size_t bytes = sizes[lane->next_size++ & (SIZES - 1)];
        void  *address = side->alloc(lane, bytes, token);

        if (address == NULL)
                return false;
        if (is_touching)
                ((volatile uint64_t *)address)[2] = lane->next_size;
        if (lane->is_checking)
                lane->stamp = stamp_block(lane, address, bytes) & ((UINT64_C(1) << 48) - 1);
        return true;
}

static inline uint64_t own_stamp(const struct lane *lane)
{
        return (uint64_t)(lane->index + 1) << 48 | lane->stamp;
}

static inline bool pair_local(struct lane *lane, uint32_t i)
{
        uint64_t old = lane->live[i % LIVE], token;

        if (!give(lane, &token))
                return false;
        if (lane->is_checking) {
                check_block(lane, old, lane->live_stamps[i % LIVE]);
                lane->live_stamps[i % LIVE] = own_stamp(lane);
        }
        lane->live[i % LIVE] = token;
        return side->free(lane, old);
}

static inline bool pair_remote(struct lane *lane)
{
        struct ring *out = lane->out, *in = lane->in;
        uint64_t     old, token;

        if (!give(lane, &token))
                return false;
        out->tokens[lane->written & (RING - 1)] = token;
        old = in->tokens[lane->taken & (RING - 1)];
        if (lane->is_checking) {
                out->stamps[lane->written & (RING - 1)] = own_stamp(lane);
                check_block(lane, old, in->stamps[lane->taken & (RING - 1)]);
        }
        lane->written++;
        lane->taken++;
        return side->free(lane, old);
}

/* Pair i of a batch; `remote` of BATCH are spread evenly. */
static inline bool pair(struct lane *lane, uint32_t i)
{
        uint32_t every = lane->remote == 0 ? BATCH + 1 : BATCH / lane->remote;

        return (i + 1) % every == 0 ? pair_remote(lane) : pair_local(lane, i);
}

static bool batch_whole(struct lane *lane, bool is_timed)
{
        uint64_t begin = tick_begin();
        bool     is_good = true;

        for (uint32_t i = 0; i < BATCH; i++)
                is_good &= pair(lane, i);
        if (is_timed)
                note(&lane->batch, tick_end() - begin);
        return is_good;
}

static bool batch_singly(struct lane *lane, bool is_timed)
{
        bool is_good = true;

        for (uint32_t i = 0; i < BATCH; i++) {
                uint64_t begin = tick_begin(), end;

                is_good &= pair(lane, i);
                end = tick_end();
                if (is_timed)
                        note(&lane->single, end - begin);
        }
        lane->singles += BATCH;
        return is_good;
}

/* Whether the rings have what a batch takes and room for what it gives. */
static bool is_ready(const struct lane *lane)
{
        uint64_t ahead, room;

        /* Acquire: pairs with the releases in publish: the tokens are there, the slots are read. */
        ahead = atomic_load_explicit(&lane->in->written, memory_order_acquire) - lane->taken;
        room = RING - (lane->written -
                       atomic_load_explicit(&lane->out->taken, memory_order_acquire));
        return ahead >= lane->remote && room >= lane->remote;
}

/* False when the run is over first. */
static bool wait_for_partner(struct lane *lane)
{
        uint64_t begin = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        bool     is_on = true;

        for (uint32_t round = 0; !is_ready(lane) && is_on; round++) {
                /* Sleeping lets the partner in where many threads share a core; those that only
                 * yield can keep each other busy for hundreds of milliseconds. */
                if (round < 64)
                        relax();
                else if (round < 68)
                        (void)sched_yield();
                else
                        sleep_ns(20000);
                /* Relaxed: a flag. */
                is_on = atomic_load_explicit(&phase, memory_order_relaxed) != STOPPED;
        }
        lane->waits++;
        lane->cpu_waiting_ns += clock_ns(CLOCK_THREAD_CPUTIME_ID) - begin;
        return is_on;
}

static void publish(struct lane *lane)
{
        /* Release: pairs with the acquires in is_ready. */
        atomic_store_explicit(&lane->out->written, lane->written, memory_order_release);
        atomic_store_explicit(&lane->in->taken, lane->taken, memory_order_release);
}

/* A thread that may not choose its core runs where it is put. */
static void keep_to_core(uint32_t index)
{
        cpu_set_t all, one;
        uint32_t  wanted;

        if (sched_getaffinity(0, sizeof(all), &all) != 0)
                return;
        wanted = index % (uint32_t)CPU_COUNT(&all);
        for (unsigned core = 0; core < CPU_SETSIZE; core++) {
                if (CPU_ISSET(core, &all) && wanted-- == 0) {
                        CPU_ZERO(&one);
                        CPU_SET(core, &one);
                        (void)sched_setaffinity(0, sizeof(one), &one);
                        return;
                }
        }
}

static void *run_lane(void *argument)
{
        struct lane *lane = argument;
        bool         was_measured = false;

        keep_to_core(lane->index);
        for (uint64_t n = 0;; n++) {
                /* Relaxed: a flag; nothing else is read through it. */
                int  seen = atomic_load_explicit(&phase, memory_order_relaxed);
                bool is_measured = seen == MEASURING, is_timed = is_measured, is_good;

                if (seen == STOPPED)
                        break;
                if (is_measured && !was_measured) {
                        lane->cpu_waiting_ns = lane->waits = lane->singles = 0;
                        lane->cpu_begin_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID);
                        was_measured = true;
                }
                if (lane->remote > 0 && !is_ready(lane)) {
                        if (!wait_for_partner(lane))
                                break;
                        is_timed = false;
                }
                is_good = n % 8 == 7 ? batch_singly(lane, is_timed)
                                     : batch_whole(lane, is_timed);
                if (lane->remote > 0)
                        publish(lane);
                if (is_measured)
                        lane->pairs += BATCH;
                /* Relaxed: main looks at it now and then. */
                atomic_store_explicit(&lane->batches, n + 1, memory_order_relaxed);
                if (!is_good) {
                        atomic_store_explicit(&lane->is_failed, true, memory_order_relaxed);
                        break;
                }
        }
        if (was_measured)
                lane->cpu_ns = clock_ns(CLOCK_THREAD_CPUTIME_ID) - lane->cpu_begin_ns;
        else
                lane->cpu_waiting_ns = lane->singles = 0;
        return NULL;
}

/* --- a run --- */

struct run {
        uint32_t     threads, remote; /* remote: pairs of a batch */
        long         ms;
        struct lane *lanes;
        struct ring *rings; /* ring i is what lane i gives */
};

static bool fill(struct lane *lane)
{
        for (uint32_t i = 0; i < LIVE; i++) {
                if (!give(lane, &lane->live[i]))
                        return false;
                lane->live_stamps[i] = own_stamp(lane);
        }
        for (uint32_t i = 0; lane->remote > 0 && i < IN_FLIGHT; i++) {
                if (!give(lane, &lane->out->tokens[i]))
                        return false;
                lane->out->stamps[i] = own_stamp(lane);
                lane->out->written = ++lane->written;
        }
        return true;
}

static bool prepare(struct run *run, bool is_checking)
{
        run->lanes = aligned_alloc(2 * LINE, run->threads * sizeof(*run->lanes));
        run->rings = aligned_alloc(2 * LINE, run->threads * sizeof(*run->rings));
        if (run->lanes == NULL || run->rings == NULL)
                return complain("run", "no memory");
        memset(run->lanes, 0, run->threads * sizeof(*run->lanes));
        memset(run->rings, 0, run->threads * sizeof(*run->rings));
        for (uint32_t i = 0; i < run->threads; i++) {
                struct lane *lane = &run->lanes[i];
                uint32_t     partner = (i ^ 1) < run->threads ? i ^ 1 : i;

                lane->index = i;
                lane->remote = run->remote;
                lane->is_checking = is_checking;
                lane->next_size = i * 577;
                lane->out = &run->rings[i];
                lane->in = &run->rings[partner];
                if (!side->lane_open(lane))
                        return false;
        }
        for (uint32_t i = 0; i < run->threads; i++) {
                if (!fill(&run->lanes[i]))
                        return complain(side->name, "no memory");
        }
        return true;
}

static bool finish(struct run *run)
{
        bool is_good = true;

        for (uint32_t i = 0; run->lanes != NULL && run->rings != NULL && i < run->threads; i++) {
                struct lane *lane = &run->lanes[i];
                struct ring *ring = lane->out;

                for (uint32_t k = 0; lane->out != NULL && k < LIVE; k++)
                        is_good &= lane->live[k] == 0 || side->free(lane, lane->live[k]);
                for (uint64_t k = ring != NULL ? ring->taken : 0;
                     ring != NULL && k < ring->written; k++)
                        is_good &= side->free(lane, ring->tokens[k & (RING - 1)]);
        }
        for (uint32_t i = 0; run->lanes != NULL && i < run->threads; i++)
                side->lane_close(&run->lanes[i]);
        free(run->lanes);
        free(run->rings);
        return is_good;
}

/* Until every thread has done a fair part of the warm-up; false if one failed. */
static bool wait_warm(const struct run *run, uint64_t batches)
{
        for (uint32_t i = 0; i < run->threads;) {
                const struct lane *lane = &run->lanes[i];

                /* Relaxed: looked at again and again. */
                if (atomic_load_explicit(&lane->is_failed, memory_order_relaxed))
                        return false;
                if (atomic_load_explicit(&lane->batches, memory_order_relaxed) >= batches)
                        i++;
                else
                        sleep_ms(1);
        }
        return true;
}

/* The window; longer where so much else runs that some thread did not get to do its part. */
static void measure(const struct run *run)
{
        static uint64_t before[MOST_THREADS];

        sleep_ms(run->ms / 3 + 10);
        for (uint32_t i = 0; i < run->threads; i++)
                /* Relaxed, here and below: looked at now and then. */
                before[i] = atomic_load_explicit(&run->lanes[i].batches, memory_order_relaxed);
        atomic_store(&phase, MEASURING);
        for (int tries = 0; tries < MOST_WINDOWS; tries++) {
                uint32_t n_done = 0;

                sleep_ms(run->ms);
                for (uint32_t i = 0; i < run->threads; i++)
                        n_done += atomic_load_explicit(&run->lanes[i].batches,
                                                       memory_order_relaxed) -
                                          before[i] >=
                                  LEAST_BATCHES;
                if (n_done == run->threads)
                        break;
        }
}

static bool run_threads(struct run *run, uint64_t batches)
{
        uint32_t    started = 0;
        bool        is_good = true;
        const char *why = "a call failed";

        atomic_store(&phase, WARMING);
        for (; started < run->threads && is_good; started++) {
                is_good = pthread_create(&run->lanes[started].thread, NULL, run_lane,
                                         &run->lanes[started]) == 0;
                if (!is_good)
                        break;
        }
        is_good = is_good && wait_warm(run, batches);
        if (is_good && run->ms > 0)
                measure(run);
        atomic_store(&phase, STOPPED);
        for (uint32_t i = 0; i < started; i++) {
                (void)pthread_join(run->lanes[i].thread, NULL);
                if (run->lanes[i].err.message[0] != '\0')
                        why = run->lanes[i].err.message;
                is_good &= !run->lanes[i].is_failed;
        }
        return is_good || complain(side->name, why);
}

static double less_timer(double ticks)
{
        return ticks > timer_ticks ? (ticks - timer_ticks) / ticks_per_ns : 0;
}

static void print_result(const struct run *run)
{
        static struct histogram batch, single;
        uint64_t                pairs = 0, singles = 0, waits = 0, cpu = 0;
        double                  per_pair = BATCH * ticks_per_ns;

        memset(&batch, 0, sizeof(batch));
        memset(&single, 0, sizeof(single));
        for (uint32_t i = 0; i < run->threads; i++) {
                const struct lane *lane = &run->lanes[i];

                add(&batch, &lane->batch);
                add(&single, &lane->single);
                pairs += lane->pairs;
                singles += lane->singles;
                waits += lane->waits;
                cpu += lane->cpu_ns - lane->cpu_waiting_ns;
        }
        printf("result p50_ns=%.2f single_p50_ns=%.1f p90_ns=%.1f p99_ns=%.1f p999_ns=%.1f "
               "cpu_ns=%.2f pairs=%llu waits_per_1000=%.3f\n",
               (quantile(&batch, 0.5) - timer_ticks) / per_pair, less_timer(quantile(&single, 0.5)),
               less_timer(quantile(&single, 0.9)), less_timer(quantile(&single, 0.99)),
               less_timer(quantile(&single, 0.999)),
               pairs == 0 ? 0
                          : ((double)cpu - (double)singles * timer_ticks / ticks_per_ns) /
                                    (double)pairs,
               (unsigned long long)pairs,
               pairs == 0 ? 0 : 1000.0 * (double)waits / (double)pairs);
}

/* --- commands --- */

static int by_value(const void *a, const void *b)
{
        uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

        return (x > y) - (x < y);
}

static void calibrate(void)
{
        enum { TRIALS = 10001 };
        static uint64_t nothing[TRIALS];
        uint64_t        ns = clock_ns(CLOCK_MONOTONIC), ticks = tick_begin();

        for (int i = 0; i < TRIALS; i++) {
                uint64_t begin = tick_begin();

                nothing[i] = tick_end() - begin;
        }
        qsort(nothing, TRIALS, sizeof(nothing[0]), by_value);
        timer_ticks = (double)nothing[TRIALS / 2];
        sleep_ms(50);
        ticks_per_ns = (double)(tick_end() - ticks) / (double)(clock_ns(CLOCK_MONOTONIC) - ns);
}

static bool command_check(void)
{
        struct run run = { 4, BATCH / 4, 0, NULL, NULL };
        uint64_t   wrong = 0;
        bool       is_good = true;

        if (side_gives_memory(side)) {
                is_good = prepare(&run, true) && run_threads(&run, 500);
                for (uint32_t i = 0; is_good && i < run.threads; i++)
                        wrong += run.lanes[i].wrong;
                is_good &= finish(&run);
        }
        if (wrong > 0)
                return complain(side->name, "a block was changed by somebody else");
        if (is_good)
                printf("ok version='%s' timer_ns=%.1f\n", side_version(),
                       timer_ticks / ticks_per_ns);
        return is_good;
}

static bool command_run(unsigned threads, unsigned remote, long ms)
{
        struct run run = { threads, remote * BATCH / 100, ms, NULL, NULL };
        bool       is_good;

        if (threads < 1 || threads > MOST_THREADS || (threads > 1 && threads % 2 != 0) || ms < 1)
                return complain("run", "threads: 1 or even, up to 64; a window of 1 ms or more");
        if (remote != 0 && remote != 25 && remote != 50 && remote != 100)
                return complain("run", "remote frees: 0, 25, 50 or 100 per cent");
        is_good = prepare(&run, false) && run_threads(&run, WARM_BATCHES);
        if (is_good)
                print_result(&run);
        return finish(&run) && is_good;
}

int main(int argc, char **argv)
{
        const char *library = NULL;
        char        line[128];

        side = argc > 1 ? side_find(argv[1]) : NULL;
        for (int i = 2; i < argc; i++) {
                if (strcmp(argv[i], "untouched") == 0)
                        is_touching = false;
                else
                        library = argv[i];
        }
        if (side == NULL) {
                (void)complain("usage", "allocator cached|shards1|shards8|malloc|mimalloc|"
                                  "floor|loop");
                return 2;
        }
        draw_sizes();
        calibrate();
        if (!side_open(side, library, is_touching))
                return 1;
        while (fgets(line, sizeof(line), stdin) != NULL) {
                unsigned threads, remote;
                long     ms;
                bool     is_good;

                if (strncmp(line, "check", 5) == 0)
                        is_good = command_check();
                else if (sscanf(line, "run %u %u %ld", &threads, &remote, &ms) == 3)
                        is_good = command_run(threads, remote, ms);
                else
                        is_good = complain("unknown command", line);
                if (!is_good)
                        printf("failed\n");
                (void)fflush(stdout);
        }
        side_close();
        return 0;
}
