/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers as people read them. */
#include <math.h>

#include "test_main.h"

#include "analysis/format.h"

static void numbers_are_grouped_by_thousands(void **state)
{
        static const struct {
                double      value;
                const char *text;
        } table[] = { { 0, "0" },         { 3, "3" },          { 0.05123, "0.0512" },
                      { 3.14159, "3.14" }, { 99.94, "99.9" },   { 99.96, "100" },
                      { 999.4, "999" },    { 999.6, "1,000" },  { 18587, "18,587" },
                      { 1234567.8, "1,234,568" }, { -18587, "-18,587" }, { -100, "-100" },
                      { 1e300, "1e+300" } };

        (void)state;
        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
                assert_string_equal(trib__grouped(table[i].value).text, table[i].text);
        assert_string_equal(trib__grouped((double)INFINITY).text, "inf");
}

static void durations_choose_their_unit(void **state)
{
        (void)state;
        assert_string_equal(trib__duration_us(0.5).text, "0.50 us");
        assert_string_equal(trib__duration_us(94.71).text, "94.7 us");
        assert_string_equal(trib__duration_us(999.6).text, "1.00 ms");
        assert_string_equal(trib__duration_us(2.5e6).text, "2.50 s");
}

static void text_is_cut_at_its_buffer_and_stays_terminated(void **state)
{
        char              buffer[8];
        struct trib__text text = trib__text_of(buffer, sizeof(buffer));

        (void)state;
        trib__text_add(&text, "%s", "12345");
        assert_false(text.is_cut);
        trib__text_add(&text, "%s", "6789");
        assert_true(text.is_cut);
        trib__text_add(&text, "%s", "more");
        assert_string_equal(buffer, "1234567");
        assert_int_equal(trib__text_room(&text), 0);
}

TRIB_TEST_MAIN(TRIB_TEST(numbers_are_grouped_by_thousands),
               TRIB_TEST(durations_choose_their_unit),
               TRIB_TEST(text_is_cut_at_its_buffer_and_stays_terminated))
