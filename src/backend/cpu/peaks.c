/* SPDX-License-Identifier: Apache-2.0 */
/* peaks.c: how fast this CPU is, measured with all cores at once: arithmetic by the largest matrix
 * product that stays in cache, memory by summing arrays far larger than the caches, submissions by
 * launches of a program without steps.
 *
 * Each figure is the sum over the threads of what each did in its own time between the common start
 * and its end: no lock, one starting line. Of several short measurements the best counts: other
 * work on the machine only ever makes one slower. */
#include <string.h>

#include "backend/cpu/cpu_priv.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"
#include "kernels/ref/ref.h"

#define ROUNDS 4
#define MATRIX_M 128
#define MATRIX_K 512
#define MATRIX_N 512
#define ARRAY_BYTES (UINT64_C(32) << 20)
#define MAX_THREADS 512

enum work { WORK_F32, WORK_MEDIUM, WORK_BYTES, WORK_LAUNCHES };

struct runner {
        struct trib__thread       thread;
        trib__device             *device;
        enum work                 work;
        uint64_t                  duration;
        const trib__atomic_u32   *start;
        struct trib__onednn_prim *prim;
        uint64_t                  begin; /* set by its work, once its data is ready */
        double                    rate;  /* out: units per second                   */
        trib_status               status;
        trib_error                failure;
};

/* The data is ready: the time runs from here. Gives the end. */
static uint64_t begin_work(struct runner *runner)
{
        runner->begin = trib__now();
        return runner->begin + runner->duration;
}

static trib_status make_product(trib__device *device, bool is_medium,
                                struct trib__onednn_prim **out, trib_error *err)
{
        struct trib__onednn_linear_params p = { 0 };
        struct trib__random               random = { 1 };
        float      *weights = trib__alloc("peaks.weights", sizeof(float) * MATRIX_K * MATRIX_N);
        trib_status status;

        *out = NULL;
        if (weights == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to measure peaks");
        for (uint32_t i = 0; i < MATRIX_K * MATRIX_N; i++)
                weights[i] = trib__random_f32(&random);
        p.m = MATRIX_M;
        p.k = MATRIX_K;
        p.n = MATRIX_N;
        p.dtype = TRIB_F32;
        p.precision = is_medium ? TRIB__ONEDNN_MEDIUM : TRIB__ONEDNN_HIGH;
        p.weights_are_nk = true;
        p.weights = weights;
        status = trib__onednn_linear_create(device->onednn, &p, out, err);
        trib__free(weights);
        return status;
}

static trib_status multiply(struct runner *runner, uint64_t *units)
{
        struct trib__onednn_exec *exec = NULL;
        const void               *input;
        struct trib__random       random = { 2 };
        size_t      scratch_bytes = trib__onednn_prim_info(runner->prim)->scratch_bytes;
        float      *x = trib__aligned("peaks.x", 64, sizeof(float) * MATRIX_M * MATRIX_K);
        float      *y = trib__aligned("peaks.y", 64, sizeof(float) * MATRIX_M * MATRIX_N);
        void       *scratch = trib__aligned("peaks.scratch", 64, scratch_bytes);
        uint64_t    end;
        trib_status status = TRIB_OUT_OF_MEMORY;

        if (x != NULL && y != NULL && scratch != NULL)
                status = trib__onednn_exec_create(runner->prim, &exec, &runner->failure);
        if (status == TRIB_OK) {
                for (uint32_t i = 0; i < MATRIX_M * MATRIX_K; i++)
                        x[i] = trib__random_f32(&random);
        }
        input = x;
        end = begin_work(runner);
        while (status == TRIB_OK && trib__now() < end) {
                status = trib__onednn_exec_run(exec, &input, y, scratch, &runner->failure);
                *units += UINT64_C(2) * MATRIX_M * MATRIX_K * MATRIX_N;
        }
        trib__onednn_exec_destroy(exec);
        trib__free(scratch);
        trib__free(y);
        trib__free(x);
        return status;
}

/* The same product on the reference kernel, in smaller pieces, because it is that much slower. */
static trib_status multiply_plainly(struct runner *runner, uint64_t *units)
{
        struct trib__ref_linear p = { .m = 8, .k = MATRIX_K, .n = MATRIX_N, .dtype = TRIB_F32 };
        struct trib__random     random = { 3 };
        float      *x = trib__alloc("peaks.plain_x", sizeof(float) * 8 * MATRIX_K);
        float      *y = trib__alloc("peaks.plain_y", sizeof(float) * 8 * MATRIX_N);
        float      *w = trib__alloc("peaks.plain_w", sizeof(float) * MATRIX_K * MATRIX_N);
        uint64_t    end;
        trib_status status = x != NULL && y != NULL && w != NULL ? TRIB_OK : TRIB_OUT_OF_MEMORY;

        for (uint32_t i = 0; status == TRIB_OK && i < MATRIX_K * MATRIX_N; i++) {
                w[i] = trib__random_f32(&random);
                x[i % (8 * MATRIX_K)] = w[i];
        }
        p.x = x;
        p.y = y;
        p.w = w;
        p.activation = TRIB__OP_COUNT;
        end = begin_work(runner);
        while (status == TRIB_OK && trib__now() < end) {
                status = trib__ref_linear(&p);
                *units += UINT64_C(2) * 8 * MATRIX_K * MATRIX_N;
        }
        trib__free(w);
        trib__free(y);
        trib__free(x);
        return status;
}

/* Sum 64-bit words; 16 partial sums, so that the adds are not what limits it. */
static uint64_t sum_words(const uint64_t *words, uint64_t count)
{
        uint64_t sums[16] = { 0 }, total = 0;

        for (uint64_t i = 0; i + 16 <= count; i += 16) {
                for (uint32_t j = 0; j < 16; j++)
                        sums[j] += words[i + j];
        }
        for (uint32_t j = 0; j < 16; j++)
                total += sums[j];
        return total;
}

static trib_status read_memory(struct runner *runner, uint64_t *units, uint64_t *sum)
{
        uint64_t *words = trib__aligned("peaks.array", 4096, ARRAY_BYTES);
        uint64_t  piece = ARRAY_BYTES / sizeof(*words) / 16;
        uint64_t  end;

        if (words == NULL)
                return TRIB_OUT_OF_MEMORY;
        memset(words, 1, ARRAY_BYTES);
        end = begin_work(runner);
        for (uint32_t i = 0; trib__now() < end; i = (i + 1) % 16) {
                *sum += sum_words(words + i * piece, piece);
                *units += piece * sizeof(*words);
        }
        trib__free(words);
        return TRIB_OK;
}

static trib_status submit_empty(struct runner *runner, uint64_t *units)
{
        trib__program             empty;
        struct trib__launch_args  args = { 0 };
        trib__queue              *queue;
        uint64_t                  end;
        trib_status               status;

        memset(&empty, 0, sizeof(empty));
        status = trib__cpu_backend.queue_create(runner->device, 0, &queue,
                                                    &runner->failure);
        end = begin_work(runner);
        while (status == TRIB_OK && trib__now() < end) {
                for (uint32_t i = 0; status == TRIB_OK && i < 100; i++)
                        status = trib__cpu_backend.launch(queue, &empty, &args, ++*units,
                                                              &runner->failure);
        }
        trib__cpu_backend.queue_destroy(queue);
        return status;
}

static void run(void *argument)
{
        struct runner *runner = argument;
        uint64_t       units = 0, sum = 0;

        /* Acquire: pairs with the release of the starter; all runners exist by then. */
        while (trib__load_acquire_u32(runner->start) == 0)
                (void)trib__word_wait((trib__atomic_u32 *)(uintptr_t)runner->start, 0,
                                      TRIB__NEVER);
        if (runner->work == WORK_BYTES)
                runner->status = read_memory(runner, &units, &sum);
        else if (runner->work == WORK_LAUNCHES)
                runner->status = submit_empty(runner, &units);
        else if (runner->prim != NULL)
                runner->status = multiply(runner, &units);
        else
                runner->status = multiply_plainly(runner, &units);
        /* What failed without a word was an allocation. */
        if (runner->status != TRIB_OK && runner->failure.message[0] == '\0')
                (void)trib__fail(&runner->failure, runner->status, "no memory for its data");
        /* `sum` takes part so that the reads cannot be left out. */
        if (units > 0)
                runner->rate = (double)units * 1e9 / (double)(trib__now() - runner->begin) +
                               (sum == 1 ? 1 : 0);
}

/* One kind of work on all cores. */
static trib_status measure(trib__device *device, enum work work, uint64_t duration, double *rate,
                           trib_error *err)
{
        uint32_t n = device->n_cores < MAX_THREADS ? device->n_cores : MAX_THREADS, started = 0;
        trib__atomic_u32          start = { 0 };
        struct trib__onednn_prim *prim = NULL;
        struct runner            *runners = trib__calloc("peaks.runners", n, sizeof(*runners));
        trib_status               status = TRIB_OK;

        *rate = 0;
        if (runners == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to measure peaks");
        if ((work == WORK_F32 || work == WORK_MEDIUM) && device->onednn != NULL)
                status = make_product(device, work == WORK_MEDIUM, &prim, err);
        for (; status == TRIB_OK && started < n; started++) {
                struct runner *runner = &runners[started];

                runner->device = device;
                runner->work = work;
                runner->duration = duration;
                runner->start = &start;
                runner->prim = prim;
                status = trib__thread_start(&runner->thread, run, runner, err);
                if (status != TRIB_OK)
                        break;
        }
        /* Release: pairs with the acquire in run. */
        trib__store_release_u32(&start, 1);
        trib__word_wake(&start, n);
        for (uint32_t i = 0; i < started; i++) {
                trib__thread_join(&runners[i].thread);
                *rate += runners[i].rate;
                if (status == TRIB_OK && runners[i].status != TRIB_OK)
                        status = trib__fail(err, runners[i].status, "measuring peaks failed: %s",
                                            runners[i].failure.message);
        }
        trib__onednn_prim_destroy(prim);
        trib__free(runners);
        return status;
}

/* The best of ROUNDS measurements. */
static trib_status measure_best(trib__device *device, enum work work, uint64_t duration,
                                double *best, trib_error *err)
{
        trib_status status = TRIB_OK;

        for (uint32_t i = 0; status == TRIB_OK && i < ROUNDS; i++) {
                double rate;

                status = measure(device, work, duration / ROUNDS, &rate, err);
                if (rate > *best)
                        *best = rate;
        }
        return status;
}

trib_status trib__cpu_measure_peaks(trib__device *device, uint32_t milliseconds,
                                    struct trib__peaks *out, trib_error *err)
{
        uint64_t    part = (uint64_t)milliseconds * 1000000 / 4;
        trib_status status;

        memset(out, 0, sizeof(*out));
        status = measure_best(device, WORK_BYTES, part, &out->bytes_per_s, err);
        if (status == TRIB_OK)
                status = measure_best(device, WORK_LAUNCHES, part, &out->submissions_per_s, err);
        if (status == TRIB_OK)
                status = measure_best(device, WORK_F32, part, &out->flops_f32, err);
        if (status == TRIB_OK && device->onednn != NULL &&
            trib__onednn_info(device->onednn)->has_bf16)
                status = measure_best(device, WORK_MEDIUM, part, &out->flops_medium, err);
        return status;
}
