/* SPDX-License-Identifier: Apache-2.0 */
/* preflight.h: whether the library that is about to be tested is the one that the test program was
 * built with. Every test program asks before its first case (test_main.h). */
#ifndef TRIB_TESTS_PREFLIGHT_H
#define TRIB_TESTS_PREFLIGHT_H

#include <stdbool.h>

/* `build` and `version` are what the program was compiled with. False, with a line on stderr, if
 * the library says something else. */
bool preflight_passes(const char *build, const char *version);

#endif
