/* SPDX-License-Identifier: Apache-2.0 */
/* spy.c: see spy.h. It takes the place of src/backend/registry.c in the programs of this folder.
 *
 * A spied queue or program is a record of ours around the real one. A device is the real one: tests
 * pull its strings through backend/sim/sim.h; a small table says whose it is. */
#include "spy.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/backend.h"
#include "backend/cpu/cpu.h"
#include "backend/sim/sim.h"
#include "base/alloc.h"
#include "base/error.h"

#define MAX_OPEN 64
#define MAX_QUEUES 64

struct trib__queue {
        const struct trib__backend *real;
        trib__queue                *queue;
        uint32_t                    index;
        uint64_t                    last; /* submitted; the holder's */
        atomic_ullong               seen; /* completed, as anybody saw it */
};

struct trib__program {
        const struct trib__backend *real;
        trib__program              *program;
        atomic_uint                 is_released;
        /* The last launch on each queue, and the queue. */
        _Atomic(trib__queue *)      queues[MAX_QUEUES];
        atomic_ullong               values[MAX_QUEUES];
};

static struct {
        _Atomic(trib__device *)                 device;
        _Atomic(const struct trib__backend *) real;
} open_devices[MAX_OPEN];

static atomic_ullong counts[SPY_CALL_COUNT], programs, programs_peak;

#define GET(word) atomic_load_explicit((word), memory_order_relaxed)
#define PUT(word, value) atomic_store_explicit((word), (value), memory_order_relaxed)
#define ADD(word, value) atomic_fetch_add_explicit((word), (value), memory_order_relaxed)

uint64_t spy_count(enum spy_call call)
{
        return GET(&counts[call]);
}

uint64_t spy_programs(void)
{
        return GET(&programs);
}

uint64_t spy_programs_peak(void)
{
        return GET(&programs_peak);
}

static _Noreturn void broken(const char *promise, const char *call)
{
        (void)fprintf(stderr, "the library breaks a promise in backend->%s: %s\n", call, promise);
        abort();
}

static void check(const char *call)
{
        if (trib__thread_counts()->lock_depth != 0)
                broken("H9: a lock is held", call);
}

static const struct trib__backend *real_of(trib__device *device)
{
        for (int i = 0; i < MAX_OPEN; i++) {
                if (GET(&open_devices[i].device) == device)
                        return GET(&open_devices[i].real);
        }
        broken("the device is not open", "?");
}

static trib_status open_real(const struct trib__backend *real, const char *which,
                             trib__device **out, struct trib__device_caps *caps, trib_error *err)
{
        trib_status status;

        check("open");
        ADD(&counts[SPY_OPEN], 1);
        status = real->open(which, out, caps, err);
        for (int i = 0; status == TRIB_OK && i < MAX_OPEN; i++) {
                const struct trib__backend *nobody = NULL;

                if (!atomic_compare_exchange_strong_explicit(&open_devices[i].real, &nobody, real,
                                                             memory_order_relaxed,
                                                             memory_order_relaxed))
                        continue;
                PUT(&open_devices[i].device, *out);
                return status;
        }
        if (status == TRIB_OK)
                broken("more devices than the spy has room for", "open");
        return status;
}

static trib_status open_cpu(const char *which, trib__device **out, struct trib__device_caps *caps,
                            trib_error *err)
{
        return open_real(&trib__cpu_backend, which, out, caps, err);
}

static trib_status open_sim(const char *which, trib__device **out, struct trib__device_caps *caps,
                            trib_error *err)
{
        return open_real(&trib__sim_backend, which, out, caps, err);
}

static void spied_close(trib__device *device)
{
        const struct trib__backend *real = real_of(device);

        check("close");
        for (int i = 0; i < MAX_OPEN; i++) {
                if (GET(&open_devices[i].device) != device)
                        continue;
                PUT(&open_devices[i].device, NULL);
                PUT(&open_devices[i].real, NULL);
                break;
        }
        real->close(device);
}

static trib_status spied_alloc(trib__device *device, uint64_t bytes, void **out, trib_error *err)
{
        check("alloc");
        ADD(&counts[SPY_ALLOC], 1);
        return real_of(device)->alloc(device, bytes, out, err);
}

static void spied_free(trib__device *device, void *memory, uint64_t bytes)
{
        check("free");
        ADD(&counts[SPY_FREE], 1);
        real_of(device)->free(device, memory, bytes);
}

static trib_status spied_alloc_host(trib__device *device, uint64_t bytes, void **out,
                                    trib_error *err)
{
        check("alloc_host");
        return real_of(device)->alloc_host(device, bytes, out, err);
}

static void spied_free_host(trib__device *device, void *memory, uint64_t bytes)
{
        check("free_host");
        real_of(device)->free_host(device, memory, bytes);
}

static enum trib__support spied_supports(trib__device *device, const struct trib__step *step,
                                         char *reason, uint32_t size)
{
        check("supports");
        return real_of(device)->supports(device, step, reason, size);
}

static void count_program(void)
{
        unsigned long long now = ADD(&programs, 1) + 1, peak = GET(&programs_peak);

        while (now > peak &&
               !atomic_compare_exchange_weak_explicit(&programs_peak, &peak, now,
                                                      memory_order_relaxed, memory_order_relaxed))
                continue;
}

static trib_status spied_compile(trib__device *device, const struct trib__compile_params *params,
                                 trib__program **out, struct trib__program_info *info,
                                 trib_error *err)
{
        struct trib__compile_params real = *params;
        trib__program              *spied = calloc(1, sizeof(*spied));
        trib_status                 status;

        check("compile");
        ADD(&counts[SPY_COMPILE], 1);
        *out = NULL;
        if (spied == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for the spy");
        if (params->donor != NULL) {
                if (GET(&params->donor->is_released) != 0)
                        broken("H28: the donor is released", "compile");
                real.donor = params->donor->program;
        }
        spied->real = real_of(device);
        status = spied->real->compile(device, &real, &spied->program, info, err);
        if (status != TRIB_OK) {
                free(spied);
                return status;
        }
        count_program();
        *out = spied;
        return status;
}

static void spied_release(trib__device *device, trib__program *program)
{
        check("release");
        if (program == NULL)
                return;
        ADD(&counts[SPY_RELEASE], 1);
        if (atomic_exchange_explicit(&program->is_released, 1, memory_order_relaxed) != 0)
                broken("H28: released twice", "release");
        for (int i = 0; i < MAX_QUEUES; i++) {
                trib__queue *queue = GET(&program->queues[i]);

                /* At the deadline 0 park says whether the launch may still be running; on a lost
                 * device it says that, and nothing runs. */
                if (queue != NULL && program->real->park(queue->queue, GET(&program->values[i]), 0,
                                                         NULL) == TRIB_TIMED_OUT)
                        broken("H28: a launch of the program is unfinished", "release");
        }
        ADD(&programs, (unsigned long long)-1);
        program->real->release(device, program->program);
        free(program);
}

static trib_status spied_queue_create(trib__device *device, uint32_t index, trib__queue **out,
                                      trib_error *err)
{
        trib__queue *spied = calloc(1, sizeof(*spied));
        trib_status  status;

        check("queue_create");
        ADD(&counts[SPY_QUEUE_CREATE], 1);
        *out = NULL;
        if (spied == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for the spy");
        spied->real = real_of(device);
        spied->index = index;
        status = spied->real->queue_create(device, index, &spied->queue, err);
        if (status == TRIB_OK)
                *out = spied;
        else
                free(spied);
        return status;
}

static void spied_queue_destroy(trib__queue *queue)
{
        check("queue_destroy");
        if (queue == NULL)
                return;
        queue->real->queue_destroy(queue->queue);
        free(queue);
}

static void check_value(trib__queue *queue, uint64_t value, const char *call)
{
        check(call);
        if (value <= queue->last)
                broken("H12: the value is not greater than the last of the queue", call);
        queue->last = value;
}

static trib_status spied_launch(trib__queue *queue, trib__program *program,
                                const struct trib__launch_args *args, uint64_t value,
                                trib_error *err)
{
        ADD(&counts[SPY_LAUNCH], 1);
        check_value(queue, value, "launch");
        if (GET(&program->is_released) != 0)
                broken("H28: the program is released", "launch");
        PUT(&program->values[queue->index], value);
        PUT(&program->queues[queue->index], queue);
        return queue->real->launch(queue->queue, program->program, args, value, err);
}

static trib_status spied_copy(trib__queue *queue, void *target, const void *source,
                              uint64_t bytes, uint64_t value, trib_error *err)
{
        ADD(&counts[SPY_COPY], 1);
        check_value(queue, value, "copy");
        return queue->real->copy(queue->queue, target, source, bytes, value, err);
}

static trib_status spied_wait_queue(trib__queue *queue, trib__queue *other, uint64_t value,
                                    trib_error *err)
{
        check("wait_queue");
        return queue->real->wait_queue(queue->queue, other->queue, value, err);
}

static uint64_t spied_completed(trib__queue *queue)
{
        unsigned long long before = GET(&queue->seen), now;

        ADD(&counts[SPY_COMPLETED], 1);
        now = queue->real->completed(queue->queue);
        if (now < before)
                broken("H13: the timeline went back", "completed");
        while (now > before &&
               !atomic_compare_exchange_weak_explicit(&queue->seen, &before, now,
                                                      memory_order_relaxed, memory_order_relaxed))
                continue;
        return now;
}

static trib_status spied_park(trib__queue *queue, uint64_t value, uint64_t deadline,
                              trib_error *err)
{
        trib_status status;

        check("park");
        ADD(&counts[SPY_PARK], 1);
        status = queue->real->park(queue->queue, value, deadline, err);
        if (status == TRIB_OK && queue->real->completed(queue->queue) < value)
                broken("H13: waited for, and not reached", "park");
        return status;
}

static trib_status spied_result(trib__queue *queue, uint64_t value, trib_error *err)
{
        check("result");
        ADD(&counts[SPY_RESULT], 1);
        return queue->real->result(queue->queue, value, err);
}

static trib_status spied_failure(trib__queue *queue, uint64_t since, uint64_t value,
                                 trib_error *err)
{
        check("failure");
        ADD(&counts[SPY_RESULT], 1);
        return queue->real->failure(queue->queue, since, value, err);
}

static trib_status spied_peaks(trib__device *device, uint32_t milliseconds,
                               struct trib__peaks *out, trib_error *err)
{
        check("peaks");
        return real_of(device)->peaks(device, milliseconds, out, err);
}

/* Set once, below, by whoever is first; only the first three slots differ. */
static struct trib__backend  spied[2];
static const struct trib__backend *const spied_list[] = { &spied[0], &spied[1], NULL };

static void fill(struct trib__backend *slots, const struct trib__backend *real,
                 trib_status (*open)(const char *, trib__device **, struct trib__device_caps *,
                                     trib_error *))
{
        *slots = (struct trib__backend){
                .size = real->size,
                .abi = real->abi,
                .prefix = real->prefix,
                .probe = real->probe,
                .open = open,
                .close = spied_close,
                .alloc = spied_alloc,
                .free = spied_free,
                .alloc_host = spied_alloc_host,
                .free_host = spied_free_host,
                .supports = spied_supports,
                .compile = spied_compile,
                .release = spied_release,
                .queue_create = spied_queue_create,
                .queue_destroy = spied_queue_destroy,
                .launch = spied_launch,
                .copy = spied_copy,
                .wait_queue = real->wait_queue != NULL ? spied_wait_queue : NULL,
                .completed = spied_completed,
                .park = spied_park,
                .result = spied_result,
                .failure = spied_failure,
                .peaks = spied_peaks,
        };
}

static void fill_all(void)
{
        fill(&spied[0], &trib__cpu_backend, open_cpu);
        fill(&spied[1], &trib__sim_backend, open_sim);
}

const struct trib__backend *const *trib__backends(void)
{
        static pthread_once_t once = PTHREAD_ONCE_INIT;

        (void)pthread_once(&once, fill_all);
        return spied_list;
}

trib_status trib__backend_find(const char *name, const struct trib__backend **out,
                               const char **which, trib_error *err)
{
        const struct trib__backend *const *backends = trib__backends();
        size_t                             length = strcspn(name, ":");

        for (uint32_t i = 0; backends[i] != NULL; i++) {
                if (strlen(backends[i]->prefix) == length &&
                    memcmp(backends[i]->prefix, name, length) == 0) {
                        *out = backends[i];
                        *which = name[length] == ':' && name[length + 1] != '\0'
                                         ? name + length + 1
                                         : "0";
                        return TRIB_OK;
                }
        }
        *out = NULL;
        return trib__fail(err, TRIB_NOT_FOUND,
                          "no device is named '%.64s': there are cpu:0 and sim:", name);
}
