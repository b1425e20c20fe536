/* SPDX-License-Identifier: Apache-2.0 */
/* test_lapack.c: opening LAPACKE, and its factors beside the reference kernel's, in double. */
#include "test_main.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/random.h"
#include "kernels/cpu/lu.h"
#include "ref_oracle.h"

#define N 70

static double input[2 * N * N], one[2 * N * (N + 1)], other[2 * N * (N + 1)];

static struct trib__lapack *open_or_skip(void)
{
        struct trib__lapack *lib;
        trib_error           err = TRIB_ERROR_INIT;
        trib_status          status = trib__lapack_open(&lib, &err);

        if (status == TRIB_NOT_FOUND || status == TRIB_UNSUPPORTED) {
                print_message("skipped: %s\n", err.message);
                skip();
        }
        assert_int_equal(status, TRIB_OK);
        return lib;
}

static void lapack_open_counts_and_leaves_nothing(void **state)
{
        uint64_t             before = trib__live_allocations();
        struct trib__lapack *first = open_or_skip(), *second = open_or_skip();

        (void)state;
        assert_ptr_equal(first, second);
        trib__lapack_close(first);
        trib__lapack_close(second);
        trib__lapack_close(NULL);
        assert_int_equal(trib__live_allocations(), before);
}

static void lapack_open_follows_the_environment(void **state)
{
        static const struct {
                const char *setting;
                trib_status status;
                const char *says;
        } table[] = { { "off", TRIB_NOT_FOUND, "TRIB_LAPACKE=off" },
                      { "liblapacke.so", TRIB_INVALID_ARGUMENT, "absolute" },
                      { "", TRIB_INVALID_ARGUMENT, "absolute" },
                      { "/nonexistent/liblapacke.so", TRIB_NOT_FOUND, "/nonexistent" },
                      { "/proc/self/exe", TRIB_NOT_FOUND, "lapack" } };

        (void)state;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                struct trib__lapack *lib = (struct trib__lapack *)input;
                trib_error           err = TRIB_ERROR_INIT;

                assert_int_equal(setenv("TRIB_LAPACKE", table[i].setting, 1), 0);
                assert_int_equal(trib__lapack_open(&lib, &err), table[i].status);
                assert_null(lib);
                assert_non_null(strstr(err.message, table[i].says));
        }
        assert_int_equal(unsetenv("TRIB_LAPACKE"), 0);
}

/* Two callers of an OpenBLAS without threads share a buffer. */
static void lapack_open_refuses_an_openblas_for_one_caller(void **state)
{
        struct trib__lapack *lib = (struct trib__lapack *)input;
        trib_error           err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(setenv("TRIB_LAPACKE", TRIB_TEST_FAKE_LAPACKE, 1), 0);
        assert_int_equal(trib__lapack_open(&lib, &err), TRIB_UNSUPPORTED);
        assert_null(lib);
        assert_non_null(strstr(err.message, "libopenblas0-pthread"));
        assert_int_equal(unsetenv("TRIB_LAPACKE"), 0);
}

/* Well-conditioned, so that both take the same pivots: the diagonal, in a known disorder. */
static void fill(struct trib__random *random, trib_dtype dtype, int64_t count)
{
        for (int64_t i = 0; i < count; i++) {
                int64_t row = i / N % N, column = i % N;

                trib__store_from_f64(dtype, input, (size_t)i,
                                     (double)trib__random_f32(random) / N +
                                             (row == (column * 3 + 1) % N ? 2.0 : 0.0));
        }
}

/* Against the reference: (m + n) roundings of numbers near 1, and the very same pivots. */
static void check_against_reference(struct trib__lapack *lib, trib_dtype dtype)
{
        const struct trib__lu lu = { lib, NULL };
        struct trib__ref_lu   p = { input, one, 2, N, N, dtype };
        double                allowed = 2 * N * ref_half_step(dtype);
        trib_error            err = TRIB_ERROR_INIT;

        assert_int_equal(trib__lu_run(&lu, &p, &err), TRIB_OK);
        p.packed = other;
        assert_int_equal(trib__ref_lu(&p), TRIB_OK);
        for (size_t i = 0; i < 2 * N * (N + 1); i++) {
                double got = trib__load_as_f64(dtype, one, i);
                double expected = trib__load_as_f64(dtype, other, i);
                int    is_pivot = i / N % (N + 1) == N;

                if (!(fabs(got - expected) <= (is_pivot ? 0 : allowed)))
                        fail_msg("element %zu is %.17g, not %.17g", i, got, expected);
        }
}

static void lapack_agrees_with_the_reference(void **state)
{
        struct trib__lapack *lib = open_or_skip();
        struct trib__random  random = { 11 };

        (void)state;
        fill(&random, TRIB_F32, 2 * N * N);
        check_against_reference(lib, TRIB_F32);
        fill(&random, TRIB_F64, 2 * N * N);
        check_against_reference(lib, TRIB_F64);
        trib__lapack_close(lib);
}

TRIB_TEST_MAIN(TRIB_TEST(lapack_open_counts_and_leaves_nothing),
               TRIB_TEST(lapack_open_follows_the_environment),
               TRIB_TEST(lapack_open_refuses_an_openblas_for_one_caller),
               TRIB_TEST(lapack_agrees_with_the_reference))
