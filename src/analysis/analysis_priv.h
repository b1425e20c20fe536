/* SPDX-License-Identifier: Apache-2.0 */
/* analysis_priv.h: what the files of this folder share: building texts, small statistics, and the
 * stages that trib__results_conclude runs in order. */
#ifndef TRIB_ANALYSIS_ANALYSIS_PRIV_H
#define TRIB_ANALYSIS_ANALYSIS_PRIV_H

#include "analysis/format.h"
#include "analysis/measurements.h"

/* The share of the highest throughput that counts as saturated. */
#define TRIB__SATURATED 0.95

/* Move every sweep of `from` to the end of `into`; on failure both are as they were. */
TRIB_MUST_USE trib_status trib__results_adopt(struct trib__results *into,
                                              struct trib__results *from, trib_error *err);

void trib__sweep_destroy(struct trib__sweep *sweep); /* NULL is fine */

/* The two-sided 95 % quantile of Student's t. */
double trib__student_t95(size_t degrees);

/* Make the interval of a median the one in which the median of the same command, run again, lies
 * with 95 %: repeat.c. `drift`: ln(last / first) of the run's baseline. */
void trib__repeat_interval(double median, double drift, double ci95[2]);
double trib__baseline_drift(const struct trib__baseline *baseline); /* 0 = not measured */

/* How much longer trib__repeat_interval makes an interval, at the least. */
#define TRIB__REPEAT 1.41421356237309515

/* Whether the point has an interval that holds its value, and whether two intervals share a
 * value. Points without intervals overlap with nothing. */
bool trib__point_has_ci(const struct trib__point *point);
bool trib__points_overlap(const struct trib__point *a, const struct trib__point *b);

/* Whether a point's rounds differ by much; range gets the lowest and the highest of them. */
bool trib__point_is_unsteady(const struct trib__point *point, double range[2]);

/* The point of highest throughput; NULL when there is none. */
const struct trib__point *trib__sweep_best(const struct trib__sweep *sweep);

/* Mean latency of a request: measured, or threads / throughput, which a closed loop obeys. */
double trib__point_latency_us(const struct trib__point *point);

/* What a point weighs in a fit: 1 / squared standard error, or 1 for all. */
double trib__point_weight(const struct trib__point *point, bool has_intervals);

/* Fewest threads that reach `fraction` of the highest throughput; 0 when there is no point. */
unsigned trib__sweep_fewest_reaching(const struct trib__sweep *sweep, double fraction);

/* Measured peaks are good to a few percent; beyond this something is measured wrongly. */
#define TRIB__ABOVE_LIMIT_PERCENT 105.0

/* Stages; each reads what the ones before it wrote. */
void trib__conclude_sweep(const struct trib__results *results, struct trib__sweep *sweep);
void trib__conclude_limit(const struct trib__results *results,
                          struct trib__sweep *sweep); /* limit.c */
TRIB_MUST_USE trib_status trib__audit_sweep(struct trib__results *results,
                                            const struct trib__sweep *sweep, trib_error *err);
TRIB_MUST_USE trib_status trib__audit_across(struct trib__results *results, trib_error *err);
TRIB_MUST_USE trib_status trib__audit_environment(struct trib__results *results,
                                                  trib_error *err);
/* Whether findings of that code are drawn anew by every conclusion, from what was measured. */
bool trib__finding_is_concluded(const char *code);

/* load_sweep.c: what a load sweep concludes instead of a curve, and what is wrong with it. */
void trib__conclude_load(const struct trib__results *results, struct trib__sweep *sweep);
TRIB_MUST_USE trib_status trib__audit_load(struct trib__results *results,
                                           const struct trib__sweep *sweep, trib_error *err);

void trib__conclude_advice(struct trib__results *results);

/* Parts of it. The advice's threads, policy, batch, precision, throughput and p99 from a point;
 * the stated objective on a sweep; from the settings of a plan; what each costs. */
void trib__advice_take_point(const struct trib__results *results, const struct trib__sweep *sweep,
                             const struct trib__point *point,
                             struct trib__recommendation *advice);
void trib__advise_objective(const struct trib__results *results, const struct trib__sweep *sweep,
                            struct trib__recommendation *advice);
void trib__advise_plan(struct trib__results *results);
void trib__conclude_costs(struct trib__results *results);

/* The latency at a quantile, of p50, p90, p99 and p99.9 the nearest; 0 = not measured. */
double trib__point_quantile_us(const struct trib__point *point, double quantile);

#endif
