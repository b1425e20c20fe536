/* SPDX-License-Identifier: Apache-2.0 */
/* sim_notice.c: how the host learns of what the device has done. A work that has ended is untold
 * until its notice, wake_us later; the notice raises the timeline, on which those who wait sleep.
 * Without wake_us it comes at once. Beside it: how the last work spent its time. All under the
 * device's mutex but the words that those who wait look at. */
#include "backend/sim/sim_priv.h"
#include "base/trace.h"

void trib__sim_wake(trib__queue *queue)
{
        trib__word_wake(&queue->raises, UINT32_MAX >> 1);
}

/* Raise the timeline that the host sees. True if somebody may sleep until then. */
static bool raise_timeline(trib__queue *queue, uint64_t value)
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
        return is_awaited;
}

bool trib__sim_raise_locked(trib__device *device, trib__queue *queue, uint64_t value,
                            uint64_t time)
{
        trib__sim_reach_locked(device, queue, value, time);
        return raise_timeline(queue, value);
}

void trib__sim_reuse_locked(trib__device *device, trib__queue *queue, struct trib__sim_item *item)
{
        (void)device;
        /* AcqRel: who takes it sees it as it was left; pairs with the exchange in take_spare. */
        item = trib__exchange_acqrel_ptr(&queue->handy, item);
        if (item == NULL)
                return;
        item->next = queue->spare;
        queue->spare = item;
}

bool trib__sim_tell_locked(trib__device *device, trib__queue *queue)
{
        struct trib__sim_item *item = queue->untold;
        uint64_t               raise_to = item->raise_to;

        queue->untold = item->next;
        item->next = NULL;
        if (item->is_timed) {
                queue->timed = item->times;
                queue->timed_value = item->value;
        }
        trib__sim_reuse_locked(device, queue, item);
        return raise_timeline(queue, raise_to);
}

/* Of the time from submission to end, what is left when the parts are taken off. */
static uint64_t rest_of(const struct trib__sim_times *times)
{
        uint64_t all = times->ended - times->submitted;
        uint64_t parts = times->serial + times->copy + times->device;

        return all > parts ? all - parts : 0;
}

bool trib__sim_times(trib__queue *queue, uint64_t value, struct trib__work_times *out)
{
        trib__device          *device = queue->device;
        struct trib__sim_times times;
        bool                   is_kept;

        trib__lock(&device->mutex);
        is_kept = queue->timed_value == value;
        times = queue->timed;
        trib__unlock(&device->mutex);
        *out = (struct trib__work_times){
                .lock_ns = times.lock,
                .descheduled_ns = times.descheduled,
                .queue_ns = rest_of(&times),
                .serial_ns = times.serial,
                .copy_ns = times.copy,
                .device_ns = times.device,
                .held = { .host_ns = times.host,
                          .lock_ns = times.lock_held,
                          .path_ns = times.submission_held,
                          .serial_ns = times.serial_held,
                          .copy_ns = times.copy_held },
        };
        if (device->options.is_scripted)
                return is_kept;
        out->has_clock = true;
        out->submitted = times.submitted;
        out->started = times.started;
        out->ended = times.ended;
        return is_kept;
}
