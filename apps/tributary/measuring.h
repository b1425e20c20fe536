/* SPDX-License-Identifier: Apache-2.0 */
/* measuring.h: what the measuring subcommands share: their options, a device with a crew of
 * threads, running a group of points, and turning points into results.
 *
 * A *group* is workloads x thread counts, measured together in interleaved rounds; it becomes one
 * sweep a workload. */
#ifndef TRIB_APPS_MEASURING_H
#define TRIB_APPS_MEASURING_H

#include <tributary/device.h>

#include "app.h"
#include "loadgen/loadgen.h"
#include "loadgen/peaks_cache.h"
#include "loadgen/workload.h"
#include "progress.h"

#define TRIB_MEASURE_NOTES_MAX 16u

struct trib_measure_options {
        struct trib_app_common common;
        trib_precision     precision;
        trib_stream_policy stream_policy;
        unsigned           streams; /* 0 = the device's own number */
        unsigned           rounds;
        double             seconds; /* measured time of each point, all rounds together */
        uint64_t           seed;
        bool               is_quick;
        bool               has_rounds, has_seconds; /* were given */
        bool               is_fresh_peaks;          /* measure the device's peaks in any case */
        const char        *trace;                   /* --trace FILE; NULL = none */
};

#define TRIB_MEASURE_OPTIONS_INIT                                                        \
        { TRIB_APP_COMMON_INIT, TRIB_PRECISION_HIGH, TRIB_STREAMS_SHARE, 0, 5, 2.5, 1, false, \
          false, false, false, NULL }

/* Whether the current argument was a common or a measuring option; it is taken then. */
bool trib_measure_take(struct trib_app_args *args, struct trib_measure_options *options);

/* What comes between reading the arguments and measuring: usage errors, --help, the times of
 * --quick, whether --out can be written, catching Ctrl-C. False: end now, with *exit_status. */
bool trib_measure_is_ready(struct trib_app_args *args, struct trib_measure_options *options,
                           double quick_seconds, const char *help_text, int *exit_status);

/* The current option's value as a workload that the load generator can run. */
bool trib_measure_take_spec(struct trib_app_args *args, struct trib__load_spec *out);

struct trib_measuring {
        const char                        *command;
        const struct trib_measure_options *options;
        uint64_t              began;     /* when the process started, trib__now */
        trib_device          *device;
        struct trib__crew    *crew;
        struct trib__results *results;
        struct trib_progress  progress;
        struct trib__recorder *recorder; /* for --trace; or NULL */
        /* What only the one who measures can know; findings after the conclusions. */
        struct trib__finding  notes[TRIB_MEASURE_NOTES_MAX];
        size_t                note_count;
        uint64_t              mismatches;
        trib_error            first_error; /* of a request */
        /* Of trib_measuring_peaks. */
        bool                      has_peaks;
        struct trib__peaks_source peaks_source;
        struct trib__peaks_taken  peaks;
};

struct trib_measure_group {
        const struct trib__load_spec *specs;
        size_t           spec_count;
        const unsigned  *threads;
        size_t           thread_count;
        trib__sweep_kind kind;
        unsigned         drift_rounds;  /* of 1-thread points */
        uint64_t         warm_up_ns;    /* at most, of each point */
        uint64_t         deadline;
        double           seconds_after; /* of what comes behind this group, for the display */
};

/* Open the device, start threads for the largest of `groups`, describe the machine. Refuses
 * workloads that do not fit into memory. On failure nothing is open. */
TRIB_MUST_USE trib_status trib_measuring_open(struct trib_measuring *measuring,
                                              const char *command,
                                              const struct trib_measure_options *options,
                                              const struct trib_measure_group *groups,
                                              size_t group_count, trib_error *err);
void trib_measuring_close(struct trib_measuring *measuring);

/* What the run's device was opened with, and what its workloads are. */
const char *trib_measuring_device_name(const struct trib_measure_options *options);
trib_device_options trib_measuring_device_options(const struct trib_measure_options *options);
struct trib__load_options trib_measuring_load_options(const struct trib_measuring *measuring,
                                                      unsigned threads, uint64_t deadline);

/* Whether the device computes in the calling thread. */
bool trib_measuring_runs_on_cpu(const struct trib_measuring *measuring);

/* The device's peaks into the results: kept ones or measured ones. Other work on the machine makes
 * them too low, so a second call, after the points, keeps the higher ones: device_peaks.c. */
TRIB_MUST_USE trib_status trib_measuring_peaks(struct trib_measuring *measuring,
                                               trib_error *err);

/* How long a warm-up may last, fit for the options. */
uint64_t trib_measuring_warm_up_ns(const struct trib_measure_options *options);

/* Measure a group and add its sweeps. TRIB_CANCELLED, TRIB_TIMED_OUT: what was measured is
 * added. */
TRIB_MUST_USE trib_status trib_measuring_run(struct trib_measuring *measuring,
                                             const struct trib_measure_group *group,
                                             trib_error *err);

/* The same for one point from cold, of `requests` requests a thread, which also gives the time to
 * the first answer. */
TRIB_MUST_USE trib_status trib_measuring_count(struct trib_measuring *measuring,
                                               const struct trib_measure_group *group,
                                               uint64_t requests, trib_error *err);

/* Roughly how long trib_measuring_run takes. */
double trib_measuring_seconds(const struct trib_measure_options *options,
                              const struct trib_measure_group *group);

/* Conclude and write. `status` is how measuring ended. Returns the exit status. */
int trib_measuring_finish(struct trib_measuring *measuring, trib_status status,
                          const trib_error *err);

/* measuring_points.c: a measured point as a point of results; one without rounds is left out. */
TRIB_MUST_USE trib_status trib_measure_add_point(struct trib__sweep *sweep,
                                                 struct trib__load_point *point,
                                                 bool runs_on_cpu, trib_error *err);

/* Of every request so far; 0 = the usual p99. */
double trib_measure_quantile_us(const struct trib__load_point *point, double quantile);

/* The workload as results state it. */
void trib_measure_describe(const struct trib__load_spec *spec, const struct trib__load_facts *facts,
                           struct trib__workload *out);

/* Add a finding, cut if it is too long. */
TRIB_PRINTF(4, 5)
void trib_measure_note(struct trib_measuring *measuring, const char *code,
                       trib__severity severity, const char *format, ...);

#endif
