/* SPDX-License-Identifier: Apache-2.0 */
/* keepers.c: see storm.h. A buffer is filled with one word that follows from (keeper, number), and
 * that word must be in it as long as anybody holds it. Some are passed on through pigeonholes, of
 * which each has a lock; who takes one from there reads it on a stream of its own, and drops it
 * while its stream may still be reading. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "storm.h"

#define OPS_PER_LEASE 64
#define LEASES_PER_TRIM 32
#define LEASE_TIMEOUT_NS UINT64_C(60000000000)

struct kept {
        trib_buffer buffer; /* id 0: none */
        uint64_t    bytes;
        uint64_t    word;
        trib_event  filled;
};

#define HOLE { .mutex = PTHREAD_MUTEX_INITIALIZER }

static struct hole {
        pthread_mutex_t mutex;
        struct kept     kept;
} holes[] = { HOLE, HOLE, HOLE, HOLE };

#define HOLES (sizeof(holes) / sizeof(holes[0]))

struct hand {
        struct keeper      *keeper;
        trib_stream        *stream;
        struct trib__random random;
        uint64_t           *source; /* what an upload reads    */
        uint64_t           *target; /* what a download writes  */
};

/* Put into the hole what the hand has, and take what was there. */
static struct kept swap(struct hand *hand, struct kept mine)
{
        struct hole *hole = &holes[trib__random_below(&hand->random, (uint32_t)HOLES)];
        struct kept  theirs;

        (void)pthread_mutex_lock(&hole->mutex);
        theirs = hole->kept;
        hole->kept = mine;
        (void)pthread_mutex_unlock(&hole->mutex);
        return theirs;
}

static uint64_t draw_bytes(struct trib__random *random, uint32_t most)
{
        uint32_t kind = trib__random_below(random, 32);

        most = kind == 0 ? most : kind < 8 ? most / 8 : 2048;
        return 8 * (1 + (uint64_t)trib__random_below(random, most / 8));
}

/* A buffer full of a word of its own. The upload has ended when this returns. */
static trib_status make(struct hand *hand, struct kept *out)
{
        trib_error *err = &hand->keeper->err;
        trib_status status;

        memset(out, 0, sizeof(*out));
        out->bytes = draw_bytes(&hand->random, hand->keeper->most_bytes);
        out->word = hand->keeper->seed << 40 ^ hand->keeper->done;
        status = trib_buffer_create(hand->stream, out->bytes, &out->buffer, err);
        if (status != TRIB_OK)
                return status;
        for (uint64_t i = 0; i < out->bytes / 8; i++)
                hand->source[i] = out->word;
        status = trib_stream_upload(hand->stream, out->buffer, 0, hand->source, out->bytes, err);
        if (status == TRIB_OK)
                status = trib_stream_record(hand->stream, &out->filled, err);
        if (status == TRIB_OK)
                status = trib_event_wait(out->filled, TRIB_NO_LIMIT, err);
        return status;
}

/* Read a buffer on the hand's stream, drop it at once, and look at what was read. */
static trib_status check_and_drop(struct hand *hand, const struct kept *kept)
{
        struct keeper *keeper = hand->keeper;
        trib_error    *err = &keeper->err;
        trib_event     read;
        trib_status    status, dropped;

        status = trib_stream_wait_event(hand->stream, kept->filled, TRIB_NO_LIMIT, err);
        if (status == TRIB_OK)
                status = trib_buffer_use(kept->buffer, hand->stream, err);
        if (status == TRIB_OK)
                status = trib_stream_download(hand->stream, hand->target, kept->buffer, 0,
                                              kept->bytes, err);
        if (status == TRIB_OK)
                status = trib_stream_record(hand->stream, &read, err);
        dropped = trib_buffer_release(keeper->device, kept->buffer, err);
        if (status == TRIB_OK)
                status = trib_event_wait(read, TRIB_NO_LIMIT, err);
        if (status != TRIB_OK || dropped != TRIB_OK)
                return status != TRIB_OK ? status : dropped;
        for (uint64_t i = 0; i < kept->bytes / 8; i++) {
                if (hand->target[i] == kept->word)
                        continue;
                (void)snprintf(err->message, sizeof(err->message),
                               "a buffer of %llu bytes has %016llx at %llu, not %016llx",
                               (unsigned long long)kept->bytes,
                               (unsigned long long)hand->target[i], (unsigned long long)i * 8,
                               (unsigned long long)kept->word);
                return TRIB_INTERNAL;
        }
        keeper->done++;
        return TRIB_OK;
}

/* Make one and either keep a second hold on it while it goes through a hole, or give it away. */
static trib_status work(struct hand *hand)
{
        struct keeper *keeper = hand->keeper;
        struct kept    mine, theirs;
        trib_status    status = make(hand, &mine), dropped;
        bool           is_shared = trib__random_below(&hand->random, 2) == 0;

        if (status != TRIB_OK) {
                if (mine.buffer.id != 0)
                        (void)trib_buffer_release(keeper->device, mine.buffer, NULL);
                return status;
        }
        if (is_shared)
                status = trib_buffer_retain(keeper->device, mine.buffer, &keeper->err);
        theirs = swap(hand, mine);
        if (theirs.buffer.id != 0) {
                dropped = check_and_drop(hand, &theirs);
                status = status == TRIB_OK ? dropped : status;
        }
        if (is_shared) {
                dropped = check_and_drop(hand, &mine);
                status = status == TRIB_OK ? dropped : status;
        }
        return status;
}

static void empty_holes(struct hand *hand)
{
        for (size_t i = 0; i < HOLES; i++) {
                struct kept kept;

                (void)pthread_mutex_lock(&holes[i].mutex);
                kept = holes[i].kept;
                memset(&holes[i].kept, 0, sizeof(holes[i].kept));
                (void)pthread_mutex_unlock(&holes[i].mutex);
                if (kept.buffer.id != 0 && check_and_drop(hand, &kept) != TRIB_OK)
                        hand->keeper->wrong++;
        }
}

/* One lease of a stream: some buffers, and none left at its end. */
static trib_status lease(struct hand *hand)
{
        struct keeper *keeper = hand->keeper;
        trib_status    status;

        status = trib_stream_acquire(keeper->device, LEASE_TIMEOUT_NS, &hand->stream,
                                     &keeper->err);
        if (status != TRIB_OK)
                return status;
        for (uint32_t i = 0; i < OPS_PER_LEASE && status == TRIB_OK; i++) {
                /* Beside the requests, not instead of them. */
                (void)sched_yield();
                status = work(hand);
                if (status == TRIB_OUT_OF_MEMORY) {
                        keeper->refused++;
                        status = TRIB_OK;
                }
        }
        empty_holes(hand);
        trib_stream_release(hand->stream);
        return status;
}

void keeper_run(struct keeper *keeper)
{
        struct hand hand = { .keeper = keeper, .random = { keeper->seed } };
        trib_status status = TRIB_OK;

        hand.source = malloc(keeper->most_bytes);
        hand.target = malloc(keeper->most_bytes);
        if (hand.source == NULL || hand.target == NULL) {
                status = TRIB_OUT_OF_MEMORY;
                keeper->wrong++;
        }
        for (uint32_t n = 1; status == TRIB_OK && atomic_load(keeper->running) > 0; n++) {
                status = lease(&hand);
                if (status == TRIB_OK && n % LEASES_PER_TRIM == 0)
                        status = trib_device_trim(keeper->device, NULL, &keeper->err);
                keeper->wrong += status != TRIB_OK;
        }
        free(hand.source);
        free(hand.target);
}
