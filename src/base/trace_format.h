/* SPDX-License-Identifier: Apache-2.0 */
/* trace_format.h: what a trace is made of. The library's side is trace.h; a checker of traces
 * needs this header and nothing else of the library.
 *
 * record: one event: a stamp, the thread's number, the event, the object it happened to (its
 *         address: an identity between its "open" and its "close" event), and up to 5 values.
 * stamp:  0, 1, 2 ... over all threads, without gaps. If one event happens before another (by the
 *         locks and atomics of the program, or within a thread), its stamp is the lower one.
 * ring:   where records pass from the library to one reader, which may be another process. Slot
 *         (stamp mod capacity) belongs to the record once the reader has consumed the record one
 *         capacity earlier; it is filled when its first word is stamp + 1.
 *
 * "Before" and "after" below say on which side of the deciding atomic operation or section the
 * event is emitted: what gives something away comes before, what takes something comes after. So
 * the order of stamps never shows a taker before the giver. */
#ifndef TRIB_BASE_TRACE_FORMAT_H
#define TRIB_BASE_TRACE_FORMAT_H

#include <stdint.h>

#include "base/atomic.h"

#define TRIB__TRACE_VALUES 5
#define TRIB__TRACE_WORDS (3 + TRIB__TRACE_VALUES)
#define TRIB__TRACE_NONE UINT64_MAX /* a value that says: nobody, none, without limit */

/* X(event, its object and values). */
#define TRIB__TRACE_EVENTS(X)                                                                  \
        /* Memory; the object is the allocator. A block is named by its slot. */               \
        X(MEMORY_OPEN, "memory limit streams shards")                                          \
        X(MEMORY_CLOSE, "memory")                     /* before anything is given back  */     \
        X(RESERVE, "memory bytes")                    /* after: counted under the cap   */     \
        X(UNRESERVE, "memory bytes")                  /* before                         */     \
        X(CHARGE, "memory bytes")                     /* of them, for a program         */     \
        X(UNCHARGE, "memory bytes")                                                            \
        X(SEGMENT_ADD, "memory address bytes")        /* after the device gave it       */     \
        X(SEGMENT_FREE, "memory address bytes")       /* before the device gets it      */     \
        X(BLOCK_MAKE, "memory slot address bytes")    /* the slot gets its piece        */     \
        X(BLOCK_UNMAKE, "memory slot")                /* and loses it                   */     \
        X(ALLOC, "memory slot generation stream bytes requested") /* before: handed out */     \
        X(SHARE, "memory slot generation")            /* after: one holder more         */     \
        X(USE, "memory slot generation stream")       /* noted as a user, by a holder   */     \
        X(DROP, "memory slot generation near")        /* before: one holder less        */     \
        X(DROP_REFUSED, "memory slot generation")     /* that DROP was none: stale      */     \
        X(FREE, "memory slot next_generation fenced")/* after the last DROP             */     \
        X(PLACE, "memory slot place stream")          /* before: put there, free        */     \
        X(STALE, "memory slot generation")            /* a handle was refused as such   */     \
        X(OUT_OF_MEMORY, "memory bytes")                                                       \
        X(CACHE_ENTER, "memory stream")               /* after                          */     \
        X(CACHE_LEAVE, "memory stream")               /* before                         */     \
        /* Streams: a pool is its place in the static table, a stream its lease there; homes are \
         * named by place number, epoch and index. */                                          \
        X(POOL_OPEN, "pool memory streams policy leases size") /* each lease is a stream */    \
        X(POOL_CLOSE, "pool")                         /* before                         */     \
        X(STREAM_MAKE, "stream queue")                /* before: by its holder          */     \
        X(STREAM_UNMAKE, "queue")                     /* before                         */     \
        X(LEASE, "stream how")                        /* after, when it stands          */     \
        X(RETURN, "stream is_hung")                   /* before                         */     \
        X(HAND_OVER, "stream waiter")                 /* after RETURN, by the same one  */     \
        X(WAIT_BEGIN, "pool waiter")                  /* at the end of the queue        */     \
        X(WAIT_END, "pool waiter stream")             /* before: out of it, with what   */     \
        X(THREAD_DIES, "stream")                      /* before: in a call, or a lease  */     \
        X(ORPHAN, "stream thread")                    /* after: taken from the dead     */     \
        X(SUBMIT, "stream value")                     /* before                         */     \
        X(PLACE_OPEN, "place epoch")                  /* after                          */     \
        X(PLACE_CLOSE, "place epoch")                 /* before                         */     \
        X(HOME_TAKE, "place epoch index")             /* after                          */     \
        X(HOME_GIVE, "place epoch index")             /* before                         */     \
        X(HOME_VOID, "place epoch index")             /* that HOME_GIVE was void        */     \
        /* Devices: timelines. */                                                              \
        X(LAUNCHED, "queue value")                    /* before the device has it       */     \
        X(COMPLETED, "queue value")                   /* before                         */     \
        /* Plan caches; the object is the cache or the entry. */                               \
        X(PLANS_OPEN, "cache max_plans")                                                       \
        X(PLANS_CLOSE, "cache")                                                                \
        X(PLAN_BUILD, "entry cache hash")             /* on the list, held by builder   */     \
        X(PLAN_READY, "entry")                                                                 \
        X(PLAN_FAIL, "entry")                         /* off the list                   */     \
        X(PLAN_HOLD, "entry")                         /* one holder more                */     \
        X(PLAN_GET, "entry hash")                     /* what a get gave its caller     */     \
        X(PLAN_PUT, "entry")                          /* before: one holder less        */     \
        X(PLAN_EVICT, "entry")                        /* off the list                   */     \
        X(PLAN_FREE, "entry")                         /* after the last PUT             */     \
        X(PLANS_FIT, "cache entries")                 /* after evicting to fit          */     \
        /* Sessions and requests. */                                                           \
        X(SESSION_OPEN, "session queue cache pool")                                            \
        X(SESSION_ENTER, "session entry")             /* after: counted, before it looks*/     \
        X(SESSION_LEAVE, "session entry")             /* before                         */     \
        X(SESSION_DRAIN, "session")                   /* before                         */     \
        X(SESSION_FREE, "session")                                                             \
        X(QUEUE_OPEN, "queue session max_queued")                                              \
        X(QUEUE_FREE, "queue")                                                                 \
        X(REQUEST_NEW, "request queue holders output has_callback has_deadline")               \
        X(REQUEST_REFUSE, "request")                  /* it never came into the queue   */     \
        X(REQUEST_QUEUE, "request queue")             /* at the end of the list         */     \
        X(REQUEST_TAKE, "request queue")              /* off the list                   */     \
        X(REQUEST_WIN, "request state")               /* after: RUNNING or ENDING       */     \
        X(REQUEST_DONE, "request status")             /* before                         */     \
        X(REQUEST_SEEN, "request status")             /* after: told to the caller      */     \
        X(REQUEST_CANCEL, "request")                  /* the caller was told: cancelled */     \
        X(REQUEST_CALL, "request")                    /* the callback begins            */     \
        X(REQUEST_CALLED, "request")                                                           \
        X(REQUEST_DROP, "request")                    /* before: one holder less        */     \
        X(REQUEST_SPARE, "request")                   /* after the last                 */     \
        X(RUN_BEGIN, "session stream output")         /* a request has its stream       */     \
        X(RUN_TOUCH, "session stream address")        /* caller's memory is read, written */   \
        X(RUN_END, "session stream status")                                                    \
        /* From the tests: nothing runs, nothing is held but what is open. */                  \
        X(QUIET, "none")

enum trib__trace_event {
#define TRIB__TRACE_ENUM(event, text) TRIB__TRACE_##event,
        TRIB__TRACE_EVENTS(TRIB__TRACE_ENUM)
#undef TRIB__TRACE_ENUM
        TRIB__TRACE_EVENT_COUNT
};

/* Where a block is (PLACE). A block that nobody PLACEd since it was made, freed or taken out is in
 * the hands of the thread that did so. */
enum trib__trace_place {
        TRIB__TRACE_IN_HAND, /* taken out of its place, to be put elsewhere                  */
        TRIB__TRACE_LIST,    /* the stream's own list: for that stream, at once              */
        TRIB__TRACE_LIMBO,   /* the stream's: fences of others not seen passed               */
        TRIB__TRACE_REMOTE,  /* pushed to the stream's owner by another thread               */
        TRIB__TRACE_CENTRAL, /* for any stream: all its uses have passed                     */
        TRIB__TRACE_SHARD    /* of the sharded allocator: for whom its fences allow          */
};

/* How a LEASE came about. */
enum trib__trace_lease {
        TRIB__TRACE_LEASE_FREE,   /* the stream was idle                                     */
        TRIB__TRACE_LEASE_TURN,   /* by its last holder, within its turn                     */
        TRIB__TRACE_LEASE_QUEUED, /* by the first of the queue                               */
        TRIB__TRACE_LEASE_TRIM    /* for a moment, by housekeeping                           */
};

struct trib__trace_slot {
        /* stamp + 1; event | thread << 32; object; values. */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 words[TRIB__TRACE_WORDS];
};

struct trib__trace_ring {
        /* Fixed by whoever made the ring; a power of 2. */
        uint64_t capacity;

        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 next;     /* the next stamp               */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 consumed; /* written by the reader        */
        _Alignas(TRIB__CACHE_LINE) trib__atomic_u64 ended;    /* 1: no more will come         */
        struct trib__trace_slot                     slots[];
};

/* A record as the reader sees it, and as files hold it: the words of a filled slot, with the stamp
 * itself in the first one. */
struct trib__trace_record {
        uint64_t stamp;
        uint32_t event;
        uint32_t thread;
        uint64_t object;
        uint64_t values[TRIB__TRACE_VALUES];
};

_Static_assert(sizeof(struct trib__trace_slot) == 64, "a record is a cache line");
_Static_assert(sizeof(struct trib__trace_record) == 64, "a record is a cache line");

#endif
