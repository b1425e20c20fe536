/* SPDX-License-Identifier: Apache-2.0 */
/* storm_priv.h: what the two halves of a storm share: storm.c opens the world, runs the phases and
 * adds up; storm_requests.c makes and judges the requests.
 *
 * A member is the state of one thread from phase to phase; a slot is a place for one request of
 * it. Only the member's thread touches them while a phase runs, but for what callbacks count. */
#ifndef TRIB_TESTS_STORM_PRIV_H
#define TRIB_TESTS_STORM_PRIV_H

#include <semaphore.h>

#include "base/random.h"
#include "cards.h"
#include "storm.h"

#define IN_FLIGHT 8
#define DESKS (IN_FLIGHT + 1)
#define MOST_DECKS (ZOO_COUNT + 2)

struct slot {
        struct desk       *desk;
        const struct card *card;
        trib_request      *request;  /* NULL: unheld, its callback wakes `done` */
        sem_t              done;
        trib_status        status;   /* of an unheld one                        */
        bool               is_empty, may_be_late, is_cancelled;
};

struct member {
        struct trib__random random;
        struct slot         slots[IN_FLIGHT]; /* a direct request uses the first */
        /* The desk of the last request that did not run: nobody may write there. */
        struct desk        *spare;
        const struct card  *spare_card;

        uint64_t    done, wrong, late, cancelled, refused, failed;
        uint64_t    callbacks; /* that must come                                 */
        uint64_t    longest, total;
        trib_error  first; /* what was wrong first                               */
        atomic_ullong called;
};

/* Fixed while a phase runs, but for the atomic words. */
struct storm {
        const struct storm_plan *plan;
        trib_device             *device;
        trib_model              *models[ZOO_COUNT];
        trib_session            *hasty[MOST_DECKS]; /* NULL: the deck has none */
        uint32_t                 n_decks, deck_of_norm;
        uint64_t                 part; /* requests of a thread in a phase      */
        uint64_t                 until; /* and not before this time            */
        bool                     is_first_phase; /* and one that must make all     */
        atomic_uint              forking;
        atomic_uint              running;
};

extern struct storm storm;
extern struct deck  storm_decks[MOST_DECKS];

/* One request after the other; or some at once, which end in another order than they came. */
void member_infer(struct member *me);
void member_submit(struct member *me);
/* Every shape of every session once. */
void member_infer_every_shape(struct member *me);

#endif
