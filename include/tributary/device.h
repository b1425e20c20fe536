/* SPDX-License-Identifier: Apache-2.0 */
/* device.h: opening accelerators.
 *
 * A device is named "BACKEND:WHICH": "cpu:0", "sim:" with options, later "cuda:0", "metal:0".
 * Handles are counted: models and sessions keep their device alive, so closing in any order is
 * safe, and the device really closes when the last of them has. */
#ifndef TRIBUTARY_DEVICE_H
#define TRIBUTARY_DEVICE_H

#include <tributary/tensor.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct trib_device trib_device;

/* What a thread that finds no free stream of its own does. */
typedef enum trib_stream_policy {
        TRIB_STREAMS_SHARE = 0, /* borrow an idle stream of another thread, round robin; wait
                                 * in order of arrival while all of them are busy            */
        TRIB_STREAMS_WAIT = 1,  /* wait for a stream to be given back, in order of arrival, at
                                 * most the timeout                                          */
        TRIB_STREAMS_FAIL = 2   /* TRIB_NO_STREAM at once                                    */
} trib_stream_policy;

typedef struct trib_device_options {
        size_t             struct_size;       /* TRIB_DEVICE_OPTIONS_INIT sets it            */
        uint32_t           max_streams;       /* 1..64; 0 = 64                               */
        trib_stream_policy stream_policy;
        uint64_t           stream_timeout_ns; /* for TRIB_STREAMS_WAIT; 0 = 10 s             */
        uint64_t           memory_limit;      /* cap in bytes on device memory; 0 = none     */
        uint32_t           allocator_shards;  /* 0 = caches per stream; 1 or 8: that many locks */
        uint64_t           memory_timeout_ns; /* how long trib_buffer_create waits for released
                                               * memory that a stream still uses, when there is
                                               * no other; 0 = 1 s                           */
        uint32_t           memory_history;    /* events of the allocator to keep for
                                               * trib_device_describe_memory; 0 = none, at
                                               * most TRIB_MEMORY_HISTORY_MAX                */
} trib_device_options;

#define TRIB_DEVICE_OPTIONS_INIT \
        { sizeof(trib_device_options), 0, TRIB_STREAMS_SHARE, 0, 0, 0, 0, 0 }

#define TRIB_MEMORY_HISTORY_MAX 1048576

/* What a device is. Texts are terminated. */
typedef struct trib_device_info {
        char     name[64];         /* as opened, in full: "cpu:0"                            */
        char     description[128]; /* "AMD EPYC 9554, 2 cores"                               */
        char     library[128];     /* what computes: "oneDNN 2.6.3, avx512_core_bf16"        */
        uint64_t memory_bytes;
        uint32_t compute_units;    /* cores of a CPU, multiprocessors of a GPU               */
        uint32_t max_streams;
        int      is_unified;       /* 1: the device reads host memory in place               */
        int      has_medium;       /* 1: TRIB_PRECISION_MEDIUM is available                  */
        char     note[256];        /* what is missing for more, and how to get it; or empty  */
        uint32_t host_cores;       /* of a device that simulates its callers' cores; else 0  */
} trib_device_info;

/* A device that could be opened, or why it could not. */
typedef struct trib_device_probe {
        char name[64];
        char description[128];
        int  is_available;
        char missing[256]; /* what is missing and how to get it, if not available           */
} trib_device_probe;

/* Bytes of a device's memory, as the allocator sees them. */
typedef struct trib_memory_stats {
        uint64_t limit;           /* the cap; 0 = none                                       */
        uint64_t reserved;        /* taken from the device: allocated, cached and programs   */
        uint64_t reserved_peak;
        uint64_t requested;       /* asked for by live buffers                               */
        uint64_t allocated;       /* given to live buffers (requested rounded up to a class) */
        uint64_t limbo;           /* released, but a stream may still use it                 */
        uint64_t cached;          /* free for reuse by any stream                            */
        uint64_t programs;        /* held by programs: packed weights, workspaces            */
        uint64_t allocations;     /* calls that gave a buffer                                */
        uint64_t device_allocations; /* pieces that the device gave; several calls can share one */
        uint64_t out_of_memory;   /* calls that failed for want of memory                    */
        /* Calls that the stream's own cache could not serve, by the step that did. */
        uint64_t from_central;    /* memory that is free for all streams                     */
        uint64_t from_device;     /* a new piece from the device                             */
        uint64_t from_donation;   /* what the caches of all streams gave back                */
        uint64_t from_freeing;    /* a new piece, when free ones had gone back to the device */
        uint64_t from_waiting;    /* any of these, when a stream had finished its work       */
        uint64_t segments;        /* large pieces from the device, from which blocks are cut */
        uint64_t central;         /* of cached: in no stream's cache                         */
        uint64_t central_largest_run; /* the largest block that could be cut from that       */
} trib_memory_stats;

/* The speed limits of a device as measured on it, not as advertised; docs/measuring.md says how.
 * 0: not measured, or the device has no such thing. What is called unit_ is what one compute unit
 * does while the others rest; the rest is of all units at once. */
typedef struct trib_device_peaks {
        double flops_f32;         /* FLOP/s, one FMA = 2                                     */
        double flops_medium;      /* the same at TRIB_PRECISION_MEDIUM                       */
        double bytes_per_s;       /* streaming reads from memory                             */
        double submissions_per_s; /* launches without a step, all threads together           */
        double flops_f64, flops_f16;
        double unit_flops_f32, unit_flops_medium, unit_flops_f64, unit_flops_f16;
        double unit_bytes_per_s;
        double copy_bytes_per_s;       /* copies within memory; a byte counts once           */
        double unit_submissions_per_s; /* of one thread                                      */
        double wake_ns;                /* median, from waking a sleeping thread until it runs */
        double private_cache_bytes;    /* the cache of one unit: L2 of a CPU                 */
        double private_cache_bytes_per_s;
        double shared_cache_bytes;     /* the last caches before memory, all together        */
        double shared_cache_bytes_per_s;
        double unit_shared_cache_bytes_per_s;
} trib_device_peaks;

/* What: describes the index-th device that this machine has or could have, from 0.
 * Ownership: *out is filled.
 * Threads: any.   Blocks: while a driver or library is looked for.
 * Errors: TRIB_NOT_FOUND past the last one, TRIB_INVALID_ARGUMENT.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_device_probe_at(uint32_t index, trib_device_probe *out,
                                                        trib_error *err);

/* What: opens a device. Opening the same name twice gives two independent devices.
 * Ownership: *out is the caller's, until trib_device_close. NULL options: defaults.
 * Threads: any.   Blocks: while the device starts.
 * Errors: TRIB_NOT_FOUND (unknown name: the message lists what there is), TRIB_INVALID_ARGUMENT,
 * TRIB_UNSUPPORTED, TRIB_OUT_OF_MEMORY, TRIB_SYSTEM, TRIB_FORKED; *out is then NULL.
 * Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_device_open(const char *name,
                                                    const trib_device_options *options,
                                                    trib_device **out, trib_error *err);

/* What: gives up the caller's hold on a device. NULL is fine. The device closes when its models,
 * sessions and leased streams are gone too; buffers that are still held end with it.
 * Ownership: ends the caller's.
 * Threads: any, once per open.   Blocks: while the device shuts down.   Errors: none.
 * Since: 0.1 */
TRIB_API void trib_device_close(trib_device *device);

/* What: what the device is.
 * Ownership: *out is filled.   Threads: any.   Blocks: no.
 * Errors: TRIB_INVALID_ARGUMENT.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_device_get_info(const trib_device *device,
                                                        trib_device_info *out, trib_error *err);

/* What: what the device's memory is used for. The figures are read one after the other, so they
 * fit together exactly only while nothing runs.
 * Ownership: *out is filled.   Threads: any.   Blocks: no; takes time with the number of buffers.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_FORKED.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_device_get_memory(trib_device *device,
                                                          trib_memory_stats *out,
                                                          trib_error *err);

/* What: all that the allocator knows, as one JSON object: the figures of trib_memory_stats, how
 * often each step served a call, fragmentation, every segment with its runs, every block with its
 * place, holders and fences, every stream's cache with the bytes that wait for that stream, and,
 * where memory_history asks for it, the last events. Parts are read one after the other.
 * Writes as much as fits `size` bytes, terminated, and sets *needed to the bytes that the whole
 * takes with its end (as snprintf does, plus one); the next call may need more.
 * Ownership: text is the caller's; may be NULL if size is 0.
 * Threads: any.   Blocks: no longer than another thread takes from the pool of all streams.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_FORKED.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_device_describe_memory(trib_device *device, char *text,
                                                               size_t size, size_t *needed,
                                                               trib_error *err);

/* What: gives all that is free back to the device: the caches of all streams, the working memory
 * of idle streams, pieces without a live buffer. What a stream still uses stays. The next requests
 * take time to get memory again.
 * Ownership: *freed, if not NULL, gets the bytes that went back to the device.
 * Threads: any.   Blocks: while the device takes the memory back, and another thread asks it.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_FORKED.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_device_trim(trib_device *device, uint64_t *freed,
                                                    trib_error *err);

/* What: measures the device's speed limits, for about `milliseconds` (0 = 500) beside the time to
 * set up; the longer, the better. Other work on the machine makes the figures too low.
 * Ownership: *out is filled.   Threads: any, one at a time.   Blocks: for the measurement.
 * Errors: TRIB_INVALID_ARGUMENT, TRIB_OUT_OF_MEMORY, TRIB_SYSTEM, TRIB_FORKED.   Since: 0.1 */
TRIB_API TRIB_MUST_USE trib_status trib_device_measure_peaks(trib_device *device,
                                                             uint32_t milliseconds,
                                                             trib_device_peaks *out,
                                                             trib_error *err);

#ifdef __cplusplus
}
#endif
#endif
