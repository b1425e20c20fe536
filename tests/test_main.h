/* SPDX-License-Identifier: Apache-2.0 */
/* test_main.h: one process per case. `test_x` runs every case, `test_x NAME` runs one, and
 * `test_x --list` prints the names, from which CTest makes one test each, with a deadline. A
 * program that is linked with another library than it was built with runs nothing: status 3. */
#ifndef TRIB_TEST_MAIN_H
#define TRIB_TEST_MAIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <tributary/status.h>

#include "base/build_id.h"
#include "preflight.h"

#define TRIB_TEST_TEXT_(number) #number
#define TRIB_TEST_TEXT(number) TRIB_TEST_TEXT_(number)
#define TRIB_TEST_VERSION            \
        TRIB_TEST_TEXT(TRIB_VERSION_MAJOR) "." TRIB_TEST_TEXT(TRIB_VERSION_MINOR) "." \
        TRIB_TEST_TEXT(TRIB_VERSION_PATCH)

#define TRIB_TEST(function) cmocka_unit_test(function)

static int trib_test_run(const struct CMUnitTest *tests, size_t count, int argc, char **argv)
{
        if (!preflight_passes(TRIB__BUILD_TEXT, TRIB_TEST_VERSION))
                return 3;
        if (argc < 2)
                return _cmocka_run_group_tests("all", tests, count, NULL, NULL);
        for (size_t i = 0; i < count; i++) {
                if (strcmp(argv[1], "--list") == 0)
                        puts(tests[i].name);
                else if (strcmp(argv[1], tests[i].name) == 0)
                        return _cmocka_run_group_tests(tests[i].name, &tests[i], 1, NULL, NULL);
        }
        if (strcmp(argv[1], "--list") == 0)
                return 0;
        fprintf(stderr, "no case is named '%s'\n", argv[1]);
        return 2;
}

#define TRIB_TEST_MAIN(...)                                                                \
        int main(int argc, char **argv)                                                    \
        {                                                                                  \
                const struct CMUnitTest tests[] = { __VA_ARGS__ };                         \
                return trib_test_run(tests, sizeof(tests) / sizeof(tests[0]), argc, argv); \
        }

#endif
