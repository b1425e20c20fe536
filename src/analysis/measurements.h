/* SPDX-License-Identifier: Apache-2.0 */
/* measurements.h: what was measured, and what follows from it, as plain data.
 *
 * Nouns. A *point* is one (workload, policy, thread count): the median throughput of its rounds
 * and the latency of its requests. A *sweep* is the points of one workload under one policy; a
 * sizes run is one sweep a size. *Results* are the sweeps of one run on one device, and, once
 * trib__results_conclude has run, the conclusions: fit, saturation, limit, bottleneck, advice and
 * findings.
 *
 *     results ── sweeps[] ── points[] ── rounds[]
 *        ├── machine, device (with its measured peaks)
 *        └── advice, findings[]
 *
 * Who fills what: members under "Measured" are filled by the one who measures (loadgen, a file
 * reader); members under "Concluded" are written by trib__results_conclude alone, which may be
 * called again after more was measured. A measured number that is not known is 0.
 *
 * One "op" is one request: one inference of the workload at its batch size.
 *
 * Locks: none. Results belong to one thread at a time. */
#ifndef TRIB_ANALYSIS_MEASUREMENTS_H
#define TRIB_ANALYSIS_MEASUREMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tributary/status.h>

#define TRIB__RESULTS_SCHEMA 1

/* Bounds that hold for every results object, whoever fills it. */
#define TRIB__THREADS_MAX 65536u
#define TRIB__SWEEPS_MAX 1024u
#define TRIB__POINTS_MAX 1024u   /* of one sweep */
#define TRIB__ROUNDS_MAX 65536u  /* of one point */
#define TRIB__SHARES_MAX 12u
#define TRIB__FINDINGS_MAX 4096u
#define TRIB__BOUNDS_MAX 4u      /* of a service level */
#define TRIB__TRIALS_MAX 24u     /* of a search */
#define TRIB__OPERATORS_MAX 24u  /* of one workload; alike ones are one */
#define TRIB__PREDICTIONS 2u     /* of a sweep: at 2 and 4 times the most threads measured */
#define TRIB__RESOURCES_MAX 12u  /* of a sweep */

#define TRIB__ABLATIONS_MAX 8u
#define TRIB__VARIANTS_MAX 16u   /* of one ablation */

#define TRIB__NAME_BYTES 64
#define TRIB__TEXT_BYTES 768

typedef enum trib__sweep_kind {
        TRIB__SWEEP_THREADS, /* one workload over many thread counts: fit, saturation, advice */
        TRIB__SWEEP_SIZES,   /* one size of a sizes run, at few thread counts                 */
        TRIB__SWEEP_LOAD     /* one point under a stated load (trib__sweep.load): arrivals at a
                              * rate, an MLPerf scenario, a service level. No curve of threads */
} trib__sweep_kind;

typedef enum trib__severity {
        TRIB__SEVERITY_INFO,    /* good to know                                */
        TRIB__SEVERITY_WARNING, /* read the numbers with this in mind          */
        TRIB__SEVERITY_ERROR    /* conclusions drawn from these numbers fail   */
} trib__severity;

/* One operator of a request, or several alike. */
struct trib__operator_cost {
        char   name[24];     /* "linear", "attention", ... */
        char   dtype[8];     /* of its arithmetic: "f32", "medium", "f64", "f16" */
        double count;        /* how many of them a request has */
        double flops;        /* of one of them, as all that follows */
        double bytes;        /* read and written at least */
        double shared_bytes; /* of these, constants: the same for all threads */
};

/* What one request runs. Sizes are 0 for a model; `model` is empty for a built-in workload. */
struct trib__workload {
        char    kind[TRIB__NAME_BYTES];  /* "linear", "mlp", ..., "model"; "" = not known */
        int64_t in_features;
        int64_t out_features;
        int64_t batch;
        char    dtype[16];               /* "f32", "bf16", ...; "" = not known */
        char    model[256];
        /* Cost of one op; 0 = not known. Bytes: what it must move when nothing stays in a cache. */
        double  flops_per_op;
        double  bytes_per_op;
        double  submissions_per_op;      /* 0 is read as 1 */
        double  serial_steps;            /* steps of an op that the device runs one at a time */
        struct trib__operator_cost operators[TRIB__OPERATORS_MAX]; /* of one op */
        size_t  operator_count;          /* 0 = not known: then one operator of these sums */
};

/* What the device was measured to be able to do at most; 0 = not measured. */
struct trib__peaks {
        double   flops_per_s_unit; /* one parallel unit (core), at the workload's dtype          */
        unsigned parallel_units;   /* how many of them run at once                               */
        double   flops_per_s;      /* all units together, when measured so: wins over the product */
        double   bytes_per_s;      /* memory bandwidth, all units together                       */
        double   cache_bytes;      /* an op that moves fewer bytes can live in the last-level
                                    * cache: memory bandwidth is then no bound for it            */
        double   submissions_per_s; /* of the whole device */
        /* As trib_device_peaks of device.h has them. "unit": one unit while the others rest;
         * otherwise all together. flops_per_s above is the one of the run's precision. */
        double   flops_f32, flops_medium, flops_f64, flops_f16;
        double   unit_flops_f32, unit_flops_medium, unit_flops_f64, unit_flops_f16;
        double   unit_bytes_per_s;
        double   copy_bytes_per_s;
        double   unit_submissions_per_s; /* of one thread */
        double   wake_us;                /* median, from waking a thread until it runs */
        double   private_cache_bytes, private_cache_bytes_per_s; /* bytes: of one unit */
        double   shared_cache_bytes, shared_cache_bytes_per_s;   /* bytes: all of them */
        double   unit_shared_cache_bytes_per_s;
        char     source[12];             /* "measured" with this run, "cached" before it, or "" */
        double   age_s;                  /* of what was cached */
};

/* X(member) for those that trib_device_peaks has as well, but what flops_per_s and so on say. */
#define TRIB__PEAK_MEMBERS(X)                                                                   \
        X(flops_f32) X(flops_medium) X(flops_f64) X(flops_f16)                                  \
        X(unit_flops_f32) X(unit_flops_medium) X(unit_flops_f64) X(unit_flops_f16)              \
        X(unit_bytes_per_s) X(copy_bytes_per_s) X(unit_submissions_per_s) X(wake_us)            \
        X(private_cache_bytes) X(private_cache_bytes_per_s)                                     \
        X(shared_cache_bytes) X(shared_cache_bytes_per_s) X(unit_shared_cache_bytes_per_s)

struct trib__machine {
        char     cpu_model[128];
        unsigned logical_cores;    /* that this process may use; 0 = not known */
        unsigned physical_cores;   /* 0 = not known */
        uint64_t memory_bytes;
        char     os[128];
};

struct trib__device_facts {
        char name[TRIB__NAME_BYTES];           /* "cpu:0"; "" = not known */
        char text[128];                        /* as people would call it */
        char kernel_library[128];              /* "oneDNN 3.7.1", "reference" */
        char precision[16];                    /* "high", "medium" */
        unsigned host_cores;                   /* that the device lets the host's part of a request
                                                * have; 0 = the machine's */
        struct trib__peaks peaks;
};

/* One part of a request's time, in order of occurrence: "admission", "lock", "submission",
 * "queue", "device", "copy", "notification", ... */
struct trib__share {
        char   name[24];
        double us;       /* mean per request; 0 when only the fraction is known */
        double fraction; /* of the mean latency; conclude fills it from `us` when 0 */
};

/* The service time of a mean request at each unit, in us and without any waiting; 0 = not known.
 * Several may be the same time seen twice: a lock is held while a core works. */
struct trib__demands_us {
        double cores;      /* on a host core; never spinning */
        double lock;       /* with a lock held               */
        double serial;     /* on the serial unit             */
        double copy;       /* on the copy engine             */
        double submission; /* on the submission path         */
        double device;     /* on an executor of the device   */
};

struct trib__latency_us {
        double mean, p50, p90, p99, p999, max; /* 0 = not measured */
};

/* How the run was made; 0 = not known. */
struct trib__run_facts {
        bool     is_present;
        uint64_t seed;            /* of data and of the order of the rounds              */
        unsigned rounds;          /* windows of each point ...                           */
        double   round_seconds;   /* ... this long, unless requests were slow            */
        unsigned streams;         /* --streams; 0 = the device's own number              */
        double   first_answer_ms; /* from the start of the process to the first result   */
};

/* How much faster a point is than another one that was measured in the same rounds. */
struct trib__difference {
        bool   is_present;
        bool   is_shown;                /* the interval does not contain zero */
        double percent;
        double ci95[2];                 /* percent */
        size_t rounds;                  /* that were compared */
};

struct trib__point {
        /* Measured. */
        unsigned threads;               /* 1..TRIB__THREADS_MAX */
        double   ops_per_s;             /* median of rounds; with rounds, conclude computes it */
        double   ops_per_s_ci95[2];     /* {0, 0} = not known; with rounds, conclude computes it:
                                         * where the median of the same run again lies (repeat.c) */
        double  *rounds;                /* ops/s of each round in order; owned */
        size_t   round_count;
        struct trib__latency_us latency_us;
        uint64_t requests;
        uint64_t errors;
        struct trib__share *shares;     /* owned; by trib__point_add_share */
        size_t   share_count;
        struct trib__demands_us demands_us;
        /* Concluded. */
        double   speedup;               /* against the 1-thread point; 0 = there is none */
        double   efficiency;            /* speedup / threads */
        double   percent_of_limit;      /* 0 = no limit known */
        struct trib__difference difference; /* of a variant's point: to the first variant */
        /* Storage. */
        size_t   round_capacity;
};

/* The 1-thread point is measured first and again last; what each of the two gave. */
struct trib__baseline {
        bool   is_measured;
        double first_ops_per_s, first_ci95[2];
        double last_ops_per_s, last_ci95[2];
};

/* X(N) = lambda N / (1 + sigma (N-1) + kappa N (N-1)) */
struct trib__fit {
        bool   is_present;
        char   reason[160];             /* why there is none */
        double lambda, sigma, kappa;
        double se[3];                   /* standard errors of lambda, sigma, kappa; NAN when the
                                         * points leave no degree of freedom */
        double ci95[3][2];              /* same order; sigma and kappa end at 0 */
        double peak_threads;            /* 0 = the curve has no peak */
        double r2;
        char   law[8];                  /* "linear", "amdahl", "usl": what the points bear */
        char   law_why[192];
        double peak_ci95[2];            /* {0, 0} = no peak shown; [1] is INFINITY where the
                                         * points allow a curve without a peak */
        double residual;                /* standard deviation about the curve, relative */
};

/* What a law says of a thread count that was not measured. */
struct trib__prediction {
        double threads;
        double ops_per_s;
        double ci95[2];                 /* {0, 0} = the points leave none */
        char   by[16];                  /* "law", "resources", "plateau": see docs/analysis.md */
        bool   is_borne;                /* whether the data bears it ... */
        char   why[160];                /* ... and if not, why */
};

struct trib__limit {
        bool   is_present;
        double ops_per_s;
        char   bound[24];               /* "compute", "memory-bandwidth", "cache-bandwidth",
                                         * "submission" */
        /* What one request takes of each, if it has all of the device's peak; 0 = nothing. */
        double compute_us, memory_us, cache_us, submission_us;
        double unit_us;                 /* one unit's time for one request, operator after operator;
                                         * 0 = not known, or the device computes elsewhere */
};

struct trib__bottleneck {
        char primary[24];               /* "cores", "compute", "memory-bandwidth", "submission",
                                         * "lock", "copy", "serial-operator", "wake-up",
                                         * "admission", "none", "unknown"; see docs/analysis.md */
        char evidence[TRIB__TEXT_BYTES];
};

/* One bound of a service level: a percentile of latency and the time that it must not exceed. */
struct trib__bound {
        double quantile;                /* 0.99 for p99 */
        double us;                      /* not to be exceeded */
        double measured_us;             /* at the highest rate kept; 0 = not known */
        double ci95_us[2];              /* of it, by order statistics; {0, 0} = not known;
                                         * [1] is 0 where too few requests bound it */
};

/* One rate tried in the search for the highest that keeps the service level. */
struct trib__rate_trial {
        double   rate;
        char     verdict[12];           /* "kept", "broken", "undecided" */
        uint64_t requests;
        double   over;                  /* part of them over the bound that was nearest to break */
        double   measured_us;           /* that bound's percentile */
};

/* A stated service level and the highest rate that keeps it. */
struct trib__service_level {
        bool   is_present;
        char   end[12];                 /* "found", "ceiling", "none", "no-time" */
        struct trib__bound bounds[TRIB__BOUNDS_MAX];
        size_t bound_count;
        double kept_rate;               /* requests per second; 0 = none was shown to keep it */
        double failed_rate;             /* the lowest above it that was not; 0 = none */
        double confidence;              /* of each verdict */
        double seconds;                 /* that the search took */
        double seconds_needed;          /* for a search that was cut short; else 0 */
        uint64_t requests_needed;       /* for a verdict, at least */
        double mlperf_requests;         /* of a valid MLPerf run */
        struct trib__rate_trial trials[TRIB__TRIALS_MAX];
        size_t trial_count;
};

/* Microseconds. */
struct trib__delays_us {
        double mean, p50, p99, max;
};

/* How the requests of a load sweep came. All but the last group is measured. */
struct trib__load {
        char     arrivals[16];          /* "constant", "poisson", "at-once"; "closed": when the one
                                         * before was answered */
        double   rate;                  /* of arrivals, per second; 0 = they have none */
        uint64_t intended;              /* requests that were meant to start */
        uint64_t unfinished;            /* of these, never begun */
        uint64_t backlog_max;           /* due and not begun at one moment */
        bool     is_backlogged;         /* what was left took long to work off */
        struct trib__delays_us late_us;   /* threads that slept woke so late; of all requests */
        struct trib__delays_us waited_us; /* for a free thread; of all requests */
        double   own_part;              /* of the threads' waking time: spent by the generator */
        double   closed_ops_per_s;      /* the same threads in a closed loop; 0 = not measured */
        unsigned samples_per_query;     /* 0 is read as 1 */
        char     scenario[16];          /* of MLPerf: "single-stream", ...; "" = none */
        uint64_t queries;               /* that were timed; 0 = the requests */
        double   measured_seconds;
        struct trib__service_level slo;
        /* Concluded. */
        char     metric[24];            /* of the scenario: "p90_us", "ops_per_s", "rate" */
        double   metric_value;          /* 0 = there is none */
};

/* Something that requests take turns at, or (wake-up) a time that passes in each of them. */
struct trib__resource {
        char   name[24];                /* as a bottleneck is called */
        double servers;                 /* how many requests it serves at once; INFINITY = all */
        double demand_us;               /* of it that a mean request takes, without waiting */
        double ceiling_ops_per_s;       /* servers / demand; INFINITY = none */
        /* At the what-ifs' thread count: */
        double utilisation;             /* measured throughput / ceiling */
        double wait_us;                 /* mean time a request waited for it, as was measured */
        bool   is_told;                 /* the demand is what the device told of requests */
        bool   is_inferred;             /* it follows from waits */
        double freed_us;                /* of a request's time when it is alone, by the what-if */
        bool   frees_core;              /* that time was spent on a core */
};

/* What would follow if a resource were no bound any more, at a thread count that was measured. */
struct trib__what_if {
        char     cause[24];             /* the resource's name */
        char     change[24];            /* "removed", "doubled" */
        unsigned threads;
        double   ops_per_s;             /* predicted ... */
        double   ci95[2];
        double   gain;                  /* ... over what was measured there */
        char     text[192];
};

struct trib__sweep {
        /* Measured. */
        struct trib__workload workload;
        char     policy[16];            /* "direct", "merged", ...; "" = not known */
        trib__sweep_kind kind;
        char     precision[16];         /* "high", "medium"; "" = that of the device facts */
        char     source[128];           /* file it was read from; "" = measured here */
        struct trib__point *points;     /* conclude sorts them by threads; owned */
        size_t   point_count;
        struct trib__baseline baseline;
        struct trib__load *load;        /* of kind load; owned; by trib__sweep_set_load */
        /* Concluded. */
        struct trib__fit        fit;
        unsigned                saturation_threads; /* 0 = not known */
        unsigned                saturation_ci95[2]; /* what the points' intervals allow */
        struct trib__limit      limit;
        struct trib__bottleneck bottleneck;
        struct trib__prediction predictions[TRIB__PREDICTIONS]; /* threads 0 = none */
        struct trib__resource   resources[TRIB__RESOURCES_MAX]; /* by ceiling, the lowest first */
        unsigned                resource_count;
        double                  alone_us;   /* a request's time without any wait; 0 = not known */
        double                  hidden_us;  /* the longest part of it that requests may have to take
                                             * turns at, for all that was told */
        double                  smoothness; /* expected: 1 = requests take equal times, 0 =
                                             * random ones */
        struct trib__what_if    what_ifs[TRIB__RESOURCES_MAX]; /* the bottleneck's first, then by
                                                                * gain */
        unsigned                what_if_count;
        char                    refuted[32]; /* the finding that leaves nothing to conclude: the
                                              * numbers cannot be what they say; "" = none */
        /* Storage. */
        size_t   point_capacity;
};

/* One value of an option that is ablated: see ablation.h. */
struct trib__variant {
        /* Measured. */
        char value[TRIB__NAME_BYTES];
        char note[192];                 /* why it was not measured; "" = it was */
        struct trib__sweep *sweep;      /* its points; owned */
};

struct trib__ablation {
        /* Measured. */
        char   option[TRIB__NAME_BYTES]; /* "streams", "wait", ... */
        char   note[192];               /* why it does not apply here; "" = it does */
        struct trib__variant variants[TRIB__VARIANTS_MAX];
        size_t variant_count;
        /* Concluded. */
        char   text[TRIB__TEXT_BYTES];
};

struct trib__recommendation {
        unsigned threads;               /* 0 = none can be given; `why` says why not */
        char     policy[16];
        char     why[TRIB__TEXT_BYTES];
        int64_t  batch;                 /* 0 = not known */
        char     precision[16];
        double   ops_per_s;             /* to be expected there ... */
        double   ops_per_s_ci95[2];     /* {0, 0} = not known       */
        double   p99_us;                /* 0 = not known            */
        char     cost[256];             /* what is given up for it; "" = nothing to compare with */
};

#define TRIB__PLAN_LIST_MAX 32u

/* A run that measured some of the settings of a grid, as the planner asked (planner.h); each
 * sweep has one batch and one precision of it. */
struct trib__plan_facts {
        bool     is_present;
        unsigned threads[TRIB__PLAN_LIST_MAX];
        size_t   thread_count;
        int64_t  batches[TRIB__PLAN_LIST_MAX];
        size_t   batch_count;
        char     precisions[2][16];
        size_t   precision_count;
        unsigned windows;               /* that each setting would have had */
        double   window_s, setup_s;     /* what the first and each window took, expected */
        double   spent_s;               /* measuring took ...                           */
        double   grid_s;                /* ... and would have taken of all settings      */
};

/* A stated objective; us 0 = none. */
struct trib__objective {
        double quantile;                /* 0.99 for p99 */
        double us;
};

struct trib__finding {
        char            code[32];
        trib__severity  severity;
        char            text[TRIB__TEXT_BYTES];
        int             sweeps[2];      /* indexes of the sweeps it is about; -1 = none */
};

struct trib__results {
        /* Measured. */
        int    schema;                  /* TRIB__RESULTS_SCHEMA */
        char   tool[TRIB__NAME_BYTES];  /* "tributary 0.1.0" */
        struct trib__machine      machine;
        struct trib__device_facts device;
        struct trib__run_facts    run;
        struct trib__sweep      **sweeps; /* owned, each on its own: addresses stay */
        size_t sweep_count;
        bool   is_complete;             /* false: interrupted, this is what was measured so far */
        struct trib__finding *notes;    /* what the reader of a file saw in it, or took over from
                                         * it; owned; by trib__results_note */
        size_t note_count;
        struct trib__ablation *ablations[TRIB__ABLATIONS_MAX]; /* owned; by ablation.h */
        size_t ablation_count;
        struct trib__plan_facts plan;
        struct trib__objective  objective;
        /* Concluded. */
        struct trib__recommendation latency, production, batch;
        struct trib__recommendation slo; /* threads 0 and no `why`: no objective was stated */
        char   caution[TRIB__TEXT_BYTES]; /* why none of the three is to be relied on yet, or "" */
        struct trib__finding *findings; /* owned */
        size_t finding_count;
        /* Storage. */
        size_t sweep_capacity;
        size_t finding_capacity;
        size_t note_capacity;
};

/* What: empty results: schema and tool set, complete, nothing measured.
 * Ownership: the caller destroys *out; NULL on failure.
 * Threads: any, each on its own results (so for all below).   Blocks: no.
 * Errors: TRIB_OUT_OF_MEMORY.   Since: 0.1 */
TRIB_MUST_USE trib_status trib__results_create(struct trib__results **out, trib_error *err);
void trib__results_destroy(struct trib__results *results); /* NULL is fine */

/* What: append an empty sweep; *out stays valid as long as the results do.
 * Errors: TRIB_OUT_OF_MEMORY, TRIB_OVERFLOW beyond TRIB__SWEEPS_MAX. */
TRIB_MUST_USE trib_status trib__results_add_sweep(struct trib__results *results,
                                                  struct trib__sweep **out, trib_error *err);

/* What: append an empty point; *out is valid until the next point is added to the sweep.
 * Errors: TRIB_INVALID_ARGUMENT when threads is out of range or already there,
 * TRIB_OUT_OF_MEMORY, TRIB_OVERFLOW beyond TRIB__POINTS_MAX. */
TRIB_MUST_USE trib_status trib__sweep_add_point(struct trib__sweep *sweep, unsigned threads,
                                                struct trib__point **out, trib_error *err);

/* What: the sweep's point of that many threads, or NULL. */
struct trib__point *trib__sweep_find_point(const struct trib__sweep *sweep, unsigned threads);

/* What: make it a load sweep, with *out zero and its own.
 * Errors: TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__sweep_set_load(struct trib__sweep *sweep, struct trib__load **out,
                                               trib_error *err);

/* Whether the sweep's requests came in a closed loop of its threads, so that threads =
 * throughput * latency. */
bool trib__sweep_is_closed_loop(const struct trib__sweep *sweep);

/* "threads", "sizes", "load". */
const char *trib__sweep_kind_name(trib__sweep_kind kind);

/* What: append the throughput of one round, which must be finite and above 0.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY, TRIB_OVERFLOW. */
TRIB_MUST_USE trib_status trib__point_add_round(struct trib__point *point, double ops_per_s,
                                                trib_error *err);

/* What: append a share of `us` microseconds per request.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY, TRIB_OVERFLOW beyond TRIB__SHARES_MAX. */
TRIB_MUST_USE trib_status trib__point_add_share(struct trib__point *point, const char *name,
                                                double us, trib_error *err);

/* What: write every "Concluded" member anew from the measured ones. Points are sorted by threads;
 * points that have no throughput (never measured) are dropped. Needs no sweep to be full: what
 * cannot be concluded is absent and says why.
 * Errors: TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__results_conclude(struct trib__results *results, trib_error *err);

/* What: append a finding of the one who measured, after trib__results_conclude, which writes all
 * findings anew; beyond TRIB__FINDINGS_MAX it is dropped.
 * Errors: TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__results_add_finding(struct trib__results *results,
                                                    const struct trib__finding *finding,
                                                    trib_error *err);

/* What: note a finding that belongs to what was measured: trib__results_conclude repeats it each
 * time; beyond TRIB__FINDINGS_MAX it is dropped.
 * Errors: TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__results_note(struct trib__results *results,
                                             const struct trib__finding *note, trib_error *err);

/* The sweep that advice is drawn from, or NULL: of the first thread sweep's workload, the policy
 * with the highest throughput. */
const struct trib__sweep *trib__results_advised_sweep(const struct trib__results *results);

/* What: "Linear 2048->1024, batch 32, f32", or the model's name. Returns `buffer`. */
const char *trib__workload_text(const struct trib__workload *workload, char *buffer, size_t size);

/* What: whether both run the same thing; an unknown dtype goes with any. */
bool trib__workload_is_same(const struct trib__workload *a, const struct trib__workload *b);

/* What: "info", "warning", "error". */
const char *trib__severity_name(trib__severity severity);

/* What: median and 95 % interval of the throughput of some rounds; `ci95` gets {0, 0} when one
 * round says nothing about the spread. Sorts `values`. For the drift check of a baseline. */
double trib__rounds_median(double *values, size_t count, double ci95[2]);

#endif
