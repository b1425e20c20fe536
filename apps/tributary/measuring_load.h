/* SPDX-License-Identifier: Apache-2.0 */
/* measuring_load.h: measuring under a stated load: arrivals at a rate, the highest rate that keeps
 * a service level, the four scenarios of MLPerf Inference. One point, which becomes one load
 * sweep. */
#ifndef TRIB_APPS_MEASURING_LOAD_H
#define TRIB_APPS_MEASURING_LOAD_H

#include "loadgen/slo_open.h"
#include "measuring.h"

typedef enum trib_scenario {
        TRIB_SCENARIO_NONE,
        TRIB_SCENARIO_SINGLE_STREAM, /* the next query when the one before is answered      */
        TRIB_SCENARIO_MULTI_STREAM,  /* the same, of queries of 8 samples                   */
        TRIB_SCENARIO_SERVER,        /* Poisson arrivals; the highest rate within a bound    */
        TRIB_SCENARIO_OFFLINE        /* all samples at once                                 */
} trib_scenario;

struct trib_load_settings {
        trib_scenario       scenario;
        trib__arrivals_kind arrivals;
        double              rate;    /* 0 = not given */
        struct trib__slo    slo;     /* count 0 = not given */
        bool                has_arrivals;
        double              search_seconds; /* of --slo; 0 = as long as it needs, within bounds */
};

#define TRIB_LOAD_SETTINGS_INIT \
        { TRIB_SCENARIO_NONE, TRIB__ARRIVALS_POISSON, 0, { { { 0, 0 } }, 0 }, false, 0 }

/* Whether the current argument was --arrivals, --rate, --slo or --scenario; it is taken then. */
bool trib_load_take(struct trib_app_args *args, struct trib_load_settings *settings);

/* Whether any of them was given. */
bool trib_load_is_asked(const struct trib_load_settings *settings);

/* Complains about what does not go together; `has_threads`: --threads was given. Settles how long
 * a search takes. */
void trib_load_check(struct trib_app_args *args, struct trib_load_settings *settings,
                     const struct trib_measure_options *measure, unsigned threads,
                     bool has_threads);

/* How many threads ask when --threads does not say: one for single-stream, else one for each
 * logical core. */
unsigned trib_load_threads(const struct trib_load_settings *settings);

/* Measure one workload at `threads`, and add its sweep. TRIB_CANCELLED: what was measured is
 * added. */
TRIB_MUST_USE trib_status trib_measuring_load(struct trib_measuring *measuring,
                                              const struct trib__load_spec *spec,
                                              unsigned threads,
                                              const struct trib_load_settings *settings,
                                              trib_error *err);

#endif
