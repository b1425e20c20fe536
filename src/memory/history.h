/* SPDX-License-Identifier: Apache-2.0 */
/* history.h: what happened to blocks: the ring of the last events, and the points from which
 * traces are taken. */
#ifndef TRIB_MEMORY_HISTORY_H
#define TRIB_MEMORY_HISTORY_H

#include "memory/memory_priv.h"

/* Each names a block and a stream, where it has them. Events that publish a block come before the
 * word that does, those that take one come after it. */
enum trib__memory_event {
        TRIB__MEMORY_ALLOC,        /* handed out; value: the bytes asked for              */
        TRIB__MEMORY_USE,          /* stream uses it too                                  */
        TRIB__MEMORY_SHARE,        /* a holder more                                       */
        TRIB__MEMORY_FREE,         /* the last holder is gone; value: the streams of the fences */
        TRIB__MEMORY_SETTLE,       /* the owner of stream's cache looks at its fences     */
        TRIB__MEMORY_DONATE,       /* goes to the central pool                            */
        TRIB__MEMORY_SEGMENT_ADD,  /* value: bytes that came from the device              */
        TRIB__MEMORY_SEGMENT_FREE, /* value: bytes that went back to the device           */
        TRIB__MEMORY_OUT_OF_MEMORY, /* value: the bytes asked for                         */
        TRIB__MEMORY_EVENTS
};

const char *trib__memory_event_name(enum trib__memory_event event);

trib_status trib__history_create(uint32_t n, struct history **out, trib_error *err);
void        trib__history_destroy(struct history *history);
void        trib__history_add(struct history *history, enum trib__memory_event event,
                              const struct block *block, uint32_t stream, uint64_t value);

struct trib__history_record {
        uint64_t                number; /* from 0; gaps: being written, or overwritten */
        uint64_t                time;   /* trib__now */
        uint64_t                handle; /* 0: none */
        uint64_t                value;
        uint32_t                stream;
        enum trib__memory_event event;
};

/* How many events there were, how many of them are kept, and one of these; false if it is not
 * there. */
uint64_t trib__history_count(const struct history *history);
uint32_t trib__history_size(const struct history *history);
bool     trib__history_read(const struct history *history, uint64_t number,
                            struct trib__history_record *out);

/* The one point that all events pass. */
static inline void trib__event(struct trib__memory *memory, enum trib__memory_event event,
                               const struct block *block, uint32_t stream, uint64_t value)
{
        if (__builtin_expect(memory->history != NULL, false))
                trib__history_add(memory->history, event, block, stream, value);
}

#endif
