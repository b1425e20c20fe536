/* SPDX-License-Identifier: Apache-2.0 */
/* peaks_work.c: what is done to measure each peak, on one thread: see peaks_priv.h.
 *
 *   loop      multiply-adds in registers: what the processor's arithmetic can do
 *   multiply  a product whose operands stay in cache, by oneDNN: on processors with a unit for
 *             whole tiles of a matrix this is faster than the loop
 *   read      adding up what lies in the private cache, the shared cache or memory
 *   copy      memcpy from memory to memory
 *   submit    launches of a program without steps
 *   wake      two threads that sleep and wake each other in turn */
#include <stdlib.h>
#include <string.h>

#include "backend/cpu/peaks_priv.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/random.h"

#define MATRIX_M 128
#define MATRIX_K 512
#define MATRIX_N 512
#define TURNS 2000u
#define READ_PIECE (UINT64_C(128) << 10)
#define COPY_PIECE (UINT64_C(1) << 20)
#define LAUNCHES 100u
/* Between two wakes: time for the other thread to fall asleep. */
#define DOZE_NS 100000u
#define WAKE_END UINT32_MAX

/* ---- what it takes ---------------------------------------------------------------------- */

static trib_status make_product(struct crew *crew, enum product which, const float *weights,
                                trib_error *err)
{
        struct trib__onednn_linear_params p = { .m = MATRIX_M, .k = MATRIX_K, .n = MATRIX_N };
        trib_status                       status;

        p.dtype = which == PRODUCT_F16 ? TRIB_F16 : TRIB_F32;
        p.precision = which == PRODUCT_MEDIUM ? TRIB__ONEDNN_MEDIUM : TRIB__ONEDNN_HIGH;
        p.weights_are_nk = true;
        p.weights = weights;
        status = trib__onednn_linear_create(crew->device->onednn, &p, &crew->prims[which], err);
        /* Then that is no figure of this device. */
        if (status == TRIB_UNSUPPORTED)
                return TRIB_OK;
        if (status == TRIB_OK) {
                size_t bytes = trib__onednn_prim_info(crew->prims[which])->scratch_bytes;

                crew->scratch_bytes = bytes > crew->scratch_bytes ? bytes : crew->scratch_bytes;
        }
        return status;
}

trib_status trib__peaks_make_products(struct crew *crew, trib_error *err)
{
        struct trib__random random = { 1 };
        float              *weights;
        trib_status         status = TRIB_OK;

        if (crew->device->onednn == NULL)
                return TRIB_OK;
        weights = trib__alloc("peaks.weights", sizeof(float) * MATRIX_K * MATRIX_N);
        if (weights == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory to measure peaks");
        for (uint32_t i = 0; i < MATRIX_K * MATRIX_N; i++)
                weights[i] = trib__random_f32(&random);
        for (int i = 0; status == TRIB_OK && i < PRODUCTS; i++) {
                if (i != PRODUCT_MEDIUM || trib__onednn_info(crew->device->onednn)->has_bf16)
                        status = make_product(crew, (enum product)i, weights, err);
        }
        trib__free(weights);
        return status;
}

/* On the lane's own thread, so that its memory is near its core. */
trib_status trib__peaks_set_up(struct lane *lane)
{
        struct crew        *crew = lane->crew;
        struct trib__random random = { 2 };
        size_t              scratch = crew->scratch_bytes > 0 ? crew->scratch_bytes : 64;
        trib_status         status;

        lane->array = TRIB__FAULT(ALLOCATION, "peaks.array")
                              ? NULL
                              : trib__raw_region(4096, lane->array_bytes);
        lane->x = trib__aligned("peaks.x", 64, sizeof(float) * MATRIX_M * MATRIX_K);
        lane->y = trib__aligned("peaks.y", 64, sizeof(float) * MATRIX_M * MATRIX_N);
        lane->scratch = trib__aligned("peaks.scratch", 64, scratch);
        if (lane->array == NULL || lane->x == NULL || lane->y == NULL || lane->scratch == NULL)
                return trib__fail(&lane->failure, TRIB_OUT_OF_MEMORY, "no memory for its data");
        memset(lane->array, 1, lane->array_bytes);
        for (uint32_t i = 0; i < MATRIX_M * MATRIX_K; i++)
                lane->x[i] = trib__random_f32(&random);
        status = trib__cpu_backend.queue_create(crew->device, lane->index % MAX_QUEUES,
                                                &lane->queue, &lane->failure);
        for (int i = 0; status == TRIB_OK && i < PRODUCTS; i++) {
                if (crew->prims[i] != NULL)
                        status = trib__onednn_exec_create(crew->prims[i], &lane->execs[i],
                                                          &lane->failure);
        }
        return status;
}

void trib__peaks_clear(struct lane *lane)
{
        for (int i = 0; i < PRODUCTS; i++)
                trib__onednn_exec_destroy(lane->execs[i]);
        trib__cpu_backend.queue_destroy(lane->queue);
        trib__free(lane->scratch);
        trib__free(lane->y);
        trib__free(lane->x);
        trib__free_region(lane->array, lane->array_bytes);
}

/* ---- time ------------------------------------------------------------------------------- */

/* The data is ready: the time runs from here. Gives the end. */
static uint64_t begin(struct lane *lane)
{
        lane->begin = trib__now();
        lane->begin_cpu = trib__thread_cpu_time();
        return lane->begin + lane->crew->duration;
}

double trib__peaks_seconds(const struct lane *lane, const struct kind *kind)
{
        bool     is_own = kind->work != trib__peaks_copy
                      && (kind->work != trib__peaks_read || kind->variant == PLACE_PRIVATE);
        uint64_t took = is_own ? trib__thread_cpu_time() - lane->begin_cpu
                               : trib__now() - lane->begin;

        return (double)(took > 0 ? took : 1) * 1e-9;
}

/* ---- arithmetic ------------------------------------------------------------------------- */

bool trib__peaks_has(const struct crew *crew, const struct kind *kind)
{
        if (kind->work == trib__peaks_multiply)
                return crew->prims[kind->variant] != NULL;
        if (kind->work == trib__peaks_loop && kind->variant == LOOP_BF16)
                return crew->speed->bf16 != NULL && crew->prims[PRODUCT_MEDIUM] != NULL;
        if (kind->work == trib__peaks_read && kind->variant == PLACE_PRIVATE)
                return crew->caches.private_bytes > 0;
        if (kind->work == trib__peaks_read && kind->variant == PLACE_SHARED)
                return crew->caches.shared_bytes > 0;
        return true;
}

trib_status trib__peaks_loop(struct lane *lane, const struct kind *kind)
{
        const struct trib__speed_set *speed = lane->crew->speed;
        const trib__speed_fn loops[] = { speed->f32, speed->f64, speed->bf16 };
        const double         flops[] = { speed->f32_flops, speed->f64_flops, speed->bf16_flops };
        uint64_t             end = begin(lane);
        volatile double      result;

        do {
                result = loops[kind->variant](TURNS);
                lane->units += TURNS * flops[kind->variant];
        } while (trib__now() < end);
        (void)result;
        return TRIB_OK;
}

trib_status trib__peaks_multiply(struct lane *lane, const struct kind *kind)
{
        const void *input = lane->x;
        uint64_t    end = begin(lane);
        trib_status status;

        do {
                status = trib__onednn_exec_run(lane->execs[kind->variant], &input, lane->y,
                                               lane->scratch, &lane->failure);
                lane->units += 2.0 * MATRIX_M * MATRIX_K * MATRIX_N;
        } while (status == TRIB_OK && trib__now() < end);
        return status;
}

/* ---- memory ----------------------------------------------------------------------------- */

/* How much a lane goes round and round in: half of the private cache; of the shared cache half,
 * but more than fits into the private one; or all that it has. */
static uint64_t span_of(const struct lane *lane, enum place place)
{
        const struct trib__caches *caches = &lane->crew->caches;
        uint64_t lanes = (lane->crew->count + caches->shared_count - 1)
                         / (caches->shared_count > 0 ? caches->shared_count : 1);
        uint64_t part = caches->shared_bytes / (lane->crew->active > 1 ? lanes : 1);
        uint64_t own = caches->private_bytes, span = lane->array_bytes;

        if (place == PLACE_PRIVATE)
                span = own / 2;
        if (place == PLACE_SHARED) {
                uint64_t least = own + part * 3 / 4 < 2 * own ? own + part * 3 / 4 : 2 * own;

                span = part / 2 > least ? part / 2 : least;
        }
        return span < lane->array_bytes ? span : lane->array_bytes;
}

trib_status trib__peaks_read(struct lane *lane, const struct kind *kind)
{
        const struct trib__speed_set *speed = lane->crew->speed;
        uint64_t span = span_of(lane, (enum place)kind->variant), piece = READ_PIECE, end;
        /* In memory it goes on where it was: what lies there has left the caches since. */
        uint64_t at = kind->variant == PLACE_MEMORY ? lane->at : 0;

        if (piece > span)
                piece = span;
        piece = piece / TRIB__SPEED_READ * TRIB__SPEED_READ;
        span = piece > 0 ? span / piece * piece : 0;
        if (span == 0)
                return TRIB_OK;
        /* What is to be in a cache is brought there before the time counts. */
        if (kind->variant != PLACE_MEMORY)
                lane->sum += speed->read(lane->array, span);
        end = begin(lane);
        do {
                lane->sum += speed->read(lane->array + at, piece);
                lane->units += (double)piece;
                at = at + 2 * piece <= span ? at + piece : 0;
        } while (trib__now() < end);
        if (kind->variant == PLACE_MEMORY)
                lane->at = at;
        return TRIB_OK;
}

trib_status trib__peaks_copy(struct lane *lane, const struct kind *kind)
{
        uint64_t half = lane->array_bytes / 2 / COPY_PIECE * COPY_PIECE, end = begin(lane);

        (void)kind;
        do {
                memcpy(lane->array + half + lane->copy_at, lane->array + lane->copy_at,
                       COPY_PIECE);
                lane->units += (double)COPY_PIECE;
                lane->copy_at = (lane->copy_at + COPY_PIECE) % half;
        } while (trib__now() < end);
        return TRIB_OK;
}

/* ---- threads ---------------------------------------------------------------------------- */

trib_status trib__peaks_submit(struct lane *lane, const struct kind *kind)
{
        trib__program            empty;
        struct trib__launch_args args = { 0 };
        uint64_t                 end = begin(lane);
        trib_status              status = TRIB_OK;

        (void)kind;
        memset(&empty, 0, sizeof(empty));
        do {
                for (uint32_t i = 0; status == TRIB_OK && i < LAUNCHES; i++)
                        status = trib__cpu_backend.launch(lane->queue, &empty, &args,
                                                          ++lane->value, &lane->failure);
                lane->units += LAUNCHES;
        } while (status == TRIB_OK && trib__now() < end);
        return status;
}

static int compare_u32(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

/* Sleeps until it is woken, says when it ran, and again. The median is the crew's figure. */
static void sleep_often(struct lane *lane)
{
        struct crew *crew = lane->crew;
        uint32_t     seen = 0, count = 0;

        for (;;) {
                /* Acquire: pairs with the release of wake_often, so that woken_at is its. */
                uint32_t ping = trib__load_acquire_u32(&crew->ping);

                if (ping == WAKE_END)
                        break;
                if (ping == seen) {
                        (void)trib__word_wait(&crew->ping, seen, TRIB__NEVER);
                        continue;
                }
                seen = ping;
                /* Relaxed: ordered by ping. */
                lane->wakes[count++ % WAKES_MAX] =
                        (uint32_t)(trib__now() - trib__load_relaxed_u64(&crew->woken_at));
                /* Release: pairs with the acquire of wake_often: this turn is over. */
                trib__store_release_u32(&crew->pong, ping);
                trib__word_wake(&crew->pong, 1);
        }
        count = count < WAKES_MAX ? count : WAKES_MAX;
        qsort(lane->wakes, count, sizeof(*lane->wakes), compare_u32);
        lane->units = count > 0 ? lane->wakes[count / 2] : 0;
}

static void wake_often(struct lane *lane, uint64_t end)
{
        struct crew *crew = lane->crew;
        uint32_t     turn = 0;

        do {
                uint64_t doze = trib__now() + DOZE_NS;

                while (trib__now() < doze)
                        trib__cpu_relax();
                turn++;
                /* Relaxed: ordered by ping. */
                trib__store_relaxed_u64(&crew->woken_at, trib__now());
                /* Release: pairs with the acquire of sleep_often. */
                trib__store_release_u32(&crew->ping, turn);
                trib__word_wake(&crew->ping, 1);
                /* Acquire: pairs with the release of sleep_often. */
                for (uint32_t pong; (pong = trib__load_acquire_u32(&crew->pong)) != turn;)
                        (void)trib__word_wait(&crew->pong, pong, TRIB__NEVER);
        } while (trib__now() < end);
        /* Release: pairs with the acquire of sleep_often. */
        trib__store_release_u32(&crew->ping, WAKE_END);
        trib__word_wake(&crew->ping, 1);
}

trib_status trib__peaks_wake(struct lane *lane, const struct kind *kind)
{
        (void)kind;
        if (lane->index == 0)
                wake_often(lane, begin(lane));
        else
                sleep_often(lane);
        return TRIB_OK;
}
