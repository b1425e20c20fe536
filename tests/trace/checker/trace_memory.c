/* SPDX-License-Identifier: Apache-2.0 */
/* trace_memory.c: S1-S5, S7-S9, S13: blocks, their users, their places, and what is reserved.
 *
 * last use: the value of the last submission on a stream of which it is certain that it may touch
 *           the block and that the library had to know: what a thread submitted after it noted the
 *           use (USE, then SUBMIT), and all that had happened on a stream of the block's users
 *           before a holder dropped it. Less than the truth at most, so a complaint is right. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "trace_check.h"

#define BIT(stream) (UINT64_C(1) << (stream))

static struct knowledge *knowledge_of(struct check *check, struct memory *memory)
{
        struct knowledge **known = &check->thread->known[memory->index];

        if (*known == NULL)
                *known = must(calloc(1, sizeof(**known)));
        if ((*known)->epoch != memory->epoch) {
                memset((*known)->values, 0, sizeof((*known)->values));
                (*known)->epoch = memory->epoch;
        }
        return *known;
}

static void used_until(struct block *block, uint32_t stream, uint64_t value)
{
        if (value > block->last_use[stream]) {
                block->last_use[stream] = value;
                block->pending |= BIT(stream);
        }
}

void memory_submit(struct check *check, struct stream *stream, uint64_t value)
{
        struct memory *memory = stream->pool->memory;
        struct thread *thread = check->thread;
        uint32_t       kept = 0;

        memory->submitted[stream->index] = value;
        knowledge_of(check, memory)->values[stream->index] = value;
        for (uint32_t i = 0; i < thread->n_uses; i++) {
                struct block *block;

                if (thread->uses[i].memory != memory || thread->uses[i].stream != stream->index) {
                        thread->uses[kept++] = thread->uses[i];
                        continue;
                }
                block = &memory->blocks[thread->uses[i].slot];
                if (block->place == PLACE_LIVE &&
                    block->generation == thread->uses[i].generation)
                        used_until(block, stream->index, value);
        }
        thread->n_uses = kept;
}

void memory_lease(struct check *check, struct stream *stream)
{
        struct memory *memory = stream->pool->memory;

        if (memory != NULL)
                knowledge_of(check, memory)->values[stream->index] =
                        memory->submitted[stream->index];
}

/* The streams but `except` on which the block's last use has not passed. */
static uint64_t unpassed(struct memory *memory, struct block *block, uint32_t except)
{
        uint64_t except_bit = except < STREAMS ? BIT(except) : 0, found = 0;

        for (uint64_t left = block->pending & ~except_bit; left != 0; left &= left - 1) {
                uint32_t l = (uint32_t)__builtin_ctzll(left);

                if (block->last_use[l] <= memory->completed[l])
                        block->pending &= ~BIT(l);
                else
                        found |= BIT(l);
        }
        return found;
}

/* What is in somebody's hands moves by them only. */
static void demand_hand(struct check *check, const struct block *block, uint64_t slot)
{
        if (block->place == PLACE_HAND)
                (void)DEMAND(check, S2, block->hand == check->record->thread,
                             "block %" PRIu64 " is in the hands of thread %u", slot,
                             block->hand);
}

static void open_memory(struct check *check, const struct trib__trace_record *r)
{
        struct memory *memory = object_open(check, KIND_MEMORY, r->object, sizeof(*memory));
        uint32_t       index = 0;

        if (memory == NULL)
                return;
        while (index < DOMAINS - 1 && check->domains[index] != NULL)
                index++;
        check->domains[index] = memory;
        memory->index = index;
        memory->epoch = ++check->domain_epoch;
        memory->limit = r->values[0];
        memory->has_caches = r->values[2] == 0;
}

void memory_free(struct memory *memory)
{
        free(memory->blocks);
        free(memory->segments.at);
        free(memory->pieces.at);
}

void memory_quiet(struct check *check, struct memory *memory, bool is_end)
{
        (void)is_end;
        (void)DEMAND(check, S5, memory->reserved == memory->given + memory->charged,
                     "%" PRIu64 " bytes are reserved, the device gave %" PRIu64
                     " and %" PRIu64 " are charged",
                     memory->reserved, memory->given, memory->charged);
        for (size_t i = 0; i < memory->n_blocks; i++) {
                const struct block *block = &memory->blocks[i];

                if (block->place == PLACE_LIVE)
                        (void)DEMAND(check, S3, block->holders > 0,
                                     "block %zu is live and has %" PRId64 " holders", i,
                                     block->holders);
                else if (block->place != PLACE_NONE)
                        (void)DEMAND(check, S5, block->place != PLACE_HAND,
                                     "block %zu is in nobody's hands", i);
        }
}

static void close_memory(struct check *check, struct memory *memory)
{
        memory_quiet(check, memory, true);
        (void)DEMAND(check, S5, memory->live == 0, "%" PRIu64 " blocks are live at the end",
                     memory->live);
        for (size_t i = 0; i < check->n_threads; i++) {
                for (uint32_t u = 0; u < check->threads[i].n_uses; u++) {
                        if (check->threads[i].uses[u].memory == memory)
                                check->threads[i].uses[u--] =
                                        check->threads[i].uses[--check->threads[i].n_uses];
                }
        }
        for (size_t i = 0; i < check->objects.capacity; i++) {
                struct object *object = check->objects.slots[i];

                if (object != NULL && object->kind == KIND_QUEUE &&
                    ((struct queue *)object)->memory == memory)
                        ((struct queue *)object)->memory = NULL;
                if (object != NULL && object->kind == KIND_POOL &&
                    ((struct pool *)object)->memory == memory)
                        ((struct pool *)object)->memory = NULL;
        }
        check->domains[memory->index] = NULL;
        memory_free(memory);
        object_close(check, &memory->object);
}

static struct block *block_at(struct memory *memory, uint64_t slot)
{
        if (slot >= memory->n_blocks) {
                size_t count = memory->n_blocks == 0 ? 256 : memory->n_blocks * 2;

                while (count <= slot)
                        count *= 2;
                memory->blocks = must(realloc(memory->blocks, count * sizeof(struct block)));
                memset(&memory->blocks[memory->n_blocks], 0,
                       (count - memory->n_blocks) * sizeof(struct block));
                memory->n_blocks = count;
        }
        return &memory->blocks[slot];
}

/* --- bytes --- */

static void bytes_event(struct check *check, struct memory *memory,
                        const struct trib__trace_record *r)
{
        uint64_t bytes = r->values[0];

        switch (r->event) {
        case TRIB__TRACE_RESERVE:
                memory->reserved += bytes;
                (void)DEMAND(check, S9, memory->limit == 0 || memory->reserved <= memory->limit,
                             "%" PRIu64 " bytes are reserved of %" PRIu64, memory->reserved,
                             memory->limit);
                break;
        case TRIB__TRACE_UNRESERVE:
                if (DEMAND(check, S9, bytes <= memory->reserved, "more is unreserved than was"))
                        memory->reserved -= bytes;
                (void)DEMAND(check, S9, memory->given + memory->charged <= memory->reserved,
                             "the device gave %" PRIu64 ", charged are %" PRIu64
                             ", only %" PRIu64 " are still reserved",
                             memory->given, memory->charged, memory->reserved);
                break;
        case TRIB__TRACE_CHARGE:
                memory->charged += bytes;
                (void)DEMAND(check, S9, memory->given + memory->charged <= memory->reserved,
                             "charged without being reserved");
                break;
        default:
                if (DEMAND(check, S9, bytes <= memory->charged, "more is uncharged than was"))
                        memory->charged -= bytes;
        }
}

static void add_segment(struct check *check, struct memory *memory, uint64_t address,
                        uint64_t bytes)
{
        (void)DEMAND(check, S2, ranges_add(&memory->segments, address, bytes, 0),
                     "two segments overlap");
        memory->given += bytes;
        (void)DEMAND(check, S9, memory->given + memory->charged <= memory->reserved,
                     "the device gave %" PRIu64 " bytes, %" PRIu64 " are reserved",
                     memory->given, memory->reserved);
}

static void free_segment(struct check *check, struct memory *memory, uint64_t address,
                         uint64_t bytes)
{
        struct range *segment = ranges_find(&memory->segments, address), *piece;

        if (!DEMAND(check, S8,
                    segment != NULL && segment->start == address &&
                            segment->end == address + bytes,
                    "a segment is freed that is none"))
                return;
        piece = ranges_find(&memory->pieces, address + bytes - 1);
        (void)DEMAND(check, S8, piece == NULL || piece->end <= address,
                     "the device gets memory of block %" PRIu64, piece->slot);
        (void)ranges_remove(&memory->segments, address);
        memory->given -= bytes;
}

static void make_block(struct check *check, struct memory *memory,
                       const struct trib__trace_record *r)
{
        struct block *block = block_at(memory, r->values[0]);
        struct range *segment = ranges_find(&memory->segments, r->values[1]);
        uint64_t      bytes = r->values[2];

        if (!DEMAND(check, S2, block->place == PLACE_NONE, "the slot has memory already"))
                return;
        (void)DEMAND(check, S2, segment != NULL && r->values[1] + bytes <= segment->end,
                     "a block outside of all segments");
        (void)DEMAND(check, S2, ranges_add(&memory->pieces, r->values[1], bytes, r->values[0]),
                     "two blocks overlap");
        block->place = PLACE_HAND;
        block->hand = r->thread;
        block->address = r->values[1];
        block->bytes = bytes;
        block->pending = 0;
        memset(block->last_use, 0, sizeof(block->last_use));
}

static void unmake_block(struct check *check, struct memory *memory, uint64_t slot)
{
        struct block *block = block_at(memory, slot);

        if (!DEMAND(check, S2, block->place == PLACE_CENTRAL || block->place == PLACE_HAND,
                    "a block loses its memory and is in place %d", (int)block->place))
                return;
        if (block->pending != 0)
                (void)DEMAND(check, S8, unpassed(memory, block, STREAMS) == 0,
                             "block %" PRIu64 " is still used by streams %" PRIx64, slot,
                             unpassed(memory, block, STREAMS));
        demand_hand(check, block, slot);
        (void)ranges_remove(&memory->pieces, block->address);
        block->place = PLACE_NONE;
}

/* --- life --- */

static void alloc_block(struct check *check, struct memory *memory,
                        const struct trib__trace_record *r)
{
        struct block *block = block_at(memory, r->values[0]);
        uint32_t      generation = (uint32_t)r->values[1], stream = (uint32_t)r->values[2];
        uint64_t      others = block->pending & ~BIT(stream);

        if (!DEMAND(check, S2, block->place != PLACE_LIVE && block->place != PLACE_NONE,
                    "block %" PRIu64 " is handed out and %s", r->values[0],
                    block->place == PLACE_LIVE ? "live" : "has no memory"))
                return;
        (void)DEMAND(check, S4, block->place != PLACE_LIMBO && block->place != PLACE_REMOTE,
                     "block %" PRIu64 " is handed out and was not settled", r->values[0]);
        demand_hand(check, block, r->values[0]);
        if (block->place == PLACE_LIST)
                (void)DEMAND(check, S2, block->stream == stream,
                             "a block of stream %u's list is handed out on %u", block->stream,
                             stream);
        if (others != 0)
                (void)DEMAND(check, S1, unpassed(memory, block, stream) == 0,
                             "block %" PRIu64 " is handed out on stream %u and still used by "
                             "streams %" PRIx64, r->values[0], stream,
                             unpassed(memory, block, stream));
        if (block->next_generation != 0)
                (void)DEMAND(check, S13, generation == block->next_generation,
                             "generation %u is given, %u was to come", generation,
                             block->next_generation);
        (void)DEMAND(check, S2, r->values[4] <= r->values[3] && r->values[3] <= block->bytes,
                     "the block is too small");
        block->place = PLACE_LIVE;
        block->home = stream;
        block->generation = generation;
        block->holders = 1;
        block->used = BIT(stream);
        memory->live++;
}

static void note_use(struct check *check, struct memory *memory, struct block *block,
                     const struct trib__trace_record *r)
{
        struct thread *thread = check->thread;
        uint32_t       stream = (uint32_t)r->values[2], i = 0;

        if (stream >= STREAMS)
                return;
        block->used |= BIT(stream);
        while (i < thread->n_uses &&
               !(thread->uses[i].memory == memory && thread->uses[i].slot == r->values[0] &&
                 thread->uses[i].stream == stream))
                i++;
        if (i == PENDING_USES)
                i = (uint32_t)(r->stamp % PENDING_USES);
        else if (i == thread->n_uses)
                thread->n_uses++;
        thread->uses[i].memory = memory;
        thread->uses[i].slot = r->values[0];
        thread->uses[i].stream = stream;
        thread->uses[i].generation = (uint32_t)r->values[1];
}

/* What the thread knows to be submitted on the block's streams is before its drop. */
static void drop_block(struct check *check, struct memory *memory, struct block *block)
{
        const struct knowledge *known = knowledge_of(check, memory);

        for (uint64_t left = block->used; left != 0; left &= left - 1) {
                uint32_t l = (uint32_t)__builtin_ctzll(left);

                used_until(block, l, known->values[l]);
        }
        block->holders--;
        (void)DEMAND(check, S3, block->holders >= 0, "more holders drop the block than it has");
}

static void free_block(struct check *check, struct memory *memory, struct block *block,
                       const struct trib__trace_record *r)
{
        (void)DEMAND(check, S3, block->holders == 0,
                     "block %" PRIu64 " is free and has %" PRId64 " holders", r->values[0],
                     block->holders);
        (void)DEMAND(check, S1, (block->used & ~r->values[2]) == 0,
                     "streams %" PRIx64 " used block %" PRIu64 ", fences were taken for %" PRIx64,
                     block->used, r->values[0], r->values[2]);
        (void)DEMAND(check, S13, block->generation != (uint32_t)r->values[1],
                     "the handles of a free block stay good");
        block->place = PLACE_HAND;
        block->hand = r->thread;
        block->next_generation = (uint32_t)r->values[1];
        memory->live--;
}

static void life_event(struct check *check, struct memory *memory,
                       const struct trib__trace_record *r)
{
        struct block *block = block_at(memory, r->values[0]);
        bool          is_this = block->place == PLACE_LIVE &&
                       block->generation == (uint32_t)r->values[1];

        if (r->event == TRIB__TRACE_STALE) {
                (void)DEMAND(check, S13, !is_this || block->holders <= 0,
                             "a good handle of block %" PRIu64 " was refused", r->values[0]);
                return;
        }
        if (r->event == TRIB__TRACE_FREE)
                is_this = block->place == PLACE_LIVE;
        /* A stale handle: the swap must fail. */
        if (r->event == TRIB__TRACE_DROP && !is_this) {
                check->thread->is_refused = true;
                return;
        }
        if (r->event == TRIB__TRACE_DROP_REFUSED && check->thread->is_refused) {
                check->thread->is_refused = false;
                return;
        }
        if (!DEMAND(check, S3, is_this, "block %" PRIu64 " is not live in generation %" PRIu64,
                    r->values[0], r->values[1]))
                return;
        if (r->event == TRIB__TRACE_SHARE || r->event == TRIB__TRACE_DROP_REFUSED)
                block->holders++;
        else if (r->event == TRIB__TRACE_USE)
                note_use(check, memory, block, r);
        else if (r->event == TRIB__TRACE_DROP)
                drop_block(check, memory, block);
        else
                free_block(check, memory, block, r);
}

/* --- places --- */

static bool may_move(const struct block *block, enum place to, uint32_t stream)
{
        bool is_same = block->stream == stream;

        switch (to) {
        case PLACE_HAND:
                return true;
        case PLACE_LIST:
                return block->place == PLACE_HAND || block->place == PLACE_CENTRAL ||
                       ((block->place == PLACE_REMOTE || block->place == PLACE_LIMBO) && is_same);
        case PLACE_LIMBO:
                return block->place == PLACE_HAND ||
                       ((block->place == PLACE_REMOTE || block->place == PLACE_LIMBO) && is_same);
        case PLACE_REMOTE:
                return block->place == PLACE_HAND && stream == block->home;
        case PLACE_CENTRAL:
                return block->place == PLACE_HAND || block->place == PLACE_LIST ||
                       block->place == PLACE_LIMBO || block->place == PLACE_REMOTE;
        case PLACE_SHARD:
                return block->place == PLACE_HAND;
        default:
                return false;
        }
}

static void place_block(struct check *check, struct memory *memory,
                        const struct trib__trace_record *r)
{
        static const enum place places[] = {
                [TRIB__TRACE_IN_HAND] = PLACE_HAND,  [TRIB__TRACE_LIST] = PLACE_LIST,
                [TRIB__TRACE_LIMBO] = PLACE_LIMBO,   [TRIB__TRACE_REMOTE] = PLACE_REMOTE,
                [TRIB__TRACE_CENTRAL] = PLACE_CENTRAL, [TRIB__TRACE_SHARD] = PLACE_SHARD,
        };
        struct block *block = block_at(memory, r->values[0]);
        uint32_t      stream = (uint32_t)r->values[2];
        enum place    to = places[r->values[1] <= TRIB__TRACE_SHARD ? r->values[1] : 0];
        bool          is_settled = block->place == PLACE_REMOTE || block->place == PLACE_LIMBO;

        if (!DEMAND(check, S2, block->place != PLACE_LIVE && block->place != PLACE_NONE,
                    "block %" PRIu64 " is put to the free ones and is %s", r->values[0],
                    block->place == PLACE_LIVE ? "live" : "without memory"))
                return;
        demand_hand(check, block, r->values[0]);
        if (is_settled)
                (void)DEMAND(check, S4, may_move(block, to, stream),
                             "block %" PRIu64 " goes from place %d of stream %u to %d of %u",
                             r->values[0], (int)block->place, block->stream, (int)to, stream);
        else
                (void)DEMAND(check, S2, may_move(block, to, stream),
                             "block %" PRIu64 " goes from place %d of stream %u to %d of %u",
                             r->values[0], (int)block->place, block->stream, (int)to, stream);
        if (to == PLACE_LIST && (block->pending & ~BIT(stream)) != 0)
                (void)DEMAND(check, S1, unpassed(memory, block, stream) == 0,
                             "block %" PRIu64 " is ready for stream %u and still used by streams "
                             "%" PRIx64, r->values[0], stream, unpassed(memory, block, stream));
        if (to == PLACE_CENTRAL && block->pending != 0)
                (void)DEMAND(check, S8, unpassed(memory, block, STREAMS) == 0,
                             "block %" PRIu64 " is ready for all and still used by streams "
                             "%" PRIx64, r->values[0], unpassed(memory, block, STREAMS));
        if (memory->has_caches && (to == PLACE_LIST || to == PLACE_LIMBO) && stream < STREAMS)
                (void)DEMAND(check, S7, memory->inside[stream] == r->thread,
                             "thread %u touches the lists of stream %u, in which is %u",
                             r->thread, stream, memory->inside[stream]);
        block->place = to;
        block->stream = stream;
        block->hand = r->thread;
}

static void cache_event(struct check *check, struct memory *memory,
                        const struct trib__trace_record *r)
{
        uint32_t *inside = &memory->inside[r->values[0] % STREAMS];

        if (r->event == TRIB__TRACE_CACHE_ENTER) {
                (void)DEMAND(check, S7, *inside == NOBODY,
                             "thread %u enters the cache of stream %" PRIu64
                             ", thread %u is inside", r->thread, r->values[0], *inside);
                *inside = r->thread;
        } else {
                (void)DEMAND(check, S7, *inside == r->thread, "another one leaves the cache");
                *inside = NOBODY;
        }
}

void memory_event(struct check *check, const struct trib__trace_record *r)
{
        struct memory *memory;

        if (r->event == TRIB__TRACE_MEMORY_OPEN) {
                open_memory(check, r);
                return;
        }
        memory = object_find(check, KIND_MEMORY, r->object);
        if (memory == NULL)
                return;
        switch ((enum trib__trace_event)r->event) {
        case TRIB__TRACE_MEMORY_CLOSE:
                close_memory(check, memory);
                break;
        case TRIB__TRACE_RESERVE:
        case TRIB__TRACE_UNRESERVE:
        case TRIB__TRACE_CHARGE:
        case TRIB__TRACE_UNCHARGE:
                bytes_event(check, memory, r);
                break;
        case TRIB__TRACE_SEGMENT_ADD:
                add_segment(check, memory, r->values[0], r->values[1]);
                break;
        case TRIB__TRACE_SEGMENT_FREE:
                free_segment(check, memory, r->values[0], r->values[1]);
                break;
        case TRIB__TRACE_BLOCK_MAKE:
                make_block(check, memory, r);
                break;
        case TRIB__TRACE_BLOCK_UNMAKE:
                unmake_block(check, memory, r->values[0]);
                break;
        case TRIB__TRACE_ALLOC:
                alloc_block(check, memory, r);
                break;
        case TRIB__TRACE_PLACE:
                place_block(check, memory, r);
                break;
        case TRIB__TRACE_CACHE_ENTER:
        case TRIB__TRACE_CACHE_LEAVE:
                cache_event(check, memory, r);
                break;
        case TRIB__TRACE_OUT_OF_MEMORY:
                break;
        default:
                life_event(check, memory, r);
        }
}
