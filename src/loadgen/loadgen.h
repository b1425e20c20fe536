/* SPDX-License-Identifier: Apache-2.0 */
/* loadgen.h: drives load in a closed loop and measures it.
 *
 * Nouns. A *target* is what is asked: a function that runs one request, for a given thread. A
 * *crew* is a set of persistent threads. A *point* is (target, threads). A *window* is a stretch
 * of time, fixed ahead, in which the threads of a point each ask again as soon as they are
 * answered; a request counts if it ends inside the window. (In the throughput, each thread's
 * requests over the two edges count by the part of their time that lies inside: a window then
 * need not be long against a request.) A *round* measures every point of a
 * plan in one window each, in random order; the rounds of a point are its samples.
 *
 *     plan ── points[] ── rounds[]           crew ── threads, shared by all points
 *               └── target: request, check
 *
 * Locks: none. A plan and a crew belong to one thread, the one that calls trib__load_run. */
#ifndef TRIB_LOADGEN_LOADGEN_H
#define TRIB_LOADGEN_LOADGEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tributary/session.h>

#include "base/atomic.h"
#include "base/histogram.h"

#define TRIB__LOAD_THREADS_MAX 1024u
#define TRIB__LOAD_ROUNDS_MIN 3u
#define TRIB__LOAD_ROUNDS_MAX 100u
#define TRIB__LOAD_DRIFT_MAX 4u

/* All functions get the index of the asking thread, 0 .. threads - 1, and are called by different
 * threads at the same time, each with its own index. */
struct trib__target {
        void *context;
        trib_status (*request)(void *context, unsigned thread, trib_error *err);
        /* Before a window: make the thread's output differ from any result. NULL: nothing. */
        void (*begin)(void *context, unsigned thread);
        /* Whether the thread's last result is, bit for bit, the right one. NULL: not known. */
        bool (*check)(void *context, unsigned thread);
        /* What the target did so far; called by the thread of trib__load_run. NULL: not known. */
        trib_status (*stats)(void *context, trib_session_stats *out, trib_error *err);
};

/* Where time comes from; a test brings its own. */
struct trib__load_clock {
        uint64_t (*now)(void *context);      /* monotonic, nanoseconds           */
        uint64_t (*cpu_time)(void *context); /* of the calling thread, nanoseconds */
        void *context;
        /* How long the calling thread has been ready and had no core, so far, nanoseconds; false
         * where the system does not tell. NULL: it never does. */
        bool (*run_delay)(void *context, uint64_t *out);
};

struct trib__crew;

/* What: starts `size` threads, 1..TRIB__LOAD_THREADS_MAX, that wait for work.
 * Ownership: the caller destroys *out; NULL on failure.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY, TRIB_SYSTEM. */
TRIB_MUST_USE trib_status trib__crew_create(unsigned size, struct trib__crew **out,
                                            trib_error *err);
void trib__crew_destroy(struct trib__crew *crew); /* ends the threads; NULL is fine */
unsigned trib__crew_size(const struct trib__crew *crew);

/* What: threads 0 .. threads - 1 call job(context, index) once each; returns at once.
 * The crew must be idle and have that many. */
void trib__crew_start(struct trib__crew *crew, unsigned threads,
                      void (*job)(void *context, unsigned index), void *context);

/* What: waits until the crew is idle, at most until `deadline`; true if it is. Everything that
 * the job wrote is then visible. */
bool trib__crew_wait(struct trib__crew *crew, uint64_t deadline);

struct trib__load_point {
        /* Set by the caller; the rest zero. */
        const struct trib__target *target;
        unsigned threads;
        bool     is_baseline; /* measured again before the first and after the last round */
        uint64_t expected_ns; /* of one request at these threads; 0 = not known           */

        /* Measured. */
        double   rounds[TRIB__LOAD_ROUNDS_MAX]; /* requests per second of each round */
        size_t   round_count;
        double   first[TRIB__LOAD_DRIFT_MAX];   /* of a baseline: windows before ... */
        size_t   first_count;
        double   last[TRIB__LOAD_DRIFT_MAX];    /* ... and after the rounds */
        size_t   last_count;
        struct trib__histogram latency;         /* ns; every request that the rounds counted */
        uint64_t errors;                        /* requests that failed in any window */
        uint64_t checks;                        /* results compared with the right ones */
        uint64_t mismatches;                    /* of these, different in any bit */
        trib_error first_error;
        trib_session_stats times;               /* what the target says of the rounds, as sums */
        uint64_t wall_ns;                       /* time of the threads in the rounds ... */
        uint64_t cpu_ns;                        /* ... and what of it they spent on a core */
        uint64_t asked_ns;                      /* time of the counted requests, nearly all ... */
        uint64_t delay_ns;                      /* ... and what of it they had no core ... */
        bool     has_delay;                     /* ... if that is known of every thread */
        double   reading_ns;                    /* one reading of the clock; 0 = not known */
        bool     is_steady;                     /* the warm-up ended because it was */
        double   warm_rate;                     /* requests per second at its end */
};

/* What is going on, for a progress display. */
struct trib__load_progress {
        unsigned threads;          /* of the point being measured                  */
        size_t   point;            /* its index                                    */
        bool     is_warm_up;
        unsigned round;            /* 1 .. rounds; 0 before and after              */
        double   done_seconds;     /* spent so far ...                             */
        double   left_seconds;     /* ... and expected still                       */
};

struct trib__load_plan {
        struct trib__load_point *points;
        size_t   point_count;
        unsigned rounds;           /* 1 .. TRIB__LOAD_ROUNDS_MAX                                */
        unsigned drift_rounds;     /* 0 .. TRIB__LOAD_DRIFT_MAX                                 */
        uint64_t window_ns;        /* of each round; slow targets get longer ones               */
        uint64_t warm_up_ns;       /* at most, of each point                                    */
        uint64_t deadline;         /* no window is begun that would end later; TRIB__NEVER      */
        uint64_t seed;             /* of the order in each round                                */
        const trib__atomic_u32 *stop; /* not 0: end soon. May be written by a signal handler    */
        void (*progress)(void *context, const struct trib__load_progress *progress); /* or NULL */
        void *progress_context;
        const struct trib__load_clock *clock; /* NULL: the machine's                            */
};

/* What: measures every point of the plan.
 * Threads: one; the crew must be idle and as large as the largest point.
 * Blocks: until done, stopped or out of time.
 * Errors: TRIB_CANCELLED (stopped) and TRIB_TIMED_OUT (deadline): what was measured is there;
 * in a window requests ended by their timeout only: TRIB_DEVICE_ERROR;
 * TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__load_run(struct trib__crew *crew, struct trib__load_plan *plan,
                                         trib_error *err);

/* What: `requests` requests of each thread of one point, from cold: no warm-up, no window. The
 * point gets one round. *first_answer_at is when the first of all requests ended (trib__now).
 * Errors: TRIB_OUT_OF_MEMORY, TRIB_CANCELLED. */
TRIB_MUST_USE trib_status trib__load_count(struct trib__crew *crew,
                                           struct trib__load_point *point, uint64_t requests,
                                           const trib__atomic_u32 *stop,
                                           uint64_t *first_answer_at, trib_error *err);

/* Where the time of a point's mean request went, in microseconds. The parts are disjoint, and
 * without the readings of the clock that only measured requests make. */
struct trib__load_shares {
        double admission;    /* waiting for a stream, and taking it                          */
        double lock;         /* waiting for a lock of the library or the driver              */
        double submission;   /* from having a stream until the device has the work           */
        double queue;        /* the device has it, and nothing of it runs                    */
        double device;       /* its steps run                                                */
        double serial;       /* waiting for steps that run one at a time                     */
        double copy;         /* inputs and outputs are moved                                 */
        double notification; /* from the end on the device until the caller goes on          */
        double descheduled;  /* the thread was ready and had no core                         */
        double sum;          /* of the above                                                 */
        double latency;      /* mean of every request                                        */
        double prepare;      /* of submission: checking arguments, finding plan and memory   */
        /* What a request has of each unit, without waiting for it; 0 = not known. */
        struct {
                double cores;      /* a host core, spinning aside                            */
                double lock;       /* the driver's lock                                      */
                double submission; /* the device's one path of submission                    */
                double serial;     /* the steps that run one at a time                       */
                double copy;       /* the copy engine                                        */
                double device;     /* as above                                               */
        } held;
};

/* What: the shares of a point; false when nothing was measured. `runs_on_cpu` says that the
 * device computes in the calling thread: elsewhere a thread off its core may wait for the device,
 * and what it lost by that the target tells. */
bool trib__load_shares_of(const struct trib__load_point *point, bool runs_on_cpu,
                          struct trib__load_shares *out);

#endif
