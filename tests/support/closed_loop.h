/* SPDX-License-Identifier: Apache-2.0 */
/* closed_loop.h: a discrete-event model of N threads that send one request after the other to a
 * device. It is written apart from the simulated device, to the same time model
 * (docs/simulated-device.md), in virtual time, and with what that one has not: service times that
 * are random, and rounds that a noisy machine measured.
 *
 * loop_machine: what a request goes through: a host core, the driver's lock, the submission path,
 *               the copy engine, steps on executors (some serial, all sharing the memory), the copy
 *               engine again, the notice, and the time until its thread runs again.
 * loop_run:     one thread count: rounds, latency, and where a mean request's time went.
 *
 * Times in microseconds. The same seed gives the same numbers. No locks, nothing global. */
#ifndef TRIB_TESTS_CLOSED_LOOP_H
#define TRIB_TESTS_CLOSED_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#define LOOP_STEPS_MAX 16
#define LOOP_THREADS_MAX 64
#define LOOP_ROUNDS_MAX 16

struct loop_step {
        double compute_us; /* on one executor */
        double bytes;
        bool   is_serial;
};

struct loop_machine {
        unsigned executors;
        unsigned host_cores;      /* 0: as many as are needed                             */
        double   host_us;
        double   lock_us;
        double   launch_us;
        double   copy_us;         /* of the inputs, and again of the outputs; 0: no copies */
        double   wake_us;
        double   resume_us;       /* until the thread runs again: of the machine          */
        double   bandwidth;       /* bytes per us of one executor                         */
        double   total_bandwidth; /* of all of them; 0: no such bound                     */
        double   spread;          /* standard deviation of a service time over its mean   */
        unsigned n_steps;
        struct loop_step steps[LOOP_STEPS_MAX];
};

/* How it is measured. */
struct loop_plan {
        unsigned threads;
        unsigned rounds;
        unsigned requests; /* of each thread in a round                                   */
        double   noise;    /* standard deviation of a round's throughput over its mean    */
        uint64_t seed;
};

/* Parts of a mean request's time; they add up to its latency. */
struct loop_shares {
        double descheduled, lock, submission, queue, serial, copy, device, notification;
};

struct loop_run {
        double   rounds[LOOP_ROUNDS_MAX]; /* ops per second */
        unsigned round_count;
        double   ops_per_s;               /* over all rounds, without their noise */
        double   latency_us;
        double   latency_p50_us, latency_p90_us;
        struct loop_shares shares;
};

void loop_measure(const struct loop_machine *machine, const struct loop_plan *plan,
                  struct loop_run *out);

struct trib__results;

/* Results as the command would have them from that machine at these thread counts, not concluded.
 * `plan` has no threads. NULL when memory is short; else to be destroyed by the caller. */
struct trib__results *loop_results(const struct loop_machine *machine, const unsigned *threads,
                                   unsigned count, const struct loop_plan *plan);

#endif
