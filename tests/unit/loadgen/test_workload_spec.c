/* SPDX-License-Identifier: Apache-2.0 */
/* test_workload_spec.c: the texts that name a workload, good and hostile. */
#include "test_main.h"

#include "loadgen/workload.h"

static void spec_reads_and_writes_every_kind(void **state)
{
        const char *const texts[] = { "2048x1024x32", "1x1x1", "2147483647x2147483647x2147483647",
                                      "mlp:64x128x10x1", "noop", "lu:3x5", "lu:64x64x7",
                                      "lu:16777216x1", "sparse:8x9x0.5%x3",
                                      "sparse:1x1x100%x1", "sparse:1x1x0.0001%x2147483647",
                                      "sparse:5x5x33.3333%x1", "transformer:128x256x8",
                                      "transformer:1x8x8x3", "conv:64x56x56", "conv:3x7x5x2" };
        char              written[96];

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct trib__load_spec spec;

                assert_int_equal(trib__load_spec_parse(texts[i], &spec, NULL), TRIB_OK);
                assert_string_equal(trib__load_spec_text(&spec, written, sizeof(written)),
                                    texts[i]);
        }
}

static void spec_takes_linear_by_name(void **state)
{
        struct trib__load_spec spec;

        (void)state;
        assert_int_equal(trib__load_spec_parse("linear:256x128x8", &spec, NULL), TRIB_OK);
        assert_int_equal(spec.kind, TRIB__LOAD_LINEAR);
        assert_int_equal(spec.in_features, 256);
        assert_int_equal(spec.out_features, 128);
        assert_int_equal(spec.batch, 8);
}

static void spec_refuses_what_it_does_not_understand(void **state)
{
        const char *const texts[] = { "",          "x",          "1x2",       "1x2x",
                                      "1x2x3x4",   "-1x2x3",     "1x2x3 ",    " 1x2x3",
                                      "1X2X3",     "0x10x2x3x4", "mlp:1x2x3", "linear:",
                                      "Noop",      "noop:1x1x1", "1.5x2x3",   "1x2xthree",
                                      "%s%s%s%n",  "1xx2x3",     "lu:4",      "lu:4x",
                                      "lu:1x2x3x4", "lu",        "sparse:1x2x3x4",
                                      "sparse:1x2x%x4", "sparse:1x2x.5%x4", "sparse:1x2x3%",
                                      "sparse:1x2x3%%x4", "sparse:1x2x1.23456%x4",
                                      "sparse:1x2x-1%x4", "sparse:1x2x1e1%x4",
                                      "sparse:1x2x0%x4", "sparse:1x2x0.00%x4",
                                      "sparse:1x2x100.0001%x4", "lu:16777217x1", "lu:0x1",
                                      "conv:1x2",
                                      "conv:1x2x3x4x5", "transformer:1x2", "transformer:4x10x3",
                                      "transformer:4x10x0", "transformer", "convolution:1x2x3",
                                      "sparse:1x2x99999999999999999999%x4" };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                struct trib__load_spec spec;
                trib_error             err = TRIB_ERROR_INIT;

                assert_int_equal(trib__load_spec_parse(texts[i], &spec, &err),
                                 TRIB_INVALID_ARGUMENT);
                assert_true(err.message[0] != '\0');
        }
}

static void spec_names_the_size_that_is_impossible(void **state)
{
        struct trib__load_spec spec;
        trib_error             err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(trib__load_spec_parse("0x4x1", &spec, &err), TRIB_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "in_features is 0, must be 1 .. 2147483647"));
        assert_int_equal(trib__load_spec_parse("4x2147483648x1", &spec, &err),
                         TRIB_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "out_features is 2147483648"));
        assert_int_equal(trib__load_spec_parse("4x4x99999999999999999999999", &spec, &err),
                         TRIB_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "batch is 99999999999999999999999"));
        assert_int_equal(trib__load_spec_parse("lu:16777217x1", &spec, &err),
                         TRIB_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "rows is 16777217, must be 1 .. 16777216"));
        assert_int_equal(trib__load_spec_parse("sparse:1x2x101%x4", &spec, &err),
                         TRIB_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "density is 101%, must be 0.0001% .. 100%"));
        assert_int_equal(trib__load_spec_parse("sparse:1x2", &spec, &err), TRIB_INVALID_ARGUMENT);
        assert_non_null(strstr(err.message, "is not sparse:ROWSxCOLUMNSxDENSITY%xWIDTH"));
}

static void spec_bytes_refuse_to_overflow(void **state)
{
        struct trib__load_spec spec;
        trib_error             err = TRIB_ERROR_INIT;
        uint64_t               bytes;

        (void)state;
        assert_int_equal(trib__load_spec_parse("2147483647x2147483647x1", &spec, &err), TRIB_OK);
        assert_int_equal(trib__load_spec_bytes(&spec, 1, &bytes, &err), TRIB_OVERFLOW);
        assert_int_equal(trib__load_spec_parse("2147483647x1x2147483647", &spec, &err), TRIB_OK);
        assert_int_equal(trib__load_spec_bytes(&spec, 1024, &bytes, &err), TRIB_OVERFLOW);
        assert_int_equal(trib__load_spec_parse("lu:16777216x16777216x65536", &spec, &err), TRIB_OK);
        assert_int_equal(trib__load_spec_bytes(&spec, 1, &bytes, &err), TRIB_OVERFLOW);
        assert_int_equal(trib__load_spec_parse("sparse:2147483647x2147483647x100%x1", &spec, &err),
                         TRIB_OK);
        assert_int_equal(trib__load_spec_bytes(&spec, 1, &bytes, &err), TRIB_OVERFLOW);
        assert_int_equal(trib__load_spec_parse("conv:2147483647x2147483647x2147483647", &spec,
                                               &err), TRIB_OK);
        assert_int_equal(trib__load_spec_bytes(&spec, 1, &bytes, &err), TRIB_OVERFLOW);
        assert_int_equal(trib__load_spec_parse("transformer:2147483647x64x2x2147483647", &spec,
                                               &err), TRIB_OK);
        assert_int_equal(trib__load_spec_bytes(&spec, 1, &bytes, &err), TRIB_OVERFLOW);
        assert_int_equal(trib__load_spec_parse("1024x512x16", &spec, &err), TRIB_OK);
        assert_int_equal(trib__load_spec_bytes(&spec, 2, &bytes, &err), TRIB_OK);
        assert_int_equal(bytes, 4 * (3 * 1024 * 512 + 2 * 16 * 1024 + 4 * 16 * 512));
}

static void spec_cost_is_the_textbooks(void **state)
{
        struct trib__load_spec spec;
        double                 flops, bytes;

        (void)state;
        assert_int_equal(trib__load_spec_parse("2048x1024x32", &spec, NULL), TRIB_OK);
        trib__load_spec_cost(&spec, &flops, &bytes);
        assert_float_equal(flops, 2.0 * 32 * 2048 * 1024, 0.5);
        assert_float_equal(bytes, 4.0 * (2048.0 * 1024 + 1024 + 32 * (2048 + 1024)), 0.5);
        assert_int_equal(trib__load_spec_parse("lu:300x300x2", &spec, NULL), TRIB_OK);
        trib__load_spec_cost(&spec, &flops, &bytes);
        assert_float_equal(flops, 2 * 2.0 / 3 * 300 * 300 * 300, 0.5);
        assert_float_equal(bytes, 2 * 4.0 * (2 * 300 * 300 + 300), 0.5);
        assert_int_equal(trib__load_spec_parse("sparse:100x200x5%x7", &spec, NULL), TRIB_OK);
        trib__load_spec_cost(&spec, &flops, &bytes);
        assert_float_equal(flops, 2.0 * 100 * 10 * 7, 0.5);
        assert_float_equal(bytes, 12.0 * 1000 + 8 * 101 + 4 * 7 * 300, 0.5);
        assert_int_equal(trib__load_spec_parse("transformer:10x64x4x3", &spec, NULL), TRIB_OK);
        trib__load_spec_cost(&spec, &flops, &bytes);
        assert_float_equal(flops, 24.0 * 30 * 64 * 64 + 4.0 * 3 * 10 * 10 * 64, 0.5);
        assert_int_equal(trib__load_spec_parse("conv:8x6x7x2", &spec, NULL), TRIB_OK);
        trib__load_spec_cost(&spec, &flops, &bytes);
        assert_float_equal(flops, 2.0 * (2 * 6 * 7 * 8) * (2 * 8 * 9 + 1), 0.5);
        assert_int_equal(trib__load_spec_parse("noop", &spec, NULL), TRIB_OK);
        trib__load_spec_cost(&spec, &flops, &bytes);
        assert_float_equal(flops, 0.0, 0.0);
}

TRIB_TEST_MAIN(TRIB_TEST(spec_reads_and_writes_every_kind), TRIB_TEST(spec_takes_linear_by_name),
               TRIB_TEST(spec_refuses_what_it_does_not_understand),
               TRIB_TEST(spec_names_the_size_that_is_impossible),
               TRIB_TEST(spec_bytes_refuse_to_overflow), TRIB_TEST(spec_cost_is_the_textbooks))
