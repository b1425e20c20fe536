/* SPDX-License-Identifier: Apache-2.0 */
/* H1 to H7: device memory. What is scripted stands still until the test moves it, so "not before
 * the fence" is exact. What needs threads passes plain words from hand to hand through the
 * allocator alone, so that a missing order is a report of the thread sanitizer. */
#include "test_main.h"

#include <sched.h>
#include <stdlib.h>

#include "backend/sim/sim.h"
#include "base/random.h"
#include "buffers.h"
#include "crowd.h"
#include "expect.h"
#include "scale.h"
#include "session/session_priv.h"

/* One block of this size fills a device that is limited to it. */
#define WHOLE (UINT64_C(64) << 10)

static struct buffers rig;

static bool is_apart(const unsigned char *a, const unsigned char *b, uint64_t bytes)
{
        return a + bytes <= b || b + bytes <= a;
}

/* ---- H1 --------------------------------------------------------------------------------- */

/* Buffers made on the stream lie apart from the block; or, if they must meet it, one is it. */
static void create_around(uint32_t stream, const unsigned char *block, bool must_meet)
{
        bool has_met = false;

        for (int i = 0; i < 64 && !has_met; i++) {
                unsigned char *at = buffers_address(&rig, buffers_create(&rig, stream, 4096));

                has_met = at == block;
                if (!must_meet)
                        assert_true(is_apart(at, block, 4096));
        }
        assert_int_equal(has_met, must_meet);
}

static void H01_a_block_is_given_out_only_behind_its_uses_on_other_streams(void **state)
{
        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++) {
                trib_buffer    buffer;
                trib_event     first, second;
                unsigned char *block;

                buffers_open(&rig, "sim:clock=scripted", buffers_allocators[a], 0);
                buffer = buffers_create(&rig, 0, 4096);
                block = buffers_address(&rig, buffer);
                first = buffers_upload(&rig, 1, buffer);
                second = buffers_upload(&rig, 1, buffer);
                buffers_release(&rig, buffer);
                create_around(0, block, false);
                create_around(2, block, false);
                while (!buffers_is_reached(first))
                        assert_true(trib__sim_step(trib__device_backend(rig.device), NULL));
                assert_false(buffers_is_reached(second));
                create_around(0, block, false);
                create_around(2, block, false);
                assert_true(buffers_stats(&rig).limbo > 0);
                buffers_run(&rig);
                assert_true(buffers_is_reached(second));
                assert_int_equal(buffers_stats(&rig).limbo, 0);
                create_around(0, block, true);
                buffers_close(&rig);
        }
}

/* A buffer on its way from the thread that filled it to one that reads it. */
struct parcel {
        trib_buffer   buffer;
        trib_event    filled, read;
        uint32_t      bytes;
        unsigned char sent[4096], got[4096];
};

struct post {
        trib_device             *device;
        uint64_t                 rounds;
        _Atomic(struct parcel *) shelf[8];
};

static trib_status send_parcel(trib_stream *stream, struct parcel *parcel, uint64_t tag,
                               trib_error *err)
{
        struct trib__random random = { tag };
        trib_status         status;

        parcel->bytes = UINT32_C(256) << (tag % 5);
        for (uint32_t i = 0; i < parcel->bytes; i++)
                parcel->sent[i] = (unsigned char)trib__random_next(&random);
        status = trib_buffer_create(stream, parcel->bytes, &parcel->buffer, err);
        if (status == TRIB_OK)
                status = trib_stream_upload(stream, parcel->buffer, 0, parcel->sent,
                                            parcel->bytes, err);
        if (status == TRIB_OK)
                status = trib_stream_record(stream, &parcel->filled, err);
        return status;
}

/* Reads it on one's own stream, and lets the buffer go while the device still works on it. */
static trib_status open_parcel(trib_device *device, trib_stream *stream, struct parcel *parcel,
                               trib_error *err)
{
        trib_status status = trib_stream_wait_event(stream, parcel->filled, TRIB_NO_LIMIT, err);

        if (status == TRIB_OK)
                status = trib_stream_download(stream, parcel->got, parcel->buffer, 0,
                                              parcel->bytes, err);
        if (status == TRIB_OK)
                status = trib_stream_record(stream, &parcel->read, err);
        if (status == TRIB_OK)
                status = trib_buffer_release(device, parcel->buffer, err);
        return status;
}

static void check_parcel(struct crowd_member *me, struct parcel *parcel)
{
        if (parcel == NULL)
                return;
        me->wrong += trib_event_wait(parcel->read, TRIB_NO_LIMIT, &me->err) != TRIB_OK ||
                     memcmp(parcel->sent, parcel->got, parcel->bytes) != 0;
        free(parcel);
}

static void send_and_receive(struct crowd_member *me)
{
        struct post   *post = me->context;
        struct parcel *opened[4] = { 0 };
        trib_stream   *stream;

        me->status = trib_stream_acquire(post->device, 0, &stream, &me->err);
        for (uint64_t i = 0; me->status == TRIB_OK && i < post->rounds; i++) {
                struct parcel *parcel = calloc(1, sizeof(*parcel));

                me->status = send_parcel(stream, parcel, me->index << 20 | i, &me->err);
                parcel = atomic_exchange(&post->shelf[i % 8], parcel);
                if (parcel == NULL || me->status != TRIB_OK)
                        continue;
                me->status = open_parcel(post->device, stream, parcel, &me->err);
                check_parcel(me, opened[i % 4]);
                opened[i % 4] = parcel;
                me->done++;
        }
        for (int i = 0; i < 4; i++)
                check_parcel(me, opened[i]);
        trib_stream_release(stream);
}

static void H01_canaries_pass_whole_between_streams_of_many_threads(void **state)
{
        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++) {
                struct post         post = { .rounds = test_scale(2000, 200000) };
                struct crowd_member members[4];
                trib_error          err = TRIB_ERROR_INIT;

                /* Copies that take a while, so that memory that comes too early shows. */
                buffers_open(&rig, "sim:fast,delay_us=100", buffers_allocators[a], 0);
                post.device = rig.device;
                crowd_run_all(members, 4, send_and_receive, &post);
                for (int i = 0; i < 4; i++) {
                        EXPECT_OK(members[i].status, &members[i].err);
                        assert_int_equal(members[i].wrong, 0);
                        assert_true(members[i].done > 0);
                }
                for (int i = 0; i < 8; i++) {
                        struct parcel *left = atomic_load(&post.shelf[i]);

                        if (left == NULL)
                                continue;
                        EXPECT_OK(trib_event_wait(left->filled, TRIB_NO_LIMIT, &err), &err);
                        buffers_release(&rig, left->buffer);
                        free(left);
                }
                assert_int_equal(buffers_stats(&rig).allocated, 0);
                buffers_close(&rig);
        }
}

/* ---- H2 --------------------------------------------------------------------------------- */

static void create_must_fail(uint32_t stream)
{
        trib_buffer buffer;
        trib_error  err;

        EXPECT_FAILS(trib_buffer_create(rig.streams[stream], WHOLE, &buffer, &err),
                     TRIB_OUT_OF_MEMORY, &err, "");
        assert_int_equal(buffer.id, 0);
}

/* The device has room for one block, so each stream gets it by migration or not at all. */
static void H02_a_block_migrates_only_behind_its_old_streams(void **state)
{
        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++) {
                trib_buffer buffer;

                buffers_open(&rig, "sim:clock=scripted", buffers_allocators[a], WHOLE);
                buffer = buffers_create(&rig, 1, WHOLE);
                (void)buffers_upload(&rig, 1, buffer);
                buffers_release(&rig, buffer);
                create_must_fail(0);
                buffers_run(&rig);
                /* Now it is stream 0's; stream 2 uses it as well, and the old one wants it back. */
                buffer = buffers_create(&rig, 0, WHOLE);
                (void)buffers_upload(&rig, 2, buffer);
                buffers_run(&rig);
                (void)buffers_upload(&rig, 0, buffer);
                buffers_release(&rig, buffer);
                create_must_fail(1);
                buffers_run(&rig);
                buffer = buffers_create(&rig, 1, WHOLE);
                assert_int_equal(buffers_stats(&rig).reserved, WHOLE);
                buffers_release(&rig, buffer);
                buffers_close(&rig);
        }
}

/* ---- H3 --------------------------------------------------------------------------------- */

static void must_be_stale(trib_buffer buffer)
{
        char       bytes[8] = { 0 };
        trib_error err;

        EXPECT_FAILS(trib_buffer_retain(rig.device, buffer, &err), TRIB_STALE, &err, "");
        EXPECT_FAILS(trib_buffer_release(rig.device, buffer, &err), TRIB_STALE, &err, "");
        EXPECT_FAILS(trib_buffer_use(buffer, rig.streams[0], &err), TRIB_STALE, &err, "");
        EXPECT_FAILS(trib_buffer_address(rig.device, buffer, NULL, NULL, &err), TRIB_STALE, &err,
                     "");
        EXPECT_FAILS(trib_stream_upload(rig.streams[0], buffer, 0, bytes, 8, &err), TRIB_STALE,
                     &err, "");
        EXPECT_FAILS(trib_stream_download(rig.streams[0], bytes, buffer, 0, 8, &err), TRIB_STALE,
                     &err, "");
}

static void H03_an_old_handle_is_stale_though_its_memory_lives_again(void **state)
{
        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++) {
                trib_buffer    old[100], now;
                unsigned char *block;

                buffers_open(&rig, "sim:fast", buffers_allocators[a], WHOLE);
                now = buffers_create(&rig, 0, WHOLE);
                block = buffers_address(&rig, now);
                for (int i = 0; i < 100; i++) {
                        old[i] = now;
                        buffers_release(&rig, now);
                        now = buffers_create(&rig, (uint32_t)i % BUFFERS_STREAMS, WHOLE);
                        assert_ptr_equal(buffers_address(&rig, now), block);
                        for (int j = 0; j <= i; j++)
                                must_be_stale(old[j]);
                }
                assert_ptr_equal(buffers_address(&rig, now), block);
                buffers_release(&rig, now);
                buffers_close(&rig);
        }
}

/* ---- H4, H7: lists of freed blocks ------------------------------------------------------ */

/* Words that pass from the thread that made the buffer to the one that releases it, as plain
 * data: the shelf's exchange orders them on the way there, the allocator on the way back. */
struct slip {
        trib_buffer buffer;
        uint64_t   *words;
        uint64_t    count, tag;
};

struct exchange {
        trib_device           *device;
        uint64_t               rounds;
        bool                   has_one_maker; /* else all make and all release */
        _Atomic(struct slip *) shelf[16];
        atomic_bool            is_over;
};

static trib_status fill_slip(trib_stream *stream, trib_device *device, struct slip *slip,
                             uint64_t tag, trib_error *err)
{
        void       *address = NULL;
        uint64_t    bytes = 0, wanted = (tag % 7 + 1) * 104;
        trib_status status = trib_buffer_create(stream, wanted, &slip->buffer, err);

        if (status == TRIB_OK)
                status = trib_buffer_address(device, slip->buffer, &address, &bytes, err);
        if (status != TRIB_OK)
                return status;
        slip->words = address;
        slip->tag = tag;
        slip->count = wanted / 8;
        if (bytes < wanted)
                slip->count = 0;
        for (uint64_t i = 0; i < slip->count; i++)
                slip->words[i] = tag;
        return TRIB_OK;
}

/* The words are as they were written, by then and now; nobody else writes here. */
static void empty_slip(struct crowd_member *me, trib_device *device, struct slip *slip)
{
        if (slip == NULL)
                return;
        me->wrong += slip->count == 0;
        for (uint64_t i = 0; i < slip->count; i++) {
                me->wrong += slip->words[i] != slip->tag;
                slip->words[i] = ~slip->tag;
        }
        me->wrong += trib_buffer_release(device, slip->buffer, &me->err) != TRIB_OK;
        free(slip);
        me->done++;
}

static void make_or_take(struct crowd_member *me)
{
        struct exchange *exchange = me->context;
        bool             is_maker = !exchange->has_one_maker || me->index == 0;
        trib_stream     *stream;

        me->status = trib_stream_acquire(exchange->device, 0, &stream, &me->err);
        for (uint64_t i = 0; me->status == TRIB_OK; i++) {
                struct slip *slip = NULL;

                if (is_maker ? i == exchange->rounds : atomic_load(&exchange->is_over))
                        break;
                if (is_maker) {
                        slip = calloc(1, sizeof(*slip));
                        me->status = fill_slip(stream, exchange->device, slip,
                                               me->index << 24 | i, &me->err);
                }
                slip = atomic_exchange(&exchange->shelf[i % 16], slip);
                if (slip == NULL)
                        (void)sched_yield();
                empty_slip(me, exchange->device, slip);
        }
        if (is_maker)
                atomic_store(&exchange->is_over, true);
        trib_stream_release(stream);
}

static void pass_slips(uint32_t allocator, uint32_t threads, bool has_one_maker)
{
        struct exchange     exchange = { .rounds = test_scale(20000, 2000000),
                                         .has_one_maker = has_one_maker };
        struct crowd_member members[8], last = { 0 };
        trib_error          err = TRIB_ERROR_INIT;

        buffers_open(&rig, "cpu:0", allocator, 0);
        exchange.device = rig.device;
        crowd_run_all(members, threads, make_or_take, &exchange);
        for (uint32_t i = 0; i < threads; i++) {
                EXPECT_OK(members[i].status, &members[i].err);
                assert_int_equal(members[i].wrong, 0);
        }
        for (int i = 0; i < 16; i++)
                empty_slip(&last, rig.device, atomic_load(&exchange.shelf[i]));
        assert_int_equal(last.wrong, 0);
        assert_int_equal(buffers_stats(&rig).allocated, 0);
        /* None was lost on its way back: the device gets every byte. */
        EXPECT_OK(trib_device_trim(rig.device, NULL, &err), &err);
        assert_int_equal(buffers_stats(&rig).reserved, 0);
        buffers_close(&rig);
}

static void H04_blocks_freed_by_many_threads_come_back_to_one_owner_once(void **state)
{
        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++)
                pass_slips(buffers_allocators[a], 6, true);
}

static void H07_a_block_freed_by_another_thread_arrives_whole(void **state)
{
        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++)
                pass_slips(buffers_allocators[a], 4, false);
}

/* ---- H5 --------------------------------------------------------------------------------- */

static void release_one(struct crowd_member *me)
{
        me->status = trib_buffer_release(rig.device, *(const trib_buffer *)me->context, &me->err);
}

static void H05_a_second_release_is_an_error_and_changes_nothing(void **state)
{
        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++) {
                struct crowd_member members[16];
                trib_buffer         buffer, other;
                trib_memory_stats   before, after;
                uint32_t            won = 0;
                trib_error          err;

                buffers_open(&rig, "sim:fast", buffers_allocators[a], 0);
                other = buffers_create(&rig, 0, 1000);
                buffer = buffers_create(&rig, 0, 1000);
                EXPECT_OK(trib_buffer_retain(rig.device, buffer, &err), &err);
                buffers_release(&rig, buffer);
                (void)buffers_address(&rig, buffer); /* still held once */
                buffers_release(&rig, buffer);
                before = buffers_stats(&rig);
                for (int i = 0; i < 10; i++)
                        must_be_stale(buffer);
                after = buffers_stats(&rig);
                assert_memory_equal(&before, &after, sizeof(before));
                (void)buffers_address(&rig, other);
                crowd_run_all(members, 16, release_one, &other);
                for (int i = 0; i < 16; i++) {
                        won += members[i].status == TRIB_OK;
                        assert_true(members[i].status == TRIB_OK ||
                                    members[i].status == TRIB_STALE);
                }
                assert_int_equal(won, 1);
                assert_int_equal(buffers_stats(&rig).allocated, 0);
                buffers_close(&rig);
        }
}

/* ---- H6 --------------------------------------------------------------------------------- */

#define SHARERS 64

struct shared {
        trib_buffer       buffer;
        uint64_t         *words;
        pthread_barrier_t barrier;
        uint32_t          rounds;
        uint64_t          successors; /* plain: rounds in which somebody got the memory next */
};

/* Write one's own word and let go. Who gets the block again does so behind all who let go, and
 * behind nothing else: the barrier comes only after it has written every word. */
static void write_and_drop(struct crowd_member *me)
{
        struct shared *shared = me->context;
        trib_buffer    next;

        for (uint32_t round = 0; round < shared->rounds; round++) {
                (void)pthread_barrier_wait(&shared->barrier);
                shared->words[me->index] = round;
                me->wrong += trib_buffer_release(rig.device, shared->buffer, &me->err) != TRIB_OK;
                if (me->index % 8 == 0 &&
                    trib_buffer_create(rig.streams[0], WHOLE, &next, NULL) == TRIB_OK) {
                        uint64_t *words = (uint64_t *)(void *)buffers_address(&rig, next);
                        /* A trim on the way may have changed the memory for other memory. */
                        bool is_same = words == shared->words && shared->successors == round;

                        for (int i = 0; is_same && i < SHARERS; i++)
                                me->wrong += words[i] != round;
                        memset(words, 0xee, WHOLE);
                        shared->successors = round + 1;
                        me->wrong += trib_buffer_release(rig.device, next, NULL) != TRIB_OK;
                }
                (void)pthread_barrier_wait(&shared->barrier);
                if (me->index != 0)
                        continue;
                me->wrong += trib_buffer_create(rig.streams[0], WHOLE, &shared->buffer,
                                                &me->err) != TRIB_OK;
                shared->words = (uint64_t *)(void *)buffers_address(&rig, shared->buffer);
                for (int i = 1; i < SHARERS; i++)
                        me->wrong += trib_buffer_retain(rig.device, shared->buffer, &me->err) !=
                                     TRIB_OK;
        }
}

static void H06_the_last_of_64_holders_frees_and_is_behind_all_of_them(void **state)
{
        (void)state;
        for (int a = 0; a < BUFFERS_ALLOCATORS; a++) {
                struct shared       shared = { .rounds = (uint32_t)test_scale(100, 10000) };
                struct crowd_member members[SHARERS];
                trib_error          err = TRIB_ERROR_INIT;

                buffers_open(&rig, "cpu:0", buffers_allocators[a], WHOLE);
                assert_int_equal(pthread_barrier_init(&shared.barrier, NULL, SHARERS), 0);
                shared.buffer = buffers_create(&rig, 0, WHOLE);
                shared.words = (uint64_t *)(void *)buffers_address(&rig, shared.buffer);
                for (int i = 1; i < SHARERS; i++)
                        EXPECT_OK(trib_buffer_retain(rig.device, shared.buffer, &err), &err);
                crowd_run_all(members, SHARERS, write_and_drop, &shared);
                for (int i = 0; i < SHARERS; i++) {
                        if (members[i].wrong != 0)
                                fail_msg("%llu wrong: %s", (unsigned long long)members[i].wrong,
                                         members[i].err.message);
                }
                for (int i = 0; i < SHARERS; i++)
                        buffers_release(&rig, shared.buffer);
                must_be_stale(shared.buffer);
                (void)pthread_barrier_destroy(&shared.barrier);
                buffers_close(&rig);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(H01_a_block_is_given_out_only_behind_its_uses_on_other_streams),
               TRIB_TEST(H01_canaries_pass_whole_between_streams_of_many_threads),
               TRIB_TEST(H02_a_block_migrates_only_behind_its_old_streams),
               TRIB_TEST(H03_an_old_handle_is_stale_though_its_memory_lives_again),
               TRIB_TEST(H04_blocks_freed_by_many_threads_come_back_to_one_owner_once),
               TRIB_TEST(H05_a_second_release_is_an_error_and_changes_nothing),
               TRIB_TEST(H06_the_last_of_64_holders_frees_and_is_behind_all_of_them),
               TRIB_TEST(H07_a_block_freed_by_another_thread_arrives_whole))
