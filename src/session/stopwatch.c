/* SPDX-License-Identifier: Apache-2.0 */
/* stopwatch.c: the parts of a measured request's time. See stopwatch.h. */
#include "session/stopwatch.h"

#include <string.h>

#include "base/clock.h"
#include "base/meter.h"
#include "stream/stream_pool.h"

#include <tributary/session.h>

/* In a shorter part the run delay is not looked at, which takes about 1 us. Threads that have to
 * share a core get it for much longer at a time. */
#define SHORT_PART_NS UINT64_C(50000)
/* Measuring a request takes about 2 us of the calling thread: 0.2 % of the first, where that thread
 * computes, and 1 % of the second, where it waits for a device. */
#define MEASURE_APART_NS UINT64_C(1000000)
#define MEASURE_APART_WAITING_NS UINT64_C(200000)

#define NOT_LOOKED_AT UINT64_MAX

static uint64_t lesser(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

/* Take up to `wanted` off *from; gives what was taken. */
static uint64_t take(uint64_t *from, uint64_t wanted)
{
        uint64_t taken = lesser(*from, wanted);

        *from -= taken;
        return taken;
}

/* How often requests of the calling thread are measured: starts anew with each other session. */
static _Thread_local struct pace {
        uint32_t tag;   /* the session's                                          */
        uint32_t since; /* the last one that was measured                         */
        uint32_t apart; /* requests from one that is measured to the next         */
        uint64_t usual; /* ns that one takes, without the time without a core     */
        uint64_t delay; /* as the request before the next measured one began; or
                         * NOT_LOOKED_AT                                          */
} pace;

static bool is_turn(uint32_t tag)
{
        if (pace.tag != tag)
                pace = (struct pace){ tag, 0, 1, 0, NOT_LOOKED_AT };
        if (++pace.since < pace.apart)
                return false;
        pace.since = 0;
        return true;
}

/* A request took this long. Every n-th is measured, or more often where that takes little of their
 * time. So more are measured in slow times than in fast ones, and each has the weight of the
 * requests that it stands for. What is usual follows the median, in small steps. */
static void set_pace(uint32_t every, bool is_inline, uint64_t took)
{
        uint64_t least = is_inline ? MEASURE_APART_NS : MEASURE_APART_WAITING_NS;
        uint64_t step = pace.usual / 16 + 1, apart;

        if (pace.usual == 0)
                pace.usual = took;
        else
                pace.usual = took > pace.usual ? pace.usual + step : pace.usual - step;
        apart = least / (pace.usual + 1) + 1;
        pace.apart = apart < every ? (uint32_t)apart : every;
}

/* Asking the system leaves the caches and the predictors to others: a request of 4 us that comes
 * after it computes for 7 % longer. So before a short one it is done a request early. What delay
 * that one has is in the difference, which is only looked at in a part that was not short. */
static __attribute__((noinline)) void look_ahead(bool is_inline)
{
        if (is_inline && pace.usual < SHORT_PART_NS && trib__run_delay_is_open())
                pace.delay = trib__run_delay();
}

static uint64_t delay_before(bool is_inline)
{
        uint64_t delay = pace.delay;

        pace.delay = NOT_LOOKED_AT;
        if (delay != NOT_LOOKED_AT)
                return delay;
        /* Not before a short request to a device, which might go to sleep meanwhile. */
        if (is_inline || pace.usual == 0 || pace.usual >= SHORT_PART_NS)
                return trib__run_delay();
        return NOT_LOOKED_AT;
}

bool trib__stopwatch_start(struct stopwatch_start *out, uint32_t tag, uint32_t every,
                           bool is_inline)
{
        struct trib__meter *meter = trib__meter();

        if (every == 0)
                return false;
        if (!is_turn(tag)) {
                if (pace.apart - pace.since == 1)
                        look_ahead(is_inline);
                return false;
        }
        /* Closed by the hook that runs when the thread ends. */
        if (!trib__run_delay_is_open() && trib__stream_thread_is_watched())
                (void)trib__run_delay_open();
        memset(meter, 0, sizeof(*meter));
        meter->is_on = true;
        out->weight = pace.apart;
        out->delay = delay_before(is_inline);
        out->mark = trib__now();
        return true;
}

void trib__stopwatch_begin(struct stopwatch *watch, const struct stopwatch_start *start)
{
        memset(watch->times, 0, sizeof(watch->times));
        watch->mark = start->mark;
        watch->delay = start->delay;
        watch->weight = start->weight;
}

void trib__stopwatch_stop(void)
{
        trib__meter()->is_on = false;
}

/* The stretch from the mark until now. */
static void end_stretch(struct stopwatch *watch, struct stretch *out)
{
        struct trib__meter *meter = trib__meter();
        uint64_t            before = watch->delay, delay = 0;

        out->began = watch->mark;
        out->ended = watch->mark = trib__now();
        if (out->ended - out->began >= SHORT_PART_NS && before != NOT_LOOKED_AT &&
            trib__run_delay_is_open()) {
                watch->delay = trib__run_delay();
                delay = watch->delay - before;
                /* What the reading took is in no part. */
                watch->mark = trib__now();
        }
        out->lock = meter->lock_ns;
        out->gate = meter->gate_ns;
        out->gate_held = meter->gate_held_ns;
        out->delay_in_waits = meter->delay_ns;
        out->delay = delay - lesser(delay, meter->delay_ns);
        meter->lock_ns = meter->gate_ns = meter->gate_held_ns = meter->delay_ns = 0;
}

/* Take the waits of a stretch off `*left`. A gate on the way to the device is the turnstile of
 * serial steps; any other guards something of the library's, as a lock does. */
static void take_waits(struct stopwatch *watch, const struct stretch *stretch, bool is_launch,
                       uint64_t *left)
{
        uint64_t *times = watch->times;

        times[TIME_LOCK] += take(left, stretch->lock);
        times[is_launch ? TIME_SERIAL : TIME_LOCK] += take(left, stretch->gate);
        times[is_launch ? TIME_SERIAL_HELD : TIME_LOCK_HELD] += stretch->gate_held;
        times[TIME_DESCHEDULED] += take(left, stretch->delay_in_waits);
}

static void add_stretch(struct stopwatch *watch, const struct stretch *stretch,
                        enum session_time part)
{
        uint64_t left = stretch->ended - stretch->began;

        take_waits(watch, stretch, part == TIME_SUBMIT || part == TIME_DEVICE, &left);
        watch->times[TIME_DESCHEDULED] += take(&left, stretch->delay);
        watch->times[part] += left;
}

void trib__stopwatch_end_part(struct stopwatch *watch, enum session_time part)
{
        struct stretch stretch;

        end_stretch(watch, &stretch);
        add_stretch(watch, &stretch, part);
}

void trib__stopwatch_end_call(struct stopwatch *watch)
{
        end_stretch(watch, &watch->call);
}

/* What the device tells of `*left`, which is the time that it had the work. */
static void take_work(struct stopwatch *watch, const struct trib__work_times *told,
                      uint64_t *left)
{
        uint64_t *times = watch->times;

        times[TIME_DEVICE] += take(left, told->device_ns);
        times[TIME_SERIAL] += take(left, told->serial_ns);
        times[TIME_COPY] += take(left, told->copy_ns);
        times[TIME_QUEUE] += take(left, told->queue_ns);
        times[TIME_SERIAL_HELD] += told->held.serial_ns;
        times[TIME_COPY_HELD] += told->held.copy_ns;
}

/* Whether the device tells how the call of launch went. Then it has measured that to its end, and
 * the thread's run delay is in it. */
static bool tells_of_call(const struct trib__work_times *told)
{
        return (told->lock_ns | told->descheduled_ns | told->held.host_ns | told->held.lock_ns |
                told->held.path_ns) != 0;
}

/* What of `*left`, the time of submission, was waiting. */
static void take_call(struct stopwatch *watch, const struct trib__work_times *told,
                      uint64_t *left)
{
        uint64_t *times = watch->times;

        take_waits(watch, &watch->call, true, left);
        times[TIME_LOCK] += take(left, told->lock_ns);
        times[TIME_HOST_HELD] += told->held.host_ns;
        times[TIME_LOCK_HELD] += told->held.lock_ns;
        times[TIME_PATH_HELD] += told->held.path_ns;
        times[TIME_DESCHEDULED] += take(left, told->descheduled_ns);
        if (!tells_of_call(told))
                times[TIME_DESCHEDULED] += take(left, watch->call.delay);
}

static uint64_t between(uint64_t low, uint64_t value, uint64_t high)
{
        value = value < low ? low : value;
        return lesser(value, high);
}

/* The device has our clock: the request's time is cut where it says. */
static void split_by_clock(struct stopwatch *watch, const struct trib__work_times *told,
                           const struct stretch *wait)
{
        uint64_t began = watch->call.began;
        uint64_t submitted = between(began, told->submitted, wait->ended);
        uint64_t ended = between(submitted, told->ended, wait->ended);
        uint64_t submission = submitted - began;
        uint64_t work = ended - submitted;
        uint64_t notification = wait->ended - ended;

        take_call(watch, told, &submission);
        watch->times[TIME_SUBMIT] += submission;
        take_work(watch, told, &work);
        watch->times[TIME_QUEUE] += work;
        /* While the device had the work, a thread without a core lost nothing. */
        watch->times[TIME_DESCHEDULED] += take(&notification, wait->delay);
        watch->times[TIME_NOTIFY] += notification;
}

/* The device tells durations only: the call of launch is submission, and what is left is queue. */
static void split_by_durations(struct stopwatch *watch, const struct trib__work_times *told,
                               const struct stretch *wait)
{
        uint64_t submission = watch->call.ended - watch->call.began;
        uint64_t left = wait->ended - wait->began;

        take_call(watch, told, &submission);
        watch->times[TIME_SUBMIT] += submission;
        take_work(watch, told, &left);
        watch->times[TIME_DESCHEDULED] += take(&left, wait->delay);
        watch->times[TIME_QUEUE] += left;
}

void trib__stopwatch_end_work(struct stopwatch *watch, const struct trib__backend *backend,
                              trib__queue *queue, uint64_t value)
{
        struct trib__work_times told;
        struct stretch          wait;

        memset(&told, 0, sizeof(told));
        end_stretch(watch, &wait);
        if (backend->times == NULL || !backend->times(queue, value, &told)) {
                add_stretch(watch, &watch->call, TIME_SUBMIT);
                add_stretch(watch, &wait, TIME_DEVICE);
        } else if (told.has_clock) {
                split_by_clock(watch, &told, &wait);
        } else {
                split_by_durations(watch, &told, &wait);
        }
        /* What asking the device took is in no part. */
        watch->mark = trib__now();
}

/* The parts of the calling thread's last measured request, until they are asked for. */
static _Thread_local struct {
        trib_request_times times;
        bool               is_there;
} last_measured;

static void keep_times(const struct stopwatch *watch, uint32_t stream)
{
        const uint64_t *times = watch->times;

        last_measured.times = (trib_request_times){
                .admission_ns = times[TIME_ADMISSION],
                .lock_ns = times[TIME_LOCK],
                .prepare_ns = times[TIME_PREPARE],
                .submit_ns = times[TIME_SUBMIT],
                .queue_ns = times[TIME_QUEUE],
                .device_ns = times[TIME_DEVICE],
                .serial_ns = times[TIME_SERIAL],
                .copy_ns = times[TIME_COPY],
                .notify_ns = times[TIME_NOTIFY],
                .descheduled_ns = times[TIME_DESCHEDULED],
                .stream = stream,
        };
        last_measured.is_there = true;
}

bool trib_thread_take_times(trib_request_times *out)
{
        if (out == NULL || !last_measured.is_there)
                return false;
        *out = last_measured.times;
        last_measured.is_there = false;
        return true;
}

void trib__stopwatch_finish(const struct stopwatch *watch, uint32_t every, bool is_inline,
                            uint32_t stream)
{
        uint64_t took = 0;

        for (uint32_t t = 0; t < TIME_DESCHEDULED; t++)
                took += watch->times[t];
        set_pace(every, is_inline, took);
        keep_times(watch, stream);
        trib__stopwatch_stop();
}
