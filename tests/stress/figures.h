/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h: how much a stress case does, what the process holds, and the line that says so.
 *
 * TRIB_TEST_SCALE is in percent of the whole: 1 (the default) is what `make test` runs, 100, also
 * called "full", is `make stress`. Builds under a sanitizer do a part of that. TRIB_TEST_SEED draws
 * other requests. */
#ifndef TRIB_TESTS_FIGURES_H
#define TRIB_TESTS_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include <tributary/tributary.h>

/* The part of `whole` that this run does, at least `least`. */
uint64_t figures_scaled(uint64_t whole, uint64_t least);
uint64_t figures_seed(void);
/* Whether memory is looked at: not under a sanitizer, which keeps what was freed. */
bool figures_are_exact(void);

/* What the process holds. Fields that cannot be read here are 0. */
struct figures {
        uint64_t resident; /* bytes of memory; 0 under a sanitizer, which keeps freed memory */
        uint64_t heap;     /* bytes that malloc has given out; 0 under a sanitizer           */
        uint64_t device;   /* bytes reserved on the device                                   */
        uint32_t files;
        uint32_t threads;
};

/* `device` may be NULL; so may `warm`: what was taken earlier. A thread that was joined may still
 * be on the system's list, so more threads than `warm` has are counted again for a while. */
void figures_take(trib_device *device, const struct figures *warm, struct figures *out);

#define FIGURES_ANY (UINT64_MAX / 4)

/* How many bytes may be added. What a device of this machine takes is heap and resident memory,
 * too, and is not counted there again. */
struct figures_bounds {
        uint64_t resident;
        uint64_t heap;
        uint64_t device;
};

/* Fails the test if `now` has more files or threads than `warm`, or more memory than allowed. */

void figures_expect_flat(const struct figures *warm, const struct figures *now,
                         const struct figures_bounds *bounds);

/* What was done, in how long. */
struct figures_line {
        const char *name;
        uint64_t    done, wrong;
        uint64_t    ns;
        const char *more; /* further text, or NULL */
};

/* Prints the line, with what grew between two moments. */
void figures_print(const struct figures_line *line, const struct figures *warm,
                   const struct figures *now);

#endif
