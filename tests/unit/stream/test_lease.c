/* SPDX-License-Identifier: Apache-2.0 */
/* The words: who may take what while others wait, turns, direct hand-over. One thread plays all
 * parts: the waiters are records without a thread, so every step is the test's own. */
#include "test_main.h"

#include "base/clock.h"
#include "crowd.h"
#include "expect.h"
#include "stream/stream_priv.h"
#include "stream_rig.h"

static struct stream_rig rig;

static void open_rig(uint32_t streams, enum trib__stream_policy policy)
{
        stream_rig_open(&rig, &(struct stream_rig_params){ .streams = streams, .policy = policy });
}

static struct trib_stream *lease(void)
{
        struct trib_stream *stream = NULL;
        trib_error          err = TRIB_ERROR_INIT;

        EXPECT_OK(trib__stream_lease(rig.pool, TRIB__NEVER, &stream, &err), &err);
        return stream;
}

static uint64_t word_of(const struct trib_stream *stream)
{
        return trib__load_seqcst_u64(&stream->lease->word);
}

static enum trib__lease_kind kind_of(const struct trib_stream *stream)
{
        return trib__lease_kind(word_of(stream));
}

static bool is_wanted(uint32_t index)
{
        return (trib__load_seqcst_u64(&rig.pool->place->leases[index].word) &
                TRIB__LEASE_WANTED) != 0;
}

/* A waiter of no thread. */
static void join_line(struct trib__waiter *waiter, uint32_t tag)
{
        *waiter = (struct trib__waiter){ .tag = tag };
        (void)trib__line_join(rig.pool->place, waiter);
}

static bool is_served(const struct trib__waiter *waiter)
{
        return trib__load_acquire_u32(&waiter->word) != 0;
}

static uint64_t handed(void)
{
        struct trib__stream_counts counts;

        trib__stream_pool_get_counts(rig.pool, &counts);
        return counts.handed;
}

/* What each of the others would find: nothing free, past the queue. */
static void must_wait(struct crowd_member *me)
{
        struct trib_stream *stream;

        me->status = trib__stream_lease(rig.pool, 0, &stream, &me->err);
        if (me->status == TRIB_OK)
                trib__stream_return(stream, false);
}

static void newcomer_must_wait(void)
{
        struct crowd_member newcomer;

        crowd_start(&newcomer, must_wait, NULL, 0);
        crowd_join(&newcomer);
        assert_int_equal(newcomer.status, TRIB_TIMED_OUT);
}

/* H21, H22 */
static void lease_is_handed_over_in_order_of_arrival_with_one_wake_each(void **state)
{
        struct trib__waiter waiters[5];
        struct trib_stream *stream;

        (void)state;
        open_rig(1, TRIB__STREAMS_SHARE);
        stream = lease();
        for (uint32_t i = 0; i < 5; i++)
                join_line(&waiters[i], 100 + i);
        trib__stream_return(stream, false);
        for (uint32_t i = 0; i < 5; i++) {
                for (uint32_t j = 0; j < 5; j++)
                        assert_int_equal(is_served(&waiters[j]), j <= i);
                assert_int_equal(handed(), i + 1);
                assert_ptr_equal(waiters[i].lease, stream->lease);
                assert_int_equal(kind_of(stream), TRIB__LEASE_LEASED);
                assert_int_equal(trib__lease_tag(word_of(stream)), 100 + i);
                assert_int_equal(is_wanted(0), i < 4);
                newcomer_must_wait();
                trib__lease_end(waiters[i].lease);
        }
        assert_int_equal(kind_of(stream), TRIB__LEASE_FREE);
        assert_int_equal(handed(), 5);
        stream_rig_close(&rig);
}

static void lease_of_an_idle_stream_is_not_had_past_the_queue(void **state)
{
        struct trib__waiter waiter;
        struct trib_stream *stream;

        (void)state;
        open_rig(2, TRIB__STREAMS_SHARE);
        stream = lease();
        trib__stream_return(stream, false);
        join_line(&waiter, 1);
        assert_true(is_wanted(0) && is_wanted(1));
        newcomer_must_wait();
        assert_int_equal(trib__stream_pool_trim(rig.pool), 0);
        assert_true(trib__line_leave(rig.pool->place, &waiter));
        assert_false(is_wanted(0) || is_wanted(1));
        trib__stream_return(lease(), false);
        stream_rig_close(&rig);
}

/* A thread that comes back at once keeps its stream, but for a turn only. */
static void lease_is_kept_for_a_turn_by_a_quick_thread(void **state)
{
        struct trib__waiter waiter;
        struct trib_stream *stream;

        (void)state;
        open_rig(1, TRIB__STREAMS_SHARE);
        stream = lease();
        join_line(&waiter, 7);
        for (int i = 0; i < 3; i++) {
                trib__stream_thread.is_quick = true;
                stream->lease->turn_until = TRIB__NEVER;
                stream->lease->crowd = trib__load_relaxed_u32(&rig.pool->place->crowd);
                trib__stream_return(stream, false);
                assert_false(is_served(&waiter));
                assert_int_equal(kind_of(stream), TRIB__LEASE_KEPT);
                newcomer_must_wait();
                assert_ptr_equal(lease(), stream);
        }
        trib__stream_thread.is_quick = true;
        stream->lease->turn_until = 1;
        trib__stream_return(stream, false);
        assert_true(is_served(&waiter));
        trib__lease_end(waiter.lease);
        stream_rig_close(&rig);
}

/* A turn counts only while others wait: it begins anew with each queue. */
static void lease_turn_begins_with_the_queue(void **state)
{
        struct trib__waiter waiter;
        struct trib_stream *stream;

        (void)state;
        open_rig(1, TRIB__STREAMS_SHARE);
        stream = lease();
        stream->lease->turn_until = 1; /* of a queue of long ago */
        join_line(&waiter, 7);
        trib__stream_thread.is_quick = true;
        trib__stream_return(stream, false);
        assert_int_equal(kind_of(stream), TRIB__LEASE_KEPT);
        assert_true(stream->lease->turn_until > 1);
        assert_true(trib__line_leave(rig.pool->place, &waiter));
        assert_int_equal(kind_of(stream), TRIB__LEASE_FREE);
        stream_rig_close(&rig);
}

static void lease_is_not_kept_by_a_thread_that_was_slow(void **state)
{
        struct trib__waiter waiter;
        struct trib_stream *stream;

        (void)state;
        open_rig(1, TRIB__STREAMS_SHARE);
        stream = lease();
        join_line(&waiter, 7);
        trib__stream_thread.is_quick = false;
        trib__stream_return(stream, false);
        assert_true(is_served(&waiter));
        /* Back at last: others have been here, and no time of its own was kept. */
        trib__stream_thread.returned_at = 1;
        newcomer_must_wait();
        assert_null(trib__lease_resume(rig.pool->place, 0));
        assert_false(trib__stream_thread.is_quick);
        trib__lease_end(waiter.lease);
        stream_rig_close(&rig);
}

/* Who keeps a stream and does not come again loses it to the next look of one who waits. */
static void lease_that_is_kept_in_vain_goes_to_the_first(void **state)
{
        struct trib__waiter first;
        struct trib_stream *stream, *again;
        trib_error          err;

        (void)state;
        open_rig(1, TRIB__STREAMS_SHARE);
        stream = lease();
        join_line(&first, 7);
        trib__stream_thread.is_quick = true;
        trib__stream_return(stream, false);
        assert_int_equal(kind_of(stream), TRIB__LEASE_KEPT);
        /* This thread forgets that it has kept it, waits as the second, and looks. */
        trib__stream_thread.kept = NULL;
        EXPECT_FAILS(trib__stream_lease(rig.pool, trib__now() + 3 * TRIB__TURN_NS, &again, &err),
                     TRIB_TIMED_OUT, &err, "");
        assert_true(is_served(&first));
        trib__lease_end(first.lease);
        stream_rig_close(&rig);
}

static void lease_of_someone_else_is_not_resumed(void **state)
{
        struct trib__waiter first, second;
        struct trib_stream *stream;

        (void)state;
        open_rig(1, TRIB__STREAMS_SHARE);
        stream = lease();
        join_line(&first, 7);
        trib__stream_thread.is_quick = true;
        trib__stream_return(stream, false);
        /* Another took it meanwhile, for the first of the queue. */
        assert_true(trib__lease_take(stream->lease, word_of(stream), 0, false));
        trib__lease_give(stream->lease);
        assert_true(is_served(&first));
        join_line(&second, 8);
        assert_null(trib__lease_resume(rig.pool->place, 0));
        trib__lease_end(first.lease);
        assert_true(is_served(&second));
        trib__lease_end(second.lease);
        stream_rig_close(&rig);
}

/* The word of a pool that is gone is nobody's, whoever still has a record of it. */
static void lease_of_a_closed_pool_is_void(void **state)
{
        struct trib_stream *stream;
        struct trib__lease *old;
        uint64_t            word;
        uint32_t            place, epoch;

        (void)state;
        open_rig(1, TRIB__STREAMS_SHARE);
        stream = lease();
        old = stream->lease;
        trib__stream_return(stream, false);
        word = trib__load_seqcst_u64(&old->word);
        trib__stream_pool_where(rig.pool, &place, &epoch);
        stream_rig_close(&rig);
        assert_int_equal(trib__stream_take_home(place, epoch, 1, &stream), TRIB__NO_STREAM_INDEX);
        assert_false(trib__lease_take(old, word, 1, false));
        open_rig(1, TRIB__STREAMS_SHARE);
        assert_int_equal(trib__stream_take_home(place, epoch, 1, &stream), TRIB__NO_STREAM_INDEX);
        stream = lease();
        assert_ptr_equal(stream->lease, old);
        trib__stream_return(stream, false);
        stream_rig_close(&rig);
}

static void lease_of_a_hung_stream_stays_hung_while_others_wait(void **state)
{
        struct trib__waiter waiter;
        struct trib_stream *stream;
        trib_error          err;

        (void)state;
        open_rig(1, TRIB__STREAMS_SHARE);
        stream = lease();
        (void)stream_rig_submit(&rig, stream);
        join_line(&waiter, 7);
        trib__stream_return(stream, true);
        assert_int_equal(kind_of(stream), TRIB__LEASE_HUNG);
        assert_true(is_wanted(0));
        assert_false(is_served(&waiter));
        (void)trib__sim_run_until_idle(rig.sim.device);
        /* The next look, of whoever waits. */
        EXPECT_FAILS(trib__stream_lease(rig.pool, trib__now() + 3 * TRIB__TURN_NS, &stream, &err),
                     TRIB_TIMED_OUT, &err, "");
        assert_true(is_served(&waiter));
        trib__lease_end(waiter.lease);
        stream_rig_close(&rig);
}

TRIB_TEST_MAIN(TRIB_TEST(lease_is_handed_over_in_order_of_arrival_with_one_wake_each),
               TRIB_TEST(lease_of_an_idle_stream_is_not_had_past_the_queue),
               TRIB_TEST(lease_is_kept_for_a_turn_by_a_quick_thread),
               TRIB_TEST(lease_turn_begins_with_the_queue),
               TRIB_TEST(lease_is_not_kept_by_a_thread_that_was_slow),
               TRIB_TEST(lease_that_is_kept_in_vain_goes_to_the_first),
               TRIB_TEST(lease_of_someone_else_is_not_resumed),
               TRIB_TEST(lease_of_a_closed_pool_is_void),
               TRIB_TEST(lease_of_a_hung_stream_stays_hung_while_others_wait))
