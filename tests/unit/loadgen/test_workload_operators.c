/* SPDX-License-Identifier: Apache-2.0 */
/* test_workload_operators.c: FLOPs and bytes of every workload's operators, by formulas worked out
 * here, and against what the plan of the same model says. */
#include "test_main.h"

#include <math.h>

#include "loadgen/workload_model.h"

static struct trib__load_operator operators[TRIB__LOAD_OPERATORS_MAX];

static size_t list(const char *text, trib_precision precision)
{
        struct trib__load_spec spec;

        assert_int_equal(trib__load_spec_parse(text, &spec, NULL), TRIB_OK);
        return trib__load_spec_operators(&spec, precision, operators);
}

static void expect(size_t index, const char *name, double count, const double costs[3])
{
        const struct trib__load_operator *one = &operators[index];

        assert_string_equal(one->name, name);
        assert_true(one->count == count);
        if (one->flops != costs[0] || one->bytes != costs[1] || one->shared_bytes != costs[2])
                fail_msg("%s: %.0f FLOPs, %.0f bytes, %.0f shared", name, one->flops, one->bytes,
                         one->shared_bytes);
}

#define EXPECT(index, name, count, ...) expect(index, name, count, (double[]){ __VA_ARGS__ })

static void operators_cost_what_the_formulas_say(void **state)
{
        (void)state;
        assert_int_equal(list("noop", TRIB_PRECISION_HIGH), 0);
        assert_int_equal(list("20x30x4", TRIB_PRECISION_HIGH), 1);
        EXPECT(0, "linear", 1, 2 * 20 * 30 * 4, 4 * (630 + 4 * 50), 4 * 630);
        assert_int_equal(list("mlp:20x30x10x4", TRIB_PRECISION_HIGH), 3);
        EXPECT(1, "linear", 1, 2 * 30 * 30 * 4, 4 * (930 + 4 * 60), 4 * 930);
        EXPECT(2, "linear", 1, 2 * 30 * 10 * 4, 4 * (310 + 4 * 40), 4 * 310);
        /* Two matrices of 6 rows and 3 columns: 2 (6 3 3 - 9 9 / 2 + 27 / 3) each. */
        assert_int_equal(list("lu:6x3x2", TRIB_PRECISION_HIGH), 3);
        EXPECT(0, "lu", 1, 2 * 2 * (54 - 40.5 + 9), 2 * 4 * (18 + 24), 0);
        EXPECT(1, "lu_factors", 1, 0, 2 * 4 * (24 + 18), 0);
        EXPECT(2, "lu_pivots", 1, 0, 2 * 4 * 6, 0);
        /* 100 rows of 10 numbers each. */
        assert_int_equal(list("sparse:100x1000x1%x7", TRIB_PRECISION_HIGH), 1);
        EXPECT(0, "sparse_matmul", 1, 2 * 1000 * 7, 12 * 1000 + 8 * 101 + 4 * 7 * 1100,
               12 * 1000 + 8 * 101);
        assert_int_equal(list("transformer:10x64x4x3", TRIB_PRECISION_HIGH), 6);
        EXPECT(0, "layer_norm", 2, 8 * 30 * 64, 4 * 2 * 30 * 64, 0);
        EXPECT(1, "linear", 4, 2 * 30 * 64 * 64, 4 * (64 * 65 + 2 * 30 * 64), 4 * 64 * 65);
        EXPECT(2, "attention", 1, 3 * 100 * (4 * 64 + 16), 4 * 4 * 30 * 64, 0);
        EXPECT(3, "add", 2, 30 * 64, 4 * 3 * 30 * 64, 0);
        EXPECT(4, "linear", 1, 2 * 30 * 64 * 256, 4 * (65 * 256 + 30 * 320), 4 * 65 * 256);
        EXPECT(5, "linear", 1, 2 * 30 * 64 * 256, 4 * (257 * 64 + 30 * 320), 4 * 257 * 64);
        assert_int_equal(list("conv:8x6x7x2", TRIB_PRECISION_HIGH), 3);
        EXPECT(0, "conv2d", 2, 2.0 * 84 * 8 * 72, 4 * (8 * 73 + 2 * 84 * 8), 4 * 8 * 73);
        EXPECT(1, "add", 1, 84 * 8, 4 * 3 * 84 * 8, 0);
        EXPECT(2, "relu", 1, 84 * 8, 4 * 2 * 84 * 8, 0);
}

/* bf16 factors of products, at half the bytes; all else as before. */
static void medium_precision_halves_the_constants_of_products(void **state)
{
        (void)state;
        assert_int_equal(list("20x30x4", TRIB_PRECISION_MEDIUM), 1);
        EXPECT(0, "linear", 1, 2 * 20 * 30 * 4, 2 * 600 + 4 * (30 + 4 * 50), 2 * 600 + 4 * 30);
        assert_string_equal(operators[0].dtype, "medium");
        assert_int_equal(list("transformer:10x64x4x3", TRIB_PRECISION_MEDIUM), 6);
        assert_string_equal(operators[0].dtype, "f32");
        assert_string_equal(operators[2].dtype, "medium");
        assert_int_equal(list("lu:6x3x2", TRIB_PRECISION_MEDIUM), 3);
        assert_string_equal(operators[0].dtype, "f32");
        assert_int_equal(list("sparse:100x1000x1%x7", TRIB_PRECISION_MEDIUM), 1);
        assert_string_equal(operators[0].dtype, "f32");
}

static void plan_of(const char *text, trib_plan_info *info)
{
        struct trib__load_spec  spec;
        struct trib__load_ports ports;
        trib_device            *device;
        trib_model_builder     *builder;
        trib_model             *model;
        trib_session           *session;
        trib_tensor             input;

        assert_int_equal(trib__load_spec_parse(text, &spec, NULL), TRIB_OK);
        trib__load_spec_ports(&spec, &ports);
        assert_int_equal(trib_device_open("sim:fast", NULL, &device, NULL), TRIB_OK);
        assert_int_equal(trib_model_builder_create(&builder, NULL), TRIB_OK);
        assert_int_equal(trib__load_describe(&spec, 1, builder, NULL), TRIB_OK);
        assert_int_equal(trib_model_build(builder, device, &model, NULL), TRIB_OK);
        trib_model_builder_destroy(builder);
        assert_int_equal(trib_session_open(model, NULL, &session, NULL), TRIB_OK);
        input = trib_tensor_from(ports.input.dtype, NULL, ports.input.rank, ports.input.shape);
        assert_int_equal(trib_session_prepare(session, &input, 1, info, NULL), TRIB_OK);
        assert_int_equal(trib_session_close(session, NULL), TRIB_OK);
        trib_model_close(model);
        trib_device_close(device);
}

/* Every byte is the plan's; of the FLOPs, the plan also counts biases and fused activations. */
static void operators_cost_what_the_plan_says(void **state)
{
        static const char *const texts[] = { "20x30x4", "mlp:200x300x10x4", "lu:60x30x2",
                                             "lu:30x60", "sparse:100x1000x1%x7",
                                             "transformer:100x64x4x3", "conv:8x16x17x2" };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                size_t         count = list(texts[i], TRIB_PRECISION_HIGH), steps = 0;
                double         flops = 0, bytes = 0;
                trib_plan_info info;

                for (size_t k = 0; k < count; k++) {
                        flops += operators[k].count * operators[k].flops;
                        bytes += operators[k].count * operators[k].bytes;
                        steps += (size_t)operators[k].count;
                }
                plan_of(texts[i], &info);
                if (steps != info.steps || bytes != info.bytes || flops > info.flops
                    || flops < 0.95 * info.flops)
                        fail_msg("%s: %zu steps %.0f bytes %.0f FLOPs, and the plan %u, %.0f, %.0f",
                                 texts[i], steps, bytes, flops, info.steps, info.bytes,
                                 info.flops);
        }
}

TRIB_TEST_MAIN(TRIB_TEST(operators_cost_what_the_formulas_say),
               TRIB_TEST(medium_precision_halves_the_constants_of_products),
               TRIB_TEST(operators_cost_what_the_plan_says))
