/* SPDX-License-Identifier: Apache-2.0 */
/* stream_priv.h: the static tables under the stream pools: places, leases, the thread's record.
 *
 * All that a dying thread, a late call or a thread that gives a stream back touches is here. It is
 * static, so it outlives every pool; a pool that closes moves its place's epoch on, and the epoch
 * is part of each word, so what belongs to an old pool never acts on a new one. */
#ifndef TRIB_STREAM_STREAM_PRIV_H
#define TRIB_STREAM_STREAM_PRIV_H

#include "base/clock.h"
#include "stream/stream_pool.h"

/* A turn: a hundred times what handing over costs (some microseconds with cold caches), so that a
 * full house loses about 1 %; and a quarter of a time slice of the scheduler, so that waiting for a
 * turn takes no longer than waiting for a core may. */
#define TRIB__TURN_NS (TRIB__NS_PER_SECOND / 1000)

#define TRIB__NO_HOME TRIB__NO_STREAM_INDEX

/* The lease word: {epoch: 32, tag: 28, wanted: 1, kind: 3}. 0: no pool has it. */
#define TRIB__LEASE_KIND UINT64_C(7)
#define TRIB__LEASE_WANTED UINT64_C(8) /* somebody queues: not to be had past the queue */
#define TRIB__LEASE_TAG_SHIFT 4
#define TRIB__LEASE_TAG_MASK UINT64_C(0xfffffff)
#define TRIB__LEASE_EPOCH (~UINT64_C(0xffffffff))

enum trib__lease_kind {
        TRIB__LEASE_FREE,
        TRIB__LEASE_LEASED, /* tag: the user's (session), or 0                               */
        TRIB__LEASE_KEPT,   /* free for the thread with number `tag`, whose turn is not over */
        TRIB__LEASE_HUNG,   /* has abandoned work ahead                                      */
        TRIB__LEASE_ORPHAN  /* its holder has died; tag: as it was                           */
};

struct trib__lease {
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 word;

        /* Holder of the lease only. */
        uint64_t            held;   /* the word without WANTED                              */
        struct trib_stream *stream; /* NULL: not made yet                                   */
        uint64_t turn_until; /* the end of the holder's turn, if `crowd` is the place's     */
        uint32_t crowd;
        bool     is_request; /* of a thread, for a request; else of whoever has the stream  */
};

/* A thread that waits for a stream, on its own stack. Under the place's mutex, but for `word`. */
struct trib__waiter {
        struct trib__waiter *next;
        uint32_t             tag;
        uint32_t             number;     /* of the thread                                   */
        bool                 is_request;
        bool                 needs_home; /* policy wait: takes the giver's home over        */
        bool                 has_home;   /* it did                                          */
        struct trib__lease  *lease;      /* leased on this thread's behalf                  */
        trib__atomic_u32     word;       /* 1: so it is; the record is not touched any more */
};

struct trib__stream_place {
        /* Odd while a pool has the place, even while it is free. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u32 epoch;
        trib__atomic_u32 crowd; /* how often the queue became non-empty */

        struct trib__mutex   mutex;
        uint32_t             n_streams; /* under mutex, as all below */
        struct trib__waiter *first, **last;
        uint32_t             n_waiting;
        struct trib__stream_counts counts;

        /* {epoch, thread number} of each stream's owner; 0: nobody's. Taken and given back by
         * threads that start and end, so the words need no lines of their own. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 owners[TRIB__MAX_STREAMS];
        struct trib__lease leases[TRIB__MAX_STREAMS];
};

extern struct trib__stream_place trib__stream_places[TRIB__MAX_DEVICES];

struct trib__home {
        uint32_t epoch; /* 0: none */
        uint32_t stream;
};

/* What a thread knows of itself; its exit hook reads this and writes static words only. */
struct trib__stream_thread {
        struct trib__home homes[TRIB__MAX_DEVICES];

        struct trib__lease *held;   /* leased for the request that this thread runs          */
        trib__atomic_u32   *inside; /* a static count that this thread is counted in         */

        struct trib__lease *kept; /* given back within the turn, ours while its word is this */
        uint64_t            kept_word;
        uint64_t            returned_at; /* the last return while others waited; 0: none     */
        bool                is_quick;    /* came back at once the last time                  */

        uint32_t number; /* 0: not given yet */
        bool     is_watched; /* the hook will run */
        /* How often the hook has run. Destructors of the program's may run after it and infer
         * again; the hook then runs again, but only so often. A home taken after the last time
         * would never be given back, so there is none then; such a thread can still borrow. */
        uint32_t hook_rounds;
};

extern _Thread_local struct trib__stream_thread trib__stream_thread;

/* A place in the static table, taken by a pool while it lives. */
trib_status trib__binding_open(uint32_t n_streams, uint32_t *place, uint32_t *epoch,
                               trib_error *err) TRIB_MUST_USE;
/* No request runs. Waits for late calls that hold a lease for a moment (see the fast path). */
void trib__binding_close(uint32_t place, uint32_t epoch);

/* Give the calling thread its number, and see to it that its end is noticed: false if not. */
bool trib__binding_watch(void);

/* The calling thread's home in {place, epoch}, or TRIB__NO_HOME. No atomic operation. */
uint32_t trib__binding_home(uint32_t place, uint32_t epoch);
/* Take a home that nobody has; TRIB__NO_HOME if all are taken, or if the thread's end could not be
 * noticed. */
uint32_t trib__binding_take(uint32_t place, uint32_t epoch, uint32_t n_streams);
/* Pass the calling thread's home, if it is `stream`, or one that nobody has, on to the thread
 * `number`: false if it is neither. That thread then calls trib__binding_accept. */
bool trib__binding_pass(uint32_t place, uint32_t epoch, uint32_t stream, uint32_t number);
void trib__binding_accept(uint32_t place, uint32_t epoch, uint32_t stream);

struct trib__stream_pool {
        /* Fixed. */
        struct trib__stream_pool_params params;
        uint32_t                        place_index, epoch;
        struct trib__stream_place             *place;

        /* Entry i is made by the holder of lease i, read by it or by anyone. */
        trib__atomic_ptr streams[TRIB__MAX_STREAMS];
        trib__atomic_u32 n_made;
        trib__atomic_u32 round_robin;
};

struct trib_stream *trib__stream_at(const struct trib__stream_pool *pool, uint32_t index);
/* Whether the stream may be used again, for a holder that took it HUNG or as an ORPHAN. */
bool trib__stream_recover(struct trib__stream_pool *pool, struct trib_stream *stream,
                          bool was_orphan);

/* The lease words: lease.c. */
static inline enum trib__lease_kind trib__lease_kind(uint64_t word)
{
        return (enum trib__lease_kind)(word & TRIB__LEASE_KIND);
}

static inline uint64_t trib__lease_word(uint64_t epoch_of, enum trib__lease_kind kind,
                                        uint32_t tag)
{
        return (epoch_of & TRIB__LEASE_EPOCH) | (uint64_t)tag << TRIB__LEASE_TAG_SHIFT |
               (uint64_t)kind;
}

static inline uint32_t trib__lease_tag(uint64_t word)
{
        return (uint32_t)(word >> TRIB__LEASE_TAG_SHIFT & TRIB__LEASE_TAG_MASK);
}

/* Take the lease if its word is `seen`. */
bool trib__lease_take(struct trib__lease *lease, uint64_t seen, uint32_t tag, bool is_request);
/* End the lease: within its turn a request's thread keeps it, else the first of the queue has it,
 * or it is free. Touches static memory only. Holder. */
void trib__lease_end(struct trib__lease *lease);
/* The same without a turn. */
void trib__lease_give(struct trib__lease *lease);
/* End the lease of a stream with abandoned work. Holder. */
void trib__lease_hang(struct trib__lease *lease);

/* What the thread kept when it last returned, leased again; or NULL. Notes how quickly the thread
 * has come back. */
struct trib__lease *trib__lease_resume(const struct trib__stream_place *place, uint32_t tag);
/* The turn begins now. Holder. */
void trib__lease_begin_turn(struct trib__lease *lease, uint64_t now);

/* At the end of the place's queue; how many are ahead. */
uint32_t trib__line_join(struct trib__stream_place *place, struct trib__waiter *waiter);
/* Out of it: false if a lease was given meanwhile, which stays the waiter's. */
bool trib__line_leave(struct trib__stream_place *place, struct trib__waiter *waiter);
bool trib__line_is_first(struct trib__stream_place *place, const struct trib__waiter *waiter);

#endif
