/* SPDX-License-Identifier: Apache-2.0 */
/* trace_check.h: replaying the properties of the models in verify/ on a trace.
 *
 * The checker is a program of its own: it shares the format of records with the library, and no
 * code. It keeps, per object that the trace names, what must be true of it, and compares every
 * event with that. What a stream really has used is taken from what was submitted (SUBMIT, USE,
 * DROP) and from what the device did (COMPLETED), never from the fences that the library took.
 *
 * property: by the name it has in verify/ (docs/verification.md lists them). A property is "tested"
 *           when an event put it to the test in a way that could have failed, so that a trace in
 *           which nothing of the kind happened is not taken for a proof. */
#ifndef TRIB_TESTS_TRACE_CHECK_H
#define TRIB_TESTS_TRACE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/trace_format.h"

#define STREAMS 64
#define DOMAINS 16
#define PLACES 16
#define NOBODY 0u

#define PROPERTIES(X)                                                                          \
        X(FORMAT, "the trace is whole: stamps without gaps, objects opened before they are used") \
        X(S1, "a block is handed out when its last use on every other stream has passed")      \
        X(S2, "a block is in one place, and its memory is in no other block")                  \
        X(S3, "one FREE per ALLOC, by the last holder; nothing after it")                      \
        X(S4, "what is settled was pushed to that stream, or waited there")                    \
        X(S5, "at rest: all blocks free, reserved = given by the device + charged")            \
        X(S7, "one thread has a stream, a home, the inside of a cache; stale epochs do nothing") \
        X(S8, "nothing is touched after it was given back, freed or closed")                   \
        X(S9, "given by the device <= reserved <= limit")                                      \
        X(S10, "a hung stream serves again when its abandoned work has passed")                \
        X(S11, "at rest: no lease, no waiter, no home of the dead")                            \
        X(S13, "a handle of an earlier generation is refused, one of this is not")             \
        X(S15, "who waits for a stream is served in order of arrival")                         \
        X(T1, "timelines rise, and nothing completes that was not submitted")                  \
        X(B1, "a request ends once, and is called back once, after its end")                   \
        X(B2, "who runs a request touches that request's memory")                              \
        X(B3, "a caller's memory is touched only while its request runs")                      \
        X(B4, "no more requests are queued than max_queued, and in order")                     \
        X(B6, "close leaves no request undone")                                                \
        X(B7, "a request that was cancelled never runs")                                       \
        X(P1, "one builder per key")                                                           \
        X(P2, "a held plan is alive, and is the one asked for")                                \
        X(P3, "a failed plan is off the list and given to nobody")                             \
        X(P4, "no idle plan above the cache's size")                                           \
        X(P5, "at the end all plans are free")

enum property {
#define PROPERTY_ENUM(name, text) PROPERTY_##name,
        PROPERTIES(PROPERTY_ENUM)
#undef PROPERTY_ENUM
        PROPERTY_COUNT
};

extern const char *const property_names[PROPERTY_COUNT];
extern const char *const property_texts[PROPERTY_COUNT];
extern const char *const event_names[TRIB__TRACE_EVENT_COUNT];
extern const char *const event_values[TRIB__TRACE_EVENT_COUNT];

enum kind {
        KIND_NONE,
        KIND_MEMORY,
        KIND_POOL,
        KIND_STREAM,
        KIND_QUEUE, /* of a device: its `stream` */
        KIND_PLANS,
        KIND_PLAN,
        KIND_SESSION,
        KIND_REQUESTS,
        KIND_REQUEST
};

/* What every object begins with. */
struct object {
        uint64_t       address;
        enum kind      kind;
        struct object *next; /* in its owner's list */
};

/* Address -> object. */
struct map {
        struct object **slots;
        size_t          capacity, count;
};

struct object *map_find(const struct map *map, uint64_t address);
void           map_add(struct map *map, struct object *object);
void           map_remove(struct map *map, uint64_t address);

struct range {
        uint64_t start, end;
        uint64_t slot; /* of a block */
};

/* Ranges that do not overlap, in order. */
struct ranges {
        struct range *at;
        size_t        count, capacity;
};

/* False if it overlaps one that is there. */
bool          ranges_add(struct ranges *ranges, uint64_t start, uint64_t bytes, uint64_t slot);
bool          ranges_remove(struct ranges *ranges, uint64_t start);
/* The last range that begins at or before `address`, or NULL. */
struct range *ranges_find(const struct ranges *ranges, uint64_t address);

enum place { PLACE_NONE, PLACE_HAND, PLACE_LIVE, PLACE_LIST, PLACE_LIMBO, PLACE_REMOTE,
             PLACE_CENTRAL, PLACE_SHARD };

struct block {
        enum place place;
        uint32_t   stream; /* whose list, limbo or pushed blocks; which shard */
        uint32_t   home;   /* the stream that it was last handed out on       */
        uint32_t   hand;   /* in whose hands                                  */
        uint32_t   generation, next_generation;
        int64_t    holders;
        uint64_t   used;    /* streams of this life                           */
        uint64_t   pending; /* streams whose last use may not have passed     */
        uint64_t   address, bytes;
        uint64_t   last_use[STREAMS];
};

struct memory {
        struct object object;
        uint32_t      index, epoch; /* which of the threads' knowledge is about it */
        uint64_t      limit;
        bool          has_caches;
        uint64_t      reserved, given, charged;
        struct block *blocks;
        size_t        n_blocks;
        struct ranges segments, pieces;
        uint64_t      submitted[STREAMS], completed[STREAMS];
        uint32_t      inside[STREAMS]; /* thread in the cache */
        uint64_t      live;
};

/* RECOVERED: taken from a dead thread, to be leased or to be hung. */
enum stream_state { STREAM_FREE, STREAM_LEASED, STREAM_HUNG, STREAM_RECOVERED };

struct stream {
        struct object     object;
        struct pool      *pool;
        struct queue     *queue; /* NULL until it is made */
        uint32_t          index;
        enum stream_state state;
        uint32_t          holder;   /* thread that leased it last; NOBODY if it was handed over */
        uint32_t          returner; /* thread that returned it last, for it to hand over */
        uint64_t          submitted, hung_until;
};

/* A device's timeline. */
struct queue {
        struct object  object;
        struct memory *memory; /* or NULL */
        struct stream *stream; /* NULL when its pool is closed */
        uint32_t       index;
        uint64_t       launched, completed;
};

struct waiter {
        uint64_t address, since;
};

struct pool {
        struct object   object;
        struct memory  *memory; /* or NULL */
        struct stream **streams;
        size_t          n_streams;
        struct waiter  *waiters; /* in order of arrival */
        size_t          n_waiters, capacity;
        uint32_t        policy;
};

struct place_table {
        uint32_t epoch; /* 0: closed */
        bool     is_closing;
        uint32_t owners[STREAMS];
};

enum plan_state { PLAN_BUILDING, PLAN_READY, PLAN_FAILED };

struct plans {
        struct object  object;
        struct object *entries;
        uint64_t       max_plans, alive, listed;
};

struct plan {
        struct object   object;
        struct plans   *plans;
        uint64_t        hash;
        enum plan_state state;
        bool            is_listed, was_idle;
        int64_t         holders;
        uint32_t        last_putter;
        uint64_t        last_put;
};

struct session {
        struct object object;
        int64_t       inside;
        bool          is_draining;
};

enum request_state { REQUEST_SPARE, REQUEST_FRESH, REQUEST_QUEUED, REQUEST_RUNNING,
                     REQUEST_ENDING, REQUEST_DONE };

struct requests {
        struct object  object;
        struct object *records;
        uint64_t       session, max_queued, queued;
        uint64_t       first_order, next_order; /* of arrival */
};

struct request {
        struct object      object;
        struct requests   *requests;
        enum request_state state;
        bool               is_listed, is_cancelled, has_callback, has_run, was_queued;
        uint32_t           calls;
        int64_t            holders;
        uint64_t           order, output, status;
        uint32_t           winner; /* thread */
};

struct knowledge {
        uint32_t epoch;
        uint64_t values[STREAMS]; /* submissions that happened before the thread's next step */
};

#define PENDING_USES 8
#define RECENT 4096 /* records kept for what is said about a violation; a power of 2 */

struct thread {
        uint64_t          last_stamp;
        struct knowledge *known[DOMAINS];
        struct {
                struct memory *memory;
                uint64_t       slot;
                uint32_t       stream, generation;
        } uses[PENDING_USES];
        uint32_t        n_uses;
        struct request *running;
        struct session *inside; /* of a call that was counted in, last */
        int64_t         n_inside;
        bool            is_refused; /* a DROP of what is not live: must be refused now */
        uint64_t        void_place; /* a HOME_GIVE that must prove to be void: place + 1 */
        uint64_t        closing;    /* the place that it closes: place + 1 */
};

struct check {
        const struct trib__trace_record *record;
        uint64_t                         expected; /* stamp */
        struct map                       objects;
        struct thread                   *threads;
        size_t                           n_threads;
        struct thread                   *thread; /* of the record */
        struct memory                   *domains[DOMAINS];
        uint32_t                         domain_epoch;
        struct place_table               places[PLACES];
        uint64_t                         open; /* objects that have a close event */

        uint64_t tested[PROPERTY_COUNT], violated[PROPERTY_COUNT];
        uint64_t events[TRIB__TRACE_EVENT_COUNT];
        uint64_t told; /* violations printed */
        struct trib__trace_record recent[RECENT];
        FILE    *out;  /* NULL: silent */
};

/* All fields of `out` are ours; free with check_free. */
void check_init(struct check *check, FILE *out);
void check_record(struct check *check, const struct trib__trace_record *record);
/* The trace is over: everything must be closed. */
void check_end(struct check *check);
void check_free(struct check *check);

uint64_t check_violations(const struct check *check);

/* --- for the parts --- */

/* Count a test of a property; if it does not hold, say so. */
#define DEMAND(check, property, holds, ...)                                                    \
        ((check)->tested[PROPERTY_##property]++,                                               \
         (holds) ? true : (violation((check), PROPERTY_##property, __VA_ARGS__), false))

void violation(struct check *check, enum property property, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

void print_record(FILE *out, const struct trib__trace_record *record);
void *must(void *memory);
/* A new object; a violation if the address is one already. */
void *object_open(struct check *check, enum kind kind, uint64_t address, size_t size);
void  object_close(struct check *check, struct object *object);
/* The record's object, or another; NULL and a violation if it is none of the kind. */
void *object_find(struct check *check, enum kind kind, uint64_t address);
void  object_unlist(struct object **list, struct object *object);

struct thread *thread_at(struct check *check, uint32_t number);

void memory_event(struct check *check, const struct trib__trace_record *record);
void memory_submit(struct check *check, struct stream *stream, uint64_t value);
void memory_lease(struct check *check, struct stream *stream);
void memory_quiet(struct check *check, struct memory *memory, bool is_end);
void memory_free(struct memory *memory);
void pool_free(struct pool *pool);
void stream_event(struct check *check, const struct trib__trace_record *record);
void stream_quiet(struct check *check, struct pool *pool);
void plan_event(struct check *check, const struct trib__trace_record *record);
void session_event(struct check *check, const struct trib__trace_record *record);
void request_event(struct check *check, const struct trib__trace_record *record);
/* The record's thread takes itself out of the session that it is in. */
void session_thread_dies(struct check *check);
void session_quiet(struct check *check, struct session *session);
void requests_quiet(struct check *check, struct requests *requests);

/* Change a whole trace in every way that is known, and see each change caught. True if all were. */
bool mutate_all(const struct trib__trace_record *records, size_t count, FILE *out);

#endif
