/* SPDX-License-Identifier: Apache-2.0 */
/* 10^5 short-lived threads: each infers, leases a stream and takes a buffer, and ends, by return or
 * by pthread_exit. There are fewer streams than threads alive, and the policy is to wait for one
 * to be given back; so a stream that a dead thread kept would stop the test. */
#include "test_main.h"

#include "base/clock.h"
#include "cards.h"
#include "crowd.h"
#include "expect.h"
#include "figures.h"

#define ALIVE 16
#define STREAMS 4
#define WHOLE 100000

static struct scene {
        trib_device *device;
        trib_model  *model;
        struct deck  deck;
        struct desk  desks[ALIVE];
} scene;

static trib_status lease_and_allocate(trib_error *err)
{
        trib_stream *stream;
        trib_buffer  buffer;
        trib_status  status;

        status = trib_stream_acquire(scene.device, TRIB_NO_LIMIT, &stream, err);
        if (status != TRIB_OK)
                return status;
        status = trib_buffer_create(stream, 1000, &buffer, err);
        trib_stream_release(stream);
        /* Not on the thread's stream any more: freed from outside. */
        if (status == TRIB_OK)
                status = trib_buffer_release(scene.device, buffer, err);
        return status;
}

static void live_briefly(struct crowd_member *me)
{
        struct desk       *desk = &scene.desks[me->index % ALIVE];
        const struct card *card = &scene.deck.cards[me->index / ALIVE % ZOO_MAX_ROWS]
                                                   [me->index % CARD_SEEDS];

        desk_lay(desk, card);
        me->status = trib_infer(scene.deck.session, &desk->input, 1, desk->outputs,
                                card->n_outputs, &me->err);
        if (me->status == TRIB_OK && !desk_check(desk, card, DESK_GOLDEN, &me->err))
                me->wrong++;
        if (me->status == TRIB_OK)
                me->status = lease_and_allocate(&me->err);
        me->done = 1;
        if (me->index % 3 == 0)
                pthread_exit(NULL);
}

/* Threads first .. last - 1, ALIVE at a time; a place is taken again when its thread has ended. */
static uint64_t churn(uint32_t first, uint32_t last)
{
        static struct crowd_member members[ALIVE];
        uint64_t                   done = 0;

        for (uint32_t i = first; i < last + ALIVE; i++) {
                struct crowd_member *member = &members[i % ALIVE];

                if (i >= first + ALIVE) {
                        crowd_join(member);
                        EXPECT_OK(member->status, &member->err);
                        if (member->wrong != 0)
                                fail_msg("thread %u: %s", i - ALIVE, member->err.message);
                        done += member->done;
                }
                if (i < last)
                        crowd_start(member, live_briefly, NULL, i);
        }
        return done;
}

static void expect_all_streams_free(void)
{
        trib_stream *streams[STREAMS];
        trib_error   err = TRIB_ERROR_INIT;

        for (int i = 0; i < STREAMS; i++)
                EXPECT_OK(trib_stream_acquire(scene.device, 0, &streams[i], &err), &err);
        for (int i = 0; i < STREAMS; i++)
                trib_stream_release(streams[i]);
}

static void check(const char *name, const char *device)
{
        /* The heap: what each stream keeps of each plan is made when it first meets it. */
        static const struct figures_bounds bounds = { 2 << 20, 512 << 10, 2 << 20 };
        trib_device_options                options = TRIB_DEVICE_OPTIONS_INIT;
        uint32_t            total = (uint32_t)figures_scaled(WHOLE, 100), part = total / 10;
        struct figures      warm, now;
        struct figures_line line;
        uint64_t            done, began;
        trib_error          err = TRIB_ERROR_INIT;
        trib_session       *session;

        options.max_streams = STREAMS;
        options.stream_policy = TRIB_STREAMS_WAIT;
        options.stream_timeout_ns = UINT64_C(100) * TRIB__NS_PER_SECOND;
        EXPECT_OK(trib_device_open(device, &options, &scene.device, &err), &err);
        EXPECT_OK(zoo_build(scene.device, ZOO_GATED, &scene.model, &err), &err);
        EXPECT_OK(trib_session_open(scene.model, NULL, &session, &err), &err);
        for (uint32_t i = 0; i < ALIVE; i++)
                desk_init(&scene.desks[i], i);
        deck_fill(&scene.deck, ZOO_GATED, session);
        began = trib__now();
        done = churn(0, part);
        figures_take(scene.device, NULL, &warm);
        done += churn(part, total);
        figures_take(scene.device, &warm, &now);
        line = (struct figures_line){ name, done, 0, trib__now() - began, NULL };
        figures_print(&line, &warm, &now);
        assert_int_equal(done, total);
        expect_all_streams_free();
        figures_expect_flat(&warm, &now, &bounds);
        EXPECT_OK(trib_session_close(session, &err), &err);
        trib_model_close(scene.model);
        trib_device_close(scene.device);
}

static void stress_short_lived_threads_cpu(void **state)
{
        (void)state;
        check("cpu, short-lived threads", "cpu:0");
}

static void stress_short_lived_threads_sim(void **state)
{
        (void)state;
        check("sim, short-lived threads", "sim:fast");
}

TRIB_TEST_MAIN(TRIB_TEST(stress_short_lived_threads_cpu),
               TRIB_TEST(stress_short_lived_threads_sim))
