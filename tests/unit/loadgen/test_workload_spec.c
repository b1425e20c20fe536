/* SPDX-License-Identifier: Apache-2.0 */
/* test_workload_spec.c: the texts that name a workload, good and hostile. */
#include "test_main.h"

#include "loadgen/workload.h"

static void spec_reads_and_writes_every_kind(void **state)
{
        const char *const texts[] = { "2048x1024x32", "1x1x1", "2147483647x2147483647x2147483647",
                                      "mlp:64x128x10x1", "noop" };
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
                                      "%s%s%s%n",  "1xx2x3" };

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
        assert_int_equal(trib__load_spec_parse("noop", &spec, NULL), TRIB_OK);
        trib__load_spec_cost(&spec, &flops, &bytes);
        assert_float_equal(flops, 0.0, 0.0);
}

TRIB_TEST_MAIN(TRIB_TEST(spec_reads_and_writes_every_kind), TRIB_TEST(spec_takes_linear_by_name),
               TRIB_TEST(spec_refuses_what_it_does_not_understand),
               TRIB_TEST(spec_names_the_size_that_is_impossible),
               TRIB_TEST(spec_bytes_refuse_to_overflow), TRIB_TEST(spec_cost_is_the_textbooks))
