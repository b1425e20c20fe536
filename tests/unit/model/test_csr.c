/* SPDX-License-Identifier: Apache-2.0 */
/* test_csr.c: sparse matrices that are right, wrong in one place, and random bytes: whatever
 * passes the check, no kernel reads outside of its arrays. */
#include "test_main.h"

#include "base/random.h"
#include "model/csr.h"

static const int32_t good_columns[5] = { 0, 2, 1, 0, 3 };
static const int32_t good_rows[4] = { 0, 2, 3, 5 };

static trib_status check(const int32_t *columns, const int32_t *rows, int64_t n_columns,
                         trib_error *err)
{
        const struct trib__csr csr = { rows, columns, 3, n_columns, 5, TRIB_I32 };

        return trib__csr_check(&csr, err);
}

static void csr_check_takes_a_good_matrix_of_either_index_type(void **state)
{
        int64_t          columns[5], rows[4];
        struct trib__csr csr = { rows, columns, 3, 4, 5, TRIB_I64 };
        trib_error       err = TRIB_ERROR_INIT;

        (void)state;
        for (int i = 0; i < 5; i++)
                columns[i] = good_columns[i];
        for (int i = 0; i < 4; i++)
                rows[i] = good_rows[i];
        assert_int_equal(check(good_columns, good_rows, 4, &err), TRIB_OK);
        assert_int_equal(trib__csr_check(&csr, &err), TRIB_OK);
        rows[3] = INT64_MAX;
        assert_int_equal(trib__csr_check(&csr, &err), TRIB_INVALID_ARGUMENT);
        columns[1] = INT64_MIN;
        rows[3] = 5;
        assert_int_equal(trib__csr_check(&csr, &err), TRIB_INVALID_ARGUMENT);
}

/* One number changed; and what the message must say. */
static void csr_check_names_the_first_wrong_place(void **state)
{
        static const struct {
                int         array; /* 0: columns, 1: row pointers */
                int         at;
                int32_t     value;
                const char *says[2];
        } table[] = {
                { 0, 1, 4, { "column 4", "0..3" } },    { 0, 0, -1, { "column -1", "row 0" } },
                { 0, 1, 0, { "column 0 after 0", "rise" } }, { 0, 4, 0, { "row 2", "rise" } },
                { 0, 0, INT32_MIN, { "value 0", "column" } }, { 1, 0, 1, { "from 1", "5 values" } },
                { 1, 3, 4, { "to 4", "5 values" } },    { 1, 1, 4, { "1 after 2", "rise" } },
                { 1, 2, 6, { "row pointers", "fall" } }, { 1, 1, -1, { "-1", "fall" } },
                { 1, 2, INT32_MAX, { "row pointers", "pass" } },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                int32_t    columns[5], rows[4];
                trib_error err = TRIB_ERROR_INIT;

                memcpy(columns, good_columns, sizeof(columns));
                memcpy(rows, good_rows, sizeof(rows));
                (table[i].array == 0 ? columns : rows)[table[i].at] = table[i].value;
                assert_int_equal(check(columns, rows, 4, &err), TRIB_INVALID_ARGUMENT);
                for (int part = 0; part < 2; part++) {
                        if (strstr(err.message, table[i].says[part]) == NULL)
                                fail_msg("case %zu said \"%s\", which has no \"%s\"", i,
                                         err.message, table[i].says[part]);
                }
        }
}

static void csr_check_lets_nothing_pass_that_leaves_the_arrays(void **state)
{
        struct trib__random random = { 5 };
        unsigned            passed = 0;

        (void)state;
        for (int run = 0; run < 200000; run++) {
                int32_t columns[5], rows[4] = { 0, 0, 0, 5 };
                int     wide = run % 2 == 0 ? 1000 : 6;

                for (int i = 0; i < 5; i++)
                        columns[i] = (int32_t)trib__random_below(&random, (uint32_t)wide) - 1;
                for (int i = run % 7 == 0 ? 0 : 1; i < 3; i++)
                        rows[i] = (int32_t)trib__random_below(&random, 8) - 1;
                if (check(columns, rows, 4, NULL) != TRIB_OK)
                        continue;
                passed++;
                for (int row = 0; row < 3; row++) {
                        assert_true(rows[row] >= 0 && rows[row] <= rows[row + 1] &&
                                    rows[row + 1] <= 5);
                        for (int i = rows[row]; i < rows[row + 1]; i++)
                                assert_in_range(columns[i], 0, 3);
                }
        }
        assert_true(passed > 50);
}

TRIB_TEST_MAIN(TRIB_TEST(csr_check_takes_a_good_matrix_of_either_index_type),
               TRIB_TEST(csr_check_names_the_first_wrong_place),
               TRIB_TEST(csr_check_lets_nothing_pass_that_leaves_the_arrays))
