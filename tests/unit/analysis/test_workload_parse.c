/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads in comments and on the command line. */
#include <math.h>

#include "analysis/measured.h"

static void assert_found(const char *text, const char *expected)
{
        struct trib__workload workload;
        char                  found[400];

        if (!trib__workload_find(text, strlen(text), &workload))
                fail_msg("nothing found in '%s'", text);
        assert_string_equal(trib__workload_text(&workload, found, sizeof(found)), expected);
}

static void workload_is_found_in_a_comment(void **state)
{
        (void)state;
        assert_found("# Published, 2025-12-17: M4 Max (40 cores, Metal 3), Linear 2048->1024, "
                     "batch 32, fp32", "Linear 2048->1024, batch 32, f32");
        assert_found("256->128", "Linear 256->128");
        assert_found("# mlp 784->10, bfloat16, batch=64 on 2 machines",
                     "mlp 784->10, batch 64, bf16");
        assert_found("7-> 8, then Linear 1->2", "Linear 1->2");
}

static void workload_is_not_found_where_there_is_none(void **state)
{
        static const char *const texts[] = { "", "# nothing", "a->b", "12->", "->12", "0->5",
                                             "5->0", "99999999999->1", "x12->5", "1-2>3" };
        struct trib__workload    workload;

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
                if (trib__workload_find(texts[i], strlen(texts[i]), &workload))
                        fail_msg("found something in '%s'", texts[i]);
}

static void workload_of_a_command_line_is_strict(void **state)
{
        static const char *const bad[] = { "", "1x2", "1x2x", "1x2x3x", "1x2x3x4", "0x1x1", " 1x2",
                                           "1X2X3", "-1x2x3", "2147483648x1x1", "1x2x3 " };
        struct trib__workload    workload;

        (void)state;
        assert_true(trib__workload_parse("2048x1024x32", &workload));
        assert_int_equal(workload.in_features, 2048);
        assert_int_equal(workload.out_features, 1024);
        assert_int_equal(workload.batch, 32);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (trib__workload_parse(bad[i], &workload))
                        fail_msg("'%s' was accepted", bad[i]);
}

static void workloads_of_unknown_kind_are_never_the_same(void **state)
{
        struct trib__workload a, b;

        (void)state;
        assert_true(trib__workload_parse("1x2x3", &a));
        b = a;
        assert_true(trib__workload_is_same(&a, &b));
        a.kind[0] = b.kind[0] = '\0';
        assert_false(trib__workload_is_same(&a, &b));
}

TRIB_TEST_MAIN(TRIB_TEST(workload_is_found_in_a_comment),
               TRIB_TEST(workload_is_not_found_where_there_is_none),
               TRIB_TEST(workload_of_a_command_line_is_strict),
               TRIB_TEST(workloads_of_unknown_kind_are_never_the_same))
