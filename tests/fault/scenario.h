/* SPDX-License-Identifier: Apache-2.0 */
/* scenario.h: what the fault sweep runs again and again: everything that a program does with the
 * library, one step after the other, stopping at the first that fails. */
#ifndef TRIB_TESTS_SCENARIO_H
#define TRIB_TESTS_SCENARIO_H

#include "zoo.h"

#define SCENARIO_PORTS 10 /* more than a request keeps on its stack */

/* One model in use. Zeroed: nothing. */
struct in_use {
        trib_model   *model;
        trib_session *session;
        uint64_t      requests; /* that the session took */
};

/* All handles; whatever is NULL is not there. */
struct scenario {
        trib_device  *device;
        struct in_use models[ZOO_COUNT];
        struct in_use wide;
        trib_stream  *stream;
        trib_buffer   buffer;
        uint32_t      shards; /* of the device's allocator */
        uint64_t      wrong; /* results that came with TRIB_OK and are not golden */
};

/* The golden results, made once while nothing fails. */
void scenario_learn(const char *device);

/* Open a device, and use it with scenario_use. */
trib_status scenario_live(struct scenario *s, const char *device, trib_error *err);
/* Build, prepare, infer, submit, streams and buffers, on s->device. */
trib_status scenario_use(struct scenario *s, trib_error *err);
/* Close all but the device; then the device. Tolerate what is not there. */
void scenario_close_use(struct scenario *s);
void scenario_close(struct scenario *s);

/* On sessions that stay open: requests of shapes whose plans are not there any more. */
trib_status scenario_again(struct scenario *s, trib_error *err);

/* On a scripted device of its own: one stream waits for the other, each copies. */
trib_status scenario_meet(struct scenario *s, trib_error *err);

/* Load on the CPU: a crew, workloads, windows of 0.1 ms, of a closed loop, an open one, queries. */
trib_status scenario_load(trib_error *err);
/* Keep peaks in a file in `folder` and take them from there again. */
trib_status scenario_peaks(const char *folder, trib_error *err);
/* Results of every kind: conclude, compare, report in every format, read back. */
trib_status scenario_report(const char *folder, trib_error *err);
/* Read the example measurements below `source`, and conclude. */
trib_status scenario_advice(const char *source, trib_error *err);
/* Plan some windows. */
trib_status scenario_plan(trib_error *err);

/* .npy files and DLPack; `folder` ends without a slash. */
trib_status scenario_exchange(const char *folder, trib_error *err);

#endif
