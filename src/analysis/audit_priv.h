/* SPDX-License-Identifier: Apache-2.0 */
/* audit_priv.h: writing a finding that lists numbers, as many as fit.
 *
 *     struct trib__finding_draft draft;
 *     trib__finding_start(&draft, "thread-dip", TRIB__SEVERITY_WARNING);
 *     trib__finding_about(&draft, results, sweep);
 *     for each offending point
 *             if (trib__finding_item(&draft))
 *                     trib__text_add(&draft.text, ...);
 *     if (draft.items > 0) {
 *             trib__finding_end_list(&draft);
 *             status = trib__finding_end(&draft, results, err);
 *     } */
#ifndef TRIB_ANALYSIS_AUDIT_PRIV_H
#define TRIB_ANALYSIS_AUDIT_PRIV_H

#include "analysis/analysis_priv.h"

/* A finding lists so many; who wants all of them reads the points. */
#define TRIB__FINDING_ITEMS 4

/* Throughputs that differ by less are taken as equal. */
#define TRIB__DIFFERENCE 0.05

struct trib__finding_draft {
        struct trib__finding finding;
        struct trib__text    text;     /* writes into finding.text */
        size_t               items;    /* listed so far */
        size_t               left_out; /* too many, or no room */
        bool                 is_grouped; /* about a whole sizes run, when about sizes */
};

void trib__finding_start(struct trib__finding_draft *draft, const char *code,
                         trib__severity severity);

/* Tie the finding to a sweep; the first one also names its workload in the text. */
void trib__finding_about(struct trib__finding_draft *draft, const struct trib__results *results,
                         const struct trib__sweep *sweep);

/* Begin the next item of the list; false when it must be left out. */
bool trib__finding_item(struct trib__finding_draft *draft);
void trib__finding_end_list(struct trib__finding_draft *draft);

TRIB_MUST_USE trib_status trib__finding_end(struct trib__finding_draft *draft,
                                            struct trib__results *results, trib_error *err);

/* A sizes run: the sweeps of kind sizes with the same source and policy. Findings that many of
 * them would repeat are written once for the run, at its first sweep. */
bool trib__sweep_is_same_run(const struct trib__sweep *a, const struct trib__sweep *b);
bool trib__sweep_is_first_of_run(const struct trib__results *results,
                                 const struct trib__sweep *sweep);

/* The sweeps that one finding speaks of: `head` alone, or its whole sizes run. Gives the next one
 * at or behind *at and moves behind it; NULL at the end. */
const struct trib__sweep *trib__group_next(const struct trib__results *results,
                                           const struct trib__sweep *head, size_t *at);

/* "2048->1024 batch 32: " in a finding about a sizes run, "" in one about a sweep. */
const char *trib__group_prefix(const struct trib__sweep *head, const struct trib__sweep *sweep,
                               char *buffer, size_t size);

/* Checks of the other files. Where sizes are checked together, `sweep` is the first of its run. */
TRIB_MUST_USE trib_status trib__audit_few(struct trib__results *results,
                                          const struct trib__sweep *sweep, trib_error *err);
TRIB_MUST_USE trib_status trib__audit_baseline(struct trib__results *results,
                                               const struct trib__sweep *sweep, trib_error *err);
TRIB_MUST_USE trib_status trib__audit_constant(struct trib__results *results,
                                               const struct trib__sweep *sweep, trib_error *err);
TRIB_MUST_USE trib_status trib__audit_curve(struct trib__results *results,
                                            const struct trib__sweep *sweep, trib_error *err);
TRIB_MUST_USE trib_status trib__audit_points(struct trib__results *results,
                                             const struct trib__sweep *sweep, trib_error *err);

/* What: find the sweeps whose numbers cannot be what they say, write a finding about each, and
 * take back what was concluded from it; trib__sweep.refuted then names the finding. First of all
 * checks, as no other one speaks of such a sweep. */
TRIB_MUST_USE trib_status trib__audit_refute(struct trib__results *results, trib_error *err);

/* Whether `point` is clearly below `lower`, a point of fewer threads. */
bool trib__point_loses(const struct trib__point *point, const struct trib__point *lower);

#endif
