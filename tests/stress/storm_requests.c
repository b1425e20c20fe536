/* SPDX-License-Identifier: Apache-2.0 */
/* storm_requests.c: see storm_priv.h. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "storm_priv.h"

/* How requests meet their end, as a share in 64 of all. */
#define HASTY_OF_64 1
#define DEADLINES_OF_64 2
#define CANCELS_OF_64 2
#define CALLBACKS_OF_64 4
#define UNHELD_OF_64 2

/* ---- one request --------------------------------------------------------------------------- */

struct draw {
        struct deck       *deck;
        const struct card *card;
        trib_session      *session;
        bool               is_hasty;
        uint32_t           fate; /* below 64 */
        uint32_t           amount;
};

static struct draw draw(struct member *me)
{
        uint64_t    bits = trib__random_next(&me->random);
        uint32_t    deck = (uint32_t)((bits & 0xffff) * storm.n_decks >> 16);
        struct draw out = { .deck = &storm_decks[deck] };

        out.card = &out.deck->cards[bits >> 16 & (ZOO_MAX_ROWS - 1)]
                                   [bits >> 24 & (CARD_SEEDS - 1)];
        out.amount = (uint32_t)(bits >> 32 & 0xffff);
        out.fate = (uint32_t)(bits >> 48 & 63);
        out.is_hasty = (bits >> 56 & 63) < HASTY_OF_64 && storm.hasty[deck] != NULL;
        out.session = out.is_hasty ? storm.hasty[deck] : out.deck->session;
        return out;
}

static void note_wrong(struct member *me, const trib_error *err)
{
        if (me->wrong++ == 0) {
                me->first = *err;
                (void)snprintf(me->first.message, sizeof(me->first.message), "request %llu: %.200s",
                               (unsigned long long)me->done, err->message);
        }
}

/* The request did not run: its desk is put aside, and the one that lay there must be as it was. */
static void put_aside(struct member *me, struct slot *slot)
{
        struct desk *desk = slot->desk;
        trib_error   err = TRIB_ERROR_INIT;

        if (me->spare_card != NULL &&
            !desk_check(me->spare, me->spare_card, DESK_UNTOUCHED, &err))
                note_wrong(me, &err);
        slot->desk = me->spare;
        me->spare = desk;
        me->spare_card = slot->card;
        desk_lay(desk, slot->card);
}

/* What a fault may make of a request. */
static bool may_fail_so(trib_status status)
{
        return storm.plan->break_ms > 0 &&
               (status == TRIB_OUT_OF_MEMORY || status == TRIB_SYSTEM ||
                status == TRIB_DEVICE_ERROR);
}

static void judge(struct member *me, struct slot *slot, trib_status status, trib_error *err)
{
        enum desk_ending ending = DESK_GOLDEN;
        bool             is_fine = !slot->is_cancelled || status == TRIB_CANCELLED;

        if (status == TRIB_TIMED_OUT && slot->may_be_late) {
                ending = DESK_EITHER;
                me->late++;
        } else if (status == TRIB_CANCELLED && slot->is_cancelled) {
                ending = DESK_UNTOUCHED;
                me->cancelled++;
        } else if (status == TRIB_BUSY && slot->request == NULL && slot->may_be_late) {
                ending = DESK_UNTOUCHED;
                me->refused++;
        } else if (may_fail_so(status)) {
                ending = DESK_EITHER;
                me->failed++;
        } else if (status != TRIB_OK) {
                is_fine = false;
        }
        if (!is_fine)
                note_wrong(me, err);
        else if (!desk_check(slot->desk, slot->card, ending, err))
                note_wrong(me, err);
        if (status != TRIB_OK)
                put_aside(me, slot);
        me->done++;
}

static void infer_card(struct member *me, const struct card *card, trib_session *session,
                       bool may_be_late)
{
        struct slot *slot = &me->slots[0];
        trib_error   err = TRIB_ERROR_INIT;
        uint64_t     began = 0, took;
        trib_status  status;

        slot->card = card;
        slot->may_be_late = may_be_late;
        desk_lay(slot->desk, card);
        if (storm.plan->is_waiting)
                began = trib__now();
        status = trib_infer(session, &slot->desk->input, 1, slot->desk->outputs,
                            card->n_outputs, &err);
        if (storm.plan->is_waiting) {
                took = trib__now() - began;
                me->total += took;
                me->longest = took > me->longest ? took : me->longest;
        }
        judge(me, slot, status, &err);
}

void member_infer(struct member *me)
{
        struct draw d = draw(me);

        infer_card(me, d.card, d.session, d.is_hasty);
}

/* ---- submitted requests -------------------------------------------------------------------- */

static void count_call(void *context, trib_request *request, trib_status status)
{
        struct member *me = context;

        (void)request;
        (void)status;
        atomic_fetch_add(&me->called, 1);
}

static void end_unheld(void *context, trib_request *request, trib_status status)
{
        struct slot *slot = context;

        (void)request;
        slot->status = status;
        (void)sem_post(&slot->done);
}

static void submit_once(struct member *me, struct slot *slot)
{
        struct draw          d = draw(me);
        trib_request_options options;
        trib_error           err = TRIB_ERROR_INIT;
        trib_status          status;
        uint32_t             fate = d.fate;
        bool                 is_unheld = false, is_counted = false, must_cancel = false;

        slot->card = d.card;
        slot->may_be_late = d.is_hasty;
        slot->is_cancelled = false;
        slot->is_empty = false;
        slot->request = NULL;
        desk_lay(slot->desk, d.card);
        desk_options(slot->desk, d.card, &options);
        if (fate < DEADLINES_OF_64) {
                options.timeout_ns = 1 + (uint64_t)d.amount * 8;
                slot->may_be_late = true;
        } else if (fate < DEADLINES_OF_64 + CANCELS_OF_64) {
                must_cancel = true;
        } else if (fate < DEADLINES_OF_64 + CANCELS_OF_64 + UNHELD_OF_64) {
                options.done = end_unheld;
                options.context = slot;
                is_unheld = true;
        }
        if (!is_unheld && (d.amount & 63) < CALLBACKS_OF_64) {
                options.done = count_call;
                options.context = me;
                is_counted = true;
        }
        status = trib_submit(d.session, &options, is_unheld ? NULL : &slot->request, &err);
        if (status != TRIB_OK) {
                judge(me, slot, status, &err);
                slot->is_empty = true;
                return;
        }
        me->callbacks += is_counted;
        if (must_cancel) {
                status = trib_cancel(slot->request, &err);
                slot->is_cancelled = status == TRIB_OK;
                if (status != TRIB_OK && status != TRIB_BUSY &&
                    !(status == TRIB_TIMED_OUT && slot->may_be_late))
                        note_wrong(me, &err);
        }
}

static void end_once(struct member *me, struct slot *slot, bool is_polled)
{
        trib_status status = TRIB_PENDING;
        trib_error  err = TRIB_ERROR_INIT;

        if (slot->is_empty)
                return;
        if (slot->request == NULL) {
                (void)sem_wait(&slot->done);
                status = slot->status;
                /* Not refused: an unheld request that was accepted is judged like the others. */
                judge(me, slot, status, &err);
                return;
        }
        if (is_polled)
                status = trib_poll(slot->request, &err);
        if (status == TRIB_PENDING)
                status = trib_wait(slot->request, TRIB_NO_LIMIT, &err);
        judge(me, slot, status, &err);
        trib_request_release(slot->request);
        slot->request = NULL;
}

void member_infer_every_shape(struct member *me)
{
        for (uint32_t d = 0; d < storm.n_decks; d++) {
                for (int rows = 0; rows < ZOO_MAX_ROWS; rows++) {
                        const struct card *card = &storm_decks[d].cards[rows][0];

                        infer_card(me, card, storm_decks[d].session, false);
                        if (storm.hasty[d] != NULL)
                                infer_card(me, card, storm.hasty[d], true);
                }
        }
}

void member_submit(struct member *me)
{
        for (uint32_t s = 0; s < IN_FLIGHT; s++)
                submit_once(me, &me->slots[s]);
        for (uint32_t s = IN_FLIGHT; s-- > 0;)
                end_once(me, &me->slots[s], s % 2 == 0);
}
