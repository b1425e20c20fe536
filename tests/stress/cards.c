/* SPDX-License-Identifier: Apache-2.0 */
/* cards.c: see cards.h. */
#include "cards.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "expect.h"

/* Signalling NaN, as bits; the guards of a desk have its number in the low 18 of them. */
#define POISON_BITS UINT32_C(0x7fa5a5a5)
#define GUARD_BITS UINT32_C(0x7f880000)

#define EVERY_POISON_4 POISON_BITS, POISON_BITS, POISON_BITS, POISON_BITS
#define EVERY_POISON_16 EVERY_POISON_4, EVERY_POISON_4, EVERY_POISON_4, EVERY_POISON_4
#define EVERY_POISON_64 EVERY_POISON_16, EVERY_POISON_16, EVERY_POISON_16, EVERY_POISON_16

static const uint32_t poison[] = { EVERY_POISON_64, EVERY_POISON_64 };

_Static_assert(sizeof(poison) == CARD_FLOATS * sizeof(float), "the poison of one array");

/* One of the values that kernels treat apart. */
static uint32_t wild_bits(struct trib__random *random)
{
        uint32_t payload = (uint32_t)trib__random_next(random);
        uint32_t sign = payload & UINT32_C(0x80000000);

        switch (trib__random_below(random, 6)) {
        case 0:
                return sign | UINT32_C(0x7fc00000) | (payload & UINT32_C(0x3fffff));
        case 1:
                return sign | UINT32_C(0x7f800001) | (payload & UINT32_C(0x3fffff));
        case 2:
                return sign | UINT32_C(0x7f800000);
        case 3:
                return sign | UINT32_C(0x7f7fffff);
        case 4:
                return sign | (payload & UINT32_C(0x7fffff));
        default:
                return sign;
        }
}

static void draw(struct card *card, enum zoo_kind kind, int rows, int seed)
{
        struct trib__random random = { (uint64_t)seed * 1000003 + (uint64_t)rows * 64 + kind };
        bool                is_wild = seed == CARD_SEEDS - 1;

        card->kind = kind;
        card->rows = rows;
        card->seed = seed;
        card->n_outputs = kind == ZOO_NORM ? 2 : 1;
        memcpy(card->x, poison, sizeof(poison));
        memcpy(card->y[0], poison, sizeof(poison));
        memcpy(card->y[1], poison, sizeof(poison));
        for (int i = 0; i < rows * ZOO_WIDTH; i++) {
                card->x[i] = trib__random_f32(&random);
                if (is_wild && trib__random_below(&random, 8) == 0) {
                        uint32_t bits = wild_bits(&random);

                        memcpy(&card->x[i], &bits, sizeof(bits));
                }
        }
}

static void run_alone(struct desk *desk, const struct card *card, trib_session *session)
{
        trib_error err = TRIB_ERROR_INIT;

        desk_lay(desk, card);
        EXPECT_OK(trib_infer(session, &desk->input, 1, desk->outputs, card->n_outputs, &err),
                  &err);
}

void deck_fill(struct deck *deck, enum zoo_kind kind, trib_session *session)
{
        static struct desk desk;
        trib_error         err = TRIB_ERROR_INIT;

        deck->session = session;
        desk_init(&desk, 0);
        for (int rows = 1; rows <= ZOO_MAX_ROWS; rows++) {
                for (int seed = 0; seed < CARD_SEEDS; seed++) {
                        struct card *card = &deck->cards[rows - 1][seed];

                        draw(card, kind, rows, seed);
                        run_alone(&desk, card, session);
                        memcpy(card->y[0], desk.y0, sizeof(desk.y0));
                        memcpy(card->y[1], desk.y1, sizeof(desk.y1));
                        /* Something came out, and no more than what belongs there. */
                        assert_memory_not_equal(desk.y0, poison, sizeof(float));
                        assert_true(rows == ZOO_MAX_ROWS ||
                                    memcmp(&desk.y0[rows * ZOO_WIDTH], poison,
                                           sizeof(float)) == 0);
                        run_alone(&desk, card, session);
                        if (!desk_check(&desk, card, DESK_GOLDEN, &err))
                                fail_msg("alone, twice: %s", err.message);
                }
        }
}

static void fill(float *guard, uint32_t bits)
{
        for (int i = 0; i < DESK_GUARD; i++)
                memcpy(&guard[i], &bits, sizeof(bits));
}

void desk_init(struct desk *desk, uint32_t number)
{
        memset(desk, 0, sizeof(*desk));
        desk->guard = GUARD_BITS + number;
        fill(desk->front, desk->guard);
        fill(desk->between, desk->guard);
        fill(desk->middle, desk->guard);
        fill(desk->back, desk->guard);
}

static int64_t output_width(enum zoo_kind kind)
{
        return kind == ZOO_MLP || kind == ZOO_GATED ? 8 : ZOO_WIDTH;
}

void desk_lay(struct desk *desk, const struct card *card)
{
        int64_t in[2] = { card->rows, ZOO_WIDTH };
        int64_t out[2] = { card->rows, output_width(card->kind) };

        memcpy(desk->x, card->x, sizeof(desk->x));
        memcpy(desk->y0, poison, sizeof(poison));
        memcpy(desk->y1, poison, sizeof(poison));
        desk->input = trib_tensor_from_f32(desk->x, 2, in);
        desk->outputs[0] = trib_tensor_from_f32(desk->y0, 2, out);
        desk->outputs[1] = trib_tensor_from_f32(desk->y1, 2, out);
}

void desk_options(struct desk *desk, const struct card *card, trib_request_options *options)
{
        *options = (trib_request_options)TRIB_REQUEST_OPTIONS_INIT;
        options->inputs = &desk->input;
        options->n_inputs = 1;
        options->outputs = desk->outputs;
        options->n_outputs = card->n_outputs;
}

static bool is_whole(const float *guard, uint32_t bits)
{
        uint32_t differs = 0;

        for (int i = 0; i < DESK_GUARD; i++) {
                uint32_t found;

                memcpy(&found, &guard[i], sizeof(found));
                differs |= found ^ bits;
        }
        return differs == 0;
}

static bool is_right(const float *found, const float *golden, enum desk_ending ending)
{
        bool is_golden = memcmp(found, golden, sizeof(poison)) == 0;

        if (is_golden && ending != DESK_UNTOUCHED)
                return true;
        return ending != DESK_GOLDEN && memcmp(found, poison, sizeof(poison)) == 0;
}

/* Into err: which request it was, what is wrong, and the first bits that differ. */
static bool tell(const struct card *card, const char *what, const float *found,
                 const float *wanted, trib_error *err)
{
        uint32_t got = 0, want = 0;
        int      at = 0;

        while (found != NULL && at < CARD_FLOATS - 1 &&
               memcmp(&found[at], &wanted[at], sizeof(float)) == 0)
                at++;
        if (found != NULL) {
                memcpy(&got, &found[at], sizeof(got));
                memcpy(&want, &wanted[at], sizeof(want));
        }
        (void)snprintf(err->message, sizeof(err->message),
                       "model %d, %d rows, seed %d: %s; element %d is %08x, not %08x",
                       (int)card->kind, card->rows, card->seed, what, at, got, want);
        return false;
}

bool desk_check(const struct desk *desk, const struct card *card, enum desk_ending ending,
                trib_error *err)
{
        if (!is_whole(desk->front, desk->guard) || !is_whole(desk->between, desk->guard) ||
            !is_whole(desk->middle, desk->guard) || !is_whole(desk->back, desk->guard))
                return tell(card, "a guard was written", NULL, NULL, err);
        if (memcmp(desk->x, card->x, sizeof(desk->x)) != 0)
                return tell(card, "the input was written", desk->x, card->x, err);
        if (!is_right(desk->y0, card->y[0], ending))
                return tell(card, "output 0 is wrong", desk->y0, card->y[0], err);
        if (!is_right(desk->y1, card->y[1], ending))
                return tell(card, "output 1 is wrong", desk->y1, card->y[1], err);
        return true;
}
