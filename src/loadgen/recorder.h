/* SPDX-License-Identifier: Apache-2.0 */
/* recorder.h: keeps single requests of a run, with the parts of their time, for a trace.
 *
 * Nouns. A *record* is one request of one thread. A *stage* is what the run did when it was asked:
 * "round 2 of 5: 8 threads on ...". A *block* is some records of one thread in one stage; threads
 * take blocks from one pool, which is all the memory there is. A stage may take its part of them
 * and no more, so that each is seen from its beginning; what did not fit is counted.
 *
 *     recorder ── stages[]                    (one thread says which one it is)
 *         ├────── blocks[] ── records[]       (a thread fills its own block)
 *         └────── seats[], one a thread
 *
 * Locks: none. The pool and the stage are atomic words; a seat and the blocks that it took belong
 * to its thread until the run is over. */
#ifndef TRIB_LOADGEN_RECORDER_H
#define TRIB_LOADGEN_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tributary/session.h>

#include "base/atomic.h"

#define TRIB__RECORDS_MAX 32768u /* of one run, whatever its length */
#define TRIB__BLOCK_RECORDS 16u
#define TRIB__STAGES_MAX 2048u
#define TRIB__STAGE_TEXT 160

/* The parts of a request's time, in the order in which they are drawn. */
enum trib__part {
        TRIB__PART_ADMISSION,
        TRIB__PART_LOCK,
        TRIB__PART_SUBMISSION,
        TRIB__PART_QUEUE,
        TRIB__PART_SERIAL,
        TRIB__PART_DEVICE,
        TRIB__PART_COPY,
        TRIB__PART_NOTIFICATION,
        TRIB__PART_DESCHEDULED,
        TRIB__PARTS
};

const char *trib__part_name(enum trib__part part);

/* A wait, in which the request gets no further. */
bool trib__part_is_wait(enum trib__part part);

#define TRIB__NO_STREAM UINT32_MAX

struct trib__record {
        uint64_t began, ended;           /* trib__now, by the one who asked            */
        uint64_t parts_ns[TRIB__PARTS];  /* all 0: not taken apart                     */
        uint32_t stream;                 /* TRIB__NO_STREAM: not known                 */
        bool     is_failed;
};

struct trib__block {
        uint32_t            stage;
        uint32_t            thread;
        uint32_t            count;
        struct trib__record records[TRIB__BLOCK_RECORDS];
};

struct trib__stage {
        char             text[TRIB__STAGE_TEXT];
        uint64_t         began, ended; /* trib__now */
        trib__atomic_u64 requests;     /* that ended in it, kept or not */
        trib__atomic_u64 blocks;       /* taken */
};

struct trib__recorder;

/* What: an empty recorder for so many threads, of a run that is expected to have so many stages.
 * Ownership: the caller destroys *out, NULL on failure.
 * Errors: TRIB_OUT_OF_MEMORY. */
TRIB_MUST_USE trib_status trib__recorder_create(unsigned threads, unsigned stages,
                                                struct trib__recorder **out, trib_error *err);
void trib__recorder_destroy(struct trib__recorder *recorder); /* NULL is fine */

/* What: the run is at this now; the same text again is the same stage. NULL recorder: nothing.
 * Threads: one. Requests may run. */
void trib__recorder_stage(struct trib__recorder *recorder, const char *text);

/* What: a request that the calling thread has just made, as thread `thread`. Its parts are asked
 * for here. Threads: any, each with its own number. Blocks: no. */
void trib__recorder_add(struct trib__recorder *recorder, unsigned thread, uint64_t began,
                        uint64_t ended, trib_status status);

/* What: end the last stage; from then on nothing is added, and the below may be read. */
void trib__recorder_end(struct trib__recorder *recorder);

struct trib__recording {
        const struct trib__stage *stages;
        size_t                    stage_count;
        const struct trib__block *blocks;
        size_t                    block_count;
        unsigned                  threads;
        uint64_t                  kept, left_out;
};

void trib__recorder_read(const struct trib__recorder *recorder, struct trib__recording *out);

#endif
