/* SPDX-License-Identifier: Apache-2.0 */
/* The recorder keeps within its memory, counts what it leaves out, and gives each stage its part
 * of it. */
#include "test_main.h"

#include "base/clock.h"
#include "loadgen/loadgen.h"
#include "loadgen/recorder.h"

static void recorder_keeps_requests_by_stage_and_thread(void **state)
{
        struct trib__recorder *recorder;
        struct trib__recording recording;

        (void)state;
        assert_int_equal(trib__recorder_create(2, 2, &recorder, NULL), TRIB_OK);
        trib__recorder_stage(recorder, "one");
        trib__recorder_add(recorder, 0, 10, 20, TRIB_OK);
        trib__recorder_add(recorder, 1, 12, 22, TRIB_TIMED_OUT);
        trib__recorder_stage(recorder, "one");
        trib__recorder_stage(recorder, "two");
        trib__recorder_add(recorder, 0, 30, 40, TRIB_OK);
        trib__recorder_end(recorder);
        trib__recorder_read(recorder, &recording);
        assert_int_equal(recording.stage_count, 2);
        assert_string_equal(recording.stages[1].text, "two");
        assert_true(recording.stages[0].ended <= recording.stages[1].began);
        assert_true(recording.stages[1].ended >= recording.stages[1].began);
        assert_int_equal(recording.kept, 3);
        assert_int_equal(recording.left_out, 0);
        assert_int_equal(recording.block_count, 3);
        assert_int_equal(recording.blocks[1].thread, 1);
        assert_true(recording.blocks[1].records[0].is_failed);
        assert_int_equal(recording.blocks[1].records[0].stream, TRIB__NO_STREAM);
        assert_int_equal(recording.blocks[2].stage, 1);
        /* Relaxed: one thread. */
        assert_int_equal(trib__load_relaxed_u64(&recording.stages[0].requests), 2);
        trib__recorder_destroy(recorder);
}

static void recorder_leaves_out_what_is_too_much_and_counts_it(void **state)
{
        struct trib__recorder *recorder;
        struct trib__recording recording;
        const uint64_t         many = 3 * (uint64_t)TRIB__RECORDS_MAX;

        (void)state;
        assert_int_equal(trib__recorder_create(1, 4, &recorder, NULL), TRIB_OK);
        for (int stage = 0; stage < 4; stage++) {
                trib__recorder_stage(recorder, (const char *[]){ "a", "b", "c", "d" }[stage]);
                for (uint64_t i = 0; i < many; i++)
                        trib__recorder_add(recorder, 0, i, i + 1, TRIB_OK);
        }
        trib__recorder_end(recorder);
        trib__recorder_read(recorder, &recording);
        assert_int_equal(recording.kept, TRIB__RECORDS_MAX);
        assert_int_equal(recording.left_out, 4 * many - recording.kept);
        for (int stage = 0; stage < 4; stage++)
                /* Relaxed: one thread. */
                assert_int_equal(trib__load_relaxed_u64(&recording.stages[stage].requests), many);
        /* Each stage has its part, from its beginning. */
        assert_int_equal(recording.blocks[recording.block_count / 2].stage, 2);
        assert_int_equal(recording.blocks[recording.block_count / 2].records[0].began, 0);
        trib__recorder_destroy(recorder);
}

static void recorder_has_room_for_more_stages_than_it_keeps(void **state)
{
        struct trib__recorder *recorder;
        struct trib__recording recording;
        char                   text[32];

        (void)state;
        assert_int_equal(trib__recorder_create(1, 1, &recorder, NULL), TRIB_OK);
        for (unsigned i = 0; i < TRIB__STAGES_MAX + 5; i++) {
                (void)snprintf(text, sizeof(text), "stage %u", i);
                trib__recorder_stage(recorder, text);
                trib__recorder_add(recorder, 0, i, i + 1, TRIB_OK);
        }
        trib__recorder_end(recorder);
        trib__recorder_read(recorder, &recording);
        assert_int_equal(recording.stage_count, TRIB__STAGES_MAX);
        trib__recorder_destroy(recorder);
        trib__recorder_destroy(NULL);
        trib__recorder_stage(NULL, "none");
}

#define THREADS 4
#define EACH 20000

static void add_many(void *context, unsigned thread)
{
        for (uint64_t i = 0; i < EACH; i++)
                trib__recorder_add(context, thread, i, i + 1, TRIB_OK);
}

static void recorder_loses_nothing_between_threads(void **state)
{
        struct trib__recorder *recorder;
        struct trib__recording recording;
        struct trib__crew     *crew;

        (void)state;
        assert_int_equal(trib__recorder_create(THREADS, 2, &recorder, NULL), TRIB_OK);
        assert_int_equal(trib__crew_create(THREADS, &crew, NULL), TRIB_OK);
        for (int stage = 0; stage < 2; stage++) {
                trib__recorder_stage(recorder, stage == 0 ? "first" : "second");
                trib__crew_start(crew, THREADS, add_many, recorder);
                assert_true(trib__crew_wait(crew, TRIB__NEVER));
        }
        trib__recorder_end(recorder);
        trib__recorder_read(recorder, &recording);
        assert_int_equal(recording.kept + recording.left_out, 2 * THREADS * EACH);
        for (size_t i = 0; i < recording.block_count; i++)
                for (uint32_t k = 1; k < recording.blocks[i].count; k++)
                        assert_int_equal(recording.blocks[i].records[k].began,
                                         recording.blocks[i].records[k - 1].began + 1);
        trib__crew_destroy(crew);
        trib__recorder_destroy(recorder);
}

TRIB_TEST_MAIN(TRIB_TEST(recorder_keeps_requests_by_stage_and_thread),
               TRIB_TEST(recorder_leaves_out_what_is_too_much_and_counts_it),
               TRIB_TEST(recorder_has_room_for_more_stages_than_it_keeps),
               TRIB_TEST(recorder_loses_nothing_between_threads))
