/* SPDX-License-Identifier: Apache-2.0 */
/* sim_control.c: who runs the events. On a real clock the device's own thread does, each when
 * its time has come; on a scripted clock the functions of sim.h do, on their caller's thread. */
#include <sys/prctl.h>

#include "backend/sim/sim_priv.h"
#include "base/clock.h"

/* How many of the candidates may run by `limit`; they are in order of time. */
static uint32_t count_due(const struct trib__sim_candidate *candidates, uint32_t count,
                          uint64_t limit)
{
        uint32_t due = 0;

        while (due < count && candidates[due].time <= limit)
                due++;
        return due;
}

/* Which of `count` candidates goes next: the first, or a random one if so opened. */
static uint32_t pick_locked(trib__device *device, uint32_t count) TRIB__REQUIRES(device->mutex)
{
        return device->options.is_reordered ? trib__random_below(&device->random, count) : 0;
}

/* The queue that the last event raised, if somebody waits for it. */
static trib__queue *take_raised_locked(trib__device *device) TRIB__REQUIRES(device->mutex)
{
        trib__queue *queue = device->raised;

        device->raised = NULL;
        return queue;
}

/* Run an event, then let the mutex go for those who waited for it. */
static void run_locked(trib__device *device, const struct trib__sim_candidate *candidate)
        TRIB__REQUIRES(device->mutex)
{
        trib__queue *raised;

        trib__sim_run_locked(device, candidate);
        raised = take_raised_locked(device);
        if (raised == NULL)
                return;
        trib__unlock(&device->mutex);
        trib__sim_wake(raised);
        trib__lock(&device->mutex);
}

/* The kernel may let a sleeper be late by its thread's slack, 50 us unless told otherwise. Here
 * that would add to every event. */
static void ask_for_punctual_timers(void)
{
        (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

void trib__sim_thread_main(void *argument)
{
        trib__device              *device = argument;
        struct trib__sim_candidate candidates[TRIB__SIM_MAX_CANDIDATES];

        ask_for_punctual_timers();
        trib__lock(&device->mutex);
        while (!device->is_closing) {
                uint32_t count = trib__sim_candidates_locked(device, candidates);
                uint32_t due = count == 0 ? 0 : count_due(candidates, count, trib__now());

                if (due != 0)
                        run_locked(device, &candidates[pick_locked(device, due)]);
                else
                        (void)trib__cond_wait(&device->work, &device->mutex,
                                              count != 0 ? candidates[0].time : TRIB__NEVER);
        }
        trib__unlock(&device->mutex);
}

/* One thread at a time runs events of a scripted clock. */
static bool take_drive_locked(trib__device *device) TRIB__REQUIRES(device->mutex)
{
        if (!device->options.is_scripted)
                return false;
        while (device->is_driven)
                (void)trib__cond_wait(&device->idle, &device->mutex, TRIB__NEVER);
        device->is_driven = true;
        return true;
}

static void end_drive_locked(trib__device *device) TRIB__REQUIRES(device->mutex)
{
        device->is_driven = false;
        trib__broadcast(&device->idle);
}

/* Run one event that is due by `limit`: number *index, or the next one if index is NULL. */
static bool run_one_locked(trib__device *device, uint64_t limit, const uint32_t *index,
                           struct trib__sim_event *out) TRIB__REQUIRES(device->mutex)
{
        struct trib__sim_candidate candidates[TRIB__SIM_MAX_CANDIDATES];
        uint32_t                   due, chosen;

        due = trib__sim_candidates_locked(device, candidates);
        due = count_due(candidates, due, limit);
        if (due == 0 || (index != NULL && *index >= due))
                return false;
        chosen = index != NULL ? *index : pick_locked(device, due);
        if (out != NULL)
                trib__sim_describe(&candidates[chosen], out);
        run_locked(device, &candidates[chosen]);
        return true;
}

static bool step(trib__device *device, const uint32_t *index, struct trib__sim_event *out)
{
        bool has_run = false;

        trib__lock(&device->mutex);
        if (take_drive_locked(device)) {
                has_run = run_one_locked(device, UINT64_MAX, index, out);
                end_drive_locked(device);
        }
        trib__unlock(&device->mutex);
        return has_run;
}

bool trib__sim_step(trib__device *device, struct trib__sim_event *out)
{
        return step(device, NULL, out);
}

bool trib__sim_step_at(trib__device *device, uint32_t index, struct trib__sim_event *out)
{
        return step(device, &index, out);
}

/* Run what is due by the limit, and move the clock there if it is a time. */
static uint64_t run_until_locked(trib__device *device, uint64_t limit)
        TRIB__REQUIRES(device->mutex)
{
        uint64_t events = 0;

        while (run_one_locked(device, limit, NULL, NULL))
                events++;
        if (limit != UINT64_MAX && device->clock < limit)
                device->clock = limit;
        return events;
}

uint64_t trib__sim_advance(trib__device *device, uint64_t ns)
{
        uint64_t events = 0;

        trib__lock(&device->mutex);
        if (take_drive_locked(device)) {
                events = run_until_locked(device, trib__sim_add(device->clock, ns));
                end_drive_locked(device);
        }
        trib__unlock(&device->mutex);
        return events;
}

uint64_t trib__sim_run_until_idle(trib__device *device)
{
        return trib__sim_advance(device, UINT64_MAX);
}

uint64_t trib__sim_now(trib__device *device)
{
        uint64_t now;

        trib__lock(&device->mutex);
        now = trib__sim_clock_locked(device);
        trib__unlock(&device->mutex);
        return now;
}

uint32_t trib__sim_pending(trib__device *device)
{
        struct trib__sim_candidate candidates[TRIB__SIM_MAX_CANDIDATES];
        uint32_t                   count;

        trib__lock(&device->mutex);
        count = trib__sim_candidates_locked(device, candidates);
        trib__unlock(&device->mutex);
        return count;
}

bool trib__sim_peek(trib__device *device, uint32_t index, struct trib__sim_event *out)
{
        struct trib__sim_candidate candidates[TRIB__SIM_MAX_CANDIDATES];
        bool                       is_there;

        trib__lock(&device->mutex);
        is_there = index < trib__sim_candidates_locked(device, candidates);
        if (is_there)
                trib__sim_describe(&candidates[index], out);
        trib__unlock(&device->mutex);
        return is_there;
}

uint64_t trib__sim_works(trib__device *device)
{
        uint64_t works;

        trib__lock(&device->mutex);
        works = device->works;
        trib__unlock(&device->mutex);
        return works;
}

bool trib__sim_fault(trib__device *device, uint64_t work, enum trib__sim_fault_kind kind,
                     uint64_t amount)
{
        struct trib__sim_arranged fault = { work, kind, amount };
        bool                      is_kept = false;

        trib__lock(&device->mutex);
        for (uint32_t i = 0; i < TRIB__SIM_MAX_FAULTS && work > device->works && !is_kept; i++) {
                if (device->arranged[i].work == 0) {
                        device->arranged[i] = fault;
                        is_kept = true;
                }
        }
        trib__unlock(&device->mutex);
        return is_kept;
}

static trib__queue *find_queue_locked(trib__device *device, uint32_t index)
        TRIB__REQUIRES(device->mutex)
{
        for (uint32_t i = 0; i < device->n_queues; i++) {
                if (device->queues[i]->index == index)
                        return device->queues[i];
        }
        return NULL;
}

bool trib__sim_hang(trib__device *device, uint32_t index)
{
        trib__queue *queue;

        trib__lock(&device->mutex);
        queue = find_queue_locked(device, index);
        while (queue != NULL && queue->is_computing) {
                (void)trib__cond_wait(&device->idle, &device->mutex, TRIB__NEVER);
                queue = find_queue_locked(device, index);
        }
        if (queue != NULL)
                queue->is_hung = true;
        trib__unlock(&device->mutex);
        return queue != NULL;
}

bool trib__sim_unhang(trib__device *device, uint32_t index)
{
        trib__queue *queue;

        trib__lock(&device->mutex);
        queue = find_queue_locked(device, index);
        if (queue != NULL) {
                uint64_t now = trib__sim_clock_locked(device);

                queue->is_hung = false;
                if (queue->head != NULL)
                        queue->head->is_hung = false;
                if (queue->ready < now)
                        queue->ready = now;
                if (queue->is_running && queue->end < now)
                        queue->end = now;
                trib__sim_settle_locked(device, queue);
                trib__signal(&device->work);
        }
        trib__unlock(&device->mutex);
        return queue != NULL;
}

static bool has_computing_locked(trib__device *device) TRIB__REQUIRES(device->mutex)
{
        for (uint32_t i = 0; i < device->n_queues; i++) {
                if (device->queues[i]->is_computing)
                        return true;
        }
        return false;
}

void trib__sim_lose(trib__device *device)
{
        trib__lock(&device->mutex);
        /* SeqCst: before the wakes below; pairs with trib__sim_park. */
        trib__store_seqcst_u32(&device->lost, 1);
        while (has_computing_locked(device))
                (void)trib__cond_wait(&device->idle, &device->mutex, TRIB__NEVER);
        for (uint32_t i = 0; i < device->n_queues; i++) {
                while (device->queues[i]->untold != NULL)
                        (void)trib__sim_tell_locked(device, device->queues[i]);
                /* SeqCst: behind the mark; pairs with the load in trib__sim_park. */
                (void)trib__fetch_add_seqcst_u32(&device->queues[i]->raises, 1);
                trib__sim_wake(device->queues[i]);
        }
        trib__unlock(&device->mutex);
}
