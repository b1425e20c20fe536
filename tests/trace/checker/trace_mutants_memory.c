/* SPDX-License-Identifier: Apache-2.0 */
/* trace_mutants_memory.c: what can go wrong in the allocator, as a trace would show it. */
#include "trace_mutate.h"

#define VALUES(edit, at) ((edit)->records[at].values)

static bool is_list(const struct edit *edit, size_t at)
{
        return VALUES(edit, at)[1] == TRIB__TRACE_LIST;
}

static bool is_push(const struct edit *edit, size_t at)
{
        return VALUES(edit, at)[1] == TRIB__TRACE_REMOTE;
}

/* The last place of the record's block before it. */
static uint64_t place_before(const struct edit *edit, size_t at)
{
        for (size_t i = at; i-- > 0;) {
                const struct trib__trace_record *r = &edit->records[i];

                if (r->object != edit->records[at].object || r->values[0] != VALUES(edit, at)[0])
                        continue;
                if (r->event == TRIB__TRACE_PLACE)
                        return r->values[1];
                if (r->event == TRIB__TRACE_FREE || r->event == TRIB__TRACE_ALLOC ||
                    r->event == TRIB__TRACE_BLOCK_MAKE)
                        break;
        }
        return TRIB__TRACE_IN_HAND;
}

static bool is_settle(const struct edit *edit, size_t at)
{
        uint64_t before;

        if (!is_list(edit, at))
                return false;
        before = place_before(edit, at);
        return before == TRIB__TRACE_REMOTE || before == TRIB__TRACE_LIMBO;
}

static bool is_from_list(const struct edit *edit, size_t at)
{
        return place_before(edit, at) == TRIB__TRACE_LIST;
}

/* A settle of a block that is handed out afterwards. */
static bool make_unsettled(struct edit *edit, size_t at)
{
        size_t alloc = edit_next(edit, at, TRIB__TRACE_ALLOC, SAME_OBJECT | SAME_SLOT);
        size_t other = edit_next(edit, at, TRIB__TRACE_PLACE, SAME_OBJECT | SAME_SLOT);
        size_t made = edit_next(edit, at, TRIB__TRACE_BLOCK_MAKE, SAME_OBJECT | SAME_SLOT);

        if (alloc == NOWHERE || other < alloc || made < alloc)
                return false;
        edit_delete(edit, at);
        return true;
}

static bool make_foreign_settle(struct edit *edit, size_t at)
{
        VALUES(edit, at)[2] ^= 1;
        return true;
}

static bool make_foreign_alloc(struct edit *edit, size_t at)
{
        VALUES(edit, at)[2] ^= 1;
        return true;
}

/* The block's next place, after `at`; NOWHERE if it is not moved before its allocator closes. */
static size_t next_place(const struct edit *edit, size_t at)
{
        size_t next = edit_next(edit, at, TRIB__TRACE_PLACE, SAME_OBJECT | SAME_SLOT);

        return edit_has(edit, at, next, TRIB__TRACE_MEMORY_CLOSE) ? NOWHERE : next;
}

static bool is_limbo(const struct edit *edit, size_t at)
{
        return VALUES(edit, at)[1] == TRIB__TRACE_LIMBO;
}

/* It waits for other streams, and goes from there to its stream's list; or to all. */
static bool is_limbo_to_list(const struct edit *edit, size_t at)
{
        size_t next = is_limbo(edit, at) ? next_place(edit, at) : NOWHERE;

        return next != NOWHERE && is_list(edit, next);
}

static bool is_limbo_to_all(const struct edit *edit, size_t at)
{
        size_t next = is_limbo(edit, at) ? next_place(edit, at) : NOWHERE;

        return next != NOWHERE && VALUES(edit, next)[1] == TRIB__TRACE_IN_HAND;
}

/* Nothing is completed while it waits. */
static bool make_device_stop(struct edit *edit, size_t at)
{
        size_t kept = at, next = next_place(edit, at);

        for (size_t i = at; i < edit->count; i++) {
                if (i > next || edit->records[i].event != TRIB__TRACE_COMPLETED)
                        edit->records[kept++] = edit->records[i];
        }
        edit->count = kept;
        return true;
}

static bool make_no_fences(struct edit *edit, size_t at)
{
        VALUES(edit, at)[2] = 0;
        return true;
}

/* Behind the end of the block's life. */
static bool make_behind_free(struct edit *edit, size_t at)
{
        size_t end = edit_next(edit, at, TRIB__TRACE_FREE, SAME_OBJECT | SAME_SLOT);

        if (end == NOWHERE)
                return false;
        edit_move(edit, at, end);
        return true;
}

static bool make_overlap(struct edit *edit, size_t at)
{
        size_t last = edit_last(edit, at, TRIB__TRACE_BLOCK_MAKE, SAME_OBJECT);

        if (last == NOWHERE || edit_next(edit, last, TRIB__TRACE_BLOCK_UNMAKE,
                                         SAME_OBJECT | SAME_SLOT) < at)
                return false;
        VALUES(edit, at)[1] = VALUES(edit, last)[1];
        VALUES(edit, at)[2] = VALUES(edit, last)[2];
        return true;
}

static bool make_outside(struct edit *edit, size_t at)
{
        VALUES(edit, at)[1] = 512;
        return true;
}

/* Given back to the device with a block in it. */
static bool make_segment_early(struct edit *edit, size_t at)
{
        size_t   unmake = at;
        uint64_t start = VALUES(edit, at)[0], end = start + VALUES(edit, at)[1];

        for (;;) {
                unmake = edit_last(edit, unmake, TRIB__TRACE_BLOCK_UNMAKE, 0);
                if (unmake == NOWHERE)
                        return false;
                if (edit->records[unmake].object == edit->records[at].object) {
                        size_t   made = edit_last(edit, unmake, TRIB__TRACE_BLOCK_MAKE,
                                                  SAME_OBJECT | SAME_SLOT);
                        uint64_t address = made == NOWHERE ? 0 : VALUES(edit, made)[1];

                        if (address >= start && address < end)
                                break;
                }
        }
        edit_move(edit, at, unmake - 1);
        return true;
}

static bool make_generation_again(struct edit *edit, size_t at)
{
        size_t before = edit_last(edit, at, TRIB__TRACE_FREE, SAME_OBJECT | SAME_SLOT);

        /* An allocator that was here before does not count. */
        if (before == NOWHERE || edit_has(edit, before, at, TRIB__TRACE_MEMORY_OPEN))
                return false;
        VALUES(edit, at)[1]--;
        return true;
}

static bool make_handle_stay(struct edit *edit, size_t at)
{
        size_t alloc = edit_last(edit, at, TRIB__TRACE_ALLOC, SAME_OBJECT | SAME_SLOT);

        if (alloc == NOWHERE)
                return false;
        VALUES(edit, at)[1] = VALUES(edit, alloc)[1];
        return true;
}

static bool make_refusal(struct edit *edit, size_t at)
{
        struct trib__trace_record stale = edit->records[at];

        stale.event = TRIB__TRACE_STALE;
        edit_insert(edit, at + 1, &stale);
        return true;
}

static bool has_bytes(const struct edit *edit, size_t at)
{
        return VALUES(edit, at)[0] != 0;
}

static bool make_lower_limit(struct edit *edit, size_t at)
{
        VALUES(edit, at)[0] = 4096;
        return true;
}

static bool make_other_thread(struct edit *edit, size_t at)
{
        edit->records[at].thread++;
        return true;
}

/* A second thread inside. */
static bool make_both_inside(struct edit *edit, size_t at)
{
        struct trib__trace_record other = edit->records[at];

        other.thread++;
        edit_insert(edit, at + 1, &other);
        return true;
}

static bool make_early_close(struct edit *edit, size_t at)
{
        size_t before = edit_last(edit, at, TRIB__TRACE_ALLOC, SAME_OBJECT);

        if (before == NOWHERE)
                return false;
        edit_move(edit, at, before);
        return true;
}

const struct mutant memory_mutants[] = {
        { "limbo left too early", PROPERTY_S1, SOME, TRIB__TRACE_PLACE, is_limbo_to_list,
          make_device_stop },
        { "fences forgotten", PROPERTY_S1, SURE, TRIB__TRACE_FREE, NULL, make_no_fences },
        { "handed out twice", PROPERTY_S2, SURE, TRIB__TRACE_ALLOC, NULL, make_twice },
        { "list of another", PROPERTY_S2, SURE, TRIB__TRACE_ALLOC, is_from_list,
          make_foreign_alloc },
        { "free lost", PROPERTY_S2, SURE, TRIB__TRACE_FREE, NULL, make_lost },
        { "push lost", PROPERTY_S2, SOME, TRIB__TRACE_PLACE, is_push, make_lost },
        { "blocks overlap", PROPERTY_S2, SURE, TRIB__TRACE_BLOCK_MAKE, NULL, make_overlap },
        { "block outside", PROPERTY_S2, SURE, TRIB__TRACE_BLOCK_MAKE, NULL, make_outside },
        { "segment twice", PROPERTY_S2, SURE, TRIB__TRACE_SEGMENT_ADD, NULL, make_twice },
        { "made twice", PROPERTY_S2, SURE, TRIB__TRACE_BLOCK_MAKE, NULL, make_twice },
        { "freed twice", PROPERTY_S3, SURE, TRIB__TRACE_FREE, NULL, make_twice },
        { "dropped twice", PROPERTY_S3, SURE, TRIB__TRACE_DROP, NULL, make_twice },
        { "drop lost", PROPERTY_S3, SURE, TRIB__TRACE_DROP, NULL, make_lost },
        { "share lost", PROPERTY_S3, SURE, TRIB__TRACE_SHARE, NULL, make_lost },
        { "share of the dead", PROPERTY_S3, SURE, TRIB__TRACE_SHARE, NULL, make_behind_free },
        { "use of the dead", PROPERTY_S3, SURE, TRIB__TRACE_USE, NULL, make_behind_free },
        { "pushed twice", PROPERTY_S4, SURE, TRIB__TRACE_PLACE, is_push, make_twice },
        { "settled by another", PROPERTY_S4, SURE, TRIB__TRACE_PLACE, is_settle,
          make_foreign_settle },
        { "not settled", PROPERTY_S4, SURE, TRIB__TRACE_PLACE, is_settle, make_unsettled },
        { "unreserve lost", PROPERTY_S5, SURE, TRIB__TRACE_UNRESERVE, has_bytes, make_lost },
        { "live at the end", PROPERTY_S5, SURE, TRIB__TRACE_MEMORY_CLOSE, NULL,
          make_early_close },
        { "not closed", PROPERTY_S5, SURE, TRIB__TRACE_MEMORY_CLOSE, NULL, make_lost },
        { "two inside", PROPERTY_S7, SURE, TRIB__TRACE_CACHE_ENTER, NULL, make_both_inside },
        { "not inside", PROPERTY_S7, SURE, TRIB__TRACE_CACHE_ENTER, NULL, make_lost },
        { "never out", PROPERTY_S7, SOME, TRIB__TRACE_CACHE_LEAVE, NULL, make_lost },
        { "list from outside", PROPERTY_S7, SURE, TRIB__TRACE_PLACE, is_list,
          make_other_thread },
        { "segment with a block", PROPERTY_S8, SURE, TRIB__TRACE_SEGMENT_FREE, NULL,
          make_segment_early },
        { "given to all too early", PROPERTY_S8, SOME, TRIB__TRACE_PLACE, is_limbo_to_all,
          make_device_stop },
        { "after the close", PROPERTY_S8, SURE, TRIB__TRACE_MEMORY_CLOSE, NULL,
          make_early_close },
        { "over the limit", PROPERTY_S9, SURE, TRIB__TRACE_MEMORY_OPEN, has_bytes,
          make_lower_limit },
        { "not reserved", PROPERTY_S9, SURE, TRIB__TRACE_RESERVE, has_bytes, make_lost },
        { "unreserved twice", PROPERTY_S9, SURE, TRIB__TRACE_UNRESERVE, has_bytes, make_twice },
        { "generation again", PROPERTY_S13, SURE, TRIB__TRACE_ALLOC, NULL,
          make_generation_again },
        { "handle stays good", PROPERTY_S13, SURE, TRIB__TRACE_FREE, NULL, make_handle_stay },
        { "good handle refused", PROPERTY_S13, SURE, TRIB__TRACE_ALLOC, NULL, make_refusal },
};
const size_t n_memory_mutants = sizeof(memory_mutants) / sizeof(memory_mutants[0]);
