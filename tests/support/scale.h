/* SPDX-License-Identifier: Apache-2.0 */
/* scale.h: how often a test repeats itself. By default as often as fits `make test`;
 * TRIB_TEST_SCALE=N does N times as much, TRIB_TEST_SCALE=full the whole count of
 * docs/reliability.md. Builds with a sanitizer do a tenth by default. */
#ifndef TRIB_TESTS_SCALE_H
#define TRIB_TESTS_SCALE_H

#include <stdint.h>

/* At least 1, at most `full`. */
uint64_t test_scale(uint64_t gate, uint64_t full);

#endif
