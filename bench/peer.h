/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One contestant of the side-by-side benchmark, and the main program that all of them share.
 *
 * Nouns. A *contestant* is one library, used as well as we know how to. A *workload* is one linear
 * layer: out[b][o] = sum_i in[b][i] * weights[o][i] + bias[o]. A *shared* state belongs to a
 * workload and serves every thread; a *lane* is what one thread adds to it. peer_main.c holds the
 * clock, the threads, the data and the checks, so that no contestant is measured by other code.
 *
 * Locks: none. peer_main.c calls `open` and `close` from one thread while no lane exists, and each
 * lane from the one thread that opened it, many lanes at the same time.
 */
#ifndef TRIB_BENCH_PEER_H
#define TRIB_BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum peer_precision {
        PEER_HIGH,   /* fp32 throughout */
        PEER_MEDIUM, /* fp32 in and out, bf16 products, fp32 sums */
} peer_precision;

typedef struct peer_workload {
        int64_t in_features;
        int64_t out_features;
        int64_t batch;
        peer_precision precision;
} peer_workload;

/* Every function that can fail returns false, after peer_complain. */
typedef struct peer_contestant {
        const char *name;

        /* The library's version as text that stays valid. */
        const char *(*version)(void);

        /* Optional. Take one word of the command line; false if it means nothing here. */
        bool (*set_option)(const char *word);

        /* Prepare a workload. weights is [out_features][in_features], bias [out_features]; both
         * stay valid and unchanged until close. On failure *shared is NULL. */
        bool (*open)(const peer_workload *load, const float *weights, const float *bias,
                     void **shared);
        void (*close)(void *shared);

        /* Per thread. */
        bool (*thread_open)(void *shared, void **lane);
        void (*thread_close)(void *lane);

        /* One request: in is [batch][in_features], out [batch][out_features], both aligned to 64.
         * out is complete when this returns. */
        bool (*run)(void *lane, const float *in, float *out);
} peer_contestant;

/* The program's one contestant; each contestant's source file defines it. */
extern const peer_contestant peer_this;

/* Say on standard error what went wrong. Threads: any. */
void peer_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Memory aligned to 64, all zero; freed by free. NULL, after a complaint, when there is none. */
void *peer_alloc(size_t bytes);

#endif
