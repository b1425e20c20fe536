/* SPDX-License-Identifier: Apache-2.0 */
/* sim_schedule.c: the time model. Which events could run next and when, and what an event does.
 *
 * A queue runs its items in order, one piece at a time. A piece starts when its queue is ready
 * and a free unit is at hand: an executor for a step (and the serial unit, if the step is serial),
 * the copy engine for a copy or a transfer. It ends its duration later. Among pieces that wait for
 * a unit, the one that has been ready for longest is first. All of it is under the device's mutex
 * but the computing itself, which sets queue->is_computing and gives the mutex back. */
#include <string.h>

#include "backend/ref_step.h"
#include "backend/sim/sim_priv.h"
#include "base/alloc.h"
#include "base/assert.h"
#include "base/clock.h"
#include "base/error.h"

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
               (item->status != TRIB_OK ||
                (item->stage == TRIB__SIM_STEPS && item->program->n_steps == 0));
}

/* The piece that comes next, or runs, is a step. */
static bool is_step(const struct trib__sim_item *item)
{
        return item->kind == TRIB__SIM_LAUNCH && item->stage == TRIB__SIM_STEPS;
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

        if (!is_step(item)) {
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
        out->is_notice = false;
        out->work = item->work;
        out->ready = later(queue->ready, item->earliest);
        out->time = queue->is_running ? queue->end : out->ready;
        out->is_end = queue->is_running || is_void(item);
        return out->is_end || find_start_locked(device, item, &out->time);
}

static bool find_notice(trib__queue *queue, struct trib__sim_candidate *out)
{
        const struct trib__sim_item *item = queue->untold;

        if (item == NULL)
                return false;
        *out = (struct trib__sim_candidate){ queue, true, true, item->told_at, item->told_at,
                                             item->work };
        return true;
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

/* Add one to `count` candidates that are in order. */
static void insert(struct trib__sim_candidate *out, uint32_t count,
                   const struct trib__sim_candidate *found)
{
        for (; count > 0 && is_before(found, &out[count - 1]); count--)
                out[count] = out[count - 1];
        out[count] = *found;
}

uint32_t trib__sim_candidates_locked(trib__device *device, struct trib__sim_candidate *out)
{
        uint32_t count = 0;

        if (trib__sim_is_lost(device))
                return 0;
        for (uint32_t i = 0; i < device->n_queues; i++) {
                struct trib__sim_candidate found;

                if (find_event_locked(device, device->queues[i], &found))
                        insert(out, count++, &found);
                if (find_notice(device->queues[i], &found))
                        insert(out, count++, &found);
        }
        return count;
}

void trib__sim_describe(const struct trib__sim_candidate *candidate, struct trib__sim_event *out)
{
        const struct trib__sim_item *item = candidate->is_notice ? candidate->queue->untold
                                                                 : candidate->queue->head;
        bool                         has_step = !candidate->is_notice && is_step(item) &&
                        (candidate->queue->is_running || !is_void(item));

        out->kind = candidate->is_end ? TRIB__SIM_END : TRIB__SIM_START;
        if (candidate->is_notice)
                out->kind = TRIB__SIM_NOTICE;
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
        return item->kind == TRIB__SIM_COPY ? item->bytes != 0
                                            : is_step(item) && device->options.is_computed;
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

static uint64_t copying_ns(const trib__device *device, const struct trib__sim_item *item)
{
        if (item->kind == TRIB__SIM_COPY)
                return trib__sim_duration((double)item->bytes, device->options.copy_bandwidth);
        return item->stage == TRIB__SIM_INPUTS ? item->program->in_ns : item->program->out_ns;
}

/* Put the head's copy or transfer on the copy engine. */
static void start_copying_locked(trib__device *device, trib__queue *queue, uint64_t time)
        TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item *item = queue->head;
        uint64_t               duration = copying_ns(device, item);

        device->copier.is_busy = true;
        item->times.copy += trib__sim_add(time - later(queue->ready, item->earliest), duration);
        item->times.copy_held += duration;
        queue->end = trib__sim_add(time, duration);
}

/* Put the head's next step on an executor. */
static void start_step_locked(trib__device *device, trib__queue *queue, uint64_t time)
        TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item  *item = queue->head;
        const struct step_cost *cost = &item->program->costs[item->step];
        uint64_t                ready = later(queue->ready, item->earliest);

        queue->executor = find_executor_locked(device);
        TRIB__ASSERT(queue->executor != TRIB__SIM_NONE);
        device->executors[queue->executor].is_busy = true;
        if (cost->is_serial) {
                TRIB__ASSERT(!device->serial.is_busy);
                device->serial.is_busy = true;
                queue->has_serial = true;
                /* Until the unit was free it waited for that, then for an executor. */
                if (device->serial.free_at > ready)
                        item->times.serial += device->serial.free_at - ready;
        }
        queue->end = trib__sim_add(time, cost->ns);
        if (device->options.total_bandwidth > 0) {
                trib__sim_flow_locked(device, time);
                queue->bytes_left = cost->bytes;
                queue->computed_at = trib__sim_add(time, cost->computing_ns);
        }
}

static void start_locked(trib__device *device, trib__queue *queue, uint64_t time)
        TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item *item = queue->head;
        bool                   is_flowing = is_step(item) && device->options.total_bandwidth > 0;

        if (item->times.started == 0)
                item->times.started = time;
        queue->began = time;
        if (is_step(item))
                start_step_locked(device, queue, time);
        else
                start_copying_locked(device, queue, time);
        queue->is_running = true;
        if (is_flowing)
                trib__sim_flow_plan_locked(device);
        if (is_computed(device, item))
                work_unlocked(device, queue, compute);
}

void trib__sim_vacate_locked(trib__device *device, trib__queue *queue, uint64_t time)
{
        struct trib__sim_unit freed = { false, time };
        bool                  is_flowing = device->options.total_bandwidth > 0;

        if (!queue->is_running)
                return;
        if (is_flowing)
                trib__sim_flow_locked(device, time);
        queue->is_running = false;
        queue->bytes_left = 0;
        if (is_flowing)
                trib__sim_flow_plan_locked(device);
        if (queue->executor == TRIB__SIM_NONE)
                device->copier = freed;
        else
                device->executors[queue->executor] = freed;
        queue->executor = TRIB__SIM_NONE;
        if (queue->has_serial)
                device->serial = freed;
        queue->has_serial = false;
}

static struct trib__sim_item *pop_locked(trib__device *device, trib__queue *queue)
        TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item *item = queue->head;

        (void)device;
        queue->head = item->next;
        if (queue->head == NULL)
                queue->tail = NULL;
        item->next = NULL;
        return item;
}

void trib__sim_settle_locked(trib__device *device, trib__queue *queue)
{
        while (queue->head != NULL && queue->head->kind == TRIB__SIM_WAIT &&
               queue->head->other == NULL && !queue->is_hung) {
                queue->ready = later(queue->ready, queue->head->earliest);
                trib__sim_reuse_locked(device, queue, pop_locked(device, queue));
        }
}

bool trib__sim_is_lost(const trib__device *device)
{
        /* SeqCst: pairs with the steps of trib__sim_lose: mark, then wake. */
        return trib__load_seqcst_u32(&device->lost) != 0;
}

void trib__sim_reach_locked(trib__device *device, trib__queue *queue, uint64_t value,
                            uint64_t time)
{
        queue->reached = value;
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
}

void trib__sim_finish_locked(trib__device *device, trib__queue *queue, uint64_t time)
{
        struct trib__sim_item  *item = pop_locked(device, queue);
        struct trib__sim_item **last = &queue->untold;

        queue->done = item->value;
        /* Where the reference kernels take longer than the model says, the device is late. */
        item->times.ended = time;
        if (device->options.is_computed && !device->options.is_scripted) {
                item->times.ended = later(time, trib__now());
                item->times.device += item->times.ended - time;
        }
        item->told_at = trib__sim_add(item->times.ended, device->options.wake_ns);
        trib__sim_reach_locked(device, queue, item->raise_to, time);
        while (*last != NULL)
                last = &(*last)->next;
        *last = item;
        if (device->options.wake_ns == 0 && trib__sim_tell_locked(device, queue))
                device->raised = queue;
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

/* The running step of the head ends at `time`. */
static void note_step(trib__queue *queue, uint64_t time)
{
        uint64_t ran = time > queue->began ? time - queue->began : 0;

        queue->head->times.device += ran;
        if (queue->has_serial)
                queue->head->times.serial_held += ran;
}

/* The next piece of the head, which has run one; false if that was the last. */
static bool has_next_piece(trib__device *device, struct trib__sim_item *item)
        TRIB__REQUIRES(device->mutex)
{
        if (item->kind != TRIB__SIM_LAUNCH || item->status != TRIB_OK ||
            item->stage == TRIB__SIM_OUTPUTS)
                return false;
        if (item->stage == TRIB__SIM_STEPS && item->step + 1 < item->program->n_steps)
                item->step++;
        else if (item->stage == TRIB__SIM_INPUTS && item->program->n_steps != 0)
                item->stage = TRIB__SIM_STEPS;
        else if (device->options.is_transferred)
                item->stage = TRIB__SIM_OUTPUTS;
        else
                return false;
        return true;
}

static void end_locked(trib__device *device, trib__queue *queue, uint64_t time)
        TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_item *item = queue->head;

        if (queue->is_running && item->status == TRIB_OK && is_computed(device, item)) {
                work_unlocked(device, queue, write_out);
                if (trib__sim_is_lost(device))
                        return;
        }
        if (queue->is_running && is_step(item))
                note_step(queue, time);
        trib__sim_vacate_locked(device, queue, time);
        queue->ready = time;
        if (has_next_piece(device, item))
                return;
        if (item->status != TRIB_OK)
                trib__sim_record_locked(device, queue, item->value, item->status, item->message);
        trib__sim_finish_locked(device, queue, time);
}

void trib__sim_run_locked(trib__device *device, const struct trib__sim_candidate *candidate)
{
        trib__queue *queue = candidate->queue;

        device->clock = later(device->clock, candidate->time);
        if (candidate->is_notice)
                device->raised = trib__sim_tell_locked(device, queue) ? queue : NULL;
        else if (candidate->is_end)
                end_locked(device, queue, candidate->time);
        else
                start_locked(device, queue, candidate->time);
}
