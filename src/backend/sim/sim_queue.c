/* SPDX-License-Identifier: Apache-2.0 */
/* sim_queue.c: queues, submission, waiting and results. Submission makes its item without the
 * mutex (a spare one if there is, so that a steady queue allocates nothing), then enters it. */
#include <string.h>

#include "backend/sim/sim_priv.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/trace.h"

trib_status trib__sim_queue_create(trib__device *device, uint32_t index, trib__queue **out,
                                   trib_error *err)
{
        trib__queue *queue;
        trib_status  status = TRIB_OK;

        *out = NULL;
        if (index >= TRIB__SIM_MAX_QUEUES)
                return trib__fail(err, TRIB_INVALID_ARGUMENT,
                                  "queue index is %u, must be below %d", index,
                                  TRIB__SIM_MAX_QUEUES);
        if (TRIB__FAULT(DEVICE, "sim.queue_create"))
                return trib__fail(err, TRIB_DEVICE_ERROR, "queue %u could not be made", index);
        queue = trib__aligned("sim.queue", TRIB__CACHE_LINE, sizeof(*queue));
        if (queue == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY, "no memory for queue %u", index);
        memset(queue, 0, sizeof(*queue));
        queue->device = device;
        queue->index = index;
        queue->executor = TRIB__SIM_NONE;
        trib__lock(&device->mutex);
        if (device->n_queues == TRIB__SIM_MAX_QUEUES)
                status = trib__fail(err, TRIB_NO_STREAM, "the simulated device has %d queues",
                                    TRIB__SIM_MAX_QUEUES);
        else if (trib__sim_is_lost(device))
                status = trib__fail(err, TRIB_DEVICE_LOST, "the simulated device is lost");
        else
                device->queues[device->n_queues++] = queue;
        trib__unlock(&device->mutex);
        if (status == TRIB_OK)
                *out = queue;
        else
                trib__free(queue);
        return status;
}

static void free_item(struct trib__sim_item *item)
{
        if (item != NULL)
                trib__free(item->shadow);
        trib__free(item);
}

static void free_items(struct trib__sim_item *item)
{
        while (item != NULL) {
                struct trib__sim_item *next = item->next;

                free_item(item);
                item = next;
        }
}

static void remove_queue_locked(trib__device *device, trib__queue *queue)
        TRIB__REQUIRES(device->mutex)
{
        uint32_t at = 0;

        while (queue->is_computing)
                (void)trib__cond_wait(&device->idle, &device->mutex, TRIB__NEVER);
        trib__sim_vacate_locked(device, queue, trib__sim_clock_locked(device));
        while (device->queues[at] != queue)
                at++;
        device->n_queues--;
        for (; at < device->n_queues; at++)
                device->queues[at] = device->queues[at + 1];
        /* Nobody waits for ever for a queue that is gone. */
        if (trib__sim_raise_locked(device, queue, UINT64_MAX, trib__sim_clock_locked(device)))
                trib__sim_wake(queue);
        trib__signal(&device->work);
}

void trib__sim_queue_destroy(trib__queue *queue)
{
        trib__device *device;

        if (queue == NULL)
                return;
        device = queue->device;
        trib__lock(&device->mutex);
        remove_queue_locked(device, queue);
        trib__unlock(&device->mutex);
        free_items(queue->head);
        free_items(queue->untold);
        free_items(queue->spare);
        /* Relaxed: nobody else has the queue any more. */
        free_item(trib__load_relaxed_ptr(&queue->handy));
        trib__free(queue);
}

/* So that an item of a copy can be used again for most launches. */
#define LEAST_ADDRESSES 8

static struct trib__sim_item *take_spare(trib__queue *queue)
{
        trib__device          *device = queue->device;
        struct trib__sim_item *item;

        /* AcqRel: pairs with the exchange where items end: their last use is over. */
        item = trib__exchange_acqrel_ptr(&queue->handy, NULL);
        if (item != NULL)
                return item;
        trib__lock(&device->mutex);
        item = queue->spare;
        if (item != NULL)
                queue->spare = item->next;
        trib__unlock(&device->mutex);
        return item;
}

/* An item with room for so many addresses and so large an output; NULL when memory is short. */
static struct trib__sim_item *make_item(trib__queue *queue, uint32_t addresses, uint64_t shadow)
{
        struct trib__sim_item *item = take_spare(queue);
        size_t                 bytes;

        if (addresses < LEAST_ADDRESSES)
                addresses = LEAST_ADDRESSES;
        if (item != NULL && item->table_capacity < addresses) {
                free_item(item);
                item = NULL;
        }
        if (item == NULL) {
                if (__builtin_mul_overflow(addresses, sizeof(void *), &bytes) ||
                    __builtin_add_overflow(bytes, sizeof(*item), &bytes))
                        return NULL;
                item = trib__calloc("sim.item", 1, bytes);
                if (item == NULL)
                        return NULL;
                item->table_capacity = addresses;
        }
        if (item->shadow_capacity < shadow) {
                trib__free(item->shadow);
                item->shadow_capacity = 0;
                item->shadow = trib__aligned("sim.shadow", TRIB__SLAB_ALIGNMENT, shadow);
                if (item->shadow == NULL) {
                        free_item(item);
                        return NULL;
                }
                item->shadow_capacity = shadow;
        }
        item->next = NULL;
        item->is_hung = false;
        item->is_flipped = false;
        item->status = TRIB_OK;
        item->step = 0;
        item->is_timed = false;
        item->stage = queue->device->options.is_transferred ? TRIB__SIM_INPUTS : TRIB__SIM_STEPS;
        memset(&item->times, 0, sizeof(item->times));
        return item;
}

static void fail_item(const trib__queue *queue, struct trib__sim_item *item)
{
        trib_error err = TRIB_ERROR_INIT;

        item->status = trib__fail(&err, TRIB_DEVICE_ERROR,
                                  "queue %u: the simulated device failed work %llu as it was told "
                                  "to", queue->index, (unsigned long long)item->work);
        memcpy(item->message, err.message, sizeof(item->message));
}

static void apply_faults_locked(trib__device *device, const trib__queue *queue,
                                struct trib__sim_item *item)
        TRIB__REQUIRES(device->mutex)
{
        const struct trib__sim_options *options = &device->options;

        item->earliest = trib__sim_add(item->earliest, options->delay_ns);
        if (item->work == options->fail_at ||
            (options->fail_every != 0 && item->work % options->fail_every == 0) ||
            TRIB__FAULT(DEVICE, "sim.work"))
                fail_item(queue, item);
        if (item->work == options->hang_at)
                item->is_hung = true;
        for (uint32_t i = 0; i < TRIB__SIM_MAX_FAULTS; i++) {
                struct trib__sim_arranged *fault = &device->arranged[i];

                if (fault->work != item->work)
                        continue;
                fault->work = 0;
                if (fault->kind == TRIB__SIM_FAULT_FAIL) {
                        fail_item(queue, item);
                } else if (fault->kind == TRIB__SIM_FAULT_HANG) {
                        item->is_hung = true;
                } else if (fault->kind == TRIB__SIM_FAULT_DELAY) {
                        item->earliest = trib__sim_add(item->earliest, fault->amount);
                } else {
                        item->is_flipped = true;
                        item->flip_bit = fault->amount;
                }
        }
}

static void append_locked(trib__device *device, trib__queue *queue, struct trib__sim_item *item)
        TRIB__REQUIRES(device->mutex)
{
        (void)device;
        if (queue->tail != NULL)
                queue->tail->next = item;
        else
                queue->head = item;
        queue->tail = item;
}

/* The simulated core that is free first. */
static uint64_t *first_core_locked(trib__device *device) TRIB__REQUIRES(device->mutex)
{
        uint64_t *first = &device->core_free[0];

        for (uint32_t i = 1; i < device->options.host_cores; i++) {
                if (device->core_free[i] < *first)
                        first = &device->core_free[i];
        }
        return first;
}

static uint64_t latest(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/* What a submission that begins now goes through on the host: a core does its work, then it holds
 * the driver's lock. Both are had in order of arrival. Returns when that is over. */
static uint64_t pass_host_locked(trib__device *device, struct trib__sim_item *item, uint64_t now)
        TRIB__REQUIRES(device->mutex)
{
        const struct trib__sim_options *options = &device->options;
        struct trib__sim_times         *times = &item->times;
        uint64_t                        at = now, start;

        if (item->kind == TRIB__SIM_LAUNCH && options->host_ns != 0) {
                uint64_t *core = first_core_locked(device);

                start = options->host_cores != 0 ? latest(at, *core) : at;
                times->descheduled = start - at;
                times->host = options->host_ns;
                at = *core = trib__sim_add(start, options->host_ns);
        }
        if (options->lock_ns != 0) {
                start = latest(at, device->lock_free);
                times->lock = start - at;
                times->lock_held = options->lock_ns;
                at = device->lock_free = trib__sim_add(start, options->lock_ns);
        }
        return at;
}

static void enter_locked(trib__device *device, trib__queue *queue, struct trib__sim_item *item,
                         uint64_t value) TRIB__REQUIRES(device->mutex)
{
        item->work = ++device->works;
        item->value = value;
        item->raise_to = value;
        item->earliest = pass_host_locked(device, item, trib__sim_clock_locked(device));
        item->times.called = item->earliest;
        if (item->kind == TRIB__SIM_LAUNCH) {
                device->submission_free = trib__sim_add(latest(device->submission_free,
                                                               item->earliest),
                                                        device->options.launch_ns);
                item->earliest = device->submission_free;
                item->times.submission_held = device->options.launch_ns;
        }
        item->times.submitted = item->earliest;
        apply_faults_locked(device, queue, item);
        append_locked(device, queue, item);
        trib__signal(&device->work);
}

/* A value behind the works that have ended and are untold: reached now, told with the last. */
static struct trib__sim_item *reach_untold_locked(trib__device *device, trib__queue *queue,
                                                  uint64_t value) TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item *last = queue->untold;

        while (last->next != NULL)
                last = last->next;
        trib__sim_reach_locked(device, queue, value, trib__sim_clock_locked(device));
        return last;
}

/* A work that was refused: its value is reached with the work before it, or now. On a lost device
 * nothing before it will ever end or touch memory, so that is now, too. */
static void refuse_locked(trib__device *device, trib__queue *queue, uint64_t value,
                          const trib_error *err) TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item *last = NULL;

        trib__sim_record_locked(device, queue, value, err->status, err->message);
        /* Relaxed: written under the mutex. */
        queue->failures[(trib__load_relaxed_u32(&queue->n_failures) - 1) % TRIB__SIM_MAX_FAILURES]
                .is_told = true;
        for (struct trib__sim_item *item = queue->head; item != NULL; item = item->next) {
                if (item->kind != TRIB__SIM_WAIT && !trib__sim_is_lost(device))
                        last = item;
        }
        if (last == NULL && queue->untold != NULL)
                last = reach_untold_locked(device, queue, value);
        if (last != NULL)
                last->raise_to = value;
        else if (trib__sim_raise_locked(device, queue, value, trib__sim_clock_locked(device)))
                trib__sim_wake(queue);
        trib__signal(&device->work);
}

/* The caller's own part of a submission takes until `time`, on a real clock. */
static void sleep_until(uint64_t time)
{
        trib__atomic_u32 nobody_wakes = { 0 };

        while (trib__now() < time)
                (void)trib__word_wait(&nobody_wakes, 0, time);
}

/* Enter an item, or refuse the work with `failed` (or because the device is lost). */
static trib_status submit(trib__queue *queue, struct trib__sim_item *item, uint64_t value,
                          trib_error *failed)
{
        trib__device *device = queue->device;
        uint64_t      resume_at = 0;

        TRIB__TRACE(LAUNCHED, queue, value);
        trib__lock(&device->mutex);
        if (trib__sim_is_lost(device))
                (void)trib__fail(failed, TRIB_DEVICE_LOST, "the simulated device is lost");
        if (failed->status == TRIB_OK) {
                enter_locked(device, queue, item, value);
                resume_at = device->options.is_scripted ? 0 : item->times.called;
        } else {
                refuse_locked(device, queue, value, failed);
        }
        trib__unlock(&device->mutex);
        sleep_until(resume_at);
        if (failed->status != TRIB_OK)
                free_item(item);
        return failed->status;
}

/* submit, and give the caller the reason of a refusal. */
static trib_status submit_and_tell(trib__queue *queue, struct trib__sim_item *item,
                                   uint64_t value, trib_error *failed, trib_error *err)
{
        if (submit(queue, item, value, failed) == TRIB_OK)
                return TRIB_OK;
        return trib__fail(err, failed->status, "%s", failed->message);
}

trib_status trib__sim_launch(trib__queue *queue, trib__program *program,
                             const struct trib__launch_args *args, uint64_t value,
                             trib_error *err)
{
        const struct trib__plan *plan = program->plan;
        uint32_t                 addresses = plan->n_inputs + plan->n_outputs;
        trib_error               failed = TRIB_ERROR_INIT;
        struct trib__sim_item   *item = NULL;

        if (TRIB__FAULT(DEVICE, "sim.launch"))
                (void)trib__fail(&failed, TRIB_DEVICE_ERROR, "queue %u: launch %llu was refused",
                                 queue->index, (unsigned long long)value);
        else if ((item = make_item(queue, addresses, program->shadow_bytes)) == NULL)
                (void)trib__fail(&failed, TRIB_OUT_OF_MEMORY, "queue %u: no memory for launch %llu",
                                 queue->index, (unsigned long long)value);
        if (item != NULL) {
                item->kind = TRIB__SIM_LAUNCH;
                item->program = program;
                item->args = *args;
                item->is_timed = args->is_timed;
                item->args.inputs = (const void *const *)item->table;
                item->args.outputs = item->table + plan->n_inputs;
                for (uint32_t i = 0; i < plan->n_inputs; i++)
                        item->table[i] = (void *)(uintptr_t)args->inputs[i];
                for (uint32_t i = 0; i < plan->n_outputs; i++)
                        item->table[plan->n_inputs + i] = args->outputs[i];
        }
        return submit_and_tell(queue, item, value, &failed, err);
}

trib_status trib__sim_copy(trib__queue *queue, void *target, const void *source, uint64_t bytes,
                           uint64_t value, trib_error *err)
{
        trib_error             failed = TRIB_ERROR_INIT;
        struct trib__sim_item *item = NULL;

        if (TRIB__FAULT(DEVICE, "sim.copy"))
                (void)trib__fail(&failed, TRIB_DEVICE_ERROR,
                                 "queue %u: copy %llu of %llu bytes was refused", queue->index,
                                 (unsigned long long)value, (unsigned long long)bytes);
        else if ((item = make_item(queue, 0, bytes)) == NULL)
                (void)trib__fail(&failed, TRIB_OUT_OF_MEMORY,
                                 "queue %u: no memory for copy %llu of %llu bytes", queue->index,
                                 (unsigned long long)value, (unsigned long long)bytes);
        if (item != NULL) {
                item->kind = TRIB__SIM_COPY;
                item->target = target;
                item->source = source;
                item->bytes = bytes;
        }
        return submit_and_tell(queue, item, value, &failed, err);
}

trib_status trib__sim_wait_queue(trib__queue *queue, trib__queue *other, uint64_t value,
                                 trib_error *err)
{
        trib__device          *device = queue->device;
        struct trib__sim_item *item;
        bool                   is_lost;

        if (queue == other || trib__sim_completed(other) >= value)
                return TRIB_OK;
        if (TRIB__FAULT(DEVICE, "sim.wait_queue"))
                return trib__fail(err, TRIB_DEVICE_ERROR,
                                  "queue %u: the wait for queue %u to reach %llu was refused",
                                  queue->index, other->index, (unsigned long long)value);
        item = make_item(queue, 0, 0);
        if (item == NULL)
                return trib__fail(err, TRIB_OUT_OF_MEMORY,
                                  "queue %u: no memory to wait for queue %u", queue->index,
                                  other->index);
        item->kind = TRIB__SIM_WAIT;
        item->other = other;
        item->until = value;
        trib__lock(&device->mutex);
        item->earliest = trib__sim_clock_locked(device);
        if (other->reached >= value)
                item->other = NULL;
        is_lost = trib__sim_is_lost(device);
        append_locked(device, queue, item);
        trib__sim_settle_locked(device, queue);
        trib__unlock(&device->mutex);
        if (is_lost)
                return trib__fail(err, TRIB_DEVICE_LOST, "the simulated device is lost");
        return TRIB_OK;
}

uint64_t trib__sim_completed(trib__queue *queue)
{
        /* Acquire: pairs with the release in trib__sim_raise_locked. */
        return trib__load_acquire_u64(&queue->timeline);
}

trib_status trib__sim_park(trib__queue *queue, uint64_t value, uint64_t deadline,
                           trib_error *err)
{
        trib_status status = TRIB_OK;
        bool        is_late = false;

        if (trib__sim_completed(queue) >= value)
                return TRIB_OK;
        /* SeqCst: this step, then the look at the timeline; pairs with trib__sim_raise_locked. */
        (void)trib__fetch_add_seqcst_u32(&queue->parked, 1);
        for (;;) {
                /* SeqCst: read before what is looked for; pairs with trib__sim_raise_locked. */
                uint32_t seen = trib__load_seqcst_u32(&queue->raises);

                /* SeqCst: acquire as in trib__sim_completed; the order as above. */
                if (trib__load_seqcst_u64(&queue->timeline) >= value)
                        break;
                if (trib__sim_is_lost(queue->device)) {
                        status = trib__fail(err, TRIB_DEVICE_LOST,
                                            "the simulated device is lost");
                        break;
                }
                if (is_late) {
                        status = trib__fail(err, TRIB_TIMED_OUT,
                                            "queue %u of the simulated device is at %llu and did "
                                            "not reach %llu in time",
                                            queue->index,
                                            (unsigned long long)trib__sim_completed(queue),
                                            (unsigned long long)value);
                        break;
                }
                is_late = !trib__word_wait(&queue->raises, seen, deadline);
        }
        /* Release: the queue is not looked at any more; a count that is still too high costs
         * whoever raises one wake. */
        (void)trib__fetch_sub_release_u32(&queue->parked, 1);
        return status;
}

trib_status trib__sim_result(trib__queue *queue, uint64_t value, trib_error *err)
{
        trib__device *device = queue->device;
        trib_status   status = TRIB_OK;
        uint32_t      kept;

        /* Relaxed: behind the acquire in trib__sim_completed, so that a failure of this value,
         * recorded before its raise, is counted here. */
        if (trib__sim_completed(queue) >= value &&
            trib__load_relaxed_u32(&queue->n_failures) == 0)
                return TRIB_OK;
        trib__lock(&device->mutex);
        /* Relaxed: written under the mutex. */
        kept = trib__load_relaxed_u32(&queue->n_failures);
        if (kept > TRIB__SIM_MAX_FAILURES)
                kept = TRIB__SIM_MAX_FAILURES;
        for (uint32_t i = 0; i < kept; i++) {
                if (queue->failures[i].value == value)
                        status = trib__fail(err, queue->failures[i].status, "%s",
                                            queue->failures[i].message);
        }
        if (status == TRIB_OK && trib__sim_is_lost(device) && queue->done < value)
                status = trib__fail(err, TRIB_DEVICE_LOST, "the simulated device is lost");
        else if (status == TRIB_OK && trib__sim_completed(queue) < value)
                status = trib__fail(err, TRIB_PENDING, "the work is not finished yet");
        trib__unlock(&device->mutex);
        return status;
}

trib_status trib__sim_failure(trib__queue *queue, uint64_t since, uint64_t value,
                              trib_error *err)
{
        trib__device         *device = queue->device;
        const struct failure *first = NULL;
        trib_status           status = TRIB_OK;
        uint32_t              kept;

        trib__lock(&device->mutex);
        /* Relaxed: written under the mutex. */
        kept = trib__load_relaxed_u32(&queue->n_failures);
        if (kept > TRIB__SIM_MAX_FAILURES)
                kept = TRIB__SIM_MAX_FAILURES;
        for (uint32_t i = 0; i < kept; i++) {
                const struct failure *failure = &queue->failures[i];

                if (!failure->is_told && failure->value > since && failure->value <= value &&
                    (first == NULL || failure->value < first->value))
                        first = failure;
        }
        if (first != NULL)
                status = trib__fail(err, first->status, "%s", first->message);
        else if (trib__sim_is_lost(device) && queue->done < value && since < value)
                status = trib__fail(err, TRIB_DEVICE_LOST, "the simulated device is lost");
        trib__unlock(&device->mutex);
        return status;
}
