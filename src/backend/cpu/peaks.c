/* SPDX-License-Identifier: Apache-2.0 */
/* peaks.c: how fast this CPU is. Every rate is the best of several short measurements, which are
 * interleaved: other work on the machine only ever makes one slower. What is measured, and how, is
 * in peaks_work.c; who tells whom is in peaks_priv.h. No locks. */
#include <stddef.h>
#include <string.h>

#include "backend/cpu/peaks_priv.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"

/* Short turns, so that some of them fall between what other programs do; but each of them costs a
 * start. */
#define ROUND_MS 12
#define ROUNDS_MIN 4u
#define ROUNDS_MAX 40u
/* On a busy machine turns take longer: that many times the time that was asked for is enough. */
#define PATIENCE 2
#define LANES_MAX 1024u
#define ARRAY_MIN (UINT64_C(4) << 20)
/* Arrays are this many times as large as the last caches, and at most that part of memory. */
#define ARRAY_CACHES 3
#define ARRAY_MEMORY 8
/* How long those of a turn who are there wait for the last, before they begin without it. */
#define MEET_NS 2000000u

#define RESULT(member) (uint32_t)offsetof(struct trib__peaks, member)

static const struct kind kinds[] = {
        { trib__peaks_loop, RESULT(flops_f32), ALL_LANES, 8, LOOP_F32 },
        { trib__peaks_multiply, RESULT(flops_f32), ALL_LANES, 8, PRODUCT_F32 },
        { trib__peaks_read, RESULT(bytes_per_s), ALL_LANES, 24, PLACE_MEMORY },
        { trib__peaks_loop, RESULT(flops_medium), ALL_LANES, 5, LOOP_BF16 },
        { trib__peaks_multiply, RESULT(flops_medium), ALL_LANES, 8, PRODUCT_MEDIUM },
        { trib__peaks_loop, RESULT(flops_f64), ALL_LANES, 5, LOOP_F64 },
        { trib__peaks_multiply, RESULT(flops_f16), ALL_LANES, 5, PRODUCT_F16 },
        { trib__peaks_loop, RESULT(unit_flops_f32), 1, 5, LOOP_F32 },
        { trib__peaks_multiply, RESULT(unit_flops_f32), 1, 5, PRODUCT_F32 },
        { trib__peaks_read, RESULT(unit_bytes_per_s), 1, 10, PLACE_MEMORY },
        { trib__peaks_loop, RESULT(unit_flops_medium), 1, 4, LOOP_BF16 },
        { trib__peaks_multiply, RESULT(unit_flops_medium), 1, 5, PRODUCT_MEDIUM },
        { trib__peaks_loop, RESULT(unit_flops_f64), 1, 4, LOOP_F64 },
        { trib__peaks_multiply, RESULT(unit_flops_f16), 1, 4, PRODUCT_F16 },
        { trib__peaks_read, RESULT(private_cache_bytes_per_s), ALL_LANES, 6, PLACE_PRIVATE },
        { trib__peaks_read, RESULT(shared_cache_bytes_per_s), ALL_LANES, 12, PLACE_SHARED },
        { trib__peaks_read, RESULT(unit_shared_cache_bytes_per_s), 1, 8, PLACE_SHARED },
        { trib__peaks_copy, RESULT(copy_bytes_per_s), ALL_LANES, 10, 0 },
        { trib__peaks_submit, RESULT(submissions_per_s), ALL_LANES, 4, 0 },
        { trib__peaks_submit, RESULT(unit_submissions_per_s), 1, 4, 0 },
        { trib__peaks_wake, RESULT(wake_ns), 2, 6, 0 },
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- a lane's thread -------------------------------------------------------------------- */

/* Wait for the others of the turn: they are on their way. */
static void meet(struct crew *crew)
{
        uint64_t end = trib__now() + MEET_NS;

        /* AcqRel: lines the beginnings up; no data goes with it. */
        (void)trib__fetch_add_acqrel_u32(&crew->arrived, 1);
        /* Acquire: pairs with the addition above. */
        while (trib__load_acquire_u32(&crew->arrived) < crew->active && trib__now() < end)
                trib__cpu_relax();
}

static void take_turn(struct lane *lane)
{
        struct crew *crew = lane->crew;

        lane->units = 0;
        if (crew->kind == NULL) {
                lane->status = trib__peaks_set_up(lane);
                return;
        }
        meet(crew);
        lane->status = crew->kind->work(lane, crew->kind);
        if (lane->status == TRIB_OK && crew->kind->work != trib__peaks_wake)
                lane->units /= trib__peaks_seconds(lane, crew->kind);
}

static void run_lane(void *argument)
{
        struct lane *lane = argument;
        struct crew *crew = lane->crew;

        for (uint32_t seen = 0;;) {
                /* Acquire: pairs with the release of start_turn: what the turn is about. */
                uint32_t turn = trib__load_acquire_u32(&crew->turn);

                if (turn == seen) {
                        (void)trib__word_wait(&crew->turn, seen, TRIB__NEVER);
                        continue;
                }
                seen = turn;
                if (crew->is_over)
                        return;
                if (lane->index < crew->active)
                        take_turn(lane);
                /* AcqRel: pairs with the acquire of start_turn: what this lane found. */
                if (trib__fetch_add_acqrel_u32(&crew->done, 1) + 1 == crew->count)
                        trib__word_wake(&crew->done, 1);
        }
}

/* ---- the starter's ---------------------------------------------------------------------- */

static void raise_turn(struct crew *crew)
{
        /* Release: pairs with the acquire of run_lane. */
        trib__store_release_u32(&crew->turn, trib__load_relaxed_u32(&crew->turn) + 1);
        trib__word_wake(&crew->turn, crew->count);
}

/* One turn from start to end: the sum of what the lanes did in a second, or the first failure. */
static trib_status run_turn(struct crew *crew, const struct kind *kind, uint64_t duration,
                            double *rate, trib_error *err)
{
        *rate = 0;
        crew->kind = kind;
        crew->duration = duration;
        crew->active = kind == NULL || kind->lanes == ALL_LANES ? crew->count : kind->lanes;
        /* Relaxed: all four are published by raise_turn. */
        trib__store_relaxed_u32(&crew->arrived, 0);
        trib__store_relaxed_u32(&crew->done, 0);
        trib__store_relaxed_u32(&crew->ping, 0);
        trib__store_relaxed_u32(&crew->pong, 0);
        raise_turn(crew);
        /* Acquire: pairs with the addition of run_lane. */
        for (uint32_t done; (done = trib__load_acquire_u32(&crew->done)) != crew->count;)
                (void)trib__word_wait(&crew->done, done, TRIB__NEVER);
        for (uint32_t i = 0; i < crew->active; i++) {
                const struct lane *lane = &crew->lanes[i];

                *rate += lane->units;
                if (lane->status != TRIB_OK)
                        return trib__fail(err, lane->status, "measuring peaks failed: %s",
                                          lane->failure.message);
        }
        return TRIB_OK;
}

static void keep_best(struct trib__peaks *peaks, const struct kind *kind, double rate)
{
        double *best = (double *)(void *)((char *)peaks + kind->result);

        if (rate > *best)
                *best = rate;
}

/* The middle one of the times to wake, which depend on how deep the core sleeps. */
static double middle_of(double *times, size_t count)
{
        for (size_t i = 1; i < count; i++) {
                double time = times[i];
                size_t at = i;

                for (; at > 0 && times[at - 1] > time; at--)
                        times[at] = times[at - 1];
                times[at] = time;
        }
        return count > 0 ? times[count / 2] : 0;
}

/* All together do at least what one does alone; where that was not seen, others worked. */
static void even_out(struct trib__peaks *peaks)
{
        double *const pairs[][2] = {
                { &peaks->flops_f32, &peaks->unit_flops_f32 },
                { &peaks->flops_medium, &peaks->unit_flops_medium },
                { &peaks->flops_f64, &peaks->unit_flops_f64 },
                { &peaks->flops_f16, &peaks->unit_flops_f16 },
                { &peaks->bytes_per_s, &peaks->unit_bytes_per_s },
                { &peaks->shared_cache_bytes_per_s, &peaks->unit_shared_cache_bytes_per_s },
                { &peaks->submissions_per_s, &peaks->unit_submissions_per_s },
        };

        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
                if (*pairs[i][0] < *pairs[i][1])
                        *pairs[i][0] = *pairs[i][1];
}

static trib_status measure_all(struct crew *crew, uint64_t total, struct trib__peaks *out,
                               trib_error *err)
{
        uint64_t    weights = 0;
        double      rate, times[ROUNDS_MAX];
        size_t      woken = 0, rounds = total / (ROUND_MS * 1000000);
        uint64_t    end = trib__now() + PATIENCE * total;
        trib_status status = run_turn(crew, NULL, 0, &rate, err);

        for (size_t i = 0; i < KINDS; i++)
                if (trib__peaks_has(crew, &kinds[i]))
                        weights += kinds[i].weight;
        rounds = rounds < ROUNDS_MIN ? ROUNDS_MIN : rounds > ROUNDS_MAX ? ROUNDS_MAX : rounds;
        for (size_t i = 0; status == TRIB_OK && i < rounds * KINDS; i++) {
                const struct kind *kind = &kinds[i % KINDS];

                if (i % KINDS == 0 && i >= ROUNDS_MIN * KINDS && trib__now() > end)
                        break;
                if (!trib__peaks_has(crew, kind))
                        continue;
                status = run_turn(crew, kind, total / rounds * kind->weight / weights, &rate, err);
                if (kind->work == trib__peaks_wake)
                        times[woken++] = rate;
                else
                        keep_best(out, kind, rate);
        }
        out->wake_ns = middle_of(times, woken);
        even_out(out);
        return status;
}

/* Large enough that going round in all of them finds nothing in a cache, and in the first lane's,
 * which also works alone, nothing in the cache that it can use. */
static uint64_t array_bytes(const struct crew *crew, uint32_t lane)
{
        uint64_t one = crew->caches.shared_bytes * ARRAY_CACHES;
        uint64_t each = one * crew->caches.shared_count / crew->count;
        uint64_t most = trib__memory_bytes() / ARRAY_MEMORY / (crew->count + 1);

        each = lane == 0 && one > each ? one : each;
        if (most > 0 && each > most)
                each = most;
        each = each < ARRAY_MIN ? ARRAY_MIN : each;
        return each / ARRAY_MIN * ARRAY_MIN;
}

static void end_lanes(struct crew *crew, uint32_t started)
{
        crew->is_over = true;
        raise_turn(crew);
        for (uint32_t i = 0; i < started; i++) {
                trib__thread_join(&crew->lanes[i].thread);
                trib__peaks_clear(&crew->lanes[i]);
        }
}

trib_status trib__cpu_measure_peaks(trib__device *device, uint32_t milliseconds,
                                    struct trib__peaks *out, trib_error *err)
{
        struct crew crew = { .device = device, .speed = trib__speed_choose() };
        uint32_t    started = 0;
        trib_status status;

        memset(out, 0, sizeof(*out));
        trib__caches_of_cpus(NULL, &crew.caches);
        /* Waking takes two. */
        crew.count = device->n_cores < 2 ? 2 : device->n_cores > LANES_MAX ? LANES_MAX
                                                                           : device->n_cores;
        crew.lanes = trib__calloc("peaks.lanes", crew.count, sizeof(*crew.lanes));
        if (crew.lanes == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to measure peaks");
        status = trib__peaks_make_products(&crew, err);
        while (status == TRIB_OK && started < crew.count) {
                struct lane *lane = &crew.lanes[started];

                lane->crew = &crew;
                lane->index = started;
                lane->array_bytes = array_bytes(&crew, started);
                status = trib__thread_start(&lane->thread, run_lane, lane, err);
                started += status == TRIB_OK;
        }
        if (status == TRIB_OK)
                status = measure_all(&crew, (uint64_t)milliseconds * 1000000, out, err);
        end_lanes(&crew, started);
        for (int i = 0; i < PRODUCTS; i++)
                trib__onednn_prim_destroy(crew.prims[i]);
        trib__free(crew.lanes);
        out->private_cache_bytes = (double)crew.caches.private_bytes;
        out->shared_cache_bytes = (double)crew.caches.shared_bytes * crew.caches.shared_count;
        return status;
}
