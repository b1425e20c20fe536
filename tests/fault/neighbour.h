/* SPDX-License-Identifier: Apache-2.0 */
/* neighbour.h: a thread that asks its own session again and again while others suffer, and compares
 * every answer with the golden bits. The faults that are armed do not reach it. */
#ifndef TRIB_TESTS_NEIGHBOUR_H
#define TRIB_TESTS_NEIGHBOUR_H

#include "crowd.h"
#include "zoo.h"

struct neighbour {
        trib_device        *device; /* its own, or NULL */
        trib_model         *model;
        trib_session       *session;
        struct zoo_job      golden;
        struct crowd_member member;
        atomic_uint         must_stop, has_ended;
        atomic_ullong       requests;
};

/* On a device that is open, or (NULL) on one of its own of this name. */
void neighbour_start(struct neighbour *neighbour, trib_device *device, const char *name,
                     enum zoo_kind kind);
/* How many right answers it has had so far. */
uint64_t neighbour_requests(struct neighbour *neighbour);
/* Until it has had `more` answers since now. */
void neighbour_await(struct neighbour *neighbour, uint64_t more);
/* Fails the case if any answer was wrong, or none was given. Closes what it opened. */
void neighbour_stop(struct neighbour *neighbour);

#endif
