/* SPDX-License-Identifier: Apache-2.0 */
/* peaks_priv.h: what the files that measure peaks share.
 *
 * lane:  a thread that works when it is told to, with memory of its own that it touched first.
 * kind:  one of the figures: a work, and where its result goes.
 * turn:  one short measurement of one kind by some lanes at once. Its lanes begin together, and
 *        each counts its own work in its own time; the figure is the sum of what each did.
 *
 * What a turn is about is written by the starter before it raises `turn`, and read by the lanes
 * after; what lanes found is written before they raise `done`, and read by the starter after. */
#ifndef TRIB_BACKEND_CPU_PEAKS_PRIV_H
#define TRIB_BACKEND_CPU_PEAKS_PRIV_H

#include "backend/cpu/cpu_priv.h"
#include "base/machine.h"
#include "kernels/cpu/speed.h"

#define WAKES_MAX 256u

enum product { PRODUCT_F32, PRODUCT_MEDIUM, PRODUCT_F16, PRODUCTS };

struct crew;

struct lane {
        struct trib__thread thread;
        struct crew        *crew;
        uint32_t            index;
        /* By the lane itself, before the first turn. */
        unsigned char             *array;
        uint64_t                   array_bytes;
        uint64_t                   at, copy_at; /* where the next read, the next copy begins */
        struct trib__onednn_exec  *execs[PRODUCTS];
        float                     *x, *y;
        void                      *scratch;
        trib__queue               *queue;
        uint64_t                   value; /* of the queue */
        /* Of the last turn. */
        uint64_t    begin, begin_cpu;
        double      units;
        uint64_t    sum;  /* of what was read, so that no read can be left out */
        uint32_t    wakes[WAKES_MAX];
        trib_status status;
        trib_error  failure;
};

struct kind {
        trib_status (*work)(struct lane *lane, const struct kind *kind);
        uint32_t result;    /* offset in struct trib__peaks */
        uint32_t lanes;     /* 1; ALL_LANES; 2: waking      */
        uint32_t weight;    /* part of the time             */
        int      variant;   /* enum product, enum loop, enum cache */
};

#define ALL_LANES 0u

enum loop { LOOP_F32, LOOP_F64, LOOP_BF16 };
enum place { PLACE_PRIVATE, PLACE_SHARED, PLACE_MEMORY };

struct crew {
        trib__device                 *device;
        const struct trib__speed_set *speed;
        struct trib__caches           caches;
        struct trib__onednn_prim     *prims[PRODUCTS]; /* NULL: the device has no such thing */
        size_t                        scratch_bytes;
        struct lane                  *lanes;
        uint32_t                      count;
        /* Of the turn. */
        const struct kind *kind; /* NULL: set up, or end */
        uint64_t           duration;
        uint32_t           active;
        bool               is_over;
        trib__atomic_u32   turn, arrived, done;
        /* Of waking. */
        trib__atomic_u32   ping, pong;
        trib__atomic_u64   woken_at;
};

/* peaks_work.c: each works for crew->duration, and says in lane->units what it did. */
trib_status trib__peaks_loop(struct lane *lane, const struct kind *kind);
trib_status trib__peaks_multiply(struct lane *lane, const struct kind *kind);
trib_status trib__peaks_read(struct lane *lane, const struct kind *kind);
trib_status trib__peaks_copy(struct lane *lane, const struct kind *kind);
trib_status trib__peaks_submit(struct lane *lane, const struct kind *kind);
trib_status trib__peaks_wake(struct lane *lane, const struct kind *kind);
/* How long the work took until now. What a core does with its own means counts in the time that the
 * thread had a core, so that other programs, which take cores away, do not make it slower. */
double      trib__peaks_seconds(const struct lane *lane, const struct kind *kind);
bool        trib__peaks_has(const struct crew *crew, const struct kind *kind);

trib_status trib__peaks_make_products(struct crew *crew, trib_error *err) TRIB_MUST_USE;
trib_status trib__peaks_set_up(struct lane *lane) TRIB_MUST_USE;
void        trib__peaks_clear(struct lane *lane);

#endif
