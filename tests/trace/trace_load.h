/* SPDX-License-Identifier: Apache-2.0 */
/* trace_load.h: work that does everything at once: buffers that wander between threads and
 * streams, requests in every way with cancels and deadlines, more threads than streams, streams
 * that hang, trims and a cap that is too low. What it computes others check (tests/stress); here
 * only the events count. */
#ifndef TRIB_TESTS_TRACE_LOAD_H
#define TRIB_TESTS_TRACE_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <tributary/tributary.h>

struct load {
        const char        *device;
        uint32_t           threads;
        uint32_t           streams;
        trib_stream_policy policy;
        uint32_t           shards;  /* of the allocator; 0: caches per stream */
        uint64_t           limit;   /* bytes; 0: none                         */
        uint32_t           rounds;  /* of each thread                         */
        uint64_t           seed;
        bool               hangs;   /* now and then a work of the simulated device is late */
        uint32_t           fails;   /* so many plans are failed beforehand    */
};

/* Buffers and streams only. */
void load_memory(const struct load *load);
/* Sessions and requests. */
void load_requests(const struct load *load);
/* Everything, so that every property that is replayed is put to the test; `scale` times as much as
 * the least. */
void load_everything(uint32_t scale, uint64_t seed);
/* Threads that come and go, devices that come and go under threads that stay. */
void load_lives(const struct load *load);
/* Threads that end in the middle of a request (a device that computes on the caller's thread). */
void load_deaths(const struct load *load);

#endif
