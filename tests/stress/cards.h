/* SPDX-License-Identifier: Apache-2.0 */
/* cards.h: requests whose right results are known, and the places where threads put them.
 *
 * card: one request to a model of the zoo: inputs that follow from (kind, rows, seed), and the bits
 *       that came out when one thread ran it with nothing beside it. One in eight is wild: among
 *       its inputs are NaN of many payloads, infinities and subnormals, and its results have
 *       golden bits like all others.
 * desk: where a thread's request lies: arrays between guards of signalling NaN, which bear the
 *       desk's number. Desks lie side by side, so that a read or a write beyond an array ends in
 *       a neighbour's guard; what a request does not use of its arrays is NaN, too.
 *
 * Laying out and checking cost some 0.1 us, so that threads spend their time inside the library.
 * Nothing here uses cmocka but deck_fill, and nothing is atomic: a missing order shows. */
#ifndef TRIB_TESTS_CARDS_H
#define TRIB_TESTS_CARDS_H

#include <stdbool.h>
#include <stdint.h>

#include "zoo.h"

#define CARD_SEEDS 8
#define CARD_FLOATS (ZOO_MAX_ROWS * ZOO_WIDTH)
#define DESK_GUARD 16

struct card {
        enum zoo_kind kind;
        int           rows, seed, n_outputs;
        float         x[CARD_FLOATS];
        float         y[2][CARD_FLOATS];
};

/* All cards of one session. */
struct deck {
        trib_session *session;
        struct card   cards[ZOO_MAX_ROWS][CARD_SEEDS];
};

struct desk {
        _Alignas(64) uint32_t guard;
        float    front[DESK_GUARD];
        float    x[CARD_FLOATS];
        float    between[DESK_GUARD];
        float    y0[CARD_FLOATS];
        float    middle[DESK_GUARD];
        float    y1[CARD_FLOATS];
        float    back[DESK_GUARD];
        trib_tensor input;
        trib_tensor outputs[2];
};

/* Draw the inputs of every card and run each twice in this thread: the golden bits. A failure, or
 * two runs that differ, fail the test. */
void deck_fill(struct deck *deck, enum zoo_kind kind, trib_session *session);

void desk_init(struct desk *desk, uint32_t number);
/* The card's inputs, and outputs of NaN. */
void desk_lay(struct desk *desk, const struct card *card);
void desk_options(struct desk *desk, const struct card *card, trib_request_options *options);

enum desk_ending {
        DESK_GOLDEN,   /* a result                                             */
        DESK_UNTOUCHED,/* never run: outputs as they were laid                 */
        DESK_EITHER    /* out of time: each output is golden or as it was laid */
};

/* Whether inputs and guards are as they were and the outputs are what the ending promises; if
 * not, says into err->message what is not. */
bool desk_check(const struct desk *desk, const struct card *card, enum desk_ending ending,
                trib_error *err);

#endif
