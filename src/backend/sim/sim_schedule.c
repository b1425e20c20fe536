/* SPDX-License-Identifier: Apache-2.0 */
/* sim_schedule.c: the time model. Which events could run next and when, and what an event does.
 *
 * A queue runs its items in order, one piece at a time. A piece starts when its queue is ready
 * and a free unit is at hand: an executor for a step (and the serial unit, if the step is serial),
 * the copy engine for a copy. It ends its duration later. Among pieces that wait for a unit, the
 * one that has been ready for longest is first. All of it is under the device's mutex but the
 * computing itself, which sets queue->is_computing and gives the mutex back. */
#include <string.h>

#include "backend/ref_step.h"
#include "backend/sim/sim_priv.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/trace.h"

uint64_t trib__sim_add(uint64_t time, uint64_t duration)
{
        uint64_t sum;

        return __builtin_add_overflow(time, duration, &sum) ? UINT64_MAX : sum;
}

uint64_t trib__sim_clock_locked(trib__device *device)
{
        return device->options.is_scripted ? device->clock : trib__now();
}

static uint64_t later(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

/* The item has nothing to run: it ends as soon as it could start. */
static bool is_void(const struct trib__sim_item *item)
{
        return item->kind == TRIB__SIM_LAUNCH &&
               (item->status != TRIB_OK || item->program->n_steps == 0);
}

/* The executor that has been free for longest, or TRIB__SIM_NONE. */
static uint32_t find_executor_locked(trib__device *device) TRIB__REQUIRES(device->mutex)
{
        uint32_t found = TRIB__SIM_NONE;

        for (uint32_t i = 0; i < device->options.executors; i++) {
                const struct trib__sim_unit *unit = &device->executors[i];

                if (!unit->is_busy &&
                    (found == TRIB__SIM_NONE || unit->free_at < device->executors[found].free_at))
                        found = i;
        }
        return found;
}

/* When the head's next piece could start; false while a unit that it needs is busy. */
static bool find_start_locked(trib__device *device, const struct trib__sim_item *item,
                              uint64_t *time) TRIB__REQUIRES(device->mutex)
{
        uint32_t executor;

        if (item->kind == TRIB__SIM_COPY) {
                *time = later(*time, device->copier.free_at);
                return !device->copier.is_busy;
        }
        executor = find_executor_locked(device);
        if (executor == TRIB__SIM_NONE)
                return false;
        *time = later(*time, device->executors[executor].free_at);
        if (!item->program->costs[item->step].is_serial)
                return true;
        *time = later(*time, device->serial.free_at);
        return !device->serial.is_busy;
}

static bool find_event_locked(trib__device *device, trib__queue *queue,
                              struct trib__sim_candidate *out) TRIB__REQUIRES(device->mutex)
{
        const struct trib__sim_item *item = queue->head;

        if (item == NULL || item->kind == TRIB__SIM_WAIT || item->is_hung || queue->is_hung ||
            queue->is_computing)
                return false;
        out->queue = queue;
        out->work = item->work;
        out->ready = later(queue->ready, item->earliest);
        out->time = queue->is_running ? queue->end : out->ready;
        out->is_end = queue->is_running || is_void(item);
        return out->is_end || find_start_locked(device, item, &out->time);
}

/* Ends come before starts of the same time, so that what they free can be had. */
static bool is_before(const struct trib__sim_candidate *a, const struct trib__sim_candidate *b)
{
        if (a->time != b->time)
                return a->time < b->time;
        if (a->is_end != b->is_end)
                return a->is_end;
        if (a->ready != b->ready)
                return a->ready < b->ready;
        return a->work < b->work;
}

uint32_t trib__sim_candidates_locked(trib__device *device, struct trib__sim_candidate *out)
{
        uint32_t count = 0;

        if (trib__sim_is_lost(device))
                return 0;
        for (uint32_t i = 0; i < device->n_queues; i++) {
                struct trib__sim_candidate found;
                uint32_t                   at = count;

                if (!find_event_locked(device, device->queues[i], &found))
                        continue;
                for (; at > 0 && is_before(&found, &out[at - 1]); at--)
                        out[at] = out[at - 1];
                out[at] = found;
                count++;
        }
        return count;
}

void trib__sim_describe(const struct trib__sim_candidate *candidate, struct trib__sim_event *out)
{
        const struct trib__sim_item *item = candidate->queue->head;
        bool                         has_step = item->kind == TRIB__SIM_LAUNCH &&
                        (candidate->queue->is_running || !is_void(item));

        out->kind = candidate->is_end ? TRIB__SIM_END : TRIB__SIM_START;
        out->queue = candidate->queue->index;
        out->time = candidate->time;
        out->work = item->work;
        out->value = item->value;
        out->step = has_step ? item->step : TRIB__SIM_NO_STEP;
}

static void compute(struct trib__sim_item *item)
{
        const struct trib__step *step;
        const void              *inputs[TRIB__MAX_STEP_INPUTS];
        trib_error               err = TRIB_ERROR_INIT;

        TRIB__ASSERT_NO_LOCK();
        if (item->kind == TRIB__SIM_COPY) {
                memcpy(item->shadow, item->source, item->bytes);
                return;
        }
        step = &item->program->plan->steps[item->step];
        for (uint32_t i = 0; i < step->n_inputs; i++)
                inputs[i] = trib__operand_address(&step->inputs[i], &item->args,
                                                  item->program->constants);
        item->status = trib__ref_step_run(step, inputs, item->shadow, &err);
        memcpy(item->message, err.message, sizeof(item->message));
}

/* Put the piece's output in its place. */
static void write_out(struct trib__sim_item *item)
{
        void                    *target = item->target;
        uint64_t                 bytes = item->bytes;
        bool                     is_last = true;
        const struct trib__step *step;

        TRIB__ASSERT_NO_LOCK();
        if (item->kind == TRIB__SIM_LAUNCH) {
                step = &item->program->plan->steps[item->step];
                is_last = item->step + 1 == item->program->n_steps;
                bytes = step->output.bytes;
                target = (void *)(uintptr_t)trib__operand_address(&step->output, &item->args,
                                                                  NULL);
        }
        if (item->is_flipped && is_last && bytes != 0) {
                uint64_t at = item->flip_bit / 8 % bytes;
                uint8_t *byte = (uint8_t *)item->shadow + at;

                *byte = (uint8_t)(*byte ^ 1u << item->flip_bit % 8);
        }
        if (bytes != 0)
                memcpy(target, item->shadow, bytes);
}

static bool is_computed(const trib__device *device, const struct trib__sim_item *item)
{
        return item->kind == TRIB__SIM_COPY ? item->bytes != 0 : device->options.is_computed;
}

/* Do a part of the head's work without the mutex. */
static void work_unlocked(trib__device *device, trib__queue *queue,
                          void (*part)(struct trib__sim_item *)) TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item *item = queue->head;

        queue->is_computing = true;
        trib__unlock(&device->mutex);
        part(item);
        trib__lock(&device->mutex);
        queue->is_computing = false;
        trib__broadcast(&device->idle);
}

static void start_locked(trib__device *device, trib__queue *queue, uint64_t time)
        TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item *item = queue->head;
        uint64_t               duration;

        if (item->kind == TRIB__SIM_COPY) {
                duration = trib__sim_duration((double)item->bytes,
                                              device->options.copy_bandwidth);
                device->copier.is_busy = true;
        } else {
                duration = item->program->costs[item->step].ns;
                queue->executor = find_executor_locked(device);
                TRIB__ASSERT(queue->executor != TRIB__SIM_NONE);
                device->executors[queue->executor].is_busy = true;
                if (item->program->costs[item->step].is_serial) {
                        TRIB__ASSERT(!device->serial.is_busy);
                        device->serial.is_busy = true;
                        queue->has_serial = true;
                }
        }
        queue->is_running = true;
        queue->end = trib__sim_add(time, duration);
        if (is_computed(device, item))
                work_unlocked(device, queue, compute);
}

void trib__sim_vacate_locked(trib__device *device, trib__queue *queue, uint64_t time)
{
        struct trib__sim_unit freed = { false, time };

        if (!queue->is_running)
                return;
        queue->is_running = false;
        if (queue->executor == TRIB__SIM_NONE)
                device->copier = freed;
        else
                device->executors[queue->executor] = freed;
        queue->executor = TRIB__SIM_NONE;
        if (queue->has_serial)
                device->serial = freed;
        queue->has_serial = false;
}

static void pop_locked(trib__device *device, trib__queue *queue) TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item *item = queue->head;

        (void)device;
        queue->head = item->next;
        if (queue->head == NULL)
                queue->tail = NULL;
        item->next = NULL;
        /* AcqRel: who takes it sees it as it was left; pairs with the exchange in take_spare. */
        item = trib__exchange_acqrel_ptr(&queue->handy, item);
        if (item == NULL)
                return;
        item->next = queue->spare;
        queue->spare = item;
}

void trib__sim_settle_locked(trib__device *device, trib__queue *queue)
{
        while (queue->head != NULL && queue->head->kind == TRIB__SIM_WAIT &&
               queue->head->other == NULL && !queue->is_hung) {
                queue->ready = later(queue->ready, queue->head->earliest);
                pop_locked(device, queue);
        }
}

bool trib__sim_is_lost(const trib__device *device)
{
        /* SeqCst: pairs with the steps of trib__sim_lose: mark, then wake. */
        return trib__load_seqcst_u32(&device->lost) != 0;
}

void trib__sim_wake(trib__queue *queue)
{
        trib__word_wake(&queue->raises, UINT32_MAX >> 1);
}

bool trib__sim_raise_locked(trib__device *device, trib__queue *queue, uint64_t value,
                            uint64_t time)
{
        bool is_awaited;

        TRIB__TRACE(COMPLETED, queue, value);
        /* SeqCst: release pairs with the acquire in trib__sim_completed, so that whoever sees the
         * value sees the outputs; and with the load below it pairs with trib__sim_park: either we
         * see that somebody waits, or they see the value. */
        trib__store_seqcst_u64(&queue->timeline, value);
        is_awaited = trib__load_seqcst_u32(&queue->parked) > 0;
        /* SeqCst: behind the timeline; pairs with the load in trib__sim_park. */
        if (is_awaited)
                (void)trib__fetch_add_seqcst_u32(&queue->raises, 1);
        for (uint32_t i = 0; i < device->n_queues; i++) {
                struct trib__sim_item *item = device->queues[i]->head;

                for (; item != NULL; item = item->next) {
                        if (item->kind == TRIB__SIM_WAIT && item->other == queue &&
                            item->until <= value) {
                                item->other = NULL;
                                item->earliest = later(item->earliest, time);
                        }
                }
                trib__sim_settle_locked(device, device->queues[i]);
        }
        return is_awaited;
}

void trib__sim_record_locked(trib__device *device, trib__queue *queue, uint64_t value,
                             trib_status status, const char *message)
{
        /* Relaxed: under the mutex; published by the raise that follows. */
        uint32_t        n = trib__fetch_add_relaxed_u32(&queue->n_failures, 1);
        struct failure *failure = &queue->failures[n % TRIB__SIM_MAX_FAILURES];

        (void)device;
        failure->value = value;
        failure->status = status;
        failure->is_told = false;
        memcpy(failure->message, message, sizeof(failure->message));
}

static void end_locked(trib__device *device, trib__queue *queue, uint64_t time)
        TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item *item = queue->head;
        uint64_t               raise_to;

        if (queue->is_running && item->status == TRIB_OK && is_computed(device, item)) {
                work_unlocked(device, queue, write_out);
                if (trib__sim_is_lost(device))
                        return;
        }
        trib__sim_vacate_locked(device, queue, time);
        queue->ready = time;
        if (item->kind == TRIB__SIM_LAUNCH && item->status == TRIB_OK &&
            item->step + 1 < item->program->n_steps) {
                item->step++;
                return;
        }
        if (item->status != TRIB_OK)
                trib__sim_record_locked(device, queue, item->value, item->status, item->message);
        queue->done = item->value;
        raise_to = item->raise_to;
        pop_locked(device, queue);
        if (trib__sim_raise_locked(device, queue, raise_to, time))
                device->raised = queue;
}

void trib__sim_run_locked(trib__device *device, const struct trib__sim_candidate *candidate)
{
        device->clock = later(device->clock, candidate->time);
        if (candidate->is_end)
                end_locked(device, candidate->queue, candidate->time);
        else
                start_locked(device, candidate->queue, candidate->time);
}
