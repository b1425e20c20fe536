/* SPDX-License-Identifier: Apache-2.0 */
/* trace_rig.h: a ring in shared memory, and the checker as a process that reads it while the test
 * runs. Every failure of the rig itself fails the test. */
#ifndef TRIB_TESTS_TRACE_RIG_H
#define TRIB_TESTS_TRACE_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/trace.h"

/* All that the checker replays. */
#define TRACE_PROPERTIES \
        "FORMAT,S1,S2,S3,S4,S5,S7,S8,S9,S10,S11,S13,S15,T1,B1,B2,B3,B4,B6,B7,P1,P2,P3,P4,P5"

struct trace_rig {
        struct trib__trace_ring *ring;
        size_t                   size;
        pid_t                    checker;
};

/* From now on the library's events are replayed. `need`: the properties that must be put to the
 * test at least once, as "S1,B7", or NULL; `save`: a file for the trace, or NULL. No thread is in
 * the library, and nothing of it is open. */
void trace_begin(struct trace_rig *rig, const char *need, const char *save);
/* The same for a library with a defect: the checker is content if `property` is violated, or, if it
 * is NULL, if none is. */
void trace_begin_expecting(struct trace_rig *rig, const char *property);
/* Nothing runs, and nothing is held but what is open. */
void trace_quiet(void);
/* How many events there have been so far. */
uint64_t trace_count(const struct trace_rig *rig);
/* The end; everything is closed again. The checker's exit status: 0 if it is content. */
int trace_end(struct trace_rig *rig);

/* Run the checker on a file, with an option. Its exit status. */
int trace_replay(const char *option, const char *path);
/* The name of a new file, for as long as the test runs. */
const char *trace_file(void);

#endif
