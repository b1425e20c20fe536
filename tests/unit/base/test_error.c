/* SPDX-License-Identifier: Apache-2.0 */
/* test_error.c: statuses, their texts, and how messages are written and cut. */
#include "test_main.h"

#include <errno.h>

#include "base/error.h"

static void status_names_are_those_of_the_list(void **state)
{
        (void)state;
        assert_string_equal(trib_status_name(TRIB_OK), "OK");
        assert_string_equal(trib_status_name(TRIB_TIMED_OUT), "TIMED_OUT");
        assert_string_equal(trib_status_name(TRIB_INTERNAL), "INTERNAL");
        assert_string_equal(trib_status_name((trib_status)24), "?");
        assert_string_equal(trib_status_name((trib_status)-1), "?");
}

static void every_status_has_a_text_of_its_own(void **state)
{
        (void)state;
        for (int a = 0; a <= TRIB_INTERNAL; a++)
                for (int b = 0; b < a; b++)
                        assert_string_not_equal(trib_status_text((trib_status)a),
                                                trib_status_text((trib_status)b));
        assert_string_equal(trib_status_text((trib_status)1000), "no such status");
}

static void version_is_that_of_the_header(void **state)
{
        char expected[32];

        (void)state;
        (void)snprintf(expected, sizeof(expected), "%d.%d.%d", TRIB_VERSION_MAJOR,
                       TRIB_VERSION_MINOR, TRIB_VERSION_PATCH);
        assert_string_equal(trib_version(), expected);
}

static void fail_fills_the_error_and_returns_its_status(void **state)
{
        trib_error err = TRIB_ERROR_INIT;

        (void)state;
        assert_int_equal(trib__fail(&err, TRIB_IO, "offset %d: %s", 12, "100%s"), TRIB_IO);
        assert_int_equal(err.status, TRIB_IO);
        assert_string_equal(err.message, "offset 12: 100%s");
        assert_int_equal(trib__fail(NULL, TRIB_BUSY, "nobody listens"), TRIB_BUSY);
}

static void fail_cuts_a_long_message(void **state)
{
        trib_error err = TRIB_ERROR_INIT;
        char       text[600];

        (void)state;
        memset(text, 'x', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        assert_int_equal(trib__fail(&err, TRIB_IO, "%s", text), TRIB_IO);
        assert_int_equal(strlen(err.message), TRIB_ERROR_TEXT_BYTES - 1);
}

static void fail_may_quote_the_old_message(void **state)
{
        trib_error err = TRIB_ERROR_INIT;

        (void)state;
        (void)trib__fail(&err, TRIB_IO, "disk full");
        (void)trib__fail(&err, TRIB_SYSTEM, "saving: %s", err.message);
        assert_string_equal(err.message, "saving: disk full");
}

static void prefix_goes_in_front_and_is_cut(void **state)
{
        trib_error err = TRIB_ERROR_INIT;
        char       text[600];

        (void)state;
        (void)trib__fail(&err, TRIB_IO, "disk full");
        trib__error_prefix(&err, "file %s", "a.npy");
        assert_string_equal(err.message, "file a.npy: disk full");
        assert_int_equal(err.status, TRIB_IO);
        memset(text, 'x', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        trib__error_prefix(&err, "%s", text);
        assert_int_equal(strlen(err.message), TRIB_ERROR_TEXT_BYTES - 1);
        for (int room = 0; room < 8; room++) {
                (void)trib__fail(&err, TRIB_IO, "disk full");
                text[TRIB_ERROR_TEXT_BYTES - 1 - room] = '\0';
                trib__error_prefix(&err, "%s", text);
                assert_int_equal(strlen(err.message), TRIB_ERROR_TEXT_BYTES - 1);
        }
        trib__error_prefix(NULL, "nobody listens");
}

static void errno_text_fits_any_buffer(void **state)
{
        char text[64], tiny[4];

        (void)state;
        assert_string_equal(trib__errno_text(ENOENT, text, sizeof(text)),
                            "No such file or directory");
        assert_ptr_equal(trib__errno_text(ENOENT, tiny, sizeof(tiny)), tiny);
        assert_true(strlen(tiny) < sizeof(tiny));
        assert_true(strlen(trib__errno_text(99999, text, sizeof(text))) > 0);
}

TRIB_TEST_MAIN(TRIB_TEST(status_names_are_those_of_the_list),
               TRIB_TEST(every_status_has_a_text_of_its_own),
               TRIB_TEST(version_is_that_of_the_header),
               TRIB_TEST(fail_fills_the_error_and_returns_its_status),
               TRIB_TEST(fail_cuts_a_long_message), TRIB_TEST(fail_may_quote_the_old_message),
               TRIB_TEST(prefix_goes_in_front_and_is_cut), TRIB_TEST(errno_text_fits_any_buffer))
