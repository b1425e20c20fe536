/* SPDX-License-Identifier: Apache-2.0 */
/* test_attention.c: attention on oneDNN: its memory, what it refuses, and that a run gives the same
 * bits each time, also beside others. Its results are the conformance suite's. */
#include "test_main.h"

#include <float.h>
#include <math.h>

#include "base/alloc.h"
#include "base/random.h"
#include "kernels/cpu/attention.h"
#include "onednn_data.h"

#define ROWS 20
#define HEADS 3
#define WIDTH 8
#define COUNT (2 * ROWS * HEADS * WIDTH)

static float q[COUNT], k[COUNT], v[COUNT], once[COUNT], again[COUNT];

static struct trib__ref_attention shape(void)
{
        return (struct trib__ref_attention){ .batch = 2, .heads = HEADS, .q_rows = ROWS,
                                             .k_rows = ROWS, .width = WIDTH, .v_width = WIDTH,
                                             .scale = 0.5, .is_causal = true,
                                             .dtype = TRIB_F32 };
}

static void attention_gives_the_same_bits_each_time(void **state)
{
        struct trib__onednn         *lib = open_or_skip();
        struct trib__ref_attention   p = shape();
        const void                  *inputs[3] = { q, k, v };
        struct trib__random          random = { 8 };
        struct trib__attention_plan *plan;
        struct trib__attention_exec *execs[2];
        uint64_t                     before = trib__live_allocations();
        void                        *scratch;
        int                          previous;

        (void)state;
        for (int i = 0; i < COUNT; i++) {
                q[i] = trib__random_f32(&random);
                k[i] = trib__random_f32(&random);
                v[i] = trib__random_f32(&random);
        }
        assert_int_equal(trib__attention_create(lib, &p, TRIB__ONEDNN_HIGH, &plan, NULL), TRIB_OK);
        for (int i = 0; i < 2; i++)
                assert_int_equal(trib__attention_exec_create(plan, &execs[i], NULL), TRIB_OK);
        scratch = trib__aligned("test.scratch", TRIB__ONEDNN_ALIGNMENT,
                                trib__attention_scratch(plan));
        assert_non_null(scratch);
        previous = trib__onednn_enter(lib);
        for (int i = 0; i < 5; i++) {
                memset(scratch, 0xff, trib__attention_scratch(plan));
                assert_int_equal(trib__attention_run_inside(execs[i % 2], inputs,
                                                            i == 0 ? once : again, scratch, NULL),
                                 TRIB_OK);
                if (i > 0)
                        assert_memory_equal(once, again, sizeof(once));
        }
        trib__onednn_leave(lib, previous);
        trib__free(scratch);
        for (int i = 0; i < 2; i++)
                trib__attention_exec_destroy(execs[i]);
        trib__attention_destroy(plan);
        trib__attention_destroy(NULL);
        trib__attention_exec_destroy(NULL);
        assert_int_equal(trib__live_allocations(), before);
        trib__onednn_close(lib);
}

/* Of the last row of v, only the last row of q hears. */
static void attention_hides_what_is_not_finite(void **state)
{
        static const float           hidden[] = { 0, NAN, INFINITY, -INFINITY, FLT_MAX };
        struct trib__onednn         *lib = open_or_skip();
        struct trib__ref_attention   p = shape();
        const void                  *inputs[3] = { q, k, v };
        struct trib__random          random = { 9 };
        struct trib__attention_plan *plan;
        struct trib__attention_exec *exec;
        const int                    seen = (ROWS - 1) * HEADS * WIDTH;
        void                        *scratch;
        int                          previous;

        (void)state;
        for (int i = 0; i < COUNT; i++)
                q[i] = k[i] = v[i] = trib__random_f32(&random);
        assert_int_equal(trib__attention_create(lib, &p, TRIB__ONEDNN_HIGH, &plan, NULL), TRIB_OK);
        assert_int_equal(trib__attention_exec_create(plan, &exec, NULL), TRIB_OK);
        scratch = trib__aligned("test.scratch", TRIB__ONEDNN_ALIGNMENT,
                                trib__attention_scratch(plan));
        assert_non_null(scratch);
        previous = trib__onednn_enter(lib);
        for (int i = 0; i < 5; i++) {
                for (int c = 0; c < HEADS * WIDTH; c++)
                        v[seen + c] = hidden[i];
                assert_int_equal(trib__attention_run_inside(exec, inputs, i == 0 ? once : again,
                                                            scratch, NULL), TRIB_OK);
                if (i == 0)
                        continue;
                assert_memory_equal(once, again, (size_t)seen * sizeof(float));
                assert_true(isnan(hidden[i]) ? isnan(again[seen])
                                             : fabsf(again[seen]) > 1e30f &&
                                                       signbit(again[seen]) == signbit(hidden[i]));
        }
        trib__onednn_leave(lib, previous);
        trib__free(scratch);
        trib__attention_exec_destroy(exec);
        trib__attention_destroy(plan);
        trib__onednn_close(lib);
}

static void attention_refuses_what_it_cannot_hold(void **state)
{
        struct trib__onednn         *lib = open_or_skip();
        struct trib__ref_attention   p = shape();
        struct trib__attention_plan *plan;
        trib_error                   err = TRIB_ERROR_INIT;

        (void)state;
        p.dtype = TRIB_F64;
        assert_int_equal(trib__attention_create(lib, &p, TRIB__ONEDNN_HIGH, &plan, &err),
                         TRIB_UNSUPPORTED);
        p = shape();
        p.q_rows = INT64_MAX;
        assert_int_not_equal(trib__attention_create(lib, &p, TRIB__ONEDNN_HIGH, &plan, &err),
                             TRIB_OK);
        assert_null(plan);
        assert_true(err.message[0] != '\0');
        trib__onednn_close(lib);
}

TRIB_TEST_MAIN(TRIB_TEST(attention_gives_the_same_bits_each_time),
               TRIB_TEST(attention_hides_what_is_not_finite),
               TRIB_TEST(attention_refuses_what_it_cannot_hold))
